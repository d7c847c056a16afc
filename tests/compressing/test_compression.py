"""Compression: any bytes come back, at the cost that the model claims; anything else is refused."""

import contextlib
import copy
import functools
import math
import zlib
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import examples, make_text, random_model
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.compression import coder as coders
from charrnn.compression.coder import Decoder, Encoder, OtherNumbersError
from charrnn.compression.compress import compress, decompress, fingerprint_of, machine
from charrnn.compression.container import FIXED_BYTES, MAGIC, Packed, checksum_of, pack, unpack
from charrnn.config import CorpusConfig
from charrnn.counts.counting import count
from charrnn.counts.mixed_model import MixedModel
from charrnn.counts.mixture import Counts
from charrnn.errors import (
    CharrnnError,
    CheckpointError,
    DataError,
    EnvironmentFault,
    SettingError,
    UsageError,
)
from charrnn.evaluation.evaluate import evaluate
from charrnn.interpret.edits import Edit
from charrnn.model import CharRNN
from charrnn.text.vocabulary import Vocabulary

pytest.importorskip("constriction")

LETTERS = "\n abcdeé😀"


W = (-3.0, 1.0, 0.1, 0.0, 0.1, 0.0)


def with_counts(model, text, **more):
    """The model with counts of a text."""
    ids = model.vocabulary.encode(text)
    table = count(ids, len(model.vocabulary), order=4, most=10**6, **more)
    return MixedModel(model, Counts(table, W))


def reads_lines(model):
    model.reading = CorpusConfig(lines=True)
    return model


MODELS = {
    "characters": random_model(LETTERS),
    "with an unknown symbol": random_model(
        Vocabulary("char", sorted(map(ord, LETTERS)), has_unknown=True)
    ),
    "one character": random_model("a"),
    "bytes": random_model(Vocabulary.of_bytes()),
    "lines": reads_lines(random_model(LETTERS)),
    "with counts": with_counts(random_model(LETTERS), "abcd\nbad cab\n" * 9),
    "lines with counts": with_counts(
        reads_lines(random_model(LETTERS)), "abcd\nbad cab\n" * 9, end=0
    ),
    "lines of bytes": reads_lines(random_model(Vocabulary.of_bytes())),
    "certain": random_model(LETTERS, scale=30),
}
CONTENTS = st.one_of(
    st.binary(max_size=60),
    st.text(LETTERS, max_size=60).map(str.encode),
    st.text(max_size=30).map(str.encode),
    st.lists(st.sampled_from([b"a", b"\r\n", b"\xff", b"\xc3", b"\xed\xa0\x80", "é".encode()])).map(
        b"".join
    ),
)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@examples(12)
@given(content=CONTENTS)
def test_any_bytes_come_back(model, content):
    packed = compress(model, content)
    assert decompress(model, packed) == content
    assert unpack(packed).length == len(content)


PROSE = "\n".join(filter(None, make_text(6000).splitlines())) + "\n"
"""A text without empty lines, which `evaluate` leaves out of the score of lines."""
BESIDE = 40
"""Bits that no share of a text can cover: the last word, the first character, and that there was no escape."""


@pytest.mark.parametrize("kind", ["characters", "bytes", "counts", "lines with counts"])
def test_a_file_has_the_bits_that_evaluate_claims_within_a_thousandth(kind):
    known = Vocabulary.of_bytes() if kind == "bytes" else PROSE
    scale = 1 if kind == "bytes" else 1.5  # it expects what does not come, but not without doubt
    model = random_model(known, kind=CharRNN, seed=3, scale=scale)
    item_end = "\n" if kind == "lines with counts" else None
    if kind.endswith("counts"):
        end = item_end and int(model.vocabulary.encode(item_end)[0])
        model = with_counts(model, PROSE[:99], end=end)
    packed = unpack(compress(model, PROSE.encode(), item_end=item_end))
    claim = evaluate(model, PROSE, streams=None if item_end else 1, item_end=item_end)
    claimed = claim.total_nats / math.log(2)
    assert claimed > 1000 * BESIDE
    assert 8 * len(packed.words) == pytest.approx(claimed, rel=0.001)
    assert packed.header_bytes == FIXED_BYTES + len(machine())


def test_an_escape_gets_cheaper_as_it_is_met_again():
    text = "abc de\n" * 40
    plain, alien = (
        8 * len(unpack(compress(MODELS["characters"], t.encode())).words)
        for t in (text, text.replace("\n", "\r\n"))
    )
    assert 2 * 40 < alien - plain < 8 * 40


