"""What a model has read before it writes."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from charrnn.model import CharRNN, Float, States


def before(model: "CharRNN", prime: str, *, line: bool) -> str:
    """What is read for a prime text.

    Without one it is a newline, if the model knows it, so that the text begins as a line does. Where a single line is
    written it is always a newline and the prime.
    """
    if line:
        return "\n" + prime
    return prime or ("" if model.vocabulary.missing("\n") else "\n")


def after(model: "CharRNN", ids: Iterable[int]) -> "tuple[Float, States]":
    """The logits (V,) after these symbols, read from the first state on by one lane, and the state."""
    state = model.initial_state()
    for symbol in ids:
        state, _ = model.advance(symbol, state)
    return model.logits(state), state
