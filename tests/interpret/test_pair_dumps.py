"""Dumps of models of pairs: sources and targets, each with arrays of its own, and the attention between them."""

import dataclasses

import numpy as np
import pytest
import safetensors.numpy
from pair_models import KINDS, both

from charrnn.errors import DataError, UsageError
from charrnn.interpret.dumps.header import Header
from charrnn.interpret.dumps.reading import Dump, sides_in
from charrnn.interpret.dumps.writing import pair_sections, write_sections
from charrnn.interpret.pairs import in_lines, record_sources, record_targets, with_targets
from charrnn.interpret.recording import Recording
from charrnn.interpret.units import parse_units

PAIRS = [("abcde", "edc"), ("☃d", None), ("ba☃☃", "")]
LETTERS = "hcifgo"
ARRAYS = (".npz", ".safetensors")


def dumped(model, path, pairs=PAIRS, **settings):
    write_sections(path, pair_sections(model, pairs, path, **settings))
    return path


def assert_same(found, expected):
    """Two recordings are the same but for the ends of lines in the sources, which only a dump has."""
    for field in dataclasses.fields(Recording):
        ours, theirs = getattr(found, field.name), getattr(expected, field.name)
        if field.name == "arrays":
            assert ours.keys() == theirs.keys()
            for name in ours:
                np.testing.assert_array_equal(ours[name], theirs[name])
        elif isinstance(theirs, np.ndarray):
            if field.name == "attention":
                ours = ours[:, : theirs.shape[1]]
            np.testing.assert_array_equal(ours, theirs)
        elif field.name in ("text", "pieces"):
            assert "".join(ours).rstrip("\n") == "".join(theirs).rstrip("\n")
            assert len(found.pieces) == len(expected.pieces)
        elif field.name not in ("following", "start_char"):
            assert ours == theirs, field.name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", ARRAYS)
def test_a_dump_of_pairs_is_read_as_it_was_recorded(ending, kind, tmp_path):
    _, _, model = both(kind, num_layers=2)
    pairs = [("uk", "ab"), ("fr", None)] if kind == "none" else PAIRS
    if not model.config.writes:
        pairs = [(source, None) for source, _ in pairs]
    path = dumped(model, tmp_path / f"d{ending}", pairs, top=2)
    sides = sides_in(path)
    names = [letter + mark for letter in LETTERS for mark in ("", ">", "<")]
    if "source" in sides:
        sources = in_lines(Dump(path, "source").read(keep=names))
        for found, expected in zip(
            sources, record_sources(model, [s for s, _ in pairs]), strict=True
        ):
            assert_same(found, expected)
    if "target" in sides:
        targets = in_lines(Dump(path, "target").read(keep=names, top=2))
        whole = with_targets(model, pairs)
        for found, expected in zip(targets, record_targets(model, whole, top=2), strict=True):
            assert_same(found, expected)
            assert found.following == expected.following
    has_encoder = kind not in ("none", "lm")
    assert sides == ("source",) * has_encoder + ("target",) * model.config.writes


def test_numpy_reads_what_the_reference_names(tmp_path):
    _, _, model = both("attention")
    dump = np.load(dumped(model, tmp_path / "d.npz"), allow_pickle=False)
    pairs = with_targets(model, PAIRS)
    assert str(dump["source_text"]) == "".join(f"{source}\n" for source, _ in PAIRS)
    assert str(dump["target_text"]) == "".join(f"{target}\n" for _, target in pairs)
    assert dump["source_items"].tolist() == [0] * 5 + [1] + [2] * 2
    assert dump["source_offsets"].tolist() == [0, 1, 2, 3, 4, 7, 9, 10]
    assert np.isnan(dump["source_surprisal"]).all()
    assert len(dump["target_attention"]) == len(dump["target_ids"])
    rows = dump["target_items"] == 0
    np.testing.assert_allclose(dump["target_attention"][rows].sum(1), 1, atol=1e-5)
    assert (dump["target_attention"][~rows][:, 2:] == 0).all()
    last = dump["source_last_h>"][1]
    np.testing.assert_array_equal(last, dump["source_h>"][5])
    mean = dump["source_c<"][dump["source_items"] == 2].mean(0)
    np.testing.assert_allclose(dump["source_mean_c<"][2], mean, atol=1e-6)
    assert np.isnan(dump["target_mean_h"][2]).all()
    assert dump["target_h"].shape == (len("".join(t for _, t in pairs)) + 3, 1, 7)
    by_name = safetensors.numpy.load_file(dumped(model, tmp_path / "d.safetensors"))
    assert {*by_name} | {"header"} == {*dump}


def test_chosen_units_are_those_of_their_text(tmp_path):
    _, _, model = both("attention")
    units = [*parse_units("L0<.c.2-3", model), *parse_units("L0.f.1", model)]
    path = dumped(model, tmp_path / "d.npz", units=units)
    dump = np.load(path, allow_pickle=False)
    assert dump["source_units"].tolist() == ["L0<.c.2", "L0<.c.3"]
    assert dump["target_units"].tolist() == ["L0.f.1"]
    (first, *_) = record_sources(model, ["abcde"])
    np.testing.assert_array_equal(dump["source_values"][:5], first.arrays["c<"][:, 0, 2:4])
    only = dumped(model, tmp_path / "c.npz", units=units[:2])
    assert sides_in(only) == ("source",)
    assert sides_in(dumped(model, tmp_path / "w.npz", what="h")) == ("target",)


def test_a_table_has_one_text(tmp_path, wording):
    _, _, model = both("attention")
    with wording.raises(UsageError):
        dumped(model, tmp_path / "d.csv")
    lines = dumped(model, tmp_path / "d.csv", what="c<").read_text().splitlines()
    assert len(lines) == 1 + 8
    assert lines[0].split(",")[6:9] == ["L0<.c.0", "L0<.c.1", "L0<.c.2"]


def test_a_text_that_a_dump_has_not_is_refused(tmp_path, wording):
    _, _, model = both("attention")
    path = dumped(model, tmp_path / "d.npz", what="c>")
    for side in ("", "target"):
        with wording.raises(UsageError):
            Dump(path, side)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"h>", "h<", ', '"h>", ', 1),
        lambda text: text.replace('"source": {', '"target": {', 1),
        lambda text: text.replace('"version": 4', '"version": 5'),
        lambda text: text.replace('"places": 5', '"places": -1'),
        lambda text: text.replace('"version": 3', '"version": []', 1),
    ],
)
def test_a_header_of_pairs_that_is_wrong_is_refused(change, tmp_path):
    _, _, model = both("attention")
    path = dumped(model, tmp_path / "d.npz")
    arrays = dict(np.load(path, allow_pickle=False))
    header = str(arrays["header"])
    assert change(header) != header
    np.savez(tmp_path / "e.npz", **arrays | {"header": np.array(change(header))})
    with pytest.raises(DataError):
        sides_in(tmp_path / "e.npz")
    with pytest.raises(DataError):
        Header.from_json(header)
