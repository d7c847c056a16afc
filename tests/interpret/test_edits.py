"""Edits: what a clamped or steered network computes, against equations by hand; what is said; what is refused."""

import json
import math
from functools import partial

import equations
import numpy as np
import pytest
from equations import float64, normed, of_layer, sigmoid, softmax
from helpers import call_charrnn, make_text, random_model
from hypothesis import given
from hypothesis import strategies as st
from variants import TEXTBOOK

import charrnn
from charrnn.api import LanguageModel
from charrnn.checkpoint import Checkpoint, save_checkpoint
from charrnn.config import ModelConfig
from charrnn.errors import DataError, UsageError
from charrnn.evaluation.evaluate import evaluate
from charrnn.interpret.edits import LARGEST, Edit, edited_ops, parse_edit, parse_edits
from charrnn.interpret.units import Unit, parse_unit, parse_units
from charrnn.network.cells import CELLS
from charrnn.network.shapes import weight_shapes
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.gradients import gradient_reach
from charrnn.training.transfer import extended

E, H, L, N, V = 5, 6, 3, 4, 7
IDS = [3, 0, 6, 6, 1, 2, 5, 4, 0]
LETTERS = Vocabulary("char", range(97, 97 + V))

every_cell = pytest.mark.parametrize("cell", TEXTBOOK)
every_state = pytest.mark.parametrize(
    ("cell", "letter"), [(name, letter) for name in TEXTBOOK for letter in CELLS[name].states]
)


def make_model(cell="lstm", num_layers=L, *, scale=0.7, vocabulary=LETTERS):
    sizes = {"embedding_size": E, "hidden_size": H, "num_layers": num_layers}
    return random_model(
        vocabulary, scale=scale, cell=cell, **sizes, learn_start=True, layer_norm=True
    )


def run(model, ids=IDS, num_streams=None):
    """Everything that a model says on its way through a text: first logits, then logits, states and gates a step."""
    state = model.initial_state(num_streams)
    said = [(model.logits(state), state, ())]
    for symbol in ids:
        said.append(model.step(symbol, state))
        state = said[-1][1]
    return said


def flat(said):
    """The same as one list of arrays."""
    return [
        array
        for logits, state, gates in said
        for array in (logits, *(a for layer in (*state, *gates) for a in layer))
    ]


def same(one, other):
    return all((a == b).all() for a, b in zip(flat(one), flat(other), strict=True))


# --- against equations by hand -----------------------------------------------------------------------------------------


def by_hand(model, ids, edit):
    """Logits of an edited network, in float64, from its equations as a textbook writes them.

    `edit(layer, letter, values, first)` gives the values of a state after the edits.
    """
    w = float64(model.weights)
    letters, depth = model.cell.states, range(model.config.num_layers)
    s = [{k: edit(n, k, w[f"start.{k}"][n].copy(), True) for k in letters} for n in depth]
    logits = [w["head.weight"] @ normed(s[-1]["h"], w, depth[-1]) + w["head.bias"]]
    for symbol in ids:
        below, y = w["embedding.weight"][symbol], softmax(logits[-1])
        for layer in depth:
            keep = partial(edit, layer, first=False)
            s[layer] = equations.step(
                model.config.cell, below, y, s[layer], of_layer(w, layer), keep=keep
            )
            below = normed(s[layer]["h"], w, layer)
        logits.append(w["head.weight"] @ below + w["head.bias"])
    return logits


@every_state
@pytest.mark.parametrize("kind", ["clamp", "steer"])
@pytest.mark.parametrize("layer", range(L))
def test_an_edited_network_computes_its_equations_with_the_edit_in_them(cell, letter, kind, layer):
    model = make_model(cell)

    def edit(of_layer, of, values, first):
        if (of_layer, of) == (layer, letter):
            if kind == "clamp":
                values[2] = 0.75
            elif not first:
                values[2] += 0.75
        return values

    found = run(model.edited([Edit(kind, f"L{layer}.{letter}.2", 0.75)]))
    expected = by_hand(model, IDS, edit)
    assert len(found) == len(expected) == len(IDS) + 1
    for (logits, _, _), wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(logits, wanted, atol=2e-5, rtol=0)
    assert not same(found, run(model))


