"""The mogrifier LSTM: before the LSTM's step, its input and its last output scale each other, several times in turn.

    x¹ = 2σ(Q_1 h) ⊙ x                  what was read last decides how a character is read,
    h¹ = 2σ(R_2 x¹) ⊙ h                 and the character what of h counts
    x² = 2σ(Q_3 h¹) ⊙ x¹
    h² = 2σ(R_4 x²) ⊙ h¹
    x³ = 2σ(Q_5 h²) ⊙ x²

    i, f, g, o, c', h'  as in the LSTM (lstm.py), of x³ in the place of x, and of h² in that of h

States: h, c. Gates: i, f, g, o. The five rounds are those with which the paper's models did best; each factor is from 0
to 2, and 1 where a product is 0. The matrices are `weight_q1`, `weight_q3`, `weight_q5`, (E, H), and `weight_r2`,
`weight_r4`, (H, E): 5EH weights a layer more than the LSTM has. (The paper may write each as a product of two narrow
matrices, to save weights; here they are whole.)

An LSTM adds W x and W_h h, so that the vector of a character is the same whatever came before. Here it is made for the
place where the character stands: after "th" an e is read as another e than after "xz".

Torch has no such kernel, and W_ih x cannot be computed for a whole text beforehand; so training takes each step by
itself, and torch differentiates it.

Source: G. Melis, T. Kočiský and P. Blunsom, "Mogrifier LSTM", ICLR 2020.
"""

from charrnn.network.cells.base import Array, Blocks, Cell, Ops, Shapes, State, Weights
from charrnn.network.cells.lstm import CELL as LSTM
from charrnn.network.cells.lstm import step as lstm_step

ROUNDS = ("weight_q1", "weight_r2", "weight_q3", "weight_r4", "weight_q5")
"""The matrices, in the order of the rounds: those at even places scale x, the others h."""


def own_shapes(E: int, H: int, V: int) -> Shapes:
    """The weights of a layer: those of an LSTM, and a matrix for each round."""
    return LSTM.shapes(E, H, V) | {
        name: (H, E) if place % 2 else (E, H) for place, name in enumerate(ROUNDS)
    }


def step(x: Array, state: State, weights: Weights, ops: Ops) -> tuple[State, Blocks]:
    """One time step of N batch rows.

    Args:
        x: the input, (N, E).
        state: h and c, each (N, H).
        weights: all of the layer, matrices transposed.
        ops: the functions for these arrays.

    Returns:
        The next h and c, and the gates i, f, g, o, each (N, H); behind them tanh(c').
    """
    h, c = state
    for place, name in enumerate(ROUNDS):
        if place % 2:
            h = scaled(h, ops.product(x, weights[name]), ops)
        else:
            x = scaled(x, ops.product(h, weights[name]), ops)
    bias = weights["bias_ih"] + weights["bias_hh"]
    return lstm_step(ops.product(x, weights["weight_ih"]) + bias, (h, c), weights, ops)


def scaled(values: Array, a: Array, ops: Ops) -> Array:
    """The values times 2σ(a)."""
    factor = ops.sigmoid(a)
    return values * (factor + factor)


CELL = Cell(
    name="mogrifier",
    states=("h", "c"),
    gates=("i", "f", "g", "o"),
    sigmoids=("i", "f", "o"),
    meanings=LSTM.meanings,
    memory_gate="f",
    num_blocks=4,
    forget_block=1,
    step=step,
    reads_input=True,
    own_shapes=own_shapes,
)
