"""Where the time of a training goes, by `python benchmarks/overheads.py TEXT MINUTES`.

A run as `charrnn train` plans and shows it (lines to stderr), with a clock around each part: the network (forwards,
backwards, update), reading batches, validation, saving, and what is left: progress, samples, events.
Beside the run itself stands what precedes it, reading the text and measuring the machine.
"""

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from charrnn.cli.train.run import drive, plan_run, start_torch
from charrnn.config import TrainingRequest

DEVICE = start_torch(TrainingRequest(given={"device": "cpu"}))  # prepares the process

from charrnn.cli.inputs import open_corpus
from charrnn.cli.progress import Stopper
from charrnn.config import CorpusConfig
from charrnn.training import trainer as trainer_module
from charrnn.training.new_run import new_trainer
from charrnn.training.run_folder import RunFolder
from charrnn.training.trainer import Trainer


class Clock:
    """Seconds by what they were spent on; of parts within parts only the outermost counts."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inside = False

    @contextlib.contextmanager
    def on(self, part: str) -> Iterator[None]:
        """Count the block as this part."""
        if self._inside:
            yield
            return
        self._inside, began = True, time.perf_counter()
        try:
            yield
        finally:
            self._inside = False
            self.seconds[part] = self.seconds.get(part, 0) + time.perf_counter() - began

    def around(self, owner: Any, name: str, part: str) -> None:
        """Count every call of a function."""
        real: Callable[..., Any] = getattr(owner, name)

        def counted(*arguments: Any, **named: Any) -> Any:
            with self.on(part):
                return real(*arguments, **named)

        setattr(owner, name, counted)


def main(text_name: str, minutes: float) -> None:
    """Train, and print the parts."""
    clock = Clock()
    with clock.on("reading the text"):
        text = open_corpus([text_name], CorpusConfig(), cache=None)
    request = TrainingRequest(minutes=minutes, given={"device": "cpu"})
    with clock.on("measuring the machine"):
        plan = plan_run(text, request.network(len(text.vocabulary)), request, DEVICE)
    before = dict(clock.seconds)
    clock.around(trainer_module, "train_step", "network")
    clock.around(Trainer, "validate", "validation")
    clock.around(Trainer, "_checkpoint", "saving")  # a thread writes beside the training
    clock.around(RunFolder, "wait", "saving")
    with tempfile.TemporaryDirectory() as folder, Stopper() as stopper:
        trainer = new_trainer([text_name], text, plan, Path(folder), request=request)
        clock.around(trainer.batches, "batch", "reading batches")
        began = time.perf_counter()
        drive(trainer, stopper)
        whole = time.perf_counter() - began
    parts = {name: s for name, s in clock.seconds.items() if name not in before}
    parts["progress, samples, events"] = whole - sum(parts.values())
    size = plan.model_config.hidden_size
    print(f"{text_name}, {minutes:g} minutes, {size} units, {plan.config.steps:,} steps")
    for name, seconds in parts.items():
        print(f"{name:<28}{seconds:>8.2f} s{100 * seconds / whole:>7.1f} %")
    print(f"{'all but the network':<28}{whole - parts['network']:>8.2f} s", end="")
    print(f"{100 * (1 - parts['network'] / whole):>7.1f} %")
    for name, seconds in before.items():
        print(f"{'before: ' + name:<28}{seconds:>8.2f} s")


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
