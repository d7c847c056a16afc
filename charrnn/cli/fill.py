"""What `charrnn sample --fill` writes: a template with its gaps filled."""

import sys
from typing import TYPE_CHECKING

from charrnn.cli.console import say, terminal_color
from charrnn.render.palette import ColorMode

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from charrnn.model import CharRNN
    from charrnn.sampling.filling import Filling


def write_fillings(
    model: "CharRNN",
    text: str,
    *,
    count: int,
    beam: int | None,
    temperature: float,
    seed: int | None,
    banned: "npt.NDArray[np.bool_] | None" = None,
    newlines: bool = False,
    line: bool = False,
    separator: str = "\n\n",
    quiet: bool = False,
) -> None:
    """Write a template with its gaps filled, `count` times, to standard output.

    A terminal shows what stood in the gaps underlined, and bold if it has colours enough; a pipe gets exactly the text.

    What is raised is what `charrnn.sampling.filling.fill` raises, from which most arguments are.

    Args:
        model: judges the fillings.
        text: the template.
        count: how many fillings.
        beam: lanes of the search, or None.
        temperature: 0: the likeliest fillings; above: draws.
        seed: of the draws.
        banned: (V,) symbols that are not written.
        newlines: whether a gap may hold newlines.
        line: each filling is a line, and ends as one.
        separator: between two fillings, but for lines.
        quiet: say nothing on stderr.
    """
    from charrnn.sampling.filling import default_beam, fill
    from charrnn.sampling.template import parse_template

    template = parse_template(text)
    fillings = fill(
        model,
        template,
        count=count,
        beam=beam,
        temperature=temperature,
        seed=seed,
        banned=banned,
        newlines=newlines,
        line=line,
    )
    if not quiet:
        how = f"temperature {temperature:g}, seed {seed}" if temperature else "likeliest first"
        say(f"charrnn: filling, {how}, beam {beam or default_beam(temperature):,}")
    out, is_terminal = sys.stdout, sys.stdout.isatty()
    mode = terminal_color() if is_terminal else ColorMode.none
    written: list[Filling] = []
    for filling in fillings:
        if written:
            out.write("\n" if line else separator)
        for piece, in_gap in template.pieces(filling.gaps):
            out.write(_shown(piece, mode, in_gap=in_gap) if is_terminal else piece)
        out.flush()
        written.append(filling)
    if line or (is_terminal and not written[-1].text.endswith("\n")):
        out.write("\n")
    out.flush()
    if not quiet:
        _say_how_likely(written, count)


def _shown(piece: str, mode: ColorMode, *, in_gap: bool) -> str:
    """A piece for a terminal."""
    from charrnn.render.glyphs import harmless
    from charrnn.render.terminal import BOLD_UNDERLINED, PLAIN, UNDERLINED

    if not in_gap or mode == ColorMode.none:
        return harmless(piece)
    # many terminals with 16 colours show bold black as grey
    mark = UNDERLINED if mode == ColorMode.ansi16 else BOLD_UNDERLINED
    return mark + harmless(piece) + PLAIN


def _say_how_likely(written: "Sequence[Filling]", count: int) -> None:
    best = max(written, key=lambda filling: filling.log_probability)
    say(
        f"charrnn: log-probability {best.log_probability:.2f} nats, "
        f"{best.mean_log_probability:.2f} a character" + (" (the best)" if count > 1 else "")
    )
    if len(written) < count:
        say(f"charrnn: only {len(written):,} different fillings were found, not {count:,}")
