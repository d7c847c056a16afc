"""The values that units have after one text, put into the reading of another: what the next prediction becomes.

    source    f o o ( x        the values of some units after each of the last k symbols
    text      a b = y          are put into the steps of its last k symbols, the last beside the last

A value is put into its step before anything reads it: the head, the layers above and the next step. If the units carry
what is different about the two texts, the prediction after the text becomes that after the source. The same is done with
sets of as many other units of the same states and layers, drawn at random.

Source: J. Vig and others, "Investigating Gender Bias in Language Models Using Causal Mediation Analysis", 2020, for
single neurons, as the indirect effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from charrnn.errors import UsageError
from charrnn.interpret.ablation import as_many_others, has_as_many_others
from charrnn.interpret.units import Unit, units_of
from charrnn.model import CharRNN, States
from charrnn.network.numpy_ops import NumpyOps
from charrnn.numerics import Float, Float64, Ids, Mask, log_softmax
from charrnn.wording import counted, noun_of

SETS = 100
"""Random sets of units that are patched too."""
ROWS = 256
"""Sets of units that are patched together."""

Units = Sequence[Unit]


@dataclass(frozen=True)
class Patch:
    """What the next prediction becomes with the values that some units have after another text."""

    units: tuple[Unit, ...]
    last: int
    """The last symbols in whose steps the values were put."""
    plain: Float64
    """(V,) the probabilities of the next symbol after the text."""
    patched: Float64
    """(V,) the same with the patch."""
    source: Float64
    """(V,) the same after the text that the values are from."""
    random: tuple[float, ...] = ()
    """The divergence that each random set of units makes."""

    @cached_property
    def bits(self) -> float:
        """The divergence that the patch makes: KL(plain, patched) in bits."""
        return float(divergences(self.plain, self.patched[None])[0])

    @property
    def percentile(self) -> float:
        """The part of the random sets that make less of a difference, in percent."""
        return 100 * float(np.mean(np.array(self.random) < self.bits)) if self.random else 0.0

    @property
    def way(self) -> float | None:
        """How far the prediction goes towards the source's: 1 all the way, below 0 away from it.

        It is 1 - KL(source, patched) / KL(source, plain); None if these two predictions are the same.
        """
        left, whole = divergences(self.source, np.stack([self.patched, self.plain]))
        return None if whole < 1e-9 else float(1 - left / whole)


def patch(
    model: CharRNN,
    source: Ids,
    text: Ids,
    units: Units,
    *,
    last: int = 1,
    sets: int = SETS,
    seed: int = 0,
    item_end: int | None = None,
) -> Patch:
    """The prediction after a text with the values that some units have after a source.

    Args:
        model: the model.
        source: (T,) the symbols of the source.
        text: (T',) the symbols of the text.
        units: units of states.
        last: in how many of the last steps of the text they have the values of the source's.
        sets: random sets of as many other units; there are none if a state of a layer has fewer others.
        seed: the seed of these sets.
        item_end: the symbol at which the state is reset, in a model of lines, records or documents.

    Raises:
        UsageError: a text has fewer symbols.
    """
    random = np.random.default_rng(seed)
    others = sets if has_as_many_others(model, units) else 0
    every = [units, *(as_many_others(model, units, random) for _ in range(others))]
    made = _Patching(model, source, text, last, item_end)
    log_p = made.predictions(every)
    plain = np.exp(made.plain)
    lost = divergences(plain, np.exp(log_p[1:]))
    return Patch(
        tuple(units), last, plain, np.exp(log_p[0]), np.exp(made.source), tuple(lost.tolist())
    )


def patch_each(
    model: CharRNN, source: Ids, text: Ids, *, last: int = 1, item_end: int | None = None
) -> list[Patch]:
    """Each unit of a model patched by itself, that of the largest divergence first; see `patch`.

    What all the other units of the same state and layer make stands as `random` beside it.
    """
    made = _Patching(model, source, text, last, item_end)
    plain, target = np.exp(made.plain), np.exp(made.source)
    units = units_of(model)
    patched = np.exp(made.predictions([[unit] for unit in units]))
    lost = divergences(plain, patched)
    size = model.config.hidden_size
    alike = {(u.layer, u.what): lost[k : k + size] for k, u in enumerate(units) if u.index == 0}
    return [
        Patch(
            (units[k],),
            last,
            plain,
            patched[k],
            target,
            tuple(np.delete(alike[units[k].layer, units[k].what], units[k].index).tolist()),
        )
        for k in np.argsort(-lost, kind="stable")
    ]


def divergences(plain: Float64, others: Float64) -> Float64:
    """KL(plain, other) in bits of each of several distributions (N, V) from one (V,): (N,)."""
    tiny = np.finfo(np.float64).tiny
    surplus = np.log2(np.maximum(plain, tiny)) - np.log2(np.maximum(others, tiny))
    bits: Float64 = np.maximum(0, (plain * surplus).sum(-1))
    return bits


class _Patching:
    """A text that is read with the values of a source; for the arguments see `patch`."""

    def __init__(
        self, model: CharRNN, source: Ids, text: Ids, last: int, item_end: int | None
    ) -> None:
        shortest = min(len(source), len(text))
        if not 1 <= last <= shortest:
            noun = noun_of(model.vocabulary.level)
            raise UsageError(
                f"values cannot be put into the last {counted(last, noun)} of texts with {counted(shortest, noun)}",
                "take fewer, or longer texts",
            )
        self._model, self._end = model, item_end
        self._values = self._read(source)[-last:]
        states = self._read(text)
        self._symbols = text[len(text) - last :]
        self._before = states[-last - 1]
        self.plain = self._log_probabilities(states[-1])
        self.source = self._log_probabilities(self._values[-1])

    def predictions(self, sets: Sequence[Units]) -> Float64:
        """The log-probabilities of the next symbol with each set of units patched, (N, V)."""
        parts = [sets[k : k + ROWS] for k in range(0, len(sets), ROWS)]
        return np.concatenate([self._predictions(part) for part in parts])

    def _predictions(self, sets: Sequence[Units]) -> Float64:
        ops = [_Patched(self._masks(sets, layer)) for layer in range(self._model.config.num_layers)]
        patched = self._model.with_ops(ops, self._model.start, ["patch"])
        state = _repeated(self._before, len(sets))
        for symbol, values in zip(self._symbols, self._values, strict=True):
            for one, layer in zip(ops, values, strict=True):
                one.values = dict(zip(self._model.cell.carried, layer, strict=True))
            if symbol == self._end:
                state = patched.initial_state(len(sets))
            state, _ = patched.advance(np.full(len(sets), symbol), state)
        return self._log_probabilities(state)

    def _masks(self, sets: Sequence[Units], layer: int) -> dict[str, Mask]:
        """The units of a layer that are patched in each set, (N, H) for each state that has some."""
        shape = len(sets), self._model.config.hidden_size
        masks = {letter: np.zeros(shape, bool) for letter in self._model.cell.states}
        for row, units in enumerate(sets):
            for unit in units:
                if unit.layer == layer:
                    masks[unit.what][row, unit.index] = True
        return {letter: mask for letter, mask in masks.items() if mask.any()}

    def _read(self, ids: Ids) -> list[States]:
        """The state before a text and after each of its symbols."""
        model = self._model
        start = model.initial_state()
        states = [start]
        if self._end is not None and ids[:1].tolist() != [self._end]:
            states = [model.advance(self._end, start)[0]]
        for symbol in ids:
            state = start if symbol == self._end else states[-1]
            states.append(model.advance(symbol, state)[0])
        return states

    def _log_probabilities(self, state: States) -> Float64:
        made: Float64 = log_softmax(self._model.logits(state).astype(np.float64))
        return made


class _Patched(NumpyOps):
    """The functions of a layer's step, in which some units of each row have given values."""

    def __init__(self, masks: dict[str, Mask]) -> None:
        self._masks = masks
        self.values: dict[str, Float] = {}

    def state(self, name: str, x: Float) -> Float:  # type: ignore[override]
        """A state (N, H), with the values of the source where its mask has them."""
        mask = self._masks.get(name)
        return x if mask is None else np.where(mask, self.values[name], x)


def _repeated(state: States, rows: int) -> States:
    """A state (H,) in several rows, (N, H)."""
    return tuple(tuple(np.repeat(v[None], rows, axis=0) for v in layer) for layer in state)
