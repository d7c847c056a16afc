"""How samples are written to standard output: as text while they are generated, in colors, or as lines of JSON."""

import codecs
import dataclasses
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from charrnn.cli.terminal import print_json, say, say_rows, terminal_color, terminal_width
from charrnn.config import OUTPUT
from charrnn.render.palette import ColorMode, Palette
from charrnn.settings import Config, setting
from charrnn.text.kinds import LINES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from charrnn.sampling.sampler import Sample
    from charrnn.sampling.stream import Piece

CHARACTERS_PER_WRITE = 32
"""Number of characters after which a pipe gets the text; a terminal gets each piece at once."""
NOTHING: "Mapping[str, str]" = MappingProxyType({})
CUT_OFF = ("length", "max-chars")
"""The reasons why a line ended that is not complete."""


@dataclass(frozen=True, kw_only=True)
class OutputOptions(Config):
    """How samples are written."""

    json: bool = setting(
        False,
        "Print one JSON object per sample: text, seed, why it ended, mean log-probability.",
        panel=OUTPUT,
    )
    each_log_probability: bool = setting(
        False,
        "With {json}: include the log-probability of each character.",
        flags=("--log-probabilities",),
        needs=("json",),
        panel=OUTPUT,
    )
    show_probabilities: bool = setting(
        False,
        "Color each character by its surprisal in bits: none if the model was sure of it, red if it was not.",
        excludes=("json",),
        panel=OUTPUT,
    )
    color: ColorMode | None = setting(
        None,
        "With {show_probabilities}: the colors to use: auto, none, 16, 256 or truecolor.",
        metavar="COLORS",
        default_text="what the terminal can show; none in a pipe",
        needs=("show_probabilities",),
        panel=OUTPUT,
    )
    palette: Palette = setting(
        Palette.rdbu,
        "With {show_probabilities}: the color of surprising characters: red (rdbu), brown (vik) or blue (karpathy).",
        metavar="PALETTE",
        needs=("show_probabilities",),
        panel=OUTPUT,
    )

    @property
    def needs_log_probabilities(self) -> bool:
        """Whether the log-probability of each character is printed or shown."""
        return self.json or self.show_probabilities


class Output(Protocol):
    """Writes samples."""

    prompt: str
    """The text that each sample continues."""
    cut_off: int
    """Number of samples so far that were cut off at the maximum length."""

    def write(self, samples: "Iterable[Sample]") -> None:
        """Write whole samples."""


def make_output(
    options: OutputOptions,
    prompt: str,
    separator: str | None,
    *,
    item_end: str | None,
    written: Mapping[str, str],
) -> Output:
    """The output that the options describe; see `TextOutput` for the other arguments."""
    if options.json:
        return JsonOutput(prompt, characters=options.each_log_probability)
    if options.show_probabilities:
        return SurprisalOutput(
            prompt, separator, item_end=item_end, color=options.color, palette=options.palette
        )
    return TextOutput(prompt, separator, item_end=item_end, written=written)


class TextOutput:
    """Writes the prompt of each sample and what follows it, as it comes.

    Args:
        prompt: the text that each sample continues.
        separator: the text between two samples. None: an empty line.
        item_end: the end of an item, if each sample is one. A line ends with a newline even if it was cut off; a
            separator takes its place. After the last record or document there is a newline.
        written: what is written in place of characters, such as the end of a record in running text.
    """

    def __init__(
        self,
        prompt: str,
        separator: str | None,
        *,
        item_end: str | None,
        written: Mapping[str, str] = NOTHING,
    ) -> None:
        from charrnn.render.glyphs import harmless

        lines = item_end == LINES.end

        self.prompt = prompt
        self.cut_off = 0
        is_terminal = sys.stdout.isatty()
        show, table = harmless if is_terminal else str, str.maketrans(dict(written))
        self._show: Callable[[str], str] = lambda text: show(text.translate(table))
        self._joins_lines = lines and separator is not None
        usual = "" if lines else "\n\n"
        self._separator = usual if separator is None else separator
        self._ends_line = (is_terminal or lines) and not self._joins_lines
        self._ends_text = is_terminal or item_end not in (None, LINES.end)
        self._pause = 1 if is_terminal else CHARACTERS_PER_WRITE
        self._begun = self._open = False
        self._last = ""
        self._waiting = 0

    def write(self, samples: "Iterable[Sample]") -> None:
        """Write whole samples."""
        from charrnn.sampling.stream import Piece

        self.stream(Piece(s.index, s.text, s.log_probabilities, s.stop) for s in samples)

    def stream(self, pieces: "Iterable[Piece]") -> None:
        """Write the pieces of samples, one sample after the other."""
        for piece in pieces:
            if not self._open:
                self._begin()
            if piece.stop == "line" and self._joins_lines:
                piece = _without_end(piece)  # noqa: PLW2901 (the same piece, less its newline)
            self._put(piece)
            if piece.stop:
                self.cut_off += piece.stop in CUT_OFF
                self._end()
        if self._ends_text and self._begun and not self._ends_line:
            sys.stdout.write("\n")
        sys.stdout.flush()

    def _begin(self) -> None:
        prompt = _whole_characters(self.prompt)
        sys.stdout.write(self._show((self._separator if self._begun else "") + prompt))
        sys.stdout.flush()
        self._begun = self._open = True
        self._last = prompt[-1:]

    def _put(self, piece: "Piece") -> None:
        if piece.text:
            self._last = piece.text[-1]
            sys.stdout.write(self._shown(piece))
            self._waiting += len(piece.text)
        if self._waiting >= self._pause:
            self._waiting = 0
            sys.stdout.flush()

    def _shown(self, piece: "Piece") -> str:
        """A piece as it is shown."""
        return self._show(piece.text)

    def _end(self) -> None:
        self._open = False
        if self._ends_line and self._last != "\n":
            sys.stdout.write(self._show("\n"))
        sys.stdout.flush()


