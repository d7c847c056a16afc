"""The schema of what is read from files: checkpoints, metrics and dumps.

Each kind of record is declared like a config (see `charrnn.settings`), so that a name, its type and its range stand in
one place, and settings that were recorded are checked by the rules of the settings themselves. Names that no schema has
are left alone, because nothing reads them. Files of earlier versions are translated first (`current`).

It knows no file: readers pass what they have parsed, and say which file it was.
"""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.config import (
    LARGE_COUNT,
    LONGEST_NGRAM,
    CorpusConfig,
    Level,
    ModelConfig,
    SavingConfig,
    TrainingConfig,
    TrainingRequest,
)
from charrnn.errors import CharrnnError, SettingError
from charrnn.network.cells import CELLS, cell_of
from charrnn.network.shapes import is_recurrent_matrix, num_sensitive
from charrnn.settings import (
    UNBOUNDED,
    Config,
    check_value,
    is_config,
    setting,
    settings_of,
    value_types,
)

ROLLBACK = "rollback."
"""Prefix of the names of tensors of the point that a diverged run goes back to."""
SENSITIVITIES = "rtrl.sensitivities"
"""The name of the tensor with how a state depends on the weights."""
FOREVER = "forever"
"""The name, in the record of a run without an end, for the last byte that was read; None before the first."""
LARGEST_SUM = 1e18
"""The largest sum that a run keeps, over characters."""
LARGEST_SIZE = 10**15
"""The most symbols of a text in a dump."""
MOST_HALVINGS = 64
"""More than any run makes before it gives up."""


Array = npt.NDArray[Any]
Shape = tuple[int, ...]


class SchemaError(CharrnnError):
    """A value in a file that is not what its schema says; the message names it, but not the file."""


# --- checkpoints and metrics ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Figures(Config):
    """How far a run has come; see `charrnn.training.progress.RunProgress`."""

    step: int = setting(0, "Optimizer steps.", high=LARGE_COUNT)
    epoch: float = setting(0.0, "Passes over the text.")
    best_val_nats_per_char: float | None = setting(None, "The least validation loss.")
    best_val_exact_match: float | None = setting(
        None, "The largest part of the validation targets that were right as a whole.", high=1
    )
    best_step: int = setting(0, "The step of it.", high=LARGE_COUNT)
    seconds: float = setting(0.0, "Time spent.")
    train_nats_sum: float = setting(
        0.0, "Training loss since the last evaluation, over its characters.", high=LARGEST_SUM
    )
    train_chars_sum: int = setting(
        0, "Characters trained on since the last evaluation.", high=LARGEST_SUM
    )
    evaluations_since_best: int = setting(0, "Evaluations.", high=LARGE_COUNT)
    halvings: int = setting(0, "How often the learning rate was halved.", high=MOST_HALVINGS)
    rollback_step: int = setting(0, "The step that a diverged run goes back to.", high=LARGE_COUNT)
    kept: tuple[int, ...] = setting((), "The steps of older checkpoints.", high=LARGE_COUNT)


FOR_RESUMING = (
    *("step", "best_step", "best_val_nats_per_char", "seconds", "train_nats_sum"),
    *("train_chars_sum", "evaluations_since_best", "halvings", "rollback_step"),
)
"""The figures without which no run can be resumed."""


@dataclass(frozen=True, kw_only=True)
class SplitPlaces(Config):
    """Where the other files of a corpus are; see `CorpusRecord.places`."""

    val_file: tuple[tuple[str, int], ...] | None = setting(
        None, "That of `val_file`.", high=LARGEST_SIZE
    )
    test_file: tuple[tuple[str, int], ...] | None = setting(
        None, "That of `test_file`.", high=LARGEST_SIZE
    )
    vectors: tuple[tuple[str, int], ...] | None = setting(
        None, "That of `vectors`.", high=LARGEST_SIZE
    )


@dataclass(frozen=True, kw_only=True)
class CorpusRecord(Config):
    """The text of a run."""

    sources: tuple[str, ...] = setting((), "The names of the texts, as they were given.")
    config: CorpusConfig = setting(None, "How they were read.")
    fingerprint: str | None = setting(None, "The fingerprint of the text.")
    characters: int = setting(0, "Its size.", high=LARGEST_SIZE)
    distinct: int = setting(0, "Its different characters.", high=LARGEST_SIZE)
    files: int = setting(0, "Its files.", high=LARGEST_SIZE)
    utf8: bool = setting(True, "Whether it is UTF-8.")
    places: tuple[tuple[str, int], ...] | None = setting(
        None,
        "The path and the size in bytes of each file; None: not all are files.",
        high=LARGEST_SIZE,
    )
    split_places: SplitPlaces = setting(
        None, "The files with validation and test text, and with vectors."
    )


