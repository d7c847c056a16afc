"""`charrnn compress`: a file compressed with the predictions of a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.cli.counts import ON, CountsOptions
from charrnn.cli.options import Changes
from charrnn.cli.packed import (
    STREAM,
    SUFFIX,
    PackedOptions,
    called,
    item_end,
    read_bytes,
    require_coder,
    write_bytes,
)
from charrnn.cli.run_names import complete_checkpoint, open_checkpoint
from charrnn.cli.terminal import say
from charrnn.cli.work import working
from charrnn.wording import escape, short_noun_of, size

if TYPE_CHECKING:
    from charrnn.text.vocabulary import Vocabulary

EXAMPLES = (
    "charrnn compress book.txt --model plays",
    f"charrnn compress book.txt --out small{SUFFIX} --overwrite",
    f"charrnn compress - --model plays < notes.txt > notes.txt{SUFFIX}",
)
CHANGES = Changes(
    complete={"model": complete_checkpoint},
    different={
        "counts": ON,
        "model": {"default_text": "the newest run under checkpoints/"},
        "out": {
            "help": "Write to this file; - is standard output.",
            "default_text": f"FILE{SUFFIX}; standard output if FILE is -",
        },
    },
)


def compress(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE|-", help="The file to compress; it may contain any bytes."),
    ],
    *,
    options: PackedOptions,
    counts: CountsOptions,
) -> None:
    """Compress a file with a model: the better the model predicts it, the smaller it gets.

    charrnn decompress restores every byte, with the same model and on a machine that computes exactly the same numbers;
    with any other it refuses. With an exact model (charrnn export) every machine does. The file itself is kept.
    """
    require_coder("compress")
    path = options.require_target(None if file == STREAM else Path(file + SUFFIX), file)
    loaded = open_checkpoint(options.model)
    content = read_bytes(file)
    from charrnn.compression.compress import compress as compressed

    model = counts.mixed(loaded.model, loaded, usually=True)
    with working(len(content), "byte") as work:
        end = item_end(loaded)
        made = compressed(model, content, item_end=end, progress=work.advance)
    write_bytes(made, path)
    where = escape(str(path)) if path else "standard output"
    say(
        f"charrnn: {escape(called(file))}, {size(len(content))}, compressed to {where}: "
        f"{len(made):,} bytes{_shares(content, made, model.vocabulary)}"
    )


def _shares(content: bytes, made: bytes, vocabulary: "Vocabulary") -> str:
    """The compressed size in percent, and the bits per symbol without the header, for the report."""
    from charrnn.compression.container import unpack
    from charrnn.compression.points import points_of

    packed = unpack(made)
    header = f"{packed.header_bytes} of them header"
    if not content:
        return f", {header}"
    bits = 8 * len(packed.words) / len(points_of(content, vocabulary))
    unit = short_noun_of(vocabulary.level)
    return f" ({100 * len(made) / len(content):.2f} %), {header}; without the header {bits:.3f} bits per {unit}"
