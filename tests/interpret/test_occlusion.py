"""What a prediction costs without one of the characters before it."""

import numpy as np
import pytest
from exact_models import network

from charrnn.errors import DataError
from charrnn.interpret.edits import edited, parse_edits
from charrnn.interpret.occlusion import occlusion, occlusions
from charrnn.numerics import log_softmax

TEXT = "def a(b):\n\treturn é€ + 'x'\n\n" * 4
EDITS = "clamp L0.h.3=+0.71\nsteer L1.h.1=-0.2"


def bits(model, symbols, target):
    """What a symbol costs after others, read one by one."""
    state = model.initial_state()
    for symbol in symbols:
        state, _ = model.advance(symbol, state)
    return -log_softmax(model.logits(state))[target] / np.log(2)


@pytest.mark.parametrize("kind", ["lstm", "jordan"])
@pytest.mark.parametrize("edits", ["", EDITS])
@pytest.mark.parametrize("item_end", [None, "\n"])
def test_it_is_the_difference_that_a_character_makes(kind, edits, item_end):
    model = edited(network(kind), parse_edits(edits, "edits"))
    ids = model.vocabulary.encode(TEXT)
    for place in (1, 9, 10, 11, 25, 27, len(ids) - 1):
        found = occlusion(model, ids, place, reach=15, item_end=item_end)
        begun = TEXT.rfind("\n", 0, place) + 1 if item_end else 0
        start = max(begun, place - 15)
        before = list(model.vocabulary.encode(item_end or "")) + list(ids[begun:place])
        whole = bits(model, before, ids[place])
        expected = [
            bits(model, before[:k] + before[k + 1 :], ids[place]) - whole
            for k in range(len(before) - (place - start), len(before))
        ]
        assert len(found.bits) == place - start
        assert found.bits == pytest.approx(expected, abs=1e-4)
        assert found.probability == pytest.approx(2**-whole, rel=1e-4)


@pytest.mark.parametrize("edits", ["", EDITS])
@pytest.mark.parametrize("item_end", [None, "\n"])
def test_all_predictions_of_a_text_are_explained_in_one_pass(edits, item_end):
    model = edited(network("lstm"), parse_edits(edits, "edits"))
    ids = model.vocabulary.encode(TEXT)
    read = []
    found = occlusions(model, ids, reach=15, item_end=item_end, progress=read.append)
    for place in range(int(item_end is None), len(ids)):
        one = occlusion(model, ids, place, reach=15, item_end=item_end)
        K = len(one.bits)
        assert found.bits[place, :K] == pytest.approx(one.bits[::-1], abs=1e-4)
        assert np.isnan(found.bits[place, K:]).all()
        assert 2 ** -found.costs[place] == pytest.approx(one.probability, rel=1e-4)
    assert sum(read) == len(ids)
    short = occlusions(model, ids[:4], item_end=item_end)  # shorter than the reach
    assert short.bits[:, :3] == pytest.approx(found.bits[:4, :3], abs=1e-5, nan_ok=True)


def test_the_first_character_is_explained_only_where_an_end_stands_before_it():
    model = network("gru")
    ids = model.vocabulary.encode(TEXT)
    assert len(occlusion(model, ids, 0, item_end="\n").bits) == 0
    for place in (-1, 0, len(ids)):
        with pytest.raises(DataError):
            occlusion(model, ids, place)
