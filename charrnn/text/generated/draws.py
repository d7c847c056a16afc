"""Random choices that are the same in every version of Python and on every machine.

Of Python's generator only `random()` is used, whose numbers for a seed are promised never to change.
"""

from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import TypeVar

Item = TypeVar("Item")
Pair = tuple[str, str]
"""A source and its target; neither has a tab or a newline."""
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Draws:
    """Random choices that a seed determines."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed).random  # noqa: S311 (nothing is kept secret)

    def below(self, count: int) -> int:
        """A whole number from 0 to `count - 1`; each is as likely as another."""
        return int(self._random() * count)

    def between(self, least: int, most: int) -> int:
        """A whole number from `least` to `most`, both included."""
        return least + self.below(most - least + 1)

    def one_in(self, count: int) -> bool:
        """True once in `count` times."""
        return self.below(count) == 0

    def choice(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[self.below(len(items))]

    def distinct(self, items: Sequence[Item], count: int) -> list[Item]:
        """`count` of the items, none twice, in random order."""
        return self.shuffled(items)[:count]

    def shuffled(self, items: Iterable[Item]) -> list[Item]:
        """The items in random order (Fisher-Yates)."""
        drawn = list(items)
        for last in range(len(drawn) - 1, 0, -1):
            other = self.below(last + 1)
            drawn[last], drawn[other] = drawn[other], drawn[last]
        return drawn

    def letters(self, least: int, most: int) -> str:
        """A string of random letters."""
        return "".join(self.choice(LETTERS) for _ in range(self.between(least, most)))

    def word(self) -> str:
        """A word that can be pronounced, of one to three syllables, and means nothing."""
        return "".join(
            self.choice("bcdfghjklmnprstvw")
            + self.choice("aeiou")
            + self.choice(("", "", "", "n", "r", "s", "l", "ll", "tt", "ss"))
            for _ in range(self.between(1, 3))
        )


def without_repeats(pairs: Iterable[Pair], count: int) -> Iterator[Pair]:
    """The first `count` pairs whose sources differ from all before."""
    seen: set[str] = set()
    for source, target in pairs:
        if len(seen) == count:
            return
        if source not in seen:
            seen.add(source)
            yield source, target
