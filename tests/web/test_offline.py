"""A page with a model inside: it reads and generates what the same model does in Python, without a server."""

import functools
import html
import json
import unicodedata
from itertools import count

import numpy as np
import pytest
from exact_models import VARIANTS, network
from helpers import call_charrnn
from pages import read, until_drawn
from unpacking import unpack, values_of

from charrnn.errors import CharrnnError
from charrnn.exact.model import exact
from charrnn.interpret.edits import Edit, edited, parse_edits
from charrnn.interpret.names import NamedUnit, with_address
from charrnn.interpret.recording import record_parts
from charrnn.interpret.units import parse_units
from charrnn.render.glyphs import glyph
from charrnn.text.vocabulary import Vocabulary
from charrnn.web.cards import page_cards
from charrnn.web.data import GUESSES, page_data
from charrnn.web.html import page_policy
from charrnn.web.live import Live
from charrnn.web.offline import offline_page

TEXT = "def a(b):\n\treturn é€ + 'x'\n" * 2
EDITS = "clamp L0.h.3=+0.71  # held\n\nsteer L0.h.4-6=-0.3\nsteer L*.h.5=0.1"
ASK = """async ([name, request]) => {
    const lines = [];
    for await (const some of page.model[name](request)) lines.push(...some);
    for (const { data } of lines)
        for (const [key, value] of Object.entries(data ?? {}))
            if (ArrayBuffer.isView(value)) data[key] = Array.from(value);
    for (const { data } of lines)
        if (data) data.values = data.unitLevels.flatMap((own) => Array.from(own.subarray(0, data.length)));
    return lines;
}"""

RECORDED = """edits => {
    const { rows } = page.model.texts.get(edits);
    return [rows.map(({ surprisal }) => surprisal), rows.map(({ values }) => Array.from(values))];
}"""


@pytest.fixture
def opened(visit, tmp_path):
    """A function that opens the page of a model."""
    numbers = count()

    def open_page(model, **options):
        path = tmp_path / f"page{next(numbers)}.html"
        path.write_text(offline_page(model, "a title", **options), encoding="utf-8")
        page = visit(path.as_uri())
        page.locator("#live-text").wait_for()
        until_drawn(page)
        return page

    return open_page


def ask(page, name, **request):
    return page.evaluate(ASK, [name, request])


def written(page, **request):
    found = ask(page, "write", **({"seed": 1, "length": 60, "temperature": 0.8} | request))
    assert [bool(line["stop"]) for line in found] == [False] * (len(found) - 1) + [True]
    return "".join(line["text"] for line in found)


def in_python(live, **request):
    lines = live.write({"seed": 1, "length": 60, "temperature": 0.8} | request)
    return "".join(line["text"] for line in lines)


def unpacked(data):
    """The data of Python with its arrays as lists, and the values of units as the page has them."""
    plain = {
        key: unpack(value).tolist() if isinstance(value, dict) and "type" in value else value
        for key, value in data.items()
    }
    for key in ("differences", "counts"):
        plain.pop(key, None)
    return plain | {"values": values_of(data)}


def require_same_strongest(found, expected):
    """Check the strongest units: those that are equally strong may be in another order."""
    (sizes, mine), (others, theirs) = (
        (
            np.abs(data["strengths"]),
            [
                (data["units"][u]["name"], s)
                for u, s in zip(data["strongest"], data["strengths"], strict=True)
            ],
        )
        for data in (found, expected)
    )
    assert (sizes == others).all()
    for row in range(0, len(sizes), 8):
        clear = [k for k in range(row, row + 8) if list(sizes[row : row + 8]).count(sizes[k]) == 1]
        for k in clear[:-1]:  # the last may be as strong as one that is left out
            assert mine[k] == theirs[k]


def data_in_python(model, text, edits="", *, item_end=None, names=()):
    """What a page would show of a text without a model in it."""
    by_name = functools.partial(with_address, names=names)
    own = edited(model, parse_edits(edits, "edits", by_name))
    units = [unit for what in model.cell.states for unit in parse_units(f"L*.{what}.*", model)]
    parts = record_parts(own, text, top=GUESSES, item_end=item_end)
    named = next((one.unit for one in names), None)
    return page_data(parts, units, title="a title", names=names, first=named)


def read_data(page, **request):
    """What the page shows of a text, as if it were its first."""
    page.evaluate("Object.assign(page.model.about, { order: null, leastScales: null })")
    (line,), (more,) = ask(page, "read", **request), ask(page, "gates", **request)
    data = line["data"] | more
    del data["unitLevels"]
    return data


