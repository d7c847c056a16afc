"""Training of pairs: every alignment learns its task, and a run that is resumed gives the same bits."""

import random

import numpy as np
import pytest
from pair_models import KINDS, TEXTS, config_of, corpus_of
from trainers import run_to_end, tensors_in

from charrnn.checkpoint import load_checkpoint, load_summary
from charrnn.config import TrainingConfig
from charrnn.errors import CheckpointError
from charrnn.network.shapes import count_parameters
from charrnn.pairs.converting import convert
from charrnn.pairs.scoring import costs, num_symbols
from charrnn.training.events import Evaluated
from charrnn.training.item_order import BatchShape
from charrnn.training.pairs import baseline
from charrnn.training.pairs.baseline import line_trainer, measure_lines
from charrnn.training.pairs.batches import PairBatches, pair_lengths
from charrnn.training.progress import RunProgress
from charrnn.training.trainer import Trainer

CONFIG = TrainingConfig(
    steps=12,
    batch_size=4,
    sequence_length=9,
    dropout=0.3,
    weight_drop=0.2,
    eval_every=5,
    warmup_steps=2,
)
LEARNED = TrainingConfig(
    steps=250,
    batch_size=16,
    sequence_length=16,
    learning_rate=0.02,
    muon_learning_rate=0.05,
    eval_every=50,
    warmup_steps=5,
)


def trainer_of(corpus, folder, config=CONFIG, resume=None, **shape):
    folder.mkdir(exist_ok=True)
    return Trainer(corpus, config_of(corpus, **shape), config, folder, resume=resume)


def tiny(kind):
    align = "none" if kind == "encoded" else kind
    return corpus_of(TEXTS[kind] * 4, align=align, val_fraction=0.3)


def words(num, letters="abcd", longest=5, seed=3):
    generator = random.Random(seed)
    return [
        "".join(generator.choice(letters) for _ in range(generator.randint(2, longest)))
        for _ in range(num)
    ]


TASKS = {
    "attention": lambda s: s[::-1],
    "each": lambda s: s.translate(str.maketrans("abcd", "bcda")),
    "label": lambda s: s[0] + s[-1],
    "ctc": lambda s: s.replace("a", ""),
    "lm": lambda s: s[0] + s[-1],
}


@pytest.mark.parametrize("align", TASKS)
def test_every_alignment_learns_its_task(align, tmp_path):
    pairs = [(s, TASKS[align](s)) for s in words(600)]
    corpus = corpus_of(pairs, align=align)
    trainer = trainer_of(corpus, tmp_path, LEARNED, hidden_size=24, embedding_size=8)
    events = run_to_end(trainer)
    found = [e for e in events if isinstance(e, Evaluated)]
    assert found[-1].val_nats < found[0].val_nats
    assert max(e.exact for e in found) > 0.9
    model = load_checkpoint(tmp_path / "best.safetensors").model
    made = [t[0].text for t in convert(model, [s for s, _ in corpus.pairs(corpus.val)])]
    right = [m == t for m, (_, t) in zip(made, corpus.pairs(corpus.val), strict=True)]
    assert np.mean(right) == pytest.approx(trainer.progress.best_exact)


def test_a_text_from_a_label_learns_what_the_label_means(tmp_path):
    pairs = [("up", s.upper()) for s in words(300)] + [("low", s) for s in words(300, seed=4)]
    corpus = corpus_of(pairs)
    assert corpus.source_labels
    trainer = trainer_of(corpus, tmp_path, LEARNED, hidden_size=16)
    run_to_end(trainer)
    model = load_checkpoint(tmp_path / "best.safetensors").model
    (up,), (low,) = convert(model, ["up", "low"])
    assert up.text.isupper()
    assert low.text.islower()


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_resumes_bit_for_bit(kind, tmp_path):
    corpus = tiny(kind)
    run_to_end(trainer_of(corpus, tmp_path / "whole"))
    run_to_end(trainer_of(corpus, tmp_path / "parts"), stop_at=7)
    last = load_checkpoint(tmp_path / "parts" / "last.safetensors")
    assert last.metrics["step"] == 7
    run_to_end(trainer_of(corpus, tmp_path / "parts", resume=last))
    assert tensors_in(tmp_path / "parts") == tensors_in(tmp_path / "whole")
    metrics = [
        load_checkpoint(tmp_path / n / "last.safetensors").metrics for n in ("whole", "parts")
    ]
    assert {**metrics[0], "seconds": 0} == {**metrics[1], "seconds": 0}


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_gives_the_same_model(kind, tmp_path):
    corpus = tiny(kind)
    trainer = trainer_of(corpus, tmp_path, cell="peephole", layer_norm=True, num_layers=2)
    run_to_end(trainer)
    before, after = trainer.snapshot(), load_checkpoint(tmp_path / "last.safetensors").model
    assert after.fingerprint == before.fingerprint
    assert after.config == before.config
    sources = [source for source, _ in TEXTS[kind]]
    assert list(convert(after, sources)) == list(convert(before, sources))
    assert load_summary(tmp_path / "last.safetensors").level == "char"


