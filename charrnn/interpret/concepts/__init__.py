"""A catalog of what a unit may follow in a text: concepts, each a function from a text to a value per character.

    text                  s a y _ " h i " .          _ is a blank
    inside double quotes  0 0 0 0 1 1 1 0 0

The value at a character belongs to the moment after it was read, as a column of a recording does: a quotation has begun
once its first mark was read, and is over once its last one was. A concept is a truth value, or a number if it has
degrees, such as a depth. A number above a bound is a truth value again: "indentation > 4".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from charrnn.errors import UsageError
from charrnn.interpret.concepts import code, lines, words
from charrnn.numerics import Float
from charrnn.wording import did_you_mean


@dataclass(frozen=True)
class Concept:
    """Something that a unit may follow."""

    name: str
    """Its name, which is also that of a unit that was found to follow it."""
    of: Callable[[str], Float]
    """Its value after each character of a text, (T,): 0 or 1, or a number."""
    is_number: bool = False
    """Whether it has degrees."""
    short: str = ""
    """A short name, where a part of its name does not tell it from others."""

    @property
    def summary(self) -> str:
        """What it is, in one sentence."""
        return (self.of.__doc__ or "").strip().splitlines()[0]


def _concepts() -> tuple[Concept, ...]:
    return (
        Concept("inside double quotes", code.double_quotes),
        Concept("inside single quotes", code.single_quotes),
        Concept("inside triple quotes", code.triple_quotes),
        Concept("inside a string", code.strings, short="quotes"),
        Concept("inside a comment", code.comments),
        Concept("inside brackets", code.brackets),
        Concept("bracket depth", code.bracket_depth, is_number=True),
        Concept("depth of ( )", code.round_depth, is_number=True),
        Concept("depth of [ ]", code.square_depth, is_number=True),
        Concept("depth of { }", code.curly_depth, is_number=True),
        Concept("inside an identifier", code.identifiers),
        Concept("leading blanks", lines.leading_blanks),
        Concept("indentation", lines.indentation, is_number=True),
        Concept("position in line", lines.position, is_number=True),
        Concept("a newline is due", lines.newline_is_due),
        Concept("blank line", lines.blank_line),
        Concept("speaker's name", lines.speaker),
        Concept("position in word", words.position, is_number=True),
        Concept("inside a word", words.words),
        Concept("start of a sentence", words.sentence_starts),
        Concept("run of capitals", words.capitals),
        Concept("inside a number", words.numbers),
        Concept("inside an address", words.addresses),
        Concept("Markdown emphasis", words.emphasis),
    )


ABOVE = re.compile(r"([^>]+?)\s*>\s*([0-9]{1,6})", re.ASCII)
"""A concept with degrees, and the bound that it is above."""
CONCEPTS = {concept.name: concept for concept in _concepts()}
"""The catalog, by name."""


def get_concept(name: str) -> Concept:
    """The concept of a name, short name, or part of a name that no other has; "NAME > 4" is a number above a bound.

    Raises:
        UsageError: there is no such concept, or there are several, or one above a bound has no degrees.
    """
    if above := ABOVE.fullmatch(name.strip()):
        return _above(get_concept(above[1]), int(above[2]))
    for known in CONCEPTS.values():
        if name and name in (known.name, known.short):
            return known
    matches = [known for known in CONCEPTS if name.lower() in known.lower()]
    if len(matches) == 1:
        return CONCEPTS[matches[0]]
    if matches:
        raise UsageError(f"several concepts have {name!r} in their name", ", ".join(matches))
    raise UsageError(
        f"there is no concept {name!r}",
        did_you_mean(name, CONCEPTS) or "charrnn units --list names them",
    )


def _above(concept: Concept, bound: int) -> Concept:
    """The truth value that a concept with degrees is above a bound."""
    if not concept.is_number:
        raise UsageError(
            f"{concept.name!r} is no number that could be above {bound:,}",
            "leave out the bound",
        )

    def of(text: str) -> Float:
        return (concept.of(text) > bound).astype(np.float32)

    return Concept(f"{concept.name} > {bound}", of)
