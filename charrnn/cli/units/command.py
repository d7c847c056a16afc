"""`charrnn units`: the units that follow something in a text, and what each of them does."""

from typing import TYPE_CHECKING

from charrnn.cli.inputs import TextArgument
from charrnn.cli.options import Changes
from charrnn.cli.reading import (
    Reader,
    ReadingOptions,
    checkpoint_and_texts,
    hint_in_quotes,
    make_reader,
)
from charrnn.cli.run_names import CheckpointArgument, is_checkpoint, open_any
from charrnn.cli.terminal import print_json, say
from charrnn.cli.threads import one_thread
from charrnn.cli.unit_names import unit_names
from charrnn.cli.units.chosen import MOST_FOR_CARD, item_end_of, text_of
from charrnn.cli.units.concepts import (
    ConceptOptions,
    labelings_per_symbol,
    num_named,
    print_concepts,
)
from charrnn.cli.units.patch import show_patch
from charrnn.cli.units.single import UnitOptions, show_ablation, show_card
from charrnn.cli.units.steer import SteerOptions
from charrnn.cli.work import working
from charrnn.errors import CharrnnError, CheckpointError, DataError
from charrnn.wording import counted, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charrnn.interpret.finding import Find
    from charrnn.interpret.traits import Trait

EXAMPLES = (
    "charrnn units",
    "charrnn units python code.py --concept 'inside a string' --concept indentation",
    "charrnn units python --ablate L0.c.37",
)
CHANGES = Changes(
    different={"max_chars": {"default_text": f"all; {MOST_FOR_CARD:,} with {{card}}"}},
)
MOST_NAMED = 10
TRAITS = 3
"""Units of each kind that are listed without a concept."""


def units(
    checkpoint: CheckpointArgument = None,
    texts: TextArgument = None,
    *,
    concepts: ConceptOptions,
    single: UnitOptions,
    save: SteerOptions,
    reading: ReadingOptions,
) -> None:
    """Find units that follow something in a text, prove it, and name them.

    For each concept, such as being inside a string, a unit is chosen on the first half of the text and scored on the
    second: by AUC (the probability that it is larger where the concept holds than where it does not; 0.5 is chance), or
    by |r| for a number. It is shown if it is better than chance (p, from labels shifted along the text) and better than
    every unit of networks with shuffled weights (echo). The concept becomes its name, which other commands show and
    accept.
    Units that stand out without a concept follow: those with the longest memory, with nearly two values (bimodality),
    and nearly always off (sparsity). What predictions lose is measured for the network alone.
    """
    if concepts.list:
        print_concepts()
        return
    single.require(concepts)
    save.require(concepts)
    reader = _reader(checkpoint, texts)
    with one_thread():
        if single.patch is not None:
            show_patch(reader, reading.max_chars, single, as_json=concepts.json)
            return
        text = text_of(reader, reading.max_chars or (MOST_FOR_CARD if single.card else None))
        if single.card:
            show_card(reader, text, single.card, as_json=concepts.json)
        elif single.ablate:
            show_ablation(reader, text, single, concepts)
        else:
            named = checkpoint if checkpoint and is_checkpoint(checkpoint) else reader.title
            _show_finds(reader, text, concepts, save, named)


def _reader(checkpoint: str | None, texts: "Sequence[str] | None") -> Reader:
    """The language model, and what it reads.

    Raises:
        CheckpointError: it is a model of pairs.
    """
    path, names = checkpoint_and_texts(checkpoint, texts)
    loaded = open_any(path, hint_in_quotes(names))
    if loaded.model.config.align is not None:
        raise CheckpointError(
            f"{loaded.path} is a model of pairs, and units are only found in a language model",
            f"charrnn visualize {path or loaded.path} shows what it does; --unit colors its text by a unit",
        )
    return make_reader(loaded, names)


# --- finding ----------------------------------------------------------------------------------------------------------


def _show_finds(
    reader: Reader, text: str, options: ConceptOptions, save: SteerOptions, model: str
) -> None:
    from charrnn.cli.units.found import (
        as_dict,
        print_finds,
        print_traits,
        say_next,
        trait_as_dict,
    )
    from charrnn.interpret.names import named_by

    finds, traits = _found(reader, text, options)
    if not (finds or traits):
        raise DataError("the text has too little of every concept", "take a longer text")
    proven = [find for find in finds if find.is_proven]
    known = {named.name: named for named in unit_names(reader.loaded)}
    names = [*(known | {find.concept: named_by(find) for find in proven}).values()]
    if options.names and proven:
        _keep_names(reader, proven)
    save.write(finds, reader, model)
    if options.json:
        shown = [as_dict(find) for find in (finds if options.all else proven)]
        others = [trait_as_dict(trait, names) for trait in traits]
        print_json({"characters": len(text), "units": [*shown, *others]})
        return
    print_finds(finds, every=options.all)
    if traits:
        print_traits(traits, names, reader.noun)
    if proven:
        best = proven[0]
        say_next(best.concept if options.names else str(best.unit), model)


def _found(reader: Reader, text: str, options: ConceptOptions) -> "tuple[list[Find], list[Trait]]":
    """The unit for each concept, and, if no concept was named, those that stand out without one.

    Concepts that were named, and are too rare, are reported.
    """
    from charrnn.interpret.finding import survey
    from charrnn.interpret.halves import EXCERPT, EXCERPTS

    vocabulary = reader.model.vocabulary
    names: list[str] = []
    labelings = labelings_per_symbol(text, options, vocabulary, names)
    ids = vocabulary.encode(text)
    for_each = 2 * min(len(ids) // 2, EXCERPTS * EXCERPT)
    with working(len(ids) + options.networks * for_each, reader.noun) as work:
        finds, traits = survey(
            reader.model,
            ids,
            labelings,
            0 if num_named(options) else TRAITS,
            networks=options.networks,
            item_end=item_end_of(reader),
            progress=work.advance,
        )
    found = {find.concept for find in finds}
    if finds and num_named(options) and (rare := [name for name in names if name not in found]):
        say(f"charrnn: a half of the text has too little of {listed(rare, MOST_NAMED)}")
    return finds, traits


def _keep_names(reader: Reader, proven: "Sequence[Find]") -> None:
    """Keep names beside the model, but for the demo, which has its own; where that cannot be written, it is reported."""
    from charrnn.interpret.names import save_names
    from charrnn.runs import is_demo

    if not (reader.loaded and reader.loaded.path) or is_demo(reader.loaded.path):
        return
    try:
        path = save_names(reader.loaded, proven)
    except CharrnnError as error:
        say(f"charrnn: the names were not kept: {error.message}")
    else:
        say(f"charrnn: kept {counted(len(proven), 'name')} in {path}")
