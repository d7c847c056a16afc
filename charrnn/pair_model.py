"""A model of pairs for users of the library: what `charrnn.load` and `charrnn.train` give for one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from charrnn.checkpoint import Checkpoint, save_checkpoint
from charrnn.config import ModelConfig, SamplingConfig
from charrnn.interpret.edits import AnyEdit, edited
from charrnn.interpret.pairs import PairRecording, record_pair
from charrnn.network.cells.base import Weights
from charrnn.network.shapes import describe
from charrnn.numerics import Float
from charrnn.pairs.converting import convert, restriction_of
from charrnn.pairs.given import given_source
from charrnn.pairs.model import PairNetwork
from charrnn.pairs.scoring import PairScores, score_pairs
from charrnn.pairs.search import Target
from charrnn.pairs.views import attention_of
from charrnn.runs import title_of
from charrnn.sampling.sampler import sample
from charrnn.settings import config_of, require
from charrnn.text.pairs import END, Symbols
from charrnn.text.vectors import Frames


class PairModel(PairNetwork):
    """A network that turns a source into a target: a text into another, into a label or tags, or a label into a text.

    Args:
        config: the shape of the network.
        source_symbols: the symbols of the sources.
        vocabulary: the symbols of the targets.
        weights: the arrays named by `charrnn.network.shapes.weight_shapes`, float32.
        metrics: what was measured in training: step, epoch, best_val_exact_match and others.
        metadata: the record of its training: corpus, settings, versions.
        name: the name of its run or file, for its description.

    Raises:
        CheckpointError: a weight is missing, superfluous or of the wrong shape.
    """

    def __init__(
        self,
        config: ModelConfig,
        source_symbols: Symbols,
        vocabulary: Symbols,
        weights: Weights,
        *,
        metrics: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        name: str = "",
    ) -> None:
        super().__init__(config, source_symbols, vocabulary, weights)
        self.metrics, self.metadata, self.name = dict(metrics or {}), dict(metadata or {}), name

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Self:
        """The model in a checkpoint."""
        model: PairNetwork = checkpoint.model
        return cls(
            model.config,
            model.source_symbols,
            model.vocabulary,
            model.weights,
            metrics=checkpoint.metrics,
            metadata=checkpoint.run,
            name=title_of(checkpoint),
        )

    def __repr__(self) -> str:
        """The model in one line."""
        name = f" {self.name!r}" if self.name else ""
        exact = self.metrics.get("best_val_exact_match")
        right = "" if exact is None else f", {100 * exact:.1f} % of the validation targets right"
        return f"<PairModel{name}: {describe(self.config)}{right}>"

    def convert(
        self,
        sources: str | Iterable[str],
        *,
        beam: int = 1,
        n_best: int = 1,
        match: str | None = None,
        targets: Sequence[str] | None = None,
    ) -> list[list[Target]]:
        """The targets of sources, the best first: texts with their negative log-probabilities in nats.

        Args:
            sources: the sources, or one; characters that the model does not know are left out. Of a model that reads
                vectors, an array for each source, (D,) or (T, D).
            beam: hypotheses that are kept at each step; 1: the most likely symbol at each.
            n_best: targets for each source, at most `beam`, or as many as there are labels.
            match: a regular expression that the whole target must match.
            targets: the only targets that may be written. Scores stay those of the model among all targets.

        Returns:
            A list for each source; it is empty if the model knows nothing of the source, or no target of it is allowed.

        Raises:
            DataError: a source is to be a label, and is none; or the model can write none of the targets.
            SettingError: the model has no beam, or fewer targets.
            UsageError: the expression is not valid, or no text that the model can write matches it.

        Example:
            [[best]] = model.convert("3 May 2020")
            best.text
        """
        require(match is None or isinstance(match, str), "match", "a string", match)
        listed = None if targets is None else _texts(targets, "targets")
        allowed = restriction_of(self, match, listed)
        search = {"beam": beam, "n_best": n_best}
        return list(convert(self, self._sources(sources), **search, allowed=allowed))

    def _sources(self, given: Any) -> list[Any]:
        """Sources as the network takes them."""
        if not self.config.source_vectors:
            return _texts(given)
        arrays = [np.atleast_2d(np.asarray(one, np.float32)) for one in given]
        fit = all(one.ndim == 2 and len(one) and np.isfinite(one).all() for one in arrays)
        require(fit, "sources", "arrays of finite numbers, (D,) or (T, D) for each source", given)
        return [Frames(one, number) for number, one in enumerate(arrays, 1)]

    def sample(self, source: str, **settings: Any) -> Iterator[str]:
        """Generate a target of a source, piece by piece; closing the iterator ends it.

        Args:
            source: the source; of labels several with weights too: "french:0.5,german:0.5".
            settings: length, temperature, seed and so on: the fields of SamplingConfig.

        Raises:
            SettingError: the model writes no text, there is no such label, or a setting is out of its range.

        Example:
            "".join(model.sample("french", temperature=0.7, seed=1))
        """
        require(isinstance(source, str), "source", "a string", source)
        config = config_of(SamplingConfig, {"item_end": END} | settings)
        return sample(given_source(self, source), "", config)

    def evaluate(self, pairs: Sequence[tuple[str, str]], *, beam: int = 1) -> PairScores:
        """Exact matches, character errors, labels that were confused, and nats per symbol of the targets.

        Args:
            pairs: sources with their right targets.
            beam: see `convert`.

        Raises:
            DataError: there are no pairs, or a target has a character or is a label that the model cannot write.
        """
        if self.config.source_vectors:
            frames = self._sources([source for source, _ in pairs])
            pairs = list(zip(frames, [target for _, target in pairs], strict=True))
        return score_pairs(self, pairs, beam=beam)

    def attention(self, source: str, target: str) -> Float:
        """How much each symbol of a target looks at each of the source: (symbols + 1, source symbols), rows sum to 1.

        The last row belongs to the end of the target.

        Args:
            source: a text that the model knows symbols of.
            target: the text that is written; it need not be the model's own.

        Raises:
            SettingError: the model has no attention.
            DataError: the model knows no character of the source, or not all of the target.
        """
        require(
            self.alignment.looks, "align", "attention for weights of attention", self.config.align
        )
        return attention_of(self, source, target).values

    def read(
        self, source: str, target: str | None = None, *, top: int | None = None
    ) -> PairRecording:
        """Read a source, and a target if the model has a decoder, and record every state and gate on the way.

        Args:
            source: a text, of which characters that the model does not know are left out; or a label.
            target: what the decoder reads; None: what it writes itself, the most probable symbol at each step.
            top: how many of the most likely next characters to record at each position of the target; None: none.

        Raises:
            DataError: the model knows no character of the source, or not all of the target; or it has no decoder.

        Example:
            pair = model.read("3 May 2020")
            pair.source.arrays["h<"], pair.target.arrays["c"], pair.attention
        """
        require(isinstance(source, str), "source", "a string", source)
        require(target is None or isinstance(target, str), "target", "a string", target)
        whole = top is None or (isinstance(top, int) and not isinstance(top, bool) and top >= 0)
        require(whole, "top", "a whole number, 0 or more", top)
        return record_pair(self, source, target, top=top or 0)

    def edited(self, edits: Iterable[AnyEdit]) -> Self:
        """A copy of this model with some units clamped or steered, as `charrnn.LanguageModel.edited` gives one.

        Units of the encoder have the sign of their direction: "L0>.c.37" forward, "L0<.c.37" backward.

        Raises:
            UsageError: the model has no such unit, it is not a state, or it is clamped and edited again.
        """
        return edited(self, edits)

    def save(self, path: str | Path) -> None:
        """Write the model to a .safetensors file, which `charrnn.load` and the command line read.

        Raises:
            EnvironmentFault: the file cannot be written.
        """
        save_checkpoint(Path(path), Checkpoint(self, self.metrics, self.metadata))


def _texts(given: object, name: str = "sources") -> list[str]:
    several = [given] if isinstance(given, str) else given
    valid = isinstance(several, Iterable)
    require(valid, name, "a text, or several of them", given)
    found: list[Any] = list(several)  # type: ignore[call-overload]
    require(all(isinstance(s, str) for s in found), name, "texts", given)
    return found
