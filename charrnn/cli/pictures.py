"""Pictures that commands write: of a plot (`inspect --curve`), and of what `visualize` shows."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.extras import require_extra
from charrnn.cli.terminal import require_place, say
from charrnn.errors import UsageError
from charrnn.render.palette import ColorMode
from charrnn.wording import escape, size

if TYPE_CHECKING:
    from charrnn.render.grid import Grid
    from charrnn.render.plot.picture import Kind

PLOT_EXTRA = ("matplotlib", "plot")
PICTURE_WIDTH = 80
"""Cells in a line of a picture, unless it is said."""


def check_picture(path: Path, kind: str) -> None:
    """Raise what would only show after all the work: a path that cannot be written.

    Args:
        path: of the picture.
        kind: "png" or "svg"; the option is called so, too.
    """
    option = f"--{kind}"
    require_place(path)
    if path.suffix.lower() != f".{kind}":
        raise UsageError(
            f"{option} writes a .{kind} file, not {str(path)!r}", f"{option} {path.stem}.{kind}"
        )


def write_picture(path: Path, content: bytes, *, quiet: bool) -> None:
    """Write a picture whole and say so."""
    from charrnn.files import write_atomically

    write_atomically(path, content)
    if not quiet:
        say(f"charrnn: wrote {escape(str(path))} ({size(len(content))})")


# --- of what visualize shows ----------------------------------------------------------------------


@dataclass(frozen=True)
class Pictures:
    """The files that are wanted, and how they are to look."""

    svg: Path | None
    png: Path | None
    width: int
    """Cells in a line."""
    colored: bool

    @property
    def mode(self) -> ColorMode:
        """The colours that they have."""
        return ColorMode.truecolor if self.colored else ColorMode.none

    def write(self, grid: "Grid", *, quiet: bool) -> None:
        """Draw a grid, and say which characters the PNG cannot show."""
        if self.svg:
            from charrnn.render.svg import svg_of

            write_picture(self.svg, svg_of(grid), quiet=quiet)
        if self.png:
            from charrnn.render.png import boxed, png_of

            write_picture(self.png, png_of(grid), quiet=quiet)
            if not quiet:
                _say_what_is_boxed(self.png, boxed(grid))

    def write_plot(self, draw: "Callable[[Kind], bytes]", *, quiet: bool) -> None:
        """Write what `draw` makes of each kind of file."""
        if self.svg:
            write_picture(self.svg, draw("svg"), quiet=quiet)
        if self.png:
            write_picture(self.png, draw("png"), quiet=quiet)


def wanted_pictures(
    svg: Path | None,
    png: Path | None,
    color: ColorMode | None,
    width: int | None,
    *,
    plot: str = "",
) -> Pictures | None:
    """What the options of `charrnn visualize` ask for, if it is pictures; `plot` is the one that has a plot drawn.

    Raises:
        UsageError: a picture has no such colours, or the files cannot be written.
        EnvironmentFault: what draws it is not installed.
    """
    if not (svg or png):
        return None
    if color in (ColorMode.ansi16, ColorMode.ansi256):
        raise UsageError(
            f"a picture has all colours or none, not those of --color {color}",
            "leave out --color, or give --color none for black on white",
        )
    if svg:
        check_picture(svg, "svg")
        if plot:
            require_extra(*PLOT_EXTRA, f"{plot} --svg")
    if png:
        check_picture(png, "png")
        require_extra(*PLOT_EXTRA, "--png")
        require_extra("PIL", "plot", "--png")
    return Pictures(svg, png, width or PICTURE_WIDTH, color != ColorMode.none)


def _say_what_is_boxed(png: Path, characters: Collection[str]) -> None:
    from charrnn.text.vocabulary import name_characters

    if characters:
        say(
            f"charrnn: a box in {escape(png.name)} stands for what its font lacks: "
            f"{name_characters(sorted(characters))}; an .svg is shown with its viewer's fonts"
        )
