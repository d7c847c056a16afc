"""A bracket matcher: ( ) and [ ] that close in the right order, up to a depth of DEPTH.

A stack in one number: each bracket that is open is a digit to the base 4, 1 for ( and 3 for [, and the last one opened
is the first digit behind the point: "([" is 0.31. To open a bracket is to divide by 4 and to add its digit; to close it,
to multiply by 4 and to take the digit off. Four units, of which one is the stack and the others are 0, each
for what was read:

    push(t) = relu(stack(t-1) / 4 + digit / 4 + [the bracket opens] - 1)        stack = the sum of the four
    pop(t)  = relu(4 · stack(t-1) - digit + 4 · [the bracket closes] - 4)

A fifth unit counts the depth. To close is CLOSES times as likely as to open with one of the two, so that samples end.
The layer above compares: with the first digit 3 or 1, with an empty stack, with DEPTH.
A number of float32 has 24 binary digits, so that the stack is exact up to a depth of 12.

Source: H. Siegelmann and E. Sontag, "On the Computational Power of Neural Nets", Journal of Computer and System Sciences
50(1), 1995: with two such stacks, and numbers without limit, a network is a Turing machine.
"""

import math

from charrnn.constructions.base import NEVER, Construction, Logit, Unit, construct

DEPTH = 12
"""Digits to the base 4 in the 24 binary digits of a float32."""
CLOSES = 3
"""How many times as likely as one that opens the bracket that closes is."""
PAIRS = {"(": (")", 1.0), "[": ("]", 3.0)}
"""For each bracket what closes it, and its digit."""
STACK = ("push (", "pop )", "push [", "pop ]")


def brackets() -> Construction:
    """The network of brackets that match."""
    return construct(
        "brackets",
        f"( ) and [ ] that match, at most {DEPTH} deep",
        [_stack(), _compared()],
        _logits(),
    )


def _stack() -> dict[str, Unit]:
    """The layer that holds the stack, in the sum of four units."""
    units = {}
    for opens, (closes, digit) in PAIRS.items():
        units[f"push {opens}"] = Unit(
            before=dict.fromkeys(STACK, 0.25),
            below={opens: 1.0},
            bias=digit / 4 - 1,
            about=f"the stack, after {opens}",
        )
        units[f"pop {closes}"] = Unit(
            before=dict.fromkeys(STACK, 4.0),
            below={closes: 4.0},
            bias=-digit - 4,
            about=f"the stack, after {closes}",
        )
    steps = {
        c: s for opens, (closes, _) in PAIRS.items() for c, s in ((opens, 1.0), (closes, -1.0))
    }
    units["depth"] = Unit(before={"depth": 1.0}, below=steps, about="how many are open")
    return units


def _compared() -> dict[str, Unit]:
    """The layer that compares: two units that differ by 1 from some value on."""

    def over(factor: float, least: float, what: str) -> tuple[Unit, Unit]:
        below = dict.fromkeys(STACK, factor)
        return (
            Unit(below=below, bias=-least, about=what),
            Unit(below=below, bias=-least - 1, about="that, less 1"),
        )

    any_open = over(4.0, 0.0, "the stack times 4: 1 or more where a bracket is open")
    square = over(4.0, 2.0, "that, less 2: 1 or more where the last one open is [")
    full = Unit(below={"depth": 1.0}, bias=1.0 - DEPTH, about=f"1 at a depth of {DEPTH}")
    names = ("open", "open1", "square", "square1", "full")
    return dict(zip(names, (*any_open, *square, full), strict=True))


def _logits() -> dict[str, Logit]:
    is_open, square = {"open": 1.0, "open1": -1.0}, {"square": 1.0, "square1": -1.0}

    def where(is_one: dict[str, float], but: dict[str, float] | None = None) -> Logit:
        """The logit of a bracket that closes where a sum is 1 (and another one is not), else about NEVER."""
        allowed = math.log(CLOSES) - NEVER
        above = {name: allowed * weight for name, weight in is_one.items()}
        above |= {name: -allowed * weight for name, weight in (but or {}).items()}
        return Logit(above=above, bias=NEVER)

    return {
        "(": Logit(above={"full": NEVER}),
        "[": Logit(above={"full": NEVER}),
        ")": where(is_open, but=square),
        "]": where(square),
        "\n": Logit(above={name: NEVER * weight for name, weight in is_open.items()}),
    }
