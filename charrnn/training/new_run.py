"""A new run, before its first step: its device, its locked folder, its plan, its trainer.

torch is imported by the functions that need it, once the text has been read.
"""

import contextlib
import dataclasses
import errno
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from charrnn.config import ModelConfig, SavingConfig, TrainingConfig, TrainingRequest
from charrnn.errors import EnvironmentFault, SettingError
from charrnn.runs import require_unused
from charrnn.text.kinds import asking_setting, item_noun
from charrnn.text.pairs import PairCorpus
from charrnn.text.rows import with_row_length
from charrnn.text.words import with_words
from charrnn.training.pairs.settings import pair_network_of
from charrnn.training.record import about_run
from charrnn.wording import noun_of, size

MOST_ITEMS = 1 << 22
"""Items whose lengths decide how many steps an epoch has in a plan, at most."""
SAMPLED_ITEMS = 1 << 18
"""Items that stand for all of a text with more."""

if TYPE_CHECKING:
    from charrnn.text.corpus import Corpus
    from charrnn.training.allowed import CorpusSize
    from charrnn.training.plan import Plan
    from charrnn.training.start import Start
    from charrnn.training.trainer import Trainer


def device_of(request: TrainingRequest) -> str:
    """The device to train on, by its definite name. This imports torch.

    Raises:
        EnvironmentFault: there is no such device, it cannot train in the precision that was given, or it is Apple's GPU
            and computes something else than the processor.
    """
    from charrnn.training.machine import choose_device, require_precision
    from charrnn.training.self_check import require_right

    request = request.settled
    chosen = choose_device(request.given.get("device"))
    if chosen.type == "mps":  # on which charrnn has never run
        require_right(chosen)
    if precision := request.given.get("precision"):
        require_precision(precision, chosen)
    return str(chosen)


@contextlib.contextmanager
def held_folder(
    folder: Path, network: ModelConfig, *, overwrite: bool, keep: int = 0
) -> Iterator[None]:
    """Lock the folder of a new run for this process, with room for its checkpoints.

    Raises:
        UsageError: it holds a run that is not to be overwritten.
        EnvironmentFault: it cannot be written, or the disk is too full.
        BusyError: another process holds it.
    """
    from charrnn.files import locked, make_writable_folder

    make_writable_folder(folder)
    with locked(folder):
        require_unused(folder, overwrite=overwrite)
        require_room(folder, network, keep=keep)
        yield


def require_validation_text(request: TrainingRequest, text: "Corpus | PairCorpus") -> None:
    """Raise SettingError if training is to end by the validation text, and there is none."""
    if request.given.get("patience") and len(text.val) < (1 if text.config.pairs else 2):
        raise SettingError.naming(
            "{patience} needs validation text, and there is none",
            "leave it out, or give a larger {val_fraction}",
        )


def plan_run(
    text: "Corpus | PairCorpus",
    network: ModelConfig,
    request: TrainingRequest,
    device: str,
    measured: Callable[[], object] = lambda: None,
) -> "Plan":
    """Plan what a request leaves open, after measuring this machine; `measured` is called after each measurement."""
    from charrnn.training.measure import plan_here, seconds_per_step

    request = request.settled
    if request.given.get("gradient") == "rtrl":
        _require_rtrl(text)
    batch = None
    if isinstance(text, PairCorpus):
        size, batch = _size_of_pairs(text), partial(_typical_batch, text)
    else:
        size = _size_of_text(text)
    if text.item_end is not None:
        size = dataclasses.replace(size, item_noun=item_noun(text.item_end))

    def measure(model_config: ModelConfig, config: TrainingConfig) -> float:
        seconds = seconds_per_step(model_config, config, batch and batch(model_config, config))
        measured()
        return seconds

    return plan_here(size, network, request, device, measure)


def _require_rtrl(text: "Corpus | PairCorpus") -> None:
    """Raise SettingError unless a text can be learned with a gradient forward in time.

    Raises:
        SettingError: it consists of items or pairs, or several processes are to train.
    """
    from charrnn.training.ranks import here

    if isinstance(text, PairCorpus) or text.item_end is not None:
        name = "pairs" if isinstance(text, PairCorpus) else asking_setting(text.config)
        raise SettingError.naming(
            f"{{gradient:rtrl}} and {{{name}}} cannot be used together: it reads one running text"
        )
    if here().size > 1:
        raise SettingError.naming("{gradient:rtrl} and {processes} cannot be used together")