@every_state
@pytest.mark.parametrize("value", [-1.0, 0.0, 0.5, 30.0])
def test_a_clamped_unit_has_its_value_from_the_first_state_on(cell, letter, value):
    model = make_model(cell).edited([Edit("clamp", f"L1.{letter}.4", value)])
    k = model.cell.states.index(letter)
    for _, state, _ in run(model):
        assert state[1][k][4] == np.float32(value)
    for _, state, _ in run(model, np.tile(IDS, (N, 1)).T, N):
        assert (state[1][k][:, 4] == np.float32(value)).all()


@every_cell
def test_the_logits_of_the_same_step_obey(cell):
    """Every unit of the top layer's h is held: whatever is read, the logits are those of that h, from the start."""
    model = make_model(cell)
    values = np.linspace(-0.9, 0.9, H).astype(np.float32)
    edits = [Edit("clamp", f"L{L - 1}.h.{k}", float(v)) for k, v in enumerate(values)]
    for logits, _, _ in run(model.edited(edits)):
        np.testing.assert_array_equal(logits, model.head(values))


@pytest.mark.parametrize("cell", ["lstm", "peephole"])
def test_the_cell_is_edited_before_it_is_shown(cell):
    """With all of c at 0, o ⊙ tanh(c) is 0 in the same step."""
    for logits, state, _ in run(make_model(cell).edited([Edit("clamp", f"L{L - 1}.c.*", 0.0)]))[1:]:
        assert not state[-1][0].any()
        assert logits.any()


def test_a_peephole_s_output_gate_sees_the_edited_cell():
    plain = make_model("peephole")
    held = plain.edited([Edit("clamp", "L0.c.3", 5.0)])
    state = plain.initial_state()
    (_, before, gates), (_, _, edited) = plain.step(2, state), held.step(2, state)
    old, new = gates[0][3], edited[0][3]  # o
    slope = plain.weights["rnn.weight_co_l0"][3]
    logit = np.log(old[3] / (1 - old[3])) + slope * (5.0 - before[0][1][3])
    np.testing.assert_allclose(new[3], sigmoid(logit), atol=1e-5)
    assert (np.delete(new, 3) == np.delete(old, 3)).all()


@every_cell
def test_an_edit_of_the_lowest_layer_reaches_the_others_and_the_logits_in_the_same_step(cell):
    model = make_model(cell)
    state = model.initial_state()
    plain, edited = (
        m.step(1, state) for m in (model, model.edited([Edit("steer", "L0.h.1", 1.0)]))
    )
    assert edited[1][0][0][1] == plain[1][0][0][1] + np.float32(1.0)
    for layer in range(1, L):
        assert (edited[1][layer][0] != plain[1][layer][0]).all()
    assert (edited[0] != plain[0]).all()


def test_a_steered_memory_adds_up_and_a_clamped_one_does_not():
    config = ModelConfig(vocab_size=V, embedding_size=E, hidden_size=H)
    weights = {name: np.zeros(shape, np.float32) for name, shape in weight_shapes(config).items()}
    weights["rnn.bias_ih_l0"][H : 2 * H] = 100  # the forget gates are open
    model = LanguageModel(config, LETTERS, weights)
    steered = run(model.edited([Edit("steer", "L0.c.3", 0.5)]))
    clamped = run(model.edited([Edit("clamp", "L0.c.3", 0.5)]))
    assert [float(state[0][1][3]) for _, state, _ in steered] == [0.5 * t for t in range(10)]
    assert [float(state[0][1][3]) for _, state, _ in clamped] == [0.5] * 10
    assert not any(state[0][1][[0, 1, 2, 4, 5]].any() for _, state, _ in steered + clamped)


# --- what changes nothing ----------------------------------------------------------------------------------------------


