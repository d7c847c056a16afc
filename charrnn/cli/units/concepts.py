"""The options that name concepts, and the labels that they mean."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.terminal import print_wrapped
from charrnn.config import OUTPUT, SHOWN
from charrnn.settings import Config, setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from charrnn.interpret.labeling import Labeling
    from charrnn.text.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True)
class LabelOptions(Config):
    """What is looked for in a text."""

    concept: tuple[str, ...] = setting(
        (),
        "A concept of {list}; 'indentation > 4' holds where its number is above 4. May be repeated.",
        metavar="NAME",
        default_text="all of them",
        panel=SHOWN,
    )
    regex: tuple[str, ...] = setting(
        (),
        "A concept of your own: inside a match of this regular expression. May be repeated.",
        metavar="PATTERN",
        panel=SHOWN,
    )
    labels: Path | None = setting(
        None,
        "A concept of your own: a file with a number for each character of the text, one per line.",
        metavar="FILE",
        panel=SHOWN,
    )
    json: bool = setting(False, "Print JSON.", panel=OUTPUT)
    list: bool = setting(
        False, "List the concepts of the catalog and exit.", allows=(), panel=SHOWN
    )


@dataclass(frozen=True, kw_only=True)
class ConceptOptions(LabelOptions):
    """What units are searched for."""

    span: tuple[str, ...] = setting(
        (),
        "A concept of your own: these characters, such as 120:151, against the text around them. Several spans are "
        "better evidence than one. May be repeated.",
        metavar="FROM:TO",
        panel=SHOWN,
    )
    networks: int = setting(
        20,
        "Number of networks with shuffled weights that a unit must beat. What they follow needs no training.",
        high=1000,
        metavar="N",
        panel=SHOWN,
    )
    all: bool = setting(False, "Show units that are not proven, too.", panel=SHOWN)
    names: bool = setting(
        True,
        "Save proven concepts beside the model, as the names of their units.",
        panel=OUTPUT,
    )


def print_concepts() -> None:
    """Print the name of each concept of the catalog, and what it is."""
    from charrnn.interpret.concepts import CONCEPTS

    width = max(map(len, CONCEPTS))
    for concept in CONCEPTS.values():
        also = f" Short: {concept.short}." if concept.short else ""
        print_wrapped(f"{concept.name:<{width}}  {concept.summary}{also}", width + 2)


def num_named(options: ConceptOptions) -> int:
    """How many concepts the options name."""
    others = (options.labels is not None) + bool(options.span)
    return len(options.concept) + len(options.regex) + others


def labelings_of(text: str, options: LabelOptions) -> "Iterable[Labeling]":
    """What is looked for: what was named, or else the whole catalog, one after the other."""
    from charrnn.interpret.concepts import CONCEPTS, get_concept
    from charrnn.interpret.labels import of_concept, of_file, of_regex, of_spans

    found = [of_concept(get_concept(name), text) for name in options.concept]
    found += [of_regex(pattern, text) for pattern in options.regex]
    if options.labels:
        found.append(of_file(options.labels, text))
    if isinstance(options, ConceptOptions) and options.span:
        found.append(of_spans(options.span, text))
    return found or (of_concept(concept, text) for concept in CONCEPTS.values())


def labelings_per_symbol(
    text: str, options: LabelOptions, vocabulary: "Vocabulary", names: list[str]
) -> "Iterator[Labeling]":
    """`labelings_of` with a value for each symbol that the model reads, made one by one; their names are added."""
    from charrnn.interpret.labels import per_symbol

    for one in labelings_of(text, options):
        names.append(one.name)
        yield per_symbol(one, text, vocabulary)
