"""What `compress` and `decompress` share: bytes to read, and a file or standard output to write."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.extras import require_extra
from charrnn.cli.terminal import require_place
from charrnn.config import FILES
from charrnn.errors import SettingError
from charrnn.settings import Config, setting

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint

SUFFIX = ".crnn"
"""The ending of compressed files."""
STREAM = "-"
"""Standard input or output as the name of a file."""


@dataclass(frozen=True, kw_only=True)
class PackedOptions(Config):
    """The model, and what is written."""

    model: str | None = setting(None, "A run, its folder or a .safetensors file.", metavar="MODEL")
    out: Path | None = setting(None, "", metavar="FILE|-", panel=FILES)
    overwrite: bool = setting(False, "Replace the output file if it exists.", panel=FILES)

    def require_target(self, usual: Path | None, source: str) -> Path | None:
        """The file to write; None: standard output.

        Args:
            usual: the file if none is given; None: standard output.
            source: what is read.

        Raises:
            SettingError: it is there already, or cannot be made, or standard output is a terminal.
        """
        path = self.out or usual
        if path is None or str(path) == STREAM:
            if sys.stdout.isatty():  # on which bytes of any kind would act
                raise SettingError.naming(
                    "standard output is a terminal, which cannot show arbitrary bytes",
                    "write to a file with {out:FILE}, or into a pipe",
                )
            return None
        require_place(path)
        if path.exists():
            self._require_replaceable(path, source)
        return path

    def _require_replaceable(self, path: Path, source: str) -> None:
        """Raise SettingError unless what is at a path may be replaced."""
        if not path.is_file():
            raise SettingError.naming(
                "{path!r} is not a regular file",
                "write to standard output with {out:-}, or choose another file",
                path=str(path),
            )
        if Path(source).exists() and path.samefile(source):
            raise SettingError.naming(
                "{path!r} is the input file, which is never replaced",
                "choose another output with {out}",
                path=str(path),
            )
        if not self.overwrite:
            raise SettingError.naming(
                "{path!r} already exists",
                "replace it with {overwrite:True}, or choose another with {out}",
                path=str(path),
            )


def require_coder(verb: str) -> None:
    """Raise EnvironmentFault unless the range coder is installed."""
    require_extra("constriction", "constriction", f"charrnn {verb}")


def read_bytes(name: str) -> bytes:
    """The bytes of a file, a pipe or standard input.

    Raises:
        DataError: there is no such file, it cannot be read, or is a stream too long for memory.
        EnvironmentFault: the memory has no room for it.
        UsageError: standard input is closed, or a terminal.
    """
    from charrnn.cli.inputs import stdin_bytes, streams_in
    from charrnn.cli.memory import require_memory_for
    from charrnn.cli.work import reading_streams
    from charrnn.text.sources import byte_pieces, in_memory, plain_file, plain_stream

    with reading_streams(streams_in([name])):
        source = (
            plain_stream(stdin_bytes(), called(name)) if name == STREAM else plain_file(Path(name))
        )
        require_memory_for(source)
        return b"".join(byte_pieces(in_memory(source)))


def called(name: str) -> str:
    """What messages call an input."""
    return "standard input" if name == STREAM else name


def write_bytes(content: bytes, path: Path | None) -> None:
    """Write all of a file, or nothing; None: to standard output."""
    from charrnn.files import write_atomically

    if path is not None:
        write_atomically(path, content)
        return
    sys.stdout.buffer.write(content)
    sys.stdout.flush()


def item_end(loaded: "Checkpoint") -> str | None:
    """The character after which a model's state is reset; None: it is carried."""
    from charrnn.runs import reading_of
    from charrnn.text.kinds import item_end_of

    return item_end_of(reading_of(loaded))
