"""`charrnn gradients`: how far back the gradient reaches, in trained and in untrained networks."""

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.completion import complete_cells
from charrnn.cli.gradients.shown import (
    Measured,
    columns_of,
    measured_as_dict,
    measured_rows,
    show,
)
from charrnn.cli.inputs import TextArgument
from charrnn.cli.layout import ColoringOptions
from charrnn.cli.options import Changes
from charrnn.cli.outputs import PictureOptions
from charrnn.cli.own_text import GENERATED_TEXT, VALIDATION_TEXT, OwnTextOptions, own_text
from charrnn.cli.reading import checkpoint_and_texts, known_text, require_no_text
from charrnn.cli.run_names import CheckpointArgument, find_checkpoint
from charrnn.cli.terminal import can_print, print_json
from charrnn.config import OUTPUT, SHOWN, CorpusConfig, ModelConfig
from charrnn.errors import CheckpointError, SettingError, UsageError
from charrnn.network.cells import CELLS, get_cell
from charrnn.render.tables import EIGHTHS
from charrnn.runs import reading_of
from charrnn.settings import Config, setting

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.model import CharRNN
    from charrnn.text.vocabulary import Vocabulary

EXAMPLES = (
    "charrnn gradients plays book.txt",
    "charrnn gradients plays book.txt --fresh lstm,elman --distance 100",
    "charrnn gradients --experiment cliff --png cliff.png",
)
CHANGES = Changes(complete={"fresh": complete_cells})
EXPERIMENTS = ("linear", "cliff", "activation", "forget-bias")
DISTANCE = 50
"""Default distance; a short text has a shorter one, so that there is more than one window."""
OWN_TEXT = 600
"""Characters of the model's own text beyond the usual number, besides those that the distance needs."""
EXPERIMENT = "Experiments"
"""The panel of their options."""
SEED = 1
"""Seed of the untrained networks' weights."""


@dataclass(frozen=True, kw_only=True)
class GradientOptions(Config):
    """Where the gradient is measured, and in which networks."""

    distance: int | None = setting(
        None,
        "Look this many characters back.",
        low=1,
        high=1000,
        metavar="K",
        default_text=f"{DISTANCE}, or half of a shorter text; in an experiment 100, linear 1000",
        panel=SHOWN,
    )
    fresh: str | None = setting(
        None,
        f"Cells of the fresh (untrained) networks, separated by commas: {', '.join(CELLS)}.",
        metavar="CELLS",
        default_text="the checkpoint's own",
        panel=SHOWN,
    )
    experiment: str | None = setting(
        None,
        "Instead of a text, an experiment of the textbooks. linear: a unit h(t) = w h(t-1), which vanishes or explodes. "
        "cliff: gradient descent on a loss with a cliff, as it is, with clipping and with weight decay. activation: "
        "ReLU beside tanh. forget-bias: LSTMs whose forget gates have a bias of 0, 1 and 3.",
        choices=EXPERIMENTS,
        metavar="NAME",
        excludes=("fresh", "seed"),
        panel=EXPERIMENT,
    )
    w: str | None = setting(
        None,
        "With {experiment:linear}: the weights w, from 0 to 2, separated by commas.",
        metavar="W,W",
        default_text="0.01,0.99,1,1.01",
        needs=("experiment", "linear"),
        panel=EXPERIMENT,
    )
    clip: float = setting(
        15.0,
        "With {experiment:cliff}: the norm at which gradients are clipped.",
        above=True,
        high=1e6,
        needs=("experiment", "cliff"),
        panel=EXPERIMENT,
    )
    json: bool = setting(False, "Print one JSON object instead of the tables.", panel=OUTPUT)


