"""`charrnn compare`: train several cells on one text with the same settings, and compare their metrics."""

import contextlib
import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.compare.report import Comparison, Trained, bar_cells, means, table
from charrnn.cli.completion import complete_cells
from charrnn.cli.options import Changes, Given, spell_as_options
from charrnn.cli.terminal import (
    can_print,
    die_by_signal,
    print_json,
    print_wrapped,
    say,
    terminal_width,
    warn,
)
from charrnn.cli.train.command_line import CorpusNames, PlaceOptions, seeds_of
from charrnn.cli.train.report import say_corpus, say_plan, say_stopped
from charrnn.cli.train.result import best_checkpoint, evaluate_best, sample_command
from charrnn.cli.train.run import drive, plan_run, start_torch
from charrnn.config import (
    LEARNING,
    NETWORK,
    SAVING,
    CorpusConfig,
    ModelConfig,
    SavingConfig,
    TrainingRequest,
)
from charrnn.errors import DataError, DivergedError, SettingError, UsageError
from charrnn.network.cells import CELLS, get_cell
from charrnn.render.tables import EIGHTHS
from charrnn.runs import new_folders
from charrnn.settings import setting
from charrnn.training.new_run import held_folder, new_trainer, require_room
from charrnn.wording import counted, duration

if TYPE_CHECKING:
    from charrnn.cli.progress import Stopper
    from charrnn.evaluation.evaluate import Evaluation
    from charrnn.text.corpus import Corpus
    from charrnn.training.plan import Plan
    from charrnn.training.trainer import Trainer

EXAMPLES = (
    "charrnn compare python",
    "charrnn compare book.txt --cells lstm,gru --minutes 5",
    "charrnn compare book.txt --parameters 350000 --json",
)
MINUTES_EACH = 1.0
"""Training time of each network if no limit is given."""
ROUNDS = 3
"""How often every network is measured, all once before any again, where the steps are kept as they were planned."""
COMPARED = ("lstm", "gru", "elman", "jordan", "peephole")
"""Cells that are compared if none are named."""
WITHOUT = (
    *("cell", "activation", "depth", "delays", "row_length", "patience", "replanned", "gradient"),
    *("pairs", "vectors", "align", "attention", "bidirectional", "label_smoothing", "subsample"),
)
"""Settings of `train` that would make the networks differ in more than their cell, and those of pairs."""
PLAIN = ("hidden_size", "num_layers", "layer_norm", "batch_size")
"""Settings that `train` plans, and that here have their defaults."""
CHANGES = Changes(
    without=WITHOUT,
    complete={"cells": complete_cells},
    different={
        "split_seed": {
            "help": "With {lines}, {separator}, {documents} or {field}: decides which texts are used for validation "
            "and testing."
        },
        "minutes": {
            "help": "Train each network for about this many minutes.",
            "default_text": f"{MINUTES_EACH:g}, if no other limit is given",
        },
        "name": {"help": "Name of the runs; -CELL is added for each."},
        "overwrite": {"help": "Replace runs of these names by new ones."},
        **{name: {"default_text": "{default}"} for name in PLAIN},
    },
)


@dataclass(frozen=True, kw_only=True)
class CompareOptions(PlaceOptions):
    """Which cells are compared, and where their runs are saved."""

    cells: str = setting(
        ",".join(COMPARED),
        f"Cells to compare, separated by commas. The others are {', '.join(c for c in CELLS if c not in COMPARED)}.",
        panel=NETWORK,
    )
    parameters: int | None = setting(
        None,
        "Choose each network's hidden size so that it has about this many parameters.",
        low=1,
        default_text="the same hidden size for all",
        panel=NETWORK,
    )
    seeds: str | None = setting(
        None,
        "Train each cell once with each of these seeds, such as 1,2,3, and report means and their standard errors.",
        metavar="SEEDS",
        excludes=("seed",),
        panel=LEARNING,
    )
    json: bool = setting(False, "Print one JSON object instead of the table.", panel=SAVING)


@dataclass(frozen=True)
class Entry:
    """A network that is going to be trained."""

    network: ModelConfig
    folder: Path
    plan: "Plan"


