"""What is shown of single units: their cards, and what is lost without them."""

from dataclasses import dataclass
from typing import Literal

from charrnn.cli.reading import Reader
from charrnn.cli.terminal import print_json
from charrnn.cli.unit_names import unit_names
from charrnn.cli.units.chosen import item_end_of, units_at
from charrnn.cli.work import working
from charrnn.config import SHOWN
from charrnn.errors import UsageError
from charrnn.settings import Config, setting

FOR_ONE = ("max_chars", "json")
"""The options that apply to a single unit too."""


@dataclass(frozen=True, kw_only=True)
class UnitOptions(Config):
    """What is shown of single units."""

    card: str | None = setting(
        None,
        "Show a unit's card: where it is highest and lowest, how its values lie, what raises and lowers it, which "
        "concepts it follows, how its gates are used, and what predictions lose without it.",
        metavar="UNIT",
        allows=FOR_ONE,
        panel=SHOWN,
    )
    ablate: tuple[str, ...] = setting(
        (),
        "Show what predictions lose without these units, beside random sets of as many others. May be repeated.",
        metavar="UNIT",
        allows=(*FOR_ONE, "replace", "sets"),
        panel=SHOWN,
    )
    replace: Literal["zero", "mean", "resample"] | None = setting(
        None,
        "What takes the place of the units of {ablate}: zero, their mean, or values from elsewhere in the text.",
        choices=("zero", "mean", "resample"),
        default_text="mean",
        needs=("ablate",),
        panel=SHOWN,
    )
    sets: int | None = setting(
        None,
        "Random sets of units that {ablate} compares with.",
        low=1,
        high=10_000,
        default_text="30",
        metavar="N",
        needs=("ablate",),
        panel=SHOWN,
    )


def show_card(reader: Reader, text: str, address: str, *, as_json: bool) -> None:
    """Print the card of the unit at an address.

    Raises:
        UsageError: the model has no such unit, or it is a gate, or it is several.
    """
    from charrnn.cli.units.card import print_card
    from charrnn.interpret.card import make_cards
    from charrnn.interpret.card_record import card_record

    unit, *others = units_at(reader, address)
    if others:
        raise UsageError(f"a card is of one unit, not of {1 + len(others)}", f"for example {unit}")
    with working(None, reader.noun) as work:
        (card,) = make_cards(
            reader.model, text, [unit], item_end=reader.item_end, progress=work.advance
        )
    names = [named for named in unit_names(reader.loaded) if named.unit == str(unit)]
    if as_json:
        print_json(card_record(card, names))
    else:
        print_card(card, names, reader.noun)


def show_ablation(reader: Reader, text: str, single: UnitOptions, *, as_json: bool) -> None:
    """Print what predictions lose without some units.

    Raises:
        UsageError: the model has no such units, or they are gates.
    """
    from charrnn.cli.units.ablation import print_ablation
    from charrnn.interpret.ablation import SETS, ablate
    from charrnn.interpret.card_record import ablation_record

    found = [unit for address in single.ablate for unit in units_at(reader, address)]
    taken = tuple(dict.fromkeys(found))
    with working(None, reader.noun) as work:
        ablation = ablate(
            reader.model,
            reader.model.vocabulary.encode(text),
            taken,
            how=single.replace or "mean",
            sets=single.sets or SETS,
            item_end=item_end_of(reader),
            progress=work.advance,
        )
    if as_json:
        print_json(ablation_record(ablation))
    else:
        print_ablation(ablation)
