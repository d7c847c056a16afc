"""`charrnn compare`: the same conditions for every cell, honest metrics, runs that are kept, and clean endings."""

import dataclasses
import io
import json
import math
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import CLEAN, call_charrnn, make_text, own_signals, precisions, run_charrnn, signaled
from variants import TEXTBOOK

from charrnn.checkpoint import load_checkpoint
from charrnn.cli.compare import command as compare
from charrnn.cli.compare.report import Trained, table
from charrnn.cli.progress import Stopper
from charrnn.cli.terminal import can_print
from charrnn.config import MAX_UNITS, ModelConfig, TrainingConfig
from charrnn.errors import DivergedError, EnvironmentFault, UsageError
from charrnn.network.shapes import ROUND, WITHIN, count_parameters, hidden_size_for
from charrnn.render.tables import bar
from charrnn.runs import new_folders

SHAPE = ("--embedding-size", 4, "--batch-size", 6, "--sequence-length", 10)
SMALL = ("--hidden-size", 12, *SHAPE, "--precision", "float32")
TINY = (*SMALL, "--steps", 3)
KEYS = {"corpus", "minutes", "steps", "parameters", "protocol", "networks", "means"}
FIGURES = {
    *("cell", "run", "config", "training", "parameters", "steps", "epochs", "characters_seen"),
    *("seconds", "chars_per_second", "nats_per_char", "bits_per_char", "diverged"),
}


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text(make_text(3000), encoding="utf-8")
    return path


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """`call_charrnn` in the test's own folder, without measuring the machine for long."""
    import torch

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("charrnn.training.measure.TRIAL_SECONDS", 0.0)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield lambda *arguments, **options: call_charrnn(capsys, *arguments, **options)
    torch.set_num_threads(before)


def compared(here, *options, status=0):
    """The object that `compare --json` prints."""
    result = here("compare", "corpus.txt", *TINY, "--json", "-q", *options, status=status)
    return json.loads(result.out)


# --- all five cells -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def all_five(tmp_path_factory):
    """A folder in which all cells were compared, and what was said and printed."""
    folder = tmp_path_factory.mktemp("compared")
    (folder / "corpus.txt").write_text(make_text(3000), encoding="utf-8")
    return folder, run_charrnn("compare", "corpus.txt", *TINY, "--json", cwd=folder)


def test_every_cell_is_compared_unless_some_are_named_and_the_keys_are_stable(all_five):
    printed = json.loads(all_five[1].out)
    assert set(printed) == KEYS
    assert [network["cell"] for network in printed["networks"]] == TEXTBOOK
    assert all(set(network) == FIGURES for network in printed["networks"])
    assert (printed["minutes"], printed["steps"], printed["parameters"]) == (None, 3, None)
    assert printed["corpus"]["sources"] == ["corpus.txt"]
    assert printed["corpus"]["train_characters"] == 2700
    assert "299 chars of validation text, state carried" in printed["protocol"]


def test_the_metrics_add_up(all_five):
    for network in json.loads(all_five[1].out)["networks"]:
        assert network["parameters"] == count_parameters(ModelConfig(**network["config"]))
        assert network["training"]["steps"] == network["steps"] == 3
        assert network["characters_seen"] == 3 * 6 * 10
        assert network["epochs"] == pytest.approx(3 / 45)
        assert network["seconds"] > 0
        assert network["chars_per_second"] > 0
        assert network["bits_per_char"] == pytest.approx(network["nats_per_char"] / math.log(2))
        assert network["diverged"] is None


def test_the_networks_differ_in_their_cells_alone(all_five):
    networks = json.loads(all_five[1].out)["networks"]
    own = {"cell", "kernel"}  # who steps through time is a property of the cell
    for part in ("config", "training"):
        shared = [{k: v for k, v in n[part].items() if k not in own} for n in networks]
        assert all(settings == shared[0] for settings in shared)


