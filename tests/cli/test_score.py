"""`charrnn score`: its table and its JSON, which lines it shows, candidates, and lines answered as they arrive."""

import json
import os
import re
import subprocess
import threading
import zipfile

import pytest
from helpers import CLEAN, call_charrnn, nearly, own_signals, program, run_charrnn, run_on_terminal
from rich.cells import cell_len

import charrnn
from charrnn.config import CorpusConfig
from charrnn.evaluation.candidates import score_candidates
from charrnn.evaluation.line_scores import UNIFORM_BITS
from charrnn.evaluation.score import LineScorer, score
from charrnn.evaluation.streams import MAX_STREAMS

LINES = ["def wrap(text):", "", "    é = 1", "    return 'one'", "x" * 40, "class TextWrapper:"]


@pytest.fixture
def see(workplace, monkeypatch, capsys, tmp_path):
    """`charrnn score ARGUMENTS` beside the corpus and its runs."""
    monkeypatch.chdir(workplace)
    (tmp_path / "lines.txt").write_text("".join(f"{line}\n" for line in LINES), encoding="utf-8")

    def run(*arguments, status=0):
        return call_charrnn(capsys, "score", *arguments, status=status)

    return run


@pytest.fixture
def lines(tmp_path):
    return tmp_path / "lines.txt"


def records(result):
    return [json.loads(line) for line in result.out.splitlines()]


def test_each_line_is_a_row_of_what_the_library_says(see, lines, tiny_mixed):
    result = see("tiny", lines, "--json")
    expected = score(tiny_mixed, LINES, carried=True)
    assert records(result) == nearly([line.as_dict() for line in expected])
    heading, *rows = see("tiny", lines).out.splitlines()
    assert heading.split() == [
        *(
            "line",
            "chars",
            "bits",
            "mean",
            "unknown",
            "worst",
            "at",
            "read",
            "expected",
            "text",
        )
    ]
    for row, line in zip(rows, score(tiny_mixed, LINES, carried=True), strict=True):
        cells = row.split(maxsplit=9)
        assert cells[:2] == [str(line.number), str(line.characters)]
        assert cells[2:4] == [f"{line.bits:.2f}", f"{line.bits_per_char:.3f}"]
        assert cells[4:7] == [str(line.unknown), f"{line.worst.bits:.2f}", str(line.worst.position)]
        assert row.endswith(f" {line.text}")
    assert rows[1].split()[:2] == ["2", "1"]
    assert "é" in rows[2].split()[7]


def test_what_all_lines_cost_is_what_evaluate_says(see, workplace, capsys, tmp_path):
    begun = tmp_path / "begun.txt"
    begun.write_text("\n" + (workplace / "corpus.txt").read_text() + "\n")
    costs = []
    for choice in ((), ("--no-counts",)):
        summary = see("tiny", "corpus.txt", *choice).err.splitlines()[-1]
        told = call_charrnn(capsys, "evaluate", "tiny", begun, *choice, "--json", "-q").out
        found = json.loads(told)
        assert f"{found['bits_per_char']:.4f} bits per character" in summary
        assert f"{found['characters']:,} characters" in summary
        costs.append(found["bits_per_char"])
    assert costs[0] < costs[1]


def test_a_model_of_lines_reads_each_by_itself(see, lines, tiny_mixed, monkeypatch, wording):
    alone = [line.as_dict() for line in score(tiny_mixed, LINES, item_end="\n")]
    assert records(see("tiny", lines, "--json", "--lines")) == alone
    wording(see("tiny", lines))
    monkeypatch.setattr("charrnn.cli.score.command.reading_of", lambda _: CorpusConfig(lines=True))
    result = see("tiny", lines, "--json")
    assert records(result) == alone
    assert [r["number"] for r in alone] == [1, 3, 4, 5, 6]
    wording(result)
    assert len(records(see("tiny", lines, "--json", "--no-lines"))) == 6


