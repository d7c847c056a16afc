"""Strings of letters or brackets, and what a rule makes of them: no knowledge of a language helps."""

import itertools
from collections.abc import Callable, Iterator

from charrnn.text.generated.draws import LETTERS, Draws, Pair, without_repeats

NUM_STRINGS = 50_000
LEAST_LETTERS, MOST_LETTERS = 5, 20
BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"))
MOST_PAIRED = 12
"""Maximum pairs of brackets in a line."""
BALANCED, UNBALANCED = "balanced", "unbalanced"


def reversals(seed: int) -> Iterator[Pair]:
    """Strings of 5 to 20 letters, and the same from the end to the beginning."""
    return _of_letters(seed, lambda text: text[::-1])


def sortings(seed: int) -> Iterator[Pair]:
    """Strings of 5 to 20 letters, and the same letters in the order of the alphabet."""
    return _of_letters(seed, lambda text: "".join(sorted(text)))


def _of_letters(seed: int, rule: Callable[[str], str]) -> Iterator[Pair]:
    draws = Draws(seed)
    drawn = (draws.letters(LEAST_LETTERS, MOST_LETTERS) for _ in iter(int, 1))
    return without_repeats(((text, rule(text)) for text in drawn), NUM_STRINGS)


def stutters(seed: int) -> Iterator[Pair]:
    """Made-up words with repeated letters, and without.

    A letter is written once or twice, a double one three or four times: "hheelllo" is "hello", and no other word.
    """
    draws = Draws(seed)
    words = (draws.word() + draws.word() for _ in iter(int, 1))
    return without_repeats(((_stuttered(word, draws), word) for word in words), NUM_STRINGS)


def _stuttered(word: str, draws: Draws) -> str:
    runs = ((letter, len([*run])) for letter, run in itertools.groupby(word))
    return "".join(letter * draws.between(2 * length - 1, 2 * length) for letter, length in runs)


def ciphers(seed: int) -> Iterator[Pair]:
    """A key and made-up words, and the words in Caesar's cipher: with the key d each letter moves by 3, a to d."""
    draws = Draws(seed)

    def drawn() -> Iterator[Pair]:
        while True:
            key = draws.choice(LETTERS)
            text = " ".join(draws.word() for _ in range(draws.between(1, 4)))
            yield f"{key}: {text}", enciphered(text, LETTERS.index(key))

    return without_repeats(drawn(), NUM_STRINGS)


def enciphered(text: str, shift: int) -> str:
    """Each letter moved by `shift` places in the alphabet, behind whose end it begins again; the rest as it is."""
    return text.translate(str.maketrans(LETTERS, LETTERS[shift:] + LETTERS[:shift]))


def brackets(seed: int) -> Iterator[Pair]:
    """Strings of brackets of three kinds, and whether they are balanced; of each kind there are as many.

    Those that are not differ from balanced ones in a bracket: another one in its place, or two exchanged.
    """
    draws = Draws(seed)

    def drawn(*, balanced: bool) -> Iterator[Pair]:
        """Endless pairs of one label."""
        while True:
            text = _balanced(draws, draws.between(MOST_PAIRED // 2, MOST_PAIRED))
            if balanced:
                yield text, BALANCED
            elif not is_balanced(spoilt := _spoilt(text, draws)):
                yield spoilt, UNBALANCED

    right, wrong = (
        without_repeats(drawn(balanced=kind), NUM_STRINGS // 2) for kind in (True, False)
    )
    return itertools.chain.from_iterable(zip(right, wrong, strict=True))


def _balanced(draws: Draws, num_pairs: int) -> str:
    text, waiting = "", ""
    while num_pairs or waiting:
        if num_pairs and (not waiting or draws.one_in(2)):
            num_pairs -= 1
            bracket, closing = draws.choice(BRACKETS)
            text, waiting = text + bracket, closing + waiting
        else:
            text, waiting = text + waiting[0], waiting[1:]
    return text


def _spoilt(text: str, draws: Draws) -> str:
    """The text with another bracket in one place, or with two exchanged."""
    changed, place = [*text], draws.below(len(text))
    if draws.one_in(2):
        other = draws.below(len(text))
        changed[place], changed[other] = changed[other], changed[place]
    else:
        changed[place] = draws.choice(draws.choice(BRACKETS))
    return "".join(changed)


def is_balanced(text: str) -> bool:
    """Whether each bracket is closed by one of its kind, the last opened first."""
    closing, waiting = dict(BRACKETS), ""
    for bracket in text:
        if bracket in closing:
            waiting = closing[bracket] + waiting
        elif not waiting.startswith(bracket):
            return False
        else:
            waiting = waiting[1:]
    return not waiting
