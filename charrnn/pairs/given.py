"""A model of pairs as a language model of the targets of one source: what is written after it can be sampled."""

import numpy as np

from charrnn.errors import SettingError
from charrnn.pairs.decoder import Decoder, Encoded
from charrnn.pairs.model import PairNetwork
from charrnn.text.pairs import Labels
from charrnn.wording import listed

MOST_WEIGHT = 1e12
MOST_NAMED = 20
"""Labels that a message names."""


def given_source(model: PairNetwork, given: str) -> Decoder:
    """The decoder after a source: a language model that begins and ends each text with END.

    Args:
        model: the model.
        given: a source; or of labels several with weights, "french:0.5,german:0.5", whose vectors are mixed.

    Raises:
        SettingError: the model writes no text; or there is no such label, or a weight is no number above 0; or the
            model knows nothing of the source.
    """
    if not model.config.writes:
        raise SettingError.naming(
            "{source} needs a model that writes a text, and this one was trained with {align:"
            + str(model.config.align)
            + "}",
            "charrnn convert gives its targets",
        )
    if isinstance(model.source_symbols, Labels):
        return model.decoder.given(_mixed(model, weights_of(given, model.source_symbols)))
    (ids,) = model.ids_of([given])
    if not len(ids):
        raise SettingError.naming(
            "the model knows no character of {source}, {text!r:.60}", text=given
        )
    return model.decoder.given(model.encode([ids]))


def weights_of(given: str, labels: Labels) -> dict[str, float]:
    """The weight of each label: "french:1,german:3" -> 0.25 and 0.75.

    Raises:
        SettingError: there is no such label, or a weight is no number above 0 and up to MOST_WEIGHT.
    """
    if given in labels:
        return {given: 1.0}
    weights: dict[str, float] = {}
    for part in given.split(","):
        label, colon, number = part.rpartition(":")
        label = label if colon else part
        if label not in labels:
            known = listed([*labels.labels], MOST_NAMED)
            raise SettingError.naming(
                "{source} must be one of the labels of the model, not {label!r:.60}",
                f"they are {known}",
                label=label,
            )
        weights[label] = weights.get(label, 0.0) + (_number(number) if colon else 1.0)
    total = sum(weights.values())
    return {label: weight / total for label, weight in weights.items()}


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= MOST_WEIGHT:
        raise SettingError.naming(
            "{source} must have weights above 0 and up to {most:g}, such as LABEL:0.5, not {text!r:.60}",
            most=MOST_WEIGHT,
            text=text,
        )
    return number


def _mixed(model: PairNetwork, weights: dict[str, float]) -> Encoded:
    """The mean vector of some labels."""
    vectors = model.encode(model.ids_of([*weights])).final
    mean = np.array([*weights.values()], np.float32) @ vectors
    return Encoded(mean[None], None, np.ones(1, np.int64))
