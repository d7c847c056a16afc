"""A model for users of the library: what `charrnn.load` and `charrnn.train` give.

Inside the package everything works on the network alone (`charrnn.model.CharRNN`), and each method here calls the
module that does the work.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any, Self, cast

from charrnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from charrnn.config import AdaptingConfig, ModelConfig, SamplingConfig
from charrnn.counts.mixed_model import MixedModel
from charrnn.counts.mixture import Counts
from charrnn.errors import UsageError
from charrnn.evaluation.evaluate import Evaluation, evaluate
from charrnn.evaluation.learning import learn
from charrnn.exact.model import ExactModel, exact
from charrnn.interpret.edits import AnyEdit, edited
from charrnn.interpret.recording import Recording, record
from charrnn.model import CharRNN
from charrnn.network.cells.base import Weights
from charrnn.network.heads import LINEAR, Head
from charrnn.network.shapes import count_parameters, describe
from charrnn.numerics import Ids
from charrnn.pair_model import PairModel
from charrnn.render.views.picture import picture_of_best_unit
from charrnn.runs import find_checkpoint, reading_of, title_of, writes_any_bytes
from charrnn.sampling.sampler import sample
from charrnn.settings import config_of, require
from charrnn.text.kinds import item_end_of, item_noun
from charrnn.text.pieces import as_read
from charrnn.text.vocabulary import Vocabulary
from charrnn.wording import counted, duration, noun_of

SHOWN_CHARS = 2000
"""Maximum characters of a recording that a notebook shows."""


class ShownRecording(Recording):
    """A recording that a notebook shows in the colors of its most interesting unit."""

    def _repr_html_(self) -> str:
        return picture_of_best_unit(self, SHOWN_CHARS)


class LanguageModel(CharRNN):
    """A character-level recurrent language model: a network with its vocabulary, which samples, reads and scores text.

    Its predictions are those of the network alone. `with_counts` gives a model whose predictions are mixed with the
    counts of the training text.

    Args:
        config: the shape of the network.
        vocabulary: the symbols that it reads and generates.
        weights: the arrays named by `charrnn.network.shapes.weight_shapes`, float32.
        head: turns the outputs of the top layer into logits.
        metrics: what was measured in training: step, epoch, best_val_nats_per_char and others.
        metadata: the record of its training: corpus, settings, versions. It determines how the model reads a text.
        name: the name of its run or file, for its description.
        training_counts: the counts of its training text, for `with_counts`; None: there are none.

    Raises:
        CheckpointError: a weight is missing, superfluous or of the wrong shape, or the record is damaged.
    """

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Vocabulary,
        weights: Weights,
        head: Head = LINEAR,
        *,
        metrics: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        name: str = "",
        training_counts: Counts | None = None,
    ) -> None:
        super().__init__(config, vocabulary, weights, head)
        self._describe(metrics, metadata, name, training_counts)

    def _describe(
        self,
        metrics: Mapping[str, Any] | None,
        metadata: Mapping[str, Any] | None,
        name: str,
        training_counts: Counts | None,
    ) -> None:
        """Take over what is recorded of the model."""
        self.metrics, self.metadata, self.name = dict(metrics or {}), dict(metadata or {}), name
        self.training_counts = training_counts
        record = Checkpoint(self, self.metrics, self.metadata)
        self.reading, self._writes_any_bytes = reading_of(record), writes_any_bytes(record)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Self:
        """The model in a checkpoint."""
        model = checkpoint.model
        return cls(
            model.config,
            model.vocabulary,
            model.weights,
            model.head_kind,
            metrics=checkpoint.metrics,
            metadata=checkpoint.run,
            name=title_of(checkpoint),
            training_counts=checkpoint.counts,
        )

    def with_counts(self) -> "MixedLanguageModel":
        """A copy of this model whose predictions are mixed with the counts of its training text.

        The copy shares the weights; this model is unchanged.

        Raises:
            UsageError: the model has no counts.

        Example:
            charrnn.evaluate(model.with_counts(), text)  # what `charrnn evaluate` prints
        """
        if self.training_counts is None:
            raise UsageError(
                "the model has no counts of its training text", "train again, with counts"
            )
        return MixedLanguageModel(self, self.training_counts)

    def exact(self) -> "ExactLanguageModel":
        """The model with weights of 8 bits whose numbers are the same on every machine; see `charrnn.exact`.

        It keeps the counts for `with_counts`, whose mixture is exact too.

        Raises:
            UsageError: its units are edited.

        Example:
            model.exact().save("model.q8.safetensors")  # as `charrnn export` does
        """
        return ExactLanguageModel(
            exact(self),
            metrics=self.metrics,
            metadata=self.metadata,
            name=self.name,
            training_counts=self.training_counts,
        )

    def __repr__(self) -> str:
        """The model in one line."""
        name = f" {self.name!r}" if self.name else ""
        parts = [self._predictor, self._alphabet]
        if (figure := self._validation) is not None:
            parts.append(f"{figure} on validation text")
        if self.edits:
            parts.append(counted(len(self.edits), "edit"))
        return f"<LanguageModel{name}: {', '.join(parts)}>"

    def _repr_html_(self) -> str:
        """The model as a table, for notebooks."""
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th>"
            f"<td style='text-align:left'>{escape(value)}</td></tr>"
            for name, value in self._facts().items()
        )
        return f"<table>{rows}</table>"

    def _facts(self) -> dict[str, str]:
        """What is worth knowing of the model, in words."""
        config, metrics = self.config, self.metrics
        layers = f"{counted(config.num_layers, 'layer')} of {counted(config.hidden_size, 'unit')}"
        facts = {
            "model": self.name or "LanguageModel",
            "cell": config.cell,
            "network": f"{layers}, embedding {config.embedding_size}",
            "parameters": f"{count_parameters(config):,}",
            "vocabulary": self._alphabet,
        }
        if self.training_counts:
            ngrams = counted(len(self.training_counts.table), "n-gram")
            facts["counts"] = f"{ngrams}, {self._counts_are}"
        if end := item_end_of(self.reading):
            facts["reads"] = f"{item_noun(end)}s, each by itself"
        if (step := metrics.get("best_step", metrics.get("step"))) is not None:
            facts["trained"] = (
                f"{counted(int(step), 'step')} in {duration(metrics.get('seconds', 0))}"
            )
        if (figure := self._validation) is not None:
            facts["validation"] = figure
        if self.edits:
            facts["edits"] = ", ".join(map(str, self.edits))
        return facts

    _counts_are = "not mixed in"

    @property
    def _predictor(self) -> str:
        """What makes the predictions, in words."""
        return describe(self.config)

    @property
    def _noun(self) -> str:
        return noun_of(self.vocabulary.level)

    @property
    def _alphabet(self) -> str:
        """The size of the vocabulary in words."""
        unknown = " and an unknown symbol" if self.vocabulary.has_unknown else ""
        return f"{counted(len(self.vocabulary.symbols), self._noun)}{unknown}"

    @property
    def _validation(self) -> str | None:
        """The validation loss of training, in words; None if there is none."""
        nats = self.metrics.get("best_val_nats_per_char")
        return None if nats is None else f"{nats / math.log(2):.3f} bits per {self._noun}"

    def sample(self, prompt: str = "", **settings: Any) -> Iterator[str]:
        """Generate text from the model's predictions, piece by piece; closing the iterator ends it.

        Args:
            prompt: read before generating; it is not part of the result.
            settings: length, temperature, seed and so on: the fields of SamplingConfig.

        Raises:
            DataError: the prompt has characters that the model does not know, or several lines where one is expected.
            UsageError: a setting is unknown or out of its range.

        Example:
            "".join(model.sample("ROMEO:", length=200, temperature=0.8, seed=1))
        """
        _require_text("prompt", prompt)
        settings = {"any_bytes": self._writes_any_bytes} | settings
        return sample(self, prompt, config_of(SamplingConfig, settings))

    def read(self, text: str, *, top: int | None = None) -> Recording:
        """Read a text and record every state, gate and prediction on the way.

        A model of lines reads a newline and then each line that is not empty with the newline that ends it, from its
        initial state: what it predicts is what `evaluate` scores. The same holds for records and documents. With counts
        the recording's `from_counts` has the share of each probability that comes from them.

        Args:
            text: its characters must be known to the model.
            top: how many of the most likely next characters to record at each position; None: none. More than there
                are stands for all of them.

        Raises:
            DataError: the text is empty or has characters that the model does not know.
        """
        _require_text("text", text)
        whole = top is None or (isinstance(top, int) and not isinstance(top, bool) and top >= 0)
        require(whole, "top", "a whole number, 0 or more", top)
        read = as_read(text, self.reading)
        recording = record(self, read, top=top or 0, item_end=item_end_of(self.reading))
        return ShownRecording(**vars(recording))

    def edited(self, edits: Iterable[AnyEdit]) -> Self:
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
        self,
        text: str | Ids,
        *,
        window: int | None = None,
        item_end: str | None = None,
        carried: bool = False,
        adapt: AdaptingConfig | None = None,
    ) -> Evaluation:
        """Score a text: cross-entropy, perplexity, accuracy of the model's predictions. See `charrnn.evaluate`.

        Args:
            text: the text, or its ids, all known to the model.
            window: None carries the state through the whole text; W resets it every W characters.
            item_end: what ends an item, to score each item by itself: a newline for lines; None: as the model was
                trained.
            carried: read the text as running text, even with a model of lines.
            adapt: learn from each chunk after it was scored, in a copy of the model (dynamic evaluation); None: do not.

        Raises:
            DataError: the text is too short, or has characters that the model does not know.
            UsageError: a window for items or with `adapt`, or a vocabulary without `item_end`.
        """
        return evaluate(self, text, window=window, item_end=item_end, carried=carried, adapt=adapt)

    def adapted(self, text: str, **settings: Any) -> Self:
        """A copy of this model that has read a text and learned from it; this model is unchanged.

        Args:
            text: its characters must be known to the model.
            settings: adapt_rule, adapt_rate and so on: the fields of AdaptingConfig.

        Raises:
            DataError: the text is too short, or has characters that the model does not know.
            UsageError: units are edited, or a setting is unknown or out of its range, or the rate is too high.

        Example:
            model.adapted(notes).sample("Dear ")
        """
        _require_text("text", text)
        ids = self.vocabulary.encode(as_read(text, self.reading))
        config = config_of(AdaptingConfig, settings)
        return cast("Self", learn(self, ids, config, item_end=item_end_of(self.reading)).model)

    def save(self, path: str | Path) -> None:
        """Write the model, with its counts, to a .safetensors file, which `charrnn.load` and the command line read.

        Raises:
            EnvironmentFault: the file cannot be written.
            UsageError: units are edited; a file cannot store edits.
        """
        content = Checkpoint(self, self.metrics, self.metadata, counts=self.training_counts)
        save_checkpoint(Path(path), content)


class MixedLanguageModel(MixedModel, LanguageModel):
    """A language model whose predictions are mixed with the counts of its training text; see `charrnn.counts.mixture`.

    Everything that a LanguageModel does uses the mixed distribution here: `sample`, `read`, `evaluate`, `step`, and the
    functions that take a model, such as `charrnn.score`.

    Args:
        network: the model without counts, which is kept as the attribute `network`.
        counts: the counts, with their weight.
    """

    network: LanguageModel
    _counts_are = "mixed in"

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Self:
        """The model in a checkpoint, with its counts.

        Raises:
            SettingError: it has none.
        """
        return cls(model_of(checkpoint), checkpoint.require_counts())

    def exact(self) -> Any:
        """The model with weights of 8 bits, and the mixture in integers."""
        return self.network.exact().with_counts()

    def with_counts(self) -> Self:
        """This model itself, which has the counts mixed in already."""
        return self

    @property
    def _predictor(self) -> str:
        exact = ", exact" if self.is_exact else ""
        return f"{super()._predictor}, with counts{exact}"

    @property
    def _validation(self) -> str | None:
        """The losses of both and of the network alone on the same text, on which their weight was not fitted."""
        both, alone = self.counts.nats, self.counts.network_nats
        if both is None or alone is None:
            return None
        figures = f"{both / math.log(2):.3f} (network alone {alone / math.log(2):.3f})"
        return f"{figures} bits per {self._noun}"


class ExactLanguageModel(ExactModel, LanguageModel):
    """A language model whose numbers are the same on every machine; see `charrnn.exact`.

    Args:
        model: the exact model.
        metrics: the metrics of its training; see `LanguageModel`.
        metadata: the record of its training.
        name: the name of its run or file.
        training_counts: the counts of its training text, for `with_counts`; None: there are none.
    """

    def __init__(
        self,
        model: ExactModel,
        *,
        metrics: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        name: str = "",
        training_counts: Counts | None = None,
    ) -> None:
        vars(self).update(vars(model))
        self._describe(metrics, metadata, name, training_counts)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Self:
        """The model in a checkpoint."""
        return cls(
            checkpoint.model,
            metrics=checkpoint.metrics,
            metadata=checkpoint.run,
            name=title_of(checkpoint),
            training_counts=checkpoint.counts,
        )

    def exact(self) -> "ExactLanguageModel":
        """This model itself, which is exact already."""
        return self

    def with_weights(self, weights: Weights) -> Any:
        """The model with other weights, in floating point: a LanguageModel."""
        return LanguageModel(
            self.config,
            self.vocabulary,
            weights,
            metrics=self.metrics,
            metadata=self.metadata,
            name=self.name,
            training_counts=self.training_counts,
        )

    @property
    def _predictor(self) -> str:
        return f"{super()._predictor}, exact"


def model_of(checkpoint: Checkpoint) -> Any:
    """The model in a checkpoint: a LanguageModel, or of pairs a PairModel."""
    if checkpoint.model.is_exact:
        return ExactLanguageModel.from_checkpoint(checkpoint)
    if checkpoint.model.config.align is None:
        return LanguageModel.from_checkpoint(checkpoint)
    return PairModel.from_checkpoint(checkpoint)


def load(name: str | Path, *, counts: bool = False) -> Any:
    """Load a trained model, ready to run in NumPy.

    Args:
        name: a .safetensors file that `charrnn train` wrote, a run's folder, or the name of a run under checkpoints/;
            a path that exists wins.
        counts: whether predictions are mixed with the counts of the training text, as `charrnn evaluate` and
            `charrnn score` do, and `charrnn sample` with `--counts`; otherwise they are those of the network alone.

    Returns:
        A LanguageModel, with counts a MixedLanguageModel; of a run with pairs a PairModel.

    Raises:
        CheckpointError: there is none, or it is damaged, or not a charrnn checkpoint.
        SettingError: counts are wanted, and there are none.

    Example:
        charrnn.load("plays")
    """
    require(isinstance(name, (str, Path)), "name", "a run's name, a folder or a file", name)
    require(isinstance(counts, bool), "counts", "True or False", counts)
    checkpoint = load_checkpoint(find_checkpoint(name))
    return MixedLanguageModel.from_checkpoint(checkpoint) if counts else model_of(checkpoint)


def _require_text(name: str, text: object) -> None:
    """Raise SettingError unless an argument is a text."""
    require(isinstance(text, str), name, "a string", text)
