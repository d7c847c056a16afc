"""charrnn: train, sample from and inspect character-level recurrent language models.

    import charrnn

    model = charrnn.load("shakespeare")                  # the run checkpoints/shakespeare
    print("".join(model.sample("ROMEO:", length=200, temperature=0.8, seed=1)))
    recording = model.read("To be, or not to be")        # recording.arrays["c"] has shape (T, L, H)
    model = charrnn.train("book.txt", minutes=2).finish()

Importing this package imports neither torch nor NumPy; modules that need them are loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from charrnn.api import LanguageModel as LanguageModel
    from charrnn.api import load as load
    from charrnn.compression.compress import compress as compress
    from charrnn.compression.compress import decompress as decompress
    from charrnn.errors import CharrnnError as CharrnnError
    from charrnn.evaluation.evaluate import Evaluation as Evaluation
    from charrnn.evaluation.evaluate import evaluate as evaluate
    from charrnn.evaluation.line_scores import LineScore as LineScore
    from charrnn.evaluation.score import score as score
    from charrnn.interpret.edits import Edit as Edit
    from charrnn.interpret.recording import Recording as Recording
    from charrnn.model import CharRNN as CharRNN
    from charrnn.pair_model import PairModel as PairModel
    from charrnn.training.run import Run as Run
    from charrnn.training.run import train as train

_HOMES = {
    "CharrnnError": "charrnn.errors",
    "CharRNN": "charrnn.model",
    "Edit": "charrnn.interpret.edits",
    "Evaluation": "charrnn.evaluation.evaluate",
    "LanguageModel": "charrnn.api",
    "LineScore": "charrnn.evaluation.line_scores",
    "PairModel": "charrnn.pair_model",
    "Recording": "charrnn.interpret.recording",
    "Run": "charrnn.training.run",
    "compress": "charrnn.compression.compress",
    "decompress": "charrnn.compression.compress",
    "evaluate": "charrnn.evaluation.evaluate",
    "load": "charrnn.api",
    "score": "charrnn.evaluation.score",
    "train": "charrnn.training.run",
}

__all__ = [*_HOMES]  # noqa: PLE0604 (the names are said once)


def __dir__() -> list[str]:
    return sorted((*__all__, "__version__"))


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("charrnn")
    if name in _HOMES:
        try:
            return getattr(import_module(_HOMES[name]), name)
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            from charrnn.errors import EnvironmentFault

            message = f"charrnn.{name} needs torch, which is not installed"
            raise EnvironmentFault(message, "pip install torch") from error
    raise AttributeError(f"module 'charrnn' has no attribute {name!r}")
