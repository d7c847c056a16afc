"""Arrays as text for a page: the format that the page's script undoes, undone here as slowly as it is defined."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from unpacking import sorted_places, unpack, values_of

from charrnn.web.html import as_json
from charrnn.web.packing import by_context, pack, pack_values


@given(
    st.sampled_from((np.int8, np.dtype("<i2"), np.uint32)).flatmap(
        lambda kind: arrays(kind, st.integers(0, 50))
    )
)
def test_what_is_packed_can_be_unpacked(numbers):
    packed = json.loads(json.dumps(pack(numbers)))
    assert unpack(packed).tolist() == numbers.tolist()
    assert unpack(packed).itemsize <= numbers.itemsize


@given(arrays(np.int16, st.integers(0, 300)))
def test_packed_text_stands_in_a_page_as_it_is(numbers):
    packed = pack(numbers.astype("<i2"))
    assert f'"{packed["data"]}"' in as_json(packed)
    assert packed["data"].isprintable()
    assert packed["data"].isascii()
    assert not {*' "<\\'} & {*packed["data"]}


@given(arrays(np.int32, st.integers(1, 60), elements=st.integers(0, 2)))
def test_places_are_sorted_by_what_led_to_them(ids):
    assert by_context(ids).tolist() == sorted_places(ids)


@pytest.mark.parametrize("levels", [16, 32, 64, 112])
@given(data=st.data())
def test_values_can_be_had_again_from_their_differences(levels, data):
    ids = data.draw(arrays(np.int32, st.integers(1, 30), elements=st.integers(0, 3)))
    values = data.draw(
        arrays(
            np.int8,
            st.tuples(st.integers(1, 3), st.just(len(ids))),
            elements=st.integers(-levels, levels),
        )
    )
    packed = pack_values(values, ids, levels) | {"ids": pack(ids), "levels": levels}
    assert values_of(packed).tolist() == values.tolist()


def test_values_of_many_units_can_be_had_again():
    random = np.random.default_rng(4)
    ids = random.integers(0, 5, 70)
    values = random.integers(-16, 17, (150, 70)).astype("i1")
    packed = pack_values(values, ids, 16) | {"ids": pack(ids), "levels": 16}
    assert values_of(packed).tolist() == values.tolist()


def test_values_that_follow_from_what_led_to_them_take_little():
    random = np.random.default_rng(4)
    ids = random.integers(0, 10, 3000)
    values = random.integers(-112, 113, (40, 100)).astype("i1")  # of each two symbols
    pairs = 10 * ids + np.concatenate([[0], ids[:-1]])
    followed = pack_values(values[:, pairs], ids, 112)["differences"]["size"]
    mixed = pack_values(values[:, random.permutation(pairs)], ids, 112)["differences"]["size"]
    assert followed < mixed / 5
