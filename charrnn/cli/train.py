"""`charrnn train`: read a text, plan a run, train, and say what to type next."""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from charrnn.cells import get_cell
from charrnn.cli import train_options as option
from charrnn.cli.checkpoints import LAST, RUNS
from charrnn.cli.console import die_by_signal, say
from charrnn.cli.one_run import (
    Limits,
    check_limits,
    drive,
    held_folder,
    new_trainer,
    plan_run,
    start_torch,
)
from charrnn.cli.runs import (
    checked_name,
    corpus_config_of,
    new_folder,
    newest_run_of,
    resume_point,
)
from charrnn.cli.train_talk import (
    print_result,
    say_corpus,
    say_differences,
    say_plan,
    say_stopped,
)
from charrnn.config import CorpusConfig, Level, ModelConfig, Precision, TrainingConfig
from charrnn.errors import CheckpointError, DataError, UsageError

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.text.corpus import Corpus
    from charrnn.training.trainer import Trainer

KEPT_BY_RESUME = ("corpus", "name", "out", "resume", "quiet", "cache", "threads", "device")
"""Options that make sense with --resume; everything else is decided already."""


def train(
    context: typer.Context,
    corpus: option.CorpusNames = None,
    minutes: option.Minutes = None,
    epochs: option.Epochs = None,
    steps: option.Steps = None,
    cell: option.CellName = ModelConfig.cell,
    hidden_size: option.HiddenSize = ModelConfig.hidden_size,
    layers: option.Layers = ModelConfig.num_layers,
    embedding_size: option.EmbeddingSize = ModelConfig.embedding_size,
    activation: option.Activation = ModelConfig.activation,
    learn_start: option.LearnStart = ModelConfig.learn_start,
    dropout: option.Dropout = None,
    batch_size: option.BatchSize = TrainingConfig.batch_size,
    sequence_length: option.SequenceLength = TrainingConfig.sequence_length,
    lr: option.Lr = TrainingConfig.learning_rate,
    clip: option.Clip = TrainingConfig.clip,
    seed: option.Seed = TrainingConfig.seed,
    level: option.Level = CorpusConfig.level,
    min_count: option.MinCount = CorpusConfig.min_count,
    glob: option.Glob = None,
    encoding: option.Encoding = CorpusConfig.encoding,
    keep_newlines: option.KeepNewlines = CorpusConfig.keep_newlines,
    max_chars: option.MaxChars = CorpusConfig.max_chars,
    val_fraction: option.ValFraction = CorpusConfig.val_fraction,
    test_fraction: option.TestFraction = CorpusConfig.test_fraction,
    lines: option.Lines = CorpusConfig.lines,
    split_seed: option.SplitSeed = CorpusConfig.split_seed,
    name: option.Name = None,
    out: option.Out = RUNS,
    resume: option.Resume = False,
    overwrite: option.Overwrite = False,
    device: option.Device = "auto",
    precision: option.Precision = "auto",
    threads: option.Threads = TrainingConfig.threads,
    cache: option.Cache = None,
    quiet: option.Quiet = False,
) -> None:
    """Train a network on a text and keep it under checkpoints/NAME/.

    Ctrl-C stops cleanly; --resume goes on exactly where the run stopped.
    """
    if resume:
        _refuse_other_options(context)
        given = None if device == "auto" else device
        _resume(corpus or [], name, out, cache, threads, given, quiet=quiet)
        return
    if not corpus:
        raise UsageError(
            "which text?", "for example: charrnn train corpus.txt, or charrnn train python"
        )
    check_limits((minutes, epochs, steps))
    corpus_config = CorpusConfig(
        level=cast("Level", level),  # the config checks it
        min_count=min_count,
        encoding=encoding,
        keep_newlines=keep_newlines,
        max_chars=max_chars,
        globs=tuple(glob or ()),
        val_fraction=val_fraction,
        test_fraction=test_fraction,
        lines=lines,
        split_seed=split_seed,
    )
    config = TrainingConfig(
        batch_size=batch_size,
        sequence_length=sequence_length,
        learning_rate=lr,
        clip=clip,
        seed=seed,
        precision=cast("Precision", precision),  # the config checks it
        threads=threads,
        device=device,
        dropout=dropout or 0.0,
    )
    get_cell(cell, activation)  # refuse a bad one, and a bad shape, before reading the text
    network = partial(
        ModelConfig,
        cell=cell,
        hidden_size=hidden_size,
        num_layers=layers,
        embedding_size=embedding_size,
        activation=activation,
        learn_start=learn_start,
    )
    network(vocab_size=1)
    _start(
        corpus,
        corpus_config,
        network,
        config,
        budget=(minutes, epochs, steps),
        dropout=dropout,
        folder=new_folder(out, name, corpus, overwrite=overwrite),
        overwrite=overwrite,
        cache=cache,
        quiet=quiet,
    )


