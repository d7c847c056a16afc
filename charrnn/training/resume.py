"""A run that is continued: what is asked of it must be what it was, unless it is free to differ.

It prints nothing: what a user should know on the way is messages, as a label and a sentence.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.config import ModelConfig, SavingConfig, TrainingConfig, TrainingRequest
from charrnn.errors import CheckpointError, SettingError, literal
from charrnn.runs import LAST, METRICS, checked_name, find_checkpoint, newest_run_of
from charrnn.schema import current
from charrnn.settings import plain_value, settings_of, value_in_words
from charrnn.text.places import SPLIT_FILES
from charrnn.training.longer import LIMITS, amount_done, limits_of, new_limits, train_longer
from charrnn.training.new_run import require_room
from charrnn.training.record import about_machine, resume_point, versions
from charrnn.wording import counted, escape

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.text.corpus import Corpus
    from charrnn.training.trainer import Trainer

Report = Callable[[str, str], object]
"""Receives a label and a sentence: "note", "skipped 2 damaged lines of metrics.jsonl"."""


@dataclass(frozen=True)
class ResumeRequest:
    """A request to continue a run."""

    names: Sequence[str]
    """The names of its texts; none: those that it has recorded."""
    request: TrainingRequest
    """New limits, and the device and threads of this time."""
    configs: Sequence[object]
    """The configs, or classes of them, whose settings may be given."""
    settings: Mapping[str, Any]
    """The settings that were given, by name."""

    @property
    def split_files(self) -> dict[str, str]:
        """The validation and test text that were given, by setting."""
        return {n: str(self.settings[n]) for n in SPLIT_FILES if n in self.settings}


@dataclass(frozen=True)
class Continued:
    """A run that is continued."""

    last: "Checkpoint"
    config: TrainingConfig
    trainer: "Trainer | None"
    """Makes the rest of its steps; None: none is left, and a trainer for none was not wanted."""
    end: str
    """How the run has ended, if no step is left; otherwise empty."""


def last_checkpoint(out: Path, name: str | None, names: Sequence[str]) -> Path | None:
    """Where the last checkpoint of a run is or would be: that of a name, or the newest of these texts; None: nowhere."""
    return out / checked_name(name) / LAST if name else newest_run_of(out, list(names))


@contextlib.contextmanager
def continued(
    path: Path,
    wanted: ResumeRequest,
    *,
    read: "Callable[[Checkpoint], Corpus]",
    device_for: Callable[[TrainingRequest], str],
    report: Report,
    finished_too: bool = False,
) -> Iterator[Continued]:
    """A run that is continued; a context that locks its folder.

    Args:
        path: the run's last checkpoint.
        wanted: the request. The settings must be those of the run, unless they are free to differ; the limits may
            be others, for which the run is then re-planned.
        read: reads its text again.
        device_for: the device that a request asks for.
        report: see `Report`.
        finished_too: whether a run without a step left gets a trainer too.

    Raises:
        SettingError: a setting is not that of the run.
        CheckpointError: the checkpoint does not record how to resume its run.
        EnvironmentFault: there is no room for its checkpoints, or no such device.
        BusyError: another process holds the folder.
    """
    from charrnn.checkpoint import load_checkpoint
    from charrnn.files import locked

    folder = path.parent
    with locked(folder):
        last = load_checkpoint(path)
        config, done = resume_point(last)
        _require_own_settings(wanted, last)
        limits = new_limits(wanted.request, last.run, config)
        end = "" if limits else _end(wanted.names, folder, config, last)
        if end and not finished_too:
            yield Continued(last, config, None, end)
            return
        text = read(last)
        report("resuming", _progress(folder, done, config))
        if wanted.names and list(wanted.names) != sources_of(last):
            report(
                "note",
                f"the same text was called {escape(listed_sources(last))} when the run began",
            )
        saving = _saving(wanted.settings, last)
        require_room(folder, last.model.config, keep=saving.keep, resumed=True)
        config = _on_this_machine(config, wanted.request, last, device_for)
        trainer = _trainer(last, folder, text, config, saving, limits, report)
        if count := trainer.files.metrics.num_damaged:
            report("note", f"skipped {counted(count, 'damaged line')} of {METRICS}")
        if limits and (plan := train_longer(trainer, limits)):
            report("re-planned", plan)
        elif limits:
            end = f"{folder} has already trained {amount_done(trainer)}"
        trainer.stop_requested = bool(end)
        yield Continued(last, config, trainer, end)


def _progress(folder: Path, done: int, config: TrainingConfig) -> str:
    part = 100 * done / config.steps
    return f"{folder} at step {done:,} of {config.steps:,} ({part:.0f} %)"


def _trainer(
    last: "Checkpoint",
    folder: Path,
    text: "Corpus",
    config: TrainingConfig,
    saving: SavingConfig,
    limits: Mapping[str, float],
    report: Report,
) -> "Trainer":
    """The trainer that continues a run, with the record of where and how it does."""
    from charrnn.training.trainer import Trainer

    here = {"versions": versions(), "machine": about_machine(config)}
    if changed := differences(last.run, here):
        same = "the run continues, but its result will not be bit for bit the same"
        report("note", f"{escape(changed)}: {same}")
    settings = {"training": dataclasses.asdict(config), "saving": dataclasses.asdict(saving)}
    about = {**last.run, **here, **settings}
    try:
        return Trainer(
            text,
            last.model.config,
            config,
            folder,
            metadata=about,
            resume=last,
            saving=saving,
            minutes=(limits or limits_of(last.run)).get("minutes"),
        )
    except SettingError as error:
        raise CheckpointError(f"{last.path} cannot be resumed: {error}") from error


# --- the settings -----------------------------------------------------------------------------------------------------


def _require_own_settings(wanted: ResumeRequest, last: "Checkpoint") -> None:
    """Raise SettingError if a setting was given that the run was not started with, unless it is free to differ."""
    bound = _bound(*wanted.configs, ModelConfig, TrainingConfig)
    given = {name: value for name, value in wanted.settings.items() if name in bound}
    if "init_from" in given:
        with contextlib.suppress(CheckpointError):  # it may be gone since
            given["init_from"] = str(find_checkpoint(given["init_from"]))
    differences = [
        _difference(name, plain_value(value), own)
        for name, value in given.items()
        if plain_value(value) not in (own := _own_values(last, name))
        and not (name in SPLIT_FILES and own[:1] != [None])  # it may have been moved
    ]
    if differences:
        raise SettingError.naming(
            f"{{resume}} continues with the run's own settings: {'; '.join(differences)}",
            "leave that out, or start a new run without {resume}",
        )


def _bound(*configs: object) -> list[str]:
    """The settings that may not differ when a run is resumed."""
    rules = [(n, rule) for config in configs for n, rule in settings_of(config).items()]
    return [n for n, rule in rules if not rule.free and n not in LIMITS]


def _own_values(last: "Checkpoint", name: str) -> list[Any]:
    """The values that a setting has in a run: the one that was planned, and the one that was given."""
    run = last.run
    start = run.get("init_from", {})
    homes = (
        *(dataclasses.asdict(last.model.config), run["training"], run["corpus"]["config"]),
        {
            "init_from": start.get("path"),
            "extend_vocabulary": start.get("extend_vocabulary", False),
        },
    )
    values = [plain_value(home[name]) for home in map(current, homes) if name in home]
    asked = current(run.get("asked", {}))
    return values if asked.get(name) is None else [*values, plain_value(asked[name])]


def _difference(name: str, value: Any, own: list[Any]) -> str:
    """A setting that is not the run's: "{learning_rate} is 0.004 in this run, not 0.01"."""
    if not own or own[0] in ([], None):
        return f"{{{name}}} was not given to this run"
    is_now, was = (literal(value_in_words(one)) for one in (value, own[0]))
    return f"{{{name}}} is {was} in this run, not {is_now}"


