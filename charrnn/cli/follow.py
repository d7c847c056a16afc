"""`charrnn visualize --follow`: the text that the model is writing, coloured while it comes."""

import signal
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from charrnn.cli.reading import content
from charrnn.cli.showing import Coloring, Style, colorings
from charrnn.cli.terminal import die_by_signal, say
from charrnn.cli.wanted import Wanted
from charrnn.errors import UsageError
from charrnn.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from charrnn.config import SamplingConfig
    from charrnn.interpret.recording import Recording
    from charrnn.model import CharRNN
    from charrnn.render.views.live import LiveText


def sampling_config(
    length: int | None, temp: float | None, seed: int | None, *, line: bool
) -> "SamplingConfig":
    """How `charrnn sample` would write with these options."""
    from charrnn.cli.sample.command import fresh_seed
    from charrnn.config import SamplingConfig

    return SamplingConfig(
        length=SamplingConfig.length if length is None else length,
        temperature=SamplingConfig.temperature if temp is None else temp,
        seed=fresh_seed() if seed is None else seed,
        line=line,
    )


def prime_of(text: str | None, model: "CharRNN", *, line: bool, quiet: bool) -> str:
    """What the model reads before it writes: a text, a file or standard input; without one nothing.

    Raises:
        UsageError: a single line is to be written, and there are several.
    """
    from charrnn.cli.inputs import given_text, leave_out_unknown

    if text is None:
        return ""
    read, _ = leave_out_unknown(given_text(text, model, quiet=quiet), model, quiet=quiet)
    read = read.removesuffix("\n") if line else read  # as a file's last line has its end
    if line and "\n" in read:
        raise UsageError(
            "the model was trained on single lines, and goes on with one; this text has several",
            "give the beginning of a line",
        )
    return read


def follow(
    model: "CharRNN",
    text: str | None,
    config: "SamplingConfig",
    wanted: Wanted,
    style: Style,
    *,
    quiet: bool,
) -> None:
    """Write the prime and what `charrnn sample` would write after it, each symbol coloured as it comes.

    A unit's scale, and which one is interesting, are decided by a text that the model writes before.

    Args:
        model: writes.
        text: what is read and shown first, as `visualize` takes it.
        config: how to draw, and where to end.
        wanted: what to colour by: one unit, or the bits of each symbol.
        style: how.
        quiet: say nothing on stderr.
    """
    from threadpoolctl import threadpool_limits

    from charrnn.interpret.recording import record, record_live
    from charrnn.render.ansi import lines_of
    from charrnn.render.views.live import LiveText, live_surprisal_scale
    from charrnn.render.views.scale import legend_rows
    from charrnn.render.views.text import surprisal_values
    from charrnn.sampling.sampler import full_prompt, sample

    if wanted.maps:
        raise UsageError(
            f"--follow colours by one unit, not by {wanted.maps[0][0]}", "name one: --unit L0.h.0"
        )
    look = style.look()
    prime = prime_of(text, model, line=config.line, quiet=quiet)
    if not quiet:
        say(f"charrnn: temperature {config.temperature:g}, seed {config.seed}")
    with threadpool_limits(1, "blas"):
        written = sample(model, prime, config)  # says at once what is wrong with the prime
        if wanted.surprisal:
            title = "surprisal   bits of each symbol, by the model's own probability"
            coloring: Coloring = live_surprisal_scale(title), surprisal_values, set()
        else:
            own = content(None, model, None, quiet=True)
            first = record(model, own, keep=wanted.arrays(model.cell.memory))
            where = f"in {counted(len(own), 'character')} that it wrote before"
            coloring = colorings(first, wanted, where)[0]
        scale, values, names = coloring
        for line in lines_of(legend_rows(scale, look, has_surprisal=wanted.bits)):
            sys.stdout.write(line + "\n")
        live = LiveText(scale, look, style.columns(), surprisal=wanted.bits)
        hidden = full_prompt(model, prime, line=config.line).removesuffix(prime)
        recordings = record_live(model, _texts(prime, written), before=hidden, keep=names)
        _draw(live, recordings, lambda recording: values(recording).tolist(), bits=wanted.bits)


def _texts(prime: str, written: Iterator[str]) -> Iterator[str]:
    """The prime in parts, because it may be long, and what is written."""
    from charrnn.interpret.recording import PART

    for start in range(0, len(prime), PART):
        yield prime[start : start + PART]
    yield from written


def _draw(
    live: "LiveText",
    recordings: "Iterable[Recording]",
    values: "Callable[[Recording], list[float]]",
    *,
    bits: bool,
) -> None:
    """Write each part as it comes. After Ctrl-C the row is completed, and nothing else."""
    from charrnn.render.ansi import piece_of
    from charrnn.render.views.symbols import columns_of

    ours = signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupted = False
    try:
        for recording in recordings:
            costs = recording.surprisal.tolist() if bits else ()
            rows = live.shown(columns_of(recording), values(recording), costs)
            sys.stdout.write(piece_of(rows))
            sys.stdout.flush()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        interrupted = True
    sys.stdout.write(piece_of(live.end()))
    sys.stdout.flush()
    if interrupted:
        die_by_signal(signal.SIGINT)
