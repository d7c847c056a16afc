"""Concepts of source code and of quotations: strings, comments, brackets, identifiers.

A text is first cut into strings and comments, so that a bracket or a quote in one of them is not taken for another.
What is never closed is not open: a quotation ends before a blank line, a quoted word in single quotes with its line.
"""

import re
from functools import lru_cache

import numpy as np

from charrnn.interpret.concepts.spans import Span, marked, matched
from charrnn.numerics import Float

_TOKENS = re.compile(
    r"""
      (?P<triple>  \"{3} (?:[^\\] | \\.)*? \"{3} | '{3} (?:[^\\] | \\.)*? '{3} )
    | (?P<comment> \# [^\n]* | (?<!:) // [^\n]* | /\* .*? \*/ | <!-- .*? --> )
    | (?P<double>  \" (?:[^"\\\n] | \\. | \n(?![^\S\n]*\n))* \" | “ [^”]*? ” )
    | (?P<single>  (?<!\w) ' (?:[^'\\\n] | \\.)* ' (?!\w) | (?<!\w) ‘ [^’\n]* ’ (?!\w) )
    """,
    re.VERBOSE | re.DOTALL,
)
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_BLANK_LINE = re.compile(r"(?<=\n)[^\S\n]*\n")
_PAIRS = {"(": ")", "[": "]", "{": "}"}


@lru_cache(2)
def _tokens(text: str) -> dict[str, list[Span]]:
    """The spans of strings and comments by their kind, without their last mark."""
    found: dict[str, list[Span]] = {"triple": [], "comment": [], "double": [], "single": []}
    for match in _TOKENS.finditer(text):
        kind = match.lastgroup or ""
        begin, end = match.span()
        if kind == "triple":
            found[kind].append((begin + 2, end - 1))
        elif kind == "comment":
            found[kind].append((begin, end))
        else:
            found[kind].append((begin, end - 1))
    return found


def double_quotes(text: str) -> Float:
    """Inside a quotation in double quotes, straight or curly; triple ones are another concept."""
    return _inside(text, "double")


def single_quotes(text: str) -> Float:
    """Inside a quotation in single quotes; an apostrophe is none."""
    return _inside(text, "single")


def triple_quotes(text: str) -> Float:
    """Inside a string of Python in three quotes."""
    return _inside(text, "triple")


def strings(text: str) -> Float:
    """Inside a string or a quotation, whatever its quotes."""
    return _inside(text, "triple", "double", "single")


def comments(text: str) -> Float:
    """Inside a comment: from # or // to the end of the line, /* ... */, <!-- ... -->."""
    return _inside(text, "comment")


def identifiers(text: str) -> Float:
    """Inside a name of source code or a word, neither in a string nor in a comment."""
    return matched(text, _IDENTIFIER) * (1 - _quoted(text))


def brackets(text: str) -> Float:
    """Inside brackets of any kind."""
    return (bracket_depth(text) > 0).astype(np.float32)


def bracket_depth(text: str) -> Float:
    """The number of open brackets of all kinds."""
    return _depth(text, "([{")


def round_depth(text: str) -> Float:
    """The number of open round brackets."""
    return _depth(text, "(")


def square_depth(text: str) -> Float:
    """The number of open square brackets."""
    return _depth(text, "[")


def curly_depth(text: str) -> Float:
    """The number of open curly brackets."""
    return _depth(text, "{")


def _inside(text: str, *kinds: str) -> Float:
    tokens = _tokens(text)
    return marked(len(text), (span for kind in kinds for span in tokens[kind]))


def _quoted(text: str) -> Float:
    return _inside(text, "triple", "double", "single", "comment")


def _depth(text: str, opening: str) -> Float:
    """The number of open brackets outside strings and comments; never below 0, and 0 again after a blank line."""
    steps = np.zeros(len(text), np.int32)
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    for bracket in opening:
        steps += points == ord(bracket)
        steps -= points == ord(_PAIRS[bracket])
    steps[_quoted(text) > 0] = 0
    depth = np.zeros(len(text), np.int32)
    begin = 0
    for end in [*(m.end() for m in _BLANK_LINE.finditer(text)), len(text)]:
        total = np.cumsum(steps[begin:end])
        lowest = np.minimum(np.minimum.accumulate(total), 0) if end > begin else total
        depth[begin:end] = total - lowest
        if begin < end < len(text):
            depth[end - 1] = 0
        begin = end
    return depth.astype(np.float32)
