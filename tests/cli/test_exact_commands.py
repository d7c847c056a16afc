"""Every command with an exact model: what it can do it does, and what it cannot it refuses in a line."""

import pytest
from helpers import call_charrnn, made_once

TEXT = "The small boy (9) saw 12 red dogs.\nüber (3) the hill\n" * 60


@pytest.fixture(scope="module")
def folder(workplace, tmp_path_factory):
    """A folder with an exact model, a text, and a short text."""

    def fill(place):
        (place / "long.txt").write_text(TEXT, encoding="utf-8")
        (place / "other.txt").write_text(TEXT.upper(), encoding="utf-8")
        (place / "short.txt").write_text(TEXT[:60], encoding="utf-8")

    return made_once(tmp_path_factory, "exact_commands", fill)


@pytest.fixture
def see(folder, workplace, monkeypatch, capsys):
    """`charrnn ARGUMENTS` in the folder."""
    if not (folder / "m.q8.safetensors").exists():
        monkeypatch.chdir(workplace)
        call_charrnn(capsys, "export", "tiny", folder / "m.q8.safetensors", "--overwrite")
    monkeypatch.chdir(folder)
    return lambda *arguments, **options: call_charrnn(capsys, *arguments, **options)


M = "m.q8.safetensors"
WORKS = {
    "sample": ("sample", M, "--seed", 1, "--length", 9),
    "sample --counts": ("sample", M, "--counts", "--seed", 1, "--length", 9, "--top-p", 0.9),
    "sample --adapt": ("sample", M, "--counts", "--adapt", "short.txt", "--length", 9),
    "sample --infill": ("sample", M, "--infill", "The __ boy"),
    "sample --json": ("sample", M, "--json", "--length", 9, "--count", 3),
    "visualize": ("visualize", M, "short.txt", "--counts", "--surprisal"),
    "visualize --steer": (
        "visualize",
        M,
        "short.txt",
        "--steer",
        "L0.c.3=1",
        "--clamp",
        "L1.h.2=0",
    ),
    "visualize --html": ("visualize", M, "short.txt", "--html", "page.html"),
    "visualize --dump": ("visualize", M, "short.txt", "--dump", "dump.npz"),
    "visualize --lstmvis": ("visualize", M, "short.txt", "--lstmvis", "lstmvis"),
    "units": ("units", M, "long.txt", "--regex", "[0-9]", "--networks", 0),
    "units --ablate": ("units", M, "long.txt", "--ablate", "L0.h.1", "--max-chars", 500),
    "direction": (
        "direction",
        M,
        "long.txt",
        "other.txt",
        "--random",
        2,
        "--samples",
        2,
        "--length",
        40,
    ),
    "gates": ("gates", M, "short.txt"),
    "saliency": ("saliency", M, "short.txt"),
    "context": ("context", M, "long.txt", "--windows", 2),
    "gradients": ("gradients", M, "long.txt", "--distance", 3),
    "embed": ("embed", M, "long.txt", "--out", "vectors.npz"),
    "evaluate": ("evaluate", M, "short.txt"),
    "evaluate --adapt": ("evaluate", M, "short.txt", "--adapt"),
    "evaluate --clamp": ("evaluate", M, "short.txt", "--clamp", "L0.h.1=0"),
    "score": ("score", M, "long.txt", "--top", 2),
    "inspect --toml": ("inspect", M, "--toml"),
    "train --init-from": (
        "train",
        "long.txt",
        "--init-from",
        M,
        "--steps",
        2,
        "--no-counts",
        "--extend-vocabulary",
    ),
    **{
        f"export {form}": ("export", M, f"other{form}")
        for form in (".c", ".h", ".html", ".q8.safetensors")
    },
    "export folder": ("export", M, "hub-1.0/", "--license", "mit"),
}


@pytest.mark.parametrize("name", WORKS)
def test_it_works(name, see):
    result = see(*WORKS[name])
    assert result.out + result.err
    assert "Traceback" not in result.err


def test_it_is_called_exact(see):
    assert "exact model" in see("inspect", M).out


def test_onnx_has_its_weights_in_floating_point(see, folder):
    pytest.importorskip("onnx")
    see("export", M, "other.onnx")
    assert (folder / "other.onnx").stat().st_size > 10_000


def test_it_is_probed(see):
    pytest.importorskip("sklearn")
    assert see("probe", M, "long.txt", "--regex", "[0-9]").out


REFUSED = {
    "curve": (("curve", M), 4),
    "convert": (("convert", M, "short.txt"), 4),
    "train --resume": (("train", "--resume", M), 3),
    "sweep": (("sweep", M), 3),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_a_run_or_pairs_is_refused(name, see):
    arguments, status = REFUSED[name]
    assert "Traceback" not in see(*arguments, status=status).err
