"""Texts of lines: how they are split, batched, scored, sampled, and resumed."""

import dataclasses
import io
import json
import math
from collections import Counter
from functools import partial
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import call_charrnn
from hypothesis import example, given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy
from trainers import make_trainer, run_to_end

import charrnn
from charrnn.checkpoint import load_checkpoint
from charrnn.config import (
    CorpusConfig,
    ModelConfig,
    SamplingConfig,
    TrainingConfig,
    TrainingRequest,
)
from charrnn.errors import DataError, UsageError
from charrnn.evaluation.evaluate import evaluate
from charrnn.numerics import log_softmax
from charrnn.sampling.sampler import generate_items, sample
from charrnn.text import items as items_module
from charrnn.text import numbering
from charrnn.text.corpus import Corpus, read_corpus
from charrnn.text.items import (
    count_repeated,
    first_items,
    item_bounds,
    shuffled,
    whole_items,
)
from charrnn.text.sources import TextSource
from charrnn.training import replica as replica_module
from charrnn.training import validation
from charrnn.training.allowed import CorpusSize
from charrnn.training.data import IGNORED, ItemBatches, make_batches
from charrnn.training.events import Evaluated, Step
from charrnn.training.item_order import BatchShape
from charrnn.training.measure import plan_here
from charrnn.training.network import make_network
from charrnn.training.optimizer import Optimizer
from charrnn.training.step import train_step

NAMES = [
    f"{first}{second}{third}{'!' * (len(second) % 3)}"
    for first in ("a", "be", "cor")
    for second in ("", "li", "mona", "nicholas")
    for third in ("a", "o", "us", "ette")
]


def read(*texts: str, cache: Path = Path("unused"), **settings) -> Corpus:
    sources = [
        TextSource(f"{k}.txt", lambda text=text: io.BytesIO(text.encode()))
        for k, text in enumerate(texts)
    ]
    config = CorpusConfig(**({"lines": True} | settings))
    return read_corpus(sources, config, cache=cache)


def lines_of(corpus: Corpus, part=None) -> list[str]:
    """The lines of a part, which begins and ends with a newline."""
    text = corpus.vocabulary.decode(corpus.ids if part is None else part)
    assert text[0] == text[-1] == "\n"
    return text[1:-1].split("\n") if len(text) > 1 else []


def ids_of(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8)


def text_of(ids: np.ndarray) -> str:
    return ids.astype(np.uint8).tobytes().decode()


NEWLINE = ord("\n")

# --- the text ---------------------------------------------------------------------------------------------------------


@given(st.text("ab\n"), st.integers(1, 9))
@example("", 1)
def test_a_text_becomes_lines_that_are_not_empty(text, piece):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(items_module, "PIECE", piece)
        found = whole_items(ids_of(text), NEWLINE)
        bounds = item_bounds(found, NEWLINE)
    expected = [line for line in text.split("\n") if line]
    assert text_of(found) == "\n" + "".join(line + "\n" for line in expected)
    assert [text_of(found[a + 1 : b]) for a, b in pairwise(bounds)] == expected


