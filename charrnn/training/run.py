"""A training run for users of the library: `charrnn.train`, which does what the command `train` does.

It prints nothing: the run is an iterator of events, and whatever a user should know of its text and plan is in `notes`.
"""

import dataclasses
import io
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charrnn.api import LanguageModel
from charrnn.checkpoint import load_checkpoint
from charrnn.config import (
    CorpusConfig,
    ModelConfig,
    SavingConfig,
    TrainingConfig,
    TrainingRequest,
)
from charrnn.errors import DataError, SettingError, UsageError, in_python, spelled
from charrnn.network.cells import get_cell
from charrnn.runs import BEST, RUNS, new_folder
from charrnn.settings import Kind, config_of, require, require_known, settings_of
from charrnn.text.advice import corpus_advice
from charrnn.text.corpus import Corpus
from charrnn.text.opening import open_corpus
from charrnn.text.sources import TextSource
from charrnn.training.events import Event, Saved
from charrnn.training.new_run import (
    device_of,
    held_folder,
    new_trainer,
    plan_run,
    require_room,
    require_validation_text,
)
from charrnn.training.plan import Plan
from charrnn.training.start import HOW_TO_ADD, Start, StartOptions, open_start
from charrnn.training.trainer import Trainer

HOMES = (CorpusConfig, TrainingRequest, ModelConfig, TrainingConfig, SavingConfig, StartOptions)
"""The configs that have the settings of a run."""
LONGEST_NAME = 1000
"""Characters of the longest string without a newline that is taken for a name."""
NAME_OF_TEXT = "text"
"""The name of a text that is no file."""

Texts = str | Path | Iterable[str | Path]


