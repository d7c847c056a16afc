"""Where a run's texts are: recorded when they are read, and found again without trusting the record.

A checkpoint may come from a stranger, whose record must not choose what is read. A recorded file is opened only if it is
a regular file of the recorded size; whether it is the text is then known by its fingerprint.
"""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from charrnn.errors import DataError, SettingError
from charrnn.text.catalog import CATALOG
from charrnn.wording import counted

MOST_PLACES = 1000
"""Maximum files of a corpus whose places are recorded."""
SPLIT_FILES = ("val_file", "test_file", "vectors")
"""The settings of a corpus that name another file."""
LONGEST_CHARACTER = 4
"""Bytes of a character in UTF-8, at most."""

Place = tuple[Path, int]
"""A file and its size in bytes."""


def recorded_places(sources: Sequence[str]) -> list[list[Any]] | None:
    """The absolute paths and sizes of a corpus's files, as a checkpoint records them.

    Args:
        sources: the names of the sources that were read.

    Returns:
        None if one of them is no regular file, or if there are too many.
    """
    if len(sources) > MOST_PLACES:
        return None
    paths = [Path(name) for name in sources]
    if not all(map(_is_file, paths)):
        return None
    return [[os.path.abspath(path), path.stat().st_size] for path in paths]  # noqa: PTH100 (links stay)


def find_again(about: Mapping[str, Any], folder: Path) -> list[str]:
    """The names of the texts that a run has recorded, each a corpus of the catalog or a file that may be opened.

    Each file is looked for at its absolute path, then in the folder of the run, then beside that.

    Args:
        about: the record of the corpus in a checkpoint.
        folder: the folder of the run.

    Raises:
        DataError: the record is incomplete, or a text is not there.
    """
    names = about.get("sources")
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise DataError("the checkpoint does not record where its corpus is")
    if "-" in names:
        raise DataError("the model's corpus came from standard input and cannot be read again")
    if all(name in CATALOG and not _exists(name) for name in names):
        return names
    places = about.get("places")
    if places is None:
        return _by_length(names, about.get("characters"), folder)
    found = [_first(candidates, size) for candidates, size in _candidates(places, folder)]
    if None in found:
        missing, size = places[found.index(None)]
        raise DataError(
            f"the model's corpus, a file of {counted(size, 'byte')}, is neither at {missing} nor beside the run"
        )
    return [str(path) for path in found]


def find_split_files(
    about: Mapping[str, Any], folder: Path, given: Collection[str] = ()
) -> dict[str, str]:
    """The files with validation and test text that a run has recorded, found as by `find_again`, by setting.

    Args:
        about: the record of the corpus in a checkpoint.
        folder: the folder of the run.
        given: the settings whose files are known already.

    Raises:
        DataError: one is not there.
        SettingError: a file is known of a part that the run takes from its corpus.
    """
    config, places = about.get("config"), about.get("split_places")
    recorded = config if isinstance(config, dict) else {}
    for name in given:
        if recorded.get(name) is None:
            part = "has no vectors" if name == "vectors" else "takes that part from its corpus"
            raise SettingError.naming(
                f"{{{name}}} was not given to this run, which {part}",
                "leave it out",
            )
    found = {}
    for name in SPLIT_FILES:
        if name in given or recorded.get(name) is None:
            continue
        place = places.get(name) if isinstance(places, dict) else None
        candidates, size = next(iter(_candidates(place, folder)))
        path = _first(candidates, size)
        if path is None:
            raise DataError.naming(
                "the model's {file!r} is neither at {place} nor beside the run",
                f"name its new place: {{{name}:FILE}}",
                file=recorded[name],
                place=candidates[0],
            )
        found[name] = str(path)
    return found


def is_where_recorded(about: Mapping[str, Any], files: Iterable[str]) -> bool:
    """Whether files that were found again are where a run has recorded them, rather than beside it."""
    names, splits = about.get("sources"), about.get("split_places")
    listed = [about.get("places"), *(splits.values() if isinstance(splits, dict) else ())]
    places = [place for known in listed if isinstance(known, list) for place in known]
    recorded = {path for path, _ in filter(_is_place, places)}
    recorded |= {str(Path(name)) for name in names} if isinstance(names, list) else set()
    return {*files} <= recorded


def _candidates(places: Any, folder: Path) -> Iterable[tuple[list[Path], int]]:
    """Where each recorded file may be, and its size."""
    if not isinstance(places, list) or not places or not all(map(_is_place, places)):
        raise DataError("the checkpoint does not record where its corpus is")
    paths = [Path(path) for path, _ in places]
    for path, (_, size) in zip(paths, places, strict=True):
        beside = [base / part for base in (folder, folder.parent) for part in _ends(path, paths)]
        yield [path, *beside], size


def _ends(path: Path, paths: Sequence[Path]) -> list[Path]:
    """What a file may be called in another folder: below the folder that all have in common, and with its name."""
    try:
        common = Path(os.path.commonpath([path.parent for path in paths]))
        return [path.relative_to(common), path.relative_to(common.parent)]
    except ValueError:  # on several drives, or below another kind of root: //x
        return [Path(path.name)]


def _is_place(place: Any) -> bool:
    is_pair = isinstance(place, list) and len(place) == 2
    if not is_pair or not isinstance(place[0], str) or type(place[1]) is not int:
        return False
    path = Path(place[0])
    return path.is_absolute() and ".." not in path.parts


def _first(candidates: Iterable[Path], size: int) -> Path | None:
    """The first path that is a regular file of this size."""
    return next((p for p in candidates if _is_file(p) and p.stat().st_size == size), None)


def _by_length(names: list[str], characters: Any, folder: Path) -> list[str]:
    """The texts of an older record, which has no sizes: regular files whose size fits the number of characters."""
    if type(characters) is not int:
        raise DataError("the checkpoint does not record where its corpus is")
    found = []
    for name in names:
        beside = [base / Path(name).name for base in (folder, folder.parent)]
        path = next((p for p in (Path(name), *beside) if _is_file(p)), None)
        if path is None:
            raise DataError(f"the model's corpus is neither at {name} nor beside the run")
        found.append(path)
    num_bytes = sum(path.stat().st_size for path in found)
    if not characters <= num_bytes + len(names) <= LONGEST_CHARACTER * characters + len(names):
        raise DataError(f"{' '.join(names)} is not the text that the model was trained on")
    return list(map(str, found))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or with a NUL
        return False


def _exists(name: str) -> bool:
    return os.path.exists(name)  # noqa: PTH110 (Path's raises for a name that is too long)
