"""Which texts are encoded in the cache: those of large files, and of many."""

from collections.abc import Sequence
from pathlib import Path

from charrnn.config import CorpusConfig
from charrnn.text.encoding.text import SILENT, LargeText, Watch
from charrnn.text.folders import LARGE, MANY, checked
from charrnn.text.sources import Notes, TextSource

LONGEST_CHARACTER = 4
"""Bytes of a character in UTF-8, at most."""


def large_text(
    sources: Sequence[TextSource],
    config: CorpusConfig,
    cache: Path,
    notes: Notes,
    watch: Watch = SILENT,
) -> LargeText | None:
    """The text of sources, encoded in the cache, if it is large; None: it is to be read each time.

    Args:
        sources: the sources; those that are no whole files cannot be known again.
        config: how they are read.
        cache: the user's cache.
        notes: gets what is noted of the reading.
        watch: how the encoding is shown.
    """
    if not is_large(sources, config):
        return None
    from charrnn.text.numbering import ENCODED

    return LargeText(sources, config, cache / ENCODED, notes, watch)


def is_large(sources: Sequence[TextSource], config: CorpusConfig) -> bool:
    """Whether these sources are files with a text that is better encoded once than read each time."""
    paths = [source.path for source in sources if source.path]
    if len(paths) < len(sources) or not paths:
        return False
    if config.max_chars is not None and config.max_chars * LONGEST_CHARACTER < LARGE:
        return False
    if len(paths) >= MANY:
        return True
    try:
        return sum(Path(path).stat().st_size for path in paths) >= LARGE
    except OSError:
        return False


def small_sources(
    sources: Sequence[TextSource], config: CorpusConfig, notes: Notes
) -> list[TextSource]:
    """The sources of a text that is read each time, without those that a folder leaves out."""
    return [kept for source in sources if (kept := checked(source, config, notes))]
