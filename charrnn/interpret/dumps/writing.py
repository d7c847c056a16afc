"""Writing a dump in the format that the file's ending names."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np

from charrnn.errors import UsageError
from charrnn.files import replacing
from charrnn.interpret.dumps.arrays import Section, write_npz, write_safetensors
from charrnn.interpret.dumps.header import Header
from charrnn.interpret.dumps.places import Given, Part, Size, count_items, placed, size_of
from charrnn.interpret.dumps.tables import write_csv, write_jsonl, write_parquet
from charrnn.interpret.pairs import record_sources, record_targets, with_targets
from charrnn.interpret.recording import Recording, record_parts
from charrnn.interpret.units import Unit, mark_of
from charrnn.model import CharRNN
from charrnn.network.encoder import marks_of
from charrnn.pairs.model import PairNetwork
from charrnn.text.kinds import LINES
from charrnn.text.pairs import END
from charrnn.text.pieces import without_empty
from charrnn.text.vocabulary import Vocabulary

TABLES: dict[str, Callable[[IO[bytes], Header, Iterable[Part]], None]] = {
    ".jsonl": write_jsonl,
    ".csv": write_csv,
    ".parquet": write_parquet,
}
"""The functions that write a table, which has one text, by the ending of its name."""
ARRAYS: dict[str, Callable[[IO[bytes], Sequence[Section]], None]] = {
    ".npz": write_npz,
    ".safetensors": write_safetensors,
}
"""The functions that write arrays."""
ENDINGS = (*ARRAYS, *TABLES)


def require_ending(path: Path) -> None:
    """Raise UsageError unless the ending of a name is that of a dump."""
    if path.suffix not in ENDINGS:
        *others, last = ENDINGS
        raise UsageError(
            f"a dump ends in {', '.join(others)} or {last}, not {str(path)!r}",
            f"call it {path.stem}.npz",
        )


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
    require_ending(path)
    write_sections(path, [_section("", parts, size, units, given, item_end)])


def _section(
    side: str,
    parts: Iterable[Recording],
    size: Size,
    units: Sequence[Unit] | None,
    given: Given | None,
    item_end: str,
    places: int = 0,
) -> Section:
    """A text to write; the arguments are those of `write` and `Header.of`."""
    parts = iter(parts)
    first = next(parts)
    header = Header.of(first, size, units, places)
    return Section(side, header, placed(itertools.chain([first], parts), given, item_end))


def write_sections(path: Path, sections: Sequence[Section]) -> None:
    """Write the texts of a dump into one file; for errors see `write`."""
    with replacing(path) as file:
        if path.suffix in ARRAYS:
            ARRAYS[path.suffix](file, sections)
        else:
            (section,) = sections
            TABLES[path.suffix](file, section.header, section.parts)


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
    require_ending(path)
    keep = what if units is None else {unit.what for unit in units}
    end = item_end or LINES.end
    given = None
    if as_evaluated and model.vocabulary.level == "char":
        given = Given.of(model.vocabulary, text, item_end)
        size, text = given.size(end), given.read_text
    else:
        text = without_empty(text, item_end) if as_evaluated and item_end else text
        size = size_of(model, text, end)
    parts = record_parts(model, text, top=top, keep=keep, item_end=item_end)
    seen = watched(parts, size.length) if watched else parts
    write(path, seen, size, units=units, given=given, item_end=end)
    return size.length


# --- pairs ------------------------------------------------------------------------------------------------------------


def pair_sections(
    model: PairNetwork,
    pairs: Sequence[tuple[str, str | None]],
    path: Path,
    *,
    what: str | None = None,
    units: Sequence[Unit] | None = None,
    top: int = 0,
    watched: Callable[[Iterable[Recording]], Iterable[Recording]] = iter,
) -> list[Section]:
    """The texts of a dump of pairs: the sources as an encoder reads them, and the targets as a decoder does.

    Each source and each target is an item, in the same order; the header's `places` says how long the longest source is.

    Args:
        model: the model that reads.
        pairs: sources, and targets or None: what the model writes itself.
        path: the file that they are for; its ending names the format.
        what: the state or gate to write; None writes all.
        units: single units to write instead.
        top: how many guesses to write at each position of the targets.
        watched: hands recordings on.

    Raises:
        DataError: the model knows no character of a source, or not all of a target.
        UsageError: the ending names no format, or that of a table, which has one text only.
    """
    require_ending(path)
    named = [what] if what else None if units is None else [unit.what for unit in units]
    sections = []
    if any(mark_of(name) for name in named or marks_of(model.config)):
        sections.append(_source_section(model, [s for s, _ in pairs], named, units, watched))
    if any(not mark_of(name) for name in named or marks_of(model.config)):
        whole = with_targets(model, pairs)
        sections.append(_target_section(model, whole, named, units, top, watched))
    if len(sections) > 1 and path.suffix in TABLES:
        raise UsageError.naming(
            f"a {path.suffix} file has one text, and this dump has sources and targets",
            f"give {{unit}} or {{what}} of one of them, or write {path.stem}.npz",
        )
    return sections


def _of_side(units: Sequence[Unit] | None, *, source: bool) -> list[Unit] | None:
    return None if units is None else [unit for unit in units if bool(unit.mark) == source]


def _source_section(
    model: PairNetwork,
    sources: Sequence[str],
    named: Sequence[str] | None,
    units: Sequence[Unit] | None,
    watched: Callable[[Iterable[Recording]], Iterable[Recording]],
) -> Section:
    symbols = model.source_symbols
    assert isinstance(symbols, Vocabulary)
    given = Given.of(symbols, "".join(source + END for source in sources))
    given = replace(given, kept=np.repeat(given.kept, model.config.stretch or 1))
    parts = watched(record_sources(model, sources, keep=named))
    own = _of_side(units, source=True)
    return _section("source", parts, given.size(END), own, given, END)


def _target_section(
    model: PairNetwork,
    pairs: Sequence[tuple[str, str]],
    named: Sequence[str] | None,
    units: Sequence[Unit] | None,
    top: int,
    watched: Callable[[Iterable[Recording]], Iterable[Recording]],
) -> Section:
    size = size_of(model.decoder, "".join(target + END for _, target in pairs), END)
    looks = model.alignment.looks
    places = max(map(len, model.ids_of([s for s, _ in pairs]))) if looks else 0
    parts = watched(record_targets(model, pairs, top=top, keep=named))
    return _section("target", parts, size, _of_side(units, source=False), None, END, places)
