"""A range coder for symbols with given probabilities, with checks that both sides compute the same ones.

The coder is constriction's, which gives every symbol a probability of at least 2^-24, so that any can be coded. It is
given float64: in float32 its sums may be rounded up, and then nothing is left for the last symbol.

An encoder and a decoder are used in the same way: `code` takes the symbol to encode, which the decoder ignores, and
returns the symbol that was coded.

Each side keeps a CRC-32 of the probabilities that it was given. Every CHECK_EVERY symbols 16 bits of it are coded too,
so that a decoder notices soon when it computes other probabilities.
"""

import zlib
from typing import Any, Protocol

import numpy as np

from charrnn.errors import CheckpointError, EnvironmentFault
from charrnn.numerics import Float

CHECK_EVERY = 1 << 15
"""Symbols between two checks."""
CHECK_BYTES = 2
"""Bytes of a check: however certain a model is, its words grow by these."""
_CHECK_SIZE = 1 << 8 * CHECK_BYTES
"""Number of values that a check can have."""


class OtherNumbersError(EnvironmentFault):
    """The probabilities are not those that a text was compressed with."""


def other_numbers() -> OtherNumbersError:
    """The error, without the name of the file, which only the caller knows."""
    return OtherNumbersError("the model's predictions are not the numbers of the encoder")


class Coder(Protocol):
    """One side of a range coder."""

    crc: int
    """The CRC-32 of all probabilities so far."""

    def code(self, p: Float, symbol: int = 0) -> int:
        """Code a symbol.

        Args:
            p: the probabilities, (V,) in float32, V at least 2; they need not sum to 1.
            symbol: the symbol to encode.

        Returns:
            The symbol that was coded.
        """


class _Checked:
    """What both sides share: the running check."""

    def __init__(self) -> None:
        import constriction

        self.crc = 0
        self._count = 0
        self._categorical = constriction.stream.model.Categorical
        self._check = constriction.stream.model.Uniform(_CHECK_SIZE)

    def _distribution(self, p: Float) -> Any:
        """The coder's distribution; the running check includes the probabilities."""
        self.crc = zlib.crc32(p.data, self.crc)
        self._count += 1
        try:
            return self._categorical(p.astype(np.float64), lazy=True)
        except ValueError as error:
            raise CheckpointError(
                "the model's predictions are not finite: its weights are too large"
            ) from error

    @property
    def _is_due(self) -> bool:
        return self._count % CHECK_EVERY == 0

    @property
    def _check_value(self) -> int:
        return self.crc % _CHECK_SIZE


class Encoder(_Checked):
    """The side that writes."""

    def __init__(self) -> None:
        import constriction

        super().__init__()
        self._encoder = constriction.stream.queue.RangeEncoder()

    def code(self, p: Float, symbol: int = 0) -> int:
        """Encode a symbol; see `Coder`."""
        self._encoder.encode(symbol, self._distribution(p))
        if self._is_due:
            self._encoder.encode(self._check_value, self._check)
        return symbol

    def words(self) -> bytes:
        """All that was encoded."""
        words: bytes = self._encoder.get_compressed().astype("<u4").tobytes()
        return words


class Decoder(_Checked):
    """The side that reads.

    Args:
        words: what an encoder wrote.
    """

    def __init__(self, words: bytes) -> None:
        import constriction

        super().__init__()
        numbers = np.frombuffer(words, "<u4").astype(np.uint32)
        self._decoder = constriction.stream.queue.RangeDecoder(numbers)

    def code(self, p: Float, symbol: int = 0) -> int:  # noqa: ARG002 (see Coder)
        """Decode a symbol; see `Coder`.

        Raises:
            OtherNumbersError: the probabilities are not those of the encoder.
        """
        try:
            read: int = self._decoder.decode(self._distribution(p))
            if self._is_due and self._decoder.decode(self._check) != self._check_value:
                raise other_numbers()
        except AssertionError as error:  # constriction's, of words that no encoder writes
            raise other_numbers() from error
        return read
