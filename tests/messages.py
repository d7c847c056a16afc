"""The golden file of everything that the program says: messages.txt, a section for each test that meets a message.

Tests assert settings, values and exit statuses; the sentences stand in the file alone. A test passes what it met to its
`wording` fixture, which compares it with the test's section, word for word. `pytest --write-golden` writes the sections
of the tests that it runs anew, to be read in the difference before they are committed.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import groupby
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest
from filelock import FileLock
from helpers import Result

from charrnn.errors import CharrnnError
from charrnn.wording import escape

COLLECTED = pytest.StashKey[set[str]]()
"""The identifiers of the collected tests that meet messages, in pytest's configuration."""
GOLDEN = Path(__file__).with_name("messages.txt")
MASKS = (
    (r"\d[\d,.]*( [kM])?(?=( characters| bytes| lines)?/s\b)", "N"),  # speeds
    (r"(?<=process )\d+|(?<=127\.0\.0\.1:)\d+|(?<=port )\d+", "N"),
    (r"\b\d[\d.]*(?= s\b| seconds?\b| ms\b)", "N"),  # durations
    (r"(?<=about )\d+:[\d:]+", "N"),
    (r"\d+\.\d+(?= (bits|nats))", "N"),
    (r"(?<=became )\d[\d.e+-]*", "N"),  # losses
    (r"(?<=\()\d[\d.]*(?= [kMG]?B\b)", "N"),  # sizes of files
    (r"(?<=\()\d+ threads?, [^)]*", "N"),
    (r"(?<=stopped at step )[\d,]+", "N"),
    (r"(?<=torch )\d[\w.+]*", "N"),
    (r"\d+(?= distinct)|(?<=the model's )\d+(?= characters)", "N"),  # of Python's own source
)
"""What differs from machine to machine, beside the folders of the tests."""
UNSTEADY = re.compile(r"device  |plan  |network  |step [\d,]+, epoch|validation  |  (?! {7})")
"""How lines begin that differ as a whole, or are not wording: the machine, the course of a training, its samples."""
MAX_COMMAND = 120
"""The most characters of a command line that the file shows."""


def read_golden() -> dict[str, list[str]]:
    """The messages of each test, by its identifier."""
    sections: dict[str, list[str]] = {}
    if not GOLDEN.exists():
        return sections
    names: list[str] = []
    for block in re.split(r"\n(?=\S)", GOLDEN.read_text(encoding="utf-8")):
        name, _, body = block.partition("\n")
        names.append(name)
        if body:
            entries = re.sub("^    ", "", body, flags=re.MULTILINE).strip("\n").split("\n\n")
            sections |= dict.fromkeys(names, entries)
            names = []
    return sections


def write_golden(sections: dict[str, list[str]]) -> None:
    """Write the file, with one section for neighbors that have the same messages."""
    parts = []
    for entries, names in groupby(sorted(sections), sections.__getitem__):
        parts += [f"{name}\n" for name in names]
        parts += [re.sub("^", "    ", entry, flags=re.MULTILINE) + "\n\n" for entry in entries]
    GOLDEN.write_text("".join(parts).rstrip("\n") + "\n", encoding="utf-8")


_golden = cache(read_golden)


class Wording:
    """The comparison of what one test meets with its section of the golden file.

    Args:
        name: the test's identifier.
        folders: folders of this run of the tests, and what the file calls them.
        writes: whether the section is written instead.
    """

    def __init__(self, name: str, folders: dict[str, str], *, writes: bool) -> None:
        self._name, self._folders, self._writes = name, folders, writes
        self._expected = [] if writes else _golden().get(name, [])
        self._met: list[str] = []

    def __call__(
        self, said: Result | CharrnnError | str, *foreign: str, only: str | None = None
    ) -> None:
        """Compare a command's stderr and status, an error, or a text with the next entry.

        The same once more is no entry of its own.

        Args:
            said: the result, the error, or the text.
            foreign: regular expressions of what comes from the system or from another library.
            only: a regular expression of the lines of stderr to be compared; left out: all of them.
        """
        __tracebackhide__ = True
        text = self._masked(_shown(said, only), foreign)
        if self._met[-1:] == [text]:
            return
        self._met.append(text)
        if not self._writes:
            expected = "".join(self._expected[len(self._met) - 1 : len(self._met)])
            assert self._met[-1] == expected

    @contextmanager
    def raises(self, *kinds: type[CharrnnError], foreign: tuple[str, ...] = ()) -> Iterator[Any]:
        """`pytest.raises` for an error whose message and hint are compared."""
        with pytest.raises(kinds) as caught:
            yield caught
        self(caught.value, *foreign)

    def close(self) -> None:
        """Expect that the section has no more entries, or write it."""
        if not self._writes:
            assert self._expected[len(self._met) :] == [], "messages that were not met"
            return
        with FileLock(Path(gettempdir()) / "charrnn-golden.lock"):
            others = {k: v for k, v in read_golden().items() if k != self._name}
            write_golden(others | ({self._name: self._met} if self._met else {}))

    def _masked(self, text: str, foreign: tuple[str, ...]) -> str:
        for folder, name in self._folders.items():
            text = text.replace(folder, name)
        for pattern, mask in (*MASKS, *((f, "…") for f in foreign)):
            text = re.sub(pattern, mask, text)
        lines = (line.rstrip() for line in text.split("\n"))
        return "\n".join(_shortened(x) for x in lines if x and not UNSTEADY.match(x))


def _shortened(line: str) -> str:
    line = escape(line)
    if not line.startswith("$ ") or len(line) <= MAX_COMMAND:
        return line
    return line[:MAX_COMMAND] + "…"


def _shown(said: Result | CharrnnError | str, only: str | None) -> str:
    if isinstance(said, CharrnnError):
        lines = (f"{type(said).__name__}: {said.message}", said.hint)
        return "\n         ".join(filter(None, lines))
    if isinstance(said, Result):
        typed = " ".join(said.arguments).encode("unicode_escape").decode()
        lines = (x for x in said.err.splitlines() if only is None or re.search(only, x))
        return "\n".join((f"$ charrnn {typed}", *lines, f"[{said.status}]"))
    return said