@pytest.fixture(scope="module")
def cook(tmp_path_factory):
    """A folder with a run of records and a run of documents, and what they were trained on."""
    folder = tmp_path_factory.mktemp("cook")
    recipes = [f"cake {k}\nflour\n\nbake" for k in range(30)]
    (folder / "recipes.txt").write_text("\n\n%%\n\n".join(recipes) + "\n")
    (folder / "texts").mkdir()
    for k, recipe in enumerate(recipes):
        (folder / "texts" / f"{k}.txt").write_text(recipe + "\n")
    brief = ("--steps", 2, "--hidden-size", 8, "-q")
    for text, *how in (("recipes.txt", "--separator", "%%"), ("texts", "--documents")):
        run_charrnn("train", text, *how, "--name", how[0].strip("-"), *brief, cwd=folder)
    return folder


def test_a_model_of_records_scores_records(cook, wording):
    (cook / "two").write_text("\ncake\n\nflour\n\n%%\n\n\nbake\n")
    result = run_charrnn("score", "separator", "two", "--json", cwd=cook)
    model = charrnn.load(cook / "checkpoints" / "separator" / "best.safetensors")
    expected = score(model, ["cake\n\nflour", "bake"], item_end="\x1e")
    assert records(result) == nearly([line.as_dict() for line in expected])
    wording(result)
    table = run_charrnn("score", "separator", "two", cwd=cook).out.splitlines()
    assert table[0].split()[0] == "record"
    assert table[1].endswith(" cake↵↵flour")
    evaluated = run_charrnn("evaluate", "separator", "two", "--json", cwd=cook)
    assert f"{json.loads(evaluated.out)['bits_per_char']:.4f} bits" in result.err
    by_lines = records(run_charrnn("score", "separator", "two", "--json", "--lines", cwd=cook))
    assert [r["number"] for r in by_lines] == [2, 4, 6, 9]


def test_a_model_of_a_column_scores_its_values(cook):
    rows = "".join(f'{k},"cake {k}\nflour"\n' for k in range(30))
    (cook / "recipes.csv").write_text("number,recipe\n" + rows)
    brief = ("--steps", 2, "--hidden-size", 8, "-q")
    for level in ("char", "byte"):
        how = ("--field", "recipe", "--level", level, "--name", level)
        run_charrnn("train", "recipes.csv", *how, *brief, cwd=cook)
        result = run_charrnn("score", level, "recipes.csv", "--json", cwd=cook)
        model = charrnn.load(cook / "checkpoints" / level / "best.safetensors")
        expected = score(model, [f"cake {k}\nflour" for k in range(30)])
        assert records(result) == nearly([line.as_dict() for line in expected])
        piped = run_charrnn(
            "score", level, "-", "--json", cwd=cook, stdin=(cook / "recipes.csv").read_bytes()
        )
        assert piped.out == result.out


def test_a_model_of_documents_scores_files(cook):
    result = run_charrnn("score", "documents", "texts/0.txt", "texts/7.txt", "--json", cwd=cook)
    model = charrnn.load(cook / "checkpoints" / "documents" / "best.safetensors")
    texts = [f"cake {k}\nflour\n\nbake" for k in (0, 7)]
    found = [(r["file"], r["number"], r["bits"]) for r in records(result)]
    bits = [line.bits for text in texts for line in score(model, [text], item_end="\x1c")]
    assert found == [("texts/0.txt", 1, bits[0]), ("texts/7.txt", 1, bits[1])]
    picked = run_charrnn("score", "documents", "--pick", "cake", "--pick", "x", "--json", cwd=cook)
    ends = score_candidates(model, "", ["cake", "x"], item_end="\x1c")
    assert sorted(r["bits"] for r in records(picked)) == sorted(line.bits for line in ends)


