"""`charrnn train`: read a text, plan a run, train, and say what to type next."""

import dataclasses
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from charrnn.cli import train_options as option
from charrnn.cli.checkpoints import RUNS
from charrnn.cli.console import die_by_signal, say
from charrnn.cli.init_from import HOW_TO_ADD, Start, open_start, say_start
from charrnn.cli.one_run import (
    Limits,
    check_limits,
    drive,
    held_folder,
    new_trainer,
    plan_run,
    start_torch,
)
from charrnn.cli.resume import asked_for, resumed_trainer
from charrnn.cli.runs import new_folder, require_room
from charrnn.cli.tensorboard import check_tensorboard
from charrnn.cli.train_talk import (
    print_plan,
    print_result,
    say_corpus,
    say_lessons,
    say_plan,
    say_stopped,
    why_early,
)
from charrnn.config import (
    CorpusConfig,
    Level,
    ModelConfig,
    OptimizerName,
    Precision,
    SavingConfig,
    TrainingConfig,
)
from charrnn.errors import UsageError
from charrnn.network.cells import get_cell

if TYPE_CHECKING:
    from charrnn.training.trainer import Trainer


@dataclass(frozen=True)
class Manner:
    """What is kept, logged and said of a run; nothing here changes what becomes of it."""

    saving: SavingConfig
    tensorboard: Path | None
    baselines: bool
    quiet: bool


def train(
    context: typer.Context,
    corpus: option.CorpusNames = None,
    minutes: option.Minutes = None,
    epochs: option.Epochs = None,
    steps: option.Steps = None,
    plan_only: option.PlanOnly = False,
    init_from: option.InitFrom = None,  # noqa: ARG001 (open_start takes both from the context)
    extend_vocabulary: option.ExtendVocabulary = False,  # noqa: ARG001
    cell: option.CellName = ModelConfig.cell,
    hidden_size: option.HiddenSize = None,
    layers: option.Layers = None,
    layer_norm: option.LayerNorm = None,
    embedding_size: option.EmbeddingSize = ModelConfig.embedding_size,
    activation: option.Activation = ModelConfig.activation,
    learn_start: option.LearnStart = ModelConfig.learn_start,
    dropout: option.Dropout = None,
    recurrent_dropout: option.RecurrentDropout = None,
    batch_size: option.BatchSize = None,
    sequence_length: option.SequenceLength = TrainingConfig.sequence_length,
    optimizer: option.Optimizer = TrainingConfig.optimizer,
    lr: option.Lr = TrainingConfig.learning_rate,
    muon_lr: option.MuonLr = TrainingConfig.muon_learning_rate,
    clip: option.Clip = TrainingConfig.clip,
    seed: option.Seed = TrainingConfig.seed,
    patience: option.Patience = None,
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
    save_every: option.SaveEvery = SavingConfig.minutes,
    keep: option.Keep = SavingConfig.keep,
    baselines: option.Baselines = True,
    tensorboard: option.TensorBoard = None,
    quiet: option.Quiet = False,
) -> None:
    """Train a network on a text and keep it under checkpoints/NAME/.

    Ctrl-C stops cleanly; --resume goes on exactly where the run stopped.
    """
    manner = Manner(
        SavingConfig(minutes=save_every, keep=keep), tensorboard, baselines=baselines, quiet=quiet
    )
    if tensorboard:
        check_tensorboard(tensorboard)
    if resume:
        with resumed_trainer(
            context,
            corpus or [],
            name=name,
            out=out,
            cache=cache,
            threads=threads,
            device=device,
            quiet=quiet,
        ) as (trainer, names):
            _run(trainer, names, manner)
        return
    if not corpus:
        raise UsageError(
            "which text?", "for example: charrnn train corpus.txt, or charrnn train python"
        )
    check_limits((minutes, epochs, steps))
    start = open_start(context)
    corpus_config = CorpusConfig(
        level=cast("Level", start.level if start else level),  # the config checks it
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
        batch_size=TrainingConfig.batch_size if batch_size is None else batch_size,
        sequence_length=sequence_length,
        optimizer=cast("OptimizerName", optimizer),
        learning_rate=lr,
        muon_learning_rate=muon_lr,
        clip=clip,
        seed=seed,
        precision=cast("Precision", precision),  # the config checks it
        threads=threads,
        device=device,
        dropout=dropout or 0.0,
        recurrent_dropout=recurrent_dropout or 0.0,
        patience=patience or 0,
    )
    if start is None:
        get_cell(cell, activation)  # refuse a bad one, and a bad shape, before reading the text
    network = partial(
        ModelConfig,
        cell=cell,
        hidden_size=ModelConfig.hidden_size if hidden_size is None else hidden_size,
        num_layers=ModelConfig.num_layers if layers is None else layers,
        embedding_size=embedding_size,
        activation=activation,
        layer_norm=bool(layer_norm),
        learn_start=learn_start,
    )
    network(vocab_size=1)
    _start(
        corpus,
        corpus_config,
        start.network if start else network,
        config,
        budget=(minutes, epochs, steps),
        wishes={
            "hidden_size": hidden_size,
            "num_layers": layers,
            "layer_norm": layer_norm,
            "batch_size": batch_size,
            "dropout": dropout,
            "recurrent_dropout": recurrent_dropout,
            "patience": patience,
        },
        plan_only=plan_only,
        folder=Path() if plan_only else new_folder(out, name, corpus, overwrite=overwrite),
        overwrite=overwrite,
        start=start,
        cache=cache,
        asked=asked_for(context),
        manner=manner,
    )


