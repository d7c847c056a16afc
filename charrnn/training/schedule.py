"""The learning rate as a function of the step."""

import math

from charrnn.config import TrainingConfig


def learning_rate(step: int, config: TrainingConfig) -> float:
    """The learning rate at a step, as a part of the largest.

    A straight warm-up, then half a cosine down to `final_learning_rate` at the run's last step.

    Args:
        step: the number of updates made so far.
        config: its largest rates are reached after `warmup_steps`.
    """
    warmth = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    done = step / max(1, config.steps - 1)
    low = config.final_learning_rate
    return warmth * (low + (1 - low) * (1 + math.cos(math.pi * done)) / 2)
