"""The planned steps of a run, and the learning rate as a function of the step.

A run that is re-planned keeps what it was planned for before: the schedule stays a function of the config and the step,
so that a resumed or repeated run gives the same bits.
"""

import dataclasses
import math
from dataclasses import dataclass
from itertools import pairwise

from charrnn.config import WARM_UP_PART, TrainingConfig


@dataclass(frozen=True)
class Phase:
    """The total of steps that counts from a step on."""

    begin: int
    steps: int


def phases_of(config: TrainingConfig) -> list[Phase]:
    """The phases of a run, the first one first."""
    begins = [0, *(at for at, _ in config.replanned)]
    totals = [*(before for _, before in config.replanned), config.steps]
    return [Phase(*of) for of in zip(begins, totals, strict=True)]


def replanned(config: TrainingConfig, step: int, steps: int) -> TrainingConfig:
    """The config of a run that is planned for another number of steps from a step on."""
    kept = [(at, before) for at, before in config.replanned if at < step]
    before = phases_of(config)[len(kept)].steps
    history = (*kept, (step, before)) if step else ()
    return dataclasses.replace(config, steps=steps, replanned=history)


def extensions_of(config: TrainingConfig) -> set[int]:
    """The steps at which a run was made longer."""
    return {new.begin for old, new in pairwise(phases_of(config)) if new.steps > old.steps}


def ends_of(config: TrainingConfig) -> set[int]:
    """The last steps of the run as it was planned and came about; each is evaluated."""
    changes = pairwise(phases_of(config))
    return {config.steps, *(old.steps for old, new in changes if new.begin == old.steps)}


def learning_rate(step: int, config: TrainingConfig) -> float:
    """The learning rate at a step, as a part of the largest.

    A straight warm-up, then half a cosine down to `final_rate_fraction` at the run's last step. From where a run was
    made longer, the cosine is that of the new total, to which the rate rises in as many steps as it once warmed up; from
    where it was made shorter, the rest of the cosine is gone through faster.

    Args:
        step: the number of updates made so far.
        config: its largest rates are reached after `warmup_steps`.
    """
    warmth = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    phases = [phase for phase in phases_of(config) if phase.begin <= step]
    return warmth * _cooled(step, phases, config)


def _cooled(step: int, phases: list[Phase], config: TrainingConfig) -> float:
    """The rate without the first warm-up, by the last of these phases."""
    low = config.final_rate_fraction
    rate = low + (1 - low) * (1 + math.cos(math.pi * _part_done(step, phases))) / 2
    longer = [k for k in range(1, len(phases)) if phases[k].steps > phases[k - 1].steps]
    if not longer:
        return rate
    begin, steps = phases[longer[-1]].begin, phases[longer[-1]].steps
    rise = min(config.warmup_steps, int(WARM_UP_PART * (steps - begin)))
    if step >= begin + rise:
        return rate
    before = _cooled(begin - 1, phases[: longer[-1]], config)
    return before + (rate - before) * (step - begin + 1) / (rise + 1)


def _part_done(step: int, phases: list[Phase]) -> float:
    """The part of the cosine that lies behind a step, by the last of these phases: 0 to 1."""
    *before, phase = phases
    if not before or phase.steps > before[-1].steps:
        return step / max(1, phase.steps - 1)
    done = _part_done(phase.begin, before)
    return done + (1 - done) * (step - phase.begin) / max(1, phase.steps - 1 - phase.begin)
