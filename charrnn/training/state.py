"""A run as arrays by name: sets such as `weights`, `optimizer` and `state`, flattened with a dot.

{"state": {"h": tensor}}  <->  {"state.h": array}
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from charrnn.training.network import TorchState
from charrnn.training.optimizer import Optimizer

NumpyArrays = dict[str, npt.NDArray[Any]]


def flattened(sets: Mapping[str, Mapping[str, Tensor]]) -> NumpyArrays:
    """Copies of the tensors of all sets, by the name of the set, a dot, and their own."""
    return {
        f"{part}.{name}": tensor.detach().to("cpu", copy=True).numpy()
        for part, tensors in sets.items()
        for name, tensor in tensors.items()
    }


def one_set(part: str, arrays: Mapping[str, npt.NDArray[Any]]) -> NumpyArrays:
    """The arrays of one set, by their own names."""
    start = part + "."
    return {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}


def optimizer_tensors(network: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    """The optimizer's state for each parameter: `exp_avg.head.weight`; nothing before its first step."""
    return {
        f"{key}.{name}": value
        for name, parameter in network.named_parameters()
        for key, value in optimizer.state_of(parameter).items()
    }


def load_optimizer_tensors(
    network: nn.Module,
    optimizer: Optimizer,
    arrays: Mapping[str, npt.NDArray[Any]],
) -> None:
    """Load what `optimizer_tensors` returned."""
    kept: dict[str, dict[str, Tensor]] = {name: {} for name, _ in network.named_parameters()}
    for name, array in arrays.items():
        key, _, of = name.partition(".")
        kept[of][key] = torch.from_numpy(np.array(array))
    for name, parameter in network.named_parameters():
        optimizer.restore(parameter, kept[name])


def run_arrays(network: Any, optimizer: Optimizer, state: TorchState) -> NumpyArrays:
    """Copies of all arrays that resuming a run needs; `load_run` is the inverse."""
    carried = zip(network.cell.carried, state or (), strict=False)
    return flattened(
        {
            "weights": network.state_dict(),
            "optimizer": optimizer_tensors(network, optimizer),
            "state": {letter: value.float() for letter, value in carried},
        }
    )


def load_run(
    network: Any, optimizer: Optimizer, arrays: Mapping[str, npt.NDArray[Any]]
) -> TorchState:
    """Load the arrays of `run_arrays`; returns the carried state, or None."""
    network.load_numpy(one_set("weights", arrays))
    load_optimizer_tensors(network, optimizer, one_set("optimizer", arrays))
    carried, device = one_set("state", arrays), next(network.parameters()).device
    letters = [letter for letter in network.cell.carried if letter in carried]
    return tuple(torch.from_numpy(carried[k].copy()).to(device) for k in letters) or None
