"""The options of the commands that look into a model: each has an effect, and each conflict is refused."""

import inspect
from dataclasses import replace
from pathlib import Path
from typing import get_type_hints

import pytest
from helpers import call_charrnn

from charrnn.cli.app import app
from charrnn.cli.context import context
from charrnn.cli.gates import gates
from charrnn.cli.gradients.command import gradients
from charrnn.cli.saliency import saliency
from charrnn.cli.visualize.command import CHANGES as VISUALIZE
from charrnn.cli.visualize.command import visualize
from charrnn.settings import flags_of, is_config, settings_of, value_types

TEXT = "def wrap(text):"
COMMANDS = {f.__name__: f for f in (visualize, gates, saliency, context, gradients)}
VALUES = {
    "color": "256",
    "what": "h",
    "unit": "L0.c.1",
    "sort": "interest",
    "scale": "unit",
    "palette": "vik",
    "html": "a.html",
    "svg": "a.svg",
    "png": "a.png",
    "csv": "a.csv",
    "dump": "a.npz",
    "from_dump": "b.npz",
    "fresh": "gru",
    "experiment": "linear",
    "w": "0.5,1",
    "clamp": "L0.c.1=1",
    "steer": "L0.c.1=1",
    "steer_file": "edits.txt",
}


@pytest.fixture
def call(workplace, tmp_path, monkeypatch, capsys):
    """`charrnn ARGUMENTS` in a folder of its own, beside the run `tiny`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "60")
    Path("checkpoints").symlink_to(workplace / "checkpoints")
    Path("edits.txt").write_text("clamp L0.h.1=1\n")
    return lambda *arguments, status=0: call_charrnn(capsys, *arguments, status=status)


def settings_by_name(verb):
    """The settings of a command, with the class that has each."""
    groups = [hint for hint in get_type_hints(COMMANDS[verb]).values() if is_config(hint)]
    different = VISUALIZE.different if verb == "visualize" else {}
    return {
        name: (group, replace(rule, **different.get(name, {})))
        for group in groups
        for name, rule in settings_of(group).items()
    }


def typed(name, group, rule):
    """An option as it is typed, with a value that is not its default."""
    flag, (kind, _) = flags_of(name, rule)[0], value_types(group)[name]
    return (flag,) if kind is bool else (flag, VALUES.get(name, 3))


def refused_with(name, rule, known):
    """The settings that a rule refuses, except those whose own rule names the pair first."""
    refused = set(rule.excludes) & set(known)
    if rule.allows is not None:
        refused |= {other for other in known if not known[other][1].needs} - {name, *rule.allows}
    before = list(known)[: list(known).index(name)]
    firsts = {other for other in before if name in refused_by(other, known)}
    return sorted(refused - firsts)


def refused_by(name, known):
    rule = known[name][1]
    return set(known) - set(rule.allows) if rule.allows is not None else set(rule.excludes)


def conflicts():
    for verb in COMMANDS:
        known = settings_by_name(verb)
        for name, (group, rule) in known.items():
            for other in refused_with(name, rule, known):
                pair = typed(name, group, rule), typed(other, *known[other])
                beside = ("--html", "a.html") if rule.needs[:1] == ("html",) else ()
                yield pytest.param(verb, *pair, beside, id=f"{verb}-{name}-{other}")


@pytest.mark.parametrize(("verb", "first", "second", "beside"), list(conflicts()))
def test_options_that_exclude_each_other_are_refused(call, verb, first, second, beside):
    result = call(verb, *beside, *first, *second, "-q", status=2)
    lines = [
        f"charrnn: {first[0]} and {second[0]} cannot be used together",
        "leave one of them out",
    ]
    assert [line.strip() for line in result.err.splitlines()] == lines
    assert result.out == ""


def test_everything_that_excludes_is_known_to_some_command():
    known = {name for verb in COMMANDS for name in settings_by_name(verb)}
    for verb in COMMANDS:
        for _, rule in settings_by_name(verb).values():
            assert {*rule.excludes, *(rule.allows or ()), *rule.needs[:1]} <= known


def test_what_follow_needs_is_refused_without_it(call):
    known = settings_by_name("visualize")
    needing = [name for name, (_, rule) in known.items() if rule.needs[:1] == ("follow",)]
    assert needing == ["temperature", "length"]
    for name in needing:
        options = typed(name, *known[name])
        said = call("visualize", "tiny", TEXT, *options, status=2).err
        assert f"{options[0]} only applies with --follow" in said


WITH = {
    ("visualize", "percent"): ("--predictions", "2"),
    ("visualize", "sort"): ("--unit", "L0.c.*"),
    ("visualize", "scale"): ("--unit", "L0.c.*"),
    ("visualize", "palette"): ("--color", "256"),
    ("visualize", "digits"): ("--color", "256"),
    ("saliency", "palette"): ("--color", "256"),
    ("saliency", "digits"): ("--color", "256"),
    ("context", "color"): ("--svg", "a.svg"),
    ("gradients", "w"): ("--experiment", "linear"),
    ("gradients", "clip"): ("--experiment", "cliff"),
    ("gradients", "color"): ("--experiment", "cliff"),
    ("gradients", "palette"): ("--experiment", "cliff", "--color", "256"),
    ("gradients", "digits"): ("--experiment", "cliff", "--color", "256"),
    **dict.fromkeys((("visualize", name) for name in ("length", "temperature")), ("--follow",)),
    **dict.fromkeys(
        (("visualize", name) for name in ("embed", "with_model", "curve", "saliency")),
        ("--html", "a.html"),
    ),
}
"""What an option needs beside it to have an effect."""
OTHERS = {("context", "color"): "none", ("gates", "width"): 40, ("context", "width"): 40}
INSTALLED = {"png"}
"""What needs more than charrnn."""
REFUSED = {("visualize", "diagram"), ("visualize", "pager")}
"""What cannot be shown of this model, or here."""


def options_with_effects():
    for verb in COMMANDS:
        for name, (group, rule) in settings_by_name(verb).items():
            if name not in INSTALLED and (verb, name) not in REFUSED:
                yield pytest.param(verb, name, typed(name, group, rule), id=f"{verb}-{name}")


@pytest.mark.parametrize(("verb", "name", "option"), list(options_with_effects()))
def test_no_option_is_without_effect(call, verb, name, option):
    beside = WITH.get((verb, name), ())
    if "--follow" in beside:
        beside = (*beside, "--seed", 1)
    if name == "follow" or (name == "seed" and verb != "visualize"):
        beside = ()
    elif name == "seed":
        beside = ("--follow", "--length", 9)
    if "--svg" in beside or name == "svg":
        pytest.importorskip("matplotlib")
    option = (option[0], OTHERS[verb, name]) if (verb, name) in OTHERS else option
    option = ("--no-saliency",) if name == "saliency" else option  # a short text has it
    read = ("tiny", TEXT) if name != "seed" or beside else ("tiny",)
    if name == "experiment" or "--experiment" in beside:
        read = ()
    if name == "from_dump":
        call("visualize", "tiny", TEXT, "--dump", "b.npz", "-q")
        read = ()

    def effect(*arguments):
        result = call(verb, *arguments, "-q")
        files = (path for path in Path().rglob("*") if path.suffix[1:] in ("html", "svg", "npz"))
        return result.out, sorted((str(path), path.read_bytes()) for path in files)

    plain = effect(*read, *beside)
    assert (
        effect(*read, *beside, *option) != plain or list(Path().glob("*.csv")) or Path("3").is_dir()
    )


def test_each_command_has_panels_and_three_examples():
    registered = {command.name: command for command in app.registered_commands}
    for verb in COMMANDS:
        assert registered[verb].epilog.count(f"charrnn {verb}") == 3
        assert all(rule.panel for _, rule in settings_by_name(verb).values())
        assert len(inspect.getdoc(COMMANDS[verb]).split("\n")[0]) <= 65
