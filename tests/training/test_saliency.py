"""What a prediction rests on: against finite differences, in a network that copies, and as people ask for it."""

import csv
import subprocess
import sys
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import torch
from helpers import CLEAN, call_charrnn, make_text
from paints import codes_of, diverging_colors

from charrnn.api import LanguageModel
from charrnn.config import ModelConfig
from charrnn.errors import CheckpointError, DataError, UsageError
from charrnn.interpret.edits import Edit
from charrnn.network.cells import CELLS
from charrnn.network.numpy_ops import NumpyOps
from charrnn.network.shapes import weight_shapes
from charrnn.network.stack import advance, make_layer
from charrnn.numerics import log_softmax
from charrnn.render.ansi import lines_of
from charrnn.render.grid import GAP
from charrnn.render.look import Look
from charrnn.render.palette import ColorMode, Palette, diverging
from charrnn.render.views.saliency import saliency_rows, saliency_text, strongest_rows
from charrnn.text.vocabulary import Vocabulary
from charrnn.training import saliency as module
from charrnn.training.network import make_network
from charrnn.training.saliency import Saliency, saliency

SVG = "{http://www.w3.org/2000/svg}"
V, E, H, T = 5, 2, 3, 9
TEXT = "def wrap(text):"


def fresh(cell, **sizes):
    """An untrained model with the letters from a on, and with weights so large that it is far from linear."""
    config = ModelConfig(
        cell=cell, **{"vocab_size": V, "embedding_size": E, "hidden_size": H, **sizes}
    )
    weights = make_network(config, 0.0, 1, torch.device("cpu")).to_numpy()
    factor = np.float32(1.5 if config.activation == "relu" else 3)
    louder = {name: array * factor for name, array in weights.items()}
    return LanguageModel(config, Vocabulary("char", range(97, 97 + V)), louder)


def copier(lag, num_symbols=4):
    """A network whose prediction is the character `lag` places before it: its units are a line of delays."""
    config = ModelConfig(
        cell="elman",
        vocab_size=num_symbols,
        embedding_size=num_symbols,
        hidden_size=lag * num_symbols,
    )
    weights = {n: np.zeros(s, np.float32) for n, s in weight_shapes(config).items()}
    eye = np.eye(num_symbols, dtype=np.float32)
    weights["embedding.weight"][:] = eye
    weights["rnn.weight_ih_l0"][:num_symbols] = 0.1 * eye
    weights["rnn.weight_hh_l0"][num_symbols:, :-num_symbols] = np.eye((lag - 1) * num_symbols)
    weights["head.weight"][:, -num_symbols:] = 20 * eye
    return LanguageModel(config, Vocabulary("char", range(97, 97 + num_symbols)), weights)


def some_ids(length=T, num_symbols=V):
    return np.random.default_rng(0).integers(0, num_symbols, length).astype(np.int32)


# --- the numbers ----------------------------------------------------------------------------------


def slow_log_p(model, one_hots):
    """Log-probabilities (V,) after reading vectors (T, V) instead of symbols, in float64 and NumPy."""
    weights = {name: array.astype(float) for name, array in model.weights.items()}
    layers = [
        make_layer(model.cell, weights, k, np.transpose) for k in range(model.config.num_layers)
    ]
    state = tuple(tuple(s.astype(float) for s in own) for own in model.initial_state())

    def log_p():
        return log_softmax(state[-1][0] @ weights["head.weight"].T + weights["head.bias"])

    for x in one_hots @ weights["embedding.weight"] @ layers[0].weight_ih + layers[0].bias:
        output = np.exp(log_p()) if model.cell.feeds_back == "output" else None
        state, _ = advance(model.cell, layers, x, state, NumpyOps, output=output)
    return log_p()


