"""Very many lines are read block by block, each line once in an epoch, in an order that the seed decides."""

import weakref

import numpy as np
import pytest

from charrnn.text.items import item_bounds
from charrnn.training import blocks, data
from charrnn.training.blocks import BlockOrder
from charrnn.training.data import IGNORED, ItemBatches, one_epoch
from charrnn.training.item_order import BatchShape, ItemOrder

SHAPE = BatchShape(3, 7)


def text(seed=5, lines=60):
    """Lines of 1 to 11 different numbers, none of which is 0, the newline."""
    random, pieces, number = np.random.default_rng(seed), [[0]], 1
    for _ in range(lines):
        length = int(random.integers(1, 12))
        pieces.append([*range(number, number + length), 0])
        number += length
    return np.concatenate(pieces)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 13)
    monkeypatch.setattr(data, "MOST_SORTED", 20)


def symbols_of(batches, steps):
    """The targets of steps, without newlines and padding."""
    targets = np.concatenate([batches.batch(step)[1].ravel() for step in steps])
    return targets[(targets != IGNORED) & (targets != 0)].tolist()


def test_each_line_is_read_once_in_each_epoch():
    ids = text()
    batches = ItemBatches(ids, 0, SHAPE, 1)
    assert isinstance(batches.order, BlockOrder)
    n = batches.steps_per_epoch
    epochs = [symbols_of(batches, range(k * n, (k + 1) * n)) for k in range(3)]
    assert all(sorted(read) == sorted(ids[ids != 0].tolist()) for read in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_the_order_is_a_function_of_seed_and_step():
    ids = text()
    one, two, other = (ItemBatches(ids, 0, SHAPE, seed) for seed in (4, 4, 5))
    steps = np.random.default_rng(0).permutation(3 * one.steps_per_epoch)
    expected = {step: two.batch(step) for step in range(3 * one.steps_per_epoch)}
    for step in steps.tolist():
        np.testing.assert_array_equal(one.batch(step)[0], expected[step][0])
    assert any(
        one.batch(step)[0].shape != other.batch(step)[0].shape
        or (one.batch(step)[0] != other.batch(step)[0]).any()
        for step in range(one.steps_per_epoch)
    )


def test_the_targets_of_the_first_steps_are_counted():
    batches = ItemBatches(text(), 0, SHAPE, 2)
    seen = 0
    for step in range(2 * batches.steps_per_epoch + 3):
        assert batches.characters_in(step) == seen
        seen += batches.characters(batches.batch(step))


def test_a_line_that_goes_on_keeps_its_state():
    batches = ItemBatches(text(), 0, BatchShape(2, 4), 2)
    resets = [batches.resets_state(step) for step in range(batches.steps_per_epoch)]
    assert resets[0]
    assert not all(resets)


def test_a_block_is_read_as_a_text_of_its_own_would_be():
    ids = text()
    bounds = item_bounds(ids, 0)
    order = BlockOrder(bounds, SHAPE, 3)
    found = {tuple(order.part(step)[0].tolist()) for step in range(order.steps_per_epoch)}
    own = ItemOrder(np.diff(bounds[13:27]), SHAPE, 3, block=1)
    expected = {tuple((own.part(step)[0] + 13).tolist()) for step in range(own.steps_per_epoch)}
    assert expected <= found


def test_no_block_is_held_longer_than_it_is_counted(monkeypatch):
    alive, most = weakref.WeakSet(), []

    class Watched(ItemOrder):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            alive.add(self)
            most.append(len(alive))

    monkeypatch.setattr(blocks, "ItemOrder", Watched)
    order = BlockOrder(item_bounds(text(), 0), SHAPE, 3)
    for step in range(2 * order.steps_per_epoch):
        order.part(step)
    assert max(most) <= 3  # two are kept, and one is made


def test_a_sample_of_the_lines_plans_an_epoch():
    lengths = np.diff(item_bounds(text(lines=4000), 0))
    whole = one_epoch(1, SHAPE, lengths)
    sample = lengths[:2000]
    planned = one_epoch(1, SHAPE, sample, times=lengths.sum() / sample.sum())
    assert planned.steps == pytest.approx(whole.steps, rel=0.02)
    assert planned.characters == pytest.approx(whole.characters, rel=0.02)
