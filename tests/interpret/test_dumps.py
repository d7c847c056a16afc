"""Dumps: every format gives back what was recorded, in memory that does not grow, and no file is believed."""

import contextlib
import csv
import dataclasses
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from helpers import (
    CLEAN,
    call_charrnn,
    examples,
    make_text,
    own_signals,
    program,
    random_model,
    typed,
)
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

import charrnn
from charrnn.errors import DataError, EnvironmentFault, UsageError
from charrnn.interpret.dumps.header import Header
from charrnn.interpret.dumps.lstmvis import shown_words, write_folder
from charrnn.interpret.dumps.places import Given, ItemStates, Size, placed, size_of
from charrnn.interpret.dumps.reading import Dump
from charrnn.interpret.dumps.writing import ENDINGS, dump, save, write
from charrnn.interpret.recording import Recording, record, record_parts, recorded_model
from charrnn.interpret.units import Unit, parse_units
from charrnn.text.vocabulary import Vocabulary

LETTERS = "hcifgo"
TEXT = 'a "quoted", text\r\nwith\ttabs, é中🙂 and 100% \\ of \x00 it\n'
SEEN_AGAIN = (".npz", ".safetensors")
TABLES = (".csv", ".jsonl", ".parquet")
every_ending = pytest.mark.parametrize("ending", ENDINGS)


def make_model(level="char", text=TEXT, cell="lstm"):
    """2 layers of 3 units."""
    symbols = Vocabulary.of_bytes() if level == "byte" else text
    return random_model(symbols, seed=2, cell=cell, embedding_size=4, hidden_size=3)


def cut(recording, length):
    """The parts of a recording, as record_parts gives them."""
    T = len(recording.ids)
    for first in range(0, T, length):
        part = slice(first, first + length)
        pieces, before = recording.pieces[part], "".join(recording.pieces[:first])
        yield dataclasses.replace(
            recording,
            text="".join(pieces),
            ids=recording.ids[part],
            pieces=pieces,
            surprisal=recording.surprisal[part],
            arrays={letter: values[part] for letter, values in recording.arrays.items()},
            next_ids=recording.next_ids[part],
            next_probabilities=recording.next_probabilities[part],
            start=first,
            start_char=len(before),
            following=int(recording.ids[part.stop]) if part.stop < T else None,
        )


def write_cut(recording, path, length=7):
    """Write a recording in parts so short that there are several."""
    items = recording.text.count("\n") + (not recording.text.endswith("\n"))
    write(path, cut(recording, length), Size(len(recording.ids), len(recording.text), items))


