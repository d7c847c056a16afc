"""The house as a whole: imports go down the floors, and each part keeps to itself."""

import ast
import importlib
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import charrnn

ROOT = Path(charrnn.__file__).parent

FLOORS = [  # from the ground up; a module may import from its own part and from the floors below
    {"errors", "wording", "threads"},
    {"numerics", "settings", "cells"},
    {"alignments"},
    {"config"},
    {"temporaries"},
    {"files"},
    {"text"},
    {"constraint"},
    {"network"},
    {"model", "schema"},
    {"pairs", "exact"},
    {"counts"},
    {"adapting", "checkpoint"},
    {"runs"},
    {"evaluation", "sampling", "constructions"},
    {"compression", "interpret", "export"},
    {"render"},
    {"pair_model"},
    {"api"},
    {"training"},
    {"web"},
    {"cli"},
    {"__init__", "__main__"},
]
FLOOR_OF = {part: number for number, floor in enumerate(FLOORS) for part in floor}


def part_of(path):
    return part_named(path.relative_to(ROOT).with_suffix("").parts)


def part_named(names):
    """The part of a module; rooms within others that lower floors know are parts by themselves."""
    rooms = ("network/cells", "network/alignments", "sampling/constraint")
    return names[1] if "/".join(names[:2]) in rooms else names[0]


@cache
def nodes(path):
    """The syntax of a file, node by node."""
    return [*ast.walk(ast.parse(path.read_text(encoding="utf-8")))]


@cache
def imports(path):
    """(module, inside TYPE_CHECKING) for each import of a file."""
    found, hidden = [], set()
    for node in nodes(path):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            hidden |= set(ast.walk(node))
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found += [(name, node in hidden) for name in names]
    return found


FILES = sorted(ROOT.rglob("*.py"))


def is_down(path, module):
    """Whether a file may import a module."""
    ours, names = part_of(path), module.split(".")
    if names[0] != "charrnn" or len(names) < 2 or names[1] not in FLOOR_OF:
        return True
    theirs = part_named(names[1:])
    return ours == theirs or FLOOR_OF[theirs] < FLOOR_OF[ours]


def test_imports_go_down_the_floors():
    assert [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in FILES
        for module, only_for_types in imports(path)
        if not only_for_types and not is_down(path, module)
    ] == []


def module_of(path):
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


def test_no_two_files_import_each_other():
    """Imports inside functions and for types count too."""
    modules = {module_of(path) for path in FILES}
    graph = {module_of(p): {m for m, _ in imports(p)} & modules - {module_of(p)} for p in FILES}
    TopologicalSorter(graph).prepare()  # a CycleError lists the modules of a cycle


def test_every_part_has_a_floor():
    assert {part_of(p) for p in FILES} == set(FLOOR_OF)


def test_torch_lives_in_training_and_click_nowhere():
    for path in FILES:
        modules = {m.split(".")[0] for m, _ in imports(path)}
        absent = {"click", "pickle"} | ({"torch"} if part_of(path) != "training" else set())
        assert not modules & absent, path


def test_only_the_command_line_prints_exits_or_reads_its_surroundings():
    theirs = {"print", "sys.exit", "exit", "os.getenv", "os.getcwd", "Path.cwd", "input"}
    for path in FILES:
        if part_of(path) in ("cli", "__main__"):
            continue
        called = {ast.unparse(n.func) for n in nodes(path) if isinstance(n, ast.Call)}
        assert not called & theirs, path
        source = path.read_text(encoding="utf-8")
        assert "os.environ" not in source, path
        assert "sys.argv" not in source, path


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import charrnn; dir(charrnn)", {"torch", "numpy"}),
        ("import charrnn.cli.app", {"torch", "numpy"}),
        ("import charrnn; charrnn.LanguageModel; charrnn.evaluate; charrnn.Recording", {"torch"}),
        ("import charrnn.config, charrnn.training.plan, charrnn.training.data", {"torch"}),
        ("import charrnn.checkpoint, charrnn.sampling.sampler, charrnn.render.ansi", {"torch"}),
    ],
)
def test_importing_a_part_does_not_import_what_it_can_do_without(statement, absent):
    script = f"{statement}; import sys; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not absent & set(done.stdout.split())


def test_the_public_names_are_there():
    for name in charrnn.__all__:
        assert getattr(charrnn, name)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = charrnn.nonsense
    assert charrnn.__version__ == "0.1.0"


BENCHMARKS = sorted((ROOT.parent / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.name)
def test_every_name_that_a_benchmark_imports_is_there(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("charrnn"):
            module = importlib.import_module(node.module)
            for name in node.names:
                if not hasattr(module, name.name):
                    importlib.import_module(f"{node.module}.{name.name}")
