"""The page of `charrnn visualize --html`: its data, and the page itself in a real browser."""

import dataclasses
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from counting import counting_model, text_of
from helpers import call_charrnn, make_text, typed
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pages import HOSTILE, color, data_of, luminance, make_model, until, until_drawn
from paints import diverging_colors
from unpacking import unpack, values_of
from variants import TEXTBOOK

from charrnn.cli.visualize.page import SALIENCY_CHARS
from charrnn.counts.mixed_model import MixedModel
from charrnn.counts.mixture import USUAL
from charrnn.errors import CheckpointError
from charrnn.interpret.edits import edited, parse_edits
from charrnn.interpret.gates import saturation
from charrnn.interpret.names import NamedUnit
from charrnn.interpret.occlusion import occlusion
from charrnn.interpret.recording import record
from charrnn.interpret.spans import Span, both_signs, fits, margins, similar
from charrnn.interpret.units import Unit, most_interesting, parse_units
from charrnn.network.cells import CELLS
from charrnn.render.glyphs import glyph
from charrnn.render.palette import BLACK, WHITE, ColorMode, Palette, diverging, ink_on
from charrnn.web.asked import context_data, occlusion_data
from charrnn.web.cards import page_cards
from charrnn.web.colors import ramps
from charrnn.web.data import LEVELS, Origin, page_data, quantized
from charrnn.web.html import as_json, page_html
from charrnn.web.packing import pack_values

TEXT = make_text(900)


def parts_of(data):
    """The values of a page as parts of their scales, (T, U): the middles of their levels."""
    levels = values_of(data).T
    return (levels - np.sign(levels) / 2) / data["levels"]


def true_parts(model, text, data):
    """The real values of a page's units as parts of their scales, (T, U)."""
    arrays = record(model, text).arrays
    values = np.stack([arrays[u["what"]][:, u["layer"], u["index"]] for u in data["units"]], axis=1)
    reach = np.abs(values).max(axis=0)
    return values / np.where((reach > 1) | [u["what"] == "c" for u in data["units"]], reach, 1)


@pytest.fixture(params=[LEVELS[0], LEVELS[-1]])
def levels(request, monkeypatch):
    """The most levels that a page has, and the fewest, as if the text were long."""
    few = 0 if request.param == LEVELS[-1] else 1 << 30
    monkeypatch.setattr("charrnn.web.data.MAX_VALUE_CHARS", few)
    return request.param


# --- the data -------------------------------------------------------------------------------------


SHARES = st.floats(-1, 1, width=32) | st.integers(-16, 16).map(lambda k: k / 16)


@given(arrays(np.float32, (3, 7), elements=SHARES), st.sampled_from(LEVELS))
def test_levels_say_exactly_what_is_at_least_so_many_of_them(parts, levels):
    found = quantized(parts, levels)
    assert np.sign(found).tolist() == np.sign(parts).tolist()
    assert np.abs(found).max() <= levels
    for m in range(1, levels):
        assert (found > m).tolist() == (parts >= np.float64(m) / levels).tolist()
        assert (found < -m).tolist() == (parts <= -np.float64(m) / levels).tolist()


@pytest.mark.parametrize("cell", TEXTBOOK)
def test_values_are_within_half_a_step_and_all_keep_their_signs(cell, levels):
    model = make_model(cell)
    text = "abcdefgabcagf" * 20
    letters = CELLS[cell].states
    data = data_of(model, text, *(f"L*.{letter}.*" for letter in letters))
    found = parts_of(data)
    recording = record(model, text)
    assert (len(data["units"]), data["levels"]) == (10 * len(letters), levels)
    for column, unit in zip(found.T, data["units"], strict=True):
        true = recording.arrays[unit["what"]][:, unit["layer"], unit["index"]]
        expected = max(abs(true)) if unit["what"] == "c" or max(abs(true)) > 1 else 1
        assert unit["scale"] == pytest.approx(expected, abs=1e-6)
        assert np.sign(column).tolist() == np.sign(true).tolist()
        away = np.abs(column - true / unit["scale"])
        assert away.max() <= 0.5 / levels + 1e-6
        assert (unit["low"], unit["high"]) == pytest.approx((true.min(), true.max()), abs=1e-4)
    quiet = record(model, text[:1])
    quiet.arrays["h"][:] = 0
    assert not parts_of(page_data([quiet], [Unit(0, "h", 3)], title="")).any()


def test_the_strongest_units_are_the_true_ones_of_equals_the_most_interesting(levels):
    model, text = make_model(), "abcdefgabcagf" * 20
    data = data_of(model, text, "L*.h.*", "L*.c.*")
    true = np.abs(true_parts(model, text, data))
    units, values = (unpack(data[key]).reshape(-1, 8) for key in ("strongest", "strengths"))
    for t, row in enumerate(units):
        assert row.tolist() == sorted(range(20), key=lambda u, t=t: (-true[t, u], u))[:8]
    found = values / data["fine"]
    assert np.abs(found) == pytest.approx(np.take_along_axis(true, units, axis=1), abs=2.6e-4)
    assert np.sign(found).tolist() == np.sign(np.take_along_axis(parts_of(data), units, 1)).tolist()


def test_a_model_that_says_nothing_finite_is_refused(wording):
    recording = record(make_model(), "abcabc")
    recording.surprisal[3] = np.nan
    with wording.raises(CheckpointError):
        page_data([recording], [Unit(0, "h", 3)], title="")


def test_units_come_by_interest_as_visualize_chooses_them(tiny_model):
    data = data_of(tiny_model, TEXT)
    best = most_interesting(tiny_model.read(TEXT).arrays["h"], "h", 48)
    assert [unit["interest"] for unit in data["units"]] == pytest.approx(
        [score for _, score in best], abs=1e-4
    )
    assert data["first"] == data["units"][0]["name"] == str(best[0][0])


def test_the_text_is_colored_by_a_unit_of_the_memory_at_first():
    recording = record(make_model(), "abcabc" * 5)
    recording.arrays["h"][:15, 1, 2], recording.arrays["h"][15:, 1, 2] = -1, 1  # the best of all
    recording.arrays["c"][:15, 0, 3], recording.arrays["c"][15:, 0, 3] = -0.8, 0.8
    units = [Unit(layer, what, k) for layer in (0, 1) for what in "hci" for k in range(5)]
    data = page_data([recording], units, title="")
    assert [unit["name"] for unit in data["units"][:2]] == ["L1.h.2", "L0.c.3"]
    assert data["first"] == "L0.c.3"


def test_the_parts_of_a_text_make_the_same_page_as_all_of_it(tiny_model):
    units = parse_units("L*.c.*", tiny_model)
    whole = page_data([record(tiny_model, TEXT, top=3)], units, title="a test")
    parts = data_of(tiny_model, TEXT, "L*.c.*")
    assert parts.keys() == whole.keys()
    assert np.abs(values_of(parts).astype(int) - values_of(whole)).max() <= 1
    for key, value in parts.items():
        if key in ("differences", "counts"):
            continue
        if isinstance(value, dict) and "data" in value:  # other shapes of products round otherwise
            assert np.abs(unpack(value).astype(int) - unpack(whole[key])).max() <= 1
        else:
            assert value == whole[key]
    bits = unpack(whole["surprisal"]) / 1000
    assert bits == pytest.approx(tiny_model.read(TEXT).surprisal, abs=5e-4)


@pytest.mark.parametrize("cell", TEXTBOOK)
def test_gates_are_those_of_the_saturation(cell):
    model = make_model(cell)
    data = data_of(model, "abcdefg" * 30)
    if not CELLS[cell].sigmoids:
        assert data["gates"] == []
        return
    expected = saturation([record(model, "abcdefg" * 30)]).gates
    assert [gate["name"] for gate in data["gates"]] == [gate.name for gate in expected]
    for found, gate in zip(data["gates"], expected, strict=True):
        np.testing.assert_allclose(found["left"], gate.left, atol=1e-4)
        np.testing.assert_allclose(found["right"], gate.right, atol=1e-4)
        assert (found["scale"] is None) == (gate.time_scale is None)


@pytest.mark.parametrize("levels", LEVELS)
def test_the_more_there_is_the_fewer_levels_but_never_fewer_than_the_terminals(monkeypatch, levels):
    model = make_model()
    values = record(model, "abcdefgabc" * 30).arrays["h"].reshape(300, -1)
    order = [u["layer"] * 5 + u["index"] for u in data_of(model, "abcdefgabc" * 30)["units"]]
    ids = model.vocabulary.encode("abcdefgabc" * 30)
    packed = pack_values(quantized(values[:, order].T, levels), np.array(ids), levels)
    monkeypatch.setattr("charrnn.web.data.MAX_VALUE_CHARS", len(packed["differences"]["data"]))
    assert data_of(model, "abcdefgabc" * 30)["levels"] == levels
    monkeypatch.setattr("charrnn.web.data.MAX_VALUE_CHARS", 0)
    assert (
        data_of(model, "abcdefgabc" * 30)["levels"]
        == len(diverging(ColorMode.truecolor).paints) // 2
    )


