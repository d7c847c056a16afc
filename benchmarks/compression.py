"""What a model makes of its own validation text, beside programs that compress any file.

    pip install constriction brotli pyppmd zstandard     # those that are missing are named and left out
    python benchmarks/compression.py plays python
    python benchmarks/compression.py plays --file novel.txt

The text is the part of the model's corpus that it was validated with, or a file. Every program is run at its strongest
usual setting, and every result is decompressed again and compared. `with model` adds the size of the model's file,
without training state, which is needed to decompress; the other programs need none. `claimed` is what `charrnn evaluate
--streams 1` reports for the text, for all but its first symbol. Nothing else should be running while it measures.
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
from collections.abc import Callable, Iterator
from dataclasses import replace
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
PPMD_MEMORY = 192 << 20


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

    return {"brotli -q 11": (compress_text, package.decompress)}


def _ppmd(package: Any) -> dict[str, Both]:
    def both(order: int) -> Both:
        settings = {"max_order": order, "mem_size": PPMD_MEMORY}
        return partial(package.compress, **settings), partial(package.decompress, **settings)

    return {f"ppmd (var. I), order {order}": both(order) for order in (6, 16)}


def text_of(loaded: Checkpoint, file: Path | None, most: int | None) -> bytes:
    """The text that is compressed: a file, or the validation text of a model."""
    if file is not None:
        return file.read_bytes()[:most]
    corpus = read_own_corpus(loaded, hint="name a text with --file")
    content: bytes = corpus.vocabulary.decode(corpus.val[:most]).encode()
    return content


def size_of_model(loaded: Checkpoint) -> int:
    """Bytes of the model's file without training state."""
    with tempfile.TemporaryDirectory() as folder:
        return save_checkpoint(Path(folder) / "model.safetensors", replace(loaded, training={}))


def row(name: str, size: int, text: bytes, seconds: float, with_model: int | None = None) -> None:
    """Print one result."""
    bits = 8 * size / len(text.decode("utf-8", "surrogateescape"))
    more = "" if with_model is None else f"{with_model:>13,}"
    speed = len(text) / max(seconds, 1e-9)
    print(
        f"  {name:<28}{size:>11,}{100 * size / len(text):>8.2f} %{bits:>8.3f}{more:>13}{speed:>14,.0f}"
    )


def timed(function: Callable[..., bytes], *given: Any) -> tuple[bytes, float]:
    """What a function returns, and the seconds that it took."""
    start = time.perf_counter()
    made = function(*given)
    return made, time.perf_counter() - start


def measure(name: str, file: Path | None, most: int | None) -> None:
    """Print the table of one model and text."""
    loaded = load_checkpoint(find_checkpoint(name))
    text = text_of(loaded, file, most)
    print(f"{name}: {file or 'its validation text'}, {len(text):,} bytes")
    print(f"  {'':<28}{'bytes':>11}{'':>10}{'bits/char':>8}{'with model':>13}{'bytes/s':>14}")
    programs: dict[str, Both | None] = {**of_python(), **dict(of_packages())}
    for program, both in programs.items():
        if both is None:
            print(f"  {program:<28}   not installed")
            continue
        packed, seconds = timed(both[0], text)
        require_same(both[1](packed), text, program)
        row(program, len(packed), text, seconds)
    network = load(name)
    measure_model("charrnn, network alone", network, loaded, text)
    if loaded.counts:
        measure_model("charrnn compress", MixedModel(network, loaded.counts), loaded, text)


def measure_model(title: str, model: Any, loaded: Checkpoint, text: bytes) -> None:
    """Print the rows of a model."""
    packed, seconds = timed(compress, model, text)
    unpacked, seconds_back = timed(decompress, model, packed)
    require_same(unpacked, text, "charrnn")
    row(title, len(packed), text, seconds, len(packed) + size_of_model(loaded))
    parts = unpack(packed)
    known = text.decode("utf-8", "surrogateescape")
    known = known.translate(dict.fromkeys(map(ord, model.vocabulary.missing(known))))
    streams = None if item_end_of(model.reading) else 1
    claimed = evaluate(
        model, model.vocabulary.encode(known), streams=streams
    ).total_nats / math.log(2)
    bits = 8 * len(parts.words)
    print(
        f"  header {parts.header_bytes} bytes, then {bits:,} bits; claimed {claimed:,.0f}: "
        f"{100 * (bits / claimed - 1):+.3f} %; decompressed at {len(text) / seconds_back:,.0f} bytes/s"
    )


def require_same(unpacked: bytes, text: bytes, program: str) -> None:
    """Exit unless a text came back as it was."""
    if unpacked != text:
        sys.exit(f"{program} did not give the text back")


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("models", nargs="+", metavar="MODEL", help="runs or .safetensors files")
    parser.add_argument("--file", type=Path, help="a text instead of the validation text")
    parser.add_argument("--max", type=int, help="only this many characters, or bytes of a file")
    given = parser.parse_args()
    print(f"machine: {machine()}")
    for name in given.models:
        measure(name, given.file, given.max)


if __name__ == "__main__":
    main()
