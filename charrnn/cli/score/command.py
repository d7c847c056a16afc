"""`charrnn score`: what each line costs a model, and where it surprises most."""

import heapq
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charrnn.cli.arriving import Lines, open_lines
from charrnn.cli.counts import ON, CountsOptions, has_counts
from charrnn.cli.edits import EditOptions
from charrnn.cli.inputs import TextArgument
from charrnn.cli.memory import free_memory
from charrnn.cli.options import Changes
from charrnn.cli.reading import checkpoint_and_texts, hint_in_quotes
from charrnn.cli.run_names import CheckpointArgument, open_checkpoint
from charrnn.cli.score.table import Table, print_row
from charrnn.cli.terminal import print_json, say, terminal_width
from charrnn.cli.threads import one_thread
from charrnn.cli.work import Work, working
from charrnn.config import LARGE_COUNT, READING, SHOWN, CorpusConfig
from charrnn.errors import EnvironmentFault, SettingError
from charrnn.runs import reading_of, with_lines
from charrnn.settings import Config, setting
from charrnn.text.kinds import LINES, item_end_of, item_noun
from charrnn.wording import counted, noun_of, short_noun_of

if TYPE_CHECKING:
    from charrnn.evaluation.line_scores import LineScore
    from charrnn.model import CharRNN

EXAMPLES = (
    "charrnn score access.log --top 10",
    "charrnn score web <(tail -f access.log) --threshold 3",
    "charrnn score plays --prompt 'to be or not to ' --pick be --pick bee",
)
CHANGES = Changes(different={"counts": ON})
MEASURES: dict[str, Callable[["LineScore"], float]] = {
    "mean": lambda line: line.bits_per_char,
    "bits": lambda line: line.bits,
    "worst": lambda line: line.worst.bits,
    "unknown": lambda line: line.unknown,
    "characters": lambda line: line.characters,
}
"""What lines may be compared by."""
RESERVE = 1 << 28
"""Bytes of memory that are left free when lines are sorted."""
CHECKED = 1000
"""Lines after which the memory is looked at."""
_Found = tuple[str, "LineScore"]
"""A line, and the name of its file."""


@dataclass(frozen=True, kw_only=True)
class ScoreOptions(Config):
    """How lines are scored, and which of them are shown."""

    lines: bool | None = setting(
        None,
        "Score each line by itself: reset the state before it, and leave out empty lines.",
        default_text="as the model was trained",
        panel=READING,
    )
    unknown_bits: float | None = setting(
        None,
        "Cost in bits of a character that the model does not know.",
        metavar="BITS",
        default_text="that of the model's unknown symbol; without one 20.1, as if all of Unicode were equally likely",
        panel=READING,
    )
    by: str | None = setting(
        None,
        f"What {{top}}, {{sort}} and {{threshold}} compare: {', '.join(MEASURES)}.",
        choices=tuple(MEASURES),
        metavar="MEASURE",
        default_text="mean, the bits per character; with --pick, bits",
        panel=SHOWN,
    )
    top: int | None = setting(
        None,
        "Show only this many lines, the highest first.",
        low=1,
        high=LARGE_COUNT,
        metavar="N",
        default_text="all",
        panel=SHOWN,
    )
    sort: bool = setting(
        False, "Sort by the measure, the highest first, once all lines have been read.", panel=SHOWN
    )
    threshold: float | None = setting(
        None, "Show only lines that reach this value.", metavar="X", default_text="all", panel=SHOWN
    )
    prompt: str | None = setting(
        None, "Text that precedes each candidate of {pick}.", needs=("pick",), escapes=True
    )
    pick: tuple[str, ...] = setting(
        (),
        "Score this candidate after {prompt} instead of lines; the most likely is listed first. May be repeated.",
        metavar="TEXT",
        excludes=("top", "sort", "threshold"),
        escapes=True,
    )
    json: bool = setting(False, "Print one JSON object per line.")

    @property
    def measure(self) -> Callable[["LineScore"], float]:
        """What lines are compared by."""
        return MEASURES[self.by or ("bits" if self.pick else "mean")]

    @property
    def waits(self) -> bool:
        """Whether nothing is shown before all has been read."""
        return self.sort or self.top is not None


