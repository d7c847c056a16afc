"""Columns of Parquet and Arrow tables, and datasets on the disk: each value a text of its own."""

import dataclasses
import io
import json
import os
import sys
from pathlib import Path

import pytest

from charrnn.config import CorpusConfig
from charrnn.errors import DataError, EnvironmentFault
from charrnn.text import columns
from charrnn.text.corpus import Corpus
from charrnn.text.encoding import opening, stored, tasks, text
from charrnn.text.opening import open_corpus
from charrnn.text.sources import Notes, file_source

pa = pytest.importorskip("pyarrow")
ipc = pytest.importorskip("pyarrow.ipc")
parquet = pytest.importorskip("pyarrow.parquet")

VALUES = ["one\ntwo", "three é", "", None, "三 \N{GIRL}"] * 7
TABLE = pa.table(
    {
        "id": range(len(VALUES)),
        "text": VALUES,
        "message": [{"text": value, "n": 1} for value in VALUES],
        "turns": [[{"text": "a"}, {"text": value}] for value in VALUES],
        "raw": [b"\xff"] * len(VALUES),
    }
)


def write(path: Path, table=TABLE, *, stream: bool = True) -> Path:
    if path.suffix == ".parquet":
        parquet.write_table(table, path, row_group_size=9)
        return path
    make = ipc.new_stream if stream else ipc.new_file
    with path.open("wb") as file, make(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=4)
    return path


def read(*names: Path, cache: Path, **settings) -> Corpus:
    return open_corpus(
        [str(name) for name in names], CorpusConfig(**settings), stdin=lambda: None, cache=cache
    )


def items(corpus: Corpus) -> list[str]:
    return sorted(corpus.vocabulary.decode(corpus.ids).strip("\x1e").split("\x1e"))


