"""A large text is encoded once, in pieces that any process may read, and equals the same text read as a small one."""

import bz2
import codecs
import contextlib
import dataclasses
import gzip
import io
import json
import lzma
import os
import re
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import call_charrnn, examples
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import CorpusConfig
from charrnn.errors import CharrnnError, DataError, EnvironmentFault
from charrnn.text import folders
from charrnn.text import items as small_items
from charrnn.text.corpus import Corpus, read_corpus
from charrnn.text.encoding import (
    items,
    numbering,
    opening,
    processes,
    reading,
    shards,
    stored,
    tasks,
    text,
    worker,
)
from charrnn.text.encoding.shards import add_characters, byte_counts, whole_pieces
from charrnn.text.encoding.text import Watch
from charrnn.text.folders import folder_sources
from charrnn.text.numbering import CODE_POINTS
from charrnn.text.sources import Notes, TextSource, file_source
from charrnn.text.vocabulary import Vocabulary

PROSE = (
    "Ein Gruß,\n三字經 人之初 \U0001f469\u200d\U0001f467\ncafe\u0301 and tea.\n\nThe end of the lane\n"
    * 9
)
ALL_BYTES = bytes(range(256)) * 3


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Shards of a few bytes, in this process, and no waiting for the clock."""
    for module in (shards, tasks, reading):
        monkeypatch.setattr(module, "SHARD", 300)
    monkeypatch.setattr(tasks, "SEARCHED", 16)
    monkeypatch.setattr(tasks, "PIECE", 64)
    monkeypatch.setattr(tasks, "MOST_FILES", 3)
    for module in (shards, reading):
        monkeypatch.setattr(module, "PIECE", 37)
    for module in (numbering, stored, items):
        monkeypatch.setattr(module, "BLOCK", 50)
    monkeypatch.setattr(items, "BUCKET", 1000)
    for module in (items, small_items):
        monkeypatch.setattr(module, "PIECE", 64)
    monkeypatch.setattr(text, "num_processes", lambda _: 1)
    monkeypatch.setattr(stored, "SETTLED", 0.0)
    monkeypatch.setattr(os, "fsync", lambda _: None)


def is_large(monkeypatch, *, large):
    for module in (opening, folders):
        monkeypatch.setattr(module, "LARGE", 1 if large else 1 << 60)


def both(found, cache, **settings) -> tuple[Corpus, Corpus]:
    """A text read as a small one, and as a large one; `found` gives its sources and the notes of finding them."""
    corpora = []
    for large in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            is_large(patch, large=large)
            config, notes = CorpusConfig(**settings), Notes()
            sources = found(config, notes)
            corpora.append(read_corpus(sources, config, cache=cache, notes=notes))
    return corpora[0], corpora[1]


def assert_alike(small, large):
    assert isinstance(large.ids, np.memmap)
    np.testing.assert_array_equal(large.ids, small.ids)
    assert large.ids.dtype == small.ids.dtype
    assert large.vocabulary.symbols.tolist() == small.vocabulary.symbols.tolist()
    for name in ("fingerprint", "notes", "split_points", "own_parts", "distinct", "singletons"):
        assert getattr(large, name) == getattr(small, name), name
    for name in ("num_sources", "sources", "is_utf8", "num_unknown", "part_sizes"):
        assert getattr(large, name) == getattr(small, name), name
    if small.train_bounds is not None:
        np.testing.assert_array_equal(large.train_bounds, small.train_bounds)


def files(folder, **contents) -> list[TextSource]:
    paths = {name: folder / name.replace("_", ".") for name in contents}
    for name, content in contents.items():
        paths[name].write_bytes(content if isinstance(content, bytes) else content.encode())
    return [file_source(path) for path in paths.values()]


JSON_LINES = "".join(
    json.dumps({"text": line, "n": k}) + "\n" for k, line in enumerate(PROSE.split("\n"))
)
TABLE = "text,n\n" + "".join(f'"a {k}\nb",{k}\n\n' for k in range(99))
CONTENTS = {
    "one": {"a_txt": PROSE},
    "one without a newline at its end": {"a_txt": PROSE[:-1]},
    "several": {
        "a_txt": PROSE[:-1],
        "b_txt": "short",
        "c_txt": "",
        "d_txt": PROSE + "x",
        "e_txt": "y\n",
    },
    "CR LF": {"a_txt": PROSE.replace("\n", "\r\n"), "b_txt": PROSE},
    "CR": {"a_txt": PROSE.replace("\n", "\r")},
    "marked": {"a_txt": codecs.BOM_UTF8 + PROSE.encode() + codecs.BOM_UTF8 + PROSE.encode()},
    "UTF-16": {"a_txt": codecs.BOM_UTF16_LE + PROSE.encode("utf-16-le"), "b_txt": PROSE},
    "one line": {"a_txt": PROSE.replace("\n", "三")},
    "compressed": {
        "a_txt.gz": gzip.compress(PROSE.encode()),
        "b_txt.bz2": bz2.compress(PROSE.encode()),
        "c_txt.xz": lzma.compress(PROSE.encode()),
        "d_txt": PROSE,
    },
}
SETTINGS = [
    {},
    {"level": "byte"},
    {"keep_newlines": True},
    {"normalize": "nfc"},
    {"tidied": False},
    {"min_count": 10},
    {"max_chars": 333},
    {"lines": True},
    {"lines": True, "level": "byte", "split_seed": 4},
    {"separator": "\n\n"},
    {"documents": True, "val_fraction": 0.3},
]

SOME_SETTINGS = [{}, {"level": "byte"}, {"lines": True}, {"documents": True}]
CASES = [
    (contents, how)
    for contents in CONTENTS
    for how in (SETTINGS if contents in ("several", "CR LF") else SOME_SETTINGS)
]


@pytest.mark.parametrize(("contents", "settings"), CASES, ids=str)
def test_a_large_text_equals_the_same_text_read_as_a_small_one(contents, settings, tmp_path):
    found = files(tmp_path, **CONTENTS[contents])
    try:
        small, large = both(lambda *_: found, tmp_path / "cache", **settings)
    except DataError:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(DataError) as refused:
            is_large(patch, large=False)
            read_corpus(found, CorpusConfig(**settings), cache=tmp_path / "cache")
        with pytest.MonkeyPatch.context() as patch, pytest.raises(DataError) as also:
            is_large(patch, large=True)
            read_corpus(found, CorpusConfig(**settings), cache=tmp_path / "cache")
        assert str(also.value) == str(refused.value)
        return
    assert_alike(small, large)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a_jsonl", JSON_LINES),
        ("a_jsonl", '{"n": 1}\n' * 99 + JSON_LINES.replace("\n", "\r\n") + '{"n": 2}\n' * 99),
        ("a_csv", TABLE),
        ("a_csv", "\ufeff" + TABLE.replace("\n", "\r\n")),
        ("a_csv", TABLE.replace(",", ";") + '"never ended'),
        ("a_csv", TABLE.replace("a 3\n", 'a 3"\n')),
        ("a_csv", 'a 7" long,text\n' + TABLE),
        ("a_csv", '"n\nm",text\n' + TABLE),
        ("a_tsv", TABLE.replace(",", "\t")),
    ],
)
@pytest.mark.parametrize("level", ["char", "byte"])
def test_a_field_of_a_large_table_equals_that_of_a_small_one(name, content, level, tmp_path):
    found = files(tmp_path, **{name: content})
    assert_alike(*both(lambda *_: found, tmp_path / "cache", field="text", level=level))


@pytest.mark.parametrize(
    ("name", "content"),
    [("a_jsonl", JSON_LINES + "{\n" + JSON_LINES), ("a_jsonl", '{"n": 1}\n' * 99)],
)
def test_a_large_table_is_refused_as_a_small_one(name, content, tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for found in (files(tmp_path / "in", **{name: content}), None):
        refused = []
        for large in (False, True):
            is_large(monkeypatch, large=large)
            config, notes = CorpusConfig(field="text"), Notes()
            sources = found or folder_sources(tmp_path / "in", config, notes, defer=True)
            with pytest.raises(DataError) as error:
                read_corpus(sources, config, cache=tmp_path / "cache", notes=notes)
            refused.append(str(error.value))
        assert refused[0] == refused[1]


@pytest.mark.parametrize(
    ("name", "content", "settings"),
    [
        ("a.jsonl", JSON_LINES, {"field": "text"}),
        ("a.csv", TABLE, {"field": "text"}),
        ("a.txt", PROSE, {"separator": "\n\n"}),
        ("a.txt", PROSE, {"separator": "\n\n", "level": "byte"}),
    ],
)
def test_records_are_read_in_ranges(name, content, settings, tmp_path):
    path = tmp_path / name
    path.write_text(content)
    made = tasks.tasks_of([file_source(path)], [path.stat().st_size], CorpusConfig(**settings))
    assert len(made) > 2
    assert [task.end for task in made[:-1]] == [task.begin for task in made[1:]]


@examples(20)
@given(
    content=st.text(st.sampled_from("a-\n\r"), min_size=20, max_size=90),
    separator=st.sampled_from(["aa", "-", "\n\n", "\n-\n", "a-a"]),
)
def test_records_are_cut_at_separators_that_no_other_overlaps(content, separator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    found = files(folder, a_txt=content)
    for how in ({}, {"level": "byte"}, {"keep_newlines": True}):
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(DataError):
            patch.setattr(tasks, "SHARD", 5)
            patch.setattr(tasks, "PIECE", 7)
            assert_alike(*both(lambda *_: found, folder / "cache", separator=separator, **how))
    shutil.rmtree(folder)


@examples(10)
@given(
    rows=st.lists(
        st.sampled_from(
            ["a,1\n", '"a\nb",2\r\n', '"say ""a""\n",3\n', '7",4\n', '"a\n"b\n,"5\n', "\n", '"']
        ),
        max_size=40,
    )
)
def test_any_rows_are_cut_into_the_same_rows(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    found = files(folder, a_csv="text,n\nb,1\nc,2\n" + "".join(rows))
    for how in ({}, {"keep_newlines": True}):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tasks, "SHARD", 9)
            patch.setattr(tasks, "PIECE", 7)
            assert_alike(*both(lambda *_: found, folder / "cache", field="text", **how))
    shutil.rmtree(folder)


def test_parts_of_their_own_follow_the_training_text(tmp_path):
    found = files(tmp_path, a_txt=PROSE[:-1], b_txt=PROSE, c_txt="abc\n" * 50, d_txt="de\nf")
    parts = ("train", "train", "val", "test")
    found = [dataclasses.replace(s, part=p) for s, p in zip(found, parts, strict=True)]
    for how in ({}, {"lines": True}, {"level": "byte"}, {"max_chars": 500}):
        assert_alike(*both(lambda *_: found, tmp_path / "cache", **how))


@examples(6)
@given(
    content=st.lists(
        st.text(st.sampled_from("ab\r\né三\N{GIRL}\ufeff"), max_size=90), min_size=1, max_size=4
    )
)
def test_any_text_is_cut_into_the_same_text(content, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    found = files(folder, **{f"{chr(97 + k)}_txt": one * 4 for k, one in enumerate(content)})
    for how in ({}, {"lines": True}, {"keep_newlines": True}, {"level": "byte"}):
        try:
            small, large = both(lambda *_: found, folder / "cache", **how)
        except DataError:
            continue
        assert_alike(small, large)
    shutil.rmtree(folder)


@examples(20)
@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_characters_are_counted_as_they_are(content):
    counts = np.zeros(CODE_POINTS, np.int64)
    add_characters(counts, content.encode())
    assert {chr(k): int(counts[k]) for k in np.flatnonzero(counts)} == {
        c: content.count(c) for c in set(content)
    }


@pytest.mark.parametrize("known", ["ab", "ab\xe9z", "ab\u4e09", "".join(map(chr, range(97, 500)))])
@pytest.mark.parametrize("text", ["ab" * 9, "a\xe9b", "a\u4e09", "\U0001f467a", "~z{a"])
def test_characters_are_numbered_as_the_vocabulary_does(known, text):
    vocabulary = Vocabulary("char", sorted(map(ord, known)), has_unknown=True)
    made = numbering._Numbers(numbering.table_of(vocabulary))(text.encode())
    assert np.frombuffer(made, vocabulary.dtype).tolist() == vocabulary.encode(text).tolist()


def test_bytes_are_counted_as_they_are():
    content = ALL_BYTES + b"odd"
    expected = np.bincount(np.frombuffer(content, np.uint8), minlength=256)
    np.testing.assert_array_equal(byte_counts(content), expected)


def test_pieces_have_whole_characters(tmp_path):
    (tmp_path / "a").write_text(PROSE)
    size = len(PROSE.encode())
    pieces = [*whole_pieces(str(tmp_path / "a"), 0, size)]
    assert b"".join(pieces) == PROSE.encode()
    assert len(pieces) > 9
    assert "".join(piece.decode() for piece in pieces) == PROSE


# --- folders ---


def make_folder(folder: Path) -> Path:
    for k in range(10):
        (folder / f"{k}").mkdir(parents=True)
        (folder / f"{k}" / "a.txt").write_text(f"file {k}" + "\n" * (k % 2))
    (folder / "b.bin").write_bytes(b"ab\0" * 9)
    (folder / "latin.txt").write_bytes(b"caf\xe9 " * 9)
    (folder / "long-latin.txt").write_bytes(
        b"plain text\n" * 40 + b"caf\xe9\n" + b"plain text\n" * 40
    )
    (folder / "long.txt").write_text(PROSE)
    (folder / "z.gz").write_bytes(gzip.compress(PROSE.encode()))
    (folder / "nowhere").symlink_to("nothing")
    return folder


@pytest.mark.parametrize(
    "how", [{}, {"documents": True}, {"lines": True}, {"level": "byte"}], ids=str
)
def test_a_large_folder_equals_a_small_one(how, tmp_path):
    folder = make_folder(tmp_path / "texts")

    def found(config, notes):
        return folder_sources(folder, config, notes, defer=True)

    small, large = both(found, tmp_path / "cache", **how)
    assert_alike(small, large)
    assert ("latin.txt" in "".join(large.notes)) == ("level" not in how)


def test_a_folder_of_many_files_is_a_large_one(tmp_path, monkeypatch):
    folder = make_folder(tmp_path / "texts")
    for module in (opening, folders):
        monkeypatch.setattr(module, "MANY", 5)
    config, notes = CorpusConfig(), Notes()
    sources = folder_sources(folder, config, notes, defer=True)
    corpus = read_corpus(sources, config, cache=tmp_path / "cache", notes=notes)
    assert isinstance(corpus.ids, np.memmap)
    assert corpus.num_sources == 12


# --- the cache ---


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A function that reads a file as a large text."""
    is_large(monkeypatch, large=True)
    path = tmp_path / "a.txt"
    path.write_text(PROSE)

    def read(**settings) -> Corpus:
        said.clear()
        watch = Watch(said.append)
        config = CorpusConfig(**settings)
        return read_corpus([file_source(path)], config, cache=tmp_path / "cache", watch=watch)

    said: list[str] = []
    read.path, read.said, read.cache = path, said, tmp_path / "cache" / "encoded"
    return read