def test_unknown_characters_cost_something_and_it_is_said(see, lines, tiny_mixed, wording):
    result = see("tiny", lines, "--json")
    assert records(result)[2]["worst"]["bits"] == UNIFORM_BITS
    what = "1 character that the model does not know cost 20.09 bits each (--unknown-bits)"
    assert what in result.err
    dear = see("tiny", lines, "--json", "--unknown-bits", 99)
    free = see("tiny", lines, "--json", "--unknown-bits", 0)
    third = [records(r)[2]["bits"] for r in (free, dear)]
    assert third[1] - third[0] == pytest.approx(99)
    wording(dear)
    of_bytes = see("bytes", lines)
    assert of_bytes.err.splitlines()[-1].endswith("per byte")
    assert of_bytes.out.split()[:3] == ["line", "bytes", "bits"]


@pytest.mark.parametrize("by", ["mean", "bits", "worst", "unknown", "characters"])
def test_the_highest_come_first_by_what_is_asked(see, lines, tiny_mixed, by):
    keys = {
        "mean": lambda r: r["bits_per_char"],
        "worst": lambda r: r["worst"]["bits"],
    }
    key = keys.get(by, lambda r: r[by])
    given = () if by == "mean" else ("--by", by)
    everything = records(see("tiny", lines, "--json"))
    expected = sorted(everything, key=key, reverse=True)
    assert records(see("tiny", lines, "--json", "--sort", *given)) == expected
    assert records(see("tiny", lines, "--json", "--top", 2, *given)) == expected[:2]
    least = key(expected[2])
    reached = records(see("tiny", lines, "--json", "--threshold", least, *given))
    assert reached == [r for r in everything if key(r) >= least]
    assert len(reached) >= 3


def test_of_several_files_each_begins_anew_and_is_named(see, lines, tmp_path):
    (tmp_path / "more.txt").write_text("def f\n")
    both = records(see("tiny", lines, tmp_path / "more.txt", lines, "--json"))
    assert [(r["file"], r["number"]) for r in both[5:8]] == [
        (str(lines), 6),
        (str(tmp_path / "more.txt"), 1),
        (str(lines), 1),
    ]
    assert both[:6] == both[7:]
    table = see("tiny", tmp_path / "more.txt", lines, "--top", 1).out.splitlines()
    assert table[1].split()[0].startswith(f"{lines}:")


def test_without_a_model_the_newest_scores(see, lines, wording):
    result = see(lines)
    wording(result)
    assert result.out == see("tiny", lines).out
    assert see(lines, lines, "-q").out.count("class TextWrapper") == 2


# --- what is brought ------------------------------------------------------------------------------


def test_no_line_is_no_row(see, tmp_path, wording):
    (tmp_path / "empty").write_bytes(b"")
    result = see("tiny", tmp_path / "empty", "--json")
    assert result.out == ""
    wording(result)
    (tmp_path / "empty").write_bytes(b"\n\n\n")
    assert records(see("tiny", tmp_path / "empty", "--json", "--lines")) == []
    assert [r["characters"] for r in records(see("tiny", tmp_path / "empty", "--json"))] == [1] * 3


def test_line_ends_and_byte_order_marks_are_no_characters(see, tmp_path, tiny_mixed):
    plain = score(tiny_mixed, ["def f", "return"], carried=True)
    for content in (
        b"\xef\xbb\xbfdef f\r\nreturn",
        b"def f\rreturn\r",
        "\ufeffdef f\nreturn\n".encode("utf-16-le"),
    ):
        (tmp_path / "t").write_bytes(content)
        found = records(see("tiny", tmp_path / "t", "--json"))
        assert found == nearly([x.as_dict() for x in plain])


def test_lines_to_be_sorted_must_fit_into_memory(see, tmp_path, monkeypatch, wording):
    (tmp_path / "t").write_text("def f\n" * 1000)
    assert see("tiny", tmp_path / "t", "--sort", "-q").out
    monkeypatch.setattr("charrnn.cli.score.command.free_memory", lambda: 0)
    wording(see("tiny", tmp_path / "t", "--sort", "-q", status=6))
    assert see("tiny", tmp_path / "t", "--sort", "--top", 3, "-q").out


