"""An order of units in which similar ones are neighbors."""

import numpy as np
import numpy.typing as npt

from charrnn.numerics import Float, Float64


def similarity_order(values: Float) -> npt.NDArray[np.intp]:
    """An order of units by the correlation of their values over the text.

    The units are joined to a tree by average linkage (Sokal and Michener 1958), built along nearest-neighbor chains
    (Murtagh 1983), and the order is that of its leaves. Two branches are joined at the ends that are most alike.

    Args:
        values: (T, n), a column for each unit. A unit that never changes, or is not finite, correlates with no other.

    Returns:
        (n,) the columns in their new order.
    """
    similarity = correlations(values)
    n = len(similarity)
    alike = similarity.copy()  # between branches: the mean over their units
    np.fill_diagonal(alike, -np.inf)
    branches = {k: [k] for k in range(n)}
    chain: list[int] = []
    while len(branches) > 1:
        if not chain:
            chain.append(next(iter(branches)))
        last = chain[-1]
        nearest = int(np.argmax(alike[last]))
        if len(chain) > 1 and alike[last, chain[-2]] >= alike[last, nearest]:
            a, b = chain.pop(), chain.pop()
            sizes = len(branches[a]), len(branches[b])
            branches[a] = _joined(branches[a], branches.pop(b), similarity)
            alike[a] = np.average(alike[[a, b]], axis=0, weights=sizes)
            alike[:, a] = alike[a]
            alike[a, a] = -np.inf
            alike[b] = alike[:, b] = -np.inf
        else:
            chain.append(nearest)
    (order,) = branches.values()
    return np.array(order, np.intp)


def correlations(values: Float) -> Float64:
    """The correlation of each unit with each other over the text, from values (T, n) to (n, n)."""
    x: Float64 = values.astype(np.float64)
    x[:, ~np.isfinite(x).all(axis=0)] = 0
    x -= x.mean(axis=0)
    x /= np.maximum(np.sqrt((x**2).sum(axis=0)), 1e-12)
    return np.asarray(x.T @ x)


def _joined(a: list[int], b: list[int], similarity: Float64) -> list[int]:
    """Two branches as one, reversed where needed so that the ends that meet are most alike."""
    ways = [(first, second) for first in (a, a[::-1]) for second in (b, b[::-1])]
    first, second = max(ways, key=lambda way: similarity[way[0][-1], way[1][0]])
    return first + second
