"""Pictures of what visualize shows: every cell keeps its text, sign and value, and no text acts in the file."""

import html
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from io import BytesIO
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from helpers import call_charrnn, examples
from hypothesis import given
from hypothesis import strategies as st
from paints import backgrounds, codes_of, diverging_colors
from recordings import (
    BIDI,
    FAMILY,
    FLAG,
    NASTY,
    TONED,
    by_surprisal,
    by_unit,
    make_recording,
    recordings,
    small_model,
)
from rich.cells import cell_len

from charrnn.errors import UsageError
from charrnn.render.ansi import lines_of
from charrnn.render.glyphs import glyph
from charrnn.render.grid import GAP
from charrnn.render.look import Look
from charrnn.render.palette import ColorMode, Palette, diverging, rising
from charrnn.render.pixels import CELL_WIDTH, MARGIN, ROW_HEIGHT, size_of
from charrnn.render.svg import svg_of
from charrnn.render.views.diagram import diagram_picture, diagram_rows
from charrnn.render.views.heatmap import HeatMap, heat_map_rows
from charrnn.render.views.scale import Scale, described
from charrnn.render.views.symbols import columns_of

SVG = "{http://www.w3.org/2000/svg}"
TRUE = ColorMode.truecolor
HOSTILE = "</text><script>alert(1)</script><!-- ]]> &amp; \"' " + NASTY + BIDI
SCRIPTS = "a中\u0301éשعन 🙂한ｗ\t\n<&>"
TEXT = "def wrap(text):"
needs_matplotlib = pytest.mark.skipif(
    not find_spec("matplotlib"), reason="matplotlib is not installed"
)
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
WIDTHS = st.integers(1, 30)


@pytest.fixture
def see(workplace, monkeypatch, capsys):
    """`charrnn visualize tiny TEXT ARGUMENTS`."""
    monkeypatch.chdir(workplace)

    def run(*arguments, status=0):
        return call_charrnn(capsys, "visualize", "tiny", TEXT, *arguments, status=status)

    return run


def picture_of(shown, width, look=None):
    """A text as a picture."""
    rows = shown.rows(look or Look(TRUE, is_picture=True), width)
    return described(list(rows), [shown.scale])


# --- reading an SVG -------------------------------------------------------------------------------


def hex_of(color):
    return None if color is None else "#{:02x}{:02x}{:02x}".format(*color)


def column_at(x):
    column, rest = divmod(float(x) - MARGIN, CELL_WIDTH)
    assert rest == 0, x
    return int(column)


def labels_at(span):
    """What a span writes: (first cell, label), by the place and length that the file gives it."""
    text = span.text
    if span.get("text-anchor") == "middle":
        return [(column_at(float(span.get("x")) - cell_len(text) * CELL_WIDTH / 2), text)]
    assert len(text) == 1 or int(span.get("textLength")) == CELL_WIDTH * len(text)
    assert all(cell_len(c) == 1 for c in text)
    first = column_at(span.get("x"))
    return [(first + k, c) for k, c in enumerate(text)]


def grounds_of(root):
    """The colour of each cell that has one, by the upper edge of its row and its column."""
    size = (int(root.get("width")), int(root.get("height")))
    grounds = {}
    for rect in root.iterfind(f"{SVG}g/{SVG}rect"):
        x, y, width, height = (int(rect.get(k)) for k in ("x", "y", "width", "height"))
        assert height == ROW_HEIGHT
        assert x + width <= size[0] - MARGIN
        assert y + height <= size[1] - MARGIN
        for column in range(column_at(x), column_at(x + width)):
            assert (y, column) not in grounds
            grounds[y, column] = rect.get("fill")
    return grounds


def rows_of(svg):
    """The rows of an SVG from the top, each as {first cell: (label, ground, span)}."""
    root = ET.fromstring(svg)
    grounds = grounds_of(root)
    rows = []
    for row in root.iter(f"{SVG}text"):
        top = int(row.get("y")) - 15
        cells = [(column, label, span) for span in row for column, label in labels_at(span)]
        rows.append({c: (label, grounds.get((top, c)), span) for c, label, span in cells})
    return rows