@given(st.text())
def test_no_text_ends_a_script_element(text):
    written = as_json({"text": text})
    assert json.loads(written) == {"text": text}
    assert "<" not in written
    assert written.isascii()


class Tags(HTMLParser):
    """The elements of a page, and what stands in its scripts."""

    def __init__(self, page):
        super().__init__()
        self.found, self.scripts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.lasttag == "script":
            self.scripts.append(data)


def test_the_page_is_one_file_with_a_strict_policy():
    page = page_html(data_of(make_model(text=HOSTILE), HOSTILE, title=HOSTILE + "\ud800"))
    page.encode("utf-8")
    tags = Tags(page)
    assert [tag for tag, _ in tags.found].count("script") == 2
    for tag, attributes in tags.found:
        assert not {"src", "srcset", "action", "style"} & attributes.keys(), tag
        assert attributes.get("href", "data:,") == "data:,"
        assert not [name for name in attributes if name.startswith("on")]
    (policy,) = [a["content"] for _, a in tags.found if a.get("http-equiv")]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "connect-src 'none'" in policy
    unsafe = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\("
    assert not re.search(
        unsafe, tags.scripts[-1] if len(tags.scripts[-1]) > 9 else tags.scripts[-2]
    )


@pytest.mark.parametrize("palette", Palette)
def test_ramps_are_the_terminals_with_the_page_s_background_at_zero(palette):
    light, dark = ramps(palette)["light"], ramps(palette)["dark"]
    for ramp, is_dark in ((light, False), (dark, True)):
        colors = diverging_colors(palette, is_dark=is_dark)
        found = [tuple(map(int, color.split())) for color in ramp["value"]]
        assert [a == b for a, b in zip(found, colors, strict=True)] == [True] * 16 + [False] + [
            True
        ] * 16
        assert ink_on(found[16]) == (WHITE if is_dark else BLACK)
    assert dark["value"][16] == dark["chance"][0]
    for ramp in (light, dark):
        assert len(set(ramp["value"])) == 33
        ends = (np.array(ramp["value"][k].split(), int) for k in (0, -1))
        for (red, _, blue), hue in zip(ends, ramp["hues"], strict=True):
            assert (blue > red) == (hue == "blue")


def test_a_page_of_a_network_with_counts_has_what_came_from_them(tiny_mixed):
    data = data_of(tiny_mixed, TEXT)
    shares = record(tiny_mixed, TEXT).from_counts
    assert unpack(data["fromCounts"]) / data["certain"] == pytest.approx(shares, abs=1.3e-4)
    assert data["meanFromCounts"] == pytest.approx(shares[1:].mean(), abs=1e-4)
    assert data_of(tiny_mixed, TEXT[:1])["meanFromCounts"] == 0
    assert not {"fromCounts", "meanFromCounts"} & data_of(tiny_mixed.network, TEXT).keys()


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def write(workplace, tmp_path, monkeypatch, capsys):
    """`charrnn visualize ARGUMENTS --html`, and the data of the page."""
    monkeypatch.chdir(workplace)

    def run(*arguments, name="page.html", status=0):
        path = tmp_path / name
        result = call_charrnn(capsys, "visualize", *arguments, "--html", path, status=status)
        if status:
            return result
        found = re.search(
            r'<script type="application/json" id="data">(.*)</script>', path.read_text()
        )
        return json.loads(found[1])

    return run


def test_options_choose_what_goes_in(write):
    data = write("tiny", typed(TEXT))
    assert {unit["what"] for unit in data["units"]} == {"c"}
    assert (len(data["units"]), data["length"], data["title"]) == (48, len(TEXT), "tiny")
    assert len(unpack(data["guesses"])) == 5 * len(TEXT)
    assert [gate["name"] for gate in data["gates"]] == ["i", "f", "o"]
    assert {unit["what"] for unit in write("tiny", typed(TEXT), "--what", "f")["units"]} == {"f"}
    data = write("tiny", typed(TEXT), "--unit", "L1.c.3", "--unit", "L0.h.2", "--predictions", 2)
    assert len(data["units"]) == 49
    assert data["first"] == "L1.c.3"
    assert len(unpack(data["guesses"])) == 2 * len(TEXT)
    data = write("tiny", typed(TEXT), "--unit", "L1.h.3", "--what", "c")
    assert (len(data["units"]), data["first"]) == (49, "L1.h.3")
    assert write("tiny", typed(TEXT), "--surprisal", "--max-chars", 20)["first"] == "surprisal"
    assert write("tiny", typed(TEXT), "--max-chars", 20)["length"] == 20
    assert write("tiny", typed(TEXT))["palette"] == "rdbu"
    data = write("tiny", typed(TEXT), "--palette", "vik")
    assert data["palette"] == "vik"
    assert data["ramps"] == {palette: ramps(palette) for palette in Palette}
    assert write("tiny", typed(TEXT), "--clamp", "L0.h.1=0")["source"]["edits"] == [
        "clamp L0.h.1=+0.0"
    ]


def test_the_page_says_which_text_it_shows_and_how_much_of_it(write, workplace):
    whole = len((workplace / "corpus.txt").read_text(encoding="utf-8"))
    origin = write("tiny", "corpus.txt", "--max-chars", 50)["origin"]
    assert origin == {"name": "corpus.txt", "read": 50, "whole": whole}
    assert write("tiny", typed(TEXT[:70]))["origin"] == {
        "name": "a typed text",
        "read": 70,
        "whole": 70,
    }
    origin = write("tiny", "--seed", 3, "--max-chars", 60)["origin"]
    assert origin == {"name": "a text that the model generated", "read": 60, "whole": None}


def test_the_title_is_the_name_that_the_user_knows(write, tmp_path, monkeypatch):
    folder = tmp_path / "renamed"
    shutil.copytree("checkpoints/tiny", folder)
    shutil.copy(folder / "best.safetensors", tmp_path / "sent.safetensors")
    assert write(folder, TEXT[:9])["title"] == "renamed"
    assert write(folder / "best.safetensors", TEXT[:9])["title"] == "renamed"
    assert write(tmp_path / "sent.safetensors", TEXT[:9])["title"] == "sent"
    monkeypatch.chdir(folder)
    assert write(".", TEXT[:9])["title"] == "renamed"


def test_the_context_curve_is_on_the_page_if_it_is_wanted(write, tiny_model):
    expected = context_data(tiny_model, TEXT, windows=512)
    found = write("tiny", typed(TEXT), "--context")["context"]
    for key in ("mean", "excess", "error"):
        assert found[key] == pytest.approx(expected[key], abs=2e-4)
    assert (found["lengths"], found["windows"]) == (expected["lengths"], expected["windows"])
    assert "context" not in write("tiny", typed(TEXT), "--max-chars", 50)


def test_what_mattered_is_recorded_if_it_is_wanted_or_the_text_is_short(write, tiny_model):
    ids = tiny_model.vocabulary.encode(TEXT)
    for data in (
        write("tiny", typed(TEXT), "--max-chars", SALIENCY_CHARS),
        write("tiny", typed(TEXT), "--saliency", "--max-chars", SALIENCY_CHARS + 1),
    ):
        steps = unpack(data["occlusion"]).reshape(data["length"], -1)
        for place in (1, 300):
            one = occlusion(tiny_model, ids, place)
            K = len(one.bits)
            assert steps[place, :K] / 100 == pytest.approx(one.bits[::-1], abs=0.0051)
            assert (steps[place, K:] == -(1 << 15)).all()
            alone = unpack(data["alone"])[place] / 1000
            assert 2**-alone == pytest.approx(one.probability, rel=1e-3)
    assert "occlusion" not in write("tiny", typed(TEXT), "--max-chars", SALIENCY_CHARS + 1)
    assert "occlusion" not in write("tiny", typed(TEXT[:20]), "--no-saliency")


def test_counts_are_on_the_page_if_they_are_wanted_and_cards_are_of_the_network(write, tiny_mixed):
    options = ("--unit", "L1.c.3", "--max-chars", 400)
    data = write("tiny", typed(TEXT), *options, "--counts")
    assert (
        unpack(data["fromCounts"]).tolist()
        == unpack(data_of(tiny_mixed, TEXT[:400])["fromCounts"]).tolist()
    )
    alone = write("tiny", typed(TEXT), *options)
    assert "fromCounts" not in alone
    assert data["surprisal"] != alone["surprisal"]
    assert data["cards"] == alone["cards"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--color", "16"),
        ("--width", 40),
        ("--dump", "x.npz"),
        ("--diagram",),
        ("--sort", "interest"),
        ("--unit", "L7.h.0"),
        ("--what", "z"),
    ],
)
def test_what_a_page_cannot_obey_is_refused(write, arguments, wording):
    result = write("tiny", TEXT, *arguments, status=2)
    wording(result)


@pytest.mark.parametrize("name", ["page.txt", "no/such/page.html", "."])
def test_where_no_page_can_be_written_is_said_first(write, name):
    assert (
        "--html" in (err := write("tiny", TEXT, name=name, status=2).err) or "cannot write" in err
    )


# --- in a browser ---------------------------------------------------------------------------------


