"""The alignments, by name: how a target follows from its source. A new one is a file of its own and a line here.

Its other half, what its network is in torch and how that is trained, is a file of `charrnn.training.pairs.alignments`.
"""

from importlib import import_module

from charrnn.network.alignments.base import Alignment

FILES = (
    "attention",
    "none",
    "each",
    "label",
    "ctc",
    "lm",
)
ALIGNMENTS: dict[str, Alignment] = {
    name: import_module(f"{__name__}.{name}").ALIGNMENT for name in FILES
}
