"""`charrnn sample`: its rules, ends, forms, fillings and JSON as people type them."""

import json
import re
import sys

import pytest
from helpers import call_charrnn, run_charrnn
from test_running import BEST, expected_text

from charrnn.config import SamplingConfig
from charrnn.sampling.sampler import collect, in_order, write

PLAIN = ("sample", BEST, "-q", "--seed", 1, "-n", 60)


@pytest.fixture(autouse=True)
def _in_the_workplace(workplace, monkeypatch):
    monkeypatch.chdir(workplace)


@pytest.mark.parametrize(
    ("asked", "settings"),
    [
        (("--temp-from", 1.2, "--temp-to", 0.1), {"temperature": 1.2, "temperature_to": 0.1}),
        (("--temp-to", 0.1), {"temperature_to": 0.1}),
        (("--min-p", 0.2), {"min_p": 0.2}),
        (("--typical", 0.3), {"typical": 0.3}),
        (
            ("--repetition-penalty", 4, "--repetition-window", 9),
            {"repetition_penalty": 4.0, "repetition_window": 9},
        ),
        (("--no-repeat-ngram", 2), {"no_repeat_ngram": 2}),
        (("--ban", r"e\n"), {"ban": "e\n"}),
        (("--bias", "a=3", "--bias", "==1"), {"bias": (("a", 3.0), ("=", 1.0))}),
        (("--match", "[a-z]{3} [a-z]{5,30}"), {"match": "[a-z]{3} [a-z]{5,30}"}),
        (("--stop", "e", "--stop", r"\n"), {"stop": ("e", "\n")}),
        (("--until-sentence",), {"until_sentence": True}),
        (("--max-chars", 20), {"max_chars": 20}),
        (("--until-sentence", "--max-chars", 70), {"until_sentence": True, "max_chars": 70}),
    ],
    ids=str,
)
def test_every_option_does_what_the_library_does(capsys, tiny_model, asked, settings):
    out = call_charrnn(capsys, *PLAIN, *asked).out
    assert out == expected_text(tiny_model, **settings)
    assert out != expected_text(tiny_model) or "max_chars" in settings or "until" in str(settings)


def test_lines_are_written_where_they_are_asked_for(capsys, tiny_model):
    out = call_charrnn(capsys, *PLAIN, "--lines", "--count", 3).out
    expected = [expected_text(tiny_model, index=k, line=True) for k in range(3)]
    assert out == "".join(line if line.endswith("\n") else line + "\n" for line in expected)
    joined = call_charrnn(capsys, *PLAIN, "--lines", "--count", 3, "--separator", r"\0").out
    assert joined == "\0".join(line.removesuffix("\n") for line in expected)


def test_a_separator_stands_between_samples_and_nowhere_else(capsys, tiny_model):
    out = call_charrnn(capsys, *PLAIN, "--count", 3, "--separator", r"\n--\t\\").out
    assert out == "\n--\t\\".join(expected_text(tiny_model, index=k) for k in range(3))


def test_json_tells_each_sample_and_how_likely_it_is(capsys, tiny_model):
    options = ("--count", 3, "--json", "--prime", "def ", "--stop", "e")
    records = [json.loads(x) for x in call_charrnn(capsys, *PLAIN, *options).out.splitlines()]
    config = SamplingConfig(length=60, seed=1, stop=("e",), log_probabilities=True)
    pieces = write(tiny_model, "def ", config, indices=range(3), lanes=3)
    samples = list(collect(in_order(pieces), "def ", config))
    assert [r["text"] for r in records] == [s.text for s in samples]
    assert [r["stop"] for r in records] == [s.stop for s in samples]
    assert {(r["prime"], r["seed"]) for r in records} == {("def ", 1)}
    for record, sample in zip(records, samples, strict=True):
        mean = sample.mean_log_probability
        assert record["mean_log_probability"] == (pytest.approx(mean) if sample.text else None)
        assert "log_probabilities" not in record
    told = call_charrnn(capsys, *PLAIN, *options, "--log-probabilities").out.splitlines()
    for line, sample in zip(told, samples, strict=True):
        assert json.loads(line)["log_probabilities"] == pytest.approx(sample.log_probabilities)


