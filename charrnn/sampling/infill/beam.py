"""The beam of an infilling: hypotheses fill a gap character by character, and read the text behind it.

It knows gaps but no template; `charrnn.sampling.infill.search` fills one gap after another.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from charrnn.model import CharRNN
from charrnn.numerics import Ids, log_softmax
from charrnn.sampling.infill.hypotheses import Hypotheses
from charrnn.sampling.infill.pruning import prune
from charrnn.sampling.infill.template import Gap
from charrnn.text.utf8 import BETWEEN, FORBIDDEN, Table

READ_FACTOR = 8
"""How many times the beam begins to read the text behind a gap."""


@dataclass(frozen=True)
class Beam:
    """A beam search, from the first gap to the end."""

    model: CharRNN
    width: int
    """Hypotheses kept at each character."""
    table: Table
    """The spelling table of what a gap may hold."""
    places: int
    """Places in `Hypotheses.symbols` for the symbols of one character."""
    distinct: Callable[[Hypotheses], Hypotheses]
    """Removes hypotheses with the text of another."""
    temperature: float
    generator: np.random.Generator
    progress: Callable[[int], object] | None = None
    """Called with 1 after each character of a gap."""

    def fill_gap(self, growing: Hypotheses, gap: Gap, place: int, behind: Ids) -> Hypotheses:
        """The hypotheses that have filled a gap and read the text behind it.

        Args:
            growing: the hypotheses before the gap.
            gap: how many characters it may have.
            place: place of its first symbol in `symbols`.
            behind: the text behind it, (T,).
        """
        filled = growing.none()
        for length in range(1, gap.longest + 1):
            is_complete = length >= gap.shortest
            width = self.width * READ_FACTOR if is_complete else self.width
            growing = self._grow(growing, place, width)
            if is_complete:
                filled = filled.with_more(self._read(growing, behind))
                filled = self._narrow(self.distinct(filled), self.width)
                growing = self._narrow(growing, self.width)
            place += self.places
            if self.progress:
                self.progress(1)
        return filled

    def _grow(self, hypotheses: Hypotheses, place: int, width: int) -> Hypotheses:
        """Extend the hypotheses by one character, one to four symbols in a model of bytes, and keep at most `width`."""
        table, complete = self.table, hypotheses.none()
        spelt = np.full(len(hypotheses), BETWEEN)
        while len(hypotheses):
            parents, symbols = (table[spelt] != FORBIDDEN).nonzero()
            log_p = hypotheses.log_p[parents] + log_softmax(hypotheses.logits)[parents, symbols]
            kept, log_kept = prune(
                np.concatenate([complete.log_p, log_p]),
                np.concatenate([complete.log_kept, hypotheses.log_kept[parents]]),
                width,
                self.temperature,
                self.generator,
            )
            old, new = kept[kept < len(complete)], kept[kept >= len(complete)] - len(complete)
            complete = replace(complete.take(old), log_kept=log_kept[: len(old)])
            parents, symbols = parents[new], symbols[new]
            hypotheses = replace(
                hypotheses.take(parents), log_p=log_p[new], log_kept=log_kept[len(old) :]
            )
            hypotheses.symbols[:, place] = symbols
            hypotheses = self._step(hypotheses, symbols)
            spelt = table[spelt[parents], symbols]
            complete = complete.with_more(hypotheses.take(spelt == BETWEEN))
            hypotheses, spelt = hypotheses.take(spelt != BETWEEN), spelt[spelt != BETWEEN]
            place += 1
        return complete

    def _read(self, hypotheses: Hypotheses, text: Ids) -> Hypotheses:
        """Let the hypotheses read a text; half of them are dropped at each symbol until the beam is left."""
        for symbol in text.tolist():
            log_p = log_softmax(hypotheses.logits)[:, symbol]
            hypotheses = replace(hypotheses, log_p=hypotheses.log_p + log_p)
            hypotheses = self._narrow(hypotheses, max(self.width, len(hypotheses) // 2))
            hypotheses = self._step(hypotheses, np.full(len(hypotheses), symbol))
        return hypotheses

    def _step(self, hypotheses: Hypotheses, symbols: Ids) -> Hypotheses:
        """Let each hypothesis read its symbol, (N,)."""
        logits, state, _ = self.model.step(symbols, hypotheses.state)
        return replace(hypotheses, logits=logits, state=state)

    def _narrow(self, hypotheses: Hypotheses, width: int) -> Hypotheses:
        """Prune the hypotheses to at most `width`."""
        kept, log_kept = prune(
            hypotheses.log_p, hypotheses.log_kept, width, self.temperature, self.generator
        )
        return replace(hypotheses.take(kept), log_kept=log_kept)
