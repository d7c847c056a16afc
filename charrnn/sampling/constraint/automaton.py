"""A constraint on a text: the symbols that may come next if the complete text is to match a regular expression.

The automaton of the expression is made deterministic while it is walked, and its states are forgotten when they become
too many, so that every expression needs bounded memory: (a|b)*a(a|b){30} has 2 ** 31 deterministic states. How many
characters a match still takes is known exactly in every state: the least over the nodes that it stands for.

Everything is counted in characters, at level byte too; there, a state also holds the bytes of an incomplete character,
and the constraint allows complete characters only.

It knows no model and draws nothing.
"""

from collections.abc import Iterable
from threading import Lock
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from charrnn.errors import SettingError, UsageError
from charrnn.numerics import Mask
from charrnn.sampling.constraint.bytes import NONE, SCALARS, CharacterBytes
from charrnn.sampling.constraint.regex import (
    ACCEPT,
    BRANCHES,
    NEVER,
    Automaton,
    Runs,
    compile_expression,
    distances,
    missing_characters,
)
from charrnn.text.vocabulary import Vocabulary
from charrnn.wording import as_typed, counted

MAX_NUMBERS = 400_000
"""Numbers that a constraint keeps about the states that it has visited."""


class _Transitions(NamedTuple):
    """What follows a subset, for each class of characters."""

    needs: npt.NDArray[np.int64]
    """Fewest characters of a match after the next one, (C,); NEVER where there is none."""
    subsets: "list[_Subset]"
    """Subset after a character of each class, (C,)."""


class _Subset:
    """The nodes where the automaton may be after some text: one deterministic state."""

    __slots__ = ("accepts", "needs", "nodes", "transitions")

    def __init__(self, nodes: frozenset[int], needs: int) -> None:
        self.nodes, self.needs, self.accepts = nodes, needs, ACCEPT in nodes
        self.transitions: _Transitions | None = None


class ConstraintState(NamedTuple):
    """How far a text has come in a match: a value, which may be kept and returned to."""

    subset: _Subset
    begun: bytes = b""
    """First bytes of an incomplete character; only at level byte."""


class _LazyDfa:
    """The deterministic automaton, made as it is walked (the subset construction of Rabin and Scott 1959).

    Args:
        automaton: the nondeterministic one.
        members: for each class of characters the sets that hold them; none for class NONE.
    """

    def __init__(self, automaton: Automaton, members: list[tuple[int, ...]]) -> None:
        self._automaton = automaton
        self._num_classes = len(members)
        self._classes_of: list[list[int]] = [[] for _ in automaton.sets]
        for number, sets in enumerate(members):
            for one in sets:
                self._classes_of[one].append(number)
        self._needs, _ = distances(automaton, [1 if c else NEVER for c in self._classes_of])
        self._known: dict[frozenset[int], _Subset] = {}
        self._size = 0
        self._lock = Lock()
        self.nowhere = self._subset(frozenset())
        self.start = self._subset(self._reached([automaton.start]))

    def transitions(self, subset: _Subset) -> _Transitions:
        """What follows a subset."""
        transitions = subset.transitions
        if transitions is None:
            with self._lock:
                transitions = subset.transitions = self._make_transitions(subset)
        return transitions

    def _reached(self, nodes: Iterable[int]) -> frozenset[int]:
        """The reading nodes, and ACCEPT, that are reached through branches and can still complete a match."""
        waiting, seen, reached = list(nodes), set[int](), []
        while waiting:
            node = waiting.pop()
            if node in seen or self._needs[node] == NEVER:
                continue
            seen.add(node)
            if node == ACCEPT or self._automaton.reads[node] != BRANCHES:
                reached.append(node)
            else:
                waiting.extend(self._automaton.targets[node])
        return frozenset(reached)

    def _subset(self, nodes: frozenset[int]) -> _Subset:
        if nodes not in self._known:
            needs = min((self._needs[node] for node in nodes), default=NEVER)
            self._known[nodes] = _Subset(nodes, needs)
        return self._known[nodes]

    def _make_transitions(self, subset: _Subset) -> _Transitions:
        targets: dict[int, list[int]] = {}
        for node in subset.nodes - {ACCEPT}:
            targets.setdefault(self._automaton.reads[node], []).extend(
                self._automaton.targets[node]
            )
        self._make_room(self._num_classes + len(subset.nodes))
        reached = {one: self._reached(nodes) for one, nodes in targets.items()}
        sets_of: dict[int, list[int]] = {}
        for one in targets:
            for number in self._classes_of[one]:
                sets_of.setdefault(number, []).append(one)
        needs = np.full(self._num_classes, NEVER, np.int64)
        subsets = [self.nowhere] * self._num_classes
        for number, sets in sets_of.items():
            following = self._subset(frozenset().union(*(reached[one] for one in sets)))
            needs[number], subsets[number] = following.needs, following
        return _Transitions(needs, subsets)

    def _make_room(self, size: int) -> None:
        """Clear the cache if it would become too large; states still referenced are recomputed."""
        self._size += size
        if self._size > MAX_NUMBERS:
            for subset in self._known.values():
                subset.transitions = None
            self._known = {subset.nodes: subset for subset in (self.nowhere, self.start)}
            self._size = size