def test_all_networks_get_the_least_dropout_that_was_planned_for_any(
    capsys, workplace, monkeypatch, tmp_path
):
    import dataclasses

    from charrnn.cli.compare import command as compare

    monkeypatch.chdir(tmp_path)
    planned, real = iter([0.3, 0.1, 0.2]), compare.plan_run

    def plan_run(*arguments):
        plan = real(*arguments)
        config = dataclasses.replace(plan.config, dropout=next(planned))
        return dataclasses.replace(plan, config=config)

    monkeypatch.setattr(compare, "plan_run", plan_run)
    small = ("--hidden-size", 6, "--batch-size", 4, "--sequence-length", 8, "--steps", 2)
    text = workplace / "corpus.txt"
    cells = ("--cells", "elman,gru,lstm")
    found = call_charrnn(capsys, "compare", text, *cells, *small, "--json", "-q")
    assert [n["training"]["dropout"] for n in json.loads(found.out)["networks"]] == [0.1] * 3


@pytest.mark.parametrize(("options", "rounds"), [(("--exact-steps",), 3), ((), 1)])
def test_networks_whose_steps_are_kept_are_measured_in_turn_and_the_fastest_counts(
    here, corpus, monkeypatch, options, rounds
):
    import dataclasses

    from charrnn.cli.compare import command as compare

    per_step = {"elman": iter([9.0, 0.1, 5.0]), "gru": iter([0.2, 8.0, 8.0])}
    measured, real = [], compare.plan_run

    def plan_run(text, network, *others):
        plan = real(text, network, *others)
        measured.append(network.cell)
        config = dataclasses.replace(plan.config, steps=1)
        run = dataclasses.replace(plan.run, steps=1, per_step=next(per_step[network.cell]))
        return dataclasses.replace(plan, run=run, config=config)

    def train_all(comparison, entries, options):
        chosen.extend(entry.plan.run.per_step for entry in entries)

    chosen = []
    monkeypatch.setattr(compare, "plan_run", plan_run)
    monkeypatch.setattr(compare, "_train_all", train_all)
    cells = ("--cells", "elman,gru", "--minutes", 0.001)
    here("compare", corpus, *SMALL, *cells, "-q", *options)
    assert measured == ["elman", "gru"] * rounds
    assert chosen == ([0.1, 0.2] if rounds > 1 else [9.0, 0.2])


def test_the_metrics_are_those_of_evaluate_and_every_run_can_be_sampled(
    all_five, capsys, monkeypatch
):
    folder, result = all_five
    monkeypatch.chdir(folder)
    for network in json.loads(result.out)["networks"]:
        run = network["run"]
        assert run == f"checkpoints/corpus-{network['cell']}"
        judged = call_charrnn(capsys, "evaluate", run, "--split", "val", "--json", "-q")
        metrics = json.loads(judged.out)
        assert network["nats_per_char"] == pytest.approx(metrics["nats_per_char"], rel=1e-6)
        assert network["bits_per_char"] == pytest.approx(metrics["bits_per_char"], rel=1e-6)
        written = call_charrnn(capsys, "sample", run, "--length", 7, "-q")
        assert len(written.out) == 7
        assert (
            load_checkpoint(folder / run / "best.safetensors").run["name"]
            == folder.joinpath(run).name
        )


def test_what_is_said_counts_the_networks_and_names_the_best(all_five, wording):
    result = all_five[1]
    wording(result, only="^(corpus|split|total) ")
    for number, cell in enumerate(TEXTBOOK, 1):
        assert f"{number} of 5      {cell}, 1 layer of 12 units, embedding 4: " in result.err
    networks = json.loads(result.out)["networks"]
    best = min(networks, key=lambda network: network["nats_per_char"])["cell"]
    assert f" corpus-{best} --temp" in result.err


# --- the table ------------------------------------------------------------------------------------


def make_row(cell, nats, **metrics):
    config = ModelConfig(cell=cell, vocab_size=50, hidden_size=96)
    known = {"run": None, "config": config, "training": TrainingConfig(), "parameters": 54321}
    progress = {"steps": 40, "epochs": 1.5, "characters_seen": 123_456, "seconds": 2.0}
    return Trained(**(known | progress | metrics), nats=nats)