@pytest.fixture
def look(visit, tmp_path):
    """A function that opens the page of a model and a text."""

    def open_page(model, text, *addresses, change=None, **settings):
        path = tmp_path / "page.html"
        data = data_of(model, text, *addresses, **settings) | (change or {})
        path.write_text(page_html(data), encoding="utf-8")
        page = visit(path.as_uri())
        until_drawn(page)
        return page, data

    return open_page


def texts(page, selector):
    return page.locator(selector).all_inner_texts()


def visible(character):
    return "␣" if glyph(character) == " " else glyph(character)


def shown(text):
    """The text as the page has it: each line a paragraph."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    return ["".join(map(glyph, line)) for line in lines]


def hover(page, t):
    x, y = page.evaluate(
        "t => { const r = page.view.rect(t); return [r.left + r.width / 2, r.top + r.height / 2]; }",
        t,
    )
    page.mouse.move(x, y)


def test_the_text_is_text_and_every_symbol_has_its_colour(look, tiny_model, levels):
    page, data = look(tiny_model, TEXT)
    assert page.locator("#lines p").evaluate_all("ps => ps.map(p => p.textContent)") == shown(TEXT)
    name = data["units"][0]["name"]
    assert texts(page, "#unit-name") == [name]
    page.evaluate("document.querySelector('#text').style.height = '20000px'")  # all on the screen
    page.wait_for_function("page.view.painted[1] === page.data.length")
    found = page.evaluate(
        """() => {
          const levels = new Array(page.data.length).fill(16);
          for (let k = 0; k <= 32; k++)
            for (const { startContainer: node, startOffset, endOffset } of CSS.highlights.get(`v${k}`))
              for (let o = startOffset; o < endOffset; o++) levels[page.view.symbolOf(node, o)] = k;
          return levels;
        }"""
    )
    unit = parse_units(name, tiny_model)[0]
    values = tiny_model.read(TEXT).arrays["h"][:, unit.layer, unit.index]
    assert data["levels"] == levels
    assert [k - 16 for k in found] == diverging(ColorMode.truecolor).levels(values, 1)
    color = page.locator("#lines p").first.evaluate(
        "p => [0, 20, 32].map(k => getComputedStyle(p, `::highlight(v${k})`).backgroundColor)"
    )
    assert color == [f"rgb({ramps()['light']['value'][k].replace(' ', ', ')})" for k in (0, 20, 32)]
    ground = page.locator("#text").evaluate("e => getComputedStyle(e).backgroundColor")
    assert ground == f"rgb({ramps()['light']['value'][16].replace(' ', ', ')})"


@pytest.mark.parametrize("levels", LEVELS)
def test_the_page_has_the_values_that_were_packed(look, tiny_model, levels):
    random = np.random.default_rng(levels)
    values = random.integers(-levels, levels + 1, (48, len(TEXT))).astype("i1")
    ids = np.array(tiny_model.vocabulary.encode(TEXT))
    page, _ = look(tiny_model, TEXT, change=pack_values(values, ids, levels) | {"levels": levels})
    assert (
        page.evaluate("page.data.unitLevels.flatMap((own) => [...own])") == values.ravel().tolist()
    )


def test_the_legend_calls_the_colours_by_their_names(visit, tmp_path, tiny_model):
    named = {
        Palette.rdbu: ("blue below zero, red above", "red where surprising"),
        Palette.vik: ("blue below zero, brown above", "brown where surprising"),
        Palette.karpathy: ("red below zero, blue above", "blue where surprising"),
    }
    for palette, (one, bits) in named.items():
        path = tmp_path / f"{palette}.html"
        path.write_text(page_html(data_of(tiny_model, TEXT), palette), encoding="utf-8")
        page = visit(path.as_uri())
        until_drawn(page)
        assert page.locator("#legend").get_attribute("aria-label").startswith(one)
        page.keyboard.press("s")
        assert page.locator("#legend").get_attribute("aria-label") == bits
        ground = page.locator("#text").evaluate("e => getComputedStyle(e).backgroundColor")
        assert ground == f"rgb({ramps(palette)['light']['value'][16].replace(' ', ', ')})"


@pytest.mark.usefixtures("levels")
def test_hovering_a_character_shows_what_the_model_was_doing(look, tiny_model):
    page, data = look(tiny_model, TEXT)
    recording = record(tiny_model, TEXT, top=3)
    names = [unit["name"] for unit in data["units"]]
    true = true_parts(tiny_model, TEXT, data)
    for t in (0, 7, 101):
        hover(page, t)
        assert page.locator("#glyph").text_content() == visible(TEXT[t])
        assert texts(page, "#where") == [f"{t + 1} of {len(TEXT)}"]
        symbols = [glyph(recording.next_text[k]) for k in recording.next_ids[t]]
        guesses = ["space" if symbol == " " else symbol for symbol in symbols]
        assert page.locator("#guesses .name").all_text_contents() == guesses
        percents = [float(f.split()[0]) for f in texts(page, "#guesses .figure")]
        assert percents == pytest.approx(100 * recording.next_probabilities[t], abs=0.51)
        came = (
            recording.next_ids[t].tolist().index(k)
            if (k := recording.ids[t + 1]) in recording.next_ids[t]
            else None
        )
        marked = page.locator("#guesses li").evaluate_all(
            "rows => rows.map((row) => row.classList.contains('marked'))"
        )
        assert marked == [k == came for k in range(3)]
        assert page.locator("#guesses [aria-current=true]").count() == sum(marked)
        if t:
            assert texts(page, "#cost") == [f"surprisal {recording.surprisal[t]:.2f} bits"]
        best = np.argsort(-np.abs(true[t]), kind="stable")[:8]
        assert page.locator("#strongest .name").all_text_contents() == [names[u] for u in best]
        found = [float(f.replace("−", "-")) for f in texts(page, "#strongest .figure")]
        assert found == pytest.approx(true[t, best], abs=0.0051)
    page.mouse.move(5, 5)
    assert texts(page, "#where") == [f"1 of {len(TEXT)}"]


def test_units_are_picked_from_list_search_heat_map_and_gates(look, tiny_model):
    page, data = look(tiny_model, TEXT, "L*.h.*", "L1.c.4")
    names = [unit["name"] for unit in data["units"]]
    options = page.locator("[role=option]")
    assert options.locator(".name").all_text_contents() == ["surprisal", *names]
    options.nth(3).click()
    assert texts(page, "#unit-name") == [names[2]]
    page.get_by_role("searchbox").fill("l1.c")
    assert page.locator("[role=option]:visible .name").all_text_contents() == ["L1.c.4"]
    page.keyboard.press("Enter")
    assert texts(page, "#unit-name") == ["L1.c.4"]
    page.get_by_role("searchbox").fill("no such unit")
    assert page.locator("[role=option]:visible").count() == 0
    page.get_by_role("searchbox").fill("")
    canvas = page.locator("#map-canvas")
    canvas.scroll_into_view_if_needed()
    page.wait_for_function("page.map.units?.length === page.data.units.length")
    box = canvas.bounding_box()
    row, size, edge = page.evaluate("[page.map.row, page.map.size, page.map.edge]")
    across = edge + (box["width"] - edge) * 30.5 / size
    canvas.click(position={"x": across, "y": 5.5 * row})
    assert texts(page, "#unit-name") == [names[5]]
    assert texts(page, "#where") == [f"31 of {len(TEXT)}"]
    plot = page.locator("#plots canvas").nth(1)
    plot.scroll_into_view_if_needed()
    x, y = page.evaluate(
        """() => {
          const { points, x, y } = page.gates.plots[1];
          return [x(points[30].right), y(points[30].left)];
        }"""
    )
    plot.click(position={"x": x, "y": y})
    gate = data["gates"][1]
    picked = next(u for u in data["units"] if u["name"] == texts(page, "#unit-name")[0])
    found = [gate[side][picked["layer"]][picked["index"]] for side in ("left", "right")]
    assert found == pytest.approx([gate["left"][1][6], gate["right"][1][6]], abs=0.02)


def test_the_text_is_coloured_by_what_came_from_counts(look, tiny_mixed):
    both = MixedModel(tiny_mixed.network, dataclasses.replace(tiny_mixed.counts, w=USUAL))
    page, data = look(both, TEXT)
    shares = record(both, TEXT).from_counts
    name = data["units"][0]["name"]
    page.keyboard.press("c")
    assert texts(page, "#unit-name") == ["counts"]
    levels = np.array(page.evaluate("Array.from(page.view.levels)"))
    assert np.abs(levels - 16 * shares).max() <= 0.5 + 16 / 8000
    assert len(set(levels)) > 5
    page.locator("#text").focus()
    page.keyboard.press("Home")
    assert page.locator("#spoke").is_hidden()
    page.keyboard.press("ArrowRight")
    share = f"{100 * shares[1]:.0f} %"
    assert texts(page, "#spoke")[0].startswith(share)
    spoken = page.get_by_role("slider", name="Place in the text").get_attribute("aria-valuetext")
    assert spoken.endswith(f", {share} from counts")
    assert f"{100 * shares[1:].mean():.0f} %" in texts(page, "#unit-about")[0]
    assert texts(page, "#legend .ends > span") == ["network 100 %", "", "counts 100 %"]
    for key, expected in (("s", "surprisal"), ("c", "counts"), ("c", name)):
        page.keyboard.press(key)
        assert texts(page, "#unit-name") == [expected]
    page.locator("[role=option]", has_text="came from them").click()
    assert texts(page, "#unit-name") == ["counts"]


def test_without_counts_nothing_is_said_of_them(look, tiny_model):
    page, data = look(tiny_model, TEXT)
    page.keyboard.press("c")
    assert texts(page, "#unit-name") == [data["units"][0]["name"]]
    assert page.locator("#spoke").is_hidden()
    assert page.locator("[role=option]").count() == len(data["units"]) + 1


def pixels(page, canvas, points):
    """The colours (N, 4), from 0 to 255, at points (x, y) of a canvas in CSS pixels."""
    return np.array(
        page.locator(canvas).evaluate(
            """(canvas, points) => {
              const ratio = canvas.width / canvas.clientWidth;
              const copy = new OffscreenCanvas(canvas.width, canvas.height);
              const context = copy.getContext("2d", { willReadFrequently: true });
              context.drawImage(canvas, 0, 0);
              return points.map(([x, y]) => [...context.getImageData(x * ratio, y * ratio, 1, 1).data]);
            }""",
            [list(map(float, point)) for point in points],
        )
    )


@pytest.mark.parametrize("length", [40, 3500])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_heat_map_has_each_value_in_its_place_and_colour(look, tiny_model, length, theme):
    """Units down, symbols across; where there are more of them than pixels, their mean."""
    values = np.random.default_rng(5).integers(-16, 17, (48, length)).astype("i1")
    values[7] = np.linspace(-16, 16, length)
    text = make_text(length)[:length]
    made = pack_values(values, np.array(tiny_model.vocabulary.encode(text)), 16) | {"levels": 16}
    page, _ = look(tiny_model, text, change=made)
    page.emulate_media(color_scheme=theme)
    page.locator(f"#theme[aria-pressed={str(theme == 'dark').lower()}]").wait_for()
    page.get_by_label("Show").select_option(str(length))
    page.get_by_role("checkbox", name="Names").uncheck()
    page.evaluate("go(20), page.map.draw()")
    width = page.locator("#map-canvas").evaluate("canvas => canvas.clientWidth")
    height = page.locator("#map-canvas").evaluate("canvas => canvas.clientHeight")
    columns = min(length, width)
    rows = range(1, min(48, height // 7))  # the first has the frame of the unit picked
    chosen = [x for x in range(0, columns, max(1, columns // 40)) if x * length // columns > 30]
    across = [(x + 0.5) * width / columns for x in chosen]
    found = pixels(page, "#map-canvas", [(x, 7 * y + 3.5) for y in rows for x in across])
    parts = (values - np.sign(values) / 2) / 16
    means = [
        [parts[y, x * length // columns : (x + 1) * length // columns].mean() for x in chosen]
        for y in rows
    ]
    ramp = np.array([color(name) for name in ramps()[theme]["value"]])
    levels = diverging(ColorMode.truecolor).levels(np.ravel(means), 1)
    assert len(rows) > 20
    assert found[:, :3].tolist() == ramp[np.add(levels, 16)].tolist()
    cursor = 20 * width / length
    near = pixels(page, "#map-canvas", [(cursor + d, 7 * 9 + 3.5) for d in (-1, 0, 1)])
    assert not {*map(tuple, near[:, :3])} <= {*map(tuple, ramp)}


def test_the_gate_plot_has_each_unit_in_its_place_and_colour(look, tiny_model):
    """The part of the time that a gate was open to the right, shut upwards."""
    left, right = [[0.15, 0.3, 0.0], [0.7, 0.0, 0.1]], [[0.6, 0.2, 0.0], [0.1, 0.95, 0.3]]
    gate = {"name": "f", "left": left, "right": right, "scale": None}
    page, data = look(tiny_model, TEXT, change={"gates": [gate]})
    canvas = "#plots canvas"
    size = page.locator(canvas).evaluate("canvas => canvas.clientWidth")
    full = size - 48

    def at(shut, opened):
        return 34 + full * opened, size - 34 - full * shut

    names = [unit["name"] for unit in data["units"]]
    page.evaluate("unit => pick(unit)", names.index("L1.h.0"))
    properties = "names => names.map(cssColor)"
    one, two, ink = page.evaluate(properties, ["--layer-0", "--layer-1", "--ring"])
    for layer, name in ((0, one), (1, two)):
        points = [at(*point) for point in zip(left[layer], right[layer], strict=True)]
        mirrored = [at(*point) for point in zip(right[layer], left[layer], strict=True)]
        for found in pixels(page, canvas, points)[[0, 1] if layer == 0 else [0, 2]]:
            assert found == pytest.approx([*color(name), 0.65 * 255], abs=2)
        empty = pixels(page, canvas, mirrored)[[0, 1] if layer == 0 else [0, 2]]
        assert empty[:, 3].tolist() == [0, 0]
    x, y = at(0.7, 0.1)
    around = [(x + 6, y), (x, y + 6), (x - 6, y), (x, y - 6)]
    assert pixels(page, canvas, around)[:, :3] == pytest.approx(np.array([color(ink)] * 4), abs=3)
    page.evaluate("unit => pick(unit)", names.index("L0.h.0"))
    assert pixels(page, canvas, around)[:, 3].tolist() == [0] * 4


@pytest.mark.parametrize(
    ("span", "part"),
    [(Span(30, 34, 1, 1), 0.3), (Span(200, 201), 0.5), (Span(0, 9, 4, 2), 0.2), (Span(8, 9), 0.05)],
)
def test_the_search_for_a_span_finds_what_python_finds(look, tiny_model, span, part, levels):
    page, data = look(tiny_model, TEXT, "L*.h.*", "L*.c.0-5")
    values, threshold = both_signs(parts_of(data)), round(part * levels) / levels
    true = both_signs(true_parts(tiny_model, TEXT, data))
    found = page.evaluate(
        "([span, threshold]) => findUnits(page.data, span, threshold)", [vars(span), threshold]
    )
    by_index = {one["index"]: one for one in found}
    expected = margins(values, span, threshold)
    assert [by_index[k]["margin"] for k in range(len(expected))] == pytest.approx(
        expected, abs=1e-12
    )
    assert expected == pytest.approx(margins(true, span, threshold), abs=0.5 / levels + 1e-6)
    assert [by_index[k]["exact"] for k in range(len(expected))] == fits(
        true, span, threshold
    ).tolist()
    order = [one["margin"] for one in found]
    assert order == sorted(order, reverse=True)
    chosen = [one["index"] for one in found[:4]]
    places = page.evaluate(
        "([chosen, threshold]) => findPlaces(page.data, chosen, threshold)", [chosen, threshold]
    )
    ours = similar(true, chosen, threshold)
    assert [(p["start"], p["stop"], p["shared"], p["union"]) for p in places] == [
        (p.start, p.stop, p.shared, p.union) for p in ours
    ]
    assert len(ours) > 1


def test_a_selection_may_end_between_paragraphs(look, tiny_model):
    """As when a line is selected by three clicks: it ends before the next paragraph, outside of its text."""
    page, _ = look(tiny_model, TEXT)
    first, second = re.findall(r".*\n", TEXT)[:2]
    ends = len(first), len(first + second)
    selected = """([from, to]) => {
      const paragraphs = [...document.querySelectorAll("#lines p")];
      const node = (k) => k < 0 ? document.querySelector("#lines") : paragraphs[k];
      const place = ([k, text, offset]) => [text ? page.view.nodes[k] : node(k), offset];
      select(0, 0);
      getSelection().setBaseAndExtent(...place(from), ...place(to));
      takeSelection();
      return page.span && [page.span.start, page.span.stop];
    }"""
    count = page.locator("#lines").evaluate("lines => lines.childNodes.length")
    for begins, stops, span in (
        ((0, True, 2), (1, False, 0), (2, ends[0])),
        ((0, False, 0), (1, False, 0), (0, ends[0])),
        ((0, False, 1), (1, False, 1), ends),
        ((1, False, 0), (2, True, 0), ends),
        ((1, True, 3), (-1, False, count), (ends[0] + 3, len(TEXT))),
        ((-1, False, 0), (2, True, 0), (0, ends[1])),
    ):
        assert page.evaluate(selected, [begins, stops]) == [*span]
    x, y = page.evaluate(
        "t => { const r = page.view.rect(t); return [r.left + 3, r.top + 5]; }", ends[0]
    )
    page.keyboard.press("Escape")
    page.mouse.click(x, y, click_count=3)
    page.locator("#span-body").wait_for()
    assert page.evaluate("[page.span.start, page.span.stop]") == [*ends]


def test_thresholds_are_those_at_which_the_search_is_exact(look, tiny_model, levels):
    page, data = look(tiny_model, TEXT)
    page.evaluate("select(40, 42)")
    slider = page.get_by_label("Threshold")
    true = both_signs(true_parts(tiny_model, TEXT, data))
    at = round(0.3 * levels)
    said = "on above {:.0f} % of its largest value"
    assert texts(page, "#threshold-value") == [said.format(100 * at / levels)]
    for key, steps in (("ArrowRight", at + 1), ("Home", 1), ("End", levels - 1)):
        slider.press(key)
        assert page.evaluate("$('threshold').valueAsNumber") == steps
        exact = fits(true, Span(40, 42, 1, 1), steps / levels)
        found = page.evaluate("page.found.filter(({ exact }) => exact).map(({ index }) => index)")
        assert sorted(found) == np.flatnonzero(exact).tolist()
    slider.press("Home")
    listed = page.evaluate(
        """() => {
          const exact = page.found.filter((one) => one.exact);
          return (exact.length ? exact : page.found).map((one) => one.index);
        }"""
    )
    figures = texts(page, "#found .figure")
    real = margins(true, Span(40, 42, 1, 1), 1 / levels)[listed[: len(figures)]]
    said = [float(figure.replace("−", "-")) for figure in figures]
    digits = round(np.log10(levels))  # a number has those that its rounding leaves
    assert said == pytest.approx(real, abs=0.5 / levels + 0.51 / 10**digits)


def test_selected_text_becomes_a_span_and_its_places_can_be_visited(look, tiny_model):
    page, data = look(tiny_model, TEXT)
    corners = page.evaluate(
        "[40, 45].map((t) => { const r = page.view.rect(t); return [r.left + 1, r.top + 5]; })"
    )
    page.mouse.move(*corners[0])
    page.mouse.down()
    page.mouse.move(*corners[1], steps=4)
    page.mouse.up()
    page.locator("#span-body").wait_for()
    page.wait_for_function("page.span && page.span.start === 40 && page.span.stop === 45")
    assert page.locator("#span-text").text_content() == "".join(map(glyph, TEXT[40:45]))
    values = both_signs(parts_of(data))
    page.get_by_label("Off before").fill("0")
    page.get_by_label("and after").fill("0")
    threshold = round(0.3 * data["levels"]) / data["levels"]
    exact = fits(values, Span(40, 45), threshold).sum()
    assert texts(page, "#found-note")[0].startswith(f"{exact} on exactly here")
    best = page.locator("#found .name").first.text_content()
    index = int(np.argmax(margins(values, Span(40, 45), threshold)))
    assert (
        best
        == "+−"[index >= len(data["units"])] + data["units"][index % len(data["units"])]["name"]
    )
    page.locator("#places button").first.click()
    place = page.evaluate("page.places[0]")
    assert texts(page, "#where") == [f"{place['start'] + 1} of {len(TEXT)}"]
    assert place["stop"] <= 40 or place["start"] >= 45
    page.get_by_role("button", name="Clear the span").click()
    assert page.locator("#span-body").is_hidden()


def test_a_copy_has_the_characters_of_the_text_and_arrows_are_announced(look):
    text = "a\tb\n\nc\x00d\u200b \u00a0e\n" * 3
    model = make_model(text=text)
    page, _ = look(model, text)
    copied = """([start, stop]) => {
      const [from, to] = [start, stop - 1].map((t) => page.view.placeIn(page.view.segmentOf(t), t, t + 1));
      getSelection().setBaseAndExtent(from.node, from.start, to.node, to.end);
      const data = new DataTransfer();
      $("lines").dispatchEvent(new ClipboardEvent("copy", { clipboardData: data, bubbles: true, cancelable: true }));
      return data.getData("text/plain");
    }"""
    for start, stop in ((0, len(text)), (2, 9), (4, 5)):
        assert page.evaluate(copied, [start, stop]) == text[start:stop]
    # A selection that ends below the text has the rest of it.
    page.evaluate("getSelection().setBaseAndExtent(page.view.nodes[1], 0, $('map-note'), 0)")
    data = """(data => ($("lines").dispatchEvent(new ClipboardEvent("copy", { clipboardData: data, bubbles: true })),
      data.getData("text/plain")))(new DataTransfer())"""
    assert page.evaluate(data) == text[4:]
    page.evaluate("getSelection().removeAllRanges(); go(2)")
    assert page.locator("#spoken[aria-live]").text_content() == ""
    page.locator("#text").press("ArrowLeft")
    assert page.locator("#spoken").text_content().startswith(f"tab, 2 of {len(text)}, L")


def test_sentences_say_what_the_colours_are_until_they_are_closed(look, tiny_mixed):
    addresses = ("L*.c.*", "L1.h.2", "L1.f.3", "L0.g.1")
    page, _ = look(tiny_mixed, TEXT, *addresses)
    words, told = page.locator("#intro-words"), {}
    for name in ("L0.c.3", "L1.h.2", "L1.f.3", "L0.g.1", "surprisal", "counts"):
        page.evaluate("name => pick(placeOf(page.data, name))", name)
        told[name] = words.text_content()
        assert told[name].startswith("Two" if name == "counts" else "Each character is colored by")
        assert name in told[name]
    assert "the 48 numbers" in told["L0.c.3"]
    assert "the 48 numbers" in told["L1.h.2"]  # though only one of them is on the page
    assert "Red is positive, blue negative" in told["L0.c.3"]
    assert "forget gate" in told["L1.f.3"]
    assert "positive" not in told["L1.f.3"]
    assert "proposal" in told["L0.g.1"]
    assert "256" in told["surprisal"]
    page.get_by_role("button", name="Got it").click()
    assert not page.locator("#intro").is_visible()
    assert page.evaluate("document.activeElement.id") == "explain"
    page, _ = look(tiny_mixed, TEXT)  # the next page that is opened
    assert not page.locator("#intro").is_visible()
    page.get_by_role("button", name="Explain").click()
    assert page.locator("#intro").is_visible()
    page, _ = look(tiny_mixed, TEXT)
    assert page.locator("#intro").is_visible()


def test_an_edited_unit_and_one_with_a_name_are_introduced_as_such(look):
    model = edited(make_model(), tuple(parse_edits("clamp L0.c.1=-0.5\nsteer L1.c.2=+1", "edits")))
    names = [NamedUnit(unit="L1.c.4", name="inside quotes", score=0.9, sign=-1)]
    page, _ = look(model, "abcagf" * 9, "L*.c.*", names=names)
    told = {}
    for name in ("L1.c.4", "L0.c.1", "L1.c.2", "L1.c.3"):
        page.evaluate("name => pick(placeOf(page.data, name))", name)
        told[name] = page.locator("#intro-words").text_content()
    assert (
        "named “inside quotes”, because it was found to be lower there (AUC 0.90" in told["L1.c.4"]
    )
    assert "held at −0.5" in told["L0.c.1"]
    assert "+1.0 is added to it" in told["L1.c.2"]
    assert "has noticed something" in told["L1.c.3"]
    rows = page.locator("[role=option]:not([hidden])")
    named = rows.filter(has_text="inside quotes")
    order = rows.locator(".name").all_text_contents()
    assert sorted(order[1:3]) == ["L0.c.1", "L1.c.2"]  # those that are edited
    assert order[3] == "L1.c.4"
    reasons, address = (named.locator(part).bounding_box() for part in (".title", ".name"))
    assert reasons["y"] < address["y"]


def test_the_value_at_the_cursor_stands_in_words_and_in_the_legend(look, tiny_model):
    page, data = look(tiny_model, TEXT, "L*.h.*", "L1.f.3")
    page.evaluate("go(5)")
    unit = data["units"][0]
    value = tiny_model.read(TEXT).arrays["h"][5, unit["layer"], unit["index"]]
    shown_value = page.locator("#value").text_content().replace("−", "-")
    name, found = re.fullmatch(r"(\S+) is (\S+) here", shown_value).groups()
    assert name == unit["name"]
    assert float(found) == pytest.approx(value, abs=0.011)
    place = "parseFloat($('legend').querySelector('b').style.left) / 100"
    assert 2 * page.evaluate(place) - 1 == pytest.approx(value / unit["scale"], abs=0.011)
    ends = [f"negative −{unit['scale']:.2f}", "zero", f"positive +{unit['scale']:.2f}"]
    assert texts(page, "#legend .ends > span") == ends
    page.evaluate("pick(placeOf(page.data, 'L1.f.3'))")
    assert texts(page, "#legend .ends > span") == ["shut 0", "", "open 1"]
    gate = record(tiny_model, TEXT).arrays["f"][5, 1, 3]
    assert page.evaluate(place) == pytest.approx(gate, abs=0.011)
    page.keyboard.press("s")
    assert texts(page, "#legend .ends > span") == [
        "expected 0 bits",
        "",
        "surprising 8 bits or more",
    ]
    bits = tiny_model.read(TEXT).surprisal[5]
    assert page.evaluate(place) == pytest.approx(min(1, bits / 8), abs=1e-3)
    assert page.locator("#value").text_content() == ""


def test_what_was_expected_stands_under_the_text(look, tiny_model):
    page, data = look(tiny_model, TEXT)
    ids, chances = (unpack(data[key]).reshape(len(TEXT), -1) for key in ("guesses", "chances"))
    ramp = ramps()["light"]["chance"]
    columns = page.locator("#strip tr").first.locator("td").count()
    assert 20 < columns < 100
    for at in (0, 400, len(TEXT) - 1):
        page.evaluate("t => go(t)", at)
        first = page.evaluate("page.guesses.first")
        assert first == max(0, at - int(0.6 * columns))
        rows = page.locator("#strip tr").evaluate_all(
            """rows => rows.map((row) => Array.from(row.cells, (cell) => [
                 cell.textContent, cell.className, getComputedStyle(cell).backgroundColor]))"""
        )
        head, *guesses = rows
        there = min(columns, len(TEXT) - first)
        assert [label for label, _, _ in head] == [
            *map(visible, TEXT[first : first + there]),
            *[""] * (columns - there),
        ]
        assert [k for k, (_, name, _) in enumerate(head) if name] == [at - first]
        assert len(guesses) == 3
        for rank, row in enumerate(guesses):
            assert [label for label, _, _ in row[there:]] == [""] * (columns - there)
            for k, (label, name, ground) in enumerate(row[:there]):
                t = first + k
                assert label == visible(data["names"][ids[t, rank]])
                came = t + 1 < len(TEXT) and data["names"][ids[t, rank]] == glyph(TEXT[t + 1])
                assert bool(name) == came
                color = ramp[int(chances[t, rank] / data["certain"] * (len(ramp) - 1) + 0.5)]
                assert ground == f"rgb({color.replace(' ', ', ')})"
    page.evaluate("go(400)")
    page.locator("#strip td.at + td").first.click()
    assert texts(page, "#where") == ["402 of 900"]
    assert page.evaluate("page.guesses.first") == 400 - int(0.6 * columns)  # nothing has moved


def test_words_are_explained_by_pointer_keyboard_and_tap(look, tiny_model):
    page, _ = look(tiny_model, TEXT)
    tip, interest = page.locator("#tip"), page.locator("#unit-about .term")
    interest.hover()
    sentence = tip.text_content()
    assert sentence.startswith("interest – ")
    described = page.locator(f"#{interest.get_attribute('aria-describedby')}")
    assert sentence.endswith(described.text_content())
    tip.hover()  # the pointer may go there
    page.wait_for_timeout(250)
    assert tip.is_visible()
    page.mouse.move(700, 500)
    tip.wait_for(state="hidden")
    page.locator("#search").focus()
    page.keyboard.press("Shift+Tab")
    assert tip.text_content() == sentence  # of the word above the list
    page.evaluate("select(3, 9)")
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    assert page.evaluate("page.span") == {"start": 3, "stop": 9}  # Escape did nothing else
    page.keyboard.press("Enter")
    assert tip.is_visible()
    page.keyboard.press("Tab")
    assert not tip.is_visible()
    page.locator("label[data-term=threshold]").dispatch_event("click")
    assert tip.text_content().startswith("threshold – ")
    box = tip.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1600
    page.locator("#title").click()
    assert not tip.is_visible()
    assert (
        page.locator("[data-term]").evaluate_all(
            "words => words.filter((w) => !sentenceOf(w.dataset.term)).length"
        )
        == 0
    )


def test_a_click_shows_what_was_recorded_to_have_mattered(look, tiny_model):
    text = TEXT[:150]
    record = occlusion_data(tiny_model, text)
    page, _ = look(tiny_model, text, change=record)
    page.get_by_role("button", name="What mattered for it?").click()
    page.evaluate("go(120)")
    one = occlusion(tiny_model, tiny_model.vocabulary.encode(text), 120)
    place, start, values, probability = page.evaluate(
        "(({place, start, values, probability}) => [place, start, values, probability])(page.why.found)"
    )
    assert (place, start, len(values)) == (120, 20, 100)
    assert values == pytest.approx(one.bits, abs=0.0051)
    assert probability == pytest.approx(one.probability, rel=1e-3)
    assert "left out" in page.locator("#why-note").text_content()
    levels = page.evaluate("[...page.view.levels]")
    assert {*levels[:20], *levels[120:]} == {0}
    assert min(levels) < 0 < max(levels)
    page.keyboard.press("Home")
    assert "not predicted" in page.locator("#why-note").text_content()


def test_without_a_model_a_line_says_what_a_page_must_have_to_show_what_mattered(look, tiny_model):
    page, _ = look(tiny_model, TEXT)
    assert page.get_by_role("button", name="What mattered for it?").is_hidden()
    before = texts(page, "#unit-name")
    page.locator("#text").press("m")
    assert texts(page, "#unit-name") == before
    line = page.locator("#why-none")
    assert line.get_attribute("role") == "status"
    assert "--saliency" in line.inner_text()


def test_everything_can_be_done_with_the_keyboard(look, tiny_model):
    page, data = look(tiny_model, TEXT)
    names = [unit["name"] for unit in data["units"]]
    press = page.keyboard.press
    for keys, place in (
        ("ArrowRight", 2),
        ("ArrowRight", 3),
        ("ArrowLeft", 2),
        ("End", 900),
        ("Home", 1),
    ):
        press(keys)
        assert texts(page, "#where") == [f"{place} of 900"]
    for key, k in (("]", 1), ("]", 2), ("[", 1), ("[", 0)):
        press(key)
        assert texts(page, "#unit-name") == [names[k]]
    press("s")
    assert texts(page, "#unit-name") == ["surprisal"]
    press("s")
    assert texts(page, "#unit-name") == [names[0]]
    for _ in range(3):
        press("Shift+ArrowRight")
    assert page.evaluate("page.span") == {"start": 0, "stop": 4}
    press("Escape")
    assert page.evaluate("page.span") is None
    press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("[s?")  # is written there and does nothing else
    assert page.get_by_role("searchbox").input_value() == "[s?"
    press("Escape")
    assert page.evaluate("document.activeElement.id") == "text"
    press("?")
    assert page.get_by_role("dialog", name="Words and keys").is_visible()
    assert page.evaluate("document.activeElement.id") == "help-title"
    glossary = page.locator("#words dt").all_text_contents()
    assert {*glossary} >= {"unit", "layer", *"hcifgo", "gate", "surprisal", "interest", "span"}
    assert not {"counts", "hold", "temperature", "attention", "name"} & {*glossary}
    assert page.locator("#words dd").last.is_visible()
    press("Escape")
    assert page.get_by_role("dialog").count() == 0
    page.locator("#ask").press("Enter")
    press("Escape")
    assert page.evaluate("document.activeElement.id") == "ask"


def test_the_cursor_goes_by_rows_and_by_pages_and_keeps_its_column(look, tiny_model):
    text = "".join("abcdefghij "[k % 11] * (k * 7 % 23) + "\n" for k in range(400))
    page, _ = look(tiny_model, text.replace("j", "i").replace("h", "g"))
    press = page.keyboard.press
    starts = np.cumsum([0, *map(len, text.splitlines(keepends=True))])
    lengths = np.diff(starts)

    def place():
        at = page.evaluate("page.at")
        row = int(np.searchsorted(starts, at, side="right")) - 1
        return row, at - int(starts[row])

    def expected(row, column):
        return row, min(column, lengths[row] - 1)

    page.evaluate("t => go(t)", int(starts[3]) + 15)  # lines of 22, 6, 13 and 20 characters follow
    assert lengths[3:8].tolist() == [22, 6, 13, 20, 4]
    for row in (4, 5, 6, 7, 6, 5, 4, 3):
        press("ArrowDown" if row > place()[0] else "ArrowUp")
        assert place() == expected(row, 15)
    rows = page.evaluate("page.view.perPage()")
    assert 10 < rows < 100
    for row in (3 + rows, 3 + 2 * rows, 3 + rows, 3):
        press("PageDown" if row > place()[0] else "PageUp")
        assert place() == expected(row, 15)
        until(page, "() => !page.view.frame")  # in which the text is scrolled
        at, box = page.evaluate("[page.view.rect(page.at), page.view.box.getBoundingClientRect()]")
        assert box["top"] < at["top"] < at["bottom"] < box["bottom"]
    press("ArrowDown")
    press("ArrowLeft")  # from here on this is the column
    press("ArrowDown")
    assert place() == expected(5, 4)
    for key, row in (("PageUp", 0), ("ArrowUp", 0), ("End", 399), ("ArrowDown", 399)):
        press(key)
        assert place()[0] == row
    press("Home")
    press("Shift+ArrowDown")
    assert page.evaluate("page.span") == {"start": 0, "stop": 2}
    press("Shift+PageDown")
    assert page.evaluate("page.span") == {"start": 0, "stop": int(starts[1 + rows]) + 1}
    press("Shift+End")
    assert page.evaluate("page.span") == {"start": 0, "stop": len(text)}


def test_a_line_that_is_broken_has_several_rows(look, tiny_model):
    page, _ = look(tiny_model, "abc" * 300)
    page.evaluate("go(5)")
    width = page.evaluate("page.view.below(5, 1, middle(page.view.rect(5)))") - 5
    assert 40 < width < 200
    for key, at in (("ArrowDown", 5 + width), ("ArrowDown", 5 + 2 * width), ("ArrowUp", 5 + width)):
        page.keyboard.press(key)
        assert page.evaluate("page.at") == at


def test_in_the_list_the_same_keys_go_from_unit_to_unit(look, tiny_model):
    page, data = look(tiny_model, TEXT)
    names = ["surprisal", *(unit["name"] for unit in data["units"])]
    page.locator("#list").focus()
    rows = page.evaluate("page.list.perPage()")
    assert 5 < rows < 40
    for key, k in (
        ("ArrowDown", 2),
        ("ArrowUp", 1),
        ("PageDown", 1 + rows),
        ("PageUp", 1),
        ("End", 48),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        assert texts(page, "#unit-name") == [names[k]]
    assert page.evaluate("page.at") == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_selected_text_keeps_the_colours_of_its_units(look, tiny_model, theme):
    """Of the pixels of a character, at the left of it and above its letter, selected and marked or not."""
    page, _ = look(tiny_model, TEXT)
    page.emulate_media(color_scheme=theme)
    page.locator(f"#theme[aria-pressed={str(theme == 'dark').lower()}]").wait_for()
    page.evaluate("go(0)")
    page.mouse.move(5, 5)
    corners = page.evaluate(
        "[4, 12].map((t) => { const r = page.view.rect(t); return [r.left + 1, r.top + 3]; })"
    )
    box = page.evaluate("(({ left, top }) => ({ x: left, y: top }))(page.view.rect(4))")
    clip = box | {"width": corners[1][0] - corners[0][0], "height": 4}
    whole = box | {"width": clip["width"], "height": 28}
    before, plain = page.screenshot(clip=clip), page.screenshot(clip=whole)
    page.mouse.move(*corners[0])
    page.mouse.down()
    page.mouse.move(*corners[1], steps=4)
    page.mouse.up()
    page.wait_for_function("() => page.span?.start === 4 && page.span.stop === 12")
    page.mouse.move(5, 5)
    page.evaluate("go(0)")
    assert page.evaluate("String(getSelection())")
    assert page.screenshot(clip=clip) == before
    assert page.screenshot(clip=whole) != plain


def test_the_search_is_for_names_and_reasons(look, tiny_model):
    interests = [0.12, *(0.9 for _ in range(47))]
    page, data = look(tiny_model, TEXT)
    raw = json.loads(page.locator("#data").text_content())
    for unit, interest in zip(raw["units"], interests, strict=True):
        unit |= {"interest": interest, "reasons": ["inside quotes"] if interest < 0.5 else []}
    page.evaluate("async raw => show(await decode(raw))", raw)
    names = [unit["name"] for unit in data["units"]]
    found = page.locator("[role=option]:visible .name")
    for words, expected in (
        ("0.12", []),
        ("0.9", []),
        ("QUOTES", names[:1]),
        (f"quotes {names[0]}", names[:1]),
        (f"quotes {names[1]}", []),
        ("bits", []),
        ("surp", ["surprisal"]),
        (".h.7", [name for name in names if ".h.7" in name]),
    ):
        page.get_by_role("searchbox").fill(words)
        assert found.all_text_contents() == expected


@pytest.fixture(scope="module")
def carded():
    """A counter, a text, its name, and its card."""
    model, text = counting_model(), text_of(900)
    named = NamedUnit(unit="L0.c.5", name="inside brackets", score=0.97)
    cards = page_cards(model, text, [Unit(0, "c", 5)], [named])
    return model, text, [named], cards


def test_a_card_has_its_numbers_rounded_and_its_names_marked(carded):
    _, _, _, cards = carded
    card = cards["L0.c.5"]
    marked = {one["name"]: one["proven"] for one in card["concepts"]}
    assert marked["inside brackets"]
    assert not marked["bracket depth"]
    assert card["raisedBy"][0] == ["(", pytest.approx(1, abs=0.01)]
    assert len(card["cost"]["others"]) == 5
    assert [gate["name"] for gate in card["gates"]] == ["i", "f", "o"]
    assert len(json.dumps(card)) < 3000


def test_the_text_of_a_card_is_harmless():
    model = make_model(text=HOSTILE)
    card = page_cards(model, HOSTILE * 3, [Unit(0, "h", 1)])["L0.h.1"]
    text = "".join(before + after for _, _, before, after in card["highest"] + card["lowest"])
    assert not {c for c in text if c in "\u202e\u2066\x00\x1b\r\u2028\ufeff"}
    assert "␛" in text


def test_the_card_of_the_picked_unit_is_shown_and_leads_to_its_places(look, carded):
    model, text, names, cards = carded
    addresses = ("L*.c.*", "L0.f.2")
    page, _ = look(model, text, *addresses, names=names, change={"cards": cards}, first="L0.c.5")
    assert texts(page, "#card-title") == ["Card of L0.c.5"]
    assert texts(page, "#card-body h3")[:2] == ["Values", "Gates"]
    marked = texts(page, "#card-body .marked .name")
    assert marked == ["+inside brackets"]
    assert "f: mean 1.000, open 100.0 %, shut 0.0 %" in texts(page, "#card-body")[0]
    place, value, before, _ = cards["L0.c.5"]["lowest"][0]
    lowest = page.locator("#card-body .contexts").last.locator("button").first
    assert lowest.text_content().startswith(before)
    lowest.click()
    assert page.evaluate("page.at") == place
    shown = float(page.evaluate("about(page.data, page.unit, page.at)").replace("−", "-"))
    assert shown == pytest.approx(value, abs=0.02)
    page.evaluate("pick(page.data.units.findIndex(u => u.name === 'L0.c.2'))")
    assert page.locator("#card-body > div").count() == 0
    assert "charrnn units --card L0.c.2" in texts(page, "#card-hint")[0]
    page.evaluate("pick(page.data.units.findIndex(u => u.name === 'L0.f.2'))")
    assert texts(page, "#card-hint") == ["Gates have no cards; the unit whose gate it is has one."]
    page.keyboard.press("s")
    assert page.locator("#card").is_hidden()


def test_names_stand_where_units_do(look, carded):
    model, text, names, _ = carded
    page, _ = look(model, text, "L*.c.*", names=names)
    described = page.evaluate(
        """() => {
          const { gate, points } = page.gates.plots[0];
          const of = (layer, index) => points.find((one) => one.layer === layer && one.index === index);
          return [of(0, 5), of(1, 5)].map((point) => describeGate("character", gate, point));
        }"""
    )
    assert described[0].endswith(" · inside brackets, AUC 0.97")
    assert "inside" not in described[1]
    page.evaluate(
        "page.map.tell({ unit: page.data.units.findIndex(u => u.name === 'L0.c.5'), t: 9 })"
    )
    assert texts(page, "#map-note")[0].endswith(" · inside brackets, AUC 0.97")
    titles = page.locator("#strongest .name", has_text="L0.c.5")
    page.evaluate("t => go(t)", text.index("(") + 1)
    assert titles.get_attribute("aria-description") == "inside brackets, AUC 0.97"
    titles.hover()
    assert texts(page, "#tip") == ["L0.c.5 – inside brackets, AUC 0.97"]


def test_a_page_has_the_cards_of_units_of_states_that_were_chosen(write):
    options = ("--unit", "L1.c.3", "--unit", "L0.f.2", "--unit", "L0.h.1")
    assert [*write("tiny", typed(TEXT[:300]), *options)["cards"]] == ["L1.c.3", "L0.h.1"]
    assert "cards" not in write("tiny", typed(TEXT[:300]))


def test_controls_have_names_and_the_slider_says_in_words_where_one_is(look, tiny_model):
    page, data = look(tiny_model, TEXT)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, [tabindex], [role=img]")].filter((e) =>
          e.checkVisibility() && !(e.ariaLabel || e.labels?.length || e.textContent.trim() ||
          document.getElementById(e.getAttribute("aria-labelledby")))).map((e) => e.outerHTML)"""
    )
    assert nameless == []
    page.get_by_role("slider", name="Place in the text").focus()
    page.keyboard.press("ArrowRight")
    text = page.get_by_role("slider", name="Place in the text").get_attribute("aria-valuetext")
    bits = tiny_model.read(TEXT).surprisal[1]
    assert text.startswith(f"{glyph(TEXT[1])}, 2 of 900, {data['units'][0]['name']} ")
    assert text.endswith(f", {bits:.1f} bits")
    assert page.locator("[role=option][aria-selected=true]").count() == 1
    assert page.get_by_role("region", name="The text").is_visible()


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (Origin("a.py", 900, 99_661), "a.py, the first 900 of 99,661 characters"),
        (Origin("a.py", 900, 900), "a.py, 900 characters"),
        (Origin("standard input", 900), "standard input, 900 characters"),
        (None, "900 characters"),
    ],
)
def test_the_summary_says_which_text_it_is(look, tiny_model, origin, expected):
    page, _ = look(tiny_model, TEXT, origin=origin)
    assert page.locator("#summary").text_content().startswith(f"{expected} · lstm · ")


