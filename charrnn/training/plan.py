"""From a budget to a run: how large a network, how many steps, how much dropout.

A pure function of what is known of the text, what was measured of the machine, and what was asked for. What was asked
for is obeyed, and the rest planned around it; from then on everything is in steps, so that a run can be repeated and
resumed. The constants are the outcome of `benchmarks/sweep.py`.
"""

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from charrnn.config import Kernel, ModelConfig, Precision, TrainingConfig
from charrnn.network.shapes import count_parameters
from charrnn.text.lines import Positions
from charrnn.training.data import BatchShape, Epoch, one_epoch

DEFAULT_MINUTES = 5.0
EVALUATED_CHARS = 1 << 18
"""Validation characters scored in one evaluation, at most."""
EVALUATIONS = 12
"""In a run whose budget is no time; else as many as take EVALUATION_PART of it, within these bounds."""
FEWEST_EVALUATIONS, MOST_EVALUATIONS = 5, 24
EVALUATION_PART = 0.02
SECONDS_BETWEEN = 120.0
"""From one evaluation to the next, at most."""
OVERHEAD = 1.02
"""Time of a step in the run, as a multiple of its time in the trial: the run also reads text, shows progress, saves."""
FORWARD_PART = 0.3
"""Time to read a character, as a part of the time to train on it."""

