"""The CHECKPOINT argument, and which run a lone word may mean; see `charrnn.runs` for what a name means."""

import re
import shlex
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn import runs
from charrnn.cli.completion import plain_words
from charrnn.cli.terminal import say
from charrnn.errors import CheckpointError, SettingError
from charrnn.runs import RUNS, TRAIN_ONE, named_checkpoint, names_of_runs
from charrnn.settings import Config, changed_settings
from charrnn.wording import did_you_mean

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint


FOREIGN = (".pt", ".pth", ".ckpt", ".pkl", ".t7")
"""Endings of other programs' checkpoints, which are no texts."""


def complete_checkpoint(incomplete: str) -> list[str]:
    """The names of runs with a given beginning, for shell completion."""
    return plain_words(names_of_runs(incomplete))


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
        return runs.find_checkpoint(name, None if looks_like_path(name) else otherwise)
    newest = runs.newest_checkpoint()
    if newest is None:
        raise CheckpointError(f"there is no checkpoint under {RUNS}/", TRAIN_ONE)
    say(f"charrnn: using the newest checkpoint {newest}")
    return newest


def looks_like_path(word: str) -> bool:
    """Whether a word is more likely a path than a text or a run's name: `a/b`, `tune.abc`, but not `e.g.` or `0.8`."""
    return re.search(r"/|^[A-Za-z]:\\|\S\.[A-Za-z][A-Za-z0-9]{0,11}$", word) is not None


def is_checkpoint(name: str) -> bool:
    """Whether a lone argument means a checkpoint, even a missing one, rather than a text."""
    if name.endswith((".safetensors", *FOREIGN)):
        return True
    return (named_checkpoint(name) or Path()).suffix == ".safetensors"


def refuse_near_run(word: str) -> None:
    """Raise CheckpointError if a lone word that is not there is nearly the name of a run: it may be misspelled."""
    meant = did_you_mean(word, names_of_runs()) if word.isprintable() else ""
    if meant:
        as_text = f"to read the word as text, put a model before it: MODEL {shlex.quote(word)}"
        raise CheckpointError(f"there is no run or file called {word!r}", f"{meant} {as_text}")


def open_checkpoint(
    name: str | None, otherwise: Callable[[str], str] | None = None
) -> "Checkpoint":
    """Find and load a checkpoint of a language model; the arguments are those of `find_checkpoint`.

    Raises:
        CheckpointError: it has a model of pairs.
    """
    from charrnn.checkpoint import require_language_model

    return require_language_model(open_any(name, otherwise))


def open_pairs(
    name: str | None,
    otherwise: Callable[[str], str] | None = None,
    *,
    reads_vectors: bool = False,
) -> "Checkpoint":
    """Find and load a checkpoint of a model of pairs; for the arguments see `open_any`.

    Raises:
        CheckpointError: it has a language model.
    """
    loaded = open_any(name, otherwise, reads_vectors=reads_vectors)
    if loaded.model.config.align is None:
        raise CheckpointError(
            f"{loaded.path} is a language model, which has no targets",
            "charrnn train pairs.tsv --pairs trains a model of pairs; charrnn sample writes a text",
        )
    return loaded


def refuse_for_pairs(*configs: Config, but: Collection[str] = ()) -> None:
    """Raise SettingError if an option was given that does not apply to a model of pairs.

    Args:
        configs: the options of a command.
        but: names of those that apply.
    """
    for config in configs:
        for name, _ in changed_settings(config):
            if name not in but:
                raise SettingError.naming(
                    f"{{{name}}} does not apply to a model of pairs", "leave it out"
                )


def open_any(
    name: str | None,
    otherwise: Callable[[str], str] | None = None,
    *,
    reads_vectors: bool = False,
) -> "Checkpoint":
    """Find and load a checkpoint of any kind.

    Args:
        name: the run or file.
        otherwise: the hint if there is none of this name.
        reads_vectors: whether the command can do with a model that reads vectors.

    Raises:
        CheckpointError: the model reads vectors, and the command cannot.
    """
    path = find_checkpoint(name, otherwise)
    from charrnn.checkpoint import load_checkpoint

    loaded = load_checkpoint(path)
    if loaded.model.config.source_vectors and not reads_vectors:
        raise CheckpointError(
            f"{path} reads vectors, and this needs a model that reads a text",
            "charrnn convert and charrnn evaluate take a file of vectors: --vectors FILE",
        )
    return loaded
