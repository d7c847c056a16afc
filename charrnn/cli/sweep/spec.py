"""The file that describes a sweep: a corpus, fixed settings, a grid, further points, seeds.

The settings are options of `charrnn train`, by the names that a run file has, and that command reads those of each run:
names, values and conflicts are checked as on its command line, and nothing is listed here again.
"""

import functools
import hashlib
import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from charrnn.cli.options import Given, as_command
from charrnn.cli.parameters import Option, off_flag
from charrnn.cli.refused import OTHER_OPTIONS, Refused, in_one_line
from charrnn.cli.run_file import read_toml
from charrnn.cli.terminal import is_quiet
from charrnn.cli.train.command import CHANGES, train
from charrnn.cli.train.command_line import CommandLine
from charrnn.config import MAX_SEED
from charrnn.errors import CharrnnError, UsageError
from charrnn.settings import expected_value
from charrnn.wording import did_you_mean

TABLES = ("settings", "grid", "points")
TOP = ("corpus", "seeds", *TABLES)
"""The keys of a spec that are no settings."""
SET_HERE = ("name", "out", "seeds", "json")
"""Settings of `train` that a sweep sets itself, beside those that say what to do now."""
MAX_RUNS = 10_000
LONGEST_NAME = 120
"""Maximum bytes of a run's name; a longer one is shortened, and ends with a checksum."""

