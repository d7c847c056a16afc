"""Every number that can be typed has bounds both ways: what lies outside is refused in one line."""

import functools
import itertools
import math

import pytest
import typer
from helpers import random_model

from charrnn.cli.app import VERBS, _module, application
from charrnn.cli.direction import strength_of
from charrnn.cli.edits import file_and_strength
from charrnn.cli.gradients.experiments import linear_weights
from charrnn.cli.options import Changes, _Parts, as_command
from charrnn.cli.refused import Refused, in_one_line
from charrnn.cli.train.command_line import seeds_of
from charrnn.cli.units.single import count_of_top
from charrnn.config import ModelConfig, TrainingConfig
from charrnn.constructions.regular import from_regex
from charrnn.errors import CharrnnError, UsageError
from charrnn.interpret.edits import parse_edit, parse_edits
from charrnn.interpret.labels import of_spans
from charrnn.interpret.units import parse_units
from charrnn.pairs.given import weights_of
from charrnn.sampling.constraint.regex import compile_expression
from charrnn.sampling.infill.template import parse_template
from charrnn.text.pairs import Labels

VALUES = (
    *("nan", "inf", "-inf", "Infinity", "1e400", "-1e400", "", " ", "٣", "３", "²", "0x10"),
    *("-0", "-0.0", "1e-40", 2**31, 2**63, 2**64, -(2**63), 10**400, "1e308", "5"),
)
GENERAL = ("help", "quiet", "config_file")
"""What every command has."""


def functions():
    """The function and changes of every command, from the app itself."""
    for verb in itertools.chain(*VERBS.values()):
        module = _module(verb)
        if hasattr(module, "EXAMPLES"):
            yield getattr(module, verb), getattr(module, "CHANGES", None)
        yield from ((sub, None) for sub in getattr(module, "SUBCOMMANDS", {}))


def options():
    """Every option but flags, with the function that it belongs to."""
    for function, changes in functions():
        for option in _Parts(function, changes or Changes()).in_order:
            if option.kind is not bool:
                yield function, changes, option


def numbers():
    """Every option that takes a number and nothing else, with the function that it belongs to."""
    for function, changes, option in options():
        if option.kind in (int, float) and not option.parse:
            yield pytest.param(
                function, changes, option, id=f"{function.__name__} {option.flags[0]}"
            )


def commands_of(command):
    """All commands below one, the groups among them too."""
    for below in getattr(command, "commands", {}).values():
        yield below
        yield from commands_of(below)


def test_no_option_of_the_app_is_missed():
    """Those that the app has, and that no list here can leave out."""
    tried = {(function.__name__, option.name) for function, _, option in options()}
    for command in commands_of(typer.main.get_command(application())):
        known = {option.name: option for option in command.callback.options}
        for parameter in command.params:
            is_own = parameter.param_type_name == "argument" or parameter.name in GENERAL
            assert is_own or parameter.name in known, (command.name, parameter.name)
        numbers = {name for name, option in known.items() if option.kind is not bool}
        assert {(command.name, name) for name in numbers} <= tried


def app_of(function, changes, kept):
    """A command with the same parameters as a function, which only keeps what it is given."""

    @functools.wraps(function)
    def keep(**arguments):
        kept.update(arguments)

    app = typer.Typer(pretty_exceptions_enable=False)
    app.command("verb")(as_command(keep, changes))
    return typer.main.get_command(app)


def value_typed(app, kept, option, text):
    """What the function is given for an option that is typed; a UsageError is raised as charrnn raises it."""
    words = ["x" for p in app.params if p.param_type_name == "argument" and p.required]
    return value_of(app, kept, option, [*words, f"{option.flags[0]}={text}"])


def value_of(app, kept, option, line):
    """What the function is given for an option by a command line."""
    try:
        app(line, standalone_mode=False)
    except Refused as refused:
        raise in_one_line(refused, "verb", dict, []) from None
    for config in kept.values():
        given = getattr(config, "given", {})
        if option.name in given:
            return given[option.name]
        if type(config) is option.config:
            return getattr(config, option.name)
    raise AssertionError(f"{option.name} is in none of {kept}")


