"""Examples from courses and papers, worked out by hand in their docstrings; two ways to a gradient through time."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, log_softmax
from variants import BACKWARD, TEXTBOOK

from charrnn.api import LanguageModel
from charrnn.config import ModelConfig, TrainingConfig
from charrnn.network.cells import CELLS, get_cell
from charrnn.network.cells.base import StepTrace
from charrnn.network.numpy_ops import NumpyOps
from charrnn.network.shapes import count_parameters, weight_shapes
from charrnn.network.stack import advance, entering, make_layer
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.network import Network
from charrnn.training.ops import TorchGradientOps, TorchOps
from charrnn.training.optimizer import Optimizer
from charrnn.training.step import train_step

VARIANTS = [(name, how) for name, cell in CELLS.items() for how in cell.activations or ("tanh",)]
"""Every cell with every activation that it can have."""


class LinearNumpyOps(NumpyOps):
    """NumPy's functions, but what should be squashed to -1 ... 1 stays as it is."""

    tanh = staticmethod(lambda x: x)


class LinearTorchOps(TorchOps):
    """The same for torch."""

    tanh = staticmethod(lambda x: x)


KINDS = pytest.mark.parametrize(
    ("array", "ops"),
    [(np.array, LinearNumpyOps), (lambda x: torch.tensor(x, dtype=torch.float64), LinearTorchOps)],
    ids=["numpy", "torch"],
)

# --- the simple recurrent network --------------------------------------------------------------------------------------


def read_with_weights_of_one(inputs, array, ops):
    """Hidden and output vectors of the network with 2 inputs, 2 hidden units, 2 outputs and no bias."""
    ones = array([[1.0, 1.0], [1.0, 1.0]])
    state, hidden, outputs = (array([0.0, 0.0]),), [], []
    for row in inputs:
        state, gates = CELLS["elman"].step(array(row) @ ones, state, {"weight_hh": ones}, ops)
        assert gates == ()
        hidden.append(tuple(state[0].tolist()))
        outputs.append(tuple((state[0] @ ones).tolist()))
    return hidden, outputs


@KINDS
def test_a_simple_recurrent_network_with_every_weight_1(array, ops):
    """Each hidden unit is the sum of both inputs and both old hidden units, each output the sum of both hidden units.

    inputs     hidden                        outputs
    1, 1       1 + 1 + 0 + 0 =  2 (twice)     2 +  2 =  4 (twice)
    1, 1       1 + 1 + 2 + 2 =  6             6 +  6 = 12
    2, 2       2 + 2 + 6 + 6 = 16            16 + 16 = 32
    """
    hidden, outputs = read_with_weights_of_one([(1.0, 1.0), (1.0, 1.0), (2.0, 2.0)], array, ops)
    assert hidden == [(2, 2), (6, 6), (16, 16)]
    assert outputs == [(4, 4), (12, 12), (32, 32)]


@KINDS
def test_the_same_inputs_in_another_order_give_other_outputs(array, ops):
    """The network remembers: what came early has been doubled more often.

    inputs     hidden                  outputs        inputs     hidden                  outputs
    2, 2       2 + 2 + 0 +  0 =  4      8             1, 1       1 + 1 + 0 + 0 =  2       4
    1, 1       1 + 1 + 4 +  4 = 10     20             2, 2       2 + 2 + 2 + 2 =  8      16
    1, 1       1 + 1 + 10 + 10 = 22    44             1, 1       1 + 1 + 8 + 8 = 18      36
    """
    _, outputs = read_with_weights_of_one([(2.0, 2.0), (1.0, 1.0), (1.0, 1.0)], array, ops)
    assert outputs == [(8, 8), (20, 20), (44, 44)]
    _, outputs = read_with_weights_of_one([(1.0, 1.0), (2.0, 2.0), (1.0, 1.0)], array, ops)
    assert outputs == [(4, 4), (16, 16), (36, 36)]


