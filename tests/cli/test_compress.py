"""`charrnn compress` and `charrnn decompress`: files, streams, the model that is found, and what is refused."""

import os
import shutil
import threading

import pytest
from helpers import call_charrnn, listing, make_text, run_charrnn, run_shell

import charrnn
from charrnn.checkpoint import load_checkpoint
from charrnn.compression.compress import fingerprint_of
from charrnn.compression.container import unpack

pytest.importorskip("constriction")

PRINT = r"[0-9a-f]{16}"
"""A fingerprint, which differs between machines."""
TEXT = make_text(700).encode() + b"caf\xe9\r\n"


@pytest.fixture
def see(workplace, monkeypatch, capsys):
    """`charrnn ARGUMENTS` in the workplace."""
    monkeypatch.chdir(workplace)
    return lambda *arguments, **options: call_charrnn(capsys, *arguments, **options)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT)
    return path


@pytest.fixture
def packed(see, file):
    see("compress", file, "--model", "tiny", "-q")
    return file.with_name("a.txt.crnn")


@pytest.mark.parametrize("model", ["tiny", "bytes"])
def test_the_model_is_found_by_its_fingerprint(see, file, model, wording):
    result = see("compress", file, "--model", model)
    assert len(file.with_name("a.txt.crnn").read_bytes()) < len(TEXT)
    assert f"{file.with_name('a.txt.crnn').stat().st_size:,}" in result.err
    assert file.read_bytes() == TEXT
    file.unlink()
    result = see("decompress", f"{file}.crnn")
    assert f"checkpoints/{model}/best.safetensors" in result.err
    assert file.read_bytes() == TEXT
    wording(see("decompress", f"{file}.crnn", "--overwrite"))


@pytest.mark.parametrize("verb", ["compress", "decompress"])
def test_a_device_is_refused_and_so_is_a_file_larger_than_the_memory(
    verb, see, file, monkeypatch, wording
):
    wording(see(verb, "/dev/zero", "--model", "tiny", "--out", "x", status=3))
    monkeypatch.setattr("charrnn.cli.memory.LARGE", 1)
    monkeypatch.setattr("charrnn.cli.memory.free_memory", lambda: 500)
    wording(see(verb, file, "--model", "tiny", "--out", "x", status=6))


def test_a_network_with_counts_and_the_network_alone_are_two_models(see, file, workplace):
    loaded = load_checkpoint(workplace / "checkpoints" / "tiny" / "best.safetensors")
    assert loaded.counts
    for option, model in (("--counts", loaded.mixed), ("--no-counts", loaded.model)):
        see("compress", file, "--model", "tiny", option, "--overwrite")
        packed = file.with_name("a.txt.crnn").read_bytes()
        assert unpack(packed).fingerprint == fingerprint_of(model)
        see("decompress", f"{file}.crnn", "--overwrite")
        see("decompress", f"{file}.crnn", "--overwrite", "--model", "tiny")
        assert file.read_bytes() == TEXT
        in_python = charrnn.load("tiny", counts=option == "--counts")
        assert charrnn.decompress(in_python, packed) == TEXT
    assert fingerprint_of(loaded.mixed) != fingerprint_of(loaded.model)


def test_the_newest_model_compresses_and_another_place_is_named(see, file, packed, workplace):
    see("compress", file, "--out", file.with_name("b"))
    assert file.with_name("b").read_bytes() == packed.read_bytes()
    (file.parent / "elsewhere").mkdir()
    os.chdir(file.parent / "elsewhere")
    see("decompress", packed, "--out", "c", status=4)
    best = workplace / "checkpoints" / "tiny" / "best.safetensors"
    see("decompress", packed, "--out", "c", "--model", best)
    assert (file.parent / "elsewhere" / "c").read_bytes() == TEXT


def test_pipes_carry_any_bytes(workplace, file):
    line = f"cat {file} | charrnn compress - -q --model tiny | charrnn decompress - -q"
    done = run_shell(line, workplace)
    assert (done.returncode, done.stdout, done.stderr) == (0, TEXT, b"")


