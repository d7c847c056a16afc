"""Which samples `charrnn sample` generates, and which of them it keeps."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from charrnn.cli.inputs import NAMED
from charrnn.config import ENDS, LARGE_COUNT, SEVERAL, CorpusConfig
from charrnn.settings import Config, setting
from charrnn.text.kinds import LINES, item_end_of

if TYPE_CHECKING:
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
        default_text="as in the corpus; an empty line; single lines keep their newlines",
        escapes=True,
        excludes=("json",),
        panel=SEVERAL,
    )
    unique: bool = setting(False, "Drop samples that repeat an earlier one.", panel=SEVERAL)
    novel: tuple[str, ...] = setting(
        (),
        "Drop samples that occur in this text: as its lines (or records, or documents), or with more than "
        f"{{novel_length}} consecutive characters. It is {NAMED}. May be repeated.",
        metavar="FILE|-",
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

    def item_end(self, reading: CorpusConfig) -> str | None:
        """The end of a single item, if single ones are generated: as the model was trained, unless that was given."""
        if self.lines is None:
            return item_end_of(reading)
        return LINES.end if self.lines else None

    def between(self, reading: CorpusConfig) -> str | None:
        """The text between two samples: as given, or as between two records of the corpus; None: the usual one."""
        if self.separator is not None or reading.separator is None:
            return self.separator
        return between_items(reading)


def between_items(reading: CorpusConfig) -> str:
    """The text between two records or documents of a corpus, in place of the character that ends them for the model."""
    own = reading.separator
    if own is None:
        return "\n\n"
    return own if "\n" in own else f"\n{own}\n"


def make_selection(options: SelectionOptions, reading: CorpusConfig) -> "Selection":
    """The selection that the options describe; the text of --novel is read for it.

    Raises:
        DataError: that text cannot be read.
    """
    from charrnn.sampling.selection import Selection

    novelty = _novelty(options, reading) if options.novel else None
    return Selection(options.count, options.best_of, options.unique, novelty)


def _novelty(options: SelectionOptions, reading: CorpusConfig) -> "Novelty":
    """The text whose copies are dropped, read as the model's corpus was."""
    from charrnn.cli.inputs import find_texts, streams_in, without_training_hint
    from charrnn.cli.work import reading_streams
    from charrnn.errors import DataError
    from charrnn.sampling.novelty import Novelty
    from charrnn.text.corpus import read_corpus
    from charrnn.text.opening import user_cache
    from charrnn.text.sources import in_memory

    try:
        with reading_streams(streams_in(options.novel)):
            sources = map(in_memory, find_texts(options.novel, reading, words=False))
            corpus = read_corpus(list(sources), reading, cache=user_cache())
    except DataError as error:
        raise without_training_hint(error) from error
    return Novelty(
        [corpus.vocabulary.decode(corpus.ids)], options.novel_length, corpus.item_end or LINES.end
    )
