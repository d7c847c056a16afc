"""The least deterministic automaton of a regular expression, over the characters that its words have.

    expression -> nondeterministic automaton (`charrnn.sampling.constraint.regex`) -> subsets -> least states

States from which no word can be completed are left out: a transition that leads to one is not there. The characters are
those of printable ASCII and those that the expression names, as far as some word has them; none is a newline, which
ends a word.

Sources: M. Rabin and D. Scott, "Finite Automata and Their Decision Problems", IBM Journal 3(2), 1959 (subsets); E. F.
Moore, "Gedanken-experiments on Sequential Machines", Automata Studies, 1956 (the least states).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from charrnn.errors import SettingError, UsageError
from charrnn.sampling.constraint.regex import (
    ACCEPT,
    BRANCHES,
    NEVER,
    Automaton,
    compile_expression,
    distances,
)
from charrnn.wording import as_typed

PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
MAX_STATES = 2000
"""Maximum states before the least ones are chosen."""
MAX_RANGE = 1000
"""Maximum characters of a range in an expression."""


@dataclass(frozen=True)
class MinimalAutomaton:
    """A deterministic automaton with the least number of states; state 0 is the first."""

    transitions: Sequence[dict[str, int]]
    """For each state the next one after each character that some word has there."""
    accepts: Sequence[bool]
    """For each state whether the word may end there."""

    def matches(self, text: str) -> bool:
        """Whether a text is a word of the language."""
        state = 0
        for character in text:
            if character not in self.transitions[state]:
                return False
            state = self.transitions[state][character]
        return self.accepts[state]


def minimal_automaton(pattern: str, setting: str = "from_regex") -> MinimalAutomaton:
    """The least automaton of an expression, as `re.fullmatch` means it.

    Args:
        pattern: the expression, in the syntax of Python's `re`.
        setting: the setting that gave it, for messages.

    Raises:
        UsageError: the expression is not valid, is not regular, is too large, or has no words.
    """
    parts = compile_expression(pattern, "", setting=setting).parts
    if any("\n" in _characters(op.name, own) for (op, own), _ in parts if not _excludes(op, own)):
        raise SettingError.naming(
            "{" + setting + "} cannot have a newline, as in {expression}: a newline ends each word",
            "leave it out",
            expression=as_typed(pattern),
        )
    alphabet = "".join(sorted({*PRINTABLE, *_named(parts)} - {"\n"}))
    automaton = compile_expression(pattern, alphabet, setting=setting)
    table, accepts = _deterministic(pattern, automaton, alphabet)
    if not table:
        raise UsageError(
            f"no text matches {as_typed(pattern)}",
            "a word has printable characters of ASCII, and those that the expression names",
        )
    return _least(table, accepts)


def _named(parts: Iterable[tuple[Any, int]]) -> set[str]:
    """The characters that an expression names, with the same letters in the other case."""
    named = {c for (op, value), _ in parts for c in _characters(op.name, value)}
    cases = {case for c in named for case in (c, c.lower(), c.upper())}
    return {case for case in cases if len(case) == 1}


def _excludes(op: Any, value: Any) -> bool:
    """Whether a part of an expression matches all characters but those that it names."""
    first = value[0][0].name if op.name == "IN" else op.name
    return first in ("NEGATE", "NOT_LITERAL")


def _characters(op: str, value: Any) -> Iterator[str]:
    match op:
        case "LITERAL" | "NOT_LITERAL":
            yield chr(value)
        case "RANGE":
            yield from map(chr, range(value[0], min(value[1], value[0] + MAX_RANGE) + 1))
        case "IN":
            for inner, own in value:
                yield from _characters(inner.name, own)


def _deterministic(
    pattern: str, automaton: Automaton, alphabet: str
) -> tuple[list[list[tuple[str, int]]], list[bool]]:
    """The subset construction: for each state what each class of characters leads to, and whether it accepts.

    A state is a set of nodes from which a word can still be completed; the first is that of the empty text.
    """
    classes = _classes(automaton, alphabet)
    has_some = [bool(one) for one in automaton.sets]
    needs, _ = distances(automaton, [1 if some else NEVER for some in has_some])
    start = _reached(automaton, [automaton.start], needs)
    numbers, waiting = {start: 0}, [start]
    table: list[list[tuple[str, int]]] = []
    for state in waiting if start else ():
        row = []
        for sets, characters in classes.items():
            targets = [
                target
                for node in state
                if automaton.reads[node] in sets
                for target in automaton.targets[node]
            ]
            following = _reached(automaton, targets, needs)
            if following:
                if following not in numbers:
                    numbers[following] = len(numbers)
                    waiting.append(following)
                row.append((characters, numbers[following]))
        table.append(row)
        if len(numbers) > MAX_STATES:
            raise UsageError(
                f"the expression {as_typed(pattern)} is too large: its automaton has more than {MAX_STATES:,} states",
                "use smaller numbers in {m,n}, or an expression that has to remember less",
            )
    return table, [ACCEPT in state for state in waiting]


def _classes(automaton: Automaton, alphabet: str) -> dict[frozenset[int], str]:
    """The characters that the same sets hold, by these sets; those that no set holds are left out."""
    sets_of: dict[int, list[int]] = {}
    for number, runs in enumerate(automaton.sets):
        for first, end in runs:
            for place in range(first, end):
                sets_of.setdefault(place, []).append(number)
    classes: dict[frozenset[int], str] = {}
    for place, sets in sorted(sets_of.items()):
        key = frozenset(sets)
        classes[key] = classes.get(key, "") + alphabet[place]
    return classes


def _reached(automaton: Automaton, nodes: Iterable[int], needs: Sequence[int]) -> frozenset[int]:
    """The nodes that read, and ACCEPT, which are reached through branches and can complete a word."""
    waiting, seen, reached = list(nodes), set[int](), set[int]()
    while waiting:
        node = waiting.pop()
        if node in seen or needs[node] == NEVER:
            continue
        seen.add(node)
        if node == ACCEPT or automaton.reads[node] != BRANCHES:
            reached.add(node)
        else:
            waiting.extend(automaton.targets[node])
    return frozenset(reached)


def _least(table: Sequence[Sequence[tuple[str, int]]], accepts: Sequence[bool]) -> MinimalAutomaton:
    """Moore's refinement: states are told apart by whether they accept, then by where their characters lead."""
    block, count = [int(a) for a in accepts], 0
    while True:
        numbers: dict[tuple[Any, ...], int] = {}
        refined = []
        for state, row in enumerate(table):
            leads = tuple((characters, block[target]) for characters, target in row)
            refined.append(numbers.setdefault((block[state], leads), len(numbers)))
        block = refined
        if len(numbers) == count:
            break
        count = len(numbers)
    # state 0 is the first to be numbered
    transitions: list[dict[str, int]] = [{} for _ in range(count)]
    ends = [False] * count
    for state, row in enumerate(table):
        ends[block[state]] = accepts[state]
        transitions[block[state]] |= {
            c: block[target] for characters, target in row for c in characters
        }
    return MinimalAutomaton(transitions, ends)
