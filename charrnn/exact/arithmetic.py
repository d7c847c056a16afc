"""Arithmetic in which every number is an integer times a power of two, so that sums are exact in any order.

The numbers are held in float64, which represents integers up to 2^53. Each kind of number has a smallest unit, its grid:

    ACTIVATION   2^-14    h, c, and what tanh gives; σ, which is half of 1 + tanh, has half of it
    PASSED       2^-11    h after layer normalization
    UNBOUNDED    2^-9     h where the activation is relu
    SUM          2^-16    products of a matrix, biases, and what a cell adds up before σ or tanh
    LOGIT        2^-12    logits
    FACTOR       2^-12    gains, shifts and peepholes

A product of two such numbers, and a sum of thousands of these products, is still below 2^53 of its smallest unit. So no
sum is ever rounded, whatever order a processor or a library adds it up in; where a number is rounded, to the nearest
point of its grid, halves up, the source says so. tanh is a table of integers between whose entries a straight line is
drawn. Another program with integers of 64 bits, or with doubles, gets the same numbers.
"""

import math
from decimal import Decimal, localcontext
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.network.cells.base import EPSILON, Blocks
from charrnn.numerics import Float64

ACTIVATION, PASSED, UNBOUNDED, SUM, LOGIT, FACTOR = 14, 11, 9, 16, 12, 12
"""The bits behind the point of each kind of number."""
LARGEST = (1 << 15) - 1
"""The largest integer of a number that goes into a product: 16 bits with its sign."""
LARGEST_MEMORY = 1 << 29
"""The largest integer of c, 2^15 in units of ACTIVATION."""
KNOTS, BETWEEN, KNOT_BITS = 512, 7, 22
"""The table of tanh: its intervals from 0 to 8, the bits of a place within one, and the bits of its entries."""
ARGUMENT = 13
"""Bits behind the point of what goes into tanh: KNOTS << BETWEEN is 8."""
ODDS_BITS = 26
"""Bits of the largest of the integers that stand for probabilities."""
COARSE, FINE = 384, 256
"""Entries of the two tables of exp: of -k/16, and of -k/4096."""
LOG_KNOTS, LOG_BETWEEN, LOG_BITS = 10, 16, 30
"""The table of ln from 1 to 2: the bits of its intervals, the bits of a place within one, and those of its entries."""


def rounded(x: Any, bits: int) -> Float64:
    """Numbers rounded to the nearest multiple of 2^-bits, halves up."""
    scale = float(1 << bits)
    made = np.floor(np.asarray(x, np.float64) * scale + 0.5)
    made /= scale
    return made


def _within(x: Float64, largest: int, bits: int) -> Float64:
    """Numbers on a grid, those beyond the largest integer cut off."""
    bound = largest / (1 << bits)
    return np.clip(x, -bound, bound, out=x)


# --- tables -----------------------------------------------------------------------------------------------------------


@cache
def tanh_knots() -> tuple[int, ...]:
    """tanh(j / 64), j from 0 to KNOTS, in units of 2^-KNOT_BITS."""
    with localcontext(prec=40):
        squares = [(Decimal(j) / 32).exp() for j in range(KNOTS + 1)]  # exp(2x)
        return tuple(_nearest((e - 1) / (e + 1), KNOT_BITS) for e in squares)


@cache
def exp_tables() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """exp(-k / 16) and exp(-k / 4096), k from 0 on, in units of 2^-ODDS_BITS."""
    with localcontext(prec=40):
        coarse = tuple(_nearest((Decimal(-k) / 16).exp(), ODDS_BITS) for k in range(COARSE))
        fine = tuple(_nearest((Decimal(-k) / 4096).exp(), ODDS_BITS) for k in range(FINE))
    return coarse, fine


@cache
def log_knots() -> tuple[int, ...]:
    """ln(1 + j / 1024), j from 0 to 1024, in units of 2^-LOG_BITS."""
    with localcontext(prec=40):
        whole = 1 << LOG_KNOTS
        return tuple(_nearest((1 + Decimal(j) / whole).ln(), LOG_BITS) for j in range(whole + 1))


