"""What `charrnn train --pairs` reports: the pairs, examples on the way, and the result."""

import shlex
from typing import TYPE_CHECKING

from charrnn.runs import BEST
from charrnn.wording import counted, duration, size

if TYPE_CHECKING:
    from charrnn.config import ModelConfig
    from charrnn.pairs.baselines import PairBaselines
    from charrnn.pairs.model import PairNetwork
    from charrnn.pairs.scoring import PairScores
    from charrnn.text.pairs import PairCorpus
    from charrnn.training.trainer import Trainer

MOST_SCORED = 5000
"""Validation pairs that are scored at the end of a run, at most."""
COMMAND = 40
"""Cells of a command in the list of what to type next."""
EXAMPLES = 3
"""Validation pairs that are shown at an evaluation."""


def pairs_in_words(pairs: "PairCorpus") -> tuple[str, str]:
    """The size of a corpus of pairs, and its split."""
    files = f" in {pairs.num_sources:,} files" if pairs.num_sources > 1 else ""
    whole = f"{counted(pairs.num_pairs, 'pair')} of {counted(len(pairs), 'character')}"
    train, val, test = (len(part) for part in pairs.parts)
    split = f"{counted(train, 'pair')} for training, then {val:,} for validation"
    split += f", {test:,} held out for testing" if test else ""
    drawn = f", drawn with --split-seed {pairs.config.split_seed}"
    return f"{whole}{files}, {pairs.distinct:,} distinct", split + drawn


def examples(trainer: "Trainer") -> str:
    """What the network makes of some validation pairs, or of training pairs if there are none."""
    from charrnn.pairs.converting import convert

    pairs: PairCorpus = trainer.corpus
    rows = pairs.val if len(pairs.val) else pairs.train
    begin = trainer.progress.step % max(1, len(rows) - EXAMPLES)
    shown = pairs.pairs(rows[begin : begin + EXAMPLES])
    made = convert(trainer.snapshot(), [source for source, _ in shown])
    return "; ".join(
        f"{source} → {found[0].text if found else ''}"
        for (source, _), found in zip(shown, made, strict=True)
    )


def score_best(trainer: "Trainer") -> "PairScores | None":
    """The best checkpoint's scores on validation pairs; None without such pairs."""
    from charrnn.checkpoint import load_checkpoint
    from charrnn.pairs.scoring import score_pairs

    pairs: PairCorpus = trainer.corpus
    if not len(pairs.val):
        return None
    model: PairNetwork = load_checkpoint(trainer.folder / BEST).model
    return score_pairs(model, writable(model, pairs.pairs(pairs.val[:MOST_SCORED])))


def writable(model: "PairNetwork", pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs whose targets the model may write: those with rare characters cost nothing that can be measured."""
    from charrnn.text.pairs import Labels

    symbols = model.vocabulary
    if isinstance(symbols, Labels):
        return pairs
    return [pair for pair in pairs if not symbols.missing(pair[1])] or pairs


def baselines_of(trainer: "Trainer") -> "PairBaselines":
    """The baselines of the validation pairs."""
    from charrnn.pairs.baselines import measure_baselines

    pairs: PairCorpus = trainer.corpus
    train, held_out = pairs.pairs(pairs.train), pairs.pairs(pairs.val[:MOST_SCORED])
    return measure_baselines(train, held_out, is_label=pairs.alignment.is_label)


def scores_in_words(scores: "PairScores", config: "ModelConfig") -> str:
    """The scores of a network in one line."""
    count = counted(scores.num_pairs, "pair")
    if config.source_labels:
        return (
            f"{scores.nats_per_symbol:.4f} nats, {scores.bits_per_char:.4f} bits per character of the target, "
            f"its end included ({count})"
        )
    if config.gives_label:
        return (
            f"{100 * scores.exact:.2f} % right, macro F1 {scores.macro_f1:.3f}, "
            f"{scores.nats_per_symbol:.4f} nats per label ({count})"
        )
    return (
        f"{100 * scores.exact:.2f} % exact, character error rate {100 * scores.char_error_rate:.2f} %, "
        f"{scores.nats_per_symbol:.4f} nats per character of the target ({count})"
    )


def baselines_in_words(baselines: "PairBaselines") -> str:
    """The baselines in one line."""
    others, right = (("copy", baselines.copy),), "exact"
    if baselines.ngrams is not None:
        others, right = (("character n-grams", baselines.ngrams),), "right"
    figures = (("most frequent target", baselines.most_frequent), *others)
    return ", ".join(f"{name} {100 * part:.2f} %" for name, part in figures) + f" {right}"


def print_result(
    trainer: "Trainer", scores: "PairScores | None", baselines: "PairBaselines | None", run: str
) -> None:
    """Print where the best checkpoint is, its scores beside those of simple rules, and what to type next."""
    best, progress = trainer.folder / BEST, trainer.progress
    took = duration(progress.seconds)
    print(f"{best}  ({size(best.stat().st_size)}, step {progress.best_step:,}; trained {took})")
    if scores:
        print(f"validation: {scores_in_words(scores, trainer.model_config)}")
    if baselines:
        print(f"baselines: {baselines_in_words(baselines)}")
    commands = {f"charrnn convert {run} FILE": "a target for each line; - reads standard input"}
    if trainer.model_config.source_labels:
        label = shlex.quote(trainer.corpus.source_symbols.labels[0])
        commands = {f"charrnn sample {run} --given {label}": "writes a target of this label"}
    if scores:
        commands[f"charrnn evaluate {run} --split val"] = "all figures of the validation pairs"
    for number, (command, does) in enumerate(commands.items()):
        print(f"{'      ' if number else 'next: '}{command:<{COMMAND}}  # {does}")
