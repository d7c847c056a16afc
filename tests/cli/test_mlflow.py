"""`charrnn train --mlflow`: a run's settings and metrics, one MLflow run for all its parts, faults that stop nothing."""

import dataclasses
import json
import math
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import ClassVar, NamedTuple

import pytest
from helpers import call_charrnn, make_text

from charrnn.checkpoint import load_checkpoint, save_checkpoint

SMALL = (
    *("--hidden-size", 6, "--embedding-size", 4, "--batch-size", 4, "--sequence-length", 8),
    *("--precision", "float32", "--threads", 1, "--no-counts", "-q"),
)


class FakeError(Exception):
    """What a store raises."""


class FakeClient:
    """What MLflow's client offers of a store; keeps what it is told, by its address."""

    stores: ClassVar[dict] = {}
    fails = False

    def __init__(self, tracking_uri):
        self.store = self.stores.setdefault(
            tracking_uri, SimpleNamespace(runs={}, experiments={}, places={})
        )

    def get_experiment_by_name(self, name):
        known = self.store.experiments.get(name)
        return known and SimpleNamespace(experiment_id=known)

    def create_experiment(self, name, artifact_location=None):
        self.store.experiments[name] = f"e{len(self.store.experiments)}"
        self.store.places[name] = artifact_location
        return self.store.experiments[name]

    def create_run(self, experiment, start_time=None, tags=None, run_name=None):
        run_id = f"r{len(self.store.runs)}"
        own = {"experiment": experiment, "name": run_name, "tags": tags}
        self.store.runs[run_id] = SimpleNamespace(**own, params={}, metrics=[], states=[])
        return SimpleNamespace(info=SimpleNamespace(run_id=run_id))

    def get_run(self, run_id):
        if run_id not in self.store.runs:
            raise FakeError("no such run")

    def update_run(self, run_id, status):
        self.store.runs[run_id].states.append(status)

    set_terminated = update_run

    def log_batch(self, run_id, metrics=(), params=()):
        if self.fails and metrics:
            raise OSError(28, "No space\nleft on device")
        assert len(params) <= 100
        self.store.runs[run_id].params.update(params)
        self.store.runs[run_id].metrics.extend(metrics)

    def log_metric(self, run_id, key, value, step):
        self.store.runs[run_id].metrics.append(Metric(key, value, 0, step))

    def get_metric_history(self, run_id, key):
        return [m for m in self.store.runs[run_id].metrics if m.key == key]


class Metric(NamedTuple):
    key: str
    value: float
    timestamp: int
    step: int


class Param(NamedTuple):
    key: str
    value: str


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """`charrnn train corpus.txt OPTIONS` in the test's own folder."""
    (tmp_path / "corpus.txt").write_text(make_text(2000), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)

    def train(*options, **more):
        return call_charrnn(capsys, "train", "corpus.txt", *SMALL, "--name", "a", *options, **more)

    return train