def test_any_object_that_steps_can_compress():
    whole = MODELS["characters"]
    names = ("vocabulary", "fingerprint", "initial_state", "step")
    part = SimpleNamespace(**{name: getattr(whole, name) for name in names})
    assert compress(part, b"abc\nde") == compress(whole, b"abc\nde")
    lines = compress(part, b"abc\nde", item_end="\n")
    assert lines == compress(MODELS["lines"], b"abc\nde")
    assert decompress(part, lines, item_end="\n") == b"abc\nde"


def test_progress_adds_up_to_the_bytes(tiny_model):
    text, done = make_text(1100).encode(), []
    packed = compress(tiny_model, text, progress=done.append)
    assert 0 < 1100 - sum(done) < 256
    back = []
    decompress(tiny_model, packed, progress=back.append)
    assert back == done


# --- what is refused ------------------------------------------------------------------------------

TEXT = "abé cd\rx".encode()
PACKED = compress(MODELS["characters"], TEXT)


@pytest.mark.parametrize("length", range(len(PACKED)))
def test_a_file_that_is_cut_is_refused(length):
    with pytest.raises(DataError):
        decompress(MODELS["characters"], PACKED[:length])


@pytest.mark.parametrize("at", range(len(PACKED)))
def test_a_flipped_byte_is_refused(at):
    for bit in (0x01, 0x80, 0xFF):
        wrong = PACKED[:at] + bytes([PACKED[at] ^ bit]) + PACKED[at + 1 :]
        with pytest.raises(DataError):
            decompress(MODELS["characters"], wrong)


@pytest.mark.parametrize("at", range(4, len(PACKED)))
def test_a_file_that_is_forged_gives_the_text_or_nothing(at, monkeypatch):
    monkeypatch.setattr(coders, "CHECK_EVERY", 32)
    packed = compress(MODELS["characters"], TEXT)
    for bit in (0x01, 0x80, 0xFF):
        wrong = (
            packed[9:at] + bytes([packed[at] ^ bit]) + packed[at + 1 :] if at > 8 else packed[9:]
        )
        start = packed[:4] + bytes([packed[4] ^ bit * (at == 4)])
        forged = start + zlib.crc32(wrong).to_bytes(4) + wrong
        with contextlib.suppress(CharrnnError):
            assert decompress(MODELS["characters"], forged) == TEXT


def test_what_is_added_to_a_file_is_refused():
    with pytest.raises(DataError):
        decompress(MODELS["characters"], PACKED + b"\0\0\0\0")


def test_a_later_version_is_named(wording):
    with wording.raises(DataError):
        unpack(MAGIC + b"\x02" + PACKED[5:], "a.crnn")


def test_a_length_that_the_words_cannot_have_is_refused_before_anything_is_decoded():
    parts = vars(unpack(PACKED))
    with pytest.raises(DataError, match="contradict"):
        unpack(pack(Packed(**parts | {"length": 2**48})))
    assert unpack(pack(Packed(**parts | {"length": 2**17}))).length == 2**17


@pytest.mark.parametrize("parts", [{"machine": "é"}, {"words": b"\0"}])
def test_parts_that_do_not_fit_are_refused(parts):
    made = Packed(**vars(unpack(PACKED)) | parts)
    with pytest.raises((DataError, UnicodeEncodeError)):
        unpack(pack(made))


def test_another_model_is_refused(wording):
    with wording.raises(CheckpointError):
        decompress(random_model(LETTERS, seed=2), PACKED, name="a.crnn")


def with_jitter(model, size, after=0):
    """The model with logits that differ after some steps, as on another machine."""
    other, steps = copy.copy(model), [0]
    step = model.step

    def jittered(ids, state):
        logits, state, gates = step(ids, state)
        steps[0] += 1
        more = size * (steps[0] > after) * np.arange(len(logits))
        return logits + more.astype(logits.dtype), state, gates

    other.step = jittered
    assert fingerprint_of(other) == fingerprint_of(model)
    return other


def test_other_numbers_are_noticed_before_the_first_symbol(wording, monkeypatch):
    monkeypatch.setattr("charrnn.compression.compress.machine", lambda: "0.1 1.0 AVX2 Haswell 0.4")
    packed = compress(MODELS["characters"], TEXT * 100)
    monkeypatch.setattr("charrnn.compression.compress.machine", lambda: "0.1 2.0 AVX2 Zen 0.4")
    other, done = with_jitter(MODELS["characters"], 1e-6), []
    with wording.raises(EnvironmentFault):
        decompress(other, packed, name="a.crnn", progress=done.append)
    assert not done


