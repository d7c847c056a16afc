"""A model for users of the library: what `charrnn.load` returns.

Inside the package everything works on the network alone (`charrnn.model.CharRNN`), and each method here calls the
module that does the work.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.config import SamplingConfig
from charrnn.evaluation.evaluate import Evaluation, evaluate
from charrnn.interpret.edits import Edit, edited
from charrnn.interpret.recording import Recording, record
from charrnn.model import CharRNN
from charrnn.sampling.sampler import sample


class LanguageModel(CharRNN):
    """A character-level recurrent language model: the network, and everything to do with it.

    Args:
        config: the shape of the network.
        vocabulary: the symbols that it reads and generates.
        weights: the arrays named by `charrnn.network.shapes.weight_shapes`, float32.

    Raises:
        CheckpointError: a weight is missing, superfluous or of the wrong shape.
    """

    def sample(self, prompt: str = "", **settings: Any) -> Iterator[str]:
        """Generate text, piece by piece; closing the iterator ends it.

        Args:
            prompt: read before generating; it is not part of the result.
            settings: length, temperature, seed and so on: the fields of SamplingConfig.

        Raises:
            DataError: the prompt has characters that the model does not know, or lines where one is wanted.
            UsageError: a setting is out of its range.

        Example:
            "".join(model.sample("ROMEO:", length=200, temperature=0.8, seed=1))
        """
        return sample(self, prompt, SamplingConfig(**settings))

    def read(self, text: str, *, top: int = 0) -> Recording:
        """Read a text and record every state and gate on the way.

        Args:
            text: its characters must be known to the model.
            top: how many of the most likely next characters to record at each position.

        Raises:
            DataError: the text is empty or has characters that the model does not know.
        """
        return record(self, text, top=top)

    def edited(self, edits: Iterable[Edit]) -> Self:
        """A copy of this model with some units clamped or steered whenever it reads or generates.

        The copy shares the weights, which no edit changes; this model is unchanged. New edits are added to
        those that the model already has. See `charrnn.interpret.edits` for where they act.

        Args:
            edits: the units to clamp or steer, with their values.

        Raises:
            UsageError: the model has no such unit, it is not a state, or it is clamped and edited
                again (DataError if the edit comes from a file).

        Example:
            model.edited([Edit("clamp", "L0.c.37", 1.0)]).sample("ROMEO:")
        """
        return edited(self, edits)

    def evaluate(
        self, text: str, *, window: int | None = None, item_end: str | None = None
    ) -> Evaluation:
        """Score a text: cross-entropy, perplexity, accuracy.

        Args:
            text: at least two characters, all known to the model.
            window: None carries the state through the whole text; W resets it every W characters.
            item_end: score each line by itself, if this is a newline; see `charrnn.text.kinds`.

        Raises:
            DataError: the text is too short, or has characters that the model does not know.
            UsageError: a window for items, or a vocabulary without `item_end`.
        """
        return evaluate(self, self.vocabulary.encode(text), window=window, item_end=item_end)

    def save(self, path: str | Path) -> None:
        """Write the model to a .safetensors file, which `charrnn.load` and the command line read.

        Raises:
            EnvironmentFault: the file cannot be written.
            UsageError: units are edited; a file cannot store edits.
        """
        save_checkpoint(Path(path), Checkpoint(self))


def load(path: str | Path) -> LanguageModel:
    """The model in a checkpoint file, ready to run in NumPy.

    Args:
        path: a .safetensors file that `charrnn train` wrote.

    Raises:
        CheckpointError: the file is missing, damaged, or not a charrnn checkpoint.
    """
    model = load_checkpoint(Path(path)).model
    return LanguageModel(model.config, model.vocabulary, model.weights)
