"""What `charrnn train --json` prints: one object for each event, with its name under `event`."""

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.training.events import Event
    from charrnn.training.plan import Plan


def event_record(event: "Event") -> dict[str, Any]:
    """An event of a run: Step(3, 2.5, 64) -> {"event": "step", "step": 3, "loss": 2.5, "characters": 64}."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(event).__name__).lower()
    fields = dataclasses.fields(event)
    return {"event": name} | {f.name: _plain(getattr(event, f.name)) for f in fields}


def _plain(value: Any) -> Any:
    if isinstance(value, CharrnnError):
        return value.message
    return str(value) if isinstance(value, Path) else value


def plan_record(plan: "Plan", folder: Path | None = None) -> dict[str, Any]:
    """The plan of a run, and the folder where it is saved."""
    return {
        "event": "plan",
        "run": None if folder is None else str(folder),
        "network": dataclasses.asdict(plan.model_config),
        "training": dataclasses.asdict(plan.config),
        "seconds": round(plan.seconds, 3),
        "reasons": list(plan.reasons),
    }
