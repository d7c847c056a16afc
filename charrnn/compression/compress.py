"""Compressing bytes with the predictions of a model, and restoring them.

Predictions are computed in floating point, and a decoder needs exactly the numbers of the encoder: sums differ in their
last bits between processors, thread counts and versions of NumPy. Both sides use one thread and one stream. A probe in
the file, the checks of `charrnn.compression.coder` and the checksum of the original turn other numbers into an error,
never into another text.
"""

import functools
import hashlib
import platform
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from typing import Any

import numpy as np

from charrnn.compression.coder import Decoder, Encoder, OtherNumbersError, other_numbers
from charrnn.compression.container import Packed, checksum_of, pack, unpack
from charrnn.compression.points import (
    PointCoder,
    Stepping,
    code_all,
    content_of,
    decode_all,
    num_bytes_of,
    points_of,
)
from charrnn.errors import CheckpointError, UsageError
from charrnn.settings import require
from charrnn.text.kinds import item_end_of
from charrnn.threads import libraries, threads_of_products

PROBED = 64
"""Number of symbols in the fixed opening that the probe reads."""
REPORTED = 256
"""Symbols after which progress is reported."""
MACHINE = ("charrnn", "NumPy", "processor", "matrix products for", "constriction")
"""What the last bits of predictions depend on: versions, the processor and its matrix products."""
Progress = Callable[[int], object]
"""Called with the number of bytes of the original that were just coded."""


def compress(
    model: Any,
    content: bytes,
    *,
    item_end: str | None = None,
    progress: Progress | None = None,
) -> bytes:
    """Compress any bytes; a text like those that the model was trained on becomes small.

    Args:
        model: a LanguageModel, or any object with `vocabulary`, `fingerprint`, `initial_state` and `step`.
        content: the bytes.
        item_end: the character after which the state is reset; None: as the model was trained, according to its
            `reading`; carried if it has none.
        progress: called with the number of bytes that were just coded.

    Returns:
        The content of a compressed file, for `decompress`.

    Raises:
        UsageError: the model's units are edited, or it is a model of pairs.
        CheckpointError: the predictions overflow, as they do when a model's weights are enormous.

    Example:
        charrnn.compress(model, b"To be, or not to be")
    """
    _require_bytes(content)
    if not hasattr(model, "initial_state"):
        raise UsageError("compression needs a language model")
    if getattr(model, "edits", ()):
        raise UsageError("compression does not support edited units")
    end = _end_symbol(model, item_end)
    with threads_of_products(1):
        encoder = Encoder()
        coder = PointCoder(encoder, model, end)
        points = points_of(content, model.vocabulary)
        coded = code_all(points, coder, model.vocabulary)
        deque(_reported(coded, model.vocabulary.level, progress), maxlen=0)
        packed = Packed(
            fingerprint_of(model),
            _probe(model, end),
            len(content),
            checksum_of(content),
            machine(),
            encoder.words(),
        )
    return pack(packed)


def decompress(
    model: Any,
    content: bytes,
    *,
    item_end: str | None = None,
    name: str = "the data",
    progress: Progress | None = None,
) -> bytes:
    """Restore the bytes that `compress` was given.

    Args:
        model: the model that they were compressed with.
        content: what `compress` returned.
        item_end: as for `compress`.
        name: the name of the content in messages.
        progress: called with the number of bytes that were just decoded.

    Raises:
        DataError: the content is truncated, damaged or was not written by `compress`.
        CheckpointError: they were compressed with another model.
        EnvironmentFault: this machine computes other numbers than the one that compressed them.
    """
    _require_bytes(content)
    packed = unpack(content, name)
    require_model(model, packed, name)
    end = _end_symbol(model, item_end)
    try:
        with threads_of_products(1):
            made = _decoded(model, packed, end, progress)
    except (OtherNumbersError, ValueError) as error:  # a ValueError: of points that no bytes have
        raise _refusal(packed, name) from error
    return made


