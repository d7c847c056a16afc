"""Whatever a file holds, it is read, or refused in one line: cut off, with a bit flipped, or whole with odd values."""

import contextlib
import copy
import functools
import io
import itertools
import json
import operator
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exact_models import network
from helpers import characters, examples, random_model
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from pair_models import both
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from charrnn import checkpoint as checkpoint_module
from charrnn.checkpoint import Checkpoint, load_checkpoint, load_summary, save_checkpoint
from charrnn.cli.run_file import read_toml
from charrnn.cli.sweep.record import Record
from charrnn.cli.sweep.spec import read_spec
from charrnn.compression.compress import compress, decompress
from charrnn.config import CorpusConfig, SamplingConfig
from charrnn.counts.counting import count
from charrnn.counts.mixture import USUAL, Counts
from charrnn.errors import CharrnnError, CheckpointError, DataError, UsageError
from charrnn.evaluation.baselines import recorded_baselines
from charrnn.exact.model import exact
from charrnn.interpret.dumps.reading import Dump, sides_in
from charrnn.interpret.dumps.writing import dump, pair_sections, write_sections
from charrnn.interpret.names import read_names
from charrnn.interpret.steering import Steering, load_steering, save_steering
from charrnn.interpret.units import Unit
from charrnn.model import CharRNN
from charrnn.numerics import Ids
from charrnn.runs import reading_of, title_of
from charrnn.sampling.sampler import sample
from charrnn.text import numbering
from charrnn.text import sources as sources_module
from charrnn.text.columns import dataset_sources
from charrnn.text.encoding.stored import read_record, write_record
from charrnn.text.sources import Notes, TextSource
from charrnn.text.tables import field_names, values
from charrnn.text.vectors import read_vectors
from charrnn.training.metrics import load_rows

TEXT = "to be or not to be\n"
LETTERS = characters(TEXT)


# --- the formats ------------------------------------------------------------------------------------------------------


def plain() -> CharRNN:
    return random_model(LETTERS, kind=CharRNN, hidden_size=3, num_layers=1)


def counts() -> Counts:
    return Counts(count(LETTERS.encode(TEXT * 3), len(LETTERS), order=3, most=60), USUAL)


def pair_model(kind: str) -> Any:
    return both(kind, hidden_size=3, embedding_size=2)[2]


def stored(path: Path, model: Any, **more: Any) -> None:
    save_checkpoint(path, Checkpoint(model, {"step": 3}, {"name": "a run"}, **more))


@functools.cache
def packer() -> CharRNN:
    """A model whose numbers are the same everywhere."""
    return exact(network("elman", LETTERS, hidden=3, num_layers=1))


def dump_pairs(path: Path) -> None:
    write_sections(path, pair_sections(pair_model("attention"), [("abc", "cba")], path))


def use_checkpoint(path: Path) -> bytes:
    """What a checkpoint writes; all of it is read on the way."""
    load_summary(path)
    loaded = load_checkpoint(path)
    reading_of(loaded), title_of(loaded)
    model = loaded.model
    if model.config.align:
        return b"".join(array.tobytes() for _, array in sorted(model.weights.items()))
    if loaded.counts:
        loaded.counts.table.require_order()
    return "".join(sample(loaded.mixed, "", SamplingConfig(length=4, seed=1))).encode()


def use_dump(path: Path) -> list[bytes]:
    """All that is in a dump."""
    found = []
    for side in sides_in(path):
        seen = Dump(path, side)
        read = seen.read(keep=seen.header.arrays, top=seen.header.predictions)
        arrays = [read.ids, read.surprisal, *read.arrays.values(), read.next_ids]
        found += [read.text.encode(), *(array.tobytes() for array in arrays)]
    return found


@dataclass(frozen=True)
class Kind:
    """A kind of file that has checksums."""

    make: Callable[[Path], object]
    use: Callable[[Path], object]
    error: type[CharrnnError] = CheckpointError
    has_header: bool = True
    """Whether it begins with a header whose length comes first."""
    harmless: bool = False
    """Whether some bits stand for nothing, such as the time of an entry in an archive."""


