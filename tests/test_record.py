"""The benchmark of training: its figures are those of `evaluate` and `train`, and its tests those of the textbook."""

import importlib
import itertools
import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import call_charrnn, make_text
from typer.testing import CliRunner

from charrnn.checkpoint import load_checkpoint
from charrnn.evaluation.evaluate import evaluate
from charrnn.training.own_corpus import read_own_corpus

FOLDER = Path(__file__).parent.parent / "benchmarks"
NATS = {"carried": {"network": 1.5, "counts": 1.25}, "cold 64": {"network": 1.75, "counts": 1.5}}
RECORD = {
    "sha256": "ab12",
    "characters": 5000,
    "validation": "characters 4,500 to 5,000",
    "network": {"cell": "lstm", "num_layers": 2, "hidden_size": 8},
    "parameters": 1234,
    "training": {"precision": "float32"},
    "hardware": {"instructions": "AVX2", "threads": 2},
    "version": "c0ffee",
    "steps": 10,
    "epochs": 1.5,
    "seconds": 2.0,
    "command_seconds": 3.0,
}
"""What a run that is not made here would have, but for its figures."""


@pytest.fixture(scope="module")
def benchmark():
    """The scripts as modules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        names = ("figures", "judge", "record", "runs", "transformer")
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})


@pytest.fixture
def typed(benchmark, tmp_path, monkeypatch):
    """Type a command, with its log in the test's folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words, common=()):
        return CliRunner().invoke(benchmark.record.app, [*map(str, words)], obj=list(common))

    return run


@pytest.fixture
def made(benchmark, monkeypatch):
    """The runs that are made, in order; each reaches a little more than 1.5 nats, by its seed and its setting."""
    jobs = []

    def make(_, job, __):
        jobs.append((job.text, job.setting, job.seed))
        gain = 0.01 * job.seed**2 * ("good" in job.setting) - 0.1 * job.seed
        nats = {
            way: {name: value - gain for name, value in both.items()} for way, both in NATS.items()
        }
        return RECORD | {"nats": nats}

    monkeypatch.setattr(benchmark.runs.Runs, "_made", make)
    return jobs


