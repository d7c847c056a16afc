"""A text that a person and a model write together. It knows no terminal, and starts no thread.

The person's part is the text; the model's is a suggestion of how it goes on. A suggestion is what a `Draft` writes, and
a draft is a value: the same one always writes the same. So a suggestion that is left half written is simply written
again if it is wanted after all, and nothing of the network's state has to be kept; the price is that the text is read
anew for each draft.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.config import SamplingConfig
from charrnn.errors import UsageError
from charrnn.files import environment_fault, write_atomically
from charrnn.sampling.sampler import write
from charrnn.sampling.stopping import StopReason
from charrnn.sampling.stream import Piece

if TYPE_CHECKING:
    from charrnn.model import CharRNN


@dataclass(frozen=True)
class Draft:
    """What a suggestion depends on, beside the model and the rules."""

    text: str
    """What it goes on from."""
    temperature: float
    index: int
    """Which stream of random numbers of the seed."""


@dataclass(frozen=True)
class _Moment:
    """Everything that `back` brings back."""

    text: str
    draft: Draft
    written: str = ""
    """What the draft has written so far; `text` is its beginning and a part of this."""
    stop: StopReason | None = None
    """Why the draft ended, if it has."""


class Session:
    """A text, a suggestion of how it goes on, and the way back.

    At every moment `draft.text` and what that draft has written begin with `text`; the rest is the suggestion. Whatever
    stays within that (accepting a part of it, typing what it says, deleting what was accepted) leaves the suggestion as
    it is, and anything else begins another draft, with the next stream of random numbers. When all of a complete
    suggestion is accepted, the next one begins. The same seed and the same steps give the same text.

    Args:
        model: suggests.
        config: how to draw, and where a suggestion ends. With `line` each suggestion goes on from the text's last line.
        text: what there is already.

    Raises:
        DataError: the text has characters that the model does not know.
        UsageError: a rule or a form cannot be obeyed.
    """

    def __init__(self, model: "CharRNN", config: SamplingConfig, text: str = "") -> None:
        self._model, self._config = model, config
        self._now = _Moment(text, Draft(text, config.temperature, 0))
        model.vocabulary.encode(text)
        self._pieces(self.draft)  # it says at once what cannot be obeyed
        self._before: list[_Moment] = []
        self._types_word = False
        self._saved: set[Path] = set()

    @property
    def text(self) -> str:
        """What is accepted."""
        return self._now.text

    @property
    def suggestion(self) -> str:
        """How it goes on, as far as that is written."""
        return (self.draft.text + self._now.written)[len(self.text) :]

    @property
    def draft(self) -> Draft:
        """What writes the suggestion."""
        return self._now.draft

    @property
    def temperature(self) -> float:
        """Of the suggestion."""
        return self.draft.temperature

    @property
    def seed(self) -> int | None:
        """Of all suggestions."""
        return self._config.seed

    @property
    def stop(self) -> StopReason | None:
        """Why the suggestion ended; None while it is being written."""
        return self._now.stop

    # --- the model writes -----------------------------------------------------------------------------

    def run(self, draft: Draft) -> Iterator[tuple[str, StopReason | None]]:
        """Write a draft; hand out again and again all that it has written, at last with the reason why it ended.

        It changes nothing here, so that it may run in a thread of its own; closing it ends the writing.
        """
        written = ""
        for piece in self._pieces(draft):
            written += piece.text
            yield written, piece.stop

    def _pieces(self, draft: Draft) -> Iterator[Piece]:
        config = dataclasses.replace(self._config, temperature=draft.temperature)
        prime = draft.text.rpartition("\n")[2] if config.line else draft.text
        return write(self._model, prime, config, indices=(draft.index,))

    def receive(self, draft: Draft, written: str, stop: StopReason | None) -> None:
        """Take what a draft has written, if it is still the one that is wanted and this is news."""
        now = self._now
        if draft == now.draft and now.stop is None and (stop or len(written) > len(now.written)):
            self._now = dataclasses.replace(now, written=written, stop=stop)

    def write(self) -> Iterator[str]:
        """Write the suggestion to its end, and hand out its parts as they come.

        It ends early if the text is changed meanwhile so that another suggestion is wanted.
        """
        draft = self.draft
        if self.stop:
            return
        for written, stop in self.run(draft):
            if draft != self.draft:
                return
            known = len(self._now.written)
            self.receive(draft, written, stop)
            if new := written[known:]:
                yield new

    # --- the person writes ----------------------------------------------------------------------------

    def edit(self, text: str) -> None:
        """Let the text be this.

        Raises:
            DataError: it has characters that the model does not know; nothing has changed.
        """
        now, draft = self._now, self.draft
        if text == now.text:
            return
        self._model.vocabulary.encode(text)
        whole = draft.text + now.written
        if (
            len(text) < len(draft.text)
            or not whole.startswith(text)
            or (text == whole and now.stop)
        ):
            self._step(_Moment(text, Draft(text, draft.temperature, draft.index + 1)))
        else:
            self._step(dataclasses.replace(now, text=text))

    def type(self, text: str) -> None:
        """Add to the text. The characters of a word that are typed one by one are taken back as one.

        Raises:
            DataError: the model does not know one of them; none is added.
        """
        count, goes_on = len(self._before), self._types_word
        self.edit(self.text + text)
        if goes_on and len(self._before) > count and not text.isspace():
            self._before.pop()
        self._types_word = len(text) == 1

    def delete(self) -> None:
        """Take the last character away."""
        self.edit(self.text[:-1])

    def delete_word(self) -> None:
        """Take the last word away, and the white space after it."""
        kept = self.text.rstrip()
        while kept and not kept[-1].isspace():
            kept = kept[:-1]
        self.edit(kept)

    def accept_word(self) -> str:
        """Make the suggestion's next word a part of the text, with the white space before it.

        Returns:
            What was accepted; of a word that is half written, the half.
        """
        word = first_word(self.suggestion)
        self.edit(self.text + word)
        return word

    def accept_all(self) -> str:
        """Make all of the suggestion that is written a part of the text, and return it."""
        rest = self.suggestion
        self.edit(self.text + rest)
        return rest

    def regenerate(self) -> None:
        """Begin another suggestion, with the next stream of random numbers."""
        self._step(_Moment(self.text, Draft(self.text, self.temperature, self.draft.index + 1)))

    def set_temperature(self, temperature: float) -> None:
        """Begin a suggestion at another temperature, with the same random numbers.

        Raises:
            UsageError: it is no temperature.
        """
        dataclasses.replace(self._config, temperature=temperature)  # checks it
        if temperature != self.temperature:
            self._step(_Moment(self.text, Draft(self.text, temperature, self.draft.index)))

    def back(self) -> bool:
        """Take the last step back: text, suggestion and temperature are what they were. False: there is none."""
        self._types_word = False
        if not self._before:
            return False
        self._now = self._before.pop()
        return True

    def _step(self, moment: _Moment) -> None:
        self._types_word = False
        self._before.append(self._now)
        self._now = moment

    # --- keeping --------------------------------------------------------------------------------------

    def save(self, path: Path, *, replace: bool = False) -> None:
        """Write the text, exactly and as UTF-8, to a file; see `write_atomically`.

        Args:
            path: the file.
            replace: whether one may be replaced that this session has not written.

        Raises:
            UsageError: there is such a file, or the path is no file's.
            EnvironmentFault: it cannot be written.
        """
        try:
            if path.is_dir() or not path.name:
                raise UsageError(f"{path} is a folder", "give the name of a file")
            if path.exists() and not replace and path.resolve() not in self._saved:
                raise UsageError(f"{path} is there already")
            write_atomically(path, self.text.encode("utf-8", "surrogateescape"))
            self._saved.add(path.resolve())
        except OSError as error:
            raise environment_fault("write", path, error) from error
        except ValueError as error:  # a NUL in its name
            raise UsageError(
                f"{str(path)!r} is not the name of a file", "leave the zero byte out"
            ) from error


def first_word(text: str) -> str:
    r"""The first word, and the white space before it: "\n  to be" -> "\n  to"."""
    end = len(text) - len(text.lstrip())
    while end < len(text) and not text[end].isspace():
        end += 1
    return text[:end]
