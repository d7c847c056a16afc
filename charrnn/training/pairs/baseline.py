"""The baseline of a network of pairs: a language model of its lines, of its size, trained for a part of its time.

It is the alignment `lm`, trained by the same trainer on the same training pairs, and judged by the same validation
pairs. A step of it reads as many pairs as one of the network and may take much less time, so it makes as many steps if
its part of the time allows that.
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
from charrnn.training.measure import seconds_per_step
from charrnn.training.pairs.batches import make_pair_batches
from charrnn.training.pairs.settings import pair_network_of
from charrnn.training.trainer import Trainer

PART = 0.25
"""The part of the network's time that the language model is trained for, at most."""
SHORT = 10.0
"""Seconds of a network's training below which no step is measured: the language model makes PART of its steps."""
BASELINE = "lm"
"""Its alignment."""


def line_trainer(
    corpus: PairCorpus, network: ModelConfig, config: TrainingConfig, folder: Path, seconds: float
) -> Trainer:
    """The trainer of the baseline.

    Args:
        corpus: the pairs of the network.
        network: the network, whose cell, layers, units and embedding it has.
        config: how that was trained, for `steps` in all.
        folder: a folder for its checkpoints.
        seconds: the time that the network took.
    """
    lines = corpus.realigned(BASELINE)
    alike = dataclasses.replace(language_config(network), vocab_size=len(lines.vocabulary))
    shape = pair_network_of(lines, alike)
    steps = _steps(lines, shape, config, seconds)
    part = steps / config.steps
    own = dataclasses.replace(
        config,
        steps=steps,
        warmup_steps=min(config.warmup_steps, max(1, round(part * config.warmup_steps))),
        eval_every=min(config.eval_every, steps),
        patience=None,
        replanned=(),
        exact_steps=False,
    )
    return Trainer(lines, shape, own, folder, minutes=PART * seconds / 60)


def _steps(lines: PairCorpus, network: ModelConfig, config: TrainingConfig, seconds: float) -> int:
    """As many steps as the network made, or as fit into the baseline's part of its time."""
    if seconds < SHORT:
        return max(1, round(PART * config.steps))
    batch = make_pair_batches(lines, network, config).batch(0)
    per_step = seconds_per_step(network, config, batch)
    return max(1, min(config.steps, int(PART * seconds / per_step)))


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