def _on_this_machine(
    config: TrainingConfig,
    request: TrainingRequest,
    last: "Checkpoint",
    device_for: Callable[[TrainingRequest], str],
) -> TrainingConfig:
    """The run's settings, with the device, threads and promise of steps that are asked for this time."""
    device = device_for(
        TrainingRequest(given={"device": request.given.get("device", config.device)})
    )
    import torch

    from charrnn.training.ranks import here

    recorded = last.run["training"].get("threads")  # older checkpoints may leave it to torch
    if last.run.get("machine", {}).get("processes", 1) != here().size:  # each has another share
        recorded = None
    threads = request.given.get("threads") or recorded or torch.get_num_threads()
    exact = request.given.get("exact_steps", config.exact_steps)
    return dataclasses.replace(config, device=device, threads=threads, exact_steps=exact)


def _saving(given: Mapping[str, Any], last: "Checkpoint") -> SavingConfig:
    """How often the run is saved: as given now, otherwise as it was started."""
    new = {name: given[name] for name in settings_of(SavingConfig) if name in given}
    try:
        return SavingConfig(**{**current(last.run.get("saving", {})), **new})
    except TypeError as error:
        raise CheckpointError(f"{last.path} does not record how to resume its run") from error


# --- the run, the text and the machine --------------------------------------------------------------------------------


def _end(names: Sequence[str], folder: Path, config: TrainingConfig, last: "Checkpoint") -> str:
    """How a run ended, in words; empty if it has not."""
    step, run = last.metrics["step"], f"{folder}{other_text(names, last)}"
    if step >= config.steps:
        return f"{run} is finished ({counted(config.steps, 'step')})"
    if config.patience and config.patience <= last.metrics["evaluations_since_best"]:
        return f"{run} is finished: it {why_early(step, config)}"
    return ""


def why_early(step: int, config: TrainingConfig) -> str:
    """Why a run ended before its planned end."""
    evaluations = "evaluation" if config.patience == 1 else f"{config.patience:,} evaluations"
    return f"stopped early at step {step:,}: no better validation loss in {evaluations}"


def other_text(names: Sequence[str], last: "Checkpoint") -> str:
    """What a run read, if other names were given."""
    other = names and list(names) != sources_of(last)
    return f" (which read {listed_sources(last)})" if other else ""


def sources_of(last: "Checkpoint") -> list[str]:
    """The names of a run's texts, as they were given."""
    return list(last.run["corpus"]["sources"])


def listed_sources(last: "Checkpoint") -> str:
    """The names of a run's texts, in one line."""
    return " ".join(sources_of(last))


WORDS = {
    "system": "the system",
    "machine": "the processor",
    "instructions": "the processor's instructions",
    "bfloat16": "bfloat16 on the processor",
    "device": "the device",
    "threads": "threads",
    "processes": "processes",
}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What may change the last bits of a result: "torch was 2.12.0 and is 2.13.0; threads were 2 and are 1"."""
    found = []
    for part in ("versions", "machine"):
        then = before.get(part)
        then = then if isinstance(then, dict) else {}
        for name, value in now[part].items():
            unknown = 1 if name == "processes" else "not recorded"  # older runs had one
            if (old := then.get(name, unknown)) != value:
                many = name in ("threads", "processes")
                were, are = ("were", "are") if many else ("was", "is")
                found.append(
                    f"{WORDS.get(name, name)} {were} {value_in_words(old)} and {are} {value_in_words(value)}"
                )
    return "; ".join(found)
