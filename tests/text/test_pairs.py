"""Pairs: how they are read, numbered and split, and which alignment suits them."""

import gzip
import random

import numpy as np
import pytest
from pair_models import TEXTS, corpus_of

from charrnn.config import CorpusConfig
from charrnn.errors import DataError, SettingError
from charrnn.network.alignments.ctc import places_for
from charrnn.text.advice import corpus_advice, has_pairs
from charrnn.text.opening import open_corpus
from charrnn.text.pairs import (
    END,
    Column,
    Labels,
    chosen_alignment,
    decided_part,
    is_labels,
)
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.order import no_stdin


def opened(*paths, cache, **settings):
    config = CorpusConfig(pairs=True, **settings)
    return open_corpus(list(map(str, paths)), config, stdin=no_stdin, cache=cache)


def letters(length, generator):
    return "".join(generator.choice("abcdefghij") for _ in range(length))


def some(make, num=400):
    """Pairs of random letters, each with what is made of them."""
    generator = random.Random(4)
    texts = [letters(generator.randint(3, 9), generator) for _ in range(num)]
    return texts, [make(text) for text in texts]


# --- reading ----------------------------------------------------------------------------------------------------------


def test_pairs_are_read_from_files_of_any_kind(tmp_path):
    (tmp_path / "a.tsv").write_bytes("\ufeffeins\tone\r\nzwei\ttwo\r\n\r\n".encode())
    with gzip.open(tmp_path / "b.tsv.gz", "wb") as file:
        file.write("drei\tthree\nvier\t\ne\u0301\te".encode())
    corpus = opened(tmp_path / "a.tsv", tmp_path / "b.tsv.gz", cache=tmp_path, normalize="nfc")
    assert corpus.source_texts == ["eins", "zwei", "drei", "vier", "é"]
    assert corpus.target_texts == ["one", "two", "three", "", "e"]
    assert corpus.num_pairs == 5
    assert any("1 empty line" in note for note in corpus.notes)


@pytest.mark.parametrize(
    "text",
    [
        "a\tb\nno tab\nc\td\n",
        "a\tb\tc\n",
        "\tb\n",
        "a\tb\n" + "x\n" * 7,
        "a\tb\n",
        "\n\n",
    ],
)
def test_lines_that_are_no_pairs_are_refused_by_number(tmp_path, text, wording):
    (tmp_path / "bad.tsv").write_text(text, encoding="utf-8")
    with wording.raises(DataError):
        opened(tmp_path / "bad.tsv", cache=tmp_path)


def test_a_limit_of_characters_keeps_whole_pairs(tmp_path):
    (tmp_path / "a.tsv").write_text("a\tb\nc\td\nee\tf\n", encoding="utf-8")
    for most, count in {8: 2, 12: 2, 13: 3, 99: 3}.items():
        corpus = opened(tmp_path / "a.tsv", cache=tmp_path, max_chars=most)
        assert corpus.num_pairs == count
        assert any("max_chars" in note for note in corpus.notes) == (count < 3)


def test_settings_of_running_text_have_no_meaning_for_pairs(wording):
    for name, value in {"lines": True, "level": "byte", "documents": True}.items():
        with wording.raises(SettingError):
            CorpusConfig(pairs=True, **{name: value})


@pytest.mark.parametrize(
    ("line", "is_pair"),
    [("a{}\tb{}", True), ("a{}\tb{}\tc", False), ("\ta{}b{}", False), ("a{} b{}", False)],
)
def test_a_text_that_looks_like_pairs_is_read_as_a_text_and_named(line, is_pair, tmp_path):
    text = "".join(line.format(k, k) + "\n" for k in range(80))
    (tmp_path / "a.tsv").write_text(text, encoding="utf-8")
    corpus = open_corpus([str(tmp_path / "a.tsv")], CorpusConfig(), stdin=no_stdin, cache=tmp_path)
    assert has_pairs(corpus) == is_pair
    assert any("{pairs}" in note for note in corpus_advice(corpus)) == is_pair


# --- numbering --------------------------------------------------------------------------------------------------------


def test_sources_and_targets_have_symbols_of_their_own():
    corpus = corpus_of([("ab", "xyz"), ("cba", "zz")], align="attention")
    assert "".join(map(chr, corpus.source_symbols.symbols)) == "abc"
    assert "".join(map(chr, corpus.vocabulary.symbols)) == f"{END}xyz"
    assert corpus.source_column.padded(np.array([0, 1]), 9).tolist() == [[0, 2], [1, 1], [9, 0]]


def test_rare_characters_become_an_unknown_symbol():
    corpus = corpus_of([("aab", "xx"), ("a", "x"), ("ac", "y")], align="attention", min_count=2)
    assert corpus.source_symbols.has_unknown
    assert corpus.vocabulary.has_unknown
    assert corpus.source_column.ids.tolist() == [0, 0, 1, 0, 0, 1]


