"""The standard library of the Python that runs, as text that every machine has."""

import sysconfig
from pathlib import Path

from charrnn.config import CorpusConfig
from charrnn.errors import DataError
from charrnn.text.folders import folder_sources
from charrnn.text.sources import Notes, TextSource

TESTS = ("test", "tests", "idle_test")
TABLES = ("encodings", "pydoc_data")
"""Folders of generated files: megabytes of numbers and names, useless for training and evaluation."""
FOREIGN = ("site-packages", "dist-packages", "__pycache__")
"""Folders that are not part of the standard library."""


def python_sources(notes: Notes) -> list[TextSource]:
    """The .py files of the running Python's standard library, in the order of their paths.

    Tests and generated tables are left out.

    Raises:
        DataError: the library does not exist as files (some packaged Pythons keep it in a .zip).
    """
    folder = Path(sysconfig.get_paths()["stdlib"])
    skipped = (*TESTS, *TABLES, *FOREIGN)
    left_out = [f"!{name}/*" for name in skipped] + [f"!*/{name}/*" for name in skipped]
    config = CorpusConfig(globs=("*.py", *left_out))
    try:
        return folder_sources(folder, config, notes)
    except DataError as error:
        raise DataError(
            f"this Python's standard library is not in {folder}", "give a text file instead"
        ) from error