def _start(
    names: list[str],
    corpus_config: CorpusConfig,
    network: Callable[..., ModelConfig],
    config: TrainingConfig,
    *,
    budget: Limits,
    wishes: dict[str, Any],
    plan_only: bool,
    folder: Path,
    overwrite: bool,
    start: Start | None,
    cache: Path | None,
    asked: dict[str, Any],
    manner: Manner,
) -> None:
    """Read the text, plan the run and train. Torch is imported only when the text has been read and said."""
    from charrnn.cli.texts import open_corpus

    text = open_corpus(
        names,
        corpus_config,
        cache=cache,
        vocabulary=start.model.vocabulary if start else None,
        extend=start is not None and start.extend,
        hint=HOW_TO_ADD,
        quiet=manner.quiet,
    )
    if not manner.quiet:
        say_corpus(names, text)
        if start:
            say_start(start, text.vocabulary)
    if config.patience and len(text.val) < 2:
        raise UsageError(
            "--patience needs validation text, and there is none",
            "leave it out, or give a larger --val-fraction",
        )
    model_config = network(vocab_size=len(text.vocabulary))
    if start:
        wishes = wishes | {"hidden_size": model_config.hidden_size}
    config = dataclasses.replace(config, device=start_torch(config.device, config.precision))
    if plan_only:
        print_plan(plan_run(text, model_config, config, budget, wishes))
        return
    with held_folder(folder, model_config, overwrite=overwrite, keep=manner.saving.keep):
        plan = plan_run(text, model_config, config, budget, wishes)
        if not manner.quiet:
            say_plan(plan, folder)
        require_room(folder, plan.model_config, keep=manner.saving.keep)
        trainer = new_trainer(
            names, text, plan, folder, asked=asked, saving=manner.saving, start=start
        )
        _run(trainer, names, manner)


def _run(trainer: "Trainer", names: list[str], manner: Manner) -> None:
    """Train, and say how it ended."""
    from charrnn.cli.progress import Stopper
    from charrnn.cli.tensorboard import TensorBoardLog

    log = TensorBoardLog(manner.tensorboard, trainer) if manner.tensorboard else None
    with Stopper() as stopper:
        drive(trainer, stopper, quiet=manner.quiet, log=log)
    if not trainer.finished:
        if not manner.quiet:
            say_stopped(trainer, names, manner.tensorboard)
        if stopper.signal_number:
            die_by_signal(stopper.signal_number)
        return
    if trainer.stopped_early and not manner.quiet:
        say(why_early(trainer.progress.step, trainer.config))
    if not manner.quiet:
        say_lessons(trainer)
    print_result(trainer, baselines=manner.baselines and not manner.quiet)
    if stopper.signal_number:  # it came too late to stop anything but the shell's loop
        sys.stdout.flush()
        die_by_signal(stopper.signal_number)
