"""The direction between two texts: what it is, what it does to a network that it must move, and random ones."""

import json

import numpy as np
import pytest
from helpers import call_charrnn, characters, random_model

import charrnn
from charrnn.checkpoint import Checkpoint, save_checkpoint
from charrnn.config import SamplingConfig
from charrnn.errors import DataError
from charrnn.interpret.direction import find_direction, parts_of
from charrnn.interpret.trial import Trial, learn_judge, pieces_of, random_directions
from charrnn.sampling.sampler import collect, generate

H = 8


def leaning_model():
    """A network that goes on with the letter of which it has read more; one cell holds the balance."""
    model = random_model(characters("\nab"), hidden_size=H, embedding_size=3, num_layers=1, scale=0)
    weights = {name: array.copy() for name, array in model.weights.items()}
    weights["embedding.weight"] = np.eye(3, dtype=np.float32)
    weights["rnn.bias_ih_l0"][[0, 3 * H]] = 20  # the input and output gates of unit 0 are open
    weights["rnn.weight_ih_l0"][2 * H] = (0, -3, 3)
    weights["head.weight"][:, 0] = (0, -2, 2)
    weights["head.bias"][0] = -10
    return type(model)(model.config, model.vocabulary, weights)


def letters(likely, length=1500, seed=1, width=0):
    """A text most letters of which are the same; `width`: in lines."""
    random = np.random.default_rng(seed)
    made = "".join(likely if u < 0.9 else "ab"[int(u < 0.95)] for u in random.random(length))
    if not width:
        return made
    return "".join(made[k : k + width] + "\n" for k in range(0, length, width))


MODEL = leaning_model()
A, B = (parts_of(letters(likely), None) for likely in "ab")


@pytest.fixture(scope="module")
def tried():
    judge = learn_judge(A, B, 20, None)
    direction = find_direction(MODEL, A, B, ["c"])
    trial = Trial(judge, (A.rest, B.rest), SamplingConfig(length=20, seed=3), samples=12)
    effects = list(trial.effects(MODEL, direction.steering, [1.0, -1.0], random=6))
    return judge, direction, effects


def test_the_direction_is_the_difference_of_the_mean_states(tried):
    _, direction, _ = tried
    means = [MODEL.read(one.train).arrays["c"].mean(0)[0] for one in (A, B)]
    np.testing.assert_allclose(direction.steering.difference, means[1] - means[0], atol=1e-5)
    assert str(direction.shifts[0].unit) == "L0.c.0"
    assert direction.shifts[0].b > 1 > -1 > direction.shifts[0].a
    assert direction.area > 0.9


def test_samples_with_it_are_b_and_against_it_a_and_random_ones_are_neither(tried):
    judge, _, (plain, towards, back) = tried
    assert judge.accuracy == 1
    assert (plain.strength, plain.random) == (0, ())
    assert 0 < plain.share < 1
    assert (towards.share, back.share) == (1, 0)
    assert (len(towards.random), len({*towards.random}) > 1) == (6, True)
    assert min(towards.random) < 1
    assert (towards.percentile, back.percentile) == (
        100 * np.mean(np.array(towards.random) < 1),
        0,
    )


def test_what_it_costs_is_measured_with_and_without_it(tried):
    _, direction, (plain, towards, back) = tried
    assert towards.bits[0] > plain.bits[0] > back.bits[0] - 0.5
    assert towards.bits[1] < towards.bits[0]
    for effect in (plain, towards):
        model = MODEL.edited([direction.steering.at(effect.strength)])
        for part, bits in zip((A, B), effect.bits, strict=True):
            assert bits == pytest.approx(charrnn.evaluate(model, part.rest).bits_per_char, abs=0.01)
    config = SamplingConfig(length=20, seed=3)
    model = MODEL.edited([direction.steering])
    pieces = (p for k in range(12) for p in generate(model, "", config, indices=[k]))
    texts = [sample.text for sample in collect(pieces, "", config)]
    costs = [MODEL.read("\n" + text).surprisal.sum() for text in texts]
    assert towards.sample_bits == pytest.approx(sum(costs) / 240, rel=1e-3)


def test_random_directions_are_as_long_in_each_state_of_a_layer():
    model = random_model(characters("ab"), hidden_size=5, num_layers=2)
    made = find_direction(model, A, B, ["h", "c"]).steering
    first, second = random_directions(made, 2, 1)
    assert (first.difference != second.difference).any()
    assert first.units == made.units
    for k in range(4):
        own = slice(5 * k, 5 * k + 5)
        lengths = [np.linalg.norm(one.difference[own]) for one in (made, first, second)]
        np.testing.assert_allclose(lengths, lengths[0])
    assert random_directions(made, 2, 1) == [first, second]


