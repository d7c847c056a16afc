"""All rules at once: from a model's logits to the next symbol, for one sample or for many side by side.

What the settings and the vocabulary decide is worked out when a Chooser is made. It remembers nothing itself: what a
sample has written is in its `Memory`, so that one Chooser serves any number of samples and threads.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from charrnn.config import SamplingConfig
from charrnn.errors import DataError, UsageError
from charrnn.numerics import odds, softmax
from charrnn.sampling import rules
from charrnn.sampling.history import LOOK_BACK, Memory, Ngrams, Recent
from charrnn.sampling.rules import Float64, Ids, Mask
from charrnn.text.vocabulary import NOT_IN_VOCABULARY, Vocabulary, code_points, name_characters
from charrnn.wording import counted


class Chooser:
    """Chooses the next symbol by the rules of a config.

    Args:
        config: the rules.
        vocabulary: whose symbols are chosen. Its unknown symbol never is.

    Raises:
        DataError: `ban` or `bias` names characters that are no symbols of the vocabulary. Of a byte model these are
            all but ASCII: the bytes of other characters are shared among them.
        UsageError: everything is banned.
    """

    def __init__(self, config: SamplingConfig, vocabulary: Vocabulary) -> None:
        self.config = config
        self.num_symbols = len(vocabulary)
        self.banned = _banned(config, vocabulary)
        """(V,) the symbols that are never written; None if there are none."""
        self._bias = _bias(config, vocabulary)
        self._penalizes = config.repetition_penalty not in (None, 1)
        self._filters = _filters(config)
        self._remembers = self._penalizes or config.no_repeat_ngram is not None
        is_ruled = (
            self._remembers or self._filters or self.banned is not None or self._bias is not None
        )
        is_plain = (
            config.temperature_to is None and config.temperature >= rules.SMALL and not is_ruled
        )
        self._temperature_alone = np.array(config.temperature, np.float64) if is_plain else None
        """() if there is no rule but a temperature, and none so small that a quotient might overflow."""

    def new_memory(self, read: Sequence[int] = ()) -> Memory | None:
        """What a new sample must remember; None if no rule looks back.

        It takes bounded space: the penalty's window, and the last `memory.LOOK_BACK` n-grams.

        Args:
            read: the ids of the prime text, which counts as written: nothing is repeated from it either.
        """
        if not self._remembers:
            return None
        V, ngram = self.num_symbols, self.config.no_repeat_ngram
        memory = Memory(
            Recent(V, self.config.repetition_window) if self._penalizes else None,
            Ngrams(V, ngram) if ngram else None,
        )
        for symbol in read[-(self.config.repetition_window + LOOK_BACK + (ngram or 0)) :]:
            memory.remember(symbol)
        return memory

    def choose(
        self,
        logits: npt.NDArray[np.floating],
        u: float | Float64,
        *,
        written: int | npt.NDArray[np.integer] = 0,
        memories: Sequence[Memory] | None = None,
        allowed: Mask | None = None,
    ) -> Ids:
        """The next symbol of one sample, or of N.

        Args:
            logits: (V,) or (N, V), a model's own.
            u: () or (N,) random numbers from 0 up to 1, one for each symbol.
            written: () or (N,) how many of `config.length` characters are written, which decides the temperature on
                its way to `config.temperature_to`.
            memories: one for each lane, in a sequence also of one; None if no rule looks back.
            allowed: (V,) or (N, V), the only symbols that may come; None allows all.

        Returns:
            () or (N,) ids.

        Raises:
            CheckpointError: the logits are not finite.
            UsageError: everything that is allowed is banned.
        """
        if self._temperature_alone is not None and allowed is None:  # the same as below, sooner
            return rules.draw(rules.tempered_odds(logits, self._temperature_alone), u)
        return rules.draw(odds(self._ruled(logits, written, memories, allowed)), u)

    def probabilities(
        self,
        logits: npt.NDArray[np.floating],
        *,
        written: int | npt.NDArray[np.integer] = 0,
        memories: Sequence[Memory] | None = None,
        allowed: Mask | None = None,
    ) -> Float64:
        """With which probability each symbol is chosen, (V,) or (N, V): see `choose`."""
        return softmax(self._ruled(logits, written, memories, allowed))

    def _ruled(
        self,
        logits: npt.NDArray[np.floating],
        written: int | npt.NDArray[np.integer],
        memories: Sequence[Memory] | None,
        allowed: Mask | None,
    ) -> Float64:
        """The logits after all rules."""
        made = rules.finite(logits)
        if allowed is not None or self.banned is not None:
            made = rules.ban(made, self._forbidden(allowed))
        if self._bias is not None:
            made = rules.bias(made, self._bias)
        if self._remembers:
            assert memories is not None
            made = self._against_repetition(made, memories)
        made = rules.temperature(made, self._temperature(written))
        for rule in self._filters:
            made = rule(made)
        return made

    def _forbidden(self, allowed: Mask | None) -> Mask | None:
        if allowed is None:
            return self.banned
        forbidden = ~allowed if self.banned is None else ~allowed | self.banned
        if forbidden.all(axis=-1).any():
            raise UsageError("every character that may come next is banned", "ban fewer characters")
        return forbidden

    def _against_repetition(self, logits: Float64, memories: Sequence[Memory]) -> Float64:
        shape = logits.shape
        penalty = self.config.repetition_penalty
        if self._penalizes and penalty is not None:
            recent = np.stack([m.recent.mask() for m in memories if m.recent]).reshape(shape)
            logits = rules.repetition_penalty(logits, recent, penalty)
        if self.config.no_repeat_ngram:
            repeats = np.stack([m.ngrams.mask() for m in memories if m.ngrams]).reshape(shape)
            logits = rules.no_repeat_ngram(logits, repeats)
        return logits

    def _temperature(self, written: int | npt.NDArray[np.integer]) -> float | Float64:
        """The temperature of the next character, or of each lane's: the first has one end's and the last the other's."""
        start, end = self.config.temperature, self.config.temperature_to
        if end is None:
            return start
        part = np.minimum(written / max(self.config.length - 1, 1), 1.0)
        way = (1 - part) * start + part * end
        return way if isinstance(way, np.ndarray) else float(way)


