"""A form that a text must have: which symbols may come next if the whole is to match a regular expression.

The automaton of the expression is determinised as it is walked, and what was worked out is forgotten when it becomes
too much, so that no expression needs more than a fixed amount of memory: the determinised form of (a|b)*a(a|b){30} has
2 ** 31 states. How many characters a match still takes is known exactly at every state: the least over the nodes that
it stands for.

Everything is counted in characters, at level byte too; there, a state also holds the bytes of the character that is
begun, and its form allows no half characters.

It knows no model and draws nothing.
"""

from collections.abc import Iterable
from threading import Lock
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from charrnn.errors import UsageError
from charrnn.sampling.constraint.regex import (
    ACCEPT,
    BRANCHES,
    NEVER,
    Automaton,
    Runs,
    compile_expression,
    distances,
    runs,
    shown,
)
from charrnn.text.utf8 import NONE, SCALARS, CharacterBytes
from charrnn.text.vocabulary import Vocabulary, name_characters
from charrnn.wording import counted

Mask = npt.NDArray[np.bool_]

MOST_CELLS = 400_000
"""Numbers that a form keeps of the states that it has met."""
LACKING = 1 << 40
"""What a character costs that the vocabulary lacks, on the way that needs the fewest of them."""


class _Row(NamedTuple):
    """What follows a subset, for each class of characters: shape (C,) each."""

    needs: npt.NDArray[np.int64]
    """The fewest characters of a match after the next one; NEVER where there is none."""
    subsets: "list[_Subset]"


class _Subset:
    """The nodes where the automaton may be after some text: one state of its determinised form."""

    __slots__ = ("accepts", "needs", "nodes", "row")

    def __init__(self, nodes: frozenset[int], needs: int) -> None:
        self.nodes, self.needs, self.accepts = nodes, needs, ACCEPT in nodes
        self.row: _Row | None = None


class State(NamedTuple):
    """Where a text stands in a form: a value, to be kept, passed on and come back to."""

    subset: _Subset
    begun: bytes = b""
    """The first bytes of a character that is not yet whole; only at level byte."""


class _Subsets:
    """The determinised automaton, worked out as it is walked (the subset construction of Rabin and Scott 1959).

    Args:
        automaton: the nondeterministic one.
        members: for each class of characters the sets that they are in; none for class NONE.
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
        self._cells = 0
        self._lock = Lock()
        self.nowhere = self._subset(frozenset())
        self.start = self._subset(self._reached([automaton.start]))

    def row(self, subset: _Subset) -> _Row:
        """What follows a subset."""
        row = subset.row
        if row is None:
            with self._lock:
                row = subset.row = self._make_row(subset)
        return row

    def _reached(self, nodes: Iterable[int]) -> frozenset[int]:
        """ACCEPT and the nodes that read, of those that branches lead to and from which a match can be finished."""
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

    def _make_row(self, subset: _Subset) -> _Row:
        targets: dict[int, list[int]] = {}
        for node in subset.nodes - {ACCEPT}:
            targets.setdefault(self._automaton.reads[node], []).extend(
                self._automaton.targets[node]
            )
        self._keep_within_bounds(self._num_classes + len(subset.nodes))
        reached = {one: self._reached(nodes) for one, nodes in targets.items()}
        hit: dict[int, list[int]] = {}
        for one in targets:
            for number in self._classes_of[one]:
                hit.setdefault(number, []).append(one)
        row = _Row(np.full(self._num_classes, NEVER, np.int64), [self.nowhere] * self._num_classes)
        for number, sets in hit.items():
            following = self._subset(frozenset().union(*(reached[one] for one in sets)))
            row.needs[number], row.subsets[number] = following.needs, following
        return row

    def _keep_within_bounds(self, cells: int) -> None:
        """Forget everything, before it becomes too much; a subset in somebody's hands is then worked out anew."""
        self._cells += cells
        if self._cells > MOST_CELLS:
            for subset in self._known.values():
                subset.row = None
            self._known = {subset.nodes: subset for subset in (self.nowhere, self.start)}
            self._cells = cells


