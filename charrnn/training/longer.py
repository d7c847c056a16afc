"""Another limit for a run that is continued: it is re-planned from where it is."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from charrnn.config import TrainingConfig, TrainingRequest
from charrnn.schema import current
from charrnn.settings import settings_of
from charrnn.wording import counted, duration

if TYPE_CHECKING:
    from charrnn.training.trainer import Trainer

LIMITS = tuple(settings_of(TrainingRequest))
"""The names of the limits of a run: minutes, epochs, steps."""


def limits_of(run: Mapping[str, Any]) -> dict[str, float]:
    """The limits that a run was given."""
    asked = current(run.get("asked", {}))
    return {name: asked[name] for name in LIMITS if asked.get(name) is not None}


def new_limits(
    request: TrainingRequest, run: Mapping[str, Any], config: TrainingConfig
) -> dict[str, float]:
    """The limits that are asked for now, all of them totals; none if they are those of the run.

    Args:
        request: what is asked for.
        run: what the run has recorded.
        config: the run's settings.
    """
    own = limits_of(run)
    given = {n: limit for n in LIMITS if (limit := getattr(request, n)) is not None}
    known = [
        own.get(n) == limit or (n, limit) == ("steps", config.steps) for n, limit in given.items()
    ]
    return {} if all(known) else given


def train_longer(trainer: "Trainer", limits: Mapping[str, float]) -> str:
    """Plan the rest of a run anew; how, in a sentence, or "" if it has reached one of the limits already."""
    done, before = trainer.progress.step, trainer.config.steps
    steps = _total_steps(trainer, limits)
    if steps <= done:
        return ""
    trainer.replan(steps)
    asked = {n: v for n, v in trainer.metadata.get("asked", {}).items() if n not in LIMITS}
    trainer.metadata["asked"] = {**asked, **limits}
    peak = _highest_rate(trainer.config, done)
    then = (
        f"the learning rate rises to {100 * peak:.0f} % of its peak"
        if steps > before
        else ("the learning rate falls faster")
    )
    more = counted(steps - done, "more step")
    return f"{more} after {done:,} of {before:,}, {steps:,} in total: {then}"


def _total_steps(trainer: "Trainer", limits: Mapping[str, float]) -> int:
    """The steps of the whole run that these limits allow."""
    progress = trainer.progress
    totals = []
    if "steps" in limits:
        totals.append(int(limits["steps"]))
    if "epochs" in limits:
        totals.append(round(limits["epochs"] * trainer.batches.steps_per_epoch))
    if "minutes" in limits:
        left = 60 * limits["minutes"] - progress.seconds
        totals.append(progress.step + int(left / _seconds_per_step(trainer)))
    return min(totals)


def _seconds_per_step(trainer: "Trainer") -> float:
    """The time of a step: in the run so far, evaluations included, or else measured now."""
    from charrnn.training.measure import seconds_per_step

    progress = trainer.progress
    if progress.step and progress.seconds:
        return progress.seconds / progress.step
    return seconds_per_step(trainer.model_config, trainer.config)


def _highest_rate(config: TrainingConfig, step: int) -> float:
    """The highest learning rate from a step on, as a part of the largest."""
    from charrnn.training.schedule import learning_rate

    soon = min(config.steps, step + config.warmup_steps + 1)
    return max(learning_rate(k, config) for k in range(step, soon))


def amount_done(trainer: "Trainer") -> str:
    """What a run that has reached a limit has behind it: "24 steps (1.2 epochs) in 0:05"."""
    progress = trainer.progress
    epochs = counted(float(f"{trainer.epoch:.3g}"), "epoch")
    return f"{counted(progress.step, 'step')} ({epochs}) in {duration(progress.seconds)}"
