"""ONNX files, against onnxruntime."""

import json

import numpy as np
import pytest
from exact_models import VARIANTS, network

from charrnn.export.onnx_graph import write_onnx

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def session_of(path):
    return runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("kind", VARIANTS)
@pytest.mark.parametrize("half", [False, True])
def test_a_step_gives_the_same_logits_and_states(kind, half, tmp_path):
    model = network(kind)
    write_onnx(model, tmp_path / "step.onnx", half=half)
    session, dtype = session_of(tmp_path / "step.onnx"), np.float16 if half else np.float32
    names = model.cell.states
    state = model.initial_state(3)
    carried = {n: np.stack([of[k] for of in state]).astype(dtype) for k, n in enumerate(names)}
    for symbols in np.random.default_rng(0).integers(0, 90, (6, 3)):
        logits, state, _ = model.step(symbols, state)
        found = session.run(None, {"symbols": symbols, **carried})
        carried = dict(zip(names, found[1:], strict=True))
        close = {"rtol": 0.05, "atol": 0.2} if half else {"rtol": 1e-5, "atol": 1e-5}
        np.testing.assert_allclose(found[0], logits, **close)
        for k, name in enumerate(names):
            np.testing.assert_allclose(carried[name], [of[k] for of in state], **close)


def test_the_file_says_what_its_symbols_are(tmp_path):
    model = network("peephole")
    write_onnx(model, tmp_path / "step.onnx")
    about = session_of(tmp_path / "step.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(about["vocabulary"])["code_points"] == model.vocabulary.symbols.tolist()
    start = json.loads(about["start"])
    np.testing.assert_array_equal(np.float32(start["c"]), model.start["c"])
