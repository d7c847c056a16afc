"""Cards of units for a page: their numbers rounded, and their text as harmless labels."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from charrnn.interpret.card import Card, make_cards
from charrnn.interpret.names import NamedUnit
from charrnn.interpret.units import Unit
from charrnn.render.glyphs import glyph

if TYPE_CHECKING:
    from charrnn.interpret.ablation import Ablation
    from charrnn.interpret.unit_reading import Context, Push
    from charrnn.model import CharRNN

ABLATED, SETS = 5_000, 5
"""Characters of the text that are read without each unit, and other units beside it: fewer than in the terminal."""
CONCEPTS, CLASSES = 6, 4
"""Concepts and classes of characters that a card has."""


def page_cards(
    model: "CharRNN",
    text: str,
    units: Sequence[Unit],
    names: Sequence[NamedUnit] = (),
    *,
    item_end: str | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> dict[str, Any]:
    """The cards of some units of states by their addresses; see `charrnn.interpret.card.make_cards`."""
    cards = make_cards(
        model, text, units, item_end=item_end, ablated=ABLATED, sets=SETS, progress=progress
    )
    return {str(card.unit): card_data(card, names) for card in cards}


def card_data(card: Card, names: Sequence[NamedUnit]) -> dict[str, Any]:
    """A card for a page.

    Args:
        card: the card.
        names: the names of the model's units.
    """
    own = {named.name for named in names if named.unit == str(card.unit)}
    return {
        "length": card.characters,
        "histogram": list(card.histogram),
        **_rounded(
            low=card.smallest,
            high=card.largest,
            mean=card.mean,
            deviation=card.deviation,
            bimodality=card.bimodality,
            sparsity=card.sparsity,
        ),
        "timeScale": card.time_scale,
        "gates": [
            {
                "name": gate.name,
                **_rounded(mean=gate.mean, open=gate.open, shut=gate.shut),
                "scale": None if gate.time_scale is None else round(gate.time_scale, 1),
            }
            for gate in card.gates
        ],
        "raisedBy": [_push(push) for push in card.raised_by],
        "loweredBy": [_push(push) for push in card.lowered_by],
        "concepts": [
            {
                "name": one.concept,
                "measure": one.measure,
                "sign": one.sign,
                "proven": one.concept in own,
                **_rounded(score=one.score, strength=one.strength),
            }
            for one in card.followed[:CONCEPTS]
        ],
        "cost": None if card.cost is None else _cost(card.cost),
        "highest": [_context(context) for context in card.highest],
        "lowest": [_context(context) for context in card.lowest],
    }


def _cost(cost: "Ablation") -> dict[str, Any]:
    total = cost.total
    low, high = total.interval or (total.bits, total.bits)
    most = sorted(cost.classes.items(), key=lambda one: -one[1].bits)[:CLASSES]
    return {
        **_rounded(bits=total.bits, low=low, high=high),
        "count": total.count,
        "others": [round(bits, 4) for bits in sorted(total.random)],
        "most": [[name, round(loss.bits, 4)] for name, loss in most if loss.bits > 0],
    }


def _rounded(**numbers: float) -> dict[str, float]:
    return {name: round(number, 4) for name, number in numbers.items()}


def _push(push: "Push") -> list[object]:
    return [_harmless(push.character), round(push.change, 2)]


def _context(context: "Context") -> list[object]:
    before, after = _harmless(context.before), _harmless(context.after)
    return [context.place, round(context.value, 2), before, after]


def _harmless(text: str) -> str:
    return "".join(map(glyph, text))
