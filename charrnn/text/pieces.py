"""The text of a source as a corpus reads it: decoded, and cut into records or documents, a piece at a time.

At level byte every byte is the character of its number, so that everything here is a `str`.
"""

import itertools
from collections.abc import Iterable, Iterator

from charrnn.config import CorpusConfig
from charrnn.errors import DataError
from charrnn.text.decoding import text_pieces
from charrnn.text.kinds import LINES, Items, asking_setting, items_of
from charrnn.text.normal import normalized, normalized_pieces
from charrnn.text.sources import Notes, TextSource, byte_pieces
from charrnn.text.tables import table_kind, values
from charrnn.wording import noun_of


def read_pieces(source: TextSource, config: CorpusConfig, notes: Notes) -> Iterator[str]:
    """The text of a source in pieces, none of them empty; the last item may lack its end.

    Raises:
        DataError: the bytes are not valid in the encoding, or have the character that ends a record or document; or a
            table has no such field.
    """
    kind, pieces = items_of(config), _decoded(source, config, notes)
    if kind and kind != LINES:
        pieces = _without(kind, source, pieces, config)
        is_table, end = _is_table(source, config), kind.end
        pieces = joined(pieces, end) if is_table else ended(pieces, _separator(config), end)
    return (piece for piece in pieces if piece)


def _is_table(source: TextSource, config: CorpusConfig) -> bool:
    return config.field is not None and table_kind(source) is not None


def _decoded(source: TextSource, config: CorpusConfig, notes: Notes) -> Iterator[str]:
    """The text of a source in pieces, or the values of a table's field."""
    if _is_table(source, config):
        found = (normalized(value, config.normalize) for value in values(source, config, notes))
        return found if config.level == "char" else map(_as_bytes, found)
    if config.level == "byte":
        return (piece.decode("latin-1") for piece in byte_pieces(source))
    pieces = text_pieces(source, config, notes)
    return normalized_pieces(pieces, config.normalize) if config.normalize else pieces


def _as_bytes(text: str) -> str:
    """A text whose characters stand for the bytes of UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def as_text(piece: str, config: CorpusConfig) -> str:
    """A piece as a text: at level byte the text whose bytes its characters stand for."""
    if config.level == "char":
        return piece
    return piece.encode("latin-1").decode("utf-8", "surrogateescape")


def as_read(text: str, config: CorpusConfig) -> str:
    r"""A text as a model reads it: running text as it is; of lines, records or documents those that are not empty.

        "emma\n\nava"  ->  "emma\nava\n"      each line is ended by a newline, each record by a record separator

    Args:
        text: the text.
        config: how the model's corpus was read.

    Raises:
        DataError: it has nothing but empty lines, records or documents.
    """
    kind = items_of(config)
    if kind is None:
        return text
    if kind != LINES:
        text = "".join(ended([text], config.separator, kind.end))
    made = without_empty(text + kind.end, kind.end)
    if text and not made:
        raise DataError(f"the text has only empty {kind.noun}s")
    return made


ONLY_BLANKS = "only blanks and ends of lines"
"""What a text has that nothing can be learned from or measured on."""


def require_more_than_blanks(text: str) -> None:
    """Raise DataError if a text has only blanks and ends of lines: its score would say nothing."""
    if text.isspace():
        raise DataError(f"there is nothing to score: the text has {ONLY_BLANKS}")


def without_empty(text: str, end: str) -> str:
    """A text of items without the empty ones; the last may lack its end."""
    *ended_ones, last = text.split(end)
    return "".join(item + end for item in ended_ones if item) + last


def _separator(config: CorpusConfig) -> str | None:
    """The separator as the pieces have it."""
    if config.separator is None or config.level == "char":
        return config.separator
    return _as_bytes(config.separator)


def _without(
    kind: Items, source: TextSource, pieces: Iterable[str], config: CorpusConfig
) -> Iterator[str]:
    """The pieces, which must not have the character that is to end an item."""
    setting, is_byte = asking_setting(config), config.level == "byte"
    unit = noun_of(config.level)
    end = f"0x{ord(kind.end):02X}" if is_byte else f"U+{ord(kind.end):04X}"
    for piece in pieces:
        if kind.end in piece:
            raise DataError.naming(
                f"{{name}} has the {unit} {end}, which charrnn uses to end a {kind.noun}",
                f"leave out {{{setting}}}, or remove the {unit}",
                name=source.name,
            )
        yield piece


def ended(pieces: Iterable[str], separator: str | None, end: str) -> Iterator[str]:
    r"""A text with `end` in place of each separator and the newlines around it.

        "cake\n\n\nsoup\n", "\n\n"  ->  "cake\x1esoup"      no item begins or ends with a newline, and none is empty

    Args:
        pieces: the text.
        separator: the text that stands between two items; None: there is one item.
        end: the character that ends one.
    """
    undecided = len(separator) - 1 if separator else 0
    held, begun, wants_end = "", False, False
    for piece in itertools.chain(pieces, [None]):
        text = held + (piece or "")
        parts = text.split(separator) if separator else [text]
        made: list[str] = []
        for number, part in enumerate(parts):
            if number:
                wants_end, begun = wants_end or begun, False
            is_last = number == len(parts) - 1
            # what a separator or a line end that is still to come may take away is held back
            known = part[: max(0, len(part) - undecided)] if is_last and piece is not None else part
            shown = known.rstrip("\n")
            held = part[len(shown) :] if is_last else ""
            shown = shown if begun else shown.lstrip("\n")
            if shown:
                made += [end, shown] if wants_end else [shown]
                begun, wants_end = True, False
        yield "".join(made)


def joined(items: Iterable[str], end: str) -> Iterator[str]:
    """Items with `end` between them, without the newlines around them, and without the empty ones."""
    begun = False
    for item in items:
        if shown := item.strip("\n"):
            yield end + shown if begun else shown
            begun = True
