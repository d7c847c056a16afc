"""An exact model as the tensors of a checkpoint: `NAME` and `NAME.scale` of each matrix, `NAME` of all else."""

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from charrnn.config import ModelConfig
from charrnn.errors import CheckpointError
from charrnn.exact.matrix import LEAST_BITS, MOST, MOST_BITS, SCALE_BITS, Matrix
from charrnn.exact.model import ExactModel, is_folded, is_matrix
from charrnn.network.shapes import weight_shapes
from charrnn.text.vocabulary import Vocabulary

SCALE = ".scale"

Arrays = Mapping[str, npt.NDArray[Any]]


def tensors_of(model: ExactModel) -> dict[str, npt.NDArray[Any]]:
    """The tensors of a model, by name."""
    made: dict[str, npt.NDArray[Any]] = dict(model.vectors)
    for name, matrix in model.matrices.items():
        made |= {name: matrix.integers, name + SCALE: matrix.scales}
    return made


def record_of(model: ExactModel) -> dict[str, Any]:
    """The record of a model in the header of a checkpoint: the bits of each matrix."""
    return {"bits": {name: matrix.bits for name, matrix in model.matrices.items()}}


def expected_tensors(config: ModelConfig) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The type and the shape of every tensor of an exact model, by name."""
    made: dict[str, tuple[str, tuple[int, ...]]] = {}
    for name, shape in weight_shapes(config).items():
        if is_matrix(name):
            made |= {name: ("I8", shape), name + SCALE: ("U16", shape[:1])}
        elif not is_folded(config, name):
            made[name] = ("I32", shape)
    return made


def restored(
    config: ModelConfig, vocabulary: Vocabulary, record: Any, tensors: Arrays
) -> ExactModel:
    """The exact model of a checkpoint.

    Raises:
        CheckpointError: the record does not fit, or a number is beyond what exact arithmetic allows.
    """
    bits = record.get("bits") if isinstance(record, dict) else None
    names = {name for name in weight_shapes(config) if is_matrix(name)}
    if not isinstance(bits, dict) or bits.keys() != names:
        raise CheckpointError("the record of the exact model does not name its matrices")
    if not all(type(b) is int and LEAST_BITS <= b <= MOST_BITS for b in bits.values()):
        raise CheckpointError(
            f"the bits of an exact model are not from {LEAST_BITS} to {MOST_BITS}"
        )
    matrices = {}
    for name in names:
        integers, scales = tensors[name], tensors[name + SCALE]
        if integers.min() < -MOST or not 1 <= scales.min() <= scales.max() < 1 << SCALE_BITS:
            raise CheckpointError(f"{name} of the exact model is out of range")
        matrices[name] = Matrix(integers, scales, bits[name])
    vectors = {
        name: tensors[name] for name, (kind, _) in expected_tensors(config).items() if kind == "I32"
    }
    return ExactModel(config, vocabulary, matrices, vectors)
