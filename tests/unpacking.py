"""A page's packed arrays, undone as slowly as the format is defined."""

import base64
import zlib

import numpy as np

DIGITS = [chr(c) for c in range(33, 127) if chr(c) not in '"<\\']


def unpack(packed):
    """The array: of each two characters thirteen bits, of these so many bytes, zlib; or base64."""
    if "base64" in packed:
        return np.frombuffer(base64.b64decode(packed["base64"]), "<" + packed["type"])
    numbers = [DIGITS.index(letter) for letter in packed["data"]]
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    bits = "".join(f"{91 * high + low:013b}" for high, low in pairs)
    data = bytes(int(bits[8 * k : 8 * k + 8], 2) for k in range(packed["size"]))
    return np.frombuffer(zlib.decompress(data), "<" + packed["type"])


def sorted_places(ids):
    """The places by what is read backwards from them, eight symbols of it."""
    ids = list(ids)
    return sorted(range(len(ids)), key=lambda t: (ids[max(0, t - 7) : t + 1][::-1], t))


def values_of(data):
    """The values (U, T) of a page's units."""
    if "values" in data:
        return unpack(data["values"]).reshape(-1, data["length"])
    ids, differences, counts = (
        unpack(data[key]).tolist() for key in ("ids", "differences", "counts")
    )
    kinds = iter(differences)
    streams = [iter([next(kinds) for _ in range(count)]) for count in counts]
    assert next(kinds, None) is None
    values = np.zeros((len(differences) // len(ids), len(ids)), np.int8)
    levels = data["levels"]
    order = sorted_places(ids)
    for row in values:
        one = two = 0
        for t in order:
            kind = [(level + levels) * 16 // levels for level in (one, two)]
            difference = next(streams[33 * kind[0] + kind[1]])
            one, two = (one + difference + 128) % 256 - 128, one
            row[t] = one
    return values
