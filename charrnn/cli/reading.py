"""A model and the text that it reads, as the commands that look into a model take them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.cli.run_names import is_checkpoint, say_near_run
from charrnn.cli.terminal import say
from charrnn.config import SamplingConfig
from charrnn.errors import DataError, EnvironmentFault
from charrnn.wording import counted, size

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from charrnn.interpret.recording import Recording
    from charrnn.model import CharRNN

OWN_TEXT = 400
"""Characters that the model writes itself when there is no text."""


TextArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[TEXT|FILE|-]",
        help="What the model reads: a text, a file, or - for standard input. Without one, it reads a text that it "
        "generates.",
        show_default=False,
    ),
]


def checkpoint_and_text(checkpoint: str | None, text: str | None) -> tuple[str | None, str | None]:
    """The checkpoint and the text that two arguments mean: a lone argument that names no checkpoint is a text."""
    if text is not None or checkpoint is None or is_checkpoint(checkpoint):
        return checkpoint, text
    say_near_run(checkpoint, quiet=False)
    return None, checkpoint


def known_text(text: str, model: "CharRNN | None") -> str:
    """The text that a TEXT argument means, without the characters that the model does not know.

    Raises:
        DataError: nothing is left of it.
    """
    from charrnn.cli.inputs import given_text, leave_out_unknown

    read = given_text(text, model, quiet=False)
    known = leave_out_unknown(read, model)[0] if model else read
    if not known:
        raise DataError("the model knows no character of the text" if read else "the text is empty")
    return known


def content(text: str | None, model: "CharRNN", most: int | None, *, quiet: bool) -> str:
    """What the model reads: a text, a file or standard input; without one, what it writes itself.

    At most `most` characters of it, and only those that the model knows.

    Raises:
        DataError: none are left.
    """
    from charrnn.cli.inputs import given_text, leave_out_unknown
    from charrnn.sampling.sampler import sample

    if text is None:
        length = min(OWN_TEXT, most or OWN_TEXT)
        if not quiet:
            say(
                f"charrnn: no text given; reading {counted(length, 'character')} that the model writes itself"
            )
        return "".join(sample(model, "", SamplingConfig(length=length, seed=1)))
    read = given_text(text, model, quiet=quiet)
    kept, _ = leave_out_unknown(_shortened(read, most, quiet=quiet), model, quiet=quiet)
    if not kept:
        raise DataError("there is no text that the model could read")
    return kept


def _shortened(text: str, most: int | None, *, quiet: bool) -> str:
    if most is None or len(text) <= most:
        return text
    if not quiet:
        say(f"charrnn: the first {most:,} of {len(text):,} characters; --max-chars shows more")
    return text[:most]


def recorded(
    model: "CharRNN",
    text: str,
    predictions: int,
    keep: "Collection[str] | None",
    *,
    lines: bool,
) -> "Recording":
    """The recording of a text; see `charrnn.interpret.recording.record`.

    Raises:
        EnvironmentFault: it would not fit into memory.
    """
    from charrnn.interpret.recording import record

    require_memory(model, text, keep)
    return record(model, text, top=predictions, keep=keep, lines=lines)


def with_bar(parts: "Iterable[Recording]", length: int, *, quiet: bool) -> "Iterator[Recording]":
    """The parts, with a bar on stderr if it is a terminal and they take more than a second.

    Args:
        parts: of a text.
        length: the symbols of all of them.
        quiet: show no bar.
    """
    from tqdm import tqdm

    disable = True if quiet else None
    with tqdm(total=length, unit="", unit_scale=True, disable=disable, delay=1, leave=False) as bar:
        for part in parts:
            yield part
            bar.update(len(part.ids))


def require_memory(model: "CharRNN", text: str, keep: "Collection[str] | None") -> None:
    """Raise EnvironmentFault if these states and gates of all of a text would not fit into memory."""
    from charrnn.interpret.recording import num_bytes

    require_free(num_bytes(model, text, keep), len(text))


def require_free(need: int, characters: int) -> None:
    """Raise EnvironmentFault unless there is so much memory for the states of so many characters."""
    free = _free_memory()
    if need > free:
        raise EnvironmentFault(
            f"the states of {counted(characters, 'character')} take {size(need)}, but {size(free)} of memory are free",
            "read fewer with --max-chars",
        )


def _free_memory() -> float:
    """The bytes that a process can have without swapping, where the system tells."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return float("inf")
    kilobytes = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(kilobytes[0]) * 1024.0 if kilobytes else float("inf")
