"""Heat maps: a row a unit under the text, at any width; and an order in which similar units are neighbours."""

import dataclasses
import itertools
import re

import numpy as np
import pytest
from helpers import call_charrnn, examples
from hypothesis import given
from hypothesis import strategies as st
from paints import code_of
from rich.cells import cell_len

from charrnn.interpret.ordering import correlations, similarity_order
from charrnn.interpret.recording import record_parts
from charrnn.interpret.units import Unit, interest, parse_units
from charrnn.render.ansi import lines_of as lowered
from charrnn.render.look import Look
from charrnn.render.palette import ColorMode, diverging
from charrnn.render.views.heatmap import HeatMap, heat_map, heat_map_parts, heat_map_rows
from charrnn.render.views.scale import Scale
from charrnn.render.views.symbols import columns_of as columns_of_recording
from charrnn.render.views.symbols import symbol_columns

TEXT = "def wrap(text):\n    return text\n"
ESCAPE = re.compile(r"(\x1b\[[0-9;]*m)")
MODES = list(ColorMode)
CELLS = re.compile(r"(\x1b\[[0-9;]+m)( +)")


def columns_of(text):
    return symbol_columns(text, range(len(text)))


def a_map(names, values):
    """Units on one scale of 1."""
    signed = bool((np.nan_to_num(values) < 0).any())
    return HeatMap(names, [1.0] * len(names), Scale("title", 1.0, signed)), values


def lines_of(columns, shown, look, width):
    """A heat map that comes in one part, with its values."""
    units, values = shown
    return list(lowered(heat_map_rows([(columns, values)], units, look, width)))


def bands(lines):
    """The lines below the legend, a list for each stretch of the text."""
    groups = itertools.groupby(lines[2:], key=bool)
    return [list(group) for is_line, group in groups if is_line]


@pytest.mark.parametrize("mode", MODES[1:])
@examples(60)
@given(
    text=st.text(min_size=1, max_size=30),
    width=st.integers(1, 40),
    seed=st.integers(0, 99),
)
def test_every_value_has_the_colour_of_its_level_in_the_cells_of_its_character(
    mode, text, width, seed
):
    columns = columns_of(text)
    values = np.random.default_rng(seed).normal(0, 0.6, (3, len(text))).astype(np.float32)
    names = ["L0.h.0", "L0.h.11", "L10.h.2"]
    lines = lines_of(columns, a_map(names, values), Look(mode), width)
    found = bands(lines)
    assert all(len(band) == 4 for band in found)
    texts = "".join(band[0][8:] for band in found)
    assert texts.replace(" ", "") == "".join(c.label for c in columns).replace(" ", "")
    ramp = diverging(mode)
    for row, name in enumerate(names, 1):
        cells = ""
        codes = []
        for band in found:
            assert ESCAPE.sub("", band[row]).rstrip() == name
            assert cell_len(ESCAPE.sub("", band[row])) <= max(width, 8 + 2)
            for code, blanks in CELLS.findall(band[row]):
                codes += [code] * len(blanks)
                cells += blanks
        widths = [max(1, c.width) for c in columns]
        expected = [
            [code_of(ramp, float(v), 1.0)] * w for v, w in zip(values[row - 1], widths, strict=True)
        ]
        assert codes == list(itertools.chain(*expected))
        assert len(cells) == sum(widths)


def test_fault_84_wide_and_invisible_characters_stand_over_the_cells_of_their_values():
    text = "a你\U0001f468\u200d\U0001f469\u200b\te\u0301\x1bb"
    columns = columns_of(text)
    widths = [1, 2, 2, 1, 2, 1, 1, 1, 1, 1, 1]
    assert [cell_len(c.label) for c in columns] == [c.width for c in columns] == widths
    shown = a_map(["u"], np.resize([0.9, -0.9], (1, len(text))).astype(np.float32))
    ((symbols, values),) = bands(lines_of(columns, shown, Look(ColorMode.ansi256), 80))
    assert symbols == f"  {''.join(c.label for c in columns)}"
    assert [len(blanks) for _, blanks in CELLS.findall(values)] == widths


