"""Infilling gaps: the search against all fillings there are, scored one symbol at a time."""

import contextlib
import itertools
import json
import math
import sys

import numpy as np
import pytest
from helpers import random_model
from hypothesis import given
from hypothesis import strategies as st
from variants import TEXTBOOK

from charrnn.cli.sample import infill as cli
from charrnn.cli.sample.infill import InfillOptions
from charrnn.cli.sample.selection import SelectionOptions
from charrnn.config import SamplingConfig
from charrnn.errors import CheckpointError, DataError, UsageError
from charrnn.model import CharRNN
from charrnn.render.palette import ColorMode
from charrnn.sampling.infill import search as search_module
from charrnn.sampling.infill.pruning import prune
from charrnn.sampling.infill.search import BEAM, BEAM_OF_DRAWS, infill
from charrnn.sampling.infill.template import MAX_CHARACTERS, Gap, Template, parse_template
from charrnn.text.utf8 import BETWEEN, FORBIDDEN, UTF8, spelling_table
from charrnn.text.vocabulary import Vocabulary

ABCD = Vocabulary("char", sorted(map(ord, "abcd")))
ABC_LINES = Vocabulary("char", sorted(map(ord, "\nabc")))
EVERYTHING = 2000
"""A beam wider than any number of fillings here."""


def make_model(vocabulary=ABCD, *, scale=1.5, **more):
    return random_model(
        vocabulary, kind=CharRNN, scale=scale, learn_start=True, layer_norm=True, **more
    )


def log_probability(model, before, rest):
    """Of `rest` behind `before`, one symbol at a time."""
    state, total = model.initial_state(), 0.0
    known = model.vocabulary.encode(before).tolist()
    for place, symbol in enumerate(known + model.vocabulary.encode(rest).tolist()):
        if place >= len(known):
            logits = model.logits(state).astype(np.float64)
            total += logits[symbol] - logits.max() - math.log(np.exp(logits - logits.max()).sum())
        _, state, _ = model.step(symbol, state)
    return total


def all_fillings(template, alphabet):
    """Every text that a template can become, once."""
    choices = []
    for gap in template.gaps:
        lengths = range(gap.shortest, gap.longest + 1)
        choices.append(["".join(c) for n in lengths for c in itertools.product(alphabet, repeat=n)])
    texts = ["".join(p for p, _ in template.pieces(g)) for g in itertools.product(*choices)]
    return list(dict.fromkeys(texts))


def by_brute_force(model, text, alphabet, *, read_first="", read_last=""):
    """(text, log-probability) of all fillings, the likeliest first."""
    template = parse_template(text)
    before = template.texts[0]
    scored = [
        (whole, log_probability(model, read_first + before, whole[len(before) :] + read_last))
        for whole in all_fillings(template, alphabet)
    ]
    return sorted(scored, key=lambda pair: -pair[1])


def assert_same(found, expected):
    """Found fillings are the expected ones in their order; near-equals may change places."""
    np.testing.assert_allclose(
        [f.log_probability for f in found], [p for _, p in expected], rtol=1e-4, atol=1e-4
    )
    chances = dict(expected)
    assert len({f.text for f in found}) == len(found)
    for f in found:
        assert f.log_probability == pytest.approx(chances[f.text], rel=1e-4, abs=1e-4)


# --- the likeliest --------------------------------------------------------------------------------

TEMPLATES = ["ab___ca", "b_{1,3}dd", "a_{2}b_{1,2}", "_{1,2}a_{1,2}c", "c____"]


@pytest.mark.parametrize("text", TEMPLATES)
@pytest.mark.parametrize("cell", TEXTBOOK)
def test_a_wide_beam_finds_what_trying_everything_finds(cell, text):
    model = make_model(cell=cell)
    expected = by_brute_force(model, text, "abcd")
    found = list(infill(model, text, count=EVERYTHING, beam=EVERYTHING))
    assert len(found) == len(expected)
    assert_same(found, expected)


def test_relu_and_one_layer_too():
    model = make_model(cell="elman", activation="relu", scale=0.5)
    found = list(infill(model, "a___b", count=EVERYTHING, beam=EVERYTHING))
    assert_same(found, by_brute_force(model, "a___b", "abcd"))


