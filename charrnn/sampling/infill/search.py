"""Infilling: fill the gaps of a text, given both sides, by beam search with a left-to-right model.

    ROMEO: ____ the sun        p(gap | "ROMEO: ", " the sun") ∝ p(gap | "ROMEO: ") · p(" the sun" | "ROMEO: " gap)

The model itself only looks back. So the search keeps many hypotheses of a gap side by side, as rows of one batch, adds a
character to each, and lets the complete ones read the text behind the gap: they are scored by the log-probability of
both. More hypotheses read that text than continue to grow (READ_FACTOR), and half of them are dropped at each of
its characters, so that a gap whose end is unlikely by itself is not lost before it is seen to fit.

With several gaps the hypotheses that have read up to a gap are the beginnings for the next. With a gap of variable
length all lengths compete by the log-probability of gap and text behind it, which is the true posterior; a longer gap
has more characters to pay for, and wins if it fits that much better.

At a temperature above 0 the hypotheses are not the best but a sample (see `prune`), and the infilling is drawn from
them: sequential Monte Carlo towards p(gaps | text around them)^(1/temperature). If the beam holds all possible
fillings, this is exact; if not, a wider beam comes closer.

The compromise: no search that prunes can promise the very best infilling; a wider beam looks further.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from charrnn.config import BEAM, BEAM_OF_DRAWS
from charrnn.errors import DataError, SettingError, UsageError
from charrnn.model import CharRNN
from charrnn.numerics import Ids, Mask, odds
from charrnn.sampling.infill.beam import READ_FACTOR, Beam
from charrnn.sampling.infill.hypotheses import NOTHING, Hypotheses
from charrnn.sampling.infill.pruning import log_weights
from charrnn.sampling.infill.template import Template, parse_template
from charrnn.sampling.rules import draw
from charrnn.sampling.sampler import full_prompt, read_prompt
from charrnn.settings import require
from charrnn.text.kinds import end_name, item_noun
from charrnn.text.utf8 import BETWEEN, FORBIDDEN, Table, spelling_table

MAX_NUMBERS = 1 << 26
"""Memory limit: numbers in the logits and states of all hypotheses."""


@dataclass(frozen=True)
class Infilling:
    """One way to fill the gaps of a template."""

    gaps: tuple[str, ...]
    """The text in each gap."""
    text: str
    """The complete text, gaps filled."""
    log_probability: float
    """Log-probability, in nats, of everything from the first gap to the end, given what precedes it; of a line with
    the newline that ends it."""
    characters: int
    """Number of characters that `log_probability` covers."""

    @property
    def mean_log_probability(self) -> float:
        """Log-probability per character, in nats."""
        return self.log_probability / self.characters


def infill(
    model: CharRNN,
    template: str | Template,
    *,
    count: int = 1,
    beam: int | None = None,
    temperature: float = 0.0,
    seed: int | None = None,
    banned: Mask | None = None,
    newlines: bool = False,
    item_end: str | None = None,
    progress: Callable[[int], object] | None = None,
) -> Iterator[Infilling]:
    """Fill the gaps of a text.

    Args:
        model: the model that scores the infillings.
        template: the text, with underscores for what is missing: see `parse_template`. If it begins with a gap, the
            model reads a newline first, if it knows it, so that the text begins like a line.
        count: how many infillings. There are fewer if the search ends with fewer distinct ones.
        beam: hypotheses kept at each character; None: BEAM for the most likely, BEAM_OF_DRAWS for draws.
        temperature: 0 gives the most likely infillings, each once, best first. Above it they are draws, each from a
            search of its own, so that they do not depend on how many are asked for; one may come twice.
        seed: determines the random numbers, together with the draw's number; None takes a random seed.
        banned: symbols that no gap may hold, (V,). The unknown symbol is never used.
        newlines: whether a gap may hold newlines.
        item_end: the template is a whole line (record, document), as a model of such items reads it: between two ends.
        progress: called with 1 after each character of a gap in a search.

    Raises:
        DataError: the text has characters that the model does not know, or several items where one is wanted.
            Raised at once, not at the first infilling, like what follows.
        UsageError: the template has no gap, nothing can fill it, or the search would need too much memory.
        CheckpointError: the predictions overflow, as they do when a model's weights are enormous.

    Example:
        next(infill(model, "ROMEO: ____ the sun")).text
    """
    if isinstance(template, str):
        template = parse_template(template)
    beam = default_beam(temperature) if beam is None else beam
    _check(count, beam, temperature, seed)
    texts = [*template.texts, "\n" if newlines else ""]
    if item_end is not None and any(item_end in text for text in texts):
        raise DataError(
            f"the template has a {end_name(item_end)}, but a single {item_noun(item_end)} is generated"
        )
    table = _gap_table(model, banned, newlines=newlines, item_end=item_end)
    search = _Search(model, template, beam, table, item_end=item_end, progress=progress)
    return search.best(count) if temperature == 0 else search.draws(count, temperature, seed)


def default_beam(temperature: float) -> int:
    """The beam width if none is given."""
    return BEAM_OF_DRAWS if temperature else BEAM


def _check(count: int, beam: int, temperature: float, seed: int | None) -> None:
    require(beam >= 1, "beam", "a whole number, 1 or more", beam)
    require(count >= 1, "count", "a whole number, 1 or more", count)
    is_valid = 0 <= temperature < math.inf
    require(is_valid, "temperature", "a finite number, 0 or more", temperature)
    require(seed is None or seed >= 0, "seed", "a whole number, 0 or more", seed)
    if temperature == 0 and count > beam:
        raise SettingError.naming(
            f"a beam of {beam:,} cannot find {count:,} infillings",
            f"set {{beam}} to {count:,} or more",
        )


def _gap_table(
    model: CharRNN, banned: Mask | None, *, newlines: bool, item_end: str | None = None
) -> Table:
    """The spelling table of what a gap may hold."""
    vocabulary = model.vocabulary
    mask = np.zeros(len(vocabulary), np.bool_) if banned is None else banned.copy()
    for end in {item_end, None if newlines else "\n"} - {None}:
        if not vocabulary.missing(str(end)):
            mask[vocabulary.encode(str(end))] = True
    table = spelling_table(vocabulary, mask)
    if (table[BETWEEN] == FORBIDDEN).all():
        raise UsageError(
            f"nothing can fill the gap: all of the model's {len(vocabulary):,} symbols are banned"
        )
    return table


class _Search:
    """A template ready to be filled by a model; see `infill` for the arguments."""

    def __init__(
        self,
        model: CharRNN,
        template: Template,
        beam: int,
        table: Table,
        *,
        item_end: str | None,
        progress: Callable[[int], object] | None,
    ) -> None:
        self.model, self.template, self.beam, self.table = model, template, beam, table
        self.progress = progress
        self.places = 4 if model.vocabulary.level == "byte" else 1
        """Places for the symbols of one character."""
        self._check_memory()
        first, *others = template.texts
        behind = [*others[:-1], others[-1] + (item_end or "")]
        self.characters_behind = sum(map(len, behind))
        try:
            self.behind = [model.vocabulary.encode(text) for text in behind]
            self.start = self._start(full_prompt(model, first, item_end=item_end))
        except DataError as error:
            raise DataError(
                f"the template has characters that are {error.message}", error.hint
            ) from error

    def _check_memory(self) -> None:
        config, width = self.model.config, self.template.longest * self.places
        units = config.num_layers * config.hidden_size * len(self.model.cell.carried)
        largest = MAX_NUMBERS // (READ_FACTOR * (config.vocab_size + units + width))
        if self.beam > largest:
            raise SettingError.naming(
                f"a beam of {self.beam:,} would need too much memory with this model",
                f"set {{beam}} to {largest:,} or less",
            )

    def _start(self, text: str) -> Hypotheses:
        """One hypothesis, which has read the text before the first gap."""
        logits, state = read_prompt(self.model, self.model.vocabulary.encode(text).tolist())
        width = self.template.longest * self.places
        return Hypotheses(
            np.zeros(1),
            np.zeros(1),
            np.full((1, width), NOTHING, np.int32),
            logits[None],
            tuple(tuple(array[None] for array in layer) for layer in state),
        )

    def best(self, count: int) -> Iterator[Infilling]:
        """The most likely infillings that the search finds."""
        hypotheses = self._run(0.0, np.random.default_rng(0))
        for row in np.argsort(-hypotheses.log_p, kind="stable")[:count]:
            yield self._infilling(hypotheses, int(row))

    def draws(self, count: int, temperature: float, seed: int | None) -> Iterator[Infilling]:
        """One infilling from each of `count` searches."""
        entropy = np.random.SeedSequence(seed).entropy
        for index in range(count):
            seeds = np.random.SeedSequence(entropy, spawn_key=(index,))
            generator = np.random.default_rng(seeds)
            hypotheses = self._run(temperature, generator)
            weights = log_weights(hypotheses.log_p, hypotheses.log_kept, temperature)
            yield self._infilling(hypotheses, int(draw(odds(weights), generator.random())))

    def _infilling(self, hypotheses: Hypotheses, row: int) -> Infilling:
        gaps = self._gaps(hypotheses.symbols[row])
        text = "".join(piece for piece, _ in self.template.pieces(gaps))
        characters = sum(map(len, gaps)) + self.characters_behind
        return Infilling(gaps, text, float(hypotheses.log_p[row]), characters)

    def _gaps(self, symbols: Ids) -> tuple[str, ...]:
        """The text in each gap, from a hypothesis's symbols (W,)."""
        ends = np.cumsum([gap.longest * self.places for gap in self.template.gaps])[:-1]
        parts = np.split(symbols, ends)
        return tuple(self.model.vocabulary.decode(part[part != NOTHING]) for part in parts)

    def _run(self, temperature: float, generator: np.random.Generator) -> Hypotheses:
        """The hypotheses that have filled all gaps and read all texts; at most `beam`, no two with the same text."""
        args = (self.model, self.beam, self.table, self.places, self._distinct)
        beam = Beam(*args, temperature, generator, self.progress)
        hypotheses, place = self.start, 0
        for gap, behind in zip(self.template.gaps, self.behind, strict=True):
            hypotheses = beam.fill_gap(hypotheses, gap, place, behind)
            place += gap.longest * self.places
        return hypotheses

    def _distinct(self, hypotheses: Hypotheses) -> Hypotheses:
        """The first hypothesis of each text: gaps of variable length can divide one text in several ways."""
        if len(self.template.gaps) == 1:
            return hypotheses
        first: dict[str, int] = {}
        for row, symbols in enumerate(hypotheses.symbols):
            pieces = self.template.pieces(self._gaps(symbols))
            first.setdefault("".join(piece for piece, _ in pieces), row)
        return hypotheses.take(np.array(list(first.values())))
