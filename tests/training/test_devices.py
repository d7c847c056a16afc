"""What a GPU asks of the code, as far as a processor can tell: no tensor elsewhere, no waiting, weights in one buffer.

The device `meta` has shapes and no numbers, so a step on it fails where a number is read, which on a GPU waits.
"""

import dataclasses
import math

import numpy as np
import pytest
import torch
from helpers import precisions
from pair_models import KINDS, batch_of, both
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from trainers import CONFIG, make_corpus, make_trainer, run_to_end, tensors_in
from variants import N, T, make_config, random_ids, seldom

from charrnn.config import ModelConfig, TrainingConfig, TrainingRequest
from charrnn.errors import EnvironmentFault
from charrnn.network.cells import CELLS
from charrnn.training import machine, self_check
from charrnn.training.data import StreamBatches
from charrnn.training.events import RolledBack, Step
from charrnn.training.feed import Feed, Losses
from charrnn.training.item_order import BatchShape
from charrnn.training.machine import autocast, choose_device, memory_faults, on_device, seeded
from charrnn.training.network import make_network
from charrnn.training.new_run import device_of
from charrnn.training.optimizer import Optimizer
from charrnn.training.packing import packed
from charrnn.training.pairs.task import PairTask, make_pair_network
from charrnn.training.replica import Replica
from charrnn.training.self_check import small_step
from charrnn.training.state import load_optimizer_tensors, optimizer_tensors
from charrnn.training.step import train_step

META, CPU = torch.device("meta"), torch.device("cpu")
FUSED = [name for name, cell in CELLS.items() if cell.torch_class]
LEARNING = TrainingConfig(dropout=0.1, weight_drop=0.2)


class Devices(TorchDispatchMode):
    """The operations of torch that read or make an array elsewhere than on `meta`; plain numbers may be anywhere."""

    def __init__(self):
        super().__init__()
        self.elsewhere = set()
        self.operations = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        made = operation(*args, **(kwargs or {}))
        tensors = [t for t in tree_leaves((args, kwargs, made)) if isinstance(t, torch.Tensor)]
        self.operations += 1
        self.elsewhere |= {str(operation) for t in tensors if t.dim() and t.device != META}
        return made


# --- no tensor elsewhere -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kernel", "optimizer"),
    [
        *((name, "fused", "muon") for name in CELLS),  # which loops where torch has no such cell
        *((pytest.param if name in FUSED else seldom)(name, "loop", "adamw") for name in CELLS),
    ],
)
def test_a_step_has_no_tensor_elsewhere_and_waits_for_none(name, kernel, optimizer):
    shape = make_config(name, num_layers=2, learn_start=True, layer_norm=kernel == "fused")
    config = dataclasses.replace(LEARNING, optimizer=optimizer)
    network = make_network(shape, 0.1, 1, META, kernel, weight_drop=0.2)
    updates = Optimizer(network, config)
    ids = on_device(random_ids(4, N), META)
    with Devices() as seen:
        _, state = train_step(network, updates, ids[:-1], ids[1:], None, config)
        state = network.reset(state, slice(0, None, 2))
        loss, state = train_step(network, updates, ids[:-1], ids[1:], state, config)
    assert not seen.elsewhere
    assert seen.operations > 300
    assert {loss.device, *(s.device for s in state)} == {META}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "ctc"])
def test_a_step_of_pairs_has_no_tensor_elsewhere(kind):
    corpus, _, model = both(kind, layer_norm=True)
    inputs, targets = on_device(batch_of(corpus, model, corpus.train), META)
    network = make_pair_network(model.config, 0.1, 1, META, weight_drop=0.2)
    updates = Optimizer(network, LEARNING)
    with Devices() as seen:
        train_step(network, updates, inputs, targets, None, LEARNING, 1.0, PairTask(model.config))
    assert not seen.elsewhere
    assert seen.operations > 100


def test_ctc_reads_only_its_lengths():
    """Its loss cannot be computed without numbers: torch reads the lengths on the processor, on each device."""
    corpus, _, model = both("ctc")
    inputs, _ = on_device(batch_of(corpus, model, corpus.train), META)
    network = make_pair_network(model.config, 0.0, 1, META)
    with Devices() as seen:
        network(inputs, None)
    assert not seen.elsewhere


