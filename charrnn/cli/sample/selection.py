"""Which samples `charrnn sample` generates, and which of them it keeps."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from charrnn.config import ENDS, LARGE_COUNT, SEVERAL, CorpusConfig
from charrnn.settings import Config, setting

if TYPE_CHECKING:
    from charrnn.model import CharRNN
    from charrnn.sampling.novelty import Novelty
    from charrnn.sampling.selection import Selection


@dataclass(frozen=True, kw_only=True)
class SelectionOptions(Config):
    """How many samples are generated, what they are, and which are kept."""

    count: int = setting(1, "Number of samples.", low=1, high=LARGE_COUNT)
    lines: bool | None = setting(
        None,
        "Generate single lines, each up to its newline.",
        default_text="as the model was trained",
        panel=ENDS,
    )
    separator: str | None = setting(
        None,
        r"Text between two samples; \n is a newline, \0 a zero byte.",
        metavar="TEXT",
        default_text="an empty line; single lines keep their newlines",
        escapes=True,
        excludes=("json",),
        panel=SEVERAL,
    )
    unique: bool = setting(False, "Drop samples that repeat an earlier one.", panel=SEVERAL)
    novel: tuple[str, ...] = setting(
        (),
        "Drop samples that occur in this text: as its lines, or with more than {novel_length} consecutive characters. "
        "May be repeated.",
        metavar="CORPUS",
        panel=SEVERAL,
    )
    novel_length: int = setting(
        50,
        "Maximum consecutive characters that a sample may share with the text of {novel}.",
        low=1,
        high=LARGE_COUNT,
        needs=("novel",),
        panel=SEVERAL,
    )
    best_of: int = setting(
        1,
        "Generate each sample K times, and keep the one with the highest mean log-probability per character.",
        low=1,
        high=1_000_000,
        metavar="K",
        panel=SEVERAL,
    )


def make_selection(options: SelectionOptions, model: "CharRNN") -> "Selection":
    """The selection that the options describe; the text of --novel is read for it.

    Raises:
        DataError: that text cannot be read.
    """
    from charrnn.sampling.selection import Selection

    novelty = _novelty(options, model) if options.novel else None
    return Selection(options.count, options.best_of, options.unique, novelty)


def _novelty(options: SelectionOptions, model: "CharRNN") -> "Novelty":
    """The text whose copies are dropped, read as a corpus of the model's kind."""
    from charrnn.cli.inputs import open_corpus, without_training_hint
    from charrnn.errors import DataError
    from charrnn.sampling.novelty import Novelty

    symbols = model.vocabulary
    keep = symbols.level == "char" and ord("\r") in symbols.symbols
    config = CorpusConfig(level=symbols.level, keep_newlines=keep)
    try:
        corpus = open_corpus(list(options.novel), config)
    except DataError as error:
        raise without_training_hint(error) from error
    return Novelty([corpus.vocabulary.decode(corpus.ids)], options.novel_length)
