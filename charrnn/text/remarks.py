"""What a user should know of the sources of a corpus, in sentences, with settings as names in braces.

`charrnn.text.advice` knows the corpus that was made of them.
"""

from collections.abc import Sequence

from charrnn.config import CorpusConfig
from charrnn.errors import literal
from charrnn.text.formats import START, format_of
from charrnn.text.kinds import items_of
from charrnn.text.sources import Notes, TextSource, byte_pieces
from charrnn.text.tables import ITSELF, field_names, table_kind
from charrnn.wording import counted, escape, listed

SEVERAL, SMALL = 5, 2000
"""Files from which on, and their mean size in characters below which, each is better read as a separate text."""


def source_remarks(
    sources: Sequence[TextSource], config: CorpusConfig, notes: Notes, total: int
) -> list[str]:
    """The remarks on sources that were read.

    Args:
        sources: what was read.
        config: how it was read.
        notes: what was noted on the way.
        total: the characters of all sources.
    """
    sentences = notes.sentences(keep_newlines=config.keep_newlines)
    if items_of(config) is None:
        sentences += _on_tables(sources, config)
        if notes.num_read > 1 and config.tidied:
            sentences.append(_on_boundaries(notes, total))
    sentences += on_packed(sources, config)
    if notes.truncated:
        sentences.append(
            f"the first {counted(total, 'character')} were read: {{max_chars}} sets another limit"
        )
    return sentences


def _on_tables(sources: Sequence[TextSource], config: CorpusConfig) -> list[str]:
    """What fields a table has, although all of it is read as a running text."""
    for source in sources:
        names = field_names(source, config)
        if not names or (len(names) == 1 and table_kind(source) == "csv"):  # a list of words
            continue
        table = f"{source.name} is read as one running text"
        if len(names) == 1 and (names[0] == ITSELF or names[0].isidentifier()):
            noun = "string" if names[0] == ITSELF else names[0]
            return [f"{literal(table)}; {{field:{names[0]}}} reads each {noun} as a separate text"]
        choice = f"reads one of {listed([escape(name) for name in names])}, each value as a separate text"
        return [f"{literal(table)}; {{field:NAME}} {literal(choice)}"]
    return []


def on_packed(sources: Sequence[TextSource], config: CorpusConfig) -> list[str]:
    """Which sources hold a text, but packed, so that a model of bytes finds nothing in them; others refuse them."""
    if config.level != "byte":
        return []
    starts = ((source.name, next(byte_pieces(source), b"")) for source in sources)
    return [remark for name, start in starts if (remark := remark_on_packed(name, start))]


def remark_on_packed(name: str, start: bytes) -> str:
    """The remark on a file that begins with these bytes; empty if it is not packed text."""
    kind = format_of(start[:START], name)
    if not (kind and kind.packs):
        return ""
    return literal(f"{name} is {kind.noun}, whose bytes are packed text; {kind.hint(name)}")


def _on_boundaries(notes: Notes, total: int) -> str:
    """What stands between the files of a running text, and what else may stand there."""
    added = f", added to {notes.num_ended:,} that had none" if notes.num_ended else ""
    sentence = f"{notes.num_read:,} files joined, each ended by a newline{added}"
    if notes.num_read >= SEVERAL and total < SMALL * notes.num_read:
        sentence += "; {documents} treats each of these small files as a separate text"
    return sentence
