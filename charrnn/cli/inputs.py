"""Every way to name a text: what is typed, files, folders, patterns, corpora and standard input."""

import glob
import math
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, NoReturn

import typer

from charrnn.cli.completion import complete_text
from charrnn.cli.memory import require_memory_for
from charrnn.cli.run_names import looks_like_path
from charrnn.cli.terminal import is_quiet, say, with_stdin
from charrnn.cli.work import reading_streams
from charrnn.config import CorpusConfig
from charrnn.errors import DataError, UsageError, spelled
from charrnn.text.kinds import item_end_of
from charrnn.text.sources import is_address
from charrnn.wording import counted, escape, listed

if TYPE_CHECKING:
    from charrnn.model import CharRNN
    from charrnn.text.sources import TextSource
    from charrnn.text.vocabulary import Vocabulary


def stdin_source() -> "TextSource":
    """Standard input as a source.

    Raises:
        UsageError: it is closed, or a terminal.
    """
    from charrnn.text.sources import spooled_source

    return spooled_source(stdin_bytes(), "standard input")


def stdin_bytes() -> BinaryIO:
    """Standard input, of which nothing has been read.

    Raises:
        UsageError: it is closed, or a terminal.
    """
    if sys.stdin is None:
        raise UsageError("standard input is closed", "pipe a text in: cat book.txt | charrnn ...")
    if sys.stdin.isatty():
        raise UsageError(
            "standard input is a terminal", "pipe a text in: cat book.txt | charrnn ..."
        )
    return sys.stdin.buffer


def streams_in(names: Sequence[str]) -> str:
    """The streams among some names, as a message names them: standard input and pipes; "" if there is none."""
    from charrnn.text.sources import is_pipe

    known = [
        "standard input" if name == "-" else escape(name)
        for name in names
        if name == "-" or is_pipe(Path(name))
    ]
    return listed(known, MAX_LISTED) if known else ""


def _bar(name: str) -> Any:
    from tqdm import tqdm

    return tqdm(desc=name, total=0, unit="B", unit_scale=True, disable=None, dynamic_ncols=True)


def open_corpus(
    names: Sequence[str],
    config: CorpusConfig,
    *,
    cache: Path | None = None,
    vocabulary: "Vocabulary | None" = None,
    extend: bool = False,
    hint: str = "",
) -> Any:
    """Read the texts that CORPUS arguments name; for the rest see `charrnn.text.opening.open_corpus`."""
    from charrnn.text import opening

    own = [name for name in (config.val_file, config.test_file) if name]
    with reading_streams(streams_in([*names, *own])):
        return opening.open_corpus(
            names,
            config,
            stdin=stdin_source,
            expand=expanded,
            cache=cache,
            progress=None if is_quiet() else _bar,
            vocabulary=vocabulary,
            extend=extend,
            hint=hint,
            say=lambda sentence: say(f"corpus      {sentence}"),
        )


def read_text(source: "TextSource", config: CorpusConfig, most: int | None = None) -> str:
    """A text for a model, read as its corpus was.

    Args:
        source: the text.
        config: how to read it; see `charrnn.runs.reading_of`.
        most: how many characters are needed of a stream, which is read no further.

    Raises:
        DataError: it is not UTF-8 and has no byte order mark, or is a stream too long for memory.
        EnvironmentFault: the memory has no room for it.
    """
    from charrnn.text.pieces import as_text, read_pieces
    from charrnn.text.sources import Notes, in_memory

    require_memory_for(source)
    try:
        pieces = read_pieces(in_memory(source), config, Notes())
        text = "".join(_needed(pieces, config, most) if source.is_stream else pieces)
    except DataError as error:
        raise without_training_hint(error) from error
    return as_text(text, config)


def _needed(pieces: Iterator[str], config: CorpusConfig, most: int | None) -> Iterator[str]:
    """The pieces up to the one with a number of characters, without the ends of items, which may be left out."""
    end = item_end_of(config)
    left = math.inf if most is None else most * (4 if config.level == "byte" else 1)
    for piece in pieces:
        yield piece
        left -= len(piece) - (piece.count(end) if end else 0)
        if left < 0:
            return


def without_training_hint(error: DataError) -> DataError:
    """An error in a text, with a hint that names no settings of `train`."""
    from charrnn.text.decoding import BINARY, NotTextError

    if not error.names_settings:
        return error
    hint = "convert it to UTF-8 first: iconv -f ITS-ENCODING -t UTF-8"
    if isinstance(error, NotTextError) and error.reason == BINARY:
        hint = "only a model that was trained with --level byte can read it"
    elif isinstance(error, NotTextError) and error.remedy:
        hint = error.remedy.format()
    return DataError(error.message, hint)


