"""A unit's card, printed or as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from charrnn.cli.terminal import can_print, print_wrapped, terminal_width
from charrnn.wording import counted

if TYPE_CHECKING:
    from charrnn.interpret.card import Card, UnitGate
    from charrnn.interpret.names import NamedUnit
    from charrnn.interpret.unit_reading import Context, Push

BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = ".:-=+*#@"
CONCEPTS, CLASSES = 5, 4
"""Concepts and classes of characters that are shown."""
INDENT = 12


def print_card(card: "Card", names: "Sequence[NamedUnit]", noun: str) -> None:
    """Print a card.

    Args:
        card: the card.
        names: the unit's own names.
        noun: what was read, "character" or "byte".
    """
    from charrnn.render.glyphs import one_line

    called = one_line("; ".join(map(str, names))) or "no name"
    print_wrapped(f"{card.unit} in {counted(card.characters, noun)}: {called}", 2)
    print()
    print(f"values      {card.smallest:+.2f} {_bars(card.histogram)} {card.largest:+.2f}")
    _row(
        "",
        f"mean {card.mean:+.3f}, standard deviation {card.deviation:.3f}, skew {card.skew:+.2f}, "
        f"kurtosis {card.kurtosis:.2f}",
    )
    scale = (
        "longer than was measured" if card.time_scale is None else counted(card.time_scale, noun)
    )
    if not card.deviation:
        scale = "none, it never changes"
    _row("", f"time scale {scale}, bimodality {card.bimodality:.2f}, sparsity {card.sparsity:.2f}")
    for gate in card.gates:
        _row("" if gate != card.gates[0] else "gates", _gate(gate, noun))
    _row("raised by", _pushes(card.raised_by))
    _row("lowered by", _pushes(card.lowered_by))
    for k, line in enumerate(_concepts(card, names)):
        _row("" if k else "concepts", line)
    for k, line in enumerate(_cost(card)):
        _row("" if k else "without it", line)
    for heading, contexts in (
        ("highest", card.highest),
        ("lowest", card.lowest),
        ("between", card.samples[::-1]),
    ):
        print()
        for k, context in enumerate(contexts):
            print(_line("" if k else heading, context))


def _row(heading: str, text: str) -> None:
    print_wrapped(f"{heading:<{INDENT}}{text}", INDENT)


def _bars(counts: Sequence[int]) -> str:
    bars = BARS if can_print(BARS) else ASCII_BARS
    largest = max(*counts, 1)
    steps = len(bars) - 1
    return "".join(bars[-(-count * steps // largest)] if count else " " for count in counts)


def _gate(gate: "UnitGate", noun: str) -> str:
    scale = "" if gate.time_scale is None else f", 1/(1 - mean) {gate.time_scale:.1f} {noun}s"
    return (
        f"{gate.name}  mean {gate.mean:.3f}, open {100 * gate.open:.1f} %, "
        f"shut {100 * gate.shut:.1f} %{scale}"
    )


def _pushes(pushes: "Sequence[Push]") -> str:
    from charrnn.render.glyphs import one_line

    named = [f"{one_line(p.character).replace(' ', '␣')} {p.change:+.2f}" for p in pushes]
    return "  ".join(named) or "no character"


def _concepts(card: "Card", names: "Sequence[NamedUnit]") -> list[str]:
    """The concepts that it follows best."""
    proven = {named.name for named in names}
    shown = [
        f"{one.measure} {one.score:.2f}  {'+' if one.sign > 0 else '-'}{one.concept}"
        + (" (its name)" if one.concept in proven else "")
        for one in card.followed[:CONCEPTS]
    ]
    return shown or ["none that the text has enough of"]


def _cost(card: "Card") -> list[str]:
    """What is lost without it, in total and in the classes that lose most."""
    if card.cost is None:
        return ["the text is too short to measure it"]
    total, classes = card.cost.total, card.cost.classes
    beside = "there is no other unit to compare with"
    if total.random:
        others = counted(len(total.random), "other unit")
        beside = f"without each of {others} {min(total.random):+.4f} to {max(total.random):+.4f}"
    most = sorted(classes.items(), key=lambda one: -one[1].bits)[:CLASSES]
    lost = ", ".join(f"{name} {loss.bits:+.3f}" for name, loss in most if loss.bits > 0)
    between = " ({:+.3f} to {:+.3f})".format(*total.interval) if total.interval else ""
    return [
        (
            f"{total.bits:+.4f} bits per character{between} in "
            f"{counted(total.count, 'prediction')}; {beside}"
        ),
        *([f"most for {lost}"] if lost else []),
    ]


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
