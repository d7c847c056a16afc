"""A checkpoint comes back bit for bit, or is refused; opening one runs nothing and trusts nothing."""

import contextlib
import io
import json
import os
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from helpers import examples, random_model
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from charrnn import checkpoint as checkpoint_module
from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.config import ModelConfig
from charrnn.errors import CheckpointError
from charrnn.model import CharRNN
from charrnn.network.shapes import weight_shapes
from charrnn.text.vocabulary import Vocabulary

V, E, H, L = 4, 2, 3, 1
SYMBOLS = [10, 97, 233, 0x4E2D]


def make_model(vocabulary: Vocabulary, **sizes: int) -> CharRNN:
    sizes = {"embedding_size": E, "hidden_size": H, "num_layers": L} | sizes
    return random_model(vocabulary, kind=CharRNN, seed=5, **sizes)


MODEL = make_model(Vocabulary("char", SYMBOLS))
TINY = Checkpoint(MODEL, {"step": 7, "nats": 1.5}, {"seed": 3})


def bytes_of(checkpoint: Checkpoint) -> bytes:
    """What save_checkpoint writes."""
    with mock.patch.object(checkpoint_module, "write_atomically") as write:
        save_checkpoint(Path("nowhere"), checkpoint)
    return b"".join(write.call_args.args[1:])


def parse(data: bytes) -> Checkpoint:
    """What load_checkpoint makes of a file that holds these bytes."""
    with pytest.MonkeyPatch.context() as patch:
        file = contextlib.nullcontext(io.BytesIO(data))
        patch.setattr(checkpoint_module, "_opened", lambda _: file)
        return load_checkpoint(Path("some.safetensors"))


def refusal(data: bytes) -> CheckpointError:
    """The CheckpointError that these bytes cause: its message is one line, and not a long one."""
    with pytest.raises(CheckpointError) as caught:
        parse(data)
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 400
    return caught.value


GOOD = bytes_of(TINY)


# --- making files, good and bad ---


def header_end(data: bytes) -> int:
    return 8 + struct.unpack("<Q", data[:8])[0]


def table_of(data: bytes) -> dict:
    return json.loads(data[8 : header_end(data)])


def with_table(data: bytes, table: dict | bytes) -> bytes:
    """The same tensors' bytes under another table."""
    text = table if isinstance(table, bytes) else json.dumps(table).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data[header_end(data) :]


def with_header(data: bytes, header: str | dict, tensors=None, **metadata: str) -> bytes:
    """A file whose header and tensors say something else, with the checksum that fits them."""
    header = header if isinstance(header, str) else json.dumps(header)
    tensors = tensors or load_tensors(data)
    checksum = checkpoint_module._checksum(header, tensors)
    fields = table_of(data)["__metadata__"] | {"header": header, "sha256": checksum}
    return save_tensors(tensors, fields | metadata)


def header_of(data: bytes) -> dict:
    return json.loads(table_of(data)["__metadata__"]["header"])


# --- round trips ---


def test_fault_35_a_file_from_before_there_were_other_cells_is_read():
    header = header_of(GOOD)
    for newer in ("activation", "learn_start", "layer_norm"):
        del header["config"][newer]
    assert parse(with_header(GOOD, header)).model.config == parse(GOOD).model.config


def assert_same_arrays(found, expected) -> None:
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


TRAINING = {
    "moment": np.array([[np.nan, -0.0, 5e-324], [np.inf, -1.5, 2.0]]),
    "turned": np.arange(12, dtype=np.float32).reshape(3, 4).T,
    "sliced": np.arange(10, dtype=np.int64)[::3],
    "scalar": np.array(9, np.uint16),
    "empty": np.zeros((0, 5), np.float16),
    "flags": np.array([True, False, True]),
}