def test_a_text_of_one_character_has_no_mean(look, tiny_model):
    page, _ = look(tiny_model, "d")
    assert page.locator("#summary").text_content() == (
        "1 character · lstm · the first character is not predicted"
    )


@pytest.mark.parametrize("by", ["system", "button"])
def test_light_and_dark_are_both_legible(look, tiny_model, by):
    page, _ = look(tiny_model, TEXT)
    seen = []
    for theme in ("light", "dark"):
        if by == "system":
            page.emulate_media(color_scheme=theme)
        elif theme == "dark":
            page.get_by_role("button", name="Dark").click()
        pressed = str(theme == "dark").lower()
        page.locator(f"#theme[aria-pressed={pressed}]").wait_for()
        colors = page.evaluate(
            """() => ["body", "#text", "#where", ".hint", "#summary"].map((selector) => {
              let box = document.querySelector(selector);
              const ink = getComputedStyle(box).color;
              while (getComputedStyle(box).backgroundColor === "rgba(0, 0, 0, 0)") box = box.parentElement;
              return [ink, getComputedStyle(box).backgroundColor];
            }).concat([0, 8, 12, 20, 24, 32].map((k) => {
              const style = getComputedStyle(document.querySelector("#lines p"), `::highlight(v${k})`);
              return [style.color, style.backgroundColor];
            }))"""
        )
        for pair in colors:
            low, high = sorted(map(luminance, pair))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (theme, pair)
        seen.append(colors)
    assert luminance(seen[0][1][1]) > 0.8
    assert luminance(seen[1][1][1]) < 0.05


