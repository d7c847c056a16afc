"""A card as JSON: what `charrnn units --card --json` prints and what the page has."""

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charrnn.interpret.ablation import Ablation, Loss
    from charrnn.interpret.card import Card
    from charrnn.interpret.names import NamedUnit


def card_record(card: "Card", names: "Sequence[NamedUnit]") -> dict[str, Any]:
    """A card for JSON.

    Args:
        card: the card.
        names: the unit's own names.
    """
    proven = {named.name for named in names}
    record = {
        field.name: getattr(card, field.name)
        for field in dataclasses.fields(card)
        if field.name not in ("unit", "cost", "concepts")
    }
    return {
        "unit": str(card.unit),
        **{name: _plain(value) for name, value in record.items()},
        "concepts": [
            {**dataclasses.asdict(one), "is_name": one.concept in proven} for one in card.concepts
        ],
        "cost": None if card.cost is None else ablation_record(card.cost),
        "names": [dataclasses.asdict(named) for named in names],
    }


def ablation_record(ablation: "Ablation") -> dict[str, Any]:
    """An ablation for JSON."""
    return {
        "units": [str(unit) for unit in ablation.units],
        "replaced_by": ablation.how,
        "bits_per_char": ablation.bits,
        "total": _loss_record(ablation.total),
        "classes": {name: _loss_record(loss) for name, loss in ablation.classes.items()},
    }


def _loss_record(loss: "Loss") -> dict[str, Any]:
    return {
        "bits_per_char": loss.bits,
        "interval": loss.interval and list(loss.interval),
        "predictions": loss.count,
        "percentile": loss.percentile if loss.random else None,
        "random": list(loss.random),
    }


def _plain(value: Any) -> Any:
    """A number, or dataclasses as dictionaries."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value
