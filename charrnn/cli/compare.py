"""`charrnn compare`: train several cells alike on one text, and set their figures beside each other."""

import contextlib
import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from charrnn.cli import compare_options as own
from charrnn.cli import train_options as option
from charrnn.cli.checkpoints import RUNS
from charrnn.cli.compare_talk import Comparison, Row, bar_cells, table
from charrnn.cli.console import can_print, die_by_signal, print_wrapped, say, terminal_width
from charrnn.cli.one_run import (
    Limits,
    check_limits,
    drive,
    held_folder,
    new_trainer,
    plan_run,
    start_torch,
)
from charrnn.cli.runs import new_folders, require_room
from charrnn.cli.train_talk import judge, sample_command, say_corpus, say_plan, say_stopped
from charrnn.config import (
    CorpusConfig,
    Level,
    ModelConfig,
    OptimizerName,
    Precision,
    TrainingConfig,
)
from charrnn.errors import DataError, DivergedError, UsageError
from charrnn.network.cells import CELLS, get_cell
from charrnn.render.bars import EIGHTHS
from charrnn.wording import duration

if TYPE_CHECKING:
    from charrnn.cli.progress import Stopper
    from charrnn.evaluation.evaluate import Evaluation
    from charrnn.text.corpus import Corpus
    from charrnn.training.plan import Plan
    from charrnn.training.trainer import Trainer


@dataclass(frozen=True)
class Entry:
    """A network that is going to be trained."""

    network: ModelConfig
    folder: Path
    plan: "Plan"


def compare(
    context: typer.Context,
    corpus: option.CorpusNames = None,
    cells: own.Cells = ",".join(CELLS),
    minutes: own.Minutes = None,
    steps: own.Steps = None,
    parameters: own.Parameters = None,
    hidden_size: own.HiddenSize = ModelConfig.hidden_size,
    layers: own.Layers = ModelConfig.num_layers,
    embedding_size: option.EmbeddingSize = ModelConfig.embedding_size,
    dropout: option.Dropout = None,
    recurrent_dropout: option.RecurrentDropout = None,
    batch_size: own.BatchSize = TrainingConfig.batch_size,
    sequence_length: option.SequenceLength = TrainingConfig.sequence_length,
    optimizer: option.Optimizer = TrainingConfig.optimizer,
    lr: option.Lr = TrainingConfig.learning_rate,
    muon_lr: option.MuonLr = TrainingConfig.muon_learning_rate,
    clip: option.Clip = TrainingConfig.clip,
    seed: option.Seed = TrainingConfig.seed,
    level: option.Level = CorpusConfig.level,
    min_count: option.MinCount = CorpusConfig.min_count,
    glob: option.Glob = None,
    encoding: option.Encoding = CorpusConfig.encoding,
    max_chars: option.MaxChars = CorpusConfig.max_chars,
    val_fraction: option.ValFraction = CorpusConfig.val_fraction,
    lines: option.Lines = CorpusConfig.lines,
    split_seed: option.SplitSeed = CorpusConfig.split_seed,
    name: own.Name = None,
    out: option.Out = RUNS,
    overwrite: own.Overwrite = False,
    device: option.Device = "auto",
    precision: option.Precision = "auto",
    threads: option.Threads = TrainingConfig.threads,
    cache: option.Cache = None,
    as_json: own.Json = False,
    quiet: option.Quiet = False,
) -> None:
    """Train a network of each cell for the same time, and print how they compare.

    All read the same text and are judged on the same validation text.
    A longer bar means more bits: shorter is better.
    Each network is kept as a run, checkpoints/NAME-CELL/.
    """
    if not corpus:
        raise UsageError("which text?", "for example: charrnn compare corpus.txt")
    if parameters is not None and option.was_given(context, "hidden_size"):
        raise UsageError("--parameters chooses the hidden sizes", "leave out --hidden-size")
    check_limits((minutes, None, steps))
    if minutes is None and steps is None:
        minutes = own.DEFAULT_MINUTES
    corpus_config = CorpusConfig(
        level=cast("Level", level),  # the config checks it
        min_count=min_count,
        encoding=encoding,
        max_chars=max_chars,
        globs=tuple(glob or ()),
        val_fraction=val_fraction,
        lines=lines,
        split_seed=split_seed,
    )
    config = TrainingConfig(
        batch_size=batch_size,
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
    )
    networks = [
        ModelConfig(
            cell=cell,
            vocab_size=1,  # until the text has been read
            hidden_size=hidden_size,
            num_layers=layers,
            embedding_size=embedding_size,
        )
        for cell in _chosen(cells)
    ]
    endings = [f"-{network.cell}" for network in networks]
    folders = new_folders(out, name, corpus, endings, overwrite=overwrite)
    text = _read(corpus, corpus_config, cache, quiet=quiet)
    networks = [_sized(network, text, parameters) for network in networks]
    limits = (minutes, None, steps)
    wishes = {"batch_size": batch_size, "dropout": dropout, "recurrent_dropout": recurrent_dropout}
    entries = _plan(text, networks, folders, config, limits, wishes, out, quiet=quiet)
    comparison = Comparison(corpus, text, minutes, steps, parameters)
    _train_all(comparison, entries, overwrite=overwrite, as_json=as_json, quiet=quiet)


