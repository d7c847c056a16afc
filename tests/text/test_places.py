"""Where a run's texts are found again, and what a record cannot make anyone open."""

import os

import pytest

from charrnn.errors import DataError
from charrnn.text.places import find_again, is_where_recorded, recorded_places


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of texts, a run elsewhere, and a working folder that has neither."""
    for name in ("texts", "runs", "runs/one", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "texts" / "a.txt").write_text("abc")
    (tmp_path / "texts" / "b.txt").write_text("defgh")
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def record(place, *names, **more):
    paths = [str(place / "texts" / name) for name in names]
    return {"sources": list(names), "places": recorded_places(paths), "characters": 8} | more


def found(place, about):
    return find_again(about, place / "runs" / "one")


def test_files_are_found_at_their_absolute_paths(place, monkeypatch):
    monkeypatch.chdir(place)
    relative = {"sources": ["texts"], "places": recorded_places(["texts/a.txt", "texts/b.txt"])}
    monkeypatch.chdir(place / "elsewhere")
    assert found(place, relative) == [str(place / "texts" / name) for name in ("a.txt", "b.txt")]


@pytest.mark.parametrize("where", ["runs/one", "runs"])
@pytest.mark.parametrize("with_folder", [False, True])
def test_files_that_were_moved_are_found_beside_the_run(place, where, with_folder):
    about = record(place, "a.txt", "b.txt")
    target = place / where / ("texts" if with_folder else "")
    target.mkdir(exist_ok=True)
    for name in ("a.txt", "b.txt"):
        (place / "texts" / name).rename(target / name)
    assert is_where_recorded(about, [str(place / "texts" / "b.txt")])
    there = found(place, about)
    assert there == [str(target / name) for name in ("a.txt", "b.txt")]
    assert not is_where_recorded(about, there)


@pytest.mark.parametrize("kind", ["gone", "grown", "folder", "pipe", "device"])
def test_what_is_no_regular_file_of_the_recorded_size_is_not_named(place, kind, wording):
    about, path = record(place, "a.txt"), place / "texts" / "a.txt"
    path.unlink()
    if kind == "grown":
        path.write_text("abcd")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    with pytest.raises(DataError) as error:
        found(place, about)
    wording(error.value)


@pytest.mark.parametrize(
    "places",
    [
        [],
        "text",
        [["a.txt", 3]],
        [["/etc/../etc/passwd", 3]],
        [["/etc/passwd", "3"]],
        [["/etc/passwd"]],
        [["/etc/pass\0wd", 3]],
        [[7, 3]],
        [["//etc/passwd", 3]],
    ],
    ids=str,
)
def test_a_record_that_is_damaged_or_forged_is_refused(place, places, wording):
    with pytest.raises(DataError) as error:
        found(place, record(place, "a.txt", places=places))
    wording(error.value)


@pytest.mark.parametrize("sources", [None, [], [3], ["-"], "a.txt"], ids=str)
def test_a_record_without_names_is_refused(place, sources, wording):
    with pytest.raises(DataError) as error:
        found(place, {"sources": sources})
    wording(error.value)


def test_corpora_of_the_catalog_need_no_place(place):
    assert found(place, {"sources": ["python"], "places": None}) == ["python"]


@pytest.mark.parametrize(
    ("characters", "fits"), [(3, True), (1, True), (5, False), (0, False), ("3", False)]
)
def test_an_older_record_has_the_number_of_characters_in_place_of_a_size(place, characters, fits):
    (place / "runs" / "one" / "a.txt").write_text("abc")
    about = {"sources": ["texts/a.txt"], "characters": characters}
    if fits:
        assert found(place, about) == [str(place / "runs" / "one" / "a.txt")]
        return
    with pytest.raises(DataError):
        found(place, about)


def test_a_place_is_recorded_for_files_alone(place):
    assert recorded_places([str(place / "texts" / "a.txt"), "standard input"]) is None
    assert recorded_places([str(place / "texts")]) is None
