"""A sweep that is carried out on this machine: what is left of it is trained, and each run reported as it ends."""

import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from charrnn.cli.progress import Stopper
from charrnn.cli.sweep.jobs import Ended, Jobs
from charrnn.cli.sweep.record import Record
from charrnn.cli.sweep.results import Results, RunResult, nats_of
from charrnn.cli.sweep.spec import SweepRun
from charrnn.cli.terminal import die_by_signal, fitted, is_quiet, requeued_by_signal, say
from charrnn.errors import BusyError, CharrnnError
from charrnn.runs import RUNS
from charrnn.wording import counted, duration, escape

LOG = ".log"
"""The ending of the file, beside a run's folder, that has its reports."""
BETWEEN_LOOKS = 0.5
"""Seconds between two looks at the runs."""
LONGEST_WAIT = 30.0
"""Seconds to wait for a run's folder: a process whose parent was killed holds it until its next step."""


@dataclass(frozen=True)
class Way:
    """How a sweep is carried out."""

    jobs: int
    """Runs at a time."""
    overwrite: bool
    """Whether all are started over."""
    test: bool
    """Whether they are scored on the test text too."""
    cache: Path | None


def train_line(
    run: SweepRun, folder: Path, cache: Path | None, begin: str = "--resume"
) -> list[str]:
    """The arguments of charrnn that train a run, or go on with it.

    Args:
        run: the run.
        folder: the folder of the sweep.
        cache: the folder for downloads; None: the usual one.
        begin: --resume, or --overwrite to start it over.
    """
    place = [] if folder == RUNS else ["--out", str(folder)]
    own_cache = ["--cache", str(cache)] if cache and "cache" not in run.given else []
    if "mlflow" in run.given and "mlflow_experiment" not in run.given:
        place += ["--mlflow-experiment", folder.name]
    return ["train", *run.line.names, begin, "--name", run.name, *place, *own_cache, *run.options]


def carry_out(results: Results, way: Way, *, show: Callable[[Results], object], again: str) -> None:
    """Train what is not finished, and show the results, also if that is interrupted.

    Args:
        results: the results, of which those of finished runs are filled in.
        way: how.
        show: prints the results.
        again: the command line that goes on with the sweep.

    SIGUSR1 stops the runs too, and then asks for another turn, as of `train`.

    Raises:
        CharrnnError: the text cannot be read, or the folder cannot be written.
        SystemExit: a run failed; its exit status is that of the first.
    """
    from charrnn.files import locked, make_writable_folder

    sweep = _Sweep(results, way)
    with requeued_by_signal():
        sweep.prepare()
    make_writable_folder(results.folder)
    with locked(results.folder), Stopper(requeues=True) as stopper:
        sweep.carry_out(stopper)
        number = stopper.signal_number
        with suppress(*([OSError] if number else [])):  # the terminal has gone, with the signal
            show(results)
    is_unfinished = any(run.state == "unfinished" for run in results.runs)
    if is_unfinished:
        say(f"to resume: {again}")
    if number and (is_unfinished or stopper.asks_for_end):
        die_by_signal(number)
    if failed := results.failed:
        raise SystemExit(failed[0].status)


