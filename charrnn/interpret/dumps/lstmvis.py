"""A folder that LSTMVis opens (Strobelt et al. 2018, https://github.com/HendrikStrobelt/LSTMVis, version 2).

Three things differ from a dump, because LSTMVis wants them so. Its dictionary is split at white space, so that a blank,
a newline and a tab have stand-ins that can be seen. It finds units that are at or above a threshold, and none below:
each unit is therefore there twice, as max(x, 0) at its own number k and as max(-x, 0) at H + k. And it squashes what it
shows with tanh, unless `transform` says otherwise; but its search compares with arctanh of the threshold all the same,
so that the default is kept for everything, and the two agree.
"""

import contextlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.errors import EnvironmentFault
from charrnn.files import environment_fault
from charrnn.interpret.dumps.arrays import Region
from charrnn.interpret.dumps.header import Spec
from charrnn.interpret.dumps.writing import Watch
from charrnn.interpret.recording import RecordedModel, Recording, record_parts
from charrnn.model import CharRNN
from charrnn.temporaries import temporary_folder

STATES_FILE, TEXT_FILE = "states.hdf5", "train.hdf5"
WORDS_FILE, CONFIG_FILE = "words.dict", "lstm.yml"
STAND_INS = {" ": "␣", "\n": "↵", "\t": "→"}
FULL_COLOR = 8
"""The surprisal in bits from which on the color is full."""
NUMBER = np.dtype("<f4")
HEADERS = 1 << 18
"""Bytes reserved beside the arrays: more than HDF5 needs."""


