"""What the script of a live page needs of a model, and of each symbol that the model has read.

The script makes of them what `charrnn.web.data` makes of a recording (charrnn/web/static/rows.js), and keeps them: for
the next text it needs only the rows of what is new.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from charrnn.render.glyphs import glyph
from charrnn.web.data import CERTAIN, require_finite
from charrnn.web.packing import unpacked

if TYPE_CHECKING:
    from charrnn.interpret.names import NamedUnit
    from charrnn.interpret.recording import Recording
    from charrnn.model import CharRNN


def about_model(
    model: "CharRNN", names: Sequence["NamedUnit"] = (), *, item_end: str | None = None
) -> dict[str, Any]:
    """What a live page says of a model whatever the text: its cell, sizes, names of units, and how symbols are shown."""
    vocabulary, cell = model.vocabulary, model.cell
    shown = ("".join(map(glyph, vocabulary.shown(k))) for k in range(len(vocabulary)))
    return {
        "cell": cell.name,
        "fingerprint": model.fingerprint,
        "states": list(cell.states),
        "sigmoids": list(cell.sigmoids),
        "meanings": dict(cell.meanings),
        "numLayers": model.config.num_layers,
        "hidden": model.config.hidden_size,
        "start": int(item_end is not None),
        "shown": list(shown),
        "names": [
            {"unit": one.unit, "name": one.name, "label": "".join(map(glyph, str(one)))}
            for one in names
        ],
    }


def row_data(recording: "Recording") -> dict[str, Any]:
    """The rows of some symbols: all that was recorded of each but the gates.

    The values of units (T, U) are those of the first state, layer by layer, then of the next.

    Raises:
        CheckpointError: a prediction is not finite.
    """
    require_finite(recording.surprisal)
    length, source = len(recording.ids), recording.source
    values = [recording.arrays[name].reshape(length, -1) for name in source.states]
    shares = recording.from_counts
    return {
        "edits": list(source.edits),
        "pieces": list(recording.pieces),
        "ids": unpacked(recording.ids),
        "surprisal": unpacked(recording.surprisal),
        "guesses": unpacked(recording.next_ids),
        "chances": unpacked(np.rint(recording.next_probabilities * CERTAIN).astype(np.uint16)),
        "values": unpacked(np.nan_to_num(np.concatenate(values, axis=1))),
        **({} if shares is None else {"fromCounts": unpacked(shares)}),
    }
