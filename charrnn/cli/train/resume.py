"""`charrnn train --resume`: find the run, list exactly what differs from when it was started, and continue it."""

import contextlib
import dataclasses
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.own_corpus import read_own_corpus
from charrnn.cli.run_names import find_checkpoint
from charrnn.cli.terminal import say
from charrnn.cli.train.longer import (
    LIMITS,
    amount_done,
    limits_of,
    longer_command,
    new_limits,
    train_longer,
)
from charrnn.cli.train.report import say_corpus, why_early
from charrnn.cli.train.run import start_torch
from charrnn.config import ModelConfig, SavingConfig, TrainingConfig, TrainingRequest
from charrnn.errors import CheckpointError, SettingError, literal
from charrnn.runs import LAST, METRICS, checked_name, newest_run_of, resume_command
from charrnn.schema import current
from charrnn.settings import plain_value, settings_of, value_in_words
from charrnn.text.places import SPLIT_FILES
from charrnn.training.new_run import require_room
from charrnn.training.record import (
    about_machine,
    resume_point,
    versions,
)
from charrnn.wording import counted, escape

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.cli.train.command_line import CommandLine, RunOptions
    from charrnn.text.corpus import Corpus
    from charrnn.training.trainer import Trainer


def run_to_resume(names: list[str], run: "RunOptions") -> Path | None:
    """The last checkpoint of the run to continue; None if there is none yet, so that a new one begins.

    Raises:
        CheckpointError: there is none, and no text to begin with.
    """
    path = run.out / checked_name(run.name) / LAST if run.name else newest_run_of(run.out, names)
    if path and path.exists():
        return path
    where = f"at {path}" if path else f"under {run.out}/"
    if not names:
        hint = "name a text to begin one: charrnn train corpus.txt --resume"
        raise CheckpointError(f"there is no run to resume {where}", hint)
    which = "" if run.name else f" of {' '.join(names)}"
    say(f"resuming    there is no run{which} {where} yet; starting a new one")
    return None


@contextlib.contextmanager
def resumed_trainer(
    path: Path, command_line: "CommandLine", given: Collection[str]
) -> "Iterator[Trainer | None]":
    """The run to continue, or None if there is nothing left to do; a context that locks its folder.

    Args:
        path: the run's last checkpoint.
        command_line: the command line. Its settings must be those of the run, unless they are free to differ; its limits
            may be others, for which the run is then re-planned.
        given: the names of the settings that were given.
    """
    from charrnn.checkpoint import load_checkpoint
    from charrnn.files import locked

    names, folder = command_line.names, path.parent
    with locked(folder):
        last = load_checkpoint(path)
        config, done = resume_point(last)
        _require_own_settings(command_line, given, last)
        limits = new_limits(command_line.request, last.run, config)
        if not limits and (end := _end(names, folder, config, last)):
            _say_nothing_to_do(end, names, folder, last, config)
            yield None
            return
        text = _same_corpus(command_line, given, last, folder)
        say_corpus(names or [*map(escape, _sources(last))], text)
        part = 100 * done / config.steps
        say(f"resuming    {folder} at step {done:,} of {config.steps:,} ({part:.0f} %)")
        if names and names != _sources(last):
            say(f"note        the same text was called {escape(_listed(last))} when the run began")
        saving = _saving(command_line.saving, given, last)
        require_room(folder, last.model.config, keep=saving.keep, resumed=True)
        config = _on_this_machine(config, command_line.request, last)
        trainer = _trainer(last, folder, text, config, saving, limits)
        if count := trainer.files.metrics.num_damaged:
            say(f"note        skipped {counted(count, 'damaged line')} of {METRICS}")
        if limits and not train_longer(trainer, limits):
            end = f"{folder} has already trained {amount_done(trainer)}"
            _say_nothing_to_do(end, names, folder, last, config)
            yield None
            return
        yield trainer


def _say_nothing_to_do(
    end: str, names: list[str], folder: Path, last: "Checkpoint", config: TrainingConfig
) -> None:
    say(f"resuming    {end}; nothing left to do")
    say(f"to train longer: {longer_command(folder, names or _sources(last), last.run, config)}")


def _trainer(
    last: "Checkpoint",
    folder: Path,
    text: "Corpus",
    config: TrainingConfig,
    saving: SavingConfig,
    limits: Mapping[str, float],
) -> "Trainer":
    """The trainer that continues a run, with the record of where and how it does."""
    from charrnn.training.trainer import Trainer

    here = {"versions": versions(), "machine": about_machine(config)}
    if changed := differences(last.run, here):
        say(
            f"note        {escape(changed)}: the run continues, but its result will not be bit for bit the same"
        )
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


