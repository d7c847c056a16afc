"""`charrnn gradients`: how far back the gradient reaches, in trained and in untrained networks."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.completion import complete_cells
from charrnn.cli.inputs import TextArgument
from charrnn.cli.options import Changes
from charrnn.cli.own_text import GENERATED_TEXT, VALIDATION_TEXT, OwnTextOptions, own_text
from charrnn.cli.reading import checkpoint_and_texts, known_text, require_no_text
from charrnn.cli.run_names import CheckpointArgument, find_checkpoint
from charrnn.cli.terminal import can_print, print_json, print_rows, print_wrapped, terminal_width
from charrnn.config import OUTPUT, SHOWN, CorpusConfig, ModelConfig
from charrnn.errors import CheckpointError, UsageError
from charrnn.network.cells import CELLS, get_cell
from charrnn.runs import reading_of
from charrnn.settings import Config, setting
from charrnn.wording import counted, noun_of

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.model import CharRNN
    from charrnn.render.views.fading import Curve
    from charrnn.text.vocabulary import Vocabulary
    from charrnn.training.gradients import GradientReach

EXAMPLES = (
    "charrnn gradients plays book.txt",
    "charrnn gradients plays book.txt --fresh lstm,elman --distance 100",
    "charrnn gradients book.txt --fresh lstm,gru --json",
)
CHANGES = Changes(complete={"fresh": complete_cells})
DISTANCE = 50
"""Default distance; a short text has a shorter one, so that there is more than one window."""
OWN_TEXT = 600
"""Characters of the model's own text beyond the usual number, besides those that the distance needs."""
SEED = 1
"""Seed of the untrained networks' weights."""


@dataclass(frozen=True)
class Measured:
    """A network and the reach of its gradient."""

    model: "CharRNN"
    seed: int | None
    """Seed of an untrained network's weights; None if the network is trained."""
    reach: "GradientReach"

    @property
    def title(self) -> str:
        """The network in words: "lstm, fresh"."""
        return f"{self.model.config.cell}, {'trained' if self.seed is None else 'fresh'}"


@dataclass(frozen=True, kw_only=True)
class GradientOptions(Config):
    """Where the gradient is measured, and in which networks."""

    distance: int | None = setting(
        None,
        "Look this many characters back.",
        low=1,
        high=1000,
        metavar="K",
        default_text=f"{DISTANCE}, or half of a shorter text",
        panel=SHOWN,
    )
    fresh: str | None = setting(
        None,
        f"Cells of the fresh (untrained) networks, separated by commas: {', '.join(CELLS)}.",
        metavar="CELLS",
        default_text="the checkpoint's own",
        panel=SHOWN,
    )
    json: bool = setting(False, "Print one JSON object instead of the tables.", panel=OUTPUT)


def gradients(
    checkpoint: CheckpointArgument = None,
    texts: TextArgument = None,
    *,
    options: GradientOptions,
    own: OwnTextOptions,
) -> None:
    """Show how far back the gradient reaches.

    A trained network is compared with untrained ones. A value is the norm of the gradient of the loss at one character
    with respect to a layer's hidden state K characters before, averaged over up to 64 windows of the text. The reach
    is the largest distance at which at least 1 % of the gradient at distance 0 is left. "per step" is the factor by
    which each step back multiplies it (geometric mean).

    The untrained networks have the checkpoint's sizes. If there is no checkpoint, --fresh measures them alone.
    """
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
        print_json(_as_dict(path, len(ids), measured))
    else:
        _print(measured, len(ids), vocabulary)


# --- what is measured -----------------------------------------------------------------------------


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
    return own_text(loaded, loaded.model, seed=seed, **lengths)


def _vocabulary_of(text: str) -> "Vocabulary":
    """The characters of a text."""
    import numpy as np

    from charrnn.text.vocabulary import Vocabulary, code_points

    return Vocabulary("char", np.unique(code_points(text)).tolist())


def _fresh(name: str, config: ModelConfig, vocabulary: "Vocabulary") -> "CharRNN":
    """An untrained network of this cell and of these sizes."""
    from charrnn.model import CharRNN
    from charrnn.training.network import make_network

    activation = config.activation if config.activation in CELLS[name].activations else "tanh"
    config = dataclasses.replace(config, cell=name, activation=activation)
    network = make_network(config, 0.0, SEED)
    return CharRNN(config, vocabulary, network.to_numpy())


# --- what is shown --------------------------------------------------------------------------------


def _as_dict(path: Path | None, num_symbols: int, measured: list[Measured]) -> dict[str, Any]:
    reach = measured[0].reach
    return {
        "path": None if path is None else str(path),
        "characters": num_symbols,
        "distance": reach.distance,
        "windows": reach.windows,
        "warm_up": reach.warm_up,
        "networks": [
            {
                "cell": network.model.config.cell,
                "trained": network.seed is None,
                "seed": network.seed,
                "config": dataclasses.asdict(network.model.config),
                "layers": _layers(network.reach),
            }
            for network in measured
        ],
    }


def _layers(reach: "GradientReach") -> list[dict[str, Any]]:
    rows = zip(reach.norms.tolist(), reach.reach, reach.per_step, strict=True)
    return [
        {"layer": layer, "norms": norms, "reach": farthest, "per_step": per_step}
        for layer, (norms, farthest, per_step) in enumerate(rows)
    ]


def _print(measured: list[Measured], num_symbols: int, vocabulary: "Vocabulary") -> None:
    from charrnn.render.tables import EIGHTHS
    from charrnn.render.views.fading import fading_rows

    reach, config = measured[0].reach, measured[0].model.config
    symbols = counted(num_symbols, noun_of(vocabulary.level))
    windows = counted(reach.windows, "window")
    print_wrapped("The norm of d loss(t) / d h(t-k) at distance k, relative to that at k = 0:")
    print_wrapped(f"the mean over {windows} in {symbols}.")
    blocks = can_print(EIGHTHS)
    for layer in range(config.num_layers):
        print()
        if config.num_layers > 1:
            top = ", the top" if layer + 1 == config.num_layers else ""
            print(f"layer {layer}{top}")
        curves = [_curve(network, layer) for network in measured]
        print_rows(fading_rows(curves, terminal_width(), blocks=blocks))
    print()
    print_wrapped("reach: the farthest distance at which 1 % of the gradient is left")
    print_wrapped("per step: the factor by which each step back multiplies it, on average")


def _curve(network: Measured, layer: int) -> "Curve":
    from charrnn.render.views.fading import Curve

    measured = network.reach
    farthest = measured.reach[layer]
    figures = {
        "reach": f"{farthest}{' or more' if farthest == measured.distance else ''}",
        "per step": f"{measured.per_step[layer]:.3g}",
    }
    return Curve(network.title, measured.relative[layer].tolist(), figures)
