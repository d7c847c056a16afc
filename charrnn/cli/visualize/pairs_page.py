"""`charrnn visualize --html` for a model of pairs: the matrix of each pair, and the states of both texts."""

from typing import TYPE_CHECKING, Any

from charrnn.cli.pair_lines import PairLines
from charrnn.cli.reading import read_dump
from charrnn.cli.threads import one_thread
from charrnn.cli.visualize.page import PAGE_CHARS, Page
from charrnn.cli.visualize.pairs import (
    ATTENTION,
    LABELS,
    MOST_SOURCES,
    OWN_SOURCES,
    network_of,
    require_decoder,
)
from charrnn.cli.visualize.selection import ViewOptions
from charrnn.errors import UsageError
from charrnn.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from charrnn.interpret.dumps.reading import Dump
    from charrnn.interpret.recording import Recording
    from charrnn.interpret.units import Architecture, Unit

SYMBOLS = "the probability of the symbol that is given at this character"


def write_pairs_page(page: Page, lines: PairLines, view: ViewOptions) -> None:
    """Read sources and targets, and write the page of them; see `charrnn.cli.visualize.page.write_page`.

    Raises:
        SettingError: predictions are asked for, and the model has no decoder.
        UsageError: the model has no such unit.
        DataError: a source cannot be read, or has no character that the model knows.
    """
    from charrnn.interpret.pairs import record_sources, record_targets, with_ends, with_targets
    from charrnn.pairs.views import is_seen_between, matrix_of
    from charrnn.web.data import GUESSES
    from charrnn.web.pairs import pairs_data

    model, alignment = lines.model, lines.model.alignment
    require_decoder(model, view)
    with one_thread():
        pairs = lines.read(MOST_SOURCES, OWN_SOURCES)
        matrices = [matrix_of(model, *pair) for pair in pairs] if is_seen_between(model) else []
        sources = with_ends(list(record_sources(model, [source for source, _ in pairs])))
        whole = with_targets(model, pairs) if model.config.writes else []
        targets = list(record_targets(model, whole, top=view.predictions or GUESSES))
        sides = _sides(
            {"source": sources, "target": targets}, model, view, lines.origin(len(pairs))
        )
    heading, meaning = "Symbols", SYMBOLS
    if alignment.looks or alignment.is_label:
        heading, meaning = ("Attention", ATTENTION) if alignment.looks else ("Labels", LABELS)
    data = pairs_data(matrices, sides, title=lines.title, heading=heading, meaning=meaning)
    _write(page, data)


def write_dumped_pairs_page(
    page: Page, dumps: "Mapping[str, Dump]", view: ViewOptions, most: int | None
) -> None:
    """Write the page of a dump of pairs, with what it has.

    Args:
        page: the page.
        dumps: the texts of the dump, by their sides.
        view: see `charrnn.cli.visualize.page.write_page`.
        most: maximum characters of each text; by default PAGE_CHARS.

    Raises:
        UsageError: it has single units, or lacks something that is named.
    """
    from charrnn.interpret.pairs import attention_in, in_lines
    from charrnn.web.data import GUESSES
    from charrnn.web.pairs import pairs_data

    network = network_of(dumps)
    require_decoder(network, view)
    recorded: dict[str, list[Recording]] = {}
    for side, dump in dumps.items():
        header = dump.header
        if header.units is not None:
            raise UsageError(
                f"{dump.path} has single units, and a page of pairs needs whole states"
            )
        top = min(view.predictions or GUESSES, header.predictions)
        read = read_dump(dump, header.arrays, predictions=top, most=most or PAGE_CHARS)
        recorded[side] = in_lines(read)[:MOST_SOURCES]
    has_attention = len(dumps) > 1 and dumps["target"].header.places
    both = zip(*recorded.values(), strict=False) if has_attention else ()
    matrices = [attention_in(*pair) for pair in both]
    title = next(iter(dumps.values())).path.stem
    count, file = len(next(iter(recorded.values()))), next(iter(dumps.values())).path.name
    sides = _sides(recorded, network, view, f"{counted(count, 'source')} of {file}")
    data = pairs_data(matrices, sides, title=title, heading="Attention", meaning=ATTENTION)
    _write(page, data)


def _sides(
    recorded: "Mapping[str, Sequence[Recording]]",
    network: "Architecture",
    view: ViewOptions,
    read: str,
) -> dict[str, Any]:
    """The data of the page of each text: all units of its memory, or of `what`, and those that were named.

    `read` says which sources were read.
    """
    from charrnn.interpret.units import parse_units, require_array
    from charrnn.web.data import Origin, page_data

    if view.what is not None:
        require_array(view.what, network)
    named = [unit for address in view.unit for unit in parse_units(address, network)]
    sides = {}
    for side, parts in recorded.items():
        if not parts:
            continue
        own = [unit for unit in named if unit.what in parts[0].arrays]
        first = str(own[0]) if own else None
        if view.surprisal and side == "target":
            first = "surprisal"
        shown = [*_whole(parts[0], network, view.what), *own]
        name = read if side == "source" else f"{side}s of {read}"
        origin = Origin(name, sum(len(part.text) for part in parts))
        sides[side] = page_data(parts, shown, title="", first=first, origin=origin)
    return sides


def _whole(recording: "Recording", network: "Architecture", what: str | None) -> "list[Unit]":
    """All units of one array, or of that array's both directions: `what`, or the memory, or what there is."""
    from charrnn.interpret.units import letter_of, mark_of, parse_units

    names = list(recording.arrays)
    memory = letter_of(recording.source.memory)
    wanted = [what] if what in names else [n for n in names if letter_of(n) == memory]
    return [
        unit
        for name in wanted or names[:1]
        for unit in parse_units(f"L*{mark_of(name)}.{letter_of(name)}.*", network)
    ]


def _write(page: Page, data: dict[str, Any]) -> None:
    lengths = [counted(own["length"], f"{side} symbol") for side, own in data["sides"].items()]
    page.write(data, " and ".join(lengths))
