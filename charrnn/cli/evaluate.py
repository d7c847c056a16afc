"""`charrnn evaluate`: how well a model predicts a text."""

import shlex
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from charrnn.cli.adapting import ScoringAdaptOptions
from charrnn.cli.counts import ON, CountsOptions, has_counts
from charrnn.cli.edits import EditOptions
from charrnn.cli.evaluate_pairs import evaluate_pairs, refuse_drawing
from charrnn.cli.inputs import TextArgument
from charrnn.cli.layout import LayoutOptions
from charrnn.cli.options import Changes
from charrnn.cli.outputs import PictureOptions
from charrnn.cli.own_corpus import read_own_corpus
from charrnn.cli.reading import checkpoint_and_texts, hint_in_quotes
from charrnn.cli.run_names import CheckpointArgument, open_any, refuse_for_pairs
from charrnn.cli.terminal import print_json, print_wrapped
from charrnn.cli.train.baselines import LABEL, measured, print_table
from charrnn.cli.work import Work, working
from charrnn.config import LARGE_COUNT, MOST_STREAMS, READING, AdaptingConfig, CorpusConfig
from charrnn.errors import DataError, SettingError
from charrnn.runs import reading_of, with_lines
from charrnn.settings import Config, setting
from charrnn.text.kinds import item_end_of, item_noun
from charrnn.text.places import SPLIT_FILES
from charrnn.wording import noun_of, short_noun_of

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.evaluation.evaluate import Evaluation
    from charrnn.model import CharRNN
    from charrnn.numerics import Ids
    from charrnn.text.corpus import Corpus

EXAMPLES = (
    "charrnn evaluate book.txt",
    "charrnn evaluate plays --split val --baselines",
    "charrnn evaluate plays book.txt --window 64 --json",
)
CHANGES = Changes(
    different={
        "counts": ON,
        "color": {"help": "Colors of the matrix of labels: auto, none, 16, 256 or truecolor."},
        "width": {"help": "Columns in a line of the matrix of labels."},
        "svg": {"help": "Draw the matrix of labels as an SVG picture instead."},
        "png": {"help": "Draw the matrix of labels as a PNG picture instead. Needs matplotlib."},
    }
)


class Split(StrEnum):
    """A part of the model's own corpus."""

    train = "train"
    val = "val"
    test = "test"


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(Config):
    """Which text is scored, and how it is read."""

    split: Split | None = setting(
        None,
        "Score a part of the model's own corpus instead of a file: train, val or test.",
        metavar="PART",
    )
    corpus: tuple[str, ...] = setting(
        (),
        "With {split}: read the model's corpus from this file or folder, in case it has been moved. May be repeated.",
        metavar="FILE",
        needs=("split",),
    )
    val_file: str | None = setting(
        None,
        "With {split}: the validation text that the model was given, in case it has been moved.",
        flags=("--val",),
        metavar="FILE",
        needs=("split",),
    )
    test_file: str | None = setting(
        None,
        "With {split}: the test text that the model was given, in case it has been moved.",
        flags=("--test",),
        metavar="FILE",
        needs=("split",),
    )
    vectors: str | None = setting(
        None,
        "With a model that reads vectors: those of the file of targets that is scored, or with {split} those that the "
        "model was given, in case they have been moved.",
        metavar="FILE",
    )
    window: int | None = setting(
        None,
        "Reset the state every W characters, as models with a fixed context window are evaluated.",
        low=1,
        high=LARGE_COUNT,
        metavar="W",
        excludes=("streams",),
        panel=READING,
    )
    streams: int | None = setting(
        None,
        "Number of segments of the text that are read in parallel; 1 reads the text in a single pass.",
        low=1,
        high=MOST_STREAMS,
        default_text="one per 8,192 characters",
        panel=READING,
    )
    lines: bool | None = setting(
        None,
        "Score each line by itself: reset the state before it, and include its newline.",
        default_text="as the model was trained",
        panel=READING,
    )
    baselines: bool = setting(
        False,
        "With {split} val or test: also report the bits per character of simpler models fitted on the training text.",
        needs=("split", "val", "test"),
    )
    json: bool = setting(False, "Print one JSON object.")


