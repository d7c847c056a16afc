"""Starting from another model: what is carried over, what the run says, keeps and refuses."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import call_charrnn, examples, make_text, random_model
from hypothesis import given
from hypothesis import strategies as st
from trainers import make_corpus, make_trainer

from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.config import CorpusConfig, TrainingConfig
from charrnn.errors import DataError, DivergedError
from charrnn.evaluation.evaluate import evaluate
from charrnn.model import CharRNN
from charrnn.network.cells import CELLS
from charrnn.text.corpus import read_corpus
from charrnn.text.sources import file_source
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.events import Evaluated, Step
from charrnn.training.metrics import load_rows
from charrnn.training.trainer import Trainer
from charrnn.training.transfer import extended

FEWER = examples(40)
CHARACTERS = st.characters(exclude_categories=["Cs"])
BY_SYMBOL = {"embedding.weight": 0, "head.weight": 0, "head.bias": 0}
"""The weights that every network has for each symbol, and the axis along which the symbols lie."""


def of_text(text, *, has_unknown=False):
    return Vocabulary("char", sorted(set(map(ord, text))), has_unknown=has_unknown)


def make_model(vocabulary, cell="lstm", num_layers=2, **more):
    shape = {"cell": cell, "num_layers": num_layers, "embedding_size": 4, **more}
    return random_model(vocabulary, kind=CharRNN, seed=3, scale=0.5, **shape)


def symbols_of(vocabulary):
    """The symbols by what they are; the unknown one is None."""
    return [*vocabulary.symbols.tolist(), *([None] if vocabulary.has_unknown else [])]


def read_through(model, text):
    """The logits after every character of a text, the first before any: (T + 1, V)."""
    state = model.initial_state()
    rows = [model.logits(state)]
    for symbol in model.vocabulary.encode(text):
        logits, state, _ = model.step(int(symbol), state)
        rows.append(logits)
    return np.array(rows)


# --- the weights -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@FEWER
@given(
    st.text(CHARACTERS, min_size=1, max_size=9),
    st.text(CHARACTERS, max_size=9),
    st.booleans(),
    st.booleans(),
)
def test_each_symbol_keeps_its_weights_and_a_new_one_gets_their_mean(
    cell, old_text, more, was_unknown, is_unknown
):
    old = of_text(old_text, has_unknown=was_unknown)
    new = of_text(old_text + more, has_unknown=was_unknown or is_unknown)
    before = make_model(old, cell, learn_start=CELLS[cell].reads_state, layer_norm=True)
    after = extended(before, new)
    axes = dict(BY_SYMBOL)
    if CELLS[cell].feeds_back == "output":
        axes |= {"rnn.weight_hh_l0": 1, "rnn.weight_hh_l1": 1}
    for name, array in before.weights.items():
        if name not in axes:
            assert (after.weights[name] == array).all()
            continue
        rows = dict(zip(symbols_of(old), np.moveaxis(array, axes[name], 0), strict=True))
        mean = np.mean(list(rows.values()), axis=0)
        carried = np.moveaxis(after.weights[name], axes[name], 0)
        for symbol, found in zip(symbols_of(new), carried, strict=True):
            if symbol in rows:
                assert (found == rows[symbol]).all()
            else:
                assert found == pytest.approx(mean, abs=1e-5)
        assert after.weights[name].dtype == np.float32


@pytest.mark.parametrize("cell", CELLS)
def test_old_characters_have_the_logits_that_they_had_and_new_ones_their_mean(cell):
    text = "hello, old world"
    before = make_model(of_text(text), cell)
    after = extended(before, of_text(text + "!Züé—", has_unknown=True))
    kept = after.vocabulary.encode("".join(map(chr, before.vocabulary.symbols)))
    new = np.setdiff1d(np.arange(len(after.vocabulary)), kept)
    expected, found = read_through(before, text), read_through(after, text)
    if CELLS[cell].feeds_back == "output":
        # the new symbols' part of its output comes back, and so changes what follows
        expected, found = expected[:1], found[:1]
    assert found[:, kept] == pytest.approx(expected, abs=1e-4)
    means = np.broadcast_to(expected.mean(1, keepdims=True), found[:, new].shape)
    assert found[:, new] == pytest.approx(means, abs=1e-4)
    assert len(new) == 6


def test_a_network_that_feeds_its_output_back_goes_on_the_same_if_new_symbols_are_never_expected():
    text = "hello, old world"
    before = make_model(of_text(text), "jordan")
    after = extended(before, of_text(text + "!Züé—"))
    kept = after.vocabulary.encode("".join(map(chr, before.vocabulary.symbols)))
    never = np.setdiff1d(np.arange(len(after.vocabulary)), kept)
    after.weights["head.bias"][never] = -1e4
    silenced = CharRNN(after.config, after.vocabulary, after.weights)
    assert read_through(silenced, text)[:, kept] == pytest.approx(
        read_through(before, text), abs=1e-4
    )


@pytest.mark.parametrize("vocabulary", [Vocabulary.of_bytes(), of_text("abc", has_unknown=True)])
def test_with_nothing_to_add_every_weight_stays(vocabulary):
    before = make_model(vocabulary)
    after = extended(before, vocabulary)
    assert after.config == before.config
    assert all((after.weights[name] == before.weights[name]).all() for name in before.weights)


def test_extending_leaves_the_old_model_alone():
    before = make_model(of_text("ab"))
    kept = {name: array.copy() for name, array in before.weights.items()}
    extended(before, of_text("abc")).weights["head.bias"][:] = 9
    assert all((before.weights[name] == kept[name]).all() for name in kept)


# --- the vocabulary ----------------------------------------------------------------------------------------------------


@FEWER
@given(st.text(CHARACTERS, min_size=1), st.text(CHARACTERS), st.booleans(), st.booleans())
def test_a_vocabulary_grows_in_code_point_order_and_never_loses_a_symbol(old, more, had, has):
    grown = of_text(old, has_unknown=had).extended([ord(c) for c in more], has_unknown=has)
    assert grown.symbols.tolist() == sorted({*map(ord, old + more)})
    assert grown.has_unknown == (had or has)


def test_a_byte_vocabulary_has_everything_already():
    grown = Vocabulary.of_bytes().extended([300], has_unknown=True)
    assert (len(grown), grown.has_unknown) == (256, False)


def read_extended(tmp_path, text, old, *, extend=True, **settings):
    path = tmp_path / "text.txt"
    path.write_text(text, encoding="utf-8")
    config = CorpusConfig(**settings)
    return read_corpus(
        [file_source(path)], config, cache=tmp_path, vocabulary=old, extend=extend, hint="add them"
    )


@pytest.mark.parametrize(
    ("had", "min_count", "symbols", "has_unknown", "num_unknown"),
    [
        (False, 1, "abcdexyz", False, 0),
        (False, 2, "abcdexy", True, 1),  # z is rare; a, which is too, is an old symbol
        (False, 3, "abcdex", True, 2),
        (False, 4, "abcde", True, 3),
        (True, 1, "abcdexyz", True, 0),
        (True, 3, "abcdex", True, 2),
    ],
)
def test_min_count_decides_which_characters_are_added(
    tmp_path, had, min_count, symbols, has_unknown, num_unknown
):
    text = "abbbzxyxyx"
    old = of_text("abcde", has_unknown=had)
    corpus = read_extended(tmp_path, text, old, min_count=min_count)
    assert corpus.vocabulary.decode(range(len(symbols))) == symbols
    assert corpus.vocabulary.has_unknown == has_unknown
    assert (corpus.distinct, corpus.singletons, corpus.num_unknown) == (5, 2, num_unknown)
    expected = "".join(c if c in symbols else "\ufffd" for c in text)
    assert corpus.vocabulary.decode(corpus.ids) == expected


def test_without_extending_the_vocabulary_stays_whole(tmp_path, wording):
    old = of_text("abcde", has_unknown=True)
    corpus = read_extended(tmp_path, "abbbzxyxyx", old, extend=False)
    assert corpus.vocabulary is old
    assert (corpus.distinct, corpus.num_unknown) == (5, 3)
    with wording.raises(DataError):
        read_extended(tmp_path, "abbbzxyxyx", of_text("abcde"), extend=False)


# --- the trainer -------------------------------------------------------------------------------------------------------

CONFIG = TrainingConfig(steps=12, batch_size=5, sequence_length=9, eval_every=4, dropout=0.2)


@pytest.fixture
def corpus(tmp_path):
    return make_corpus(tmp_path)


def started(corpus, folder, **start):
    """A trainer that starts from a model, unless it resumes."""
    model = make_model(corpus.vocabulary)
    return make_trainer(
        corpus, folder, CONFIG, shape={"hidden_size": 5}, **(start or {"initial": model})
    )


def test_the_start_is_judged_before_the_first_step(corpus, tmp_path):
    events = list(started(corpus, tmp_path / "run").run())
    judged = events[0]
    assert isinstance(judged, Evaluated)
    assert (judged.step, judged.train_nats, judged.is_best) == (0, None, True)
    model = make_model(corpus.vocabulary)
    assert judged.val_nats == pytest.approx(evaluate(model, corpus.val).nats_per_char, abs=1e-5)
    rows = load_rows(tmp_path / "run" / "metrics.jsonl")
    assert [row["step"] for row in rows] == [0, 4, 8, 12]
    assert rows[0]["train_nats_per_char"] is None
    assert rows[0]["val_nats_per_char"] == judged.val_nats


def test_a_start_that_is_of_no_use_is_refused_in_words(corpus, tmp_path, monkeypatch, wording):
    monkeypatch.setattr(Trainer, "validate", lambda _self: float("nan"))
    with wording.raises(DivergedError) as error:
        list(started(corpus, tmp_path / "run").run())
    assert "init_from" in error.value.hint
    assert not (tmp_path / "run" / "last.safetensors").exists()


def test_if_no_step_makes_it_better_the_start_is_the_best(corpus, tmp_path, monkeypatch):
    losses = iter([1.0, 2.0, 3.0, 4.0])
    monkeypatch.setattr(Trainer, "validate", lambda _self: next(losses))
    list(started(corpus, tmp_path / "run").run())
    best = load_checkpoint(tmp_path / "run" / "best.safetensors")
    assert best.metrics["best_step"] == best.metrics["step"] == 0
    weights = make_model(corpus.vocabulary).weights
    assert all((best.model.weights[name] == weights[name]).all() for name in weights)


def test_without_validation_text_there_is_nothing_to_judge_the_start_by(corpus, tmp_path):
    all_train = dataclasses.replace(corpus, config=CorpusConfig(val_fraction=0))
    events = list(started(all_train, tmp_path / "run").run())
    assert not any(isinstance(event, Evaluated) and event.step == 0 for event in events)
    assert any(isinstance(event, Step) for event in events)


def contents(folder):
    """All that a run keeps but times."""
    files = [load_checkpoint(folder / f"{name}.safetensors") for name in ("best", "last")]
    rows = load_rows(folder / "metrics.jsonl")
    return (
        [{n: a.tobytes() for n, a in {**f.model.weights, **f.training}.items()} for f in files],
        [{k: v for k, v in row.items() if k != "seconds"} for row in rows],
    )


@pytest.mark.parametrize("stop_at", [0, 3])
def test_a_stopped_run_that_started_from_a_model_resumes_bit_for_bit(corpus, tmp_path, stop_at):
    list(started(corpus, tmp_path / "whole").run())
    stopped = started(corpus, tmp_path / "parts")
    stopped.stop_requested = stop_at == 0
    for event in stopped.run():
        stopped.stop_requested |= isinstance(event, Step) and event.step == stop_at
    last = load_checkpoint(tmp_path / "parts" / "last.safetensors")
    assert last.metrics["step"] == stop_at
    list(started(corpus, tmp_path / "parts", resume=last).run())
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


# --- the command -------------------------------------------------------------------------------------------------------

NEW = "crème brûlée — déjà vu; a ☃\n" * 40
QUICK = ("--batch-size", 6, "--sequence-length", 10, "--precision", "float32", "--steps", 4)


@pytest.fixture
def here(workplace, tmp_path, monkeypatch, capsys):
    """`call_charrnn` in a folder with the workplace's runs and some texts, on one thread."""
    import torch

    shutil.copytree(workplace / "checkpoints", tmp_path / "checkpoints")
    (tmp_path / "corpus.txt").write_text(make_text(3000), encoding="utf-8")
    (tmp_path / "new.txt").write_text(NEW, encoding="utf-8")
    unknowing = make_model(of_text(NEW.replace("☃", ""), has_unknown=True))
    save_checkpoint(tmp_path / "unknowing.safetensors", Checkpoint(unknowing))
    relu = make_model(of_text(make_text(3000)), "elman", 1, activation="relu", learn_start=True)
    save_checkpoint(tmp_path / "relu.safetensors", Checkpoint(relu))
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield lambda *arguments, **options: call_charrnn(capsys, *arguments, **options)
    torch.set_num_threads(before)


