"""The threads of commands that read or write a single stream of symbols."""

from contextlib import AbstractContextManager
from typing import Any


def one_thread() -> AbstractContextManager[Any]:
    """One thread for matrix products in a `with` block: more would slow a single stream of symbols down."""
    from charrnn.threads import threads_for

    return threads_for(1)