def evaluate(
    checkpoint: CheckpointArgument = None,
    texts: TextArgument = None,
    *,
    options: EvaluateOptions,
    counts: CountsOptions,
    edits: EditOptions,
    layout: LayoutOptions,
    pictures: PictureOptions,
    adapting: ScoringAdaptOptions,
) -> None:
    """Score a text: nats and bits per character, perplexity, accuracy; of pairs, exact matches.

    The state is carried through the whole text; the first character is read, not predicted. The metrics of a byte model
    are per byte. A model that was trained with --lines is scored line by line. For a model that was trained with --pairs
    the text is such pairs: exact matches, character error rate, nats per character of the target; of labels accuracy,
    macro F1 and a matrix of which label was taken for which.
    """
    pictures.require(layout)
    split, names = options.split, tuple(texts or ())
    if split is None:
        checkpoint, names = checkpoint_and_texts(checkpoint, texts)
    if bool(names) == bool(split):
        command = "charrnn evaluate" + (f" {shlex.quote(checkpoint)}" if checkpoint else "")
        raise SettingError.naming(
            "give either a text or {split}",
            "for example: {command} {split:val}, or {command} book.txt",
            command=command,
        )
    loaded = open_any(checkpoint, hint_in_quotes(names), reads_vectors=True)
    if loaded.model.config.align:
        own_corpus = partial(_own_corpus, loaded, options)
        refuse_for_pairs(adapting, counts)
        evaluate_pairs(loaded, names, options, edits, layout, pictures, own_corpus)
        return
    refuse_drawing(layout, pictures)
    if options.vectors is not None:
        raise SettingError.naming("{vectors} needs a model that reads vectors", "leave it out")
    reading = with_lines(reading_of(loaded), options.lines)
    end = item_end_of(reading)
    if end and (options.window or options.streams):
        raise SettingError.naming(
            f"{{window}} and {{streams}} do not apply where {item_noun(end)}s are scored one by one",
            "add --no-lines",
        )
    if adapting.adapt_search and split in (Split.train, Split.val):
        raise SettingError.naming(
            "{adapt_search} chooses the rate on the validation text, so another text must be scored",
            "name a file, or add {split:test}",
        )
    model = counts.mixed(edits.edited(loaded), loaded, usually=True)
    with working(None, noun_of(model.vocabulary.level)) as work:
        corpus = _own_corpus(loaded, options) if split or adapting.adapt_search else None
        text = (_part_of(corpus, split), 0) if corpus and split else _read(names, model, reading)
        how, tried = adapting.chosen(model, corpus.val if corpus else None, end, work)
        result = _score(model, text, options, end, how, work)
    if options.json:
        _print_json(result, model, options, corpus, tried)
        return
    unit = short_noun_of(model.vocabulary.level)
    _print_table(result, unit, model, split)
    if options.baselines and corpus:
        print_table(corpus, str(split))


def _score(
    model: "CharRNN",
    text: "tuple[Ids, int]",
    options: EvaluateOptions,
    item_end: str | None,
    adapt: AdaptingConfig | None,
    work: Work,
) -> "Evaluation":
    """The score of a text: its symbols, and the number of characters that were left out of it."""
    from charrnn.evaluation.evaluate import evaluate as score

    ids, left_out = text
    work.expect(max(0, len(ids) - 1))
    return score(
        model,
        ids,
        window=options.window,
        streams=options.streams,
        item_end=item_end,
        carried=item_end is None,
        unknown=left_out,
        adapt=adapt,
        progress=work.advance,
    )


def _part_of(corpus: "Corpus", split: Split) -> "Ids":
    """The symbols of a part of a corpus.

    Raises:
        DataError: it has no such part.
    """
    ids: Ids = getattr(corpus, split.value)
    if len(ids) < 2:
        raise DataError(
            f"the model's corpus has no {split} part",
            "choose another --split, or name a file to score",
        )
    return ids


def _read(names: tuple[str, ...], model: "CharRNN", reading: CorpusConfig) -> "tuple[Ids, int]":
    """The symbols of a text, and the number of its characters that were left out because they are unknown."""
    from charrnn.cli.inputs import leave_out_unknown, read_texts
    from charrnn.text.pieces import require_more_than_blanks

    read = read_texts(names, reading)
    require_more_than_blanks(read)
    text, left_out = leave_out_unknown(read, model)
    return model.vocabulary.encode(text), left_out


def _own_corpus(loaded: "Checkpoint", options: EvaluateOptions) -> "Corpus":
    """The corpus that the model was trained on, read again."""
    hint = "give its place with --corpus, or a FILE to score"
    split_files = {n: file for n in SPLIT_FILES if (file := getattr(options, n)) is not None}
    return read_own_corpus(loaded, names=options.corpus, split_files=split_files, hint=hint)


def _print_json(
    result: "Evaluation",
    model: "CharRNN",
    options: EvaluateOptions,
    corpus: "Corpus | None",
    tried: dict[float, float],
) -> None:
    metrics: dict[str, Any] = result.as_dict() | {"counts": has_counts(model)}
    if tried:
        metrics["adapting"]["bits_by_rate"] = {f"{rate:g}": bits for rate, bits in tried.items()}
    if model.edits:
        metrics["edits"] = list(map(str, model.edits))
    if options.baselines and corpus:
        metrics["baselines"] = measured(corpus, str(options.split), is_last=False).as_dict()
    print_json(metrics)


def _print_table(result: "Evaluation", unit: str, model: "CharRNN", split: Split | None) -> None:
    from charrnn.evaluation.streams import WARM_UP

    how = result.protocol
    if result.window is None and result.item_end is None and result.streams > 1:
        how += f" ({result.streams} streams in parallel, each after {WARM_UP:,} {unit}s of warm-up)"
    what = "bytes" if unit == "byte" else "characters"
    print_wrapped(f"{what:<{LABEL}}{result.characters:,}, {how}", LABEL)
    if has_counts(model):
        fitted = ", whose weight was fitted on this text" if split is Split.val else ""
        by = f"network with counts{fitted} (--no-counts: the network alone)"
        print_wrapped(f"{'predicted by':<{LABEL}}{by}", LABEL)
    print(f"nats per {unit:<9}{result.nats_per_char:.4f}")
    print(f"bits per {unit:<9}{result.bits_per_char:.4f}")
    print(f"perplexity        {result.perplexity:.3f}")
    print(f"accuracy          {100 * result.accuracy:.2f} %")
    print(f"unknown           {result.unknown:,}")
