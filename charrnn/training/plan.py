"""Planning a run from a request: the network's size, the steps and the dropout.

A pure function of the size of the text, the speed of the machine and the request. Settings that were given are kept, and
the rest is planned around them; from then on everything is in steps, so that a run can be repeated and resumed. The
constants are the outcome of `benchmarks/sweep.py`. Nothing here needs torch.
"""

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from charrnn.config import (
    BATCH_SIZES,
    DEFAULT_MINUTES,
    LAYERS,
    PATIENCE,
    SUBSAMPLED_LAYERS,
    WARM_UP_PART,
    ModelConfig,
    TrainingConfig,
    TrainingRequest,
)
from charrnn.network.cells import CELLS
from charrnn.training.allowed import SECONDS_BETWEEN, AllowedRun, CorpusSize, allowed_run
from charrnn.training.data import Epoch, one_epoch
from charrnn.training.item_order import BatchShape
from charrnn.training.reasons import plan_sentences
from charrnn.training.speed import Machine, Together

SIZES = (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
"""Hidden sizes that a plan chooses from."""
MOST_NORMALIZED = 15.0
"""Overfitting risk up to which a planned LSTM has layer normalization. It then learns faster; but where a text is read
more often it memorizes more of it."""
PROBES = (256, 512)
"""Hidden sizes measured when the size is planned from a time; the speed of the others follows from their parameters. The
first one decides about precision, kernel and threads."""
WEIGHTS_PER_CHAR = 2.5
"""Maximum parameters per training character: larger networks only memorize the text."""
SMALL = 128
"""Hidden sizes up to this one are exempt from that limit."""
LARGEST_UNTIMED = 512
"""Largest planned hidden size of a run that is not limited by time."""
FEW_STEPS = 450
"""Minimum steps of a normalized network that reads its text a few times only."""
LEAST_STEPS = 1000
"""Minimum steps, at the smallest batch size, before a larger network is chosen."""
FEWEST_STEPS = 1500
"""Minimum steps at a batch size; with fewer, the batch is halved: more, noisier steps learn more."""
DROPOUTS = ((1.0, 0.0, 0.0), (9.0, 0.1, 0.1), (36.0, 0.15, 0.25), (80.0, 0.3, 0.5))
"""Overfitting risk, dropout, weight drop; interpolated in the logarithm of the risk."""


@dataclass(frozen=True)
class Plan:
    """A run, with everything decided, and the time it will take."""

    run: AllowedRun
    config: TrainingConfig
    wanted: BatchShape
    """The shape of its batches, but for a text that is too short for it."""
    request: TrainingRequest
    together: Together | None = None
    """What several processes are worth; None: there is one."""

    @property
    def model_config(self) -> ModelConfig:
        """The network."""
        return self.run.model_config

    @property
    def seconds(self) -> float:
        """The time of all steps and evaluations."""
        run = self.run
        evaluations = run.steps / self.config.eval_every
        return run.steps * run.per_step + evaluations * run.per_evaluation

    @property
    def chars_per_second(self) -> float:
        """The speed of training."""
        return self.run.epoch.characters / self.run.per_step

    @property
    def reasons(self) -> tuple[str, ...]:
        """The run and its reasons in three sentences, and what several processes are worth in a fourth."""
        sentences = plan_sentences(self.run, self.config, self.wanted, self.request, self.seconds)
        return (*sentences, self.together.sentence) if self.together else sentences


def make_plan(
    size: CorpusSize, machine: Machine, network: ModelConfig, request: TrainingRequest
) -> Plan:
    """Decide everything that a request leaves open.

    Args:
        size: the size of the corpus.
        machine: the machine that will train.
        network: the network of the request; its hidden size, layers and normalization are planned if the request leaves
            them open.
        request: the user's request.
    """
    request = with_limit(request)
    network = layered(network, request)
    config = request.training(
        device=machine.device,
        threads=machine.threads,
        precision=machine.precision,
        kernel=machine.kernel,
    )
    run, wanted = _choose_run(size, machine, network, config, request)
    left_open = {n: value for n, value in _planned(run, request).items() if request.leaves_open(n)}
    config = dataclasses.replace(run.config, steps=run.steps, **left_open)
    return Plan(run, config, wanted, request)


def _planned(run: AllowedRun, request: TrainingRequest) -> dict[str, Any]:
    """The settings that follow from a run."""
    dropout, weight_drop = dropouts(run.overfitting_risk)
    if not CELLS[run.model_config.cell].has_recurrent_matrix:
        weight_drop = 0.0
    between = max(1, round(SECONDS_BETWEEN / run.per_step))
    timed = request.epochs is None and request.steps is None  # others make all their steps
    return {
        "dropout": dropout,
        "weight_drop": weight_drop,
        "warmup_steps": min(run.config.warmup_steps, int(WARM_UP_PART * run.steps)),
        "eval_every": min(math.ceil(run.steps / run.evaluations), between),
        "patience": PATIENCE if timed and run.size.val_chars > 1 else None,
    }


def with_limit(request: TrainingRequest) -> TrainingRequest:
    """The request with DEFAULT_MINUTES if it has no limit."""
    return request if request.has_limit else dataclasses.replace(request, minutes=DEFAULT_MINUTES)


def _choose_run(
    size: CorpusSize,
    machine: Machine,
    network: ModelConfig,
    config: TrainingConfig,
    request: TrainingRequest,
) -> tuple[AllowedRun, BatchShape]:
    """The run that the request allows, and the shape of its batches but for a text that is too short for it."""
    batch_sizes = (config.batch_size,) if "batch_size" in request.given else BATCH_SIZES
    sizes = [units for units in SIZES if request.minutes or units <= LARGEST_UNTIMED]
    if "hidden_size" in request.given:
        sizes = [request.given["hidden_size"]]
    for batch_size in batch_sizes:
        wanted = BatchShape(batch_size, config.sequence_length)
        fitting, epoch = reading(size, dataclasses.replace(config, batch_size=batch_size))
        allowed = partial(allowed_run, size, epoch, machine, fitting, request)
        plain = (dataclasses.replace(network, hidden_size=units) for units in reversed(sizes))
        networks = (normalized(one, allowed(one).overfitting_risk, request) for one in plain)
        smallest_batch = batch_size == batch_sizes[-1]
        run = _largest_that_pays(map(allowed, networks), size, smallest_batch=smallest_batch)
        fewest = FEW_STEPS if run.limit == "minutes" and run.reads_seldom else FEWEST_STEPS
        if run.steps >= fewest or run.steps == request.steps:
            break
    return run, wanted


def layered(network: ModelConfig, request: TrainingRequest) -> ModelConfig:
    """The network with its layers: the given number, or the planned one if its size is planned."""
    if "num_layers" in request.given or "hidden_size" in request.given:
        return network
    least = 1 if network.subsample is None else SUBSAMPLED_LAYERS
    return dataclasses.replace(network, num_layers=max(least, LAYERS.get(network.cell, 1)))


def normalized(network: ModelConfig, risk: float, request: TrainingRequest) -> ModelConfig:
    """The network with layer normalization if it was given, or if the size is planned and it helps."""
    if "layer_norm" in request.given or "hidden_size" in request.given:
        return network
    pays = network.cell in LAYERS and risk <= MOST_NORMALIZED
    return dataclasses.replace(network, layer_norm=pays)


def reading(size: CorpusSize, config: TrainingConfig) -> tuple[TrainingConfig, Epoch]:
    """The config with as many and as long batch rows as the text fills, and what one epoch then takes."""
    shape = BatchShape.fitting(size.train_chars, config.batch_size, config.sequence_length)
    config = dataclasses.replace(
        config, batch_size=shape.batch_size, sequence_length=shape.sequence_length
    )
    epoch = one_epoch(
        size.train_chars, shape, size.item_lengths, whole=size.whole_items, times=size.times
    )
    return config, epoch


def dropouts(risk: float) -> tuple[float, float]:
    """Dropout and weight drop for an overfitting risk; see DROPOUTS."""
    risks, *rates = zip(*DROPOUTS, strict=True)
    at = math.log(max(risk, 1e-9))
    dropout, weight_drop = (float(np.interp(at, np.log(risks), rate)) for rate in rates)
    return round(dropout, 2), round(weight_drop, 2)


def _largest_that_pays(
    runs: Iterable[AllowedRun], size: CorpusSize, *, smallest_batch: bool
) -> AllowedRun:
    """The run of the largest network that reads enough for its size in enough steps, or of the smallest.

    Args:
        runs: what the limits allow, the largest network's first.
        size: the size of the corpus.
        smallest_batch: whether there is no smaller batch to try.
    """
    usual = LEAST_STEPS if smallest_batch else 0
    for run in runs:
        small = run.model_config.hidden_size <= SMALL
        fits = small or run.parameters <= WEIGHTS_PER_CHAR * size.train_chars
        fewest = FEW_STEPS if run.reads_seldom else usual
        in_enough_steps = run.limit != "minutes" or run.steps >= fewest  # a smaller one makes more
        if fits and in_enough_steps and run.reads_enough:
            break
    return run
