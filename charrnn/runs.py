"""Runs by name: the checkpoint that a name means, the folder of a new run, and the newest run.

A run is a folder under RUNS, and its name is that of the folder.
"""

import dataclasses
import os
import shlex
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.config import CorpusConfig
from charrnn.errors import (
    HOW_TO_TRAIN,
    CharrnnError,
    CheckpointError,
    SettingError,
    Typed,
    UsageError,
)
from charrnn.files import require_idle
from charrnn.wording import did_you_mean

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint

RUNS = Path("checkpoints")
BEST, LAST, METRICS = "best.safetensors", "last.safetensors", "metrics.jsonl"
BASELINES = "baselines.json"
MAIN_FILES = (BEST, LAST, METRICS)
"""The files by which a folder is recognized as a run's."""
RUN_FILES = (*MAIN_FILES, BASELINES)
"""These, and what can be missing."""
"""The baselines of the validation text, beside the checkpoints of a run for which they were measured."""
MODEL = "model.safetensors"
"""The model in a folder that was exported for a hub."""
DEMO = Path(__file__).parent / "demo" / "demo.safetensors"
"""The model that comes with charrnn, which the name of this file means where there is no run of that name."""
TRAIN_ONE = HOW_TO_TRAIN.line
MOST_NAMES = 8
"""Maximum runs that a hint lists."""


def is_demo(checkpoint: Path) -> bool:
    """Whether a checkpoint is the model that comes with charrnn."""
    return checkpoint.resolve() == DEMO.resolve()


def names_of_runs(beginning: str = "") -> list[str]:
    """The names of the runs under RUNS, with a given beginning."""
    return sorted(
        p.parent.name for p in RUNS.glob(f"*/{BEST}") if p.parent.name.startswith(beginning)
    )


def find_checkpoint(name: str | Path, otherwise: Callable[[str], str] | None = None) -> Path:
    """The checkpoint that a name means.

    Args:
        name: a .safetensors file, a run's folder, or the name of a run under RUNS; a path that exists wins.
        otherwise: what a word that is none of these may have been meant as, as a hint.

    Raises:
        CheckpointError: there is no such checkpoint; the hint has the nearest name, if one is near.
    """
    path = named_checkpoint(name)
    if path is not None:
        return path
    word, known = str(name), names_of_runs()
    meant = did_you_mean(word, known)
    raise CheckpointError.naming(
        "there is no checkpoint or run called {word!r}",
        "{meant}{here}{otherwise}",
        word=word,
        meant=f"{meant} " if meant else "",
        here=f"runs here: {', '.join(known[:MOST_NAMES])}" if known else HOW_TO_TRAIN,
        otherwise=f"; {otherwise(word)}" if otherwise and not meant else "",
    )


def named_checkpoint(name: str | Path) -> Path | None:
    """The file that a name stands for, or None; a path that exists wins over a run's name, and both over the demo."""
    try:
        path = Path(name)
        if path.exists() and not path.is_dir():
            return path
        found = checkpoint_of_run(path) or checkpoint_of_run(RUNS / name)
        is_demo = found is None and str(name) == DEMO.stem
        return DEMO if is_demo and DEMO.is_file() else found
    except (OSError, ValueError):  # a name too long, or with a NUL
        return None


def newest_checkpoint() -> Path | None:
    """The checkpoint of the run that was written to last, or None."""
    paths = [path for folder in RUNS.glob("*/") if (path := checkpoint_of_run(folder))]
    return max(paths, key=_written, default=None)


