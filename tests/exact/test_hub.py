"""Folders for a hub: what they have, and that the card's example runs."""

import json
import re
import shlex

import numpy as np
import pytest
import torch
from exact_models import network

import charrnn
from charrnn.checkpoint import Checkpoint, load_checkpoint
from charrnn.errors import UsageError
from charrnn.exact.model import exact
from charrnn.export.hub import write_folder
from charrnn.text.vocabulary import Vocabulary


def folder_of(model, place, **about):
    write_folder(Checkpoint(model, **about), place, title="plays", license_name="cc0-1.0")
    return (place / "README.md").read_text()


def example_in(card):
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    return code


@pytest.mark.parametrize("kind", ["lstm", "gru", "elman", "relu"])
@pytest.mark.parametrize("level", ["char", "byte"])
def test_the_example_of_the_card_gives_the_logits(kind, level, tmp_path, monkeypatch):
    model = network(kind) if level == "char" else network(kind, Vocabulary.of_bytes())
    code = example_in(folder_of(model, tmp_path / "plays"))
    assert len(code.splitlines()) <= 13
    monkeypatch.chdir(tmp_path / "plays")
    names: dict = {}
    with torch.no_grad():
        exec(code, names)
    ids = model.vocabulary.encode(names["PROMPT"])
    outputs, _ = model.run(ids, model.initial_state())
    np.testing.assert_allclose(names["logits"].numpy(), model.head(outputs), atol=1e-4)


@pytest.mark.parametrize("kind", ["peephole", "jordan"])
def test_a_cell_that_torch_lacks_has_no_example(kind, tmp_path):
    assert "```python" not in folder_of(network(kind), tmp_path / "plays")


def test_the_folder_is_a_model(tmp_path):
    model = network("lstm")
    folder_of(model, tmp_path / "plays")
    assert charrnn.load(tmp_path / "plays").fingerprint == model.fingerprint
    config = json.loads((tmp_path / "plays" / "config.json").read_text())
    assert (config["cell"], config["hidden_size"]) == ("lstm", 24)
    assert config["code_points"] == model.vocabulary.symbols.tolist()


def test_the_card_says_what_is_known(tmp_path, workplace):
    tiny_run = load_checkpoint(workplace / "checkpoints" / "tiny" / "best.safetensors")
    card = folder_of(tiny_run.model, tmp_path / "plays", metrics=tiny_run.metrics, run=tiny_run.run)
    assert card.startswith('---\nlicense: "cc0-1.0"\n')
    assert f"{tiny_run.metrics['best_val_nats_per_char']:.4f}" in card
    assert tiny_run.run["corpus"]["fingerprint"] in card


HOSTILE = "a <b>`c` [d](javascript:e)\n\n# f\r\n```\x1b[31m'; rm -rf g"


def test_a_hostile_name_is_one_harmless_line(tmp_path):
    model, place = network("elman"), tmp_path / "it's; a -folder"
    write_folder(Checkpoint(model), place, title=HOSTILE, license_name=HOSTILE)
    card = (place / "README.md").read_text()
    assert [line for line in card.splitlines() if line.startswith("# ")] == [
        r"# a \<b\>\`c\` \[d\]\(javascript\:e\) \# f \`\`\` \[31m\'\; rm -rf g"
    ]
    assert card.splitlines()[1] == f"license: {json.dumps(HOSTILE)}"
    assert "\x1b" not in card
    (line,) = re.findall(r"^charrnn sample (.*)$", card, re.MULTILINE)
    assert shlex.split(line) == ["it's; a -folder/", "--prompt", "The "]


def test_an_exact_model_has_no_such_folder(tmp_path):
    with pytest.raises(UsageError):
        folder_of(exact(network("lstm")), tmp_path / "plays")
    assert not (tmp_path / "plays").exists()
