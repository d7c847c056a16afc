"""What `charrnn train` prints at the end of a run: its metrics, what they mean, and what to type next."""

import json
import math
import shlex
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.terminal import print_json, say
from charrnn.cli.train import pairs
from charrnn.cli.train.baselines import measured, print_line
from charrnn.errors import EnvironmentFault
from charrnn.files import write_atomically
from charrnn.runs import BASELINES, BEST, RUNS, checkpoint_of_run
from charrnn.wording import counted, duration, escape, noun_of, size

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.counts.mixture import Counts
    from charrnn.evaluation.baselines import Baselines
    from charrnn.evaluation.evaluate import Evaluation
    from charrnn.numerics import Ids
    from charrnn.text.corpus import Corpus
    from charrnn.training.trainer import Trainer

MAX_VALIDATION_CHARS = 1 << 20
"""Maximum validation characters read for the metrics at the end of a run."""
COMMAND = 40
"""Cells of a command in the list of what to type next."""


@dataclass(frozen=True)
class Result:
    """The result of a finished run."""

    trainer: "Trainer"
    evaluation: Any
    """The best checkpoint's metrics on validation text, an Evaluation, or PairScores; None without such text."""
    baselines: Any
    """Baselines, or PairBaselines; None if they were not wanted, or without validation text."""
    counts: "Counts | None" = None
    """The counts of the training text, fitted on validation text; None: there are none."""

    def as_dict(self) -> dict[str, Any]:
        """The last object that `train --json` prints."""
        progress = self.trainer.progress
        return {
            "event": "result",
            "checkpoint": str(self.trainer.folder / BEST),
            "seed": self.trainer.config.seed,
            "best_step": progress.best_step,
            "steps": progress.step,
            "stopped_early": self.trainer.stopped_early,
            "seconds": round(progress.seconds, 3),
            "validation": self.evaluation and self.evaluation.as_dict(),
            "counts": self.counts and self.counts.record,
            "baselines": self.baselines and self.baselines.as_dict(),
        }


def report_result(trainer: "Trainer", longer: str, *, baselines: bool, as_json: bool) -> Result:
    """Print the result of a finished run, and return it.

    The metrics are printed before the baselines are measured, which takes a while and may be interrupted.

    Args:
        trainer: the finished run.
        longer: the command that trains longer; empty where that is of no use, or was shown already.
        baselines: whether the baselines of the validation text are measured.
        as_json: whether the result is printed as a JSON object instead.
    """
    if trainer.model_config.align:
        return _report_pairs(trainer, baselines=baselines, as_json=as_json)
    best = best_checkpoint(trainer)
    evaluation = evaluate_best(trainer, best)
    if best.counts is None and trainer.saving.counts:
        say_why_no_counts(trainer)
    if not as_json:
        print_metrics(trainer, evaluation, best.counts)
    wanted = baselines and evaluation is not None
    found = measured(trainer.corpus, "val", is_last=not as_json) if wanted else None
    if found:
        _keep(found, trainer.folder / BASELINES)
    result = Result(trainer, evaluation, found, best.counts)
    if as_json:
        print_json(result.as_dict())
    else:
        print_comparison(result, longer)
        print_next(trainer.folder)
    return result


def _keep(baselines: "Baselines", path: Path) -> None:
    """Write the baselines beside the checkpoints, where `charrnn curve` reads them."""
    try:
        write_atomically(path, json.dumps(baselines.as_dict(), indent=1).encode() + b"\n")
    except EnvironmentFault as error:
        say(f"note        the baselines are not kept: {error.message}")


def _report_pairs(trainer: "Trainer", *, baselines: bool, as_json: bool) -> Result:
    """Score the best model of a run of pairs, and print what it reached; returns the result."""
    best = pairs.score_best(trainer)
    scores = best.scores if best else None
    if not as_json:
        pairs.print_scores(trainer, scores)
    found = pairs.baselines_of(trainer, best) if baselines and best else None
    result = Result(trainer, scores, found)
    if as_json:
        print_json(result.as_dict())
        return result
    if found:
        pairs.print_baselines(found, trainer)
    pairs.print_next(trainer, named(trainer.folder))
    return result


def best_checkpoint(trainer: "Trainer") -> "Checkpoint":
    """The best checkpoint of a run."""
    from charrnn.checkpoint import load_checkpoint

    return load_checkpoint(trainer.folder / BEST)


def evaluate_best(trainer: "Trainer", best: "Checkpoint") -> "Evaluation | None":
    """The metrics of the best checkpoint's network on validation text; None without such text.

    Only the first MAX_VALIDATION_CHARS of a long text are read.
    """
    from charrnn.evaluation.evaluate import evaluate

    held_out = validation_text(trainer.corpus)
    if len(held_out) < 2:
        return None
    return evaluate(best.model, held_out, item_end=trainer.corpus.item_end)


def validation_text(text: "Corpus") -> "Ids":
    """The first MAX_VALIDATION_CHARS of the validation text, or the complete items among them."""
    from charrnn.text.items import first_items

    if text.end_id is None:
        return text.val[:MAX_VALIDATION_CHARS]
    return first_items(text.val, text.end_id, MAX_VALIDATION_CHARS - 1)


