"""What a run writes to another program's log while it is trained. Nothing that goes wrong there stops the training."""

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from charrnn.errors import UsageError
from charrnn.wording import short_noun_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from charrnn.training.events import Evaluated, Event
    from charrnn.training.trainer import Trainer


def require_utf8(option: str, place: str, whole: str) -> None:
    """Raise UsageError unless a path is UTF-8, as other programs take it.

    Args:
        option: the option.
        place: what was given for it.
        whole: the path that is opened.
    """
    try:
        whole.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{option} {place}: its path is not UTF-8", "choose another folder"
        ) from error


class RunLog(ABC):
    """Writes a run's evaluations to a log.

    Args:
        trainer: the run, before it starts.
    """

    option: ClassVar[str]
    """The option that asks for such a log."""

    def __init__(self, trainer: "Trainer") -> None:
        self.trainer = trainer
        self.unit = short_noun_of(trainer.corpus.config.level)
        self.characters = 0
        self.since = self.until = trainer.progress.seconds
        """Training between the last evaluation and the last step, in seconds of the run."""
        self.failed = False

    @abstractmethod
    def evaluated(self, step: int, figures: dict[str, float]) -> None:
        """Write the figures of an evaluation."""

    @abstractmethod
    def end(self) -> None:
        """Write what is left: the run has ended, or was stopped."""

    def show(self, event: "Event") -> str | None:
        """Log an event.

        Returns:
            Why it could not be written, the first time that something fails; from then on nothing more is written.
        """
        from charrnn.training.events import Evaluated, Step

        if isinstance(event, Step):
            self.characters += event.characters
            self.until = self.trainer.progress.seconds
        elif isinstance(event, Evaluated):
            figures = self._figures(event)
            return self._try(lambda: self.evaluated(event.step, figures))
        return None

    def close(self) -> str | None:
        """Write what is left; returns as `show` does."""
        return self._try(self.end)

    def _try(self, action: "Callable[[], object]") -> str | None:
        if self.failed:
            return None
        try:
            action()
        except Exception as error:  # noqa: BLE001 (whatever it is, the training matters more)
            self.failed = True
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            return f"{self.option} failed; training continues without it ({reason})"
        return None

    def _figures(self, event: "Evaluated") -> dict[str, float]:
        """The figures of an evaluation, and of the training since the last one."""
        bits = f"bits_per_{self.unit}"
        known = {
            f"{bits}/train": event.train_nats and event.train_nats / math.log(2),
            f"{bits}/validation": event.val_nats and event.val_nats / math.log(2),
            "exact_match/validation": event.exact,
            "learning_rate": self.trainer.files.metrics.rows[-1]["learning_rate"],
        }
        if self.until > self.since:
            known[f"{self.unit}s_per_second"] = self.characters / (self.until - self.since)
        self.characters, self.since = 0, self.trainer.progress.seconds
        return {name: value for name, value in known.items() if value is not None}
