"""The corpus of what a user names: files, folders, corpora of the catalog, and sources that are there already."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from charrnn.config import CorpusConfig
from charrnn.temporaries import remove_stale_temporaries
from charrnn.text.catalog import DOWNLOADED, PYTHON, PYTHON_CHARS, find_sources
from charrnn.text.corpus import read_corpus
from charrnn.text.encoding.text import Watch
from charrnn.text.numbering import ENCODED
from charrnn.text.pairs import read_pairs
from charrnn.text.sources import Notes, Part, TextSource, in_memory
from charrnn.text.vocabulary import Vocabulary

HOMELESS = Path("/.cache/charrnn").absolute()
"""The cache of a user without a home folder, such as one in a container without a name."""


def user_cache() -> Path:
    """The per-user folder for downloads and encoded corpora."""
    from platformdirs import user_cache_path

    try:
        folder = user_cache_path("charrnn")
    except RuntimeError:  # by platformdirs 4.14; earlier versions give a folder called ~
        folder = Path("~")
    return folder if folder.is_absolute() else HOMELESS


def open_corpus(
    texts: Sequence[str | TextSource],
    config: CorpusConfig,
    *,
    stdin: Callable[[], TextSource],
    expand: Callable[[Sequence[str]], list[str]] = list,
    cache: Path | None = None,
    progress: Callable[[str], Any] | None = None,
    vocabulary: Vocabulary | None = None,
    extend: bool = False,
    hint: str = "",
    say: Callable[[str], object] = lambda _: None,
) -> Any:
    """Read texts, one after another, into a Corpus, or a PairCorpus that is still to be aligned; see `read_corpus`.

    Args:
        texts: names, as `find_sources` takes them, and sources.
        config: how they are read.
        stdin: gives the source for the name `-`.
        expand: puts the files that match a pattern in its place.
        cache: the folder for downloads and large corpora; None: that of the user.
        progress: makes a bar for a download (see `charrnn.text.catalog.fetch`), or for the encoding of a large text.
        vocabulary: numbers the characters; None: one is made from the texts.
        extend: whether the characters that it lacks are added to it.
        hint: what a user can do if it lacks some.
        say: receives a sentence when a large text is encoded.
    """
    cache, notes = cache or user_cache(), Notes()
    for part in (DOWNLOADED, ENCODED):
        remove_stale_temporaries(cache / part)

    def found(name: str, part: Part = "train") -> list[TextSource]:
        sources = find_sources(
            expand([name]),
            config,
            cache=cache,
            notes=notes,
            stdin=stdin,
            progress=progress,
            defer=not config.pairs,
        )
        return [s if s.part == part else dataclasses.replace(s, part=part) for s in sources]

    sources: list[TextSource] = []
    for text in texts:
        sources += [text] if isinstance(text, TextSource) else found(text)
    # max_chars bounds the training text only: a stream of the other parts must end by itself
    own: list[tuple[Part, str | None]] = [("val", config.val_file), ("test", config.test_file)]
    sources += [in_memory(source) for part, name in own if name for source in found(name, part)]
    if config.vectors:
        from charrnn.text.vectors import read_vector_pairs

        return read_vector_pairs(sources, config, notes)
    if config.pairs:
        return read_pairs(sources, config, notes)
    return read_corpus(
        sources,
        bounded(texts, config),
        cache=cache,
        notes=notes,
        vocabulary=vocabulary,
        extend=extend,
        hint=hint,
        watch=Watch(say, progress),
    )


def bounded(texts: Sequence[str | TextSource], config: CorpusConfig) -> CorpusConfig:
    """The config, with the usual maximum length of the known corpus that has one."""
    is_python = list(texts) == [PYTHON.name] and not Path(PYTHON.name).exists()
    if is_python and config.max_chars is None:
        return dataclasses.replace(config, max_chars=PYTHON_CHARS)
    return config
