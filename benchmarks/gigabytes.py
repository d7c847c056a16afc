"""What a text larger than the memory takes, by `python benchmarks/gigabytes.py --gigabytes 5 --limit 1 FOLDER`.

It makes so many gigabytes of text in the folder, always the same; reads them once as `cat` does; and starts
`charrnn train` on them twice under a limit of memory, first without an encoded text and then with it. Of each start it
prints the seconds to the end of the first step, the processor time to the end of the last one, and the most anonymous
memory that all its processes held together.
What it has made is removed, unless `--keep` is given.

The limit is that of a control group (version 1 or 2), which counts the page cache too and ends a process that goes
beyond; where none can be made, that of `RLIMIT_DATA`, for each process by itself. The line `limit` says which it was.
"""

import argparse
import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

GB, MB = 10**9, 10**6
LINES, WORDS = 100_000, 20_000
"""Different lines, and different words of which they are made."""
GROUPS = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))
STEPS = 20
"""Steps that are made at each start, while memory is watched."""
TRAIN = (
    *(
        "--steps",
        "1000000",
        "--exact-steps",
        "--hidden-size",
        "64",
        "--layers",
        "1",
        "--batch-size",
        "64",
    ),
    *("--sequence-length", "64", "--no-counts", "--no-baselines", "--overwrite"),
)


def made_lines(seed: int = 1) -> list[bytes]:
    """Lines of words that are as frequent as the words of a language; some have letters beyond ASCII."""
    random = np.random.default_rng(seed)
    letters = np.array([*"etaoinshrdlucmfwypvbgkjqxzéü"])
    often = 1 / np.arange(1, len(letters) + 1)
    sizes = random.integers(1, 10, WORDS)
    drawn = random.choice(letters, sizes.sum(), p=often / often.sum()).tolist()
    ends = np.cumsum(sizes).tolist()
    words = [
        "".join(drawn[end - size : end]) for end, size in zip(ends, sizes.tolist(), strict=True)
    ]
    frequency = 1 / np.arange(2, WORDS + 2)
    lengths = random.integers(0, 18, LINES)
    chosen = random.choice(WORDS, lengths.sum(), p=frequency / frequency.sum()).tolist()
    lines, at = [], 0
    for length in lengths.tolist():
        lines.append(" ".join(words[k] for k in chosen[at : at + length]).encode() + b"\n")
        at += length
    return lines


def make(path: Path, size: int) -> None:
    """A file of about so many bytes: the same lines, in another order in each of its blocks."""
    lines, number, left = made_lines(), 0, size
    with path.open("wb") as file:
        while left > 0:
            order = np.random.default_rng(number).permutation(LINES).tolist()
            block = b"".join([lines[k] for k in order])[:left]
            file.write(block)
            left, number = left - len(block), number + 1


