"""`charrnn runs`: the list of runs, new names for them, and their removal."""

import contextlib
import io
import json
import math
import os
import pty
import shutil
import subprocess
import sys

import pytest
from filelock import FileLock
from helpers import CLEAN, call_charrnn, program
from rich.cells import cell_len

from charrnn.checkpoint import load_checkpoint, load_summary
from charrnn.cli.runs import command
from charrnn.cli.runs.listing import HEADINGS, RunSummary, age, table
from charrnn.cli.runs.own_files import is_run, modified, size_on_disk
from charrnn.errors import BusyError, CheckpointError
from charrnn.files import locked

OWN = {"best.safetensors", "last.safetensors", "metrics.jsonl"}


@pytest.fixture
def place(workplace, tmp_path, monkeypatch):
    """A folder with the runs `bytes` and, an hour newer, `tiny`."""
    shutil.copytree(workplace / "checkpoints", tmp_path / "checkpoints")
    for number, name in enumerate(("bytes", "tiny")):
        for path in (tmp_path / "checkpoints" / name).iterdir():
            os.utime(path, (1e9 + 3600 * number,) * 2)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "checkpoints"


@pytest.fixture
def runs(capsys):
    def call(*arguments, status=0):
        return call_charrnn(capsys, "runs", *arguments, status=status)

    return call


def listed(result):
    """The records of `runs --json`, by name."""
    return {record["name"]: record for record in map(json.loads, result.out.splitlines())}


# --- the list -------------------------------------------------------------------------------------


def test_the_records_are_what_the_checkpoints_say_and_the_newest_comes_last(place, runs):
    records = listed(runs("--json"))
    assert list(records) == ["bytes", "tiny"]
    for name, level in (("bytes", "byte"), ("tiny", "char")):
        loaded = load_checkpoint(place / name / "best.safetensors")
        record = records[name]
        assert (record["cell"], record["num_layers"], record["hidden_size"]) == ("lstm", 2, 24)
        assert record["level"] == level
        assert record["characters"] == loaded.run["corpus"]["characters"] == 6000
        nats = loaded.metrics["best_val_nats_per_char"]
        assert record["bits_per_char"] == pytest.approx(nats / math.log(2))
        assert record["bytes"] == sum(p.stat().st_size for p in (place / name).glob("[!.]*"))
        assert record["error"] is None
    assert records["tiny"]["modified"] == "2001-09-09T02:46:40+00:00"
    os.utime(place / "bytes" / "last.safetensors")
    assert list(listed(runs("--json"))) == ["tiny", "bytes"]


def test_the_table_has_a_line_for_each_run(place, runs, wording):
    result = runs()
    heading, *lines = result.out.splitlines()
    assert tuple(heading.split("  ")[0:1] + heading.split()[1:5]) == HEADINGS[:5]
    assert [line.split()[:6] for line in lines] == [
        ["bytes", "lstm", "2", "x", "24", "6,000"],
        ["tiny", "lstm", "2", "x", "24", "6,000"],
    ]
    bits = load_checkpoint(place / "tiny" / "best.safetensors").metrics["best_val_nats_per_char"]
    assert f" {bits / math.log(2):.3f} " in lines[1]
    wording(result)
    assert runs("-q").err == ""


def test_a_run_that_is_broken_is_listed_with_the_reason(place, runs):
    for name, content in {"empty": b"", "text": b"just a text, and no model"}.items():
        (place / name).mkdir()
        (place / name / "best.safetensors").write_bytes(content)
    (place / "short").mkdir()
    whole = (place / "tiny" / "best.safetensors").read_bytes()
    (place / "short" / "best.safetensors").write_bytes(whole[:-1])
    (place / "none").mkdir()
    (place / "none" / "metrics.jsonl").touch()
    (place / "no run").mkdir()
    (place / "a file").touch()
    records = listed(runs("--json"))
    assert set(records) == {"bytes", "tiny", "empty", "text", "short", "none"}
    reasons = {name: record["error"] for name, record in records.items() if record["error"]}
    assert "empty (0 bytes)" in reasons["empty"]
    assert "not a charrnn checkpoint" in reasons["text"]
    assert "truncated" in reasons["short"]
    assert reasons["none"] == "checkpoints/none has no checkpoint"
    shown = runs().out
    assert all(reason in shown for reason in reasons.values())
    assert len(shown.splitlines()) == 7


def test_a_run_that_was_stopped_before_its_first_evaluation_is_no_broken_one(place, runs):
    (place / "tiny" / "best.safetensors").unlink()
    record = listed(runs("--json"))["tiny"]
    assert record["error"] is None
    assert record["hidden_size"] == 24


