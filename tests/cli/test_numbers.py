"""Every number that can be typed has bounds both ways: what lies outside is refused in one line."""

import functools
import itertools
import math

import pytest
import typer

from charrnn.cli.app import VERBS, _module
from charrnn.cli.options import Changes, _Parts, as_command
from charrnn.cli.refused import Refused, in_one_line
from charrnn.errors import UsageError

VALUES = (
    *("nan", "inf", "-inf", "Infinity", "1e400", "-1e400", "", " ", "٣", "３", "²", "0x10"),
    *("-0", "-0.0", "1e-40", 2**31, 2**63, 2**64, -(2**63), 10**400, "1e308", "5"),
)


def functions():
    """The function and changes of every command, from the app itself."""
    for verb in itertools.chain(*VERBS.values()):
        module = _module(verb)
        if hasattr(module, "EXAMPLES"):
            yield getattr(module, verb), getattr(module, "CHANGES", None)
        yield from ((sub, None) for sub in getattr(module, "SUBCOMMANDS", {}))


def numbers():
    """Every option that takes a number, with the function that it belongs to."""
    for function, changes in functions():
        for option in _Parts(function, changes or Changes()).in_order:
            if option.kind in (int, float) and not option.parse:
                yield pytest.param(
                    function, changes, option, id=f"{function.__name__} {option.flags[0]}"
                )


def app_of(function, changes, kept):
    """An app whose command has the same parameters as a function, and only keeps what it is given."""

    @functools.wraps(function)
    def keep(**arguments):
        kept.update(arguments)

    app = typer.Typer(pretty_exceptions_enable=False)
    app.command("verb")(as_command(keep, changes))
    return app


def value_typed(app, kept, option, text):
    """What the function is given for an option that is typed; a UsageError is raised as charrnn raises it."""
    words = [
        "x"
        for p in typer.main.get_command(app).params
        if p.param_type_name == "argument" and p.required
    ]
    try:
        app([*words, f"{option.flags[0]}={text}"], standalone_mode=False)
    except Refused as refused:
        raise in_one_line(refused, "verb", dict) from None
    for config in kept.values():
        given = getattr(config, "given", {})
        if option.name in given:
            return given[option.name]
        if type(config) is option.config:
            return getattr(config, option.name)
    raise AssertionError(f"{option.name} is in none of {kept}")


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
            fits = value is None or (math.isfinite(value) and rule.low <= value <= rule.high)
            message = "" if fits and type(value) in (option.kind, int, type(None)) else "\n"
        assert message.isprintable(), (text, message)
        assert len(message) < 1000
    assert refused >= 12