def test_a_run_says_and_keeps_what_it_started_from(here, workplace, wording):
    result = here("train", "new.txt", "--init-from", "tiny", "--extend-vocabulary", *QUICK)
    tiny = load_checkpoint(workplace / "checkpoints" / "tiny" / "best.safetensors")
    assert f" {len(tiny.model.vocabulary)} characters, 6 added (à, è, é, û, —, ☃)" in result.err
    wording(result)
    facts = json.loads(here("inspect", "new", "--json").out)
    old = set(map(chr, tiny.model.vocabulary.symbols))
    assert facts["vocabulary"]["characters"] == "".join(sorted(old | set(NEW)))
    assert facts["run"]["init_from"] == {
        "path": "checkpoints/tiny/best.safetensors",
        "sha256": tiny.sha256,
        "fingerprint": tiny.run["corpus"]["fingerprint"],
        "extend_vocabulary": True,
    }
    row = f"init from   checkpoints/tiny/best.safetensors (sha256 {tiny.sha256[:12]})\n"
    assert row in here("inspect", "new").out
    assert "init from" not in here("inspect", "tiny").out


def test_many_added_characters_are_not_all_shown_and_none_acts_on_the_terminal(here):
    Path("many.txt").write_text("\x1b" + "".join(map(chr, range(0x400, 0x440))) * 3)
    result = here("train", "many.txt", "--init-from", "tiny", "--extend-vocabulary", *QUICK)
    assert "65 added (U+001B, Ѐ, Ё, Ђ, Ѓ, Є, Ѕ, І ...)\n" in result.err


