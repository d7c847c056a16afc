"""The corpus that a model was trained on, read again from where its run says that it is, or from a named text."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from charrnn.errors import DataError
from charrnn.text.places import find_again, find_split_files, is_where_recorded
from charrnn.training.record import corpus_config_of
from charrnn.wording import counted, escape, listed, noun_of

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.text.corpus import Corpus

Opener = Callable[..., "Corpus"]
"""Reads the texts of these names: called with names, a CorpusConfig, `vocabulary` and `extend` (see `read_corpus`)."""
NOTHING: Mapping[str, str] = MappingProxyType({})
BESIDE = "found beside the run"
MOST_NAMED = 3
"""Files that are named before they are read, at most."""


def read_own_corpus(
    loaded: "Checkpoint",
    opened: Opener,
    *,
    names: Sequence[str] = (),
    split_files: Mapping[str, str] = NOTHING,
    announce: Callable[[str], object] = lambda _: None,
    hint: str,
    run: str = "",
) -> "Corpus":
    """The corpus of a model, read again.

    Where the checkpoint says where it is, the text is named before it is opened, and nothing of its content is shown
    unless its fingerprint is the recorded one.

    Args:
        loaded: the checkpoint.
        opened: reads the texts.
        names: names of the texts, given by the user; none: those of the checkpoint.
        split_files: names of the validation and test text, by setting, given by the user.
        announce: receives which files are read because the checkpoint names them, and where they were found, before
            they are opened.
        hint: what to do if the text is not there, or is another one.
        run: the run's name in messages, if it has one.

    Raises:
        DataError: the text is not there, or is another one.
    """
    about = loaded.run.get("corpus")
    if not isinstance(about, dict):
        raise DataError("the checkpoint does not record where its corpus is", hint)
    assert loaded.path
    folder = loaded.path.absolute().parent
    try:
        found = [] if names else find_again(about, folder)
    except DataError as error:
        raise DataError(error.message, hint) from error
    recorded_files = find_split_files(about, folder, split_files)
    recorded = [*found, *recorded_files.values()]
    read = [*(names or found), *recorded_files.values(), *split_files.values()]
    if recorded:
        where = "recorded in its checkpoint" if is_where_recorded(about, recorded) else BESIDE
        announce(f"{escape(listed(recorded, MOST_NAMED))} (the model's corpus, {where})")
    files: dict[str, Any] = {**recorded_files, **split_files}
    config = dataclasses.replace(corpus_config_of(about), **files)
    known = loaded.model.vocabulary
    network = loaded.model.config
    corpus: Any
    try:  # of another text there may be more characters, which its figures will tell
        corpus = opened(names or found, config, vocabulary=known, extend=not known.has_unknown)
    except DataError as error:
        if not recorded:
            raise
        raise _another(
            read, hint
        ) from error  # the message may quote a text that the user did not name
    if corpus.fingerprint == about.get("fingerprint"):
        found_again: Corpus = corpus if network.align is None else corpus.aligned(network.align)
        return found_again
    if recorded:
        raise _another(read, hint)
    whose = f"the corpus of {run}" if run else "the text that the model was trained on"
    raise DataError(f"{' '.join(read)} is not {whose}: {_change(about, corpus)}", hint)


def _another(read: Sequence[str], hint: str) -> DataError:
    shown = escape(listed(read, MOST_NAMED))
    return DataError(f"{shown} is not the text that the model was trained on", hint)


def _change(about: Mapping[str, Any], text: "Corpus") -> str:
    """How a text differs from what it was: "3,004 characters, 4 more than before"."""
    length = counted(len(text), noun_of(text.config.level))
    before = about.get("characters")
    if not isinstance(before, int):
        return length
    more, files = len(text) - before, about.get("files", text.num_sources)
    size = f"{abs(more):,} {'more' if more > 0 else 'fewer'} than before"
    changed = f"{length}, " + (size if more else "the same number as before, but different")
    return changed + (
        f"; {text.num_sources:,} files, not {files:,}" if files != text.num_sources else ""
    )