def test_a_named_pipe_is_read(file, see):
    pipe, packed, back = (file.with_name(name) for name in ("pipe", "b.crnn", "b"))
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(TEXT,))
    writer.start()
    see("compress", pipe, "--model", "tiny", "--out", packed)
    writer.join()
    see("decompress", packed)
    assert back.read_bytes() == TEXT


def test_bytes_of_any_kind_are_not_written_to_a_terminal(file, packed, wording, see, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    wording(see("compress", file, "--out", "-", status=2))
    see("decompress", packed, "--out", "-", status=2)


def test_a_file_that_is_there_is_kept_unless_it_is_to_be_replaced(see, file, packed, wording):
    packed.write_bytes(b"kept")
    wording(see("compress", file, "--model", "tiny", status=2))
    assert packed.read_bytes() == b"kept"
    see("compress", file, "--model", "tiny", "--overwrite")
    wording(see("decompress", packed, status=2))
    file.write_bytes(b"other")
    see("decompress", packed, "--overwrite")
    assert file.read_bytes() == TEXT


def test_the_file_that_is_read_is_kept(see, file, packed, wording):
    link, content = file.with_name("link"), packed.read_bytes()
    link.symlink_to(file)
    wording(see("compress", file, "--out", link, "--overwrite", status=2))
    see("decompress", packed, "--out", packed, "--overwrite", status=2)
    assert (file.read_bytes(), packed.read_bytes()) == (TEXT, content)


def test_only_regular_files_are_replaced(see, file, wording):
    wording(see("compress", file, "--out", os.devnull, "--overwrite", status=2))


def test_nothing_is_written_where_something_is_wrong(see, file, packed, wording):
    content, out = packed.read_bytes(), file.with_name("out")
    before = listing(file.parent)
    cut = file.with_name("cut.crnn")
    for wrong in (content[:-1], content[:40], content[:3], b"", TEXT):
        cut.write_bytes(wrong)
        wording(see("decompress", cut, "--out", out, status=3))
    cut.unlink()
    wording(see("decompress", packed, "--model", "bytes", "--out", out, status=4), PRINT)
    assert listing(file.parent) == before


def test_other_numbers_are_refused_with_status_6(see, file, packed, wording, monkeypatch):
    monkeypatch.setattr("charrnn.compression.compress._probe", lambda *_: 1)
    monkeypatch.setattr("charrnn.compression.compress.machine", lambda: "here")
    file.unlink()
    see("decompress", packed, status=6)
    assert listing(file.parent) == [packed.name]


def test_a_damaged_run_does_not_hide_the_others(file, packed, tmp_path, workplace, see):
    shutil.copytree(workplace / "checkpoints", tmp_path / "checkpoints")
    (tmp_path / "checkpoints" / "bytes" / "best.safetensors").write_bytes(b"damaged")
    os.chdir(tmp_path)
    see("decompress", packed, "--out", "b")
    shutil.rmtree(tmp_path / "checkpoints" / "tiny")
    assert (tmp_path / "b").read_bytes() == TEXT


def test_no_run_has_the_model(file, packed, tmp_path, see, wording):
    os.chdir(tmp_path)
    wording(see("decompress", packed, "--out", "b", status=4), PRINT)


def test_a_name_that_does_not_say_what_it_was_needs_out(see, packed, wording):
    other = packed.rename(packed.with_name("small"))
    wording(see("decompress", other, status=2))


def test_what_is_not_there_or_no_file_is_refused(see, tmp_path, wording):
    wording(see("compress", tmp_path / "no.txt", status=3))
    wording(see("compress", tmp_path, status=3))
    wording(see("compress", tmp_path / "no.txt", "--out", tmp_path / "no" / "x", status=2))


def test_without_the_coder_the_package_is_named(see, file, wording, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "constriction", None)
    wording(see("compress", file, status=6))


def test_another_process_decompresses(packed, file, workplace):
    run_charrnn("decompress", packed, "--out", file.with_name("b"), cwd=workplace)
    assert file.with_name("b").read_bytes() == TEXT
