"""What a model of pairs does with one source, as numbers between the source's characters and something else.

attention    for each character of the target, how the attention is spread over the source
label        after each character of the source, the probability of each label
each, ctc    at each character of the source, the symbol that is written there, and its probability
"""

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from charrnn.errors import DataError
from charrnn.numerics import Float, log_softmax, softmax
from charrnn.pairs.model import PairNetwork
from charrnn.pairs.search import longest_written, without
from charrnn.text.pairs import END, Labels, known_rows, named_unknown
from charrnn.text.vocabulary import Vocabulary

BLANK = "·"
"""How the blank of CTC is shown."""
MOST_LABELS = 20
"""Labels that are shown, the most probable ones."""


@dataclass(frozen=True)
class MatrixOfPair:
    """Numbers from 0 to 1 for each row and each character of a source."""

    source: str
    """The characters of the source that the model knows, (S,)."""
    rows: tuple[str, ...]
    """The characters of the target with its end, or labels, (T,)."""
    values: Float
    """(T, S)"""
    target: str
    """The target: the most probable one, or the one that was given."""


@dataclass(frozen=True)
class Path:
    """The symbols that stand at the places of a source."""

    source: str
    """The characters that the model knows, each as often as the network reads it; of a subsampled encoder those at which
    it has outputs, (S,)."""
    symbols: tuple[str, ...]
    """The most probable symbol at each place, BLANK for none, (S,)."""
    probabilities: Float
    """Their probabilities, (S,)."""
    target: str
    """The target that the path gives."""


def attention_of(model: PairNetwork, source: str, target: str | None = None) -> MatrixOfPair:
    """The attention of a model with a decoder.

    Args:
        model: a model of pairs whose decoder looks at the source.
        source: the source.
        target: a target that the decoder reads; None: the one that it writes, the most probable symbol at each step.

    Raises:
        DataError: the model knows no character of the source, or not all of the target.
    """
    known, ids = known_part(model, source)
    symbols = model.vocabulary
    assert isinstance(symbols, Vocabulary)
    if target is not None:
        require_writable(symbols, target)
    encoded = model.encode([ids])
    decoder = model.decoder.given(encoded)
    end = int(symbols.encode(END)[0])
    given = None if target is None else [*symbols.encode(target).tolist(), end]
    read, state = np.array([end]), decoder.initial_state(1)
    weights, written = [], []
    for t in range(longest_written(model) if given is None else len(given)):
        logits, state, _ = decoder.step(read, state)
        assert decoder.attended is not None
        weights.append(decoder.attended[0, 0])
        best = int(without(logits, symbols.unknown_id)[0].argmax())
        read = np.array([best if given is None else given[t]])
        written.append(int(read[0]))
        if written[-1] == end:
            break
    rows = tuple(symbols.decode([symbol]) for symbol in written)
    values = encoded.over_source(np.stack(weights))
    return MatrixOfPair(known, rows, values, "".join(rows).removesuffix(END))


def require_writable(symbols: Vocabulary, target: str) -> None:
    """Raise DataError if a target has characters that a model never writes."""
    if missing := named_unknown([target], symbols):
        raise DataError(f"the model never writes some characters of the target: {missing}")


def labels_of(model: PairNetwork, source: str) -> MatrixOfPair:
    """The probability of each label, the most probable one first, after each character of a source.

    Raises:
        DataError: the model knows no character of the source.
    """
    known, ids = known_part(model, source)
    symbols = model.vocabulary
    assert isinstance(symbols, Labels)
    prefixes = [ids[: k + 1] for k in range(len(ids))]
    values = softmax(model.class_logits(model.encode(prefixes))[:, 0]).T  # (labels, S)
    best = np.argsort(-values[:, -1], kind="stable")[:MOST_LABELS].tolist()
    rows = tuple(symbols.labels[k] for k in best)
    return MatrixOfPair(known, rows, values[best], rows[0])


def path_of(model: PairNetwork, source: str) -> Path:
    """The symbol at each place of a source, for a model that gives one at each.

    Raises:
        DataError: the model knows no character of the source.
    """
    known, ids = known_part(model, source)
    symbols = model.vocabulary
    assert isinstance(symbols, Vocabulary)
    log_p = log_softmax(without(model.class_logits(model.encode([ids]))[0], symbols.unknown_id))
    shown = tuple(
        symbols.decode([k]) if k < len(symbols) else BLANK for k in log_p.argmax(-1).tolist()
    )
    ((best, _),) = model.alignment.targets(log_p, 1, 1)
    target = symbols.decode(best)
    read = as_read(model, known)
    seen = "".join(read[place] for place in model.places(ids)[-1].tolist())
    return Path(seen, shown, np.exp(log_p.max(-1)), target)


def matrix_of(model: PairNetwork, source: str, target: str | None = None) -> MatrixOfPair:
    """What a model does between a source and its target, as numbers for each character of both; see `is_seen_between`.

    Raises:
        DataError: the model knows no character of the source, or not all of the target.
    """
    if model.alignment.looks:
        return attention_of(model, source, target)
    if model.alignment.is_label:
        return labels_of(model, source)
    path = path_of(model, source)
    rows: list[str] = []
    of_places = []
    for place, symbol in enumerate(path.symbols):
        goes_on = model.alignment.blanks and place and symbol == path.symbols[place - 1]
        if not goes_on and symbol != BLANK:
            rows.append(symbol)
        of_places.append(None if symbol == BLANK else len(rows) - 1)
    values = np.zeros((len(rows), len(of_places)), np.float32)
    for place, row in enumerate(of_places):
        if row is not None:
            values[row, place] = path.probabilities[place]
    return MatrixOfPair(path.source, tuple(rows), values, path.target)


def as_read(model: PairNetwork, known: str) -> str:
    """Each character of a source as often as the network reads it."""
    return "".join(c * (model.config.stretch or 1) for c in known)


def is_seen_between(model: PairNetwork) -> bool:
    """Whether there is something to see between a source and its target: a decoder may look at no place of a source."""
    return not model.alignment.writes or model.alignment.looks


def known_part(model: PairNetwork, source: str) -> tuple[str, npt.NDArray[np.int64]]:
    """The characters of a source that a model knows, and the symbols that its network reads.

    Raises:
        DataError: there are none.
        UsageError: it reads vectors, not characters.
    """
    (ids,) = model.ids_of([source])
    symbols = model.source_symbols
    assert isinstance(symbols, Vocabulary)
    known = "".join(itertools.compress(source, known_rows(source, symbols)))
    if not known:
        raise DataError(f"the model knows no character of {source!r}")
    return known, ids
