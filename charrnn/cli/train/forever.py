"""`charrnn train - --gradient rtrl --forever`: learn from standard input as it comes, and save now and then."""

import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.options import Given
from charrnn.cli.terminal import die_by_signal, print_json, report, say
from charrnn.cli.train.command_line import CommandLine
from charrnn.cli.train.run import prepare_process
from charrnn.errors import DataError, SettingError, UsageError
from charrnn.runs import LAST, checked_name, new_folder, require_unused, stream_command
from charrnn.wording import counted, escape

if TYPE_CHECKING:
    from charrnn.cli.progress import Stopper
    from charrnn.training.forever import EndlessRun

PIECE = 1 << 12
"""Bytes that are taken from standard input at once."""
PATIENCE = 0.2
"""Seconds after which a signal is looked for while nothing comes."""
STDIN = "-"
FIRST_LINE = 1024
"""Bytes after which the first line is printed, then after twice as many, and so on; and at each save."""


def learn_forever(command_line: CommandLine, given: Given) -> None:
    """Learn from standard input until it ends, or a signal comes.

    Raises:
        UsageError: the text is not standard input, or something is asked for that such a run does not have.
        DataError: it ended before the first byte of a new run.
    """
    _require_stream(command_line, given)
    folder = _folder(command_line)
    prepare_process()
    from charrnn.cli.progress import Stopper
    from charrnn.files import locked, make_writable_folder
    from charrnn.training.machine import thread_count

    make_writable_folder(folder)
    with locked(folder):
        run = _opened(command_line, folder)
        with thread_count(run.config.threads), Stopper(requeues=True) as stopper:
            stopper.watch(run)  # type: ignore[arg-type]  # which has what a signal sets
            _learn(run, command_line, stopper)
    if stopper.signal_number:
        sys.stdout.flush()
        die_by_signal(stopper.signal_number)


def _require_stream(command_line: CommandLine, given: Given) -> None:
    if command_line.names != [STDIN]:
        raise SettingError.naming(
            "{forever} learns from standard input, -",
            "for example tail -f log | charrnn train - {gradient:rtrl} {forever:True}",
        )
    if "level" in given and command_line.config.level != "byte":
        raise SettingError.naming(
            "{forever} reads bytes: the characters of a text without an end are not known",
            "leave out {level:char}",
        )
    if sys.stdin is None:
        raise UsageError("standard input is closed", "pipe a text in: tail -f log | charrnn ...")


def _folder(command_line: CommandLine) -> Path:
    """The folder of the run, which has one already if it is to be resumed."""
    run = command_line.run
    if run.resume and run.name is None:
        raise SettingError.naming(
            "{forever} and {resume} need the name of the run", "for example {name:log}"
        )
    if run.resume and run.name:
        return run.out / checked_name(run.name)
    return new_folder(run.out, run.name, command_line.names, overwrite=run.overwrite)


def _opened(command_line: CommandLine, folder: Path) -> "EndlessRun":
    """The run, new or resumed."""
    from charrnn.checkpoint import load_checkpoint
    from charrnn.network.shapes import describe
    from charrnn.training import forever
    from charrnn.training.run_folder import remove_run

    request, saving = command_line.request, command_line.saving
    network, config = forever.settings_of_run(request)
    if command_line.run.resume and (folder / LAST).exists():
        last = load_checkpoint(folder / LAST)
        config = forever.recorded_settings(last, request)
        network = last.model.config
        run = forever.EndlessRun(
            network, config, folder, about=dict(last.run), saving=saving, resume=last
        )
        say(f"resuming    {folder} after {counted(run.num_bytes, 'byte')}")
    else:
        require_unused(folder, overwrite=command_line.run.overwrite)
        about = forever.about_endless(folder, config, request, saving)
        remove_run(folder)
        run = forever.EndlessRun(network, config, folder, about=about, saving=saving)
    say(f"network     {describe(network)}")
    say(f"run         saving to {folder}; Ctrl-C ends it")
    return run


def _learn(run: "EndlessRun", command_line: CommandLine, stopper: "Stopper") -> None:
    as_json, next_line, said = command_line.run.json, max(FIRST_LINE, 2 * run.num_bytes), 0
    for piece in _pieces(run):
        for _ in run.read(piece):
            if run.num_bytes >= next_line:
                next_line, said = 2 * next_line, run.num_bytes
                _say_cost(run)
            if run.is_due():
                _save(run, as_json=as_json)
            if run.stop_requested:
                break
    if run.is_untouched and not run.stop_requested:
        raise DataError(
            "standard input is empty: there was nothing to learn, and nothing was saved"
        )
    _save(run, as_json=as_json, wait=True, says=said < run.num_bytes)
    folder = run.files.path
    how = "stopped" if stopper.signal_number else "the input has ended"
    say(f"{how} after {counted(run.num_bytes, 'byte')}")
    say(f"to go on: {stream_command(folder)}")
    say(f"sample from it: charrnn sample {escape(folder.name)}")


def _pieces(run: "EndlessRun") -> Iterator[bytes]:
    """What is there of standard input, as soon as it is there, until it ends or the run is to stop."""
    stdin = sys.stdin.fileno()
    while not run.stop_requested:
        if os.name == "posix" and not select.select([stdin], [], [], PATIENCE)[0]:
            yield b""  # so that it is saved on time
            continue
        piece = os.read(stdin, PIECE)
        if not piece:
            return
        yield piece


def _say_cost(run: "EndlessRun") -> None:
    bits = run.bits_per_byte
    if bits is not None:
        say(f"{counted(run.num_bytes, 'byte')}: {bits:.3f} bits per byte since the last save")


def _save(run: "EndlessRun", *, as_json: bool, wait: bool = False, says: bool = True) -> None:
    from charrnn.training.events import SaveFailed

    if says:
        _say_cost(run)
    if as_json:
        print_json(_record(run))
    for event in run.save(wait=wait):
        if isinstance(event, SaveFailed):
            if wait:
                raise event.fault
            report(event.fault)


def _record(run: "EndlessRun") -> dict[str, Any]:
    progress = run.progress
    return {
        "event": "saving",
        "bytes": run.num_bytes,
        "train_nats_per_char": progress.train_nats,
        "seconds": round(progress.seconds, 3),
    }