def test_best_of_writes_the_likeliest_of_each_group(capsys, tiny_model):
    config = SamplingConfig(length=60, seed=1, log_probabilities=True)
    pieces = write(tiny_model, "", config, indices=range(6), lanes=6)
    samples = list(collect(in_order(pieces), "", config))
    best = [max(samples[k : k + 3], key=lambda s: s.mean_log_probability) for k in (0, 3)]
    out = call_charrnn(capsys, *PLAIN, "--count", 2, "--best-of", 3).out
    assert out == "\n\n".join(s.text for s in best)


def test_unique_and_novel_drop_samples(capsys, tmp_path):
    short = ("sample", BEST, "-q", "--seed", 1, "-n", 1, "--count", 12, "--separator", "|")
    every = call_charrnn(capsys, *short).out.split("|")
    assert len(set(every)) < 12
    unique = call_charrnn(capsys, *short, "--unique").out.split("|")
    assert unique[: len(set(every))] == list(dict.fromkeys(every))
    assert len(unique) == len(set(unique)) == 12
    (tmp_path / "book.txt").write_text("\n".join(unique[:2]) + "\nand more\n")
    asked = ("--unique", "--novel", tmp_path / "book.txt")
    assert not set(unique[:2]) & set(call_charrnn(capsys, *short, *asked).out.split("|"))


def test_a_search_that_finds_too_little_says_so(capsys):
    asked = ("sample", BEST, "-q", "--temp", 0, "-n", 3, "--count", 2, "--unique")
    result = call_charrnn(capsys, *asked, status=3)
    assert "found only 1 of 2 samples;" in result.err
    assert len(result.out) == 3


def test_few_streams_have_one_thread_and_many_may_have_more(capsys, monkeypatch):
    import threadpoolctl

    limits, real = [], threadpoolctl.threadpool_limits

    def noted(count, api):
        limits.append((count, api))
        return real(count, api)

    monkeypatch.setattr(threadpoolctl, "threadpool_limits", noted)
    for count in (1, 7, 8):
        call_charrnn(capsys, *PLAIN, "--count", count)
    assert limits == [(1, "blas"), (1, "blas"), (None, "blas")]


