"""Live text: each symbol is colored as it arrives; without colors, digits below.

It has the colors and rows of a text that is there already, see `charrnn.render.views.text`. Only its lines may break
within a grapheme: what is on the screen is not taken back when an accent comes.
"""

from collections.abc import Iterator, Sequence

from charrnn.render.grid import GridRow, row_of, words
from charrnn.render.look import Look
from charrnn.render.palette import HUES, PLAIN, Paint
from charrnn.render.views.scale import (
    FULL_SURPRISAL,
    Scale,
    counts_paints,
    digit_rows,
    digits_of,
    legend_rows,
    surprisal_digits,
    surprisal_paints,
)
from charrnn.render.views.symbols import Column, column_of

Placed = tuple[str, int, Paint]
"""A cell of a line that is not complete."""


class LiveText:
    """Folds text as it arrives. Each method returns rows, the first of which continues the line before.

    Args:
        scale: the scale of the values that color it.
        look: how it is drawn.
        width: columns in a line.
        surprisal: whether the surprisal of each symbol is shown below it.
        counts: whether the part of its probability that came from counts is shown there.
    """

    def __init__(
        self,
        scale: Scale,
        look: Look,
        width: int,
        *,
        surprisal: bool = False,
        counts: bool = False,
    ) -> None:
        self._scale, self._look = scale, look
        self._has_surprisal, self._has_counts = surprisal, counts
        self._width = max(1, width)
        self._used = 0
        self._under: list[list[Placed]] = []
        """The rows under the current line, so far."""
        self._is_below_rows = False
        """Whether such rows stand above the current line, so that it is to be set apart."""
        self._lines: list[list[Placed]] = [[]]
        """What has not been given yet."""

    def plain(self, text: str) -> list[GridRow]:
        """Text without values: newlines break the line, every other character has a glyph."""
        blanks = [("", PLAIN)] * self._depth
        for character in text:
            if character == "\n":
                self._close()
            else:
                self._add(column_of(character), PLAIN, blanks)
        return self._taken()

    def shown(
        self,
        columns: Sequence[Column],
        values: Sequence[float],
        surprisal: Sequence[float] = (),
        from_counts: Sequence[float] = (),
    ) -> list[GridRow]:
        """Symbols with what is shown of them; a newline is shown, because it has its value too."""
        paints = self._scale.ramp(self._look).of(values, self._scale.full)
        under = self._under_each(values, surprisal, from_counts)
        for column, paint, cells in zip(columns, paints, under, strict=True):
            self._add(column, paint, cells)
            if column.ends_line:
                self._close()
        return self._taken()

    def end(self) -> list[GridRow]:
        """What completes the last line."""
        if self._used:
            self._close()
        return self._taken()

    @property
    def _depth(self) -> int:
        """The number of rows under each line."""
        digits = self._look.has_digits * (1 + self._scale.is_signed)
        return digits + self._has_surprisal + self._has_counts

    def _under_each(
        self, values: Sequence[float], surprisal: Sequence[float], from_counts: Sequence[float]
    ) -> list[tuple[tuple[str, Paint], ...]]:
        """The texts and paints that stand under each symbol, from the top."""
        plain = [PLAIN] * len(values)
        rows: list[tuple[Sequence[str], Sequence[Paint]]] = []
        if self._look.has_digits:
            rows += [(texts, plain) for texts in digit_rows(values, self._scale)]
        if self._has_surprisal:
            rows.append((surprisal_digits(surprisal), surprisal_paints(surprisal, self._look)))
        if self._has_counts:
            rows.append((digits_of(from_counts, 1.0), counts_paints(from_counts, self._look)))
        pairs = [list(zip(*row, strict=True)) for row in rows]
        return list(zip(*pairs, strict=True)) if pairs else [()] * len(values)

    def _add(self, column: Column, paint: Paint, under: Sequence[tuple[str, Paint]]) -> None:
        """Add a symbol, on a new line if this one is full."""
        if self._used and self._used + column.width > self._width:
            self._close()
        if self._is_below_rows and not self._used:
            self._lines.append([])
            self._is_below_rows = False
        self._under = self._under or [[] for _ in under]
        for row, (text, color) in zip(self._under, under, strict=True):
            row.append((text, column.width, color))
        self._used += column.width
        self._lines[-1].append((column.label, column.width, paint))

    def _close(self) -> None:
        """End a line, with what stands under it."""
        rows, self._used, self._under = self._under, 0, []
        self._is_below_rows = any(text for row in rows for text, *_ in row)
        if self._is_below_rows:
            self._lines += rows
        self._lines.append([])

    def _taken(self) -> list[GridRow]:
        """The rows that have come since the last time."""
        lines, self._lines = self._lines, [[]]
        return list(map(row_of, lines))


class LiveSurprisal(LiveText):
    """Live text, colored by the surprisal of its characters.

    Args:
        look: how it is drawn.
        width: columns in a line.
    """

    def __init__(self, look: Look, width: int) -> None:
        super().__init__(live_surprisal_scale(""), look, width)

    def scored(self, text: str, surprisal: Sequence[float]) -> list[GridRow]:
        """Text with the surprisal of each of its characters, in bits."""
        return self.shown(list(map(column_of, text)), surprisal)


def live_surprisal_scale(title: str) -> Scale:
    """The scale of surprisals that are not known yet."""
    return Scale(title, FULL_SURPRISAL, is_signed=False, is_surprisal=True, is_exceeded=True)


def surprisal_legend(look: Look, *, in_color: bool) -> Iterator[GridRow]:
    """What the colors or digits of `LiveSurprisal` mean.

    Args:
        look: how the text is drawn.
        in_color: whether the legend can have colors too.
    """
    title = "surprisal of each character under the model, in bits"
    if in_color or not look.has_color:
        yield from legend_rows(live_surprisal_scale(title), look)
    else:
        high = HUES[look.palette][1]
        yield words(f"{title}: no color at 0, {high} at {FULL_SURPRISAL:g} or more")
