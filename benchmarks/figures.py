"""What `record.py` makes of the figures of runs: means, differences, and what is to be known of each."""

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from runs import Record

from charrnn.cli.train.result import Spread


@dataclass(frozen=True)
class Difference:
    """B minus A, in nats per character."""

    mean: float
    error: float
    p: float
    """The probability that settings which are alike differ at least as much."""


def difference(a: Sequence[float], b: Sequence[float], *, paired: bool) -> Difference | None:
    """How much two settings differ, from their figures in the order of the seeds; None with fewer than two of each."""
    from scipy.stats import ttest_ind, ttest_rel  # comes with scikit-learn: pip install '.[probe]'

    if min(len(a), len(b)) < 2:
        return None
    of_a, of_b = Spread.of(a), Spread.of(b)
    if paired:
        error = Spread.of([y - x for x, y in zip(a, b, strict=True)]).error
        tested = ttest_rel(b, a)
    else:
        error = math.hypot(of_a.error or 0, of_b.error or 0)
        tested = ttest_ind(b, a, equal_var=False)
    return Difference(of_b.mean - of_a.mean, error or 0.0, float(tested.pvalue))


def figures(records: Sequence[Record]) -> dict[tuple[str, str], list[float]]:
    """The nats per character of each run, by the way of reading and what predicts."""
    return {
        (way, predictor): [record["nats"][way][predictor] for record in records]
        for way, found in records[0]["nats"].items()
        for predictor in found
        if all(predictor in record["nats"][way] for record in records)
    }


def compared(a: Sequence[Record], b: Sequence[Record], *, paired: bool) -> Iterator[dict[str, Any]]:
    """Each figure that both settings have."""
    of_b = figures(b)
    for (way, predictor), nats in figures(a).items():
        if (way, predictor) in of_b:
            found = difference(nats, other := of_b[way, predictor], paired=paired)
            names = {"text": a[0]["text"], "read": way, "predictor": predictor}
            yield names | {"a": nats, "b": other, "difference": found and asdict(found)}


def about_text(records: Sequence[Record]) -> str:
    """The text of some runs, its split, their limit and their machine."""
    first = records[0]
    if len({record["sha256"] for record in records}) > 1:
        sys.exit(f"the log has runs of several texts named {first['text']}: choose another --log")
    name, value = first["limit"]
    return (
        f"{first['text']}: {first['characters']:,} characters, sha256 {first['sha256']}; validated on "
        f"{first['validation']}; {value:g} {name}; {first['machine']}"
    )


def about_runs(records: Sequence[Record]) -> str:
    """The networks, steps, seconds and instructions of runs that differ in their seed."""

    def mean(name: str) -> float:
        return Spread.of([record[name] for record in records]).mean

    def each(form: str) -> str:
        return " or ".join(sorted({form.format(**record) for record in records}))

    network = each("{network[cell]} {network[num_layers]} x {network[hidden_size]}")
    machine = each("{hardware[instructions]}, {training[precision]}, {hardware[threads]} threads")
    return (
        f"{network}, {each('{parameters:,}')} parameters; {mean('steps'):,.0f} steps, {mean('epochs'):.1f} epochs; "
        f"{mean('seconds'):.1f} s trained, {mean('command_seconds'):.1f} s with all else; "
        f"seeds {', '.join(str(record['seed']) for record in records)}; {machine}; charrnn {each('{version}')}"
    )


def about_settings(settings: Mapping[str, str]) -> Iterator[str]:
    """What both settings are."""
    for side, setting in settings.items():
        yield f"{side.upper()}: {setting or 'as planned'}"


def about_both(found: Mapping[str, Mapping[str, Sequence[Record]]]) -> Iterator[str]:
    """The texts, and the runs of both settings."""
    for sides in found.values():
        yield about_text([record for records in sides.values() for record in records])
        for side, records in sides.items():
            yield f"  {side.upper()}: {about_runs(records)}"
