"""A plot as a PNG or SVG picture, drawn by matplotlib; it is imported when a picture is asked for.

No window and no global state of matplotlib's: the figure is made and written by itself.
"""

import io
import warnings
from typing import TYPE_CHECKING, Any, Literal

from charrnn.render.axes import bits_axis, step_axis, time_axis
from charrnn.render.glyphs import one_line
from charrnn.render.palette import line_colors
from charrnn.render.plot import Plot, seconds_at

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INCHES, DOTS_PER_INCH = (8.0, 5.0), 150
MARGIN = 0.04
"""Above and below the curves, as a part of the axis."""
MOST_TICKS = 9


def draw_picture(plot: Plot, kind: Literal["png", "svg"]) -> bytes:
    """The file's content. The same plot gives the same bytes with the same matplotlib.

    Args:
        plot: what to draw.
        kind: PNG, or SVG with its text as text.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "charrnn"}
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # in a run's name
        figure = Figure(figsize=INCHES, layout="constrained")
        _draw(figure.add_subplot(), plot)
        content = io.BytesIO()
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(content, format=kind, dpi=DOTS_PER_INCH, metadata=metadata)
    return content.getvalue()


def _draw(axes: "Axes", plot: Plot) -> None:
    colors = [tuple(part / 255 for part in color) for color in line_colors()]
    strokes = ["-", "--", ":", "-."]
    for number, line in enumerate(plot.lines):
        x, y = zip(*line.points, strict=True)
        stroke = strokes[number // len(colors) % len(strokes)]
        axes.plot(x, y, color=colors[number % len(colors)], linestyle=stroke, marker=".")
    time, bits = time_axis(plot.seconds, MOST_TICKS), bits_axis(plot.bits, MOST_TICKS)
    margin = MARGIN * (bits.high - bits.low)
    axes.set_xlim(time.low, time.high * (1 + MARGIN / 2))
    axes.set_ylim(bits.low - margin, bits.high + margin)
    axes.set_xticks([value for value, _ in time.ticks], [label for _, label in time.ticks])
    axes.set_yticks([value for value, _ in bits.ticks], [label for _, label in bits.ticks])
    axes.set_xlabel(f"training time ({time.name})")
    axes.set_title(one_line(plot.title), parse_math=False)
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    if plot.steps:
        _add_steps(axes, plot)
    names = [one_line(f"{n.name}: {n.note}" if n.note else n.name) for n in plot.lines]
    legend = axes.legend(axes.lines, ["curve"] * len(names))
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)  # not as a label: those that begin with _ would be left out


def _add_steps(axes: "Axes", plot: Plot) -> None:
    """Ticks at round steps above the curves, where their time is."""
    steps = step_axis(plot.steps[-1][0], MOST_TICKS)
    above = axes.secondary_xaxis("top")
    places = [seconds_at(step, plot.steps) for step, _ in steps.ticks]
    above.set_xticks(places, [label for _, label in steps.ticks])
    above.set_xlabel("step")
