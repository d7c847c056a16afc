"""Several processes that train one network: they do what one does, and end together."""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rank_jobs
import torch
from helpers import CLEAN, call_charrnn, command, make_text, own_signals, program, script
from hypothesis import given
from hypothesis import strategies as st
from trainers import tensors_in

import charrnn
from charrnn.checkpoint import load_summary
from charrnn.cli.terminal import UNREPORTED
from charrnn.cli.train import processes
from charrnn.errors import DataError, EnvironmentFault, SettingError, UsageError
from charrnn.runs import LAST
from charrnn.training import ranks
from charrnn.training.messages import packed, unpacked
from charrnn.training.pairs.alignments.ctc import CtcTargets
from charrnn.training.pairs.inputs import PairInputs
from charrnn.training.parameters import LockedDropout
from charrnn.training.place import ADDRESS, Meeting, Place, place_in, places_here, share
from charrnn.training.ranks import require_devices
from charrnn.training.replica import rows_in, rows_of
from charrnn.training.speed import Together

MEASURED = ("--threads", 1, "--precision", "float32", "--kernel", "fused", "--no-counts")
"""Settings that a plan would otherwise choose by measurement."""
TORCHRUN = {"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}

# --- the parts -------------------------------------------------------------------------------------------------------


def test_a_process_finds_its_place_where_torchrun_puts_it():
    assert place_in(TORCHRUN) == Place(3, 8, 1, 2)
    assert place_in(Place(3, 8, 1, 2).variables) == Place(3, 8, 1, 2)
    assert place_in({"RANK": "1", "WORLD_SIZE": "2"}) == Place(1, 2, 1, 2)
    assert place_in({}) is place_in({"RANK": "0", "WORLD_SIZE": "1"}) is None


@pytest.mark.parametrize("change", [{"RANK": "x"}, {"RANK": "8"}, {"LOCAL_RANK": "2"}], ids=str)
def test_an_environment_that_describes_no_place_is_refused(change, wording):
    with wording.raises(UsageError):
        place_in(TORCHRUN | change)


@given(st.integers(1, 9), st.integers(1, 99))
def test_all_rows_are_dealt_in_order_and_rank_0_has_one_at_least(size, num_rows):
    shares = [share(rank, size, num_rows) for rank in range(size)]
    dealt = [row for rows in shares for row in range(num_rows)[rows]]
    assert dealt == list(range(num_rows))
    assert shares[0].stop > 0
    sizes = [rows.stop - rows.start for rows in shares]
    assert max(sizes) - min(sizes) <= 1


def test_a_message_arrives_as_it_was_sent():
    inputs = PairInputs(
        *(np.arange(6).reshape(2, 3), np.arange(3), np.ones((2, 3)), np.ones((0, 3)))
    )
    targets = CtcTargets(np.arange(12).reshape(3, 4), np.arange(3), np.arange(3))
    sent = {
        "batch": (inputs, targets),
        "rate": 0.5,
        "every": None,
        "arrays": {"a.b": np.float32([1])},
    }
    call, got = unpacked(packed("step", sent))
    assert (call, got.keys()) == ("step", sent.keys())
    assert [type(part) for part in got["batch"]] == [PairInputs, CtcTargets]
    for part, was in zip(got["batch"], sent["batch"], strict=True):
        for one, other in zip(part, was, strict=True):
            np.testing.assert_array_equal(one, other)
            assert getattr(one, "dtype", None) == getattr(other, "dtype", None)
    assert (got["rate"], got["every"], got["arrays"]["a.b"].dtype) == (0.5, None, np.float32)
    cut = rows_of((inputs, targets), slice(1, 3))
    assert rows_in(cut[0]) == 2
    assert cut[1].targets.shape == (2, 4)


def test_a_rank_draws_its_part_of_the_mask_of_all_rows():
    dropout, x = LockedDropout(0.5), torch.ones(4, 6, 5)
    torch.manual_seed(1)
    whole = dropout(x)
    dropout.rows = 6, slice(2, 5)
    torch.manual_seed(1)
    assert torch.equal(dropout(x[:, 2:5]), whole[:, 2:5])


def test_the_plan_says_what_processes_are_worth(wording):
    together = [0.1, 0.12, 0.1]
    faster, slower = Together(2, together, [0.15] * 3, 2), Together(2, together, [0.08] * 3, 2)
    for worth in (faster, slower, Together(4, together, [0.3] * 3, 0)):
        wording(worth.sentence)
    assert "1.5 times" in faster.sentence
    assert "0.8 times" in slower.sentence
    assert slower.sentence.endswith(": one is faster here")
    assert Together(2, together, [0.1] * 3, 2).sentence.endswith(": one is as fast here")


def test_the_plan_gives_no_figure_where_the_trials_differ(wording):
    noisy, impossible = Together(2, [0.1, 0.14, 0.1], [0.15] * 3, 2), Together(2, [0.1], [0.25], 2)
    wording(noisy.sentence)
    assert impossible.sentence == noisy.sentence


def test_processes_that_cannot_have_a_gpu_each_are_refused(monkeypatch, wording):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    place = Place(0, 2, 0, 2)
    require_devices("cpu", place)
    with wording.raises(SettingError):
        require_devices("cuda:0", place)
    with wording.raises(EnvironmentFault):
        require_devices("cuda", place)


# --- two ranks, and four ---------------------------------------------------------------------------------------------


def run_jobs(folder, *arguments):
    """Run the jobs in their processes; the results of two ranks, and of four."""
    line = script("import rank_jobs; rank_jobs.main()", folder, *arguments)
    ended = subprocess.run(line, capture_output=True, text=True, timeout=200, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*/results.json"))]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """What two ranks did, what four did, and the folder of it all."""
    folder = tmp_path_factory.mktemp("ranks")
    return *run_jobs(folder), folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The same trainings in one process."""
    return rank_jobs.all_runs(tmp_path_factory.mktemp("alone"))


def test_two_ranks_train_as_one_process_does(done, alone):
    assert done[0]["ranks"] == pytest.approx(alone, abs=1e-4)


def test_two_runs_of_two_ranks_are_the_same_bit_for_bit(done):
    assert done[0]["same bits"]


def test_a_run_of_two_ranks_is_resumed_by_two_by_four_and_by_one(done, tmp_path):
    two, four, folder = done
    assert two["resumed"] == two["ranks"]["text"]
    assert four["resumed"] == pytest.approx(two["ranks"]["text"], abs=1e-4)
    assert rank_jobs.resumed(tmp_path, folder / "2") == pytest.approx(four["resumed"], abs=1e-4)


def test_an_error_of_another_rank_is_reported_with_its_number(done):
    message, hint, status = done[0]["failure"]
    assert message.startswith("rank 1: ")
    assert (hint, status) == ("plug them in", 6)


@pytest.mark.long
def test_after_300_steps_two_ranks_are_within_a_thousandth_of_a_bit(tmp_path):
    [bits] = run_jobs(tmp_path, "long")
    (tmp_path / "alone").mkdir()
    assert bits == pytest.approx(rank_jobs.long_run(tmp_path / "alone"), abs=1e-3)


# --- the command -----------------------------------------------------------------------------------------------------


def process_of(rank, launcher):
    """The process that the launcher has started as this rank."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    return next(
        int(child)
        for child in children
        if f"\0RANK={rank}\0".encode() in Path(f"/proc/{child}/environ").read_bytes()
    )


@pytest.mark.long
def test_torchrun_starts_the_run_that_processes_start(tmp_path):
    (tmp_path / "corpus.txt").write_text(make_text(3000))
    size = ("--hidden-size", 8, "--layers", 1, "--steps", 20, "--seed", 1, "--no-baselines")
    line = ("train", "corpus.txt", *size, *MEASURED)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    started = {
        "ours": command(*line, "--name", "ours", "--processes", 2),
        "torchrun": [*torchrun, "-m", "charrnn", *map(str, (*line, "--name", "torchrun"))],
    }
    kept = []
    for name, words in started.items():
        subprocess.run(words, cwd=tmp_path, env=CLEAN, capture_output=True, check=True)
        kept.append(tensors_in(tmp_path / "checkpoints" / name))
    assert kept[0] == kept[1]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
def test_fault_73_when_a_rank_is_killed_all_end_and_the_run_is_resumed(
    tmp_path, monkeypatch, capsys, wording
):
    (tmp_path / "corpus.txt").write_text(make_text(3000))
    monkeypatch.chdir(tmp_path)
    size = ("--hidden-size", 8, "--layers", 1, "--steps", 20_000, "--save-every-steps", 1)
    line = ("train", "corpus.txt", *size, "--eval-every", 5, "--processes", 2, *MEASURED)
    started = subprocess.Popen(
        command(*map(str, line)),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=own_signals,
    )
    folder = tmp_path / "checkpoints" / "corpus"
    seen, killed = [], None
    for text in started.stderr:
        seen.append(text)
        if not killed and text.startswith("step ") and load_summary(folder / LAST).metrics["step"]:
            killed = time.monotonic()
            os.kill(process_of(1, started.pid), signal.SIGKILL)
    started.stderr.close()
    assert started.wait(timeout=60) == 6
    assert time.monotonic() - killed < 60  # torch itself waits for minutes
    errors = [text for text in seen if text.startswith("charrnn: ")]
    assert len(errors) == 1
    wording(errors[0])
    assert any(text.startswith("plan        2 processes: ") for text in seen)
    reached = load_summary(folder / LAST).metrics["step"]
    assert reached >= 1
    call_charrnn(
        capsys,
        "train",
        "--resume",
        "--name",
        "corpus",
        "--steps",
        reached + 3,
        "-q",
        "--no-baselines",
    )
    assert load_summary(folder / LAST).metrics["step"] == reached + 3


def test_a_rank_0_that_was_killed_is_reported_by_the_launcher(monkeypatch, wording):
    for name in ("SECONDS_TO_END", "SECONDS_TO_REPORT"):
        monkeypatch.setattr(processes, name, 0.2)
    lost, idle, failed = ["sh", "-c", "kill -9 $$"], ["sleep", "60"], ["sh", "-c", "exit 3"]
    silent = ["sh", "-c", f"exit {UNREPORTED}"]
    for lines in ([lost, idle], [idle, failed], [silent, failed, lost]):
        started = [subprocess.Popen(line) for line in lines]
        with wording.raises(EnvironmentFault):
            processes._end_of(started)
        for process in started:
            process.kill()
            process.wait()
    good = [subprocess.Popen(line) for line in (failed, ["true"])]
    assert processes._end_of(good) == 3


def test_a_signal_that_ends_the_run_wakes_the_processes_that_were_stopped():
    started = [subprocess.Popen(line) for line in (["sleep", "60"], ["sh", "-c", "kill -STOP $$"])]
    os.waitid(os.P_PID, started[1].pid, os.WSTOPPED)
    with processes._handing_on(started):
        os.kill(os.getpid(), signal.SIGTERM)
    assert [process.wait(timeout=60) for process in started] == [-signal.SIGTERM, 0]


def test_a_rank_that_srun_has_started_ends_when_rank_0_ends_early(tmp_path):
    started = [
        subprocess.Popen(
            program("train", "missing.txt"),
            cwd=tmp_path,
            env=os.environ | place.variables,
            stderr=subprocess.PIPE,
            text=True,
        )
        for place in places_here(2)
    ]
    errors = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [DataError.exit_status, 0]
    assert errors[0].startswith("charrnn: cannot read 'missing.txt'")
    assert errors[1] == ""


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_does_not_wait_long_for_another_that_does_not_start(rank, monkeypatch, wording):
    monkeypatch.setattr(ranks, "CONNECT", dt.timedelta(seconds=1))
    meeting = Meeting(ADDRESS, str(rank))  # 0: any free port; 1: one that no process has
    with wording.raises(EnvironmentFault):
        ranks.met(Place(rank, 2, rank, 2, meeting))


def test_a_rank_whose_launcher_has_gone_does_not_wait_for_the_others():
    reading, writing = os.pipe()
    code = "import os, sys; sys.path[:] = {!r}; from charrnn.training.follower import follow"
    code += "; from charrnn.training.place import *; follow(places_here(2)[1], print, print, os._exit, {})"
    waiting = subprocess.Popen(
        [sys.executable, "-c", code.format(sys.path, reading)], pass_fds=[reading]
    )
    os.close(reading)
    os.close(writing)
    assert waiting.wait(timeout=60) == EnvironmentFault.exit_status


@pytest.mark.long
def test_the_library_trains_in_two_processes_as_in_one(tmp_path):
    shape = {"hidden_size": 6, "num_layers": 1, "batch_size": 4, "sequence_length": 8}
    arithmetic = {"precision": "float32", "kernel": "fused", "threads": 1, "seed": 1}
    settings = {**shape, **arithmetic, "steps": 4, "eval_every": 2}
    text = make_text(3000)
    threads = torch.get_num_threads()
    run = charrnn.train(text, name="two", out=tmp_path, processes=2, **settings)
    with pytest.raises(UsageError):
        charrnn.train(text, **settings)
    for _ in run:
        pass
    alone = charrnn.train(text, name="one", out=tmp_path, **settings)
    alone.finish()
    losses = [r.metrics[-1]["val_nats_per_char"] for r in (run, alone)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    assert torch.get_num_threads() == threads
    more = charrnn.train(text, name="two", out=tmp_path, resume=True, processes=2, steps=6)
    more.finish()
    assert more.metrics[-1]["step"] == 6


def test_a_number_of_processes_that_torchrun_did_not_start_is_refused(monkeypatch, wording):
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    with wording.raises(SettingError):
        processes.several(2)
