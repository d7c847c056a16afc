"""`charrnn sweep`: the runs that a file describes, their results, and a sweep that is taken up again."""

import contextlib
import csv
import io
import json
import math
import shlex
import signal
import statistics
import subprocess
import time
from pathlib import Path

import pytest
from helpers import CLEAN, call_charrnn, make_text, own_signals, program

from charrnn.checkpoint import load_checkpoint
from charrnn.cli.completion import complete_spec
from charrnn.cli.sweep import running
from charrnn.cli.sweep.spec import read_spec
from charrnn.errors import REQUEUE
from charrnn.files import locked

SMALL = """
hidden-size = 5
embedding-size = 3
batch-size = 4
sequence-length = 8
precision = "float32"
kernel = "fused"
counts = false
test-fraction = 0.1
"""
SIZES = f"""
corpus = "corpus.txt"
seeds = [1, 2]

[settings]
steps = 2
{SMALL.replace("hidden-size = 5", "")}
[grid]
hidden-size = [4, 6]
"""


@pytest.fixture(autouse=True)
def prepared(monkeypatch):
    """Start the runs by the server of prepared processes."""
    monkeypatch.setattr("charrnn.cli.sweep.jobs.program", program)


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """`charrnn ARGUMENTS` in a folder with a text."""
    (tmp_path / "corpus.txt").write_text(make_text(2000), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, **options: call_charrnn(capsys, *arguments, **options)


@pytest.fixture(scope="module")
def sizes(tmp_path_factory):
    """A folder in which the sweep SIZES was carried out, and what it printed."""
    folder = tmp_path_factory.mktemp("sizes")
    (folder / "corpus.txt").write_text(make_text(2000), encoding="utf-8")
    (folder / "sizes.toml").write_text(SIZES)
    line = ("sweep", "sizes.toml", "--jobs", 2, "--test", "--json", "--csv", "sizes.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("charrnn.cli.sweep.jobs.program", program)
        return folder, json.loads(run_in_process(*line))


def run_in_process(*arguments):
    """What a command prints; for fixtures of a module, which have no capsys."""
    from charrnn.cli.app import obey

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        obey([str(argument) for argument in arguments])
    return out.getvalue()


def untouchable(monkeypatch):
    """Let no process be started."""

    def refuse():
        raise AssertionError("a run was started")

    monkeypatch.setattr("charrnn.cli.sweep.jobs.program", refuse)


# --- the results ------------------------------------------------------------------------------------------------------


def test_a_sweep_trains_a_run_for_each_point_and_seed(sizes):
    folder, printed = sizes
    found = {run["run"]: (run["settings"], run["seed"]) for run in printed["runs"]}
    assert found == {
        f"checkpoints/sizes/hidden-size={units},seed={seed}": ({"hidden-size": units}, seed)
        for units in (4, 6)
        for seed in (1, 2)
    }
    for name, (settings, seed) in found.items():
        loaded = load_checkpoint(folder / name / "best.safetensors")
        assert loaded.model.config.hidden_size == settings["hidden-size"]
        assert loaded.run["training"]["seed"] == seed
        assert loaded.run["training"]["threads"] == loaded.run["asked"]["threads"]


def test_the_figures_are_those_of_the_runs_with_mean_and_standard_error(sizes):
    _, printed = sizes
    points = printed["points"]
    assert [p["nats_per_char"] for p in points] == sorted(p["nats_per_char"] for p in points)
    for point in points:
        runs = [run for run in printed["runs"] if run["settings"] == point["settings"]]
        for prefix, figures in (
            ("", [run["result"]["validation"] for run in runs]),
            ("test_", [run["test"] for run in runs]),
        ):
            nats = [one["nats_per_char"] for one in figures]
            error = statistics.stdev(nats) / math.sqrt(2)
            assert error > 0
            assert point[f"{prefix}nats_per_char"] == pytest.approx(sum(nats) / 2)
            assert point[f"{prefix}nats_standard_error"] == pytest.approx(error)
            assert point[f"{prefix}bits_per_char"] == pytest.approx(sum(nats) / 2 / math.log(2))
        assert (point["runs"], point["finished"], point["failed"]) == (2, 2, 0)
    assert len({run["test"]["nats_per_char"] for run in printed["runs"]}) == 4


def test_the_figures_of_a_run_are_those_of_evaluate(sizes, capsys, monkeypatch):
    folder, printed = sizes
    monkeypatch.chdir(folder)
    run = printed["runs"][0]
    for split, figures in (("val", run["result"]["validation"]), ("test", run["test"])):
        judged = call_charrnn(capsys, "evaluate", run["run"], "--split", split, "--json", "-q")
        assert json.loads(judged.out)["nats_per_char"] == pytest.approx(figures["nats_per_char"])


def test_the_table_has_a_row_for_each_point(sizes):
    folder, printed = sizes
    with (folder / "sizes.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert [row["hidden-size"] for row in rows] == [
        str(point["settings"]["hidden-size"]) for point in printed["points"]
    ]
    for row, point in zip(rows, printed["points"], strict=True):
        assert float(row["nats_per_char"]) == point["nats_per_char"]
        assert float(row["test_nats_standard_error"]) == point["test_nats_standard_error"]


# --- taken up again ---------------------------------------------------------------------------------------------------


def test_finished_runs_are_not_run_again(sizes, capsys, monkeypatch, wording):
    folder, printed = sizes
    monkeypatch.chdir(folder)
    untouchable(monkeypatch)
    again = call_charrnn(capsys, "sweep", "sizes.toml", "--test", "--json")
    assert json.loads(again.out) == printed
    result = call_charrnn(capsys, "sweep", "sizes.toml")
    best = printed["points"][0]
    lines = result.out.splitlines()
    assert lines[0].split() == ["hidden-size", "runs", "nats/char", "bits/char", "time"]
    mean, error = best["nats_per_char"], best["nats_standard_error"]
    assert f" {best['settings']['hidden-size']}     2  {mean:.4f} ± {error:.4f}  " in lines[1]
    wording(result)


def test_a_printed_line_goes_on_with_its_run(sizes, capsys, monkeypatch):
    folder, printed = sizes
    monkeypatch.chdir(folder)
    untouchable(monkeypatch)
    lines = call_charrnn(capsys, "sweep", "sizes.toml", "--print").out.splitlines()
    assert len(lines) == 4
    command, *words = shlex.split(lines[1])
    assert (command, words[:3]) == ("charrnn", ["train", "corpus.txt", "--resume"])
    assert call_charrnn(capsys, *words).out == ""
    figures = json.loads(call_charrnn(capsys, *words, "--json", "-q").out)
    assert figures == printed["runs"][1]["result"]  # as a scheduler's run is asked for it


def test_a_changed_spec_is_refused_and_a_longer_grid_adds_runs(sizes, capsys, monkeypatch, wording):
    folder, _ = sizes
    monkeypatch.chdir(folder)
    untouchable(monkeypatch)
    for old, new in (
        ("steps = 2", "steps = 3"),
        ("batch-size = 4", "batch-size = 5\nlr = 0.1"),
        ("embedding-size = 3", ""),
        ("test-fraction = 0.1", "level = 'byte'"),
        ('"corpus.txt"', '["corpus.txt", "corpus.txt"]'),
    ):
        Path("changed.toml").write_text(SIZES.replace(old, new))
        wording(call_charrnn(capsys, "sweep", "changed.toml", "--name", "sizes", status=2))
    Path("longer.toml").write_text(SIZES.replace("[4, 6]", "[4, 6, 7]"))
    lines = call_charrnn(capsys, "sweep", "longer.toml", "--name", "sizes", "--print").out
    assert len(lines.splitlines()) == 6


def test_results_are_worked_out_anew_when_a_run_has_changed(sizes, capsys, monkeypatch):
    folder, printed = sizes
    monkeypatch.chdir(folder)
    name = printed["runs"][3]["run"]
    last = folder / name / "last.safetensors"
    last.write_bytes(last.read_bytes())
    again = json.loads(call_charrnn(capsys, "sweep", "sizes.toml", "--json").out)
    assert [r["result"] for r in again["runs"]] == [r["result"] for r in printed["runs"]]
    assert "nothing left to do" in (folder / f"{name}.log").read_text()


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGUSR1, REQUEUE)]
)
def test_an_interrupted_sweep_saves_its_runs_and_resumes_them(number, status, here, tmp_path):
    spec = f'corpus = "corpus.txt"\n[settings]\nsteps = 600\neval-every = 600\n{SMALL}'
    Path("one.toml").write_text(spec)
    started = subprocess.Popen(
        program("sweep", "one.toml"),
        cwd=tmp_path,
        env=CLEAN,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=own_signals,
    )
    last = Path("checkpoints/one/run/last.safetensors")
    while not last.exists() and started.poll() is None:
        time.sleep(0.02)
    started.send_signal(number)
    out, err = started.communicate(timeout=60)
    assert started.returncode == status
    assert out == ""
    assert "to resume: charrnn sweep one.toml" in err.splitlines()
    step = load_checkpoint(last).metrics["step"]
    assert step < 600
    result = json.loads(here("sweep", "one.toml", "--json").out)["runs"][0]["result"]
    assert result["steps"] == 600
    if step:  # else it was stopped before its first one
        assert f"at step {step:,} of 600" in Path("checkpoints/one/run.log").read_text()


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_run_that_fails_is_shown_and_stops_no_other(here, wording):
    points = "[[points]]\nlr = 1e7\n[[points]]\nlr = 0.01\n"
    settings = f'[settings]\nsteps = 2\nclip = "off"\noptimizer = "adamw"\n{SMALL}'
    Path("rates.toml").write_text(f'corpus = "corpus.txt"\n{settings}{points}')
    Path("checkpoints/rates/lr=10000000.0").mkdir(parents=True)
    Path("checkpoints/rates/lr=10000000.0/last.safetensors").write_bytes(b"damaged")
    result = here("sweep", "rates.toml", status=4)
    rows = result.out.splitlines()
    assert [row.split()[:2] for row in rows[1:3]] == [["0.01", "1"], ["10000000.0", "0"]]
    wording(result, r"(?<=; )\d+:\d\d")
    found = json.loads(here("sweep", "rates.toml", "--json", "--overwrite", status=2).out)
    assert [run["state"] for run in found["runs"]] == ["failed", "finished"]


