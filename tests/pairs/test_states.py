"""Every state and gate of an encoder and a decoder, as NumPy records it and as the network in torch computes it."""

import numpy as np
import pytest
import torch
import vector_models
from pair_models import KINDS, batch_of, both, config_of, in_torch, with_padding
from variants import TEXTBOOK

from charrnn.errors import DataError, UsageError
from charrnn.interpret.edits import Edit, edited
from charrnn.interpret.gates import saturation
from charrnn.interpret.pairs import record_pair, record_source, record_sources, record_targets
from charrnn.interpret.units import Unit, memory_of, parse_units
from charrnn.network.encoder import MARKS
from charrnn.network.stack import advance
from charrnn.numerics import log_softmax
from charrnn.pairs.converting import convert
from charrnn.pairs.model import PairNetwork
from charrnn.text.pairs import END
from charrnn.training.inputs import Inputs
from charrnn.training.ops import TorchOps
from charrnn.training.pairs.task import make_pair_network

CLOSE = {"atol": 1e-5, "rtol": 0}
SHAPE = {"num_layers": 2, "layer_norm": True}
ROWS = [0, 1, 2, 3]


class Watched:
    """A stack that is run by a network, and its states and gates after each step, from the beginning each time."""

    def __init__(self, stack, monkeypatch):
        self._stack = stack
        for name in ("through", "step_by_step"):
            monkeypatch.setattr(stack, name, self._keeping(getattr(stack, name)))

    def _keeping(self, run):
        def kept(inputs, state, *feedback):
            self._run, self._x, self._state, self._feedback = run, inputs.vectors(), state, feedback
            return run(inputs, state, *feedback)

        return kept

    def values(self):
        """(T, L, N, H) for each letter."""
        cell, layers = self._stack.cell, self._stack._layers()
        found = {letter: [] for letter in (*cell.states, *cell.gates)}
        before = self._state
        for t in range(1, len(self._x) + 1):
            _, after = self._run(Inputs(self._x[:t]), self._state, *self._feedback)
            rows = [tuple(s[k] for s in before) for k in range(len(layers))]
            y = self._feedback[0](rows[-1][0]) if self._feedback else None
            x = self._x[t - 1] @ layers[0].weight_ih + layers[0].bias
            _, gates = advance(cell, layers, x, rows, TorchOps, output=y)
            for letter, values in zip(cell.states, after, strict=True):
                found[letter].append(values)
            for letter, *values in zip(cell.gates, *gates, strict=True):
                found[letter].append(torch.stack(values))
            before = after
        return {letter: torch.stack(values).numpy() for letter, values in found.items()}


@pytest.mark.parametrize("cell", TEXTBOOK)
@pytest.mark.parametrize("kind", KINDS)
def test_every_state_and_gate_is_that_of_torch_whatever_the_padding(kind, cell, monkeypatch):
    corpus, network, model = both(kind, cell=cell, **SHAPE)
    inputs, _ = batch_of(corpus, model, ROWS)
    if kind not in ("none", "lm"):
        generator = np.random.default_rng(7)
        inputs = with_padding(inputs, 2, generator, len(corpus.source_symbols))
    stacks = network.encoder._stacks if kind != "lm" else {}
    encoder = {place: Watched(stack, monkeypatch) for place, stack in stacks.items()}
    decoder = Watched(network.stack, monkeypatch) if model.config.writes else None
    with torch.no_grad():
        looks = kind == "attention"
        _, alpha = network.attended(in_torch(inputs)) if looks else network(in_torch(inputs), None)
        in_encoder = {place: watched.values() for place, watched in encoder.items()}
        in_decoder = decoder.values() if decoder else {}
    for row, (source, target) in enumerate(corpus.pairs(np.array(ROWS))):
        pair = record_pair(model, source, target if decoder else None)
        for (layer, way), values in in_encoder.items():
            length = len(source) * (model.config.stretch or 1)
            for letter, theirs in values.items():
                own = pair.source.arrays[letter + MARKS[way]][:, layer]
                read = theirs[:length, 0, row]
                np.testing.assert_allclose(own, read[::-1] if way else read, **CLOSE)
        for letter, theirs in in_decoder.items():
            begin = len(source) if kind == "lm" else 0  # the decoder has read the source too
            written = np.roll(theirs[begin:, :, row][: len(target) + 1], -1, axis=0)
            np.testing.assert_allclose(pair.target.arrays[letter], written, **CLOSE)
        if kind == "attention":
            seen = alpha[row, : len(target) + 1, : len(source)].numpy()
            np.testing.assert_allclose(pair.attention, seen, **CLOSE)
        else:
            assert pair.attention is None


