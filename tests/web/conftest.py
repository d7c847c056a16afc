"""The window in which tests open pages, and what must not happen in it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")
def window(browser: Any) -> Iterator[Any]:
    """A window for one page after the other. Open addresses in it by `visit`, which watches them."""
    context = browser.new_context(has_touch=False)
    yield context.new_page()
    context.close()


@pytest.fixture
def visit(window: Any) -> Iterator[Callable[[str], Any]]:
    """A function that opens an address in the window, 1600 wide and light, and returns the window.

    When the test ends, nothing has gone wrong in its pages, and nothing was fetched from another place.
    """
    faults: list[str] = []
    fetched: list[str] = []
    visited = ["data:", "about:"]
    listeners: dict[str, Callable[[Any], None]] = {
        "console": lambda message: faults.append(message.text),
        "pageerror": lambda error: faults.append(str(error)),
        "request": lambda request: fetched.append(request.url),
    }
    for event, listener in listeners.items():
        window.on(event, listener)
    window.set_viewport_size({"width": 1600, "height": 1000})
    window.emulate_media(color_scheme="light", media="screen", forced_colors="none")
    window.mouse.move(0, 0)

    def visit(address: str) -> Any:
        visited.append(address.partition("#")[0])
        window.goto(address)
        return window

    yield visit
    window.goto("about:blank")
    for event, listener in listeners.items():
        window.remove_listener(event, listener)
    assert faults == []
    assert [url for url in fetched if not url.startswith(tuple(visited))] == []
