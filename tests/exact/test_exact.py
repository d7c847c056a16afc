"""Exact models: the same numbers in any order and any shape, and the same text in C."""

import itertools
import os
import platform
import shutil
import subprocess
from decimal import Decimal

import numpy as np
import pytest
from exact_models import VARIANTS, network, text_of
from hypothesis import given
from hypothesis import strategies as st

import charrnn
from charrnn.api import ExactLanguageModel, LanguageModel
from charrnn.config import SamplingConfig
from charrnn.errors import UsageError
from charrnn.exact.arithmetic import (
    ACTIVATION,
    SUM,
    ExactOps,
    exp_tables,
    integer_odds,
    inverse_root,
    tanh_knots,
)
from charrnn.exact.matrix import Matrix
from charrnn.exact.model import exact
from charrnn.exact.numbers import ExactNumbers, draw
from charrnn.export.c_program import write_c
from charrnn.model import CharRNN
from charrnn.network.heads import Head, linear_logits, linear_shapes
from charrnn.numerics import softmax
from charrnn.sampling.sampler import generate
from charrnn.text.vocabulary import Vocabulary
from charrnn.web.html import STATIC
from charrnn.web.page_model import page_model

# --- arithmetic -------------------------------------------------------------------------------------------------------


def test_the_tables_have_the_rounded_values():
    assert tanh_knots()[0] == 0
    assert tanh_knots()[64] == round(Decimal(np.tanh(1.0)) * 2**22)
    coarse, fine = exp_tables()
    assert coarse[:2] == (2**26, round(np.exp(-1 / 16) * 2**26))
    assert fine[255] == round(np.exp(-255 / 4096) * 2**26)


@given(st.floats(-20, 20))
def test_the_functions_of_a_step_are_near_to_the_real_ones(x):
    x = np.array([np.floor(x * 2**SUM) / 2**SUM])
    ops = ExactOps(ACTIVATION)
    assert abs(ops.tanh(x) - np.tanh(x)) < 2.0**-12
    assert abs(ops.sigmoid(x) - 1 / (1 + np.exp(-x))) < 2.0**-12
    assert ops.tanh(-x - 2.0**-30) == -ops.tanh(x + 2.0**-30)
    assert (ops.tanh(x) * 2**ACTIVATION % 1 == 0).all()


@given(st.integers(1, 2**31))
def test_an_inverse_root_is_what_integers_give(x):
    import math

    assert inverse_root(np.array([float(x)])) == 2**46 // math.isqrt(x << 20)


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=50), st.floats(0.01, 10))
def test_the_odds_are_near_to_a_softmax(logits, temperature):
    logits = np.floor(np.array(logits) * 2**12) / 2**12
    odds = integer_odds(logits / temperature)
    assert odds.max() == 2**26
    assert (odds == np.floor(odds)).all()
    expected = softmax(logits / temperature)
    assert np.abs(odds / odds.sum() - expected).max() < 3e-4


def test_what_may_not_come_has_no_odds():
    assert integer_odds(np.array([0.0, -np.inf, 1.0]))[1] == 0


def test_layer_norm_is_near_to_the_real_one():
    random = np.random.default_rng(0)
    h = np.floor(np.tanh(random.standard_normal((5, 64))) * 2**14) / 2**14
    gain, shift = np.floor(random.standard_normal((2, 64)) * 2**12) / 2**12
    expected = (h - h.mean(-1, keepdims=True)) / np.sqrt(h.var(-1, keepdims=True) + 1e-5)
    found = ExactOps(ACTIVATION).layer_norm(h, gain, shift)
    assert (ExactOps(ACTIVATION).layer_norm(h.astype(np.float32), gain, shift) == found).all()
    assert np.abs(found - (expected * gain + shift)).max() < 2e-3


def test_a_matrix_keeps_each_row_within_a_part_of_its_largest_weight():
    weight = np.random.default_rng(0).standard_normal((7, 50)).astype(np.float32)
    weight[3] = 0
    weight[4] *= 1e-3
    matrix = Matrix.of(weight)
    assert (matrix.weight[3] == 0).all()
    error = np.abs(matrix.weight - weight).max(axis=1)
    assert (error <= 0.26 * np.abs(weight).max(axis=1)).all()
    squares = np.sqrt(((matrix.weight - weight) ** 2).mean(axis=1))
    assert (squares <= np.abs(weight).max(axis=1) / 200).all()


# --- random numbers ---------------------------------------------------------------------------------------------------


