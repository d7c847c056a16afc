"""The page of a live model, and what can be asked of it: to read a text, and to write on. It knows no HTTP.

A request is a value and the model remembers nothing, so that the same request always has the same reply, and several can
be answered at once. Whoever wants another temperature in the midst of a text asks for the rest of it: with what is
`written` already, and the next of the seed's streams of random numbers (`index`).
"""

import time
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from charrnn.config import SamplingConfig
from charrnn.errors import UsageError
from charrnn.interpret.edits import edited, parse_edits
from charrnn.interpret.recording import record_parts
from charrnn.interpret.units import parse_units
from charrnn.sampling.prime import before
from charrnn.sampling.sampler import write
from charrnn.settings import require
from charrnn.text.vocabulary import name_characters
from charrnn.web.data import page_data
from charrnn.web.html import page_html
from charrnn.web.lines import write_lines

if TYPE_CHECKING:
    from charrnn.model import CharRNN
    from charrnn.sampling.stream import Piece

MOST_CHARS = 2000
"""Of a text that is read, or written on; and that one request may have written."""
MOST_INDEX = 10**6
GUESSES = 5
"""For the next character, after each."""
BEGINNING = SamplingConfig(length=400, seed=1)
"""What the model writes for the page to begin with; the page begins with these settings too."""
TEXTS = ("prime", "written", "edits")
SETTINGS = ("length", "temperature", "top_p", "seed")
"""The fields of SamplingConfig that a request may have."""

Line = dict[str, object]


class Live:
    """Answers requests with a model.

    Args:
        model: reads and writes.
        title: of the page.
        lines: whether the model was trained on lines, and so reads and writes each from its first state on.
    """

    def __init__(self, model: "CharRNN", title: str, *, lines: bool = False) -> None:
        self._model, self._title, self._lines = model, title, lines
        self._units = [
            unit for state in model.cell.states for unit in parse_units(f"L*.{state}.*", model)
        ]

    def page(self) -> str:
        """The page, with a text that the model has written and read."""
        settings = {name: getattr(BEGINNING, name) for name in SETTINGS}
        text = "".join(str(line["text"]) for line in self.write(settings))
        about = {
            "text": text,
            "settings": settings,
            "mostChars": MOST_CHARS,
            "states": list(self._model.cell.states),
        }
        return page_html({**self._read(self._model, text), "live": about}, live=True)

    def read(self, request: Any) -> Generator[Line, None, None]:
        """Read a text.

        Args:
            request: `text`; and `edits`, the lines of a file of edits, such as "clamp L0.c.37=+1".

        Yields:
            One line with `data`: see `charrnn.web.data.page_data`, None if nothing is left to read; and, where the
            model does not know all characters, `unknown`, those that were left out, and `names`, what they are called.

        Raises:
            UsageError, DataError: the request cannot be obeyed.
        """
        asked = _asked(request, ("text", "edits"))
        text = _text(asked, "text")
        _require_short(text)
        kept, unknown = self._known(text)
        model = self._edited(asked)
        line: Line = {"data": None if unknown and not kept else self._read(model, kept)}
        yield line | ({"unknown": unknown, "names": name_characters(unknown)} if unknown else {})

    def _known(self, text: str) -> tuple[str, list[str]]:
        """A text without the characters that the model does not know, and these, each once."""
        unknown = self._model.vocabulary.missing(text)
        return text.translate(dict.fromkeys(map(ord, unknown))), unknown

    def _read(self, model: "CharRNN", text: str) -> Line:
        letters = {*model.cell.states, *model.cell.sigmoids}
        parts = record_parts(model, text, top=GUESSES, keep=letters, lines=self._lines)
        return page_data(parts, self._units, title=self._title)

    def write(self, request: Any) -> Generator[Line, None, None]:
        """Write on.

        Args:
            request: `prime`, and what is `written` after it (without a prime the model begins as in `sampler.sample`;
                characters that it does not know are left out); `edits`, as for reading; `length`, `temperature`,
                `top_p` and `seed`, as in SamplingConfig; `index`, which of the seed's streams of random numbers;
                `speed`, the most characters a second.

        Yields:
            Lines with `text`, what is new, and `index`, the stream that drew it; in the last, `stop` says why it ends.

        Raises:
            UsageError, DataError: the request cannot be obeyed.
        """
        asked = _asked(request, (*TEXTS, *SETTINGS, "index", "speed"))
        pause = _pause(asked.get("speed"))
        for piece in self._pieces(asked):
            parts = (list(piece.text) or [""]) if pause else [piece.text]
            for part in parts[:-1]:
                yield {"text": part, "index": piece.index, "stop": None}
                time.sleep(pause)
            yield {"text": parts[-1], "index": piece.index, "stop": piece.stop}
            time.sleep(pause * len(parts[-1]))

    def _pieces(self, asked: Mapping[str, Any]) -> Iterator["Piece"]:
        config = SamplingConfig(**{name: asked[name] for name in SETTINGS if name in asked})
        require(config.length <= MOST_CHARS, "length", f"{MOST_CHARS:,} at most", config.length)
        index = asked.get("index", 0)
        whole = isinstance(index, int) and not isinstance(index, bool)
        require(whole and 0 <= index <= MOST_INDEX, "index", f"from 0 to {MOST_INDEX:,}", index)
        prime, written = _text(asked, "prime"), _text(asked, "written")
        _require_short(prime + written)
        prime, written = self._known(prime)[0], self._known(written)[0]
        model = self._edited(asked)
        if self._lines:
            return write_lines(model, (prime + written).rpartition("\n")[2], config, index)
        return write(model, before(model, prime, line=False) + written, config, indices=(index,))

    def _edited(self, asked: Mapping[str, Any]) -> "CharRNN":
        edits = tuple(parse_edits(_text(asked, "edits"), "units held"))
        return edited(self._model, edits) if edits else self._model


# --- requests ----------------------------------------------------------------------------------------------------------


def _asked(request: Any, names: tuple[str, ...]) -> Mapping[str, Any]:
    """A request that is an object and has no fields but these."""
    if not isinstance(request, dict):
        raise UsageError("a request is an object")
    if strange := sorted(request.keys() - set(names)):
        raise UsageError(f"a request has no {strange[0][:40]!r}; it may have {', '.join(names)}")
    return request


def _text(asked: Mapping[str, Any], name: str) -> str:
    text = asked.get(name, "")
    require(isinstance(text, str), name, "a text", text)
    return str(text)


def _require_short(text: str) -> None:
    if len(text) > MOST_CHARS:
        raise UsageError(
            f"a live text has {MOST_CHARS:,} characters at most, not {len(text):,}",
            "charrnn visualize --html shows longer ones",
        )


def _pause(speed: object) -> float:
    """Seconds from one character to the next."""
    if speed is None:
        return 0.0
    number = isinstance(speed, (int, float)) and not isinstance(speed, bool)
    require(number and 1 <= speed <= 1e6, "speed", "from 1 to 1,000,000", speed)  # type: ignore[operator]
    return 1 / float(speed)  # type: ignore[arg-type]
