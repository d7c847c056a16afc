"""The benchmarks: what they plant and make is what they say, and they run."""

import importlib.util
import itertools
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from helpers import make_text, script

from charrnn.config import CorpusConfig
from charrnn.interpret.concepts import CONCEPTS
from charrnn.interpret.finding import find
from charrnn.interpret.labels import of_concept
from charrnn.interpret.recording import record
from charrnn.text.opening import open_corpus

FOLDER = Path(__file__).parent.parent / "benchmarks"


def loaded(name, patch):
    """A benchmark as a module."""
    spec = importlib.util.spec_from_file_location(f"{name}_benchmark", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    patch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def benchmark():
    """The benchmark of units."""
    with pytest.MonkeyPatch.context() as patch:
        module = loaded("units", patch)
        patch.setattr(module, "PASSAGE", 3000)
        yield module


def test_a_memory_that_is_planted_among_32_units_is_found_first(benchmark):
    text = benchmark.quotations(1)
    model = benchmark.untrained(text, "lstm", 1, 32, 1)
    model = benchmark.planted(model, 9, {"“": 0.999}, cleared="”")
    names = ("inside double quotes", "inside a word", "position in line")
    labelings = [of_concept(CONCEPTS[name], text) for name in names]
    first = find(model, model.vocabulary.encode(text), labelings, networks=4)[0]
    assert (first.unit.index, first.concept) == (9, "inside double quotes")
    assert first.is_proven
    assert first.score > 0.999


def test_a_planted_counter_counts(benchmark):
    text = "".join(benchmark.made_lines("nested", 3, 2))
    model = benchmark.untrained(text, "lstm", 1, 12, 1)
    cell = record(benchmark.planted(model, 5, {"(": 0.5, ")": -0.5}), text, keep={"c"}).arrays["c"]
    depth = np.cumsum([(c == "(") - (c == ")") for c in text])
    assert cell[-len(text) :, 0, 5] == pytest.approx(depth / 2, abs=1e-3)


def test_quotations_end_before_their_line_does(benchmark):
    text = benchmark.quotations(2)
    assert all(line.count("“") == line.count("”") for line in text.splitlines()[:-1])
    assert len(re.findall("“[^“”]*”", text)) > 20


def test_labels_that_change_at_random_last_as_long_as_slow_concepts(benchmark):
    chains = [one.values for one in benchmark._chains(20)]
    lasting = [len(chain) / (1 + np.abs(np.diff(chain)).sum()) for chain in chains]
    assert min(lasting) < 40
    assert max(lasting) > 200


@pytest.mark.long
@pytest.mark.parametrize("name", ["planted", "labels", "untrained", "time", "nested", "moods"])
def test_a_benchmark_prints_figures_beside_its_goals(benchmark, name, tmp_path, monkeypatch):
    for size in ("PASSAGE", "SHORT_PASSAGE", "SHORT"):
        monkeypatch.setattr(benchmark, size, 4000)
    monkeypatch.setattr(benchmark, "CONTINUED", 3)
    options = benchmark.Options(2, [1], 30, tmp_path, 8000)
    rows = list(benchmark.BENCHMARKS[name](options))
    assert all(re.search(r"\d", row.figure) for row in rows)
    assert any(row.goal for row in rows)


def test_the_benchmark_of_compression_prints_a_row_for_each_program(workplace, monkeypatch, capsys):
    pytest.importorskip("constriction")
    monkeypatch.chdir(workplace)
    module = loaded("compression", monkeypatch)
    table = module.Table()
    module.measure("tiny", None, 300, table)
    module.print_table(table)
    cells = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    rows = {row[0]: row[1:] for row in reversed(cells) if len(row) > 1}  # of the first table
    of_text = 8 * len(table.texts[0].content) / table.texts[0].length
    for program in ("gzip -9", "bzip2 -9", "xz -9e", "charrnn, network alone"):
        bits, ratio = (float(word.strip("()")) for word in rows[program][0].split())
        assert bits * ratio == pytest.approx(of_text, rel=0.02)
    proofs = {name: row for name, row in rows.items() if name.startswith("tiny: ")}
    assert len(proofs) == 2
    for _, *numbers, more, _, _, _ in proofs.values():
        written, claimed = (int(number.replace(",", "")) for number in numbers)
        assert claimed < written < claimed + 64
        assert float(more.rstrip(" %")) == pytest.approx(100 * (written / claimed - 1), abs=0.1)


def test_a_program_that_reads_the_training_text_first_needs_less(monkeypatch):
    module = loaded("compression", monkeypatch)
    text = make_text(6000).encode()
    sizes = dict(module.sizes_by_programs(module.Text("a", None, text, "", before=text)))
    alone, after = sizes["xz -9e"], sizes["xz -9e" + module.AFTER]
    assert after.alone < alone.alone / 4
    assert after.with_model > alone.alone


@pytest.mark.long
def test_the_benchmark_of_gpus_runs_on_a_processor_too(tmp_path, monkeypatch, capsys):
    module = loaded("gpu", monkeypatch)
    parts = ("correctness", "resume", "rates", "generate", "read")
    module.main([*parts, "--device", "cpu", "--tiny", "--out", str(tmp_path / "gpu.json")])
    figures = json.loads((tmp_path / "gpu.json").read_text())
    assert {*figures} == {"versions", "machine", *parts}
    assert {row["cell"] for row in figures["correctness"]} == set(module.MEASURED)
    assert all(row["is_near"] for row in figures["correctness"])
    same = [r for r in figures["correctness"] if r["precision"] == "float32"]
    assert {(r["logits"], r["gradients"]) for r in same} == {(0, 0)}
    assert all(row["repeats"] and row["resumes"] for row in figures["resume"])
    assert {row["step"] for row in figures["rates"]} > {"nn.LSTM", "muon, weight drop"}
    assert not any(row["packed_anew"] for row in figures["rates"])
    for row in (*figures["generate"], *figures["read"]):
        assert row["characters_per_second"] * row["seconds_for_all"] == pytest.approx(2000)
    printed = capsys.readouterr().out
    assert all(f"\n{part} (" in printed for part in parts)


def test_the_benchmark_of_rtrl_prints_a_row_for_each_network(monkeypatch, tmp_path, capsys):
    module = loaded("rtrl", monkeypatch)
    for name, value in (("UNITS", (2, 4)), ("LENGTHS", (5, 9)), ("CHUNK", 6), ("TRIALS", 1)):
        monkeypatch.setattr(module, name, value)
    files = ["--out", str(tmp_path / "made.json"), "--figure", str(tmp_path / "made.svg")]
    module.main(["units", "length", *files])
    assert (tmp_path / "made.svg").read_text().count('<g id="axes_') == 4
    with pytest.raises(SystemExit):
        module.main(["truncation", *files])
    made = json.loads((tmp_path / "made.json").read_text())
    assert [(row["units"], row["length"]) for row in made["units"]] == [(2, 6), (4, 6)] * 2
    grown = [row["bptt kB"] / row["rtrl kB"] for row in made["length"]]
    assert grown[0] < grown[1]  # one grows with the text, the other does not
    assert "| lstm | 4 | 6 |" in capsys.readouterr().out


def test_a_gradient_all_the_way_back_is_that_of_rtrl_and_a_cut_one_is_not(monkeypatch):
    module = loaded("rtrl", monkeypatch)
    monkeypatch.setattr(module, "RATE", 0.0)  # no weight moves
    ids = module.random_ids(12)

    def gradients(learned):
        network = module.Network("gru", 5)
        made = learned(network)
        return [(cost, network.gradient.vector.copy()) for cost in made][-1]

    cost, vector = gradients(lambda n: module.learned_forwards(n, ids))
    for cut, same in ((12, True), (3, False)):
        other, cut_vector = gradients(lambda n, cut=cut: module.learned_back(n, ids, cut))
        assert other == pytest.approx(cost, rel=1e-5)
        assert np.allclose(vector, cut_vector, atol=1e-6) == same


def test_in_the_levels_what_stands_above_decides(tmp_path, monkeypatch):
    module = loaded("levels", monkeypatch)
    module.main([str(tmp_path / "levels.txt"), "--levels", "50"])
    levels = [one.split("\n") for one in (tmp_path / "levels.txt").read_text()[:-1].split("\n\n")]
    assert {(len(rows), *map(len, rows)) for rows in levels} == {(12, *[30] * 12)}
    below = {}
    for rows in levels:
        for upper, lower in itertools.pairwise(rows):
            for a, b in zip(upper, lower, strict=True):
                below.setdefault(a, set()).add(b)
    assert below["#"] == {"#"}
    assert below["|"] == {"|", "#"}
    assert below["="] & {"."} == set()


def test_one_way_leads_from_each_cell_of_a_maze_to_each_other(tmp_path, monkeypatch):
    """And the wall at the right side of a cell is decided by what stands above the cell, but for the top row."""
    module = loaded("levels", monkeypatch)
    module.main([str(tmp_path / "mazes.txt"), "--levels", "40", "--mazes"])
    mazes = [one.split("\n") for one in (tmp_path / "mazes.txt").read_text()[:-1].split("\n\n")]
    assert len({*map(tuple, mazes)}) == 40
    coins = Counter()
    for rows in mazes:
        assert (len(rows), *{*map(len, rows)}) == (13, 31)
        assert {*rows[0], *rows[-1], *(row[k] for row in rows for k in (0, -1))} == {"#"}
        free = {(y, x) for y, row in enumerate(rows) for x, sign in enumerate(row) if sign == "."}
        cells = [*itertools.product(range(1, 13, 2), range(1, 31, 2))]
        assert len(free) == 2 * len(cells) - 1  # a tree has one way less than cells
        reached, waiting = set(), [cells[0]]
        while waiting:
            y, x = waiting.pop()
            if (y, x) in free - reached:
                reached.add((y, x))
                waiting += [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        assert reached == free
        for y, x in cells:
            up, right = (y - 1, x) in free, (y, x + 1) in free
            assert up + right == ((y, x) != (1, 29))
            if y > 1 and x < 29:
                coins[up] += 1
    assert coins.total() == 70 * 40
    assert abs(coins[True] / coins.total() - 0.5) < 0.05


def test_the_benchmark_of_gigabytes_makes_the_same_text_of_every_kind(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    module = loaded("gigabytes", monkeypatch)
    monkeypatch.setattr(module, "LINES", 500)
    monkeypatch.setattr(module, "WORDS", 300)
    monkeypatch.setattr(module, "DOCUMENT", 9000)
    settings = {"--field": "field", "--separator": "separator", "--level": "level"}
    read = {}
    for name, kind in module.kinds(9).items():
        path = tmp_path / kind.name
        if not path.exists():
            kind.make(path, 60_000)
        options = dict(zip(kind.options[::2], kind.options[1::2], strict=False))
        how = {settings[option]: value for option, value in options.items()}
        how |= {option[2:]: True for option in kind.options if option in ("--lines", "--documents")}
        config = CorpusConfig(split_seed=1, **how)
        corpus = open_corpus([str(path)], config, stdin=None, cache=tmp_path / "cache")
        read[name] = corpus.fingerprint, len(corpus)
    assert read["text"] == read["gzip"]
    assert read["text"][0] == read["bytes"][0]
    assert read["jsonl"] == read["csv"] == read["parquet"] == read["dataset"]
    assert all(50_000 < length < 70_000 for _, length in read.values())


@pytest.mark.long
def test_the_benchmark_of_processes_prints_a_row_for_each_size():
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import processes; "
        "processes.ROUNDS, processes.SECONDS = 1, 0; processes.main()"
    )
    line = script(code, FOLDER, "--units", "4", "6")
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=True)
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| 2 x ")]
    assert [row[0] for row in rows] == ["| 2 x 4", "| 2 x 6"] * 2


@pytest.mark.long
def test_the_benchmark_of_pages_prints_how_long_a_key_takes(browser, monkeypatch, capsys):
    module = loaded("page", monkeypatch)
    for name, value in (("NUM_CHARS", 50), ("WARM", 1), ("KEYS", 3), ("NUM_GENERATED", 50)):
        monkeypatch.setattr(module, name, value)
    module.keys_table(browser)
    module.engine_table(browser)
    rows = [line.rsplit(None, 2) for line in capsys.readouterr().out.splitlines()]
    figures = {name.strip(): (a, b) for name, a, b in rows if b[0].isdigit()}
    key, server = (float(figures[name][0]) for name in ("from key to color", "server"))
    assert 0 < server < key
    assert figures.keys() >= {"1 x 256", "2 x 256"}
