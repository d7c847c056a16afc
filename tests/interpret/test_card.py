"""Cards: moments, time scale and gates by their definitions, a counter's concept, and what is lost without it."""

import numpy as np
import pytest
from counting import counting_model, text_of
from helpers import characters, random_model
from variants import TEXTBOOK

from charrnn.errors import DataError
from charrnn.interpret.ablation import ablate, ablate_each
from charrnn.interpret.card import make_cards
from charrnn.interpret.moments import autocorrelation, moments, time_scales
from charrnn.interpret.recording import record
from charrnn.interpret.unit_reading import BEFORE
from charrnn.interpret.units import Unit
from charrnn.network.cells import CELLS

COUNTER = Unit(0, "c", 5)


@pytest.fixture(scope="module")
def read():
    model, text = counting_model(), text_of(1500)
    return model, text, make_cards(model, text, [COUNTER, Unit(1, "h", 3)], sets=3)


def test_a_counter_follows_brackets_by_gates_that_are_always_open(read):
    _, _, (card, other) = read
    best = {one.concept: one for one in card.concepts[:3]}
    assert best.keys() == {"bracket depth", "depth of ( )", "inside brackets"}
    assert best["inside brackets"].score == pytest.approx(1)
    assert best["inside brackets"].sign == 1
    assert other.concepts[0].score < 0.99
    assert [*other.followed] == [one for one in other.concepts if one.strength > 0]
    assert len(other.followed) < len(other.concepts)
    gates = {gate.name: gate for gate in card.gates}
    assert list(gates) == ["i", "f", "o"]
    assert all(gate.open == 1 and gate.shut == 0 for gate in gates.values())
    assert gates["f"].time_scale is None or gates["f"].time_scale > 1e6
    assert gates["i"].time_scale is None
    assert card.bimodality > 0.9


def test_a_card_says_how_the_values_lie(read):
    model, text, cards = read
    for card in cards:
        unit = card.unit
        x = record(model, text).arrays[unit.what][:, unit.layer, unit.index].astype(np.float64)
        z = (x - x.mean()) / x.std()
        assert (card.mean, card.deviation) == pytest.approx((x.mean(), x.std()))
        assert (card.skew, card.kurtosis) == pytest.approx(((z**3).mean(), (z**4).mean()))
        assert card.bimodality == pytest.approx(((z**3).mean() ** 2 + 1) / (z**4).mean())
        assert card.sparsity == pytest.approx(1 - abs(x).mean() ** 2 / (x**2).mean())
        assert (card.smallest, card.largest) == pytest.approx((x.min(), x.max()))
        assert [c.value for c in card.samples] == pytest.approx(
            np.sort(x)[[149, 374, 749, 1124, 1349]], abs=1e-6
        )
        gates = record(model, text).arrays
        for gate in card.gates:
            own = gates[gate.name][:, unit.layer, unit.index]
            assert gate.mean == pytest.approx(own.mean(dtype=np.float64))
            assert (gate.shut, gate.open) == ((own < 0.1).mean(), (own > 0.9).mean())


def test_contexts_are_places_of_the_text_and_of_their_values(read):
    model, text, (card, _) = read
    values = record(model, text).arrays["c"][:, 0, 5]
    for context in (*card.highest, *card.lowest, *card.samples):
        assert context.value == values[context.place]
        assert context.before == text[max(0, context.place + 1 - BEFORE) : context.place + 1]
        assert text.startswith(context.after, context.place + 1)
    assert card.highest[0].value == values.max()
    assert card.lowest[0].value == values.min()


def test_the_text_may_be_read_in_any_number_of_parts(read, monkeypatch):
    model, text, (card, _) = read
    monkeypatch.setattr("charrnn.interpret.card.record_parts", parts_of_seven)
    (again,) = make_cards(model, text, [COUNTER], sets=3)
    assert again.raised_by == card.raised_by
    assert (again.highest, again.samples) == (card.highest, card.samples)
    assert again.mean == pytest.approx(card.mean)
    monkeypatch.setattr("charrnn.interpret.unit_reading.TRIED", 20)
    (few,) = make_cards(model, text, [COUNTER], sets=0)
    assert few.lowest[0].value == card.lowest[0].value


def parts_of_seven(model, text, **settings):
    from charrnn.interpret.recording import record_parts

    return record_parts(model, text, length=7, **settings)


