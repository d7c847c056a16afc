"""Layers that tick at some of the characters only, and are held in between."""

import dataclasses

import numpy as np
import pytest
import torch
from helpers import characters, examples, random_model
from hypothesis import given
from hypothesis import strategies as st
from trainers import make_corpus, make_trainer, run_to_end, tensors_in
from variants import H, N, T, V, make_config, make_network, random_ids, seldom, to_model, ways_of

from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.config import NOT_SUBSAMPLED, ModelConfig, TrainingConfig, TrainingRequest
from charrnn.errors import SettingError, UsageError
from charrnn.interpret.edits import Edit
from charrnn.interpret.recording import record
from charrnn.network.cells import CELLS, cell_of, get_cell
from charrnn.network.cells.subsampling import PHASE, ranges_of, symbols_of
from charrnn.render.ansi import lines_of
from charrnn.render.look import Look
from charrnn.render.palette import ColorMode
from charrnn.render.views.diagram import HELD, diagram_rows
from charrnn.text.vocabulary import Vocabulary
from charrnn.text.words import is_part_of_word, with_words, word_symbols_of
from charrnn.training.events import Stopped
from charrnn.training.gradients import TorchModel
from charrnn.training.plan import layered
from charrnn.training.subsampling import Packing
from charrnn.training.transfer import extended

WORD_SYMBOLS = "0-2,4"
"""Of V = 7 symbols."""
HOW = [
    {"subsample": "2"},
    seldom({"subsample": "3"}),
    {"subsample": "words", "word_symbols": WORD_SYMBOLS},
]
HELD_CELLS = [name for name in CELLS if name not in NOT_SUBSAMPLED]
WAYS = [(name, way) for name in HELD_CELLS for way in ways_of(get_cell(name))]
every_way = pytest.mark.parametrize(("name", "way"), WAYS)
every_rule = pytest.mark.parametrize("how", HOW, ids=lambda how: how["subsample"])


def ticks_by_hand(ids, how, layer):
    """The places at which a layer ticks, from the rule itself."""
    if how["subsample"] != "words":
        period = int(how["subsample"]) ** layer
        return [t for t in range(len(ids)) if (t + 1) % period == 0]
    inside = [False, *(symbol in (0, 1, 2, 4) for symbol in ids)]
    return [t for t in range(len(ids)) if inside[t] and not inside[t + 1]]


# --- when layers tick -----------------------------------------------------------------------------


@every_rule
def test_a_layer_changes_where_it_ticks_and_is_held_elsewhere(how):
    ids = random_ids(40, seed=3)
    model = to_model(
        make_network(make_config(num_layers=3, **how)), make_config(num_layers=3, **how)
    )
    text = model.vocabulary.decode(ids)
    arrays = record(model, text).arrays
    assert not any(np.isnan(array).any() for array in arrays.values())
    for layer in (1, 2):
        places = ticks_by_hand(ids.tolist(), how, layer)
        assert 3 <= len(places) < 30
        for name, array in arrays.items():
            before = np.concatenate([np.zeros((1, H), np.float32), array[:-1, layer]])
            changed = np.flatnonzero((array[:, layer] != before).any(-1))
            assert changed.tolist() == places, name


def test_words_end_at_the_first_character_behind_a_letter():
    text = "So, «fünf_2» e\u0301t 中文。\n\nend"
    vocabulary = characters(text)
    config = with_words(
        ModelConfig(vocab_size=len(vocabulary), num_layers=2, subsample="words"), vocabulary
    )
    inside = set(symbols_of(config.word_symbols, len(vocabulary)))
    assert {chr(vocabulary.symbols[k]) for k in inside} == {*"Sofünf_2et中文nd\u0301"}
    model = random_model(vocabulary, subsample="words", word_symbols=config.word_symbols)
    h = record(model, text).arrays["h"][:, 1]
    changed = np.flatnonzero((h[1:] != h[:-1]).any(-1)) + 1
    assert [text[: t + 1][-2:] for t in changed] == ["o,", "2»", "t ", "文。"]


def test_bytes_of_accents_and_the_unknown_symbol_are_parts_of_words():
    inside = symbols_of(word_symbols_of(Vocabulary.of_bytes()), 256)
    assert inside == [k for k in range(256) if k > 127 or chr(k).isalnum() or chr(k) == "_"]
    assert word_symbols_of(Vocabulary("char", [32, 97], has_unknown=True)) == "1-2"
    assert not is_part_of_word("\u00a0")