def _require_own_settings(
    command_line: "CommandLine", given: Collection[str], last: "Checkpoint"
) -> None:
    """Raise SettingError if a setting was given that the run was not started with, unless it is free to differ."""
    configs = command_line.configs
    wanted = {n: getattr(c, n) for c in configs for n in _bound(c) if n in given}
    if "init_from" in wanted:
        with contextlib.suppress(CheckpointError):  # it may be gone since
            wanted["init_from"] = str(find_checkpoint(wanted["init_from"]))
    wanted |= {
        n: v
        for n, v in command_line.request.given.items()
        if n in _bound(ModelConfig, TrainingConfig)
    }
    differences = [
        _difference(name, plain_value(value), own)
        for name, value in wanted.items()
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
    config: TrainingConfig, request: TrainingRequest, last: "Checkpoint"
) -> TrainingConfig:
    """The run's settings, with the device, threads and promise of steps that are asked for this time."""
    device = start_torch(
        TrainingRequest(given={"device": request.given.get("device", config.device)})
    )
    import torch

    recorded = last.run["training"].get("threads")  # older checkpoints may leave it to torch
    threads = request.given.get("threads") or recorded or torch.get_num_threads()
    exact = request.given.get("exact_steps", config.exact_steps)
    return dataclasses.replace(config, device=device, threads=threads, exact_steps=exact)


def _saving(saving: SavingConfig, given: Collection[str], last: "Checkpoint") -> SavingConfig:
    """How often the run is saved: as given now, otherwise as it was started."""
    new = {name: getattr(saving, name) for name in settings_of(saving) if name in given}
    try:
        return SavingConfig(**{**current(last.run.get("saving", {})), **new})
    except TypeError as error:
        raise CheckpointError(f"{last.path} does not record how to resume its run") from error


# --- the run, the text and the machine --------------------------------------------------------------------------------


def _end(names: list[str], folder: Path, config: TrainingConfig, last: "Checkpoint") -> str | None:
    """How a run ended, in words; None if it has not."""
    step, run = last.metrics["step"], f"{folder}{_other_text(names, last)}"
    if step >= config.steps:
        return f"{run} is finished ({counted(config.steps, 'step')})"
    if config.patience and config.patience <= last.metrics["evaluations_since_best"]:
        return f"{run} is finished: it {why_early(step, config)}"
    return None


def _same_corpus(
    command_line: "CommandLine", given: Collection[str], last: "Checkpoint", folder: Path
) -> "Corpus":
    """The corpus of a run, read again.

    Raises:
        DataError: the corpus is another one, or has changed, or is not where it was.
    """
    names, line = command_line.names, resume_command(folder, ["CORPUS"])
    split_files = {n: str(getattr(command_line.config, n)) for n in SPLIT_FILES if n in given}
    hint = "restore the original text, or start a new run without --resume"
    return read_own_corpus(
        last,
        names=names,
        split_files=split_files,
        cache=command_line.run.cache,
        hint=hint if names else f"{hint}; or name its new place: {line}",
        run=f"{folder}{_other_text(names, last)}",
    )


def _other_text(names: list[str], last: "Checkpoint") -> str:
    """What a run read, if other names were given."""
    other = names and names != last.run["corpus"]["sources"]
    return f" (which read {_listed(last)})" if other else ""


def _sources(last: "Checkpoint") -> list[str]:
    return list(last.run["corpus"]["sources"])


def _listed(last: "Checkpoint") -> str:
    return " ".join(_sources(last))


WORDS = {
    "system": "the system",
    "machine": "the processor",
    "instructions": "the processor's instructions",
    "bfloat16": "bfloat16 on the processor",
    "device": "the device",
    "threads": "threads",
}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What may change the last bits of a result: "torch was 2.12.0 and is 2.13.0; threads were 2 and are 1"."""
    found = []
    for part in ("versions", "machine"):
        then = before.get(part)
        then = then if isinstance(then, dict) else {}
        for name, value in now[part].items():
            if (old := then.get(name, "not recorded")) != value:
                were, are = ("were", "are") if name == "threads" else ("was", "is")
                found.append(
                    f"{WORDS.get(name, name)} {were} {value_in_words(old)} and {are} {value_in_words(value)}"
                )
    return "; ".join(found)
