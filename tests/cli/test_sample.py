"""`charrnn sample`: its rules, ends, constraints, infillings and JSON as people type them."""

import json
import re
import subprocess
import sys

import pytest
from helpers import BEST, CLEAN, call_charrnn, command, expected_text, run_charrnn

from charrnn import threads
from charrnn.cli.app import app
from charrnn.cli.edits import EditOptions
from charrnn.cli.sample.infill import InfillOptions
from charrnn.cli.sample.interactive import InteractiveOptions
from charrnn.cli.sample.output import OutputOptions
from charrnn.cli.sample.prompt import PromptOptions
from charrnn.cli.sample.selection import SelectionOptions
from charrnn.config import SamplingConfig
from charrnn.sampling.sampler import collect, generate, in_order
from charrnn.settings import settings_of

PLAIN = ("sample", BEST, "-q", "--seed", 1, "-n", 60)


@pytest.fixture(autouse=True)
def _in_the_workplace(workplace, monkeypatch):
    monkeypatch.chdir(workplace)


@pytest.mark.parametrize(
    ("asked", "settings"),
    [
        (("--temp", 1.2, "--temp-to", 0.1), {"temperature": 1.2, "temperature_to": 0.1}),
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
    expected = [expected_text(tiny_model, index=k, item_end="\n") for k in range(3)]
    assert out == "".join(line if line.endswith("\n") else line + "\n" for line in expected)
    joined = call_charrnn(capsys, *PLAIN, "--lines", "--count", 3, "--separator", r"\0").out
    assert joined == "\0".join(line.removesuffix("\n") for line in expected)


def test_a_separator_stands_between_samples_and_nowhere_else(capsys, tiny_model):
    out = call_charrnn(capsys, *PLAIN, "--count", 3, "--separator", r"\n--\t\\").out
    assert out == "\n--\t\\".join(expected_text(tiny_model, index=k) for k in range(3))


def test_json_tells_each_sample_and_how_likely_it_is(capsys, tiny_model):
    options = ("--count", 3, "--json", "--prompt", "def ", "--stop", "e")
    records = [json.loads(x) for x in call_charrnn(capsys, *PLAIN, *options).out.splitlines()]
    config = SamplingConfig(length=60, seed=1, stop=("e",), log_probabilities=True)
    pieces = generate(tiny_model, "def ", config, indices=range(3), batch_size=3)
    samples = list(collect(in_order(pieces), "def ", config))
    assert [r["text"] for r in records] == [s.text for s in samples]
    assert [r["stop"] for r in records] == [s.stop for s in samples]
    assert {(r["prompt"], r["seed"]) for r in records} == {("def ", 1)}
    for record, sample in zip(records, samples, strict=True):
        mean = sample.mean_log_probability
        assert record["mean_log_probability"] == (pytest.approx(mean) if sample.text else None)
        assert "log_probabilities" not in record
    told = call_charrnn(capsys, *PLAIN, *options, "--log-probabilities").out.splitlines()
    for line, sample in zip(told, samples, strict=True):
        assert json.loads(line)["log_probabilities"] == pytest.approx(sample.log_probabilities)


def test_best_of_writes_the_likeliest_of_each_group(capsys, tiny_model):
    config = SamplingConfig(length=60, seed=1, log_probabilities=True)
    pieces = generate(tiny_model, "", config, indices=range(6), batch_size=6)
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


def test_novel_drops_samples_with_counts_too(capsys, workplace):
    corpus = (workplace / "corpus.txt").read_text()
    drawn = ("sample", BEST, "-q", "--counts", "--seed", 1, "-n", 60, "--count", 4)

    def copies(*more):
        out = call_charrnn(capsys, *drawn, "--separator", r"\0", *more).out
        return any(text[at : at + 21] in corpus for text in out.split("\0") for at in range(40))

    assert copies()
    assert not copies("--novel", "corpus.txt", "--novel-length", 20)


def test_a_search_that_finds_too_little_says_so(capsys, wording):
    asked = ("sample", BEST, "-q", "--temp", 0, "-n", 3, "--count", 2, "--unique")
    result = call_charrnn(capsys, *asked, status=3)
    wording(result)
    assert len(result.out) == 3


def test_few_streams_have_one_thread_and_many_may_have_more(capsys, monkeypatch):
    limits, real = [], threads.threads_of_products
    monkeypatch.setattr(threads, "threads_of_products", lambda n: limits.append(n) or real(n))
    for count in (1, 7, 8):
        call_charrnn(capsys, *PLAIN, "--count", count)
    assert limits == [1, 1, None]


def test_a_closed_standard_input_is_told(capsys, monkeypatch, wording):
    monkeypatch.setattr(sys, "stdin", None)
    wording(call_charrnn(capsys, *PLAIN, "--prompt-file", "-", status=2))


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        (b"caf\xe9 {} " * 20, "iconv -f cp1252"),
        ("a few words".encode("utf-16-le"), "iconv -f utf-16-le"),
        (b"a few\0words", "--level byte"),
        (b"\x81\xfe\x90\x9d", "iconv -f "),
    ],
)
def test_a_corpus_that_cannot_be_read_gets_no_hint_of_train(content, remedy, capsys, tmp_path):
    (tmp_path / "book.txt").write_bytes(content)
    said = call_charrnn(capsys, *PLAIN, "--novel", tmp_path / "book.txt", status=3).err
    assert remedy in said
    assert "--encoding" not in said
    assert "{{" not in said


