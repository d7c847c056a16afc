"""Parity with two units: strings of 0 and 1 with an even number of 1s.

    or(t)  = relu(p(t-1) + x(t))          p = or - 2 · and
    and(t) = relu(p(t-1) + x(t) - 1)

p is 1 where the number of 1s so far is odd: p + x is 0, 1 or 2, which p = or - 2 · and makes 0, 1 and 0. A network
without recurrence needs more units for longer strings; this one counts any length with two.
"""

from charrnn.constructions.base import NEVER, Construction, Logit, Unit, construct

ODD = {"or": 1.0, "and": -2.0}
"""The sum that is 1 where the number of 1s is odd, else 0."""


def parity() -> Construction:
    """The network of strings with an even number of 1s."""
    units = {
        "or": Unit(before=ODD, below={"1": 1.0}, about="the parity before plus this bit"),
        "and": Unit(before=ODD, below={"1": 1.0}, bias=-1.0, about="that, less 1"),
    }
    ends = {name: NEVER * weight for name, weight in ODD.items()}
    logits = {"0": Logit(), "1": Logit(), "\n": Logit(above=ends)}
    return construct("parity", "0 and 1, with an even number of 1s", [units], logits)