# --- before training ------------------------------------------------------------------------------


def _chosen(cells: str) -> list[str]:
    """The names in --cells: "lstm, gru" -> ["lstm", "gru"].

    Raises:
        UsageError: there is none, one is unknown, or one stands there twice.
    """
    names = [name.strip() for name in cells.split(",")]
    if not any(names):
        raise UsageError("--cells names no cell", f"the cells are {', '.join(CELLS)}")
    for place, name in enumerate(names):
        get_cell(name)
        if name in names[:place]:
            raise UsageError(f"--cells names {name} twice", "one network of each cell is trained")
    return names


def _read(names: list[str], config: CorpusConfig, cache: Path | None, *, quiet: bool) -> "Corpus":
    """The text, which must have something to judge the networks on."""
    from charrnn.cli.texts import open_corpus

    text = open_corpus(names, config, cache=cache, quiet=quiet)
    if len(text.val) < 2:
        raise DataError(
            f"nothing to judge the networks on: of {len(text):,} characters {len(text.val)} are validation text",
            "give a larger --val-fraction, or a longer text",
        )
    if not quiet:
        say_corpus(names, text)
    return text


def _sized(network: ModelConfig, text: "Corpus", parameters: int | None) -> ModelConfig:
    """The network for this text's alphabet, with so many parameters if that was asked for."""
    from charrnn.network.shapes import hidden_size_for

    network = dataclasses.replace(network, vocab_size=len(text.vocabulary))
    if parameters is None:
        return network
    return dataclasses.replace(network, hidden_size=hidden_size_for(network, parameters))


def _plan(
    text: "Corpus",
    networks: list[ModelConfig],
    folders: list[Path],
    config: TrainingConfig,
    limits: Limits,
    wishes: dict[str, Any],
    out: Path,
    *,
    quiet: bool,
) -> list[Entry]:
    """Plan every run before the first starts, so that what cannot be trained is refused now, and the end foreseen."""
    from charrnn.files import make_writable_folder

    make_writable_folder(out)
    require_room(out, *networks)
    count = f"{len(networks)} network" + ("s" if len(networks) > 1 else "")
    if not quiet:
        say(f"measuring   how fast this machine trains {count} ...")
    config = dataclasses.replace(config, device=start_torch(config.device, config.precision))
    plans = _alike(
        [
            plan_run(text, network, config, limits, wishes | {"hidden_size": network.hidden_size})
            for network in networks
        ]
    )
    if not quiet:
        whole = duration(sum(plan.seconds for plan in plans))
        say(f"whole       about {whole} for {count}, one after the other")
    return [Entry(*of) for of in zip(networks, folders, plans, strict=True)]


def _alike(plans: "list[Plan]") -> "list[Plan]":
    """The plans with one dropout of each kind, the least of them: networks that differ in it cannot be compared.

    None stops early, so that all read text for the same time.
    """
    same = {
        name: min(getattr(plan.config, name) for plan in plans)
        for name in ("dropout", "recurrent_dropout")
    }
    return [
        dataclasses.replace(plan, config=dataclasses.replace(plan.config, patience=0, **same))
        for plan in plans
    ]


