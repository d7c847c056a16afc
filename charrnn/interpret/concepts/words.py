"""Concepts of words: where in a word or sentence a character stands, and what is written in a way of its own."""

import re

from charrnn.interpret.concepts.spans import marked, matched, runs
from charrnn.numerics import Float

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SENTENCE = re.compile(r"(?:(?<=[.!?])[\"'”’)]*\s+|(?<=\n)\s*\n)(?=[\"'“‘(]*[^\W\d_a-z])")
_CAPITALS = re.compile(r"[^\W\d_a-zß-öø-ÿ]{2,}")
_NUMBER = re.compile(r"(?<![\w.])\d[\d_.,]*(?:[eE][+-]?\d+)?")
_ADDRESS = re.compile(
    r"(?:(?:https?|ftp)://|www\.)[^\s\"'<>)\]]*[\w/]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
)
_EMPHASIS = re.compile(
    r"(?<![\w*])(\*{1,3})(?=[^\s*])[^\n*]*?[^\s*]\1(?![\w*])|(?<![\w_])(_{1,3})(?=[^\s_])[^\n_]*?[^\s_]\2(?![\w_])"
)


def words(text: str) -> Float:
    """Inside a word of letters, its apostrophes and hyphens included."""
    return matched(text, _WORD)


def position(text: str) -> Float:
    """The letters of the word read so far; 0 between words."""
    return runs(words(text))


def sentence_starts(text: str) -> Float:
    """A sentence is about to begin: only blanks and opening quotes have followed the end of the last one."""
    return marked(len(text), ((m.end() - 1, m.end()) for m in _SENTENCE.finditer(text)))


def capitals(text: str) -> Float:
    """Inside a run of two capital letters or more, once the second has been read."""
    return marked(len(text), ((m.start() + 1, m.end()) for m in _CAPITALS.finditer(text)))


def numbers(text: str) -> Float:
    """Inside a number of digits."""
    return matched(text, _NUMBER)


def addresses(text: str) -> Float:
    """Inside the address of a page or of a mailbox."""
    return matched(text, _ADDRESS)


def emphasis(text: str) -> Float:
    """Inside emphasis of Markdown, between stars or underscores."""
    return marked(len(text), ((m.start(), m.end() - 1) for m in _EMPHASIS.finditer(text)))
