"""`charrnn convert`: the targets that a model of pairs gives for sources, a line for each line."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from charrnn.cli.arriving import Lines, open_lines
from charrnn.cli.inputs import TextArgument
from charrnn.cli.reading import checkpoint_and_texts, hint_in_quotes
from charrnn.cli.run_names import CheckpointArgument, open_pairs
from charrnn.cli.terminal import print_json, say
from charrnn.cli.threads import one_thread
from charrnn.cli.work import working
from charrnn.config import OUTPUT
from charrnn.runs import reading_of
from charrnn.settings import Config, setting
from charrnn.wording import counted, noun_of

if TYPE_CHECKING:
    from charrnn.config import CorpusConfig
    from charrnn.pairs.converting import Target
    from charrnn.pairs.model import PairNetwork

EXAMPLES = (
    "charrnn convert dates '3 May 2020'",
    "charrnn convert dates dates.txt > iso.txt",
    "charrnn convert numbers --beam 8 --n-best 3 --json < words.txt",
)
AT_ONCE = 2048
"""Lines that are converted before the first of them is printed."""


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
    loaded = open_pairs(checkpoint, hint_in_quotes(names))
    model: PairNetwork = loaded.model
    require_search(model, options.beam, options.n_best)
    printer = _Printer(model, options)
    prints_to_terminal = sys.stdout.isatty()
    with working(None, "line", has_bar=not prints_to_terminal) as work:
        for text in open_lines(names or ("-",), reading_of(loaded)):
            with one_thread() if text.is_live else nullcontext():
                for lines in _some(text, reading_of(loaded)):
                    printer.convert(lines)
                    work.advance(len(lines))
    printer.say_what_was_lost()


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
    lines: int = 0
    unknown: int = 0
    cut: int = 0
    missing: dict[str, None] = field(default_factory=dict)
    """The characters that the model does not know, in the order of their appearance."""

    def convert(self, sources: Sequence[str]) -> None:
        """Print the targets of some lines."""
        from charrnn.pairs.converting import convert

        self._note_unknown(sources)
        options = self.options
        found = convert(self.model, sources, beam=options.beam, n_best=options.n_best)
        for source, targets in zip(sources, found, strict=True):
            self.lines += 1
            self.cut += any(not target.is_whole for target in targets[:1])
            self._print(source, targets)
        sys.stdout.flush()

    def _print(self, source: str, targets: "Sequence[Target]") -> None:
        if self.options.json:
            made = [{"text": target.text, "nats": target.nats} for target in targets]
            print_json({"source": source, "targets": made})
        elif self.options.n_best > 1:
            for target in targets:
                print(f"{self.lines}\t{target.nats:.4f}\t{target.text}")
        else:
            print(targets[0].text if targets else "")

    def _note_unknown(self, sources: Sequence[str]) -> None:
        from charrnn.text.pairs import Labels

        symbols = self.model.source_symbols
        if isinstance(symbols, Labels):
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
            from charrnn.pairs.converting import longest_written

            most = counted(longest_written(self.model), noun_of("char"))
            say(f"charrnn: {counted(self.cut, 'target')} came to no end within {most}")
