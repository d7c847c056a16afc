"""The data of a page of pairs: the matrix between each source and its target, and the pages of both texts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from charrnn.pairs.views import MatrixOfPair
from charrnn.render.glyphs import glyph

FULL = 1000
"""The number that stands for a weight or a probability of 1."""


def pairs_data(
    matrices: Sequence[MatrixOfPair],
    sides: Mapping[str, Mapping[str, Any]],
    *,
    title: str,
    heading: str,
    meaning: str,
) -> dict[str, Any]:
    """The data of a page.

    Args:
        matrices: what a model does between each source and its target; none: there is nothing to see.
        sides: the data of the texts, "source" and "target" or one of them; see `charrnn.web.data.page_data`.
        title: the title of the page.
        heading: what the matrices are: "Attention".
        meaning: what their numbers are, in words.
    """
    return {
        "title": "".join(map(glyph, title)),
        "heading": heading,
        "meaning": meaning,
        "full": FULL,
        "pairs": [
            {
                "source": [glyph(character) for character in matrix.source],
                "target": ["".join(map(glyph, row)) for row in matrix.rows],
                "weights": np.rint(FULL * np.nan_to_num(matrix.values)).astype(int).tolist(),
            }
            for matrix in matrices
        ],
        "sides": dict(sides),
    }