def gradients(
    checkpoint: CheckpointArgument = None,
    texts: TextArgument = None,
    *,
    options: GradientOptions,
    own: OwnTextOptions,
    layout: ColoringOptions,
    pictures: PictureOptions,
) -> None:
    """Show how far back the gradient reaches.

    A trained network is compared with untrained ones. A value is the norm of the gradient of the loss at one character
    with respect to a layer's hidden state K characters before, averaged over up to 64 windows of the text. The reach
    is the largest distance at which at least 1 % of the gradient at distance 0 is left. "per step" is the factor by
    which each step back multiplies it (geometric mean).

    The untrained networks have the checkpoint's sizes. If there is no checkpoint, --fresh measures them alone.

    --experiment needs neither checkpoint nor text: it computes one of the textbooks' experiments with gradients that
    vanish and explode.
    """
    pictures.require(layout)
    if options.experiment is not None:
        if checkpoint is not None:
            raise SettingError.naming(
                "{experiment} reads no checkpoint and no text", "leave them out"
            )
        _show_experiment(options, layout, pictures)
        return
    if layout != ColoringOptions(width=layout.width) and not pictures:
        raise SettingError.naming(
            "{color}, {palette} and {digits} only apply with {experiment:cliff}: the tables have no colors"
        )
    checkpoint, names = checkpoint_and_texts(checkpoint, texts)
    require_no_text(names, own.seed)
    from charrnn.checkpoint import load_checkpoint, require_language_model

    cells = None if options.fresh is None else _cell_names(options.fresh)
    path = _find(checkpoint, may_lack=cells is not None)
    loaded = None if path is None else require_language_model(load_checkpoint(path))
    trained = loaded.model if loaded else None
    read = _read(names, loaded, options.distance or DISTANCE, own.seed)
    vocabulary = trained.vocabulary if trained else _vocabulary_of(read)
    config = trained.config if trained else ModelConfig(vocab_size=len(vocabulary))
    ids = vocabulary.encode(read)
    distance = options.distance or max(1, min(DISTANCE, (len(ids) - 1) // 2))
    from charrnn.training.gradients import gradient_reach

    models: list[tuple[CharRNN, int | None]] = [(trained, None)] if trained else []
    models += [(_fresh(name, config, vocabulary), SEED) for name in cells or [config.cell]]
    measured = [Measured(m, seed, gradient_reach(m, ids, distance)) for m, seed in models]
    if options.json:
        print_json(measured_as_dict(path, len(ids), measured))
    else:
        wrap = bool(pictures) or sys.stdout.isatty()
        columns = columns_of(layout, pictures)
        rows = measured_rows(measured, len(ids), vocabulary, columns, wrap=wrap)
        show(rows, "how far the gradient reaches", pictures)


# --- what is measured -----------------------------------------------------------------------------


def _show_experiment(
    options: GradientOptions, layout: ColoringOptions, pictures: PictureOptions
) -> None:
    """Compute an experiment, and show it."""
    from charrnn.cli.gradients.experiments import computed, linear_weights

    name = options.experiment
    assert name is not None
    if name == "cliff" and options.distance is not None:
        raise SettingError.naming("{distance} does not apply with {experiment:cliff}")
    weights = linear_weights(options.w)
    experiment = computed(name, distance=options.distance, weights=weights, clip=options.clip)
    if options.json:
        print_json({"experiment": name} | experiment.as_dict())
        return
    look = layout.picture_look if pictures else layout.look
    rows = experiment.rows(look, columns_of(layout, pictures), blocks=can_print(EIGHTHS))
    show(rows, experiment.title, pictures)


def _cell_names(names: str) -> list[str]:
    """The cells of a list such as "lstm, elman", each once.

    Raises:
        UsageError: there is no such cell.
    """
    cells = list(dict.fromkeys(name.strip() for name in names.split(",")))
    for name in cells:
        get_cell(name)
    return cells


def _find(checkpoint: str | None, *, may_lack: bool) -> Path | None:
    """The checkpoint's file; None if there is none at all, which is allowed if untrained networks are named."""
    try:
        return find_checkpoint(checkpoint)
    except CheckpointError:
        if checkpoint is None and may_lack:
            return None
        raise


def _read(
    names: Sequence[str], loaded: "Checkpoint | None", distance: int, seed: int | None
) -> str:
    """The text to measure on: as given, or one of the model's own."""
    if names:
        reading = reading_of(loaded) if loaded else CorpusConfig()
        return known_text(names, loaded.model if loaded else None, reading)
    if loaded is None:
        raise UsageError(
            "without a checkpoint, a text must be given",
            "give one: charrnn gradients book.txt --fresh lstm,elman",
        )
    more = OWN_TEXT + distance
    lengths = {"held_out": VALIDATION_TEXT + more, "generated": GENERATED_TEXT + more}
    return own_text(loaded, loaded.model, seed=seed, **lengths).text


def _vocabulary_of(text: str) -> "Vocabulary":
    """The characters of a text."""
    import numpy as np

    from charrnn.text.vocabulary import Vocabulary, code_points

    return Vocabulary("char", np.unique(code_points(text)).tolist())


def _fresh(name: str, config: ModelConfig, vocabulary: "Vocabulary") -> "CharRNN":
    """An untrained network of this cell and of these sizes."""
    from charrnn.model import CharRNN
    from charrnn.training.network import make_network

    if name != config.cell:
        activation = config.activation if config.activation in CELLS[name].activations else "tanh"
        none: dict[str, Any] = dict.fromkeys(
            ("depth", "delays", "row_length", "subsample", "word_symbols")
        )
        own = {"cell": name, "activation": activation, **none}
        config = dataclasses.replace(config, **own)
    network = make_network(config, 0.0, SEED)
    return CharRNN(config, vocabulary, network.to_numpy())