def rows_of(path):
    """A table as people would read it: a dictionary of columns."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return {name: [row[name] for row in rows] for name in rows[0]}
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
        return {name: [row[name] for row in rows] for name in rows[0]}
    from pyarrow import parquet

    return parquet.read_table(path).to_pydict()


def assert_same(found, expected):
    """Two recordings are the same in every field."""
    for field in dataclasses.fields(Recording):
        ours, theirs = getattr(found, field.name), getattr(expected, field.name)
        if field.name == "arrays":
            assert list(ours) == list(theirs)
            for letter in ours:
                np.testing.assert_array_equal(ours[letter], theirs[letter], strict=True)
        elif isinstance(theirs, np.ndarray):
            np.testing.assert_array_equal(ours, theirs, strict=True)
        else:
            assert ours == theirs, field.name


# --- round trips ----------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["char", "byte"])
@pytest.mark.parametrize("top", [0, 3])
@pytest.mark.parametrize("cell", ["lstm", "gru", "elman"])
@pytest.mark.parametrize("ending", SEEN_AGAIN)
def test_a_dump_is_read_as_it_was_recorded(ending, level, top, cell, tmp_path):
    model, path = make_model(level, cell=cell), tmp_path / f"d{ending}"
    recording = model.read(TEXT, top=top)
    write_cut(recording, path)
    assert_same(Dump(path).read(keep=LETTERS + "rzn", top=top), recording)


@pytest.mark.parametrize("level", ["char", "byte"])
@pytest.mark.parametrize("top", [0, 2])
@pytest.mark.parametrize("ending", TABLES)
def test_a_table_has_a_row_a_symbol_and_a_column_a_unit(ending, level, top, tmp_path):
    model, path = make_model(level), tmp_path / f"d{ending}"
    expected = model.read(TEXT, top=top)
    write_cut(expected, path)
    columns = rows_of(path)
    T = len(expected.ids)
    addresses = [f"L{layer}.{a}.{k}" for a in LETTERS for layer in range(2) for k in range(3)]
    guesses = [
        f"next_{what}_{k}" for k in range(1, top + 1) for what in ("id", "text", "probability")
    ]
    last = ["source"] if ending != ".parquet" else []
    head = ["position", "offset", "item", "id", "text", "surprisal"]
    assert list(columns) == [*head, *addresses, *guesses, *last]
    assert [int(v) for v in columns["position"]] == list(range(T))
    assert [int(v) for v in columns["id"]] == expected.ids.tolist()
    assert tuple(columns["text"]) == expected.pieces
    starts = [len("".join(expected.pieces[:t])) for t in range(T)]
    assert [int(v) for v in columns["offset"]] == starts
    items = ["".join(expected.pieces[:t]).count("\n") for t in range(T)]
    assert [int(v) for v in columns["item"]] == items
    assert len({*items}) == 2
    assert (np.array(columns["surprisal"], np.float32) == expected.surprisal).all()
    for address in addresses:
        (unit,) = parse_units(address, model)
        values = expected.arrays[unit.what][:, unit.layer, unit.index]
        assert (np.array(columns[address], np.float32) == values).all()
    for k in range(top):
        assert [int(v) for v in columns[f"next_id_{k + 1}"]] == expected.next_ids[:, k].tolist()
        texts = [expected.next_text[s] for s in expected.next_ids[:, k]]
        assert list(columns[f"next_text_{k + 1}"]) == texts
        chances = np.array(columns[f"next_probability_{k + 1}"], np.float32)
        assert (chances == expected.next_probabilities[:, k]).all()


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_a_text_table_names_its_model_in_every_row(ending, tmp_path):
    model = make_model().edited([charrnn.Edit("clamp", "L0.c.1", 1.0)])
    dump(model, "aaa", tmp_path / f"d{ending}")
    source = f"charrnn/3 lstm char {model.fingerprint} {model.edits[0]}"
    assert rows_of(tmp_path / f"d{ending}")["source"] == [source] * 3


def test_a_parquet_file_has_the_facts_as_metadata(tmp_path):
    from pyarrow import parquet

    model = make_model()
    dump(model, "aaa", tmp_path / "d.parquet")
    header = Header.from_json(parquet.read_schema(tmp_path / "d.parquet").metadata[b"charrnn"])
    assert (header.source, header.length) == (model.read("aaa").source, 3)


@every_ending
def test_what_is_written_does_not_depend_on_the_parts(ending, tmp_path):
    recording, found = make_model().read(TEXT, top=2), set()
    for length in (1, 7, 10_000):
        write_cut(recording, tmp_path / f"d{ending}", length)
        found.add((tmp_path / f"d{ending}").read_bytes())
    assert len(found) == 1


@every_ending
def test_saving_a_recording_is_dumping_its_text(ending, tmp_path):
    model = make_model()
    save(model.read(TEXT, top=2), tmp_path / f"saved{ending}")
    assert dump(model, TEXT, tmp_path / f"dumped{ending}", top=2) == len(TEXT)
    saved, dumped = ((tmp_path / f"{name}{ending}").read_bytes() for name in ("saved", "dumped"))
    assert saved == dumped


def test_a_part_of_a_text_keeps_its_place_in_it(tmp_path):
    _, part, *_ = record_parts(make_model("byte"), TEXT, length=9)
    for ending in SEEN_AGAIN:
        save(part, tmp_path / f"d{ending}")
        assert_same(Dump(tmp_path / f"d{ending}").read(keep=LETTERS), part)
    save(part, tmp_path / "d.csv")
    rows = rows_of(tmp_path / "d.csv")
    assert (rows["position"][0], rows["offset"][0]) == ("9", str(part.start_char))


LEVELS = st.sampled_from(["char", "byte"])


@pytest.mark.parametrize("ending", [*SEEN_AGAIN, ".csv", ".jsonl"])
@examples(25, suppress_health_check=list(HealthCheck))
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9), level=LEVELS)
def test_any_text_comes_back(ending, tmp_path, text, level):
    path = tmp_path / f"{level}{ending}"
    model = make_model(level, text)
    recording = record(model, text, keep={"h"})
    write_cut(recording, path, 3)
    if ending in SEEN_AGAIN:
        assert_same(Dump(path).read(keep="h"), recording)
    else:
        assert "".join(rows_of(path)["text"]) == text


def test_bytes_that_are_no_characters_come_back(tmp_path):
    model, text = make_model("byte"), b"a\xff\xe4b\xe4\xb8".decode("utf-8", "surrogateescape")
    for ending in SEEN_AGAIN:
        for whole in (text, text[-1]):  # the last is no text at all
            dump(model, whole, tmp_path / f"d{ending}")
            assert_same(Dump(tmp_path / f"d{ending}").read(keep=LETTERS), model.read(whole))


# --- what is chosen -------------------------------------------------------------------------------


@every_ending
def test_only_chosen_units_are_written_in_their_order(ending, tmp_path):
    model, path = make_model(), tmp_path / f"d{ending}"
    units = [Unit(1, "c", 2), Unit(0, "f", 0), Unit(1, "c", 0)]
    dump(model, TEXT, path, units=units)
    arrays = model.read(TEXT).arrays
    expected = np.stack([arrays[u.what][:, u.layer, u.index] for u in units], axis=1)
    if ending in TABLES:
        columns = rows_of(path)
        assert list(columns)[6:9] == ["L1.c.2", "L0.f.0", "L1.c.0"]
        assert (expected == np.array(list(columns.values())[6:9], np.float32).T).all()
        return
    found = Dump(path).read(keep="cf").arrays
    assert set(found) == {"c", "f"}
    there = np.stack([found[u.what][:, u.layer, u.index] for u in units], axis=1)
    assert (there == expected).all()
    assert np.isfinite(found["c"]).sum() == 2 * len(TEXT)  # the others are NaN
    if ending == ".npz":
        with np.load(path, allow_pickle=False) as file:
            assert file["units"].tolist() == list(map(str, units))
            assert (file["values"] == expected).all()
            assert not {*LETTERS} & {*file}
    else:
        assert (safetensors.numpy.load_file(path)["values"] == expected).all()


@pytest.mark.parametrize("ending", SEEN_AGAIN)
def test_only_chosen_arrays_are_written(ending, tmp_path):
    dump(make_model(), TEXT, tmp_path / f"d{ending}", what=["f"])
    found = Dump(tmp_path / f"d{ending}")
    assert found.header.arrays == ("f",)
    assert list(found.read(keep=LETTERS).arrays) == ["f"]


@pytest.mark.parametrize("count", [1, 5, 23, 34, len(TEXT), 999])
@pytest.mark.parametrize("ending", SEEN_AGAIN)
@pytest.mark.parametrize("level", ["char", "byte"])
def test_the_beginning_of_a_dump_is_the_dump_of_the_beginning(level, ending, count, tmp_path):
    model, path = make_model(level), tmp_path / f"d{ending}"
    dump(model, TEXT, path, top=2)
    found = Dump(path).read(keep="h", top=1, characters=count)
    begun = model.read(TEXT[:count], top=1)
    assert (found.text, found.pieces, found.start) == (TEXT[:count], begun.pieces, 0)
    assert found.following is None
    np.testing.assert_allclose(found.surprisal, begun.surprisal, rtol=1e-5)
    np.testing.assert_allclose(found.arrays["h"], begun.arrays["h"], atol=1e-6)
    assert (found.next_ids == begun.next_ids).all()


# --- a text as it was given -----------------------------------------------------------------------

GIVEN = "☕aé\n\n☕\n bc☕\nd☕☕\n☕"
READ = "a\n\n\n bc\nd\n"
OFFSETS = [1, 3, 4, 6, 7, 8, 9, 11, 12, 15]
ITEMS = [0, 0, 1, 2, 3, 3, 3, 3, 4, 4]
NUM_ITEMS = 6


def knowing(text=READ, **shape):
    """A model that knows these characters; by default neither ☕ nor é."""
    return random_model(text, seed=3, embedding_size=4, hidden_size=3, **shape)


def arrays_in(path):
    """The arrays of a dump, as other programs read them."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    return safetensors.numpy.load_file(path)


