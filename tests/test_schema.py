"""Well-formed files with any value in place of any other: each command ends with status 0, or with one line."""

import contextlib
import copy
import functools
import json
import operator
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers import Result, examples, run_charrnn
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from charrnn import checkpoint as checkpoint_module
from charrnn.checkpoint import load_checkpoint
from charrnn.cli import terminal
from charrnn.cli.app import obey
from charrnn.errors import CheckpointError
from charrnn.schema import SchemaError, check_request, check_run, current
from charrnn.training.metrics import Metrics
from charrnn.training.trainer import Trainer

RUN = ("--hidden-size", 5, "--layers", 2, "--embedding-size", 3, "--eval-every", 4)
TRAINED = ("--steps", 9, "--batch-size", 3, "--sequence-length", 7, "--precision", "float32")

COMMANDS = {
    "inspect": ("inspect", "run"),
    "inspect --json": ("inspect", "run", "--json"),
    "inspect --toml": ("inspect", "run", "--toml"),
    "runs": ("runs", "--json"),
    "curve": ("curve", "run"),
    "sample": ("sample", "run", "-n", 3, "--seed", 1),
    "evaluate": ("evaluate", "run", "--split", "val"),
    "visualize": ("visualize", "run", "def"),
    "score": ("score", "run", "line.txt"),
    "init-from": ("train", "corpus.txt", "--init-from", "run", "--plan-only"),
    "resume": ("train", "--resume", "--name", "run"),
}
DUMPS = {
    "dump": ("visualize", "run", "def cat", "--dump", "dump.safetensors"),
    "show": ("visualize", "--from", "dump.safetensors"),
    "show one": ("visualize", "--from", "dump.safetensors", "--unit", "L0.c.1"),
    "show html": ("visualize", "--from", "dump.safetensors", "--html", "page.html"),
}
STATUSES = (0, 2, 3, 4, 6)
"""Those that a file may lead to; 1 would be a defect, 5 a training that diverged."""

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0, -1, 1, 3.0, 1e308, 2**31, 2**63, 10**30, -(10**9), 10**6, "auto", "cuda:7", "-", "/"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with corpus.txt and a run that was stopped in the middle, whose files are kept under `good`."""
    folder = tmp_path_factory.mktemp("schema")
    (folder / "corpus.txt").write_text(
        "def cat(sat, on):\n    a mat, and sat.\n" * 24, encoding="utf-8"
    )
    (folder / "line.txt").write_text("def f\n", encoding="utf-8")
    options = (*RUN, *TRAINED, "--name", "run", "--save-every", 0, "--keep", 2, "-q")
    run_charrnn("train", "corpus.txt", *options, cwd=folder)
    run = folder / "checkpoints" / "run"
    shutil.copy(run / "step-00000007.safetensors", run / "last.safetensors")
    shutil.copytree(run, folder / "good")
    return folder


def restore(folder: Path) -> Path:
    run = folder / "checkpoints" / "run"
    shutil.rmtree(run)
    shutil.copytree(folder / "good", run)
    return run


def header_of(path: Path) -> dict:
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["header"])


def write_with(path: Path, header: dict, tensors: dict | None = None) -> None:
    """The checkpoint with another header or other tensors, and the checksum that fits."""
    tensors = load_tensors(path.read_bytes()) if tensors is None else tensors
    text = json.dumps(header)
    checksum = checkpoint_module._checksum(text, tensors)
    fields = {"format": "charrnn", "format_version": "1", "header": text, "sha256": checksum}
    path.write_bytes(save_tensors(tensors, fields))


def paths_of(value, path=()) -> list[tuple]:
    """The ways to every value inside a JSON value; of a long list only to its first two."""
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value[:2]) if isinstance(value, list) else inner
    found = [p for key, part in inner for p in paths_of(part, (*path, key))]
    return [*found, path] if path else found


def changed(value, path, new):
    """The value with another one at a path, if it has that path."""
    value = at = copy.deepcopy(value)
    with contextlib.suppress(KeyError, IndexError, TypeError):
        for key in path[:-1]:
            at = at[key]
        at[path[-1]]
        at[path[-1]] = new
    return value


def ends_well(name: str, capsys, folder: Path) -> Result:
    """A command in a folder, with status 0, or with another and one line and no more than a hint."""
    arguments = [*map(str, (COMMANDS | DUMPS)[name])]
    with pytest.raises(SystemExit) as left, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for what in ("_prepare_streams", "_let_signals_end_us"):
            patch.setattr(terminal, what, lambda: None)
        patch.setattr(terminal, "_quiet", False)
        patch.setattr("charrnn.training.measure.TRIAL_SECONDS", 0.005)
        patch.setattr(Trainer, "_advance", one_step(Trainer._advance))
        terminal.run(lambda: obey(arguments))
    status, err = left.value.code, capsys.readouterr().err
    assert status in STATUSES, err
    if status:
        lines = err.splitlines()
        (at,) = [k for k, line in enumerate(lines) if line.startswith("charrnn: ")]
        assert len(lines) - at <= 2, err
        assert len(lines[at]) < 500, err
    return Result(status, "", err, tuple(arguments))


def one_step(advance):
    """Of a run, however many steps the file asks for, only one is made."""

    def stopping(trainer):
        trainer.stop_requested = True
        return advance(trainer)

    return stopping


def test_the_files_without_an_edit_end_every_command_with_status_0(place, capsys):
    restore(place)
    assert {ends_well(name, capsys, place).status for name in COMMANDS} == {0}


@examples(12, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_value_in_place_of_any_other_ends_every_command_in_one_line(place, capsys, data):
    edit_a_checkpoint(place, capsys, data)


@pytest.mark.long
@pytest.mark.timeout(900)
@examples(200, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_of_many_values_ends_every_command_in_one_line(place, capsys, data):
    edit_a_checkpoint(place, capsys, data)


def edit_a_checkpoint(place, capsys, data):
    """Put some value in place of another one in a run's checkpoints, and run every command on them."""
    run = restore(place)
    last = header_of(run / "last.safetensors")
    parts = [p for p in paths_of(last) if p[0] not in ("vocabulary", "config")]
    path = data.draw(st.sampled_from(parts), label="path")
    new = data.draw(VALUES, label="value")
    for name in ("last", "best"):
        file = run / f"{name}.safetensors"
        write_with(file, changed(header_of(file), path, new))
    for name in COMMANDS:
        ends_well(name, capsys, place)


