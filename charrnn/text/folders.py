"""The text files of a folder."""

import fnmatch
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from charrnn.config import CorpusConfig
from charrnn.errors import DataError
from charrnn.text.decoding import NotTextError, text_pieces
from charrnn.text.sources import Notes, TextSource, byte_pieces, file_source, unreadable
from charrnn.text.tables import is_binary

UNREADABLE = "unreadable"
LARGE = 1 << 26
"""Bytes from which on the files of a text are read once, and are then encoded in the cache."""
MANY = 5000
"""Files from which on they are too."""


def folder_sources(
    folder: Path, config: CorpusConfig, notes: Notes, *, defer: bool = False
) -> list[TextSource]:
    """The text files of a folder, in the order of their paths.

    Links to folders are not followed; .git, binary files and files that are not in the encoding are left out and
    named in `notes`.

    Args:
        folder: the folder.
        config: how they are to be read.
        notes: gets notes of files that are left out.
        defer: whether the files of a large folder may be left unread: each source that is still to be checked has the
            folder.

    Raises:
        DataError: it cannot be read, or no file is left.
    """
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise unreadable(folder, error) from error
    walked = _walk(folder, config.globs, notes)
    found = sorted(parts for parts in walked if _matches(parts, config.globs))
    paths = [os.path.join(folder, *parts) for parts in found]  # noqa: PTH118 (quicker, for many files)
    if defer and _is_large(paths):
        return [_unread(path, folder) for path in paths if _is_file(path, folder, notes)]
    sources = [source for path in paths if (source := text_file(path, folder, config, notes))]
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


def _walk(folder: Path, globs: tuple[str, ...], notes: Notes) -> Iterator[tuple[str, ...]]:
    """The paths of all files inside a folder, in any order.

    Those in .git and in folders that a pattern such as !tests/* names are left out.
    """
    wholly = [g[1:] for g in globs if g.startswith("!") and g.endswith("*")]

    def note_unreadable(error: OSError) -> None:
        notes.skip(_inside(error.filename or folder, folder), UNREADABLE)

    for root, folders, files in os.walk(folder, onerror=note_unreadable):
        if ".git" in folders:
            folders.remove(".git")
            notes.skip(_inside(Path(root, ".git"), folder), "Git history")
        inside = Path(root).relative_to(folder)
        for name in [*folders]:
            if any(fnmatch.fnmatch(f"{(inside / name).as_posix()}/", g) for g in wholly):
                folders.remove(name)
        yield from ((*inside.parts, name) for name in files)


def _matches(parts: tuple[str, ...], globs: tuple[str, ...]) -> bool:
    if not globs:
        return True
    path = "/".join(parts)

    def matches(pattern: str) -> bool:
        return fnmatch.fnmatch(parts[-1], pattern) or fnmatch.fnmatch(path, pattern)

    taken = [g for g in globs if not g.startswith("!")] or ["*"]
    left_out = [g[1:] for g in globs if g.startswith("!")]
    return any(map(matches, taken)) and not any(map(matches, left_out))


def _inside(path: str | Path, folder: str | Path) -> Path:
    path = Path(path)
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def _is_large(paths: Sequence[str]) -> bool:
    if len(paths) >= MANY:
        return True
    return sum(os.stat(path).st_size for path in paths if os.path.isfile(path)) >= LARGE  # noqa: PTH113, PTH116


def _unread(path: str, folder: Path) -> TextSource:
    return TextSource(path, lambda: file_source(Path(path)).open(), path=path, folder=str(folder))


def checked(source: TextSource, config: CorpusConfig, notes: Notes) -> TextSource | None:
    """A source that was left unread, checked as the files of a small folder are; None: the folder leaves it out."""
    if source.folder is None:
        return source
    assert source.path
    found = text_file(source.path, source.folder, config, notes)
    return found and replace(found, part=source.part)


def text_file(
    path: str, folder: str | Path, config: CorpusConfig, notes: Notes, *, held: int = 0
) -> TextSource | None:
    """The source of a file in a folder, or None if it is not readable text, which is noted with its reason.

    Args:
        path: the file.
        folder: the folder.
        config: how it is to be read.
        notes: gets the note.
        held: bytes of the longest text that is read once, and then held in memory.
    """
    if not _is_file(path, folder, notes):
        return None
    name = _inside(path, folder)
    try:
        source = _held(file_source(Path(path)), held)
        is_text = config.level == "char" and not (config.field and is_binary(source))
        for _ in text_pieces(source, config, Notes()) if is_text else ():
            pass
    except NotTextError as error:
        notes.skip(name, error.reason, error.remedy)
    except DataError:
        notes.skip(name, UNREADABLE)
    else:
        return source
    return None


def _is_file(path: str, folder: str | Path, notes: Notes) -> bool:
    """Whether a path is a file; another one is noted."""
    if not os.path.isfile(path):  # noqa: PTH113 (quicker)
        notes.skip(_inside(path, folder), "neither a file nor a folder")
        return False
    return True


def _held(source: TextSource, most: int) -> TextSource:
    """A source whose bytes are in memory, if they are at most so many."""
    if not most:
        return source
    pieces, size = [], 0
    for piece in byte_pieces(source):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            return source
    content = b"".join(pieces)
    return replace(source, open=lambda: io.BytesIO(content))
