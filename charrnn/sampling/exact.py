"""The logits processor of exact models: it draws by integers, so that the same seed gives the same text everywhere."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from charrnn.config import SamplingConfig
from charrnn.exact.arithmetic import integer_odds
from charrnn.exact.numbers import draw
from charrnn.numerics import Float64, Ids, Mask
from charrnn.sampling import rules
from charrnn.sampling.history import History
from charrnn.sampling.logits import LogitsProcessor
from charrnn.text.vocabulary import Vocabulary


class ExactProcessor(LogitsProcessor):
    """Turns the logits of an exact model into the next symbol.

    Temperature and symbols that may not come need only subtractions and divisions, which give the same numbers on every
    machine. Other rules, such as `top_p`, compute exponentials in floating point: there, two machines may differ where a
    symbol lies just at a limit.
    """

    def __init__(self, config: SamplingConfig, vocabulary: Vocabulary) -> None:
        super().__init__(config, vocabulary)
        others = self._looks_back or self._filters or self._bias is not None
        self._has_others = bool(others or config.temperature_to is not None)

    def draw(
        self,
        logits: npt.NDArray[np.floating],
        u: float | Float64,
        *,
        position: int | Ids = 0,
        histories: Sequence[History] | None = None,
        allowed: Mask | None = None,
    ) -> Ids:
        """Draw the next symbol of one sample, or of N; see `LogitsProcessor.draw`."""
        if self._has_others:
            return draw(integer_odds(self._process(logits, position, histories, allowed)), u)
        logits = rules.finite(logits)
        if allowed is not None or self.banned is not None:
            logits = rules.ban(logits, self._forbidden(allowed))
        temperature = self.config.temperature
        if temperature == 0:
            return draw(integer_odds(rules.temperature(logits, 0.0)), u)
        with np.errstate(over="ignore"):
            return draw(integer_odds(logits, temperature), u)