def ids_files(cache: Path) -> list[Path]:
    return [*cache.glob("*/ids-*.uint8")]


def test_what_is_encoded_is_not_read_again(large, monkeypatch):
    first = large()
    monkeypatch.setattr(Path, "read_bytes", Path.read_bytes)
    monkeypatch.setattr(processes, "answer", lambda _: pytest.fail("it was read again"))
    again = large()
    np.testing.assert_array_equal(again.ids, first.ids)
    assert (again.fingerprint, again.notes) == (first.fingerprint, first.notes)
    assert large.said == []


def test_the_disk_is_said_before_it_is_used(large, wording):
    large(lines=True)
    assert len(large.said) == 3
    said = "\n".join(large.said).replace(str(next(large.cache.iterdir())), "FOLDER")
    wording(re.sub(r"where \S+ GB", "where 9 GB", said))


@pytest.mark.parametrize("change", ["longer", "same size", "same size and time", "replaced"])
def test_a_changed_file_is_encoded_again_and_the_old_ids_are_removed(change, large):
    first = large()
    seen = large.path.stat()
    time.sleep(0.02)  # a later change has a later time
    if change == "replaced":
        other = large.path.with_suffix(".new")
        other.write_text(PROSE.replace("tea", "ale"))
        other.replace(large.path)
    else:
        large.path.write_text(PROSE.replace("tea", "mead" if change == "longer" else "ale"))
    if change == "same size and time":
        os.utime(large.path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    second = large()
    assert second.vocabulary.decode(second.ids) == large.path.read_text()
    assert second.fingerprint != first.fingerprint
    assert len([*large.cache.iterdir()]) == 1


def test_other_settings_of_reading_are_another_text(large):
    assert len(large().ids) != len(large(level="byte").ids)
    assert len([*large.cache.iterdir()]) == 2


def test_another_vocabulary_has_other_ids_of_the_same_text(large):
    texts = [large(min_count=k) for k in (1, 10)]
    assert texts[0].fingerprint == texts[1].fingerprint
    assert len(ids_files(large.cache)) == 2
    assert (texts[1].ids == texts[1].vocabulary.unknown_id).any()


@pytest.mark.parametrize("how", [{}, {"lines": True}], ids=str)
@pytest.mark.parametrize("damage", ["short", "flipped", "record", "zeros"])
def test_damaged_ids_are_made_again(damage, how, large):
    first = large(**how)
    (path,) = ids_files(large.cache)
    content = bytearray(path.read_bytes())
    if damage == "record":
        path.with_suffix(".json").write_text("{")
    elif damage == "short":
        path.write_bytes(content[:-1])
    elif damage == "zeros":
        path.write_bytes(bytes(len(content)))
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    expected = first.vocabulary.encode(PROSE)
    again = large(**how)
    assert (
        sorted(again.ids.tolist()[how != {} :]) == sorted(expected[expected >= 0].tolist()) or how
    )
    assert len(again.notes) == len(first.notes) + 1
    third = large(**how)
    np.testing.assert_array_equal(third.ids, again.ids)
    assert third.notes == first.notes


def test_all_that_is_encoded_can_be_checked(large, capsys, wording):
    large()
    large(lines=True)
    (path,) = [path for path in ids_files(large.cache) if "lines" in path.name]
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    place = ("corpora", "--check", "--cache", large.cache.parent)
    said = "".join(sorted(call_charrnn(capsys, *place).out.splitlines(keepends=True)))
    wording(re.sub(r"\S*a.txt", "a.txt", re.sub(r"\(.*\)", "(FILE)", said)))
    assert not path.exists()
    rows = [json.loads(row) for row in call_charrnn(capsys, *place, "--json").out.splitlines()]
    assert [row["undamaged"] for row in rows] == [True]
    call_charrnn(capsys, "corpora", "numbers", "--check", status=2)


def test_items_that_are_not_where_they_were_are_shuffled_again(large):
    first = large(lines=True)
    expected = first.ids.tolist()
    (path,) = large.cache.glob("*/*.bounds")
    path.write_bytes(bytes(path.stat().st_size))
    assert large(lines=True).ids.tolist() == expected


class BrokenOff(Exception):  # noqa: N818 (nothing is wrong)
    """Stands for Ctrl-C."""


@pytest.mark.parametrize("does", ["read", "number"])
@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_an_interrupted_encoding_goes_on_from_its_finished_shards(
    does, after, name, tmp_path, monkeypatch
):
    is_large(monkeypatch, large=True)
    paths = [tmp_path / f"{k}{name}" for k in range(4)]
    for path in paths:
        path.write_bytes(gzip.compress(PROSE.encode()) if path.suffix == ".gz" else PROSE.encode())
    found, done = [file_source(path) for path in paths], []
    config, cache = CorpusConfig(), tmp_path / "cache"
    answer = processes.answer

    def broken(request):
        if request["do"] == does and len(done) == after:
            raise BrokenOff
        done.extend([1] * (request["do"] == does))
        return answer(request)

    monkeypatch.setattr(processes, "answer", broken)
    with pytest.raises(BrokenOff):
        read_corpus(found, config, cache=cache)
    asked = []
    monkeypatch.setattr(processes, "answer", lambda r: asked.append(r["do"]) or answer(r))
    corpus = read_corpus(found, config, cache=cache)
    assert corpus.vocabulary.decode(corpus.ids) == 4 * PROSE
    again = asked.count(does)
    shutil.rmtree(cache)
    asked.clear()
    read_corpus(found, config, cache=cache)
    assert again == asked.count(does) - after


@pytest.mark.parametrize("finished", [1, 4])
def test_a_file_that_cannot_be_divided_goes_on_from_its_finished_shards(
    finished, tmp_path, monkeypatch
):
    is_large(monkeypatch, large=True)
    path, cache, counted = tmp_path / "a.txt.gz", tmp_path / "cache", []
    path.write_bytes(gzip.compress(4 * PROSE.encode()))
    count = reading.add_characters

    def broken(counts, content):
        if sum(map(len, counted)) >= 300 * finished + 37:
            raise BrokenOff
        counted.append(content)
        count(counts, content)

    monkeypatch.setattr(reading, "add_characters", broken)
    with pytest.raises(BrokenOff):
        read_corpus([file_source(path)], CorpusConfig(), cache=cache)
    counted.clear()
    monkeypatch.setattr(
        reading, "add_characters", lambda c, piece: counted.append(piece) or count(c, piece)
    )
    corpus = read_corpus([file_source(path)], CorpusConfig(), cache=cache)
    assert corpus.vocabulary.decode(corpus.ids) == 4 * PROSE
    assert sum(map(len, counted)) <= len(4 * PROSE.encode()) - 300 * finished


@pytest.mark.parametrize("does", ["read", "number"])
def test_an_interrupted_encoding_says_what_is_left(does, large, monkeypatch, wording):
    done, answer = [], processes.answer

    def broken(request):
        if request["do"] == does and done:
            raise BrokenOff
        done.extend([1] * (request["do"] == does))
        return answer(request)

    monkeypatch.setattr(processes, "answer", broken)
    with pytest.raises(BrokenOff):
        large()
    monkeypatch.setattr(processes, "answer", answer)
    large()
    said = "\n".join(large.said).replace(str(next(large.cache.iterdir())), "FOLDER")
    wording(re.sub(r"where \S+ GB", "where 9 GB", said))


def test_a_text_that_changes_while_it_is_encoded_is_refused(large, monkeypatch):
    answer = processes.answer

    def changing(request):
        if request["do"] == "number":
            large.path.write_text(PROSE.replace("tea", "ale"))
        return answer(request)

    monkeypatch.setattr(processes, "answer", changing)
    with pytest.raises(DataError) as refused:
        large()
    assert "changed" in refused.value.message
    monkeypatch.setattr(processes, "answer", answer)
    corpus = large()
    assert corpus.vocabulary.decode(corpus.ids) == large.path.read_text()


@pytest.mark.parametrize("content", [PROSE.encode() + b"\xff" + PROSE.encode(), b"a\0" * 300])
def test_what_is_no_text_is_refused_as_in_a_small_text(content, large, monkeypatch):
    large.path.write_bytes(content)
    with pytest.raises(DataError) as refused:
        large()
    is_large(monkeypatch, large=False)
    with pytest.raises(DataError) as also:
        large()
    assert str(refused.value) == str(also.value)


def test_a_cache_without_room_is_refused_before_writing(large, monkeypatch, wording):
    free = dataclasses.make_dataclass("Usage", ["free"])(3)
    monkeypatch.setattr(stored.shutil, "disk_usage", lambda _: free)
    with pytest.raises(EnvironmentFault) as refused:
        large()
    message = str(refused.value).replace(str(next(large.cache.iterdir())), "FOLDER")
    wording(message)
    assert ids_files(large.cache) == []


def test_a_full_disk_is_a_fault_with_a_way_out(large, monkeypatch):
    monkeypatch.setattr(
        processes, "answer", lambda _: {"fault": [28, "No space left on device", None]}
    )
    with pytest.raises(EnvironmentFault) as refused:
        large()
    assert "cache" in refused.value.hint


# --- items ---


@pytest.mark.parametrize("length", [3, 70, 500])
def test_items_are_shuffled_as_in_memory_however_long_they_are(length, tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "SHARD", 30_000)
    monkeypatch.setattr(items, "BUCKET", 300 * length)
    lines = [f"{k}" * (1 + k * 7 % length) for k in range(80)]
    content = "\n".join(lines[:30]) + "\n\n\n" + "\n".join(lines[30:]) + "\ncut"
    found = files(tmp_path, a_txt=content, b_txt=content)
    found = [dataclasses.replace(s, part=p) for s, p in zip(found, ("train", "val"), strict=True)]
    assert_alike(*both(lambda *_: found, tmp_path / "cache", lines=True, split_seed=9))


# --- processes ---


@pytest.fixture(scope="module")
def in_processes(tmp_path_factory):
    """What two processes made of a folder and a file, and what this one did."""
    place = tmp_path_factory.mktemp("processes")
    folder = make_folder(place / "texts")
    config = CorpusConfig(lines=True)
    made = []
    for number in (1, 2):
        with pytest.MonkeyPatch.context() as patch:
            is_large(patch, large=True)
            patch.setattr(tasks, "SHARD", 500)
            patch.setattr(stored, "SETTLED", 0.0)
            patch.setattr(text, "num_processes", lambda _, number=number: number)
            notes = Notes()
            sources = folder_sources(folder, config, notes, defer=True)
            cache = place / f"cache{number}"
            made.append(read_corpus(sources, config, cache=cache, notes=notes))
    return made


def test_several_processes_make_what_one_makes(in_processes):
    one, two = in_processes
    assert_alike(one, two)


def test_a_process_that_ends_is_a_fault(monkeypatch):
    monkeypatch.setattr(processes, "START", "import sys; sys.exit(3)  # {path!r}")
    with pytest.raises(EnvironmentFault) as refused:
        list(processes.answers([{"do": "read", "with": {}}] * 5, 2))
    assert "status 3" in refused.value.message


def test_requests_that_cannot_be_met_are_answered():
    with pytest.raises(CharrnnError):
        list(processes.answers([{"do": "number", "with": {}}] * 2, 2))


def test_a_process_whose_asker_has_ended_ends_without_a_word(monkeypatch):
    class Gone(io.StringIO):
        def flush(self):
            raise BrokenPipeError

    def leave(status):
        raise SystemExit(status)

    monkeypatch.setattr(worker, "answer", lambda _: {})
    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit):
        worker.serve(io.StringIO("{}\n"), Gone())
