"""Validation and test text with files of their own, as published splits have them."""

import io
from pathlib import Path

import numpy as np
import pytest

from charrnn.config import CorpusConfig
from charrnn.errors import DataError, SettingError
from charrnn.text import numbering
from charrnn.text.advice import corpus_advice
from charrnn.text.corpus import Corpus, read_corpus
from charrnn.text.sources import TextSource

TRAIN = "".join(f"the training line number {k}\n" for k in range(40))
VAL = "".join(f"a line to validate on, {k}\n" for k in range(7))
TEST = "test\n" * 5


def read(train=TRAIN, val=None, test=None, cache=Path("unused"), **settings) -> Corpus:
    parts = {"train": train, "val": val, "test": test}
    sources = [
        TextSource(f"{part}.txt", lambda text=text: io.BytesIO(text.encode()), part)
        for part, text in parts.items()
        if text is not None
    ]
    return read_corpus(sources, CorpusConfig(**settings), cache=cache)


def text_of(corpus: Corpus, part) -> str:
    return corpus.vocabulary.decode(part)


def parts_of(corpus: Corpus) -> tuple[str, ...]:
    return tuple(text_of(corpus, part) for part in (corpus.train, corpus.val, corpus.test))


@pytest.mark.parametrize("level", ["char", "byte"])
def test_each_file_is_the_part_that_it_is_named_for(level):
    assert parts_of(read(val=VAL, test=TEST, level=level)) == (TRAIN, VAL, TEST)
    assert parts_of(read(val=VAL, level=level)) == (TRAIN, VAL, "")
    whole = read(test=TEST, level=level, val_fraction=0.25)
    assert parts_of(whole) == (TRAIN[: len(whole.train)], TRAIN[len(whole.train) :], TEST)
    assert len(whole.val) == pytest.approx(len(TRAIN) / 4, abs=1)


def test_parts_do_not_run_into_each_other():
    assert parts_of(read("ab", "cd", "ef")) == ("ab", "cd", "ef")


@pytest.mark.parametrize("settings", [{"lines": True}, {"separator": "\n"}])
def test_the_items_of_each_part_are_shuffled_among_themselves(settings):
    corpus = read(val=VAL, test=TEST, **settings)
    for part, text in zip((corpus.train, corpus.val, corpus.test), (TRAIN, VAL, TEST), strict=True):
        begin, *items, end = text_of(corpus, part).split(corpus.item_end)
        assert begin == end == ""
        assert sorted(items) == sorted(text.split())[:0] + sorted(text.splitlines())
    assert text_of(corpus, corpus.train).split(corpus.item_end)[1:-1] != TRAIN.splitlines()
    assert len(np.unique(corpus.item_lengths(corpus.test))) == 1


def test_the_order_of_the_training_items_is_that_without_an_own_split():
    alone, own = (
        read(val=val, lines=True, val_fraction=0.1 if val else 0.0) for val in (None, VAL)
    )
    assert text_of(own, own.train) == text_of(alone, alone.train)


def test_only_the_training_part_is_cut_at_max_chars():
    assert parts_of(read(val=VAL, max_chars=50)) == (TRAIN[:50], VAL, "")


def test_a_line_cut_off_at_max_chars_does_not_run_into_the_validation_text():
    corpus = read(val=VAL, lines=True, max_chars=60)
    assert parts_of(corpus)[0].count("\n") == 3
    assert sorted(text_of(corpus, corpus.val).split("\n")[1:-1]) == VAL.splitlines()
    assert "the last line was cut off and left out" in corpus.notes


def test_the_fingerprint_depends_on_where_a_text_belongs():
    prints = {
        read(TRAIN + VAL).fingerprint,
        read(TRAIN, VAL).fingerprint,
        read(TRAIN, test=VAL).fingerprint,
        read(TRAIN + VAL[:9], VAL[9:]).fingerprint,
    }
    assert len(prints) == 4


def test_a_large_split_is_mapped_from_the_cache(tmp_path, monkeypatch):
    small = [read(val=VAL, test=TEST, lines=lines) for lines in (False, True)]
    monkeypatch.setattr(numbering, "MAX_IN_MEMORY", 10)
    for lines, expected in enumerate(small):
        mapped = read(val=VAL, test=TEST, cache=tmp_path, lines=bool(lines))
        assert isinstance(mapped.ids, np.memmap)
        assert parts_of(mapped) == parts_of(expected)


def test_the_overlap_of_an_own_split_is_counted():
    def overlap(*texts, **settings):
        return [note for note in corpus_advice(read(*texts, **settings)) if "also occur" in note]

    shared = TRAIN[: TRAIN.index("number 3")].rpartition("\n")[0] + "\n"
    assert overlap(TRAIN, VAL, TEST) == []
    assert overlap(TRAIN, VAL + shared, TEST + shared) == [
        f"{number} of {number + more} {name} lines of more than 20 characters also occur in the training set"
        for name, number, more in (("validation", 3, 7), ("test", 3, 0))
    ]
    assert overlap(TRAIN, VAL + shared, TEST + shared, lines=True) == [
        "3 of 10 validation lines also occur in the training set",
        "3 of 8 test lines also occur in the training set",
    ]


def test_a_part_without_text_is_refused_by_name():
    with pytest.raises(DataError, match=r"val\.txt has 1"):
        read(val="a")
    with pytest.raises(DataError, match=r"test\.txt has 0"):
        read(test="")


@pytest.mark.parametrize("part", ["val_fraction", "test_fraction"])
@pytest.mark.parametrize("value", [1, 1.0, 1.5, -0.1, float("nan"), float("inf")])
def test_fault_61_a_fraction_is_0_or_more_and_below_1(part, value):
    assert getattr(CorpusConfig(**{part: 0}), part) == 0
    with pytest.raises(SettingError, match=part) as caught:
        CorpusConfig(**{part: value})
    assert caught.value.exit_status == 2


def test_a_part_is_a_file_or_a_fraction():
    for settings in (
        {"val_file": "a", "val_fraction": 0.2},
        {"val_file": "a", "test_fraction": 0.2},
        {"test_file": "a", "test_fraction": 0.2},
    ):
        with pytest.raises(SettingError):
            CorpusConfig(**settings)
