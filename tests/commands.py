"""Lines for every command, over hostile names, texts and models; `test_hostile.py` and `test_surroundings.py` run them.

The commands, and their options that write, are discovered from the app: one that has no line here fails a test.
"""

import dataclasses
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import BRIEF, made_once, random_model, typed

import charrnn
from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.cli.app import VERBS, _module
from charrnn.cli.options import Changes, _Parts
from charrnn.compression.compress import compress
from charrnn.config import FILES, OUTPUT
from charrnn.interpret.dumps.writing import dump
from charrnn.model import CharRNN

ODD = "a b\n\r\x1b[8m\x1b]0;t\x07\x9b2J\u202e[red]<img src=x onerror=a>='\"$(x)`*é\udcff"
"""A name of a file or folder: blanks, a newline, escapes, a change of direction, markup, a byte that is no UTF-8."""
HOSTILE = (
    "\x1b[8m\x1b]0;own\x07\x1b]8;;http://e\x1b\\x\x1b]8;;\x1b\\\x1b[2J \x9b2J\x9d0;t\x9c\x90q\x9c \u202etxt\u2066\u2069"
    "\u200f\u2028 [red]a[/red] [link=file:///x]b[/] </script><script>hacked=1</script><img src=x onerror=a> "
    "=cmd|' /C calc'!A0 @SUM(1) ${x} `x` {x} %s */ \"--></svg>]]>\x7f é漢😀a\u0301\n"
)
"""A line whose characters act on a terminal, in markup, in a spreadsheet, or in the source of a program."""
TEXT, PAIRS, LABELS, SPEC = f"{ODD}.txt", f"{ODD}.tsv", f"{ODD}.labels", f"{ODD}.toml"
IN_UTF_8 = f"{ODD[:-1]}.txt"
"""The same text as TEXT; neither JSON nor TOML can hold a name with a byte that is no UTF-8."""
RUN, PAIR_RUN, LABEL_RUN = (f"checkpoints/{kind}{ODD}" for kind in ("", "p", "q"))
DUMP, PACKED, OTHER_RUNS, MADE = f"{ODD}.npz", f"{ODD}.charrnn", f"runs{ODD}", f"made{ODD}"
SMALL = f"small{ODD}.safetensors"
TINY = (
    *("--hidden-size", 5, "--embedding-size", 3, "--batch-size", 4, "--sequence-length", 8),
    *("--steps", 2, "--precision", "float32", "--threads", 1),
)
SOME, SHORT = ("--max-chars", 60), ("--length", 10, "--samples", 2, "--random", 1)
Line = tuple[object, ...]

