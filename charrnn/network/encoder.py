"""The encoder of a source: layers that read it forwards, or in both directions, in NumPy and in torch alike.

    source    a b c d ·            forward    h_a h_b h_c h_d ·       each has read what stands before it
                                   backward   g_a g_b g_c g_d ·       each has read what stands behind it

    outputs   e_s = [h_s; g_s]     the next layer reads both (M. Schuster and K. Paliwal, "Bidirectional Recurrent Neural
                                   Networks", 1997)
    final     v = [h_d; g_a]       the output at the last symbol, and the backward one at the first

The backward direction reads each row reversed by its own length, and its outputs are laid back. So padding stands
behind the end for both, where nothing that counts has read it.

A subsampled encoder (`charrnn.network.cells.subsampling`) gets shorter from layer to layer: a layer above the lowest
reads every second, third ... output of the layer below, and the last one; or those at the ends of words, and the last.

    layer 0   a b c d e       factor 2: layer 1 reads what layer 0 has at   b   d e

A Jordan cell has no symbols here to feed back: its output is its h, so that in an encoder it is an Elman cell.

Legend for shapes: T places of the source, N rows, H units of a direction, K = H or 2H, S symbols of sources.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from charrnn.config import ModelConfig
from charrnn.network.alignments import ALIGNMENTS
from charrnn.network.cells import cell_of
from charrnn.network.cells.base import Array
from charrnn.network.cells.subsampling import WORDS, word_table

PREFIX = "encoder."
"""Prefix of the names of an encoder's weights in a network."""
FORWARD, BACKWARD = "", "_reverse"
"""The directions, as torch's names of weights end."""
MARKS = {FORWARD: ">", BACKWARD: "<"}
"""The sign of each direction in the addresses of its units, `L0>.h.3`, and behind the names of its arrays, `h>`."""

Run = Callable[[int, str, Array], Array]
"""run(layer, direction, x) -> outputs (T, N, H): reads symbols (T, N) in layer 0, and outputs (T, N, K) above it."""


def directions(config: ModelConfig) -> tuple[str, ...]:
    """The directions in which a source is read."""
    return (FORWARD, BACKWARD) if config.bidirectional else (FORWARD,)


def marks_of(config: ModelConfig) -> tuple[str, ...]:
    """The signs of a network's units: none of a language model or a decoder, > and < of an encoder's directions."""
    own = ("",) if config.writes else ()
    if config.align is None or config.source_labels or not ALIGNMENTS[config.align].has_encoder:
        return own
    return (*own, *(MARKS[direction] for direction in directions(config)))


def direction_names(config: ModelConfig, layer: int, direction: str) -> dict[str, str]:
    """The names of a direction's weights, by those of the only layer of a stack: `rnn.weight_ih_l0` for all."""
    cell = cell_of(config)
    names = {f"rnn.{name}_l0": f"{PREFIX}rnn.{name}_l{layer}{direction}" for name in cell.weights}
    if config.layer_norm:
        both = ("weight", "bias")
        names |= {f"norm.{name}_l0": f"{PREFIX}norm.{name}_l{layer}{direction}" for name in both}
    return names