def test_lines_in_utf_16_without_a_mark_are_refused(see, tmp_path, wording):
    (tmp_path / "t").write_bytes("def f\nreturn\n".encode("utf-16-be"))
    wording(see("tiny", tmp_path / "t", "-q", status=3))


def test_bytes_that_are_no_text_are_unknown_characters(see, tmp_path, workplace):
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 2 + b"\n\xff\n")
    found = records(see("tiny", tmp_path / "binary", "--json"))
    assert found[-1]["text"] == "\udcff"
    assert found[-1]["worst"]["bits"] == UNIFORM_BITS
    assert sum(r["unknown"] for r in found) > 300
    table = run_charrnn("score", "tiny", tmp_path / "binary", cwd=workplace).out
    assert table.isascii() or "▯" in table
    assert "\x1b" not in table
    assert "\x00" not in table
    in_bytes = records(see("bytes", tmp_path / "binary", "--json"))
    assert sum(r["characters"] for r in in_bytes) == 512 + 3
    assert sum(r["unknown"] for r in in_bytes) == 0


def test_a_long_line_is_shortened_on_a_terminal_to_what_is_around_its_worst_character(
    workplace, tmp_path
):
    long = "def wrap(" + "ab" * 3000 + "é" + "ab" * 3000
    (tmp_path / "t").write_text(f"{long}\nabc\né中中{'中' * 99}\n", encoding="utf-8")
    arguments = ("score", tmp_path / "t", "--no-lines", "-q")
    seen = run_on_terminal(*arguments, cwd=workplace, columns=90).splitlines()
    texts = [row[len(seen[0]) - len("text") :] for row in seen[1:]]
    assert re.fullmatch("…b?(ab)+é(ab)+a?…", texts[0])
    assert abs(texts[0].index("é") - len(texts[0]) / 2) < 3
    assert texts[1] == "abc"
    assert re.fullmatch("é中+ ?…", texts[2])
    assert {cell_len(row) for row in (seen[1], seen[3])} == {90}
    whole = run_charrnn(*arguments, cwd=workplace).out.splitlines()
    assert whole[1].endswith(f" {long}")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("tiny",), 2),
        ((), 2),
        (("tiny", "corpus.txt", "--pick", "a"), 2),
        (("tiyn",), 4),
        (("tiyn", "corpus.txt"), 4),
        (("tiny", "corpus.tx"), 3),
        (("tiny", "corpus.txt", "nothing"), 3),
        (("tiny", "nothing/here"), 3),
        (("tiny", "corpus.txt", "/nowhere/98"), 3),
        (("tiny", "corpus.txt", "--unknown-bits", -1), 2),
        (("tiny", "corpus.txt", "--by", "bit"), 2),
        (("tiny", "corpus.txt", "--top", 0), 2),
        (("tiny", "corpus.txt", "--prompt", "a"), 2),
        (("tiny", "--pick", "a", "--top", 1), 2),
        (("tiny", "--pick", ""), 2),
        (("tiny", "--pick", "a", "--prompt", "é"), 3),
        (("corpus.txt", "tiny"), 2),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_line(see, arguments, status, wording):
    result = see(*arguments, status=status)
    wording(result)
    assert result.out == ""


# --- candidates -----------------------------------------------------------------------------------


def test_the_likeliest_candidate_comes_first(see, tiny_mixed, wording):
    texts = ["zzz", "return\n", "self"]
    given = [word for text in texts for word in ("--pick", text.replace("\n", r"\n"))]
    found = records(see("tiny", "--prompt", r"def f():\n    ", *given, "--json"))
    scores = score_candidates(tiny_mixed, "def f():\n    ", texts)
    assert found == [s.as_dict() for s in sorted(scores, key=lambda s: s.bits)]
    per_char = records(see("tiny", "--pick", "a", "--pick", "aaaa", "--by", "mean", "--json"))
    means = [r["bits_per_char"] for r in per_char]
    assert means == sorted(means)
    ended = records(see("tiny", "--pick", "a", "--lines", "--json"))
    assert ended[0]["bits"] == score_candidates(tiny_mixed, "", ["a"], item_end="\n")[0].bits
    wording(see("tiny", "--pick", "é"))