def test_the_table_is_as_wide_as_asked():
    rows = [
        make_row("lstm", 2 * math.log(2), characters_seen=1_234_567),
        make_row("peephole", 4 * math.log(2)),
        make_row("elman", 2.3 * math.log(2)),
        make_row("gru", None, diverged=DivergedError("the loss became nan at step 40")),
    ]
    lines = table(rows, "char", 80, blocks=True)
    assert lines == [
        "cell      units  parameters  chars seen   char/s    nats  bits/char",
        "lstm         96      54,321   1,234,567  617,284  1.3863     2.0000  █████▌",
        "peephole     96      54,321     123,456   61,728  2.7726     4.0000  ███████████",
        "elman        96      54,321     123,456   61,728  1.5942     2.3000  ██████▍",
        "gru          96      54,321     123,456  diverged at step 40",
    ]
    least = table(rows[:3], "byte", 77, blocks=False)
    assert least[0] == lines[0].replace("char", "byte")
    assert [line.split()[-1] for line in least[1:]] == ["####", "########", "#####"]
    narrow = table(rows, "byte", 76, blocks=False)
    assert narrow[:2] == [line.rpartition("  ")[0] if "#" in line else line for line in least[:2]]


def test_a_bar_is_longer_the_larger_the_value_and_starts_at_zero():
    drawn = [bar(value / 10, 10, 12) for value in range(101)]
    assert drawn[0] == ""
    assert drawn[50] == "█" * 6
    assert drawn[100] == "█" * 12
    assert drawn[1] == "▏"
    assert bar(3.5, 4, 4) == "███▌"
    eighths = [8 * len(d) - (8 - " ▏▎▍▌▋▊▉█".index(d[-1]) if d else 0) for d in drawn]
    assert eighths == [round(0.96 * value) for value in range(101)]
    assert bar(2, 4, 10, blocks=False) == "#####"
    assert bar(0, 0, 10) == ""


@pytest.mark.parametrize(("encoding", "possible"), [("utf-8", True), ("ascii", False)])
def test_blocks_are_drawn_where_the_encoding_has_them(monkeypatch, encoding, possible):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert can_print("▏█") == possible


@pytest.mark.parametrize(("blocks", "mark"), [(True, "█"), (False, "#")])
def test_a_run_prints_the_table_and_how_it_was_measured(here, corpus, monkeypatch, blocks, mark):
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.setattr(compare, "can_print", lambda _: blocks)
    result = here("compare", "corpus.txt", *TINY, "--cells", " gru , elman", "-q")
    heading, gru, elman, *protocol = result.out.splitlines()
    assert heading.split("  ")[0] == "cell"
    for line, cell in ((gru, "gru"), (elman, "elman")):
        name, units, parameters, seen, speed, nats, bits, drawn = line.split()
        assert (name, units, seen) == (cell, "12", "180")
        assert int(parameters.replace(",", "")) > 1000
        assert float(speed.replace(",", "")) > 0
        assert float(bits) == pytest.approx(float(nats) / math.log(2), abs=1e-3)
        assert drawn.startswith(mark)
    assert max(len(gru), len(elman)) == 90
    assert protocol[0].startswith("the best checkpoint of each, on the same 299 chars")
    assert result.err == ""


# --- sizes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("cell", TEXTBOOK)
def test_the_hidden_size_for_a_number_of_parameters_is_the_nearest_or_a_round_one(cell, layers):
    config = ModelConfig(cell=cell, vocab_size=31, embedding_size=7, num_layers=layers)
    counts = {
        size: count_parameters(dataclasses.replace(config, hidden_size=size))
        for size in range(1, 500)
    }
    for parameters in (counts[1], counts[8] + 1, 777, 2000, 12_345, 50_000, counts[299]):
        if not counts[1] <= parameters <= counts[400]:
            continue
        found = hidden_size_for(config, parameters)
        distance = {size: abs(count - parameters) for size, count in counts.items()}
        nearest_round = min((s for s in counts if s % ROUND == 0), key=distance.__getitem__)
        if distance[nearest_round] <= WITHIN * parameters:
            assert found == nearest_round
        else:
            assert distance[found] == min(distance.values())


