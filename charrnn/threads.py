"""The threads of NumPy's matrix products.

Several threads that share a product wait for each other at its end, and keep their cores busy meanwhile. For a few
streams of symbols that takes longer than the product, and many times as long while other programs run.
"""

import functools
import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

MANY_STREAMS = 8
"""The number of parallel streams from which on a second thread speeds up their matrix products."""


def threads_for(num_streams: int) -> AbstractContextManager[Any]:
    """The threads for matrix products of parallel streams in a `with` block: one, if they are few."""
    return threads_of_products(None if num_streams >= MANY_STREAMS else 1)


def threads_of_products(most: int | None) -> AbstractContextManager[Any]:
    """At most so many threads for each matrix product in a `with` block; None: as many as there are."""
    limits: AbstractContextManager[Any] = libraries().limit(limits=most, user_api="blas")
    return limits


def libraries() -> "ThreadpoolController":
    """The libraries of this process that compute in threads."""
    return _libraries(*(name in sys.modules for name in ("numpy", "scipy.linalg", "torch")))


@functools.cache
def _libraries(*_: bool) -> "ThreadpoolController":
    """The same, found anew only when a module is there that brings some: hundreds of files are looked through."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
