"""How samples are written to standard output: as text while they are made, in colours, or as lines of JSON."""

import codecs
import dataclasses
import math
import sys
from typing import TYPE_CHECKING, Any, Protocol

from charrnn.cli.terminal import print_json, say, terminal_color, terminal_width
from charrnn.render.palette import Palette

if TYPE_CHECKING:
    from collections.abc import Iterable

    from charrnn.render.palette import ColorMode
    from charrnn.sampling.sampler import Sample
    from charrnn.sampling.stream import Piece

CHARACTERS_PER_WRITE = 32
"""Of text for a pipe; a terminal gets each piece at once."""
CUT_OFF = ("length", "max-chars")
"""Why a line ends that is not complete."""


class Output(Protocol):
    """Writes samples."""

    prime: str
    """What each goes on from."""
    cut_off: int
    """Samples so far that ended only because they were long enough."""

    def write(self, samples: "Iterable[Sample]") -> None:
        """Write whole samples."""


class TextOutput:
    """Writes the prime text of each sample and what follows it, as it comes.

    Args:
        prime: what each goes on from.
        separator: what stands between two. None: an empty line.
        lines: each sample is a line, and ends with a newline even if it was cut off; a separator takes its place.
    """

    def __init__(self, prime: str, separator: str | None, *, lines: bool) -> None:
        from charrnn.render.glyphs import harmless

        self.prime = prime
        self.cut_off = 0
        is_terminal = sys.stdout.isatty()
        self._show = harmless if is_terminal else str
        self._joins_lines = lines and separator is not None
        usual = "" if lines else "\n\n"
        self._separator = usual if separator is None else separator
        self._ends_line = (is_terminal or lines) and not self._joins_lines
        self._ends_text = is_terminal
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
        prime = _whole_characters(self.prime)
        sys.stdout.write(self._show((self._separator if self._begun else "") + prime))
        sys.stdout.flush()
        self._begun = self._open = True
        self._last = prime[-1:]

    def _put(self, piece: "Piece") -> None:
        if piece.text:
            self._last = piece.text[-1]
            sys.stdout.write(self._written(piece))
            self._waiting += len(piece.text)
        if self._waiting >= self._pause:
            self._waiting = 0
            sys.stdout.flush()

    def _written(self, piece: "Piece") -> str:
        """How a piece is shown."""
        return self._show(piece.text)

    def _end(self) -> None:
        self._open = False
        if self._ends_line and self._last != "\n":
            sys.stdout.write(self._show("\n"))
        sys.stdout.flush()


def _whole_characters(prime: str) -> str:
    """A prime text without the first bytes of a character at its end: the sample begins with that character."""
    if not "\udc80" <= prime[-1:] <= "\udcff":
        return prime
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    return decoder.decode(prime.encode("utf-8", "surrogateescape"))


def _without_end(piece: "Piece") -> "Piece":
    """A line's last piece without its newline."""
    told = piece.log_probabilities[:-1] if piece.log_probabilities else ()
    return dataclasses.replace(piece, text=piece.text.removesuffix("\n"), log_probabilities=told)


class SurprisalOutput(TextOutput):
    """Writes samples as `TextOutput` does, each character coloured by its bits; the prime text is not.

    Args:
        prime, separator, lines: see `TextOutput`.
        color: the colours to use, or None: those that standard output can show.
        palette: which ones.
        quiet: say nothing of what they mean, and nothing of the mean.
    """

    def __init__(
        self,
        prime: str,
        separator: str | None,
        *,
        lines: bool,
        color: "ColorMode | None" = None,
        palette: Palette = Palette.rdbu,
        quiet: bool = False,
    ) -> None:
        from charrnn.render.views.rows import SurprisalRows

        super().__init__(prime, separator, lines=lines)
        self._mode, self._palette = color or terminal_color(), palette
        self._rows = SurprisalRows(self._mode, terminal_width(), palette)
        self._show = self._rows.plain
        self._quiet = quiet
        self._count, self._total, self._most = 0, 0.0, 0.0

    def stream(self, pieces: "Iterable[Piece]") -> None:
        """Write the pieces of samples, one sample after the other, with a legend before and the mean after them."""
        from charrnn.render.views.rows import surprisal_legend

        if not self._quiet:
            for line in surprisal_legend(self._mode, self._palette, in_color=sys.stderr.isatty()):
                say(f"charrnn: {line}")
        super().stream(pieces)
        sys.stdout.write(self._rows.end())
        sys.stdout.flush()
        if self._count and not self._quiet:
            mean = self._total / self._count
            say(f"charrnn: {mean:.3f} bits per character on average, {self._most:.1f} at most")

    def _written(self, piece: "Piece") -> str:
        bits = [-nats / math.log(2) for nats in piece.log_probabilities]
        self._count += len(bits)
        self._total += math.fsum(bits)
        self._most = max(self._most, *bits)
        return self._rows.judged(piece.text, bits)


class JsonOutput:
    """Writes a line of JSON for each sample.

    Args:
        prime: what each goes on from.
        characters: whether to tell the log-probability of each character.
    """

    def __init__(self, prime: str, *, characters: bool) -> None:
        self.prime = prime
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
                "prime": sample.prime,
                "text": sample.text,
                "stop": sample.stop,
                "mean_log_probability": mean if math.isfinite(mean) else None,
            }
            if self._characters:
                record["log_probabilities"] = sample.log_probabilities
            print_json(record)
