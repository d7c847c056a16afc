"""The values of units put from the reading of one text into that of another, printed or as JSON."""

from typing import TYPE_CHECKING, Any

from charrnn.cli.reading import Reader, given_text
from charrnn.cli.terminal import print_json, print_wrapped, terminal_width
from charrnn.cli.unit_names import names_by_unit, unit_names, with_name
from charrnn.cli.units.chosen import item_end_of, units_at
from charrnn.cli.units.single import UnitOptions
from charrnn.errors import SettingError
from charrnn.wording import counted, listed, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charrnn.interpret.names import NamedUnit
    from charrnn.interpret.patching import Patch
    from charrnn.numerics import Ids

MOST_READ = 10_000
"""The last characters of each text that are read."""
MOST_CHANGES = 5
"""The gains and the losses that are shown."""
MOST_UNITS = 10
"""The units that are shown where each is patched by itself."""
SHOWN_TEXT = 24
MOST_NAMED = 6


def show_patch(reader: Reader, most: int | None, single: UnitOptions, *, as_json: bool) -> None:
    """Print what the next prediction becomes with the values that units have after another text.

    Raises:
        SettingError: there is no text to patch.
        UsageError: the model has no such units, or the texts are too short.
    """
    from charrnn.interpret.patching import SETS, patch, patch_each

    if not reader.names:
        raise SettingError.naming(
            "{patch} needs a text whose reading is patched",
            "in this order: charrnn units --patch 'print(x' 'print x'",
        )
    assert single.patch is not None
    model, last, end = reader.model, single.last, item_end_of(reader)
    source, text = (_ids(reader, names, most) for names in ((single.patch,), reader.names))
    if not single.unit:
        every = patch_each(model, source, text, last=last, item_end=end)
        _show_each(reader, every, as_json=as_json)
        return
    named = [unit for address in single.unit for unit in units_at(reader, address)]
    taken = tuple(dict.fromkeys(named))
    made = patch(model, source, text, taken, last=last, sets=single.sets or SETS, item_end=end)
    if as_json:
        print_json(_as_dict(reader, made) | names_by_unit(taken, unit_names(reader.loaded)))
    else:
        _print_patch(reader, made, *map(model.vocabulary.decode, (source, text)))


def _ids(reader: Reader, names: "Sequence[str]", most: int | None) -> "Ids":
    """The symbols of a text; its end is what counts."""
    text = given_text(names, reader.model, reader.config, most, exact=True).known
    ids: Ids = reader.model.vocabulary.encode(text)[-MOST_READ:]
    return ids


# --- some units -------------------------------------------------------------------------------------------------------


def _changes(made: "Patch") -> list[int]:
    """The symbols that gain most, the largest gain first, and those that lose most, the largest loss last."""
    gains = made.patched - made.plain
    order = gains.argsort(kind="stable")[::-1].tolist()
    up = [k for k in order[:MOST_CHANGES] if gains[k] > 0]
    return up + [k for k in order[-MOST_CHANGES:] if gains[k] < 0]


def _as_dict(reader: Reader, made: "Patch") -> dict[str, Any]:
    shown = reader.model.vocabulary.shown
    return {
        "units": [str(unit) for unit in made.units],
        "last": made.last,
        "divergence_bits": made.bits,
        "way_to_source": made.way,
        "percentile": made.percentile if made.random else None,
        "random": list(made.random),
        "predictions": [
            {
                "character": shown(k),
                "plain": made.plain[k],
                "patched": made.patched[k],
                "source": made.source[k],
            }
            for k in _changes(made)
        ],
    }


def _print_patch(reader: Reader, made: "Patch", source: str, text: str) -> None:
    from charrnn.render.tables import tight_lines

    noun = reader.noun
    names = unit_names(reader.loaded)
    named = listed([with_name(unit, names) for unit in made.units], MOST_NAMED)
    steps = noun if made.last == 1 else counted(made.last, noun)
    print_wrapped(
        f"{_end(text)} read with the values of {named} after {_end(source)}, at the last {steps}"
    )
    print_wrapped(
        f"the next prediction changes by {made.bits:.4f} bits (KL divergence){_beside(made)}"
    )
    if made.way is not None:
        print_wrapped(
            f"this is {100 * made.way:.0f} % of the way to the prediction after {_end(source)}"
        )
    heading = (f"next {noun}", "without", "with", "change", "other text")
    rows = [
        (
            _shown(reader, k),
            f"{made.plain[k]:.3f}",
            f"{made.patched[k]:.3f}",
            f"{made.patched[k] - made.plain[k]:+.3f}",
            f"{made.source[k]:.3f}",
        )
        for k in _changes(made)
    ]
    columns = [list(column) for column in zip(heading, *rows, strict=True)]
    for line in tight_lines(columns, terminal_width(), least=4):
        print(line)


def _beside(made: "Patch") -> str:
    if not made.random:
        return "; there are not as many other units to compare with"
    others = "random other units" if len(made.units) == 1 else "random sets of as many other units"
    return f", more than with {made.percentile:.0f} % of {len(made.random):,} {others}"


def _end(text: str) -> str:
    """The end of a text, in quotes."""
    return quoted(text if len(text) <= SHOWN_TEXT else "…" + text[1 - SHOWN_TEXT :])


def _shown(reader: Reader, symbol: int) -> str:
    from charrnn.render.glyphs import one_line

    return one_line(reader.model.vocabulary.shown(symbol)).replace(" ", "␣")


# --- each unit by itself ----------------------------------------------------------------------------------------------


def _show_each(reader: Reader, every: "Sequence[Patch]", *, as_json: bool) -> None:
    from charrnn.render.glyphs import one_line
    from charrnn.render.tables import tight_lines

    names: Sequence[NamedUnit] = unit_names(reader.loaded)
    if as_json:
        units = [
            {
                "unit": str(made.units[0]),
                "divergence_bits": made.bits,
                "way_to_source": made.way,
                "percentile": made.percentile if made.random else None,
                "names": [one.name for one in names if one.unit == str(made.units[0])],
            }
            for made in every
        ]
        print_json({"last": every[0].last, "units": units})
        return
    heading = ("unit", "bits", "way", "percentile", "gains", "loses", "")
    rows = []
    for made in every[:MOST_UNITS]:
        (unit,) = made.units
        gains = made.patched - made.plain
        rows.append(
            (
                str(unit),
                f"{made.bits:.4f}",
                "" if made.way is None else f"{100 * made.way:.0f} %",
                f"{made.percentile:.0f}" if made.random else "",
                f"{_shown(reader, int(gains.argmax()))} {gains.max():+.3f}",
                f"{_shown(reader, int(gains.argmin()))} {gains.min():+.3f}",
                one_line(next((one.name for one in names if one.unit == str(unit)), "")),
            )
        )
    columns = [list(column) for column in zip(heading, *rows, strict=True)]
    for line in tight_lines(columns, terminal_width(), least=4):
        print(line.rstrip())
