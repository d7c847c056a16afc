"""What goes wrong around charrnn: a disk that fails at any call, power that goes, folders and clocks that change."""

import contextlib
import dataclasses
import errno
import itertools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exact_models import network
from failing_disk import Calls, LosingDisk, PowerCut, failing
from helpers import (
    CLEAN,
    NEW,
    OLD,
    call_charrnn,
    command,
    listing,
    make_text,
    own_signals,
    random_model,
    run_shell,
    script,
)
from trainers import CONFIG, make_corpus, make_trainer, run_to_end, tensors_in
from writers import WRITERS, in_small_parts, write_text

from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.config import CorpusConfig, SamplingConfig, SavingConfig
from charrnn.errors import EnvironmentFault
from charrnn.files import environment_fault, write_atomically
from charrnn.model import CharRNN
from charrnn.sampling.sampler import sample
from charrnn.text.corpus import read_corpus
from charrnn.text.sources import file_source
from charrnn.training.events import SaveFailed, Step
from charrnn.training.metrics import load_rows

ALWAYS = SavingConfig(save_every=0)


@pytest.fixture(scope="module")
def model() -> CharRNN:
    return network("lstm", hidden=8)


# --- the disk ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("name", WRITERS)
def test_fault_03_whichever_call_to_the_disk_fails_a_file_is_the_old_or_the_new_one(
    name, lasting, model, tmp_path
):
    path, write = tmp_path / name, WRITERS[name]
    write(path, model)
    whole = path.read_bytes()
    turn, failures = 0, []
    while True:
        turn += 1
        path.write_bytes(OLD)
        with pytest.MonkeyPatch.context() as patch:
            calls = Calls(patch, tmp_path, failing(turn, errno.EIO, lasting=lasting))
            try:
                write(path, model)
            except EnvironmentFault as fault:
                failures.append(fault.message)
        assert path.read_bytes() in (OLD, whole)
        assert listing(tmp_path) == [name]
        if calls.number < turn:
            break
        assert path.read_bytes() == OLD or turn >= calls.number - 1
    assert path.read_bytes() == whole
    assert set(failures) == {f"cannot write {path}: {os.strerror(errno.EIO)}"}
    assert len(failures) >= 5  # open, write, flush, rename, flush the folder


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
def test_fault_03_whichever_call_to_the_disk_fails_a_text_is_encoded_right_or_not_at_all(
    lasting, tmp_path, monkeypatch
):
    monkeypatch.setattr("charrnn.text.numbering.MAX_IN_MEMORY", 5)
    path, cache = tmp_path / "corpus.txt", tmp_path / "cache"
    path.write_text(make_text(500), encoding="utf-8")

    def read() -> bytes:
        corpus = read_corpus([file_source(path)], CorpusConfig(), cache=cache)
        assert isinstance(corpus.ids, np.memmap)
        return corpus.ids.tobytes()

    whole, turn = read(), 0
    while True:
        turn += 1
        shutil.rmtree(cache)
        with pytest.MonkeyPatch.context() as patch:
            calls = Calls(patch, cache, failing(turn, errno.ENOSPC, lasting=lasting))
            with contextlib.suppress(EnvironmentFault):
                assert read() == whole
        assert read() == whole
        assert not [name for name in listing(cache) if ".tmp-" in name]
        if calls.number < turn:
            break
    assert turn > 4


