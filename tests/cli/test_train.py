"""`charrnn train` as people run it: what it says, what it keeps, how it stops, what it refuses."""

import errno
import fcntl
import json
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from helpers import (
    CLEAN,
    call_charrnn,
    make_text,
    own_signals,
    precisions,
    program,
    run_charrnn,
    signaled,
)

import charrnn
from charrnn.checkpoint import load_checkpoint
from charrnn.errors import REQUEUE, EnvironmentFault

SMALL = (
    "--hidden-size",
    12,
    "--embedding-size",
    4,
    "--batch-size",
    6,
    "--sequence-length",
    10,
    "--precision",
    "float32",
)


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text(make_text(3000), encoding="utf-8")
    return path


def inspected(charrnn_in, run, file="best"):
    return json.loads(
        charrnn_in("inspect", f"checkpoints/{run}/{file}.safetensors", "--json", "-q").out
    )


def test_a_run_says_what_it_read_what_it_trains_and_what_to_type_next(charrnn_in, corpus):
    result = charrnn_in("train", "corpus.txt", *SMALL, "--steps", 30)
    for said in (
        "corpus.txt: 3,000 characters, 72 distinct",
        "2,700 for training, then 300 for validation",
        "lstm, 1 layer of 12 units",
        "parameters",
        "float32",
        "30 steps of 6 x 10 characters",
        ", learning rate 0.004 (Muon 0.02): about 0:0",
        "bits/char train",
        "(best)",
    ):
        assert said in result.err
    path, validation, counts, baselines, _, following, *_ = result.out.splitlines()
    assert re.match(r" +network \d\.\d{4}, with counts \d\.\d{4} bits per character", counts)
    assert path.startswith("checkpoints/corpus/best.safetensors")
    assert re.match(
        r"validation: \d\.\d{4} nats, \d\.\d{4} bits per character, perplexity", validation
    )
    assert baselines.startswith("baselines: uniform 6.170, unigram ")
    command_line = shlex.split(following.removeprefix("next: "), comments=True)
    assert command_line[0] == "charrnn"
    assert len(charrnn_in(*command_line[1:], "--length", 7, "-q").out) == 7


def test_quiet_says_nothing_on_stderr_and_the_run_keeps_three_files(charrnn_in, corpus, tmp_path):
    result = charrnn_in("train", "corpus.txt", *SMALL, "--steps", 12, "-q")
    assert result.err == ""
    names = {p.name for p in (tmp_path / "checkpoints" / "corpus").iterdir()}
    assert names - {".lock"} == {"best.safetensors", "last.safetensors", "metrics.jsonl"}
    rows = [
        json.loads(r)
        for r in (tmp_path / "checkpoints/corpus/metrics.jsonl").read_text().splitlines()
    ]
    assert rows[-1]["step"] == 12
    assert {"epoch", "train_nats_per_char", "val_nats_per_char", "learning_rate", "seconds"} <= set(
        rows[0]
    )


