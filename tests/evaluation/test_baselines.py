"""What simpler predictors need for a text: n-grams against a naive implementation, compressors against themselves."""

import gzip
import json
import lzma
import math
import subprocess
import sys
from collections import Counter
from functools import cache

import numpy as np
import pytest
from helpers import CLEAN, call_charrnn, make_text, own_signals, script
from hypothesis import given
from hypothesis import strategies as st

from charrnn.cli.train.result import MAX_VALIDATION_CHARS
from charrnn.counts.ngrams import FALLBACK, estimate_discounts
from charrnn.errors import DataError
from charrnn.evaluation import baselines
from charrnn.evaluation.baselines import measure_baselines
from charrnn.evaluation.ngram import kneser_ney
from charrnn.text.vocabulary import Vocabulary

# --- Kneser-Ney --------------------------------------------------------------------------------------------------------


def naive_discounts(counts):
    """D of 1, of 2, and of 3 or more, as Chen and Goodman write them."""
    n = Counter(counts)
    try:
        y = n[1] / (n[1] + 2 * n[2])
        d1, d2, d3 = (c - (c + 1) * y * n[c + 1] / n[c] for c in (1, 2, 3))
    except ZeroDivisionError:
        return FALLBACK
    return (d1, d2, d3) if 0 < d1 <= 1 and 0 < d2 <= 2 and 0 < d3 <= 3 else FALLBACK


def naive_model(train, num_symbols, order):
    """A function p(w, h) of tuples that are counted in dictionaries."""

    def grams(length):
        return [tuple(train[i : i + length]) for i in range(len(train) - length + 1)]

    tables = {}
    for length in range(1, order + 1):
        whole = Counter(grams(length))
        tables[length] = (
            whole if length == order else Counter(g[1:] for g in set(grams(length + 1)))
        )
    discounts = {length: naive_discounts(table.values()) for length, table in tables.items()}

    @cache
    def after(context):
        length = len(context) + 1
        return {g[-1]: c for g, c in tables[length].items() if g[:-1] == context}

    def p(w, h):
        below = 1 / num_symbols if not h else p(w, h[1:])
        seen, d = after(h), discounts[len(h) + 1]
        if not seen:
            return below
        discount = {s: d[min(c, 3) - 1] for s, c in seen.items()}
        own = seen[w] - discount[w] if w in seen else 0
        return (own + sum(discount.values()) * below) / sum(seen.values())

    return p


def naive(train, text, num_symbols, order):
    p = naive_model(train, num_symbols, order)
    return [p(text[t], tuple(text[max(0, t - order + 1) : t])) for t in range(1, len(text))]


def arrays(*texts):
    return [np.array(text, np.uint8) for text in texts]


@st.composite
def cases(draw, longest=80):
    """V, a training text and a text to score, both below V."""
    num_symbols = draw(st.integers(1, 5))
    symbols = st.integers(0, draw(st.integers(0, num_symbols - 1)))
    train = draw(st.lists(symbols, max_size=longest))
    text = draw(st.lists(st.integers(0, num_symbols - 1), min_size=1, max_size=30))
    return num_symbols, train, text


@given(cases(), st.integers(1, 6))
def test_every_order_agrees_with_dictionaries(case, highest):
    num_symbols, train, text = case
    found = list(kneser_ney(*arrays(train, text), num_symbols, highest))
    assert len(found) == highest
    for order, probabilities in enumerate(found, start=1):
        expected = naive(train, text, num_symbols, order)
        np.testing.assert_allclose(probabilities, expected, rtol=1e-12, atol=0)


def test_real_text_whose_discounts_can_be_estimated_agrees_too():
    ids = np.unique(list(make_text(5000)), return_inverse=True)[1]
    train, text, num_symbols = ids[:4000], ids[4000:4600], int(ids.max()) + 1
    counts = Counter(zip(*(train[k : len(train) - 2 + k].tolist() for k in range(3)), strict=True))
    assert naive_discounts(counts.values()) != FALLBACK
    for order, probabilities in enumerate(kneser_ney(train, text, num_symbols, 5), start=1):
        expected = naive(train.tolist(), text.tolist(), num_symbols, order)
        np.testing.assert_allclose(probabilities, expected, rtol=1e-12, atol=0)