def test_fault_85_hostile_text_is_inert(look):
    model = make_model(text=HOSTILE)
    page, _ = look(model, HOSTILE * 2, title=HOSTILE, first="L0.h.0")
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.locator("#lines").text_content() == "".join(map(glyph, HOSTILE * 2))
    assert page.locator("script").count() == 2
    assert page.locator("img").count() == 0
    assert page.locator("#title").text_content() == "".join(map(glyph, HOSTILE))
    glyphs = page.evaluate(
        "count => Array.from({ length: count }, (_, t) => (go(t), $('glyph').textContent))",
        len(HOSTILE),
    )
    assert glyphs == list(map(visible, HOSTILE))
    page.evaluate("select(3, 60)")
    everything = page.locator("body").text_content()
    assert not re.search(
        r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", everything
    )
    assert page.locator("img, iframe, object, embed, link:not([rel=icon])").count() == 0


def test_the_policy_stops_what_does_not_belong_to_the_page(window, tmp_path, tiny_model):
    path = tmp_path / "page.html"
    path.write_text(page_html(data_of(tiny_model, TEXT)), encoding="utf-8")
    window.goto(path.as_uri())
    until_drawn(window)
    tries = """async () => {
      const refused = [];
      const attempt = async (name, act) => { try { await act(); } catch { refused.push(name); } };
      await attempt("fetch", () => fetch("http://127.0.0.1:9/"));
      await attempt("markup", () => { document.body.innerHTML = "<b>x</b>"; });
      const script = document.createElement("script");
      await attempt("script", () => { script.textContent = "hacked = 1"; });
      return refused;
    }"""
    assert window.evaluate(tries) == ["fetch", "markup", "script"]


