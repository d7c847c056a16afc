"""What `charrnn sample --fill` writes: a template with its gaps filled."""

import dataclasses
import sys
from typing import TYPE_CHECKING

from charrnn.cli.terminal import print_json, say, terminal_color
from charrnn.config import SamplingConfig
from charrnn.render.palette import ColorMode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from charrnn.model import CharRNN
    from charrnn.sampling.infill.search import Filling
    from charrnn.sampling.infill.template import Template


def write_fillings(
    model: "CharRNN",
    text: str,
    config: SamplingConfig,
    *,
    count: int = 1,
    beam: int | None = None,
    newlines: bool = False,
    separator: str | None = None,
    as_json: bool = False,
    quiet: bool = False,
) -> None:
    """Write a template with its gaps filled, `count` times, to standard output.

    A terminal shows what stood in the gaps underlined, and bold if it has colours enough; a pipe gets exactly the text.

    What is raised is what `charrnn.sampling.infill.search.fill` raises, from which most arguments are.

    Args:
        model: judges the fillings.
        text: the template.
        config: its temperature (0: the likeliest fillings; above: draws), seed, banned characters, and whether each
            filling is a line count here.
        count: how many fillings.
        beam: lanes of the search, or None.
        newlines: whether a gap may hold newlines.
        separator: between two fillings. None: an empty line, or a newline after each that is a line.
        as_json: a line of JSON for each instead.
        quiet: say nothing on stderr.
    """
    from charrnn.sampling.infill.search import default_beam, fill
    from charrnn.sampling.infill.template import parse_template
    from charrnn.sampling.logits import Chooser

    template, temperature, line = parse_template(text), config.temperature, config.line
    fillings = fill(
        model,
        template,
        count=count,
        beam=beam,
        temperature=temperature,
        seed=config.seed,
        banned=Chooser(config, model.vocabulary).banned,
        newlines=newlines,
        line=line,
    )
    if not quiet:
        how = (
            f"temperature {temperature:g}, seed {config.seed}" if temperature else "likeliest first"
        )
        say(f"charrnn: filling, {how}, beam {beam or default_beam(temperature):,}")
    if as_json:
        written = list(_json(fillings, config.seed if temperature else None))
    else:
        usual = "\n" if line else "\n\n"
        written = list(_texts(fillings, template, usual if separator is None else separator))
        ends_line = line and separator is None
        if ends_line or (sys.stdout.isatty() and not written[-1].text.endswith("\n")):
            sys.stdout.write("\n")
    sys.stdout.flush()
    if not quiet:
        _say_how_likely(written, count)


def _texts(
    fillings: "Iterable[Filling]", template: "Template", separator: str
) -> "Iterator[Filling]":
    """Write fillings as text, and hand them on."""
    out, is_terminal = sys.stdout, sys.stdout.isatty()
    mode = terminal_color() if is_terminal else ColorMode.none
    for number, filling in enumerate(fillings):
        if number:
            out.write(separator)
        for piece, in_gap in template.pieces(filling.gaps):
            out.write(_shown(piece, mode, in_gap=in_gap) if is_terminal else piece)
        out.flush()
        yield filling


def _json(fillings: "Iterable[Filling]", seed: int | None) -> "Iterator[Filling]":
    """Write fillings as lines of JSON, and hand them on."""
    for index, filling in enumerate(fillings):
        record = {
            "index": index,
            "seed": seed,
            **dataclasses.asdict(filling),
            "mean_log_probability": filling.mean_log_probability,
        }
        print_json(record)
        yield filling


def _shown(piece: str, mode: ColorMode, *, in_gap: bool) -> str:
    """A piece for a terminal."""
    from charrnn.render.ansi import BOLD_UNDERLINED, PLAIN, UNDERLINED
    from charrnn.render.glyphs import harmless

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
