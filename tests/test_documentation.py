"""Every command and every piece of Python in the README and on the site works; the reference is complete."""

import dataclasses
import importlib.util
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
import urllib.request
import warnings
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from helpers import CLEAN, made_once, make_text, own_signals, prepared_server, run_charrnn

from charrnn.network.cells import CELLS
from charrnn.settings import settings_of

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = {str(path.relative_to(ROOT)): path for path in (README, *sorted(DOCS.rglob("*.md")))}
LIKE_PLAYS = ("plays-lstm", "plays-gru", "excerpt", "python")
"""The runs that the pages name, beside plays, hello and names."""

UNITS = 96
"""Units of these runs' layers; of larger numbers on the pages the last two digits count."""


def blocks(page):
    """The language and text of each fenced block of a page."""
    text = PAGES[page].read_text(encoding="utf-8")
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(page):
    """What a reader types, in order: ("shell", line) or ("python", code)."""
    for language, body in blocks(page):
        if language == "python":
            yield "python", body
        elif language == "console":
            shown = [line for line in body.splitlines() if line.startswith("$ ")]
            yield from (("shell", line.removeprefix("$ ")) for line in shown)
        elif language == "sh":
            yield from (("shell", line) for line in body.splitlines() if line)


# --- everything that is shown works ---------------------------------------------------------------


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    return made_once(tmp_path_factory, "reader", fill)


def fill(folder):
    """Make what a reader of the pages has: texts, and runs trained before."""
    for name in ("corpus.txt", "book.txt", "part1.txt", "part2.txt", "excerpt.txt"):
        (folder / name).write_text(make_text(2500), encoding="utf-8")
    (folder / "src").mkdir()
    (folder / "src" / "a.py").write_text(make_text(2500), encoding="utf-8")
    (folder / "hello.txt").write_text("hello", encoding="utf-8")
    (folder / "latin.txt").write_text(make_text(2500) + "déjà vu\n" * 9, encoding="cp1252")
    jokes = [f"Why {k}?\nBecause {k}." for k in range(99)]
    (folder / "tune.mid").write_bytes(bytes((0x00, 0x90, 0x3C, 0x50, 0x81, 0x70)) * 900)
    (folder / "recipes.txt").write_text("\n\n%%\n\n".join(jokes), encoding="utf-8")
    (folder / "tweets").mkdir()
    for number, joke in enumerate(jokes):
        (folder / "tweets" / f"{number}.txt").write_text(joke, encoding="utf-8")
    rows = "".join(f'{number},"{joke}"\n' for number, joke in enumerate(jokes))
    (folder / "jokes.csv").write_text("id,joke\n" + rows, encoding="utf-8")
    lines = "".join(json.dumps({"message": {"text": joke}}) + "\n" for joke in jokes)
    (folder / "chat.jsonl").write_text(lines, encoding="utf-8")
    make_tables(folder, jokes)
    (folder / "names.txt").write_text("ada\nmarie\ngrace\n" * 9, encoding="utf-8")
    request = '192.0.2.7 - - [12/Mar/2024:00:00:{:02}] "GET /items/{} HTTP/1.1" 200 77\n'
    requests = "".join(request.format(k % 60, k) for k in range(99))
    (folder / "access.log").write_text(requests, encoding="utf-8")
    (folder / "sizes.toml").write_text(SIZES)
    (folder / "plays.txt").write_text("".join(map(chr, range(32, 127))) + "\n" + make_text(2500))
    for run, *shape in (
        ("plays", "--hidden-size", UNITS, "--layers", 2),
        ("hello", "--hidden-size", 3, "--val-fraction", 0),
        ("names", "--hidden-size", 16, "--lines"),
    ):
        options = (*BRIEFLY.split(), *shape, "--name", run, "--steps", 3, "-q")
        run_charrnn("train", f"{run}.txt", *options, cwd=folder)
    for twin in LIKE_PLAYS:
        shutil.copytree(folder / "checkpoints" / "plays", folder / "checkpoints" / twin)
    shutil.copy(folder / "checkpoints" / "plays" / "best.safetensors", folder / "plays.safetensors")
    (folder / "code.py").write_text(
        'def f(A):\n    """One."""\n    return A[0]  # or (b)\n\n\n' * 40
    )
    (folder / "short.py").write_text((folder / "code.py").read_text()[:300])
    kinds = [f"{kind} {k}\t{kind}\n" for k in range(40) for kind in ("code", "prose")]
    (folder / "kinds.tsv").write_text("".join(kinds))
    name_units(folder / "checkpoints" / "python" / "best.safetensors")
    (folder / "code.txt").write_text("return A[0]\n" * 300)
    (folder / "prose.txt").write_text("Return the first of them.\n" * 150)


