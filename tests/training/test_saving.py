"""Checkpoints are written beside the training: a slow or full disk stops no step, and what is on disk fits together."""

import dataclasses
import threading
import time

import pytest
from trainers import CONFIG, make_corpus, make_trainer, run_to_end, tensors_in

from charrnn.checkpoint import load_checkpoint
from charrnn.config import SavingConfig
from charrnn.errors import BusyError, EnvironmentFault
from charrnn.runs import BEST, LAST
from charrnn.training import run_folder
from charrnn.training.events import Evaluated, Saved, SaveFailed, Step
from charrnn.training.metrics import load_rows
from charrnn.training.trainer import Trainer
from charrnn.training.writing import Writer

EACH_STEP = SavingConfig(save_every=None, save_every_steps=1)
LOSSES = {7: 3.0, 14: 1.0, 21: 2.0, 24: 2.5}


@pytest.fixture
def corpus(tmp_path):
    return make_corpus(tmp_path)


@pytest.fixture
def losses(monkeypatch):
    """The validation losses of each run."""
    monkeypatch.setattr(Trainer, "validate", lambda self: LOSSES[self.progress.step])


def figures_of(path):
    return load_checkpoint(path).metrics


def replace_writing(monkeypatch, before):
    """Let each save begin with a call of a function of its file's name and step."""
    real = run_folder.save_checkpoint

    def save(path, checkpoint):
        before(path.name, checkpoint.metrics["step"])
        return real(path, checkpoint)

    monkeypatch.setattr(run_folder, "save_checkpoint", save)


def test_training_goes_on_while_a_checkpoint_is_written(corpus, tmp_path, monkeypatch, losses):
    """The first save takes until step 20: then the last checkpoint of then is written, and no evaluation is lost."""
    goes_on, seen, written = threading.Event(), [], []

    def slow(name, step):
        if not written:
            assert goes_on.wait(60)
        written.append((name, step))

    replace_writing(monkeypatch, slow)
    trainer = make_trainer(corpus, tmp_path / "run", saving=EACH_STEP)
    for event in trainer.run():
        seen.append(event)
        if isinstance(event, Step) and event.step == 20:
            assert not list((tmp_path / "run").glob("*.safetensors"))
            goes_on.set()
    assert [e.step for e in seen if isinstance(e, Step)] == [*range(1, 25)]
    assert written[:2] == [(LAST, 0), (BEST, 14)]  # better than that of step 7, which waited
    assert written[-1] == (LAST, 24)
    assert all(step >= 20 for name, step in written[1:] if name == LAST)
    saved = [(e.path.name, e.step) for e in seen if isinstance(e, Saved)]
    assert [pair for pair in saved if pair != (BEST, 14)] == [
        pair for pair in written if pair != (BEST, 14)
    ]
    assert figures_of(tmp_path / "run" / BEST)["step"] == 14
    assert figures_of(tmp_path / "run" / LAST)["best_step"] == 14
    assert [row["step"] for row in load_rows(tmp_path / "run" / "metrics.jsonl")] == [7, 14, 21, 24]


def test_writing_beside_the_training_changes_no_byte(corpus, tmp_path, monkeypatch):
    run_to_end(make_trainer(corpus, tmp_path / "whole"))
    replace_writing(monkeypatch, lambda *_: time.sleep(0.01))
    run_to_end(make_trainer(corpus, tmp_path / "run", saving=EACH_STEP), stop_at=10)
    last = load_checkpoint(tmp_path / "run" / LAST)
    run_to_end(make_trainer(corpus, tmp_path / "run", saving=EACH_STEP, resume=last))
    assert tensors_in(tmp_path / "run") == tensors_in(tmp_path / "whole")


def test_a_run_is_saved_after_each_multiple_of_some_steps(corpus, tmp_path):
    saving = SavingConfig(save_every=None, save_every_steps=5)
    saved = []
    trainer = make_trainer(corpus, tmp_path / "run", saving=saving)
    for event in trainer.run():
        trainer.files.wait()  # no save waits for the one before
        if isinstance(event, Saved) and event.path.name == LAST:
            saved.append(event.step)
    assert saved == [0, 5, 10, 15, 20, 24]


