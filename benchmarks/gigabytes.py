"""What a text larger than the memory takes, by `python benchmarks/gigabytes.py --gigabytes 5 --limit 1 FOLDER`.

It makes so many gigabytes of text in the folder, always the same; reads them once as `cat` does; and starts
`charrnn train` on them twice under a limit of memory, first without an encoded text and then with it. Of each start it
prints the seconds until the text is read and to the end of the first step, the processor time to the end of the last
one, the most memory that all its processes held together (anonymous, and resident, of which mapped files are a part),
and the most that the cache took of the disk.

`--kinds` chooses how the text lies on the disk, one kind after another (`all`: all of them); `--kill SECONDS` kills the
first start after so long, and starts it again. Other options are those of `charrnn train`, such as `--processes 2`.
What it has made is removed, unless `--keep` is given.

The limit is that of a control group (version 1 or 2), which counts the page cache too and ends a process that goes
beyond; where none can be made, that of `RLIMIT_DATA`, for each process by itself. The line `limit` says which it was.
"""

import argparse
import contextlib
import csv
import gzip
import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

GB, MB = 10**9, 10**6
LINES, WORDS = 100_000, 20_000
"""Different lines, and different words of which they are made."""
GROUPS = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))
STEPS = 20
"""Steps that are made at each start, while memory is watched."""
RECORD = 20
"""Lines of a record of a table."""
ROWS = 5000
"""Rows of a table that are written at once."""
DOCUMENT = 100_000
"""Bytes of a document, about."""
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