def _nearest(x: Decimal, bits: int) -> int:
    return math.floor(x * (1 << bits) + Decimal("0.5"))


@cache
def _squashed() -> tuple[Float64, Float64]:
    """Tanh and σ at every argument from -8 to 8: what the straight lines between the knots give."""
    knots = np.array(tanh_knots(), np.int64)
    at = np.arange(KNOTS << BETWEEN)
    k, part = at >> BETWEEN, at & ((1 << BETWEEN) - 1)
    fine = (knots[k] << BETWEEN) + (knots[k + 1] - knots[k]) * part
    shift = KNOT_BITS + BETWEEN - ACTIVATION
    above = (np.append(fine, knots[-1] << BETWEEN) + (1 << shift >> 1)) >> shift
    whole = np.concatenate([-above[:0:-1], above])
    tanh = whole / float(1 << ACTIVATION)
    return tanh, (1 + tanh) / 2


def _places(x: Any, bits: int) -> npt.NDArray[np.intp]:
    """Where in the tables of `_squashed` an argument is that is rounded to these bits."""
    scale, end = float(1 << bits), KNOTS << BETWEEN
    places = np.floor(np.asarray(x) * scale + (end + 0.5))
    np.clip(places, 0, 2 * end, out=places)
    return places.astype(np.intp)


# --- the functions of a step ------------------------------------------------------------------------------------------


class ExactOps:
    """The functions of a step, exact; see `charrnn.network.cells.base.Ops`.

    Args:
        hidden_bits: the bits behind the point of h: ACTIVATION or, where it has no bound, UNBOUNDED.
    """

    def __init__(self, hidden_bits: int) -> None:
        self.hidden_bits = hidden_bits

    @staticmethod
    def tanh(x: npt.NDArray[Any]) -> Float64:
        """The hyperbolic tangent, by the table."""
        return _squashed()[0][_places(x, ARGUMENT)]

    @staticmethod
    def sigmoid(x: npt.NDArray[Any]) -> Float64:
        """(1 + tanh(x / 2)) / 2, by the table."""
        return _squashed()[1][_places(x, ARGUMENT - 1)]

    @staticmethod
    def relu(x: npt.NDArray[Any]) -> Float64:
        """The larger of x and 0."""
        made: Float64 = np.maximum(x, 0)
        return made

    @staticmethod
    def product(x: npt.NDArray[Any], weight: npt.NDArray[Any]) -> Float64:
        """The matrix product, rounded once: its sums are exact."""
        return rounded(x.astype(np.float64, copy=False).dot(weight), SUM)

    def linear(
        self, x: npt.NDArray[Any], weight: npt.NDArray[Any], bias: npt.NDArray[Any]
    ) -> Float64:
        """W x + b, rounded to logits."""
        return rounded(self.product(x, weight.T) + bias, LOGIT)

    @staticmethod
    def addcmul(a: npt.NDArray[Any], b: npt.NDArray[Any], c: npt.NDArray[Any]) -> Any:
        """The sum of a and b ⊙ c."""
        return a + b * c

    @staticmethod
    def split(x: npt.NDArray[Any], parts: int) -> Blocks:
        """Views of the blocks."""
        size = x.shape[-1] // parts
        return tuple(x[..., k * size : (k + 1) * size] for k in range(parts))

    def layer_norm(
        self, x: npt.NDArray[Any], gain: npt.NDArray[Any], shift: npt.NDArray[Any]
    ) -> Float64:
        """Layer normalization in integers: mean, deviations, and the inverse of their root mean square."""
        size = x.shape[-1]
        whole = x.astype(np.float64, copy=False) * float(1 << self.hidden_bits)
        mean = np.floor((2 * whole.sum(-1, keepdims=True) + size) / (2 * size))
        apart = whole - mean
        epsilon = integer_epsilon(self.hidden_bits)
        variance = np.floor((apart * apart).sum(-1, keepdims=True) / size) + epsilon
        normalized = rounded(apart * inverse_root(variance) / float(1 << 36), FACTOR)
        return _within(rounded(normalized * gain + shift, PASSED), LARGEST, PASSED)

    @staticmethod
    def softmax(x: npt.NDArray[Any]) -> Float64:
        """Exp(x) / Σ exp(x) over the last axis, rounded down to ACTIVATION."""
        whole = integer_odds(x)
        part: Float64 = np.floor(whole * float(1 << ACTIVATION) / whole.sum(-1, keepdims=True))
        part /= float(1 << ACTIVATION)
        return part

    def state(self, name: str, x: npt.NDArray[Any]) -> Float64:
        """A state on its grid."""
        if name == "c":
            return _within(rounded(x, ACTIVATION), LARGEST_MEMORY, ACTIVATION)
        return _within(rounded(x, self.hidden_bits), LARGEST, self.hidden_bits)

    start = state

    def additive_scores(self, queries: Any, keys: Any, weight: Any) -> Any:
        """Attention is for models of pairs, which have no exact form."""
        raise NotImplementedError

    def softplus(self, x: Any) -> Any:
        """For a cell that has no exact form."""
        raise NotImplementedError

    def joined(self, a: Any, b: Any) -> Any:
        """For a cell that has no exact form."""
        raise NotImplementedError


