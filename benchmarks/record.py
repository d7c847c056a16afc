"""What training reaches: one command for each row of a table, and for each comparison of two settings.

    python benchmarks/record.py row plays-2min names-1min --seeds 1,2,3
    python benchmarks/record.py row plays-10min-avx2 book.txt-95s -- --layers 3
    python benchmarks/record.py compare plays python --minutes 2 --seeds 1,2,3 --b "--dropout 0.2"
    python benchmarks/record.py compare plays --steps 2000 --a "--optimizer adamw" --b "--optimizer muon"
    python benchmarks/record.py beside --seeds 1,2,3

Each run is a process of its own, `charrnn train TEXT` with a setting's options and those after `--`, planned as for any
user. Words such as NAME=VALUE before a setting's options belong to the environment of its runs, so that settings can
differ in the version of charrnn (PYTHONPATH=...) or in the instructions of the processor. `judge.py` says how the best
checkpoint is scored. Texts are read with the last tenth for validation; sha256 is that of the text as it is read.

Each run is one line of a log. A command that was interrupted goes on from there when it is typed again, and a row that
is there already is only shown. The runs of two settings alternate; they differ by the mean of what the runs of each
seed differ by, with its standard error and the p-value of a paired t-test, or with --unpaired, for networks that a seed
does not make alike, of Welch's. Nothing else should be running, unless the steps are given.

`beside` trains the transformer of `transformer.py`, and then charrnn in times that grow by half, until a run has
reached the transformer's loss: the time of the one divided by that of the other.
"""

import itertools
import json
import math
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from figures import about_both, about_runs, about_settings, about_text, compared, figures
from judge import COUNTS, NETWORK
from rich.console import Console
from rich.table import Table
from runs import TEXTS, TRANSFORMER, Job, Record, Runs, say

from charrnn.cli.train.command_line import seeds_of
from charrnn.cli.train.result import Spread
from charrnn.errors import CharrnnError

SETTINGS = {None: "", "avx2": "ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2"}
"""Settings by the end of a row's name."""
ROW = re.compile(r"(?P<text>.+)-(?P<time>[\d.]+)(?P<unit>s|min)(?:-(?P<setting>\w+))?")
CALLED = {NETWORK: "network", COUNTS: "network with counts"}
WIDTH = 150
"""Columns of a table that is not printed to a terminal."""
SHORTEST, LONGER, MOST_TIMES = 0.05, 1.5, 12
"""Minutes of the first run beside a transformer, what each following time is multiplied by, and how many there are."""
TRANSFORMER_STEPS = 2000


# --- tables -----------------------------------------------------------------------------------------------------------


def table(words: Sequence[str], numbers: Sequence[str]) -> Table:
    """An empty table with columns of words and of numbers."""
    made = Table(box=None, pad_edge=False, header_style="")
    for column in (*words, *numbers):
        made.add_column(column, justify="right" if column in numbers else "left", no_wrap=True)
    return made


def show(made: Table, notes: Sequence[str]) -> None:
    """Print a table, and what is to be known of its rows."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False)
    console.print(made)
    for note in notes:
        console.print(note, soft_wrap=True)


def print_json(value: object) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=1))


# --- commands ---------------------------------------------------------------------------------------------------------

app = typer.Typer(
    add_completion=False,
    help=__doc__.replace("\n    python", "\n\b\n    python", 1),
    rich_markup_mode=None,
)
Seeds = Annotated[str, typer.Option(help="A run for each of these.")]
Log = Annotated[Path, typer.Option(help="The file of all runs, a line of JSON each.")]
Folder = Annotated[
    Path, typer.Option("--texts", help="A folder with texts, used before charrnn's own.")
]
Out = Annotated[Path | None, typer.Option(help="Keep the runs in this folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Names = Annotated[
    list[str], typer.Argument(metavar="TEXT", help=f"{', '.join(TEXTS)}, a file, or a corpus.")
]
LOG, CORPORA = Path("record.jsonl"), Path("corpora")


@app.command()
def row(
    ctx: typer.Context,
    names: Annotated[
        list[str], typer.Argument(metavar="ROW", help="TEXT-TIME, such as plays-2min.")
    ],
    seeds: Seeds = "1,2,3",
    log: Log = LOG,
    folder: Folder = CORPORA,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Reproduce rows of a table, each with its mean over seeds and its standard error."""
    runs, found = Runs(log, folder, out), dict[str, list[Record]]()
    for name, (text, minutes, setting) in {name: parsed(name) for name in names}.items():
        limit = ("minutes", minutes)
        jobs = [Job(text, limit, with_common(ctx, setting), seed) for seed in numbers(seeds)]
        found[name] = [runs.get(job) for job in jobs]
    if as_json:
        print_json(found)
        return
    made = table(("row", "read", "predicted by"), ("runs", "nats per character", "bits"))
    for name, records in found.items():
        for (way, predictor), nats in figures(records).items():
            spread = Spread.of(nats)
            bits = f"{spread.mean / math.log(2):.4f}"
            made.add_row(name, way, CALLED[predictor], str(len(nats)), str(spread), bits)
    notes = [
        f"{name}: {about_runs(records)}; {about_text(records)}" for name, records in found.items()
    ]
    show(made, notes)