OPTIONS = [
    (("--hidden-size", 9), ("config", "hidden_size"), 9),
    (("--layers", 3), ("config", "num_layers"), 3),
    (("--layer-norm",), ("config", "layer_norm"), True),
    (("--no-layer-norm",), ("config", "layer_norm"), False),
    (("--embedding-size", 7), ("config", "embedding_size"), 7),
    (("--dropout", 0.25), ("run", "training", "dropout"), 0.25),
    (("--batch-size", 5), ("run", "training", "batch_size"), 5),
    (("--sequence-length", 9), ("run", "training", "sequence_length"), 9),
    (("--lr", 0.013), ("run", "training", "learning_rate"), 0.013),
    (("--clip", 0.5), ("run", "training", "clip"), 0.5),
    (("--patience", 3), ("run", "training", "patience"), 3),
    (("--save-every", 0.5), ("run", "saving", "save_every"), 0.5),
    (("--save-every", "off"), ("run", "saving", "save_every"), None),
    (("--save-every-steps", 7), ("run", "saving", "save_every_steps"), 7),
    (("--keep", 2), ("run", "saving", "keep"), 2),
    (("--seed", 77), ("run", "training", "seed"), 77),
    (("--device", "cpu"), ("run", "training", "device"), "cpu"),
    (("--threads", 1), ("run", "training", "threads"), 1),
    (("--precision", precisions()[-1]), ("run", "training", "precision"), precisions()[-1]),
    (("--level", "byte"), ("config", "vocab_size"), 256),
    (("--min-count", 50), ("vocabulary", "has_unknown"), True),
    (("--max-chars", 500), ("run", "corpus", "characters"), 500),
    (("--encoding", "latin-1"), ("run", "corpus", "config", "encoding"), "latin-1"),
    (("--keep-newlines",), ("run", "corpus", "config", "keep_newlines"), True),
    (("--val-fraction", 0.3), ("run", "corpus", "config", "val_fraction"), 0.3),
    (("--test-fraction", 0.2), ("run", "corpus", "config", "test_fraction"), 0.2),
    (("--glob", "*.txt"), ("run", "corpus", "config", "globs"), ["*.txt"]),
    (("--name", "other"), ("run", "name"), "other"),
    (("--epochs", 0.1), ("metrics", "step"), 4),
    (("--minutes", 0.0005), ("run", "training", "steps"), None),
]


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """`call_charrnn` in the test's own folder, on as few threads as its networks deserve."""
    import torch

    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield lambda *arguments, **options: call_charrnn(capsys, *arguments, **options)
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("option", "place", "expected"),
    OPTIONS,
    ids=lambda v: str(v[0]) if isinstance(v, tuple) else "",
)
def test_every_option_reaches_the_run(here, corpus, option, place, expected):
    settings = dict(zip(SMALL[::2], SMALL[1::2], strict=True))
    settings["--steps"] = 50 if "--minutes" in option else 4
    settings.pop(option[0], None)
    rest = [x for pair in settings.items() for x in pair]
    here("train", "corpus.txt", *rest, *option, "-q")
    run = "other" if option[0] == "--name" else "corpus"
    value = json.loads(here("inspect", run, "--json").out)
    for key in place:
        value = value[key]
    if "--minutes" in option:
        assert value < 50
    else:
        assert value == expected


def test_out_and_cache_choose_the_folders(here, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("charrnn.text.numbering.MAX_IN_MEMORY", 100)
    folders = ("--out", "elsewhere", "--cache", "kept")
    result = here("train", "corpus.txt", *SMALL, "--steps", 3, "-q", *folders)
    assert (tmp_path / "elsewhere" / "corpus" / "best.safetensors").exists()
    assert "next: charrnn sample elsewhere/corpus/best.safetensors" in result.out
    assert not (tmp_path / "checkpoints").exists()
    assert [p.suffix for p in (tmp_path / "kept" / "encoded").iterdir()] == [".uint8"]


# --- where texts come from ---------------------------------------------------------------------------------------------


def test_folders_gz_stdin_and_several_files_are_read(charrnn_in, corpus, tmp_path, wording):
    import gzip

    folder = tmp_path / "texts"
    (folder / ".git").mkdir(parents=True)
    (folder / "a.py").write_text(make_text(700))
    (folder / "b.txt").write_text("not wanted" * 9)
    (folder / "c.bin").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "x.gz").write_bytes(gzip.compress(make_text(300).encode()))
    both = charrnn_in(
        "train", "texts", "x.gz", "--glob", "*.py", "--name", "g", *SMALL, "--steps", 2
    )
    wording(both)
    all_files = charrnn_in("train", "texts", "--name", "h", *SMALL, "--steps", 2)
    wording(all_files)
    piped = charrnn_in("train", "-", *SMALL, "--steps", 2, stdin=make_text(400).encode())
    assert "400 characters" in piped.err
    assert (tmp_path / "checkpoints" / "stdin" / "best.safetensors").exists()


def test_the_python_corpus_is_there_without_a_download(charrnn_in, wording):
    result = charrnn_in("train", "python", "--max-chars", 4000, *SMALL, "--steps", 2)
    wording(result)


@pytest.mark.parametrize(
    "content",
    [
        "床前明月光，疑是地上霜。\n" * 40,
        "👩‍👩‍👧‍👦 family 🇩🇪 flags é\n" * 40,
        "a line\r\nanother\r\n" * 40,
        "\ufeffa text with a mark\n" * 1 + "more\n" * 80,
        "aaaaaaaaaaaaaaaaaaaa",
        "ab",
        "abcdefghij" * 3,
    ],
)
def test_unusual_corpora_train_and_sample(here, tmp_path, content, wording):
    (tmp_path / "c.txt").write_bytes(content.encode())
    result = here("train", "c.txt", "--hidden-size", 8, "--steps", 3)
    wording(result)
    assert len(here("sample", "-q", "--length", 9, "--temp", 1.5).out) == 9


