"""`charrnn visualize --dump` and `--lstmvis`: what the model did, as numbers in files."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.reading import GivenText, Reader
from charrnn.cli.terminal import require_place, say, undone_by_signals
from charrnn.cli.threads import one_thread
from charrnn.cli.visualize.selection import View, ViewOptions
from charrnn.cli.work import working
from charrnn.errors import EnvironmentFault, UsageError
from charrnn.text.kinds import LINES
from charrnn.wording import counted, escape, size

if TYPE_CHECKING:
    from charrnn.cli.pair_lines import PairLines

OPENING = 1 << 16
"""Bytes at the start of a file among which a dump has its sign."""
LARGE = 1e8
"""Bytes from which on the size of a file is reported before it is written."""
BESIDE, A_GUESS = 24, 8
"""Bytes for each character beside its states, in a dump of arrays: offset, item, id, surprisal and character; and for a
guess."""
DUMP_SIGNS = (
    b"charrnn recording",
    b"header.npy",
    b"facts.npy",
    b'{"position": ',
    b"position,offset,item,",
    b"position,offset,id,",
    b"PAR1",
)
"""Bytes of which one occurs at the start of every dump."""


def require_dump(path: Path) -> None:
    """Raise UsageError unless a dump can be written at this path, as far as one can tell beforehand."""
    from charrnn.interpret.dumps.writing import require_ending

    require_place(path)
    require_ending(path)
    _require_no_other(path)


def require_lstmvis(folder: Path) -> None:
    """Raise UsageError unless a folder can be made at this path, as far as one can tell beforehand."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"cannot write {str(folder)!r}: it exists and is not an empty folder")
    require_place(folder, folder=True)


def _require_no_other(path: Path) -> None:
    """Raise UsageError if there is a file that does not begin as a dump does: it may be a checkpoint or a text."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(OPENING)
    if start and not any(sign in start for sign in DUMP_SIGNS):
        raise UsageError(
            f"{str(path)!r} exists and is not a dump", "choose another name, or remove it"
        )


def write_dump(
    reader: Reader, text: GivenText, path: Path, chosen: View, predictions: int = 0
) -> None:
    """Read a text and write the dump.

    Args:
        reader: the model.
        text: what is read.
        path: the file; its ending names the format.
        chosen: the state or gate, or the units, to write; by default all.
        predictions: guesses to write at each position.

    Raises:
        EnvironmentFault: there is no room for it.
    """
    from charrnn.interpret.dumps.header import OF_ITEM
    from charrnn.interpret.dumps.reading import READABLE
    from charrnn.interpret.dumps.writing import dump

    model, units, what = reader.model, chosen.all_units, chosen.what
    arrays = len(model.cell.states) + len(model.cell.gates) if what is None else 1
    config = model.config
    columns = len(units) or arrays * config.num_layers * config.hidden_size
    guesses = min(predictions, len(model.vocabulary))
    beside = BESIDE + A_GUESS * guesses if path.suffix in READABLE else 0
    given, known = text.given, text.known
    of_items = len(OF_ITEM) * given.count(reader.item_end or LINES.end)
    of_items = of_items if path.suffix in READABLE else 0
    _announce(path, 4 * columns * (len(known) + of_items) + beside * len(known))
    with working(None, reader.noun) as work, undone_by_signals(), one_thread():
        count = dump(
            model,
            given,
            path,
            what=None if what is None else [what],
            units=units or None,
            top=predictions,
            item_end=reader.item_end,
            as_evaluated=True,
            watched=work.reading,
        )
    taken = size(path.stat().st_size)
    say(f"charrnn: wrote {escape(str(path))} ({taken}, {counted(count, reader.noun)})")


def write_pairs_dump(lines: "PairLines", path: Path, view: ViewOptions) -> None:
    """Read sources and targets, and write the dump of both.

    Raises:
        SettingError: guesses are asked for, and the model has no decoder.
        UsageError: the model has no such units; or a table would have two texts.
        EnvironmentFault: there is no room for it.
    """
    from charrnn.cli.visualize.pairs import chosen_sides
    from charrnn.interpret.dumps.writing import pair_sections, write_sections

    sides = [side for side in chosen_sides(lines.model, view) if side]
    units = list(dict.fromkeys(unit for side in sides for unit in side.all_units))
    with working(None, "character") as work, undone_by_signals(), one_thread():
        sections = pair_sections(
            lines.model,
            lines.read(),
            path,
            what=view.what,
            units=units or None,
            top=view.predictions or 0,
            watched=work.passing,
        )
        specs = [spec for section in sections for spec in section.specs().values()]
        _announce(path, sum(spec.num_bytes for spec in specs))
        write_sections(path, sections)
    taken = size(path.stat().st_size)
    lengths = " and ".join(
        counted(section.header.length, f"{section.side} symbol") for section in sections
    )
    say(f"charrnn: wrote {escape(str(path))} ({taken}, {lengths})")


def write_lstmvis(reader: Reader, text: str, folder: Path, what: str | None) -> None:
    """Read a text and write the folder for LSTMVis.

    Args:
        reader: the model.
        text: what it reads.
        folder: the folder.
        what: the state or gate to write; by default all states.

    Raises:
        EnvironmentFault: there is no room for it.
    """
    from charrnn.interpret.dumps.lstmvis import write_folder

    model = reader.model
    arrays = len(model.cell.states) if what is None else 1
    config = model.config
    _announce(folder, 8 * arrays * config.num_layers * config.hidden_size * len(text))
    chosen = None if what is None else [what]
    with working(None, reader.noun) as work, undone_by_signals(), one_thread():
        count = write_folder(
            model, text, folder, what=chosen, item_end=reader.item_end, watched=work.reading
        )
    taken = sum(path.stat().st_size for path in folder.iterdir())
    say(f"charrnn: wrote {escape(str(folder))} ({size(taken)}, {counted(count, reader.noun)})")


def _announce(path: Path, need: int) -> None:
    """Report how large a large file will be.

    Raises:
        EnvironmentFault: there is no room for it.
    """
    _require_room(path, need)
    if need >= LARGE:
        say(
            f"charrnn: {escape(str(path))} will take {size(need)} or more; --what or --unit chooses less"
        )


def _require_room(path: Path, need: int) -> None:
    """Raise EnvironmentFault unless this many bytes are free where `path` is to be."""
    free = shutil.disk_usage(path.parent).free
    if need > free:
        raise EnvironmentFault(
            f"{path} would take at least {size(need)}, but {size(free)} are free there",
            "shorten the text with --max-chars, or write less with --what or --unit",
        )