class Run(Iterator[Event]):
    """A training run: an iterator of its events (see `charrnn.training.events`), which trains as it is iterated.

    Args:
        trainer: runs the training steps.
        plan: the plan of the run.
        held: the lock on the run's folder; released at the end of the run.
        is_kept: whether the folder is kept; if not, the best model is only in memory.
    """

    def __init__(self, trainer: Trainer, plan: Plan, held: ExitStack, *, is_kept: bool) -> None:
        self._trainer, self._held, self._is_kept = trainer, held, is_kept
        self._model: LanguageModel | None = None
        self._events = self._train()
        weakref.finalize(self, held.close)
        self.plan = plan
        """The network, the training settings, and why they were chosen."""

    @property
    def corpus(self) -> Corpus:
        """The text, its vocabulary and its split."""
        return self._trainer.corpus

    @property
    def folder(self) -> Path | None:
        """The folder of the run's files; None: it has none."""
        return self._trainer.folder if self._is_kept else None

    @property
    def notes(self) -> list[str]:
        """Notes on the text and the plan, one sentence each."""
        found = [*self.corpus.notes, *corpus_advice(self.corpus)]
        return [*(spelled(note, in_python) for note in found), *self.plan.reasons]

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The evaluations so far, as rows of metrics.jsonl."""
        return self._trainer.files.metrics.rows

    @property
    def model(self) -> LanguageModel:
        """The best model so far.

        Raises:
            UsageError: there is none before the first evaluation.
        """
        model = self._model or self._best()
        if model is None:
            raise UsageError(
                "the run has no model before its first evaluation", "run.finish() trains to the end"
            )
        return model

    def __next__(self) -> Event:
        """Train until the next event; errors as for `charrnn.training.trainer.Trainer.run`."""
        return next(self._events)

    def stop(self) -> None:
        """End the run after the current step. What is saved in its folder can be resumed."""
        self._trainer.stop_requested = True

    def finish(self) -> LanguageModel:
        """Train to the end, or as far as `stop` allows, and return the best model."""
        for _ in self:
            pass
        return self.model

    def __repr__(self) -> str:
        """The run in one line."""
        step, steps = self._trainer.progress.step, self._trainer.config.steps
        where = f" in {self.folder}" if self.folder else ""
        return f"<Run{where}: step {step:,} of {steps:,}>"

    def _train(self) -> Iterator[Event]:
        try:
            for event in self._trainer.run():
                if self._is_kept or not isinstance(event, Saved):
                    yield event
        finally:
            with self._held:
                self._model = self._best()

    def _best(self) -> LanguageModel | None:
        path = self._trainer.folder / BEST
        if not path.exists():
            return None
        checkpoint = load_checkpoint(path)
        if self._is_kept:
            return LanguageModel.from_checkpoint(checkpoint)
        run = {name: value for name, value in checkpoint.run.items() if name != "name"}
        return LanguageModel.from_checkpoint(dataclasses.replace(checkpoint, run=run, path=None))


def train(
    texts: Texts,
    *,
    name: str | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    cache: str | Path | None = None,
    **settings: Any,
) -> Run:
    """Plan a new training run, which trains as its events are iterated.

    Settings that are left out are planned, as by the command `train`: the size of the network, for example, from the
    time budget and the speed of this machine, which is measured first.

    Args:
        texts: what to train on: a text, the name of a file, folder or known corpus, or several of these. A string is a
            text if it has a newline or more than LONGEST_NAME characters; a Path is always a name.
        name: the name of the run, which is then saved; None: that of the text, if `out` is given.
        out: the folder of the runs; by default checkpoints/. With neither, no file is kept.
        overwrite: whether a run of this name is replaced.
        cache: the folder for downloads and large encoded corpora; by default the user's cache.
        settings: minutes, epochs, steps, lines, hidden_size, init_from and so on: the options of the command with
            underscores; None turns a setting off.

    Raises:
        SettingError: a setting is unknown or out of its range, or two conflict.
        DataError: a text cannot be read, or is too short.
        CheckpointError: there is no such model to start from.
        EnvironmentFault: there is no such device, or no room for the checkpoints.
        BusyError: another process holds the folder.

    Example:
        for event in (run := charrnn.train("book.txt", minutes=2)):
            print(event)
        model = run.model
    """
    is_kept = name is not None or out is not None
    order = _order(texts, settings)
    if not is_kept:
        _require_no_files(settings, overwrite=overwrite)
    folder = new_folder(Path(out or RUNS), name, order.names, overwrite=overwrite)
    corpus = order.read(None if cache is None else Path(cache))
    request, saving, start = order.request, order.saving, order.start
    network = (start or request).network(vocab_size=len(corpus.vocabulary))
    shaped = start.keeping_shape(request) if start else request
    device = device_of(shaped)
    with ExitStack() as held:
        if not is_kept:
            place = held.enter_context(tempfile.TemporaryDirectory(prefix="charrnn-"))
            folder = Path(place) / folder.name
        held.enter_context(held_folder(folder, network, overwrite=overwrite, keep=saving.keep))
        plan = plan_run(corpus, network, shaped, device)
        require_room(folder, plan.model_config, keep=saving.keep)
        trainer = new_trainer(
            order.recorded, corpus, plan, folder, request=request, saving=saving, start=start
        )
        kept = held.pop_all()
    return Run(trainer, plan, kept, is_kept=is_kept)


@dataclass(frozen=True)
class _Order:
    """What a run is to be, before its text is read."""

    sources: Sequence[str | TextSource]
    """The texts: names, and those that are there already."""
    config: CorpusConfig
    request: TrainingRequest
    saving: SavingConfig
    start: Start | None

    @property
    def names(self) -> list[str]:
        """A name for each text, from which a folder is named."""
        return [text.name if isinstance(text, TextSource) else text for text in self.sources]

    @property
    def recorded(self) -> list[str]:
        """What is recorded of each text: its name, or `-` for one that cannot be read again."""
        return ["-" if isinstance(text, TextSource) else text for text in self.sources]

    def read(self, cache: Path | None) -> Corpus:
        """The corpus."""
        corpus = open_corpus(
            self.sources,
            self.config,
            stdin=_no_stdin,
            cache=cache,
            vocabulary=self.start.model.vocabulary if self.start else None,
            extend=self.start is not None and self.start.extend,
            hint=HOW_TO_ADD,
        )
        require_validation_text(self.request, corpus)
        return corpus


def _order(texts: Texts, settings: Mapping[str, Any]) -> _Order:
    """The order for a run, checked as far as that is possible before its text is read."""
    require_known(settings, [n for home in HOMES for n, r in settings_of(home).items() if r.option])
    config, request = _own(CorpusConfig, settings), _request(settings)
    sources = _sources(texts, config)
    start = open_start(_own(StartOptions, settings), request, config, settings)
    if start:
        config = start.corpus_config(config, settings)
    network = (start or request).network(vocab_size=1)
    get_cell(network.cell, network.activation)
    return _Order(sources, config, request, _own(SavingConfig, settings), start)


def _own(kind: type[Kind], settings: Mapping[str, Any]) -> Kind:
    """A config with those of the settings that it has."""
    return config_of(kind, {name: settings[name] for name in settings_of(kind) if name in settings})


def _request(settings: Mapping[str, Any]) -> TrainingRequest:
    """The request: its limits, and the settings of the network and of the training that are given."""
    limits, planned = settings_of(TrainingRequest), (ModelConfig, TrainingConfig)
    names = {name for kind in planned for name in settings_of(kind)} - {*limits}
    given = {name: value for name, value in settings.items() if name in names}
    return config_of(
        TrainingRequest, {n: settings[n] for n in limits if n in settings}, given=given
    )


def _require_no_files(settings: Mapping[str, Any], *, overwrite: bool) -> None:
    """Raise SettingError if a setting is about the files of a run that has none."""
    about_files = [name for name in settings_of(SavingConfig) if name in settings]
    for name in (*about_files, *(["overwrite"] if overwrite else [])):
        raise SettingError.naming(
            f"{{{name}}} only applies to a run that is saved", "give it a {name} or {out}"
        )


# --- texts ----------------------------------------------------------------------------------------


def _sources(texts: Texts, config: CorpusConfig) -> list[str | TextSource]:
    """What a run is trained on: names as text, and texts as sources."""
    wanted = "a text, a name, a path, or several of these"
    several = [texts] if isinstance(texts, (str, Path)) else texts
    require(isinstance(several, Iterable), "texts", wanted, texts)
    several = list(several)
    require(bool(several), "texts", wanted, texts)
    return [_source(text, config) for text in several]


def _source(text: str | Path, config: CorpusConfig) -> str | TextSource:
    require(isinstance(text, (str, Path)), "texts", "texts, names and paths", text)
    if isinstance(text, Path) or ("\n" not in text and len(text) <= LONGEST_NAME):
        return str(text)
    if config.encoding:
        raise SettingError.naming("{encoding} only applies to files, and a text was given")
    try:
        content = text.encode("utf-8", "surrogateescape" if config.level == "byte" else "strict")
    except UnicodeEncodeError as error:
        raise DataError("the text has lone surrogates, which are not characters") from error
    return TextSource(NAME_OF_TEXT, lambda: io.BytesIO(content))


def _no_stdin() -> TextSource:
    raise DataError(
        "'-' is standard input only on the command line", "train(sys.stdin.read()) reads it"
    )
