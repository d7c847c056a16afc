"""What is shared of a page: its address, pictures of what is seen, a frame in another page, a model inside."""

import io
import re
import xml.etree.ElementTree as ET
from itertools import count
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from helpers import call_charrnn, make_text, typed
from pages import HOSTILE, color, data_of, data_of_pairs, make_model, until_drawn
from pair_models import both
from PIL import Image

import charrnn
from charrnn.exact.model import exact
from charrnn.interpret.edits import parse_edits
from charrnn.interpret.names import NamedUnit
from charrnn.interpret.recording import record
from charrnn.render.glyphs import glyph
from charrnn.web.colors import ramps
from charrnn.web.html import page_html
from charrnn.web.live import Live
from charrnn.web.offline import model_inside, offline_page

ROOT = Path(charrnn.__file__).parent
TEXT = make_text(900)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pages")


@pytest.fixture
def look(visit, folder):
    """A function that opens a page at a hash."""
    numbers = count()

    def open_page(content, hash_="", *, waits=True):
        path = folder / f"page{next(numbers)}.html"
        path.write_text(content, encoding="utf-8")
        page = visit(path.as_uri() + hash_)
        if waits:
            settle(page)
        return page

    return open_page


def settle(page):
    """Wait until the page is shown, with what its address says."""
    page.wait_for_function("() => address.opening")
    page.evaluate("address.following")
    until_drawn(page)


def hash_of(page):
    """The address once it is written."""
    page.evaluate("() => new Promise((f) => setTimeout(f, SETTLED + 20))")
    page.wait_for_function("() => !address.timer")
    return page.evaluate("decodeURIComponent(location.hash)")


def seen(page):
    """What an address decides, as the page shows it."""
    return page.evaluate(
        """() => [$("unit-name").textContent, page.at, page.span, document.documentElement.dataset.theme ?? "",
            document.documentElement.dataset.type ?? "", $("search").value, $("zoom").value, page.lines.kept.length,
            $("map-order").value, $("pattern").value, page.ramps.hues]"""
    )


@pytest.fixture(scope="module")
def written(tiny_model):
    """The page of a text."""
    return page_html(data_of(tiny_model, TEXT))


# --- the address ----------------------------------------------------------------------------------


def test_the_address_holds_what_is_seen(look, written, window):
    page = look(written)
    assert hash_of(page) == ""
    name = page.evaluate("page.data.units[7].name")
    page.evaluate("pick(7)")
    page.evaluate("go(29, true)")
    assert hash_of(page) == f"#unit={name}&at=30"
    page.get_by_role("button", name="Dark").click()
    page.get_by_role("button", name="Large type").click()
    page.get_by_label("Colors").select_option("karpathy")
    page.get_by_role("searchbox").fill("L1")
    page.get_by_label("Show").select_option("100")
    page.evaluate("page.lines.keep(page.data.units[3].name)")
    page.get_by_label("Rows").select_option("address")
    page.get_by_label("Regular expression").fill("def")
    page.evaluate("select(30, 34)")
    lines = page.evaluate("page.data.units[3].name")
    words = {
        "theme=dark",
        "palette=karpathy",
        "type=large",
        "find=L1",
        "show=100",
        f"unit={name}",
        "at=30",
    }
    words |= {"span=31-34", f"lines={lines}", "rows=address", "pattern=def"}
    assert sorted(hash_of(page)[1:].split("&")) == sorted(words)
    expected = [
        name,
        29,
        {"start": 30, "stop": 34},
        "dark",
        "large",
        "L1",
        "100",
        1,
        "address",
        "def",
        ["red", "blue"],
    ]
    assert seen(page) == expected
    page.reload()
    settle(page)
    assert seen(page) == expected
    other = look(written, page.evaluate("location.hash"))
    assert seen(other) == expected


def test_back_and_forward_go_from_unit_to_unit(look, written):
    page = look(written)
    first = seen(page)
    for unit in (5, 9):
        page.evaluate("unit => { pick(unit); go(2 * unit, true); }", unit)
        hash_of(page)
    for turn, unit in (("go_back", 5), ("go_back", None), ("go_forward", 5), ("go_forward", 9)):
        getattr(page, turn)()
        page.wait_for_function("() => address.hash === location.hash")
        page.evaluate("address.following")
        name = "data" if unit is None else page.evaluate("u => page.data.units[u].name", unit)
        assert seen(page)[:2] == (first[:2] if unit is None else [name, 2 * unit])