KINDS = {
    "a.parquet": True,
    "a.arrow": True,
    "b.arrow": False,
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("field", ["text", "message.text"])
@pytest.mark.parametrize("level", ["char", "byte"])
def test_a_column_is_read(name, field, level, tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "ROWS", 3)
    path = write(tmp_path / name, stream=KINDS[name])
    corpus = read(path, cache=tmp_path, field=field, level=level)
    assert items(corpus) == sorted(filter(None, VALUES))


@pytest.mark.parametrize("field", ["text", "message.text"])
def test_a_large_parquet_file_is_read_by_its_row_groups(field, tmp_path, monkeypatch):
    path = write(tmp_path / "a.parquet")
    small = read(path, cache=tmp_path, field=field)
    monkeypatch.setattr(opening, "LARGE", 1)
    monkeypatch.setattr(tasks, "SHARD", 1)
    monkeypatch.setattr(stored, "SETTLED", 0.0)
    asked = []
    monkeypatch.setattr(text, "num_processes", lambda requests: asked.append(len(requests)) or 1)
    large = read(path, cache=tmp_path, field=field)
    assert asked[0] == 4
    assert large.fingerprint == small.fingerprint
    assert large.ids.tolist() == small.ids.tolist()
    with pytest.raises(DataError):
        read(path, cache=tmp_path, field="title")


def test_a_row_group_is_read_a_little_at_a_time(tmp_path, monkeypatch):
    values = [f"{k:0200}" for k in range(2000)]
    path = tmp_path / "a.parquet"
    how = {
        "compression": "none",
        "use_dictionary": False,
        "data_page_size": 1 << 12,
        "write_batch_size": 16,
    }
    parquet.write_table(pa.table({"text": values}), path, **how)
    monkeypatch.setattr(columns, "BUFFER", 1 << 12)
    sizes = []

    class Watched(io.FileIO):
        def read(self, size=-1):
            sizes.append(size)
            return super().read(size)

    source = dataclasses.replace(file_source(path), open=lambda: Watched(path))
    assert [row["text"] for row in columns.rows(source, "parquet", "text")] == values
    assert max(sizes) < 1 << 17 < path.stat().st_size // 2


def test_lists_on_the_way_are_read_through(tmp_path):
    corpus = read(write(tmp_path / "a.parquet"), cache=tmp_path, field="turns.text")
    assert items(corpus) == sorted(["a"] * len(VALUES) + [*filter(None, VALUES)])


@pytest.mark.parametrize("field", ["txt", "message", "raw", "text.more"])
def test_a_field_that_is_no_text_is_refused(field, tmp_path, monkeypatch, wording):
    write(tmp_path / "a.parquet")
    monkeypatch.chdir(tmp_path)
    with wording.raises(DataError):
        read(Path("a.parquet"), cache=tmp_path, field=field)


@pytest.mark.parametrize("name", KINDS)
def test_without_a_field_a_table_is_no_text(name, tmp_path, monkeypatch, wording):
    write(tmp_path / name, stream=KINDS[name])
    monkeypatch.chdir(tmp_path)
    with wording.raises(DataError):
        read(Path(name), cache=tmp_path)


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_table_is_refused(name, tmp_path):
    path = write(tmp_path / name, stream=KINDS[name])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(DataError):
        read(path, cache=tmp_path, field="text")


def test_a_missing_pyarrow_is_said_with_what_to_type(tmp_path, monkeypatch, wording):
    write(tmp_path / "a.parquet")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with wording.raises(EnvironmentFault):
        read(Path("a.parquet"), cache=tmp_path, field="text")


# --- datasets ---


def save(folder: Path, shards: int = 2, **state) -> Path:
    """A folder as `Dataset.save_to_disk` of datasets 5.2 makes it."""
    folder.mkdir(parents=True)
    names = [f"data-{k:05}-of-{shards:05}.arrow" for k in range(shards)]
    size = -(-len(VALUES) // shards)
    for k, name in enumerate(names):
        write(folder / name, TABLE.slice(k * size, size))
    record = {"_data_files": [{"filename": name} for name in names], "_split": None, **state}
    (folder / "state.json").write_text(json.dumps(record))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def test_a_dataset_is_read_in_the_order_of_its_rows(tmp_path):
    one = read(save(tmp_path / "one", 1), cache=tmp_path, field="text")
    three = read(save(tmp_path / "three", 3), cache=tmp_path, field="text")
    assert items(one) == sorted(filter(None, VALUES))
    assert one.ids.tolist() == three.ids.tolist()
    assert three.num_sources == 3


def test_of_several_splits_train_is_read_and_the_others_are_named(tmp_path, wording):
    for split in ("train", "test"):
        save(tmp_path / "all" / split)
    (tmp_path / "all" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    corpus = read(
        tmp_path / "all",
        cache=tmp_path,
        field="text",
        val_file=str(tmp_path / "all" / "test"),
    )
    assert corpus.part_sizes == (21, 21, 0)
    wording("\n".join(corpus.notes))


@pytest.mark.parametrize("case", ["no field", "no train", "indices"])
def test_a_dataset_that_cannot_be_read_is_refused(case, tmp_path, monkeypatch, wording):
    monkeypatch.chdir(tmp_path)
    state = {"_indices_data_files": [{"filename": "i.arrow"}]} if case == "indices" else {}
    save(Path("all/test"), **state)
    if case == "no train":
        Path("all/dataset_dict.json").write_text('{"splits": ["test"]}')
    name = Path("all" if case == "no train" else "all/test")
    with wording.raises(DataError):
        read(name, cache=tmp_path, field=None if case == "no field" else "text")


def test_a_folder_of_tables_is_read_by_a_field(tmp_path):
    (tmp_path / "tables").mkdir()
    for k in range(3):
        write(tmp_path / "tables" / f"{k}.parquet")
    corpus = read(tmp_path / "tables", cache=tmp_path, field="text")
    assert items(corpus) == sorted(3 * [*filter(None, VALUES)])


@pytest.mark.timeout(60)
def test_a_record_of_a_dataset_that_never_ends_is_none(tmp_path):
    (tmp_path / "dataset_info.json").touch()
    os.mkfifo(tmp_path / "state.json")
    (tmp_path / "dataset_dict.json").symlink_to("/dev/zero")
    assert columns.dataset_sources(tmp_path, "text", Notes()) is None