# --- what is refused ---------------------------------------------------------------------------------------------------

REFUSED = [
    (("train",), 2),
    (("train", "missing.txt"), 3),
    (("train", "corpus.tx"), 3),
    (("train", "empty.txt"), 3),
    (("train", "one.txt"), 3),
    (("train", "binary.dat"), 3),
    (("train", "latin.txt"), 3),
    (("train", "corpus.txt", "--encoding", "klingon"), 2),
    (("train", "corpus.txt", "--level", "word"), 2),
    (("train", "corpus.txt", "--level", "byte", "--min-count", "3"), 2),
    (("train", "corpus.txt", "--min-count", "100000"), 3),
    (("train", "corpus.txt", "--val-fraction", "1"), 2),
    (("train", "corpus.txt", "--val-fraction", "nan"), 2),
    (("train", "corpus.txt", "--val-fraction", "0.6", "--test-fraction", "0.6"), 2),
    (("train", "corpus.txt", "--hidden-size", "0"), 2),
    (("train", "corpus.txt", "--layers", "x"), 2),
    (("train", "corpus.txt", "--dropout", "1"), 2),
    (("train", "corpus.txt", "--lr", "nan"), 2),
    (("train", "corpus.txt", "--lr", "0"), 2),
    (("train", "corpus.txt", "--clip", "-1"), 2),
    (("train", "corpus.txt", "--minutes", "0"), 2),
    (("train", "corpus.txt", "--minutes", "inf"), 2),
    (("train", "corpus.txt", "--steps", "-5"), 2),
    (("train", "corpus.txt", "--name", "../up"), 2),
    (("train", "corpus.txt", "--name", "a/b"), 2),
    (("train", "corpus.txt", "--name", ""), 2),
    (("train", "corpus.txt", "--device", "tpu"), 2),
    (("train", "corpus.txt", "--device", "cuda:99"), 6),
    (("train", "corpus.txt", "--out", "corpus.txt"), 2),
    (("train", "--resume"), 4),
    (("train", "corpus.txt", "--patience", "-1"), 2),
    (("train", "corpus.txt", "--patience", "2", "--val-fraction", "0"), 2),
    (("train", "corpus.txt", "--save-every", "-1"), 2),
    (("train", "corpus.txt", "--save-every", "nan"), 2),
    (("train", "corpus.txt", "--keep", "-1"), 2),
    (("train", "corpus.txt", "--nonsense"), 2),
]


@pytest.fixture(scope="module")
def bad_inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    (folder / "corpus.txt").write_text(make_text(2000))
    (folder / "empty.txt").write_bytes(b"")
    (folder / "one.txt").write_bytes(b"x")
    (folder / "binary.dat").write_bytes(b"text\0\1\2" * 50)
    (folder / "latin.txt").write_bytes(
        "caf\xe9 cr\xe8me br\xfbl\xe9e d\xe9j\xe0 vu\n".encode("latin-1") * 20
    )
    return folder


@pytest.mark.parametrize(
    ("arguments", "status"),
    REFUSED,
    ids=lambda v: " ".join(v[1:]) if isinstance(v, tuple) else "",
)
def test_bad_input_gets_one_clear_line_and_its_exit_status(
    charrnn_in, bad_inputs, arguments, status, wording
):
    import torch

    result = charrnn_in(*arguments, cwd=bad_inputs, status=status)
    if "cuda:99" in arguments and torch.cuda.is_available():
        assert "cuda:0" in result.err
    else:
        wording(result)
    assert result.out == ""
    ours = [line for line in result.err.splitlines() if line.startswith("charrnn: ")]
    assert len(ours) <= 1


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_fault_07_a_folder_that_cannot_be_written_is_said_before_training(
    charrnn_in, corpus, tmp_path
):
    (tmp_path / "checkpoints").mkdir(mode=0o555)
    assert "--out" in charrnn_in("train", "corpus.txt", *SMALL, "--steps", 2, status=6).err


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_fault_07_a_folder_that_is_as_if_it_could_not_be_written_is_said_before_training(
    here, corpus, tmp_path, monkeypatch, number
):
    """Simulated, so that it is tested as root too, who may write everywhere."""

    def refuse(path, _content):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    monkeypatch.setattr("charrnn.training.trainer.Trainer.run", lambda _: pytest.fail("too late"))
    said = here("train", "corpus.txt", *SMALL, "--steps", 2, status=6).err
    assert f"checkpoints/corpus: {os.strerror(number)}" in said