@every_ending
@pytest.mark.parametrize("length", [1, 4, 1024])
def test_what_is_left_out_stands_in_the_text_and_counts_in_its_places(
    ending, length, tmp_path, monkeypatch
):
    model, path = knowing(), tmp_path / f"d{ending}"
    monkeypatch.setattr("charrnn.interpret.recording.PART", length)
    monkeypatch.setattr(
        record_parts, "__kwdefaults__", record_parts.__kwdefaults__ | {"length": length}
    )
    assert dump(model, GIVEN, path, as_evaluated=True) == len(READ)
    if ending in TABLES:
        columns = rows_of(path)
        offsets, items = ([int(v) for v in columns[name]] for name in ("offset", "item"))
        assert "".join(columns["text"]) == READ
    else:
        arrays = arrays_in(path)
        offsets, items = arrays["offsets"].tolist(), arrays["items"].tolist()
        text = arrays["text"]
        text = text.item() if ending == ".npz" else text.astype("<u4").tobytes().decode("utf-32")
        assert text == GIVEN
        assert len(arrays["mean_h"]) == NUM_ITEMS
        assert_same(Dump(path).read(keep=LETTERS), model.read(READ))
        few = Dump(path).read(keep="h", characters=9)
        assert few.text == "a\n\n\n b"
    assert (offsets, items) == (OFFSETS, ITEMS)
    assert "".join(GIVEN[offset] for offset in offsets) == READ
    assert items == [GIVEN[:offset].count("\n") for offset in offsets]


