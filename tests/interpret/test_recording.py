"""What is recorded is what torch computes, at the right place."""

import math

import numpy as np
import pytest
import torch
from helpers import names_in_dump, random_model

import charrnn
from charrnn.api import LanguageModel
from charrnn.errors import DataError, EnvironmentFault
from charrnn.interpret.dumps.writing import save
from charrnn.interpret.recording import num_bytes, record, record_live, record_parts

V, E, H = 7, 5, 6
TEXT = "abcdefgfedcba"
LETTERS = ("h", "c", "i", "f", "g", "o")


def make_model(num_layers=2, **planted):
    """Random weights over the letters a to g; `planted` replaces some, "." written as "__"."""
    sizes = {"embedding_size": E, "hidden_size": H, "num_layers": num_layers}
    model = random_model("abcdefg"[:V], seed=num_layers, **sizes)
    for name, value in planted.items():
        model.weights[name.replace("__", ".")][...] = value
    return LanguageModel(model.config, model.vocabulary, model.weights)


def torch_states(model, ids):
    """h and c (T, L, H), and logits (T, V), of torch's own LSTM fed a symbol at a time."""
    config = model.config
    weights = {n: torch.from_numpy(w) for n, w in model.weights.items()}
    lstm = torch.nn.LSTM(config.embedding_size, config.hidden_size, config.num_layers)
    lstm.load_state_dict({n.removeprefix("rnn."): w for n, w in weights.items() if "rnn." in n})
    state, hs, cs, logits = None, [], [], []
    with torch.no_grad():
        for symbol in ids:
            output, state = lstm(weights["embedding.weight"][int(symbol)][None], state)
            hs.append(state[0].numpy())
            cs.append(state[1].numpy())
            logits.append((weights["head.weight"] @ output[0] + weights["head.bias"]).numpy())
    return np.array(hs), np.array(cs), np.array(logits)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_states_and_gates_are_those_of_torch(num_layers):
    model = make_model(num_layers)
    recording = model.read(TEXT)
    h, c, _ = torch_states(model, recording.ids)
    a = recording.arrays
    assert set(a) == set(LETTERS)
    for letter in LETTERS:
        assert a[letter].shape == (len(TEXT), num_layers, H)
        assert a[letter].dtype == np.float32
    np.testing.assert_allclose(a["h"], h, atol=1e-5)
    np.testing.assert_allclose(a["c"], c, atol=1e-5)
    before = np.concatenate([np.zeros_like(c[:1]), c[:-1]])
    np.testing.assert_allclose(a["f"] * before + a["i"] * a["g"], c, atol=1e-5)
    np.testing.assert_allclose(a["o"] * np.tanh(c), h, atol=1e-5)
    assert all(a[gate].min() >= 0 for gate in "ifo")
    assert a["g"].min() < 0  # the product i*g alone does not tell which is which


def test_a_trained_model_records_what_torch_computes(tiny_model):
    recording = tiny_model.read("def wrap(text, width=70):\n")
    h, c, _ = torch_states(tiny_model, recording.ids)
    np.testing.assert_allclose(recording.arrays["h"], h, atol=1e-5)
    np.testing.assert_allclose(recording.arrays["c"], c, atol=1e-5)


def test_column_t_is_after_character_t():
    """Without memory (f = 0) and recurrence a column depends on its own character alone."""
    embedding = np.zeros((V, E))
    embedding[1] = 3.0  # b
    model = make_model(
        1,
        embedding__weight=embedding,
        rnn__weight_hh_l0=0,
        rnn__weight_ih_l0=1,
        rnn__bias_ih_l0=np.repeat([0, -99, -1, 0], H),
        rnn__bias_hh_l0=0,
    )
    h = model.read("abbacb").arrays["h"][:, 0, 0]
    assert (np.sign(h) == [-1, 1, 1, -1, -1, 1]).all()


@pytest.mark.parametrize("level", ["char", "byte"])
def test_bits_are_what_evaluate_says(level, tiny_model, byte_model):
    model = {"char": tiny_model, "byte": byte_model}[level]
    text = "def wrap(text, width=70):\n    return text\n" * 3 + ("é中🙂" if level == "byte" else "")
    recording = model.read(text)
    cost = charrnn.evaluate(model, model.vocabulary.encode(text), streams=1)
    assert recording.surprisal[0] == 0
    assert recording.surprisal.shape == recording.ids.shape
    assert recording.surprisal.sum() / (len(recording.ids) - 1) == pytest.approx(
        cost.bits_per_char, rel=1e-5
    )


def test_a_symbols_bits_are_those_that_the_column_before_gave_it():
    model = make_model()
    recording = model.read(TEXT)
    _, _, logits = torch_states(model, recording.ids)
    nats = torch.nn.functional.cross_entropy(
        torch.from_numpy(logits[:-1]), torch.from_numpy(recording.ids[1:]).long(), reduction="none"
    )
    np.testing.assert_allclose(recording.surprisal[1:], nats.numpy() / math.log(2), rtol=1e-4)


def test_guesses_are_the_likeliest_by_torch_of_the_same_column():
    model = make_model()
    recording = model.read(TEXT, top=3)
    _, _, logits = torch_states(model, recording.ids)
    chances, places = torch.from_numpy(logits).softmax(1).topk(3)
    assert (recording.next_ids == places.numpy()).all()
    np.testing.assert_allclose(recording.next_probabilities, chances.numpy(), atol=1e-6)
    assert recording.next_text == tuple("abcdefg")