def written(row):
    """The text of a row."""
    return "".join(label for label, *_ in row.values())


def stretches(scene, width, **options):
    """The rows of each folded line of a text: the text, its values, its guesses."""
    depth = scene.depth
    colored, digits = options.get("colored", True), options.get("digits", False)
    look = Look(TRUE if colored else ColorMode.none, digits=digits, is_picture=True)
    digits = digits or not colored
    notes = 1 + colored + digits + (depth > 0)
    rows = rows_of(svg_of(picture_of(scene, width, look)))[notes:]
    height = 1 + digits * (1 + scene.scale.is_signed) + depth
    assert len(rows) % height == 0
    return [rows[k : k + height] for k in range(0, len(rows), height)]


def starts(scene, row, first):
    """Where the columns of a row begin, by the widths of their symbols and guesses; and the next column."""
    place, t, found = 0, first, {}
    last = max(row)
    while place <= last:
        found[t] = place
        guesses = scene.part.guesses[t] if scene.depth else ()
        labels = [scene.part.columns[t].label, *(g.label for g in guesses)]
        place += max(map(cell_len, labels))
        t += 1
    return found, t


# --- the laws of the terminal hold in pictures ----------------------------------------------------


@examples(80)
@given(recording=recordings(0), width=WIDTHS)
def test_every_symbol_has_its_own_cells_with_its_text_sign_and_value(recording, width):
    scene, colors, t = by_unit(recording), [hex_of(c) for c in diverging_colors()], 0
    values = recording.arrays["h"][:, 0, 0].tolist()
    for (row,) in stretches(scene, width):
        places, after = starts(scene, row, t)
        assert list(places.values()) == list(row)
        assert max(row) + cell_len(row[max(row)][0]) <= width or len(places) == 1
        for column, (label, ground, _) in zip(range(t, after), row.values(), strict=True):
            assert label == glyph(recording.text[column])
            level = colors.index(ground) - 16
            assert np.sign(level) == np.sign(values[column])
            middle = (abs(level) - 0.5) / 16 if level else 0
            assert abs(middle - abs(values[column])) <= 1 / 32 + 1e-6
        assert "\n" not in recording.text[t : after - 1]
        t = after
    assert t == len(recording.text)


@examples(60)
@given(recording=recordings(3), width=WIDTHS, colored=st.booleans())
def test_guesses_stand_under_their_symbol_and_the_one_that_came_is_underlined(
    recording, width, colored
):
    scene, ramp, t = by_unit(recording), rising(TRUE), 0
    for rows in stretches(scene, width, colored=colored):
        places, after = starts(scene, rows[0], t)
        for column, place in places.items():
            assert rows[0][place][0] == glyph(recording.text[column])
            for rank, row in enumerate(rows[-scene.depth :]):
                label, ground, span = row[place]
                guess = scene.part.guesses[column][rank]
                assert label == guess.label
                assert (span.get("text-decoration") == "underline") == guess.is_true
                assert (span.get("font-weight") == "bold") == guess.is_true
                level = ramp.level(guess.probability, 1.0)
                assert ground == (hex_of(backgrounds(ramp)[level]) if colored else None)
        t = after
    assert t == len(recording.text)


@examples(60)
@given(recording=recordings(0), width=WIDTHS, colored=st.booleans())
def test_digits_say_what_the_colours_say(recording, width, colored):
    scene, t = by_unit(recording), 0
    for rows in stretches(scene, width, digits=True, colored=colored):
        places, after = starts(scene, rows[0], t)
        for column, place in places.items():
            value = float(recording.arrays["h"][column, 0, 0])
            size = round(9 * abs(value))
            assert rows[-1][place][0] == str(size)
            if len(rows) == 3:
                sign = rows[1].get(place, " ")[0]
                assert sign == (" " if not value else "+" if value > 0 else "-")
            assert (rows[0][place][1] is not None) == (colored and value != 0)
        t = after
    assert t == len(recording.text)


