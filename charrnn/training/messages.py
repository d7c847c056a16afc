"""Messages between ranks: a call with its arguments as bytes. Arrays are sent as they are, the rest as JSON.

call and arguments  ->  length of the header (8 bytes), header (JSON), arrays
"""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

LENGTH = 8
"""Bytes of the header's length."""


def packed(call: str, arguments: Mapping[str, Any]) -> bytes:
    """A message: the name of a call, and its arguments: numbers, texts, arrays, and tuples and dicts of these."""
    arrays: list[Any] = []
    header = json.dumps([call, {n: _described(v, arrays) for n, v in arguments.items()}]).encode()
    return b"".join(
        [len(header).to_bytes(LENGTH, "little"), header, *(a.tobytes() for a in arrays)]
    )


def unpacked(message: bytes) -> tuple[str, dict[str, Any]]:
    """The call and the arguments of a message."""
    begin = LENGTH + int.from_bytes(message[:LENGTH], "little")
    call, arguments = json.loads(message[LENGTH:begin])
    place = _Place(message, begin)
    return call, {name: _value(described, place) for name, described in arguments.items()}


class _Place:
    """Where the next array of a message begins."""

    def __init__(self, message: bytes, at: int) -> None:
        self.message, self.at = message, at

    def array(self, dtype: str, shape: list[int]) -> Any:
        """The next array."""
        count = math.prod(shape)
        found = np.frombuffer(self.message, dtype, count, self.at).reshape(shape)
        self.at += found.nbytes
        return found.copy()  # torch wants arrays that can be written


def _described(value: Any, arrays: list[Any]) -> Any:
    """A value as JSON; its arrays are added to the list."""
    if isinstance(value, np.ndarray):
        arrays.append(np.ascontiguousarray(value))
        return {"array": value.dtype.str, "shape": value.shape}
    if isinstance(value, dict):
        return {"dict": {name: _described(part, arrays) for name, part in value.items()}}
    if isinstance(value, (tuple, list)):
        kind = type(value).__name__ if hasattr(value, "_fields") else ""
        return {"tuple": [_described(part, arrays) for part in value], "kind": kind}
    return value


def _value(described: Any, place: _Place) -> Any:
    """The value that `_described` described."""
    if not isinstance(described, dict):
        return described
    if "array" in described:
        return place.array(described["array"], described["shape"])
    if "dict" in described:
        return {name: _value(part, place) for name, part in described["dict"].items()}
    parts = tuple(_value(part, place) for part in described["tuple"])
    return _kinds()[described["kind"]](*parts) if described["kind"] else parts


def _kinds() -> dict[str, Any]:
    """The named tuples that messages have, by name."""
    from charrnn.network.encoder import Shorter
    from charrnn.training.pairs.alignments.ctc import CtcTargets
    from charrnn.training.pairs.inputs import PairInputs

    return {kind.__name__: kind for kind in (CtcTargets, PairInputs, Shorter)}
