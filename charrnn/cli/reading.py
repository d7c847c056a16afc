"""What the commands that look into a model read: a model and a text, or a dump of both."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.counts import CountsOptions
from charrnn.cli.edits import EditOptions
from charrnn.cli.memory import free_memory
from charrnn.cli.own_text import VALIDATION_TEXT, own_text
from charrnn.cli.run_names import is_checkpoint, open_checkpoint, refuse_near_run
from charrnn.cli.terminal import say
from charrnn.config import READING, CorpusConfig
from charrnn.errors import DataError, EnvironmentFault, SettingError, UsageError
from charrnn.runs import reading_of, title_of
from charrnn.settings import Config, setting
from charrnn.text.kinds import item_end_of, item_noun
from charrnn.wording import counted, noun_of, size

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from charrnn.checkpoint import Checkpoint
    from charrnn.interpret.dumps.reading import Dump
    from charrnn.interpret.recording import Recording
    from charrnn.interpret.units import Unit
    from charrnn.model import CharRNN


@dataclass(frozen=True, kw_only=True)
class ReadingOptions(Config):
    """How much of a text is read."""

    max_chars: int | None = setting(
        None,
        "Read at most this many characters.",
        low=1,
        default_text="all",
        panel=READING,
    )


@dataclass(frozen=True, kw_only=True)
class DumpOptions(Config):
    """The dump that is read instead of a model and a text."""

    from_dump: Path | None = setting(
        None,
        "Show this dump (.npz or .safetensors) again; needs no model.",
        flags=("--from",),
        metavar="FILE",
        excludes=("clamp", "steer", "steer_file"),
        panel=READING,
    )

    def require_alone(self, checkpoint: str | None, texts: "Sequence[str] | None") -> None:
        """Raise SettingError if a model or a text is named beside the dump, which has both."""
        if checkpoint is None:
            return
        noun = "checkpoint" if texts or is_checkpoint(checkpoint) else "text"
        raise SettingError.naming(
            "{from_dump} takes no {noun}, but {given!r} was given",
            "a dump is shown without its model; leave out the {noun}",
            noun=noun,
            given=checkpoint,
        )


@dataclass(frozen=True)
class GivenText:
    """A text that a command reads, and what it is a part of."""

    given: str
    """What is read, as it was given."""
    known: str
    """The same without the characters that the model does not know."""
    name: str
    """What the text is: the name of its file, for example."""
    whole: int | None = None
    """Characters of the whole text, of which this is the beginning; None: it was not read to its end."""


# --- a model and its text -------------------------------------------------------------------------


@dataclass(frozen=True)
class Reader:
    """A model, edited as the options say, and the text that it is to read."""

    model: "CharRNN"
    names: tuple[str, ...]
    """The TEXT arguments."""
    config: CorpusConfig
    """How the model reads a text: as its corpus was read."""
    title: str
    """The name of the model: its run, or its file."""
    loaded: "Checkpoint | None" = None
    """The checkpoint, which records the model's corpus."""
    seed: int | None = None
    """Seed of a text that the model generates, if that is what it reads."""

    @property
    def item_end(self) -> str | None:
        """The end of the lines, records or documents that the model was trained on: its state is reset at each."""
        return item_end_of(self.config)

    @property
    def noun(self) -> str:
        """What the model reads: "character" or "byte"."""
        return noun_of(self.model.vocabulary.level)

    def text(
        self, most: int | None, *, exact: bool = False, held_out: int = VALIDATION_TEXT
    ) -> str:
        """The text, at most `most` characters of it; without one, a text that the model generates.

        Args:
            most: maximum number of characters.
            exact: whether it stays as it was given, with empty lines and an unended last line.
            held_out: characters of the model's validation text that are read if there is no other text.

        Raises:
            DataError: the model knows none of its characters.
        """
        return self.given(most, exact=exact, held_out=held_out).known

    def given(
        self, most: int | None, *, exact: bool = True, held_out: int = VALIDATION_TEXT
    ) -> GivenText:
        """The text and what it is a part of; arguments and errors as for `text`."""
        if not self.names:
            own = own_text(self.loaded, self.model, seed=self.seed, most=most, held_out=held_out)
            return GivenText(own.text, own.text, own.name, own.whole)
        return given_text(self.names, self.model, self.config, most, exact=exact)

    def recording(self, text: str, predictions: int, keep: "Collection[str] | None") -> "Recording":
        """The recording of a text; see `charrnn.interpret.recording.record`.

        Raises:
            EnvironmentFault: it would not fit into memory.
        """
        from charrnn.interpret.recording import record

        self.require_memory(text, keep)
        return record(self.model, text, top=predictions, keep=keep, item_end=self.item_end)

    def require_memory(self, text: str, keep: "Collection[str] | None") -> None:
        """Raise EnvironmentFault if these states and gates of a whole text would not fit into memory."""
        from charrnn.interpret.recording import num_bytes

        _require_free(num_bytes(self.model, text, keep), len(text))


