"""Every command line and every piece of Python in the README works, and its options are those of the help."""

import itertools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest
from helpers import CLEAN, made_once, make_text, own_signals, prepared_server, run_charrnn

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SHELL = [
    line for language, body in BLOCKS if language == "sh" for line in body.splitlines() if line
]
SHOWN = [
    line.removeprefix("$ ")
    for language, body in BLOCKS
    if language == "console"
    for line in body.splitlines()
    if line.startswith("$ ")
]
PYTHON = [body for language, body in BLOCKS if language == "python"]
INSTALLS = [line for line in SHELL if "pip install" in line]
FIRST = INSTALLS[0].split(" && ", 2)[2].replace(".venv/bin/", "")
"""What the first command does after installing: train and sample."""
COMMANDS = list(dict.fromkeys([FIRST, *SHOWN, *(line for line in SHELL if line not in INSTALLS)]))
LIKE_PLAYS = ("plays-lstm", "plays-gru", "excerpt", "python")
"""The runs that the README's commands name, beside plays, hello and names."""
BRIEFLY = ("--batch-size", "4", "--sequence-length", "16", "--max-chars", "20000")


@pytest.fixture(scope="session")
def readers_folder(tmp_path_factory, workplace):
    """What the README's reader has: texts, and runs trained before. Not to be changed."""
    return made_once(tmp_path_factory, "readme", lambda folder: fill(folder, workplace))


@pytest.fixture
def place(tmp_path, readers_folder):
    """A copy of the reader's folder for one command."""
    folder = tmp_path / "readme"
    shutil.copytree(readers_folder, folder)
    return folder


def fill(folder, workplace):
    for name in ("corpus.txt", "book.txt", "part1.txt", "part2.txt", "excerpt.txt"):
        (folder / name).write_text(make_text(5000), encoding="utf-8")
    (folder / "src").mkdir()
    (folder / "src" / "a.py").write_text(make_text(5000), encoding="utf-8")
    (folder / "hello.txt").write_text("hello", encoding="utf-8")
    (folder / "names.txt").write_text("ada\nmarie\ngrace\n" * 9, encoding="utf-8")
    (folder / "plays.txt").write_text("".join(map(chr, range(32, 127))) + "\n" + make_text(5000))
    runs = folder / "checkpoints"
    for text, *shape in (
        ("plays", "--hidden-size", 256),
        ("names", "--hidden-size", 256, "--lines"),
        ("hello", "--hidden-size", 3, "--val-fraction", 0),
    ):
        run_charrnn(
            "train",
            f"{text}.txt",
            "--name",
            text,
            "--steps",
            20,
            *BRIEFLY,
            *shape,
            "-q",
            cwd=folder,
        )
    for other in LIKE_PLAYS:
        shutil.copytree(runs / "plays", runs / other)
    shutil.copytree(workplace / "checkpoints" / "tiny", runs / "corpus")


NEEDS = {
    "--png": "matplotlib",
    "gates.svg": "matplotlib",
    "horizon.svg": "matplotlib",
    "--tensorboard": "tensorboard",
    ".parquet": "pyarrow",
    "--lstmvis": "h5py",
    "import pandas": "pandas",
    "import polars": "polars",
}
"""What only an extra installs, or is for others to install, by what needs it."""


def require_extras(command):
    """Skip a command or piece of Python if what it needs is not installed here."""
    for option, module in NEEDS.items():
        if option in command and not find_spec(module):
            pytest.skip(f"{module} is not installed")


def shortened(command):
    """A training run that takes moments instead of minutes: of several budgets the first to run out counts.

    Where the README's command has such an option of its own, that one counts: what comes last wins.
    """
    if "--resume" in command:
        return command
    pattern = r"(charrnn (?:train|compare) )((?:(?!\||;|&&).)*[^\s|;&])"
    return re.sub(pattern, rf"\1{' '.join(BRIEFLY)} \2 --steps 2", command)


FILE = re.compile(r"[\w-]+\.(?:npz|safetensors|parquet|csv|jsonl|txt)\b")


def run_shell(command, place):
    env = CLEAN | {"COLUMNS": "80", "PAGER": "cat"}
    env["PATH"] = os.pathsep.join([str(prepared_server().program.parent), CLEAN["PATH"]])
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", shortened(command)],
        cwd=place,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def make_files(wanting, place):
    """Make the files that a command or piece of Python reads, by the commands that first name them."""
    for name in FILE.findall(wanting):
        maker = next((command for command in COMMANDS if name in command), wanting)
        if maker != wanting and not (place / name).exists():
            run_shell(maker, place)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_works(place, command):
    require_extras(command)
    if "--resume" in command:
        make_unfinished_run(place)
    make_files(command, place)
    if command.startswith("charrnn serve"):
        require_served(f"exec {command} --no-open", place)
        return
    done = run_shell(command, place)
    closed_pipe = "| head" in command and done.returncode == 141
    assert done.returncode == 0 or closed_pipe, done
    assert "Traceback" not in done.stderr


