"""The page of a live model and its actions: reading a text, continuing one, what a unit does. It knows no HTTP.

A request is a value, and what is kept between requests only saves time, so that the same request always has the same
reply and several can be answered at once. To change the temperature in the middle of a text, request the remainder: with
the text `written` so far, and the next of the seed's streams of random numbers (`index`).
"""

import dataclasses
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from charrnn.adapting.learner import can_learn
from charrnn.config import SamplingConfig
from charrnn.counts.mixed_model import MixedModel
from charrnn.errors import UsageError
from charrnn.interpret.edits import edited, parse_edits
from charrnn.interpret.names import NamedUnit, with_address
from charrnn.interpret.recording import ids_of
from charrnn.interpret.rereading import Rereader, num_common
from charrnn.interpret.units import Unit, parse_unit
from charrnn.render.glyphs import glyph
from charrnn.sampling.sampler import full_prompt, generate, generate_items
from charrnn.settings import require
from charrnn.text.normal import known_form, normalized
from charrnn.text.vocabulary import name_characters
from charrnn.web.asked import context_data, saliency_data
from charrnn.web.cards import page_cards
from charrnn.web.data import GUESSES, gates_data
from charrnn.web.html import page_html
from charrnn.web.learning import Learning
from charrnn.web.packing import unpacked
from charrnn.web.rows import about_model, row_data

if TYPE_CHECKING:
    from charrnn.counts.mixture import Counts
    from charrnn.interpret.recording import Recording
    from charrnn.model import CharRNN
    from charrnn.sampling.stream import Piece

MAX_CHARS = 2000
"""Maximum characters of a text that is read or continued, and of one that is generated."""
MAX_TRACED = 2 * MAX_CHARS
"""Maximum characters of a text that is compared: a prompt, and what was generated after it."""
MAX_REREAD = 4
"""Number of predictors with which the last text stays read."""
MAX_LEARNED = 10_000
"""Maximum characters that are learned from."""
MAX_INDEX = 10**6
"""Maximum number of a stream of random numbers."""
BEGINNING = SamplingConfig(length=400, seed=1)
"""The settings with which the page opens, and with which its first text is generated."""
TEXTS = ("prompt", "written")
"""The fields of a request for more text that are texts."""
PREDICTOR = ("edits", "counts", "learn")
"""The fields of a request that say what makes the predictions."""
SETTINGS = ("length", "temperature", "top_p", "seed")
"""The fields of SamplingConfig that a request for more text may have."""

Line = dict[str, object]
"""A line of a reply, which becomes JSON."""


