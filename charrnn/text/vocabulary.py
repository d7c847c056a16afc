"""Symbols and their ids: characters in code point order, or the 256 bytes.

A vocabulary knows nothing of files or networks. If rare characters were set aside, one unknown symbol stands for all of
them: it has the last id, is read like any other, and is never generated.
"""

import codecs
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from charrnn.config import Level
from charrnn.errors import DataError
from charrnn.numerics import Ids
from charrnn.wording import counted, escape, listed

UNKNOWN_TEXT = "\N{REPLACEMENT CHARACTER}"
"""The text of the unknown symbol, and of bytes that are not valid UTF-8."""

NOT_IN_VOCABULARY = -1
"""The id of a character that a vocabulary without an unknown symbol lacks."""

BLOCK = 1 << 18
"""Characters of a long text that are processed at once."""


def code_points(text: str) -> npt.NDArray[np.uint32]:
    """The code points of a text: "hé" -> [104, 233]. A lone surrogate is let through; no vocabulary has one."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))


def blocks(text: str) -> Iterator[str]:
    """A text in blocks of BLOCK characters, which can be processed in little memory."""
    return (text[start : start + BLOCK] for start in range(0, len(text), BLOCK))


class Vocabulary:
    """A two-way mapping between symbols and ids.

    Args:
        level: `char` or `byte`.
        symbols: the characters' code points, each once, in rising order; 0 to 255 at level byte.
        has_unknown: whether one more symbol stands for all other characters.
    """

    def __init__(self, level: Level, symbols: Sequence[int], *, has_unknown: bool = False) -> None:
        self.level = level
        self.symbols = np.asarray(symbols, dtype=np.uint32)
        self.has_unknown = has_unknown
        assert np.all(self.symbols[1:] > self.symbols[:-1])
        assert level == "char" or len(self.symbols) == 256

    @classmethod
    def of_bytes(cls) -> "Vocabulary":
        """The vocabulary of every byte model."""
        return cls("byte", range(256))

    def __len__(self) -> int:
        """The number of symbols V, with the unknown symbol if there is one."""
        return len(self.symbols) + self.has_unknown

    @property
    def unknown_id(self) -> int | None:
        """The id of the unknown symbol, or None."""
        return len(self.symbols) if self.has_unknown else None

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """The smallest of uint8, uint16 and uint32 that holds every id."""
        return np.dtype(np.min_scalar_type(max(len(self) - 1, 0)))

    @cached_property
    def _table(self) -> npt.NDArray[np.int32]:
        """Ids by code point; the last entry is for all code points beyond the largest known."""
        missing = NOT_IN_VOCABULARY if self.unknown_id is None else self.unknown_id
        table = np.full(int(self.symbols[-1]) + 2, missing, np.int32)
        table[self.symbols] = np.arange(len(self.symbols))
        return table

    def extended(self, points: npt.ArrayLike, *, has_unknown: bool = False) -> "Vocabulary":
        """This vocabulary with more characters, all in code point order; an unknown symbol stays last.

        Args:
            points: code points; those that it already has change nothing.
            has_unknown: whether it gets an unknown symbol, if it has none.
        """
        if self.level == "byte":
            return self
        symbols = np.union1d(self.symbols, np.asarray(points, np.uint32)).tolist()
        return Vocabulary("char", symbols, has_unknown=has_unknown or self.has_unknown)

    def lookup(self, points: Ids) -> npt.NDArray[np.int32]:
        """The ids of code points (or bytes); without an unknown symbol, NOT_IN_VOCABULARY for those it lacks."""
        last = np.uint32(len(self._table) - 1)  # wider than the bytes it is compared with
        ids: npt.NDArray[np.int32] = self._table[np.minimum(points, last)]
        return ids

    def id_of(self, character: str) -> int | None:
        """The id of a character that is a single symbol; None if the vocabulary lacks it."""
        points = self.points(character)
        known = len(points) == 1 and bool(np.isin(points, self.symbols).all())
        return int(self.lookup(points)[0]) if known else None

    def points(self, text: str) -> Ids:
        """A text as code points, or as UTF-8 bytes at level byte.

        Raises:
            DataError: at level byte, it has a lone surrogate that stands for no byte.
        """
        if self.level == "char":
            return code_points(text)
        try:
            return np.frombuffer(text.encode("utf-8", "surrogateescape"), np.uint8)
        except UnicodeEncodeError as error:
            raise DataError(f"UTF-8 has no {name_characters(text[error.start])}") from error

    def encode(self, text: str) -> npt.NDArray[np.int32]:
        """The ids of a text.

        Raises:
            DataError: it has characters that the vocabulary lacks; they are named with their code points.
        """
        ids = self.lookup(self.points(text))
        missing = self.missing(text)
        if missing:
            raise DataError(
                f"not among the model's {counted(len(self), 'character')}: {name_characters(missing)}"
            )
        return ids

    def missing(self, text: str) -> list[str]:
        """The characters of a text that the vocabulary lacks, each once, in order of appearance.

        Always empty with an unknown symbol, as which all of them are read.
        """
        if self.level == "byte" or self.has_unknown:
            return []
        missing: dict[str, None] = {}
        for block in blocks(text):
            known = self.lookup(code_points(block)) != NOT_IN_VOCABULARY
            if not known.all():
                missing |= dict.fromkeys(c for c, k in zip(block, known, strict=True) if not k)
        return list(missing)

    def decode(self, ids: npt.ArrayLike) -> str:
        """The text of ids; invalid UTF-8 and the unknown symbol become U+FFFD."""
        numbers = np.asarray(ids, dtype=np.int64)
        if self.level == "byte":
            return numbers.astype(np.uint8).tobytes().decode("utf-8", "replace")
        with_unknown = np.append(self.symbols, np.uint32(ord(UNKNOWN_TEXT)))
        return with_unknown[numbers].astype("<u4").tobytes().decode("utf-32-le")

    def shown(self, symbol: int) -> str:
        """A symbol as text; a byte that is not a character in hexadecimal, "c3"."""
        if self.level == "byte":
            return chr(symbol) if symbol < 128 else f"{symbol:02x}"
        return UNKNOWN_TEXT if symbol == self.unknown_id else chr(int(self.symbols[symbol]))

    def decoder(self, errors: str = "replace") -> Callable[[int], str]:
        """A function from each id in turn to the text that it completes.

        At level byte the text is empty until the last byte of a character; `errors` says what becomes of bytes that are
        no UTF-8, in Python's way.
        """
        if self.level == "byte":
            incremental = codecs.getincrementaldecoder("utf-8")(errors)
            single_bytes = [bytes([b]) for b in range(256)]
            return lambda symbol: incremental.decode(single_bytes[symbol])
        return [*map(chr, self.symbols.tolist()), UNKNOWN_TEXT].__getitem__


def name_characters(characters: Sequence[str], most: int = 8) -> str:
    """Characters with code points and names, safe to print: "é (U+00E9 LATIN SMALL LETTER E WITH ACUTE)"."""
    codes = [f"U+{ord(c):04X} {unicodedata.name(c, '')}".rstrip() for c in characters]
    named = [f"{escape(c)} ({code})" for c, code in zip(characters, codes, strict=True)]
    return listed(named, most)
