"""A text whose lines each have a hidden mood: it shows in a few of their words, and a line goes on as it began."""

from collections.abc import Iterator

from charrnn.text.generated.draws import Draws, Pair, without_repeats

NUM_LINES = 40_000
GLAD, SAD = "glad", "sad"
WORDS = {
    GLAD: ("mere", "ge", "ko", "sudune", "ture", "mefo", "fulatu", "dolobi"),
    SAD: ("bogipa", "pero", "le", "te", "nufuse", "da", "no", "ma"),
}
"""Made-up words that only lines of one mood have."""
PLAIN_WORDS = ("ku", "mi", "po", "be", "kume", "tobe", "tutero", "ke")
"""Made-up words of lines of both moods."""


def moods(seed: int) -> Iterator[Pair]:
    """Lines of made-up words, and the mood of each: glad or sad.

    The first word of a line is one of its mood, and so is every second of those that follow, at random.
    """
    draws = Draws(seed)
    return without_repeats((_line(draws) for _ in iter(int, 1)), NUM_LINES)


def _line(draws: Draws) -> Pair:
    mood = draws.choice((GLAD, SAD))
    words = [draws.choice(WORDS[mood])]
    for _ in range(draws.between(10, 20)):
        words.append(draws.choice(WORDS[mood] if draws.one_in(2) else PLAIN_WORDS))  # noqa: PERF401
    return " ".join(words), mood


def mood_of(line: str) -> str | None:
    """The mood that most of a line's words with a mood have; None if it has as many of both."""
    counts = {mood: sum(word in own for word in line.split()) for mood, own in WORDS.items()}
    if counts[GLAD] == counts[SAD]:
        return None
    return max(counts, key=counts.__getitem__)
