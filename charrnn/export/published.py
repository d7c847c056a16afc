"""The record of a run as it is published."""

from collections.abc import Mapping
from typing import Any

PRIVATE = ("places", "split_places")
"""What the record of a corpus says of the files of one machine."""


def published(run: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a run without the paths of the machine on which it was trained."""
    corpus = run.get("corpus")
    if not corpus:
        return dict(run)
    return {**run, "corpus": {name: of for name, of in corpus.items() if name not in PRIVATE}}
