"""The options of `charrnn compare` that are not, or not quite, those of `charrnn train`."""

from typing import Annotated

import typer

from charrnn.cli.train_options import BUDGET, LEARNING, NETWORK, RUN
from charrnn.network.cells import CELLS

DEFAULT_MINUTES = 1.0
"""For each network."""

Cells = Annotated[
    str,
    typer.Option(
        "--cells",
        help="The recurrent cells to compare, with commas between them.",
        autocompletion=lambda: list(CELLS),
        rich_help_panel=NETWORK,
    ),
]
Minutes = Annotated[
    float | None,
    typer.Option(
        "--minutes",
        help="Train each network for about so long.",
        show_default=f"{DEFAULT_MINUTES:g}, if --steps is not given",
        rich_help_panel=BUDGET,
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        "--steps",
        help="Stop each after so many updates. Of two budgets the first to run out counts.",
        show_default=False,
        rich_help_panel=BUDGET,
    ),
]
Parameters = Annotated[
    int | None,
    typer.Option(
        "--parameters",
        help="Choose each network's hidden size so that it has about so many parameters.",
        show_default="the same hidden size for all",
        rich_help_panel=NETWORK,
    ),
]
Layers = Annotated[
    int,
    typer.Option("--layers", help="Layers stacked on each other.", rich_help_panel=NETWORK),
]
HiddenSize = Annotated[
    int, typer.Option("--hidden-size", help="Units in a layer.", rich_help_panel=NETWORK)
]
BatchSize = Annotated[
    int,
    typer.Option("--batch-size", help="Lanes of text read side by side.", rich_help_panel=LEARNING),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        help="The runs' name; -CELL is added for each.",
        show_default="from the corpus",
        rich_help_panel=RUN,
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Start runs of these names afresh.", rich_help_panel=RUN),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object instead of the table.", rich_help_panel=RUN),
]
