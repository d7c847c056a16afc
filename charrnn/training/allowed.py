"""What the limits of a request allow one network: how many steps, of which length, ended by which limit.

A pure function of the size of the text, the speed of the machine and the request. Nothing here needs torch.
"""

from dataclasses import dataclass

from charrnn.config import FEWEST_EVALUATIONS, ModelConfig, TrainingConfig, TrainingRequest
from charrnn.network.shapes import count_parameters
from charrnn.text.items import Positions
from charrnn.training.data import Epoch
from charrnn.training.speed import Machine

EVALUATED_CHARS = 1 << 18
"""Maximum validation characters scored in one evaluation."""
EVALUATIONS = 12
"""Evaluations of a run that is not limited by time."""
MOST_EVALUATIONS = 24
"""Maximum evaluations of a run that is limited by time; the minimum is FEWEST_EVALUATIONS."""
EVALUATION_PART = 0.02
"""Fraction of the time that evaluations may take, within these bounds."""
SECONDS_BETWEEN = 120.0
"""Maximum seconds between two evaluations."""
OVERHEAD = 1.02
"""Time of a step in the run relative to a step in the trial: the run also reads text, shows progress and saves."""
FORWARD_PART = 0.3
"""Time to read a character relative to the time to train on it."""
MOST_EPOCHS = 150.0
ENOUGH_STEPS = 3000
"""A run ends after MOST_EPOCHS if they are at least this many steps, even if time is left."""
CHARS_PER_PARAMETER = 4.7
"""Characters a run must read for each parameter; with fewer, a smaller network learns more."""
PAIR_CHARS_PER_PARAMETER = 2.0
"""The same for pairs, whose rules are simpler than a language."""
SELDOM = 8.0
"""Overfitting risk up to which the number of characters counts more than that of steps, for a normalized network."""


@dataclass(frozen=True)
class CorpusSize:
    """The size of a corpus in characters."""

    train_chars: int
    val_chars: int
    item_lengths: Positions | None = None
    """The lengths of the training items, such as lines, with their ends, or of some; None for a running text."""
    times: float = 1.0
    """How many times as long the text is as these items are."""
    item_noun: str = "line"
    """The noun for such an item."""
    whole_items: bool = False
    """Whether an item is always read at once, as pairs are."""
    noun: str = "character"
    """The noun for a symbol: "character" or "byte"."""


@dataclass(frozen=True)
class AllowedRun:
    """The run that the limits of a request allow a network."""

    model_config: ModelConfig
    config: TrainingConfig
    size: CorpusSize
    epoch: Epoch
    limit: str
    """What ends it: "minutes", "epochs", "steps", or "enough" where there is time for more epochs than are of use."""
    steps: int
    evaluations: int
    per_step: float
    """Seconds of a step."""
    per_evaluation: float
    """Seconds of an evaluation."""

    @property
    def parameters(self) -> int:
        """Weights of the network."""
        return count_parameters(self.model_config)

    @property
    def chars(self) -> float:
        """Characters read in the whole run."""
        return self.steps * self.epoch.characters

    @property
    def epochs(self) -> float:
        """Passes over the training text."""
        return self.steps / self.epoch.steps

    @property
    def overfitting_risk(self) -> float:
        """The risk that the network memorizes its text."""
        return overfitting_risk(self.epochs, self.parameters, self.size.train_chars)

    @property
    def reads_seldom(self) -> bool:
        """Whether the number of characters counts more than that of steps."""
        return self.model_config.layer_norm and self.overfitting_risk <= SELDOM

    @property
    def reads_enough(self) -> bool:
        """Whether there are enough characters for the network's parameters."""
        needed = PAIR_CHARS_PER_PARAMETER if self.model_config.align else CHARS_PER_PARAMETER
        return self.chars >= needed * self.parameters


def overfitting_risk(epochs: float, parameters: int, train_chars: int) -> float:
    """The risk that a network memorizes its text: the epochs, times the parameters per character where above 1."""
    return epochs * max(1.0, parameters / train_chars)


def allowed_run(
    size: CorpusSize,
    epoch: Epoch,
    machine: Machine,
    config: TrainingConfig,
    request: TrainingRequest,
    network: ModelConfig,
) -> AllowedRun:
    """The run that the limits of a request allow a network.

    Args:
        size: the size of the corpus.
        epoch: one pass over it, in batches of the config's shape.
        machine: the machine that will train.
        config: the settings so far.
        request: the request, with a limit at least.
        network: the network.
    """
    N, T = epoch.shape.batch_size, epoch.shape.sequence_length
    per_step = OVERHEAD * machine.seconds_per_step(count_parameters(network), N, T)
    per_char = FORWARD_PART * per_step / epoch.characters
    per_evaluation = per_char * min(size.val_chars, EVALUATED_CHARS)
    evaluations, limits = EVALUATIONS, {}
    if request.minutes is not None:
        seconds = request.minutes * 60
        evaluations = _affordable_evaluations(seconds, per_evaluation)
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
    return AllowedRun(
        network, config, size, epoch, limit, steps, evaluations, per_step, per_evaluation
    )


def _affordable_evaluations(seconds: float, per_evaluation: float) -> int:
    """Evaluations of a run that may take this long."""
    affordable = EVALUATION_PART * seconds / max(per_evaluation, 1e-9)
    return round(min(max(affordable, FEWEST_EVALUATIONS), MOST_EVALUATIONS))