def compare(
    corpus: CorpusNames = None,
    *,
    options: CompareOptions,
    request: TrainingRequest,
    config: CorpusConfig,
    given: Given,
) -> None:
    """Train a network of each cell for the same time, and compare them.

    All read the same text and are validated on the same text.
    A longer bar means more bits per character: shorter is better. Networks are compared without counts.
    Each network is saved as a run, checkpoints/NAME-CELL/.
    """
    if not corpus:
        raise UsageError("no corpus was given", "for example: charrnn compare corpus.txt")
    if options.parameters is not None and "hidden_size" in given:
        raise SettingError.naming(
            "{parameters} chooses the hidden sizes", "leave out {hidden_size}"
        )
    seeds = seeds_of(options.seeds)
    if not request.has_limit:
        request = dataclasses.replace(request, minutes=MINUTES_EACH)
    plain = request.network(vocab_size=1)  # until the text has been read
    networks = [dataclasses.replace(plain, cell=cell) for cell in _chosen(options.cells)]
    endings = [
        f"-{network.cell}{ending}"
        for network in networks
        for ending in ([f"-seed{seed}" for seed in seeds] or [""])
    ]
    folders = new_folders(options.out, options.name, corpus, endings, overwrite=options.overwrite)
    text = _read(corpus, config, options.cache)
    networks = [_sized(network, text, options.parameters) for network in networks]
    plans = _plan(text, networks, request, options.out, len(folders))
    own = [_with_seed(plan, seed) for plan in plans for seed in (seeds or (None,))]
    entries = [Entry(*of) for of in zip((p.model_config for p in own), folders, own, strict=True)]
    comparison = Comparison(corpus, text, request, options.parameters)
    _train_all(comparison, entries, options)


# --- before training ------------------------------------------------------------------------------


def _chosen(cells: str) -> list[str]:
    """The names of cells: "lstm, gru" -> ["lstm", "gru"].

    Raises:
        UsageError: there is none, one is unknown, or one is named twice.
    """
    names = [name.strip() for name in cells.split(",")]
    if not any(names):
        raise SettingError.naming("{cells} names no cell", f"the cells are {', '.join(CELLS)}")
    for place, name in enumerate(names):
        get_cell(name)
        if name in names[:place]:
            raise SettingError.naming(
                "{cells} names {name} twice", "one network of each cell is trained", name=name
            )
    return names


def _read(names: list[str], config: CorpusConfig, cache: Path | None) -> "Corpus":
    """The text, which must have a validation part."""
    from charrnn.cli.inputs import open_corpus

    text: Corpus = open_corpus(names, config, cache=cache)
    if len(text.val) < 2:
        raise DataError(
            f"no validation text to compare the networks on: {len(text.val)} of {len(text):,} characters",
            "give a larger --val-fraction, or a longer text",
        )
    say_corpus(names, text)
    return text


def _sized(network: ModelConfig, text: "Corpus", parameters: int | None) -> ModelConfig:
    """The network for this text's vocabulary, with a given number of parameters if there is one."""
    from charrnn.network.shapes import hidden_size_for
    from charrnn.text.rows import with_row_length

    network = with_row_length(dataclasses.replace(network, vocab_size=len(text.vocabulary)), text)
    if parameters is None:
        return network
    return dataclasses.replace(network, hidden_size=hidden_size_for(network, parameters))


