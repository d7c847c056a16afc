"""Several processes that train one network: rank 0 leads, the others follow.

Rank 0 runs the command as if it were alone: it reads the text, plans, decides, prints and writes. Before each thing that
all have to do (make a network, take a step, gather the carried state), it announces the call with its arguments, and the
others make the same call (`charrnn.training.follower`). So nothing needs to be decided twice, and no other rank needs
the text. Gradients are averaged by torch's DistributedDataParallel.

Beside this there is a second group in which each pair of rank 0 and another rank waits for a word that only the end
brings: an error, a goodbye, or a closed connection when a process was killed.
"""

import contextlib
import datetime as dt
import itertools
import json
import os
import platform
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from charrnn.errors import CharrnnError, EnvironmentFault, SettingError
from charrnn.training.messages import packed, unpacked
from charrnn.training.place import Place, share

CONNECT = dt.timedelta(minutes=2)
"""How long a rank waits for the others to start."""
PATIENCE = dt.timedelta(days=1)
"""How long a rank waits for the others later: rank 0 may have much to do in between."""
NEVER = dt.timedelta(days=3650)
GRACE = 3.0
"""Seconds in which a rank that is in the middle of something may end by itself when another one has ended."""
WORD = 4096
"""Bytes of the only message that two ranks exchange at the end."""
GOODBYE = ""
MOST_NAMED = 8
"""How many missing ranks a message names."""
START_ALL = "every rank must be started"
REACHABLE = "MASTER_ADDR and MASTER_PORT must be an address of rank 0 that all can reach"

Lost = Callable[[CharrnnError], object]
"""Called when another rank has ended and this one cannot: it reports the error and ends the process."""


class Alone:
    """The only process of a run: every call is as if there were no others."""

    rank, size = 0, 1

    def __init__(self) -> None:
        self._count = itertools.count()

    def numbered(self) -> int:
        """The next number for a network; it is the same on all ranks."""
        return next(self._count)

    def share(self, num_rows: int) -> slice:
        """All batch rows."""
        return slice(0, num_rows)

    def announce(self, call: str, **arguments: Any) -> None:
        """No-op: no one follows."""

    def wrapped(self, network: nn.Module, *, all_used: bool = True) -> nn.Module:  # noqa: ARG002 (as several ranks)
        """The network itself."""
        return network

    def total(self, value: Tensor, part: float) -> Tensor:  # noqa: ARG002
        """The mean of every rank's value, of which each has a part."""
        return value

    def joined(self, tensors: tuple[Tensor, ...], num_rows: int) -> tuple[Tensor, ...]:  # noqa: ARG002
        """The rows of all ranks, side by side."""
        return tensors

    def divided(
        self, computed: Callable[[Tensor], Tensor], matrices: Sequence[Tensor]
    ) -> list[Tensor]:
        """A function of each matrix, with a result of the same shape."""
        return [computed(matrix) for matrix in matrices]

    def guarded(self) -> contextlib.AbstractContextManager[None]:
        """A context in which an error that follows from the end of another rank becomes that of its end."""
        return contextlib.nullcontext()

    def close(self) -> None:
        """No-op: no one follows."""


