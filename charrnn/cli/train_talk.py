"""What `charrnn train` says before and after a run."""

from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.checkpoints import BEST, LAST, RUNS
from charrnn.cli.console import duration, say, size
from charrnn.config import ModelConfig, TrainingConfig

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
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
        text.seldom > 0.2 * text.distinct
        and text.distinct > 500
        and text.distinct == len(text.vocabulary)  # made from this text
    ):
        say(
            f"note        {text.seldom:,} characters occur only once; --min-count 2 makes them one unknown symbol"
        )


def say_plan(model_config: ModelConfig, plan: "Plan", label: str = "network") -> None:
    """What will be trained, and how long it will take."""
    import torch

    from charrnn.model import describe

    config = plan.config
    for note in plan.notes:
        say(f"note        {note}")
    say(f"{label:<12}{describe(model_config)}")
    count = config.threads or torch.get_num_threads()
    threads = f", {count} thread{'s' if count > 1 else ''}" if config.device == "cpu" else ""
    kernel = "fused kernel" if config.kernel == "fused" else "own loop"
    say(f"device      {config.device}{threads}, {config.precision}, {kernel}")
    say(
        f"run         {config.steps:,} steps of {config.batch_size} x {config.sequence_length} characters = "
        f"{plan.epochs:.3g} epochs, dropout {config.dropout:g}"
    )
    say(
        f"time        about {duration(plan.seconds)} at {plan.chars_per_second:,.0f} characters a second; "
        "Ctrl-C stops cleanly"
    )


def say_differences(
    last: "Checkpoint", config: TrainingConfig, threads: int, device: str | None
) -> None:
    """Say what may keep the rest of the run from being bit for bit what it would have been."""
    from importlib.metadata import version

    before = last.run.get("versions", {}).get("torch")
    changed = (
        [] if before == version("torch") else [f"torch was {before} and is {version('torch')}"]
    )
    if threads not in (0, config.threads):
        changed.append(f"threads were {config.threads or 'left to torch'} and are {threads}")
    if device not in (None, config.device):
        changed.append(f"the device was {config.device} and is {device}")
    if changed:
        say(f"note        {'; '.join(changed)}: the run goes on, but not bit for bit the same")


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


def print_result(trainer: "Trainer") -> None:
    """The figures of the best checkpoint, and the next command."""
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
    if trainer.progress.best_step == 0:
        print("no step made it better: this is the model that the run started from")
    print(f"next: {sample_command(trainer.folder)}")


def sample_command(folder: Path) -> str:
    """What to type to sample from a run."""
    import shlex

    name = folder.name
    run = name if folder.parent == RUNS and not Path(name).exists() else str(folder / BEST)
    return f"charrnn sample {shlex.quote(run)} --temp 0.8"


def say_stopped(trainer: "Trainer", names: list[str]) -> None:
    """Where a run stopped, and what to type to go on with it."""
    import shlex

    step, folder = trainer.progress.step, trainer.folder
    out = [] if folder.parent == RUNS else ["--out", str(folder.parent)]
    command = ["charrnn", "train", *names, "--resume", "--name", folder.name, *out]
    say(
        f"stopped at step {step:,} of {trainer.config.steps:,}; everything is kept in {folder / LAST}"
    )
    say(f"go on with: {shlex.join(command)}")
