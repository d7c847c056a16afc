"""How a training run is shown: a bar on a terminal, a plain line every few seconds elsewhere, nothing if quiet."""

import dataclasses
import math
import os
import signal
import sys
import time
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from charrnn.cli.terminal import SIGUSR1, die_by_signal, fitted, is_quiet, report, say
from charrnn.cli.threads import one_thread
from charrnn.errors import CharrnnError
from charrnn.wording import duration

if TYPE_CHECKING:
    from charrnn.training.events import Evaluated, Event, Replanned, RolledBack, Step
    from charrnn.training.trainer import Trainer

SECONDS_BETWEEN_LINES = 5.0
SAMPLE_LENGTH = 160
SMOOTHING = 0.98
"""Decay rate of the running mean of the training loss that is shown."""


class Progress(Protocol):
    """Shows a run's events."""

    def show(self, event: "Event") -> None:
        """Show one event."""

    def say(self, text: str) -> None:
        """Print a line without disturbing what is shown."""

    def close(self) -> None:
        """End the display; the run is over."""


def make_progress(trainer: "Trainer") -> Progress:
    """The kind of progress display that suits stderr."""
    if is_quiet():
        return Silence()
    return Bar(trainer) if sys.stderr.isatty() else PlainLines(trainer)


class Silence:
    """Shows only failures to save."""

    def __init__(self) -> None:
        self._fault = ""

    def show(self, event: "Event") -> None:
        """Report a checkpoint that could not be written."""
        from charrnn.training.events import SaveFailed

        if isinstance(event, SaveFailed) and str(event.fault) != self._fault:
            self._fault = str(event.fault)
            report(event.fault)

    def say(self, text: str) -> None:
        """No-op."""

    def close(self) -> None:
        """No-op."""


def written(trainer: "Trainer") -> str:
    """A short sample from the current network."""
    from charrnn.config import SamplingConfig
    from charrnn.sampling.sampler import generate_items, sample

    if trainer.model_config.align:
        from charrnn.cli.train.pairs import examples

        with one_thread():
            return examples(trainer)
    model = trainer.snapshot()
    config = SamplingConfig(length=SAMPLE_LENGTH, seed=trainer.progress.step)
    with one_thread():
        if end := trainer.corpus.item_end:
            config = dataclasses.replace(config, item_end=end)
            return "".join(piece.text for piece in generate_items(model, "", config))
        return "".join(sample(model, "", config))


class _Display:
    """State shared by both kinds of progress display."""

    def __init__(self, trainer: "Trainer") -> None:
        self.trainer = trainer
        self.unit = "label" if trainer.model_config.gives_label else "char"
        self.total = trainer.config.steps
        self.start_step = trainer.progress.step
        self.steps_made = 0
        self.began = time.monotonic()
        self.characters = 0
        self.weight = self.smooth = 0.0
        self.val_bits: float | None = None
        self.fault = ""
        """The latest failure to save that was reported."""

    def show(self, event: "Event") -> None:
        """Show an event."""
        from charrnn.training.events import Evaluated, Replanned, RolledBack, SaveFailed, Step

        if isinstance(event, Step):
            self._count(event)
            self.stepped(event)
        elif isinstance(event, Evaluated):
            self.evaluated(event)
        elif isinstance(event, RolledBack):
            self.rolled_back(event)
        elif isinstance(event, Replanned):
            self.replanned(event)
        elif isinstance(event, SaveFailed):
            self.save_failed(event.fault)

    def save_failed(self, fault: CharrnnError) -> None:
        """Report a failure to save, once for all that fail for the same reason."""
        if str(fault) != self.fault:
            self.fault = str(fault)
            self.say(f"charrnn: {fault}; training continues and tries again at each save")

    def _count(self, step: "Step") -> None:
        """Add a step to the smoothed loss."""
        self.characters += step.characters
        self.steps_made += 1
        self.smooth = SMOOTHING * self.smooth + (1 - SMOOTHING) * step.loss
        self.weight = SMOOTHING * self.weight + (1 - SMOOTHING)

    @property
    def nats(self) -> float:
        """The smoothed training loss."""
        return self.smooth / self.weight if self.weight else math.nan

    @property
    def figures(self) -> str:
        """The loss on training and validation text, in bits per character, or per label."""
        val = "" if self.val_bits is None else f", val {self.val_bits:.3f}"
        return f"loss {self.nats / math.log(2):.3f}{val} bits/{self.unit}"

    def say(self, text: str) -> None:
        """Print a line."""
        raise NotImplementedError

    def stepped(self, event: "Step") -> None:
        """Show how far the run is."""
        raise NotImplementedError

    def evaluated(self, event: "Evaluated") -> None:
        """Show the losses of an evaluation and a short sample."""
        self.val_bits = None if event.val_nats is None else event.val_nats / math.log(2)
        val = [] if self.val_bits is None else [f"val {self.val_bits:.3f}"]
        if event.exact is not None:
            val.append(f"{100 * event.exact:.1f} % exact")
        best = " (best)" if event.is_best and self.val_bits is not None else ""
        train = [] if event.train_nats is None else [f"train {event.train_nats / math.log(2):.3f}"]
        self.say(
            f"step {event.step:,}, epoch {event.epoch:.2f}: bits/{self.unit} {', '.join(train + val)}{best}"
        )
        from charrnn.render.glyphs import one_line

        self.say(f"  {one_line(written(self.trainer))}")

    def rolled_back(self, event: "RolledBack") -> None:
        """Report that the run was rolled back, and why."""
        where = f"step {event.to_step:,}" if event.to_step else "the start"
        self.say(
            f"step {event.step:,}: {event.reason}; going back to {where}, with half the learning rate "
            f"({event.learning_rate:g})"
        )
        self.smooth = self.weight = 0.0  # of a future that did not happen

    def replanned(self, event: "Replanned") -> None:
        """Report that the run has fewer or more steps, so that it keeps its time."""
        self.total = event.steps
        late, planned = duration(event.seconds_expected), duration(event.seconds_planned)
        fewer = event.steps < event.steps_before
        change = "reduced" if fewer else "increased again"
        hint = " (--exact-steps keeps them all)" if fewer else ""
        self.say(
            f"step {event.step:,}: the run would take {late} instead of {planned}; {change} from "
            f"{event.steps_before:,} to {event.steps:,} steps{hint}"
        )