def network_of(text: "Corpus | PairCorpus", request: "TrainingRequest | Start") -> ModelConfig:
    """The network of a request, as far as it is given and follows from the text.

    Raises:
        SettingError: a setting has no meaning for these pairs.
    """
    network = request.network(vocab_size=len(text.vocabulary))
    if not isinstance(text, PairCorpus):
        return with_words(with_row_length(network, text), text.vocabulary)
    return pair_network_of(text, network)


def _size_of_text(text: "Corpus") -> "CorpusSize":
    """The size of a running text, or of one of items: of very many the first, which are in random order."""
    from charrnn.training.allowed import CorpusSize

    train, val, noun = len(text.train), len(text.val), noun_of(text.config.level)
    bounds = text.train_bounds
    if bounds is None:
        return CorpusSize(train, val, noun=noun)
    if len(bounds) <= MOST_ITEMS + 1:
        return CorpusSize(train, val, np.diff(bounds), noun=noun)
    lengths = np.diff(bounds[: SAMPLED_ITEMS + 1])
    times = (train - 1) / int(lengths.sum())
    return CorpusSize(train, val, lengths, times, noun=noun)


def _size_of_pairs(pairs: "PairCorpus") -> "CorpusSize":
    """The size of a corpus of pairs in symbols of both sides."""
    from charrnn.training.allowed import CorpusSize
    from charrnn.training.pairs.batches import pair_lengths

    lengths = pair_lengths(pairs, pairs.train)
    val = int(pair_lengths(pairs, pairs.val).sum())
    return CorpusSize(int(lengths.sum()), val, lengths, item_noun="pair", whole_items=True)


def _typical_batch(pairs: "PairCorpus", model_config: ModelConfig, config: TrainingConfig) -> Any:
    """A batch of about as many pairs as a step of this config reads."""
    from charrnn.training.pairs.batches import make_pair_batches

    return make_pair_batches(pairs, model_config, config).typical(config.batch_size)


def new_trainer(
    names: list[str],
    text: "Corpus | PairCorpus",
    plan: "Plan",
    folder: Path,
    *,
    request: TrainingRequest,
    saving: SavingConfig | None = None,
    start: "Start | None" = None,
) -> "Trainer":
    """The trainer of a new run, in a locked folder. An old run in the folder is removed.

    The request is recorded with the run; one without a limit with the time that was planned for it.
    """
    from charrnn.training.plan import with_limit
    from charrnn.training.run_folder import remove_run
    from charrnn.training.trainer import Trainer
    from charrnn.training.transfer import extended

    saving = saving or SavingConfig()
    request = with_limit(request)
    about = about_run(names, text, plan.config, folder, saving, request)
    about |= {"plan": list(plan.reasons)}
    if start:
        about["init_from"] = start.about()
    initial = extended(start.model, text.vocabulary) if start else None  # type: ignore[arg-type]
    trainer = Trainer(
        text,
        plan.model_config,
        plan.config,
        folder,
        metadata=about,
        saving=saving,
        initial=initial,
        minutes=request.minutes,
    )
    remove_run(folder)  # --overwrite: the new run can start
    return trainer


def require_place(folder: Path, network: ModelConfig, *, keep: int) -> None:
    """Raise EnvironmentFault if a run's folder cannot be made or has no room, as far as one can tell beforehand."""
    import os

    from charrnn.files import environment_fault

    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if existing.is_dir():  # what else it is, is found when the folder is made
        if not os.access(existing, os.W_OK | os.X_OK):
            raise environment_fault(
                "write in", existing, PermissionError(errno.EACCES, "Permission denied")
            )
        require_room(existing, network, keep=keep)


def require_room(
    folder: Path, *networks: ModelConfig, keep: int = 0, resumed: bool = False
) -> None:
    """Raise EnvironmentFault if the disk has no room for these networks' checkpoints.

    Args:
        folder: where they go.
        networks: the networks.
        keep: how many older checkpoints are kept.
        resumed: whether their present checkpoints are there already, so that only new ones beside them need room.
    """
    import shutil

    from charrnn.network.shapes import count_parameters

    parameters = sum(map(count_parameters, networks))
    # best: weights; last: weights, two moments, now and where the run may go back to; the old ones beside the new
    need = parameters * 4 * ((8 if resumed else 13) + 6 * keep)
    free = shutil.disk_usage(folder).free
    if free < need:
        raise EnvironmentFault.naming(
            "the checkpoints need about {need} in {folder}, where {free} are free",
            "choose another disk with {out}",
            need=size(need),
            folder=folder,
            free=size(free),
        )
