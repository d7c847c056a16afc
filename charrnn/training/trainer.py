"""The training loop: truncated backpropagation through time over parallel lanes.

It yields events and prints nothing; whoever runs it draws the progress. Everything that decides the result is a function
of the config and the step's number (data position, learning rate, dropout masks) or is kept in `last.safetensors`
(weights, the optimizer's state, carried state, sums), so that a resumed run gives the same bits as an uninterrupted one.

A run that diverges goes back to its latest good evaluation, or its start, with half the learning rate. That point is
kept in memory and in `last.safetensors`, so that a resumed run goes back to the same one; the clock, which decides when
to save, decides nothing else.
"""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy.typing as npt
import torch
from torch import Tensor

from charrnn.checkpoint import Arrays, Checkpoint, save_checkpoint
from charrnn.config import ModelConfig, SavingConfig, TrainingConfig
from charrnn.errors import DivergedError, EnvironmentFault
from charrnn.files import make_writable_folder
from charrnn.model import CharRNN
from charrnn.network.heads import LINEAR, Head
from charrnn.text.corpus import Corpus
from charrnn.training.data import IGNORED, make_batches
from charrnn.training.events import (
    Evaluated,
    Event,
    RolledBack,
    Saved,
    SaveFailed,
    Step,
    Stopped,
)
from charrnn.training.machine import (
    memory_faults,
    repeatable_draws,
    require_precision,
    thread_count,
)
from charrnn.training.metrics import Metrics
from charrnn.training.network import TorchState, make_network
from charrnn.training.older import OlderCheckpoints
from charrnn.training.optimizer import Optimizer
from charrnn.training.schedule import learning_rate
from charrnn.training.state import (
    NumpyArrays,
    flattened,
    load_optimizer_tensors,
    one_set,
    optimizer_tensors,
)
from charrnn.training.step import train_step
from charrnn.training.task import NEXT_CHARACTER, Task

BEST, LAST, METRICS = "best.safetensors", "last.safetensors", "metrics.jsonl"
HOPELESS = 20.0
"""A loss so many times that of guessing among all symbols alike counts as diverged."""
MOST_HALVINGS = 3
"""A run that diverges goes back and halves its learning rate so often, and then gives up."""
WEIGHTS, ROLLBACK = "weights.", "rollback."
"""Before the names of arrays: the network's own, and those that a run may have to go back to."""


@dataclass
class _Progress:
    """What a run carries along beside the network; numbers that JSON keeps exactly."""

    step: int = 0
    best_nats: float | None = None
    best_step: int = 0
    nats_sum: float = 0.0
    """Since the last evaluation."""
    chars_sum: int = 0
    seconds: float = 0.0
    """Spent in this run and those that it continues."""
    evaluations_since_best: int = 0
    halvings: int = 0
    """How often the learning rate was halved, because the run had diverged."""
    state: TorchState = field(default=None, repr=False)


class _SpoiltError(Exception):
    """The loss or the weights are not numbers to go on with; its text says which."""


@dataclass(frozen=True)
class _Point:
    """A point of the run to go back to: just after a good evaluation, or the start."""

    step: int
    arrays: Arrays