@pytest.mark.parametrize("width", [9, 20, 1000])
def test_without_colour_signs_and_digits_give_the_values(width):
    text = "ab\ncdefgh"
    values = np.linspace(-1.2, 1.2, 9, dtype=np.float32)
    shown = a_map(["L0.h.3", "L0.h.12"], np.stack([values, abs(values)]))
    found = bands(lines_of(columns_of(text), shown, Look(ColorMode.none), width))
    assert len(found) == {9: 9, 20: 1, 1000: 1}[width]
    if width > 9:
        assert found == [
            [
                "        ab↵cdefgh",
                "        ---- ++++",
                "L0.h.3  985303589",
                "L0.h.12 985303589",
            ]
        ]
    else:
        assert [band[-1][-1] for band in found] == list("985303589")
        assert ["-" in "".join(band[1:2]) for band in found] == [True] * 4 + [False] * 5


def test_one_scale_holds_for_all_rows():
    """Two units, one ten times the other, have different colours."""
    values = np.array([[0.1], [1.0]], np.float32)
    shown = a_map(["a", "b"], values)
    lines = lines_of(columns_of("a"), shown, Look(ColorMode.truecolor), 80)
    small, large = (CELLS.search(line)[1] for line in lines[-2:])
    ramp = diverging(ColorMode.truecolor)
    assert (small, large) == (code_of(ramp, 0.1, 1), code_of(ramp, 1, 1))
    assert small != large


def test_what_is_not_finite_spoils_nothing_else():
    values = np.array([[0.5, -1.0], [np.nan, np.inf]], np.float32)
    shown = a_map(["a", "b"], values)
    *_, good, bad = lines_of(columns_of("ab"), shown, Look(ColorMode.none), 80)
    assert good == "a 49"
    assert bad == "b ?9"
    recorded = np.tile(values.T[:, None], (3, 1, 1))
    order = similarity_order(np.concatenate([recorded[:, 0], recorded[:, 0]], axis=1))
    assert sorted(order) == [0, 1, 2, 3]


def test_no_line_parts_an_accent_from_its_letter():
    text = "ae\N{COMBINING ACUTE ACCENT}" * 9
    columns = columns_of(text)
    shown = a_map(["u"], np.zeros((1, len(text)), np.float32))
    for width in range(6, 20):
        bands_found = bands(lines_of(columns, shown, Look(ColorMode.none), width))
        assert len(bands_found) > 1
        assert not any(band[0][2:].startswith("\N{DOTTED CIRCLE}") for band in bands_found)


@pytest.mark.parametrize("mode", [ColorMode.none, ColorMode.ansi256])
@pytest.mark.parametrize("length", [1, 7, 50, 10**6])
def test_a_map_that_comes_in_parts_is_the_same(tiny_model, mode, length):
    text = TEXT * 9
    units = parse_units("L*.h.0-3", tiny_model)
    recording = tiny_model.read(text)
    whole = heat_map(recording, "L*.h.0-3", units)
    shown = whole, whole.values(recording)
    expected = lines_of(columns_of_recording(recording), shown, Look(mode), 40)
    parts = heat_map_parts(record_parts(tiny_model, text, length=length), whole)
    assert list(lowered(heat_map_rows(parts, whole, Look(mode), 40))) == expected
    assert len(expected) > 30


def test_digits_can_stand_in_the_colours():
    values = np.array([[-0.5, 1.0]], np.float32)
    shown, look = a_map(["a"], values), Look(ColorMode.ansi16, digits=True)
    *_, said, _, row = lines_of(columns_of("ab"), shown, look, 80)
    assert ESCAPE.sub("", row) == "a 49"
    assert said == "digits: size of the value, 9 is 1.00"


# --- a scale for each unit ------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_each_row_may_have_its_own_scale(tiny_model, mode):
    """A row has the colors that its unit would have by itself, whatever the other units do."""
    recording, look = tiny_model.read(TEXT), Look(mode, digits=True)
    units = parse_units("L*.c.0-3", tiny_model)
    columns = columns_of_recording(recording)
    shown = heat_map(recording, "L*.c.0-3", units, scale="unit")
    rows = bands(lines_of(columns, (shown, shown.values(recording)), look, 10**6))[-1]
    for unit, values in zip(units, shown.values(recording), strict=True):
        alone = heat_map(recording, str(unit), [unit])
        assert alone.full == [shown.full[units.index(unit)]] == [np.abs(values).max()]
        row = lines_of(columns, (alone, values[None]), look, 10**6)[-1]
        assert row in rows
    together = heat_map(recording, "L*.c.0-3", units)
    assert set(together.full) == {np.abs(together.values(recording)).max()}
    assert len(set(shown.full)) == len(units)


