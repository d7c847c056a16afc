"""A training run for users of the library: `charrnn.train`, which does what the command `train` does.

It prints nothing: the run is an iterator of events, and whatever a user should know of its text and plan is in `notes`.
"""

import dataclasses
import secrets
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from charrnn.api import model_of
from charrnn.checkpoint import Checkpoint, load_checkpoint
from charrnn.config import (
    CorpusConfig,
    SavingConfig,
    TrainingRequest,
)
from charrnn.errors import (
    CheckpointError,
    SettingError,
    UsageError,
    in_python,
    spelled,
)
from charrnn.runs import BEST, RUNS, new_folder
from charrnn.settings import require, settings_of
from charrnn.temporaries import remove_stale_temporaries, temporary_folder
from charrnn.text.advice import corpus_advice
from charrnn.text.corpus import Corpus
from charrnn.text.opening import open_corpus
from charrnn.text.rows import row_notes
from charrnn.training.events import Event, Saved
from charrnn.training.followers import followed
from charrnn.training.new_run import (
    device_of,
    held_folder,
    network_of,
    new_trainer,
    plan_run,
    require_room,
)
from charrnn.training.order import (
    Texts,
    names_of,
    no_stdin,
    order_of,
    own_config,
    recorded_names,
    request_of,
    require_settings,
    sources_of,
)
from charrnn.training.own_corpus import read_own_corpus
from charrnn.training.plan import Plan
from charrnn.training.resume import ResumeRequest, continued, last_checkpoint
from charrnn.training.start import StartOptions
from charrnn.training.trainer import Trainer


class Run(Iterator[Event]):
    """A training run: an iterator of its events (see `charrnn.training.events`), which trains as it is iterated.

    Args:
        trainer: runs the training steps.
        plan: the plan of the run.
        held: the lock on the run's folder; released at the end of the run.
        is_kept: whether the folder is kept; if not, the best model is only in memory.
        messages: what was noted when the run was resumed.
        is_done: whether there is nothing left to do.
    """

    def __init__(
        self,
        trainer: Trainer,
        plan: Plan | None,
        held: ExitStack,
        *,
        is_kept: bool,
        messages: Sequence[str] = (),
        is_done: bool = False,
    ) -> None:
        self._trainer, self._held, self._is_kept, self._messages = trainer, held, is_kept, messages
        self._model: Any = None
        self._events = iter(()) if is_done else self._train()
        held.callback(trainer.files.wait)  # nothing is written when the folder is no longer held
        weakref.finalize(self, held.close)
        self.plan = plan
        """The network, the training settings, and why they were chosen; None: the run was resumed."""

    @property
    def corpus(self) -> Any:
        """The text, its vocabulary and its split: a Corpus, or a PairCorpus."""
        return self._trainer.corpus

    @property
    def folder(self) -> Path | None:
        """The folder of the run's files; None: it has none."""
        return self._trainer.folder if self._is_kept else None

    @property
    def notes(self) -> list[str]:
        """Notes on the text and the plan, one sentence each."""
        found = [*self.corpus.notes, *corpus_advice(self.corpus)]
        found += row_notes(self._trainer.model_config, self.corpus)
        reasons = self.plan.reasons if self.plan else self._trainer.metadata.get("plan", ())
        return [*(spelled(note, in_python) for note in found), *reasons, *self._messages]

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The evaluations so far, as rows of metrics.jsonl."""
        return self._trainer.files.metrics.rows

    @property
    def model(self) -> Any:
        """The best model so far: a LanguageModel, or of pairs a PairModel.

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

    def finish(self) -> Any:
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

    def _best(self) -> Any:
        self._trainer.files.wait()
        path = self._trainer.folder / BEST
        if not path.exists():
            return None
        checkpoint = load_checkpoint(path)
        if self._is_kept:
            return model_of(checkpoint)
        run = {name: value for name, value in checkpoint.run.items() if name != "name"}
        return model_of(dataclasses.replace(checkpoint, run=run, path=None))


