"""A finite automaton as an Elman network: what "recurrent networks can simulate any automaton" means.

A unit stands for a class of characters c and a state r: it is 1 just after a character of c has led to r. Where the
automaton is now is one of the units that stand for it, and exactly one of all units is 1, so that

    unit(c, r) = relu(Σ units of all states from which c leads to r  +  [a character of c was read]  -  1)

is 1 + 1 - 1 where both hold, and 0 where one of them does not. After a character that no word has there all units are 0
and stay 0. A newline begins each word, so that it has units like any other character: from 0 to the first state.

The head allows what the state allows: the characters that some word has there, all alike, and the newline exactly where
the word may end.

Sources: M. Minsky, "Computation: Finite and Infinite Machines", 1967, chapter 3, whose neurons have thresholds; N. Alon,
A. Dewdney and T. Ott, "Efficient Simulation of Finite Automata by Neural Nets", Journal of the ACM 38(2), 1991.
"""

from collections import defaultdict
from collections.abc import Sequence

from charrnn.constructions.automaton import MinimalAutomaton, minimal_automaton
from charrnn.constructions.base import NEVER, Construction, Logit, Unit, construct
from charrnn.errors import UsageError
from charrnn.wording import as_typed, counted, escape

END = "\n"
MAX_UNITS = 1024
"""Maximum units of a network of an expression."""


def from_regex(pattern: str) -> Construction:
    """The network that accepts the words of a regular expression, and no others, through its predictions.

    Args:
        pattern: the expression, in the syntax of Python's `re`; a word is what `re.fullmatch` matches.

    Raises:
        UsageError: the expression is not valid, is not regular, is too large, or has no words.
    """
    automaton = minimal_automaton(pattern)
    edges = _edges(automaton)
    if len(edges) > MAX_UNITS:
        raise UsageError(
            f"the expression {as_typed(pattern)} is too large: it needs {len(edges):,} units, more than {MAX_UNITS:,}",
            "use smaller numbers in {m,n}, or fewer different characters",
        )
    states = counted(len(automaton.accepts), "state")
    about = f"the words of {as_typed(pattern)}: a minimal automaton of {states}"
    return construct("regex", about, [_units(edges, automaton.accepts)], _logits(automaton, edges))


Edge = tuple[str, int]
"""A class of characters, and the state that it leads to."""


def _edges(automaton: MinimalAutomaton) -> dict[Edge, list[int]]:
    """The states from which each class of characters leads to each state.

    A class has the characters that lead from the same states to the same states. The newline leads from no state to the
    first one.
    """
    columns: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for state, row in enumerate(automaton.transitions):
        for character, target in row.items():
            columns[character].append((state, target))
    classes: dict[tuple[tuple[int, int], ...], str] = {}
    for character, column in sorted(columns.items()):
        classes[*column,] = classes.get((*column,), "") + character
    edges: dict[Edge, list[int]] = {(END, 0): []}
    for places, characters in classes.items():
        for state, target in places:
            edges.setdefault((characters, target), []).append(state)
    return edges


def _units(edges: dict[Edge, list[int]], accepts: Sequence[bool]) -> dict[str, Unit]:
    """The unit of each class of characters and each state that it leads to; and whether a word may end there."""
    standing = _standing(edges)
    units = {}
    for (characters, state), sources in edges.items():
        before = {name: 1.0 for source in sources for name in standing[source]}
        begins = characters == END
        what = "a newline" if begins else in_ranges(characters)
        units[_name((characters, state))] = Unit(
            before=before,
            below=dict.fromkeys(characters, 1.0),
            bias=0.0 if begins else -1.0,
            about=f"state {state}, after {what}" + ("; a word may end" if accepts[state] else ""),
        )
    return units


def _standing(edges: dict[Edge, list[int]]) -> dict[int, list[str]]:
    """The units that stand for each state."""
    standing: dict[int, list[str]] = defaultdict(list)
    for edge in edges:
        standing[edge[1]].append(_name(edge))
    return standing


def _logits(automaton: MinimalAutomaton, edges: dict[Edge, list[int]]) -> dict[str, Logit]:
    """What may come next in each state; in none of them, after what no word begins with, anything but the end."""
    standing = _standing(edges)
    characters = {c for row in automaton.transitions for c in row}

    def above(weight: float, states: list[int]) -> dict[str, float]:
        return {name: weight for state in states for name in standing[state]}

    every = range(len(automaton.accepts))
    logits = {
        c: Logit(above=above(NEVER, [s for s in every if c not in automaton.transitions[s]]))
        for c in characters
    }
    ends = [state for state in every if automaton.accepts[state]]
    logits[END] = Logit(above=above(-NEVER, ends), bias=NEVER)
    return logits


def _name(edge: Edge) -> str:
    return f"{edge[0]}>{edge[1]}"


def in_ranges(characters: str) -> str:
    """Characters in code point order, those that follow each other as a range: "abcdx-" -> "- a-d x"."""
    runs: list[list[str]] = []
    for c in sorted(characters):
        if runs and ord(c) == ord(runs[-1][-1]) + 1:
            runs[-1].append(c)
        else:
            runs.append([c])
    named = [["space" if c == " " else escape(c) for c in run] for run in runs]
    return " ".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else " ".join(run) for run in named)