def test_a_vocabulary_that_suffices_is_kept_whole(here, tiny_model):
    here("train", "corpus.txt", "--max-chars", 300, "--init-from", "tiny", *QUICK, "-q")
    facts = json.loads(here("inspect", "corpus", "--json").out)
    assert facts["run"]["corpus"]["distinct"] < len(tiny_model.vocabulary)
    assert facts["config"] == dataclasses.asdict(tiny_model.config)
    assert facts["vocabulary"]["characters"] == tiny_model.vocabulary.decode(
        range(len(tiny_model.vocabulary))
    )


def test_a_model_with_an_unknown_symbol_reads_all_others_as_that(here, wording):
    result = here("train", "new.txt", "--init-from", "unknowing.safetensors", *QUICK)
    wording(result)
    assert "added" not in result.err
    facts = json.loads(here("inspect", "new", "--json").out)
    assert facts["vocabulary"]["has_unknown"]
    assert "☃" not in facts["vocabulary"]["characters"]
    assert facts["run"]["init_from"]["fingerprint"] is None


def test_rare_characters_become_an_unknown_symbol_that_the_model_gets(here, wording):
    Path("rare.txt").write_text(NEW + "ßßß½", encoding="utf-8")
    extend = ("--init-from", "tiny", "--extend-vocabulary", "--min-count", 2)
    result = here("train", "rare.txt", *extend, *QUICK)
    wording(result)