def _require_bytes(content: object) -> None:
    require(isinstance(content, bytes | bytearray), "content", "bytes", type(content).__name__)


def _decoded(
    model: Stepping, packed: Packed, item_end: int | None, progress: Progress | None
) -> bytes:
    """The original.

    Raises:
        OtherNumbersError: it cannot be decoded with the numbers of this machine.
        ValueError: the decoded code points do not come from any bytes, for the same reason.
    """
    if _probe(model, item_end) != packed.probe:
        raise other_numbers()
    decoder = PointCoder(Decoder(packed.words), model, item_end)
    level = model.vocabulary.level
    decoded = decode_all(packed.length, decoder, level)
    made = content_of([*_reported(decoded, level, progress)], level)
    if checksum_of(made) != packed.checksum:
        raise other_numbers()
    return made


def require_model(model: Stepping, packed: Packed, name: str) -> None:
    """Raise CheckpointError unless a text was compressed with this model."""
    if (here := fingerprint_of(model)) != packed.fingerprint:
        raise CheckpointError(
            f"{name} was compressed with another model: its fingerprint is {packed.fingerprint}, "
            f"that of this model {here}",
            "charrnn decompress without --model looks for the right one under checkpoints/",
        )


def fingerprint_of(model: Any) -> str:
    """The fingerprint of a model, 16 hexadecimal digits; with counts it differs from that of the network alone."""
    counts = getattr(model, "counts", None)
    if counts is None:
        alone: str = model.fingerprint
        return alone
    digest = hashlib.sha256(f"{model.fingerprint} {counts.table.order} {counts.w}".encode())
    for name, array in sorted(counts.arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()[:16]


@functools.cache
def machine() -> str:
    """This machine: a word for each of MACHINE."""
    shown: Any = np.show_config(mode="dicts")
    simd = shown.get("SIMD Extensions", {})
    instructions = [*simd.get("baseline", ()), *simd.get("found", ())] or [platform.machine()]
    blas = [info for info in libraries().info() if info["user_api"] == "blas"]
    kernels = [info.get("architecture", info["internal_api"]) for info in blas] or ["none"]
    packages = map(version, ("charrnn", "numpy"))
    words = (*packages, instructions[-1], kernels[0], version("constriction"))
    return " ".join("".join(word.split()) for word in words)[:255]


def _refusal(packed: Packed, name: str) -> OtherNumbersError:
    """The error for a file that was compressed with other numbers."""
    there, here = packed.machine, machine()
    other = "" if here == there else f"; this one has {_in_words(here)}"
    return OtherNumbersError(
        f"{name} cannot be decompressed here: the model's predictions differ from those that it was compressed with",
        f"decompress it where it was compressed, on a machine with {_in_words(there)}{other}",
    )


def _in_words(computed: str) -> str:
    """A result of `machine`, for a message."""
    words = computed.split()
    if len(words) != len(MACHINE):
        return computed
    return ", ".join(f"{what} {word}" for what, word in zip(MACHINE, words, strict=True))


def _reported(points: Iterable[int], level: str, progress: Progress | None) -> Iterator[int]:
    """Code points, or bytes, as they are coded, with a report now and then."""
    done = 0
    for number, point in enumerate(points, 1):
        yield point
        done += num_bytes_of(point, level)
        if progress and number % REPORTED == 0:
            progress(done)
            done = 0


def _end_symbol(model: Any, item_end: str | None) -> int | None:
    """The symbol after which the state is reset, or None."""
    reading = getattr(model, "reading", None)
    if item_end is None and reading:
        item_end = item_end_of(reading)
    return None if item_end is None else int(model.vocabulary.encode(item_end)[0])


def _probe(model: Stepping, item_end: int | None) -> int:
    """A checksum, 32 bits, of the probabilities and the coder's words for a fixed opening on this machine."""
    encoder = Encoder()
    coder = PointCoder(encoder, model, item_end)
    for k in range(PROBED):
        coder.code(k * 31 % len(model.vocabulary))
    return zlib.crc32(encoder.words(), encoder.crc)
