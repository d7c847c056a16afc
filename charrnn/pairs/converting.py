"""The conversion of sources into targets: the most likely symbol at each step, or a beam search, for many at once."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.errors import SettingError
from charrnn.numerics import Float64, log_softmax
from charrnn.pairs.decoder import Encoded
from charrnn.pairs.model import PairNetwork
from charrnn.pairs.restriction import Restriction
from charrnn.pairs.search import ROWS, Target, beam_search, greedy, without
from charrnn.pairs.side_by_side import mapped
from charrnn.text.pairs import known_rows
from charrnn.text.vocabulary import Vocabulary, code_points


@dataclass(frozen=True)
class _Search:
    """What is searched for."""

    beam: int
    n_best: int
    allowed: Restriction | None


def convert(
    model: PairNetwork,
    sources: Sequence[str],
    *,
    beam: int = 1,
    n_best: int = 1,
    allowed: Restriction | None = None,
) -> Iterator[list[Target]]:
    """The targets of sources, in their order, the best first.

    A source without a symbol that is known has none, nor has one of which no target is allowed: with `each` a target is
    as long as its source, and with `ctc` it has a place for each of its characters.

    Args:
        model: the model.
        sources: the sources; characters that the model does not know are left out, but with `each` they stay.
        beam: hypotheses that are kept at each step; 1: the most likely symbol at each.
        n_best: targets for each source; at most `beam`, or for labels as many as there are.
        allowed: the targets that may be written; None: all. Scores stay those of the model among all targets.

    Raises:
        DataError: a source is to be a label, and is none.
        SettingError: the model has no beam, or fewer targets.
    """
    require_search(model, beam, n_best, allowed)
    step, search = max(1, ROWS // beam) * 8, _Search(beam, n_best, allowed)
    for begin in range(0, len(sources), step):
        yield from _some(model, sources[begin : begin + step], search)


def restriction_of(
    model: PairNetwork, match: str | None = None, targets: Sequence[str] | None = None
) -> Restriction | None:
    """What a model may write; None without a condition. For the arguments and errors see `Restriction`."""
    if match is None and targets is None:
        return None
    copies = model.copies_unknown
    return Restriction(model.vocabulary, match, targets, copies=copies)


def require_search(
    model: PairNetwork, beam: int, n_best: int, allowed: Restriction | None = None
) -> None:
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
        most = len(allowed.labels if allowed else model.vocabulary)
        if n_best > most:
            raise SettingError.naming(
                "{n_best} must be at most {most}, the labels "
                + ("that are allowed" if allowed else "of this model"),
                most=most,
            )
    elif n_best > beam:
        raise SettingError.naming(
            "{n_best} must be at most {beam}, which is {given}",
            f"add {{beam:{n_best}}}",
            given=beam,
        )


def _some(model: PairNetwork, sources: Sequence[str], search: _Search) -> Iterator[list[Target]]:
    """The targets of some sources, of which those of about the same length are read side by side."""
    ids = model.ids_of(sources)
    order = sorted((k for k in range(len(ids)) if len(ids[k])), key=lambda k: len(ids[k]))
    rows = max(1, ROWS // search.beam)

    def targets(numbers: list[int]) -> list[list[Target]]:
        """The targets of the sources with these numbers."""
        encoded = model.encode([ids[k] for k in numbers])
        return _targets(model, encoded, [sources[k] for k in numbers], search)

    made = mapped(targets, [order[begin : begin + rows] for begin in range(0, len(order), rows)])
    found = dict(zip(order, itertools.chain.from_iterable(made), strict=True))
    for k, source in enumerate(sources):
        if k not in found and model.copies_unknown and source:
            nothing: Float64 = np.zeros((0, len(model.vocabulary)))
            yield _placed(model, nothing, source, search)
        else:
            yield found.get(k, [])


def _targets(
    model: PairNetwork, encoded: Encoded, sources: Sequence[str], search: _Search
) -> list[list[Target]]:
    symbols = model.vocabulary
    if model.alignment.writes:
        language = search.allowed.over(symbols) if search.allowed else None
        if search.beam == 1:
            return [[one] for one in greedy(model, encoded, language)]
        return list(beam_search(model, encoded, search.beam, search.n_best, language))
    log_p = log_softmax(without(model.class_logits(encoded), symbols.unknown_id))
    rows = zip(log_p, encoded.lengths.tolist(), sources, strict=True)
    return [_placed(model, row[:length], source, search) for row, length, source in rows]


def _placed(model: PairNetwork, log_p: Float64, source: str, search: _Search) -> list[Target]:
    """The targets of a source for log-probabilities at its places."""
    symbols, alignment, allowed = model.vocabulary, model.alignment, search.allowed
    if model.copies_unknown and allowed:
        assert isinstance(symbols, Vocabulary)
        symbols, log_p = _with_copied(log_p, source, symbols, model)
    language = allowed.over(symbols) if allowed else None
    if allowed and not language:
        return []
    scored = alignment.targets(log_p, search.beam, search.n_best, language)
    made = [Target(symbols.decode(ids), -score) for ids, score in scored]
    if model.copies_unknown and not allowed:
        return [Target(_with_unknown(one.text, source, model), one.nats) for one in made]
    return made


def _with_copied(
    log_p: Float64, source: str, symbols: Vocabulary, model: PairNetwork
) -> tuple[Vocabulary, Float64]:
    """Symbols and log-probabilities, with the unknown characters of a source certain at their places."""
    known = known_rows(source, model.source_symbols)  # type: ignore[arg-type]
    points = code_points(source)
    wide = symbols.extended(points[~known])
    scores = np.full((len(source), len(wide)), -np.inf)
    scores[np.ix_(known, wide.lookup(symbols.symbols))] = log_p[:, : len(symbols.symbols)]
    scores[~known, wide.lookup(points[~known])] = 0.0
    return wide, scores


def _with_unknown(text: str, source: str, model: PairNetwork) -> str:
    """A target, with the characters of its source that are not known at their places."""
    known = known_rows(source, model.source_symbols)  # type: ignore[arg-type]
    written = iter(text)
    return "".join(
        next(written) if is_known else c for c, is_known in zip(source, known, strict=True)
    )