def test_without_runs_the_list_is_empty_and_says_how_to_train_one(
    runs, tmp_path, monkeypatch, wording
):
    monkeypatch.chdir(tmp_path)
    assert runs("--json").out == ""
    result = runs("--out", "elsewhere")
    assert result.out == ""
    wording(result)


def test_another_folder_is_listed_too(place, runs):
    place.rename(place.with_name("models"))
    assert runs().out == ""
    assert list(listed(runs("--json", "--out", "models"))) == ["bytes", "tiny"]


def made(name, **settings):
    known = {"path": f"checkpoints/{name}", "modified": 1e9, "bytes": 10**9, "cell": "peephole"}
    known |= {"num_layers": 2, "hidden_size": 1024, "characters": 10**9, "bits_per_char": 1.5}
    return RunSummary(name=name, **(known | settings))


@pytest.mark.parametrize("width", [60, 48, 40, 30, 20])
def test_a_narrow_table_fits_and_keeps_the_names_and_the_bits(width):
    runs = [made("a"), made("a-run-with-a-long-name"), made("漢字" * 9)]
    lines = [line for line, _ in table(runs, width)]
    assert all(cell_len(line) <= width for line in lines)
    assert all(" 1.500" in line for line in lines[1:])
    assert len({line.split()[0] for line in lines}) == 4
    whole = [line for line, _ in table(runs, None)]
    assert all(heading in whole[0] for heading in HEADINGS)
    assert "a-run-with-a-long-name" in whole[2]


def test_names_and_reasons_cannot_act_on_a_terminal():
    lines = [line for line, _ in table([made("a\x1b[2J", error="b\x1b[2J")])]
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        *((-5, "0 seconds"), (1, "1 second"), (59, "59 seconds"), (60, "1 minute")),
        *((7199, "1 hour"), (7200, "2 hours"), (86_400 * 400, "400 days")),
    ],
)
def test_an_age_is_in_its_largest_unit(seconds, shown):
    assert age(seconds) == shown


def test_the_summary_of_a_checkpoint_is_what_the_whole_says(place, wording):
    path = place / "bytes" / "last.safetensors"
    summary, loaded = load_summary(path), load_checkpoint(path)
    assert summary.config == loaded.model.config
    assert summary.level == "byte"
    assert (summary.metrics, summary.run) == (loaded.metrics, loaded.run)
    with wording.raises(CheckpointError):
        load_summary(place / "nothing")


# --- rename ---------------------------------------------------------------------------------------


def test_a_run_is_renamed_with_all_that_is_in_its_folder(place, runs, wording):
    (place / "tiny" / "notes.txt").write_text("mine")
    before = {p.name: p.read_bytes() for p in (place / "tiny").glob("[!.]*")}
    wording(runs("rename", "tiny", "small"))
    assert not (place / "tiny").exists()
    assert {p.name: p.read_bytes() for p in (place / "small").glob("[!.]*")} == before
    assert list(listed(runs("--json"))) == ["bytes", "small"]


@pytest.mark.parametrize(
    ("names", "status"),
    [
        (("tiny", "bytes"), 2),
        (("tiny", "a/b"), 2),
        (("tiny", ""), 2),
        (("../checkpoints/tiny", "b"), 2),
        (("tinny", "b"), 4),
        (("tiny",), 2),
    ],
)
def test_a_name_that_cannot_be_given_is_refused(place, runs, names, status, wording):
    wording(runs("rename", *names, status=status))
    assert set(listed(runs("--json"))) == {"bytes", "tiny"}


def test_a_run_that_is_not_there_is_answered_with_what_there_is(place, runs, wording):
    wording(runs("rename", "tinny", "b", status=4))
    wording(runs("remove", "xyz", "--yes", status=4))


def test_a_name_that_is_taken_in_the_meantime_is_not_overwritten(place, runs, monkeypatch, wording):
    monkeypatch.setattr(command.os.path, "lexists", lambda _: False)
    wording(runs("rename", "tiny", "bytes", status=2))
    assert set(listed(runs("--json"))) == {"bytes", "tiny"}


@pytest.mark.parametrize("arguments", [("rename", "tiny", "b"), ("remove", "tiny", "--yes")])
def test_a_run_that_another_process_has_removed_in_the_meantime_is_named(
    place, runs, monkeypatch, arguments, wording
):
    found = command._folder_of

    def and_gone(name, out):
        folder = found(name, out)
        for path in folder.iterdir():
            path.unlink()
        return folder

    monkeypatch.setattr(command, "_folder_of", and_gone)
    wording(runs(*arguments, status=4))
    assert list((place / "tiny").iterdir()) == []
    assert not (place / "b").exists()


