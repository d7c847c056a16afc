"""Glyphs: every character has something to see, takes known cells, and cannot act."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import BIDI, FAMILY, FLAG, NASTY, TONED
from rich.cells import cell_len

from charrnn.render.glyphs import glyph, harmless, one_line


@pytest.mark.parametrize(
    ("character", "shown"),
    [
        *((chr(k), chr(0x2400 + k)) for k in range(32) if chr(k) not in "\n\t"),
        *((chr(k), "▯") for k in range(0x80, 0xA0)),
        *((c, "▯") for c in BIDI),
        ("\n", "↵"),
        ("\t", "→"),
        ("\x7f", "␡"),
        ("a", "a"),
        (" ", " "),
        ("\xa0", " "),
        ("\u3000", " "),
        ("é", "é"),
        ("中", "中"),
        ("🙂", "🙂"),
        ("\u0301", "◌\u0301"),  # an accent
        ("\u20e3", "◌\u20e3"),  # an enclosing mark
        ("\u093f", "◌\u093f"),  # a vowel sign of Devanagari, which terminals put in no cell
        ("\u0e31", "◌\u0e31"),  # a vowel sign of Thai, of combining class 0
        ("\u1161", "◌\u1161"),  # a vowel of a Korean syllable in parts
        ("\u200d", "▯"),
        ("\ufe0f", "▯"),
        ("\U000e0101", "▯"),
        ("\U0001f3fd", "▯"),  # a skin tone
        ("🇩", "🄳"),  # one half of a flag
        ("\xad", "▯"),
        ("\u2028", "▯"),
        ("\ud800", "▯"),
        ("\u0378", "▯"),  # not assigned
        ("\ue000", "▯"),  # private use
    ],
)
def test_every_kind_of_character_has_something_to_see(character, shown):
    assert glyph(character) == shown


def test_every_glyph_has_one_cell_or_two_and_joins_with_no_neighbour():
    for point in (*range(0x20000), *range(0xD800, 0xE010), *range(0xE0000, 0xE01F0), 0x10FFFF):
        shown = glyph(chr(point))
        with_cells = [c for c in shown if cell_len(c)]
        assert len(with_cells) == 1, hex(point)
        assert cell_len(shown) in {1, 2}, hex(point)
        assert shown.isprintable(), hex(point)
        assert not shown.startswith(("\u0301", "\ufe0f", "🏽", "🇩")), hex(point)


@given(st.text(st.sampled_from(NASTY + BIDI + "ab")))
def test_text_for_a_terminal_obeys_no_control_but_newline_and_tab(text):
    kept = harmless(text)
    assert len(kept) == len(text)
    assert all(c in "\n\t" or unicodedata.category(c)[0] in "LMNPSZC" for c in kept)
    assert not set(kept) & {
        *BIDI,
        *map(chr, range(9)),
        "\r",
        "\x1b",
        "\x7f",
        "\x85",
        "\x9b",
        "\ud800",
    }
    assert one_line(text).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "plain\n\tü中",
        FAMILY,
        FLAG,
        TONED,
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "e\u0301",
    ],
)
def test_text_for_a_terminal_keeps_what_is_harmless(text):
    assert harmless(text) == text
