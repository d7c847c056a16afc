"""A pair read by a model of pairs, with every state and gate of its encoder and its decoder kept in arrays.

    source    3   M a y      h> c> i> ...    the forward direction: each has read what stands before it
                             h< c< i< ...    the backward direction: each has read what stands behind it
    target    0 5 - 0 3 ↵    h  c  i  ...    the decoder, as a language model of one line whose start the source makes

Both directions stand in the order of the text. Column t of a target belongs to the moment after its symbol t was read.
The last symbol is the end, from which on the decoder writes: its column has the state before any symbol was written.

Legend for shapes: S places of the source, T symbols of the target with its end, L layers, H units.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from charrnn.errors import DataError
from charrnn.interpret.recording import RecordedModel, Recording, record
from charrnn.interpret.units import array_names, mark_of
from charrnn.network.encoder import FORWARD, MARKS
from charrnn.numerics import Float
from charrnn.pairs.converting import convert
from charrnn.pairs.decoder import Encoded
from charrnn.pairs.model import PairNetwork
from charrnn.pairs.views import MatrixOfPair, as_read, known_part, require_writable
from charrnn.text.pairs import END, Labels
from charrnn.text.vocabulary import Vocabulary

Keep = Collection[str] | None
"""The names of the arrays to record, "h" of a decoder and "h>" or "h<" of an encoder; None: all."""


@dataclass(frozen=True)
class PairRecording:
    """What a model of pairs did with a source and a target."""

    source: Recording | None
    """The encoder while it read the source; None if that is a label, which has a vector and no states, or
    there is no encoder."""
    target: Recording | None
    """The decoder while it read the target and its end; None of a model without one."""

    @property
    def attention(self) -> Float | None:
        """(T, S) the weights of attention with which each symbol of the target was written; rows sum to 1."""
        return None if self.target is None else self.target.attention


def record_pair(
    model: PairNetwork,
    source: str,
    target: str | None = None,
    *,
    top: int = 0,
    keep: Keep = None,
) -> PairRecording:
    """The recording of a source, and of a target if the model has a decoder.

    Args:
        model: the model that reads.
        source: a text, of which characters that the model does not know are left out; or a label.
        target: what the decoder reads; None: what it writes itself, the most probable symbol at each step.
        top: how many guesses to record at each symbol of the target.
        keep: the arrays to record.

    Raises:
        DataError: the model knows no character of the source, or not all of the target, or the source is to be a label
            and is none, or the model reads no target.
    """
    recorded, encoded = record_source(model, source, keep=keep)
    if not model.config.writes:
        if target is not None:
            raise DataError("this model has no decoder, so that it reads no target")
        return PairRecording(recorded, None)
    if target is None:
        ((_, target),) = with_targets(model, [(source, None)])
    return PairRecording(recorded, record_target(model, encoded, target, top=top, keep=keep))


def with_targets(
    model: PairNetwork, pairs: Sequence[tuple[str, str | None]]
) -> list[tuple[str, str]]:
    """Pairs in which a model with a decoder has written the targets that are missing.

    Raises:
        DataError: the model knows no character of a source.
    """
    missing = [source for source, target in pairs if target is None]
    found = dict(zip(missing, convert(model, missing), strict=True))
    for source, made in found.items():
        if not made:
            known_part(model, source)
    return [(s, found[s][0].text if target is None else target) for s, target in pairs]


def record_source(
    model: PairNetwork, source: str, *, keep: Keep = None
) -> tuple[Recording | None, Encoded]:
    """The encoder's part of `record_pair`, and what the decoder is given."""
    if isinstance(model.source_symbols, Labels):
        return None, model.encode(model.ids_of([source]))
    known, ids = known_part(model, source)
    if not model.alignment.has_encoder:
        return None, model.encode([ids])
    places = as_read(model, known)
    shape = (len(ids), model.config.num_layers, model.config.hidden_size)
    cell, about = model.cell, recorded_encoder(model)
    arrays = {
        name: np.zeros(shape, np.float32)
        for name in (*about.states, *about.gates)
        if keep is None or name in keep
    }
    bounds = [[-1, *own.tolist(), len(ids)] for own in model.places(ids)]  # around each output

    def watch(layer: int, direction: str, t: int, values: tuple[Float, ...]) -> None:
        own = bounds[layer]  # what it has is held until the layer reads again
        forward, backward = (own[t + 1], own[t + 2]), (own[-t - 3] + 1, own[-t - 2] + 1)
        places = slice(*(forward if direction == FORWARD else backward))
        for letter, value in zip((*cell.states, *cell.gates), values, strict=True):
            if (array := arrays.get(letter + MARKS[direction])) is not None:
                array[places, layer] = value[0]

    encoded = model.encode([ids], watch)
    symbols = model.source_symbols
    recording = Recording(
        text=places,
        ids=ids.astype(np.int32),
        pieces=tuple(places),
        surprisal=np.full(len(ids), np.nan, np.float32),
        arrays=arrays,
        next_ids=np.empty((len(ids), 0), np.int32),
        next_probabilities=np.empty((len(ids), 0), np.float32),
        next_text=tuple(map(symbols.shown, range(len(symbols)))),
        source=about,
    )
    return recording, encoded