@pytest.mark.parametrize(
    "vocabulary",
    [
        Vocabulary("char", SYMBOLS),
        Vocabulary("char", [0, 27, 0x202E, 0xD7FF, 0xE000, 0x10FFFF], has_unknown=True),
        Vocabulary.of_bytes(),
    ],
    ids=["char", "unknown", "byte"],
)
@pytest.mark.parametrize("num_layers", [1, 2])
def test_everything_comes_back_bit_for_bit(vocabulary, num_layers, tmp_path):
    model = make_model(vocabulary, num_layers=num_layers, hidden_size=5)
    made = Checkpoint(model, {"nats": 0.1 + 0.2}, {"é": ["\n", None, 2**70]}, TRAINING)
    path = tmp_path / "model.safetensors"
    size = save_checkpoint(path, made)
    found = load_checkpoint(path)
    assert_same_arrays(found.model.weights, model.weights)
    assert_same_arrays(found.training, TRAINING)
    assert found.model.config == model.config
    assert found.model.vocabulary.symbols.tolist() == vocabulary.symbols.tolist()
    assert found.model.vocabulary.level == vocabulary.level
    assert found.model.vocabulary.has_unknown == vocabulary.has_unknown
    assert (found.metrics, found.run) == (made.metrics, made.run)
    assert (found.path, found.num_bytes) == (path, size)
    assert size == path.stat().st_size


def test_a_loaded_model_answers_as_the_one_that_was_saved():
    found = parse(GOOD).model
    expected, _, _ = MODEL.step(np.arange(V), MODEL.initial_state(V))
    logits, _, _ = found.step(np.arange(V), found.initial_state(V))
    assert logits.tobytes() == expected.tobytes()


def test_the_same_content_makes_the_same_bytes():
    assert {bytes_of(parse(GOOD)) for _ in range(9)} == {GOOD}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(
    symbols=st.sets(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9),
    has_unknown=st.booleans(),
    figures=st.dictionaries(st.text(), JSON, max_size=3),
    run=st.dictionaries(st.text(), JSON, max_size=3),
    training=st.dictionaries(st.text(max_size=6), st.binary(max_size=9), max_size=3),
)
def test_any_content_survives_the_round_trip(symbols, has_unknown, figures, run, training):
    points = sorted(map(ord, symbols))
    model = make_model(Vocabulary("char", points, has_unknown=has_unknown))
    arrays = {name: np.frombuffer(data, np.uint8) for name, data in training.items()}
    found = parse(bytes_of(Checkpoint(model, figures, run, arrays)))
    assert_same_arrays(found.model.weights, model.weights)
    assert_same_arrays(found.training, arrays)
    assert found.model.vocabulary.symbols.tolist() == points
    assert found.model.vocabulary.has_unknown == has_unknown
    assert (found.metrics, found.run) == (figures, run)


def test_a_figure_that_is_no_number_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        save_checkpoint(tmp_path / "model", Checkpoint(MODEL, {"nats": float("nan")}))
    assert not list(tmp_path.iterdir())


# --- damage ---


def test_fault_23_a_truncated_file_is_refused():
    for size in range(len(GOOD)):
        refusal(GOOD[:size])


def accepted_changes(changes) -> list[tuple[int, int]]:
    """Those of the changes (place, new byte) after which the file still loads."""
    accepted = []
    for at, byte in changes:
        if GOOD[at] == byte:
            continue
        try:
            parse(GOOD[:at] + bytes([byte]) + GOOD[at + 1 :])
        except CheckpointError:
            continue
        accepted.append((at, byte))
    return accepted


def test_fault_24_a_flipped_bit_is_refused_wherever_it_is():
    end = header_end(GOOD)
    every_bit = [(at, GOOD[at] ^ 1 << bit) for at in range(end) for bit in range(8)]
    a_bit_a_byte = [(at, GOOD[at] ^ 1 << at % 8) for at in range(end, len(GOOD))]
    assert accepted_changes(every_bit + a_bit_a_byte) == []


def test_white_space_and_digits_in_the_wrong_place_are_refused():
    changes = [(at, byte) for at in range(header_end(GOOD)) for byte in b"\t\n\r 09}"]
    assert accepted_changes(changes) == []


@pytest.mark.parametrize("more", [b"\0", b" ", b"PK\x05\x06" + b"\0" * 18])
def test_fault_28_bytes_after_the_end_are_refused(more):
    refusal(GOOD + more)


def test_two_files_one_after_the_other_are_refused():
    refusal(GOOD + GOOD)


def test_a_damaged_tensor_is_called_damaged(wording):
    wording(refusal(GOOD[:-1] + bytes([GOOD[-1] ^ 1])))