def _plan(
    text: "Corpus",
    networks: list[ModelConfig],
    request: TrainingRequest,
    out: Path,
    num_runs: int,
) -> "list[Plan]":
    """Plan every network before the first starts, so that errors show at once and the total time is known.

    With exact steps no run measures itself again: the fastest of ROUNDS counts, as other programs slow a moment down.
    """
    from charrnn.files import make_writable_folder

    make_writable_folder(out)
    require_room(out, *networks * (num_runs // len(networks)))
    count = counted(len(networks), "network")
    say(f"measuring   how fast this machine trains {count} ...")
    device = start_torch(request)
    rounds = ROUNDS if request.given.get("exact_steps") and request.minutes else 1
    measured = [
        [plan_run(text, network, _fixed(request, network), device) for network in networks]
        for _ in range(rounds)
    ]
    plans = _alike(
        [min(of, key=lambda plan: plan.run.per_step) for of in zip(*measured, strict=True)]
    )
    each = num_runs // len(networks)
    total = duration(each * sum(plan.seconds for plan in plans))
    runs = f" with {counted(each, 'seed')} each" if each > 1 else ""
    say(f"total       about {total} for {count}{runs}, one after the other")
    return plans


def _with_seed(plan: "Plan", seed: int | None) -> "Plan":
    """The plan with another seed; None: as it is."""
    if seed is None:
        return plan
    return dataclasses.replace(plan, config=dataclasses.replace(plan.config, seed=seed))


def _fixed(request: TrainingRequest, network: ModelConfig) -> TrainingRequest:
    """The request with the shape of a network and its batch, so that only dropout is planned."""
    fixed = {
        "hidden_size": network.hidden_size,
        "batch_size": request.training().batch_size,
        "patience": None,
    }
    return dataclasses.replace(request, given={**request.given, **fixed})


def _alike(plans: "list[Plan]") -> "list[Plan]":
    """The plans with the same dropout and weight drop, the lowest of each, so that only the cells differ.

    A cell without a recurrent matrix has no weight drop, and does not take it from the others.
    """
    dropout = min(plan.config.dropout for plan in plans)
    has_matrix = [CELLS[plan.model_config.cell].has_recurrent_matrix for plan in plans]
    drops = [plan.config.weight_drop for plan, has in zip(plans, has_matrix, strict=True) if has]
    weight_drop = min(drops, default=0.0)
    return [
        dataclasses.replace(
            plan,
            config=dataclasses.replace(
                plan.config, dropout=dropout, weight_drop=weight_drop if has else 0.0
            ),
        )
        for plan, has in zip(plans, has_matrix, strict=True)
    ]


# --- training -------------------------------------------------------------------------------------


def _train_all(comparison: Comparison, entries: list[Entry], options: CompareOptions) -> None:
    """Train one network after the other. The metrics of finished ones are printed even after an error."""
    from charrnn.cli.progress import Stopper

    rows = comparison.rows
    with Stopper() as stopper:
        try:
            for number, entry in enumerate(entries, 1):
                if stopper.signal_number:
                    break
                say()
                left = duration(sum(e.plan.seconds for e in entries[number - 1 :]))
                say(f"total       about {left} to go")
                say_plan(entry.plan, entry.folder, f"{number} of {len(entries)}")
                row = _train(comparison, entry, stopper, overwrite=options.overwrite)
                if row:
                    rows.append(row)
        finally:
            gone = [OSError] if stopper.signal_number else []  # the terminal, with the signal
            with contextlib.suppress(*gone):
                _show(comparison, entries, as_json=options.json)
    if stopper.signal_number and len(rows) < len(entries):
        die_by_signal(stopper.signal_number)
    diverged = [(row.config.cell, row.diverged) for row in rows if row.diverged]
    if diverged:
        cells = ", ".join(dict.fromkeys(cell for cell, _ in diverged))
        error = diverged[0][1].typed(spell_as_options({}))
        raise DivergedError(f"training diverged: {cells}", error.hint)


def _train(
    comparison: Comparison, entry: Entry, stopper: "Stopper", *, overwrite: bool
) -> Trained | None:
    """Train one network, and validate it; None if it was stopped. Divergence is a result too."""
    names, text, network = comparison.names, comparison.text, entry.network
    with held_folder(entry.folder, network, overwrite=overwrite):
        request = comparison.request
        trainer = new_trainer(
            names,
            text,
            entry.plan,
            entry.folder,
            request=request,
            saving=SavingConfig(counts=False),
        )
        try:
            drive(trainer, stopper)
        except DivergedError as error:
            warn(f"charrnn: {network.cell} diverged: {error.message}")
            return _row(trainer, None, error)
        if not trainer.finished:
            say_stopped(trainer, names)
            return None
        row = _row(trainer, evaluate_best(trainer, best_checkpoint(trainer)))
    say(f"validation  {row.nats:.4f} nats, {row.bits:.4f} bits; saved to {entry.folder}")
    return row


def _row(
    trainer: "Trainer", result: "Evaluation | None", diverged: DivergedError | None = None
) -> Trained:
    from charrnn.network.shapes import count_parameters

    progress, batches = trainer.progress, trainer.batches
    return Trained(
        run=trainer.folder,
        config=trainer.model_config,
        training=trainer.config,
        parameters=count_parameters(trainer.model_config),
        steps=progress.step,
        epochs=progress.step / batches.steps_per_epoch,
        characters_seen=batches.characters_in(progress.step),
        seconds=progress.seconds,
        nats=result.nats_per_char if result else None,
        diverged=diverged,
    )


# --- afterwards -----------------------------------------------------------------------------------


def _show(comparison: Comparison, entries: list[Entry], *, as_json: bool) -> None:
    """Print the metrics, which are the result, and report which networks were not finished."""
    rows = comparison.rows
    say()
    if missing := dict.fromkeys(entry.network.cell for entry in entries[len(rows) :]):
        finished = dict.fromkeys(row.config.cell for row in rows if row.config.cell not in missing)
        done = ", ".join(finished) or "none"
        say(f"finished: {done}; not finished: {', '.join(missing)}")
    if not rows:
        return
    rows = means(rows)
    if as_json:
        print_json(comparison.as_dict())
    else:
        unit, width = comparison.unit, terminal_width()
        for line in table(rows, unit, width, blocks=can_print(EIGHTHS)):
            print(line)
        validated, timed = comparison.protocol
        print_wrapped(validated)
        bars = "; bar: bits, shorter is better" if bar_cells(rows, unit, width) else ""
        if (seeds := max(row.num_seeds for row in rows)) > 1:
            bars += f"; means and standard errors of {counted(seeds, 'seed')}"
        print_wrapped(timed + bars)
        sys.stdout.flush()
    if comparison.best:
        say(f"next: {sample_command(comparison.best.run)}")