def test_the_random_numbers_are_those_of_every_language():
    """Computed once by the program in C."""
    numbers = ExactNumbers(1, 0)
    assert [int(numbers.next() * 2**32) for _ in range(3)] == KNOWN
    again = ExactNumbers(1, 0).take(3)
    assert [int(u * 2**32) for u in again] == KNOWN


KNOWN = [4076163975, 2686060161, 3035786774]


def test_seeds_and_samples_have_their_own_numbers():
    seeds = [0, 1, 2**32, 2**64 + 1]
    firsts = {ExactNumbers(seed, index).next() for seed in seeds for index in range(3)}
    assert len(firsts) == 12


@given(
    st.lists(st.integers(0, 2**26), min_size=1, max_size=300).filter(any),
    st.integers(0, 2**32 - 1),
)
def test_a_draw_is_what_integers_give(odds, word):
    target = word * sum(odds) >> 32
    expected = next(k for k, total in enumerate(itertools.accumulate(odds)) if total > target)
    u = word / 2**32
    assert draw(np.array(odds, float), u) == expected
    assert draw(np.array([odds, odds], float), np.array([u, 0.0]))[0] == expected


# --- models -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", VARIANTS)
def test_an_exact_model_predicts_nearly_the_same(kind):
    model = network(kind)
    other = exact(model)
    ids = np.random.default_rng(3).integers(0, 90, (40, 5))
    outputs, _ = model.run(ids, model.initial_state(5))
    exact_outputs, _ = other.run(ids, other.initial_state(5))
    p, q = softmax(model.head(outputs)), softmax(other.head(exact_outputs))
    assert np.abs(p - q).sum(-1).mean() / 2 < 0.03


@pytest.mark.parametrize("kind", VARIANTS)
def test_rows_and_the_order_of_units_change_no_bit(kind):
    """A vector, a matrix, and the same network with its units in another order give the same logits."""
    model = exact(network(kind))
    ids = np.random.default_rng(3).integers(0, 90, (12, 3))
    outputs, _ = model.run(ids, model.initial_state(3))
    for row in range(3):
        alone, _ = model.run(ids[:, row], model.initial_state())
        assert (model.head(alone) == model.head(outputs)[:, row]).all()
    many = model.head(np.repeat(outputs, 40, axis=1))
    assert (many[:, ::40] == model.head(outputs)).all()


def test_sums_are_exact_whatever_their_order():
    matrix = Matrix.of(np.random.default_rng(0).standard_normal((9, 600)).astype(np.float32))
    x = np.floor(np.random.default_rng(1).uniform(-1, 1, 600) * 2**14) / 2**14
    order = np.random.default_rng(2).permutation(600)
    assert (matrix.weight @ x == matrix.weight[:, order] @ x[order]).all()


@pytest.mark.parametrize("kind", VARIANTS)
def test_a_file_gives_the_same_model(kind, tmp_path):
    network_ = network(kind)
    model = LanguageModel(network_.config, network_.vocabulary, network_.weights)
    path = tmp_path / "model.q8.safetensors"
    model.exact().save(path)
    loaded = charrnn.load(path)
    assert isinstance(loaded, ExactLanguageModel)
    assert loaded.fingerprint == model.exact().fingerprint != model.fingerprint
    assert text_of(loaded) == text_of(model.exact())
    assert path.stat().st_size < 60_000


def test_samples_are_the_same_alone_and_side_by_side():
    model = exact(network("lstm"))
    config = SamplingConfig(seed=1, length=40)
    pieces = generate(model, "a", config, indices=range(5), batch_size=5)
    texts = dict.fromkeys(range(5), "")
    for piece in pieces:
        texts[piece.index] += piece.text
    for index, text in texts.items():
        alone = generate(model, "a", config, indices=(index,))
        assert "".join(piece.text for piece in alone) == text


def test_a_network_with_a_custom_head_has_no_exact_form():
    own = network("gru")
    head = Head(shapes=linear_shapes, logits=linear_logits)
    with pytest.raises(UsageError):
        exact(CharRNN(own.config, own.vocabulary, own.weights, head))


def test_an_exact_model_is_a_network_in_floating_point_too():
    model = network("gru")
    other = exact(model).in_floats()
    assert not other.is_exact
    ids = np.random.default_rng(3).integers(0, 90, 40)
    found, expected = (m.head(m.run(ids, m.initial_state())[0]) for m in (other, exact(model)))
    assert np.abs(found - expected).max() < 0.05


# --- C ----------------------------------------------------------------------------------------------------------------