class Ranks(Alone):
    """The processes of a run, seen from one of them, which joins the others.

    Args:
        place: the place of this process.
        lost: see `Lost`.
        wait: called while this process waits for the others to start.
    """

    def __init__(self, place: Place, lost: Lost, wait: Callable[[], object]) -> None:
        super().__init__()
        self.place, self.rank, self.size = place, place.rank, place.size
        self._lost = lost
        self._fault: CharrnnError | None = None
        self._noticed = threading.Event()
        self._is_closing = False
        has_gpu = place.local_rank < torch.cuda.device_count()
        if has_gpu:
            torch.cuda.set_device(place.local_rank)
        backend = "cpu:gloo,cuda:nccl" if has_gpu else "gloo"
        store = met(place, wait)
        try:
            dist.init_process_group(
                backend, store=store, timeout=CONNECT, rank=place.rank, world_size=place.size
            )
            self._calls: Any = dist.new_group(timeout=PATIENCE)
            self._words: Any = dist.new_group(backend="gloo", timeout=NEVER)
        except (RuntimeError, ValueError) as error:  # torch's own errors of a connection are such
            raise EnvironmentFault(
                f"rank {place.rank} cannot connect to the others: {first_line(error)}", REACHABLE
            ) from error
        torch.set_num_threads(max(1, num_cores() // self._sharers()))
        peers = range(1, place.size) if place.rank == 0 else (0,)
        self._watches = [
            threading.Thread(target=self._watch, args=(peer,), daemon=True) for peer in peers
        ]
        for watch in self._watches:
            watch.start()

    def _sharers(self) -> int:
        """How many ranks compute on the cores of this one; a scheduler may give each its own."""
        own = torch.tensor([zlib.crc32(f"{platform.node()} {_cores()}".encode())])
        all_of_them = [torch.zeros_like(own) for _ in range(self.size)]
        dist.all_gather(all_of_them, own)
        return sum(bool(other == own) for other in all_of_them)

    def share(self, num_rows: int) -> slice:
        """The batch rows of this rank."""
        return share(self.rank, self.size, num_rows)

    # --- calls ---------------------------------------------------------------------------------------

    def announce(self, call: str, **arguments: Any) -> None:
        """Let the other ranks make a call that this one, if it is rank 0, is about to make."""
        if self.rank == 0:
            message = torch.frombuffer(bytearray(packed(call, arguments)), dtype=torch.uint8)
            with self.guarded():
                dist.broadcast(torch.tensor([len(message)]), 0, self._calls)
                dist.broadcast(message, 0, self._calls)

    def receive(self) -> tuple[str, dict[str, Any]]:
        """The next call of rank 0."""
        length = torch.zeros(1, dtype=torch.int64)
        dist.broadcast(length, 0, self._calls)
        message = torch.empty(int(length), dtype=torch.uint8)
        dist.broadcast(message, 0, self._calls)
        return unpacked(message.numpy().tobytes())

    # --- what all ranks do together ------------------------------------------------------------------

    def wrapped(self, network: nn.Module, *, all_used: bool = True) -> nn.Module:
        """The network as it is called in training, where its gradients become the mean over all ranks.

        Args:
            network: its weights become those of rank 0.
            all_used: whether every weight has a gradient in every step.
        """
        with self.guarded():
            return nn.parallel.DistributedDataParallel(
                network, process_group=self._calls, find_unused_parameters=not all_used
            )

    def total(self, value: Tensor, part: float) -> Tensor:
        """The mean of every rank's value, of which each has a part."""
        whole = value.double() * part
        dist.all_reduce(whole, group=self._calls)
        return whole

    def joined(self, tensors: tuple[Tensor, ...], num_rows: int) -> tuple[Tensor, ...]:
        """On rank 0 the rows (axis 1) of all ranks, side by side, in float32; elsewhere the rank's own.

        Args:
            tensors: the rows of this rank, (L, n, H) each.
            num_rows: the rows of all, N.
        """
        own = tuple(t.float().cpu().contiguous() for t in tensors)
        if self.rank:
            for tensor in own:
                if tensor.numel():
                    dist.send(tensor, 0, self._calls)
            return own
        parts = [own]
        for rank in range(1, self.size):
            rows = share(rank, self.size, num_rows)
            part = tuple(t.new_empty(len(t), rows.stop - rows.start, t.shape[2]) for t in own)
            for tensor in part:
                if tensor.numel():
                    dist.recv(tensor, rank, self._calls)
            parts.append(part)
        return tuple(torch.cat(tensor, 1) for tensor in zip(*parts, strict=True))

    def divided(
        self, computed: Callable[[Tensor], Tensor], matrices: Sequence[Tensor]
    ) -> list[Tensor]:
        """A function of each matrix, the same on all ranks, of which each rank computes its share for all."""
        owners = self._owners(matrices)
        results = [
            computed(matrix).float().contiguous()
            if owner == self.rank
            else torch.empty_like(matrix)
            for matrix, owner in zip(matrices, owners, strict=True)
        ]
        works = [
            dist.broadcast(result, owner, self._calls, async_op=True)
            for result, owner in zip(results, owners, strict=True)
        ]
        for work in works:
            work.wait()
        return results

    def _owners(self, matrices: Sequence[Tensor]) -> list[int]:
        """The rank of each matrix: the largest first, each to the one with the least to do."""
        loads = [0] * self.size
        owners = [0] * len(matrices)
        for k in sorted(range(len(matrices)), key=lambda k: -matrices[k].numel()):
            owners[k] = loads.index(min(loads))
            loads[owners[k]] += matrices[k].numel() * min(matrices[k].shape)
        return owners

    # --- the end -------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """A context in which an error that follows from the end of another rank becomes that of its end."""
        try:
            yield
        except RuntimeError as error:
            if not self._noticed.wait(GRACE):
                raise
            assert self._fault
            self._is_closing = True
            raise self._fault from error

    def tell(self, fault: CharrnnError) -> None:
        """Send rank 0 the error that ends this one."""
        word = {"status": fault.exit_status, "message": fault.message, "hint": fault.hint}
        self._send(json.dumps(word), 0)

    def close(self) -> None:
        """Let the other ranks end."""
        if self._is_closing:
            return
        self._is_closing = True
        for peer in range(1, self.size):
            with contextlib.suppress(RuntimeError):
                self._send(GOODBYE, peer)
        for watch in self._watches:
            watch.join(GRACE)

    def _send(self, text: str, peer: int) -> None:
        content = text.encode()[:WORD].ljust(WORD)
        dist.send(torch.frombuffer(bytearray(content), dtype=torch.uint8), peer, self._words)

    def _watch(self, peer: int) -> None:
        """Wait until another rank has a last word, or its connection is closed."""
        word = torch.zeros(WORD, dtype=torch.uint8)
        try:
            dist.recv(word, peer, self._words)
            text: str | None = word.numpy().tobytes().decode(errors="replace").strip()
        except RuntimeError:
            text = None
        if self._is_closing:
            return
        self._fault = self._fault or _end_of(peer, text)
        self._noticed.set()
        if text != GOODBYE:
            time.sleep(GRACE)
        if not self._is_closing:
            self._lost(self._fault)


class RankError(EnvironmentFault):
    """Another rank has ended, and this one cannot go on alone."""


class LostError(RankError):
    """Another rank has ended without a word."""


class Dismissed(RankError):  # noqa: N818 (no error: the good end)
    """Rank 0 needs the others no longer."""


class UnreachableError(EnvironmentFault):
    """Rank 0 is not where this rank looks for it."""


def met(place: Place, wait: Callable[[], object] = lambda: None) -> Any:
    """The store through which the ranks connect, once all of them have started.

    Args:
        place: the place of this process.
        wait: called in between, until all have started.

    Raises:
        UnreachableError: there is no rank 0.
        RankError: rank 0 has ended.
        EnvironmentFault: another rank is missing, or the environment names no address.
    """
    until = time.monotonic() + CONNECT.total_seconds()
    store = _store(place)
    seconds = f"{CONNECT.total_seconds():.0f} seconds"
    missing = [*range(place.size)]
    try:
        store.set(f"rank {place.rank}", "started")
        while missing := [rank for rank in missing if not store.check([f"rank {rank}"])]:
            if time.monotonic() > until:
                break
            wait()
            time.sleep(0.05)  # not in the store's own wait, which delays signals
    except RuntimeError as error:
        raise _end_of(0, None) from error
    if 0 in missing:
        raise UnreachableError(f"rank 0 did not start within {seconds}", START_ALL)
    if missing:
        numbers = ", ".join(map(str, missing[:MOST_NAMED])) + ", ..." * (len(missing) > MOST_NAMED)
        ranks = "rank" if len(missing) == 1 else "ranks"
        raise EnvironmentFault(
            f"{ranks} {numbers} of {place.size} did not connect within {seconds}",
            f"{START_ALL}; {REACHABLE}",
        )
    return store


def _store(place: Place) -> Any:
    """The store at MASTER_ADDR and MASTER_PORT: that of rank 0, or of torchrun."""
    meeting = place.meeting
    address, port = meeting.address, meeting.port
    if not address or not port.isdecimal():
        raise UnreachableError(
            f"rank {place.rank} of {place.size} has no address of rank 0: "
            f"MASTER_ADDR={address} MASTER_PORT={port}",
            "start it with torchrun, or set both; without RANK and WORLD_SIZE it trains alone",
        )
    opens = place.rank == 0 and not meeting.is_open
    try:
        store = dist.TCPStore(  # type: ignore[attr-defined]
            address, int(port), None, opens, timeout=CONNECT, wait_for_workers=False
        )
    except (RuntimeError, ValueError) as error:
        if opens:
            raise EnvironmentFault(
                f"rank 0 cannot listen at {address}:{port}: {first_line(error)}",
                "MASTER_ADDR must be its own address, and MASTER_PORT a free port",
            ) from error
        raise UnreachableError(
            f"rank {place.rank} of {place.size} cannot reach rank 0 at {address}:{port}",
            f"{START_ALL}; {REACHABLE}",
        ) from error
    return dist.PrefixStore(f"charrnn {meeting.attempt}", store)  # type: ignore[attr-defined]


def _end_of(peer: int, text: str | None) -> CharrnnError:
    """The error of another rank's end: its own, or that it was lost."""
    if text == GOODBYE:
        return Dismissed("rank 0 has ended the run")
    with contextlib.suppress(ValueError, TypeError, KeyError):
        word: Mapping[str, Any] = json.loads(text or "")
        error = RankError(f"rank {peer}: {word['message']}", str(word["hint"]))
        error.exit_status = int(word["status"])
        return error
    return LostError.naming(
        "rank {peer} was killed or lost, so the run has ended",
        "the same command with {resume} continues from the last checkpoint",
        peer=peer,
    )


def first_line(error: BaseException) -> str:
    """The first line of an error of torch, without its place in torch's source."""
    line = str(error).strip().partition("\n")[0]
    return line.rpartition("] ")[2] if line.startswith("[") else line


def num_cores() -> int:
    """The processor's cores that this process may use."""
    return len(_cores())


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return [*range(os.cpu_count() or 1)]


_here: list[Alone] = [Alone()]


def here() -> Alone:
    """The ranks that this process belongs to: `Ranks`, or `Alone`. torch has one group for a process too."""
    return _here[0]


def join(place: Place, lost: Lost, wait: Callable[[], object] = lambda: None) -> Ranks:
    """Join the other ranks, until `leave`: every network that this process then trains is trained by all.

    Args:
        place: the place of this process.
        lost: see `Lost`.
        wait: called while this process waits for the others to start.

    Raises:
        EnvironmentFault: the others cannot be reached.
    """
    ranks = Ranks(place, lost, wait)
    _here[0] = ranks
    return ranks


def leave() -> None:
    """Let the other ranks end, and go on alone."""
    before, _here[0] = _here[0], Alone()
    before.close()


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """A block in which this process works alone, while the others wait."""
    before, _here[0] = _here[0], Alone()
    try:
        yield
    finally:
        _here[0] = before


def require_devices(device: str, place: Place) -> None:
    """Check that each process of a machine can have a device of its own.

    Raises:
        SettingError: one GPU is to be used by all.
        EnvironmentFault: there are too few GPUs.
    """
    kind, _, number = device.partition(":")
    if kind == "cpu":
        return
    if number:
        raise SettingError.naming(
            "{device} cannot be {found} for several processes: each takes the GPU of its own number",
            "use {device:cuda}",
            found=device,
        )
    if place.local_size > (count := torch.cuda.device_count()):
        raise EnvironmentFault.naming(
            "{processes} on this machine need a GPU each, and it has {count}",
            "start fewer, or use {device:cpu}",
            processes=f"{place.local_size} processes",
            count=count,
        )