def make_tables(folder, jokes):
    """Make a Parquet table, and a dataset as `datasets` saves it, where pyarrow is installed."""
    if not find_spec("pyarrow"):
        return
    import pyarrow as pa
    from pyarrow import ipc, parquet

    table = pa.table({"id": range(len(jokes)), "text": jokes})
    parquet.write_table(table, folder / "stories.parquet")
    (folder / "dataset").mkdir()
    with ipc.new_stream(folder / "dataset" / "data.arrow", table.schema) as writer:
        writer.write_table(table)
    (folder / "dataset" / "dataset_info.json").write_text("{}")
    (folder / "dataset" / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}')


SIZES = """corpus = "plays.txt"
seeds = [1, 2]
[settings]
steps = 2
hidden-size = 8
batch-size = 4
sequence-length = 16
precision = "float32"
test-fraction = 0.1
"""
"""A sweep that takes moments; that of the page takes minutes."""


def name_units(path):
    """Give a unit the name that the pages find for it, and make the file to steer by it."""
    from charrnn.checkpoint import load_checkpoint
    from charrnn.interpret.names import names_file
    from charrnn.interpret.steering import Steering, save_steering
    from charrnn.interpret.units import Unit

    named = {"unit": "L1.c.67", "name": "inside brackets", "score": 0.93, "sign": -1}
    fingerprint = load_checkpoint(path).model.fingerprint
    names_file(path).write_text(json.dumps({"fingerprint": fingerprint, "units": [named]}))
    unit = Unit(1, "c", 67)
    steering = Steering("clamp", named["name"], fingerprint, (unit,), (-1.4,), (0.3,))
    save_steering(steering, path.parents[2] / "brackets.json")


def make_unfinished_run(folder):
    """A run of corpus.txt that was stopped: its plan asks for one step more than it has made."""
    from charrnn.checkpoint import load_checkpoint, save_checkpoint

    last = folder / "checkpoints" / "corpus" / "last.safetensors"
    shutil.rmtree(last.parent, ignore_errors=True)
    options = (*BRIEFLY.split(), "--name", "corpus", "--hidden-size", 16, "--steps", 2, "-q")
    run_charrnn("train", "corpus.txt", *options, cwd=folder)
    checkpoint = load_checkpoint(last)
    training = {**checkpoint.run["training"], "steps": 3}
    run = {**checkpoint.run, "training": training}
    save_checkpoint(last, dataclasses.replace(checkpoint, run=run))


@pytest.fixture
def place(prepared, tmp_path):
    """A copy of that folder, so that a page cannot rest on what another one leaves."""
    return shutil.copytree(prepared, tmp_path / "reader", copy_function=os.link)


