"""One step of a network as an ONNX graph: symbols and states in, logits and states out.

The graph is made by the step itself (`charrnn.network.stack.advance`), which is given names of values in place of
arrays, and functions that note an operator in place of computing it.
"""

import json
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.errors import UsageError
from charrnn.files import write_atomically
from charrnn.model import CharRNN
from charrnn.network.cells.base import EPSILON, Blocks
from charrnn.network.heads import LINEAR, head_weights
from charrnn.network.stack import advance, entering, make_layer, upwards

OPSET = 17
"""The version of ONNX's operators: the first with layer normalization."""
IR_VERSION = 8
"""The version of the file format that came with it."""


def write_onnx(model: CharRNN, path: Path, *, half: bool = False) -> None:
    """Write one step of a network as an ONNX file.

    Inputs: `symbols` (N,), int64; and each state of the cell, `h` and perhaps `c`, (L, N, H). Outputs: `logits` (N, V),
    and the states after the step, `h_after` and perhaps `c_after`. The file's metadata have the vocabulary and, if it
    was learned, the state before any symbol.

    Args:
        model: the network.
        path: the file.
        half: whether weights and states are float16; otherwise float32.

    Raises:
        UsageError: its units are edited, or its upper layers are held between ticks.
        EnvironmentFault: the file cannot be written.
    """
    model.require_unedited("an ONNX file")
    if model.config.subsample:
        raise UsageError("a subsampled network cannot be written as an ONNX file")
    write_atomically(path, _onnx(model, half=half).SerializeToString())


