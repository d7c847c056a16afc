"""The counts of a run's training text, fitted on its validation text."""

from charrnn.config import SavingConfig
from charrnn.counts.mixture import FEWEST, Counts
from charrnn.evaluation.count_weights import count_and_fit
from charrnn.evaluation.evaluate import streams_of
from charrnn.model import CharRNN
from charrnn.text.corpus import Corpus
from charrnn.text.items import first_items

MOST_FITTED = 1 << 17
"""Characters of validation text on which the weight of the counts is fitted."""


def counts_of(network: CharRNN, corpus: Corpus, saving: SavingConfig) -> Counts | None:
    """The counts of a corpus's training text; None if there is too little validation text to fit their weight on."""
    end = corpus.end_id
    held_out = corpus.val[:MOST_FITTED]
    if end is not None:
        held_out = first_items(corpus.val, end, MOST_FITTED - 1)
    if len(held_out) <= FEWEST:
        return None
    return count_and_fit(
        network,
        corpus.train,
        held_out,
        streams_of(held_out, by_items=end is not None),
        order=saving.count_order,
        most=saving.count_size,
        end=end,
    )
