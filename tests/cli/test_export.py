"""`charrnn export`: what it writes, and what it refuses."""

import shutil
import subprocess

import pytest
from helpers import call_charrnn

import charrnn


@pytest.fixture
def see(workplace, monkeypatch, capsys):
    """`charrnn ARGUMENTS` in the workplace."""
    monkeypatch.chdir(workplace)
    return lambda *arguments, **options: call_charrnn(capsys, *arguments, **options)


@pytest.fixture
def exact_file(see, tmp_path):
    see("export", "tiny", tmp_path / "tiny.q8.safetensors")
    return tmp_path / "tiny.q8.safetensors"


def test_commands_take_an_exact_model(see, exact_file, tmp_path):
    ask = ("--seed", 1, "--length", 60)
    text = see("sample", exact_file, *ask).out
    assert (
        text == see("sample", exact_file, *ask, "--count", 3, "--separator", "#").out.split("#")[0]
    )
    assert "nats" in see("evaluate", exact_file, "--split", "val").out
    assert see("inspect", exact_file).out
    held = see("sample", exact_file, *ask, "--clamp", "L0.h.1=0.5").out
    assert held != text


def test_counts_come_along_unless_they_are_not_wanted(see, exact_file, tmp_path, wording):
    ask = ("--seed", 1, "--length", 60, "--counts")
    assert see("sample", exact_file, *ask).out != see("sample", exact_file, *ask[:-1]).out
    said = see("export", "tiny", tmp_path / "alone.q8.safetensors", "--no-counts").err
    assert "left out" not in said
    wording(see("sample", tmp_path / "alone.q8.safetensors", *ask, status=2))
    wording(see("export", tmp_path / "alone.q8.safetensors", tmp_path / "m/", "--counts", status=2))


def test_what_was_compressed_with_an_exact_model_comes_back(see, exact_file, tmp_path):
    pytest.importorskip("constriction")
    (tmp_path / "a.txt").write_text("import re\nüber\n" * 20)
    see("compress", tmp_path / "a.txt", "--model", exact_file)
    packed = tmp_path / "a.txt.crnn"
    see("decompress", packed, "--model", exact_file, "--out", tmp_path / "b.txt")
    assert (tmp_path / "b.txt").read_bytes() == (tmp_path / "a.txt").read_bytes()


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler on this machine")
def test_the_program_in_c_writes_what_sample_writes(see, exact_file, tmp_path):
    see("export", exact_file, tmp_path / "tiny.c", "--weights", tmp_path / "tiny.bin")
    subprocess.run(["cc", "-O1", "tiny.c", "-o", "tiny"], check=True, cwd=tmp_path)
    ask = ("--seed", "3", "--length", "80", "--temp", "0.7", "--prompt", "def ")
    text = subprocess.run(["./tiny", *ask], capture_output=True, check=True, cwd=tmp_path).stdout
    assert text.decode() == see("sample", exact_file, *ask).out


def test_python_exports_the_same(see, exact_file, workplace):
    assert charrnn.load("tiny").exact().fingerprint == charrnn.load(exact_file).fingerprint


@pytest.mark.parametrize(
    ("model", "file", "more", "status"),
    [
        ("tiny", "tiny.exe", (), 2),
        ("tiny", "tiny.h", ("--weights", "w.bin"), 2),
        ("tiny", "tiny.c", ("--float16",), 2),
        ("tiny", "tiny.html", ("--counts",), 2),
        ("tiny", "tiny", (), 2),
        ("tiny", "checkpoints/tiny/best.safetensors", (), 2),
        ("tiny", "no/tiny.c", (), 2),
        ("nothing", "tiny.c", (), 4),
    ],
)
def test_what_cannot_be_exported_is_refused(see, model, file, more, status, wording):
    wording(see("export", model, file, *more, status=status))


def test_a_folder_for_a_hub_is_a_model(see, tmp_path, wording):
    """A slash at the end, or a folder that is there, means a folder, whatever its name."""
    see("export", "tiny", f"{tmp_path}/plays-1.0/", "--license", "mit")
    ask = ("--seed", 1, "--length", 30)
    assert see("sample", tmp_path / "plays-1.0", *ask).out == see("sample", "tiny", *ask).out
    card = (tmp_path / "plays-1.0" / "README.md").read_text()
    assert "charrnn sample plays-1.0/ " in card
    again = ("export", "tiny", tmp_path / "plays-1.0", "--license", "cc0-1.0")
    wording(see(*again, status=2))
    see(*again, "--overwrite")
    assert "cc0" in (tmp_path / "plays-1.0" / "README.md").read_text()


def test_an_onnx_file_is_written(see, tmp_path):
    pytest.importorskip("onnx")
    see("export", "tiny", tmp_path / "tiny.onnx", "--float16")
    assert (tmp_path / "tiny.onnx").stat().st_size > 10_000


@pytest.mark.parametrize("target", ["tiny.q8.safetensors", "tiny-model"])
def test_no_path_of_this_machine_is_published(see, workplace, tmp_path, target):
    see("export", "tiny", tmp_path / target, *(() if "." in target else ("--license", "mit")))
    files = [tmp_path / target, *(tmp_path / target).glob("*")]
    content = b"".join(file.read_bytes() for file in files if file.is_file())
    assert b"tiny" in content or b"char" in content
    assert str(workplace).encode() not in content
