"""Text, names and models of strangers go through every command, into every form of output: nothing of them acts."""

import contextlib
import csv
import json
import re
import shutil
import sqlite3
import unicodedata
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from commands import HOSTILE, LINES, NEEDED, ODD, TINY, commands, odd_folder, options_that_write
from helpers import call_charrnn, run_on_terminal
from safetensors.numpy import load_file

import charrnn

COLORS = re.compile(r"\x1b\[(?!8m)[0-9;]*m")
"""The program's own sequences on a terminal; 8 hides what follows, and is a stranger's."""
OF_A_BAR = re.compile(r"\r|\x1b\[A")
HAVE_BARS = ("train", "compare", "sweep")
SERVES = """
import charrnn.web.server
charrnn.web.server.Server.serve_forever = lambda self: None
from charrnn.cli.app import main
main()
"""


def acting(text):
    """The characters of a text that act on a terminal: controls, directions of writing, half characters."""
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return {c for c in text if unicodedata.category(c) in kinds} - {*"\n\t\u200c\u200d"}


def test_every_command_has_lines():
    assert [name for name, _, _ in commands()] == sorted(
        LINES, key=[n for n, *_ in commands()].index
    )
    assert all(LINES.values())


def test_every_option_that_writes_is_in_a_line():
    for name, function, changes in commands():
        if name == "runs":
            continue
        typed = {word for line in LINES[name] for word in line}
        for flags in options_that_write(function, changes):
            assert typed & {*flags}, f"charrnn {name} {flags[0]} has no line in tests/commands.py"


IN_FULL = ("sample", "convert", "visualize", "export", "inspect")


def marks_of(name, k):
    """Those of the k-th line of a command."""
    missing = [NEEDED[word] for word in LINES[name][k] if word in NEEDED]
    missing = [package for package in missing if not find_spec(package)]
    skipped = [pytest.mark.skip(reason=f"{package} is not installed") for package in missing]
    return skipped + [pytest.mark.long] * (k > 0 and name not in IN_FULL)


EVERY = [
    pytest.param(line, id=f"{name} {k}", marks=marks_of(name, k))
    for name in LINES
    for k, line in enumerate(LINES[name])
]
"""Every line; always the first of each command, and those that write text in many forms."""


@pytest.mark.parametrize("line", EVERY)
def test_no_text_acts_on_a_terminal_or_in_a_file(line, tmp_path, tmp_path_factory):
    folder = "plain" if "--mlflow" in line else ODD  # MLflow itself needs a path without quotes
    place = odd_folder(tmp_path_factory, tmp_path / folder)
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    typed = ("-c", SERVES, *line) if line[0] == "serve" else line
    seen = COLORS.sub("", run_on_terminal(*typed, cwd=place, both=True))
    if line[0] in HAVE_BARS:
        seen = OF_A_BAR.sub("", seen)
    assert not acting(seen), seen
    written = [p for p in place.rglob("*") if before.get(p) != p.stat().st_mtime_ns and p.is_file()]
    for path in written:
        CHECKS[EVENTS if path.name.startswith(EVENTS) else path.suffix](path)
    assert written or not any(str(word).startswith(("--svg", "--dump", "--html")) for word in line)


# --- files --------------------------------------------------------------------------------------------------------


def is_svg(path):
    for element in ET.fromstring(path.read_bytes()).iter():
        assert element.tag.rpartition("}")[2] not in ("script", "foreignObject", "image", "a")
        assert not [name for name in element.attrib if name.startswith("on")]


class Page(HTMLParser):
    """The elements of a page, and the source of its scripts."""

    def __init__(self):
        super().__init__()
        self.sources, self.is_code = [], False

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        assert tag not in ("img", "object", "embed", "base")
        assert not [name for name in given if name.startswith("on")]
        self.is_code = tag == "script" and given.get("type") != "application/json"

    def handle_data(self, data):
        if self.is_code:
            self.sources.append(data)


def is_page(path):
    page = Page()
    page.feed(path.read_text("utf-8"))
    assert page.sources
    assert not any("hacked" in source or source == "own" for source in page.sources)


def is_table(path):
    with path.open(encoding="utf-8", newline="") as file:
        rows = [*csv.reader(file, strict=True)]
    assert len({len(row) for row in rows}) == 1
    cells = {cell for row in rows for cell in row if len(cell) > 1}
    assert not [c for c in cells if c[0] in "=@\t\r" or (c[0] in "+-" and not is_number(c))]


def is_number(text):
    return re.fullmatch(r"[+-]?([0-9.]+(e[+-]?[0-9]+)?|inf|nan)", text)


def is_json(path):
    data = path.read_bytes()
    assert data.isascii()
    assert not acting(data.decode())
    lines = data.splitlines() if path.suffix == ".jsonl" else [data]
    for line in lines:
        json.loads(line)


def has_no_pickle(path):
    with np.load(path, allow_pickle=False) as arrays:
        assert [arrays[name] for name in arrays]


def is_source(path):
    source = path.read_bytes()
    assert source.isascii()
    assert not acting(source.decode())
    assert b"*/ " not in source.replace(b"*/ \n", b"")


def is_graph(path):
    import onnx

    model = onnx.load(path)
    onnx.checker.check_model(model)
    names = [n.name for n in model.graph.initializer] + [p.value for p in model.metadata_props]
    assert all(name.isascii() and name.isprintable() for name in names)


def is_plain(path):
    text = path.read_text("utf-8")
    assert not acting(text), text


def is_log(path):
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    with TemporaryDirectory() as folder:  # it reads no path that is not UTF-8
        copied = shutil.copy(path, Path(folder) / "log")
        texts = [
            text.decode()
            for event in EventFileLoader(str(copied)).Load()
            for value in event.summary.value
            for text in value.tensor.string_val
        ]
    assert texts
    assert not any(map(acting, texts))


def is_database(path):
    with contextlib.closing(sqlite3.connect(path)) as store:
        tables = store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        cells = [
            cell
            for (table,) in tables
            for row in store.execute(f'SELECT * FROM "{table}"')
            for cell in row
            if isinstance(cell, str)
        ]
    assert cells
    assert not any(map(acting, cells))


def has_rows(path):
    from pyarrow import parquet

    with path.open("rb") as file:
        assert parquet.read_table(file).num_rows


def is_picture(path):
    assert path.read_bytes().startswith(b"\x89PNG")


def is_anything(path):
    """A file of charrnn's own, with a content of numbers."""


EVENTS = "events.out.tfevents"
"""The beginning of the name of a log of TensorBoard."""
CHECKS = {
    EVENTS: is_log,
    ".db": is_database,
    ".lock": is_anything,
    ".svg": is_svg,
    ".html": is_page,
    ".csv": is_table,
    ".json": is_json,
    ".jsonl": is_json,
    ".npz": has_no_pickle,
    ".safetensors": load_file,
    ".c": is_source,
    ".h": is_source,
    ".onnx": is_graph,
    ".md": is_plain,
    ".yml": is_plain,
    ".dict": is_plain,
    ".hdf5": is_anything,
    ".log": is_plain,
    ".parquet": has_rows,
    ".png": is_picture,
    "": is_anything,
}
"""What a file must be, by its ending; a file of another form has no check yet."""


def test_fault_52_control_characters_are_trained_on_as_they_are_and_shown_escaped(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "text.txt").write_text(HOSTILE * 30, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    result = call_charrnn(capsys, "train", "text.txt", *TINY, "--eval-every", 1, "--name", "odd")
    assert not acting(result.out + result.err)
    known = charrnn.load("odd").vocabulary
    assert not known.missing(HOSTILE)
