"""A text of nested brackets between made-up words: what comes next depends on how many are open."""

from collections.abc import Iterator

from charrnn.text.generated.draws import Draws, Pair, without_repeats

NUM_LINES = 10_000
DEEPEST = 8
"""Brackets that are open at a time, at most."""
LEAST_WORDS = 40
"""Words of a line, at least; it ends when all brackets are closed."""


def nested(seed: int) -> Iterator[Pair]:
    """Lines of words in nested brackets, and the largest number of brackets that are open at a time in each.

    The more brackets are open, the more likely a word is followed by a closing one, and then often by several.
    """
    draws = Draws(seed)
    return without_repeats((_line(draws) for _ in iter(int, 1)), NUM_LINES)


def _line(draws: Draws) -> Pair:
    words: list[str] = []
    depth = deepest = 0
    while depth or len(words) < LEAST_WORDS:
        word = _word(draws)
        if depth < DEEPEST and draws.below(10) < 4:
            word, depth = f"({word}", depth + 1
            deepest = max(deepest, depth)
        closed = _closed(draws, depth)
        words.append(word + ")" * closed)
        depth -= closed
    return " ".join(words), str(deepest)


def _closed(draws: Draws, depth: int) -> int:
    """How many brackets are closed behind a word."""
    if draws.below(DEEPEST**2) >= depth**2:
        return 0
    closed = 1
    while closed < depth and draws.below(10) < 6:
        closed += 1
    return closed


def _word(draws: Draws) -> str:
    """A word of one or two syllables."""
    return "".join(
        draws.choice("bdfgklmnprst") + draws.choice("aeiou") for _ in range(draws.between(1, 2))
    )
