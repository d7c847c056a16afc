"""`charrnn train`: read a text, plan a run, train, and say what to type next."""

import dataclasses
import sys
from typing import TYPE_CHECKING

from charrnn.cli.options import Changes, Given
from charrnn.cli.run_names import complete_checkpoint
from charrnn.cli.terminal import die_by_signal, is_quiet, say
from charrnn.cli.train.command_line import CommandLine, CorpusNames, RunOptions, change_of_plan
from charrnn.cli.train.report import (
    print_plan,
    print_result,
    report_advice,
    say_corpus,
    say_plan,
    say_start,
    say_stopped,
    why_early,
)
from charrnn.cli.train.run import drive, start_torch
from charrnn.cli.train.tensorboard import check_tensorboard
from charrnn.config import (
    CorpusConfig,
    SavingConfig,
    TrainingRequest,
)
from charrnn.errors import UsageError
from charrnn.network.cells import get_cell
from charrnn.runs import new_folder
from charrnn.training.new_run import (
    held_folder,
    new_trainer,
    plan_run,
    require_room,
    require_validation_text,
)
from charrnn.training.start import HOW_TO_ADD, Start, StartOptions, open_start

if TYPE_CHECKING:
    from charrnn.text.corpus import Corpus
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
    different={"lines": AS_THE_MODEL},
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
    this machine. Ctrl-C stops cleanly; --resume continues exactly where the run stopped.
    """
    from charrnn.cli.train.resume import resumed_trainer, run_to_resume

    if run.tensorboard:
        check_tensorboard(run.tensorboard)
    command_line = CommandLine(corpus or [], config, request, run, saving, start)
    if run.resume and (path := run_to_resume(command_line.names, run)):
        with resumed_trainer(path, command_line, given) as trainer:
            if trainer:
                _run(trainer, command_line)
        return
    if not corpus:
        raise UsageError(
            "no corpus was given", "for example: charrnn train corpus.txt, or charrnn train python"
        )
    model = open_start(start, request, config, given)
    if model:
        config = model.corpus_config(config, given)
        command_line = dataclasses.replace(command_line, config=config)
    else:
        network = request.network(vocab_size=1)
        get_cell(network.cell, network.activation)  # refused before the text is read
    _start(command_line, model)


def _start(command_line: CommandLine, start: Start | None) -> None:
    """Read the text, plan the run and train. Torch is imported only when the text has been read and reported."""
    run, names, request = command_line.run, command_line.names, command_line.request
    overwrite, keep = run.overwrite, command_line.saving.keep
    folder = None if run.plan_only else new_folder(run.out, run.name, names, overwrite=overwrite)
    text = _text(command_line, start)
    network = (start or request).network(vocab_size=len(text.vocabulary))
    shaped = start.keeping_shape(request) if start else request
    device = start_torch(shaped)
    if folder is None:
        print_plan(plan_run(text, network, shaped, device))
        return
    with held_folder(folder, network, overwrite=overwrite, keep=keep):
        plan = plan_run(text, network, shaped, device)
        say_plan(plan, folder)
        require_room(folder, plan.model_config, keep=keep)
        saving = command_line.saving
        trainer = new_trainer(
            names, text, plan, folder, request=request, saving=saving, start=start
        )
        _run(trainer, command_line)


def _text(command_line: CommandLine, start: Start | None) -> "Corpus":
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
    say_corpus(command_line.names, text)
    if start:
        say_start(start, text)
    require_validation_text(command_line.request, text)
    return text


def _run(trainer: "Trainer", command_line: CommandLine) -> None:
    """Train, and report how it ended."""
    from charrnn.cli.progress import Stopper
    from charrnn.cli.train.tensorboard import TensorBoardLog

    tensorboard = command_line.run.tensorboard
    log = TensorBoardLog(tensorboard, trainer) if tensorboard else None
    with Stopper() as stopper:
        drive(trainer, stopper, log=log)
    if not trainer.finished:
        say_stopped(trainer, command_line.names, tensorboard)
        if stopper.signal_number:
            die_by_signal(stopper.signal_number)
        return
    if trainer.stopped_early:
        say(why_early(trainer.progress.step, trainer.config))
    report_advice(trainer, command_line.names)
    print_result(trainer, baselines=command_line.run.baselines and not is_quiet())
    if stopper.signal_number:  # it came too late to stop anything but the shell's loop
        sys.stdout.flush()
        die_by_signal(stopper.signal_number)
