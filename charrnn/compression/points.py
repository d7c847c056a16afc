"""Coding the code points or bytes of a text, one after another, with the predictions of a model.

Encoding and decoding take the same steps in the same order; only the coder knows which of them it is.

At level byte every byte is a symbol. At level char the text is decoded as UTF-8, with a lone surrogate for each byte
that is not valid, so that any bytes can be restored. A character that the model does not know is announced by the
model's unknown symbol or, without one, by an escape, and its code point follows. The probabilities of an escape and of
the bytes of such code points are estimated from those coded so far.

The first symbol of a running text is coded as if all were equally likely: no model has predicted it.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from charrnn.compression.coder import Coder
from charrnn.exact.arithmetic import integer_odds
from charrnn.numerics import Float, softmax
from charrnn.text.vocabulary import NOT_IN_VOCABULARY, Vocabulary, code_points

ESCAPES, OTHERS = 0.5, 64.0
"""Pseudocounts of escaped and of other characters, before the text begins."""
PLANES, BYTES = 17, 256
"""Number of values of the parts of a code point: its plane, and two bytes."""
LAST_POINT = 0x10FFFF


class Stepping(Protocol):
    """What compression needs of a model."""

    vocabulary: Vocabulary
    fingerprint: str

    def initial_state(self) -> Any:
        """The state before any symbol, of one stream."""

    def step(self, ids: Any, state: Any) -> tuple[Any, Any, Any]:
        """The logits (V,) after a symbol, the state after it, and anything else."""


def points_of(content: bytes, vocabulary: Vocabulary) -> Any:
    """Bytes as code points, or at level byte as they are, (T,)."""
    if vocabulary.level == "byte":
        return np.frombuffer(content, np.uint8)
    return code_points(content.decode("utf-8", "surrogateescape"))


def num_bytes_of(point: int, level: str) -> int:
    """The bytes that a code point came from."""
    if level == "byte" or point < 0x80 or 0xDC80 <= point < 0xDD00:
        return 1
    return 2 if point < 0x800 else 3 if point < 0x10000 else 4


def content_of(points: list[int], level: str) -> bytes:
    """The bytes of code points; the inverse of `points_of`.

    Raises:
        ValueError: no bytes have these code points.
    """
    if level == "byte":
        return bytes(points)
    return "".join(map(chr, points)).encode("utf-8", "surrogateescape")


class Expectation:
    """The predictions of a model while it reads symbols.

    Args:
        model: the model.
        item_end: the symbol that ends an item, after which the state is reset; None: the state is carried throughout.
    """

    def __init__(self, model: Stepping, item_end: int | None) -> None:
        self._model, self._item_end = model, item_end
        self._is_exact = getattr(model, "is_exact", False)
        self._state = model.initial_state()
        self._logits: Any = np.zeros(len(model.vocabulary), np.float32)
        if item_end is not None:
            self._logits, self._state, _ = model.step(item_end, self._state)
        self._start = self._logits, self._state

    @property
    def p(self) -> Any:
        """The probability of each symbol, (V,)."""
        if self._is_exact:
            whole = integer_odds(self._logits)
            return whole / whole.sum()
        return softmax(np.asarray(self._logits, np.float64))

    def read(self, symbol: int) -> None:
        """Read the next symbol."""
        if symbol == self._item_end:
            self._logits, self._state = self._start
        else:
            self._logits, self._state, _ = self._model.step(symbol, self._state)


class PointCoder:
    """Codes code points, or bytes, with the predictions of a model.

    Args:
        coder: encodes or decodes.
        model: the model.
        item_end: see `Expectation`.
    """

    def __init__(self, coder: Coder, model: Stepping, item_end: int | None) -> None:
        vocabulary = model.vocabulary
        self._coder, self._expected = coder, Expectation(model, item_end)
        self._points = vocabulary.symbols.tolist()
        self._unknown = len(self._points)
        """The symbol that announces a code point: the model's own, or the escape, which the model never reads."""
        self._has_escape = vocabulary.level == "char" and not vocabulary.has_unknown
        self._p: Float = np.empty(len(vocabulary) + self._has_escape, np.float32)
        self._num_read = self.num_unknown = 0
        self._parts = [np.full(size, 1 / size, np.float32) for size in (PLANES, BYTES, BYTES)]

    def code(self, symbol: int = 0, point: int = 0) -> int:
        """Code the next code point.

        Args:
            symbol: its symbol, or NOT_IN_VOCABULARY; a decoder ignores it.
            point: the code point; a decoder ignores it.

        Returns:
            The code point that was coded.
        """
        if symbol == NOT_IN_VOCABULARY:
            symbol = self._unknown
        symbol = self._coder.code(self._distribution(), symbol)
        self._num_read += 1
        if symbol < self._unknown:
            self._expected.read(symbol)
            known: int = self._points[symbol]
            return known
        self.num_unknown += 1
        if not self._has_escape:
            self._expected.read(symbol)
        return self._code_unknown(point)

    def _distribution(self) -> Float:
        """The probability of each symbol, and last of the escape, if there is one."""
        p = self._expected.p
        if not self._has_escape:
            self._p[:] = p
            return self._p
        escape = (self.num_unknown + ESCAPES) / (self._num_read + ESCAPES + OTHERS)
        self._p[:-1] = p * (1 - escape)
        self._p[-1] = escape
        return self._p

    def _code_unknown(self, point: int) -> int:
        """Code a code point by its parts, each with the frequencies so far."""
        parts = (point >> 16, point >> 8 & 0xFF, point & 0xFF)
        coded = 0
        for counts, part in zip(self._parts, parts, strict=True):
            read = self._coder.code(counts, part)
            counts[read] += 1
            coded = coded << 8 | read
        return coded


def code_all(points: Any, coder: PointCoder, vocabulary: Vocabulary) -> Iterator[int]:
    """Encode code points, (T,); each is handed on when it is coded."""
    ids = vocabulary.lookup(points).tolist()
    for symbol, point in zip(ids, points.tolist(), strict=True):
        yield coder.code(symbol, point)


def decode_all(length: int, coder: PointCoder, level: str) -> Iterator[int]:
    """Decode the code points of `length` bytes."""
    while length > 0:
        point = coder.code()
        length -= num_bytes_of(point, level)
        yield point
