"""Sentences of the Python library's docstrings, which every machine has."""

import ast
import functools
import re
import warnings
from collections.abc import Iterator, Sequence

from charrnn.text.generated.draws import Draws, Pair, without_repeats
from charrnn.text.library import python_sources
from charrnn.text.sources import Notes, byte_pieces

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
MOST_SENTENCES = 10_000
LEAST_CHARS, MOST_CHARS = 20, 120
PUNCTUATION = str.maketrans("", "", ".,;:!?'\"()-")
SENTENCE = re.compile(r"[A-Z][A-Za-z0-9 .,;:!?'\"()-]*[.!?]")
"""A sentence that has only letters, digits and punctuation: code and signatures have other characters."""


def sentences(seed: int) -> Iterator[Pair]:
    """Sentences of docstrings without capitals and punctuation, and as they are."""
    shuffled = Draws(seed).shuffled(_all_sentences())
    return without_repeats(((bare(sentence), sentence) for sentence in shuffled), MOST_SENTENCES)


def bare(sentence: str) -> str:
    """A sentence in small letters and without punctuation."""
    return " ".join(sentence.translate(PUNCTUATION).lower().split())


@functools.cache
def _all_sentences() -> Sequence[str]:
    """The sentences of all docstrings, none twice; to read them takes some seconds."""
    found: set[str] = set()
    for module in _library():
        for docstring in _docstrings(module):
            for paragraph in re.split(r"\n\s*\n", docstring):
                found.update(re.split(r"(?<=[.!?])\s+", " ".join(paragraph.split())))
    return [text for text in sorted(found) if _is_sentence(text)]


def _is_sentence(text: str) -> bool:
    return LEAST_CHARS <= len(text) <= MOST_CHARS and SENTENCE.fullmatch(text) is not None


def _library() -> Iterator[ast.Module]:
    """The modules of the library."""
    for source in python_sources(Notes()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the library's authors have to mend
            yield ast.parse(b"".join(byte_pieces(source)))


def _docstrings(node: Documented) -> Iterator[str]:
    """The docstrings of a module, class or function and of those directly in it."""
    if docstring := ast.get_docstring(node):
        yield docstring
    for inner in node.body:
        if isinstance(inner, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _docstrings(inner)
