"""The tables that `charrnn visualize --csv` writes."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from charrnn.cli.terminal import require_place, say
from charrnn.errors import UsageError
from charrnn.wording import escape, size


def require_csv(path: Path | None) -> None:
    """Raise UsageError unless a table can be written at this path, as far as one can tell beforehand."""
    if path is None:
        return
    require_place(path)
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
