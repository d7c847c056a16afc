"""The training machine: device, precision, threads, clock and memory."""

import contextlib
import ctypes
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from charrnn.errors import EnvironmentFault

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # from glibc's malloc.h
CPU = torch.device("cpu")


def choose_device(name: str | None) -> torch.device:
    """The device called `cpu`, `cuda`, `cuda:N` or `mps`; None: a CUDA GPU if there is one, otherwise the processor.

    Apple's GPU has to be named: nothing has been measured there yet.

    Raises:
        EnvironmentFault: this machine, or this build of torch, lacks it.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda":
        _require_cuda(name, device)
    elif device.type == "mps" and not torch.backends.mps.is_available():
        raise EnvironmentFault.naming(
            "Apple's GPU (MPS) is not available (torch {version})",
            "use {device:cpu}",
            version=torch.__version__,
        )
    return device


def _require_cuda(name: str, device: torch.device) -> None:
    if not torch.cuda.is_available():
        raise EnvironmentFault.naming(
            "CUDA is not available (torch {version})", "use {device:cpu}", version=torch.__version__
        )
    if (device.index or 0) >= torch.cuda.device_count():
        raise EnvironmentFault(
            f"there is no {name}: this machine has {torch.cuda.device_count()} GPU(s)", "use cuda:0"
        )


def is_asynchronous(device: torch.device) -> bool:
    """Whether a device computes beside the program, so that reading a result waits for all work before it."""
    return device.type not in ("cpu", "meta")


def keep_freed_memory() -> None:
    """Let glibc keep freed memory instead of returning it to the kernel after every training step.

    torch frees and allocates the same large arrays at each step. By default glibc maps each one anew, and the kernel
    fills it with zeros page by page; keeping them costs no more memory than the largest step and is much faster.
    Elsewhere than on Linux with glibc this does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def supports_bfloat16(device: torch.device) -> bool:
    """Whether a device can train in bfloat16.

    On a processor without instructions for it torch has no LSTM in bfloat16, and computes everything else slowly.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "mps":
        return torch.backends.mps.is_macos_or_newer(14, 0)
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)  # has no public name
    return supported is not None and bool(supported())


def may_choose_bfloat16(device: torch.device) -> bool:
    """Whether a plan may choose bfloat16: on a processor only, where what it costs in loss was measured."""
    return device.type == "cpu" and supports_bfloat16(device)


def require_precision(precision: str, device: torch.device) -> None:
    """Check that a device can train in this precision.

    Raises:
        EnvironmentFault: the precision is bfloat16, and the device has none.
    """
    if precision == "bfloat16" and not supports_bfloat16(device):
        kind = "CPU" if device.type == "cpu" else "GPU"
        raise EnvironmentFault.naming(
            f"this {kind} cannot train in bfloat16", "use {precision:float32} in a new run"
        )


def processor() -> dict[str, Any]:
    """The processor's part in how torch computes: its instructions, and whether it has some for bfloat16."""
    bfloat16 = supports_bfloat16(torch.device("cpu"))
    return {"instructions": torch.backends.cpu.get_cpu_capability(), "bfloat16": bfloat16}


def autocast(device: torch.device, precision: str) -> "contextlib.AbstractContextManager[None]":
    """A context in which a network's products are computed in this precision."""
    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def without_autocast(device: torch.device) -> "contextlib.AbstractContextManager[None]":
    """A context in which every operation computes in the dtype of what it is given."""
    if not torch.amp.is_autocast_available(device.type):
        return contextlib.nullcontext()
    return torch.autocast(device.type, enabled=False)


def product_dtype(x: Tensor) -> torch.dtype:
    """The dtype of autocast's matrix products, or that of x."""
    device = x.device.type
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return x.dtype


def exact_sum(x: Tensor) -> Tensor:
    """The sum in float64; computed on the processor for Apple's GPU, which lacks that."""
    x = x.cpu() if x.device.type == "mps" else x
    return x.sum(dtype=torch.float64)


def product_over_time(a: Tensor, b: Tensor) -> Tensor:
    """Σ_t a_tᵀ b_t, the gradient of a matrix that was used at every time step: (T, N, A) and (T, N, B) -> (A, B).

    In float32 by oneDNN: torch's own product, by MKL in most builds, took about twice as long on an AMD EPYC.
    """
    a, b = a.flatten(0, -2).t(), b.flatten(0, -2)
    if a.dtype == torch.float32 and a.device.type == "cpu" and _has_onednn_product():
        found: Tensor = torch.ops.mkldnn._linear_pointwise(a, b.t(), None, "none", [], "")  # noqa: SLF001
        return found
    return a @ b


def _has_onednn_product() -> bool:
    return hasattr(torch.ops.mkldnn, "_linear_pointwise")


@contextlib.contextmanager
def repeatable_draws(seed: int, step: int, device: torch.device, *, needed: bool) -> Iterator[None]:
    """A context in which torch's random draws depend on (seed, step) alone; its generators are left as they were."""
    if not needed:
        yield
        return
    mixed = np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)
    with seeded(int(mixed[0]) >> 1, device):
        yield


@contextlib.contextmanager
def seeded(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """A context with new random generators, on the processor and a device; other devices' are never touched."""
    own = [device] if is_asynchronous(device) else []
    with torch.random.fork_rng(own, device_type=device.type if own else None):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif own:
            torch.get_device_module(device).manual_seed(seed)
        yield


@contextlib.contextmanager
def thread_count(threads: int) -> Iterator[None]:
    """Compute with this many CPU threads, and go back to the number before."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def synchronized_clock(device: torch.device) -> float:
    """Seconds on a clock that is read when the device has done all its work."""
    if is_asynchronous(device):
        torch.accelerator.synchronize(device)
    return time.perf_counter()


@contextlib.contextmanager
def memory_faults(batch_size: int) -> Iterator[None]:
    """Turn errors of a full memory, and those of a GPU, into an EnvironmentFault of one line, with what to try."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if _is_full_memory(error):
            smaller = max(1, batch_size // 2)
            hint = f"try {{batch_size:{smaller}}}, or a smaller {{hidden_size}}"
            raise EnvironmentFault.naming("out of memory", hint) from error
        if isinstance(error, torch.AcceleratorError):
            first = str(error).strip().splitlines()[0]
            raise EnvironmentFault.naming(
                "the GPU reports: {problem}", "use {device:cpu}", problem=first
            ) from error
        raise


def _is_full_memory(error: Exception) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    signs = ("out of memory", "allocate memory", "alloc_failed", "allocation_failed")
    return any(sign in str(error).lower() for sign in signs)


def on_device(part: Any, device: torch.device) -> Any:
    """Arrays as tensors on a device, in the tuples that they are in.

    To a CUDA GPU they are copied from pinned memory, while it computes something else.
    """
    if isinstance(part, np.ndarray):
        tensor = torch.from_numpy(part)
        if device.type == "cuda":
            return tensor.pin_memory().to(device, non_blocking=True)
        return tensor.to(device)
    moved = [on_device(one, device) for one in part]
    return type(part)(*moved) if hasattr(part, "_fields") else tuple(moved)
