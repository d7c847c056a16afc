"""The library finds, reads and describes a model as the command line does."""

import inspect
import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from helpers import call_charrnn, random_model

import charrnn
from charrnn.api import LanguageModel
from charrnn.config import SamplingConfig
from charrnn.errors import CheckpointError, DataError, SettingError, UsageError
from charrnn.interpret.recording import record
from charrnn.sampling.sampler import sample
from charrnn.text.vocabulary import Vocabulary

LINED = "def\n\n  a b\n\n\nreturn"
RECIPES = "cake\nsugar\n\nsoup\n\n\n\nrice\nbowl\n"


def model_reading(text, **reading):
    """A model with random weights over the characters of a text, trained on it as the settings say."""
    ends = "\n\x1e\x1c"
    plain = random_model(text + ends, seed=7, scale=0.4, embedding_size=4, hidden_size=6)
    return LanguageModel(
        plain.config,
        plain.vocabulary,
        plain.weights,
        metadata={"corpus": {"config": reading}},
        metrics={"best_val_nats_per_char": 1.5, "best_step": 1200, "seconds": 75.0},
        name="<b>plays</b>",
    )


# --- finding a model ------------------------------------------------------------------------------


def test_a_run_is_found_by_name_by_folder_and_by_file(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    file = workplace / "checkpoints" / "tiny" / "best.safetensors"
    prints = {charrnn.load(n).fingerprint for n in ("tiny", file.parent, str(file.parent), file)}
    assert prints == {charrnn.load(str(file)).fingerprint}
    assert charrnn.load(file).name == charrnn.load("tiny").name == "tiny"


def test_a_run_that_is_not_there_is_refused_as_the_command_line_does(
    workplace, monkeypatch, capsys, wording
):
    monkeypatch.chdir(workplace)
    with wording.raises(CheckpointError) as raised:
        charrnn.load("tinny")
    said = call_charrnn(capsys, "inspect", "tinny", status=4).err
    assert str(raised.value) in said


def test_what_was_recorded_of_a_model_is_saved_with_it(tmp_path):
    model = model_reading(LINED, lines=True)
    model.save(tmp_path / "model.safetensors")
    again = charrnn.load(tmp_path / "model.safetensors")
    assert again.reading == model.reading
    assert (again.reading.lines, again.metrics) == (True, model.metrics)
    assert again.evaluate(LINED) == model.evaluate(LINED)


# --- counts ---------------------------------------------------------------------------------------


def test_a_model_with_counts_gives_the_mixed_distribution_whatever_is_asked(workplace, tiny_mixed):
    path = workplace / "checkpoints" / "tiny" / "best.safetensors"
    alone, both = charrnn.load(path), charrnn.load(path, counts=True)
    text = "def a(b):\n    return b\n"
    logits, _, _ = both.step(3, both.initial_state())
    expected, _, _ = tiny_mixed.step(3, tiny_mixed.initial_state())
    np.testing.assert_array_equal(logits, expected)
    assert both.evaluate(text) == charrnn.evaluate(tiny_mixed, text) != alone.evaluate(text)
    assert charrnn.score(both, [text]) == charrnn.score(tiny_mixed, [text])
    assert "".join(both.sample("def", length=40, seed=2)) == "".join(
        sample(tiny_mixed, "def", SamplingConfig(length=40, seed=2))
    )
    recording = both.read(text, top=3)
    np.testing.assert_array_equal(recording.from_counts, record(tiny_mixed, text).from_counts)
    assert alone.read(text).from_counts is None
    for other in (alone.with_counts(), both.with_counts()):
        assert other.evaluate(text) == both.evaluate(text)
    assert both.network.evaluate(text) == alone.evaluate(text)


def test_counts_stay_with_a_model_that_is_edited_or_saved(workplace, tmp_path):
    both = charrnn.load(workplace / "checkpoints" / "tiny" / "best.safetensors", counts=True)
    text = "def a(b):\n    return b\n"
    held = both.edited([charrnn.Edit("clamp", "L0.c.3", 2.0)])
    assert held.read(text).from_counts is not None
    assert held.evaluate(text) not in (both.evaluate(text), held.network.evaluate(text))
    for model in (both, both.network):
        model.save(tmp_path / "m.safetensors")
        again = charrnn.load(tmp_path / "m.safetensors", counts=True)
        assert again.evaluate(text) == both.evaluate(text)


def test_counts_that_a_model_does_not_have_are_refused(tmp_path, wording):
    model = model_reading("abc")
    model.save(tmp_path / "m.safetensors")
    with wording.raises(SettingError):
        charrnn.load(tmp_path / "m.safetensors", counts=True)
    with wording.raises(UsageError):
        model.with_counts()


# --- one rule for reading a text ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reading", "read"),
    [
        (LINED, {}, LINED),
        (LINED, {"lines": True}, "def\n  a b\nreturn\n"),
        ("def", {"lines": True}, "def\n"),
        ("\ndef\n", {"lines": True}, "def\n"),
        (RECIPES, {"separator": "\n\n"}, "cake\nsugar\x1esoup\x1erice\nbowl\x1e"),
        ("\ncake\n", {"documents": True}, "cake\x1c"),
    ],
)
def test_what_is_read_is_what_is_evaluated(text, reading, read):
    model = model_reading(text, **reading)
    recording, found = model.read(text), charrnn.evaluate(model, text)
    assert recording.text == read
    assert found.characters == len(read) - (not reading)
    assert recording.mean_surprisal == pytest.approx(found.bits_per_char, rel=1e-5)
    assert model.evaluate(model.vocabulary.encode(read)) == found == model.evaluate(text)


