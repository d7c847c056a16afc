"""The networks beside the textbook's five, and held layers: each command works with them, or refuses in one line."""

import json

import numpy as np
import pytest
from helpers import call_charrnn, made_once, make_text, random_model

from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.network.cells import CELLS
from charrnn.text.words import with_words

NETWORKS = {
    "mogrifier": {},
    "rhn": {"depth": 2},
    "mingru": {},
    "minlstm": {},
    "tdnn": {"delays": "3"},
    "narx": {"delays": "2,3"},
    "mdlstm": {"row_length": "5"},
}
TEXT = make_text(900)
HELD = {"by-two": {"subsample": "2"}, "by-words": {"subsample": "words"}}
"""LSTMs whose second layer is held between its ticks."""
SHAPES = {name: {"cell": name} | own for name, own in NETWORKS.items()} | HELD
BRIEFLY = ("--steps", 2, "--batch-size", 2, "--sequence-length", 8, "--precision", "float32")


def fill(folder):
    (folder / "text.txt").write_text(TEXT, encoding="utf-8")
    for name, own in SHAPES.items():
        plain = random_model(TEXT, scale=0.4, hidden_size=4, **own)
        model = type(plain)(
            with_words(plain.config, plain.vocabulary), plain.vocabulary, plain.weights
        )
        run = folder / "checkpoints" / name
        run.mkdir(parents=True)
        save_checkpoint(run / "best.safetensors", Checkpoint(model))


@pytest.fixture
def place(tmp_path_factory, monkeypatch):
    folder = made_once(tmp_path_factory, "networks", fill)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")  # this process is not the command's to prepare
    monkeypatch.setattr("charrnn.training.machine.keep_freed_memory", lambda: None)
    monkeypatch.setattr("charrnn.training.measure.TRIAL_SECONDS", 0.001)
    return folder


def test_none_is_left_out():
    assert [name for name, cell in CELLS.items() if not cell.is_exact] == list(NETWORKS)


def options_of(own):
    return [part for name, value in own.items() for part in (f"--{name.replace('_', '-')}", value)]


@pytest.mark.parametrize("name", SHAPES)
def test_it_is_trained_stopped_resumed_and_adopted(capsys, place, tmp_path, name):
    own, shape = options_of(SHAPES[name]), ("--hidden-size", 4, "--layers", 2)
    out = ("--out", tmp_path, "--name", "run", "-q")
    call_charrnn(capsys, "train", "text.txt", *own, *shape, *BRIEFLY, *out)
    run = tmp_path / "run"
    trained = load_checkpoint(run / "last.safetensors")
    assert {n: getattr(trained.model.config, n) for n in SHAPES[name]} == SHAPES[name]
    call_charrnn(capsys, "train", "text.txt", "--resume", "--steps", 3, *out)
    assert load_checkpoint(run / "last.safetensors").metrics["step"] == 3
    init = (
        "--init-from",
        run / "best.safetensors",
        *BRIEFLY,
        "--out",
        tmp_path,
        "--name",
        "b",
        "-q",
    )
    call_charrnn(capsys, "train", "text.txt", *init)
    adopted = load_checkpoint(tmp_path / "b" / "last.safetensors").model
    assert adopted.config == trained.model.config


@pytest.mark.parametrize("name", SHAPES)
def test_every_command_reads_it(capsys, place, tmp_path, name):
    """A command that trains is above; one that only lists knows nothing of cells."""
    model = load_checkpoint(place / "checkpoints" / name / "best.safetensors").model
    cell, dump = model.cell, tmp_path / "dump.npz"

    def call(*arguments):
        return call_charrnn(capsys, *arguments, "-q").out

    assert len(call("sample", name, "--length", 20, "--seed", 1)) > 10
    assert call("sample", name, "--infill", "the __ a", "--beam", 2)
    assert json.loads(call("evaluate", name, "text.txt", "--json"))["bits_per_char"] > 0
    assert call("score", name, "text.txt")
    facts = json.loads(call("inspect", name, "--json"))
    assert (facts["states"], facts["gates"]) == ([*cell.states], [*cell.gates])
    for letter in (*cell.states, *cell.gates):
        assert f"L1.{letter}.2" in call("visualize", name, "the cat", "--unit", f"L1.{letter}.2")
    assert f".{cell.memory}." in call("visualize", name, "the cat")
    assert call("visualize", name, "the cat", "--surprisal", "--predictions", 3)
    assert call("visualize", name, "the cat", "--unit", "L*.h.*")
    call("visualize", name, "the cat", "--dump", dump)
    with np.load(dump, allow_pickle=False) as arrays:
        assert {*cell.states, *cell.gates} <= {*arrays}
    assert call("visualize", "--from", dump) == call("visualize", name, "the cat")
    call("visualize", name, "the cat", "--html", tmp_path / "page.html")
    held = ("--clamp", f"L0.{cell.states[-1]}.1=0.5", "--steer", "L1.h.0=0.25")
    assert call("sample", name, "--length", 20, *held)
    assert call("saliency", name, "the cat", "--at", 5)
    assert call("context", name, "text.txt", "--windows", 5)
    assert cell.name in call("gradients", name, "text.txt", "--distance", 3)
    assert call("units", name, "text.txt", "--card", "L0.h.1")
    assert call("units", name, "text.txt", "--networks", 1)
    assert call("units", name, "the cat", "--patch", "the rat")
    assert call("embed", name, "text.txt", "--nearest", "the cat", "--out", tmp_path / "e.npz")
    packed = tmp_path / "text.packed"
    call("compress", "text.txt", "--model", name, "--out", packed)
    assert call("decompress", packed, "--out", tmp_path / "back.txt") == ""
    assert (tmp_path / "back.txt").read_text(encoding="utf-8") == TEXT


@pytest.mark.parametrize("name", SHAPES)
def test_what_it_cannot_do_is_refused_in_one_line(capsys, place, tmp_path, name, wording):
    cell, is_held = CELLS[SHAPES[name].get("cell", "lstm")], name in HELD
    for ending in ("safetensors", "c", "html"):
        result = call_charrnn(capsys, "export", name, tmp_path / f"model.{ending}", status=2)
        wording(result)
    status = 0 if cell.backward and not cell.window and not is_held else 2
    result = call_charrnn(capsys, "evaluate", name, "text.txt", "--adapt", status=status)
    if status:
        wording(result)
    status = 0 if cell.sigmoids else 2
    result = call_charrnn(capsys, "gates", name, "text.txt", "-q", status=status)
    if status:
        wording(result)
    pytest.importorskip("onnx")
    status = 2 if is_held else 0
    result = call_charrnn(capsys, "export", name, tmp_path / "model.onnx", status=status)
    if status:
        wording(result)
