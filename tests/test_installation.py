"""How charrnn is built and installed: the lines of the page about it, and life without torch."""

import contextlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from helpers import CLEAN, run_charrnn
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "how-to" / "installing.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MINOR = "Programming Language :: Python :: 3."
PYTHONS = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if c.startswith(MINOR)]
"""The versions that the project names: 3.11 ..."""
INSTALLED = (".pyenv/versions/{}*/bin/python", ".local/share/uv/python/cpython-{}*/bin/python3")
"""Where others put them, in the home folder."""


def found_python(version):
    """A Python of this version that runs here; None if there is none."""
    others = (path for place in INSTALLED for path in Path.home().glob(place.format(version)))
    for python in (f"python{version}", *map(str, others)):
        script = "import sys; print('%d.%d' % sys.version_info[:2])"
        with contextlib.suppress(OSError):
            done = subprocess.run(
                [python, "-c", script], capture_output=True, text=True, check=False
            )
            if done.stdout.strip() == version:
                return python
    return None


def lines_below(title):
    """The blocks of a section of the page, as scripts."""
    section = PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^```bash\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def run(script, place, **env):
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=place,
        env=CLEAN | env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (script, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


@pytest.fixture
def checkout(tmp_path, workplace):
    """A copy of what git keeps, with a model and a text."""
    place = tmp_path / "checkout"
    left_out = shutil.ignore_patterns(".*", "__pycache__", "checkpoints", "corpora", "site")
    shutil.copytree(ROOT, place, ignore=left_out)
    shutil.copy(
        workplace / "checkpoints" / "tiny" / "best.safetensors", place / "model.safetensors"
    )
    shutil.copy(workplace / "corpus.txt", place / "corpus.txt")
    return place


# --- what is declared -----------------------------------------------------------------------------


def test_the_list_without_torch_is_every_dependency_but_torch():
    text = (ROOT / "docs" / "how-to" / "without-torch.txt").read_text(encoding="utf-8")
    wanted = [line for line in text.splitlines() if not line.startswith("#")]
    assert wanted == [name for name in PROJECT["dependencies"] if not name.startswith("torch")]


def test_no_cap_on_torch_would_downgrade_anyone():
    assert [name for name in PROJECT["dependencies"] if name.startswith("torch")] == ["torch>=2.9"]


def test_every_page_installs_the_torch_that_the_tests_ran_on():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "Dockerfile"]
    pins = {
        pin for page in pages for pin in re.findall(r"torch==([\d.]+)", page.read_text("utf-8"))
    }
    assert pins == {"2.13."}


def requirements_of(*extras):
    """What extras of the project name, but charrnn's own."""
    named = (line for extra in extras for line in PROJECT["optional-dependencies"][extra])
    return [line for line in named if not line.startswith("charrnn[")]


def lines_in(name):
    lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_pinned_tools_are_those_of_the_project_each_with_its_hashes():
    """All tools; not what charrnn itself needs, torch above all, nor a library that only tests compare it with."""
    wanted = lines_in("tools.in")
    tools = requirements_of("test", "docs", "dev", "audit")
    assert wanted == [line for line in tools if not line.startswith("onnxruntime")]
    pinned = "\n".join(lines_in("tools.txt"))
    pins = dict(re.findall(r"^([\w.-]+)==([\w.!+]+)", pinned, re.MULTILINE))
    assert "torch" not in pins
    assert len(re.findall(r"^\w.*(?<!\\)$", pinned, re.MULTILINE)) == 0, "a pin without a hash"
    for line in wanted:
        tool = Requirement(line)
        assert pins[tool.name.lower()] in tool.specifier


def load_hook():
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_package_index_gets_whole_addresses():
    hook = load_hook()
    page, files = "https://x.org/charrnn/", "https://raw.x.org/charrnn/"
    text = hook.with_addresses((ROOT / "README.md").read_text(encoding="utf-8"), page, files)
    targets = re.findall(r"(!?)\[[^]]*\]\(([^)]+)\)", text)
    assert {target[0] for target in targets} == {"!", ""}
    for picture, target in targets:
        place = files if picture else page + "blob/main/"
        if "x.org" in target:
            assert (ROOT / target.removeprefix(place).partition("#")[0]).exists(), target
        else:
            assert re.match(r"https://|#", target)
    links = hook.project_links(page)
    assert links["Source"] == page
    assert links["Changelog"] == f"{page}blob/main/CHANGELOG.md"


# --- without torch --------------------------------------------------------------------------------


@pytest.fixture
def without_torch(tmp_path):
    """The environment of a Python that has no torch."""
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "sitecustomize.py").write_text(
        "import sys\nsys.modules['torch'] = None\n"
    )
    return {"PYTHONPATH": f"{tmp_path / 'blocked'}{os.pathsep}{CLEAN.get('PYTHONPATH', '')}"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("sample", "tiny", "-n", 20),
        ("visualize", "tiny", "def f"),
        ("gates", "tiny", "def f"),
        ("context", "tiny", "corpus.txt", "--max-chars", 600),
        ("evaluate", "tiny", "corpus.txt"),
        ("score", "tiny", "corpus.txt", "--top", 3),
        ("inspect", "tiny"),
        ("curve", "tiny"),
        ("runs",),
        ("corpora",),
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_runs_a_model_needs_no_torch(arguments, workplace, without_torch):
    assert run_charrnn(*arguments, cwd=workplace, env=without_torch).out


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "corpus.txt", "--name", "new", "--steps", 1),
        ("compare", "corpus.txt", "--steps", 1),
        ("saliency", "tiny", "def f"),
        ("gradients", "tiny"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_needs_torch_says_what_to_type(arguments, workplace, without_torch):
    before = sorted(workplace.rglob("*"))
    lines = run_charrnn(*arguments, cwd=workplace, env=without_torch, status=6).err.splitlines()
    assert "needs torch" in lines[-2]
    assert "pip install torch" in lines[-1]
    assert sorted(workplace.rglob("*")) == before


def test_the_library_says_so_too(without_torch, tmp_path):
    code = (
        "import charrnn\n"
        "try: charrnn.train\n"
        "except charrnn.CharrnnError as error: print(error.hint)"
    )
    assert run(f"{sys.executable} -c {shlex.quote(code)}", tmp_path, **without_torch) == (
        "pip install torch\n"
    )


# --- the lines of the page, as they stand ---------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("version", PYTHONS)
def test_the_lines_for_a_small_machine(version, checkout):
    python = found_python(version)
    if python is None:
        pytest.skip(f"there is no Python {version}")
    (script,) = lines_below("Without torch")
    run(script.replace("python3 ", f"{python} "), checkout)
    have = run(".small/bin/pip list", checkout)
    assert re.search(r"^charrnn ", have, re.MULTILINE)
    assert not re.search(r"^torch ", have, re.MULTILINE)


@pytest.mark.long
def test_the_lines_with_pip(checkout):
    (script,) = lines_below("With pip")
    assert run(script, checkout).splitlines()[-1].startswith("charrnn ")


@pytest.mark.long
@pytest.mark.parametrize("number", [0, 1])
def test_the_lines_for_a_command_of_its_own(number, checkout, tmp_path):
    script = lines_below("As a command of its own")[number]
    tool = script.split()[0]
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")
    places = {name: str(tmp_path / name) for name in ("PIPX_HOME", "PIPX_BIN_DIR")}
    places |= {name: str(tmp_path / name) for name in ("UV_TOOL_DIR", "UV_TOOL_BIN_DIR")}
    run(script, checkout, **places)
    program = next(place / "charrnn" for place in tmp_path.glob("*_BIN_DIR"))
    assert run(f"{program} sample model.safetensors -n 20", checkout)


@pytest.mark.long
def test_the_lines_for_a_container(checkout):
    lines = lines_below("In a container")[0].splitlines()
    if subprocess.run("docker info", shell=True, capture_output=True, check=False).returncode:
        pytest.skip("no Docker is running")
    run(lines[0], checkout)
    run(lines[1].replace("--minutes 2", "--steps 2"), checkout)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_release_is_a_wheel_an_archive_and_a_bill_of_what_it_was_installed_with(checkout):
    shutil.copytree(ROOT / ".ci", checkout / ".ci")
    run(".ci/release", checkout)
    assert sorted(path.name.split("-")[0] for path in (checkout / "dist").iterdir()) == [
        "charrnn",
        "charrnn",
        "charrnn.cdx.json",
    ]
    bill = json.loads((checkout / "dist" / "charrnn.cdx.json").read_text(encoding="utf-8"))
    ours = bill["metadata"]["component"]
    assert (bill["bomFormat"], ours["name"], ours["version"]) == (
        "CycloneDX",
        "charrnn",
        PROJECT["version"],
    )
    listed = {
        part["name"].lower().replace("_", "-"): part["version"] for part in bill["components"]
    }
    for line in PROJECT["dependencies"]:
        needed = Requirement(line)
        assert listed[needed.name.lower().replace("_", "-")] in needed.specifier


@pytest.mark.long
def test_what_is_built_passes_the_check_of_a_package_index(checkout, tmp_path):
    run(f"{sys.executable} -m build -o {tmp_path}/dist .", checkout)
    run(f"{sys.executable} -m twine check --strict {tmp_path}/dist/*", checkout)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith("/METADATA"))
        header = Parser().parsestr(archive.read(metadata).decode())
    assert header["Version"] == PROJECT["version"]
    assert header.get_payload().startswith("# charrnn")
    assert "charrnn/web/static/page.css" in names
    assert "charrnn/py.typed" in names
    assert {name.split("/")[0] for name in names} == {"charrnn", metadata.split("/")[0]}
