"""Files that are no texts, named by their first bytes, with the command that gets the text out of them."""

import shlex
from dataclasses import dataclass
from pathlib import Path

START = 600
"""Bytes at the start of a file that name its format."""


@dataclass(frozen=True)
class Format:
    """A format of files that are not texts."""

    noun: str
    """With its article: "a zip archive"."""
    command: str = ""
    """What turns a file into text: {file} and {stem} stand for its name, with and without its ending; empty if nothing
    does."""
    packs: bool = False
    """Whether it holds packed text, whose bytes have no form that a network could learn."""
    reads: str = ""
    """The setting that reads it, in a sentence with its name in braces."""

    def hint(self, name: str) -> str:
        """What to type for a file of this name: "to get its text: pandoc a.docx -t plain -o a.txt"."""
        if not self.command:
            return "there is no text in it to learn"
        file, stem = name, Path(name).name.partition(".")[0] or "text"
        if name == STDIN:
            file, stem = "FILE", "text"
        line = self.command.format(file=shlex.quote(file), stem=shlex.quote(stem))
        how = "save it as FILE, and then" if name == STDIN else "to get its text"
        return f"{how}: {line}"


STDIN = "standard input"
FIELD = "{field:NAME} reads one of its columns, each value as a separate text"
UNZIP = "unzip {file} -d {stem}"
UNTAR = "mkdir {stem} && tar -xf {file} -C {stem}"
PANDOC = "pandoc {file} -t plain -o {stem}.txt"
OFFICE = "soffice --headless --convert-to txt:Text {file}"
SEVEN_ZIP = "7z x {file} -o{stem}"
SHEET = "soffice --headless --convert-to csv {file}"
SQLITE = "sqlite3 -csv -header {file} 'select * from TABLE' > {stem}.csv"
OCR = "tesseract {file} {stem}"