@pytest.mark.parametrize("text", TEMPLATES)
def test_a_narrow_beam_scores_what_it_finds_right(text):
    model = make_model(seed=2)
    chances = dict(by_brute_force(model, text, "abcd"))
    for beam in (1, 2, 5, 16):
        found = list(infill(model, text, count=beam, beam=beam))
        assert 1 <= len(found) <= beam
        assert len({f.text for f in found}) == len(found)
        scores = [f.log_probability for f in found]
        assert scores == sorted(scores, reverse=True)
        for f in found:
            assert f.log_probability == pytest.approx(chances[f.text], rel=1e-4, abs=1e-4)
            before = parse_template(text).texts[0]
            assert f.characters == len(f.text) - len(before)
            assert f.mean_log_probability == f.log_probability / f.characters


def test_what_follows_decides():
    model, found = make_model(seed=3), set()
    for behind in ("", "aa", "bb", "cc", "dd"):
        text = "a__" + behind
        best = next(infill(model, text))
        assert best.text == by_brute_force(model, text, "abcd")[0][0]
        found.add(best.gaps)
    assert len(found) > 1


@pytest.mark.parametrize(
    ("options", "before", "behind"),
    [({}, "\n", ""), ({"item_end": "\n"}, "\n", "\n")],
)
def test_a_gap_at_the_start_begins_a_line_and_a_line_ends(options, before, behind):
    model = make_model(ABC_LINES)
    for text in ("__a", "__", "_{1,2}b_"):
        expected = by_brute_force(model, text, "abc", read_first=before, read_last=behind)
        found = list(infill(model, text, count=EVERYTHING, beam=EVERYTHING, **options))
        assert_same(found, expected)
        assert {f.characters - len(f.text) for f in found} == {len(behind)}


def test_a_line_reads_a_newline_before_its_text():
    model = make_model(ABC_LINES)
    expected = by_brute_force(model, "ab__", "abc", read_first="\n", read_last="\n")
    assert_same(list(infill(model, "ab__", count=9, beam=99, item_end="\n")), expected)


# --- what may stand in a gap ----------------------------------------------------------------------


def written_in_gaps(model, text, **options):
    found = infill(model, text, count=EVERYTHING, beam=EVERYTHING, **options)
    return set("".join(g for f in found for g in f.gaps))


def test_newlines_stand_in_a_gap_only_if_asked_for():
    model = make_model(ABC_LINES)
    assert written_in_gaps(model, "a\n__\nb") == set("abc")
    assert written_in_gaps(model, "a__b", newlines=True) == set("\nabc")


def test_banned_symbols_and_the_unknown_one_are_never_written():
    model = make_model(Vocabulary("char", sorted(map(ord, "abcd")), has_unknown=True))
    assert written_in_gaps(model, "é__?") == set("abcd")
    banned = np.array([False, True, False, True, False])
    found = list(infill(model, "é__?", count=EVERYTHING, beam=EVERYTHING, banned=banned))
    assert_same(found, by_brute_force(model, "é__?", "ac"))


BYTES = Vocabulary.of_bytes()


def all_but(allowed):
    banned = np.ones(256, np.bool_)
    banned[list(allowed)] = False
    return banned


FEW = b"a\xc3\xe2\xf0\xa9\x82"


def characters_of(few):
    """All characters that can be spelt with these bytes."""
    for length in range(1, 5):
        for symbols in itertools.product(few, repeat=length):
            with contextlib.suppress(UnicodeDecodeError):
                text = bytes(symbols).decode()
                yield from [text] if len(text) == 1 else []


@pytest.mark.parametrize("text", ["aé__z", "é_{1,3}b", "_{1,2}é_"])
def test_a_gap_of_a_byte_model_is_counted_in_whole_characters(text):
    model = make_model(BYTES, scale=0.7)
    alphabet = list(characters_of(FEW))
    assert {len(c.encode()) for c in alphabet} == {1, 2, 3, 4}
    read_first = "\n" if text.startswith("_") else ""
    expected = by_brute_force(model, text, alphabet, read_first=read_first)
    found = list(infill(model, text, count=EVERYTHING, beam=EVERYTHING, banned=all_but(FEW)))
    assert_same(found, expected)


