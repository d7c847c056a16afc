"""The threads of NumPy's matrix products.

Several threads that share a product wait for each other at its end, and keep their cores busy meanwhile. For a few
streams of symbols that takes longer than the product, and many times as long while other programs run.
"""

from contextlib import AbstractContextManager
from typing import Any

MANY_STREAMS = 8
"""The number of parallel streams from which on a second thread speeds up their matrix products."""


def threads_for(num_streams: int) -> AbstractContextManager[Any]:
    """The threads for matrix products of parallel streams in a `with` block: one, if they are few."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(
        None if num_streams >= MANY_STREAMS else 1, "blas"
    )
    return limits
