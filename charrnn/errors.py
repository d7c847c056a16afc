"""The errors of charrnn, each kind with its exit status on the command line.

An error's text is one line: what, where, expected, found. Its hint is what to type next. Only `cli/` prints them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any, Self

OFF = "off"
"""The name in templates, and the word on the command line, for a setting that is turned off; in Python it is None."""
ON = "True"
"""The value in templates of a setting that is turned on; on the command line its option alone."""
REQUEUE = 75
"""Exit status of a run that SIGUSR1 stopped: the same command line goes on with it. It is EX_TEMPFAIL of sysexits.h."""
Spell = Callable[[str, str], str]
"""Spells a setting, given its name and a value, or ""."""
Spelled = Callable[[Spell], tuple[str, str]]
"""A message and a hint, with their settings spelled."""


@dataclass(frozen=True)
class Typed:
    """A part of a template that is a whole line on the command line, and other words in Python."""

    line: str
    python: str


HOW_TO_TRAIN = Typed(
    "train one: charrnn train corpus.txt",
    "train one: charrnn.train('corpus.txt', name='plays')",
)
"""The hint where there is no model yet."""


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
        self.setting: str | None = None
        """The first setting that the message names, by the name of its keyword; None: it names none."""
        self._spelled: Spelled | None = None

    @classmethod
    def naming(cls, message: str, hint: str = "", **values: object) -> Self:
        """An error that names settings: in Python by their own names, on the command line by their options.

        Args:
            message: a template with each setting as its name in braces: "{stop} and {match} cannot be used together";
                "{optimizer:muon}" names a setting with a value.
            hint: what to do, in the same form.
            values: other parts of the two, by name; a `Typed` is a part that only one of the two kinds of user can type.
        """

        def spelled_by(spell: Spell) -> tuple[str, str]:
            return spelled(message, spell, **values), spelled(hint, spell, **values)

        error = cls(*spelled_by(in_python))
        error._spelled = spelled_by
        named = (name for _, name, _, _ in Formatter().parse(message) if name)
        error.setting = next((name for name in named if name not in {OFF, *values}), None)
        return error

    @property
    def names_settings(self) -> bool:
        """Whether the message or the hint names settings."""
        return self._spelled is not None

    def typed(self, spell: "Spell") -> "CharrnnError":
        """The error with its settings spelled by a function of a setting's name and its value, or ""."""
        if self._spelled is None:
            return self
        error = type(self)(*self._spelled(spell))
        error.setting = self.setting
        return error


class UsageError(CharrnnError):
    """An invalid setting or argument, or a conflict between settings."""

    exit_status = 2


class SettingError(UsageError):
    """An invalid setting, or a conflict between settings, which the message names (see `CharrnnError.naming`)."""


def spelled(template: str, spell: Spell, **values: object) -> str:
    """Replace the names of settings in braces, such as {seed}, by their spelling.

    Args:
        template: the text: "only with {level:char}".
        spell: a function of a setting's name and its value, or "".
        values: what other names in braces stand for.
    """
    return _Speller(spell).vformat(template, (), values)


def literal(text: str) -> str:
    """A text as a part of a template, in which braces would name settings."""
    return text.replace("{", "{{").replace("}", "}}")


def in_python(name: str, value: str) -> str:
    """A setting as it is written in Python: "seed", "seed=3"; see `Spell`."""
    if name == OFF:
        return "None"
    if not value:
        return name
    is_number = value.replace(".", "").replace("e-", "").replace("e+", "").isdigit()
    return f"{name}={value}" if is_number or value == ON else f"{name}={value!r}"


class _Speller(Formatter):
    """Fills in a template: known values as they are, everything else as a setting."""

    def __init__(self, spell: Spell) -> None:
        self._spell = spell

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:  # noqa: ARG002
        """The value of a name in a template, or the setting that it names."""
        if key not in kwargs:
            return _Spelled(str(key), self._spell)
        value = kwargs[str(key)]
        if isinstance(value, Typed):
            return value.python if self._spell is in_python else value.line
        return value


class _Spelled:
    """A setting in a template."""

    def __init__(self, name: str, spell: Spell) -> None:
        self._name, self._spell = name, spell

    def __format__(self, value: str) -> str:
        return self._spell(self._name, value)


class DataError(CharrnnError):
    """A corpus, prompt or text that cannot be read as asked."""

    exit_status = 3


class CheckpointError(CharrnnError):
    """A checkpoint that is missing, damaged, from another program, or does not fit."""

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