def test_a_form_is_matched_in_full_by_every_sample(capsys):
    pattern = r"(def|class) [a-z_]+\(\):"
    asked = (*PLAIN, "--count", 20, "--match", pattern, "--separator", "|", "--temp", 2)
    texts = call_charrnn(capsys, *asked).out.split("|")
    assert len(texts) == 20
    assert all(re.fullmatch(pattern, text) and len(text) <= 60 for text in texts)


def test_a_character_that_a_prompt_begins_is_printed_once(workplace):
    asked = ("sample", "bytes", "-q", "--seed", 2, "--length", 5, "--prompt-file", "-")
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
    out = call_charrnn(capsys, "sample", BEST, "-q", "--infill", "def ____(self)").out
    assert re.fullmatch(r"def .{4}\(self\)", out)
    asked = ("--infill", r"a\__{2,3}b", "--temp", 1, "--seed", 3, "--count", 4, "--json")
    records = [
        json.loads(x) for x in call_charrnn(capsys, "sample", BEST, "-q", *asked).out.splitlines()
    ]
    assert all(re.fullmatch(r"a_.{2,3}b", r["text"]) for r in records)
    assert all(r["text"] == f"a_{r['gaps'][0]}b" for r in records)


def test_unknown_characters_of_the_prompt_can_be_left_out(capsys, tiny_model, wording):
    asked = ("sample", BEST, "--seed", 1, "-n", 60, "--prompt", "défα ")
    result = call_charrnn(capsys, *asked, "--unknown", "skip")
    assert result.out == expected_text(tiny_model, prime="df ")
    assert "U+00E9" in result.err
    wording(call_charrnn(capsys, *asked, status=3))


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (("--temp-to", "nan"), 2),
        (("--infill", "ab"), 2),
        (("--infill", "a_{0}"), 2),
        (("--best-of", 10**30), 2),
        (("--match", "("), 2),
        (("--match", "漢"), 2),
        (("--match", "a{61}", "-n", 60), 2),
        (("--match", "a{61}", "--max-chars", 60), 2),
        (("--stop", ""), 2),
        (("--stop", r"\q"), 2),
        (("--ban", "漢"), 3),
        (("--bias", "a"), 2),
        (("--bias", "a=nan"), 2),
        (("--bias", "a=1", "--ban", "a"), 2),
        (("--min-p", 2), 2),
        (("--typical", 0), 2),
        (("--repetition-penalty", 0), 2),
        (("--repetition-penalty", 1e20), 2),
        (("--no-repeat-ngram", -1), 2),
        (("--max-chars", -1), 2),
        (("--unknown", "ski"), 2),
        (("--color", "17"), 2),
        (("--novel", "no-such-book.txt"), 3),
        (("--lines", "--prompt", "a\n"), 2),
    ],
    ids=str,
)
def test_what_is_out_of_range_is_refused_before_anything_is_written(
    capsys, options, status, wording
):
    wording(require_refused(capsys, options, status))


@pytest.mark.parametrize(
    ("option", "status"),
    [(("--match", "("), 2), (("--match", "a{61}", "-n", 60), 2), (("--novel", "no-such.txt"), 3)],
    ids=str,
)
def test_a_refusal_comes_before_the_report_of_the_temperature(capsys, option, status):
    err = call_charrnn(capsys, "sample", BEST, *option, status=status).err
    assert "temperature" not in err
    assert "temperature" in call_charrnn(capsys, "sample", BEST, "-n", 3).err