@every_cell
@pytest.mark.parametrize("edits", [[], [Edit("steer", "L*.h.*", 0.0)]])
def test_nothing_and_a_steer_by_zero_change_no_bit(cell, edits):
    model = make_model(cell)
    for one, other in zip(flat(run(model)), flat(run(model.edited(edits))), strict=True):
        assert one.tobytes() == other.tobytes()
    assert edited_ops(edits, model) == {}  # not even the sign of a zero


@every_state
def test_holding_a_unit_at_what_it_is_changes_nothing(cell, letter):
    model, symbol = make_model(cell), 4
    state = model.initial_state()
    after = model.step(symbol, state)
    k = model.cell.states.index(letter)
    edits = [
        Edit("clamp", f"L{layer}.{letter}.{unit}", float(after[1][layer][k][unit]))
        for layer in range(L)
        for unit in range(H)
    ]
    assert same([model.edited(edits).step(symbol, state)], [after])


@every_state
def test_opposite_steers_and_steers_in_parts_add_up(cell, letter):
    model, unit = make_model(cell), f"L1.{letter}.2"
    parts = model.edited([Edit("steer", unit, by) for by in (0.5, 0.25, -0.125)])
    assert same(run(parts), run(model.edited([Edit("steer", unit, 0.625)])))
    none = model.edited([Edit("steer", unit, by) for by in (0.3, -0.3)])
    assert same(run(none), run(model))


@every_cell
def test_the_model_stays_as_it_was_and_shares_its_weights(cell):
    model = make_model(cell)
    before, state = run(model), model.initial_state(N)
    weights = {name: array.copy() for name, array in model.weights.items()}
    kept = [a.copy() for layer in state for a in layer]
    edited = model.edited([Edit("clamp", "L*.h.*", 1.0)])
    edited.step(np.arange(N), state)
    assert same(run(model), before)
    assert all((a == b).all() for a, b in zip(kept, (a for s in state for a in s), strict=True))
    assert model.edits == ()
    assert all(edited.weights[name] is model.weights[name] for name in weights)
    assert all((model.weights[name] == array).all() for name, array in weights.items())


@every_cell
def test_edits_come_to_those_that_are_there(cell, wording):
    model = make_model(cell)
    first, second = Edit("clamp", "L0.h.1", 1.0), Edit("steer", "L2.h.1", -0.5)
    both = model.edited([first, second])
    one_by_one = model.edited([first]).edited([second])
    assert one_by_one.edits == both.edits == (first, second)
    assert same(run(one_by_one), run(both))
    with wording.raises(UsageError):
        both.edited([first])


# --- streams, and all that a model is used for ----------------------------------------------------


@every_state
def test_streams_are_edited_as_one_stream_is(cell, letter):
    model = make_model(cell).edited(
        [Edit("clamp", f"L0.{letter}.0-2", -0.5), Edit("steer", f"L*.{letter}.5", 0.75)]
    )
    ids = np.array([IDS, IDS[::-1], [0] * 9, [6] * 9]).T  # (T, N)
    together = run(model, ids, N)
    for stream in range(N):
        alone = run(model, ids[:, stream])
        for many, one in zip(flat(together), flat(alone), strict=True):
            np.testing.assert_allclose(many[stream], one, atol=1e-5)


def test_what_is_written_is_drawn_from_the_edited_model_prime_and_all():
    model = make_model(scale=3.0)
    edited = model.edited([Edit("clamp", "L0.c.1-3", 2.0)])
    for prime in ("", "bad"):
        logits = run(edited, LETTERS.encode(prime))[-1][0]
        state = run(edited, LETTERS.encode(prime))[-1][1]
        expected = ""
        for _ in range(30):
            symbol = int(logits.argmax())
            expected += LETTERS.decode([symbol])
            logits, state, _ = edited.step(symbol, state)
        written = "".join(edited.sample(prime, length=30, temperature=0))
        assert written == expected
        assert written != "".join(model.sample(prime, length=30, temperature=0))


