"""Probes, as tables and as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from charrnn.cli.terminal import print_wrapped, terminal_width
from charrnn.cli.unit_names import with_name
from charrnn.wording import counted

if TYPE_CHECKING:
    from charrnn.interpret.names import NamedUnit
    from charrnn.interpret.probing.controls import Probe, Size
    from charrnn.interpret.probing.lines import LineProbe

Names = Sequence["NamedUnit"]
MOST_UNITS = 8
"""Units that a line names."""


def as_dict(probe: "Probe", names: Names) -> dict[str, Any]:
    """A probe for JSON."""
    enough = probe.enough
    return {
        "concept": probe.name,
        "measure": probe.measure,
        "score": probe.score,
        **probe.readout.scores,
        "baseline": probe.baseline,
        "shuffled": dict(probe.shuffled.scores),
        "selectivity": probe.selectivities,
        "untrained": dict(probe.untrained.scores) if probe.untrained else None,
        "strength": probe.readout.strength,
        "threshold": probe.readout.threshold,
        "units": probe.units,
        "enough": _size_as_dict(enough, names) if enough else None,
        "path": [{"units": len(size.units), "score": size.score} for size in probe.sizes],
    }


def _size_as_dict(size: "Size", names: Names) -> dict[str, Any]:
    return {
        "score": size.score,
        "units": [
            {
                "unit": str(one.unit),
                "weight": one.weight,
                "names": [named.name for named in names if named.unit == str(one.unit)],
            }
            for one in size.units
        ],
    }


def lines_as_dict(found: "LineProbe") -> dict[str, Any]:
    """What else is known of a probe of lines."""
    fitted, checked, held_out = found.counts
    return {
        "concept": "label",
        "labels": list(found.labels),
        "lines": {"fitted": fitted, "checked": checked, "held_out": held_out},
        "interval": [found.low, found.high],
        "ngrams": found.ngrams,
    }


def print_probes(probes: "Sequence[Probe]", names: Names) -> None:
    """Print a row for each probe; for a single one also how many units it needs."""
    from charrnn.render.glyphs import one_line

    heading = ("concept", "", "score", "always", "shuffled", "selectivity", "untrained", "units")
    rows = [
        (
            one_line(one.name),
            one.measure,
            f"{one.score:.3f}",
            f"{one.baseline:.3f}",
            f"{one.shuffled.score:.3f}",
            f"{one.selectivity:.3f}",
            f"{one.untrained.score:.3f}" if one.untrained else "",
            f"{len(one.enough.units) if one.enough else one.units:,}",
        )
        for one in probes
    ]
    _print_table(heading, rows)
    if len(probes) == 1:
        print()
        _print_path(probes[0], names)


def print_lines(found: "LineProbe", names: Names) -> None:
    """Print a probe of lines beside its controls."""
    probe = found.probe
    fitted, checked, held_out = found.counts
    print(
        f"{counted(len(found.labels), 'label')}; {fitted:,} lines fitted, {checked:,} checked, {held_out:,} held out"
    )
    own = probe.readout.scores
    rows = [
        ("all units", probe.score, f"{found.low:.3f} to {found.high:.3f}", own["macro_f1"]),
        ("most frequent label", probe.baseline, "", None),
        (f"character {found.order}-grams", found.ngrams, "", None),
        ("shuffled labels", probe.shuffled.score, "", probe.shuffled.scores["macro_f1"]),
    ]
    if probe.untrained:
        other = probe.untrained
        rows.append(("untrained network", other.score, "", other.scores["macro_f1"]))
    shown = [
        (name, f"{score:.3f}", interval, "" if f1 is None else f"{f1:.3f}")
        for name, score, interval, f1 in rows
    ]
    _print_table(("", "accuracy", "95 % interval", "macro F1"), shown)
    print()
    _print_path(probe, names)


def _print_path(probe: "Probe", names: Names) -> None:
    """Print the scores of fewer units, and the fewest that are enough."""
    rows = [(f"{len(size.units):,}", f"{size.score:.3f}") for size in probe.sizes]
    _print_table(("units", probe.measure), [*rows, (f"{probe.units:,}", f"{probe.score:.3f}")])
    if enough := probe.enough:
        print_wrapped(f"enough: {_named(enough, names)}", len("enough: "))
    else:
        print("enough: no fewer than all")


def _named(size: "Size", names: Names) -> str:
    """The units of a read-out, the largest weights first, with their names."""
    shown = [with_name(one.unit, names) for one in size.units[:MOST_UNITS]]
    rest = len(size.units) - len(shown)
    return ", ".join(shown) + (f" and {rest:,} more" if rest else "")


def _print_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table whose first column is flush left."""
    from charrnn.render.tables import tight_lines

    columns = [list(column) for column in zip(heading, *rows, strict=True)]
    width = max(map(len, columns[0]))
    columns[0] = [name.ljust(width) for name in columns[0]]
    for line in tight_lines(columns, terminal_width(), least=5):
        print(line.rstrip())
