"""What training reaches: one command for each row of a table, and for each comparison of two settings.

    python benchmarks/record.py row plays-2min names-1min --seeds 1,2,3
    python benchmarks/record.py row plays-10min --seeds 1,2,3 -- --layers 3
    python benchmarks/record.py compare plays python --minutes 2 --seeds 1,2,3 --b "--dropout 0.2"
    python benchmarks/record.py compare plays --steps 2000 --seeds 1,2,3 --a "--optimizer adamw" --b "--optimizer muon"

Each run is a process of its own, `charrnn train TEXT` with a setting's options and those after `--`, planned as for any
user. Words of a setting such as NAME=VALUE before its options belong to the environment of its runs, so that settings
can differ in the version of charrnn (PYTHONPATH=...) or in the instructions of the processor
(ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2). `judge.py` says how the best checkpoint is scored.

Each run is one line of a log. A command that was interrupted goes on from there when it is typed again, and a row that
is there already is only shown. The runs of two settings alternate; their difference is that of the runs of each seed,
with its standard error and the p-value of a paired t-test, or with --unpaired, for networks that a seed does not make
alike, of Welch's. Nothing else should be running, unless the steps are given.
"""

import contextlib
import datetime as dt
import itertools
import json
import math
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from judge import COUNTS, NETWORK, about_processor
from rich.console import Console
from rich.table import Table

from charrnn.cli.train.command_line import seeds_of
from charrnn.cli.train.result import Spread
from charrnn.errors import CharrnnError

JUDGE = Path(__file__).with_name("judge.py")
OF_PROCESSOR = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "OMP_NUM_THREADS")
"""What the environment has to say of a processor."""
WIDTH = 150
"""Columns of a table that is not printed to a terminal."""
Record = dict[str, Any]


@dataclass(frozen=True)
class Text:
    """A text to train on: a corpus that charrnn knows, or a file in the folder of texts, and how it is read."""

    name: str
    file: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """A run: a text, a limit, a setting, a seed."""

    text: str
    limit: tuple[str, float]
    """The option that ends it, and its value: ("minutes", 2)."""
    setting: str
    seed: int

    @property
    def key(self) -> Record:
        """What a run of the log has, if it is this one."""
        return {
            "text": self.text,
            "limit": [*self.limit],
            "setting": self.setting,
            "seed": self.seed,
            "machine": machine(),
        }


TEXTS = {
    "plays": Text("shakespeare", "tinyshakespeare.txt"),
    "names": Text("names", "names.txt", ("--lines",)),
    "python": Text("python"),
    "poems": Text("tang_poetry_1MB.txt", "tang_poetry_1MB.txt"),
}
ROWS = {
    "plays-30s": ("plays", 0.5, ""),
    "plays-2min": ("plays", 2.0, ""),
    "plays-10min": ("plays", 10.0, ""),
    "plays-2min-avx2": ("plays", 2.0, "ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2"),
    "plays-10min-avx2": ("plays", 10.0, "ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2"),
    "names-1min": ("names", 1.0, ""),
    "python-2min": ("python", 2.0, ""),
    "poems-2min": ("poems", 2.0, ""),
}
"""The text, the minutes and the setting of each row."""


# --- runs -------------------------------------------------------------------------------------------------------------


def machine() -> str:
    """This machine, as far as it decides what a run reaches: "Intel(R) Xeon(R) Processor, 2 cores"."""
    given = (f"{name}={os.environ[name]}" for name in OF_PROCESSOR if name in os.environ)
    return ", ".join((about_processor(), f"{os.cpu_count()} cores", *given))


def in_parts(setting: str) -> tuple[dict[str, str], list[str]]:
    """A setting's environment and options: "A=1 --lines" -> ({"A": "1"}, ["--lines"])."""
    words = shlex.split(setting)
    assigned = [*itertools.takewhile(lambda word: "=" in word and word[0] != "-", words)]
    return dict(word.split("=", 1) for word in assigned), words[len(assigned) :]


