"""Decoding: from bytes to text, with encodings, byte order marks and newlines. It knows no vocabulary."""

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from typing import NoReturn

from charrnn.config import CorpusConfig
from charrnn.errors import DataError, SettingError, literal
from charrnn.text.formats import START, format_of
from charrnn.text.sources import Notes, TextSource, byte_pieces
from charrnn.wording import escape

PROBE = 1 << 13
"""Bytes at the start of a file that tell text from binary, as git does."""
BINARY = "binary"
"""What a file is that has a NUL byte."""
LOWEST_PART = 0x30
"""Bytes below are no part of a longer character in any of the usual encodings."""
SIGNS = frozenset("£€§°©®«»¡¿–—…‘’“”„·\xa0")
"""The signs beyond ASCII that any language may have."""
ALPHABETS = {
    "cp1252": (
        "àâæçèéêëîïôùûüÿœ",  # French
        "äöüßàé",
        "áéíñóúü",
        "àáâãçéêíóôõúü",  # Portuguese
        "àèéìîòù",
        "àçèéíïòóúü",  # Catalan
        "åäöæøéü",
    ),
    "cp1250": (
        "áčďéěíňóřšťúůýž",
        "áäčďéíĺľňóôŕšťúýž",  # Slovak
        "ąćęłńóśźż",
        "áéíóöőúüű",
        "âăîşţ",
        "čćđšž",  # Croatian
    ),
}
ALPHABETS["iso8859_2"] = ALPHABETS["cp1250"]
"""Lower-case letters beyond ASCII of single languages, under the encodings of such texts, usual ones first."""
WESTERN = SIGNS.union(*(letters + letters.upper() for letters in ALPHABETS["cp1252"]))
"""The characters beyond ASCII of the western European languages: cp1252 is their usual encoding."""
SIGN_IN_WORD = re.compile(r"[^\W\d_][£€§°©®«»¡¿„…][^\W\d_]")
LATIN_SHARE = 0.6
"""Of the letters of a text in Latin script, at most this part is beyond ASCII."""
SNIPPET = 32
"""Decoded characters that show whether an encoding is right."""

MARK = "\ufeff"
"""The byte order mark as a character; inside a text it is what is left of a file that was appended."""
BYTE_ORDER_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class NotTextError(DataError):
    """A source that is no text in the encoding; a folder leaves it out.

    Args:
        message: see `CharrnnError`.
        hint: see `CharrnnError`.
        reason: why, after "it is", with settings as names in braces.
        remedy: what would read it, in the same form.
    """

    def __init__(self, message: str, hint: str = "", reason: str = "", remedy: str = "") -> None:
        super().__init__(message, hint)
        self.reason, self.remedy = reason, remedy

    def because(self, reason: str, remedy: str = "") -> "NotTextError":
        """The error with its reason."""
        self.reason, self.remedy = reason, remedy
        return self


def text_pieces(source: TextSource, config: CorpusConfig, notes: Notes) -> Iterator[str]:
    """The text of a source, a piece at a time: decoded strictly, without byte order mark, with LF as its newline.

    Line ends stay as they are with `config.keep_newlines`.

    Args:
        source: the source.
        config: how it is read.
        notes: gets notes of it.

    Raises:
        NotTextError: the file has a format that is no text, or is binary; or the bytes are not valid in the encoding:
            the message gives the place, the hint an encoding that would fit.
    """
    pieces = byte_pieces(source)
    first = next(pieces, b"")
    encoding, mark = encoding_of(first, config.encoding) if source.is_start else ("utf-8", 0)
    if mark:
        notes.marks.add(encoding.upper())
    if source.is_start:
        refuse_format(first, source.name)
    is_wide = encoding.startswith(("utf-16", "utf-32", "utf_16", "utf_32"))
    if source.is_start and not is_wide:
        refuse_utf16(first, source.name)
    strict = codecs.getincrementaldecoder(encoding)("strict")
    newlines = io.IncrementalNewlineDecoder(None, translate=not config.keep_newlines)
    lines, offset = 0, mark
    for piece in _and_then(first[mark:], pieces):
        if not is_wide and b"\0" in piece:
            _refuse_nul(source, offset + piece.index(0))
        held = len(strict.getstate()[0])
        try:
            text = strict.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            _refuse_encoding(source, encoding, error, offset - len(strict.getstate()[0]), lines)
        except UnicodeError as error:  # idna and the like give no position
            raise DataError(f"{source.name} is not {encoding.upper()}: {error}") from error
        if is_wide and "\0" in text:
            before = text[: text.index("\0")].encode(encoding, "surrogatepass")
            _refuse_nul(source, offset - held + len(before))
        offset += len(piece)
        lines += text.count("\n")
        if config.tidied and MARK in text:
            notes.num_marks += text.count(MARK)
            text = text.replace(MARK, "")
        decoded = newlines.decode(text, final=not piece)
        seen = newlines.newlines
        notes.newlines.update((seen,) if isinstance(seen, str) else seen or ())
        yield decoded


