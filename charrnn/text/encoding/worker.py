"""A process that encodes: it reads requests from standard input, a line of JSON each, and answers each with a line."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from charrnn.config import CorpusConfig
from charrnn.errors import CharrnnError
from charrnn.text.encoding.numbering import CHANGED, ChangedError, write_shard
from charrnn.text.encoding.reading import read_task
from charrnn.text.encoding.shards import Shard
from charrnn.text.encoding.tasks import Task

REFUSED, FAULT = "refused", "fault"
"""What else an answer may have than its result: a file is no text; the disk is full, or the like."""


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request: its `result`, or why there is none."""
    try:
        return {"result": DOES[request["do"]](**request["with"])}
    except CharrnnError as error:
        return {REFUSED: error.message}
    except ChangedError:
        return {REFUSED: CHANGED}
    except OSError as error:
        return {FAULT: [error.errno, error.strerror or str(error), error.filename]}


def _read(task: dict[str, Any], config: dict[str, Any], spool: str) -> dict[str, Any]:
    how = CorpusConfig(**(config | {"globs": tuple(config["globs"])}))
    return read_task(Task.from_json(task), how, Path(spool)).as_json()


def _number(shard: dict[str, Any], table: str, path: str, begin: int, as_bytes: bool) -> list[int]:
    ids = np.load(table)
    return write_shard(Shard.from_json(shard), ids, Path(path), begin, as_bytes=as_bytes)


DOES: dict[str, Callable[..., Any]] = {"read": _read, "number": _number}


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Answer requests until there is no other; Ctrl-C is for the process that asks.

    If that has ended meanwhile, this one ends too, at once and without a word.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in requests:
        answered = json.dumps(answer(json.loads(line))) + "\n"
        try:
            answers.write(answered)
            answers.flush()
        except BrokenPipeError:
            os._exit(1)
