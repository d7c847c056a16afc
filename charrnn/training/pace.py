"""Whether a run keeps its time, and how many steps would. Nothing here needs torch, and the clock is the caller's."""

from collections.abc import Callable
from dataclasses import dataclass

from charrnn.config import TrainingConfig
from charrnn.training.schedule import phases_of

BEHIND = 1.2
"""How many times its planned time a run must be going to take to be re-planned, or its time how many times the run's."""
FEWEST_LOOKS = 4
"""Minimum number of times that a run compares its speed with its time."""


@dataclass(frozen=True)
class Forecast:
    """The seconds that a run would take at its present speed, and the total of steps that ends on time."""

    seconds: float
    steps: int


class Timekeeper:
    """Compares the speed of a run with the time that it was planned for.

    It looks from one evaluation to the next, so that each look counts one evaluation and whatever else takes time there.
    The first step does not count: a process needs more time for it.

    A run that was given fewer steps when the machine was busy gets them back when it is free again, but never more than
    were once planned: what limits those may be the text, not the time.

    Args:
        seconds: the planned time of the whole run.
        clock: seconds of training so far: neither a suspended process nor a caller who pauses makes a run late.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.seconds, self._clock = seconds, clock
        self._looked = 0.0
        self._step: int | None = None
        """The step of the latest look; None before the first step."""

    def start(self) -> None:
        """Begin: what comes next is the first step of this process."""
        self._step = None

    def forecast(self, step: int, config: TrainingConfig) -> Forecast | None:
        """When the run would end, looked at after a step; None if that is not due, or its plan holds."""
        every = max(1, min(config.eval_every, config.steps // FEWEST_LOOKS))
        if self._step is None or step < self._step:  # the first one, or the run went back
            self._looked, self._step = self._clock(), step
        if step % every or step == self._step or step >= config.steps:
            return None
        now = self._clock()
        pace = (now - self._looked) / (step - self._step)
        whole_look = step - self._step >= every / 2
        self._looked, self._step = now, step
        expected = now + pace * (config.steps - step)
        phases = phases_of(config)
        most = max(phase.steps for phase in phases)
        late = expected > BEHIND * self.seconds
        early = BEHIND * expected < self.seconds and config.steps < most
        if not (late or early) or not whole_look or step <= phases[-1].begin:
            return None
        in_time = step + max(1, int((self.seconds - now) / pace)) if pace else most
        return Forecast(expected, min(in_time, config.steps if late else most))
