"""A unit's card, printed or as JSON."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from charrnn.cli.terminal import can_print, terminal_width
from charrnn.wording import counted

if TYPE_CHECKING:
    from charrnn.interpret.card import Card, Context, Push
    from charrnn.interpret.names import NamedUnit

BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = ".:-=+*#@"


def card_as_dict(card: "Card", names: "Sequence[NamedUnit]") -> dict[str, Any]:
    """A card for JSON."""
    record = dataclasses.asdict(card)
    record["unit"] = str(card.unit)
    record["bimodality"] = card.bimodality
    record["names"] = [dataclasses.asdict(named) for named in names]
    return record


def print_card(card: "Card", names: "Sequence[NamedUnit]", noun: str) -> None:
    """Print a card.

    Args:
        card: the card.
        names: the unit's own names.
        noun: what was read, "character" or "byte".
    """
    from charrnn.render.glyphs import one_line

    called = one_line("; ".join(map(str, names))) or "no name"
    print(f"{card.unit} in {counted(card.characters, noun)}: {called}")
    print()
    print(f"values      {card.smallest:+.2f} {_bars(card.histogram)} {card.largest:+.2f}")
    print(
        f"            mean {card.mean:+.3f}, standard deviation {card.deviation:.3f}, skew {card.skew:+.2f}, "
        f"kurtosis {card.kurtosis:.2f}"
    )
    scale = (
        "longer than was measured" if card.time_scale is None else counted(card.time_scale, noun)
    )
    print(
        f"            time scale {scale}, bimodality {card.bimodality:.2f}, sparsity {card.sparsity:.2f}"
    )
    print(f"raised by   {_pushes(card.raised_by)}")
    print(f"lowered by  {_pushes(card.lowered_by)}")
    for heading, contexts in (
        ("highest", card.highest),
        ("lowest", card.lowest),
        ("between", card.samples[::-1]),
    ):
        print()
        for k, context in enumerate(contexts):
            print(_line("" if k else heading, context))


def _bars(counts: Sequence[int]) -> str:
    bars = BARS if can_print(BARS) else ASCII_BARS
    largest = max(*counts, 1)
    steps = len(bars) - 1
    return "".join(bars[-(-count * steps // largest)] if count else " " for count in counts)


def _pushes(pushes: "Sequence[Push]") -> str:
    from charrnn.render.glyphs import one_line

    named = [f"{one_line(p.character).replace(' ', '␣')} {p.change:+.2f}" for p in pushes]
    return "  ".join(named) or "no character"


def _line(heading: str, context: "Context") -> str:
    """A place, its character under the bar between what was read and what follows."""
    from rich.cells import cell_len, set_cell_size

    from charrnn.render.glyphs import one_line

    start = f"{heading:<10}{context.value:+6.2f}  "
    room = max(20, terminal_width() - len(start) - 12)
    before = one_line(context.before)
    while cell_len(before) > room:
        before = before[1:]
    before = " " * (min(room, 40) - cell_len(before)) + before
    return start + before + "|" + set_cell_size(one_line(context.after), 10).rstrip()
