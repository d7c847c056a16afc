"""The order in which the pieces of a running text are read."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trainers import make_corpus

from charrnn.config import TrainingConfig
from charrnn.training.data import StreamBatches, make_batches
from charrnn.training.item_order import BatchShape
from charrnn.training.shuffling import MOST_PIECES, PieceOrder, piece_ends

NEWLINE = 10


def ids_of(text):
    return np.frombuffer(text.encode(), np.uint8)


@given(st.lists(st.sampled_from(["\n", "a", "bc"]), min_size=1, max_size=300), st.integers(1, 40))
def test_every_epoch_reads_each_place_once(parts, length):
    ids = ids_of("".join(parts))
    order = PieceOrder(ids, NEWLINE, length, seed=3)
    everywhere = np.arange(len(ids))
    for epoch in (0, 1):
        assert sorted(order.places(everywhere, epoch)) == everywhere.tolist()


@given(st.text("ab\n", min_size=1, max_size=300), st.integers(1, 40))
def test_pieces_are_as_long_as_asked(text, length):
    ends = piece_ends(ids_of(text), NEWLINE, length)
    lengths = np.diff(ends, prepend=0)
    assert ends[-1] == len(text)
    assert (lengths > 0).all()
    assert (lengths[:-1] >= length).all()
    assert lengths.max() < max(3 * length, 2)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("aaaa\nbb\n\ncc\ndd" + 20 * "e", "aaaa\nbb\n\n"),  # a blank line
        ("aaaa\nbb\ncc" + 20 * "e", "aaaa\nbb\n"),  # a line's end
        ("aaaaaaaa" + 20 * "e", "aaaaaa"),  # there
        ("aaaa\n\nb" + 20 * "e", "aaaa\n\n"),  # a blank line where the search begins
    ],
)
def test_a_piece_ends_with_a_blank_line_or_a_line(text, first):
    assert text[: piece_ends(ids_of(text), NEWLINE, 6)[0]] == first


def test_a_text_without_newlines_is_cut_anywhere():
    assert piece_ends(ids_of(10 * "a"), None, 3).tolist() == [3, 6, 10]


def test_a_long_text_has_longer_pieces():
    assert len(piece_ends(np.zeros(100_000, np.uint8), None, 1)) == MOST_PIECES


def test_the_order_depends_on_seed_and_epoch_alone():
    ids, at = np.zeros(1000, np.uint8), np.arange(1000)
    one, same, other = (PieceOrder(ids, None, 50, seed) for seed in (1, 1, 2))
    assert (one.places(at, 4) == same.places(at, 4)).all()
    assert (one.places(at, 4) != one.places(at, 5)).any()
    assert (one.places(at, 4) != other.places(at, 4)).any()


def test_batches_read_pieces_in_their_order_with_their_successors():
    ids = np.arange(400, dtype=np.uint16)
    order = PieceOrder(ids, None, 5, seed=1)
    made = StreamBatches(ids, BatchShape(2, 8), order)
    inputs, targets = made.batch(made.steps_per_epoch)
    offset = int(np.flatnonzero(order.places(np.arange(400), 1) == inputs[0, 0])[0])
    expected = order.places(np.arange(offset, offset + 9), 1)
    assert inputs[:, 0].tolist() == expected[:-1].tolist()
    assert targets[:, 0].tolist() == expected[1:].tolist()
    assert (targets != inputs + 1).any()  # where one piece meets another


def test_without_a_length_nothing_is_shuffled(tmp_path):
    corpus = make_corpus(tmp_path)
    config = TrainingConfig(batch_size=2, sequence_length=8, shuffle_length=100)
    made, plain = (
        make_batches(corpus, dataclasses.replace(config, shuffle_length=length))
        for length in (100, None)
    )
    step = made.steps_per_epoch
    assert (made.batch(step)[0] != plain.batch(step)[0]).any()
    offset = plain.batch(step)[0][:, 0].astype(np.uint8).tobytes()
    assert offset in corpus.train.astype(np.uint8).tobytes()
