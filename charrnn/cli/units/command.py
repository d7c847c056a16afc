"""`charrnn units`: the units that follow something in a text, and what each of them does."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from charrnn.cli.inputs import TextArgument
from charrnn.cli.reading import Reader, ReadingOptions, open_reader
from charrnn.cli.run_names import CheckpointArgument, is_checkpoint
from charrnn.cli.terminal import print_json, print_wrapped, say
from charrnn.cli.threads import one_thread
from charrnn.cli.unit_names import unit_names
from charrnn.cli.work import working
from charrnn.config import OUTPUT, SHOWN
from charrnn.errors import CharrnnError, DataError, UsageError
from charrnn.settings import Config, setting
from charrnn.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charrnn.interpret.finding import Find, Labeling
    from charrnn.interpret.units import Unit

EXAMPLES = (
    "charrnn units",
    "charrnn units python code.py --concept 'inside a string' --concept indentation",
    "charrnn units python --ablate L0.c.37",
)
MOST_READ = 200_000
"""Characters of the model's own validation text that are read."""
GENERATED = 20_000
"""Characters that the model generates if no text is at hand."""
FOR_ONE = ("max_chars", "json")
"""The options that apply to a single unit too."""


@dataclass(frozen=True, kw_only=True)
class ConceptOptions(Config):
    """What units are searched for."""

    concept: tuple[str, ...] = setting(
        (),
        "Search for a unit that follows this concept, one that {list} names. May be repeated.",
        metavar="NAME",
        default_text="all of them",
        panel=SHOWN,
    )
    regex: tuple[str, ...] = setting(
        (),
        "Search for a unit that is on inside the matches of this pattern. May be repeated.",
        metavar="PATTERN",
        panel=SHOWN,
    )
    labels: Path | None = setting(
        None,
        "Search for a unit that follows the numbers in a file, one in a line for each character of the text.",
        metavar="FILE",
        panel=SHOWN,
    )
    span: tuple[str, ...] = setting(
        (),
        "Search for a unit that is on in these characters, such as 120:151, and off around them. Several spans are "
        "better evidence than one. May be repeated.",
        metavar="FROM:TO",
        panel=SHOWN,
    )
    networks: int = setting(
        20,
        "Networks with shuffled weights that a unit must beat, because they follow much that nothing has learned.",
        high=1000,
        metavar="N",
        panel=SHOWN,
    )
    all: bool = setting(False, "Show what is not proven, too.", panel=SHOWN)
    names: bool = setting(
        True,
        "Keep the concepts that are proven as the names of their units, beside the model.",
        panel=OUTPUT,
    )
    json: bool = setting(False, "Print JSON.", panel=OUTPUT)
    list: bool = setting(
        False, "List the concepts, and search for nothing.", allows=(), panel=SHOWN
    )


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


def units(
    checkpoint: CheckpointArgument = None,
    texts: TextArgument = None,
    *,
    concepts: ConceptOptions,
    single: UnitOptions,
    reading: ReadingOptions,
) -> None:
    """Find units that follow something in a text, prove it, and name them.

    For each concept, such as being inside a string, a unit is chosen by the first half of the text and scored on the
    second: by AUC (the chance that it is larger where the concept holds than where it does not; 0.5 is none), or by |r|
    for a number. It is shown if it is better than chance (p, from labels moved along the text) and better than every
    unit of networks with shuffled weights (echo). Its concept becomes its name, which other commands show and take.
    """
    if concepts.list:
        _print_concepts()
        return
    reader = open_reader(checkpoint, texts)
    with one_thread():
        text = _text(reader, reading.max_chars)
        if single.card:
            _show_card(reader, text, single.card, as_json=concepts.json)
        elif single.ablate:
            _show_ablation(reader, text, single, as_json=concepts.json)
        else:
            named = checkpoint if checkpoint and is_checkpoint(checkpoint) else reader.title
            _show_finds(reader, text, concepts, named)


def _print_concepts() -> None:
    from charrnn.interpret.concepts import CONCEPTS

    width = max(map(len, CONCEPTS))
    for concept in CONCEPTS.values():
        print_wrapped(f"{concept.name:<{width}}  {concept.summary}", width + 2)


