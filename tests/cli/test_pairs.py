"""`charrnn train --pairs`, `convert`, and what other commands make of such a model."""

import json
import random
import re
import subprocess
import sys

import numpy as np
import pytest
from helpers import BRIEF, CLEAN, call_charrnn, made_once, own_signals, program

import charrnn
from charrnn.errors import DataError, SettingError
from charrnn.pairs.given import given_source
from charrnn.pairs.model import PairNetwork


def words(num, seed=3):
    generator = random.Random(seed)
    return [
        "".join(generator.choice("abcd") for _ in range(generator.randint(3, 7)))
        for _ in range(num)
    ]


def fill(folder):
    """Files of pairs, and a run for some of them."""
    texts = words(400)
    write = {
        "reverse.tsv": [f"{w}\t{w[::-1]}" for w in texts],
        "tags.tsv": [f"{w}\t{w.translate(str.maketrans('abcd', 'xyxy'))}" for w in texts],
        "kinds.tsv": [f"{w}\t{'odd' if len(w) % 2 else 'even'}" for w in texts],
        "cases.tsv": [
            f"{('low', 'up')[k % 2]}\t{(w, w.upper())[k % 2]}" for k, w in enumerate(texts)
        ],
    }
    for name, lines in write.items():
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("charrnn.training.measure.TRIAL_SECONDS", BRIEF)
        _train(folder)


def _train(folder):
    sizes = {
        "hidden_size": 16,
        "embedding_size": 8,
        "threads": 1,
        "seed": 2,
        "out": folder / "checkpoints",
    }
    for name, steps in {"reverse": 60, "kinds": 30, "cases": 20, "tags": 30}.items():
        charrnn.train(folder / f"{name}.tsv", pairs=True, name=name, steps=steps, **sizes).finish()


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    return made_once(tmp_path_factory, "pairs", fill)


@pytest.fixture
def see(trained, monkeypatch, capsys):
    """`charrnn ARGUMENTS` beside the pairs and their runs."""
    monkeypatch.chdir(trained)
    return lambda *arguments, status=0: call_charrnn(capsys, *arguments, status=status)


# --- training ---------------------------------------------------------------------------------------------------------

SMALL = ("--hidden-size", 8, "--embedding-size", 4, "--threads", 1, "--steps", 4)


@pytest.mark.parametrize("name", ["reverse", "tags", "kinds", "cases"])
def test_a_run_says_what_it_has_read_and_how_well_it_does(name, see, tmp_path, wording):
    result = see("train", f"{name}.tsv", "--pairs", *SMALL, "--out", tmp_path, "--name", name)
    kind = charrnn.load(tmp_path / name).config.align
    assert kind == {"reverse": "attention", "tags": "each", "kinds": "label", "cases": "none"}[name]
    wording(result, only="^(corpus|split|note)")
    assert f"next: charrnn {'sample' if name == 'cases' else 'convert'}" in result.out


def test_the_result_in_json_has_the_scores(see, tmp_path):
    command = ("train", "kinds.tsv", "--pairs", *SMALL, "--out", tmp_path, "--json")
    *_, last = map(json.loads, see(*command).out.splitlines())
    assert last["event"] == "result"
    assert last["validation"]["labels"] == ["even", "odd"]
    assert {"most_frequent", "copy"} <= set(last["baselines"])
    assert last["baselines"]["language_model"]["pairs"] == last["validation"]["pairs"]


def test_a_language_model_of_the_lines_is_announced_and_trained_unless_it_is_left_out(
    see, tmp_path, wording
):
    command = ("train", "cases.tsv", "--pairs", *SMALL, "--out", tmp_path, "--overwrite")
    wording(see(*command), only="^baselines  ")
    for options in (("--no-baselines",), ("--align", "lm")):
        assert "baselines" not in see(*command, *options).err
    assert charrnn.load(tmp_path / "cases").config.align == "lm"


@pytest.mark.parametrize(
    "options",
    [
        ("--attention", "dot"),
        ("--align", "each"),
        ("--no-bidirectional",),
        ("--label-smoothing", 0.1),
    ],
)
def test_settings_of_pairs_need_pairs(options, see, wording):
    wording(see("train", "reverse.tsv", *options, status=2))


