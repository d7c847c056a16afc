"""`charrnn visualize --follow`: the text that the model generates, colored while it is generated."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charrnn.cli.counts import has_counts
from charrnn.cli.edits import EditOptions
from charrnn.cli.layout import ColoringOptions
from charrnn.cli.own_text import GENERATED_TEXT, generated_text
from charrnn.cli.reading import Reader
from charrnn.cli.terminal import ctrl_c_raises, die_by_signal, print_rows, say
from charrnn.cli.threads import one_thread
from charrnn.cli.visualize.selection import View
from charrnn.cli.visualize.show import Coloring, colorings
from charrnn.config import GENERATED, BasicSamplingConfig, SamplingConfig
from charrnn.errors import SettingError, UsageError
from charrnn.settings import Config, setting, settings_of
from charrnn.text.kinds import item_noun
from charrnn.wording import counted

if TYPE_CHECKING:
    from charrnn.interpret.recording import Recording
    from charrnn.model import CharRNN
    from charrnn.render.views.live import LiveText


@dataclass(frozen=True, kw_only=True)
class FollowOptions(Config):
    """The text that is generated and colored as it is generated."""

    follow: bool = setting(
        False,
        "Color the text that the model generates after TEXT while it is generated, as 'charrnn sample' would.",
        allows=(
            *("unit", "what", "surprisal", "counts", *settings_of(ColoringOptions)),
            *(*settings_of(BasicSamplingConfig), *settings_of(EditOptions)),
        ),
        panel=GENERATED,
    )


def follow(
    reader: Reader, sampling: BasicSamplingConfig, chosen: View, layout: ColoringOptions
) -> None:
    """Print the prompt and what the model generates after it, each symbol colored as it comes.

    A unit's scale, and which unit is interesting, are decided by a text that the model generates before.

    Args:
        reader: the model, and the prompt.
        sampling: how to generate; without a seed a random one is used.
        chosen: what to color by: one unit, or surprisal.
        layout: colors and width.
    """
    from charrnn.interpret.recording import record_live
    from charrnn.render.views.live import LiveText
    from charrnn.render.views.scale import legend_rows
    from charrnn.sampling.sampler import full_prompt, sample

    _require_one(chosen)
    model, look, has_bits = reader.model, layout.look, chosen.surprisal
    config = SamplingConfig(**vars(sampling.seeded()), item_end=reader.item_end)
    prompt = prompt_of(reader)
    say(f"charrnn: temperature {config.temperature:g}, seed {config.seed}")
    with one_thread():
        generated = sample(model, prompt, config)  # reports at once what is wrong with the prompt
        scale, values, names = _coloring(model, chosen)
        mixed = has_counts(model)
        print_rows(legend_rows(scale, look, has_surprisal=has_bits, has_counts=mixed))
        live = LiveText(scale, look, layout.columns, surprisal=has_bits, counts=mixed)
        hidden = full_prompt(model, prompt, item_end=config.item_end).removesuffix(prompt)
        recordings = record_live(model, _texts(prompt, generated), before=hidden, keep=names)
        _draw(live, recordings, lambda recording: values(recording).tolist(), bits=has_bits)


def _require_one(chosen: View) -> None:
    """Raise SettingError if the text would have to be colored more than once."""
    if chosen.maps:
        raise SettingError.naming(
            "{follow} colors by one unit, not by {address}",
            "name one: {unit} L0.h.0",
            address=chosen.maps[0][0],
        )
    if len(chosen.units) + chosen.surprisal + (chosen.what is not None) > 1:
        raise SettingError.naming(
            "{follow} shows one coloring: one unit, the most interesting unit of {what}, or {surprisal}",
            "leave the others out",
        )


def _coloring(model: "CharRNN", chosen: View) -> Coloring:
    """What colors the text."""
    from charrnn.interpret.recording import record
    from charrnn.render.views.live import live_surprisal_scale
    from charrnn.render.views.text import surprisal_values

    if chosen.surprisal:
        title = "surprisal   bits of each symbol, by the model's own probability"
        return live_surprisal_scale(title), surprisal_values, set()
    own = generated_text(model, GENERATED_TEXT)
    first = record(model, own, keep=chosen.arrays(model.cell.memory))
    where = f"in {counted(len(own), 'character')} generated before"
    return colorings(first, chosen, where)[0]


def prompt_of(reader: Reader) -> str:
    """What the model reads before it generates: a text, a file or standard input; without one nothing.

    Raises:
        UsageError: a single item is to be generated, and the prompt has several.
    """
    from charrnn.cli.inputs import leave_out_unknown, read_texts

    if not reader.names:
        return ""
    text, _ = leave_out_unknown(read_texts(reader.names, reader.config), reader.model)
    if (end := reader.item_end) is None:
        return text
    text = text.removesuffix(end)  # as a file's last line has its end
    if end in text:
        noun = item_noun(end)
        raise UsageError(
            f"the model was trained on {noun}s and continues one {noun}, but this text has several",
            f"give the beginning of a {noun}",
        )
    return text


def _texts(prompt: str, generated: Iterator[str]) -> Iterator[str]:
    """The prompt in parts, because it may be long, and what is generated."""
    from charrnn.interpret.recording import PART

    for start in range(0, len(prompt), PART):
        yield prompt[start : start + PART]
    yield from generated


def _draw(
    live: "LiveText",
    recordings: "Iterable[Recording]",
    values: "Callable[[Recording], list[float]]",
    *,
    bits: bool,
) -> None:
    """Print each part as it comes. After Ctrl-C the line is completed, and nothing else."""
    from charrnn.render.ansi import piece_of
    from charrnn.render.views.symbols import columns_of

    interrupted = True
    with ctrl_c_raises() as ctrl_c, contextlib.suppress(KeyboardInterrupt):
        for recording in recordings:
            ctrl_c.check()
            costs = recording.surprisal.tolist() if bits else ()
            parts = () if recording.from_counts is None else recording.from_counts.tolist()
            rows = live.shown(columns_of(recording), values(recording), costs, parts)
            sys.stdout.write(piece_of(rows))
            sys.stdout.flush()
        interrupted = False
    sys.stdout.write(piece_of(live.end()))
    sys.stdout.flush()
    if interrupted:
        die_by_signal(signal.SIGINT)
