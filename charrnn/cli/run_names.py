"""Every way to name a run: the checkpoint that a command means, the folder of a new run, and the run to resume."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.cli.terminal import say
from charrnn.config import CorpusConfig
from charrnn.errors import CheckpointError, UsageError
from charrnn.wording import did_you_mean

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint

RUNS = Path("checkpoints")
BEST, LAST, METRICS = "best.safetensors", "last.safetensors", "metrics.jsonl"
TRAIN_ONE = "train one: charrnn train corpus.txt"


def complete_checkpoint(incomplete: str) -> list[str]:
    """The names of runs with a given beginning, for shell completion."""
    return sorted(
        p.parent.name for p in RUNS.glob(f"*/{BEST}") if p.parent.name.startswith(incomplete)
    )


CheckpointArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="CHECKPOINT",
        help="A .safetensors file, a run's folder or its name; without one, the newest run under "
        "checkpoints/.",
        show_default=False,
        autocompletion=complete_checkpoint,
    ),
]


def find_checkpoint(name: str | None, otherwise: Callable[[str], str] | None = None) -> Path:
    """The file that CHECKPOINT means.

    Args:
        name: a path or a run's name; None: the newest run.
        otherwise: what a word that is neither, and looks like neither, may have been meant as, as a hint.

    Raises:
        CheckpointError: there is no such checkpoint.
    """
    if name is not None:
        path = _named(name)
        if path is None:
            known = complete_checkpoint("")
            hint = f"runs here: {', '.join(known[:8])}" if known else TRAIN_ONE
            if meant := did_you_mean(name, known):
                hint = f"{meant} {hint}"
            elif otherwise and not looks_like_path(name):
                hint = f"{hint}; {otherwise(name)}"
            raise CheckpointError(f"there is no checkpoint or run called {name!r}", hint)
        return path
    newest = _newest()
    if newest is None:
        raise CheckpointError(f"there is no checkpoint under {RUNS}/", TRAIN_ONE)
    say(f"charrnn: newest checkpoint {newest}")
    return newest


def looks_like_path(word: str) -> bool:
    """Whether a word is more likely a path than a text or a run's name: `a/b`, `tune.abc`, but not `e.g.` or `0.8`."""
    return re.search(r"[/\\]|\S\.[A-Za-z][A-Za-z0-9]{0,11}$", word) is not None


def checkpoint_of_run(folder: Path) -> Path | None:
    """The checkpoint of a run: its best, or its last if it was stopped before its first evaluation."""
    return next((folder / file for file in (BEST, LAST) if (folder / file).is_file()), None)


def _named(name: str) -> Path | None:
    """The file that a name stands for; a path that exists wins over a run's name."""
    try:
        path = Path(name)
        if path.exists() and not path.is_dir():
            return path
        return checkpoint_of_run(path) or checkpoint_of_run(RUNS / name)
    except (OSError, ValueError):  # a name too long, or with a NUL
        return None


def is_checkpoint(name: str) -> bool:
    """Whether a lone argument means a checkpoint, even a missing one, rather than a text."""
    return name.endswith(".safetensors") or (_named(name) or Path()).suffix == ".safetensors"


def say_near_run(text: str) -> None:
    """Suggest a similarly named run when a lone word was read as text."""
    meant = did_you_mean(text, complete_checkpoint("")) if text.isprintable() else ""
    if meant and not Path(text).exists():
        say(f"charrnn: there is no run {text!r}; {meant}")


def _newest() -> Path | None:
    """The checkpoint of the run that was written to last, or None."""
    paths = [path for folder in RUNS.glob("*/") if (path := checkpoint_of_run(folder))]
    return max(paths, key=lambda path: path.stat().st_mtime_ns, default=None)


def open_checkpoint(
    name: str | None, otherwise: Callable[[str], str] | None = None
) -> "Checkpoint":
    """Find and load a checkpoint; the arguments are those of `find_checkpoint`."""
    path = find_checkpoint(name, otherwise)
    from charrnn.checkpoint import load_checkpoint

    return load_checkpoint(path)


def title_of(loaded: "Checkpoint") -> str:
    """The name that users know a checkpoint by: its run's folder, or its own file name outside a run."""
    assert loaded.path
    path = loaded.path.absolute()
    return path.parent.name if path.name in (BEST, LAST) else path.stem


