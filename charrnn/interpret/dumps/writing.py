"""Writing a dump in the format that the file's ending names."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from charrnn.errors import UsageError
from charrnn.files import replacing
from charrnn.interpret.dumps.arrays import write_npz, write_safetensors
from charrnn.interpret.dumps.header import Header
from charrnn.interpret.dumps.places import Given, Part, Size, count_items, placed, size_of
from charrnn.interpret.dumps.tables import write_csv, write_jsonl, write_parquet
from charrnn.interpret.recording import Recording, record_parts
from charrnn.interpret.units import Unit
from charrnn.model import CharRNN
from charrnn.text.kinds import LINES
from charrnn.text.pieces import without_empty

Writer = Callable[[IO[bytes], Header, Iterable[Part]], None]
WRITERS: dict[str, Writer] = {
    ".npz": write_npz,
    ".safetensors": write_safetensors,
    ".jsonl": write_jsonl,
    ".csv": write_csv,
    ".parquet": write_parquet,
}


def writer_for(path: Path) -> Writer:
    """The function that writes a file of this name.

    Raises:
        UsageError: the ending is none of a dump's.
    """
    writer = WRITERS.get(path.suffix)
    if writer is None:
        *others, last = WRITERS
        raise UsageError(
            f"a dump ends in {', '.join(others)} or {last}, not {str(path)!r}",
            f"call it {path.stem}.npz",
        )
    return writer


Watch = Callable[[Iterable[Recording], int], Iterable[Recording]]
"""A function that hands parts on, and so can show progress; it is given the parts and the symbols of all of them."""


def write(
    path: Path,
    parts: Iterable[Recording],
    size: Size,
    *,
    units: Sequence[Unit] | None = None,
    given: Given | None = None,
    item_end: str = LINES.end,
) -> None:
    """Write the consecutive recordings of one text into one file.

    The file is complete or not there. Only one part at a time is held in memory (but .parquet keeps a little of every
    row group until the file is closed).

    Args:
        path: the file; its ending names the format.
        parts: one or more.
        size: the size of the text.
        units: the units to write; None writes everything that was recorded.
        given: the text as it was given; None: nothing was left out of it.
        item_end: the character that ends an item.

    Raises:
        UsageError: the ending names no format.
        EnvironmentFault: the file cannot be written, or the format needs a package that is not installed.
    """
    writer, parts = writer_for(path), iter(parts)
    first = next(parts)
    header = Header.of(first, size, units)
    with replacing(path) as file:
        writer(file, header, placed(itertools.chain([first], parts), given, item_end))


def save(recording: Recording, path: Path) -> None:
    """Write a single recording; errors as for `write`.

    Example:
        save(model.read("To be, or not to be"), Path("hamlet.npz"))
    """
    ends = np.array([piece.endswith(LINES.end) for piece in recording.pieces])
    size = Size(len(recording.ids), len(recording.text), count_items(ends))
    write(path, [recording], size)


def dump(
    model: CharRNN,
    text: str,
    path: Path,
    *,
    what: Sequence[str] | None = None,
    units: Sequence[Unit] | None = None,
    top: int = 0,
    item_end: str | None = None,
    as_evaluated: bool = False,
    watched: Watch | None = None,
) -> int:
    """Read a text and write the recording into a file, a part at a time, so that a long text needs little memory.

    Args:
        model: the model that reads.
        text: the text to read.
        path: the file; its ending names the format.
        what: the states and gates to write; None writes all.
        units: single units to write instead.
        top: how many guesses to write at each position.
        item_end: the character at which the state is reset, in a model of lines, records or documents.
        as_evaluated: whether to leave out what `charrnn evaluate` leaves out: characters that the model does not know,
            and with `item_end` empty items. The dump has them in its text, and its offsets count them; but a byte
            model's has no empty items.
        watched: hands the parts on; see `Watch`.

    Returns:
        The number of symbols read.

    Raises:
        DataError: the text is empty or has characters that the model does not know, or only such.
        UsageError: the ending names no format.
        EnvironmentFault: the file cannot be written, or the format needs a package that is not installed.
    """
    writer_for(path)
    keep = what if units is None else {unit.what for unit in units}
    end = item_end or LINES.end
    given = None
    if as_evaluated and model.vocabulary.level == "char":
        given = Given.of(model, text, item_end)
        size, text = given.size(end), given.read_text
    else:
        text = without_empty(text, item_end) if as_evaluated and item_end else text
        size = size_of(model, text, end)
    parts = record_parts(model, text, top=top, keep=keep, item_end=item_end)
    seen = watched(parts, size.length) if watched else parts
    write(path, seen, size, units=units, given=given, item_end=end)
    return size.length
