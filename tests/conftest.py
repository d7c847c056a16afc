"""What tests share: a command runner, a text that every machine has, and a tiny trained run."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import charrnn
from charrnn.model import CharRNN


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str


CLEAN = {
    k: v
    for k, v in os.environ.items()
    if not k.startswith(("COLUMNS", "NO_COLOR", "FORCE_", "COLORTERM"))
} | {"OMP_NUM_THREADS": "1"}  # tests' networks are too small to share among threads


def command(*arguments: object) -> list[str]:
    """The command line of `charrnn ARGUMENTS` with this interpreter."""
    return [
        sys.executable,
        "-W",
        "error::DeprecationWarning:charrnn",
        "-m",
        "charrnn",
        *map(str, arguments),
    ]


def own_signals() -> None:
    """Give a child its signals back, whatever the test runner inherited."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(
            number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        )


def run_charrnn(
    *arguments: object,
    cwd: Path,
    stdin: bytes = b"",
    env: dict[str, str] | None = None,
    status: int | None = 0,
) -> Result:
    """Run `charrnn` as a process of its own and expect an exit status (None: any)."""
    done = subprocess.run(
        command(*arguments),
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env=CLEAN | (env or {}),
        preexec_fn=own_signals,
        check=False,
    )
    result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in result.err, result.err
    assert status is None or result.status == status, result
    return result


def call_charrnn(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> Result:
    """The same in this process, which has torch loaded already: for what needs no process of its own."""
    from charrnn.cli import console
    from charrnn.cli.app import obey

    capsys.readouterr()
    with pytest.raises(SystemExit) as left, pytest.MonkeyPatch.context() as patch:
        patch.setattr(console, "_prepare_streams", lambda: None)
        patch.setattr(console, "_let_signals_end_us", lambda: None)
        console.run(lambda: obey([str(a) for a in arguments]))
    captured = capsys.readouterr()
    assert left.value.code == status, captured
    return Result(status, captured.out, captured.err)


def make_text(num_chars: int = 6000) -> str:
    """Text with some structure: this standard library's own textwrap module, from its start."""
    source = Path(textwrap.__file__).read_text(encoding="utf-8")
    return (source * (num_chars // len(source) + 1))[:num_chars]


@pytest.fixture
def charrnn_in(tmp_path: Path) -> Callable[..., Result]:
    """`run_charrnn` in the test's own folder."""

    def run(*arguments: object, **options: object) -> Result:
        return run_charrnn(*arguments, **({"cwd": tmp_path} | options))  # type: ignore[arg-type]

    return run


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with corpus.txt and two runs under checkpoints/: `bytes` and, newest, `tiny`. Not to be changed."""
    folder = tmp_path_factory.mktemp("workplace")
    (folder / "corpus.txt").write_text(make_text(), encoding="utf-8")
    small = (
        "--batch-size",
        8,
        "--sequence-length",
        16,
        "--steps",
        60,
        "--precision",
        "float32",
        "-q",
    )
    shape = ("--hidden-size", 24, "--layers", 2, "--embedding-size", 5)
    run_charrnn(
        "train", "corpus.txt", "--name", "bytes", "--level", "byte", *shape, *small, cwd=folder
    )
    run_charrnn(
        "train", "corpus.txt", "--name", "tiny", "--test-fraction", 0.05, *shape, *small, cwd=folder
    )
    return folder


@pytest.fixture(scope="session")
def tiny_model(workplace: Path) -> CharRNN:
    """A character model with 2 layers of 24 units."""
    return charrnn.load(workplace / "checkpoints" / "tiny" / "best.safetensors")


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
