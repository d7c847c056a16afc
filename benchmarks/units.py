"""What the search for units finds, and what it leaves: planted units, noise, untrained networks, made texts, time.

    python benchmarks/units.py planted labels time
    python benchmarks/units.py nested moods --seeds 1 2 3
    python benchmarks/units.py untrained --trials 200

Nothing else should be running. Each line of the table is a figure with its goal, printed as soon as it is known.

name        what is measured
planted     units whose weights are set by hand: a counter of brackets among 64, and a memory of quotes among 256
labels      a network beside labels that belong to other texts, or to none: the part that is called a find
untrained   networks as training begins with them, the whole catalog of concepts: the part in which nothing is found
time        `charrnn units` on 100,000 characters and on 10 MB, beside `charrnn evaluate`
nested      a network of 64 units, trained on nested brackets: how deep it is, what is lost without it, and held high
moods       a network of 16 units, trained on lines of a hidden mood: the unit of the mood, and what it turns round
source      a network of 2 x 256 units, trained on Python's library for ten minutes: its units, and what is read from all
"""

import argparse
import functools
import itertools
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.cli.threads import one_thread
from charrnn.cli.units.chosen import MOST_READ
from charrnn.config import ModelConfig, SamplingConfig
from charrnn.evaluation.streams import stretches
from charrnn.interpret.ablation import How, ablate
from charrnn.interpret.concepts import CONCEPTS, get_concept
from charrnn.interpret.edits import Edit, edited
from charrnn.interpret.finding import NETWORKS, Find, find
from charrnn.interpret.labeling import Labeling
from charrnn.interpret.labels import of_concept
from charrnn.interpret.probing.characters import probe
from charrnn.interpret.states import states_at
from charrnn.model import CharRNN
from charrnn.numerics import Float
from charrnn.sampling.sampler import collect, generate, in_order
from charrnn.text.generated import GENERATORS
from charrnn.text.generated.draws import Draws
from charrnn.text.generated.moods import GLAD, mood_of
from charrnn.text.library import python_sources
from charrnn.text.sources import Notes, byte_pieces
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.network import make_network

PASSAGE = 20_000
"""Characters of a text in which units are searched for."""
HELD_OUT_SEED = 7
"""That of made texts on which networks are measured that were trained on those of another."""
HEAD = f"{'benchmark':<11}{'what':<76}{'figure':<34}goal"
SHAPES: tuple[tuple[str, int, int], ...] = (
    *(("lstm", 1, 64), ("gru", 1, 64), ("lstm", 2, 48), ("gru", 2, 32), ("elman", 1, 64)),
)
"""Cells, layers and units of a layer of networks that have learned nothing."""
SHORT_PASSAGE = 10_000
"""Characters of a text that is read by a network without training."""
SAMPLES, SAMPLE = 64, 400
"""Samples of a network, and characters of each."""
CONTINUED, PREFIX_WORDS = 100, 4
"""Lines that are continued with their mood turned round, and the words of each that are given."""
MUCH_DROPOUT = ("--dropout", 0.3, "--weight-drop", 0.5)
"""With less of it a network spreads the depth over several units."""
STEPS = {"nested": 2_000, "moods": 6_000}
"""Steps of training: a minute or two of one core."""
SOURCE, SOURCE_HELD_OUT = 4_000_000, 400_000
"""Characters of Python's library, and those of them that validate, the last ones."""
SOURCE_MINUTES = 10
PROBED = {
    "inside a string": 0.85,
    "inside a comment": 0.90,
    "inside brackets": 0.90,
    "indentation > 4": 0.95,
}
"""Concepts that are read from all units, and the goal of each."""
PROBED_CHARACTERS = 60_000
"""Characters on which a read-out is fitted, and as many on which it is scored."""
RESAMPLES = 1_000
SHORT, LONG = 100_000, 10_000_000
"""Characters that are read to take the time."""


@dataclass(frozen=True)
class Options:
    """What was typed."""

    trials: int
    seeds: Sequence[int]
    steps: int | None
    out: Path
    characters: int


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    figure: str
    goal: str = ""


# --- networks and texts -----------------------------------------------------------------------------------------------


def untrained(text: str, cell: str, num_layers: int, hidden_size: int, seed: int) -> CharRNN:
    """A network as training begins with it, for the characters of a text."""
    vocabulary = Vocabulary("char", sorted({ord(c) for c in text}), has_unknown=False)
    config = ModelConfig(
        cell=cell,
        vocab_size=len(vocabulary),
        hidden_size=hidden_size,
        num_layers=num_layers,
        embedding_size=64,
    )
    network = make_network(config, 0.0, seed, torch.device("cpu"), "loop")
    return CharRNN(config, vocabulary, network.to_numpy())


