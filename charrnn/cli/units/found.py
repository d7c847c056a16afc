"""The units that were found, as a table and as JSON."""

import shlex
from typing import TYPE_CHECKING, Any

from charrnn.cli.terminal import say, terminal_width
from charrnn.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charrnn.interpret.finding import Find
    from charrnn.interpret.names import NamedUnit
    from charrnn.interpret.traits import Trait


def as_dict(find: "Find") -> dict[str, Any]:
    """A find for JSON."""
    return {
        "kind": "concept",
        "unit": str(find.unit),
        "concept": find.concept,
        "measure": find.measure,
        "score": find.score,
        "sign": find.sign,
        "share": find.share,
        "average_precision": find.average_precision,
        "iou": find.overlap,
        "threshold": find.threshold,
        "p": find.p,
        "echo": find.echo,
        "needed": find.needed,
        "proven": find.is_proven,
    }


def trait_as_dict(trait: "Trait", names: "Sequence[NamedUnit]") -> dict[str, Any]:
    """A unit that stands out without a concept, for JSON; its `kind` says by what."""
    return {
        "kind": trait.kind,
        "unit": str(trait.unit),
        "figure": trait.figure,
        "at_least": trait.is_least,
        "names": [named.name for named in names if named.unit == str(trait.unit)],
    }


def print_traits(traits: "Sequence[Trait]", names: "Sequence[NamedUnit]", noun: str) -> None:
    """Print a row for each unit that stands out without a concept, with its name if it has one.

    Args:
        traits: these units.
        names: the names of the model's units.
        noun: what was read, "character" or "byte".
    """
    from charrnn.interpret.names import names_of
    from charrnn.render.glyphs import one_line
    from charrnn.render.tables import tight_lines

    heading = ("without a concept", "unit", "figure", "name")
    rows = [
        (
            trait.kind if k == 0 or trait.kind != traits[k - 1].kind else "",
            str(trait.unit),
            _figure(trait, noun),
            one_line("; ".join(names_of(str(trait.unit), names))),
        )
        for k, trait in enumerate(traits)
    ]
    columns = [list(column) for column in zip(heading, *rows, strict=True)]
    called = columns.pop()
    width = max(map(len, columns[0]))
    columns[0] = [cell.ljust(width) for cell in columns[0]]
    print()
    for line, name in zip(tight_lines(columns, terminal_width(), least=3), called, strict=True):
        print(f"{line}  {name}"[: terminal_width()].rstrip())


def _figure(trait: "Trait", noun: str) -> str:
    if trait.kind != "time scale":
        return f"{trait.figure:.3f}"
    return f"{'over ' if trait.is_least else ''}{counted(int(trait.figure), noun)}"


def print_finds(finds: "list[Find]", *, every: bool) -> None:
    """Print a row for each find, and how many were left out.

    Args:
        finds: the finds, those that are proven first.
        every: whether those that are not proven are shown too.
    """
    proven = [find for find in finds if find.is_proven]
    if shown := finds if every else proven:
        _print_table(shown)
    others = len(finds) - len(proven)
    if others and not every:
        noun = "other concept" if proven else "concept"
        print(f"no proven unit for {counted(others, noun)}; --all shows the best")
    if not finds:
        print("the text has too little of every concept")


def say_next(unit: str, model: str) -> None:
    """Show what to type next about a unit that was found, by its address or, if that is kept, its name."""
    name, called = shlex.quote(model), shlex.quote(unit)
    say(f"next: charrnn visualize {name} --unit {called}")
    say(f"      charrnn units {name} --card {called}")


def _print_table(finds: "list[Find]") -> None:
    from charrnn.render.tables import tight_lines

    columns = _columns(finds)
    width = max(map(len, columns[0]))
    columns[0] = [name.ljust(width) for name in columns[0]]
    for line in tight_lines(columns, terminal_width(), least=5):
        print(line)


def _columns(finds: "list[Find]") -> list[list[str]]:
    from charrnn.render.glyphs import one_line

    heading = ("concept", "unit", "sign", "score", "", "echo", "p", "AP", "IoU", "share")
    rows = [
        (
            one_line(find.concept) + ("" if find.is_proven else " ?"),
            str(find.unit),
            "+" if find.sign > 0 else "-",
            find.measure,
            f"{find.score:.3f}",
            f"{find.echo:.3f}",
            f"{find.p:.3f}",
            "" if find.average_precision is None else f"{find.average_precision:.2f}",
            "" if find.overlap is None else f"{find.overlap:.2f}",
            f"{find.share:.3g}",
        )
        for find in finds
    ]
    return [list(column) for column in zip(heading, *rows, strict=True)]
