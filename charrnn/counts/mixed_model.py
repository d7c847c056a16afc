"""A network and the counts of its training text as one model.

It has the interface of a network: `step`, `advance`, `logits`, `run` and `head` take and return states with one more
entry after those of the layers, the contexts of the counts. Its logits are the logarithms of the mixed probabilities, in
float64; with an exact network they are exact too (`charrnn.counts.exact_mixture`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from charrnn.counts.mixture import Counts
from charrnn.counts.table import Nodes
from charrnn.exact.arithmetic import integer_log
from charrnn.model import CharRNN, Gates, States
from charrnn.network.cells.base import Ops, Weights
from charrnn.numerics import Float, Float64, log_softmax


@dataclass(frozen=True)
class MixedOutputs:
    """The outputs of the top layer and the contexts of the counts, from which `MixedModel.head` computes logits."""

    outputs: Float
    """Outputs of the network's top layer, (..., H)."""
    nodes: Nodes
    """Contexts of the counts, (..., K); see `charrnn.counts.table`."""

    def __getitem__(self, where: Any) -> "MixedOutputs":
        """Those at some places."""
        return MixedOutputs(self.outputs[where], self.nodes[where])


class MixedModel(CharRNN):
    """A network whose predictions are mixed with those of counts.

    Args:
        network: the network; the weights are shared.
        counts: the counts, with their weight.

    Raises:
        CheckpointError: the counts are read from the checkpoint now, and are damaged.
    """

    def __init__(self, network: CharRNN, counts: Counts) -> None:
        vars(self).update(vars(network))
        self.network, self.counts, self._table = network, counts, counts.table
        self.is_exact = network.is_exact
        self._mixture = counts.exact if network.is_exact else counts
        self._log: Any = integer_log if network.is_exact else np.log

    def initial_state(self, num_streams: int | None = None) -> States:
        """The state before any character, with the contexts of the counts."""
        return (*self.network.initial_state(num_streams), (self._table.start(num_streams),))

    def advance(self, ids: Any, state: States) -> tuple[States, Gates]:
        """Read one symbol a stream, without computing what comes next."""
        after, gates = self.network.advance(ids, state[:-1])
        return (*after, (self._table.advance(ids, state[-1][0]),)), gates

    def outputs(self, state: States) -> MixedOutputs:
        """What `head` needs of a state."""
        return MixedOutputs(self.network.outputs(state[:-1]), state[-1][0])

    def stacked(self, outputs: Sequence[MixedOutputs]) -> MixedOutputs:
        """The outputs after several states, one after another."""
        nodes = np.stack([one.nodes for one in outputs])
        return MixedOutputs(np.stack([one.outputs for one in outputs]), nodes)

    def predict(self, outputs: MixedOutputs) -> tuple[Float64, Float64]:
        """The log-probabilities after outputs, and the share of each probability due to the counts, both (..., V)."""
        p, counted = self._mixed(outputs)
        log_p = log_softmax(self._log(p)) if self.is_exact else np.log(p)
        return log_p, counted / p

    def head(self, outputs: Any) -> Any:
        """The logarithms of the probabilities after MixedOutputs, (..., V)."""
        return self._log(self._mixed(outputs)[0])

    def _mixed(self, outputs: MixedOutputs) -> tuple[Float64, Float64]:
        logits, nodes = self.network.head(outputs.outputs), outputs.nodes
        if logits.ndim <= 2:
            return self._mixture.mix(logits, nodes)
        rows = logits.reshape(-1, logits.shape[-1]), nodes.reshape(-1, nodes.shape[-1])
        p, added = self._mixture.mix(*rows)
        return p.reshape(logits.shape), added.reshape(logits.shape)

    def run(self, ids: Any, state: States) -> tuple[Any, States]:
        """Read several symbols a stream: MixedOutputs after each, and the state after the last."""
        outputs, after = self.network.run(ids, state[:-1])
        before = state[-1][0]
        nodes = self._table.read(np.asarray(ids), before)
        return MixedOutputs(outputs, nodes), (*after, (nodes[-1] if len(nodes) else before,))

    def with_ops(
        self, ops: Sequence[Ops | None], start: Mapping[str, Float], edits: Sequence[Any]
    ) -> Self:
        """A copy of this model whose network has other functions in its steps."""
        return type(self)(self.network.with_ops(ops, start, edits), self.counts)

    def with_weights(self, weights: Weights) -> Self:
        """A copy of this model whose network has other weights."""
        return type(self)(self.network.with_weights(weights), self.counts)
