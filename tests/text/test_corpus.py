"""From bytes on a disk to ids: encodings, newlines, folders, .gz, splits and memory maps."""

import codecs
import dataclasses
import errno
import gzip
import hashlib
import io
import os
import random
import threading
from pathlib import Path

import numpy as np
import pytest
from helpers import examples
from hypothesis import assume, example, given
from hypothesis import strategies as st

from charrnn.config import CorpusConfig
from charrnn.errors import DataError, EnvironmentFault, UsageError, spelled
from charrnn.text import folders, numbering
from charrnn.text import sources as sources_module
from charrnn.text.corpus import Corpus, read_corpus
from charrnn.text.folders import folder_sources
from charrnn.text.sources import Notes, TextSource, file_source, spooled_source
from charrnn.text.vocabulary import Vocabulary

FAMILY = "\N{WOMAN}\u200d\N{WOMAN}\u200d\N{GIRL}"
TEXT = f"Ein Gruß,\n三字經 人之初 {FAMILY}\ncafe\u0301 \U0010fffd\n"


def source_of(data: bytes, name: str = "a.txt") -> TextSource:
    return TextSource(name, lambda: io.BytesIO(data))


def read(data: bytes, cache: Path = Path("unused"), **settings) -> Corpus:
    return read_corpus([source_of(data)], CorpusConfig(**settings), cache=cache)


def text_of(corpus: Corpus) -> str:
    return corpus.vocabulary.decode(corpus.ids)


# --- encodings ---


def test_characters_come_out_as_they_went_in():
    corpus = read(TEXT.encode())
    assert text_of(corpus) == TEXT
    assert len(corpus) == len(TEXT)
    assert corpus.distinct == len(corpus.vocabulary) == len(set(TEXT))
    assert corpus.singletons == sum(TEXT.count(c) == 1 for c in set(TEXT))
    assert corpus.fingerprint == hashlib.sha256(TEXT.encode()).hexdigest()
    assert corpus.notes == ()


MARKED = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("encoding", MARKED)
@pytest.mark.parametrize("asked", ["left out", "named", "family"])
def test_fault_45_a_byte_order_mark_decides_and_is_no_part_of_the_text(encoding, asked):
    family = encoding.removesuffix("-le").removesuffix("-be")
    name = {"left out": None, "named": encoding, "family": family}[asked]
    corpus = read(MARKED[encoding] + TEXT.encode(encoding), encoding=name)
    assert text_of(corpus) == TEXT
    assert corpus.notes == (f"byte order mark found: read as {encoding.upper()}",)


@pytest.mark.parametrize("name", ["utf8", "UTF-8", "U8", "utf_8", "utf-8-sig"])
def test_every_spelling_of_utf_8_takes_the_mark_off(name):
    assert text_of(read(codecs.BOM_UTF8 + b"mark", encoding=name)) == "mark"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "déjà vu € oui"),
        ("gbk", "三字經 人之初"),
        ("shift_jis", "日本"),
        ("utf-16-le", "aé三"),
    ],
)
@pytest.mark.parametrize("piece", [1, 2, 3, 1000])
def test_a_named_encoding_is_obeyed(encoding, text, piece, monkeypatch):
    monkeypatch.setattr(sources_module, "PIECE", piece)
    assert text_of(read(text.encode(encoding), encoding=encoding)) == text


@pytest.mark.parametrize("name", ["nope", "base64", "rot13", "hex", "a\0b"])
def test_what_is_no_encoding_of_text_is_refused(name, wording):
    with wording.raises(UsageError) as caught:
        read(b"hello", encoding=name)
    assert "encoding='cp1252'" in caught.value.hint


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 1000])
def test_fault_44_a_wrong_byte_is_named_with_its_offset_and_line(piece, monkeypatch):
    monkeypatch.setattr(sources_module, "PIECE", piece)
    data = "é\n三\nabc".encode() + b"\xe9 Zwei\n"
    with pytest.raises(DataError) as caught:
        read(data)
    assert caught.value.message == "a.txt: byte 0xE9 at offset 10 (line 3) is not UTF-8"
    assert "encoding" in caught.value.hint
    assert "level='byte'" in caught.value.hint


def test_the_offset_counts_the_mark_that_was_taken_off(wording):
    with wording.raises(DataError):
        read(codecs.BOM_UTF8 + b"ab\xff")


