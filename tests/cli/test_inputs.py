"""One meaning of TEXT for all commands: what is there, what is typed, and what is neither and therefore refused."""

import io
import json
import os
import shlex
import subprocess
import sys
import threading

import pytest
from helpers import CLEAN, call_charrnn, command, own_signals

from charrnn.cli.inputs import read_texts
from charrnn.config import CorpusConfig
from charrnn.errors import DataError, UsageError

READERS = ("visualize", "gates", "context", "saliency", "gradients", "evaluate", "score")
"""The commands that take TEXT."""


@pytest.fixture
def call(workplace, monkeypatch, capsys):
    """`charrnn ARGUMENTS` beside the corpus and its two runs, `bytes` and `tiny`."""
    monkeypatch.chdir(workplace)

    def run(*arguments, status=0):
        return call_charrnn(capsys, *arguments, status=status)

    return run


@pytest.fixture
def read(tmp_path, monkeypatch):
    """What TEXT arguments mean in the test's own folder, which has the files a.txt, b.txt and deep/c.txt."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep").mkdir()
    for name, text in {"a.txt": "one", "b.txt": "two\n", "deep/c.txt": "three"}.items():
        (tmp_path / name).write_text(text)
    return lambda *names, **config: read_texts(names, CorpusConfig(**config))


def in_bash(line, cwd, stdin=b"", status=0):
    """Run a line of bash in which CHARRNN stands for the command."""
    line = line.replace("CHARRNN", shlex.join(command()))
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env=CLEAN,
        preexec_fn=own_signals,
        check=False,
    )
    assert done.returncode == status, done
    return done


def text_in(dump):
    """The text of a dump in lines of JSON."""
    return "".join(json.loads(line)["text"] for line in dump.read_text().splitlines())


# --- what is there --------------------------------------------------------------------------------


def test_a_path_that_exists_is_that_path(read):
    assert read("a.txt") == "one"
    assert read("b.txt") == "two\n"
    assert read("./deep/c.txt") == "three"


def test_a_link_that_leads_nowhere_is_no_text(read, tmp_path, wording):
    for name, target in (("loop", "loop"), ("hollow", "nothing")):
        (tmp_path / name).symlink_to(target)
        with wording.raises(DataError):
            read(name)


def test_fault_53_a_folder_is_all_its_texts_and_a_newline_ends_each_but_the_last(read):
    assert read(".") == "one\ntwo\nthree"
    assert read("deep") == "three"


def test_a_pattern_is_the_files_that_match_it(read, tmp_path):
    assert read("*.txt") == "one\ntwo\n"
    assert read("**/*.txt") == "one\ntwo\nthree"
    assert read(f"{tmp_path}/[b-z].txt") == "two\n"
    (tmp_path / "[b].txt").write_text("a path that exists is no pattern")
    assert read("[b].txt").startswith("a path")


def test_several_files_are_one_text_in_their_order(read):
    assert read("b.txt", "a.txt", "deep") == "two\none\nthree"
    assert read("a.txt", "b.txt", separator="%%") == "one\x1etwo"
    assert read("a.txt", "b.txt", level="byte") == "one\ntwo\n"


def test_fault_54_a_pipe_of_any_kind_is_read(read, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_text("from a pipe"))
    writer.start()
    assert read("pipe") == "from a pipe"
    writer.join()
    beginning, end = os.pipe()
    os.write(end, b"another")
    os.close(end)
    assert read(f"/dev/fd/{beginning}") == "another"
    os.close(beginning)


def test_standard_input_has_two_names(read, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"piped")))
    assert read("a.txt", "-") == "one\npiped"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("CHARRNN visualize tiny <(printf 'def hi') -q --dump {}", "def hi"),
        ("printf 'def hi' | CHARRNN visualize tiny /dev/stdin -q --dump {}", "def hi"),
        ("CHARRNN visualize tiny /dev/stdin -q --dump {} < corpus.txt", None),
        ("CHARRNN visualize <(printf a) <(printf b) -q --dump {}", "a\nb"),
    ],
)
def test_a_shell_s_pipes_are_read_and_not_their_names(workplace, tmp_path, line, text):
    dump = tmp_path / "d.jsonl"
    in_bash(line.format(dump), workplace)
    assert text_in(dump) == (text or (workplace / "corpus.txt").read_text())


def test_score_answers_a_shell_s_pipes(workplace):
    said = in_bash("CHARRNN score tiny <(printf 'def\\nreturn\\n') --json -q", workplace).stdout
    assert [json.loads(line)["text"] for line in said.splitlines()] == ["def", "return"]


# --- what is typed --------------------------------------------------------------------------------


def test_packed_text_is_remarked_on_where_bytes_are_read_and_refused_elsewhere(
    tmp_path, capsys, monkeypatch, wording
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04\x0a\0rest")
    assert read_texts(["x.zip"], CorpusConfig(level="byte")).startswith("PK\x03")
    wording(capsys.readouterr().err)
    with wording.raises(DataError):
        read_texts(["x.zip"], CorpusConfig())


def test_anything_else_is_the_text_with_its_escapes(read, wording):
    assert read("To be, or not to be?") == "To be, or not to be?"
    assert read(r"\n\nROMEO:") == "\n\nROMEO:"
    assert read(r"a\\n b") == r"a\n b"
    assert read("either and/or both, e.g.") == "either and/or both, e.g."
    assert read("what is a.text") == "what is a.text"
    assert read("see https://example.org now") == "see https://example.org now"
    assert read("") == ""
    with wording.raises(UsageError):
        read(r"\q")


def test_escapes_mean_the_same_in_every_text(call, wording):
    def written(*options):
        return call("sample", "tiny", "-n", 5, "--seed", 2, "-q", *options).out

    assert written("--prompt", r"d\ne") == written("--prompt", "d\ne")
    assert written(r"d\ne") == written("d\ne")
    assert written("--prompt-file", r"d\n e") == written("--prompt-file", "d\n e")
    filled = call("sample", "tiny", "--infill", r"d\ne__ \_", "-q").out
    assert filled.startswith("d\ne")
    assert filled.endswith(" _")
    for options in (("--prompt", r"\q"), ("--stop", r"\q"), ("--infill", r"\q__")):
        wording(call("sample", *options, status=2))


def test_a_word_that_is_read_as_text_is_reported(call, wording):
    wording(call("visualize", "tiny", "hello"))
    wording(call("visualize", "tiny", "hello you"))


# --- what is neither ------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", READERS)
@pytest.mark.parametrize("name", ["tunes.abc", "nothing/here", "/nowhere/98"])
def test_no_command_reads_the_name_of_a_missing_file(call, wording, verb, name):
    result = call(verb, "tiny", name, "-q", status=3)
    wording(result.err)
    assert result.out == ""


def test_nothing_is_written_for_a_misspelled_file(call, wording, tmp_path):
    dump = tmp_path / "d.npz"
    result = call("visualize", "tiny", "corpsu.txt", "--dump", dump, "-q", status=3)
    wording(result)
    assert not dump.exists()


def test_a_misspelled_name_with_blanks_is_refused_if_a_file_has_nearly_it(read, wording, tmp_path):
    (tmp_path / "War and Peace.txt").write_text("a")
    with wording.raises(DataError):
        read("War and Pece.txt")
    assert read("War and cucumbers.txt") == "War and cucumbers.txt"


def test_what_looks_like_a_path_can_be_read_through_a_pipe(call, wording, workplace, tmp_path):
    wording(call("visualize", "tiny", "and/or", status=3))
    wording(call("score", "tiny", "GET\\n/index", "--top", 3, status=3))
    dump = tmp_path / "d.jsonl"
    in_bash(f"printf %s and/or | CHARRNN visualize tiny - --dump {dump}", workplace)
    assert text_in(dump) == "and/or"


@pytest.mark.parametrize("verb", READERS)
def test_a_lone_word_that_is_nearly_a_run_is_refused(call, wording, verb):
    result = call(verb, "tiyn", "-q", status=4)
    wording(result.err)
    assert result.out == ""


def test_a_word_beside_its_model_may_be_nearly_a_run(call):
    assert call("visualize", "tiny", "tiyn", "-q").out


def test_several_words_that_are_no_files_stand_in_quotes(call, wording):
    for verb in READERS:
        wording(call(verb, "tiny", "def", "wrap", status=3).err)
    wording(call("evaluate", "corpus.txt", "corpus.txx", status=3))
    for verb in ("visualize", "evaluate", "score"):
        wording(call(verb, "To", "be", "or", "not", status=4).err)


@pytest.mark.parametrize("option", ["--prompt-file", "--novel"])
def test_options_that_name_a_text_know_the_same_names(call, wording, option):
    wording(call("sample", "tiny", option, "x", "--seed", 1, status=3))
    wording(call("sample", "tiny", option, "corpsu.txt", "--seed", 1, status=3))
    for name in ("corpus.txt", "c*.txt", "a text"):
        assert call("sample", "tiny", option, name, "-n", 4, "--count", 1).out