# --- one LSTM cell -----------------------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("name", ["lstm", "peephole"])
def test_one_lstm_cell_stores_keeps_shows_and_forgets(name, array, ops):
    """One cell, linear at its input and output, inputs x1, x2, x3, nothing fed back, no peepholes.

    g = x1,  i = σ(100·x2 - 10),  f = σ(100·x2 + 10),  o = σ(100·x3 - 10),  c' = f·c + i·g,  h = o·c'

    x1  x2  x3      i          f          o           c'                  h
     3   1   0   σ(90) = 1  σ(110) = 1  σ(-10) = 0   1·0 + 1·3 = 3       0·3 = 0
     4   1   0   1          1           0            1·3 + 1·4 = 7       0
     2   0   0   σ(-10) = 0 σ(10) = 1   0            1·7 + 0·2 = 7       0
     1   0   1   0          1           σ(90) = 1    1·7 + 0·1 = 7       1·7 = 7
     3  -1   0   σ(-110)= 0 σ(-90) = 0  0            0·7 + 0·3 = 0       0

    σ(10) is not quite 1: 7 loses 7·σ(-10) = 0.0003 in a step.
    """
    cell = CELLS[name]
    inputs = [[3, 1, 0], [4, 1, 0], [2, 0, 0], [1, 0, 1], [3, -1, 0]]
    weight_ih = array([[0.0, 0, 1, 0], [100.0, 100, 0, 0], [0.0, 0, 0, 100]])  # columns i, f, g, o
    bias = array([-10.0, 10, 0, -10])
    weights = {"weight_hh": array([[0.0] * 4])}
    weights |= {vector: array([0.0]) for vector in cell.vectors}
    state, stored, shown = (array([0.0]), array([0.0])), [], []
    for row in inputs:
        x = array([float(v) for v in row]) @ weight_ih + bias
        state, gates = cell.step(x, state, weights, ops)
        assert float(gates[2][0]) == row[0]
        shown.append(float(state[0][0]))
        stored.append(float(state[1][0]))
    assert stored == pytest.approx([3, 7, 7, 7, 0], abs=1e-3)
    assert shown == pytest.approx([0, 0, 0, 7, 0], abs=1e-3)


# --- a weight, 999 times -----------------------------------------------------------------------------------------------


def read_an_impulse(w, steps=1000):
    """(h_1, h_steps) of one linear unit h' = x + w·h that reads 1, 0, 0, ... from h_0 = 0."""
    state, first = (torch.zeros(1, 1, dtype=torch.float64),), None
    for t in range(steps):
        x = torch.full((1, 1), float(t == 0), dtype=torch.float64)
        state, _ = CELLS["elman"].step(x, state, {"weight_hh": w}, LinearTorchOps)
        first = state[0] if first is None else first
    return first, state[0]


POWERS = pytest.mark.parametrize(
    ("w", "low", "high"),
    [(1.0, 1, 1), (1.01, 19_000, 21_000), (0.99, 0, 1e-4), (0.01, 0, 1e-300)],
)


@POWERS
def test_a_linear_unit_explodes_or_vanishes_over_1000_steps(w, low, high):
    """h_1 = 1, and from then on h' = w·h: h_1000 = w^999.

    1^999 = 1;  1.01^999 = e^(999·0.00995) = e^9.94 = 20,752;  0.99^999 = e^(-999·0.01005) = e^-10.04 = 0.00004;
    0.01^999 = 10^-1998, which is 0 for a computer.
    """
    _, last = read_an_impulse(torch.tensor([[w]], dtype=torch.float64))
    assert low <= last.item() <= high
    assert last.item() == pytest.approx(w**999, rel=1e-9)


@POWERS
def test_its_gradient_explodes_or_vanishes_with_it(w, low, high):
    """d h_1000 / d h_1 = w^999, the same number; and d h_1000 / d w = 999·w^998.

    1: 999.  1.01: 999·20,546 = 20.5 million.  0.99: 999·0.000044 = 0.044.  0.01: 0.
    """
    weight = torch.tensor([[w]], dtype=torch.float64, requires_grad=True)
    first, last = read_an_impulse(weight)
    by_first, by_weight = torch.autograd.grad(last.sum(), (first, weight))
    assert low <= by_first.item() <= high
    assert by_first.item() == pytest.approx(w**999, rel=1e-9)
    assert by_weight.item() == pytest.approx(999 * w**998, rel=1e-9)


