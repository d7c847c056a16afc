"""How fast this machine trains: some seconds of steps on throwaway networks, before a run is planned."""

import dataclasses
import itertools
import statistics
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from operator import itemgetter
from typing import Any

import numpy as np
import torch

from charrnn.config import Kernel, ModelConfig, Precision, TrainingConfig, TrainingRequest
from charrnn.network.cells import cell_of
from charrnn.training.allowed import CorpusSize
from charrnn.training.feed import Losses
from charrnn.training.machine import (
    may_choose_bfloat16,
    memory_faults,
    require_precision,
    synchronized_clock,
    thread_count,
)
from charrnn.training.plan import (
    PROBES,
    Plan,
    layered,
    make_plan,
    normalized,
    reading,
    with_limit,
)
from charrnn.training.ranks import apart, here, num_cores
from charrnn.training.replica import rows_in, rows_of
from charrnn.training.rtrl import make_replica
from charrnn.training.speed import Machine, Together, Trial

TRIAL_SECONDS = 0.4
LONGEST_TRIAL = 4.0
"""Seconds, without the first step, after which a trial ends with the steps that it has, even if they were to warm up."""
SLOW = 2.0
"""Seconds of a step from which on it is not measured twice: trials would take minutes."""
MOST_LOGITS = 1 << 27
"""Logits of a step beyond which almost all of its time is the head's: it is measured on fewer batch rows, to which that
is proportional, and neither a kernel nor one thread is tried for it."""
FAR_BEHIND = 3.0
"""How many times slower than the fastest a way is that is not measured again."""
ROUNDS = 3
"""Trials of several processes, and of one of them alone."""
TRIAL_DROPOUT = 0.1
"""Dropout while measuring, before it is planned; any rate above 0 takes the same time."""
SLOW_KERNELS = ("GRU", "RNN")
"""torch's kernels that may be slower than charrnn's loop on a processor; the LSTM's was not, where measured."""
GAIN = 1.1
"""How much faster than float32 bfloat16 must be to be chosen, and several threads than one."""

Measure = Callable[[ModelConfig, TrainingConfig], float]
"""Measures the seconds that a training step takes."""
CHOSEN = ("precision", "kernel", "threads")
"""Settings that are chosen by measurement unless they were given."""


