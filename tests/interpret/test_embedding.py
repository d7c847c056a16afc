"""Texts as vectors, and the texts nearest to one."""

import numpy as np
import pytest
from helpers import random_model
from hypothesis import given
from hypothesis import strategies as st
from pair_models import TEXTS, both

from charrnn.interpret.embedding import cosines, vectors_of

MODEL = random_model("\nabcd", num_layers=2, hidden_size=6)
texts_of_letters = st.lists(st.text(alphabet="abcdx", max_size=9), min_size=1, max_size=9)


def states(model, text, *, item_end=None):
    """The outputs of all layers after each character, one text alone."""
    state, found = model.initial_state(), []
    if item_end:
        state, _ = model.advance(int(model.vocabulary.encode(item_end)[0]), state)
    for symbol in model.vocabulary.encode(text.replace("x", "")).tolist():
        state, _ = model.advance(symbol, state)
        found.append(np.concatenate([layer[0] for layer in state]))
    return np.array(found)


@pytest.mark.parametrize("item_end", [None, "\n"])
@given(texts=texts_of_letters)
def test_each_vector_is_that_of_its_text_alone(item_end, texts):
    for of in ("mean", "last"):
        vectors = vectors_of(MODEL, texts, of=of, item_end=item_end)
        assert vectors.shape == (len(texts), 12)
        for text, vector in zip(texts, vectors, strict=True):
            found = states(MODEL, text, item_end=item_end)
            if not len(found):
                assert not vector.any()
            else:
                expected = found[-1] if of == "last" else found.mean(0)
                np.testing.assert_allclose(vector, expected, atol=1e-5)


@pytest.mark.parametrize("kind", list(TEXTS))
def test_of_pairs_it_is_what_the_encoder_hands_on(kind):
    _, _, model = both(kind)
    sources = [source for source, _ in TEXTS[kind][:4]]
    vectors = vectors_of(model, sources)
    for source, vector in zip(sources, vectors, strict=True):
        np.testing.assert_allclose(vector, model.encode(model.ids_of([source])).final[0], atol=1e-5)


def test_a_text_is_nearest_to_itself_and_zeros_to_nothing():
    vectors = vectors_of(MODEL, ["abc", "dda", "cab", "xx"])
    for k in range(3):
        assert cosines(vectors, vectors[k]).argmax() == k
        assert cosines(vectors, vectors[k])[k] == pytest.approx(1)
    assert cosines(vectors, vectors[0])[3] == 0
    assert (np.abs(cosines(vectors, vectors[1])) <= 1 + 1e-6).all()