def require_refused(capsys, options, status=2):
    result = call_charrnn(capsys, "sample", BEST, "-q", *options, status=status)
    assert result.out == ""
    assert len(result.err.splitlines()) <= 2
    return result


VALUES = {
    "prompt": "x",
    "prompt_file": "corpus.txt",
    "unknown": "skip",
    "temperature_to": 1,
    "top_k": 3,
    "top_p": 0.5,
    "min_p": 0.5,
    "typical": 0.5,
    "repetition_penalty": 2,
    "no_repeat_ngram": 2,
    "ban": "b",
    "bias": "b=1",
    "match": "a",
    "length": 9,
    "stop": "b",
    "max_chars": 9,
    "count": 2,
    "separator": "x",
    "novel": "corpus.txt",
    "best_of": 2,
    "infill": "a_",
}
"""A value for each setting that takes one, other than its default."""


def typed(setting):
    """A setting as it is typed."""
    flag = command_of("sample").spelling[setting]
    return (flag, VALUES[setting]) if setting in VALUES else (flag,)


def command_of(verb):
    return next(c.callback for c in app.registered_commands if c.name == verb)


GROUPS = (
    EditOptions,
    InfillOptions,
    InteractiveOptions,
    OutputOptions,
    PromptOptions,
    SelectionOptions,
)
RULES = {
    name: rule
    for group in (*GROUPS, SamplingConfig)
    for name, rule in settings_of(group).items()
    if rule.option
}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *(("prompt", "prompt_file"), ("separator", "json"), ("show_probabilities", "json")),
        *(("match", "ban"), ("match", "stop"), ("match", "until_sentence")),
        *(("infill", other) for other in ("prompt", "prompt_file", "unknown", "top_k", "length")),
        *(("infill", other) for other in ("temperature_to", "bias", "match", "stop", "max_chars")),
        *(("infill", other) for other in ("unique", "novel", "best_of", "show_probabilities")),
        *(("interactive", other) for other in ("temperature_to", "count", "unique")),
        *(("interactive", other) for other in ("separator", "novel", "best_of", "json")),
        *(("interactive", "show_probabilities"), ("infill", "interactive")),
    ],
)
def test_two_settings_that_exclude_each_other_are_refused(capsys, first, second, wording):
    result = require_refused(capsys, (*typed(first), *typed(second)))
    assert all(typed(name)[0] in result.err.split() for name in (first, second))
    wording(result)


@pytest.mark.parametrize(
    "options",
    [
        ("--beam", 3),
        ("--infill-newlines",),
        ("--novel-length", 3),
        ("--log-probabilities",),
        ("--color", "16"),
        ("--palette", "vik"),
        ("--repetition-window", 5),
        ("--infill", "a_", "--seed", 1),
        ("--infill", "a_", "--seed", 1, "--temp", 0),
        ("--interactive", "--prompt-file", "-"),
        ("--interactive", "--adapt", "-"),
        ("--prompt-file", "-", "--adapt", "-"),
    ],
    ids=str,
)
def test_a_setting_without_what_it_needs_is_refused(capsys, options, wording):
    wording(require_refused(capsys, options))


def test_every_rule_names_settings_that_the_command_has():
    for name, rule in RULES.items():
        assert {*rule.excludes, *(rule.allows or ()), *rule.needs[:1]} <= RULES.keys(), name


def test_an_infilling_takes_every_setting_of_samples_that_it_does_not_refuse(capsys):
    asked = ("--temp", 0.5, "--seed", 3, "--ban", "e", "--count", 2, "--separator", "|")
    out = call_charrnn(capsys, "sample", BEST, "-q", "--infill", "a____b", *asked).out
    first, second = out.split("|")
    assert first != second
    assert "e" not in out
    again = call_charrnn(capsys, "sample", BEST, "-q", "--infill", "a____b", *asked).out
    assert again == out
    lines = call_charrnn(capsys, "sample", BEST, "-q", "--fill", "a____b", "--lines").out
    assert re.fullmatch(r"a.{4}b\n", lines)


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (("-n", 7, "--prompt", "def "), {"length": 7, "prime": "def "}),
        (("--length", 0, "--prompt", "def "), {"length": 0, "prime": "def "}),
        (("--temp", 0, "--seed", 2), {"temperature": 0.0, "seed": 2}),
        (("--temperature", "1e30", "--top-k", 4), {"temperature": 1e30, "top_k": 4}),
        (("--temp", "1e-40"), {"temperature": 1e-40}),
        (("--temp", 2, "--top-p", 0.5), {"temperature": 2.0, "top_p": 0.5}),
    ],
)
def test_stdout_carries_the_prime_and_the_text_and_nothing_else(
    workplace, tiny_model, options, settings
):
    asked = ("-q", "--length", 60, "--seed", 1, *options)
    result = run_charrnn("sample", "tiny", *asked, cwd=workplace)
    assert result.out == expected_text(tiny_model, **settings)
    assert len(result.out) == len(settings.get("prime", "")) + settings.get("length", 60)
    assert result.err == ""


