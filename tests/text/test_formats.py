"""Files that are no texts: what they are called, and what gets the text out of them."""

import bz2
import gzip
import importlib
import io
import lzma
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from charrnn.config import CorpusConfig
from charrnn.errors import DataError, spelled
from charrnn.text.corpus import read_corpus
from charrnn.text.folders import folder_sources
from charrnn.text.formats import format_of
from charrnn.text.sources import (
    Notes,
    TextSource,
    byte_pieces,
    file_source,
    named_source,
    spooled_source,
)

TEXT = "Ein Gruß,\n三字經 人之初\n" * 50


def zipped(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            content = "application/epub+zip" if name == "mimetype" else TEXT
            archive.writestr(name, content)
    return packed.getvalue()


def tarred() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        info = tarfile.TarInfo("a.txt")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"hello"))
    return packed.getvalue()


NO_TEXTS = {
    "texts.zip": (zipped("two/1.txt"), "a zip archive", "unzip texts.zip -d texts"),
    "texts.tar": (tarred(), "a tar archive", "tar -xf texts.tar -C texts"),
    "texts.tar.gz": (gzip.compress(tarred()), "a tar archive", "tar -xf texts.tar.gz -C texts"),
    "my notes.docx": (
        zipped("[Content_Types].xml", "word/document.xml"),
        "a Word document",
        "pandoc 'my notes.docx' -t plain -o 'my notes'.txt",
    ),
    "renamed": (zipped("word/document.xml"), "a Word document", "pandoc renamed"),
    "book.epub": (zipped("mimetype", "a.html"), "an EPUB book", "pandoc book.epub"),
    "paper.pdf": (b"%PDF-1.7\n%\xe2\xe3", "a PDF", "pdftotext paper.pdf paper.txt"),
    "photo.png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "an image", "tesseract photo.png photo"),
    "photo.jpg": (b"\xff\xd8\xff\xe0\0\x10JFIF", "an image", "tesseract photo.jpg photo"),
    "tune.mid": (b"MThd\0\0\0\x06\0\0\0\x01", "a MIDI file", "midi2abc tune.mid > tune.abc"),
    "data.7z": (b"7z\xbc\xaf\x27\x1c\0\4", "a 7z archive", "7z x data.7z"),
    "prog": (b"\x7fELF\2\1\1\0", "a program", "there is no text in it"),
    "setup.exe": (b"MZ\x90\0\3\0\0\0\4\0", "a program", "there is no text in it"),
    "photo.bmp": (b"BM\x46\1\0\0\0\0\0\0\x36\0\0\0(\0", "an image", "tesseract photo.bmp photo"),
    "novel.mobi": (b"Novel".ljust(60, b"\0") + b"BOOKMOBI\0\0", "a Kindle book", "ebook-convert novel.mobi"),
    "song.mp3": (b"\xff\xfb\x90\x64\0\x0f", "a recording", "there is no text in it"),
    "sound.aiff": (b"FORM\0\0\1\0AIFFCOMM", "a recording", "there is no text in it"),
    "film.mkv": (b"\x1a\x45\xdf\xa3\x01\0", "a film", "there is no text in it"),
    "scan.djvu": (b"AT&TFORM\0\1\0\0DJVM", "a DjVu document", "djvutxt scan.djvu scan.txt"),
    "notes.db": (b"SQLite format 3\0\x10\0", "an SQLite database", "sqlite3 -csv -header notes.db"),
    "serif.ttf": (b"\0\1\0\0\0\x0f\0\x80", "a font", "there is no text in it"),
    "serif.woff2": (b"wOF2\0\1\0\0", "a font", "there is no text in it"),
    "help.chm": (b"ITSF\3\0\0\0\x60\0", "a compiled help file", "7z x help.chm -ohelp"),
    "tool.deb": (b"!<arch>\ndebian-binary", "an ar archive", "ar x tool.deb"),
    "best.safetensors": (b'\x40\0\0\0\0\0\0\0{"__meta', "a safetensors file", "there is no text in it"),
    "model.pkl": (b"\x80\4\x95\0\0", "a Python pickle", "there is no text in it"),
}  # fmt: skip


