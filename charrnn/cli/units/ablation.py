"""What a network loses without some units, printed or as JSON."""

from typing import TYPE_CHECKING, Any

from charrnn.cli.terminal import print_wrapped, terminal_width
from charrnn.cli.unit_names import with_name
from charrnn.wording import counted, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charrnn.interpret.ablation import Ablation, Loss
    from charrnn.interpret.finding import Follower
    from charrnn.interpret.names import NamedUnit

MOST_NAMED = 6


def chosen_as_dict(followers: "Sequence[Follower]") -> dict[str, Any]:
    """The units that were chosen because they follow a concept, for JSON; nothing if none were."""
    chosen = [
        {"unit": str(one.unit), "sign": one.sign, "score": one.score, "measure": measure(one)}
        for one in followers
    ]
    return {"chosen": chosen} if chosen else {}


def measure(follower: "Follower") -> str:
    """The name of a score."""
    return "|r|" if follower.is_number else "AUC"


def print_ablation(
    ablation: "Ablation", followers: "Sequence[Follower]", names: "Sequence[NamedUnit]"
) -> None:
    """Print what is lost in total and for each class of characters, beside random sets of units.

    Args:
        ablation: what is lost.
        followers: the units that were chosen because they follow a concept.
        names: the names of the model's units.
    """
    from charrnn.render.tables import tight_lines

    if followers:
        best = [f"{one.unit} {measure(one)} {one.score:.3f}" for one in followers]
        line = f"chosen on the first half of the text, scored on the second: {', '.join(best)}"
        print_wrapped(line)

    sets, one = len(ablation.total.random), len(ablation.units) == 1
    named = listed([with_name(unit, names) for unit in ablation.units], MOST_NAMED)
    held = {
        "zero": "held at zero",
        "mean": "held at its mean" if one else "held at their means",
        "resample": "drawn from other places",
    }
    beside = counted(sets, "other unit" if one else "random set") + (
        " drawn at random" if one else f" of {len(ablation.units):,} other units"
    )
    if not sets:
        beside = "nothing: there are too few other units"
    print_wrapped(f"without {named}, {held[ablation.how]}, beside {beside}")
    print(f"{ablation.bits:.4f} bits per character with all units; the change without:")
    random = "random units" if one else "random sets"
    heading = ("", "bits", "95 % interval", random, "percentile", "predictions")
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
        "{:+.3f} to {:+.3f}".format(*loss.interval) if loss.interval else "",
        random,
        f"{loss.percentile:.0f}" if loss.random else "",
        f"{loss.count:,}",
    )