needs_compiler = pytest.mark.skipif(
    shutil.which("cc") is None, reason="there is no C compiler on this machine"
)


def compiled(folder, model, *, compiler="cc", **options):
    """A program of a model, compiled with warnings as errors."""
    write_c(model, folder / "model.c", **options)
    flags = ("-O2", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wno-unused-function", "-Werror")
    subprocess.run(
        [compiler, *flags, str(folder / "model.c"), "-o", str(folder / "writer")], check=True
    )
    return folder / "writer"


def written(program, *arguments):
    """What it writes, as text."""
    done = subprocess.run(
        [str(program), *map(str, arguments)], capture_output=True, check=False, cwd=program.parent
    )
    return done.stdout.decode(), done.stderr.decode(), done.returncode


@needs_compiler
@pytest.mark.parametrize("kind", VARIANTS)
def test_a_program_in_c_writes_the_same_text(kind, tmp_path):
    model = exact(network(kind))
    program = compiled(tmp_path, model)
    for temperature, seed, prompt in ((0.8, 7, "abc"), (0, 1, "é€"), (1e-200, 2**40 + 3, "")):
        arguments = ("--temp", temperature, "--seed", seed, "--length", 150, "--prompt", prompt)
        text, error, status = written(program, *arguments)
        assert (error, status) == ("", 0)
        expected = text_of(model, prompt, seed=seed, length=150, temperature=temperature)
        assert text == prompt + expected


@needs_compiler
def test_a_program_of_bytes_writes_whole_characters(tmp_path):
    model = exact(network("gru", Vocabulary.of_bytes()))
    program = compiled(tmp_path, model)
    arguments = ("--seed", 3, "-n", 100, "--temperature", 1.5, "--prompt", "é")
    text, _, _ = written(program, *arguments)
    assert text == "é" + text_of(model, "é", seed=3, length=100, temperature=1.5)
    assert len(text) == 101


@needs_compiler
def test_a_program_of_lines_writes_one_line(tmp_path):
    model = exact(network("lstm"))
    program = compiled(tmp_path, model, item_end="\n")
    text, _, _ = written(program, "--seed", 3, "--length", 1000)
    assert text == text_of(model, "", seed=3, length=1000, item_end="\n")
    assert text.endswith("\n")


@needs_compiler
def test_weights_may_stand_beside_the_program(tmp_path):
    model = exact(network("lstm"))
    program = compiled(tmp_path, model, weights=tmp_path / "model.bin")
    arguments = ("--seed", 7, "--length", 50, "--prompt", "a")
    assert written(program, *arguments)[0] == "a" + text_of(model, length=50)
    (tmp_path / "short.bin").write_bytes((tmp_path / "model.bin").read_bytes()[:-1])
    for name in ("short.bin", "none.bin"):
        text, error, status = written(program, *arguments, "--weights", name)
        assert (text, status) == ("", 2)
        assert name in error


@needs_compiler
def test_a_program_refuses_what_it_does_not_know(tmp_path):
    program = compiled(tmp_path, exact(network("elman")))
    numbers = [("--seed", x) for x in ("1e3", "-1", " 1", "", 2**64)]
    broken = [b"\x80", b"a\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xed\xa0\x80"]
    broken += [
        b"\xf0\x80\x80\x80",
        b"\xf4\x90\x80\x80",
        b"\xf5\x80\x80\x80",
        b"\xff",
        b"\xe2\x82",
        b"\xc3",
    ]
    prompts = [("--prompt", os.fsdecode(text)) for text in broken]
    others = (("--temp", "warm"), ("--temp", "nan"), ("--seed",), ("--top-k", 3), ("--length", -1))
    for arguments in (*numbers, *prompts, *others):
        text, error, status = written(program, *arguments)
        assert (text, status) == ("", 2)
        assert error.count("\n") == 1
    assert written(program, "--seed", 2**64 - 1, "--length", 1)[2] == 0
    usage, error, status = written(program, "--help")
    assert usage.startswith("usage: [--prompt TEXT]")
    assert (error, status) == ("", 0)


@needs_compiler
def test_a_header_compiles_without_any_library(tmp_path):
    write_c(exact(network("gru")), tmp_path / "model.h")
    code = (tmp_path / "model.h").read_text()
    for absent in ("stdio", "stdlib", "malloc", "main("):
        assert absent not in code
    (tmp_path / "board.c").write_text(
        '#include "model.h"\n'
        "int symbols[20];\n"
        "void run(void) {\n"
        "    int k;\n"
        "    charrnn_seed(1, 0);\n"
        "    charrnn_reset();\n"
        "    for (k = 0; k < 20; k++) charrnn_read(symbols[k] = charrnn_draw(0.8, NULL));\n"
        "}\n"
    )
    subprocess.run(
        ["cc", "-std=c99", "-ffreestanding", "-Wall", "-Werror", "-c", "board.c"],
        check=True,
        cwd=tmp_path,
    )


@pytest.mark.skipif(
    shutil.which("gcc") is None or platform.machine() != "x86_64",
    reason="there is no gcc for x87 on this machine",
)
def test_a_compiler_that_rounds_otherwise_is_refused(tmp_path):
    """As for x87, which computes with 64 bits and rounds to 53 afterwards."""
    write_c(exact(network("elman")), tmp_path / "model.c")
    command = ("gcc", "-mfpmath=387", "-fsyntax-only", "model.c")
    done = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path)
    assert done.returncode
    assert done.stderr.count(b"error:") == 1


