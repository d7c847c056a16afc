"""What is shown of single units: their cards, and what is lost without them."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from charrnn.cli.reading import Reader
from charrnn.cli.terminal import print_json
from charrnn.cli.unit_names import names_by_unit, unit_names
from charrnn.cli.units.chosen import item_end_of, units_at
from charrnn.cli.units.concepts import ConceptOptions, labelings_of, num_named
from charrnn.cli.work import Work, working
from charrnn.config import SHOWN
from charrnn.errors import SettingError, UsageError
from charrnn.settings import Config, setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charrnn.interpret.finding import Follower
    from charrnn.interpret.units import Unit

ONE_CONCEPT = ("concept", "regex", "labels")
"""The options that name the concept that the units of `top:5` follow."""
FOR_ONE = ("max_chars", "json")
"""The options that apply to a single unit too."""
TOP = re.compile(r"top:([1-9][0-9]{0,4})", re.ASCII)


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
        "Take these units out and show how much the loss rises, compared with random sets of as many others. "
        "{ablate:top:5} takes the five that follow {concept}, {regex} or {labels} best in the first half of the text, "
        "and measures the second. May be repeated.",
        metavar="UNIT",
        allows=(*FOR_ONE, "replace", "sets", *ONE_CONCEPT),
        panel=SHOWN,
    )
    replace: Literal["zero", "mean", "resample"] | None = setting(
        None,
        "Replace the units of {ablate} by zero, by their mean, or by values from elsewhere in the text.",
        choices=("zero", "mean", "resample"),
        default_text="mean",
        needs=("ablate",),
        panel=SHOWN,
    )
    sets: int | None = setting(
        None,
        "Number of random sets of units that {ablate} and {patch} compare with.",
        low=1,
        high=10_000,
        default_text="30, or 100 with {patch}",
        metavar="N",
        panel=SHOWN,
    )
    patch: str | None = setting(
        None,
        "Read TEXT with the values that units have after this text, and show how the next prediction changes. The texts "
        "are aligned at their ends. With {unit}, those units are patched together; without it, each by itself.",
        metavar="TEXT|FILE",
        allows=(*FOR_ONE, "unit", "last", "sets"),
        panel=SHOWN,
    )
    unit: tuple[str, ...] = setting(
        (),
        "Patch these units together: an address, a range such as L0.c.*, or a name. May be repeated.",
        metavar="UNIT",
        needs=("patch",),
        panel=SHOWN,
    )
    last: int = setting(
        1,
        "{patch} puts in the values of this many characters, counted from the end.",
        low=1,
        high=10_000,
        metavar="N",
        needs=("patch",),
        panel=SHOWN,
    )

    def require(self, concepts: ConceptOptions) -> None:
        """Raise SettingError if an option has no effect, or one is missing."""
        if self.sets is not None and not (self.ablate or self.patch):
            raise SettingError.naming("{sets} only applies with {ablate} or {patch}")
        if self.sets is not None and self.patch and not self.unit:
            raise SettingError.naming(
                "{sets} only applies with {unit}: without it each unit is compared with all others"
            )
        given = [name for name in ONE_CONCEPT if getattr(concepts, name)]
        top = next(filter(count_of_top, self.ablate), None)
        if self.ablate and given and not top:
            raise SettingError.naming(
                f"{{{given[0]}}} only applies to {{ablate:top:5}}, not to units by address",
                "leave it out, or add {ablate:top:5}",
            )
        if top and num_named(concepts) != 1:
            raise SettingError.naming(
                f"{{ablate:{top.strip()}}} needs the one concept that the units follow best, but {{count}}",
                "name one, for example {concept:indentation}; charrnn units --list lists them",
                count=f"{num_named(concepts)} are given" if given else "none is given",
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
        print_json({"units": [card_record(card, names)]})
    else:
        print_card(card, names, reader.noun)


def show_ablation(reader: Reader, text: str, single: UnitOptions, concepts: ConceptOptions) -> None:
    """Print what predictions lose without some units.

    Raises:
        UsageError: the model has no such units, or they are gates.
        DataError: the text has too little of the concept that is named.
    """
    from charrnn.cli.units.ablation import chosen_as_dict, print_ablation
    from charrnn.interpret.ablation import SETS, ablate
    from charrnn.interpret.card_record import ablation_record

    ids = reader.model.vocabulary.encode(text)
    with working(None, reader.noun) as work:
        best = _followers(reader, text, single, concepts, work)
        named = [u for address in single.ablate for u in _taken(reader, address, best)]
        ablation = ablate(
            reader.model,
            ids[len(ids) // 2 :] if best else ids,
            tuple(dict.fromkeys(named)),
            how=single.replace or "mean",
            sets=single.sets or SETS,
            item_end=item_end_of(reader),
            progress=work.advance,
        )
    names = unit_names(reader.loaded)
    if concepts.json:
        called = names_by_unit(ablation.units, names)
        print_json(ablation_record(ablation) | called | chosen_as_dict(best))
    else:
        print_ablation(ablation, best, names)


def count_of_top(address: str) -> int:
    """The number of `top:5`, or 0 for another address."""
    match = TOP.fullmatch(address.strip())
    return int(match[1]) if match else 0


def _followers(
    reader: Reader, text: str, single: UnitOptions, concepts: ConceptOptions, work: Work
) -> "list[Follower]":
    """The units that follow the concept best, as many as any `top:5` wants."""
    from charrnn.interpret.finding import followers
    from charrnn.interpret.labels import per_symbol

    count = max(map(count_of_top, single.ablate))
    if not count:
        return []
    (labeling,) = labelings_of(text, concepts)
    vocabulary = reader.model.vocabulary
    return followers(
        reader.model,
        vocabulary.encode(text),
        per_symbol(labeling, text, vocabulary),
        count,
        item_end=item_end_of(reader),
        progress=work.advance,
    )


def _taken(reader: Reader, address: str, best: "list[Follower]") -> "Sequence[Unit]":
    """The units that an address of --ablate means."""
    if count := count_of_top(address):
        return [one.unit for one in best[:count]]
    return units_at(reader, address)
