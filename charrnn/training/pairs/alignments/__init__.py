"""How each alignment is trained, by its name; see `charrnn.network.alignments` for what it is."""

from importlib import import_module

from charrnn.training.pairs.alignments.base import Training

FILES = {
    "attention": "written",
    "none": "written",
    "each": "placed",
    "label": "placed",
    "ctc": "ctc",
    "lm": "lm",
}
"""The file of each: those that differ in their network alone share one."""
TRAININGS: dict[str, Training] = {
    name: import_module(f"{__name__}.{file}").TRAINING for name, file in FILES.items()
}
