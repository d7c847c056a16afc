"""The training loop: truncated backpropagation through time over parallel streams of text.

It yields events and prints nothing; its caller draws the progress. Everything that decides the result is a function of
the config and the step's number (data position, learning rate, dropout masks) or is kept in `last.safetensors` (weights,
the optimizer's state, carried state, sums), so that a resumed run gives the same bits as an uninterrupted one.

A run that diverges goes back to its latest good evaluation, or its start, with half the learning rate. That point is
kept in memory and in `last.safetensors`, so that a resumed run goes back to the same one.

Checkpoints are copies of the run, which a thread writes while training goes on (see `RunFolder`).

The clock decides when to save, and whether a run with a planned time has fallen behind and gets fewer steps, or more
of them again. Such a change of plan is part of the config from then on, and is saved at once.
"""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from charrnn.checkpoint import Arrays, Checkpoint
from charrnn.config import ModelConfig, SavingConfig, TrainingConfig
from charrnn.errors import CheckpointError, DivergedError
from charrnn.model import CharRNN
from charrnn.network.heads import LINEAR, Head
from charrnn.runs import BEST, LAST
from charrnn.schema import (
    FOR_RESUMING,
    ROLLBACK,
    Figures,
    SchemaError,
    check_record,
    check_training_tensors,
)
from charrnn.text.corpus import Corpus
from charrnn.text.pairs import PairCorpus
from charrnn.training.data import num_targets
from charrnn.training.events import (
    Counted,
    Evaluated,
    Event,
    Replanned,
    RolledBack,
    SaveFailed,
    Step,
    Stopped,
)
from charrnn.training.feed import Feed, Losses
from charrnn.training.machine import memory_faults, require_precision, thread_count
from charrnn.training.pace import Timekeeper
from charrnn.training.progress import RunProgress
from charrnn.training.rollback import (
    MAX_HALVINGS,
    Diverged,
    RollbackPoint,
    final_error,
    halved,
    loss_limit,
    require_finite,
)
from charrnn.training.rtrl import make_replica
from charrnn.training.run_folder import RunFolder
from charrnn.training.schedule import ends_of, extensions_of, learning_rate, replanned
from charrnn.training.state import NumpyArrays, one_set
from charrnn.training.task import Task, task_of

WEIGHTS = "weights."
"""Prefix of the names of the network's arrays."""