# --- what is no checkpoint of ours ---


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"abc",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:5\n",
        b"PK\x03\x04" + b"\0" * 30,
        b"First Citizen: Before we proceed any further, hear me speak.",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 30,
    ],
)
def test_another_kind_of_file_is_named(data, wording):
    wording(refusal(data))


def test_fault_22_an_empty_file_is_called_empty():
    error = refusal(b"")
    assert "is empty (0 bytes)" in error.message
    assert "copied" in error.hint
    assert error.exit_status == 4


def test_fault_40_a_file_that_is_still_being_copied_is_refused_until_it_is_whole(tmp_path):
    path = tmp_path / "model.safetensors"
    for start in range(0, len(GOOD), 50):
        with path.open("ab") as file:
            file.write(GOOD[start : start + 50])
        if path.stat().st_size < len(GOOD):
            with pytest.raises(CheckpointError) as caught:
                load_checkpoint(path)
            assert "copied" in caught.value.hint
    assert load_checkpoint(path).num_bytes == len(GOOD)


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_fault_30_a_pickle_is_refused_and_not_run(protocol, tmp_path, wording):
    trap = tmp_path / "trap"
    data = pickle.dumps(Payload(trap), protocol)
    refusal(data)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("archive/data.pkl", data)
    wording(refusal(packed.getvalue()))
    assert not trap.exists()
    pickle.loads(data)
    assert trap.exists(), "the payload would not have worked, so the test proves nothing"


@pytest.mark.parametrize("start", [b"\x80\x04", b"\x80\x05"])
def test_a_checkpoint_that_begins_like_a_pickle_is_read(start):
    growing = (Checkpoint(MODEL, {"padding": "x" * 8 * k}) for k in range(100))
    data = next(data for data in map(bytes_of, growing) if data.startswith(start))
    assert parse(data).metrics.keys() == {"padding"}


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"format": "np", "header": "{}"}])
def test_fault_29_another_models_safetensors_file_is_refused(metadata, wording):
    tensors = {"wte.weight": np.zeros((3, 4), np.float32), "h.0.attn.bias": np.zeros(5, np.float32)}
    wording(refusal(save_tensors(tensors, metadata)))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "name",
    [
        "missing",
        "folder",
        "fifo",
        "dangling",
        "loop",
        "n" * 300,
        "a\0b",
    ],
)
def test_what_is_no_file_is_refused_at_once(name, tmp_path, wording):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    with wording.raises(CheckpointError):
        load_checkpoint(tmp_path / name)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_fault_39_a_device_is_refused_at_once(device, wording):
    with wording.raises(CheckpointError):
        load_checkpoint(Path(device))


def test_fault_21_a_missing_checkpoint_says_how_to_get_one(tmp_path):
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(tmp_path / "missing")
    assert "charrnn.train(" in caught.value.hint


# --- lies ---


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 2**32, 99_000_000, 10_000])
def test_fault_25_a_lying_header_length_costs_no_memory(length, wording):
    data = struct.pack("<Q", length) + GOOD[8:]
    refusal(data)
    tracemalloc.start()
    wording(refusal(data))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000 + 10 * len(data)


def test_a_header_of_more_than_the_largest_size_is_refused(monkeypatch, wording):
    monkeypatch.setattr(checkpoint_module, "LARGEST_HEADER", 500)
    wording(refusal(GOOD))


def config(**changes):
    return lambda header: header["config"].update(changes)


def vocabulary(**changes):
    return lambda header: header["vocabulary"].update(changes)


def top(**changes):
    return lambda header: header.update(changes)


def without(*keys):
    def remove(header):
        for key in keys[:-1]:
            header = header[key]
        del header[keys[-1]]

    return remove