SIZES = (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
"""Hidden sizes that a plan chooses from."""
LAYERS = {"lstm": 2}
"""Of a network whose size is planned, by its cell; 1 of the others, with which it was not tried."""
MOST_NORMALIZED = 15.0
"""Temptation up to which the layers of such an LSTM are normalised. It then learns faster; but where a text is read more
often it learns more of it by heart."""
PROBES = (512, 256)
"""Those that are measured to choose by time; the speed of the others follows from their weights."""
WEIGHTS_PER_CHAR = 2.5
"""Of a text to train on, at most: larger networks only learn it by heart."""
LARGE = 128
"""Up to which size this does not matter."""
LARGEST_UNTIMED = 512
"""If the budget is no time, which a larger network might use up."""
CHARS_PER_PARAMETER = 5.5
"""A network pays if its run reads so many characters for each of its weights; else a smaller one learns more."""
LEAST_STEPS = 1000
"""And if there is time for so many steps, with the fewest lanes; else a smaller one, with more of them, learns more."""
BATCH_SIZES = (64, 32)
SMALL_STEPS = 0.4
"""Fewer lanes take more time a character, by this power of how many times fewer they are."""
FEWEST_STEPS = 1500
"""Lanes are halved if there would be fewer steps: then more, rougher steps learn more."""
SELDOM, FEW_STEPS = 8.0, 450
"""Up to this temptation it is the characters that count: a normalised network then pays in so many steps, with all
lanes."""
DROPOUTS = ((1.0, 0.0, 0.0), (9.0, 0.1, 0.1), (36.0, 0.15, 0.25), (80.0, 0.3, 0.5))
"""Temptation (for most texts the epochs, see `temptation`), dropout, recurrent dropout; between them, in proportion to
the logarithm."""
MOST_EPOCHS = 150.0
ENOUGH_STEPS = 3000
"""More epochs do no good, if they are so many steps: the time beyond is not used."""
PATIENCE = 6
"""Evaluations without a better one after which a run that has a time ends early."""


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
class Wishes:
    """What has been decided already; None leaves it to the plan."""

    hidden_size: int | None = None
    num_layers: int | None = None
    layer_norm: bool | None = None
    batch_size: int | None = None
    dropout: float | None = None
    recurrent_dropout: float | None = None
    patience: int | None = None


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
        """Read in the step."""
        return self.batch_size * self.sequence_length

    @property
    def shape(self) -> tuple[int, int, int]:
        """What decides the time of a step: weights, lanes, characters of a lane."""
        return self.parameters, self.batch_size, self.sequence_length


@dataclass(frozen=True)
class Machine:
    """What was measured: which arithmetic is fastest, and how fast it is."""

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
    """The time for a character, in steps of so many of them."""
    slower: float = max(1.0, trial.chars / chars) ** SMALL_STEPS
    return trial.seconds / trial.chars * slower


@dataclass(frozen=True)
class Plan:
    """A run, and what it will take."""

    model_config: ModelConfig
    config: TrainingConfig
    epochs: float
    seconds: float
    chars_per_second: float
    reasons: tuple[str, ...] = ()
    """Why it is so, and what else should be said, in sentences."""
    lines_per_step: int | None = None
    """About, in a text of lines."""


def make_plan(
    facts: Facts,
    machine: Machine,
    model_config: ModelConfig,
    config: TrainingConfig,
    budget: Budget,
    wishes: Wishes,
) -> Plan:
    """Fix everything that a budget leaves open.

    Args:
        facts: of the text.
        machine: that will train.
        model_config: the network; its hidden size, layers and normalisation are planned.
        config: the settings; the batch size, both dropouts, the patience, and what counts steps are planned.
        budget: how long.
        wishes: what of these is not to be planned.
    """
    model_config = layered(model_config, wishes)
    budget = Budget(minutes=DEFAULT_MINUTES) if budget == Budget() else budget
    config = dataclasses.replace(
        config,
        device=machine.device,
        threads=machine.threads,
        precision=machine.precision,
        kernel=machine.kernel,
    )
    batch_sizes = (wishes.batch_size,) if wishes.batch_size else BATCH_SIZES
    sizes = [size for size in SIZES if budget.minutes or size <= LARGEST_UNTIMED]
    if wishes.hidden_size:
        sizes = [wishes.hidden_size]
    for batch_size in batch_sizes:
        wanted = dataclasses.replace(config, batch_size=batch_size)
        fitting, epoch = reading(facts, wanted)
        buy = partial(_buy, facts, epoch, machine, fitting, budget)
        plain = (dataclasses.replace(model_config, hidden_size=size) for size in reversed(sizes))
        networks = (normalized(network, buy(network).temptation, wishes) for network in plain)
        fewest_lanes = batch_size == batch_sizes[-1]
        run = _largest_that_pays(map(buy, networks), facts, fewest_lanes=fewest_lanes)
        fewest = FEW_STEPS if run.limit == "minutes" and run.reads_seldom else FEWEST_STEPS
        if run.steps >= fewest or run.steps == budget.steps:
            break
    dropout, recurrent_dropout = dropouts(run.temptation)
    between = max(1, round(SECONDS_BETWEEN / run.per_step))
    eval_every = min(math.ceil(run.steps / run.evaluations), between)
    config = dataclasses.replace(
        run.config,
        steps=run.steps,
        dropout=_first(wishes.dropout, dropout),
        recurrent_dropout=_first(wishes.recurrent_dropout, recurrent_dropout),
        warmup_steps=min(config.warmup_steps, run.steps // 10),
        eval_every=eval_every,
        patience=_first(wishes.patience, _patience(facts, budget)),
    )
    seconds = run.steps * run.per_step + run.steps / config.eval_every * run.per_evaluation
    rate = epoch.characters / run.per_step
    reasons = _reasons(facts, machine, run, wanted, budget, wishes)
    return Plan(run.model_config, config, run.epochs, seconds, rate, reasons, epoch.lines)


def layered(model_config: ModelConfig, wishes: Wishes) -> ModelConfig:
    """The network with its layers: as many as are wished for, or if its size is planned as many as pay."""
    if wishes.num_layers is not None or wishes.hidden_size is not None:
        return model_config
    return dataclasses.replace(model_config, num_layers=LAYERS.get(model_config.cell, 1))


def normalized(model_config: ModelConfig, tempted: float, wishes: Wishes) -> ModelConfig:
    """The network with layer normalisation if it is wished for, or if the size is planned and it pays."""
    if wishes.layer_norm is not None:
        return dataclasses.replace(model_config, layer_norm=wishes.layer_norm)
    if wishes.hidden_size is not None:
        return model_config
    pays = model_config.cell in LAYERS and tempted <= MOST_NORMALIZED
    return dataclasses.replace(model_config, layer_norm=pays)


def reading(facts: Facts, config: TrainingConfig) -> tuple[TrainingConfig, Epoch]:
    """The config with as many and as long lanes as the text fills, and what it takes to read the text once so."""
    shape = BatchShape.fitting(facts.train_chars, config.batch_size, config.sequence_length)
    config = dataclasses.replace(
        config, batch_size=shape.batch_size, sequence_length=shape.sequence_length
    )
    return config, one_epoch(facts.train_chars, shape, facts.item_lengths)


def _patience(facts: Facts, budget: Budget) -> int:
    """Who gives a number of steps gets them all."""
    return PATIENCE if facts.val_chars > 1 and budget.epochs is None and budget.steps is None else 0


def temptation(epochs: float, parameters: int, train_chars: int) -> float:
    """How much tempts a network to learn a text by heart: the epochs, and in proportion the weights it has too many.

    With fewer weights than the text has characters it is the epochs alone.
    """
    return epochs * max(1.0, parameters / train_chars)


def dropouts(tempted: float) -> tuple[float, float]:
    """Dropout and recurrent dropout for so much temptation; see DROPOUTS."""
    passes, *parts = zip(*DROPOUTS, strict=True)
    at = math.log(max(tempted, 1e-9))
    found = [float(np.interp(at, np.log(passes), part)) for part in parts]
    return round(found[0], 2), round(found[1], 2)


@dataclass(frozen=True)
class _Run:
    """What a budget buys with one network."""

    model_config: ModelConfig
    config: TrainingConfig
    steps: int
    chars: float
    """Read in all."""
    epochs: float
    temptation: float
    per_step: float
    per_evaluation: float
    evaluations: int
    limit: str
    """What ends it: "minutes", "epochs", "steps", or "enough" where there is time for more epochs than are of use."""

    @property
    def reads_seldom(self) -> bool:
        """Whether it is the characters that count, not the steps."""
        return self.model_config.layer_norm and self.temptation <= SELDOM


def _largest_that_pays(runs: Iterable[_Run], facts: Facts, *, fewest_lanes: bool) -> _Run:
    """The run of the largest network that reads enough for its size in enough steps, or of the smallest.

    Args:
        runs: what the budget buys, of the largest network first.
        facts: of the text.
        fewest_lanes: there are no fewer lanes to go on with.
    """
    usual = LEAST_STEPS if fewest_lanes else 0
    for run in runs:
        size, parameters = run.model_config.hidden_size, count_parameters(run.model_config)
        fits = size <= LARGE or parameters <= WEIGHTS_PER_CHAR * facts.train_chars
        fewest = FEW_STEPS if run.reads_seldom else usual
        in_enough_steps = run.limit != "minutes" or run.steps >= fewest  # a smaller one makes more
        if fits and in_enough_steps and run.chars >= CHARS_PER_PARAMETER * parameters:
            break
    return run


def _buy(
    facts: Facts,
    epoch: Epoch,
    machine: Machine,
    config: TrainingConfig,
    budget: Budget,
    model_config: ModelConfig,
) -> _Run:
    parameters, shape = count_parameters(model_config), epoch.shape
    per_step = OVERHEAD * machine.seconds_per_step(
        parameters, shape.batch_size, shape.sequence_length
    )
    per_char = FORWARD_PART * per_step / epoch.characters
    per_evaluation = per_char * min(facts.val_chars, EVALUATED_CHARS)
    limits: dict[str, float] = {}
    evaluations = EVALUATIONS
    if budget.minutes is not None:
        seconds = budget.minutes * 60
        affordable = EVALUATION_PART * seconds / max(per_evaluation, 1e-9)
        evaluations = round(np.clip(affordable, FEWEST_EVALUATIONS, MOST_EVALUATIONS))
        in_all = max(evaluations, seconds / SECONDS_BETWEEN)
        in_time = (seconds - in_all * per_evaluation) / per_step
        most = max(MOST_EPOCHS * epoch.steps, ENOUGH_STEPS)
        limits["enough" if in_time > most else "minutes"] = min(in_time, most)
    if budget.epochs is not None:
        limits["epochs"] = budget.epochs * epoch.steps
    if budget.steps is not None:
        limits["steps"] = budget.steps
    limit = min(limits, key=limits.__getitem__)
    steps = max(1, round(limits[limit]))
    epochs = steps / epoch.steps
    return _Run(
        model_config,
        config,
        steps=steps,
        chars=steps * epoch.characters,
        epochs=epochs,
        temptation=temptation(epochs, parameters, facts.train_chars),
        per_step=per_step,
        per_evaluation=per_evaluation,
        evaluations=evaluations,
        limit=limit,
    )


def _first(asked: float | None, planned: float) -> Any:
    return planned if asked is None else asked


# --- in words ----------------------------------------------------------------------------------------------------------


def _reasons(
    facts: Facts,
    machine: Machine,
    run: _Run,
    wanted: TrainingConfig,
    budget: Budget,
    wishes: Wishes,
) -> tuple[str, ...]:
    speeds = sorted({t.hidden_size: t.chars / t.seconds for t in machine.trials}.items())
    layers = run.model_config.num_layers
    times = f"{layers} x " if layers > 1 else ""
    measured = ", ".join(f"{speed:,.0f} with {times}{size} units" for size, speed in speeds)
    size, parameters = run.model_config.hidden_size, count_parameters(run.model_config)
    buyer = f"{run.steps:,} step{'s read' if run.steps > 1 else ' reads'}"
    if run.limit == "minutes":
        buyer = f"{budget.minutes:.3g} minute{'s buy' if budget.minutes != 1 else ' buys'}"
    each = f"{run.chars / parameters:.3g} for each weight of {times}{size} units"
    pays = run.chars >= CHARS_PER_PARAMETER * parameters
    least = "" if pays else "; there is no smaller size"
    why_size = "" if wishes.hidden_size else f" (at least {CHARS_PER_PARAMETER:g} pay{least})"
    reasons = [f"characters a second, measured: {measured}"]
    if run.limit == "enough":
        reasons.append(f"there is time for more than {run.epochs:,.0f} epochs, which are enough")
        buyer = f"{run.epochs:,.0f} epochs are"
    reasons.append(f"{buyer} {run.chars:,.0f} characters, {each}{why_size}")
    follows = []
    if wishes.dropout is None or wishes.recurrent_dropout is None:
        follows.append("some dropout" if any(dropouts(run.temptation)) else "no dropout")
    if wishes.layer_norm is None and wishes.hidden_size is None and run.model_config.layer_norm:
        follows.append("layer normalisation")
    if follows:
        by = f"{parameters / facts.train_chars:.2g} weights for each of its characters"
        times_read = f"{run.epochs:.3g}"
        often = "once" if times_read == "1" else f"{times_read} times"
        reasons.append(f"the text is read {often}, with {by}: {', '.join(follows)}")
    given = {name: value for name, value in dataclasses.asdict(wishes).items() if value is not None}
    if given:
        said = (name if value is not False else f"no {name}" for name, value in given.items())
        reasons.append(f"given: {', '.join(said).replace('num_', '').replace('_', ' ')}")
    shape = (run.config.batch_size, run.config.sequence_length)
    if shape != (wanted.batch_size, wanted.sequence_length):
        reasons.append(
            f"{facts.train_chars:,} characters to train on are too few for {wanted.batch_size} lanes of "
            f"{wanted.sequence_length}: using {shape[0]} of {shape[1]}"
        )
    return tuple(reasons)
