"""`charrnn decompress`: the original of a file that `charrnn compress` made."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
from charrnn.errors import CheckpointError, SettingError
from charrnn.runs import RUNS
from charrnn.wording import escape, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from charrnn.checkpoint import Checkpoint

EXAMPLES = (
    f"charrnn decompress book.txt{SUFFIX}",
    f"charrnn decompress book.txt{SUFFIX} --model plays --out copy.txt",
    f"charrnn decompress - < notes.txt{SUFFIX} | less",
)
CHANGES = Changes(
    complete={"model": complete_checkpoint},
    different={
        "model": {"default_text": "found under checkpoints/ by its fingerprint"},
        "out": {
            "help": "Write to this file; - is standard output.",
            "default_text": f"FILE without {SUFFIX}; standard output if FILE is -",
        },
    },
)


def decompress(
    file: Annotated[
        str,
        typer.Argument(
            metavar=f"FILE{SUFFIX}|-",
            help="A file that charrnn compress wrote.",
            show_default=False,
        ),
    ],
    *,
    options: PackedOptions,
) -> None:
    """Restore a file that charrnn compress made.

    The result is exactly the original, or nothing is written: a file is refused if it is truncated or damaged, if its
    model is missing, or if this machine does not compute exactly the numbers of the one that compressed it.
    """
    require_coder("decompress")
    path = options.require_target(None if file == STREAM else _original(file, options.out), file)
    content = read_bytes(file)
    from charrnn.compression.compress import decompress as decompressed
    from charrnn.compression.compress import fingerprint_of, require_model
    from charrnn.compression.container import unpack

    packed = unpack(content, called(file))
    loaded = (
        _checkpoint_with(packed.fingerprint, file)
        if options.model is None
        else open_checkpoint(options.model)
    )
    model, fingerprint = loaded.model, packed.fingerprint
    if fingerprint_of(model) != fingerprint and fingerprint_of(loaded.mixed) == fingerprint:
        model = loaded.mixed
    require_model(model, packed, called(file))
    with working(packed.length, "byte") as work:
        made = decompressed(
            model,
            content,
            item_end=item_end(loaded),
            name=called(file),
            progress=work.advance,
        )
    write_bytes(made, path)
    where = escape(str(path)) if path else "standard output"
    say(f"charrnn: {escape(called(file))} decompressed to {where} ({size(len(made))})")


def _original(file: str, out: Path | None) -> Path:
    """The usual file to write.

    Raises:
        SettingError: the name does not say which.
    """
    name = file.removesuffix(SUFFIX)
    if out is None and (name == file or not Path(name).name):
        raise SettingError.naming(
            f"the name {{file!r}} does not end in {SUFFIX}, so the original's name is unknown",
            "name the file to write with {out}",
            file=file,
        )
    return Path(name)


def _checkpoint_with(fingerprint: str, file: str) -> "Checkpoint":
    """The checkpoint of the model with a fingerprint, with counts or without, among the runs.

    Raises:
        CheckpointError: there is none.
    """
    for path, loaded in _checkpoints():
        if _has(loaded, fingerprint):
            say(f"charrnn: using the model of {escape(str(path))}")
            return loaded
    raise CheckpointError.naming(
        "no run under {runs}/ has the model that {file} was compressed with (fingerprint {fingerprint})",
        "name its run or its file: {model:MODEL}",
        runs=RUNS,
        file=called(file),
        fingerprint=fingerprint,
    )


def _has(loaded: "Checkpoint", fingerprint: str) -> bool:
    """Whether the model of a checkpoint has a fingerprint, with counts or without."""
    from charrnn.compression.compress import fingerprint_of

    if fingerprint_of(loaded.model) == fingerprint:
        return True
    try:
        return fingerprint_of(loaded.mixed) == fingerprint
    except CheckpointError:  # another run's fault
        return False


def _checkpoints() -> "Iterator[tuple[Path, Checkpoint]]":
    """The checkpoints of language models in all runs, newest first, those of the best steps before others."""
    from charrnn.checkpoint import load_checkpoint, require_language_model
    from charrnn.runs import BEST

    paths = RUNS.glob("*/*.safetensors")
    newest = sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in sorted(newest, key=lambda path: path.name != BEST):
        try:
            loaded = require_language_model(load_checkpoint(path))
        except CheckpointError:  # another run's fault
            continue
        yield path, loaded