READ_ALIKE = ("lines", "separator", "documents")
"""Settings of a corpus that also hold for every text that its model reads later."""


def reading_of(loaded: "Checkpoint") -> CorpusConfig:
    """How a model reads a text: as its corpus was read, as far as that concerns any text.

    Raises:
        CheckpointError: the record of the corpus is damaged.
    """
    corpus = loaded.run.get("corpus")
    recorded = corpus.get("config") if isinstance(corpus, dict) else None
    own = recorded if isinstance(recorded, dict) else {}
    symbols = loaded.model.vocabulary
    keep = symbols.level == "char" and ord("\r") in symbols.symbols
    try:
        return CorpusConfig(
            level=symbols.level,
            keep_newlines=keep,
            **{name: own[name] for name in READ_ALIKE if name in own},
        )
    except UsageError as error:
        raise CheckpointError(f"{loaded.path} does not record how its corpus was read") from error


# --- the folders of runs ----------------------------------------------------------------------------------------------


def new_folder(out: Path, name: str | None, corpus: list[str], *, overwrite: bool) -> Path:
    """The folder of a new run: never one that holds another run, unless that one is to be overwritten."""
    return new_folders(out, name, corpus, [""], overwrite=overwrite)[0]


def new_folders(
    out: Path, name: str | None, corpus: list[str], endings: list[str], *, overwrite: bool
) -> list[Path]:
    """The folders of new runs that belong together: one name (and number) for all, and an ending for each.

    Raises:
        UsageError: the name cannot be a folder's, or there is such a run.
    """
    if name is not None:
        folders = [out / checked_name(checked_name(name) + ending) for ending in endings]
        for folder in folders:
            require_unused(folder, overwrite=overwrite)
        return folders
    base = _name_of(corpus)
    number = 1
    while True:
        stem = base if number == 1 else f"{base}-{number}"
        folders = [out / f"{stem}{ending}" for ending in endings]
        if overwrite or not any(map(_holds_run, folders)):
            return folders
        number += 1


def require_unused(folder: Path, *, overwrite: bool) -> None:
    """Raise UsageError if the folder holds a run that is not to be overwritten."""
    if _holds_run(folder) and not overwrite:
        raise UsageError(
            f"{folder} already holds a run",
            f"to resume: charrnn train --resume --name {folder.name}; to start over: --overwrite; "
            "or choose another --name",
        )


def _holds_run(folder: Path) -> bool:
    return any((folder / file).exists() for file in (LAST, BEST))


def checked_name(name: str) -> str:
    """The name, if it can be a folder's.

    Raises:
        UsageError: the name is empty, a path, or has characters that some system refuses.
    """
    bad = not name or name.startswith((".", "-")) or len(name.encode()) > 200
    if bad or any(c in '/\\:*?"<>|' or not c.isprintable() for c in name):
        raise UsageError(
            f"a run's name is a plain folder name, not {name!r}",
            "for example --name plays; --out chooses where",
        )
    return name


def _name_of(corpus: list[str]) -> str:
    """A run's name from its corpus: "texts/War and Peace.txt.gz" -> "War-and-Peace"."""
    if corpus[0] == "-":
        return "stdin"
    stem = Path(os.path.realpath(corpus[0])).name.removesuffix(".gz").rsplit(".", 1)[0] or "run"
    plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in stem).strip(".-")
    return plain[:60] or "run"


def newest_run_of(out: Path, names: list[str]) -> Path:
    """The run to resume when none is named: the newest of this corpus, or of all."""
    for path in sorted(out.glob(f"*/{LAST}"), key=lambda p: p.stat().st_mtime_ns, reverse=True):
        if not names or _sources_of(path) == names:
            return path
    wanted = f" of {' '.join(names)}" if names else ""
    raise CheckpointError(
        f"there is no run{wanted} to resume under {out}/",
        "name it with --name, or start one without --resume",
    )


def _sources_of(path: Path) -> object:
    """The names of the texts that the run of a checkpoint was trained on; None if they are not recorded."""
    from charrnn.checkpoint import load_checkpoint

    try:
        corpus = load_checkpoint(path).run.get("corpus")
    except CheckpointError:
        return None
    return corpus.get("sources") if isinstance(corpus, dict) else None
