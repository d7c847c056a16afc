"""What can go wrong, each kind with the exit status that the command line ends with.

An error's text is one line: what, where, expected, found. Its hint is what to type next. Only `cli/` prints them.
"""

from collections.abc import Callable, Mapping, Sequence
from string import Formatter
from typing import Any


class CharrnnError(Exception):
    """An error that the user can correct; anything else that escapes is a bug in charrnn.

    Args:
        message: one line that says what is wrong, where, what was expected and what was found.
        hint: what to do or type next, or an empty string.
    """

    exit_status = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(CharrnnError):
    """An invalid setting or argument, or a conflict between settings."""

    exit_status = 2


class SettingError(UsageError):
    """An error that names settings: in Python by their own names, on the command line by their options.

    Args:
        template: the message, with each setting as its name in braces: "{stop} and {match} exclude each other";
            "{optimizer:muon}" names a setting with a value.
        hint: what to do, in the same form.
        values: other parts of the template, by name.
    """

    def __init__(self, template: str, hint: str = "", **values: object) -> None:
        self._template, self._hint, self._values = template, hint, values
        super().__init__(*self.spelled(_in_python))

    def spelled(self, spell: Callable[[str, str], str]) -> tuple[str, str]:
        """The message and the hint, with settings spelled by a function of a setting's name and its value, or ""."""
        return (
            spelled(self._template, spell, **self._values),
            spelled(self._hint, spell, **self._values),
        )


def spelled(template: str, spell: Callable[[str, str], str], **values: object) -> str:
    """A text in which settings stand as names in braces, with each of them spelled.

    Args:
        template: the text: "only with {level:char}".
        spell: a function of a setting's name and its value, or "".
        values: what other names in braces stand for.
    """
    return _Speller(spell).vformat(template, (), values)


def _in_python(name: str, value: str) -> str:
    return f"{name}={value!r}" if value else name


class _Speller(Formatter):
    """Fills in a template: known values as they are, everything else as a setting."""

    def __init__(self, spell: Callable[[str, str], str]) -> None:
        self._spell = spell

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:  # noqa: ARG002
        return kwargs[str(key)] if key in kwargs else _Spelled(str(key), self._spell)


class _Spelled:
    """A setting in a template."""

    def __init__(self, name: str, spell: Callable[[str, str], str]) -> None:
        self._name, self._spell = name, spell

    def __format__(self, value: str) -> str:
        return self._spell(self._name, value)


class DataError(CharrnnError):
    """A corpus, prompt or text that cannot be read as asked."""

    exit_status = 3


class DataSettingError(SettingError, DataError):
    """An error in a corpus or text whose message or hint names settings."""

    exit_status = DataError.exit_status


class CheckpointError(CharrnnError):
    """A checkpoint that is missing, damaged, not ours, or does not fit."""

    exit_status = 4


class DivergedError(CharrnnError):
    """Training whose loss became NaN or infinite."""

    exit_status = 5


class EnvironmentFault(CharrnnError):  # noqa: N818 (EnvironmentError is Python's own name for OSError)
    """A failure of the environment: disk, permission, memory, device, network."""

    exit_status = 6


class BusyError(CharrnnError):
    """Another process holds the run."""

    exit_status = 7
