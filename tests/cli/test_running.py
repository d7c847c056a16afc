"""The commands that run a model, as people type them: sample, evaluate, inspect; and corpora."""

import importlib.metadata
import io
import itertools
import json
import math
import os
import pickle
import shlex
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from helpers import (
    BEST,
    CLEAN,
    call_charrnn,
    command,
    expected_text,
    own_signals,
    program,
    run_charrnn,
    run_on_terminal,
)
from rich.text import Text
from typer.main import get_command

import charrnn
from charrnn.api import LanguageModel
from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.cli.app import app
from charrnn.cli.sample.output import CHARACTERS_PER_WRITE
from charrnn.config import ModelConfig
from charrnn.evaluation.evaluate import evaluate
from charrnn.network.shapes import weight_shapes
from charrnn.render.glyphs import harmless
from charrnn.sampling.sampler import STRIDE
from charrnn.text.catalog import CATALOG
from charrnn.text.vocabulary import Vocabulary

CONTROL_CHARACTERS = "\t\n\x07\x1b[]m\x7f\x9b\u202e\u2066"


def characters(text):
    return Vocabulary("char", sorted(map(ord, text)))


def save_model(folder, vocabulary, **about):
    """A small random model, kept as the run `odd` of FOLDER."""
    config = ModelConfig(vocab_size=len(vocabulary), embedding_size=3, hidden_size=4)
    generator = np.random.default_rng(0)
    weights = {
        name: generator.normal(0, 0.5, shape).astype(np.float32)
        for name, shape in weight_shapes(config).items()
    }
    model = LanguageModel(config, vocabulary, weights)
    run = folder / "checkpoints" / "odd"
    run.mkdir(parents=True)
    save_checkpoint(run / "best.safetensors", Checkpoint(model, **about))
    return model


def run_shell(line, cwd, env=None):
    """A bash line under pipefail, in which `charrnn` is a command."""
    script = f'set -o pipefail; charrnn() {{ {shlex.join(command())} "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", script],
        cwd=cwd,
        capture_output=True,
        env=CLEAN | (env or {}),
        preexec_fn=own_signals,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.fixture
def refused(capsys, monkeypatch, workplace):
    """Run a command in the workplace, expect its status and nothing on standard output."""
    monkeypatch.chdir(workplace)

    def run(status, *arguments):
        result = call_charrnn(capsys, *arguments, status=status)
        assert result.out == ""
        return result

    return run


# --- sample: what it writes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (("-n", 7, "--prompt", "def "), {"length": 7, "prime": "def "}),
        (("--length", 0, "--prompt", "def "), {"length": 0, "prime": "def "}),
        (("--temp", 0, "--seed", 2), {"temperature": 0.0, "seed": 2}),
        (("--temperature", "1e30", "--top-k", 4), {"temperature": 1e30, "top_k": 4}),
        (("--temp", "1e-40"), {"temperature": 1e-40}),
        (("--temp", 2, "--top-p", 0.5), {"temperature": 2.0, "top_p": 0.5}),
    ],
)
def test_stdout_carries_the_prime_and_the_text_and_nothing_else(
    workplace, tiny_model, options, settings
):
    asked = ("-q", "--length", 60, "--seed", 1, *options)
    result = run_charrnn("sample", "tiny", *asked, cwd=workplace)
    assert result.out == expected_text(tiny_model, **settings)
    assert len(result.out) == len(settings.get("prime", "")) + settings.get("length", 60)
    assert result.err == ""


def test_every_setting_changes_the_text(tiny_model):
    settings = (
        {},
        {"temperature": 0},
        {"temperature": 2.0},
        {"temperature": 2.0, "top_k": 4},
        {"temperature": 2.0, "top_p": 0.5},
        {"seed": 2},
        {"prime": "def "},
        {"length": 7},
    )
    assert len({expected_text(tiny_model, **setting) for setting in settings}) == len(settings)


def test_a_sample_does_not_depend_on_how_many_are_asked_for(workplace, tiny_model):
    result = run_charrnn("sample", "--count", 3, "-n", 60, "--seed", 1, "-q", cwd=workplace)
    texts = [expected_text(tiny_model, index=index) for index in range(3)]
    assert result.out == "\n\n".join(texts)
    assert len(set(texts)) == 3