@given(cases(), st.integers(1, 5))
def test_probabilities_after_any_context_sum_to_one(case, highest):
    num_symbols, train, context = case
    each = [
        [p[-1] for p in kneser_ney(*arrays(train, [*context, w]), num_symbols, highest)]
        for w in range(num_symbols)
    ]
    np.testing.assert_allclose(np.sum(each, axis=0), np.ones(highest), rtol=1e-12)
    assert np.min(each) > 0


@given(cases(), st.integers(2, 30))
def test_what_comes_later_in_the_scored_text_changes_no_probability(case, num_read):
    num_symbols, train, text = case
    whole = kneser_ney(*arrays(train, text), num_symbols, 4)
    part = kneser_ney(*arrays(train, text[:num_read]), num_symbols, 4)
    for of_whole, of_part in zip(whole, part, strict=True):
        np.testing.assert_array_equal(of_whole[: len(of_part)], of_part)


def test_order_1_is_the_discounted_frequency_whatever_came_before():
    train, text = arrays([0] * 5 + [1] * 2 + [2], [3, 0, 1, 2, 3])
    (found,) = kneser_ney(train, text, 4, 1)
    d1, d2, d3 = FALLBACK
    left = (d1 + d2 + d3) / 4
    np.testing.assert_allclose(
        found, np.array([5 - d3 + left, 2 - d2 + left, 1 - d1 + left, left]) / 8
    )


def test_below_the_highest_order_a_symbol_counts_once_for_each_neighbour():
    """The papers' "Francisco": 2 is frequent but only ever follows 1, so after a new context it is unlikely."""
    train, text = arrays([0, 3, 1, 2, 1, 2, 1, 2, 0, 1, 2, 3, 3, 1, 2], [4, 2, 4, 3])
    unigram, bigram = kneser_ney(train, text, 5, 2)
    assert unigram[0] > unigram[2]
    assert bigram[0] < bigram[2]


def test_ids_of_large_alphabets_do_not_overflow():
    symbols = np.array([70_000, 69_999, 70_001, 3] * 20, np.uint32)
    probabilities = list(kneser_ney(symbols, symbols[:12], 1_114_112, 9))
    assert len(probabilities) == 9
    assert probabilities[-1][8:].min() > 0.99


def test_discounts_follow_the_formulas_or_fall_back():
    counts = np.array([1] * 8 + [2] * 4 + [3] * 2 + [4] + [9] * 3 + [0] * 7)
    assert estimate_discounts(counts) == pytest.approx((0.5, 1.25, 2.0))
    assert naive_discounts(counts[counts > 0].tolist()) == pytest.approx((0.5, 1.25, 2.0))
    assert estimate_discounts(np.zeros(0, np.int64)) == FALLBACK
    assert estimate_discounts(np.array([1, 1, 2, 2])) == FALLBACK  # no count of 3
    assert estimate_discounts(np.array([1, 1, 2, 3, 3])) == FALLBACK  # D2 would be negative


# --- all baselines -----------------------------------------------------------------------------------------------------

TRAIN, HELD_OUT = make_text(7000)[:6000], make_text(7000)[5200:]


def of_text(train, held_out, min_count=1, **options):
    """The baselines of a text, with the vocabulary of both parts."""
    counts = Counter(train + held_out)
    kept = sorted(ord(c) for c, n in counts.items() if n >= min_count)
    vocabulary = Vocabulary("char", kept, has_unknown=len(kept) < len(counts))
    ids = [vocabulary.encode(text).astype(vocabulary.dtype) for text in (train, held_out)]
    return measure_baselines(*ids, vocabulary, **options), vocabulary, ids