def recorded_encoder(model: PairNetwork) -> RecordedModel:
    """What the recording of a source says of its model."""
    cell = model.cell
    states, gates = (
        tuple(name for name in array_names(letters, model.config) if mark_of(name))
        for letters in (cell.states, cell.gates)
    )
    edits = tuple(map(str, model.edits))
    return RecordedModel(model.fingerprint, cell.name, states, gates, edits)


def record_target(
    model: PairNetwork, encoded: Encoded, target: str, *, top: int = 0, keep: Keep = None
) -> Recording:
    """The decoder's part of `record_pair`, after a source."""
    assert isinstance(model.vocabulary, Vocabulary)
    require_writable(model.vocabulary, target)
    decoder = model.decoder.given(encoded)
    output = model.cell.output
    wanted = None if keep is None else {*keep, output}
    recording = record(decoder, target + END, top=top, keep=wanted, item_end=END)
    attention = None
    if decoder.memory:
        decoder.head(recording.arrays[output][:, -1])
        assert decoder.attended is not None
        # what is seen after the end was read, which is before the first symbol, is used to write that one
        attention = np.roll(encoded.over_source(decoder.attended[:, 0]), 1, axis=0)
    arrays = {n: a for n, a in recording.arrays.items() if keep is None or n in keep}
    start = int(recording.ids[0])  # what follows the state in the last column
    return replace(recording, arrays=arrays, attention=attention, following=start)


def record_sources(
    model: PairNetwork, sources: Iterable[str], *, keep: Keep = None
) -> Iterator[Recording]:
    """The recordings of several sources, in their order; none of labels. `record_source` has the errors."""
    start = start_char = 0
    for source in sources:
        recording, _ = record_source(model, source, keep=keep)
        if recording:
            yield replace(recording, start=start, start_char=start_char)
            start += len(recording.ids)
            start_char += len(source) + 1  # its end is no symbol


def attention_in(source: Recording, target: Recording) -> MatrixOfPair:
    """The attention of a source and its target, as they were recorded."""
    assert target.attention is not None
    text, end = source.text.removesuffix(END), target.text.removesuffix(END)
    return MatrixOfPair(text, target.pieces, target.attention[:, : len(text)], end)


def in_lines(recording: Recording) -> list[Recording]:
    """The recordings of single sources or targets, out of one of several that `with_ends` has ended, or of a dump."""
    ends = [k + 1 for k, piece in enumerate(recording.pieces) if piece.endswith(END)]
    bounds = [0, *ends, *([len(recording.pieces)] if ends[-1:] != [len(recording.pieces)] else [])]
    found = []
    for part in itertools.starmap(slice, itertools.pairwise(bounds)):
        pieces, attention = recording.pieces[part], recording.attention
        found.append(
            replace(
                recording,
                text="".join(pieces),
                ids=recording.ids[part],
                pieces=pieces,
                surprisal=recording.surprisal[part],
                arrays={name: values[part] for name, values in recording.arrays.items()},
                next_ids=recording.next_ids[part],
                next_probabilities=recording.next_probabilities[part],
                start=recording.start + part.start,
                start_char=recording.start_char + len("".join(recording.pieces[: part.start])),
                following=int(recording.ids[part.start]),
                attention=None if attention is None else attention[part],
            )
        )
    return found


def with_ends(sources: Sequence[Recording]) -> list[Recording]:
    """The recordings of several sources, each ended as a line to show one below another; a single one stays as it is."""
    if len(sources) < 2:
        return list(sources)
    return [
        replace(one, text=one.text + END, pieces=(*one.pieces[:-1], one.pieces[-1] + END))
        for one in sources
    ]


def record_targets(
    model: PairNetwork, pairs: Iterable[tuple[str, str]], *, top: int = 0, keep: Keep = None
) -> Iterator[Recording]:
    """The recordings of the targets of several pairs, in their order; `record_pair` has the errors."""
    start, start_char = 1, 0  # the end is read before the first
    for source, target in pairs:
        _, encoded = record_source(model, source, keep=())
        recording = record_target(model, encoded, target, top=top, keep=keep)
        yield replace(recording, start=start, start_char=start_char)
        start += len(recording.ids)
        start_char += len(recording.text)