@app.command()
def compare(
    ctx: typer.Context,
    names: Names,
    a: Annotated[
        str, typer.Option("--a", help="The first setting: options of charrnn train.")
    ] = "",
    b: Annotated[str, typer.Option("--b", help="The second setting.")] = "",
    minutes: Annotated[float | None, typer.Option(help="The time of each run.")] = None,
    steps: Annotated[
        int | None, typer.Option(help="Or its steps: right on a busy machine.")
    ] = None,
    seeds: Seeds = "1,2,3",
    unpaired: Annotated[bool, typer.Option("--unpaired", help="Test by Welch's t-test.")] = False,
    log: Log = LOG,
    folder: Folder = CORPORA,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Train two settings in turns, and print how much they differ, and whether that is more than chance."""
    if (minutes is None) == (steps is None):
        raise typer.BadParameter("give either --minutes or --steps")
    if a == b:
        raise typer.BadParameter("both settings are the same: give --a or --b")
    limit = ("steps", float(steps)) if minutes is None and steps else ("minutes", minutes or 0.0)
    runs = Runs(log, folder, out)
    settings = {"a": with_common(ctx, a), "b": with_common(ctx, b)}
    found: dict[str, dict[str, list[Record]]] = {name: {"a": [], "b": []} for name in names}
    for turn, seed in enumerate(numbers(seeds)):
        for name, side in itertools.product(found, "ab" if turn % 2 == 0 else "ba"):
            found[name][side].append(runs.get(Job(name, limit, settings[side], seed)))
    rows = [one for both in found.values() for one in compared(**both, paired=not unpaired)]
    if as_json:
        print_json({"settings": settings, "limit": limit, "rows": rows, "runs": found})
        return
    print("nats per character, mean ± standard error; p of", end=" ")
    print("Welch's t-test" if unpaired else "a paired t-test")
    made = table(("text", "read", "predicted by"), ("runs", "A", "B", "B - A", "p"))
    for one in rows:
        test = one["difference"]
        tested = ("", "")
        if test:
            tested = f"{test['mean']:+.4f} ± {test['error']:.4f}", f"{test['p']:.4f}"
        means = (str(Spread.of(one[side])) for side in "ab")
        runs_of = str(len(one["a"]))
        made.add_row(one["text"], one["read"], CALLED[one["predictor"]], runs_of, *means, *tested)
    show(made, [*about_settings(settings), *about_both(found)])


@app.command()
def beside(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(help="A running text.")] = "plays",
    steps: Annotated[int, typer.Option(help="Steps of the transformer.")] = TRANSFORMER_STEPS,
    seeds: Seeds = "1,2,3",
    log: Log = LOG,
    folder: Folder = CORPORA,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Train a small transformer, and charrnn until it has reached the same loss, and print the ratio of their times."""
    runs, setting = Runs(log, folder, out), with_common(ctx, "--no-counts")
    found = [
        {"read": way, "other": other, "own": own}
        for seed in numbers(seeds)
        for other in [runs.get(Job(text, ("steps", float(steps)), TRANSFORMER, seed))]
        for way, own in reached(runs, other, setting)
    ]
    if as_json:
        print_json(found)
        return
    made = table(
        ("read", "seeds"),
        ("transformer", "charrnn", "seconds", "of charrnn", "ratio", "ratio of whole commands"),
    )
    for way in dict.fromkeys(one["read"] for one in found):
        of_way = [one for one in found if one["read"] == way]
        made.add_row(way, str(len(of_way)), *side_by_side(of_way))
    sides = ({r["seed"]: r for r in (one[side] for one in found)} for side in ("other", "own"))
    show(made, [f"{about_runs([*r.values()])}; {about_text([*r.values()])}" for r in sides])


def reached(runs: Runs, other: Record, setting: str) -> Iterator[tuple[str, Record]]:
    """The shortest run that is at least as good as another network, for each way of reading it."""
    wanted = {way: nats[NETWORK] for way, nats in other["nats"].items()}
    for turn in range(MOST_TIMES):
        limit = ("minutes", round(SHORTEST * LONGER**turn, 3))
        own = runs.get(Job(other["text"], limit, setting, other["seed"]))
        for way, nats in [*wanted.items()]:
            if own["nats"][way][NETWORK] <= nats:
                del wanted[way]
                yield way, own
        if not wanted:
            return
    say(f"seed {other['seed']}: not reached in {limit[1]:g} minutes: {', '.join(wanted)}")


def side_by_side(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The nats of both, their seconds, and the ratios of their times."""
    way = found[0]["read"]
    for side in ("other", "own"):
        yield f"{Spread.of([one[side]['nats'][way][NETWORK] for one in found]).mean:.4f}"
    for side in ("other", "own"):
        yield f"{Spread.of([one[side]['seconds'] for one in found]).mean:.1f}"
    for seconds in ("seconds", "command_seconds"):
        spread = Spread.of([one["other"][seconds] / one["own"][seconds] for one in found])
        yield f"{spread.mean:.1f}" + ("" if spread.error is None else f" ± {spread.error:.1f}")


def parsed(name: str) -> tuple[str, float, str]:
    """The text, the minutes and the setting of a row: "plays-90s" -> ("plays", 1.5, "")."""
    found = ROW.fullmatch(name)
    if not found or found["setting"] not in SETTINGS:
        raise typer.BadParameter(
            f"{name} is no row: write TEXT-TIME, such as plays-2min, plays-95s-avx2"
        )
    minutes = float(found["time"]) / (60 if found["unit"] == "s" else 1)
    return found["text"], minutes, SETTINGS[found["setting"]]


def with_common(ctx: typer.Context, setting: str) -> str:
    """A setting with the options after `--`."""
    return " ".join([setting, shlex.join(ctx.obj)]).strip()


def numbers(seeds: str) -> Sequence[int]:
    """The seeds that are given."""
    try:
        return seeds_of(seeds)
    except CharrnnError as error:
        raise typer.BadParameter(
            "--seeds must be numbers separated by commas, such as 1,2,3"
        ) from error


def main(given: Sequence[str]) -> None:
    """Do what a command line asks for."""
    cut = given.index("--") if "--" in given else len(given)
    app(list(given[:cut]), obj=list(given[cut + 1 :]))


if __name__ == "__main__":
    main(sys.argv[1:])