def test_unknown_characters_are_refused_unless_they_are_to_be_left_out(tmp_path):
    with pytest.raises(DataError, match="☕"):
        dump(knowing(), GIVEN, tmp_path / "d.npz")
    with pytest.raises(DataError, match="no text"):
        dump(knowing(), "☕☕", tmp_path / "d.npz", as_evaluated=True)
    dump(knowing(), "a\udcff\ud800c", tmp_path / "d.npz", as_evaluated=True)
    assert arrays_in(tmp_path / "d.npz")["text"].item() == "a\ufffd\ufffdc"
    with_unknown = random_model(Vocabulary("char", [97], has_unknown=True))
    dump(with_unknown, "a☕a", tmp_path / "d.npz", as_evaluated=True)
    assert arrays_in(tmp_path / "d.npz")["offsets"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("level", ["char", "byte"])
@pytest.mark.parametrize("item_end", ["\n", "\x1e"])
def test_of_empty_items_nothing_is_read_and_the_surprisal_is_that_of_evaluate(
    level, item_end, tmp_path
):
    text = "\n\nab\n\n☕\nb☕\n\n".replace("\n", item_end)
    if level == "byte":
        text = text.replace("☕", "")
    model = make_model("byte") if level == "byte" else knowing("ab\n\x1e")
    assert dump(model, text, tmp_path / "d.npz", as_evaluated=True, item_end=item_end) == 5
    arrays = arrays_in(tmp_path / "d.npz")
    known = "".join(f"{item}{item_end}" for item in ("ab", "b"))
    result = charrnn.evaluate(model, known, item_end=item_end)
    assert result.characters == 5
    bits = result.total_nats / np.log(2)
    assert arrays["surprisal"].sum() == pytest.approx(bits, rel=1e-5)
    if level == "char":
        assert arrays["text"].item() == text
        assert arrays["offsets"].tolist() == [2, 3, 4, 8, 10]
        assert arrays["items"].tolist() == [2, 2, 2, 5, 5]
        means = arrays["mean_h"]
        assert np.isnan(means).all(axis=(1, 2)).tolist() == [
            True,
            True,
            False,
            True,
            True,
            False,
            True,
        ]
    else:
        assert arrays["text"].item() == known
    assert "".join(Dump(tmp_path / "d.npz").read().text) == known


def of_items(values, text, item_end):
    """The mean and the last value of each item of a text, without its end; NaN for none."""
    means, lasts, at = [], [], 0
    items = text.split(item_end)
    for item in items if items[-1] else items[:-1]:
        own = values[at : at + len(item)].astype(np.float64)
        at += len(item) + 1
        nothing = np.full(values.shape[1:], np.nan)
        means.append(own.mean(0) if len(own) else nothing)
        lasts.append(own[-1] if len(own) else nothing)
    return np.array(means), np.array(lasts)


ITEM_TEXTS = ("ab\n\nb\nabab\n", "\n\na", "abab", "\n", "a\n" * 9 + "b")


@pytest.mark.parametrize("ending", SEEN_AGAIN)
@pytest.mark.parametrize("item_end", [None, "\n", "\x1e"])
@pytest.mark.parametrize("text", ITEM_TEXTS)
def test_a_dump_has_the_mean_and_the_last_state_of_each_item(ending, item_end, text, tmp_path):
    model, path = knowing("ab\n\x1e"), tmp_path / f"d{ending}"
    text = text.replace("\n", item_end or "\n")
    recording = record(model, text, item_end=item_end)
    dump(model, text, path, item_end=item_end)
    arrays = arrays_in(path)
    assert arrays["offsets"].tolist() == list(range(len(text)))
    assert arrays["items"].tolist() == [text[:t].count(item_end or "\n") for t in range(len(text))]
    for letter, values in recording.arrays.items():
        means, lasts = of_items(values, text, item_end or "\n")
        np.testing.assert_allclose(arrays[f"mean_{letter}"], means, rtol=1e-5, atol=1e-7)
        np.testing.assert_array_equal(arrays[f"last_{letter}"], lasts.astype(np.float32))
    assert_same(Dump(path).read(keep=LETTERS), recording)


@pytest.mark.parametrize("ending", SEEN_AGAIN)
def test_chosen_units_have_a_mean_and_a_last_value_too(ending, tmp_path):
    model, path, text = knowing("ab\n"), tmp_path / f"d{ending}", ITEM_TEXTS[0]
    dump(model, text, path, units=[Unit(1, "c", 2), Unit(0, "h", 1)])
    arrays = arrays_in(path)
    means, lasts = of_items(arrays["values"], text, "\n")
    np.testing.assert_allclose(arrays["mean_values"], means, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(arrays["last_values"], lasts.astype(np.float32))
    assert not {"mean_h", "last_c"} & {*arrays}


@given(st.text("ab\n☕", min_size=1, max_size=30), st.integers(1, 31))
def test_places_and_items_do_not_depend_on_the_parts(text, length):
    model = knowing("ab\n")
    given = Given.of(model.vocabulary, text)
    read = given.read_text
    assert read == text.replace("☕", "")
    size = given.size()
    assert size == (len(read), len(text), len(text.splitlines()))
    if not read:
        return
    values = np.random.default_rng(len(text)).normal(size=(len(read), 2)).astype(np.float32)
    states, found, points, places = ItemStates(size.items, (2,)), [], [], []
    parts = list(placed(record_parts(model, read, length=length), given))
    for part in parts:
        at = part.recording.start
        found.append(states.add(values[at : at + length], part))
        points += part.points.tolist()
        places += part.offsets.tolist()
    assert "".join(map(chr, points)) == text
    assert "".join(text[place] for place in places) == read
    found.append(states.finish())
    means, lasts = (np.concatenate(some) for some in zip(*found, strict=True))
    known = "\n".join(line.replace("☕", "") for line in text.split("\n"))
    expected = of_items(values, known, "\n")
    for ours, theirs in ((means, expected[0]), (lasts, expected[1])):
        rest = np.full((size.items - len(theirs), 2), np.nan)  # a last line of unknown characters
        np.testing.assert_allclose(ours, np.concatenate([theirs.reshape(-1, 2), rest]), rtol=1e-5)


@pytest.mark.parametrize("raw", [b"a\xff\xe4\nb", "é\n\n中🙂".encode(), b"\xe4"])
def test_bytes_have_items_and_a_size(raw, tmp_path):
    model = make_model("byte")
    text = raw.decode("utf-8", "surrogateescape")
    characters = len(model.read(text).text)
    assert size_of(model, text) == (len(raw), characters, raw.count(b"\n") + 1)
    dump(model, text, tmp_path / "d.npz", as_evaluated=True)
    found = arrays_in(tmp_path / "d.npz")
    assert found["items"].tolist() == [raw[:t].count(b"\n") for t in range(len(raw))]
    means, _ = of_items(model.read(text).arrays["h"], raw.decode("latin-1"), "\n")
    np.testing.assert_allclose(found["mean_h"], means, rtol=1e-5, atol=1e-7)
    assert_same(Dump(tmp_path / "d.npz").read(keep=LETTERS), model.read(text))


# --- other readers --------------------------------------------------------------------------------


def test_zip_tools_and_numpy_read_an_npz(tmp_path):
    model = make_model()
    dump(model, TEXT, tmp_path / "d.npz", top=2)
    with zipfile.ZipFile(tmp_path / "d.npz") as archive:
        assert archive.testzip() is None
    with np.load(tmp_path / "d.npz", allow_pickle=False) as file:
        assert file["text"].item() == TEXT
        assert file["offsets"].tolist() == list(range(len(TEXT)))
        assert json.loads(file["header"].item())["source"]["fingerprint"] == model.fingerprint


def test_safetensors_reads_its_own(tmp_path):
    model = make_model()
    dump(model, TEXT, tmp_path / "d.safetensors")
    found = safetensors.numpy.load_file(tmp_path / "d.safetensors")
    assert found["text"].astype("<u4").tobytes().decode("utf-32-le") == TEXT
    assert (found["o"] == model.read(TEXT).arrays["o"]).all()


def test_numbers_that_are_not_finite_are_valid_json(tmp_path):
    recording = make_model().read("aaa")
    arrays = {"h": recording.arrays["h"].copy()}
    arrays["h"][1, 0] = np.nan, np.inf, -np.inf
    broken = dataclasses.replace(recording, arrays=arrays)
    save(broken, tmp_path / "d.jsonl")
    lines = (tmp_path / "d.jsonl").read_text().splitlines()
    rows = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    assert [rows[1][f"L0.h.{k}"] for k in range(3)] == [None] * 3
    assert np.float32(rows[1]["L1.h.0"]) == arrays["h"][1, 1, 0]
    save(broken, tmp_path / "d.csv")
    values = np.array(rows_of(tmp_path / "d.csv")["L0.h.1"], np.float32)
    np.testing.assert_array_equal(values, arrays["h"][:, 0, 1])


# --- memory and disks -----------------------------------------------------------------------------


def parts_of(recording, count):
    """The recording again and again, so that together they are a long text."""
    T = len(recording.ids)
    for k in range(count):
        yield dataclasses.replace(recording, start=k * T, start_char=k * T)


@every_ending
def test_memory_does_not_grow_with_the_text(ending, tmp_path, monkeypatch):
    monkeypatch.setattr("charrnn.interpret.dumps.tables.ROW_GROUP", 1 << 16)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    recording = make_model().read(TEXT * 2)
    T = len(recording.ids)

    def peak(count):
        path = tmp_path / f"d{count}{ending}"
        tracemalloc.start()
        write(path, parts_of(recording, count), Size(count * T, count * T, count * 4))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found, path.stat().st_size

    peak(2)
    (few, small), (many, large) = peak(10), peak(100)
    assert large > 6 * small > 1e5
    assert many - few < 0.1 * (large - small)


class FullDisk(io.RawIOBase):
    def write(self, _):
        raise OSError(28, "No space left on device")

    def writable(self):
        return True

    def seekable(self):
        return True

    def seek(self, *_):
        return 0

    def truncate(self, *_):
        return 0


@every_ending
def test_a_full_disk_is_an_error_in_a_line_and_leaves_the_old_file(
    ending, tmp_path, monkeypatch, wording
):
    path = tmp_path / f"d{ending}"
    path.write_text("old")
    monkeypatch.setattr("charrnn.files.create", lambda _: FullDisk())
    with wording.raises(EnvironmentFault) as caught:
        save(make_model().read(TEXT), path)
    assert "\n" not in caught.value.message
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    ("ending", "module"), [(".parquet", "pyarrow"), ("", "h5py")], ids=["parquet", "lstmvis"]
)
def test_what_an_extra_installs_is_named(ending, module, tmp_path, monkeypatch, wording):
    monkeypatch.setitem(sys.modules, module, None)
    with wording.raises(EnvironmentFault):
        if ending:
            dump(make_model(), TEXT, tmp_path / f"d{ending}")
        else:
            write_folder(make_model(), TEXT, tmp_path / "d")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["d", "d.txt", "d.NPZ", "d.npz.gz", ".npz"])
def test_an_ending_that_nobody_knows_is_refused_with_those_there_are(name, tmp_path, wording):
    with wording.raises(UsageError):
        dump(make_model(), TEXT, tmp_path / name)
    assert not list(tmp_path.iterdir())


# --- files that are not what they seem ------------------------------------------------------------


@pytest.mark.parametrize("ending", SEEN_AGAIN)
def test_a_damaged_dump_is_refused_wherever_it_is_cut(ending, tmp_path, wording):
    path = tmp_path / f"d{ending}"
    dump(make_model(), TEXT, path, top=1)
    content = path.read_bytes()
    for size in (*range(0, len(content), 97), len(content) - 1):
        path.write_bytes(content[:size])
        with wording.raises(DataError) as caught:
            Dump(path).read(keep=LETTERS, top=1)
        assert "\n" not in caught.value.message


