"""`charrnn sample`: write new text."""

import dataclasses
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.cli.checkpoints import CheckpointArgument, open_checkpoint, reads_lines
from charrnn.cli.console import say
from charrnn.cli.edits import Clamp, Steer, SteerFile, edited
from charrnn.config import SamplingConfig
from charrnn.errors import DataError, UsageError

if TYPE_CHECKING:
    from charrnn.model import CharRNN

BETWEEN_SAMPLES = "\n\n"
CHARACTERS_PER_WRITE = 32
"""Of text for a pipe; a terminal gets each character at once."""


def sample(
    checkpoint: CheckpointArgument = None,
    temp: Annotated[
        float,
        typer.Option(
            "--temp",
            "--temperature",
            help="Below 1 safer, above 1 bolder; 0 always takes the likeliest.",
        ),
    ] = SamplingConfig.temperature,
    length: Annotated[
        int,
        typer.Option(
            "--length",
            "-n",
            help="Characters to write after the prime text; a model of lines ends its line before.",
        ),
    ] = SamplingConfig.length,
    prime: Annotated[
        str | None,
        typer.Option(
            "--prime",
            help="Text to go on from; it is printed first. Without one, a line begins.",
            show_default=False,
        ),
    ] = None,
    prime_file: Annotated[
        str | None,
        typer.Option(
            "--prime-file",
            help="The same from a file, or - for standard input.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            help="The same seed gives the same text.",
            show_default="a fresh one",
        ),
    ] = SamplingConfig.seed,
    top_k: Annotated[
        int, typer.Option("--top-k", help="Draw from the K likeliest characters only; 0 is off.")
    ] = SamplingConfig.top_k,
    top_p: Annotated[
        float,
        typer.Option(
            "--top-p", help="Draw from the fewest characters that together have this probability."
        ),
    ] = SamplingConfig.top_p,
    count: Annotated[
        int,
        typer.Option(
            "--count",
            help="Samples to write, with an empty line between; of a model of lines, one on each line.",
            min=1,
        ),
    ] = 1,
    clamp: Clamp = None,
    steer: Steer = None,
    steer_file: SteerFile = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")
    ] = False,
) -> None:
    """Write new text with a trained model.

    Characters appear as they are made. Standard output carries the prime text and what follows it,
    and nothing else. A model that was trained with --lines writes whole lines.
    """
    if prime is not None and prime_file is not None:
        raise UsageError("--prime and --prime-file exclude each other", "give one of them")
    config = SamplingConfig(
        length=length, temperature=temp, top_k=top_k, top_p=top_p, seed=_seed(seed)
    )
    loaded = open_checkpoint(checkpoint, quiet=quiet)
    model = edited(loaded.model, clamp, steer, steer_file, quiet=quiet)
    config = dataclasses.replace(config, line=reads_lines(loaded))
    text = _prime_text(prime, prime_file, model, line=config.line)
    if not quiet:
        say(f"charrnn: temperature {temp:g}, seed {config.seed}")
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # more threads slow one stream down
        cut_off = 0
        for index in range(count):
            last = _write_sample(model, text, config, index)
            cut_off += not last.endswith("\n")
            if index + 1 < count and not config.line:
                sys.stdout.write(BETWEEN_SAMPLES)
    sys.stdout.flush()
    if config.line and cut_off and not quiet:
        say(f"charrnn: {cut_off:,} of {count:,} lines were cut off by --length {length}")


def _seed(asked: int | None) -> int:
    if asked is not None:
        return asked
    import secrets

    return secrets.randbelow(2**32)


def _prime_text(prime: str | None, prime_file: str | None, model: "CharRNN", *, line: bool) -> str:
    """What to go on from: with `line` one without its end, as a file's last line has one."""
    text = prime or ""
    if prime_file is not None:
        from charrnn.cli.texts import file_text

        text = file_text(prime_file, model)
        text = text.removesuffix("\n") if line else text
    if line and "\n" in text:
        raise UsageError("the model writes single lines, but the prime text has a newline")
    return text


def _write_sample(model: "CharRNN", prime: str, config: SamplingConfig, index: int) -> str:
    """Write a sample, and return the last that the model has written of it."""
    from charrnn.render.glyphs import harmless
    from charrnn.sampling.sampler import sample as draw

    try:
        pieces = draw(model, prime, config, index=index)
    except DataError as error:
        raise DataError(
            f"the prime text has characters that are {error.message}", error.hint
        ) from error
    out, is_terminal = sys.stdout, sys.stdout.isatty()
    show = harmless if is_terminal else str
    out.write(show(prime))
    out.flush()
    pause = 1 if is_terminal else CHARACTERS_PER_WRITE
    last = prime[-1:]
    for number, piece in enumerate(pieces, 1):
        out.write(show(piece))
        last = piece
        if number % pause == 0:
            out.flush()
    if (is_terminal or config.line) and not last.endswith("\n"):
        out.write("\n")
    out.flush()
    return last
