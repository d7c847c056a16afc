"""`charrnn evaluate`: how well a model predicts a text."""

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charrnn.cli.choices import one_of
from charrnn.cli.edits import Clamp, Steer, SteerFile, edited
from charrnn.cli.run_names import (
    CheckpointArgument,
    is_checkpoint,
    open_checkpoint,
    reads_lines,
    say_near_run,
)
from charrnn.cli.terminal import print_wrapped
from charrnn.cli.train.baselines import LABEL, measured, print_table
from charrnn.errors import DataError, UsageError

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint


class Split(StrEnum):
    """A part of the model's own corpus."""

    train = "train"
    val = "val"
    test = "test"


def evaluate(
    checkpoint: CheckpointArgument = None,
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE|-", help="The text to score; - is standard input.", show_default=False
        ),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            "--window",
            min=1,
            help="Reset the state every W characters, as windowed models are judged.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        Split | None,
        typer.Option(
            "--split",
            **one_of("--split", Split),
            help="Score a part of the model's own corpus instead of a file.",
            show_default=False,
        ),
    ] = None,
    lanes: Annotated[
        int | None,
        typer.Option(
            "--lanes",
            min=1,
            help="Stretches read side by side; 1 is strictly one pass.",
            show_default="one per 8,192 characters",
        ),
    ] = None,
    baselines: Annotated[
        bool,
        typer.Option(
            "--baselines",
            help="With --split val or test: also say what simpler models need for the same text.",
        ),
    ] = False,
    lines: Annotated[
        bool | None,
        typer.Option(
            "--lines/--no-lines",
            help="Each line is an item of its own: reset the state before it, and count its end.",
            show_default="as the model was trained",
        ),
    ] = None,
    clamp: Clamp = None,
    steer: Steer = None,
    steer_file: SteerFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")
    ] = False,
) -> None:
    """Score a text: nats and bits per character, perplexity, accuracy.

    The state is carried through the whole text; the first character is given, not predicted. A byte model's
    figures are per byte. A model that was trained with --lines is judged line by line.
    """
    if file is None and split is None and checkpoint is not None and not is_checkpoint(checkpoint):
        say_near_run(checkpoint, quiet=quiet)
        checkpoint, file = None, checkpoint
    if (file is None) == (split is None):
        raise UsageError(
            "give a FILE (or -), or --split val", "for example: charrnn evaluate book.txt"
        )
    if window and lanes:
        raise UsageError(
            "--window and --lanes exclude each other", "cold windows are lanes already"
        )
    part = split.value if split else "file"
    if baselines and part not in ("val", "test"):
        raise UsageError(
            "--baselines needs --split val or --split test: they are fitted on the training text",
            "for example: charrnn evaluate --split val --baselines",
        )
    loaded = open_checkpoint(checkpoint, quiet=quiet)
    lines = reads_lines(loaded) if lines is None else lines
    if lines and (window or lanes):
        raise UsageError(
            "lines are judged one by one, without --window or --lanes", "add --no-lines"
        )
    model = edited(loaded.model, clamp, steer, steer_file, quiet=quiet)
    from charrnn.evaluation.evaluate import evaluate as score

    corpus: Any = _own_corpus(loaded) if split else None
    ids, unknown = _text_of(loaded, file, corpus, split, quiet=quiet)
    result = score(model, ids, window=window, streams=lanes, lines=lines, unknown=unknown)
    if not as_json:
        _print_table(result, "byte" if model.vocabulary.level == "byte" else "char")
        if baselines:
            print_table(corpus, part, quiet=quiet)
        return
    figures = result.as_dict()
    if model.edits:
        figures["edits"] = list(map(str, model.edits))
    if baselines:
        figures["baselines"] = measured(corpus, part, quiet=quiet).as_dict()
    print(json.dumps(figures, allow_nan=False))


def _text_of(
    loaded: "Checkpoint", file: str | None, corpus: Any, split: Split | None, *, quiet: bool
) -> tuple[Any, int]:
    """The ids to score, and how many of the text's characters are unknown."""
    from charrnn.cli.inputs import file_text, leave_out_unknown

    vocabulary = loaded.model.vocabulary
    if split is not None:
        ids = getattr(corpus, split.value)
        if len(ids) < 2:
            raise DataError(
                f"the model's corpus has no {split.value} part",
                "choose another --split, or give a FILE",
            )
    else:
        text, left_out = leave_out_unknown(
            file_text(str(file), loaded.model), loaded.model, quiet=quiet
        )
        ids = vocabulary.encode(text)
        if left_out:
            return ids, left_out
    unknown = 0 if vocabulary.unknown_id is None else int((ids == vocabulary.unknown_id).sum())
    return ids, unknown


def _own_corpus(loaded: "Checkpoint") -> Any:
    """The corpus that the model was trained on, read again and compared."""
    from charrnn.cli.inputs import open_corpus
    from charrnn.cli.train.record import corpus_config_of

    about = loaded.run.get("corpus")
    names = about.get("sources") if isinstance(about, dict) else None
    if not (isinstance(about, dict) and isinstance(names, list) and names):
        raise DataError("the checkpoint does not say where its corpus is", "give a FILE")
    if "-" in names:
        raise DataError(
            "the model's corpus came from standard input and cannot be read again", "give a FILE"
        )
    names = list(map(str, names))
    corpus = open_corpus(names, corpus_config_of(about), vocabulary=loaded.model.vocabulary)
    if corpus.fingerprint != about.get("fingerprint"):
        raise DataError(
            f"{' '.join(names)} is not the text that the model was trained on", "give a FILE"
        )
    return corpus


def _print_table(result: Any, unit: str) -> None:
    from charrnn.evaluation.evaluate import WARM_UP

    how = result.protocol
    if result.window is None and result.lines is None and result.streams > 1:
        how += (
            f" ({result.streams} stretches side by side, each after {WARM_UP:,} {unit}s of warm-up)"
        )
    what = "bytes" if unit == "byte" else "characters"
    print_wrapped(f"{what:<{LABEL}}{result.characters:,}, {how}", LABEL)
    print(f"nats per {unit:<9}{result.nats_per_char:.4f}")
    print(f"bits per {unit:<9}{result.bits_per_char:.4f}")
    print(f"perplexity        {result.perplexity:.3f}")
    print(f"accuracy          {100 * result.accuracy:.2f} %")
    print(f"unknown           {result.unknown:,}")
