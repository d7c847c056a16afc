"""`charrnn sweep`: train runs with different settings and seeds on one corpus, and compare what they reached."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from charrnn.cli.completion import complete_spec
from charrnn.cli.options import Changes
from charrnn.cli.outputs import TableOptions
from charrnn.cli.sweep.existing import require_same
from charrnn.cli.sweep.results import Results
from charrnn.cli.sweep.running import Way, carry_out, train_line
from charrnn.cli.sweep.spec import Spec, read_spec
from charrnn.cli.terminal import MOST_COLUMNS, print_json, print_wrapped, say, shown, terminal_width
from charrnn.cli.train.command_line import PlaceOptions
from charrnn.config import MACHINE, SAVING
from charrnn.errors import SettingError
from charrnn.runs import RUNS, checked_name, checkpoint_of_run
from charrnn.settings import setting
from charrnn.wording import counted, escape

EXAMPLES = (
    "charrnn sweep sizes.toml",
    "charrnn sweep sizes.toml --jobs 2 --csv sizes.csv",
    "charrnn sweep sizes.toml --print > jobs.txt",
)
CHANGES = Changes(
    different={
        "name": {"help": "Name of the sweep.", "default_text": "that of the file"},
        "out": {
            "help": "Folder of the sweeps; the runs are in a folder in it, by the name of the sweep."
        },
        "overwrite": {"help": "Start all runs over."},
        "csv": {"help": "Also write the table, a row for each point."},
    }
)
UNBROKEN = MOST_COLUMNS
"""Cells of a line that is not for a terminal."""

SpecFile = Annotated[
    Path,
    typer.Argument(
        metavar="SPEC.toml",
        help="The file that describes the sweep.",
        show_default=False,
        readable=False,
        autocompletion=complete_spec,
    ),
]


@dataclass(frozen=True, kw_only=True)
class SweepOptions(PlaceOptions):
    """How a sweep is run, and what is printed."""

    jobs: int = setting(
        1,
        "Train this many runs at a time; the CPU threads are divided among them.",
        low=1,
        high=1024,
        panel=MACHINE,
    )
    print_lines: bool = setting(
        False,
        "Train nothing: print the command line of each run, for a scheduler.",
        flags=("--print",),
        excludes=("overwrite", "jobs", "json", "test", "csv"),
        panel=MACHINE,
    )
    test: bool = setting(
        False, "Score the runs on the text that was held out for testing too.", panel=SAVING
    )
    json: bool = setting(
        False, "Print one JSON object, with every run, instead of the table.", panel=SAVING
    )


def sweep(file: SpecFile, *, options: SweepOptions, table: TableOptions) -> None:
    """Train runs with different settings and seeds on one corpus, and compare them.

    The file names the corpus, fixed settings, a grid of values to combine, and seeds. The settings are options of
    'charrnn train'. Each run is an ordinary one, in checkpoints/NAME/.

    The same command takes an interrupted sweep up again: finished runs are kept, half-done ones resumed. The table has a
    row for each combination, with the mean and standard error of its seeds, best first.
    """
    table.require()
    spec = read_spec(file)
    if options.test:
        _require_test_text(spec)
    folder = options.out / checked_name(options.name or file.stem)
    if checkpoint_of_run(folder):
        raise SettingError.naming("{folder} holds a run", "choose another {name}", folder=folder)
    if not options.overwrite:
        for run in spec.runs:
            require_same(run, folder / run.name)
    if options.print_lines:
        for run in spec.runs:
            print(shown(shlex.join(["charrnn", *train_line(run, folder, options.cache)])))
        say(
            f"charrnn: {counted(len(spec.runs), 'run')}; when they are done: {_again(file, options)}"
        )
        return
    carry_out(
        Results(spec, folder),
        Way(options.jobs, options.overwrite, options.test, options.cache),
        show=lambda results: _show(results, table, as_json=options.json),
        again=_again(file, options),
    )


def _require_test_text(spec: Spec) -> None:
    """Raise SettingError unless every run holds out a text for testing."""
    for run in spec.runs:
        if run.line.config.test_file is None and not run.line.config.test_fraction:
            raise SettingError.naming(
                "{test} needs text that is held out for testing, and {path} holds out none",
                "for example test-fraction = 0.05 below [settings]",
                path=spec.path,
            )


def _show(results: Results, table: TableOptions, *, as_json: bool) -> None:
    """Print the results, and write the table."""
    if as_json:
        print_json(results.as_dict())
    elif not results.is_empty:
        for line in results.lines(terminal_width() if sys.stdout.isatty() else UNBROKEN):
            print(escape(line))
        print_wrapped(results.protocol)
    table.write(*results.csv())
    sys.stdout.flush()


def _again(file: Path, options: SweepOptions) -> str:
    """The command that goes on with a sweep."""
    words = ["charrnn", "sweep", file, *(["--name", options.name] if options.name else [])]
    words += ["--out", options.out] if options.out != RUNS else []
    words += ["--jobs", options.jobs] if options.jobs > 1 else []
    return shlex.join(map(str, [*words, *(["--test"] if options.test else [])]))
