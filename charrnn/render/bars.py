"""A number as a bar of characters, from 0."""

EIGHTHS = "▏▎▍▌▋▊▉█"
"""Of a cell, filled from the left."""


def bar(value: float, largest: float, width: int, *, blocks: bool = True) -> str:
    """A bar as long as the value is large, `width` cells for the largest: 3.5 of 4 in 4 cells -> "███▌".

    Args:
        value: 0 or more.
        largest: the value of the longest bar.
        width: cells.
        blocks: draw eighths of a cell; else whole cells in ASCII, "####".
    """
    cells = width * value / largest if largest > 0 else 0.0
    if not blocks:
        return "#" * round(cells)
    full, eighths = divmod(round(8 * cells), 8)
    return EIGHTHS[-1] * full + (EIGHTHS[eighths - 1] if eighths else "")