NEEDS = {
    "--png": "matplotlib",
    "gates.svg": "matplotlib",
    "context.svg": "matplotlib",
    "curve.svg": "matplotlib",
    "--tensorboard": "tensorboard",
    "--mlflow": "mlflow",
    ".parquet": "pyarrow",
    "train dataset": "pyarrow",
    "--lstmvis": "h5py",
    "charrnn probe": "sklearn",
    "interpret.probing": "sklearn",
    "charrnn compress": "constriction",
    "charrnn decompress": "constriction",
    "charrnn.compress": "constriction",
    "import pandas": "pandas",
    "import polars": "polars",
}
"""What only an extra installs, or is for others to install, by what needs it."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [page for page in PAGES if [*commands(page)]])
def test_what_a_page_shows_works(page, place, monkeypatch, subtests):
    monkeypatch.chdir(place)
    for kind, text in commands(page):
        with subtests.test(text=text):
            for sign, module in NEEDS.items():
                if sign in text and not find_spec(module):
                    pytest.skip(f"{module} is not installed")
            if "--device cuda" in text and not has_gpu():
                pytest.skip("there is no CUDA GPU")
            if kind == "python":
                run_python(text)
            else:
                run_shell(text, place)


def has_gpu():
    """Whether torch finds a CUDA GPU."""
    import torch

    return torch.cuda.is_available()


def run_python(code):
    """Run a piece of Python in this process, where warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code = code.replace("range(36500), 20000", "range(36500), 500")  # pairs
        code = re.sub(r"\bsteps=\d+", "steps=2, batch_size=4, sequence_length=16", code)
        exec(compile(code, "<documentation>", "exec"), {"__name__": "__main__"})