@pytest.mark.parametrize("failing", [1, 99])
def test_a_last_checkpoint_names_no_best_one_that_is_not_on_disk(
    corpus, tmp_path, monkeypatch, losses, failing
):
    """Whenever the process dies: each file that is ever there is looked at, and the best one fails once or always."""
    folder, claims, failures = tmp_path / "run", [], []

    def full(name, step):
        if name == BEST and step == 14 and len(failures) < failing:
            failures.append(step)
            raise EnvironmentFault("No space left on device")

    real = run_folder.RunFolder._save

    def save(self, name, checkpoint):
        result = real(self, name, checkpoint)
        if (folder / LAST).exists():
            claimed = figures_of(folder / LAST)["best_step"]
            there = figures_of(folder / BEST)["step"] if (folder / BEST).exists() else 0
            claims.append((claimed, there))
        return result

    replace_writing(monkeypatch, full)
    monkeypatch.setattr(run_folder.RunFolder, "_save", save)
    trainer = make_trainer(corpus, folder, saving=EACH_STEP)
    events = []
    for event in trainer.run():
        events.append(event)
        if isinstance(event, Evaluated | Step):
            trainer.files.wait()
    assert sum(isinstance(e, SaveFailed) for e in events) == 1
    assert all(claimed <= there for claimed, there in claims)
    assert figures_of(folder / BEST)["step"] == trainer.progress.best_step == 21
    assert not trainer.files.unsaved


def test_the_end_waits_for_what_is_being_written_and_fails_if_it_cannot_be(
    corpus, tmp_path, monkeypatch
):
    def full(name, step):
        time.sleep(0.05)
        if step == 24 and name == LAST:
            raise EnvironmentFault("No space left on device")

    replace_writing(monkeypatch, full)
    events = []
    with pytest.raises(EnvironmentFault):
        events.extend(make_trainer(corpus, tmp_path / "run", saving=EACH_STEP).run())
    assert figures_of(tmp_path / "run" / LAST)["step"] < 24
    assert not list((tmp_path / "run").glob(".*.tmp-*"))
    assert threading.active_count() == 1 or not any(
        thread.name == "charrnn-writer" for thread in threading.enumerate()
    )


def test_a_folder_that_another_process_has_taken_ends_the_run(corpus, tmp_path, monkeypatch):
    def taken(name, step):
        if step:
            raise BusyError("it is in use")

    replace_writing(monkeypatch, taken)
    trainer = make_trainer(corpus, tmp_path / "run", saving=EACH_STEP)
    with pytest.raises(BusyError):
        run_to_end(trainer)


@pytest.mark.parametrize("killed_after", [LAST, BEST])
def test_a_start_from_a_model_that_is_killed_is_resumed_and_evaluated_again(
    corpus, tmp_path, killed_after
):
    """The last checkpoint comes first: the best one alone could neither be resumed nor begun."""
    run_to_end(make_trainer(corpus, tmp_path / "first", dataclasses.replace(CONFIG, steps=1)))
    initial, about = load_checkpoint(tmp_path / "first" / LAST).model, {"init_from": {"path": "x"}}
    trainer = make_trainer(corpus, tmp_path / "whole", initial=initial, metadata=about)
    seen = []
    for event in trainer.run():
        seen.append(event)
        trainer.files.wait()  # else one that waits gives way to the next one
    saved = [(e.path.name, e.step) for e in seen if isinstance(e, Saved)]
    assert saved[:2] == [(LAST, 0), (BEST, 0)]
    trainer = make_trainer(corpus, tmp_path / "run", initial=initial, metadata=about)
    for event in trainer.run():
        trainer.files.wait()
        if isinstance(event, Step):
            break
    if killed_after == LAST:
        (tmp_path / "run" / BEST).unlink()
    last = load_checkpoint(tmp_path / "run" / LAST)
    assert last.metrics["step"] == 0
    seen = run_to_end(make_trainer(corpus, tmp_path / "run", resume=last, metadata=about))
    assert next(e for e in seen if isinstance(e, Evaluated)).step == 0
    assert tensors_in(tmp_path / "run") == tensors_in(tmp_path / "whole")
    steps = [row["step"] for row in load_rows(tmp_path / "run" / "metrics.jsonl")]
    assert steps == [0, 7, 14, 21, 24]


# --- the thread -------------------------------------------------------------------------------------------------------


def test_jobs_are_done_in_order_and_the_newest_of_a_name_takes_the_place_of_one_that_waits():
    begins, goes_on, done = threading.Event(), threading.Event(), []

    def work(name, job):
        begins.set()
        assert goes_on.wait(60)
        done.append((name, job))
        return job

    writer = Writer(work)
    writer.put("a", 1)
    assert begins.wait(60)
    for name, job in (("b", 2), ("a", 3), ("b", 4)):
        writer.put(name, job)
    assert writer.is_open("a")
    assert writer.is_open("b")
    assert writer.results() == []
    goes_on.set()
    writer.wait()
    assert done == [("a", 1), ("b", 4), ("a", 3)]
    assert writer.results() == [1, 4, 3]
    assert writer.results() == []
    assert not writer.is_open("a")


def test_an_error_of_a_job_is_raised_where_results_are_read_and_the_next_job_is_done():
    writer = Writer(lambda _, job: 1 / job)
    writer.put("a", 0)
    writer.wait()
    with pytest.raises(ZeroDivisionError):
        writer.results()
    writer.put("a", 2)
    writer.wait()
    assert writer.results() == [0.5]
