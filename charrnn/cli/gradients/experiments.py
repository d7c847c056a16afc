"""The textbook's experiments as `charrnn gradients --experiment` shows them: rows of a grid, and JSON."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from charrnn.errors import SettingError
from charrnn.interpret.experiments import cliff, linear, untrained
from charrnn.render.grid import GAP, GridRow, words
from charrnn.render.look import Look
from charrnn.render.tables import tight_lines, wrapped
from charrnn.render.views.fading import Curve, fading_rows
from charrnn.render.views.scale import note_rows, title_rows
from charrnn.render.views.surface import Surface, surface_rows
from charrnn.wording import plain

if TYPE_CHECKING:
    from charrnn.training.gradients import GradientReach

DISTANCE = 100
"""Steps back, where none are given."""
MAP_ROWS, MOST_COLUMNS = 16, 64
"""The cells of a surface."""
MARGIN = 12
"""Columns that a surface leaves for its axis."""


class Experiment(Protocol):
    """An experiment that was computed."""

    title: str

    def rows(self, look: Look, width: int, *, blocks: bool) -> Iterator[GridRow]:
        """What is shown of it."""

    def as_dict(self) -> dict[str, Any]:
        """What is printed as JSON."""


def linear_weights(text: str | None) -> Sequence[float]:
    """The weights of a list such as "0.9,1,1.1".

    Raises:
        SettingError: one is no number, or out of range.
    """
    weights = []
    for part in linear.WEIGHTS if text is None else text.split(","):
        try:
            weight = float(part)
        except ValueError:
            weight = -1.0
        if not 0 <= weight <= linear.LARGEST_WEIGHT:
            raise SettingError.naming(
                "{w} must be numbers from 0 to {most:g}, not {found!r:.40}",
                most=linear.LARGEST_WEIGHT,
                found=part,
            )
        weights.append(weight)
    return weights


def computed(
    name: str, *, distance: int | None, weights: Sequence[float], clip: float
) -> Experiment:
    """Compute an experiment.

    Args:
        name: which.
        distance: the number of steps; None: the usual one.
        weights: those of linear units.
        clip: the norm at which gradients are clipped on the cliff.
    """
    if name == "linear":
        return Linear(weights, distance or linear.STEPS)
    if name == "cliff":
        return Cliff(clip)
    from charrnn.training.gradients import gradient_reach

    networks = untrained.activations() if name == "activation" else untrained.forget_biases()
    ids = untrained.random_symbols()
    steps = distance or DISTANCE
    return Fading({title: gradient_reach(n, ids, steps) for title, n in networks.items()})


class Linear:
    """Linear units that feed on themselves."""

    title = "a linear unit h(t) = w · h(t-1), from h(0) = 1"

    def __init__(self, weights: Sequence[float], steps: int) -> None:
        self.steps = steps
        self.outputs = {weight: linear.outputs(weight, steps) for weight in weights}

    def rows(self, look: Look, width: int, *, blocks: bool) -> Iterator[GridRow]:
        """A curve for each weight, on a logarithmic axis."""
        yield from title_rows(self.title, look)
        note = f"h after each step, and as large the derivative with respect to h(0); {self.steps:,} steps"
        yield from note_rows(note, look)
        yield GAP
        curves = [
            Curve(f"w = {weight:g}", values, {"output": f"{values[-1]:,.2f}"})
            for weight, values in self.outputs.items()
        ]
        yield from fading_rows(curves, width, blocks=blocks, name="step")

    def as_dict(self) -> dict[str, Any]:
        """The outputs of each weight after every step."""
        return {
            "steps": self.steps,
            "units": [{"weight": w, "outputs": values} for w, values in self.outputs.items()],
        }


class Fading:
    """Untrained networks whose gradients fade differently.

    Args:
        reaches: how far the gradient of each network reaches, by what it is called.
    """

    title = "how the gradient fades in untrained networks"

    def __init__(self, reaches: "dict[str, GradientReach]") -> None:
        self.reaches = reaches

    def rows(self, look: Look, width: int, *, blocks: bool) -> Iterator[GridRow]:
        """A curve for each network."""
        yield from title_rows(self.title, look)
        note = (
            f"the norm of d loss(t) / d h(t-k) at distance k, relative to that at k = 0; 1 layer of {untrained.UNITS} "
            f"units, {untrained.LENGTH:,} random symbols of {len(untrained.SYMBOLS)}"
        )
        yield from map(words, wrapped(note, min(width, look.line)))
        yield GAP
        curves = [_curve(title, reach) for title, reach in self.reaches.items()]
        yield from fading_rows(curves, width, blocks=blocks)

    def as_dict(self) -> dict[str, Any]:
        """The norms of each network at every distance."""
        return {
            "networks": [
                {
                    "name": title,
                    "norms": reach.norms[0].tolist(),
                    "reach": reach.reach[0],
                    "per_step": reach.per_step[0],
                }
                for title, reach in self.reaches.items()
            ]
        }


def _curve(title: str, reach: "GradientReach") -> Curve:
    figures = {"reach": str(reach.reach[0]), "per step": f"{reach.per_step[0]:.3g}"}
    return Curve(title, reach.relative[0].tolist(), figures)


class Cliff:
    """Gradient descent that meets a cliff, in three ways.

    Args:
        clip: the norm at which gradients are clipped.
    """

    title = "gradient descent on a loss with a cliff"

    def __init__(self, clip: float) -> None:
        self.clip = clip
        self.descents = {
            "p": cliff.descend("plain"),
            "c": cliff.descend(f"clipped at {clip:g}", clip=clip),
            "d": cliff.descend(f"weight decay {cliff.DECAY:g}", decay=cliff.DECAY),
        }

    def rows(self, look: Look, width: int, *, blocks: bool) -> Iterator[GridRow]:  # noqa: ARG002 (see Experiment)
        """The loss with the paths, the norm of its gradient without and with clipping, and a table."""
        yield from title_rows(self.title, look)
        unit = f"x(t) = w σ(x(t-1)) + b, {cliff.STEPS} steps from {cliff.START:g}"
        loss = f"loss = {cliff.SCALE:g} (σ(x) - {cliff.TARGET:g})²"
        begins = f"from {cliff.FROM[0]:g}, {cliff.FROM[1]:g}, at a rate of {cliff.RATE:g}"
        yield from note_rows(f"{unit}; {loss}", look)
        yield from note_rows(f"{cliff.UPDATES} updates of w and b {begins}", look)
        yield GAP
        columns = min(MOST_COLUMNS, max(16, width - MARGIN))
        known = cliff.surfaces(MAP_ROWS, columns)
        paths = {letter: self._path(letter, columns) for letter in self.descents}
        named = ", ".join(f"{letter} {one.name}" for letter, one in self.descents.items())
        full, norm = float(known.losses.max()), "the norm of its gradient"
        clipped = known.norms.clip(max=self.clip)
        high = 4 * self.clip
        for surface in (
            _surface(f"the loss   {named}", known.losses, full, paths),
            _surface(f"{norm}   without clipping", known.norms, high),
            _surface(f"{norm}   clipped at {self.clip:g}", clipped, high),
        ):
            yield from surface_rows(surface, look)
        yield from map(words, tight_lines(self._table(), width, least=3))

    def _path(self, letter: str, columns: int) -> list[tuple[int, int]]:
        places = (cliff.place(w, b, MAP_ROWS, columns) for w, b in self.descents[letter].weights)
        return [place for place in places if place]

    def _table(self) -> list[list[str]]:
        """Columns with a row for each descent."""
        table = [["", "max norm", "at update", "longest step", "end w", "end b", "end loss"]]
        for letter, one in self.descents.items():
            w, b = one.weights[-1]
            table.append(
                [
                    f"{letter} {one.name}",
                    plain(one.norms.max()),
                    str(one.steepest),
                    plain(one.longest_step),
                    f"{w:.2f}",
                    f"{b:.2f}",
                    f"{one.losses[-1]:.3f}",
                ]
            )
        return [list(column) for column in zip(*table, strict=True)]

    def as_dict(self) -> dict[str, Any]:
        """The weights, losses and norms of each descent before every update."""
        return {
            "clip": self.clip,
            "rate": cliff.RATE,
            "descents": [
                {
                    "name": one.name,
                    "weights": one.weights.tolist(),
                    "losses": one.losses.tolist(),
                    "norms": one.norms.tolist(),
                }
                for one in self.descents.values()
            ],
        }


def _surface(title: str, heights: Any, full: float, paths: Any = None) -> Surface:
    ends = [f"{end:g}" for end in (*cliff.W, *cliff.B)]
    across, up = ("w", ends[0], ends[1]), ("b", ends[2], ends[3])
    return Surface(title, heights, full, across, up, paths or {})
