"""How fast charrnn samples on this machine, by `python benchmarks/sampling.py [CHECKPOINT]`.

Every figure is a ratio to something measured in the same run, in turns:

- one stream against the usual loop that calls torch.nn.LSTM for one step at a time, both drawing at temperature 0.8;
- one stream against the least that reading the weights once a character takes: the bare products of a vector with the
  matrices, and a row of input weights, all from the cache;
- one stream of every cell against one of the LSTM, with as many units and with as many parameters;
- 64 samples side by side against one stream, within the process and as whole commands;
- the first character of `charrnn sample` against `python -c "import torch"`;
- one stream, 64 samples and the first character with the counts of the training text, if the checkpoint has them,
  against the network alone;
- one stream with a neighbor on every core that does nothing but count, against one without.

The commands run the checkpoint, such as one of `charrnn train plays --minutes 2`; without one, a random network.
"""

import dataclasses
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from os import cpu_count
from pathlib import Path

import numpy as np
import torch
from speed import CPU, VOCABULARY, config_of, median_ratios, seconds_of  # prepares the process
from threadpoolctl import threadpool_info, threadpool_limits

from charrnn.api import LanguageModel
from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.config import ModelConfig, SamplingConfig
from charrnn.network.cells import CELLS
from charrnn.network.shapes import count_parameters, hidden_size_for
from charrnn.runs import find_checkpoint
from charrnn.sampling.sampler import generate, sample
from charrnn.training.network import Network, make_network

LENGTH = 4000
BATCH_SIZE = 64


def random_model(config: ModelConfig) -> tuple[LanguageModel, Network]:
    """The same random network in NumPy and in torch."""
    network = make_network(config, 0.0, 1, CPU)
    return LanguageModel(config, VOCABULARY, network.to_numpy()), network


def per_second(characters: int, work: Callable[[], object]) -> float:
    """Characters a second."""
    began = time.perf_counter()
    work()
    return characters / (time.perf_counter() - began)


def one_stream(model: LanguageModel) -> float:
    """Characters a second of charrnn's own sampler."""
    with threadpool_limits(1, "blas"):
        config = SamplingConfig(length=LENGTH, seed=1)
        return per_second(LENGTH, lambda: "".join(sample(model, "", config)))