@pytest.mark.parametrize("device", [CPU, META])
def test_the_moments_of_the_optimizer_go_where_its_weights_are(device):
    network = make_network(make_config(), 0.0, 1, CPU)
    updates, ids = Optimizer(network, LEARNING), on_device(random_ids(T + 1, N), CPU)
    train_step(network, updates, ids[:-1], ids[1:], None, LEARNING)
    kept = {name: t.numpy() for name, t in optimizer_tensors(network, updates).items()}
    other = make_network(make_config(), 0.0, 1, device)
    resumed = Optimizer(other, LEARNING)
    load_optimizer_tensors(other, resumed, kept)
    found = optimizer_tensors(other, resumed)
    assert found.keys() == kept.keys()
    assert {t.device for t in found.values() if t.dim()} == {device}
    assert {t.device for t in found.values() if not t.dim()} == {CPU}  # the steps of AdamW


# --- weights in one buffer ---------------------------------------------------------------------------------------------


def computed(name, *, packs, dtype, layer_norm, weight_drop, encoder=False):
    """The outputs, state and gradients of a network whose weights are packed as for a GPU, or given as they are."""
    if encoder:
        corpus, _, model = both("label", cell=name, bidirectional=True, num_layers=2)
        inputs = on_device(batch_of(corpus, model, corpus.train)[0], CPU)
        network = make_pair_network(model.config, 0.0, 1, CPU, weight_drop=weight_drop)
        stacks = network.encoder._stacks.values()
    else:
        shape = make_config(name, num_layers=2, layer_norm=layer_norm)
        network = make_network(shape, 0.0, 1, CPU, weight_drop=weight_drop)
        inputs, stacks = on_device(random_ids(T, N), CPU), [network.stack]
    for stack in stacks:
        stack.packs = packs
    with seeded(5), autocast(CPU, dtype):
        outputs, state = network(inputs, None)
    outputs.float().square().mean().backward()
    return [outputs, *state, *(p.grad for p in network.parameters())]


@pytest.mark.parametrize("dtype", precisions())
@pytest.mark.parametrize("name", FUSED)
@pytest.mark.parametrize(
    ("layer_norm", "weight_drop", "encoder"),
    [(False, 0.0, False), (False, 0.3, False), (True, 0.3, False), (False, 0.3, True)],
)
def test_weights_in_one_buffer_compute_the_same(name, dtype, layer_norm, weight_drop, encoder):
    """Bit for bit, but where autocast rounds less: a processor has a kernel in bfloat16 for the LSTM alone."""
    near = 0.02 if dtype == "bfloat16" and name != "lstm" else 0
    how = {"dtype": dtype, "layer_norm": layer_norm, "weight_drop": weight_drop, "encoder": encoder}
    for ours, theirs in zip(
        computed(name, packs=True, **how), computed(name, packs=False, **how), strict=True
    ):
        torch.testing.assert_close(ours, theirs, atol=near, rtol=0, check_dtype=not near)


def test_the_buffer_has_all_matrices_before_all_biases():
    shapes = [(8, 3), (8, 2), (8,), (8,), (8, 2), (8, 2), (8,), (8,)]
    weights = [torch.full(shape, float(k)) for k, shape in enumerate(shapes)]
    made = packed(weights, [None, torch.full((8, 2), 0.5), *[None] * 6], torch.bfloat16)
    buffer = torch.empty(0, dtype=torch.bfloat16).set_(made[0].untyped_storage())
    assert buffer.unique_consecutive().tolist() == [0, 0.5, 4, 5, 2, 3, 6, 7]
    assert len(buffer) == sum(w.numel() for w in weights)
    assert [w.tolist() for w in made[2:]] == [w.tolist() for w in weights[2:]]


def test_weights_that_are_in_one_buffer_are_not_copied():
    network = make_network(make_config(num_layers=2), 0.0, 1, CPU)
    found = network.stack._packed_weights(range(2), torch.float32)
    assert found[5] is network.rnn.weight_hh_l1
    part = network.stack._packed_weights(range(1, 2), torch.float32)
    assert part[1].untyped_storage().nbytes() == 4 * sum(w.numel() for w in part)


# --- batches and losses ------------------------------------------------------------------------------------------------


