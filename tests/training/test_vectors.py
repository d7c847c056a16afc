"""Sources that are vectors: what is read, what is learned, NumPy against torch, and what is refused."""

import dataclasses
import zipfile

import numpy as np
import pytest
import torch
from helpers import call_charrnn
from pair_models import config_of, in_torch
from trainers import run_to_end, tensors_in
from vector_models import corpus_of, letters, words

import charrnn
from charrnn.checkpoint import load_checkpoint
from charrnn.config import TrainingConfig
from charrnn.errors import CheckpointError, DataError, SettingError
from charrnn.pairs.converting import convert
from charrnn.pairs.model import PairNetwork
from charrnn.text.vectors import Features, read_vectors
from charrnn.training.events import Evaluated
from charrnn.training.pairs.batches import laid_out
from charrnn.training.pairs.task import PairTask, make_pair_network
from charrnn.training.trainer import Trainer

LEARNED = TrainingConfig(
    steps=120,
    batch_size=16,
    sequence_length=16,
    learning_rate=0.02,
    muon_learning_rate=0.05,
    eval_every=60,
    warmup_steps=5,
)


def trainer_of(corpus, folder, config=LEARNED, resume=None, **shape):
    folder.mkdir(exist_ok=True)
    shape = {"hidden_size": 20, "embedding_size": 8} | shape
    return Trainer(corpus, config_of(corpus, **shape), config, folder, resume=resume)


def learned(corpus, folder, steps):
    """The part of the validation targets that the best network gives."""
    events = run_to_end(trainer_of(corpus, folder, dataclasses.replace(LEARNED, steps=steps)))
    return max(event.exact for event in events if isinstance(event, Evaluated))


def test_letters_are_learned_from_noisy_frames(tmp_path):
    texts, frames, lengths = letters(400)
    corpus = corpus_of(tmp_path, texts, align="ctc", vectors=frames, lengths=lengths)
    assert learned(corpus, tmp_path / "run", 300) > 0.9


def test_words_are_learned_from_one_hot_features(tmp_path):
    texts, vectors = words(200)
    corpus = corpus_of(tmp_path, texts, align="none", vectors=vectors)
    assert learned(corpus, tmp_path / "run", 120) == 1.0


def tiny(align, folder):
    if align in ("none", "label"):
        texts, vectors = words(40)
        return corpus_of(folder, texts, align=align, vectors=vectors)
    texts, frames, lengths = letters(40, times=(1, 1) if align == "each" else (2, 3))
    return corpus_of(folder, texts, align=align, vectors=frames, lengths=lengths)


ALIGNS = ("none", "label", "attention", "ctc", "each")


@pytest.mark.parametrize("align", ALIGNS)
def test_numpy_gives_what_torch_gives(align, tmp_path):
    corpus = tiny(align, tmp_path)
    config = config_of(corpus, num_layers=2)
    network = make_pair_network(config, 0.0, 3, torch.device("cpu")).eval()
    model = PairNetwork(config, corpus.source_symbols, corpus.vocabulary, network.to_numpy())
    inputs, targets = in_torch(laid_out(corpus, np.arange(6), config.stretch or 1))
    with torch.no_grad():
        outputs, final = network.encoder(inputs)
        logits, _ = network(inputs, None)
        loss = PairTask(config).loss(logits, targets).item()
    encoded = model.encode(model.ids_of(corpus.source_texts[:6]))
    np.testing.assert_allclose(encoded.final, final.numpy(), atol=1e-5)
    for row, length in enumerate(encoded.lengths.tolist()):
        np.testing.assert_allclose(
            encoded.outputs[row, :length], outputs[:length, row].numpy(), atol=1e-5
        )
    scores = charrnn.PairModel(
        config, corpus.source_symbols, corpus.vocabulary, model.weights
    ).evaluate([(s.array, t) for s, t in corpus.pairs(np.arange(6))])
    assert scores.nats_per_symbol == pytest.approx(loss, abs=1e-5)


