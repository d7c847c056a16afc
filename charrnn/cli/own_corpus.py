"""The corpus that a model was trained on, read again and announced on stderr."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.terminal import warn
from charrnn.training import own_corpus
from charrnn.training.own_corpus import NOTHING

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.text.corpus import Corpus


def read_own_corpus(
    loaded: "Checkpoint",
    *,
    names: Sequence[str] = (),
    split_files: Mapping[str, str] = NOTHING,
    cache: Path | None = None,
    hint: str,
    run: str = "",
) -> "Corpus":
    """The corpus of a model, read again; see `charrnn.training.own_corpus`. `cache` is the folder for downloads."""
    from charrnn.cli.inputs import is_named, open_corpus
    from charrnn.text.sources import named_source

    for file in split_files.values():
        if not is_named(file):
            named_source(file)  # raises what it cannot be read for
    return own_corpus.read_own_corpus(
        loaded,
        partial(open_corpus, cache=cache),
        names=names,
        split_files=split_files,
        announce=_announce,
        hint=hint,
        run=run,
    )


def _announce(files: str) -> None:
    # a checkpoint may be a stranger's: what it lets charrnn open is named, even with --quiet
    warn(f"reading     {files}")
