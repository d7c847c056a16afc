"""`charrnn train`: read a text, plan a run, train, and say what to type next."""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from charrnn.cli.options import Changes, Given, beginning_with
from charrnn.cli.run_file import apply_run_file
from charrnn.cli.run_names import RUNS, complete_checkpoint, new_folder
from charrnn.cli.terminal import die_by_signal, is_quiet, say
from charrnn.cli.train.report import (
    print_plan,
    print_result,
    report_advice,
    say_corpus,
    say_plan,
    say_stopped,
    why_early,
)
from charrnn.cli.train.run import (
    drive,
    held_folder,
    new_trainer,
    plan_run,
    require_room,
    start_torch,
)
from charrnn.cli.train.start import HOW_TO_ADD, Start, StartOptions, open_start, say_start
from charrnn.cli.train.tensorboard import check_tensorboard
from charrnn.config import (
    BUDGET,
    MACHINE,
    SAVING,
    CorpusConfig,
    Level,
    SavingConfig,
    TrainingRequest,
)
from charrnn.errors import SettingError, UsageError
from charrnn.network.cells import CELLS, get_cell
from charrnn.settings import check, setting

if TYPE_CHECKING:
    from charrnn.training.trainer import Trainer

EXAMPLES = (
    "charrnn train python --minutes 2",
    "charrnn train book.txt --hidden-size 512 --epochs 10 --name book",
    "charrnn train names.txt --lines",
)

CHANGES = Changes(
    run_file=apply_run_file,
    complete={"init_from": complete_checkpoint, "cell": beginning_with(CELLS)},
    different={"cell": {"metavar": f"[{'|'.join(CELLS)}]"}},
)

CorpusNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CORPUS...",
        help="Files, folders, .gz files, - for standard input, or names that 'charrnn corpora' lists.",
        show_default=False,
    ),
]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where a run is saved and what is reported; none of it changes the trained weights."""

    plan_only: bool = setting(False, "Measure, print the plan, and do not train.", panel=BUDGET)
    name: str | None = setting(
        None, "Name of the run.", default_text="from the corpus", free=True, panel=SAVING
    )
    out: Path = setting(RUNS, "Folder of the runs.", free=True, panel=SAVING)
    resume: bool = setting(
        False, "Resume the run of this name, or the newest.", free=True, panel=SAVING
    )
    overwrite: bool = setting(
        False, "Replace the run of this name by a new one.", excludes=("resume",), panel=SAVING
    )
    tensorboard: Path | None = setting(
        None,
        "Log the run for TensorBoard too, in DIR/NAME (needs tensorboard).",
        metavar="DIR",
        free=True,
        panel=SAVING,
    )
    baselines: bool = setting(
        True,
        "At the end, report what simpler models need for the validation text.",
        free=True,
        panel=SAVING,
    )
    cache: Path | None = setting(
        None,
        "Folder for downloads and large encoded corpora.",
        default_text="the user's cache",
        free=True,
        panel=MACHINE,
    )

    def __post_init__(self) -> None:
        check(self)


def train(
    corpus: CorpusNames = None,
    *,
    request: TrainingRequest,
    config: CorpusConfig,
    start_options: StartOptions,
    run: RunOptions,
    saving: SavingConfig,
    given: Given,
) -> None:
    """Train a network on a text and save it under checkpoints/NAME/.

    Settings that you leave out are planned: the size of the network, for example, from the time budget and the speed of
    this machine. Ctrl-C stops cleanly; --resume continues exactly where the run stopped.
    """
    from charrnn.cli.train.resume import resumed_trainer

    if run.tensorboard:
        check_tensorboard(run.tensorboard)
    if run.resume:
        asked = Asked(corpus or [], config, request, run, saving)
        with resumed_trainer(asked, given) as trainer:
            _run(trainer, asked)
        return
    if not corpus:
        raise UsageError(
            "no corpus was given", "for example: charrnn train corpus.txt, or charrnn train python"
        )
    asked = Asked(corpus, config, request, run, saving)
    start = open_start(start_options, request, config, given)
    if start:
        asked = dataclasses.replace(
            asked, config=dataclasses.replace(config, level=cast("Level", start.level))
        )
    else:
        network = request.network(vocab_size=1)
        get_cell(network.cell, network.activation)  # refused before the text is read
    _start(asked, start)


@dataclass(frozen=True)
class Asked:
    """A command line of `train`."""

    names: list[str]
    """Names of the texts."""
    config: CorpusConfig
    request: TrainingRequest
    run: RunOptions
    saving: SavingConfig


def _start(asked: Asked, start: Start | None) -> None:
    """Read the text, plan the run and train. Torch is imported only when the text has been read and reported."""
    from charrnn.cli.inputs import open_corpus

    run, request = asked.run, asked.request
    folder = (
        Path()
        if run.plan_only
        else new_folder(run.out, run.name, asked.names, overwrite=run.overwrite)
    )
    text = open_corpus(
        asked.names,
        asked.config,
        cache=run.cache,
        vocabulary=start.model.vocabulary if start else None,
        extend=start is not None and start.extend,
        hint=HOW_TO_ADD,
    )
    say_corpus(asked.names, text)
    if start:
        say_start(start, text.vocabulary)
    if request.given.get("patience") and len(text.val) < 2:
        raise SettingError.naming(
            "{patience} needs validation text, and there is none",
            "leave it out, or give a larger {val_fraction}",
        )
    network = (start or request).network(vocab_size=len(text.vocabulary))
    if start:
        request = start.keeping_shape(request)
    device = start_torch(request)
    if run.plan_only:
        print_plan(plan_run(text, network, request, device))
        return
    with held_folder(folder, network, overwrite=run.overwrite, keep=asked.saving.keep):
        plan = plan_run(text, network, request, device)
        say_plan(plan, folder)
        require_room(folder, plan.model_config, keep=asked.saving.keep)
        trainer = new_trainer(
            asked.names, text, plan, folder, request=asked.request, saving=asked.saving, start=start
        )
        _run(trainer, asked)


def _run(trainer: "Trainer", asked: Asked) -> None:
    """Train, and report how it ended."""
    from charrnn.cli.progress import Stopper
    from charrnn.cli.train.tensorboard import TensorBoardLog

    tensorboard = asked.run.tensorboard
    log = TensorBoardLog(tensorboard, trainer) if tensorboard else None
    with Stopper() as stopper:
        drive(trainer, stopper, log=log)
    if not trainer.finished:
        say_stopped(trainer, asked.names, tensorboard)
        if stopper.signal_number:
            die_by_signal(stopper.signal_number)
        return
    if trainer.stopped_early:
        say(why_early(trainer.progress.step, trainer.config))
    report_advice(trainer)
    print_result(trainer, baselines=asked.run.baselines and not is_quiet())
    if stopper.signal_number:  # it came too late to stop anything but the shell's loop
        sys.stdout.flush()
        die_by_signal(stopper.signal_number)
