"""`charrnn train --mlflow DIR|URI`: a run's settings and metrics in MLflow's store.

A folder has a database of its own, so that no server is needed. The checkpoints of a run record the identifier of its
MLflow run, which goes on when the run is resumed.
"""

import contextlib
import dataclasses
import logging
import math
import os
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.extras import require_extra
from charrnn.cli.train.run_log import RunLog, require_utf8
from charrnn.errors import EnvironmentFault, UsageError
from charrnn.files import environment_fault
from charrnn.settings import plain_value
from charrnn.wording import escape

if TYPE_CHECKING:
    from charrnn.training.trainer import Trainer

PACKAGES = "mlflow-skinny sqlalchemy alembic"
EXPERIMENT = "charrnn"
DATABASE = "mlflow.db"
LONGEST_WAIT = 300.0
"""Seconds that a run waits for others that make the database of a folder."""
MAX_PARAMETERS = 100
"""Maximum parameters that MLflow takes at once."""
LONGEST_VALUE = 500
"""Maximum characters of a parameter that every version of MLflow takes."""
QUIETLY = {"MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
"""What MLflow is told by its environment, unless that says otherwise: to report nothing about its use."""


def check_mlflow(place: str) -> None:
    """Raise errors that can be known before any work.

    Raises:
        UsageError: the path is not a folder, or none that the address of a database can name.
        EnvironmentFault: a package is missing, or the folder cannot be made.
    """
    for name, value in QUIETLY.items():
        os.environ.setdefault(name, value)
    require_extra("mlflow", PACKAGES, "--mlflow")
    if _is_address(place):
        return
    for module in ("sqlalchemy", "alembic"):
        require_extra(module, PACKAGES, "--mlflow DIR")
    whole = str(Path(place).absolute())
    require_utf8("--mlflow", place, whole)
    if "?" in whole or "%" in whole:
        raise UsageError(f"--mlflow {place}: its path has a ? or %", "choose another folder")
    try:
        Path(place).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(f"--mlflow {place} is not a folder", "choose another") from error
    except OSError as error:
        raise environment_fault("write to", Path(place), error) from error


def _is_address(place: str) -> bool:
    """Whether a place is a tracking URI, not a folder."""
    return "://" in place or place == "databricks"


class MlflowLog(RunLog):
    """Writes a run's evaluations to MLflow. What a resumed run has written already is not written again.

    Args:
        place: a folder, or a tracking URI.
        experiment: the name of the experiment; None: as the environment says.
        trainer: the run, before it starts.

    Raises:
        EnvironmentFault: the store cannot be opened.
    """

    option = "--mlflow"

    def __init__(self, place: str, experiment: str | None, trainer: "Trainer") -> None:
        super().__init__(trainer)
        self.entities = import_module("mlflow.entities")
        name = experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        for logger in ("mlflow", "alembic"):
            logging.getLogger(logger).setLevel(logging.CRITICAL)  # their errors are raised, too
        try:
            with _only_one(place):
                make_client = import_module("mlflow.tracking").MlflowClient
                self.client: Any = make_client(tracking_uri=_address(place))
                self.run_id = self._known_run() or self._new_run(name, place)
            self.logged = self._last_step()
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise EnvironmentFault(f"cannot log to MLflow at {place}: {reason}") from error

    def _known_run(self) -> str | None:
        """The MLflow run with which this run began; None: it has none, or not in this store."""
        run_id = self.trainer.metadata.get("mlflow", {}).get("run_id")
        if run_id is None:
            return None
        try:
            self.client.get_run(run_id)
        except import_module("mlflow.exceptions").MlflowException:
            return None
        self.client.update_run(run_id, status="RUNNING")
        return str(run_id)

    def _new_run(self, experiment: str, place: str) -> str:
        """A new MLflow run with the settings of this one."""
        trainer, client = self.trainer, self.client
        run = client.create_run(
            self._experiment(experiment, place),
            run_name=escape(trainer.folder.name),
            tags=self._tags(),
        )
        run_id = str(run.info.run_id)
        trainer.metadata["mlflow"] = {"run_id": run_id}
        values = self._parameters()
        parameters = [
            self.entities.Param(n, escape(str(v))[:LONGEST_VALUE])
            for n, v in values.items()
            if v != ""
        ]
        for start in range(0, len(parameters), MAX_PARAMETERS):
            client.log_batch(run_id, params=parameters[start : start + MAX_PARAMETERS])
        return run_id

    def _experiment(self, name: str, place: str) -> str:
        """The identifier of an experiment, which is made if there is none."""
        found = self.client.get_experiment_by_name(name)
        if found is None:
            artifacts = None if _is_address(place) else (Path(place).absolute() / name).as_uri()
            return str(self.client.create_experiment(name, artifact_location=artifacts))
        return str(found.experiment_id)

    def _tags(self) -> dict[str, str]:
        corpus = self.trainer.metadata.get("corpus", {})
        tags = {
            "mlflow.source.name": "charrnn train",
            "mlflow.source.type": "LOCAL",
            "charrnn.version": str(self.trainer.metadata.get("versions", {}).get("charrnn")),
            "charrnn.folder": str(self.trainer.folder.absolute()),
            "charrnn.corpus": " ".join(map(str, corpus.get("sources", ()))),
        }
        return {name: escape(value)[:LONGEST_VALUE] for name, value in tags.items()}

    def _parameters(self) -> dict[str, Any]:
        """The settings of the text, the network and the training, by their names."""
        trainer = self.trainer
        configs = (trainer.corpus.config, trainer.model_config, trainer.config)
        settings = {n: v for config in configs for n, v in dataclasses.asdict(config).items()}
        return {name: plain_value(value) for name, value in settings.items()}

    def _last_step(self) -> int:
        """The last step that the MLflow run has figures of; -1: none."""
        history = self.client.get_metric_history(self.run_id, "learning_rate")
        return max((figure.step for figure in history), default=-1)

    def evaluated(self, step: int, figures: dict[str, float]) -> None:
        """Write the figures of an evaluation."""
        if step > self.logged:
            now = int(1000 * time.time())
            metrics = [self.entities.Metric(n, v, now, step) for n, v in figures.items()]
            self.client.log_batch(self.run_id, metrics=metrics)

    def end(self) -> None:
        """Write the best loss, and how the run has ended: FINISHED, KILLED if it was stopped, FAILED after an error."""
        trainer = self.trainer
        if best := trainer.progress.best_nats:
            name = f"bits_per_{self.unit}/best"
            step = trainer.progress.best_step
            self.client.log_metric(self.run_id, name, best / math.log(2), step=step)
        stopped = "KILLED" if trainer.stop_requested else "FAILED"
        self.client.set_terminated(self.run_id, "FINISHED" if trainer.finished else stopped)


def _address(place: str) -> str:
    return place if _is_address(place) else f"sqlite:///{Path(place).absolute() / DATABASE}"


@contextlib.contextmanager
def _only_one(place: str) -> Iterator[None]:
    """Let one process at a time open the database of a folder: the first one makes its tables."""
    if _is_address(place):
        yield
        return
    from filelock import FileLock

    with FileLock(Path(place) / f"{DATABASE}.lock", timeout=LONGEST_WAIT):
        yield
