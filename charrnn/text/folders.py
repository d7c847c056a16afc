"""The text files of a folder."""

import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path

from charrnn.config import CorpusConfig
from charrnn.errors import DataError
from charrnn.text.decoding import NotTextError, text_pieces
from charrnn.text.sources import Notes, TextSource, file_source, unreadable

UNREADABLE = "unreadable"


def folder_sources(folder: Path, config: CorpusConfig, notes: Notes) -> list[TextSource]:
    """The text files of a folder, in the order of their paths.

    Links to folders are not followed; .git, binary files and files that are not in the encoding are left out and
    named in `notes`.

    Raises:
        DataError: it cannot be read, or no file is left.
    """
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise unreadable(folder, error) from error
    walked = _walk(folder, config.globs, notes)
    paths = [path for path in walked if _matches(path.relative_to(folder), config.globs)]
    in_order = sorted(paths, key=lambda p: p.relative_to(folder).parts)
    sources = [source for path in in_order if (source := _text_file(path, folder, config, notes))]
    if paths and not sources:
        why = notes.sentences(keep_newlines=config.keep_newlines)
        raise DataError.naming("no file in {folder} is a text", why[0], folder=folder)
    if not sources and not config.globs:
        raise DataError(f"there is no file in {folder}", "name a folder of texts, or a file")
    if not sources:
        raise DataError.naming(
            "no text file in {folder} matches {patterns}",
            "give {globs} another pattern, such as '*.txt'",
            folder=folder,
            patterns=" ".join(config.globs),
        )
    return sources


def _walk(folder: Path, globs: tuple[str, ...], notes: Notes) -> Iterator[Path]:
    """All files of a folder, in any order, but those in .git and in folders that a pattern such as !tests/* names."""
    wholly = [g[1:] for g in globs if g.startswith("!") and g.endswith("*")]

    def note_unreadable(error: OSError) -> None:
        notes.skip(_inside(Path(error.filename or folder), folder), UNREADABLE)

    for root, folders, files in os.walk(folder, onerror=note_unreadable):
        if ".git" in folders:
            folders.remove(".git")
            notes.skip(_inside(Path(root, ".git"), folder), "Git history")
        inside = Path(root).relative_to(folder)
        for name in [*folders]:
            if any(fnmatch.fnmatch(f"{(inside / name).as_posix()}/", g) for g in wholly):
                folders.remove(name)
        yield from (Path(root, name) for name in files)


def _matches(path: Path, globs: tuple[str, ...]) -> bool:
    def matches(pattern: str) -> bool:
        return fnmatch.fnmatch(path.name, pattern) or fnmatch.fnmatch(path.as_posix(), pattern)

    taken = [g for g in globs if not g.startswith("!")] or ["*"]
    left_out = [g[1:] for g in globs if g.startswith("!")]
    return any(map(matches, taken)) and not any(map(matches, left_out))


def _inside(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def _text_file(path: Path, folder: Path, config: CorpusConfig, notes: Notes) -> TextSource | None:
    """The source of a file in a folder, or None if it is not readable text, which is noted with its reason."""
    name = _inside(path, folder)
    if not path.is_file():
        notes.skip(name, "neither a file nor a folder")
        return None
    try:
        source = file_source(path)
        for _ in text_pieces(source, config, Notes()) if config.level == "char" else ():
            pass
    except NotTextError as error:
        notes.skip(name, error.reason, error.remedy)
    except DataError:
        notes.skip(name, UNREADABLE)
    else:
        return source
    return None
