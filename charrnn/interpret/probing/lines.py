"""Whole lines classified by the state after their last character: their language, their author, what they feel.

A line is read from the model's initial state. No line is in two parts, whatever its labels.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from charrnn.config import CorpusConfig
from charrnn.errors import DataError
from charrnn.interpret.embedding import vectors_of
from charrnn.interpret.probing.controls import Probe, columns_of, probed, untrained_like
from charrnn.interpret.probing.kinds import Label
from charrnn.interpret.probing.readout import Columns, Parts, Rows
from charrnn.interpret.units import Unit, units_of
from charrnn.model import CharRNN
from charrnn.numerics import Float
from charrnn.pairs.classifier import ORDER, NgramClassifier
from charrnn.text.items import shuffled
from charrnn.text.pairs import lines_of
from charrnn.text.sources import Notes, file_source, in_memory

FEWEST = 10
"""The fewest lines of a label; those of rarer ones are left out."""
MOST = 20_000
"""The most lines that are read; of more, a random part."""
MOST_LABELS = 100
CHECKED, HELD_OUT = 0.15, 0.25
"""The parts of the lines by which settings are chosen, and on which all is scored."""
AT_ONCE = 1_024
Z = 1.959964
"""The quantile of the normal distribution for an interval of 95 %."""


@dataclass(frozen=True)
class LineProbe:
    """What the state after a line says of its label."""

    probe: Probe
    labels: tuple[str, ...]
    counts: tuple[int, int, int]
    """The lines that are fitted, checked and held out."""
    rare: tuple[str, ...]
    """The labels with too few lines, which were left out."""
    low: float
    """The lower end of Wilson's interval of 95 % around the accuracy."""
    high: float
    ngrams: float
    """The accuracy of naive Bayes on character n-grams up to ORDER, which has counted the fitted and checked lines."""
    order: int = ORDER


def probe_lines(
    model: CharRNN,
    pairs: Sequence[tuple[str, str]],
    *,
    units: Sequence[Unit] | None = None,
    untrained: bool = True,
    seed: int = 0,
    item_end: str | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> LineProbe:
    """What the state after a line says of its label.

    Args:
        model: the model.
        pairs: the lines, each with its label; one that occurs several times with the same label counts once.
        units: the units that are read; None: all of all states.
        untrained: whether an untrained network is probed too.
        seed: the seed of the split, of the shuffled labels and of the untrained network.
        item_end: the character before each line, for a model whose lines end with it; None: there is none.
        progress: called with the number of lines that were just read, by the model or by the untrained one.

    Raises:
        DataError: there are fewer than two labels with enough lines, or too many labels.
    """
    pairs, rare = _usable(list(dict.fromkeys(pairs)), seed)
    lines, names = zip(*pairs, strict=True)
    labels = tuple(sorted({*names}))
    number = {name: k for k, name in enumerate(labels)}
    of_line = np.array([number[name] for name in names])
    rows = _split(lines, seed)
    _require_labels(of_line, rows, labels)
    every = units_of(model)
    taken = list(units) if units is not None else every

    def parts(network: CharRNN) -> Parts:
        states = _states(network, lines, item_end, progress)
        return Parts.of(columns_of(states, taken, every), of_line, rows)

    probe = probed(
        "label",
        Label(),
        parts(model),
        units=taken,
        shuffled=_permuted(of_line, rows, seed),
        rows=rows,
        untrained=parts(untrained_like(model, seed)) if untrained else None,
    )
    seen = np.concatenate([rows.fitted, rows.checked])
    ngrams = NgramClassifier([lines[k] for k in seen], [names[k] for k in seen])
    right = [ngrams.classify(lines[k]) == names[k] for k in rows.held_out]
    low, high = wilson(probe.score, len(rows.held_out))
    counts = len(rows.fitted), len(rows.checked), len(rows.held_out)
    return LineProbe(probe, labels, counts, rare, low, high, float(np.mean(right)))


def wilson(share: float, count: int) -> tuple[float, float]:
    """The interval of 95 % around a share of some trials (E. B. Wilson, 1927)."""
    middle = share + Z**2 / (2 * count)
    half = Z * float(np.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2)))
    scale = 1 + Z**2 / count
    return (middle - half) / scale, (middle + half) / scale


def _usable(
    pairs: list[tuple[str, str]], seed: int
) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """The lines of labels that have enough of them, at most MOST, and the other labels."""
    if len(pairs) > MOST:
        pairs = [pairs[k] for k in np.sort(shuffled(len(pairs), seed)[:MOST])]
    counts = Counter(label for _, label in pairs)
    rare = tuple(sorted(label for label, count in counts.items() if count < FEWEST))
    usable = len(counts) - len(rare)
    if usable < 2:
        raise DataError(
            f"a probe needs 2 labels with at least {FEWEST} different lines each, not {usable}",
            "add lines",
        )
    if usable > MOST_LABELS:
        raise DataError(
            f"a probe tells at most {MOST_LABELS} labels apart, not {usable:,}",
            "each line must be LINE<TAB>LABEL",
        )
    return [pair for pair in pairs if pair[1] not in rare], rare


def _split(lines: Sequence[str], seed: int) -> Rows:
    """The rows of each part; those of the same line are in the same one."""
    number = {line: k for k, line in enumerate(dict.fromkeys(lines))}
    place = np.empty(len(number), np.int64)
    place[shuffled(len(number), seed)] = np.arange(len(number))
    own = place[[number[line] for line in lines]]
    fitted = int((1 - CHECKED - HELD_OUT) * len(number))
    checked = int((1 - HELD_OUT) * len(number))
    return Rows(
        np.flatnonzero(own < fitted),
        np.flatnonzero((own >= fitted) & (own < checked)),
        np.flatnonzero(own >= checked),
    )


def _require_labels(of_line: Columns, rows: Rows, labels: Sequence[str]) -> None:
    """Raise DataError if a label is in none of the fitted lines."""
    missing = {*range(len(labels))} - {*of_line[rows.fitted].tolist()}
    if missing:
        name = labels[min(missing)]
        raise DataError(f"no line to fit has the label {name[:60]!r}", "add lines with it")


def _states(
    network: CharRNN,
    lines: Sequence[str],
    item_end: str | None,
    progress: Callable[[int], object],
) -> Float:
    """The states after the last character of each line, (K, all units)."""
    found = []
    for begin in range(0, len(lines), AT_ONCE):
        some = lines[begin : begin + AT_ONCE]
        found.append(vectors_of(network, some, of="last", item_end=item_end, all_states=True))
        progress(len(some))
    return np.concatenate(found)


def _permuted(of_line: Columns, rows: Rows, seed: int) -> Columns:
    """The labels of each part in a random order."""
    random = np.random.default_rng(seed)
    other = of_line.copy()
    for part in rows:
        other[part] = random.permutation(of_line[part])
    return other


def read_labeled_lines(path: Path, reading: CorpusConfig) -> list[tuple[str, str]]:
    """The lines LINE<TAB>LABEL of a file, without empty ones.

    Args:
        path: the file, perhaps compressed.
        reading: how the model reads a text.

    Raises:
        DataError: the file cannot be read, or a line is none of these.
    """
    found = []
    source = in_memory(file_source(path))
    for number, line in enumerate(lines_of(source, reading, Notes()), 1):
        before, _, label = line.partition("\t")
        if not line:
            continue
        if not before or not label or "\t" in label:
            raise DataError(
                f"{path}, line {number:,}: expected a line, one tab and a label, not {line[:40]!r}"
            )
        found.append((before, label))
    return found
