"""A stream is waited for, unless a signal comes, just before the waiting too."""

import _thread
import io
import operator
import os
import select
from functools import partial
from types import SimpleNamespace

import pytest

from charrnn.text import waiting
from charrnn.text.waiting import reading


@pytest.fixture
def pipe():
    """The ends of a pipe: a file to read, and a descriptor to write to."""
    there, here = os.pipe()
    with open(there, "rb") as stream:  # noqa: PTH123 (a descriptor)
        yield stream, here
    os.close(here)


@pytest.mark.timeout(20)
def test_a_signal_that_comes_just_before_the_waiting_ends_it(pipe, monkeypatch):
    """Its handler is not called before the system waits: both are calls of C, without a step of Python between."""

    class Late:
        def __init__(self):
            self.real = select.poll()
            self.register = self.real.register

        def poll(self, *patience):
            calls = (_thread.interrupt_main, partial(self.real.poll, *patience))
            return [*map(operator.call, calls)][1]

    monkeypatch.setattr(waiting, "select", SimpleNamespace(poll=Late, POLLIN=select.POLLIN))
    read = reading(pipe[0], 10)
    with pytest.raises(KeyboardInterrupt):
        read()


def test_what_is_there_is_read_and_then_the_end(pipe):
    read = reading(pipe[0], 1 << 20)
    os.write(pipe[1], b"one\ntwo")
    assert read() == b"one\ntwo"
    os.write(pipe[1], b"three")
    assert read() == b"three"


@pytest.mark.parametrize("stream", [io.BytesIO(b"abc"), io.BufferedReader(io.BytesIO(b"abc"))])
def test_what_is_no_file_is_read_at_once(stream):
    read = reading(stream, 2)
    assert [read(), read(), read()] == [b"ab", b"c", b""]
