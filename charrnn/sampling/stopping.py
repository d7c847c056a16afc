"""Where a sample ends: at a text, a sentence's end, a line's end, or after so many characters.

Knows characters alone, no network. What might become a text to stop at is held back until that is decided, so that
nothing of it is ever handed out.
"""

from typing import Literal

from charrnn.config import SamplingConfig

StopReason = Literal["length", "max-chars", "stop", "sentence", "line", "form"]
"""Why a sample ended: `length` characters were written, or `max-chars`; a stop text, a sentence or a line was complete;
or the text matched its form in full."""

LONGEST_SENTENCE = 1000
"""Characters after which a sentence that does not end is given up, unless max_chars says otherwise."""
TERMINATORS, WIDE_TERMINATORS = ".!?…", "。！？｡"
CLOSERS = "\"')]}*_»”’›」』）】》〉"


class StopTexts:
    """Finds the first of several texts in a stream of characters.

    Args:
        texts: to find; none of them empty.
        before: what the stream goes on from: a text that began there is found too.
    """

    def __init__(self, texts: tuple[str, ...], before: str = "") -> None:
        self._texts = sorted(texts, key=len, reverse=True)
        self._longest = len(self._texts[0])
        self._beginnings = {text[:n] for text in texts for n in range(1, len(text))}
        self._tail = before[-(self._longest - 1) :] if self._longest > 1 else ""

    def take(self, character: str) -> tuple[str | None, int]:
        """Read a character.

        Returns:
            The text that is complete with it, if one is (the longest); and how many of the characters read last belong
            to that text, or may be the beginning of one.
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
    """Says before which character of a stream a sentence is over.

    One is over at white space after a full stop, exclamation or question mark, quotes and brackets that close being
    passed over; after the marks of Chinese and Japanese no white space is needed. What the stream goes on from is not
    read: a sentence that was over there is not this one.
    """

    def __init__(self) -> None:
        self._mark = ""

    def is_over(self, character: str) -> bool:
        """Read a character: whether the sentence was complete before it."""
        if self._mark and character in CLOSERS:
            return False
        over = self._mark == "wide" and character not in WIDE_TERMINATORS
        over = over or (self._mark != "" and character.isspace())
        if character in TERMINATORS:
            self._mark = "narrow"
        else:
            self._mark = "wide" if character in WIDE_TERMINATORS else ""
        return over


class Ends:
    """Decides, character by character, what of a sample is handed out and where it ends.

    Args:
        config: its length, max_chars, stop, until_sentence and line count here.
        prime: what the sample goes on from.
    """

    def __init__(self, config: SamplingConfig, prime: str = "") -> None:
        self.reason: StopReason | None = None
        self._line = config.line and config.match is None
        self._stops = StopTexts(config.stop, prime) if config.stop else None
        self._sentence = SentenceEnd() if config.until_sentence else None
        self._length = config.length
        self.most = most_characters(config)
        self.written = 0
        """Characters read so far, handed out or held back."""
        self._held: list[str] = []
        if self.most == 0:
            self._end_by_length()

    @property
    def needs_every_character(self) -> bool:
        """Whether anything but the number of characters decides."""
        return bool(self._stops or self._sentence or self._line)

    def count(self, number: int) -> None:
        """Note so many characters where nothing but their number decides."""
        self.written += number
        if self.written >= self.most:
            self._end_by_length()

    def take(self, character: str) -> str:
        """Read a character, and return what can be handed out with it."""
        past_length = self.written >= self._length
        if self._sentence and self._sentence.is_over(character) and past_length:
            self.reason = "sentence"
            return self.rest()
        self.written += 1
        self._held.append(character)
        kept_back = 0
        if self._stops:
            found, kept_back = self._stops.take(character)
            if found is not None:
                self.reason = "stop"
                text = "".join(self._held[: max(0, len(self._held) - kept_back)])
                self._held = []
                return text
        if self._line and character == "\n":
            self.reason = "line"
        elif self.written >= self.most:
            self._end_by_length()
        if self.reason:
            return self.rest()
        out = max(0, len(self._held) - kept_back)
        text, self._held = "".join(self._held[:out]), self._held[out:]
        return text

    def rest(self) -> str:
        """What was held back; call it when the sample ends otherwise."""
        text, self._held = "".join(self._held), []
        return text

    def _end_by_length(self) -> None:
        self.reason = "length" if self.most == self._length else "max-chars"


def limiting_option(config: SamplingConfig) -> str:
    """The option that says how many characters a sample has at most, with its value."""
    if most_characters(config) == config.length:
        return f"--length {config.length}"
    return f"--max-chars {most_characters(config)}"


def most_characters(config: SamplingConfig) -> int:
    """The characters that a sample has at most."""
    if config.max_chars is None:
        return config.length + (LONGEST_SENTENCE if config.until_sentence else 0)
    if config.until_sentence:
        return config.max_chars
    return min(config.length, config.max_chars)
