"""What the shell completes: commands, runs, texts, cells and units."""

import shlex
import subprocess
import sys

import pytest
from helpers import characters, run_charrnn, save_model

from charrnn.cli.completion import complete_paths
from charrnn.cli.run_names import complete_checkpoint


def test_the_shell_completes_commands_and_runs(workplace):
    # the shell is found among a process's ancestors, which a prepared one lacks
    line = f"{shlex.quote(sys.executable)} -m charrnn --show-completion; true"
    shown = subprocess.run(["bash", "-c", line], cwd=workplace, capture_output=True, check=True)
    assert b"complete" in shown.stdout
    asked = {
        "charrnn sam": "sample",
        "charrnn sample t": "tiny",
        "charrnn evaluate tiny cor": "corpus.txt",
        "charrnn train shakes": "shakespeare",
        "charrnn train num": "numbers",
        "charrnn corpora outc": "outcomes",
        "charrnn train --cell el": "elman",
        "charrnn compare --cells lstm,gr": "lstm,gru",
        "charrnn gradients --fresh lstm,gr": "lstm,gru",
        "charrnn visualize tiny --unit L1.o.23": "L1.o.23",
        "charrnn visualize tiny --unit L1.o": "L1.o.",
        "charrnn visualize --sort sim": "similarity",
        "charrnn visualize --palette v": "vik",
    }
    for typed, completed in asked.items():
        env = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
        env["_CHARRNN_COMPLETE"] = "complete_bash"
        assert run_charrnn(cwd=workplace, env=env).out.split() == [completed]


@pytest.mark.parametrize(
    "name", ["\\$(id)", "`id`", "a'b", 'a"b', "a\x1b[2J", "a\nb", "\u202ea", "a\udcff"]
)
def test_no_name_that_a_shell_might_obey_is_offered(name, tmp_path, monkeypatch):
    """The functions for zsh evaluate what they get, and escape no backslash."""
    monkeypatch.chdir(tmp_path)
    save_model(tmp_path, characters("ab"))
    (tmp_path / "checkpoints" / "odd").rename(tmp_path / "checkpoints" / name)
    (tmp_path / name).touch()
    (tmp_path / "é (1) [2]*.txt").touch()
    assert complete_checkpoint("") == []
    assert complete_paths("") == ["checkpoints/", "é (1) [2]*.txt"]