@pytest.mark.parametrize(
    "options",
    [
        ("reverse.tsv", "--align", "each", "--attention", "dot"),
        ("reverse.tsv", "--align", "ctc", "--label-smoothing", 0.1),
        ("reverse.tsv", "--learn-start"),
        ("reverse.tsv", "--reset-every", 3),
        ("reverse.tsv", "--count-size", 3),
        ("reverse.tsv", "--counts"),
        ("reverse.tsv", "--init-from", "reverse"),
        ("cases.tsv", "--bidirectional"),
        ("kinds.tsv", "--val-fraction", 0, "--patience", 3),
    ],
)
def test_settings_without_a_meaning_for_these_pairs_are_refused(options, see, wording):
    wording(see("train", *options, "--pairs", status=2))


def test_pairs_that_an_alignment_does_not_allow_are_refused(see, wording):
    wording(see("train", "kinds.tsv", "--pairs", "--align", "each", status=3))


def test_no_attention_is_an_encoder_and_a_decoder(see, tmp_path):
    see("train", "reverse.tsv", "--pairs", "--attention", "none", *SMALL, "--out", tmp_path)
    config = charrnn.load(tmp_path / "reverse").config
    assert (config.align, config.attention, config.bidirectional) == ("none", None, False)
    assert config.source_labels is None


def test_a_run_of_pairs_is_resumed_with_its_own_settings(see, tmp_path, wording):
    command = ("train", "reverse.tsv", "--pairs", "--attention", "none", *SMALL, "--out", tmp_path)
    see(*command)
    wording(see(*command, "--resume"))
    wording(see("train", "--resume", "--out", tmp_path, "--align", "label", "--pairs", status=2))
    longer = see("train", "--resume", "--out", tmp_path, "--steps", 6)
    assert charrnn.load(tmp_path / "reverse" / "last.safetensors").metrics["step"] == 6
    assert "reverse.tsv" in longer.err


def test_a_run_of_pairs_has_a_run_file(see, tmp_path):
    file = tmp_path / "run.toml"
    file.write_text(see("inspect", "kinds", "--toml").out, encoding="utf-8")
    assert "pairs = true" in file.read_text(encoding="utf-8")
    see("train", "kinds.tsv", "--config", file, "--out", tmp_path, "--name", "again")
    again, before = charrnn.load(tmp_path / "again"), charrnn.load("kinds")
    assert again.fingerprint == before.fingerprint


# --- converting -------------------------------------------------------------------------------------------------------


def test_a_line_is_printed_for_each_line_in_order(see, tmp_path, wording):
    sources = ["abc", "", "dd", "cab", "", "a?b", *words(50)]
    file = tmp_path / "sources.txt"
    file.write_text("\n".join(sources), encoding="utf-8")
    result = see("convert", "reverse", file)
    model = charrnn.load("reverse")
    expected = [found[0].text if found else "" for found in model.convert(sources)]
    assert result.out.split("\n") == [*expected, ""]
    assert result.out == see("convert", "reverse", file, "--quiet").out
    wording(result)


def test_targets_and_their_scores_in_json_and_as_a_table(see):
    model = charrnn.load("reverse")
    (found,) = model.convert("abc", beam=4, n_best=3)
    printed = json.loads(see("convert", "reverse", "abc", "--beam", 4, "--n-best", 3, "--json").out)
    assert printed["source"] == "abc"
    assert [t["text"] for t in printed["targets"]] == [t.text for t in found]
    assert [t["nats"] for t in printed["targets"]] == pytest.approx([t.nats for t in found])
    rows = see("convert", "reverse", "abc", "--beam", 4, "--n-best", 3).out.splitlines()
    assert rows == [f"1\t{t.nats:.4f}\t{t.text}" for t in found]


