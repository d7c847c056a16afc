"""Scores of lines: each against a model that reads one character at a time, and their sum against `evaluate`."""

import io
import math
import sys

import numpy as np
import pytest
from helpers import random_model
from hypothesis import given
from hypothesis import strategies as st

import charrnn
from charrnn.config import CorpusConfig
from charrnn.errors import CheckpointError, DataError, UsageError
from charrnn.evaluation import score as scoring
from charrnn.evaluation.candidates import score_candidates
from charrnn.evaluation.evaluate import evaluate
from charrnn.evaluation.line_scores import UNIFORM_BITS
from charrnn.evaluation.score import LineScorer
from charrnn.evaluation.score import score as score_as_trained
from charrnn.evaluation.streams import resumed_stretches
from charrnn.text.vocabulary import Vocabulary

MODEL = random_model("abc\n", seed=4, hidden_size=6)
WITH_UNKNOWN = random_model(
    Vocabulary("char", sorted(map(ord, "abc\n")), has_unknown=True), seed=5, hidden_size=6
)
BYTES = random_model(Vocabulary.of_bytes(), seed=6, hidden_size=6, scale=0.5)
MODELS = {"char": MODEL, "unknown": WITH_UNKNOWN, "byte": BYTES}


def score(model, lines, *, carried=False, item_end="\n", **options):
    """Each line by itself, unless they are carried."""
    return score_as_trained(model, lines, carried=carried, item_end=item_end, **options)


every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def symbols_of(model, text):
    """The symbols of a text one by one; None for a character that cannot be read."""
    if model.vocabulary.level == "byte":
        return list(text.encode("utf-8", "surrogateescape"))
    known = {chr(point): k for k, point in enumerate(model.vocabulary.symbols.tolist())}
    return [known.get(c, model.vocabulary.unknown_id) for c in text]


class Reader:
    """Reads a character at a time, and says in plain floats what it expected."""

    def __init__(self, model, text="\n"):
        self.model, self.state, self.log2_p = model, model.initial_state(), None
        for symbol in symbols_of(model, text):
            self.read(symbol)

    def read(self, symbol):
        logits, self.state, _ = self.model.step(symbol, self.state)
        logits = logits.astype(np.float64)
        self.log2_p = (logits - np.logaddexp.reduce(logits)) / math.log(2)

    def costs(self, text, unknown_bits=None):
        """The cost in bits of each symbol of a text, and the symbol that was expected there."""
        bits, expected = [], []
        for symbol in symbols_of(self.model, text):
            expected.append(int(self.log2_p.argmax()))
            is_unknown = symbol is None or symbol == self.model.vocabulary.unknown_id
            if symbol is None:
                bits.append(math.log2(0x110000))
            else:
                bits.append(-self.log2_p[symbol])
                self.read(symbol)
            if is_unknown and unknown_bits is not None:
                bits[-1] = unknown_bits
        return bits, expected


def require_score(line, model, text, bits, expected, end="\n"):
    """A score is what these costs of a line's symbols say."""
    assert line.text == text
    assert line.characters == len(bits)
    assert line.bits == pytest.approx(sum(bits), rel=1e-5)
    assert line.bits_per_char == pytest.approx(np.mean(bits), rel=1e-5)
    assert line.worst.bits == pytest.approx(max(bits), rel=1e-5)
    ranked = sorted(bits)
    if len(ranked) > 1 and ranked[-1] - ranked[-2] < 1e-4:
        return  # either may be the worst
    place = int(np.argmax(bits))
    assert line.worst.expected == model.vocabulary.shown(expected[place])
    if model.vocabulary.level == "char":
        assert (line.worst.position, line.worst.text) == (place, (text + end)[place])


LINES = ["abcab", "", "cc", "aéb", "", "é中", "a" * 70, "b", "cab"]


