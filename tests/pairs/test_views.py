"""What a model of pairs does with one source: attention, the course of labels, the path of symbols."""

import numpy as np
import pytest
from pair_models import KINDS, TEXTS, both

from charrnn.errors import DataError
from charrnn.numerics import softmax
from charrnn.pairs.converting import convert
from charrnn.pairs.views import BLANK, attention_of, is_seen_between, labels_of, path_of
from charrnn.render.look import Look
from charrnn.render.palette import ColorMode
from charrnn.render.views.path import Tags, tag_rows


def sources_of(kind):
    return [source for source, _ in TEXTS[kind][:4]]


@pytest.mark.parametrize("attention", ["additive", "dot"])
def test_the_attention_is_that_of_the_target_which_is_written(attention):
    _, _, model = both("attention", attention=attention)
    for source in sources_of("attention"):
        seen = attention_of(model, source)
        (made,) = convert(model, [source])
        assert seen.target == made[0].text
        assert seen.source == source
        assert seen.values.shape == (len(seen.rows), len(source))
        np.testing.assert_allclose(seen.values.sum(1), 1, atol=1e-5)
        again = attention_of(model, source, seen.target)
        if made[0].is_whole:
            np.testing.assert_array_equal(again.values, seen.values)


def test_another_target_has_another_attention_of_its_own_length():
    _, _, model = both("attention")
    source, target = TEXTS["attention"][0]
    seen = attention_of(model, source, target[::-1])
    assert seen.target == target[::-1]
    assert len(seen.rows) == len(target) + 1
    with pytest.raises(DataError):
        attention_of(model, source, "a☃")


def test_labels_end_with_what_the_whole_source_gives():
    _, _, model = both("label")
    for source in sources_of("label"):
        seen = labels_of(model, source)
        (made,) = convert(model, [source], n_best=len(model.vocabulary))
        assert list(seen.rows) == [target.text for target in made][: len(seen.rows)]
        np.testing.assert_allclose(seen.values[:, -1], np.exp([-t.nats for t in made]), atol=1e-5)
        for k in range(1, len(source)):
            begun = labels_of(model, source[:k])
            course = dict(zip(begun.rows, begun.values[:, -1], strict=True))
            np.testing.assert_allclose(
                [course[label] for label in seen.rows], seen.values[:, k - 1], atol=1e-5
            )


@pytest.mark.parametrize("kind", ["each", "ctc"])
def test_a_path_gives_the_target(kind):
    _, _, model = both(kind)
    for source in sources_of(kind):
        path = path_of(model, source)
        (made,) = convert(model, [source])
        assert path.target == made[0].text
        assert len(path.source) == len(path.symbols) == len(path.probabilities)
        assert len(path.source) == len(source) * (model.config.stretch or 1)
        (ids,) = model.ids_of([source])
        p = softmax(model.class_logits(model.encode([ids]))[0])
        np.testing.assert_allclose(path.probabilities, p.max(-1), atol=1e-6)
        assert (BLANK in path.symbols) == (kind == "ctc" and p.shape[1] - 1 in p.argmax(-1))


def test_what_the_model_does_not_know_of_a_source_has_no_column():
    _, _, model = both("attention")
    source = sources_of("attention")[0]
    assert attention_of(model, f"☃{source}").source == source
    with pytest.raises(DataError):
        attention_of(model, "☃☃")


@pytest.mark.parametrize("kind", KINDS)
def test_one_vector_has_nothing_to_see(kind):
    _, _, model = both(kind)
    assert is_seen_between(model) == (kind not in ("none", "encoded", "lm"))


def test_each_symbol_stands_under_its_character_however_wide_they_are():
    tags = Tags("t", "日本go", "ab本·", np.array([0, 0.5, 1, 0.1], np.float32), "m")
    look = Look(ColorMode.none)
    *_, above, below, digits = tag_rows(tags, look, 40)
    assert list(above.widths) == list(below.widths) == list(digits.widths) == [2, 2, 2, 1]
    assert list(digits.texts) == ["0", "4", "9", "1"]
    lines = [row for row in tag_rows(tags, look, 4) if len(row.texts) == 2]
    assert len(lines) == 1 + 6  # the title, and two lines of three rows