def test_uniform_and_unigram_are_what_counting_says():
    found, vocabulary, _ = of_text(TRAIN, HELD_OUT)
    assert found.uniform == math.log2(len(vocabulary))
    counts = Counter(TRAIN)
    total = len(TRAIN) + len(vocabulary)
    bits = [math.log2(total / (counts[c] + 1)) for c in HELD_OUT[1:]]
    assert found.unigram == pytest.approx(sum(bits) / len(bits), rel=1e-12)
    assert found.characters == len(bits)
    assert found.train_characters == len(TRAIN)


@pytest.mark.parametrize(("train", "held_out"), [(TRAIN, HELD_OUT), ("ab" * 40, "äöü床前" * 3)])
def test_compressors_charge_what_the_held_out_text_adds(train, held_out):
    found, _, _ = of_text(train, held_out)
    before, both = train.encode(), (train + held_out).encode()
    added = len(gzip.compress(both, 9)) - len(gzip.compress(before, 9))
    assert found.gzip == 8 * added / len(held_out)
    added = len(lzma.compress(both, preset=9)) - len(lzma.compress(before, preset=9))
    assert (
        abs(found.xz * len(held_out) / 8 - added) <= 8
    )  # the .xz file is padded, ours has no frame


def test_the_order_is_the_best_one_on_the_text_that_chooses():
    found, vocabulary, (train, held_out) = of_text(TRAIN, HELD_OUT)
    models = kneser_ney(train, held_out, len(vocabulary), baselines.HIGHEST_ORDER)
    bits = [-np.log2(probabilities).mean() for probabilities in models]
    np.testing.assert_allclose(found.ngrams, bits)
    assert found.order == 1 + np.argmin(bits) > 1
    assert found.ngram == min(found.ngrams)
    strange = vocabulary.encode(HELD_OUT[::-1])
    elsewhere = measure_baselines(train, held_out, vocabulary, choose_on=strange)
    assert elsewhere.ngrams == found.ngrams
    assert elsewhere.order < found.order
    assert elsewhere.ngram == found.ngrams[elsewhere.order - 1]


def test_of_long_texts_the_nearest_part_counts(monkeypatch):
    monkeypatch.setattr(baselines, "MAX_TRAIN", 2000)
    monkeypatch.setattr(baselines, "MAX_HELD_OUT", 700)
    found, vocabulary, (train, held_out) = of_text(TRAIN, HELD_OUT)
    assert (found.train_characters, found.characters) == (2000, 699)
    cut = measure_baselines(train[-2000:], held_out[:700], vocabulary)
    assert found == cut
    assert found == measure_baselines(train, held_out, vocabulary, choose_on=held_out)


def test_baselines_score_the_characters_that_the_end_of_a_run_scores():
    assert baselines.MAX_HELD_OUT == MAX_VALIDATION_CHARS


def test_rare_characters_are_one_symbol_for_all():
    found, vocabulary, _ = of_text(TRAIN + "äöü", HELD_OUT + "ß", min_count=20)
    same, smaller, _ = of_text(TRAIN + "äöü", HELD_OUT + "€", min_count=20)
    assert len(vocabulary) == len(smaller)
    assert found == same


def test_at_level_byte_the_bytes_are_what_is_compressed():
    before, after = bytes(range(256)) * 3, bytes(range(128, 256)) * 2
    ids = [np.frombuffer(text, np.uint8) for text in (before, after)]
    found = measure_baselines(*ids, Vocabulary.of_bytes())
    added = len(gzip.compress(before + after, 9)) - len(gzip.compress(before, 9))
    assert found.gzip == 8 * added / len(after)
    assert found.uniform == 8