@pytest.mark.parametrize("how", [{}, {"window": 4}, {"streams": 3}])
def test_an_edited_model_is_judged_and_recorded_as_one(how):
    model = make_model().edited([Edit("clamp", "L1.h.2", 0.9), Edit("steer", "L2.c.0", -0.3)])
    starts = {"window": range(0, 8, 4)}.get(next(iter(how), ""), [0])
    nats = 0.0
    for start in starts:
        said = run(model, IDS[start : start + 4] if "window" in how else IDS)
        for (logits, _, _), symbol in zip(said[1:], IDS[start + 1 :], strict=False):
            nats += math.log(np.exp(logits.astype(np.float64)).sum()) - logits[symbol]
    found = evaluate(model, np.array(IDS), **how)
    assert found.total_nats == pytest.approx(nats, rel=1e-5)
    assert found.total_nats != evaluate(make_model(), np.array(IDS), **how).total_nats
    recording = model.read(LETTERS.decode(IDS))
    assert (recording.arrays["h"][:, 1, 2] == np.float32(0.9)).all()
    if not how:
        assert recording.surprisal.sum() == pytest.approx(nats / math.log(2), rel=1e-5)


def test_what_knows_only_weights_refuses_an_edited_model(tmp_path, wording):
    edited = make_model().edited([Edit("clamp", "L0.c.1", 1.0)])
    for use in (
        lambda: save_checkpoint(tmp_path / "a.safetensors", Checkpoint(edited)),
        lambda: extended(edited, Vocabulary("char", range(97, 110))),
        lambda: gradient_reach(edited, np.array(IDS, np.int32), 3),
    ):
        with wording.raises(UsageError):
            use()
    assert list(tmp_path.iterdir()) == []


# --- addresses and what is written about edits -------------------------------------------------------------------------


def naive_numbers(part, count):
    if part == "*":
        return list(range(count))
    ends = [int(end) for end in part.split("-")]
    return list(range(ends[0], ends[-1] + 1))


def parts(count):
    number = st.integers(0, count - 1)
    spans = st.tuples(number, number).map(lambda ends: "-".join(map(str, sorted(ends))))
    return st.just("*") | number.map(str) | spans


addresses = st.builds("L{}.{}.{}".format, parts(L), st.sampled_from("hc"), parts(H))
values = st.floats(-LARGEST, LARGEST)
MODEL = make_model()


@given(addresses)
def test_an_address_names_the_units_of_its_ranges_and_stars(address):
    layers, what, units = address.removeprefix("L").split(".")
    expected = [
        Unit(layer, what, k) for layer in naive_numbers(layers, L) for k in naive_numbers(units, H)
    ]
    assert list(parse_units(address, MODEL)) == expected
    assert Edit("clamp", address, 0.0).units(MODEL) == tuple(expected)
    if len(expected) == 1 and "*" not in address and "-" not in address:
        assert [parse_unit(address, MODEL)] == expected


@given(st.sampled_from(["clamp", "steer"]), addresses, values)
def test_an_edit_comes_back_from_its_text(kind, address, value):
    edit = Edit(kind, address, value)
    word, text = str(edit).split(" ")
    assert word == kind
    assert parse_edit(text, kind) == edit
    assert list(parse_edits(f"# all\n\n  {edit}  # this one\n", "f")) == [edit]


@pytest.mark.parametrize(
    ("text", "value"),
    [("+1", 1), ("1", 1), ("-.5", -0.5), ("0", 0), ("1e3", 1000), (" 2. ", 2), ("-1E-2", -0.01)],
)
def test_a_value_is_a_number_as_people_write_it(text, value):
    assert parse_edit(f" L0.c.3 ={text}", "steer") == Edit("steer", "L0.c.3", value)


WRONG_VALUES = [
    "",
    "nan",
    "inf",
    "-Infinity",
    "1e9",
    "-1000001",
    "1_0",
    "１",
    "1e400",
    "0x1",
    "+-1",
    "1 2",
]


@pytest.mark.parametrize("value", WRONG_VALUES)
def test_a_value_that_is_no_number_in_range_is_refused(value, wording):
    with wording.raises(UsageError):
        parse_edit(f"L0.c.3={value}", "clamp")


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.1e6])
def test_an_edit_is_checked_when_it_is_made(value, wording):
    with wording.raises(UsageError):
        Edit("steer", "L0.c.3", value)
    with wording.raises(UsageError):
        Edit("hold", "L0.c.3", 1.0)