def run_shell(line, place):
    """Run a line in a shell, with `charrnn` in its path."""
    if "pip install" in line:
        line = " && ".join(part for part in line.split(" && ") if "charrnn " in part)
    line = line.replace(".venv/bin/", "")
    if line.startswith("charrnn serve"):
        require_served(line, place)
        return
    if "--resume" in line:
        make_unfinished_run(place)
    env = CLEAN | {"COLUMNS": "80", "PAGER": "cat"}
    env["PATH"] = os.pathsep.join([str(prepared_server().program.parent), CLEAN["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", shortened(line)],
        cwd=place,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    closed_pipe = "| head" in line and done.returncode == 141
    assert done.returncode == 0 or closed_pipe, done
    assert "Traceback" not in done.stderr


BRIEFLY = "--batch-size 4 --sequence-length 16 --max-chars 20000 --precision float32"


def shortened(line):
    """A line that takes moments instead of minutes: a training run ends at the first limit that is reached.

    Where the line has such an option of its own, that one counts: what comes last wins.
    """
    line = re.sub(r"(?<=\bL[01]\.[ch]\.)\d(?=\d\d\b)", "", line)
    line = re.sub(r"(charrnn sample )(?=[^|]*--infill)", r"\1--beam 16 ", line)
    line = line.replace(" --length 5000", " --length 1500").replace(
        " --seeds 1,2,3", " --seeds 1,2"
    )
    line = re.sub(r" --length \d+(?= .*--best-of)", " --length 40", line)
    line = line.replace(" --max-chars 100000", " --max-chars 10000")
    line = re.sub(r" --max-chars \d000\b(?=.*--context)", " --max-chars 600", line)
    line = re.sub(r"(dates\.tsv) --max-chars \d+", r"\1 --max-chars 300", line)
    line = re.sub(r"(compare .*--cells (?:\w+,){3}.*) --seeds [\d,]+", r"\1 --seeds 1", line)
    exact = re.search(r"compress (\w+\.txt) --model \S+\.q8\.", line)
    if exact:  # whole numbers take their time
        line = f"head -c 400 {exact[1]} > part && mv part {exact[1]} && {line}"
    if "--gradient rtrl" in line:  # of one stream
        line = re.sub(r"(?<= -c \d)000\b", "00", line)
        line = re.sub(r"--hidden-size \d+ ", "", line)
        small = "" if "--resume" in line else " --hidden-size 4 --embedding-size 4"
        line = re.sub(r" --minutes [\d.]+", " --steps 2 --max-chars 300 --sequence-length 8", line)
        return line.replace("--gradient rtrl", f"--gradient rtrl{small}")
    if "--resume" in line:
        return re.sub(r" --minutes [\d.]+", " --steps 5", line)
    pattern = r"(charrnn (?:train|compare) )((?:(?!\||;|&&| >).)*[^\s|;&>])"
    briefly = BRIEFLY
    if not re.search(r" --(hidden-size|parameters|init-from)\b", line):
        briefly += " --hidden-size 16"
    if "--pairs" in line:
        briefly = briefly.replace("20000", "4000")
    line = re.sub(pattern, rf"\1{briefly} \2 --steps 2", line)
    if "--vectors" in line:  # which are as many as the lines
        line = re.sub(r"--max-chars \d+ ", "", line)
    line = re.sub(r" --minutes [\d.]+", "", line)  # which would be measured
    line = re.sub(r"(charrnn units .*--ablate .*)", r"\1 --max-chars 1500 --sets 2", line)
    line = re.sub(
        r"(charrnn units .*) --save-steer \S+", r"\1", line
    )  # an untrained unit proves nothing
    line = re.sub(r"(charrnn direction .*)", r"\1 --samples 2 --random 1 --length 20", line)
    line = re.sub(
        r"(charrnn units)(?=[^|]*python)(?![^|]*--(?:card|ablate|patch))", r"\1 --networks 2", line
    )
    line = line.replace("charrnn probe python --concept", "charrnn probe python code.py --concept")
    line = line.replace(
        "python code.py --adapt --adapt-search", "names code.py --adapt --adapt-search"
    )
    line = re.sub(r"python code.py (?=--adapt)", "python short.py ", line)
    line = line.replace("--adapt code.py", "--adapt short.py")
    line = line.replace("units python --ablate top", "units python code.py --ablate top")
    line = re.sub(
        r"(charrnn context(?! [^|]*--max-chars)[^|;&>]*)", r"\1 --max-chars 3000 --windows 50", line
    )
    return re.sub(r" --parameters \d+", " --parameters 20000", line)


def require_served(line, place):
    """Start a command that ends only with Ctrl-C, ask for the page at the address that it prints, and end it."""
    path = str(Path(sys.executable).parent) + os.pathsep + CLEAN["PATH"]
    options = {"cwd": place, "env": CLEAN | {"PATH": path}, "stdout": subprocess.PIPE, "text": True}
    started = ["bash", "-euc", f"exec {line} --no-open"]
    with subprocess.Popen(started, **options, preexec_fn=own_signals) as process:
        try:
            address = process.stdout.readline().strip()
            with urllib.request.urlopen(address, timeout=60) as page:
                assert b'id="live-text"' in page.read()
        finally:
            process.send_signal(signal.SIGINT)
    assert process.returncode == -signal.SIGINT


@pytest.mark.parametrize(
    "spec", [b for language, b in blocks("docs/how-to/sweeping.md") if language == "toml"]
)
def test_a_sweep_that_is_shown_can_be_read(spec, tmp_path):
    from charrnn.cli.sweep.spec import read_spec

    path = tmp_path / "sizes.toml"
    path.write_text(spec, encoding="utf-8")
    assert len(read_spec(path).runs) > 1


# --- the README -----------------------------------------------------------------------------------


def test_the_readme_is_short_and_its_two_commands_install():
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    installs = [line for kind, line in commands("README.md") if "pip install" in line]
    assert len(installs) == 2
    assert "charrnn train" in installs[0]
    assert "charrnn sample" in installs[0]
    assert "-m pytest" in installs[1]
    assert "-m pytest" in (ROOT / ".ci" / "run").read_text()


def test_links_of_the_readme_lead_to_files():
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", README.read_text(encoding="utf-8"))
    inside = [target for target in targets if "://" not in target]
    assert inside
    assert [target for target in inside if not (ROOT / target).exists()] == []


def test_line_counts_of_the_guide_for_contributors_are_true_to_a_tenth():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    counts = re.findall(r"`(charrnn/[\w/]+\.py)`(?: \(|, has )(\d+) lines", text)
    assert len(counts) == 8
    for path, count in counts:
        assert len((ROOT / path).read_text(encoding="utf-8").splitlines()) == pytest.approx(
            int(count), rel=0.1
        )


def test_every_cell_has_a_section_and_a_row():
    text = (DOCS / "explanation" / "cells.md").read_text(encoding="utf-8")
    assert re.findall(r"^```\{charrnn-cell\} (\w+)$", text, re.MULTILINE) == list(CELLS)
    assert re.findall(r"^\| `(\w+)` \| \[", text, re.MULTILINE) == list(CELLS)


def test_the_version_is_the_same_everywhere():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert f"version: {pyproject['project']['version']}\n" in citation


# --- pictures -------------------------------------------------------------------------------------

PICTURE = re.compile(r"^```console\n([^`]*)```\n\n!\[[^]\n]+\]\(([^)]+)\)$", re.MULTILINE)
DRAWN = {
    (block.splitlines()[-1].removeprefix("$ "), (path.parent / picture).resolve())
    for path in PAGES.values()
    for block, picture in PICTURE.findall(path.read_text(encoding="utf-8"))
    if picture.endswith(".svg") and "--svg" in block
}


def test_every_picture_is_shown_below_the_command_that_draws_it():
    drawn = {picture for _, picture in DRAWN}
    assert drawn == set((DOCS / "pictures").glob("*.svg"))


@pytest.mark.parametrize(("line", "picture"), sorted(DRAWN), ids=lambda value: Path(value).stem)
def test_a_picture_is_what_its_command_draws(line, picture):
    from xml.etree import ElementTree as ET

    words = shlex.split(line)
    options = dict(itertools.pairwise(words))
    assert options["--svg"] == picture.name
    elements = ET.parse(picture).getroot().iter("{http://www.w3.org/2000/svg}text")
    title, *rows = ["".join(element.itertext()) for element in elements]
    if words[1] == "gates":
        assert {"gate i", "gate f", "gate o"} < {title, *rows}
    elif words[1] == "gradients":
        assert title == "gradient descent on a loss with a cliff"
        assert "the norm of its gradient" in "".join(rows)
    elif words[1] == "context":
        assert any(
            re.match(r"context length [\d,]+: within 1 % of the bits with 256 characters", row)
            for row in rows
        )
    else:
        assert options.get("--unit", "").split(".")[0] in title
        shown = "".join(rows)
        assert Path(words[3]).suffix in (".txt", ".py") or words[3] in shown
        assert len(shown) > int(options.get("--max-chars", 0))


# --- the reference --------------------------------------------------------------------------------


@cache
def reference():
    """The module that writes the reference, which the site's extension imports too."""
    place = DOCS / "_ext" / "reference_text.py"
    spec = importlib.util.spec_from_file_location("reference_text", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def sections():
    """The reference of each command, by its name."""
    parts = re.split(r"^### charrnn (.+)$", reference().command_reference(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize(("name", "command"), list(reference().commands()))
def test_every_option_of_a_command_is_in_the_reference_with_its_help(name, command):
    described = dict(
        re.findall(r"^```\{option\} (.+)\n\n(.+)\n```$", sections()[name], re.MULTILINE)
    )
    signatures = [set(re.findall(r"--?[a-z][\w-]*", signature)) for signature in described]
    for option in reference().options(command):
        assert {*option.opts, *option.secondary_opts} in signatures
        assert option.help
    assert len(described) == len(reference().options(command))
    assert command.help


def test_every_setting_is_in_the_reference_with_its_meaning():
    text = reference().setting_reference()
    for cls in reference().config_classes():
        section = text.split(f"## {cls.__name__}\n", 1)[1].split("\n## ", 1)[0]
        rows = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", section, re.MULTILINE))
        assert list(rows) == list(settings_of(cls))
        assert all(meaning.strip() for meaning in rows.values()), rows
