"""What a direction in a network's states does to what is generated, and what it costs.

A classifier by character n-grams that has learned text A from text B counts how many of the samples are B, and the same
is done with random directions that are as long in each state of a layer. What the direction costs is shown by the
network without it, which reads the samples, and by the texts themselves, which the steered network reads.

The first part of each text has made the direction, and teaches the classifier; all is measured by the rest.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.config import SamplingConfig
from charrnn.errors import DataError
from charrnn.interpret.costs import costs, scored_streams
from charrnn.interpret.direction import Parts, Progress, nothing
from charrnn.interpret.edits import edited
from charrnn.interpret.steering import Steering
from charrnn.model import CharRNN
from charrnn.numerics import Float64, Ids, log_softmax
from charrnn.pairs.classifier import NgramClassifier
from charrnn.sampling.sampler import collect, full_prompt, generate, in_order
from charrnn.text.items import whole_items

MOST_PIECES = 1_000
"""Pieces of each text that the classifier learns from, and that it is measured by, at most."""
FEWEST_PIECES = 5
"""Pieces that the rest of a text must have."""
MOST_SCORED = 10_000
"""Symbols of the rest of each text that are predicted with the direction, at most."""
STRENGTHS = (0.02, 0.05, 0.1, 0.2)
RANDOM = 20
"""Random directions that are compared."""
SAMPLES = 20
"""Samples with each direction."""


@dataclass(frozen=True)
class Effect:
    """What is generated and predicted with a direction at some strength."""

    strength: float
    share: float
    """The part of the samples that the classifier calls B."""
    random: tuple[float, ...]
    """The same with each random direction."""
    sample_bits: float
    """Bits per character of the samples for the network without a direction."""
    bits: tuple[float, float]
    """Bits per character of the rest of A and of B with the direction."""

    @property
    def percentile(self) -> float:
        """The part of the random directions with which fewer samples are B, in percent."""
        return 100 * float(np.mean(np.array(self.random) < self.share)) if self.random else 0.0


# --- the classifier ---------------------------------------------------------------------------------------------------


def pieces_of(text: str, length: int, item_end: str | None) -> list[str]:
    """A text in pieces that are classified: items, or stretches of as many characters, evenly spread."""
    if item_end is not None:
        pieces = [item[:length] for item in text.split(item_end)[:-1]]
    else:
        ends = range(length, len(text) + 1, length)
        pieces = [text[end - length : end] for end in ends]
    step = -(-len(pieces) // MOST_PIECES) or 1
    return pieces[::step]


@dataclass(frozen=True)
class Judge:
    """A classifier that calls a text A or B."""

    classifier: NgramClassifier
    accuracy: float
    """The mean of the parts of A and of B that it gets right, of pieces that it has not seen: chance is 0.5."""
    pieces: tuple[int, int]
    """The pieces of A and B that it was measured by."""

    def share(self, texts: Sequence[str]) -> float:
        """The part of some texts that are B."""
        return sum(self.classifier.classify(text) == "B" for text in texts) / max(1, len(texts))


def learn_judge(a: Parts, b: Parts, length: int, item_end: str | None) -> Judge:
    """A classifier that has learned the beginnings of two texts, measured by the rest.

    Args:
        a: the first text.
        b: the second.
        length: the characters of a piece.
        item_end: what ends the items, which are the pieces.

    Raises:
        DataError: a text is too short.
    """
    sides = [
        (pieces_of(one.train, length, item_end), pieces_of(one.rest, length, item_end))
        for one in (a, b)
    ]
    for name, (_, rest) in zip("AB", sides, strict=True):
        if len(rest) < FEWEST_PIECES:
            noun = "items" if item_end is not None else f"pieces of {length:,} characters"
            raise DataError(
                f"the last fifth of text {name} has {len(rest)} {noun}, and at least {FEWEST_PIECES} are needed",
                "take longer texts" + ("" if item_end is not None else ", or shorter samples"),
            )
    fewest = min(len(train) for train, _ in sides)
    known = [train[:: len(train) // fewest][:fewest] for train, _ in sides]
    made = NgramClassifier([*known[0], *known[1]], ["A"] * fewest + ["B"] * fewest)
    right = [
        float(np.mean([made.classify(piece) == name for piece in rest]))
        for name, (_, rest) in zip("AB", sides, strict=True)
    ]
    return Judge(made, float(np.mean(right)), (len(sides[0][1]), len(sides[1][1])))


# --- what it does -----------------------------------------------------------------------------------------------------


def random_directions(direction: Steering, count: int, seed: int) -> list[Steering]:
    """Directions that are drawn at random, and are as long as a given one in each state of a layer."""
    random = np.random.default_rng(seed)
    of_state: dict[tuple[int, str], list[int]] = {}
    for k, unit in enumerate(direction.units):
        of_state.setdefault((unit.layer, unit.what), []).append(k)
    found = []
    for _ in range(count):
        drawn = random.normal(size=len(direction.units))
        for places in of_state.values():
            length = np.linalg.norm(direction.difference[places])
            drawn[places] *= length / np.linalg.norm(drawn[places])
        found.append(
            dataclasses.replace(direction, on=tuple(drawn.tolist()), off=(0.0,) * len(drawn))
        )
    return found


@dataclass(frozen=True)
class Trial:
    """How directions are tried."""

    judge: Judge
    rest: tuple[str, str]
    """The rest of A and of B."""
    config: SamplingConfig
    """How samples are drawn; its length is that of each."""
    samples: int = SAMPLES

    def effects(
        self,
        model: CharRNN,
        steering: Steering,
        strengths: Sequence[float] = STRENGTHS,
        *,
        random: int = RANDOM,
        progress: Progress = nothing,
    ) -> Iterator[Effect]:
        """What the network does without the direction (strength 0), and at each strength.

        Args:
            model: the model.
            steering: the direction.
            strengths: the strengths.
            random: random directions that are tried at each strength.
            progress: called with the number of characters that were just generated.
        """
        others = random_directions(steering, random, self.config.seed or 0)
        for strength in (0.0, *strengths):
            steered = edited(model, [steering.at(strength)])
            texts = self._texts(steered, progress)
            shares = [
                self.judge.share(self._texts(edited(model, [other.at(strength)]), progress))
                for other in (others if strength else ())
            ]
            yield Effect(
                strength,
                self.judge.share(texts),
                tuple(shares),
                _bits_of_samples(model, texts, self.config.item_end),
                (self._bits(steered, self.rest[0]), self._bits(steered, self.rest[1])),
            )

    def _texts(self, model: CharRNN, progress: Progress) -> list[str]:
        pieces = generate(
            model, "", self.config, indices=range(self.samples), batch_size=self.samples
        )
        texts = [sample.text for sample in collect(in_order(pieces), "", self.config)]
        progress(self.samples * (self.config.length or 0))
        return texts

    def _bits(self, model: CharRNN, text: str) -> float:
        """Bits per character of a text."""
        ids: Ids = model.vocabulary.encode(text)[:MOST_SCORED]
        end = None
        if self.config.item_end is not None:
            end = int(model.vocabulary.encode(self.config.item_end)[0])
            ids = whole_items(ids, end)
        spent, _ = costs(model, ids, scored_streams(ids, end), nothing)
        return float(spent.mean())


def _bits_of_samples(model: CharRNN, texts: Sequence[str], item_end: str | None) -> float:
    """Bits per character of samples that began with an empty prompt; NaN if all are empty."""
    vocabulary = model.vocabulary
    start = vocabulary.encode(full_prompt(model, "", item_end=item_end))
    read = [np.concatenate([start, vocabulary.encode(text)]) for text in texts]
    longest = max(map(len, read))
    symbols = np.zeros((longest, len(read)), np.int64)
    is_own = np.zeros((longest, len(read)), bool)
    for n, ids in enumerate(read):
        symbols[: len(ids), n] = ids
        is_own[len(start) : len(ids), n] = True
    state = model.initial_state(len(read))
    nats = 0.0
    for t in range(longest):
        log_p: Float64 = log_softmax(model.logits(state).astype(np.float64))
        nats -= float(log_p[is_own[t], symbols[t][is_own[t]]].sum())
        state, _ = model.advance(symbols[t], state)
    return nats / np.log(2) / max(1, int(is_own.sum())) if is_own.any() else float("nan")