def test_a_closed_standard_input_is_told(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert "is closed" in call_charrnn(capsys, *PLAIN, "--prime-file", "-", status=2).err


def test_a_corpus_that_cannot_be_read_gets_no_hint_of_train(capsys, tmp_path):
    (tmp_path / "book.txt").write_bytes(b"caf\xe9 " * 20)
    said = call_charrnn(capsys, *PLAIN, "--novel", tmp_path / "book.txt", status=3).err
    assert "0xE9" in said
    assert "iconv" in said
    assert "--encoding" not in said


def test_a_form_is_matched_in_full_by_every_sample(capsys):
    pattern = r"(def|class) [a-z_]+\(\):"
    asked = (*PLAIN, "--count", 20, "--match", pattern, "--separator", "|", "--temp", 2)
    texts = call_charrnn(capsys, *asked).out.split("|")
    assert len(texts) == 20
    assert all(re.fullmatch(pattern, text) and len(text) <= 60 for text in texts)


def test_a_character_that_a_prime_begins_is_printed_once(workplace):
    asked = ("sample", "bytes", "-q", "--seed", 2, "--length", 5, "--prime-file", "-")
    result = run_charrnn(*asked, cwd=workplace, stdin=b"caf\xc3")
    written = result.out
    assert written.startswith("caf")
    assert "\N{REPLACEMENT CHARACTER}" not in written
    assert len(written) == 3 + 5


@pytest.mark.parametrize("options", [("-n", 40), ("-n", 40, "--count", 5), ("--stop", "e")])
def test_a_byte_model_writes_whole_characters_even_if_it_would_rather_not(capsys, options):
    asked = ("sample", "bytes", "-q", "--seed", 2, "--temp", 3, *options)
    assert "\N{REPLACEMENT CHARACTER}" not in call_charrnn(capsys, *asked).out


def test_a_gap_is_filled_and_the_rest_stays(capsys):
    out = call_charrnn(capsys, "sample", BEST, "-q", "--fill", "def ____(self)").out
    assert re.fullmatch(r"def .{4}\(self\)", out)
    asked = ("--fill", r"a\__{2,3}b", "--temp", 1, "--seed", 3, "--count", 4, "--json")
    records = [
        json.loads(x) for x in call_charrnn(capsys, "sample", BEST, "-q", *asked).out.splitlines()
    ]
    assert all(re.fullmatch(r"a_.{2,3}b", r["text"]) for r in records)
    assert all(r["text"] == f"a_{r['gaps'][0]}b" for r in records)


def test_unknown_characters_of_the_prime_can_be_left_out(capsys, tiny_model):
    asked = ("sample", BEST, "--seed", 1, "-n", 60, "--prime", "défα ")
    result = call_charrnn(capsys, *asked, "--unknown", "skip")
    assert result.out == expected_text(tiny_model, prime="df ")
    assert "U+00E9" in result.err
    assert "--unknown skip" in call_charrnn(capsys, *asked, status=3).err


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (("--temp", 1, "--temp-from", 1, "--temp-to", 1), 2, "--temp and --temp-from"),
        (("--temp-from", 1), 2, "without --temp-to"),
        (("--temp-from", "nan", "--temp-to", 1), 2, "--temp-from must be"),
        (("--beam", 3), 2, "without --fill"),
        (("--fill-newlines",), 2, "without --fill"),
        (("--fill", "a_", "--stop", "x"), 2, "--fill and --stop"),
        (("--fill", "a_", "--prime", "x"), 2, "--fill and --prime"),
        (("--fill", "a_", "--seed", 1), 2, "--seed means nothing"),
        (("--fill", "ab"), 2, "gap"),
        (("--fill", "a_{0}"), 2, "a gap's length must be"),
        (("--novel-length", 3), 2, "without --novel"),
        (("--best-of", 10**30), 2, "--best-of must be"),
        (("--log-probabilities",), 2, "without --json"),
        (("--json", "--separator", "x"), 2, "--json and --separator"),
        (("--match", "a", "--ban", "b"), 2, "--match and --ban"),
        (("--match", "a", "--stop", "b"), 2, "--match and --stop"),
        (("--match", "("), 2, "not a valid regular expression"),
        (("--match", "漢"), 2, "U+6F22"),
        (("--match", "a{61}", "-n", 60), 2, "--length 61"),
        (("--match", "a{61}", "--max-chars", 60), 2, "--max-chars 61"),
        (("--stop", ""), 2, "stop must be"),
        (("--stop", r"\q"), 2, r"\q"),
        (("--ban", "漢"), 3, "--ban: not among"),
        (("--bias", "a"), 2, "CHARS=VALUE"),
        (("--bias", "a=nan"), 2, "CHARS=VALUE"),
        (("--bias", "a=1", "--ban", "a"), 2, "bias"),
        (("--min-p", 2), 2, "min-p"),
        (("--typical", 0), 2, "typical"),
        (("--repetition-penalty", 0), 2, "repetition-penalty"),
        (("--repetition-penalty", 1e20), 2, "from 1e-12 to 1e12, not 1e+20"),
        (("--repetition-window", 5), 2, "repetition-window"),
        (("--no-repeat-ngram", -1), 2, "no-repeat-ngram"),
        (("--max-chars", -1), 2, "max-chars"),
        (("--novel", "no-such-book.txt"), 3, "no-such-book.txt"),
        (("--lines", "--prime", r"a" + "\n"), 2, "--no-lines"),
    ],
    ids=str,
)
def test_what_cannot_be_obeyed_is_refused_before_anything_is_written(capsys, options, status, said):
    result = call_charrnn(capsys, "sample", BEST, "-q", *options, status=status)
    assert said in result.err
    assert result.out == ""
    assert len(result.err.splitlines()) <= 2
