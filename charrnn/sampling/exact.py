"""The logits processor of exact models: it draws by integers, so that the same seed gives the same text everywhere."""

from charrnn.config import SamplingConfig
from charrnn.exact.arithmetic import integer_odds
from charrnn.exact.numbers import draw
from charrnn.numerics import Float64, Ids
from charrnn.sampling.logits import LogitsProcessor
from charrnn.text.vocabulary import Vocabulary


class ExactProcessor(LogitsProcessor):
    """Turns the logits of an exact model into the next symbol.

    Temperature and symbols that may not come need only divisions and subtractions, which give the same numbers on every
    machine. Other rules, such as `top_p`, compute exponentials in floating point: there, two machines may differ where a
    symbol lies just at a limit.
    """

    def __init__(self, config: SamplingConfig, vocabulary: Vocabulary) -> None:
        super().__init__(config, vocabulary)
        self._only_temperature = None  # the shorter way draws from exponentials

    def _drawn(self, logits: Float64, u: float | Float64) -> Ids:
        return draw(integer_odds(logits), u)
