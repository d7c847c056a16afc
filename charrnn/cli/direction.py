"""`charrnn direction`: the direction between two texts in a model's states, and what it does to samples."""

import dataclasses
import math
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.inputs import TextArgument
from charrnn.cli.reading import Reader, checkpoint_and_texts, given_text, make_reader
from charrnn.cli.run_names import CheckpointArgument, open_checkpoint
from charrnn.cli.terminal import print_json, require_place, say, terminal_width, warn
from charrnn.cli.threads import one_thread
from charrnn.cli.unit_names import names_by_unit, unit_names, with_name
from charrnn.cli.work import working
from charrnn.config import MAX_SEED, OUTPUT, SHOWN, SamplingConfig
from charrnn.errors import UsageError
from charrnn.settings import Config, setting
from charrnn.text.kinds import LINES
from charrnn.wording import counted, escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charrnn.interpret.direction import Direction
    from charrnn.interpret.names import NamedUnit
    from charrnn.interpret.trial import Effect, Judge

EXAMPLES = (
    "charrnn direction code.txt prose.txt",
    "charrnn direction python code.txt prose.txt --save-steer prose.json",
    "charrnn direction names girls.txt boys.txt --lines --strength 0.5 --strength -0.5",
)
MOST_READ = 50_000
"""Characters of each text that are read."""
LEAST_ACCURACY = 0.7
"""The accuracy of a classifier below which it proves little."""
MOST_UNITS = 10
"""The units that are named in JSON; a half of them is printed."""


@dataclass(frozen=True, kw_only=True)
class DirectionOptions(Config):
    """Which direction, and how it is tried."""

    lines: bool = setting(
        False,
        "Take each line as a text of its own: compare the states after its last character, and sample lines. Always on "
        "for a model of lines, records or documents; otherwise the mean states over all characters are compared.",
        panel=SHOWN,
    )
    state: tuple[str, ...] = setting(
        (),
        "Steer this state, such as h, in all layers. May be repeated.",
        metavar="STATE",
        default_text="c, or h of a cell that has no c",
        panel=SHOWN,
    )
    strength: tuple[str, ...] = setting(
        (),
        "Add this multiple of the direction at every character; a negative one leads from B to A. May be repeated.",
        metavar="X",
        default_text="0.02, 0.05, 0.1 and 0.2",
        panel=SHOWN,
    )
    samples: int = setting(
        20,
        "Number of samples for each strength and direction.",
        low=1,
        high=1000,
        metavar="N",
        panel=SHOWN,
    )
    length: int = setting(
        100, "Maximum characters of a sample.", low=1, high=100_000, metavar="N", panel=SHOWN
    )
    random: int = setting(
        20,
        "Number of random directions of the same length to compare with.",
        high=1000,
        metavar="N",
        panel=SHOWN,
    )
    seed: int = setting(
        1, "Seed of the samples and of the random directions.", high=MAX_SEED, panel=SHOWN
    )
    max_chars: int = setting(
        MOST_READ, "Read at most this many characters of each text.", low=1, panel=SHOWN
    )
    save_steer: Path | None = setting(
        None, "Write the direction as a file for {steer_file}.", metavar="FILE.json", panel=OUTPUT
    )
    json: bool = setting(False, "Print JSON.", panel=OUTPUT)


def direction(
    checkpoint: CheckpointArgument = None,
    texts: TextArgument = None,
    *,
    options: DirectionOptions,
) -> None:
    """Find the direction from text A to text B in a model's states, and steer samples by it.

    The direction is the mean state of the model while it reads B, minus that while it reads A. Samples are drawn with
    the direction added at every character, and a classifier that has learned both texts by their character n-grams
    counts how many of them look like B: beside samples without the direction, and with random directions of the same
    length. The cost is shown in bits per character: of the samples for the model without the direction, and of both
    texts for the model with it; counts of the training text play no part.
    """
    path, names = checkpoint_and_texts(checkpoint, texts)
    if len(names) != 2:
        raise UsageError(
            f"a direction goes from one text to another, and {counted(len(names), 'text')} "
            f"{'is' if len(names) == 1 else 'are'} given",
            "for example charrnn direction A.txt B.txt",
        )
    if options.save_steer is not None:
        require_place(options.save_steer)
    strengths = [strength_of(text) for text in options.strength]
    reader = make_reader(open_checkpoint(path), names)
    with one_thread():
        _show(reader, path or reader.title, options, strengths)


def strength_of(text: str) -> float:
    """A strength as it is typed.

    Raises:
        UsageError: it is no number in range, or 0.
    """
    from charrnn.interpret.edits import LARGEST, NUMBER

    if NUMBER.fullmatch(text.strip()) and 0 < abs(float(text)) <= LARGEST:
        return float(text)
    raise UsageError(
        f"--strength must be a number from {-LARGEST:,.0f} to {LARGEST:,.0f} and not 0, not {text!r:.40}",
        "samples without a direction are shown in any case",
    )


