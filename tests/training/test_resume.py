"""What survives an interruption, however it comes; saving, keeping, stopping early, and going back after diverging."""

import dataclasses
import math
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from helpers import CLEAN, call_charrnn, make_text, own_signals, precisions, program, script
from trainers import CONFIG, make_corpus, make_trainer
from variants import seldom

import charrnn
from charrnn.checkpoint import load_checkpoint, save_checkpoint
from charrnn.cli.progress import Stopper
from charrnn.config import CorpusConfig, SavingConfig
from charrnn.errors import DivergedError, EnvironmentFault
from charrnn.training import run_folder
from charrnn.training.events import Evaluated, RolledBack, Saved, SaveFailed, Step, Stopped
from charrnn.training.metrics import load_rows
from charrnn.training.record import training_settings
from charrnn.training.replica import Replica
from charrnn.training.resume import differences
from charrnn.training.rollback import MAX_HALVINGS
from charrnn.training.run_folder import older_name
from charrnn.training.trainer import Trainer

EPOCH = 21
SHORT = dataclasses.replace(CONFIG, steps=9, eval_every=4)
ALWAYS, NEVER = SavingConfig(save_every=0), SavingConfig(save_every=1e9)
LAST, BEST = "last.safetensors", "best.safetensors"


@pytest.fixture
def corpus(tmp_path):
    return make_corpus(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a run leaves that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    run(continued(make_corpus(folder), folder / "run"))
    return contents(folder / "run")


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    """What a run leaves that nothing interrupts, though it diverges twice or thrice."""
    folder = tmp_path_factory.mktemp("spoilt")
    events = run(continued(make_corpus(folder), folder / "run"), spoilt=twice_or_thrice)
    assert rollbacks(events) == [(18, 14, 1), (23, 21, 2), (24, 21, 3)]
    return contents(folder / "run")


def continued(corpus, folder, *, config=CONFIG, saving=NEVER, **more):
    """The trainer of a run in this folder: a new one, or the one that is there."""
    last = folder / LAST
    resume = load_checkpoint(last) if last.exists() else None
    return make_trainer(corpus, folder, config, resume=resume, saving=saving, **more)


def run(trainer, *, stop_at=None, kill_at=None, spoilt=lambda _step, _halvings: False):
    """All events; the weights become NaN after the steps that are to be spoilt. A kill lets nothing more happen."""
    events = []
    for event in trainer.run():
        events.append(event)
        if not isinstance(event, Step):
            continue
        if spoilt(event.step, trainer.progress.halvings):
            with torch.no_grad():
                trainer.network.head.weight[0, 0] = math.nan
        if event.step == stop_at:
            trainer.stop_requested = True
        if event.step == kill_at:
            break
    return events


def without_clocks(path):
    loaded = load_checkpoint(path)
    tensors = {**loaded.model.weights, **loaded.training}
    measures = {k: v for k, v in loaded.metrics.items() if k != "seconds"}
    arrays = {name: (a.dtype.str, a.shape, a.tobytes()) for name, a in tensors.items()}
    return arrays, measures, loaded.run


def contents(folder):
    """All that a run leaves, but for the clock: the checkpoints to the last byte, and the metrics."""
    rows = [{k: v for k, v in r.items() if k != "seconds"} for r in metrics(folder)]
    return without_clocks(folder / LAST), without_clocks(folder / BEST), rows


def metrics(folder):
    return load_rows(folder / "metrics.jsonl")


def step_of(path):
    return load_checkpoint(path).metrics["step"]


# --- interruptions ----------------------------------------------------------------------------------------------------


@pytest.fixture
def heard():
    """Signals reach this process, even if the test runner was started in the background and ignores some."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    own_signals()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "stops"),
    [
        (signal.SIGINT, (3, 14, EPOCH)),
        (signal.SIGTERM, (10,)),
        (signal.SIGHUP, (EPOCH,)),
        *(seldom(signal.SIGINT, (stop,)) for stop in (10, EPOCH)),
    ],
    ids=str,
)
def test_fault_64_a_run_that_signals_stopped_ends_with_the_same_bytes(
    corpus, tmp_path, number, stops, heard, whole
):
    """In the middle of an epoch, at its edge, once and three times; with dropout."""
    assert continued(corpus, tmp_path / "new").batches.steps_per_epoch == EPOCH
    for stop in (*stops, None):
        trainer = continued(corpus, tmp_path / "parts")
        with Stopper() as stopper:
            stopper.watch(trainer)
            for event in trainer.run():
                if isinstance(event, Step) and event.step == stop:
                    signal.raise_signal(number)
        assert stopper.signal_number == (number if stop else None)
        assert trainer.progress.step == (stop or CONFIG.steps)
    assert contents(tmp_path / "parts") == whole


@pytest.mark.parametrize(
    ("precision", "kernel"),
    [
        ("float32", "loop"),
        seldom("float32", "fused"),
        *((precision, "fused") for precision in precisions()[1:]),
        *(seldom(precision, "loop") for precision in precisions()[1:]),
    ],
)
def test_saving_at_every_step_or_never_gives_the_same_bytes(corpus, tmp_path, precision, kernel):
    config = dataclasses.replace(CONFIG, precision=precision, kernel=kernel)
    run(continued(corpus, tmp_path / "never", config=config))
    run(continued(corpus, tmp_path / "always", config=config, saving=ALWAYS))
    for kill in (1, 8, 14, 20):
        run(continued(corpus, tmp_path / "killed", config=config, saving=ALWAYS), kill_at=kill)
    run(continued(corpus, tmp_path / "killed", config=config, saving=ALWAYS))
    assert contents(tmp_path / "never") == contents(tmp_path / "always")
    assert contents(tmp_path / "never") == contents(tmp_path / "killed")


def test_a_run_whose_best_checkpoint_was_removed_keeps_the_best_of_what_follows(corpus, tmp_path):
    run(continued(corpus, tmp_path / "run"), stop_at=22)
    (tmp_path / "run" / BEST).unlink()
    trainer = continued(corpus, tmp_path / "run")
    trainer.validate = lambda: 1e3  # no later one is better
    trainer._loss_limit = math.inf
    assert any(isinstance(event, Evaluated) and event.is_best for event in run(trainer))
    assert step_of(tmp_path / "run" / BEST) == trainer.progress.best_step == 24


CALLS = ("open", "fsync", "replace", "link", "unlink")
"""What saving asks of the system."""


def die_at_call(number):
    """Let this process be killed before it asks the system for the n-th thing."""
    left = [number]

    def counted(real):
        def call(*arguments, **options):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return call

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))


def in_child(work):
    """Do some work in a fork of this process. Give its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def die_again_and_again(folder):
    """Runs that are killed until they come to their end; see the test below. To be called in a process of its own."""
    corpus = make_corpus(folder)
    run(continued(corpus, folder / "whole", config=SHORT))  # and all that is imported late is
    saving = SavingConfig(save_every=0, keep=1)
    deaths = {}

    def go_on(name):
        run(continued(corpus, folder / name, config=SHORT, saving=saving))

    def count(name, child):
        _, status = os.waitpid(child, 0)
        assert status in (0, signal.SIGKILL), status
        deaths[name] = deaths.get(name, 0) + bool(status)
        return status

    number, status = 0, 1
    while status:
        number += 1

        def work(number=number):
            die_at_call(number)
            go_on("calls")

        status = count("calls", in_child(work))
    draw = random.Random(1)
    for _ in range(9):
        child = in_child(lambda: go_on("times"))
        time.sleep(draw.uniform(0, 0.1))
        os.kill(child, signal.SIGKILL)
        count("times", child)
    assert count("times", in_child(lambda: go_on("times"))) == 0
    sys.stdout.write(f"{deaths['calls']} {deaths['times']}")


def test_fault_01_kills_at_every_call_to_the_system_and_at_any_time_change_no_byte(tmp_path):
    """The k-th attempt dies before its k-th call, be it in the middle of a save; the next goes on with what is there."""
    code = (
        "import sys, pathlib; sys.path.append('.'); import test_resume as t;"
        "t.die_again_and_again(pathlib.Path(sys.argv[1]))"
    )
    done = subprocess.run(
        script(code, tmp_path),
        cwd=Path(__file__).parent,
        env=CLEAN,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    by_calls, by_time = map(int, done.stdout.split())
    assert by_calls > 15
    assert by_time > 0  # how many depends on the machine
    for name in ("calls", "times"):
        (last, measures, about), *rest = contents(tmp_path / name)
        del measures["kept"]
        assert ((last, measures, about), *rest) == contents(tmp_path / "whole")


def test_fault_63_a_second_ctrl_c_quits_at_once_in_the_middle_of_a_save(tmp_path):
    """The save that the first one asked for never ends; what was kept before is whole."""
    (tmp_path / "corpus.txt").write_text(make_text(2000), encoding="utf-8")
    code = """
import os, signal, sys, time
import charrnn.checkpoint, charrnn.training.trainer as t
real, asked = os.fsync, []
def fsync(descriptor):
    if asked:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
    real(descriptor)
step = t.Trainer._step
def spied(self):
    made = step(self)
    if made.step == 5:
        asked.append(1)
        os.kill(os.getpid(), signal.SIGINT)
    return made
os.fsync, t.Trainer._step = fsync, spied
from charrnn.cli.app import main
main()
"""
    small = (
        "--hidden-size",
        8,
        "--batch-size",
        4,
        "--sequence-length",
        9,
        "--precision",
        "float32",
    )
    options = ("corpus.txt", *small, "--threads", 1, "--steps", 50, "--save-every", 0)
    done = subprocess.run(
        script(code, "train", *options),
        cwd=tmp_path,
        env=CLEAN,
        capture_output=True,
        preexec_fn=own_signals,
        check=False,
    )
    assert done.returncode == -signal.SIGINT, done
    folder = tmp_path / "checkpoints" / "corpus"
    assert step_of(folder / LAST) == 4
    assert list(folder.glob(".*.tmp-*"))


def test_ctrl_c_stops_a_shells_loop(tmp_path):
    (tmp_path / "corpus.txt").write_text(make_text(2000), encoding="utf-8")
    small = ("--hidden-size", 8, "--precision", "float32", "--threads", 1, "--steps", 10**6)
    line = shlex.join(program("train", "corpus.txt", *small, "--save-every", 0))
    shell = subprocess.Popen(
        ["bash", "-c", f"for i in 1 2 3; do {line} --name run$i; done; echo went on"],
        cwd=tmp_path,
        env=CLEAN,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=own_signals,
        start_new_session=True,
    )
    last = tmp_path / "checkpoints" / "run1" / LAST
    deadline = time.monotonic() + 200
    while not (last.exists() and step_of(last)):
        assert shell.poll() is None, shell.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(shell.pid, signal.SIGINT)
    out, _ = shell.communicate(timeout=100)
    assert (shell.returncode, out) == (-signal.SIGINT, b"")
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["run1"]


# --- saving and keeping -----------------------------------------------------------------------------------------------


def test_the_clock_decides_when_to_save_and_the_end_is_always_saved(corpus, tmp_path):
    now, saved = [0.0], []
    saving = SavingConfig(save_every=2)
    trainer = continued(corpus, tmp_path / "run", saving=saving, clock=lambda: now[0])
    for event in trainer.run():
        trainer.files.wait()  # no save waits for the one before
        if isinstance(event, Step):
            now[0] += 25
        elif isinstance(event, Saved) and event.path.name == LAST:
            saved.append(event.step)
    assert saved == [0, 5, 10, 15, 20, 24]


def test_a_save_that_failed_is_tried_again_in_its_time(corpus, tmp_path, monkeypatch):
    real = run_folder.save_checkpoint

    def full(path, checkpoint):
        if path.name == LAST and checkpoint.metrics["step"] in (5, 6):
            raise EnvironmentFault("No space left on device")
        return real(path, checkpoint)

    monkeypatch.setattr(run_folder, "save_checkpoint", full)
    folder, seen = tmp_path / "run", []
    trainer = continued(corpus, folder, saving=SavingConfig(save_every=0, keep=99))
    for event in trainer.run():
        seen.append(event)
        if isinstance(event, SaveFailed):
            assert step_of(folder / LAST) == 4
    assert sum(isinstance(e, SaveFailed) for e in seen) == 2
    assert seen[-1] == Stopped(24, finished=True)
    assert not (folder / older_name(5)).exists()
    assert step_of(folder / older_name(4)) == 4


@pytest.mark.parametrize("links", [True, False])
def test_so_many_older_checkpoints_are_kept_and_no_other_file_is_touched(
    corpus, tmp_path, monkeypatch, links
):
    if not links:

        def refuse(*_):
            raise OSError("no links here")

        monkeypatch.setattr(os, "link", refuse)
    folder, mine = tmp_path / "run", b"not a checkpoint"
    folder.mkdir()
    foreign = [folder / older_name(step) for step in (3, 99)]
    for path in foreign:
        path.write_bytes(mine)
    saving = SavingConfig(save_every=0, keep=2)
    run(continued(corpus, folder, saving=saving), stop_at=6)
    ours = [folder / older_name(step) for step in (4, 5)]
    assert sorted(folder.glob("step-*")) == sorted([*foreign, *ours])
    assert [step_of(path) for path in ours] == [4, 5]
    run(continued(corpus, folder, saving=saving), stop_at=8)
    ours = [folder / older_name(step) for step in (6, 7)]
    assert sorted(folder.glob("step-*")) == sorted([*foreign, *ours])
    assert all(path.read_bytes() == mine for path in foreign)
    run(continued(corpus, folder))  # not asked to keep any: those that there are stay
    assert sorted(folder.glob("step-*")) == sorted([*foreign, *ours])
    assert charrnn.load(ours[0]).sample(length=3, seed=1)


# --- stopping early ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [None, 16])
def test_a_run_ends_when_its_patience_does(corpus, tmp_path, monkeypatch, stop):
    losses = {7: 2.0, 14: 1.0, 21: 1.0, 28: 3.0, 35: 0.5}
    monkeypatch.setattr(Trainer, "validate", lambda self: losses[self.progress.step])
    config = dataclasses.replace(CONFIG, steps=100, patience=2)
    run(continued(corpus, tmp_path / "run", config=config), stop_at=stop)
    trainer = continued(corpus, tmp_path / "run", config=config)
    if stop is None:
        assert trainer.finished
        assert trainer.stopped_early
        assert run(trainer)[-1] == Stopped(28, finished=True, early=True)
        return
    assert run(trainer)[-1] == Stopped(28, finished=True, early=True)
    assert step_of(tmp_path / "run" / BEST) == 14
    run(continued(corpus, tmp_path / "whole", config=config))
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


def test_patience_that_ends_with_the_last_step_ends_nothing_early(corpus, tmp_path, monkeypatch):
    losses = {7: 2.0, 14: 1.0, 21: 1.5, 24: 1.5}
    monkeypatch.setattr(Trainer, "validate", lambda self: losses[self.progress.step])
    config = dataclasses.replace(CONFIG, patience=2)
    assert run(continued(corpus, tmp_path / "run", config=config))[-1] == Stopped(24, True)


# --- diverging --------------------------------------------------------------------------------------------------------


def rollbacks(events):
    return [(e.step, e.to_step, e.halvings) for e in events if isinstance(e, RolledBack)]


@pytest.mark.parametrize("spoilt_after", [2, 8, 13, 20])
def test_a_run_that_diverges_once_goes_on_from_its_latest_evaluation_with_half_the_rate(
    corpus, tmp_path, spoilt_after
):
    """Noticed at the next step's loss, or (13, 20: the next step is evaluated) with it."""
    folder = tmp_path / "run"
    events = run(
        continued(corpus, folder), spoilt=lambda step, times: step == spoilt_after and not times
    )
    back = spoilt_after // 7 * 7
    assert rollbacks(events) == [(spoilt_after + 1, back, 1)]
    assert events[-1] == Stopped(24, finished=True)
    rows = metrics(folder)
    assert [r["step"] for r in rows] == [7, 14, 21, 24]
    assert [r["halvings"] for r in rows] == [int(s > back) for s in (7, 14, 21, 24)]
    run(continued(corpus, tmp_path / "good"))
    for row, good in zip(rows, metrics(tmp_path / "good"), strict=True):
        assert row["learning_rate"] == good["learning_rate"] / 2 ** row["halvings"]
        assert (row["train_nats_per_char"] == good["train_nats_per_char"]) == (row["step"] <= back)
    assert load_checkpoint(folder / LAST).metrics["halvings"] == 1


SPOILT = {(17, 0), (9, 1), (22, 1), (23, 2)}
"""Steps, and how often the rate had been halved by then; (9, 1) never comes."""


def twice_or_thrice(step, times):
    return (step, times) in SPOILT


@pytest.mark.parametrize("saving", [ALWAYS, NEVER], ids=["always", "never"])
@pytest.mark.parametrize("stops", [(16,), (17,), (18, 17), (14, 22, 22)], ids=str)
def test_where_a_run_goes_back_to_depends_neither_on_stops_nor_on_the_clock(
    corpus, tmp_path, stops, saving, spoilt
):
    """Stops before, at and after a step that spoils the weights."""
    for stop in (*stops, None):
        trainer = continued(corpus, tmp_path / "parts", saving=saving)
        run(trainer, stop_at=stop, spoilt=twice_or_thrice)
    assert contents(tmp_path / "parts") == spoilt


@pytest.mark.parametrize("kills", [(16, 17, 15), (3, 22, 22, 23)], ids=str)
def test_a_run_that_is_killed_goes_back_to_the_same_point(corpus, tmp_path, kills, spoilt):
    for kill in (*kills, None):
        trainer = continued(corpus, tmp_path / "parts", saving=ALWAYS)
        run(trainer, kill_at=kill, spoilt=twice_or_thrice)
    assert contents(tmp_path / "parts") == spoilt


@pytest.mark.parametrize(
    ("spoilt_after", "val_fraction"),
    [
        *((4, 0.1), (8, 0), (13, 0.1), (20, 0.1)),
        *(seldom(after, fraction) for after, fraction in ((4, 0), (8, 0.1), (13, 0), (20, 0))),
    ],
)
def test_fault_67_a_run_that_always_diverges_gives_up_and_leaves_good_checkpoints_alone(
    corpus, tmp_path, spoilt_after, val_fraction
):
    corpus = dataclasses.replace(corpus, config=CorpusConfig(val_fraction=val_fraction))
    folder, seen = tmp_path / "run", []
    trainer = continued(corpus, folder, saving=ALWAYS)
    with pytest.raises(DivergedError) as caught:
        for event in trainer.run():
            seen.append(event)
            if isinstance(event, Step) and event.step == spoilt_after:
                with torch.no_grad():
                    trainer.network.head.weight[0, 0] = math.nan
    back = spoilt_after // 7 * 7
    assert [(to, n) for _, to, n in rollbacks(seen)] == [(back, n + 1) for n in range(MAX_HALVINGS)]
    assert "learning_rate" in caught.value.hint
    assert "halved 3 times, to 0.0025" in caught.value.message
    assert (f"of step {back}" in caught.value.message) == (back > 0)
    assert (folder / BEST).exists() == (folder / LAST).exists() == (back > 0)
    if back:
        assert step_of(folder / BEST) == back
        assert back <= step_of(folder / LAST) < spoilt_after
        with pytest.raises(DivergedError):  # going on comes to the same end
            run(continued(corpus, folder), spoilt=lambda step, _: step == spoilt_after)


@pytest.mark.parametrize("how", ["stop", "evaluate", "save"])
def test_weights_that_are_not_finite_are_never_saved(corpus, tmp_path, how):
    folder, seen = tmp_path / "run", []
    config = dataclasses.replace(CONFIG, eval_every=7 if how == "evaluate" else 10)
    saving = ALWAYS if how == "save" else NEVER
    trainer = continued(corpus, folder, config=config, saving=saving)
    for event in trainer.run():
        seen.append(event)
        if isinstance(event, Step) and event.step == 14 and not trainer.progress.halvings:
            with torch.no_grad():
                trainer.network.head.bias[0] = math.inf
            trainer.stop_requested = how == "stop"
        if isinstance(event, Saved):
            load_checkpoint(event.path)  # which refuses weights that are not finite
    (rolled,) = (e for e in seen if isinstance(e, RolledBack))
    assert (rolled.step, rolled.to_step) == (14, 7 if how == "evaluate" else 10)
    assert rolled.reason == "the weights became NaN or infinite"
    assert step_of(folder / LAST) == (10 if how == "stop" else 24)


def test_a_hopeless_rate_is_halved_three_times(corpus, tmp_path, wording):
    config = dataclasses.replace(CONFIG, learning_rate=1e4, clip=None, warmup_steps=0)
    seen = []
    with wording.raises(DivergedError):
        for event in continued(corpus, tmp_path / "run", config=config).run():
            seen.append(event)  # noqa: PERF402 (what was seen before the error counts)
    assert [e.learning_rate for e in seen if isinstance(e, RolledBack)] == [5e3, 2.5e3, 1.25e3]
    assert not any(isinstance(e, Evaluated) for e in seen)


# --- the command line -------------------------------------------------------------------------------------------------

SHAPE = ("--hidden-size", 12, "--embedding-size", 4, "--batch-size", 6, "--sequence-length", 10)
SMALL = (*SHAPE, "--precision", "float32", "--threads", 1)


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """`call_charrnn` in the test's own folder, where corpus.txt is, without measuring the machine for long."""
    (tmp_path / "corpus.txt").write_text(make_text(3000), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("charrnn.training.measure.TRIAL_SECONDS", 0.0)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield lambda *arguments, **options: call_charrnn(capsys, *arguments, **options)
    torch.set_num_threads(before)


def change(tmp_path, run="corpus", **parts):
    """Change what a run's last checkpoint says of it: training, machine ..."""
    path = tmp_path / "checkpoints" / run / LAST
    last = load_checkpoint(path)
    about = {k: ({**last.run[k], **parts[k]} if k in parts else v) for k, v in last.run.items()}
    save_checkpoint(path, dataclasses.replace(last, run=about))


STARTED = (
    "train",
    "corpus.txt",
    *SMALL,
    "--minutes",
    5,
    "--steps",
    2,
    "--lr",
    0.004,
    "--layers",
    1,
)


@pytest.fixture
def unfinished(here, tmp_path):
    """A run that has made 2 of 3 steps."""
    here(*STARTED, "-q")
    change(tmp_path, training={"steps": 3})
    return here


@pytest.mark.parametrize(
    "again",
    [
        STARTED,
        ("train", "--steps", 3, "--dropout", 0, "--cell", "lstm"),
        ("train", "--threads", 1, "--device", "cpu", "--save-every", 7, "--keep", 1),
        ("train", "corpus.txt", "--minutes", "5.0", "--lr", "4e-3", "--patience", "off"),
    ],
    ids=str,
)
def test_resume_accepts_the_runs_own_values(unfinished, tmp_path, again, wording):
    wording(unfinished(*again, "--resume"))
    assert step_of(tmp_path / "checkpoints" / "corpus" / LAST) == 3


@pytest.mark.parametrize("recorded", [None, 0])
def test_a_run_whose_threads_were_left_to_torch_is_resumed_with_a_number(
    unfinished, tmp_path, recorded
):
    change(tmp_path, training={"steps": 3, "threads": recorded})
    unfinished("train", "--resume")
    last = load_checkpoint(tmp_path / "checkpoints" / "corpus" / LAST)
    assert last.metrics["step"] == 3
    assert last.run["training"]["threads"] == torch.get_num_threads()


@pytest.mark.parametrize(
    "given",
    [
        ("--lr", 0.01),
        ("--glob", "*.py"),
        ("--learn-start",),
        ("--layer-norm",),
        ("--cell", "gru"),
        ("--precision", "bfloat16"),
        ("--hidden-size", 9, "--seed", 5),
        ("--overwrite",),
    ],
    ids=str,
)
def test_resume_names_what_differs_and_refuses_it(unfinished, tmp_path, given, wording):
    refused = unfinished("train", "corpus.txt", "--resume", "--layers", 1, *given, status=2)
    wording(refused)
    assert "--layers" not in refused.err
    assert step_of(tmp_path / "checkpoints" / "corpus" / LAST) == 2


def test_resume_says_how_the_text_differs(unfinished, tmp_path, wording):
    text, path = make_text(3000), tmp_path / "corpus.txt"
    for content, length in (
        (text + "漢字ab", "3,004"),
        (text[:-1], "2,999"),
        (text[:-1] + "\n", "3,000"),
    ):
        path.write_text(content, encoding="utf-8")
        refused = unfinished("train", "corpus.txt", "--resume", status=3)
        wording(refused)
        assert f" {length} characters" in refused.err
    (tmp_path / "other.txt").write_text(text + "more", encoding="utf-8")
    other = ("train", "other.txt", "--resume", "--name", "corpus")
    wording(unfinished(*other, status=3))
    (tmp_path / "other.txt").write_text(text, encoding="utf-8")
    wording(unfinished(*other))


def test_fault_37_resume_says_which_versions_and_machine_differ(unfinished, tmp_path, wording):
    change(
        tmp_path,
        versions={"torch": "1.0", "charrnn": "0.0"},
        machine={
            "instructions": "FEW",
            "bfloat16": len(precisions()) == 1,
            "threads": 7,
            "machine": "z80",
        },
    )
    said = unfinished("train", "--resume", "--threads", 1).err
    for word in (
        "charrnn was 0.0",
        "torch was 1.0",
        "the processor was z80",
        "instructions was FEW",
    ):
        assert word in said
    for word in (
        "bfloat16 on the processor was ",
        "threads were 7 and are 1",
        "not be bit for bit",
    ):
        assert word in said
    change(tmp_path, training={"steps": 4})
    wording(unfinished("train", "--resume"))  # it is this machine's run now


def test_nothing_differs_from_itself():
    facts = {"versions": {"torch": "2"}, "machine": {"threads": 2, "bfloat16": True}}
    assert differences(facts, facts) == ""
    assert differences({}, facts).count("not recorded") == 3


def test_a_run_that_stopped_early_says_why_and_is_finished(here, tmp_path, monkeypatch, wording):
    monkeypatch.setattr(Trainer, "validate", lambda self: float(self.progress.step))
    ended = here("train", "corpus.txt", *SMALL, "--steps", 100, "--patience", 2)
    wording(ended)
    assert "step 9;" in ended.out
    wording(here("train", "corpus.txt", "--resume"))
    compared = tmp_path / "checkpoints" / "corpus"
    assert step_of(compared / BEST) == 9


def test_going_back_is_said_in_one_line(here, monkeypatch):
    real, calls = Replica.step, []

    def spoilt_once(self, *arguments, **settings):
        loss = real(self, *arguments, **settings)
        if self.config.seed == 0:  # a trial, before the run is planned
            return loss
        calls.append(1)
        return loss * math.nan if len(calls) == 9 else loss

    monkeypatch.setattr(Replica, "step", spoilt_once)
    said = here("train", "corpus.txt", *SMALL, "--steps", 60).err
    line = "step 9: the loss became nan; going back to step 5, with half the learning rate (0.002)"
    assert line in said.splitlines()
    assert len(calls) == 60 + 4


def test_starting_afresh_removes_the_older_checkpoints_of_the_run_and_nothing_else(here, tmp_path):
    options = ("train", "corpus.txt", *SMALL, "--name", "run", "-q")
    here(*options, "--steps", 4, "--save-every", 0, "--keep", 2)
    folder = tmp_path / "checkpoints" / "run"
    (folder / older_name(77)).write_bytes(b"mine")
    assert (folder / older_name(3)).exists()
    assert len(here("sample", folder / older_name(3), "--length", 5, "-q").out) == 5
    here(*options, "--steps", 2, "--overwrite")
    assert [p.name for p in folder.glob("step-*")] == [older_name(77)]


# --- runs of older versions -----------------------------------------------------


def as_recorded_before(run):
    """What a checkpoint recorded of its run before settings got the names of today, and None for off."""
    old_names = {"weight_drop": "recurrent_dropout", "reset_every": "cold_every"}
    training = {old_names.get(name, name): value for name, value in run["training"].items()}
    del training["shuffle_length"]  # texts were read in order
    training |= {name: 0 for name in ("clip", "patience", "cold_every") if training[name] is None}
    asked = {"lr": 0.01, "layers": None, "recurrent_dropout": None, "steps": 9, "minutes": None}
    saving = {"minutes": run["saving"]["save_every"], "keep": run["saving"]["keep"]}
    return {**run, "training": training, "saving": saving, "asked": asked}


@pytest.mark.parametrize("config", [CorpusConfig(lines=True), CorpusConfig(pairs=True)])
def test_only_running_text_was_read_in_order_before(config):
    run = {"training": {"steps": 3}, "corpus": {"config": dataclasses.asdict(config)}}
    assert training_settings(run) == {"steps": 3, "optimizer": "adamw"}


def test_a_run_that_was_recorded_by_the_names_of_before_is_resumed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus.txt").write_text(make_text(2000), encoding="utf-8")
    options = ("--hidden-size", 6, "--precision", "float32", "--threads", 1, "--lr", 0.01)
    off = ("--clip", "off", "--reset-every", "off", "--weight-drop", 0.1)
    call_charrnn(capsys, "train", "corpus.txt", "--name", "a", "--steps", 9, *options, *off, "-q")
    path = tmp_path / "checkpoints" / "a" / "last.safetensors"
    last = load_checkpoint(path)
    run = as_recorded_before(last.run)
    run["training"]["steps"] = 12
    save_checkpoint(path, dataclasses.replace(last, run=run))
    call_charrnn(
        capsys, "train", "--resume", "--name", "a", "--lr", 0.01, "--weight-drop", 0.1, "-q"
    )
    resumed = load_checkpoint(path)
    assert resumed.metrics["step"] == 12
    assert resumed.run["training"]["weight_drop"] == 0.1
    assert resumed.run["training"]["clip"] is resumed.run["training"]["reset_every"] is None
    assert resumed.run["training"]["shuffle_length"] is None
    save_checkpoint(path, dataclasses.replace(last, run=run))
    written = call_charrnn(capsys, "inspect", "a", "--toml").out
    assert "weight-drop = 0.1" in written
    assert 'shuffle-length = "off"' in written
    assert 'reset-every = "off"' in written
