"""What models make of held-out text, beside programs that compress any file, as tables in Markdown.

    pip install constriction brotli pyppmd zstandard     # those that are missing are named and left out
    python benchmarks/compression.py plays python emma names
    python benchmarks/compression.py plays --file novel.txt

The text of a model is what was held out of its corpus for testing, of which it has seen nothing (`charrnn train
--test-fraction 0.1`), or else its validation text, on which the weight of its counts was fitted; or a file. Every
program is run at its strongest usual setting, and every result is decompressed again and compared.

A model has seen its training text. For a fair comparison every program is also given that text first: what counts is how
much longer its output is than that of the training text alone.

With the model: the size of the model's file, without training state, or of what the program makes of both texts, is
added. The last table holds each model to what `charrnn evaluate --streams 1` claims for the text, for all of its known
characters but the first. Seconds are of processor time.
"""

import argparse
import bz2
import gzip
import importlib
import lzma
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from charrnn.api import load
from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.cli.own_corpus import read_own_corpus
from charrnn.compression.compress import compress, decompress, machine
from charrnn.compression.container import unpack
from charrnn.counts.mixed_model import MixedModel
from charrnn.evaluation.evaluate import evaluate
from charrnn.runs import find_checkpoint
from charrnn.text.kinds import item_end_of

Both = tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]
"""A way to compress, and its inverse."""
PPMD_MEMORY = 512 << 20
SAMPLE = 4096
"""Bytes of the pieces of a training text from which zstd makes a dictionary."""
DICTIONARY = 112_640
"""Bytes of that dictionary: the usual number."""
AFTER = ", training text first"


@dataclass(frozen=True)
class Text:
    """A text to compress."""

    name: str
    loaded: Checkpoint
    content: bytes
    part: str
    """Which text it is."""
    before: bytes = b""
    """The training text, which the model has seen."""

    @property
    def length(self) -> int:
        """Characters."""
        return len(self.content.decode("utf-8", "surrogateescape"))


@dataclass(frozen=True)
class Size:
    """The bytes of a compressed text, and of it with the model that it needs."""

    alone: int
    with_model: int | None = None


@dataclass(frozen=True)
class Proof:
    """What a model claims for a text, and what it comes to."""

    model: str
    header: int
    bits: int
    """Bits of the file beside its header."""
    claimed: float
    unknown: int
    """Characters of the text that the model does not know, for which it claims nothing."""
    speeds: tuple[float, float]
    """Bytes per second, there and back."""


@dataclass
class Table:
    """All results: for each text those of each program."""

    texts: list[Text] = field(default_factory=list)
    sizes: list[dict[str, Size]] = field(default_factory=list)
    proofs: list[list[Proof]] = field(default_factory=list)


# --- programs ---------------------------------------------------------------------------------------------------------


def of_python() -> dict[str, Both]:
    """The programs whose formats are in Python's own library."""
    return {
        "gzip -9": (lambda text: gzip.compress(text, 9, mtime=0), gzip.decompress),
        "bzip2 -9": (lambda text: bz2.compress(text, 9), bz2.decompress),
        "xz -9e": (
            lambda text: lzma.compress(text, preset=9 | lzma.PRESET_EXTREME),
            lzma.decompress,
        ),
    }


def of_packages() -> Iterator[tuple[str, Both | None]]:
    """The others, or None for each whose package is not installed."""
    for package, made in (("zstandard", _zstd), ("brotli", _brotli), ("pyppmd", _ppmd)):
        try:
            yield from made(importlib.import_module(package)).items()
        except ModuleNotFoundError:
            yield package, None


def _zstd(package: Any) -> dict[str, Both]:
    compressor = package.ZstdCompressor(level=22)
    return {"zstd --ultra -22": (compressor.compress, package.ZstdDecompressor().decompress)}


def _brotli(package: Any) -> dict[str, Both]:
    def compress_text(text: bytes) -> bytes:
        packed: bytes = package.compress(text, mode=package.MODE_TEXT, quality=11, lgwin=24)
        return packed

    return {"brotli -q 11 -w 24": (compress_text, package.decompress)}