@pytest.mark.parametrize("freed_after", [1, None])
def test_a_run_that_another_process_holds_is_waited_for(here, monkeypatch, freed_after, wording):
    Path("one.toml").write_text(f'corpus = "corpus.txt"\n[settings]\nsteps = 1\n{SMALL}')
    Path("checkpoints/one/run").mkdir(parents=True)
    monkeypatch.setattr(running, "LONGEST_WAIT", 60 if freed_after else 0)
    started = []
    with contextlib.ExitStack() as held:
        held.enter_context(locked(Path("checkpoints/one/run")))

        def free_and_start():
            if len(started) == freed_after:
                held.close()
            started.append(1)
            return program()

        monkeypatch.setattr("charrnn.cli.sweep.jobs.program", free_and_start)
        result = here("sweep", "one.toml", status=0 if freed_after else 7)
    assert len(started) == 1 + (freed_after or 0)
    wording(result, r"(?<=; )\d+:\d\d")


@pytest.mark.parametrize(
    "spec",
    [
        'corpus = "corpus.txt"\nhidden-size = 3',
        'corpus = "corpus.txt"\nsead = [1]',
        "seeds = [1]",
        'corpus = "-"',
        'corpus = "corpus.txt"\nseeds = [1, 1]',
        'corpus = "corpus.txt"\nseeds = [1]\n[grid]\nseed = [1]',
        'corpus = "corpus.txt"\nsettings = 3',
        'corpus = "corpus.txt"\n[settings]\nhiden-size = 3',
        'corpus = "corpus.txt"\n[settings]\nrnn-size = 3',
        'corpus = "corpus.txt"\n[settings]\nname = "a"',
        'corpus = "corpus.txt"\n[settings]\nlr = 1\nlearning_rate = 2',
        'corpus = "corpus.txt"\n[settings]\nlr = [1]',
        'corpus = "corpus.txt"\n[settings]\nlayer-norm = 1',
        'corpus = "corpus.txt"\n[settings]\nhidden-size = true',
        'corpus = "corpus.txt"\n[settings]\ncell = "lstn"',
        'corpus = "corpus.txt"\n[grid]\nhidden-size = 64',
        'corpus = "corpus.txt"\n[grid]\nhidden-size = [64, 0]',
        'corpus = "corpus.txt"\n[grid]\nhidden-size = [64, 64]',
        'corpus = "corpus.txt"\n[settings]\nlr = 1\n[grid]\nlr = [1]',
        'corpus = "corpus.txt"\n[settings]\nmuon-lr = 1\n[grid]\noptimizer = ["muon", "adamw"]',
        'corpus = "corpus.txt"\n[[points]]\nlr = 1\n[[points]]\nlr = 1',
        'corpus = "corpus.txt"\n[grid]\n'
        + "".join(f"{k} = {[*range(1, 60)]}\n" for k in ("layers", "steps", "keep")),
        "[",
    ],
)
def test_nonsense_in_the_spec_is_one_line_before_anything_runs(here, spec, wording, monkeypatch):
    untouchable(monkeypatch)
    Path("bad.toml").write_text(spec)
    result = here("sweep", "bad.toml", status=3 if spec == "[" else 2)
    assert result.err.startswith("charrnn: bad.toml")
    assert not Path("checkpoints").exists()
    wording(result)


