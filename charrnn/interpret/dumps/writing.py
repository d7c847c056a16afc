"""Writing a dump in the format that the file's ending names."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO

from charrnn.errors import UsageError
from charrnn.files import replacing
from charrnn.interpret.dumps.arrays import write_npz, write_safetensors
from charrnn.interpret.dumps.header import Header
from charrnn.interpret.dumps.tables import write_csv, write_jsonl, write_parquet
from charrnn.interpret.recording import Recording, record_parts
from charrnn.interpret.units import Unit
from charrnn.model import CharRNN

Writer = Callable[[IO[bytes], Header, Iterable[Recording]], None]
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
    *,
    length: int,
    characters: int,
    units: Sequence[Unit] | None = None,
) -> None:
    """Write the consecutive recordings of one text into one file.

    The file is complete or not there. Only one part at a time is held in memory (but .parquet keeps a little of every
    row group until the file is closed).

    Args:
        path: the file; its ending names the format.
        parts: one or more.
        length: the symbols of all parts.
        characters: the characters of all parts.
        units: the units to write; None writes everything that was recorded.

    Raises:
        UsageError: the ending names no format.
        EnvironmentFault: the file cannot be written, or the format needs a package that is not installed.
    """
    writer, parts = writer_for(path), iter(parts)
    first = next(parts)
    header = Header.of(first, length, characters, units)
    with replacing(path) as file:
        writer(file, header, itertools.chain([first], parts))


def save(recording: Recording, path: Path) -> None:
    """Write a single recording; errors as for `write`.

    Example:
        save(model.read("To be, or not to be"), Path("hamlet.npz"))
    """
    write(path, [recording], length=len(recording.ids), characters=len(recording.text))


def dump(
    model: CharRNN,
    text: str,
    path: Path,
    *,
    what: Sequence[str] | None = None,
    units: Sequence[Unit] | None = None,
    top: int = 0,
    item_end: str | None = None,
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
        watched: hands the parts on; see `Watch`.

    Returns:
        The number of symbols read.

    Raises:
        DataError: the text is empty or has characters that the model does not know.
        UsageError: the ending names no format.
        EnvironmentFault: the file cannot be written, or the format needs a package that is not installed.
    """
    writer_for(path)
    keep = what if units is None else {unit.what for unit in units}
    parts = record_parts(model, text, top=top, keep=keep, item_end=item_end)
    length, characters = sizes(model, text)
    seen = watched(parts, length) if watched else parts
    write(path, seen, length=length, characters=characters, units=units)
    return length


def sizes(model: CharRNN, text: str) -> tuple[int, int]:
    """The number of symbols of a text, and of characters that they give when decoded."""
    if model.vocabulary.level == "char":
        return len(text), len(text)
    decode, ids = model.vocabulary.decoder(), model.vocabulary.points(text)
    return len(ids), sum(len(decode(symbol)) for symbol in ids)
