"""A run's corpus, wherever the command is typed; and what a stranger's checkpoint cannot learn or show."""

import dataclasses

import pytest
from helpers import call_charrnn, make_text

from charrnn.checkpoint import load_checkpoint, save_checkpoint

SHAPE = ("--hidden-size", 9, "--embedding-size", 4, "--batch-size", 6, "--sequence-length", 10)
SECRET = "the password is swordfish and nobody shall read it".ljust(200, "!")


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """`call_charrnn` in a folder that has neither the text nor the run."""
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text(make_text(2000))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    call_charrnn(
        *(capsys, "train", "texts/a.txt", *SHAPE, "--precision", "float32", "--threads", 1),
        *("--steps", 2, "--name", "one", "-q"),
    )
    monkeypatch.chdir(tmp_path / "elsewhere")
    return lambda *arguments, **options: call_charrnn(capsys, *arguments, **options)


@pytest.fixture
def best(tmp_path):
    return tmp_path / "checkpoints" / "one" / "best.safetensors"


def change(path, **parts):
    """Change what a checkpoint says of its corpus."""
    loaded = load_checkpoint(path)
    run = {**loaded.run, "corpus": {**loaded.run["corpus"], **parts}}
    save_checkpoint(path, dataclasses.replace(loaded, run=run))


def test_a_run_is_resumed_and_scored_in_any_folder(here, best, tmp_path, wording):
    scored = here("evaluate", best, "--split", "val")
    wording(scored)
    line = ("train", "--resume", "--out", tmp_path / "checkpoints", "--name", "one", "--steps", 4)
    here(*line, "-q")
    assert load_checkpoint(best.with_name("last.safetensors")).metrics["step"] == 4


def test_a_validation_text_that_was_moved_is_named_and_must_be_the_same(here, tmp_path, wording):
    out = ("--out", tmp_path / "checkpoints", "--name", "two")
    (tmp_path / "elsewhere" / "val.txt").write_text(make_text(500))
    own = (tmp_path / "texts" / "a.txt", "--val", "val.txt", *SHAPE, "--precision", "float32")
    here("train", *own, *out, "--steps", 2, "-q")
    run = tmp_path / "checkpoints" / "two"
    expected = here("evaluate", run, "--split", "val", "--json").out
    (tmp_path / "elsewhere" / "val.txt").rename(tmp_path / "elsewhere" / "v.txt")
    longer = ("train", "--resume", *out, "--steps", 3)
    wording(here("evaluate", run, "--split", "val", status=3))
    wording(here(*longer, status=3))
    assert here("evaluate", run, "--split", "val", "--val", "v.txt", "--json").out == expected
    here(*longer, "--val", "v.txt", "-q")
    assert load_checkpoint(run / "last.safetensors").metrics["step"] == 3
    (tmp_path / "elsewhere" / "v.txt").write_text(make_text(500)[:-3])
    wording(here("evaluate", run, "--split", "val", "--val", "v.txt", status=3))
    wording(here(*longer, "--steps", 4, "--val", "v.txt", status=3))
    wording(here("evaluate", run, "--split", "val", "--test", "v.txt", status=2))
    wording(here("evaluate", run, "--split", "val", "--val", "w.txt", status=3))


def test_a_text_that_was_moved_is_named_and_must_be_the_same(here, best, tmp_path, wording):
    text = tmp_path / "texts" / "a.txt"
    expected = here("evaluate", best, "--split", "val", "--json").out
    text.rename(tmp_path / "elsewhere" / "moved.txt")
    wording(here("evaluate", best, "--split", "val", status=3))
    moved = here("evaluate", best, "--split", "val", "--corpus", "moved.txt", "--json")
    assert moved.out == expected
    (tmp_path / "elsewhere" / "moved.txt").write_text(make_text(2000)[:-3])
    wording(here("evaluate", best, "--split", "val", "--corpus", "moved.txt", status=3))
    wording(here("evaluate", best, "--corpus", "moved.txt", "moved.txt", status=2))


@pytest.mark.parametrize("size", [200, 199])
@pytest.mark.parametrize("old", [False, True])
def test_a_forged_record_opens_no_other_file_and_shows_nothing_of_it(
    here, best, tmp_path, monkeypatch, size, old
):
    """Of the right size it is opened, but only its fingerprint is learnt; of another it is not even opened."""
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    place = (
        {"places": None, "characters": size if size == 200 else 900}
        if old
        else {"places": [[str(secret), size]]}
    )
    change(best, sources=[str(secret)], **place)
    opened = []
    from charrnn.cli import inputs

    real = inputs.open_corpus
    monkeypatch.setattr(
        inputs, "open_corpus", lambda n, *a, **k: opened.append(n) or real(n, *a, **k)
    )
    refused = here("evaluate", best, "--split", "val", status=3)
    assert bool(opened) == (size == 200)
    said = refused.out + refused.err
    assert "secret.txt" in said
    assert not any(word in said for word in ("password", "swordfish", "!", "character"))


def test_a_forged_validation_text_is_treated_alike(here, best, tmp_path):
    """Also beside a text that the user names."""
    secret = tmp_path / "secret.txt"
    secret.write_bytes(SECRET.encode("utf-16"))
    loaded = load_checkpoint(best)
    config = {**loaded.run["corpus"]["config"], "val_file": str(secret), "val_fraction": 0.1}
    size = secret.stat().st_size
    for places in ({}, {"val_file": [[str(secret), size - 1]]}):
        change(best, config=config, split_places=places)
        for more in ((), ("--corpus", tmp_path / "texts" / "a.txt")):
            refused = here("evaluate", best, "--split", "val", *more, status=3)
            assert "reading" not in refused.err
    change(best, config=config, split_places={"val_file": [[str(secret), size]]})
    for more in ((), ("-q",), ("--corpus", tmp_path / "texts" / "a.txt")):
        refused = here("evaluate", best, "--split", "val", *more, status=3)
        assert refused.err.index("reading") < refused.err.index("is not the text")
        assert not any(word in refused.err for word in ("password", "character", "utf", "UTF"))


def test_a_run_with_its_own_validation_text_is_resumed_anywhere(here, best, tmp_path, monkeypatch):
    (tmp_path / "elsewhere" / "val.txt").write_text(make_text(2000)[700:1200])
    text = tmp_path / "texts" / "a.txt"
    here("train", text, *SHAPE, "--val", "val.txt", "--steps", 2, "--name", "two", "-q")
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "elsewhere" / "checkpoints"
    here("train", "--resume", "--out", out, "--name", "two", "--steps", 3, "-q")
    here("evaluate", out / "two", "--split", "val")


def test_a_corpus_beside_its_run_is_announced_as_that(here, best, tmp_path):
    recorded = here("evaluate", best, "--split", "val").err
    assert (
        f"{tmp_path / 'texts' / 'a.txt'} (the model's corpus, recorded in its checkpoint)"
        in recorded
    )
    moved = best.parent / "a.txt"
    (tmp_path / "texts" / "a.txt").rename(moved)
    said = here("evaluate", best, "--split", "val").err
    assert f"{moved} (the model's corpus, found beside the run)" in said