@pytest.mark.parametrize("ending", SEEN_AGAIN)
@examples(60, suppress_health_check=list(HealthCheck))
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_a_byte_that_changed_is_found_or_harmless(tmp_path, ending, place, value):
    """In a .safetensors file, which has no checksum, it may be harmless or change a value."""
    path, model = tmp_path / f"d{ending}", make_model()
    dump(model, TEXT, path)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] = value
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        found = Dump(path).read(keep=LETTERS)
        if ending == ".npz":
            assert_same(found, model.read(TEXT))


def test_a_number_that_changed_in_an_npz_is_found(tmp_path):
    path, recording = tmp_path / "d.npz", make_model().read(TEXT)
    save(recording, path)
    content = path.read_bytes()
    for values in (recording.surprisal, recording.arrays["h"], recording.arrays["o"]):
        place = content.index(values.tobytes()[-8:])
        path.write_bytes(content[:place] + b"\0" + content[place + 1 :])
        with pytest.raises(DataError, match="damaged"):
            Dump(path).read(keep=LETTERS)


def change(path, **changed):
    """Replace arrays of an .npz, or header of it."""
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    header = json.loads(arrays["header"].item())
    header |= {k: v for k, v in changed.items() if k in (*header, "version")}
    arrays |= {"header": np.array(json.dumps(header))}
    arrays |= {k: v for k, v in changed.items() if k not in header}
    np.savez_compressed(path, **{k: v for k, v in arrays.items() if v is not None})


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("units", [None, [Unit(0, "h", 2), Unit(1, "c", 0)]])
@pytest.mark.parametrize("item_end", [None, "\n"])
def test_a_dump_of_an_earlier_version_is_read_too(version, units, item_end, tmp_path):
    """It has no items, and in a model of lines it counted the newline before the text."""
    model, old = make_model(), tmp_path / "old.npz"
    dump(model, TEXT, old, units=units, top=2, item_end=item_end)
    expected = Dump(old).read(keep="hc", top=2)
    with np.load(old, allow_pickle=False) as file:
        of_items = [name for name in file if name.startswith(("items", "mean_", "last_"))]
        offsets, surprisal = file["offsets"], file["surprisal"]
        header = json.loads(file["header"].item())
    assert len(of_items) > 2
    first = int(item_end is not None)
    del header["items"]
    header |= {"version": version, "start_char": first}
    older = {"bits": surprisal, "surprisal": None, "facts": np.array(json.dumps(header))}
    older |= {"header": None} if version == 1 else {}
    names = older if version == 1 else {"header": np.array(json.dumps(header))}
    with np.load(old, allow_pickle=False) as file:
        arrays = dict(file) | {"offsets": offsets + first} | dict.fromkeys(of_items) | names
    np.savez(old, **{name: array for name, array in arrays.items() if array is not None})
    assert_same(Dump(old).read(keep="hc", top=2), dataclasses.replace(expected, start_char=first))
    few = Dump(old).read(keep="hc", characters=7)
    assert few.text == TEXT[:7]


def test_a_dump_that_somebody_compressed_is_read_too(tmp_path):
    dump(make_model(), TEXT, tmp_path / "d.npz")
    change(tmp_path / "d.npz")
    assert_same(Dump(tmp_path / "d.npz").read(keep=LETTERS), make_model().read(TEXT))


@pytest.mark.parametrize(
    "changed",
    [
        {"version": 5},
        {"format": "a song"},
        {"length": 10**15},
        {"length": -1},
        {"items": 0},
        {"items": -1},
        {"offsets": np.zeros(len(TEXT), np.int64)},
        {"offsets": np.arange(len(TEXT)) + 1},
        {"hidden_size": 4},
        {"arrays": ["h", "zz"]},
        {"arrays": 3},
        {"units": ["L0.c.99"]},
        {"source": {}},
        {"source": dataclasses.asdict(recorded_model(make_model())) | {"states": []}},
        {"length": float("inf")},
        {"symbols": ["a"]},
        {"characters": 5},
        {"ids": np.full(len(TEXT), -1, np.int32)},
        {"ids": np.zeros(len(TEXT), np.float32)},
        {"ids": None},
        {"offsets": np.arange(len(TEXT))[::-1]},
        {"surprisal": np.array([{}] * len(TEXT))},
    ],
)
def test_a_dump_that_contradicts_itself_is_refused(changed, tmp_path, wording):
    dump(make_model(), TEXT, tmp_path / "d.npz")
    change(tmp_path / "d.npz", **changed)
    with wording.raises(DataError) as caught:
        Dump(tmp_path / "d.npz").read(keep=LETTERS)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("ending", SEEN_AGAIN)
@pytest.mark.parametrize(
    "lie",
    [
        *({"length": 10**9}, {"characters": 10**9}, {"items": 10**9}, {"predictions": 9}),
        {"layers": 64, "hidden_size": 65_536},
    ],
    ids=str,
)
def test_the_header_of_chosen_units_is_not_believed(lie, ending, tmp_path, monkeypatch, wording):
    """What it says is compared with the arrays before memory is taken for it, and a network is not larger than that."""
    monkeypatch.setattr("charrnn.text.sources.MAX_EXPANSION", 1_000_000)
    path, record_of = tmp_path / f"d{ending}", Header.record
    with monkeypatch.context() as patch:
        patch.setattr(Header, "record", lambda self: record_of(self) | lie)
        dump(make_model(), TEXT, path, units=[Unit(0, "h", 2)])
    tracemalloc.start()
    with wording.raises(DataError):
        Dump(path).read(keep="h")
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()


def test_a_pickle_is_never_loaded(tmp_path, wording):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was loaded",))

    np.savez(tmp_path / "d.npz", header=np.array([Trap()], dtype=object))
    with wording.raises(DataError):
        Dump(tmp_path / "d.npz")


@pytest.mark.parametrize("name", ["d.npz", "d.safetensors"])
def test_a_foreign_file_is_refused(name, tmp_path, tiny_model, wording):
    arrays = {"a": np.zeros(3, np.float32)}
    np.savez(tmp_path / "d.npz", **arrays)
    safetensors.numpy.save_file(arrays, tmp_path / "d.safetensors")
    with wording.raises(DataError):
        Dump(tmp_path / name)
    (tmp_path / name).unlink()
    with wording.raises(DataError):
        Dump(tmp_path / name)
    (tmp_path / name).mkdir()
    with wording.raises(DataError):
        Dump(tmp_path / name)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["pipe.npz", "pipe.safetensors", "zero.npz", "zero.safetensors"])
