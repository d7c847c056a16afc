"""What `charrnn gradients` shows of networks: tables with bars, pictures of them, and JSON."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.layout import ColoringOptions
from charrnn.cli.outputs import PictureOptions
from charrnn.cli.terminal import can_print, print_rows
from charrnn.render.tables import EIGHTHS
from charrnn.wording import counted, noun_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from charrnn.model import CharRNN
    from charrnn.render.grid import GridRow
    from charrnn.render.views.fading import Curve
    from charrnn.text.vocabulary import Vocabulary
    from charrnn.training.gradients import GradientReach

MEASURED = "The norm of d loss(t) / d h(t-k) at distance k, relative to that at k = 0:"
EXPLAINED = (
    "reach: the farthest distance at which 1 % of the gradient is left",
    "per step: the factor by which each step back multiplies it, on average",
)


@dataclass(frozen=True)
class Measured:
    """A network and the reach of its gradient."""

    model: "CharRNN"
    seed: int | None
    """Seed of an untrained network's weights; None if the network is trained."""
    reach: "GradientReach"

    @property
    def title(self) -> str:
        """The network in words: "lstm, fresh"."""
        return f"{self.model.config.cell}, {'trained' if self.seed is None else 'fresh'}"


def measured_as_dict(
    path: Path | None, num_symbols: int, measured: list[Measured]
) -> dict[str, Any]:
    """What is printed as JSON."""
    reach = measured[0].reach
    return {
        "path": None if path is None else str(path),
        "characters": num_symbols,
        "distance": reach.distance,
        "windows": reach.windows,
        "warm_up": reach.warm_up,
        "networks": [
            {
                "cell": network.model.config.cell,
                "trained": network.seed is None,
                "seed": network.seed,
                "config": dataclasses.asdict(network.model.config),
                "layers": _layers(network.reach),
            }
            for network in measured
        ],
    }


def _layers(reach: "GradientReach") -> list[dict[str, Any]]:
    rows = zip(reach.norms.tolist(), reach.reach, reach.per_step, strict=True)
    return [
        {"layer": layer, "norms": norms, "reach": farthest, "per_step": per_step}
        for layer, (norms, farthest, per_step) in enumerate(rows)
    ]


def columns_of(layout: ColoringOptions, pictures: PictureOptions) -> int:
    """Columns in a line of the terminal, or of a picture."""
    return layout.picture_columns if pictures else layout.columns


def measured_rows(
    measured: list[Measured],
    num_symbols: int,
    vocabulary: "Vocabulary",
    width: int,
    *,
    wrap: bool,
) -> "Iterator[GridRow]":
    """The tables of networks, one for each layer.

    Args:
        measured: the networks.
        num_symbols: the symbols that they have read.
        vocabulary: of these symbols.
        width: columns in a line.
        wrap: whether sentences are broken at this width too.
    """
    from charrnn.render.grid import GAP, words
    from charrnn.render.tables import wrapped

    def sentence(text: str) -> "Iterator[GridRow]":
        yield from map(words, wrapped(text, width) if wrap else [text])

    reach, config = measured[0].reach, measured[0].model.config
    symbols = counted(num_symbols, noun_of(vocabulary.level))
    windows = counted(reach.windows, "window")
    yield from sentence(MEASURED)
    yield from sentence(f"the mean over {windows} in {symbols}.")
    for layer in range(config.num_layers):
        yield GAP
        if config.num_layers > 1:
            top = ", the top" if layer + 1 == config.num_layers else ""
            yield words(f"layer {layer}{top}")
        yield from _fading([_curve(network, layer) for network in measured], width)
    yield GAP
    for line in EXPLAINED:
        yield from sentence(line)


def _fading(curves: "list[Curve]", width: int) -> "Iterator[GridRow]":
    from charrnn.render.views.fading import fading_rows

    return fading_rows(curves, width, blocks=can_print(EIGHTHS))


def show(rows: "Iterable[GridRow]", title: str, pictures: PictureOptions) -> None:
    """Print rows, or write them as pictures."""
    if not pictures:
        print_rows(rows)
        return
    from charrnn.render.grid import Grid

    rows = list(rows)
    pictures.write(Grid(rows, title, " ".join("".join(row.texts) for row in rows[:2])))


def _curve(network: Measured, layer: int) -> "Curve":
    from charrnn.render.views.fading import Curve

    measured = network.reach
    farthest = measured.reach[layer]
    figures = {
        "reach": f"{farthest}{' or more' if farthest == measured.distance else ''}",
        "per step": f"{measured.per_step[layer]:.3g}",
    }
    return Curve(network.title, measured.relative[layer].tolist(), figures)