# --- training -------------------------------------------------------------------------------------


def _train_all(
    comparison: Comparison, entries: list[Entry], *, overwrite: bool, as_json: bool, quiet: bool
) -> None:
    """Train one network after the other. Whatever happens, the figures of those that were finished are printed."""
    from charrnn.cli.progress import Stopper

    rows = comparison.rows
    with Stopper() as stopper:
        try:
            for number, entry in enumerate(entries, 1):
                if stopper.signal_number:
                    break
                if not quiet:
                    say()
                    left = entries[number - 1 :]
                    say(f"whole       about {duration(sum(e.plan.seconds for e in left))} to go")
                    say_plan(entry.plan, entry.folder, f"{number} of {len(entries)}")
                row = _train(comparison, entry, stopper, overwrite=overwrite, quiet=quiet)
                if row:
                    rows.append(row)
        finally:
            gone = [OSError] if stopper.signal_number else []  # the terminal, with the signal
            with contextlib.suppress(*gone):
                _show(comparison, entries, as_json=as_json, quiet=quiet)
    if stopper.signal_number and len(rows) < len(entries):
        die_by_signal(stopper.signal_number)
    diverged = [(row.config.cell, row.diverged) for row in rows if row.diverged]
    if diverged:
        cells = ", ".join(cell for cell, _ in diverged)
        raise DivergedError(f"training diverged: {cells}", diverged[0][1].hint)


def _train(
    comparison: Comparison, entry: Entry, stopper: "Stopper", *, overwrite: bool, quiet: bool
) -> Row | None:
    """Train one network, and judge it; None if it was stopped. That it diverges is a result too."""
    names, text, network = comparison.names, comparison.text, entry.network
    with held_folder(entry.folder, network, overwrite=overwrite):
        asked = {"minutes": comparison.minutes, "steps": comparison.steps}
        trainer = new_trainer(names, text, entry.plan, entry.folder, asked=asked)
        try:
            drive(trainer, stopper, quiet=quiet)
        except DivergedError as error:
            say(f"charrnn: {network.cell} diverged: {error.message}")
            return _row(trainer, None, error)
        if not trainer.finished:
            if not quiet:
                say_stopped(trainer, names)
            return None
        row = _row(trainer, judge(trainer))
    if not quiet:
        say(f"validation  {row.nats:.4f} nats, {row.bits:.4f} bits; kept in {entry.folder}")
    return row


def _row(
    trainer: "Trainer", judged: "Evaluation | None", diverged: DivergedError | None = None
) -> Row:
    from charrnn.network.shapes import count_parameters

    progress, lanes = trainer.progress, trainer.batches
    return Row(
        run=trainer.folder,
        config=trainer.model_config,
        training=trainer.config,
        parameters=count_parameters(trainer.model_config),
        steps=progress.step,
        epochs=progress.step / lanes.steps_per_epoch,
        characters_seen=lanes.characters_in(progress.step),
        seconds=progress.seconds,
        nats=judged.nats_per_char if judged else None,
        diverged=diverged,
    )


# --- afterwards -----------------------------------------------------------------------------------


def _show(comparison: Comparison, entries: list[Entry], *, as_json: bool, quiet: bool) -> None:
    """Print the figures, which are the result; and say what else there is to know."""
    rows = comparison.rows
    if not quiet:
        say()
        if missing := [entry.network.cell for entry in entries[len(rows) :]]:
            done = ", ".join(row.config.cell for row in rows) or "none"
            say(f"finished: {done}; not finished: {', '.join(missing)}")
    if not rows:
        return
    if as_json:
        print(json.dumps(comparison.as_dict(), allow_nan=False), flush=True)
    else:
        unit, width = comparison.unit, terminal_width()
        for line in table(rows, unit, width, blocks=can_print(EIGHTHS)):
            print(line)
        judged, timed = comparison.protocol
        print_wrapped(judged)
        bars = "; bar: bits, shorter is better" if bar_cells(rows, unit, width) else ""
        print_wrapped(timed + bars)
        sys.stdout.flush()
    if comparison.best and not quiet:
        say(f"next: {sample_command(comparison.best.run)}")