@examples(50)
@given(st.sets(st.integers(0, 40)))
def test_ranges_of_symbols_are_read_as_they_were_written(numbers):
    assert symbols_of(ranges_of(sorted(numbers)), 41) == sorted(numbers)


@pytest.mark.parametrize("ranges", ["3-2", "1,1", "7", "1-7", "a", "1,,2", "1-"])
def test_other_ranges_are_refused(ranges, wording):
    with wording.raises(SettingError):
        make_config(num_layers=2, subsample="words", word_symbols=ranges)


@pytest.mark.parametrize("seed", range(8))
def test_ticks_are_packed_without_a_gap(seed):
    """Every tick is run once, in the order of its row, and nothing else is."""
    random, seen = np.random.default_rng(seed), []
    shape = random.integers(1, 9, 2)
    ticks = torch.from_numpy(random.random(shape) < random.random())
    packing, rows = Packing(ticks), int(shape[1])

    def run(inputs, state):
        """A layer that counts the steps of each row."""
        (counts,) = state
        seen.append(len(inputs.x) * inputs.x.shape[1])
        steps = torch.arange(1, len(inputs.x) + 1)[:, None, None] + counts
        return steps, (steps[-1],)

    count = int(ticks.sum())
    held, (after,) = packing.through(run, torch.zeros(count, 1), (torch.zeros(rows, 1),))
    assert sum(seen) == count == len(held.values) - rows
    torch.testing.assert_close(held.spread()[..., 0], ticks.cumsum(0).float())
    torch.testing.assert_close(after[:, 0], ticks.sum(0).float())


# --- the same in NumPy and in torch ---------------------------------------------------------------


@every_rule
@every_way
def test_numpy_and_torch_compute_the_same(name, way, how):
    """Over chunks of odd lengths, with rows that start at different moments."""
    more = {"layer_norm": True, "learn_start": CELLS[name].reads_state}
    config = make_config(name, num_layers=3, **how, **more)
    network = make_network(config, way).eval()
    model, ids = to_model(network, config), random_ids(3 * T, N)
    state = network.first_state(N)
    own, outputs = model.initial_state(N), []
    for chunk in range(3):
        part = slice(chunk * T, (chunk + 1) * T)
        with torch.no_grad():
            logits, state = network(torch.from_numpy(ids[part]), state)
        for t in range(T):
            found, own, _ = model.step(ids[part][t], own)
            outputs.append(found)
        np.testing.assert_allclose(outputs[-T:], logits.numpy(), atol=2e-5, rtol=0)
        for letter, values in zip(model.cell.carried, state, strict=True):
            place = model.cell.carried.index(letter)
            ours = np.stack([layer[place] for layer in own])
            np.testing.assert_allclose(ours, values.numpy(), atol=2e-5, rtol=0)
        state = network.reset(state, slice(chunk, chunk + 1))
        first = model.initial_state(N)
        for layer, start in zip(own, first, strict=True):
            for values, anew in zip(layer, start, strict=True):
                values[chunk] = anew[chunk]


@every_rule
@every_way
def test_every_way_through_time_has_the_same_gradient(name, way, how):
    """That of the plain loop, which torch differentiates step by step."""
    config, ids = make_config(name, num_layers=3, **how), torch.from_numpy(random_ids(T, N))
    found = []
    for own in (way, "step by step"):
        network = make_network(config, own)
        state = tuple(s + 0.1 for s in network.first_state(N)[:-1])
        phase = torch.zeros(3, N, H)
        phase[:, 1] = 1
        logits, _ = network(ids, (*state, phase))
        logits.square().mean().backward()
        found.append({n: p.grad for n, p in network.named_parameters()})
    for parameter, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][parameter], atol=1e-6, rtol=1e-4)
    assert all(g.abs().max() > 0 for n, g in found[0].items() if n.endswith("l2"))


@every_rule
@pytest.mark.parametrize("name", HELD_CELLS)
def test_the_step_that_gradients_are_measured_with_is_the_same(name, how):
    config = make_config(name, num_layers=2, **how)
    model, ids = to_model(make_network(config), config), random_ids(T, N)
    reader, own = TorchModel(model), model.initial_state(N)
    state = reader.first_state(N)
    for symbols in ids:
        state = reader.step(symbols, state)
        logits, own, _ = model.step(symbols, own)
        np.testing.assert_allclose(logits, reader.logits(state).numpy(), atol=1e-5)