def test_fault_04_a_full_disk_leaves_the_old_files_and_a_cache_that_is_filled_later(tmp_path):
    """The disk is a small one in memory, and a process of its own writes on it."""
    disk, text = tmp_path / "disk", tmp_path / "text.txt"
    disk.mkdir()
    write_text(text)
    mount = f"mount -t tmpfs -o size=12m none {disk}"
    inside = ["unshare", "-Urm", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*inside, mount], check=False).returncode:
        pytest.skip("no file systems of one's own")
    line = [sys.executable, str(Path(__file__).with_name("full_disk.py")), str(disk), str(text)]
    ended = subprocess.run(
        [*inside, f"{mount} && exec {shlex.join(line)}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def test_fault_02_a_power_cut_leaves_the_old_file_or_the_new_one_and_after_the_return_the_new_one(
    tmp_path,
):
    turn, seen = 0, []
    while True:
        turn += 1
        path = tmp_path / f"{turn}" / "model.safetensors"
        path.parent.mkdir()
        path.write_bytes(OLD)
        disk = LosingDisk(path.parent, turn)
        with pytest.MonkeyPatch.context() as patch:
            Calls(patch, tmp_path, disk.before)
            with contextlib.suppress(PowerCut):
                write_atomically(path, NEW[:2], NEW[2:])
        seen.append(disk.content(path.name))
        if not disk.cut:
            break
    assert seen == [OLD] * (len(seen) - 1) + [NEW]
    assert len(seen) > 5


def test_fault_02_a_disk_that_loses_what_is_not_flushed_would_be_noticed(tmp_path, monkeypatch):
    """The test above fails, if nothing is flushed."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(OLD)
    disk = LosingDisk(tmp_path, None)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    Calls(monkeypatch, tmp_path, disk.before)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    write_atomically(path, NEW)
    assert disk.content(path.name) == OLD


def kill_a_saving_process(path: Path, kills: int) -> int:
    """How often a process that saves step after step was killed, each time with a whole file left behind."""
    model, random = network("lstm", hidden=8), np.random.default_rng(1)
    done = newest = 0
    for _ in range(kills):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            try:
                for step in range(newest + 1, newest + 10**6):
                    save_checkpoint(path, Checkpoint(model, {"step": step}))
                    os.write(writing, step.to_bytes(8, "big"))
            finally:
                os._exit(1)
        os.close(writing)
        os.read(reading, 8)  # it saves
        time.sleep(random.uniform(0, 0.01))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(reading, "rb") as said:
            acknowledged = said.read()
        step = load_checkpoint(path).metrics["step"]
        assert step >= newest + 1 + len(acknowledged) // 8
        newest, done = step, done + 1
    return done


def test_fault_14_a_rename_that_fails_between_two_disks_keeps_the_old_file(path, monkeypatch):
    """It cannot happen: the temporary file is in the folder of the file that it replaces."""
    seen = []

    def elsewhere(old: Path, new: Path) -> None:
        seen.append((Path(old).parent, Path(new).parent))
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "replace", elsewhere)
    with pytest.raises(EnvironmentFault):
        write_atomically(path, NEW)
    assert seen == [(path.parent, path.parent)]
    assert path.read_bytes() == OLD


FOLDER_IN_THE_WAY = (
    ("train", "corpus.txt", "--steps", 1, "--out", "corpus.txt"),
    ("visualize", "demo", "a text", "--dump", "folder"),
    ("visualize", "demo", "a text", "--html", "folder"),
    ("visualize", "demo", "a text", "--svg", "folder"),
    ("visualize", "demo", "a text", "--png", "folder"),
    ("compress", "corpus.txt", "--model", "demo", "--out", "folder"),
    ("embed", "demo", "corpus.txt", "--out", "folder"),
    ("context", "demo", "corpus.txt", "--png", "folder"),
    ("gates", "demo", "corpus.txt", "--png", "folder"),
    ("curve", "--png", "folder"),
)
"""Commands that are to write where a folder is, or below a file."""


@pytest.mark.parametrize("arguments", FOLDER_IN_THE_WAY, ids=lambda a: f"{a[0]} {a[-2]}")
def test_fault_09_a_folder_is_no_file_to_write(arguments, tmp_path, monkeypatch, capsys):
    (tmp_path / "corpus.txt").write_text(make_text(900), encoding="utf-8")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    result = call_charrnn(capsys, *arguments, status=2)
    assert "folder" in result.err
    assert listing(tmp_path) == ["corpus.txt", "folder"]
    assert listing(tmp_path / "folder") == []


@pytest.mark.parametrize(
    "kills", [10, pytest.param(200, marks=pytest.mark.long)], ids=["few", "many"]
)
def test_fault_01_a_process_that_is_killed_while_it_saves_leaves_a_whole_file_no_older_than_it_said(
    kills, tmp_path
):
    path = tmp_path / "last.safetensors"
    assert kill_a_saving_process(path, kills) == kills
    save_checkpoint(path, Checkpoint(network("lstm", hidden=8), {"step": 0}))
    assert listing(tmp_path) == [path.name]  # what the dead have left is removed by the next


def test_fault_13_a_folder_that_is_removed_while_a_run_trains_is_made_again(tmp_path):
    corpus, folder = make_corpus(tmp_path), tmp_path / "run"
    trainer = make_trainer(corpus, folder, saving=ALWAYS)
    for event in trainer.run():
        if isinstance(event, Step) and event.step == 9:
            shutil.rmtree(folder)
    assert load_checkpoint(folder / "last.safetensors").metrics["step"] == CONFIG.steps


def test_fault_17_a_checkpoint_that_is_read_while_it_is_saved_a_thousand_times_is_always_whole(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "fsync", lambda _: None)  # the disk need not be quick
    path, ended = tmp_path / "last.safetensors", threading.Event()
    models = [random_model("abc", kind=CharRNN, seed=k, hidden_size=4) for k in range(2)]

    def save() -> None:
        for step in range(1, 1001):
            save_checkpoint(path, Checkpoint(models[step % 2], {"step": step}))
        ended.set()

    save_checkpoint(path, Checkpoint(models[0], {"step": 0}))
    saving = threading.Thread(target=save)
    saving.start()
    steps = [0]
    while not ended.is_set():
        read = load_checkpoint(path)
        steps.append(read.metrics["step"])
        kept = models[steps[-1] % 2].weights
        assert all(np.array_equal(read.model.weights[name], w) for name, w in kept.items())
    saving.join()
    assert steps == sorted(steps)
    assert len(set(steps)) > 2


def test_fault_18_a_clock_that_jumps_changes_neither_the_saves_nor_the_steps(tmp_path, monkeypatch):
    corpus, real = make_corpus(tmp_path), time.time
    run_to_end(make_trainer(corpus, tmp_path / "steady"))
    jumps = iter([31_000_000 * (-1) ** k for k in range(10**6)])
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))
    run_to_end(make_trainer(corpus, tmp_path / "jumping", saving=SavingConfig(save_every=1e9)))
    assert tensors_in(tmp_path / "jumping") == tensors_in(tmp_path / "steady")
    assert load_checkpoint(tmp_path / "jumping" / "last.safetensors").metrics["seconds"] >= 0


def test_fault_20_a_disk_that_is_full_when_ctrl_c_comes_keeps_the_old_file_and_ends_by_the_signal(
    tmp_path,
):
    """The save that the signal asks for fails; the line says so, and the shell sees an interrupt."""
    (tmp_path / "corpus.txt").write_text(make_text(2000), encoding="utf-8")
    code = """
import errno, os, signal
import charrnn.training.trainer as t
real, full = os.fsync, []
def fsync(descriptor):
    if full:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    real(descriptor)
step = t.Trainer._step
def spied(self):
    made = step(self)
    if made.step == 5:
        self.files.wait()
        full.append(1)
        os.kill(os.getpid(), signal.SIGINT)
    return made
os.fsync, t.Trainer._step = fsync, spied
from charrnn.cli.app import main
main()
"""
    small = "--hidden-size 8 --batch-size 4 --sequence-length 9 --precision float32 --threads 1"
    line = f"train corpus.txt {small} --steps 50 --save-every 0 --no-counts"
    ended = subprocess.run(
        script(code, *line.split()),
        cwd=tmp_path,
        env=CLEAN,
        preexec_fn=own_signals,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGINT, ended
    assert "Traceback" not in ended.stderr
    assert os.strerror(errno.ENOSPC) in ended.stderr
    folder = tmp_path / "checkpoints" / "corpus"
    assert load_checkpoint(folder / "last.safetensors").metrics["step"] == 4
    assert not [name for name in listing(folder) if ".tmp-" in name]


def test_fault_69_a_run_that_the_kernel_kills_for_memory_goes_on_from_its_last_save(
    tmp_path, monkeypatch, capsys
):
    """The kernel frees memory by SIGKILL, which this process sends itself: row 1 is of saving, this of the whole run."""
    (tmp_path / "corpus.txt").write_text(make_text(2000), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    code = """
import os, signal
import charrnn.training.trainer as t
step = t.Trainer._step
def killed(self):
    made = step(self)
    if made.step == 5:
        self.files.wait()
        os.kill(os.getpid(), signal.SIGKILL)
    return made
t.Trainer._step = killed
from charrnn.cli.app import main
main()
"""
    small = "--hidden-size 8 --batch-size 4 --sequence-length 9 --precision float32 --threads 1"
    line = f"train corpus.txt {small} --seed 1 --steps 9 --save-every 0 --no-counts -q".split()
    ended = subprocess.run(script(code, *line), env=CLEAN, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended
    assert load_checkpoint(Path("checkpoints/corpus/last.safetensors")).metrics["step"] == 4
    call_charrnn(capsys, "train", "--resume", "-q")
    call_charrnn(capsys, *line, "--name", "whole")
    one, other = (tensors_in(Path("checkpoints") / name) for name in ("corpus", "whole"))
    assert one == other


@pytest.mark.long
def test_fault_66_a_run_that_is_stopped_and_continued_ends_as_if_it_had_not_been(tmp_path):
    """SIGSTOP, as a terminal's Ctrl-Z and a laptop that sleeps; the clock of the run does not count backwards."""
    (tmp_path / "corpus.txt").write_text(make_text(2000), encoding="utf-8")
    small = "--hidden-size 8 --batch-size 4 --sequence-length 9 --precision float32 --threads 1"
    line = f"train corpus.txt {small} --steps 400 --seed 1 --no-counts --no-baselines --name"

    def start(name: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command(*line.split(), name),
            cwd=tmp_path,
            env=CLEAN,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=own_signals,
        )

    whole, parts = start("whole"), start("parts")
    for _ in range(8):
        os.kill(parts.pid, signal.SIGSTOP)
        time.sleep(0.1)
        os.kill(parts.pid, signal.SIGCONT)
        time.sleep(0.3)
    for process in (whole, parts):
        assert process.communicate()[0] is None
        assert process.returncode == 0
    folders = (tmp_path / "checkpoints" / name for name in ("whole", "parts"))
    one, other = (load_checkpoint(folder / "last.safetensors") for folder in folders)
    assert all(np.array_equal(w, other.model.weights[n]) for n, w in one.model.weights.items())
    assert other.metrics["seconds"] >= 0


def no_room(path: Path, *_: bytes) -> None:
    raise environment_fault("write", path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))