LINES: dict[str, list[Line]] = {
    "train": [
        ("train", TEXT, *TINY, "--out", ODD),
        ("train", TEXT, *TINY, "--json", "--no-baselines"),
        ("train", PAIRS, "--pairs", *TINY, "--no-baselines"),
        ("train", TEXT, *TINY, "--plan-only"),
        ("train", TEXT, *TINY, "--no-baselines", "--tensorboard", f"{MADE[:-1]}t"),
        ("train", TEXT, *TINY, "--no-baselines", "--mlflow", "logs"),
    ],
    "sample": [
        ("sample", RUN, "-n", 300, "--seed", 1, "--temp", 3, "--prompt", "漢"),
        ("sample", RUN, "-n", 20, "--json"),
        ("sample", RUN, "-n", 20, "--json", "--log-probabilities"),
        ("sample", RUN, "-n", 60, "--seed", 1, "--show-probabilities"),
        ("sample", RUN, "--infill", "漢____", "--count", 2),
        ("sample", RUN, "-n", 20, "--adapt", TEXT),
        ("sample", RUN, "--interactive"),
    ],
    "convert": [
        ("convert", PAIR_RUN, PAIRS),
        ("convert", PAIR_RUN, PAIRS, "--n-best", 2, "--beam", 2),
        ("convert", LABEL_RUN, LABELS, "--json"),
    ],
    "visualize": [
        ("visualize", RUN, TEXT, "--max-chars", 300, "--surprisal", "--predictions", 2),
        ("visualize", SMALL, TEXT, *SOME, "--diagram"),
        ("visualize", RUN, TEXT, *SOME, "--unit", "L0.h.*"),
        ("visualize", RUN, "--follow", "--length", 30, "--seed", 1),
        ("visualize", RUN, TEXT, *SOME, "--svg", f"{MADE}.svg", "--png", f"{MADE}.png"),
        ("visualize", RUN, TEXT, *SOME, "--html", f"{MADE}.html", "--context", "--saliency"),
        ("visualize", RUN, TEXT, *SOME, "--html", f"{MADE}.html", "--embed", "--with-model"),
        *(
            ("visualize", RUN, TEXT, *SOME, "--dump", f"{MADE}{ending}", "--predictions", 2)
            for ending in (".npz", ".safetensors", ".csv", ".jsonl", ".parquet")
        ),
        ("visualize", RUN, TEXT, *SOME, "--lstmvis", MADE),
        ("visualize", "--from", DUMP),
        ("visualize", "--from", DUMP, "--html", f"{MADE}.html"),
        ("visualize", PAIR_RUN, PAIRS, *SOME),
        ("visualize", PAIR_RUN, PAIRS, *SOME, "--html", f"{MADE}.html"),
    ],
    "units": [
        ("units", RUN, TEXT, "--regex", "[^ ]+", "--networks", 1, "--all"),
        ("units", RUN, TEXT, "--card", "L0.h.0"),
        ("units", RUN, TEXT, "--ablate", "L0.h.0", "--sets", 2, "--max-chars", 400),
        ("units", RUN, TEXT, "--regex", "e", "--networks", 1, "--json", "--no-names"),
        ("units", RUN, "--patch", HOSTILE[:20], HOSTILE[1:21]),
    ],
    "probe": [
        ("probe", RUN, TEXT, "--regex", "[a-z]", "--samples", 500, "--no-untrained"),
        ("probe", RUN, "--lines", LABELS, "--no-untrained"),
        ("probe", RUN, TEXT, "--regex", "[a-z]", "--samples", 500, "--no-untrained", "--json"),
    ],
    "direction": [
        ("direction", RUN, TEXT, PAIRS, *SHORT, "--save-steer", f"{MADE}.json"),
        ("direction", RUN, TEXT, PAIRS, *SHORT, "--json"),
    ],
    "gates": [
        ("gates", RUN, TEXT, "--csv", f"{MADE}.csv"),
        ("gates", RUN, TEXT, "--svg", f"{MADE}.svg", "--png", f"{MADE}.png"),
    ],
    "saliency": [
        ("saliency", RUN, TEXT, *SOME, "--csv", f"{MADE}.csv"),
        ("saliency", RUN, TEXT, *SOME, "--svg", f"{MADE}.svg", "--png", f"{MADE}.png"),
    ],
    "context": [
        ("context", RUN, TEXT, "--windows", 9, "--csv", f"{MADE}.csv"),
        ("context", RUN, TEXT, "--windows", 9, "--svg", f"{MADE}.svg", "--png", f"{MADE}.png"),
    ],
    "gradients": [
        ("gradients", RUN, TEXT, "--distance", 5),
        ("gradients", RUN, TEXT, "--distance", 5, "--json"),
        ("gradients", RUN, TEXT, "--distance", 5, "--svg", f"{MADE}.svg", "--png", f"{MADE}.png"),
    ],
    "curve": [
        ("curve", RUN),
        ("curve", RUN, PAIR_RUN, "--svg", f"{MADE}.svg", "--png", f"{MADE}.png"),
        ("curve", RUN, "--json"),
    ],
    "embed": [
        ("embed", RUN, TEXT, PAIRS, "--nearest", "漢", "--out", f"{MADE}.npz"),
        ("embed", RUN, TEXT, PAIRS, "--nearest", "漢", "--json"),
    ],
    "network": [
        ("network", "--from-regex", "[\x1b\u202e<]a", "--out", f"{MADE}.safetensors"),
        ("network", "--from-regex", "[\x1b\u202e<]a", "--out", f"{MADE}.safetensors", "--json"),
    ],
    "serve": [("serve", RUN, "--no-open")],
    "evaluate": [
        ("evaluate", RUN, TEXT),
        ("evaluate", RUN, TEXT, "--json"),
        ("evaluate", PAIR_RUN, PAIRS),
        ("evaluate", LABEL_RUN, LABELS, "--svg", f"{MADE}.svg", "--png", f"{MADE}.png"),
    ],
    "score": [
        ("score", RUN, TEXT, PAIRS),
        ("score", RUN, TEXT, PAIRS, "--json"),
        ("score", RUN, "--prompt", typed(HOSTILE), "--pick", HOSTILE[:9], "--pick", "a"),
    ],
    "compare": [
        ("compare", TEXT, "--cells", "elman", *TINY, "--out", ODD),
        ("compare", TEXT, "--cells", "elman", *TINY, "--json"),
    ],
    "sweep": [
        ("sweep", SPEC, "--print", "--name", "s"),
        ("sweep", SPEC, "--name", "s", "--csv", f"{MADE}.csv", "--out", ODD),
        ("sweep", SPEC, "--name", "s", "--json"),
    ],
    "compress": [("compress", LABELS, "--model", RUN, "--out", MADE)],
    "decompress": [("decompress", PACKED, "--out", MADE)],
    "export": [
        ("export", RUN, f"{MADE}.safetensors"),
        ("export", RUN, f"{MADE}.c"),
        ("export", RUN, f"{MADE}.c", "--weights", MADE, "--overwrite"),
        ("export", RUN, f"{MADE}.h"),
        ("export", RUN, f"{MADE}.html", "--embed"),
        ("export", RUN, f"{MADE}.onnx", "--float16"),
        ("export", RUN, f"{MADE}/", "--license", HOSTILE, "--overwrite"),
    ],
    "inspect": [
        ("inspect", RUN),
        ("inspect", LABEL_RUN),
        ("inspect", RUN, "--json"),
        ("inspect", RUN, "--toml"),
    ],
    "corpora": [
        ("corpora", "--check", "--cache", ODD),
        ("corpora", "--json"),
    ],
    "runs": [("runs",), ("runs", "--json")],
    "runs rename": [("runs", "rename", "c", "d", "--out", OTHER_RUNS)],
    "runs remove": [("runs", "remove", "c", "--yes", "--out", OTHER_RUNS)],
}
"""The lines of each command; the first does what the command is for."""
NEEDED = {"--tensorboard": "tensorboard", "--mlflow": "mlflow"}
"""The packages without which an option does nothing."""
WITHOUT_LINE = {
    "save_steer",  # written by direction as by units, where a unit must be proven
    *("overwrite", "color", "palette", "names", "counts", "config_file"),  # write nothing
}
"""Options in panels of what is written that need none."""


