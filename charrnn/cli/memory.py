"""Whether the memory has room for a text."""

from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.errors import EnvironmentFault
from charrnn.wording import size

if TYPE_CHECKING:
    from charrnn.text.sources import TextSource

LARGE = 1 << 26
"""Bytes of a file up to which the memory has room for it."""


def require_memory_for(source: "TextSource") -> None:
    """Raise EnvironmentFault if a file, as it is on the disk, is larger than the free memory."""
    need = Path(source.path).stat().st_size if source.path else 0
    if need > LARGE and need > (free := free_memory()):
        raise EnvironmentFault(
            f"{source.name} has {size(need)}, but {size(free)} of memory are free",
            "give a part of it: head -c 1000000 FILE",
        )


def free_memory() -> float:
    """The bytes that a process can have without swapping; infinite where the system does not report them."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return float("inf")
    kilobytes = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(kilobytes[0]) * 1024.0 if kilobytes else float("inf")
