"""What tests of pages wait for."""

from typing import Any


def until(page: Any, condition: str, argument: object = None) -> None:
    """Wait until a function holds in a page; its policy forbids to evaluate anything else again and again."""
    page.wait_for_function(condition, arg=argument, timeout=10_000)


def read(page: Any, text: str) -> None:
    """Wait until a text is what a live page has read."""
    shown = "text => page.live.shown === text && !page.live.reading.isRunning && !page.isUnsettled"
    until(page, shown, text)