CHECKPOINTS = {
    "model.safetensors": lambda p: stored(p, plain()),
    "last.safetensors": lambda p: stored(p, plain(), training={"moment": np.ones((2, 3))}),
    "counts.safetensors": lambda p: stored(p, plain(), counts=counts()),
    "model.q8.safetensors": lambda p: stored(p, exact(network("gru", LETTERS, hidden=3))),
    "counts.q8.safetensors": lambda p: stored(
        p, exact(network("lstm", LETTERS, hidden=3, num_layers=1)), counts=counts()
    ),
    "pairs.safetensors": lambda p: stored(p, pair_model("attention")),
    "labels.safetensors": lambda p: stored(p, pair_model("label")),
}
KINDS = {
    **{name: Kind(make, use_checkpoint) for name, make in CHECKPOINTS.items()},
    "dump.safetensors": Kind(
        lambda p: dump(plain(), TEXT, p, top=2), use_dump, DataError, harmless=True
    ),
    "dump.npz": Kind(
        lambda p: dump(plain(), TEXT, p, top=2), use_dump, DataError, False, harmless=True
    ),
    "pairs.npz": Kind(dump_pairs, use_dump, DataError, False, harmless=True),
    "text.crnn": Kind(
        lambda p: p.write_bytes(compress(packer(), TEXT.encode())),
        lambda p: decompress(packer(), p.read_bytes()),
        DataError,
        has_header=False,
    ),
}
"""Files that have checksums, by an example of their name."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A file of each kind, which is made when it is first asked for."""
    folder = tmp_path_factory.mktemp("kinds")

    @functools.cache
    def made(name: str) -> bytes:
        KINDS[name].make(folder / name)
        return (folder / name).read_bytes()

    return made


def error_of(use: Callable[[Path], object], path: Path) -> CharrnnError | None:
    """The error in one line by which a file is refused; None: it is used."""
    try:
        use(path)
    except CharrnnError as error:
        found = error
    else:
        return None
    assert found.message.isprintable()
    assert len(found.message) < 1000
    return found


def refuses(kind: Kind, path: Path, content: bytes) -> bool:
    """Whether the content is refused, by an error of its kind."""
    path.write_bytes(content)
    error = error_of(kind.use, path)
    assert error is None or isinstance(error, kind.error)
    return error is not None


def damaged(whole: bytes, header: int, number: int) -> Iterator[bytes]:
    """Some beginnings of a file that end in its header, and the file with some bits flipped."""
    random = np.random.default_rng(1)
    sizes = random.choice(header, min(number, header), replace=False)
    yield from (whole[:size] for size in sizes.tolist())
    for bit in random.choice(8 * len(whole), min(number, 8 * len(whole)), replace=False).tolist():
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        yield bytes(content)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("number", [30, pytest.param(10_000, marks=pytest.mark.long)], ids=str)
@pytest.mark.timeout(3600)
def test_damage_is_refused_in_bounded_memory(name, number, files, tmp_path):
    """A dump's and a compressed text's error is that of data (3), a checkpoint's that of a checkpoint (4)."""
    kind, whole, path = KINDS[name], files(name), tmp_path / name
    path.write_bytes(whole)
    expected = kind.use(path)
    header = 8 + struct.unpack("<Q", whole[:8])[0] if kind.has_header else len(whole)
    tracemalloc.start()
    for content in damaged(whole, header, number):
        if not refuses(kind, path, content):
            assert kind.harmless
            assert kind.use(path) == expected
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000 + 100 * len(whole)


# --- whole files with odd values --------------------------------------------------------------------------------------