IN_TOML = (
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-0.0",
    "1e308",
    2**63,
    -(10**400),
    "true",
    '""',
    '"x"',
    "[1]",
    "{}",
)
"""Values of an option in a run file."""


@pytest.mark.parametrize(
    ("function", "changes"),
    [pytest.param(*found, id=found[0].__name__) for found in functions()],
)
def test_a_number_in_a_run_file_is_within_its_bounds_or_refused_in_one_line(
    function, changes, tmp_path
):
    kept, file = {}, tmp_path / "run.toml"
    app = app_of(function, changes, kept)
    words = ["x" for p in app.params if p.param_type_name == "argument" and p.required]
    for option in _Parts(function, changes or Changes()).in_order:
        if option.kind not in (int, float) or option.parse or option.rule.once:
            continue
        for text in IN_TOML:
            file.write_text(f"{option.flags[0].removeprefix('--')} = {text}\n")
            try:
                value = value_of(app, kept, option, [*words, "--config", str(file)])
            except CharrnnError as error:
                message = error.message
            else:
                message = "" if is_sound(option, value) else "\n"
            assert message.isprintable(), (option.name, text, message)
            assert len(message) < 1000
            assert message or text != "true", option.name


def is_sound(option, value):
    """Whether a value is a number of the option's kind within its bounds, or None."""
    rule = option.rule
    fits = value is None or (math.isfinite(value) and rule.low <= value <= rule.high)
    return fits and type(value) in (option.kind, int, type(None))


@pytest.mark.parametrize(("function", "changes", "option"), list(numbers()))
def test_a_number_is_within_its_bounds_or_refused_in_one_line(function, changes, option):
    rule = option.rule
    assert -math.inf < rule.low < rule.high < math.inf
    kept, refused = {}, 0
    app = app_of(function, changes, kept)
    for text in VALUES:
        try:
            value = value_typed(app, kept, option, text)
        except UsageError as error:
            refused += 1
            message = error.message
        else:
            message = "" if is_sound(option, value) else "\n"
        assert message.isprintable(), (text, message)
        assert len(message) < 1000
    assert refused >= 12


# --- numbers inside a text ---

WORDS = {
    *(
        "level",
        "weights",
        "license",
        "separator",
        "field",
        "globs",
        "val_file",
        "test_file",
        "vectors",
        "targets",
        "encoding",
        "normalize",
    ),
    *("concept", "regex", "labels", "replace", "patch", "save_steer", "lines", "state"),
    *(
        "cell",
        "activation",
        "optimizer",
        "precision",
        "kernel",
        "init_from",
        "model",
        "name",
        "out",
        "cache",
    ),
    *(
        "tensorboard",
        "mlflow",
        "mlflow_experiment",
        "prompt",
        "prompt_file",
        "unknown",
        "ban",
        "stop",
        "novel",
        "color",
        "palette",
    ),
    *(
        "what",
        "sort",
        "scale",
        "from_dump",
        "svg",
        "png",
        "html",
        "csv",
        "dump",
        "lstmvis",
        "target",
    ),
    *("adapt", "adapt_rule"),
    *(
        "fresh",
        "experiment",
        "gradient",
        "split",
        "corpus",
        "pick",
        "by",
        "cells",
        "align",
        "attention",
        "of",
        "nearest",
    ),
}
"""Options that are words, texts and paths: a number in them is not read as one."""


def edits_of(text):
    """The strength of a file, or the edits in its line, and the units that they are about."""
    if text.startswith("f.json"):
        return file_and_strength(text)[1]
    (edit,) = parse_edits(f"clamp {text}", "edits.txt")
    return edit.value, edit.units(MODEL)