@pytest.mark.parametrize("temperature", [0.0, 1.0, 50.0])
def test_a_narrow_beam_over_all_bytes_writes_whole_characters(temperature):
    model = make_model(BYTES, scale=0.1)
    for f in infill(model, "é____ü_{1,3}", count=4, beam=6, temperature=temperature, seed=1):
        assert len(f.gaps[0]) == 4
        assert 1 <= len(f.gaps[1]) <= 3
        expected = log_probability(model, "é", f.text[1:])
        assert f.log_probability == pytest.approx(expected, rel=1e-4)


def spells(table, symbols):
    state = BETWEEN
    for symbol in symbols:
        state = table[state, symbol]
        if state == FORBIDDEN:
            return False
    return state == BETWEEN


FREE = spelling_table(BYTES, np.zeros(256, np.bool_))


@given(st.binary(max_size=6) | st.text(max_size=3).map(lambda t: t.encode("utf-8", "replace")))
def test_bytes_are_spelt_as_a_decoder_wants_them(symbols):
    try:
        symbols.decode()
    except UnicodeDecodeError:
        assert not spells(FREE, symbols)
    else:
        assert spells(FREE, symbols)


def test_the_first_and_last_character_of_each_range_of_utf8_can_be_spelt():
    for point in (0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF):
        assert spells(FREE, chr(point).encode())
    for broken in (b"\xed\xa0\x80", b"\xe0\x80\x80", b"\xf4\x90\x80\x80", b"\xc0\x80"):
        assert not spells(FREE, broken)


def test_no_two_ways_of_utf8_overlap():
    """So it does not matter in which order a program looks for the way of a byte."""
    ways = [(state, byte) for state, low, high, _ in UTF8 for byte in range(low, high + 1)]
    assert len({*ways}) == len(ways)


def test_no_byte_leads_to_characters_of_which_a_part_is_banned():
    table = spelling_table(
        BYTES, all_but(b"a\xc3\xe2\x82")
    )  # \xc3\x82 is whole, \xe2\x82 wants a third
    assert set(np.flatnonzero(table[BETWEEN] != FORBIDDEN).tolist()) == {ord("a"), 0xC3, 0xE2}
    table = spelling_table(BYTES, all_but(b"a\xc3\xf0\xe0\x82"))
    assert set(np.flatnonzero(table[BETWEEN] != FORBIDDEN).tolist()) == {ord("a"), 0xC3}


# --- draws ----------------------------------------------------------------------------------------


def posterior(model, text, temperature, alphabet="abcd"):
    scored = by_brute_force(model, text, alphabet)
    powers = [math.exp((p - scored[0][1]) / temperature) for _, p in scored]
    return {t: w / math.fsum(powers) for (t, _), w in zip(scored, powers, strict=True)}


@pytest.mark.parametrize(
    ("text", "temperature"),
    [
        ("ab__c", 0.4),
        ("b_{1,2}d", 2.0),
        pytest.param("ab__c", 1.0, marks=pytest.mark.long),
        pytest.param("_b_{1,2}", 1.0, marks=pytest.mark.long),
    ],
)
def test_draws_come_as_often_as_the_posterior_says(text, temperature):
    model, draws = make_model(seed=4, scale=0.8), 400
    expected = posterior(model, text, temperature)
    found = [
        f.text
        for f in infill(model, text, count=draws, beam=EVERYTHING, temperature=temperature, seed=1)
    ]
    cells, rest = [], [0.0, 0.0]
    for whole, chance in expected.items():
        if chance * draws >= 5:
            cells.append((found.count(whole), chance * draws))
        else:
            rest = [rest[0] + found.count(whole), rest[1] + chance * draws]
    if rest[1]:
        cells.append(tuple(rest))
    freedom = len(cells) - 1
    statistic = sum((n - e) ** 2 / e for n, e in cells)
    assert freedom >= 3
    assert statistic < freedom + 4 * math.sqrt(2 * freedom)
    assert set(found) <= set(expected)


