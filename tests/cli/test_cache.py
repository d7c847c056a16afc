"""The cache of large corpora, seen from outside: a full disk and signals leave nothing half done behind."""

import io
import os
import shlex
import signal
import subprocess
import sys

import pytest
from helpers import CLEAN, call_charrnn, own_signals

from charrnn.config import CorpusConfig
from charrnn.text import numbering
from charrnn.text.opening import open_corpus
from charrnn.text.sources import TextSource

pytestmark = pytest.mark.skipif(os.name != "posix", reason="no signals")
SMALL = ("--hidden-size", 8, "--embedding-size", 4, "--batch-size", 4, "--sequence-length", 8)
LARGE = """
import sys
from charrnn.text import numbering
numbering.MAX_IN_MEMORY = 1000
"""
STOPS = """
numbered = numbering._numbered
def stops(*arguments):
    yield from numbered(*arguments)
    print("here", flush=True)
    sys.stdin.read()
numbering._numbered = stops
"""
RUN = """
from charrnn.cli.app import main
main()
"""


@pytest.fixture
def encoded(tmp_path):
    """The folder of the cache, and beside it a text that is large for the commands here."""
    (tmp_path / "large.txt").write_text("to be or not to be\n" * 20_000, encoding="utf-8")
    return tmp_path / "cache" / "encoded"


def _train(folder, script, before=""):
    """A command that trains on the large text, in a process of its own."""
    arguments = ("train", "large.txt", "--cache", "cache", "--plan-only")
    line = before + shlex.join(["exec", sys.executable, "-c", script, *arguments])
    return subprocess.Popen(
        ["sh", "-c", line],
        cwd=folder,
        env=CLEAN | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=own_signals,
    )


def test_a_disk_that_fills_while_ids_are_written_is_one_line(tmp_path, encoded, wording):
    ended = _train(tmp_path, LARGE + RUN, before="ulimit -f 100; ")
    _, err = ended.communicate()
    assert ended.returncode == 6, err
    assert err.count("\n") == 2
    assert "--cache" in err
    wording(err, r"\w{32}-\w{16}")
    assert list(encoded.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_what_a_signal_leaves_of_ids_is_gone_at_the_next_start(number, tmp_path, encoded):
    small = TextSource("small.txt", lambda: io.BytesIO(b"to be or not to be"))

    def read_another():
        open_corpus([small], CorpusConfig(), stdin=pytest.fail, cache=tmp_path / "cache")

    writing = _train(tmp_path, LARGE + STOPS + RUN)
    assert writing.stdout.readline() == "here\n"
    read_another()
    assert len(list(encoded.iterdir())) == 1  # what a living process writes is left alone
    writing.send_signal(number)
    _, err = writing.communicate()
    assert (writing.returncode, err) == (-number, "")
    assert len(list(encoded.iterdir())) == (number == signal.SIGKILL)
    read_another()
    assert list(encoded.iterdir()) == []


@pytest.mark.parametrize("byte", [b"\0", b"\xff"])
def test_damaged_ids_are_made_again_with_a_note_before_training(
    byte, tmp_path, encoded, monkeypatch, capsys, wording
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(numbering, "MAX_IN_MEMORY", 1000)
    train = ("train", "large.txt", "--cache", "cache", "--plan-only", *SMALL)
    first = call_charrnn(capsys, *train)
    (path,) = encoded.iterdir()
    content = path.read_bytes()
    path.write_bytes(byte * len(content))
    again = call_charrnn(capsys, *train)
    said = {*(again.out + again.err).splitlines()} - {*(first.out + first.err).splitlines()}
    wording("\n".join(line for line in said if line.startswith("note")))
    assert path.read_bytes() == content
