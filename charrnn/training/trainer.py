"""The training loop: truncated backpropagation through time over parallel lanes.

It yields events and prints nothing; whoever runs it draws the progress. Everything that decides the result is a function
of the config and the step's number (data position, learning rate, dropout masks) or is kept in `last.safetensors`
(weights, moments, carried state, sums), so that a resumed run gives the same bits as an uninterrupted one.
"""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from charrnn.checkpoint import Checkpoint, save_checkpoint
from charrnn.config import ModelConfig, TrainingConfig
from charrnn.errors import DivergedError, EnvironmentFault
from charrnn.files import make_writable_folder
from charrnn.model import CharRNN
from charrnn.scoring.lanes import ITEM_LANES, group, items, samples, stretches
from charrnn.scoring.lanes import Lanes as Laid
from charrnn.text.corpus import Corpus
from charrnn.text.lines import first_items, item_bounds
from charrnn.text.vocabulary import Ids
from charrnn.training.batches import IGNORED, make_batches
from charrnn.training.events import Evaluated, Event, Saved, SaveFailed, Step, Stopped
from charrnn.training.machine import autocast, memory_faults, repeatable_draws, thread_count
from charrnn.training.metrics import Metrics
from charrnn.training.network import TorchState, make_network
from charrnn.training.schedule import learning_rate
from charrnn.training.step import make_optimizer, train_step

BEST, LAST, METRICS = "best.safetensors", "last.safetensors", "metrics.jsonl"
EVALUATED_CHARS = 1 << 18
"""Validation characters scored in one evaluation, at most."""
HOPELESS = 20.0
"""A loss so many times that of guessing among all symbols alike counts as diverged."""
EVALUATION_LANES = 64
EVALUATION_WARM_UP = 256
EVALUATION_LOGITS = 1 << 24
"""Numbers in the logits of one block, at most."""


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
    state: TorchState = field(default=None, repr=False)