@pytest.mark.parametrize(
    ("text", "temperature"),
    [
        ("ab___cd", 0.5),
        ("b_{1,3}dda", 3.0),
        ("a__b__c", 1.0),
        pytest.param("ab___cd", 1.0, marks=pytest.mark.long),
        pytest.param("ab___cd", 3.0, marks=pytest.mark.long),
        pytest.param("b_{1,3}dda", 0.5, marks=pytest.mark.long),
        pytest.param("b_{1,3}dda", 1.0, marks=pytest.mark.long),
        pytest.param("a__b__c", 0.5, marks=pytest.mark.long),
        pytest.param("a__b__c", 3.0, marks=pytest.mark.long),
    ],
)
def test_what_a_narrow_beam_keeps_stands_for_all_there_is(text, temperature):
    """The weights that are kept add up, on average, to the sum over all fillings: nothing is lost by pruning."""
    model = make_model(seed=6, scale=0.8)
    scored = by_brute_force(model, text, "abcd")
    truth = math.fsum(math.exp(p / temperature) for _, p in scored)
    table = spelling_table(ABCD, np.zeros(4, np.bool_))
    search = search_module._Search(
        model, parse_template(text), 3, table, item_end=None, progress=None
    )
    sums = []
    for seed in range(120):
        hypotheses = search._run(temperature, np.random.default_rng(seed))
        assert len(hypotheses) <= 3
        sums.append(np.exp(hypotheses.log_p / temperature - hypotheses.log_kept).sum() / truth)
    assert abs(np.mean(sums) - 1) < 4 * np.std(sums) / math.sqrt(len(sums)) + 1e-4
    assert np.std(sums) > 1e-3  # the beam was too narrow for all


def test_the_same_seed_gives_the_same_draws_however_many_are_asked_for():
    model = make_model(scale=0.5)

    def draws(seed, count):
        options = {"count": count, "beam": 9, "temperature": 1.0, "seed": seed}
        return [f.text for f in infill(model, "a_____b_{1,3}", **options)]

    first = draws(1, 12)
    assert draws(1, 12) == first
    assert draws(1, 5) == first[:5]
    assert len(set(first)) > 6
    assert draws(2, 12) != first
    assert draws(None, 12) != draws(None, 12)


@pytest.mark.parametrize("temperature", [5e-324, 1e-30, 1e-4])
def test_a_low_temperature_draws_the_likeliest(temperature):
    model = make_model(seed=7)
    best = next(infill(model, "ab_{1,6}ca", beam=30))
    for f in infill(model, "ab_{1,6}ca", beam=30, count=3, temperature=temperature, seed=1):
        assert f == best


@pytest.mark.parametrize("temperature", [1e30, 1e308])
def test_a_high_temperature_draws_anything(temperature):
    found = infill(make_model(), "a_b", beam=99, count=200, temperature=temperature, seed=1)
    letters = [f.gaps[0] for f in found]
    assert min(letters.count(c) for c in "abcd") > 25  # of 50


@given(
    st.lists(st.floats(-60, 0), min_size=1, max_size=30).map(np.array),
    st.integers(1, 12),
    st.sampled_from([0.0, 5e-324, 1e-3, 0.5, 1.0, 4.0, 1e308]),
    st.integers(0, 99),
)
def test_pruning_keeps_as_many_as_it_may(p, width, temperature, seed):
    before = np.linspace(-2, 0, len(p)) * (temperature > 0)
    chosen, log_kept = prune(p, before, width, temperature, np.random.default_rng(seed))
    assert len(chosen) == len(log_kept) == min(width, len(p))
    assert (np.diff(chosen) > 0).all()
    assert (log_kept <= before[chosen]).all()
    if temperature < 1e-3:
        assert sorted(p[chosen]) == sorted(p)[-width:]


def test_each_is_kept_as_often_as_its_chance_says():
    p = np.log([0.4, 0.2, 0.15, 0.1, 0.05, 0.05, 0.03, 0.02])
    before, runs = np.log([1.0, 0.5, 1, 1, 1, 0.25, 1, 1]), 4000
    weights = np.exp(p - before)
    kept = np.zeros(len(p))
    for seed in range(runs):
        chosen, log_kept = prune(p, before, 4, 1.0, np.random.default_rng(seed))
        kept[chosen] += 1
        new = np.exp(p[chosen] - log_kept)  # those that were drawn weigh the same: c
        drawn = log_kept < before[chosen] - 1e-9
        np.testing.assert_allclose(new[drawn], new.min())
        assert drawn.sum() == 2
    certain = weights > 0.3
    assert certain.sum() == 2
    chances = np.where(certain, 1, 2 * weights / weights[~certain].sum())
    assert chances.max() == 1
    np.testing.assert_allclose(kept / runs, chances, atol=4 * 0.5 / math.sqrt(runs))


