"""The file of a compressed text: a header, and the words of the range coder.

    magic        4 bytes   AB 52 4E 4E
    version      1
    CRC-32       4         of everything after it
    fingerprint  8         the model's
    probe        4         a checksum of the predictions for a fixed opening
    length       8         bytes of the original
    checksum     8         the first bytes of the original's SHA-256
    machine      1 + n     the length of an ASCII text, and the text: versions and processor
    words                  32 bits each

All numbers are big-endian, the coder's words little-endian. Nothing here needs a model.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass

from charrnn.compression.coder import CHECK_BYTES, CHECK_EVERY
from charrnn.errors import DataError

MAGIC = b"\xabRNN"
VERSION = 1
_START = struct.Struct(">4sBI")
_FIELDS = struct.Struct(">8sIQ8sB")
FIXED_BYTES = _START.size + _FIELDS.size
"""Bytes of a header without the text of its machine."""
SLACK = 4
"""Checks by which the words may end sooner than the symbols."""
DAMAGED = "copy the file again"


@dataclass(frozen=True)
class Packed:
    """A compressed text."""

    fingerprint: str
    """That of the model, 16 hexadecimal digits."""
    probe: int
    """A checksum of the predictions for a fixed opening, 32 bits."""
    length: int
    """Bytes of the original."""
    checksum: bytes
    """The original's; see `checksum_of`."""
    machine: str
    """Versions and processor, in ASCII, at most 255 characters."""
    words: bytes
    """The range coder's."""

    @property
    def header_bytes(self) -> int:
        """Size of the header: all bytes of the file but the coder's words."""
        return FIXED_BYTES + len(self.machine)


def checksum_of(content: bytes) -> bytes:
    """The first 8 bytes of SHA-256."""
    return hashlib.sha256(content).digest()[:8]


def pack(packed: Packed) -> bytes:
    """The content of the file of a compressed text."""
    machine = packed.machine.encode("ascii")
    fingerprint = bytes.fromhex(packed.fingerprint)
    fields = (fingerprint, packed.probe, packed.length, packed.checksum, len(machine))
    rest = _FIELDS.pack(*fields) + machine + packed.words
    return _START.pack(MAGIC, VERSION, zlib.crc32(rest)) + rest


def unpack(content: bytes, name: str = "the data") -> Packed:
    """The compressed text in a file.

    Args:
        content: all of the file.
        name: the name of the file in messages.

    Raises:
        DataError: the file was not written by `compress`, is of a later version, truncated or damaged.
    """
    if not content.startswith(MAGIC):
        if content and MAGIC.startswith(content):
            raise DataError(f"{name} is truncated: it has only {len(content)} bytes", DAMAGED)
        raise DataError(f"{name} was not written by charrnn compress")
    if len(content) < FIXED_BYTES:
        raise DataError(f"{name} is truncated: it has only {len(content)} bytes", DAMAGED)
    _, version, check = _START.unpack_from(content)
    if version > VERSION:
        raise DataError(
            f"{name} was written by a later charrnn (format {version}; this one reads {VERSION})",
            "read it with a charrnn as new as the one that wrote it",
        )
    rest = content[_START.size :]
    if version != VERSION or zlib.crc32(rest) != check:
        raise DataError(f"{name} is truncated or damaged: its checksum does not match", DAMAGED)
    fingerprint, probe, length, checksum, size = _FIELDS.unpack_from(rest)
    machine, words = rest[_FIELDS.size :][:size], rest[_FIELDS.size + size :]
    symbols = CHECK_EVERY * (len(words) // CHECK_BYTES + SLACK)
    if not machine.isascii() or len(machine) < size or len(words) % 4 or length > 4 * symbols:
        raise DataError(f"{name} is damaged: its fields contradict each other", DAMAGED)
    return Packed(fingerprint.hex(), probe, length, checksum, machine.decode(), words)