@pytest.mark.parametrize("cell", TEXTBOOK)
def test_a_number_of_parameters_that_no_hidden_size_gives_is_refused(cell, wording):
    config = ModelConfig(cell=cell, vocab_size=31, embedding_size=7)
    least = count_parameters(dataclasses.replace(config, hidden_size=1))
    most = count_parameters(dataclasses.replace(config, hidden_size=MAX_UNITS))
    assert hidden_size_for(config, least) == 1
    assert hidden_size_for(config, most) == MAX_UNITS
    for parameters in (-5, 0, least - 1, most + 1):
        with wording.raises(UsageError):
            hidden_size_for(config, parameters)


def test_networks_of_the_same_number_of_parameters_have_hidden_sizes_of_their_own(here, corpus):
    options = (*SHAPE, "--steps", 2, "--layers", 2, "--parameters", 20_000, "--json", "-q")
    networks = json.loads(here("compare", "corpus.txt", *options).out)["networks"]
    assert all(abs(n["parameters"] - 20_000) <= 0.02 * 20_000 for n in networks)
    sizes = {n["cell"]: n["config"]["hidden_size"] for n in networks}
    assert sizes["lstm"] < sizes["gru"] < sizes["elman"]


def test_the_characters_seen_are_those_of_the_batches():
    from charrnn.training.data import StreamBatches
    from charrnn.training.item_order import BatchShape

    batches = StreamBatches(np.arange(58), BatchShape(3, 4))
    seen = 0
    for step in range(17):
        assert batches.characters_in(step) == seen
        seen += batches.batch(step)[1].size
    assert seen > 3 * 57  # the text was read several times


# --- options and runs -----------------------------------------------------------------------------


def test_every_option_reaches_the_runs(here, tmp_path, monkeypatch):
    monkeypatch.setattr("charrnn.text.numbering.MAX_IN_MEMORY", 100)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_bytes(("caf\xe9 " + make_text(3000)).encode("latin-1"))
    (tmp_path / "texts" / "b.no").write_bytes(b"left out")
    given = {"--layers": 2, "--embedding-size": 5, "--hidden-size": 9}
    given |= {"--batch-size": 4, "--sequence-length": 7, "--lr": 0.013, "--clip": 0.5, "--seed": 7}
    given |= {"--dropout": 0.25, "--precision": precisions()[-1], "--device": "cpu", "--threads": 1}
    given |= {"--min-count": 30, "--glob": "*.txt", "--encoding": "latin-1", "--max-chars": 2000}
    given |= {"--val-fraction": 0.3, "--steps": 2, "--name": "mine", "--out": "elsewhere"}
    given |= {"--cache": "kept", "--cells": "jordan"}
    options = [x for pair in given.items() for x in pair]
    printed = json.loads(here("compare", "texts", *options, "--json", "-q").out)
    (network,) = printed["networks"]
    assert network["run"] == "elsewhere/mine-jordan"
    config, training = network["config"], network["training"]
    assert (config["num_layers"], config["embedding_size"], config["hidden_size"]) == (2, 5, 9)
    names = ("batch_size", "sequence_length", "learning_rate", "clip", "seed", "dropout")
    assert [training[name] for name in names] == [4, 7, 0.013, 0.5, 7, 0.25]
    names = ("precision", "device", "threads", "steps")
    assert [training[name] for name in names] == [precisions()[-1], "cpu", 1, 2]
    loaded = load_checkpoint(tmp_path / network["run"] / "best.safetensors")
    about = loaded.run["corpus"]["config"]
    assert (about["min_count"], about["globs"], about["encoding"]) == (30, ["*.txt"], "latin-1")
    assert (about["max_chars"], about["val_fraction"]) == (2000, 0.3)
    assert loaded.model.vocabulary.has_unknown
    assert printed["corpus"]["characters"] == 2000
    assert list((tmp_path / "kept" / "encoded").iterdir())


def test_a_minute_each_is_the_default_and_steps_are_a_budget_of_their_own(
    here, corpus, monkeypatch
):
    limits = []

    def planned(text, network, request, device):
        limits.append((request.minutes, request.epochs, request.steps))
        raise EnvironmentFault("that is all")

    monkeypatch.setattr(compare, "plan_run", planned)
    here("compare", "corpus.txt", status=6)
    here("compare", "corpus.txt", "--steps", 5, status=6)
    here("compare", "corpus.txt", "--minutes", 0.5, "--steps", 5, status=6)
    assert limits == [(1.0, None, None), (None, None, 5), (0.5, None, 5)]


