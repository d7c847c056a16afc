"""The gradient in NumPy, against torch's automatic differentiation, in float64."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from variants import (
    BACKWARD,
    MORE,
    VARIANTS,
    T,
    V,
    make_config,
    make_network,
    random_ids,
    seldom,
)

from charrnn.network.backward import Parameters, backward, read
from charrnn.numerics import softmax

IDS, TARGETS = random_ids(T, seed=3), random_ids(T, seed=4)


def float64_network(name, activation, num_layers, **more):
    config = make_config(name, activation, num_layers, **more)
    network = make_network(config, "step by step").double()
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(weight * 2)
    return config, network


def parameters_of(config, network):
    made = Parameters(config, np.float64)
    made.copy_from({name: w.detach().numpy() for name, w in network.state_dict().items()})
    return made


def carried_state(network, seed=5):
    draw = np.random.default_rng(seed)
    return tuple(torch.from_numpy(draw.normal(0, 0.5, s.shape)) for s in network.first_state(1))


def by_layer(state):
    """(L, 1, H) for each letter, as each layer's state of one stream."""
    return tuple(tuple(s[k, 0].detach().numpy() for s in state) for k in range(len(state[0])))


@pytest.mark.parametrize("num_layers", [seldom(1), 3])
@pytest.mark.parametrize(("name", "activation"), [v for v in VARIANTS if v[0] in BACKWARD])
@pytest.mark.parametrize("more", MORE, ids=["plain", "learnt start", "layer norm"])
@pytest.mark.parametrize("resets", [(), (0, 4)], ids=["carried", "reset"])
def test_the_gradient_of_a_chunk_is_that_of_torch(name, activation, num_layers, more, resets):
    """Logits, the state after, and the gradient of every weight, with the state before as a constant."""
    config, network = float64_network(name, activation, num_layers, **more)
    start = tuple(s.detach() for s in network.first_state(1))
    state, parts = carried_state(network), []
    for begin, end in zip((0, *resets), (*resets, T), strict=True):
        before = start if begin in resets else state
        if end > begin:
            logits, state = network(torch.from_numpy(IDS[begin:end, None]), before)
            parts.append(logits[:, 0])
    logits = torch.cat(parts)
    cross_entropy(logits, torch.from_numpy(TARGETS)).backward()

    weights = parameters_of(config, network)
    is_reset = np.isin(np.arange(T), resets)
    reading = read(weights, IDS, by_layer(carried_state(network)), by_layer(start), is_reset)
    np.testing.assert_allclose(reading.logits, logits.detach(), atol=1e-12)
    for ours, theirs in zip(reading.state, by_layer(state), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
    d_logits = (softmax(reading.logits) - np.eye(V)[TARGETS]) / T
    found = Parameters(config, np.float64)
    found.vector[:] = np.nan
    backward(weights, reading, d_logits, found)
    gradients = {n: w.grad.numpy() for n, w in network.named_parameters() if w.grad is not None}
    for part, array in found.parts.items():
        expected = gradients[part].T if array.shape != gradients[part].shape else gradients[part]
        if "weight_hh" in part or "weight_ih" in part:
            expected = gradients[part].T
        np.testing.assert_allclose(array, expected, atol=1e-10, err_msg=part)
    learnt = set(found.parts) | {n.replace("bias_ih", "bias_hh") for n in found.parts}
    assert {n for n in gradients if not n.startswith("start.")} <= learnt
