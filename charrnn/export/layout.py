"""The numbers of an exact model one after another, as programs in other languages read them.

First the integers of all matrices (8 bits), then their scales (16 bits), then all other weights (32 bits), all
little-endian. The matrices: the embedding, the head, and of each layer W_ih and W_hh.
"""

import numpy as np

from charrnn.exact.model import ExactModel, is_folded, is_matrix
from charrnn.network.shapes import weight_shapes
from charrnn.network.stack import layer_names, norm_names


class Layout:
    """Where the numbers of a model are.

    Args:
        model: the model.
    """

    def __init__(self, model: ExactModel) -> None:
        config = model.config
        self._model = model
        self._layers = [layer_names(model.cell, k) for k in range(config.num_layers)]
        recurrent = [names[kind] for names in self._layers for kind in ("weight_ih", "weight_hh")]
        self.matrices = [model.matrices[n] for n in ("embedding.weight", "head.weight", *recurrent)]
        shapes = weight_shapes(config)
        vectors = [n for n in shapes if not is_matrix(n) and not is_folded(config, n)]
        ends = np.cumsum([0, *(model.vectors[name].size for name in vectors)]).tolist()
        self.offset: dict[str, int] = dict(zip(vectors, ends, strict=False))
        """Where each of the other weights begins among them, by its name."""
        self.integers = np.concatenate([matrix.integers.ravel() for matrix in self.matrices])
        self.scales = np.concatenate([matrix.scales for matrix in self.matrices])
        self.vectors = np.concatenate([model.vectors[name].ravel() for name in vectors])

    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """Rows, columns and bits of each matrix."""
        return [(*matrix.integers.shape, matrix.bits) for matrix in self.matrices]

    def binary(self) -> bytes:
        """All numbers as a file."""
        parts = (self.integers, self.scales.astype("<u2"), self.vectors.astype("<i4"))
        return b"".join(part.tobytes() for part in parts)

    def offsets(self, short: str) -> list[int]:
        """Where a weight of each layer begins, by its short name: `bias_ih`."""
        return [self.offset[names[short]] for names in self._layers]

    def norms(self) -> list[int]:
        """Where each layer's gain begins, which its shift follows; none without layer normalization."""
        if not self._model.config.layer_norm:
            return []
        return [self.offset[norm_names(k)[0]] for k in range(len(self._layers))]

    def starts(self, state: str) -> list[int]:
        """Where each layer's initial state begins; none if it is zero."""
        first, size = self.offset.get(f"start.{state}"), self._model.config.hidden_size
        return [] if first is None else [first + size * k for k in range(len(self._layers))]

    def symbol(self, character: str) -> int:
        """The symbol of a character; -1 if the model has none."""
        vocabulary = self._model.vocabulary
        return -1 if vocabulary.missing(character) else int(vocabulary.encode(character)[0])