@pytest.mark.parametrize("data", [b"abc\xe4", b"ab\xe4\xb8", b"ab\xed\xa0\x80", b"ab\xc0\x80"])
def test_fault_48_half_characters_surrogates_and_overlong_forms_are_refused(data, wording):
    """There is no option that puts U+FFFD in their place: a network would learn to write it."""
    with wording.raises(DataError):
        read(data)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Der Müller aß süße Äpfel und hörte die Vögel über den Dächern. " * 9),
        ("gbk", "春眠不覺曉。處處聞啼鳥。夜來風雨聲。花落知多少。床前明月光。疑是地上霜。" * 9),
        ("shift_jis", "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。" * 9),
    ],
)
def test_the_hint_names_an_encoding_that_reads_the_text(encoding, text):
    data = text.encode(encoding)
    with pytest.raises(DataError) as caught:
        read(data)
    assert "add encoding=" in caught.value.hint
    named = caught.value.hint.split("add encoding=")[1].split(";")[0].strip("'")
    assert text_of(read(data, encoding=named)) == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_fault_46_utf_16_without_a_mark_is_recognised(encoding, wording):
    data = ("Plain English.\n" * 5).encode(encoding)
    with wording.raises(DataError):
        read(data)
    assert len(read(data, encoding=encoding)) == 75


def test_fault_47_a_binary_file_is_sent_to_level_byte(wording):
    data = b"\x89BIN\r\n\x1a\n" + bytes(range(1, 256)) + b"\0IHDR"
    with wording.raises(DataError) as caught:
        read(data)
    assert "level='byte'" in caught.value.hint
    corpus = read(data, level="byte")
    assert bytes(corpus.ids) == data
    assert corpus.fingerprint == hashlib.sha256(data).hexdigest()


def test_lone_surrogates_of_odd_encodings_are_refused(wording):
    with wording.raises(DataError):
        read(rb"ab\ud800", encoding="unicode_escape")


# --- newlines and pieces ---


@pytest.mark.parametrize("piece", [1, 2, 3, 4, 5])
@examples(25)
@given(text=st.text(st.sampled_from("a\r\né三\N{GIRL}"), min_size=2))
@example(text=TEXT)
def test_pieces_of_any_size_give_the_same_text(piece, text):
    assume(not text.isspace())
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources_module, "PIECE", piece)
        kept = read(text.encode(), keep_newlines=True)
        assert text_of(kept) == text
        if len(plain) > 1:
            made = read(text.encode())
            assert text_of(made) == plain
            assert made.fingerprint == hashlib.sha256(plain.encode()).hexdigest()


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"a\r\nb\r\n", "CR LF"),
        (b"a\rb\r", "CR"),
        (b"a\r\nb\rc\n", "CR and CR LF"),
        (b"a\nb\n", ""),
    ],
)
def test_fault_49_line_ends_become_lf_and_that_is_said(data, named):
    made, kept = read(data), read(data, keep_newlines=True)
    assert text_of(made) == data.decode().replace("\r\n", "\n").replace("\r", "\n")
    assert text_of(kept) == data.decode()
    said = f"{named} line endings were converted to LF ({{keep_newlines}} keeps them)"
    assert made.notes == ((said,) if named else ())
    assert kept.notes == ()


def test_changed_line_ends_are_said_of_a_part_too():
    notes = read(b"a\r\nb\r\nc", max_chars=3).notes
    assert any("CR LF" in said for said in notes)
    assert any("max_chars" in said for said in notes)


def test_bytes_are_kept_as_they_are():
    data = codecs.BOM_UTF8 + b"a\r\nb\rc\xff\0"
    corpus = read(data, level="byte")
    assert bytes(corpus.ids) == data
    assert len(corpus.vocabulary) == 256


# --- size ---


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the corpus is empty (a.txt has no characters)"),
        (codecs.BOM_UTF8, "the corpus is empty (a.txt has no characters)"),
        (b"x", "the corpus needs at least 2 characters, but a.txt has 1"),
        ("三".encode(), "the corpus needs at least 2 characters, but a.txt has 1"),
        (b"\r\n", "the corpus needs at least 2 characters, but a.txt has 1"),
    ],
)
def test_fault_41_a_text_of_fewer_than_two_characters_is_refused(data, message):
    with pytest.raises(DataError) as caught:
        read(data)
    assert caught.value.message == message


