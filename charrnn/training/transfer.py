"""Transfer of a trained model to a larger vocabulary, for a run that starts from it.

It is NumPy alone. Symbols are matched by their characters, never by their ids. The weights of each symbol (its
embedding, its row of the head, and where the output is fed back those that read it) go with the symbol; a new symbol
gets the mean of the old ones' weights. So its logit is the mean of the others' logits, after any text.
"""

import dataclasses

import numpy as np

from charrnn.model import CharRNN
from charrnn.network.shapes import weight_shapes
from charrnn.numerics import Float, Ids
from charrnn.text.vocabulary import NOT_IN_VOCABULARY, Vocabulary
from charrnn.text.words import with_words


def extended(model: CharRNN, vocabulary: Vocabulary) -> CharRNN:
    """The model with a vocabulary that has all of its symbols, and perhaps more.

    Args:
        model: the model, which is not changed.
        vocabulary: the new vocabulary, of the same level.

    Returns:
        A model whose weights for the old symbols are the same numbers as before. Until the new symbols are trained, the
        old ones' logits are the same too, after any text of old characters; except in a network that feeds its output
        back, which now has new symbols in it.
    """
    model.require_unedited("training")
    config = dataclasses.replace(model.config, vocab_size=len(vocabulary))
    config = with_words(config, vocabulary)
    before, after = weight_shapes(model.config), weight_shapes(config)
    places = old_places(model.vocabulary, vocabulary)
    weights = dict(model.weights)
    for name, array in model.weights.items():
        for axis, (old, new) in enumerate(zip(before[name], after[name], strict=True)):
            if old != new:  # the axis along which the symbols lie
                weights[name] = _carried(array, places, axis)
    return CharRNN(config, vocabulary, weights)


def old_places(old: Vocabulary, new: Vocabulary) -> Ids:
    """The old id of each symbol of a vocabulary, NOT_IN_VOCABULARY for a new one: "ac" and "abc" -> [0, -1, 1]."""
    assert old.level == new.level
    places: Ids = Vocabulary(old.level, old.symbols.tolist()).lookup(new.symbols)
    if new.has_unknown:
        places = np.append(places, NOT_IN_VOCABULARY if old.unknown_id is None else old.unknown_id)
    assert set(range(len(old))) <= set(places.tolist())
    return places


def _carried(array: Float, places: Ids, axis: int) -> Float:
    """An array with its symbols at their new places, and their mean for new symbols."""
    mean = array.mean(axis, keepdims=True, dtype=np.float64).astype(np.float32)
    with_mean = np.concatenate([array, mean], axis)
    assert NOT_IN_VOCABULARY == -1  # the last one, which is the mean
    carried: Float = np.take(with_mean, places, axis)
    return carried