# --- what a model reads ---------------------------------------------------------------------------

NAMED = "a text in quotes, a file, a folder, a pattern such as 'plays/*.txt', a known corpus, or - for standard input"
"""Everything that names a text, as the help of arguments and options says it."""
TextArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TEXT|FILE|-",
        help=f"What the model reads: {NAMED}; several files are read one after another.",
        show_default=False,
        autocompletion=complete_text,
    ),
]
MAX_LISTED = 4
"""Maximum files that are named on stderr."""
MAX_NAME = 255
"""Characters of a path beyond which a text with blanks is not compared with the files that are there."""


def find_texts(
    names: Sequence[str], config: CorpusConfig, *, words: bool = True
) -> "list[TextSource]":
    r"""The texts that arguments name: every command means the same by TEXT.

    A path that exists is that path, whatever it is; a pattern is the files that match it; the name of a known corpus is
    the corpus. What looks like a path and is not there is refused, and anything else is a text itself, in which
    escapes such as \n have their meaning.

    Args:
        names: the arguments, as typed.
        config: how to read them; see `charrnn.runs.reading_of`.
        words: whether a single word that is not there is a text; it may be a file's name all the same.

    Raises:
        DataError: a file is missing or cannot be read, or several arguments are not all files.
        UsageError: standard input is closed, or a text has an unknown escape.
    """
    from charrnn.cli.options import spell_as_options
    from charrnn.text.catalog import find_sources
    from charrnn.text.opening import user_cache
    from charrnn.text.remarks import on_packed
    from charrnn.text.sources import Notes

    if len(names) == 1 and _is_literal(names[0], words=words):
        return [_literal(names[0])]
    require_files(names)
    notes = Notes()
    sources = find_sources(
        expanded(names),
        config,
        cache=user_cache(),
        notes=notes,
        stdin=stdin_source,
        progress=None if is_quiet() else _bar,
    )
    known = notes.sentences(keep_newlines=config.keep_newlines)
    for sentence in (*known, *on_packed(sources, config)):
        say(f"charrnn: {spelled(sentence, spell_as_options({}))}")
    return sources


def require_files(names: Sequence[str]) -> None:
    """Raise DataError unless several arguments are all files: one of them may be a text's only word."""
    for name in names if len(names) > 1 else ():
        if is_named(name) or is_address(name):
            continue
        if _misspells_path(name):
            _refuse_path(name)
        in_quotes = f"put a text of several words in quotes: {shlex.quote(' '.join(names))}"
        hint = "with several texts, each must be a file" if any(map(is_named, names)) else in_quotes
        raise DataError(f"there is no file {name!r}", hint)


def expanded(names: Sequence[str]) -> list[str]:
    """Names, with the files that match a pattern such as 'plays/*.txt' in its place; a path that exists is none."""
    return [path for name in names for path in (_matching(name) or [name])]


def _matching(name: str) -> list[str]:
    """The files that match a pattern, in order; none if it is not one, or a path itself."""
    if not glob.has_magic(name) or len(name) > MAX_NAME or _exists(name) or "\0" in name:
        return []
    if any(map(str.isspace, name)) and not _ends_like_path(name):
        return []
    return sorted(path for path in glob.glob(name, recursive=True) if not Path(path).is_dir())  # noqa: PTH207 (a pattern may be absolute)


def is_named(name: str) -> bool:
    """Whether an argument names a text that is there: a path, a pattern of files, a corpus, or standard input."""
    from charrnn.text.catalog import CATALOG

    return name == "-" or _exists(name) or name in CATALOG or bool(_matching(name))


def _exists(name: str) -> bool:
    """Whether there is something of this name, be it a link that leads nowhere."""
    return os.path.lexists(name)


def _is_literal(name: str, *, words: bool) -> bool:
    """Whether an argument is itself the text; if a single word is, that is reported.

    Raises:
        DataError: it looks like a path that is not there.
    """
    if is_named(name) or is_address(name):
        return False
    if _misspells_path(name):
        _refuse_path(name)
    is_word = bool(name) and not any(map(str.isspace, name))
    if is_word and words:
        say(f"charrnn: there is no file {escape(name[:60])!r}; reading it as text")
    return words or not is_word


