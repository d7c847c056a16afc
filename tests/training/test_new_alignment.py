"""A seventh alignment: what it needs is two classes, for NumPy and for training, and a place among the others."""

import random

import numpy as np
import pytest
from helpers import BRIEF, call_charrnn
from pair_models import config_of, corpus_of, in_torch

import charrnn
from charrnn.network.alignments import ALIGNMENTS
from charrnn.network.alignments.each import Each
from charrnn.pairs.scoring import costs
from charrnn.training.data import IGNORED
from charrnn.training.pairs.alignments import TRAININGS
from charrnn.training.pairs.alignments.base import Training
from charrnn.training.pairs.batches import laid_out
from charrnn.training.pairs.task import PairTask, make_pair_network


class Mirror(Each):
    """The first symbol of the target stands at the last place of the source."""

    about = "a symbol for each character, the last one first"
    words = "a symbol at each place, read backwards"
    keeps_unknown = False

    def targets(self, log_p, beam, n_best, language=None):
        return super().targets(log_p[::-1], beam, n_best, language)

    def log_likelihood(self, log_p, target):
        return super().log_likelihood(log_p[::-1], target)


class MirrorTraining(Training):
    """The targets, laid out from their ends."""

    def laid_out(self, corpus, rows, places):
        previous, targets = super().laid_out(corpus, rows, places)
        at = places - 1 - np.arange(len(targets))[:, None]
        return previous, np.where(at < 0, IGNORED, np.take_along_axis(targets, at, 0))


@pytest.fixture
def mirror(monkeypatch):
    """All that an alignment needs: its two classes, and a place among the others."""
    monkeypatch.setitem(ALIGNMENTS, "mirror", Mirror())
    monkeypatch.setitem(TRAININGS, "mirror", MirrorTraining())


def pairs(num):
    generator = random.Random(3)
    texts = ["".join(generator.choices("abcde", k=generator.randint(2, 8))) for _ in range(num)]
    return [(text, text[::-1].upper()) for text in texts]


def test_the_loss_of_a_toy_alignment_is_its_likelihood(mirror):
    import torch

    from charrnn.pairs.model import PairNetwork

    corpus = corpus_of(pairs(9), align="mirror")
    config = config_of(corpus)
    network = make_pair_network(config, 0.0, 3, torch.device("cpu")).eval()
    model = PairNetwork(config, corpus.source_symbols, corpus.vocabulary, network.to_numpy())
    inputs, targets = in_torch(laid_out(corpus, np.arange(9), 1))
    with torch.no_grad():
        mean = PairTask(config).loss(network(inputs)[0], targets).item()
    symbols = sum(len(target) for _, target in pairs(9))
    assert sum(costs(model, pairs(9))) / symbols == pytest.approx(mean, abs=1e-5)


def test_a_toy_alignment_can_do_all_that_the_others_can(mirror, tmp_path, monkeypatch, capsys):
    """Trained, resumed, converted, judged and looked at from the command line: it reverses, which tags cannot."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("charrnn.training.measure.TRIAL_SECONDS", BRIEF)
    (tmp_path / "back.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in pairs(400)))
    sizes = ("--hidden-size", 12, "--embedding-size", 6, "--threads", 1)
    learning = ("--batch-size", 16, "--sequence-length", 16, "--lr", 0.02)
    asked = ("--pairs", "--align", "mirror", *sizes, *learning, "--no-baselines")
    call_charrnn(capsys, "train", "back.tsv", *asked, "--steps", 100)
    call_charrnn(capsys, "train", "back.tsv", "--resume", "--steps", 120, "--no-baselines")
    assert call_charrnn(capsys, "convert", "back", "abcdeab").out == "BAEDCBA\n"
    assert charrnn.load("back").evaluate(pairs(50)).exact == 1
    assert "read backwards" in call_charrnn(capsys, "inspect", "back").out
    shown = call_charrnn(capsys, "visualize", "back", "abc", "--color", "none").out
    assert shown.startswith("abc → CBA")
