"""A run without an end: a network of bytes that learns from a stream as it comes, one byte after another.

There is no corpus, no epoch and no validation text. Each byte is predicted before it is learned from, so that the cost
of the stream itself is that of text which no weight has seen. Memory does not grow with the stream: of what was read
only the state is left, and how it depends on the weights.

`last.safetensors` has all of that; a run that is resumed goes on as if the stream had not been interrupted.
"""

import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from charrnn.checkpoint import Checkpoint
from charrnn.config import CorpusConfig, ModelConfig, SavingConfig, TrainingConfig, TrainingRequest
from charrnn.errors import CheckpointError, DivergedError, SettingError
from charrnn.model import CharRNN
from charrnn.runs import LAST
from charrnn.schema import (
    FOR_RESUMING,
    FOREVER,
    Figures,
    check_record,
    check_training_tensors,
    current,
)
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.events import Saved, SaveFailed
from charrnn.training.progress import RunProgress
from charrnn.training.record import about_machine, requested, versions
from charrnn.training.rollback import require_finite
from charrnn.training.rtrl import OnlineReplica
from charrnn.training.run_folder import RunFolder

AT_ONCE = 64
"""Bytes that are read before a signal or a save is looked for."""
MOST_ROWS = 10_000
"""Maximum rows of metrics.jsonl: the latest ones."""