def test_each_line_costs_what_it_costs_alone():
    model = model_reading(LINED, lines=True)
    alone = [charrnn.evaluate(model, line).total_nats for line in ("def", "  a b", "return")]
    assert charrnn.evaluate(model, LINED).total_nats == pytest.approx(sum(alone), rel=1e-6)
    scored = sum(line.bits for line in charrnn.score(model, LINED.splitlines()))
    found = charrnn.evaluate(model, LINED)
    assert scored == pytest.approx(found.bits_per_char * found.characters, rel=1e-6)


def test_a_model_of_lines_can_read_running_text(wording):
    model = model_reading(LINED, lines=True)
    found = charrnn.evaluate(model, LINED, carried=True)
    running = model_reading(LINED)
    assert found == running.evaluate(LINED)
    assert found.characters == len(LINED) - 1
    assert running.evaluate(LINED, item_end="\n") == model.evaluate(LINED)
    with wording.raises(SettingError):
        charrnn.evaluate(model, LINED, window=3)


@pytest.mark.parametrize("text", ["def", LINED, "\n\ndef a\n\n\n", "def\n  a\n"])
def test_commands_and_library_give_one_metric_for_a_file_of_lines(
    workplace, monkeypatch, capsys, tmp_path, tiny_model, text
):
    model = LanguageModel(
        tiny_model.config,
        tiny_model.vocabulary,
        tiny_model.weights,
        metadata={"corpus": {"config": {"lines": True}}},
    )
    monkeypatch.chdir(tmp_path)
    model.save("lined.safetensors")
    (tmp_path / "lines.txt").write_text(text)
    found = charrnn.evaluate(model, text)
    told = call_charrnn(capsys, "evaluate", "lined.safetensors", "lines.txt", "--json").out
    assert f'"bits_per_char": {found.bits_per_char}' in told
    seen = call_charrnn(capsys, "visualize", "lined.safetensors", "lines.txt", "--surprisal").out
    assert f"surprisal   {found.bits_per_char:.3f} bits per character on average" in seen


def test_a_text_of_empty_lines_is_refused(wording):
    model = model_reading(LINED, lines=True)
    for refused in (model.read, model.evaluate):
        with wording.raises(DataError):
            refused("\n\n")


def test_characters_read_as_the_unknown_symbol_are_counted():
    model = random_model(Vocabulary("char", [97, 98], has_unknown=True))
    assert charrnn.evaluate(model, "ab?ba!").unknown == 2


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "mistake"),
    [
        ("temprature", lambda m: m.sample("a", temprature=1)),
        ("nonsense", lambda m: m.sample("a", nonsense=1)),
        ("temp", lambda m: m.sample("a", temp=1)),
        ("temperature", lambda m: m.sample("a", temperature=-1)),
        ("prompt", lambda m: m.sample(3)),
        ("text", lambda m: m.read(b"ab")),
        ("top", lambda m: m.read("ab", top=-1)),
        ("window", lambda m: m.evaluate("ab", window=0)),
        ("streams", lambda m: charrnn.evaluate(m, "ab", streams=1.5)),
        ("match", lambda m: m.sample("a", match="a", ban="b")),
        ("name", lambda _: charrnn.load(3)),
        ("counts", lambda _: charrnn.load("plays", counts="yes")),
    ],
)
def test_a_mistake_names_the_argument(wording, setting, mistake):
    with wording.raises(SettingError) as raised:
        mistake(random_model("ab"))
    assert raised.value.setting == setting