# --- how a run is judged ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged(benchmark, workplace):
    """The tiny run, its text, and its figures."""
    best = load_checkpoint(workplace / "checkpoints" / "tiny" / "best.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workplace)
        record = benchmark.judge.record(Path("checkpoints/tiny/best.safetensors"))
        corpus = read_own_corpus(best, benchmark.transformer.open_corpus, hint="")
    return best, corpus, record


def test_the_network_alone_has_the_figures_of_evaluate_in_each_way_of_reading(judged):
    best, corpus, record = judged
    for way, window in (("carried", None), ("cold 64", 64), ("cold 256", 256)):
        expected = evaluate(best.model, corpus.val, window=window).nats_per_char
        assert record["nats"][way]["network"] == pytest.approx(expected, abs=1e-6)


def test_with_counts_it_has_the_figure_that_training_reports(judged):
    best, _, record = judged
    assert record["nats"]["carried"]["counts"] == pytest.approx(best.counts.nats, abs=1e-9)


def test_the_weight_of_the_counts_is_that_of_the_same_way_of_reading(judged):
    _, _, record = judged
    cold, carried = (record["nats"][way]["counts"] for way in ("cold 64", "carried"))
    assert cold > carried
    assert cold < record["nats"]["cold 64"]["network"]


def test_a_record_says_what_was_read_and_how_it_was_split(judged):
    _, corpus, record = judged
    begin, end = corpus.split_points
    assert record["sha256"] == corpus.fingerprint
    assert (record["characters"], record["validation_characters"]) == (len(corpus), end - begin - 1)
    assert record["validation"] == f"characters {begin:,} to {end:,}"


def test_a_model_without_counts_has_the_figures_of_its_network(benchmark, judged):
    best, corpus, record = judged
    alone = SimpleNamespace(model=best.model, counts=None)
    found = benchmark.judge.judged(alone, corpus)
    assert found["cold 64"] == {"network": pytest.approx(record["nats"]["cold 64"]["network"])}


# --- how two settings are compared ------------------------------------------------------------------------------------


def two_sided(t):
    """The p-value of Student's t with two degrees of freedom."""
    return 1 - abs(t) / math.sqrt(t * t + 2)


def test_paired_runs_differ_by_the_mean_of_their_differences(benchmark):
    a, b = [1.50, 1.70, 1.40], [1.49, 1.68, 1.37]
    found = benchmark.figures.difference(a, b, paired=True)
    error = 0.01 / math.sqrt(3)
    assert (found.mean, found.error) == (pytest.approx(-0.02), pytest.approx(error))
    assert found.p == pytest.approx(two_sided(-0.02 / error))


def test_unpaired_runs_differ_by_welchs_test(benchmark):
    a, b = [1.5, 1.7], [1.4, 1.6]  # of equal variance, so that Welch's has two degrees of freedom
    found = benchmark.figures.difference(a, b, paired=False)
    error = math.hypot(0.1, 0.1)
    assert (found.mean, found.error) == (pytest.approx(-0.1), pytest.approx(error))
    assert found.p == pytest.approx(two_sided(-0.1 / error))


def test_one_run_of_each_has_no_test(benchmark):
    assert benchmark.figures.difference([1.5], [1.4], paired=True) is None


def test_settings_alternate_and_each_seed_is_complete_before_the_next(typed, made):
    typed("compare", "plays", "poems", "--steps", 9, "--b", "good", "--seeds", "1,2")
    first = [(text, setting, 1) for text in ("plays", "poems") for setting in ("", "good")]
    second = [(text, setting, 2) for text in ("plays", "poems") for setting in ("good", "")]
    assert made == first + second


def test_an_interrupted_comparison_goes_on_where_it_was(typed, made, benchmark, monkeypatch):
    words = ("compare", "plays", "--minutes", 2, "--b", "good", "--json", "--seeds")
    expected = json.loads(typed(*words, "1,2,3").stdout)["rows"]
    Path("record.jsonl").unlink()
    made.clear()
    make, calls = benchmark.runs.Runs._made, itertools.count()

    def interrupted(*given):
        if next(calls) == 3:
            raise KeyboardInterrupt
        return make(*given)

    with monkeypatch.context() as patch:
        patch.setattr(benchmark.runs.Runs, "_made", interrupted)
        typed(*words, "1,2,3")
    assert len(made) == 3
    assert json.loads(typed(*words, "1,2,3").stdout)["rows"] == expected
    assert len(made) == len(set(made)) == 6


def test_other_limits_seeds_settings_and_machines_are_other_runs(typed, made, monkeypatch):
    words = ["compare", "plays", "--minutes", 2, "--b", "good", "--seeds", "1"]
    typed(*words)
    typed(*words)
    assert len(made) == 2
    for position, other in ((3, 3), (5, "very good"), (7, "4")):
        typed(*words[:position], other, *words[position + 1 :])
    assert len(made) == 7  # the first setting is as it was in one of the three
    typed(*words, common=["--layers", "3"])
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    typed(*words)
    assert len(made) == 11


def test_the_table_has_the_difference_beside_what_it_is_of(typed, made):
    printed = typed("compare", "plays", "--steps", 9, "--b", "good", "--seeds", "1,2,3").stdout
    rows = [line.split() for line in printed.splitlines() if line.startswith("plays  ")]
    assert [" ".join(row[1:3]).removesuffix(" network") for row in rows] == [
        *("carried", "carried"),
        *("cold 64", "cold 64"),
    ]
    gains = np.array([0.01, 0.04, 0.09])
    error = gains.std(ddof=1) / math.sqrt(3)
    p = two_sided(gains.mean() / error)
    assert rows[0][-4:] == [f"{-gains.mean():+.4f}", "±", f"{error:.4f}", f"{p:.4f}"]
    assert "sha256 ab12" in printed
    assert "2.0 s trained, 3.0 s with all else" in printed


def test_a_row_has_nats_and_bits_with_the_error_of_the_mean(typed, made):
    printed = typed("row", "plays-90s-avx2", "--seeds", "1,2,3", common=["--layers", "3"]).stdout
    row = next(line for line in printed.splitlines() if "with counts" in line)
    error = 0.1 / math.sqrt(3)
    assert row.split()[-5:] == ["3", "1.4500", "±", f"{error:.4f}", f"{1.45 / math.log(2):.4f}"]
    assert made[0][1] == "ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 --layers 3"
    assert "1.5 minutes" in printed


@pytest.mark.parametrize(
    "words",
    [
        ("row", "plays"),
        ("row", "plays-2min-sse"),
        ("compare", "plays", "--b", "good"),
        ("compare", "plays", "--b", "good", "--minutes", 1, "--steps", 5),
        ("compare", "plays", "--minutes", 1),
        ("compare", "plays", "--b", "good", "--minutes", 1, "--seeds", "1,1"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_trained(typed, made, words):
    assert typed(*words).exit_code == 2
    assert made == []


def test_runs_of_two_texts_with_one_name_are_not_averaged(typed, made):
    words = ("row", "plays-1min", "--seeds", "1,2")
    typed(*words)
    log = Path("record.jsonl")
    log.write_text(log.read_text(encoding="utf-8").replace("ab12", "cd34", 1), encoding="utf-8")
    refused = typed(*words)
    assert (refused.exit_code, len(made)) == (1, 2)


def test_words_before_the_options_belong_to_the_environment(benchmark):
    assert benchmark.runs.in_parts("A=1 PATH=x --run-file a=b.toml") == (
        {"A": "1", "PATH": "x"},
        ["--run-file", "a=b.toml"],
    )


def test_a_run_is_trained_and_judged_once(benchmark, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text(make_text(), encoding="utf-8")
    commands = []

    def here(command, environment):
        commands.append((*command[:3], environment))
        if command[0] == "-m":
            return call_charrnn(capsys, *command[2:]).out
        return json.dumps(benchmark.judge.record(Path(command[1])))

    monkeypatch.setattr(benchmark.runs, "run", here)
    setting = "A=1 --hidden-size 8 --batch-size 4 --sequence-length 8"
    job = benchmark.runs.Job("corpus.txt", ("steps", 3), setting, 5)
    first = benchmark.runs.Runs(Path("log"), Path(), None).get(job)
    again = benchmark.runs.Runs(Path("log"), Path(), None).get(job)
    assert first == again
    assert (first["steps"], first["training"]["seed"]) == (3, 5)
    assert first["network"]["hidden_size"] == 8
    assert first["nats"]["carried"]["counts"] < first["nats"]["carried"]["network"]
    assert [words[-1] for words in commands] == [{"A": "1"}] * 2
    assert not list(tmp_path.rglob("*.safetensors"))


# --- the transformer --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def transformer(benchmark):
    """One over 7 symbols, as training begins with it."""
    torch.manual_seed(3)
    return benchmark.transformer.Transformer(7)


def test_it_has_the_weights_of_the_recipe(benchmark):
    assert round(benchmark.transformer.Transformer(65).num_parameters / 1e6, 2) == 0.80


def test_it_sees_nothing_of_what_comes(transformer):
    ids = torch.arange(20)[None] % 7
    other = ids.clone()
    other[0, 12:] = 0
    before, after = (transformer(x)[0] for x in (ids, other))
    assert torch.allclose(before[:12], after[:12], atol=1e-6)
    assert not torch.allclose(before[12], after[12], atol=1e-3)


@pytest.mark.parametrize("window", [64, 256])
def test_its_blocks_predict_each_symbol_once_with_what_it_may_see(benchmark, window):
    blocks = list(benchmark.transformer.blocks_of(601, window))
    scored = [place for _, first, stop in blocks for place in range(first, stop)]
    assert scored == list(range(600))
    for start, first, stop in blocks:
        assert stop - start <= 64
        assert start // window == (stop - 1) // window
        assert start % window == 0 or first - start >= 56


@torch.no_grad()
def test_its_loss_is_the_mean_over_the_whole_text(benchmark, transformer):
    ids = np.random.default_rng(1).integers(7, size=150).astype(np.uint8)
    nats = 0.0
    for begin in range(0, 149, 64):
        block = torch.from_numpy(ids[begin : min(begin + 64, 149)].astype(np.int64))
        log_p = transformer(block[None])[0].log_softmax(-1)
        nats -= sum(log_p[k, ids[begin + k + 1]].item() for k in range(len(block)))
    found = benchmark.transformer.nats_per_char(transformer, ids, 64)
    assert found == pytest.approx(nats / 149, rel=1e-5)


def test_it_learns(benchmark):
    torch.manual_seed(1)
    model = benchmark.transformer.Transformer(5)
    text = torch.arange(400) % 5
    benchmark.transformer.train(model, text, 8, 1)
    assert benchmark.transformer.nats_per_char(model, text.numpy(), 64) < 1.4 < math.log(5)


def test_its_whole_command_is_timed_without_judging(benchmark, monkeypatch, capsys, workplace):
    made = benchmark.transformer
    monkeypatch.setattr("sys.argv", ["transformer.py", str(workplace / "corpus.txt"), "1", "2"])
    monkeypatch.setattr(made, "BEGAN", began := made.time.perf_counter())

    def slow(*_):
        made.time.sleep(0.02)
        return 2.0

    monkeypatch.setattr(made, "nats_per_char", slow)
    monkeypatch.setattr(made, "train", lambda *_: 0.5)
    made.main()
    took = made.time.perf_counter() - began
    record = json.loads(capsys.readouterr().out)
    assert record["command_seconds"] < took - 0.04
    assert record["seconds"] == 0.5
    assert record["nats"] == {"cold 64": {"network": 2.0}, "cold 256": {"network": 2.0}}


def test_its_rate_rises_and_then_falls_along_a_cosine(benchmark):
    rates = [benchmark.transformer.rate(step, 2000) for step in (0, 100, 1050, 1999)]
    assert rates == pytest.approx([1e-3 / 101, 1e-3, 5.5e-4, 1e-4], rel=1e-3)


def test_the_shortest_time_that_reaches_its_loss_is_set_beside_its_own(
    typed, benchmark, monkeypatch
):
    def make(_, job, __):
        limit, value = job.limit
        nats = 1.9 if job.setting == "transformer" else 2.1 - 2 * value
        ways = {
            "cold 64": {"network": nats},
            "cold 256": {"network": nats - 0.05 * (limit == "steps")},
        }
        seconds = 60.0 if limit == "steps" else 60 * value
        return RECORD | {"nats": ways, "seconds": seconds, "command_seconds": seconds + 30}

    monkeypatch.setattr(benchmark.runs.Runs, "_made", make)
    found = json.loads(typed("beside", "--seeds", "1", "--json").stdout)
    times = {one["read"]: one["own"]["limit"][1] for one in found}
    assert times == {"cold 64": 0.113, "cold 256": 0.169}
    assert all(one["other"]["seconds"] == 60 for one in found)
    rows = [line.split() for line in typed("beside", "--seeds", "1").stdout.splitlines()]
    own = 60 * 0.113
    ratios = [f"{60 / own:.1f}", f"{90 / (own + 30):.1f}"]
    assert rows[1] == ["cold", "64", "1", "1.9000", "1.8740", "60.0", f"{own:.1f}", *ratios]
