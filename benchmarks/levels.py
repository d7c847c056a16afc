r"""Levels made by rule, for a network that sees what stands above: `python benchmarks/levels.py FILE [--mazes]`.

Each level has ROWS rows of WIDTH signs and a newline, and levels are separated by a blank line. What a sign is follows
mostly from the one above it: pillars `|` and ladders `H` go down as far as they go, below a roof `=` it is dark `,`, and
ground `#` has ground below it. What chance decides are the tops of pillars, ladders and ground, and where roofs are.

With --mazes each level is a maze of DOWN rows of ACROSS cells, with walls `#` between and around them: from each cell
there is a way up or a way to the right, as a coin decides, so that exactly one way leads from each cell to each other.
The coin is seen in the wall above a cell, and the wall at its right side, in the next row, follows from it. A maze and
the sign that ends it have 416 characters and 70 coins: 0.168 bits per character is the least that it can cost.

The comparison at equal time, and at equal time and weights:

    charrnn compare levels.txt --separator '\n\n' --cells lstm,mdlstm --minutes 3 --seeds 1,2,3 \
        --hidden-size 64 --embedding-size 16 --sequence-length 192 --batch-size 16
    the same with --parameters 60000 for --hidden-size 64

A minute and a half for each, with --threads 1 --exact-steps, gave the LSTM of 64 units 3,805 steps and the mdlstm of
64 units 1,305 (AVX2, seeds 1, 2 and 3): 0.935 ± 0.010 and 0.3663 ± 0.0001 bits per character. Of mazes, after as many
steps (--steps, seeds 1 and 2), the LSTM needs 0.322 and 0.332, the mdlstm 0.187 and 0.184.
"""

import argparse
import random
from pathlib import Path

ROWS, WIDTH = 12, 30
DOWN, ACROSS = 6, 15
LEVELS = 2000


def level(draw: random.Random) -> str:
    """A level, without the newline at its end."""
    columns = [_column(draw) for _ in range(WIDTH)]
    for _ in range(draw.randint(1, 3)):
        _roof(draw, columns)
    return "\n".join("".join(column[row] for column in columns) for row in range(ROWS))


def _column(draw: random.Random) -> list[str]:
    """A column, from above: air, perhaps a pillar or a ladder down to the ground, and ground."""
    ground = draw.randint(1, 3)
    tall = draw.randint(2, ROWS - ground) if draw.random() < 0.3 else 0
    sign = draw.choice("|H")
    return ["."] * (ROWS - ground - tall) + [sign] * tall + ["#"] * ground


def _roof(draw: random.Random, columns: list[list[str]]) -> None:
    """Lay a roof on the air of some columns side by side; below it it is dark."""
    row, left = draw.randint(1, ROWS // 2), draw.randrange(WIDTH)
    for column in columns[left : left + draw.randint(3, 9)]:
        if column[row] == ".":
            column[row] = "="
            for below in range(row + 1, ROWS):
                column[below] = "," if column[below] == "." else column[below]


def maze(draw: random.Random) -> str:
    """A maze, without the newline at its end."""
    signs = [["#"] * (2 * ACROSS + 1) for _ in range(2 * DOWN + 1)]
    for row in range(1, 2 * DOWN, 2):
        for column in range(1, 2 * ACROSS, 2):
            signs[row][column] = "."
            may_go_up, may_go_right = row > 1, column < 2 * ACROSS - 1
            if may_go_up and (not may_go_right or draw.random() < 0.5):
                signs[row - 1][column] = "."
            elif may_go_right:
                signs[row][column + 1] = "."
    return "\n".join(map("".join, signs))


def main(arguments: list[str] | None = None) -> None:
    """Write the levels."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--levels", type=int, default=LEVELS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mazes", action="store_true", help="mazes instead")
    options = parser.parse_args(arguments)
    draw = random.Random(options.seed)  # noqa: S311 (no secret)
    make = maze if options.mazes else level
    text = "\n\n".join(make(draw) for _ in range(options.levels))
    options.file.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
