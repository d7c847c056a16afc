"""What tests share: a command runner, in a process of its own or in this one, and a text that every machine has."""

import atexit
import contextlib
import functools
import os
import pty
import shlex
import shutil
import signal
import subprocess
import sys
import termios
import textwrap
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from filelock import FileLock
from hypothesis import settings
from prepared import BRIEF, Server

from charrnn.errors import OFF, CharrnnError

if TYPE_CHECKING:
    from charrnn.model import CharRNN
    from charrnn.text.vocabulary import Vocabulary

Model = TypeVar("Model", bound="CharRNN")

BEST = "checkpoints/tiny/best.safetensors"
"""A model of the workplace."""
CONTROL_CHARACTERS = "\t\n\x07\x1b[]m\x7f\x9b\u202e\u2066"


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str
    arguments: tuple[str, ...] = field(default=(), compare=False)


CLEAN = {
    k: v
    for k, v in os.environ.items()
    if not k.startswith(("COLUMNS", "NO_COLOR", "FORCE_", "COLORTERM", "PYTHONDONTWRITEBYTECODE"))
} | {
    "OMP_NUM_THREADS": "1",  # tests' networks are too small to share among threads
    "COLORFGBG": "0;15",  # no terminal is asked for its background
}
FLAGS = ("-W", "error::DeprecationWarning:charrnn")
SERVER = "CHARRNN_TEST_SERVER"
"""The environment variable with the folder of the server of prepared processes."""
READ_LATE = {
    "BROWSER",
    "COLORFGBG",
    "COLORTERM",
    "COLUMNS",
    "COMP_CWORD",
    "COMP_WORDS",
    "LESS",
    "LINES",
    "NO_COLOR",
    "PAGER",
    "PATH",
    "TERM",
    "_CHARRNN_COMPLETE",
}
"""What no module reads of the environment when it is imported."""


def command(*arguments: object) -> list[str]:
    """The command line of `charrnn ARGUMENTS` with this interpreter."""
    return [sys.executable, *FLAGS, "-m", "charrnn", *map(str, arguments)]


def program(*arguments: object) -> list[str]:
    """The same by the server of this run's commands: for a command that runs beside the test, and gets signals."""
    return [str(prepared_server().program), *map(str, arguments)]


def script(code: str, *arguments: object) -> list[str]:
    """The command line of `python -c CODE ARGUMENTS` by this server, in which all of charrnn and torch is imported."""
    return program("-c", code, *arguments)


SIGNALED = """
import itertools, os, sys
import charrnn.training.trainer as t
number, at = int(sys.argv.pop(1)), int(sys.argv.pop(1))
steps, step = itertools.count(1), t.Trainer._step
def signaled(self):
    made = step(self)
    if next(steps) == at:
        os.kill(os.getpid(), number)
    return made
t.Trainer._step = signaled
from charrnn.cli.app import main
main()
"""


def signaled(number: int, at: int, *arguments: object) -> list[str]:
    """The command line of `charrnn ARGUMENTS` by this server; the process gets a signal in its n-th optimizer step."""
    return script(SIGNALED, int(number), at, *arguments)