def test_bytes_can_be_compared(here, corpus):
    options = (*TINY, "--level", "byte", "--cells", "elman", "-q")
    assert "bits/byte" in here("compare", "corpus.txt", *options).out


def test_the_runs_of_one_comparison_share_a_number_and_no_run_is_overwritten(here, corpus):
    def runs():
        networks = compared(here, "--cells", "lstm,elman")["networks"]
        return [network["run"] for network in networks]

    here("train", "corpus.txt", *TINY, "--name", "corpus-elman", "-q")
    assert runs() == ["checkpoints/corpus-2-lstm", "checkpoints/corpus-2-elman"]
    assert runs() == ["checkpoints/corpus-3-lstm", "checkpoints/corpus-3-elman"]


def test_a_name_that_is_taken_is_refused_before_training_unless_it_may_be_overwritten(
    here, corpus, tmp_path, wording
):
    here("train", "corpus.txt", *TINY, "--name", "mine-elman", "-q")
    best = tmp_path / "checkpoints" / "mine-elman" / "best.safetensors"
    before = best.read_bytes()
    asked = ("--cells", "lstm,elman", "--name", "mine")
    refused = here("compare", "corpus.txt", *TINY, *asked, status=2)
    wording(refused)
    assert "--overwrite" in refused.err
    assert not (tmp_path / "checkpoints" / "mine-lstm").exists()
    assert best.read_bytes() == before
    networks = compared(here, *asked, "--overwrite")["networks"]
    assert [n["run"] for n in networks] == ["checkpoints/mine-lstm", "checkpoints/mine-elman"]
    assert best.read_bytes() != before


def test_a_name_must_be_a_folders_with_the_cells_added(tmp_path, wording):
    for name in ("", "a/b", "x" * 198):
        with wording.raises(UsageError):
            new_folders(tmp_path, name, ["corpus.txt"], ["-lstm"], overwrite=False)


# --- what is refused ------------------------------------------------------------------------------

REFUSED = [
    ((), 2),
    (("missing.txt",), 3),
    (("corpus.txt", "--cells", "lstm,grue"), 2),
    (("corpus.txt", "--cells", "lstm,"), 2),
    (("corpus.txt", "--cells", " , "), 2),
    (("corpus.txt", "--cells", "gru,lstm,gru"), 2),
    (("corpus.txt", "--minutes", "0"), 2),
    (("corpus.txt", "--steps", "-1"), 2),
    (("corpus.txt", "--parameters", "10"), 2),
    (("corpus.txt", "--parameters", str(10**13)), 2),
    (("corpus.txt", "--parameters", "9000", "--hidden-size", "9"), 2),
    (("corpus.txt", "--layers", "0"), 2),
    (("corpus.txt", "--val-fraction", "0"), 3),
    (("corpus.txt", "--max-chars", "5"), 3),
    (("corpus.txt", "--out", "corpus.txt"), 2),
    (("corpus.txt", "--device", "tpu"), 2),
    (("corpus.txt", "--activation", "relu"), 2),
]


@pytest.mark.parametrize(
    ("arguments", "status"), REFUSED, ids=[" ".join(row[0]) for row in REFUSED]
)
def test_what_cannot_be_compared_is_refused_before_training(
    here, corpus, tmp_path, arguments, status, wording
):
    result = here("compare", *arguments, status=status)
    wording(result)
    assert result.out == ""
    assert not list(tmp_path.glob("checkpoints/*"))