def require_same(found, expected):
    """Check the data of a page against that of Python, which is packed."""
    expected = unpacked(expected)
    assert found.keys() == expected.keys()
    by_name = [{u["name"]: k for k, u in enumerate(data["units"])} for data in (found, expected)]
    assert by_name[0].keys() == by_name[1].keys()
    length, names = expected["length"], list(by_name[0])
    values = [
        np.array(data["values"]).reshape(-1, length)[[places[name] for name in names]]
        for data, places in zip((found, expected), by_name, strict=True)
    ]
    assert (values[0] == values[1]).all()
    require_same_strongest(found, expected)
    for name in names:
        mine, theirs = (
            data["units"][p[name]] for data, p in zip((found, expected), by_name, strict=True)
        )
        assert mine.pop("interest") == pytest.approx(theirs.pop("interest"), abs=1.1e-4)
        assert mine == theirs
    for key in ("surprisal", "chances"):
        np.testing.assert_allclose(found[key], expected[key], atol=1)
    assert found["meanSurprisal"] == pytest.approx(expected["meanSurprisal"], abs=1.1e-4)
    for mine, theirs in zip(found["gates"], expected["gates"], strict=True):
        for part in ("left", "right", "scale"):
            if theirs[part] is not None:
                np.testing.assert_allclose(mine[part], theirs[part], rtol=1e-9, atol=1e-9)
    same = (
        "title",
        "source",
        "noun",
        "length",
        "start",
        "labels",
        "pieces",
        "breaks",
        "columns",
        "ids",
    )
    for key in (*same, "names", "predicts", "guesses", "certain", "levels", "fine"):
        assert list(np.ravel(found[key])) == list(np.ravel(expected[key])), key


@pytest.mark.parametrize("kind", VARIANTS)
def test_a_page_reads_and_writes_what_the_model_does(kind, opened):
    model = exact(network(kind))
    live = Live(model, "a title")
    page = opened(model)
    assert page.evaluate("Boolean(page.model.model.products.run)")
    for text, edits in ((TEXT, ""), (TEXT[:9] + "!", EDITS), (TEXT + "xy", EDITS), ("a", "")):
        found = read_data(page, text=text, edits=edits)
        require_same(found, data_in_python(model, text, edits))
    own = edited(model, parse_edits(EDITS, "edits"))
    (expected,) = record_parts(own, TEXT + "xy")
    surprisal, values = page.evaluate(RECORDED, EDITS)
    np.testing.assert_allclose(surprisal, expected.surprisal, atol=1e-6)
    arrays = [expected.arrays[what].reshape(len(values), -1) for what in model.cell.states]
    assert (np.array(values) == np.concatenate(arrays, axis=1)).all()
    for request in (
        {},
        {"prompt": "é€b", "seed": 2**40 + 1},
        {"prompt": "a", "written": "bc", "index": 3, "edits": EDITS},
        {"prompt": "a", "temperature": 1.3, "top_p": 0.6},
        {"prompt": "a", "temperature": 0},
        {"prompt": "a", "length": 5, "speed": 200},
    ):
        assert written(page, **request) == in_python(live, **request)


@pytest.mark.parametrize("kind", ["lstm", "gru", "elman"])
def test_the_card_of_a_unit_is_that_of_python(kind, opened):
    model, text, unit = exact(network(kind)), (TEXT + "x = [1, 'é']\n") * 5, "L0.h.3"
    card = ask(opened(model), "card", text=text, unit=unit)[0]["card"]
    expected = page_cards(model, text, parse_units(unit, model))[unit]
    cost, _ = card.pop("cost"), expected.pop("cost")
    assert (card.pop("concepts"), bool(expected.pop("concepts"))) == (None, True)
    assert sum(np.abs(np.subtract(card.pop("histogram"), expected.pop("histogram")))) <= 2
    assert card.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, float):
            assert card[key] == pytest.approx(value, abs=2e-4), key
        elif key in ("raisedBy", "loweredBy"):
            assert [one for _, one in card[key]] == pytest.approx([one for _, one in value])
        else:
            assert card[key] == value, key
    (plain,) = record_parts(model, text)
    losses = {}
    for index in range(24):
        own = parse_units(f"L0.h.{index}", model)[0]
        mean = float(plain.arrays["h"][:, 0, index].astype(float).mean())
        (held,) = record_parts(edited(model, [Edit("clamp", str(own), mean)]), text)
        losses[str(own)] = (held.surprisal - plain.surprisal)[1:]
    means = {name: lost.mean() for name, lost in losses.items()}
    assert cost["bits"] == pytest.approx(means[unit], abs=2e-4)
    assert cost["count"] == len(text) - 1
    assert cost["low"] < cost["bits"] < cost["high"]
    assert len(cost["others"]) == 5
    assert all(min(abs(np.subtract([*means.values()], one))) < 2e-4 for one in cost["others"])
    digits = [lost for lost, c in zip(losses[unit], text[1:], strict=True) if c.isdigit()]
    for name, bits in cost["most"]:
        if name == "digits":
            assert bits == pytest.approx(np.mean(digits), abs=2e-4)
    assert [bits for _, bits in cost["most"]] == sorted((b for _, b in cost["most"]), reverse=True)


