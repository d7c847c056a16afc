"""The command line as a whole: its verbs and options, and that each has help."""

import typer

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
        --test-fraction --lines --split-seed --name --out --resume --overwrite --device --precision --threads --cache
        --save-every --keep --baselines --tensorboard --init-from --extend-vocabulary --layer-norm
        --eval-every --final-lr --kernel --reset-every --warmup-steps --weight-decay""",
    "compare": """--cells --minutes --steps --parameters --hidden-size --layers --embedding-size --dropout
        --weight-drop --batch-size --sequence-length --optimizer --lr --muon-lr --clip --seed --level
        --min-count --glob --encoding --max-chars --val-fraction --lines --split-seed --name --out --overwrite
        --device --precision
        --threads --cache --json --epochs --eval-every --final-lr --keep-newlines --kernel
        --layer-norm --learn-start --reset-every --test-fraction --warmup-steps --weight-decay""",
    "sample": """--prompt --temp --length --seed --interactive --count --prompt-file --unknown --temp-to --top-k --top-p
        --min-p --typical --repetition-penalty --repetition-window --no-repeat-ngram --ban --bias --match --stop
        --until-sentence --max-chars --lines --infill --beam --infill-newlines --separator --unique --novel
        --novel-length --best-of --json --log-probabilities --show-probabilities --color --palette --clamp --steer
        --steer-file""",
    "visualize": """--unit --what --surprisal --predictions --sort --scale --diagram --max-chars --from --color --width
        --palette --digits --pager --follow --length --temp --seed --svg --png --html --dump --lstmvis
        --clamp --steer --steer-file""",
    "gates": """--max-chars --from --color --width --svg --png --csv --clamp --steer --steer-file""",
    "saliency": """--at --target --max-chars --color --width --palette --digits --svg --png --csv""",
    "context": """--windows --max-chars --color --width --svg --png --csv --clamp --steer --steer-file""",
    "serve": "--port --open",
    "score": """--lines --unknown-bits --by --top --sort --threshold --prompt --pick --json
        --clamp --steer --steer-file""",
    "evaluate": "--window --split --streams --lines --baselines --clamp --steer --steer-file --json",
    "gradients": "--distance --fresh --json",
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