class Bar(_Display):
    """A tqdm bar on stderr."""

    def __init__(self, trainer: "Trainer") -> None:
        super().__init__(trainer)
        from tqdm import tqdm

        self.bar = tqdm(
            total=trainer.batches.characters_in(self.total),
            initial=trainer.batches.characters_in(self.start_step),
            unit="char",
            unit_scale=True,
            ncols=None if self._columns() else 80,
            nrows=None if self._columns() else 20,
            dynamic_ncols=self._columns() > 0,
            mininterval=0.2,
            bar_format="{percentage:3.0f}%|{bar}| {elapsed}<{remaining}, {rate_fmt}{postfix}",
        )

    @staticmethod
    def _columns() -> int:
        """The terminal's width; some terminals say 0 when they do not know."""
        return os.get_terminal_size(sys.stderr.fileno()).columns

    def stepped(self, event: "Step") -> None:
        """Move the bar."""
        self.bar.set_postfix_str(self.figures, refresh=False)
        self.bar.update(event.characters)

    def rolled_back(self, event: "RolledBack") -> None:
        """Move the bar back."""
        self.bar.update(self.trainer.batches.characters_in(event.to_step) - self.bar.n)
        super().rolled_back(event)

    def replanned(self, event: "Replanned") -> None:
        """Shorten or lengthen the bar."""
        self.bar.total = self.trainer.batches.characters_in(event.steps)
        super().replanned(event)

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self.bar.write(fitted(text), file=sys.stderr)

    def close(self) -> None:
        """Leave the bar as it is."""
        self.bar.close()


class PlainLines(_Display):
    """A plain line now and then, for logs."""

    def __init__(self, trainer: "Trainer") -> None:
        super().__init__(trainer)
        self.last = self.began

    def stepped(self, event: "Step") -> None:
        """Print a line if the last one is old enough."""
        if time.monotonic() - self.last >= SECONDS_BETWEEN_LINES:
            self._line(event.step)

    def evaluated(self, event: "Evaluated") -> None:
        """Print the losses of an evaluation, which count as a line."""
        super().evaluated(event)
        self.last = time.monotonic()

    def _line(self, step: int) -> None:
        self.last = time.monotonic()
        elapsed = self.last - self.began
        left = elapsed / max(1, self.steps_made) * (self.total - step)
        speed = self.characters / max(elapsed, 1e-9)
        self.say(
            f"step {step:,} of {self.total:,} ({100 * step / self.total:.0f} %): {self.figures}, "
            f"{speed:,.0f} char/s, {duration(left)} left"
        )

    def say(self, text: str) -> None:
        """Print a line."""
        say(text)

    def close(self) -> None:
        """No-op."""


class Stopper:
    """While open, SIGINT, SIGTERM or SIGHUP asks the run to stop after its step; a second SIGINT ends it at once.

    So does SIGUSR1 if the run can be resumed, and then asks for that by the exit status. An error has its own status.

    The handler only sets a flag, and the loop prints: printing from a handler may interrupt other
    printing, and a closed terminal cannot be printed to. Several runs may be watched, one after the other.
    """

    def __init__(self, *, requeues: bool = False) -> None:
        self.trainer: Trainer | None = None
        self._names = ("SIGINT", "SIGTERM", "SIGHUP", *(["SIGUSR1"] if requeues else []))
        self.signal_number: int | None = None
        self._before: dict[int, Any] = {}

    def watch(self, trainer: "Trainer") -> None:
        """Let signals stop this run; at once if one has already arrived."""
        self.trainer = trainer
        if self.signal_number:
            trainer.stop_requested = True

    def __enter__(self) -> Self:
        for name in self._names:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._stop)
        return self

    @property
    def asks_for_end(self) -> bool:
        """Whether the signal asks the process to end even where nothing is left to do."""
        return self.signal_number not in (None, SIGUSR1)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self.signal_number = self.signal_number or number
        if self.trainer:
            self.trainer.stop_requested = True
        if signal.SIGINT in self._before:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.signal_number and self.asks_for_end and isinstance(error, CharrnnError):
            report(error)
            die_by_signal(self.signal_number)
        for number, handler in self._before.items():
            signal.signal(number, handler)