def planted(model: CharRNN, index: int, added: dict[str, float], cleared: str = "") -> CharRNN:
    """A copy of an LSTM of one layer, a cell of which adds a number at some characters and forgets at others.

    Its input and output gates are open, its forget gate is closed where it is cleared, and nothing else moves it.
    """
    weights = {name: array.copy() for name, array in model.weights.items()}
    hidden, embedding = model.config.hidden_size, weights["embedding.weight"]
    symbols = [model.vocabulary.decode(np.array([k])) for k in range(len(model.vocabulary))]
    wanted = {
        "i": [20.0] * len(symbols),
        "f": [-20.0 if symbol in [*cleared] else 20.0 for symbol in symbols],
        "g": [float(np.arctanh(added.get(symbol, 0.0))) for symbol in symbols],
        "o": [20.0] * len(symbols),
    }
    for k, values in enumerate(wanted.values()):
        row = k * hidden + index
        for name in ("weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
            weights[f"rnn.{name}"][row] = 0
        weights["rnn.weight_ih_l0"][row] = np.linalg.lstsq(embedding, np.array(values))[0]
    return CharRNN(model.config, model.vocabulary, weights)


@functools.cache
def library(characters: int) -> str:
    """The beginning of Python's library."""
    found, size = [], 0
    for source in python_sources(Notes()):
        found.append(b"".join(byte_pieces(source)).decode("utf-8", "replace"))
        size += len(found[-1])
        if size >= characters:
            break
    return "".join(found)[:characters]


def passages(seed: int) -> Iterator[str]:
    """Passages of source code, nested brackets, words of a mood and travel requests, endlessly."""
    draws = random.Random(seed)  # noqa: S311 (nothing is kept secret)
    made = [
        library(1_000_000),
        *("".join(made_lines(name, seed)) for name in ("nested", "moods", "travel")),
    ]
    for text in itertools.cycle(made):
        begin = draws.randrange(len(text) - SHORT_PASSAGE)
        yield text[begin : begin + SHORT_PASSAGE]


def made_lines(name: str, seed: int, count: int = 5_000) -> Iterator[str]:
    """The beginning of a corpus that charrnn makes."""
    return itertools.islice(GENERATORS[name].lines(seed), count)


def quotations(seed: int) -> str:
    """Made-up words, some of them in quotes."""
    draws, words, is_open = Draws(seed), [], False
    while is_open or sum(map(len, words)) < PASSAGE:
        word = draws.word()
        if draws.one_in(10):
            word, is_open = (f"{word}”" if is_open else f"“{word}"), not is_open
        words.append(word + ("\n" if draws.one_in(12) and not is_open else " "))
    return "".join(words)


def everything(model: CharRNN, text: str, seed: int, networks: int = NETWORKS) -> list[Find]:
    """The best unit for each concept of the catalog."""
    labelings = [of_concept(concept, text) for concept in CONCEPTS.values()]
    return find(model, model.vocabulary.encode(text), labelings, networks=networks, seed=seed)


def trained(
    name: str, hidden_size: int, seed: int, options: Options, regularization: Sequence[object] = ()
) -> CharRNN:
    """A network of one layer, trained by `charrnn train NAME`, unless that was done before."""
    run = options.out / f"{name}-{seed}"
    if not (run / "last.safetensors").exists():
        shape = ("--hidden-size", hidden_size, "--layers", 1, "--threads", 1)
        where = ("--steps", options.steps or STEPS[name], "--out", options.out, "--name", run.name)
        typed = (*shape, *where, *regularization, "--seed", seed)
        charrnn("train", name, *typed, "--no-baselines", "-q")
    return load_checkpoint(run / "best.safetensors").model


def charrnn(*arguments: object) -> None:
    """Run a command."""
    command = [sys.executable, "-m", "charrnn", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


# --- what is planted, and what is not there ---------------------------------------------------------------------------


def planted_units(options: Options) -> Iterator[Row]:
    """How often a unit that was set by hand is found first."""
    count = min(options.trials, 20)
    for what, trial in (
        ("a counter of brackets, among 64 units of an LSTM", _counter_is_first),
        ("a memory of quotes, among 256", _memory_is_first),
    ):
        found = [trial(seed) for seed in range(count)]
        yield Row(what, f"first in {sum(found)} of {count}", "20 of 20")


def _counter_is_first(seed: int, hidden_size: int = 64) -> bool:
    text = "".join(made_lines("nested", 100 + seed, 80))[:PASSAGE]
    index = (7 * seed + 3) % hidden_size
    model = untrained(text, "lstm", 1, hidden_size, seed)
    counting = planted(model, index, {"(": 0.999, ")": -0.999})
    return _is_first(counting, text, index, seed)


def _memory_is_first(seed: int, hidden_size: int = 256) -> bool:
    text = quotations(seed)
    index = (31 * seed + 3) % hidden_size
    model = untrained(text, "lstm", 1, hidden_size, seed)
    return _is_first(planted(model, index, {"“": 0.999}, cleared="”"), text, index, seed)


def _is_first(model: CharRNN, text: str, index: int, seed: int) -> bool:
    first = everything(model, text, seed)[0]
    return first.is_proven and (first.unit.layer, first.unit.index) == (0, index)


def random_labels(options: Options) -> Iterator[Row]:
    """How often labels that have nothing to do with a text are called a find, not compared with shuffled networks."""
    text = library(PASSAGE)
    model = untrained(text, "lstm", 1, 64, 1)
    ids = model.vocabulary.encode(text)
    for what, labelings in (
        ("labels of other texts, the whole catalog", _labels_elsewhere(2 * options.trials)),
        ("labels that change at random, 3 to 1,000 characters long", _chains(2 * options.trials)),
    ):
        finds = find(model, ids, labelings, networks=0, seed=1)
        for limit in (0.05, 0.01):
            chosen = [one.p <= limit for one in finds]
            share = f"{100 * np.mean(chosen):.1f} % ({sum(chosen)} of {len(finds)})"
            yield Row(f"{what}: p <= {limit}", share, "at most 5 %")


def _labels_elsewhere(count: int) -> list[Labeling]:
    """The concepts of other passages of Python's library."""
    text, made = library(4_000_000), []
    for k in range(1, len(text) // PASSAGE):
        other = text[k * PASSAGE : (k + 1) * PASSAGE]
        for name, concept in CONCEPTS.items():
            made.append(Labeling(f"{name} {k}", concept.of(other), concept.is_number))
            if len(made) == count:
                return made
    return made


def _chains(count: int) -> list[Labeling]:
    """Chains of two states, whose mean durations are drawn."""
    draws, made = np.random.default_rng(1), []
    for k in range(count):
        lengths = np.exp(draws.uniform(np.log(3), np.log(1000), size=2))
        stays = draws.geometric(1 / lengths, size=(PASSAGE, 2)).ravel()
        values = np.repeat(np.arange(len(stays)) % 2, stays)[:PASSAGE]
        made.append(Labeling(f"{k}", values.astype(np.float32)))
    return made


def untrained_networks(options: Options) -> Iterator[Row]:
    """In how many networks that have learned nothing nothing is found."""
    nothing: list[bool] = []
    for seed, text in zip(range(options.trials), passages(1), strict=False):
        # shapes move on with each round of texts, so that each meets each
        shape = SHAPES[(seed + seed // 4) % len(SHAPES)]
        finds = [
            f for f in everything(untrained(text, *shape, seed), text, 1000 * seed) if f.is_proven
        ]
        nothing.append(not finds)
        for one in finds:
            print(f"  {shape}, seed {seed}: {one.concept} {one.score:.3f}, needs {one.needed:.3f}")
        if len(nothing) % 20 == 0:
            print(f"  nothing in {sum(nothing)} of {len(nothing)}", flush=True)
    share = f"{100 * np.mean(nothing):.1f} % of {len(nothing)}"
    yield Row("networks without training, in which nothing is found", share, "at least 95 % of 200")


# --- time and memory --------------------------------------------------------------------------------------------------


def time_and_memory(options: Options) -> Iterator[Row]:
    """What a search takes in an untrained LSTM of 256 units, whose states have 512 values."""
    text = library(SHORT)
    model = untrained(text, "lstm", 1, 256, 1)
    known = set(text)
    text = "".join(c for c in library(options.characters) if c in known)
    path = options.out / "fresh.safetensors"
    save_checkpoint(path, Checkpoint(model))
    short, long = options.out / "short.txt", options.out / "long.txt"
    short.write_text(text[:SHORT], encoding="utf-8", newline="")
    long.write_text(text, encoding="utf-8", newline="")
    figure = measured("units", path, short, "--all", "--no-names")
    yield Row(f"units on {SHORT:,} characters", figure, "60 s")
    figure = measured("units", path, long, "--all", "--no-names")
    yield Row(f"units on {len(text):,} characters", figure, "bounded")
    figure = measured("evaluate", path, long)
    yield Row("evaluate on the same", figure, "as long as units")


def measured(*arguments: object) -> str:
    """The seconds that a command takes, those of the processor, and its largest memory."""
    command = [sys.executable, "-m", "charrnn", *map(str, arguments)]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    seconds, own = time.perf_counter() - began, usage.ru_utime + usage.ru_stime
    return f"{seconds:.0f} s (CPU {own:.0f} s), {usage.ru_maxrss / 1024:.0f} MB"


# --- nested brackets --------------------------------------------------------------------------------------------------


def nested(options: Options) -> Iterator[Row]:
    """The unit of the depth of brackets, in networks of 64 units."""
    text = "".join(made_lines("nested", HELD_OUT_SEED, 400))
    for seed in options.seeds:
        model = trained("nested", 64, seed, options, MUCH_DROPOUT)
        yield from _of_nested(model, text, f"seed {seed}: ")


def _of_nested(model: CharRNN, text: str, which: str) -> Iterator[Row]:
    ids = model.vocabulary.encode(text)
    (depth,) = find(model, ids, [of_concept(CONCEPTS["bracket depth"], text)])
    figure = f"{depth.score:.3f} (echo {depth.echo:.3f})"
    yield Row(f"{which}|r| of {depth.unit} with the depth of brackets", figure, "0.90, proven")
    hows: tuple[How, ...] = ("zero", "mean")
    for how in hows:
        lost = ablate(model, ids, [depth.unit], how=how, sets=40)
        closing = lost.classes["closing brackets"]
        others = lost.total.bits * lost.total.count - closing.bits * closing.count
        others /= lost.total.count - closing.count
        figure = f"{closing.bits:+.3f} bits, above {closing.percentile:.0f} %"
        yield Row(f"{which}closing brackets without it ({how})", figure, "above 99 %")
        yield Row(f"{which}other characters", f"{others:+.4f} bits", "at most a fifth")
    values = _values(model, text, depth)
    high = float(np.quantile(depth.sign * values, 0.99)) * depth.sign
    as_it_is, held = (_closed(m) for m in (model, _clamped(model, depth, high)))
    low, upper = _interval(held - as_it_is)
    figure = f"{held.mean() - as_it_is.mean():+.1f} ({low:+.1f} to {upper:+.1f})"
    what = f"{which}more closing brackets in {SAMPLE} characters, held at {high:+.2f}"
    yield Row(what, f"{figure} than {as_it_is.mean():.1f}", "above 0")


def _values(model: CharRNN, text: str, found: Find) -> Float:
    """What a unit is after each character of a text."""
    ids = model.vocabulary.encode(text)
    streams = stretches(len(ids) + 1, 32, 256)
    states = states_at(model, ids, np.arange(len(ids)), streams)
    unit = found.unit
    values: Float = states[:, model.cell.states.index(unit.what), unit.layer, unit.index]
    return values


def _clamped(model: CharRNN, found: Find, value: float) -> CharRNN:
    return edited(model, [Edit("clamp", str(found.unit), value)])


def _closed(model: CharRNN) -> Float:
    """The closing brackets in each sample."""
    config = SamplingConfig(length=SAMPLE, seed=1)
    pieces = in_order(generate(model, "", config, indices=range(SAMPLES), batch_size=SAMPLES))
    return np.array([s.text.count(")") for s in collect(pieces, "", config)], np.float32)


def _interval(differences: Float) -> tuple[float, float]:
    """A bootstrap's interval of 95 % for a mean."""
    draws = np.random.default_rng(1)
    chosen = draws.integers(len(differences), size=(RESAMPLES, len(differences)))
    low, high = np.percentile(differences[chosen].mean(1), (2.5, 97.5))
    return float(low), float(high)


# --- lines of a mood --------------------------------------------------------------------------------------------------


def moods(options: Options) -> Iterator[Row]:
    """The unit of a line's mood, in networks of 16 units."""
    for seed in options.seeds:
        model = trained("moods", 16, seed, options)
        yield from _of_moods(model, f"seed {seed}: ")


def _of_moods(model: CharRNN, which: str, lines: int = 1500) -> Iterator[Row]:
    pairs = [*itertools.islice(GENERATORS["moods"].pairs(HELD_OUT_SEED), lines)]
    text = "".join(f"{line}\n" for line, _ in pairs)
    is_glad = np.concatenate([np.full(len(line) + 1, mood == GLAD) for line, mood in pairs])
    labeling = Labeling("glad", is_glad.astype(np.float32))
    (mood,) = find(model, model.vocabulary.encode(text), [labeling])
    figure = f"{mood.score:.3f} (echo {mood.echo:.3f})"
    yield Row(f"{which}AUC of {mood.unit} for the mood, all characters", figure, "0.95, proven")
    values = _values(model, text, mood)
    usual = {label: float(np.median(values[is_glad == label])) for label in (False, True)}
    turned, kept = [], []
    for line, label in pairs[:CONTINUED]:
        prompt = " ".join(line.split(" ")[:PREFIX_WORDS]) + " "
        kept.append(_continued(model, prompt, label))
        turned.append(_continued(_clamped(model, mood, usual[label != GLAD]), prompt, label))
    for what, same, goal in (
        ("as it is", kept, ""),
        ("held at the other's median", turned, "80 %"),
    ):
        moved = [not one for one in same if one is not None]
        figure = f"{100 * np.mean(moved):.0f} % of {len(moved)}" if moved else "0 lines have a mood"
        yield Row(f"{which}lines whose mood is turned round, {what}", figure, goal)


def _continued(model: CharRNN, prompt: str, mood: str) -> bool | None:
    """Whether the line's continuation has its mood; None if it has no mood."""
    config = SamplingConfig(length=80, seed=1)
    made = "".join(piece.text for piece in generate(model, prompt, config))
    whole_words = made.partition("\n")[0].rpartition(" ")[0]
    continued = mood_of(whole_words)
    return None if continued is None else continued == mood


# --- Python's library -------------------------------------------------------------------------------------------------


def source(options: Options) -> Iterator[Row]:
    """Units and read-outs of networks of 2 x 256 units."""
    text = library(SOURCE)[-2 * SOURCE_HELD_OUT :]
    for seed in options.seeds:
        run = options.out / f"source-{seed}"
        if not (run / "last.safetensors").exists():
            shape = ("--hidden-size", 256, "--layers", 2, "--threads", 1)
            limit = ("--steps", options.steps) if options.steps else ("--minutes", SOURCE_MINUTES)
            where = (*limit, "--out", options.out, "--name", run.name)
            charrnn("train", "python", *shape, *where, "--seed", seed, "--no-baselines", "-q")
        model = load_checkpoint(run / "best.safetensors").model
        yield from _of_source(model, text, f"seed {seed}: ")


def _of_source(model: CharRNN, text: str, which: str) -> Iterator[Row]:
    searched = text[-SOURCE_HELD_OUT:][:MOST_READ]  # what `charrnn units RUN` reads
    finds = [one for one in everything(model, searched, 0) if not one.is_number]
    good = [one for one in finds if one.score >= 0.9]
    proven = sum(one.is_proven for one in good)
    figure = f"{len(good)}, {proven} of them proven"
    yield Row(f"{which}concepts with a unit of AUC 0.90 or more", figure, "8")
    for one in good:
        mark = "" if one.is_proven else " ?"
        print(f"  {one.concept}{mark}: {one.unit}, AUC {one.score:.3f} (echo {one.echo:.3f})")
    # fitted on the half that the network was trained on, and scored on the other
    labelings = [of_concept(get_concept(name), text) for name in PROBED]
    found = probe(
        model, model.vocabulary.encode(text), labelings, samples=PROBED_CHARACTERS, untrained=False
    )
    for one in found:
        scores, above = one.readout.scores, one.selectivities
        figure = f"F1 {scores['f1']:.3f} (AUC {scores['auc']:.3f})"
        yield Row(f"{which}{one.name}, from all units", figure, f"F1 {PROBED[one.name]:.2f}")
        figure = f"F1 +{above['f1']:.3f} (AUC +{above['auc']:.3f})"
        yield Row(f"{which}{one.name}, more than for shuffled labels", figure, "0.3")


BENCHMARKS: dict[str, Callable[[Options], Iterator[Row]]] = {
    "planted": planted_units,
    "labels": random_labels,
    "nested": nested,
    "moods": moods,
    "source": source,
    "time": time_and_memory,
    "untrained": untrained_networks,
}


def main() -> None:
    """Print the table, a line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], default=[])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--steps", type=int, help="steps of training, of 64 x 64 characters each")
    parser.add_argument("--characters", type=int, default=LONG)
    parser.add_argument("--out", type=Path, help="where trained networks are kept, and found again")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        out = given.out or Path(folder)
        options = Options(given.trials, given.seeds, given.steps, out, given.characters)
        print(HEAD, flush=True)
        for name in given.names or BENCHMARKS:
            for row in BENCHMARKS[name](options):
                print(f"{name:<11}{row.what:<76}{row.figure:<34}{row.goal}".rstrip(), flush=True)


if __name__ == "__main__":
    main()