class Constraint:
    """A regular expression over a vocabulary's symbols, made by `compile_constraint`. Threads may share it.

    Args:
        pattern: the expression.
        vocabulary: the symbols of the texts.
        automaton: the expression's automaton over the vocabulary's characters.
    """

    def __init__(self, pattern: str, vocabulary: Vocabulary, automaton: Automaton) -> None:
        self.pattern = pattern
        self.vocabulary = vocabulary
        classes, members = _classes(automaton.sets, len(_alphabet(vocabulary)))
        self._automaton = automaton
        self._dfa = _LazyDfa(automaton, members)
        self._bytes: CharacterBytes | None = None
        if vocabulary.level == "byte":
            self._bytes = CharacterBytes(classes, len(members))
        unknown = [NONE] if vocabulary.has_unknown else []
        self._classes = np.append(classes, np.array(unknown, np.int32))

    @property
    def start(self) -> ConstraintState:
        """The state before the first character."""
        return ConstraintState(self._dfa.start)

    @property
    def shortest(self) -> int | None:
        """Fewest characters of a match, or None if the vocabulary lacks the characters for any."""
        needs = self._dfa.start.needs
        return None if needs == NEVER else needs

    def allowed(self, state: ConstraintState, left: int) -> Mask:
        """The symbols after which a match can be completed in time, (V,).

        Args:
            state: how far the text has come.
            left: characters that may still come, the next one included; at level byte also an incomplete one.
        """
        in_time = self._dfa.transitions(state.subset).needs < left  # (C,)
        if self._bytes is None:
            return in_time[self._classes]
        return self._bytes.possible(state.begun, in_time)

    def advance(self, state: ConstraintState, symbol: int) -> ConstraintState:
        """The state after a symbol; if no match has that symbol here, a state that allows none."""
        if self._bytes is None:
            number = int(self._classes[symbol])
        else:
            begun, complete = self._bytes.read(state.begun, symbol)
            if complete is None:
                return ConstraintState(state.subset, begun)
            number = complete
        return ConstraintState(self._dfa.transitions(state.subset).subsets[number])

    def needs(self, state: ConstraintState) -> int:
        """Fewest characters that complete a match; NEVER if none can."""
        return state.subset.needs

    def accepts(self, state: ConstraintState) -> bool:
        """Whether the text so far matches in full."""
        return state.subset.accepts and not state.begun

    def can_go_on(self, state: ConstraintState) -> bool:
        """Whether a longer text can match too."""
        return bool(self.allowed(state, NEVER).any())

    def require(self, length: int, setting: str = "length") -> None:
        """Check that some match has at most `length` characters.

        Args:
            length: the most characters that a sample may have.
            setting: the setting that decides it, for the hint.

        Raises:
            UsageError: none has; the message names what the vocabulary lacks, or the shortest match.
        """
        if self.shortest is None:
            raise UsageError(
                f"no text of the model's characters matches {as_typed(self.pattern)}: {self.describe_missing()}"
            )
        if self.shortest > length:
            raise SettingError.naming(
                f"the shortest match of {{pattern}} has {counted(self.shortest, 'character')}, "
                f"but the length is {length:,}",
                f"allow it with {{{setting}:{self.shortest}}}",
                pattern=as_typed(self.pattern),
            )

    def describe_missing(self) -> str:
        """What the vocabulary lacks for the match that it comes closest to; empty if it lacks nothing."""
        if self.shortest is not None:
            return ""
        return missing_characters(self._automaton, _alphabet(Vocabulary.of_bytes()))


def compile_constraint(pattern: str, vocabulary: Vocabulary) -> Constraint:
    r"""The constraint that a text matches a regular expression in full, as `re.fullmatch` means it.

    Args:
        pattern: in the syntax of Python's `re`, flags such as (?i) and (?s) included: \d \w \s are Unicode's unless (?a)
            is set, and a dot matches no newline unless (?s) is.
        vocabulary: the symbols of the texts.

    Raises:
        UsageError: the expression is not valid; or it needs what no finite automaton can do (a back reference,
            lookaround, an atomic group, a possessive repeat, an anchor in its middle); or its repeats make it too large.

    Example:
        constraint = compile_constraint(r"\d{4}-\d\d-\d\d", model.vocabulary)
    """
    return Constraint(pattern, vocabulary, compile_expression(pattern, _alphabet(vocabulary)))


def _alphabet(vocabulary: Vocabulary) -> str:
    """The characters that a vocabulary can spell: in the order of their ids, or at level byte all of Unicode."""
    symbols = SCALARS if vocabulary.level == "byte" else vocabulary.symbols
    return symbols.astype("<u4").tobytes().decode("utf-32-le")


def _classes(sets: list[Runs], size: int) -> tuple[npt.NDArray[np.int32], list[tuple[int, ...]]]:
    """Divide an alphabet into classes of characters that are in the same sets.

    Args:
        sets: sets of its characters.
        size: the number of its characters.

    Returns:
        The class of each character, (size,), and for each class the sets that hold it; none for class NONE.
    """
    bounds = sorted({0, size, *(bound for one in sets for run in one for bound in run)})
    place = {bound: number for number, bound in enumerate(bounds)}
    within: list[list[int]] = [[] for _ in bounds[1:]]
    for number, one in enumerate(sets):
        for first, end in one:
            for segment in range(place[first], place[end]):
                within[segment].append(number)
    numbers: dict[tuple[int, ...], int] = {(): NONE}
    of_segment = [numbers.setdefault(tuple(inside), len(numbers)) for inside in within]
    return np.repeat(np.array(of_segment, np.int32), np.diff(bounds)), list(numbers)
