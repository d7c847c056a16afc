"""Arrays packed into text, with few characters, all of them safe in a page.

A packed array is `{"type": "i1" | "i2" | "u2" | "u4", "size": bytes, "data": text}`: little-endian numbers, zlib
(RFC 1950) to that many bytes, and those written 13 bits at a time as two of 91 characters, the first of them worth 91.
The characters are all of printable ASCII but the space, `"`, `<` and the backslash, so that the text is safe in JSON
in a script element.

The values of units are most of a page, and look like noise. But after the same characters they are alike. So each
unit's values are sorted by the characters before them, and each is replaced by its difference from the previous one.
The distribution of a difference depends on the two values before it: differences after similar pairs are put together,
so that zlib finds a code for each kind of pair.
"""

import base64
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

CHARACTERS = np.array([c for c in range(0x21, 0x7F) if chr(c) not in '"<\\'], np.uint8)
BITS = 13
"""Bits in two characters: 91 * 91 is a little more than 1 << 13."""
CONTEXT = 8
"""Number of symbols by which places are sorted."""
COARSE = 16
"""Levels on each side of zero that distinguish kinds of pairs; a divisor of all numbers of levels."""
KINDS = 2 * COARSE + 1
"""Kinds of a single value; pairs have the square of this."""
MAX_SORTED = 64
"""Units whose pairs are sorted together, to bound memory."""

Packed = dict[str, str | int]
"""A packed array, as it is in the JSON."""


def pack(numbers: npt.NDArray[Any], strategy: int = zlib.Z_DEFAULT_STRATEGY) -> Packed:
    """An array packed into text: int8 and int16 keep their type, others, never negative, become uint16 or uint32."""
    if numbers.dtype not in (np.dtype("i1"), np.dtype("<i2")):
        small = not numbers.size or int(numbers.max()) < 1 << 16
        numbers = numbers.astype("<u2" if small else "<u4")
    packer = zlib.compressobj(6, strategy=strategy)
    data = packer.compress(np.ascontiguousarray(numbers).tobytes()) + packer.flush()
    return {"type": numbers.dtype.str.lstrip("<|"), "size": len(data), "data": _written(data)}


def unpacked(numbers: npt.NDArray[Any]) -> Packed:
    """An array in base64, with its own type: larger, and ready at once."""
    little = numbers.astype(numbers.dtype.newbyteorder("<"), copy=False)
    data = np.ascontiguousarray(little).tobytes()
    return {"type": little.dtype.str.lstrip("<|"), "base64": base64.b64encode(data).decode("ascii")}


def _written(data: bytes) -> str:
    """Bytes as the characters of a packed array."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    thirteens = np.pad(bits, (0, -len(bits) % BITS)).reshape(-1, BITS)
    numbers = np.packbits(np.pad(thirteens, ((0, 0), (16 - BITS, 0))), axis=1).view(">u2")
    pairs = np.divmod(numbers.ravel(), len(CHARACTERS))
    return str(CHARACTERS[np.stack(pairs, axis=1)].tobytes(), "ascii")


def pack_values(values: npt.NDArray[np.int8], ids: npt.NDArray[Any], levels: int) -> dict[str, Any]:
    """The values of units as `differences`, grouped by the kind of pair before them, and the `counts` of each kind.

    Args:
        values: (U, T) the level of each unit at each place, from -`levels` to `levels`.
        ids: (T,) the symbols.
        levels: the levels on each side of zero: a multiple of COARSE below 128.
    """
    order = by_context(ids)
    streams: list[list[npt.NDArray[np.int8]]] = [[] for _ in range(KINDS * KINDS)]
    counts = np.zeros(len(streams), np.int64)
    for start in range(0, len(values), MAX_SORTED):
        some = np.pad(values[start : start + MAX_SORTED, order], ((0, 0), (2, 0)))  # (u, 2 + T)
        coarse = (some.astype(np.int16) + levels) // (levels // COARSE)
        kinds = (KINDS * coarse[:, 1:-1] + coarse[:, :-2]).ravel()
        sizes = np.bincount(kinds, minlength=len(streams))
        differences = np.diff(some[:, 1:]).ravel()  # modulo 256
        sorted_by_kind = differences[np.argsort(kinds, kind="stable")]
        pieces = np.split(sorted_by_kind, sizes.cumsum()[:-1])
        for stream, piece in zip(streams, pieces, strict=True):
            stream.append(piece)
        counts += sizes
    differences = np.concatenate([piece for stream in streams for piece in stream])
    return {"differences": pack(differences, zlib.Z_RLE), "counts": pack(counts)}


def by_context(ids: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """The places (T,) of a text, sorted by their last CONTEXT symbols, the most recent first.

    Before the text counts as a symbol less than any; equal places keep their order.
    """
    padded = np.concatenate([np.full(CONTEXT - 1, -1), ids])
    return np.lexsort([padded[k : k + len(ids)] for k in range(CONTEXT)])