def _text(reader: Reader, most: int | None) -> str:
    """The text that is read: what was given, or else the model's own validation text."""
    from charrnn.cli.own_text import own_text

    if reader.names:
        return reader.text(most)
    lengths = {"held_out": most or MOST_READ, "generated": GENERATED}
    return own_text(reader.loaded, reader.model, most=most, **lengths)


def _item_end(reader: Reader) -> int | None:
    """The symbol at which the state is reset."""
    end = reader.item_end
    return None if end is None else int(reader.model.vocabulary.encode(end)[0])


# --- finding ----------------------------------------------------------------------------------------------------------


def _show_finds(reader: Reader, text: str, options: ConceptOptions, model: str) -> None:
    from charrnn.cli.units.found import as_dict, print_finds

    finds = _found(reader, text, options)
    if not finds:
        raise DataError("the text has too little of every concept", "take a longer text")
    proven = [find for find in finds if find.is_proven]
    if options.names and proven:
        _keep_names(reader, proven)
    if options.json:
        shown = finds if options.all else proven
        print_json({"characters": len(text), "units": [as_dict(find) for find in shown]})
        return
    print_finds(finds, model, every=options.all)


def _found(reader: Reader, text: str, options: ConceptOptions) -> "list[Find]":
    from charrnn.interpret.finding import EXCERPT, EXCERPTS, find
    from charrnn.interpret.labels import per_symbol

    vocabulary = reader.model.vocabulary
    labelings = [per_symbol(one, text, vocabulary) for one in _labelings(text, options)]
    ids = vocabulary.encode(text)
    for_each = 2 * min(len(ids) // 2, EXCERPTS * EXCERPT)
    with working(len(ids) + options.networks * for_each, reader.noun) as work:
        return find(
            reader.model,
            ids,
            labelings,
            networks=options.networks,
            item_end=_item_end(reader),
            progress=work.advance,
        )


def _labelings(text: str, options: ConceptOptions) -> "list[Labeling]":
    """What is searched for: what was named, or else the whole catalog."""
    from charrnn.interpret.concepts import CONCEPTS, get_concept
    from charrnn.interpret.labels import of_concept, of_file, of_regex, of_spans

    found = [of_concept(get_concept(name), text) for name in options.concept]
    found += [of_regex(pattern, text) for pattern in options.regex]
    if options.labels:
        found.append(of_file(options.labels, text))
    if options.span:
        found.append(of_spans(options.span, text))
    return found or [of_concept(concept, text) for concept in CONCEPTS.values()]


def _keep_names(reader: Reader, proven: "Sequence[Find]") -> None:
    """Keep names beside the model; where that cannot be written, it is reported."""
    from charrnn.interpret.names import save_names

    if not (reader.loaded and reader.loaded.path):
        return
    try:
        path = save_names(reader.loaded, proven)
    except CharrnnError as error:
        say(f"charrnn: the names were not kept: {error.message}")
    else:
        say(f"charrnn: kept {counted(len(proven), 'name')} in {path}")


# --- single units -----------------------------------------------------------------------------------------------------


def _units_at(reader: Reader, address: str) -> "tuple[Unit, ...]":
    """The units of states that a name or an address means."""
    from charrnn.interpret.names import address_of
    from charrnn.interpret.units import parse_units

    units = parse_units(address_of(address, unit_names(reader.loaded)), reader.model)
    if units[0].what not in reader.model.cell.states:
        raise UsageError(f"{address} is a gate, not a state", "name a unit of a state")
    return units


def _show_card(reader: Reader, text: str, address: str, *, as_json: bool) -> None:
    from charrnn.cli.units.card import card_as_dict, print_card
    from charrnn.interpret.card import make_card
    from charrnn.interpret.recording import record_parts

    unit, *others = _units_at(reader, address)
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


def _show_ablation(reader: Reader, text: str, single: UnitOptions, *, as_json: bool) -> None:
    from charrnn.cli.units.ablation import ablation_as_dict, print_ablation
    from charrnn.interpret.ablation import SETS, ablate

    found = [unit for address in single.ablate for unit in _units_at(reader, address)]
    taken = tuple(dict.fromkeys(found))
    with working(None, reader.noun) as work:
        ablation = ablate(
            reader.model,
            reader.model.vocabulary.encode(text),
            taken,
            how=single.replace or "mean",
            sets=single.sets or SETS,
            item_end=_item_end(reader),
            progress=work.advance,
        )
    if as_json:
        print_json(ablation_as_dict(ablation))
    else:
        print_ablation(ablation)
