"""`charrnn train --resume`: find the run, read its text again, and continue it; see `charrnn.training.resume`."""

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.own_corpus import read_own_corpus
from charrnn.cli.terminal import say
from charrnn.cli.train.longer import longer_command
from charrnn.cli.train.processes import start_together
from charrnn.cli.train.report import say_corpus
from charrnn.errors import CheckpointError
from charrnn.runs import DEMO, resume_command
from charrnn.settings import settings_of
from charrnn.training.resume import (
    ResumeRequest,
    continued,
    last_checkpoint,
    other_text,
    sources_of,
)
from charrnn.wording import escape

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.cli.train.command_line import CommandLine, RunOptions
    from charrnn.text.corpus import Corpus
    from charrnn.training.trainer import Trainer


def run_to_resume(names: list[str], run: "RunOptions") -> Path | None:
    """The last checkpoint of the run to continue; None if there is none yet, so that a new one begins.

    Raises:
        CheckpointError: there is none, and no text to begin with; or the model that comes with charrnn is named.
    """
    path = last_checkpoint(run.out, run.name, names)
    if path and path.exists():
        return path
    if names == [DEMO.stem] and not Path(DEMO.stem).exists():
        raise CheckpointError(
            "the demo is no run of yours, and has nothing to resume",
            "to train it further on a text: charrnn train corpus.txt --init-from demo",
        )
    where = f"at {path}" if path else f"under {run.out}/"
    if not names:
        hint = "name a text to begin one: charrnn train corpus.txt --resume"
        raise CheckpointError(f"there is no run to resume {where}", hint)
    which = "" if run.name else f" of {' '.join(names)}"
    say(f"resuming    there is no run{which} {where} yet; starting a new one")
    return None


@contextlib.contextmanager
def resumed_trainer(
    path: Path, command_line: "CommandLine", given: Collection[str]
) -> "Iterator[Trainer | None]":
    """The run to continue, or None if there is nothing left to do; a context that locks its folder.

    With --json or --seeds, a finished run has a trainer too, which can report its result.

    Args:
        path: the run's last checkpoint.
        command_line: the command line.
        given: the names of the settings that were given.
    """
    names, configs, request = command_line.names, command_line.configs, command_line.request
    settings = {n: getattr(c, n) for c in configs for n in settings_of(c) if n in given}
    wanted = ResumeRequest(names, request, configs, {**settings, **request.given})

    def read(last: "Checkpoint") -> "Corpus":
        text = _same_corpus(wanted, last, path.parent, command_line.run.cache)
        say_corpus(names or [*map(escape, sources_of(last))], text)
        return text

    def report(label: str, sentence: str) -> None:
        say(f"{label:<12}{sentence}")

    reports = command_line.run.json or command_line.run.seeds is not None
    with continued(
        path, wanted, read=read, device_for=start_together, report=report, finished_too=reports
    ) as found:
        if found.end:
            report("resuming", f"{found.end}; nothing left to do")
            own = names or sources_of(found.last)
            longer = longer_command(
                path.parent, own, found.last.run, found.config, *command_line.run.together
            )
            say(f"to train longer: {longer}")
        is_done = found.end and not (reports and found.trainer and found.trainer.finished)
        yield None if is_done else found.trainer


def _same_corpus(
    wanted: ResumeRequest, last: "Checkpoint", folder: Path, cache: Path | None
) -> "Corpus":
    """The corpus of a run, read again.

    Raises:
        DataError: the corpus is another one, or has changed, or is not where it was.
    """
    line = resume_command(folder, ["CORPUS"])
    hint = "restore the original text, or start a new run without --resume"
    return read_own_corpus(
        last,
        names=wanted.names,
        split_files=wanted.split_files,
        cache=cache,
        hint=hint if wanted.names else f"{hint}; or name its new place: {line}",
        run=f"{folder}{other_text(wanted.names, last)}",
    )
