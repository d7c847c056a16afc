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

from charrnn.config import Kernel, ModelConfig, Precision, TrainingConfig, TrainingRequest
from charrnn.network.shapes import count_parameters
from charrnn.text.items import Positions
from charrnn.training.data import BatchShape, Epoch, one_epoch
from charrnn.wording import counted, rounded_count

DEFAULT_MINUTES = 5.0
"""Training time if a request has no limit."""
EVALUATED_CHARS = 1 << 18
"""Maximum validation characters scored in one evaluation."""
EVALUATIONS = 12
"""Evaluations of a run that is not limited by time."""
FEWEST_EVALUATIONS, MOST_EVALUATIONS = 5, 24
"""Bounds on the evaluations of a run that is limited by time."""
EVALUATION_PART = 0.02
"""Fraction of the time that evaluations may take, within those bounds."""
SECONDS_BETWEEN = 120.0
"""Maximum seconds between two evaluations."""
OVERHEAD = 1.02
"""Time of a step in the run relative to a step in the trial: the run also reads text, shows progress and saves."""
FORWARD_PART = 0.3
"""Time to read a character relative to the time to train on it."""

SIZES = (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
"""Hidden sizes that a plan chooses from."""
LAYERS = {"lstm": 2}
"""Layers of a network whose size is planned, by cell (default 1)."""
MOST_NORMALIZED = 15.0
"""Overfitting risk up to which a planned LSTM has layer normalization. It then learns faster; but where a text is read
more often it memorizes more of it."""
PROBES = (512, 256)
"""Hidden sizes measured when the size is planned from a time; the speed of the others follows from their parameters."""
WEIGHTS_PER_CHAR = 2.5
"""Maximum parameters per training character: larger networks only memorize the text."""
LARGE = 128
"""Hidden sizes up to this one are exempt from that limit."""
LARGEST_UNTIMED = 512
"""Largest planned hidden size of a run that is not limited by time."""
CHARS_PER_PARAMETER = 5.5
"""Characters a run must read for each parameter; with fewer, a smaller network learns more."""
LEAST_STEPS = 1000
"""Minimum steps, at the smallest batch size, before a larger network is chosen."""
BATCH_SIZES = (64, 32)
SMALL_STEPS = 0.4
"""Time per character grows with this power of the factor by which a batch is smaller."""
FEWEST_STEPS = 1500
"""Minimum steps at a batch size; with fewer, the batch is halved: more, noisier steps learn more."""
SELDOM, FEW_STEPS = 8.0, 450
"""Overfitting risk up to which the number of characters counts more than that of steps, and the minimum steps of a
normalized network then."""
DROPOUTS = ((1.0, 0.0, 0.0), (9.0, 0.1, 0.1), (36.0, 0.15, 0.25), (80.0, 0.3, 0.5))
"""Overfitting risk, dropout, weight drop; interpolated in the logarithm of the risk."""
MOST_EPOCHS = 150.0
ENOUGH_STEPS = 3000
"""A run ends after MOST_EPOCHS if they are at least this many steps, even if time is left."""
PATIENCE = 6
"""Evaluations without improvement after which a run that is limited by time ends early."""


@dataclass(frozen=True)
class CorpusSize:
    """The size of a corpus in characters."""

    train_chars: int
    val_chars: int
    item_lengths: Positions | None = None
    """The lengths of the training lines, newlines included, in a corpus of lines."""


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
    threads: int | None
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
class Plan:
    """A run, and the time it will take."""

    model_config: ModelConfig
    config: TrainingConfig
    epochs: float
    seconds: float
    chars_per_second: float
    reasons: tuple[str, ...] = ()
    """Why the run is planned so, and notes, in sentences."""
    items_per_step: int | None = None
    """Approximate lines read in a step, in a corpus of lines."""


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
    dropout, weight_drop = dropouts(run.overfitting_risk)
    between = max(1, round(SECONDS_BETWEEN / run.per_step))
    planned: dict[str, Any] = {
        "dropout": dropout,
        "weight_drop": weight_drop,
        "warmup_steps": min(config.warmup_steps, run.steps // 10),
        "eval_every": min(math.ceil(run.steps / run.evaluations), between),
        "patience": _patience(size, request),
    }
    left_open = {name: value for name, value in planned.items() if request.leaves_open(name)}
    config = dataclasses.replace(run.config, steps=run.steps, **left_open)
    return Plan(
        run.model_config,
        config,
        run.epochs,
        run.steps * run.per_step + run.steps / config.eval_every * run.per_evaluation,
        run.epoch.characters / run.per_step,
        _reasons(size, run, config, wanted, request),
        run.epoch.lines,
    )


def with_limit(request: TrainingRequest) -> TrainingRequest:
    """The request with DEFAULT_MINUTES if it has no limit."""
    return request if request.has_limit else dataclasses.replace(request, minutes=DEFAULT_MINUTES)


def _choose_run(
    size: CorpusSize,
    machine: Machine,
    network: ModelConfig,
    config: TrainingConfig,
    request: TrainingRequest,
) -> "tuple[_Run, TrainingConfig]":
    """The run that the request allows, and its config before the text was found too short for its batches."""
    batch_sizes = (config.batch_size,) if "batch_size" in request.given else BATCH_SIZES
    sizes = [units for units in SIZES if request.minutes or units <= LARGEST_UNTIMED]
    if "hidden_size" in request.given:
        sizes = [request.given["hidden_size"]]
    for batch_size in batch_sizes:
        wanted = dataclasses.replace(config, batch_size=batch_size)
        fitting, epoch = reading(size, wanted)
        allowed = partial(_allowed_run, size, epoch, machine, fitting, request)
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
    return dataclasses.replace(network, num_layers=LAYERS.get(network.cell, 1))


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
    return config, one_epoch(size.train_chars, shape, size.item_lengths)


def _patience(size: CorpusSize, request: TrainingRequest) -> int | None:
    """Evaluations to wait for an improvement; None for a run with a number of steps or epochs, which makes them all."""
    timed = request.epochs is None and request.steps is None
    return PATIENCE if timed and size.val_chars > 1 else None


def overfitting_risk(epochs: float, parameters: int, train_chars: int) -> float:
    """The risk that a network memorizes its text: the epochs, times the parameters per character where above 1."""
    return epochs * max(1.0, parameters / train_chars)


def dropouts(risk: float) -> tuple[float, float]:
    """Dropout and weight drop for an overfitting risk; see DROPOUTS."""
    risks, *rates = zip(*DROPOUTS, strict=True)
    at = math.log(max(risk, 1e-9))
    dropout, weight_drop = (float(np.interp(at, np.log(risks), rate)) for rate in rates)
    return round(dropout, 2), round(weight_drop, 2)


@dataclass(frozen=True)
class _Run:
    """What the limits of a request allow with one network."""

    model_config: ModelConfig
    config: TrainingConfig
    epoch: Epoch
    steps: int
    chars: float
    """Characters read in the whole run."""
    epochs: float
    overfitting_risk: float
    per_step: float
    per_evaluation: float
    evaluations: int
    limit: str
    """What ends it: "minutes", "epochs", "steps", or "enough" where there is time for more epochs than are of use."""

    @property
    def reads_seldom(self) -> bool:
        """Whether the number of characters counts more than that of steps."""
        return self.model_config.layer_norm and self.overfitting_risk <= SELDOM


def _largest_that_pays(runs: Iterable[_Run], size: CorpusSize, *, smallest_batch: bool) -> _Run:
    """The run of the largest network that reads enough for its size in enough steps, or of the smallest.

    Args:
        runs: what the limits allow, the largest network's first.
        size: the size of the corpus.
        smallest_batch: whether there is no smaller batch to try.
    """
    usual = LEAST_STEPS if smallest_batch else 0
    for run in runs:
        units, parameters = run.model_config.hidden_size, count_parameters(run.model_config)
        fits = units <= LARGE or parameters <= WEIGHTS_PER_CHAR * size.train_chars
        fewest = FEW_STEPS if run.reads_seldom else usual
        in_enough_steps = run.limit != "minutes" or run.steps >= fewest  # a smaller one makes more
        if fits and in_enough_steps and run.chars >= CHARS_PER_PARAMETER * parameters:
            break
    return run


def _allowed_run(
    size: CorpusSize,
    epoch: Epoch,
    machine: Machine,
    config: TrainingConfig,
    request: TrainingRequest,
    network: ModelConfig,
) -> _Run:
    """The run that the limits of a request allow this network."""
    parameters, shape = count_parameters(network), epoch.shape
    per_step = OVERHEAD * machine.seconds_per_step(
        parameters, shape.batch_size, shape.sequence_length
    )
    per_char = FORWARD_PART * per_step / epoch.characters
    per_evaluation = per_char * min(size.val_chars, EVALUATED_CHARS)
    limits: dict[str, float] = {}
    evaluations = EVALUATIONS
    if request.minutes is not None:
        seconds = request.minutes * 60
        affordable = EVALUATION_PART * seconds / max(per_evaluation, 1e-9)
        evaluations = round(np.clip(affordable, FEWEST_EVALUATIONS, MOST_EVALUATIONS))
        in_all = max(evaluations, seconds / SECONDS_BETWEEN)
        in_time = (seconds - in_all * per_evaluation) / per_step
        most = max(MOST_EPOCHS * epoch.steps, ENOUGH_STEPS)
        limits["enough" if in_time > most else "minutes"] = min(in_time, most)
    if request.epochs is not None:
        limits["epochs"] = request.epochs * epoch.steps
    if request.steps is not None:
        limits["steps"] = request.steps
    limit = min(limits, key=limits.__getitem__)
    steps = max(1, round(limits[limit]))
    epochs = steps / epoch.steps
    return _Run(
        network,
        config,
        epoch,
        steps=steps,
        chars=steps * epoch.characters,
        epochs=epochs,
        overfitting_risk=overfitting_risk(epochs, parameters, size.train_chars),
        per_step=per_step,
        per_evaluation=per_evaluation,
        evaluations=evaluations,
        limit=limit,
    )


# --- in words ----------------------------------------------------------------------------------------------------------


def _reasons(
    size: CorpusSize,
    run: _Run,
    config: TrainingConfig,
    wanted: TrainingConfig,
    request: TrainingRequest,
) -> tuple[str, ...]:
    """Why a run is planned so: its size, what works against overfitting, and what had to be changed."""
    reasons = [_why_size(run, request), _against_overfitting(size, run, config)]
    shape = (run.config.batch_size, run.config.sequence_length)
    if shape != (wanted.batch_size, wanted.sequence_length):
        reasons.append(
            f"{size.train_chars:,} training characters are too few for a batch of {wanted.batch_size} x "
            f"{wanted.sequence_length}: using {shape[0]} x {shape[1]}"
        )
    return tuple(reasons)


def _why_size(run: _Run, request: TrainingRequest) -> str:
    """What the limit allows, and for which network: "2 minutes allow about 7.5 M characters at 67,000/s"."""
    parameters = count_parameters(run.model_config)
    speed = f"{rounded_count(run.epoch.characters / run.per_step)}/s"
    if run.limit == "minutes":
        allows = f"{counted(request.minutes or 0, 'minute')} {_verb(request.minutes, 'allow')}"
    elif run.limit == "enough":
        allows = f"{run.epochs:,.0f} epochs, which are enough, read"
    else:
        allows = f"{counted(run.steps, 'step')} {_verb(run.steps, 'read')}"
    sentence = f"{allows} about {rounded_count(run.chars)} characters at {speed}"
    network = f"{run.model_config.num_layers} x {run.model_config.hidden_size} units"
    each = run.chars / parameters
    if "hidden_size" in request.given:
        return f"{sentence}, {each:.2g} per parameter of {network}"
    if each < CHARS_PER_PARAMETER:
        return f"{sentence}: not enough even for the smallest network, {network}"
    return f"{sentence}: enough for {network}"


def _verb(number: float | None, verb: str) -> str:
    return f"{verb}s" if number == 1 else verb


def _against_overfitting(size: CorpusSize, run: _Run, config: TrainingConfig) -> str:
    """How often the text is read, and what keeps the network from memorizing it."""
    per_char = count_parameters(run.model_config) / size.train_chars
    rates = [("dropout", config.dropout), ("weight drop", config.weight_drop)]
    means = [f"{name} {rate:g}" for name, rate in rates if rate] or ["no dropout"]
    if run.model_config.layer_norm:
        means.append("layer normalization")
    epochs = f"{counted(float(f'{run.epochs:.3g}'), 'epoch')}"
    return f"{epochs}, {per_char:.2g} parameters per training character: {', '.join(means)}"
