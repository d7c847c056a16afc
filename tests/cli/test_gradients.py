"""`charrnn gradients`: its table, its JSON, and what it reads."""

import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from helpers import CLEAN, call_charrnn, script

from charrnn.config import ModelConfig
from charrnn.model import CharRNN
from charrnn.network.cells import CELLS
from charrnn.render.views.fading import shown_distances
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.gradients import gradient_reach
from charrnn.training.network import make_network


@pytest.fixture
def ask(workplace, monkeypatch, capsys):
    """`charrnn gradients ARGUMENTS` beside the corpus and its two runs."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(workplace)

    def run(*arguments, stdin=b"", status=0):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        return call_charrnn(capsys, "gradients", *arguments, status=status)

    return run


def rows_of(out):
    """The distances that have a row, for each table in turn."""
    firsts = [line.split()[0] for line in out.splitlines() if "e+" in line or "e-" in line]
    return [int(word) for word in firsts if word.isdigit()]


def test_the_table_shows_the_trained_network_beside_a_fresh_one(ask):
    result = ask("tiny", "corpus.txt")
    lines = result.out.splitlines()
    assert "the mean over 64 windows in 6,000 characters" in result.out
    assert [line for line in lines if line.startswith("layer")] == ["layer 0", "layer 1, the top"]
    assert lines.count(f"{'':10}lstm, trained                     lstm, fresh") == 2
    assert rows_of(result.out) == 2 * [0, 1, 2, 3, 5, 8, 12, 20, 30, 50]
    assert not result.err


@pytest.mark.parametrize("distance", [1, 7, 37])
def test_the_distance_asked_for_is_the_last_row(ask, distance):
    out = ask("tiny", "corpus.txt", "--distance", distance).out
    assert rows_of(out) == 2 * shown_distances(distance)
    assert shown_distances(distance)[-1] == distance


def test_json_has_every_norm_of_every_layer_and_network(ask, workplace, tiny_model):
    arguments = ("tiny", "corpus.txt", "--distance", 9, "--fresh", "elman, lstm,elman")
    facts = json.loads(ask(*arguments, "--json").out)
    assert list(facts) == ["path", "characters", "distance", "windows", "warm_up", "networks"]
    assert facts["path"].endswith("best.safetensors")
    assert (facts["characters"], facts["distance"], facts["windows"]) == (6000, 9, 64)
    assert facts["warm_up"] == 128
    kinds = [(n["cell"], n["trained"], n["seed"]) for n in facts["networks"]]
    assert kinds == [("lstm", True, None), ("elman", False, 1), ("lstm", False, 1)]
    sizes = [(n["config"]["hidden_size"], n["config"]["num_layers"]) for n in facts["networks"]]
    assert sizes == 3 * [(24, 2)]
    ids = tiny_model.vocabulary.encode((workplace / "corpus.txt").read_text())
    expected = gradient_reach(tiny_model, ids, 9)
    for layer, found in enumerate(facts["networks"][0]["layers"]):
        assert list(found) == ["layer", "norms", "reach", "per_step"]
        assert found["layer"] == layer
        assert found["norms"] == pytest.approx(expected.norms[layer].tolist())
        assert found["reach"] == expected.reach[layer]
        assert found["per_step"] == pytest.approx(expected.per_step[layer])
    again = make_network(tiny_model.config, 0.0, 1, torch.device("cpu")).to_numpy()
    untrained = CharRNN(tiny_model.config, tiny_model.vocabulary, again)
    norms = [layer["norms"] for layer in facts["networks"][2]["layers"]]
    np.testing.assert_allclose(norms, gradient_reach(untrained, ids, 9).norms)


def test_every_cell_fits_into_eighty_columns(ask):
    out = ask("tiny", "corpus.txt", "--fresh", ",".join(CELLS)).out
    assert max(map(len, out.splitlines())) <= 80
    for name in CELLS:
        assert len(re.findall(rf"\b{name}, fresh", out)) == 2


def test_a_byte_model_counts_bytes(ask):
    out = ask("bytes", "é" * 60).out
    assert "windows in 120 bytes" in out
    assert rows_of(out)[-1] == 50


def test_the_text_is_a_file_or_standard_input_or_itself_and_strangers_are_left_out(
    ask, workplace, wording
):
    text = (workplace / "corpus.txt").read_text()[:500]
    typed = ask(text.replace("\\", "\\\\") + "♞")
    wording(typed)
    piped = ask("tiny", "-", stdin=text.encode())
    assert piped.out == typed.out
    assert "in 500 characters" in piped.out


def test_without_a_text_the_model_writes_one(ask, wording):
    result = ask("tiny", "--distance", 20, "--seed", 3)
    wording(result)
    assert ask("tiny", "--distance", 20).out != result.out  # validation text
    assert "in 1,020 characters" in result.out
    assert ask("tiny", "-q").err.count("\n") == 1  # the corpus, which the checkpoint names


def test_a_short_text_shortens_the_distance_only_if_none_was_given(ask, wording):
    assert rows_of(ask("tiny", "def wrap(text)").out)[-1] == 6
    refused = ask("tiny", "def wrap(text)", "--distance", 20, status=3).err.splitlines()
    assert refused == [
        "charrnn: a distance of 20 needs at least 22 characters of text, not 14",
        "         --distance 12 or less fits",
    ]
    wording(ask("tiny", "de", status=3))
    wording(ask("tiny", "♞♞", status=3))


def test_fresh_networks_need_no_checkpoint(ask, tmp_path, monkeypatch, wording):
    text = "the quick brown fox jumps over the lazy dog " * 4
    (tmp_path / "fox.txt").write_text(text)
    monkeypatch.chdir(tmp_path)
    facts = json.loads(ask("fox.txt", "--fresh", "jordan,lstm", "--json").out)
    config = ModelConfig(vocab_size=len(set(text)))
    assert facts["path"] is None
    assert [n["cell"] for n in facts["networks"]] == ["jordan", "lstm"]
    assert facts["networks"][1]["config"] == vars(config)
    assert "lstm, fresh" in ask(text, "--fresh", "lstm").out
    wording(ask("--fresh", "lstm", status=2))
    wording(ask("fox.txt", status=4))
    named = ask("plays", "fox.txt", "--fresh", "lstm", status=4)
    wording(named)
    wording(ask("", "--fresh", "lstm", status=3))


def test_a_text_that_predicts_itself_has_no_gradient(ask, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = ask("a" * 30, "--fresh", "lstm").out
    assert {line.split()[1] for line in out.splitlines() if "e+" in line} == {"0.0e+00"}


def test_a_choice_of_activation_is_kept_where_the_cell_has_it():
    from charrnn.cli.gradients.command import _fresh

    vocabulary = Vocabulary("char", [97, 98])
    relu = ModelConfig(cell="elman", activation="relu", vocab_size=2, hidden_size=5)
    kept = _fresh("elman", relu, vocabulary)
    assert kept.config == relu
    other = _fresh("gru", relu, vocabulary).config
    assert (other.cell, other.activation, other.hidden_size) == ("gru", "tanh", 5)


def test_an_unknown_cell_is_refused_with_those_there_are(ask, wording):
    for names in ("lstm,elmann", "", "lstm,"):
        result = ask("tiny", "corpus.txt", "--fresh", names, status=2)
        wording(result)
        assert all(name in result.err for name in CELLS)


def test_where_the_terminal_has_no_blocks_the_bars_are_ascii(workplace):
    code = """
import sys
sys.stdout.reconfigure(encoding="ascii")
from charrnn.cli.app import obey
obey(["gradients", "tiny", "corpus.txt", "--distance", "5", "-q"])
"""
    done = subprocess.run(script(code), cwd=workplace, env=CLEAN, capture_output=True, check=True)
    assert b"1.0e+00 ####" in done.stdout


def test_inspect_alone_needs_no_torch(workplace):
    code = "import atexit, sys; atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))\n"
    code += "from charrnn.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "inspect", "tiny", "-q"],
        cwd=workplace,
        env=CLEAN,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.split() == ["False"]
