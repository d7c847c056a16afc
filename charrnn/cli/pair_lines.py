"""The lines that commands which look into a model of pairs read: sources, perhaps with targets behind a tab."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from charrnn.cli.own_text import VALIDATION_TEXT, corpus_name
from charrnn.cli.terminal import say
from charrnn.errors import DataError
from charrnn.runs import title_of
from charrnn.text.sources import MAX_STREAM
from charrnn.wording import counted

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.pairs.model import PairNetwork


@dataclass(frozen=True)
class PairLines:
    """A model of pairs, edited as the options say, and where the lines that it reads come from."""

    model: "PairNetwork"
    loaded: "Checkpoint"
    names: tuple[str, ...]
    """Lines, or files of lines; none: the sources of the model's own validation pairs."""
    max_chars: int | None
    """Characters of the sources that are read."""

    @property
    def title(self) -> str:
        """The name of the model: its run, or its file."""
        return title_of(self.loaded)

    def origin(self, count: int) -> str:
        """What a number of sources that were read are, in words: "3 validation sources of dates"."""
        from charrnn.cli.inputs import name_texts

        if self.names:
            return f"{counted(count, 'source')} of {name_texts(self.names)}"
        corpus = corpus_name(self.loaded.run.get("corpus") or {})
        return f"{counted(count, 'validation source')} of {corpus}"

    def read(self, most: int | None = None, own: int | None = None) -> list[tuple[str, str | None]]:
        """The sources, each with the target behind its tab; those that are to be written are None.

        Args:
            most: maximum number of lines.
            own: the same for validation pairs, which have VALIDATION_TEXT characters if no other number is given.

        Raises:
            DataError: there is nothing to read.
        """
        if self.names:
            kept, has_more = _first(self._given(), self.max_chars, most)
        else:
            kept, has_more = _first(self._own(), self.max_chars or VALIDATION_TEXT, own)
            say(f"charrnn: no text given; reading {counted(len(kept), 'validation source')}")
        if not kept:
            raise DataError("there is no text to read")
        if has_more and self.names:
            count = counted(len(kept), "source")
            say(f"charrnn: reading stopped after {count}; --max-chars reads more")
        cut = self._readable([line.partition("\t") for line in kept])
        if not self.model.config.writes and any(tab for _, tab, _ in cut):
            say("charrnn: the model has no decoder; only sources are read, not what follows a tab")
            return [(source, None) for source, _, _ in cut]
        return [(source, target if tab else None) for source, tab, target in cut]

    def _readable(self, cut: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
        """The lines without those of whose source the model knows no character, unless it knows nothing at all."""
        from charrnn.text.pairs import Labels, known_rows

        symbols = self.model.source_symbols
        if isinstance(symbols, Labels):
            return cut
        found = [line for line in cut if known_rows(line[0], symbols).any()]
        if found and (lost := len(cut) - len(found)):
            verb = "was" if lost == 1 else "were"
            say(f"charrnn: {counted(lost, 'source')} of unknown characters alone {verb} left out")
        return found or cut

    def _given(self) -> Iterator[str]:
        from charrnn.cli.arriving import open_lines
        from charrnn.runs import reading_of

        reading = reading_of(self.loaded)
        texts = open_lines(self.names, reading)
        lines = chain.from_iterable(part for text in texts for part in text.lists(reading))
        left = MAX_STREAM
        for line in lines:
            left -= len(line) + 1
            if left < 0:
                raise DataError(
                    f"there are more than {MAX_STREAM:,} characters to read, too many to be held in memory",
                    "read fewer with --max-chars",
                )
            if line:
                yield line

    def _own(self) -> list[str]:
        from charrnn.cli.own_corpus import read_own_corpus

        corpus = read_own_corpus(self.loaded, hint="or give a source: MODEL 'SOURCE'")
        pairs = corpus.pairs(corpus.val)  # type: ignore[attr-defined]
        return [source for source, _ in pairs]


def _first(
    lines: Iterable[str], characters: int | None, most: int | None
) -> tuple[list[str], bool]:
    """The first lines, one at least, whose sources have a number of characters together, and whether there are more."""
    kept: list[str] = []
    for line in lines:
        length = len(line.partition("\t")[0])
        if (characters is not None and kept and length > characters) or len(kept) == most:
            return kept, True
        kept.append(line)
        characters = None if characters is None else characters - length
    return kept, False