def make_small(folder: Path, number: int, size: int) -> None:
    """A folder of so many files, which have so many bytes together."""
    lines, each = made_lines(), max(1, size // number // 55)
    for k in range(number):
        place = folder / f"{k // 1000:03}"
        if not k % 1000:
            place.mkdir(parents=True)
        at = k * each % (LINES - each)
        (place / f"{k}.txt").write_bytes(b"".join(lines[at : at + each]))


def seconds_of(action: Callable[[], object]) -> float:
    """How long an action takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def read(path: Path) -> None:
    """Read a file, or all files of a folder."""
    for file in [path] if path.is_file() else sorted(path.rglob("*.txt")):
        with file.open("rb", buffering=0) as opened:
            while opened.read(1 << 20):
                pass


# --- the limit --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def limited(size: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """What a limit means, and the function that puts a new process under it."""
    group = next(filter(None, (made_group(place, size) for place in GROUPS)), None)
    if group is None:
        number = (size, size)
        yield (
            "RLIMIT_DATA of each process",
            lambda: resource.setrlimit(resource.RLIMIT_DATA, number),
        )
        return
    try:
        yield f"control group {group}", lambda: (group / "cgroup.procs").write_text("0")
    finally:
        for _ in range(50):
            with contextlib.suppress(OSError):
                group.rmdir()
                break
            time.sleep(0.1)


def made_group(place: Path, size: int) -> Path | None:
    """A control group with this limit, or None."""
    group = place / f"charrnn-{os.getpid()}"
    for name in ("memory.limit_in_bytes", "memory.max"):
        with contextlib.suppress(OSError):
            group.mkdir(exist_ok=True)
            if (group / name).exists():
                (group / name).write_text(str(size))
                return group
    with contextlib.suppress(OSError):
        group.rmdir()
    return None


def tree(number: int) -> list[int]:
    """A process and its descendants."""
    found = [number]
    for process in found:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{process}/task").iterdir():
                found += map(int, (thread / "children").read_text().split())
    return found


def anonymous(number: int) -> int:
    """The anonymous memory of a process, in bytes."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{number}/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                return int(line.split()[1]) * 1024
    return 0


# --- a start ----------------------------------------------------------------------------------------------------------


def processor_time() -> float:
    """The processor seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def start(
    text: Path, place: Path, options: list[str], limit: Callable[[], None]
) -> tuple[float, float, int]:
    """The seconds to the first step of a run, its processor seconds, and the most anonymous memory that it held."""
    line = [sys.executable, "-m", "charrnn", "train", str(text), "--json", *TRAIN, *options]
    line += ["--out", str(place / "runs"), "--cache", str(place / "cache")]
    began, most, before = time.perf_counter(), 0, processor_time()
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, preexec_fn=limit) as process:  # noqa: PLW1509

        def watch() -> None:
            nonlocal most
            while process.poll() is None:
                most = max(most, sum(map(anonymous, tree(process.pid))))
                time.sleep(0.05)

        watcher = threading.Thread(target=watch)
        watcher.start()
        assert process.stdout
        seconds, steps = 0.0, 0
        for event in process.stdout:
            steps += '"event": "step"' in event
            if steps == 1 and not seconds:
                seconds = time.perf_counter() - began
            if steps == STEPS:
                break
        process.kill()  # what follows is no longer about the text
        process.stdout.read()
        watcher.join()
    if steps < STEPS:
        sys.exit(f"charrnn train ended after {steps} steps")
    return seconds, processor_time() - before, most


def main() -> None:
    """Measure."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was made is removed
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=0.2)
    parser.add_argument("--files", type=int, default=1, help="so many small files instead of one")
    parser.add_argument("--limit", type=float, default=1.0, help="gigabytes of memory")
    parser.add_argument("--keep", action="store_true")
    known, options = parser.parse_known_args()
    place = known.folder / "gigabytes"
    place.mkdir(parents=True)
    size, text = int(known.gigabytes * GB), place / ("text" if known.files > 1 else "text.txt")
    try:
        if known.files > 1:
            made = seconds_of(lambda: make_small(text, known.files, size))
        else:
            made = seconds_of(lambda: make(text, size))
        os.sync()
        print(f"made      {size / MB:,.0f} MB in {made:.1f} s", flush=True)
        plain = seconds_of(lambda: read(text))
        print(f"read      {size / MB / plain:,.0f} MB/s, as cat does", flush=True)
        with limited(int(known.limit * (1 << 30))) as (what, limit):
            print(f"limit     {known.limit:g} GiB: {what}", flush=True)
            for name in ("first", "again"):
                seconds, used, most = start(text, place, options, limit)
                print(
                    f"{name:<10}{seconds:.1f} s to the first step, {used:.1f} s of processor time, "
                    f"{most / MB:,.0f} MB anonymous"
                )
        encoded = sum(
            path.stat().st_size for path in (place / "cache").rglob("*") if path.is_file()
        )
        print(f"encoded   {encoded / MB:,.0f} MB")
    finally:
        if not known.keep:
            shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