def refusal_of(source: TextSource) -> DataError:
    with pytest.raises(DataError) as caught:
        read_corpus([source], CorpusConfig(), cache=Path("unused"))
    return caught.value


@pytest.mark.parametrize("name", NO_TEXTS)
@pytest.mark.parametrize("piped", [False, True])
def test_what_is_no_text_is_named_with_what_turns_it_into_one(name, piped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, noun, command = NO_TEXTS[name]
    (tmp_path / name).write_bytes(content)
    if piped:
        error = refusal_of(spooled_source(io.BytesIO(content), "standard input"))
        assert error.message.startswith("standard input is ")
        assert "FILE" in error.hint or "no text" in error.hint
    else:
        error = refusal_of(named_source(name))
        assert error.message.startswith(f"{name} is {noun}")
        assert command in error.hint
    assert error.message.endswith(", not a text")
    assert "byte" not in error.message + error.hint


def test_the_bytes_of_packed_text_are_read_with_a_warning():
    def notes_of(content, name):
        source = TextSource(name, lambda: io.BytesIO(content))
        return read_corpus([source], CorpusConfig(level="byte"), cache=Path("unused")).notes

    (note,) = notes_of(NO_TEXTS["texts.zip"][0], "{texts}.zip")
    assert spelled(note, str).startswith(
        "{texts}.zip is a zip archive, whose bytes are packed text; to get its text: unzip "
    )
    for name in ("tune.mid", "photo.png", "prog"):
        assert notes_of(NO_TEXTS[name][0], name) == ()
    assert notes_of(TEXT.encode(), "a.txt") == ()


@pytest.mark.parametrize(
    "text",
    [
        *("PK is a name", "BM", "BMW drivers", "MZ is a code", "OTTO", "FORM AIFF", "AT&T", "wOFF"),
        *("GIFs", "%PD", "Rar", "1 <a>\nfoo\n", "the ftype", "a" * 257 + "ustar"),
    ],
)
def test_a_text_that_begins_alike_is_a_text(text):
    assert format_of(text.encode()) is None


@pytest.mark.parametrize("name", ["a.srt", "page.html", "README.md", "poem.txt"])
def test_a_text_of_any_ending_is_read(name, tmp_path):
    (tmp_path / name).write_text(TEXT, encoding="utf-8")
    corpus = read_corpus([file_source(tmp_path / name)], CorpusConfig(), cache=tmp_path)
    assert corpus.vocabulary.decode(corpus.ids) == TEXT


PACKERS = {".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress}
if find_spec("compression"):
    PACKERS[".zst"] = importlib.import_module("compression.zstd").compress


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("level", ["char", "byte"])
def test_a_compressed_text_is_read_from_a_file_and_from_a_pipe(ending, level, tmp_path):
    packed = PACKERS[ending](TEXT.encode())
    path = tmp_path / f"a{ending}"
    path.write_bytes(packed)
    for source in (file_source(path), spooled_source(io.BytesIO(packed), "standard input")):
        for _ in range(2):  # a source can be opened again
            assert b"".join(byte_pieces(source)) == TEXT.encode()
        corpus = read_corpus([source], CorpusConfig(level=level), cache=tmp_path)
        assert len(corpus) == len(TEXT if level == "char" else TEXT.encode())


@pytest.mark.parametrize("ending", PACKERS)
def test_a_compressed_text_cut_off_is_one_line(ending, tmp_path):
    path = tmp_path / f"a{ending}"
    path.write_bytes(PACKERS[ending](TEXT.encode())[:-9])
    error = refusal_of(file_source(path))
    assert error.message.startswith(f"{path} is a damaged {ending} file: ")


def test_what_this_python_cannot_open_is_named(tmp_path):
    if ".zst" in PACKERS:
        pytest.skip("this Python opens Zstandard files")
    (tmp_path / "a.zst").write_bytes(b"\x28\xb5\x2f\xfd\x04\0")
    error = refusal_of(file_source(tmp_path / "a.zst"))
    assert "is a Zstandard file, not a text" in error.message
    assert "zstd -d " in error.hint


@pytest.mark.parametrize(
    ("address", "command"),
    [
        ("https://example.org/a%20b.txt", ": curl -LO https://example.org/a%20b.txt"),
        ("http://x.org/y", ": curl -LO http://x.org/y"),
        ("FTP://x/y", ": curl -LO FTP://x/y"),
        ("file:///texts/a.txt", ": curl -LO file:///texts/a.txt"),
        ("s3://texts/a.txt", ""),
        ("hf+x://texts/a", ""),
    ],
)
def test_an_address_is_told_apart_from_a_path_and_keeps_its_slashes(address, command):
    with pytest.raises(DataError) as caught:
        named_source(address)
    assert caught.value.message == f"{address} is an address, not a file"
    assert caught.value.hint == f"download it first{command}"


FRENCH = "Où est la bibliothèque ? Elle préfère être près du château, à côté de l'hôtel. Ça va.\n"
GERMAN = "Der Bär läuft über die Straße und grüßt fröhlich; schöne Grüße aus Köln.\n"
POLISH = "Zażółć gęślą jaźń. Wszystko będzie dobrze, książę śpi, żółw się śmieje, pięć łąki.\n"
CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy. Dobrý den, jak se máte, děkuji pěkně.\n"
TURKISH = "Bugün hava çok güzel, şimdi İstanbul'a gidiyorum; ağaçlar ve kuşlar, ışık.\n"
CHINESE = "人之初，性本善。性相近，习相远。苟不教，性乃迁。教之道，贵以专。昔孟母，择邻处。"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH, "cp1252"),
        (FRENCH[:45], "cp1252"),
        (GERMAN, "cp1252"),
        (POLISH, "cp1250"),
        (CZECH, "cp1250"),
        (CZECH, "iso8859_2"),
        (POLISH, "iso8859_2"),
        ("Na stráních je ještě sníh, že ano.\n", "iso8859_2"),
        ("Ona idą do domu, będą tam i są.\n", "cp1250"),
        (TURKISH * 3, "cp1254"),
        (CHINESE, "gb18030"),
        (CHINESE + "\n", "gb18030"),
    ],
)
@pytest.mark.parametrize("times", [1, 400])
@pytest.mark.parametrize("before", ["", "a", "one line\n"])
def test_the_encoding_that_fits_is_proposed_with_a_piece_of_the_text(text, encoding, times, before):
    data = (before + text * times).encode(encoding)
    error = refusal_of(TextSource("a.txt", lambda: io.BytesIO(data)))
    assert f" {encoding} ('" in error.hint
    shown = error.hint.partition("('")[2].partition("')")[0]
    assert len(shown) > 5
    assert shown in before + text * times


@pytest.mark.parametrize("encoding", [None, "cp1252", "latin-1", "utf-16", "utf-32-le", "gb18030"])
@pytest.mark.parametrize("before", [5, 9000])
def test_a_zero_character_is_refused_in_every_encoding_with_its_place(encoding, before):
    data = ("x" * before + "\0" + "y" * 20).encode(encoding or "utf-8")
    with pytest.raises(DataError) as caught:
        source = TextSource("a.txt", lambda: io.BytesIO(data))
        read_corpus([source], CorpusConfig(encoding=encoding), cache=Path("unused"))
    at = len(("x" * before).encode(encoding or "utf-8"))
    assert f"offset {at:,}" in caught.value.message


def test_a_folder_without_a_text_names_what_it_holds(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4 ...")
    with pytest.raises(DataError) as error:
        folder_sources(tmp_path, CorpusConfig(), Notes())
    assert "a.pdf" in error.value.hint
    assert "pdftotext" in error.value.hint
