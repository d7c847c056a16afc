"""Everything of which an old file must survive a fault, and a large text that is encoded; nothing here needs torch."""

import contextlib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from helpers import make_text

from charrnn.checkpoint import Checkpoint, save_checkpoint
from charrnn.config import CorpusConfig
from charrnn.exact.model import exact
from charrnn.export.c_program import write_c
from charrnn.export.onnx_graph import write_onnx
from charrnn.files import write_atomically
from charrnn.interpret.dumps.writing import dump
from charrnn.model import CharRNN
from charrnn.text import folders
from charrnn.text.corpus import read_corpus
from charrnn.text.encoding import opening, reading, shards, stored, tasks
from charrnn.text.encoding import text as encoded_text
from charrnn.text.sources import file_source
from charrnn.web.offline import offline_page


def checkpoint(path: Path, model: CharRNN) -> None:
    save_checkpoint(path, Checkpoint(model))


def dumped(path: Path, model: CharRNN) -> None:
    dump(model, "one two three", path)


def exact_checkpoint(path: Path, model: CharRNN) -> None:
    save_checkpoint(path, Checkpoint(exact(model)))


def program_in_c(path: Path, model: CharRNN) -> None:
    write_c(exact(model), path)


def graph(path: Path, model: CharRNN) -> None:
    write_onnx(model, path)


def page(path: Path, model: CharRNN) -> None:
    write_atomically(path, offline_page(exact(model), "a model").encode())


WRITERS: dict[str, Callable[[Path, CharRNN], None]] = {
    "model.safetensors": checkpoint,
    "model.q8.safetensors": exact_checkpoint,
    **{f"dump{ending}": dumped for ending in (".npz", ".safetensors", ".csv", ".jsonl")},
    "model.c": program_in_c,
    "model.h": program_in_c,
    "page.html": page,
    **{f"dump{ending}": dumped for ending in (".parquet",) if find_spec("pyarrow")},
    **{f"model{ending}": graph for ending in (".onnx",) if find_spec("onnx")},
}
"""What writes a file, by an example of its name."""


@contextlib.contextmanager
def in_small_parts() -> Iterator[None]:
    """A large text in parts of a megabyte, numbered in this process."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (opening, folders):
            patch.setattr(module, "LARGE", 1)
        for module in (shards, tasks, reading):
            patch.setattr(module, "SHARD", 1 << 20)
        for module in (shards, reading):
            patch.setattr(module, "PIECE", 1 << 16)
        patch.setattr(encoded_text, "num_processes", lambda _: 1)
        patch.setattr(stored, "SETTLED", 0.0)
        yield


def encoded(path: Path, cache: Path) -> bytes:
    """The ids of a text that is encoded into a cache."""
    with in_small_parts():
        return read_corpus([file_source(path)], CorpusConfig(), cache=cache).ids.tobytes()


def write_text(path: Path) -> None:
    """A text of some megabytes."""
    path.write_text(make_text(10_000) * 250, encoding="utf-8")
