"""Classes of characters as a byte model spells them: which bytes may begin, continue and end a character of a class.

Every character belongs to one class; class NONE is never wanted.

Source: The Unicode Standard, table 3-7 (well-formed UTF-8 byte sequences).
"""

import numpy as np
import numpy.typing as npt

from charrnn.numerics import Mask

NONE = 0
"""The class of characters that are never wanted, and of byte sequences that are not characters."""
CONTINUATION = 0x80
"""The first continuation byte; there are 64 of them."""
SURROGATES = (0xD800, 0xE000)
END = 0x110000

SCALARS: npt.NDArray[np.uint32] = np.concatenate(
    [np.arange(SURROGATES[0], dtype="<u4"), np.arange(SURROGATES[1], END, dtype="<u4")]
)
"""Every code point that UTF-8 can encode."""


def character_length(lead: int) -> int:
    """The length in bytes of a character whose first byte this is: 1 to 4, or 0 if there is none."""
    for length, first, last in ((1, 0, 0x7F), (2, 0xC2, 0xDF), (3, 0xE0, 0xEF), (4, 0xF0, 0xF4)):
        if first <= lead <= last:
            return length
    return 0


class CharacterBytes:
    """The bytes that spell characters of given classes.

    Args:
        classes: the class of each of SCALARS.
        num_classes: C, with NONE.
    """

    def __init__(self, classes: npt.NDArray[np.int32], num_classes: int) -> None:
        self._num_classes = num_classes
        self._classes = np.full(5 << 18, NONE, np.int32)  # by code point, to the end of F4's
        self._classes[SCALARS] = classes
        self._cached: dict[bytes, Mask] = {}
        self._first = np.zeros((256, num_classes), bool)
        self._first[np.arange(128), self._classes[:128]] = True
        for lead in range(128, 256):
            if character_length(lead):
                self._first[lead] = self._within(bytes([lead])).any(axis=0)

    def possible(self, begun: bytes, wanted: Mask) -> Mask:
        """The bytes, (256,), that may come next if the character must be of a wanted class.

        Args:
            begun: the first bytes of the character; empty before its first.
            wanted: the wanted classes, (C,).
        """
        wanted = wanted.copy()
        wanted[NONE] = False
        if not begun:
            return self._first @ wanted
        mask = np.zeros(256, bool)
        mask[CONTINUATION : CONTINUATION + 64] = self._within(begun) @ wanted
        return mask

    def read(self, begun: bytes, byte: int) -> tuple[bytes, int | None]:
        """Add a byte to a begun character: its bytes and None, or if it is complete no bytes and its class."""
        whole = begun + bytes([byte])
        if len(whole) < character_length(whole[0]):
            return whole, None
        try:
            return b"", int(self._classes[ord(whole.decode())])
        except UnicodeDecodeError:
            return b"", NONE

    def _within(self, begun: bytes) -> Mask:
        """The classes that each of the 64 continuation bytes can lead to, (64, C)."""
        if begun in self._cached:
            return self._cached[begun]
        length = character_length(begun[0])
        value = begun[0] & (0x7F >> length)
        for byte in begun[1:]:
            value = value << 6 | byte & 0x3F
        size = 64 ** (length - len(begun))
        block = self._classes[value * size : (value + 1) * size].reshape(64, -1)
        within = np.zeros((64, self._num_classes), bool)
        within[np.arange(64)[:, None], block] = True
        overlong = {b"\xe0": 0xA0, b"\xf0": 0x90}.get(begun, CONTINUATION)
        within[: overlong - CONTINUATION] = False
        if len(begun) == 1:  # few, and slow to make
            self._cached[begun] = within
        return within
