"""The options of `charrnn visualize`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from charrnn.cli.choices import one_of
from charrnn.config import SamplingConfig
from charrnn.render import palette
from charrnn.render.palette import ColorMode

SHOWN_CHARS = 2000
"""Characters that are shown at most, unless it is said."""
PAGE_CHARS = 20_000
"""The same on a page."""

HORIZON_WINDOWS = 512
"""Characters that --horizon judges, unless it is said."""


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
        "Without one it reads what it writes. With --follow it writes on from there.",
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
        show_default="the memory: c where the cell has one, else h",
    ),
]
Predictions = Annotated[
    int | None,
    typer.Option(
        "--predictions",
        metavar="K",
        min=1,
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
Bits = Annotated[
    bool,
    typer.Option(
        "--bits", help="Under each character, the bits that it cost, rounded; + for 10 or more."
    ),
]
Digits = Annotated[
    bool,
    typer.Option(
        "--digits",
        help="Under each character, the sign and size of its value, from -9 to 9. "
        "Without colours this is always there.",
    ),
]
Palette = Annotated[
    palette.Palette,
    typer.Option(
        "--palette",
        **one_of("--palette", palette.Palette),
        help="Colours below and above zero: rdbu blue and red, vik blue and brown; "
        "karpathy has them the other way round: red and blue.",
    ),
]
Follow = Annotated[
    bool,
    typer.Option(
        "--follow",
        help="Colour the text that the model is writing, as it writes: what charrnn sample writes.",
    ),
]
Length = Annotated[
    int | None,
    typer.Option(
        "--length",
        "-n",
        help="With --follow: characters to write.",
        min=0,
        show_default=str(SamplingConfig.length),
    ),
]
Temp = Annotated[
    float | None,
    typer.Option(
        "--temp",
        help="With --follow: the temperature, as in charrnn sample.",
        show_default=str(SamplingConfig.temperature),
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        help="With --follow: the same seed gives the same text.",
        show_default="a fresh one, which is said",
    ),
]
Pager = Annotated[
    bool,
    typer.Option(
        "--pager",
        help="Show it page by page: through the program that PAGER names, or less -R.",
    ),
]
Order = Annotated[
    Sort | None,
    typer.Option(
        "--sort",
        **one_of("--sort", Sort),
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
        help="Show a dump (.npz or .safetensors) again, without the model; or, with --gates or --html, these of it.",
        show_default=False,
    ),
]
Svg = Annotated[
    Path | None,
    typer.Option(
        "--svg",
        metavar="FILE.svg",
        help="Write a picture of what the terminal would show, with its text as text; of --gates the "
        "scatter, of --horizon the curve, of --saliency the text.",
        show_default=False,
    ),
]
Png = Annotated[
    Path | None,
    typer.Option(
        "--png",
        metavar="FILE.png",
        help="The same as PNG, with 192 dots per inch. Needs pip install 'charrnn\\[plot]'.",
        show_default=False,
    ),
]
Gates = Annotated[
    bool,
    typer.Option(
        "--gates",
        help="Show how often each unit's gates are shut (below 0.1) and open (above 0.9), and how long "
        "memories last.",
    ),
]
Saliency = Annotated[
    int | None,
    typer.Option(
        "--saliency",
        metavar="T",
        help="Colour each character by how much it mattered for the prediction of character T (from 0; "
        "-1 is the last, the text's length the one after it): the norm of its gradient.",
        show_default=False,
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="CHAR",
        help="With --saliency: the character whose probability counts.",
        show_default="the true one; after the text the likeliest",
    ),
]
Horizon = Annotated[
    bool,
    typer.Option(
        "--horizon",
        help="Show what a character costs if the model is given only the 0, 1, 2, 4 ... before it.",
    ),
]
Windows = Annotated[
    int | None,
    typer.Option(
        "--windows",
        metavar="N",
        min=2,
        help="With --horizon: how many characters to judge.",
        show_default=f"{HORIZON_WINDOWS}",
    ),
]
Csv = Annotated[
    Path | None,
    typer.Option(
        "--csv",
        metavar="FILE.csv",
        help="With --gates, --saliency or --horizon: write the figures as a table too.",
        show_default=False,
    ),
]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE.html",
        help="Write a page to explore in a browser: it has all units of --what, and those of --unit.",
        show_default=False,
    ),
]
MaxChars = Annotated[
    int | None,
    typer.Option(
        "--max-chars",
        min=1,
        help="Characters to read at most.",
        show_default=f"{SHOWN_CHARS}; 40 with --diagram, {PAGE_CHARS} with --html; all with --pager, --dump, "
        "--lstmvis, --gates, --saliency and --horizon",
    ),
]
Color = Annotated[
    ColorMode | None,
    typer.Option(
        "--color",
        **one_of("--color", ColorMode, "auto"),
        help="Colours to use.",
        show_default="auto: what the terminal can show; none in a pipe",
    ),
]
Width = Annotated[
    int | None,
    typer.Option(
        "--width",
        min=1,
        help="Cells in a line; in one of a picture 80.",
        show_default="the terminal's",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")]
