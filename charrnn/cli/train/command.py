"""`charrnn train`: read a text, plan a run, train, and say what to type next."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.options import Changes, Given
from charrnn.cli.run_names import complete_checkpoint
from charrnn.cli.terminal import die_by_signal, is_quiet, print_json, requeued_by_signal, say
from charrnn.cli.train.command_line import (
    CommandLine,
    CorpusNames,
    RunOptions,
    change_of_plan,
    seeds_of,
)
from charrnn.cli.train.forever import learn_forever
from charrnn.cli.train.json_lines import plan_record
from charrnn.cli.train.logs import check_logs
from charrnn.cli.train.longer import longer_command
from charrnn.cli.train.pairs import say_line_baseline
from charrnn.cli.train.processes import end_together, several, start_together
from charrnn.cli.train.report import (
    print_plan,
    report_advice,
    say_corpus,
    say_notes,
    say_plan,
    say_start,
    say_stopped,
)
from charrnn.cli.train.result import Result, report_result, show_seeds
from charrnn.cli.train.run import drive, plan_run
from charrnn.config import (
    CorpusConfig,
    SavingConfig,
    TrainingRequest,
)
from charrnn.errors import CharrnnError, SettingError, UsageError
from charrnn.network.cells import cell_of
from charrnn.runs import LAST, checked_name, new_folders
from charrnn.text.rows import row_notes
from charrnn.training.new_run import (
    held_folder,
    network_of,
    new_trainer,
    require_place,
    require_room,
    require_validation_text,
)
from charrnn.training.pairs.settings import aligned
from charrnn.training.resume import why_early
from charrnn.training.start import HOW_TO_ADD, Start, StartOptions, open_start

if TYPE_CHECKING:
    from charrnn.training.plan import Plan
    from charrnn.training.trainer import Trainer

EXAMPLES = (
    "charrnn train python --minutes 2",
    "charrnn train book.txt --hidden-size 512 --epochs 10 --name book",
    "charrnn train names.txt --lines",
)

AS_THE_MODEL = {
    "planned": True,
    "default_text": "off, or with {init_from} as the model was trained",
}
CHANGES = Changes(
    complete={"init_from": complete_checkpoint},
    parse={"replanned": change_of_plan},
    different={"lines": AS_THE_MODEL, "normalize": AS_THE_MODEL},
)


def train(
    corpus: CorpusNames = None,
    *,
    request: TrainingRequest,
    config: CorpusConfig,
    start: StartOptions,
    run: RunOptions,
    saving: SavingConfig,
    given: Given,
) -> None:
    """Train a network on a text and save it under checkpoints/NAME/.

    Settings that you leave out are planned: the size of the network, for example, from the time budget and the speed of
    this machine. Ctrl-C stops cleanly; --resume continues exactly where the run stopped. SIGUSR1, a cluster's warning
    before its time limit, stops it with exit status 75: run the same line again.
    """
    if config.pairs and saving.counts and "counts" in given:
        raise SettingError.naming(
            "{pairs} and {counts} cannot be used together", "leave one of them out"
        )
    try:
        with requeued_by_signal():
            several(run.processes)
            check_logs(run)
            command_line = CommandLine(corpus or [], config, request, run, saving, start)
            if run.forever:
                learn_forever(command_line, given)
            else:
                _resume_or_start(command_line, given)
    finally:
        end_together()


def _resume_or_start(command_line: CommandLine, given: Given) -> None:
    """Continue the run of a command line, or begin it."""
    from charrnn.cli.train.resume import run_to_resume

    run, request, config = command_line.run, command_line.request, command_line.config
    if run.resume and not run.seeds and (path := run_to_resume(command_line.names, run)):
        _go_on(path, command_line, given)
        return
    if not command_line.names:
        raise UsageError(
            "no corpus was given", "for example: charrnn train corpus.txt, or charrnn train python"
        )
    model = open_start(command_line.start, request, config, given)
    if model:
        config = model.corpus_config(config, given)
        command_line = dataclasses.replace(command_line, config=config)
    else:
        network = request.network(vocab_size=1)
        cell_of(network)  # refused before the text is read
    _start(command_line, model, given)


def _go_on(
    path: Path, command_line: CommandLine, given: Given, before: Sequence[Result] = ()
) -> Result | None:
    """Continue the run of a last checkpoint; its result, or None if it was stopped or has none to report."""
    from charrnn.cli.train.resume import resumed_trainer

    with resumed_trainer(path, command_line, given) as trainer:
        if trainer and trainer.finished:
            return report_result(trainer, "", baselines=False, as_json=command_line.run.json)
        return _run(trainer, command_line, before) if trainer else None


def _start(command_line: CommandLine, start: Start | None, given: Given) -> None:
    """Read the text, plan the run and train. Torch is imported only when the text has been read and reported."""
    run, names, request = command_line.run, command_line.names, command_line.request
    seeds = seeds_of(run.seeds)
    if run.name is not None:
        checked_name(run.name)  # also of a run that is only planned
    folders = [] if run.plan_only else _folders(run, names, seeds)
    text = _text(command_line, start)
    network = network_of(text, start or request)
    say_notes(row_notes(network, text))
    shaped = start.keeping_shape(request) if start else request
    for folder in folders[:1]:
        require_place(folder, network, keep=command_line.saving.keep)
    device = start_together(shaped)
    if run.plan_only:
        shown = plan_run(text, network, shaped, device)
        (print_json(plan_record(shown)) if run.json else print_plan(shown))
        return
    plan: Plan | None = None
    results: list[Result] = []
    for number, (folder, seed) in enumerate(zip(folders, seeds or (None,), strict=True), 1):
        asked, last = _seeded(request, seed), folder / LAST
        own = dataclasses.replace(command_line, request=asked, is_last=number == len(folders))
        try:
            if seeds and run.resume and last.exists():
                result = _go_on(last, own, given, results)
            else:
                with held_folder(folder, network, overwrite=run.overwrite, keep=own.saving.keep):
                    if plan is None:
                        like = _planned(folders) if run.resume else None
                        plan = plan_run(text, network, like or shaped, device)
                    result = _run(_new_trainer(own, text, plan, folder, start), own, results)
        except CharrnnError:
            show_seeds(results, as_json=run.json)
            raise
        if result is None:
            return
        results.append(result)
    if seeds:
        show_seeds(results, as_json=run.json)


def _folders(run: RunOptions, names: list[str], seeds: Sequence[int]) -> list[Path]:
    """The folders of the runs of a command line.

    Raises:
        UsageError: one holds a run already, and is not to be resumed or overwritten; or has no name to resume it by.
    """
    endings = [f"-seed{seed}" for seed in seeds] or [""]
    if not (seeds and run.resume):
        return new_folders(run.out, run.name, names, endings, overwrite=run.overwrite)
    if run.name is None:
        raise SettingError.naming(
            "{seeds} and {resume} need the name of the runs", "for example {name:plays}"
        )
    return [run.out / checked_name(run.name + ending) for ending in endings]


def _planned(folders: Sequence[Path]) -> TrainingRequest | None:
    """The request with the plan of the first of these runs that there is; None: there is none."""
    from charrnn.checkpoint import load_checkpoint
    from charrnn.training.record import request_like

    path = next((folder / LAST for folder in folders if (folder / LAST).exists()), None)
    return request_like(load_checkpoint(path)) if path else None


def _new_trainer(
    command_line: CommandLine, text: Any, plan: "Plan", folder: Path, start: Start | None
) -> "Trainer":
    """The trainer of a new run in a locked folder, whose plan is reported."""
    run, request, saving = command_line.run, command_line.request, command_line.saving
    seed = request.given.get("seed", plan.config.seed)
    plan = dataclasses.replace(plan, config=dataclasses.replace(plan.config, seed=seed))
    say_plan(plan, folder)
    require_room(folder, plan.model_config, keep=saving.keep)
    trainer = new_trainer(
        command_line.names, text, plan, folder, request=request, saving=saving, start=start
    )
    if run.json:
        print_json(plan_record(plan, folder))
    return trainer


def _seeded(request: TrainingRequest, seed: int | None) -> TrainingRequest:
    """A request with another seed; None: as it is."""
    if seed is None:
        return request
    return dataclasses.replace(request, given={**request.given, "seed": seed})


def _text(command_line: CommandLine, start: Start | None) -> Any:
    """Read the text, and report it."""
    from charrnn.cli.inputs import open_corpus

    text = open_corpus(
        command_line.names,
        command_line.config,
        cache=command_line.run.cache,
        vocabulary=start.model.vocabulary if start else None,
        extend=start is not None and start.extend,
        hint=HOW_TO_ADD,
    )
    text = aligned(text, command_line.request)
    say_corpus(command_line.names, text)
    if start:
        say_start(start, text)
    require_validation_text(command_line.request, text)
    return text


def _run(
    trainer: "Trainer", command_line: CommandLine, before: Sequence[Result] = ()
) -> Result | None:
    """Train, and report how it ended; None if it was stopped. The signal that stopped it ends the process.

    Args:
        trainer: the run.
        command_line: the command line.
        before: the results of the runs with other seeds.
    """
    from charrnn.cli.progress import Stopper
    from charrnn.cli.train.logs import logging_options, open_logs

    run, names = command_line.run, command_line.names
    wanted = run.baselines and not is_quiet()
    if trainer.model_config.align and wanted:
        say_line_baseline(trainer)
    with Stopper(requeues=True) as stopper:
        drive(trainer, stopper, logs=open_logs(run, trainer), as_json=run.json)
    if not trainer.finished:
        say_stopped(trainer, names, *logging_options(run), *run.together)
        show_seeds(before, as_json=run.json)
        sys.stdout.flush()
        if stopper.signal_number:
            die_by_signal(stopper.signal_number)
        return None
    if trainer.stopped_early:
        say(why_early(trainer.progress.step, trainer.config))
    longer = longer_command(trainer.folder, names, trainer.metadata, trainer.config, *run.together)
    longer = report_advice(trainer, longer)
    result = report_result(trainer, longer, baselines=wanted, as_json=run.json)
    ends = stopper.asks_for_end or not command_line.is_last
    if stopper.signal_number and ends:  # what it stops now is the shell's loop, or the next seed
        if run.seeds:
            show_seeds([*before, result], as_json=run.json)
        sys.stdout.flush()
        die_by_signal(stopper.signal_number)
    return result
