"""The house as a whole: imports go down the floors, and each part keeps to itself."""

import ast
import importlib
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import charrnn

ROOT = Path(charrnn.__file__).parent

FLOORS = [  # from the ground up; a module may import from its own part and from the floors below
    {"errors", "wording"},
    {"numerics", "settings", "cells"},
    {"alignments"},
    {"config"},
    {"temporaries"},
    {"files"},
    {"text"},
    {"constraint"},
    {"network"},
    {"model", "schema"},
    {"pairs"},
    {"checkpoint"},
    {"runs"},
    {"evaluation", "sampling"},
    {"interpret"},
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


def imports(path):
    """(module, inside TYPE_CHECKING) for each import of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            hidden |= set(ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node in hidden
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node in hidden
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node in hidden


FILES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down_the_floors(path):
    ours = part_of(path)
    for module, only_for_types in imports(path):
        names = module.split(".")
        if names[0] != "charrnn" or len(names) < 2 or names[1] not in FLOOR_OF:
            continue
        theirs = part_named(names[1:])
        if ours == theirs or only_for_types:
            continue
        assert FLOOR_OF[theirs] < FLOOR_OF[ours], f"{path.name} imports {module}"


def module_of(path):
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


def test_no_two_files_import_each_other():
    """Imports inside functions and for types count too."""
    modules = {module_of(path) for path in FILES}
    graph = {module_of(p): {m for m, _ in imports(p)} & modules - {module_of(p)} for p in FILES}
    TopologicalSorter(graph).prepare()  # a CycleError lists the modules of a cycle


def test_every_part_has_a_floor():
    assert {part_of(p) for p in FILES} == set(FLOOR_OF)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_torch_lives_in_training_and_click_nowhere(path):
    modules = {m.split(".")[0] for m, _ in imports(path)}
    assert "click" not in modules
    assert "pickle" not in modules
    if part_of(path) != "training":
        assert "torch" not in modules


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_command_line_prints_exits_or_reads_its_surroundings(path):
    if part_of(path) in ("cli", "__main__"):
        return
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    called = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    assert not called & {"print", "sys.exit", "exit", "os.getenv", "os.getcwd", "Path.cwd", "input"}
    assert "os.environ" not in source
    assert "sys.argv" not in source


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
