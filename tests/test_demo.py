"""The model that comes with charrnn."""

import pytest
from helpers import call_charrnn

import charrnn
from charrnn.runs import DEMO, named_checkpoint


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_is_small_exact_and_of_python_source():
    assert DEMO.stat().st_size <= 400_000
    model = charrnn.load(DEMO)
    assert model.is_exact
    assert model.metadata["corpus"]["sources"] == ["python"]


def test_it_samples_and_shows_before_any_training(empty, capsys):
    text = call_charrnn(capsys, "sample", "demo", "--seed", 1, "--length", 60).out
    assert len(text) == 60
    assert call_charrnn(capsys, "visualize", "demo", "def area(self):").out


def test_it_predicts_python_source_well(empty):
    """A text that Python's authors would write costs far fewer bits than the same characters mixed up."""
    text = "    def __init__(self, name):\n        self.name = name\n        return None\n" * 2
    model = charrnn.load("demo")
    mixed = "".join(sorted(text))
    assert model.evaluate(text).bits_per_char < 2.5 < model.evaluate(mixed).bits_per_char


def test_a_run_of_that_name_wins(workplace, empty):
    assert named_checkpoint("demo") == DEMO
    (empty / "checkpoints" / "demo").mkdir(parents=True)
    own = empty / "checkpoints" / "demo" / "best.safetensors"
    own.write_bytes((workplace / "checkpoints" / "tiny" / "best.safetensors").read_bytes())
    assert named_checkpoint("demo").resolve() == own
