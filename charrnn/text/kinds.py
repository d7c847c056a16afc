"""The kinds of items that a text may consist of, each independent of the others.

An item is a line, such as a name; a record of several lines, such as a recipe; or a document, a file of its own. Each
ends with one character: a newline ends a line, and an ASCII separator that no text has ends a record or a document. So
everything else works on all three alike, and knows of them only that character.
"""

from dataclasses import dataclass

from charrnn.config import CorpusConfig


@dataclass(frozen=True)
class Items:
    """A kind of item."""

    noun: str
    end: str
    """The character that ends one."""
    end_name: str
    """The name of that character in messages."""


LINES = Items("line", "\n", "newline")
RECORDS = Items("record", "\x1e", "record separator")
DOCUMENTS = Items("document", "\x1c", "file separator")
KINDS = {kind.end: kind for kind in (LINES, RECORDS, DOCUMENTS)}


BY_SETTING = {"lines": LINES, "separator": RECORDS, "documents": DOCUMENTS, "field": RECORDS}
"""The kinds by the fields of CorpusConfig that ask for them."""


def asking_setting(config: CorpusConfig) -> str | None:
    """The field of a config that asks for items; None for a running text."""
    return next((name for name in BY_SETTING if getattr(config, name) not in (None, False)), None)


def items_of(config: CorpusConfig) -> Items | None:
    """The kind of items that a corpus consists of; None if it is one running text."""
    name = asking_setting(config)
    return BY_SETTING[name] if name else None


def item_end_of(config: CorpusConfig) -> str | None:
    """The character that ends an item of a corpus; None if it is one running text."""
    kind = items_of(config)
    return kind.end if kind else None


def item_noun(end: str) -> str:
    """The noun for an item with this end: "line"."""
    return KINDS[end].noun if end in KINDS else "item"


def end_name(end: str) -> str:
    """The end of an item in messages: "newline"."""
    return KINDS[end].end_name if end in KINDS else repr(end)
