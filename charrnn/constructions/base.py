"""A network out of equations: each unit of an Elman network with ReLU as a sum that is written down.

    unit(t) = relu(Σ weight · units of its layer (t-1)  +  Σ weight · what comes from below (t)  +  bias)

What comes from below are symbols for the first layer, 1 for the one that is read and 0 for the others, and for other
layers the units of the layer below. With whole numbers for weights every sum is exact, so that nothing fades and
nothing has to be rounded: 1 stays 1, however long the text.

A logit is 0 for what may come next, and NEVER for what may not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from charrnn.config import CorpusConfig, ModelConfig
from charrnn.model import CharRNN
from charrnn.network.shapes import weight_shapes
from charrnn.numerics import Float
from charrnn.text.vocabulary import Vocabulary

NEVER = -100.0
"""The logit of a symbol that cannot come next: a probability of 4e-44 beside one that can."""

Weighted = Mapping[str, float]
"""Weights by the name of what they multiply: a unit, or a symbol."""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One unit: relu of a sum."""

    before: Weighted = field(default_factory=dict)
    """The weights of the units of its own layer, one step before."""
    below: Weighted = field(default_factory=dict)
    """The weights of the symbols, or of the units of the layer below, now."""
    bias: float = 0.0
    about: str = ""
    """What its value means."""


@dataclass(frozen=True, kw_only=True)
class Logit:
    """The logit of one symbol: a sum over the units of the top layer."""

    above: Weighted = field(default_factory=dict)
    bias: float = 0.0


Layers = Sequence[Mapping[str, Unit]]
"""The units of each layer, by name."""


@dataclass(frozen=True)
class Construction:
    """A network that was set by hand."""

    name: str
    about: str
    """Its language, in a line."""
    model: CharRNN
    reading: CorpusConfig
    """How it reads a text: lines, or one running text."""
    units: Mapping[str, str]
    """What each unit means, by its address."""


def construct(
    name: str, about: str, layers: Layers, logits: Mapping[str, Logit], *, lines: bool = True
) -> Construction:
    """Make a network of its equations.

    Args:
        name: what it is called.
        about: its language, in a line.
        layers: its units.
        logits: for each symbol, a character, its logit; the symbols are the vocabulary.
        lines: whether each line is a text of its own, which a newline ends.
    """
    symbols = sorted(logits)
    config = ModelConfig(
        cell="elman",
        activation="relu",
        vocab_size=len(symbols),
        embedding_size=len(symbols),
        hidden_size=max(map(len, layers)),
        num_layers=len(layers),
    )
    weights = {n: np.zeros(s, np.float32) for n, s in weight_shapes(config).items()}
    weights["embedding.weight"] = np.eye(len(symbols), dtype=np.float32)
    below = {symbol: index for index, symbol in enumerate(symbols)}
    for number, units in enumerate(layers):
        own = {unit: index for index, unit in enumerate(units)}
        for unit, index in zip(units.values(), own.values(), strict=True):
            _set(weights[f"rnn.weight_hh_l{number}"][index], unit.before, own)
            _set(weights[f"rnn.weight_ih_l{number}"][index], unit.below, below)
            weights[f"rnn.bias_ih_l{number}"][index] = unit.bias
        below = own
    for symbol, row, at in zip(symbols, weights["head.weight"], range(len(symbols)), strict=True):
        _set(row, logits[symbol].above, below)
        weights["head.bias"][at] = logits[symbol].bias
    meanings = {
        f"L{number}.h.{index}": unit.about
        for number, units in enumerate(layers)
        for index, unit in enumerate(units.values())
    }
    model = CharRNN(config, Vocabulary("char", list(map(ord, symbols))), weights)
    reading = CorpusConfig(lines=lines)
    model.reading = reading
    return Construction(name, about, model, reading, meanings)


def _set(row: Float, weights: Weighted, places: Mapping[str, int]) -> None:
    """Set the weights of one sum."""
    for name, weight in weights.items():
        row[places[name]] = weight
