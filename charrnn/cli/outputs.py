"""The files that commands write instead of, or beside, what a terminal shows: pictures and tables."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.extras import require_extra
from charrnn.cli.layout import LayoutOptions
from charrnn.cli.options import Changes
from charrnn.cli.terminal import require_place, say
from charrnn.config import FILES
from charrnn.errors import UsageError
from charrnn.settings import Config, setting
from charrnn.wording import escape, size

if TYPE_CHECKING:
    from charrnn.render.grid import Grid
    from charrnn.render.plot.picture import PlotFormat

PLOT_EXTRA = ("matplotlib", "matplotlib pillow")
PLOTS = Changes(
    different={
        "svg": {"help": "Write an SVG picture instead of printing. Needs matplotlib."},
        "width": {"default_text": "the terminal's", "excludes": ("svg", "png")},
    }
)
"""What is different about pictures in a command that draws a plot, which has one size."""


@dataclass(frozen=True, kw_only=True)
class PictureOptions(Config):
    """Pictures to write instead of printing to the terminal."""

    svg: Path | None = setting(
        None,
        "Write an SVG picture instead of printing.",
        metavar="FILE.svg",
        panel=FILES,
    )
    png: Path | None = setting(
        None,
        "Write a PNG picture, 192 dots per inch, instead of printing. Needs matplotlib.",
        metavar="FILE.png",
        panel=FILES,
    )

    def __bool__(self) -> bool:
        return bool(self.svg or self.png)

    def require(self, layout: LayoutOptions | None = None, *, plot: str = "") -> None:
        """Raise errors that would otherwise appear only after all the work.

        Args:
            layout: the colors, which a picture may not have.
            plot: the command whose picture is a plot, which matplotlib draws as SVG too.

        Raises:
            UsageError: a file cannot be written or has the wrong ending, or the colors are only for terminals.
            EnvironmentFault: a package that draws pictures is not installed.
        """
        if self and layout:
            _ = layout.is_picture_colored
        if self.svg:
            _check_picture(self.svg, "svg")
            if plot:
                require_extra(*PLOT_EXTRA, f"{plot} --svg")
        if self.png:
            _check_picture(self.png, "png")
            require_extra(*PLOT_EXTRA, "--png")
            if not plot:
                require_extra("PIL", "pillow", "--png")

    def write(self, grid: "Grid") -> None:
        """Write the pictures of a grid, and report which characters the PNG cannot show."""
        if self.svg:
            from charrnn.render.svg import svg_of

            _write_picture(self.svg, svg_of(grid))
        if self.png:
            from charrnn.render.png import boxed, png_of

            _write_picture(self.png, png_of(grid))
            _say_what_is_boxed(self.png, boxed(grid))

    def write_plot(self, draw: "Callable[[PlotFormat], bytes]") -> None:
        """Write the pictures that `draw` makes, one for each kind of file."""
        if self.svg:
            _write_picture(self.svg, draw("svg"))
        if self.png:
            _write_picture(self.png, draw("png"))


def _check_picture(path: Path, kind: str) -> None:
    option = f"--{kind}"
    require_place(path)
    if path.suffix.lower() != f".{kind}":
        raise UsageError(
            f"{option} writes a .{kind} file, not {str(path)!r}", f"{option} {path.stem}.{kind}"
        )


def _write_picture(path: Path, content: bytes) -> None:
    from charrnn.files import write_atomically

    write_atomically(path, content)
    say(f"charrnn: wrote {escape(str(path))} ({size(len(content))})")


def _say_what_is_boxed(png: Path, characters: Collection[str]) -> None:
    from charrnn.text.vocabulary import name_characters

    if characters:
        say(
            f"charrnn: {escape(png.name)} shows boxes for characters that its font lacks: "
            f"{name_characters(sorted(characters))}; an .svg is shown with its viewer's fonts"
        )


# --- tables ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class TableOptions(Config):
    """A table to write beside what is printed or drawn."""

    csv: Path | None = setting(
        None, "Also write the values as a table.", metavar="FILE.csv", panel=FILES
    )

    def require(self) -> None:
        """Raise UsageError unless the table can be written, as far as one can tell beforehand."""
        if self.csv is None:
            return
        require_place(self.csv)
        if self.csv.suffix != ".csv":
            hint = f"--csv {self.csv.stem}.csv"
            raise UsageError(f"--csv writes a .csv file, not {str(self.csv)!r}", hint)

    def write(self, names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Write the table, if there is to be one, with the names of its columns in the first row.

        Raises:
            EnvironmentFault: the file cannot be written.
        """
        if self.csv is None:
            return
        import csv
        import io

        from charrnn.files import replacing

        with replacing(self.csv) as file:
            text = io.TextIOWrapper(file, "utf-8", newline="")
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(names)
            writer.writerows(rows)
            text.detach()
        say(f"charrnn: wrote {escape(str(self.csv))} ({size(self.csv.stat().st_size)})")