def test_data_can_be_shown_again_and_unit_and_place_stay(look, tiny_model):
    page, data = look(tiny_model, TEXT)
    name = data["units"][7]["name"]
    page.evaluate("pick(7); go(25)")
    other = data_of(tiny_model, TEXT[300:600])
    page.evaluate("async raw => show(await decode(raw))", other)
    assert texts(page, "#unit-name") == [name]
    assert texts(page, "#where") == ["26 of 300"]
    assert page.locator("#lines p").evaluate_all("ps => ps.map(p => p.textContent)") == shown(
        TEXT[300:600]
    )
    page.evaluate("async raw => show(await decode(raw))", data_of(tiny_model, TEXT[:3]))
    assert texts(page, "#where") == ["3 of 3"]


@pytest.mark.parametrize(
    ("cell", "level", "text"),
    [("gru", "char", "a"), ("elman", "char", "abc\n\ngfe" * 40), ("lstm", "byte", "né ☃\n" * 9)],
)
def test_every_kind_of_model_has_a_page(look, cell, level, text):
    page, data = look(make_model(cell, text, level=level), text)
    assert page.locator("#gates").is_visible() == bool(CELLS[cell].sigmoids)
    lasts = [re.search(r"lasts \S+ (\w+)", said) for said in texts(page, "figcaption")]
    kept = [gate for gate in data["gates"] if gate["scale"]]
    assert [found[1] for found in lasts if found] == [f"{data['noun']}s" for _ in kept]
    assert data["length"] == len(text if level == "char" else text.encode())
    last = data["length"]
    page.keyboard.press("End")
    assert texts(page, "#where") == [f"{last} of {last}"]
    assert page.locator("#glyph").text_content() == visible(text[-1])


