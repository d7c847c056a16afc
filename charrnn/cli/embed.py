"""`charrnn embed`: each line as a vector, and the lines whose vectors are nearest to that of a text."""

import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from charrnn.cli.arriving import Lines, open_lines
from charrnn.cli.inputs import TextArgument
from charrnn.cli.memory import free_memory
from charrnn.cli.reading import checkpoint_and_texts, hint_in_quotes
from charrnn.cli.run_names import CheckpointArgument, open_any, refuse_for_pairs
from charrnn.cli.terminal import print_json, require_place, say
from charrnn.cli.threads import one_thread
from charrnn.cli.work import working
from charrnn.config import FILES, SHOWN
from charrnn.errors import DataError, EnvironmentFault, SettingError, UsageError
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

    of: str | None = setting(
        None,
        "Of a language model, the mean of the states after each character, or the state after the last one.",
        choices=("mean", "last"),
        metavar="mean|last",
        default_text="mean",
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
        "Write the vectors as `vectors`, float32, one row for each line; `lines` has the number of each line in its "
        "file, `files` the number of its file from 0, and `names` the names of the files.",
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
    if loaded.model.config.align:
        refuse_for_pairs(options, but=("nearest", "top", "json", "out"))
    reading = reading_of(loaded)
    sources = open_lines(names, reading)
    lines: list[_Line] = []
    parts: list[Float] = []
    held = 0
    with one_thread(), working(None, "line") as work:
        for some in _some(sources, reading):
            parts.append(_vectors(loaded, [line.text for line in some], reading, options))
            lines += some
            held += parts[-1].nbytes
            _require_memory(held, len(lines))
            work.advance(len(some))
    if not lines:
        raise DataError("there is no line to turn into a vector", "give a file with some text")
    vectors = _joined(parts)
    if options.out:
        _write(options.out, vectors, lines, [source.name for source in sources])
    if options.nearest is not None:
        (one,) = _vectors(loaded, [options.nearest], reading, options)
        _print_nearest(one, vectors, lines, sources, options)


class _Line(NamedTuple):
    """A line that is not empty."""

    text: str
    number: int
    """Its number in its file, from 1."""
    file: int
    """The number of its file, from 0."""


def _some(sources: Sequence[Lines], reading: "CorpusConfig") -> Iterator[list[_Line]]:
    """The lines of all files, at most AT_ONCE together."""
    for file, source in enumerate(sources):
        number = itertools.count(1)
        for some in source.lists(reading):
            kept = [_Line(text, next(number), file) for text in some]
            kept = [line for line in kept if line.text]
            for begin in range(0, len(kept), AT_ONCE):
                yield kept[begin : begin + AT_ONCE]


def _require_memory(held: int, count: int) -> None:
    """Raise EnvironmentFault unless there is room for the vectors so far once more: they are joined in the end."""
    free = free_memory()
    if held > free:
        raise EnvironmentFault(
            f"the vectors of {counted(count, 'line')} take {size(held)}, twice for a moment, but {size(free)} of "
            "memory are free",
            "embed a part of them: head -n 100000 FILE",
        )


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


def _joined(parts: "Sequence[Float]") -> "Float":
    """All vectors, and a report of those that are zero."""
    import numpy as np

    vectors = np.concatenate(parts)
    unknown = int((~vectors.any(1)).sum())
    if unknown:
        verb = "has" if unknown == 1 else "have"
        what = f"{counted(unknown, 'line')} {verb} no character that the model knows"
        say(f"charrnn: {what}; the vector is zero")
    return vectors


def _write(path: Path, vectors: "Float", lines: Sequence[_Line], names: Sequence[str]) -> None:
    """Write vectors, and which lines they belong to."""
    import numpy as np

    from charrnn.files import replacing

    with replacing(path) as file:
        np.savez(
            file,
            vectors=vectors,
            lines=np.array([line.number for line in lines]),
            files=np.array([line.file for line in lines]),
            names=np.array(names),
        )
    count, numbers = counted(len(vectors), "vector"), counted(vectors.shape[1], "number")
    wrote = f"charrnn: wrote {escape(str(path))}, {count} of {numbers}"
    say(f"{wrote} ({size(path.stat().st_size)})")


def _print_nearest(
    one: "Float",
    vectors: "Float",
    lines: Sequence[_Line],
    sources: Sequence[Lines],
    options: EmbedOptions,
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
        text, number, file = lines[k]
        if options.json:
            name = {"file": sources[file].name} if len(sources) > 1 else {}
            print_json(name | {"number": number, "cosine": float(found[k]), "text": text})
        else:
            print(f"{found[k]:7.4f}  {one_line(text) if sys.stdout.isatty() else text}")
