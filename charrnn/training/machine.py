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


def choose_device(name: str | None) -> torch.device:
    """The device called `cpu`, `cuda` or `cuda:N`; None: a GPU if there is one, otherwise the processor.

    Raises:
        EnvironmentFault: this machine, or this build of torch, lacks it.
    """
    available = torch.cuda.is_available()
    if name is None:
        return torch.device("cuda" if available else "cpu")
    if name == "cpu":
        return torch.device(name)
    device = torch.device(name)
    if not available:
        raise EnvironmentFault.naming(
            "CUDA is not available (torch {version})", "use {device:cpu}", version=torch.__version__
        )
    if (device.index or 0) >= torch.cuda.device_count():
        raise EnvironmentFault(
            f"there is no {name}: this machine has {torch.cuda.device_count()} GPU(s)", "use cuda:0"
        )
    return device


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
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)  # has no public name
    return supported is not None and bool(supported())


def may_choose_bfloat16(device: torch.device) -> bool:
    """Whether `auto` may choose bfloat16.

    Not on a GPU: there torch's fused recurrent kernels may compute in float16 instead, which needs its losses scaled.
    """
    return device.type != "cuda" and supports_bfloat16(device)


def require_precision(precision: str, device: torch.device) -> None:
    """Check that a device can train in this precision.

    Raises:
        EnvironmentFault: the precision is bfloat16, and the device has none.
    """
    if precision == "bfloat16" and not supports_bfloat16(device):
        kind = "GPU" if device.type == "cuda" else "CPU"
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
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int(mixed[0]) >> 1)
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
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


@contextlib.contextmanager
def memory_faults(batch_size: int) -> Iterator[None]:
    """Turn torch's errors of a full memory into an EnvironmentFault with what to try."""
    signs = ("out of memory", "allocate memory", "alloc_failed")
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        text = str(error).lower()
        if isinstance(error, RuntimeError) and not any(sign in text for sign in signs):
            raise
        smaller = max(1, batch_size // 2)
        hint = f"try {{batch_size:{smaller}}}, or a smaller {{hidden_size}}"
        raise EnvironmentFault.naming("out of memory", hint) from error


def on_device(part: Any, device: torch.device) -> Any:
    """Arrays as tensors on a device, in the tuples that they are in."""
    if isinstance(part, np.ndarray):
        return torch.from_numpy(part).to(device, non_blocking=True)
    moved = [on_device(one, device) for one in part]
    return type(part)(*moved) if hasattr(part, "_fields") else tuple(moved)
