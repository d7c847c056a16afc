"""`charrnn probe`: what a linear read-out from all units says of a text or of whole lines, beside controls."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.completion import complete_unit
from charrnn.cli.extras import require_extra
from charrnn.cli.inputs import TextArgument
from charrnn.cli.options import Changes
from charrnn.cli.reading import Reader, ReadingOptions, open_reader
from charrnn.cli.run_names import CheckpointArgument
from charrnn.cli.terminal import print_json, say
from charrnn.cli.threads import one_thread
from charrnn.cli.unit_names import unit_names
from charrnn.cli.units.chosen import item_end_of, text_of, units_at
from charrnn.cli.units.concepts import LabelOptions, labelings_per_symbol, print_concepts
from charrnn.cli.work import working
from charrnn.config import READING, SHOWN
from charrnn.errors import DataError, SettingError
from charrnn.settings import setting
from charrnn.wording import listed

if TYPE_CHECKING:
    from charrnn.interpret.probing.controls import Probe
    from charrnn.interpret.units import Unit

EXAMPLES = (
    "charrnn probe python",
    "charrnn probe python code.py --concept 'inside a comment' --concept 'indentation > 4'",
    "charrnn probe names --lines languages.tsv",
)
CHANGES = Changes(complete={"unit": complete_unit})
MOST_NAMED = 10


@dataclass(frozen=True, kw_only=True)
class ProbeOptions(LabelOptions):
    """What is probed, and from which units."""

    lines: Path | None = setting(
        None,
        "Classify whole lines by the state after their last character. Each line of the file is LINE<TAB>LABEL.",
        metavar="FILE",
        excludes=("concept", "regex", "labels", "samples", "max_chars"),
        panel=READING,
    )
    unit: tuple[str, ...] = setting(
        (),
        "Read only these units, such as 'L1.c.*'. May be repeated.",
        metavar="UNIT",
        default_text="all",
        panel=SHOWN,
    )
    samples: int = setting(
        20_000,
        "Fit and score with at most this many characters of each half of the text, evenly spread.",
        low=500,
        high=200_000,
        metavar="N",
        panel=READING,
    )
    untrained: bool = setting(
        True, "Probe an untrained network of the same shape, too.", panel=SHOWN
    )


def probe(
    checkpoint: CheckpointArgument = None,
    texts: TextArgument = None,
    *,
    options: ProbeOptions,
    reading: ReadingOptions,
) -> None:
    """Measure what can be read from all units together: a concept in a text, or the label of a line.

    A regularized linear read-out is fitted to the first half of the text and scored on the second: by F1, or by R² for
    a number. Beside the score stand three controls: a guess that needs no network (always), the same read-out of
    shuffled labels, and that of an untrained network of the same shape; then the number of units that is enough.
    Selectivity is the score minus that of shuffled labels.
    """
    if options.list:
        print_concepts()
        return
    require_extra("sklearn", "scikit-learn", "probe")
    reader = open_reader(checkpoint, texts)
    units = _units(reader, options)
    with one_thread():
        if options.lines:
            _show_lines(reader, options.lines, units, options)
        else:
            _show_concepts(reader, units, options, reading.max_chars)


def _units(reader: Reader, options: ProbeOptions) -> "list[Unit] | None":
    """The units that are read; None: all."""
    found = [unit for address in options.unit for unit in units_at(reader, address)]
    return list(dict.fromkeys(found)) or None


# --- characters -------------------------------------------------------------------------------------------------------


def _show_concepts(
    reader: Reader, units: "list[Unit] | None", options: ProbeOptions, most: int | None
) -> None:
    from charrnn.cli.probe.shown import as_dict, print_probes

    text = text_of(reader, most)
    probes, rare = _probes(reader, text, units, options)
    if not probes:
        raise DataError("a part of the text has too little of every concept", "take a longer text")
    if rare and (options.concept or options.regex or options.labels):
        say(f"charrnn: a part of the text has too little of {listed(rare, MOST_NAMED)}")
    names = unit_names(reader.loaded)
    if options.json:
        made = [as_dict(one, names) for one in probes]
        print_json({"characters": len(text), "probes": made})
    else:
        print_probes(probes, names)


def _probes(
    reader: Reader, text: str, units: "list[Unit] | None", options: ProbeOptions
) -> "tuple[list[Probe], list[str]]":
    """The probes of what is common enough, and the names of the rest."""
    from charrnn.interpret.probing.characters import probe as probe_characters

    vocabulary = reader.model.vocabulary
    names: list[str] = []
    labelings = labelings_per_symbol(text, options, vocabulary, names)
    ids = vocabulary.encode(text)
    with working(len(ids) * (1 + options.untrained), reader.noun) as work:
        probes = probe_characters(
            reader.model,
            ids,
            labelings,
            units=units,
            samples=options.samples,
            untrained=options.untrained,
            item_end=item_end_of(reader),
            progress=work.advance,
        )
    made = {one.name for one in probes}
    return probes, [name for name in names if name not in made]


# --- lines ------------------------------------------------------------------------------------------------------------


def _show_lines(
    reader: Reader, path: Path, units: "list[Unit] | None", options: ProbeOptions
) -> None:
    from charrnn.cli.inputs import KnownForm, leave_out_unknown
    from charrnn.cli.probe.shown import as_dict, lines_as_dict, print_lines
    from charrnn.interpret.probing.lines import probe_lines, read_labeled_lines

    if reader.names:
        raise SettingError.naming("with {lines}, no text is read", "leave out the text")
    in_known_form = KnownForm(reader.model)
    labeled = read_labeled_lines(path, reader.config)
    pairs = [(in_known_form(line), label) for line, label in labeled]
    leave_out_unknown("".join(line for line, _ in pairs), reader.model)  # which is reported
    with working(None, "line") as work:
        found = probe_lines(
            reader.model,
            pairs,
            units=units,
            untrained=options.untrained,
            item_end=reader.item_end,
            progress=work.advance,
        )
    if found.rare:
        say(f"charrnn: too few lines to probe have the label {listed(found.rare, MOST_NAMED)}")
    names = unit_names(reader.loaded)
    if options.json:
        print_json({"probes": [as_dict(found.probe, names) | lines_as_dict(found)]})
    else:
        print_lines(found, names)
