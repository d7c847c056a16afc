"""What `charrnn inspect --gradients` does: how far back the gradient reaches, in trained and in fresh networks."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.cli.run_names import find_checkpoint, is_checkpoint, say_near_run
from charrnn.cli.terminal import can_print, print_wrapped, say, terminal_width
from charrnn.config import ModelConfig, SamplingConfig
from charrnn.errors import CheckpointError, DataError, UsageError
from charrnn.network.cells import CELLS, get_cell
from charrnn.wording import counted

if TYPE_CHECKING:
    from charrnn.model import CharRNN
    from charrnn.render.views.fading import Curve
    from charrnn.text.vocabulary import Vocabulary
    from charrnn.training.gradients import GradientReach

DISTANCE = 50
"""How far back to look, if nothing is said; less in a short text, so that there is more than one window."""
OWN_TEXT = 1000
"""Characters that the model writes itself when there is no text, besides those that the distance needs."""
FRESH_SEED = 1


@dataclass(frozen=True)
class Measured:
    """A network and what was found."""

    model: "CharRNN"
    seed: int | None
    """Of its first weights, if it is fresh; None: it is trained."""
    reach: "GradientReach"

    @property
    def title(self) -> str:
        """Such as "lstm, fresh"."""
        return f"{self.model.config.cell}, {'trained' if self.seed is None else 'fresh'}"


def show_gradients(
    checkpoint: str | None,
    text: str | None,
    distance: int | None,
    fresh: str | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure how far back the gradient reaches and print it; the arguments are those of `inspect`."""
    if text is None and checkpoint is not None and not is_checkpoint(checkpoint):
        say_near_run(checkpoint, quiet=quiet)
        checkpoint, text = None, checkpoint
    cells = None if fresh is None else _cell_names(fresh)
    path = _find(checkpoint, may_lack=cells is not None, quiet=quiet)
    trained = None if path is None else _load(path)
    content = _content(text, trained, distance or DISTANCE, quiet=quiet)
    vocabulary = trained.vocabulary if trained else _vocabulary_of(content)
    config = trained.config if trained else ModelConfig(vocab_size=len(vocabulary))
    ids = vocabulary.encode(content)
    if distance is None:
        distance = max(1, min(DISTANCE, (len(ids) - 1) // 2))
    from charrnn.training.gradients import gradient_reach

    models: list[tuple[CharRNN, int | None]] = [(trained, None)] if trained else []
    models += [(_fresh(name, config, vocabulary), FRESH_SEED) for name in cells or [config.cell]]
    found = [Measured(m, seed, gradient_reach(m, ids, distance)) for m, seed in models]
    if as_json:
        print(json.dumps(_facts(path, len(ids), found), allow_nan=False))
    else:
        _print(found, len(ids), vocabulary)


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


def _find(checkpoint: str | None, *, may_lack: bool, quiet: bool) -> Path | None:
    """The checkpoint's file; None if there is none at all, and fresh networks were asked for."""
    try:
        return find_checkpoint(checkpoint, quiet=quiet)
    except CheckpointError:
        if checkpoint is None and may_lack:
            return None
        raise


def _load(path: Path) -> "CharRNN":
    from charrnn.checkpoint import load_checkpoint

    return load_checkpoint(path).model


def _content(text: str | None, model: "CharRNN | None", distance: int, *, quiet: bool) -> str:
    from charrnn.cli.inputs import given_text, leave_out_unknown

    if text is not None:
        read = given_text(text, model, quiet=quiet)
        kept = leave_out_unknown(read, model, quiet=quiet)[0] if model else read
        if not kept:
            raise DataError("there is no text that the model could read")
        return kept
    if model is None:
        raise UsageError(
            "without a checkpoint there is nobody to write a text",
            "give one: charrnn inspect --gradients book.txt --fresh lstm,elman",
        )
    length = OWN_TEXT + distance
    if not quiet:
        say(f"charrnn: no text given; reading {length:,} characters that the model writes itself")
    from threadpoolctl import threadpool_limits

    from charrnn.sampling.sampler import sample

    with threadpool_limits(1, "blas"):  # more threads slow one stream down
        return "".join(sample(model, "", SamplingConfig(length=length, seed=1)))


def _vocabulary_of(text: str) -> "Vocabulary":
    """The characters of a text."""
    import numpy as np

    from charrnn.text.vocabulary import Vocabulary, code_points

    return Vocabulary("char", np.unique(code_points(text)).tolist())


def _fresh(name: str, config: ModelConfig, vocabulary: "Vocabulary") -> "CharRNN":
    """An untrained network of this cell and of these sizes."""
    import torch

    from charrnn.model import CharRNN
    from charrnn.training.network import make_network

    activation = config.activation if config.activation in CELLS[name].activations else "tanh"
    config = dataclasses.replace(config, cell=name, activation=activation)
    network = make_network(config, 0.0, FRESH_SEED, torch.device("cpu"))
    return CharRNN(config, vocabulary, network.to_numpy())


# --- what is shown --------------------------------------------------------------------------------


def _facts(path: Path | None, num_symbols: int, found: list[Measured]) -> dict[str, Any]:
    reach = found[0].reach
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
                "layers": _layer_facts(network.reach),
            }
            for network in found
        ],
    }


def _layer_facts(found: "GradientReach") -> list[dict[str, Any]]:
    rows = zip(found.norms.tolist(), found.reach, found.per_step, strict=True)
    return [
        {"layer": layer, "norms": norms, "reach": reach, "per_step": per_step}
        for layer, (norms, reach, per_step) in enumerate(rows)
    ]


def _print(found: list[Measured], num_symbols: int, vocabulary: "Vocabulary") -> None:
    from charrnn.render.bars import EIGHTHS
    from charrnn.render.views.fading import fading_lines

    reach, config = found[0].reach, found[0].model.config
    symbols = counted(num_symbols, "byte" if vocabulary.level == "byte" else "character")
    windows = counted(reach.windows, "window")
    print_wrapped("The norm of d loss(t) / d h(t-k) at distance k, relative to that at k = 0:")
    print_wrapped(f"the mean over {windows} in {symbols}.")
    blocks = can_print(EIGHTHS)
    for layer in range(config.num_layers):
        print()
        if config.num_layers > 1:
            top = ", the top" if layer + 1 == config.num_layers else ""
            print(f"layer {layer}{top}")
        curves = [_curve(network, layer) for network in found]
        for line in fading_lines(curves, terminal_width(), blocks=blocks):
            print(line)
    print()
    print_wrapped("reach: the farthest distance at which 1 % of the gradient is left")
    print_wrapped("per step: the factor by which each step back multiplies it, on average")


def _curve(network: Measured, layer: int) -> "Curve":
    from charrnn.render.views.fading import Curve

    found = network.reach
    farthest = found.reach[layer]
    figures = {
        "reach": f"{farthest}{' or more' if farthest == found.distance else ''}",
        "per step": f"{found.per_step[layer]:.3g}",
    }
    return Curve(network.title, found.relative[layer].tolist(), figures)