class Live:
    """A model that answers requests.

    Args:
        model: the model that reads and generates.
        title: the title of the page.
        item_end: the end of the lines, records or documents that the model was trained on; its state is then reset
            before each.
        normalize: the normal form in which its corpus was read; None: as it was.
        names: the names of its units.
        counts: the counts of its training text, which a request can mix in.
        mixes: whether the page opens with them mixed in.
    """

    def __init__(
        self,
        model: "CharRNN",
        title: str,
        *,
        item_end: str | None = None,
        normalize: str | None = None,
        names: Sequence[NamedUnit] = (),
        counts: "Counts | None" = None,
        mixes: bool = False,
    ) -> None:
        self._names = names
        self._counts, self._mixes = counts, mixes
        self._model, self._title, self._item_end = model, title, item_end
        self._normalize = normalize
        self._rereaders: dict[tuple[Any, Any], Rereader] = {}
        """What has read the last texts, by edits and counts, the latest last."""
        self._learning: dict[bool, Learning] = {}
        """What learns from the texts of requests, with counts and without, once there are such."""

    @property
    def actions(self) -> Mapping[str, Callable[[Any], Generator[Line, None, None]]]:
        """The actions that a page can ask for."""
        return {
            one.__name__: one
            for one in (
                *(self.read, self.write, self.gates, self.trace, self.card),
                *(self.saliency, self.context),
            )
        }

    def page(self) -> str:
        """The page as HTML: what it shows, it reads from its model."""
        title = "".join(map(glyph, self._title))
        data = {"title": title, "about": self.about(), "live": self.opening()}
        return page_html(data, live=True)

    def about(self) -> Line:
        """What the page says of the model, whatever the text."""
        return about_model(self._model, self._names, item_end=self._item_end)

    def opening(self) -> Line:
        """What the page opens with: a text that the model has generated, and the settings of its controls."""
        settings = {name: getattr(BEGINNING, name) for name in SETTINGS}
        first = self.write(settings | {"counts": self._mixes})
        counts = None if self._counts is None else self._mixes
        text = "".join(str(line["text"]) for line in first)
        return opening(text, counts=counts, learns=can_learn(self._model))

    def read(self, request: Any) -> Generator[Line, None, None]:
        """Read a text.

        Args:
            request: an object with `text`; `had`, the last text that the page has read with the same predictor;
                `edits`, lines such as "clamp L0.c.37=+1"; `counts`, whether they are mixed in; and `learn`, texts from
                which a copy of the model learns first; the last is still being typed.

        Yields:
            One line. Its `rows` are described at `charrnn.web.rows.row_data`: those of the symbols after the first
            `kept`, which the page has. They are None if the model knows none of the characters. Characters that the
            model does not know are skipped: they are listed in `unknown`, and described in `names`. `learned` is the
            number of symbols that the model has learned from.

        Raises:
            UsageError, DataError: the request is invalid.
        """
        fields, text, unknown = self._text_of(request, "had")
        had = _text(fields, "had")
        _require_short(had)
        model, learned = self._predictor(fields)
        line: Line = {"rows": None}
        if text or not unknown:
            kept = 0 if fields.get("learn") else self._num_common(text, self._known(had)[0])
            line = {"kept": kept, "rows": row_data(self._recorded(fields, model, text, kept))}
        line |= {"learned": learned} if learned else {}
        yield line | ({"unknown": unknown, "names": name_characters(unknown)} if unknown else {})

    def gates(self, request: Any) -> Generator[Line, None, None]:
        """How the gates are used in a text.

        Args:
            request: as for `read`, without `had`.

        Yields:
            One line. Its `gates` are those of `charrnn.web.data.page_data`.

        Raises:
            UsageError, DataError: the request is invalid.
        """
        fields, text, _ = self._text_of(request)
        model, _ = self._predictor(fields)
        yield {"gates": gates_data(iter([self._recorded(fields, model, text)]))}

    def trace(self, request: Any) -> Generator[Line, None, None]:
        """Read a text, and give the values of one unit in it, and what each symbol costs.

        Args:
            request: an object with the address of a `unit` of a state, and the rest as for `gates`.

        Yields:
            One line: the `pieces` of the text that the symbols add, and for each symbol the `values` of the unit and
            the `surprisal` in bits.

        Raises:
            UsageError, DataError: the request is invalid.
        """
        fields, text, _ = self._text_of(request, "unit", most=MAX_TRACED)
        unit = self._state_unit(fields)
        model, _ = self._predictor(fields)
        recording = self._recorded(fields, model, text)
        yield {
            "pieces": list(recording.pieces),
            "values": unpacked(recording.arrays[unit.what][:, unit.layer, unit.index]),
            "surprisal": unpacked(recording.surprisal),
        }

    def _text_of(
        self, request: Any, *more: str, most: int = MAX_CHARS
    ) -> tuple[Mapping[str, Any], str, list[str]]:
        """The fields of a request, the known characters of its text, and the unknown ones, each once."""
        fields = _fields(request, ("text", *more, *PREDICTOR))
        text = _text(fields, "text")
        _require_short(text, most)
        return fields, *self._known(text)

    def _num_common(self, text: str, had: str) -> int:
        """The symbols with which a text begins as another one did; at least one of the text is left."""
        if not text or not had:
            return 0
        ids = ids_of(self._model, text)
        return min(num_common(ids, ids_of(self._model, had)), len(ids) - 1)

    def _known(self, text: str) -> tuple[str, list[str]]:
        """A text in the model's normal form without the characters that it does not know, and these, each once."""
        vocabulary = self._model.vocabulary
        text = normalized(text, self._normalize)
        text = normalized(text, known_form(text, vocabulary))
        unknown = vocabulary.missing(text)
        return text.translate(dict.fromkeys(map(ord, unknown))), unknown

    def _recorded(
        self, fields: Mapping[str, Any], model: "CharRNN", text: str, since: int = 0
    ) -> "Recording":
        """A text from a symbol on, which is read from where it differs from the last one with the same predictor."""
        if fields.get("learn"):
            return self._rereader(model).read(text, since)
        key = fields.get("edits", ""), fields.get("counts", False)
        rereader = self._rereaders.pop(key, None) or self._rereader(model)
        self._rereaders = {**dict([*self._rereaders.items()][1 - MAX_REREAD :]), key: rereader}
        return rereader.read(text, since)

    def _rereader(self, model: "CharRNN") -> Rereader:
        """What records a text and its next versions."""
        letters = {*model.cell.states, *model.cell.sigmoids}
        return Rereader(model, top=GUESSES, keep=letters, item_end=self._item_end)

    def card(self, request: Any) -> Generator[Line, None, None]:
        """Measure what a unit does in a text, in the network alone.

        Args:
            request: an object with the address of a `unit` of a state, and `text` and `edits` as for `read`.

        Yields:
            One line. Its `card` is described at `charrnn.web.cards.card_data`.

        Raises:
            UsageError, DataError: the request is invalid, or the text is too short.
        """
        fields = _fields(request, ("text", "unit", "edits"))
        text = _text(fields, "text")
        _require_short(text)
        unit = self._state_unit(fields)
        kept, _ = self._known(text)
        model = self._edited(fields, self._model)
        cards = page_cards(model, kept, [unit], self._names, item_end=self._item_end)
        yield {"card": cards[str(unit)]}

    def _state_unit(self, fields: Mapping[str, Any]) -> Unit:
        """The unit of a request, which must be one of a state."""
        unit = parse_unit(_text(fields, "unit"), self._model)
        if unit.what not in self._model.cell.states:
            raise UsageError(f"{unit} is a gate, not a state", "pick a unit of a state")
        return unit

    def saliency(self, request: Any) -> Generator[Line, None, None]:
        """Explain the prediction of a character by those before it, in the network alone.

        Args:
            request: an object with `place`, the position of the symbol in the text; and `text`, `edits` and `learn`, as
                for `read`.

        Yields:
            One line. Its `saliency` is described at `charrnn.web.asked.saliency_data`.

        Raises:
            UsageError, DataError: the request is invalid.
        """
        fields, text, model = self._asked(request, "place")
        place = fields.get("place")
        whole = isinstance(place, int) and not isinstance(place, bool)
        require(whole, "place", "a whole number", place)
        yield {"saliency": saliency_data(model, text, int(str(place)), item_end=self._item_end)}

    def context(self, request: Any) -> Generator[Line, None, None]:
        """Measure how much longer contexts help in a text, in the network alone.

        Args:
            request: an object with `text`, `edits` and `learn`, as for `read`.

        Yields:
            One line. Its `context` is described at `charrnn.web.asked.curve_data`.

        Raises:
            UsageError, DataError: the request is invalid, or the text is too short.
        """
        _, text, model = self._asked(request)
        yield {"context": context_data(model, text, item_end=self._item_end)}

    def _asked(self, request: Any, *more: str) -> tuple[Mapping[str, Any], str, "CharRNN"]:
        """The fields of a request about a text, its known characters, and the network that it is about."""
        fields = _fields(request, ("text", "edits", "learn", *more))
        text = _text(fields, "text")
        _require_short(text)
        return fields, self._known(text)[0], self._predictor(fields)[0]

    def write(self, request: Any) -> Generator[Line, None, None]:
        """Continue a text.

        Args:
            request: an object with any of `prompt` and the text `written` after it (characters that the model does not
                know are skipped); `edits`, `counts` and `learn`, as for `read`; `length`, `temperature`, `top_p` and
                `seed`, as in SamplingConfig; `index`, the stream of random numbers; `speed`, the maximum characters per
                second.

        Yields:
            Lines with new `text`, and `index`, the stream of random numbers from which it was drawn. In the last line
            `stop` says why the text ends; in the others it is None.

        Raises:
            UsageError, DataError: the request is invalid.
        """
        fields = _fields(request, (*TEXTS, *SETTINGS, *PREDICTOR, "index", "speed"))
        pause = _pause(fields.get("speed"))
        for piece in self._pieces(fields):
            parts = (list(piece.text) or [""]) if pause else [piece.text]
            for part in parts[:-1]:
                yield {"text": part, "index": piece.index, "stop": None}
                time.sleep(pause)
            yield {"text": parts[-1], "index": piece.index, "stop": piece.stop}
            time.sleep(pause * len(parts[-1]))

    def _pieces(self, fields: Mapping[str, Any]) -> Iterator["Piece"]:
        """The pieces of the continuation of a text, generated one after the other."""
        config = SamplingConfig(**{name: fields[name] for name in SETTINGS if name in fields})
        require(config.length <= MAX_CHARS, "length", f"at most {MAX_CHARS:,}", config.length)
        index = fields.get("index", 0)
        whole = isinstance(index, int) and not isinstance(index, bool)
        require(whole and 0 <= index <= MAX_INDEX, "index", f"from 0 to {MAX_INDEX:,}", index)
        prompt, written = _text(fields, "prompt"), _text(fields, "written")
        _require_short(prompt + written)
        prompt, written = self._known(prompt)[0], self._known(written)[0]
        model, _ = self._predictor(fields)
        if self._item_end is not None:
            config = dataclasses.replace(config, item_end=self._item_end)
            begun = (prompt + written).rpartition(self._item_end)[2]
            return generate_items(model, begun, config, index=index)
        read = full_prompt(model, prompt, item_end=None) + written
        return generate(model, read, config, indices=(index,))

    def _predictor(self, fields: Mapping[str, Any]) -> tuple["CharRNN", int]:
        """The model of a request, with its edits, and the number of symbols that it has learned from."""
        model, learned = self._with_counts(fields.get("counts", False)), 0
        if texts := self._learnt(fields):
            mixes = isinstance(model, MixedModel)
            if mixes not in self._learning:
                self._learning[mixes] = Learning(model, self._item_end)
            model, learned = self._learning[mixes].learned(texts)
        if isinstance(model, MixedModel):
            return MixedModel(self._edited(fields, model.network), model.counts), learned
        return self._edited(fields, model), learned

    def _with_counts(self, mixes: Any) -> "CharRNN":
        """The model, with the counts if a request wants them."""
        require(isinstance(mixes, bool), "counts", "true or false", mixes)
        if not mixes:
            return self._model
        if self._counts is None:
            raise UsageError("the model has no counts of its training text", "leave them out")
        return MixedModel(self._model, self._counts)

    def _learnt(self, fields: Mapping[str, Any]) -> list[str]:
        """The texts of a request that are learned from, without characters that the model does not know."""
        texts = fields.get("learn", [])
        whole = isinstance(texts, list) and all(isinstance(text, str) for text in texts)
        require(whole, "learn", "a list of strings", texts)
        require(
            sum(map(len, texts)) <= MAX_LEARNED,
            "learn",
            f"at most {MAX_LEARNED:,} characters",
            sum(map(len, texts)),
        )
        written = [text for text in texts[:-1] if text] + texts[-1:]
        return [self._known(text)[0] for text in written]

    def _edited(self, fields: Mapping[str, Any], model: "CharRNN") -> "CharRNN":
        """A model with the edits of a request."""
        lines = _text(fields, "edits")
        edits = tuple(parse_edits(lines, "edits", lambda edit: with_address(edit, self._names)))
        return edited(model, edits) if edits else model


