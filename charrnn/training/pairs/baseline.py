"""The baseline of a network of pairs: a language model of its lines, of its size, trained for a part of its steps.

It is the alignment `lm`, trained by the same trainer on the same training pairs, and judged by the same validation
pairs. A step of it reads as many pairs as one of the network, and takes about as long or less.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from charrnn.checkpoint import load_checkpoint
from charrnn.config import ModelConfig, TrainingConfig
from charrnn.network.pairs import language_config
from charrnn.network.shapes import count_parameters
from charrnn.pairs.baselines import LineBaseline
from charrnn.pairs.model import PairNetwork
from charrnn.pairs.scoring import num_symbols, score_pairs
from charrnn.runs import BEST
from charrnn.text.pairs import PairCorpus
from charrnn.training.events import Step
from charrnn.training.pairs.settings import pair_network_of
from charrnn.training.trainer import Trainer

PART = 0.25
"""The part of the network's steps, and of its time at most, that the language model is trained for."""
BASELINE = "lm"
"""Its alignment."""


def baseline_steps(steps: int) -> int:
    """The steps of the baseline of a network with so many."""
    return max(1, round(PART * steps))


def line_trainer(
    corpus: PairCorpus, network: ModelConfig, config: TrainingConfig, folder: Path, seconds: float
) -> Trainer:
    """The trainer of the baseline.

    Args:
        corpus: the pairs of the network.
        network: the network, whose cell, layers, units and embedding it has.
        config: how that was trained, for `steps` in all.
        folder: a folder for its checkpoints.
        seconds: the time that the network took; the baseline plans fewer steps if it takes more than its part of that.
    """
    lines = corpus.realigned(BASELINE)
    alike = dataclasses.replace(language_config(network), vocab_size=len(lines.vocabulary))
    steps = baseline_steps(config.steps)
    own = dataclasses.replace(
        config,
        steps=steps,
        warmup_steps=min(config.warmup_steps, max(1, round(PART * config.warmup_steps))),
        eval_every=min(config.eval_every, steps),
        patience=None,
        replanned=(),
        exact_steps=False,
    )
    return Trainer(lines, pair_network_of(lines, alike), own, folder, minutes=PART * seconds / 60)


def measure_lines(
    trainer: Trainer,
    model: PairNetwork,
    pairs: Sequence[tuple[str, str]],
    progress: Callable[[int], object] = lambda _: None,
) -> LineBaseline:
    """Train the baseline, and score the best of it.

    Args:
        trainer: its trainer.
        model: the network of pairs.
        pairs: the pairs that the network was scored on.
        progress: called with 1 after each step.
    """
    for event in trainer.run():
        if isinstance(event, Step):
            progress(1)
    best = load_checkpoint(trainer.folder / BEST).model
    scores = score_pairs(best, pairs)
    scores = dataclasses.replace(scores, symbols=num_symbols(model, pairs))
    parameters = count_parameters(best.config)
    return LineBaseline(scores, parameters, trainer.progress.step, trainer.progress.seconds)
