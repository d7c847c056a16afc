"""Streams that can be read once: read as far as they are wanted, kept so far, and no further than there is room."""

import bz2
import dataclasses
import gzip
import io
import lzma
import os
import shutil
import threading
from types import SimpleNamespace

import pytest
from helpers import settings_named

from charrnn.config import CorpusConfig
from charrnn.errors import DataError, EnvironmentFault
from charrnn.text import sources as sources_module
from charrnn.text import spool
from charrnn.text.corpus import read_corpus
from charrnn.text.sources import byte_pieces, file_source, in_memory, spooled_source


class Endless(io.RawIOBase):
    """A stream that never ends, and that counts what is read of it."""

    def __init__(self, unit: bytes, at_once: int = 1 << 16) -> None:
        self.unit, self.at_once, self.num_read = unit, at_once, 0

    def read1(self, size: int) -> bytes:
        size = min(size, self.at_once)
        begin = self.num_read % len(self.unit)
        self.num_read += size
        return (self.unit * (size // len(self.unit) + 2))[begin : begin + size]


@pytest.mark.parametrize("at_once", [1, 7, 1000, 1 << 16])
def test_an_endless_stream_is_read_about_as_far_as_max_chars(at_once, tmp_path):
    stream = Endless("née\n".encode(), at_once)
    source = spooled_source(stream, "standard input")
    corpus = read_corpus([source], CorpusConfig(max_chars=3000), cache=tmp_path)
    assert len(corpus) == 3000
    assert stream.num_read <= 3000 * 5 // 4 + spool.FIRST + at_once


@pytest.mark.parametrize(
    "start", [b"\0" * 9, b"%PDF-1.7\n", b"PK\x03\x04", b"\x7fELF", b"\xfc\xfd", b"a\0"]
)
def test_what_is_no_text_is_refused_at_the_first_piece(start, tmp_path):
    stream = Endless(start + b"\x81" * 3000)
    with pytest.raises(DataError):
        read_corpus([spooled_source(stream, "pipe")], CorpusConfig(), cache=tmp_path)
    assert stream.num_read <= stream.at_once


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_packed_stream_is_unpacked_as_far_as_it_is_wanted(pack, tmp_path):
    text = os.urandom(1 << 18).hex().encode()
    packed = pack(text)
    stream = io.BytesIO(packed)
    source = spooled_source(stream, "pipe")
    assert b"".join(byte_pieces(source)) == text
    stream = io.BytesIO(packed)
    config = CorpusConfig(max_chars=100)
    assert len(read_corpus([spooled_source(stream, "pipe")], config, cache=tmp_path)) == 100
    assert stream.tell() <= len(packed)


def test_a_packed_stream_that_expands_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sources_module, "MAX_EXPANSION", 1 << 20)
    bomb = gzip.compress(b"a" * (1 << 23))
    with pytest.raises(DataError, match="bomb"):
        read_corpus([spooled_source(io.BytesIO(bomb), "pipe")], CorpusConfig(), cache=tmp_path)


def test_two_readers_of_a_stream_each_read_all_of_it(monkeypatch):
    monkeypatch.setattr(spool, "MAX_IN_MEMORY", 5000)
    content = bytes(range(256)) * 100
    source = spooled_source(io.BytesIO(content), "pipe")
    with source.open() as first, source.open() as second:
        parts = b"", b""
        for size in (10, 3000, 20_000, -1):
            parts = parts[0] + first.read(size), parts[1] + second.read(size // 2)
        assert (parts[0], parts[1] + second.read()) == (content, content)
    with source.open() as third:
        assert third.read() == content


@pytest.mark.parametrize(("free", "most"), [(100_000, 60_000), (200_000, 210_000)])
def test_a_stream_without_end_leaves_a_margin_on_the_disk(free, most, monkeypatch, wording):
    def disk(_):
        return SimpleNamespace(total=1_000_000, free=free - max(0, stream.num_read - 60_000))

    monkeypatch.setattr(spool, "MAX_IN_MEMORY", 50_000)
    monkeypatch.setattr(shutil, "disk_usage", disk)
    stream = Endless(b"ab\n", 10_000)
    with wording.raises(EnvironmentFault, foreign=(r"(?<=more in )\S+(?=:)",)):
        list(byte_pieces(spooled_source(stream, "standard input")))
    assert stream.num_read == most


def test_a_stream_that_ends_in_time_fits_into_memory(monkeypatch, wording):
    monkeypatch.setattr(sources_module, "MAX_STREAM", 1000)
    ending = in_memory(spooled_source(io.BytesIO(b"a" * 1000), "pipe"))
    assert b"".join(byte_pieces(ending)) == b"a" * 1000
    stream = Endless(b"a\n")
    with wording.raises(DataError):
        list(byte_pieces(in_memory(spooled_source(stream, "pipe"))))
    assert stream.num_read <= stream.at_once


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_named_pipe_is_closed_with_its_source(tmp_path):
    pipe, ended = tmp_path / "pipe", threading.Event()
    os.mkfifo(pipe)

    def write() -> None:
        with pipe.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"text\n" * 1000)
            except BrokenPipeError:
                ended.set()

    threading.Thread(target=write, daemon=True).start()
    source = file_source(pipe)
    assert len(read_corpus([source], CorpusConfig(max_chars=99), cache=tmp_path)) == 99
    del source
    assert ended.wait(60)


def test_an_endless_text_to_validate_on_is_refused_with_advice_that_helps_it(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "MAX_IN_MEMORY", 50_000)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: SimpleNamespace(total=1_000_000, free=100_000)
    )
    train = spooled_source(Endless(b"ab\n", 1000), "standard input")
    val = dataclasses.replace(spooled_source(Endless(b"ab\n", 1000), "pipe"), part="val")
    with pytest.raises(EnvironmentFault, match="pipe") as caught:
        read_corpus([train, val], CorpusConfig(max_chars=300), cache=tmp_path)
    assert "head -c" in caught.value.hint
    assert not settings_named(caught.value)
