"""What a command line of `train` asks for, beside the settings of `charrnn.config`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from charrnn.cli.completion import complete_text
from charrnn.config import (
    BUDGET,
    LEARNING,
    MACHINE,
    MAX_SEED,
    SAVING,
    CorpusConfig,
    SavingConfig,
    TrainingRequest,
)
from charrnn.errors import SettingError
from charrnn.runs import RUNS
from charrnn.settings import Config, setting
from charrnn.training.start import StartOptions

CorpusNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CORPUS",
        autocompletion=complete_text,
        help="Files, folders, compressed files, - for standard input, or names that 'charrnn corpora' lists.",
        show_default=False,
    ),
]


WITH_FOREVER = (
    *("gradient", "cell", "activation", "hidden_size", "embedding_size", "level", "threads"),
    *("num_layers", "batch_size", "optimizer", "precision", "device", "kernel"),
    *("learning_rate", "warmup_steps", "weight_decay", "clip", "seed"),
    *("name", "out", "overwrite", "resume", "json", "save_every", "keep"),
)
"""Settings that have an effect on a run without an end, or are as it needs them."""


@dataclass(frozen=True, kw_only=True)
class PlaceOptions(Config):
    """Where runs are saved."""

    name: str | None = setting(
        None, "Name of the run.", default_text="from the corpus", free=True, panel=SAVING
    )
    out: Path = setting(RUNS, "Folder of the runs.", free=True, panel=SAVING)
    overwrite: bool = setting(
        False, "Replace the run of this name by a new one.", once=True, panel=SAVING
    )
    cache: Path | None = setting(
        None,
        "Folder for downloads and large encoded corpora.",
        default_text="the user's cache",
        free=True,
        panel=MACHINE,
    )


@dataclass(frozen=True, kw_only=True)
class RunOptions(PlaceOptions):
    """Where a run is saved, for which seeds it is made, and what is reported."""

    plan_only: bool = setting(
        False, "Measure, print the plan, and do not train.", once=True, panel=BUDGET
    )
    resume: bool = setting(
        False,
        "Resume the run of this name, or the newest. With a new limit, train it longer; if there is none, start one.",
        free=True,
        once=True,
        excludes=("overwrite",),
        panel=SAVING,
    )
    json: bool = setting(
        False,
        "Print one JSON object for each event of the run: plan, steps, evaluations, result.",
        free=True,
        panel=SAVING,
    )
    forever: bool = setting(
        False,
        "With {gradient:rtrl} and standard input: go on learning, byte by byte, for as long as something comes, and "
        "save now and then.",
        once=True,
        allows=WITH_FOREVER,
        panel=BUDGET,
    )
    seeds: str | None = setting(
        None,
        "Train one run for each of these seeds, such as 1,2,3, and report the mean and its standard error.",
        metavar="SEEDS",
        free=True,
        excludes=("seed",),
        panel=LEARNING,
    )
    tensorboard: Path | None = setting(
        None,
        "Log the run for TensorBoard too, in DIR/NAME (needs tensorboard).",
        metavar="DIR",
        free=True,
        panel=SAVING,
    )
    mlflow: str | None = setting(
        None,
        "Log the run to MLflow too, in the database mlflow.db of a folder or at a tracking URI (needs mlflow-skinny).",
        metavar="DIR|URI",
        free=True,
        panel=SAVING,
    )
    mlflow_experiment: str | None = setting(
        None,
        "MLflow's experiment for the run.",
        metavar="NAME",
        default_text="as MLFLOW_EXPERIMENT_NAME says, or charrnn",
        needs=("mlflow",),
        free=True,
        panel=SAVING,
    )
    processes: int = setting(
        1,
        "Train in this many processes on this machine, each with a GPU or its share of the CPU cores.",
        low=1,
        high=4096,
        free=True,
        panel=MACHINE,
    )
    baselines: bool = setting(
        True,
        "At the end, report how simpler models do on the validation text.",
        free=True,
        panel=SAVING,
    )

    @property
    def together(self) -> tuple[object, ...]:
        """The options of several processes, as a command is typed."""
        return ("--processes", self.processes) if self.processes > 1 else ()


def change_of_plan(text: str) -> tuple[int, int]:
    """A change of plan as a run file has it: "1200:4000" -> (1200, 4000).

    Raises:
        SettingError: it is not two whole numbers.
    """
    numbers = text.split(":")
    if len(numbers) != 2 or not all(is_whole(n) for n in numbers):
        raise SettingError.naming(
            "{replanned} must be STEP:PLANNED, such as 1200:4000, not {found!r}", found=text
        )
    return int(numbers[0]), int(numbers[1])


def is_whole(word: str) -> bool:
    """Whether a word is a number of at most 20 ASCII digits; Python itself refuses to read thousands of them."""
    return word.isascii() and word.isdecimal() and len(word) <= 20


def seeds_of(text: str | None) -> list[int]:
    """Seeds as they are typed: "1, 2,3" -> [1, 2, 3]; none: [].

    Raises:
        SettingError: one is no seed, or occurs twice.
    """
    if text is None:
        return []
    words = [word.strip() for word in text.split(",")]
    valid = all(is_whole(w) and int(w) <= MAX_SEED for w in words)
    if not valid or len({*map(int, words)}) < len(words):
        raise SettingError.naming(
            "{seeds} must be different whole numbers separated by commas, such as 1,2,3, not {found!r}",
            found=text,
        )
    return [*map(int, words)]


@dataclass(frozen=True)
class CommandLine:
    """A command line of `train`."""

    names: list[str]
    """Names of the texts."""
    config: CorpusConfig
    request: TrainingRequest
    run: RunOptions
    saving: SavingConfig
    start: StartOptions
    is_last: bool = True
    """Whether no run with another seed follows."""

    @property
    def configs(self) -> tuple[object, ...]:
        """The settings of all kinds."""
        return self.request, self.config, self.start, self.run, self.saving