def test_fault_42_one_symbol_repeated_is_a_corpus():
    corpus = read(b"aaa")
    assert corpus.ids.tolist() == [0, 0, 0]
    assert (corpus.distinct, corpus.singletons) == (1, 0)


@pytest.mark.parametrize("piece", [1, 3, 1000])
@pytest.mark.parametrize(
    ("level", "most", "expected"),
    [("char", 5, "é三a\nb"), ("char", 8, "é三a\nbcde"), ("byte", 6, "é三a"), ("char", 4, "é三a\n")],
)
def test_max_chars_reads_no_further(level, most, expected, piece, monkeypatch):
    monkeypatch.setattr(sources_module, "PIECE", piece)
    sources = [source_of("é三a".encode()), source_of(b""), source_of(b"bcde", "b.txt")]
    corpus = read_corpus(sources, CorpusConfig(level=level, max_chars=most), cache=Path("unused"))
    assert text_of(corpus) == expected
    assert ("characters were read" in " ".join(corpus.notes)) == (expected != "é三a\nbcde")


def test_what_lies_beyond_max_chars_may_be_damaged(monkeypatch):
    monkeypatch.setattr(sources_module, "PIECE", 4)
    assert text_of(read(b"abcdefgh\xff", max_chars=6)) == "abcdef"


def test_sources_follow_each_other():
    sources = [source_of(b"ab"), source_of(codecs.BOM_UTF16_LE + "é".encode("utf-16-le"), "b")]
    corpus = read_corpus(sources, CorpusConfig(), cache=Path("unused"))
    assert text_of(corpus) == "ab\né"
    assert corpus.num_sources == 2


# --- vocabulary ---


def test_characters_below_min_count_become_one_unknown_symbol():
    corpus = read(b"aaaabbbbccdx", min_count=3)
    assert corpus.vocabulary.symbols.tolist() == [ord("a"), ord("b")]
    assert corpus.ids.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    assert (corpus.distinct, corpus.singletons) == (5, 2)


def test_min_count_without_rare_characters_makes_no_unknown_symbol():
    assert not read(b"aabb", min_count=2).vocabulary.has_unknown


def test_a_min_count_that_no_character_reaches_says_what_would_do(wording):
    with wording.raises(DataError):
        read(b"aaabb", min_count=4)


def test_a_given_vocabulary_numbers_the_text():
    vocabulary = Vocabulary("char", [ord(c) for c in "abcz"])
    corpus = read_corpus([source_of(b"zab")], CorpusConfig(), cache=Path(), vocabulary=vocabulary)
    assert corpus.ids.tolist() == [3, 0, 1]


def test_characters_that_a_given_vocabulary_lacks_are_named(wording):
    vocabulary = Vocabulary("char", [ord("a")])
    with wording.raises(DataError):
        read_corpus([source_of(b"ab")], CorpusConfig(), cache=Path(), vocabulary=vocabulary)


# --- splits ---


def split_sizes(length: int, val: float, test: float) -> tuple[int, int, int]:
    config = CorpusConfig(val_fraction=val, test_fraction=test)
    ids = np.broadcast_to(np.uint8(0), length)
    corpus = Corpus(ids, Vocabulary("char", [97]), config, "", 1, 0, 1)
    return len(corpus.train), len(corpus.val), len(corpus.test)


@pytest.mark.parametrize(
    ("length", "val", "test", "sizes"),
    [
        (1_115_394, 0.1, 0.0, (1_003_854, 111_540, 0)),
        (100_000_000, 0.05, 0.05, (90_000_000, 5_000_000, 5_000_000)),
        (10, 0.1, 0.2, (7, 1, 2)),
        (7, 0.0, 0.0, (7, 0, 0)),
        (7, 0.0, 0.5, (3, 1, 3)),
        (30, 0.9, 0.0, (3, 27, 0)),
    ],
)
def test_split_sizes(length, val, test, sizes):
    assert split_sizes(length, val, test) == sizes