@pytest.mark.parametrize(
    ("w", "moved"), [(1.0, 1.5), (1.01, 1.5), (0.99, 0.1 * 999 * 0.99**998), (0.01, 0.0)]
)
def test_clipping_the_norm_at_15_bounds_the_step(w, moved):
    """A step of gradient descent is rate · gradient. With the norm clipped at 15 and rate 0.1 it is at most 1.5.

    gradient (see above)     clipped     step
    w = 1       999          15          1.5
    w = 1.01    20.5·10⁶     15          1.5, where 2 million would have been
    w = 0.99    0.044        0.044       0.0044: small ones stay as they are
    w = 0.01    0            0           0
    """
    weight = torch.tensor([[w]], dtype=torch.float64, requires_grad=True)
    _, last = read_an_impulse(weight)
    last.sum().backward()
    torch.nn.utils.clip_grad_norm_([weight], 15)
    torch.optim.SGD([weight], lr=0.1).step()
    assert abs(weight.item() - w) == pytest.approx(moved, rel=1e-6, abs=1e-12)


class Descent(torch.optim.SGD):
    """Gradient descent, called as a training step calls its optimizer."""

    def step(self, rate):
        assert rate == 1
        super().step()


def movement(network, config, ids):
    """How far one step of gradient descent with rate 1 moves all weights together."""
    before = [p.detach().clone() for p in network.parameters()]
    optimizer = Descent(network.parameters(), lr=1.0)
    train_step(network, optimizer, ids[:-1], ids[1:], None, config)
    pairs = zip(network.parameters(), before, strict=True)
    return sum(((a - b).double() ** 2).sum().item() for a, b in pairs) ** 0.5


@pytest.mark.parametrize("clip", [0.01, 15.0])
def test_a_training_step_moves_the_weights_by_at_most_the_bound(clip):
    """A relu network whose weights are all about 1/2 multiplies its state by 4/2 a step: over 40 steps by 2^40.

    Unclipped, one step of rate 1 moves its weights by more than a million; clipped, by the bound.
    """
    config = ModelConfig(
        cell="elman", activation="relu", vocab_size=5, embedding_size=3, hidden_size=4
    )
    ids = torch.from_numpy(np.random.default_rng(1).integers(0, 5, (41, 2)))
    distances = []
    for bound in (None, clip):
        torch.manual_seed(1)
        network = Network(config)
        with torch.no_grad():
            network.rnn.weight_hh_l0.fill_(0.5)
            network.rnn.bias_ih_l0.fill_(1.0)
        distances.append(movement(network, TrainingConfig(clip=bound), ids))
    assert distances[0] > 1e6
    assert distances[1] == pytest.approx(clip, rel=1e-2)
    assert distances[1] <= clip * (1 + 1e-4)


def test_a_gradient_within_the_bound_is_left_alone():
    config = ModelConfig(cell="elman", vocab_size=5, embedding_size=3, hidden_size=4)
    ids = torch.from_numpy(np.random.default_rng(1).integers(0, 5, (10, 2)))
    distances = []
    for bound in (None, 15.0):
        torch.manual_seed(1)
        distances.append(movement(Network(config), TrainingConfig(clip=bound), ids))
    assert 0.01 < distances[0] == distances[1] < 15


# --- hello -------------------------------------------------------------------------------------------------------------

QUICK = [(name, 1) for name in ("lstm", "gru", "elman", "jordan")]


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        pytest.param(name, seed, marks=[] if (name, seed) in QUICK else pytest.mark.long)
        for name in CELLS
        for seed in (1, 2, 3)
    ],
)
def test_three_hidden_units_learn_hello(name, seed):
    """The vocabulary is h, e, l, o. Trained on the one word, the network predicts each next letter.

    read       h    he   hel  hell
    expected   e    l    l    o

    After "hel" and after "hell" the letter read is the same, l, and what is expected is not: l, then o. No network
    without a memory can do it.
    """
    word = "hello"
    vocabulary = Vocabulary("char", sorted({ord(c) for c in word}))
    ids = torch.from_numpy(vocabulary.encode(word).astype(np.int64))[:, None]
    model_config = ModelConfig(cell=name, vocab_size=4, embedding_size=4, hidden_size=3)
    config = TrainingConfig(learning_rate=0.03, weight_decay=0.0)
    torch.manual_seed(seed)
    network = Network(model_config)
    optimizer = Optimizer(network, config)
    for _ in range(300):
        train_step(network, optimizer, ids[:-1], ids[1:], None, config)
    model = LanguageModel(model_config, vocabulary, network.to_numpy())
    predicted, state = "", model.initial_state()
    for symbol in vocabulary.encode(word[:-1]):
        logits, state, _ = model.step(symbol, state)
        predicted += vocabulary.decode([int(logits.argmax())])
    assert predicted == "ello"