def blocks(size: int) -> Iterator[list[bytes]]:
    """The lines of about so many bytes of text: the same ones, in another order in each block."""
    lines, number = made_lines(), 0
    total = sum(map(len, lines))
    while size > 0:
        order = np.random.default_rng(number).permutation(LINES).tolist()
        yield [lines[k] for k in order[: max(1, LINES * size // total)]]
        size, number = size - total, number + 1


def records(size: int) -> Iterator[str]:
    """The values of a table with about so many bytes of text."""
    for block in blocks(size):
        for some in chunks(block, RECORD):
            yield b"".join(some).decode()


def chunks(values: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Some values at a time."""
    left = iter(values)
    while some := list(itertools.islice(left, size)):
        yield some


def make_text(path: Path, size: int) -> None:
    """One file of running text."""
    with path.open("wb") as file:
        for block in blocks(size):
            file.write(b"".join(block))


def make_gzip(path: Path, size: int) -> None:
    """The same, compressed."""
    with gzip.open(path, "wb", 1) as file:
        for block in blocks(size):
            file.write(b"".join(block))


def make_jsonl(path: Path, size: int) -> None:
    """A table with an object a line."""
    with path.open("w", encoding="utf-8") as file:
        for number, value in enumerate(records(size)):
            file.write(json.dumps({"id": number, "text": value}, ensure_ascii=False) + "\n")


def make_csv(path: Path, size: int) -> None:
    """A table with quoted values."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "text"])
        rows.writerows(enumerate(records(size)))


def make_parquet(path: Path, size: int) -> None:
    """A table in Parquet."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    with ParquetWriter(path, pa.schema({"text": pa.string()})) as file:
        for some in chunks(records(size), ROWS):
            file.write_table(pa.table({"text": some}))


def make_dataset(folder: Path, size: int) -> None:
    """A folder as `datasets` saves one, in files of about 500 MB."""
    import pyarrow as pa

    folder.mkdir()
    number = max(1, size // (500 * MB))
    files = [f"data-{k:05}-of-{number:05}.arrow" for k in range(number)]
    found = records(size)
    per_file = -(-size // number)
    for name in files:
        left = per_file if name != files[-1] else size
        schema = pa.schema({"text": pa.string()})
        with pa.OSFile(str(folder / name), "wb") as file, pa.ipc.new_stream(file, schema) as stream:
            while left > 0 and (some := list(itertools.islice(found, ROWS))):
                stream.write_batch(pa.record_batch({"text": some}))
                left -= sum(len(value.encode()) for value in some)
    state = {"_data_files": [{"filename": name} for name in files]}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text("{}")


def make_files(folder: Path, size: int, number: int) -> None:
    """A folder of so many files, which have so many bytes together."""
    lines, each = made_lines(), max(1, size // number // 55)
    for k in range(number):
        place = folder / f"{k // 1000:03}"
        if not k % 1000:
            place.mkdir(parents=True)
        at = k * each % max(1, LINES - each)
        (place / f"{k}.txt").write_bytes(b"".join(lines[at : at + each]))


@dataclass(frozen=True)
class Kind:
    """How a text lies on the disk, and how it is read."""

    name: str
    """The name of its file or folder."""
    make: Callable[[Path, int], object]
    options: tuple[str, ...] = ()


def kinds(files: int) -> dict[str, Kind]:
    """All kinds by name; small files are so many."""
    field = ("--field", "text")

    def small(path: Path, size: int) -> None:
        make_files(path, size, files)

    def documents(path: Path, size: int) -> None:
        make_files(path, size, max(1, size // DOCUMENT))

    return {
        "text": Kind("text.txt", make_text),
        "bytes": Kind("text.txt", make_text, ("--level", "byte")),
        "lines": Kind("text.txt", make_text, ("--lines",)),
        "records": Kind("text.txt", make_text, ("--separator", "\n\n")),
        "jsonl": Kind("text.jsonl", make_jsonl, field),
        "csv": Kind("text.csv", make_csv, field),
        "parquet": Kind("text.parquet", make_parquet, field),
        "dataset": Kind("dataset", make_dataset, field),
        "gzip": Kind("text.txt.gz", make_gzip),
        "documents": Kind("documents", documents, ("--documents",)),
        "files": Kind("files", small),
    }


def seconds_of(action: Callable[[], object]) -> float:
    """How long an action takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def read(path: Path) -> None:
    """Read a file, or all files of a folder."""
    for file in [path] if path.is_file() else filter(Path.is_file, sorted(path.rglob("*"))):
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


def memory(number: int) -> tuple[int, int]:
    """The anonymous and the resident memory of a process, in bytes."""
    found = {"RssAnon": 0, "VmRSS": 0}
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{number}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in found:
                found[name] = int(value.split()[0]) * 1024
    return found["RssAnon"], found["VmRSS"]


def processor_time(number: int) -> float:
    """The processor seconds of a process so far."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def disk(folder: Path) -> int:
    """The bytes that the files of a folder take of the disk."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(root, name)).st_blocks * 512  # noqa: PTH116, PTH118
    return total


# --- a start ----------------------------------------------------------------------------------------------------------


@dataclass
class Start:
    """What a start took."""

    read: float = 0.0
    """Seconds until the text was read, encoded and split."""
    seconds: float = 0.0
    """Seconds to the end of the first step."""
    used: float = 0.0
    """Processor seconds of all processes."""
    anonymous: int = 0
    resident: int = 0
    """The most memory of all processes together, in bytes."""
    disk: int = 0
    """The most that the cache took, in bytes."""

    def __str__(self) -> str:
        """The figures in words."""
        return (
            f"{self.read:.1f} s until the text was read, {self.seconds:.1f} s to the first step, "
            f"{self.used:.1f} s of processor time, {self.anonymous / MB:,.0f} MB anonymous, "
            f"{self.resident / MB:,.0f} MB resident, {self.disk / MB:,.0f} MB of cache"
        )


class Watched:
    """A running start: what its processes hold, and what it reports, until it ends."""

    def __init__(self, process: "subprocess.Popen[str]", cache: Path) -> None:
        self.found, self.reports = Start(), list[str]()
        self._process, self._cache, self._began = process, cache, time.perf_counter()
        self._threads = [threading.Thread(target=target) for target in (self._watch, self._listen)]
        for thread in self._threads:
            thread.start()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._began

    def _watch(self) -> None:
        found, used = self.found, dict[int, float]()
        for number in itertools.count():
            if self._process.poll() is not None:
                return
            processes = tree(self._process.pid)
            for process in processes:
                used[process] = max(used.get(process, 0.0), processor_time(process))
            found.used = sum(used.values())
            held = [*map(memory, processes)]
            found.anonymous = max(found.anonymous, sum(anonymous for anonymous, _ in held))
            found.resident = max(found.resident, sum(resident for _, resident in held))
            if not number % 10:
                found.disk = max(found.disk, disk(self._cache))
            time.sleep(0.05)

    def _listen(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            self.reports.append(line)
            if line.startswith("split") and not self.found.read:
                self.found.read = self.seconds

    def ended(self) -> None:
        """Wait until nothing is watched any more."""
        for thread in self._threads:
            thread.join()


def start(
    text: Path,
    place: Path,
    options: list[str],
    limit: Callable[[], None],
    kill: float | None = None,
) -> Start:
    """Start a run, and end it after STEPS steps, or after so many seconds."""
    line = [sys.executable, "-m", "charrnn", "train", str(text), "--json", *TRAIN, *options]
    line += ["--out", str(place / "runs"), "--cache", str(place / "cache")]
    with subprocess.Popen(
        line,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,  # noqa: PLW1509
    ) as process:
        watched, steps = Watched(process, place / "cache"), 0
        timer = threading.Timer(kill or 0, process.kill)
        if kill:
            timer.start()
        assert process.stdout
        for event in process.stdout:
            steps += '"event": "step"' in event
            if steps == 1 and not watched.found.seconds:
                watched.found.seconds = watched.seconds
            if steps == STEPS:
                break
        process.kill()  # what follows is no longer about the text
        process.stdout.read()
        timer.cancel()
        watched.ended()
    if steps < STEPS and not kill:
        sys.exit(f"charrnn train ended after {steps} steps:\n{''.join(watched.reports[-9:])}")
    return watched.found


def measure(
    name: str, kind: Kind, place: Path, known: argparse.Namespace, options: list[str]
) -> None:
    """Make a text, and start a run on it."""
    text, size = place / kind.name, int(known.gigabytes * GB)
    print(f"\n--- {name} ---", flush=True)
    if not text.exists():
        made = seconds_of(lambda: kind.make(text, size))
        os.sync()
        print(f"made      {disk_of(text) / MB:,.0f} MB in {made:.1f} s", flush=True)
    plain = seconds_of(lambda: read(text))
    print(f"read      {disk_of(text) / MB / plain:,.0f} MB/s, as cat does", flush=True)
    names = ["killed"] * bool(known.kill) + ["first", "again"]
    try:
        with limited(int(known.limit * (1 << 30))) as (what, limit):
            print(f"limit     {known.limit:g} GiB: {what}", flush=True)
            for which in names:
                kill = known.kill if which == "killed" else None
                found = start(text, place, [*kind.options, *options], limit, kill)
                print(f"{which:<10}{found}", flush=True)
        print(f"encoded   {disk(place / 'cache') / MB:,.0f} MB", flush=True)
    finally:
        if not known.keep:
            shutil.rmtree(place / "cache", ignore_errors=True)


def disk_of(text: Path) -> int:
    """The bytes of a file, or what those of a folder take."""
    return text.stat().st_size if text.is_file() else disk(text)


def main() -> None:
    """Measure."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was made is removed
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=0.2)
    parser.add_argument("--kinds", default="text", help=f"all, or some of {', '.join(kinds(1))}")
    parser.add_argument("--files", type=int, default=100_000, help="files of the kind 'files'")
    parser.add_argument("--limit", type=float, default=1.0, help="gigabytes of memory")
    parser.add_argument("--kill", type=float, help="seconds after which the first start is killed")
    parser.add_argument("--keep", action="store_true")
    known, options = parser.parse_known_args()
    of_name = kinds(known.files)
    names = [*of_name] if known.kinds == "all" else known.kinds.split(",")
    if missing := [name for name in names if name not in of_name]:
        parser.error(f"there is no kind {missing[0]}: choose among {', '.join(of_name)}")
    place = known.folder / "gigabytes"
    place.mkdir(parents=True)
    try:
        for name, following in itertools.zip_longest(names, names[1:]):
            measure(name, of_name[name], place, known, options)
            text = place / of_name[name].name
            if not known.keep and (not following or of_name[following].name != text.name):
                text.unlink() if text.is_file() else shutil.rmtree(text)
    finally:
        if not known.keep:
            shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
