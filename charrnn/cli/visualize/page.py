"""`charrnn visualize --html`: the page, and the file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.counts import has_counts, network_of
from charrnn.cli.reading import Reader, read_dump
from charrnn.cli.terminal import require_place, say
from charrnn.cli.threads import one_thread
from charrnn.cli.visualize.selection import ViewOptions
from charrnn.cli.work import working
from charrnn.errors import UsageError
from charrnn.files import write_atomically
from charrnn.render.palette import Palette
from charrnn.wording import counted, escape, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charrnn.interpret.dumps.reading import Dump
    from charrnn.interpret.names import NamedUnit
    from charrnn.interpret.units import Architecture, Unit

PAGE_CHARS = 20_000
"""Maximum characters on a page, if no other number is given."""
WINDOWS = 512
"""Predictions of which a context curve is the mean, as many as `charrnn context` takes."""
MOST_CARDS = 12
"""Units whose cards are on a page, those chosen before those with the best names."""
SALIENCY_CHARS = 500
"""Maximum characters of a text of which it is measured what mattered, if nothing is said of that."""
LITTLE = 1.5
"""Times the size of its exact form that a model may add to a page, if nothing is said of it."""
SHORTEST = 2
"""Characters of the shortest text that has cards."""


@dataclass(frozen=True)
class Page:
    """A page that is to be written."""

    path: Path
    palette: Palette
    """The colors of values below and above zero."""
    embed: bool = False
    """Whether it is for a frame in another page."""
    with_model: bool | None = None
    """Whether the model is put into it; None: if it adds less than LITTLE, and the page is not for a frame."""
    context: bool = False
    """Whether it has the context curve of its text."""
    saliency: bool | None = None
    """Whether it has what mattered for each character; None: if the text has at most SALIENCY_CHARS."""

    def write(self, data: Mapping[str, Any], lengths: str) -> None:
        """Write the file, and say so.

        Args:
            data: the data of the page.
            lengths: how much text is on it, in words.
        """
        write_atomically(self.path, self.html(data))
        if "model" in data and self.with_model is None:
            lengths += ", and the model: --without-model leaves it out"
        say(
            f"charrnn: wrote {escape(str(self.path))} ({size(self.path.stat().st_size)}, {lengths})"
        )

    def html(self, data: Mapping[str, Any]) -> bytes:
        """The content of the file."""
        from charrnn.web.html import page_html

        return page_html(data, self.palette, embed=self.embed).encode()


def require_page(path: Path) -> None:
    """Raise UsageError unless a page can be written at this path, as far as one can tell beforehand."""
    require_place(path)
    if path.suffix not in (".html", ".htm"):
        raise UsageError(
            f"--html writes an .html file, not {str(path)!r}", f"--html {path.stem}.html"
        )


def write_page(
    page: Page,
    reader: Reader,
    view: ViewOptions,
    max_chars: int | None,
    names: "Sequence[NamedUnit]" = (),
) -> None:
    """Read a text and write the page of it.

    Args:
        page: the page.
        reader: the model and its text.
        view: `what` is the state or gate whose units are all on the page, by default the cell's memory; `unit` adds
            others, of which the first colors the text at first.
        max_chars: maximum characters to read; by default PAGE_CHARS.
        names: the names of the model's units, which are on the page too.

    Raises:
        UsageError: the model has no such unit, or cannot be put into the page.
        DataError: the text is too short for a context curve.
        EnvironmentFault: the file cannot be written, or the values would not fit into memory.
    """
    from charrnn.interpret.recording import record_parts
    from charrnn.interpret.units import parse_units
    from charrnn.web.data import GUESSES, Origin, page_data

    model = reader.model
    units = _units(view, model)
    named = [unit for one in names for unit in parse_units(one.unit, model)]
    shown = [*parse_units(f"L*.{view.what or model.cell.memory}.*", model), *units, *named]
    letters = {unit.what for unit in shown}
    with one_thread():
        most = max_chars or PAGE_CHARS
        given = reader.given(most, exact=False, held_out=most)
        text = given.known
        reader.require_memory(text, letters)
        keep = letters | set(model.cell.sigmoids)
        top = view.predictions or GUESSES
        parts = record_parts(model, text, top=top, keep=keep, item_end=reader.item_end)
        first = _first(view, units or named[:1])
        origin = Origin(given.name, len(given.given), given.whole)
        data = page_data(parts, shown, title=reader.title, first=first, names=names, origin=origin)
        cards = _cards(reader, text, [*units, *named], names)
        if page.context:
            data["context"] = _context(reader, text)
        if _wants_saliency(page, data["length"]):
            data |= _saliency(reader, text, data["length"])
    if cards:
        data["cards"] = cards
    _write(page, data | _model(page, data, reader, text, names))


def _model(
    page: Page,
    data: "Mapping[str, Any]",
    reader: Reader,
    text: str,
    names: "Sequence[NamedUnit]",
) -> "dict[str, Any]":
    """The model for the page, where typing begins with the first characters of the text; see `Page.with_model`."""
    from charrnn.exact.file import tensors_of
    from charrnn.exact.model import ExactModel, exact
    from charrnn.web.live import BEGINNING
    from charrnn.web.offline import model_inside

    model, is_asked = reader.model, bool(page.with_model)
    if not is_asked and (
        page.with_model is False or page.embed or has_counts(model) or model.edits
    ):
        return {}
    try:
        known = model if isinstance(model, ExactModel) else exact(model)
    except UsageError:  # it has no exact form
        if is_asked:
            raise
        return {}
    inside = model_inside(
        known,
        text=text[: BEGINNING.length],
        item_end=reader.item_end,
        normalize=reader.config.normalize,
        names=names,
    )
    if is_asked:
        return inside
    adds = len(page.html({**data, **inside})) - len(page.html(data))
    size_of_model = sum(tensor.nbytes for tensor in tensors_of(known).values())
    return inside if adds < LITTLE * size_of_model else {}


def _context(reader: Reader, text: str) -> "dict[str, Any]":
    """The context curve of a text."""
    from charrnn.web.asked import context_data

    return context_data(network_of(reader.model), text, windows=WINDOWS, item_end=reader.item_end)


def _wants_saliency(page: Page, length: int) -> bool:
    return length <= SALIENCY_CHARS if page.saliency is None else page.saliency


def _saliency(reader: Reader, text: str, length: int) -> "dict[str, Any]":
    """What mattered for each prediction of a text of this many symbols."""
    from charrnn.web.asked import occlusion_data

    with working(length, reader.noun) as work:
        return occlusion_data(
            network_of(reader.model), text, item_end=reader.item_end, progress=work.advance
        )


def _cards(
    reader: Reader, text: str, units: "Sequence[Unit]", names: "Sequence[NamedUnit]"
) -> "dict[str, Any]":
    """The cards of the units of states that were chosen or have names, at most MOST_CARDS."""
    from charrnn.web.cards import page_cards

    states = [unit for unit in dict.fromkeys(units) if unit.what in reader.model.cell.states]
    if not states or len(text) < SHORTEST:
        return {}
    with working(None, reader.noun) as work:
        return page_cards(
            network_of(reader.model),
            text,
            states[:MOST_CARDS],
            names,
            item_end=reader.item_end,
            progress=work.advance,
        )


def write_dump_page(
    page: Page,
    dump: "Dump",
    view: ViewOptions,
    max_chars: int | None,
    names: "Sequence[NamedUnit]" = (),
) -> None:
    """Write the page of a dump, of what it has; see `write_page`."""
    from charrnn.interpret.units import parse_units
    from charrnn.web.data import GUESSES, Origin, page_data

    header, cell = dump.header, dump.network.cell
    units = _units(view, dump.network)
    arrays: set[str] = set()
    if header.units is not None and view.what is None:
        shown = header.units
    else:
        letter = view.what or header.memory
        shown = parse_units(f"L*.{letter}.*", dump.network)
        has_gates = header.units is None and set(cell.sigmoids) <= set(header.arrays)
        arrays = {letter, *(cell.sigmoids if has_gates else ())}
    top = view.predictions or min(GUESSES, header.predictions)
    shown = (*shown, *units)
    recording = read_dump(dump, arrays, units=shown, predictions=top, most=max_chars or PAGE_CHARS)
    origin = Origin(f"the text of {dump.path.name}", len(recording.text), header.characters)
    data = page_data(
        [recording],
        shown,
        title=dump.path.stem,
        first=_first(view, units),
        names=names,
        origin=origin,
    )
    _write(page, data)


def _units(view: ViewOptions, network: "Architecture") -> "list[Unit]":
    """The units that are on the page besides those of a whole state or gate."""
    from charrnn.interpret.units import parse_units

    return [unit for address in view.unit for unit in parse_units(address, network)]


def _first(view: ViewOptions, units: "Sequence[Unit]") -> str | None:
    """What colors the text at first; None: the most interesting unit."""
    return "surprisal" if view.surprisal else str(units[0]) if units else None


def _write(page: Page, data: "dict[str, Any]") -> None:
    page.write(data, counted(data["length"], data["noun"]))