# --- counting parameters -----------------------------------------------------------------------------------------------


def recurrent_parameters(name, embedding_size, hidden_size, num_layers=1, vocab_size=11):
    """How many parameters the recurrent layers have, without embedding and output."""
    config = ModelConfig(
        cell=name,
        vocab_size=vocab_size,
        embedding_size=embedding_size,
        hidden_size=hidden_size,
        num_layers=num_layers,
    )
    shapes = weight_shapes(config)
    recurrent = sum(int(np.prod(s)) for n, s in shapes.items() if n.startswith("rnn."))
    around = 2 * vocab_size * embedding_size if embedding_size == hidden_size else None
    if around is not None:  # embedding and output matrices, and the output's bias
        assert count_parameters(config) == recurrent + around + vocab_size
    return recurrent


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize(("E", "H"), [(8, 8), (5, 8), (64, 256)])
def test_an_lstm_has_four_times_and_a_gru_three_times_the_parameters_of_an_elman_network(
    E, H, num_layers
):
    """Each of the stacked blocks is a layer of its own: W_ih (H, E), W_hh (H, H) and two biases.

    An Elman network has 1 block, a GRU 3 (r, z, n), an LSTM 4 (i, f, g, o). With E = H = 8: 8·8 + 8·8 + 8 + 8 = 144;
    3·144 = 432; 4·144 = 576. Peepholes add p_i, p_f, p_o, 3H a layer: 576 + 24 = 600.
    """
    elman = recurrent_parameters("elman", E, H, num_layers)
    assert recurrent_parameters("gru", E, H, num_layers) == 3 * elman
    lstm = recurrent_parameters("lstm", E, H, num_layers)
    assert lstm == 4 * elman
    assert recurrent_parameters("peephole", E, H, num_layers) == lstm + 3 * H * num_layers
    if (E, H, num_layers) == (8, 8, 1):
        assert (elman, lstm) == (144, 576)


def test_each_cell_has_as_many_parameters_as_its_formula_says():
    """With E = 5, H = 7 and V = 11.

    lstm      4·7·(5 + 7) + 8·7 = 336 + 56 = 392
    gru       3·7·(5 + 7) + 6·7 = 252 + 42 = 294
    elman       7·(5 + 7) + 2·7 =  84 + 14 =  98
    jordan      7·(5 + 11) + 2·7 = 112 + 14 = 126     (what comes back is the output, V numbers)
    peephole  392 + 3·7 = 413
    mogrifier 392 + 5·5·7 = 567
    rhn         2·7·(5 + 3·7) + 2·7·3 = 364 + 42 = 406     (three highway layers)
    mingru      2·7·5 + 2·7 = 84                       (nothing comes back)
    minlstm     3·7·5 + 3·7 = 126
    tdnn        8·7·5 + 7 = 287                        (eight delays)
    narx        7·(4·5 + 4·11) + 7 = 455               (four of each)
    mdlstm      5·7·(5 + 2·7) + 5·7 = 700

    The second layer reads H = 7 numbers instead of 5, so it has 7·2 more in each block.
    """
    first = {"lstm": 392, "gru": 294, "elman": 98, "jordan": 126, "peephole": 413}
    others = {"mogrifier": 567, "rhn": 406, "mingru": 84, "minlstm": 126, "tdnn": 287, "narx": 455}
    others["mdlstm"] = 700
    assert {name: recurrent_parameters(name, 5, 7) for name in others} == others
    blocks = {"lstm": 4, "gru": 3, "elman": 1, "jordan": 1, "peephole": 4}
    assert {name: recurrent_parameters(name, 5, 7) for name in first} == first
    for name, count in blocks.items():
        second = recurrent_parameters(name, 5, 7, num_layers=2) - first[name]
        assert second == first[name] + 7 * 2 * count


# --- the gradient, forwards and backwards through time -----------------------------------------------------------------

V, E, H, T = 4, 2, 3, 20


def make_network(name, activation, num_layers, *, learn_start=True, seed=1):
    """A network in float64 with weights large enough for its gradients to reach far, and not to explode."""
    config = ModelConfig(
        cell=name,
        activation=activation,
        vocab_size=V,
        embedding_size=E,
        hidden_size=H,
        num_layers=num_layers,
        learn_start=learn_start and name != "tdnn",
        row_length="4" if name == "mdlstm" else None,
    )
    torch.manual_seed(seed)
    network = Network(config, kernel="loop").double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.uniform_(-1, 1).mul_(0.7 if activation == "relu" else 0.9)
    return network


