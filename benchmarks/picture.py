"""The picture of the README, by `charrnn visualize ... --color truecolor | python benchmarks/picture.py > picture.svg`.

Draws what a terminal would show: rows of monospaced text with coloured backgrounds, from the escape sequences in its
input.
"""

import re
import sys
from html import escape

WIDTH, HEIGHT, MARGIN = 8.4, 20, 10
"""Of a cell, and around the picture, in pixels."""
SEQUENCE = re.compile(r"\x1b\[([0-9;]*)m")
PAPER, INK = "#1e1e1e", "#d4d4d4"


def runs(line: str) -> list[tuple[str, str | None, str]]:
    """A line as (text, background, ink) in the order in which it is drawn."""
    background, ink, found, at = None, INK, [], 0
    for match in SEQUENCE.finditer(line):
        if match.start() > at:
            found.append((line[at : match.start()], background, ink))
        at = match.end()
        colors = re.findall(r"([34])8;2;(\d+);(\d+);(\d+)", match[1])
        for layer, *rgb in colors:
            color = "#{:02x}{:02x}{:02x}".format(*map(int, rgb))
            background, ink = (color, ink) if layer == "4" else (background, color)
        if match[1] in ("", "0"):
            background, ink = None, INK
    return [*found, (line[at:], background, ink)]


def draw(lines: list[str]) -> str:
    """The lines as an SVG document."""
    columns = max(len(SEQUENCE.sub("", line)) for line in lines)
    width, height = columns * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" font-size="14" '
            'font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace">'
        ),
        f'<rect width="100%" height="100%" fill="{PAPER}" rx="6"/>',
    ]
    for row, line in enumerate(lines):
        x, y = float(MARGIN), MARGIN + row * HEIGHT
        for text, background, ink in runs(line):
            length = len(text) * WIDTH
            if background:
                parts.append(
                    f'<rect x="{x:.1f}" y="{y}" width="{length + 0.3:.1f}" height="{HEIGHT}" fill="{background}"/>'
                )
            if text.strip():
                parts.append(
                    f'<text x="{x:.1f}" y="{y + 15}" fill="{ink}" xml:space="preserve" '
                    f'textLength="{length:.1f}">{escape(text)}</text>'
                )
            x += length
    return "\n".join([*parts, "</svg>"])


if __name__ == "__main__":
    print(draw(sys.stdin.read().splitlines()))