STRANGE = (
    "#unit=L9.c.99&at=0&span=9-3&show=7&theme=pink&type=huge&threshold=999&before=-1&view=live",
    "#unit=__proto__&at=1e3&side=constructor&typing=on&clamp=L0.c.0:1",
    "#unit=<img src=x onerror=hacked=1>&find=<script>hacked=1</script>&at=-1&theme=light dark",
    "#" + quote(HOSTILE) + "&unit=" + quote(HOSTILE) + "&text=" + quote(HOSTILE),
    "#%&%E2%82&==&unit&unit=%00&at=١٢&span=1-99999999999",
    "#unit=" + "x" * 60_000,
    "#javascript:hacked=1&lines=L9.c.1,constructor,&rows=x&on=7e9&kept=9-1,1-1e9,&scales=maybe",
)


def test_a_strange_address_is_inert_and_shows_what_the_page_opens_with(look, written):
    page = look(written)
    usual = seen(page)
    for strange in STRANGE:
        page.evaluate("hash => { location.hash = hash; }", strange)
        page.evaluate("() => new Promise((f) => setTimeout(f, 20))")
        page.evaluate("address.following")
        found = seen(page)
        assert found[:5] + found[6:] == usual[:5] + usual[6:], strange
        assert page.evaluate("typeof hacked") == "undefined"
        assert page.locator("img, script:not([type])").count() == 1
        page.evaluate("() => { $('search').value = ''; page.list.filter(); }")


@pytest.mark.parametrize(
    ("name", "unit"),
    [("inside quotes", "L1.h.4"), ("QUOTES", "L1.h.4"), ("L0.h.2", "L0.h.2"), ("inside", None)],
)
def test_a_unit_is_found_by_its_name_or_a_part_that_no_other_has(look, tiny_model, name, unit):
    names = {"L1.h.4": "inside quotes, AUC 0.97", "L0.h.7": "inside brackets (low), AUC 0.91"}
    data = data_of(tiny_model, TEXT, first="L0.h.0")
    for one in data["units"]:
        one["reasons"] = [names[one["name"]]] if one["name"] in names else []
    page = look(page_html(data), f"#unit={quote(name)}&at=9")
    assert seen(page)[:2] == [unit or "L0.h.0", 8]
    assert hash_of(page) == f"#unit={unit or 'L0.h.0'}&at=9"


def test_an_address_can_hold_a_unit_by_its_name(look, tiny_model):
    names = [NamedUnit(unit="L1.c.4", name="inside quotes", score=0.97)]
    page = look(
        offline_page(exact(tiny_model), "a title", names=names),
        "#text=abc&clamp=inside%20quotes:0.5&unit=inside%20quotes",
    )
    assert page.evaluate("page.data.source.edits") == ["clamp L1.c.4=+0.5"]
    assert seen(page)[0] == "L1.c.4"
    assert "&clamp=inside+quotes:0.5" in hash_of(page)


def test_an_address_holds_the_text_and_the_edits_of_a_live_page(look, tiny_model):
    model = exact(tiny_model)
    content = offline_page(model, "a title")
    page = look(
        content, "#text=def%20a(&clamp=L0.c.3:0.5&steer=L1.h.0-2:-0.25&seed=7&unit=L1.h.1&at=3"
    )
    live = Live(model, "a title")
    edits = "clamp L0.c.3=0.5\nsteer L1.h.0-2=-0.25"
    named = [str(edit) for edit in parse_edits(edits, "edits")]
    assert page.evaluate("page.data.source.edits") == named
    assert page.input_value("#live-text") == "def a("
    assert seen(page)[:2] == ["L1.h.1", 2]
    assert page.input_value("#live-seed") == "7"
    page.locator("#live-compare").wait_for()
    again = dict(part.split("=", 1) for part in hash_of(page)[1:].split("&"))
    assert (again["text"], again["clamp"], again["seed"]) == ("def+a(", "L0.c.3:0.5", "7")
    assert "temperature" not in again
    page.reload()
    settle(page)
    assert page.evaluate("page.live.edits.text") == edits.replace("0.5", "0.5")
    page = look(
        content, "#clamp=L9.c.3:1&clamp=L0.c.1:1e999&steer=<b>:1&seed=-1&temperature=x&speed=77"
    )
    assert page.evaluate("page.live.edits.rows.length") == 0
    assert page.evaluate("page.live.isSet")
    assert page.input_value("#live-text") == live.opening()["text"]
    assert page.locator("#live-trouble").inner_text() == ""


