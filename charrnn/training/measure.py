"""How fast this machine trains: some seconds of steps on throwaway networks, before a run is planned."""

import dataclasses
import itertools
import math
import statistics
from collections.abc import Callable, Sequence

import torch

from charrnn.config import ModelConfig, Precision, TrainingConfig
from charrnn.network.cells import get_cell
from charrnn.training.machine import (
    may_choose_bfloat16,
    memory_faults,
    require_precision,
    synchronized_clock,
    thread_count,
)
from charrnn.training.network import TorchState, make_network
from charrnn.training.optimizer import Optimizer
from charrnn.training.plan import (
    PROBES,
    Budget,
    Facts,
    Machine,
    Plan,
    Trial,
    Wishes,
    layered,
    make_plan,
    normalized,
    reading,
)
from charrnn.training.step import train_step

TRIAL_SECONDS = 0.4
TRIAL_DROPOUT = 0.1
"""While measuring, where dropout is not decided yet: what costs time is that there is some."""
SLOW_KERNELS = ("GRU", "RNN")
"""Of torch's kernels those that may be slower than charrnn's loop on a processor; the LSTM's was not, where measured."""
GAIN = 1.1
"""How much faster than float32 bfloat16 must be to be chosen, and several threads than one."""

Measure = Callable[[ModelConfig, TrainingConfig], float]
"""The seconds that a training step takes."""


def seconds_per_step(model_config: ModelConfig, config: TrainingConfig) -> float:
    """The time of one training step on this machine, measured on a throwaway network with random symbols.

    The median of as many steps as fit in TRIAL_SECONDS, one at least, after two that warm up.
    """
    device = torch.device(config.device)
    times: list[float] = []
    with thread_count(config.threads), memory_faults(config.batch_size):
        network = make_network(
            model_config,
            config.dropout,
            0,
            device,
            config.kernel,
            recurrent_dropout=config.recurrent_dropout,
        )
        optimizer = Optimizer(network, config)
        shape = (config.sequence_length, config.batch_size)
        generator = torch.Generator().manual_seed(0)
        ids = torch.randint(model_config.vocab_size, shape, generator=generator).to(device)
        state: TorchState = None
        while len(times) < 3 or sum(times[2:]) < TRIAL_SECONDS:
            began = synchronized_clock(device)
            _, state = train_step(network, optimizer, ids, ids, state, config)
            times.append(synchronized_clock(device) - began)
    return statistics.median(times[2:])


def plan_here(
    facts: Facts,
    model_config: ModelConfig,
    config: TrainingConfig,
    budget: Budget,
    wishes: Wishes,
    measure: Measure = seconds_per_step,
) -> Plan:
    """Measure this machine and plan a run for it; see `make_plan`.

    If time is the budget, two networks are measured; from their speeds a size is chosen, and that network measured too.
    """
    model_config = normalized(layered(model_config, wishes), 0.0, wishes)
    tried = dataclasses.replace(
        config,
        batch_size=wishes.batch_size or config.batch_size,
        dropout=TRIAL_DROPOUT if wishes.dropout is None else wishes.dropout,
        recurrent_dropout=TRIAL_DROPOUT
        if wishes.recurrent_dropout is None
        else wishes.recurrent_dropout,
    )
    timed = budget.minutes is not None or budget == Budget()
    if wishes.hidden_size:
        sizes: tuple[int, ...] = (wishes.hidden_size,)
    elif timed:
        sizes = PROBES
    else:
        untimed = Machine("cpu", 1, "float32", "loop", (Trial(1, 1, 1, 1, 1.0),))
        plan = make_plan(facts, untimed, model_config, config, budget, wishes)
        model_config, sizes = plan.model_config, (plan.model_config.hidden_size,)
    machine = try_machine(model_config, _as_read(facts, tried), sizes, measure)
    plan = make_plan(facts, machine, model_config, config, budget, wishes)
    planned = _as_read(facts, plan.config)
    if timed and not machine.has_tried(plan.model_config, planned):
        seconds = min(measure(plan.model_config, planned) for _ in range(2))
        exact = Trial.of(plan.model_config, planned, seconds)
        machine = dataclasses.replace(machine, trials=(*machine.trials, exact))
        plan = make_plan(facts, machine, model_config, config, budget, wishes)
    return plan


def _as_read(facts: Facts, config: TrainingConfig) -> TrainingConfig:
    """The config with the shape that a step on this text has, on average."""
    _, epoch = reading(facts, config)
    shape = epoch.shape
    return dataclasses.replace(
        config, batch_size=shape.batch_size, sequence_length=shape.sequence_length
    )


def try_machine(
    model_config: ModelConfig,
    config: TrainingConfig,
    hidden_sizes: Sequence[int],
    measure: Measure = seconds_per_step,
) -> Machine:
    """Choose precision, kernel and threads for the first size, and measure the others with them.

    Each is measured twice, all once before any for the second time, and the faster one counts: whatever else ran for a
    moment slows down one of the two.

    Args:
        model_config: the network, but for its hidden size.
        config: the run's settings so far; a precision or kernel other than auto, or threads other than 0, are obeyed.
        hidden_sizes: to try.
        measure: what is asked for times.

    Raises:
        EnvironmentFault: the config's precision is bfloat16, and the device has none.
    """
    require_precision(config.precision, torch.device(config.device))
    networks = [dataclasses.replace(model_config, hidden_size=h) for h in hidden_sizes]
    chosen, seconds = _choose_arithmetic(networks[0], config, measure)
    once = [seconds, *(measure(network, chosen) for network in networks[1:])]
    twice = [measure(network, chosen) for network in networks]
    trials = map(Trial.of, networks, itertools.repeat(chosen), map(min, once, twice))
    return Machine(chosen.device, chosen.threads, chosen.precision, chosen.kernel, tuple(trials))


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
        if on_cpu and cell.backward and cell.torch_class in SLOW_KERNELS:
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
