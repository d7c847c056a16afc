"""What `charrnn train` says before and after a run."""

from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.analysis.lessons import run_lessons, vocabulary_lessons
from charrnn.cli.baselines_talk import print_line
from charrnn.cli.checkpoints import BEST, LAST, RUNS
from charrnn.cli.console import duration, say, size
from charrnn.config import TrainingConfig

if TYPE_CHECKING:
    from charrnn.scoring.evaluation import Evaluation
    from charrnn.text.corpus import Corpus
    from charrnn.training.plan import Plan
    from charrnn.training.trainer import Trainer


JUDGED_CHARS = 1 << 20
"""Of the validation text, for the figures at the end of a run, at most."""


def say_corpus(names: list[str], text: "Corpus") -> None:
    """What was read and how it is split."""
    unit = "bytes" if text.config.level == "byte" else "characters"
    files = f" in {text.num_sources:,} files" if text.num_sources > 1 else ""
    say(f"corpus      {' '.join(names)}: {len(text):,} {unit}{files}, {text.distinct:,} distinct")
    test = f", {len(text.test):,} set aside for a test" if len(text.test) else ""
    say(f"split       {len(text.train):,} to train, then {len(text.val):,} to validate{test}")
    for note in text.notes:
        say(f"note        {note}")
    if len(text.val) < 2:
        say("note        nothing to validate on: the newest checkpoint counts as the best")
    if text.num_unknown:
        characters = "character" + ("s" if text.num_unknown > 1 else "")
        which = (
            f"rare {characters}"
            if text.config.min_count > 1
            else f"{characters} that the model lacks"
        )
        say(f"note        {text.num_unknown:,} {which} became the unknown symbol")
    elif text.distinct == 1:
        say("note        only one distinct character: there is nothing to learn")
    elif (
        text.distinct == len(text.vocabulary) and text.config.level == "char"
    ):  # made from this text
        _say_notes(vocabulary_lessons(text.distinct, text.seldom))


def say_lessons(trainer: "Trainer") -> None:
    """What the curve of a finished run teaches."""
    _say_notes(run_lessons(trainer.metrics.rows, trainer.config.dropout))


def _say_notes(notes: list[str]) -> None:
    for note in notes:
        say(f"note        {note}")


def say_plan(plan: "Plan", label: str = "network") -> None:
    """What will be trained, why, and how long it will take."""
    for line in plan_lines(plan, label):
        say(line)
    say("            Ctrl-C stops cleanly")


def print_plan(plan: "Plan") -> None:
    """The same as a result."""
    for line in plan_lines(plan):
        print(line)


def plan_lines(plan: "Plan", label: str = "network") -> list[str]:
    """A plan and its reasons in a few lines."""
    import torch

    from charrnn.model import describe

    config = plan.config
    count = config.threads or torch.get_num_threads()
    threads = f", {count} thread{'s' if count > 1 else ''}" if config.device == "cpu" else ""
    kernel = "fused kernel" if config.kernel == "fused" else "own loop"
    size = f"{config.batch_size} x {config.sequence_length} characters = {plan.epochs:.3g} epochs"
    dropouts = f"dropout {config.dropout:g}, recurrent dropout {config.recurrent_dropout:g}"
    seconds, speed = duration(plan.seconds), plan.chars_per_second
    return [
        f"device      {config.device}{threads}, {config.precision}, {kernel}",
        *(f"plan        {reason}" for reason in plan.reasons),
        f"{label:<12}{describe(plan.model_config)}",
        f"run         {config.steps:,} steps of {size}, {dropouts}",
        f"time        about {seconds} at {speed:,.0f} characters a second",
    ]


def why_early(step: int, config: TrainingConfig) -> str:
    """Why a run was ended before its planned end."""
    evaluations = "evaluation" if config.patience == 1 else f"{config.patience:,} evaluations"
    return f"stopped early at step {step:,}: no better validation for {evaluations}"


def judge(trainer: "Trainer") -> "Evaluation | None":
    """The best checkpoint's figures on validation text, measured as `charrnn evaluate` measures; None without such text.

    Of a long text only the first JUDGED_CHARS count.
    """
    from charrnn.checkpoint import load_checkpoint
    from charrnn.scoring.evaluation import evaluate

    held_out = trainer.corpus.val[:JUDGED_CHARS]
    if len(held_out) < 2:
        return None
    return evaluate(load_checkpoint(trainer.folder / BEST).model, held_out)


def print_result(trainer: "Trainer", *, baselines: bool) -> None:
    """The figures of the best checkpoint, those of the baselines if wanted, and the next command."""
    best = trainer.folder / BEST
    took = duration(trainer.progress.seconds)
    print(
        f"{best}  ({size(best.stat().st_size)}, step {trainer.progress.best_step:,}; trained {took})"
    )
    first = "" if len(trainer.corpus.val) <= JUDGED_CHARS else "the first "
    if result := judge(trainer):
        unit = "byte" if trainer.corpus.config.level == "byte" else "character"
        print(
            f"validation: {result.nats_per_char:.4f} nats, {result.bits_per_char:.4f} bits per {unit}, perplexity "
            f"{result.perplexity:.2f}, {100 * result.accuracy:.1f} % right "
            f"({first}{result.characters:,} {unit}s, state carried)"
        )
        if baselines:
            print_line(trainer.corpus)
    if trainer.progress.best_step == 0:
        print("no step made it better: this is the model that the run started from")
    print(f"next: {sample_command(trainer.folder)}")


def sample_command(folder: Path) -> str:
    """What to type to sample from a run."""
    import shlex

    name = folder.name
    run = name if folder.parent == RUNS and not Path(name).exists() else str(folder / BEST)
    return f"charrnn sample {shlex.quote(run)} --temp 0.8"


def say_stopped(trainer: "Trainer", names: list[str], tensorboard: Path | None = None) -> None:
    """Where a run stopped, and what to type to go on with it."""
    import shlex

    step, folder = trainer.progress.step, trainer.folder
    out = [] if folder.parent == RUNS else ["--out", str(folder.parent)]
    out += ["--tensorboard", str(tensorboard)] if tensorboard else []
    command = ["charrnn", "train", *names, "--resume", "--name", folder.name, *out]
    say(
        f"stopped at step {step:,} of {trainer.config.steps:,}; everything is kept in {folder / LAST}"
    )
    say(f"go on with: {shlex.join(command)}")