class Runs:
    """Runs that are made and judged, unless the log has them.

    Args:
        log: the file of all runs, a line each.
        texts: the folder of texts.
        out: the folder of the runs; None: they are not kept.
    """

    def __init__(self, log: Path, texts: Path, out: Path | None) -> None:
        self._log, self._texts, self._out = log, texts, out
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        self._known = [json.loads(line) for line in lines if line.strip()]

    def get(self, job: Job) -> Record:
        """The record of a run, which is made if the log lacks it."""
        key = job.key
        for record in self._known:
            if key.items() <= record.items():
                return record
        say(
            f"{job.text}, {job.limit[1]:g} {job.limit[0]}, seed {job.seed}: {job.setting or 'as planned'}"
        )
        with tempfile.TemporaryDirectory() as temporary:
            record = key | self._made(job, self._out or Path(temporary))
        record["when"] = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        self._known.append(record)
        say(
            f"  {in_words(record['nats'])} nats; {record['seconds']:.0f} s, {record['steps']:,} steps"
        )
        return record

    def _made(self, job: Job, out: Path) -> Record:
        """Train, and judge the best checkpoint."""
        text, name = TEXTS[job.text], f"{job.text}-{time.time_ns()}"
        environment, options = in_parts(job.setting)
        limit, value = job.limit
        command = [sys.executable, "-m", "charrnn", "train", self._place(text), *text.options]
        command += [f"--{limit}", f"{value:g}", "--seed", str(job.seed), *options]
        command += ["--out", str(out), "--name", name, "--no-baselines", "--quiet"]
        began = time.perf_counter()
        run(command, environment)
        took = time.perf_counter() - began
        best = out / name / "best.safetensors"
        judged: Record = json.loads(run([sys.executable, str(JUDGE), str(best)], environment))
        return {"command": shlex.join(command[3:]), "command_seconds": took, **judged}

    def _place(self, text: Text) -> str:
        """What `charrnn train` is given: the file if the folder has it, else the name of the corpus."""
        file = self._texts / (text.file or text.name)
        return str(file) if file.is_file() else text.name