def train(
    texts: Texts | None = None,
    *,
    name: str | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    cache: str | Path | None = None,
    processes: int = 1,
    **settings: Any,
) -> Run:
    """Plan a training run, which trains as its events are iterated.

    Settings that are left out are planned, as by the command `train`: the size of the network, for example, from the
    time budget and the speed of this machine, which is measured first.

    Args:
        texts: what to train on: a text, the name of a file, folder or known corpus, or several of these. A string is a
            text if it has a newline or more than LONGEST_NAME characters; a Path is always a name.
        name: the name of the run, which is then saved; None: that of the text, if `out` is given.
        out: the folder of the runs; by default checkpoints/. With neither, no file is kept.
        overwrite: whether a run of this name is replaced.
        resume: whether the run of this name, or the newest of these texts, is resumed; if there is none, one begins. New
            limits train it longer. Its texts may be left out: they are read from where the run has recorded them.
        cache: the folder for downloads and large encoded corpora; by default the user's cache.
        processes: train in this many processes on this machine, each with a GPU or its share of the processor's cores;
            the others are started here, and end with the run. One such run at a time.
        settings: minutes, epochs, steps, lines, hidden_size, init_from and so on: the options of the command with
            underscores; None turns a setting off.

    Raises:
        SettingError: a setting is unknown or out of its range, or two conflict.
        DataError: a text cannot be read, or is too short.
        CheckpointError: there is no such model to start from, or no run to resume.
        EnvironmentFault: there is no such device, or no room for the checkpoints.
        BusyError: another process holds the folder.

    Example:
        for event in (run := charrnn.train("book.txt", minutes=2)):
            print(event)
        model = run.model
    """
    is_kept = name is not None or out is not None or resume
    _require_sense(texts, overwrite=overwrite, resume=resume)
    is_number = isinstance(processes, int) and processes >= 1
    require(is_number, "processes", "a whole number of at least 1", processes)
    if resume and (run := _resumed(texts, Path(out or RUNS), name, cache, processes, settings)):
        return run
    assert texts is not None
    order = order_of(texts, settings)
    if not is_kept:
        _require_no_files(settings, overwrite=overwrite)
    folder = new_folder(Path(out or RUNS), name, order.names, overwrite=overwrite)
    corpus = order.read(None if cache is None else Path(cache))
    request, saving, start = order.request, order.saving, order.start
    network = network_of(corpus, start or request)
    shaped = start.keeping_shape(request) if start else request
    device = device_of(shaped)
    with ExitStack() as held:
        held.enter_context(followed(processes, device))
        if not is_kept:
            folder = held.enter_context(own_folder()) / folder.name
        held.enter_context(held_folder(folder, network, overwrite=overwrite, keep=saving.keep))
        plan = plan_run(corpus, network, shaped, device)
        require_room(folder, plan.model_config, keep=saving.keep)
        trainer = new_trainer(
            order.recorded, corpus, plan, folder, request=request, saving=saving, start=start
        )
        kept = held.pop_all()
    return Run(trainer, plan, kept, is_kept=is_kept)


def own_folder() -> AbstractContextManager[Path]:
    """A folder for a run that is not kept; what killed processes have left of theirs is removed."""
    place = Path(tempfile.gettempdir())
    remove_stale_temporaries(place, "charrnn-????????")
    return temporary_folder(place / f"charrnn-{secrets.token_hex(4)}", 0o700)


def _require_sense(texts: Texts | None, *, overwrite: bool, resume: bool) -> None:
    """Raise SettingError if a run is to be replaced and resumed, or is new and has no text."""
    if overwrite and resume:
        raise SettingError.naming(
            "{overwrite} and {resume} cannot be used together", "leave one of them out"
        )
    if texts is None and not resume:
        raise UsageError("a new run needs a text", 'for example train("book.txt")')


def _resumed(
    texts: Texts | None,
    out: Path,
    name: str | None,
    cache: str | Path | None,
    processes: int,
    settings: Mapping[str, Any],
) -> Run | None:
    """The run that is resumed; None if there is none yet, so that one begins.

    Raises:
        CheckpointError: there is none, and no text to begin with.
    """
    require_settings(settings)
    config, request = own_config(CorpusConfig, settings), request_of(settings)
    sources = [] if texts is None else sources_of(texts, config)
    names, recorded = names_of(sources), recorded_names(sources)
    path = last_checkpoint(out, name, recorded)
    if path is None or not path.exists():
        if texts is None:
            where = f"at {path}" if path else f"under {out}"
            raise CheckpointError(f"there is no run to resume {where}", "give it a text to begin")
        return None
    configs = (
        config,
        request,
        own_config(StartOptions, settings),
        own_config(SavingConfig, settings),
    )
    given = {n: getattr(c, n) for c in configs for n in settings_of(c) if n in settings}
    wanted, messages = (
        ResumeRequest(recorded, request, configs, {**given, **request.given}),
        list[str](),
    )

    def opened(found: Sequence[str], config: CorpusConfig, **how: Any) -> Any:
        place = None if cache is None else Path(cache)
        return open_corpus(sources or found, config, stdin=no_stdin, cache=place, **how)

    def read(last: Checkpoint) -> Corpus:
        hint = "give it the original text, or start a new run"
        return read_own_corpus(last, opened, names=names, split_files=wanted.split_files, hint=hint)

    def report(label: str, sentence: str) -> None:
        messages.append(f"{label}: {sentence}")

    with ExitStack() as held:

        def device_for(request: TrainingRequest) -> str:
            device = device_of(request)
            held.enter_context(followed(processes, device))
            return device

        found = held.enter_context(
            continued(
                path, wanted, read=read, device_for=device_for, report=report, finished_too=True
            )
        )
        trainer, is_done = found.trainer, bool(found.end)
        assert trainer
        if is_done:
            report("resuming", f"{found.end}; nothing left to do")
        kept = ExitStack() if is_done else held.pop_all()
    return Run(trainer, None, kept, is_kept=True, messages=messages, is_done=is_done)


def _require_no_files(settings: Mapping[str, Any], *, overwrite: bool) -> None:
    """Raise SettingError if a setting is about the files of a run that has none."""
    about_files = [name for name in settings_of(SavingConfig) if name in settings]
    for name in (*about_files, *(["overwrite"] if overwrite else [])):
        raise SettingError.naming(
            f"{{{name}}} only applies to a run that is saved", "give it a {name} or {out}"
        )
