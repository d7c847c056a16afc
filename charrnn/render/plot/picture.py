"""Curves, points and the loss by context length as PNG or SVG pictures, by matplotlib, imported when needed.

No window and no global state of matplotlib's: the figure is made and written by itself.
"""

import io
import warnings
from typing import TYPE_CHECKING, Any, Literal

from charrnn.render.glyphs import one_line
from charrnn.render.palette import ColorMode, line_paints, rgb
from charrnn.render.plot.axes import bits_axis, step_axis, time_axis
from charrnn.render.plot.curves import Plot, seconds_at
from charrnn.render.plot.scatter import Scatter

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from charrnn.interpret.context import ContextCurve

PlotFormat = Literal["png", "svg"]

INCHES, DOTS_PER_INCH = (8.0, 5.0), 192
AXIS_MARGIN = 0.04
"""The room above and below the curves, as a fraction of the axis."""
LABEL_HEIGHT = 0.04
"""That of the name of a level line, as a fraction of the axis."""
MOST_TICKS = 9
SQUARE_INCHES = 2.6
"""The size of a square of points with the air around it."""
MARKERS = "os^Dv<>P"
"""The markers of groups that colors do not tell apart."""


def draw_picture(plot: Plot, kind: PlotFormat) -> bytes:
    """The bytes of a picture of curves: the same for the same plot with the same matplotlib.

    Args:
        plot: what to draw.
        kind: PNG, or SVG with its text as text.

    Raises:
        ImportError: matplotlib is not installed.
    """
    return _drawn(lambda figure: _draw(figure.add_subplot(), plot), INCHES, kind)


def draw_scatter(scatter: Scatter, kind: PlotFormat, *, colored: bool = True) -> bytes:
    """The bytes of a picture of points in squares, side by side.

    Args:
        scatter: what to draw.
        kind: PNG, or SVG with its text as text.
        colored: give each group a color; if not, black markers of its own.

    Raises:
        ImportError: matplotlib is not installed.
    """
    size = (SQUARE_INCHES * len(scatter.squares) + 0.3, SQUARE_INCHES + 0.6)
    return _drawn(lambda figure: _draw_squares(figure, scatter, colored=colored), size, kind)


def draw_context(
    curve: "ContextCurve", noun: str, kind: PlotFormat, *, colored: bool = True
) -> bytes:
    """The bytes of a picture of the loss by context length, with the standard errors of what is lost.

    All lengths are scored on the same places. So an error bar is that of the difference from the longest context, which
    is much shorter than that of the mean.

    Args:
        curve: what to draw.
        noun: what a symbol is, "character" or "byte".
        kind: PNG, or SVG with its text as text.
        colored: draw the curve in a color; if not, in black.

    Raises:
        ImportError: matplotlib is not installed.
    """
    color = _colors()[0] if colored else "black"
    return _drawn(
        lambda figure: _draw_contexts(figure.add_subplot(), curve, noun, color), INCHES, kind
    )


