"""`charrnn runs`: list the runs that there are, rename one, remove some."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from charrnn.cli.run_names import complete_checkpoint
from charrnn.cli.runs.listing import describe, runs_under, table
from charrnn.cli.runs.own_files import is_run, own_files, size_on_disk
from charrnn.cli.terminal import print_json, print_wrapped, say, terminal_width
from charrnn.errors import BusyError, CheckpointError, SettingError, UsageError
from charrnn.files import environment_fault, locked, remove_lock
from charrnn.runs import RUNS, TRAIN_ONE, checked_name
from charrnn.settings import Config, setting
from charrnn.wording import counted, did_you_mean, escape, listed, size

EXAMPLES = (
    "charrnn runs",
    "charrnn runs rename corpus plays",
    "charrnn runs remove plays-2 plays-3",
)

RunName = Annotated[
    str,
    typer.Argument(metavar="OLD", help="The run's name.", autocompletion=complete_checkpoint),
]
RunNames = Annotated[
    list[str],
    typer.Argument(metavar="NAME", help="Names of runs.", autocompletion=complete_checkpoint),
]
NewName = Annotated[str, typer.Argument(metavar="NEW", help="The new name.")]


@dataclass(frozen=True, kw_only=True)
class FolderOptions(Config):
    """The folder that holds the runs."""

    out: Path = setting(RUNS, "Folder of the runs.")


@dataclass(frozen=True, kw_only=True)
class ListOptions(Config):
    """How runs are listed."""

    json: bool = setting(False, "Print one JSON object per run.")


@dataclass(frozen=True, kw_only=True)
class RemoveOptions(Config):
    """Whether runs are removed without asking."""

    yes: bool = setting(
        False, "Remove without asking; required if standard input is not a terminal."
    )


def runs(context: typer.Context, *, where: FolderOptions, options: ListOptions) -> None:
    """List, rename and remove runs.

    Without a command, the runs are listed, the newest last: name, cell, layers x units, characters of the corpus, bits
    per character (byte) of the validation text under the network alone, time since the last checkpoint, size on disk. A
    run that cannot be read is listed with the reason.
    """
    if context.invoked_subcommand:
        return
    known = [describe(folder) for folder in runs_under(where.out)]
    if options.json:
        for run in known:
            print_json(run.as_dict())
        return
    if not known:
        say(f"charrnn: there are no runs under {where.out}/; {TRAIN_ONE}")
        return
    width = terminal_width() if sys.stdout.isatty() else None
    for line, indent in table(known, width):
        print_wrapped(line, indent)
    say(f"charrnn: {counted(len(known), 'run')} under {where.out}/, newest last")


def rename(old: RunName, new: NewName, *, where: FolderOptions) -> None:
    """Rename a run."""
    folder, target = _folder_of(old, where.out), where.out / checked_name(new)
    with contextlib.ExitStack() as held:
        held.enter_context(_held(folder))
        if os.name == "nt":
            held.close()  # a folder with an open file cannot be renamed there
        _move(folder, target)
        remove_lock(target)
    say(f"charrnn: renamed {folder} to {target}")


def remove(names: RunNames, *, where: FolderOptions, options: RemoveOptions) -> None:
    """Remove runs.

    Their checkpoints and metrics are removed, and their folders if nothing else is in them. If one of the runs is being
    trained, none is removed.
    """
    folders = [_folder_of(name, where.out) for name in dict.fromkeys(names)]
    with contextlib.ExitStack() as held:
        for folder in folders:
            held.enter_context(_held(folder))
        if not (options.yes or _confirmed(folders)):
            say("charrnn: nothing was removed")
            return
        for folder in folders:
            for path in own_files(folder):
                path.unlink(missing_ok=True)
            remove_lock(folder)
    for folder in folders:
        _remove_folder(folder)


SUBCOMMANDS = {
    rename: (
        "charrnn runs rename corpus plays",
        "charrnn runs rename plays-2 plays-lstm",
        "charrnn runs rename plays old-plays --out experiments",
    ),
    remove: (
        "charrnn runs remove plays-2",
        "charrnn runs remove plays-lstm plays-gru plays-elman",
        "charrnn runs remove plays-2 --yes --out experiments",
    ),
}
"""The commands of this verb, each with its examples."""


def _folder_of(name: str, out: Path) -> Path:
    """The folder of a run.

    Raises:
        UsageError: the name is not valid for a run.
        CheckpointError: there is no such run.
    """
    folder = out / checked_name(name)
    if not is_run(folder):
        known = [run.name for run in runs_under(out)]
        hint = did_you_mean(name, known) or (known and f"runs here: {listed(known)}") or TRAIN_ONE
        raise CheckpointError(f"there is no run {name!r} under {out}/", hint)
    return folder


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a run's folder for this process.

    Raises:
        BusyError: the run is being trained.
        CheckpointError: another process has removed or renamed it meanwhile.
    """
    try:
        with locked(folder):
            if not is_run(folder):
                remove_lock(folder)
                raise CheckpointError(f"there is no run in {folder} any more", "see: charrnn runs")
            yield
    except BusyError as error:
        raise BusyError(error.message, "wait until it is finished, or stop it first") from error


def _move(folder: Path, target: Path) -> None:
    """Rename a folder.

    Raises:
        UsageError: there is something under the new name.
        EnvironmentFault: it cannot be renamed.
    """
    try:
        if os.path.lexists(target):
            raise FileExistsError
        folder.rename(target)
    except OSError as error:
        if isinstance(error, FileExistsError) or error.errno == errno.ENOTEMPTY:
            raise UsageError(f"{target} already exists", "choose another name") from error
        raise environment_fault("rename", folder, error) from error


def _confirmed(folders: list[Path]) -> bool:
    """Ask the user whether to remove these runs.

    Raises:
        SettingError: standard input is not a terminal.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise SettingError.naming(
            "{yes} is required if standard input is not a terminal", "add {yes}"
        )
    total = size(sum(map(size_on_disk, folders)))
    names = listed([folder.name for folder in folders])
    print(f"Remove {escape(names)} ({total})? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.buffer.readline().strip().lower() in (b"y", b"yes")


def _remove_folder(folder: Path) -> None:
    """Remove a folder without a run if nothing else is in it, and report what became of it."""
    with contextlib.suppress(OSError):  # it is not empty, or a run has just begun there
        folder.rmdir()
    if left := sorted(path.name for path in folder.glob("*")):
        say(f"charrnn: removed the run in {folder}; left there: {listed(left, 4)}")
        return
    say(f"charrnn: removed {folder}")
