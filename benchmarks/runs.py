"""Runs that `record.py` makes: trained in a process of their own, judged, and kept as lines of a log."""

import datetime as dt
import itertools
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from judge import COUNTS, NETWORK, about_processor

HERE = Path(__file__).parent
TRANSFORMER = "transformer"
"""The setting of a run of `transformer.py`; all others are of charrnn."""
OF_PROCESSOR = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "OMP_NUM_THREADS")
"""What the environment has to say of a processor."""
Record = dict[str, Any]


@dataclass(frozen=True)
class Text:
    """A text to train on: a file of this name in the folder of texts, or else a corpus, and how it is read."""

    corpus: str
    file: str = ""
    options: tuple[str, ...] = ()

    def place(self, folder: Path) -> str:
        """What `charrnn train` is given."""
        file = folder / (self.file or self.corpus)
        return str(file) if file.is_file() else self.corpus


TEXTS = {
    "plays": Text("shakespeare", "tinyshakespeare.txt"),
    "names": Text("names", "names.txt", ("--lines",)),
    "python": Text("python"),
    "poems": Text("tang_poetry_1MB.txt"),
}


@dataclass(frozen=True)
class Job:
    """A run: a text of TEXTS, or what `charrnn train` takes, with a limit, a setting and a seed."""

    text: str
    limit: tuple[str, float]
    """The option that ends it, and its value: ("minutes", 2)."""
    setting: str
    seed: int

    @property
    def key(self) -> Record:
        """What a record has if it is of this run."""
        return {
            "text": self.text,
            "limit": [*self.limit],
            "setting": self.setting,
            "seed": self.seed,
            "machine": machine(),
        }

    def command(self, place: str, name: str, out: Path) -> list[str]:
        """The command that trains, with this interpreter."""
        limit, value = self.limit
        if self.setting == TRANSFORMER:
            return [str(HERE / "transformer.py"), place, str(self.seed), f"{value:g}"]
        text = TEXTS.get(self.text, Text(self.text))
        _, options = in_parts(self.setting)
        limits = (f"--{limit}", f"{value:g}", "--seed", str(self.seed))
        saved = ("--out", str(out), "--name", name, "--no-baselines", "--quiet")
        return ["-m", "charrnn", "train", place, *text.options, *limits, *options, *saved]


def machine() -> str:
    """This machine, as far as it decides what a run reaches: "Intel(R) Xeon(R) Processor, 2 cores"."""
    given = (f"{name}={os.environ[name]}" for name in OF_PROCESSOR if name in os.environ)
    return ", ".join((about_processor(), f"{os.cpu_count()} cores", *given))


def in_parts(setting: str) -> tuple[dict[str, str], list[str]]:
    """A setting's environment and options: "A=1 --lines" -> ({"A": "1"}, ["--lines"])."""
    words = shlex.split(setting)
    assigned = [*itertools.takewhile(lambda word: "=" in word and word[0] != "-", words)]
    return dict(word.split("=", 1) for word in assigned), words[len(assigned) :]


class Runs:
    """Runs that are made and judged, unless the log has them.

    Args:
        log: the file of all runs, a line each.
        texts: the folder of texts.
        out: the folder of the runs; None: they are not kept.
    """

    def __init__(self, log: Path, texts: Path, out: Path | None) -> None:
        self._log, self._texts, self._out = log, texts, out

    def get(self, job: Job) -> Record:
        """The record of a run, which is made if the log lacks it."""
        key = job.key
        for record in self._logged():
            if key.items() <= record.items():
                return record
        limit, value = job.limit
        say(f"{job.text}, {value:g} {limit}, seed {job.seed}: {job.setting or 'as planned'}")
        with tempfile.TemporaryDirectory() as temporary:
            record = key | self._made(job, self._out or Path(temporary))
        record["when"] = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        found = in_words(record["nats"])
        say(f"  {found} nats; {record['seconds']:.1f} s, {record['steps']:,} steps")
        return record

    def _logged(self) -> Iterator[Record]:
        """The records of the log, which other programs may be writing too."""
        if not self._log.exists():
            return
        for number, line in enumerate(self._log.read_text(encoding="utf-8").splitlines(), 1):
            try:
                yield json.loads(line)
            except ValueError:
                sys.exit(f"{self._log}: line {number} is no record: remove it")

    def _made(self, job: Job, out: Path) -> Record:
        """Train, and judge the best checkpoint."""
        name = f"{job.text.replace('/', '-').lstrip('-.')}-{time.time_ns()}"
        environment, _ = in_parts(job.setting)
        command = job.command(TEXTS.get(job.text, Text(job.text)).place(self._texts), name, out)
        began = time.perf_counter()
        printed = run(command, environment)
        took = time.perf_counter() - began
        if job.setting != TRANSFORMER:
            best = out / name / "best.safetensors"
            printed = run([str(HERE / "judge.py"), str(best)], environment)
        made: Record = {"command": shlex.join(command), "command_seconds": took}
        return made | json.loads(printed)


def run(command: Sequence[str], environment: dict[str, str]) -> str:
    """What a command of this interpreter prints; if it fails, this program ends."""
    made = subprocess.run(
        [sys.executable, *command],
        check=False,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        sys.exit(f"{shlex.join(command)}\n{made.stderr.strip()}")
    return made.stdout


def say(line: str) -> None:
    """Print a line to stderr."""
    print(line, file=sys.stderr, flush=True)


def in_words(nats: dict[str, dict[str, float]]) -> str:
    """Figures in a line: "carried 1.4210, with counts 1.3800; cold 64 1.5000"."""
    return "; ".join(
        f"{way} {found[NETWORK]:.4f}"
        + (f", with counts {found[COUNTS]:.4f}" if COUNTS in found else "")
        for way, found in nats.items()
    )
