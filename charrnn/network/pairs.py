"""Networks that turn a source into a target: which parts each alignment has, their weights, and the network in words.

    align        source                              target
    none         a label's vector, or the encoder's  a decoder: v gives its start, and is added to the input of each step
                 final vector v
    attention    the outputs of the encoder          a decoder, whose steps look at all of them; v gives its start
    each         the outputs of the encoder          a symbol at each place
    label        the encoder's final vector          one of some labels
    lm           its own state after the source      the same language model goes on
    ctc          the outputs of the encoder          a symbol or a blank at each place (`charrnn.network.alignments.ctc`)

The start of a decoder is W v + b for each layer and each state. It knows no arrays.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from charrnn.config import ModelConfig
from charrnn.network.alignments import ALIGNMENTS
from charrnn.network.alignments.base import Alignment
from charrnn.network.cells import cell_of
from charrnn.network.encoder import encoder_shapes
from charrnn.network.heads import LINEAR, Head, linear_logits

OF_PAIRS = (
    *("align", "attention", "bidirectional", "source_size", "source_labels"),
    "source_vectors",
    *("stretch", "longest_target", "subsample", "word_symbols"),
)
"""The fields of ModelConfig that are None in the language model that a decoder is."""
BRIDGE = "bridge."
"""Prefix of the weights that make a decoder's start."""


def alignment_of(config: ModelConfig) -> Alignment:
    """The alignment of a network of pairs."""
    return ALIGNMENTS[config.align or ""]


def num_classes(config: ModelConfig) -> int:
    """The logits at each place: one for each symbol, and for a blank."""
    return config.vocab_size + alignment_of(config).blanks


def encoded_shapes(config: ModelConfig) -> Mapping[str, tuple[int, ...]]:
    """The shapes of the weights of `ENCODED`."""
    V = num_classes(config)
    return {"weight": (V, config.source_width), "bias": (V,)}


ENCODED = Head(shapes=encoded_shapes, logits=linear_logits)
"""The head of a network without a decoder: logits from the encoder's outputs (..., K)."""


def head_of(config: ModelConfig) -> Head:
    """The head of a network."""
    return LINEAR if config.writes else ENCODED


def language_config(config: ModelConfig) -> ModelConfig:
    """The language model that a decoder is, but for what it knows of a source."""
    none: dict[str, Any] = dict.fromkeys(OF_PAIRS)
    return dataclasses.replace(config, **none)


def bridge_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The weights that lead from a source's vector to the start of a decoder."""
    size, K = config.num_layers * config.hidden_size, config.source_width
    shapes: dict[str, tuple[int, ...]] = {}
    for letter in cell_of(config).carried:
        shapes |= {f"{BRIDGE}{letter}.weight": (size, K), f"{BRIDGE}{letter}.bias": (size,)}
    return shapes


def own_weights(config: ModelConfig, weights: Mapping[str, Any]) -> dict[str, Any]:
    """The weights of an alignment by their short names, out of those of a network: `attention.key` -> `key`."""
    prefix = f"{alignment_of(config).part}."
    return {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}


def pair_shapes(
    config: ModelConfig, decoder: Mapping[str, tuple[int, ...]], head: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[int, ...]]:
    """The name and shape of every weight of a network of pairs.

    Args:
        config: the network.
        decoder: the weights of a language model of the targets, but for its head.
        head: those of the head.
    """
    alignment = alignment_of(config)
    shapes = encoder_shapes(config) if alignment.has_encoder else {}
    if config.writes:
        shapes |= decoder
    if config.writes and alignment.has_encoder:
        shapes |= bridge_shapes(config)
    own = alignment.shapes(config).items()
    return {**shapes, **{f"{alignment.part}.{name}": shape for name, shape in own}, **head}


def in_words(config: ModelConfig) -> str:
    """How a target follows from its source: "encoder in both directions, decoder with additive attention"."""
    target = alignment_of(config).words.format(attention=config.attention)
    if not alignment_of(config).has_encoder:
        return target
    if config.source_labels:
        source = "from a label"
    else:
        source = "encoder in both directions" if config.bidirectional else "encoder"
    return f"{source}, {target}"
