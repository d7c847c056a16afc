"""`charrnn network`: a network whose weights are set by hand, as a checkpoint."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charrnn.cli.terminal import print_json, print_wrapped, require_place, say
from charrnn.config import FILES, OUTPUT
from charrnn.errors import SettingError, UsageError
from charrnn.runs import BEST, LAST, RUNS, checked_name
from charrnn.settings import Config, setting
from charrnn.wording import did_you_mean, escape, size

if TYPE_CHECKING:
    from charrnn.constructions.base import Construction

EXAMPLES = (
    "charrnn network --from-regex '(ab)*'",
    "charrnn network --from-regex '[0-9]{4}-[01][0-9]' --out months",
    "charrnn network counter",
)
NAMES = ("counter", "brackets", "parity", "shift-register")
MOST_UNITS = 48
"""Maximum units that are listed."""


def complete_names(incomplete: str) -> list[str]:
    """The names of networks with a given beginning, for shell completion."""
    return [name for name in NAMES if name.startswith(incomplete)]


@dataclass(frozen=True, kw_only=True)
class NetworkOptions(Config):
    """Which network, and where it is saved."""

    from_regex: str | None = setting(
        None,
        "The network whose texts are lines that match this regular expression in full, in the syntax of Python's re.",
        metavar="REGEX",
    )
    out: str | None = setting(
        None,
        "Save the network under this run's name, or in this .safetensors file.",
        metavar="RUN",
        default_text="the network's name, or regex",
        panel=FILES,
    )
    overwrite: bool = setting(False, "Replace a network that exists.", panel=FILES)
    json: bool = setting(False, "Print one JSON object instead of the table.", panel=OUTPUT)


def network(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="counter (a and then as many b), brackets (that match), parity (an even number of 1s) or "
            "shift-register (a text that repeats itself).",
            show_default=False,
            autocompletion=complete_names,
        ),
    ] = None,
    *,
    options: NetworkOptions,
) -> None:
    """Make a network whose weights are set by hand, without training.

    It is an Elman network with ReLU, and its checkpoint is one like any other: sample writes texts of its language,
    evaluate scores a text, visualize --diagram shows its units while it reads. A character that cannot continue to a
    text of the language has a probability of almost 0, and so has the end of a line where no text may end.

    The expression is compiled: its minimal automaton becomes the network, with a unit for each state and each class of
    characters that leads to it.
    """
    made = _made(name, options)
    path = _path(options.out or made.name)
    _require_free(path, overwrite=options.overwrite)
    from charrnn.checkpoint import save_checkpoint

    num_bytes = save_checkpoint(path, _checkpoint(made, path))
    if options.json:
        print_json(_as_dict(made, path))
    else:
        _print(made)
    run = path.parent.name if path.name == BEST else str(path)
    say(
        f"charrnn: wrote {escape(str(path))} ({size(num_bytes)}); sample from it: charrnn sample {escape(run)}"
    )


def _made(name: str | None, options: NetworkOptions) -> "Construction":
    """The network that was asked for.

    Raises:
        UsageError: none or two were, or there is none of this name, or the expression cannot be compiled.
    """
    if (name is None) == (options.from_regex is None):
        raise SettingError.naming(
            "give either the name of a network or {from_regex}",
            f"the names are {', '.join(NAMES)}",
        )
    if options.from_regex is not None:
        from charrnn.constructions.regular import from_regex

        return from_regex(options.from_regex)
    from charrnn.constructions.named import NAMED

    assert name is not None
    if name not in NAMED:
        raise UsageError(
            f"there is no network called {name!r}",
            did_you_mean(name, NAMES) or f"the names are {', '.join(NAMES)}",
        )
    return NAMED[name]()


def _path(out: str) -> Path:
    """The file of a run's name, or the file itself."""
    if out.endswith(".safetensors"):
        return Path(out)
    try:
        return RUNS / checked_name(out) / BEST
    except UsageError as error:
        raise SettingError.naming(
            "{out} must be a run's name or a .safetensors file, not {given!r}",
            "for example {out:words}",
            given=out,
        ) from error


def _require_free(path: Path, *, overwrite: bool) -> None:
    """Raise SettingError if a file exists that is not to be replaced, or if a run was trained there."""
    if path.name == BEST:
        path.parent.mkdir(parents=True, exist_ok=True)
    require_place(path)
    if path.exists() and not overwrite:
        raise SettingError.naming(
            "{path!r} already exists",
            "replace it with {overwrite:True}, or choose another {out}",
            path=str(path),
        )
    if path.name == BEST and (path.parent / LAST).exists():
        raise SettingError.naming(
            "{path!r} belongs to a run that was trained", "choose another {out}", path=str(path)
        )


def _checkpoint(made: "Construction", path: Path) -> Any:
    import dataclasses

    from charrnn.checkpoint import Checkpoint

    name = path.parent.name if path.name == BEST else path.stem
    reading = dataclasses.asdict(made.reading)
    return Checkpoint(
        made.model, run={"name": name, "by_hand": made.about, "corpus": {"config": reading}}
    )


def _as_dict(made: "Construction", path: Path) -> dict[str, Any]:
    import dataclasses

    return {
        "path": str(path),
        "name": made.name,
        "about": made.about,
        "config": dataclasses.asdict(made.model.config),
        "units": dict(made.units),
    }


def _print(made: "Construction") -> None:
    """Print what the network is, and what its units mean."""
    from charrnn.network.shapes import describe

    print_wrapped(made.about)
    print_wrapped(describe(made.model.config))
    width = max(map(len, made.units))
    for address, about in list(made.units.items())[:MOST_UNITS]:
        print(f"  {address:{width}}  {about}")
    if len(made.units) > MOST_UNITS:
        print(f"  and {len(made.units) - MOST_UNITS:,} more (--json lists all)")