def score(
    checkpoint: CheckpointArgument = None,
    texts: TextArgument = None,
    *,
    options: ScoreOptions,
    counts: CountsOptions,
    edits: EditOptions,
) -> None:
    """Score each line of a text: which line is odd, and where?

    The columns: the line's number; its characters, with the newline; their surprisal in bits, in total and on average;
    how many of them the model does not know; then the most surprising character: its surprisal (worst), its position
    from 0 (at), the character (read), and what the model expected instead. The state is carried from line to line; a
    model that was trained on lines, records or documents starts each of these from its initial state. If the model has
    counts of its training text, they are mixed in, as in evaluate. Lines from standard input and pipes are scored as
    they arrive.
    """
    checkpoint, names = _checkpoint_and_texts(checkpoint, texts, options)
    loaded = open_checkpoint(checkpoint, hint_in_quotes(names))
    model = counts.mixed(edits.edited(loaded), loaded, usually=True)
    reading = with_lines(reading_of(loaded), options.lines)
    if options.pick:
        _show_candidates(model, options, reading)
    else:
        _show_lines(model, open_lines(names, reading), options, reading)


def _checkpoint_and_texts(
    checkpoint: str | None, texts: list[str] | None, options: ScoreOptions
) -> tuple[str | None, Sequence[str]]:
    """The checkpoint and the texts that the arguments mean.

    Raises:
        SettingError: there are neither texts nor candidates, or both.
    """
    names: Sequence[str] = texts or ()
    if not options.pick:
        checkpoint, names = checkpoint_and_texts(checkpoint, texts)
    if bool(names) == bool(options.pick):
        command = "charrnn score" + (f" {shlex.quote(checkpoint)}" if checkpoint else "")
        raise SettingError.naming(
            "give either a text or {pick}", "for example: {command} access.log", command=command
        )
    return checkpoint, names


def _say_counts(model: "CharRNN") -> None:
    if has_counts(model):
        say("charrnn: counts are mixed in; --no-counts scores with the network alone")


# --- lines ----------------------------------------------------------------------------------------


@dataclass
class _Sums:
    """What was scored so far."""

    lines: int = 0
    characters: int = 0
    unknown: int = 0
    bits: float = 0.0
    has_text: bool = False
    """Whether a line has more than blanks."""

    def add(self, line: "LineScore") -> None:
        self.lines += 1
        self.characters += line.characters
        self.unknown += line.unknown
        self.bits += line.bits
        self.has_text |= bool(line.text.strip())


def _show_lines(
    model: "CharRNN", texts: list[Lines], options: ScoreOptions, reading: CorpusConfig
) -> None:
    end = item_end_of(reading)
    _say_counts(model)
    if end is None:
        say("charrnn: the state is carried from line to line; --lines resets it before each")
    sums, noun = _Sums(), item_noun(end or LINES.end)
    prints_to_terminal = not options.waits and sys.stdout.isatty()
    with working(None, noun, has_bar=not prints_to_terminal) as work:
        found: Iterable[_Found] = _found(model, texts, options, sums, reading, work)
        if options.threshold is not None:
            found = (pair for pair in found if options.measure(pair[1]) >= options.threshold)
        if options.waits:
            found = _highest(found, options)
        printed = _printer(noun, [text.name for text in texts], options, model.vocabulary.level)
        for name, line in found:
            printed(name, line)
    _say_sums(sums, noun, options, model)