LIES = {
    "huge hidden size": config(hidden_size=10**9),
    "large hidden size": config(hidden_size=65_536),
    "negative hidden size": config(hidden_size=-3),
    "fractional hidden size": config(hidden_size=3.0),
    "hidden size in words": config(hidden_size="3"),
    "hidden size true": config(hidden_size=True),
    "too many layers": config(num_layers=10**6),
    "one layer more": config(num_layers=2),
    "another embedding": config(embedding_size=5),
    "another cell": config(cell="gru\n" * 100),
    "cell no name": config(cell=["lstm"]),
    "unknown setting": config(size=5),
    "missing setting": without("config", "vocab_size"),
    "config no object": top(config=[3, 4]),
    "one symbol more": vocabulary(symbols=[*SYMBOLS, 0x1F600]),
    "unknown symbol": vocabulary(has_unknown=True),
    "wrong vocab size": config(vocab_size=6),
    "bytes": vocabulary(level="byte"),
    "another level": vocabulary(level="word"),
    "no symbols": vocabulary(symbols=[]),
    "duplicate symbol": vocabulary(symbols=[10, 97, 97, 98]),
    "symbols out of order": vocabulary(symbols=[97, 10, 98, 99]),
    "surrogate": vocabulary(symbols=[10, 97, 98, 0xD800]),
    "beyond unicode": vocabulary(symbols=[10, 97, 98, 0x110000]),
    "negative symbol": vocabulary(symbols=[-1, 97, 98, 99]),
    "symbol true": vocabulary(symbols=[True, 97, 98, 99]),
    "symbol in parts": vocabulary(symbols=[10, 97.0, 98, 99]),
    "symbols as text": vocabulary(symbols="abcd"),
    "symbols as object": vocabulary(symbols={"a": 1}),
    "symbols a number": vocabulary(symbols=4),
    "symbols null": vocabulary(symbols=None),
    "vocabulary no object": top(vocabulary="abcd"),
    "vocabulary without level": without("vocabulary", "level"),
    "no config": without("config"),
    "no vocabulary": without("vocabulary"),
    "no figures": without("figures"),
    "figures no object": top(figures=[5]),
    "run no object": top(run=None),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_fault_31_a_header_that_lies_is_refused_before_a_network_is_built(
    lie, monkeypatch, wording
):
    monkeypatch.setattr(checkpoint_module, "CharRNN", lambda *_: pytest.fail("a network was built"))
    header = header_of(GOOD)
    lie(header)
    wording(refusal(with_header(GOOD, header)))


@pytest.mark.parametrize(
    ("lie", "named"),
    [
        (vocabulary(symbols=[*SYMBOLS, 0x1F600]), "the vocabulary has 5 symbols, the network 4"),
        (vocabulary(symbols=[10, 97, 97, 98]), "each once"),
        (vocabulary(symbols=["ab", "c", "d", "e"]), "not a list of characters"),
        (vocabulary(symbols=[10, 97, 98, 0xD800]), "not a list of characters"),
        (config(vocab_size=6), "the vocabulary has 4 symbols, the network 6"),
    ],
    ids=["one more", "twice", "several characters", "a surrogate", "another size"],
)
def test_fault_32_a_vocabulary_that_does_not_fit_is_refused_with_the_mismatch(lie, named):
    header = header_of(GOOD)
    lie(header)
    error = refusal(with_header(GOOD, header))
    assert named in error.message
    assert error.exit_status == 4


def test_fault_32_an_embedding_of_another_size_is_refused_with_both_sizes():
    tensors = load_tensors(GOOD) | {"embedding.weight": np.zeros((V + 1, E), np.float32)}
    error = refusal(with_header(GOOD, header_of(GOOD), tensors))
    assert f"embedding.weight is F32 [{V + 1}, {E}], expected F32 [{V}, {E}]" in error.message


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


HEADERS = {
    "empty": "",
    "no json": "config",
    "list": '["config", "vocabulary", "figures", "run"]',
    "text": '"config"',
    "number": "5",
    "null": "null",
    "deep": nested(100_000),
    "many digits": '{"config": ' + "9" * 5000 + "}",
    "a surrogate": '{"config": "\\ud800"}',
    "NaN": '{"config": NaN}',
    "Infinity": '{"config": -Infinity}',
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_header_of_another_shape_is_refused(header):
    refusal(with_header(GOOD, header))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"seed": 3', '"seed": 3, "seed": 3'),
        ('"cell":', '"cell": "lstm", "cell":'),
        ('"step": 7', '"step": NaN'),
        ('"step": 7', '"step": ' + nested(50_000)),
    ],
)
def test_fault_26_duplicate_keys_nan_and_deep_nesting_are_refused_inside_a_good_header(old, new):
    header = table_of(GOOD)["__metadata__"]["header"]
    assert header.count(old) == 1
    parse(with_header(GOOD, header.replace(old, old + " ")))
    refusal(with_header(GOOD, header.replace(old, new)))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b'"head.bias":', b'"head.bias":{},"head.bias":', 1),
        lambda text: text.replace(b'{"__metadata__":', b'{"__metadata__":{},"__metadata__":', 1),
        lambda text: text.replace(b'"format":', b'"format":"charrnn","format":', 1),
        lambda text: text.replace(b"[4,2]", b"[4,NaN]", 1),
        lambda text: text.replace(b"[4,2]", b"[4," + b"[" * 50_000 + b"]" * 50_000 + b"]", 1),
        lambda text: text.replace(b"[4,2]", b"[4," + b"2" * 5000 + b"]", 1),
        lambda text: text.replace(b"charrnn", b"charrnn\\ud800", 1),
        lambda text: text.replace(b"head.bias", b"head\xffbias", 1),
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: b" " + text,
        lambda text: text + b"\n",
        lambda text: text + b"{}",
        lambda text: text[:-1],
        lambda _: b"{}",
        lambda _: b"[]",
        lambda _: b"null",
        lambda _: b"",
        lambda _: b'{"__metadata__":[]}',
        lambda _: b'{"__metadata__":null}',
    ],
)
def test_a_table_that_is_no_good_json_is_refused(change):
    text = GOOD[8 : header_end(GOOD)].rstrip()
    assert change(text) != text
    refusal(with_table(GOOD, change(text)))


