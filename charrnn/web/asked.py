"""What a page asks a model about a text: which characters a prediction rests on, and how much context helps."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from charrnn.errors import DataError
from charrnn.interpret.context import ContextCurve, context_curve
from charrnn.interpret.occlusion import occlusion, occlusions
from charrnn.web.data import MAX_MILLIBITS
from charrnn.web.packing import Packed, pack

if TYPE_CHECKING:
    from charrnn.model import CharRNN
    from charrnn.numerics import Float64, Ids

WINDOWS = 128
"""Predictions of which a context curve is the mean on a live page, which should not take long."""
DIGITS = 6
"""Significant digits of what a character mattered."""
PER_BIT = 100
"""Steps of a bit in what a page records of all characters."""
NOTHING = -(1 << 15)
"""The number that stands for a character that is not there."""


def saliency_data(
    model: "CharRNN", text: str, place: int, *, item_end: str | None = None
) -> dict[str, Any]:
    """What mattered for a prediction: the `method` is the gradient of `charrnn.training.saliency`.

    If units are edited, of which there is no gradient, it is `charrnn.interpret.occlusion`.

    Args:
        model: the network.
        text: a text of characters that it knows.
        place: the position of the symbol whose prediction is explained.
        item_end: the end of the items that are read one by one.

    Raises:
        DataError: there is no such place, or nothing before it.
    """
    ids = model.vocabulary.encode(text)
    if not 0 <= place < len(ids):
        raise DataError(f"the place must be from 0 to {len(ids) - 1:,}, not {place:,}")
    method, probability, values = (_occluded if model.edits else _gradient)(
        model, ids, place, item_end
    )
    return {
        "method": method,
        "place": place,
        "start": place - len(values),
        "values": [float(f"{value:.{DIGITS}g}") for value in values.tolist()],
        "probability": round(probability, 6),
    }


def _gradient(
    model: "CharRNN", ids: "Ids", place: int, item_end: str | None
) -> tuple[str, float, "Float64"]:
    from charrnn.training.saliency import saliency_in_item

    found = saliency_in_item(model, ids, place, item_end=item_end)
    return "gradient", found.probability, found.norms


def _occluded(
    model: "CharRNN", ids: "Ids", place: int, item_end: str | None
) -> tuple[str, float, "Float64"]:
    found = occlusion(model, ids, place, item_end=item_end)
    return "occlusion", found.probability, found.bits


def occlusion_data(
    model: "CharRNN",
    text: str,
    *,
    item_end: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Packed]:
    """What mattered for every prediction of a text, for a page without a model; see `charrnn.interpret.occlusion`.

    `occlusion` is (T, K) in PER_BIT steps of a bit: of the symbols 1, 2, ..., K back, or NOTHING. `alone` is what each
    symbol costs the network alone, in thousandths of a bit.
    """
    found = occlusions(model, model.vocabulary.encode(text), item_end=item_end, progress=progress)
    steps = np.clip(np.rint(found.bits * PER_BIT), 1 + NOTHING, -(1 + NOTHING))
    return {
        "occlusion": pack(np.nan_to_num(steps, nan=NOTHING).astype("<i2")),
        "alone": pack(np.minimum(np.rint(found.costs * 1000), MAX_MILLIBITS)),
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
