"""Concepts of lines: where in a line a character stands, and what kind of line it is."""

import re

import numpy as np

from charrnn.interpret.concepts.spans import marked, matched, runs
from charrnn.numerics import Float

_LEADING = re.compile(r"^[ \t]+", re.MULTILINE)
_BLANK = re.compile(r"(?<=\n)[^\S\n]*\n")
_SPEAKER = re.compile(r"(?:^|(?<=\n\n))[^\W\d_a-z][^\n:.!?]{0,39}:(?=\n)")
_TAB = 8


def leading_blanks(text: str) -> Float:
    """Among the blanks at the beginning of a line."""
    return matched(text, _LEADING)


def indentation(text: str) -> Float:
    """The width of the blanks at the beginning of the line, a tab reaching to the next multiple of 8."""
    widths = np.zeros(len(text), np.float32)
    for match in _LEADING.finditer(text):
        begin, end = match.span()
        stop = text.find("\n", end)
        widths[begin : stop if stop >= 0 else len(text)] = len(match[0].expandtabs(_TAB))
        for place in range(begin, end):
            widths[place] = len(text[begin : place + 1].expandtabs(_TAB))
    return widths


def position(text: str) -> Float:
    """The characters read since the last newline."""
    return runs(1 - matched(text, re.compile("\n")))


def newline_is_due(text: str) -> Float:
    """The next character is a newline."""
    return marked(
        len(text), ((m.start() - 1, m.start()) for m in re.finditer("(?<=[^\n])\n", text))
    )


def blank_line(text: str) -> Float:
    """A blank line has just ended."""
    return marked(len(text), ((m.end() - 1, m.end()) for m in _BLANK.finditer(text)))


def speaker(text: str) -> Float:
    """Inside a speaker's name: a line after a blank one, from a capital to a colon, of at most 40 characters."""
    return marked(len(text), ((m.start(), m.end() - 1) for m in _SPEAKER.finditer(text)))
