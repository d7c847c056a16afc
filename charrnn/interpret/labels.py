"""Labels of a text: from the catalog of concepts, a pattern, spans, or a file with a number for each character."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from charrnn.errors import DataError, UsageError
from charrnn.interpret.concepts import Concept
from charrnn.interpret.concepts.spans import marked, matched
from charrnn.interpret.edits import LARGEST, NUMBER
from charrnn.interpret.labeling import Labeling
from charrnn.text.vocabulary import Vocabulary

SURROUNDINGS = 5
"""How many times as long as the spans together the text around them is that counts as outside."""
SPAN = re.compile(r"([0-9]{1,12}):([0-9]{1,12})", re.ASCII)


def of_concept(concept: Concept, text: str) -> Labeling:
    """The values of a concept."""
    return Labeling(concept.name, concept.of(text), concept.is_number)


def of_regex(pattern: str, text: str) -> Labeling:
    """1 inside the matches of a pattern.

    Raises:
        UsageError: it is no pattern, or matches nothing.
    """
    try:
        found = matched(text, re.compile(pattern, re.MULTILINE))
    except re.error as error:
        raise UsageError(f"{pattern!r} is not a regular expression: {error}") from error
    if not found.any():
        raise UsageError(f"{pattern!r} matches nothing in the text")
    return Labeling(pattern, found)


def of_file(path: Path, text: str) -> Labeling:
    """The numbers in a file, one for each character of a text.

    Raises:
        DataError: the file cannot be read, has a line that is no finite number, or too few or too many lines.
    """
    from charrnn.config import CorpusConfig
    from charrnn.text.pieces import read_pieces
    from charrnn.text.sources import Notes, file_source, in_memory

    pieces = read_pieces(in_memory(file_source(path)), CorpusConfig(), Notes())
    lines = "".join(pieces).removesuffix("\n").split("\n")
    if len(lines) != len(text):
        raise DataError(
            f"{path} has {len(lines):,} lines, but the text has {len(text):,} characters",
            "there must be a number for each character",
        )
    for number, line in enumerate(lines, 1):
        if not NUMBER.fullmatch(line.strip()) or abs(float(line)) > LARGEST:
            expected = f"a number from {-LARGEST:,.0f} to {LARGEST:,.0f}"
            raise DataError(f"{path}, line {number:,}: expected {expected}, not {line[:40]!r}")
    values = np.array([*map(float, lines)], np.float32)
    return Labeling(path.stem, values, is_number=not np.isin(values, (0, 1)).all())


def of_spans(spans: Sequence[str], text: str) -> Labeling:
    """1 in some spans of a text, and 0 in the text around them; the rest does not count.

    With several spans, the unit is chosen by every other one and scored on those between; the text between two spans
    belongs to the nearer one. Spans that touch are one. A single span cannot be split, so its score is that of the text
    that chose the unit.

    Args:
        spans: each as FROM:TO, in characters from 0, the last one excluded.
        text: the text.

    Raises:
        UsageError: a span is none, or is empty or not within the text.
    """
    inside = marked(len(text), [_bounds(span, len(text)) for span in spans])
    edges = np.flatnonzero(np.diff(inside, prepend=0, append=0))
    begins, ends = edges[::2], edges[1::2]
    around = SURROUNDINGS * (ends - begins)
    middles = (ends[:-1] + begins[1:]) // 2
    lowest = np.maximum(begins - around, [0, *middles])
    highest = np.minimum(ends + around, [*middles, len(text)])
    places = [np.arange(*pair) for pair in zip(lowest, highest, strict=True)]
    first, second = (np.concatenate(part) for part in (places[::2], places[1::2] or places))
    return Labeling("the spans" if len(places) > 1 else "the span", inside, places=(first, second))


def _bounds(span: str, length: int) -> tuple[int, int]:
    match = SPAN.fullmatch(span.strip())
    if not match:
        raise UsageError(f"a span looks like 120:151 (from, to), not {span!r}")
    begin, end = map(int, match.groups())
    if not begin < end <= length:
        raise UsageError(f"the span {span} is not within the {length:,} characters of the text")
    return begin, end


def per_symbol(labeling: Labeling, text: str, vocabulary: Vocabulary) -> Labeling:
    """A labeling of characters as one of the symbols that a model reads, which may be bytes."""
    if vocabulary.level == "char":
        return labeling
    widths = np.array([len(character.encode("utf-8", "surrogateescape")) for character in text])
    values = np.repeat(labeling.values, widths)
    if labeling.places is None:
        return dataclasses.replace(labeling, values=values)
    ends = np.cumsum(widths) - 1
    first, second = (ends[part] for part in labeling.places)
    return dataclasses.replace(labeling, values=values, places=(first, second))
