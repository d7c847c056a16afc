"""A check before training on a device whose kernels nobody has measured: a small step there, and on the processor."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from charrnn.config import ModelConfig
from charrnn.errors import EnvironmentFault
from charrnn.network.cells import CELLS
from charrnn.training.machine import CPU, on_device
from charrnn.training.network import make_network

NUM_SYMBOLS, NUM_STEPS, NUM_ROWS = 11, 9, 4
"""The sizes of the checked step: V, T, N."""
TOLERANCE = 1e-2
"""The largest difference that rounding explains, as a part of the largest value of an array."""


def require_right(device: torch.device) -> None:
    """Compare what a device computes of each cell that torch has kernels for with what the processor computes.

    Raises:
        EnvironmentFault: a loss or a gradient differs, or cannot be computed there.
    """
    for cell in (name for name, cell in CELLS.items() if cell.torch_class):
        try:
            found, expected = (dict(small_step(cell, at)) for at in (device, CPU))
        except RuntimeError as error:  # NotImplementedError too: an operation that the device lacks
            problem = next(iter(str(error).strip().splitlines()), "no reason given")
            _refuse(device, f"cannot compute the cell {cell}: {problem}", error)
        for name, right in expected.items():
            if not _apart(found[name], right) <= TOLERANCE:  # nor if it is NaN
                _refuse(device, f"computes the cell {cell} wrongly: {name} differs")


def small_step(cell: str, device: torch.device) -> Iterator[tuple[str, Tensor]]:
    """The loss of a small network and the gradients of its weights, each with its name, on the processor."""
    shape = ModelConfig(
        cell=cell, vocab_size=NUM_SYMBOLS, embedding_size=5, hidden_size=7, num_layers=2
    )
    network = make_network(shape, 0.0, 1, device)
    draw = np.random.default_rng(1)
    ids = on_device(draw.integers(NUM_SYMBOLS, size=(NUM_STEPS + 1, NUM_ROWS)), device)
    logits, _ = network(ids[:-1], None)
    loss = cross_entropy(logits.flatten(0, 1), ids[1:].flatten())
    loss.backward()  # type: ignore[no-untyped-call]
    yield "the loss", loss.detach().cpu()
    for name, weight in network.named_parameters():
        if weight.grad is not None:
            yield f"the gradient of {name}", weight.grad.cpu()


def _apart(found: Tensor, right: Tensor) -> float:
    """The largest difference, as a part of the largest value; NaN or infinite if a value is."""
    return float((found - right).abs().max() / right.abs().max())


def _refuse(device: torch.device, problem: str, error: Exception | None = None) -> None:
    raise EnvironmentFault.naming(
        "the device {chosen} {problem} (torch {version})",
        "use {device:cpu}, or another version of torch",
        chosen=device,
        problem=problem,
        version=torch.__version__,
    ) from error
