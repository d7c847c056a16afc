"""Whether the plan's choices are good ones: train what was planned and its neighbors, and compare.

    python benchmarks/sweep.py plays.txt names.txt python --minutes 0.25 0.8 2.5

For each text and budget the plan is made as `charrnn train` makes it, from the speed of this machine, which is measured
once at the start (nothing else should be running then; or give the --speeds of an idle hour). Then seven networks are
trained, each for the steps that the same minutes buy it: the planned one, a smaller and a larger one, the planned one
with less and with more dropout, the one that is planned with a single layer, and the planned one without layer
normalization, or with it.
Training goes by steps, so it may take its time; as many trainings as there are processors run side by side, with a
thread each. The constants of `charrnn/training/plan.py` were chosen by such tables.
"""

import argparse
import dataclasses
import multiprocessing
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from charrnn.cli.train.run import prepare_process

prepare_process()  # as `charrnn train` does, before torch is imported

import torch

from charrnn.checkpoint import load_checkpoint
from charrnn.cli.inputs import open_corpus
from charrnn.config import (
    CorpusConfig,
    ModelConfig,
    SavingConfig,
    TrainingConfig,
    TrainingRequest,
)
from charrnn.evaluation.evaluate import evaluate
from charrnn.network.shapes import count_parameters
from charrnn.runs import BEST
from charrnn.text.corpus import Corpus
from charrnn.training.allowed import CorpusSize, overfitting_risk
from charrnn.training.events import Evaluated
from charrnn.training.measure import seconds_per_step, try_machine
from charrnn.training.plan import (
    SIZES,
    Plan,
    dropouts,
    make_plan,
)
from charrnn.training.speed import Machine, Trial
from charrnn.training.trainer import Trainer

MEASURED = ((1, 128), (1, 512), (2, 128), (2, 256), (2, 512))
"""Layers and units."""
HEAD = (
    f"{'text':<14}{'minutes':>8}  {'setting':<14}{'units':>6}{'dropouts':>11}{'epochs':>8}{'best at':>8}"
    f"{'train':>8}{'carried':>9}{'to best':>9}  nats per character"
)


def network_of(layers: int, size: int) -> ModelConfig:
    """A network over 65 symbols; two layers are normalized, as the plan mostly chooses."""
    return ModelConfig(vocab_size=65, num_layers=layers, hidden_size=size, layer_norm=layers > 1)


def measured() -> Machine:
    """This machine."""
    config = TrainingConfig(dropout=0.1, weight_drop=0.1)
    first = try_machine(ModelConfig(vocab_size=65), config, (256,))
    config = dataclasses.replace(config, precision=first.precision, threads=first.threads)
    config = dataclasses.replace(config, kernel=first.kernel)
    networks = [network_of(layers, size) for layers, size in MEASURED]
    trials = [Trial.of(network, config, seconds_per_step(network, config)) for network in networks]
    return dataclasses.replace(first, trials=(*first.trials, *trials))


def known(speeds: list[str]) -> Machine:
    """A machine that was measured before: "2x256=90000" and so on."""
    trials = []
    for pair in speeds:
        layers, size, speed = map(int, re.split("[x=]", pair))
        config = TrainingConfig()
        seconds = config.batch_size * config.sequence_length / speed
        trials.append(Trial.of(network_of(layers, size), config, seconds))
    return Machine("cpu", 2, "bfloat16", "fused", tuple(trials))


