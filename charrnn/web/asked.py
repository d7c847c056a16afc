"""What a page asks a model about a text: which characters a prediction rests on, and how much context helps."""

from typing import TYPE_CHECKING, Any

import numpy as np

from charrnn.errors import DataError
from charrnn.interpret.context import ContextCurve, context_curve

if TYPE_CHECKING:
    from charrnn.model import CharRNN

WINDOWS = 128
"""Predictions of which a context curve is the mean on a live page, which should not take long."""
DIGITS = 6
"""Significant digits of a norm."""


def saliency_data(
    model: "CharRNN", text: str, place: int, *, item_end: str | None = None
) -> dict[str, Any]:
    """The saliency of the characters before a place, by the gradient; see `charrnn.training.saliency`.

    Args:
        model: the network.
        text: a text of characters that it knows.
        place: the position of the symbol whose prediction is explained.
        item_end: the end of the items that are read one by one.

    Raises:
        DataError: there is no such place, or nothing before it.
        UsageError: units of the model are edited.
    """
    from charrnn.training.saliency import saliency_in_item

    ids = model.vocabulary.encode(text)
    if not 0 <= place < len(ids):
        raise DataError(f"the place must be from 0 to {len(ids) - 1:,}, not {place:,}")
    found = saliency_in_item(model, ids, place, item_end=item_end)
    return {
        "place": found.place,
        "start": found.start,
        "values": [float(f"{norm:.{DIGITS}g}") for norm in found.norms.tolist()],
        "probability": round(found.probability, 6),
    }


def context_data(
    model: "CharRNN", text: str, *, windows: int = WINDOWS, item_end: str | None = None
) -> dict[str, Any]:
    """The context curve of a text; see `charrnn.interpret.context`.

    Raises:
        DataError: the text is too short.
    """
    ids = model.vocabulary.encode(text)
    return curve_data(context_curve(model, ids, windows=windows, item_end=item_end))


def curve_data(curve: ContextCurve) -> dict[str, Any]:
    """A context curve for a page; its errors are of the differences from the longest context, place by place."""
    return {
        "lengths": list(curve.lengths),
        "mean": curve.mean.round(4).tolist(),
        "excess": curve.excess.round(4).tolist(),
        "error": [None if np.isnan(e) else round(e, 4) for e in curve.excess_error.tolist()],
        "windows": curve.num_places,
        "effective": curve.effective_length,
    }
