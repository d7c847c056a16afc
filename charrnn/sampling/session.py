"""An interactive session: a text that a user and a model write together. No terminal, no threads.

The user's part is the text; the model's is a suggested continuation. A suggestion is generated from a `Draft`, and
a draft is a value: the same one always gives the same text. So an unfinished suggestion is simply generated again if it
is wanted after all, and no state of the network has to be kept; but the text is read again for each draft.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.config import SamplingConfig
from charrnn.errors import UsageError
from charrnn.files import environment_fault, write_atomically
from charrnn.sampling.sampler import generate
from charrnn.sampling.stopping import StopReason
from charrnn.sampling.stream import Piece

if TYPE_CHECKING:
    from charrnn.model import CharRNN


@dataclass(frozen=True)
class Draft:
    """Everything that a suggestion depends on, besides the model and the rules."""

    text: str
    """The text that it continues."""
    temperature: float
    index: int
    """Number of its random stream among those of the seed."""


@dataclass(frozen=True)
class _Snapshot:
    """Everything that `undo` restores."""

    text: str
    draft: Draft
    generated: str = ""
    """What the draft has generated so far; `text` is the draft's text and a part of this."""
    stop: StopReason | None = None
    """Why the draft ended, if it has."""


class Session:
    """A text, a suggested continuation, and undo.

    `text` is always a prefix of `draft.text` followed by what that draft has generated; the rest is the suggestion. A
    change within that (accepting a part of it, typing the same, deleting what was accepted) leaves the suggestion
    unchanged; any other begins a new draft, with the next random stream. When all of a complete suggestion is accepted,
    the next one begins. The same seed and the same steps give the same text.

    Args:
        model: makes the suggestions.
        config: how to draw, and where a suggestion ends. With `item_end` each suggestion continues the text's last item.
        text: the text to begin with.
        between: what stands between two records or documents in a text that is saved.

    Raises:
        DataError: the text has characters that the model does not know.
        UsageError: a rule or a constraint cannot be satisfied.
    """

    def __init__(
        self, model: "CharRNN", config: SamplingConfig, text: str = "", between: str = "\n\n"
    ) -> None:
        self._model, self._config, self._between = model, config, between
        self._now = _Snapshot(text, Draft(text, config.temperature, 0))
        model.vocabulary.encode(text)
        self._pieces(self.draft)  # raises at once what cannot be satisfied
        self._before: list[_Snapshot] = []
        self._types_word = False
        self._saved: set[Path] = set()

    @property
    def text(self) -> str:
        """The accepted text."""
        return self._now.text

    @property
    def readable(self) -> str:
        """The text as it is saved: with `between` in place of the symbols that end records or documents."""
        end = self._config.item_end
        return self.text if end in (None, "\n") else self.text.replace(str(end), self._between)

    @property
    def suggestion(self) -> str:
        """The suggested continuation, as far as it has been generated."""
        return (self.draft.text + self._now.generated)[len(self.text) :]

    @property
    def draft(self) -> Draft:
        """The draft from which the suggestion is generated."""
        return self._now.draft

    @property
    def temperature(self) -> float:
        """The suggestion's temperature."""
        return self.draft.temperature

    @property
    def seed(self) -> int | None:
        """The session's seed."""
        return self._config.seed

    @property
    def stop(self) -> StopReason | None:
        """Why the suggestion ended; None while it is being generated."""
        return self._now.stop

    # --- the model's part -----------------------------------------------------------------------------

    def run(self, draft: Draft) -> Iterator[tuple[str, StopReason | None]]:
        """Generate a draft; after each piece yield all of its text so far, and at the end why it ended.

        The session does not change, so that this may run in a thread of its own; closing the iterator ends it.
        """
        generated = ""
        for piece in self._pieces(draft):
            generated += piece.text
            if piece.stop == "end" and self._config.item_end:
                generated += self._config.item_end  # so that the next item begins behind it
            yield generated, piece.stop

    def _pieces(self, draft: Draft) -> Iterator[Piece]:
        config = dataclasses.replace(self._config, temperature=draft.temperature)
        end = config.item_end
        prompt = draft.text if end is None else draft.text.rpartition(end)[2]
        return generate(self._model, prompt, config, indices=(draft.index,))

    def receive(self, draft: Draft, generated: str, stop: StopReason | None) -> None:
        """Accept generated text for a draft, unless the draft is outdated or the text is not new."""
        now = self._now
        is_new = stop or len(generated) > len(now.generated)
        if draft == now.draft and now.stop is None and is_new:
            self._now = dataclasses.replace(now, generated=generated, stop=stop)

    def generate(self) -> Iterator[str]:
        """Generate the suggestion to its end, and hand out its parts as they come.

        Ends early if the text changes meanwhile so that a new draft begins.
        """
        draft = self.draft
        if self.stop:
            return
        for generated, stop in self.run(draft):
            if draft != self.draft:
                return
            known = len(self._now.generated)
            self.receive(draft, generated, stop)
            if new := generated[known:]:
                yield new

    # --- the user's part ----------------------------------------------------------------------------

    def edit(self, text: str) -> None:
        """Replace the text.

        Raises:
            DataError: the new one has characters that the model does not know; nothing has changed.
        """
        now, draft = self._now, self.draft
        if text == now.text:
            return
        self._model.vocabulary.encode(text)
        whole = draft.text + now.generated
        if (
            len(text) < len(draft.text)
            or not whole.startswith(text)
            or (text == whole and now.stop)
        ):
            self._step(_Snapshot(text, Draft(text, draft.temperature, draft.index + 1)))
        else:
            self._step(dataclasses.replace(now, text=text))

    def type(self, text: str) -> None:
        """Append to the text. The characters of a word that are typed one by one are undone together.

        Raises:
            DataError: the model does not know one of the characters; none is added.
        """
        count, continues_word = len(self._before), self._types_word
        self.edit(self.text + text)
        if continues_word and len(self._before) > count and not text.isspace():
            self._before.pop()
        self._types_word = len(text) == 1

    def delete(self) -> None:
        """Delete the last character."""
        self.edit(self.text[:-1])

    def delete_word(self) -> None:
        """Delete the last word, and the white space after it."""
        kept = self.text.rstrip()
        while kept and not kept[-1].isspace():
            kept = kept[:-1]
        self.edit(kept)

    def accept_word(self) -> str:
        """Move the suggestion's next word to the text, with the white space before it.

        Returns:
            What was accepted; of an incomplete word, what there is of it.
        """
        word = first_word(self.suggestion)
        self.edit(self.text + word)
        return word

    def accept_all(self) -> str:
        """Move all of the suggestion so far to the text, and return it."""
        rest = self.suggestion
        self.edit(self.text + rest)
        return rest

    def regenerate(self) -> None:
        """Begin a new suggestion, with the next random stream."""
        self._step(_Snapshot(self.text, Draft(self.text, self.temperature, self.draft.index + 1)))

    def set_temperature(self, temperature: float) -> None:
        """Begin a suggestion at another temperature, with the same random stream.

        Raises:
            UsageError: it is not a valid temperature.
        """
        dataclasses.replace(self._config, temperature=temperature)  # checks it
        if temperature != self.temperature:
            self._step(_Snapshot(self.text, Draft(self.text, temperature, self.draft.index)))

    def undo(self) -> bool:
        """Undo the last step: restore text, suggestion and temperature. False if there is none."""
        self._types_word = False
        if not self._before:
            return False
        self._now = self._before.pop()
        return True

    def _step(self, snapshot: _Snapshot) -> None:
        self._types_word = False
        self._before.append(self._now)
        self._now = snapshot

    # --- keeping --------------------------------------------------------------------------------------

    def save(self, path: Path, *, replace: bool = False) -> None:
        """Write the text to a file, as UTF-8; see `write_atomically`.

        Args:
            path: the file.
            replace: whether to replace a file that this session has not written.

        Raises:
            UsageError: there is such a file, or the path cannot name a file.
            EnvironmentFault: the file cannot be written.
        """
        try:
            if path.is_dir() or not path.name:
                raise UsageError(f"{path} is a folder", "give the name of a file")
            if path.exists() and not replace and path.resolve() not in self._saved:
                raise UsageError(f"{path} already exists")
            write_atomically(path, self.readable.encode("utf-8", "surrogateescape"))
            self._saved.add(path.resolve())
        except OSError as error:
            raise environment_fault("write", path, error) from error
        except ValueError as error:  # a NUL in its name
            raise UsageError(
                f"{str(path)!r} is not the name of a file", "leave the zero byte out"
            ) from error


def first_word(text: str) -> str:
    r"""The first word, with the white space before it: "\n  to be" -> "\n  to"."""
    end = len(text) - len(text.lstrip())
    while end < len(text) and not text[end].isspace():
        end += 1
    return text[:end]
