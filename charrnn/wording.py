"""Wording helpers for messages: plurals, lists, durations, sizes, suggestions and escapes."""

import math
from collections.abc import Iterable, Sequence


def noun_of(level: str) -> str:
    """A symbol of a model of this level: "character" or "byte"."""
    return "byte" if level == "byte" else "character"


def short_noun_of(level: str) -> str:
    """A symbol of a model of this level, as units have it: "char" or "byte"."""
    return noun_of(level)[:4]


def counted(count: float, noun: str) -> str:
    """A number of things: "1 character", "2,000 characters", "0.5 epochs"."""
    number = f"{count:,}" if isinstance(count, int) else plain(count, 6)
    return f"{number} {noun}" if count == 1 else f"{number} {noun}s"


def plain(number: float, digits: int = 2) -> str:
    """A number with a few significant digits and no exponent: 2369.4, 2 -> "2,400"; 0.00671, 2 -> "0.0067"."""
    rounded = float(f"{number:.{digits}g}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded)))) if rounded else 0
    text = f"{rounded:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded_count(count: float) -> str:
    """A large number to two digits: 4,096 -> "4,100", 7,512,064 -> "7.5 M"."""
    digits = float(f"{count:.2g}")
    for unit, factor in ((" G", 1e9), (" M", 1e6)):
        if digits >= factor:
            return f"{digits / factor:g}{unit}"
    return f"{digits:,.0f}"


def listed(names: Sequence[str], most: int = 8) -> str:
    """The first `most` names, and how many more there are: "a, b and 3 more"."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def duration(seconds: float) -> str:
    """Seconds as minutes or hours: 75 -> "1:15", 4000 -> "1:06:40"."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(num_bytes: float) -> str:
    """A number of bytes in a decimal unit: 1403772 -> "1.4 MB"."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= factor:
            return f"{num_bytes / factor:.1f} {unit}"
    return counted(round(num_bytes), "byte")


def escape(text: str) -> str:
    """Text that cannot act on a terminal: unprintable characters are written as in a Python string."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def quoted(text: str, most: int = 60) -> str:
    """A text in quotes, with its middle left out if it is long."""
    return _shortened(repr(text), most)


def as_typed(expression: str, most: int = 60) -> str:
    """A regular expression in quotes, each backslash as it was typed, with its middle left out if it is long."""
    mark = '"' if "'" in expression else "'"
    return _shortened(f"{mark}{escape(expression)}{mark}", most)


def _shortened(whole: str, most: int) -> str:
    return whole if len(whole) <= most else f"{whole[: most // 2]} ... {whole[-most // 2 :]}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word closest to `word` by `edit_distance`, ignoring case; None if none is near.

    Near is: at most one edit for every three characters of the word, or one in a word of two.
    """
    folded = word.casefold()
    names = {name: edit_distance(folded, name.casefold()) for name in known}
    near = min(names, key=names.__getitem__, default=None)
    return (
        near
        if near is not None and names[near] <= min(max(1, len(word) // 3), len(word) - 1)
        else None
    )


def edit_distance(a: str, b: str) -> int:
    """The number of insertions, deletions, substitutions and swaps of neighbors that turn one word into another.

    The optimal string alignment distance of Damerau (1964).
    """
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, c in enumerate(a):
        earlier, before, row = before, row, [i + 1]
        for j, d in enumerate(b):
            row.append(min(before[j] + (c != d), before[j + 1] + 1, row[j] + 1))
            if i and j and (c, a[i - 1]) == (b[j - 1], d):
                row[-1] = min(row[-1], earlier[j - 1] + 1)
    return row[-1]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The hint "did you mean WORD?", or an empty string if no known word is near."""
    near = nearest(word, known)
    return f"did you mean {near}?" if near is not None else ""