def test_a_page_of_lines_writes_line_after_line(opened):
    model = exact(network("lstm"))
    live, page = Live(model, "a title", item_end="\n"), opened(model, item_end="\n")
    for request in ({"length": 400}, {"prompt": "ab\ncd", "index": 5, "length": 250}):
        found = ask(page, "write", seed=1, temperature=0.8, **request)
        expected = list(live.write({"seed": 1, "temperature": 0.8} | request))
        assert "".join(one["text"] for one in found) == "".join(one["text"] for one in expected)
        assert found[-1]["index"] == expected[-1]["index"] > request.get("index", 0)
    for text in ("ab\ncd\n", "ab\ncd", "ab\n"):
        found = read_data(page, text=text)
        require_same(found, data_in_python(model, text, item_end="\n"))
        assert found["start"] == 1


def test_a_page_of_bytes_reads_and_writes_whole_characters(opened):
    model = exact(network("gru", Vocabulary.of_bytes()))
    live, page = Live(model, "a title"), opened(model)
    text = "é€\n\ufeffa\u0301\U0001f600"
    found = read_data(page, text=text)
    require_same(found, data_in_python(model, text))
    assert found["noun"] == "byte"
    found = read_data(page, text="é€x")  # begins as the last one did
    require_same(found, data_in_python(model, "é€x"))
    request = {"prompt": "é", "temperature": 1.5}
    assert written(page, **request) == in_python(live, **request)


def test_a_page_shows_characters_as_python_does(opened):
    page = opened(exact(network("elman")))
    blocks = [(0, 0x3000), (0xAC00, 0xAC10), (0xFE00, 0x10000), (0x1F1E0, 0x1F210)]
    blocks += [(0x1F3F0, 0x1F410), (0xE0100, 0xE0110), (0xD7A0, 0xD800)]
    points = [point for low, high in blocks for point in range(low, high)]
    known = [point for point in points if unicodedata.category(chr(point)) != "Cn"]
    shown = page.evaluate("points => points.map((p) => glyph(String.fromCodePoint(p)))", known)
    assert shown == [glyph(chr(point)) for point in known]


def test_unknown_characters_are_skipped_and_named(opened):
    vocabulary = Vocabulary("char", [10, *map(ord, "abé")])
    page = opened(exact(network("elman", vocabulary)))
    (line,) = ask(page, "read", text="axbe\u0301x")
    assert "".join(line["data"]["labels"][k] for k in line["data"]["columns"]) == "abé"
    assert (line["unknown"], line["names"]) == (["x"], "x (U+0078)")
    (line,) = ask(page, "read", text="xy")
    assert (line["data"], line["unknown"]) == (None, ["x", "y"])


def test_units_are_held_by_their_names(opened):
    model = exact(network("lstm"))
    names = [NamedUnit(unit="L1.c.4", name="inside a <b>string", score=0.9)]
    page = opened(model, names=names)
    request = {"text": "abc", "edits": "clamp inside a <b>str=+2\nsteer L0.h.2=0.25"}
    found = read_data(page, **request)
    require_same(found, data_in_python(model, **request, names=names))
    assert found["first"] == "L1.c.4"
    assert found["source"]["edits"] == ["clamp L1.c.4=+2.0", "steer L0.h.2=+0.25"]


REFUSED = (
    "hold L0.c.1=1",
    "clamp L0.c.1",
    "clamp L0.c.1=much",
    "clamp L0.c.1=1e7",
    "clamp L2.c.1=1",
    "clamp L0.c.5-3=1",
    "clamp L0.c.99=1",
    "clamp L0.f.1=1",
    "clamp L0.x.1=1",
    "clamp nothing=1",
    "clamp L0.c.1=1\nclamp L0.c.0-2=1",
    "steer L0.c.1=1\nclamp L0.c.1=1",
)
MESSAGE = """async (edits) => {
    try { for await (const lines of page.model.read({ text: "abc", edits })) return null; }
    catch ({ message }) { return message; }
}"""


def test_what_cannot_be_edited_is_refused_in_the_words_of_python(opened):
    model = exact(network("lstm"))
    page = opened(model)
    for edits in REFUSED:
        said = page.evaluate(MESSAGE, edits)
        with pytest.raises(CharrnnError) as found:
            list(Live(model, "a title").read({"text": "abc", "edits": edits}))
        assert said.startswith(found.value.message)
        (line,) = ask(page, "read", text="abc")
        assert line["data"]