def test_only_targets_that_match_or_are_listed_are_written(see, tmp_path, wording):
    (tmp_path / "s.txt").write_text("abc\n\ncab\n", encoding="utf-8")
    out = see("convert", "reverse", tmp_path / "s.txt", "--match", "[ab]{2}d").out.split("\n")
    assert [bool(re.fullmatch("[ab]{2}d", line)) for line in out] == [True, False, True, False]
    (tmp_path / "t.txt").write_text("bad\n\ndab\nbe\n", encoding="utf-8")
    command = ("convert", "reverse", "abc", "--targets", tmp_path / "t.txt")
    listed = see(*command, "--beam", 9, "--n-best", 9)
    assert {line.split("\t")[2] for line in listed.out.splitlines()} == {"bad", "dab"}
    wording(listed, only="never")
    assert see(*command, "--match", "d.*").out == "dab\n"
    wording(see("convert", "tags", "abc\nd", "--match", "...", "--json"))
    wording(see("convert", "reverse", "abc", "--match", "[0-9]", status=2))
    wording(see("convert", "kinds", "abc", "--match", "prime", status=3))
    wording(see("convert", "kinds", "abc", "--targets", tmp_path / "no.txt", status=3))
    (tmp_path / "no.txt").write_text("", encoding="utf-8")
    wording(see("convert", "kinds", "abc", "--targets", tmp_path / "no.txt", status=3))
    assert charrnn.load("kinds").convert("abc", match="od+")[0][0].text == "odd"
    with wording.raises(SettingError):
        charrnn.load("kinds").convert("abc", targets=3)


def test_a_label_is_converted_to_a_text_and_a_text_to_a_label(see, wording):
    assert see("convert", "kinds", "abc").out.strip() in ("odd", "even")
    see("convert", "cases", "up")
    wording(see("convert", "cases", "sideways", status=3))


def test_what_a_model_of_pairs_cannot_do_is_refused(see, wording):
    for command in (
        "score",
        "context",
        "gradients",
        "serve",
        "saliency",
    ):
        texts = ("abc abc",) if command == "score" else ()
        wording(see(command, "reverse", *texts, status=4))
    wording(see("evaluate", "reverse", "reverse.tsv", "--window", 8, status=2))
    wording(see("evaluate", "reverse", "reverse.tsv", "--clamp", "L0>.f.1=1", status=2))
    wording(see("evaluate", "reverse", "reverse.tsv", "--adapt", status=2))
    wording(see("sample", "cases", "--given", "up", "--adapt", "reverse.tsv", status=2))


def test_a_language_model_is_not_converted(workplace, monkeypatch, capsys, wording):
    monkeypatch.chdir(workplace)
    wording(call_charrnn(capsys, "convert", "tiny", "abc", status=4))


def test_each_line_is_answered_before_the_next_is_written(trained):
    expected = [
        found[0].text
        for found in charrnn.load(trained / "checkpoints" / "kinds").convert(["abc", "ab"])
    ]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = program("convert", "kinds")
    with subprocess.Popen(
        command, cwd=trained, env=CLEAN, preexec_fn=own_signals, **pipes
    ) as process:
        for source, target in zip(["abc", "ab"], expected, strict=True):
            process.stdin.write(f"{source}\n".encode())
            process.stdin.flush()
            assert process.stdout.readline().decode() == f"{target}\n"
        process.stdin.close()
    assert process.returncode == 0