@every_model
@pytest.mark.parametrize("unknown_bits", [None, 0.0, 7.5])
def test_a_line_by_itself_costs_what_a_reader_of_single_characters_pays(model, unknown_bits):
    found = score(model, LINES, unknown_bits=unknown_bits)
    assert [line.number for line in found] == [1, 3, 4, 6, 7, 8, 9]
    for line in found:
        text = LINES[line.number - 1]
        bits, expected = Reader(model).costs(text + "\n", unknown_bits)
        require_score(line, model, text, bits, expected)
        assert line.unknown == (0 if model is BYTES else sum(c not in "abc" for c in text))


@every_model
@pytest.mark.parametrize("unknown_bits", [None, 7.5])
def test_carried_lines_cost_what_one_reader_of_all_of_them_pays(model, unknown_bits):
    found = score(model, LINES, carried=True, unknown_bits=unknown_bits)
    assert [line.number for line in found] == list(range(1, len(LINES) + 1))
    reader = Reader(model)
    for line, text in zip(found, LINES, strict=True):
        require_score(line, model, text, *reader.costs(text + "\n", unknown_bits))


def texts(characters):
    return st.lists(st.text(st.sampled_from(characters), max_size=9), max_size=12)


@given(texts("abc"))
def test_lines_by_themselves_add_up_to_evaluate(lines):
    if not any(lines):
        assert score(MODEL, lines) == []
        return
    ids = MODEL.vocabulary.encode("\n".join((*lines, "")))
    whole = evaluate(MODEL, ids, item_end="\n")
    found = score(MODEL, lines)
    assert sum(line.characters for line in found) == whole.characters
    assert len(found) == whole.items
    total = sum(line.bits for line in found) * math.log(2)
    assert total == pytest.approx(whole.total_nats, rel=1e-6)


@given(texts("abc"))
def test_carried_lines_add_up_to_evaluate(lines):
    found = score(MODEL, lines, carried=True)
    if lines:
        text = "".join(f"{line}\n" for line in lines)
        whole = evaluate(MODEL, MODEL.vocabulary.encode("\n" + text))
        assert sum(line.characters for line in found) == whole.characters == len(text)
        assert sum(x.bits for x in found) / len(text) == pytest.approx(
            whole.bits_per_char, rel=1e-6
        )


@given(texts("abcé中"))
def test_unknown_characters_cost_their_own_and_are_not_read(lines):
    """What is left of the lines costs the same as if they had never had them."""
    plain = [line.translate({ord("é"): None, ord("中"): None}) for line in lines]
    found, known = (score(MODEL, some, carried=True) for some in (lines, plain))
    for line, rest in zip(found, known, strict=True):
        assert line.characters - line.unknown == rest.characters
        assert line.bits == pytest.approx(rest.bits + line.unknown * UNIFORM_BITS, rel=1e-6)


def test_the_default_cost_is_uniform_over_unicode_or_that_of_the_unknown_symbol():
    (line,) = score(MODEL, ["é"])
    assert line.worst.bits == UNIFORM_BITS == math.log2(sys.maxunicode + 1)
    reader = Reader(WITH_UNKNOWN)
    (line,) = score(WITH_UNKNOWN, ["é"])
    own = -reader.log2_p[WITH_UNKNOWN.vocabulary.unknown_id]
    assert line.bits == pytest.approx(own + Reader(WITH_UNKNOWN, "\né").costs("\n")[0][0], rel=1e-5)


def test_scores_do_not_depend_on_how_many_lines_arrive_together():
    lines = ["abc", "", "é", "c" * 30, "ab"] * 9
    for carried in (False, True):
        whole = score(MODEL, lines, carried=carried)
        for size in (1, 2, 7):
            scorer = LineScorer(MODEL, carried=carried, max_streams=1)
            parts = [lines[k : k + size] for k in range(0, len(lines), size)]
            found = [line for part in parts for line in scorer.score(part)]
            assert [line.number for line in found] == [line.number for line in whole]
            ours, theirs = ([line.bits for line in some] for some in (found, whole))
            np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("num_lines", [1, 40, 333])
