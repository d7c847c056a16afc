"""Random numbers that are the same in every language: xoshiro128++, seeded from the seed and the number of a sample.

Source: D. Blackman and S. Vigna, "Scrambled Linear Pseudorandom Number Generators", ACM TOMS 47(4), 2021. All in
integers of 32 bits. The state is made from the words of the seed, lowest first and at least two, and the number of the
sample:

    s_j = mix(j),  then for each word w:  s_j = mix(s_j XOR w),    j = 1 ... 4
    mix(x):  x = x + 0x9E3779B9;  x = (x XOR x >> 16) 0x21F0AAAD;  x = (x XOR x >> 15) 0x735A2D97;  x XOR x >> 15
"""

import secrets

import numpy as np

from charrnn.numerics import Float64, Ids

MASK = 0xFFFFFFFF


def mix(x: int) -> int:
    """A permutation of the integers of 32 bits in which every bit depends on every other."""
    x = (x + 0x9E3779B9) & MASK
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) & MASK
    x = ((x ^ (x >> 15)) * 0x735A2D97) & MASK
    return x ^ (x >> 15)


class ExactNumbers:
    """The random numbers of one sample, determined by (seed, index): multiples of 2^-32 in [0, 1).

    Args:
        seed: 0 or more; None: a random one.
        index: the sample's number among those of its seed.
    """

    def __init__(self, seed: int | None, index: int) -> None:
        seed = secrets.randbits(64) if seed is None else seed
        words = [seed >> 32 * k & MASK for k in range(max(2, -(-seed.bit_length() // 32)))]
        state = [mix(j) for j in range(1, 5)]
        for word in (*words, index & MASK):
            state = [mix(s ^ word) for s in state]
        self._state = state

    def next(self) -> float:
        """The next number."""
        return self._word() / 4294967296.0

    def take(self, count: int) -> Float64:
        """The next `count` numbers."""
        return np.array([self._word() for _ in range(count)], np.float64) / 4294967296.0

    def _word(self) -> int:
        a, b, c, d = self._state
        total = (a + d) & MASK
        result = ((total << 7 | total >> 25) + a) & MASK
        c, d = c ^ a, d ^ b
        b, a = b ^ c, a ^ d
        c ^= self._state[1] << 9 & MASK
        self._state = [a, b, c, (d << 11 | d >> 21) & MASK]
        return result


def draw(odds: Float64, u: float | Float64) -> Ids:
    """The symbol that a random number picks, () or (N,): the first whose odds, added to those before, exceed u · total.

    Args:
        odds: integers in float64, (V,) or (N, V).
        u: multiples of 2^-32 in [0, 1), () or (N,).
    """
    sums = np.cumsum(odds, axis=-1).astype(np.int64)
    words, total = np.asarray(u * 4294967296.0).astype(np.int64), sums[..., -1]
    target = ((words >> 16) * total + ((words & 0xFFFF) * total >> 16)) >> 16  # ⌊u total⌋
    picked: Ids = (sums <= target[..., None]).sum(axis=-1)
    return picked