# --- pictures -------------------------------------------------------------------------------------


def saved(page, name):
    """The file that a button saves, and its name."""
    with page.expect_download() as download:
        page.get_by_role("button", name=name, exact=True).click()
    return download.value.path().read_bytes(), download.value.suggested_filename


def test_the_pattern_of_an_address_is_searched_for_at_once_only_if_it_takes_no_time(look, written):
    page = look(written, "#pattern=(.*)*(.*)*(.*)*x%24")
    assert page.input_value("#pattern") == "(.*)*(.*)*(.*)*x$"
    assert page.evaluate("page.search.spans.length") == 0
    assert "Press Enter" in page.locator("#react-note").inner_text()
    page = look(written, "#pattern=def")
    assert page.evaluate("page.search.spans.length") == TEXT.count("def")
    page = look(written, "#pattern=de%3Ff")
    page.locator("#pattern").press("Enter")
    assert page.evaluate("page.search.spans.length") == len(re.findall("de?f", TEXT))


def hexadecimal(name):
    return "#{:02x}{:02x}{:02x}".format(*color(name)[:3])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_text_is_saved_as_it_is_seen(look, written, tiny_model, theme):
    page = look(written, f"#theme={theme}&unit=L1.h.4&at=2")
    content, name = saved(page, "Save the text as SVG")
    assert name == "a-test-L1.h.4.svg"
    root = ET.fromstring(content)
    first, stop = page.evaluate("page.view.onScreen()")
    assert 0 == first < 100 < stop
    drawn = [element.text for element in root.iter(f"{SVG}text")]
    assert "".join(map(glyph, TEXT[first:stop])) in "".join(drawn)
    ramp = [hexadecimal(one) for one in ramps()[theme]["value"]]
    fills = [rect.get("fill") for rect in root.iter(f"{SVG}rect")]
    levels = page.evaluate(
        "([first, stop]) => Array.from(page.view.levels.slice(first, stop))", [first, stop]
    )
    runs = sum(level != 0 and (k == 0 or levels[k - 1] != level) for k, level in enumerate(levels))
    used = [fill for fill in fills[len(ramp) + 1 :] if fill in ramp]
    assert {ramp[level + 16] for level in levels} <= {*fills}
    assert runs <= len(used)
    words = " ".join(drawn)
    assert "Made by charrnn" in words
    assert "blue below zero, red above" in words
    assert root.find(f"{SVG}title").text == "a test · L1.h.4"
    assert b"href" not in content
    png, name = saved(page, "Save the text as PNG")
    image = Image.open(io.BytesIO(png)).convert("RGB")
    assert name == "a-test-L1.h.4.png"
    assert image.size == (2 * int(root.get("width")), 2 * int(root.get("height")))
    colors = {pixel for _, pixel in image.getcolors(1 << 24)}
    assert {tuple(color(ramps()[theme]["value"][level + 16])) for level in levels} <= colors
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert image.getpixel((1, 1)) == tuple(map(int, re.findall(r"\d+", ground)))


def test_the_heat_map_and_the_gates_are_saved(look, written):
    page = look(written, "#theme=dark")
    for what, image in (("the heat map", True), ("the lines", False), ("the gates", False)):
        page.locator("#map, #gates").last.scroll_into_view_if_needed()
        content, _ = saved(page, f"Save {what} as SVG")
        root = ET.fromstring(content)
        links = [one.get("href") for one in root.iter(f"{SVG}image")]
        assert len(links) == image
        assert all(link.startswith("data:image/png;base64,") for link in links)
        words = [element.text for element in root.iter(f"{SVG}text")]
        assert [word for word in words if word and word.startswith("Made by charrnn")]
        png, _ = saved(page, f"Save {what} as PNG")
        assert Image.open(io.BytesIO(png)).size[0] == 2 * int(root.get("width"))
    circles = [path for path in root.iter(f"{SVG}path") if "a2.5" in path.get("d")]
    assert len(circles) == 3 * 48


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_matrices_of_pairs_are_saved(look, theme):
    _, _, model = both("attention")
    data = data_of_pairs(model)
    page = look(page_html(data), f"#theme={theme}")
    content, name = saved(page, "Save the matrices as SVG")
    root = ET.fromstring(content)
    assert name == "a-test-Attention.svg"
    assert "how much" in [element.text for element in root.iter(f"{SVG}text")]
    weights = np.array(data["pairs"][0]["weights"])
    chances = ramps()[theme]["chance"]
    expected = [
        hexadecimal(chances[int(np.floor(w / 1000 * (len(chances) - 1) + 0.5))])
        for w in weights.ravel()
    ]
    fills = [rect.get("fill") for rect in root.iter(f"{SVG}rect")]
    assert fills[-len(expected) - 1 : -1] == expected  # the last one is the frame
    letters = [element.text for element in root.iter(f"{SVG}text")]
    assert "".join(letters).count("abcde") == 1