@pytest.mark.parametrize(
    ("length", "val", "test"), [(2, 0.1, 0.0), (2, 0.0, 0.5), (3, 0.9, 0.0), (5, 0.4, 0.4)]
)
def test_fault_43_a_text_too_short_to_be_split_is_for_training(length, val, test):
    assert split_sizes(length, val, test) == (length, 0, 0)


@given(st.integers(3, 10**12), st.floats(0, 0.999), st.floats(0, 0.999))
def test_the_parts_are_as_large_as_asked_and_make_up_the_whole(length, val, test):
    assume(val + test < 1)
    assume(length * (1 - val - test) > 2.01)
    train_size, val_size, test_size = sizes = split_sizes(length, val, test)
    assert sum(sizes) == length
    slack = 1 + length * 1e-12
    assert abs(train_size - length * (1 - val - test)) <= slack
    assert abs(val_size - length * val) <= 2 * slack
    assert abs(test_size - length * test) <= slack


def test_training_validation_and_test_text_follow_each_other():
    corpus = read(bytes(range(97, 117)), val_fraction=0.2, test_fraction=0.15)
    parts = [corpus.vocabulary.decode(p) for p in (corpus.train, corpus.val, corpus.test)]
    assert parts == ["abcdefghijklm", "nopq", "rst"]


# --- large corpora ---


@pytest.fixture
def small_limit(monkeypatch):
    monkeypatch.setattr(numbering, "MAX_IN_MEMORY", 5)


def no_second_pass(monkeypatch):
    monkeypatch.setattr(numbering, "_numbered", lambda *_: pytest.fail("the ids were made again"))


@pytest.mark.parametrize("settings", [{}, {"level": "byte"}, {"min_count": 2}, {"max_chars": 13}])
def test_a_large_corpus_is_mapped_and_equals_a_small_one(settings, tmp_path, monkeypatch):
    data = TEXT.encode()
    small = read(data, **settings)
    monkeypatch.setattr(numbering, "MAX_IN_MEMORY", 5)
    large = read(data, tmp_path, **settings)
    assert isinstance(large.ids, np.memmap)
    assert not isinstance(small.ids, np.memmap)
    assert not large.ids.flags.writeable
    assert large.ids.dtype == small.ids.dtype
    np.testing.assert_array_equal(large.ids, small.ids)
    assert large.fingerprint == small.fingerprint
    assert [p.name[0] for p in (tmp_path / "encoded").iterdir()] == [large.fingerprint[0]]


def test_the_second_reading_takes_the_file_of_the_cache(small_limit, tmp_path, monkeypatch):
    first = read(TEXT.encode(), tmp_path)
    no_second_pass(monkeypatch)
    np.testing.assert_array_equal(read(TEXT.encode(), tmp_path).ids, first.ids)


def test_another_vocabulary_has_another_file_in_the_cache(small_limit, tmp_path):
    corpora = [read(b"abbcccdddd", tmp_path, min_count=k) for k in (1, 2, 3)]
    assert [c.ids.tolist()[:4] for c in corpora] == [[0, 1, 1, 2], [3, 0, 0, 1], [2, 2, 2, 0]]
    assert len(list((tmp_path / "encoded").iterdir())) == 3


def test_a_file_of_the_wrong_length_is_made_again(small_limit, tmp_path):
    first = read(TEXT.encode(), tmp_path).ids.tolist()
    (path,) = (tmp_path / "encoded").iterdir()
    path.write_bytes(b"short")
    assert read(TEXT.encode(), tmp_path).ids.tolist() == first


@pytest.mark.parametrize("damage", ["zeros", "ones", "flip", "sign", "checksum", "longer"])
@pytest.mark.parametrize("settings", [{}, {"lines": True}])
def test_damaged_ids_are_noticed_and_made_again(damage, settings, small_limit, tmp_path):
    first = read(TEXT.encode(), tmp_path, **settings)
    expected = first.ids.tolist()
    for path in (tmp_path / "encoded").iterdir():
        content = bytearray(path.read_bytes())
        if damage in ("zeros", "ones"):
            content[:] = (b"\0" if damage == "zeros" else b"\xff") * len(content)
        elif damage == "longer":
            content += b"\0"
        else:
            content[{"flip": 3, "sign": -8, "checksum": -1}[damage]] ^= 4
        path.write_bytes(content)
    again = read(TEXT.encode(), tmp_path, **settings)
    assert again.ids.tolist() == expected
    assert len(again.notes) == len(first.notes) + 1
    assert read(TEXT.encode(), tmp_path, **settings).notes == first.notes