def step_by_step(network):
    """The same network, differentiated by torch alone."""
    network.stack.cell = dataclasses.replace(network.cell, backward=None, parallel=None)
    return network


class ForwardMode:
    """Real-time recurrent learning (R. Williams and D. Zipser, 1989): the gradient goes along with time.

    The state s_t, all of it in one vector, is a function of s_{t-1} and of the weights θ. How each of its numbers
    depends on each weight is carried along in a matrix:

        P_t = ds_t/dθ = J_s P_{t-1} + J_θ       J_s = ∂s_t/∂s_{t-1},  J_θ = ∂s_t/∂θ, of this one step

    The loss at t is a function of s_t and θ, so its gradient is known at once, without going back:

        dL_t/dθ = ∂L_t/∂s_t P_t + ∂L_t/∂θ

    It is written here for any cell, on nothing but the step.
    """

    def __init__(self, network):
        self.cell, self.num_layers = network.cell, network.config.num_layers
        self.named = {n: p.detach() for n, p in network.named_parameters()}
        self.theta = torch.cat([p.flatten() for p in self.named.values()])
        self.state = self.first(self.theta)
        self.influence = torch.func.jacrev(self.first)(self.theta)  # P_0: the start is learnt

    def weights(self, theta):
        """θ as tensors by their names."""
        parts = theta.split([p.numel() for p in self.named.values()])
        return {n: x.view_as(p) for (n, p), x in zip(self.named.items(), parts, strict=True)}

    def first(self, theta):
        """s_0."""
        weights = self.weights(theta)
        zeros = theta.new_zeros(self.num_layers, H)
        return torch.stack(
            [weights.get(f"start.{k}", zeros) for k in self.cell.carried], 1
        ).flatten()

    def logits(self, state, theta):
        """What the network says in this state."""
        weights = self.weights(theta)
        top = state.view(self.num_layers, len(self.cell.carried), H)[-1, 0]
        return weights["head.weight"] @ top + weights["head.bias"]

    def after(self, state, theta, symbol):
        """s_t, from s_{t-1}."""
        weights = self.weights(theta)
        layers = [make_layer(self.cell, weights, k, torch.t) for k in range(self.num_layers)]
        x = entering(layers[0], weights["embedding.weight"][symbol], TorchOps)
        before = state.view(self.num_layers, len(self.cell.carried), H)
        output = None
        if self.cell.feeds_back == "output":
            output = torch.softmax(self.logits(state, theta), -1)
        states, _ = advance(
            self.cell, layers, x, [tuple(layer) for layer in before], TorchOps, output=output
        )
        return torch.stack([torch.stack(layer) for layer in states]).flatten()

    def read(self, symbol):
        """One step in time."""
        arguments = self.state, self.theta, symbol
        by_state, by_theta = torch.func.jacrev(self.after, argnums=(0, 1))(*arguments)
        self.influence = by_state @ self.influence + by_theta
        self.state = self.after(*arguments)

    def gradient(self, target):
        """The loss of this moment and its gradient with respect to θ."""

        def loss(state, theta):
            return -log_softmax(self.logits(state, theta), -1)[target]

        by_state, by_theta = torch.func.grad(loss, (0, 1))(self.state, self.theta)
        return loss(self.state, self.theta), by_state @ self.influence + by_theta


def text(length=T, seed=7):
    return np.random.default_rng(seed).integers(0, V, length + 1).tolist()


def gradient_of(network, loss):
    """Of a loss, with respect to all parameters of a network, as one vector."""
    named = dict(network.named_parameters())
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    pairs = zip(found, named.values(), strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs])