def test_the_best_network_has_the_most_targets_right_and_then_the_lowest_loss():
    progress = RunProgress(best_nats=1.0, best_exact=0.5)
    assert progress.is_best(2.0, 0.6)
    assert progress.is_best(0.9, 0.5)
    assert not progress.is_best(1.0, 0.5)
    assert not progress.is_best(0.1, 0.4)


@pytest.mark.parametrize("kind", KINDS)
def test_every_pair_is_read_once_in_an_epoch(kind):
    corpus = tiny(kind)
    batches = PairBatches(corpus, BatchShape(3, 7), 5, 1)
    rows = [batches.order.part(step)[0] for step in range(batches.steps_per_epoch)]
    assert sorted(np.concatenate(rows).tolist()) == list(range(len(corpus.train)))
    steps = batches.steps_per_epoch + 2
    counted = sum(batches.characters(batches.batch(step)) for step in range(steps))
    per_epoch = int(pair_lengths(corpus, corpus.train).sum())
    assert per_epoch == batches.characters_in(batches.steps_per_epoch)
    assert counted == batches.characters_in(steps)


def test_smoothing_changes_the_loss_of_training_and_not_that_of_validation(tmp_path):
    corpus = tiny("attention")
    smooth = TrainingConfig(steps=1, label_smoothing=0.3)
    trainers = [
        trainer_of(corpus, tmp_path, config) for config in (TrainingConfig(steps=1), smooth)
    ]
    assert trainers[0].validate() == trainers[1].validate()
    losses = [next(e for e in run_to_end(t) if type(e).__name__ == "Step").loss for t in trainers]
    assert losses[0] != losses[1]


@pytest.mark.parametrize("kind", ["attention", "none", "label"])
def test_beside_a_network_stands_a_language_model_of_the_same_pairs(kind, tmp_path):
    corpus = tiny(kind)
    trainer = trainer_of(corpus, tmp_path)
    run_to_end(trainer)
    lines = line_trainer(corpus, trainer.model_config, CONFIG, tmp_path / "lines", 1.0)
    for part in ("train", "val", "test"):
        assert getattr(lines.corpus, part).tolist() == getattr(corpus, part).tolist()
    sizes = [
        (c.hidden_size, c.num_layers, c.cell) for c in (lines.model_config, trainer.model_config)
    ]
    assert sizes[0] == sizes[1]
    pairs, steps = corpus.pairs(corpus.val), []
    found = measure_lines(lines, trainer.snapshot(), pairs, steps.append)
    assert found.steps == sum(steps) == 3
    assert found.scores.pairs == pairs
    best = load_checkpoint(tmp_path / "lines" / "best.safetensors").model
    assert found.scores.nats == pytest.approx(sum(costs(best, pairs)))
    assert found.scores.symbols == num_symbols(trainer.snapshot(), pairs)
    assert found.parameters == count_parameters(best.config)


def test_a_language_model_of_the_lines_keeps_within_its_part_of_the_time(tmp_path, monkeypatch):
    monkeypatch.setattr(baseline, "seconds_per_step", lambda *_: 0.5)
    corpus = tiny("attention")
    for seconds, steps in {9.0: 3, 12.0: 6, 1000.0: 12}.items():  # of 12
        made = line_trainer(corpus, config_of(corpus), CONFIG, tmp_path, seconds)
        assert made.config.steps == steps


@pytest.mark.parametrize("change", ["align", "source", "labels", "size"])
def test_a_header_that_does_not_fit_its_network_is_refused(change, tmp_path, wording):
    import json

    from safetensors.numpy import load_file, save_file

    from charrnn.checkpoint import _checksum

    run_to_end(trainer_of(tiny("label"), tmp_path))
    path = tmp_path / "best.safetensors"
    tensors = load_file(path)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]
    header = json.loads(metadata["header"])
    if change == "align":
        header["config"]["align"] = "each"
    elif change == "source":
        del header["source"]
    elif change == "labels":
        header["vocabulary"]["labels"] = ["odd", "odd"]
    else:
        header["config"]["source_size"] = 9
    metadata["header"] = json.dumps(header)
    metadata["sha256"] = _checksum(metadata["header"], tensors)
    save_file(tensors, tmp_path / "bad.safetensors", metadata)
    with wording.raises(CheckpointError):
        load_checkpoint(tmp_path / "bad.safetensors")
