"""How fast charrnn trains and starts on this machine, by `python benchmarks/speed.py [TABLE...]`; see also sampling.py.

Every figure is a ratio to something measured in the same run, in turns, because seconds differ from machine to machine
and from hour to hour:

- training (2 FLOP a weight forward, 4 backward, for all matrices but the embedding) against this machine's
  float32 matrix product of the shape that one time step needs, (N, H) x (H, 4H);
- training of every cell, sized to the parameters of an LSTM of 256 units, against that LSTM in the same precision, by
  torch's fused kernel where it has one and by charrnn's own loop;
- start-up of `charrnn --help` and `charrnn sample --length 1` against `python -c "import torch"`.
"""

import dataclasses
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from charrnn.cli.train.run import prepare_process

prepare_process()  # as `charrnn train` does, before torch is imported

import torch

from charrnn.checkpoint import Checkpoint, save_checkpoint
from charrnn.config import Kernel, ModelConfig, Precision, TrainingConfig
from charrnn.model import CharRNN
from charrnn.network.cells import CELLS
from charrnn.network.shapes import count_parameters, hidden_size_for, weight_shapes
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.machine import may_choose_bfloat16
from charrnn.training.network import TorchState, make_network
from charrnn.training.optimizer import Optimizer
from charrnn.training.step import train_step

VOCABULARY = Vocabulary("char", range(32, 97))
ROUNDS = 5
SECONDS = 0.8
"""Length of each measurement in each round."""
CPU = torch.device("cpu")


def rate(step: Callable[[], None], seconds: float = SECONDS) -> float:
    """Calls a second."""
    calls, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        step()
        calls += 1
    return calls / (time.perf_counter() - began)


def median_ratios(
    measures: dict[str, Callable[[], float]], base: str
) -> dict[str, tuple[float, float]]:
    """The median of each measure, and the median of its ratio to the base in the same round."""
    for measure in measures.values():  # warm up
        measure()
    rounds = [{name: measure() for name, measure in measures.items()} for _ in range(ROUNDS)]
    return {
        name: (
            statistics.median(r[name] for r in rounds),
            statistics.median(r[name] / r[base] for r in rounds),
        )
        for name in measures
    }


def config_of(hidden_size: int, num_layers: int = 1) -> ModelConfig:
    """A network over 65 symbols."""
    return ModelConfig(vocab_size=len(VOCABULARY), hidden_size=hidden_size, num_layers=num_layers)


# --- training ----------------------------------------------------------------------------------------------------------


def gemm_gflops(n: int, h: int) -> float:
    """The rate of (N, H) x (H, 4H) in float32, in GFLOP/s."""
    a, b, out = torch.randn(n, h), torch.randn(h, 4 * h), torch.empty(n, 4 * h)

    def product() -> None:
        torch.mm(a, b, out=out)

    return rate(product) * 2 * n * h * 4 * h / 1e9


def training_gflops(
    model_config: ModelConfig, precision: Precision, kernel: Kernel = "auto"
) -> Callable[[], float]:
    """A measure of whole training steps: forward, backward, clipping, AdamW."""
    config = TrainingConfig(precision=precision)
    network = make_network(model_config, 0.0, 1, CPU, kernel)
    optimizer = Optimizer(network, config)
    ids = torch.randint(len(VOCABULARY), (config.sequence_length, config.batch_size))
    state: TorchState = None

    def step() -> None:
        nonlocal state
        _, state = train_step(network, optimizer, ids, ids, state, config)

    return lambda: rate(step, 2 * SECONDS) * 6 * matrix_weights(model_config) * ids.numel() / 1e9


def matrix_weights(config: ModelConfig) -> int:
    """Weights that take part in a matrix product: all but the embedding, which is looked up, and the biases."""
    shapes = weight_shapes(config).items()
    return sum(s[0] * s[1] for name, s in shapes if len(s) == 2 and name != "embedding.weight")


def precisions() -> list[Precision]:
    """What charrnn may choose here."""
    return ["float32", "bfloat16"] if may_choose_bfloat16(CPU) else ["float32"]


