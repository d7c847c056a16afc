"""The place of a process among those that train together, as torchrun describes it in the environment.

Nothing here needs torch.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from charrnn.errors import UsageError

VARIABLES = {
    "rank": "RANK",
    "size": "WORLD_SIZE",
    "local_rank": "LOCAL_RANK",
    "local_size": "LOCAL_WORLD_SIZE",
}
ADDRESS = "127.0.0.1"
"""Where the processes of one machine meet."""


@dataclass(frozen=True)
class Meeting:
    """Where the processes meet, as torchrun describes it in the environment."""

    address: str = ""
    port: str = ""
    is_open: bool = False
    """Whether torchrun has opened the store there already."""
    attempt: str = "0"
    """How often torchrun has started all of them anew."""


@dataclass(frozen=True)
class Place:
    """The place of a process among those that train together."""

    rank: int
    """Its number; rank 0 reads the text, decides, prints and writes the files."""
    size: int
    """How many processes there are."""
    local_rank: int
    """Its number on its machine."""
    local_size: int
    """How many there are on its machine."""
    meeting: Meeting = field(default=Meeting(), compare=False)

    @property
    def follows(self) -> bool:
        """Whether it does what rank 0 asks."""
        return self.rank > 0

    @property
    def variables(self) -> dict[str, str]:
        """The place as torchrun describes it."""
        meeting = {"MASTER_ADDR": self.meeting.address, "MASTER_PORT": self.meeting.port}
        own = {variable: str(getattr(self, name)) for name, variable in VARIABLES.items()}
        return own | {name: value for name, value in meeting.items() if value}


def places_here(size: int) -> list[Place]:
    """The places of processes that train together on this machine, and meet at a free port of it."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        meeting = Meeting(ADDRESS, str(probe.getsockname()[1]))
    return [Place(rank, size, rank, size, meeting) for rank in range(size)]


def place_in(environment: Mapping[str, str]) -> Place | None:
    """The place that the environment describes; None: this process trains alone.

    Raises:
        UsageError: a variable is not a number, or they do not fit together.
    """
    if "RANK" not in environment or environment.get("WORLD_SIZE", "1") == "1":
        return None
    if "WORLD_SIZE" not in environment:
        return None
    rank, size = (_number(environment, VARIABLES[name]) for name in ("rank", "size"))
    with_rest = {"LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(size), **environment}
    local_rank, local_size = (
        _number(with_rest, VARIABLES[name]) for name in ("local_rank", "local_size")
    )
    if not (rank < size and local_rank < local_size <= size):
        found = ", ".join(f"{name}={with_rest[name]}" for name in VARIABLES.values())
        raise UsageError(f"the environment describes no rank: {found}", "start it with torchrun")
    meeting = Meeting(
        environment.get("MASTER_ADDR", ""),
        environment.get("MASTER_PORT", ""),
        environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
        environment.get("TORCHELASTIC_RESTART_COUNT", "0"),
    )
    return Place(rank, size, local_rank, local_size, meeting)


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment[name]
    if not (text.isascii() and text.isdecimal() and len(text) < 9):
        raise UsageError(
            f"the environment variable {name} must be a whole number, not {text!r}",
            "start it with torchrun",
        )
    return int(text)


def share(rank: int, size: int, num_rows: int) -> slice:
    """The batch rows of a rank: the rows of a step are one list, dealt in order; rank 0 has one at least."""
    begin, end = (-(-num_rows * k // size) for k in (rank, rank + 1))
    return slice(begin, end)