def test_what_cannot_be_read_or_scored_is_refused_before_anything_runs(here, wording, monkeypatch):
    untouchable(monkeypatch)
    Path("a.toml").write_text('corpus = "corpse.txt"\n')
    wording(here("sweep", "a.toml", status=3))
    assert not Path("checkpoints").exists()
    wording(here("sweep", "a.toml", "--test", status=2))
    wording(here("sweep", "b.toml", status=3))
    for option in (("--jobs", 2), ("--csv", "a.csv"), ("--json",), ("--overwrite",)):
        wording(here("sweep", "a.toml", "--print", *option, status=2))
    Path("checkpoints/a").mkdir(parents=True)
    Path("checkpoints/a/best.safetensors").touch()
    wording(here("sweep", "a.toml", status=2))


# --- the spec ---------------------------------------------------------------------------------------------------------


def test_points_are_the_grid_and_then_those_that_are_listed(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(
        'corpus = ["a.txt", "b.txt"]\n[settings]\nlayer_norm = true\nlines = false\nlr = 0.5\nglob = ["*.py", "!t*"]\n'
        '[grid]\nhidden-size = [8, 9]\ncell = ["gru", "lstm"]\n[[points]]\nlearning_rate = 0.25\nclip = "off"\n'
        '[[points]]\nseparator = "%%/ä"\n'
    )
    spec = read_spec(path)
    assert spec.keys == ["hidden-size", "cell", "lr", "clip", "separator"]
    assert [run.name for run in spec.runs][:5] == [
        *("hidden-size=8,cell=gru", "hidden-size=8,cell=lstm"),
        *("hidden-size=9,cell=gru", "hidden-size=9,cell=lstm", "lr=0.25,clip=off"),
    ]
    assert spec.runs[5].name.startswith("separator=-----")
    first, other, last = spec.runs[0].line, spec.runs[4].line, spec.runs[5].line
    assert first.names == ["a.txt", "b.txt"]
    assert first.request.given == {
        "layer_norm": True,
        "learning_rate": 0.5,
        "hidden_size": 8,
        "cell": "gru",
    }
    assert first.config.globs == ("*.py", "!t*")
    assert other.request.given == {"layer_norm": True, "learning_rate": 0.25, "clip": None}
    assert last.config.separator == "%%/ä"


def test_specs_complete(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    for name in ("a.toml", "a.txt"):
        (tmp_path / name).touch()
    assert complete_spec("") == ["a.toml", "specs/"]
