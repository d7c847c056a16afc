"""What a checkpoint records of its run, and how that is read back."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.config import CorpusConfig, SavingConfig, TrainingConfig, TrainingRequest
from charrnn.errors import CheckpointError, UsageError
from charrnn.runs import LAST, RUNS, stream_command
from charrnn.schema import (
    FOR_READING_AGAIN,
    FOR_RESUMING,
    FOREVER,
    CorpusRecord,
    Figures,
    SchemaError,
    check_record,
    current,
)
from charrnn.settings import Config, plain_value, settings_of
from charrnn.text.kinds import asking_setting
from charrnn.text.places import SPLIT_FILES, recorded_places

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.text.corpus import Corpus
    from charrnn.text.pairs import PairCorpus

OF_ONE_RUN = ("seed", "device", "threads", "exact_steps", "replanned")
"""Settings of training in which runs with one plan may differ."""


def about_run(
    names: list[str],
    text: "Corpus | PairCorpus",
    config: TrainingConfig,
    folder: Path,
    saving: SavingConfig,
    request: TrainingRequest,
) -> dict[str, Any]:
    """What a checkpoint records of its run.

    Args:
        names: names of the texts.
        text: the corpus as it was read.
        config: the settings as they were planned.
        folder: the run's folder.
        saving: how often the run is saved.
        request: the user's request.
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
            "utf8": text.is_utf8,
            "places": recorded_places(text.sources),
            "split_places": {
                name: recorded_places([getattr(text.config, name)])
                for name in SPLIT_FILES
                if getattr(text.config, name) is not None
            },
        },
        "training": dataclasses.asdict(config),
        "saving": dataclasses.asdict(saving),
        "asked": requested(request),
        "versions": versions(),
        "machine": about_machine(config),
    }


def versions() -> dict[str, str]:
    """The versions of the programs that compute a run."""
    import platform
    from importlib.metadata import version

    return {
        "charrnn": version("charrnn"),
        "torch": version("torch"),
        "python": platform.python_version(),
    }


def about_machine(config: TrainingConfig) -> dict[str, Any]:
    """What else decides the last bits of a result. Imports torch."""
    import platform

    from charrnn.training.machine import processor
    from charrnn.training.ranks import here

    return {
        "system": platform.system(),
        "machine": platform.machine(),
        **processor(),
        "device": config.device,
        "threads": config.threads,
        "processes": here().size,
    }


def corpus_config_of(about: Mapping[str, Any]) -> CorpusConfig:
    """The CorpusConfig that a checkpoint recorded.

    Raises:
        CheckpointError: the record is missing or invalid.
    """
    try:
        fields: dict[str, Any] = {"tidied": False} | about[
            "config"
        ]  # older ones ran one file into the next
        return CorpusConfig(**(fields | {"globs": tuple(fields["globs"])}))
    except (KeyError, TypeError, UsageError) as error:
        raise CheckpointError("the checkpoint does not record how its corpus was read") from error


def training_settings(run: Mapping[str, Any]) -> dict[str, Any]:
    """The training settings that a run recorded, by their present names; one that is older had others off.

    Raises:
        CheckpointError: it does not record how its corpus was read.
    """
    corpus = corpus_config_of(run["corpus"])
    is_shuffled = corpus.pairs or asking_setting(corpus) is not None  # such texts always were
    older = {"optimizer": "adamw"} | ({} if is_shuffled else {"shuffle_length": None})
    return older | current(run["training"])


def requested(request: TrainingRequest) -> dict[str, Any]:
    """A request as a checkpoint records it: its limits and what was given, by the names of the settings."""
    limits = {name: getattr(request, name) for name in settings_of(request)}
    given = {name: plain_value(value) for name, value in request.given.items()}
    return {name: value for name, value in limits.items() if value is not None} | given


def request_like(last: "Checkpoint") -> TrainingRequest:
    """A request that leaves nothing open, whose plan is the one that a run began with, on this machine.

    Raises:
        CheckpointError: the checkpoint does not record it.
    """
    from charrnn.training.schedule import phases_of

    config, _ = resume_point(last)
    homes: tuple[Config, ...] = (last.model.config, config)
    given = {
        name: getattr(home, name)
        for home in homes
        for name, rule in settings_of(home).items()
        if rule.option and name not in OF_ONE_RUN
    }
    return TrainingRequest(steps=phases_of(config)[0].steps, given=given)


def resume_point(last: "Checkpoint") -> tuple[TrainingConfig, int]:
    """The settings of a run that was interrupted, and the steps it has made.

    Raises:
        CheckpointError: the checkpoint does not hold what resuming needs.
    """
    figures = last.metrics
    if FOREVER in last.run:
        raise CheckpointError.naming(
            "{path} is from a run without an end",
            "it goes on with a stream: tail -f log | {going_on}",
            path=last.path,
            going_on=stream_command((last.path or RUNS / "RUN" / LAST).parent),
        )
    try:
        check_record(Figures, figures, "figures", required=FOR_RESUMING)
        check_record(CorpusRecord, last.run.get("corpus"), "run.corpus", required=FOR_READING_AGAIN)
        config, step = TrainingConfig(**training_settings(last.run)), figures["step"]
    except (KeyError, TypeError, UsageError, SchemaError) as error:
        raise CheckpointError(f"{last.path} does not record how to resume its run") from error
    if step and not last.training:  # before the first step there is none
        raise CheckpointError(
            f"{last.path} holds a model without its training state, so its run cannot be resumed"
        )
    return config, step
