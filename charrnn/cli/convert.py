"""`charrnn convert`: the targets that a model of pairs gives for sources, a line for each line."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.arriving import Lines, open_lines
from charrnn.cli.inputs import TextArgument
from charrnn.cli.reading import checkpoint_and_texts, hint_in_quotes
from charrnn.cli.run_names import CheckpointArgument, open_pairs
from charrnn.cli.terminal import print_json, say, shown, warn
from charrnn.cli.threads import one_thread
from charrnn.cli.work import working
from charrnn.config import OUTPUT
from charrnn.errors import SettingError
from charrnn.runs import reading_of
from charrnn.settings import Config, setting
from charrnn.wording import counted, escape, noun_of

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.config import CorpusConfig
    from charrnn.pairs.model import PairNetwork
    from charrnn.pairs.restriction import Restriction
    from charrnn.pairs.search import Target

EXAMPLES = (
    "charrnn convert dates '3 May 2020'",
    "charrnn convert dates dates.txt > iso.txt",
    r"charrnn convert dates dates.txt --match '\d{4}-\d\d-\d\d' --beam 4 --n-best 2",
)
AT_ONCE = 2048
"""Lines that are converted before the first of them is printed."""
MOST_SHOWN = 60
"""Characters of a target that a message shows."""


@dataclass(frozen=True, kw_only=True)
class ConvertOptions(Config):
    """How targets are found, and what is printed of them."""

    beam: int = setting(
        1,
        "Keep this many hypotheses at each step; 1 always takes the most likely symbol.",
        low=1,
        high=256,
        metavar="K",
    )
    n_best: int = setting(
        1,
        "Print the N most likely targets of each line, as line number, negative log-probability in nats and target, "
        "with tabs between them.",
        low=1,
        high=256,
        metavar="N",
        panel=OUTPUT,
    )
    vectors: Path | None = setting(
        None,
        "Read the vectors in this .npy or .npz file instead of a text, with a model that was trained with --vectors.",
        metavar="FILE",
    )
    match: str | None = setting(
        None,
        "Write only targets that match this regular expression in full.",
        metavar="REGEX",
    )
    targets: Path | None = setting(
        None, "Write only targets that are lines of this file.", metavar="FILE"
    )
    json: bool = setting(
        False, "Print one JSON object per line: the source, and its targets.", panel=OUTPUT
    )


def convert(
    checkpoint: CheckpointArgument = None,
    texts: TextArgument = None,
    *,
    options: ConvertOptions,
) -> None:
    """Turn each line into its target, with a model that was trained with --pairs.

    One line is printed for each line, in order; an empty line stays empty. Without a text, or with -, standard input is
    read, and each line answered as it arrives. Characters that the model does not know are left out, but with
    --align each they stay where they are.
    """
    from charrnn.pairs.converting import require_search

    checkpoint, names = checkpoint_and_texts(checkpoint, texts)
    loaded = open_pairs(checkpoint, hint_in_quotes(names), reads_vectors=True)
    model: PairNetwork = loaded.model
    if options.vectors is None and model.config.source_vectors:
        raise SettingError.naming("this model reads vectors, not texts", "add {vectors:FILE}")
    allowed = _restriction(loaded, options)
    require_search(model, options.beam, options.n_best, allowed)
    printer = _Printer(model, options, allowed)
    prints_to_terminal = sys.stdout.isatty()
    if options.vectors is not None:
        _convert_vectors(printer, options.vectors, names)
        return
    with working(None, "line", has_bar=not prints_to_terminal) as work:
        for text in open_lines(names or ("-",), reading_of(loaded)):
            with one_thread() if text.is_live else nullcontext():
                for lines in _some(text, reading_of(loaded)):
                    printer.convert(lines)
                    work.advance(len(lines))
    printer.say_what_was_lost()


def _convert_vectors(printer: "_Printer", path: Path, names: Sequence[str]) -> None:
    """Print the targets of the sources in a file of vectors.

    Raises:
        SettingError: there is a text too, or the model reads texts.
        DataError: the file cannot be read, or its vectors are of another length.
    """
    from charrnn.text.vectors import read_vectors

    if names:
        raise SettingError.naming("{vectors} stands in place of a text", "give one of them")
    if not printer.model.config.source_vectors:
        raise SettingError.naming("{vectors} needs a model that reads vectors", "leave it out")
    frames: list[Any] = read_vectors(path)
    with working(len(frames), "line", has_bar=not sys.stdout.isatty()) as work:
        for begin in range(0, len(frames), AT_ONCE):
            printer.convert(frames[begin : begin + AT_ONCE])
            work.advance(len(frames[begin : begin + AT_ONCE]))
    printer.say_what_was_lost()


def _restriction(loaded: "Checkpoint", options: ConvertOptions) -> "Restriction | None":
    """What may be written; targets that the model cannot write are reported.

    Raises:
        DataError: the file of targets cannot be read, or the model can write none of them.
        UsageError: the expression is not valid, or no text that the model can write matches it.
    """
    from charrnn.pairs.converting import restriction_of

    targets = None
    if options.targets is not None:
        from charrnn.cli.inputs import read_text
        from charrnn.text.sources import file_source

        text = read_text(file_source(options.targets), reading_of(loaded))
        targets = [line for line in text.split("\n") if line]
    allowed = restriction_of(loaded.model, options.match, targets)
    if allowed and allowed.unwritable:
        count = f"{len(allowed.unwritable):,} of {counted(len(allowed.targets or ()), 'target')}"
        first = escape(allowed.unwritable[0][:MOST_SHOWN])
        warn(
            f"charrnn: {count} in {options.targets} can never be written by this model, such as {first}"
        )
    return allowed


def _some(text: Lines, reading: "CorpusConfig") -> Iterator[list[str]]:
    """The lines of a text as they arrive, at most AT_ONCE together."""
    for lines in text.lists(reading):
        for begin in range(0, len(lines), AT_ONCE):
            yield lines[begin : begin + AT_ONCE]


@dataclass
class _Printer:
    """Prints targets, and counts what was lost on the way."""

    model: "PairNetwork"
    options: ConvertOptions
    allowed: "Restriction | None" = None
    lines: int = 0
    unknown: int = 0
    cut: int = 0
    without: int = 0
    """Lines that are not empty, but of which no target is allowed."""
    missing: dict[str, None] = field(default_factory=dict)
    """The characters that the model does not know, in the order of their appearance."""

    def convert(self, sources: Sequence[str]) -> None:
        """Print the targets of some lines."""
        from charrnn.pairs.converting import convert

        self._note_unknown(sources)
        options = self.options
        search = {"beam": options.beam, "n_best": options.n_best}
        found = convert(self.model, sources, **search, allowed=self.allowed)
        for source, targets in zip(sources, found, strict=True):
            self.lines += 1
            self.cut += any(not target.is_whole for target in targets[:1])
            self.without += self.allowed is not None and bool(source) and not targets
            self._print(source, targets)
        sys.stdout.flush()

    def _print(self, source: str, targets: "Sequence[Target]") -> None:
        if self.options.json:
            made = [{"text": target.text, "nats": target.nats} for target in targets]
            given = {"source": source} if isinstance(source, str) else {"line": self.lines}
            print_json(given | {"targets": made})
        elif self.options.n_best > 1:
            for target in targets:
                print(f"{self.lines}\t{target.nats:.4f}\t{shown(target.text)}")
        else:
            print(shown(targets[0].text) if targets else "")

    def _note_unknown(self, sources: Sequence[str]) -> None:
        from charrnn.text.pairs import Labels

        symbols = self.model.source_symbols
        if isinstance(symbols, Labels) or self.model.config.source_vectors:
            return
        text = "".join(sources)
        if missing := symbols.missing(text):
            self.missing |= dict.fromkeys(missing)
            self.unknown += sum(map(text.count, missing))

    def say_what_was_lost(self) -> None:
        """Report characters that the model does not know, and targets that came to no end."""
        if self.missing:
            from charrnn.text.vocabulary import name_characters

            what = counted(self.unknown, "character")
            verb = "was" if self.unknown == 1 else "were"
            done = "copied" if self.model.alignment.keeps_unknown else "left out"
            named = name_characters([*self.missing])
            say(f"charrnn: {what} that the model does not know {verb} {done}: {named}")
        if self.cut:
            from charrnn.pairs.search import longest_written

            most = counted(longest_written(self.model), noun_of("char"))
            say(f"charrnn: {counted(self.cut, 'target')} came to no end within {most}")
        if self.without:
            has = "line has" if self.without == 1 else "lines have"
            say(f"charrnn: {self.without:,} {has} no target that is allowed")