@pytest.mark.parametrize("cell", TEXTBOOK)
def test_every_cell_has_cards_with_the_gates_that_it_has(cell):
    model = random_model(characters("ab\n"), cell=cell, num_layers=2)
    text = "abba\nab\nbbb\n" * 30
    for item_end in (None, "\n"):
        (card,) = make_cards(model, text, [Unit(1, "h", 2)], item_end=item_end, sets=1)
        assert [gate.name for gate in card.gates] == list(CELLS[cell].sigmoids)
        scaled = [g.name for g in card.gates if g.time_scale is not None]
        assert scaled == [name for name in card.gates and [CELLS[cell].memory_gate] if name]


def test_bytes_are_shown_as_the_characters_that_they_complete():
    from charrnn.text.vocabulary import Vocabulary

    model = random_model(Vocabulary.of_bytes())
    text = "aé" * 150
    (card,) = make_cards(model, text, [Unit(0, "h", 0)], sets=1)
    assert card.characters == 450
    assert all(c.before in text and c.after in text for c in card.highest)
    assert {push.character for push in (*card.raised_by, *card.lowered_by)} <= {"a", "é"}


def test_a_short_text_has_a_card_without_a_cost_but_one_character_has_none():
    model = random_model(characters("ab"))
    (card,) = make_cards(model, "abba", [Unit(0, "h", 0)])
    assert card.cost is None
    assert card.concepts == ()
    with pytest.raises(DataError, match="at least 2"):
        make_cards(model, "a", [Unit(0, "h", 0)])


# --- what is lost -----------------------------------------------------------------------------------------------------


def test_each_unit_costs_what_it_costs_alone_beside_the_same_others(read):
    model, text, _ = read
    ids = model.vocabulary.encode(text)
    units = [COUNTER, Unit(0, "c", 2), Unit(1, "h", 3)]
    found = ablate_each(model, ids, units, sets=4)
    for unit, one in zip(units, found, strict=True):
        alone = ablate(model, ids, [unit], sets=0)
        assert one.total.bits == pytest.approx(alone.total.bits)
        assert one.units == (unit,)
        assert len(one.total.random) == 4
    assert found[0].total.random == found[1].total.random != found[2].total.random


def test_a_unit_is_not_compared_with_those_that_are_looked_at():
    model = random_model(characters("ab"), hidden_size=4)
    units = [Unit(0, "h", k) for k in range(3)]
    found = ablate_each(model, model.vocabulary.encode("abba" * 60), units, sets=9)
    assert [len(one.total.random) for one in found] == [1, 1, 1]


# --- moments ----------------------------------------------------------------------------------------------------------


def test_the_autocorrelation_is_that_of_its_definition(monkeypatch):
    monkeypatch.setattr("charrnn.interpret.moments.FFT", 64)
    random = np.random.default_rng(3)
    runs = [random.normal(size=(n, 3)).cumsum(0).astype(np.float32) for n in (150, 41)]
    found = autocorrelation(runs, 20)
    mean = np.concatenate(runs).astype(np.float64).mean(0)
    for u in range(3):
        expected = []
        for lag in range(20):
            pairs = [(r[: len(r) - lag, u] - mean[u]) * (r[lag:, u] - mean[u]) for r in runs]
            expected.append(np.concatenate(pairs).mean())
        assert found[:, u] == pytest.approx(np.array(expected) / expected[0], abs=1e-6)


def test_a_slow_unit_has_the_longer_time_scale_and_a_still_one_none():
    t = np.arange(3000)
    values = np.stack([(t // 100) % 2, (t // 7) % 2, 0 * t], axis=1).astype(np.float32)
    slow, fast, still = time_scales(autocorrelation([values])).tolist()
    assert 25 < slow < 40
    assert 2 <= fast <= 3
    assert still == 0
    lie = moments(values)
    assert lie.bimodality[:2] == pytest.approx(1, abs=1e-3)
    assert (lie.deviation[2], lie.kurtosis[2], lie.sparsity[2]) == (0, 0, 0)


def test_moments_are_those_of_all_values_however_they_are_cut(monkeypatch):
    values = np.random.default_rng(1).gamma(2, size=(500, 3)).astype(np.float32)
    whole = moments(values)
    monkeypatch.setattr("charrnn.interpret.moments.BLOCK", 21)
    cut = moments(values)
    for name in ("mean", "deviation", "skew", "kurtosis", "sparsity", "bimodality"):
        assert getattr(cut, name) == pytest.approx(getattr(whole, name))
