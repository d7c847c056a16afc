"""The folders of runs: their names, what a checkpoint says of its run, and which run is to be resumed."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.checkpoints import LAST
from charrnn.config import CorpusConfig, ModelConfig, SavingConfig, TrainingConfig
from charrnn.errors import CheckpointError, EnvironmentFault, UsageError
from charrnn.wording import size

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.text.corpus import Corpus


def new_folder(out: Path, name: str | None, corpus: list[str], *, overwrite: bool) -> Path:
    """The folder of a new run: never one that holds another run, unless it is to be overwritten."""
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
            f"{folder} holds a run already",
            f"go on with it: charrnn train --resume --name {folder.name}; start it afresh: --overwrite; "
            "or choose another --name",
        )


def _holds_run(folder: Path) -> bool:
    return any((folder / file).exists() for file in (LAST, "best.safetensors"))


def checked_name(name: str) -> str:
    """The name, if it can be a folder's.

    Raises:
        UsageError: it is empty, a path, or has characters that some system refuses.
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


def require_room(folder: Path, *networks: ModelConfig, keep: int = 0) -> None:
    """Raise EnvironmentFault if the disk has no room for the checkpoints of such networks, `keep` older ones too."""
    import shutil

    from charrnn.network.shapes import count_parameters

    parameters = sum(map(count_parameters, networks))
    # best: weights; last: weights, two moments, now and where the run may go back to; the old ones beside the new
    need = parameters * 4 * (1 + 6 * (2 + keep))
    free = shutil.disk_usage(folder).free
    if free < need:
        raise EnvironmentFault(
            f"the checkpoints need about {size(need)} in {folder}, where {size(free)} are free",
            "choose another disk with --out",
        )


def about_run(
    names: list[str],
    text: "Corpus",
    config: TrainingConfig,
    folder: Path,
    saving: SavingConfig,
    asked: Mapping[str, Any],
) -> dict[str, Any]:
    """What a checkpoint says of its run.

    Args:
        names: of the texts.
        text: what was read.
        config: as it was planned.
        folder: of the run.
        saving: how often it is kept.
        asked: the options as they were on the command line.
    """
    return {
        "name": folder.name,
        "corpus": {
            "sources": names,
            "config": dataclasses.asdict(text.config),
            "fingerprint": text.fingerprint,
            "characters": len(text),
            "distinct": text.distinct,
            "files": text.num_sources,
        },
        "training": dataclasses.asdict(config),
        "saving": dataclasses.asdict(saving),
        "asked": dict(asked),
        "versions": versions(),
        "machine": about_machine(config),
    }


def versions() -> dict[str, str]:
    """Of what a run is computed with."""
    import platform
    from importlib.metadata import version

    return {
        "charrnn": version("charrnn"),
        "torch": version("torch"),
        "python": platform.python_version(),
    }


def about_machine(config: TrainingConfig) -> dict[str, Any]:
    """What else decides the last bits of a result. It needs torch."""
    import platform

    from charrnn.training.machine import processor

    return {
        "system": platform.system(),
        "machine": platform.machine(),
        **processor(),
        "device": config.device,
        "threads": config.threads,
    }


def corpus_config_of(about: Mapping[str, Any]) -> CorpusConfig:
    """The CorpusConfig that a checkpoint recorded.

    Raises:
        CheckpointError: it recorded none that makes sense.
    """
    try:
        fields = dict(about["config"])
        return CorpusConfig(**(fields | {"globs": tuple(fields["globs"])}))
    except (KeyError, TypeError, UsageError) as error:
        raise CheckpointError("the checkpoint does not say how its corpus was read") from error


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
    """What the run of a checkpoint was trained on; None if that cannot be told."""
    from charrnn.checkpoint import load_checkpoint

    try:
        corpus = load_checkpoint(path).run.get("corpus")
    except CheckpointError:
        return None
    return corpus.get("sources") if isinstance(corpus, dict) else None


WHOLE_FIGURES = (
    *("best_step", "train_chars_sum"),
    *("evaluations_since_best", "halvings", "rollback_step"),
)


def resume_point(last: "Checkpoint") -> tuple[TrainingConfig, int]:
    """The settings of a run that was interrupted, and the steps it has made.

    Raises:
        CheckpointError: the checkpoint does not hold what resuming needs.
    """
    try:
        config, step = TrainingConfig(**last.run["training"]), int(last.figures["step"])
        corpus, figures = last.run["corpus"], last.figures
        sound = (
            all(isinstance(name, str) for name in corpus["sources"])
            and isinstance(corpus["fingerprint"], str)
            and isinstance(corpus["characters"], int)
            and all(isinstance(figures[k], int) for k in WHOLE_FIGURES)
            and all(isinstance(step, int) for step in figures.get("kept", ()))
            and all(isinstance(figures[k], (int, float)) for k in ("train_nats_sum", "seconds"))
            and isinstance(figures["best_val_nats_per_char"], (float, type(None)))
        )
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise CheckpointError(f"{last.path} does not say how its run goes on") from error
    if not sound:
        raise CheckpointError(f"{last.path} does not say how its run goes on")
    if step and not last.training:  # before the first step there is none
        raise CheckpointError(f"{last.path} is a model without the state of its training")
    return config, step