@pytest.mark.parametrize("text", ["", "L0.c.3", "=1", "L0.c.3+1"])
def test_an_edit_without_an_equals_sign_or_a_unit_is_refused(text, wording):
    with wording.raises(UsageError):
        parse_edit(text, "clamp")


WRONG_UNITS = [
    ("lstm", "L3.c.0"),
    ("lstm", "L0-3.c.0"),
    ("lstm", "L0.c.6"),
    ("lstm", "L0.c.0-6"),
    ("lstm", "L0.c.4-2"),
    ("lstm", "L0.f.1"),
    ("gru", "L0.z.1"),
    ("gru", "L0.c.1"),
    ("elman", "L0.y.1"),
    ("lstm", "c.1"),
    ("lstm", "L0.c.-1"),
    ("lstm", "L0.c.1-"),
    ("lstm", "L０.c.1"),
    ("lstm", "L0.c.1\n"),
]


@pytest.mark.parametrize(("cell", "address"), WRONG_UNITS)
def test_a_unit_that_the_model_has_not_is_refused(cell, address, wording):
    model = make_model(cell)
    with wording.raises(UsageError):
        model.edited([Edit("clamp", address, 1.0)])
    with wording.raises(DataError):
        model.edited([Edit("clamp", address, 1.0, "notes, line 7")])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("clamp L0.c.3=1", "clamp L0.c.3=1"),
        ("clamp L0.c.3=1", "clamp L*.c.2-4=0"),
        ("clamp L0.c.3=1", "steer L0.c.3=1"),
        ("steer L0.c.*=1", "clamp L0.c.3=1"),
    ],
)
def test_a_clamped_unit_is_edited_once(first, second, wording):
    edits = list(parse_edits(f"{first}\n{second}\n", "f"))
    with wording.raises(DataError):
        MODEL.edited(edits)
    others = parse_edits("clamp L0.c.3=1\nclamp L0.h.3=1\nclamp L1.c.3=1\nsteer L0.c.4=1", "f")
    assert len(MODEL.edited(others).edits) == 4


@pytest.mark.parametrize(
    "line",
    [
        "L0.c.3=1",
        "hold L0.c.3=1",
        "clamp",
        "clamp # L0.c.3=1",
        "clamp L0.c.3",
        "steer L0.c.3=nan",
    ],
)
def test_a_line_that_is_no_edit_is_named(line, wording):
    with wording.raises(DataError):
        list(parse_edits(f"# units\nclamp L0.c.1=1\n{line}\nclamp L0.c.2=1\n", "my.txt"))