def test_a_picture_of_hostile_text_is_text(look):
    model = make_model(text=HOSTILE)
    page = look(page_html(data_of(model, HOSTILE * 2, title=HOSTILE, first="L0.h.0")))
    content, name = saved(page, "Save the text as SVG")
    root = ET.fromstring(content)
    assert {element.tag for element in root.iter()} <= {
        SVG + tag for tag in ("svg", "title", "desc", "rect", "text", "clipPath", "path", "g")
    }
    assert not re.search(r'[<>/\\":*?|\s]', name)
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]


# --- in a frame -----------------------------------------------------------------------------------

CURVE = {"lengths": [1, 10, 100], "mean": [4, 3, 2], "excess": [2, 1, 0], "error": [0.1, 0.1, 0]}
CURVE |= {"effective": 100, "windows": 50}

# By how many pixels a section lies over the line below it.
BELOW = """id => {
    const [box, foot] = [$(id), document.querySelector("footer")];
    const isCut = getComputedStyle(box).overflowY !== "visible";
    const stop = box.getBoundingClientRect().top + (isCut ? box.clientHeight : box.scrollHeight);
    return stop - foot.getBoundingClientRect().top;
}"""


def test_a_page_for_a_frame_shows_one_view_and_what_made_it(look, visit, tiny_model, folder):
    path = folder / "framed.html"
    data = data_of(tiny_model, TEXT) | {"context": CURVE}
    next(u for u in data["units"] if u["name"] == "L1.h.4")["reasons"] = ["inside quotes, AUC 0.97"]
    path.write_text(page_html(data, embed=True), encoding="utf-8")
    visit(path.as_uri())
    around = "<!DOCTYPE html><title>a page</title><iframe width=600 height=320 src='{}'></iframe>"
    page = look(around.format(f"{path.as_uri()}#unit=L1.h.4&at=9"), waits=False)
    frame = page.frames[1]
    frame.wait_for_function("() => address.opening")
    shown = """() => [...document.querySelectorAll("#main > *, .tools")].filter((e) => e.checkVisibility())
        .map((e) => e.id)"""
    assert frame.evaluate(shown) == ["reading", ""]
    assert frame.evaluate(
        "[document.documentElement.scrollHeight, document.documentElement.scrollWidth]"
    ) == [320, 600]
    assert frame.evaluate("$('text').scrollHeight > $('text').clientHeight")
    assert frame.locator("footer").inner_text().startswith(f"{glyph(TEXT[8])}, 9 of 900, L1.h.4 ")
    assert "a test · Made by charrnn" in frame.locator("footer").inner_text()
    assert frame.locator("#unit-about").inner_text() == "inside quotes"
    intro = frame.locator("#intro")
    assert intro.is_hidden()
    frame.get_by_role("button", name="Explain").click()
    assert "Red is positive" in intro.inner_text()
    frame.get_by_role("button", name="Got it").click()
    frame.get_by_role("button", name="Made by charrnn").click()
    assert "--embed" in frame.locator("#tip").inner_text()
    frame.get_by_role("button", name="Words and keys").click()
    frame.locator("#help[open]").get_by_role("button", name="Close").click()
    length = page.evaluate("history.length")
    views = {
        "map": "map",
        "gates": "gates",
        "curves": "curves",
        "reach": "reach",
        "context": "reach",
    }
    for view, own in (views | {"nothing": "reading"}).items():
        ids = [own, ""]
        page.evaluate(
            "hash => { const frame = document.querySelector('iframe'); frame.src = frame.src.split('#')[0] + hash; }",
            f"#view={view}&unit=L0.h.1",
        )
        frame.wait_for_function("() => $('unit-name').textContent === 'L0.h.1'")
        frame.evaluate("address.following")
        assert frame.evaluate(shown) == ids
        assert frame.evaluate(BELOW, own) <= 0
        frame.evaluate("pick(3)")
        frame.evaluate("() => new Promise((f) => setTimeout(f, SETTLED + 20))")
    assert (
        page.evaluate("history.length") <= length + len(views) + 1
    )  # only those of the page around it


