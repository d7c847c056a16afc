"""How well a model of pairs does: exact matches, character errors, labels, and nats per symbol of the target."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from charrnn.errors import DataError
from charrnn.numerics import log_softmax, require_finite_predictions
from charrnn.pairs.converting import convert
from charrnn.pairs.model import PairNetwork
from charrnn.pairs.search import ROWS
from charrnn.pairs.side_by_side import mapped
from charrnn.text.pairs import END, Labels, known_rows, named_unknown

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class PairScores:
    """A model's targets beside the right ones."""

    pairs: Pairs
    written: Sequence[str]
    """What the model gives for each source."""
    nats: float
    """The negative log-probability of all targets together."""
    symbols: int
    """The symbols of the targets, with the end of each if a decoder writes them; labels count as one."""
    labels: tuple[str, ...] = ()
    """The labels, if the targets are labels."""

    @property
    def num_pairs(self) -> int:
        """The number of pairs."""
        return len(self.pairs)

    @property
    def nats_per_symbol(self) -> float:
        """The cross-entropy."""
        return self.nats / self.symbols

    @property
    def bits_per_char(self) -> float:
        """The cross-entropy in bits, by the name that it has for a language model."""
        return self.nats_per_symbol / math.log(2)

    @cached_property
    def exact(self) -> float:
        """The part of the targets that are right as a whole; of labels, the accuracy."""
        right = sum(
            made == target for made, (_, target) in zip(self.written, self.pairs, strict=True)
        )
        return right / len(self.pairs)

    @cached_property
    def char_error_rate(self) -> float:
        """Insertions, deletions and substitutions that make the targets right, per character of these."""
        pairs = zip(self.written, self.pairs, strict=True)
        errors = sum(edit_distance(made, target) for made, (_, target) in pairs)
        return errors / max(1, sum(len(target) for _, target in self.pairs))

    @cached_property
    def confusion(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """How often a label, a row, was taken for another, a column."""
        number = {label: k for k, label in enumerate(self.labels)}
        counts = np.zeros((len(number), len(number)), np.int64)
        for made, (_, target) in zip(self.written, self.pairs, strict=True):
            counts[number[target], number[made]] += 1
        return counts

    @property
    def macro_f1(self) -> float:
        """The mean over the labels that occur of 2PR / (P + R), precision P and recall R."""
        right = np.diag(self.confusion).astype(float)
        both = self.confusion.sum(0) + self.confusion.sum(1)
        present = self.confusion.sum(1) > 0
        return float((2 * right[present] / both[present]).mean())

    def as_dict(self) -> dict[str, Any]:
        """The figures for JSON."""
        figures: dict[str, Any] = {
            "pairs": self.num_pairs,
            "exact_match": self.exact,
            "nats_per_symbol": self.nats_per_symbol,
            "symbols": self.symbols,
        }
        if self.labels:
            confusion = self.confusion.tolist()
            return figures | {
                "macro_f1": self.macro_f1,
                "labels": list(self.labels),
                "confusion": confusion,
            }
        return figures | {"char_error_rate": self.char_error_rate}


def score_pairs(
    model: PairNetwork,
    pairs: Pairs,
    *,
    beam: int = 1,
    progress: Callable[[int], object] = lambda _: None,
) -> PairScores:
    """Convert sources, and compare the result with their targets.

    Args:
        model: the model.
        pairs: sources with their targets.
        beam: see `charrnn.pairs.converting.convert`.
        progress: called with the number of pairs done.

    Raises:
        DataError: there are no pairs; or a target has a character or is a label that the model cannot write.
    """
    if not pairs:
        raise DataError("there are no pairs to score")
    _require_writable(model, [target for _, target in pairs])
    written: list[str] = []
    nats = 0.0
    for begin in range(0, len(pairs), 8 * ROWS):
        some = pairs[begin : begin + 8 * ROWS]
        sources = dict.fromkeys(source for source, _ in some)  # of labels there are few
        found = dict(zip(sources, convert(model, [*sources], beam=beam), strict=True))
        written += [found[source][0].text if found[source] else "" for source, _ in some]
        nats += sum(costs(model, some))
        progress(len(some))
    require_finite_predictions(nats)
    labels = model.vocabulary.labels if isinstance(model.vocabulary, Labels) else ()
    return PairScores(pairs, written, nats, num_symbols(model, pairs), labels)


def num_symbols(model: PairNetwork, pairs: Pairs) -> int:
    """The symbols that targets have for a model."""
    if isinstance(model.vocabulary, Labels):
        return len(pairs)
    ends = len(pairs) if model.config.writes else 0
    return sum(len(target) for _, target in pairs) + ends


def _require_writable(model: PairNetwork, targets: Sequence[str]) -> None:
    symbols = model.vocabulary
    if isinstance(symbols, Labels):
        for target in targets:
            symbols.id_of(target)
    elif missing := named_unknown(targets, symbols):
        raise DataError(f"the model never writes some characters of the targets: {missing}")


def costs(model: PairNetwork, pairs: Pairs) -> list[float]:
    """The negative log-probability of each target after its source, in nats.

    Of a source that the model knows nothing of, nothing is known; it costs what all targets cost at random.
    """
    ids = model.ids_of([source for source, _ in pairs])
    order = sorted(range(len(pairs)), key=lambda k: (len(ids[k]), len(pairs[k][1])))
    order = [k for k in order if len(ids[k])]
    found = np.zeros(len(pairs))
    for k, (_, target) in enumerate(pairs):
        if not len(ids[k]):
            found[k] = np.log(len(model.vocabulary)) * num_symbols(model, [("", target)])

    def cost(rows: list[int]) -> Any:
        """The costs of the pairs with these numbers."""
        targets = [pairs[k][1] for k in rows]
        sources = [pairs[k][0] for k in rows]
        return _costs(model, [ids[k] for k in rows], sources, targets)

    batches = [order[begin : begin + ROWS] for begin in range(0, len(order), ROWS)]
    for rows, some in zip(batches, mapped(cost, batches), strict=True):
        found[rows] = some
    return [float(one) for one in found]


def _costs(
    model: PairNetwork, ids: Sequence[Any], sources: Sequence[str], targets: Sequence[str]
) -> Any:
    encoded, symbols = model.encode(ids), model.vocabulary
    if model.config.writes:
        return _decoder_costs(model, encoded, [target + END for target in targets])
    log_p = log_softmax(model.class_logits(encoded))
    found = []
    for row, n, target, source in zip(
        log_p, encoded.lengths.tolist(), targets, sources, strict=True
    ):
        if lack := model.alignment.lack(source, target):
            raise DataError(f"the target of {source[:60]!r} must be {lack}, not {target[:60]!r}")
        wanted = symbols.encode(target)
        if model.copies_unknown:
            wanted = wanted[known_rows(source, model.source_symbols)]  # type: ignore[arg-type]
        found.append(-model.alignment.log_likelihood(row[:n], wanted.tolist()))
    return found


def _decoder_costs(model: PairNetwork, encoded: Any, targets: Sequence[str]) -> Any:
    """The costs of targets with their ends, all of them read side by side."""
    symbols = model.decoder.vocabulary
    lengths = np.array([len(target) for target in targets])
    end = int(symbols.encode(END)[0])
    wanted = np.full((int(lengths.max()), len(targets)), end)
    for k, target in enumerate(targets):
        wanted[: len(target), k] = symbols.encode(target)
    decoder = model.decoder.given(encoded)
    state = decoder.initial_state(len(targets))
    total, rows = np.zeros(len(targets)), np.arange(len(targets))
    read = np.full(len(targets), end)
    for t, symbols_wanted in enumerate(wanted):
        logits, state, _ = decoder.step(read, state)
        cost = -log_softmax(logits)[rows, symbols_wanted]
        total += np.where(t < lengths, cost, 0.0)
        read = symbols_wanted
    return total


def edit_distance(one: str, other: str) -> int:
    """The insertions, deletions and substitutions of characters that turn one text into another (Levenshtein)."""
    if one == other:
        return 0
    above = list(range(len(other) + 1))
    for row, a in enumerate(one, 1):
        below = [row]
        for column, b in enumerate(other, 1):
            below.append(min(below[-1] + 1, above[column] + 1, above[column - 1] + (a != b)))
        above = below
    return above[-1]