def test_fault_11_a_taken_name_is_never_overwritten_unless_asked(here, corpus, tmp_path):
    for _ in range(2):
        here("train", "corpus.txt", *SMALL, "--steps", 2, "-q")
    assert {p.name for p in (tmp_path / "checkpoints").iterdir()} == {"corpus", "corpus-2"}
    before = (tmp_path / "checkpoints/corpus/best.safetensors").read_bytes()
    refused = here("train", "corpus.txt", *SMALL, "--steps", 3, "--name", "corpus", status=2)
    assert "--resume" in refused.err
    assert "--overwrite" in refused.err
    assert (tmp_path / "checkpoints/corpus/best.safetensors").read_bytes() == before
    here("train", "corpus.txt", *SMALL, "--steps", 3, "--name", "corpus", "--overwrite", "-q")
    assert load_checkpoint(tmp_path / "checkpoints/corpus/best.safetensors").metrics["step"] == 3


def test_an_overwrite_that_cannot_start_leaves_the_old_run_alone(here, corpus, tmp_path):
    here("train", "corpus.txt", *SMALL, "--steps", 2, "--name", "kept", "-q")
    best = tmp_path / "checkpoints" / "kept" / "best.safetensors"
    before = best.read_bytes()
    again = ("train", "corpus.txt", "--name", "kept", "--overwrite", "--steps", 1)
    here(*again, "--device", "tpu", status=2)
    here(*again, "--device", "cuda:99", status=6)
    assert best.read_bytes() == before


def test_fault_10_files_that_are_protected_or_not_of_a_run_are_not_overwritten(
    here, corpus, tmp_path, wording
):
    for name in ("last.safetensors", "best.safetensors"):
        here("train", "corpus.txt", *SMALL, "--steps", 2, "--name", "kept", "--overwrite", "-q")
        file = tmp_path / "checkpoints" / "kept" / name
        file.chmod(0o444)
        again = ("train", "corpus.txt", *SMALL, "--steps", 1, "--name", "kept", "--overwrite")
        wording(here(*again, status=2))
        file.chmod(0o644)
        file.write_text("notes of mine")
        wording(here(*again, status=2))
        assert file.read_text() == "notes of mine"
        file.unlink()


# --- stopping and going on ---------------------------------------------------------------------------------------------


def start(arguments, cwd):
    return subprocess.Popen(
        program(*arguments),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=CLEAN,
        preexec_fn=own_signals,
    )


def wait_for(process, path):
    deadline = time.monotonic() + 200
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def tensors(path):
    loaded = load_checkpoint(path)
    return {n: a.tobytes() for n, a in {**loaded.model.weights, **loaded.training}.items()}


DROPS = ("train", "corpus.txt", *SMALL, "--layers", 2, "--dropout", 0.3, "--steps")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run of 60 steps that nobody interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "corpus.txt").write_text(make_text(3000), encoding="utf-8")
    run_charrnn(*DROPS, 60, "-q", cwd=folder)
    return folder / "checkpoints" / "corpus"


