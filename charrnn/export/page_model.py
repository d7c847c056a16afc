"""An exact model as data for a page, whose script computes with it (charrnn/web/static/engine.js)."""

import base64
from typing import Any

from charrnn.exact.arithmetic import PASSED, exp_tables, integer_epsilon, tanh_knots
from charrnn.exact.model import ExactModel
from charrnn.export.layout import Layout


def page_model(model: ExactModel, *, item_end: str | None = None) -> dict[str, Any]:
    """What the script needs of a model: sizes, tables, and the weights as base64.

    Args:
        model: the model.
        item_end: the character that ends an item, if it writes one item.
    """
    layout, config, cell = Layout(model), model.config, model.cell
    vocabulary, coarse_and_fine = model.vocabulary, exp_tables()
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
        "passedBits": PASSED if config.layer_norm else model.ops.hidden_bits,
        "epsilon": integer_epsilon(model.ops.hidden_bits),
        "unknown": -1 if vocabulary.unknown_id is None else vocabulary.unknown_id,
        "newline": layout.symbol("\n"),
        "itemEnd": -1 if item_end is None else layout.symbol(item_end),
        "points": None if vocabulary.level == "byte" else vocabulary.symbols.tolist(),
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
        "coarse": coarse_and_fine[0],
        "fine": coarse_and_fine[1],
    }
    return {"about": about, "weights": base64.b64encode(layout.binary()).decode("ascii")}