def losses_of(network, symbols, state=None):
    """The cost of each symbol after the first, (T,), read in one go."""
    ids = torch.tensor(symbols)[:, None]
    logits, _ = network(ids[:-1], state)
    return cross_entropy(logits[:, 0], ids[1:, 0], reduction="none")


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize(("name", "activation"), VARIANTS)
def test_forward_mode_equals_backpropagation_through_time(name, activation, num_layers):
    """The sum of 20 losses, differentiated forwards (see ForwardMode) and backwards in two ways: by the cell's own step
    backwards, unrolled over time, and by torch.
    """
    network, symbols = make_network(name, activation, num_layers), text()
    forward, total, expected = ForwardMode(network), 0.0, 0.0
    for symbol, target in itertools.pairwise(symbols):
        forward.read(symbol)
        loss, gradient = forward.gradient(target)
        total, expected = total + loss.item(), expected + gradient
    for way in (network, step_by_step(make_network(name, activation, num_layers))):
        loss = losses_of(way, symbols).sum()
        assert loss.item() == pytest.approx(total, abs=1e-8)
        torch.testing.assert_close(gradient_of(way, loss), expected, atol=1e-8, rtol=0)
    start = -(network.head.weight.numel() + network.head.bias.numel())
    assert 0.1 < expected[:start].abs().max() < 1e3  # there is something to compare
    assert all((part != 0).any() for part in forward.weights(expected).values())


# --- and cut off -------------------------------------------------------------------------------------------------------


def cut_gradient(network, symbols, k):
    """Of the last loss: backpropagation through the last k steps, from a state that counts as given."""
    ids, cut = torch.tensor(symbols)[:, None], len(symbols) - 1 - k
    state = None
    if cut > 0:
        with torch.no_grad():
            _, state = network(ids[:cut], None)
    return gradient_of(network, losses_of(network, symbols[max(cut, 0) :], state)[-1])


@pytest.mark.parametrize(("name", "activation"), [v for v in VARIANTS if v[0] in TEXTBOOK])
def test_a_gradient_cut_off_after_k_steps_lacks_what_is_older(name, activation):
    """Of the loss at T = 8. With P_{T-k} taken as 0, which says that the state k steps back is a constant, forward mode
    gives the gradient truncated after k steps; from k = T on nothing is missing, but for learning the start.
    """
    length = 8
    network, symbols = make_network(name, activation, 2, learn_start=False), text(length)

    def forward_gradient(constant_at):
        forward = ForwardMode(network)
        for t, symbol in enumerate(symbols[:-1]):
            if t == constant_at:
                forward.influence = torch.zeros_like(forward.influence)
            forward.read(symbol)
        return forward.gradient(symbols[-1])[1]

    whole = forward_gradient(constant_at=None)
    distances = []
    for k in range(1, length + 1):
        found = cut_gradient(network, symbols, k)
        torch.testing.assert_close(found, forward_gradient(length - k), atol=1e-8, rtol=0)
        distances.append((found - whole).norm().item())
    assert all(distance > 1e-6 for distance in distances[:-1])
    assert distances[-1] < 1e-8
    assert distances[0] > 2 * distances[-2]  # all but one step missing, and one step missing
    torch.testing.assert_close(cut_gradient(network, symbols, length + 5), whole, atol=1e-8, rtol=0)


@pytest.mark.parametrize("name", TEXTBOOK)
def test_training_cuts_the_gradient_between_its_steps(name):
    """Two chunks of 6: the state goes on, the gradient does not. Forward mode with P = 0 between them gives the same."""
    network, symbols = make_network(name, "tanh", 1, learn_start=False), text(12)
    optimizer = Descent(network.parameters(), lr=0.0)
    ids, state = torch.tensor(symbols)[:, None], None
    for begin in (0, 6):
        _, state = train_step(
            network,
            optimizer,
            ids[begin : begin + 6],
            ids[begin + 1 : begin + 7],
            state,
            TrainingConfig(clip=None),
        )
        assert not any(s.requires_grad for s in state)
    found = torch.cat([p.grad.flatten() for p in network.parameters()])

    forward, expected, whole = ForwardMode(network), 0.0, 0.0
    uncut = ForwardMode(network)
    for t, (symbol, target) in enumerate(itertools.pairwise(symbols)):
        if t == 6:
            forward.influence = torch.zeros_like(forward.influence)
        for each in (forward, uncut):
            each.read(symbol)
        if t >= 6:
            expected, whole = (
                expected + forward.gradient(target)[1] / 6,
                whole + uncut.gradient(target)[1] / 6,
            )
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)  # the loss is in float32
    assert (found - whole).abs().max() > 1e-4