def run(command: Sequence[str], environment: dict[str, str]) -> str:
    """What a command prints; it ends this program if it fails."""
    made = subprocess.run(
        command,
        check=False,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        sys.exit(f"{shlex.join(command)}\n{made.stderr.strip()}")
    return made.stdout


def say(line: str) -> None:
    """Print a line to stderr."""
    print(line, file=sys.stderr, flush=True)


def in_words(nats: dict[str, dict[str, float]]) -> str:
    """Figures in a line: "carried 1.4210, with counts 1.3800; cold 64 1.5000"."""
    ways = (
        f"{way} {found[NETWORK]:.4f}"
        + (f", with counts {found[COUNTS]:.4f}" if COUNTS in found else "")
        for way, found in nats.items()
    )
    return "; ".join(ways)


# --- tables -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """B minus A, in nats per character."""

    mean: float
    error: float
    p: float
    """That two settings which are the same differ at least as much."""


def difference(a: Sequence[float], b: Sequence[float], *, paired: bool) -> Difference | None:
    """How much two settings differ, from their figures in the order of the seeds; None with fewer than two of each."""
    from scipy.stats import ttest_ind, ttest_rel  # comes with scikit-learn: pip install '.[probe]'

    if min(len(a), len(b)) < 2:
        return None
    tested = ttest_rel(b, a) if paired else ttest_ind(b, a, equal_var=False)
    mean = Spread.of(b).mean - Spread.of(a).mean
    if paired:
        error = Spread.of([y - x for x, y in zip(a, b, strict=True)]).error
    else:
        error = math.hypot(Spread.of(a).error or 0, Spread.of(b).error or 0)
    return Difference(mean, error or 0.0, float(tested.pvalue))


def figures(records: Sequence[Record]) -> Iterator[tuple[str, str, list[float]]]:
    """Each way of reading, what predicts, and the nats per character of each run."""
    for way, found in records[0]["nats"].items():
        for predictor in found:
            if all(predictor in record["nats"][way] for record in records):
                yield way, predictor, [record["nats"][way][predictor] for record in records]


def about(records: Sequence[Record]) -> str:
    """The text, its split, the time, the network and the machine of runs that differ in their seed."""
    first = records[0]
    if len(texts := {record["sha256"] for record in records}) > 1:
        sys.exit(
            f"the log has runs of {len(texts)} texts named {first['text']}: choose another --log"
        )

    def mean(name: str) -> float:
        return Spread.of([record[name] for record in records]).mean

    networks = {
        "{cell} {num_layers} x {hidden_size}".format(**r["network"])
        + f", {r['parameters']:,} parameters"
        for r in records
    }
    trained = first["training"]
    hardware = first["hardware"]
    instructions = (
        f"{hardware['instructions']}, {trained['precision']}, {hardware['threads']} threads"
    )
    versions = ", ".join(sorted({record["version"] for record in records}))
    name, value = first["limit"]
    return (
        f"{first['text']}: {first['characters']:,} characters, sha256 {first['sha256']}; validated on "
        f"{first['validation']}; {value:g} {name} asked, {mean('seconds'):.1f} s trained, "
        f"{mean('command_seconds'):.1f} s with all else; {' or '.join(sorted(networks))}; {mean('steps'):,.0f} steps, "
        f"{mean('epochs'):.1f} epochs; seeds {', '.join(str(r['seed']) for r in records)}; "
        f"{first['machine']}, {instructions}; charrnn {versions}"
    )


def bits(nats: float) -> str:
    """Nats in bits."""
    return f"{nats / math.log(2):.4f}"


def table(*columns: str) -> Table:
    """An empty table; all but the first three columns are numbers."""
    made = Table(box=None, pad_edge=False, header_style="")
    for number, column in enumerate(columns):
        made.add_column(column, justify="left" if number < 3 else "right", no_wrap=True)
    return made


def show(made: Table, notes: Sequence[str]) -> None:
    """Print a table, and what is to be known of its rows."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False)
    console.print(made)
    for note in notes:
        console.print(note, soft_wrap=True)


# --- commands ---------------------------------------------------------------------------------------------------------

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)
Seeds = Annotated[str, typer.Option(help="A run for each of these.")]
Log = Annotated[Path, typer.Option(help="The file of all runs, a line of JSON each.")]
Texts = Annotated[
    Path, typer.Option(help="A folder with texts, used before those that charrnn knows.")
]
Out = Annotated[Path | None, typer.Option(help="Keep the runs in this folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
common: list[str] = []
"""The options after `--`."""


@app.command()
def row(
    names: Annotated[list[str], typer.Argument(help=", ".join(ROWS))],
    seeds: Seeds = "1,2,3",
    log: Log = Path("record.jsonl"),
    texts: Texts = Path("corpora"),
    out: Out = None,
    json_: AsJson = False,
) -> None:
    """Reproduce rows of the table, each with its mean over seeds and its standard error."""
    require(names, ROWS)
    runs, shown = Runs(log, texts, out), {}
    for name in names:
        text, minutes, setting = ROWS[name]
        jobs = [Job(text, ("minutes", minutes), whole(setting), seed) for seed in numbers(seeds)]
        shown[name] = [runs.get(job) for job in jobs]
    if json_:
        print(json.dumps(shown, indent=1))
        return
    made = table("row", "read", "predicted by", "seeds", "nats per character", "bits")
    for name, records in shown.items():
        for way, predictor, nats in figures(records):
            spread = Spread.of(nats)
            made.add_row(
                name, way, called(predictor), str(len(nats)), str(spread), bits(spread.mean)
            )
    show(made, [about(records) for records in shown.values()])


@app.command()
def compare(
    names: Annotated[list[str], typer.Argument(metavar="TEXTS...", help=", ".join(TEXTS))],
    a: Annotated[
        str, typer.Option("--a", help="The first setting: options of `charrnn train`.")
    ] = "",
    b: Annotated[str, typer.Option("--b", help="The second setting.")] = "",
    minutes: Annotated[float | None, typer.Option(help="The time of each run.")] = None,
    steps: Annotated[
        int | None, typer.Option(help="Or its steps: right on a busy machine.")
    ] = None,
    seeds: Seeds = "1,2,3",
    unpaired: Annotated[bool, typer.Option("--unpaired", help="Test by Welch's t-test.")] = False,
    log: Log = Path("record.jsonl"),
    texts: Texts = Path("corpora"),
    out: Out = None,
    json_: AsJson = False,
) -> None:
    """Train two settings in turns, and say how much they differ, and whether that is more than chance."""
    require(names, TEXTS)
    if (minutes is None) == (steps is None):
        raise typer.BadParameter("give either --minutes or --steps")
    if a == b:
        raise typer.BadParameter("both settings are the same: give --a or --b")
    limit = ("minutes", minutes) if minutes is not None else ("steps", steps or 0)
    runs, settings = Runs(log, texts, out), {"a": whole(a), "b": whole(b)}
    found: dict[tuple[str, str], list[Record]] = {(n, s): [] for n in names for s in settings}
    for turn, seed in enumerate(numbers(seeds)):
        for name, side in itertools.product(names, "ab" if turn % 2 == 0 else "ba"):
            found[name, side].append(runs.get(Job(name, limit, settings[side], seed)))
    rows = list(compared(found, names, paired=not unpaired))
    if json_:
        print(json.dumps({"settings": settings, "limit": limit, "rows": rows}, indent=1))
        return
    made = table("text", "read", "predicted by", "seeds", "A", "B", "B - A", "p")
    for one in rows:
        d = one["difference"]
        change = (
            ("", "") if d is None else (f"{d['mean']:+.4f} ± {d['error']:.4f}", f"{d['p']:.4f}")
        )
        of_both = str(Spread.of(one["a"])), str(Spread.of(one["b"]))
        made.add_row(
            one["text"],
            one["read"],
            called(one["predictor"]),
            str(len(one["a"])),
            *of_both,
            *change,
        )
    test = "Welch's t-test" if unpaired else "paired t-test"
    sides = [f"{side.upper()}: {setting or 'as planned'}" for side, setting in settings.items()]
    notes = [f"{side.upper()}, {about(records)}" for (_, side), records in found.items()]
    show(made, [f"nats per character, mean ± standard error; p of a {test}", *sides, *notes])


def compared(
    found: dict[tuple[str, str], list[Record]], names: Sequence[str], *, paired: bool
) -> Iterator[Record]:
    """Each figure of both settings."""
    for name in names:
        of_b = {(way, predictor): nats for way, predictor, nats in figures(found[name, "b"])}
        for way, predictor, nats in figures(found[name, "a"]):
            if (way, predictor) not in of_b:
                continue
            other = of_b[way, predictor]
            d = difference(nats, other, paired=paired)
            yield {
                "text": name,
                "read": way,
                "predictor": predictor,
                "a": nats,
                "b": other,
                "difference": d and vars(d),
            }


def called(predictor: str) -> str:
    """What predicts, in words."""
    return {NETWORK: "network", COUNTS: "network with counts"}[predictor]


def whole(setting: str) -> str:
    """A setting with the options after `--`."""
    return " ".join([setting, shlex.join(common)]).strip()


def numbers(seeds: str) -> Sequence[int]:
    """The seeds that are given."""
    try:
        return seeds_of(seeds) or ()
    except CharrnnError as error:
        raise typer.BadParameter(str(error)) from error


def require(names: Sequence[str], known: dict[str, Any]) -> None:
    """Raise BadParameter for a name that is not known."""
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name} is none of {', '.join(known)}")


def main(given: Sequence[str]) -> None:
    """Do what a command line asks for."""
    cut = given.index("--") if "--" in given else len(given)
    common[:] = given[cut + 1 :]
    app(list(given[:cut]))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(sys.argv[1:])