def _drawn(
    draw: "Callable[[Figure], None]", inches: tuple[float, float], kind: PlotFormat
) -> bytes:
    """The file of what is drawn on a figure."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "charrnn"}
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # in a run's name
        figure = Figure(figsize=inches, layout="constrained")
        draw(figure)
        content = io.BytesIO()
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(content, format=kind, dpi=DOTS_PER_INCH, metadata=metadata)
    return content.getvalue()


def _colors() -> list[tuple[float, ...]]:
    """The colors of lines and points, as matplotlib has them."""
    inks = [paint.foreground or 0 for paint in line_paints(ColorMode.truecolor)]
    return [tuple(part / 255 for part in rgb(ink)) for ink in inks]


def _draw(axes: "Axes", plot: Plot) -> None:
    colors = _colors()
    strokes = ["-", "--", ":", "-."]
    curves = []
    for number, line in enumerate(plot.lines):
        x, y = zip(*line.points, strict=True)
        stroke = strokes[number // len(colors) % len(strokes)]
        color = colors[number % len(colors)]
        curves += axes.plot(x, y, color=color, linestyle=stroke, marker=".")
        if line.best:
            axes.plot(*line.best, color=color, marker="*", markersize=13, zorder=3)
    for level in plot.drawn_levels:
        axes.axhline(level.bits, color="0.45", linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    time, bits = time_axis(plot.seconds, MOST_TICKS), bits_axis(plot.bits, MOST_TICKS)
    margin = AXIS_MARGIN * (bits.high - bits.low)
    axes.set_xlim(time.low, time.high * (1 + AXIS_MARGIN / 2))
    axes.set_ylim(bits.low - margin, bits.high + margin)
    for names, height in _named_levels(plot, LABEL_HEIGHT * (bits.high - bits.low + 2 * margin)):
        axes.text(
            0.005,
            height,
            ", ".join(names),
            transform=axes.get_yaxis_transform(),
            va="bottom",
            color="0.3",
            fontsize="small",
        )
    axes.set_xticks([value for value, _ in time.ticks], [label for _, label in time.ticks])
    axes.set_yticks([value for value, _ in bits.ticks], [label for _, label in bits.ticks])
    axes.set_xlabel(f"training time ({time.name})")
    axes.set_title(one_line(plot.title), parse_math=False)
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    if plot.steps:
        _add_steps(axes, plot)
    names = [one_line(f"{n.name}: {n.note}" if n.note else n.name) for n in plot.lines]
    if plot.levels:
        names.append(plot.levels_in_words)
        curves.append(axes.plot([], [], color="0.45", linewidth=1, linestyle=(0, (4, 3)))[0])
    legend = axes.legend(curves, ["curve"] * len(names))
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)  # not as a label: those that begin with _ would be left out


def _named_levels(plot: Plot, room: float) -> list[tuple[list[str], float]]:
    """The names of the level lines, those with less than this room between them together, and where they stand."""
    groups: list[tuple[list[str], float]] = []
    for level in sorted(plot.drawn_levels, key=lambda level: -level.bits):
        if groups and groups[-1][1] - level.bits < room:
            groups[-1][0].append(level.name)
        else:
            groups.append(([level.name], level.bits))
    return groups


def _add_steps(axes: "Axes", plot: Plot) -> None:
    """Ticks at round steps above the curves, where their time is."""
    steps = step_axis(plot.steps[-1][0], MOST_TICKS)
    above = axes.secondary_xaxis("top")
    places = [seconds_at(step, plot.steps) for step, _ in steps.ticks]
    above.set_xticks(places, [label for _, label in steps.ticks])
    above.set_xlabel("step")


def _draw_squares(figure: "Figure", scatter: Scatter, *, colored: bool) -> None:
    """Squares with the same axes. Which mark is which group stands where no point does, above the last diagonal."""
    row = figure.subplots(1, len(scatter.squares), sharey=True, squeeze=False)[0]
    for axes, square in zip(row, scatter.squares, strict=True):
        axes.plot([0, 1], [1, 0], color="0.8", linewidth=0.8, zorder=0)
        for number, points in enumerate(square.groups):
            x, y = zip(*points, strict=True)
            label = scatter.names[number]
            axes.scatter(x, y, 16, linewidths=0.4, label=label, **_mark(number, colored=colored))
        axes.set(aspect="equal", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), title=square.title)
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel(scatter.across, fontsize="medium")
    figure.supylabel(scatter.up, fontsize="medium")
    if len(scatter.names) > 1:
        row[-1].legend(loc="upper right", frameon=False, handletextpad=0)


def _mark(number: int, *, colored: bool) -> dict[str, Any]:
    """How the points of a group look."""
    if not colored:
        marker = MARKERS[number % len(MARKERS)]
        return {"marker": marker, "facecolors": "none", "edgecolors": "black"}
    colors = _colors()
    marker = MARKERS[number // len(colors) % len(MARKERS)]
    color = colors[number % len(colors)]
    return {"marker": marker, "facecolors": [color], "alpha": 0.6, "edgecolors": "white"}


def _draw_contexts(axes: "Axes", curve: "ContextCurve", noun: str, color: object) -> None:
    """A curve over contexts that stand evenly apart, since most are twice the one before, and a line at the reach."""
    from charrnn.render.views.context import cost_name, places_in_words, reach_words

    places, bits = range(len(curve.lengths)), curve.mean.tolist()
    axis = bits_axis(bits, MOST_TICKS)
    look: Any = {"color": color, "marker": ".", "capsize": 3, "elinewidth": 1}
    label = f"mean ± standard error of its difference from {curve.lengths[-1]:,}"
    bars = axes.errorbar(places, bits, curve.excess_error, label=label, **look)
    reach = curve.lengths.index(curve.effective_length)
    line = axes.axvline(reach, color="0.5", linestyle="--", linewidth=1)
    line.set_label(reach_words(curve, noun))
    axes.set_xticks(places, [f"{context:,}" for context in curve.lengths])
    axes.set_yticks([value for value, _ in axis.ticks], [label for _, label in axis.ticks])
    axes.set_xlabel(
        f"k, each time from the initial state; the same {places_in_words(curve, noun)} for every k"
    )
    axes.set_title(cost_name(noun))
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    axes.legend(handles=[bars, line])