ODD = (
    *(None, True, False, 0, -1, 1, 2, 7, 64, 65_536, 10**12, 2**63, 10**400, 0.5, -0.0, 1e308),
    *(
        "",
        "a",
        "ab",
        "\ud800",
        "\x1b[2J",
        "char",
        "byte",
        "labels",
        "vector",
        "auto",
        "4,4",
        "lstm",
    ),
    *([], [0], [None], ["a", "a"], [[]], [55_296], {}, {"a": 1}),
)
"""Values to put in the place of any other."""


def places_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to all values inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    return [*([path] if path else []), *(p for k, v in inner for p in places_in(v, (*path, k)))]


def edited(value: Any, data: st.DataObject) -> Any:
    """A JSON value with an odd value in it, or without one of its parts."""
    made = copy.deepcopy(value)
    *way, last = data.draw(st.sampled_from(places_in(value)), label="place")
    home = functools.reduce(operator.getitem, way, made)
    if data.draw(st.booleans(), label="removed"):
        del home[last]
    else:
        home[last] = data.draw(st.sampled_from(ODD), label="value")
    return made


def rewritten(content: bytes, data: st.DataObject) -> bytes:
    """A checkpoint with another header, and a checksum that fits."""
    (length,) = struct.unpack("<Q", content[:8])
    fields = json.loads(content[8 : 8 + length])["__metadata__"]
    old = json.loads(fields["header"])
    part = data.draw(st.sampled_from([k for k in old if k not in ("figures", "run")]), label="part")
    text = json.dumps(old | {part: edited({part: old[part]}, data).get(part)})
    tensors = load_tensors(content)
    kept = {n: a for n, a in tensors.items() if not n.startswith("counts.")}
    checksum = checkpoint_module._checksum(text, kept)
    return save_tensors(tensors, fields | {"header": text, "sha256": checksum})


def odd_checkpoint(name: str, files: Any, folder: Path, data: st.DataObject) -> None:
    path = folder / name
    path.write_bytes(rewritten(files(name), data))
    error = error_of(use_checkpoint, path)
    assert error is None or error.exit_status == 4


@pytest.mark.parametrize("name", CHECKPOINTS)
@examples(40, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_checkpoint_with_an_odd_value_is_refused_or_used(name, files, tmp_path_factory, data):
    odd_checkpoint(name, files, tmp_path_factory.getbasetemp(), data)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CHECKPOINTS)
