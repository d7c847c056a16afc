"""The logs of other programs that a command line of `train` asks for."""

from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.train.mlflow import MlflowLog, check_mlflow
from charrnn.cli.train.tensorboard import TensorBoardLog, check_tensorboard

if TYPE_CHECKING:
    from charrnn.cli.train.command_line import RunOptions
    from charrnn.cli.train.run_log import RunLog
    from charrnn.training.trainer import Trainer


def check_logs(run: "RunOptions") -> None:
    """Raise errors that can be known before any work.

    Raises:
        UsageError: a folder for a log is a file.
        EnvironmentFault: a package is not installed, or a folder cannot be made.
    """
    if run.tensorboard:
        check_tensorboard(run.tensorboard)
    if run.mlflow:
        check_mlflow(run.mlflow)


def open_logs(run: "RunOptions", trainer: "Trainer") -> "list[RunLog]":
    """The logs of a run that is about to start, or to go on.

    Raises:
        EnvironmentFault: one cannot be written.
    """
    logs: list[RunLog] = []
    if run.tensorboard:
        logs.append(TensorBoardLog(run.tensorboard, trainer))
    if run.mlflow:
        logs.append(MlflowLog(run.mlflow, run.mlflow_experiment, trainer))
    return logs


def logging_options(run: "RunOptions") -> list[str | Path]:
    """The options that ask for the same logs again."""
    asked = {
        "--tensorboard": run.tensorboard,
        "--mlflow": run.mlflow,
        "--mlflow-experiment": run.mlflow_experiment,
    }
    return [word for option, value in asked.items() if value for word in (option, value)]