class Form:
    """A regular expression over a vocabulary's symbols, made by `compile_form`. Threads may share it.

    Args:
        pattern: the expression.
        vocabulary: the symbols that texts are written with.
        automaton: that of the expression over the vocabulary's characters.
    """

    def __init__(self, pattern: str, vocabulary: Vocabulary, automaton: Automaton) -> None:
        self.pattern = pattern
        self.vocabulary = vocabulary
        classes, members = _classes(automaton.sets, len(_alphabet(vocabulary)))
        self._automaton = automaton
        self._subsets = _Subsets(automaton, members)
        self._bytes: CharacterBytes | None = None
        if vocabulary.level == "byte":
            self._bytes = CharacterBytes(classes, len(members))
        unknown = [NONE] if vocabulary.has_unknown else []
        self._classes = np.append(classes, np.array(unknown, np.int32))

    @property
    def start(self) -> State:
        """The state before the first character."""
        return State(self._subsets.start)

    @property
    def shortest(self) -> int | None:
        """The fewest characters of a match, or None if none can be written with this vocabulary."""
        needs = self._subsets.start.needs
        return None if needs == NEVER else needs

    def allowed(self, state: State, left: int) -> Mask:
        """The symbols after which a match can be completed in time; shape (V,).

        Args:
            state: where the text stands.
            left: characters that may still be written, the next one counted in; at level byte also one that is begun.
        """
        row = self._subsets.row(state.subset)
        in_time = row.needs < left  # (C,)
        if self._bytes is None:
            return in_time[self._classes]
        return self._bytes.possible(state.begun, in_time)

    def advance(self, state: State, symbol: int) -> State:
        """The state after a symbol; after one that no match goes on with, a state that allows none."""
        begun, number = b"", None
        if self._bytes is None:
            number = int(self._classes[symbol])
        else:
            begun, number = self._bytes.read(state.begun, symbol)
            if number is None:
                return State(state.subset, begun)
        return State(self._subsets.row(state.subset).subsets[number])

    def accepts(self, state: State) -> bool:
        """Whether the text that led here matches in full."""
        return state.subset.accepts and not state.begun

    def may_go_on(self, state: State) -> bool:
        """Whether some longer text matches."""
        return bool(self.allowed(state, NEVER).any())

    def require(self, length: int, option: str = "--length") -> None:
        """Nothing, if a match of at most so many characters can be written, which this option allows.

        Raises:
            UsageError: none can; what the vocabulary lacks is named, or the shortest match.
        """
        if self.shortest is None:
            raise UsageError(
                f"no text of the model's characters matches {shown(self.pattern)}: {self.describe_missing()}",
                "`charrnn inspect` lists the model's characters",
            )
        if self.shortest > length:
            raise UsageError(
                f"the shortest match of {shown(self.pattern)} has {counted(self.shortest, 'character')}, "
                f"but the length is {length:,}",
                f"allow it with {option.split(maxsplit=1)[0]} {self.shortest}",
            )

    def describe_missing(self) -> str:
        """What the vocabulary lacks for the match that it comes nearest to, or an empty string if one can be written."""
        return "" if self.shortest is not None else _describe_missing(self._automaton)


def compile_form(pattern: str, vocabulary: Vocabulary) -> Form:
    r"""The form of the texts that match a regular expression in full, as `re.fullmatch` means it.

    Args:
        pattern: in the syntax of Python's `re`, flags such as (?i) and (?s) included: \d \w \s are Unicode's unless (?a)
            is set, and a dot is no newline unless (?s) is.
        vocabulary: the symbols that texts are written with.

    Raises:
        UsageError: the expression is not valid; or it needs what no automaton can do (a back reference, lookaround,
            an atomic group, a possessive repeat, an anchor in its midst); or its repeats make it too large.

    Example:
        form = compile_form(r"\d{4}-\d\d-\d\d", model.vocabulary)
    """
    return Form(pattern, vocabulary, compile_expression(pattern, _alphabet(vocabulary)))


def _alphabet(vocabulary: Vocabulary) -> str:
    """The characters that can be written: those of the vocabulary in the order of their ids, or all of Unicode."""
    symbols = SCALARS if vocabulary.level == "byte" else vocabulary.symbols
    return symbols.astype("<u4").tobytes().decode("utf-32-le")


def _classes(sets: list[Runs], size: int) -> tuple[npt.NDArray[np.int32], list[tuple[int, ...]]]:
    """Characters that are in the same sets are of one class.

    Args:
        sets: of characters of an alphabet.
        size: the number of its characters.

    Returns:
        The class of each character, shape (size,), and the sets that each class is in; class NONE is in none.
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


def _describe_missing(automaton: Automaton) -> str:
    everything = _alphabet(Vocabulary.of_bytes())
    wanted = [
        "" if have else _first_characters(runs(*part, everything), everything)
        for have, part in zip(automaton.sets, automaton.parts, strict=True)
    ]
    costs = [
        1 if have else LACKING if named else NEVER
        for have, named in zip(automaton.sets, wanted, strict=True)
    ]
    least, following = distances(automaton, costs)
    if least[automaton.start] == NEVER:
        return "no text at all does"
    node, missing = automaton.start, dict[str, None]()
    while node != ACCEPT:
        one = automaton.reads[node]
        if one != BRANCHES and costs[one] == LACKING:
            missing[wanted[one]] = None
        node = following[node]
    return "they lack " + _listed(list(missing))


def _first_characters(ranges: Runs, alphabet: str, most: int = 2) -> str:
    """The characters of a set in words: all, or the first of many."""
    total = sum(end - first for first, end in ranges)
    characters = [
        c for first, end in ranges[:most] for c in alphabet[first : min(end, first + most)]
    ]
    if total == 1:
        return name_characters(characters)
    more = f" or {total - most:,} more" if total > most else ""
    return "any of " + name_characters(characters[:most]) + more if total else ""


def _listed(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (
        f" and {len(names) - most:,} more" if len(names) > most else ""
    )