Values = Mapping[str, Any]
"""Values of settings by their key, an option without its dashes."""


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep."""

    name: str
    """The name of its folder, from its point and its seed."""
    point: Values
    """What its point sets."""
    seed: int | None
    options: tuple[str, ...]
    """The options of `train`, but for those that say where the run is saved."""
    line: CommandLine
    """What `train` makes of them."""
    given: Given
    """The names of the settings that they give."""

    @property
    def label(self) -> str:
        """The run in words: "hidden-size=64 seed=1"."""
        own = {**self.point} | ({} if self.seed is None else {"seed": self.seed})
        return in_words(own) or self.name


@dataclass(frozen=True)
class Spec:
    """A sweep: its runs, point by point."""

    path: Path
    corpus: list[str]
    points: list[Values]
    seeds: list[int]
    """Empty: each point has one run, with the seed that its settings give."""
    runs: list[SweepRun]

    @property
    def keys(self) -> list[str]:
        """The keys that points set, in order."""
        return [*dict.fromkeys(key for point in self.points for key in point)]


def in_words(values: Values) -> str:
    """Settings in a line: {"hidden-size": 64, "lr": 0.01} -> "hidden-size=64 lr=0.01"."""
    return " ".join(f"{key}={_word(value)}" for key, value in values.items())


def _shown(value: Any) -> str:
    """A value as TOML has it: true, not True."""
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ":".join(map(_word, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_spec(path: Path) -> Spec:
    """The sweep that a file describes.

    Raises:
        UsageError: a key or a value is wrong, or settings conflict.
        DataError: the file cannot be read, or is not TOML.
    """
    return _Reader(path).spec()


class _Reader:
    """Reads the spec at a path."""

    def __init__(self, path: Path) -> None:
        self.path, self.content = path, read_toml(path)
        self.command, self.options, self._kept = _train_reader()

    def spec(self) -> Spec:
        """The sweep."""
        for key in self.content:
            if key not in TOP:
                raise self._error(f"there is no key {key!r}", self._meant(key))
        corpus, seeds = self._corpus(), self._seeds()
        fixed = self._table("settings")
        points: list[Values] = [*self._grid(fixed), *self._further()] or [{}]
        if len(points) * max(1, len(seeds)) > MAX_RUNS:
            total = len(points) * max(1, len(seeds))
            raise self._error(f"a sweep has at most {MAX_RUNS:,} runs, not {total:,}")
        runs = [
            self._run(corpus, fixed, point, seed) for point in points for seed in seeds or (None,)
        ]
        names: set[str] = set()
        for run in runs:
            if run.name in names:
                raise self._error(
                    f"two points are the same: {in_words(run.point) or 'no settings'}"
                )
            names.add(run.name)
        return Spec(self.path, corpus, points, seeds, runs)

    def _error(self, message: str, hint: str = "") -> UsageError:
        return UsageError(f"{self.path}: {message}", hint)

    # --- keys and values ----------------------------------------------------------------------------------------------

    def _meant(self, key: str) -> str:
        if self._option(key):
            return f"settings go below [settings] or [grid]: {key} = ..."
        return did_you_mean(key, TOP) or f"the keys are {', '.join(TOP)}"

    def _option(self, key: str) -> Option | None:
        return self.options.get(key)

    def _known(self, key: str, where: str) -> Option:
        """The option of a key.

        Raises:
            UsageError: there is none, or a sweep sets it itself.
        """
        if option := self._option(key):
            return option
        if key in SET_HERE or key in TOP:
            hint = "it stands above the tables" if key in TOP else ""
            hint = hint or f"charrnn sweep {self.path} --{key}" * (key in ("name", "out", "json"))
            raise self._error(f"{key} is no setting of a run, in {where}", hint)
        others = (name.lstrip("-") for name, words in OTHER_OPTIONS.items() if key in words)
        meant = next((name for name in others if name in self.options), None)
        hint = f"did you mean {meant}?" if meant else did_you_mean(key, self.options)
        message = f"{key!r} is not a setting of 'charrnn train', in {where}"
        raise self._error(message, hint or "run 'charrnn train --help' for all of them")

    def _table(self, name: str) -> dict[str, Any]:
        """A table of settings, by the usual spelling of each."""
        return self._settings(self.content.get(name, {}), f"[{name}]")

    def _settings(self, found: Any, where: str) -> dict[str, Any]:
        if not isinstance(found, dict):
            raise self._error(f"{where} must be a table of settings, not {found!r:.200}")
        values: dict[str, Any] = {}
        for key, value in found.items():
            usual = self._known(key, where).flags[0].lstrip("-")
            if usual in values:
                raise self._error(f"{key} is in {where} twice: it is the same as {usual}")
            values[usual] = value
        return values

    def _grid(self, fixed: Values) -> Iterator[dict[str, Any]]:
        grid = self._table("grid")
        for key, values in grid.items():
            if key in fixed:
                raise self._error(
                    f"{key} is both in [settings] and in [grid]", "leave one of them out"
                )
            if not isinstance(values, list) or not values:
                example = f"{key} = [{values!r}]" if not isinstance(values, (list, dict)) else ""
                raise self._error(
                    f"[grid] {key} must be a list of values, not {values!r:.200}", example
                )
            if len(values) > MAX_RUNS:
                raise self._error(f"a sweep has at most {MAX_RUNS:,} runs, not {len(values):,}")
            if any(value in values[:place] for place, value in enumerate(values)):
                raise self._error(f"[grid] {key} has a value twice: {values!r:.200}")
        if math.prod(map(len, grid.values())) > MAX_RUNS:
            total = math.prod(map(len, grid.values()))
            raise self._error(f"a sweep has at most {MAX_RUNS:,} runs, not {total:,}")
        if grid:
            yield from (
                dict(zip(grid, chosen, strict=True)) for chosen in itertools.product(*grid.values())
            )

    def _further(self) -> Iterator[dict[str, Any]]:
        points = self.content.get("points", [])
        if not isinstance(points, list):
            raise self._error(f"points must be tables, each below [[points]], not {points!r:.200}")
        for number, point in enumerate(points, 1):
            yield self._settings(point, f"[[points]] {number}")

    def _corpus(self) -> list[str]:
        found = self.content.get("corpus")
        names = [found] if isinstance(found, str) else found
        if (
            not isinstance(names, list)
            or not names
            or not all(isinstance(n, str) and n for n in names)
        ):
            expected = 'corpus must be a text, or a list of them, such as "plays.txt"'
            raise self._error(
                f"{expected}, not {found!r:.200}"
                if found is not None
                else f"{expected}; it is missing"
            )
        if "-" in names:
            raise self._error("corpus cannot be -: standard input can be read only once")
        return names

    def _seeds(self) -> list[int]:
        seeds: list[int] = self.content.get("seeds", [])
        valid = isinstance(seeds, list) and all(
            type(s) is int and 0 <= s <= MAX_SEED for s in seeds
        )
        if not valid or len({*seeds}) < len(seeds) or ("seeds" in self.content and not seeds):
            expected = "seeds must be a list of different whole numbers, such as [1, 2, 3]"
            raise self._error(f"{expected}, not {seeds!r:.200}")
        for name in TABLES if seeds else ():
            tables = self.content.get(name, {})
            for table in tables if isinstance(tables, list) else [tables]:
                if isinstance(table, dict) and "seed" in table:
                    raise self._error(
                        f"seeds and seed, in {name}, cannot be used together",
                        "leave one of them out",
                    )
        return seeds

    # --- a run --------------------------------------------------------------------------------------------------------

    def _run(self, corpus: list[str], fixed: Values, point: Values, seed: int | None) -> SweepRun:
        values = {**fixed, **point} | ({} if seed is None else {"seed": seed})
        words = [word for key, value in values.items() for word in self._words(key, value, point)]
        line, given = self._parsed([*corpus, *words], point)
        return SweepRun(_run_name(point, seed), point, seed, tuple(words), line, given)

    def _words(self, key: str, value: Any, point: Values) -> Iterator[str]:
        """A setting as it is typed: ("hidden-size", 64) -> "--hidden-size", "64"."""
        option = self.options[key]
        is_flag, several = option.kind is bool, option.kind is tuple
        parts = value if several and isinstance(value, list) else [value]
        plain = bool if is_flag else (str, int, float)
        if not all(isinstance(p, plain) and isinstance(p, bool) is is_flag for p in parts):
            expected = "a list of texts" if several else expected_value(option.config, option.name)
            to_try = "values to try stand in a list below [grid]" if type(value) is list else ""
            where = self._where(option.name, point)
            raise self._error(f"{where}{key} must be {expected}, not {_shown(value)}", to_try)
        for part in parts:
            if is_flag:
                yield from [f"--{key}"] if part else _turned_off(option)
            elif str(part).startswith("-"):
                yield f"--{key}={part}"
            else:
                yield from (f"--{key}", str(part))

    def _where(self, name: str | None, point: Values) -> str:
        """The table that has a setting, before its key: "[grid] "."""
        keys = [key for key, option in self.options.items() if option.name == name]
        if any(key in point for key in keys):
            grid = self.content.get("grid", {})
            return (
                "[grid] "
                if isinstance(grid, dict) and any(key in grid for key in keys)
                else "[[points]] "
            )
        return "[settings] " if any(key in self.content.get("settings", {}) for key in keys) else ""

    def _parsed(self, words: Sequence[str], point: Values) -> tuple[CommandLine, Given]:
        """What `train` makes of its arguments, and the names of those that were given.

        Raises:
            CharrnnError: it refuses them.
        """
        try:
            self.command([*words, *(["--quiet"] if is_quiet() else [])], standalone_mode=False)
        except Refused as refused:
            found = in_one_line(refused, "charrnn train", dict, words)
            raise self._located(
                found, getattr(getattr(refused, "param", None), "name", None), point
            ) from None
        except CharrnnError as error:
            raise self._located(error, error.setting, point) from None
        return self._kept[-1]

    def _located(self, error: CharrnnError, name: str | None, point: Values) -> CharrnnError:
        """An error of `train` as one of the file: with keys in place of options, and where they stand."""
        known = {f"--{key}" for key in self.options}

        def as_keys(text: str) -> str:
            return re.sub(
                r"(?<![\w-])--[a-z][a-z0-9-]*", lambda m: m[0][2:] if m[0] in known else m[0], text
            )

        others = [key for key in point if self.options[key].name != name]
        at = f" (at {in_words(point)})" if others else ""
        message = f"{self.path}: {self._where(name, point)}{as_keys(error.message)}{at}"
        return type(error)(message, as_keys(error.hint))


def _turned_off(option: Option) -> list[str]:
    """The word that turns a flag off; none if it is off unless it is given."""
    has_word = option.may_be_none or option.rule.planned or option.default
    return [off_flag(option.flags[0])] if has_word else []


def _train_reader() -> tuple[
    Callable[..., object], dict[str, Option], list[tuple[CommandLine, Given]]
]:
    """The command `train` that only keeps what it is given, its options by their keys, and what it has kept."""
    kept: list[tuple[CommandLine, Given]] = []

    @functools.wraps(train)
    def keep(corpus: list[str] | None = None, **asked: Any) -> None:
        parts = (asked[name] for name in ("config", "request", "run", "saving", "start"))
        kept.append((CommandLine(corpus or [], *parts), asked["given"]))

    app = typer.Typer(pretty_exceptions_enable=False)
    command = as_command(keep, CHANGES)
    app.command("train")(command)
    options = {
        key: option
        for option in command.options  # type: ignore[attr-defined]
        if not option.rule.once and option.name not in SET_HERE
        for key in dict.fromkeys([*(flag.lstrip("-") for flag in option.flags), option.name])
    }
    return typer.main.get_command(app), options, kept


def _run_name(point: Values, seed: int | None) -> str:
    """A name for a run's folder: "hidden-size=64,lr=0.01,seed=1"."""
    own = {**point} | ({} if seed is None else {"seed": seed})
    whole = ",".join(f"{key}={_word(value)}" for key, value in own.items()) or "run"
    plain = re.sub(r"[^\w.+=,-]", "-", whole, flags=re.ASCII)
    if plain == whole and len(plain) <= LONGEST_NAME and not plain.endswith("."):
        return plain
    return f"{plain[:LONGEST_NAME]}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"