@pytest.mark.parametrize("kind", VARIANTS)
def test_the_code_beside_the_weights_is_short(kind, tmp_path):
    write_c(exact(network(kind)), tmp_path / "model.c")
    lines = (tmp_path / "model.c").read_text().splitlines()
    assert len([line for line in lines if not line.startswith(("-", *"0123456789"))]) <= 400


def test_a_header_has_its_weights_inside(tmp_path):
    with pytest.raises(UsageError):
        write_c(exact(network("gru")), tmp_path / "model.h", weights=tmp_path / "model.bin")


# --- in a browser -----------------------------------------------------------------------------------------------------

WRITE = """async ([data, options, isPlain]) => {
    const bytes = await unpack(data.weights);
    const own = globalThis.WebAssembly;
    if (isPlain) globalThis.WebAssembly = undefined;
    const model = new ExactModel(data.about, bytes);
    globalThis.WebAssembly = own;
    if (isPlain === Boolean(model.products.run)) throw new Error("the other products");
    return [...model.sample(options)].join("");
}"""


@pytest.fixture(scope="module")
def engine(browser):
    """A function that writes with the page's engine, by WebAssembly or by plain JavaScript."""
    page = browser.new_page()
    for name in ("decode.js", "engine.js"):
        page.add_script_tag(content=(STATIC / name).read_text())

    def write(model, *, plain=False, item_end=None, **options):
        return page.evaluate(WRITE, [page_model(model, item_end=item_end), options, plain])

    yield write
    page.close()


@pytest.mark.parametrize("kind", VARIANTS)
def test_a_page_writes_the_same_text(kind, engine):
    model = exact(network(kind))
    expected = text_of(model, "é€b", length=100)
    for plain in (False, True):
        assert engine(model, plain=plain, prompt="é€b", length=100, seed=7) == expected
    cold = {
        "temperature": 1e-200,
        "length": 20,
        "seed": 7,
    }  # quotients beyond what a float can hold
    assert engine(model, prompt="b", **cold) == text_of(model, "b", **cold)


def test_a_page_writes_whole_characters_of_bytes(engine):
    model = exact(network("gru", Vocabulary.of_bytes()))
    settings = {"length": 60, "temperature": 1.5, "seed": 3}
    assert engine(model, prompt="é", **settings) == text_of(model, "é", **settings)


def test_a_page_writes_one_line_of_a_model_of_lines(engine):
    model = exact(network("lstm"))
    settings = {"length": 300, "temperature": 0.8, "seed": 2**33}
    text = text_of(model, "", item_end="\n", **settings)
    assert engine(model, item_end="\n", **settings) == text.removesuffix("\n")


# --- one text everywhere ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def long_text():
    """A model, and 10,000 characters that it writes in Python."""
    model = exact(network("lstm", num_layers=1, layer_norm=False))
    text = text_of(model, "", seed=1, length=10_000)
    assert len(text) == 10_000
    return model, text


@pytest.mark.parametrize(
    "compiler",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                shutil.which(name) is None, reason=f"there is no {name} on this machine"
            ),
        )
        for name in ("gcc", "clang")
    ],
)
def test_python_and_c_write_the_same_10000_characters(compiler, long_text, tmp_path):
    model, expected = long_text
    arguments = ("--seed", 1, "--length", 10_000, "--temp", 0.8)
    program = compiled(tmp_path, model, compiler=compiler)
    assert written(program, *arguments)[0] == expected


def test_python_and_a_browser_write_the_same_10000_characters(engine, long_text):
    model, expected = long_text
    assert engine(model, seed=1, length=10_000) == expected