def test_ink_is_legible_on_its_ground_and_both_are_always_set():
    scene = by_unit(make_recording("x" * 33, np.linspace(-1, 1, 33)))
    root = ET.fromstring(svg_of(picture_of(scene, 80)))
    paper = root.find(f"{SVG}rect")
    assert (paper.get("width"), paper.get("height")) == (root.get("width"), root.get("height"))
    assert (paper.get("fill"), root.findall(f"{SVG}g")[1].get("fill")) == ("#ffffff", "#000000")
    ((row,),) = stretches(scene, 80)
    inks = [span.get("fill", "#000000") for _, _, span in row.values()]
    codes = codes_of(diverging(TRUE))  # with ink as the terminal gets it; test_palette.py judges it
    terminal = [
        hex_of(map(int, re.findall(r"\d+", code)[2:5])) if code else "#000000" for code in codes
    ]
    assert inks == terminal
    assert set(inks) == {"#000000", "#ffffff"}


def test_a_legend_has_every_colour_from_end_to_end():
    recording = make_recording("ab", [-1, 1])
    look, (first, second) = (
        Look(TRUE, is_picture=True),
        (by_unit(recording), by_surprisal(recording)),
    )
    rows = [*first.rows(look, 80), GAP, *second.rows(look, 80)]
    svg = svg_of(described(rows, [first.scale, second.scale]))
    fills = [r.get("fill") for r in ET.fromstring(svg).iterfind(f"{SVG}g/{SVG}rect")]
    colors = [hex_of(c) for c in diverging_colors()]
    assert fills[:32] == [color for color in colors if color]  # zero is the paper
    assert fills[34 : 34 + 16] == colors[17:]
    said = list(map(written, rows_of(svg)))
    assert said[:3] == ["L0.h.0   -1.00 to +1.00 here", "-1.00 0 +1.00", "ab"]
    assert said[3].startswith("surprisal   1.000 bits per character on average")
    assert said[4] == "0 8.00"


ESCAPES = re.compile(r"(?:\x1b\[(?:[\d;]*48;2;(\d+);(\d+);(\d+))?[\d;]*m)|(.)", re.DOTALL)


def cells_of(line):
    """What a terminal shows of a line: {first cell: character}, and {cell: ground}."""
    labels, grounds, ground, place = {}, {}, None, 0
    for *rgb, character in ESCAPES.findall(line):
        if not character:
            ground = hex_of(map(int, rgb)) if rgb[0] else None
            continue
        if cell_len(character):
            labels[place] = character
        else:
            labels[max(labels)] += character
        for _ in range(cell_len(character)):
            grounds[place] = ground
            place += 1
    return (
        {c: label for c, label in labels.items() if label != " "},
        {c: g for c, g in grounds.items() if g},
    )


@examples(60)
@given(
    text=st.text(st.sampled_from(SCRIPTS + "abcde"), min_size=1, max_size=25),
    width=st.integers(1, 40),
    mode=st.sampled_from([TRUE, ColorMode.none]),
    digits=st.booleans(),
    palette=st.sampled_from(list(Palette)),
    low=st.sampled_from([-1.3, 0.0]),
    seed=st.integers(0, 99),
)
def test_a_heat_map_has_the_cells_of_the_terminal_s(text, width, mode, digits, palette, low, seed):
    values = np.random.default_rng(seed).uniform(low, 1.3, (3, len(text))).astype(np.float32)
    columns = columns_of(make_recording(text, [0] * len(text)))
    scale = Scale("L0.h.*   three units", 1.0, is_signed=bool((values < 0).any()))
    shown = HeatMap(["L0.h.3", "L0.h.12", "L1.h.0"], [1.0] * 3, scale)
    look = Look(mode, palette, digits)
    lines = list(filter(None, lines_of(heat_map_rows([(columns, values)], shown, look, width))))
    rows = list(heat_map_rows([(columns, values)], shown, replace(look, is_picture=True), width))
    root = ET.fromstring(svg_of(described(rows, [scale])))
    grounds = grounds_of(root)
    rows = [
        (
            {c: label for span in row for c, label in labels_at(span) if label != " "},
            {c: g for (y, c), g in grounds.items() if y == int(row.get("y")) - 15},
        )
        for row in root.iter(f"{SVG}text")
    ]
    above = 3 if digits and mode == TRUE else 2  # the legend
    assert rows[above:] == list(map(cells_of, lines))[above:]
    assert len(rows[above:]) % (4 if mode == TRUE or not low else 1) == 0


