"""The text files of a folder."""

import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path

from charrnn.config import CorpusConfig
from charrnn.errors import DataError
from charrnn.text.decoding import PROBE, looks_binary, text_pieces
from charrnn.text.sources import Notes, TextSource, file_source


def folder_sources(folder: Path, config: CorpusConfig, notes: Notes) -> list[TextSource]:
    """The text files of a folder, in the order of their paths.

    Links to folders are not followed; .git, binary files and files that are not in the encoding are left out and counted
    in `notes`.

    Raises:
        DataError: no file is left.
    """
    paths = [p for p in _walk(folder, notes) if _matches(p.relative_to(folder), config.globs)]
    in_order = sorted(paths, key=lambda p: p.relative_to(folder).parts)
    sources = [source for path in in_order if (source := _text_file(path, config, notes))]
    if not sources:
        raise DataError.naming(
            "no text file in {folder} matches {patterns}",
            "choose files with {globs:'*.txt'}",
            folder=folder,
            patterns=" ".join(config.globs) or "*",
        )
    return sources


def _walk(folder: Path, notes: Notes) -> Iterator[Path]:
    """All files of a folder but those in .git, in any order."""

    def count_unreadable(_: OSError) -> None:
        notes.skipped["unreadable"] += 1

    for root, folders, files in os.walk(folder, onerror=count_unreadable):
        if ".git" in folders:
            folders.remove(".git")
            notes.skipped[".git folder"] += 1
        yield from (Path(root, name) for name in files)


def _matches(path: Path, globs: tuple[str, ...]) -> bool:
    def matches(pattern: str) -> bool:
        return fnmatch.fnmatch(path.name, pattern) or fnmatch.fnmatch(path.as_posix(), pattern)

    taken = [g for g in globs if not g.startswith("!")] or ["*"]
    left_out = [g[1:] for g in globs if g.startswith("!")]
    return any(map(matches, taken)) and not any(map(matches, left_out))


def _text_file(path: Path, config: CorpusConfig, notes: Notes) -> TextSource | None:
    """The source of a file in a folder, or None if it is not readable text, which `notes` counts."""
    if not path.is_file():
        notes.skipped["neither file nor folder"] += 1
        return None
    try:
        source = file_source(path)
        with source.open() as file:
            start = file.read(PROBE)
        if config.level == "char" and looks_binary(start, config.encoding):
            notes.skipped["binary"] += 1
            return None
        for _ in text_pieces(source, config, Notes()) if config.level == "char" else ():
            pass
    except DataError as error:
        notes.skipped[
            "not in the encoding" if " at offset " in error.message else "unreadable"
        ] += 1
        return None
    return source