def own_signals() -> None:
    """Give a child its signals back, whatever the test runner inherited."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(
            number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        )


def run_charrnn(
    *arguments: object,
    cwd: Path,
    stdin: bytes | int = b"",
    env: dict[str, str] | None = None,
    status: int | None = 0,
) -> Result:
    """Run `charrnn` as a process of its own and expect an exit status (None: any).

    Python itself is started anew only where its environment may matter to how it starts. Standard input is what is
    given, or an open descriptor.
    """
    env = env or {}
    run = _start_prepared if env.keys() <= READ_LATE else _start_anew
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
        if isinstance(stdin, bytes):
            given.write(stdin)
            given.seek(0)
        read = given.fileno() if isinstance(stdin, bytes) else stdin
        streams = (read, out.fileno(), err.fileno())
        ended = run([str(a) for a in arguments], cwd, CLEAN | env, streams)
        out.seek(0)
        err.seek(0)
        typed = tuple(map(str, arguments))
        result = Result(ended, out.read().decode(), err.read().decode(), typed)
    assert "Traceback" not in result.err, result.err
    assert status is None or result.status == status, result
    return result


def run_on_terminal(
    *arguments: object,
    cwd: Path,
    env: dict[str, str] | None = None,
    columns: int = 0,
    both: bool = False,
) -> str:
    """What a terminal on standard output gets to see, with LF at the end of its lines.

    It is on stderr too, or else (without `both`) stderr must stay empty.
    """
    env, seen = env or {}, bytearray()
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (20 * (columns > 0), columns))
    reader = threading.Thread(target=_read_terminal, args=(ours, seen))
    reader.start()
    with TemporaryFile() as given, TemporaryFile() as err:
        streams = (given.fileno(), theirs, theirs if both else err.fileno())
        run = _start_prepared if env.keys() <= READ_LATE else _start_anew
        status = run([str(a) for a in arguments], cwd, CLEAN | env, streams)
        os.close(theirs)
        reader.join()
        os.close(ours)
        err.seek(0)
        assert (status, err.read()) == (0, b""), bytes(seen)
    return seen.replace(b"\r\n", b"\n").decode()


def run_shell(
    line: str, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a bash line under pipefail, in which `charrnn` is a command; one of its own, if a stream is closed."""
    started = command() if ">&-" in line else program()
    script = f'set -o pipefail; charrnn() {{ {shlex.join(started)} "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", script],
        cwd=cwd,
        capture_output=True,
        env=CLEAN | (env or {}),
        preexec_fn=own_signals,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def _start_anew(
    arguments: list[str], cwd: Path, env: dict[str, str], streams: tuple[int, int, int]
) -> int:
    given, out, err = streams
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=env,
        stdin=given,
        stdout=out,
        stderr=err,
        preexec_fn=own_signals,
        check=False,
    ).returncode


def _start_prepared(
    arguments: list[str], cwd: Path, env: dict[str, str], streams: tuple[int, int, int]
) -> int:
    return prepared_server().run(arguments, cwd=cwd, env=env, streams=streams)


def _read_terminal(descriptor: int, seen: bytearray) -> None:
    with contextlib.suppress(OSError):  # Linux's way of saying that the other end is closed
        while piece := os.read(descriptor, 65536):
            seen += piece


@functools.cache
def prepared_server() -> Server:
    """The server of this run's commands."""
    env = CLEAN | {
        "TORCH_CPP_LOG_LEVEL": "FATAL"
    }  # as charrnn has it where processes train together
    server = Server(FLAGS, env, Path(os.environ[SERVER]))
    atexit.register(server.close)
    return server


def call_charrnn(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> Result:
    """The same in this process, which has torch loaded already: for what needs no process of its own."""
    from charrnn.cli import terminal
    from charrnn.cli.app import obey

    capsys.readouterr()
    with pytest.raises(SystemExit) as left, pytest.MonkeyPatch.context() as patch:
        patch.setattr(terminal, "_prepare_streams", lambda: None)
        patch.setattr(terminal, "_let_signals_end_us", lambda: None)
        patch.setattr(terminal, "_quiet", False)
        if arguments[0] in ("train", "compare"):
            patch.setattr("charrnn.training.measure.TRIAL_SECONDS", BRIEF)
        terminal.run(lambda: obey([str(a) for a in arguments]))
    captured = capsys.readouterr()
    assert left.value.code == status, captured
    return Result(status, captured.out, captured.err, tuple(map(str, arguments)))


def made_once(factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], object]) -> Path:
    """A folder that one of the processes that run the tests fills, and all of them read."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, filled = shared / name, shared / f"{name}.filled"
    with FileLock(shared / f"{name}.lock"):
        if not filled.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            fill(folder)
            filled.touch()
    return folder


def examples(number: int, **more: Any) -> settings:
    """Hypothesis' settings for a test with this many examples in 100 of others, at least ten where there are so many."""
    share = round(number * settings.default.max_examples / 100)
    return settings(max_examples=max(min(number, 10), share), **more)