def test_many_streams_come_close_to_one_and_go_on_where_the_last_block_ended(
    num_lines, monkeypatch
):
    lines = [
        "".join(np.random.default_rng(k).choice([*"abc"], 1 + k % 9)) for k in range(num_lines)
    ]
    one = LineScorer(MODEL, carried=True, max_streams=1).score(lines)
    monkeypatch.setattr(scoring, "STREAM_LENGTH", 50)
    monkeypatch.setattr(scoring, "BLOCK", 700)
    monkeypatch.setattr(scoring, "WARM_UP", 250)
    many = score(MODEL, lines, carried=True)
    ours, theirs = ([line.bits for line in some] for some in (many, one))
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)
    monkeypatch.setattr(scoring, "WARM_UP", 0)
    cold = [line.bits for line in score(MODEL, lines, carried=True)]
    assert (num_lines < 40) == np.allclose(cold, theirs, rtol=1e-3)


@given(st.integers(2, 300), st.integers(1, 40), st.integers(0, 60))
def test_resumed_stretches_score_each_symbol_once_and_end_with_the_longest(size, most, warm_up):
    laid = resumed_stretches(size, min(most, size - 1), warm_up)
    scored = [np.arange(b, e) for b, e in zip(laid.begin, laid.end, strict=True)]
    np.testing.assert_array_equal(np.concatenate(scored), np.arange(size - 1))
    np.testing.assert_array_equal(laid.first, np.maximum(laid.begin - warm_up, 0))
    assert (laid.end - laid.first)[-1] == laid.num_steps


def test_a_long_line_among_many_short_ones_is_read_alone(monkeypatch):
    widths = []
    run = charrnn.CharRNN.run

    def counted(self, ids, state):
        widths.append(np.shape(ids)[1])
        return run(self, ids, state)

    monkeypatch.setattr(charrnn.CharRNN, "run", counted)
    long = "abc" * 1000
    found = score(MODEL, ["ab"] * 50 + [long])
    bits, expected = Reader(MODEL).costs(long + "\n")
    require_score(found[-1], MODEL, long, bits, expected)
    assert max(widths) == 51
    assert widths.count(1) > 40
    assert sum(widths) < 2 * len(widths) + 51


def test_an_open_file_is_lines(tmp_path):
    (tmp_path / "lines").write_text("abc\n\nb", encoding="utf-8")
    with (tmp_path / "lines").open(encoding="utf-8") as file:
        assert score(MODEL, file) == score(MODEL, ["abc", "", "b"])
    assert score(MODEL, io.StringIO("")) == []
    assert charrnn.score is score_as_trained


def test_a_model_scores_as_it_was_trained_to_read():
    model = random_model("abc\n\x1e", seed=8)
    lines = ["ab", "", "c"]
    for setting, expected in (
        ({}, score(model, lines, carried=True)),
        ({"lines": True}, score(model, lines)),
        ({"separator": "%%"}, score(model, lines, item_end="\x1e")),
    ):
        model.reading = CorpusConfig(**setting)
        assert score_as_trained(model, lines) == expected
        assert score_as_trained(model, lines, carried=True) == score(model, lines, carried=True)
        assert score_as_trained(model, lines, item_end="\n") == score(model, lines)


def test_a_record_of_several_lines_is_one_item(wording):
    model = random_model("abc\n\x1e", seed=7, hidden_size=6)
    texts = ["ab\nc\n\na", "", "é\nb"]
    found = score(model, [*texts[:2], texts[2] + "\x1e"], item_end="\x1e")
    assert [line.number for line in found] == [1, 3]
    for line in found:
        text = texts[line.number - 1]
        costs = Reader(model, "\x1e").costs(text + "\x1e")
        require_score(line, model, text, *costs, end="\x1e")
    (candidate,) = score_candidates(model, "ab\n", ["c"], item_end="\x1e")
    costs = Reader(model, "\x1eab\n").costs("c\x1e")
    require_score(candidate, model, "c", *costs, end="\x1e")
    with wording.raises(UsageError):
        score(MODEL, texts, item_end="\x1e")


