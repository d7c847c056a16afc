"""A thread that writes, beside the one that trains: a slow disk makes no step wait."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


class Writer(Generic[Job, Result]):
    """Does jobs in a thread of its own, one after another, in the order in which they came.

    Each job has a name. One that comes while another of its name waits takes that one's place. The thread lives as long
    as there are jobs, and Python does not end before it.

    Args:
        work: does a job, given its name and the job.
    """

    def __init__(self, work: Callable[[str, Job], Result]) -> None:
        self._work = work
        self._changed = threading.Condition()
        self._waiting: dict[str, Job] = {}
        self._doing: str | None = None
        self._results: list[Result] = []
        self._error: BaseException | None = None

    def put(self, name: str, job: Job) -> None:
        """Do a job as soon as those before it are done."""
        with self._changed:
            self._waiting[name] = job
            if self._doing is None:
                self._doing = name
                threading.Thread(target=self._run, name="charrnn-writer").start()

    def is_open(self, name: str) -> bool:
        """Whether a job of this name waits or is being done."""
        with self._changed:
            return self._doing == name or name in self._waiting

    def results(self) -> list[Result]:
        """The results since the last call, in order; an error of a job, which is none of its results, is raised here."""
        with self._changed:
            results, self._results = self._results, []
            error, self._error = self._error, None
        if error:
            raise error
        return results

    def wait(self) -> None:
        """Return when every job is done."""
        with self._changed:
            self._changed.wait_for(lambda: self._doing is None)

    def _run(self) -> None:
        while job := self._next():
            try:
                result = self._work(*job)
            except BaseException as error:  # noqa: BLE001 (it is raised where the results are read)
                with self._changed:
                    self._error = error
            else:
                with self._changed:
                    self._results.append(result)
            del job  # its memory is free while the thread waits for the next

    def _next(self) -> tuple[str, Job] | None:
        """The name of the next job, and the job; None: there is none, and the thread ends."""
        with self._changed:
            self._doing = next(iter(self._waiting), None)
            if self._doing is None:
                self._changed.notify_all()
                return None
            return self._doing, self._waiting.pop(self._doing)