def print_metrics(
    trainer: "Trainer", evaluation: "Evaluation | None", counts: "Counts | None"
) -> None:
    """Print where the best checkpoint is, and its metrics."""
    best, took = trainer.folder / BEST, duration(trainer.progress.seconds)
    print(
        f"{escape(str(best))}  ({size(best.stat().st_size)}, step {trainer.progress.best_step:,}; trained {took})"
    )
    first = "" if len(validation_text(trainer.corpus)) == len(trainer.corpus.val) else "the first "
    if evaluation:
        unit = noun_of(trainer.corpus.config.level)
        print(
            f"validation: {evaluation.nats_per_char:.4f} nats, {evaluation.bits_per_char:.4f} bits per {unit}, "
            f"perplexity {evaluation.perplexity:.2f}, accuracy {100 * evaluation.accuracy:.1f} % "
            f"({first}{counted(evaluation.characters, unit)}, {evaluation.protocol})"
        )
    if counts and counts.nats and counts.network_nats:
        is_whole = evaluation is not None and counts.characters == evaluation.characters
        unit, first = noun_of(trainer.corpus.config.level), "" if is_whole else "the first "
        alone, both = counts.network_nats / math.log(2), counts.nats / math.log(2)
        read = (
            f"{first}{counted(counts.characters, unit)}; each half with weights fitted on the other"
        )
        print(f"{'':<12}network {alone:.4f}, with counts {both:.4f} bits per {unit} ({read})")
    if trainer.progress.best_step == 0:
        print("training did not improve on the initial model, which was saved unchanged")


def say_why_no_counts(trainer: "Trainer") -> None:
    """Report that the training text was not counted, because their weight cannot be fitted."""
    from charrnn.counts.mixture import FEWEST

    held_out, unit = len(trainer.corpus.val), noun_of(trainer.corpus.config.level)
    if held_out <= FEWEST:
        say(
            f"note        no counts: fitting their weight needs more than {counted(FEWEST, unit)} of validation text, "
            f"and there are {held_out:,}"
        )


def print_comparison(result: Result, longer: str) -> None:
    """Print the metrics of the baselines, and what the network's are worth beside them."""
    if result.evaluation and result.baselines:
        print_line(result.trainer.corpus, result.baselines)
        bits = result.evaluation.bits_per_char
        print(escape(f"            {verdict(bits, result.baselines.ngrams, longer)}"))


def verdict(bits: float, ngrams: Sequence[float], longer: str) -> str:
    """What a figure means, in a sentence.

    Args:
        bits: bits per character of the model.
        ngrams: those of the n-gram models of order 1, 2 ...
        longer: the command that trains longer, or an empty text.
    """
    better = next((n for n, other in enumerate(ngrams, 1) if other <= bits), None)
    if better is None:
        best = min(ngrams)
        return f"better than every n-gram model: {100 * (1 - bits / best):.0f} % fewer bits than the best"
    order = "unigram" if better == 1 else f"{better}-gram"
    return f"not yet better than the {order} model" + (
        f"; to train longer: {longer}" if longer else ""
    )


def print_next(folder: Path) -> None:
    """Print what to type next: commands that show what a run has learned."""
    run = named(folder)
    commands = {
        sample_command(folder): "writes text",
        f"charrnn visualize {run}": "shows what a unit follows",
        f"charrnn serve {run}": "both, as a page in the browser",
    }
    column = max(COMMAND, *map(len, commands))
    for number, (command, does) in enumerate(commands.items()):
        print(escape(f"{'      ' if number else 'next: '}{command:<{column}}  # {does}"))


def named(folder: Path) -> str:
    """A run as a command names it: by its name where that is enough, and quoted for a shell."""
    path = Path(folder.name)
    is_taken = path.is_file() or checkpoint_of_run(path) is not None
    return shlex.quote(
        folder.name if folder.parent == RUNS and not is_taken else str(folder / BEST)
    )


def sample_command(folder: Path) -> str:
    """The command that samples from a run."""
    return f"charrnn sample {named(folder)} --temp 0.8"


# --- several seeds --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spread:
    """The mean of several runs that differ in their seed alone."""

    mean: float
    error: float | None
    """The standard error of the mean; None for one run."""

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The mean of these values."""
        error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
        return cls(statistics.fmean(values), error)

    def __str__(self) -> str:
        """The mean and its error: "2.1234 ± 0.0051"."""
        return f"{self.mean:.4f}" + ("" if self.error is None else f" ± {self.error:.4f}")


def show_seeds(results: Sequence[Result], *, as_json: bool) -> None:
    """Print the mean of the finished runs' bits per character, and its standard error."""
    bits = [r.evaluation.bits_per_char for r in results if r.evaluation]
    if not bits:
        return
    spread = Spread.of(bits)
    if as_json:
        runs = [str(result.trainer.folder) for result in results]
        mean = {"bits_per_char": spread.mean, "standard_error": spread.error}
        print_json({"event": "seeds", "runs": runs, **mean})
        return
    unit = noun_of(results[0].trainer.corpus.config.level)
    each = ", ".join(f"{value:.4f}" for value in bits)
    print(
        f"{counted(len(bits), 'seed')}: {spread} bits per {unit}, mean and standard error ({each})"
    )
