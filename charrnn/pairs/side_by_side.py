"""Work on several batches at once: NumPy computes without Python's lock, so that threads share the processors.

A batch is too small for the threads of a matrix product, which cost more than they save: each batch has one.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from charrnn.threads import threads_of_products

Batch = TypeVar("Batch")
Result = TypeVar("Result")


def num_processors() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def mapped(work: Callable[[Batch], Result], batches: Iterable[Batch]) -> list[Result]:
    """The results of some work for each batch, in order."""
    waiting = list(batches)
    if len(waiting) < 2:
        return [work(batch) for batch in waiting]
    with threads_of_products(1), ThreadPoolExecutor(num_processors()) as threads:
        return list(threads.map(work, waiting))