FOR_READING_AGAIN = ("sources", "config", "fingerprint", "characters")
"""What must be recorded of a corpus that is to be read again."""


@dataclass(frozen=True, kw_only=True)
class CountsRecord(Config):
    """The counts of the training text; see `charrnn.counts.mixture`."""

    order: int = setting(1, "The length of the longest n-grams.", low=1, high=LONGEST_NGRAM)
    w: tuple[float, ...] = setting((), "The numbers of their weight.", low=-UNBOUNDED)
    network_nats: float | None = setting(None, "Nats per character of the network alone.")
    nats: float | None = setting(None, "Nats per character of both.")
    characters: int = setting(
        0, "Characters of held-out text that these figures are of.", high=LARGEST_SIZE
    )
    sha256: str | None = setting(None, "The checksum of their arrays.")


@dataclass(frozen=True, kw_only=True)
class InitialModel(Config):
    """The model that a run started from."""

    path: str = setting("", "Its file.")
    sha256: str = setting("", "That file's checksum.")
    fingerprint: str | None = setting(None, "The fingerprint of its corpus.")
    extend_vocabulary: bool = setting(False, "Whether characters were added to it.")


@dataclass(frozen=True, kw_only=True)
class Versions(Config):
    """The programs that computed a run."""

    charrnn: str = setting("", "The version of charrnn.")
    torch: str = setting("", "The version of torch.")
    python: str = setting("", "The version of Python.")


@dataclass(frozen=True, kw_only=True)
class MachineRecord(Config):
    """What else decides the last bits of a result."""

    system: str = setting("", "The operating system.")
    machine: str = setting("", "The processor.")
    instructions: str | None = setting(None, "The instructions that torch uses.")
    bfloat16: bool | None = setting(None, "Whether the processor has bfloat16.")
    device: str = setting("", "The device.")
    threads: int = setting(1, "CPU threads.")
    processes: int = setting(1, "Processes that trained together.")


@dataclass(frozen=True, kw_only=True)
class RunRecord(Config):
    """What a checkpoint records of its run."""

    name: str = setting("", "The run's name.")
    by_hand: str = setting("", "The language of a network whose weights were set by hand.")
    forever: int | None = setting(
        None, "The last byte of the stream, in a run without an end.", high=255
    )
    corpus: CorpusRecord = setting(None, "Its text.")
    training: TrainingConfig = setting(None, "The settings as they were planned.")
    saving: SavingConfig = setting(None, "How often it is saved.")
    asked: TrainingRequest = setting(None, "What the user asked for.")
    versions: Versions = setting(None, "The programs.")
    machine: MachineRecord = setting(None, "The computer.")
    plan: tuple[str, ...] = setting((), "The reasons of the plan.")
    init_from: InitialModel = setting(None, "The model that it started from.")


@dataclass(frozen=True, kw_only=True)
class EvaluationRecord(Config):
    """A line of metrics.jsonl."""

    step: int = setting(0, "Optimizer steps.", high=LARGE_COUNT)
    epoch: float = setting(0.0, "Passes over the text.")
    train_nats_per_char: float | None = setting(None, "Training loss since the line before.")
    val_nats_per_char: float | None = setting(None, "Validation loss.")
    val_exact_match: float | None = setting(
        None, "The part of the validation targets that are right as a whole.", high=1
    )
    learning_rate: float = setting(0.0, "The learning rate.")
    halvings: int = setting(0, "How often it was halved.", high=MOST_HALVINGS)
    seconds: float = setting(0.0, "Time spent.")


FOR_A_CURVE = ("step", "epoch", "learning_rate", "seconds")
"""The figures that every evaluation has; the losses are None where there is none."""

RENAMED = {
    "recurrent_dropout": "weight_drop",
    "cold_every": "reset_every",
    "lr": "learning_rate",
    "muon_lr": "muon_learning_rate",
    "layers": "num_layers",
    "glob": "globs",
    "final_learning_rate": "final_rate_fraction",
}
"""Settings by the names that older checkpoints have for them."""
NEVER_ZERO = ("reset_every", "clip", "patience")
"""Settings that older checkpoints turn off by 0, instead of None."""


