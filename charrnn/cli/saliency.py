"""`charrnn saliency`: which characters a prediction rests on."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charrnn.cli.inputs import TextArgument
from charrnn.cli.layout import ColoringOptions
from charrnn.cli.outputs import PictureOptions, TableOptions
from charrnn.cli.own_text import OwnTextOptions
from charrnn.cli.reading import ReadingOptions, open_reader
from charrnn.cli.run_names import CheckpointArgument
from charrnn.cli.terminal import can_print
from charrnn.config import SHOWN
from charrnn.errors import DataError, SettingError
from charrnn.settings import Config, setting
from charrnn.wording import counted, noun_of

if TYPE_CHECKING:
    from charrnn.numerics import Ids
    from charrnn.render.views.scale import Scale
    from charrnn.render.views.text import TextPart
    from charrnn.text.vocabulary import Vocabulary
    from charrnn.training.saliency import Saliency

EXAMPLES = (
    "charrnn saliency plays 'ROMEO: I had a dream tonight.'",
    "charrnn saliency plays 'ROMEO: I had a dream tonight.' --at -3 --target m",
    "charrnn saliency plays scene.txt --at 400 --svg saliency.svg",
)
LAST = -1
"""The position of the last character."""
COLUMNS = ("position", "back", "symbol", "text", "norm")


@dataclass(frozen=True, kw_only=True)
class SaliencyOptions(Config):
    """The prediction that is explained."""

    position: int = setting(
        LAST,
        "Explain the prediction of the character at this position, counted from 0, or from the end if negative. The "
        "length of the text means the character after it.",
        flags=("--at",),
        low=-(10**12),
        high=10**12,
        metavar="T",
        default_text="-1, the last character",
        panel=SHOWN,
    )
    target: str | None = setting(
        None,
        "Explain the probability of this character instead of the one in the text.",
        metavar="CHAR",
        default_text="the one in the text; after the text, the most likely one",
        escapes=True,
        panel=SHOWN,
    )


def saliency(
    checkpoint: CheckpointArgument = None,
    texts: TextArgument = None,
    *,
    options: SaliencyOptions,
    reading: ReadingOptions,
    own: OwnTextOptions,
    layout: ColoringOptions,
    pictures: PictureOptions,
    table: TableOptions,
) -> None:
    """Color a text by how much each character matters for a prediction.

    The saliency of a character is the norm of the gradient of the predicted character's log-probability, under the
    network alone, with respect to its one-hot vector.
    """
    pictures.require(layout)
    table.require()
    reader = open_reader(checkpoint, texts, seed=own.seed)
    from charrnn.training.saliency import saliency_in_item

    model, vocabulary = reader.model, reader.model.vocabulary
    target = None if options.target is None else _symbol(options.target, vocabulary)
    ids = vocabulary.encode(reader.text(reading.max_chars, exact=True))
    at = _place(options.position, len(ids), reader.noun)
    result = saliency_in_item(model, ids, at, item_end=reader.item_end, target=target)
    part, scale = _text(result, ids, vocabulary)
    if pictures:
        from charrnn.render.views.saliency import saliency_rows
        from charrnn.render.views.scale import described

        rows = list(saliency_rows(part, scale, layout.picture_look, layout.picture_columns))
        pictures.write(described(rows, [scale]))
    else:
        for line in _lines(result, part, scale, reader.noun, layout):
            sys.stdout.write(line + "\n")
    table.write(COLUMNS, _rows(result, ids, vocabulary))


def _place(position: int, length: int, noun: str) -> int:
    """The position from 0 of the prediction.

    Raises:
        SettingError: the position is 0, or beyond the end.
    """
    if length == 1 and position == LAST:
        raise DataError.naming(
            "the first {noun} of a text is not predicted, and there is no other",
            "{position:1} is the prediction after it",
            noun=noun,
        )
    at = position + length if position < 0 else position
    if not 1 <= at <= length:
        raise SettingError.naming(
            "{position} must be from 1 to {length:,} in a text of {counted}, not {given}",
            "it counts from 0; -1 is the last {noun}",
            length=length,
            counted=counted(length, noun),
            given=position,
            noun=noun,
        )
    return at


def _symbol(target: str, vocabulary: "Vocabulary") -> int:
    """The symbol of the target.

    Raises:
        SettingError: the target is not exactly one symbol.
    """
    ids = vocabulary.encode(target)
    if len(ids) != 1:
        noun = noun_of(vocabulary.level)
        raise SettingError.naming(
            "{target} must be one {noun}, not {count:,}", noun=noun, count=len(ids)
        )
    return int(ids[0])


def _text(result: "Saliency", ids: "Ids", vocabulary: "Vocabulary") -> "tuple[TextPart, Scale]":
    from charrnn.render.views.saliency import saliency_text

    decode = vocabulary.decoder()
    symbols = [(s, decode(s)) for s in ids[result.start : result.place].tolist()]
    is_part = vocabulary.level == "byte" and result.target >= 128  # of a character
    target = (result.target, "" if is_part else vocabulary.decode([result.target]))
    where = f"at {result.place:,}" if result.place < len(ids) else "after the text"
    return saliency_text(f"{where}, p {result.probability:.3g}", symbols, target, result.norms)


def _lines(
    result: "Saliency", part: "TextPart", scale: "Scale", noun: str, layout: ColoringOptions
) -> Iterator[str]:
    from charrnn.render.ansi import lines_of
    from charrnn.render.tables import EIGHTHS, wrapped
    from charrnn.render.views.saliency import saliency_rows, strongest_rows

    width, look, blocks = layout.columns, layout.look, can_print(EIGHTHS)
    yield from lines_of(saliency_rows(part, scale, look, width))
    yield ""
    yield from lines_of(strongest_rows(part, result.place, result.norms, width, blocks=blocks))
    yield ""
    count = counted(len(result.norms), noun)
    half = f"half of the total saliency is in the last {result.half:,} of {count}"
    yield from wrapped(half, look.line)


def _rows(result: "Saliency", ids: "Ids", vocabulary: "Vocabulary") -> Iterator[tuple[object, ...]]:
    """The rows of the table, one for each symbol before the prediction."""
    decode = vocabulary.decoder()
    for position, norm in enumerate(result.norms.tolist(), result.start):
        symbol = int(ids[position])
        yield (position, result.place - position, symbol, decode(symbol), norm)
