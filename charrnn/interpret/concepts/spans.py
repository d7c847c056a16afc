"""Values of characters from the places where a pattern matches."""

import re
from collections.abc import Iterable

import numpy as np

from charrnn.numerics import Float

Span = tuple[int, int]


def marked(length: int, spans: Iterable[Span]) -> Float:
    """1 within some spans of a text and 0 elsewhere, (T,)."""
    edges = np.zeros(length + 1, np.int32)
    for begin, end in spans:
        if begin < end:
            edges[begin] += 1
            edges[end] -= 1
    return (np.cumsum(edges[:-1]) > 0).astype(np.float32)


def matched(text: str, pattern: re.Pattern[str]) -> Float:
    """1 at the characters of a pattern's matches, (T,)."""
    return marked(len(text), (match.span() for match in pattern.finditer(text)))


def runs(flags: Float) -> Float:
    """How many characters in a row have been flagged, up to each: 0 1 1 0 1 -> 0 1 2 0 1, (T,)."""
    places = np.arange(1, len(flags) + 1)
    last = np.maximum.accumulate(np.where(flags > 0, 0, places))
    return (places - last).astype(np.float32)
