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
        "Show a unit's card: where it is highest and lowest, how its values lie, what raises and lowers it.",
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
    from charrnn.cli.units.card import card_as_dict, print_card
    from charrnn.interpret.card import make_card
    from charrnn.interpret.recording import record_parts

    unit, *others = units_at(reader, address)
    if others:
        raise UsageError(f"a card is of one unit, not of {1 + len(others)}", f"for example {unit}")
    with working(None, reader.noun) as work:
        parts = record_parts(reader.model, text, keep=[unit.what], item_end=reader.item_end)
        card = make_card(work.reading(parts, len(reader.model.vocabulary.points(text))), unit)
    names = [named for named in unit_names(reader.loaded) if named.unit == str(unit)]
    if as_json:
        print_json(card_as_dict(card, names))
    else:
        print_card(card, names, reader.noun)


def show_ablation(reader: Reader, text: str, single: UnitOptions, *, as_json: bool) -> None:
    """Print what predictions lose without some units.

    Raises:
        UsageError: the model has no such units, or they are gates.
    """
    from charrnn.cli.units.ablation import ablation_as_dict, print_ablation
    from charrnn.interpret.ablation import SETS, ablate

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
        print_json(ablation_as_dict(ablation))
    else:
        print_ablation(ablation)