def slow_norms(model, ids, place, target, size=1e-5):
    """Central differences for every entry of every one-hot vector."""
    x = np.eye(V)[ids[:place]]
    gradient = np.empty_like(x)
    for entry in np.ndindex(*x.shape):
        push = np.zeros_like(x)
        push[entry] = size
        up, down = slow_log_p(model, x + push), slow_log_p(model, x - push)
        gradient[entry] = (up[target] - down[target]) / (2 * size)
    return np.sqrt((gradient**2).sum(axis=1))


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize(("cell", "activation"), [*((c, "tanh") for c in CELLS), ("elman", "relu")])
def test_norms_are_those_of_finite_differences(cell, activation, num_layers):
    model, ids = fresh(cell, activation=activation, num_layers=num_layers), some_ids()
    for place, target in ((T - 1, None), (4, 2), (1, None), (T, 0)):
        found = saliency(model, ids, place, target=target)
        symbol = int(ids[place]) if target is None else target
        expected = slow_norms(model, ids, place, symbol)
        assert (found.place, found.target, found.start) == (place, symbol, 0)
        np.testing.assert_allclose(found.norms, expected, rtol=1e-6, atol=1e-9)
        log_p = slow_log_p(model, np.eye(V)[ids[:place]])
        assert found.probability == pytest.approx(np.exp(log_p[symbol]))


def test_after_the_text_the_likeliest_counts():
    model, ids = fresh("gru"), some_ids()
    found = saliency(model, ids, T)
    assert found.target == slow_log_p(model, np.eye(V)[ids]).argmax()


@pytest.mark.parametrize("lag", [1, 7, 20])
def test_a_network_that_copies_rests_on_the_character_that_it_copies(lag):
    model, ids = copier(lag), some_ids(40, 4)
    place = 30
    ids[place] = ids[place - lag]
    found = saliency(model, ids, place)
    assert found.norms[-lag] / found.norms.sum() > 0.99
    assert found.half == lag
    assert found.probability > 0.5
    changes = []
    for t in range(place):  # occlusion: another character in its place
        other = ids.copy()
        other[t] = (ids[t] + 1) % 4
        changes.append(saliency(model, other, place).probability != found.probability)
    np.testing.assert_array_equal(found.norms > 0, changes)


def test_a_stretch_says_what_the_whole_says_and_older_characters_are_read_before_it():
    model, ids = fresh("lstm", num_layers=2), some_ids(60)
    whole = saliency(model, ids, 50)
    part = saliency(model, ids, 50, reach=7)
    assert (part.start, len(part.norms)) == (43, 7)
    np.testing.assert_allclose(part.norms, whole.norms[-7:], rtol=1e-12)
    cold = saliency(model, ids, 50, reach=7, warm_up=0)
    assert abs(cold.norms / part.norms - 1).max() > 1e-3
    np.testing.assert_allclose(saliency(model, ids[43:], 7).norms, cold.norms, rtol=1e-12)


def test_a_large_network_looks_less_far_back(monkeypatch):
    model, ids = fresh("lstm", num_layers=2), some_ids(60)
    monkeypatch.setattr(module, "TAPE", 7 * (16 * 2 * H + V))
    found = saliency(model, ids, 50)
    assert found.start == 43
    np.testing.assert_array_equal(found.norms, saliency(model, ids, 50, reach=7).norms)
    monkeypatch.setattr(module, "TAPE", 1)
    assert saliency(model, ids, 50).start == 49


def test_half_of_the_sum_by_hand():
    halves = {(1, 1, 1, 1): 2, (0, 0, 8): 1, (8, 0, 0): 3, (1, 0, 3, 2): 2, (5,): 1}
    for norms, half in halves.items():
        assert Saliency(9, 0, 0.5, np.array(norms, float)).half == half


def test_what_cannot_be_measured_is_refused():
    model, ids = fresh("lstm"), some_ids()
    for place in (0, T + 1, -1):
        with pytest.raises(DataError, match="from 1 to 9"):
            saliency(model, ids, place)
    with pytest.raises(UsageError, match="units are edited"):
        saliency(model.edited([Edit("clamp", "L0.h.1", 0.5)]), ids, 3)
    relu = fresh("elman", activation="relu")
    grown = {"rnn.weight_hh_l0": np.full((H, H), 1e38, np.float32)}
    grown["rnn.bias_hh_l0"] = np.ones(H, np.float32)
    huge = LanguageModel(relu.config, relu.vocabulary, {**relu.weights, **grown})
    with pytest.raises(CheckpointError, match="not finite"):
        saliency(huge, some_ids(20), 19)


