"""A counter: aⁿbⁿ, which no finite automaton accepts, because n may be any number.

    n(t)  = relu(n(t-1) + [a] - [b])          how many b are still owed
    n1(t) = relu(n(t-1) + [a] - [b] - 1)      so n - n1 is 1 where any is owed, else 0
    b(t)  = relu(b(t-1) + [b])                how many b have been read
    b1(t) = relu(b(t-1) + [b] - 1)            so b - b1 is 1 after the first b, else 0

A unit counts by being a number that grows: exactly up to 2²⁴ in float32. An a is nine times as likely as a b, so that
samples are longer; where n is 0, an a or the end.

Sources: F. Gers and J. Schmidhuber, "LSTM Recurrent Networks Learn Simple Context-Free and Context-Sensitive Languages",
IEEE Transactions on Neural Networks 12(6), 2001; G. Weiss, Y. Goldberg and E. Yahav, "On the Practical Computational
Power of Finite Precision RNNs for Language Recognition", ACL 2018, on ReLU and LSTM that count, and tanh and GRU that
do not.
"""

import math

from charrnn.constructions.base import NEVER, Construction, Logit, Unit, construct

AS_LIKELY = 9
"""How many times as likely as another symbol one more `a` is."""


def counter() -> Construction:
    """The network of aⁿbⁿ."""
    steps = {"a": 1.0, "b": -1.0}
    units = {
        "n": Unit(before={"n": 1.0}, below=steps, about="how many b are owed"),
        "n1": Unit(before={"n": 1.0}, below=steps, bias=-1.0, about="that, less 1"),
        "b": Unit(before={"b": 1.0}, below={"b": 1.0}, about="how many b have been read"),
        "b1": Unit(before={"b": 1.0}, below={"b": 1.0}, bias=-1.0, about="that, less 1"),
    }
    owed, begun = {"n": 1.0, "n1": -1.0}, {"b": 1.0, "b1": -1.0}
    logits = {
        "a": Logit(above=_times(NEVER, begun), bias=math.log(AS_LIKELY)),
        "b": Logit(above=_times(-NEVER, owed), bias=NEVER),
        "\n": Logit(above=_times(NEVER, owed)),
    }
    return construct("counter", "a and then as many b", [units], logits)


def _times(factor: float, weights: dict[str, float]) -> dict[str, float]:
    return {name: factor * weight for name, weight in weights.items()}