@pytest.mark.parametrize("source", ["prime.txt", "-"])
def test_the_prime_comes_from_a_file_or_from_standard_input(tmp_path, workplace, source):
    prime = "import re\n\n"
    (tmp_path / "prime.txt").write_bytes(prime.encode().replace(b"\n", b"\r\n"))
    model = workplace / BEST
    options = ("--prompt-file", source, "-n", 9, "--temp", 0, "-q")
    result = run_charrnn("sample", model, *options, cwd=tmp_path, stdin=prime.encode())
    assert result.out.startswith(prime)
    assert len(result.out) == len(prime) + 9


def test_a_fresh_seed_is_said_and_gives_the_same_text_again(workplace):
    first = run_charrnn("sample", "tiny", "-n", 60, cwd=workplace)
    seed = first.err.split("seed ")[1].strip()
    again = run_charrnn("sample", "tiny", "-n", 60, "--seed", seed, cwd=workplace)
    other = run_charrnn("sample", "tiny", "-n", 60, cwd=workplace)
    assert first.out == again.out != other.out


@pytest.mark.parametrize("env", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii", "LANG": "C"}])
def test_a_pipe_gets_utf_8_whatever_the_locale(tmp_path, env):
    model = save_model(tmp_path, characters("éß漢😀"))
    result = run_charrnn("sample", "-q", "-n", 60, "--seed", 1, cwd=tmp_path, env=env)
    assert result.out == expected_text(model)


def test_a_byte_model_hands_on_a_prime_that_is_no_utf_8_as_it_came(workplace):
    prime = b"\xff\x80caf\xe9\r\n"
    done = subprocess.run(
        command("sample", "bytes", "-q", "-n", "5", "--prompt-file", "-"),
        cwd=workplace,
        input=prime,
        capture_output=True,
        env=CLEAN | {"LC_ALL": "C"},
        check=True,
    )
    assert done.stdout.startswith(prime)
    assert len(done.stdout.removeprefix(prime).decode()) == 5


def test_a_terminal_is_shown_control_characters_and_a_pipe_gets_them(tmp_path):
    model = save_model(tmp_path, characters(CONTROL_CHARACTERS))
    options = ("sample", "-q", "-n", 200, "--seed", 1)
    written = expected_text(model, length=200)
    assert set(written) == set(CONTROL_CHARACTERS)
    assert run_charrnn(*options, cwd=tmp_path).out == written
    seen = run_on_terminal(*options, cwd=tmp_path)
    assert not set(seen) & set("\x07\x1b\x7f\x9b\u202e\u2066")
    shown = harmless(written)
    assert seen == (shown if shown.endswith("\n") else shown + "\n")
    assert "␛" in seen


def test_a_terminal_that_knows_only_ascii_gets_escapes(tmp_path):
    save_model(tmp_path, characters("é漢"))
    env = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    seen = run_on_terminal("sample", "-q", "-n", 60, "--seed", 1, cwd=tmp_path, env=env)
    assert seen.replace("\\xe9", "").replace("\\u6f22", "") == "\n"
    assert "\\xe9" in seen


# --- sample: what it refuses ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        ("--length", -1),
        ("--length", "ten"),
        *(("--temp", value) for value in (-1, "nan", "inf")),
        *(("--top-p", value) for value in (0, 1.5, "nan")),
        ("--top-k", -1),
        ("--count", 0),
        ("--seed", -1),
        ("--prompt-file", "corpus.txt", "--prompt", "a"),
    ],
)
def test_a_setting_out_of_its_range_is_a_usage_error_that_names_it(refused, options):
    assert options[0].strip("-") in refused(2, "sample", *options).err


def test_a_prime_with_unknown_characters_is_refused_by_name(refused, tmp_path, wording):
    result = refused(3, "sample", "-q", "--prompt", "aé\x1b\udcff")
    assert all(text in result.err for text in ("U+00E9", "U+001B", "U+DCFF"))
    assert "\x1b" not in result.err
    wording(result)
    (tmp_path / "prime").write_text("漢")
    wording(refused(3, "sample", "-q", "--prompt-file", tmp_path / "prime"))
    (tmp_path / "prime").write_bytes(b"caf\xe9 au lait")
    result = refused(3, "sample", "-q", "--prompt-file", tmp_path / "prime")
    assert "--encoding" not in result.err  # an option of train, not of sample
    wording(result)
    wording(refused(3, "sample", "-q", "--prompt-file", "no-such-file"))


