"""What `charrnn train --pairs` reports: the pairs, examples on the way, and the result."""

import dataclasses
import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charrnn.cli.terminal import print_wrapped, say
from charrnn.cli.work import working
from charrnn.errors import CharrnnError
from charrnn.runs import BEST
from charrnn.wording import counted, duration, escape, size

if TYPE_CHECKING:
    from charrnn.config import ModelConfig
    from charrnn.pairs.baselines import LineBaseline, PairBaselines
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
    from charrnn.text.vectors import VectorCorpus

    if isinstance(pairs, VectorCorpus):
        column = pairs.source_column
        whole = (
            f"{counted(pairs.num_pairs, 'target')} of {counted(pairs.num_characters, 'character')}, "
            f"{pairs.distinct:,} distinct; {counted(len(column.ids), 'vector')} of "
            f"{counted(column.ids.shape[1], 'number')}"
        )
        return whole, _split(pairs)
    files = f" in {pairs.num_sources:,} files" if pairs.num_sources > 1 else ""
    whole = f"{counted(pairs.num_pairs, 'pair')} of {counted(len(pairs), 'character')}"
    return f"{whole}{files}, {pairs.distinct:,} distinct", _split(pairs)


def _split(pairs: "PairCorpus") -> str:
    train, val, test = (len(part) for part in pairs.parts)
    split = f"{counted(train, 'pair')} for training, then {val:,} for validation"
    split += f", {test:,} held out for testing" if test else ""
    own_val, own_test = pairs.own_parts
    is_drawn = (val and not own_val) or (test and not own_test)
    return split + (f", drawn with --split-seed {pairs.config.split_seed}" if is_drawn else "")


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


@dataclass(frozen=True)
class Scored:
    """The best network of a run on validation pairs."""

    model: "PairNetwork"
    pairs: list[tuple[str, str]]
    scores: "PairScores"


def score_best(trainer: "Trainer") -> Scored | None:
    """The best checkpoint's scores on validation pairs; None without such pairs."""
    from charrnn.checkpoint import load_checkpoint
    from charrnn.pairs.scoring import score_pairs

    corpus: PairCorpus = trainer.corpus
    if not len(corpus.val):
        return None
    model: PairNetwork = load_checkpoint(trainer.folder / BEST).model
    pairs = writable(model, corpus.pairs(corpus.val[:MOST_SCORED]))
    return Scored(model, pairs, score_pairs(model, pairs))


