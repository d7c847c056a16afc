"""Graphemes: the symbols of a text that a reader takes for one character.

A letter with its accents, the two letters of a flag, the members of a family and what joins them, the bytes of a
character: each of these symbols has values of its own and so cells of its own, but a line is not broken between them.
"""

from collections.abc import Sequence

from wcwidth import iter_graphemes


class Graphemes:
    """Finds where graphemes begin in a text that comes in parts (Unicode Standard Annex 29, extended clusters)."""

    def __init__(self) -> None:
        self._last = ""
        """The last grapheme, which the next part may continue."""
        self._is_within = False
        """Whether the last part ended within the bytes of a character."""

    def begins(self, pieces: Sequence[str]) -> list[bool]:
        """Whether a grapheme begins with each of the next symbols.

        Args:
            pieces: what each symbol adds to the text; at level byte empty until a character is whole. A part that ends
                within a character has no beginning there, because it is not known yet.
        """
        text = "".join(pieces)
        is_first = self._first_characters(text)
        if len(text) == len(pieces) and all(pieces) and not self._is_within:
            return is_first
        begins, place, first = [False] * len(pieces), 0, None if self._is_within else 0
        for k, piece in enumerate(pieces):
            if not piece:
                continue
            if first is not None:
                begins[first] = is_first[place]
            place, first = place + len(piece), k + 1
        self._is_within = bool(pieces) and not pieces[-1]
        return begins

    def _first_characters(self, text: str) -> list[bool]:
        """Whether a grapheme begins with each character of the next part of the text."""
        known = self._last + text
        if known.isascii() and "\r\n" not in known:
            self._last = known[-1:]
            return [True] * len(text)
        clusters = list(iter_graphemes(known))
        is_first = [k == 0 for cluster in clusters for k in range(len(cluster))]
        beginning = len(self._last)
        if clusters:
            self._last = clusters[-1]
        return is_first[beginning:]