def _ppmd(package: Any) -> dict[str, Both]:
    def both(order: int) -> Both:
        settings = {"max_order": order, "mem_size": PPMD_MEMORY}
        return partial(package.compress, **settings), partial(package.decompress, **settings)

    return {f"ppmd (variant I), order {order}": both(order) for order in (6, 16)}


def size_by(both: Both, text: bytes, program: str) -> int:
    """The bytes that a program makes of a text, which must come back."""
    packed = both[0](text)
    require_same(both[1](packed), text, program)
    return len(packed)


def sizes_by_programs(text: Text) -> Iterator[tuple[str, Size]]:
    """What each program makes of a text, and last what it makes of it after the training text."""
    programs = [*of_python().items(), *of_packages()]
    there = [(name, both) for name, both in programs if both is not None]
    for name in sorted({name for name, _ in programs} - {name for name, _ in there}):
        print(f"  {name} is not installed", file=sys.stderr)
    for name, both in there:
        yield name, Size(size_by(both, text.content, name))
    for name, both in there if text.before else ():
        whole = size_by(both, text.before + text.content, name)
        yield name + AFTER, Size(whole - len(both[0](text.before)), whole)
    if text.before:
        yield from _by_dictionary(text)


def _by_dictionary(text: Text) -> Iterator[tuple[str, Size]]:
    """What zstd makes of a text with a dictionary that it made of the training text."""
    try:
        package: Any = importlib.import_module("zstandard")
    except ModuleNotFoundError:
        return
    pieces = [text.before[k : k + SAMPLE] for k in range(0, len(text.before), SAMPLE)]
    dictionary = package.train_dictionary(min(DICTIONARY, len(text.before) // 8), pieces)
    both = (
        package.ZstdCompressor(level=22, dict_data=dictionary).compress,
        package.ZstdDecompressor(dict_data=dictionary).decompress,
    )
    name = "zstd --ultra -22, dictionary of the training text"
    size = size_by(both, text.content, name)
    yield name, Size(size, size + len(dictionary))


# --- models -----------------------------------------------------------------------------------------------------------


def text_of(name: str, file: Path | None, most: int | None) -> Text:
    """The text that a model compresses."""
    loaded = load_checkpoint(find_checkpoint(name))
    if file is not None:
        return Text(name, loaded, file.read_bytes()[:most], str(file))
    corpus = read_own_corpus(loaded, hint="name a text with --file")
    part = "test" if len(corpus.test) > 1 else "val"
    decode = corpus.vocabulary.decode
    content = decode(getattr(corpus, part)[:most]).encode()
    return Text(name, loaded, content, f"its {part} text", decode(corpus.train).encode())


def models_of(text: Text) -> Iterator[tuple[str, Any, Checkpoint]]:
    """The network alone, and with its counts if it has any, each as it is stored."""
    network, alone = load(text.name), replace(text.loaded, training={}, counts=None)
    yield "charrnn, network alone", network, alone
    if text.loaded.counts:
        counted = replace(text.loaded, training={})
        yield "charrnn, with counts", MixedModel(network, text.loaded.counts), counted


def size_of_model(stored: Checkpoint) -> int:
    """Bytes of a model's file."""
    with tempfile.TemporaryDirectory() as folder:
        return save_checkpoint(Path(folder) / "model.safetensors", stored)


def timed(function: Callable[..., bytes], *given: Any) -> tuple[bytes, float]:
    """What a function returns, and the seconds of processor time that it took."""
    start = time.process_time()
    made = function(*given)
    return made, max(time.process_time() - start, 1e-9)


def prove(title: str, model: Any, text: Text) -> tuple[int, Proof]:
    """What a model makes of a text, in bytes, held to what it claims."""
    packed, seconds = timed(compress, model, text.content)
    unpacked, seconds_back = timed(decompress, model, packed)
    require_same(unpacked, text.content, title)
    known = text.content.decode("utf-8", "surrogateescape")
    known = known.translate(dict.fromkeys(map(ord, model.vocabulary.missing(known))))
    streams = None if item_end_of(model.reading) else 1
    claim = evaluate(model, model.vocabulary.encode(known), streams=streams)
    parts, length = unpack(packed), len(text.content)
    return len(packed), Proof(
        title,
        parts.header_bytes,
        8 * len(parts.words),
        claim.total_nats / math.log(2),
        text.length - len(known),
        (length / seconds, length / seconds_back),
    )


def require_same(unpacked: bytes, text: bytes, program: str) -> None:
    """Exit unless a text came back as it was."""
    if unpacked != text:
        sys.exit(f"{program} did not give the text back")


def measure(name: str, file: Path | None, most: int | None, table: Table) -> None:
    """Add the results of a model and its text to a table, and report each."""
    text = text_of(name, file, most)
    sizes: dict[str, Size] = {}
    proofs: list[Proof] = []
    print(f"{name}: {text.part}, {len(text.content):,} bytes", file=sys.stderr)
    for program, size in sizes_by_programs(text):
        sizes[program] = size
        print(f"  {program:<56}{size.alone:>11,}", file=sys.stderr)
    for title, model, stored in models_of(text):
        alone, proof = prove(title, model, text)
        sizes[title] = Size(alone, alone + size_of_model(stored))
        proofs.append(proof)
        print(f"  {title:<56}{alone:>11,}", file=sys.stderr, flush=True)
    table.texts.append(text)
    table.sizes.append(sizes)
    table.proofs.append(proofs)


# --- tables -----------------------------------------------------------------------------------------------------------


def print_table(table: Table) -> None:
    """Print all results in Markdown."""
    heads = [f"{text.name}, {text.part}: {len(text.content):,} bytes" for text in table.texts]
    programs = list(dict.fromkeys(name for sizes in table.sizes for name in sizes))
    print("Bits per character, and how many times smaller than the text:\n")
    print_rows(["", *heads])
    for program in programs:
        print_row([program, *_cells(table, program, with_model=False)])
    print("\nThe same, and the model or the training text itself:\n")
    print_rows(["", *heads])
    for program in programs:
        if any(sizes[program].with_model for sizes in table.sizes if program in sizes):
            print_row([program, *_cells(table, program, with_model=True)])
    print("\nThe files of the models, beside what is claimed:\n")
    header = ("header, bytes", "bits beside it", "bits claimed", "more", "unknown characters")
    print_rows(["", *header, "bytes/s", "bytes/s back"])
    for text, proofs in zip(table.texts, table.proofs, strict=True):
        for proof in proofs:
            print_row([f"{text.name}: {proof.model}", *_proven(proof)])


def print_rows(head: Sequence[str]) -> None:
    """Print the head of a table."""
    print_row(head)
    print_row(["---"] * len(head))


def print_row(cells: Sequence[str]) -> None:
    """Print a row of a table."""
    print("| " + " | ".join(cells) + " |")


def _cells(table: Table, program: str, *, with_model: bool) -> Iterator[str]:
    for text, sizes in zip(table.texts, table.sizes, strict=True):
        size = sizes.get(program, Size(0))
        number = size.with_model if with_model else size.alone
        if not number:
            yield ""
            continue
        bits = 8 * number / text.length
        yield f"{bits:.{3 if bits < 10 else 1}f} ({len(text.content) / number:#.3g})"


def _proven(proof: Proof) -> Iterator[str]:
    yield str(proof.header)
    yield f"{proof.bits:,}"
    yield f"{proof.claimed:,.0f}"
    yield f"{100 * (proof.bits / proof.claimed - 1):+.3f} %"
    yield str(proof.unknown)
    yield from (f"{speed:,.0f}" for speed in proof.speeds)


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("models", nargs="+", metavar="MODEL", help="runs or .safetensors files")
    parser.add_argument("--file", type=Path, help="a text instead of the held-out text")
    parser.add_argument("--max", type=int, help="only this many characters, or bytes of a file")
    given = parser.parse_args()
    print(f"machine: {machine()}", file=sys.stderr)
    table = Table()
    for name in given.models:
        measure(name, given.file, given.max, table)
    print_table(table)


if __name__ == "__main__":
    main()
