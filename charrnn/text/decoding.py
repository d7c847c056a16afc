"""Decoding: from bytes to text, with encodings, byte order marks and newlines. It knows no vocabulary."""

import codecs
import io
from collections.abc import Iterable, Iterator
from typing import NoReturn

from charrnn.config import CorpusConfig
from charrnn.errors import DataError, SettingError
from charrnn.text.sources import Notes, TextSource, byte_pieces

PROBE = 1 << 13
"""Bytes at the start of a file that tell text from binary, as git does."""

BYTE_ORDER_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def looks_binary(start: bytes, encoding: str | None = None) -> bool:
    """Whether a file that begins with these bytes is binary: they have a NUL, and are not UTF-16 or UTF-32."""
    return b"\0" in start and not _encoding_of(start, encoding)[0].startswith(("utf-16", "utf-32"))


def text_pieces(source: TextSource, config: CorpusConfig, notes: Notes) -> Iterator[str]:
    """The text of a source, a piece at a time: decoded strictly, without byte order mark, with LF as its newline.

    Line ends stay as they are with `config.keep_newlines`.

    Raises:
        DataError: the bytes are not valid in the encoding; the message gives the place, the hint one that would fit.
    """
    pieces = byte_pieces(source)
    first = next(pieces, b"")
    encoding, mark = _encoding_of(first, config.encoding)
    if mark:
        notes.marks.add(encoding.upper())
    if encoding == "utf-8" and b"\0" in first[:PROBE]:
        _refuse_binary(source, first)
    strict = codecs.getincrementaldecoder(encoding)("strict")
    newlines = io.IncrementalNewlineDecoder(None, translate=not config.keep_newlines)
    lines, offset = 0, mark
    for piece in _and_then(first[mark:], pieces):
        try:
            text = strict.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            _refuse_encoding(source, encoding, error, offset - len(strict.getstate()[0]), lines)
        except UnicodeError as error:  # idna and the like give no position
            raise DataError(f"{source.name} is not {encoding.upper()}: {error}") from error
        offset += len(piece)
        lines += text.count("\n")
        decoded = newlines.decode(text, final=not piece)
        seen = newlines.newlines
        notes.newlines.update((seen,) if isinstance(seen, str) else seen or ())
        yield decoded


def _and_then(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    """All pieces, and an empty one that ends the decoding."""
    if first:
        yield first
    yield from rest
    yield b""


def _encoding_of(start: bytes, wanted: str | None) -> tuple[str, int]:
    """The encoding to read with, and the length of the byte order mark to skip."""
    name = wanted and _plain_name(wanted)
    for mark, marked in BYTE_ORDER_MARKS:
        if start.startswith(mark) and (name is None or _same_family(name, marked)):
            return marked, len(mark)
    return name or "utf-8", 0


def _plain_name(encoding: str) -> str:
    """Python's own name of an encoding: "U8" -> "utf-8"."""
    try:
        # unlike lookup, it refuses base64 and others that give no text
        io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        return codecs.lookup(encoding).name
    except (LookupError, ValueError) as error:
        raise SettingError.naming(
            "unknown encoding {name!r}", "for example {encoding:cp1252}", name=encoding
        ) from error


def _same_family(name: str, marked: str) -> bool:
    """Whether an encoding is the one that a byte order mark names, up to its byte order."""
    family = marked.removesuffix("-le").removesuffix("-be")
    return name.removesuffix("-sig") in (marked, family)


def _refuse_binary(source: TextSource, start: bytes) -> NoReturn:
    zeros = [start[k::2].count(0) / max(1, len(start[k::2])) for k in (0, 1)]
    if max(zeros) > 0.3 and min(zeros) < 0.1:
        encoding = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
        raise DataError.naming(
            "{name} has many NUL bytes and looks like UTF-16",
            f"add {{encoding:{encoding}}}",
            name=source.name,
        )
    raise DataError.naming(
        "{name} looks binary: a NUL byte at offset {offset:,}",
        "a byte model can read it: {level:byte}",
        name=source.name,
        offset=start.index(0),
    )


def _refuse_encoding(
    source: TextSource, encoding: str, error: UnicodeDecodeError, base: int, lines: int
) -> NoReturn:
    from charset_normalizer import from_bytes

    data = bytes(error.object)
    at = base + error.start
    line = lines + data[: error.start].count(b"\n") + 1
    window = data[max(0, error.start - PROBE) : error.start + PROBE]
    guess = from_bytes(window).best()
    hint = "name the encoding with {encoding}, or train on bytes with {level:byte}"
    if guess and guess.encoding not in ("utf_8", "ascii", encoding.replace("-", "_")):
        fit = guess.encoding
        hint = f"it may be {fit}: add {{encoding:{fit}}}; or train on bytes with {{level:byte}}"
    raise DataError.naming(
        "{name}: {where} is not {expected}",
        hint,
        name=source.name,
        where=f"byte 0x{data[error.start]:02X} at offset {at:,} (line {line:,})",
        expected=encoding.upper(),
    ) from None
