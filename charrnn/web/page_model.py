"""An exact model as data for a page, whose script computes with it (charrnn/web/static/engine.js)."""

from typing import Any

import numpy as np

from charrnn.exact.arithmetic import exp_tables, integer_epsilon, tanh_knots
from charrnn.exact.model import ExactModel
from charrnn.export.layout import Layout
from charrnn.text.utf8 import UTF8
from charrnn.web.packing import pack


def page_model(model: ExactModel, *, item_end: str | None = None) -> dict[str, Any]:
    """What the script needs of a model: sizes, tables, and the weights, packed.

    Args:
        model: the model.
        item_end: the character that ends an item, if it writes one item.
    """
    layout, config, cell = Layout(model, item_end), model.config, model.cell
    vocabulary, (coarse, fine) = model.vocabulary, exp_tables()
    is_bytes = vocabulary.level == "byte"
    about = {
        "cell": config.cell,
        "relu": config.activation == "relu",
        "symbols": config.vocab_size,
        "hidden": config.hidden_size,
        "numLayers": config.num_layers,
        "blocks": cell.num_blocks,
        "gates": list(cell.gates),
        "memory": "c" in cell.states,
        "hiddenBits": model.ops.hidden_bits,
        "passedBits": layout.passed_bits,
        "epsilon": integer_epsilon(model.ops.hidden_bits),
        "unknown": layout.unknown,
        "newline": layout.newline,
        "itemEnd": layout.item_end,
        "points": None if is_bytes else vocabulary.symbols.tolist(),
        "utf8": UTF8 if is_bytes else None,
        "matrices": [
            {"rows": rows, "columns": columns, "bits": bits}
            for rows, columns, bits in layout.shapes
        ],
        "offsets": {
            "bias": layout.offsets("bias_ih"),
            "recurrentBias": [] if cell.folds_bias else layout.offsets("bias_hh"),
            "peepholes": layout.offsets(cell.vectors[0]) if cell.vectors else [],
            "norm": layout.norms(),
            "headBias": [layout.offset["head.bias"]],
            "startH": layout.starts("h"),
            "startC": layout.starts("c"),
        },
        "knots": tanh_knots(),
        "coarse": coarse,
        "fine": fine,
    }
    return {"about": about, "weights": pack(np.frombuffer(layout.binary(), np.int8))}
