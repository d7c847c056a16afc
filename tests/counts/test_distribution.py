"""A network with counts predicts one distribution over all symbols, before it is known which of them comes."""

import dataclasses

import numpy as np
from helpers import examples, random_model
from hypothesis import given
from hypothesis import strategies as st
from variants import every_cell

from charrnn.counts.counting import count
from charrnn.counts.mixed_model import MixedModel
from charrnn.counts.mixture import Counts, F
from charrnn.evaluation.predictions import Predictor
from charrnn.evaluation.streams import stretches
from charrnn.model import CharRNN
from charrnn.network.cells import CELLS
from charrnn.numerics import Float64, Ids
from charrnn.text.vocabulary import Vocabulary

LEVELS = [
    Vocabulary("char", [10, 97, 98, 99, 233]),
    Vocabulary("char", [10, 97, 98, 99], has_unknown=True),
    Vocabulary.of_bytes(),
]
KEPT = [10**9, 40, 0]
"""N-grams of a table that is whole, pruned, and pruned to single symbols."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A network with counts, and texts of some of its symbols."""

    model: MixedModel
    texts: Ids
    """One for each stream, (T, N)."""


@st.composite
def cases(draw: st.DrawFn, cell: str = "lstm", num_texts: int | None = None) -> Case:
    """Networks with counts of each level and size, and texts that are like what was counted, and others."""
    vocabulary, most = draw(st.sampled_from(LEVELS)), draw(st.sampled_from(KEPT))
    order, length = draw(st.integers(1, 6)), draw(st.integers(2, 9))
    num_texts = num_texts or draw(st.integers(1, 3))
    random = np.random.default_rng(draw(st.integers(0, 999)))
    V = len(vocabulary)
    known = random.permutation(V)[:4]
    phrase = random.choice(known, 20)
    train = np.concatenate([phrase, random.choice(known, 60), phrase, phrase[:9], phrase[4:]])
    end = int(known[0]) if draw(st.booleans()) else None
    table = count(train, V, order=order, most=most, end=end)
    shape = {"cell": cell, "hidden_size": 8, "num_layers": 1}
    network = random_model(vocabulary, kind=CharRNN, seed=int(random.integers(99)), **shape)
    counts = Counts(table, tuple(random.normal(0, 1.5, F).tolist()))
    starts = random.integers(0, len(train) - length, num_texts)
    texts = np.stack([train[at : at + length] for at in starts], axis=1)
    texts[random.random(texts.shape) < 0.1] = random.integers(V)
    return Case(MixedModel(network, counts), texts)


def predicted(model: MixedModel, ids: Ids) -> Float64:
    """The distribution after a text, (T,) or (T, N), which is read symbol by symbol."""
    state = model.initial_state(None if ids.ndim == 1 else ids.shape[1])
    for symbols in ids:
        logits, state, _ = model.step(symbols, state)
    return np.exp(logits)


def scored(model: MixedModel, ids: Ids) -> Float64:
    """The probability of each symbol after a text, (T,), as it is scored if that one follows."""
    _, state = model.run(ids[:-1, None], model.initial_state(1))
    costs = []
    for following in range(len(model.vocabulary)):
        pair = np.array([ids[-1], following])
        (made,) = Predictor(model, state).predict(pair, stretches(2, 1, 0))
        costs.append(made.nats.item())
    return np.exp(-np.array(costs))


@every_cell
@given(data=st.data())
@examples(4)
def test_symbols_that_are_scored_one_by_one_are_parts_of_one_distribution(name, data):
    case = data.draw(cases(name))
    model, text = case.model, case.texts[:, 0]
    p = predicted(model, text)
    one_by_one = scored(model, text)
    for distribution in (p, one_by_one):
        assert (distribution > 0).all()
        assert abs(distribution.sum() - 1) < 1e-9
    np.testing.assert_allclose(
        one_by_one, p, rtol=1e-4
    )  # float32 products of one row, and of a vector
    together = predicted(model, case.texts)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-9)
    np.testing.assert_allclose(together[0], p, rtol=1e-4)


@given(data=st.data(), cell=st.sampled_from(sorted(CELLS)))
@examples(8)
def test_a_distribution_does_not_depend_on_what_follows(data, cell):
    case = data.draw(cases(cell, num_texts=2))
    model, (before, after) = case.model, np.array_split(case.texts, 2)
    other = (after + 1) % len(model.vocabulary)
    read = [
        model.head(model.run(np.concatenate([before, end]), model.initial_state(2))[0])
        for end in (after, other)
    ]
    known = len(before)
    np.testing.assert_array_equal(read[0][:known], read[1][:known])
    assert (read[0][known:] != read[1][known:]).any()