def require_served(command, place):
    """Start a command that ends only with Ctrl-C, ask for the page at the address that it prints, and end it."""
    started = ["bash", "-euc", command]
    path = os.pathsep.join([str(Path(sys.executable).parent), CLEAN["PATH"]])
    env = CLEAN | {"PATH": path}
    options = {"cwd": place, "env": env, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(started, **options, preexec_fn=own_signals) as process:
        try:
            address = process.stdout.readline().strip()
            with urllib.request.urlopen(address, timeout=10) as page:
                assert b'id="live-text"' in page.read()
        finally:
            process.send_signal(signal.SIGINT)
    assert process.returncode == -signal.SIGINT


def make_unfinished_run(place):
    """A run of corpus.txt that was stopped: its plan asks for one step more than it has made."""
    import dataclasses

    from charrnn.checkpoint import load_checkpoint, save_checkpoint

    folder = place / "checkpoints" / "corpus"
    shutil.rmtree(folder, ignore_errors=True)
    run_charrnn("train", "corpus.txt", "--name", "corpus", "--steps", 2, "-q", cwd=place)
    last = load_checkpoint(folder / "last.safetensors")
    training = {**last.run["training"], "steps": 3}
    save_checkpoint(
        folder / "last.safetensors",
        dataclasses.replace(last, run={**last.run, "training": training}),
    )


@pytest.mark.parametrize("code", PYTHON)
def test_the_python_of_the_readme_works(place, code):
    require_extras(code)
    make_files(code, place)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=place,
        env=CLEAN,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_readme_shows_two_commands_that_install_and_the_continuous_integration_runs_the_second():
    assert len(INSTALLS) == 2
    assert "charrnn train" in INSTALLS[0]
    assert "charrnn sample" in INSTALLS[0]
    assert "-m pytest" in INSTALLS[1]
    assert "-m pytest" in (ROOT / ".ci" / "run").read_text()


# --- pictures ----------------------------------------------------------------------------------------------------------

PICTURES = re.findall(r"^```console\n([^`]*)```\n\n!\[[^]\n]+\]\(([^)]+)\)$", README, re.MULTILINE)


DRAWN = [pair for pair in PICTURES if pair[1].endswith(".svg")]


def test_every_picture_stands_below_a_command_and_a_photograph_names_its_camera():
    assert len(PICTURES) == README.count("![") > len(DRAWN) > 0
    for _, picture in set(PICTURES) - set(DRAWN):
        assert (ROOT / picture).is_file()
        script = re.search(rf"`python (benchmarks/\S+\.py) [^`]*{Path(picture).name}`", README)
        assert (ROOT / script[1]).is_file()


@pytest.mark.parametrize(("block", "picture"), DRAWN)
def test_a_picture_is_what_the_command_above_it_draws(block, picture):
    from xml.etree import ElementTree as ET

    words = shlex.split(block.splitlines()[-1].removeprefix("$ "))
    verb = words[1]
    options = dict(itertools.pairwise(words))
    assert options["--svg"] == Path(picture).name
    known = {option for p in tree()[verb].params for option in p.opts}
    assert {word for word in words if word.startswith("--")} <= known
    elements = list(ET.parse(ROOT / picture).getroot().iter("{http://www.w3.org/2000/svg}text"))
    title, *rows = ["".join(element.itertext()) for element in elements]
    if verb == "gates":
        assert {"gate i", "gate f", "gate o"} < {title, *rows}
        return
    if verb == "context":
        assert any("with 256 characters: from k = " in row for row in rows)
        return
    assert title.startswith(f"{options['--unit']}   ")
    shown = "".join(rows)
    text = words[3]
    assert text.endswith(".txt") or text in shown
    assert len(shown) > int(options.get("--max-chars", 0))


# --- help, README and defaults -----------------------------------------------------------------------------------------


def tree():
    """Each command's name and parameters, from the application itself."""
    import typer

    from charrnn.cli.app import app

    return typer.main.get_command(app).commands


def test_every_command_and_option_stands_in_the_readme_and_no_other():
    section = README.split("## Options", 1)[1].split("\n## ", 1)[0]
    documented = {}
    for name, body in re.findall(
        r"^### `charrnn (\w+)`\n(.*?)(?=^### |\Z)", section, re.MULTILINE | re.DOTALL
    ):
        documented[name] = set(re.findall(r"^\| `(--[a-z-]+)", body, re.MULTILINE))
    actual = {
        name: {
            max(p.opts, key=lambda o: (o.startswith("--"), o == "--temp", len(o)))
            for p in command.params
            if p.opts[0].startswith("-")
        }
        - {"--help"}
        for name, command in tree().items()
    }
    actual["sample"] = {"--temp" if o == "--temperature" else o for o in actual["sample"]}
    assert documented == actual


def test_defaults_come_from_the_configs():
    from charrnn.config import CorpusConfig, ModelConfig, SamplingConfig, TrainingConfig

    commands = tree()
    homes = {
        "train": {
            "embedding_size": ModelConfig.embedding_size,
            "optimizer": TrainingConfig.optimizer,
            "muon_lr": TrainingConfig.muon_learning_rate,
            "sequence_length": TrainingConfig.sequence_length,
            "lr": TrainingConfig.learning_rate,
            "clip": TrainingConfig.clip,
            "seed": TrainingConfig.seed,
            "val_fraction": CorpusConfig.val_fraction,
            "test_fraction": CorpusConfig.test_fraction,
            "lines": CorpusConfig.lines,
            "split_seed": CorpusConfig.split_seed,
            "min_count": CorpusConfig.min_count,
            "level": CorpusConfig.level,
        },
        "sample": {
            "temperature": SamplingConfig.temperature,
            "length": SamplingConfig.length,
            "top_k": SamplingConfig.top_k,
            "top_p": SamplingConfig.top_p,
            "min_p": SamplingConfig.min_p,
            "typical": SamplingConfig.typical,
            "repetition_penalty": SamplingConfig.repetition_penalty,
            "repetition_window": SamplingConfig.repetition_window,
            "no_repeat_ngram": SamplingConfig.no_repeat_ngram,
        },
    }
    for command, expected in homes.items():
        found = {p.name: p.default for p in commands[command].params}
        assert {name: found[name] for name in expected} == expected


def test_every_parameter_has_help():
    for name, command in tree().items():
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None), (name, parameter.name)


