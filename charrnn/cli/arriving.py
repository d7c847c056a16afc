"""The lines, records or documents of a file, or of a stream as soon as they are there."""

import codecs
import io
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from charrnn.errors import DataError, UsageError
from charrnn.text.waiting import reading

if TYPE_CHECKING:
    from charrnn.config import CorpusConfig
    from charrnn.text.kinds import Items
    from charrnn.text.sources import TextSource

PIECE = 1 << 19
"""Bytes of a file that are read at once."""
LONGEST = 1 << 28
"""Characters of the longest line, record or document."""


@dataclass(frozen=True)
class Lines:
    """Lines that can be read once."""

    name: str
    is_live: bool
    """Whether they are being written while they are read, and each is to be answered."""
    _open: Callable[[], AbstractContextManager[Callable[[], bytes]]]
    _source: "TextSource | None" = None
    """The file, if it can be read again."""

    def lists(self, config: "CorpusConfig") -> Iterator[list[str]]:
        """The lines without their ends, as many at a time as are there.

        Bytes that are no UTF-8 become surrogates, which no model of characters knows.

        Args:
            config: how they are read; see `charrnn.runs.reading_of`.

        Raises:
            DataError: they cannot be read.
        """
        from charrnn.text.normal import normalized

        for lines in self._lists(config):
            yield [normalized(line, config.normalize) for line in lines]

    def _lists(self, config: "CorpusConfig") -> Iterator[list[str]]:
        """The lines as they are written."""
        from charrnn.text.kinds import LINES, RECORDS, items_of
        from charrnn.text.pieces import ended

        if self._source and config.field is not None:
            yield from _cut(_values(self._source, config), RECORDS, self.name)
            return
        kind = items_of(config) or LINES
        try:
            with self._open() as read:
                texts = _decoded(iter(read, b""), config, self.name)
                if kind != LINES:
                    texts = ended(texts, config.separator, kind.end)
                yield from _cut(texts, kind, self.name)
        except OSError as error:
            raise DataError(f"cannot read {self.name!r}: {error.strerror or error}") from error


def open_lines(names: Sequence[str], config: "CorpusConfig") -> list[Lines]:
    """The lines of texts; see `charrnn.cli.inputs.find_texts`.

    Raises:
        DataError: a file is missing, or cannot be read.
        UsageError: standard input is closed.
    """
    from charrnn.cli.inputs import expanded, find_texts, require_files
    from charrnn.text.sources import is_pipe

    require_files(names)
    lines: list[Lines] = []
    for name in expanded(names):
        if name == "-" and config.field is None and not _is_redirected():
            lines.append(_stdin_lines())
        elif is_pipe(path := Path(name)):
            opened = partial(_Opened, partial(io.FileIO, path))
            lines.append(Lines(name, is_live=True, _open=opened))
        else:
            lines += map(_source_lines, find_texts([name], config))
    return lines


def _source_lines(source: "TextSource") -> Lines:
    return Lines(source.name, False, partial(_Opened, source.open), source)


def _stdin_lines() -> Lines:
    if sys.stdin is None:
        raise UsageError("standard input is closed", "pipe lines in: tail -f log | charrnn ...")
    stdin = sys.stdin.buffer
    return Lines("standard input", is_live=True, _open=lambda: nullcontext(reading(stdin, PIECE)))


def _is_redirected() -> bool:
    """Whether standard input is a file, which is all there."""
    return sys.stdin is not None and stat.S_ISREG(os.fstat(sys.stdin.fileno()).st_mode)


class _Opened(AbstractContextManager[Any]):
    """A file that is closed in the end, as a function that reads it."""

    def __init__(self, opened: Callable[[], IO[bytes]]) -> None:
        self._open = opened

    def __enter__(self) -> Callable[[], bytes]:
        self._file = self._open()
        return reading(self._file, PIECE)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _decoded(pieces: Iterator[bytes], config: "CorpusConfig", name: str) -> Iterator[str]:
    """The text of pieces of bytes, with line endings converted or kept as in the model's corpus.

    Raises:
        NotTextError: they are a file in a format that is no text.
    """
    from charrnn.cli.inputs import without_training_hint
    from charrnn.text.decoding import refuse_format, refuse_utf16

    first = next(pieces, b"")
    if config.level == "byte":
        decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
    else:
        refuse_format(first, name)
        try:
            refuse_utf16(first, name)
        except DataError as error:
            raise without_training_hint(error) from error
        decode = _decoder(first, keep_newlines=config.keep_newlines)
    yield decode(first)
    for piece in pieces:
        yield decode(piece)
    yield decode(b"", final=True)


def _decoder(start: bytes, *, keep_newlines: bool) -> Callable[..., str]:
    """The function that decodes a text that begins with these bytes, which may have a byte order mark."""
    from charrnn.text.decoding import BYTE_ORDER_MARKS

    marked = next((name for mark, name in BYTE_ORDER_MARKS if start.startswith(mark)), "utf-8")
    encoding = "utf-8-sig" if marked == "utf-8" else marked.removesuffix("-le").removesuffix("-be")
    errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    return io.IncrementalNewlineDecoder(decoder, translate=not keep_newlines).decode


def _values(source: "TextSource", config: "CorpusConfig") -> Iterator[str]:
    """The values of a table's column or key, each ended as a record."""
    from charrnn.text.pieces import as_text, read_pieces
    from charrnn.text.sources import Notes

    yield from (as_text(piece, config) for piece in read_pieces(source, config, Notes()))


def _cut(texts: Iterator[str], kind: "Items", name: str) -> Iterator[list[str]]:
    """The lines that are complete after each piece of a text; at the end the last, if nothing ends it.

    Raises:
        DataError: one of them has no end within LONGEST characters.
    """
    rest: list[str] = []
    length = 0
    for text in texts:
        if kind.end in text:
            first, *lines, last = text.split(kind.end)
            yield ["".join((*rest, first)), *lines]
            rest, length = [last], len(last)
        else:
            rest.append(text)
            length += len(text)
        if length > LONGEST:
            raise DataError(f"{name} has a {kind.noun} of more than {LONGEST:,} characters")
    if last := "".join(rest):
        yield [last]