@pytest.mark.parametrize("k", [1, 2, 5, 9, 10, 15])
@pytest.mark.parametrize("impulse", [True, False])
def test_a_cut_gradient_of_a_linear_unit_lacks_the_terms_from_k_on(k, impulse):
    """h_t = w·h_{t-1} + x_t, h_0 = 0. The weight acts at each step, and what it does at T - j passes j more steps:

        dh_T/dw = Σ_{j=0}^{T-1} w^j h_{T-1-j}          cut off after k steps: j from 0 to k-1 only

    For x = 1, 0, 0, ... h_t = w^{t-1}, so each of the T-1 terms before h_0 is w^{T-2}: the whole is (T-1)·w^{T-2}, and
    what is left of it k·w^{T-2}. With T = 10, w = 0.8: 9·0.8⁸ = 1.51; after k = 2 steps 2·0.8⁸ = 0.34.
    """
    length, w = 10, 0.8
    x = np.eye(1, length)[0] if impulse else np.random.default_rng(3).normal(size=length)
    h = [0.0]
    for value in x:
        h.append(w * h[-1] + value)
    terms = [w**j * h[length - 1 - j] for j in range(length)]

    weight = torch.tensor([[w]], dtype=torch.float64, requires_grad=True)
    state = (torch.zeros(1, dtype=torch.float64),)
    for t, value in enumerate(x):
        if t == length - k:
            state = (state[0].detach(),)
        inputs = torch.tensor([value], dtype=torch.float64)
        state, _ = CELLS["elman"].step(inputs, state, {"weight_hh": weight}, LinearTorchOps)
    (found,) = torch.autograd.grad(state[0].sum(), weight)
    assert state[0].item() == pytest.approx(h[-1], abs=1e-12)
    assert found.item() == pytest.approx(sum(terms[:k]), abs=1e-12)
    if impulse:
        assert sum(terms) == pytest.approx(9 * w**8)
        assert found.item() == pytest.approx(min(k, 9) * w**8)


# --- each cell's step backwards ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "activation"),
    [(name, how) for name, how in VARIANTS if name in BACKWARD],
)
def test_a_step_backwards_is_the_derivative_of_the_step(name, activation):
    """Of Σ d · state after, for random d: by x, by the state, by the cell's own vectors, and by h · weight_hh, which is
    seen in the gradients of its two factors: d weight_hh = hᵀ d, dh = ... + d weight_hhᵀ.
    """
    cell, (N, H, width), rng = get_cell(name, activation), (4, 6, 6), np.random.default_rng(5)
    if cell.feeds_back == "output":
        width = 5  # what comes back is no state of H units, but a distribution over V symbols

    def random(*shape):
        return torch.from_numpy(rng.normal(size=shape)).requires_grad_()

    x, weight_hh = random(N, cell.num_blocks * H), random(width, cell.num_blocks * H)
    state = tuple(random(N, width) for _ in cell.states)
    own = {vector: random(N, H) for vector in cell.vectors}  # stream by stream
    weights = {"weight_hh": weight_hh, **own} if cell.has_recurrent_matrix else {}
    if not cell.folds_bias:
        weights["bias_hh"] = random(N, cell.num_blocks * H)
    after, _ = cell.step(x, state, weights, TorchOps)
    d_after = tuple(torch.from_numpy(rng.normal(size=(N, H))) for _ in after)
    by_x, *others = torch.autograd.grad(
        sum((d * s).sum() for d, s in zip(d_after, after, strict=True)),
        [x, *weights.values(), *state],
    )
    by_weights = dict(zip(weights, others, strict=False))
    by_state = others[len(weights) :]

    def close(found, expected):
        torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)
        assert expected.abs().max() > 0.01

    with torch.no_grad():
        taken = StepTrace(state, *cell.step(x, state, weights, TorchGradientOps))
        found = cell.backward(d_after, taken, weights, TorchGradientOps)
        close(torch.cat(found.x, -1), by_x)
        direct = 0 if found.state[0] is None else found.state[0]
        if not cell.has_recurrent_matrix:
            close(direct, by_state[0])
            return
        product = torch.cat(found.x if found.product is None else found.product, -1)
        close(state[0].T @ product, by_weights["weight_hh"])
        if not cell.folds_bias:
            close(product, by_weights["bias_hh"])
        assert tuple(found.vectors) == cell.vectors
        for vector, (a, b) in found.vectors.items():
            close(a * b, by_weights[vector])
        close(direct + product @ weight_hh.T, by_state[0])
        for part, expected in zip(found.state[1:], by_state[1:], strict=True):
            close(part, expected)
