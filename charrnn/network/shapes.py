"""The weights that a network of some configuration has, their number, and the network in words. It knows no arrays."""

import dataclasses
import math
from bisect import bisect_right

from charrnn.config import MAX_UNITS, ModelConfig
from charrnn.errors import SettingError
from charrnn.network.cells import cell_of
from charrnn.network.heads import PREFIX, Head
from charrnn.network.pairs import head_of, in_words, pair_shapes
from charrnn.network.stack import layer_names, norm_names

ROUND = 8
"""A hidden size that is chosen is a multiple of this, if one comes near enough (WITHIN)."""
WITHIN = 0.02
"""The part of the wanted parameters by which a rounded hidden size may miss them."""


def weight_shapes(config: ModelConfig, head: Head | None = None) -> dict[str, tuple[int, ...]]:
    """The name and shape of every weight of a network; the names are torch's own where torch has such a cell.

    Args:
        config: the network.
        head: its head; None: the usual one.
    """
    head = head or head_of(config)
    heads = {PREFIX + name: shape for name, shape in head.shapes(config).items()}
    if config.align:
        return pair_shapes(config, _stack_shapes(config) if config.writes else {}, heads)
    return _stack_shapes(config) | heads


def _stack_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The weights of a language model but for its head."""
    V, E, H = config.vocab_size, config.embedding_size, config.hidden_size
    cell = cell_of(config)
    shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (V, E)}
    for layer in range(config.num_layers):
        own = cell.shapes(H if layer else E, H, V)
        shapes |= {full: own[name] for name, full in layer_names(cell, layer).items()}
        if config.layer_norm:
            shapes |= dict.fromkeys(norm_names(layer), (H,))
    if config.learn_start:
        shapes |= {f"start.{letter}": (config.num_layers, H) for letter in cell.states}
    return shapes


def is_recurrent_matrix(name: str, dimensions: int) -> bool:
    """Whether a weight is a matrix of the recurrent layers, which Muon is for."""
    return dimensions > 1 and name.startswith(("rnn.", "encoder.rnn."))


def count_parameters(config: ModelConfig) -> int:
    """The number of trainable weights."""
    return sum(math.prod(shape) for shape in weight_shapes(config).values())


def num_sensitive(config: ModelConfig) -> int:
    """The weights below the head as a gradient has them: where a cell adds both biases, these are one."""
    head = head_of(config).shapes(config)
    own = count_parameters(config) - sum(math.prod(shape) for shape in head.values())
    cell = cell_of(config)
    folded = cell.num_blocks * config.hidden_size * config.num_layers if cell.folds_bias else 0
    return own - folded


def hidden_size_for(config: ModelConfig, parameters: int) -> int:
    """The hidden size with which a network has about a given number of parameters.

    Args:
        config: the network; its own hidden size does not count.
        parameters: the number wanted.

    Returns:
        The size that comes nearest; but a multiple of ROUND, which processors like, if it comes near enough (WITHIN).

    Raises:
        SettingError: even one unit has more, or even the most units have fewer.
    """

    def count(hidden_size: int) -> int:
        return count_parameters(dataclasses.replace(config, hidden_size=hidden_size))

    def distance(hidden_size: int) -> int:
        return abs(count(hidden_size) - parameters)

    least, most = count(1), count(MAX_UNITS)
    if not least <= parameters <= most:
        raise SettingError.naming(
            "{parameters} must be from {least:,} to {most:,} for this {cell} network, not {found:,}",
            "this range follows from the embedding size, the layers and the vocabulary",
            least=least,
            most=most,
            cell=config.cell,
            found=parameters,
        )
    below = bisect_right(range(1, MAX_UNITS + 1), parameters, key=count)
    floor = below // ROUND * ROUND
    rounded = min((max(floor, ROUND), min(floor + ROUND, MAX_UNITS)), key=distance)
    if distance(rounded) <= WITHIN * parameters:
        return rounded
    return min((below, min(below + 1, MAX_UNITS)), key=distance)


def describe(config: ModelConfig) -> str:
    """A network in words: "lstm, 1 layer of 256 units, embedding 64: 350,593 parameters"."""
    own = config.activation if config.activation != "tanh" else ""
    own = own or (f"depth {config.depth}" if config.depth else "")
    own = own or (f"delays {config.delays}" if config.delays else "")
    own = own or (f"rows of {config.row_length}" if config.row_length else "")
    cell = config.cell + (f" ({own})" if own else "")
    layers = f"{config.num_layers} layer" + ("s" if config.num_layers > 1 else "")
    held = f", subsampled ({config.subsample})" if config.subsample else ""
    norm = ", layer norm" if config.layer_norm else ""
    start = ", learned initial state" if config.learn_start else ""
    pairs = f", {in_words(config)}" if config.align else ""
    return (
        f"{cell}, {layers} of {config.hidden_size} units{held}{norm}, embedding {config.embedding_size}{start}{pairs}: "
        f"{count_parameters(config):,} parameters"
    )
