"""A regular expression as a nondeterministic automaton over an alphabet.

Python's own `re` reads the expression, and `re` itself is asked which characters each part of it matches, so that
an expression means here what it means to `re.fullmatch`: Unicode classes, flags and case folding included. What no such
automaton can do (back references, lookaround ...) is refused by name.

The automaton is Thompson's: nodes that read one character of a set, and nodes that only branch. An expression of n
characters, its repeats written out, has about n nodes, however many its deterministic form would have.

The compromise: `re`'s parse tree is not a public interface of Python (`re._parser`; hypothesis reads it too).

Source: Thompson 1968, "Regular Expression Search Algorithm".
"""

import heapq
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from re import _compiler, _constants, _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

from charrnn.errors import SettingError, UsageError
from charrnn.text.vocabulary import name_characters
from charrnn.wording import as_typed, listed

MAX_NODES = 200_000
"""Maximum nodes of an automaton, its repeats written out."""
NEVER = 1 << 62
"""A distance for what cannot be reached: more characters than any text has."""
MISSING = 1 << 40
"""The cost of a character that the vocabulary lacks: fewest of these first, then fewest characters."""

ACCEPT = 0
"""The node at which the text matches."""
BRANCHES = -1
"""What a node reads that only branches."""

Runs = list[tuple[int, int]]
"""A set of characters as ranges (first, past the last) of indices into an alphabet."""

REFUSED = {
    "GROUPREF": "a back reference",
    "GROUPREF_EXISTS": "a conditional (?(1)...)",
    "ASSERT": "lookaround (?=...) or (?<=...)",
    "ASSERT_NOT": "lookaround (?!...) or (?<!...)",
    "FAILURE": "lookaround (?!)",
    "ATOMIC_GROUP": "an atomic group (?>...)",
    "POSSESSIVE_REPEAT": "a possessive repeat such as a*+",
    "AT_BOUNDARY": r"a word boundary \b",
    "AT_NON_BOUNDARY": r"\B",
    "AT_BEGINNING": "a ^ inside a repeat, or elsewhere than at its beginning",
    "AT_BEGINNING_STRING": r"a \A inside a repeat, or elsewhere than at its beginning",
    "AT_END": "a $ inside a repeat, or elsewhere than at its end",
    "AT_END_STRING": r"a \Z inside a repeat, or elsewhere than at its end",
}
DIALECT = (
    "the dialect is Python's re without back references, conditionals, lookaround, atomic groups, possessive repeats, "
    r"\b and \B"
)


@dataclass(frozen=True)
class Automaton:
    """Nodes and what they read; node ACCEPT is the end."""

    start: int
    """The node before the first character."""
    reads: list[int]
    """For each node the set of its character, as an index of `sets`, or BRANCHES."""
    targets: list[tuple[int, ...]]
    """For each node the nodes that may come next."""
    sets: list[Runs]
    """The distinct sets of characters."""
    parts: list[tuple[Any, int]]
    """For each set the part of `re`'s tree that it stands for, and the flags there."""


class _Edge(NamedTuple):
    """Whether a part of the expression stands at its beginning, or at its end."""

    first: bool
    last: bool


def compile_expression(pattern: str, alphabet: str, *, setting: str = "match") -> Automaton:
    """The automaton of an expression over an alphabet.

    Args:
        pattern: the expression.
        alphabet: different characters, in any order.
        setting: the setting that gave the expression, for messages.

    Raises:
        UsageError: the expression is not valid, is not a regular language, or is too large.
    """
    name = as_typed(pattern)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # "possible nested set": its meaning is about to change
            tree = _parser.parse(pattern)
        builder = _Builder(name, alphabet, setting)
        start = builder.sequence(tree, tree.state.flags, ACCEPT, _Edge(first=True, last=True))
    except re.error as error:
        where = "" if error.pos is None else f" at position {error.pos}"
        raise UsageError(
            f"not a valid regular expression: {name}: {error.msg}{where}",
            "the syntax is that of Python's re; \\ before a special character makes it literal",
        ) from error
    except (Warning, OverflowError) as error:
        raise UsageError(f"an ambiguous regular expression: {name}: {error}") from error
    except RecursionError as error:
        raise UsageError(f"the expression {name} is nested too deeply") from error
    return Automaton(start, builder.reads, builder.targets, builder.sets, builder.parts)


