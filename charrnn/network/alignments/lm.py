"""No encoder: a language model reads the source, and goes on with the target.

    read       t w o ↵ 2             ↵ stands where the line of the pair has its tab
    predict    · · · 2 ↵             the dots are not scored: only the target is learned

What is handed on is the state after the source. An encoder, or attention, has to do better than this to earn its
weights.
"""

from charrnn.network.alignments.base import Alignment


class LinesAlone(Alignment):
    """A language model of the source and the target, one after another."""

    about = "a text from a language model of source and target in one line, without an encoder"
    words = "a language model of source and target"
    shortens = False
    writes = True
    has_encoder = False


ALIGNMENT = LinesAlone()
