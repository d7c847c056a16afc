"""The screen of `charrnn sample --interactive`: the text, the suggestion, and the keys.

The model generates in a thread, one suggestion at a time; whatever is typed meanwhile stops it. The steps themselves
are those of `charrnn.sampling.session`.
"""

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from prompt_toolkit.application import Application
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import (
    ConditionalContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    ScrollOffsets,
    Window,
)
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.styles import Style
from prompt_toolkit.widgets import TextArea

from charrnn.cli.terminal import typed_path
from charrnn.errors import CharrnnError, UsageError
from charrnn.render.glyphs import harmless
from charrnn.wording import counted, escape

if TYPE_CHECKING:
    from charrnn.sampling.session import Draft, Session
    from charrnn.sampling.stopping import StopReason

KEYS = "Tab word  End all  ^R again  ^Z undo  ↑↓ temperature  ^S save  Esc leave"
"""The line of help below the text."""
PAUSE = 0.05
"""Seconds without a key before the model begins to generate."""
REDRAW = 0.03
"""Minimum seconds between two redraws."""
STEP = 0.1
"""Temperature change per key press."""
GRAY = "#808080"
"""The color of suggestions; it can be read on black and on white."""


class Screen:
    """A session on a terminal that can show text at any place.

    Args:
        session: the text and its suggestions.
        keys: where keys come from; None: the terminal.
        output: where the screen is shown; None: standard output, or stderr if standard output is not a terminal.
    """

    def __init__(
        self, session: "Session", *, keys: Input | None = None, output: Output | None = None
    ) -> None:
        self._session = session
        self._message = ""
        self._leaving = False
        self._changed = asyncio.Event()
        self._name = TextArea(height=1, prompt="save as: ", multiline=False)
        self._replaces = ""
        """The name of an existing file that a second Enter replaces."""
        self._text = Window(
            FormattedTextControl(self._shown, focusable=True),
            wrap_lines=True,
            scroll_offsets=ScrollOffsets(bottom=self._half),
        )
        self._app: Application[None] = Application(
            layout=self._layout(),
            key_bindings=self._bindings(),
            style=_style(),
            input=keys,
            output=output or create_output(always_prefer_tty=True),
            full_screen=True,
            min_redraw_interval=REDRAW,
        )
        self._app.ttimeoutlen = 0.05
        self._app.timeoutlen = 0.3  # Escape alone leaves, but with a letter it is some Alt key

    def run(self) -> None:
        """Show the screen until a key leaves it."""
        self._app.run(pre_run=self._begin)

    # --- what is shown ----------------------------------------------------------------------------------

    def _layout(self) -> Layout:
        is_naming = Condition(self._is_naming)
        state = Window(FormattedTextControl(self._state), height=1, style="class:state")
        keys = Window(FormattedTextControl(KEYS), height=1)
        below = [
            ConditionalContainer(self._name, is_naming),
            ConditionalContainer(keys, ~is_naming),
        ]
        return Layout(HSplit([self._text, state, *below]), focused_element=self._text)

    def _half(self) -> int:
        """The rows below the cursor that are kept for the suggestion, if the text is long."""
        return self._app.output.get_size().rows // 2

    def _is_naming(self) -> bool:
        return self._app.layout.has_focus(self._name)

    def _shown(self) -> StyleAndTextTuples:
        """The text, the cursor and the suggestion."""
        text = _for_screen(self._session.text)
        whole = _for_screen(self._session.text + self._session.suggestion)
        return [
            ("", text),
            ("[SetCursorPosition]", ""),
            ("class:suggestion", whole[len(text) :]),
        ]

    def _state(self) -> str:
        session = self._session
        if self._message:
            return f" {self._message}"
        running = "" if session.stop else "   generating ..."
        return (
            f" temperature {session.temperature:g}   seed {session.seed}, draw {session.draft.index}"
            f"   {counted(len(session.text), 'character')}{running}"
        )

    # --- the model writes -------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._app.create_background_task(self._follow())
        self._changed.set()

    async def _follow(self) -> None:
        """Generate the current suggestion whenever it changes."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(PAUSE)
            self._changed.clear()
            if self._session.stop is None:
                loop = asyncio.get_running_loop()
                await asyncio.to_thread(self._write, self._session.draft, loop)

    def _write(self, draft: "Draft", loop: asyncio.AbstractEventLoop) -> None:
        """Generate a draft in this thread, until another takes its place."""
        try:
            for written, stop in self._session.run(draft):
                if self._leaving or self._session.draft != draft:
                    return
                loop.call_soon_threadsafe(self._receive, draft, written, stop)
        except CharrnnError as error:
            loop.call_soon_threadsafe(self._show_error, error)

    def _receive(self, draft: "Draft", written: str, stop: "StopReason | None") -> None:
        self._session.receive(draft, written, stop)
        self._app.invalidate()

    def _show_error(self, error: CharrnnError) -> None:
        self._message = escape(error.message)
        self._app.invalidate()

    # --- keys -------------------------------------------------------------------------------------------

    def _bindings(self) -> KeyBindings:
        session, bindings = self._session, KeyBindings()
        is_writing = ~Condition(self._is_naming)

        def bind(step: Callable[[], object], *keys: str) -> None:
            for key in keys:
                bindings.add(key, filter=is_writing)(lambda _: self._do(step))

        bind(session.accept_word, "tab", "right")
        bind(session.accept_all, "end", "c-e")
        bind(session.regenerate, "c-r")
        bind(self._back, "c-z", "c-_", "left")
        bind(lambda: self._warmer(STEP), "up")
        bind(lambda: self._warmer(-STEP), "down")
        bind(lambda: session.type("\n"), "enter", "c-j")
        bind(session.delete, "backspace", "delete")
        bind(session.delete_word, "c-w")
        bind(self._ask_name, "c-s")
        bind(self._leave, "escape", "c-c", "c-d")
        bindings.add("escape", Keys.Any, filter=is_writing)(lambda _: None)
        bindings.add(Keys.Any, filter=is_writing)(self._type)
        bindings.add(Keys.BracketedPaste, filter=is_writing)(self._paste)
        for key in ("escape", "c-c"):
            bindings.add(key, filter=~is_writing)(lambda _: self._do(self._write_on))
        bindings.add("enter", filter=~is_writing)(lambda _: self._do(self._save))
        return bindings

    def _do(self, step: Callable[[], object]) -> None:
        """Take a step; an error is shown in the status line."""
        self._message = ""
        try:
            step()
        except CharrnnError as error:
            self._show_error(error)
        self._changed.set()

    def _type(self, event: KeyPressEvent) -> None:
        key = event.key_sequence[0].key
        if isinstance(key, Keys):  # one without a function here
            return
        self._do(lambda: self._session.type(event.data))

    def _paste(self, event: KeyPressEvent) -> None:
        text = event.data.replace("\r\n", "\n").replace("\r", "\n")
        self._do(lambda: self._session.type(text))

    def _back(self) -> None:
        if not self._session.undo():
            raise UsageError("there is no step to undo")

    def _warmer(self, step: float) -> None:
        """Raise or lower the temperature to the next multiple of STEP."""
        self._session.set_temperature(max(0.0, round(self._session.temperature + step, 1)))

    def _leave(self) -> None:
        self._leaving = True
        self._app.exit()

    # --- saving -----------------------------------------------------------------------------------------

    def _ask_name(self) -> None:
        self._replaces = ""
        self._app.layout.focus(self._name)

    def _write_on(self) -> None:
        self._app.layout.focus(self._text)

    def _save(self) -> None:
        """Save under the name that was typed; an existing file is replaced if Enter is pressed twice."""
        name = self._name.text.strip()
        if not name:
            raise UsageError("the file needs a name; Escape goes back")
        try:
            self._session.save(typed_path(name), replace=name == self._replaces)
        except UsageError as error:
            self._replaces = name
            hint = error.hint or "press Enter again to replace it"
            raise UsageError(f"{error.message}: {hint}") from error
        self._message = f"saved {escape(name)} ({counted(len(self._session.text), 'character')})"
        self._write_on()


def _for_screen(text: str) -> str:
    """Text without tabs and control characters."""
    return harmless(text).expandtabs(8)


def _style() -> Style:
    """The style of the screen: without colors, suggestions are italic instead of gray."""
    suggestion = "italic" if os.environ.get("NO_COLOR") else f"fg:{GRAY}"
    return Style.from_dict({"suggestion": suggestion, "state": "reverse"})