def entry(**changes):
    return lambda table: table["head.bias"].update(changes)


@pytest.mark.parametrize(
    "change",
    [
        entry(data_offsets=[0, 16]),
        entry(data_offsets=[36, 52]),
        entry(data_offsets=[48, 32]),
        entry(data_offsets=[-16, 0]),
        entry(data_offsets=[2**62, 2**62 + 16]),
        entry(data_offsets=[32]),
        entry(data_offsets=None),
        entry(shape=[0, 2**62]),
        entry(shape=[2**32, 2**32]),
        entry(shape=[-4]),
        entry(shape=4),
        entry(shape=[4, 1]),
        entry(dtype="F64"),
        entry(dtype="\x1b[2J" * 100),
        entry(dtype=5),
        lambda table: table.update({"head.bias": None}),
        lambda table: table.update({"head.bias": 5}),
        lambda table: table.update({"head.bias": {}}),
        lambda table: table.update({"training.m": table.pop("head.bias")}),
        lambda table: table.update({"training.m": table["head.bias"]}),
        lambda table: table.update(
            {"training.m": {"dtype": "F32", "shape": [0, 2**62], "data_offsets": [432, 432]}}
        ),
        lambda table: table.update(
            {"training.m": {"dtype": "BF16", "shape": [0], "data_offsets": [432, 432]}}
        ),
        lambda table: table["__metadata__"].update(header=5),
        lambda table: table["__metadata__"].update(header=None),
        lambda table: table["__metadata__"].update(sha256=[5]),
        lambda table: table["__metadata__"].update(format_version=1),
        lambda table: table["__metadata__"].update(more={}),
        lambda table: table["__metadata__"].pop("header"),
        lambda table: table["__metadata__"].pop("sha256"),
        lambda table: table["__metadata__"].pop("format_version"),
    ],
)
def test_fault_27_a_table_that_does_not_fit_the_tensors_is_refused(change):
    table = table_of(GOOD)
    parse(with_table(GOOD, table))
    change(table)
    refusal(with_table(GOOD, table))


def test_two_tensors_that_trade_places_are_found_by_the_checksum(wording):
    table = table_of(GOOD)
    a, b = table["rnn.bias_ih_l0"], table["rnn.bias_hh_l0"]
    a["data_offsets"], b["data_offsets"] = b["data_offsets"], a["data_offsets"]
    wording(refusal(with_table(GOOD, table)))


def test_a_tensor_of_training_that_is_turned_is_found_by_the_checksum(wording):
    data = bytes_of(Checkpoint(MODEL, training={"moment": np.zeros((5, 6), np.float32)}))
    table = table_of(data)
    parse(with_table(data, table))
    table["training.moment"]["shape"] = [6, 5]
    wording(refusal(with_table(data, table)))


