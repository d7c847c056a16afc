"""Every way to name a text: corpora, files and standard input; and the user's cache."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.terminal import is_quiet, say
from charrnn.config import CorpusConfig
from charrnn.errors import DataError, UsageError
from charrnn.wording import counted, escape

if TYPE_CHECKING:
    from charrnn.model import CharRNN
    from charrnn.text.corpus import Corpus
    from charrnn.text.sources import TextSource
    from charrnn.text.vocabulary import Vocabulary

FILE_ENDINGS = (".txt", ".md", ".csv", ".json", ".jsonl", ".html", ".py", ".tex", ".log", ".gz")
"""Endings of words that are taken for a file's name even if there is no such file."""


def user_cache() -> Path:
    """The per-user folder for downloads and encoded corpora."""
    from platformdirs import user_cache_path

    return user_cache_path("charrnn")


def stdin_source() -> "TextSource":
    """Standard input as a source.

    Raises:
        UsageError: it is closed, or a terminal.
    """
    from charrnn.text.sources import spooled_source

    if sys.stdin is None:
        raise UsageError("standard input is closed", "pipe a text in: cat book.txt | charrnn ...")
    if sys.stdin.isatty():
        raise UsageError(
            "standard input is a terminal", "pipe a text in: cat book.txt | charrnn ..."
        )
    return spooled_source(sys.stdin.buffer, "standard input")


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
) -> "Corpus":
    """Read the texts that CORPUS arguments name; for the rest see `read_corpus`."""
    import dataclasses

    from charrnn.text.catalog import PYTHON, PYTHON_CHARS, find_sources
    from charrnn.text.corpus import read_corpus
    from charrnn.text.sources import Notes

    folder = cache or user_cache()
    notes = Notes()
    bar = None if is_quiet() else _bar
    sources = find_sources(
        list(names), config, cache=folder, notes=notes, stdin=stdin_source, progress=bar
    )
    if list(names) == [PYTHON.name] and not Path(PYTHON.name).exists() and config.max_chars is None:
        config = dataclasses.replace(config, max_chars=PYTHON_CHARS)
    return read_corpus(
        sources,
        config,
        cache=folder,
        notes=notes,
        vocabulary=vocabulary,
        extend=extend,
        hint=hint,
    )


def read_text(source: "TextSource", config: CorpusConfig) -> str:
    """A text for a model, read as its corpus was.

    Args:
        source: the text.
        config: how to read it; see `charrnn.runs.reading_of`.

    Raises:
        DataError: it is not UTF-8 and has no byte order mark.
    """
    from charrnn.text.pieces import read_pieces
    from charrnn.text.sources import Notes

    try:
        text = "".join(read_pieces(source, config, Notes()))
    except DataError as error:
        raise without_training_hint(error) from error
    if config.level == "byte":
        return text.encode("latin-1").decode("utf-8", "surrogateescape")
    return text


def without_training_hint(error: DataError) -> DataError:
    """An error in a text, with a hint that names no settings of `train`."""
    hint = error.hint
    if error.names_settings:
        hint = "convert it to UTF-8 first: iconv -f ITS-ENCODING -t UTF-8"
    return DataError(error.message, hint)


def file_text(name: str, config: CorpusConfig) -> str:
    """The text of a file, or of standard input for `-`."""
    from charrnn.text.sources import named_source

    return read_text(stdin_source() if name == "-" else named_source(name), config)


def given_text(text: str, config: CorpusConfig) -> str:
    """What a TEXT argument means: a file's text, that of standard input for `-`, or itself.

    A word that is not a file is read as text, which is reported because it may be a misspelled name.

    Raises:
        DataError: the text ends like a file name, but the file is missing or cannot be read.
    """
    from charrnn.text.normal import normalized

    is_word = not any(map(str.isspace, text))
    is_file = text == "-" or _is_file(text) or (is_word and text.endswith(FILE_ENDINGS))
    if is_word and not is_file:  # it looks like a name
        say(f"charrnn: there is no file {escape(text[:60])!r}; reading it as text")
    return file_text(text, config) if is_file else normalized(text, config.normalize)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or with a NUL: a text
        return False


def in_known_form(text: str, model: "CharRNN") -> str:
    """The text with its accents composed or decomposed as the model's are, if that makes more of it known."""
    if model.vocabulary.missing(text):
        from charrnn.text.normal import WHERE, known_form, normalized

        if form := known_form(text, model.vocabulary):
            say(
                f"charrnn: the model's accents are {WHERE[form]} ({form}); the text is read that way"
            )
            return normalized(text, form)
    return text


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
