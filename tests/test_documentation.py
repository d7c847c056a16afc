"""The documentation says what the program does: its reference of commands and settings is complete."""

import dataclasses
import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"


@cache
def reference():
    """The module that writes the reference, which the site's extension imports too."""
    spec = importlib.util.spec_from_file_location(
        "reference_text", DOCS / "_ext" / "reference_text.py"
    )
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
    assert len(described) == len(reference().options(command))
    assert all(text.strip() for text in described.values())


def test_every_setting_is_in_the_reference_with_its_meaning():
    text = reference().setting_reference()
    for cls in reference().config_classes():
        section = text.split(f"## {cls.__name__}\n", 1)[1].split("\n## ", 1)[0]
        rows = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", section, re.MULTILINE))
        assert list(rows) == [field.name for field in dataclasses.fields(cls)]
        assert all(meaning.strip() for meaning in rows.values()), rows
