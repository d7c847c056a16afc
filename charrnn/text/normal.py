"""Composed and decomposed characters: é is one character, or an e with an accent behind it (Unicode Annex 15).

macOS names files in the decomposed form (NFD), almost everything else is composed (NFC). The two look alike, and to a
model they are different characters.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np

from charrnn.text.vocabulary import Vocabulary

Form = Literal["NFC", "NFD"]
ACCENTS = range(0x300, 0x370)
"""The combining accents of letters that may be composed."""
WHERE = {"NFC": "composed", "NFD": "decomposed"}
"""The forms in words."""


def normalized(text: str, form: str | None) -> str:
    """A text in a normal form, such as "nfc"; None leaves it as it is."""
    return unicodedata.normalize(form.upper(), text) if form else text  # type: ignore[arg-type]


def normalized_pieces(pieces: Iterable[str], form: str) -> Iterator[str]:
    """A text in a normal form, a piece at a time; nothing that may combine is cut apart."""
    held = ""
    for piece in pieces:
        text = held + piece
        # nothing is composed across the beginning of an ASCII character, which begins anew
        cut = next((k for k in range(len(text) - 1, -1, -1) if text[k].isascii()), 0)
        held = text[cut:]
        yield normalized(text[:cut], form)
    yield normalized(held, form)


def known_form(text: str, vocabulary: Vocabulary) -> Form | None:
    """The normal form in which a vocabulary has more of a text's characters than as it is; None if there is none."""
    if not (missing := len(vocabulary.missing(text))):
        return None
    fewer = {
        form: count
        for form in ("NFC", "NFD")
        if (count := len(vocabulary.missing(unicodedata.normalize(form, text)))) < missing
    }
    return min(fewer, key=fewer.__getitem__, default=None)  # type: ignore[arg-type]


def form_of_missing(points: Iterable[int], vocabulary: Vocabulary) -> Form | None:
    """The normal form of a text that would have none of these missing characters: accents, or letters with them."""
    known, missing = set(map(chr, vocabulary.symbols.tolist())), set(map(chr, points))
    if missing <= _parts(known) and any(ord(character) in ACCENTS for character in missing):
        return "NFC"
    return "NFD" if _parts(missing) <= known else None


def _parts(characters: Iterable[str]) -> set[str]:
    return set("".join(unicodedata.normalize("NFD", character) for character in characters))


def has_accents(vocabulary: Vocabulary) -> bool:
    """Whether a vocabulary has combining accents."""
    symbols = vocabulary.symbols
    return bool(np.any((symbols >= ACCENTS.start) & (symbols < ACCENTS.stop)))


def num_composable(text: str) -> int:
    """How many characters fewer a text has when it is composed; 0 where that makes more, as of some Indian letters."""
    return max(0, len(text) - len(unicodedata.normalize("NFC", text)))