def _filters(config: SamplingConfig) -> list[Callable[[Float64], Float64]]:
    """The rules after temperature that are on, in their order."""
    filters: list[Callable[[Float64], Float64]] = []
    if config.top_k is not None:
        filters.append(partial(rules.top_k, k=config.top_k))
    if config.typical not in (None, 1):
        filters.append(partial(rules.typical, mass=config.typical))
    if config.top_p not in (None, 1):
        filters.append(partial(rules.top_p, mass=config.top_p))
    if config.min_p:
        filters.append(partial(rules.min_p, part=config.min_p))
    return filters


def _banned(config: SamplingConfig, vocabulary: Vocabulary) -> Mask | None:
    mask = np.zeros(len(vocabulary), np.bool_)
    mask[_known("ban", config.ban, vocabulary)] = True
    if vocabulary.unknown_id is not None:
        mask[vocabulary.unknown_id] = True
    if mask.all():
        raise UsageError(
            "--ban leaves no character that the model could write", "ban fewer of them"
        )
    return mask if mask.any() else None


def _bias(config: SamplingConfig, vocabulary: Vocabulary) -> Float64 | None:
    added = np.zeros(len(vocabulary))
    for characters, value in config.bias:
        added[_known("bias", characters, vocabulary)] = value
    return added if config.bias else None


def _known(option: str, characters: str, vocabulary: Vocabulary) -> npt.NDArray[np.int32]:
    """The ids of characters that an option names."""
    points = code_points(characters)
    if vocabulary.level == "byte":
        known = points < 128
        expected = "of a byte model only ASCII characters can be named"
    else:
        ids = vocabulary.lookup(points)
        known = (ids != NOT_IN_VOCABULARY) & (ids != (vocabulary.unknown_id or NOT_IN_VOCABULARY))
        expected = f"not among the model's {counted(len(vocabulary.symbols), 'character')}"
    strangers = dict.fromkeys(c for c, k in zip(characters, known.tolist(), strict=True) if not k)
    if strangers:
        raise DataError(
            f"--{option}: {expected}: {name_characters(list(strangers))}",
            f"leave them out of --{option}",
        )
    return vocabulary.lookup(points)
