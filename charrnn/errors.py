"""What can go wrong, each kind with the exit status that the command line ends with.

An error's text is one line: what, where, expected, found. Its hint is what to type next. Only `cli/` prints them.
"""


class CharrnnError(Exception):
    """Something that the user can mend; everything else that escapes is a bug of ours.

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
    """An option or argument that cannot be obeyed."""

    exit_status = 2


class DataError(CharrnnError):
    """A corpus, prompt or text that cannot be read as asked."""

    exit_status = 3


class CheckpointError(CharrnnError):
    """A checkpoint that is missing, damaged, not ours, or does not fit."""

    exit_status = 4


class DivergedError(CharrnnError):
    """Training whose loss became NaN or infinite."""

    exit_status = 5


class EnvironmentFault(CharrnnError):  # noqa: N818 (EnvironmentError is Python's own name for OSError)
    """The machine says no: disk, permission, memory, device, network."""

    exit_status = 6


class BusyError(CharrnnError):
    """Another process holds the run."""

    exit_status = 7
