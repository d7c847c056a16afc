"""The model that comes with charrnn."""

import pytest
from helpers import call_charrnn, make_text

import charrnn
from charrnn.checkpoint import load_checkpoint
from charrnn.interpret.names import load_names, names_file
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


def test_its_units_have_names_that_no_command_changes(empty, capsys):
    names = load_names(load_checkpoint(DEMO))
    assert {"leading blanks", "inside brackets"} <= {named.name for named in names}
    before = names_file(DEMO).read_bytes()
    (empty / "text.txt").write_text(make_text(9000), encoding="utf-8")
    options = ("--concept", "leading blanks", "--networks", 0)
    assert "L0." in call_charrnn(capsys, "units", "demo", "text.txt", *options).out
    assert names_file(DEMO).read_bytes() == before


def test_a_run_of_that_name_wins(workplace, empty):
    assert named_checkpoint("demo") == DEMO
    (empty / "checkpoints" / "demo").mkdir(parents=True)
    own = empty / "checkpoints" / "demo" / "best.safetensors"
    own.write_bytes((workplace / "checkpoints" / "tiny" / "best.safetensors").read_bytes())
    assert named_checkpoint("demo").resolve() == own
