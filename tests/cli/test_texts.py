"""Texts as people bring them, through the command line: records, documents, and what a checkpoint keeps of them."""

import dataclasses
import json
import re
import subprocess
import unicodedata

import pytest
from helpers import CLEAN, nearly, program, run_on_terminal

import charrnn
from charrnn.checkpoint import load_checkpoint, save_checkpoint

BRIEF = (
    *("--hidden-size", 12, "--embedding-size", 4, "--batch-size", 6, "--sequence-length", 10),
    *("--precision", "float32", "--steps", 3, "--no-baselines"),
)
RECIPES = [f"Cake {k}\n\n- {k} eggs\n- salt" for k in range(20)]


@pytest.fixture
def recipes(charrnn_in, tmp_path):
    """A run of records, and its text."""
    (tmp_path / "recipes.txt").write_text("\n\n%%\n\n".join(RECIPES) + "\n")
    charrnn_in("train", "recipes.txt", "--separator", "%%", *BRIEF)
    return tmp_path / "recipes.txt"


def test_records_are_read_scored_and_sampled_as_lines_are(charrnn_in, recipes, wording):
    size = sum(map(len, RECIPES)) + len(RECIPES)
    scored = json.loads(charrnn_in("evaluate", "recipes", "recipes.txt", "--json").out)
    assert (scored["items"], scored["characters"], scored["lines"]) == (20, size, None)
    assert scored["protocol"] == "20 records, state reset at each, record separator counted"
    wording(charrnn_in("evaluate", "recipes", "recipes.txt", "--window", 9, status=2))
    part = json.loads(charrnn_in("evaluate", "recipes", "--split", "val", "--json").out)
    assert part["items"] == 2
    sample = ("sample", "recipes", "--seed", 1, "--length", 400)
    texts = [
        json.loads(line)["text"]
        for line in charrnn_in(*sample, "-q", "--count", 3, "--json").out.splitlines()
    ]
    assert not any("\x1e" in text for text in texts)
    assert charrnn_in(*sample, "--count", 3).out == "\n%%\n".join(texts) + "\n"
    assert charrnn_in(*sample, "--count", 3, "--separator", "|").out == "|".join(texts) + "\n"
    running = (*sample, "-q", "--no-lines", "--temp", 3)
    (raw,) = charrnn_in(*running, "--json").out.splitlines()
    assert "\x1e" in json.loads(raw)["text"]
    assert charrnn_in(*running).out == json.loads(raw)["text"].replace("\x1e", "\n%%\n")
    shown = charrnn_in("visualize", "recipes", "recipes.txt", "--surprisal", "--color", "none")
    wording(shown)
    assert "salt␞Cake" in shown.out
    plan = ("train", "recipes.txt", "--separator", "%%", "--plan-only", *BRIEF)
    assert "20 records of" in charrnn_in(*plan).err


def test_a_record_is_novel_unless_it_stands_in_the_corpus(recipes):
    from charrnn.cli.sample.selection import SelectionOptions, make_selection
    from charrnn.runs import reading_of

    run = load_checkpoint(recipes.parent / "checkpoints" / "recipes" / "best.safetensors")
    options = SelectionOptions(novel=(str(recipes),), novel_length=1000)
    novelty = make_selection(options, reading_of(run)).novelty
    assert novelty.is_copied(RECIPES[3])
    assert not novelty.is_copied(RECIPES[3] + "\n- sugar")
    assert not novelty.is_copied("- salt")


def test_each_file_of_a_folder_is_a_document(charrnn_in, tmp_path, wording):
    (tmp_path / "tweets").mkdir()
    for k in range(24):
        (tmp_path / "tweets" / f"{k}.txt").write_text(f"tweet {k} says hello")
    running = charrnn_in("train", "tweets", "--plan-only", *BRIEF)
    wording(running)
    result = charrnn_in("train", "tweets", "--documents", *BRIEF)
    wording(result)
    assert "boundary" not in result.err
    scored = charrnn_in("evaluate", "tweets", "tweets/3.txt").out
    assert "19, 1 document, state reset at each" in scored


def test_a_list_of_names_is_noticed_with_what_to_type(charrnn_in, tmp_path, wording):
    (tmp_path / "names.txt").write_text("ada\nmarie\ngrace\n" * 20)
    result = charrnn_in("train", "names.txt", "--plan-only", *BRIEF)
    wording(result)


