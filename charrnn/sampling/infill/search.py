"""What may stand in the gaps of a text, given both sides: a beam search over a model that reads forwards.

    ROMEO: ____ the sun        p(gap | "ROMEO: ", " the sun") ∝ p(gap | "ROMEO: ") · p(" the sun" | "ROMEO: " gap)

The model itself only looks back. So the search keeps many beginnings of a gap side by side, as lanes of one batch, adds
a character to each, and lets those that are complete read the text behind the gap: what they are judged by is the
log-probability of both. More lanes begin to read that text than go on writing (WIDER), and half of them drop out at
each of its characters, so that a gap whose end is unlikely by itself is not lost before it is seen to fit.

With several gaps the lanes that have read up to a gap are the beginnings for the next. With a gap of several lengths
all lengths compete by the log-probability of gap and text behind it, which is the true posterior; a longer gap has
more characters to pay for, and is chosen if it fits so much better.

At a temperature above 0 the lanes are not the best but a sample (see `prune`), and the filling is drawn from them:
sequential Monte Carlo on the way to p(gaps | text around them)^(1/temperature). Where the beam holds all that could
stand there, this is exact; where it does not, it comes the nearer the wider the beam.

The honest compromise: no search that prunes can promise the very best filling; a wider beam looks further.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from charrnn.errors import DataError, UsageError
from charrnn.model import CharRNN, Float, States
from charrnn.numerics import log_softmax, odds
from charrnn.sampling import prime
from charrnn.sampling.constraint.bytes import BETWEEN, FORBIDDEN, Table, spelling
from charrnn.sampling.infill.pruning import log_weights, prune
from charrnn.sampling.infill.template import Gap, Template, parse_template
from charrnn.sampling.rules import Float64, draw
from charrnn.settings import require
from charrnn.text.vocabulary import Ids

BEAM, BEAM_OF_DRAWS = 512, 128
"""Lanes that go on at each character, unless the user says otherwise. A sample needs fewer to be as good."""
WIDER = 8
"""Times as many lanes begin to read the text behind a gap."""
MOST_NUMBERS = 1 << 26
"""In the logits and states of all lanes, at most."""
NOTHING = -1
"""Stands in `_Lanes.written` where no symbol was written."""


@dataclass(frozen=True)
class Filling:
    """One way to fill the gaps of a template."""

    gaps: tuple[str, ...]
    """What stands in each."""
    text: str
    """The whole text."""
    log_probability: float
    """Of all from the first gap to the end, given what precedes it, in nats; of a line with its end."""
    characters: int
    """That this is the log-probability of."""

    @property
    def mean_log_probability(self) -> float:
        """The same per character."""
        return self.log_probability / self.characters


def fill(
    model: CharRNN,
    template: str | Template,
    *,
    count: int = 1,
    beam: int | None = None,
    temperature: float = 0.0,
    seed: int | None = None,
    banned: npt.NDArray[np.bool_] | None = None,
    newlines: bool = False,
    line: bool = False,
) -> Iterator[Filling]:
    """Fill the gaps of a text.

    Args:
        model: judges the fillings.
        template: the text, with underscores for what is missing: see `parse_template`. If it begins with a gap, the
            model reads a newline first, if it knows it, so that the text begins as a line does.
        count: how many fillings. Fewer come if the search ends with fewer different ones.
        beam: lanes that go on at each character; None: BEAM for the likeliest, BEAM_OF_DRAWS for draws.
        temperature: 0 gives the likeliest fillings, each once, best first. Above it they are draws, each from a search
            of its own, so that they do not depend on how many are asked for; a filling may come twice.
        seed: with the draw's number it makes its stream of random numbers; None takes a fresh one.
        banned: (V,) symbols that are not written into a gap. The unknown symbol never is.
        newlines: whether a gap may hold newlines.
        line: the template is a whole line, as a model of lines reads it: between two newlines.

    Raises:
        DataError: the text has characters that the model does not know, or lines where one is wanted (both are raised
            at once, as is what follows).
        UsageError: the template has no gap, or a setting cannot be obeyed: nothing may be written, or the search
            would need too much memory.
        CheckpointError: the predictions overflow, as they do when a model's weights are enormous.

    Example:
        next(fill(model, "ROMEO: ____ the sun")).text
    """
    if isinstance(template, str):
        template = parse_template(template)
    beam = default_beam(temperature) if beam is None else beam
    _check(count, beam, temperature, seed)
    if line and (newlines or any("\n" in text for text in template.texts)):
        raise DataError("the template has a newline, and is to be one line")
    search = _Search(model, template, beam, _table(model, banned, newlines=newlines), line=line)
    return search.best(count) if temperature == 0 else search.draws(count, temperature, seed)


def default_beam(temperature: float) -> int:
    """The beam if none is asked for."""
    return BEAM_OF_DRAWS if temperature else BEAM


def _check(count: int, beam: int, temperature: float, seed: int | None) -> None:
    require(beam >= 1, "beam", "a whole number, 1 or more", beam)
    require(count >= 1, "count", "a whole number, 1 or more", count)
    fits = 0 <= temperature < math.inf
    require(fits, "temp", "a finite number, 0 or more", temperature)
    require(seed is None or seed >= 0, "seed", "a whole number, 0 or more", seed)
    if temperature == 0 and count > beam:
        raise UsageError(
            f"a beam of {beam:,} cannot find {count:,} fillings", f"take --beam {count} or more"
        )


def _table(model: CharRNN, banned: npt.NDArray[np.bool_] | None, *, newlines: bool) -> Table:
    """What may be written into a gap."""
    vocabulary = model.vocabulary
    mask = np.zeros(len(vocabulary), np.bool_) if banned is None else banned.copy()
    if not newlines and "\n" not in vocabulary.missing("\n"):
        mask[vocabulary.encode("\n")] = True
    table = spelling(vocabulary, mask)
    if (table[BETWEEN] == FORBIDDEN).all():
        raise UsageError(
            f"nothing may stand in the gap: all of the model's {len(vocabulary):,} symbols are banned"
        )
    return table


@dataclass(frozen=True)
class _Lanes:
    """N hypotheses. Legend: N lanes, V symbols, W places for symbols in all gaps."""

    log_p: Float64
    """(N,) log-probability of all from the first gap on."""
    log_kept: Float64
    """(N,) see `prune`."""
    written: npt.NDArray[np.int32]
    """(N, W) the symbols in the gaps, each at its place, or NOTHING."""
    logits: Float
    """(N, V) for the next symbol."""
    state: States

    def __len__(self) -> int:
        return len(self.log_p)

    def take(self, lanes: npt.NDArray[np.integer | np.bool_]) -> "_Lanes":
        """Some of the lanes."""
        return _Lanes(
            self.log_p[lanes],
            self.log_kept[lanes],
            self.written[lanes],
            self.logits[lanes],
            tuple(tuple(array[lanes] for array in layer) for layer in self.state),
        )

    def with_more(self, other: "_Lanes") -> "_Lanes":
        """These lanes and others."""
        pairs = zip(self.state, other.state, strict=True)
        return _Lanes(
            np.concatenate([self.log_p, other.log_p]),
            np.concatenate([self.log_kept, other.log_kept]),
            np.concatenate([self.written, other.written]),
            np.concatenate([self.logits, other.logits]),
            tuple(tuple(map(np.concatenate, zip(*pair, strict=True))) for pair in pairs),
        )


class _Search:
    """A template, ready to be filled by a model; see `fill` for the arguments."""

    def __init__(
        self, model: CharRNN, template: Template, beam: int, table: Table, *, line: bool
    ) -> None:
        self.model, self.template, self.beam, self.table = model, template, beam, table
        self.places = 4 if model.vocabulary.level == "byte" else 1
        """For the symbols of a character."""
        self._check_memory()
        first, *others = template.texts
        behind = [*others[:-1], others[-1] + "\n" * line]
        self.characters_behind = sum(map(len, behind))
        try:
            self.behind = [model.vocabulary.encode(text) for text in behind]
            self.start = self._start(prime.before(model, first, line=line))
        except DataError as error:
            raise DataError(
                f"the template has characters that are {error.message}", error.hint
            ) from error

    def _check_memory(self) -> None:
        config, width = self.model.config, self.template.longest * self.places
        units = config.num_layers * config.hidden_size * len(self.model.cell.states)
        most = MOST_NUMBERS // (WIDER * (config.vocab_size + units + width))
        if self.beam > most:
            raise UsageError(
                f"a beam of {self.beam:,} would need too much memory with this model",
                f"take --beam {most} or less",
            )

    def _start(self, before: str) -> _Lanes:
        """One lane that has read what precedes the first gap."""
        logits, state = prime.after(self.model, self.model.vocabulary.encode(before).tolist())
        width = self.template.longest * self.places
        return _Lanes(
            np.zeros(1),
            np.zeros(1),
            np.full((1, width), NOTHING, np.int32),
            logits[None],
            tuple(tuple(array[None] for array in layer) for layer in state),
        )

    def best(self, count: int) -> Iterator[Filling]:
        """The likeliest fillings that the search finds."""
        found = self._run(0.0, np.random.default_rng(0))
        for lane in np.argsort(-found.log_p, kind="stable")[:count]:
            yield self._filling(found, int(lane))

    def draws(self, count: int, temperature: float, seed: int | None) -> Iterator[Filling]:
        """A filling from each of `count` searches."""
        entropy = np.random.SeedSequence(seed).entropy
        for index in range(count):
            stream = np.random.SeedSequence(entropy, spawn_key=(index,))
            generator = np.random.default_rng(stream)
            found = self._run(temperature, generator)
            weights = log_weights(found.log_p, found.log_kept, temperature)
            yield self._filling(found, int(draw(odds(weights), generator.random())))

    def _filling(self, lanes: _Lanes, lane: int) -> Filling:
        gaps = self._gaps(lanes.written[lane])
        text = "".join(piece for piece, _ in self.template.pieces(gaps))
        characters = sum(map(len, gaps)) + self.characters_behind
        return Filling(gaps, text, float(lanes.log_p[lane]), characters)

    def _gaps(self, written: Ids) -> tuple[str, ...]:
        """What stands in each gap of a lane, from its symbols (W,)."""
        ends = np.cumsum([gap.longest * self.places for gap in self.template.gaps])[:-1]
        parts = np.split(written, ends)
        return tuple(self.model.vocabulary.decode(part[part != NOTHING]) for part in parts)

    def _run(self, temperature: float, generator: np.random.Generator) -> _Lanes:
        """The lanes that have filled all gaps and read all texts; at most `beam`, no two of the same text."""
        run = _Run(self, temperature, generator)
        lanes, place = self.start, 0
        for gap, behind in zip(self.template.gaps, self.behind, strict=True):
            lanes = run.fill_gap(lanes, gap, place, behind)
            place += gap.longest * self.places
        return lanes

    def distinct(self, lanes: _Lanes) -> _Lanes:
        """The first lane of each text: several gaps of several lengths can divide one text in several ways."""
        if len(self.template.gaps) == 1:
            return lanes
        first: dict[str, int] = {}
        for lane, written in enumerate(lanes.written):
            pieces = self.template.pieces(self._gaps(written))
            first.setdefault("".join(piece for piece, _ in pieces), lane)
        return lanes.take(np.array(list(first.values())))


@dataclass(frozen=True)
class _Run:
    """One pass of a search from the first gap to the end."""

    search: _Search
    temperature: float
    generator: np.random.Generator

    def fill_gap(self, lanes: _Lanes, gap: Gap, place: int, behind: Ids) -> _Lanes:
        """The lanes that have filled a gap and read the text behind it.

        Args:
            lanes: those that stand before the gap.
            gap: how many characters it may have.
            place: of its first symbol in `written`.
            behind: (T,) the text behind it.
        """
        beam, found = self.search.beam, lanes.take(np.arange(0))
        for length in range(1, gap.longest + 1):
            complete = length >= gap.shortest
            lanes = self._one_more(lanes, place, beam * WIDER if complete else beam)
            if complete:
                found = found.with_more(self._read(lanes, behind))
                found = self._narrow(self.search.distinct(found), beam)
                lanes = self._narrow(lanes, beam)
            place += self.search.places
        return found

    def _one_more(self, lanes: _Lanes, place: int, width: int) -> _Lanes:
        """At most `width` lanes, one character longer; in a model of bytes by one to four symbols."""
        table, whole = self.search.table, lanes.take(np.arange(0))
        spelt = np.full(len(lanes), BETWEEN)
        while len(lanes):
            parents, symbols = (table[spelt] != FORBIDDEN).nonzero()
            log_p = lanes.log_p[parents] + log_softmax(lanes.logits)[parents, symbols]
            chosen, log_kept = prune(
                np.concatenate([whole.log_p, log_p]),
                np.concatenate([whole.log_kept, lanes.log_kept[parents]]),
                width,
                self.temperature,
                self.generator,
            )
            old, new = chosen[chosen < len(whole)], chosen[chosen >= len(whole)] - len(whole)
            whole = replace(whole.take(old), log_kept=log_kept[: len(old)])
            parents, symbols = parents[new], symbols[new]
            lanes = replace(lanes.take(parents), log_p=log_p[new], log_kept=log_kept[len(old) :])
            lanes.written[:, place] = symbols
            lanes = self._step(lanes, symbols)
            spelt = table[spelt[parents], symbols]
            whole = whole.with_more(lanes.take(spelt == BETWEEN))
            lanes, spelt = lanes.take(spelt != BETWEEN), spelt[spelt != BETWEEN]
            place += 1
        return whole

    def _read(self, lanes: _Lanes, text: Ids) -> _Lanes:
        """Let the lanes read a text; half of them drop out at each symbol until the beam is left."""
        for symbol in text.tolist():
            cost = log_softmax(lanes.logits)[:, symbol]
            lanes = replace(lanes, log_p=lanes.log_p + cost)
            lanes = self._narrow(lanes, max(self.search.beam, len(lanes) // 2))
            lanes = self._step(lanes, np.full(len(lanes), symbol))
        return lanes

    def _step(self, lanes: _Lanes, symbols: Ids) -> _Lanes:
        """Each lane reads its symbol."""
        logits, state, _ = self.search.model.step(symbols, lanes.state)
        return replace(lanes, logits=logits, state=state)

    def _narrow(self, lanes: _Lanes, width: int) -> _Lanes:
        """At most `width` of the lanes."""
        chosen, log_kept = prune(
            lanes.log_p, lanes.log_kept, width, self.temperature, self.generator
        )
        return replace(lanes.take(chosen), log_kept=log_kept)