# --- the file -------------------------------------------------------------------------------------


def test_a_small_picture_to_the_letter():
    scene = by_unit(make_recording("a<中\n", [0, 0, -1, 1]))
    lines = svg_of(picture_of(scene, 80)).decode().splitlines()
    assert lines[:5] == [
        '<svg xmlns="http://www.w3.org/2000/svg" width="433" height="98" viewBox="0 0 433 98">',
        "<title>charrnn: L0.h.0</title>",
        (
            "<desc>A text, with values for each of its characters. "
            "L0.h.0   -1.00 to +1.00 here, full scale 1.00.</desc>"
        ),
        '<rect width="433" height="98" rx="6" fill="#ffffff"/>',
        '<g shape-rendering="crispEdges">',
    ]
    assert lines[37:39] == [
        '<rect x="32" y="64" width="18" height="20" fill="#2f78b5"/>',
        '<rect x="50" y="64" width="9" height="20" fill="#c94641"/>',
    ]
    assert lines[-3:] == [
        (
            '<text y="79" xml:space="preserve" direction="ltr" unicode-bidi="bidi-override">'
            '<tspan x="14" textLength="18">a&lt;</tspan>'
            '<tspan x="41" text-anchor="middle" fill="#ffffff">中</tspan>'
            '<tspan x="50" fill="#ffffff">↵</tspan></text>'
        ),
        "</g>",
        "</svg>",
    ]


def test_only_the_guess_that_came_is_underlined_not_the_cells_beside_it():
    recording = make_recording("aaa", [0] * 3, [[(0, 0.5), (1, 0.5)]] * 3, "a中")
    *_, rows = stretches(by_unit(recording), 80)
    marked = [s.text for *_, s in rows[1].values() if s.get("text-decoration")]
    assert marked == ["a", "a"]


def test_letters_that_run_to_the_left_are_placed_one_by_one():
    ((row,),) = stretches(by_unit(make_recording("abשלوم12", [1] * 8)), 80)
    assert [s.text for *_, s in row.values()] == ["ab", "ab", *"שלوم", "12", "12"]


def harmless_elements(svg):
    root = ET.fromstring(svg)
    names = {e.tag.removeprefix(SVG) for e in root.iter()}
    assert names <= {"svg", "title", "desc", "rect", "g", "text", "tspan"}
    attributes = {name for e in root.iter() for name in e.keys()}  # noqa: SIM118
    assert not {a for a in attributes if a.startswith("on") or "href" in a or "src" in a}
    assert all(e.text.isprintable() for e in root.iter() if e.text and e.text.strip())
    return root


@examples(60)
@given(text=st.text(st.sampled_from(HOSTILE + FAMILY + FLAG + TONED) | st.characters(), min_size=1))
def test_no_text_acts_in_an_svg(text):
    recording = make_recording(text, [0.5] * len(text))
    root = harmless_elements(svg_of(picture_of(by_unit(recording, note=text), 80)))
    rows = list(root.iter(f"{SVG}text"))
    assert "".join("".join(row.itertext()) for row in rows[2:]) == "".join(map(glyph, text))


def test_no_symbol_acts_in_a_diagram():
    symbols = "".join(sorted(set(HOSTILE) - {"\ud800"}))[:40]
    model = small_model(symbols)
    harmless_elements(svg_of(diagram_picture(model.read(symbols, top=40), "h", Look(TRUE), 80)))