class Trainer:
    """A training run.

    Args:
        corpus: the text.
        model_config: the network.
        config: the run; its precision is float32 or bfloat16, its device exists.
        folder: where best.safetensors, last.safetensors and metrics.jsonl go.
        about: what the checkpoints should say of the run (corpus, versions, plan).
        resume: a last.safetensors to go on from; corpus and configs are those of its run.
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
    ) -> None:
        self.corpus = corpus
        self.model_config = model_config
        self.config = config
        self.folder = folder
        self.about = dict(about or {})
        self.stop_requested = False
        """Set it to stop after the step that is being made."""
        self.device = torch.device(config.device)
        self.lanes = make_batches(corpus, config)
        with memory_faults(config.batch_size):
            self.network = make_network(
                model_config, config.dropout, config.seed, self.device, config.kernel
            )
        self.optimizer = make_optimizer(self.network, config)
        self._hopeless = HOPELESS * math.log(max(2, model_config.vocab_size))
        self._state_names = self.network.cell.states
        self.progress = _Progress()
        self.metrics = Metrics(folder / METRICS)
        self._unsaved: dict[str, EnvironmentFault] = {}
        if resume:
            self._restore(resume)

    # --- the loop ------------------------------------------------------------------------------------------------------

    def run(self) -> Iterator[Event]:
        """Train to the planned end, or until `stop_requested`; the last checkpoint is written before the end.

        Raises:
            DivergedError: the loss became NaN or infinite; the checkpoints on disk are from before.
            EnvironmentFault: the memory is full, or the last checkpoint could not be written.
        """
        with thread_count(self.config.threads), memory_faults(self.config.batch_size):
            while self.progress.step < self.config.steps and not self.stop_requested:
                yield self._step()
                if (
                    self.progress.step % self.config.eval_every == 0
                    or self.progress.step == self.config.steps
                ):
                    yield from self._evaluate()
            yield from self._save_last()
        for fault in self._unsaved.values():
            raise fault
        yield Stopped(self.progress.step, finished=self.progress.step >= self.config.steps)

    def _step(self) -> Step:
        progress, began = self.progress, time.monotonic()
        self._forget(progress.step)
        inputs, targets = (
            t.to(self.device, non_blocking=True) for t in self.lanes.batch(progress.step)
        )
        for group_ in self.optimizer.param_groups:
            group_["lr"] = learning_rate(progress.step, self.config)
        with repeatable_draws(
            self.config.seed, progress.step, self.device, needed=self.config.dropout > 0
        ):
            loss, progress.state = train_step(
                self.network, self.optimizer, inputs, targets, progress.state, self.config
            )
        progress.step += 1
        if not loss < self._hopeless:  # also if it is NaN
            self._refuse_divergence(f"the loss became {loss:g}")
        characters = int((targets != IGNORED).sum())
        progress.nats_sum += loss * characters
        progress.chars_sum += characters
        progress.seconds += time.monotonic() - began
        return Step(progress.step, loss, characters)

    def _forget(self, step: int) -> None:
        """Start every lane afresh at an epoch's or an item's start, and some lanes of a running text at other steps.

        A network that always goes on from a carried state never learns to start, as every sample does.
        """
        every = 0 if self.corpus.config.lines else self.config.cold_every
        if self.lanes.starts_afresh(step):
            self.progress.state = None
        elif every and self.progress.state:
            lanes = slice(-step % every, None, every)
            self.progress.state = self.network.restart(self.progress.state, lanes)

    def _refuse_divergence(self, what: str) -> NoReturn:
        best = self.folder / BEST
        kept = f"; the best checkpoint, of step {self.progress.best_step:,}, is in {best}"
        raise DivergedError(
            f"{what} at step {self.progress.step:,}" + (kept if best.exists() else ""),
            f"try --lr {self.config.learning_rate / 4:g}, or --clip {min(self.config.clip or 1, 1) / 2:g}",
        )

    def _require_finite(self) -> None:
        """Raise DivergedError if a weight is not finite: such a network must not take the place of a good one."""
        if not all(torch.isfinite(p).all() for p in self.network.parameters()):
            self._refuse_divergence("the weights became NaN or infinite")

    # --- judging -------------------------------------------------------------------------------------------------------

    def _evaluate(self) -> Iterator[Event]:
        progress, began = self.progress, time.monotonic()
        self._require_finite()
        train_nats = progress.nats_sum / max(1, progress.chars_sum)
        val_nats = self.validate()
        if val_nats is not None and not val_nats < self._hopeless:
            self._refuse_divergence(f"the loss on validation text became {val_nats:g}")
        is_best = val_nats is None or progress.best_nats is None or val_nats < progress.best_nats
        progress.seconds += time.monotonic() - began
        epoch = progress.step / self.lanes.steps_per_epoch
        self.metrics.add(
            step=progress.step,
            epoch=epoch,
            train_nats_per_char=train_nats,
            val_nats_per_char=val_nats,
            learning_rate=learning_rate(progress.step - 1, self.config),
            seconds=round(progress.seconds, 3),
        )
        progress.nats_sum, progress.chars_sum = 0.0, 0
        yield Evaluated(progress.step, epoch, train_nats, val_nats, is_best)
        if is_best:
            yield self._save_best(val_nats)
        if progress.step < self.config.steps:
            yield from self._save_last()

    @torch.no_grad()
    def validate(self) -> float | None:
        """Nats per character on validation text, or None if it has fewer than two characters.

        Read in lanes that are warmed up, so that it comes close to one pass with the state carried; of a text longer
        than EVALUATED_CHARS, stretches spread evenly over it. A text of lines is read line by line, or its first
        EVALUATED_CHARS are.
        """
        ids, newline = self.corpus.val, self.corpus.newline
        if len(ids) < 2:
            return None
        if newline is not None:
            ids = first_items(ids, newline, EVALUATED_CHARS)
            parts = list(group(items(item_bounds(ids, newline)), ITEM_LANES))
        else:
            parts = [self._laid(ids)]
        self.network.eval()
        nats = sum(self._validate(ids, laid) for laid in parts)
        self.network.train()
        return nats / sum(int((laid.end - laid.begin).sum()) for laid in parts)

    def _laid(self, ids: Ids) -> Laid:
        """The lanes in which a running text is validated."""
        num_lanes = min(EVALUATION_LANES, max(1, (len(ids) - 1) // EVALUATION_WARM_UP))
        if len(ids) <= EVALUATED_CHARS:
            return stretches(len(ids), num_lanes, EVALUATION_WARM_UP)
        return samples(len(ids), num_lanes, EVALUATED_CHARS // num_lanes, EVALUATION_WARM_UP)

    def _validate(self, ids: Ids, laid: Laid) -> float:
        """The nats of what these lanes score."""
        block_length = EVALUATION_LOGITS // (len(laid.first) * self.model_config.vocab_size)
        nats = 0.0
        state: TorchState = None
        for block in laid.blocks(ids, max(1, min(256, block_length))):
            inputs, targets = (
                self._on_device(a.astype(np.int64)) for a in (block.inputs, block.targets)
            )
            with autocast(self.device, self.config.precision):
                logits, state = self.network(inputs, state)
            costs = cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none")
            nats += costs[self._on_device(block.scored).flatten()].sum(dtype=torch.float64).item()
        return nats

    def _on_device(self, array: npt.NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self.device)

    # --- keeping -------------------------------------------------------------------------------------------------------

    def snapshot(self) -> CharRNN:
        """The network as it is now, in NumPy."""
        return CharRNN(self.model_config, self.corpus.vocabulary, self.network.to_numpy())

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
        yield self._save(LAST, training=self._training_tensors())

    def _save(self, name: str, training: dict[str, npt.NDArray[Any]]) -> Event:
        path, progress = self.folder / name, self.progress
        figures = {
            "step": progress.step,
            "epoch": progress.step / self.lanes.steps_per_epoch,
            "best_val_nats_per_char": progress.best_nats,
            "best_step": progress.best_step,
            "seconds": round(progress.seconds, 3),
            "train_nats_sum": progress.nats_sum,
            "train_chars_sum": progress.chars_sum,
        }
        checkpoint = Checkpoint(self.snapshot(), figures, self.about, training)
        try:
            make_writable_folder(self.folder)
            num_bytes = save_checkpoint(path, checkpoint)
            self.metrics.write()
        except EnvironmentFault as fault:
            self._unsaved[name] = fault
            return SaveFailed(fault)
        self._unsaved.pop(name, None)
        return Saved(path, num_bytes)

    def _training_tensors(self) -> dict[str, npt.NDArray[Any]]:
        """What resuming needs beyond the weights: AdamW's moments and the carried state."""
        tensors = {}
        for name, parameter in self.network.named_parameters():
            for moment, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"{moment}.{name}"] = value.detach().cpu().numpy()
        for letter, value in zip(self._state_names, self.progress.state or (), strict=False):
            tensors[f"state.{letter}"] = value.detach().float().cpu().numpy()
        return tensors

    def _restore(self, last: Checkpoint) -> None:
        figures, tensors = last.figures, last.training
        self.network.load_numpy(last.model.weights)
        for name, parameter in self.network.named_parameters():
            if f"step.{name}" in tensors:
                self.optimizer.state[parameter] = {
                    moment: self._on_device(tensors[f"{moment}.{name}"].copy())
                    for moment in ("step", "exp_avg", "exp_avg_sq")
                }
        carried = [
            self._on_device(tensors[f"state.{k}"].copy())
            for k in self._state_names
            if f"state.{k}" in tensors
        ]
        self.progress = _Progress(
            step=figures["step"],
            best_nats=figures["best_val_nats_per_char"],
            best_step=figures["best_step"],
            nats_sum=figures["train_nats_sum"],
            chars_sum=figures["train_chars_sum"],
            seconds=figures["seconds"],
            state=tuple(carried) or None,
        )
        self.metrics.read(up_to_step=self.progress.step)
