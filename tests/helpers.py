"""What tests share: a command runner, in a process of its own or in this one, and a text that every machine has."""

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest


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


def precisions() -> list[str]:
    """The precisions that this machine's processor can train in, float32 first."""
    import torch

    from charrnn.training.machine import supports_bfloat16

    return ["float32", "bfloat16"][: 1 + supports_bfloat16(torch.device("cpu"))]


def make_text(num_chars: int = 6000) -> str:
    """Text with some structure: this standard library's own textwrap module, from its start."""
    source = Path(textwrap.__file__).read_text(encoding="utf-8")
    return (source * (num_chars // len(source) + 1))[:num_chars]