@pytest.fixture
def ahead(monkeypatch):
    """A processor that is handed the next batch, and read, as a GPU is."""
    monkeypatch.setattr("charrnn.training.feed.is_asynchronous", lambda _: True)


def short_run(folder, config=CONFIG, **more):
    folder.mkdir()
    return make_trainer(make_corpus(folder), folder / "run", config, **more)


def test_a_run_that_is_read_rarely_is_the_same_bit_for_bit(tmp_path, monkeypatch):
    runs = []
    for name in ("now", "later"):
        if name == "later":
            monkeypatch.setattr("charrnn.training.feed.is_asynchronous", lambda _: True)
        trainer = short_run(tmp_path / name)
        first = run_to_end(trainer, stop_at=17)
        rows = [{**row, "seconds": 0} for row in trainer.files.metrics.rows]
        runs.append((tensors_in(tmp_path / name / "run"), rows, trainer.progress.nats_sum, first))
    (kept, rows, nats, steps), (others, other_rows, other_nats, others_steps) = runs
    assert (kept, rows, nats) == (others, other_rows, other_nats)
    assert rows[1:]
    losses = [[e.loss for e in events if isinstance(e, Step)] for events in (steps, others_steps)]
    assert losses[0][0] == losses[1][0]
    assert losses[0][15] == losses[1][15]
    assert len(set(losses[1])) < len(losses[1]) / 2  # the last one read


@pytest.mark.parametrize(("spoilt", "noticed"), [(2, 7), (9, 14), (16, 16)])
def test_divergence_is_noticed_when_the_losses_are_read(
    ahead, tmp_path, monkeypatch, spoilt, noticed
):
    """Every 16 steps, and before each evaluation, here after every 7."""
    real, calls = Replica.step, []

    def spoilt_once(self, *arguments, **settings):
        calls.append(1)
        loss = real(self, *arguments, **settings)
        return loss * math.nan if len(calls) == spoilt else loss

    monkeypatch.setattr(Replica, "step", spoilt_once)
    events = run_to_end(short_run(tmp_path / "run"))
    back = next(e for e in events if isinstance(e, RolledBack))
    assert (back.step, back.to_step) == (noticed, (noticed - 1) // 7 * 7)
    assert events[-1].finished
    assert all(math.isfinite(e.loss) for e in events if isinstance(e, Step))


class Counted(StreamBatches):
    """Batches that count."""

    asked: list

    def batch(self, step):
        self.asked = [*getattr(self, "asked", []), step]
        return super().batch(step)


def test_the_next_batch_is_laid_out_once_and_one_that_is_not_wanted_forgotten():
    batches = Counted(np.arange(200), BatchShape(3, 5))
    feed = Feed(batches, torch.device("cuda"))
    feed.take(0)
    feed.prepare(1)
    assert batches.asked == [0, 1]
    first, _ = feed.take(1)
    assert batches.asked == [0, 1]
    feed.prepare(2)
    np.testing.assert_array_equal(feed.take(1)[0], first)  # the run has gone back
    np.testing.assert_array_equal(feed.take(2)[0], batches.batch(2)[0])
    idle, before = Feed(batches, CPU), len(batches.asked)
    idle.prepare(5)
    assert len(batches.asked) == before


def test_losses_are_read_at_once_on_a_processor_and_together_elsewhere():
    for device, at_once in ((CPU, 1), (torch.device("cuda"), 16), (torch.device("mps"), 16)):
        losses = Losses(device)
        assert losses.at_once == at_once
        assert losses.is_due(1)  # the first of all, so that there is something to show
        losses.add(torch.tensor(2.5), 7)
        losses.add(torch.tensor(1.5), 9)
        assert losses.read() == [(2.5, 7), (1.5, 9)]
        assert (losses.last, losses.read()) == (1.5, [])
        assert [step for step in range(1, 33) if losses.is_due(step)][-1] == 32


def test_batches_reach_a_cuda_gpu_from_pinned_memory_without_waiting(monkeypatch):
    calls = []

    def pinned(tensor):
        calls.append("pinned")
        return tensor

    def moved(tensor, device, **how):
        calls.append((str(device), how))
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", pinned)
    monkeypatch.setattr(torch.Tensor, "to", moved)
    on_device((np.zeros(3), np.ones(2)), torch.device("cuda:1"))
    assert calls == ["pinned", ("cuda:1", {"non_blocking": True})] * 2
    calls.clear()
    on_device(np.zeros(3), torch.device("mps"))
    assert calls == [("mps", {})]


# --- devices and their faults ------------------------------------------------------------------------------------------


def test_fault_71_apples_gpu_is_taken_where_it_is_there_and_named(monkeypatch, wording):
    """Simulated. It is never chosen by charrnn itself, which therefore has no check of its numbers to fall back on."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with wording.raises(EnvironmentFault):
        choose_device("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("mps").type == "mps"
    assert choose_device(None).type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device(None).type == "cuda"


@pytest.fixture
def apples_gpu(monkeypatch):
    """Pretends that there is Apple's GPU, and sets what it computes: a function of what the processor does."""

    def computes(change):
        def step(cell, device):
            for name, right in small_step(cell, CPU):
                yield name, right if device == CPU else change(name, right)

        monkeypatch.setattr(self_check, "small_step", step)

    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    return computes


def test_fault_71_apples_gpu_is_refused_where_it_computes_something_else(apples_gpu, wording):
    """Refused, and not replaced by the processor: whoever names a device gets that one or an error."""
    request = TrainingRequest(given={"device": "mps"})
    apples_gpu(lambda _, right: right * 1.0001)
    assert device_of(request) == "mps"
    apples_gpu(lambda name, right: right.flip(0) if "weight_hh_l1" in name else right)
    with wording.raises(EnvironmentFault):
        device_of(request)
    apples_gpu(lambda _, right: right * math.nan)
    with pytest.raises(EnvironmentFault):
        device_of(request)

    def lacking(_, right):
        raise NotImplementedError("The operator 'aten::lstm' is not there\nmore lines")

    apples_gpu(lacking)
    with wording.raises(EnvironmentFault) as caught:
        device_of(request)
    assert "\n" not in caught.value.message


def test_the_check_of_a_device_compares_the_loss_and_every_gradient():
    for cell in FUSED:
        shape = ModelConfig(cell=cell, vocab_size=7, embedding_size=5, hidden_size=3, num_layers=2)
        found = dict(small_step(cell, CPU))
        assert len(found) == 1 + len([*make_network(shape, 0.0, 1).parameters()])
        assert all(value.abs().max() > 0 for value in found.values())


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        torch.OutOfMemoryError("HIP: no room"),
        RuntimeError("MPS backend out of memory (MPS allocated: 1.00 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError(
            "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED\nmore lines"
        ),
    ],
)
def test_a_full_gpu_says_what_to_try(error):
    with pytest.raises(EnvironmentFault) as caught, memory_faults(12):
        raise error
    assert caught.value.message == "out of memory"
    assert "batch_size=6" in caught.value.hint