def writable(model: "PairNetwork", pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs whose targets the model may write: those with rare characters cost nothing that can be measured."""
    from charrnn.text.pairs import Labels

    symbols = model.vocabulary
    if isinstance(symbols, Labels):
        return pairs
    return [pair for pair in pairs if not symbols.missing(pair[1])] or pairs


# --- the baselines ----------------------------------------------------------------------------------------------------


def has_line_baseline(trainer: "Trainer") -> bool:
    """Whether a language model of the lines can stand beside a network, which is none itself and has been judged."""
    config = trainer.model_config
    return config.align != "lm" and not config.source_vectors and len(trainer.corpus.val) > 0


def say_line_baseline(trainer: "Trainer") -> None:
    """Announce the time that a run takes beyond its plan."""
    if has_line_baseline(trainer):
        say(
            "baselines   afterwards a language model of the same lines, for up to a quarter of that time; "
            "--no-baselines leaves it out"
        )


def baselines_of(trainer: "Trainer", best: Scored) -> "PairBaselines":
    """The baselines of the validation pairs. What was printed is written first, so that Ctrl-C loses nothing of it."""
    from charrnn.pairs.baselines import PairBaselines, measure_rules

    sys.stdout.flush()
    corpus: PairCorpus = trainer.corpus
    rules = None
    if not corpus.source_labels:
        train, held_out = corpus.pairs(corpus.train), corpus.pairs(corpus.val[:MOST_SCORED])
        has_ngrams = corpus.alignment.is_label and not corpus.config.vectors
        rules = measure_rules(train, held_out, is_label=has_ngrams)
    return PairBaselines(rules, _line_baseline(trainer, best))


def _line_baseline(trainer: "Trainer", best: Scored) -> "LineBaseline | None":
    if not has_line_baseline(trainer):
        return None
    from charrnn.training.pairs.baseline import line_trainer, measure_lines
    from charrnn.training.run import own_folder

    progress = trainer.progress
    config = dataclasses.replace(trainer.config, steps=progress.step)
    try:
        with own_folder() as folder:
            lines = line_trainer(
                trainer.corpus, trainer.model_config, config, folder, progress.seconds
            )
            with working(lines.config.steps, "language-model step") as work:
                return measure_lines(lines, best.model, best.pairs, work.advance)
    except CharrnnError as fault:  # the run itself has ended well
        say(f"note        the language model beside it could not be trained: {fault}")
        return None


def scores_in_words(scores: "PairScores", config: "ModelConfig") -> str:
    """The scores of a network in one line."""
    count = counted(scores.num_pairs, "pair")
    if config.source_labels:
        return (
            f"{scores.nats_per_symbol:.4f} nats, {scores.bits_per_char:.4f} bits per character of the target, "
            f"its end included ({count})"
        )
    if config.gives_label:
        macro = f"macro F1 {scores.macro_f1:.3f}, " if scores.labels else ""
        return (
            f"{100 * scores.exact:.2f} % right, {macro}"
            f"{scores.nats_per_symbol:.4f} nats per label ({count})"
        )
    return (
        f"{100 * scores.exact:.2f} % exact, character error rate {100 * scores.char_error_rate:.2f} %, "
        f"{scores.nats_per_symbol:.4f} nats per character of the target ({count})"
    )


def print_baselines(baselines: "PairBaselines", trainer: "Trainer") -> None:
    """Print the baselines, a line for the rules and one for the language model."""
    lines = []
    if rules := baselines.rules:
        others, right = [("copy", rules.copy)], "exact"
        if trainer.model_config.source_vectors:
            others, right = [], "right" if trainer.model_config.gives_label else "exact"
        if rules.ngrams is not None:
            others, right = [("character n-grams", rules.ngrams)], "right"
        figures = [("most frequent target", rules.most_frequent), *others]
        lines.append(
            ", ".join(f"{name} {100 * part:.2f} %" for name, part in figures) + f" {right}"
        )
    if model := baselines.language_model:
        figures_of_it = scores_in_words(model.scores, trainer.model_config)
        of = f"{model.steps:,} of {counted(trainer.progress.step, 'step')}"
        lines.append(
            f"language model {figures_of_it.rpartition(' (')[0]} ({of} in {duration(model.seconds)})"
        )
    for number, line in enumerate(lines):
        print_wrapped(f"{'           ' if number else 'baselines: '}{line}", 11)


def print_scores(trainer: "Trainer", scores: "PairScores | None") -> None:
    """Print where the best checkpoint is, and its scores."""
    best, progress = trainer.folder / BEST, trainer.progress
    took = duration(progress.seconds)
    print(
        f"{escape(str(best))}  ({size(best.stat().st_size)}, step {progress.best_step:,}; trained {took})"
    )
    if scores:
        print(f"validation: {scores_in_words(scores, trainer.model_config)}")


def print_next(trainer: "Trainer", run: str) -> None:
    """Print what to type next."""
    commands = {f"charrnn convert {run} FILE": "a target for each line; - reads standard input"}
    if trainer.model_config.source_vectors:
        commands = {f"charrnn convert {run} --vectors FILE": "a target for each line of vectors"}
    if trainer.model_config.source_labels:
        label = shlex.quote(trainer.corpus.source_symbols.labels[0])
        commands = {f"charrnn sample {run} --given {label}": "writes a target of this label"}
    if len(trainer.corpus.val):
        commands[f"charrnn evaluate {run} --split val"] = "all figures of the validation pairs"
    for number, (command, does) in enumerate(commands.items()):
        print(escape(f"{'      ' if number else 'next: '}{command:<{COMMAND}}  # {does}"))