# --- templates ------------------------------------------------------------------------------------

texts = st.text(st.sampled_from("ab_{}\\,2\n é"), max_size=6)
gaps = st.builds(lambda n, more: Gap(n, n + more), st.integers(1, 20), st.integers(0, 20))


def escaped(text):
    return text.replace("\\", "\\\\").replace("_", "\\_").replace("{", "\\{")


@given(texts, st.lists(st.tuples(gaps, texts.filter(bool)), min_size=1, max_size=4), st.booleans())
def test_a_template_says_any_texts_and_gaps(before, rest, ends_with_gap):
    parts = [gap for gap, _ in rest], [before, *(text for _, text in rest)]
    if ends_with_gap:
        parts[1][-1] = ""
    template = Template(tuple(parts[1]), tuple(parts[0]))
    written = escaped(before)
    for number, (gap, text) in enumerate(zip(template.gaps, template.texts[1:], strict=True)):
        if gap.shortest < gap.longest:
            written += f"_{{{gap.shortest},{gap.longest}}}"
        else:
            written += "_" * gap.shortest if number % 2 else f"__{{{gap.shortest}}}"
        written += escaped(text)
    assert parse_template(written) == template


@given(texts)
def test_any_text_is_a_template_or_refused(text):
    with contextlib.suppress(UsageError):
        template = parse_template(text)
        assert all(1 <= gap.shortest <= gap.longest for gap in template.gaps)
        assert all(template.texts[1:-1])


@pytest.mark.parametrize(
    ("text", "texts", "gaps"),
    [
        ("ROMEO: ____ the sun", ("ROMEO: ", " the sun"), [(4, 4)]),
        ("_", ("", ""), [(1, 1)]),
        ("a_{2,12}.", ("a", "."), [(2, 12)]),
        ("a___{7}{7}", ("a", "{7}"), [(7, 7)]),
        ("a_{x}{}", ("a", "{x}{}"), [(1, 1)]),
        ("\\n\\_\\\\__{}", ("\\n_\\", "{}"), [(2, 2)]),
    ],
)
def test_a_template_reads_as_its_writer_means_it(text, texts, gaps):
    assert parse_template(text) == Template(texts, tuple(Gap(*gap) for gap in gaps))


# --- what is refused, before any search -----------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "no gap",
        "",
        "\\_\\_",
        "a_{0}",
        "a_{5,2}",
        "a_{0,2}",
        "a_{2,}",
        "a_{,2}",
        "a_{1,2,3}",
        "a_{" + "9" * 5000 + "}",
        "a_{1,999999999}",
        "_" * 600 + "a" + "_" * (MAX_CHARACTERS - 599),
        "a_{2}_{3}",
    ],
)
def test_a_template_that_cannot_be_filled_is_refused(text, wording):
    with wording.raises(UsageError):
        infill(make_model(), text)


@pytest.mark.parametrize(
    "options",
    [
        {"count": 0},
        {"beam": 0},
        {"temperature": -1.0},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"seed": -1},
        {"count": BEAM + 1},
        {"count": 9, "beam": 8},
        {"beam": 10**9},
        {"banned": np.ones(4, np.bool_)},
    ],
)
def test_a_search_that_cannot_be_done_is_refused(options, wording):
    with wording.raises(UsageError):
        infill(make_model(), "a_b", **options)


def test_bytes_that_make_no_character_leave_nothing_to_write(wording):
    with wording.raises(UsageError):
        infill(make_model(BYTES), "a_b", banned=all_but(b"\xc3\xff"))


def test_strangers_in_the_template_are_refused_with_their_names(wording):
    for text in ("é_a", "a_é", "a_b_é"):
        with wording.raises(DataError):
            infill(make_model(), text)