@pytest.fixture
def fake(monkeypatch):
    """An MLflow that keeps what it is told."""
    parts = {
        "tracking": {"MlflowClient": FakeClient},
        "entities": {"Metric": Metric, "Param": Param},
        "exceptions": {"MlflowException": FakeError},
    }
    for name in ("mlflow", "sqlalchemy", "alembic"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    for name, things in parts.items():
        module = ModuleType(f"mlflow.{name}")
        vars(module).update(things)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(FakeClient, "stores", {})
    monkeypatch.setattr(FakeClient, "fails", False)
    return FakeClient


def rows():
    lines = Path("checkpoints/a/metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def only_store(fake):
    (store,) = fake.stores.values()
    return store


def stopped_after(monkeypatch, number):
    """Stop each run after this many of its steps."""
    from charrnn.training.trainer import Trainer

    whole = Trainer._step

    def step(self):
        self.stop_requested = self.progress.step + 1 >= number
        return whole(self)

    monkeypatch.setattr(Trainer, "_step", step)


def test_settings_and_metrics_are_those_of_the_record(here, fake, tmp_path):
    here("--steps", 6, "--eval-every", 2, "--mlflow", "logs", "--seed", 3)
    assert [*fake.stores] == [f"sqlite:///{tmp_path}/logs/mlflow.db"]
    store = only_store(fake)
    run = store.runs["r0"]
    assert (run.name, run.states) == ("a", ["FINISHED"])
    assert store.experiments == {"charrnn": run.experiment}
    assert store.places["charrnn"].startswith("file://")
    wanted = {"hidden_size": "6", "seed": "3", "steps": "6", "level": "char", "cell": "lstm"}
    assert wanted.items() <= run.params.items()
    assert run.tags["charrnn.folder"] == f"{tmp_path}/checkpoints/a"
    assert run.tags["charrnn.corpus"] == "corpus.txt"
    for name, key in (
        ("bits_per_char/train", "train_nats_per_char"),
        ("bits_per_char/validation", "val_nats_per_char"),
    ):
        logged = {m.step: m.value for m in run.metrics if m.key == name}
        assert logged == {row["step"]: row[key] / math.log(2) for row in rows()}
    (best,) = (m for m in run.metrics if m.key == "bits_per_char/best")
    assert best.value == min(row["val_nats_per_char"] for row in rows()) / math.log(2)
    last = load_checkpoint(Path("checkpoints/a/last.safetensors"))
    assert last.run["mlflow"] == {"run_id": "r0"}


def test_names_with_any_characters_are_logged_escaped(here, fake, tmp_path):
    """A database holds no byte of a name that is not UTF-8."""
    odd = "\x1b[8m\u202ea\udcff"
    (tmp_path / odd).write_text(make_text(2000), encoding="utf-8")
    here(odd, "--steps", 2, "--mlflow", odd[:-1], "--out", odd + "runs")
    (run,) = only_store(fake).runs.values()
    for text in (*run.tags.values(), *run.params.values()):
        assert text.isprintable()
    assert r"\x1b[8m\u202ea\udcff" in run.tags["charrnn.corpus"]


def test_a_resumed_run_is_the_same_run_of_mlflow(here, fake, monkeypatch):
    with monkeypatch.context() as patch:
        stopped_after(patch, 4)
        result = here("--steps", 6, "--eval-every", 2, "--mlflow", "logs")
        assert result.out == ""
    (run,) = only_store(fake).runs.values()
    assert run.states == ["KILLED"]
    later = run.metrics[-1]._replace(key="learning_rate", step=5)
    run.metrics.append(later)  # as if the run had been killed after it
    here("--resume", "--steps", 6, "--mlflow", "logs")
    (run,) = only_store(fake).runs.values()
    assert run.states == ["KILLED", "RUNNING", "FINISHED"]
    steps = [m.step for m in run.metrics if m.key == "bits_per_char/train"]
    assert steps == [2, 4, 6]


def test_a_run_that_is_logged_elsewhere_or_started_over_is_a_new_run_of_mlflow(here, fake):
    here("--steps", 2, "--mlflow", "logs")
    here("--steps", 2, "--mlflow", "logs", "--overwrite")
    assert [*only_store(fake).runs] == ["r0", "r1"]
    path = Path("checkpoints/a/last.safetensors")
    last = load_checkpoint(path)
    run = {**last.run, "training": {**last.run["training"], "steps": 3}}
    save_checkpoint(path, dataclasses.replace(last, run=run))
    line = ("--mlflow", "https://tracking.example", "--mlflow-experiment", "sizes")
    here("--resume", *line)
    store = fake.stores["https://tracking.example"]
    assert [*store.runs] == ["r0"]
    assert store.places == {"sizes": None}


def test_fault_72_a_store_that_fails_warns_once_and_training_goes_on(here, fake, wording):
    fake.fails = True
    wording(here("--steps", 6, "--eval-every", 2, "--mlflow", "logs"))
    assert rows()[-1]["step"] == 6


def test_what_cannot_work_is_refused_before_training(here, fake, monkeypatch, wording):
    wording(here("--mlflow", "corpus.txt", status=2))
    for name in ("a\udcff", "a?b", "a%41"):
        wording(here("--mlflow", name, status=2))
    wording(here("--mlflow-experiment", "a", status=2))

    def refuse(self, *_, **__):
        raise FakeError("database is\nlocked")

    with monkeypatch.context() as patch:
        patch.setattr(fake, "__init__", refuse)
        wording(here("--steps", 4, "--mlflow", "logs", status=6))
    monkeypatch.setitem(sys.modules, "alembic", None)
    wording(here("--steps", 4, "--mlflow", "logs", status=6))
    monkeypatch.setitem(sys.modules, "mlflow", None)
    wording(here("--steps", 4, "--mlflow", "logs", status=6))
    assert not Path("checkpoints/a/best.safetensors").exists()


@pytest.mark.long
@pytest.mark.skipif(not find_spec("mlflow"), reason="mlflow is not installed")
@pytest.mark.filterwarnings("ignore")  # their own affair
def test_mlflow_itself_reads_what_was_written(here, tmp_path, monkeypatch):
    from mlflow.tracking import MlflowClient

    with monkeypatch.context() as patch:
        stopped_after(patch, 4)
        here("--steps", 6, "--eval-every", 2, "--mlflow", "logs")
    here("--resume", "--steps", 6, "--mlflow", "logs")
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/logs/mlflow.db")
    experiment = client.get_experiment_by_name("charrnn").experiment_id
    (run,) = client.search_runs([experiment])
    assert (run.info.run_name, run.info.status) == ("a", "FINISHED")
    assert run.data.params["hidden_size"] == "6"
    history = client.get_metric_history(run.info.run_id, "bits_per_char/validation")
    expected = {row["step"]: row["val_nats_per_char"] / math.log(2) for row in rows()}
    assert {m.step: m.value for m in history} == pytest.approx(expected)
    assert len(history) == 3
