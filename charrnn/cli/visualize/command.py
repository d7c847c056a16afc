"""`charrnn visualize`: color a text by what the model's units do."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from charrnn.cli.completion import complete_unit
from charrnn.cli.counts import CountsOptions
from charrnn.cli.edits import EditOptions
from charrnn.cli.inputs import TextArgument
from charrnn.cli.layout import ColoringOptions
from charrnn.cli.options import Changes
from charrnn.cli.outputs import PictureOptions
from charrnn.cli.own_text import VALIDATION_TEXT
from charrnn.cli.pair_lines import PairLines
from charrnn.cli.reading import (
    DumpOptions,
    Reader,
    ReadingOptions,
    checkpoint_and_texts,
    hint_in_quotes,
    make_reader,
    open_dumps,
    read_dump,
)
from charrnn.cli.run_names import CheckpointArgument, open_any, refuse_for_pairs
from charrnn.cli.terminal import say
from charrnn.cli.unit_names import names_in_runs, unit_names
from charrnn.cli.visualize.diagram import DIAGRAM_CHARS, draw_diagram
from charrnn.cli.visualize.dumps import (
    require_dump,
    require_lstmvis,
    write_dump,
    write_lstmvis,
    write_pairs_dump,
)
from charrnn.cli.visualize.follow import FollowOptions, follow
from charrnn.cli.visualize.page import (
    LITTLE,
    PAGE_CHARS,
    SALIENCY_CHARS,
    Page,
    require_page,
    write_dump_page,
    write_page,
)
from charrnn.cli.visualize.pairs import show_dumped_pairs, show_pairs
from charrnn.cli.visualize.pairs_page import write_dumped_pairs_page, write_pairs_page
from charrnn.cli.visualize.selection import (
    ViewOptions,
    available,
    by_names,
    filled,
    has_unit,
    number_or_all,
    select,
)
from charrnn.cli.visualize.show import ModelReadings, Readings, show
from charrnn.config import COLORS, FILES, GENERATED, BasicSamplingConfig
from charrnn.errors import SettingError
from charrnn.settings import Config, setting, settings_of

EXAMPLES = (
    "charrnn visualize",
    "charrnn visualize plays 'To be, or not to be' --unit L0.c.7 --predictions 3",
    "charrnn visualize plays plays.txt --unit 'L0.c.*' --sort similarity --svg cells.svg",
)
SHOWN_CHARS = 2000
"""Maximum characters in the terminal or a picture, if no other number is given."""
CHANGES = Changes(
    complete={"unit": complete_unit},
    parse={"predictions": number_or_all},
    different={
        "counts": {
            "help": "Mix the network's predictions with those of n-gram counts of its training text, and show how much "
            "of each character's probability came from the counts."
        },
        "max_chars": {
            "default_text": f"{SHOWN_CHARS:,}; {DIAGRAM_CHARS} with {{diagram}}, {PAGE_CHARS:,} with {{html}}; all with "
            "{pager}, {dump} and {lstmvis}"
        },
        **{
            name: {"needs": ("follow",), "panel": GENERATED}
            for name in settings_of(BasicSamplingConfig)
            if name != "seed"
        },
        "seed": {
            "help": "Seed of the text that the model generates: with {follow}, or for it to read.",
            "panel": GENERATED,
            "default_text": "random with {follow}",
        },
    },
)


@dataclass(frozen=True, kw_only=True)
class WritingOptions(Config):
    """Where the result goes, if neither to the terminal nor into a picture."""

    html: Path | None = setting(
        None,
        "Write a page to explore in a browser: all units of {what}, and those of {unit}.",
        metavar="FILE.html",
        allows=(
            *(
                "unit",
                "what",
                "surprisal",
                "predictions",
                "max_chars",
                "from_dump",
                "palette",
                "seed",
                "counts",
                "embed",
                "with_model",
                "curve",
                "saliency",
            ),
            *settings_of(EditOptions),
        ),
        panel=FILES,
    )
    embed: bool = setting(
        False,
        "Make the page of {html} for a frame in another page: a single view, and a line that says what made it.",
        needs=("html",),
        panel=FILES,
    )
    with_model: bool | None = setting(
        None,
        "Put the model into the page of {html}, with 8-bit weights and without counts: a check box there lets one type "
        "a text, which the model reads and continues.",
        needs=("html",),
        excludes=("counts", "from_dump", *settings_of(EditOptions)),
        default_text=f"on where it adds less than {LITTLE:g} times the size of its 8-bit form",
        panel=FILES,
    )
    curve: bool = setting(
        False,
        "Put the curve of 'charrnn context' for this text on the page.",
        flags=("--context",),
        needs=("html",),
        excludes=("from_dump",),
        panel=FILES,
    )
    saliency: bool | None = setting(
        None,
        "Record for the page of {html} which earlier characters mattered for each prediction: how many more bits it "
        "costs without each of the last 100.",
        needs=("html",),
        excludes=("from_dump",),
        default_text=f"on for texts of up to {SALIENCY_CHARS:,} characters",
        panel=FILES,
    )
    dump: Path | None = setting(
        None,
        "Write numbers: text, ids, surprisal, and every state and gate, or those of {what} or {unit}: .npz, "
        ".safetensors, .jsonl, .csv or .parquet.",
        metavar="FILE",
        allows=("unit", "what", "predictions", "max_chars", "seed", *settings_of(EditOptions)),
        panel=FILES,
    )
    lstmvis: Path | None = setting(
        None,
        "Write the states, or the state or gate of {what}, as a folder that LSTMVis opens.",
        metavar="FOLDER",
        allows=("what", "max_chars", "seed", *settings_of(EditOptions)),
        panel=FILES,
    )
    pager: bool = setting(
        False,
        "Show the text page by page, with the program that PAGER names, or less -R.",
        excludes=("svg", "png"),
        panel=COLORS,
    )

    def require(self) -> None:
        """Raise UsageError unless the files can be written, as far as one can tell beforehand."""
        if self.html:
            require_page(self.html)
        if self.dump:
            require_dump(self.dump)
        if self.lstmvis:
            require_lstmvis(self.lstmvis)


def visualize(
    checkpoint: CheckpointArgument = None,
    texts: TextArgument = None,
    *,
    view: ViewOptions,
    reading: ReadingOptions,
    dump: DumpOptions,
    layout: ColoringOptions,
    following: FollowOptions,
    sampling: BasicSamplingConfig,
    pictures: PictureOptions,
    output: WritingOptions,
    counts: CountsOptions,
    edits: EditOptions,
) -> None:
    """Color a text by what the model's units do.

    Red is above zero, blue below; near zero there is no color. A column shows the state after its character was read;
    the predictions below it are for the next character. If no unit is named, the one with the best name that charrnn
    units has found is shown, or else the most interesting one, which varies widely and holds its value long (interest =
    standard deviation x lag-1 autocorrelation). If no text is given, validation text of the model's own corpus is read,
    or, if that cannot be found, a text that the model generates.

    A model of pairs shows what it does between each source, a line of the text, and its target: the attention as a
    matrix, the symbol under each character, or the probability of each label while the source is read. Units of its
    encoder, such as L0>.c.37 (forward) and L0<.c.37 (backward), color the source, and those of its decoder the target.
    """
    if view.unit and view.what and not output.html:
        raise SettingError.naming("{unit} already names a state or gate", "leave out {what}")
    pictures.require(layout)
    output.require()
    if dump.from_dump:
        dump.require_alone(checkpoint, texts)
        _show_dump(dump.from_dump, view, reading, layout, pictures, output)
        return
    path, names = checkpoint_and_texts(checkpoint, texts)
    loaded = open_any(path, hint_in_quotes(names))
    if loaded.model.config.align:
        refuse_for_pairs(following, sampling, counts)
        lines = PairLines(edits.edited(loaded), loaded, names, reading.max_chars)
        _of_pairs(lines, view, layout, pictures, output)
        return
    seed = None if following.follow else sampling.seed
    called, asked = unit_names(loaded), view
    view = by_names(view, called, shows=not (output.dump or output.html or output.lstmvis))
    says_items = not following.follow
    reader = make_reader(loaded, names, edits, counts=counts, seed=seed, says_items=says_items)
    if view.diagram:
        draw_diagram(reader, view.predictions, reading.max_chars, layout, pictures)
    elif following.follow:
        follow(reader, sampling, select(reader.model, view, called), layout)
    elif output.html:
        page = Page(
            output.html,
            layout.palette,
            embed=output.embed,
            with_model=output.with_model,
            context=output.curve,
            saliency=output.saliency,
        )
        write_page(page, reader, view, reading.max_chars, called)
    elif output.dump or output.lstmvis:
        _write_numbers(reader, view, reading, output)
    else:
        chosen = filled(select(reader.model, view, called), asked)
        held_out = reading.max_chars or VALIDATION_TEXT
        text = reader.text(_most(reading, output), held_out=held_out)
        readings = ModelReadings(reader, text)
        show([(readings, chosen)], layout, pictures, pager=output.pager)
        if asked == ViewOptions() and not (pictures or output.pager):
            _say_next(checkpoint or reader.title, reader)


def _of_pairs(
    lines: PairLines,
    view: ViewOptions,
    layout: ColoringOptions,
    pictures: PictureOptions,
    output: WritingOptions,
) -> None:
    """Show what a model of pairs does, or write it."""
    refuse_for_pairs(view, but=set(settings_of(ViewOptions)) - {"diagram"})
    refuse_for_pairs(output, but=("pager", "dump", "html", "embed"))
    if output.html:
        page = Page(output.html, layout.palette, embed=output.embed)
        write_pairs_page(page, lines, view)
    elif output.dump:
        write_pairs_dump(lines, output.dump, view)
    else:
        show_pairs(lines, view, layout, pictures, pager=output.pager)


def _say_next(model: str, reader: Reader) -> None:
    """Show on a terminal two things to type after a first look."""
    if sys.stdout.isatty():
        start = f"charrnn visualize {shlex.quote(model)}"
        then = "--html page.html" if reader.names else "'a text of yours'"
        say(f"next: {start} --top 3")
        say(f"      {start} {then}")


def _most(reading: ReadingOptions, output: WritingOptions) -> int | None:
    """The maximum number of characters that are shown."""
    return reading.max_chars or (None if output.pager else SHOWN_CHARS)


def _write_numbers(
    reader: Reader, view: ViewOptions, reading: ReadingOptions, output: WritingOptions
) -> None:
    """Read a text and write what the model did to a file or a folder."""
    chosen = select(reader.model, ViewOptions(unit=view.unit, what=view.what))
    text = reader.given(reading.max_chars, held_out=reading.max_chars or VALIDATION_TEXT)
    if output.dump:
        write_dump(reader, text, output.dump, chosen, view.predictions or 0)
    elif output.lstmvis:
        write_lstmvis(reader, text.known, output.lstmvis, view.what)


def _show_dump(
    path: Path,
    view: ViewOptions,
    reading: ReadingOptions,
    layout: ColoringOptions,
    pictures: PictureOptions,
    output: WritingOptions,
) -> None:
    """Show a dump as if the model read its text, or write its page."""
    dumps = open_dumps(path)
    if "" not in dumps:
        refuse_for_pairs(view, but=set(settings_of(ViewOptions)) - {"diagram"})
        refuse_for_pairs(output, but=("pager", "html", "embed"))
        most = reading.max_chars
        if output.html:
            page = Page(output.html, layout.palette, embed=output.embed)
            write_dumped_pairs_page(page, dumps, view, most)
        else:
            show_dumped_pairs(dumps, view, most, layout, pictures, pager=output.pager)
        return
    dump = dumps[""]
    names = [n for n in names_in_runs(dump.header.source.fingerprint) if has_unit(dump, n.unit)]
    view = by_names(view, names, shows=not output.html)
    if output.html:
        page = Page(output.html, layout.palette, embed=output.embed)
        write_dump_page(page, dump, view, reading.max_chars, names)
        return
    chosen = select(dump.network, available(view, dump), names)
    letter = chosen.choose_among(dump.network.cell.memory)
    recording = read_dump(
        dump,
        {letter} if letter else set(),
        units=chosen.all_units,
        predictions=chosen.predictions,
        most=_most(reading, output),
    )
    show([(Readings(recording), chosen)], layout, pictures, pager=output.pager)