@given(
    st.lists(st.text("ab", min_size=1), max_size=9),
    st.lists(st.text("ab", min_size=1), max_size=9),
    st.integers(1, 9),
)
def test_repeated_lines_are_counted(items, others, piece):
    found, among = (
        ids_of("\n" + "".join(line + "\n" for line in some)) for some in (items, others)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(items_module, "PIECE", piece)
        counted = count_repeated(found, among, NEWLINE)
    assert counted == sum(item in others for item in items)


@pytest.mark.parametrize(
    ("most", "expected"),
    [(1, "\nab\n"), (4, "\nab\n"), (5, "\nab\nc\n"), (9, "\nab\nc\n"), (10, "\nab\nc\ndefg\n")],
)
def test_the_first_lines_that_fit_are_taken_whole(most, expected):
    ids = ids_of("\nab\nc\ndefg\n")
    assert text_of(first_items(ids, NEWLINE, most)) == expected


def test_the_order_of_a_seed_never_changes():
    """Else a checkpoint's validation text would no longer be what the model was not trained on."""
    assert shuffled(9, 1).tolist() == ORDER_OF_SEED_1
    assert sorted(shuffled(1000, 7, 8)) == list(range(1000))
    assert shuffled(1000, 7, 8).tolist() != shuffled(1000, 7, 9).tolist()


ORDER_OF_SEED_1 = [2, 4, 7, 5, 0, 8, 6, 3, 1]

# --- the corpus -------------------------------------------------------------------------------------------------------


def test_whole_lines_are_split_by_number():
    corpus = read("\n".join(NAMES) + "\n", val_fraction=0.25, test_fraction=0.125)
    parts = [lines_of(corpus, part) for part in (corpus.train, corpus.val, corpus.test)]
    assert [len(part) for part in parts] == [30, 12, 6]
    assert Counter(chain(*parts)) == Counter(NAMES)
    assert list(chain(*parts)) != NAMES
    assert corpus.num_items == 48
    assert len(corpus) == len("\n".join(NAMES)) + 1
    assert corpus.item_lengths(corpus.val).tolist() == [len(line) + 1 for line in parts[1]]


def test_the_split_depends_on_its_seed_alone():
    text = "\n".join(NAMES)
    first, again, other = (read(text, split_seed=seed) for seed in (3, 3, 4))
    assert lines_of(first, first.val) == lines_of(again, again.val)
    assert sorted(lines_of(first, first.val)) != sorted(lines_of(other, other.val))
    larger = read(text, split_seed=3, val_fraction=0.5)
    assert lines_of(larger, larger.val)[-5:] == lines_of(first, first.val)


def test_the_split_seed_is_refused_without_lines(wording):
    with wording.raises(UsageError):
        CorpusConfig(split_seed=2)


def test_empty_lines_are_left_out_and_said():
    corpus = read("\n\na\nb\n\n c\n\n")
    assert sorted(lines_of(corpus)) == [" c", "a", "b"]
    assert corpus.notes == ("4 empty lines were left out",)


def test_a_file_that_does_not_end_with_a_newline_does_not_run_into_the_next():
    corpus = read("a\nb", "c\n", "d")
    assert sorted(lines_of(corpus)) == ["a", "b", "c", "d"]


def test_a_line_that_was_cut_off_is_left_out():
    corpus = read("ab\ncd\nef\n", max_chars=8)
    assert sorted(lines_of(corpus)) == ["ab", "cd"]
    assert "the last line was cut off and left out" in corpus.notes


@pytest.mark.parametrize("text", ["abc", "abc\n", "\n\nabc\n\n", "\n\n"])
def test_a_text_without_two_lines_is_refused(text, wording):
    with wording.raises(DataError):
        read(text)


def test_a_newline_that_is_too_rare_is_refused(wording):
    with wording.raises(DataError) as error:
        read("aaaa\naaaa\n", min_count=3)
    assert "min_count" in error.value.hint


def test_two_lines_are_split_and_none_is_held_out_of_too_few():
    assert [len(lines_of(c, c.val)) for c in (read("a\nb"), read("a\nb", val_fraction=0.9))] == [
        1,
        0,
    ]


def test_bytes_have_lines_too():
    corpus = read("é\nü\n", level="byte")
    assert sorted(lines_of(corpus)) == ["é", "ü"]
    assert corpus.end_id == NEWLINE


def test_a_large_text_of_lines_is_mapped_from_a_file_of_its_own(tmp_path, monkeypatch):
    text = "\n".join(NAMES)
    in_memory = read(text)
    monkeypatch.setattr(numbering, "MAX_IN_MEMORY", 50)
    mapped, other = (read(text, cache=tmp_path, split_seed=seed) for seed in (1, 2))
    as_text = read(text, cache=tmp_path, lines=False)
    assert isinstance(mapped.ids, np.memmap)
    assert lines_of(mapped) == lines_of(in_memory)
    assert lines_of(other) != lines_of(mapped)
    assert sorted(lines_of(other)) == sorted(lines_of(mapped))
    assert as_text.vocabulary.decode(as_text.ids) == text


# --- batches ----------------------------------------------------------------------------------------------------------


def read_items(batches, steps):
    """The lines that some steps read, put together from their inputs and targets."""
    found, rows = [], []
    for step in steps:
        inputs, targets = batches.batch(step)
        assert inputs.shape == targets.shape
        if batches.resets_state(step):
            found += rows
            rows = [("", "")] * inputs.shape[1]
        real = targets != IGNORED
        assert real.any()
        rows = [
            (read + text_of(x[r]), said + text_of(y[r]))
            for (read, said), x, y, r in zip(rows, inputs.T, targets.T, real.T, strict=True)
        ]
    found += rows
    for read, said in found:
        assert read[0] == said[-1] == "\n"
        assert read[1:] == said[:-1]
    return [said[:-1] for _, said in found]


def items_of(lines, shape, seed=1):
    return ItemBatches(ids_of("\n" + "".join(line + "\n" for line in lines)), NEWLINE, shape, seed)


@given(
    st.lists(st.text("abc", min_size=1, max_size=30), min_size=1, max_size=40),
    st.integers(1, 5),
    st.integers(1, 9),
    st.integers(0, 3),
)
def test_an_epoch_reads_every_line_once_from_its_start_to_its_end(lines, rows, length, seed):
    batches = items_of(lines, BatchShape(rows, length), seed)
    steps = batches.steps_per_epoch
    for epoch in range(3):
        found = read_items(batches, range(epoch * steps, (epoch + 1) * steps))
        assert Counter(found) == Counter(lines)


@given(
    st.lists(st.text("abc", min_size=1, max_size=30), min_size=1, max_size=30),
    st.integers(1, 5),
    st.integers(1, 9),
)
def test_characters_are_counted_without_the_padding(lines, rows, length):
    batches = items_of(lines, BatchShape(rows, length))
    seen = 0
    for step in range(2 * batches.steps_per_epoch + 1):
        assert batches.characters_in(step) == seen
        seen += int((batches.batch(step)[1] != IGNORED).sum())


def test_the_drawing_in_the_docstring_is_what_happens():
    batches = items_of(["ava", "emma", "leo", "theodore"], BatchShape(1, 16))
    assert batches.steps_per_epoch == 2
    found = {
        tuple(sorted((text_of(x), text_of(y[y != IGNORED]))))
        for step in (0, 1)
        for x, y in zip(*(t.T for t in batches.batch(step)), strict=True)
    }
    said = {text.replace("\n", "↵") for pair in found for text in pair}
    assert {"ava↵", "leo↵", "emma↵", "theodore↵", "↵theodore", "↵emma"} <= said
    assert {tuple(batches.batch(step)[0].shape) for step in (0, 1)} == {(5, 3), (9, 1)}


def test_every_epoch_has_an_order_of_its_own_that_depends_on_the_seed():
    shape = BatchShape(4, 8)
    one, two = items_of(NAMES, shape, 5), items_of(NAMES, shape, 6)
    steps = one.steps_per_epoch
    epochs = [read_items(one, range(k * steps, (k + 1) * steps)) for k in range(2)]
    assert epochs[0] != epochs[1]
    assert epochs[0] != read_items(two, range(steps))
    again = items_of(NAMES, shape, 5)
    for step in (3 * steps + 1, 1, 2 * steps):  # whatever was read before
        assert all(map(np.array_equal, again.batch(step), one.batch(step)))


def test_a_step_reads_about_as_much_as_was_asked_for():
    lines = ["x" * (1 + k % 13) for k in range(5000)]
    batches = items_of(lines, BatchShape(16, 32))
    sizes = [batches.batch(step)[1] for step in range(batches.steps_per_epoch)]
    real = [int((y != IGNORED).sum()) for y in sizes]
    padded = [y.size for y in sizes]
    assert 0.85 * 512 < min(real) <= max(real) < 1.15 * 512
    assert sum(padded) < 1.4 * sum(real)
    assert sum(real) == sum(len(line) + 1 for line in lines)


def test_padding_does_not_change_the_loss():
    """It is the mean over the real targets, each with the same weight, as if every line were read alone."""
    torch.manual_seed(1)
    batches = items_of(["a", "bcd", "efghij"], BatchShape(1, 64))
    inputs, targets = map(torch.from_numpy, batches.batch(0))
    assert (targets == IGNORED).any()
    model_config = ModelConfig(vocab_size=256, hidden_size=7, embedding_size=3)
    config = TrainingConfig(batch_size=1, sequence_length=64)
    network = make_network(model_config, 0.0, 1, torch.device("cpu"))
    with torch.no_grad():
        costs = []
        for x, y in zip(inputs.T, targets.T, strict=True):
            logits, _ = network(x[y != IGNORED][:, None], None)
            costs += cross_entropy(logits[:, 0], y[y != IGNORED], reduction="none").tolist()
    loss, _ = train_step(network, Optimizer(network, config), inputs, targets, None, config)
    assert len(costs) == 2 + 4 + 7
    assert loss == pytest.approx(sum(costs) / len(costs), rel=1e-5)


# --- the plan ---------------------------------------------------------------------------------------------------------


def test_a_plan_knows_the_steps_of_an_epoch():
    corpus = read("\n".join(NAMES * 20))
    size = CorpusSize(len(corpus.train), len(corpus.val), corpus.item_lengths(corpus.train))
    measured = []

    def measure(_, tried):
        measured.append((tried.batch_size, tried.sequence_length))
        return 0.01

    given = {"batch_size": 8, "sequence_length": 32, "precision": "float32", "kernel": "fused"}
    request = TrainingRequest(epochs=3, given={**given, "threads": 1, "hidden_size": 256})
    plan = plan_here(size, ModelConfig(vocab_size=30), request, "cpu", measure)
    batches = make_batches(corpus, plan.config)
    assert plan.config.steps == 3 * batches.steps_per_epoch
    assert (plan.config.batch_size, plan.config.sequence_length) == (8, 32)
    shapes = [batches.batch(step)[0].shape for step in range(batches.steps_per_epoch)]
    cells = np.mean([T * N for T, N in shapes])
    assert plan.run.epoch.lines == pytest.approx(np.mean([N for _, N in shapes]), abs=1)
    assert measured[0][0] == plan.run.epoch.lines
    assert math.prod(measured[0]) == pytest.approx(cells, rel=0.1)


# --- training ---------------------------------------------------------------------------------------------------------

CONFIG = TrainingConfig(
    steps=40,
    batch_size=3,
    sequence_length=7,
    dropout=0.2,
    learning_rate=0.02,
    warmup_steps=3,
    eval_every=9,
)


@pytest.fixture(scope="module")
def corpus():
    return read("\n".join(NAMES), val_fraction=0.25)


short_run = partial(make_trainer, config=CONFIG)


def one_by_one(model, lines):
    """The nats of lines, read one after another, one character at a time."""
    nats = 0.0
    for line in lines:
        state = model.initial_state()
        ids = model.vocabulary.encode(f"\n{line}\n")
        for symbol, following in pairwise(ids):
            logits, state, _ = model.step(symbol, state)
            nats -= float(log_softmax(logits)[following])
    return nats


def test_training_validation_and_evaluation_agree_with_reading_lines_one_by_one(
    corpus, tmp_path, monkeypatch
):
    trainer = short_run(corpus, tmp_path / "run")
    events = run_to_end(trainer)
    evaluated = [e for e in events if isinstance(e, Evaluated)]
    assert evaluated[-1].val_nats < evaluated[0].val_nats
    lines = lines_of(corpus, corpus.val)
    characters = sum(len(line) + 1 for line in lines)
    expected = one_by_one(trainer.snapshot(), lines) / characters
    assert trainer.validate() == pytest.approx(expected, rel=1e-5)
    found = evaluate(trainer.snapshot(), corpus.val, item_end="\n")
    assert found.nats_per_char == pytest.approx(expected, rel=1e-5)
    assert (found.items, found.characters) == (12, characters)
    assert found.protocol == "12 lines, state reset at each, newline counted"
    monkeypatch.setattr(validation, "MAX_ITEMS", 5)
    assert trainer.validate() == pytest.approx(expected, rel=1e-5)
    monkeypatch.setattr(validation, "EVALUATED_CHARS", 40)
    first = lines_of(corpus, first_items(corpus.val, corpus.end_id, 40))
    assert 1 < len(first) < len(lines)
    expected = one_by_one(trainer.snapshot(), first) / sum(len(line) + 1 for line in first)
    assert trainer.validate() == pytest.approx(expected, rel=1e-5)


def test_every_line_starts_afresh_and_a_long_one_goes_on(corpus, tmp_path, monkeypatch):
    trainer = short_run(corpus, tmp_path / "run")
    seen = []

    def spy(network, optimizer, inputs, targets, state, *settings):
        seen.append((state is None, inputs[0].tolist(), inputs.shape[1]))
        return train_step(network, optimizer, inputs, targets, state, *settings)

    monkeypatch.setattr(replica_module, "train_step", spy)
    run_to_end(trainer)
    for step, (fresh, first, _) in enumerate(seen):
        assert fresh == trainer.batches.resets_state(step)
        assert fresh == (first == [corpus.end_id] * len(first))
    assert 0 < sum(fresh for fresh, _, _ in seen) < len(seen)


def test_what_a_step_reports_is_what_it_read(corpus, tmp_path):
    trainer = short_run(corpus, tmp_path / "run")
    steps = [e for e in run_to_end(trainer) if isinstance(e, Step)]
    assert sum(e.characters for e in steps) == trainer.batches.characters_in(len(steps))


@pytest.mark.parametrize("stops", [(1,), (5, 6, 7, 8), (12, 23)])
def test_a_resumed_run_is_bit_for_bit_the_uninterrupted_one(corpus, tmp_path, stops):
    whole = short_run(corpus, tmp_path / "whole")
    fresh = [whole.batches.resets_state(step) for step in (5, 6, 7, 8)]
    assert True in fresh
    assert False in fresh
    run_to_end(whole)
    run_to_end(short_run(corpus, tmp_path / "parts"), stop_at=stops[0])
    for stop in (*stops[1:], None):
        last = load_checkpoint(tmp_path / "parts" / "last.safetensors")
        run_to_end(short_run(corpus, tmp_path / "parts", resume=last), stop_at=stop)
    for name in ("best", "last"):
        one, two = (
            load_checkpoint(tmp_path / folder / f"{name}.safetensors")
            for folder in ("whole", "parts")
        )
        for ours, theirs in ((one.model.weights, two.model.weights), (one.training, two.training)):
            assert {k: v.tobytes() for k, v in ours.items()} == {
                k: v.tobytes() for k, v in theirs.items()
            }
        assert {**one.metrics, "seconds": 0} == {**two.metrics, "seconds": 0}


# --- scoring and sampling ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(corpus, tmp_path_factory):
    config = dataclasses.replace(CONFIG, steps=150, eval_every=150)
    trainer = short_run(corpus, tmp_path_factory.mktemp("model"), config=config)
    run_to_end(trainer)
    return trainer.snapshot()


def test_any_text_can_be_scored_by_lines(model):
    text = "\nalia\n\ncorous\nbe"
    found = evaluate(model, model.vocabulary.encode(text), item_end="\n")
    lines = ["alia", "corous", "be"]
    assert found.total_nats == pytest.approx(one_by_one(model, lines), rel=1e-5)
    assert found.as_dict()["lines"] == 3
    assert found.characters == 5 + 7 + 3


def test_lines_that_cannot_be_scored_are_refused(model, tmp_path, wording):
    ids = model.vocabulary.encode("alia\n")
    for settings in ({"window": 3}, {"streams": 2}):
        with wording.raises(UsageError):
            evaluate(model, ids, item_end="\n", **settings)
    with wording.raises(DataError):
        evaluate(model, model.vocabulary.encode("\n\n"), item_end="\n")
    running = short_run(read("abc" * 30, lines=False), tmp_path / "run").snapshot()
    with wording.raises(UsageError):
        evaluate(running, running.vocabulary.encode("ab"), item_end="\n")


def test_a_line_begins_after_a_newline_and_ends_with_one(model):
    config = SamplingConfig(length=100, seed=3, item_end="\n")
    for index in range(20):
        text = "".join(sample(model, "co", config, index=index))
        assert text.endswith("\n")
        assert text.count("\n") == 1
        running = "".join(sample(model, "\nco", SamplingConfig(length=100, seed=3), index=index))
        assert running.startswith(text)


def test_a_line_is_cut_off_by_its_length_and_begun_by_one_line_only(model, wording):
    cut = "".join(sample(model, "", SamplingConfig(length=2, seed=1, item_end="\n")))
    assert len(cut) <= 2
    with wording.raises(DataError):
        sample(model, "a\nb", SamplingConfig(item_end="\n"))


def test_lines_are_written_one_after_another_up_to_a_length(model):
    config = SamplingConfig(length=60, seed=1)
    text = "".join(piece.text for piece in generate_items(model, "", config))
    assert len(text) == 60
    first = "".join(sample(model, "", SamplingConfig(length=60, seed=1, item_end="\n")))
    assert text.startswith(first)
    assert text.count("\n") > 2


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with names.txt and a run of it."""
    folder = tmp_path_factory.mktemp("lines")
    (folder / "names.txt").write_text("\n".join(NAMES * 3) + "\n\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(place):
    from helpers import run_charrnn

    small = ("--hidden-size", 24, "--embedding-size", 5, "--batch-size", 4, "--steps", 90)
    return run_charrnn(
        "train", "names.txt", "--lines", "--split-seed", 4, *small, "--lr", 0.02, cwd=place
    )


@pytest.fixture
def charrnn_here(place, trained, capsys, monkeypatch):
    monkeypatch.chdir(place)
    return lambda *arguments, status=0: call_charrnn(capsys, *arguments, status=status)


def test_train_says_how_the_lines_are_split_and_judged(trained, wording):
    total = len("\n".join(NAMES * 3)) + 1
    assert f"{total:,} characters" in trained.err
    wording(trained, only=r"^(corpus|split|note .* lines? |run) ")
    assert "15 lines, state reset at each, newline counted" in trained.out


def test_sample_writes_one_line_each(charrnn_here):
    done = charrnn_here("sample", "names", "--count", 7, "--seed", 1, "--temp", 0.5)
    assert done.out.count("\n") == 7
    assert done.out.endswith("\n")
    assert "\n\n" not in done.out
    again = charrnn_here("sample", "names", "--count", 3, "--seed", 1, "--temp", 0.5)
    assert done.out.startswith(again.out)
    begun = charrnn_here("sample", "names", "--count", 4, "--seed", 1, "--prompt", "cor")
    assert all(line.startswith("cor") for line in begun.out.splitlines())
    assert len(begun.out.splitlines()) == 4


def test_a_line_that_was_cut_off_is_said(charrnn_here, wording):
    done = charrnn_here(
        "sample", "names", "--count", 5, "--length", 1, "--prompt", "nichola", "--seed", 1
    )
    assert done.out.count("\n") == 5
    wording(done, only="cut")
    whole = charrnn_here("sample", "names", "--count", 5, "--seed", 1)
    wording(whole, only="cut")


def test_a_prime_begins_a_single_line(charrnn_here, place):
    done = charrnn_here("sample", "names", "--prompt", "a\nb", status=2)
    assert "newline" in done.err
    (place / "prime.txt").write_text("cor\n")
    assert charrnn_here("sample", "names", "--prompt-file", "prime.txt").out.startswith("cor")


def test_evaluate_judges_a_model_of_lines_line_by_line(charrnn_here, trained, place):
    shown = charrnn_here("evaluate", "names", "--split", "val")
    assert "15 lines, state reset at each, newline counted" in shown.out
    found = json.loads(charrnn_here("evaluate", "names", "--split", "val", "--json").out)
    assert found["lines"] == 15
    assert "newline counted" in found["protocol"]
    assert f"validation: {found['nats_per_char']:.4f} nats" in trained.out
    running = json.loads(charrnn_here("evaluate", "names", "names.txt", "--no-lines", "--json").out)
    assert running["lines"] is None
    assert running["protocol"] == "state carried"
    of_file = json.loads(charrnn_here("evaluate", "names", "names.txt", "--json").out)
    assert (of_file["lines"], of_file["characters"]) == (144, running["characters"])
    refused = charrnn_here("evaluate", "names", "names.txt", "--window", 9, status=2)
    assert "--no-lines" in refused.err


def test_lines_of_a_model_of_running_text_can_be_judged_too(workplace, capsys, monkeypatch):
    monkeypatch.chdir(workplace)
    found = call_charrnn(capsys, "evaluate", "tiny", "corpus.txt", "--lines", "--json")
    count = sum(bool(line) for line in (workplace / "corpus.txt").read_text().split("\n"))
    assert json.loads(found.out)["lines"] == count


def test_the_other_commands_take_a_model_of_lines(charrnn_here):
    assert "each line a separate text" in charrnn_here("inspect", "names").out
    assert "coretta" in charrnn_here("visualize", "names", "coretta").out
    small = ("--hidden-size", 8, "--steps", 2, "--cells", "gru,elman", "-q")
    done = charrnn_here("compare", "names.txt", "--lines", *small)
    assert "state reset at each line" in done.out


def test_a_run_of_lines_is_resumed_by_command(charrnn_here, place):
    small = ("--hidden-size", 8, "--lines", "--steps", 12, "--batch-size", 4, "-q")
    charrnn_here("train", "names.txt", "--name", "short", *small)
    path = place / "checkpoints" / "short" / "last.safetensors"
    last = load_checkpoint(path)
    training = {**last.run["training"], "steps": 15}
    unfinished = dataclasses.replace(last, run={**last.run, "training": training})
    charrnn.checkpoint.save_checkpoint(path, unfinished)
    charrnn_here("train", "names.txt", "--resume", "--name", "short")
    assert load_checkpoint(path).metrics["step"] == 15
    assert "finished" in charrnn_here("train", "names.txt", "--resume", "--lines").err
