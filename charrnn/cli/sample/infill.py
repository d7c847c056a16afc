"""`charrnn sample --infill`: a template with its gaps filled."""

import dataclasses
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charrnn.cli.edits import EditOptions
from charrnn.cli.options import unescaped
from charrnn.cli.sample.selection import SelectionOptions
from charrnn.cli.terminal import print_json, say, terminal_color
from charrnn.cli.work import working
from charrnn.config import BEAM, BEAM_OF_DRAWS, INFILLING, SamplingConfig
from charrnn.errors import SettingError
from charrnn.render.palette import ColorMode
from charrnn.settings import Config, setting, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from charrnn.model import CharRNN
    from charrnn.sampling.infill.search import Infilling
    from charrnn.sampling.infill.template import Template


@dataclass(frozen=True, kw_only=True)
class InfillOptions(Config):
    """A template, and how its gaps are filled."""

    infill: str | None = setting(
        None,
        "Fill the gaps of this text: ____ is a gap of four characters, _{{2,12}} one of two to twelve, "
        r"\_ an underscore, \n a newline. Finds the most likely filling; with {temperature} above 0, draws one.",
        flags=("--infill", "--fill"),
        metavar="TEXT",
        allows=(
            *("beam", "infill_newlines", "temperature", "seed", "ban", "lines", "count"),
            *("separator", "json", *settings_of(EditOptions)),
        ),
        panel=INFILLING,
    )
    beam: int | None = setting(
        None,
        "With {infill}: number of hypotheses that the search keeps at each character.",
        low=1,
        high=10**9,
        default_text=f"{BEAM}, or {BEAM_OF_DRAWS} for random draws",
        needs=("infill",),
        panel=INFILLING,
    )
    infill_newlines: bool = setting(
        False,
        "With {infill}: allow newlines in gaps.",
        flags=("--infill-newlines", "--fill-newlines"),
        needs=("infill",),
        panel=INFILLING,
    )


def write_infillings(
    model: "CharRNN",
    options: InfillOptions,
    config: SamplingConfig,
    selection: SelectionOptions,
    *,
    as_json: bool,
    given: Collection[str],
) -> None:
    """Write a template with its gaps filled, once or several times, to standard output.

    A terminal shows the text of the gaps underlined, and bold if it has enough colors; a pipe gets exactly the text.
    The most likely fillings are written unless a temperature above 0 was given.

    Raises:
        SettingError: a seed was given, and nothing is drawn.
        CharrnnError: see `charrnn.sampling.infill.search.infill`.
    """
    from charrnn.sampling.infill.search import default_beam, infill
    from charrnn.sampling.infill.template import parse_template
    from charrnn.sampling.logits import LogitsProcessor

    temperature = _temperature(config, given)
    template = parse_template(unescaped("--infill", options.infill or "", kept=r"\_{"))
    how = f"temperature {temperature:g}, seed {config.seed}" if temperature else "most likely first"
    say(f"charrnn: infilling, {how}, beam {options.beam or default_beam(temperature):,}")
    searches = selection.count if temperature else 1
    with working(template.longest * searches, "character") as work:
        fillings = infill(
            model,
            template,
            count=selection.count,
            beam=options.beam,
            temperature=temperature,
            seed=config.seed,
            banned=LogitsProcessor(config, model.vocabulary).banned,
            newlines=options.infill_newlines,
            item_end=config.item_end,
            progress=work.advance,
        )
        if sys.stdout.isatty():  # the bar and a text cannot share a line
            fillings = iter(list(fillings))
        if as_json:
            written = list(_json(fillings, config.seed if temperature else None))
        else:
            made = _texts(fillings, template, selection.separator, item_end=config.item_end)
            written = list(made)
    sys.stdout.flush()
    _say_how_likely(written, selection.count)


def _temperature(config: SamplingConfig, given: Collection[str]) -> float:
    """The temperature of an infilling: 0, for the most likely one, unless another was given.

    Raises:
        SettingError: a seed was given, and nothing is drawn.
    """
    temperature = config.temperature if "temperature" in given else 0.0
    if "seed" in given and not temperature:
        raise SettingError.naming(
            "{seed} has no effect: {infill} takes the most likely filling", "add {temperature:0.8}"
        )
    return temperature


def _texts(
    fillings: "Iterable[Infilling]",
    template: "Template",
    separator: str | None,
    *,
    item_end: str | None,
) -> "Iterator[Infilling]":
    """Write fillings as text, and pass them on.

    Without a separator there is an empty line between two fillings, or a newline after each that is a line.
    """
    out, is_terminal = sys.stdout, sys.stdout.isatty()
    mode = terminal_color() if is_terminal else ColorMode.none
    lines = item_end == "\n"
    usual, last = ("\n" if lines else "\n\n"), ""
    for number, filling in enumerate(fillings):
        if number:
            out.write(usual if separator is None else separator)
        for piece, in_gap in template.pieces(filling.gaps):
            out.write(_for_terminal(piece, mode, in_gap=in_gap) if is_terminal else piece)
        out.flush()
        last = filling.text
        yield filling
    ends_line = lines and separator is None
    if ends_line or (is_terminal and not last.endswith("\n")):
        out.write("\n")


def _json(fillings: "Iterable[Infilling]", seed: int | None) -> "Iterator[Infilling]":
    """Write fillings as lines of JSON, and pass them on."""
    for index, filling in enumerate(fillings):
        record = {
            "index": index,
            "seed": seed,
            **dataclasses.asdict(filling),
            "mean_log_probability": filling.mean_log_probability,
        }
        print_json(record)
        yield filling


def _for_terminal(piece: str, mode: ColorMode, *, in_gap: bool) -> str:
    """A piece for a terminal."""
    from charrnn.render.ansi import MARKS, marked
    from charrnn.render.glyphs import harmless

    if not in_gap or mode == ColorMode.none:
        return harmless(piece)
    is_bold = mode != ColorMode.ansi16  # many terminals with 16 colors show bold black as gray
    return marked(harmless(piece), MARKS[is_bold, True])


def _say_how_likely(written: "Sequence[Infilling]", count: int) -> None:
    """Report the log-probability of each filling, in the order in which they were written."""
    for number, filling in enumerate(written, 1):
        which = f"{number}: " if count > 1 else ""
        say(
            f"charrnn: {which}log-probability {filling.log_probability:.2f} nats, "
            f"{filling.mean_log_probability:.2f} per character"
        )
    if len(written) < count:
        say(f"charrnn: only {len(written):,} of {count:,} fillings were found")