def _onnx(model: CharRNN, *, half: bool) -> Any:
    """The model as a message of ONNX."""
    from onnx import TensorProto, checker, helper

    config, cell = model.config, model.cell
    graph = _Graph(np.dtype(np.float16 if half else np.float32))
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    shape: list[str | int | None] = [config.num_layers, "N", config.hidden_size]
    inputs = [helper.make_tensor_value_info("symbols", TensorProto.INT64, ["N"])]
    inputs += [helper.make_tensor_value_info(name, kind, shape) for name in cell.carried]
    outputs = [helper.make_tensor_value_info("logits", kind, ["N", config.vocab_size])]
    outputs += [helper.make_tensor_value_info(f"{n}_after", kind, shape) for n in cell.carried]
    _trace(model, graph)
    made = helper.make_model(
        helper.make_graph(graph.nodes, "step", inputs, outputs, graph.constants),
        producer_name="charrnn",
        producer_version=version("charrnn"),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(made, _metadata(model))
    checker.check_model(made)
    return made


def _metadata(model: CharRNN) -> dict[str, str]:
    vocabulary = model.vocabulary
    about: dict[str, Any] = {"level": vocabulary.level, "unknown": vocabulary.unknown_id}
    if vocabulary.level == "char":
        about["code_points"] = vocabulary.symbols.tolist()
    made = {"cell": model.config.cell, "vocabulary": json.dumps(about)}
    if model.config.learn_start:
        made["start"] = json.dumps({name: start.tolist() for name, start in model.start.items()})
    return made


def _trace(model: CharRNN, graph: "_Graph") -> None:
    """Note a step of a model in a graph."""
    config, cell, ops = model.config, model.cell, _Ops(graph)
    layers = [
        make_layer(cell, model.weights, k, lambda w: np.ascontiguousarray(w.T))
        for k in range(config.num_layers)
    ]
    before: Any = [
        tuple(graph.layer_of(name, k, config.hidden_size) for name in cell.carried)
        for k in range(config.num_layers)
    ]
    head = head_weights(model.weights)

    def logits(top: _Value, name: str = "") -> _Value:
        seen = upwards(layers[-1], top, ops)
        made: _Value = LINEAR.logits(seen, head, ops)
        return graph.named(made, name) if name else made

    embedded = graph.note(
        "Gather", graph.constant(model.weights["embedding.weight"]), _Value(graph, "symbols", 0)
    )
    x = entering(layers[0], embedded, ops)
    output = ops.softmax(logits(before[-1][0])) if cell.feeds_back == "output" else None
    after, _ = advance(cell, layers, x, before, ops, output=output)
    logits(after[-1][0], "logits")
    for place, name in enumerate(cell.carried):
        rows = [graph.note("Unsqueeze", of[place], graph.integers(0)) for of in after]
        graph.named(graph.note("Concat", *rows, axis=0), f"{name}_after")


@dataclass
class _Graph:
    """The operators noted so far, and the constants that they use."""

    dtype: np.dtype[Any]
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    _known: dict[int, tuple[Any, "_Value"]] = field(default_factory=dict)

    def note(self, operator: str, *inputs: Any, size: int = 0, **attributes: Any) -> "_Value":
        """The value that an operator makes; `size` is the length of its last axis, where that is wanted."""
        from onnx import helper

        made = _Value(self, f"v{len(self.nodes)}", size or inputs[0].size)
        names = [value.name for value in inputs]
        self.nodes.append(helper.make_node(operator, names, [made.name], **attributes))
        return made

    def constant(self, array: npt.NDArray[Any]) -> "_Value":
        """The value of an array, which is kept once."""
        if id(array) not in self._known:
            self._known[id(array)] = array, self._new(array.astype(self.dtype))
        return self._known[id(array)][1]

    def integers(self, *numbers: int) -> "_Value":
        """The value of some whole numbers."""
        return self._new(np.array(numbers, np.int64))

    def _new(self, array: npt.NDArray[Any]) -> "_Value":
        from onnx import numpy_helper

        made = _Value(self, f"w{len(self.constants)}", array.shape[-1])
        self.constants.append(numpy_helper.from_array(array, made.name))
        return made

    def layer_of(self, state: str, layer: int, size: int) -> "_Value":
        """A layer's part of an input of states."""
        place = self._new(np.array([layer], np.int64))
        taken = self.note("Gather", _Value(self, state, size), place, axis=0)
        return self.note("Squeeze", taken, self.integers(0))

    def named(self, value: "_Value", name: str) -> "_Value":
        """A value under the name of an output."""
        made = self.note("Identity", value)
        self.nodes[-1].output[0] = name
        return _Value(self, name, made.size)


class _Value:
    """A value of a graph, with the arithmetic of an array (N, size)."""

    __array_ufunc__ = None  # an array left of an operator leaves it to this class

    def __init__(self, graph: _Graph, name: str, size: int) -> None:
        self._graph, self.name, self.size = graph, name, size

    @property
    def shape(self) -> tuple[int, int]:
        """(N, size); of N nothing is known."""
        return (0, self.size)

    def _with(self, operator: str, other: Any) -> "_Value":
        value = other if isinstance(other, _Value) else self._graph.constant(np.atleast_1d(other))
        return self._graph.note(operator, self, value)

    def __add__(self, other: Any) -> "_Value":
        return self._with("Add", other)

    def __sub__(self, other: Any) -> "_Value":
        return self._with("Sub", other)

    def __rsub__(self, other: Any) -> "_Value":
        return self._graph.note("Sub", self._graph.constant(np.atleast_1d(other)), self)

    def __mul__(self, other: Any) -> "_Value":
        return self._with("Mul", other)

    def __rmul__(self, other: Any) -> "_Value":
        return self._with("Mul", other)

    def __getitem__(self, where: tuple[Any, slice]) -> "_Value":
        """A block of the last axis."""
        begin, end, _ = where[1].indices(self.size)
        bounds = (self._graph.integers(bound) for bound in (begin, end, -1))
        return self._graph.note("Slice", self, *bounds, size=end - begin)


class _Ops:
    """The functions of a step, which note what they would compute; see `charrnn.network.cells.base.Ops`."""

    def __init__(self, graph: _Graph) -> None:
        self._graph = graph

    def sigmoid(self, x: Any) -> Any:
        return self._graph.note("Sigmoid", x)

    def tanh(self, x: Any) -> Any:
        return self._graph.note("Tanh", x)

    def relu(self, x: Any) -> Any:
        return self._graph.note("Relu", x)

    def product(self, x: Any, weight: Any) -> Any:
        return self._graph.note("MatMul", x, self._graph.constant(weight), size=weight.shape[1])

    def linear(self, x: Any, weight: Any, bias: Any) -> Any:
        constants = self._graph.constant(weight), self._graph.constant(bias)
        return self._graph.note("Gemm", x, *constants, size=len(weight), transB=1)

    def joined(self, a: Any, b: Any) -> Any:
        return self._graph.note("Concat", a, b, axis=-1, size=a.size + b.size)

    def addcmul(self, a: Any, b: Any, c: Any) -> Any:
        return a + c * b

    def split(self, x: Any, parts: int) -> Blocks:
        size = x.size // parts
        return tuple(x[..., k * size : (k + 1) * size] for k in range(parts))

    def layer_norm(self, x: Any, gain: Any, shift: Any) -> Any:
        constants = self._graph.constant(gain), self._graph.constant(shift)
        return self._graph.note("LayerNormalization", x, *constants, axis=-1, epsilon=EPSILON)

    def softmax(self, x: Any) -> Any:
        return self._graph.note("Softmax", x, axis=-1)

    def softplus(self, x: Any) -> Any:
        return self._graph.note("Softplus", x)

    def state(self, name: str, x: Any) -> Any:  # noqa: ARG002 (for editors)
        return x

    start = state

    def additive_scores(self, queries: Any, keys: Any, weight: Any) -> Any:
        """Attention is for models of pairs, which are not written."""
        raise NotImplementedError