def test_without_guesses_there_is_no_heading_for_them(look, tiny_model):
    none = page_data([record(tiny_model, TEXT)], parse_units("L*.h.*", tiny_model), title="a test")
    page, _ = look(tiny_model, TEXT, change=none)
    headings = page.locator("#character > h3")
    assert [headings.nth(k).is_visible() for k in range(2)] == [False, True]
    page, _ = look(tiny_model, TEXT)
    assert headings.first.is_visible()


def test_the_ring_stays_around_its_character_when_the_window_changes(look, tiny_model):
    page, _ = look(tiny_model, TEXT)
    page.set_viewport_size({"width": 1360, "height": 850})
    farthest = """() => Array.from(page.data.surprisal, (_, t) => t).reduce((a, b) =>
      page.view.rect(b).left > page.view.rect(a).left ? b : a)"""
    page.evaluate("t => go(t, true)", page.evaluate(farthest))
    boxes = """() => [document.querySelector("#ring"), document.querySelector("#lines")]
      .map((e) => e.getBoundingClientRect()).concat([page.view.rect(page.at)]).map(({ left, top }) => [left, top])"""
    places = []
    for width in (1360, 390, 1360):
        page.set_viewport_size({"width": width, "height": 850})
        page.evaluate("() => new Promise((f) => requestAnimationFrame(() => setTimeout(f)))")
        ring, lines, character = page.evaluate(boxes)
        assert ring == pytest.approx(character, abs=0.5)
        places.append(np.subtract(character, lines))
    wide, narrow, again = places
    assert wide[0] > 390 > narrow[0]  # it stands in another row then
    assert again.tolist() == wide.tolist()


