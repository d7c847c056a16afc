"""The page of `charrnn visualize --html`: what goes in, and the file."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.dumps import read_again
from charrnn.cli.reading import content, require_memory
from charrnn.cli.terminal import require_place, say
from charrnn.cli.visualize_options import PAGE_CHARS
from charrnn.errors import UsageError
from charrnn.files import write_atomically
from charrnn.render.palette import Palette
from charrnn.wording import counted, escape, size

if TYPE_CHECKING:
    from typing import Any

    from charrnn.interpret.dumps.reading import Dump
    from charrnn.model import CharRNN

GUESSES = 5
"""At each character, unless it is said."""


@dataclass(frozen=True)
class PageSettings:
    """What else is said of a page."""

    title: str
    predictions: int | None
    """Guesses at each character; by default GUESSES."""
    max_chars: int | None
    """Read at most; by default PAGE_CHARS."""
    palette: Palette
    """The colours of values below and above zero."""
    surprisal: bool
    """Whether the text is coloured by it at first."""
    lines: bool
    """Whether the model was trained on lines."""
    quiet: bool


def require_page(path: Path) -> None:
    """Raise UsageError unless a page can be written at this path, as far as one can tell beforehand."""
    require_place(path)
    if path.suffix not in (".html", ".htm"):
        raise UsageError(f"a page is an .html file, not {str(path)!r}", f"--html {path.stem}.html")


def write_page(
    path: Path,
    model: "CharRNN",
    text: str | None,
    addresses: list[str] | None,
    what: str | None,
    settings: PageSettings,
) -> None:
    """Read a text and write the page of it.

    Args:
        path: the file.
        model: reads.
        text: what it reads; see `charrnn.cli.reading.content`.
        addresses: of units that go in besides; the first of them colours the text at first.
        what: the state or gate whose units all go in; by default the cell's memory.
        settings: what else is said.

    Raises:
        UsageError: the file cannot be written, or the model has no such unit.
        EnvironmentFault: the same, found out at the end; or the values would not fit into memory.
    """
    require_page(path)
    from threadpoolctl import threadpool_limits

    from charrnn.interpret.recording import record_parts
    from charrnn.interpret.units import parse_units
    from charrnn.web.data import page_data

    units = [unit for address in addresses or () for unit in parse_units(address, model)]
    shown = [*parse_units(f"L*.{what or model.cell.memory}.*", model), *units]
    letters = {unit.what for unit in shown}
    first = "surprisal" if settings.surprisal else str(units[0]) if units else None
    with threadpool_limits(1, "blas"):  # more threads slow one stream down
        read = content(text, model, settings.max_chars or PAGE_CHARS, quiet=settings.quiet)
        require_memory(model, read, letters)
        parts = record_parts(
            model,
            read,
            top=settings.predictions or GUESSES,
            keep=letters | set(model.cell.sigmoids),
            lines=settings.lines,
        )
        data = page_data(parts, shown, title=settings.title, first=first)
    _write(path, data, settings)


def write_page_again(
    path: Path, dump: "Dump", addresses: list[str] | None, what: str | None, settings: PageSettings
) -> None:
    """Write the page of a dump: of what it has. The arguments and errors are those of `write_page`."""
    require_page(path)
    from charrnn.interpret.units import parse_units
    from charrnn.web.data import page_data

    header, cell = dump.header, dump.network.cell
    units = [unit for address in addresses or () for unit in parse_units(address, dump.network)]
    arrays: set[str] = set()
    if header.units is not None and what is None:
        shown = header.units
    else:
        letter = what or header.memory
        shown = parse_units(f"L*.{letter}.*", dump.network)
        has_gates = header.units is None and set(cell.sigmoids) <= set(header.arrays)
        arrays = {letter, *(cell.sigmoids if has_gates else ())}
    top = settings.predictions or min(GUESSES, header.predictions)
    most = settings.max_chars or PAGE_CHARS
    shown = (*shown, *units)
    recording = read_again(dump, arrays, shown, top, most, quiet=settings.quiet)
    first = "surprisal" if settings.surprisal else str(units[0]) if units else None
    data = page_data([recording], shown, title=settings.title, first=first)
    _write(path, data, settings)


def _write(path: Path, data: "dict[str, Any]", settings: PageSettings) -> None:
    """Write a page of its data."""
    from charrnn.web.html import page_html

    write_atomically(path, page_html(data, settings.palette).encode("utf-8"))
    if not settings.quiet:
        count = counted(data["length"], data["noun"])
        say(f"charrnn: wrote {escape(str(path))} ({size(path.stat().st_size)}, {count})")