def test_a_byte_model_stays_one_and_needs_no_option_to_say_so(here, wording):
    result = here("train", "new.txt", "--init-from", "bytes", *QUICK)
    wording(result)
    facts = json.loads(here("inspect", "new", "--json").out)
    assert facts["run"]["corpus"]["config"]["level"] == "byte"


@pytest.mark.parametrize(
    ("start", "options"),
    [
        ("tiny", "--cell lstm --hidden-size 24 --layers 2 --embedding-size 5 --level char"),
        ("tiny", "--activation tanh --min-count 1"),
        ("bytes", "--level byte"),
        ("relu.safetensors", "--activation relu --learn-start --no-layer-norm"),
        ("relu.safetensors", "--cell elman"),
    ],
)
def test_options_that_agree_with_the_model_are_accepted(here, start, options):
    here("train", "corpus.txt", "--init-from", start, *options.split(), *QUICK, "-q")
    before = json.loads(here("inspect", start, "--json", "-q").out)
    after = json.loads(here("inspect", "corpus", "--json", "-q").out)
    assert after["config"] == before["config"]


KEEPS = "leave it out: with --init-from the network keeps its shape"
TINY = "in checkpoints/tiny/best.safetensors"
REFUSED = [
    (("missing",), 4),
    (("corpus.txt",), 4),
    (("tiny", "--cell", "gru"), 2),
    (("tiny", "--hidden-size", "256"), 2),
    (("tiny", "--layers", "1"), 2),
    (("tiny", "--embedding-size", "64"), 2),
    (("tiny", "--activation", "relu"), 2),
    (("tiny", "--learn-start"), 2),
    (("tiny", "--layer-norm"), 2),
    (("tiny", "--level", "byte"), 2),
    (("bytes", "--level", "char"), 2),
    (("bytes", "--layers", "9"), 2),
    (("bytes", "--extend-vocabulary"), 2),
    (("bytes", "--encoding", "latin-1"), 2),
    (("tiny", "--min-count", "2"), 2),
    (("tiny",), 3),
    (("tiny",), 3),
]