# --- descriptions ---------------------------------------------------------------------------------


def test_dir_lists_the_public_names():
    assert dir(charrnn) == sorted([*charrnn.__all__, "__version__"])


def test_a_model_describes_itself_in_one_line():
    model = model_reading("abc")
    assert repr(model) == (
        "<LanguageModel '<b>plays</b>': lstm, 2 layers of 6 units, embedding 4: 690 parameters, "
        "6 characters, 2.164 bits per character on validation text>"
    )
    edited = model.edited([charrnn.Edit("clamp", "L0.c.3", 1.0)])
    assert repr(edited).endswith("on validation text, 1 edit>")
    assert "bits" not in repr(random_model("ab"))


def test_a_model_with_counts_says_what_it_and_the_network_cost(tiny_model):
    counts = tiny_model.training_counts
    both, alone = (nats / math.log(2) for nats in (counts.nats, counts.network_nats))
    said = repr(tiny_model.with_counts())
    assert f"parameters, with counts, {len(tiny_model.vocabulary)} characters, " in said
    assert f", {both:.3f} (network alone {alone:.3f}) bits per character on validation text" in said
    ngrams = f"{len(counts.table):,} n-grams"
    assert f"{ngrams}, not mixed in" in tiny_model._repr_html_()
    assert f"{ngrams}, mixed in" in tiny_model.with_counts()._repr_html_()


def test_a_notebook_shows_a_model_as_an_escaped_table():
    html = model_reading("abc", lines=True)._repr_html_()
    table = ET.fromstring(html)
    rows = {row[0].text: row[1].text for row in table}
    assert rows == {
        "model": "<b>plays</b>",
        "cell": "lstm",
        "network": "2 layers of 6 units, embedding 4",
        "parameters": "690",
        "vocabulary": "6 characters",
        "reads": "lines, each by itself",
        "trained": "1,200 steps in 1:15",
        "validation": "2.164 bits per character",
    }


def test_a_notebook_shows_a_recording_in_the_colors_of_its_best_unit():
    model = random_model("ab<&", seed=3)
    recording = model.read("ab<&" * 700, top=2)
    picture = ET.fromstring(recording._repr_html_())
    words = "".join(picture.itertext())
    assert "interest" in words
    assert "in the first 2,000 of 2,800" in words
    assert words.count("<") == 500
    assert isinstance(recording, charrnn.Recording)
    fills = {rect.get("fill") for rect in picture.iter() if rect.tag.endswith("rect")}
    assert len(fills) > 5


def test_a_picture_in_a_notebook_is_bounded_and_inert():
    hostile = "</svg><script>alert(1)</script><img src=x onerror='alert(2)'>\u202e\x00\x1b]]>&lt;\n"
    model = random_model(hostile, seed=3)
    picture = ET.fromstring(model.read(hostile * 90)._repr_html_())
    tags = {element.tag.partition("}")[2] for element in picture.iter()}
    assert tags <= {"svg", "title", "desc", "rect", "g", "text", "tspan"}
    names = {name for element in picture.iter() for name in element.attrib}
    assert not [name for name in names if name.startswith("on") or name.endswith(("href", "src"))]
    assert picture.get("style") == "max-width:100%;height:auto"
    html = model.read("\n" * 5000)._repr_html_()
    assert "in the first 100 of 5,000" in html
    assert int(ET.fromstring(html).get("height")) < 2500
    assert (
        max(len(model.read(text)._repr_html_()) for text in (hostile * 90, "\x00<" * 2000))
        < 400_000
    )


def test_public_functions_are_documented():
    for name in charrnn.__all__:
        assert inspect.getdoc(getattr(charrnn, name)), name