def test_the_legend_says_that_each_row_has_its_own_scale(tiny_model):
    recording, units = tiny_model.read(TEXT), parse_units("L0.c.*", tiny_model)
    maps = [heat_map(recording, "L0.c.*", units, scale=scale) for scale in ("all", "unit")]
    parts = [(columns_of_recording(recording), maps[0].values(recording))]
    look = Look(ColorMode.truecolor)
    lines = [list(lowered(heat_map_rows(parts, shown, look, 80))) for shown in maps]
    said = "each row has its own scale: 1.00 is the largest absolute value of its unit"
    assert [said in part for part in lines] == [False, True]
    assert lines[0][0] == lines[1][0]
    assert ESCAPE.sub("", lines[1][1]).split() == ["-1.00", "0", "+1.00"]


def test_a_unit_that_is_always_zero_or_not_finite_has_a_scale(tiny_model):
    recording = tiny_model.read("abc")
    values = np.zeros((3, 1, 2), np.float32)
    values[1:, 0, 1] = np.nan, 0.5
    recording = dataclasses.replace(recording, arrays={"c": values})
    shown = heat_map(recording, "L0.c.0-1", [Unit(0, "c", 0), Unit(0, "c", 1)], scale="unit")
    *_, silent, other = lines_of(
        columns_of("abc"), (shown, shown.values(recording)), Look(ColorMode.none), 80
    )
    assert (silent, other) == ("L0.c.0 000", "L0.c.1 0?9")


# --- order ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("groups", "members"), [(2, 3), (5, 8), (12, 4)])
def test_planted_groups_stand_together(groups, members, seed):
    rng = np.random.default_rng(seed)
    signals = 17 * np.linalg.qr(rng.normal(size=(300, groups)))[0]  # of variance 1
    labels = np.tile(np.arange(groups), members)
    values = signals[:, labels] + 0.5 * rng.normal(size=(300, len(labels)))
    order = similarity_order(values.astype(np.float32))
    assert sorted(order) == list(range(len(labels)))
    assert len(list(itertools.groupby(labels[order]))) == groups


def test_a_chain_of_ever_less_similar_units_is_found():
    """Windows that move over white noise: each is most like its two neighbours."""
    noise = np.random.default_rng(1).normal(size=4000)
    windows = np.stack([noise[k : k + 3000] for k in range(12)], axis=1)
    smooth = np.apply_along_axis(lambda x: np.convolve(x, np.ones(8), "same"), 0, windows)
    shuffle = np.random.default_rng(2).permutation(12)
    order = shuffle[similarity_order(smooth[:, shuffle].astype(np.float32))]
    assert np.abs(np.diff(order)).mean() < 3 < np.abs(np.diff(shuffle)).mean()


def test_branches_meet_at_the_ends_that_are_most_alike():
    """Directions at 0, 20, 70 and 90 degrees: two pairs, in whatever order they come."""
    noise = np.random.default_rng(3).normal(size=(50, 2))
    basis = np.linalg.qr(noise - noise.mean(axis=0))[0]
    angles = np.radians([0, 20, 70, 90])
    values = basis @ np.stack([np.cos(angles), np.sin(angles)])
    for places in itertools.permutations(range(4)):
        order = np.array(places)[similarity_order(values[:, places].astype(np.float32))].tolist()
        assert order in ([0, 1, 2, 3], [3, 2, 1, 0])


def linkage_by_brute_force(similarity):
    """The sets that average linkage joins, found by looking at all pairs again and again."""
    sets, joined = [frozenset([k]) for k in range(len(similarity))], set()
    while len(sets) > 1:
        pairs = itertools.combinations(sets, 2)
        a, b = max(pairs, key=lambda ab: similarity[np.ix_(list(ab[0]), list(ab[1]))].mean())
        sets = [s for s in sets if s not in (a, b)] + [a | b]
        joined.add(a | b)
    return joined


@pytest.mark.parametrize("seed", range(20))
def test_the_leaves_are_those_of_average_linkage(seed):
    """In any order of a tree's leaves each branch is an unbroken stretch."""
    rng = np.random.default_rng(seed)
    values = (rng.normal(size=(40, 9)) @ rng.normal(size=(9, 9))).astype(np.float32)
    order = similarity_order(values).tolist()
    for branch in linkage_by_brute_force(correlations(values)):
        places = sorted(order.index(k) for k in branch)
        assert places[-1] - places[0] == len(branch) - 1


@pytest.mark.parametrize("n", [1, 2, 3])
def test_units_that_never_change_and_lone_units_have_an_order(n):
    assert sorted(similarity_order(np.full((5, n), 0.3, np.float32))) == list(range(n))
    assert sorted(similarity_order(np.ones((1, n), np.float32))) == list(range(n))


