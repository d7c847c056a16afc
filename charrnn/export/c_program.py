"""An exact model as a program in C: one file, without libraries, that writes the same text as `charrnn sample`.

The code lies in charrnn/export/c/: `core.c`, one file for each cell, and `main.c`. What depends on the model stands
before it: sizes as macros, weights as arrays.
"""

import string
from collections.abc import Iterable
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from charrnn.config import SamplingConfig
from charrnn.errors import UsageError
from charrnn.exact.arithmetic import exp_tables, integer_epsilon, tanh_knots
from charrnn.exact.model import ExactModel
from charrnn.export.layout import Layout
from charrnn.files import write_atomically
from charrnn.text.utf8 import UTF8

MATRIX = "int32_t first, first_scale, rows, columns, bits;"
"""The fields of a matrix."""
PER_LINE = 24
"""Numbers in a line of an array."""


def write_c(
    model: ExactModel, path: Path, *, item_end: str | None = None, weights: Path | None = None
) -> None:
    """Write an exact model as a program in C or, where the file's name ends in .h, as a header without main.

    Args:
        model: the model.
        path: the file.
        item_end: the character that ends an item, if the program writes one item.
        weights: a file for the weights, which the program then reads when it starts; None: they stand in the program.

    Raises:
        UsageError: the weights of a header are to stand beside it.
        EnvironmentFault: a file cannot be written.
    """
    is_header = path.suffix == ".h"
    if is_header and weights:
        raise UsageError("a header has its weights inside", "leave out --weights")
    program = _Program(model, item_end)
    if weights:
        write_atomically(weights, Layout(model).binary())
    text = program.text(is_header=is_header, beside=weights)
    write_atomically(path, text.encode())


