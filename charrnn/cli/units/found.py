"""The units that were found, as a table and as JSON."""

import shlex
from typing import TYPE_CHECKING, Any

from charrnn.cli.terminal import say, terminal_width
from charrnn.wording import counted

if TYPE_CHECKING:
    from charrnn.interpret.finding import Find


def as_dict(find: "Find") -> dict[str, Any]:
    """A find for JSON."""
    return {
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


def print_finds(finds: "list[Find]", model: str, *, every: bool) -> None:
    """Print a row for each find, how many were left out, and what to type next.

    Args:
        finds: the finds, those that are proven first.
        model: the model's name.
        every: whether those that are not proven are shown too.
    """
    proven = [find for find in finds if find.is_proven]
    if shown := finds if every else proven:
        _print_table(shown)
    others = len(finds) - len(proven)
    if others and not every:
        noun = "other concept" if proven else "concept"
        verb = "has" if others == 1 else "have"
        print(
            f"{counted(others, noun)} {verb} no unit that is proven to follow it; --all shows the best"
        )
    if proven:
        name, concept = shlex.quote(model), shlex.quote(proven[0].concept)
        say(f"next: charrnn visualize {name} --unit {concept}")
        say(f"      charrnn units {name} --card {concept}")


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
