"""The page of `charrnn visualize --html`: what goes in, and the file."""

from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.console import escape, say, size
from charrnn.cli.reading import content, require_memory
from charrnn.files import write_atomically

if TYPE_CHECKING:
    from charrnn.analysis.units import Unit
    from charrnn.model import CharRNN

PAGE_CHARS = 20_000
"""Characters of a page at most, unless it is said."""
GUESSES = 5
"""Unless it is said."""


def write_page(
    path: Path,
    model: "CharRNN",
    text: str | None,
    units: "list[Unit]",
    what: str | None,
    *,
    title: str,
    predictions: int,
    surprisal: bool,
    max_chars: int | None,
    quiet: bool,
) -> None:
    """Read a text and write the page of it.

    Args:
        path: the file.
        model: reads.
        text: what it reads; see `charrnn.cli.reading.content`.
        units: go in besides; the first of them colours the text at first.
        what: the state or gate whose units all go in; by default the cell's output.
        title: of the page.
        predictions: guesses at each character; 0 for GUESSES.
        surprisal: colour by surprisal at first.
        max_chars: read at most; by default PAGE_CHARS.
        quiet: say nothing.
    """
    from threadpoolctl import threadpool_limits

    from charrnn.analysis.units import parse_units
    from charrnn.page.data import page_data
    from charrnn.page.html import page_html
    from charrnn.recording import record_parts

    shown = [*parse_units(f"L*.{what or model.cell.output}.*", model), *units]
    first = "bits" if surprisal else str(units[0]) if units else None
    with threadpool_limits(1, "blas"):  # more threads slow one stream down
        read = content(text, model, max_chars or PAGE_CHARS, quiet=quiet)
        letters = {unit.what for unit in shown}
        require_memory(model, read, letters)
        parts = record_parts(model, read, top=predictions or GUESSES, keep=letters)
        page = page_html(page_data(parts, shown, title=title, first=first))
    write_atomically(path, page.encode("utf-8"))
    if not quiet:
        say(
            f"charrnn: wrote {escape(str(path))} ({size(path.stat().st_size)}); open it in a browser"
        )