ODD = (None, True, -1, 3, 1.5, 10**30, "", "x", [], ["x"], [[]], {}, {"x": 1})
"""Values of every type, each to be put in the place of each other value."""


def is_alike(value, odd):
    """Whether two JSON values are of the same type, or one is None, or both are numbers."""
    kinds = [float if type(v) is int else type(v) for v in (value, odd)]
    return type(None) in kinds or kinds[0] == kinds[1]


@pytest.fixture(scope="module")
def recorded(place):
    """The figures and the record of a run with validation text of its own and a model that it started from."""
    restore(place)
    options = (
        *TRAINED,
        "--steps",
        2,
        "--val",
        "line.txt",
        "--init-from",
        "run",
        "--name",
        "second",
    )
    run_charrnn("train", "corpus.txt", *options, "--no-baselines", "-q", cwd=place)
    header = header_of(place / "checkpoints" / "second" / "best.safetensors")
    return {name: header[name] for name in ("figures", "run")}


def test_every_value_that_a_checkpoint_records_has_its_type_in_the_schema(recorded):
    check_run(**recorded)
    assert recorded["run"]["init_from"]
    assert recorded["run"]["corpus"]["split_places"]["val_file"]
    for path in paths_of(recorded):
        value = functools.reduce(operator.getitem, path, recorded)
        for odd in ODD:
            edited = changed(recorded, path, odd)
            if len(path) > 1 and not is_alike(value, odd):
                with pytest.raises(SchemaError):
                    check_run(**edited)
                    pytest.fail(f"{path}: {odd!r}")


# --- the tensors of training ---


def without(name):
    return lambda tensors: tensors.pop(name)


def as_type(name, kind):
    return lambda tensors: tensors.update({name: tensors[name].astype(kind)})


def reshaped(name, *shape):
    return lambda tensors: tensors.update({name: np.zeros(shape, np.float32)})