def test_a_dump_is_a_regular_file(name, tmp_path, wording):
    """A pipe may never be written to, and a device never end."""
    if name.startswith("pipe"):
        os.mkfifo(tmp_path / name)
    else:
        (tmp_path / name).symlink_to("/dev/zero")
    with wording.raises(DataError):
        Dump(tmp_path / name)


# --- LSTMVis --------------------------------------------------------------------------------------


def open_like_lstmvis(folder):
    """A reader that goes the way of LSTMVis's data handler: configuration, dictionaries, arrays by their paths.

    Returns:
        The words of the text, the states by (type, layer, path), and the configuration.
    """
    import h5py

    config = json.loads((folder / "lstm.yml").read_bytes())
    if find_spec("yaml"):
        import yaml

        assert yaml.safe_load((folder / "lstm.yml").read_bytes()) == config
    files = {k: folder / v for k, v in config["files"].items()}
    arrays = {k: h5py.File(v, "r") for k, v in files.items() if v.suffix in (".h5", ".hdf5")}
    words = {}
    for line in files[config["word_sequence"]["dict_file"]].read_bytes().splitlines():
        word, number = line.split()
        words[int(number)] = word.decode()
    assert len(set(words.values())) == len(words)
    sequence = arrays[config["word_sequence"]["file"]][config["word_sequence"]["path"]]
    states = {
        (t["type"], t["layer"], t["path"]): arrays[config["states"]["file"]][t["path"]][()]
        for t in config["states"]["types"]
    }
    track = config["meta"]["surprisal"]
    bits = arrays[track["file"]][track["path"]][()]
    found = [words[x] for x in sequence[()].tolist()], states, bits, config
    for file in arrays.values():
        file.close()
    return found


@pytest.mark.parametrize("level", ["char", "byte"])
def test_lstmvis_reads_the_text_and_both_signs_of_every_state(level, tmp_path, monkeypatch):
    monkeypatch.setattr("charrnn.interpret.recording.PART", 16)
    model = make_model(level)
    recording = model.read(TEXT)
    assert write_folder(model, TEXT, tmp_path / "paren") == len(recording.ids)
    words, states, bits, config = open_like_lstmvis(tmp_path / "paren")
    assert (config["name"], len(words)) == ("paren", len(recording.ids))
    stand_ins = {" ": "␣", "\n": "↵", "\t": "→", "\r": "␍", "\x00": "␀"}
    if level == "char":
        assert words == [stand_ins.get(c, c) for c in TEXT]
    else:
        assert "".join(w for w in words if len(w) == 1) == "".join(
            stand_ins.get(c, c) for c in TEXT if c < "\x80"
        )
    np.testing.assert_allclose(bits, recording.surprisal, rtol=1e-5)
    expected = [("output", 1, "h1"), ("output", 2, "h2"), ("state", 1, "c1"), ("state", 2, "c2")]
    assert list(states) == expected
    for (_, layer, path), values in states.items():
        assert values.min() >= 0
        signed = values[:, :3] - values[:, 3:]
        assert (signed == recording.arrays[path[0]][:, layer - 1]).all()
        assert (values[:, :3] * values[:, 3:] == 0).all()


def test_lstmvis_gets_the_gate_that_is_asked_for(tmp_path):
    write_folder(make_model(), TEXT, tmp_path / "f", what=["f"])
    _, states, *_ = open_like_lstmvis(tmp_path / "f")
    assert list(states) == [("state", 1, "f1"), ("state", 2, "f2")]


def test_a_stand_in_that_the_text_has_itself_is_not_used():
    assert shown_words([" ", "\t", "→", "\xa0", "a"]) == ["␣", "U+0009", "→", "U+00A0", "a"]


def test_a_folder_for_lstmvis_is_whole_or_not_there(tmp_path, monkeypatch, wording):
    def fail(*_):
        raise OSError(28, "a long story of h5py, errno = 28, and more")

    monkeypatch.setattr("charrnn.interpret.dumps.lstmvis._write_arrays", fail)
    with wording.raises(EnvironmentFault):
        write_folder(make_model(), TEXT, tmp_path / "d")
    assert not list(tmp_path.iterdir())


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def see(workplace, monkeypatch, capsys):
    """`charrnn visualize ARGUMENTS` beside the corpus and its two runs."""
    monkeypatch.chdir(workplace)
    return lambda *arguments, status=0: call_charrnn(capsys, "visualize", *arguments, status=status)


SHOWN = [
    (),
    ("--what", "f"),
    ("--unit", "L0.c.3", "--unit", "L1.h.*"),
    ("--unit", "L*.o.0-5", "--sort", "similarity", "--color", "truecolor"),
    ("--surprisal",),
    ("--surprisal", "--what", "c", "--color", "256", "--width", 33),
    ("--predictions", 3),
    ("--predictions", 2, "--unit", "L1.g.7", "--color", "16"),
    ("--max-chars", 9, "--predictions", 1),
]


@pytest.mark.parametrize("ending", SEEN_AGAIN)
@pytest.mark.parametrize("run", ["tiny", "bytes"])
def test_a_dump_shows_what_the_model_shows_byte_for_byte(run, ending, see, tmp_path):
    text = "def wrap(text):\n    return 'a'\n" + ("é中🙂\x1b" if run == "bytes" else "")
    path = tmp_path / f"d{ending}"
    see(run, text, "--dump", path, "--predictions", 3, "-q")
    for options in SHOWN:
        asked = see("--from", path, *options)
        shown = see(run, text, *options)
        assert asked.out == shown.out != ""
        assert asked.err == shown.err


def test_a_dump_of_chosen_units_shows_those(see, tmp_path, wording):
    path, text = tmp_path / "d.npz", "import re"
    see("tiny", text, "--dump", path, "--unit", "L0.c.0-7", "--unit", "L1.f.3", "-q")
    for options in (("--unit", "L0.c.5"), ("--unit", "L1.f.3", "--surprisal"), ("--surprisal",)):
        assert see("--from", path, *options).out == see("tiny", text, *options).out
    assert (
        see("--from", path, "--unit", "L0.c.2-4").out == see("tiny", text, "--unit", "L0.c.2-4").out
    )
    wording(see("--from", path, "--unit", "L0.c.8", status=2))
    first = ("--unit", "L0.c.0", "--unit", "L0.c.1", "--unit", "L0.c.2")
    assert see("--from", path).out == see("tiny", text, *first).out
    wording(see("--from", path, "--what", "c", status=2))