@pytest.mark.parametrize("kind", ["attention", "none", "encoded"])
def test_what_each_symbol_of_a_target_costs_is_what_torch_says(kind):
    corpus, network, model = both(kind)
    inputs, _ = batch_of(corpus, model, ROWS)
    with torch.no_grad():
        logits = network(in_torch(inputs))[0].numpy()
    for row, (source, target) in enumerate(corpus.pairs(np.array(ROWS))):
        read = record_pair(model, source, target, top=2).target
        assert read.text == target + END
        log_p = log_softmax(logits[: len(read.ids), row])
        costs = -log_p[np.arange(len(read.ids)), read.ids] / np.log(2)
        np.testing.assert_allclose(read.surprisal, costs, **CLOSE)
        best = np.roll(np.exp(np.sort(log_p)[:, :-3:-1]), -1, axis=0)
        np.testing.assert_allclose(read.next_probabilities, best, **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_recording_has_what_its_part_of_the_network_has(kind):
    _, _, model = both(kind)
    source = {"none": "uk"}.get(kind, "dab")
    pair = record_pair(model, source)
    if kind in ("none", "lm"):
        assert pair.source is None
    else:
        marks = ("<", ">")
        assert {*pair.source.arrays} == {letter + m for letter in "hcifgo" for m in marks}
        assert pair.source.text == source
        assert pair.source.source.memory == "c>"
    if model.config.writes:
        assert {*pair.target.arrays} == {*"hcifgo"}
        assert pair.target.source.memory == memory_of(model) == "c"
        assert pair.target.text == convert_one(model, source) + END
        assert pair.target.source.fingerprint == model.fingerprint
    else:
        assert pair.target is None
        assert memory_of(model) == "c>"
        with pytest.raises(DataError):
            record_pair(model, source, "x")


def convert_one(model, source):
    ((made,),) = convert(model, [source])
    return made.text


def test_only_what_is_named_is_kept():
    _, _, model = both("attention")
    pair = record_pair(model, "abc", "cb", keep={"c<", "f"})
    whole = record_pair(model, "abc", "cb")
    assert [*pair.source.arrays, *pair.target.arrays] == ["c<", "f"]
    np.testing.assert_array_equal(pair.source.arrays["c<"], whole.source.arrays["c<"])
    np.testing.assert_array_equal(pair.attention, whole.attention)


def test_symbols_that_the_model_does_not_know_are_not_read():
    _, _, model = both("attention")
    read, _ = record_source(model, "☃a☃b")
    assert read.text == "ab"
    with pytest.raises(DataError):
        record_source(model, "☃")


def test_a_reversed_source_has_the_states_of_the_other_direction():
    _, _, model = both("each", num_layers=1)
    for name in [n for n in model.weights if n.endswith("_reverse")]:
        model.weights[name] = model.weights[name.removesuffix("_reverse")]
    model = type(model)(model.config, model.source_symbols, model.vocabulary, model.weights)
    ahead, back = (record_pair(model, text).source.arrays for text in ("abcde", "edcba"))
    for letter in "hcifgo":
        np.testing.assert_array_equal(ahead[f"{letter}<"], back[f"{letter}>"][::-1])


def test_a_model_that_reads_vectors_has_no_text_to_record(tmp_path):
    texts, vectors = vector_models.words(20)
    corpus = vector_models.corpus_of(tmp_path, texts, vectors=vectors)
    config = config_of(corpus)
    weights = make_pair_network(config, 0.0, 3, torch.device("cpu")).to_numpy()
    model = PairNetwork(config, corpus.source_symbols, corpus.vocabulary, weights)
    with pytest.raises(UsageError):
        record_pair(model, "abc")


# --- units ------------------------------------------------------------------------------------------------------------


def test_units_of_an_encoder_have_the_sign_of_their_direction():
    _, _, model = both("attention", num_layers=2)
    assert list(map(str, parse_units("L*>.c.3", model))) == ["L0>.c.3", "L1>.c.3"]
    assert parse_units("L0<.h.2", model) == (Unit(0, "h<", 2),)
    assert parse_units("L1.f.0-1", model) == (Unit(1, "f", 0), Unit(1, "f", 1))


@pytest.mark.parametrize(
    ("kind", "address"),
    [("label", "L0.c.3"), ("none", "L0>.c.3"), ("each", "L0>c3"), ("each", "L0.c>.3")],
)
def test_a_unit_that_a_part_has_not_is_refused(kind, address, wording):
    _, _, model = both(kind)
    with wording.raises(UsageError):
        parse_units(address, model)


def test_a_language_model_has_no_directions(tiny_model, wording):
    with wording.raises(UsageError):
        parse_units("L0>.c.3", tiny_model)


# --- gates ------------------------------------------------------------------------------------------------------------


def test_the_gates_of_both_parts_by_brute_force():
    _, _, model = both("attention", num_layers=2)
    pairs = [("abcde", "ab"), ("d", ""), ("ba", "eda")]
    sources, targets = (
        list(record_sources(model, [s for s, _ in pairs])),
        list(record_targets(model, pairs)),
    )
    found = saturation([*sources, *targets])
    assert [gate.name for gate in found.gates] == [*("i>", "i<", "f>", "f<", "o>", "o<"), *"ifo"]
    assert found.symbols == 8 + 5 + 3
    for gate in found.gates:
        parts = [p.arrays[gate.name] for p in (*sources, *targets) if gate.name in p.arrays]
        values = np.concatenate(parts)
        np.testing.assert_allclose(gate.mean, values.mean(0), atol=1e-6)
        np.testing.assert_allclose(gate.left, (values < 0.1).mean(0))
        np.testing.assert_allclose(gate.right, (values > 0.9).mean(0))
        assert (gate.time_scale is None) == (gate.name[0] != "f")


# --- edits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", TEXTBOOK)
@pytest.mark.parametrize("unit", ["L0>.h.1", "L0<.h.2", "L0.h.0"])
def test_a_clamped_unit_holds_and_changes_what_follows(cell, unit):
    _, _, model = both("attention", cell=cell)
    held = edited(model, [Edit("clamp", unit, 0.9)])
    before, after = (record_pair(m, "abcde", "edcba") for m in (model, held))
    (own,) = parse_units(unit, model)
    part = after.source if own.mark else after.target
    assert (part.arrays[own.what][:, 0, own.index] == np.float32(0.9)).all()
    assert not np.allclose(before.target.surprisal, after.target.surprisal)
    assert part.source.edits == (f"clamp {unit}=+0.9",)
    other = record_pair(model, "abcde", "edcba")
    np.testing.assert_array_equal(other.target.surprisal, before.target.surprisal)


def test_the_start_of_a_decoder_is_clamped_too():
    _, _, model = both("none")
    held = edited(model, [Edit("clamp", "L0.c.3", -2.0), Edit("steer", "L0.h.1", 1.0)])
    decoder, plain = (m.decoder.given(m.encode(m.ids_of(["uk"]))) for m in (held, model))
    assert decoder.initial_state()[0][1][3] == -2
    np.testing.assert_array_equal(decoder.initial_state()[0][0], plain.initial_state()[0][0])


def test_an_edited_model_is_not_saved():
    _, _, model = both("each")
    held = edited(model, [Edit("steer", "L0<.h.2", 1.0)])
    model.require_unedited("a checkpoint")
    with pytest.raises(UsageError):
        held.require_unedited("a checkpoint")
