"""Where a sample ends: at a stop text, the end of a sentence or line, or after a number of characters.

Knows characters alone, no network. What might become a stop text is held back until that is decided, so that nothing
of it is ever handed out.
"""

from typing import Literal

from charrnn.config import SamplingConfig

StopReason = Literal["length", "max-chars", "stop", "sentence", "line", "end", "match"]
"""Why a sample ended: it has `length` or `max_chars` characters; a stop text, a sentence or a line is complete; a record
or document has come to its end, which is not part of the text; or the text matches its constraint in full."""

LONGEST_SENTENCE = 1000
"""Characters after which an unfinished sentence is given up, unless `max_chars` is set."""
TERMINATORS, WIDE_TERMINATORS = ".!?…", "。！？｡"
CLOSERS = "\"')]}*_»”’›」』）】》〉"


class StopTexts:
    """Finds the first of several texts in a stream of characters.

    Args:
        texts: the texts to find; none of them empty.
        before: what the stream continues: a text that began there is found too.
    """

    def __init__(self, texts: tuple[str, ...], before: str = "") -> None:
        self._texts = sorted(texts, key=len, reverse=True)
        self._longest = len(self._texts[0])
        self._beginnings = {text[:n] for text in texts for n in range(1, len(text))}
        self._tail = before[-(self._longest - 1) :] if self._longest > 1 else ""

    def read(self, character: str) -> tuple[str | None, int]:
        """Read a character.

        Returns:
            The longest text that is complete with it, or None; and how many of the last characters belong to that
            text, or may be the beginning of one.
        """
        self._tail = (self._tail + character)[-self._longest :]
        for text in self._texts:
            if self._tail.endswith(text):
                return text, len(text)
        for n in range(min(len(self._tail), self._longest - 1), 0, -1):
            if self._tail[-n:] in self._beginnings:
                return None, n
        return None, 0


class SentenceEnd:
    """Finds the end of a sentence in a stream of characters.

    A sentence ends at white space after a full stop, exclamation or question mark, closing quotes and brackets being
    skipped; after Chinese and Japanese marks no white space is needed. The text before the stream is not read: a
    sentence that ended there does not count.
    """

    def __init__(self) -> None:
        self._mark = ""

    def is_before(self, character: str) -> bool:
        """Read a character: whether the sentence ended before it."""
        if self._mark and character in CLOSERS:
            return False
        ended = self._mark == "wide" and character not in WIDE_TERMINATORS
        ended = ended or (self._mark != "" and character.isspace())
        if character in TERMINATORS:
            self._mark = "narrow"
        else:
            self._mark = "wide" if character in WIDE_TERMINATORS else ""
        return ended


class StoppingCriteria:
    """Decides, character by character, what of a sample is handed out and where it ends.

    Args:
        config: its length, max_chars, stop, until_sentence and item_end decide.
        prompt: what the sample continues.
    """

    def __init__(self, config: SamplingConfig, prompt: str = "") -> None:
        self.reason: StopReason | None = None
        """Why the sample ended; None while it goes on."""
        self.max_characters = max_characters(config)
        self.num_read = 0
        """Characters read so far, handed out or held back."""
        self._item_end = config.item_end if config.match is None else None
        self._stop_texts = StopTexts(config.stop, prompt) if config.stop else None
        self._sentence_end = SentenceEnd() if config.until_sentence else None
        self._length = config.length
        self._held = ""
        if self.max_characters == 0:
            self._end_by_length()

    @property
    def needs_every_character(self) -> bool:
        """Whether anything but the number of characters decides."""
        return bool(self._stop_texts or self._sentence_end or self._item_end)

    def count(self, number: int) -> None:
        """Add `number` characters, where nothing but their number decides."""
        self.num_read += number
        if self.num_read >= self.max_characters:
            self._end_by_length()

    def read(self, character: str) -> str:
        """Read a character, and return what can be handed out now."""
        past_length = self.num_read >= self._length
        if self._sentence_end and self._sentence_end.is_before(character) and past_length:
            self.reason = "sentence"
            return self.flush()
        if character == self._item_end != "\n":
            self.reason = "end"
            return self.flush()
        self.num_read += 1
        self._held += character
        undecided = 0
        if self._stop_texts:
            stop_text, undecided = self._stop_texts.read(character)
            if stop_text is not None:
                self.reason = "stop"
                text, self._held = self._held[: max(0, len(self._held) - undecided)], ""
                return text
        if character == self._item_end:
            self.reason = "line"
        elif self.num_read >= self.max_characters:
            self._end_by_length()
        return self.flush(0 if self.reason else undecided)

    def flush(self, keep: int = 0) -> str:
        """Hand out what was held back, but for the last `keep` characters."""
        end = max(0, len(self._held) - keep)
        text, self._held = self._held[:end], self._held[end:]
        return text

    def _end_by_length(self) -> None:
        self.reason = "length" if self.max_characters == self._length else "max-chars"


def max_characters(config: SamplingConfig) -> int:
    """The most characters that a sample may have."""
    if config.max_chars is None:
        return config.length + (LONGEST_SENTENCE if config.until_sentence else 0)
    if config.until_sentence:
        return config.max_chars
    return min(config.length, config.max_chars)


def limiting_setting(config: SamplingConfig) -> str:
    """The field of the config that decides `max_characters`: "length" or "max_chars"."""
    return "length" if max_characters(config) == config.length else "max_chars"
