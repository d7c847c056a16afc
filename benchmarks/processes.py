"""What several processes buy on this machine, by `python benchmarks/processes.py [--processes 2] [--units 128 256 512]`.

For LSTMs of two layers it prints the time of a training step of

- one process, with each number of threads up to all cores;
- several processes, which share the cores;

and, of several processes, that of a step with AdamW alone, with Muon whose matrices are divided among the processes (as
`charrnn train` does), and with Muon that every process computes by itself. All are measured in turns in the same run,
and medians of the rounds are compared. It takes a few minutes; other programs distort it.
"""

import argparse
import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from charrnn.cli.train.run import prepare_process

prepare_process()  # as `charrnn train` does, before torch is imported

import numpy as np
import torch

from charrnn.config import ModelConfig, TrainingConfig
from charrnn.training import replica
from charrnn.training.follower import follow
from charrnn.training.optimizer import Optimizer
from charrnn.training.place import places_here
from charrnn.training.ranks import apart, join, leave, num_cores
from charrnn.training.replica import Replica

SYMBOLS, ROUNDS, SECONDS = 65, 5, 1.0
DIVIDED, EACH = 1, 2
"""The seeds of the trainings in which the processes divide Muon's work, and in which each computes all of it."""

Figures = dict[str, float]


def optimizer(network: torch.nn.Module, config: TrainingConfig, ranks: Any) -> Optimizer:
    """The optimizer of a rank, which divides Muon's work or not, as the seed says."""
    return Optimizer(network, config, ranks if config.seed == DIVIDED else None)


def seconds_per_step(units: int, threads: int, **changes: Any) -> float:
    """The median time of a step of all processes that train together."""
    network = ModelConfig(vocab_size=SYMBOLS, hidden_size=units, num_layers=2)
    config = TrainingConfig(steps=1, threads=threads, weight_drop=0.1, **changes)
    shape = (config.sequence_length, config.batch_size)
    ids = np.random.default_rng(0).integers(SYMBOLS, size=shape)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    times: list[float] = []
    with contextlib.closing(Replica(network, config)) as training:
        while len(times) < 5 or sum(times[2:]) < SECONDS:
            began = time.perf_counter()
            training.step(len(times), (ids, ids), 1.0)
            times.append(time.perf_counter() - began)
    torch.set_num_threads(before)
    return statistics.median(times[2:])


def ways(units: int, processes: int) -> dict[str, Callable[[], float]]:
    """What is measured of a network, by name."""
    cores = num_cores()
    own = max(1, cores // processes)

    def alone(threads: int) -> float:
        with apart():
            return seconds_per_step(units, threads, optimizer="adamw")

    counts = sorted({1, cores} | {2**k for k in range(1, cores.bit_length())})
    return {
        **{f"1 x {count}": lambda count=count: alone(count) for count in counts if count <= cores},
        f"{processes} x {own}": lambda: seconds_per_step(units, own, optimizer="adamw"),
        "divided": lambda: seconds_per_step(units, own, optimizer="muon", seed=DIVIDED),
        "each": lambda: seconds_per_step(units, own, optimizer="muon", seed=EACH),
    }


def measured(units: int, processes: int) -> Figures:
    """The medians of the rounds, in seconds."""
    of_name = ways(units, processes)
    rounds = [{name: way() for name, way in of_name.items()} for _ in range(ROUNDS)]
    return {name: statistics.median(one[name] for one in rounds) for name in of_name}


def in_processes(processes: int, job: Callable[[], Any]) -> Any:
    """The result of a job in rank 0 of several processes."""
    with TemporaryDirectory() as folder:
        result, children = Path(folder) / "result.json", []
        for place in places_here(processes):
            if child := os.fork():
                children.append(child)
                continue
            if place.follows:
                follow(place, print, lambda fault: fault, os._exit)
            join(place, lambda fault: os._exit(fault.exit_status))
            result.write_text(json.dumps(job()))
            leave()
            os._exit(0)
        statuses = [os.waitpid(child, 0)[1] for child in children]
        if any(statuses):
            sys.exit("a process failed")
        return json.loads(result.read_text())


def table(heads: list[str], rows: list[list[str]]) -> None:
    """Print a table in Markdown."""
    for row in (heads, ["---"] * len(heads), *rows):
        print("| " + " | ".join(row) + " |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--units", type=int, nargs="+", default=[128, 256, 512])
    known = parser.parse_args()
    replica.Optimizer = optimizer  # type: ignore[misc, assignment]
    config = TrainingConfig(steps=1)
    print(
        f"{num_cores()} cores; steps of {config.batch_size} x {config.sequence_length} characters"
    )
    found = {
        units: in_processes(known.processes, lambda units=units: measured(units, known.processes))
        for units in known.units
    }
    names = [name for name in found[known.units[0]] if " x " in name]
    together = names.pop()
    print(
        "\nSeconds of a step (processes x threads), and steps per second relative to one process\n"
    )
    rows = []
    for units, of_name in found.items():
        gain = min(of_name[name] for name in names) / of_name[together]
        shown = [f"{of_name[name]:.3f}" for name in (*names, together)]
        rows.append([f"2 x {units}", *shown, f"{gain:.2f}"])
    table(["units", *names, together, "gain"], rows)
    print("\nMuon in several processes: seconds of a step, and of what Muon adds to AdamW\n")
    rows = []
    for units, of_name in found.items():
        divided, each = (of_name[name] - of_name[together] for name in ("divided", "each"))
        shown = [f"{of_name[name]:.3f}" for name in (together, "each", "divided")]
        rows.append([f"2 x {units}", *shown, f"{divided / each:.2f}"])
    table(["units", "AdamW", "on each", "divided", "added, divided : on each"], rows)


if __name__ == "__main__":
    main()
