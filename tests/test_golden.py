"""Files of every version of every format, as the charrnn of their time wrote them: see tests/golden/README.md."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import call_charrnn

from charrnn.checkpoint import FORMAT_VERSION, load_checkpoint
from charrnn.compression import container
from charrnn.interpret.dumps.header import PAIRS_VERSION, READABLE_VERSIONS
from charrnn.interpret.dumps.reading import Dump, sides_in
from charrnn.interpret.steering import FORMAT

QUICK = ("--no-baselines",)
GOLDEN = Path(__file__).parent / "golden"
TEXTS = json.loads((GOLDEN / "texts.json").read_text())
"""What each file wrote when it was made, by its name: the options of `sample` or `convert`, and the text."""
DUMPS = sorted(path.name for path in GOLDEN.glob("dump-*"))
RUNS = ("run-v1-renamed", "run-v2")
FIRST = "run-v1-first"
"""A run that did not record yet how far it was from its best step."""


def version_of(path: Path) -> int:
    content = path.read_bytes()
    fields = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    return int(fields["format_version"])


def test_there_is_a_file_of_every_version():
    assert {version_of(GOLDEN / name) for name in TEXTS} == {*range(1, FORMAT_VERSION + 1)}
    versions = {Dump(GOLDEN / name, sides_in(GOLDEN / name)[0]).header.version for name in DUMPS}
    assert versions | {PAIRS_VERSION} == {*READABLE_VERSIONS, PAIRS_VERSION}


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_of_an_earlier_version_writes_what_it_wrote(name, capsys, tmp_path, monkeypatch):
    """The most likely characters, or of an exact model those of a seed, on every machine."""
    monkeypatch.chdir(GOLDEN)
    *words, text = TEXTS[name]
    assert call_charrnn(capsys, words[0], name, *words[1:], "-q").out == text
    assert call_charrnn(capsys, "inspect", name, "--json").out


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the texts, where a run can be put; it is the working folder."""
    for path in GOLDEN.glob("*.txt"):
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "checkpoints" / "old"


@pytest.mark.parametrize("name", RUNS)
def test_a_run_of_an_earlier_version_goes_on(name, capsys, place):
    shutil.copytree(GOLDEN / name, place)
    for path in GOLDEN.glob("*.txt"):  # its texts stand beside it, wherever they were
        shutil.copy(path, place)
    before = load_checkpoint(place / "last.safetensors")
    steps = before.metrics["step"] + 2
    call_charrnn(capsys, "train", "--resume", "--name", "old", "--steps", steps, "-q", *QUICK)
    after = load_checkpoint(place / "last.safetensors")
    assert after.metrics["step"] == steps
    moved = [np.abs(w - before.model.weights[n]).max() for n, w in after.model.weights.items()]
    assert 0 < max(moved) < 1


def test_a_run_that_cannot_go_on_is_refused_in_a_line_and_another_starts_from_it(
    capsys, place, wording
):
    shutil.copytree(GOLDEN / FIRST, place)
    refused = call_charrnn(capsys, "train", "--resume", "--name", "old", status=4)
    assert refused.err.count("\n") == 1
    wording(refused)
    start = ("--init-from", place / "last.safetensors", "--steps", 2, "--name", "new", "-q", *QUICK)
    call_charrnn(capsys, "train", "corpus.txt", *start)
    assert load_checkpoint(place.with_name("new") / "last.safetensors").metrics["step"] == 2


@pytest.mark.parametrize("name", DUMPS)
def test_a_dump_of_an_earlier_version_is_shown(name, capsys, monkeypatch):
    monkeypatch.chdir(GOLDEN)
    shown = call_charrnn(capsys, "visualize", "--from", name, "-q").out
    assert ("abc → acc" if name == "dump-4.npz" else "the cat sat") in shown.replace("·", " ")


def test_a_compressed_text_of_an_earlier_version_is_restored(capsys, tmp_path):
    pytest.importorskip("constriction")
    line = ("decompress", GOLDEN / "text-1.crnn", "--model", GOLDEN / "version-4.safetensors")
    call_charrnn(capsys, *line, "--out", tmp_path / "text", "-q")
    assert (tmp_path / "text").read_bytes() == (GOLDEN / "sources.txt").read_bytes()


def test_a_steer_file_of_an_earlier_version_steers(capsys, monkeypatch):
    monkeypatch.chdir(GOLDEN)
    line = ("sample", "version-1.safetensors", "--temp", 0, "-n", 40, "-q")
    steered = call_charrnn(capsys, *line, "--steer-file", "steer-1.json=9").out
    assert steered != call_charrnn(capsys, *line).out


def test_there_is_a_file_of_every_version_beside_models_and_dumps():
    for format_version, name in ((container.VERSION, "text-{}.crnn"), (FORMAT, "steer-{}.json")):
        for number in range(1, format_version + 1):
            assert (GOLDEN / name.format(number)).exists()
