"""Texts in colors: any text keeps its cells, any value its sign, and no text acts."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from helpers import examples
from hypothesis import example, given
from hypothesis import strategies as st
from paints import code_of, codes_of, escape
from recordings import (
    CHARACTER,
    FAMILY,
    FLAG,
    TONED,
    by_surprisal,
    by_unit,
    make_recording,
    recordings,
)
from rich.cells import cell_len
from wcwidth import iter_graphemes

from charrnn.render.ansi import line_of, lines_of
from charrnn.render.glyphs import glyph
from charrnn.render.graphemes import Graphemes
from charrnn.render.grid import GAP, GridRow, row_of, words
from charrnn.render.look import Look
from charrnn.render.palette import (
    PLAIN,
    ColorMode,
    Paint,
    diverging,
    rising,
)
from charrnn.render.views.scale import FULL_SURPRISAL
from charrnn.render.views.text import (
    surprisal_scale,
    text_parts,
    text_rows,
    unit_scale,
    unit_values,
)

NONE, FEW, MANY, TRUE = ColorMode
MARKED = re.compile(r"\x1b\[([0-9;]*)m|(.)", re.DOTALL)

# --- layout ---------------------------------------------------------------------------------------


def terminal_lines(shown, mode, width):
    return lines_of(shown.rows(Look(mode), width))


def stretches(scene, mode, width):
    """The rows of each folded line of a text: the text, its values, its guesses."""
    num_guesses, has_digits = scene.depth, mode == NONE
    lines = list(terminal_lines(scene, mode, width))[3 if num_guesses else 2 :]
    depth = 1 + has_digits * (1 + scene.scale.is_signed) + num_guesses
    gap = 1 if num_guesses or has_digits else 0
    assert all(line == "" for line in lines[depth :: depth + gap] if gap)
    return [lines[k : k + depth] for k in range(0, len(lines), depth + gap)]


def cells(row):
    """What a row has by its first cell: (character with its marks, colour, whether underlined)."""
    offset, color, underlined, found = 0, "", False, {}
    for match in MARKED.finditer(row):
        codes, character = match.groups()
        if codes in ("1;4", "4", "22;24"):
            underlined = codes != "22;24"
        elif codes is not None:
            color = match[0] if codes != "0" else ""
        elif cell_len(character):
            found[offset] = (character, color, underlined)
            last, offset = offset, offset + cell_len(character)
        else:
            found[last] = (found[last][0] + character, *found[last][1:])
    assert (color, underlined) == ("", False), "runs on into the next line"
    return found


def part_of(recording, start, end):
    """What a reading of the symbols from start to end would have recorded."""
    following = int(recording.ids[end]) if end < len(recording.ids) else None
    part = slice(start, end)
    return replace(
        recording,
        text=recording.text[part],
        ids=recording.ids[part],
        pieces=recording.pieces[part],
        surprisal=recording.surprisal[part],
        arrays={name: array[part] for name, array in recording.arrays.items()},
        next_ids=recording.next_ids[part],
        next_probabilities=recording.next_probabilities[part],
        start=start,
        start_char=start,
        following=following,
    )


def stripped(row):
    return re.sub(r"\x1b\[[0-9;]*m", "", row)


def levels_of(codes, ramp):
    """The part of the full scale that each colour stands for: the middle of its level."""
    known = codes_of(ramp)
    levels = [known.index(c) - ramp.neutral for c in codes]
    return [(level - np.sign(level) / 2) / ramp.neutral for level in levels]


@pytest.mark.parametrize("mode", ColorMode)
@examples(150)
@given(recording=recordings(0), width=st.integers(1, 30))
@example(recording=make_recording("a\x1b[31mb中\n\n", [0.5] * 10), width=3)
def test_every_symbol_has_one_group_of_cells_with_its_value(mode, recording, width):
    scene = by_unit(recording)
    labels, offsets, codes, digits, signs = [], [], [], [], []
    for rows in stretches(scene, mode, width):
        text = cells(rows[0])
        labels += [label for label, *_ in text.values()]
        codes += [color for _, color, _ in text.values()]
        digits += [cells(rows[-1]).get(place, ("",))[0] for place in text]
        signs += [cells(rows[1]).get(place, (" ",))[0] for place in text] if len(rows) == 3 else []
        offsets += text
        assert cell_len(stripped(rows[0])) <= width or len(text) == 1
        assert (
            "↵"
            not in list(map(glyph, recording.text[: len(labels) - 1]))[len(labels) - len(text) :]
        )
        assert all(stripped(row).isprintable() for row in rows)
        assert mode != NONE or "\x1b" not in "".join(rows)
    assert labels == [glyph(c) for c in recording.text]
    values = recording.arrays["h"][:, 0, 0].tolist()
    if mode != NONE:
        found, step = levels_of(codes, diverging(mode)), 0.5 / diverging(mode).neutral
        assert np.sign(found).tolist() == np.sign(values).tolist()
    else:
        found = [
            int(d) / 9 * (-1 if s == "-" else 1)
            for d, s in zip(digits, signs or digits, strict=True)
        ]
        step = 0.5 / 9
        assert not signs or signs == ["- +"[int(np.sign(v)) + 1] for v in values]
    for level, value in zip(found, values, strict=True):
        assert abs(level - value) <= step + 1e-6  # 1/32 in true colour


CLUSTERS = st.sampled_from(
    [FAMILY, FLAG, TONED, "e\u0301", "क्षि", "\r\n", "\u1112\u1161", "a", "中"]
)


@pytest.mark.parametrize("mode", ColorMode)
@examples(100)
@given(text=st.lists(CLUSTERS, min_size=1, max_size=8).map("".join), width=st.integers(1, 12))
@example(text="abe\u0301", width=3)
def test_no_line_breaks_a_grapheme_that_fits_it(mode, text, width):
    recording = make_recording(text, [0.5] * len(text))
    scene = by_unit(recording)
    found = [rows[0] for rows in stretches(scene, mode, width)]
    assert all(cell_len(stripped(row)) <= width or len(cells(row)) == 1 for row in found)
    ends = set(np.cumsum([len(cells(row)) for row in found]).tolist())
    place = 0
    for cluster in iter_graphemes(recording.text):
        inner = range(place + 1, place + len(cluster))
        fits = sum(cell_len(glyph(c)) for c in cluster) <= width
        place += len(cluster)
        assert not (fits and ends & set(inner))


@examples(100)
@given(recording=recordings(2), width=st.integers(1, 30), data=st.data())
def test_a_text_in_parts_is_shown_as_the_whole_is(recording, width, data):
    mode = data.draw(st.sampled_from(list(ColorMode)))
    digits = data.draw(st.booleans())
    T = len(recording.text)
    cuts = sorted(data.draw(st.sets(st.integers(1, T), max_size=4)) | {0, T})
    scale, look, values = (
        unit_scale(recording, 0, "h", 0),
        Look(mode, digits=digits),
        unit_values(0, "h", 0),
    )

    def lines(recordings):
        parts = text_parts(recordings, values, surprisal=True)
        return list(lines_of(text_rows(parts, scale, look, width)))

    whole = lines([recording])
    assert lines(part_of(recording, a, b) for a, b in pairwise(cuts)) == whole


@given(st.lists(st.text(CHARACTER, max_size=6), max_size=5))
def test_graphemes_are_found_in_a_text_that_comes_in_parts(parts):
    finder = Graphemes()
    found = [begin for part in parts for begin in finder.begins(list(part))]
    clusters = iter_graphemes("".join(parts))
    assert found == [k == 0 for cluster in clusters for k in range(len(cluster))]


def test_the_bytes_of_a_grapheme_belong_together():
    pieces = ["a", "", "", "中", "e", "", "\u0301", "\r", "\n", "", "é"]
    assert Graphemes().begins(pieces) == [c == "1" for c in "11001001010"]
    finder = Graphemes()  # cut within a character: its first bytes are not said to begin anything
    assert finder.begins(["a", "", ""]) == [True, False, False]
    assert finder.begins(["中", "b"]) == [False, True]


@pytest.mark.parametrize("mode", ColorMode)
@examples(100)
@given(recording=recordings(3), width=st.integers(1, 30))
def test_guesses_stand_under_their_symbol_and_the_one_that_came_is_marked(mode, recording, width):
    scene = by_unit(recording)
    ramp, mark, t = rising(mode), int(mode == NONE), 0
    for rows in stretches(scene, mode, width):
        first, place, parsed = t, 0, [cells(row) for row in rows]
        while place in parsed[0]:
            assert parsed[0][place][0] == glyph(recording.text[t])
            for row, s, chance in zip(
                parsed[-scene.depth :],
                recording.next_ids[t],
                recording.next_probabilities[t],
                strict=True,
            ):
                label, color, underlined = row[place]
                came = (
                    t + 1 < len(recording.text) and recording.text[t + 1] == recording.next_text[s]
                )
                assert label == glyph(recording.next_text[s])
                star = row.get(place + cell_len(label), ("",))[0] == "*"
                assert came == (underlined if mode != NONE else star)
                assert mode == NONE or color == code_of(ramp, chance, 1.0)
            widest = max(cell_len(glyph(recording.next_text[s])) for s in recording.next_ids[t])
            place += max(scene.part.columns[t].width, widest + mark)
            t += 1
        assert place <= width or t == first + 1
        filled = [cell_len(stripped(row)) for row in rows]
        assert max(filled) <= place  # blanks at the end are left out where they have no color
    assert t == len(recording.text)


def shown(scene, mode, width):
    return "\n".join(line.rstrip(" ") for line in terminal_lines(scene, mode, width))


def test_the_plain_form_gives_sign_and_size_in_digits():
    scene = by_unit(make_recording("a中\té\nb", [0.04, -0.5, 1, -1, 0.3, 0.06]))
    assert shown(scene, NONE, 3) == (
        "L0.h.0   -1.00 to +1.00 here\n"
        "under each character: sign and size of the value, 9 is 1.00\n"
        "a中\n+-\n04\n\n→é↵\n+-+\n993\n\nb\n+\n1"
    )


def test_the_plain_form_stars_the_guess_that_came():
    guesses = [[(1, 0.9), (2, 0.1)], [(3, 0.6), (2, 0.4)], [(0, 0.5), (1, 0.5)], [(0, 1), (2, 0)]]
    scene = by_unit(make_recording("ab中\n", [0.5, 1, 0, 0], guesses, "ab中\n"))
    assert shown(scene, NONE, 80) == (
        "L0.h.0   +0.00 to +1.00 here\n"
        "under each character: size of the value, 9 is 1.00\n"
        "then the most likely next characters, * after the actual one\n"
        "a  b  中↵\n"
        "4  9  0 0\n"
        "b* ↵  a a\n"
        "中 中*b 中"
    )


def test_the_coloured_form_has_a_bar_of_its_colours_and_underlines_the_guess_that_came():
    scene = by_unit(make_recording("ab", [0, -1], [[(1, 0.9)], [(0, 0.1)]], "ab"))
    low, none = "\x1b[97;44m", "\x1b[0m"
    assert shown(scene, FEW, 80) == (
        "L0.h.0   -1.00 to +0.00 here\n"
        f"-1.00 {low} \x1b[30;106m {none}0\x1b[30;103m \x1b[97;41m {none} +1.00\n"
        "under each character: the most likely next characters, green if likely; the actual one underlined\n"
        f"a{low}b{none}\n"
        f"\x1b[30;42m\x1b[4mb\x1b[22;24m{none}a"
    )


def test_true_colour_and_256_colours_set_ink_and_ground():
    scene = by_unit(make_recording("ab", [0, -1]))
    assert list(terminal_lines(scene, TRUE, 9))[2] == (
        "a\x1b[38;2;255;255;255;48;2;47;120;181mb\x1b[0m"
    )
    assert list(terminal_lines(scene, MANY, 9))[2] == "a\x1b[38;5;231;48;5;26mb\x1b[0m"


# --- lines ----------------------------------------------------------------------------------------

RED, BLUE = Paint((0, 0, 0), (255, 0, 0)), Paint((0, 0, 0), (0, 0, 255))
PAINTS = [PLAIN, RED, BLUE, Paint(bold=True), Paint(12), Paint(0, 9, underlined=True)]


@st.composite
def grid_rows(draw):
    """Any cells: labels, blanks, more width than needed, any paint."""
    labels = st.sampled_from(["", " ", "a", "ab", "中", "◌\u0301", "é"])
    texts = draw(st.lists(labels, max_size=12))
    widths = [max(cell_len(text) + draw(st.integers(0, 2)), 1) for text in texts]
    return GridRow(texts, widths, [draw(st.sampled_from(PAINTS)) for _ in texts])


@given(grid_rows())
def test_every_cell_of_a_row_has_its_place_and_its_color_on_a_terminal(row):
    line = line_of(row)
    found, place = cells(line.replace("\x1b[1m", "")), 0
    for text, width, paint in zip(row.texts, row.widths, row.paints, strict=True):
        color = Paint(paint.foreground, paint.background)
        code = "" if color is PLAIN else escape(color)
        if text.strip():
            label = next(iter(cells(text[:1]).values()))[0] if len(text) > 1 else text
            assert found[place][0].startswith(label)
            assert found[place][1:] == (code, paint.underlined)
        elif paint.background:
            assert all(found[place + k][:2] == (" ", code) for k in range(width))
        place += width
    assert cell_len(stripped(line)) <= place
    assert line.count("\x1b[22;24m") == sum(p.bold or p.underlined for p in row.paints)


def test_blanks_at_the_end_of_a_line_are_left_out_but_not_the_spaces_of_a_text():
    row = words("a ") + words("", width=3) + words("b", width=4)
    assert line_of(row) == "a    b"
    assert line_of(words("a ") + words("", width=3)) == "a "
    assert line_of(words("", RED, 2)) == escape(RED) + "  \x1b[0m"
    assert line_of(GAP) == line_of(row_of([])) == ""


# --- scenes ---------------------------------------------------------------------------------------


def test_a_byte_that_completes_no_character_is_shown_by_its_number():
    recording = make_recording("中\n", [0.1, 0.2])
    parts = {"pieces": ("", "", "中", "\n"), "ids": np.array([0xE4, 0xB8, 0xAD, 10])}
    values = {
        "arrays": {"h": np.zeros((4, 1, 1), np.float32)},
        "surprisal": np.array([0, 1, 2, 3.0]),
    }
    nothing = np.zeros((4, 0))
    recording = replace(recording, **parts, **values, next_ids=nothing, next_probabilities=nothing)
    assert [c.label for c in by_unit(recording).part.columns] == ["e4", "b8", "中", "↵"]
    assert [c.ends_line for c in by_unit(recording).part.columns] == [False, False, False, True]
    assert "2.000 bits per byte on average, 3.0 at most" in surprisal_scale(recording).title


def test_a_cell_is_scaled_by_the_most_it_reaches_and_all_else_by_one():
    recording = make_recording("abc", [0.5, -0.25, 0.125])
    assert unit_scale(recording, 0, "c", 0).full == 0.5
    assert unit_scale(recording, 0, "h", 0).full == 1
    silent = make_recording("abc", [0, 0, 0])
    assert list(terminal_lines(by_unit(silent, "c"), NONE, 9))[3] == "000"


@pytest.mark.parametrize(("what", "signed"), [("f", False), ("g", True), ("h", True)])
def test_of_a_part_of_a_text_only_what_cannot_be_negative_has_no_sign(what, signed):
    recording = make_recording("abc", [0.5, 0.25, 0.125])
    recording = replace(recording, arrays=dict.fromkeys("hcifgo", recording.arrays["h"]))
    assert not unit_scale(recording, 0, what, 0).is_signed
    part = unit_scale(recording, 0, what, 0, where="in the first 3 characters")
    assert part.is_signed is signed


def test_surprisal_is_shown_in_bits_beyond_whose_scale_the_colour_stays():
    recording = make_recording("abc", [0, 4, 12])
    colored = by_surprisal(recording)
    title = "surprisal   8.000 bits per character on average, 12.0 at most"
    assert colored.scale.title == title
    lines = list(terminal_lines(colored, FEW, 9))
    assert stripped(lines[1]) == "0   8.00 or more"
    assert lines[2].startswith("a\x1b[30;103mb\x1b[97;41mc")
    calm = make_recording("ab", [0, FULL_SURPRISAL])
    assert "or more" not in shown(by_surprisal(calm), NONE, 9)


def test_what_is_no_number_is_shown_and_stops_nothing():
    recording = make_recording("ab", [float("nan"), 1])
    assert shown(by_unit(recording), NONE, 9).endswith("ab\n?9")
    assert shown(by_unit(recording), TRUE, 9)