# --- lines that arrive ----------------------------------------------------------------------------


def started(*arguments, cwd, **streams):
    """A process of its own, whose environment does not make its output unbuffered."""
    env = {k: v for k, v in CLEAN.items() if k != "PYTHONUNBUFFERED"}
    return subprocess.Popen(
        program("score", *arguments), cwd=cwd, env=env, preexec_fn=own_signals, **streams
    )


def answers(stream, count):
    """The next lines of a stream, within a minute."""
    found = []
    thread = threading.Thread(target=lambda: found.extend(stream.readline() for _ in range(count)))
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "no answer came"
    return [line.decode() for line in found]


PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


@pytest.mark.parametrize("protocol", ["--lines", "--no-lines"])
def test_each_line_is_answered_before_the_next_is_written(workplace, tiny_mixed, protocol):
    texts = ["def f(é):", "return", "self.width"]
    expected = score(
        tiny_mixed,
        texts,
        **{"--lines": {"item_end": "\n"}, "--no-lines": {"carried": True}}[protocol],
    )
    with started("tiny", "-", protocol, "--json", cwd=workplace, **PIPES) as process:
        for text, line in zip(texts, expected, strict=True):
            half, rest = text[:4].encode(), text[4:].encode() + b"\n"
            for part in (half, rest):
                process.stdin.write(part)
                process.stdin.flush()
            (answer,) = answers(process.stdout, 1)
            found = json.loads(answer)
            assert (found["number"], found["text"]) == (line.number, text)
            assert found["bits"] == pytest.approx(line.bits, rel=1e-5)
        process.stdin.write(b"no end")
        process.stdin.close()
        (answer,) = answers(process.stdout, 1)
        assert json.loads(answer)["text"] == "no end"
        process.wait(60)
    assert process.returncode == 0


def test_a_named_pipe_is_answered_too_and_the_heading_comes_at_once(workplace, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with started("tiny", pipe, "--threshold", 9, cwd=workplace, **PIPES) as process:
        (heading,) = answers(process.stdout, 1)
        assert heading.split()[0] == "line"
        with pipe.open("wb", buffering=0) as written:
            written.write("def f():\n    return\nééé\n".encode())
            (row,) = answers(process.stdout, 1)
            assert row.split()[:2] == ["3", "4"]
        process.wait(60)
    assert process.returncode == 0


def test_lines_that_arrive_are_read_in_one_stream_and_those_of_a_file_in_several(
    see, lines, tmp_path, monkeypatch
):
    asked = []

    class Scorer(LineScorer):
        def __init__(self, *arguments, max_streams, **options):
            asked.append(max_streams)
            super().__init__(*arguments, max_streams=max_streams, **options)

    monkeypatch.setattr("charrnn.evaluation.score.LineScorer", Scorer)
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[lines.read_bytes()])
    writer.start()
    see("tiny", tmp_path / "pipe", lines)
    writer.join()
    assert asked == [1, MAX_STREAMS]


def test_whoever_closes_the_pipe_ends_it_without_a_word(workplace, tmp_path):
    (tmp_path / "many").write_text("def f\n" * 20000)
    with started("tiny", tmp_path / "many", "-q", cwd=workplace, **PIPES) as process:
        answers(process.stdout, 2)
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (-13, b"")


def test_what_is_no_text_is_not_scored(workplace, tmp_path, wording):
    packed = tmp_path / "texts.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", "some text")
    wording(run_charrnn("score", "tiny", packed, cwd=workplace, status=3))
    piped = run_charrnn("score", "tiny", "-", cwd=workplace, stdin=packed.read_bytes(), status=3)
    assert "some text" not in piped.out
    assert len(piped.out.splitlines()) <= 1  # a heading at most
