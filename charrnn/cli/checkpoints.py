"""Which checkpoint a command means: a file, a run's folder, a run's name, or the newest run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.cli.console import say
from charrnn.errors import CheckpointError
from charrnn.wording import did_you_mean

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint

RUNS = Path("checkpoints")
BEST, LAST, METRICS = "best.safetensors", "last.safetensors", "metrics.jsonl"
TRAIN_ONE = "train one: charrnn train corpus.txt"


def complete_checkpoint(incomplete: str) -> list[str]:
    """The names of runs, for the shell."""
    return sorted(
        p.parent.name for p in RUNS.glob(f"*/{BEST}") if p.parent.name.startswith(incomplete)
    )


CheckpointArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[CHECKPOINT]",
        help="A .safetensors file, a run's folder or its name; without one, the newest run under "
        "checkpoints/.",
        show_default=False,
        autocompletion=complete_checkpoint,
    ),
]


def find_checkpoint(name: str | None, *, quiet: bool = False) -> Path:
    """The file that CHECKPOINT means.

    Raises:
        CheckpointError: there is none.
    """
    if name is not None:
        path = _named(name)
        if path is None:
            known = complete_checkpoint("")
            hint = f"runs here: {', '.join(known[:8])}" if known else TRAIN_ONE
            if meant := did_you_mean(name, known):
                hint = f"{meant} {hint}"
            raise CheckpointError(f"there is no checkpoint or run called {name!r}", hint)
        return path
    found = _newest()
    if found is None:
        raise CheckpointError(f"there is no checkpoint under {RUNS}/", TRAIN_ONE)
    if not quiet:
        say(f"charrnn: newest checkpoint {found}")
    return found


def _of_run(folder: Path) -> Path | None:
    """The checkpoint of a run: its best, or its last if it was stopped before its first evaluation."""
    return next((folder / file for file in (BEST, LAST) if (folder / file).is_file()), None)


def _named(name: str) -> Path | None:
    """The file that a name stands for; a path that exists wins over a run's name."""
    try:
        path = Path(name)
        if path.exists() and not path.is_dir():
            return path
        return _of_run(path) or _of_run(RUNS / name)
    except (OSError, ValueError):  # a name too long, or with a NUL
        return None


def is_checkpoint(name: str) -> bool:
    """Whether a lone argument means a checkpoint, be it a missing one, rather than a text."""
    return name.endswith(".safetensors") or (_named(name) or Path()).suffix == ".safetensors"


def say_near_run(text: str, *, quiet: bool) -> None:
    """Say which run somebody may have meant who gave but one word, which is no run and is taken for a text."""
    if quiet:
        return
    meant = did_you_mean(text, complete_checkpoint("")) if text.isprintable() else ""
    if meant and not Path(text).exists():
        say(f"charrnn: no run is called {text!r}; {meant}")


def _newest() -> Path | None:
    """The checkpoint of the run that was written to last, or None."""
    found = [path for folder in RUNS.glob("*/") if (path := _of_run(folder))]
    return max(found, key=lambda path: path.stat().st_mtime_ns, default=None)


def open_checkpoint(name: str | None, *, quiet: bool = False) -> "Checkpoint":
    """Find and load a checkpoint."""
    path = find_checkpoint(name, quiet=quiet)
    from charrnn.checkpoint import load_checkpoint

    return load_checkpoint(path)


def title_of(loaded: "Checkpoint") -> str:
    """The name that a user knows a checkpoint by: its run's folder, or its file if it is no run's."""
    assert loaded.path
    path = loaded.path.absolute()
    return path.parent.name if path.name in (BEST, LAST) else path.stem


def reads_lines(loaded: "Checkpoint") -> bool:
    """Whether a model was trained on lines, each an item of its own."""
    corpus = loaded.run.get("corpus")
    config = corpus.get("config") if isinstance(corpus, dict) else None
    return isinstance(config, dict) and config.get("lines") is True