@pytest.mark.parametrize(("arguments", "status"), REFUSED)
def test_what_cannot_be_is_refused_in_one_line_before_training(here, arguments, status, wording):
    result = here("train", "new.txt", "--init-from", *arguments, *QUICK, status=status)
    wording(result)
    assert result.err.count("charrnn: ") == 1
    assert not Path("checkpoints/new").exists()


def test_extending_needs_a_model_to_extend(here, wording):
    result = here("train", "new.txt", "--extend-vocabulary", *QUICK, status=2)
    wording(result)


def test_a_run_that_is_resumed_cannot_start_from_another_model(here):
    result = here("train", "--resume", "--name", "tiny", "--init-from", "bytes", status=2)
    assert "--init-from" in result.err


def test_resuming_needs_nothing_of_the_old_model(here, wording):
    start = ("--init-from", "tiny", "--extend-vocabulary", "--min-count", 2)
    Path("rare.txt").write_text(NEW + "ßßß½", encoding="utf-8")
    here("train", "rare.txt", *start, *QUICK, "-q")
    path = Path("checkpoints/rare/last.safetensors")
    last = load_checkpoint(path)
    training = {**last.run["training"], "steps": 6}
    save_checkpoint(path, dataclasses.replace(last, run={**last.run, "training": training}))
    shutil.rmtree("checkpoints/tiny")
    result = here("train", "--resume", "--name", "rare")
    wording(result)
    after = load_checkpoint(path)
    assert after.metrics["step"] == 6
    assert after.run["init_from"] == last.run["init_from"]
    assert after.model.vocabulary.has_unknown


