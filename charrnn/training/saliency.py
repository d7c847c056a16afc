"""Which characters a prediction rests on: the gradient of its log-probability with respect to each character before.

A network reads a character as a one-hot vector x, of which its embedding is W x. For the prediction at place T of a
text, with log p in nats of one symbol there, the saliency of the character at t < T is the plain norm over the symbols

    || d log p(symbol at T) / d x_t ||_2 = || W^T d log p / d (W x_t) ||_2

It says how strongly the prediction answers to a small change of that character, to whichever others; not what would
happen if it were another one altogether. It is computed in float64.

Source: A. Madsen, "Visualizing memorization in RNNs", Distill, 2019, which calls it connectivity and takes it of the
logit instead of the log-probability, which a softmax ties to all the others; the norm is not squared here.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from charrnn.errors import CheckpointError, DataError
from charrnn.model import CharRNN
from charrnn.numerics import Ids
from charrnn.training.gradients import ARRAYS_PER_STEP, TAPE, TorchModel, warm

REACH = 1000
"""Characters before the prediction that get a gradient, at most."""
READ_BEFORE = 1024
"""Characters read before those, without a gradient, if the text is that long."""


@dataclass(frozen=True)
class Saliency:
    """How much each character before a place mattered for the prediction there."""

    place: int
    """T, the position of the symbol that is predicted, from 0."""
    target: int
    """The symbol whose probability is explained."""
    probability: float
    """The probability that the model gives it."""
    norms: npt.NDArray[np.float64]
    """(K,) of the K symbols before the place, in the order of the text."""

    @property
    def start(self) -> int:
        """The position of the first character that has a norm."""
        return self.place - len(self.norms)

    @property
    def half(self) -> int:
        """The number of symbols, counted backwards from the place, that hold half of the sum of all norms."""
        so_far = np.cumsum(self.norms[::-1])
        return int(np.searchsorted(so_far, so_far[-1] / 2)) + 1


def saliency(
    model: CharRNN,
    ids: Ids,
    place: int,
    *,
    target: int | None = None,
    reach: int = REACH,
    warm_up: int = READ_BEFORE,
) -> Saliency:
    """Measure how much each character before a place mattered for the prediction there.

    Args:
        model: the model, of any cell.
        ids: (N,) the text.
        place: T, from 1 to N: the position of the character that is predicted, from those before it. N is the one that
            would come after the text.
        target: the symbol whose probability counts; None is the text's own, and after the text the most likely one.
        reach: characters before the place to look at, at most; fewer if the network is so large that torch would have
            to keep more than TAPE numbers of them.
        warm_up: characters that are read before those, at most.

    Raises:
        DataError: there is no such place, or nothing before it.
        UsageError: units of the model are edited.
        CheckpointError: the gradient overflows, as it does when a model's weights are enormous.
    """
    if not 1 <= place <= len(ids):
        raise DataError(
            f"the position of a prediction must be from 1 to {len(ids):,} in this text, not {place:,}"
        )
    reader = TorchModel(model)
    start = max(0, place - min(reach, _affordable(model)))
    inputs, log_p = _predicted(reader, ids, start, place, min(warm_up, start))
    if target is None:
        target = int(ids[place]) if place < len(ids) else int(log_p.argmax())
    # what lies outside a network's window has no part in it
    found = torch.autograd.grad(log_p[target], inputs, allow_unused=True, materialize_grads=True)
    gradients = torch.cat(found)  # (K, E)
    norms = torch.linalg.vector_norm(gradients @ reader.embedding.T, dim=-1).numpy()
    if not np.isfinite(norms).all():
        raise CheckpointError("the model's gradient is not finite: its weights are too large")
    return Saliency(place, target, log_p[target].detach().exp().item(), norms)


def saliency_in_item(
    model: CharRNN, ids: Ids, place: int, *, item_end: str | None, target: int | None = None
) -> Saliency:
    """The saliency in a text of lines, records or documents: only of the prediction's own one and the end before it.

    The end before the first one, which the text does not have, is left out.

    Args:
        model: the model.
        ids: (N,) the text.
        place: T, from 0 to N.
        item_end: the end of an item; None: the text has none, and this is `saliency`.
        target: see `saliency`.
    """
    if item_end is None:
        return saliency(model, ids, place, target=target)
    end = model.vocabulary.encode(item_end)
    begun = np.concatenate([end, ids])  # one before the text too, which is not shown
    first = int(np.flatnonzero(begun[: place + 1] == end)[-1])
    found = saliency(model, begun[first:], place + 1 - first, target=target)
    return replace(found, place=place, norms=found.norms[max(0, len(found.norms) - place) :])


def _predicted(
    reader: TorchModel, ids: Ids, start: int, place: int, warm_up: int
) -> tuple[list[Tensor], Tensor]:
    """The embedded symbols from start to place, (1, E) each, and the log-probabilities (V,) after them."""
    state = warm(reader, ids, np.array([start]), warm_up)
    symbols = torch.from_numpy(ids[start:place].astype(np.int64))
    inputs = [row[None].requires_grad_() for row in reader.embedding[symbols]]
    for embedded, symbol in zip(inputs, ids[start:place, None], strict=True):
        state = reader.step_on(embedded, symbol, state)
    return inputs, torch.log_softmax(reader.logits(state)[0], -1)


def _affordable(model: CharRNN) -> int:
    """The characters for which torch can keep what a backward pass needs."""
    config = model.config
    return max(
        1,
        TAPE // (ARRAYS_PER_STEP * config.hidden_size * config.num_layers + len(model.vocabulary)),
    )
