"""The conversion of sources into targets: the most likely symbol at each step, or a beam search, for many at once."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.errors import SettingError
from charrnn.numerics import Float64, log_softmax
from charrnn.pairs.decoder import Decoder, Encoded
from charrnn.pairs.model import PairNetwork
from charrnn.text.pairs import END, known_rows
from charrnn.text.vocabulary import Vocabulary

ROWS = 256
"""Hypotheses that are computed side by side."""
BEHIND = 16
"""A decoder writes at most twice as much as the longest target in training, and this much more."""

SourceIds = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Target:
    """A target that a model gives for a source."""

    text: str
    nats: float
    """Its negative log-probability; of `ctc` without a beam that of its best path."""
    is_whole: bool = True
    """Whether it came to its end before the longest that a decoder writes."""


def convert(
    model: PairNetwork, sources: Sequence[str], *, beam: int = 1, n_best: int = 1
) -> Iterator[list[Target]]:
    """The targets of sources, in their order, the best first; none for a source without a symbol that is known.

    Args:
        model: the model.
        sources: the sources; characters that the model does not know are left out, but with `each` they stay.
        beam: hypotheses that are kept at each step; 1: the most likely symbol at each.
        n_best: targets for each source; at most `beam`, or for labels as many as there are.

    Raises:
        DataError: a source is to be a label, and is none.
        SettingError: the model has no beam, or fewer targets.
    """
    require_search(model, beam, n_best)
    step = max(1, ROWS // beam) * 8
    for begin in range(0, len(sources), step):
        yield from _some(model, sources[begin : begin + step], beam, n_best)


def require_search(model: PairNetwork, beam: int, n_best: int) -> None:
    """Raise SettingError unless such a search is possible."""
    align, alignment = model.config.align, model.alignment
    if beam > 1 and not (alignment.writes or alignment.has_beam):
        raise SettingError.naming(
            "{beam} only applies to models that write a text step by step, not with {align:"
            + str(align)
            + "}",
            "leave it out",
        )
    if n_best > 1 and not (alignment.writes or alignment.has_beam or alignment.is_label):
        raise SettingError.naming(
            "{n_best} does not apply with {align:" + str(align) + "}", "leave it out"
        )
    if alignment.is_label:
        most = len(model.vocabulary)
        if n_best > most:
            raise SettingError.naming(
                "{n_best} must be at most {most}, the labels of this model", most=most
            )
    elif n_best > beam:
        raise SettingError.naming(
            "{n_best} must be at most {beam}, which is {given}",
            f"add {{beam:{n_best}}}",
            given=beam,
        )


def _some(
    model: PairNetwork, sources: Sequence[str], beam: int, n_best: int
) -> Iterator[list[Target]]:
    """The targets of some sources, of which those of about the same length are read side by side."""
    ids = model.ids_of(sources)
    order = sorted((k for k in range(len(ids)) if len(ids[k])), key=lambda k: len(ids[k]))
    found: dict[int, list[Target]] = {}
    rows = max(1, ROWS // beam)
    for begin in range(0, len(order), rows):
        numbers = order[begin : begin + rows]
        encoded = model.encode([ids[k] for k in numbers])
        made = _targets(model, encoded, [sources[k] for k in numbers], beam, n_best)
        found |= dict(zip(numbers, made, strict=True))
    for k, source in enumerate(sources):
        if k not in found and model.alignment.keeps_unknown and source:
            yield [Target(source, 0.0)]
        else:
            yield found.get(k, [])


def _targets(
    model: PairNetwork, encoded: Encoded, sources: Sequence[str], beam: int, n_best: int
) -> list[list[Target]]:
    symbols, alignment = model.vocabulary, model.alignment
    if alignment.writes:
        assert isinstance(symbols, Vocabulary)
        if beam == 1:
            return [[one] for one in _greedy(model, encoded, symbols)]
        return [found[:n_best] for found in _beam(model, encoded, symbols, beam, n_best)]
    log_p = log_softmax(without(model.class_logits(encoded), symbols.unknown_id))
    made = []
    for row, length, source in zip(log_p, encoded.lengths.tolist(), sources, strict=True):
        scored = alignment.targets(row[:length], beam, n_best)
        texts = ((symbols.decode(ids), -score) for ids, score in scored)
        made.append([Target(_with_unknown(text, source, model), nats) for text, nats in texts])
    return made


def _with_unknown(text: str, source: str, model: PairNetwork) -> str:
    """A target, with the characters of its source that are not known at their places if they stay there."""
    if not model.alignment.keeps_unknown:
        return text
    known = known_rows(source, model.source_symbols)  # type: ignore[arg-type]
    written = iter(text)
    return "".join(
        next(written) if is_known else c for c, is_known in zip(source, known, strict=True)
    )


def without(logits: npt.NDArray[Any], unknown: int | None) -> npt.NDArray[Any]:
    """Logits with which the unknown symbol is never written."""
    if unknown is not None:
        logits[..., unknown] = -np.inf
    return logits


# --- a decoder --------------------------------------------------------------------------------------------------------


def longest_written(model: PairNetwork) -> int:
    """The symbols after which a decoder that comes to no end is stopped."""
    return 2 * (model.config.longest_target or 0) + BEHIND


def _greedy(model: PairNetwork, encoded: Encoded, symbols: Vocabulary) -> list[Target]:
    """The most likely symbol at each step, until all rows have come to their ends."""
    end = int(symbols.encode(END)[0])
    decoder: Decoder = model.decoder.given(encoded)
    num_rows = len(encoded.final)
    ids, state = np.full(num_rows, end), decoder.initial_state(num_rows)
    alive = np.arange(num_rows)
    written: list[list[int]] = [[] for _ in range(num_rows)]
    nats, whole = np.zeros(num_rows), np.zeros(num_rows, bool)
    for _ in range(longest_written(model)):
        logits, state, _ = decoder.step(ids, state)
        log_p = log_softmax(without(logits, symbols.unknown_id))
        ids = log_p.argmax(-1)
        nats[alive] -= log_p[np.arange(len(ids)), ids]
        going = ids != end
        whole[alive[~going]] = True
        if not going.all():
            alive, ids = alive[going], ids[going]
            if not len(alive):
                break
            decoder = decoder.rows(going)
            state = tuple(tuple(part[going] for part in layer) for layer in state)
        for row, symbol in zip(alive.tolist(), ids.tolist(), strict=True):
            written[row].append(symbol)
    return [
        Target(symbols.decode(text), float(cost), bool(done))
        for text, cost, done in zip(written, nats, whole, strict=True)
    ]


@dataclass
class _Search:
    """The search for the targets of one source."""

    alive: list[tuple[float, tuple[int, ...]]] = field(default_factory=lambda: [(0.0, ())])
    """Log-probability and symbols of each hypothesis that goes on, the best first."""
    ended: list[tuple[float, tuple[int, ...]]] = field(default_factory=list)

    def is_done(self, n_best: int) -> bool:
        """Whether no hypothesis that goes on can still be among the best."""
        if not self.alive:
            return True
        return len(self.ended) >= n_best and self.ended[n_best - 1][0] >= self.alive[0][0]


def _beam(
    model: PairNetwork, encoded: Encoded, symbols: Vocabulary, beam: int, n_best: int
) -> Iterator[list[Target]]:
    """The likeliest targets of each source by a beam search: no length is favored but by its probability."""
    end = int(symbols.encode(END)[0])
    searches = [_Search() for _ in encoded.final]
    decoder: Decoder = model.decoder.given(encoded)
    ids, state = np.full(len(searches), end), decoder.initial_state(len(searches))
    for _ in range(longest_written(model)):
        logits, state, _ = decoder.step(ids, state)
        log_p = log_softmax(without(logits, symbols.unknown_id))
        rows, ids_of_rows, begin = [], [], 0
        for search in searches:
            count = len(search.alive)
            if not count:
                continue
            kept = _extended(search, log_p[begin : begin + count], end, beam)
            if search.is_done(n_best):
                search.alive, kept = [], []
            rows += [begin + k for k in kept]
            ids_of_rows += [symbols_[-1] for _, symbols_ in search.alive]
            begin += count
        if not rows:
            break
        decoder, ids = decoder.rows(rows), np.array(ids_of_rows)
        state = tuple(tuple(part[rows] for part in layer) for layer in state)
    for search in searches:
        ended = [Target(symbols.decode(text), -score) for score, text in search.ended]
        cut = [Target(symbols.decode(t), -score, is_whole=False) for score, t in search.alive]
        yield ended + cut


def _extended(search: _Search, log_p: Float64, end: int, beam: int) -> list[int]:
    """Extend the hypotheses of a search by a symbol each; the rows of those that go on."""
    scores = np.array([score for score, _ in search.alive])[:, None] + log_p
    num_symbols = log_p.shape[1]
    order = np.argsort(-scores, axis=None, kind="stable")[: beam + len(search.alive)]
    before, search.alive, rows = search.alive, [], []
    for at in order.tolist():
        row, symbol = divmod(at, num_symbols)
        score = float(scores[row, symbol])
        if math.isinf(score) or len(search.alive) == beam:
            continue
        if symbol == end:
            search.ended.append((score, before[row][1]))
        else:
            search.alive.append((score, (*before[row][1], symbol)))
            rows.append(row)
    search.ended = sorted(search.ended, key=lambda pair: -pair[0])[:beam]
    return rows