def _found(
    model: "CharRNN",
    texts: list[Lines],
    options: ScoreOptions,
    sums: _Sums,
    reading: CorpusConfig,
    work: Work,
) -> Iterator[_Found]:
    """Each line of each text with its score, as soon as it is there."""
    from charrnn.cli.inputs import KnownForm
    from charrnn.evaluation.score import LineScorer
    from charrnn.evaluation.streams import MAX_STREAMS

    end, known = item_end_of(reading), KnownForm(model)
    for text in texts:
        scorer = LineScorer(
            model,
            carried=end is None,
            item_end=end or LINES.end,
            unknown_bits=options.unknown_bits,
            max_streams=1 if text.is_live else MAX_STREAMS,
        )
        with one_thread() if text.is_live else nullcontext():
            for lines in text.lists(reading):
                for line in scorer.score([known(line) for line in lines]):
                    sums.add(line)
                    work.advance(1)
                    yield text.name, line


def _highest(found: Iterable[_Found], options: ScoreOptions) -> list[_Found]:
    """The lines in order, the highest first; of equals the first comes first."""

    def measure(pair: _Found) -> float:
        return options.measure(pair[1])

    if options.top is None:
        return sorted(_held(found), key=measure, reverse=True)
    return heapq.nlargest(options.top, found, measure)


def _held(found: Iterable[_Found]) -> Iterator[_Found]:
    """All lines, which a stream that never ends must not fill the memory with."""
    for count, pair in enumerate(found, 1):
        if count % CHECKED == 0 and free_memory() < RESERVE:
            raise EnvironmentFault(
                f"the memory is full after {counted(count, 'line')}",
                "--top N keeps only the N highest",
            )
        yield pair


def _printer(
    noun: str, names: list[str], options: ScoreOptions, level: str
) -> Callable[[str, "LineScore"], None]:
    """The function that prints a line of a file; the heading of the table is printed at once."""
    if options.json:
        several = len(names) > 1
        return lambda name, line: print_json(({"file": name} if several else {}) | line.as_dict())
    width = terminal_width() if sys.stdout.isatty() else None
    table = Table(noun, names, short_noun_of(level), width)
    print_row(table.heading())
    return lambda name, line: print_row(table.row(name, line))


def _say_sums(sums: _Sums, item: str, options: ScoreOptions, model: "CharRNN") -> None:
    """Report all lines together, and what unknown characters cost."""
    from charrnn.text.pieces import ONLY_BLANKS

    if not sums.lines:
        say(f"charrnn: there are no {item}s to score")
        return
    noun = noun_of(model.vocabulary.level)
    mean = sums.bits / sums.characters
    say(
        f"charrnn: {counted(sums.lines, item)}, {counted(sums.characters, noun)}, {mean:.4f} bits per {noun}"
    )
    if not sums.has_text:
        say(f"charrnn: the text has {ONLY_BLANKS}")
    _say_unknown(sums.unknown, options, model)


def _say_unknown(count: int, options: ScoreOptions, model: "CharRNN") -> None:
    from charrnn.evaluation.line_scores import UNIFORM_BITS

    bits = options.unknown_bits
    if not count or (bits is None and model.vocabulary.has_unknown):
        return
    cost = UNIFORM_BITS if bits is None else bits
    what = counted(count, "character")
    say(f"charrnn: {what} that the model does not know cost {cost:.4g} bits each (--unknown-bits)")


# --- candidates -----------------------------------------------------------------------------------


def _show_candidates(model: "CharRNN", options: ScoreOptions, reading: CorpusConfig) -> None:
    from charrnn.cli.inputs import as_typed_for
    from charrnn.evaluation.candidates import score_candidates

    with one_thread():
        found = score_candidates(
            model,
            as_typed_for(options.prompt or "", model, reading),
            [as_typed_for(candidate, model, reading) for candidate in options.pick],
            item_end=item_end_of(reading),
            unknown_bits=options.unknown_bits,
        )
    _say_counts(model)
    printed = _printer("pick", ["--pick"], options, model.vocabulary.level)
    for candidate in sorted(found, key=options.measure):
        printed("--pick", candidate)
    _say_unknown(sum(candidate.unknown for candidate in found), options, model)