# --- which checkpoint -----------------------------------------------------------------------------


def test_the_newest_run_is_taken_and_said_unless_one_is_named(workplace, capsys, monkeypatch):
    monkeypatch.chdir(workplace)
    options = ("-n", 60, "--seed", 1)
    newest = call_charrnn(capsys, "sample", *options)
    assert f"newest checkpoint {BEST}" in newest.err
    assert call_charrnn(capsys, "sample", "-q", *options).err == ""
    for name in ("tiny", "checkpoints/tiny", BEST, workplace / BEST):
        named = call_charrnn(capsys, "sample", name, *options)
        assert named.out == newest.out
        assert "newest" not in named.err
    assert call_charrnn(capsys, "sample", "bytes", *options).out != newest.out


def test_a_missing_checkpoint_is_answered_with_what_there_is(
    refused, monkeypatch, tmp_path, wording
):
    names = ("nope", ".", "", "no/such.safetensors", "a\0b", "x" * 5000)
    for name in names:
        wording(refused(4, "sample", name))
    monkeypatch.chdir(tmp_path)
    wording(refused(4, "sample"))
    wording(refused(4, "sample", "nope"))


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("verb", [("sample",), ("evaluate", "-q"), ("inspect", "--json")])
def test_a_bad_checkpoint_is_refused_and_none_of_its_code_runs(
    refused, workplace, tmp_path, verb, wording
):
    good = (workplace / BEST).read_bytes()
    damaged = bytearray(good)
    damaged[-100] ^= 1
    ran = tmp_path / "ran"
    bad = {
        "damaged.safetensors": bytes(damaged),
        "short.safetensors": good[:-50],
        "empty.safetensors": b"",
        "other.safetensors": b"just a text, no model at all",
        "model.pt": pickle.dumps(Payload(ran)),
    }
    text = [workplace / "corpus.txt"] if verb[0] == "evaluate" else []
    for name, content in bad.items():
        path = tmp_path / name
        path.write_bytes(content)
        result = refused(4, verb[0], path, *text, *verb[1:])
        assert result.err.startswith(f"charrnn: {path}")
        wording(result)
    assert not ran.exists()


# --- streams that fail, signals -------------------------------------------------------------------


@pytest.mark.parametrize("length", [100_000, 10**15])
def test_a_reader_that_has_enough_ends_it_silently(workplace, length):
    done = run_shell(f"charrnn sample -q -n {length} | head -c 10", workplace)
    assert len(done.stdout) == 10
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