def open_reader(
    checkpoint: str | None,
    texts: "Sequence[str] | None",
    edits: EditOptions | None = None,
    *,
    seed: int | None = None,
    says_items: bool = True,
) -> Reader:
    """Load and edit the model, and decide what it reads.

    Args:
        checkpoint: the first argument of a command; if it names no checkpoint, it may be a text.
        texts: the others.
        edits: the edits of the model's units.
        seed: seed of a text that the model generates instead of reading one.
        says_items: whether stderr says that the state is reset at each line, record or document, if it is.
    """
    checkpoint, names = checkpoint_and_texts(checkpoint, texts)
    require_no_text(names, seed)
    loaded = open_checkpoint(checkpoint, hint_in_quotes(names))
    return make_reader(loaded, names, edits, seed=seed, says_items=says_items)


def make_reader(
    loaded: "Checkpoint",
    names: tuple[str, ...],
    edits: EditOptions | None = None,
    *,
    counts: CountsOptions | None = None,
    seed: int | None = None,
    says_items: bool = True,
) -> Reader:
    """Edit a language model, and decide what it reads; for the arguments see `open_reader`."""
    require_no_text(names, seed)
    model = edits.edited(loaded) if edits else loaded.model
    model = counts.mixed(model, loaded) if counts else model
    config = reading_of(loaded)
    if (end := item_end_of(config)) and says_items:
        how = "made for" if "by_hand" in loaded.run else "trained on"
        say(f"charrnn: the model was {how} {item_noun(end)}s; its state is reset at each")
    return Reader(model, names, config, title_of(loaded), loaded, seed)


def hint_in_quotes(names: "Sequence[str]") -> "Callable[[str], str] | None":
    """What to type instead of a run's name that is none, if the words behind it are no files: a function of it."""
    from charrnn.cli.inputs import is_named

    if not names or any(map(is_named, names)):
        return None
    return lambda name: (
        f"put a text of several words in quotes: {shlex.quote(' '.join((name, *names)))}"
    )


def require_no_text(names: "Sequence[str]", seed: int | None) -> None:
    """Raise SettingError if a text is given, and the seed of one that the model would generate."""
    if names and seed is not None:
        raise SettingError.naming("{seed} only applies to generated text", "leave out the text")


def checkpoint_and_texts(
    checkpoint: str | None, texts: "Sequence[str] | None"
) -> tuple[str | None, tuple[str, ...]]:
    """The checkpoint and the texts that arguments mean.

    The first is a text if it names no checkpoint, and is alone or names a text that is there.

    Raises:
        CheckpointError: it is alone, and nearly the name of a run.
        UsageError: it names no checkpoint, but the last one does.
    """
    from charrnn.cli.inputs import is_named

    names = tuple(texts or ())
    if checkpoint is None or is_checkpoint(checkpoint):
        return checkpoint, names
    if names and is_checkpoint(names[-1]):
        in_order = shlex.join((names[-1], checkpoint, *names[:-1]))
        raise UsageError("the model comes before the text", f"in this order: {in_order}")
    if is_named(checkpoint):
        return None, (checkpoint, *names)
    if names:
        return checkpoint, names
    refuse_near_run(checkpoint)
    return None, (checkpoint,)