class _Sweep:
    """What is left of a sweep, and the processes that carry it out."""

    def __init__(self, results: Results, way: Way) -> None:
        from charrnn.pairs.side_by_side import num_processors

        self.results, self.way, self.folder = results, way, results.folder
        self.record = Record(self.folder)
        self.left = [run for run in results.runs if not self._is_known(run)]
        self.at_a_time = max(1, min(way.jobs, len(self.left)))
        several = self.at_a_time > 1
        self.threads = max(1, num_processors() // self.at_a_time) if several else None
        self.jobs = Jobs(self.threads)

    def _is_known(self, run: RunResult) -> bool:
        """Whether the figures of a run are known from before."""
        if self.way.overwrite:
            return False
        run.result = self.record.get(run.run.name, "result")
        run.test = self.record.get(run.run.name, "test") if self.way.test else None
        return run.result is not None and (run.test is not None or not self.way.test)

    def prepare(self) -> None:
        """Report what is left, and read the text."""
        self._say_start()
        if self.left:
            self._read_text()

    def carry_out(self, stopper: Stopper) -> None:
        """Train the runs that are left, several at a time."""
        stopper.watch(cast("Any", _Stoppable(self.jobs, stopper)))
        progress = _Progress(len(self.left))
        with ThreadPoolExecutor(self.at_a_time) as workers:
            try:
                self._follow(
                    {workers.submit(self._carry_out, run): run for run in self.left}, progress
                )
            except BaseException:  # such as a full disk: the other runs can be resumed
                self.jobs.stop(signal.SIGTERM)
                raise
            finally:
                progress.close()

    def _follow(self, waiting: "dict[Future[None], RunResult]", progress: "_Progress") -> None:
        """Wait for runs, and report each that ends."""
        ended = 0
        while waiting:
            done, _ = wait(waiting, BETWEEN_LOOKS, FIRST_COMPLETED)
            for future in done:
                run = waiting.pop(future)
                future.result()
                if run.state != "unfinished":
                    ended += 1
                    progress.ended(run, ended)
            progress.show(self.jobs)

    # --- before -------------------------------------------------------------------------------------------------------

    def _say_start(self) -> None:
        spec, total, left = self.results.spec, len(self.results.runs), len(self.left)
        seeds = f" x {counted(len(spec.seeds), 'seed')}" if spec.seeds else ""
        done = f", {total - left:,} finished before" if 0 < left < total else ""
        done = done if left else ", all finished before"
        points = counted(len(spec.points), "point")
        say(f"sweep       {points}{seeds}: {counted(total, 'run')} in {self.folder}/{done}")
        seconds = self._seconds()
        if self.threads:
            say(f"jobs        {self.at_a_time} at a time, {counted(self.threads, 'thread')} each")
        if self.threads and any(seconds):
            say(
                "note        runs with a time share this machine: each makes fewer steps than it would alone"
            )
        if left and all(seconds):
            say(f"total       about {duration(sum(seconds) / self.at_a_time)} of training")

    def _seconds(self) -> list[float]:
        """The time that each run is given; 0 for one without."""
        from charrnn.training.plan import with_limit

        return [60 * (with_limit(run.run.line.request).minutes or 0) for run in self.left]

    def _read_text(self) -> None:
        """Read the text once before the runs do: what is wrong with it shows at once, and a large one is encoded."""
        from charrnn.cli.inputs import open_corpus
        from charrnn.cli.train.report import say_corpus

        line = self.left[0].run.line
        if len({run.run.line.config for run in self.left}) > 1:
            say(
                "note        the points read the text in different ways: their figures may not be comparable"
            )
        if line.start.init_from is None:  # which decides how the text is read
            cache = line.run.cache or self.way.cache
            say_corpus(line.names, open_corpus(line.names, line.config, cache=cache))

    # --- a run --------------------------------------------------------------------------------------------------------

    def _carry_out(self, run: RunResult) -> None:
        """Train a run to its end, and score it."""
        if not run.result:
            run.result = self._ended(run, self._train_words(run.run), "train")
        if run.result and self.way.test:
            run.test = self._ended(run, _test_words(run), "evaluate --split test")
        if run.result:
            self.record.put(run.run.name, result=run.result, test=run.test)

    def _train_words(self, run: SweepRun) -> list[str]:
        begin = "--overwrite" if self.way.overwrite else "--resume"
        words = [*train_line(run, self.folder, self.way.cache, begin), "--json"]
        if self.threads and "threads" not in run.given:
            words += ["--threads", str(self.threads)]
        return words if "baselines" in run.given else [*words, "--no-baselines"]

    def _ended(self, run: RunResult, words: Sequence[str], what: str) -> dict[str, Any] | None:
        """The figures that a command printed at its end; None: it failed, or was stopped."""
        if self.jobs.stopped:
            return None
        log = self.folder / f"{run.run.name}{LOG}"
        until = time.monotonic() + LONGEST_WAIT
        ended = self.jobs.run(run.run.name, words, log)
        while _is_busy(ended) and time.monotonic() < until and not self.jobs.stopped:
            time.sleep(BETWEEN_LOOKS)
            ended = self.jobs.run(run.run.name, words, log)
        if ended.status == 0 and ended.result:
            return ended.result
        if not self.jobs.stopped:
            run.status = ended.exit_status or CharrnnError.exit_status
            run.reason = f"{ended.reason or f'{what} printed no result'} ({log})"
        return None


def _is_busy(ended: Ended) -> bool:
    """Whether another process holds the run."""
    return ended.status == BusyError.exit_status


def _test_words(run: RunResult) -> list[str]:
    counts = [] if run.run.line.config.pairs else ["--no-counts"]
    return ["evaluate", str(run.folder), "--split", "test", "--json", *counts]


class _Stoppable:
    """What a `Stopper` stops: it sets `stop_requested`, as of a trainer."""

    def __init__(self, jobs: Jobs, stopper: Stopper) -> None:
        self._jobs, self._stopper = jobs, stopper

    @property
    def stop_requested(self) -> bool:
        """Whether the runs were asked to stop."""
        return self._jobs.stopped

    @stop_requested.setter
    def stop_requested(self, wanted: bool) -> None:
        if wanted and self._stopper.signal_number:
            self._jobs.stop(self._stopper.signal_number)


class _Progress:
    """A line for each run that ends, and on a terminal the steps of those that are trained."""

    def __init__(self, total: int) -> None:
        from tqdm import tqdm

        self.total, self._told = total, False
        shown = sys.stderr.isatty() and not is_quiet()
        form = "{n_fmt} of {total_fmt} runs [{elapsed}]{postfix}"
        self._bar = tqdm(total=total, bar_format=form, disable=not shown, leave=False)

    def ended(self, run: RunResult, number: int) -> None:
        """Report a run that has ended."""
        label = f"{number} of {self.total}"
        self._say(f"{label:<12}{escape(run.run.label)}: {_outcome(run)}")
        self._bar.update(1)

    def show(self, jobs: Jobs) -> None:
        """Show how far the runs are."""
        if jobs.stopped and not self._told:
            self._told = True
            self._say(
                "stopping after the present step of each run ... (Ctrl-C again to quit at once)"
            )
        steps = [f"{name} step {step:,}" for name, step in [*jobs.steps.items()]]
        self._bar.set_postfix_str("; ".join(steps))

    def close(self) -> None:
        """Remove what is shown."""
        self._bar.close()

    def _say(self, text: str) -> None:
        if self._bar.disable:
            say(text)
        else:
            self._bar.write(fitted(text), file=sys.stderr)


def _outcome(run: RunResult) -> str:
    """How a run has ended, in a line."""
    if not run.result or run.reason:
        return f"failed: {escape(run.reason)}"
    took = duration(run.result["seconds"])
    if run.nats is None:
        return f"finished, no validation text; {took}"
    test = nats_of(run.test)
    return f"{run.nats:.4f} nats{'' if test is None else f', test {test:.4f}'}; {took}"
