"""From a budget to a run: how many steps, at which precision, on how many threads, with how much dropout.

The machine is measured for a second or two; from then on everything is in steps, so that a run can be repeated and
resumed. What the user gave is obeyed, and the rest planned around it.
"""

import dataclasses
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch

from charrnn.cells import get_cell
from charrnn.config import ModelConfig, Precision, TrainingConfig
from charrnn.text.lines import Positions
from charrnn.training.batches import LaneShape, one_epoch
from charrnn.training.machine import (
    may_choose_bfloat16,
    memory_faults,
    synchronized_clock,
    thread_count,
)
from charrnn.training.network import TorchState, make_network
from charrnn.training.step import make_optimizer, train_step
from charrnn.training.trainer import EVALUATED_CHARS

DEFAULT_MINUTES = 5.0
EVALUATIONS = 12
"""In a run, at least; a long run evaluates every SECONDS_BETWEEN."""
SECONDS_BETWEEN = 120.0
TRIAL_SECONDS = 0.8
TRIAL_DROPOUT = 0.1
"""While measuring, as long as the dropout is not planned yet: what costs time is that there is some."""
SLOW_KERNELS = ("GRU", "RNN")
"""Of torch's kernels those that may be slower than charrnn's loop on a processor; the LSTM's was not, where measured."""
GAIN = 1.1
"""How much faster than float32 bfloat16 must be to be chosen, and several threads than one."""
OVERHEAD = 1.1
"""Time of a step in the run, as a multiple of its time in the trial: the run also reads text, shows progress, saves."""
FORWARD_PART = 0.4
"""Time to read a character, as a part of the time to train on it."""
DROPOUT_BY_EPOCHS = ((6.0, 0.0), (10.0, 0.1), (16.0, 0.2), (math.inf, 0.3))
"""Up to so many epochs, so much dropout: a text read more often is learnt by heart more easily."""


Measure = Callable[[ModelConfig, TrainingConfig], float]
"""The seconds that a training step takes."""


@dataclass(frozen=True)
class Budget:
    """How long to train; the first that runs out ends the run. All None: DEFAULT_MINUTES."""

    minutes: float | None = None
    epochs: float | None = None
    steps: int | None = None


@dataclass(frozen=True)
class Facts:
    """What is known of the text: symbols to train on and to validate on."""

    train_chars: int
    val_chars: int
    item_lengths: Positions | None = None
    """In a text of lines those of the lines to train on, the newline counted."""


@dataclass(frozen=True)
class Plan:
    """A run, and what it will take."""

    config: TrainingConfig
    epochs: float
    seconds: float
    chars_per_second: float
    notes: tuple[str, ...] = ()
    lines_per_step: int | None = None
    """About, in a text of lines."""