RELEASED = {
    "train": """--minutes --epochs --steps --plan-only --cell --hidden-size --layers --embedding-size --activation
        --learn-start --dropout --weight-drop --batch-size --sequence-length --optimizer --lr --muon-lr --clip
        --seed --patience --level --min-count --glob --encoding --keep-newlines --max-chars --val-fraction
        --test-fraction --lines --split-seed --name --out --resume --overwrite --device --precision --threads --cache
        --save-every --keep --baselines --tensorboard --quiet --init-from --extend-vocabulary --layer-norm
        --config --eval-every --final-lr --kernel --reset-every --warmup-steps --weight-decay""",
    "compare": """--cells --minutes --steps --parameters --hidden-size --layers --embedding-size --dropout
        --weight-drop --batch-size --sequence-length --optimizer --lr --muon-lr --clip --seed --level
        --min-count --glob --encoding --max-chars --val-fraction --lines --split-seed --name --out --overwrite
        --device --precision
        --threads --cache --json --quiet --config --epochs --eval-every --final-lr --keep-newlines --kernel
        --layer-norm --learn-start --reset-every --test-fraction --warmup-steps --weight-decay""",
    "sample": """--prompt --temp --length --seed --interactive --count --prompt-file --unknown --temp-to --top-k --top-p
        --min-p --typical --repetition-penalty --repetition-window --no-repeat-ngram --ban --bias --match --stop
        --until-sentence --max-chars --lines --infill --beam --infill-newlines --separator --unique --novel
        --novel-length --best-of --json --log-probabilities --show-probabilities --color --palette --clamp --steer
        --steer-file --quiet""",
    "visualize": """--unit --what --surprisal --predictions --sort --scale --diagram --max-chars --from --color --width
        --palette --digits --pager --follow --length --temp --seed --svg --png --html --dump --lstmvis
        --clamp --steer --steer-file --quiet""",
    "gates": """--max-chars --from --color --width --svg --png --csv --clamp --steer --steer-file --quiet""",
    "saliency": """--at --target --max-chars --color --width --palette --digits --svg --png --csv --quiet""",
    "context": """--windows --max-chars --color --width --svg --png --csv --clamp --steer --steer-file --quiet""",
    "serve": "--port --open --quiet",
    "evaluate": "--window --split --streams --lines --baselines --clamp --steer --steer-file --json --quiet",
    "gradients": "--distance --fresh --json --quiet",
    "curve": "--png --svg --json --quiet",
    "inspect": "--json --toml --quiet",
    "corpora": "--json --quiet",
    "runs": "--out --json --quiet",
}


def test_the_set_of_options_is_what_was_released():
    """Whoever removes or renames an option breaks somebody's script: change this list knowingly."""
    found = {
        name: {p.opts[0] for p in command.params if p.opts[0].startswith("-")} - {"--help"}
        for name, command in tree().items()
    }
    assert found == {name: set(options.split()) for name, options in RELEASED.items()}
