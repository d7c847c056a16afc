"""Tiny corpora, networks and trained models of pairs."""

import io

import numpy as np
import torch

from charrnn.config import CorpusConfig, ModelConfig
from charrnn.pairs.model import PairNetwork
from charrnn.text.pairs import read_pairs
from charrnn.text.sources import TextSource
from charrnn.training.machine import on_device
from charrnn.training.pairs.batches import laid_out
from charrnn.training.pairs.settings import pair_network_of
from charrnn.training.pairs.task import make_pair_network

TEXTS = {
    "attention": [("abc", "cba"), ("d", "d"), ("abcde", "edcba"), ("ba", ""), ("eebad", "dabee")],
    "none": [("uk", "abb"), ("fr", "cab"), ("uk", "a"), ("fr", ""), ("uk", "bcbc")] * 5,
    "each": [("abc", "xyx"), ("d", "y"), ("abcde", "yyxxy"), ("ba", "xx")],
    "label": [("abc", "odd"), ("d", "odd"), ("abcd", "even"), ("ba", "even"), ("c", "odd")],
    "ctc": [("aabbb", "ab"), ("d", "d"), ("aaab", "aab"), ("cc", "ab"), ("dabc", "")],
    "lm": [("abc", "cba"), ("d", "d"), ("abcde", "edcba"), ("ba", ""), ("eebad", "dabee")],
    "encoded": [("abc", "cba"), ("d", "d"), ("abcde", "edcba"), ("ba", ""), ("eebad", "dabee")],
}
"""A few pairs for each alignment; `encoded` is `none` with texts as sources."""
KINDS = tuple(TEXTS)


def corpus_of(pairs, *, align=None, **settings):
    """A corpus of these pairs."""
    text = "".join(f"{source}\t{target}\n" for source, target in pairs).encode()
    config = CorpusConfig(pairs=True, **settings)
    return read_pairs([TextSource("pairs.tsv", lambda: io.BytesIO(text))], config).aligned(align)


def config_of(corpus, **shape):
    """A small network for a corpus."""
    sizes = {"embedding_size": 4, "hidden_size": 7} | shape
    return pair_network_of(corpus, ModelConfig(vocab_size=len(corpus.vocabulary), **sizes))


def with_a_rare_symbol(align):
    """A model that would always write the unknown symbol, if that could be written."""
    corpus = corpus_of([("ab", "xy"), ("ba", "zx"), ("bb", "xx")], align=align, min_count=2)
    network = make_pair_network(config_of(corpus), 0.0, 3, torch.device("cpu"))
    model = PairNetwork(
        network.config, corpus.source_symbols, corpus.vocabulary, network.to_numpy()
    )
    model.weights["head.bias"][corpus.vocabulary.unknown_id] = 100
    return model


def corpus_for(kind):
    """The corpus of a kind."""
    return corpus_of(TEXTS[kind], align="none" if kind == "encoded" else kind)


def twins(corpus, config):
    """A network in torch with weights that are not small, and the same in NumPy."""
    network = make_pair_network(config, 0.0, 3, torch.device("cpu"))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.7)
    network.eval()
    model = PairNetwork(config, corpus.source_symbols, corpus.vocabulary, network.to_numpy())
    return network, model


def both(kind, **shape):
    """A corpus, a network in torch with weights that are not small, and the same in NumPy."""
    corpus = corpus_for(kind)
    if kind == "encoded":
        shape = {"bidirectional": True} | shape
    return corpus, *twins(corpus, config_of(corpus, **shape))


def batch_of(corpus, model, rows):
    """Pairs laid out, in NumPy."""
    return laid_out(corpus, np.asarray(rows), model.config.stretch or 1)


def in_torch(inputs):
    """The same for a network in torch."""
    return on_device(inputs, torch.device("cpu"))


def with_padding(inputs, num, generator, symbols):
    """Sources with `num` more places of padding, random symbols, behind each end."""
    T, N = inputs.source.shape
    source = np.concatenate([inputs.source, np.zeros((num, N), np.int64)])
    behind = np.arange(T + num)[:, None] >= inputs.lengths
    noise = generator.integers(symbols, size=source.shape)
    source = np.where(behind, noise, source)
    from charrnn.network.encoder import reversal

    return inputs._replace(source=source, reversal=reversal(inputs.lengths, T + num))