def encoder_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The name and shape of every weight of an encoder; of a label as source, its table of vectors."""
    assert config.source_size
    shapes: dict[str, tuple[int, ...]] = {
        f"{PREFIX}embedding.weight": (config.source_size, config.embedding_size)
    }
    if config.source_labels:
        return shapes
    cell, H = cell_of(config), config.hidden_size
    for layer in range(config.num_layers):
        read = config.source_width if layer else config.embedding_size
        shape_of = cell.shapes(read, H, H)  # the output of a Jordan cell is its h here
        own = {f"rnn.{name}_l0": shape for name, shape in shape_of.items()}
        for direction in directions(config):
            for name, full in direction_names(config, layer, direction).items():
                shapes[full] = own.get(name, (H,))
    return shapes


def reversal(lengths: npt.NDArray[np.int64], num_places: int) -> npt.NDArray[np.int64]:
    """The place that each place of a row reversed by its own length is taken from, (T, N); padding stays.

    lengths [3, 1], 4 places  ->  columns 2 1 0 3 and 0 1 2 3
    """
    places = np.arange(num_places)[:, None]
    return np.where(places < lengths, lengths - 1 - places, places)


class Shorter(NamedTuple):
    """What a layer of a subsampled encoder reads, above the lowest."""

    kept: Array
    """(T', N): the places of the outputs of the layer below."""
    lengths: Array
    """(N,): how many there are for each source."""
    reversal: Array
    """(T', N): see `reversal`."""


def shortened(
    config: ModelConfig, source: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
) -> tuple[Shorter, ...]:
    """What each layer above the lowest reads; empty if the encoder is not subsampled.

    Args:
        config: the network.
        source: the symbols of the sources, (T, N), or vectors.
        lengths: (N,), 1 or more each.
    """
    if config.subsample is None:
        return ()
    made = []
    for layer in range(1, config.num_layers):
        if config.subsample != WORDS:
            kept, lengths = _every(int(config.subsample), lengths)
        elif layer == 1:
            kept, lengths = _word_ends(word_table(config)[source] > 0, lengths)
        else:  # all that the layer below has
            kept, lengths = _every(1, lengths)
        made.append(Shorter(kept, lengths, reversal(lengths, len(kept))))
    return tuple(made)


_Kept = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Places (T', N), and how many there are in each row, (N,)."""


def _every(factor: int, lengths: npt.NDArray[np.int64]) -> _Kept:
    """Every place of a number, and the last: length 5, factor 2 -> 1 3 4."""
    fewer = -(-lengths // factor)
    places = np.arange(1, int(fewer.max()) + 1)[:, None] * factor - 1
    return np.minimum(places, lengths - 1), fewer


def _word_ends(in_word: npt.NDArray[np.bool_], lengths: npt.NDArray[np.int64]) -> _Kept:
    """The places at which it is seen that a word has ended, and the last."""
    T, places = len(in_word), np.arange(len(in_word))[:, None]
    ends = np.zeros_like(in_word)
    ends[1:] = in_word[:-1] & ~in_word[1:]
    ends = (ends & (places < lengths)) | (places == lengths - 1)
    fewer = ends.sum(0)
    kept = np.sort(np.where(ends, places, T), axis=0)[: int(fewer.max())]
    return np.minimum(kept, lengths - 1), fewer


def source_places(shorter: Sequence[Shorter]) -> list[npt.NDArray[np.int64]]:
    """For each layer above the lowest the places of the source at which it has its outputs, (T', N); see `shortened`."""
    made: list[npt.NDArray[np.int64]] = []
    for layer in shorter:
        made.append(laid(made[-1], layer.kept) if made else layer.kept)
    return made


def laid(x: Array, index: Array) -> Array:
    """What stands at the places (T, N) of each row, in the order of an index (T, N); a reversal is its own inverse."""
    return x[index, _columns(index)]


def _columns(index: Array) -> Array:
    """The number of each column, (1, N), as an array of the index's own kind."""
    ones = index[:1] * 0 + 1
    return ones.cumsum(1) - 1


def read_both_ways(
    config: ModelConfig,
    ids: Array,
    index: Array,
    run: Run,
    join: Callable[[list[Array]], Array],
    shorter: Sequence[Shorter] = (),
) -> Array:
    """The outputs of the top layer at each place of the source that it reads, (T, N, K).

    Args:
        config: the network.
        ids: the symbols of the source, (T, N), which layer 0 reads.
        index: the reversal of its rows, (T, N).
        run: reads with one direction of one layer.
        join: puts outputs side by side: NumPy's or torch's concatenation over the last axis.
        shorter: what the layers above the lowest read, see `shortened`; empty: all.
    """
    x = ids
    for layer in range(config.num_layers):
        if layer and shorter:
            kept, _, index = shorter[layer - 1]
            x = laid(x, kept)
        outputs = [run(layer, FORWARD, x)]
        if config.bidirectional:
            outputs.append(laid(run(layer, BACKWARD, laid(x, index)), index))
        x = join(outputs) if len(outputs) > 1 else outputs[0]
    return x


def final_vectors(
    config: ModelConfig, outputs: Array, index: Array, join: Callable[[list[Array]], Array]
) -> Array:
    """The vector of a whole source, (N, K): the forward output at its last symbol, the backward one at its first."""
    H = config.hidden_size
    last = laid(outputs, index)[0]
    if not config.bidirectional:
        return last
    return join([last[..., :H], outputs[0][..., H:]])


def direction_weights(
    config: ModelConfig, weights: Mapping[str, Array], layer: int, direction: str
) -> dict[str, Array]:
    """A direction's weights, out of those of a network, by the names of a stack with one layer."""
    return {n: weights[full] for n, full in direction_names(config, layer, direction).items()}
