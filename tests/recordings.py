"""Recordings and texts to draw: from a few symbols to anything that Unicode has."""

from dataclasses import dataclass

import numpy as np
from helpers import random_model
from hypothesis import strategies as st

from charrnn.interpret.recording import RecordedModel, Recording
from charrnn.render.views.scale import Scale, legend_rows
from charrnn.render.views.text import (
    TextPart,
    surprisal_scale,
    surprisal_values,
    text_parts,
    text_rows,
    unit_scale,
    unit_values,
)

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
FAMILY, FLAG, TONED = "👨\u200d👩\u200d👧", "🇩🇪", "👍🏽"
NASTY = (
    "\n\t\r\x1b\x07\x00\x7f\x85\x9b中🙂◌\u0301\u20e3\u0903\u0e31\ufe0f\u2028\ud800\u0378\ue000 ﷽"
)
CHARACTER = st.sampled_from(NASTY + BIDI + FAMILY + FLAG + TONED) | st.characters()

VALUE = st.floats(-1, 1, width=32)


def small_model(symbols="ehlo", num_layers=1, hidden_size=3):
    return random_model(
        symbols, cell="elman", embedding_size=4, hidden_size=hidden_size, num_layers=num_layers
    )


def make_recording(text, values, guesses=(), names=""):
    """A recording of one unit, as h, c and bits; (T, K) guesses: a place in names, a chance."""
    T, K = len(text), len(guesses[0]) if guesses else 0
    array = np.array(values, np.float32)
    pairs = np.array(guesses, np.float32).reshape(T, K, 2)
    return Recording(
        text=text,
        ids=np.array([names.find(c) for c in text], np.int32),
        pieces=tuple(text),
        surprisal=np.abs(array),
        arrays=dict.fromkeys("hc", array.reshape(T, 1, 1)),
        next_ids=pairs[..., 0].astype(np.int32),
        next_probabilities=pairs[..., 1],
        next_text=tuple(names),
        source=RecordedModel("0" * 16, "lstm", ("h", "c"), ()),
    )


@dataclass(frozen=True)
class Shown:
    """A text with its scale."""

    part: TextPart
    scale: Scale

    @property
    def depth(self):
        """The guesses under each symbol."""
        return len(self.part.guesses[0]) if self.part.guesses else 0

    def rows(self, look, width):
        """A legend, and the text folded at the width."""
        yield from legend_rows(self.scale, look, has_guesses=self.depth > 0)
        yield from text_rows([self.part], self.scale, look, width)


def by_unit(recording, what="h", note=""):
    """A recording colored by its unit."""
    (part,) = text_parts([recording], unit_values(0, what, 0))
    return Shown(part, unit_scale(recording, 0, what, 0, note))


def by_surprisal(recording):
    (part,) = text_parts([recording], surprisal_values)
    return Shown(part, surprisal_scale(recording))


@st.composite
def recordings(draw, most_guesses):
    """Any text and any values; each symbol's guesses are distinct."""
    text = draw(st.text(CHARACTER, min_size=1, max_size=20))
    names = "".join(sorted({*text, *"abc"}))
    K = draw(st.integers(min(1, most_guesses), most_guesses))
    places = st.lists(st.integers(0, len(names) - 1), min_size=K, max_size=K, unique=True)
    guesses = [[(place, draw(st.floats(0, 1))) for place in draw(places)] for _ in text]
    return make_recording(text, [draw(VALUE) for _ in text], guesses, names)