def write_folder(
    model: CharRNN,
    text: str,
    folder: Path,
    *,
    what: Sequence[str] | None = None,
    item_end: str | None = None,
    watched: Watch | None = None,
) -> int:
    """Read a text and write an LSTMVis project: lstm.yml, states.hdf5, train.hdf5 and words.dict.

    The folder is complete or not there. The surprisal in bits is an annotation.

    Args:
        model: the model that reads.
        text: the text to read.
        folder: the folder to make; it must be empty or not there.
        what: the states and gates to write; None writes the states.
        item_end: the character at which the state is reset, in a model of lines, records or documents.
        watched: hands the parts on; see `Watch`.

    Returns:
        The number of symbols read.

    Raises:
        DataError: the text is empty or has characters that the model does not know.
        EnvironmentFault: the folder cannot be written, or h5py is not installed.
    """
    letters = tuple(what or model.cell.states)
    parts = record_parts(model, text, keep=letters, item_end=item_end)
    length = len(model.vocabulary.points(text))
    with _making(folder) as place:
        seen = iter(watched(parts, length) if watched else parts)
        first = next(seen)
        shape = (length, model.config.num_layers, 2 * model.config.hidden_size)
        _write_arrays(place, itertools.chain([first], seen), letters, shape)
        _write_words(place / WORDS_FILE, first.next_text)
        config = _config(folder.name, first.source, letters, shape[1])
        (place / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return length


def _write_words(path: Path, symbols: Sequence[str]) -> None:
    """Write the dictionary: a word and its number on each line."""
    words = [f"{word} {symbol}\n" for symbol, word in enumerate(shown_words(symbols))]
    path.write_text("".join(words), encoding="utf-8", newline="\n")


def shown_words(symbols: Sequence[str]) -> list[str]:
    """A word without white space for each symbol, no two alike: " " -> "␣", or "U+0020" if the text has a ␣."""
    taken = set(symbols)
    return [_word(symbol, taken) for symbol in symbols]


def _word(symbol: str, taken: set[str]) -> str:
    """A word for a symbol that is not one of those taken."""
    if symbol.isprintable() and not symbol.isspace():
        return symbol
    stand_in = STAND_INS.get(symbol)
    if stand_in is None and ord(symbol) < 0x20:
        stand_in = chr(0x2400 + ord(symbol))
    return f"U+{ord(symbol):04X}" if stand_in is None or stand_in in taken else stand_in


def _path(letter: str, layer: int) -> str:
    """The name of a layer's array in states.hdf5, where layers count from 1."""
    return f"{letter}{layer + 1}"


def _config(
    name: str, source: RecordedModel, letters: Sequence[str], layers: int
) -> dict[str, Any]:
    """The content of lstm.yml. JSON is YAML too, and quotes whatever a name may have."""
    types = [
        {
            "type": "output" if letter == source.output else "state",
            "layer": layer + 1,
            "path": _path(letter, layer),
            "unsigned": True,
        }
        for letter in letters
        for layer in range(layers)
    ]
    surprisal = {
        "file": "train",
        "path": "surprisal",
        "vis": {"type": "scalar", "range": [0, FULL_COLOR]},
    }
    return {
        "name": name,
        "description": f"charrnn {source.cell} {source.fingerprint}, by {source.level}",
        "files": {"states": STATES_FILE, "train": TEXT_FILE, "words": WORDS_FILE},
        "word_sequence": {"file": "train", "path": "word_ids", "dict_file": "words"},
        "states": {"file": "states", "types": types},
        "meta": {"surprisal": surprisal},
        "etc": {"regex_search": True},
    }


def _write_arrays(
    place: Path, parts: Iterable[Recording], letters: Sequence[str], shape: tuple[int, int, int]
) -> None:
    """Write the text and the states; `shape` is (T, L, 2H).

    HDF5 only makes room for the arrays: if it wrote them itself, a full disk would end the process.
    """
    T, L, width = shape
    layers = [(letter, layer) for letter in letters for layer in range(L)]
    specs = {"word_ids": Spec(np.dtype("<i4"), (T,)), "surprisal": Spec(NUMBER, (T,))}
    in_text = _make_room(place / TEXT_FILE, specs)
    rows = Spec(NUMBER, (T, width))
    in_states = _make_room(place / STATES_FILE, {_path(*own): rows for own in layers})
    with (place / STATES_FILE).open("r+b") as states, (place / TEXT_FILE).open("r+b") as text:
        for part in parts:
            in_text["word_ids"].append(text, part.ids, specs["word_ids"].dtype)
            in_text["surprisal"].append(text, part.surprisal, NUMBER)
            for letter, layer in layers:
                values = part.arrays[letter][:, layer]
                both = np.maximum(np.hstack([values, -values]), 0)
                in_states[_path(letter, layer)].append(states, both, NUMBER)


def _make_room(path: Path, specs: Mapping[str, Spec]) -> dict[str, Region]:
    """Make an HDF5 file with arrays of these types and shapes, not yet filled; return the place of each."""
    from h5py import File, h5d, h5p, h5s, h5t

    path.write_bytes(bytes(HEADERS))  # there is room for what HDF5 writes itself
    how = h5p.create(h5p.DATASET_CREATE)
    how.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    how.set_fill_time(h5d.FILL_TIME_NEVER)
    regions = {}
    with File(path, "w") as file:
        for name, (dtype, shape) in specs.items():
            kind, space = h5t.py_create(dtype), h5s.create_simple(shape)
            array = h5d.create(file.id, name.encode(), kind, space, how)
            regions[name] = Region(array.get_offset(), specs[name].num_bytes)
    return regions


@contextlib.contextmanager
def _making(folder: Path) -> Iterator[Path]:
    """A folder to fill, which takes its name when the block ends without an error."""
    try:
        import h5py  # noqa: F401 (only whether it is there)
    except ModuleNotFoundError as error:
        raise EnvironmentFault(
            "a folder for LSTMVis needs h5py, which is not installed",
            "pip install h5py",
        ) from error
    folder = folder.resolve()
    try:
        with temporary_folder(folder) as temporary:
            yield temporary
            temporary.replace(folder)
    except OSError as error:  # h5py has the system's reason in the midst of its own
        known = OSError(error.errno, os.strerror(error.errno)) if error.errno else error
        raise environment_fault("write", folder, known) from error
