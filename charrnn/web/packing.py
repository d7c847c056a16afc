"""Arrays as text, in as few characters as are safe in a page.

A packed array is `{"type": "i1" | "i2" | "u2" | "u4", "size": bytes, "data": text}`: little-endian numbers, zlib
(RFC 1950) of that many bytes, and their bits in thirteens, each as two of 91 characters, the first of them worth 91. The
characters are all of printable ASCII but the space, `"`, `<` and the backslash, so that the text may stand in JSON, and
that in a script element.

The values of units are nearly all of a page, and look like noise. But where the same characters led to two places, the
values there are alike. So each unit's values are taken in the order of what led to them, and of each the difference
from the one before it is kept. How differences are spread depends on the two values before: those after like pairs
stand together, so that zlib finds a code for each kind.
"""

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

CHARACTERS = np.array([c for c in range(0x21, 0x7F) if chr(c) not in '"<\\'], np.uint8)
BITS = 13
"""In two characters: 91 * 91 is a little more than 1 << 13."""
CONTEXT = 8
"""Symbols that places are sorted by."""
COARSE = 16
"""Levels on each side of zero that tell the kinds of pairs apart: a divisor of all that values may have."""
KINDS = 2 * COARSE + 1
TOGETHER = 64
"""Units whose pairs are sorted together."""

Packed = dict[str, str | int]


def pack(numbers: npt.NDArray[Any], strategy: int = zlib.Z_DEFAULT_STRATEGY) -> Packed:
    """An array as text; but for `i1` and `i2`, numbers are never negative, and take two bytes or four."""
    if numbers.dtype not in (np.dtype("i1"), np.dtype("<i2")):
        small = not numbers.size or int(numbers.max()) < 1 << 16
        numbers = numbers.astype("<u2" if small else "<u4")
    packer = zlib.compressobj(6, strategy=strategy)
    data = packer.compress(np.ascontiguousarray(numbers).tobytes()) + packer.flush()
    return {"type": numbers.dtype.str.lstrip("<|"), "size": len(data), "data": _written(data)}


def _written(data: bytes) -> str:
    """Bytes in the characters of a packed array."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    thirteens = np.pad(bits, (0, -len(bits) % BITS)).reshape(-1, BITS)
    numbers = np.packbits(np.pad(thirteens, ((0, 0), (16 - BITS, 0))), axis=1).view(">u2")
    pairs = np.divmod(numbers.ravel(), len(CHARACTERS))
    return str(CHARACTERS[np.stack(pairs, axis=1)].tobytes(), "ascii")


def pack_values(values: npt.NDArray[np.int8], ids: npt.NDArray[Any], levels: int) -> dict[str, Any]:
    """The values of units, as `differences` and how many there are of each kind of pair before them, `counts`.

    Args:
        values: of each unit at each place, (U, T), whole numbers from -`levels` to `levels`.
        ids: of the symbols, (T,).
        levels: on each side of zero, a multiple of COARSE, under 128.
    """
    order = by_context(ids)
    streams: list[list[npt.NDArray[np.int8]]] = [[] for _ in range(KINDS * KINDS)]
    counts = np.zeros(len(streams), np.int64)
    for start in range(0, len(values), TOGETHER):
        some = np.pad(values[start : start + TOGETHER, order], ((0, 0), (2, 0)))  # (u, 2 + T)
        coarse = (some.astype(np.int16) + levels) // (levels // COARSE)
        kinds = (KINDS * coarse[:, 1:-1] + coarse[:, :-2]).ravel()
        found = np.bincount(kinds, minlength=len(streams))
        differences = np.diff(some[:, 1:]).ravel()  # modulo 256
        sorted_by_kind = differences[np.argsort(kinds, kind="stable")]
        pieces = np.split(sorted_by_kind, found.cumsum()[:-1])
        for stream, piece in zip(streams, pieces, strict=True):
            stream.append(piece)
        counts += found
    differences = np.concatenate([piece for stream in streams for piece in stream])
    return {"differences": pack(differences, zlib.Z_RLE), "counts": pack(counts)}


def by_context(ids: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """The places (T,) of a text, sorted by their symbols, of equals by the symbols before, and so on, CONTEXT of them.

    Before the text there is none, which is less than any; of places that are equal the first comes first.
    """
    padded = np.concatenate([np.full(CONTEXT - 1, -1), ids])
    return np.lexsort([padded[k : k + len(ids)] for k in range(CONTEXT)])