def opening(text: str, *, counts: bool | None = None, learns: bool = False) -> Line:
    """What a page on which one types opens with.

    Args:
        text: the text in its box.
        counts: whether counts are mixed in; None: there are none.
        learns: whether a copy of the model can learn from what is typed.
    """
    return {
        "text": text,
        "settings": {name: getattr(BEGINNING, name) for name in SETTINGS},
        "mostChars": MAX_CHARS,
        "mostLearned": MAX_LEARNED,
        "counts": counts,
        "learns": learns,
    }


# --- requests ----------------------------------------------------------------------------------------------------------


def _fields(request: Any, names: tuple[str, ...]) -> Mapping[str, Any]:
    """The fields of a request, which must be an object without fields of other names."""
    if not isinstance(request, dict):
        raise UsageError("a request must be an object")
    if strange := sorted(request.keys() - set(names)):
        raise UsageError(
            f"unknown field {strange[0][:40]!r} in the request; the fields are {', '.join(names)}"
        )
    return request


def _text(fields: Mapping[str, Any], name: str) -> str:
    """A field that is a text; empty if it is not there."""
    text = fields.get(name, "")
    require(isinstance(text, str), name, "a string", text)
    return str(text)


def _require_short(text: str, most: int = MAX_CHARS) -> None:
    """Raise UsageError if a text is longer than it may be."""
    if len(text) > most:
        raise UsageError(
            f"a live text has at most {most:,} characters, not {len(text):,}",
            "charrnn visualize --html can show a longer one",
        )


def _pause(speed: object) -> float:
    """The pause in seconds after each character, for a speed in characters per second; 0 for None."""
    if speed is None:
        return 0.0
    number = isinstance(speed, (int, float)) and not isinstance(speed, bool)
    require(number and 1 <= speed <= 1e6, "speed", "from 1 to 1,000,000", speed)  # type: ignore[operator]
    return 1 / float(speed)  # type: ignore[arg-type]