def test_other_numbers_that_come_late_are_noticed_at_the_next_check(monkeypatch):
    monkeypatch.setattr(coders, "CHECK_EVERY", 512)
    text, done = b"abcde " * 1000, []
    packed = compress(MODELS["characters"], text)
    with pytest.raises(EnvironmentFault):
        decompress(
            with_jitter(MODELS["characters"], 1e-6, after=1000), packed, progress=done.append
        )
    assert 0 < sum(done) <= 1536


def test_other_numbers_that_no_check_meets_are_noticed_at_the_end():
    text = b"abcde " * 100
    packed = compress(MODELS["characters"], text)
    with pytest.raises(EnvironmentFault):
        decompress(with_jitter(MODELS["characters"], 3.0, after=200), packed)


LONGER = b"abcde \nbad " * 15


@functools.cache
def packed_text(kind):
    return compress(MODELS[kind], LONGER)


@examples(20)
@given(
    at=st.integers(0, 250),
    size=st.floats(1e-12, 10),
    kind=st.sampled_from(["characters", "with counts"]),
)
def test_other_numbers_at_any_step_give_the_text_or_a_refusal(at, size, kind):
    with contextlib.suppress(OtherNumbersError):
        assert decompress(with_jitter(MODELS[kind], size, after=at), packed_text(kind)) == LONGER


@pytest.mark.parametrize("words", [b"", b"\xff" * 64, b"\0" * 64])
def test_words_of_no_encoder_are_refused(words):
    parts = vars(unpack(PACKED)) | {"words": words, "length": 40}
    with pytest.raises(EnvironmentFault):
        decompress(MODELS["characters"], pack(Packed(**parts)))


@pytest.mark.parametrize("code", [compress, decompress])
def test_only_bytes_are_taken(code, wording):
    with wording.raises(SettingError):
        code(MODELS["characters"], "a text")


def test_a_model_that_does_not_step_is_refused(wording):
    with wording.raises(UsageError):
        compress(object(), TEXT)


def test_units_that_are_edited_are_refused():
    with pytest.raises(UsageError):
        compress(MODELS["characters"].edited([Edit("clamp", "L0.c.1", 1.0)]), TEXT)


def test_predictions_that_are_not_finite_are_refused():
    with pytest.raises(CheckpointError):
        compress(with_jitter(MODELS["characters"], math.nan), TEXT)


# --- the coder ------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.floats(0, 1, width=32), min_size=2, max_size=9).filter(
                lambda p: sum(p) > 1e-3
            ),
            st.integers(0, 8),
        ),
        max_size=20,
    )
)
def test_every_symbol_can_be_coded_whatever_its_probability(chosen):
    rows = [np.array(row, np.float32) for row, _ in chosen]
    symbols = [number % len(row) for row, number in chosen]
    encoder = Encoder()
    assert [encoder.code(row, k) for row, k in zip(rows, symbols, strict=True)] == symbols
    decoder = Decoder(encoder.words())
    assert [decoder.code(row) for row in rows] == symbols
    assert decoder.crc == encoder.crc


def test_a_symbol_of_probability_0_can_be_coded_after_sums_that_float32_rounds_up():
    row = np.array([0.78217787, 0], np.float32)
    encoder = Encoder()
    encoder.code(row, 1)
    assert Decoder(encoder.words()).code(row) == 1


def test_checks_cost_16_bits_each(monkeypatch):
    row, sizes = np.full(2, 0.5, np.float32), []
    for every in (1 << 20, 64):
        monkeypatch.setattr(coders, "CHECK_EVERY", every)
        encoder = Encoder()
        for k in range(6400):
            encoder.code(row, k % 2)
        sizes.append(len(encoder.words()))
    assert [b - a for a, b in pairwise(sizes)] == [200]


def test_a_check_that_differs_stops_the_decoder(monkeypatch):
    monkeypatch.setattr(coders, "CHECK_EVERY", 4)
    encoder = Encoder()
    for _ in range(4):
        encoder.code(np.array([0.5, 0.5], np.float32), 1)
    decoder = Decoder(encoder.words())
    other = np.array([0.5, np.nextafter(np.float32(0.5), np.float32(1))], np.float32)
    with pytest.raises(OtherNumbersError):
        [decoder.code(other) for _ in range(4)]


def test_the_checksums_are_the_usual_ones():
    assert checksum_of(b"") == bytes.fromhex("e3b0c44298fc1c14")
    assert int.from_bytes(PACKED[5:9]) == zlib.crc32(PACKED[9:])