ZIP, TAR = Format("a zip archive", UNZIP, packs=True), Format("a tar archive", UNTAR)
IMAGE, SOUND, PROGRAM = Format("an image", OCR), Format("a recording"), Format("a program")
FILM, FONT = Format("a film, image or recording"), Format("a font")
KINDLE = Format("a Kindle book (MOBI)", "ebook-convert {file} {stem}.txt", packs=True)
WEIGHTS = Format("a safetensors file")
IN_A_ZIP = (  # the name of a file near its start
    (b"mimetypeapplication/epub+zip", Format("an EPUB book", PANDOC, packs=True)),
    (b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet", Format("a spreadsheet", SHEET)),
    (b"mimetypeapplication/vnd.oasis.opendocument", Format("an OpenDocument text", PANDOC)),
    (b"word/", Format("a Word document (.docx)", PANDOC, packs=True)),
    (b"xl/", Format("an Excel sheet", SHEET, packs=True)),
    (b"ppt/", Format("a PowerPoint presentation", "soffice --headless --convert-to pdf {file}")),
)
BY_ENDING = {
    ".docx": IN_A_ZIP[3][1],
    ".xlsx": IN_A_ZIP[4][1],
    ".pptx": IN_A_ZIP[5][1],
    ".epub": IN_A_ZIP[0][1],
}
"""Zip files whose first bytes may not say what they are."""
AT_THE_START = (
    (b"%PDF-", Format("a PDF", "pdftotext {file} {stem}.txt", packs=True)),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Format("an old Office document", OFFICE)),
    (b"{\\rtf1", Format("a rich text document (RTF)", PANDOC)),
    (b"7z\xbc\xaf\x27\x1c", Format("a 7z archive", SEVEN_ZIP)),
    (b"Rar!\x1a\x07", Format("a RAR archive", "unrar x {file} {stem}/")),
    (b"MSCF\0\0\0\0", Format("a cabinet archive (.cab)", SEVEN_ZIP)),
    (b"ITSF\x03\0\0\0", Format("a compiled help file (.chm)", SEVEN_ZIP)),
    (b"!<arch>\n", Format("an ar archive", "ar x {file}")),
    (b"\xed\xab\xee\xdb", Format("an RPM package", "rpm2cpio {file} | cpio -id")),
    (b"\x28\xb5\x2f\xfd", Format("a Zstandard file", "zstd -d {file} -o {stem}.txt", packs=True)),
    (b"\xfd7zXZ\0", Format("an xz file", "xz -dc {file} > {stem}.txt", packs=True)),
    (b"\x04\x22\x4d\x18", Format("an lz4 file", "lz4 -d {file} {stem}.txt")),
    (b"\x1f\x9d", Format("a .Z file", "uncompress -c {file} > {stem}.txt")),
    (b"SQLite format 3\0", Format("an SQLite database", SQLITE)),
    (b"PAR1", Format("a Parquet table", reads=FIELD)),
    (b"\x89PNG\r\n\x1a\n", IMAGE),
    (b"\xff\xd8\xff", IMAGE),
    (b"GIF87a", IMAGE),
    (b"GIF89a", IMAGE),
    (b"II*\0", IMAGE),
    (b"MM\0*", IMAGE),
    (b"8BPS\0\x01", IMAGE),
    (b"gimp xcf ", IMAGE),
    (b"\0\0\x01\0", IMAGE),
    (b"\0\0\0\x0cjP  ", IMAGE),
    (b"\0\0\0\x0cJXL ", IMAGE),
    (b"\xff\x0a", IMAGE),
    (b"AT&TFORM", Format("a DjVu document", "djvutxt {file} {stem}.txt", packs=True)),
    (b"MThd\0\0\0\x06", Format("a MIDI file", "midi2abc {file} > {stem}.abc")),
    (b"ID3\x02", SOUND),
    (b"ID3\x03", SOUND),
    (b"ID3\x04", SOUND),
    (b"OggS\0", SOUND),
    (b"fLaC\0", SOUND),
    (b"#!AMR", SOUND),
    *((bytes((0xFF, kind)), SOUND) for kind in (0xFA, 0xFB, 0xF1, 0xF2, 0xF3, 0xF9)),  # MP3, AAC
    (b"\x1a\x45\xdf\xa3", FILM),
    (b"FLV\x01", FILM),
    (b"\x7fELF", PROGRAM),
    (b"\xca\xfe\xba\xbe", PROGRAM),
    (b"\xcf\xfa\xed\xfe", PROGRAM),
    (b"\0asm", PROGRAM),
    (b"\0\x01\0\0\0", FONT),
    (b"OTTO\0", FONT),
    (b"ttcf\0", FONT),
    (b"wOFF\0\x01", FONT),
    (b"wOFFOTTO", FONT),
    (b"wOF2\0\x01", FONT),
    (b"wOF2OTTO", FONT),
    (b"\x80\x04\x95", Format("a Python pickle")),
    (b"\x80\x05\x95", Format("a Python pickle")),
    (b"ARROW1\0\0", Format("an Arrow table", reads=FIELD)),
    (b"\xff\xff\xff\xff", Format("an Arrow table", reads=FIELD)),  # a stream of one
    (b"\x93NUMPY", Format("a NumPy array")),
    (b"\x89HDF\r\n\x1a\n", Format("an HDF5 file")),
)


def format_of(start: bytes, name: str = "") -> Format | None:
    """The format of a file that begins with these bytes; None if they do not say that it is no text.

    Args:
        start: the first START bytes, or all.
        name: the file's name, whose ending tells documents in zip files apart.
    """
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        inside = (kind for sign, kind in IN_A_ZIP if sign in start[30:])
        return BY_ENDING.get(Path(name).suffix.lower()) or next(inside, ZIP)
    return _by_place(start) or next(
        (kind for sign, kind in AT_THE_START if start.startswith(sign)), None
    )


def _by_place(start: bytes) -> Format | None:
    """The format of a file whose sign is not at its start, or is two letters there with zeros behind them."""
    if start[257:262] == b"ustar" and b"\0" in start[:257]:
        return TAR
    if start[60:68] in (b"BOOKMOBI", b"TEXtREAd"):
        return KINDLE
    if start[8:10] == b'{"' and start[4:8] == b"\0\0\0\0":
        return WEIGHTS
    inside = (start[:4], start[8:12])
    if inside in ((b"RIFF", b"WAVE"), (b"FORM", b"AIFF"), (b"FORM", b"AIFC")):
        return SOUND
    if inside == (b"RIFF", b"WEBP"):
        return IMAGE
    if inside == (b"RIFF", b"AVI ") or (start[:1] == b"\0" and start[4:8] == b"ftyp"):
        return FILM
    if start.startswith(b"BM") and start[6:10] == b"\0\0\0\0":
        return IMAGE
    return PROGRAM if start.startswith(b"MZ") and b"\0" in start[:64] else None