@pytest.mark.parametrize(
    ("train", "held_out"), [("a" * 30, "aaa"), ("ab", "cd"), ("", "ab"), ("a", "ba")]
)
def test_tiny_texts_have_finite_metrics(train, held_out):
    found, vocabulary, _ = of_text(train, held_out)
    metrics = [found.uniform, found.unigram, found.gzip, found.xz, *found.ngrams]
    assert all(math.isfinite(bits) and bits >= 0 for bits in metrics)
    if len(vocabulary) == 1:
        assert (found.uniform, found.unigram, found.ngram) == (0, 0, 0)


def test_one_character_cannot_be_scored(wording):
    with wording.raises(DataError):
        of_text("abc", "a")


def test_a_python_without_lzma_has_no_xz(monkeypatch):
    monkeypatch.setitem(sys.modules, "lzma", None)
    found, _, _ = of_text(TRAIN, HELD_OUT)
    assert found.xz is None
    assert found.gzip > 0
    assert found.as_dict()["xz"] is None


# --- on the command line -----------------------------------------------------------------------------------------------

SMALL = (
    "--hidden-size",
    12,
    "--batch-size",
    6,
    "--sequence-length",
    10,
    "--precision",
    "float32",
    "--steps",
    3,
)


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """`call_charrnn` in a folder with a corpus.txt."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus.txt").write_text(make_text(3000), encoding="utf-8")
    return lambda *arguments, **options: call_charrnn(capsys, *arguments, **options)


def metrics_of(result):
    """The line "baselines: ..." as a dictionary, or None."""
    lines = [line for line in result.out.splitlines() if line.startswith("baselines: ")]
    if not lines:
        return None
    listed, unit = lines[0].removeprefix("baselines: ").split(" bits per ")
    pairs = (item.rsplit(" ", 1) for item in listed.split(", "))
    return {name: float(bits) for name, bits in pairs} | {"unit": unit}


def test_a_run_ends_with_the_baselines_between_its_result_and_the_next_command(here):
    result = here("train", "corpus.txt", *SMALL)
    starts = [line.split(":")[0] for line in result.out.splitlines()[1:]]
    assert [start for start in starts if start[0] != " "] == ["validation", "baselines", "next"]
    expected, _, _ = of_text(make_text(3000)[:2700], make_text(3000)[2700:])
    assert metrics_of(result) == {
        "uniform": round(expected.uniform, 3),
        "unigram": round(expected.unigram, 3),
        "gzip": round(expected.gzip, 3),
        "xz": round(expected.xz, 3),
        f"{expected.order}-gram (Kneser-Ney)": round(expected.ngram, 3),
        "unit": "character",
    }


@pytest.mark.parametrize("option", ["--no-baselines", "-q", "--val-fraction=0"])
def test_baselines_are_left_out_when_unwanted_or_without_validation_text(here, option):
    result = here("train", "corpus.txt", *SMALL, option)
    assert metrics_of(result) is None
    assert "next: " in result.out


def test_a_byte_model_has_baselines_per_byte(here):
    found = metrics_of(here("train", "corpus.txt", *SMALL, "--level", "byte"))
    assert found["uniform"] == 8
    assert found["unit"] == "byte"


def test_limits_that_bite_are_said(here, monkeypatch, wording):
    monkeypatch.setattr(baselines, "MAX_TRAIN", 500)
    monkeypatch.setattr(baselines, "MAX_HELD_OUT", 100)
    monkeypatch.setattr("charrnn.cli.train.baselines.LONG", 1000)
    result = here("train", "corpus.txt", *SMALL)
    assert (
        metrics_of(result)["unit"]
        == "character (fitted on the last 500 characters of the training text)"
    )
    wording(result)
    table = here("evaluate", "--split", "val", "--baselines")
    assert (
        "fitted on the last 500 chars of the training text, for the first 99 chars\n" in table.out
    )
    wording(table)
    quiet = here("evaluate", "--split", "val", "--baselines", "--json", "-q")
    assert quiet.err.count("\n") == 1  # the corpus, which the checkpoint names
    assert json.loads(quiet.out)["baselines"]["train_characters"] == 500


def test_evaluate_has_them_as_a_table_and_as_json(here):
    line = metrics_of(here("train", "corpus.txt", *SMALL))
    table = here("evaluate", "--split", "val", "--baselines").out.split("\n\n")[1].splitlines()
    assert (
        table[0]
        == "baselines         bits per char, fitted on the 2,700 chars of the training text"
    )
    rows = {row[:18].strip(): row[18:] for row in table[1:]}
    found = json.loads(here("evaluate", "--split", "val", "--baselines", "--json").out)["baselines"]
    order = f"{found['ngram_order']}-gram"
    assert list(rows) == ["uniform", "unigram", "gzip", "xz", order]
    for name, row in rows.items():
        bits = found["ngram" if name == order else name]
        assert float(row.split(",")[0]) == round(bits, 4)
        assert line[f"{name} (Kneser-Ney)" if name == order else name] == round(bits, 3)
    assert rows[order].endswith(", Kneser-Ney, the best order of 1 to 9 on validation text")
    assert found["ngram_by_order"][found["ngram_order"] - 1] == found["ngram"]
    assert len(found["ngram_by_order"]) == 9
    assert (found["train_characters"], found["characters"]) == (2700, 299)
    assert "baselines" not in json.loads(here("evaluate", "--split", "val", "--json").out)


@pytest.mark.parametrize(("val_fraction", "chooser"), [(0.2, "validation"), (0, "this")])
def test_on_test_text_the_order_is_chosen_by_validation_text(here, tmp_path, val_fraction, chooser):
    text = make_text(3000)
    text = text[:2100] + text[2100:2700][::-1] + text[2700:]  # backwards, a short order is best
    (tmp_path / "corpus.txt").write_text(text, encoding="utf-8")
    parts = ("--val-fraction", val_fraction, "--test-fraction", 0.1)
    here("train", "corpus.txt", *SMALL, *parts, "-q")
    val, test = round(3000 * (0.9 - val_fraction)), 2700
    vocabulary = Vocabulary("char", sorted(map(ord, set(text))))
    train, held_out, chosen_on = (
        vocabulary.encode(part) for part in (text[:val], text[test:], text[val:test] or text[test:])
    )
    expected = measure_baselines(train, held_out, vocabulary, choose_on=chosen_on)
    found = json.loads(here("evaluate", "--split", "test", "--baselines", "--json").out)
    assert found["baselines"] == expected.as_dict()
    is_best_here = found["baselines"]["ngram"] == min(found["baselines"]["ngram_by_order"])
    assert is_best_here == (chooser == "this")
    table = here("evaluate", "--split", "test", "--baselines").out
    assert table.endswith(f"on {chooser} text\n")


@pytest.mark.parametrize("what", [("corpus.txt",), ("--split", "train")])
def test_baselines_of_anything_but_a_held_out_part_are_refused(here, what, wording):
    here("train", "corpus.txt", *SMALL, "-q")
    refused = here("evaluate", "corpus", *what, "--baselines", status=2)
    wording(refused)
    assert refused.out == ""


def test_ctrl_c_while_they_are_measured_loses_nothing_of_the_result(tmp_path):
    (tmp_path / "corpus.txt").write_text(make_text(3000), encoding="utf-8")
    code = (
        "import os, signal, sys\n"
        "from charrnn.cli.app import main\n"
        "from charrnn.evaluation import baselines\n"
        "baselines.measure_baselines = lambda *a, **o: os.kill(os.getpid(), signal.SIGINT)\n"
        "main()\n"
    )
    done = subprocess.run(
        script(code, "train", "corpus.txt", *SMALL),
        cwd=tmp_path,
        capture_output=True,
        env=CLEAN,
        preexec_fn=own_signals,
        check=False,
    )
    assert done.returncode == -2
    *_, validation, counts = done.stdout.decode().splitlines()
    assert validation.startswith("validation: ")
    assert "with counts" in counts
    assert b"Traceback" not in done.stderr
    assert (tmp_path / "checkpoints" / "corpus" / "best.safetensors").exists()
