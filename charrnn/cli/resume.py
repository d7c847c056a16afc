"""`charrnn train --resume`: find the run, say exactly what differs from when it was started, and go on with it."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from charrnn.cli import train_options as option
from charrnn.cli.checkpoints import LAST
from charrnn.cli.console import say
from charrnn.cli.one_run import start_torch
from charrnn.cli.runs import (
    about_machine,
    checked_name,
    corpus_config_of,
    newest_run_of,
    resume_point,
    versions,
)
from charrnn.cli.train_talk import say_corpus, why_early
from charrnn.config import SavingConfig, TrainingConfig
from charrnn.errors import CheckpointError, DataError, UsageError
from charrnn.wording import counted

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.text.corpus import Corpus
    from charrnn.training.trainer import Trainer

FREE = (
    *("corpus", "name", "out", "resume", "quiet", "cache"),
    *("threads", "device", "save_every", "keep", "baselines", "tensorboard"),
)
"""Options that may have any value with --resume; of everything else the run has its own."""
RENAMED = {
    "lr": "learning_rate",
    "muon_lr": "muon_learning_rate",
    "layers": "num_layers",
    "glob": "globs",
}
"""Options that the configs call otherwise."""


def asked_for(context: typer.Context) -> dict[str, Any]:
    """What a run remembers of its command line: the options that cannot be changed later, given or not."""
    return {
        name: value
        for name, value in context.params.items()
        if name not in FREE and name != "overwrite"
    }


@contextlib.contextmanager
def resumed_trainer(
    context: typer.Context,
    names: list[str],
    *,
    name: str | None,
    out: Path,
    cache: Path | None,
    threads: int,
    device: str,
    quiet: bool,
) -> Iterator[tuple["Trainer", list[str]]]:
    """The run to go on with and the names of its texts, while its folder is held.

    Args:
        context: of the command line; its options must be those of the run.
        names: of the texts; none: those of the run.
        name: of the run; None: the newest of these texts, or of all.
        out: the folder of runs.
        cache: for large encoded texts; None: the user's.
        threads: 0: as many as the run has.
        device: `auto`: the run's.
        quiet: say nothing.
    """
    from charrnn.checkpoint import load_checkpoint
    from charrnn.files import locked

    path = out / checked_name(name) / LAST if name else newest_run_of(out, names)
    if not path.exists():
        hint = "start one: charrnn train corpus.txt"
        raise CheckpointError(f"there is no run to resume at {path}", hint)
    with locked(path.parent):
        last = load_checkpoint(path)
        config, done = resume_point(last)
        _require_own_options(context, last)
        _require_unfinished(names, path.parent, config, last)
        text = _same_corpus(names, last, path.parent, cache, quiet=quiet)
        given, names = names, names or list(last.run["corpus"]["sources"])
        if not quiet:
            say_corpus(names, text)
            part = 100 * done / config.steps
            say(f"resuming    {path.parent} at step {done:,} of {config.steps:,} ({part:.0f} %)")
            if given and given != last.run["corpus"]["sources"]:
                say(f"note        the same text was called {_listed(last)} when the run began")
        device = start_torch(config.device if device == "auto" else device, config.precision)
        config = dataclasses.replace(config, device=device, threads=threads or config.threads)
        here = {"versions": versions(), "machine": about_machine(config)}
        if not quiet and (changed := differences(last.run, here)):
            say(f"note        {changed}: the run goes on, but not bit for bit the same")
        saving = _saving(context, last)
        about = {
            **last.run,
            **here,
            "training": dataclasses.asdict(config),
            "saving": dataclasses.asdict(saving),
        }
        from charrnn.training.trainer import Trainer

        network = last.model.config
        yield (
            Trainer(text, network, config, path.parent, about=about, resume=last, saving=saving),
            names,
        )


# --- the options ------------------------------------------------------------------------------------------------------


def _require_own_options(context: typer.Context, last: "Checkpoint") -> None:
    """Raise UsageError if an option was given that the run has not been started with."""
    if option.was_given(context, "overwrite"):
        raise UsageError(
            "--overwrite starts a run afresh, --resume goes on with it", "choose one of the two"
        )
    wrong = [
        _difference(parameter.opts[0], context.params[parameter.name], own)
        for parameter in context.command.params
        if parameter.name
        and parameter.name not in FREE
        and option.was_given(context, parameter.name)
        and _plain(context.params[parameter.name]) not in (own := _own_values(last, parameter.name))
    ]
    if wrong:
        raise UsageError(
            f"--resume goes on with the run's own settings: {'; '.join(wrong)}",
            "leave that out, or start a new run without --resume",
        )


def _own_values(last: "Checkpoint", parameter: str) -> list[Any]:
    """What an option may say of this run: the value that was planned for it, and the one that was asked for."""
    key, run = RENAMED.get(parameter, parameter), last.run
    homes = (dataclasses.asdict(last.model.config), run["training"], run["corpus"]["config"])
    planned = [home[key] for home in homes if key in home]
    asked = run.get("asked", {})
    return [_plain(v) for v in (*planned, asked.get(parameter)) if v is not None]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _difference(name: str, given: Any, own: list[Any]) -> str:
    """An option that is not the run's: "--lr is 0.004 in this run, not 0.01"."""
    if not own or own[0] == []:
        return f"{name} was not given to this run"
    return f"{name} is {_shown(own[0])} in this run, not {_shown(_plain(given))}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return " ".join(map(str, value))
    return (
        f"{value:,}"
        if isinstance(value, int)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _saving(context: typer.Context, last: "Checkpoint") -> SavingConfig:
    """What was given, and else what the run was started with."""
    names = {"save_every": "minutes", "keep": "keep"}
    given = {
        field: context.params[name]
        for name, field in names.items()
        if option.was_given(context, name)
    }
    try:
        return SavingConfig(**{**last.run.get("saving", {}), **given})
    except TypeError as error:
        raise CheckpointError(f"{last.path} does not say how its run goes on") from error


# --- the run, the text and the machine --------------------------------------------------------------------------------


def _require_unfinished(
    names: list[str], folder: Path, config: TrainingConfig, last: "Checkpoint"
) -> None:
    step, hint = last.figures["step"], "start a new run without --resume"
    run = f"{folder}{_other_text(names, last)}"
    if step >= config.steps:
        raise UsageError(f"{run} is finished ({counted(config.steps, 'step')})", hint)
    if 0 < config.patience <= last.figures["evaluations_since_best"]:
        raise UsageError(f"{run} is finished: it {why_early(step, config)}", hint)


def _same_corpus(
    names: list[str], last: "Checkpoint", folder: Path, cache: Path | None, *, quiet: bool
) -> "Corpus":
    """The corpus of a run, read again.

    Raises:
        DataError: it is another, or has changed.
    """
    from charrnn.cli.texts import open_corpus

    about = last.run["corpus"]
    config = corpus_config_of(about)
    known = last.model.vocabulary  # of another text there may be more, which its figures will tell
    text = open_corpus(
        names or about["sources"],
        config,
        cache=cache,
        vocabulary=known,
        extend=not known.has_unknown,
        quiet=quiet,
    )
    if text.fingerprint == about["fingerprint"]:
        return text
    given, run = " ".join(names or about["sources"]), f"{folder}{_other_text(names, last)}"
    raise DataError(
        f"{given} is not the corpus of {run}: {_change(about, text)}",
        "bring the old text back, or start a new run without --resume",
    )


def _change(about: Mapping[str, Any], text: "Corpus") -> str:
    """How a text differs from what it was: "3,004 characters, 4 more than then"."""
    unit = "bytes" if text.config.level == "byte" else "characters"
    more, files = len(text) - about["characters"], about.get("files", text.num_sources)
    size = f"{abs(more):,} {'more' if more > 0 else 'fewer'} than then"
    changed = f"{len(text):,} {unit}, " + (size if more else "as many as then, but others")
    return changed + (
        f"; {text.num_sources:,} files, not {files:,}" if files != text.num_sources else ""
    )


def _other_text(names: list[str], last: "Checkpoint") -> str:
    """What a run read, if other names were given."""
    other = names and names != last.run["corpus"]["sources"]
    return f" (which read {_listed(last)})" if other else ""


def _listed(last: "Checkpoint") -> str:
    return " ".join(last.run["corpus"]["sources"])


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
                    f"{WORDS.get(name, name)} {were} {_shown(old)} and {are} {_shown(value)}"
                )
    return "; ".join(found)
