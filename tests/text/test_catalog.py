"""Corpora known by name: the one of this machine, and downloads from a server on this machine."""

import dataclasses
import functools
import hashlib
import http.server
import io
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import zipfile
from pathlib import Path

import pytest
from tqdm import tqdm

from charrnn.config import CorpusConfig
from charrnn.errors import CharrnnError, DataError, EnvironmentFault
from charrnn.text.catalog import (
    CATALOG,
    DOWNLOADS,
    PYTHON,
    NamedCorpus,
    fetch,
    find_sources,
    is_cached,
)
from charrnn.text.corpus import read_corpus
from charrnn.text.library import python_sources
from charrnn.text.opening import open_corpus
from charrnn.text.sources import Notes, TextSource, byte_pieces

TEXT = "To be, or not to be, that is the question: 生死\n".encode() * 50
NAMES = CATALOG["names"]


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch):
    """No connection leaves this machine, not even through a proxy."""
    connect = socket.socket.connect

    def guarded(self, address):
        assert address[0] == "127.0.0.1", f"a test tried to reach {address}"
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Server:
    """Serves a folder on 127.0.0.1 until it is stopped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        handler = functools.partial(Quiet, directory=folder)
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=[0.01])
        self._thread.start()
        self._running = True

    def put(self, content: bytes, suffix: str = ".txt", **changes) -> NamedCorpus:
        """The entry of a corpus that the server holds, with its true checksum."""
        (self.folder / f"some{suffix}").write_bytes(content)
        origin = f"http://127.0.0.1:{self._http.server_port}/some{suffix}"
        sha256 = hashlib.sha256(content).hexdigest()
        return dataclasses.replace(NAMES, **({"origin": origin, "sha256": sha256} | changes))

    def stop(self) -> None:
        if self._running:
            self._running = False
            self._http.shutdown()
            self._http.server_close()
            self._thread.join()


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    server = Server(folder)
    yield server
    server.stop()


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache"


def content_of(source: TextSource) -> bytes:
    return b"".join(byte_pieces(source))


def kept(cache: Path) -> list[str]:
    return sorted(p.name for p in cache.rglob("*") if p.is_file())


def refusal_of(kind: type[CharrnnError], entry: NamedCorpus, cache: Path) -> CharrnnError:
    with pytest.raises(kind) as caught:
        fetch(entry, cache)
    assert "\n" not in caught.value.message
    return caught.value


# --- the list ---


def test_every_download_says_what_it_is_and_where_it_comes_from():
    assert list(CATALOG)[:5] == ["python", "shakespeare", "names", "warpeace", "enwik8"]
    for entry in DOWNLOADS:
        assert entry.origin.startswith("https://")
        assert entry.sha256 is None or len(bytes.fromhex(entry.sha256)) == 32
        assert entry.license
        assert (entry.member is not None) == entry.origin.endswith(".zip")


# --- this machine's own corpus ---


@pytest.fixture(scope="module")
def library() -> list[TextSource]:
    return python_sources(Notes())


def test_the_python_corpus_has_the_library_without_its_tests(library):
    paths = [Path(source.name) for source in library]
    stems = {path.stem for path in paths}
    assert {"textwrap", "decoder", "heapq"} <= stems
    assert all(path.suffix == ".py" for path in paths)
    parts = {part for path in paths for part in path.parts[-3:]}
    assert not parts & {"test", "tests", "idle_test", "site-packages", "__pycache__"}
    assert not [stem for stem in stems if stem.startswith("test_")]


def test_the_python_corpus_comes_in_the_order_of_paths(library):
    paths = [Path(source.name).parts for source in library]
    assert paths == sorted(paths)
    assert len(set(paths)) == len(paths) > 300


def test_the_python_corpus_is_the_same_twice(library, cache):
    config = CorpusConfig(max_chars=300_000)
    first, second = (read_corpus(library, config, cache=cache) for _ in range(2))
    assert first.fingerprint == second.fingerprint
    assert len(first) == 300_000
    assert not kept(cache)


def test_a_python_whose_library_is_no_folder_says_so(monkeypatch, tmp_path, wording):
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"stdlib": tmp_path / "lib.zip"})
    with wording.raises(DataError):
        python_sources(Notes())


# --- downloads ---


def test_a_download_is_checked_and_kept(server, cache):
    entry = server.put(TEXT)
    assert not is_cached(entry, cache)
    assert content_of(fetch(entry, cache)) == TEXT
    assert is_cached(entry, cache)
    assert kept(cache) == ["names.txt"]


def test_the_second_time_no_server_is_needed(server, cache):
    entry = server.put(TEXT)
    fetch(entry, cache)
    server.stop()
    assert content_of(fetch(entry, cache)) == TEXT


def test_a_download_with_another_checksum_is_refused_and_not_kept(server, cache, wording):
    entry = server.put(TEXT, sha256="5" * 64)
    error = refusal_of(DataError, entry, cache)
    assert "5" * 12 in error.message
    wording(error)
    assert not kept(cache)


def test_an_answer_other_than_the_file_is_told_with_its_number(server, cache, wording):
    entry = server.put(TEXT)
    (server.folder / "some.txt").unlink()
    error = refusal_of(EnvironmentFault, entry, cache)
    assert entry.origin in error.message
    wording(error)
    assert not kept(cache)


def test_without_a_server_the_reason_is_one_line(server, cache, wording):
    entry = server.put(TEXT)
    server.stop()
    error = refusal_of(EnvironmentFault, entry, cache)
    assert entry.origin in error.message
    wording(error, "(?<=no connection).*")
    assert not kept(cache)


def test_a_connection_that_breaks_off_leaves_nothing(server, cache, monkeypatch, wording):
    monkeypatch.setattr(Quiet, "copyfile", lambda _, file, out: out.write(file.read(1000)))
    error = refusal_of(EnvironmentFault, server.put(TEXT), cache)
    wording(error, "(?<=no connection).*")
    assert not kept(cache)


def test_a_cache_that_cannot_be_written_is_named(server, tmp_path, wording):
    (tmp_path / "cache").write_bytes(b"a file")
    error = refusal_of(EnvironmentFault, server.put(TEXT), tmp_path / "cache")
    wording(error)


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("damage", [TEXT[:-1], TEXT.replace(b"not", b"nor", 1), b""])
def test_a_damaged_copy_in_the_cache_is_refused(damage, pinned, server, cache, wording):
    entry = server.put(TEXT, **({"sha256": None} if pinned else {}))
    fetch(entry, cache)
    (cache / "corpora" / "names.txt").write_bytes(damage)
    error = refusal_of(DataError, entry, cache)
    wording(error)
    (cache / "corpora" / "names.txt").unlink()
    assert content_of(fetch(entry, cache)) == TEXT


def test_without_a_published_checksum_the_first_download_sets_it(server, cache):
    entry = server.put(TEXT, sha256=None)
    assert content_of(fetch(entry, cache)) == TEXT
    pin = cache / "corpora" / "names.txt.sha256"
    assert pin.read_text() == hashlib.sha256(TEXT).hexdigest()
    (cache / "corpora" / "names.txt").unlink()
    server.put(TEXT[::-1])
    assert "damaged" in refusal_of(DataError, entry, cache).message


def test_a_member_is_taken_out_of_a_zip(server, cache):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme", b"not this")
        archive.writestr("inner", TEXT)
    source = fetch(server.put(packed.getvalue(), suffix=".zip", member="inner"), cache)
    assert source.name == f"{cache / 'corpora' / 'names.zip'}:inner"
    assert [content_of(source) for _ in range(2)] == [TEXT, TEXT]
    corpus = read_corpus([source], CorpusConfig(level="byte"), cache=cache)
    assert bytes(corpus.ids) == TEXT


# --- progress ---


class Meter:
    """What tqdm offers and a download asks for."""

    def __init__(self, name: str) -> None:
        self.name, self.total, self.done, self.closed, self.most = name, 0, 0, False, 0

    def update(self, count: int) -> None:
        self.done += count
        self.most = max(self.most, self.done)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        self.closed = True


def test_progress_is_asked_for_by_name_and_only_for_a_download(server, cache):
    meters = []

    def progress(name):
        meters.append(Meter(name))
        return meters[-1]

    entry = server.put(TEXT)
    for _ in range(2):
        fetch(entry, cache, progress=progress)
    (meter,) = meters
    assert (meter.name, meter.total, meter.done) == ("names", len(TEXT), len(TEXT))
    assert meter.closed


def test_a_bar_of_tqdm_without_a_total_moves(server, cache):
    screen = io.StringIO()
    fetch(
        server.put(TEXT),
        cache,
        progress=lambda name: tqdm(desc=name, total=0, file=screen, ascii=True),
    )
    assert f"names: 100%|##########| {len(TEXT)}/{len(TEXT)}" in screen.getvalue()


def test_progress_is_closed_after_a_failure(server, cache):
    meter, entry = Meter("names"), server.put(TEXT)
    (server.folder / "some.txt").unlink()
    with pytest.raises(EnvironmentFault):
        fetch(entry, cache, progress=lambda _: meter)
    assert meter.closed


# --- what the CORPUS arguments name ---


def find(*names: str, cache: Path = Path("unused"), **settings) -> list[TextSource]:
    def stdin() -> TextSource:
        return TextSource("standard input", lambda: io.BytesIO(b"piped"))

    config = CorpusConfig(**settings)
    return find_sources(list(names), config, cache=cache, notes=Notes(), stdin=stdin)


def test_an_existing_path_wins_over_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("names").write_bytes(b"a file")
    Path("python").mkdir()
    Path("python/a.txt").write_bytes(b"in a folder")
    assert [content_of(s) for s in find("names", "python")] == [b"a file", b"in a folder"]


def test_a_name_that_is_no_path_is_looked_up(server, cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(CATALOG, "names", server.put(TEXT))
    assert [content_of(s) for s in find("names", cache=cache)] == [TEXT]


def test_the_name_python_needs_no_network(library, tmp_path, monkeypatch):
    from charrnn.text import catalog

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(catalog, "python_sources", lambda _: library[:3])
    assert is_cached(PYTHON, tmp_path)
    assert find("python") == library[:3]


def test_texts_come_in_the_order_of_the_arguments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("b").write_bytes(b"bbb")
    Path("a").write_bytes(b"aa")
    assert [content_of(s) for s in find("b", "-", "a")] == [b"bbb", b"piped", b"aa"]


@pytest.mark.parametrize("name", ["shakespear", "", "n" * 300, "a/" * 3000, "a\0b", "-x"])
def test_what_is_neither_path_nor_name_is_answered_with_the_names(
    name, tmp_path, monkeypatch, wording
):
    monkeypatch.chdir(tmp_path)
    with wording.raises(DataError) as caught:
        find(name)
    assert "shakespeare" in caught.value.hint


KILLED = """
import os, signal, sys
from pathlib import Path
from charrnn.text.catalog import NamedCorpus, fetch
entry = NamedCorpus(name="some", what="", size="", license="", origin=sys.argv[1])
class Bar:
    total = 1
    def reset(self): pass
    def close(self): pass
    def update(self, count): os.kill(os.getpid(), signal.SIGKILL)
fetch(entry, Path(sys.argv[2]), progress=lambda _: Bar())
"""


def test_what_a_killed_download_left_is_removed_by_the_next_reading(server, cache):
    entry = server.put(TEXT, sha256=None)
    command = [sys.executable, "-c", KILLED, entry.origin, str(cache)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    (left,) = (cache / "corpora").iterdir()
    assert list(left.iterdir())
    read = open_corpus(
        [TextSource("a", lambda: io.BytesIO(b"abc"))],
        CorpusConfig(),
        stdin=pytest.fail,
        cache=cache,
    )
    assert len(read) == 3
    assert kept(cache) == []
