"""What a network loses without some units, printed or as JSON."""

from typing import TYPE_CHECKING

from charrnn.cli.terminal import terminal_width
from charrnn.wording import counted, listed

if TYPE_CHECKING:
    from charrnn.interpret.ablation import Ablation, Loss

MOST_NAMED = 6


def print_ablation(ablation: "Ablation") -> None:
    """Print what is lost in total and for each class of characters, beside random sets of units."""
    from charrnn.render.tables import tight_lines

    sets = len(ablation.total.random)
    named = listed([str(unit) for unit in ablation.units], MOST_NAMED)
    held = {
        "zero": "held at zero",
        "mean": "held at the mean",
        "resample": "drawn from other places",
    }
    beside = f"beside {counted(sets, 'random set')} of as many units"
    if not sets:
        beside = "beside nothing: there are not as many other units"
    print(f"without {named} ({held[ablation.how]}), {beside}")
    print(f"{ablation.bits:.4f} bits per character with all units; more by:")
    heading = ("", "bits", "95 % interval", "random sets", "percentile", "predictions")
    rows = [
        _row(name, loss)
        for name, loss in {"all characters": ablation.total, **ablation.classes}.items()
    ]
    columns = [list(column) for column in zip(heading, *rows, strict=True)]
    width = max(map(len, columns[0]))
    columns[0] = [name.ljust(width) for name in columns[0]]
    for line in tight_lines(columns, terminal_width(), least=3):
        print(line)


def _row(name: str, loss: "Loss") -> tuple[str, ...]:
    random = f"{min(loss.random):+.3f} to {max(loss.random):+.3f}" if loss.random else ""
    return (
        name,
        f"{loss.bits:+.4f}",
        f"{loss.low:+.3f} to {loss.high:+.3f}",
        random,
        f"{loss.percentile:.0f}" if loss.random else "",
        f"{loss.count:,}",
    )
