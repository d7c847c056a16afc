"""What `charrnn visualize --saliency` does: show what a prediction rests on."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.options import unescaped
from charrnn.cli.pictures import Pictures
from charrnn.cli.reading import content
from charrnn.cli.showing import Style
from charrnn.cli.table import require_csv, write_csv
from charrnn.cli.terminal import can_print
from charrnn.errors import UsageError
from charrnn.wording import counted

if TYPE_CHECKING:
    from charrnn.model import CharRNN
    from charrnn.render.views.scale import Scale
    from charrnn.render.views.text import TextPart
    from charrnn.text.vocabulary import Ids, Vocabulary
    from charrnn.training.saliency import Saliency

COLUMNS = ("position", "back", "symbol", "text", "norm")


def show_saliency(
    model: "CharRNN",
    text: str | None,
    place: int,
    target: str | None,
    csv: Path | None,
    max_chars: int | None,
    style: Style,
    pictures: Pictures | None,
    *,
    lines: bool,
    quiet: bool,
) -> None:
    """Print or draw how much each character mattered; the arguments are those of `visualize`."""
    model.require_unedited("the gradient")
    require_csv(csv)
    wanted = None if target is None else _symbol(target, model.vocabulary)
    ids = model.vocabulary.encode(content(text, model, max_chars, quiet=quiet))
    at = _place(place, len(ids), _noun(model.vocabulary))
    found = _found(model, ids, at, wanted, lines=lines)
    part, scale = _text(found, ids, model.vocabulary)
    if pictures:
        from charrnn.render.views.saliency import saliency_rows
        from charrnn.render.views.scale import described

        rows = list(saliency_rows(part, scale, style.look(pictures.mode), pictures.width))
        pictures.write(described(rows, [scale]), quiet=quiet)
    else:
        for line in _lines(found, part, scale, _noun(model.vocabulary), style):
            sys.stdout.write(line + "\n")
    if csv:
        write_csv(csv, COLUMNS, _rows(found, ids, model.vocabulary), quiet=quiet)


def _found(model: "CharRNN", ids: "Ids", at: int, target: int | None, *, lines: bool) -> "Saliency":
    """What the prediction rests on; in a text of lines, what of its own line, and of the newline before it."""
    import numpy as np

    from charrnn.training.saliency import saliency

    if not lines:
        return saliency(model, ids, at, target=target)
    newline = model.vocabulary.encode("\n")
    begun = np.concatenate([newline, ids])  # one before the text too, which is not shown
    first = int(np.flatnonzero(begun[: at + 1] == newline)[-1])
    found = saliency(model, begun[first:], at + 1 - first, target=target)
    return replace(found, place=at, norms=found.norms[-at:])


def _place(place: int, length: int, noun: str) -> int:
    """The position that T means: from 0, or from the text's end if it is negative."""
    at = place + length if place < 0 else place
    if not 1 <= at <= length:
        raise UsageError(
            f"--saliency must be from 1 to {length:,} in a text of {counted(length, noun)}, not {place}",
            f"it is the position from 0 of the {noun} that is predicted; -1 is the last",
        )
    return at


def _symbol(target: str, vocabulary: "Vocabulary") -> int:
    """The symbol that --target means."""
    ids = vocabulary.encode(unescaped("--target", target))
    if len(ids) != 1:
        raise UsageError(f"--target must be one {_noun(vocabulary)}, not {len(ids):,}")
    return int(ids[0])


def _noun(vocabulary: "Vocabulary") -> str:
    return "byte" if vocabulary.level == "byte" else "character"


def _text(found: "Saliency", ids: "Ids", vocabulary: "Vocabulary") -> "tuple[TextPart, Scale]":
    from charrnn.render.views.saliency import saliency_text

    decode = vocabulary.decoder()
    symbols = [(s, decode(s)) for s in ids[found.start : found.place].tolist()]
    is_part = vocabulary.level == "byte" and found.target >= 128  # of a character
    target = (found.target, "" if is_part else vocabulary.decode([found.target]))
    where = f"at {found.place:,}" if found.place < len(ids) else "after the text"
    return saliency_text(f"{where}, p {found.probability:.3g}", symbols, target, found.norms)


def _lines(
    found: "Saliency", part: "TextPart", scale: "Scale", noun: str, style: Style
) -> Iterator[str]:
    from charrnn.render.ansi import lines_of
    from charrnn.render.tables import EIGHTHS, wrapped
    from charrnn.render.views.saliency import saliency_rows, strongest_rows

    width, look, blocks = style.columns(), style.look(), can_print(EIGHTHS)
    yield from lines_of(saliency_rows(part, scale, look, width))
    yield ""
    yield from lines_of(strongest_rows(part, found.place, found.norms, width, blocks=blocks))
    yield ""
    count = counted(len(found.norms), noun)
    half = f"half of the sum of the norms lies in the last {found.half:,} of {count}"
    yield from wrapped(half, look.line)


def _rows(found: "Saliency", ids: "Ids", vocabulary: "Vocabulary") -> Iterator[tuple[object, ...]]:
    """A row for each symbol that was looked at."""
    decode = vocabulary.decoder()
    for position, norm in enumerate(found.norms.tolist(), found.start):
        symbol = int(ids[position])
        yield (position, found.place - position, symbol, decode(symbol), norm)