def test_every_setting_changes_the_text(tiny_model):
    settings = (
        {},
        {"temperature": 0},
        {"temperature": 2.0},
        {"temperature": 2.0, "top_k": 4},
        {"temperature": 2.0, "top_p": 0.5},
        {"seed": 2},
        {"prime": "def "},
        {"length": 7},
    )
    assert len({expected_text(tiny_model, **setting) for setting in settings}) == len(settings)


def test_a_sample_does_not_depend_on_how_many_are_asked_for(workplace, tiny_model):
    result = run_charrnn("sample", "--count", 3, "-n", 60, "--seed", 1, "-q", cwd=workplace)
    texts = [expected_text(tiny_model, index=index) for index in range(3)]
    assert result.out == "\n\n".join(texts)
    assert len(set(texts)) == 3


@pytest.mark.parametrize("source", ["prime.txt", "-"])
def test_the_prime_comes_from_a_file_or_from_standard_input(tmp_path, workplace, source):
    prime = "import re\n\n"
    (tmp_path / "prime.txt").write_bytes(prime.encode().replace(b"\n", b"\r\n"))
    model = workplace / BEST
    options = ("--prompt-file", source, "-n", 9, "--temp", 0, "-q")
    result = run_charrnn("sample", model, *options, cwd=tmp_path, stdin=prime.encode())
    assert result.out.startswith(prime)
    assert len(result.out) == len(prime) + 9


def test_a_fresh_seed_is_said_and_gives_the_same_text_again(workplace):
    first = run_charrnn("sample", "tiny", "-n", 60, cwd=workplace)
    seed = first.err.split("seed ")[1].strip()
    again = run_charrnn("sample", "tiny", "-n", 60, "--seed", seed, cwd=workplace)
    other = run_charrnn("sample", "tiny", "-n", 60, cwd=workplace)
    assert first.out == again.out != other.out


def test_a_byte_model_hands_on_a_prime_that_is_no_utf_8_as_it_came(workplace):
    prime = b"\xff\x80caf\xe9\r\n"
    done = subprocess.run(
        command("sample", "bytes", "-q", "-n", "5", "--prompt-file", "-"),
        cwd=workplace,
        input=prime,
        capture_output=True,
        env=CLEAN | {"LC_ALL": "C"},
        check=True,
    )
    assert done.stdout.startswith(prime)
    assert len(done.stdout.removeprefix(prime).decode()) == 5


@pytest.mark.parametrize(
    "options",
    [
        ("--length", -1),
        ("--length", "ten"),
        *(("--temp", value) for value in (-1, "nan", "inf")),
        *(("--top-p", value) for value in (0, 1.5, "nan")),
        ("--top-k", -1),
        ("--count", 0),
        ("--seed", -1),
        ("--prompt-file", "corpus.txt", "--prompt", "a"),
    ],
)
def test_a_setting_out_of_its_range_is_a_usage_error_that_names_it(refused, options):
    assert options[0].strip("-") in refused(2, "sample", *options).err


def test_fault_77_a_prime_with_unknown_characters_is_refused_by_name(refused, tmp_path, wording):
    result = refused(3, "sample", "-q", "--prompt", "aé\x1b\udcff")
    assert all(text in result.err for text in ("U+00E9", "U+001B", "U+DCFF"))
    assert "\x1b" not in result.err
    wording(result)
    (tmp_path / "prime").write_text("漢")
    wording(refused(3, "sample", "-q", "--prompt-file", tmp_path / "prime"))
    (tmp_path / "prime").write_bytes(b"caf\xe9 au lait")
    result = refused(3, "sample", "-q", "--prompt-file", tmp_path / "prime")
    assert "--encoding" not in result.err  # an option of train, not of sample
    wording(result)
    wording(refused(3, "sample", "-q", "--prompt-file", "no-such-file"))