def test_a_printed_page_has_the_whole_text_on_light_paper(look, tiny_model):
    page, data = look(tiny_model, TEXT * 4)
    page.emulate_media(color_scheme="dark")
    page.locator("#theme[aria-pressed=true]").wait_for()
    assert page.evaluate("page.view.painted[1] < page.data.length")
    page.emulate_media(color_scheme="dark", media="print")
    page.set_viewport_size({"width": 720, "height": 1000})
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("page.view.painted") == [0, len(TEXT * 4)]
    sizes = """(id) => { const box = $(id), style = getComputedStyle(box);
      return [box.scrollHeight - box.clientHeight, style.printColorAdjust]; }"""
    assert page.evaluate(sizes, "text") == [0, "exact"]
    ground = page.locator("#text").evaluate("e => getComputedStyle(e).backgroundColor")
    assert luminance(ground) > 0.8
    boxes = page.locator("#plots canvas").evaluate_all(
        "cs => cs.map((c) => c.getBoundingClientRect()).map(({ width, height }) => width / height)"
    )
    assert boxes == pytest.approx([1] * len(data["gates"]), abs=0.02)
    rows = page.evaluate(
        "[page.map.units.length, $('map-canvas').height / devicePixelRatio / page.map.row]"
    )
    assert rows == [48, 48]
    for hidden in ("#search", "#place", "#theme", "#previous"):
        assert not page.locator(hidden).is_visible()
    page.emulate_media(color_scheme="dark", media="screen")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") is None
    page.wait_for_function("() => page.view.painted[1] < page.data.length")


def test_forced_colours_keep_the_colours_that_are_values(look, tiny_model):
    page, _ = look(tiny_model, TEXT)
    seen = {}
    for forced in ("none", "active"):
        page.emulate_media(color_scheme="light", forced_colors=forced)
        seen[forced] = page.evaluate(
            """() => ["#text", "#legend i", "#guesses .track i", "#strongest .track i"].map((selector) => {
              const { backgroundColor, backgroundImage } = getComputedStyle(document.querySelector(selector));
              return [backgroundColor, backgroundImage];
            }).concat([getComputedStyle($("lines")).forcedColorAdjust])"""
        )
    page.emulate_media(color_scheme="light", forced_colors="none")
    assert seen["active"][:-1] == seen["none"][:-1]
    assert [one[-1] for one in seen.values()] == ["auto", "none"]


@pytest.mark.parametrize("large", [False, True])
def test_a_narrow_window_needs_no_scrolling_sideways(look, tiny_model, large):
    page, _ = look(tiny_model, TEXT)
    page.set_viewport_size({"width": 390, "height": 844})
    if large:
        size = "parseFloat(getComputedStyle(document.querySelector('#lines p')).fontSize)"
        before = page.evaluate(size)
        page.get_by_role("button", name="Large type").click()
        assert page.evaluate(size) > 1.5 * before
    page.evaluate("select(30, 34)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
