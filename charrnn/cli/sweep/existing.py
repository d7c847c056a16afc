"""Runs of a sweep that are there already: each must have the settings that the spec now gives it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charrnn.cli.sweep.spec import SweepRun
from charrnn.config import CorpusConfig, ModelConfig, TrainingConfig
from charrnn.errors import CheckpointError, SettingError
from charrnn.runs import BEST, LAST
from charrnn.schema import current
from charrnn.settings import flags_of, plain_value, settings_of, value_in_words

RULES = {**settings_of(ModelConfig), **settings_of(TrainingConfig)}
"""The settings that a run may be given."""


def require_same(run: SweepRun, folder: Path) -> None:
    """Raise SettingError if a folder holds a run with other settings than the spec has for it.

    What a run was asked for is compared, not what was planned from that. A checkpoint that cannot be read is left to
    `train --resume`, which says why.
    """
    from charrnn.checkpoint import load_summary

    path = next((path for name in (LAST, BEST) if (path := folder / name).is_file()), None)
    if path is None:
        return
    try:
        recorded = load_summary(path).run
        there = _recorded(recorded)
    except (CheckpointError, KeyError, TypeError, AttributeError):
        return
    here = _wanted(run, has_start="init_from" in recorded)
    changes = [
        _difference(name, there.get(name), here.get(name))
        for name in {**here, **there}
        if there.get(name) != here.get(name)
    ]
    if changes:
        raise SettingError.naming(
            "{folder} was trained with other settings: {changes}",
            "put them back, choose another {name} for this sweep, or start it over with {overwrite:True}",
            folder=folder,
            changes="; ".join(changes),
        )


def _recorded(run: Mapping[str, Any]) -> dict[str, Any]:
    """What a run was asked for."""
    asked, corpus = current(run["asked"]), run["corpus"]
    about = {"corpus": corpus["sources"], "init_from": bool(run.get("init_from"))}
    reading = {} if run.get("init_from") else _of_corpus(corpus["config"])
    return _bound(asked) | reading | about


def _wanted(run: SweepRun, *, has_start: bool) -> dict[str, Any]:
    """The same of a run of the spec; one that starts from a model may inherit how its text is read."""
    from charrnn.training.plan import with_limit
    from charrnn.training.record import requested

    line = run.line
    about = {"corpus": line.names, "init_from": line.start.init_from is not None}
    reading = (
        {}
        if has_start
        else _of_corpus({n: getattr(line.config, n) for n in settings_of(CorpusConfig)})
    )
    return _bound(requested(with_limit(line.request))) | reading | about


def _bound(asked: dict[str, Any]) -> dict[str, Any]:
    """Those that decide the result."""
    return {
        name: value for name, value in asked.items() if name not in RULES or not RULES[name].free
    }


def _of_corpus(config: dict[str, Any]) -> dict[str, Any]:
    rules = settings_of(CorpusConfig)
    return {
        name: plain_value(value)
        for name, value in config.items()
        if name in rules and rules[name].option
    }


def _difference(name: str, there: Any, here: Any) -> str:
    rule = {**RULES, **settings_of(CorpusConfig)}.get(name)
    key = flags_of(name, rule)[0].lstrip("-") if rule else name.replace("_", "-")
    was, is_now = (
        "not given" if value is None else value_in_words(value) for value in (there, here)
    )
    return f"{key} was {was} and is {is_now}"
