"""Exact models whose sums might leave the integers of a program are refused; those below compute alike."""

import dataclasses
import shutil
import subprocess

import numpy as np
import pytest
from exact_models import network, text_of

from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.errors import CheckpointError, UsageError
from charrnn.exact.model import exact
from charrnn.export.c_program import write_c
from charrnn.model import CharRNN


def scaled(model, factor, *names):
    """A network with some weights times a factor."""
    weights = {n: w * np.float32(factor) if n in names else w for n, w in model.weights.items()}
    return CharRNN(model.config, model.vocabulary, weights)


TOO_LARGE = [
    ("lstm", "rnn.weight_ih_l0"),
    ("lstm", "rnn.weight_hh_l1"),
    ("lstm", "embedding.weight"),
    ("gru", "rnn.bias_hh_l0"),
    ("gru", "head.weight"),
    ("gru", "head.bias"),
    ("jordan", "rnn.weight_hh_l0"),
    ("relu", "rnn.weight_ih_l1"),
    ("peephole", "rnn.weight_ci_l0"),
    ("peephole", "start.h"),
    ("peephole", "start.c"),
]


@pytest.mark.parametrize(("kind", "name"), TOO_LARGE)
def test_a_network_with_too_large_weights_has_no_exact_form(kind, name):
    with pytest.raises(UsageError) as found:
        exact(scaled(network(kind), 1e7, name))
    assert "rnn." in found.value.message or name in found.value.message


@pytest.mark.parametrize(("kind", "name"), TOO_LARGE)
def test_a_file_with_too_large_numbers_is_refused(kind, name, tmp_path):
    model = exact(network(kind))
    if name in model.matrices:
        model.matrices[name] = dataclasses.replace(model.matrices[name], bits=-5)
    else:
        model.vectors[name] = np.full_like(model.vectors[name], -(2**31))
    save_checkpoint(tmp_path / "large.q8.safetensors", Checkpoint(model))
    with pytest.raises(CheckpointError) as found:
        load_checkpoint(tmp_path / "large.q8.safetensors")
    assert "\n" not in found.value.message


def bits_of(model, value):
    return {"bits": dict.fromkeys(model.matrices, value)}


RECORDS = {
    "nothing": lambda model: None,
    "a list": lambda model: [1],
    "no bits": lambda model: {},
    "other names": lambda model: {"bits": {"head.weight": 3}},
    "text": lambda model: bits_of(model, "3"),
    "a truth": lambda model: bits_of(model, True),
    "too many": lambda model: bits_of(model, 40),
    "too few": lambda model: bits_of(model, -24),
}


@pytest.mark.parametrize("damage", RECORDS)
def test_a_file_with_another_record_is_refused(damage, tmp_path, monkeypatch):
    model = exact(network("elman"))
    monkeypatch.setattr("charrnn.exact.file.record_of", RECORDS[damage])
    save_checkpoint(tmp_path / "damaged.q8.safetensors", Checkpoint(model))
    with pytest.raises(CheckpointError) as found:
        load_checkpoint(tmp_path / "damaged.q8.safetensors")
    assert found.value.message.startswith(str(tmp_path / "damaged.q8.safetensors"))


def test_a_file_of_a_cell_without_exact_form_is_refused(tmp_path):
    model = exact(network("elman"))
    model.config = dataclasses.replace(model.config, cell="mingru")
    save_checkpoint(tmp_path / "other.q8.safetensors", Checkpoint(model))
    with pytest.raises(CheckpointError) as found:
        load_checkpoint(tmp_path / "other.q8.safetensors")
    assert "mingru" in found.value.message or "exact" in found.value.message


def largest(model):
    """The exact form of a network whose weights are nearly as large as such a form allows."""
    names = [name for name in model.weights if name.startswith(("rnn.", "head.", "embedding."))]
    factor = 2000.0
    while True:
        try:
            return exact(scaled(model, factor, *names))
        except UsageError:
            factor /= 1.2


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler on this machine")
@pytest.mark.parametrize("kind", ["lstm", "gru", "peephole"])
def test_no_integer_of_a_program_overflows_below_the_limit(kind, tmp_path):
    """The compiler lets the program stop where arithmetic on integers leaves their range."""
    model = largest(network(kind))
    assert max(np.abs(w).max() for w in model.weights.values()) > 30
    write_c(model, tmp_path / "model.c")
    checks = ("-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")
    subprocess.run(["cc", "-O1", *checks, "model.c", "-o", "writer"], check=True, cwd=tmp_path)
    done = subprocess.run(
        ["./writer", "--seed", "7", "--length", "150"],
        check=True,
        cwd=tmp_path,
        capture_output=True,
    )
    assert done.stdout.decode() == text_of(model, "", length=150)