def test_converting_needs_no_torch(trained):
    code = (
        "import sys, charrnn.cli.app as app; sys.argv = ['charrnn', 'convert', 'reverse', 'abc def']\n"
        "try: app.main()\nfinally: print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=trained, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"


# --- sampling -----------------------------------------------------------------------------------------


def test_targets_of_a_label_are_sampled(see):
    shown = see("sample", "cases", "--given", "up", "--count", 30, "--seed", 3, "--temp", 0.5).out
    model = charrnn.load("cases")
    assert len(shown.splitlines()) == 30
    alone = see("sample", "cases", "--given", "up", "--seed", 3, "--temp", 0.5).out
    assert alone.strip("\n") == "".join(model.sample("up", seed=3, temperature=0.5)).strip("\n")
    assert shown.splitlines()[0] == alone.strip("\n")
    greedy = see("sample", "cases", "--given", "up", "--temp", 0).out.strip("\n")
    assert greedy == model.convert("up")[0][0].text


def test_the_targets_of_a_text_are_sampled(see):
    greedy = see("sample", "reverse", "--given", "abcd", "--temp", 0).out.strip("\n")
    assert greedy == charrnn.load("reverse").convert("abcd")[0][0].text
    record = json.loads(see("sample", "reverse", "--given", "abcd", "--prompt", "d", "--json").out)
    assert record["text"].startswith("d") or record["prompt"] == "d"


def test_a_mixture_of_labels_lies_between_them(trained):
    model = charrnn.load(trained / "checkpoints" / "cases")
    low, up, half, again = (
        given_source(model, given).initial_state(1)[0][0]
        for given in ("low", "up", "low:0.5,up:0.5", "up:3,low:3")
    )
    np.testing.assert_allclose(half, (low + up) / 2, atol=1e-6)
    np.testing.assert_allclose(again, half, atol=1e-6)
    np.testing.assert_allclose(given_source(model, "up,up").initial_state(1)[0][0], up, atol=1e-6)


def test_sources_that_cannot_be_given_are_refused(see, wording):
    for run, given in {"cases": "high", "kinds": "abc", "reverse": "???"}.items():
        wording(see("sample", run, "--given", given, status=2))
    wording(see("sample", "cases", "--given", "up:much", status=2))
    wording(see("sample", "cases", "--given", "up", "--interactive", status=2))
    wording(see("sample", "cases", "--given", "up", "--clamp", "L0>.c.1=1", status=2))
    wording(see("sample", "cases", status=2))


def test_a_language_model_has_no_source(workplace, monkeypatch, capsys, wording):
    monkeypatch.chdir(workplace)
    wording(call_charrnn(capsys, "sample", "tiny", "--given", "abc", status=2))


# --- measuring --------------------------------------------------------------------------------------------------------


def test_held_out_pairs_are_scored(see):
    figures = json.loads(see("evaluate", "kinds", "--split", "val", "--json").out)
    assert figures["pairs"] == sum(map(sum, figures["confusion"]))
    right = sum(row[k] for k, row in enumerate(figures["confusion"]))
    assert figures["exact_match"] == pytest.approx(right / figures["pairs"])
    table = see("evaluate", "kinds", "--split", "val").out
    *_, first, second = figures["confusion"], *figures["confusion"]
    shown = [line.replace(".", "0").split() for line in table.splitlines()[-3:]]
    assert shown == [["even", "odd"], ["even", *map(str, first)], ["odd", *map(str, second)]]


def test_the_matrix_of_labels_is_drawn_as_a_picture_instead(see, tmp_path, wording):
    picture = tmp_path / "confusion.svg"
    shown = see("evaluate", "kinds", "--split", "val", "--svg", picture).out
    assert "macro F1" in shown
    assert "even" not in shown
    assert {"even", "odd"} <= set(re.findall(r"\w+", picture.read_text()))
    wording(see("evaluate", "reverse", "reverse.tsv", "--svg", picture, status=2))


def test_a_file_of_pairs_is_scored(see, tmp_path):
    (tmp_path / "few.tsv").write_text("abc\tcba\n", encoding="utf-8")
    figures = json.loads(see("evaluate", "reverse", tmp_path / "few.tsv", "--json").out)
    assert figures["pairs"] == 1
    assert figures["symbols"] == 4
    assert "exact match" in see("evaluate", "reverse", tmp_path / "few.tsv").out


def test_a_model_of_pairs_is_inspected_listed_and_drawn(see, wording):
    shown = see("inspect", "kinds").out
    assert "2 labels: even, odd" in shown
    assert json.loads(see("inspect", "kinds", "--json").out)["source"]["characters"] == "abcd"
    assert "kinds" in see("runs").out
    see("curve", "kinds")


# --- from Python ------------------------------------------------------------------------------------------------------


def test_a_model_of_pairs_in_python(trained, tmp_path, wording):
    model = charrnn.load(trained / "checkpoints" / "reverse")
    assert isinstance(model, PairNetwork)
    assert "additive attention" in repr(model)
    alpha = model.attention("abc", "cb")
    assert alpha.shape == (3, 3)
    np.testing.assert_allclose(alpha.sum(1), 1, rtol=1e-5)
    model.save(tmp_path / "copy.safetensors")
    copy = charrnn.load(tmp_path / "copy.safetensors")
    assert copy.convert(["abc", "dd"]) == model.convert(["abc", "dd"])
    assert model.evaluate([("ab", "ba")]).num_pairs == 1
    with wording.raises(SettingError):
        charrnn.load(trained / "checkpoints" / "tags").attention("ab", "ab")
    with wording.raises(DataError):
        model.evaluate([])
    with wording.raises(SettingError):
        model.convert(3)


def test_settings_of_pairs_need_pairs_in_python(wording):
    with wording.raises(SettingError):
        charrnn.train("a b\n", attention="dot")


# --- what is seen -----------------------------------------------------------------------------------------------------


def test_attention_is_drawn_with_a_row_for_each_character_of_the_target(see):
    out = see("visualize", "reverse", "abcd\tdcba", "--color", "none").out.splitlines()
    assert out[0].startswith("abcd → dcba")
    assert out[-6].strip() == "abcd"
    rows = [line.split(" ", 1) for line in out[-5:]]
    assert [label for label, _ in rows] == ["d", "c", "b", "a", "↵"]
    model = charrnn.load("checkpoints/reverse")
    ninths = np.rint(9 * model.attention("abcd", "dcba")).astype(int)
    assert ["".join(map(str, row)) for row in ninths] == [digits for _, digits in rows]


def test_the_course_of_labels_ends_with_the_label_that_is_given(see):
    out = see("visualize", "kinds", "abcab", "--color", "none").out.splitlines()
    made = see("convert", "kinds", "abcab").out.strip()
    assert out[0].startswith(f"abcab → {made}")
    assert out[-2].split(" ", 1)[0] == made
    assert [len(line.split()[1]) for line in out[-2:]] == [5, 5]


def test_a_tag_stands_under_each_character(see):
    *_, text, tags, digits = see("visualize", "tags", "abcd", "--color", "none").out.splitlines()
    assert (text, tags) == ("abcd", see("convert", "tags", "abcd").out.strip())
    assert digits.isdigit()


def test_each_line_of_a_file_is_drawn_up_to_a_number_and_into_one_picture(see, tmp_path):
    (tmp_path / "s.txt").write_text("abc\n\n" * 30)
    seen = see("visualize", "reverse", tmp_path / "s.txt", "--color", "none")
    assert seen.out.count("attention, target down") == 20
    assert "20" in seen.err
    see("visualize", "reverse", tmp_path / "s.txt", "--svg", tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text().count("attention, target down") == 20


def test_without_a_source_some_validation_pairs_are_drawn(see):
    assert see("visualize", "reverse").out.count("attention, target down") == 3


def colored(out):
    """The blocks of what visualize prints without colors: each title, and the lines of text and digits below."""
    return [block.splitlines() for block in out.strip("\n").split("\n\n")]


def ninths(values, full=1.0):
    return "".join(str(round(9 * abs(float(v)) / full)) for v in values)


def test_a_unit_of_the_encoder_colors_the_source_and_one_of_the_decoder_the_target(see):
    read = charrnn.load("checkpoints/reverse").read("abcd", "dcba")
    asked = ("--unit", "L0<.h.3", "--unit", "L0.h.2", "--unit", "L0>.f.1")
    out = see("visualize", "reverse", "abcd\tdcba", *asked, "--color", "none").out
    backward, forget, decoder = colored(out)
    assert (backward[0][:7], forget[0][:7], decoder[0][:6]) == ("L0<.h.3", "L0>.f.1", "L0.h.2")
    assert (backward[2], decoder[2]) == ("abcd", "dcba↵")
    assert backward[-1] == ninths(read.source.arrays["h<"][:, 0, 3])
    assert forget[-1] == ninths(read.source.arrays["f>"][:, 0, 1])
    assert decoder[-1] == ninths(read.target.arrays["h"][:, 0, 2])


def test_sources_stand_one_below_another(see, tmp_path):
    (tmp_path / "s.txt").write_text("abcd\ndda\tadd\n")
    out = see("visualize", "reverse", tmp_path / "s.txt", "--what", "c<", "--color", "none").out
    assert [line for line in out.splitlines() if line.endswith("↵")] == ["abcd↵", "dda↵"]
    shown = see("visualize", "reverse", tmp_path / "s.txt", "--unit", "L0.c.0-2", "--color", "none")
    assert shown.out.splitlines()[2].split() == [
        f"{see('convert', 'reverse', 'abcd').out.strip()}↵add↵"
    ]


def test_surprisal_and_predictions_are_those_of_the_decoder(see):
    read = charrnn.load("checkpoints/reverse").read("abcd", "dcba", top=1).target
    out = see(
        "visualize", "reverse", "abcd\tdcba", "--surprisal", "--predictions", 1, "--color", "none"
    )
    *_, text, _, bits, guesses = out.out.splitlines()
    assert text.split() == [*"dcba↵"]
    assert bits.split() == [str(round(b)) for b in read.surprisal.tolist()]
    best = [read.next_text[k].replace("\n", "↵") for k in read.next_ids[:, 0].tolist()]
    came = [*"cba↵d"]
    marked = [f"{b}*" if b == c else f"{b} " for b, c in zip(best, came, strict=True)]
    assert guesses.rstrip() == "".join(marked).rstrip()


def test_sources_that_cannot_be_read_are_left_out(see, tmp_path):
    (tmp_path / "s.txt").write_text("abcd\n???\ndda\n")
    shown = see("visualize", "reverse", tmp_path / "s.txt", "--unit", "L0>.c.0", "--color", "none")
    assert [line for line in shown.out.splitlines() if line.endswith("↵")] == ["abcd↵", "dda↵"]
    assert "1 source" in shown.err
    few = see("gates", "reverse", tmp_path / "s.txt", "--max-chars", 3)
    assert "after 1 source" in few.err


def test_a_dump_shows_what_the_model_shows(see, tmp_path):
    (tmp_path / "s.txt").write_text("abcd\ndda\tadd\n")
    dump = tmp_path / "d.npz"
    done = see("visualize", "reverse", tmp_path / "s.txt", "--dump", dump, "--predictions", 2)
    assert "7" in re.findall(r"\b\d+\b", done.err)
    asked = ("--unit", "L0<.c.1", "--unit", "L0.h.3", "--unit", "L0>.f.*", "--predictions", 1)
    for options in ((), asked, ("--surprisal",), ("--what", "h>", "--top", 2)):
        shown = see("visualize", "--from", dump, *options, "--color", "none").out
        read = see("visualize", "reverse", tmp_path / "s.txt", *options, "--color", "none").out
        assert shown == read
    assert see("gates", "--from", dump).out == see("gates", "reverse", tmp_path / "s.txt").out
    see("visualize", "kinds", "abcd", "--dump", tmp_path / "k.npz")
    assert "L0>.c." in see("visualize", "--from", tmp_path / "k.npz").out


def test_a_page_has_the_matrices_and_the_states_and_a_dump_gives_the_same(see, tmp_path):
    def data_of(*options):
        see("visualize", *options, "--html", tmp_path / "p.html")
        page = (tmp_path / "p.html").read_text()
        return json.loads(re.search(r'id="data">(.*)</script>', page)[1])

    (tmp_path / "s.txt").write_text("abcd\ndda\tadd\n")
    data = data_of("reverse", tmp_path / "s.txt", "--unit", "L0<.h.2", "--unit", "L0.o.1")
    assert ["".join(pair["source"]) for pair in data["pairs"]] == ["abcd", "dda"]
    assert data["pairs"][1]["target"] == [*"add↵"]
    assert [data["sides"][side]["first"] for side in ("source", "target")] == ["L0<.h.2", "L0.o.1"]
    assert {unit["what"] for unit in data["sides"]["source"]["units"]} == {"c>", "c<", "h<"}
    plain = data_of("reverse", tmp_path / "s.txt", "--surprisal")
    assert plain["sides"]["target"]["first"] == "surprisal"
    see(
        "visualize", "reverse", tmp_path / "s.txt", "--dump", tmp_path / "d.npz", "--predictions", 5
    )
    again = data_of("--from", tmp_path / "d.npz", "--surprisal")
    for data in (plain, again):  # a dump keeps no name of what was read
        assert [data["sides"][side].pop("origin")["read"] for side in data["sides"]]
    assert again == plain | {"title": "d"}
    assert data_of("cases", "low")["pairs"] == []
    assert data_of("tags", "abcd", "--what", "h<")["sides"]["source"]["units"][0]["what"] == "h<"


def test_of_a_label_the_most_interesting_unit_of_the_decoder_is_shown(see):
    assert "chosen from 16 units" in see("visualize", "cases", "low").out


def test_the_gates_of_encoder_and_decoder_are_shown(see, tmp_path):
    see("gates", "reverse", "abcd\tdcba", "--csv", tmp_path / "g.csv")
    rows = [line.split(",") for line in (tmp_path / "g.csv").read_text().splitlines()[1:]]
    read = charrnn.load("checkpoints/reverse").read("abcd", "dcba")
    assert len(rows) == 9 * 16
    for address, _, gate, unit, *_, mean, _ in rows:
        part = read.target if len(gate) == 1 else read.source
        assert address == f"L0{gate[1:]}.{gate[0]}.{unit}"
        assert float(mean) == pytest.approx(part.arrays[gate][:, 0, int(unit)].mean(), abs=1e-6)


def test_units_of_pairs_are_edited_in_every_command(see):
    plain = see("visualize", "reverse", "abcd\tdcba", "--surprisal", "--color", "none").out
    held = ("--clamp", "L0<.h.1=1", "--steer", "L0.c.2=0.5")
    edited = see("visualize", "reverse", "abcd\tdcba", "--surprisal", "--color", "none", *held)
    assert edited.out != plain
    assert "clamp L0<.h.1=+1.0, steer L0.c.2=+0.5" in edited.err
    figures = json.loads(see("evaluate", "reverse", "reverse.tsv", "--json", *held).out)
    assert figures["edits"] == ["clamp L0<.h.1=+1.0", "steer L0.c.2=+0.5"]
    asked = ("sample", "cases", "--given", "up", "--seed", 3)
    assert see(*asked).out != see(*asked, "--clamp", "L0.c.1=30").out


@pytest.mark.parametrize(
    ("verb", "options", "status"),
    [
        ("visualize", ("reverse", "abc", "--unit", "L0>.c.1", "--predictions", "2"), 2),
        ("visualize", ("reverse", "abc", "--diagram"), 2),
        ("visualize", ("reverse", "abc", "--follow"), 2),
        ("visualize", ("reverse", "abc", "--lstmvis", "folder"), 2),
        ("visualize", ("reverse", "abc", "--dump", "d.csv"), 2),
        ("visualize", ("kinds", "abc", "--surprisal"), 2),
        ("visualize", ("kinds", "abc", "--unit", "L0.c.1"), 2),
        ("visualize", ("kinds", "abc", "--unit", "L0>.c.16"), 2),
        ("visualize", ("reverse", "abc", "--palette", "vik"), 2),
        ("visualize", ("kinds", "abc", "--html", "page.html", "--predictions", "3"), 2),
        ("visualize", ("reverse", "???"), 3),
        ("visualize", ("reverse", "abc\txyz"), 3),
        ("visualize", ("cases", "high", "--unit", "L0.c.1"), 3),
        ("gates", ("reverse", "???"), 3),
        ("gates", ("reverse", "--seed", "1"), 2),
        ("embed", ("reverse", "abc", "--of", "last", "--nearest", "a"), 2),
        ("evaluate", ("reverse", "reverse.tsv", "--no-lines"), 2),
        ("visualize", ("reverse", "abc", "--counts"), 2),
        ("evaluate", ("reverse", "reverse.tsv", "--no-counts"), 2),
        ("sample", ("cases", "--given", "up", "--counts"), 2),
    ],
    ids=str,
)
def test_what_does_not_apply_to_pairs_is_refused_in_a_line(see, verb, options, status, wording):
    wording(see(verb, *options, status=status))
