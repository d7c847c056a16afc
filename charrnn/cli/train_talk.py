"""What `charrnn train` says before and after a run."""

from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.baselines_talk import print_line
from charrnn.cli.checkpoints import BEST, LAST, RUNS
from charrnn.cli.console import say
from charrnn.config import TrainingConfig
from charrnn.training.lessons import run_lessons, vocabulary_lessons
from charrnn.wording import counted, duration, size

if TYPE_CHECKING:
    from charrnn.evaluation.evaluate import Evaluation
    from charrnn.text.corpus import Corpus
    from charrnn.text.vocabulary import Ids
    from charrnn.training.plan import Plan
    from charrnn.training.trainer import Trainer


JUDGED_CHARS = 1 << 20
"""Of the validation text, for the figures at the end of a run, at most."""


def say_corpus(names: list[str], text: "Corpus") -> None:
    """What was read and how it is split."""
    unit = "bytes" if text.config.level == "byte" else "characters"
    files = f" in {text.num_sources:,} files" if text.num_sources > 1 else ""
    if text.config.lines:
        unit = f"lines of {len(text):,} {unit}"
    train, val, test = (_amount(text, part) for part in (text.train, text.val, text.test))
    whole = text.num_lines if text.config.lines else len(text)
    say(f"corpus      {' '.join(names)}: {whole:,} {unit}{files}, {text.distinct:,} distinct")
    set_aside = f", {test:,} set aside for a test" if test else ""
    drawn = f", drawn by --split-seed {text.config.split_seed}" if text.config.lines else ""
    noun = " lines" if text.config.lines else ""
    say(f"split       {train:,}{noun} to train, then {val:,} to validate{set_aside}{drawn}")
    for note in text.notes:
        say(f"note        {note}")
    if text.config.lines and (repeated := text.num_repeated):
        say(
            f"note        {repeated:,} of the {val:,} lines to validate also stand among those to train"
        )
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
        _say_notes(vocabulary_lessons(text.distinct, text.singletons))


def _amount(text: "Corpus", part: "Ids") -> int:
    """The characters of a part, or its lines in a text of lines."""
    lengths = text.line_lengths(part)
    return len(part) if lengths is None else len(lengths)


def say_lessons(trainer: "Trainer") -> None:
    """What the curve of a finished run teaches."""
    config = trainer.config
    _say_notes(run_lessons(trainer.metrics.rows, (config.dropout, config.recurrent_dropout)))


def _say_notes(notes: list[str]) -> None:
    for note in notes:
        say(f"note        {note}")


def say_plan(plan: "Plan", folder: Path, label: str = "network") -> None:
    """What will be trained, why, how long it will take, and where it is kept."""
    for line in plan_lines(plan, label):
        say(line)
    say(f"            kept in {folder}; Ctrl-C stops cleanly")


def print_plan(plan: "Plan") -> None:
    """The same as a result."""
    for line in plan_lines(plan):
        print(line)


def plan_lines(plan: "Plan", label: str = "network") -> list[str]:
    """A plan and its reasons in a few lines."""
    import torch

    from charrnn.network.shapes import describe

    config = plan.config
    count = config.threads or torch.get_num_threads()
    threads = f", {count} thread{'s' if count > 1 else ''}" if config.device == "cpu" else ""
    kernel = "fused kernel" if config.kernel == "fused" else "own loop"
    step = f"{config.batch_size} x {config.sequence_length} characters"
    if plan.lines_per_step:
        step = f"about {plan.lines_per_step:,} lines"
    dropouts = f"dropout {config.dropout:g}, recurrent dropout {config.recurrent_dropout:g}"
    rates = f"learning rate {config.learning_rate:g}"
    if config.optimizer == "muon":
        rates += f", Muon's {config.muon_learning_rate:g}"
    seconds, speed = duration(plan.seconds), plan.chars_per_second
    epochs = f"{plan.epochs:.3g}"
    return [
        f"device      {config.device}{threads}, {config.precision}, {kernel}",
        *(f"plan        {reason}" for reason in plan.reasons),
        f"{label:<12}{describe(plan.model_config)}",
        f"run         {counted(config.steps, 'step')} of {step} = {epochs} epoch{'s' if epochs != '1' else ''}",
        f"            {dropouts}, {rates}",
        f"time        about {seconds} at {speed:,.0f} characters a second",
    ]


def why_early(step: int, config: TrainingConfig) -> str:
    """Why a run was ended before its planned end."""
    evaluations = "evaluation" if config.patience == 1 else f"{config.patience:,} evaluations"
    return f"stopped early at step {step:,}: no better validation for {evaluations}"


def judge(trainer: "Trainer") -> "Evaluation | None":
    """The best checkpoint's figures on validation text, measured as `charrnn evaluate` measures; None without such text.

    Of a long text only the beginning counts.
    """
    from charrnn.checkpoint import load_checkpoint
    from charrnn.evaluation.evaluate import evaluate

    held_out = judged_text(trainer.corpus)
    if len(held_out) < 2:
        return None
    model = load_checkpoint(trainer.folder / BEST).model
    return evaluate(model, held_out, lines=trainer.corpus.config.lines)


def judged_text(text: "Corpus") -> "Ids":
    """The first JUDGED_CHARS of the validation text, or the lines that are whole among them."""
    from charrnn.text.lines import first_lines

    if text.newline is None:
        return text.val[:JUDGED_CHARS]
    return first_lines(text.val, text.newline, JUDGED_CHARS - 1)


def print_result(trainer: "Trainer", *, baselines: bool) -> None:
    """The figures of the best checkpoint, those of the baselines if wanted, and the next command."""
    best = trainer.folder / BEST
    took = duration(trainer.progress.seconds)
    print(
        f"{best}  ({size(best.stat().st_size)}, step {trainer.progress.best_step:,}; trained {took})"
    )
    first = "" if len(judged_text(trainer.corpus)) == len(trainer.corpus.val) else "the first "
    if result := judge(trainer):
        unit = "byte" if trainer.corpus.config.level == "byte" else "character"
        print(
            f"validation: {result.nats_per_char:.4f} nats, {result.bits_per_char:.4f} bits per {unit}, perplexity "
            f"{result.perplexity:.2f}, {100 * result.accuracy:.1f} % right "
            f"({first}{result.characters:,} {unit}s, {result.protocol})"
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
