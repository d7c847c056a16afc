"""The length of the rows of a text, and the network that looks from one to the next."""

import dataclasses

import numpy as np
import pytest
from helpers import characters, random_model

from charrnn.config import CorpusConfig, ModelConfig
from charrnn.errors import DataError
from charrnn.text.corpus import read_corpus
from charrnn.text.rows import row_length_of, row_notes, with_row_length
from charrnn.text.sources import file_source

LEVEL = "++++#\n+##+#\n#####\n\n"
NETWORK = ModelConfig(cell="mdlstm", vocab_size=3)


def corpus_of(folder, text):
    path = folder / "text.txt"
    path.write_text(text, encoding="utf-8")
    return read_corpus([file_source(path)], CorpusConfig(), cache=folder / "cache")


def test_the_usual_line_decides_and_empty_ones_do_not_count(tmp_path):
    corpus = corpus_of(tmp_path, LEVEL * 20 + "+\n" * 9)
    assert row_length_of(corpus) == 6
    for row_length in (None, "auto"):
        network = dataclasses.replace(NETWORK, row_length=row_length)
        assert with_row_length(network, corpus).row_length == "6"


def test_a_text_of_unequal_lines_is_noted(tmp_path):
    levels = corpus_of(tmp_path, LEVEL * 20)
    assert row_notes(with_row_length(NETWORK, levels), levels) == []
    (note,) = row_notes(dataclasses.replace(NETWORK, row_length="9"), levels)
    assert note.startswith("only 0 % of the lines have 9 characters")
    assert row_notes(ModelConfig(vocab_size=3), levels) == []


def test_a_length_that_is_given_stays_and_other_cells_have_none(tmp_path):
    corpus = corpus_of(tmp_path, LEVEL * 20)
    given = dataclasses.replace(NETWORK, row_length="9")
    assert with_row_length(given, corpus) == given
    assert with_row_length(ModelConfig(vocab_size=3), corpus).row_length is None


@pytest.mark.parametrize("text", ["no line at all", "a" * 2000 + "\n"], ids=len)
def test_a_text_without_rows_is_refused_in_one_line(tmp_path, text, wording):
    with wording.raises(DataError):
        row_length_of(corpus_of(tmp_path, text * 9))


@pytest.mark.parametrize("row_length", [3, 7])
def test_a_character_is_seen_where_the_one_below_it_is_predicted(row_length):
    """Without the weights of what comes from the left, a layer sees what stands above the next character, which had
    seen what stood above the one after it, and so on, and no more.
    """
    model = random_model(
        characters("abc"), cell="mdlstm", row_length=str(row_length), num_layers=1, seed=2
    )
    weights = {name: array.copy() for name, array in model.weights.items()}
    H = model.config.hidden_size
    weights["rnn.weight_hh_l0"][:, :H] = 0  # of the h to the left
    weights["rnn.bias_ih_l0"][H : 2 * H] = -100  # f, of the c to the left
    model = type(model)(model.config, model.vocabulary, weights)
    ids = np.random.default_rng(3).integers(0, 3, 4 * row_length)
    end = len(ids) - 1
    changes = []
    for place in range(end):
        other = ids.copy()
        other[place] = (ids[place] + 1) % 3
        h, changed = (model.run(x, model.initial_state())[0][end] for x in (ids, other))
        changes.append(not np.array_equal(h, changed))
    assert changes == [(end - place) % (row_length - 1) == 0 for place in range(end)]