def _start(
    names: list[str],
    corpus_config: CorpusConfig,
    network: Callable[..., ModelConfig],
    config: TrainingConfig,
    *,
    budget: Limits,
    dropout: float | None,
    folder: Path,
    overwrite: bool,
    cache: Path | None,
    quiet: bool,
) -> None:
    """Read the text, plan the run and train. Torch is imported only when the text has been read and said."""
    from charrnn.cli.texts import open_corpus

    text = open_corpus(names, corpus_config, cache=cache, quiet=quiet)
    if not quiet:
        say_corpus(names, text)
    model_config = network(vocab_size=len(text.vocabulary))
    config = dataclasses.replace(config, device=start_torch(config.device))
    with held_folder(folder, model_config, overwrite=overwrite):
        plan = plan_run(text, model_config, config, budget, dropout)
        if not quiet:
            say_plan(model_config, plan)
        _run(new_trainer(names, text, model_config, plan, folder), names, quiet=quiet)


def _refuse_other_options(context: typer.Context) -> None:
    """With --resume, refuse what could only be ignored."""
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in KEPT_BY_RESUME and option.was_given(context, parameter.name or "")
    ]
    if given:
        raise UsageError(
            f"--resume goes on with the run's own settings; {', '.join(given)} cannot change them",
            "leave them out, or start a new run without --resume",
        )


def _resume(
    names: list[str],
    name: str | None,
    out: Path,
    cache: Path | None,
    threads: int,
    device: str | None,
    *,
    quiet: bool,
) -> None:
    """Go on with a run, after making sure that it is the same text and not finished."""
    from charrnn.checkpoint import load_checkpoint
    from charrnn.files import locked

    path = out / checked_name(name) / LAST if name else newest_run_of(out, names)
    if not path.exists():
        hint = "start one: charrnn train corpus.txt"
        raise CheckpointError(f"there is no run to resume at {path}", hint)
    with locked(path.parent):
        last = load_checkpoint(path)
        config, done = resume_point(last)
        if done >= config.steps:
            hint = "start a new run without --resume"
            raise UsageError(f"{path.parent} is finished ({config.steps:,} steps)", hint)
        names = names or list(last.run["corpus"]["sources"])
        text = _same_corpus(names, last, path.parent, cache)
        if not quiet:
            say_corpus(names, text)
            part = 100 * done / config.steps
            say(f"resuming    {path.parent} at step {done:,} of {config.steps:,} ({part:.0f} %)")
            say_differences(last, config, threads, device)
        chosen = start_torch(device or config.device)
        config = dataclasses.replace(config, device=chosen, threads=threads or config.threads)
        from charrnn.training.trainer import Trainer

        about = {**last.run, "training": dataclasses.asdict(config)}
        trainer = Trainer(text, last.model.config, config, path.parent, about=about, resume=last)
        _run(trainer, names, quiet=quiet)


def _same_corpus(
    names: list[str], last: "Checkpoint", folder: Path, cache: Path | None
) -> "Corpus":
    """The corpus of a run, read again."""
    from charrnn.cli.texts import open_corpus

    about = last.run["corpus"]
    config = corpus_config_of(about)
    text = open_corpus(names, config, cache=cache, vocabulary=last.model.vocabulary)
    if text.fingerprint != about["fingerprint"]:
        change = len(text) - about["characters"]
        raise DataError(f"{' '.join(names)} is not the corpus of {folder} ({change:+,} characters)")
    return text


def _run(trainer: "Trainer", names: list[str], *, quiet: bool) -> None:
    """Train, and say how it ended."""
    from charrnn.cli.progress import Stopper

    with Stopper() as stopper:
        drive(trainer, stopper, quiet=quiet)
    if trainer.progress.step < trainer.config.steps:
        if not quiet:
            say_stopped(trainer, names)
        if stopper.signal_number:
            die_by_signal(stopper.signal_number)
        return
    print_result(trainer)