MOMENT, STEP = "training.optimizer.exp_avg.head.weight", "training.optimizer.step.head.bias"
TENSORS = {
    "no moment": without(MOMENT),
    "no momentum": without("training.optimizer.momentum.rnn.weight_hh_l1"),
    "no state": without("training.state.h"),
    "no rollback state": without("training.rollback.state.c"),
    "no rollback weight": without("training.rollback.weights.head.bias"),
    "another type": as_type(MOMENT, np.float64),
    "whole numbers": as_type(MOMENT, np.int32),
    "step a list": reshaped(STEP, 1),
    "another shape": reshaped(MOMENT, 2, 2),
    "another row": reshaped("training.state.h", 2, 4, 5),
    "one more": reshaped("training.optimizer.exp_avg.other", 3),
    "another set": reshaped("training.else", 3),
    "rows of both": lambda tensors: tensors.update(
        {f"training.state.{letter}": np.zeros((2, 9, 5), np.float32) for letter in "hc"}
    ),
}


@pytest.mark.parametrize("edit", TENSORS.values(), ids=TENSORS)
def test_a_tensor_of_training_is_checked_like_a_weight(edit, place, capsys, wording):
    path = restore(place) / "last.safetensors"
    tensors = load_tensors(path.read_bytes())
    edit(tensors)
    write_with(path, header_of(path), tensors)
    refused = ends_well("resume", capsys, place)
    assert refused.status == 4
    wording(refused, only=r"charrnn: ")
    assert ends_well("sample", capsys, place).status == 0


# --- metrics ---


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[" * 200_000,
        b"\xff\xfe\0",
        b'{"step": NaN}\n',
        b'{"step": 4, "seconds": "long"}\n',
        b'{"step": 1e400}\n' * 3,
        b'{"step": ' + b"9" * 5000 + b"}\n",
    ],
    ids=lambda content: repr(content[:12]),
)
def test_damaged_metrics_prevent_no_resume(content, place, capsys):
    run = restore(place)
    rows = (run / "metrics.jsonl").read_bytes()
    (run / "metrics.jsonl").write_bytes(content + b"\n" + rows)
    assert ends_well("resume", capsys, place).status == 0
    metrics = Metrics(run / "metrics.jsonl")
    metrics.read(up_to_step=100)
    assert [row["step"] for row in metrics.rows][:1] == [4]
    assert metrics.num_damaged == 0


def test_numbers_beyond_a_float_are_refused(place):
    path = restore(place) / "best.safetensors"
    tensors = load_tensors(path.read_bytes())
    text = json.dumps(header_of(path)).replace('"figures": {', '"figures": {"odd": 1e400, ')
    checksum = checkpoint_module._checksum(text, tensors)
    fields = {"format": "charrnn", "format_version": "1", "header": text, "sha256": checksum}
    path.write_bytes(save_tensors(tensors, fields))
    with pytest.raises(CheckpointError):
        load_checkpoint(path)


# --- dumps ---


@examples(30, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_value_in_a_dump_is_shown_or_refused_in_one_line(place, capsys, data):
    edit_a_dump(place, capsys, data)


@pytest.mark.long
@pytest.mark.timeout(900)
@examples(200, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_of_many_values_in_a_dump_is_shown_or_refused(place, capsys, data):
    edit_a_dump(place, capsys, data)


def edit_a_dump(place, capsys, data):
    """Put some value in place of another one in a dump's header, and show the dump."""
    path = place / "dump.safetensors"
    if not (place / "good.safetensors").exists():
        restore(place)
        ends_well("dump", capsys, place)
        path.rename(place / "good.safetensors")
    content = (place / "good.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    fields = json.loads(content[8 : 8 + length])["__metadata__"]
    header = json.loads(fields["header"])
    at = data.draw(st.sampled_from(paths_of(header)), label="path")
    header = changed(header, at, data.draw(VALUES, label="value"))
    text = json.dumps(header)
    crc32 = json.loads(fields["crc32"]) | {"header": f"{zlib.crc32(text.encode()):08x}"}
    fields |= {"header": text, "crc32": json.dumps(crc32)}
    path.write_bytes(save_tensors(load_tensors(content), fields))
    for name in ("show", "show one", "show html"):
        ends_well(name, capsys, place)


def test_an_older_run_that_asked_for_auto_has_asked_for_nothing():
    assert current({"precision": "auto", "device": "auto", "steps": 3}) == {"steps": 3}
    check_request({"precision": "auto", "device": "auto", "threads": 2}, "run.asked")
    assert current({"kernel": "auto"}) == {"kernel": "fused"}