def test_there_are_no_more_guesses_than_symbols():
    recording = make_model().read("abc", top=50)
    assert recording.next_ids.shape == (3, V)
    np.testing.assert_allclose(recording.next_probabilities.sum(axis=1), 1, atol=1e-6)
    assert make_model().read("abc").next_ids.shape == (3, 0)


@pytest.mark.parametrize("keep", [set(), {"h"}, {"c", "o"}])
def test_only_what_is_named_is_kept(keep):
    model = make_model()
    recording, everything = record(model, TEXT, keep=keep), model.read(TEXT)
    assert set(recording.arrays) == keep
    assert all((recording.arrays[n] == everything.arrays[n]).all() for n in keep)
    assert (recording.surprisal == everything.surprisal).all()


def test_a_text_that_is_still_being_written_is_recorded_as_one_that_is_there():
    model = make_model()
    whole = record(model, "gabcd")
    parts = list(record_live(model, iter(["ab", "", "c", "d"]), before="g", keep={"h"}))
    assert [part.text for part in parts] == ["ab", "c", "d"]
    assert [part.start for part in parts] == [1, 3, 4]
    assert all(set(part.arrays) == {"h"} for part in parts)
    for found, expected in (
        (np.concatenate([part.arrays["h"] for part in parts]), whole.arrays["h"][1:]),
        (np.concatenate([part.surprisal for part in parts]), whole.surprisal[1:]),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert next(iter(record_live(model, ["ab"]))).surprisal[0] == 0


def test_a_part_is_read_before_the_next_is_asked_for():
    asked = []

    def texts():
        for text in "abc":
            asked.append(text)
            yield text

    for part in record_live(make_model(), texts()):
        assert asked[-1] == part.text


@pytest.mark.parametrize("keep", [None, {"c", "o"}])
@pytest.mark.parametrize("text", ["abc", "é中🙂"])
def test_memory_is_foretold_to_the_byte(byte_model, text, keep):
    arrays = record(byte_model, text, keep=keep).arrays.values()
    assert num_bytes(byte_model, text, keep) == sum(a.nbytes for a in arrays)


@pytest.mark.parametrize(("level", "text"), [("char", "def f(x):\n"), ("byte", "é中\x1b🙂\x00z")])
def test_a_dump_is_read_without_pickle(level, text, tiny_model, byte_model, tmp_path):
    model = {"char": tiny_model, "byte": byte_model}[level]
    recording = model.read(text)
    save(recording, tmp_path / "dump.npz")
    with np.load(tmp_path / "dump.npz", allow_pickle=False) as file:
        found = dict(file)
    assert set(found) == names_in_dump(LETTERS)
    assert found["text"].item() == text
    assert found["ids"].tolist() == model.vocabulary.encode(text).tolist()
    assert (found["surprisal"] == recording.surprisal).all()
    for letter in LETTERS:
        assert (found[letter].shape, found[letter].dtype) == (
            (len(text.encode()), 2, 24),
            np.float32,
        )
        assert (found[letter] == recording.arrays[letter]).all()


def test_a_dump_that_cannot_be_written_is_a_fault_of_the_machine(tmp_path, wording):
    recording = make_model().read("abc")
    with wording.raises(EnvironmentFault):
        save(recording, tmp_path / "nowhere" / "dump.npz")


def test_bytes_show_a_character_with_its_last(byte_model):
    recording = byte_model.read("a中\n")
    assert recording.pieces == ("a", "", "", "中", "\n")
    assert recording.symbol_noun == "byte"
    assert byte_model.read("ab").symbol_noun == "character"
    assert [recording.next_text[k] for k in (10, 97, 0x80, 0xFF)] == ["\n", "a", "80", "ff"]


@pytest.mark.parametrize("text", ["", "abz"])
def test_a_text_that_cannot_be_read_is_refused(text, wording):
    with wording.raises(DataError):
        make_model().read(text)


@pytest.mark.parametrize("length", [1, 4, 99])
def test_a_model_of_lines_reads_what_evaluate_scores(tiny_model, length):
    text = "def\n  a b\nx\n"
    found = charrnn.evaluate(tiny_model, tiny_model.vocabulary.encode(text), item_end="\n")
    parts = list(record_parts(tiny_model, text, item_end="\n", length=length))
    bits = np.concatenate([part.surprisal for part in parts])
    assert len(bits) == found.characters == len(text)
    assert bits.sum() == pytest.approx(found.total_nats / math.log(2), rel=1e-5)
    whole = record(tiny_model, text, item_end="\n")
    assert whole.mean_surprisal == pytest.approx(found.bits_per_char, rel=1e-5)
    assert (parts[0].start, whole.start) == (1, 1)
    carried = record(tiny_model, text)
    assert carried.surprisal[0] == 0 < whole.surprisal[0]
    assert carried.mean_surprisal == pytest.approx(carried.surprisal.sum() / (len(text) - 1))
    assert abs(carried.surprisal[5:] - whole.surprisal[5:]).max() > 1e-3


def test_a_line_is_read_as_if_it_stood_alone(tiny_model):
    first, second = (record(tiny_model, t, item_end="\n", top=3) for t in ("def\n", "  a b\n"))
    both = record(tiny_model, "def\n  a b\n", item_end="\n", top=3)
    for name, array in both.arrays.items():
        alone = np.concatenate([first.arrays[name], second.arrays[name]])
        np.testing.assert_array_equal(array, alone)
    np.testing.assert_allclose(
        both.surprisal, np.concatenate([first.surprisal, second.surprisal]), rtol=1e-5
    )