# --- the drawing ----------------------------------------------------------------------------------


def draw(norms, width=54, **options):
    return drawn("at 1,003, p 0.5", [(0, "a"), (1, "\n"), (2, "中")], 1003, norms, width, **options)


def drawn(title, symbols, place, norms, width, **options):
    part, scale = saliency_text(title, symbols, (3, "d"), np.array(norms))
    text = saliency_rows(part, scale, Look(ColorMode.none), width)
    strongest = strongest_rows(part, place, np.array(norms), width, **options)
    return list(lines_of([*text, GAP, *strongest]))


def test_the_text_the_target_and_the_strongest():
    assert (
        "\n".join(draw([0.01, 0.03, 0.0]))
        == """\
saliency for [d] at 1,003, p 0.5   1.00 is a norm of 0.03
under each character: size of the value, 9 is 1.00
a↵
39

中[d]
0 0

       at   back     norm
    1,001      2     0.03  ↵  ████████████████████████
    1,000      3     0.01  a  ████████
    1,002      1        0  中"""
    )


def test_a_space_is_shown_in_the_table():
    lines = drawn("", [(0, " ")], 1, [1.0], 54)
    assert lines[2] == " [d]"
    assert " 1        1  ␣  █" in lines[-1]


def test_bars_in_ascii_and_no_gradient_at_all():
    assert draw([0.01, 0.03, 0.0], blocks=False)[-2].endswith("a  ########")
    assert "1.00 is a norm of 0" in draw([0.0, 0.0, 0.0])[0]
    assert "9" not in "".join(draw([0.0, 0.0, 0.0])[3:6])


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def see(workplace, monkeypatch, capsys):
    """`charrnn visualize ARGUMENTS` beside the corpus and its two runs."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(workplace)

    def run(*arguments, status=0):
        return call_charrnn(capsys, "visualize", *arguments, status=status)

    return run


@pytest.mark.parametrize(("given", "place"), [(9, 9), (-1, 14), (-14, 1), (15, 15)])
def test_a_place_is_counted_from_0_or_from_the_end(see, tmp_path, tiny_model, given, place):
    out = see("tiny", TEXT, "--saliency", given, "--csv", tmp_path / "s.csv", "-q").out
    found = saliency(tiny_model, tiny_model.vocabulary.encode(TEXT), place)
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()))
    assert "".join(row["text"] for row in rows) == TEXT[:place]
    assert [int(row["position"]) for row in rows] == list(range(place))
    assert [int(row["back"]) for row in rows] == list(range(place, 0, -1))
    np.testing.assert_array_equal([float(row["norm"]) for row in rows], found.norms)
    predicted = TEXT[place] if place < len(TEXT) else tiny_model.vocabulary.decode([found.target])
    where = f"at {place}" if place < len(TEXT) else "after the text"
    title, _, text, digits, *_ = out.split("\n")
    shown = f"[{predicted}]".replace("\n", "↵")
    assert title.startswith(f"saliency for {shown} {where}, p {found.probability:.3g} ")
    assert text == TEXT[:place] + shown
    expected = [str(round(9 * n / found.norms.max())) for n in found.norms]
    assert digits == "".join(expected) + "0"
    assert f"the last {found.half} of {place} character" in out


def test_another_character_s_probability(see, tiny_model):
    out = see("tiny", TEXT, "--saliency", 9, "--target", r"\n").out
    ids = tiny_model.vocabulary.encode(TEXT + "\n")
    found = saliency(tiny_model, ids, 9, target=int(ids[-1]))
    assert out.startswith(f"saliency for [↵] at 9, p {found.probability:.3g} ")
    assert out != see("tiny", TEXT, "--saliency", 9).out


def test_a_byte_model_counts_bytes(see):
    out = see("bytes", "aé中b", "--saliency", 5, "--width", 40).out
    assert out.startswith("saliency for [ad] at 5")
    assert out.split("\n")[2] == "ac3ée4b8[ad]"
    assert "of 5 bytes" in out
    assert (
        "must be one byte, not 2"
        in see("bytes", "ab", "--saliency", 1, "--target", "é", status=2).err
    )


def test_a_long_text_is_looked_at_near_the_place_only(see, tmp_path):
    (tmp_path / "long.txt").write_text(make_text(2500), encoding="utf-8")
    out = see("tiny", tmp_path / "long.txt", "--saliency", -1, "--csv", tmp_path / "s.csv").out
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()[:2]))
    assert rows[0]["position"] == "1499"
    assert "of 1,000 characters" in out
    assert "[" + make_text(2500)[-1].replace("\n", "↵") + "]" in out


@pytest.mark.parametrize("color", ["16", "256", "truecolor"])
def test_in_colours_the_largest_is_darkest(see, color):
    out = see("tiny", TEXT, "--saliency", 9, "--color", color).out
    ramp = diverging(ColorMode(color))
    codes = codes_of(ramp)
    assert codes[-1] in out.split("\n")[2]
    assert not any(code in out for code in codes[: ramp.neutral])  # nothing is below zero


def test_palettes_and_digits_are_obeyed(see):
    shown = ("--saliency", 9, "--color", "truecolor")
    for palette in Palette:
        out = see("tiny", TEXT, *shown, "--palette", palette).out
        assert codes_of(diverging(ColorMode.truecolor, palette))[-1] in out.split("\n")[2]
    plain = see("tiny", TEXT, "--saliency", 9).out.split("\n")
    digits = see("tiny", TEXT, *shown, "--digits").out.split("\n")
    assert digits[2] == plain[1]
    assert digits[4].rstrip() == plain[3]


def test_a_picture_has_the_text_and_its_colours(see, tmp_path):
    svg = tmp_path / "s.svg"
    for options in ((), ("--digits",), ("--color", "none"), ("--palette", "vik")):
        result = see("tiny", TEXT, "--saliency", 9, "--svg", svg, *options)
        assert result.out == ""
        lines = see("tiny", TEXT, "--saliency", 9).out.split("\n")
        rows = ["".join(row.itertext()) for row in ET.parse(svg).iter(f"{SVG}text")]
        assert rows[0] == lines[0]
        numbered = bool(options) and options[0] != "--palette"
        assert rows[-2 if numbered else -1] == lines[2]
        assert (rows[-1].rstrip() == lines[3]) == numbered
        darkest = diverging_colors(Palette.vik if "vik" in options else Palette.rdbu)[-1]
        fills = [rect.get("fill") for rect in ET.parse(svg).iter(f"{SVG}rect")]
        dark = "#{:02x}{:02x}{:02x}".format(*darkest)
        in_color = options != ("--color", "none")
        assert (fills.count(dark) >= 2) == in_color  # in the legend and in the text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--saliency", 0), "--saliency must be from 1 to 15"),
        (("--saliency", 16), "not 16"),
        (("--saliency", -15), "-1 is the last"),
        (("--saliency", "x"), "--saliency"),
        (("--saliency", 3, "--target", "de"), "must be one character, not 2"),
        (("--saliency", 3, "--target", ""), "must be one character, not 0"),
        (("--saliency", 3, "--clamp", "L0.h.1=0"), "units are edited"),
        (("--saliency", 3, "--gates"), "--gates and --saliency exclude each other"),
        (("--saliency", 3, "--unit", "L0.h.1"), "--saliency and --unit exclude each other"),
        (("--saliency", 3, "--windows", 9), "--saliency and --windows exclude each other"),
        (("--target", "d"), "--target means nothing without --saliency"),
    ],
)
def test_what_cannot_be_obeyed_is_refused(see, options, said):
    result = see("tiny", TEXT, *options, "-q", status=2)
    assert said in result.err
    assert result.out == ""


def test_a_target_that_the_model_does_not_know_is_refused(see):
    assert "not among" in see("tiny", TEXT, "--saliency", 3, "--target", "中", status=3).err


def test_only_saliency_imports_torch(workplace):
    script = "import atexit, sys; atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))\n"
    script += "from charrnn.cli.app import main; main()"
    for option, expected in (
        (("--gates",), "False"),
        (("--horizon",), "False"),
        (("--saliency", "-1"), "True"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", script, "visualize", "tiny", TEXT, *option, "-q"],
            cwd=workplace,
            env=CLEAN,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr.split() == [expected]