def integer_epsilon(hidden_bits: int) -> int:
    """What layer normalization adds to the variance, in the square of h's unit."""
    return math.floor(EPSILON * (1 << 2 * hidden_bits))


def inverse_root(x: Float64) -> Float64:
    """2^36 / √x of integers up to 2^31, rounded down in two steps: s = ⌊√(x 2^20)⌋, then ⌊2^46 / s⌋.

    Both are corrected to what they are in integers, so that nothing depends on how a machine rounds a root.
    """
    square = x * float(1 << 20)
    root = np.floor(np.sqrt(square))
    root -= root * root > square
    root += (root + 1) * (root + 1) <= square
    numerator = float(1 << 46)
    made: Float64 = np.floor(numerator / root)
    made -= made * root > numerator
    made += (made + 1) * root <= numerator
    return made


def integer_odds(logits: Any) -> Float64:
    """How likely each symbol is, as an integer in float64, (..., V): from 0 to 2^ODDS_BITS, that of the likeliest.

    exp(logit - largest) by a product of two table entries, rounded down. -inf gives 0.

    Args:
        logits: (..., V), divided by the temperature.
    """
    below = np.max(logits, axis=-1, keepdims=True) - logits
    steps = np.floor(np.minimum(below, COARSE) * 4096.0 + 0.5).astype(np.int64)
    high, low = steps >> 8, steps & (FINE - 1)
    coarse, fine = _odds_tables()
    made: Float64 = np.floor(coarse[np.minimum(high, COARSE)] * fine[low] / float(1 << ODDS_BITS))
    return made


@cache
def _odds_tables() -> tuple[Float64, Float64]:
    coarse, fine = exp_tables()
    return np.array([*coarse, 0], np.float64), np.array(fine, np.float64)


def integer_log(x: Any) -> Float64:
    """The natural logarithm of numbers above 0, rounded to logits: straight lines between the knots of a table."""
    mantissa, exponent = np.frexp(x)
    place = np.floor((2 * mantissa - 1) * float(1 << LOG_KNOTS + LOG_BETWEEN)).astype(np.int64)
    k, part = place >> LOG_BETWEEN, place & ((1 << LOG_BETWEEN) - 1)
    knots = _log_knots()
    above = knots[k] + ((knots[k + 1] - knots[k]) * part >> LOG_BETWEEN)
    whole = (exponent.astype(np.int64) - 1) * knots[-1] + above
    return rounded(whole / float(1 << LOG_BITS), LOGIT)


@cache
def _log_knots() -> npt.NDArray[np.int64]:
    return np.array(log_knots(), np.int64)