def known_text(
    names: "Sequence[str]", model: "CharRNN | None", config: CorpusConfig, most: int | None = None
) -> str:
    """What TEXT arguments mean, as the model reads it; see `given_text`."""
    return given_text(names, model, config, most).known


def given_text(
    names: "Sequence[str]",
    model: "CharRNN | None",
    config: CorpusConfig,
    most: int | None = None,
    *,
    exact: bool = False,
) -> GivenText:
    """What TEXT arguments mean, with and without the characters that the model does not know.

    Of lines, records and documents the empty ones are left out, and the last ends like the others, as for `evaluate`.

    Args:
        names: the arguments; see `charrnn.cli.inputs.find_texts`.
        model: reads it; without one, every character is known.
        config: how it is read.
        most: maximum number of characters.
        exact: whether the text stays as it was given.

    Raises:
        DataError: no known characters are left.
    """
    from charrnn.cli.inputs import leave_out_unknown, name_texts, read_texts, streams_in
    from charrnn.text.pieces import ONLY_BLANKS, as_read, without_empty

    read = read_texts(names, config, most=most)
    if read.isspace():
        say(f"charrnn: the text has {ONLY_BLANKS}")
    if not exact:
        read = as_read(read, config)
    whole = None if streams_in(names) else len(read)
    if most is not None and len(read) > most:
        of_all = f" of {whole:,}" if whole else ""
        say(f"charrnn: the first {most:,}{of_all} characters; --max-chars reads more")
        read = read[:most]
    known = leave_out_unknown(read, model)[0] if model else read
    end = item_end_of(config)
    if end and not exact:  # a line of unknown characters is empty now
        known = without_empty(known, end)
    if not known:
        raise DataError(
            "the model knows none of the text's characters" if read else "the text is empty"
        )
    return GivenText(read, known, name_texts(names), whole)


# --- a dump ---------------------------------------------------------------------------------------


def open_dumps(path: Path) -> "dict[str, Dump]":
    """The texts of a dump that can be shown again, by their sides: see `charrnn.interpret.dumps.reading.sides_in`.

    Raises:
        DataError: it is another file, or damaged.
        UsageError: its format cannot be shown.
    """
    from charrnn.interpret.dumps.reading import READABLE, Dump, sides_in

    if path.suffix not in READABLE:
        raise UsageError(f"--from reads {' and '.join(READABLE)} files, not {str(path)!r}")
    return {side: Dump(path, side) for side in sides_in(path)}


def read_dump(
    dump: "Dump",
    arrays: "Collection[str]",
    *,
    units: "Sequence[Unit]" = (),
    predictions: int = 0,
    most: int | None,
) -> "Recording":
    """What a dump has of the beginning of its text.

    Args:
        dump: the dump to read.
        arrays: the states and gates of which all units are needed.
        units: single units that are needed.
        predictions: guesses that are needed at each position.
        most: maximum number of characters; None: all.

    Raises:
        UsageError: it lacks something that is needed.
        DataError: it is damaged.
        EnvironmentFault: it would not fit into memory.
    """
    for what in arrays or ("",):
        dump.require(what, units, predictions)
    keep = {unit.what for unit in units} | set(arrays)
    there = dump.header.characters
    if most is not None and there > most:
        say(f"charrnn: the first {most:,} of {there:,} characters; --max-chars reads more")
    count = there if most is None else min(there, most)
    _require_free(dump.states_size(keep, count), count)
    return dump.read(keep=keep, top=predictions, characters=most)


# --- memory ---------------------------------------------------------------------------------------


def _require_free(need: int, characters: int) -> None:
    """Raise EnvironmentFault unless this many bytes of memory are free."""
    free = free_memory()
    if need > free:
        raise EnvironmentFault(
            f"the states of {counted(characters, 'character')} take {size(need)}, but {size(free)} of memory are free",
            "read fewer with --max-chars",
        )