# --- from the command line ---------------------------------------------------------------------------------------------


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """`charrnn ARGUMENTS` in a folder with a model called `random`, book.txt and edits.txt."""
    vocabulary = Vocabulary("char", sorted({ord(c) for c in make_text(1500)}))
    model = make_model(vocabulary=vocabulary)
    (tmp_path / "checkpoints" / "random").mkdir(parents=True)
    save_checkpoint(tmp_path / "checkpoints" / "random" / "best.safetensors", Checkpoint(model))
    (tmp_path / "book.txt").write_text(make_text(1500), encoding="utf-8")
    (tmp_path / "edits.txt").write_text("# mine\nclamp L0.c.3=+1\n\nsteer L2.h.0-2=-.5 # a few\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    return lambda *arguments, status=0: call_charrnn(capsys, *arguments, status=status)


OPTIONS = ("--clamp", "L0.c.3=+1", "--steer", "L2.h.0-2=-0.5")
EDITS = [Edit("clamp", "L0.c.3", 1.0), Edit("steer", "L2.h.0-2", -0.5)]


@pytest.mark.parametrize("options", [OPTIONS, ("--steer-file", "edits.txt")])
@pytest.mark.parametrize("how", [(), ("--window", 16), ("--streams", 1), ("--lines",)])
def test_evaluate_judges_the_edited_model(call, options, how, wording):
    model = charrnn.load("checkpoints/random/best.safetensors")
    ids = model.vocabulary.encode(make_text(1500))
    names = {"--window": "window", "--streams": "streams", "--lines": "item_end"}
    settings = {names[how[0]]: how[1] if len(how) > 1 else "\n"} if how else {}
    result = call("evaluate", "random", "book.txt", "--json", *options, *how)
    found, plain = json.loads(result.out), call("evaluate", "random", "book.txt", "--json", *how)
    expected = evaluate(model.edited(EDITS), ids, **settings)
    assert found["bits_per_char"] == pytest.approx(expected.bits_per_char, rel=1e-9)
    assert found.pop("edits") == ["clamp L0.c.3=+1.0", "steer L2.h.0-2=-0.5"]
    assert found["bits_per_char"] != json.loads(plain.out)["bits_per_char"]
    assert found.keys() == json.loads(plain.out).keys()
    wording(result)
    assert "edited" not in plain.err
    assert call("evaluate", "random", "book.txt", *options, *how, "-q").err == ""


def test_visualize_shows_the_edited_model(call):
    edited = charrnn.load("checkpoints/random/best.safetensors").edited(EDITS)
    call("visualize", "random", "import re", *OPTIONS, "--dump", "out.npz", "-q")
    with np.load("out.npz", allow_pickle=False) as dump:
        for letter, values in edited.read("import re").arrays.items():
            assert (dump[letter] == values).all()
        assert (dump["c"][:, 0, 3] == 1).all()
    out = call("visualize", "random", "import re", "--unit", "L0.c.3", *OPTIONS, "-q").out
    assert "+1.00 to +1.00 here" in out
    plain = call("visualize", "random", "import re", "--surprisal", "-q").out
    assert call("visualize", "random", "import re", "--surprisal", *OPTIONS, "-q").out != plain
    call("visualize", "random", "--unit", "L0.h.0", "--dump", "own.npz", *OPTIONS, "-q")
    with np.load("own.npz", allow_pickle=False) as dump:
        assert str(dump["text"]) == "".join(edited.sample(length=400, seed=1))


def test_sample_writes_with_the_edited_model(call, wording):
    edited = charrnn.load("checkpoints/random/best.safetensors").edited(EDITS)
    asked = ("--length", 60, "--seed", 5, "--temp", 1, "--prompt", "def ")
    expected = "def " + "".join(edited.sample("def ", length=60, seed=5, temperature=1.0))
    result = call("sample", "random", *asked, *OPTIONS)
    assert result.out.removesuffix("\n") == expected.removesuffix("\n")
    assert call("sample", "random", *asked).out != result.out
    wording(result)


def test_of_many_edits_the_first_are_named(call, tmp_path, wording):
    (tmp_path / "many.txt").write_text("".join(f"clamp L0.h.{k}=0\n" for k in range(6)))
    (tmp_path / "none.txt").write_text("# nothing yet\n")
    wording(call("evaluate", "random", "book.txt", "--steer-file", "many.txt"))
    wording(call("evaluate", "random", "book.txt", "--steer-file", "none.txt"))


@pytest.mark.parametrize(
    "verb", [("evaluate", "random", "book.txt"), ("visualize", "random", "a"), ("sample", "random")]
)
@pytest.mark.parametrize(
    ("option", "value", "status"),
    [
        ("--clamp", "L0.c.3", 2),
        ("--clamp", "L0.c.9=1", 2),
        ("--steer", "L0.c.3=nan", 2),
        ("--steer", "L0.i.3=1", 2),
        ("--steer-file", "edit.txt", 3),
        ("--steer-file", "book.txt", 3),
        ("--steer-file", "bad.txt", 3),
        ("--steer-file", "checkpoints", 3),
    ],
)
def test_what_cannot_be_obeyed_is_refused(call, tmp_path, verb, option, value, status, wording):
    (tmp_path / "bad.txt").write_text("clamp L0.c.3=1\nclamp L9.c.3=1\n")
    result = call(*verb, option, value, status=status)
    assert result.out == ""
    wording(result)