def test_of_lines_the_last_states_count():
    texts = [letters(likely, 600, width=6) for likely in "ab"]
    a, b = (parts_of(text, "\n") for text in texts)
    found = find_direction(MODEL, a, b, ["c"], item_end="\n")
    means = []
    for one in (a, b):
        lines = one.train.split("\n")[:-1]
        assert len(lines) == 80
        means.append(np.mean([MODEL.read("\n" + x).arrays["c"][-1, 0] for x in lines], axis=0))
    np.testing.assert_allclose(found.steering.difference, means[1] - means[0], atol=1e-5)
    judge = learn_judge(a, b, 100, "\n")
    assert judge.pieces == (20, 20)
    config = SamplingConfig(length=10, seed=3, item_end="\n")
    trial = Trial(judge, (a.rest, b.rest), config, samples=8)
    assert [e.share for e in trial.effects(MODEL, found.steering, [1, -1], random=0)][1:] == [1, 0]


def test_texts_are_cut_into_pieces_and_too_short_ones_are_refused(wording):
    assert pieces_of("abcdefgh", 3, None) == ["abc", "def"]
    assert pieces_of("ab\ncdefg\n", 3, "\n") == ["ab", "cde"]
    assert parts_of("a\n\nb\nc\nd\ne\n", "\n").rest == "e\n"
    with wording.raises(DataError):
        learn_judge(A, parts_of("ab" * 200, None), 20, None)
    with wording.raises(DataError):
        learn_judge(*(parts_of("ab\n" * 9, "\n"),) * 2, 20, "\n")


# --- from the command line --------------------------------------------------------------------------------------------


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    save_checkpoint(tmp_path / "lean.safetensors", Checkpoint(MODEL))
    (tmp_path / "a.txt").write_text(letters("a"))
    (tmp_path / "b.txt").write_text(letters("b"))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, status=0: call_charrnn(capsys, *arguments, status=status)


COMMAND = ("direction", "lean.safetensors", "a.txt", "b.txt")
QUICK = ("--samples", 4, "--random", 2, "--length", 20)


def test_a_direction_is_shown_kept_and_used(call, tmp_path, wording):
    shown = call(*COMMAND, *QUICK, "--strength", "1", "--save-steer", "d.json")
    wording(shown)
    assert "AUC" in shown.out
    assert shown.out.splitlines()[-1].split()[:3] == ["1", "100", "%"]
    record = json.loads((tmp_path / "d.json").read_text())
    assert (record["kind"], record["name"]) == ("steer", "a.txt to b.txt")
    for strength, letter in ((1, "b"), (-1, "a")):
        written = call(
            "sample", "lean.safetensors", "--length", 30, "--steer-file", f"d.json={strength}"
        )
        assert written.out.count(letter) > 25


def test_json_has_every_figure(call):
    record = json.loads(call(*COMMAND, *QUICK, "--strength", "-.5", "--json").out)
    plain, steered = record["effects"]
    assert (plain["strength"], plain["random"], plain["percentile"]) == (0, [], None)
    assert (steered["strength"], len(steered["random"])) == (-0.5, 2)
    assert steered["bits_per_char"]["b"] > plain["bits_per_char"]["b"]
    assert record["classifier"] == {"accuracy": 1, "pieces": [15, 15]}
    assert record["states"] == ["c"]
    assert record["units"][0]["unit"] == "L0.c.0"
    assert len(record["units"]) == H


def test_texts_that_a_classifier_cannot_tell_apart_are_reported(call, tmp_path, wording):
    (tmp_path / "b.txt").write_text(letters("a", seed=2))
    wording(call(*COMMAND, *QUICK, "--strength", "1", "-q"))


def test_what_makes_no_direction_is_refused(call, wording):
    wording(call("direction", "lean.safetensors", "a.txt", status=2))
    wording(call(*COMMAND, "a.txt", status=2))
    wording(call("direction", "lean.safetensors", status=2))
    wording(call(*COMMAND, "--state", "f", status=2))
    wording(call(*COMMAND, "--strength", "0", status=2))
    wording(call(*COMMAND, "--strength", "nan", status=2))
    wording(call(*COMMAND, "--save-steer", "none/d.json", status=2))
    wording(call(*COMMAND, "--length", 1000, status=3))