def nearly(value: Any) -> Any:
    """Something equal to a value but for the last digits of its numbers, which depend on the processor."""
    if isinstance(value, dict):
        return {name: nearly(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [nearly(part) for part in value]
    return pytest.approx(value, rel=1e-4, abs=1e-6) if isinstance(value, float) else value


def settings_named(error: CharrnnError) -> list[str]:
    """The settings that an error names, in the order of its message."""
    names: list[str] = []
    error.typed(lambda name, _: names.append(name) or name)
    return [name for name in names if name != OFF]


def precisions() -> list[str]:
    """The precisions that this machine's processor can train in, float32 first."""
    import torch

    from charrnn.training.machine import supports_bfloat16

    return ["float32", "bfloat16"][: 1 + supports_bfloat16(torch.device("cpu"))]


def random_model(
    vocabulary: "Vocabulary | str",
    *,
    kind: type[Model] | None = None,
    seed: int = 1,
    scale: float = 1.0,
    **shape: Any,
) -> Model:
    """A model with normally distributed weights.

    Args:
        vocabulary: its symbols, or the characters of a text.
        kind: LanguageModel, if left out, or CharRNN.
        seed: of the weights.
        scale: their standard deviation; 0 for a model that expects nothing.
        shape: fields of its ModelConfig; else 2 layers of 5 units and embeddings of 3.
    """
    import numpy as np

    from charrnn.api import LanguageModel
    from charrnn.config import ModelConfig
    from charrnn.model import weight_shapes

    if isinstance(vocabulary, str):
        vocabulary = characters(vocabulary)
    shape = {"embedding_size": 3, "hidden_size": 5, "num_layers": 2} | shape
    config = ModelConfig(vocab_size=len(vocabulary), **shape)
    draw = np.random.default_rng(seed)
    weights = {
        name: draw.normal(0, scale, of).astype(np.float32)
        for name, of in weight_shapes(config).items()
    }
    return (kind or LanguageModel)(config, vocabulary, weights)


def characters(text: str) -> "Vocabulary":
    """The vocabulary of a text's characters."""
    from charrnn.text.vocabulary import Vocabulary

    return Vocabulary("char", sorted(set(map(ord, text))))


def save_model(folder: Path, vocabulary: "Vocabulary", **about: Any) -> "CharRNN":
    """A small random model, kept as the run `odd` of FOLDER."""
    from charrnn.checkpoint import Checkpoint, save_checkpoint

    model = random_model(vocabulary, seed=0, scale=0.5, hidden_size=4, num_layers=1)
    run = folder / "checkpoints" / "odd"
    run.mkdir(parents=True)
    save_checkpoint(run / "best.safetensors", Checkpoint(model, **about))
    return model


def expected_text(model: Any, *, prime: str = "", index: int = 0, **settings: Any) -> str:
    """What a sample of a model must be: by default 60 characters of the seed 1."""
    from charrnn.config import SamplingConfig
    from charrnn.sampling.sampler import sample

    config = SamplingConfig(**({"length": 60, "seed": 1} | settings))
    return prime + "".join(sample(model, prime, config, index=index))


def names_in_dump(letters: Iterable[str]) -> set[str]:
    """The names of the arrays of a dump with these states and gates."""
    of_items = {f"{what}_{letter}" for what in ("mean", "last") for letter in letters}
    return {"header", "text", "ids", "offsets", "items", "surprisal", *letters, *of_items}


def typed(text: str) -> str:
    """A text as it is typed, where a backslash begins an escape."""
    return text.replace("\\", "\\\\")


def make_text(num_chars: int = 6000) -> str:
    """Text with some structure: this standard library's own textwrap module, from its start."""
    source = Path(textwrap.__file__).read_text(encoding="utf-8")
    return (source * (num_chars // len(source) + 1))[:num_chars]


OLD, NEW = b"old", b"newer"
"""The content of a file before and after it is written."""


def listing(folder: Path) -> list[str]:
    """The names in a folder."""
    return sorted(path.name for path in folder.iterdir())