@pytest.mark.parametrize("ending", SEEN_AGAIN)
def test_gates_of_a_dump_are_those_of_the_model(ending, see, capsys, tmp_path, wording):
    def gates(*arguments, status=0):
        return call_charrnn(capsys, "gates", *arguments, status=status)

    path, read = tmp_path / f"d{ending}", ("--max-chars", 700)
    see("tiny", "corpus.txt", "--dump", path, "--max-chars", 900, "-q")
    asked = gates("--from", path, *read, "--csv", tmp_path / "again.csv")
    shown = gates("tiny", "corpus.txt", *read, "--csv", tmp_path / "model.csv")
    assert asked.out == shown.out != ""
    wording(asked)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "model.csv").read_bytes()
    wording(gates("--from", path, "tiny", status=2))
    wording(gates("--from", path, "--steer", "L0.h.1=1", status=2))
    see("tiny", "abc", "--dump", path, "--what", "f", "-q")
    wording(gates("--from", path, status=2))


def data_in(path):
    """What a page shows."""
    return json.loads(re.search(r'id="data">(.*?)</script>', path.read_text("utf-8"))[1])


@pytest.mark.parametrize("options", [(), ("--what", "c", "--unit", "L0.f.2"), ("--surprisal",)])
def test_the_page_of_a_dump_is_the_model_s(options, see, tmp_path):
    dump, again, page = (tmp_path / name for name in ("tiny.npz", "again.html", "model.html"))
    see("tiny", "corpus.txt", "--dump", dump, "--max-chars", 300, "--predictions", 5, "-q")
    see("--from", dump, "--html", again, *options)
    see("tiny", "corpus.txt", "--html", page, "--max-chars", 300, "--no-saliency", *options)
    of_dump, of_model = data_in(again), data_in(page)
    assert of_dump.pop("origin")["read"] == of_model.pop("origin")["read"]  # a dump keeps no name
    assert of_dump == of_model


def test_the_page_of_a_dump_has_what_the_dump_has(see, tmp_path):
    dump, page = tmp_path / "d.npz", tmp_path / "d.html"
    see("tiny", "import re", "--dump", dump, "--unit", "L0.c.0-1", "--unit", "L1.f.3", "-q")
    see("--from", dump, "--html", page)
    data = data_in(page)
    assert {unit["name"] for unit in data["units"]} == {"L0.c.0", "L0.c.1", "L1.f.3"}
    assert (data["gates"], data["title"]) == ([], "d")
    assert "L1.f.3" in see("--from", dump, "--html", page, "--what", "c", status=2).err
    see("tiny", "import re", "--dump", dump, "--what", "f", "-q")
    see("--from", dump, "--html", page)
    assert {unit["what"] for unit in data_in(page)["units"]} == {"f"}


def test_guesses_are_dumped_beside_chosen_units(see, tmp_path, tiny_model):
    path = tmp_path / "d.npz"
    see("tiny", "import", "--dump", path, "--unit", "L*.c.0-7", "--predictions", 2, "-q")
    with np.load(path, allow_pickle=False) as file:
        assert file["values"].shape == (6, 16)
        assert (file["next_ids"] == tiny_model.read("import", top=2).next_ids).all()


def test_a_dump_of_one_array_shows_that(see, tmp_path, wording):
    path = tmp_path / "d.safetensors"
    see("tiny", "import re", "--dump", path, "--what", "c", "-q")
    assert see("--from", path, "--what", "c").out == see("tiny", "import re", "--what", "c").out
    assert see("--from", path).out == see("--from", path, "--what", "c").out
    wording(see("--from", path, "--what", "h", status=2))
    wording(see("--from", path, "--unit", "L0.f.1", status=2))


@pytest.mark.parametrize(
    ("arrays", "memory"), [("hcifgo", "c"), ("hi", "h"), ("gi", "g"), ("", "c")]
)
def test_units_of_a_dump_are_chosen_among_the_memory_if_it_is_there(arrays, memory):
    recording = record(make_model(), TEXT, keep=set(arrays))
    recording = dataclasses.replace(
        recording, arrays={letter: recording.arrays[letter] for letter in arrays}
    )
    assert Header.of(recording, Size(len(TEXT), len(TEXT), 2), None).memory == memory


def test_a_long_dump_is_shortened_as_a_long_text_is(see, tmp_path, wording):
    see("tiny", "corpus.txt", "--dump", tmp_path / "d.npz", "--what", "h", "-q")
    asked = see("--from", tmp_path / "d.npz", "--unit", "L0.h.1")
    shown = see("tiny", "corpus.txt", "--unit", "L0.h.1")
    assert asked == shown
    wording(asked)


def test_edits_go_along(see, tmp_path):
    options = ("--unit", "L0.c.3")
    see("tiny", "abc", "--clamp", "L0.c.3=0.5", "--dump", tmp_path / "d.npz", "-q")
    assert "+0.50 to +0.50 here" in see("--from", tmp_path / "d.npz", *options).out
    assert Dump(tmp_path / "d.npz").header.source.edits == ("clamp L0.c.3=+0.5",)


def test_a_folder_for_lstmvis_comes_from_the_command(see, tmp_path, wording):
    result = see("tiny", "import re", "--lstmvis", tmp_path / "d")
    assert (result.out, "9 characters" in result.err) == ("", True)
    words, states, *_ = open_like_lstmvis(tmp_path / "d")
    assert words == list("import␣re")
    assert len(states) == 4
    wording(see("tiny", "a", "--lstmvis", tmp_path / "d", status=2))
    (tmp_path / "empty").mkdir()
    see("tiny", "import re", "--lstmvis", tmp_path / "empty", "--what", "i", "-q")
    assert len(open_like_lstmvis(tmp_path / "empty")[1]) == 2


@pytest.mark.parametrize("options", [("--dump", "d.npz"), ("--dump", "d.csv"), ("--lstmvis", "d")])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing_half_written(options, number, workplace, tmp_path):
    text = tmp_path / "long.txt"
    text.write_text(make_text(400_000))
    best = workplace / "checkpoints" / "tiny"
    asked = program("visualize", best, text, *options, "-q")
    with subprocess.Popen(asked, cwd=tmp_path, env=CLEAN, preexec_fn=own_signals) as process:
        while not list(tmp_path.glob(".d*")):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
    assert process.returncode == -number
    assert [path.name for path in tmp_path.iterdir()] == ["long.txt"]


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
@pytest.mark.parametrize("options", [(), ("--unit", "L0.c.1"), ("--predictions", "3")])
def test_the_size_of_a_large_dump_is_said_first(ending, options, see, tmp_path, monkeypatch):
    monkeypatch.setattr("charrnn.cli.visualize.dumps.LARGE", 1000)
    path = tmp_path / f"d{ending}"
    said = see("tiny", typed(TEXT.replace("\0", "") * 200), "--dump", path, *options).err
    assert said.index("will take") < said.index("wrote")
    number, unit = re.search(r"will take ([\d.]+) (kB|MB) or more", said).groups()
    expected = float(number) * {"kB": 1e3, "MB": 1e6}[unit]
    assert expected * 0.95 <= path.stat().st_size <= expected * 1.05