def _misspells_path(name: str) -> bool:
    """Whether an argument that is no path looks like one: a word by its form, a text with blanks by the files there."""
    from charrnn.text.sources import near_file

    if not any(map(str.isspace, name)):
        return looks_like_path(name)
    return _ends_like_path(name) and near_file(Path(name)) is not None


def _ends_like_path(name: str) -> bool:
    return (
        len(name) <= MAX_NAME
        and name.isprintable()
        and looks_like_path(name.rsplit(maxsplit=1)[-1])
    )


def _refuse_path(name: str) -> NoReturn:
    from charrnn.text.sources import near_file

    near = near_file(Path(name)) if len(name) <= MAX_NAME else None
    form = "%b" if "\\" in name else "%s"  # %b reads escapes
    as_text = f"to read it as text: printf {form} {shlex.quote(name)} | {with_stdin(name)}"
    raise DataError(f"there is no file {name!r}", f"did you mean {near}?" if near else as_text)


def _literal(text: str) -> "TextSource":
    """A text as it was typed, with its escapes."""
    import io

    from charrnn.cli.options import unescaped
    from charrnn.text.sources import TextSource

    content = unescaped("TEXT", text).encode("utf-8", "surrogateescape")
    return TextSource("the text", lambda: io.BytesIO(content))


def read_texts(
    names: Sequence[str], config: CorpusConfig, *, words: bool = True, most: int | None = None
) -> str:
    """What arguments name as one text; between two files there is a newline, or the end of a record or document.

    Args:
        names: see `find_texts`, as for the rest.
        config: how to read them.
        words: whether a single word that is not there is a text.
        most: see `read_text`.

    Raises:
        DataError: a text cannot be read, or is not UTF-8 and has no byte order mark.
    """
    from charrnn.text.opening import bounded

    end, whole = item_end_of(config) or "\n", ""
    with reading_streams(streams_in(names)):
        sources = find_texts(names, config, words=words)
        if len(sources) > 1:
            say(f"charrnn: reading {listed([escape(s.name) for s in sources], MAX_LISTED)}")
        for source in sources:
            text = read_text(source, config, most)
            whole += end if whole and text and not whole.endswith(end) else ""
            whole += text
    return whole[: bounded(names, config).max_chars]


def name_texts(names: Sequence[str]) -> str:
    """What arguments name, in a few words: files by their names without folders."""
    files = [name for name in names if is_named(name) or is_address(name)]
    if not files:
        return "a typed text"
    first = "standard input" if files[0] == "-" else Path(files[0]).name or files[0]
    return first if len(files) == 1 else f"{first} and {len(files) - 1} more"


def as_typed_for(text: str, model: "CharRNN", reading: CorpusConfig) -> str:
    """A text that was typed, in the normal form of the model's corpus."""
    from charrnn.text.normal import normalized

    return in_known_form(normalized(text, reading.normalize), model)


def in_known_form(text: str, model: "CharRNN") -> str:
    """The text with its accents composed or decomposed, if that makes more of it known to the model."""
    return KnownForm(model)(text)


class KnownForm:
    """Texts with their accents in the form that a model knows more of; each form is reported once."""

    def __init__(self, model: "CharRNN") -> None:
        self._vocabulary = model.vocabulary
        self._said: set[str] = set()

    def __call__(self, text: str) -> str:
        """The text in the form of which the model knows most."""
        if not self._vocabulary.missing(text):
            return text
        from charrnn.text.normal import WHERE, known_form, normalized

        form = known_form(text, self._vocabulary)
        if form and form not in self._said:
            self._said.add(form)
            say(
                f"charrnn: reading the text with {WHERE[form]} accents ({form}): "
                "the model knows more of its characters in this form"
            )
        return normalized(text, form)


def leave_out_unknown(text: str, model: "CharRNN") -> tuple[str, int]:
    """The text without the characters that the model does not know, and the number of those left out.

    They are named on stderr.
    """
    text = in_known_form(text, model)
    missing = model.vocabulary.missing(text)
    if not missing:
        return text, 0
    from charrnn.text.vocabulary import name_characters

    kept = text.translate(dict.fromkeys(map(ord, missing)))
    count = len(text) - len(kept)
    verb = "was" if count == 1 else "were"
    what = f"{counted(count, 'character')} that the model does not know {verb} left out"
    say(f"charrnn: {what}: {name_characters(missing)}")
    return kept, count
