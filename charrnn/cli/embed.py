"""`charrnn embed`: each line as a vector, and the lines whose vectors are nearest to that of a text."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from charrnn.cli.arriving import open_lines
from charrnn.cli.inputs import TextArgument
from charrnn.cli.reading import checkpoint_and_texts, hint_in_quotes
from charrnn.cli.run_names import CheckpointArgument, open_any
from charrnn.cli.terminal import print_json, require_place, say
from charrnn.cli.threads import one_thread
from charrnn.cli.work import working
from charrnn.config import FILES, SHOWN
from charrnn.errors import DataError, SettingError, UsageError
from charrnn.render.glyphs import one_line
from charrnn.runs import reading_of
from charrnn.settings import Config, setting
from charrnn.text.kinds import item_end_of
from charrnn.wording import counted, escape, size

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.config import CorpusConfig
    from charrnn.numerics import Float

EXAMPLES = (
    "charrnn embed names names.txt --nearest marie",
    "charrnn embed names names.txt --out names.npz",
    "charrnn embed plays plays.txt --of last --nearest 'to be, or not to be' --top 3",
)
AT_ONCE = 4096
"""Lines that are read side by side, at most."""


@dataclass(frozen=True, kw_only=True)
class EmbedOptions(Config):
    """Which vectors, and what is done with them."""

    of: str = setting(
        "mean",
        "Of a language model, the mean of the states after each character, or the state after the last one.",
        choices=("mean", "last"),
        metavar="mean|last",
    )
    nearest: str | None = setting(
        None,
        "Print the lines whose vectors are nearest to that of this text, by the cosine of their angle.",
        metavar="TEXT",
        escapes=True,
        panel=SHOWN,
    )
    top: int = setting(
        10,
        "With {nearest}: print this many lines.",
        low=1,
        high=1_000_000,
        metavar="N",
        needs=("nearest",),
        panel=SHOWN,
    )
    json: bool = setting(
        False, "With {nearest}: print one JSON object per line.", needs=("nearest",), panel=SHOWN
    )
    out: Path | None = setting(
        None,
        "Write the vectors as `vectors`, float32, one row for each line, and the lines as `texts`.",
        metavar="FILE.npz",
        panel=FILES,
    )


def embed(
    checkpoint: CheckpointArgument = None,
    texts: TextArgument = None,
    *,
    options: EmbedOptions,
) -> None:
    """Turn each line into a vector: what the model knows after reading it.

    Of a language model the vector is made of the outputs of all layers, of a model of pairs it is what the encoder hands
    on. Empty lines are left out.
    """
    checkpoint, names = checkpoint_and_texts(checkpoint, texts)
    _require_sense(options, names)
    loaded = open_any(checkpoint, hint_in_quotes(names))
    reading = reading_of(loaded)
    lines, parts = [], []
    with one_thread(), working(None, "line") as work:
        for text in open_lines(names, reading):
            for some in text.lists(reading):
                kept = [line for line in some if line]
                for begin in range(0, len(kept), AT_ONCE):
                    parts.append(_vectors(loaded, kept[begin : begin + AT_ONCE], reading, options))
                    work.advance(len(kept[begin : begin + AT_ONCE]))
                lines += kept
        if not lines:
            raise DataError("there is no line to turn into a vector", "give a file with some text")
    _finish(loaded, reading, lines, parts, options)


def _require_sense(options: EmbedOptions, names: Sequence[str]) -> None:
    """Raise SettingError or UsageError if there is nothing to do, or a file cannot be written."""
    if not names:
        raise UsageError(
            "embed needs a text", "for example: charrnn embed names names.txt --nearest marie"
        )
    if options.out is None and options.nearest is None:
        raise SettingError.naming("give {out}, {nearest} or both", "for example {out:names.npz}")
    if options.out:
        require_place(options.out)
        if options.out.suffix != ".npz":
            raise SettingError.naming(
                "{out} writes a .npz file, not {given!r}",
                "for example {out:" + escape(f"{options.out.stem or 'vectors'}.npz") + "}",
                given=str(options.out),
            )


def _vectors(
    loaded: "Checkpoint", lines: Sequence[str], reading: "CorpusConfig", options: EmbedOptions
) -> "Float":
    from charrnn.interpret.embedding import vectors_of

    of: Literal["mean", "last"] = "last" if options.of == "last" else "mean"
    return vectors_of(loaded.model, lines, of=of, item_end=item_end_of(reading))


def _finish(
    loaded: "Checkpoint",
    reading: "CorpusConfig",
    lines: Sequence[str],
    parts: "Sequence[Float]",
    options: EmbedOptions,
) -> None:
    """Write the vectors, and print the nearest lines."""
    import numpy as np

    vectors = np.concatenate(parts)
    unknown = int((~vectors.any(1)).sum())
    if unknown:
        whose = "has" if unknown == 1 else "have"
        say(
            f"charrnn: {counted(unknown, 'line')} {whose} no character that the model knows; the vector is zero"
        )
    if options.out:
        from charrnn.files import replacing

        with replacing(options.out) as file:
            np.savez(file, vectors=vectors, texts=np.array(lines))
        count, numbers = counted(len(vectors), "vector"), counted(vectors.shape[1], "number")
        say(
            f"charrnn: wrote {escape(str(options.out))}, {count} of {numbers} ({size(options.out.stat().st_size)})"
        )
    if options.nearest is not None:
        _print_nearest(
            _vectors(loaded, [options.nearest], reading, options)[0], vectors, lines, options
        )


def _print_nearest(
    one: "Float", vectors: "Float", lines: Sequence[str], options: EmbedOptions
) -> None:
    """Print the lines that are nearest to a text.

    Raises:
        SettingError: the model knows no character of the text.
    """
    import numpy as np

    from charrnn.interpret.embedding import cosines

    if not one.any():
        raise SettingError.naming(
            "{nearest} has no character that the model knows: {given!r}", given=options.nearest
        )
    found = cosines(vectors, one)
    for k in np.argsort(-found, kind="stable")[: options.top].tolist():
        if options.json:
            print_json({"line": k + 1, "cosine": float(found[k]), "text": lines[k]})
        else:
            shown = one_line(lines[k]) if sys.stdout.isatty() else lines[k]
            print(f"{found[k]:7.4f}  {shown}")