@pytest.mark.parametrize(
    "line",
    ["sample -q -n 5", "sample -q -n 90000", "inspect -q", "--help"],
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_one_line_and_status_6(workplace, line, unbuffered):
    done = run_shell(f"charrnn {line} > /dev/full", workplace, {"PYTHONUNBUFFERED": unbuffered})
    assert done.stderr == b"charrnn: cannot write the output: No space left on device\n"
    assert done.returncode == 6


def test_a_closed_stdout_is_refused_and_a_closed_stderr_is_not(workplace):
    done = run_shell("charrnn sample -q >&-", workplace)
    assert done.stderr == b"charrnn: cannot write the output: standard output is closed\n"
    assert done.returncode == 6
    done = run_shell("charrnn sample -n 9 2>&-", workplace)
    assert (done.returncode, len(done.stdout)) == (0, 9)


class Recorder(io.StringIO):
    """Standard output that notes how much had come at each flush."""

    def __init__(self, *, is_terminal):
        super().__init__()
        self.is_terminal = is_terminal
        self.flushed = [0]

    def isatty(self):
        return self.is_terminal

    def flush(self):
        self.flushed.append(self.tell())


@pytest.mark.parametrize("is_terminal", [False, True])
def test_text_is_handed_on_while_it_is_made_on_a_terminal_piece_by_piece(
    workplace, tiny_model, monkeypatch, is_terminal
):
    recorder = Recorder(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stdout", recorder)
    app(["sample", str(workplace / BEST), "-n", "100", "--seed", "1", "-q"], standalone_mode=False)
    steps = [b - a for a, b in itertools.pairwise(recorder.flushed)]
    assert max(steps) == (STRIDE if is_terminal else CHARACTERS_PER_WRITE)
    written = recorder.getvalue()
    assert written == expected_text(tiny_model, length=100) + "\n" * is_terminal
    assert recorder.flushed[-1] == len(written)


def test_a_terminal_gets_a_newline_at_the_end_if_the_text_has_none(workplace, monkeypatch):
    for prime in ("def", "def\n"):
        recorder = Recorder(is_terminal=True)
        monkeypatch.setattr(sys, "stdout", recorder)
        app(
            ["sample", str(workplace / BEST), "--prompt", prime, "-n", "0", "-q"],
            standalone_mode=False,
        )
        assert recorder.getvalue() == "def\n"


def test_text_streams_while_it_is_made_and_ctrl_c_ends_it_as_the_shell_expects(workplace):
    process = subprocess.Popen(
        program("sample", "-q", "--length", 10**12),
        cwd=workplace,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=CLEAN,
        preexec_fn=own_signals,
    )
    assert len(process.stdout.read(500)) == 500
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (-signal.SIGINT, b"")


# --- evaluate -------------------------------------------------------------------------------------

KEYS = [
    "characters",
    "nats_per_char",
    "bits_per_char",
    "perplexity",
    "accuracy",
    "unknown",
    "window",
    "streams",
    "lines",
    "items",
    "protocol",
]


@pytest.fixture
def metrics(capsys, monkeypatch, workplace):
    """What `evaluate --json` prints in the workplace."""
    monkeypatch.chdir(workplace)

    def run(*arguments):
        return json.loads(call_charrnn(capsys, "evaluate", "--json", "-q", *arguments).out)

    return run


@pytest.mark.parametrize(
    ("options", "protocol"),
    [((), {}), (("--window", 16), {"window": 16}), (("--streams", 3), {"streams": 3})],
)
def test_the_json_object_has_the_metrics_of_the_library(workplace, tiny_model, options, protocol):
    text = (workplace / "corpus.txt").read_bytes()
    result = run_charrnn("evaluate", "-", "--json", "-q", *options, cwd=workplace, stdin=text)
    found = json.loads(result.out)
    expected = evaluate(tiny_model, tiny_model.vocabulary.encode(text.decode()), **protocol)
    assert list(found) == KEYS
    assert found == pytest.approx(expected.as_dict())
    assert found["bits_per_char"] == pytest.approx(found["nats_per_char"] / math.log(2))
    assert found["perplexity"] == pytest.approx(math.exp(found["nats_per_char"]))
    assert result.err == ""


def test_a_file_is_scored_by_the_newest_run_or_the_one_that_is_named(metrics, workplace):
    path = workplace / "corpus.txt"
    assert metrics("corpus.txt") == metrics("tiny", path) == metrics(BEST, "corpus.txt")
    assert metrics("bytes", path) != metrics(path)
    assert metrics("bytes", path)["characters"] == len(path.read_bytes()) - 1


def test_the_table_says_how_the_text_was_read(workplace, capsys, monkeypatch):
    monkeypatch.chdir(workplace)
    plain = call_charrnn(capsys, "evaluate", "corpus.txt").out
    assert [line.split("  ")[0] for line in plain.splitlines()] == [
        "characters",
        "nats per char",
        "bits per char",
        "perplexity",
        "accuracy",
        "unknown",
    ]
    assert "5,999, state carried\n" in plain
    assert "windows of 16" in call_charrnn(capsys, "evaluate", "corpus.txt", "--window", 16).out
    assert (
        "3 streams in parallel"
        in call_charrnn(capsys, "evaluate", "corpus.txt", "--streams", 3).out
    )


def test_each_part_of_the_models_own_corpus_can_be_scored(metrics, workplace, tiny_model):
    ids = tiny_model.vocabulary.encode((workplace / "corpus.txt").read_text())
    parts = {"train": ids[:5100], "val": ids[5100:5700], "test": ids[5700:]}
    for split, part in parts.items():
        expected = evaluate(tiny_model, part).as_dict()
        assert metrics("tiny", "--split", split) == pytest.approx(expected)
    last = load_checkpoint(workplace / BEST).metrics["best_val_nats_per_char"]
    assert metrics("--split", "val")["nats_per_char"] == pytest.approx(last, rel=1e-2)


def test_a_corpus_that_changed_or_went_away_is_refused(
    refused, workplace, tmp_path, monkeypatch, wording
):
    wording(refused(3, "evaluate", "bytes", "--split", "test"))
    shutil.copy(workplace / "corpus.txt", tmp_path)
    small = ("--hidden-size", 8, "--batch-size", 4, "--sequence-length", 16)
    run_charrnn("train", "corpus.txt", *small, "--steps", 2, "-q", cwd=tmp_path)
    monkeypatch.chdir(tmp_path)
    text = (tmp_path / "corpus.txt").read_text()
    (tmp_path / "corpus.txt").unlink()
    wording(refused(3, "evaluate", "-q", "--split", "val"))
    for changed in (text[:-1], text[:-1] + "e", text + "漢"):
        (tmp_path / "corpus.txt").write_text(changed, encoding="utf-8")
        wording(refused(3, "evaluate", "-q", "--split", "val"))


@pytest.mark.parametrize(
    ("status", "corpus"),
    [(4, None), (4, 5), (3, {}), (4, {"sources": 5}), (3, {"sources": ["-"]})],
)
def test_a_checkpoint_that_cannot_name_its_corpus_is_refused(
    refused, tmp_path, monkeypatch, status, corpus, wording
):
    save_model(tmp_path, characters("ab"), run={"corpus": corpus})
    monkeypatch.chdir(tmp_path)
    wording(refused(status, "evaluate", "-q", "--split", "val"))


def test_unknown_characters_are_left_out_counted_and_named(
    capsys, workplace, tmp_path, monkeypatch, wording
):
    monkeypatch.chdir(workplace)
    odd, plain = tmp_path / "odd.txt", tmp_path / "plain.txt"
    odd.write_text("def é漢é\x1b f():\n", encoding="utf-8")
    plain.write_text("def  f():\n", encoding="utf-8")
    result = call_charrnn(capsys, "evaluate", odd, "--json")
    wording(result)
    assert "U+6F22" in result.err
    assert "\x1b" not in result.err
    expected = json.loads(call_charrnn(capsys, "evaluate", plain, "--json", "-q").out)
    assert json.loads(result.out) == expected | {"unknown": 4}
    assert call_charrnn(capsys, "evaluate", odd, "-q").err == ""


def test_a_model_with_an_unknown_symbol_reads_and_counts_unknown_characters(
    capsys, tmp_path, monkeypatch
):
    save_model(tmp_path, Vocabulary("char", [97, 98], has_unknown=True))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("abéa漢")
    found = json.loads(call_charrnn(capsys, "evaluate", "text.txt", "--json", "-q").out)
    assert (found["characters"], found["unknown"]) == (4, 2)


def test_a_model_that_knows_carriage_returns_gets_to_read_them(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_bytes(b"a\r\nb\r\n")
    save_model(tmp_path, characters("\n\rab"))
    kept = json.loads(call_charrnn(capsys, "evaluate", "text.txt", "--json", "-q").out)
    shutil.rmtree(tmp_path / "checkpoints")
    save_model(tmp_path, characters("\nab"))
    translated = json.loads(call_charrnn(capsys, "evaluate", "text.txt", "--json", "-q").out)
    assert [(f["characters"], f["unknown"]) for f in (kept, translated)] == [(5, 0), (3, 0)]


@pytest.mark.parametrize(
    ("status", "options"),
    [
        (2, ()),
        (2, ("tiny",)),
        (2, ("tiny", "corpus.txt", "--split", "val")),
        (2, ("corpus.txt", "--window", 0)),
        (2, ("corpus.txt", "--streams", 0)),
        (2, ("corpus.txt", "--streams", 2, "--window", 9)),
        (2, ("--split", "middle")),
        (2, ("corpus.txt", "--baselines")),
        (2, ("--split", "train", "--baselines")),
        (2, ("corpus.txt", "--lines", "--window", 9)),
        (2, ("corpus.txt", "--lines", "--streams", 2)),
        (3, ("corpus.text",)),
        (3, ("tiny", "nothing/here")),
        (3, ("/dev/null",)),
        (4, ("nope", "corpus.txt")),
    ],
)
def test_what_cannot_be_scored_is_refused_with_the_right_status(refused, status, options, wording):
    wording(refused(status, "evaluate", *options))


def test_a_text_needs_two_characters(refused, tmp_path, wording):
    for text in ("", "a", "é漢"):
        (tmp_path / "text").write_text(text, encoding="utf-8")
        wording(refused(3, "evaluate", tmp_path / "text"))


# --- inspect --------------------------------------------------------------------------------------


def test_inspect_shows_what_the_checkpoint_holds(workplace, tiny_model, capsys, monkeypatch):
    monkeypatch.chdir(workplace)
    loaded = load_checkpoint(workplace / BEST)
    facts = json.loads(call_charrnn(capsys, "inspect", "--json", "-q").out)
    assert facts["sha256"] == loaded.sha256
    assert facts["bytes"] == (workplace / BEST).stat().st_size
    assert facts["config"]["hidden_size"] == 24
    assert facts["parameters"] == sum(w.size for w in tiny_model.weights.values())
    assert (
        facts["vocabulary"]["size"]
        == len(facts["vocabulary"]["characters"])
        == len(tiny_model.vocabulary)
    )
    assert facts["metrics"] == loaded.metrics
    assert not facts["resumable"]
    last = json.loads(
        call_charrnn(capsys, "inspect", "checkpoints/tiny/last.safetensors", "--json").out
    )
    assert last["resumable"]
    table = call_charrnn(capsys, "inspect").out
    for text in ("2 layers of 24 units", f"{facts['parameters']:,} parameters", "60 steps"):
        assert text in table
    assert "corpus.txt: 6,000 characters" in table
    table = call_charrnn(capsys, "inspect", "bytes").out
    size = (workplace / "corpus.txt").stat().st_size
    for text in ("256 bytes", f"corpus.txt: {size:,} bytes", "bits per byte"):
        assert text in table


def test_inspect_cannot_be_made_to_act_on_a_terminal(capsys, tmp_path, monkeypatch):
    versions = {"charrnn": "\x1b[2J", "[red]torch": "\u202e"}
    save_model(tmp_path, characters(CONTROL_CHARACTERS), run={"versions": versions})
    monkeypatch.chdir(tmp_path)
    shown = call_charrnn(capsys, "inspect", "-q").out
    assert all(line.isprintable() for line in shown.splitlines())
    assert "\\x1b[2J, [red]torch \\u202e" in shown


@pytest.mark.parametrize(
    "about",
    [
        {"metrics": {"step": "many"}},
        {"metrics": {"step": 1, "seconds": []}},
        {"metrics": {"step": 1, "seconds": "inf"}},
        {"run": {"corpus": 5}},
        {"run": {"corpus": {"sources": [1]}}},
        {"run": {"versions": 7}},
    ],
)
def test_metrics_that_make_no_sense_are_refused(refused, tmp_path, monkeypatch, about, wording):
    save_model(tmp_path, characters("ab"), **about)
    monkeypatch.chdir(tmp_path)
    wording(refused(4, "inspect", "-q"))


# --- corpora, help, completion, imports -----------------------------------------------------------


def test_corpora_are_listed_for_people_and_for_programs(capsys):
    listed = call_charrnn(capsys, "corpora").out
    rows = [json.loads(line) for line in call_charrnn(capsys, "corpora", "--json").out.splitlines()]
    assert [row["name"] for row in rows] == list(CATALOG)
    for row in rows:
        assert all(row[key] for key in ("what", "size", "license", "origin"))
        assert all(row[key] in listed for key in ("name", "what", "size", "license", "origin"))
    assert rows[0]["here"]


def test_the_command_line_helps(tmp_path, wording):
    version = run_charrnn("--version", cwd=tmp_path)
    torch = importlib.metadata.version("torch")
    assert version.out.startswith(f"charrnn {charrnn.__version__} (Python 3.")
    assert f"torch {torch}, device c" in version.out
    asked = run_charrnn("-h", cwd=tmp_path).out
    assert asked == run_charrnn("--help", cwd=tmp_path).out
    assert asked.split() == run_charrnn(cwd=tmp_path, status=2).out.split()
    for verb in ("train", "sample", "visualize", "evaluate", "inspect", "runs", "corpora"):
        assert f" {verb} " in asked
    wording(run_charrnn("smaple", cwd=tmp_path, status=2))
    assert "--temp" in run_charrnn("sample", "--temq", 1, cwd=tmp_path, status=2).err


def test_help_shows_its_brackets():
    """Typer takes a word in brackets for the name of a style and leaves it out, unless it is escaped."""
    for verb in get_command(app).commands.values():
        for text in (verb.help, *(getattr(option, "help", None) for option in verb.params)):
            assert Text.from_markup(text or "").plain == (text or "").replace("\\[", "[")


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("sample --temp x", "charrnn sample"),
        ("sample -n 1.5", "charrnn sample"),
        ("train --minutes", "charrnn train"),
        ("inspect a b c --nothing", "charrnn inspect"),
        ("--nothing sample", "charrnn"),
        ("xyzzy", "charrnn"),
    ],
)
def test_what_no_command_takes_is_refused_in_a_line_and_a_hint(line, command, capsys, wording):
    result = call_charrnn(capsys, *line.split(" "), status=2)
    assert f"{command} --help" in result.err.splitlines()[1]
    wording(result)


def test_an_argument_too_many_cannot_act_on_a_terminal(capsys, wording):
    result = call_charrnn(capsys, "inspect", "a", "\x1b[31m", status=2)
    assert "\x1b" not in result.err
    wording(result)


def test_the_error_of_a_setting_names_the_option_as_it_is_typed(tmp_path, capsys, wording):
    text = tmp_path / "text.txt"
    text.write_text("some text " * 50, "utf-8")
    for options in (("--val-fraction", 2), ("--val-fraction", 0.5, "--test-fraction", 0.6)):
        wording(call_charrnn(capsys, "train", text, *options, status=2))


def test_the_shell_completes_commands_and_runs(workplace):
    shown = run_shell("charrnn --show-completion; true", workplace)
    assert b"complete" in shown.stdout
    asked = {
        "charrnn sam": "sample",
        "charrnn sample t": "tiny",
        "charrnn evaluate tiny cor": "corpus.txt",
        "charrnn train shakes": "shakespeare",
        "charrnn train --cell el": "elman",
        "charrnn compare --cells lstm,gr": "lstm,gru",
        "charrnn gradients --fresh lstm,gr": "lstm,gru",
        "charrnn visualize tiny --unit L1.o.23": "L1.o.23",
        "charrnn visualize tiny --unit L1.o": "L1.o.",
        "charrnn visualize --sort sim": "similarity",
        "charrnn visualize --palette v": "vik",
    }
    answers = subprocess.run(
        [sys.executable, "-c", COMPLETER, *asked],
        cwd=workplace,
        env=CLEAN | {"_CHARRNN_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answers.stdout.split() == list(asked.values())


COMPLETER = """
import os, sys
import charrnn.cli.app
words, sys.argv = sys.argv[1:], ["charrnn"]
for typed in words:
    if not os.fork():
        os.environ.update(COMP_WORDS=typed, COMP_CWORD=str(len(typed.split()) - 1))
        charrnn.cli.app.main()
    assert os.wait()[1] == 0
"""


REPORTER = """
import atexit, sys
def tell():
    print(*[m for m in ("torch", "numpy") if m in sys.modules], file=sys.stderr)
atexit.register(tell)
import charrnn
if len(sys.argv) > 1:
    from charrnn.cli.app import main
    main()
"""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ""),
        (("--help",), ""),
        (("--version",), ""),
        (("sample", "--help"), ""),
        (("sample", "-q", "-n", 3), "numpy"),
        (("visualize", "-q", "def f():"), "numpy"),
        (("evaluate", "-q", "corpus.txt"), "numpy"),
        (("evaluate", "-q", "--split", "val"), "numpy"),
        (("inspect", "-q"), "numpy"),
    ],
)
def test_only_training_imports_torch_and_help_not_even_numpy(workplace, arguments, expected):
    done = subprocess.run(
        [sys.executable, "-c", REPORTER, *map(str, arguments)],
        cwd=workplace,
        capture_output=True,
        env=CLEAN,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.strip()) == (0, expected)