def test_accents_are_read_in_the_form_of_the_model(charrnn_in, tmp_path):
    composed = "José García, Ángel Muñoz y Begoña Núñez\n"
    decomposed = unicodedata.normalize("NFD", composed)
    (tmp_path / "names.txt").write_text(decomposed * 20)
    trained = charrnn_in("train", "names.txt", "--normalize", "nfc", *BRIEF)
    assert "decomposed accent" not in trained.err
    assert "normalize:" not in trained.err
    said = "with composed accents (NFC)"
    scores = []
    for name, text in (("nfc.txt", composed), ("nfd.txt", decomposed)):
        (tmp_path / name).write_text(text)
        scored = charrnn_in("evaluate", "names", name)
        scores.append(scored.out)
        assert scored.err == ""  # it is in the checkpoint how its texts are read
    assert scores[0] == scores[1]
    lines = [charrnn_in("score", "names", name).out for name in ("nfc.txt", "nfd.txt")]
    assert lines[0] == lines[1]
    for option, gap, more in (("--prompt", "", ("--seed", 1)), ("--infill", "_", ())):
        found = [
            charrnn_in("sample", "names", option, text + gap, *more, "-q").out
            for text in ("José", unicodedata.normalize("NFD", "José"))
        ]
        assert found[0] == found[1]
        assert found[0].startswith("José")
    picked = [
        charrnn_in("score", "names", "--prompt", text, "--pick", text, "--json").out
        for text in ("José", unicodedata.normalize("NFD", "José"))
    ]
    assert picked[0] == picked[1]
    charrnn_in("train", "nfc.txt", "--name", "plain", *BRIEF)
    assert said in charrnn_in("evaluate", "plain", "nfd.txt").err
    assert (
        said in charrnn_in("sample", "plain", "--prompt", unicodedata.normalize("NFD", "José")).err
    )
    assert said in charrnn_in("visualize", "plain", "nfd.txt", "--surprisal", "--color", "none").err
    (tmp_path / "nfd.txt").write_text(decomposed * 3)
    scored = charrnn_in("score", "plain", "nfd.txt", "--lines", "--json")
    assert scored.err.count(said) == 1
    assert [json.loads(line)["unknown"] for line in scored.out.splitlines()] == [0, 0, 0]


def test_the_plan_of_a_model_of_bytes_counts_bytes(charrnn_in, tmp_path):
    (tmp_path / "text.txt").write_text("déjà vu\n" * 300)
    said = charrnn_in("train", "text.txt", "--level", "byte", *BRIEF, "--plan-only")
    plan = [line for line in said.out.splitlines() if line.startswith("plan ")]
    assert "of 6 x 10 bytes" in plan[-1]
    assert not any("character" in line for line in plan)


def test_a_single_record_is_counted_as_one(charrnn_in, tmp_path):
    (tmp_path / "two.txt").write_text("the first text\n%%\nthe second text\n")
    said = charrnn_in(
        "train", "two.txt", "--separator", "%%", "--val-fraction", 0.5, *BRIEF, "--plan-only"
    ).err
    assert "1 record for training, then 1 for validation" in said


@pytest.mark.parametrize("kind", [(), ("--lines",)])
def test_a_published_split_is_kept(kind, charrnn_in, tmp_path):
    for name, count in (("train", 40), ("dev", 6), ("final", 7)):
        lines = "".join(f"{name} line number {k} of this file\n" for k in range(count))
        (tmp_path / f"{name}.txt").write_text(lines + "a line that every file of the split has\n")
    options = ("--val", "dev.txt", "--test", "final.txt", *kind)
    said = charrnn_in("train", "train.txt", *options, *BRIEF).err
    assert "--split-seed" not in said  # nothing is drawn
    sizes = [(tmp_path / f"{name}.txt").stat().st_size for name in ("train", "dev", "final")]
    train, dev, final = (41, 7, 8) if kind else sizes
    unit = " lines" if kind else ""
    assert (
        f"{train:,}{unit} for training, then {dev} for validation, {final} held out for testing"
        in said
    )
    what = "lines" if kind else "lines of more than 20 characters"
    assert f"1 of 7 validation {what} also occur in the training set" in said
    assert f"1 of 8 test {what} also occur in the training set" in said
    scores = [
        json.loads(charrnn_in("evaluate", "train", *arguments, "--json").out)
        for arguments in (("--split", "val"), ("dev.txt",), ("--split", "test"), ("final.txt",))
    ]
    assert scores[0] == nearly(scores[1])
    assert scores[2] == nearly(scores[3])
    assert scores[1] != nearly(scores[2])
    written = charrnn_in("inspect", "train", "--toml").out
    assert 'val = "dev.txt"' in written
    (tmp_path / "run.toml").write_text(written)
    charrnn_in("train", "--config", "run.toml", "--name", "again")
    longer = ("train", "train.txt", "--resume", "--name", "again", "--steps", 5)
    assert f"then {dev} for validation, {final} held out" in charrnn_in(*longer).err
    (tmp_path / "dev.txt").write_text("line number 9 of this file\n" * 3)
    charrnn_in("evaluate", "train", "--split", "val", status=3)