def _written(path: Path) -> int:
    """When a file was last written, in nanoseconds; 0 if another process has removed it."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def checkpoint_of_run(folder: Path) -> Path | None:
    """The checkpoint of a run: its best, or its last if it was stopped before its first evaluation.

    Of a folder that was exported for a hub, its model.
    """
    files = (folder / file for file in (BEST, LAST, MODEL))
    return next((file for file in files if file.is_file()), None)


def title_of(loaded: "Checkpoint") -> str:
    """The name that users know a checkpoint by: its run's folder, or its own file name outside a run.

    Of a model that is in no file, the name that its record has.
    """
    if not loaded.path:
        return str(loaded.run.get("name", ""))
    path = loaded.path.absolute()
    return path.parent.name if path.name in (BEST, LAST, MODEL) else path.stem


READ_ALIKE = ("lines", "separator", "documents", "field", "normalize")
"""Settings of a corpus that also hold for every text that its model reads later."""


def reading_of(loaded: "Checkpoint") -> CorpusConfig:
    """How a model reads a text: as its corpus was read, as far as that concerns any text.

    Raises:
        CheckpointError: the record of the corpus is damaged.
    """
    corpus = loaded.run.get("corpus")
    own = corpus.get("config", {}) if corpus else {}
    if loaded.model.config.align:
        return CorpusConfig(normalize=own.get("normalize"))
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


def with_lines(reading: CorpusConfig, lines: bool | None) -> CorpusConfig:
    """How to read a text if --lines or --no-lines was given: as lines or running text, whatever the corpus was."""
    if lines is None:
        return reading
    return dataclasses.replace(reading, lines=lines, separator=None, documents=False, field=None)


def writes_any_bytes(loaded: "Checkpoint") -> bool:
    """Whether a model was trained on bytes that are not UTF-8, so that it generates bytes of any kind."""
    corpus = loaded.run.get("corpus")
    return isinstance(corpus, dict) and corpus.get("utf8") is False


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
    """Raise UsageError if the folder holds a run that is not to be overwritten, or other files of a run's names.

    Raises:
        BusyError: another process trains there.
    """
    require_idle(folder)
    for path in (folder / LAST, folder / BEST) if overwrite else ():
        _require_replaceable(path)
    if _holds_run(folder) and not overwrite:
        if _is_endless(folder):
            raise SettingError.naming(
                "{folder} already holds a run",
                "to go on: {going_on}; to start over: {overwrite:True}; or choose another {name}",
                folder=folder,
                going_on=stream_command(folder),
            )
        raise SettingError.naming(
            "{folder} already holds a run",
            "to resume: {resuming}; {longer}to start over: {overwrite:True}; or choose another {name}",
            folder=folder,
            resuming=Typed(resume_command(folder), "resume=True"),
            longer=_longer(folder),
        )


def _require_replaceable(path: Path) -> None:
    """Raise UsageError if a file is write-protected, or is there and was not written by charrnn."""
    from charrnn.checkpoint import load_summary

    if not path.exists():
        return
    reason = "" if path.stat().st_mode & stat.S_IWUSR else "is write-protected"
    try:
        load_summary(path)
    except CharrnnError:
        reason = reason or "is not a checkpoint that can be read"
    if reason:
        raise SettingError.naming(
            "{overwrite} does not replace {path}, which {reason}",
            "move or remove it, or choose another {name}",
            path=path,
            reason=reason,
        )


def _longer(folder: Path) -> Typed | str:
    """The part of a hint that trains a run twice as long; empty if its plan cannot be read."""
    from charrnn.checkpoint import load_summary

    try:
        steps = 2 * load_summary(folder / LAST).run["training"]["steps"]
        line = resume_command(folder, (), "--steps", steps)
        start = "to train longer: "
        return Typed(f"{start}{line}; ", f"{start}resume=True, steps={steps}; ")
    except (CharrnnError, KeyError, TypeError):
        return ""


def resume_command(folder: Path, names: Iterable[str] = (), *options: object) -> str:
    """The command that resumes a run, wherever its folder is.

    Args:
        folder: the run's folder.
        names: names of its texts; none: those that it has recorded.
        options: other options and their values.
    """
    out = [] if folder.parent == RUNS else ["--out", folder.parent]
    words = ["charrnn", "train", *names, "--resume", "--name", folder.name, *out, *options]
    return shlex.join(map(str, words))


def stream_command(folder: Path) -> str:
    """The command that goes on learning a stream."""
    return resume_command(folder, ["-"], "--gradient", "rtrl", "--forever")


def _is_endless(folder: Path) -> bool:
    """Whether the run in a folder learns a stream."""
    from charrnn.checkpoint import load_summary
    from charrnn.schema import FOREVER

    try:
        return FOREVER in load_summary(folder / LAST).run
    except CharrnnError:
        return False


def _holds_run(folder: Path) -> bool:
    return any((folder / file).exists() for file in (LAST, BEST))


def checked_name(name: str) -> str:
    """The name, if it can be a folder's.

    Raises:
        UsageError: the name is empty, a path, or has characters that some system refuses.
    """
    bad = not name or name.startswith((".", "-")) or name.endswith((".", " "))
    bad = bad or any(c in '/\\:*?"<>|' or not c.isprintable() for c in name)
    if bad or len(name.encode()) > 200 or _is_device(name):
        raise SettingError.naming(
            "a run's name must be a plain folder name, not {given!r}",
            "for example {name:plays}; {out} sets the folder of the runs",
            given=name,
        )
    return name


def _is_device(name: str) -> bool:
    """Whether Windows opens a device under this name, whatever its ending and case: "nul", "COM1.old"."""
    word = name.partition(".")[0].rstrip().upper()
    if word[:3] in ("COM", "LPT") and word[3:] in tuple("0123456789¹²³"):
        return True
    return word in ("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$")


def _name_of(corpus: list[str]) -> str:
    """A run's name from its corpus: "texts/War and Peace.txt.gz" -> "War-and-Peace"."""
    if corpus[0] == "-":
        return "stdin"
    stem = Path(os.path.realpath(corpus[0])).name.removesuffix(".gz").rsplit(".", 1)[0] or "run"
    plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in stem).strip(".-")
    short = plain[:60].encode()[:180].decode(errors="ignore").strip(".-") or "run"
    return f"{short}-run" if _is_device(short) else short


def newest_run_of(out: Path, names: list[str]) -> Path | None:
    """The run to resume when none is named: the newest of this corpus, or of all; None: there is none."""
    for path in sorted(out.glob(f"*/{LAST}"), key=_written, reverse=True):
        if not names or _sources_of(path) == names:
            return path
    return None


def _sources_of(path: Path) -> object:
    """The names of the texts that the run of a checkpoint was trained on; None if they are not recorded."""
    from charrnn.checkpoint import load_summary

    try:
        corpus = load_summary(path).run.get("corpus")
    except CheckpointError:
        return None
    return corpus.get("sources") if isinstance(corpus, dict) else None
