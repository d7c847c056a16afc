"""The search of a decoder: the most likely symbol at each step, or a beam of hypotheses, for many sources at once."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from charrnn.numerics import Float64, Mask, log_softmax
from charrnn.pairs.decoder import Encoded
from charrnn.pairs.model import PairNetwork
from charrnn.text.items import Positions
from charrnn.text.languages import Language, State
from charrnn.text.pairs import END
from charrnn.text.vocabulary import Vocabulary

ROWS = 256
"""Hypotheses that are computed side by side."""
BEHIND = 16
"""A decoder writes at most twice as much as the longest target in training, and this much more."""
FULL = 0.8
"""Part of the rows that must go on; if fewer do, those that have ended are left out from then on."""


@dataclass(frozen=True)
class Target:
    """A target that a model gives for a source."""

    text: str
    nats: float
    """Its negative log-probability; of `ctc` without a beam that of its best path."""
    is_whole: bool = True
    """Whether it came to its end before the longest that a decoder writes."""


def without(logits: npt.NDArray[Any], unknown: int | None) -> npt.NDArray[Any]:
    """Logits with which the unknown symbol is never written."""
    if unknown is not None:
        logits[..., unknown] = -np.inf
    return logits


def longest_written(model: PairNetwork) -> int:
    """The symbols after which a decoder that comes to no end is stopped."""
    return 2 * (model.config.longest_target or 0) + BEHIND


@dataclass(frozen=True)
class _Guide:
    """Which symbols may come next where targets are restricted, END among them."""

    language: Language
    end: int

    def barred(self, log_p: Float64, states: Sequence[State], left: int) -> Float64:
        """Log-probabilities (N, V), -inf where no target comes to END within `left` symbols, the next included."""
        known: dict[State, Mask] = {}
        for state in states:
            if state not in known:
                known[state] = self.language.allowed(state, left - 1)
                known[state][self.end] = self.language.accepts(state)
        masks = np.array([known[state] for state in states])
        return np.where(masks, log_p, -np.inf)


def _guide(model: PairNetwork, language: Language | None, end: int) -> tuple[_Guide | None, int]:
    """The guide to a language, and the symbols after which a decoder is stopped: what is allowed always fits."""
    longest = longest_written(model)
    if language is None:
        return None, longest
    return _Guide(language, end), max(longest, language.reach + 1)


def greedy(model: PairNetwork, encoded: Encoded, language: Language | None = None) -> list[Target]:
    """The most likely symbol at each step, until all rows have come to their ends.

    Args:
        model: the model.
        encoded: the sources.
        language: the targets that may be written; None: all.
    """
    decoder, symbols = model.decoder.given(encoded), model.decoder.vocabulary
    end = int(symbols.encode(END)[0])
    guide, longest = _guide(model, language, end)
    num_rows = len(encoded.final)
    ids, state = np.full(num_rows, end), decoder.initial_state(num_rows)
    rows, live = np.arange(num_rows), np.ones(num_rows, bool)  # those computed; which go on
    written, nats = np.full((longest, num_rows), end), np.zeros(num_rows)
    lengths = np.full(num_rows, longest)
    places: list[State] = [language.start] * num_rows if language else []
    for step in range(longest):
        logits, state, _ = decoder.step(ids, state)
        log_p = log_softmax(without(logits, symbols.unknown_id))
        if guide:
            log_p = guide.barred(log_p, places, longest - step)
        ids = np.where(live, log_p.argmax(-1), end)
        nats[rows[live]] -= log_p[live, ids[live]]
        written[step, rows] = ids
        lengths[rows[live & (ids == end)]] = step
        live &= ids != end
        if language:
            reading = zip(places, ids.tolist(), strict=True)
            places = [at if k == end else language.advance(at, k) for at, k in reading]
        if not live.any():
            break
        if live.mean() < FULL:
            decoder, rows, ids = decoder.rows(live), rows[live], ids[live]
            state = tuple(tuple(part[live] for part in layer) for layer in state)
            places, live = [*itertools.compress(places, live)], live[live]
    texts = _texts(written, lengths, symbols)
    scored = zip(texts, nats.tolist(), (lengths < longest).tolist(), strict=True)
    return [Target(*one) for one in scored]


def _texts(written: npt.NDArray[np.int64], lengths: Positions, symbols: Vocabulary) -> list[str]:
    """The texts of columns of ids, which have these lengths."""
    real = np.arange(len(written)) < lengths[:, None]
    whole, ends = symbols.decode(written.T[real]), [0, *lengths.cumsum().tolist()]
    return [whole[begin:end] for begin, end in itertools.pairwise(ends)]


class _Hypothesis(NamedTuple):
    """The beginning of a target."""

    score: float
    """Its log-probability."""
    symbols: tuple[int, ...] = ()
    place: State = None
    """How far it has come in the language of the targets."""


@dataclass
class _Search:
    """The search for the targets of one source."""

    alive: list[_Hypothesis]
    """The hypotheses that go on, the best first."""
    ended: list[_Hypothesis] = field(default_factory=list)

    def is_done(self, n_best: int) -> bool:
        """Whether no hypothesis that goes on can still be among the best."""
        if not self.alive:
            return True
        return len(self.ended) >= n_best and self.ended[n_best - 1].score >= self.alive[0].score


def beam_search(
    model: PairNetwork, encoded: Encoded, beam: int, n_best: int, language: Language | None = None
) -> Iterator[list[Target]]:
    """The likeliest targets of each source by a beam search: no length is favored but by its probability.

    Args:
        model: the model.
        encoded: the sources.
        beam: hypotheses that are kept at each step.
        n_best: targets for each source, at most.
        language: the targets that may be written; None: all.
    """
    decoder, symbols = model.decoder.given(encoded), model.decoder.vocabulary
    end = int(symbols.encode(END)[0])
    guide, longest = _guide(model, language, end)
    start = _Hypothesis(0.0, place=language.start if language else None)
    searches = [_Search([start]) for _ in encoded.final]
    ids, state = np.full(len(searches), end), decoder.initial_state(len(searches))
    for step in range(longest):
        logits, state, _ = decoder.step(ids, state)
        log_p = log_softmax(without(logits, symbols.unknown_id))
        if guide:
            places = [hypothesis.place for search in searches for hypothesis in search.alive]
            log_p = guide.barred(log_p, places, longest - step)
        rows, begin = [], 0
        for search in searches:
            count = len(search.alive)
            if not count:
                continue
            kept = _extended(search, log_p[begin : begin + count], end, beam, language)
            if search.is_done(n_best):
                search.alive, kept = [], []
            rows += [begin + k for k in kept]
            begin += count
        if not rows:
            break
        ids = np.array([one.symbols[-1] for search in searches for one in search.alive])
        decoder = decoder.rows(rows)
        state = tuple(tuple(part[rows] for part in layer) for layer in state)
    for search in searches:
        ended = [Target(symbols.decode(one.symbols), -one.score) for one in search.ended]
        cut = [Target(symbols.decode(one.symbols), -one.score, False) for one in search.alive]
        yield (ended + cut)[:n_best]


def _extended(
    search: _Search, log_p: Float64, end: int, beam: int, language: Language | None
) -> list[int]:
    """Extend the hypotheses of a search by a symbol each; the rows of those that go on."""
    scores = np.array([one.score for one in search.alive])[:, None] + log_p
    num_symbols = log_p.shape[1]
    order = np.argsort(-scores, axis=None, kind="stable")[: beam + len(search.alive)]
    before, search.alive, rows = search.alive, [], []
    for at in order.tolist():
        row, symbol = divmod(at, num_symbols)
        score = float(scores[row, symbol])
        if math.isinf(score) or len(search.alive) == beam:
            continue
        _, written, place = before[row]
        if symbol == end:
            search.ended.append(_Hypothesis(score, written, place))
        else:
            place = language.advance(place, symbol) if language else None
            search.alive.append(_Hypothesis(score, (*written, symbol), place))
            rows.append(row)
    search.ended = sorted(search.ended, key=lambda one: -one.score)[:beam]
    return rows
