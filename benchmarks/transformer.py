"""A small transformer, trained by nanoGPT's recipe for a processor, as JSON: `python benchmarks/transformer.py TEXT`.

The recipe (https://github.com/karpathy/nanoGPT, "I only have a macbook"): 4 layers of 4 heads and 128 channels over
blocks of 64 characters, normalization before each part, tied embeddings, no biases, no dropout; 2,000 steps of AdamW on
12 blocks each, from random places. The code is our own. It is judged on the same validation text as charrnn's networks:

    cold 64    blocks of 64 characters that know nothing of what came before them; all positions count
    cold 256   windows of 256; within each it sees the last 56 to 64 characters, since it has no place for more

The seconds are those of its steps alone, and those of the whole command up to their end, without judging.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator

BEGAN = time.perf_counter()

from charrnn.cli.train.run import prepare_process

prepare_process()  # as `charrnn train` does, before torch is imported

import numpy as np
import torch
from judge import NETWORK, about_corpus, about_version
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (as torch's users write it)

from charrnn.cli.inputs import open_corpus
from charrnn.config import CorpusConfig, TrainingConfig
from charrnn.numerics import Ids
from charrnn.training.record import about_machine

BLOCK, CHANNELS, HEADS, LAYERS = 64, 128, 4, 4
BATCH, STEPS, WARM_UP = 12, 2000, 100
RATE, LAST_RATE, DECAY, BETAS, CLIP = 1e-3, 1e-4, 0.1, (0.9, 0.99), 1.0
STRIDE = 8
"""Characters that each block after a window's first one adds to what is scored."""
JUDGED = 64
"""Blocks that are judged together."""


class Layer(nn.Module):
    """Attention, then two dense layers, each beside a direct path."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (nn.LayerNorm(CHANNELS, bias=False) for _ in range(2))
        self.inputs = nn.Linear(CHANNELS, 3 * CHANNELS, bias=False)
        self.mixed = nn.Linear(CHANNELS, CHANNELS, bias=False)
        self.wide = nn.Linear(CHANNELS, 4 * CHANNELS, bias=False)
        self.narrow = nn.Linear(4 * CHANNELS, CHANNELS, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (N, T, C) from inputs (N, T, C)."""
        parts = self.inputs(self.first(x)).chunk(3, dim=-1)
        query, key, value = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in parts)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True)  # (N, heads, T, .)
        x = x + self.mixed(seen.transpose(1, 2).flatten(-2))
        return x + self.narrow(F.gelu(self.wide(self.second(x))))


class Transformer(nn.Module):
    """A transformer over V symbols."""

    def __init__(self, num_symbols: int) -> None:
        super().__init__()
        self.symbols = nn.Embedding(num_symbols, CHANNELS)
        self.positions = nn.Embedding(BLOCK, CHANNELS)
        self.layers = nn.Sequential(*(Layer() for _ in range(LAYERS)))
        self.last = nn.LayerNorm(CHANNELS, bias=False)
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                ends_a_path = name.endswith(("mixed.weight", "narrow.weight"))
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * LAYERS) if ends_a_path else 0.02)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (N, T, V) for what follows each symbol of blocks (N, T)."""
        x = self.symbols(ids) + self.positions.weight[: ids.shape[1]]
        return F.linear(self.last(self.layers(x)), self.symbols.weight)

    @property
    def num_parameters(self) -> int:
        """The number of its weights; the last layer shares those of the embedding."""
        return sum(weight.numel() for weight in self.parameters())


def rate(step: int, steps: int) -> float:
    """The learning rate: it rises in a line, then falls along a cosine."""
    if step < WARM_UP:
        return RATE * (step + 1) / (WARM_UP + 1)
    part = (step - WARM_UP) / max(1, steps - WARM_UP)
    return LAST_RATE + (RATE - LAST_RATE) * (1 + math.cos(math.pi * part)) / 2


def train(model: Transformer, text: Tensor, steps: int, seed: int) -> float:
    """Train on a text, (n,); the seconds that it took."""
    weights = list(model.parameters())
    groups = [
        {"params": [w for w in weights if w.dim() > 1], "weight_decay": DECAY},
        {"params": [w for w in weights if w.dim() < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=BETAS)
    draws = torch.Generator().manual_seed(seed)
    places = torch.arange(BLOCK + 1)
    began = time.perf_counter()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps)
        begin = torch.randint(len(text) - BLOCK, (BATCH, 1), generator=draws)
        blocks = text[begin + places]  # (N, T + 1)
        loss = F.cross_entropy(model(blocks[:, :-1]).flatten(0, 1), blocks[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(weights, CLIP)
        optimizer.step()
    return time.perf_counter() - began


def blocks_of(num_symbols: int, window: int) -> Iterator[tuple[int, int, int]]:
    """Where each block begins, and the first and the end of the places in it whose successors it predicts."""
    for begin in range(0, num_symbols - 1, window):
        end, first = min(begin + window, num_symbols - 1), begin
        while first < end:
            start = begin if first == begin else first - (BLOCK - STRIDE)
            stop = min(start + BLOCK, end)
            yield start, first, stop
            first = stop


@torch.no_grad()
def nats_per_char(model: Transformer, ids: Ids, window: int) -> float:
    """The mean cost of every symbol of a text but the first, in windows."""
    blocks = np.array(list(blocks_of(len(ids), window)))
    padded = torch.from_numpy(np.concatenate([ids, np.zeros(BLOCK, ids.dtype)]).astype(np.int64))
    total = 0.0
    for part in np.array_split(blocks, math.ceil(len(blocks) / JUDGED)):
        start, first, stop = torch.from_numpy(part).T[:, :, None]
        at = start + torch.arange(BLOCK)  # (N, T)
        costs = F.cross_entropy(model(padded[at]).mT, padded[at + 1], reduction="none")
        total += costs[(at >= first) & (at < stop)].sum(dtype=torch.float64).item()
    return total / (len(ids) - 1)


def main() -> None:
    """Train, judge, and print a record such as that of `judge.py`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", help="a file, or the name of a corpus")
    parser.add_argument("seed", nargs="?", type=int, default=1)
    parser.add_argument("steps", nargs="?", type=int, default=STEPS)
    asked = parser.parse_args()
    corpus = open_corpus([asked.text], CorpusConfig(), cache=None)
    torch.manual_seed(asked.seed)
    model = Transformer(len(corpus.vocabulary))
    text = torch.from_numpy(corpus.train.astype(np.int64))
    seconds = train(model, text, asked.steps, asked.seed)
    command_seconds = time.perf_counter() - BEGAN
    config = TrainingConfig(threads=torch.get_num_threads())
    record = {
        **about_corpus(corpus),
        "network": {"cell": "transformer", "num_layers": LAYERS, "hidden_size": CHANNELS},
        "parameters": model.num_parameters,
        "training": {"precision": "float32"},
        "hardware": about_machine(config),
        "version": about_version(),
        "steps": asked.steps,
        "epochs": asked.steps * BATCH * BLOCK / len(text),
        "seconds": seconds,
        "command_seconds": command_seconds,
        "nats": {
            f"cold {window}": {NETWORK: nats_per_char(model, corpus.val, window)}
            for window in (64, 256)
        },
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