class _Builder:
    """Makes nodes from the end of the expression to its start: each part is given the node that follows it."""

    def __init__(self, name: str, alphabet: str, setting: str) -> None:
        self.name, self.alphabet, self.setting = name, alphabet, setting
        self.reads, self.targets = [BRANCHES], [()]  # type: tuple[list[int], list[tuple[int, ...]]]
        self.sets: list[Runs] = []
        self.parts: list[tuple[Any, int]] = []
        self._known: dict[tuple[str, int], int] = {}

    def add(self, reads: int, targets: tuple[int, ...]) -> int:
        """Add a node, and return its number."""
        if len(self.reads) == MAX_NODES:
            raise UsageError(
                f"the expression {self.name} is too large: with its repeats written out, "
                f"it has more than {MAX_NODES:,} parts",
                "use smaller numbers in {m,n}, or * and +",
            )
        self.reads.append(reads)
        self.targets.append(targets)
        return len(self.reads) - 1

    def sequence(self, items: Sequence[Any], flags: int, after: int, edge: _Edge) -> int:
        """The node that begins items in a row."""
        anchors = [op is _constants.AT for op, _ in items]
        begin = next((i for i, anchor in enumerate(anchors) if not anchor), len(items))
        end = next((i for i, anchor in enumerate(reversed(anchors)) if not anchor), len(items))
        for i in reversed(range(len(items))):
            own = _Edge(edge.first and i <= begin, edge.last and i >= len(items) - 1 - end)
            after = self.item(items[i], flags, after, own)
        return after

    def item(self, item: tuple[Any, Any], flags: int, after: int, edge: _Edge) -> int:
        """The node that begins one item of `re`'s parse tree."""
        op, value = item
        match op.name:
            case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN":
                return self.add(self.characters(item, flags), (after,))
            case "SUBPATTERN":
                _, added, removed, body = value
                return self.sequence(body, _combined(flags, added, removed), after, edge)
            case "BRANCH":
                starts = [self.sequence(branch, flags, after, edge) for branch in value[1]]
                return self.add(BRANCHES, tuple(starts))
            case "MAX_REPEAT" | "MIN_REPEAT":  # greedy or not: the same texts match
                low, high, body = value
                own = edge if high == 1 else _Edge(first=False, last=False)
                return self.repeat(
                    low, high, after, lambda then: self.sequence(body, flags, then, own)
                )
            case "AT" if self.holds(value.name, edge):
                return after
        refused = value.name if op is _constants.AT else op.name
        is_anchor = refused.startswith(("AT_BEGINNING", "AT_END"))
        raise SettingError.naming(
            f"{{{self.setting}}} cannot have {{part}}, as in {{expression}}",
            "leave it out: an expression always matches the whole text" if is_anchor else DIALECT,
            part=REFUSED.get(refused, refused),
            expression=self.name,
        )

    @staticmethod
    def holds(anchor: str, edge: _Edge) -> bool:
        """Whether an anchor is redundant, because the whole text must match anyway."""
        begins = edge.first and anchor in ("AT_BEGINNING", "AT_BEGINNING_STRING")
        return begins or (edge.last and anchor in ("AT_END", "AT_END_STRING"))

    def repeat(self, low: int, high: int, after: int, copy: Callable[[int], int]) -> int:
        """x{low,high}; x{0,n} is (x(x...)?)?, so that each copy has one way out."""
        node = after
        if high is _constants.MAXREPEAT:
            node = self.add(BRANCHES, ())
            once = copy(node)
            self.targets[node] = (once, after)
            if low > 0:
                node, low = once, low - 1
        else:
            for _ in range(high - low):
                once = copy(node)
                if once == node:  # x is empty, and so is any number of it
                    return after
                node = self.add(BRANCHES, (once, after))
        for _ in range(low):
            once = copy(node)
            if once == node:
                return node
            node = once
        return node

    def characters(self, part: tuple[Any, Any], flags: int) -> int:
        """The number of the set of characters that a part matches."""
        key = repr(part), flags
        if key not in self._known:
            self._known[key] = len(self.sets)
            self.sets.append(runs(part, flags, self.alphabet))
            self.parts.append((part, flags))
        return self._known[key]


def _combined(flags: int, added: int, removed: int) -> int:
    """The flags inside (?aiLmsux-imsx:...)."""
    if added & _parser.TYPE_FLAGS:
        flags &= ~_parser.TYPE_FLAGS
    return (flags | added) & ~removed


def runs(part: tuple[Any, Any], flags: int, alphabet: str) -> Runs:
    """The characters of an alphabet that a one-character part of an expression matches, according to `re` itself."""
    op, value = part
    if op is _constants.LITERAL and not flags & re.IGNORECASE:
        index = alphabet.find(chr(value))
        return [(index, index + 1)] if index >= 0 else []
    state = _parser.State()
    one = _parser.SubPattern(state, [part])
    several = (_constants.MAX_REPEAT, (1, _constants.MAXREPEAT, one))
    matcher = _compiler.compile(_parser.SubPattern(state, [several]), flags)
    return [match.span() for match in matcher.finditer(alphabet)]


def distances(automaton: Automaton, costs: Sequence[int]) -> tuple[list[int], list[int]]:
    """The cheapest way from each node to ACCEPT (Dijkstra 1959).

    Args:
        automaton: the nodes.
        costs: the cost of one character from each set; NEVER for an empty set.

    Returns:
        The cost from each node, NEVER if there is no way; and the next node on the way, meaningless if there is none.
    """
    sources: list[list[int]] = [[] for _ in automaton.reads]
    for node, targets in enumerate(automaton.targets):
        for target in targets:
            sources[target].append(node)
    step = [0 if reads == BRANCHES else costs[reads] for reads in automaton.reads]
    least, following = [NEVER] * len(step), [ACCEPT] * len(step)
    least[ACCEPT] = 0
    queue = [(0, ACCEPT)]
    while queue:
        cost, node = heapq.heappop(queue)
        if cost > least[node]:
            continue
        for source in sources[node]:
            if cost + step[source] < least[source]:
                least[source], following[source] = cost + step[source], node
                heapq.heappush(queue, (least[source], source))
    return least, following


def missing_characters(automaton: Automaton, everything: str) -> str:
    """What an alphabet lacks for a match, in words: the fewest characters that would have to be added.

    Args:
        automaton: an expression over an alphabet with whose characters nothing matches.
        everything: all characters that there are.
    """
    wanted = [
        "" if have else _first_characters(runs(*part, everything), everything)
        for have, part in zip(automaton.sets, automaton.parts, strict=True)
    ]
    costs = [
        1 if have else MISSING if named else NEVER
        for have, named in zip(automaton.sets, wanted, strict=True)
    ]
    least, following = distances(automaton, costs)
    if least[automaton.start] == NEVER:
        return "no text at all does"
    node, missing = automaton.start, dict[str, None]()
    while node != ACCEPT:
        one = automaton.reads[node]
        if one != BRANCHES and costs[one] == MISSING:
            missing[wanted[one]] = None
        node = following[node]
    return "they lack " + listed(list(missing))


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
