"""Those options of `charrnn visualize` that show something else than a text coloured by units."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import typer

from charrnn.cli.console import escape, say, size
from charrnn.cli.train_options import was_given
from charrnn.errors import UsageError

ALWAYS = {"checkpoint", "text", "clamp", "steer", "steer_file", "max_chars", "quiet"}
"""How a text is read goes with every analysis."""
FITTING = {
    "diagram": {"predictions", "color", "width"},
    "gates": {"csv", "color", "width"},
    "saliency": {"target", "csv", "color", "width"},
    "horizon": {"windows", "csv", "width"},
    "html": {"unit", "what", "predictions", "surprisal"},
}
"""Each analysis, and the options that go with it."""
SHARED = {"unit", "what", "predictions", "surprisal", "color", "width"}
"""What means something without any analysis too."""


def check_together(context: typer.Context) -> None:
    """Raise UsageError for an option that has no effect beside an analysis, or has none without one."""
    given = [name for name in context.params if was_given(context, name)]
    chosen = next((name for name in given if name in FITTING), None)
    fitting = ALWAYS | {chosen} | FITTING[chosen] if chosen else set()
    for name in given:
        homes = [_option(analysis) for analysis, others in FITTING.items() if name in others]
        if chosen and name not in fitting:
            raise UsageError(
                f"{_option(chosen)} and {_option(name)} exclude each other", "leave one of them out"
            )
        if not chosen and homes and name not in SHARED:
            raise UsageError(f"{_option(name)} goes with {' or '.join(homes)} only")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def require_csv(path: Path | None) -> None:
    """Raise UsageError unless a table can be written at this path, as far as one can tell beforehand."""
    if path is None:
        return
    if path.is_dir() or not path.parent.is_dir():
        wrong = "is a folder" if path.is_dir() else f"there is no folder {str(path.parent)!r}"
        raise UsageError(f"cannot write {str(path)!r}: {wrong}")
    if path.suffix != ".csv":
        raise UsageError(f"a table is a .csv file, not {str(path)!r}", f"--csv {path.stem}.csv")


def write_csv(
    path: Path, names: Sequence[str], rows: Iterable[Sequence[object]], *, quiet: bool
) -> None:
    """Write a table with the names of its columns in the first row; stderr says so.

    Raises:
        EnvironmentFault: the file cannot be written.
    """
    import csv
    import io

    from charrnn.files import replacing

    with replacing(path) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
        text.detach()
    if not quiet:
        say(f"charrnn: wrote {escape(str(path))} ({size(path.stat().st_size)})")
