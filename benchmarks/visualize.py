"""How long the terminal takes to show a text, by `python benchmarks/visualize.py [TEXT]`.

The model's part is not measured: the values are made up, a slow wave with noise, and come in parts as a reading does.
Every line is rendered and written to a temporary file. The text is the file's first 100,000 characters, over and
over if it is shorter; without one, this script.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from charrnn.interpret.recording import PART, RecordedModel, Recording
from charrnn.render.ansi import lines_of
from charrnn.render.look import Look
from charrnn.render.palette import ColorMode
from charrnn.render.views.text import text_parts, text_rows, unit_scale, unit_values

CHARACTERS = 100_000
WIDTH = 100
ROUNDS = 5


def recordings(text: str, num_guesses: int) -> Iterator[Recording]:
    """The parts of a reading of a text, with made-up values of one unit, surprisal and guesses."""
    names = tuple(sorted(set(text)))
    place = {name: k for k, name in enumerate(names)}
    ids = np.array([place[c] for c in text], np.int32)
    rng = np.random.default_rng(1)
    T = len(ids)
    values = np.tanh(np.sin(np.arange(T) / 30) + rng.normal(0, 0.3, T)).astype(np.float32)
    surprisal = rng.exponential(2, T).astype(np.float32)
    guesses = rng.integers(0, len(names), (T, num_guesses), np.int32)
    chances = rng.random((T, num_guesses), np.float32)
    for start in range(0, T, PART):
        part = slice(start, start + PART)
        yield Recording(
            text=text[part],
            ids=ids[part],
            pieces=tuple(text[part]),
            surprisal=surprisal[part],
            arrays={"h": values[part].reshape(-1, 1, 1)},
            next_ids=guesses[part],
            next_probabilities=chances[part],
            next_text=names,
            source=RecordedModel("", "lstm", ("h",), ()),
            following=int(ids[start + PART]) if start + PART < T else None,
        )


def seconds(parts: list[Recording], look: Look, *, surprisal: bool) -> float:
    """The least time of several that writing all lines takes."""
    scale = unit_scale(parts[0], 0, "h", 0)
    times = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryFile("w", encoding="utf-8") as file:
            began = time.perf_counter()
            shown = text_parts(parts, unit_values(0, "h", 0), surprisal=surprisal)
            rows = text_rows(shown, scale, look, WIDTH)
            file.writelines(line + "\n" for line in lines_of(rows))
            file.flush()
            times.append(time.perf_counter() - began)
    return min(times)


def main(names: list[str]) -> None:
    """Print a table."""
    source = Path(names[0] if names else __file__).read_text(encoding="utf-8")
    text = (source * (CHARACTERS // len(source) + 1))[:CHARACTERS]
    print(f"{CHARACTERS:,} characters, {WIDTH} columns, least of {ROUNDS}: seconds")
    print(f"{'colors':<12}{'text':>8}{'+ digits':>10}{'+ bits':>8}{'+ 3 guesses':>13}")
    plain, guessed = list(recordings(text, 0)), list(recordings(text, 3))
    for mode in ColorMode:
        columns = (
            seconds(plain, Look(mode), surprisal=False),
            seconds(plain, Look(mode, digits=True), surprisal=False),
            seconds(plain, Look(mode, digits=True), surprisal=True),
            seconds(guessed, Look(mode, digits=True), surprisal=True),
        )
        cells = "".join(f"{s:>{w}.2f}" for s, w in zip(columns, (8, 10, 8, 13), strict=True))
        print(f"{mode:<12}{cells}")


if __name__ == "__main__":
    main(sys.argv[1:])