class Trainer:
    """A training run.

    Args:
        corpus: the text, or the pairs.
        model_config: the network.
        config: the training settings; the device must exist.
        folder: where best.safetensors, last.safetensors and metrics.jsonl go.
        metadata: what the checkpoints record of the run (corpus, versions, plan).
        resume: the last.safetensors to resume from; corpus and configs are those of its run.
        saving: how often last.safetensors is written.
        initial: a model to start from, instead of random weights; it is evaluated before the first step, and may remain
            the best.
        minutes: the planned time of the whole run; None: it takes as long as its steps do.
        clock: seconds that only grow.
        head: what the network makes of its stack's outputs.
        task: the task, which defines what is read, the network and the loss; None: that of the network.

    Raises:
        EnvironmentFault: the precision is bfloat16, and the device has none; or the memory is full.
    """

    def __init__(
        self,
        corpus: Corpus | PairCorpus,
        model_config: ModelConfig,
        config: TrainingConfig,
        folder: Path,
        *,
        metadata: Mapping[str, Any] | None = None,
        resume: Checkpoint | None = None,
        saving: SavingConfig | None = None,
        initial: CharRNN | None = None,
        minutes: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        head: Head = LINEAR,
        task: Task | None = None,
    ) -> None:
        self.corpus: Any = corpus
        self.model_config, self.config = model_config, config
        self.clock = clock
        self.head, self.task = head, task or task_of(model_config, config)
        self.folder, self.metadata = folder, dict(metadata or {})
        self.saving = saving or SavingConfig()
        self._has_new_plan = False
        """Whether the plan was changed and has not been saved yet."""
        self.stop_requested = False
        """Set to True to stop after the current step."""
        self.device = torch.device(config.device)
        require_precision(config.precision, self.device)
        self.batches = self.task.batches(corpus, config)
        self._feed, self._losses = Feed(self.batches, self.device), Losses(self.device)
        if initial:
            initial.require_unedited("training")
        weights = initial.weights if initial else None
        self.replica = make_replica(
            model_config, config, head=head, task=self.task, initial=weights
        )
        self.network: Any = self.replica.network
        self._evaluates_start = initial is not None and len(corpus.val) > 1
        self.progress = RunProgress()
        self.files = RunFolder(folder, self.saving.keep)
        places = self.task.places_per_target(corpus)
        self._loss_limit = places * loss_limit(model_config.vocab_size)
        self._timekeeper = (
            None if minutes is None else Timekeeper(60 * minutes, lambda: self.progress.seconds)
        )
        self._saved_at, self._is_due = clock(), False
        self._rollback_point = RollbackPoint(0, {}) if resume else self._this_point()
        if resume:
            self._resume(resume)

    # --- the loop ------------------------------------------------------------------------------------------------------

    @property
    def epoch(self) -> float:
        """Passes over the training text so far."""
        epochs: float = self.progress.step / self.batches.steps_per_epoch
        return epochs

    @property
    def stopped_early(self) -> bool:
        """Whether the run has ended before its planned end: for `patience` evaluations none was the best."""
        patience = self.config.patience
        if patience is None or self.progress.step >= self.config.steps:
            return False
        return self.progress.evaluations_since_best >= patience

    @property
    def finished(self) -> bool:
        """Whether no step is left to make."""
        return self.progress.step >= self.config.steps or self.stopped_early

    def run(self) -> Iterator[Event]:
        """Train to the end, or until `stop_requested`; the last checkpoint is written before that.

        Raises:
            DivergedError: the loss became NaN, infinite or far too large, and again with lower learning rates;
                the checkpoints on disk are from before.
            EnvironmentFault: the memory is full, or the last checkpoint could not be written.
        """
        with (
            thread_count(self.config.threads),
            memory_faults(self.config.batch_size),
            self._all_written(),
        ):
            if self.files.last_step is None or self._has_new_plan:  # it can be resumed from here on
                yield from self._save_last()
            if self._evaluates_start:
                yield from self._evaluate_start()
            if self._timekeeper:
                self._timekeeper.start()
            done = False
            while not done:
                try:
                    while not (self.finished or self.stop_requested):
                        yield from self._advance()
                    yield from self._save_end()
                    done = True
                except Diverged as error:
                    yield self._roll_back(str(error))
        for fault in self.files.unsaved.values():
            raise fault
        if self.finished:
            yield from self._count()
        yield Stopped(self.progress.step, self.finished, self.stopped_early)

    def _advance(self) -> Iterator[Event]:
        """One step, and what is due after it: a change of plan, an evaluation, a save."""
        yield self._step()
        step = self.progress.step
        yield from self._keep_time(step)
        if step % self.config.eval_every == 0 or step in ends_of(self.config):
            yield from self._evaluate()
        self._renew_patience(step)
        yield from self._saved()
        if self._must_save(step) and not self.finished:
            yield from self._save_last()

    def _must_save(self, step: int) -> bool:
        """Whether a save is due. One that cannot begin, because the last one is still being written, stays due."""
        minutes, steps = self.saving.save_every, self.saving.save_every_steps
        has_come = minutes is not None and self.clock() - self._saved_at >= 60 * minutes
        self._is_due |= has_come or (steps is not None and step % steps == 0) or self._has_new_plan
        return self._is_due and not self.files.is_open(LAST)

    def _keep_time(self, step: int) -> Iterator[Event]:
        """Plan fewer steps if the run has fallen behind its time, and more again when it has time for them."""
        if self._timekeeper is None or self.config.exact_steps:
            return
        before = self.config.steps
        forecast = self._timekeeper.forecast(step, self.config)
        if forecast and forecast.steps != before:
            self.replan(forecast.steps)
            planned = self._timekeeper.seconds
            yield Replanned(step, before, forecast.steps, forecast.seconds, planned)

    def replan(self, steps: int) -> None:
        """Plan another number of steps for the whole run, from the present step on; it is saved before the next one.

        A run that becomes longer, or had stopped early, counts its evaluations without improvement anew.
        """
        step = self.progress.step
        self.config = replanned(self.config, step, steps)
        self.metadata["training"] = dataclasses.asdict(self.config)
        self._has_new_plan = True
        self._renew_patience(step)

    def _renew_patience(self, step: int) -> None:
        """Count the evaluations without improvement anew where the plan has changed so that the run goes on."""
        has_changed = step in dict(self.config.replanned)
        if step in extensions_of(self.config) or (has_changed and self.stopped_early):
            self.progress.evaluations_since_best = 0

    def _step(self) -> Step:
        """One step. Every state is reset at an epoch's or a line's start, and those of some streams at other steps.

        A network that always continues from a carried state never learns to start from the initial state, as every
        sample does.
        """
        progress, began, number = self.progress, self.clock(), self.progress.step
        batch = self._feed.take(number)
        loss = self.replica.step(
            number,
            batch,
            self._rate(number),
            starts=self.batches.resets_state(number),
            every=None if self.corpus.item_end else self.config.reset_every,
        )
        progress.step += 1
        self._losses.add(loss, num_targets(batch[1]))
        if progress.step < self.config.steps:
            self._feed.prepare(progress.step)
        if self._losses.is_due(progress.step):
            self._read_losses()
        progress.seconds += self.clock() - began
        return Step(progress.step, self._losses.last, self.batches.characters(batch))

    def _read_losses(self) -> None:
        """Add the losses that have not been read yet to the sums.

        Raises:
            Diverged: one of them is NaN, infinite or far too large.
        """
        for loss, characters in self._losses.read():
            if not loss < self._loss_limit:  # also if it is NaN
                raise Diverged(f"the loss became {loss:g}")
            self.progress.add(loss, characters)

    def _rate(self, step: int) -> float:
        """The part of the largest learning rates at a step."""
        return halved(learning_rate(step, self.config), self.progress.halvings)

    def _roll_back(self, reason: str) -> RolledBack:
        """Go back to the rollback point, with half the learning rate.

        The same text is then read again under the same dropout masks. Nothing has to be taken back in the metrics,
        because only a good evaluation adds a row. Where divergence is noticed may depend on the clock, as weights are
        looked at before they are saved; where the run goes on from does not.

        Raises:
            DivergedError: the rate was halved as often as it may be.
        """
        progress, point, step = self.progress, self._rollback_point, self.progress.step
        if progress.halvings >= MAX_HALVINGS:
            if not point.step:
                self._remove_untrained()
            self.files.wait()
            raise final_error(reason, progress, self.config, self.folder / BEST)
        self.replica.load(point.arrays)
        progress.step, progress.halvings = point.step, progress.halvings + 1
        progress.reset_sums()
        self._losses.read()  # of steps that are taken back
        rate = halved(self.config.learning_rate, progress.halvings)
        return RolledBack(step, progress.step, reason, progress.halvings, rate)

    def _remove_untrained(self) -> None:
        """Remove the last checkpoint of a run that has come to nothing."""
        self.files.wait()
        (self.folder / LAST).unlink(missing_ok=True)

    # --- judging -------------------------------------------------------------------------------------------------------

    def _evaluate_start(self) -> Iterator[Event]:
        try:
            yield from self._evaluate()
        except Diverged as error:
            self._remove_untrained()
            raise DivergedError.naming(
                "the initial model fails on this text: {reason}",
                "leave out {init_from}",
                reason=error,
            ) from error

    def _evaluate(self) -> Iterator[Event]:
        progress, began = self.progress, self.clock()
        self._read_losses()
        require_finite(self.network)
        val_nats = self.validate()
        if val_nats is not None and not val_nats < self._loss_limit:
            raise Diverged(f"the validation loss became {val_nats:g}")
        exact = self.task.exact(self.network, self.corpus)
        is_best = progress.is_best(val_nats, exact)
        event = Evaluated(progress.step, self.epoch, progress.train_nats, val_nats, is_best, exact)
        progress.seconds += self.clock() - began
        self._record(event)
        progress.reset_sums()
        progress.evaluations_since_best = 0 if is_best else progress.evaluations_since_best + 1
        self._rollback_point = self._this_point()
        yield event
        if is_best:
            yield from self._save_best(val_nats, exact)

    def _record(self, event: Evaluated) -> None:
        """Add an evaluation to the metrics."""
        rate = self._rate(max(0, event.step - 1))
        exact = {} if event.exact is None else {"val_exact_match": event.exact}
        self.files.metrics.add(
            step=event.step,
            epoch=event.epoch,
            train_nats_per_char=event.train_nats,
            val_nats_per_char=event.val_nats,
            **exact,
            learning_rate=self.config.learning_rate * rate,
            halvings=self.progress.halvings,
            seconds=round(self.progress.seconds, 3),
        )

    def validate(self) -> float | None:
        """The loss on validation text, nats per character in a language model; None without such text."""
        return self.task.validate(self.network, self.corpus, self.config.precision)

    def _count(self) -> Iterator[Event]:
        """Count the training text, and write the counts beside the best network."""
        best = self.task.counted(self.folder / BEST, self.corpus, self.saving, self.head)
        if best is None or best.counts is None:
            return
        self.files.put(BEST, best)
        self.files.wait()
        yield from self._saved()
        counts, table = best.counts, best.counts.table
        if counts.nats is not None and counts.network_nats is not None:
            yield Counted(
                len(table), table.num_bytes, counts.characters, counts.network_nats, counts.nats
            )

    # --- saving --------------------------------------------------------------------------------------------------------

    def snapshot(self) -> Any:
        """The current network, in NumPy: a CharRNN, or a PairNetwork."""
        return self.task.snapshot(self.network, self.model_config, self.corpus, self.head)

    def _save_best(self, val_nats: float | None, exact: float | None) -> Iterator[Event]:
        progress = self.progress
        progress.best_nats, progress.best_exact, progress.best_step = val_nats, exact, progress.step
        yield from self._put(BEST, self._checkpoint({}))

    def _save_last(self) -> Iterator[Event]:
        self._read_losses()
        require_finite(self.network)
        point = self._rollback_point
        training = {n: a for n, a in self._arrays().items() if not n.startswith(WEIGHTS)}
        if point.step != self.progress.step:  # else both are the same
            training |= {ROLLBACK + name: array for name, array in point.arrays.items()}
        self._has_new_plan = self._is_due = False
        self._saved_at = self.clock()
        yield from self._put(LAST, self._checkpoint(training, rollback_step=point.step))

    def _save_end(self) -> Iterator[Event]:
        """Save the run when it stops, and wait until that and all before is written."""
        self.files.wait()  # for the memory of a copy
        yield from self._save_last()
        self.files.wait()
        yield from self._saved()

    def _put(self, name: str, checkpoint: Checkpoint) -> Iterator[Event]:
        """Let a checkpoint be written; a run that is saved after every step waits for it."""
        self.files.put(name, checkpoint)
        if self.saving.save_every == 0:
            self.files.wait()
            yield from self._saved()

    def _saved(self) -> Iterator[Event]:
        """What has become of the checkpoints that were put."""
        for event in self.files.saved():
            if isinstance(event, SaveFailed) and not self.files.is_open(BEST):
                self.progress.set_best(self.files.best)  # what is on disk is still the best
            yield event

    @contextlib.contextmanager
    def _all_written(self) -> Iterator[None]:
        """A context that ends when everything is written, also after an error: the folder is not held for longer."""
        try:
            yield
        finally:
            self.files.wait()

    def _checkpoint(self, training: Arrays, **more: Any) -> Checkpoint:
        metrics = self.progress.as_metrics(self.epoch) | more
        return Checkpoint(self.snapshot(), metrics, self.metadata, training)

    def _arrays(self) -> NumpyArrays:
        return self.replica.arrays()

    def _this_point(self) -> RollbackPoint:
        return RollbackPoint(self.progress.step, self._arrays())

    def _resume(self, last: Checkpoint) -> None:
        """Restore the run from its last.safetensors."""
        self._require_resumable(last)
        self.progress = RunProgress.from_metrics(last.metrics)
        if not (self.folder / BEST).exists():  # it was removed: the next one is the best
            self.progress.best_nats = self.progress.best_exact = None
        now = {WEIGHTS + name: array for name, array in last.model.weights.items()}
        now |= {n: a for n, a in last.training.items() if not n.startswith(ROLLBACK)}
        self.replica.load(now)
        before = one_set("rollback", last.training)
        self._rollback_point = RollbackPoint(last.metrics["rollback_step"], before or now)
        self.files.resume(last)
        progress, has_initial = self.progress, "init_from" in self.metadata
        if has_initial and progress.step == 0 and progress.best_nats is None:
            self._evaluates_start = len(self.corpus.val) > 1  # it was ended before, or in between
            self.files.metrics.rows.clear()

    def _require_resumable(self, last: Checkpoint) -> None:
        """Raise CheckpointError unless the checkpoint has the figures and tensors of this run."""
        figures = last.metrics
        try:
            check_record(Figures, figures, "figures", required=FOR_RESUMING)
            check_training_tensors(
                last.training, last.model.weights, self.model_config, self.config, figures
            )
            for prefix, step in (("", figures["step"]), (ROLLBACK, figures["rollback_step"])):
                self._require_rows(last.training, f"{prefix}state.", step)
        except SchemaError as error:
            raise CheckpointError(f"{last.path} cannot be resumed: {error}") from error

    def _require_rows(self, tensors: Arrays, prefix: str, step: int) -> None:
        """Raise SchemaError if the carried states have other rows than the batch that continues them."""
        states = one_set(prefix.rstrip("."), tensors)
        if not states or self.batches.resets_state(step):
            return
        rows, wanted = next(iter(states.values())).shape[1], self.batches.batch(step)[0].shape[1]
        if rows != wanted:
            raise SchemaError(f"{prefix}* have {rows} rows, but the run's batches {wanted}")
