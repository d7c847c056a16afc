"""Corpora known by name: Python's own library, four that are downloaded on first use, and what is made here.

A download is checked against a checksum and kept in the user's cache; until then nothing here uses the network.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charrnn.config import CorpusConfig
from charrnn.errors import DataError, EnvironmentFault
from charrnn.files import write_atomically
from charrnn.temporaries import temporary_folder
from charrnn.text.columns import dataset_sources
from charrnn.text.folders import folder_sources
from charrnn.text.generated import GENERATORS
from charrnn.text.library import python_sources
from charrnn.text.sources import Notes, TextSource, file_source, named_source
from charrnn.wording import did_you_mean

DOWNLOADED = "corpora"
"""The folder of downloads in the cache."""
PYTHON_CHARS = 4_000_000
"""Characters read of the Python library, unless `max_chars` is set."""


@dataclass(frozen=True, kw_only=True)
class NamedCorpus:
    """A corpus known by name."""

    name: str
    what: str
    size: str
    license: str
    origin: str
    """Where it comes from: an address, or a description."""
    sha256: str | None = None
    """SHA-256 of the download; None if none is published: that of the first download is then kept and checked."""
    member: str | None = None
    """The file inside a downloaded .zip."""


PYTHON = NamedCorpus(
    name="python",
    what="your own Python's standard library: its .py files, without tests and generated tables",
    size=f"{PYTHON_CHARS:,} chars",
    license="PSF-2.0",
    origin="this machine",
)
DOWNLOADS = (
    NamedCorpus(
        name="shakespeare",
        what="tinyshakespeare: plays, the standard small benchmark",
        size="1,115,394 chars",
        license="public domain",
        origin="https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
    NamedCorpus(
        name="names",
        what="32,033 first names, one a line (makemore)",
        size="228,145 chars",
        license="public domain",
        origin="https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",
        sha256="0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
    ),
    NamedCorpus(
        name="warpeace",
        what="Tolstoy, War and Peace, in English",
        size="about 3.2 M chars",
        license="public domain",
        origin="https://cs.stanford.edu/people/karpathy/char-rnn/warpeace_input.txt",
    ),
    NamedCorpus(
        name="enwik8",
        what="100 MB of Wikipedia in XML (Hutter Prize); best at level byte",
        size="100,000,000 bytes",
        license="CC BY-SA, GFDL",
        origin="https://mattmahoney.net/dc/enwik8.zip",
        sha256="547994d9980ebed1288380d652999f38a14fe291a6247c157c3d33d4932534bc",
        member="enwik8",
    ),
)
MADE = tuple(
    NamedCorpus(
        name=name,
        what=generator.what,
        size=f"{'up to ' if generator.is_library else ''}{generator.count:,} {generator.noun}",
        license=PYTHON.license if generator.is_library else "public domain",
        origin=PYTHON.origin if generator.is_library else "charrnn itself",
    )
    for name, generator in GENERATORS.items()
)
"""Corpora that charrnn makes, of pairs, each a line: source, tab, target; and then plain texts."""
MADE_TEXTS = tuple(entry for entry in MADE if GENERATORS[entry.name].is_text)
CATALOG = {entry.name: entry for entry in (PYTHON, *DOWNLOADS, *MADE)}


def is_cached(entry: NamedCorpus, cache: Path) -> bool:
    """Whether the text is already on this machine."""
    return entry is PYTHON or entry in MADE or _path(entry, cache).is_file()


def _path(entry: NamedCorpus, cache: Path) -> Path:
    suffix = Path(entry.origin).suffix
    return cache / DOWNLOADED / (entry.name + suffix)


def fetch(
    entry: NamedCorpus, cache: Path, *, progress: Callable[[str], Any] | None = None
) -> TextSource:
    """The text of a downloadable entry, from the cache or else from its origin.

    Args:
        entry: one of DOWNLOADS.
        cache: the folder that keeps downloads.
        progress: makes a progress bar for the entry's name, an object with tqdm's `total`, `update`, `reset` and
            `close`; called only if there is something to download.

    Raises:
        EnvironmentFault: there is no network, or the cache cannot be written.
        DataError: the download is not the expected file.
    """
    path = _path(entry, cache)
    if not path.is_file():
        _download(entry, path, progress)
    expected = entry.sha256 or _pinned(path)
    actual = _sha256(path)
    if expected not in (None, actual):
        raise DataError(
            f"{path} is damaged: its SHA-256 begins with {actual[:12]}, expected {str(expected)[:12]}",
            "remove the file and try again",
        )
    if expected is None:
        write_atomically(_pin_path(path), actual.encode())
    return _member(path, entry.member) if entry.member else file_source(path)


def _download(entry: NamedCorpus, path: Path, progress: Callable[[str], Any] | None) -> None:
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")  # errors are reported by our own exceptions
    bar = progress(entry.name) if progress else None
    if bar is not None and not bar.total:
        bar.total = 1  # tqdm's bar is false while its total is 0, and pooch leaves out a false one
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(
            path
        ) as folder:  # pooch's own temporary files have no name to tell them by
            pooch.retrieve(
                entry.origin,
                entry.sha256 and f"sha256:{entry.sha256}",
                fname=path.name,
                path=folder,
                downloader=pooch.HTTPDownloader(progressbar=bar or False, timeout=30),
            )
            (folder / path.name).replace(path)
    except requests.RequestException as error:
        if error.response is not None:
            error.response.close()  # pooch leaves it open
        raise EnvironmentFault(
            f"cannot download {entry.name} from {entry.origin}: {_reason(error)}",
            "if you are offline, train on your own text or on the corpus called python",
        ) from error
    except ValueError as error:
        raise DataError(
            f"{entry.origin} no longer holds the {entry.name} corpus: its SHA-256 is not {str(entry.sha256)[:12]}..."
        ) from error
    except OSError as error:
        raise EnvironmentFault(f"cannot save {entry.name} in {path.parent}: {error}") from error
    finally:
        if bar is not None:
            bar.close()  # pooch does so only after a success


def _reason(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return f"the server answered {status}" if status else f"no connection ({type(error).__name__})"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pin_path(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _pinned(path: Path) -> str | None:
    pin = _pin_path(path)
    return pin.read_text().strip() if pin.is_file() else None


def _member(path: Path, member: str) -> TextSource:
    import zipfile

    def reopen() -> Any:
        return zipfile.ZipFile(path).open(member)

    return TextSource(f"{path}:{member}", reopen)


def find_sources(
    names: list[str],
    config: CorpusConfig,
    *,
    cache: Path,
    notes: Notes,
    stdin: Callable[[], TextSource],
    progress: Callable[[str], Any] | None = None,
    defer: bool = False,
) -> list[TextSource]:
    """The sources that a user names: files, folders, `-`, or corpora of the catalog; an existing path has precedence.

    Args:
        names: the names.
        config: which files of a folder to read.
        cache: the folder that keeps downloads.
        notes: filled in with what a user should know.
        stdin: gives the source for `-`.
        progress: see `fetch`.
        defer: see `charrnn.text.folders.folder_sources`.

    Raises:
        DataError: a name is none of these, or cannot be read.
        EnvironmentFault: a download failed.
    """
    sources: list[TextSource] = []
    for name in names:
        path = Path(name)
        if name == "-":
            sources.append(stdin())
        elif os.path.isdir(name):  # noqa: PTH112 (Path's raises for a name that is too long)
            dataset = dataset_sources(path, config.field, notes)
            sources += dataset or folder_sources(path, config, notes, defer=defer)
        elif os.path.exists(name) or name not in CATALOG:  # noqa: PTH110 (the same)
            sources.append(_named_file(name))
        elif CATALOG[name] is PYTHON:
            sources += python_sources(notes)
        elif name in GENERATORS:
            sources.append(TextSource(name, GENERATORS[name].open))
        else:
            sources.append(fetch(CATALOG[name], cache, progress=progress))
    return sources


def _named_file(name: str) -> TextSource:
    try:
        return named_source(name)
    except DataError as error:
        known = "give a file, a folder, - or a known corpus, such as shakespeare: 'charrnn corpora' lists them"
        hint = error.hint or did_you_mean(name, CATALOG) or known
        raise DataError(error.message, hint) from error