def test_labels_are_whole_texts(wording):
    corpus = corpus_of(TEXTS["label"], align="label")
    assert corpus.vocabulary.labels == ("even", "odd")
    assert corpus.target_column.ids.tolist() == [1, 1, 0, 0, 1]
    with wording.raises(DataError):
        corpus.vocabulary.id_of("neither")


def test_a_column_without_symbols_can_be_laid_out():
    column = Column.of(["", ""], Vocabulary("char", [97]))
    assert column.padded(np.array([0, 1])).shape == (0, 2)


# --- the split --------------------------------------------------------------------------------------------------------


def test_every_pair_has_one_part_and_a_source_only_one(tmp_path):
    generator = random.Random(2)
    pairs = [(letters(3, generator), letters(4, generator)) for _ in range(600)]
    corpus = corpus_of(pairs, align="attention", val_fraction=0.2, test_fraction=0.1)
    parts = corpus.train, corpus.val, corpus.test
    assert sorted(np.concatenate(parts).tolist()) == list(range(600))
    sources = [{corpus.source_texts[k] for k in part} for part in parts]
    assert len({*corpus.source_texts}) < 600
    assert len(set.union(*sources)) == sum(map(len, sources))
    assert [len(part) for part in parts] == pytest.approx([420, 120, 60], abs=12)
    again = corpus_of(pairs, align="attention", val_fraction=0.2, test_fraction=0.1, split_seed=2)
    assert set(again.val.tolist()) != set(corpus.val.tolist())


@pytest.mark.parametrize("align", [None, "lm", "attention"])
def test_labels_as_sources_are_in_every_part(align):
    generator = random.Random(2)
    pairs = [(generator.choice(["en", "de"]), letters(5, generator)) for _ in range(300)]
    corpus = corpus_of(pairs, align=align, val_fraction=0.2)
    assert corpus.align == (align or "none")
    assert corpus.source_labels == (align is None)
    for part in (corpus.train, corpus.val):
        assert {corpus.source_texts[k] for k in part} == {"en", "de"}


def test_parts_with_files_of_their_own_are_those(tmp_path):
    for name, text in {"t": "a\tb\nc\td\n", "v": "e\tf\n", "x": "g\th\ni\tj\n"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    names = {"val_file": str(tmp_path / "v"), "test_file": str(tmp_path / "x")}
    corpus = opened(tmp_path / "t", cache=tmp_path, **names).aligned("attention")
    parts = [corpus.pairs(part) for part in (corpus.train, corpus.val, corpus.test)]
    assert sorted(parts[0]) == [("a", "b"), ("c", "d")]
    assert parts[1:] == [[("e", "f")], [("g", "h"), ("i", "j")]]


# --- the alignment ----------------------------------------------------------------------------------------------------


def test_the_alignment_is_chosen_from_the_pairs():
    shift = {"caesar": lambda s: "".join(chr((ord(c) - 96) % 26 + 97) for c in s)}
    made = {
        "label": lambda s: "odd" if len(s) % 2 else "even",
        "each": shift["caesar"],
        "attention": lambda s: s[::-1],
    }
    for align, make in made.items():
        assert chosen_alignment(*some(make))[0] == align
    assert chosen_alignment(*some(lambda s: s + s[0]))[0] == "attention"
    assert chosen_alignment(*some(lambda s: "".join(sorted(s))))[0] == "attention"
    sources, _ = some(lambda s: s)
    assert chosen_alignment(["a", "b"] * 200, sources)[0] == "none"


def test_neighbors_decide_a_symbol_that_depends_on_them():
    def capital_after_a(text):
        return "".join(c.upper() if text[k - 1 : k] == "a" else c for k, c in enumerate(text))

    assert decided_part(*some(capital_after_a)) > 0.9
    assert decided_part(*some(lambda s: s[::-1])) < 0.3


def test_few_texts_used_often_are_labels():
    assert is_labels(["a", "b"] * 5)
    assert not is_labels(["a", "b", "c"] * 4)


@pytest.mark.parametrize(
    ("align", "pairs"),
    [
        ("each", [("ab", "c"), ("a", "b")]),
        ("label", [("ab", ""), ("a", "b")]),
        ("label", [("ab", "b"), ("a", "b")]),
        ("ctc", [("a", "b" * 9), ("a", "b")]),
    ],
)
def test_pairs_that_an_alignment_does_not_allow_are_refused(align, pairs, wording):
    with wording.raises(DataError):
        corpus_of(pairs, align=align)


def test_ctc_needs_a_blank_between_equal_symbols():
    assert [places_for(t) for t in ("", "abc", "aab", "aaa")] == [0, 3, 4, 5]
    assert corpus_of([("abcd", "aab"), ("ab", "aab")], align="ctc").stretch == 2


def test_a_label_set_says_what_it_has():
    assert "x" in Labels(["x"])
    assert "y" not in Labels(["x"])