def test_compare_imports_no_torch_before_it_has_read_the_corpus(tmp_path):
    script = "import sys; from charrnn.cli.app import main\ntry: main()\nfinally: print('torch' in sys.modules)"
    (tmp_path / "empty.txt").write_bytes(b"")
    done = subprocess.run(
        [sys.executable, "-c", script, "compare", "empty.txt"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (3, "False")


# --- networks that fail, and signals --------------------------------------------------------------


def failing(cell, error):
    """A `drive` that trains every network but that of one cell."""

    def drive(trainer, stopper):
        if trainer.model_config.cell == cell:
            trainer.progress.step = 2
            raise error
        real(trainer, stopper)

    real = compare.drive
    return drive


def test_a_cell_that_diverges_does_not_spoil_the_others(here, corpus, monkeypatch, wording):
    error = DivergedError("the loss became nan at step 2", "try --lr 0.001")
    monkeypatch.setattr(compare, "drive", failing("gru", error))
    cells = ("--cells", "lstm,gru,elman")
    lstm, gru, elman = compared(here, *cells, status=5)["networks"]
    assert (gru["nats_per_char"], gru["bits_per_char"], gru["chars_per_second"]) == (None,) * 3
    assert gru["diverged"] == "the loss became nan at step 2"
    for other in (lstm, elman):
        assert other["nats_per_char"] > 0
        assert other["diverged"] is None
    shown = here("compare", "corpus.txt", *TINY, *cells, status=5)
    assert "diverged at step 2" in shown.out.splitlines()[2]
    wording(shown)


def test_a_comparison_in_which_all_diverge_has_a_table_and_status_5(here, corpus, wording):
    options = (*SMALL, "--steps", 12, "--lr", 1e12, "--clip", "off", "--cells", "lstm,elman", "-q")
    result = here("compare", "corpus.txt", *options, status=5)
    assert [line.split()[-4] for line in result.out.splitlines()[1:3]] == ["diverged"] * 2
    wording(result)


def test_what_was_measured_before_the_machine_failed_is_printed(here, corpus, monkeypatch, wording):
    monkeypatch.setattr(compare, "drive", failing("gru", EnvironmentFault("the disk is full")))
    result = here("compare", "corpus.txt", *TINY, "--cells", "lstm,gru,elman", status=6)
    assert [line.split()[0] for line in result.out.splitlines()[:3]] == ["cell", "lstm", "the"]
    wording(result)


def test_an_interrupt_stops_cleanly_and_prints_what_was_finished(corpus, tmp_path, wording):
    asked = ("--cells", "lstm,elman,gru", *SMALL, "--steps", 40, "--json")
    ended = subprocess.run(
        signaled(signal.SIGINT, 40 + 17, "compare", "corpus.txt", *asked),
        cwd=tmp_path,
        env={k: v for k, v in CLEAN.items() if k != "PYTHONUNBUFFERED"},  # what is printed waits
        preexec_fn=own_signals,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGINT, ended
    assert [n["cell"] for n in json.loads(ended.stdout)["networks"]] == ["lstm"]
    said = ended.stderr
    assert "3 of 3" not in said
    wording("\n".join(line for line in said.splitlines() if "finished" in line or "stop" in line))
    assert "charrnn train corpus.txt --resume --name corpus-elman" in said
    second = tmp_path / "checkpoints" / "corpus-elman" / "last.safetensors"
    assert load_checkpoint(second).metrics["step"] == 17


def test_a_signal_between_two_runs_stops_the_next_at_once():
    first, second = SimpleNamespace(stop_requested=False), SimpleNamespace(stop_requested=False)
    with Stopper() as stopper:
        stopper.watch(first)
        signal.raise_signal(signal.SIGTERM)
        assert first.stop_requested
        stopper.watch(second)
    assert second.stop_requested
    assert stopper.signal_number == signal.SIGTERM


def test_several_seeds_give_means_and_standard_errors(here, corpus):
    result = compared(here, "--cells", "gru,elman", "--seeds", "1,2", "--steps", 3)
    networks, means = result["networks"], result["means"]
    assert [(n["cell"], n["training"]["seed"]) for n in networks] == [
        *(("gru", 1), ("gru", 2)),
        *(("elman", 1), ("elman", 2)),
    ]
    for mean, pair in zip(means, (networks[:2], networks[2:]), strict=True):
        first, second = (network["bits_per_char"] for network in pair)
        assert mean["bits_per_char"] == pytest.approx((first + second) / 2)
        assert mean["standard_error"] == pytest.approx(abs(first - second) / 2)
