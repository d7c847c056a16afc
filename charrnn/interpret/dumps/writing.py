"""Writing a dump in the format that its name's ending says."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO

from charrnn.errors import UsageError
from charrnn.files import replacing
from charrnn.interpret.dumps.arrays import write_npz, write_safetensors
from charrnn.interpret.dumps.header import Facts
from charrnn.interpret.dumps.tables import write_csv, write_jsonl, write_parquet
from charrnn.interpret.recording import Recording, record_parts
from charrnn.interpret.units import Unit
from charrnn.model import CharRNN

Writer = Callable[[IO[bytes], Facts, Iterable[Recording]], None]
WRITERS: dict[str, Writer] = {
    ".npz": write_npz,
    ".safetensors": write_safetensors,
    ".jsonl": write_jsonl,
    ".csv": write_csv,
    ".parquet": write_parquet,
}


def writer_for(path: Path) -> Writer:
    """What writes a file of this name.

    Raises:
        UsageError: nothing does.
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
"""Hands parts on, and sees how far the reading has come: with_bar in the command line."""


def write(
    path: Path,
    parts: Iterable[Recording],
    *,
    length: int,
    characters: int,
    units: Sequence[Unit] | None = None,
) -> None:
    """Write recordings of one text, which follow each other, into one file.

    The file is complete or not there, and never more than a part is held in memory (but .parquet keeps something of
    every row group until its end).

    Args:
        path: of the file; its ending says the format.
        parts: one or more.
        length: the symbols of all of them.
        characters: the characters of all of them.
        units: those to be written; None: all that was recorded.

    Raises:
        UsageError: there is no such format.
        EnvironmentFault: the file cannot be written, or what writes the format is not installed.
    """
    writer, parts = writer_for(path), iter(parts)
    first = next(parts)
    facts = Facts.of(first, length, characters, units)
    with replacing(path) as file:
        writer(file, facts, itertools.chain([first], parts))


def dump(
    model: CharRNN,
    text: str,
    path: Path,
    *,
    what: Sequence[str] | None = None,
    units: Sequence[Unit] | None = None,
    top: int = 0,
    lines: bool = False,
    watched: Watch | None = None,
) -> int:
    """Read a text and write what happened into a file, in memory that the states do not fill.

    Args:
        model: reads.
        text: what it reads.
        path: of the file; its ending says the format.
        what: the states and gates to write; None: all.
        units: single units instead.
        top: how many guesses to write at each position.
        lines: whether the model was trained on lines.
        watched: is given the parts and the symbols of all of them, and hands the parts on.

    Returns:
        The symbols read.

    Raises:
        DataError: the text is empty or has characters that the model does not know.
        UsageError: there is no such format.
        EnvironmentFault: the file cannot be written, or what writes the format is not installed.
    """
    writer_for(path)
    keep = what if units is None else {unit.what for unit in units}
    parts = record_parts(model, text, top=top, keep=keep, lines=lines)
    length, characters = sizes(model, text)
    seen = watched(parts, length) if watched else parts
    write(path, seen, length=length, characters=characters, units=units)
    return length


def sizes(model: CharRNN, text: str) -> tuple[int, int]:
    """The symbols of a text, and the characters that they give when they are decoded."""
    if model.vocabulary.level == "char":
        return len(text), len(text)
    decode, ids = model.vocabulary.decoder(), model.vocabulary.points(text)
    return len(ids), sum(len(decode(symbol)) for symbol in ids)