def test_a_gpu_that_fails_says_so_in_one_line(wording):
    with wording.raises(EnvironmentFault) as caught, memory_faults(12):
        raise torch.AcceleratorError("CUDA error: unspecified launch failure\nCompile with ...")
    assert "\n" not in caught.value.message
    with pytest.raises(RuntimeError, match="shapes"), memory_faults(12):
        raise RuntimeError("shapes differ")


def test_draws_for_a_gpu_fork_its_generator_and_no_other(monkeypatch):
    calls = []

    class OtherGpu:
        """Stands for torch.mps, which has no device here."""

        def get_rng_state(self, device):
            calls.append(("kept", str(device)))
            return "state"

        def set_rng_state(self, state, device):
            calls.append((state, str(device)))

        def manual_seed(self, seed):
            calls.append(seed)

    monkeypatch.setattr(torch, "get_device_module", lambda _: OtherGpu())
    before = torch.get_rng_state()
    with seeded(7, torch.device("mps")):
        assert torch.initial_seed() == 7
    assert calls == [("kept", "mps"), 7, ("state", "mps")]
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("device", "expected"), [("cpu", True), ("cuda", False), ("mps", False)])
def test_only_on_a_processor_is_bfloat16_chosen(monkeypatch, device, expected):
    monkeypatch.setattr(machine, "supports_bfloat16", lambda _: True)
    assert machine.may_choose_bfloat16(torch.device(device)) == expected