def test_only_a_page_with_a_model_may_run_webassembly_and_it_asks_nobody(tmp_path):
    model = exact(network("elman"))
    page = offline_page(model, "</script><b>")
    policy = page_policy(live=True, model=True)
    assert html.escape(policy) in page
    assert "'wasm-unsafe-eval'" in policy
    assert "connect-src 'none'" in policy
    for other in (page_policy(), page_policy(live=True)):
        assert "wasm" not in other
    assert page.count("</script>") == 2
    assert json.loads(page.partition('id="data">')[2].partition("</script>")[0])["live"]["text"]


# --- by hand --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny_exact(tiny_model):
    return exact(tiny_model)


def test_it_opens_with_a_text_that_it_has_written(opened, tiny_exact):
    page = opened(tiny_exact)
    text = page.input_value("#live-text")
    assert text == in_python(Live(tiny_exact, "a title"), length=400)
    assert len("".join(page.locator("#lines p").all_text_contents())) == 400
    for absent in ("#live-learning", "#live-predictions", "#trouble"):
        assert page.locator(absent).is_hidden()
    page.get_by_role("button", name="Show its card").click()
    page.locator("#card-body h3", has_text="Without it").wait_for()
    assert "sends nothing" in page.locator("#colophon").text_content()


def test_what_is_typed_is_read_and_continued_with_units_held(opened, tiny_exact):
    page = opened(tiny_exact)
    page.fill("#live-text", "")
    page.locator("#live-text").press_sequentially("def a(")
    read(page, "def a(")
    assert any(page.evaluate("Array.from(page.view.levels)"))
    page.locator("#live-speed").fill("5")
    page.fill("#live-length", "50")
    page.locator("#live-text").press("Control+Enter")
    live = Live(tiny_exact, "a title")
    plain = in_python(live, prompt="def a(", length=50)
    read(page, "def a(" + plain)
    page.fill("#live-text", "def a(")
    read(page, "def a(")
    page.click("#live-hold")
    unit = page.locator("#live-list .name").input_value()
    page.get_by_label(f"Value for {unit}", exact=True).fill("2")
    page.locator("#summary", has_text=f"{unit} held at +2.0").wait_for()
    held = in_python(live, prompt="def a(", length=50, edits=f"clamp {unit}=2")
    assert held != plain
    page.locator("#live-first[aria-busy=false]").wait_for()
    assert page.locator("#live-held").text_content() == "def a(" + held
    assert page.locator("#live-plain").text_content() == "def a(" + plain


def test_on_a_phone_the_sentences_stand_above_the_text_and_an_empty_box_leaves_no_room(
    opened, tiny_exact
):
    page = opened(tiny_exact)
    page.set_viewport_size({"width": 390, "height": 844})
    box, sentences, text = (
        page.locator(part).bounding_box()["y"] for part in ("#live-text", "#intro", "#text")
    )
    assert box < sentences < text
    assert not page.locator("#reach .save").is_visible()  # there is no curve yet
    page.evaluate("() => { $('live-compare').hidden = $('live-second').hidden = false; }")
    captions = page.locator("#live-second h4")
    assert captions.all_inner_texts() == ["Unedited", "With edited units"]
    page.evaluate("() => { $('live-compare').hidden = true; }")
    page.get_by_role("button", name="Show its card").click()
    page.locator("#card .bars").first.wait_for()
    page.get_by_role("button", name="Large type").click()
    for width in (320, 390):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    height = "document.documentElement.scrollHeight"
    assert page.evaluate(height) > 3 * 844
    page.get_by_role("button", name="Clear", exact=True).click()
    page.wait_for_function("() => !page.live.shown")
    assert page.evaluate(height) < 2 * 844
    page.fill("#live-text", "def")
    read(page, "def")
    assert page.locator("#text").is_visible()
    assert page.evaluate(height) > 3 * 844


def test_writing_stops_when_it_is_stopped(opened, tiny_exact):
    page = opened(tiny_exact)
    page.fill("#live-text", "def ")
    page.locator("#live-speed").fill("3")
    page.click("#live-write")
    page.wait_for_function("() => page.live.written.length > 5")
    page.keyboard.press("Escape")
    text = page.input_value("#live-text")
    read(page, text)
    assert ("def " + in_python(Live(tiny_exact, "a title"), prompt="def ", length=400)).startswith(
        text
    )


def test_charrnn_exports_a_page(workplace, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    path = tmp_path / "tiny.html"
    said = call_charrnn(capsys, "export", "tiny", path).err
    assert "a page with the model inside" in said
    assert "counts are left out" in said
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