def _whole_characters(prompt: str) -> str:
    """A prompt without the first bytes of a character at its end: the sample begins with that character."""
    if not "\udc80" <= prompt[-1:] <= "\udcff":
        return prompt
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    return decoder.decode(prompt.encode("utf-8", "surrogateescape"))


def _without_end(piece: "Piece") -> "Piece":
    """A line's last piece without its newline."""
    rest = piece.log_probabilities[:-1] if piece.log_probabilities else ()
    return dataclasses.replace(piece, text=piece.text.removesuffix("\n"), log_probabilities=rest)


class SurprisalOutput(TextOutput):
    """Writes samples as `TextOutput` does, each character colored by its surprisal; the prompt is not.

    Args:
        prompt: the text that each sample continues.
        separator: the text between two samples. None: an empty line.
        item_end: the end of an item, if each sample is one.
        color: the colors to use; None: those that standard output can show.
        palette: the colors of high surprisal.
    """

    def __init__(
        self,
        prompt: str,
        separator: str | None,
        *,
        item_end: str | None,
        color: ColorMode | None = None,
        palette: Palette = Palette.rdbu,
    ) -> None:
        from charrnn.cli.background import is_dark
        from charrnn.render.ansi import piece_of
        from charrnn.render.look import Look
        from charrnn.render.views.live import LiveSurprisal

        super().__init__(prompt, separator, item_end=item_end)
        mode = color or terminal_color()
        self._look = Look(mode, palette, is_dark=mode != ColorMode.none and is_dark())
        self._live, self._piece_of = LiveSurprisal(self._look, terminal_width()), piece_of
        self._show = lambda text: piece_of(self._live.plain(text))
        self._count, self._total, self._highest = 0, 0.0, 0.0

    def stream(self, pieces: "Iterable[Piece]") -> None:
        """Write the pieces of samples, one sample after the other, with a legend before and the mean after them."""
        from charrnn.render.views.live import surprisal_legend

        say_rows(surprisal_legend(self._look, in_color=sys.stderr.isatty()))
        super().stream(pieces)
        sys.stdout.write(self._piece_of(self._live.end()))
        sys.stdout.flush()
        if self._count:
            mean = self._total / self._count
            say(
                f"charrnn: mean surprisal {mean:.3f} bits per character, highest {self._highest:.1f}"
            )

    def _shown(self, piece: "Piece") -> str:
        surprisal = [-nats / math.log(2) for nats in piece.log_probabilities]
        self._count += len(surprisal)
        self._total += math.fsum(surprisal)
        self._highest = max(self._highest, *surprisal)
        return self._piece_of(self._live.scored(piece.text, surprisal))


class JsonOutput:
    """Writes one JSON object per sample.

    Args:
        prompt: the text that each sample continues.
        characters: whether to include the log-probability of each character.
    """

    def __init__(self, prompt: str, *, characters: bool) -> None:
        self.prompt = prompt
        self.cut_off = 0
        self._characters = characters

    def write(self, samples: "Iterable[Sample]") -> None:
        """Write whole samples."""
        for sample in samples:
            self.cut_off += sample.stop in CUT_OFF
            mean = sample.mean_log_probability
            record: dict[str, Any] = {
                "index": sample.index,
                "seed": sample.seed,
                "prompt": sample.prompt,
                "text": sample.text,
                "stop": sample.stop,
                "mean_log_probability": mean if math.isfinite(mean) else None,
            }
            if self._characters:
                record["log_probabilities"] = sample.log_probabilities
            print_json(record)