@pytest.mark.parametrize(
    "change",
    [
        {"head.bias": None},
        {"head.bias": np.zeros(V, np.float64)},
        {"head.bias": np.zeros(V, np.float16)},
        {"head.weight": np.zeros((H, V), np.float32)},
        {"head.bias": np.zeros((1, V), np.float32)},
        {"other": np.zeros(5, np.float32)},
        {"head.bias": np.float32([0, np.nan, 1, np.nan])},
        {"embedding.weight": np.full((V, E), np.inf, np.float32)},
    ],
)
def test_tensors_that_do_not_fit_the_header_are_named(change, wording):
    tensors = {n: a for n, a in (load_tensors(GOOD) | change).items() if a is not None}
    wording(refusal(with_header(GOOD, header_of(GOOD), tensors)))


@pytest.mark.parametrize("version", ["6", "10", "99999999"])
def test_fault_36_a_later_format_asks_for_a_later_charrnn(version, wording):
    error = refusal(with_header(GOOD, {"unheard": "of"}, format_version=version))
    assert version in error.message
    wording(error)


@pytest.mark.parametrize(
    "version", ["0", "", "-1", "1.0", "one", pytest.param("9" * 5000, id="long"), "\x1b[2J"]
)
def test_what_is_no_format_version_is_refused(version, wording):
    error = refusal(with_header(GOOD, header_of(GOOD), format_version=version))
    assert error.message.isprintable()
    wording(error)


# --- anything at all ---


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_refused(data, framed):
    with pytest.raises(CheckpointError):
        parse(struct.pack("<Q", len(data)) + data if framed else data)


@examples(300)
@given(data=st.data())
def test_any_change_of_a_good_file_is_refused(data):
    start = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(start, min(len(GOOD), start + 30)))
    changed = GOOD[:start] + data.draw(st.binary(max_size=30)) + GOOD[end:]
    if changed != GOOD:
        with pytest.raises(CheckpointError):
            parse(changed)


@examples(300)
@given(value=JSON, data=st.data())
def test_any_other_value_in_a_header_is_refused_or_harmless(value, data):
    header = header_of(GOOD)
    part = data.draw(st.sampled_from(["config", "vocabulary"]))
    key = data.draw(st.sampled_from([None, *header[part]]))
    if key is None:
        header[part] = value
    else:
        header[part][key] = value
    try:
        found = parse(with_header(GOOD, header))
    except CheckpointError:
        return
    assert found.model.config == MODEL.config
    assert found.model.vocabulary.symbols.tolist() == SYMBOLS


@examples(300)
@given(value=JSON, data=st.data())
def test_any_other_value_in_the_table_is_refused(value, data):
    table = table_of(GOOD)
    path = data.draw(st.sampled_from(paths_of(table)))
    at = table
    for key in path[:-1]:
        at = at[key]
    if at[path[-1]] != value:
        at[path[-1]] = value
        with pytest.raises(CheckpointError):
            parse(with_table(GOOD, table))


def paths_of(value, path=()) -> list[tuple]:
    """The ways to every value inside a JSON value."""
    if not isinstance(value, dict | list):
        return [path]
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = [p for key, v in inner for p in paths_of(v, (*path, key))]
    return [*found, path] if path else found


def test_a_table_with_too_many_tensors_is_refused_before_they_are_looked_at(monkeypatch, wording):
    table, empty = table_of(GOOD), {"dtype": "F32", "shape": [0], "data_offsets": [432, 432]}
    monkeypatch.setattr(checkpoint_module, "load_tensors", lambda _: pytest.fail("they were read"))
    monkeypatch.setattr(
        checkpoint_module, "strict_json", counted_calls := mock.Mock(side_effect=json.loads)
    )
    wording(refusal(with_table(GOOD, table | {f"training.{k}": empty for k in range(20_000)})))
    assert counted_calls.call_count == 1, "the work does not grow with the entries"


def test_the_largest_network_has_fewer_tensors_than_the_limit():
    config = ModelConfig(
        cell="lstm", vocab_size=9, num_layers=64, layer_norm=True, learn_start=True
    )
    assert 9 * len(weight_shapes(config)) < checkpoint_module.MOST_TENSORS
