"""What the shell completes: commands, runs, texts, cells and units."""

from helpers import run_charrnn, run_shell


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
    for typed, completed in asked.items():
        env = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
        env["_CHARRNN_COMPLETE"] = "complete_bash"
        assert run_charrnn(cwd=workplace, env=env).out.split() == [completed]