def test_resuming_reads_strangers_as_the_model_did(here):
    """A model with an unknown symbol that is tuned to a text with other characters knows no more of them afterwards."""
    here("train", "corpus.txt", "--min-count", 30, "--name", "coarse", *QUICK, "-q")
    Path("other.txt").write_text(NEW + "ßßß½", encoding="utf-8")
    here("train", "other.txt", "--init-from", "coarse", *QUICK, "-q")
    path = Path("checkpoints/other/last.safetensors")
    last = load_checkpoint(path)
    training = {**last.run["training"], "steps": 6}
    save_checkpoint(path, dataclasses.replace(last, run={**last.run, "training": training}))
    here("train", "--resume", "--name", "other", "-q")
    after = load_checkpoint(path)
    assert after.metrics["step"] == 6
    coarse = load_checkpoint(Path("checkpoints/coarse/best.safetensors")).model.vocabulary
    assert (after.model.vocabulary.symbols == coarse.symbols).all()
    assert "validation: best" in here("curve", "other").out.replace("v ", "")


def test_a_start_that_is_never_surpassed_is_said(here):
    wild = ("--lr", 1, "--clip", "off", "--init-from", "tiny")
    result = here("train", "corpus.txt", *wild, *QUICK, "-q")
    assert "training did not improve on the initial model, which was saved unchanged" in result.out
    best = load_checkpoint(Path("checkpoints/corpus/best.safetensors"))
    tiny = load_checkpoint(Path("checkpoints/tiny/best.safetensors"))
    assert all((best.model.weights[n] == a).all() for n, a in tiny.model.weights.items())


# --- how the text is read ---------------------------------------------------------------------------


SETTINGS = {
    "lines": ("--lines",),
    "records": ("--separator", r"\n\n"),
    "documents": ("--documents",),
    "nfc": ("--normalize", "nfc"),
}


@pytest.fixture
def start_of(here, tmp_path):
    """Trains a model on a text that is read with given options, and returns its name."""
    (tmp_path / "list.txt").write_text("ada\nmarie\n\ngrace\n" * 20)
    (tmp_path / "more.txt").write_text("marie\n\nada\n" * 20)

    def train(*options):
        here(*("train", "list.txt", "more.txt", "--steps", 1, "--hidden-size", 5, "-q"), *options)
        return max((tmp_path / "checkpoints").iterdir(), key=lambda p: p.stat().st_mtime_ns)

    return train


@pytest.mark.parametrize("options", SETTINGS.values(), ids=SETTINGS)
def test_a_text_is_read_as_the_models_was_and_that_is_said(here, start_of, options, wording):
    base = start_of(*options, "--name", "base")
    fine = ("train", "list.txt", "more.txt", "--init-from", base, "--steps", 1, "--name", "fine")
    wording(here(*fine))
    recorded = [
        load_checkpoint(folder / "best.safetensors").run["corpus"]["config"]
        for folder in (base, base.with_name("fine"))
    ]
    assert recorded[0] == recorded[1]


@pytest.mark.parametrize(
    ("own", "wish"),
    [
        ("lines", ("--no-lines",)),
        ("lines", ("--documents", "--extend-vocabulary")),
        ("lines", ("--normalize", "nfd")),
        ("nfc", ("--normalize", "off")),
        ("records", ("--no-lines",)),
    ],
    ids=str,
)
def test_another_wish_is_obeyed_and_said_and_its_run_file_repeats_it(
    here, start_of, tmp_path, own, wish, wording
):
    base = start_of(*SETTINGS[own], "--name", "base")
    fine = ("train", "list.txt", "more.txt", "--init-from", base, "--steps", 1)
    wording(here(*fine, *wish, "--name", "fine"))
    (tmp_path / "fine.toml").write_text(here("inspect", "fine", "--toml").out)
    here("train", "--config", "fine.toml", "--name", "again", "-q")
    configs = [
        load_checkpoint(base.with_name(name) / "best.safetensors").run["corpus"]["config"]
        for name in ("base", "fine", "again")
    ]
    assert configs[0] != configs[1] == configs[2]