@pytest.mark.parametrize("align", ["ctc", "none"])
def test_a_run_resumes_bit_for_bit_and_its_checkpoint_gives_the_same_model(align, tmp_path):
    corpus = tiny(align, tmp_path)
    config = TrainingConfig(steps=8, batch_size=4, sequence_length=9, dropout=0.3, eval_every=3)
    run_to_end(trainer_of(corpus, tmp_path / "whole", config))
    run_to_end(trainer_of(corpus, tmp_path / "parts", config), stop_at=5)
    last = load_checkpoint(tmp_path / "parts" / "last.safetensors")
    trainer = trainer_of(corpus, tmp_path / "parts", config, resume=last)
    run_to_end(trainer)
    assert tensors_in(tmp_path / "parts") == tensors_in(tmp_path / "whole")
    after = load_checkpoint(tmp_path / "parts" / "last.safetensors").model
    assert after.fingerprint == trainer.snapshot().fingerprint
    sources = corpus.source_texts
    assert list(convert(after, sources)) == list(convert(trainer.snapshot(), sources))


def test_numbers_are_standardized_by_the_training_part(tmp_path):
    texts, vectors = words(50)
    vectors = vectors * [1, 10, 100, 1000, 0] + 7
    corpus = corpus_of(tmp_path, texts, align="label", vectors=vectors)
    column, train = corpus.source_column, corpus.train
    np.testing.assert_allclose(column.ids[train].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(column.ids[train].std(0), [1, 1, 1, 1, 0], atol=1e-5)
    assert isinstance(corpus.source_symbols, Features)


def test_the_alignment_follows_from_targets_and_vectors(tmp_path):
    texts, vectors = words(200)
    assert corpus_of(tmp_path, texts, vectors=vectors).align == "label"
    distinct = [f"{text} {number}" for number, text in enumerate(texts)]
    assert corpus_of(tmp_path, distinct, vectors=vectors).align == "none"
    texts, frames, lengths = letters(60, times=(1, 1))
    assert corpus_of(tmp_path, texts, vectors=frames, lengths=lengths).align == "each"
    assert corpus_of(tmp_path, texts, vectors=np.zeros((60, 9, 2))).align == "attention"


# --- files ------------------------------------------------------------------------------------------------------------


def test_the_same_sources_are_read_from_every_form(tmp_path):
    array = np.arange(24, dtype=np.int16).reshape(3, 2, 4)
    np.save(tmp_path / "a.npy", array)
    np.savez_compressed(tmp_path / "b.npz", vectors=array)
    np.savez(tmp_path / "c.npz", vectors=array.reshape(6, 4), lengths=[2, 2, 2])
    for name in ("a.npy", "b.npz", "c.npz"):
        found = np.stack([frames.array for frames in read_vectors(tmp_path / name)])
        np.testing.assert_array_equal(found, array)
    np.savez(tmp_path / "d.npz", vectors=array.reshape(6, 4), lengths=[1, 3, 2])
    assert [len(frames) for frames in read_vectors(tmp_path / "d.npz")] == [1, 3, 2]


def test_files_that_are_no_vectors_are_refused(tmp_path, wording, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good = np.ones((3, 2))
    arrays = {
        "flat.npy": np.ones(3),
        "empty.npy": np.ones((0, 2)),
        "text.npy": np.array([["a"]]),
        "nan.npy": np.array([[1, 2], [3, np.nan]]),
        "large.npy": np.array([[1e300]]),
        "objects.npy": np.array([[None]]),
    }
    for name, array in arrays.items():
        np.save(name, array)
    np.savez("other.npz", x=good)
    np.savez("sum.npz", vectors=good, lengths=[1, 1])
    np.savez("zero.npz", vectors=good, lengths=[3, 0])
    np.savez("part.npz", vectors=good, lengths=[1.5, 1.5])
    np.savez("deep.npz", vectors=np.ones((3, 2, 2)), lengths=[1, 1, 1])
    np.save("whole.npy", good)
    (tmp_path / "cut.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:-9])
    (tmp_path / "noise.npz").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "none.npy").write_bytes(b"")
    with zipfile.ZipFile("bad.npz", "w") as archive:
        archive.writestr("vectors.npy", b"no array")
    others = ("other", "sum", "zero", "part", "deep", "noise", "bad")
    for name in (*arrays, "cut.npy", "none.npy", "gone.npy", *(f"{n}.npz" for n in others)):
        with wording.raises(DataError):
            read_vectors(name)


def test_targets_that_do_not_fit_their_vectors_are_refused(tmp_path, wording, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = tmp_path.relative_to(tmp_path)
    texts, vectors = words(20)
    for targets, align in ((texts[1:], None), (["a\tb", *texts[1:]], None), (texts, "each")):
        with wording.raises(DataError):
            corpus_of(here, targets, align=align, vectors=vectors)
    with wording.raises(DataError):
        corpus_of(here, texts, align="lm", vectors=vectors)


@pytest.mark.parametrize("change", ["mean", "deviation", "level", "size"])
def test_a_damaged_header_is_refused(change, tmp_path, wording):
    import json

    from safetensors.numpy import load_file, save_file

    from charrnn.checkpoint import _checksum

    config = TrainingConfig(steps=1, batch_size=4, sequence_length=9)
    run_to_end(trainer_of(tiny("label", tmp_path), tmp_path / "run", config))
    path = tmp_path / "run" / "best.safetensors"
    tensors, content = load_file(path), path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]
    header = json.loads(metadata["header"])
    source = header["source"]
    if change == "mean":
        source["mean"][0] = "x"
    elif change == "deviation":
        source["deviation"][0] = 0
    elif change == "level":
        header["source"] = {"level": "labels", "labels": [*"abcde"]}
    else:
        source["mean"].append(0.0)
        source["deviation"].append(1.0)
    metadata["header"] = json.dumps(header)
    metadata["sha256"] = _checksum(metadata["header"], tensors)
    save_file(tensors, tmp_path / "bad.safetensors", metadata)
    with wording.raises(CheckpointError):
        load_checkpoint(tmp_path / "bad.safetensors")


# --- the command line -------------------------------------------------------------------------------------------------


def test_vectors_on_the_command_line(tmp_path, monkeypatch, capsys, wording):
    monkeypatch.chdir(tmp_path)
    texts, vectors = words(120)
    (tmp_path / "words.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    np.save("words.npy", vectors)
    np.save("wide.npy", np.ones((3, 9)))

    def see(*arguments, status=0):
        return call_charrnn(capsys, *arguments, status=status)

    small = ("--hidden-size", 8, "--embedding-size", 4, "--threads", 1, "--steps", 60)
    command = ("train", "words.txt", "--pairs", "--vectors", "words.npy", *small)
    wording(see(*command), only="^(corpus|split)")
    wording(see("train", "--resume", "--pairs", "--vectors", "wide.npy", "--steps", 70, status=3))
    made = see("convert", "words", "--vectors", "words.npy").out.splitlines()
    assert made == [found[0].text for found in charrnn.load("words").convert(vectors)]
    assert see("convert", "words", "--vectors", "words.npy", "--targets", "words.txt").out
    see("evaluate", "words", "--split", "val")
    see("evaluate", "words", "words.txt", "--vectors", "words.npy")
    (tmp_path / "words.npy").rename("moved.npy")
    wording(see("evaluate", "words", "--split", "val", status=3))
    see("evaluate", "words", "--split", "val", "--vectors", "moved.npy")
    for refused in (
        ("convert", "words", "one"),
        ("convert", "words", "one", "--vectors", "moved.npy"),
        ("evaluate", "words", "words.txt"),
        ("train", "words.txt", "--vectors", "moved.npy"),
    ):
        wording(see(*refused, status=2))
    wording(see("convert", "words", "--vectors", "wide.npy", status=3))
    for other in ("visualize", "gates", "sample"):
        wording(see(other, "words", status=4))
    assert "vectors of 5 numbers" in see("inspect", "words").out
    with wording.raises(SettingError):
        charrnn.load("words").convert([[float("nan")] * 5])
