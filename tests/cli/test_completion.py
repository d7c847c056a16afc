"""What the shell completes: commands, runs, texts, cells and units."""

import subprocess
import sys

from helpers import CLEAN, run_shell


def test_the_shell_completes_commands_and_runs(workplace):
    shown = run_shell("charrnn --show-completion; true", workplace)
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
