"""A linear unit that feeds on itself: h(t) = w · h(t-1), from h(0) = 1.

After t steps it is w to the power of t, and so is the derivative of h(t) with respect to h(0): below 1 a weight makes
both vanish, above 1 explode, and only at 1 does a memory last. An LSTM's cell is such a unit with w = 1, or its forget
gate (S. Hochreiter, "Untersuchungen zu dynamischen neuronalen Netzen", 1991).
"""

WEIGHTS = (0.01, 0.99, 1.0, 1.01)
STEPS = 1000
LARGEST_WEIGHT = 2.0
"""The largest weight: 1,000 steps with it are still a number of float64."""


def outputs(weight: float, steps: int) -> list[float]:
    """The outputs after 0, 1 ... `steps` steps with a weight from 0 to LARGEST_WEIGHT."""
    made = [1.0]
    for _ in range(steps):
        made.append(weight * made[-1])
    return made