class _Program:
    """The text of a program."""

    def __init__(self, model: ExactModel, item_end: str | None) -> None:
        self._model, self._layout = model, Layout(model, item_end)

    def text(self, *, is_header: bool, beside: Path | None) -> str:
        """The program."""
        core = _code("core").replace("//CELL//\n", _code(self._cell_file()))
        parts = [self._title(is_header), self._macros(beside), self._arrays(beside), core]
        if is_header:
            parts = [*parts, "#endif\n"]
        else:
            parts += [_ways(), _code("main")]
        return "\n".join(parts)

    def _cell_file(self) -> str:
        config = self._model.config
        return config.cell + ("-relu" if config.activation == "relu" else "")

    def _title(self, is_header: bool) -> str:
        use = (
            "charrnn_reset(); charrnn_seed(1, 0); then charrnn_read(symbol) and charrnn_draw(0.8, NULL), in turns.\n"
            "   POINTS has the code point of each symbol. No memory is allocated, and nothing is printed."
            if is_header
            else "cc -O2 FILE.c -o writer && ./writer --prompt TEXT --temp 0.8 --seed 1 --length 2000"
        )
        guard = "#ifndef CHARRNN_MODEL\n#define CHARRNN_MODEL\n" if is_header else ""
        return (
            f"/* A character-level recurrent network, written by charrnn {version('charrnn')} export.\n   {use} */\n"
            f"{guard}#include <float.h>\n#include <stddef.h>\n#include <stdint.h>\n"
        )

    def _macros(self, beside: Path | None) -> str:
        model, config, sampling = self._model, self._model.config, SamplingConfig()
        layout = self._layout
        values: dict[str, object] = {
            "SYMBOLS": config.vocab_size,
            "EMBEDDING": config.embedding_size,
            "HIDDEN": config.hidden_size,
            "LAYERS": config.num_layers,
            "BLOCKS": model.cell.num_blocks,
            "HIDDEN_BITS": model.ops.hidden_bits,
            "PASSED_BITS": layout.passed_bits,
            "BYTES": int(model.vocabulary.level == "byte"),
            "UNKNOWN": layout.unknown,
            "NEWLINE": layout.newline,
            "ITEM_END": layout.item_end,
            "HEAD_BIAS": layout.offset["head.bias"],
            "START_H": layout.offset.get("start.h", -1),
            "START_C": layout.offset.get("start.c", -1),
            "INPUT(layer)": "(2 + 2 * (layer))",
            "RECURRENT(layer)": "(3 + 2 * (layer))",
            "DEFAULT_TEMPERATURE": sampling.temperature,
            "DEFAULT_LENGTH": sampling.length,
            "WEIGHTS_FILE": _string(beside.name if beside else ""),
            "WEIGHTS_USAGE": '" [--weights FILE]"' if beside else '""',
        }
        if beside:
            values["WEIGHTS_BESIDE"] = 1
        if "c" in model.cell.states:
            values["HAS_MEMORY"] = 1
        if config.layer_norm:
            values |= {"HAS_NORM": 1, "EPSILON": integer_epsilon(model.ops.hidden_bits)}
        return "".join(f"#define {name} {value}\n" for name, value in values.items())

    def _arrays(self, beside: Path | None) -> str:
        model, layout = self._model, self._layout
        first, first_scale, rows = 0, 0, []
        for height, width, bits in layout.shapes:
            rows.append(f"{{{first}, {first_scale}, {height}, {width}, {bits}}}")
            first, first_scale = first + height * width, first_scale + height
        parts = [
            f"static const struct {{ {MATRIX} }} MATRICES[] = {{\n    {', '.join(rows)}}};\n",
            self._offsets("BIAS", "bias_ih"),
        ]
        if not model.cell.folds_bias:
            parts.append(self._offsets("RECURRENT_BIAS", "bias_hh"))
        if model.cell.vectors:
            parts.append(self._offsets("PEEPHOLES", model.cell.vectors[0]))
        if norms := layout.norms():
            parts.append(_array("static const int32_t", "NORM", norms))
        coarse, fine = exp_tables()
        parts += [
            _array("static const int32_t", "KNOTS", tanh_knots()),
            _array("static const uint32_t", "COARSE", coarse),
            _array("static const uint32_t", "FINE", fine),
        ]
        if model.vocabulary.level == "char":
            points = model.vocabulary.symbols.tolist()
            parts.append(_array("static const uint32_t", "POINTS", points))
        for kind, name, values in (
            ("int8_t", "WEIGHTS", layout.integers),
            ("uint16_t", "SCALES", layout.scales),
            ("int32_t", "VECTORS", layout.vectors),
        ):
            if beside:
                parts.append(f"static {kind} {name}[{len(values)}];\n")
            else:
                parts.append(_array(f"static const {kind}", name, values.tolist()))
        return "".join(parts)

    def _offsets(self, name: str, short: str) -> str:
        return _array("static const int32_t", name, self._layout.offsets(short))


def _array(kind: str, name: str, values: Iterable[int]) -> str:
    texts = [*map(str, values)]
    lines = [", ".join(texts[k : k + PER_LINE]) for k in range(0, len(texts), PER_LINE)]
    return f"{kind} {name}[] = {{\n" + ",\n".join(lines) + "};\n"


def _string(text: str) -> str:
    """A text in C."""
    octets = text.encode("utf-8", "surrogateescape")
    plain = frozenset(b"-_." + string.ascii_letters.encode() + string.digits.encode())
    written = (chr(octet) if octet in plain else rf"\{octet:03o}" for octet in octets)
    return f'"{"".join(written)}"'


def _ways() -> str:
    """The automaton of UTF-8."""
    rows = ", ".join(f"{{{', '.join(map(str, way))}}}" for way in UTF8)
    return f"static const uint8_t UTF8[][4] = {{{rows}}}; /* a state, first and last byte, next state */\n"


def _code(name: str) -> str:
    return files("charrnn.export").joinpath("c", f"{name}.c").read_text(encoding="utf-8")