def test_a_conversation_is_gone_on_with_by_one_reply(charrnn_in, tmp_path):
    (tmp_path / "chat.txt").write_text("<1> did you eat?\n<2> not yet, and you?\n" * 90)
    trained = charrnn_in("train", "chat.txt", *BRIEF)
    assert "looks like a list" not in trained.err
    options = (
        "--prompt",
        r"<1> did you eat?\n<2> ",
        "--stop",
        r"\n",
        "--seed",
        1,
        "--length",
        5000,
    )
    reply = charrnn_in("sample", "chat", *options).out
    assert reply.startswith("<1> did you eat?\n<2> ")
    assert reply.count("\n") == 1
    record = json.loads(charrnn_in("sample", "chat", *options, "--json").out)
    assert record["stop"] == "stop"


def test_levels_keep_their_form(charrnn_in, tmp_path):
    level = "".join("+" * 7 + "#" * k + "." * (5 - k) + "\n" for k in range(4))
    (tmp_path / "levels.txt").write_text((level + "\n") * 40)
    assert "looks like a list" not in charrnn_in("train", "levels.txt", *BRIEF).err
    form = r"([+#.]{12}\n){4}"
    written = charrnn_in("sample", "levels", "--match", form, "--seed", 1).out
    assert re.fullmatch(form, written)
    charrnn_in("train", "levels.txt", "--separator", r"\n\n", "--name", "records", *BRIEF)
    form = r"([+#.]{12}\n){3}[+#.]{12}"
    written = charrnn_in("sample", "records", "--match", form, "--seed", 1, "--count", 2).out
    assert re.fullmatch(f"{form}\n\n{form}\n", written)


TUNE = bytes((0x00, 0x90, 0x3C, 0x50, 0x81, 0x70)) * 200 + "né".encode()


def sampled(folder, *arguments):
    """The bytes that `sample` writes into a pipe."""
    line = program("sample", *arguments, "-q")
    return subprocess.run(line, cwd=folder, env=CLEAN, capture_output=True, check=True).stdout


@pytest.mark.parametrize("level_of", ["tune", "book"])
def test_a_model_of_bytes_writes_what_it_was_trained_on(level_of, charrnn_in, tmp_path):
    (tmp_path / "tune.bin").write_bytes(TUNE)
    (tmp_path / "book.bin").write_bytes("né à Łódź\n".encode() * 200)
    is_text = level_of == "book"
    said = charrnn_in("train", f"{level_of}.bin", "--level", "byte", *BRIEF).err
    assert ("these bytes are not UTF-8" in said) == (not is_text)
    options = (level_of, "--seed", 1, "--length", 200)
    written = sampled(tmp_path, *options)
    text = written.decode("utf-8", "surrogateescape")
    assert len(text) == 200
    assert any("\udc80" <= c <= "\udcff" for c in text) == (not is_text)
    (record,) = map(json.loads, charrnn_in("sample", *options, "--json").out.splitlines())
    assert record["text"] == text
    shown = run_on_terminal("sample", *options, "-q", cwd=tmp_path)
    assert shown.isprintable() or not set(shown) & set(map(chr, (*range(9), *range(14, 32), 127)))
    assert is_text or "▯" in shown
    model = charrnn.load(tmp_path / "checkpoints" / level_of)
    assert "".join(model.sample(length=200, temperature=0.8, seed=1)) == text
    prompt = tmp_path / "prompt"
    prompt.write_bytes(b"\x00\x90\xe2\x82")  # it ends within a character
    begun = sampled(tmp_path, *options, "--prompt-file", "prompt")
    assert begun.startswith(b"\x00\x90")


@pytest.mark.parametrize("lines", [False, True])
def test_a_checkpoint_from_before_records_is_read_as_it_was(lines, charrnn_in, tmp_path):
    """Its record lacks the newer settings, and its files ran into each other."""
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("ada\nmarie\ngrace" * 9)
    charrnn_in("train", "a.txt", "b.txt", *(("--lines",) if lines else ()), *BRIEF)
    path = tmp_path / "checkpoints" / "a" / "best.safetensors"
    before = charrnn_in("sample", "a", "--seed", 1).out
    checkpoint = load_checkpoint(path)
    about = checkpoint.run["corpus"]
    kept = ("level", "lines", "globs", "max_chars", "val_fraction", "test_fraction", "split_seed")
    config = {
        name: about["config"][name] for name in (*kept, "min_count", "encoding", "keep_newlines")
    }
    if not lines:
        import hashlib

        text = (tmp_path / "a.txt").read_bytes() * 2
        about = about | {"fingerprint": hashlib.sha256(text).hexdigest()}
    run = {**checkpoint.run, "corpus": {**about, "config": config}}
    save_checkpoint(path, dataclasses.replace(checkpoint, run=run))
    assert charrnn_in("sample", "a", "--seed", 1).out == before
    assert charrnn_in("evaluate", "a", "--split", "train").out
