"""Novelty: lines and shared runs against a naive search, and what counts as a copy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.errors import UsageError
from charrnn.sampling import novelty
from charrnn.sampling.novelty import Novelty, run_hashes

texts = st.text("ab\né😀", max_size=60)
corpora = st.lists(texts, max_size=4)


def shares(sample, corpus, longest):
    """Whether a run of more than `longest` characters stands in a text, by trying them all."""
    size = longest + 1
    return any(
        sample[at : at + size] in text for text in corpus for at in range(len(sample) - longest)
    )


@given(corpora, texts, st.integers(1, 20))
def test_a_run_is_shared_when_a_naive_search_finds_it(corpus, sample, longest):
    assert Novelty(corpus, longest).shares_run(sample) == shares(sample, corpus, longest)


@given(corpora, texts, st.integers(1, 9), st.data())
def test_a_piece_of_the_corpus_is_found_wherever_it_stands(corpus, around, longest, data):
    text = data.draw(st.sampled_from(corpus)) if corpus else ""
    start = data.draw(st.integers(0, len(text)))
    piece = text[start : start + longest + 1]
    found = Novelty(corpus, longest).shares_run(around + piece + around)
    assert found or len(piece) <= longest


@given(corpora, texts)
def test_a_sample_is_copied_when_each_of_its_full_lines_is_a_line_of_the_corpus(corpus, sample):
    lines = [line for text in corpus for line in text.split("\n")]
    expected = True
    for line in sample.split("\n"):
        expected &= line == "" or line in lines
    assert Novelty(corpus, 5).is_copied(sample) == expected


@pytest.mark.parametrize(
    ("sample", "copied", "shared"),
    [
        ("marie\n", True, True),
        ("marie", True, True),
        ("grace\n\nada", True, True),
        ("ada", True, False),  # too short to share a run, and yet nothing new
        ("racem\n", False, True),
        ("e\ngr", False, True),  # a run may go over the end of a line
        ("gradam\n", False, False),
        ("nora\nada", False, False),
        ("da", False, False),
        ("", True, False),
        ("\n\n", True, False),
    ],
)
def test_what_counts_as_a_copy_and_as_a_shared_run(sample, copied, shared):
    known = Novelty(["ada\nmarie\ngrace\n"], 3)
    assert (known.is_copied(sample), known.shares_run(sample)) == (copied, shared)


def test_no_line_and_no_run_goes_from_one_text_to_the_next():
    known = Novelty(["abc", "def"], 2)
    assert not known.is_copied("abcdef")
    assert not known.shares_run("bcde")
    assert known.shares_run("xabcx")


@given(st.text("ab", max_size=70), st.integers(1, 40))
def test_runs_have_the_same_hash_when_they_are_the_same(text, size):
    hashes = run_hashes(text, size)
    runs = [text[at : at + size] for at in range(len(text) - size + 1)]
    assert len(hashes) == len(runs)
    assert len(set(hashes.tolist())) == len(set(runs))
    assert len(set(zip(runs, hashes.tolist(), strict=True))) == len(set(runs))


@given(texts, texts, st.integers(1, 12), st.integers(1, 9))
def test_the_pieces_in_which_a_text_is_hashed_leave_no_gap(text, sample, longest, piece):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(novelty, "PIECE", piece)
        known = Novelty([text], longest)
    assert known.shares_run(sample) == shares(sample, [text], longest)


def test_runs_that_only_have_the_same_hash_are_not_shared(monkeypatch):
    monkeypatch.setattr(novelty, "MULTIPLIER", 1)  # now anagrams meet
    assert np.array_equal(run_hashes("abcd", 4), run_hashes("dcba", 4))
    known = Novelty(["abcd"], 3)
    assert not known.shares_run("dcba")
    assert known.shares_run("dcbabcd")


@pytest.mark.parametrize("longest", [0, -1, 2.0, True])
def test_a_length_that_is_none_is_refused(longest, wording):
    with wording.raises(UsageError):
        Novelty(["abc"], longest)