def training_table() -> None:
    """Print training speed against the matrix product."""
    print("training, 64 streams of 64 characters, 65 symbols, whole step")
    print(
        f"{'network':<14}{'precision':<12}{'char/s':>10}{'GFLOP/s':>10}{'float32 product':>18}{'ratio':>8}"
    )
    for hidden_size in (256, 384, 512):
        config = config_of(hidden_size)
        measures: dict[str, Callable[[], float]] = {
            "product": lambda h=hidden_size: gemm_gflops(64, h)
        }
        measures |= {p: training_gflops(config, p) for p in precisions()}
        results = median_ratios(measures, "product")
        for precision in precisions():
            gflops, ratio = results[precision]
            chars = gflops * 1e9 / 6 / matrix_weights(config)
            print(
                f"{f'1 x {hidden_size}':<14}{precision:<12}{chars:>10,.0f}{gflops:>10.0f}"
                f"{results['product'][0]:>18.0f}{ratio:>8.2f}"
            )


def cells_table() -> None:
    """Print the training speed of every cell against the LSTM's, at the same number of parameters."""
    base = config_of(256)
    print(f"\ntraining, every cell with about {count_parameters(base):,} parameters, else as above")
    print(
        f"{'network':<16}{'kernel':<8}{'precision':<12}{'parameters':>12}{'char/s':>10}"
        f"{'GFLOP/s':>10}{'of the lstm':>14}"
    )
    for precision in precisions():
        networks: dict[str, tuple[ModelConfig, Kernel]] = {}
        for name, cell in CELLS.items():
            like = dataclasses.replace(base, cell=name)
            size = hidden_size_for(like, count_parameters(base))
            kernels: list[Kernel] = ["fused", "loop"] if cell.torch_class else ["loop"]
            for kernel in kernels:
                config = dataclasses.replace(like, hidden_size=size)
                networks[f"{name} {kernel}"] = config, kernel
        results = median_ratios(
            {key: training_gflops(c, precision, k) for key, (c, k) in networks.items()},
            "lstm fused",
        )
        for key, (config, kernel) in networks.items():
            gflops, ratio = results[key]
            chars = gflops * 1e9 / 6 / matrix_weights(config)
            print(
                f"{f'{config.cell} {config.hidden_size}':<16}{kernel:<8}{precision:<12}"
                f"{count_parameters(config):>12,}{chars:>10,.0f}{gflops:>10.0f}{ratio:>14.2f}"
            )


# --- start-up ----------------------------------------------------------------------------------------------------------


def seconds_of(arguments: list[str], folder: Path) -> float:
    """Wall-clock seconds of a whole process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - began


def startup_table() -> None:
    """Print start-up times against importing torch."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = folder / "checkpoints" / "random"
        run.mkdir(parents=True)
        weights = make_network(config_of(256), 0.0, 1, CPU).to_numpy()
        model = CharRNN(config_of(256), VOCABULARY, weights)
        save_checkpoint(run / "best.safetensors", Checkpoint(model))
        commands = {
            'python -c "import torch"': ["-c", "import torch"],
            "charrnn --help": ["-m", "charrnn", "--help"],
            "charrnn sample --length 1": ["-m", "charrnn", "sample", "--length", "1"],
        }
        measures = {
            name: lambda a=arguments: seconds_of(a, folder) for name, arguments in commands.items()
        }
        results = median_ratios(measures, 'python -c "import torch"')
    print("\nstart-up, whole process")
    print(f"{'command':<30}{'seconds':>9}{'ratio':>8}")
    for name, (seconds, ratio) in results.items():
        print(f"{name:<30}{seconds:>9.2f}{ratio:>8.2f}")


TABLES = {
    "training": training_table,
    "cells": cells_table,
    "startup": startup_table,
}

if __name__ == "__main__":
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads; medians of {ROUNDS} rounds"
    )
    for table in sys.argv[1:] or TABLES:
        TABLES[table]()
