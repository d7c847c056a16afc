"""Standard input and pipes that never end, seen from outside: commands end soon, say why, and leave nothing behind."""

import contextlib
import gc
import os
import shlex
import shutil
import signal
import subprocess
import threading
import time

import pytest
from helpers import BEST, CLEAN, call_charrnn, command, own_signals, run_charrnn

from charrnn.text import sources

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
SOON = 60
"""Seconds in which a command that does not wait for the end of a stream ends, on a busy machine."""


@contextlib.contextmanager
def endless(unit, place=None):
    """A descriptor, or a named pipe, from which this can be read for ever, and how many bytes were."""
    written = [0]
    if place is None:
        read, write = os.pipe()
    else:
        os.mkfifo(place)
        read, write = None, None

    def feed():
        descriptor = os.open(place, os.O_WRONLY) if place else write
        piece = unit * (65536 // len(unit))
        with contextlib.suppress(BrokenPipeError):
            while True:
                written[0] += os.write(descriptor, piece)
        os.close(descriptor)

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    yield (place or read), written
    if read is not None:
        os.close(read)
    gc.collect()  # of a command in this process, which an error and its frames keep
    thread.join(10)
    assert not thread.is_alive(), "the pipe is still open"


@pytest.mark.timeout(SOON)
@pytest.mark.parametrize("is_named", [False, True])
def test_training_on_an_endless_stream_reads_what_max_chars_needs(is_named, tmp_path):
    with endless(b"y\n", tmp_path / "pipe" if is_named else None) as (stream, written):
        arguments = (stream,) if is_named else ("-",)
        result = run_charrnn(
            *("train", *arguments, "--max-chars", 1000, "--plan-only"),
            *("--hidden-size", 8, "--steps", 2, "--batch-size", 2, "--sequence-length", 8),
            cwd=tmp_path,
            stdin=b"" if is_named else stream,
        )
    assert "1,000 characters, 2 distinct" in result.out + result.err
    assert written[0] <= 1 << 20


@pytest.mark.timeout(SOON)
@pytest.mark.parametrize("device", ["zero", "urandom"])
@pytest.mark.parametrize(
    "arguments", [("train", "-"), ("sample", BEST, "--prompt-file", "-"), ("visualize", BEST, "-")]
)
def test_binary_from_an_endless_pipe_is_refused_at_once(device, arguments, workplace):
    unit = bytes(4096) if device == "zero" else os.urandom(4096)
    with endless(unit) as (stream, written):
        result = run_charrnn(*arguments, cwd=workplace, stdin=stream, status=3)
    assert "standard input" in result.err
    assert result.err.count("\n") <= 2
    assert written[0] <= 1 << 20


@pytest.mark.timeout(SOON)
@pytest.mark.parametrize(
    "arguments",
    [
        ("sample", BEST, "--prompt-file"),
        ("sample", BEST, "--novel"),
        ("evaluate", BEST),
        ("compress", "--model", BEST),
        ("decompress", "--model", BEST, "--out", "x"),
        ("train", "corpus.txt", "--plan-only", "--max-chars", 500, "--val"),
        ("train", "corpus.txt", "--plan-only", "--test"),
    ],
)
def test_a_text_for_memory_must_end(arguments, workplace, tmp_path, monkeypatch, capsys, wording):
    monkeypatch.setattr(sources, "MAX_STREAM", 100_000)
    monkeypatch.chdir(workplace)
    with endless(b"the end\n", tmp_path / "pipe") as (pipe, written):
        result = call_charrnn(capsys, *arguments, pipe, "-q", status=3)
    wording(result)
    assert written[0] <= 1 << 20


@pytest.mark.timeout(SOON)
@pytest.mark.parametrize("arguments", [("probe", BEST, "--lines"), ("compress", "--model", BEST)])
def test_labeled_lines_and_bytes_must_end_too(
    arguments, workplace, tmp_path, monkeypatch, capsys, wording
):
    monkeypatch.setattr(sources, "MAX_STREAM", 100_000)
    monkeypatch.chdir(workplace)
    with endless(b"the\tend\n", tmp_path / "pipe") as (pipe, written):
        result = call_charrnn(capsys, *arguments, pipe, "-q", status=3)
    wording(result)
    assert written[0] <= 1 << 20


@pytest.mark.timeout(SOON)
def test_a_view_reads_of_a_stream_what_it_shows(workplace):
    with endless(b"the end\n") as (stream, written):
        result = run_charrnn("visualize", BEST, "-", "--max-chars", 80, cwd=workplace, stdin=stream)
    assert "the end" in result.out
    assert "the first 80 characters" in result.err
    assert written[0] <= 1 << 20


def _started(arguments, cwd, *, stdin, before="", env=None):
    """A command of its own, started by a shell that does something before."""
    line = f"{before}; exec {shlex.join(command(*arguments))}".removeprefix("; ")
    return subprocess.Popen(
        ["sh", "-c", line],
        cwd=cwd,
        env=CLEAN | (env or {}) | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=own_signals,
    )


@pytest.mark.timeout(SOON)
def test_a_disk_that_an_endless_stream_fills_is_one_line(tmp_path):
    spool = tmp_path / "spool"
    spool.mkdir()
    with endless(b"y\n") as (stream, _):
        own = {"TMPDIR": str(spool)}
        ended = _started(("train", "-"), tmp_path, stdin=stream, before="ulimit -f 1024", env=own)
        out, err = ended.communicate()
    _require_no_room(ended.returncode, out, err)
    assert list(spool.iterdir()) == []


@pytest.mark.timeout(SOON)
def test_a_small_disk_of_temporary_files_is_not_filled(tmp_path):
    spool = tmp_path / "spool"
    spool.mkdir()
    mount = f"mount -t tmpfs -o size=66m none {spool}"
    inside = ["unshare", "-Urm", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*inside, mount], check=False).returncode:
        pytest.skip("no file systems of one's own")
    line = f"{mount} && {{ {shlex.join(command('train', '-'))}; status=$?; }}; ls -A {spool}; exit $status"
    with endless(b"y\n") as (stream, _):
        env = CLEAN | {"TMPDIR": str(spool), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        ended = subprocess.run(
            [*inside, line],
            cwd=tmp_path,
            env=env,
            stdin=stream,
            capture_output=True,
            text=True,
            check=False,
        )
    _require_no_room(ended.returncode, ended.stdout, ended.stderr)


def _require_no_room(status, out, err):
    assert (status, out) == (6, ""), err
    fault = err.removeprefix("charrnn: reading standard input\n")  # said if it takes long
    assert fault.count("\n") == 2
    assert "head -c" in fault


@pytest.mark.timeout(SOON)
def test_a_stream_that_is_waited_for_is_named_and_ctrl_c_ends_the_wait_with_a_line(
    tmp_path, wording
):
    read, write = os.pipe()
    waiting = _started(("train", "-"), tmp_path, stdin=read)
    os.close(read)
    wording(waiting.stderr.readline())
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate()
    os.close(write)
    assert waiting.returncode == -signal.SIGINT
    wording(err)


@pytest.mark.timeout(SOON)
@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_ctrl_c_ends_the_reading_of_a_named_pipe(quiet, tmp_path, wording):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    waiting = _started(("train", pipe, *quiet), tmp_path, stdin=subprocess.DEVNULL)
    write = os.open(pipe, os.O_WRONLY)  # returns when it is opened to be read
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate()
    os.close(write)
    assert waiting.returncode == -signal.SIGINT
    if quiet:
        assert err == ""
    else:
        wording(err)


@pytest.mark.timeout(SOON)
def test_a_kill_leaves_no_spool(tmp_path):
    spool = tmp_path / "spool"
    spool.mkdir()
    with endless(b"y\n") as (stream, written):
        reading = _started(("train", "-"), tmp_path, stdin=stream, env={"TMPDIR": str(spool)})
        while written[0] < 70 << 20 and reading.poll() is None:
            time.sleep(0.01)
        reading.kill()
        reading.communicate()
    assert reading.returncode == -signal.SIGKILL
    assert list(spool.iterdir()) == []
