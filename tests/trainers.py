"""Short runs of the trainer."""

from helpers import make_text

from charrnn.checkpoint import load_checkpoint
from charrnn.config import CorpusConfig, ModelConfig, TrainingConfig
from charrnn.text.corpus import read_corpus
from charrnn.text.sources import file_source
from charrnn.training.events import Step
from charrnn.training.trainer import Trainer

CONFIG = TrainingConfig(
    steps=24,
    batch_size=5,
    sequence_length=13,
    dropout=0.3,
    learning_rate=0.02,
    warmup_steps=3,
    eval_every=7,
    clip=0.2,
)


def make_corpus(folder, num_chars=1500):
    """The corpus of corpus.txt in this folder, which is written."""
    path = folder / "corpus.txt"
    path.write_text(make_text(num_chars), encoding="utf-8")
    return read_corpus([file_source(path)], CorpusConfig(), cache=folder)


def make_trainer(corpus, folder, config=CONFIG, *, shape=None, **more):
    """A trainer whose run is kept in this folder, which is made if it is missing.

    Args:
        corpus: the text.
        folder: of the run.
        config: how it is trained.
        shape: fields of the ModelConfig; else an LSTM with 2 layers of 11 units and embeddings of 4.
        more: arguments of Trainer.
    """
    sizes = {"embedding_size": 4, "hidden_size": 11, "num_layers": 2} | (shape or {})
    network = ModelConfig(vocab_size=len(corpus.vocabulary), **sizes)
    folder.mkdir(exist_ok=True)
    return Trainer(corpus, network, config, folder, **more)


def tensors_in(folder):
    """Every tensor of the last checkpoint, bit by bit."""
    last = load_checkpoint(folder / "last.safetensors")
    kept = {**last.model.weights, **{f"training.{k}": v for k, v in last.training.items()}}
    return {k: (v.dtype.str, v.shape, v.tobytes()) for k, v in kept.items()}


def run_to_end(trainer, *, stop_at=None):
    """All events of a run, which is asked to stop after this step."""
    events = []
    for event in trainer.run():
        events.append(event)
        if isinstance(event, Step) and event.step == stop_at:
            trainer.stop_requested = True
    return events
