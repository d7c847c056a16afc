"""Ramps: any value keeps its sign and its order, and every color can be read."""

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paints import codes_of, escape

from charrnn.render.palette import (
    PLAIN,
    ColorMode,
    Paint,
    Palette,
    diverging,
    one_sided,
    rgb,
    rising,
)

NONE, FEW, MANY, TRUE = ColorMode
COLORED = [FEW, MANY, TRUE]

VGA = ((0, 0, 0), (170, 0, 0), (0, 170, 0), (170, 85, 0), (0, 0, 170), (170, 0, 170), (0, 170, 170))
BRIGHT = ((85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85), (85, 85, 255))
SIXTEEN = dict(enumerate((*VGA, (170,) * 3, *BRIGHT, (255, 85, 255), (85, 255, 255), (255,) * 3)))


def colors(code):
    """Ink and ground of an escape sequence, each as (red, green, blue)."""
    numbers = [int(n) for n in code.removeprefix("\x1b[").removesuffix("m").split(";")]
    if 2 in numbers[1:2]:
        assert (numbers[0], numbers[5]) == (38, 48)
        return tuple(numbers[2:5]), tuple(numbers[7:10])
    if 5 in numbers[1:2]:
        assert (numbers[0], numbers[3]) == (38, 48)
        steps = (0, 95, 135, 175, 215, 255)
        return tuple(
            tuple(steps[(n - 16) // place % 6] for place in (36, 6, 1))
            for n in (numbers[2], numbers[5])
        )
    ink, ground = numbers
    return SIXTEEN[ink - 30 if ink < 90 else ink - 82], SIXTEEN[
        ground - 40 if ground < 90 else ground - 92
    ]


def luminance(color):
    """Relative luminance as WCAG 2 defines it."""
    parts = [v / 255 for v in color]
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


XTERM = (
    *((0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205)),
    *((0, 205, 205), (229, 229, 229), (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0)),
    *((92, 92, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255)),
)


TANGO = (
    *((46, 52, 54), (204, 0, 0), (78, 154, 6), (196, 160, 0), (52, 101, 164), (117, 80, 123)),
    *((6, 152, 154), (211, 215, 207), (85, 87, 83), (239, 41, 41), (138, 226, 52), (252, 233, 79)),
    *((114, 159, 207), (173, 127, 168), (52, 226, 226), (238, 238, 236)),
)
WINDOWS = (
    *((12, 12, 12), (197, 15, 31), (19, 161, 14), (193, 156, 0), (0, 55, 218), (136, 23, 152)),
    *((58, 150, 221), (204, 204, 204), (118, 118, 118), (231, 72, 86), (22, 198, 12)),
    *((249, 241, 165), (59, 120, 255), (180, 0, 158), (97, 214, 214), (242, 242, 242)),
)


def contrast(one, other):
    """The contrast of two colours as WCAG 2 defines it, from 1 to 21."""
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def ramps(mode, palette, *, is_dark):
    """The ramps of a palette."""
    yield diverging(mode, palette, is_dark=is_dark)
    yield one_sided(mode, palette, is_dark=is_dark)
    yield rising(mode, is_dark=is_dark)


@pytest.mark.parametrize("palette", Palette)
@pytest.mark.parametrize("is_dark", [False, True])
@pytest.mark.parametrize(("mode", "least"), [(FEW, 2), (MANY, 5), (TRUE, 16)])
def test_zero_has_no_colour_and_colours_leave_the_background_away_from_it(
    mode, least, is_dark, palette
):
    assert len(diverging(mode, palette).paints) == 2 * diverging(mode, palette).highest + 1
    for ramp in ramps(mode, palette, is_dark=is_dark):
        assert ramp.paints[ramp.neutral] is PLAIN
        assert ramp.highest >= (least if is_dark or mode != MANY else 8)
        codes = codes_of(ramp)
        assert len(set(codes)) == len(codes)
        for side in (codes[: ramp.neutral][::-1], codes[ramp.neutral + 1 :]):
            light = [luminance(colors(code)[1]) for code in side]
            if is_dark and mode != FEW:
                light = [-one for one in light]
            assert all(a > b for a, b in pairwise(light))


@pytest.mark.parametrize("is_dark", [False, True])
@pytest.mark.parametrize("mode", COLORED)
@pytest.mark.parametrize(("palette", "high"), [("rdbu", 1), ("vik", 1), ("karpathy", -1)])
def test_blue_is_below_zero_and_red_above_but_for_karpathy_and_likely_is_green(
    mode, palette, high, is_dark
):
    ramp = diverging(mode, Palette(palette), is_dark=is_dark)
    for index, code in enumerate(codes_of(ramp)):
        if index != ramp.neutral:
            red, _, blue = colors(code)[1]
            assert np.sign(red - blue) == high * np.sign(index - ramp.neutral)
    for code in codes_of(rising(mode, is_dark=is_dark))[1:]:
        red, green, blue = colors(code)[1]
        assert green > max(red, blue)


@pytest.mark.parametrize("mode", COLORED)
@pytest.mark.parametrize("palette", Palette)
@pytest.mark.parametrize("is_dark", [False, True])
@pytest.mark.parametrize("sixteen", [SIXTEEN, XTERM, TANGO, WINDOWS])
def test_ink_can_be_read_on_every_colour(mode, palette, is_dark, sixteen, monkeypatch):
    monkeypatch.setitem(globals(), "SIXTEEN", sixteen)
    for ramp in ramps(mode, palette, is_dark=is_dark):
        if sixteen is TANGO and ramp == rising(mode):
            continue  # no ink at all can be read on its green
        for code in filter(None, codes_of(ramp)):
            assert contrast(*colors(code)) >= 4.5, code


@pytest.mark.parametrize("palette", Palette)
@pytest.mark.parametrize("mode", [MANY, TRUE])
def test_no_colour_of_light_media_is_so_dark_that_text_looks_blacked_out(mode, palette):
    for ramp in ramps(mode, palette, is_dark=False):
        for code in filter(None, codes_of(ramp)):
            assert contrast(colors(code)[1], (0, 0, 0)) >= 2.5, code


@pytest.mark.parametrize("palette", Palette)
@pytest.mark.parametrize("mode", ColorMode)
@pytest.mark.parametrize("scale", [1.0, 7.5])
def test_levels_are_monotone_sign_exact_and_use_the_whole_ramp(mode, scale, palette):
    ramp = diverging(mode, palette)
    highest = ramp.neutral
    values = np.linspace(-1, 1, 21 * highest + (1 - highest % 2)) * scale
    levels = ramp.levels(values, scale)
    assert levels == [ramp.level(v, scale) for v in values] == sorted(levels)
    assert set(levels) == set(range(-highest, highest + 1))
    for value, level in zip(values, levels, strict=True):
        assert np.sign(level) == np.sign(value)
        middle = level - np.sign(level) / 2
        assert abs(middle / highest - value / scale) <= 0.5 / highest + 1e-9
        assert ramp.level(-value, scale) == -level
    assert ramp.of([0.0, -0.0], scale) == [ramp.paints[highest]] * 2
    assert ramp.of(values, scale) == [ramp.paints[highest + level] for level in levels]
    assert [ramp.level(k * scale, scale) for k in (-9, 9)] == [-highest, highest]


@pytest.mark.parametrize("palette", Palette)
@pytest.mark.parametrize("mode", COLORED)
def test_twenty_one_steps_keep_their_order_and_sign(mode, palette):
    ramp = diverging(mode, palette)
    steps = [k / 10 for k in range(-10, 11)]
    levels = ramp.levels(steps, 1.0)
    assert levels == sorted(levels)
    assert [np.sign(level) for level in levels] == [np.sign(step) for step in steps]
    assert len(set(levels)) == min(21, len(ramp.paints))


@given(st.floats(allow_nan=False), st.sampled_from(list(ColorMode)))
def test_any_number_but_zero_keeps_its_sign(value, mode):
    assert np.sign(diverging(mode).level(value, 1.0)) == np.sign(value)


@pytest.mark.parametrize(
    ("value", "scale"), [(float("nan"), 1), (1, float("nan")), (0.5, 0), (0.5, -1)]
)
def test_what_is_no_number_is_neutral(value, scale):
    assert diverging(TRUE).level(value, scale) == 0
    assert rising(TRUE).level(value, scale) == 0


def test_a_one_sided_ramp_has_nothing_below_zero_and_takes_the_nearest_level():
    assert [rising(MANY).level(v, 1.0) for v in (-1, 0, 0.05, 0.5, 1)] == [0, 0, 0, 4, 8]
    assert one_sided(TRUE).paints == diverging(TRUE).paints[16:]
    assert one_sided(TRUE, is_dark=True).paints == diverging(TRUE, is_dark=True).paints[16:]


def test_equal_paints_are_one_object():
    assert Paint((1, 2, 3), None, underlined=True) is Paint(foreground=(1, 2, 3), underlined=True)
    assert Paint() is PLAIN
    assert Paint(bold=True) is not PLAIN


def test_a_numbered_color_is_the_terminal_s():
    for number in range(256):
        code = escape(Paint(number, 255 - number))
        if 16 <= number < 232 and 16 <= 255 - number < 232:
            assert colors(code) == (rgb(number), rgb(255 - number))
        assert re.fullmatch(r"\x1b\[(3\d|9\d|38;5;\d+);(4\d|10\d|48;5;\d+)m", code), number