def make_plan(
    facts: Facts,
    model_config: ModelConfig,
    config: TrainingConfig,
    budget: Budget,
    *,
    dropout: float | None = None,
    measure: Measure | None = None,
) -> Plan:
    """Fix everything that a budget leaves open.

    Args:
        facts: of the text.
        model_config: the network.
        config: the settings so far; `steps`, `warmup_steps` and `eval_every` are planned, `precision` too if it is auto,
            `threads` if 0, `kernel` if auto.
        budget: how long.
        dropout: obeyed if given, else chosen by the number of epochs.
        measure: seconds a step takes; the default tries it on this machine. Planning itself is a pure function of it.
    """
    measure = measure or seconds_per_step
    shape = LaneShape.fitting(facts.train_chars, config.batch_size, config.sequence_length)
    notes = _shape_notes(facts, config, shape)
    epoch = one_epoch(facts.train_chars, shape, facts.item_lengths)
    tried = dataclasses.replace(config, dropout=TRIAL_DROPOUT if dropout is None else dropout)
    config, in_trial = _choose_arithmetic(model_config, _shaped(tried, epoch.shape), measure)
    config = _shaped(config, shape)
    per_step = in_trial * OVERHEAD
    chars, steps_per_epoch = epoch.characters, epoch.steps
    per_evaluation = min(facts.val_chars, EVALUATED_CHARS) * per_step / chars * FORWARD_PART
    steps = _steps(budget, per_step, per_evaluation, steps_per_epoch)
    epochs = steps / steps_per_epoch
    if dropout is None:
        dropout = next(d for most, d in DROPOUT_BY_EPOCHS if epochs <= most)
    eval_every = max(1, min(math.ceil(steps / EVALUATIONS), math.ceil(SECONDS_BETWEEN / per_step)))
    config = dataclasses.replace(
        config,
        steps=steps,
        dropout=dropout,
        warmup_steps=min(config.warmup_steps, steps // 10),
        eval_every=eval_every,
    )
    seconds = steps * per_step + steps / eval_every * per_evaluation
    return Plan(config, epochs, seconds, chars / per_step, notes, epoch.items)


def _shaped(config: TrainingConfig, shape: LaneShape) -> TrainingConfig:
    return dataclasses.replace(
        config, batch_size=shape.batch_size, sequence_length=shape.sequence_length
    )


def _shape_notes(facts: Facts, config: TrainingConfig, shape: LaneShape) -> tuple[str, ...]:
    if (shape.batch_size, shape.sequence_length) == (config.batch_size, config.sequence_length):
        return ()
    note = (
        f"{facts.train_chars:,} characters to train on are too few for {config.batch_size} lanes of "
        f"{config.sequence_length}: using {shape.batch_size} of {shape.sequence_length}"
    )
    return (note,)


def _steps(budget: Budget, per_step: float, per_evaluation: float, steps_per_epoch: float) -> int:
    minutes = budget.minutes
    if (budget.minutes, budget.epochs, budget.steps) == (None, None, None):
        minutes = DEFAULT_MINUTES
    limits: list[float] = []
    if minutes is not None:
        evaluations = max(EVALUATIONS, minutes * 60 / SECONDS_BETWEEN)
        limits.append((minutes * 60 - evaluations * per_evaluation) / per_step)
    if budget.epochs is not None:
        limits.append(budget.epochs * steps_per_epoch)
    if budget.steps is not None:
        limits.append(budget.steps)
    return max(1, round(min(limits)))


def _choose_arithmetic(
    model_config: ModelConfig, config: TrainingConfig, measure: Measure
) -> tuple[TrainingConfig, float]:
    """The config with a definite precision, kernel and number of threads, and the seconds that a step takes so.

    One thread is tried too: where another program keeps a core busy, threads that wait for each other at every time step
    are many times slower than one that waits for nobody.
    """
    device = torch.device(config.device)
    on_cpu = device.type == "cpu"
    threads = config.threads or (torch.get_num_threads() if on_cpu else 0)
    precisions: list[Precision] = ["float32"] if config.precision == "auto" else [config.precision]
    if config.precision == "auto" and may_choose_bfloat16(device):
        precisions.append("bfloat16")
    best, per_step = config, math.inf
    for precision in precisions:
        tried = dataclasses.replace(config, precision=precision, threads=threads)
        seconds = measure(model_config, tried)
        if seconds * GAIN <= per_step or per_step == math.inf:
            best, per_step = tried, seconds
    cell = get_cell(model_config.cell, model_config.activation)
    if config.kernel == "auto":
        best = dataclasses.replace(best, kernel="fused" if cell.torch_class else "loop")
        if on_cpu and cell.back and cell.torch_class in SLOW_KERNELS:
            tried = dataclasses.replace(best, kernel="loop")
            seconds = measure(model_config, tried)
            if seconds < per_step:
                best, per_step = tried, seconds
    if on_cpu and not config.threads and threads > 1:
        tried = dataclasses.replace(best, threads=1)
        seconds = measure(model_config, tried)
        if seconds <= per_step * GAIN:
            best, per_step = tried, seconds
    return best, per_step


def seconds_per_step(model_config: ModelConfig, config: TrainingConfig) -> float:
    """The time of one training step on this machine, measured on a throwaway network with random symbols.

    The median of as many steps as fit in TRIAL_SECONDS, one at least, after two that warm up.
    """
    device = torch.device(config.device)
    times: list[float] = []
    with thread_count(config.threads), memory_faults(config.batch_size):
        network = make_network(model_config, config.dropout, 0, device, config.kernel)
        optimizer = make_optimizer(network, config)
        shape = (config.sequence_length, config.batch_size)
        generator = torch.Generator().manual_seed(0)
        ids = torch.randint(model_config.vocab_size, shape, generator=generator).to(device)
        state: TorchState = None
        while len(times) < 3 or sum(times[2:]) < TRIAL_SECONDS:
            began = synchronized_clock(device)
            _, state = train_step(network, optimizer, ids, ids, state, config)
            times.append(synchronized_clock(device) - began)
    return statistics.median(times[2:])
