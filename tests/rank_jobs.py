"""A script of tiny trainings in two and in four processes, as one import of torch starts them all.

Rank 0 writes what came of each into results.json.
"""

import dataclasses
import json
import math
import os
import socket
import sys
from pathlib import Path

import torch
from helpers import make_text
from pair_models import TEXTS, config_of, corpus_of
from trainers import CONFIG, make_corpus, make_trainer, run_to_end, tensors_in

from charrnn.checkpoint import load_checkpoint
from charrnn.config import CorpusConfig
from charrnn.errors import CharrnnError, EnvironmentFault
from charrnn.text.corpus import read_corpus
from charrnn.text.sources import file_source
from charrnn.training.follower import follow
from charrnn.training.place import Meeting, Place
from charrnn.training.ranks import join, leave
from charrnn.training.replica import Replica
from charrnn.training.trainer import Trainer

STEPS = 12
HALF = 5
TEXT = {
    "text": ({}, {}),
    "again": ({}, {}),
    "weight drop": ({"weight_drop": 0.3, "dropout": 0.0}, {}),
    "loop": ({"kernel": "loop"}, {"cell": "gru", "num_layers": 1}),
    "learned start": ({"optimizer": "adamw"}, {"learn_start": True, "num_layers": 1}),
    "one row": ({"batch_size": 1}, {"num_layers": 1}),
}
"""Trainings on a text: changes of the config, and of the network."""
PAIRS = ("ctc", "attention")
FAILS = 13
"""The seed of a run in which rank 1 fails."""


def bits_of(trainer):
    """The last evaluation, in bits."""
    return trainer.files.metrics.rows[-1]["val_nats_per_char"] / math.log(2)


def on_text(folder, corpus, name, **more):
    """A trainer of TEXT."""
    changes, shape = TEXT[name]
    config = dataclasses.replace(CONFIG, steps=STEPS, **changes)
    return make_trainer(corpus, folder / name, config, shape=shape, **more)


def on_lines(folder):
    """A trainer on lines, of which steps read different numbers."""
    path = folder / "lines.txt"
    path.write_text(make_text(2000))
    corpus = read_corpus([file_source(path)], CorpusConfig(lines=True), cache=folder)
    config = dataclasses.replace(CONFIG, steps=STEPS, batch_size=3)
    return make_trainer(corpus, folder / "lines", config, shape={"num_layers": 1})


def on_pairs(folder, align):
    """A trainer on pairs."""
    corpus = corpus_of(TEXTS[align] * 8, align=align)
    config = dataclasses.replace(CONFIG, steps=STEPS, batch_size=2, sequence_length=20)
    (folder / align).mkdir()
    return Trainer(corpus, config_of(corpus), config, folder / align)


def all_runs(folder):
    """The bits of all trainings, by name; `half` stops in the middle."""
    corpus = make_corpus(folder)
    trainers = [on_text(folder, corpus, name) for name in TEXT]
    trainers += [on_lines(folder), *(on_pairs(folder, align) for align in PAIRS)]
    found = {}
    for trainer in trainers:
        run_to_end(trainer)
        found[trainer.folder.name] = bits_of(trainer)
    half = make_trainer(corpus, folder / "half", dataclasses.replace(CONFIG, steps=STEPS))
    run_to_end(half, stop_at=HALF)
    return found


def resumed(folder, source):
    """The bits of `half` of another folder, resumed."""
    config = dataclasses.replace(CONFIG, steps=STEPS)
    last = load_checkpoint(source / "half" / "last.safetensors")
    trainer = make_trainer(make_corpus(folder), folder / "resumed", config, resume=last)
    run_to_end(trainer)
    return bits_of(trainer)


def long_run(folder):
    """The bits after 300 steps of a network with dropout."""
    config = dataclasses.replace(
        CONFIG, steps=300, batch_size=16, eval_every=100, dropout=0.1, weight_drop=0.1
    )
    shape = {"hidden_size": 32, "embedding_size": 16}
    trainer = make_trainer(make_corpus(folder, 60_000), folder / "long", config, shape=shape)
    run_to_end(trainer)
    return bits_of(trainer)


def failure(folder):
    """The error of a run in which rank 1 fails."""
    config = dataclasses.replace(CONFIG, seed=FAILS)
    try:
        run_to_end(make_trainer(make_corpus(folder), folder / "fails", config))
    except CharrnnError as error:
        return [error.message, error.hint, error.exit_status]
    return None


def in_two(folder):
    """What two ranks do."""
    return {
        "ranks": all_runs(folder),
        "same bits": tensors_in(folder / "text") == tensors_in(folder / "again"),
        "resumed": resumed(folder, folder),
        "failure": failure(folder),
    }


def in_four(folder):
    """What four ranks do with a run of two."""
    return {"resumed": resumed(folder, folder.parent / "2")}


def follow_forked(place):
    """Follow rank 0; rank 1 fails where it is to."""
    real = Replica.step

    def step(self, number, *arguments, **settings):
        if self.config.seed == FAILS and number == 3:
            raise EnvironmentFault("its cables have come loose", "plug them in")
        return real(self, number, *arguments, **settings)

    Replica.step = step
    follow(place, print, lambda error: error, os._exit)


def forked(size, jobs, folder):
    """Run jobs in rank 0 of several processes."""
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        meeting = Meeting("127.0.0.1", str(probe.getsockname()[1]))
    children = []
    for rank in range(size):
        child = os.fork()
        if child:
            children.append(child)
            continue
        place = Place(rank, size, rank, size, meeting)
        if rank:
            follow_forked(place)
        join(place, lambda error: os._exit(error.exit_status))
        torch.set_num_threads(1)
        (folder / "results.json").write_text(json.dumps(jobs(folder)))
        leave()
        os._exit(0)
    for child in children:
        os.waitpid(child, 0)


def main():
    """Run the jobs in the folder that is the first argument."""
    place = Path(sys.argv[1])
    if sys.argv[2:] == ["long"]:
        forked(2, long_run, place / "long")
    else:
        forked(2, in_two, place / "2")
        forked(4, in_four, place / "4")