def test_correlations_are_those_of_numpy():
    values = np.random.default_rng(4).normal(size=(50, 6)).astype(np.float32)
    np.testing.assert_allclose(correlations(values), np.corrcoef(values.T), atol=1e-6)


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def see(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    return lambda *arguments, status=0: call_charrnn(
        capsys, "visualize", "tiny", TEXT, "--color", "none", *arguments, status=status
    )


def names_in(out):
    """The addresses of the rows, once each."""
    return list(dict.fromkeys(re.findall(r"^(L\d\.\w\.\d+) +\d", out, re.MULTILINE)))


@pytest.mark.parametrize("address", ["L1.h.0-15", "L*.f.*", "L*.c.3", "L0.o.4-4", "L0-1.i.20-23"])
def test_an_address_of_several_units_is_a_heat_map_of_them(see, tiny_model, address):
    out = see("--unit", address).out
    units = parse_units(address, tiny_model)
    assert names_in(out) == list(map(str, units))
    arrays = tiny_model.read(TEXT).arrays
    values = np.stack([arrays[u.what][:, u.layer, u.index] for u in units])
    noun = "unit" if len(units) == 1 else "units"
    title = f"{address}   {len(units)} {noun}, {values.min():+.2f} to {values.max():+.2f} here"
    assert out.split("\n")[0] == title
    scale = np.abs(values).max() if ".c." in address else 1.0
    digits = "".join(re.findall(rf"^{re.escape(str(units[0]))} +(\d+)", out, re.MULTILINE))
    assert digits == "".join(str(round(9 * abs(float(v)) / scale)) for v in values[0])


def test_single_units_and_ranges_may_be_mixed(see):
    out = see("--unit", "L0.h.0-1", "--unit", "L1.c.3", "--unit", "L1.f.7-8", "--surprisal").out
    titles = re.findall(r"^(surprisal|L\S+)   ", out, re.MULTILINE)
    assert titles == ["surprisal", "L1.c.3", "L0.h.0-1", "L1.f.7-8"]
    for part in (
        ("--surprisal", "--unit", "L1.c.3"),
        ("--unit", "L0.h.0-1"),
        ("--unit", "L1.f.7-8"),
    ):
        assert see(*part).out in out


def test_units_are_sorted_as_asked(see, tiny_model):
    values = tiny_model.read(TEXT).arrays["c"][:, 1, :16]
    alike = [f"L1.c.{k}" for k in similarity_order(values)]
    held = [f"L1.c.{k}" for k in np.argsort(-interest(values[:, None])[0], kind="stable")]
    plain = [f"L1.c.{k}" for k in range(16)]
    assert len({tuple(alike), tuple(held), tuple(plain)}) == 3
    for sort, expected in (("similarity", alike), ("interest", held), ("address", plain)):
        out = see("--unit", "L1.c.0-15", "--sort", sort).out
        assert names_in(out) == expected
        assert f"sorted by {sort}" in out.split("\n")[0]
    assert names_in(see("--unit", "L1.c.0-15").out) == plain


def test_each_row_has_its_own_scale_if_asked(see, tiny_model):
    values = tiny_model.read(TEXT).arrays["c"][:, 0, :4].T
    for scale, full in (("all", [np.abs(values).max()] * 4), ("unit", np.abs(values).max(axis=1))):
        out = see("--unit", "L0.c.0-3", "--scale", scale).out
        for k in range(4):
            digits = "".join(re.findall(rf"^L0\.c\.{k} +(\d+)", out, re.MULTILINE))
            assert digits == "".join(str(round(9 * abs(float(v)) / full[k])) for v in values[k])
        assert ("each row has its own scale" in out) == (scale == "unit")
    assert see("--unit", "L0.c.0-3").out == see("--unit", "L0.c.0-3", "--scale", "all").out


@pytest.mark.parametrize(
    "options",
    [
        ("--sort", "interest"),
        ("--sort", "similarity", "--unit", "L0.c.1"),
        ("--scale", "unit"),
        ("--scale", "row", "--unit", "L0.c.*"),
        ("--unit", "L0.h.0-3", "--predictions", 2),
        ("--unit", "L0.h.3-0"),
        ("--unit", "L0.h.0-24"),
        ("--unit", "L2-3.h.0"),
        ("--unit", "L*.z.*"),
        ("--unit", "*.h.*"),
        ("--unit", "L0.h.0-3", "--what", "h"),
    ],
)
def test_what_makes_no_heat_map_is_refused(see, options, wording):
    result = see(*options, status=2)
    wording(result)
    assert result.out == ""
