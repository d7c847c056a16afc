"""What shell completion offers for texts, units and lists of cells."""

import contextlib
import glob
import os
from collections.abc import Iterable

import typer

from charrnn.errors import CharrnnError

ACTS_IN_A_SHELL = frozenset("\\`$\"'")
"""Characters by which a name may be more than a name to the functions of a shell that take completions."""


def plain_words(names: Iterable[str]) -> list[str]:
    """Those of some names that neither a shell nor a terminal can take for more than names, in order."""
    return sorted(n for n in names if n.isprintable() and not ACTS_IN_A_SHELL & {*n})


def complete_text(incomplete: str) -> list[str]:
    """Known corpora, and the files and folders, with a given beginning."""
    return complete_corpus(incomplete) + complete_paths(incomplete)


def complete_paths(incomplete: str) -> list[str]:
    """The files and folders with a given beginning; the latter end with a slash."""
    paths = glob.glob(glob.escape(incomplete) + "*")  # noqa: PTH207 (what is typed stays as it is)
    return plain_words(path + "/" if os.path.isdir(path) else path for path in paths)  # noqa: PTH112 (the same)


def complete_spec(incomplete: str) -> list[str]:
    """The TOML files, and the folders, with a given beginning."""
    return [path for path in complete_paths(incomplete) if path.endswith((".toml", "/"))]


def complete_corpus(incomplete: str) -> list[str]:
    """Known corpora with a given beginning."""
    from charrnn.text.catalog import CATALOG

    return sorted(name for name in CATALOG if name.startswith(incomplete))


def complete_cells(incomplete: str) -> list[str]:
    """Lists of cells whose last cell has a given beginning: "lstm,g" -> "lstm,gru"."""
    from charrnn.network.cells import CELLS

    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in CELLS if name.startswith(last)]


def complete_unit(ctx: typer.Context, incomplete: str) -> list[str]:
    """Addresses of the model's units: the states and gates of each layer, and behind one of these its units."""
    from charrnn.checkpoint import load_summary
    from charrnn.network.cells import cell_of
    from charrnn.network.encoder import marks_of
    from charrnn.runs import named_checkpoint, newest_checkpoint

    name = ctx.params.get("checkpoint")
    path = newest_checkpoint() if name is None else named_checkpoint(name)
    if path is None:
        return []
    with contextlib.suppress(CharrnnError):
        config = load_summary(path).config
        cell = cell_of(config)
        layers = [
            f"L{k}{mark}.{letter}."
            for k in range(config.num_layers)
            for mark in marks_of(config)
            for letter in (*cell.states, *cell.gates)
        ]
        units = ["*", *map(str, range(config.hidden_size))]
        chosen = [layer for layer in layers if incomplete.startswith(layer)]
        offered = [layer + unit for layer in chosen for unit in units] or layers
        return [address for address in offered if address.startswith(incomplete)]
    return []