def test_ids_are_kept_whole_or_not_at_all(small_limit, tmp_path, monkeypatch, wording):
    monkeypatch.setattr(numbering.zlib, "crc32", lambda *_: (_ for _ in ()).throw(OSError(5, "oh")))
    with wording.raises(EnvironmentFault):
        read(TEXT.encode(), tmp_path)
    assert list((tmp_path / "encoded").iterdir()) == []


def test_a_cache_without_room_is_refused_before_writing(
    small_limit, tmp_path, monkeypatch, wording
):
    free = dataclasses.make_dataclass("Usage", ["free"])(3)
    monkeypatch.setattr(numbering.shutil, "disk_usage", lambda _: free)
    with wording.raises(EnvironmentFault):
        read(b"abcdefghi", tmp_path)


@pytest.mark.parametrize("limit", [5, 1000], ids=["mapped", "in memory"])
@pytest.mark.parametrize(
    "later", [b"abcabcab", b"abcabcabcd", b"abcabcabx", b"cbacbacba", b"abcabcabb", b"ab\xff", b""]
)
def test_a_corpus_that_changes_between_the_passes_is_refused(limit, later, tmp_path, monkeypatch):
    monkeypatch.setattr(numbering, "MAX_IN_MEMORY", limit)
    versions = iter([b"abcabcabc", later])
    source = TextSource("a.txt", lambda: io.BytesIO(next(versions)))
    with pytest.raises(DataError):
        read_corpus([source], CorpusConfig(), cache=tmp_path)
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


# --- files ---