@every_rule
def test_one_stream_is_as_in_a_batch_and_edits_act_row_by_row(how):
    config = make_config(num_layers=3, **how)
    model, ids = to_model(make_network(config), config), random_ids(T, N)
    edits = [Edit("clamp", "L1.h.2", 0.7), Edit("steer", "L2.c.0-3", 0.5)]
    for edited in (model, model.edited(edits)):
        outputs, _ = edited.run(ids, edited.initial_state(N))
        for row in range(N):
            alone, _ = edited.run(ids[:, row], edited.initial_state())
            np.testing.assert_allclose(outputs[:, row], alone, atol=1e-6)


# --- causality ------------------------------------------------------------------------------------


@every_rule
@pytest.mark.parametrize("name", HELD_CELLS)
def test_a_prediction_depends_on_no_character_behind_it(name, how):
    """And on all before it: the gradient of the logits at t is zero with respect to what is read after t alone."""
    config = make_config(name, num_layers=2, **how)
    network = make_network(config).eval()
    ids = torch.from_numpy(random_ids(T, 1, seed=5))
    whole, _ = network(ids, None)
    for t in range(T - 1):
        other = ids.clone()
        other[t + 1 :] = (other[t + 1 :] + 1 + t % (V - 1)) % V
        changed, _ = network(other, None)
        torch.testing.assert_close(changed[: t + 1], whole[: t + 1], atol=0, rtol=0)
        assert not torch.equal(changed[t + 1], whole[t + 1])


# --- no work is thrown away -----------------------------------------------------------------------


@every_rule
@pytest.mark.parametrize("kernel", ["fused", "loop"])
def test_the_upper_layers_run_through_their_ticks_alone(kernel, how, monkeypatch):
    config, ids = make_config(num_layers=3, **how), random_ids(4 * T, N, seed=2)
    network = make_network(config, "fused" if kernel == "fused" else "unrolled")
    steps = []
    if kernel == "fused":
        run = network.stack._run_kernel
        monkeypatch.setattr(
            network.stack,
            "_run_kernel",
            lambda x, *rest: steps.append(x.shape[0] * x.shape[1]) or run(x, *rest),
        )
    else:
        cell = network.stack.cell

        def step(x, *rest):
            steps.append(len(x))
            return cell.step(x, *rest)

        network.stack.cell = dataclasses.replace(cell, step=step)
    network(torch.from_numpy(ids), None)
    ticks = sum(
        len(ticks_by_hand(column, how, layer)) for column in ids.T.tolist() for layer in (1, 2)
    )
    assert sum(steps) == ids.size + ticks


@every_rule
def test_a_step_in_numpy_computes_the_rows_that_tick(how, monkeypatch):
    config, ids = make_config(num_layers=2, **how), random_ids(4 * T, N, seed=2)
    model, rows = to_model(make_network(config), config), []
    cell = model.cell

    def step(x, *rest):
        rows.append(len(x))
        return cell.step(x, *rest)

    model.cell = dataclasses.replace(cell, step=step)
    model.run(ids, model.initial_state(N))
    ticks = sum(len(ticks_by_hand(column, how, 1)) for column in ids.T.tolist())
    assert sum(rows) == ids.size + ticks


def test_a_text_without_an_end_of_a_word_is_read_by_the_lowest_layer_alone():
    config = make_config(num_layers=2, subsample="words", word_symbols="")
    network = make_network(config)
    ids = random_ids(T, N)
    logits, state = network(torch.from_numpy(ids), None)
    logits.sum().backward()
    assert all(not p.grad.any() for n, p in network.rnn.named_parameters() if n.endswith("_l1"))
    assert all((s[1] == 0).all() for s in state)
    outputs, _ = (model := to_model(network, config)).run(ids, model.initial_state(N))
    np.testing.assert_allclose(model.head(outputs), logits.detach().numpy(), atol=1e-5)


# --- runs -----------------------------------------------------------------------------------------

CONFIG = TrainingConfig(
    steps=14,
    batch_size=5,
    sequence_length=7,
    dropout=0.2,
    weight_drop=0.2,
    learning_rate=0.02,
    warmup_steps=3,
    reset_every=3,
    eval_every=5,
)


