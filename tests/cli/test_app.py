"""The command line as a whole: its verbs and options, and that each has help."""

import importlib.metadata
import re
import subprocess
import sys

import pytest
import typer
from helpers import CLEAN, call_charrnn, run_charrnn
from rich.text import Text
from typer.main import get_command

import charrnn
from charrnn.cli import app as app_module
from charrnn.cli.app import app

COMMANDS = typer.main.get_command(app).commands


def test_every_command_and_parameter_has_help():
    for name, command in COMMANDS.items():
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None), (name, parameter.name)


def test_every_command_has_three_examples():
    subcommands = COMMANDS["runs"].commands
    for command in (*COMMANDS.values(), *subcommands.values()):
        assert command.epilog.count("\n\ncharrnn ") == 3, command.name


def test_the_help_shows_no_types_of_python(capsys):
    for verb in COMMANDS:
        assert not re.search(r"<[a-z]", call_charrnn(capsys, verb, "--help").out), verb


def test_the_help_begins_with_what_a_command_needs_and_ends_with_what_every_command_has(capsys):
    for verb in COMMANDS:
        shown = call_charrnn(capsys, verb, "--help").out
        panels = re.findall(r"╭─ (.+?) ─", shown)
        own = [panel for panel in panels if panel not in ("Arguments", "Commands")]
        assert own[-1] == "General", verb
        assert shown.index("--config") < shown.index("--help")


EVERYWHERE = {"--help", "--quiet", "--config"}
RELEASED = {
    "train": """--minutes --epochs --steps --plan-only --cell --hidden-size --layers --embedding-size
        --activation --learn-start --dropout --weight-drop --batch-size
        --sequence-length --optimizer --lr --muon-lr --clip --seed --patience --level
        --min-count --glob --encoding --keep-newlines --max-chars --val-fraction
        --separator --documents --test-fraction --lines --split-seed --name --out
        --resume --overwrite --device --precision --threads --cache --save-every --keep
        --baselines --tensorboard --init-from --extend-vocabulary --layer-norm
        --eval-every --final-lr-fraction --kernel --reset-every --warmup-steps
        --weight-decay --field --normalize --val --test --json --seeds --exact-steps
        --replanned --pairs --align --attention --bidirectional --label-smoothing
        --vectors --count-order --count-size --counts --shuffle-length
        --save-every-steps --mlflow --mlflow-experiment --processes --gradient --forever --delays --depth
        --row-length --subsample""",
    "convert": "--beam --n-best --json --match --targets --vectors",
    "compare": """--cells --minutes --steps --parameters --hidden-size --layers --embedding-size --dropout
        --weight-drop --batch-size --sequence-length --optimizer --lr --muon-lr --clip
        --seed --level --min-count --glob --encoding --max-chars --val-fraction --lines
        --split-seed --name --out --overwrite --separator --documents --device
        --precision --threads --cache --json --epochs --eval-every --final-lr-fraction
        --keep-newlines --kernel --layer-norm --learn-start --reset-every
        --test-fraction --warmup-steps --weight-decay --field --normalize --val --test
        --seeds --exact-steps --shuffle-length""",
    "sample": """--given --prompt --temp --length --seed --interactive --count --prompt-file --unknown
        --temp-to --top-k --top-p --min-p --typical --repetition-penalty
        --repetition-window --no-repeat-ngram --ban --bias --match --stop
        --until-sentence --max-chars --lines --infill --beam --infill-newlines
        --separator --unique --novel --novel-length --best-of --json --log-probabilities
        --show-probabilities --color --palette --clamp --steer --steer-file --counts
        --adapt --adapt-chunk --adapt-decay --adapt-rate --adapt-rule""",
    "visualize": """--unit --what --top --surprisal --predictions --percent --sort --scale --diagram
        --max-chars --from --color --width --palette --digits --pager --follow --length
        --temp --seed --svg --png --html --dump --lstmvis --clamp --steer --steer-file
        --counts --embed --with-model --context --saliency""",
    "gates": """--seed --max-chars --from --color --width --svg --png --csv --clamp --steer --steer-file""",
    "saliency": """--seed --at --target --max-chars --color --width --palette --digits --svg --png --csv""",
    "context": """--seed --windows --max-chars --color --width --svg --png --csv --clamp --steer
        --steer-file""",
    "serve": "--port --open --counts",
    "score": """--lines --unknown-bits --by --top --sort --threshold --prompt --pick --json --clamp
        --steer --steer-file --counts""",
    "evaluate": """--window --split --corpus --val --test --streams --lines --baselines --clamp --steer
        --steer-file --json --color --png --svg --width --vectors --counts --adapt
        --adapt-chunk --adapt-decay --adapt-rate --adapt-rule --adapt-search""",
    "gradients": """--distance --fresh --seed --json --clip --color --digits --experiment --palette --png
        --svg --width --w""",
    "curve": "--png --svg --json",
    "inspect": "--json --toml",
    "corpora": "--json --seed --labels --check --cache",
    "runs": "--out --json",
    "embed": "--json --nearest --of --out --top",
    "units": """--ablate --all --card --concept --json --labels --list --max-chars --names --networks
        --regex --replace --sets --span --last --patch --save-steer --unit""",
    "probe": """--concept --json --labels --lines --list --max-chars --regex --untrained --unit
        --samples""",
    "direction": """--json --length --lines --max-chars --random --samples --save-steer --seed --state
        --strength""",
    "compress": "--counts --model --out --overwrite",
    "decompress": "--model --out --overwrite",
    "sweep": "--cache --csv --jobs --json --name --out --overwrite --print --test",
    "export": "--overwrite --weights --float16 --license --counts --embed",
    "network": "--from-regex --json --out --overwrite",
}


