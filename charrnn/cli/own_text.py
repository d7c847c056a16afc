"""What a model reads where no text was given: validation text of its own corpus, or what it generates itself."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from charrnn.cli.terminal import say
from charrnn.cli.threads import one_thread
from charrnn.config import GENERATED, MAX_SEED, SamplingConfig
from charrnn.errors import CharrnnError
from charrnn.settings import Config, setting
from charrnn.text.kinds import item_end_of
from charrnn.wording import counted

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.model import CharRNN

GENERATED_TEXT = 400
"""Characters that the model generates."""
VALIDATION_TEXT = 800
"""Characters of the validation text."""
MAX_SYMBOLS = 10_000
"""Symbols of the validation text that are decoded."""
MAX_BEGUN = 200
"""Characters up to which a line that another part of the corpus began is left out."""
LARGEST_CORPUS = 5_000_000
"""Characters of a corpus up to which it is read again for this: it takes seconds."""
SEED = 1
"""Seed of what a model generates to be read, unless another is given."""


@dataclass(frozen=True, kw_only=True)
class OwnTextOptions(Config):
    """The text that the model generates if none is given."""

    seed: int | None = setting(
        None,
        "Let the model read a text that it generates with this seed.",
        high=MAX_SEED,
        default_text="validation text of the model's own corpus, if it can be found",
        panel=GENERATED,
    )


@dataclass(frozen=True)
class OwnText:
    """A text that is read because none was given, and what it is."""

    text: str
    name: str
    whole: int | None = None
    """Characters of all that it is the beginning of; None: of nothing more."""


def own_text(
    loaded: "Checkpoint | None",
    model: "CharRNN",
    *,
    seed: int | None = None,
    most: int | None = None,
    held_out: int = VALIDATION_TEXT,
    generated: int = GENERATED_TEXT,
) -> OwnText:
    """A text to read because none was given; which one is reported on stderr.

    Args:
        loaded: the checkpoint, which records the corpus.
        model: its model, perhaps edited.
        seed: that of a text that the model generates; None: validation text of its corpus, if that is at hand.
        most: maximum number of characters.
        held_out: characters of the validation text.
        generated: characters of a text that the model generates.
    """
    own = _held_out_text(loaded, max(MAX_SYMBOLS, held_out)) if seed is None and loaded else None
    if own and own.text:
        text = own.text[: _least(held_out, most)]
        say(
            f"charrnn: no text given; reading {counted(len(text), 'character')} of the model's validation text"
        )
        return OwnText(text, own.name, own.whole)
    length = _least(generated, most)
    say(f"charrnn: no text given; reading {counted(length, 'character')} that the model generates")
    text = generated_text(model, length, item_end_of(model.reading), seed)
    return OwnText(text, "a text that the model generated")


def _least(usual: int, most: int | None) -> int:
    return usual if most is None else min(usual, most)


def _held_out_text(loaded: "Checkpoint", most: int) -> OwnText | None:
    """Validation text of the corpus that a model was trained on, at most `most` symbols of it.

    None if the corpus is not at hand, or is large.
    """
    from charrnn.cli.own_corpus import read_own_corpus

    about = loaded.run.get("corpus")
    if not isinstance(about, dict) or not _is_at_hand(about):
        return None
    try:
        corpus = read_own_corpus(loaded, hint="")
    except CharrnnError:
        return None
    begin = corpus.item_end is not None
    held_out = corpus.val[begin : begin + most]
    from charrnn.cli.inputs import leave_out_unknown

    decode = corpus.vocabulary.decode
    text = leave_out_unknown(decode(held_out), loaded.model)[0]
    begun, _, whole_lines = text[:MAX_BEGUN].partition("\n")
    if corpus.item_end is None and whole_lines:
        text = text[len(begun) + 1 :]
    whole = len(text) + len(decode(corpus.val[begin + most :]))
    return OwnText(text, f"validation text of {corpus_name(about)}", whole)


def corpus_name(about: Mapping[str, object]) -> str:
    """What a checkpoint's corpus is called in a page: its file without folders, or the first of several."""
    names = about.get("sources")
    if not isinstance(names, list) or not names:
        return "the model's own corpus"
    first = PurePath(str(names[0])).name or str(names[0])
    return first if len(names) == 1 else f"{first} and {len(names) - 1} more"


def _is_at_hand(about: dict[str, object]) -> bool:
    """Whether a corpus can be read at once: it is not large, and nothing has to be downloaded."""
    from charrnn.text.catalog import CATALOG, is_cached
    from charrnn.text.opening import user_cache

    characters, names = about.get("characters"), about.get("sources")
    if (
        not isinstance(characters, int)
        or characters > LARGEST_CORPUS
        or not isinstance(names, list)
    ):
        return False
    known = [CATALOG[name] for name in names if name in CATALOG]
    return all(is_cached(entry, user_cache()) for entry in known)


def generated_text(
    model: "CharRNN", length: int, item_end: str | None = None, seed: int | None = None
) -> str:
    """A text that a model generates, the same at each call; of records or documents, as many as it takes."""
    from charrnn.sampling.sampler import generate_items, sample

    config = SamplingConfig(length=length, seed=SEED if seed is None else seed)
    with one_thread():
        if item_end in (None, "\n"):
            return "".join(sample(model, "", config))
        config = dataclasses.replace(config, item_end=item_end)
        return "".join(piece.text for piece in generate_items(model, "", config))