def side_by_side(model: LanguageModel) -> float:
    """Characters a second of 64 samples side by side, on all threads."""
    config = SamplingConfig(length=LENGTH // 8, seed=1)
    pieces = generate(model, "", config, indices=range(BATCH_SIZE), batch_size=BATCH_SIZE)
    return per_second(config.length * BATCH_SIZE, lambda: list(pieces))


def bare_products(model: LanguageModel) -> float:
    """How often a second the weights of one character's step can be read.

    A row of the table of input weights, and the products of a vector with all matrices.
    """
    names = [n for n in model.weights if "weight_hh" in n or ("weight_ih" in n and "l0" not in n)]
    matrices = [np.ascontiguousarray(model.weights[n].T) for n in [*names, "head.weight"]]
    vector = np.ones(model.config.hidden_size, np.float32)

    biases = model.weights["rnn.bias_ih_l0"] + model.weights["rnn.bias_hh_l0"]
    table = model.weights["embedding.weight"] @ model.weights["rnn.weight_ih_l0"].T + biases
    symbols = np.random.default_rng(1).integers(0, len(table), LENGTH).tolist()

    def products() -> None:
        for symbol in symbols:
            table[symbol]
            for matrix in matrices:
                vector @ matrix

    with threadpool_limits(1, "blas"):
        return per_second(LENGTH, products)


@torch.no_grad()
def torch_loop(network: Network) -> float:
    """Characters a second of a loop over nn.LSTM with sequences of one, on one thread."""
    length, threads = LENGTH // 4, torch.get_num_threads()
    torch.set_num_threads(1)
    symbol, state, text = torch.zeros(1, 1, dtype=torch.long), None, []
    began = time.perf_counter()
    for _ in range(length):
        outputs, state = network.rnn(network.embedding(symbol), state)
        chances = torch.softmax(network.head(outputs[0]) / 0.8, dim=-1)
        symbol = torch.multinomial(chances, 1)
        text.append(VOCABULARY.symbols[symbol.item()])
    took = time.perf_counter() - began
    torch.set_num_threads(threads)
    return length / took


def stream_table() -> None:
    """Print the speed of one stream and of many."""
    print("\ncharacters a second at temperature 0.8; one stream has one thread")
    print(
        f"{'network':<10}{'one stream':>12}{'nn.LSTM loop':>14}{'ratio':>7}"
        f"{'bare products':>15}{'part':>6}{'64 samples':>12}{'ratio':>7}"
    )
    for num_layers, hidden_size in ((1, 128), (1, 256), (1, 512), (2, 256)):
        model, network = random_model(config_of(hidden_size, num_layers))
        speeds = median_ratios(
            {
                "torch": lambda n=network: torch_loop(n),
                "bare": lambda m=model: bare_products(m),
                "one": lambda m=model: one_stream(m),
                "many": lambda m=model: side_by_side(m),
            },
            "one",
        )
        print(
            f"{f'{num_layers} x {hidden_size}':<10}{speeds['one'][0]:>12,.0f}{speeds['torch'][0]:>14,.0f}"
            f"{1 / speeds['torch'][1]:>7.1f}{speeds['bare'][0]:>15,.0f}{1 / speeds['bare'][1]:>6.2f}"
            f"{speeds['many'][0]:>12,.0f}{speeds['many'][1]:>7.1f}"
        )


def cells_table() -> None:
    """Print the speed of one stream of every cell, with as many units as the LSTM and with as many parameters."""
    base = config_of(256)
    parameters = count_parameters(base)
    alike = [dataclasses.replace(base, cell=name) for name in CELLS if name != "mdlstm"]
    print(
        "\ncharacters a second of one stream, and of the lstm's; right, with its number of parameters"
    )
    print(f"{'cell':<11}{'units':>6}{'char/s':>9}{'ratio':>7}{'units':>8}{'char/s':>9}{'ratio':>7}")
    sized = [[config, with_parameters(config, parameters)] for config in alike]
    models = {config: random_model(config)[0] for pair in sized for config in pair}
    speeds = median_ratios(
        {str(c): lambda m=model: one_stream(m) for c, model in models.items()}, str(base)
    )
    for pair in sized:
        parts = ((c.hidden_size, *speeds[str(c)]) for c in pair)
        shown = [f"{units:>6}{speed:>9,.0f}{ratio:>7.2f}" for units, speed, ratio in parts]
        print(f"{pair[0].cell:<11}{'  '.join(shown)}")


def with_parameters(config: ModelConfig, parameters: int) -> ModelConfig:
    """A network of about so many parameters."""
    return dataclasses.replace(config, hidden_size=hidden_size_for(config, parameters))


# --- whole commands ----------------------------------------------------------------------------------------------------


def sample_command(checkpoint: Path, *options: object) -> list[str]:
    """`charrnn sample` as this Python runs it."""
    return ["-m", "charrnn", "sample", str(checkpoint), "-q", "--seed", "1", *map(str, options)]


def first_character(checkpoint: Path, *options: object) -> float:
    """Seconds from the start of the process to the first byte on a terminal's way, a pipe that is read."""
    began = time.perf_counter()
    command = [sys.executable, *sample_command(checkpoint, "--length", 1, *options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.read(1)
        return time.perf_counter() - began


def commands_table(checkpoint: Path) -> None:
    """Print what whole commands take."""
    here = Path.cwd()
    speeds = median_ratios(
        {
            "torch": lambda: seconds_of(["-c", "import torch"], here),
            "first": lambda: first_character(checkpoint),
        },
        "torch",
    )
    print(
        f"\nfirst character after {speeds['first'][0]:.2f} s, import torch {speeds['torch'][0]:.2f} s: ",
        end="",
    )
    print(f"ratio {speeds['first'][1]:.2f}")

    def rate_of(count: int, length: int) -> Callable[[], float]:
        command = sample_command(checkpoint, "--count", count, "--length", length)
        return lambda: count * length / seconds_of(command, here)

    print("\nwhole commands, characters a second")
    print(f"{'length':>8}{'--count 1':>12}{'--count 64':>12}{'ratio':>7}")
    for length in (200, 1000, 20_000):
        speeds = median_ratios({"1": rate_of(1, length), "64": rate_of(64, length)}, "1")
        print(
            f"{length:>8,}{speeds['1'][0]:>12,.0f}{speeds['64'][0]:>12,.0f}{speeds['64'][1]:>7.1f}"
        )


def counts_table(checkpoint: Path) -> None:
    """Print what counts cost."""
    loaded = load_checkpoint(find_checkpoint(str(checkpoint)))
    if loaded.counts is None:
        return
    alone, mixed = loaded.model, loaded.mixed
    measures: dict[str, tuple[Callable[[], float], Callable[[], float]]] = {
        "one stream, characters a second": (lambda: one_stream(alone), lambda: one_stream(mixed)),
        "64 samples, characters a second": (
            lambda: side_by_side(alone),
            lambda: side_by_side(mixed),
        ),
        "first character, milliseconds": (
            lambda: 1000 * first_character(checkpoint),
            lambda: 1000 * first_character(checkpoint, "--counts"),
        ),
    }
    print(f"\n{'':<34}{'alone':>10}{'with counts':>13}{'ratio':>7}")
    for name, (by_itself, with_counts) in measures.items():
        speeds = median_ratios({"alone": by_itself, "mixed": with_counts}, "alone")
        print(
            f"{name:<34}{speeds['alone'][0]:>10,.0f}{speeds['mixed'][0]:>13,.0f}{speeds['mixed'][1]:>7.2f}"
        )


def neighbor_table(checkpoint: Path) -> None:
    """Print how much a stream suffers from programs that keep every core busy."""
    length = 50_000
    command = sample_command(checkpoint, "--length", length)

    def with_neighbors(count: int) -> float:
        spinning = [
            subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)
        ]
        try:
            return length / seconds_of(command, Path.cwd())
        finally:
            for process in spinning:
                process.kill()
                process.wait()

    cores = cpu_count() or 1
    measures = {str(n): lambda n=n: with_neighbors(n) for n in (0, 1, cores)}
    speeds = median_ratios(measures, "0")
    print("\nwhole command of 50,000 characters beside programs that only count")
    print(f"{'neighbors':>10}{'char/s':>10}{'ratio':>7}")
    for name, (speed, ratio) in speeds.items():
        print(f"{name:>10}{speed:>10,.0f}{ratio:>7.2f}")


def main(names: list[str]) -> None:
    """Print all tables."""
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; medians of 5 rounds")
    blas = [library for library in threadpool_info() if library["user_api"] == "blas"]
    for library in blas:
        kernels = library.get("architecture", "unnamed")
        print(f"products by {library['internal_api']} {library['version']}, kernels for {kernels}")
    stream_table()
    cells_table()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "random.safetensors"
        save_checkpoint(checkpoint, Checkpoint(random_model(config_of(256))[0]))
        if names:
            checkpoint = Path(names[0])
        counts_table(checkpoint)
        commands_table(checkpoint)
        neighbor_table(checkpoint)


if __name__ == "__main__":
    main(sys.argv[1:])