def seconds_per_step(model_config: ModelConfig, config: TrainingConfig, batch: Any = None) -> float:
    """The time of one training step on this machine, measured on a throwaway network.

    The median of as many steps as fit in TRIAL_SECONDS, one at least, after two that warm up. Where the second one alone
    takes LONGEST_TRIAL, it counts. A step with more than MOST_LOGITS is measured on some of its batch rows.

    Args:
        model_config: the network.
        config: how it is trained.
        batch: what a step reads, and its targets; None: random symbols.
    """
    device = torch.device(config.device)
    at_once = Losses(device).at_once  # as a run, which does not wait after each step either
    times: list[float] = []
    if batch is None:
        shape = (config.sequence_length, config.batch_size)
        ids = np.random.default_rng(0).integers(model_config.vocab_size, size=shape)
        batch = ids, ids
    rows = rows_in(batch[0])
    few = min(rows, max(here().size, rows * MOST_LOGITS // _num_logits(model_config, config)))
    batch = batch if few == rows else rows_of(batch, slice(0, few))
    with (
        thread_count(config.threads),
        memory_faults(config.batch_size),
        closing(make_replica(model_config, dataclasses.replace(config, seed=0))) as replica,
    ):
        while at_once * sum(times[2:]) < TRIAL_SECONDS and at_once * sum(times[1:]) < LONGEST_TRIAL:
            began = synchronized_clock(device)
            for _ in range(at_once):
                replica.step(len(times), batch, 1.0)
            times.append((synchronized_clock(device) - began) / at_once)
    return statistics.median(times[2:] or times[-1:]) * rows / few


def _num_logits(network: ModelConfig, config: TrainingConfig) -> int:
    """The numbers that the head gives in a step."""
    return config.batch_size * config.sequence_length * network.vocab_size


def plan_here(
    size: CorpusSize,
    network: ModelConfig,
    request: TrainingRequest,
    device: str,
    measure: Measure = seconds_per_step,
) -> Plan:
    """Measure this machine and plan a run for it; see `make_plan`.

    If time is the limit, two networks are measured; from their speeds a size is chosen, and that network measured too.
    """
    request = with_limit(request)
    network = normalized(layered(network, request), 0.0, request)
    tried = dataclasses.replace(
        request.training(device=device, dropout=TRIAL_DROPOUT, weight_drop=TRIAL_DROPOUT),
        device=device,
    )
    left_open = [name for name in CHOSEN if request.leaves_open(name)]
    timed = request.minutes is not None
    sizes: Sequence[int] = PROBES
    if not request.leaves_open("hidden_size"):
        sizes = (request.given["hidden_size"],)
    elif not timed:
        untimed = Machine("cpu", 1, "float32", "loop", (Trial(1, 1, 1, 1, 1.0),))
        network = make_plan(size, untimed, network, request).model_config
        sizes = (network.hidden_size,)
    machine = try_machine(network, _as_read(size, tried), sizes, measure, choose=left_open)
    plan = make_plan(size, machine, network, request)
    planned = _as_read(size, plan.config)
    if timed and not machine.has_tried(plan.model_config, planned):
        seconds = _measured(measure, plan.model_config, planned)
        exact = Trial.of(plan.model_config, planned, seconds)
        machine = dataclasses.replace(machine, trials=(*machine.trials, exact))
        plan = make_plan(size, machine, network, request)
    if here().size > 1:
        planned = _as_read(size, plan.config)
        plan = dataclasses.replace(plan, together=_together(plan.model_config, planned, measure))
    return plan


def _measured(measure: Measure, network: ModelConfig, config: TrainingConfig) -> float:
    """The faster of two trials of a network; a SLOW one is not repeated."""
    seconds = measure(network, config)
    return seconds if seconds >= SLOW else min(seconds, measure(network, config))


def _together(network: ModelConfig, config: TrainingConfig, measure: Measure) -> Together:
    """What the processes that train together are worth: they, and one of them alone, are measured in turn."""
    threads = [num_cores(), 1] if config.device == "cpu" else [config.threads]
    ways = [dataclasses.replace(config, threads=count) for count in dict.fromkeys(threads)]
    together, alone = [], []
    for _ in range(ROUNDS):
        together.append(measure(network, config))
        with apart():
            times = [(measure(network, way), way) for way in ways]
        fastest, way = min(times, key=itemgetter(0))
        alone.append(fastest)
        ways = [way]
        if together[-1] >= SLOW:
            break
    of_one = way.threads if config.device == "cpu" else 0
    return Together(here().size, together, alone, of_one)


def _as_read(size: CorpusSize, config: TrainingConfig) -> TrainingConfig:
    """The config with the shape that a step on this text has, on average."""
    _, epoch = reading(size, config)
    shape = epoch.shape
    return dataclasses.replace(
        config, batch_size=shape.batch_size, sequence_length=shape.sequence_length
    )


def try_machine(
    model_config: ModelConfig,
    config: TrainingConfig,
    hidden_sizes: Sequence[int],
    measure: Measure = seconds_per_step,
    *,
    choose: Collection[str] = CHOSEN,
) -> Machine:
    """Choose precision, kernel and threads for the first size, and measure the others with them.

    Each is measured twice, all once before any for the second time, and the faster one counts: whatever else ran for a
    moment slows down one of the two. Where a step is SLOW, the first size stands for the others.

    Args:
        model_config: the network, but for its hidden size.
        config: the run's settings so far.
        hidden_sizes: the sizes to try.
        measure: measures a step.
        choose: which of precision, kernel and threads are chosen here; the others are as in the config.

    Raises:
        EnvironmentFault: the config's precision is bfloat16, and the device has none.
    """
    require_precision(config.precision, torch.device(config.device))
    networks = [dataclasses.replace(model_config, hidden_size=h) for h in hidden_sizes]
    chosen, seconds = _choose_arithmetic(networks[0], config, measure, choose)
    if seconds >= SLOW:
        networks = networks[:1]
    once = [seconds, *(measure(network, chosen) for network in networks[1:])]
    twice = [
        first if first >= SLOW else measure(network, chosen)
        for network, first in zip(networks, once, strict=True)
    ]
    trials = map(Trial.of, networks, itertools.repeat(chosen), map(min, once, twice))
    return Machine(chosen.device, chosen.threads, chosen.precision, chosen.kernel, tuple(trials))


def _choose_arithmetic(
    network: ModelConfig, config: TrainingConfig, measure: Measure, choose: Collection[str]
) -> tuple[TrainingConfig, float]:
    """The config with precision, kernel and threads chosen, and the seconds that a step then takes.

    All ways are measured once before any is measured again, and the faster time of each counts. Those that are far
    behind, or SLOW, are not measured again.
    """
    ways = _ways(network, config, choose)
    times = [measure(network, way) for way in ways]
    if len(ways) == 1:
        return ways[0], times[0]
    in_reach = min(SLOW, FAR_BEHIND * min(times))
    for k, way in enumerate(ways):
        if times[k] <= in_reach:
            times[k] = min(times[k], measure(network, way))
    best = min(range(len(ways)), key=lambda k: times[k] * _gain_needed(ways[k]))
    return ways[best], times[best]


def _ways(
    network: ModelConfig, config: TrainingConfig, choose: Collection[str]
) -> list[TrainingConfig]:
    """The config with each precision, kernel and number of threads that may be the fastest.

    One thread is among them: where another program keeps a core busy, threads that wait for each other at every time
    step are many times slower than one that waits for none. With more than MOST_LOGITS neither it nor the loop is.
    """
    is_large = _num_logits(network, config) > MOST_LOGITS
    on_cpu = config.device == "cpu"
    cell = cell_of(network)
    precisions: list[Precision] = [config.precision]
    kernels: list[Kernel] = [config.kernel]
    threads = [config.threads]
    if "precision" in choose:
        may_be_bfloat16 = may_choose_bfloat16(torch.device(config.device))
        precisions = ["float32", "bfloat16"] if may_be_bfloat16 else ["float32"]
    if "kernel" in choose:
        kernels = ["fused" if cell.torch_class else "loop"]
        if on_cpu and cell.backward and cell.torch_class in SLOW_KERNELS and not is_large:
            kernels.append("loop")
    if "threads" in choose:
        threads = [torch.get_num_threads()]
        if on_cpu and threads[0] > 1 and not is_large:
            threads.append(1)
    return [
        dataclasses.replace(config, precision=precision, kernel=kernel, threads=count)
        for precision, kernel, count in itertools.product(precisions, kernels, threads)
    ]


def _gain_needed(way: TrainingConfig) -> float:
    """How much faster than the plainest way this one must be to be chosen."""
    return (GAIN if way.precision == "bfloat16" else 1.0) * (GAIN if way.threads > 1 else 1.0)