def metrics(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


@pytest.mark.parametrize(
    ("number", "status"),
    [
        *((number, -number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)),
        (signal.SIGUSR1, REQUEUE),
    ],
)
def test_fault_62_a_signal_stops_cleanly_and_resume_ends_bit_for_bit_the_same(
    charrnn_in, corpus, tmp_path, number, status, whole
):
    folder = tmp_path / "checkpoints" / "stopped"
    stopped = subprocess.run(
        signaled(number, 17, *DROPS, 60, "--name", "stopped"),
        cwd=tmp_path,
        env=CLEAN,
        preexec_fn=own_signals,
        capture_output=True,
        text=True,
        check=False,
    )
    assert stopped.returncode == status, stopped
    line = next(s for s in stopped.stderr.splitlines() if "to resume: " in s)
    assert load_checkpoint(folder / "last.safetensors").metrics["step"] == 17
    resumed = charrnn_in(*shlex.split(line.split(": ", 1)[1])[1:])
    assert " step 17 of 60" in resumed.err
    for file in ("last.safetensors", "best.safetensors"):
        assert tensors(folder / file) == tensors(whole / file)
    assert metrics(folder) == metrics(whole)


def test_a_cluster_s_warning_before_there_is_anything_to_save_asks_for_another_turn(
    corpus, tmp_path
):
    """While it reads a text that never ends."""
    process = subprocess.Popen(
        program("train", "-", "--resume", "--name", "run", "--save-every", 0),
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=CLEAN,
        preexec_fn=own_signals,
    )
    assert b"no run" in process.stderr.readline()
    process.send_signal(signal.SIGUSR1)
    assert process.wait(timeout=60) == REQUEUE
    process.communicate()
    assert not (tmp_path / "checkpoints" / "run" / "last.safetensors").exists()


def test_an_error_after_a_cluster_s_warning_keeps_its_own_status(here, corpus, monkeypatch):
    """A run that could not be saved is not put in the queue again, where the same disk is full."""
    from charrnn.training import run_folder

    def full(path, checkpoint):
        if checkpoint.metrics["step"]:
            signal.raise_signal(signal.SIGUSR1)
            raise EnvironmentFault("No space left on device")

    monkeypatch.setattr(run_folder, "save_checkpoint", full)
    here("train", "corpus.txt", *SMALL, "--steps", 4, "--save-every", 0, "-q", status=6)


def test_a_cluster_s_warning_to_a_run_that_is_finished_is_success(here, corpus, monkeypatch):
    from charrnn.training.trainer import Trainer

    real = Trainer._step

    def step(self):
        event = real(self)
        if event.step == 4:
            signal.raise_signal(signal.SIGUSR1)
        return event

    monkeypatch.setattr(Trainer, "_step", step)
    here("train", "corpus.txt", *SMALL, "--steps", 4, "-q")


def test_a_kill_loses_no_checkpoint_and_the_run_goes_on(charrnn_in, corpus, tmp_path):
    folder = tmp_path / "checkpoints" / "corpus"
    often = ("--save-every", 0)
    process = start(("train", "corpus.txt", *SMALL, "--steps", 20_000, *often), tmp_path)
    wait_for(process, folder / "last.safetensors")
    process.kill()
    process.communicate()
    (folder / ".best.safetensors.tmp-999999999").write_bytes(b"half")
    step = load_checkpoint(folder / "last.safetensors").metrics["step"]
    second = start(("train", "--resume"), tmp_path)
    deadline = time.monotonic() + 120
    while load_checkpoint(folder / "last.safetensors").metrics["step"] == step:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    second.send_signal(signal.SIGINT)
    _, err = second.communicate(timeout=60)
    assert f"at step {step:,} of" in err.decode()
    assert load_checkpoint(folder / "last.safetensors").metrics["step"] > step
    assert not list(folder.glob(".*.tmp-*"))


def test_an_ignored_interrupt_stays_ignored(corpus, tmp_path):
    run = shlex.join(signaled(signal.SIGINT, 17, *DROPS, 20, "-q"))
    subprocess.run(["bash", "-c", f"trap '' INT; {run}"], cwd=tmp_path, env=CLEAN, check=True)
    last = tmp_path / "checkpoints" / "corpus" / "last.safetensors"
    assert load_checkpoint(last).metrics["step"] == 20


def test_fault_65_closing_the_terminal_loses_nothing(corpus, tmp_path):
    """The terminal is gone when the hang-up comes: whatever the run says fails, and it saves all the same."""
    ours, theirs = pty.openpty()

    def on_terminal():
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
        own_signals()

    process = subprocess.Popen(
        program(*DROPS, 30_000),
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=CLEAN,
        preexec_fn=on_terminal,
    )
    os.close(theirs)
    folder = tmp_path / "checkpoints" / "corpus"
    seen = b""
    while b"char/s, loss" not in seen:
        seen += os.read(ours, 4096)
    os.close(ours)
    assert process.wait(timeout=60) == -signal.SIGHUP
    assert load_checkpoint(folder / "last.safetensors").metrics["step"] > 0


def test_fault_16_two_runs_cannot_share_a_folder(charrnn_in, corpus, tmp_path, wording):
    settings = {"hidden_size": 12, "batch_size": 6, "sequence_length": 10, "precision": "float32"}
    out = tmp_path / "checkpoints"
    first = charrnn.train(corpus, name="same", out=out, steps=50, save_every=0, **settings)
    while not (out / "same" / "last.safetensors").exists():
        next(first)
    second = charrnn_in("train", "corpus.txt", "--name", "same", "--resume", status=7)
    assert str(os.getpid()) in second.err
    wording(second)
    first.stop()
    assert list(first)


def test_fault_57_resume_refuses_another_corpus_and_a_missing_run_without_one(
    charrnn_in, corpus, tmp_path, wording
):
    """A run has one corpus, so nothing lets it go on with another: `--init-from` starts a new one from its weights."""
    process = start(("train", "corpus.txt", *SMALL, "--steps", 20_000, "--name", "long"), tmp_path)
    wait_for(process, tmp_path / "checkpoints" / "long" / "last.safetensors")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    corpus.write_text(corpus.read_text() + "more")
    changed = charrnn_in("train", "corpus.txt", "--resume", "--name", "long", status=3)
    wording(changed)
    elsewhere = charrnn_in("train", "--resume", "--name", "long", "--device", "cuda:99", status=3)
    wording(elsewhere)
    wording(charrnn_in("train", "--resume", "--name", "none", status=4))


@pytest.mark.parametrize("steps", [12, 200])
@pytest.mark.parametrize("val_fraction", [0, 0.1])
def test_a_diverging_run_ends_with_status_5(charrnn_in, corpus, steps, val_fraction):
    settings = ("--lr", 1e12, "--clip", "off", "--steps", steps, "--val-fraction", val_fraction)
    result = charrnn_in("train", "corpus.txt", *SMALL, *settings, status=5)
    assert " became " in result.err
    assert "--lr" in result.err


def test_a_run_stopped_before_its_first_evaluation_can_be_sampled(here, corpus, tmp_path):
    here("train", "corpus.txt", *SMALL, "--steps", 2, "-q")
    (tmp_path / "checkpoints" / "corpus" / "best.safetensors").unlink()
    assert len(here("sample", "--length", 5, "-q").out) == 5
    assert len(here("sample", "corpus", "--length", 5, "-q").out) == 5


def test_resume_finds_the_run_of_its_corpus_whatever_its_name(charrnn_in, tmp_path, wording):
    (tmp_path / "text").write_text(make_text(2000))
    (tmp_path / "text1").write_text(make_text(2100))
    for name, run in (("text", "mine"), ("text1", "text1")):
        charrnn_in("train", name, *SMALL, "--steps", 2, "--name", run, "-q")
    wording(charrnn_in("train", "text", "--resume"))
    wording(charrnn_in("train", "--resume"))
    wording(charrnn_in("train", "text1", "--resume", "--name", "mine"))


def test_a_run_says_where_it_is_kept_before_it_begins(here, corpus):
    for folder in ("checkpoints/corpus", "checkpoints/corpus-2"):
        said = here("train", "corpus.txt", *SMALL, "--steps", 2).err
        assert said.index(f"saving to {folder};") < said.index("step 1")


# --- on a terminal -----------------------------------------------------------------------------------------------------


def test_a_terminal_sees_a_bar_with_loss_bits_speed_and_time(corpus, tmp_path):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 110, 0, 0))
    arguments = program("train", "corpus.txt", *SMALL, "--steps", 400)
    process = subprocess.Popen(
        arguments,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        stdin=theirs,
        env=CLEAN | {"TERM": "xterm"},
    )
    os.close(theirs)
    seen = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    assert process.wait() == 0
    text = seen.decode()
    assert re.search(r"100%\|.*char/s, loss \d\.\d+, val \d\.\d+ bits/char", text)
    assert "\r" in text


def test_train_imports_no_torch_before_it_has_read_the_corpus(tmp_path):
    script = "import sys; from charrnn.cli.app import main\ntry: main()\nfinally: print('torch' in sys.modules)"
    (tmp_path / "empty.txt").write_bytes(b"")
    done = subprocess.run(
        [sys.executable, "-c", script, "train", "empty.txt"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert done.stdout.strip() == "False"
    assert Path(tmp_path / "checkpoints").exists() is False