class EndlessRun:
    """A network that learns from a stream.

    Args:
        model_config: the network, of bytes.
        config: how it learns.
        folder: where last.safetensors and metrics.jsonl go, locked for this process.
        about: what the checkpoints record of the run.
        saving: how often it is saved.
        resume: the last.safetensors to go on from; None: from the beginning.
        clock: seconds that only grow.

    Raises:
        CheckpointError: the checkpoint is none of such a run.
    """

    def __init__(
        self,
        model_config: ModelConfig,
        config: TrainingConfig,
        folder: Path,
        *,
        about: dict[str, Any],
        saving: SavingConfig,
        resume: Checkpoint | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model_config, self.config = model_config, config
        self.stop_requested = False
        """Set to True to stop before the next bytes."""
        self.progress = RunProgress()
        self.about = about
        self.files = RunFolder(folder, saving.keep)
        self._clock, self._saved_at, self._every = clock, clock(), saving.save_every
        self._replica = OnlineReplica(model_config, config)
        self._before: int | None = None
        if resume:
            self._take_up(resume)

    def _take_up(self, last: Checkpoint) -> None:
        check_record(Figures, last.metrics, "figures", required=FOR_RESUMING)
        check_training_tensors(
            last.training, last.model.weights, self.model_config, self.config, last.metrics
        )
        self.progress = RunProgress.from_metrics(last.metrics)
        self._before = last.run[FOREVER]
        weights = {f"weights.{name}": array for name, array in last.model.weights.items()}
        self._replica.load(weights | dict(last.training))
        self.files.resume(last)

    @property
    def num_bytes(self) -> int:
        """The bytes that were learned from."""
        return self.progress.step

    @property
    def is_untouched(self) -> bool:
        """Whether not one byte was read yet."""
        return self._before is None

    @property
    def bits_per_byte(self) -> float | None:
        """The cost of a byte before it was learned, the mean since the last save; None if there was none."""
        nats = self.progress.train_nats
        return None if nats is None else nats / math.log(2)

    def read(self, content: bytes) -> Iterator[None]:
        """Learn from what follows in the stream; yields after every AT_ONCE bytes, and once if there are none.

        Raises:
            DivergedError: the network predicts nothing any more; the checkpoint on disk is from before.
        """
        for begin in range(0, max(1, len(content)), AT_ONCE):
            part = list(content[begin : begin + AT_ONCE])
            symbols = part if self._before is None else [self._before, *part]
            if len(symbols) > 1:
                self._learn(symbols)
            if symbols:
                self._before = symbols[-1]
            yield

    def _learn(self, symbols: list[int]) -> None:
        began, progress, number = self._clock(), self.progress, len(symbols) - 1
        nats = self._replica.read(itertools.pairwise(symbols), self._rates())
        if not math.isfinite(nats):
            raise DivergedError.naming(
                "the loss became {loss:g} after {count:,} bytes",
                f"try {{learning_rate:{self.config.learning_rate / 10:g}}}; the checkpoint is from before",
                loss=nats,
                count=progress.step,
            )
        progress.step += number
        progress.add(nats / number, number)
        progress.seconds += self._clock() - began

    def _rates(self) -> Iterator[float]:
        """The part of the learning rate at each byte from here on: rising at first, and then all of it."""
        warm_up = max(1, self.config.warmup_steps * self.config.sequence_length)
        return (min(1.0, step / warm_up) for step in itertools.count(self.progress.step + 1))

    def is_due(self) -> bool:
        """Whether it is time to save."""
        if self._every is None or self.files.is_open(LAST):
            return False
        return self._clock() - self._saved_at >= 60 * self._every

    def save(self, *, wait: bool = False) -> list[Saved | SaveFailed]:
        """Save the run, and begin a new mean cost.

        Args:
            wait: whether to return only when it is on the disk.

        Returns:
            What has become of this save, or of the one before.
        """
        progress = self.progress
        require_finite(self._replica.network)
        if progress.chars_sum:
            self.files.metrics.add(
                step=progress.step,
                epoch=0.0,
                train_nats_per_char=progress.train_nats,
                val_nats_per_char=None,
                learning_rate=self.config.learning_rate,
                halvings=0,
                seconds=round(progress.seconds, 3),
            )
            del self.files.metrics.rows[:-MOST_ROWS]
        progress.reset_sums()
        self._saved_at = self._clock()
        self.files.put(LAST, self._checkpoint())
        if wait:
            self.files.wait()
        return self.files.saved()

    def _checkpoint(self) -> Checkpoint:
        network: Any = self._replica.network
        model = CharRNN(self.model_config, Vocabulary.of_bytes(), network.to_numpy())
        metrics = self.progress.as_metrics(0.0) | {"rollback_step": self.progress.step}
        arrays = self._replica.arrays()
        training = {n: a for n, a in arrays.items() if not n.startswith("weights.")}
        about = self.about | {FOREVER: self._before}
        about["corpus"] = about["corpus"] | {"characters": self.progress.step}
        return Checkpoint(model, metrics, about, training)


def settings_of_run(request: TrainingRequest) -> tuple[ModelConfig, TrainingConfig]:
    """The network and the training of a new run.

    Raises:
        SettingError: the gradient is not computed forward in time.
    """
    if request.given.get("gradient") != "rtrl":
        raise SettingError.naming("{forever} only applies with {gradient:rtrl}")
    settled = request.settled
    config = settled.training(reset_every=None, shuffle_length=None)
    return settled.network(vocab_size=len(Vocabulary.of_bytes())), config


def about_endless(
    folder: Path, config: TrainingConfig, request: TrainingRequest, saving: SavingConfig
) -> dict[str, Any]:
    """What the checkpoints of a new run record of it."""
    return {
        "name": folder.name,
        "corpus": {"sources": ["-"], "config": dataclasses.asdict(CorpusConfig(level="byte"))},
        "training": dataclasses.asdict(config),
        "saving": dataclasses.asdict(saving),
        "asked": requested(request),
        "versions": versions(),
        "machine": about_machine(config),
    }


def recorded_settings(last: Checkpoint, request: TrainingRequest) -> TrainingConfig:
    """The training of a run that is resumed.

    Raises:
        CheckpointError: it was no run without an end.
        SettingError: something else is asked for than the run was.
    """
    if FOREVER not in last.run:
        raise CheckpointError.naming(
            "{path} is from a run with an end", "resume it without {forever}", path=last.path
        )
    config = TrainingConfig(**current(last.run["training"]))
    for name, value in request.given.items():
        home = config if hasattr(config, name) else last.model.config
        if getattr(home, name) != value:
            raise SettingError.naming(
                f"the run has {{{name}}} {{known}}, not {{found}}",
                "leave it out, or start a new run without {resume}",
                known=getattr(home, name),
                found=value,
            )
    return config