@examples(2500, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_checkpoint_with_any_odd_value_is_refused_or_used(name, files, tmp_path_factory, data):
    odd_checkpoint(name, files, tmp_path_factory.getbasetemp(), data)


def with_counts(changed: dict[str, np.ndarray[Any, Any]], path: Path, **record: Any) -> None:
    """A checkpoint whose counts, and their record, are these in part, with a checksum that fits."""
    stored(path, plain(), counts=counts())
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    fields = json.loads(content[8 : 8 + length])["__metadata__"]
    tensors = load_tensors(content) | changed
    own = {n: a for n, a in tensors.items() if n.startswith("counts.")}
    header = json.loads(fields["header"])
    header["counts"] |= {"sha256": checkpoint_module._checksum("", own), **record}
    others = {n: a for n, a in tensors.items() if n not in own}
    text = json.dumps(header)
    fields |= {"header": text, "sha256": checkpoint_module._checksum(text, others)}
    path.write_bytes(save_tensors(tensors, fields))


@pytest.mark.parametrize("name", ["new", "c\x7faracters"])
def test_a_name_in_the_record_of_counts_that_is_not_known_is_left_alone(name, tmp_path):
    with_counts({}, tmp_path / "odd.safetensors", **{name: 0})
    assert use_checkpoint(tmp_path / "odd.safetensors")


SIZES = counts().table.sizes
"""The numbers of children in a small table."""


@examples(40, suppress_health_check=list(HealthCheck))
@given(sizes=st.permutations(SIZES.tolist()), code=st.integers(0, 65_535), at=st.integers(0, 9))
def test_counts_of_any_shape_are_refused_or_used(sizes, code, at, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "odd-counts.safetensors"
    codes = counts().table.codes.copy()
    codes[at] = code
    with_counts({"counts.sizes": np.array(sizes, SIZES.dtype), "counts.codes": codes}, path)
    error = error_of(use_checkpoint, path)
    assert error is None or error.exit_status == 4


def test_counts_with_a_context_that_none_leads_to_are_refused(tmp_path, wording):
    sizes = SIZES[::-1].copy()
    with_counts({"counts.sizes": sizes}, tmp_path / "odd.safetensors")
    with wording.raises(CheckpointError):
        use_checkpoint(tmp_path / "odd.safetensors")


# --- files without checksums ------------------------------------------------------------------------------------------

NAMES = {
    "fingerprint": "0123456789abcdef",
    "units": [
        {"unit": "L0.c.1", "name": "a word", "score": 0.9, "measure": "AUC", "sign": 1},
        {"unit": "L0.h.2", "name": "position", "score": 0.5, "measure": "|r|", "sign": -1},
    ],
}
BASELINES = {
    "uniform": 6.0,
    "unigram": 4.5,
    "gzip": 3.1,
    "xz": 2.9,
    "ngram": 2.5,
    "ngram_order": 5,
    "ngram_by_order": [4.0, 2.5],
    "train_characters": 90,
    "characters": 10,
}
ROW = {
    "step": 5,
    "epoch": 0.5,
    "train_nats_per_char": 2.0,
    "val_nats_per_char": 2.1,
    "learning_rate": 0.01,
    "halvings": 0,
    "seconds": 1.5,
}
RESULT = {"seconds": 3.0, "validation": {"nats_per_char": 2.0}}


def steer() -> dict[str, Any]:
    """The content of a steer file."""
    path = Path("steer.json")
    made = Steering("clamp", "it", "0123456789abcdef", (Unit(0, "c", 1),), (1.5,), (-0.5,))
    with pytest.MonkeyPatch.context() as patch:
        content = io.BytesIO()
        patch.setattr(
            "charrnn.interpret.steering.write_atomically", lambda _, *parts: content.write(*parts)
        )
        save_steering(made, path)
    return json.loads(content.getvalue())


def read_sweep(path: Path) -> Any:
    record = Record(path.parent)
    record.put("other", result=RESULT)
    return record.get("a run", "result"), record.get("a run", "test")


def read_dataset(path: Path) -> Any:
    (path.parent / "dataset_info.json").touch()
    return dataset_sources(path.parent, "text", Notes())


RECORDS: dict[str, tuple[Any, Callable[[Path], Any]]] = {
    "units.json": (NAMES, lambda p: read_names(p, NAMES["fingerprint"])),
    "steer.json": (steer(), load_steering),
    "baselines.json": (BASELINES, recorded_baselines),
    "metrics.jsonl": (ROW, load_rows),
    "sweep.json": ({"a run": {"files": [], "result": RESULT, "test": RESULT}}, read_sweep),
    "state.json": ({"_data_files": [{"filename": "a.arrow"}]}, read_dataset),
    "dataset_dict.json": ({"splits": ["train", "test"]}, read_dataset),
}
"""Files of JSON by their name: a good content, and what reads it."""
NESTED = "[" * 100_000


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize(
    "content",
    [
        *("", "null", "5", '"a"', "[]", "[5]", "{}", '{"a": 1, "a": 1}', "[" * 990 + "]" * 990),
        *(NESTED, '{"a": ' + NESTED, '{"a": NaN}', "9" * 5000, '"\\ud800"', "\xff"),
    ],
    ids=lambda text: text[:9],
)
def test_what_is_no_record_is_refused_or_left_out(name, content, tmp_path):
    path = tmp_path / name
    path.write_bytes(content.encode("latin-1"))
    with contextlib.suppress(CharrnnError):
        RECORDS[name][1](path)


@pytest.mark.parametrize("name", RECORDS)
@examples(40, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_record_with_an_odd_value_is_refused_or_used(name, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("record")
    good, use = RECORDS[name]
    text = json.dumps(good)
    if data.draw(st.booleans(), label="cut"):
        text = text[: data.draw(st.integers(0, len(text)))]
    else:
        text = json.dumps(edited(good, data))
    (folder / name).write_text(text)
    with contextlib.suppress(CharrnnError):
        use(folder / name)


def test_a_good_record_is_read(tmp_path):
    for name in ("units.json", "steer.json", "baselines.json", "metrics.jsonl"):
        good, use = RECORDS[name]
        (tmp_path / name).write_text(json.dumps(good))
        assert use(tmp_path / name)


def test_the_last_row_of_metrics_may_be_cut_off(tmp_path, wording):
    path, row = tmp_path / "metrics.jsonl", json.dumps(ROW)
    path.write_text(f"{row}\n{row[:30]}")
    assert load_rows(path) == [ROW]
    path.write_text(f"{row}\n{row[:30]}\n")
    with wording.raises(CheckpointError):
        load_rows(path)


@pytest.mark.parametrize("found", ["/etc/passwd", "../state.json", "..", "a/b.arrow", "", 5, None])
def test_a_dataset_names_files_beside_it_only(found, tmp_path):
    (tmp_path / "state.json").write_text(json.dumps({"_data_files": [{"filename": found}]}))
    with pytest.raises(DataError, match="damaged"):
        read_dataset(tmp_path / "state.json")


@pytest.mark.parametrize("found", [True, 1, None, "a.arrow", {"filename": "a.arrow"}, {}])
def test_a_dataset_lists_its_files(found, tmp_path):
    (tmp_path / "state.json").write_text(json.dumps({"_data_files": found}))
    with pytest.raises(DataError):
        read_dataset(tmp_path / "state.json")


@pytest.mark.parametrize(
    "content",
    [
        f"steps = {'9' * 5000}",
        "a = " + NESTED,
        "a = 2020-13-45",
        "a = \x00",
        "\ud800",
        "[[[",
        "a = 1\na = 2",
        "\ufeffa = 1",
        "x" * ((1 << 20) + 1),
    ],
    ids=lambda text: ascii(text[:9]),
)
def test_what_is_no_toml_is_refused(content, tmp_path):
    path = tmp_path / "run.toml"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    for read in (read_toml, read_spec):
        with pytest.raises(DataError) as caught:
            read(path)
        assert "\n" not in caught.value.message
        assert len(caught.value.message) < 400


ODD_TOML = (
    *("true", "-1", "0", "1e308", "nan", "inf", "''", "'a'", "2020-01-01", "12:30:00"),
    *("[]", "[[]]", "[1, 1]", "[nan, nan]", "[{}]", "{}", "{a = 1}", "'\\u001b[2J'", "9" * 400),
)


def test_a_sweep_with_an_odd_value_is_refused_in_one_line(tmp_path):
    path = tmp_path / "sweep.toml"
    for key, value in itertools.product(
        ("corpus", "seeds", "settings", "grid", "points"), ODD_TOML
    ):
        path.write_text("corpus = 'a.txt'\n" * (key != "corpus") + f"{key} = {value}\n")
        error_of(read_spec, path)


@pytest.mark.parametrize("key", ["hidden-size", "lr", "lines", "glob", "val"])
def test_a_setting_of_a_sweep_with_an_odd_value_is_refused_in_one_line(key, tmp_path):
    path = tmp_path / "sweep.toml"
    for table_name, value in itertools.product(("settings", "grid"), ODD_TOML):
        path.write_text(f"corpus = 'a.txt'\n[{table_name}]\n{key} = {value}\n")
        error_of(read_spec, path)


def test_a_grid_of_very_many_values_is_refused_at_once(tmp_path, wording):
    path = tmp_path / "sweep.toml"
    path.write_text(f"corpus = 'a.txt'\n[grid]\nsteps = [{', '.join(map(str, range(90_000)))}]\n")
    with wording.raises(UsageError):
        read_spec(path)


# --- tables of texts --------------------------------------------------------------------------------------------------


def table(content: str, name: str) -> TextSource:
    return TextSource(name, lambda: io.BytesIO(content.encode("utf-8", "surrogatepass")))


@pytest.mark.parametrize("depth", [*range(100, 1000, 50), 5000, 100_000])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_a_table_of_any_depth_is_read_or_refused(name, depth):
    config = CorpusConfig(field="a")
    for content in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        source = table(content, name)
        field_names(source, config)
        with contextlib.suppress(DataError):
            [*values(source, config, Notes())]


def test_a_column_with_an_odd_name_is_named_in_one_line():
    """Found by coverage-guided fuzzing."""
    with pytest.raises(DataError) as caught:
        [*values(table('"1, \x15a\n1,', "a.csv"), CorpusConfig(field="a"), Notes())]
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("old", [b"'shape'", b"False", b"(3, 2)"])
@pytest.mark.parametrize("new", [b"(", b"'", b"\x11\x11", b"\\", b"[" * 500, b"-", b"0" * 5000])
def test_an_array_whose_header_is_no_python_is_refused(old, new, tmp_path):
    """Found by coverage-guided fuzzing: NumPy reads such a header as that of an old Python, with its tokenizer."""
    made = io.BytesIO()
    np.save(made, np.ones((3, 2), np.float32))
    content = made.getvalue()
    header = content[10 : 10 + content[8]].replace(old, new)
    path = tmp_path / "a.npy"
    path.write_bytes(content[:8] + struct.pack("<H", len(header)) + header + content[-24:])
    with pytest.raises(DataError):
        read_vectors(path)


# --- the cache --------------------------------------------------------------------------------------------------------


def test_a_record_of_the_cache_is_whole_or_none(tmp_path):
    path = tmp_path / "index.json"
    record = {"names": ["a"], "counts": [1, 2, 3], "fingerprint": "ab" * 32}
    write_record(path, record)
    whole = path.read_bytes()
    assert read_record(path) == record
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert read_record(path) is None
    for bit in range(0, 8 * len(whole), 3):
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        assert read_record(path) is None


def test_ids_in_the_cache_are_whole_or_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(numbering, "MAX_IN_MEMORY", 5)
    path, made = tmp_path / "ids.uint8", []

    def pieces() -> list[Ids]:
        made.append(1)
        return [np.arange(40, dtype=np.uint8)]

    def read() -> list[int]:
        ids = numbering.make_ids(40, np.dtype(np.uint8), path, pieces, Notes())
        return [int(x) for x in ids]

    expected = read()
    whole = path.read_bytes()
    flips = [
        whole[: bit // 8] + bytes([whole[bit // 8] ^ 1 << bit % 8]) + whole[bit // 8 + 1 :]
        for bit in range(0, 8 * len(whole), 7)
    ]
    damaged = [*flips, *(whole[:size] for size in range(0, len(whole), 5)), whole + b"\0"]
    for content in damaged:
        path.write_bytes(content)
        assert read() == expected
    assert len(made) == 1 + len(damaged)


# --- bombs ------------------------------------------------------------------------------------------------------------


def zip_of(path: Path, size: int, **arrays: Any) -> None:
    """An archive of arrays with one more of zeros, compressed."""
    np.savez_compressed(path, zeros=np.zeros(size, np.uint8), **arrays)


def test_an_archive_of_arrays_that_expands_without_bound_is_refused(tmp_path, monkeypatch, wording):
    zip_of(tmp_path / "a.npz", 3_000_000, vectors=np.ones((2, 3)))
    assert len(read_vectors(tmp_path / "a.npz")) == 2
    monkeypatch.setattr(sources_module, "MAX_EXPANSION", 1_000_000)
    with wording.raises(DataError):
        read_vectors(tmp_path / "a.npz")
    with wording.raises(DataError):
        Dump(tmp_path / "a.npz")