def _show(reader: Reader, model: str, options: DirectionOptions, strengths: "list[float]") -> None:
    """Find and try a direction; `model` is what the user calls the model."""
    from charrnn.interpret.direction import find_direction, parts_of
    from charrnn.interpret.trial import STRENGTHS, Trial, learn_judge

    letters = _letters(reader, options.state)
    end = reader.item_end or (LINES.end if options.lines else None)
    a, b = (parts_of(_text(reader, name, options.max_chars), end) for name in reader.names)
    judge = learn_judge(a, b, options.length, end)
    title = " to ".join(Path(name).name for name in reader.names)
    config = SamplingConfig(length=options.length, seed=options.seed, item_end=end)
    with working(None, reader.noun) as work:
        made = find_direction(
            reader.model, a, b, letters, name=title, item_end=end, progress=work.advance
        )
        if options.save_steer is not None:
            _save(made, options.save_steer)
        trial = Trial(judge, (a.rest, b.rest), config, options.samples)
        effects = list(
            trial.effects(
                reader.model,
                made.steering,
                strengths or STRENGTHS,
                random=options.random,
                progress=work.advance,
            )
        )
    if options.json:
        print_json(_as_dict(reader, judge, made, effects))
    else:
        _print(judge, made, effects, unit_names(reader.loaded))
    if judge.accuracy < LEAST_ACCURACY:
        warn(
            "charrnn: the classifier can hardly tell the texts apart, so its shares prove little; take longer texts"
        )
    if options.save_steer is not None:
        typed = shlex.join(["charrnn", "sample", model, "--steer-file"])
        first = f"{shlex.quote(str(options.save_steer))}={effects[1].strength:g}"
        say(f"charrnn: wrote {options.save_steer}; to use it: {typed} {first}")


def _letters(reader: Reader, states: "Sequence[str]") -> tuple[str, ...]:
    """The states that the direction goes through.

    Raises:
        UsageError: the model has no such state.
    """
    known = reader.model.cell.states
    if wrong := [state for state in states if state not in known]:
        raise UsageError(
            f"--state must be a state of the {reader.model.cell.name} cell, not {wrong[0]!r:.40}",
            f"it has {' and '.join(known)}",
        )
    return tuple(dict.fromkeys(states)) or (reader.model.cell.memory,)


def _text(reader: Reader, name: str, most: int) -> str:
    return given_text((name,), reader.model, reader.config, most).known


def _save(made: "Direction", path: Path) -> None:
    from charrnn.interpret.steering import LONGEST_NAME, save_steering

    name = escape(made.steering.name)[:LONGEST_NAME]
    score = round(made.area, 4)
    steering = dataclasses.replace(made.steering, name=name, measure="AUC", score=score)
    save_steering(steering, path)


# --- what is shown ----------------------------------------------------------------------------------------------------


def _as_dict(
    reader: Reader, judge: "Judge", made: "Direction", effects: "Sequence[Effect]"
) -> dict[str, Any]:
    a, b = reader.names
    most = made.shifts[:MOST_UNITS]
    return {
        "a": a,
        "b": b,
        "states": sorted({unit.letter for unit in made.steering.units}),
        "classifier": {"accuracy": judge.accuracy, "pieces": list(judge.pieces)},
        "auc": made.area,
        "units": [dataclasses.asdict(s) | {"unit": str(s.unit)} for s in most],
        **names_by_unit([s.unit for s in most], unit_names(reader.loaded)),
        "effects": [
            {
                "strength": one.strength,
                "share": one.share,
                "random": list(one.random),
                "percentile": one.percentile if one.random else None,
                "sample_bits_per_char": None if math.isnan(one.sample_bits) else one.sample_bits,
                "bits_per_char": {"a": one.bits[0], "b": one.bits[1]},
            }
            for one in effects
        ],
    }


def _print(
    judge: "Judge",
    made: "Direction",
    effects: "Sequence[Effect]",
    names: "Sequence[NamedUnit]",
) -> None:
    from charrnn.render.tables import tight_lines, wrapped

    pieces = counted(sum(judge.pieces), "piece")
    most = made.shifts[: MOST_UNITS // 2]
    units = ", ".join(f"{with_name(s.unit, names)} {s.b - s.a:+.2f}" for s in most)
    for line in (
        f"classifier: accuracy {100 * judge.accuracy:.1f} % on {pieces} that it has not seen (chance: 50 %)",
        f"the direction tells A from B in text that did not make it: AUC {made.area:.3f}",
        f"units that differ most (B minus A): {units}",
    ):
        print(*wrapped(line, terminal_width()), sep="\n")
    heading = (
        "strength",
        "called B",
        "random directions",
        "percentile",
        *("bits: samples", "A", "B"),
    )
    rows = [_row(one) for one in effects]
    columns = [list(column) for column in zip(heading, *rows, strict=True)]
    for line in tight_lines(columns, terminal_width(), least=5):
        print(line)


def _row(effect: "Effect") -> tuple[str, ...]:
    low, high = (f"{100 * end(effect.random, default=0):.0f} %" for end in (min, max))
    return (
        f"{effect.strength:g}" if effect.strength else "none",
        f"{100 * effect.share:.0f} %",
        f"{low} to {high}" if effect.random else "",
        f"{effect.percentile:.0f}" if effect.random else "",
        f"{effect.sample_bits:.2f}",
        *(f"{bits:.2f}" for bits in effect.bits),
    )
