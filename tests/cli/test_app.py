"""The command line as a whole: its verbs and options, and that each has help."""

import importlib.metadata

import pytest
import typer
from helpers import call_charrnn, run_charrnn

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


EVERYWHERE = {"--help", "--quiet", "--config"}
RELEASED = {
    "train": """--minutes --epochs --steps --plan-only --cell --hidden-size --layers --embedding-size --activation
        --learn-start --dropout --weight-drop --batch-size --sequence-length --optimizer --lr --muon-lr --clip
        --seed --patience --level --min-count --glob --encoding --keep-newlines --max-chars --val-fraction
        --separator --documents --test-fraction --lines --split-seed --name --out --resume --overwrite
        --device --precision --threads --cache --save-every --keep --baselines --tensorboard --init-from
        --extend-vocabulary --layer-norm --eval-every --final-lr-fraction --kernel --reset-every
        --warmup-steps --weight-decay --field --normalize --val --test --json --seeds --exact-steps
        --replanned""",
    "compare": """--cells --minutes --steps --parameters --hidden-size --layers --embedding-size --dropout --weight-drop
        --batch-size --sequence-length --optimizer --lr --muon-lr --clip --seed --level --min-count --glob
        --encoding --max-chars --val-fraction --lines --split-seed --name --out --overwrite --separator
        --documents --device --precision --threads --cache --json --epochs --eval-every --final-lr-fraction
        --keep-newlines --kernel --layer-norm --learn-start --reset-every --test-fraction --warmup-steps
        --weight-decay --field --normalize --val --test --seeds --exact-steps""",
    "sample": """--prompt --temp --length --seed --interactive --count --prompt-file --unknown --temp-to --top-k --top-p
        --min-p --typical --repetition-penalty --repetition-window --no-repeat-ngram --ban --bias --match
        --stop --until-sentence --max-chars --lines --infill --beam --infill-newlines --separator --unique
        --novel --novel-length --best-of --json --log-probabilities --show-probabilities --color --palette
        --clamp --steer --steer-file""",
    "visualize": """--unit --what --top --surprisal --predictions --percent --sort --scale --diagram --max-chars --from
        --color --width --palette --digits --pager --follow --length --temp --seed --svg --png --html --dump --lstmvis
        --clamp --steer --steer-file""",
    "gates": """--seed --max-chars --from --color --width --svg --png --csv --clamp --steer --steer-file""",
    "saliency": """--seed --at --target --max-chars --color --width --palette --digits --svg --png --csv""",
    "context": """--seed --windows --max-chars --color --width --svg --png --csv --clamp --steer --steer-file""",
    "serve": "--port --open",
    "score": """--lines --unknown-bits --by --top --sort --threshold --prompt --pick --json
        --clamp --steer --steer-file""",
    "evaluate": """--window --split --corpus --val --test --streams --lines --baselines
        --clamp --steer --steer-file --json""",
    "gradients": "--distance --fresh --seed --json",
    "curve": "--png --svg --json",
    "inspect": "--json --toml",
    "corpora": "--json",
    "runs": "--out --json",
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
        (("sample", "-m", "tiny"), 2, "first argument"),
        (("train", "--layer", 2), 2, "did you mean --layers?"),
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