@pytest.mark.parametrize(("kernel", "optimizer"), [("fused", "muon"), ("loop", "adamw")])
@pytest.mark.parametrize("subsample", ["2", "words"])
def test_a_run_resumes_bit_for_bit(subsample, kernel, optimizer, tmp_path):
    """Whose chunks end between two ticks."""
    corpus = make_corpus(tmp_path, 300)
    more = {"muon_learning_rate": 0.02} if optimizer == "muon" else {}
    config = dataclasses.replace(CONFIG, kernel=kernel, optimizer=optimizer, **more)
    shape = {"hidden_size": 6, "learn_start": True, "layer_norm": True, "subsample": subsample}
    if subsample == "words":
        shape["word_symbols"] = word_symbols_of(corpus.vocabulary)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run_to_end(make_trainer(corpus, whole, config, shape=shape))[-1] == Stopped(
        14, finished=True
    )
    run_to_end(make_trainer(corpus, parts, config, shape=shape), stop_at=3)
    last = load_checkpoint(parts / "last.safetensors")
    assert last.training[f"state.{PHASE}"].any()
    run_to_end(make_trainer(corpus, parts, config, shape=shape, resume=last))
    assert tensors_in(parts) == tensors_in(whole)


@every_rule
def test_a_checkpoint_has_the_rule_and_gives_the_same_model(how, tmp_path):
    model = random_model(Vocabulary("char", range(97, 97 + V)), **how)
    save_checkpoint(tmp_path / "m.safetensors", Checkpoint(model))
    again = load_checkpoint(tmp_path / "m.safetensors").model
    assert again.config == model.config
    assert again.fingerprint == model.fingerprint
    plain = random_model(model.vocabulary)
    assert plain.fingerprint != model.fingerprint
    ids = random_ids(30, size=V)
    found, expected, other = (m.run(ids, m.initial_state())[0] for m in (again, model, plain))
    np.testing.assert_array_equal(found, expected)
    assert np.abs(found - other).max() > 0.01


def test_a_larger_vocabulary_has_the_parts_of_words_of_its_own():
    small = characters("ab ,")
    model = random_model(small, subsample="words", word_symbols=word_symbols_of(small))
    large = extended(model, characters("ab ,xyz!"))
    assert large.config.word_symbols == "3-7"
    text = "ab, ab ba"
    for one, other in zip(
        record(model, text).arrays.values(), record(large, text).arrays.values(), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {"subsample": "1"},
        {"subsample": "word"},
        {"subsample": "2", "num_layers": 1},
        {"subsample": "16", "num_layers": 5},
        *({"subsample": "2", "cell": cell} for cell in NOT_SUBSAMPLED),
        {"subsample": "2", "gradient": "rtrl"},
        {"subsample": "2", "align": "each"},
        {"subsample": "2", "align": "lm"},
    ],
    ids=str,
)
def test_what_cannot_be_subsampled_is_refused_in_one_line(given, wording):
    with wording.raises(SettingError):
        TrainingRequest(given=given)


@pytest.mark.parametrize(
    "given", [{"subsample": "2"}, {"subsample": "words", "cell": "gru"}], ids=str
)
def test_a_subsampled_network_has_two_layers_unless_others_are_given(given):
    for more, layers in (({}, 2), ({"hidden_size": 8}, 2), ({"num_layers": 3}, 3)):
        request = TrainingRequest(given=given | more)
        assert layered(request.network(vocab_size=9), request).num_layers == layers


def test_only_a_subsampled_cell_carries_a_phase_and_it_is_in_no_recording():
    plain, held = make_config(num_layers=2), make_config(num_layers=2, subsample="2")
    assert cell_of(held).carried == (*cell_of(plain).carried, PHASE)
    assert cell_of(held).states == cell_of(plain).states
    assert set(record(random_model("ab", subsample="2"), "abba").arrays) == {*"hcifgo"}


def test_what_needs_every_layer_at_every_character_is_refused(tmp_path, wording):
    from charrnn.adapting.learner import require_able
    from charrnn.exact.model import exact
    from charrnn.export.onnx_graph import write_onnx

    model = random_model("ab", subsample="2")
    for refuse in (require_able, exact, lambda m: write_onnx(m, tmp_path / "m.onnx", half=False)):
        with wording.raises(UsageError):
            refuse(model)


def test_a_diagram_marks_what_is_held():
    model = random_model("ab", hidden_size=1, subsample="2")
    recording = record(model, "abbab", top=2)
    rows = lines_of(diagram_rows(recording, "h", Look(ColorMode.none), 80, may_hold=True))
    (upper,) = [row for row in rows if "L1.h.0" in row]
    assert [cell == HELD for cell in upper.split()[1:]] == [False, False, True, False, True]
