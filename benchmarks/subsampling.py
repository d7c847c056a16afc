"""Layers that are held between their ticks, against the same layers at every character.

    python benchmarks/subsampling.py FILE [--steps 600] [--hidden-size 128] [--layers 2,3] [--rounds 5]

FILE is a text of a megabyte or so. For each number of layers an LSTM is measured as it is, with `--subsample 2` and with
`--subsample words`:

- characters a second of whole training steps, on batches of the text, and of one stream in NumPy as `charrnn sample`
  reads it: each beside that of the unsampled network in the same round, as the median of the ratios;
- bits per character of the validation text after the same number of steps, and after as many more as the ratio of the
  speeds gives in the same time. One seed, and the network's own validation: differences of 0.01 mean little.
"""

import argparse
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable
from math import log
from pathlib import Path

from charrnn.cli.train.run import prepare_process

prepare_process()  # as `charrnn train` does, before torch is imported

import numpy as np
import torch

from charrnn.config import CorpusConfig, ModelConfig, TrainingConfig
from charrnn.model import CharRNN
from charrnn.network.shapes import describe
from charrnn.text.corpus import Corpus, read_corpus
from charrnn.text.sources import file_source
from charrnn.text.words import with_words
from charrnn.training.network import make_network
from charrnn.training.optimizer import Optimizer
from charrnn.training.step import train_step
from charrnn.training.trainer import Trainer

CPU = torch.device("cpu")
RULES = (None, "2", "words")
SECONDS = 1.0
"""Length of each measurement in each round."""
READ = 4000
"""Characters of a stream that is timed in NumPy."""


def training_rate(
    network: ModelConfig, config: TrainingConfig, corpus: Corpus
) -> Callable[[], float]:
    """A measure of training steps, in characters a second."""
    module = make_network(network, 0.1, 1, CPU, config.kernel)
    optimizer = Optimizer(module, config)
    T, N = config.sequence_length, config.batch_size
    text = torch.from_numpy(corpus.train[: T * N].astype(np.int64)).view(N, T).T.contiguous()
    state = None

    def measure() -> float:
        """Steps for SECONDS."""
        nonlocal state
        steps, began = 0, time.perf_counter()
        while time.perf_counter() - began < SECONDS:
            _, state = train_step(module, optimizer, text, text, state, config)
            steps += 1
        return steps * T * N / (time.perf_counter() - began)

    return measure


def reading_rate(network: ModelConfig, corpus: Corpus) -> Callable[[], float]:
    """A measure of a stream in NumPy, with the logits after each character, in characters a second."""
    weights = make_network(network, 0.0, 1, CPU).to_numpy()
    model = CharRNN(network, corpus.vocabulary, weights)
    ids = corpus.train[:READ].tolist()

    def measure() -> float:
        """READ characters."""
        state, began = model.initial_state(), time.perf_counter()
        for symbol in ids:
            _, state, _ = model.step(symbol, state)
        return len(ids) / (time.perf_counter() - began)

    return measure


def ratios(
    measures: dict[str, Callable[[], float]], base: str, rounds: int
) -> dict[str, tuple[float, float]]:
    """The median of each measure, and of its ratio to the base in the same round."""
    for measure in measures.values():  # warm up
        measure()
    found = [{name: measure() for name, measure in measures.items()} for _ in range(rounds)]
    return {
        name: (
            statistics.median(one[name] for one in found),
            statistics.median(one[name] / one[base] for one in found),
        )
        for name in measures
    }


def bits_after(steps: int, network: ModelConfig, config: TrainingConfig, corpus: Corpus) -> float:
    """Bits per character of the validation text after a run of some steps."""
    config = dataclasses.replace(config, steps=steps, eval_every=max(1, steps // 4))
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(corpus, network, config, Path(folder))
        for _ in trainer.run():
            pass
        return float(trainer.progress.best_nats or 0) / log(2)


def table(plain: ModelConfig, corpus: Corpus, options: argparse.Namespace) -> None:
    """Print the rows of one network and of the same subsampled."""
    config = TrainingConfig(dropout=0.1, threads=options.threads)
    print(describe(plain), flush=True)
    networks = {
        rule or "-": with_words(dataclasses.replace(plain, subsample=rule), corpus.vocabulary)
        for rule in RULES
    }
    training = {name: training_rate(one, config, corpus) for name, one in networks.items()}
    reading = {name: reading_rate(one, corpus) for name, one in networks.items()}
    rates = [ratios(measures, "-", options.rounds) for measures in (training, reading)]
    for name, network in networks.items():
        speeds = "".join(
            f"{speed:>11,.0f}{ratio:>7.2f}" for speed, ratio in (r[name] for r in rates)
        )
        bits = bits_after(options.steps, network, config, corpus)
        longer = bits
        if network.subsample:
            longer = bits_after(round(options.steps * rates[0][name][1]), network, config, corpus)
        print(f"{name:<10}{speeds}{bits:>12.3f}{longer:>11.3f}", flush=True)


def main() -> None:
    """Print a table for each number of layers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--layers", default="2,3")
    for name, value in (("steps", 600), ("hidden-size", 128), ("rounds", 5), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(
        f"torch {torch.__version__}, {options.threads} threads; medians of {options.rounds} rounds"
    )
    print(f"{'':<10}{'training':>18}{'one stream':>18}{'bits per character':>23}")
    heads = f"{'char/s':>11}{'ratio':>7}" * 2
    print(f"{'subsample':<10}{heads}{'same steps':>12}{'same time':>11}")
    with tempfile.TemporaryDirectory() as cache:
        corpus = read_corpus([file_source(options.file)], CorpusConfig(), cache=Path(cache))
        sizes = {"vocab_size": len(corpus.vocabulary), "hidden_size": options.hidden_size}
        for layers in map(int, options.layers.split(",")):
            table(ModelConfig(num_layers=layers, **sizes), corpus, options)


if __name__ == "__main__":
    main()
