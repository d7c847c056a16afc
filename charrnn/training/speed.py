"""The speed of a machine: steps that were timed, and what they say of other networks. Nothing here needs torch."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.config import Kernel, ModelConfig, Precision, TrainingConfig
from charrnn.network.shapes import count_parameters
from charrnn.wording import counted

SMALL_STEPS = 0.4
"""Time per character grows with this power of the factor by which a batch is smaller."""


WORTH = 1.05
"""How much faster several processes must be than one to be worth their while."""
ALIKE = 4 / 3
"""The largest ratio of the times of trials of the same that are compared with others."""


@dataclass(frozen=True)
class Trial:
    """The time that a training step of one network took."""

    hidden_size: int
    parameters: int
    batch_size: int
    sequence_length: int
    seconds: float

    @classmethod
    def of(cls, model_config: ModelConfig, config: TrainingConfig, seconds: float) -> "Trial":
        """The trial of this network with these settings."""
        size, parameters = model_config.hidden_size, count_parameters(model_config)
        return cls(size, parameters, config.batch_size, config.sequence_length, seconds)

    @property
    def chars(self) -> int:
        """Characters read in the step."""
        return self.batch_size * self.sequence_length

    @property
    def shape(self) -> tuple[int, int, int]:
        """What decides the time of a step: parameters, batch size, sequence length."""
        return self.parameters, self.batch_size, self.sequence_length


@dataclass(frozen=True)
class Machine:
    """The speed of a machine: which arithmetic is fastest, and how fast it is."""

    device: str
    threads: int
    precision: Precision
    kernel: Kernel
    trials: tuple[Trial, ...]

    def has_tried(self, model_config: ModelConfig, config: TrainingConfig) -> bool:
        """Whether a step of this network with these settings was measured."""
        shape = Trial.of(model_config, config, 0.0).shape
        return any(trial.shape == shape for trial in self.trials)

    def seconds_per_step(self, parameters: int, batch_size: int, sequence_length: int) -> float:
        """The time of a step: a measured one, or from those of smaller and larger networks.

        Between two networks the time for a character grows in a straight line with the weights, beyond them in
        proportion to the weights.
        """
        shape = (parameters, batch_size, sequence_length)
        for trial in reversed(self.trials):
            if trial.shape == shape:
                return trial.seconds
        chars = batch_size * sequence_length
        points = sorted({t.parameters: _per_char(t, chars) for t in self.trials}.items())
        weights, times = [point[0] for point in points], [point[1] for point in points]
        if weights[0] < parameters < weights[-1]:
            per_char = float(np.interp(parameters, weights, times))
        else:
            nearest = 0 if parameters <= weights[0] else -1
            per_char = times[nearest] * parameters / weights[nearest]
        return per_char * chars


def _per_char(trial: Trial, chars: int) -> float:
    """The seconds per character, in steps of `chars` characters."""
    slower: float = max(1.0, trial.chars / chars) ** SMALL_STEPS
    return trial.seconds / trial.chars * slower


@dataclass(frozen=True)
class Together:
    """What several processes are worth: the time of a step, measured with all of them and with one, in turn."""

    processes: int
    seconds: Sequence[float]
    alone: Sequence[float]
    """Seconds of a step of one process, with all threads of its machine or with one, whichever is faster."""
    threads: int
    """The threads of that one process; 0: it computes on a GPU."""

    @property
    def sentence(self) -> str:
        """The steps per second relative to those of one process; no figure where other programs distort it."""
        gain = statistics.median(self.alone) / statistics.median(self.seconds)
        differ = any(max(times) > ALIKE * min(times) for times in (self.seconds, self.alone))
        if differ or gain > self.processes * WORTH:
            return (
                f"{self.processes} processes: whether they are faster than one is not measurable now, "
                "as the trials differ"
            )
        one = f"one with {counted(self.threads, 'thread')}" if self.threads else "one"
        times = (
            f"{self.processes} processes: {gain:.2g} times the steps per second of {one} (measured)"
        )
        if gain > WORTH:
            return times
        return f"{times}: one is {'as fast' if gain > 1 / WORTH else 'faster'} here"