def test_bytes_are_symbols_and_positions_are_characters():
    text = b"a\xc3\xa9\xff\xe4\xb8\xad".decode("utf-8", "surrogateescape")  # a é, a stray byte, 中
    places = [0, 1, 1, 2, 3, 3, 3, 4]
    worst = set()
    for seed in range(40):
        model = random_model(Vocabulary.of_bytes(), seed=seed, hidden_size=4)
        (line,) = score(model, [text])
        bits, _ = Reader(model).costs(text + "\n")
        place = int(np.argmax(bits))
        worst.add(place)
        shown = ["a", "c3", "a9", "ff", "e4", "b8", "ad", "\n"][place]
        assert line.characters == 8
        assert (line.worst.position, line.worst.text) == (places[place], shown)
    assert len(worst) > 4


def test_the_dictionary_has_the_figures_under_their_names():
    (line,) = score(MODEL, ["abé"])
    assert line.as_dict() == {
        "number": 1,
        "characters": 4,
        "bits": line.bits,
        "bits_per_char": line.bits / 4,
        "unknown": 1,
        "worst": {
            "position": 2,
            "character": "é",
            "bits": UNIFORM_BITS,
            "expected": line.worst.expected,
            "probability": line.worst.probability,
        },
        "text": "abé",
    }
    bits, _ = Reader(MODEL, "\nab").costs(line.worst.expected)
    assert line.worst.probability == pytest.approx(2 ** -bits[0], rel=1e-5)


# --- candidates -----------------------------------------------------------------------------------


@every_model
def test_a_candidate_costs_what_a_reader_of_the_prompt_pays(model):
    candidates = ["ab", "c", "caé", "aaaaaaaaaa", "c"]
    for prompt in ("b", "ab\nc"):
        found = score_candidates(model, prompt, candidates)
        assert [line.number for line in found] == [1, 2, 3, 4, 5]
        for line, text in zip(found, candidates, strict=True):
            require_score(line, model, text, *Reader(model, prompt).costs(text), end="")
        as_lines = score_candidates(model, prompt, ["", *candidates], item_end="\n")
        for line, text in zip(as_lines, ["", *candidates], strict=True):
            require_score(line, model, text, *Reader(model, "\n" + prompt).costs(text + "\n"))


def test_without_a_prompt_a_candidate_begins_a_line():
    (alone,) = score_candidates(MODEL, "", ["ab"])
    assert alone.bits == pytest.approx(sum(Reader(MODEL).costs("ab")[0]), rel=1e-5)
    (line,) = score_candidates(MODEL, "", ["ab"], item_end="\n")
    assert line == score(MODEL, ["ab"])[0]


def test_a_prompt_and_a_candidate_are_together_a_line():
    whole = score(MODEL, ["abca"])[0].bits
    for cut in range(4):
        (rest,) = score_candidates(MODEL, "abca"[:cut], ["abca"[cut:]], item_end="\n")
        begun = sum(Reader(MODEL).costs("abca"[:cut])[0])
        assert begun + rest.bits == pytest.approx(whole, rel=1e-5)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [-1, -0.01, math.inf, math.nan])
def test_a_cost_below_zero_or_without_bound_is_refused(bits, wording):
    with wording.raises(UsageError):
        score(MODEL, ["a"], unknown_bits=bits)


def test_what_cannot_be_scored_is_refused(wording):
    without = random_model("abc")
    with_unknown = random_model(Vocabulary("char", [97, 98], has_unknown=True))
    for model in (without, with_unknown):
        for wrong in (lambda m: score(m, ["a"]), lambda m: score_candidates(m, "", ["a"])):
            with wording.raises(UsageError):
                wrong(model)
    assert score_candidates(without, "a", ["b"])[0].bits > 0
    with wording.raises(UsageError):
        score(MODEL, "abc")
    with wording.raises(UsageError):
        score_candidates(MODEL, "a", ["b", ""])
    with pytest.raises(DataError, match="é"):
        score_candidates(MODEL, "é", ["b"])


def test_predictions_that_overflow_are_refused(wording):
    weights = {name: np.zeros_like(array) for name, array in MODEL.weights.items()}
    weights["head.bias"][0] = np.inf
    broken = charrnn.CharRNN(MODEL.config, MODEL.vocabulary, weights)
    for carried in (False, True):
        with wording.raises(CheckpointError), np.errstate(all="ignore"):
            score(broken, ["ab"], carried=carried)