def test_the_set_of_options_is_what_was_released():
    """A change of this list breaks scripts: make it knowingly."""
    found = {
        name: {p.opts[0] for p in command.params if p.opts[0].startswith("-")} - EVERYWHERE
        for name, command in COMMANDS.items()
    }
    assert found == {name: set(options.split()) for name, options in RELEASED.items()}


# --- what people type -----------------------------------------------------------------------------


@pytest.fixture
def call(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    return lambda *arguments, status=0: call_charrnn(capsys, *arguments, status=status)


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        (("help",), ("--help",)),
        (("help", "sample"), ("sample", "--help")),
        (("Sample", "tiny", "-n", 5, "--seed", 1), ("sample", "tiny", "-n", 5, "--seed", 1)),
        (
            ("sample", "tiny", "def ", "-n", 5, "--seed", 1),
            ("sample", "tiny", "--prompt", "def ", "-n", 5, "--seed", 1),
        ),
        (
            ("sample", "tiny", r"a\nb", "-n", 5, "--seed", 1),
            ("sample", "tiny", "--prompt", "a\nb", "-n", 5, "--seed", 1),
        ),
    ],
)
def test_what_is_plainly_meant_is_done(call, typed, same):
    assert call(*typed).out == call(*same).out


@pytest.mark.parametrize(
    ("typed", "status", "line"),
    [
        (("sample", "0.7"), 4, "charrnn sample --temp 0.7"),
        (("sample", "ROMEO: "), 4, "charrnn sample --prompt 'ROMEO: '"),
        (("sample", "--prompt", "to", "be"), 4, "charrnn sample --prompt 'to be'"),
        (("sample", "tiny", "to", "be"), 2, "quotes"),
        (("sample", "tiny", "to", "--prompt", "be"), 2, "quotes"),
        (("--temp", "0.8"), 2, "charrnn sample --temp 0.8"),
        (("list",), 2, "charrnn runs"),
        (("generate",), 2, "charrnn sample"),
        (("visualise",), 2, "charrnn visualize"),
        (("trian",), 2, "charrnn train"),
        (("sample", "--temp", 1, "-m", "tiny"), 2, ": charrnn sample --temp 1 tiny"),
        (("train", "-m", "tiny"), 2, "run 'charrnn train --help' for usage"),
        (("train", "-e", 2), 2, "run 'charrnn train --help' for usage"),
        (("train", "--layer", 2), 2, "did you mean --layers?"),
        (("train", "--learning-rate", 2), 2, "did you mean --lr?"),
        (("train", "--rnn_size", 2), 2, "did you mean --hidden-size?"),
        (("train", "--gpu"), 2, "did you mean --device cuda?"),
        (("train", "--fill", "a_"), 2, "--infill is an option of charrnn sample"),
        (("evaluate", "--lanes", 2), 2, "did you mean --streams?"),
        (("visualize", "--bits"), 2, "did you mean --surprisal?"),
        (("visualize", "--gates"), 2, "that is a command of its own: charrnn gates"),
        (("visualize", "--horizon"), 2, "that is a command of its own: charrnn context"),
        (("train", "--hidden", 2), 2, "did you mean --hidden-size?"),
        (("version",), 2, "did you mean charrnn --version?"),
        (("runs", "list"), 2, "did you mean charrnn runs?"),
        (("runs", "rm", "plays"), 2, "did you mean charrnn runs remove?"),
        (("visualize", "--layer", 2), 2, "--layers is an option of charrnn train, charrnn compare"),
        (("sample", "--temperture", 1), 2, "did you mean --temperature?"),
    ],
)
def test_what_is_nearly_meant_is_shown(call, typed, status, line):
    assert line in call(*typed, status=status).err.splitlines()[-1]