def refusal_of(path: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        file_source(path)
    return caught.value


def test_a_mistyped_name_is_answered_with_the_nearest_one(tmp_path):
    (tmp_path / "shakespeare.txt").write_text("abc")
    error = refusal_of(tmp_path / "shakespear.txt")
    assert "No such file" in error.message
    assert error.hint == f"did you mean {tmp_path / 'shakespeare.txt'}?"


@pytest.mark.parametrize("name", ["nothing-like-it", "folder", "loop", "n" * 300, "a\0b"])
def test_what_is_no_file_is_refused_in_one_line(name, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    error = refusal_of(tmp_path / name)
    assert error.message.startswith("cannot read ")
    assert "\n" not in error.message


def test_fault_59_what_cannot_be_read_is_said_with_its_reason_and_the_nearest_name(
    tmp_path, monkeypatch
):
    (tmp_path / "corpus.txt").write_text("abc")
    (tmp_path / "loop").symlink_to("loop")
    missing, circle = (refusal_of(tmp_path / name) for name in ("corpus.tx", "loop"))
    assert "corpus.txt?" in missing.hint
    assert os.strerror(errno.ELOOP) in circle.message

    def refuse(*_args, **_options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything
    forbidden = refusal_of(tmp_path / "corpus.txt")
    assert os.strerror(errno.EACCES) in forbidden.message
    assert {error.exit_status for error in (missing, circle, forbidden)} == {3}


def test_fault_59_a_link_to_a_file_is_followed(tmp_path):
    (tmp_path / "a.txt").write_text("abc")
    (tmp_path / "link").symlink_to("a.txt")
    corpus = read_corpus([file_source(tmp_path / "link")], CorpusConfig(), cache=tmp_path)
    assert text_of(corpus) == "abc"


def test_a_stream_that_can_be_read_once_is_read_twice():
    source = spooled_source(io.BytesIO(TEXT.encode()), "standard input")
    corpus = read_corpus([source], CorpusConfig(), cache=Path("unused"))
    assert text_of(corpus) == TEXT


def test_a_named_pipe_is_read_twice_too(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[TEXT.encode()])
    writer.start()
    source = file_source(pipe)
    writer.join()
    assert text_of(read_corpus([source], CorpusConfig(), cache=tmp_path)) == TEXT


@pytest.mark.parametrize("name", ["corpus.gz", "no suffix"])
def test_a_gz_file_is_unpacked(name, tmp_path):
    (tmp_path / name).write_bytes(gzip.compress(TEXT.encode()))
    corpus = read_corpus([file_source(tmp_path / name)], CorpusConfig(), cache=tmp_path)
    assert text_of(corpus) == TEXT


def test_a_gz_file_cut_or_damaged_anywhere_gives_its_text_or_a_data_error(tmp_path):
    text = "".join(random.Random(3).choices("abcdefgh \n", k=400)).encode()
    packed = gzip.compress(text, mtime=0)
    path = tmp_path / "a.gz"
    flipped = [
        packed[:at] + bytes([packed[at] ^ 0x10]) + packed[at + 1 :] for at in range(2, len(packed))
    ]
    refused = 0
    for data in [packed[:size] for size in range(2, len(packed))] + flipped:
        path.write_bytes(data)
        try:
            corpus = read_corpus([file_source(path)], CorpusConfig(level="byte"), cache=tmp_path)
        except DataError as error:
            assert "damaged .gz file" in error.message  # noqa: PT017 (a flip in its name is harmless)
            refused += 1
        else:
            assert bytes(corpus.ids) == text
    assert refused > 2 * len(packed) - 20


def test_fault_56_a_gz_bomb_is_stopped(tmp_path, monkeypatch, wording):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"a" * 300_000))
    source = file_source(path)
    assert len(read_corpus([source], CorpusConfig(), cache=tmp_path)) == 300_000
    monkeypatch.setattr(sources_module, "MAX_EXPANSION", 2000)
    monkeypatch.setattr(sources_module, "PIECE", 1000)
    with wording.raises(DataError):
        read_corpus([source], CorpusConfig(), cache=tmp_path)
    assert len(read_corpus([source], CorpusConfig(max_chars=1500), cache=tmp_path)) == 1500


# --- folders ---


def make_folder(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def names(folder: Path, *globs: str, notes: Notes | None = None, **settings) -> list[str]:
    config = CorpusConfig(globs=globs, **settings)
    found = folder_sources(folder, config, notes or Notes())
    return [Path(s.name).relative_to(folder).as_posix() for s in found]


SIX = dict.fromkeys(["b.txt", "a.py", "a/z.py", "a/y.txt", "a/tests/x.py", "tests/w.py"], b"text")


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        ([], ["a/tests/x.py", "a/y.txt", "a/z.py", "a.py", "b.txt", "tests/w.py"]),
        (["*.py"], ["a/tests/x.py", "a/z.py", "a.py", "tests/w.py"]),
        (["*.py", "!*/tests/*", "!tests/*"], ["a/z.py", "a.py"]),
        (["a/*"], ["a/tests/x.py", "a/y.txt", "a/z.py"]),
        (["!*.py"], ["a/y.txt", "b.txt"]),
        (["b.*", "y.txt"], ["a/y.txt", "b.txt"]),
    ],
)
def test_globs_choose_and_a_bang_leaves_out(globs, expected, tmp_path):
    assert names(make_folder(tmp_path, SIX), *globs) == expected


def test_a_folder_that_is_left_out_is_not_entered(tmp_path):
    make_folder(tmp_path, SIX | {"tests/.git/HEAD": b"ref", "a/tests/x.bin": b"\0"})
    notes = Notes()
    left = names(tmp_path, "!tests/*", "!*/tests/*", notes=notes)
    assert left == ["a/y.txt", "a/z.py", "a.py", "b.txt"]
    assert notes.skipped == {}


def test_the_order_of_a_folder_does_not_depend_on_the_disk(tmp_path, monkeypatch):
    make_folder(tmp_path, SIX)
    expected, walk = names(tmp_path), os.walk

    def backwards(*arguments, **options):
        return reversed([(r, d[::-1], f[::-1]) for r, d, f in walk(*arguments, **options)])

    monkeypatch.setattr(folders.os, "walk", backwards)
    assert names(tmp_path) == expected