def test_one_line_holds_no_newline(wording):
    model = make_model(ABC_LINES)
    with wording.raises(DataError):
        infill(model, "a\n_", item_end="\n")
    with wording.raises(DataError):
        infill(model, "a_", item_end="\n", newlines=True)


def test_a_model_that_overflows_is_named(wording):
    model = make_model()
    model = CharRNN(
        model.config, ABCD, model.weights | {"head.bias": np.full(4, np.inf, np.float32)}
    )
    for temperature in (0.0, 1.0):
        with (
            np.errstate(invalid="ignore"),
            wording.raises(CheckpointError),
        ):
            next(infill(model, "a_b", temperature=temperature))


# --- the command line -----------------------------------------------------------------------------


def write(
    capsys, text, model=None, *, temperature=0.0, item_end=None, beam=99, as_json=False, **several
):
    config = SamplingConfig(temperature=temperature, seed=1, item_end=item_end)
    options, selection = InfillOptions(infill=text, beam=beam), SelectionOptions(**several)
    cli.write_infillings(
        model or make_model(), options, config, selection, as_json=as_json, given={"temperature"}
    )
    return capsys.readouterr()


def test_a_pipe_gets_exactly_the_texts(capsys):
    expected = [f.text for f in infill(make_model(), "ab__c", count=3, beam=99)]
    assert write(capsys, "ab__c").out == expected[0]
    assert write(capsys, "ab__c", count=3).out == "\n\n".join(expected)
    assert write(capsys, "ab__c", count=3, separator="|").out == "|".join(expected)


def test_lines_end_as_lines(capsys):
    model = make_model(ABC_LINES)
    expected = [f.text for f in infill(model, "ab__c", count=3, beam=99, item_end="\n")]
    out = write(capsys, "ab__c", model, item_end="\n", count=3).out
    assert out == "".join(text + "\n" for text in expected)
    out = write(capsys, "ab__c", model, item_end="\n", count=3, separator="|").out
    assert out == "|".join(expected)


@pytest.mark.parametrize(
    ("mode", "start", "end"),
    [
        (ColorMode.none, "", ""),
        (ColorMode.ansi16, "\x1b[4m", "\x1b[22;24m"),
        (ColorMode.truecolor, "\x1b[1;4m", "\x1b[22;24m"),
    ],
)
def test_a_terminal_shows_what_was_filled_in(capsys, monkeypatch, mode, start, end):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(cli, "terminal_color", lambda: mode)
    best = next(infill(make_model(), "ab__c_a", beam=99))
    first, second = best.gaps
    expected = f"ab{start}{first}{end}c{start}{second}{end}a\n"
    assert write(capsys, "ab__c_a").out == expected


def test_controls_of_a_template_do_not_act_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(cli, "terminal_color", lambda: ColorMode.none)
    model = make_model(Vocabulary("char", sorted(map(ord, "ab\x1b"))))
    assert "\x1b" not in write(capsys, "a\x1b__", model).out


def test_stderr_says_how_it_was_filled_and_how_likely_it_is(capsys, wording):
    best = next(infill(make_model(), "ab_c", beam=99))
    result = write(capsys, "ab_c")
    wording(result.err)
    assert f"{best.log_probability:.2f} nats" in result.err
    wording(write(capsys, "ab_c", count=7).err)
    drawn = write(capsys, "ab_c", count=7, temperature=0.8, beam=None)
    assert f"beam {BEAM_OF_DRAWS}" in drawn.err
    wording(drawn.err)


def test_json_tells_the_gaps_and_how_likely_they_are(capsys):
    best, second = itertools.islice(infill(make_model(), "ab__c_d", count=2, beam=999), 2)
    records = [
        json.loads(line)
        for line in write(capsys, "ab__c_d", count=2, beam=999, as_json=True).out.splitlines()
    ]
    assert [r["text"] for r in records] == [best.text, second.text]
    assert [r["gaps"] for r in records] == [list(best.gaps), list(second.gaps)]
    assert records[0]["log_probability"] == best.log_probability
    assert records[0]["mean_log_probability"] == best.mean_log_probability
    assert [r["index"] for r in records] == [0, 1]
