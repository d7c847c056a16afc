"""`charrnn visualize --dump`, `--lstmvis` and `--from`: recordings in files."""

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.reading import require_free, with_bar
from charrnn.cli.terminal import require_place, say, undone_by_signals
from charrnn.errors import EnvironmentFault, UsageError
from charrnn.wording import escape, size

OPENING = 1 << 16
LARGE = 1e8
"""Bytes of a file from which on its size is said before it is written."""
BESIDE, A_GUESS = 20, 8
"""Bytes for each character beside its states, in a dump of arrays: its offset, id, bits and itself; and for a guess."""
DUMP_SIGNS = (
    b"charrnn recording",
    b"header.npy",
    b"facts.npy",
    b'{"position": ',
    b"position,offset,id,",
    b"PAR1",
)
"""One of them stands at the start of every dump."""

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from charrnn.interpret.dumps.reading import Dump
    from charrnn.interpret.recording import Recording
    from charrnn.interpret.units import Unit
    from charrnn.model import CharRNN


def require_places(dump: Path | None, lstmvis: Path | None) -> None:
    """Raise UsageError unless what is asked for can be written, and here."""
    from charrnn.interpret.dumps.writing import writer_for

    if lstmvis and lstmvis.exists() and not (lstmvis.is_dir() and not any(lstmvis.iterdir())):
        raise UsageError(f"cannot write {str(lstmvis)!r}: something is there already")
    path = dump or lstmvis
    assert path
    require_place(path, folder=lstmvis is not None)
    if dump:
        writer_for(dump)
        _require_no_other(dump)


def _require_no_other(path: Path) -> None:
    """Raise UsageError if a file stands here that may be a checkpoint or a text: what no dump begins like."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(OPENING)
    if start and not any(sign in start for sign in DUMP_SIGNS):
        raise UsageError(
            f"{str(path)!r} is there already, and is no dump", "choose another name, or remove it"
        )


def open_dump(path: Path) -> "Dump":
    """A dump that can be shown again.

    Raises:
        DataError: it is another file, or damaged.
        UsageError: its format cannot be shown.
    """
    from charrnn.interpret.dumps.reading import READABLE, Dump

    if path.suffix not in READABLE:
        raise UsageError(f"--from shows {' and '.join(READABLE)} files, not {str(path)!r}")
    return Dump(path)


def write_dump(
    model: "CharRNN",
    text: str,
    path: Path,
    what: str | None,
    units: "Sequence[Unit]",
    predictions: int,
    *,
    lines: bool,
    quiet: bool,
) -> None:
    """Read a text and write the dump.

    Raises:
        EnvironmentFault: there is no room for it.
    """
    from threadpoolctl import threadpool_limits

    from charrnn.interpret.dumps.reading import READABLE
    from charrnn.interpret.dumps.writing import dump

    arrays = len(model.cell.states) + len(model.cell.gates) if what is None else 1
    config = model.config
    columns = len(units) or arrays * config.num_layers * config.hidden_size
    beside = BESIDE + A_GUESS * predictions if path.suffix in READABLE else 0
    announce(path, (4 * columns + beside) * len(text), quiet=quiet)
    watched = partial(with_bar, quiet=quiet)
    chosen = None if what is None else [what]
    with undone_by_signals(), threadpool_limits(1, "blas"):  # more threads slow one stream down
        count = dump(
            model,
            text,
            path,
            what=chosen,
            units=units or None,
            top=predictions,
            lines=lines,
            watched=watched,
        )
    if not quiet:
        taken = size(path.stat().st_size)
        say(f"charrnn: wrote {escape(str(path))} ({taken}, {count:,} {_noun(count, text)})")


def write_lstmvis(
    model: "CharRNN", text: str, folder: Path, what: str | None, *, lines: bool, quiet: bool
) -> None:
    """Read a text and write the folder for LSTMVis.

    Raises:
        EnvironmentFault: there is no room for it.
    """
    from threadpoolctl import threadpool_limits

    from charrnn.interpret.dumps.lstmvis import write_folder

    arrays = len(model.cell.states) if what is None else 1
    config = model.config
    need = 8 * arrays * config.num_layers * config.hidden_size * len(text)
    announce(folder, need, quiet=quiet)
    watched = partial(with_bar, quiet=quiet)
    chosen = None if what is None else [what]
    with undone_by_signals(), threadpool_limits(1, "blas"):
        count = write_folder(model, text, folder, what=chosen, lines=lines, watched=watched)
    if not quiet:
        taken = sum(path.stat().st_size for path in folder.iterdir())
        say(f"charrnn: wrote {escape(str(folder))} ({size(taken)}, {count:,} {_noun(count, text)})")


def announce(path: Path, need: int, *, quiet: bool) -> None:
    """Say of a large file how large it will be.

    Raises:
        EnvironmentFault: there is no room for it.
    """
    require_room(path, need)
    if need >= LARGE and not quiet:
        say(
            f"charrnn: {escape(str(path))} will take {size(need)} or more; --what or --unit choose less"
        )


def require_room(path: Path, need: int) -> None:
    """Raise EnvironmentFault unless so many bytes are free where `path` is to be."""
    free = shutil.disk_usage(path.parent).free
    if need > free:
        raise EnvironmentFault(
            f"{path} would take at least {size(need)}, but {size(free)} are free there",
            "read less with --max-chars, or choose with --what or --unit what is written",
        )


def _noun(count: int, text: str) -> str:
    return "characters" if count == len(text) else "bytes"


def read_again(
    dump: "Dump",
    arrays: "Collection[str]",
    units: "Sequence[Unit]",
    predictions: int,
    max_chars: int | None,
    *,
    quiet: bool,
) -> "Recording":
    """What a dump has of a text's beginning.

    Args:
        dump: is read.
        arrays: the states and gates of which all units are wanted.
        units: single units that are wanted.
        predictions: guesses that are wanted at each position.
        max_chars: the characters to read at most; None: all.
        quiet: do not say that there are more.

    Raises:
        UsageError: it has not what is wanted.
        DataError: it is damaged.
        EnvironmentFault: it would not fit into memory.
    """
    for what in arrays or ("",):
        dump.require(what, units, predictions)
    keep = {unit.what for unit in units} | set(arrays)
    header, there = dump.header, dump.header.characters
    if max_chars is not None and there > max_chars and not quiet:
        say(f"charrnn: the first {max_chars:,} of {there:,} characters; --max-chars shows more")
    count = there if max_chars is None else min(there, max_chars)
    require_free(4 * count * len(keep) * header.layers * header.hidden_size, count)
    return dump.read(keep=keep, top=predictions, characters=max_chars)