class Trainer:
    """A training run.

    Args:
        corpus: the text.
        model_config: the network.
        config: the run; its precision is float32 or bfloat16, its device exists.
        folder: where best.safetensors, last.safetensors and metrics.jsonl go.
        about: what the checkpoints should say of the run (corpus, versions, plan).
        resume: a last.safetensors to go on from; corpus and configs are those of its run.
        saving: how often last.safetensors is written.
        initial: a model to start from, instead of random weights; it is judged before the first step, and may stay
            the best.
        head: what the network makes of its stack's outputs.
        task: what it is trained for.

    Raises:
        EnvironmentFault: the precision is bfloat16, and the device has none; or the memory is full.
    """

    def __init__(
        self,
        corpus: Corpus,
        model_config: ModelConfig,
        config: TrainingConfig,
        folder: Path,
        *,
        about: Mapping[str, Any] | None = None,
        resume: Checkpoint | None = None,
        saving: SavingConfig | None = None,
        initial: CharRNN | None = None,
        head: Head = LINEAR,
        task: Task = NEXT_CHARACTER,
    ) -> None:
        self.corpus = corpus
        self.model_config = model_config
        self.config = config
        self.folder = folder
        self.head, self.task = head, task
        self.about = dict(about or {})
        self.saving = saving or SavingConfig()
        self.stop_requested = False
        """Set it to stop after the step that is being made."""
        self.device = torch.device(config.device)
        require_precision(config.precision, self.device)
        self.batches = make_batches(corpus, config)
        with memory_faults(config.batch_size):
            self.network = make_network(
                model_config,
                config.dropout,
                config.seed,
                self.device,
                config.kernel,
                weight_drop=config.weight_drop,
                head=head,
            )
        if initial:
            initial.require_unedited("training")
            self.network.load_numpy(initial.weights)
        self._judge_start = initial is not None and len(corpus.val) > 1
        self.optimizer = Optimizer(self.network, config)
        self._draws = config.dropout > 0 or config.weight_drop > 0
        self._hopeless = HOPELESS * math.log(max(2, model_config.vocab_size))
        self._state_names = self.network.cell.states
        self.progress = _Progress()
        self.metrics = Metrics(folder / METRICS)
        self._unsaved: dict[str, EnvironmentFault] = {}
        self._saved_at = time.monotonic()
        self._last_step: int | None = None
        """Of the file last.safetensors; None: there is none yet."""
        self._older = OlderCheckpoints(folder, self.saving.keep, [])
        if resume:
            self._restore(resume)
        else:
            self._good = _Point(0, self._arrays())

    # --- the loop ------------------------------------------------------------------------------------------------------

    @property
    def stopped_early(self) -> bool:
        """Whether the run has ended before its planned end: for `patience` evaluations none was the best."""
        patience = self.config.patience
        if patience is None or self.progress.step >= self.config.steps:
            return False
        return self.progress.evaluations_since_best >= patience

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.progress.step >= self.config.steps or self.stopped_early

    def run(self) -> Iterator[Event]:
        """Train to the end, or until `stop_requested`; the last checkpoint is written before that.

        Raises:
            DivergedError: the loss became NaN, infinite or hopeless, and again with lower learning rates;
                the checkpoints on disk are from before.
            EnvironmentFault: the memory is full, or the last checkpoint could not be written.
        """
        with thread_count(self.config.threads), memory_faults(self.config.batch_size):
            if self._judge_start:
                yield from self._evaluate_start()
            if self._last_step is None:  # from its first moment on, a run can be resumed
                yield from self._save_last()
            done = False
            while not done:
                try:
                    while not (self.finished or self.stop_requested):
                        yield from self._advance()
                    yield from self._save_last()
                    done = True
                except _SpoiltError as error:
                    yield self._roll_back(str(error))
        for fault in self._unsaved.values():
            raise fault
        yield Stopped(self.progress.step, self.finished, self.stopped_early)

    def _evaluate_start(self) -> Iterator[Event]:
        try:
            yield from self._evaluate()
        except _SpoiltError as error:
            raise DivergedError(
                f"the model to start from is of no use on this text: {error}",
                "leave out --init-from",
            ) from error

    def _advance(self) -> Iterator[Event]:
        """One step, and what is due after it."""
        yield self._step()
        step = self.progress.step
        if step % self.config.eval_every == 0 or step == self.config.steps:
            yield from self._evaluate()
        if time.monotonic() - self._saved_at >= 60 * self.saving.save_every and not self.finished:
            yield from self._save_last()

    def _step(self) -> Step:
        progress, began = self.progress, time.monotonic()
        self._forget(progress.step)
        batch = self.batches.batch(progress.step)
        inputs, targets = (torch.from_numpy(a).to(self.device, non_blocking=True) for a in batch)
        with repeatable_draws(self.config.seed, progress.step, self.device, needed=self._draws):
            loss, progress.state = train_step(
                self.network,
                self.optimizer,
                inputs,
                targets,
                progress.state,
                self.config,
                self._rate(progress.step),
                self.task,
            )
        progress.step += 1
        if not loss < self._hopeless:  # also if it is NaN
            raise _SpoiltError(f"the loss became {loss:g}")
        characters = int((batch[1] != IGNORED).sum())
        progress.nats_sum += loss * characters
        progress.chars_sum += characters
        progress.seconds += time.monotonic() - began
        return Step(progress.step, loss, characters)

    def _rate(self, step: int) -> float:
        """The part of the largest learning rates at a step."""
        return self._halved(learning_rate(step, self.config))

    def _halved(self, rate: float) -> float:
        return math.ldexp(rate, -self.progress.halvings)

    def _forget(self, step: int) -> None:
        """Start every lane afresh at an epoch's or an item's start, and some lanes of a running text at other steps.

        A network that always goes on from a carried state never learns to start, as every sample does.
        """
        every = None if self.corpus.config.lines else self.config.reset_every
        if self.batches.resets_state(step):
            self.progress.state = None
        elif every and self.progress.state:
            rows = slice(-step % every, None, every)
            self.progress.state = self.network.reset(self.progress.state, rows)

    # --- diverging -----------------------------------------------------------------------------------------------------

    def _require_finite(self) -> None:
        """Raise _SpoiltError if a weight is not finite: such a network must not take the place of a good one."""
        if not all(torch.isfinite(p).all() for p in self.network.parameters()):
            raise _SpoiltError("the weights became NaN or infinite")

    def _roll_back(self, reason: str) -> RolledBack:
        """Go back to the latest good evaluation, or to the start, with half the learning rate.

        The same text is then read again under the same dropout masks. Nothing has to be taken back in the metrics,
        because only a good evaluation adds a row. Where divergence is noticed may depend on the clock, as weights are
        looked at before they are saved; where the run goes on from does not.

        Raises:
            DivergedError: the rate was halved as often as it may be.
        """
        progress, step = self.progress, self.progress.step
        if progress.halvings >= MOST_HALVINGS:
            self._give_up(reason)
        self._load(self._good.arrays)
        progress.step, progress.halvings = self._good.step, progress.halvings + 1
        progress.nats_sum, progress.chars_sum = 0.0, 0
        rate = self._halved(self.config.learning_rate)
        return RolledBack(step, progress.step, reason, progress.halvings, rate)

    def _give_up(self, reason: str) -> NoReturn:
        progress, best = self.progress, self.folder / BEST
        rate = self._halved(self.config.learning_rate)
        kept = f"; the best checkpoint, of step {progress.best_step:,}, is in {best}"
        muon = ""
        if self.config.optimizer == "muon":
            muon = f" --muon-lr {self._halved(self.config.muon_learning_rate) / 4:g}"
        if not self._good.step:  # an untrained network is of no use to anybody
            (self.folder / LAST).unlink(missing_ok=True)
        raise DivergedError(
            f"{reason} at step {progress.step:,}, although the learning rate was halved {progress.halvings} times, "
            f"to {rate:g}" + (kept if best.exists() else ""),
            f"try --lr {rate / 4:g}{muon}, or --clip {min(self.config.clip or 1, 1) / 2:g}",
        )

    # --- judging -------------------------------------------------------------------------------------------------------

    def _evaluate(self) -> Iterator[Event]:
        progress, began = self.progress, time.monotonic()
        self._require_finite()
        train_nats = progress.nats_sum / progress.chars_sum if progress.chars_sum else None
        val_nats = self.validate()
        if val_nats is not None and not val_nats < self._hopeless:
            raise _SpoiltError(f"the loss on validation text became {val_nats:g}")
        is_best = val_nats is None or progress.best_nats is None or val_nats < progress.best_nats
        progress.seconds += time.monotonic() - began
        epoch = progress.step / self.batches.steps_per_epoch
        self.metrics.add(
            step=progress.step,
            epoch=epoch,
            train_nats_per_char=train_nats,
            val_nats_per_char=val_nats,
            learning_rate=self.config.learning_rate * self._rate(max(0, progress.step - 1)),
            halvings=progress.halvings,
            seconds=round(progress.seconds, 3),
        )
        progress.nats_sum, progress.chars_sum = 0.0, 0
        progress.evaluations_since_best = 0 if is_best else progress.evaluations_since_best + 1
        self._good = _Point(progress.step, self._arrays())
        yield Evaluated(progress.step, epoch, train_nats, val_nats, is_best)
        if is_best:
            yield self._save_best(val_nats)

    def validate(self) -> float | None:
        """The loss on validation text, nats per character in a language model; None without such text."""
        return self.task.validate(self.network, self.corpus, self.config.precision)

    def _on_device(self, array: npt.NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self.device)

    # --- keeping -------------------------------------------------------------------------------------------------------

    def snapshot(self) -> CharRNN:
        """The network as it is now, in NumPy."""
        weights = self.network.to_numpy()
        return CharRNN(self.model_config, self.corpus.vocabulary, weights, self.head)

    def _save_best(self, val_nats: float | None) -> Event:
        progress = self.progress
        before = progress.best_nats, progress.best_step
        progress.best_nats, progress.best_step = val_nats, progress.step
        event = self._save(BEST, training={})
        if isinstance(event, SaveFailed):  # what is on disk is still the best
            progress.best_nats, progress.best_step = before
        return event

    def _save_last(self) -> Iterator[Event]:
        self._require_finite()
        training = {n: a for n, a in self._arrays().items() if not n.startswith(WEIGHTS)}
        if self._good.step != self.progress.step:  # else both are the same
            training |= {ROLLBACK + name: array for name, array in self._good.arrays.items()}
        yield self._save(LAST, training, rollback_step=self._good.step)
        self._saved_at = time.monotonic()

    def _save(self, name: str, training: Arrays, **more: Any) -> Event:
        path, progress = self.folder / name, self.progress
        try:
            make_writable_folder(self.folder)
            if name == LAST:
                if self._last_step not in (None, 0, progress.step):
                    self._older.keep(path, self._last_step)
                more |= {"kept": self._older.steps} if self._older.steps else {}
            figures = {
                "step": progress.step,
                "epoch": progress.step / self.batches.steps_per_epoch,
                "best_val_nats_per_char": progress.best_nats,
                "best_step": progress.best_step,
                "seconds": round(progress.seconds, 3),
                "train_nats_sum": progress.nats_sum,
                "train_chars_sum": progress.chars_sum,
                "evaluations_since_best": progress.evaluations_since_best,
                "halvings": progress.halvings,
            } | more
            self.metrics.write()  # first: a run that is resumed leaves out rows that are too new, but can make up none
            num_bytes = save_checkpoint(
                path, Checkpoint(self.snapshot(), figures, self.about, training)
            )
        except EnvironmentFault as fault:
            self._unsaved[name] = fault
            return SaveFailed(fault)
        self._unsaved.pop(name, None)
        if name == LAST:
            self._last_step = progress.step
            self._older.remove_oldest()
        return Saved(path, num_bytes)

    # --- what a run consists of ----------------------------------------------------------------------------------------

    def _arrays(self) -> NumpyArrays:
        """Copies of everything that decides how the run goes on, but for a few numbers; `_load` is the way back."""
        carried = zip(self._state_names, self.progress.state or (), strict=False)
        return flattened(
            {
                "weights": self.network.state_dict(),
                "optimizer": optimizer_tensors(self.network, self.optimizer),
                "state": {letter: value.float() for letter, value in carried},
            }
        )

    def _load(self, arrays: Arrays) -> None:
        self.network.load_numpy(one_set("weights", arrays))
        load_optimizer_tensors(self.network, self.optimizer, one_set("optimizer", arrays))
        carried = one_set("state", arrays)
        tensors = [self._on_device(carried[k].copy()) for k in self._state_names if k in carried]
        self.progress.state = tuple(tensors) or None

    def _restore(self, last: Checkpoint) -> None:
        figures = last.figures
        back = one_set("rollback", last.training)
        now = {WEIGHTS + name: array for name, array in last.model.weights.items()}
        now |= {n: a for n, a in last.training.items() if not n.startswith(ROLLBACK)}
        best_nats = figures["best_val_nats_per_char"]
        if not (self.folder / BEST).exists():  # somebody removed it: the next one is the best
            best_nats = None
        self.progress = _Progress(
            step=figures["step"],
            best_nats=best_nats,
            best_step=figures["best_step"],
            nats_sum=figures["train_nats_sum"],
            chars_sum=figures["train_chars_sum"],
            seconds=figures["seconds"],
            evaluations_since_best=figures["evaluations_since_best"],
            halvings=figures["halvings"],
        )
        self._load(now)
        self._good = _Point(figures["rollback_step"], back or now)
        self._last_step, self._older.steps = figures["step"], list(figures.get("kept", ()))
        self.metrics.read(up_to_step=self.progress.step)