def test_what_is_left_out_of_a_folder_is_named(tmp_path):
    bad = {
        ".git/config": b"[core]",
        "sub/.git/HEAD": b"ref",
        "x.png": b"\x89PNG\r\n\x1a\n\0",
        "y.o": b"\0",
    }
    bad |= {"latin.txt": b"caf\xe9 au lait", "cut.gz": gzip.compress(TEXT.encode())[:-9]}
    make_folder(tmp_path, bad | {"good.txt": b"good"})
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("nowhere")
    notes = Notes()
    assert names(tmp_path, notes=notes) == ["good.txt"]
    assert {reason: sorted(names) for reason, names in notes.skipped.items()} == {
        "Git history": [".git", "sub/.git"],
        "an image": ["x.png"],
        "binary": ["y.o"],
        "not UTF-8": ["latin.txt"],
        "unreadable": ["cut.gz"],
        "neither a file nor a folder": ["dangling", "pipe"],
    }
    said = notes.sentences(keep_newlines=False)
    assert all(sentence.startswith("left out of the folder as ") for sentence in said)
    assert "left out of the folder as binary: y.o; {level:byte} reads bytes of any kind" in said
    (latin,) = [sentence for sentence in said if "latin.txt" in sentence]
    assert latin.endswith("; iconv -f cp1252 -t UTF-8 converts it, if 'café au lait' is right")


def test_of_many_files_left_out_the_first_are_named(tmp_path):
    make_folder(tmp_path, {f"{k}{{}}.pdf": b"%PDF-1.4" for k in range(5)} | {"a.txt": b"text"})
    notes = Notes()
    names(tmp_path, notes=notes)
    (said,) = notes.sentences(keep_newlines=False)
    assert spelled(said, str).startswith(
        "left out of the folder as a PDF: 0{}.pdf, 1{}.pdf, 2{}.pdf and 2 more; to get its text: pdftotext "
    )


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    make_folder(tmp_path, SIX)
    scandir = os.scandir

    def guarded(path):
        if Path(path).name == "tests":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    notes = Notes()
    assert names(tmp_path, notes=notes) == ["a/y.txt", "a/z.py", "a.py", "b.txt"]
    assert list(notes.skipped) == ["unreadable"]
    assert sorted(notes.skipped["unreadable"]) == ["a/tests", "tests"]


def test_fault_59_links_in_a_circle_end(tmp_path):
    make_folder(tmp_path, {"a/one.txt": b"text", "two.txt": b"text"})
    (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self").symlink_to("self")
    notes = Notes()
    assert names(tmp_path, notes=notes) == ["a/one.txt", "two.txt"]
    assert notes.skipped == {"neither a file nor a folder": ["self"]}


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_folder_in_a_named_encoding_is_text(encoding, tmp_path):
    make_folder(tmp_path, {"a.txt": "plain".encode(encoding)})
    assert names(tmp_path, encoding=encoding) == ["a.txt"]


def test_bytes_take_every_file_of_a_folder(tmp_path):
    make_folder(tmp_path, {"a.png": b"\x89PNG\0", "b.txt": b"caf\xe9"})
    assert names(tmp_path, level="byte") == ["a.png", "b.txt"]


@pytest.mark.parametrize(
    ("files", "hint"), [({}, "globs"), ({"a.py": b"text"}, "globs"), ({"a.txt": b"\0"}, "a.txt")]
)
def test_a_folder_without_text_is_refused(files, hint, tmp_path, wording):
    with wording.raises(DataError) as caught:
        names(make_folder(tmp_path, files), "*.txt")
    assert hint in caught.value.hint


def test_a_folder_that_cannot_be_read_is_refused(tmp_path, monkeypatch, wording):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with wording.raises(DataError):
        names(tmp_path)


def test_an_empty_folder_is_refused(tmp_path, wording):
    with wording.raises(DataError):
        names(tmp_path)


def test_an_unknown_encoding_is_no_reason_to_skip_files(tmp_path):
    with pytest.raises(UsageError):
        names(make_folder(tmp_path, SIX), encoding="nope")


@pytest.mark.parametrize("at", [100, 8191, 8192, 300_000, 2_500_000])
def test_a_nul_byte_is_refused_wherever_it_is(at, wording):
    data = b"plain text " * (at // 11 + 9)
    with pytest.raises(DataError) as caught:
        read(data[:at] + b"\0" + data[at:])
    assert f"offset {at:,}" in caught.value.message
    wording(caught.value)


@pytest.mark.parametrize("text", ["\n\n", " " * 50, "\t \r\n\u00a0\u3000\n" * 9])
def test_fault_41_a_text_of_blanks_is_refused(text, wording):
    with wording.raises(DataError):
        read(text.encode())