def test_a_pager_gets_all_of_a_dump(see, tmp_path, monkeypatch):
    pages = []
    monkeypatch.setattr("charrnn.cli.visualize.pager.page", pages.extend)
    see("tiny", typed(make_text(2500)), "--dump", tmp_path / "d.npz", "--unit", "L0.c.3")
    see("--from", tmp_path / "d.npz", "--unit", "L0.c.3", "--pager")
    direct = see("--from", tmp_path / "d.npz", "--unit", "L0.c.3", "--max-chars", 2500).out
    assert pages == direct.splitlines()
    assert len(direct) > len(see("--from", tmp_path / "d.npz", "--unit", "L0.c.3").out)


def test_a_dump_that_would_not_fit_into_memory_is_refused(see, tmp_path, monkeypatch, wording):
    see("tiny", typed(TEXT.replace("\0", "")), "--dump", tmp_path / "d.npz", "--unit", "L0.c.3")
    monkeypatch.setattr("charrnn.cli.reading.free_memory", lambda: 1e3)
    wording(see("--from", tmp_path / "d.npz", status=6))


def test_lstmvis_takes_the_folder_where_one_is(see, tmp_path, monkeypatch):
    place = tmp_path / "here"
    place.mkdir()
    best = Path("checkpoints/tiny").absolute()
    monkeypatch.chdir(place)
    see(best, "import re", "--lstmvis", ".", "-q")
    assert open_like_lstmvis(place)[0] == list("import␣re")


@pytest.mark.parametrize(
    "options",
    [
        ("--from", "D", "tiny"),
        ("--from", "D", "some text"),
        ("--from", "D", "--clamp", "L0.c.1=1"),
        ("--from", "D", "--steer", "L0.c.1=1"),
        ("--from", "D", "--dump", "x.npz"),
        ("--from", "D", "--diagram"),
        ("--from", "D", "--follow"),
        ("--from", "D", "--html", "x.html", "--pager"),
        ("--from", "D", "--html", "x.txt"),
        ("--from", "D", "--predictions", "2"),
        ("--from", "D", "--unit", "L9.c.1"),
        ("--from", "D", "--what", "z"),
        ("--from", "corpus.txt"),
        ("tiny", "a", "--dump", "D", "--surprisal"),
        ("tiny", "a", "--dump", "D", "--color", "16"),
        ("tiny", "a", "--dump", "D", "--width", "16"),
        ("tiny", "a", "--dump", "D", "--unit", "L0.c.*", "--sort", "interest"),
        ("tiny", "a", "--dump", "D", "--lstmvis", "x"),
        ("tiny", "a", "--lstmvis", "x", "--unit", "L0.c.1"),
        ("tiny", "a", "--lstmvis", "x", "--predictions", "1"),
        ("tiny", "a", "--lstmvis", "nowhere/x"),
        ("tiny", "a", "--dump", "x.pickle"),
    ],
)
def test_what_cannot_be_obeyed_is_refused(options, see, tmp_path, wording):
    path = tmp_path / "d.npz"
    see("tiny", "abc", "--dump", path, "--predictions", 1, "-q")
    content = path.read_bytes()
    result = see(*(path if o == "D" else o for o in options), status=2)
    wording(result)
    assert result.out == ""
    assert path.read_bytes() == content


@every_ending
def test_a_dump_takes_the_place_of_a_dump_only(ending, see, tmp_path, wording):
    path = tmp_path / f"d{ending}"
    for text in ("import re", "abc"):
        see("tiny", text, "--dump", path, "-q")
    size = path.stat().st_size
    content = Path("checkpoints/tiny/best.safetensors").read_bytes()
    path.write_bytes(content)
    for options in ((), ("--unit", "L0.c.1")):
        result = see("tiny", "abc", "--dump", path, "-q", *options, status=2)
        wording(result)
    assert path.read_bytes() == content
    path.write_bytes(b"")
    see("tiny", "abc", "--dump", path, "-q")
    assert path.stat().st_size == size


def test_a_dump_that_cannot_fit_is_refused_before_the_reading(see, tmp_path, monkeypatch, wording):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    for option in ("--dump", "--lstmvis"):
        result = see("tiny", "import re", option, tmp_path / "d.npz", "-q", status=6)
        wording(result)
    assert not list(tmp_path.iterdir())
    see("tiny", "import re", "--dump", tmp_path / "d.npz", "--unit", "L0.c.1", "-q")


def test_showing_a_dump_needs_no_checkpoint(see, tmp_path, monkeypatch):
    see("tiny", "import re", "--dump", tmp_path / "d.npz", "-q")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("charrnn.cli.reading.open_checkpoint", pytest.fail)
    assert "L0.h.1   " in see("--from", "d.npz", "--unit", "L0.h.1").out


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_a_flipped_bit_changes_nothing_that_is_shown_or_is_refused(ending, tmp_path):
    path = tmp_path / f"d.{ending}"
    dump(make_model(), TEXT, path, top=2)
    good, content = as_bytes(Dump(path)), path.read_bytes()
    draw = np.random.default_rng(3)
    refused = 0
    for at in draw.integers(0, len(content), 200):
        flipped = bytearray(content)
        flipped[at] ^= 1 << int(draw.integers(8))
        path.write_bytes(flipped)
        try:
            assert as_bytes(Dump(path)) == good, at
        except DataError:
            refused += 1
    assert refused > 100


def as_bytes(dump):
    """All that a dump shows."""
    read = dump.read(keep=dump.header.arrays, top=2)
    arrays = [read.ids, read.surprisal, read.next_ids, read.next_probabilities]
    arrays += [read.arrays[name] for name in dump.header.arrays]
    return dump.header, read.text, read.pieces, [array.tobytes() for array in arrays]


def test_a_dump_without_its_checksums_is_refused(tmp_path):
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    path = tmp_path / "d.safetensors"
    dump(make_model(), TEXT, path)
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    save_file(load_file(path), path, metadata)
    Dump(path).read()
    del metadata["crc32"]
    save_file(load_file(path), path, metadata)
    with pytest.raises(DataError):
        Dump(path)
