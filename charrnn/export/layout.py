"""The numbers of an exact model one after another, as programs in other languages read them.

First the integers of all matrices (8 bits), then their scales (16 bits), then all other weights (32 bits), all
little-endian. The matrices: the embedding, the head, and of each layer W_ih and W_hh.
"""

import numpy as np

from charrnn.exact.arithmetic import PASSED
from charrnn.exact.model import ExactModel, is_folded, is_matrix
from charrnn.network.shapes import weight_shapes
from charrnn.network.stack import layer_names, norm_names


class Layout:
    """Where the numbers of a model are, and which of its symbols are special.

    Args:
        model: the model.
        item_end: the character that ends an item, if the program writes one item.
    """

    def __init__(self, model: ExactModel, item_end: str | None = None) -> None:
        config = model.config
        self._model, self._item_end = model, item_end
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

    @property
    def passed_bits(self) -> int:
        """The bits behind the point of what a layer hands on."""
        return PASSED if self._model.config.layer_norm else self._model.ops.hidden_bits

    @property
    def unknown(self) -> int:
        """The unknown symbol; -1 if the model has none."""
        unknown = self._model.vocabulary.unknown_id
        return -1 if unknown is None else unknown

    @property
    def newline(self) -> int:
        """The symbol of a newline; -1 if the model has none."""
        return self._symbol("\n")

    @property
    def item_end(self) -> int:
        """The symbol that ends an item; -1 if the program writes running text."""
        return -1 if self._item_end is None else self._symbol(self._item_end)

    def _symbol(self, character: str) -> int:
        vocabulary = self._model.vocabulary
        return -1 if vocabulary.missing(character) else int(vocabulary.encode(character)[0])