@pytest.fixture
def write(workplace, tmp_path, monkeypatch, capsys):
    """A command that writes a page: its bytes, and what was said."""
    monkeypatch.chdir(workplace)

    def run(*arguments, status=0):
        path = tmp_path / "page.html"
        path.unlink(missing_ok=True)
        said = call_charrnn(capsys, *(path if a == "PAGE" else a for a in arguments), status=status)
        return said if status else path.read_text(encoding="utf-8")

    return run


def test_commands_write_pages_for_frames(write):
    for command in (
        ("visualize", "tiny", typed(TEXT[:60]), "--html", "PAGE"),
        ("export", "tiny", "PAGE"),
    ):
        assert '<html lang="en">' in write(*command)
        assert '<html lang="en" data-embed>' in write(*command, "--embed")


@pytest.mark.parametrize(
    "arguments",
    [
        ("visualize", "tiny", "def", "--embed"),
        ("visualize", "tiny", "def", "--with-model"),
        ("visualize", "tiny", "def", "--html", "PAGE", "--with-model", "--counts"),
        ("visualize", "tiny", "def", "--html", "PAGE", "--with-model", "--clamp", "L0.c.1=1"),
        ("export", "tiny", "tiny.c", "--embed"),
    ],
)
def test_what_has_no_effect_on_a_page_is_refused(write, arguments, wording):
    wording(write(*arguments, status=2))


# --- a model in the page --------------------------------------------------------------------------


def test_a_check_box_lets_one_type_on_the_page_of_a_text(look, tiny_model):
    model = exact(tiny_model)
    data = data_of(tiny_model, TEXT)
    page = look(page_html(data | model_inside(model, text=TEXT[:30])))
    page.evaluate("pick(7); go(500, true)")
    usual = seen(page)
    box = page.get_by_role("checkbox", name="Type a text of your own")
    assert page.locator("#live").is_hidden()
    box.check()
    page.locator("#live-text").wait_for()
    page.evaluate("page.typing.work")
    assert page.input_value("#live-text") == TEXT[:30]
    assert page.evaluate("page.data.length") == 30
    scales = {unit["name"]: unit["scale"] for unit in data["units"]}
    full = page.evaluate(
        "Object.fromEntries(page.data.units.map(({ name, full }) => [name, full]))"
    )
    assert {name: full[name] for name in scales} == scales
    read = record(model, TEXT[:30])
    surprisal = page.evaluate("Array.from(page.data.surprisal)")
    np.testing.assert_allclose(surprisal, 1000 * read.surprisal, atol=1)
    page.fill("#live-text", "def")
    page.wait_for_function("() => page.data.length === 3")
    assert "typing=on" in hash_of(page)
    box.uncheck()
    page.evaluate("page.typing.work")
    assert page.locator("#live").is_hidden()
    assert seen(page) == usual
    assert "typing" not in hash_of(page)
    box.check()
    page.wait_for_function("() => page.data.length === 3")
    again = look(page_html(data | model_inside(model, text=TEXT[:30])), "#typing=on&text=abc&at=2")
    assert again.evaluate("[page.data.length, page.at]") == [3, 1]


def test_a_page_has_its_model_where_that_costs_less_than_one_and_a_half_times_its_size(write):
    """For a small model, most of it is the script."""
    command = ("visualize", "demo", typed("def f(x):"), "--html", "PAGE")
    model_size = (ROOT / "demo" / "demo.safetensors").stat().st_size
    page, without = write(*command), write(*command, "--without-model")
    assert len(page) - len(without) < 1.5 * model_size
    assert page == write(*command, "--with-model")
    for others in (("--embed",), ("--clamp", "L0.c.1=1")):
        assert len(write(*command, *others)) < len(without) + 10_000
    small = ("visualize", "tiny", typed("def f(x):"), "--html", "PAGE")
    assert write(*small) == write(*small, "--without-model")
    assert len(write(*small, "--with-model")) > len(write(*small)) + 10_000