def test_a_path_that_is_not_there_is_no_prompt(call):
    assert "--prompt" not in call("sample", "texts/tune.abc", status=4).err


def test_the_version_names_a_torch_that_is_not_there(monkeypatch, workplace):
    assert "no torch" not in run_charrnn("--version", cwd=workplace).out
    version = importlib.metadata.version

    def without(name):
        if name == "torch":
            raise importlib.metadata.PackageNotFoundError
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", without)
    assert app_module._versions().endswith(", no torch)")


def test_the_command_line_helps(tmp_path, wording):
    version = run_charrnn("--version", cwd=tmp_path)
    torch = importlib.metadata.version("torch")
    assert version.out.startswith(f"charrnn {charrnn.__version__} (Python 3.")
    assert f"torch {torch}, device c" in version.out
    asked = run_charrnn("-h", cwd=tmp_path).out
    assert asked == run_charrnn("--help", cwd=tmp_path).out
    assert asked.split() == run_charrnn(cwd=tmp_path, status=2).out.split()
    for verb in ("train", "sample", "visualize", "evaluate", "inspect", "runs", "corpora"):
        assert f" {verb} " in asked
    wording(run_charrnn("smaple", cwd=tmp_path, status=2))
    assert "--temp" in run_charrnn("sample", "--temq", 1, cwd=tmp_path, status=2).err


def test_help_shows_its_brackets():
    """Typer takes a word in brackets for the name of a style and leaves it out, unless it is escaped."""
    for verb in get_command(app).commands.values():
        for text in (verb.help, *(getattr(option, "help", None) for option in verb.params)):
            assert Text.from_markup(text or "").plain == (text or "").replace("\\[", "[")


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("sample --temp x", "charrnn sample"),
        ("sample -n 1.5", "charrnn sample"),
        ("train --minutes", "charrnn train"),
        ("inspect a b c --nothing", "charrnn inspect"),
        ("--nothing sample", "charrnn"),
        ("xyzzy", "charrnn"),
    ],
)
def test_what_no_command_takes_is_refused_in_a_line_and_a_hint(line, command, capsys, wording):
    result = call_charrnn(capsys, *line.split(" "), status=2)
    assert f"{command} --help" in result.err.splitlines()[1]
    wording(result)


def test_an_argument_too_many_cannot_act_on_a_terminal(capsys, wording):
    result = call_charrnn(capsys, "inspect", "a", "\x1b[31m", status=2)
    assert "\x1b" not in result.err
    wording(result)


def test_the_error_of_a_setting_names_the_option_as_it_is_typed(tmp_path, capsys, wording):
    text = tmp_path / "text.txt"
    text.write_text("some text " * 50, "utf-8")
    for options in (("--val-fraction", 2), ("--val-fraction", 0.5, "--test-fraction", 0.6)):
        wording(call_charrnn(capsys, "train", text, *options, status=2))


REPORTER = """
import atexit, sys
def tell():
    print(*[m for m in ("torch", "numpy") if m in sys.modules], file=sys.stderr)
atexit.register(tell)
import charrnn
if len(sys.argv) > 1:
    from charrnn.cli.app import main
    main()
"""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ""),
        (("--help",), ""),
        (("--version",), ""),
        (("sample", "--help"), ""),
        (("sample", "-q", "-n", 3), "numpy"),
        (("visualize", "-q", "def f():"), "numpy"),
        (("evaluate", "-q", "corpus.txt"), "numpy"),
        (("evaluate", "-q", "--split", "val", "--corpus", "corpus.txt"), "numpy"),
        (("inspect", "-q"), "numpy"),
    ],
)
def test_only_training_imports_torch_and_help_not_even_numpy(workplace, arguments, expected):
    done = subprocess.run(
        [sys.executable, "-c", REPORTER, *map(str, arguments)],
        cwd=workplace,
        capture_output=True,
        env=CLEAN,
        text=True,
        check=False,
    )
    *_, modules = done.stderr.strip().split("\n")
    assert (done.returncode, modules) == (0, expected)