def current(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Recorded settings by their present names, with None for what is off."""
    settings = {RENAMED.get(name, name): value for name, value in recorded.items()}
    if (
        "keep" in settings and "minutes" in settings
    ):  # how often a run was saved, not how long it was to take
        settings["save_every"] = settings.pop("minutes")
    off = {name: None for name in NEVER_ZERO if _is_zero(settings.get(name))}
    threads = settings.get("threads", 1)
    if threads is None or _is_zero(threads):
        del settings["threads"]
    if settings.get("kernel") == "auto":
        settings["kernel"] = "fused"
    planned = {name for name, value in settings.items() if value == "auto"}  # not asked for at all
    kept = {name: value for name, value in (settings | off).items() if name not in planned}
    return {name: tuples(value) for name, value in kept.items()}


def _is_zero(value: Any) -> bool:
    return type(value) in (int, float) and value == 0


def tuples(value: Any) -> Any:
    """A JSON value with tuples for lists, as settings have them."""
    return tuple(map(tuples, value)) if isinstance(value, list) else value


# --- the tensors of a run ---------------------------------------------------------------------------------------------


def check_training_tensors(
    tensors: Mapping[str, Array],
    weights: Mapping[str, Array],
    network: ModelConfig,
    training: TrainingConfig,
    figures: Mapping[str, Any],
) -> None:
    """Check the tensors that resuming a run needs beside its weights.

    Args:
        tensors: the tensors, by name.
        weights: the weights of the network.
        network: the network.
        training: how it is trained.
        figures: the run's figures.

    Raises:
        SchemaError: a tensor is missing, has another type or shape, or is none that a run has.
    """
    weight_shapes = {name: array.shape for name, array in weights.items()}
    step, back = figures["step"], figures["rollback_step"]
    expected = _optimizer_shapes(weight_shapes, training, step)
    expected |= _state_shapes(tensors, "", network, training, step)
    if back != step:
        before = {f"weights.{name}": shape for name, shape in weight_shapes.items()}
        before |= _optimizer_shapes(weight_shapes, training, back)
        expected |= {f"{ROLLBACK}{name}": shape for name, shape in before.items()}
        expected |= _state_shapes(tensors, ROLLBACK, network, training, back)
    if wrong := expected.keys() ^ tensors.keys():
        name = min(wrong)
        raise SchemaError(
            f"the tensor {name} is missing"
            if name in expected
            else f"unexpected tensor {name!r:.80}"
        )
    for name, shape in expected.items():
        found = tensors[name]
        if (found.dtype, found.shape) != (np.dtype(np.float32), shape):
            raise SchemaError(
                f"{name} is {found.dtype} {list(found.shape)}, expected float32 {list(shape)}"
            )


def _optimizer_shapes(
    weights: Mapping[str, Shape], training: TrainingConfig, step: int
) -> dict[str, Shape]:
    """The tensors of the optimizer, which has none before its first step."""
    shapes: dict[str, Shape] = {}
    for name, shape in weights.items() if step else ():
        if training.optimizer == "muon" and is_recurrent_matrix(name, len(shape)):
            shapes[f"optimizer.momentum.{name}"] = shape
        else:
            shapes |= {f"optimizer.{moment}.{name}": shape for moment in ("exp_avg", "exp_avg_sq")}
            shapes[f"optimizer.step.{name}"] = ()
    return shapes


def _state_shapes(
    tensors: Mapping[str, Array],
    prefix: str,
    network: ModelConfig,
    training: TrainingConfig,
    step: int,
) -> dict[str, Shape]:
    """The carried states, (L, N, H) each; how many rows N a batch has depends on the text, so it is the first's.

    And how they depend on the weights, (S, H, P), where the gradient is computed forward in time.
    """
    names = [
        f"{prefix}state.{letter}"
        for letter in (cell_of(network).carried if step and not network.align else ())
    ]
    first = next((tensors[name].shape for name in names if name in tensors), ())
    rows = first[1] if len(first) == 3 else 1
    shapes: dict[str, Shape] = dict.fromkeys(names, (network.num_layers, rows, network.hidden_size))
    if names and training.gradient == "rtrl":
        sensitive = num_sensitive(network)
        shapes[f"{prefix}{SENSITIVITIES}"] = (len(names), network.hidden_size, sensitive)
    return shapes


# --- dumps ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class DumpedModel(Config):
    """What a dump says of its model; see `charrnn.interpret.recording.RecordedModel`."""

    fingerprint: str = setting("", "The model's fingerprint.")
    cell: str = setting("", "The name of its cell.", choices=CELLS)
    states: tuple[str, ...] = setting((), "The letters of its states.")
    gates: tuple[str, ...] = setting((), "The letters of its gates.")
    edits: tuple[str, ...] = setting((), "The edits of its units.")
    level: Level = setting("char", "The kind of its symbols.", choices=("char", "byte"))


@dataclass(frozen=True, kw_only=True)
class DumpRecord(Config):
    """The header of a dump; see `charrnn.interpret.dumps.header.Header`."""

    source: DumpedModel = setting(None, "The model.")
    symbols: tuple[str, ...] = setting((), "How each symbol is shown.")
    length: int = setting(1, "The symbols of the text.", low=1, high=LARGEST_SIZE)
    characters: int = setting(0, "Its characters.", high=LARGEST_SIZE)
    layers: int = setting(
        0, "The layers of the network.", high=settings_of(ModelConfig)["num_layers"].high
    )
    hidden_size: int = setting(0, "Its units.", high=settings_of(ModelConfig)["hidden_size"].high)
    arrays: tuple[str, ...] = setting((), "The states and gates.")
    units: tuple[str, ...] | None = setting(None, "The units that were chosen.")
    predictions: int = setting(0, "The guesses at each position.", high=1_114_113)
    items: int = setting(0, "The lines, records or documents.", high=LARGEST_SIZE)
    start: int = setting(0, "The symbols before the text.", high=LARGEST_SIZE)
    start_char: int = setting(0, "The characters before it.", high=LARGEST_SIZE)
    following: int | None = setting(None, "The symbol after it.", high=1_114_113)
    places: int = setting(0, "The places that attention has weights for.", high=LARGEST_SIZE)


IN_EVERY_DUMP = (
    *("source", "symbols", "length", "characters", "layers", "hidden_size", "arrays", "units"),
    *("predictions", "start", "start_char", "following"),
)
"""What every version of the format has; `items` came with version 3."""


# --- checks -----------------------------------------------------------------------------------------------------------


def strict_json(text: str | bytes) -> Any:
    """A JSON value in which no key occurs twice, and every number is finite.

    Raises:
        ValueError: it is not.
        RecursionError: it is nested too deeply.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            raise ValueError("a key occurs twice in the header")
        return made

    def finite(number: str) -> float:
        if not math.isfinite(value := float(number)):
            raise ValueError(f"{number[:40]} in the header")
        return value

    text = text if isinstance(text, str) else text.decode("utf-8")
    return json.loads(text, object_pairs_hook=unique, parse_constant=finite, parse_float=finite)


def check_record(
    schema: type, record: object, where: str = "", *, required: Collection[str] = ()
) -> None:
    """Check that a value is an object with the names, types and ranges of a schema.

    Args:
        schema: the schema.
        record: the value.
        where: what the file calls it, for the message: "run.training".
        required: names that it must have.

    Raises:
        SchemaError: it is not; the message names the first value that is wrong.
    """
    if not isinstance(record, dict):
        raise SchemaError(f"{where or 'it'} must be an object, not {record!r:.60}")
    if missing := [name for name in required if name not in record]:
        raise SchemaError(f"{_at(where, missing[0])} is missing")
    if schema in (CorpusConfig, TrainingConfig, SavingConfig):
        record = current(record)
    for name in settings_of(schema):
        if name in record:
            _check_entry(schema, name, record[name], _at(where, name))


def _check_entry(schema: type, name: str, value: Any, where: str) -> None:
    kind, _ = value_types(schema)[name]
    if kind is TrainingRequest:
        check_request(value, where)
    elif is_config(kind):
        check_record(kind, value, where)
    else:
        _check_value(schema, name, value, where)


def _check_value(schema: type, name: str, value: Any, where: str) -> None:
    try:
        check_value(schema, name, tuples(value))
    except SettingError as error:
        message = error.typed(lambda setting, _: where if setting == name else setting).message
        raise SchemaError(message.replace("must be a tuple", "must be a list")) from error


def check_request(record: object, where: str) -> None:
    """Check that a value is an object with settings that a run may be asked for, None for those that are off."""
    if not isinstance(record, dict):
        raise SchemaError(f"{where} must be an object, not {record!r:.60}")
    for name, value in current(record).items():
        for config in (TrainingRequest, ModelConfig, TrainingConfig):
            if name in settings_of(config) and value is not None:
                _check_value(config, name, value, _at(where, name))
                break


def check_run(figures: object, run: object) -> None:
    """Check the figures and the record of a run, as a checkpoint has them.

    Raises:
        SchemaError: something is not as its schema says.
    """
    check_record(Figures, figures, "figures")
    check_record(RunRecord, run, "run")


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