MODEL = random_model("abc")
READ = {
    "seeds": (("{}", "3,{}", "{},4"), seeds_of),
    "device": (("cuda:{}",), lambda text: TrainingConfig(device=text).device),
    "unit": (("L0.c.{}", "L{}.c.3", "L0.c.1-{}", "L0-{}.c.1"), lambda t: parse_units(t, MODEL)),
    "card": (("L0.c.{}", "L{}.c.3"), lambda t: parse_units(t, MODEL)),
    "ablate": (("L0.c.{}", "L{}.c.3", "L0.c.1-{}", "top:{}"), lambda t: count_of_top(t) or parse_units(t, MODEL)),
    "span": (("{}:5", "3:{}"), lambda t: of_spans([t], "a" * 20)),
    "clamp": (("L0.c.3={}", "L0.c.{}=1"), lambda t: (e := parse_edit(t, "clamp")) and (e.value, e.units(MODEL))),
    "steer": (("L0.c.3={}", "L0.c.0-{}=1"), lambda t: (e := parse_edit(t, "steer")) and (e.value, e.units(MODEL))),
    "steer_file": (("f.json={}", "L0.c.3={}", "L{}.c.3=1"), edits_of),
    "strength": (("{}",), strength_of),
    "delays": (("4,{}", "{},4"), lambda t: ModelConfig(vocab_size=1, cell="narx", delays=t).delays),
    "row_length": (("{}",), lambda t: ModelConfig(vocab_size=1, cell="mdlstm", row_length=t).row_length),
    "subsample": (("{}",), lambda t: ModelConfig(vocab_size=1, num_layers=2, subsample=t).subsample),
    "infill": (("a_{{{}}}b", "a_{{2,{}}}b"), parse_template),
    "source": (("a:{}", "a:0.5,b:{}"), lambda t: [*weights_of(t, Labels("ab")).values()]),
    "w": (("{}", "0.5,{}"), linear_weights),
    "from_regex": (("a{{{}}}", "(){{{}}}", "(a?){{3,{}}}b"), from_regex),
    "match": (("a{{{}}}", "(){{{}}}", "(a?){{3,{}}}b"), lambda text: compile_expression(text, "ab0123456789,{}")),
}  # fmt: skip
"""Options with numbers inside a text, the places of the numbers, and what reads them."""
TYPED = {"bias": ("a={}",), "replanned": ("{}:5", "3:{}"), "predictions": ("{}",)}
"""The same of options that have a parser of their own."""


def test_every_option_that_is_no_number_is_known_to_have_some_in_it_or_none():
    others = {o.name for _, _, o in options() if o.kind not in (int, float) or o.parse}
    assert others == {*WORDS, *READ, *TYPED}


def ends_in_one_line(read, text):
    """Whether a text is refused, in one line; otherwise it has no number beyond what is sensible."""
    message, value = "", None
    try:
        value = read(text)
    except CharrnnError as error:
        message = error.message
    assert message.isprintable()
    assert len(message) < 1000
    assert all(abs(number) < 1e13 for number in numbers_in(value)), (text, value)
    return bool(message)


def numbers_in(value):
    """The numbers in a value that is made of tuples and lists."""
    parts = value if isinstance(value, (tuple, list)) else ()
    own = [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else []
    return [*own, *itertools.chain(*map(numbers_in, parts))]


@pytest.mark.parametrize("name", READ)
def test_a_number_inside_a_text_has_bounds_too(name):
    templates, read = READ[name]
    for template in templates:
        refused = [ends_in_one_line(read, template.format(value)) for value in VALUES]
        braced = name in (
            "match",
            "infill",
            "from_regex",
        )  # braces around what is no number are text
        assert braced or sum(refused) >= 10


@pytest.mark.parametrize(
    ("function", "changes", "option"),
    [
        pytest.param(*found, id=f"{found[0].__name__} {found[2].flags[0]}")
        for found in options()
        if found[2].name in TYPED and (found[2].parse or found[2].kind is tuple)
    ],
)
def test_a_number_that_is_parsed_has_bounds_too(function, changes, option):
    kept = {}
    app = app_of(function, changes, kept)
    for template in TYPED[option.name]:
        refused = [
            ends_in_one_line(
                lambda text: value_typed(app, kept, option, text), template.format(value)
            )
            for value in VALUES
        ]
        assert sum(refused) >= 10
