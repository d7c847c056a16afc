"""The logits processor: all sampling rules, from logits to the next symbol, for one sample or a batch.

What the settings and the vocabulary decide is worked out when a LogitsProcessor is made. It holds no state: what a
sample has generated is in its `History`, so that one processor serves any number of samples and threads.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from charrnn.config import SamplingConfig
from charrnn.errors import DataError, SettingError
from charrnn.numerics import Float64, Ids, Mask, odds, softmax
from charrnn.sampling import rules
from charrnn.sampling.history import MAX_NGRAMS, History, RecentSymbols, SeenNgrams
from charrnn.text.vocabulary import NOT_IN_VOCABULARY, Vocabulary, code_points, name_characters
from charrnn.wording import counted

Rule = Callable[[Float64], Float64]


class LogitsProcessor:
    """Turns a model's logits into the next symbol by the rules of a config.

    Args:
        config: the rules.
        vocabulary: the symbols to draw from. The unknown symbol is never drawn.

    Raises:
        DataError: `ban` or `bias` names characters that are not in the vocabulary. In a byte model only ASCII
            characters can be named: the bytes of others are shared among them.
        UsageError: everything is banned.
    """

    def __init__(self, config: SamplingConfig, vocabulary: Vocabulary) -> None:
        self.config = config
        self.num_symbols = len(vocabulary)
        self.banned = _banned(config, vocabulary)
        """Symbols that are never drawn, (V,); None if there are none."""
        self._bias = _bias(config, vocabulary)
        self._filters = _filters(config)
        looking_back = (config.repetition_penalty, config.no_repeat_ngram)
        self._looks_back = looking_back != (None, None)
        has_rules = (
            self._looks_back or self._filters or self.banned is not None or self._bias is not None
        )
        is_plain = (
            config.temperature_to is None and config.temperature >= rules.SMALL and not has_rules
        )
        self._only_temperature = np.array(config.temperature, np.float64) if is_plain else None
        """The temperature, (), if it is the only rule and too large for a quotient to overflow; otherwise None."""

    def new_history(self, prompt: Sequence[int] = ()) -> History | None:
        """The history of a new sample; None if no rule looks back.

        Its size is bounded by the penalty's window and by `history.MAX_NGRAMS`.

        Args:
            prompt: the ids of the prompt, which count as generated: they are not repeated either.
        """
        if not self._looks_back:
            return None
        V, config = self.num_symbols, self.config
        n = config.no_repeat_ngram
        history = History(
            RecentSymbols(V, config.repetition_window)
            if self.config.repetition_penalty is not None
            else None,
            SeenNgrams(V, n) if n else None,
        )
        for symbol in prompt[-(config.repetition_window + MAX_NGRAMS + (n or 0)) :]:
            history.append(symbol)
        return history

    def draw(
        self,
        logits: npt.NDArray[np.floating],
        u: float | Float64,
        *,
        position: int | Ids = 0,
        histories: Sequence[History] | None = None,
        allowed: Mask | None = None,
    ) -> Ids:
        """Draw the next symbol of one sample, or of N.

        Args:
            logits: the model's own, (V,) or (N, V).
            u: uniform random numbers in [0, 1), () or (N,).
            position: characters generated so far, () or (N,); it decides the temperature on its way to
                `config.temperature_to`.
            histories: one for each sample, in a sequence even for one; None if no rule looks back.
            allowed: the only symbols that may be drawn, (V,) or (N, V); None allows all.

        Returns:
            Ids, () or (N,).

        Raises:
            CheckpointError: the logits are not finite.
            UsageError: everything that is allowed is banned.
        """
        if self._only_temperature is not None and allowed is None:  # the same as below, sooner
            return rules.draw(rules.tempered_odds(logits, self._only_temperature), u)
        return self._drawn(self._process(logits, position, histories, allowed), u)

    def _drawn(self, logits: Float64, u: float | Float64) -> Ids:
        """The symbols that random numbers pick, by the logits after all rules."""
        return rules.draw(odds(logits), u)

    def probabilities(
        self,
        logits: npt.NDArray[np.floating],
        *,
        position: int | Ids = 0,
        histories: Sequence[History] | None = None,
        allowed: Mask | None = None,
    ) -> Float64:
        """The probability with which `draw` would draw each symbol, (V,) or (N, V)."""
        return softmax(self._process(logits, position, histories, allowed))

    def _process(
        self,
        logits: npt.NDArray[np.floating],
        position: int | Ids,
        histories: Sequence[History] | None,
        allowed: Mask | None,
    ) -> Float64:
        """The logits after all rules."""
        made = rules.finite(logits)
        if allowed is not None or self.banned is not None:
            made = rules.ban(made, self._forbidden(allowed))
        if self._bias is not None:
            made = rules.bias(made, self._bias)
        if self._looks_back:
            assert histories is not None
            made = self._against_repetition(made, histories)
        made = rules.temperature(made, self._temperature(position))
        for rule in self._filters:
            made = rule(made)
        return made

    def _forbidden(self, allowed: Mask | None) -> Mask | None:
        if allowed is None:
            return self.banned
        forbidden = ~allowed if self.banned is None else ~allowed | self.banned
        if forbidden.all(axis=-1).any():
            raise SettingError.naming("every character that may come next is banned by {ban}")
        return forbidden

    def _against_repetition(self, logits: Float64, histories: Sequence[History]) -> Float64:
        shape, penalty = logits.shape, self.config.repetition_penalty
        if penalty is not None:
            recent = np.stack([h.recent.mask() for h in histories if h.recent]).reshape(shape)
            logits = rules.repetition_penalty(logits, recent, penalty)
        if self.config.no_repeat_ngram:
            repeats = np.stack([h.ngrams.mask() for h in histories if h.ngrams]).reshape(shape)
            logits = rules.no_repeat_ngram(logits, repeats)
        return logits

    def _temperature(self, position: int | Ids) -> float | Float64:
        """The temperature at a position, or of each sample at its own: a straight line over `config.length`."""
        start, end = self.config.temperature, self.config.temperature_to
        if end is None:
            return start
        fraction = np.minimum(position / max(self.config.length - 1, 1), 1.0)
        value = (1 - fraction) * start + fraction * end
        return value if isinstance(value, np.ndarray) else float(value)


def _filters(config: SamplingConfig) -> list[Rule]:
    """The rules after temperature that are on, in their order."""
    filters: list[Rule] = []
    if config.top_k is not None:
        filters.append(partial(rules.top_k, k=config.top_k))
    if config.typical is not None:
        filters.append(partial(rules.typical, mass=config.typical))
    if config.top_p is not None:
        filters.append(partial(rules.top_p, mass=config.top_p))
    if config.min_p is not None:
        filters.append(partial(rules.min_p, fraction=config.min_p))
    return filters


def _banned(config: SamplingConfig, vocabulary: Vocabulary) -> Mask | None:
    mask = np.zeros(len(vocabulary), np.bool_)
    mask[_ids("ban", config.ban, vocabulary)] = True
    if vocabulary.unknown_id is not None:
        mask[vocabulary.unknown_id] = True
    if mask.all():
        raise SettingError.naming("{ban} leaves no character that the model could generate")
    return mask if mask.any() else None


def _bias(config: SamplingConfig, vocabulary: Vocabulary) -> Float64 | None:
    added = np.zeros(len(vocabulary))
    for characters, value in config.bias:
        added[_ids("bias", characters, vocabulary)] = value
    return added if config.bias else None


def _ids(setting: str, characters: str, vocabulary: Vocabulary) -> npt.NDArray[np.int32]:
    """The ids of characters that a setting names."""
    points = code_points(characters)
    if vocabulary.level == "byte":
        known = points < 128
        reason = "not ASCII, and a byte model knows no other single characters"
    else:
        ids = vocabulary.lookup(points)
        known = (ids != NOT_IN_VOCABULARY) & (ids != (vocabulary.unknown_id or NOT_IN_VOCABULARY))
        reason = f"not among the model's {counted(len(vocabulary.symbols), 'character')}"
    unknown = dict.fromkeys(c for c, k in zip(characters, known.tolist(), strict=True) if not k)
    if unknown:
        raise DataError.naming(
            f"{{{setting}}} names characters that are {{reason}}: {{names}}",
            reason=reason,
            names=name_characters(list(unknown)),
        )
    return vocabulary.lookup(points)