@pytest.mark.parametrize(
    ("colored", "palette"), [(True, Palette.rdbu), (True, Palette.vik), (False, Palette.rdbu)]
)
def test_a_diagram_has_the_rows_of_the_terminal_s(colored, palette):
    recording = small_model(num_layers=2).read("hello", top=4)
    look = Look(TRUE if colored else ColorMode.none, palette, is_picture=True)
    rows = rows_of(svg_of(diagram_picture(recording, "h", look, 80)))
    plain = lines_of(diagram_rows(recording, "h", Look(ColorMode.none), 80))
    lines = [line.split() for line in plain]
    words = [" ".join("".join(map(str, written(row))).split()) for row in rows]
    assert words[:-5] == [" ".join(line) for line in lines[:-5]]
    assert words[-4:] == [" ".join(line).replace("*", "") for line in lines[-4:]]
    underlined = [
        sum(span.get("text-decoration") == "underline" for span in {s for *_, s in row.values()})
        for row in rows[-4:]
    ]
    assert underlined == [" ".join(line).count("*") for line in lines[-4:]]
    activations = [c for row in rows if written(row).startswith("  L") for c in row.values()]
    colors = {ground for _, ground, _ in activations if ground}
    assert colors <= set(map(hex_of, diverging_colors(palette)))
    assert bool(colors) == colored
    drawn = "".join(lines_of(diagram_rows(recording, "h", Look(TRUE, palette), 80)))
    shades = {hex_of(map(int, g)) for g in re.findall(r"48;2;(\d+);(\d+);(\d+)m", drawn)}
    assert colors <= shades


