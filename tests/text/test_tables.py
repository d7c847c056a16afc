"""Tables of texts: a column of CSV, a key of JSON, each value a text of its own."""

import csv
import io
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import CorpusConfig
from charrnn.errors import DataError, SettingError
from charrnn.text import sources as sources_module
from charrnn.text.corpus import Corpus, read_corpus
from charrnn.text.sources import TextSource

JOKES = [
    "Why 6 afraid of 7?\nBecause 7, 8, 9!",
    "Plain, with a comma",
    'I said "no", she said "yes".',
    "Ω \N{FACE WITH TEARS OF JOY}",
]


def source_of(data: bytes, name: str) -> TextSource:
    return TextSource(name, lambda: io.BytesIO(data))


def read(data: bytes | str, name: str, **settings) -> Corpus:
    data = data.encode() if isinstance(data, str) else data
    return read_corpus([source_of(data, name)], CorpusConfig(**settings), cache=Path("unused"))


def items(corpus: Corpus) -> list[str]:
    return sorted(corpus.vocabulary.decode(corpus.ids).strip("\x1e").split("\x1e"))


def csv_of(rows: list[list[str]], delimiter: str = ",", newline: str = "\r\n") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=newline).writerows(rows)
    return out.getvalue()


def table(values: list[str], **form) -> str:
    return csv_of(
        [["id", "joke", "score"], *([str(k), v, "7"] for k, v in enumerate(values))], **form
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("level", ["char", "byte"])
def test_a_column_of_csv_is_read_whatever_stands_between_columns(delimiter, newline, level):
    text = table(JOKES, delimiter=delimiter, newline=newline)
    for name in ("a.csv", "a.TSV", "a.csv.gz"):  # the source has unpacked it by then
        corpus = read(text, name, field="joke", level=level)
        assert items(corpus) == sorted(JOKES)
        assert corpus.item_end == "\x1e"


@given(st.lists(st.text("a,;\"' \n", min_size=1), min_size=2, max_size=9), st.integers(1, 50))
def test_values_are_what_the_csv_module_wrote(values, piece):
    kept = sorted(filter(None, (value.strip("\n") for value in values)))
    if len(kept) < 2 or not "".join(kept).strip():  # nothing to learn
        return
    before, sources_module.PIECE = sources_module.PIECE, piece
    try:
        assert items(read(table(values, newline="\n"), "a.csv", field="joke")) == kept
    finally:
        sources_module.PIECE = before


@pytest.mark.parametrize(
    ("rows", "values"),
    [
        (['1\t"an open quote', "2\tb c", "3\td"], ['"an open quote', "b c", "d"]),
        (['1\t"Go," she said', '2\t"quoted"', "3\td"], ['"Go," she said', "quoted", "d"]),
        (['1\t"two', 'lines"', "2\tb", '3\t"say ""d"""'], ["two\nlines", "b", 'say "d"']),
        (['1\t"a', "", "2\tb", '3\tc"'], ['"a', "b", 'c"']),
        (['"1\ta', '2"\tb', '3\t"c"'], ["a", "b", "c"]),
    ],
)
def test_a_quote_that_is_not_closed_is_a_character_of_a_value_between_tabs(rows, values):
    data = "\n".join(["id\ttext", *rows]) + "\n"
    assert items(read(data, "a.tsv", field="text")) == sorted(values)
    assert items(read(data.replace("\n", "\r\n"), "a.csv", field="text")) == sorted(values)


def test_a_single_column_of_a_tsv_file_keeps_its_commas_and_quotes():
    data = 'text\nfirst, second\n"open\n"closed"\n'
    assert items(read(data, "a.tsv", field="text")) == sorted(["first, second", '"open', "closed"])


def test_a_key_of_json_lines_is_read_with_its_escapes():
    lines = [json.dumps({"from": "A", "text": joke}) for joke in JOKES]
    assert r"\ud83d\ude02" in lines[-1]
    assert items(read("\n\n".join(lines), "chat.jsonl", field="text")) == sorted(JOKES)


@pytest.mark.parametrize(
    ("made", "field"),
    [
        (lambda texts: [{"text": text} for text in texts], "text"),
        (lambda texts: {"messages": [{"text": text} for text in texts]}, "messages.text"),
        (lambda texts: {"a": [{"b": {"c": text}} for text in texts]}, "a.b.c"),
        (lambda texts: [{"a.b": text} for text in texts], "a.b"),
        (lambda texts: texts, "."),
        (lambda texts: [texts[:2], texts[2:]], "."),
        (lambda texts: [{"text": [text[:3], text[3:]]} for text in texts], "text"),
        (lambda texts: [{"text": text} for text in [*texts, None, ""]] + [{"other": 1}], "text"),
    ],
)
def test_a_path_of_keys_of_json_is_read_through_lists(made, field):
    assert items(read(json.dumps(made(JOKES)), "a.json", field=field)) == sorted(JOKES)


def test_each_value_is_composed_by_itself():
    values = ["e\u0301a", "\u0301b", "cafe\u0301", "c"]
    read_values = items(read(table(values), "a.csv", field="joke", normalize="nfc"))
    assert read_values == sorted(["\u00e9a", "\u0301b", "caf\u00e9", "c"])


def test_numbers_are_read_as_they_are_written():
    assert items(read('{"n": 1.50}\n{"n": 22}\n{"n": true}', "a.jsonl", field="n")) == [
        "1.5",
        "22",
        "true",
    ]


@pytest.mark.parametrize(
    ("data", "kind"), [(table(JOKES), "csv"), (json.dumps([{"joke": j} for j in JOKES]), "json")]
)
def test_a_table_behind_a_pipe_is_recognised(data, kind):
    assert items(read(data, "standard input", field="joke")) == sorted(JOKES)


@pytest.mark.parametrize(
    ("data", "name", "field"),
    [
        (table(JOKES), "a.csv", "jokes"),
        ('{"text": "a"}\n', "a.jsonl", "joke"),
        ('{"text": "a"}\n{"text": \n', "a.jsonl", "text"),
        ('{"text": "a"}\n{"text": "b"}\n', "a.json", "text"),
        ('[{"user": {"name": "a", "age": 3}}]', "a.json", "user"),
        ('["a", "b"]', "a.json", "text"),
        ("just a text", "a.txt", "text"),
        ("", "a.csv", "text"),
    ],
)
def test_what_a_table_lacks_is_said_with_what_it_has(data, name, field, wording):
    with wording.raises(DataError):
        read(data, name, field=field)


@pytest.mark.parametrize(
    ("data", "name", "names"),
    [
        (table(JOKES), "a.csv", "id, joke, score"),
        ('{"from": "A", "text": "b"}\n{"text": "c", "at": 3}\n' * 2, "a.jsonl", "from, text, at"),
        ('{"all": [{"text": "a", "by": {"name": "b"}}]}', "a.json", "all.text, all.by.name"),
        ('"a\n\x1b[2J","b"\n' * 2, "a.csv", r"a\n\x1b[2J, b"),
    ],
)
def test_without_a_field_its_columns_are_named(data, name, names):
    (note,) = [note for note in read(data, name).notes if "{field:NAME}" in note]
    assert f"reads one of {names}, each value as a separate text" in note
    assert not read(data, "a.txt").notes or "field" not in read(data, "a.txt").notes[-1]


def test_a_single_key_is_named_and_a_list_of_words_is_no_table():
    (note,) = [note for note in read('{"text": "ab"}\n' * 9, "a.jsonl").notes if "{field" in note]
    assert "{field:text}" in note
    (note,) = [note for note in read('["ab", "cd", "ef"]', "a.json").notes if "{field" in note]
    assert note.endswith("; {field:.} reads each string as a separate text")
    assert not any("{field" in note for note in read("name\nada\neve\n" * 9, "a.csv").notes)


def test_a_broken_table_is_a_text_without_a_note():
    assert read('{"a": \n' * 9, "a.jsonl").notes == ()


def test_a_field_goes_with_no_other_kind_of_item():
    for settings in ({"lines": True}, {"separator": "%"}, {"documents": True}):
        with pytest.raises(SettingError):
            CorpusConfig(field="text", **settings)


def test_a_long_value_is_read_whole():
    text = "".join(random.Random(1).choices("ab", k=200_000))
    assert items(read(table([text, "b"]), "a.csv", field="joke")) == sorted([text, "b"])