def refuse_format(first: bytes, name: str) -> None:
    """Raise NotTextError if a file that begins with these bytes has a format that is no text."""
    if kind := format_of(first[:START], name):
        hint = kind.reads or literal(kind.hint(name))
        message = literal(f"{name} is {kind.noun}, not a text")
        raise NotTextError.naming(message, hint).because(kind.noun, hint)


def _and_then(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    """All pieces, and an empty one that ends the decoding."""
    if first:
        yield first
    yield from rest
    yield b""


def encoding_of(start: bytes, wanted: str | None) -> tuple[str, int]:
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


def refuse_utf16(first: bytes, name: str) -> None:
    """Raise NotTextError if the bytes at a file's start look like UTF-16 without a byte order mark."""
    if first.startswith(tuple(mark for mark, _ in BYTE_ORDER_MARKS)):
        return
    start = first[:PROBE]
    zeros = [start[k::2].count(0) / max(1, len(start[k::2])) for k in (0, 1)]
    if len(start) >= 4 and max(zeros) > 0.3 and min(zeros) < 0.1:
        encoding = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
        raise NotTextError.naming(
            "{name} has many NUL bytes and looks like UTF-16",
            f"add {{encoding:{encoding}}}",
            name=name,
        ).because("UTF-16 without a mark", f"iconv -f {encoding} -t UTF-8 converts it")


def _refuse_nul(source: TextSource, offset: int) -> NoReturn:
    raise NotTextError.naming(
        "{name} looks binary: a NUL byte at offset {offset:,}",
        "a byte model can read it: {level:byte}",
        name=source.name,
        offset=offset,
    ).because(BINARY, "{level:byte} reads bytes of any kind")


def _refuse_encoding(
    source: TextSource, encoding: str, error: UnicodeDecodeError, base: int, lines: int
) -> NoReturn:
    data = bytes(error.object)
    at = base + error.start
    line = lines + data[: error.start].count(b"\n") + 1
    window = _probe(data, error.start)
    hint, remedy = "name the encoding with {encoding}, or train on bytes with {level:byte}", ""
    if fit := _fitting(window, encoding):
        shown = literal(escape(_snippet(window, fit)))
        hint = f"it may be {fit} ({shown!r}): add {{encoding:{fit}}}; or train on bytes with {{level:byte}}"
        remedy = f"iconv -f {fit} -t UTF-8 converts it, if {shown!r} is right"
    raise NotTextError.naming(
        "{name}: {where} is not {expected}",
        hint,
        name=source.name,
        where=f"byte 0x{data[error.start]:02X} at offset {at:,} (line {line:,})",
        expected=encoding.upper(),
    ).because(f"not {encoding.upper()}", remedy) from None


def _probe(data: bytes, at: int) -> bytes:
    """The bytes around a place, from the beginning of a character to the end of one, as far as spaces show them."""
    before, behind = data[max(0, at - PROBE) : at], data[at : at + PROBE]
    if at > PROBE:
        before = before[next((k for k, byte in enumerate(before, 1) if byte < LOWEST_PART), 0) :]
    if at + PROBE < len(data):
        ends = [k for k, byte in enumerate(behind, 1) if byte < LOWEST_PART]
        behind = behind[: ends[-1]] if ends else behind
    return before + behind


def _fitting(window: bytes, encoding: str) -> str | None:
    """The likeliest encoding of some bytes: the one that makes one language's letters of them, if there is one."""
    from charset_normalizer import from_bytes

    if plausible := next((name for name in ALPHABETS if _in_one_language(window, name)), None):
        return plausible
    found = next((m for cut in range(4) if (m := from_bytes(window[: len(window) - cut]))), None)
    best = found.best() if found else None
    if found is None or best is None:
        return None
    western = any("cp1252" in match.could_be_from_charset for match in found)
    if western and {c for c in window.decode("cp1252", "replace") if not c.isascii()} <= WESTERN:
        return "cp1252"
    if "mac_roman" in best.could_be_from_charset:
        return "mac_roman"
    known = ("utf_8", "ascii", encoding.replace("-", "_"))
    return None if best.encoding in known else str(best.encoding)


def _in_one_language(window: bytes, encoding: str) -> bool:
    """Whether an encoding makes one language's letters of some bytes, and no signs that stand inside words."""
    text = window.decode(encoding, "replace")
    letters = {c for c in text.lower() if not c.isascii()} - SIGNS
    num_letters = sum(map(str.isalpha, text))
    num_beyond = sum(c.isalpha() and not c.isascii() for c in text)
    return (
        0 < num_beyond <= LATIN_SHARE * num_letters
        and any(letters <= set(alphabet) for alphabet in ALPHABETS[encoding])
        and not SIGN_IN_WORD.search(text)
    )


def _snippet(window: bytes, encoding: str) -> str:
    """Some decoded characters around the first one that is not ASCII, on one line."""
    text = window.decode(encoding, "replace")
    at = next((k for k, c in enumerate(text) if not c.isascii()), 0)
    begin = text.rfind("\n", max(0, at - SNIPPET // 2), at) + 1 or max(0, at - SNIPPET // 2)
    return text[begin : begin + SNIPPET].partition("\n")[0]
