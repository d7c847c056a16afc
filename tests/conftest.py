"""The fixtures that tests share: a command runner in a folder of its own, a tiny trained run, and a browser."""

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import OLD, SERVER, Result, call_charrnn, made_once, make_text, run_charrnn
from hypothesis import HealthCheck, settings
from messages import COLLECTED, Wording
from prepared import BRIEF, spare_the_disk

import charrnn
from charrnn.checkpoint import load_checkpoint
from charrnn.counts.mixed_model import MixedModel
from charrnn.model import CharRNN

os.environ["OMP_NUM_THREADS"] = (
    "1"  # before torch is imported: the tests share the cores, not each test
)

spare_the_disk()

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background jobs
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "tests",
    max_examples=25,
    deadline=None,  # a busy machine is no defect
    suppress_health_check=[HealthCheck.too_slow],  # the same
    derandomize=True,  # every machine tries the same examples, at every run
    print_blob=True,
)
settings.register_profile(
    "hunt", settings.get_profile("tests"), derandomize=False, max_examples=2000
)
settings.register_profile("long", settings.get_profile("tests"), max_examples=250)
settings.load_profile("tests")  # pytest --hypothesis-profile=hunt looks for new ones

QUICK = {
    "evaluation": ("test_evaluation",),
    "interpret": ("test_recording", "test_spans"),
    "render": ("test_glyphs", "test_palette"),
    "sampling": ("test_sampling", "test_stopping"),
    "text": ("test_vocabulary",),
    "training": ("test_optimizer", "test_plan"),
    "network": ("test_exactness",),
    "tests": ("test_files", "test_settings"),
}
"""The modules that `pytest -m quick` runs, by their folder: each room, in less than a minute together."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-golden", action="store_true", help="write tests/messages.txt instead of reading it"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make a folder for the server that the commands of all workers share; try more examples with -m long."""
    if config.option.markexpr == "long":
        settings.load_profile("long")
    if "PYTEST_XDIST_WORKER" not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="charrnn-", ignore_cleanup_errors=True)
        os.environ[SERVER] = folder.name
        config.add_cleanup(folder.cleanup)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among the tests and imported modules, neither now nor later: they are many, and stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of the quick modules and those that meet messages; keep the latter, if these are to be written.

    With -m long the tests that try examples are run too.
    """
    meet = [x for x in items if "wording" in getattr(x, "fixturenames", ())]
    config.stash[COLLECTED] = {x.nodeid.removeprefix("tests/") for x in meet}
    for item in meet:
        item.add_marker(pytest.mark.wording)
    if config.getoption("--write-golden"):
        items[:] = meet
    for item in items:
        if config.option.markexpr == "long" and hasattr(item.obj, "hypothesis"):
            item.add_marker(pytest.mark.long)
        if item.path.stem in QUICK.get(item.path.parent.name, ()):
            item.add_marker(pytest.mark.quick)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Let no test inherit the --quiet of another one; measure in moments how fast this machine trains."""
    if terminal := sys.modules.get("charrnn.cli.terminal"):
        terminal._quiet = False  # type: ignore[attr-defined]
    if measure := sys.modules.get("charrnn.training.measure"):  # else nothing has trained yet
        measure.TRIAL_SECONDS = BRIEF  # type: ignore[attr-defined]


@pytest.fixture
def charrnn_in(tmp_path: Path) -> Callable[..., Result]:
    """`run_charrnn` in the test's own folder."""

    def run(*arguments: object, **options: object) -> Result:
        return run_charrnn(*arguments, **({"cwd": tmp_path} | options))  # type: ignore[arg-type]

    return run


@pytest.fixture
def refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, workplace: Path
) -> Callable[..., Result]:
    """Run a command in the workplace, expect its status and nothing on standard output."""
    monkeypatch.chdir(workplace)

    def run(status: int, *arguments: object) -> Result:
        result = call_charrnn(capsys, *arguments, status=status)
        assert result.out == ""
        return result

    return run


@pytest.fixture
def wording(
    request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Wording]:
    """The comparison of what the test meets with the golden file (see messages.py)."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    name = request.node.nodeid.removeprefix("tests/")
    folders = {str(tmp_path): "HERE", str(shared / "workplace"): "WORKPLACE"}
    wording = Wording(name, folders, writes=request.config.getoption("--write-golden"))
    yield wording
    wording.close()


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with corpus.txt and two runs under checkpoints/: `bytes` and, newest, `tiny`. Not to be changed."""
    return made_once(tmp_path_factory, "workplace", _fill_workplace)


def _fill_workplace(folder: Path) -> None:
    (folder / "corpus.txt").write_text(make_text(), encoding="utf-8")
    shape = ("--hidden-size", 24, "--layers", 2, "--embedding-size", 5)
    small = ("--batch-size", 8, "--sequence-length", 16, "--steps", 60, "--precision", "float32")
    for own in (("bytes", "--level", "byte"), ("tiny", "--test-fraction", 0.05)):
        run_charrnn("train", "corpus.txt", "--name", *own, *shape, *small, "-q", cwd=folder)


@pytest.fixture(scope="session")
def tiny_model(workplace: Path) -> CharRNN:
    """A character model with 2 layers of 24 units."""
    return charrnn.load(workplace / "checkpoints" / "tiny" / "best.safetensors")


@pytest.fixture(scope="session")
def tiny_mixed(workplace: Path) -> MixedModel:
    """The same character model, mixed with the counts of its training text."""
    loaded = load_checkpoint(workplace / "checkpoints" / "tiny" / "best.safetensors")
    assert loaded.counts
    return MixedModel(loaded.model, loaded.counts)


@pytest.fixture(scope="session")
def byte_model(workplace: Path) -> CharRNN:
    """The same at level byte."""
    return charrnn.load(workplace / "checkpoints" / "bytes" / "best.safetensors")


# --- a browser ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, driven by Playwright. Its event loop runs until the tests of a module are over."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip(f"there is no browser: none of {', '.join(names)} is installed")
    quiet = (
        "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    )
    flags = [*quiet.split(), "--disable-component-update", "--disable-sync"]
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is to be written again: it has the content OLD."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(OLD)
    return path