def test_a_narrow_diagram_goes_on_below():
    recording = small_model().read("hello", top=4)
    rows = rows_of(svg_of(diagram_picture(recording, "h", Look(TRUE), 24)))
    assert [written(row).split() for row in rows if set(written(row)) <= set(" helo")][0:1] == [
        ["h", "e"]
    ]
    assert sum(written(row) == "input" for row in rows) == 3
    for width in range(17, 46):
        rows = rows_of(svg_of(diagram_picture(recording, "h", Look(TRUE), width)))
        assert max(c for row in rows for c, (_, ground, _) in row.items() if ground) < width


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")
def test_in_a_browser_every_character_stands_in_its_cell(tmp_path):
    recording = make_recording(f"   {SCRIPTS}  wide", np.linspace(-1, 1, len(SCRIPTS) + 9))
    svg = svg_of(picture_of(by_unit(recording), 80, Look(TRUE, digits=True, is_picture=True)))
    measure = """
      const found = [];
      for (const span of document.querySelectorAll("tspan"))
        for (let k = 0; k < [...span.textContent].length; k++)
          found.push([span.textContent, k, span.getNumberOfChars(), span.getStartPositionOfChar(k).x]);
      document.body.textContent = JSON.stringify(found);"""
    page = tmp_path / "page.html"
    page.write_text(
        f"<meta charset=utf-8><body>{svg.decode()}<script>{measure}</script>", encoding="utf-8"
    )
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    done = subprocess.run(
        [CHROMIUM, *options, f"--user-data-dir={tmp_path}", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        check=True,
    )
    body = re.search(r"<body>(.*)</body>", done.stdout, re.DOTALL)[1]
    found = iter(json.loads(html.unescape(body)))
    spans = list(ET.fromstring(svg).iter(f"{SVG}tspan"))
    checked = 0
    for span in spans:
        for k in range(len(span.text)):
            text, index, count, x = next(found)
            assert (text, index) == (span.text, k)
            if span.get("text-anchor") is None:
                assert count == len(text)
                assert abs(x - float(span.get("x")) - k * CELL_WIDTH) < 1
                checked += 1
    assert checked > 100


# --- PNG ------------------------------------------------------------------------------------------


def image_of(sheet):
    from PIL import Image

    from charrnn.render.png import png_of

    return np.asarray(Image.open(BytesIO(png_of(sheet))).convert("RGB"))


@needs_matplotlib
def test_a_png_has_the_colours_of_the_ramp_in_the_places_of_the_svg():
    values = [0.04, -0.5, 1, -1, 0.3, 0.06, 0, 1]
    sheet = picture_of(by_unit(make_recording("a中\té\nb 🙂", values)), 3)
    image = image_of(sheet)
    width, height = size_of(sheet)
    assert image.shape == (2 * height, 2 * width, 3)
    assert (image[0, 0] == 255).all()
    root = ET.fromstring(svg_of(sheet))
    rects = list(root.iterfind(f"{SVG}g/{SVG}rect"))
    assert len(rects) > 33
    for rect in rects:
        x, y, width, height = (2 * int(rect.get(k)) for k in ("x", "y", "width", "height"))
        for corner in ((y, x), (y, x + width - 1), (y + height - 1, x)):
            assert hex_of(image[corner]) == rect.get("fill")


@needs_matplotlib
@pytest.mark.parametrize("text", ["a", "ä", "◌", "\u0301", "\n", "ع", "中", "🙂", "\x1b", " "])
def test_a_png_draws_something_in_every_cell_but_a_space_s(text):
    sheet = picture_of(by_unit(make_recording(text, [0.0])), 80)
    image = image_of(sheet)
    y, x, cells = 2 * (size_of(sheet)[1] - MARGIN - ROW_HEIGHT), 2 * MARGIN, cell_len(glyph(text))
    cell = image[y : y + 2 * ROW_HEIGHT, x : x + 2 * CELL_WIDTH * cells]
    assert (cell == 255).all() == (text == " ")
    beside = image[y : y + 2 * ROW_HEIGHT, x + 2 * CELL_WIDTH * cells :]
    assert (beside == 255).all()


@needs_matplotlib
def test_what_the_font_lacks_is_known():
    from charrnn.render.png import boxed

    sheet = picture_of(by_unit(make_recording("aé中ع🙂\n", [0] * 6)), 80)
    assert boxed(sheet) == {"中", "🙂"}
    sheet = picture_of(by_unit(make_recording("中", [0.0])), 80)
    row = image_of(sheet)[-2 * (MARGIN + ROW_HEIGHT // 2), 2 * MARGIN :]
    ink = np.flatnonzero((row[: 4 * CELL_WIDTH] == 0).all(axis=-1))
    assert ink.tolist() == [4, 5, 31, 32]  # the sides of a box as wide as the character


@needs_matplotlib
def test_a_png_that_few_programs_could_show_is_refused(wording):
    with wording.raises(UsageError) as refused:
        image_of(picture_of(by_unit(make_recording("\n" * 900, [0] * 900)), 80))
    assert "max_chars" in refused.value.hint


# --- the command ----------------------------------------------------------------------------------


def text_of(path):
    """What the rows of an SVG file say."""
    return list(map(written, rows_of(path.read_bytes())))


def test_an_svg_is_written_instead_of_lines_and_is_the_same_each_time(see, tmp_path):
    result = see("--unit", "L0.h.3", "--unit", "L1.c.20", "--svg", tmp_path / "a.svg")
    assert result.out == ""
    assert re.fullmatch(r"charrnn: wrote .*a\.svg \(\d+\.\d kB\)\n", result.err)
    rows = text_of(tmp_path / "a.svg")
    assert rows.count(TEXT) == 2
    assert [row.split()[0] for row in rows if row.startswith("L")] == ["L0.h.3", "L1.c.20"]
    again = see("--unit", "L0.h.3", "--unit", "L1.c.20", "--svg", tmp_path / "b.svg", "-q")
    assert again.err == again.out == ""
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_picture_goes_with_the_options_of_the_terminal(see, tmp_path):
    svg, shown = tmp_path / "a.svg", ("--surprisal", "--what", "c", "--predictions", 2)
    see(*shown, "--width", 4, "--max-chars", 6, "--color", "none", "--svg", svg)
    out = see(*shown, "--width", 4, "--max-chars", 6, "--color", "none").out
    titles = [line for line in out.splitlines() if "here" in line or "average" in line]
    rows = text_of(svg)
    assert [row for row in rows if "here" in row or "average" in row] == titles
    assert len(titles) == 2
    assert [row for row in rows if row in ("def ", "wr")] == ["def ", "wr"] * 2
    assert 'fill="#67001f"' not in svg.read_text(encoding="utf-8")


def test_heat_maps_come_after_what_colours_the_text_as_in_the_terminal(see, tmp_path):
    maps = ("--unit", "L0.c.*", "--sort", "similarity", "--unit", "L*.h.0-3")
    for shown in (maps, (*maps, "--surprisal", "--unit", "L1.f.3")):
        see(*shown, "--color", "none", "--svg", tmp_path / "a.svg")
        lines = see(*shown, "--color", "none", "--width", 80).out.splitlines()
        rows = [row.rstrip() for row in text_of(tmp_path / "a.svg")]
        kept = [line.rstrip() for line in lines if line]
        assert rows == kept
        title = re.search("<title>(.*)</title>", (tmp_path / "a.svg").read_text())[1]
        assert title.endswith("L0.c.*, L*.h.0-3")
        assert title.startswith("charrnn: surprisal, L1.f.3, " if len(shown) > 6 else "charrnn: L0")


def test_a_line_of_a_picture_has_80_cells(see, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "33")
    svg = tmp_path / "a.svg"
    call_charrnn(capsys, "visualize", "tiny", "a" * 200, "--unit", "L0.h.3", "--svg", svg)
    assert [len(row) for row in text_of(svg)[2:]] == [80, 80, 40]


def test_digits_bits_and_palettes_are_drawn_too(see, tmp_path, wording):
    svg, shown = tmp_path / "a.svg", ("--unit", "L0.h.3", "--surprisal", "--digits")
    see(*shown, "--palette", "vik", "--svg", svg)
    rows = [row.rstrip() for row in text_of(svg)]
    lines = see(*shown, "--color", "none").out.splitlines()
    assert rows[-3:] == [line.rstrip() for line in lines[-3:]]
    assert hex_of(diverging_colors(Palette.vik)[-1]) in svg.read_text(encoding="utf-8")
    wording(see("--svg", svg, "--pager", status=2))


def test_an_svg_needs_nothing_that_is_not_installed(see, tmp_path, monkeypatch, wording):
    for module in ("matplotlib", "PIL"):
        monkeypatch.setitem(sys.modules, module, None)
    see("--svg", tmp_path / "a.svg")
    wording(see("--png", tmp_path / "a.png", "--svg", tmp_path / "b.svg", status=6))
    assert not (tmp_path / "b.svg").exists()


@needs_matplotlib
def test_both_kinds_may_be_written_at_once(see, tmp_path):
    files = [tmp_path / name for name in ("a.svg", "a.png")]
    result = see("--svg", files[0], "--png", files[1])
    assert result.out == ""
    assert result.err.count("wrote") == 2
    assert all(file.stat().st_size > 1000 for file in files)
    assert files[1].read_bytes().startswith(b"\x89PNG")


@needs_matplotlib
def test_what_a_png_cannot_show_is_said(workplace, monkeypatch, capsys, tmp_path, wording):
    monkeypatch.chdir(workplace)
    arguments = ("bytes", "a中", "--unit", "L0.h.3", "--png", tmp_path / "a.png")
    wording(call_charrnn(capsys, "visualize", *arguments))


@pytest.mark.parametrize(
    "options",
    [
        ("--svg", "a.png"),
        ("--png", "a.svg"),
        ("--svg", "nowhere/a.svg"),
        ("--svg", "checkpoints"),
        ("--svg", "a.svg", "--color", "256"),
        ("--svg", "a.svg", "--diagram"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(see, workplace, options, wording):
    result = see(*options, "-q", status=2)
    wording(result)
    assert not (workplace / "a.svg").exists()


def test_a_picture_that_cannot_be_written_leaves_the_old_one(see, tmp_path, wording):
    (tmp_path / "a.svg").symlink_to("/dev/full")
    wording(see("--svg", tmp_path / "a.svg", status=6))
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]