def test_the_list_knows_that_a_run_can_be_removed_while_it_is_made(place, runs, monkeypatch):
    gone = place / "gone"
    assert (is_run(gone), size_on_disk(gone), modified(gone)) == (False, 0, 0.0)
    monkeypatch.setattr(command, "runs_under", lambda _: [gone, place / "tiny"])
    records = listed(runs("--json"))
    assert records["gone"]["error"]
    assert records["tiny"]["error"] is None


# --- remove ---------------------------------------------------------------------------------------


def test_a_run_that_begins_as_another_of_its_name_is_removed_keeps_its_lock(
    place, runs, monkeypatch
):
    remove = command._remove_folder
    with contextlib.ExitStack() as held:

        def begun(folder):
            held.enter_context(locked(folder))
            remove(folder)

        monkeypatch.setattr(command, "_remove_folder", begun)
        runs("remove", "tiny", "--yes")
        with pytest.raises(BusyError), locked(place / "tiny"):
            pass


def test_removed_runs_are_gone_and_others_stay(place, runs, wording):
    wording(runs("remove", "tiny", "--yes"))
    assert sorted(path.name for path in place.iterdir()) == ["bytes"]
    runs("remove", "bytes", "bytes", "--yes")
    assert list(place.iterdir()) == []


def test_only_a_runs_own_files_are_removed(place, runs, wording):
    (place / "tiny" / "notes.txt").write_text("mine")
    (place / "tiny" / "step-00000007.safetensors").write_bytes(b"not one that the run has kept")
    wording(runs("remove", "tiny", "--yes"))
    left = {path.name for path in (place / "tiny").iterdir()}
    assert left == {"notes.txt", "step-00000007.safetensors"}


def test_the_older_checkpoints_of_a_run_are_its_own(charrnn_in, tmp_path):
    (tmp_path / "corpus.txt").write_text("some text " * 60, "utf-8")
    asked = ("--steps", 6, "--save-every", 0, "--keep", 2, "--hidden-size", 8, "--name", "a", "-q")
    charrnn_in("train", "corpus.txt", *asked)
    folder = tmp_path / "checkpoints" / "a"
    assert len(list(folder.glob("step-*.safetensors"))) == 2
    charrnn_in("runs", "remove", "a", "--yes")
    assert not folder.exists()


@pytest.mark.parametrize(
    "missing", [{"last.safetensors"}, {"best.safetensors"}, OWN - {"metrics.jsonl"}]
)
def test_a_broken_run_is_removed_too(place, runs, missing):
    for name in missing:
        (place / "tiny" / name).unlink()
    runs("remove", "tiny", "--yes")
    assert not (place / "tiny").exists()


@pytest.mark.parametrize(
    "arguments", [("rename", "tiny", "b"), ("remove", "bytes", "tiny", "--yes")]
)
def test_a_run_that_is_being_trained_is_left_alone(place, runs, arguments, wording):
    with FileLock(place / "tiny" / ".lock"):
        (place / "tiny" / ".lock-owner").write_text("4321")
        wording(runs(*arguments, status=7))
    for name in ("bytes", "tiny"):
        assert {path.name for path in (place / name).iterdir()} >= OWN


def test_without_a_terminal_removal_must_be_confirmed_by_an_option(
    place, runs, monkeypatch, wording
):
    for stdin in (None, io.StringIO("y\n")):
        monkeypatch.setattr(sys, "stdin", stdin)
        wording(runs("remove", "tiny", status=2))
        assert (place / "tiny" / "best.safetensors").exists()


@pytest.mark.parametrize(
    ("answer", "stays"), [(b"y\n", False), (b"n\n", True), (b"\n", True), (b"\xff\n", True)]
)
def test_on_a_terminal_the_user_is_asked(place, answer, stays):
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        program("runs", "remove", "tiny"),
        cwd=place.parent,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=CLEAN,
    ) as process:
        os.write(ours, answer)
        out, err = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, out) == (0, b"")
    assert b"Remove tiny (" in err
    assert (b"nothing was removed" in err) == stays
    assert (place / "tiny").exists() == stays


def test_torch_is_not_imported(place):
    script = (
        "import sys; from charrnn.cli.app import obey; obey(['runs']); obey(['runs', 'rename', 'tiny', 'b']); "
        "obey(['runs', 'remove', 'b', '--yes']); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], cwd=place.parent, env=CLEAN, check=True)


def test_an_error_of_a_command_below_names_it_in_its_hint(place, runs, wording):
    wording(runs("rename", "a", "--no", status=2))
    wording(runs("nothing", status=2))