def test_fault_19_metrics_that_cannot_be_written_cost_no_checkpoint_and_no_step(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("charrnn.training.metrics.write_atomically", no_room)
    config = dataclasses.replace(CONFIG, steps=8, eval_every=4)
    events = run_to_end(
        make_trainer(make_corpus(tmp_path), tmp_path / "run", config, saving=ALWAYS)
    )
    assert events[-1].finished
    assert load_checkpoint(tmp_path / "run" / "last.safetensors").metrics["step"] == config.steps
    assert load_checkpoint(tmp_path / "run" / "best.safetensors")
    failed = {str(event.fault) for event in events if isinstance(event, SaveFailed)}
    assert failed == {
        f"cannot write {tmp_path / 'run' / 'metrics.jsonl'}: {os.strerror(errno.ENOSPC)}"
    }
    monkeypatch.undo()
    longer = dataclasses.replace(config, steps=config.steps + 1)
    last = load_checkpoint(tmp_path / "run" / "last.safetensors")
    run_to_end(make_trainer(make_corpus(tmp_path), tmp_path / "run", longer, resume=last))
    assert load_rows(tmp_path / "run" / "metrics.jsonl")[-1]["step"] == longer.steps


def test_fault_19_that_metrics_cannot_be_written_is_said_once(tmp_path, monkeypatch, capsys):
    (tmp_path / "corpus.txt").write_text(make_text(900), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("charrnn.training.metrics.write_atomically", no_room)
    small = "--hidden-size 8 --batch-size 4 --sequence-length 9 --threads 1 --save-every 0"
    line = f"train corpus.txt {small} --steps 20 --eval-every 5 --no-counts --no-baselines"
    result = call_charrnn(capsys, *line.split())
    assert result.err.count("metrics.jsonl") == 1
    assert "training continues" in result.err


def test_fault_34_weights_that_are_no_numbers_are_refused_with_their_name_and_number(
    tmp_path, capsys
):
    """By `inspect` too: the error says all that it could show of such a file."""
    broken = network("lstm", hidden=8)
    broken.weights["rnn.weight_hh_l0"].flat[:17] = np.nan
    path = tmp_path / "broken.safetensors"
    save_checkpoint(path, Checkpoint(broken))
    lines = ("sample PATH --temp 0", "sample PATH", "inspect PATH", "visualize PATH text")
    for line in (*lines, "evaluate PATH corpus.txt", "export PATH program.c", "serve PATH"):
        result = call_charrnn(capsys, *line.replace("PATH", str(path)).split(), status=4)
        assert result.out == ""
        assert re.search(r"\b17\b.*\(rnn\.weight_hh_l0\)", result.err)


# --- the text ---------------------------------------------------------------------------------------------------------


def memory_of_reading(path: Path, cache: Path) -> int:
    """The most memory that is held while a text is read, in bytes."""
    tracemalloc.start()
    with in_small_parts():
        corpus = read_corpus([file_source(path)], CorpusConfig(), cache=cache)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(corpus.ids, np.memmap)
    return peak


def test_fault_55_the_memory_that_a_text_takes_does_not_grow_with_it(tmp_path):
    peaks = []
    for size in (2, 20):
        path = tmp_path / f"{size}.txt"
        path.write_text(make_text(10_000) * (100 * size), encoding="utf-8")
        peaks.append(memory_of_reading(path, tmp_path / "cache"))
    assert peaks[1] < peaks[0] + 3_000_000


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_fault_55_two_gigabytes_are_trained_on_in_one(tmp_path):
    """The benchmark starts a run on them under the limit, without and with an encoded text."""
    benchmark = Path(__file__).parent.parent / "benchmarks" / "gigabytes.py"
    line = [sys.executable, str(benchmark), str(tmp_path), "--gigabytes", "2", "--limit", "1"]
    ended = subprocess.run(line, env=CLEAN, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended
    assert "limit     1 GiB" in ended.stdout


@pytest.mark.parametrize("mapped", [False, True], ids=["in memory", "mapped"])
def test_fault_58_a_text_that_is_cut_off_while_a_run_trains_is_still_the_text(
    mapped, tmp_path, monkeypatch
):
    if mapped:
        monkeypatch.setattr("charrnn.text.numbering.MAX_IN_MEMORY", 5)
    corpus = make_corpus(tmp_path)
    run_to_end(make_trainer(corpus, tmp_path / "steady"))
    for event in make_trainer(corpus, tmp_path / "cut").run():
        if isinstance(event, Step) and event.step == 3:
            os.truncate(tmp_path / "corpus.txt", 10)
    assert tensors_in(tmp_path / "cut") == tensors_in(tmp_path / "steady")


@pytest.mark.parametrize(
    "length", [2_000_000, pytest.param(50_000_000, marks=pytest.mark.long)], ids=["2 MB", "50 MB"]
)
def test_fault_60_a_text_may_be_a_single_line(length, tmp_path):
    path = tmp_path / "line.txt"
    path.write_text("one line without an end " * (length // 24), encoding="utf-8")
    corpus = read_corpus([file_source(path)], CorpusConfig(), cache=tmp_path)
    assert len(corpus) == length // 24 * 24


def test_fault_51_a_text_of_very_many_characters_is_read(tmp_path):
    path = tmp_path / "many.txt"
    points = [*range(0x20, 0xD800), *range(0xE000, 0x1A000)]
    path.write_text("".join(map(chr, points)), encoding="utf-8")
    corpus = read_corpus([file_source(path)], CorpusConfig(), cache=tmp_path)
    assert len(corpus.vocabulary) > 100_000
    assert corpus.vocabulary.decode(corpus.ids[:9]) == path.read_text(encoding="utf-8")[:9]
    config = dataclasses.replace(CONFIG, steps=1, batch_size=2, sequence_length=8, eval_every=9)
    corpus = dataclasses.replace(corpus, config=CorpusConfig(val_fraction=0))
    shape = {"hidden_size": 4, "embedding_size": 2, "num_layers": 1}
    run_to_end(make_trainer(corpus, tmp_path / "run", config, shape=shape))
    model = load_checkpoint(tmp_path / "run" / "last.safetensors").model
    assert len("".join(sample(model, "", SamplingConfig(length=3, seed=1)))) == 3


# --- sampling ---------------------------------------------------------------------------------------------------------


def memory_of_sampling(model: Any, length: int) -> int:
    """How much more memory is held at most in the last nine tenths of a sample than in the first, in bytes."""
    pieces = sample(model, "", SamplingConfig(length=length, seed=1))
    tracemalloc.start()
    for _ in itertools.islice(pieces, length // 10):
        pass
    _, first = tracemalloc.get_traced_memory()
    for _ in pieces:
        pass
    _, whole = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return whole - first


def test_fault_76_the_memory_of_a_sample_does_not_grow_with_it(tiny_model, tiny_mixed):
    assert memory_of_sampling(tiny_model, 3000) < 100_000
    assert memory_of_sampling(tiny_mixed, 3000) < 30_000_000  # predictions of the counts are kept


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_fault_76_ten_million_characters_take_no_memory(tiny_model):
    """Half a byte for each would be seen in what the process holds; tracing it takes three times as long."""
    pieces = sample(tiny_model, "", SamplingConfig(length=10**7, seed=1))
    for _ in itertools.islice(pieces, 10**6):
        pass
    first = resident()
    for _ in pieces:
        pass
    assert resident() < first + 5_000_000


def resident() -> int:
    """The bytes of memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_fault_76_a_length_may_be_zero_but_not_below(workplace, capsys, monkeypatch):
    monkeypatch.chdir(workplace)
    assert call_charrnn(capsys, "sample", "tiny", "--length", 0, "-q").out == ""
    assert "--length" in call_charrnn(capsys, "sample", "tiny", "--length", -1, status=2).err


def test_fault_76_a_sample_of_any_length_is_written_while_it_is_made(workplace):
    line = "charrnn sample tiny --length 1000000000000 --seed 1 | head -c 3000"
    ended = run_shell(line, workplace)
    assert len(ended.stdout) == 3000
    assert ended.stderr.count(b"\n") == 1  # its temperature and seed


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_fault_87_a_million_characters_have_no_value_that_is_not_finite(tiny_model):
    text = "".join(sample(tiny_model, "", SamplingConfig(length=10**6, seed=1)))
    assert len(text) == 10**6
    state = tiny_model.initial_state(1)
    for ids in np.array_split(tiny_model.vocabulary.encode(text), 100):
        logits, state = tiny_model.run(ids[:, None], state)
        assert np.isfinite(logits).all()
        assert all(np.isfinite(values).all() for layer in state for values in layer)


# --- the list ---------------------------------------------------------------------------------------------------------


def test_every_fault_has_a_test_of_its_number():
    """The faults are 87, and `pytest -k fault_07` runs the tests of one."""
    files = Path(__file__).parent.rglob("test_*.py")
    named = {
        int(number)
        for path in files
        for number in re.findall(
            r"^def test_fault_(\d\d)_", path.read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    assert named == {*range(1, 88)}
