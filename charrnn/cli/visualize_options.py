"""The options of `charrnn visualize`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from charrnn.render.palette import ColorMode

SHOWN_CHARS = 2000
"""Characters that are shown at most, unless it is said."""


class Sort(StrEnum):
    """The order of the units of a heat map."""

    address = "address"
    similarity = "similarity"
    interest = "interest"


Text = Annotated[
    str | None,
    typer.Argument(
        metavar="[TEXT|FILE|-]",
        help="What the model reads: a text, a file, or - for standard input. "
        "Without one it reads what it writes.",
        show_default=False,
    ),
]
UnitAddresses = Annotated[
    list[str] | None,
    typer.Option(
        "--unit",
        help="Colour by this unit, such as L0.c.37; several, as L0.c.0-15 or L*.f.*, are a heat map. "
        "May be repeated.",
        show_default=False,
    ),
]
What = Annotated[
    str | None,
    typer.Option(
        "--what",
        help="Choose the interesting units among a state or gate of the cell: h c i f g o in an lstm.",
        show_default="the cell's output, h",
    ),
]
Predictions = Annotated[
    int,
    typer.Option(
        "--predictions",
        metavar="K",
        min=0,
        max=50,
        help="Under each character, the K likeliest to come next.",
    ),
]
Diagram = Annotated[
    bool,
    typer.Option(
        "--diagram",
        help="Draw a small network whole: input, hidden units, and its confidence in each next "
        "character (with --predictions K: in the K likeliest).",
    ),
]
Surprisal = Annotated[
    bool, typer.Option("--surprisal", help="Colour by the bits that each character cost.")
]
Order = Annotated[
    Sort | None,
    typer.Option(
        "--sort",
        help="The units of a heat map: as their addresses go, similar ones (by correlation) beside each "
        "other, or the most interesting first.",
        show_default="address",
    ),
]
Dump = Annotated[
    Path | None,
    typer.Option(
        "--dump",
        metavar="FILE",
        help="Write text, ids, bits, and every state and gate, or those of --what or --unit, instead of "
        "showing them: .npz, .safetensors, .jsonl, .csv or .parquet.",
        show_default=False,
    ),
]
LstmVis = Annotated[
    Path | None,
    typer.Option(
        "--lstmvis",
        metavar="FOLDER",
        help="Write the states, or what --what says, as a folder that LSTMVis opens.",
        show_default=False,
    ),
]
From = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help="Show a dump (.npz or .safetensors) again, without the model.",
        show_default=False,
    ),
]
MaxChars = Annotated[
    int | None,
    typer.Option(
        "--max-chars",
        min=1,
        help="Characters to read at most.",
        show_default=f"{SHOWN_CHARS}; with --dump or --lstmvis all",
    ),
]
Color = Annotated[
    ColorMode | None,
    typer.Option(
        "--color",
        help="Colours to use.",
        show_default="what the terminal can show; none in a pipe",
    ),
]
Width = Annotated[
    int | None,
    typer.Option("--width", min=1, help="Cells in a line.", show_default="the terminal's"),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")]