def neighbors(
    size: CorpusSize, machine: Machine, vocab_size: int, minutes: float
) -> dict[str, Plan]:
    """The planned run and others that the same time allows."""

    def plan(**given: Any) -> Plan:
        request = TrainingRequest(minutes=minutes, given=given)
        return make_plan(size, machine, request.network(vocab_size), request)

    planned = plan()
    shape = planned.model_config
    place, rows = SIZES.index(shape.hidden_size), planned.config.batch_size
    same = {"num_layers": shape.num_layers, "layer_norm": shape.layer_norm, "batch_size": rows}
    plans = {"planned": planned}
    for name, other in (("smaller", place - 1), ("larger", place + 1)):
        if 0 <= other < len(SIZES):
            plans[name] = plan(hidden_size=SIZES[other], **same)
    risk = overfitting_risk(planned.run.epochs, count_parameters(shape), size.train_chars)
    for name, factor in (("less dropout", 1 / 4), ("more dropout", 4)):
        dropout, weight_drop = dropouts(risk * factor)
        rates = {"dropout": dropout, "weight_drop": weight_drop}
        plans[name] = plan(hidden_size=shape.hidden_size, **same, **rates)
    plans["one layer"] = plan(num_layers=1)
    plans["not normalized" if shape.layer_norm else "normalized"] = plan(
        layer_norm=not shape.layer_norm
    )
    return plans


def read(text: str) -> Corpus:
    """A text, by a file's name or a corpus's."""
    return open_corpus([text], CorpusConfig(), cache=None)


def train(job: tuple[str, float, str, Plan]) -> tuple[float, float, float]:
    """The best model's nats per character with the state carried, its epoch, and the last training loss."""
    text, _, _, plan = job
    corpus = read(text)
    config = dataclasses.replace(plan.config, threads=1, patience=None)
    train_nats = 0.0
    with tempfile.TemporaryDirectory() as folder:
        saving = SavingConfig(save_every=1e9, counts=False)
        trainer = Trainer(corpus, plan.model_config, config, Path(folder), saving=saving)
        for event in trainer.run():
            if isinstance(event, Evaluated):
                train_nats = event.train_nats
        best = load_checkpoint(Path(folder) / BEST)
    return evaluate(best.model, corpus.val).nats_per_char, best.metrics["epoch"], train_nats


def main() -> None:
    """Print a table for each text and budget, as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", nargs="*", default=["python"], help="files, or names of corpora")
    parser.add_argument("--minutes", nargs="+", type=float, default=[0.25, 0.8, 2.5])
    parser.add_argument(
        "--speeds",
        nargs="+",
        metavar="LAYERSxUNITS=SPEED",
        help="bfloat16 characters a second, measured before, of a machine with two threads",
    )
    asked = parser.parse_args()
    machine = known(asked.speeds) if asked.speeds else measured()
    speeds = ", ".join(
        f"{t.parameters:,} weights: {t.chars / t.seconds:,.0f}" for t in machine.trials
    )
    print(f"{machine.threads} threads, {machine.precision}; characters a second: {speeds}")
    print(HEAD, flush=True)
    jobs: list[tuple[str, float, str, Plan]] = []
    for text in asked.texts:
        corpus = read(text)
        size = CorpusSize(len(corpus.train), len(corpus.val))
        for minutes in asked.minutes:
            plans = neighbors(size, machine, len(corpus.vocabulary), minutes)
            jobs += [(text, minutes, name, plan) for name, plan in plans.items()]
    torch.set_num_threads(1)
    rows: dict[tuple[str, float], list[tuple[str, Plan, float, float, float]]] = {}
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        for job, result in zip(jobs, pool.imap(train, jobs), strict=True):
            text, minutes, name, plan = job
            rows.setdefault((text, minutes), []).append((name, plan, *result))
            if job is jobs[-1] or jobs[jobs.index(job) + 1][:2] != (text, minutes):
                show(text, minutes, rows[text, minutes])


def show(text: str, minutes: float, rows: list[tuple[str, Plan, float, float, float]]) -> None:
    """The table of one text and budget."""
    best = min(nats for _, _, nats, _, _ in rows)
    for name, plan, nats, epoch, train_nats in rows:
        both = f"{plan.config.dropout:g} {plan.config.weight_drop:g}"
        print(
            f"{Path(text).stem[:13]:<14}{minutes:>8g}  {name:<14}{plan.model_config.hidden_size:>6}{both:>11}"
            f"{plan.epochs:>8.1f}{epoch:>8.1f}{train_nats:>8.3f}{nats:>9.4f}{nats - best:>9.4f}"
        )
    print(flush=True)


if __name__ == "__main__":
    main()
