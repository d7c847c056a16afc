"""The network of pairs that a request leads to, once the pairs have been read. Nothing here needs torch."""

import dataclasses
from typing import TYPE_CHECKING, Any

from charrnn.config import ModelConfig, TrainingRequest
from charrnn.errors import SettingError
from charrnn.network.cells.subsampling import WORDS
from charrnn.settings import settings_of
from charrnn.text.vocabulary import Vocabulary
from charrnn.text.words import with_words

if TYPE_CHECKING:
    from charrnn.text.pairs import PairCorpus


def wanted_alignment(network: ModelConfig) -> str | None:
    """The alignment that settings ask for; None: the pairs decide.

    Raises:
        SettingError: attention is asked for with an alignment that has none.
    """
    align, attention = network.align, network.attention
    if attention == "none":
        if align not in (None, "attention", "none"):
            raise _without_meaning("attention", attention, align)
        return "none"
    if attention and align not in (None, "attention"):
        raise _without_meaning("attention", attention, align)
    return "attention" if attention else align


def pair_network_of(pairs: "PairCorpus", network: ModelConfig) -> ModelConfig:
    """The network with what follows from the pairs and their alignment.

    Raises:
        SettingError: a setting has no meaning for these pairs.
    """
    labels = pairs.source_labels
    if labels and network.bidirectional:
        raise SettingError.naming(
            "{bidirectional} does not apply to sources that are labels, which nothing reads",
            "leave it out",
        )
    if not pairs.alignment.has_encoder and network.bidirectional is not None:
        raise _without_meaning("bidirectional", "", pairs.align)
    given: dict[str, Any] = {"align": pairs.align, "source_labels": labels or None}
    given["attention"] = (network.attention or "additive") if pairs.alignment.looks else None
    given["bidirectional"] = None if labels else network.bidirectional
    if not labels and network.bidirectional is None and pairs.alignment.has_encoder:
        given["bidirectional"] = pairs.alignment.reads_both_ways
    given["source_vectors"] = bool(pairs.config.vectors) or None
    given["source_size"] = len(pairs.source_symbols)
    given["stretch"] = _stretch(pairs, network) if pairs.alignment.stretches else None
    if pairs.alignment.writes:
        given["longest_target"] = max(map(len, pairs.target_texts))
    made = dataclasses.replace(network, **given)
    return (
        with_words(made, pairs.source_symbols)
        if isinstance(pairs.source_symbols, Vocabulary)
        else made
    )


def _stretch(pairs: "PairCorpus", network: ModelConfig) -> int:
    """How often each symbol of a source is read.

    Raises:
        SettingError: the encoder would give too few outputs for some target.
    """
    if network.subsample in (None, WORDS):
        return pairs.stretch
    shortened = int(network.subsample or 1) ** (network.num_layers - 1)
    stretch, most = pairs.stretch_for(shortened), settings_of(ModelConfig)["stretch"].high
    if stretch > (most or 0):
        raise SettingError.naming(
            f"{{subsample:{network.subsample}}} leaves an output for every {shortened:,} symbols of a source, too few "
            "for some target",
            "take a smaller number, or fewer {num_layers}",
        )
    return stretch


def _without_meaning(name: str, value: str, align: str) -> SettingError:
    return SettingError.naming(
        f"{{{name}{value and ':' + value}}} does not apply with {{align:{align}}}",
        "leave one of them out",
    )


def aligned(corpus: Any, request: TrainingRequest) -> Any:
    """A corpus that was read: of pairs with the alignment that a request asks for, or that suits them.

    Raises:
        DataError: the pairs do not allow it.
        SettingError: two settings of the alignment conflict, or one has no meaning with it.
    """
    if not corpus.config.pairs:
        return corpus
    made = corpus.aligned(wanted_alignment(request.network(vocab_size=1)))
    if not made.alignment.smooths and request.given.get("label_smoothing"):
        raise SettingError.naming(
            f"{{label_smoothing}} does not apply with {{align:{made.align}}}", "leave it out"
        )
    return made