def commands() -> Iterator[tuple[str, Any, Any]]:
    """The name, function and changes of every command, from the app itself."""
    for verb in itertools.chain(*VERBS.values()):
        module = _module(verb)
        yield verb, getattr(module, verb), getattr(module, "CHANGES", None)
        for sub in getattr(module, "SUBCOMMANDS", {}):
            yield f"{verb} {sub.__name__}", sub, None


def options_that_write(function: Any, changes: Any) -> Iterator[list[str]]:
    """The spellings of each option of a command that prints or writes something in another form."""
    for option in _Parts(function, changes or Changes()).in_order:
        writes = option.rule.panel in (OUTPUT, FILES) or option.name in ("json", "print_lines")
        if writes and option.name not in WITHOUT_LINE:
            yield option.flags


# --- the folder ---------------------------------------------------------------------------------------------------


def odd_folder(factory: pytest.TempPathFactory, place: Path) -> Path:
    """A copy of the folder that the lines are for."""
    made = made_once(factory, "commands", _fill)
    shutil.copytree(made, place, dirs_exist_ok=True)
    return place


def _fill(folder: Path) -> None:
    lines = [HOSTILE[k:-1] + HOSTILE[:k] for k in range(0, len(HOSTILE), 5)]
    text = "".join(f"{line}\n" for line in lines)
    pairs = [f"{line[:6]}\t{line[5:12]}\n" for line in lines * 2]
    labels = [f"{line[:9]}\t{('odd', HOSTILE[:20])[k % 2]}\n" for k, line in enumerate(lines)]
    settings = {o.removeprefix("--"): v for o, v in zip(TINY[::2], TINY[1::2], strict=True)}
    spec = f"corpus = {json.dumps(IN_UTF_8)}\n[grid]\nseed = [1]\n[settings]\n"
    spec += "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    content = {
        TEXT: text,
        IN_UTF_8: text,
        PAIRS: "".join(pairs),
        LABELS: "".join(labels),
        SPEC: spec,
    }
    try:
        for name, written in content.items():
            (folder / name).write_text(written, encoding="utf-8")
    except OSError as error:
        pytest.skip(f"this file system has no such names: {error}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("charrnn.training.measure.TRIAL_SECONDS", BRIEF)
        patch.chdir(folder)
        _train({name.replace("-", "_"): value for name, value in settings.items()})
        _derive(text)


def _train(settings: dict[str, Any]) -> None:
    """Train the runs, and let them be a stranger's, whose names and records are as hostile as their text."""
    for run, text, pairs in (
        (RUN, IN_UTF_8, False),
        (PAIR_RUN, PAIRS, True),
        (LABEL_RUN, LABELS, True),
    ):
        settings["align"] = {PAIR_RUN: "attention"}.get(run)
        own = {name: value for name, value in settings.items() if value is not None}
        charrnn.train(Path(text), name="made", pairs=pairs, **own).finish()
        for path in Path("checkpoints/made").glob("*.safetensors"):
            loaded = load_checkpoint(path)
            about = {"plan": [HOSTILE], "versions": {HOSTILE: HOSTILE}, "init_from": {"path": ODD}}
            save_checkpoint(path, dataclasses.replace(loaded, run={**loaded.run, **about}))
        Path("checkpoints/made").rename(run)


def _derive(text: str) -> None:
    """Make what other lines read: names of units, a dump, a compressed file, and runs in another folder."""
    loaded = load_checkpoint(Path(RUN) / "best.safetensors")
    named = {"unit": "L0.h.0", "name": HOSTILE, "score": 0.9, "measure": "AUC", "sign": 1}
    record = {"fingerprint": loaded.model.fingerprint, "units": [named]}
    (Path(RUN) / "units.json").write_text(json.dumps(record))
    dump(loaded.model, text[:300], Path(DUMP))
    Path(PACKED).write_bytes(compress(loaded.model, text[:50].encode()))
    shutil.copytree(RUN, Path(OTHER_RUNS) / "c")
    save_checkpoint(Path(SMALL), Checkpoint(random_model(HOSTILE[:60], kind=CharRNN)))
