"""The model that a run starts from, instead of random weights."""

import dataclasses
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from charrnn.config import NETWORK, CorpusConfig, ModelConfig, TrainingRequest
from charrnn.errors import SettingError, literal
from charrnn.runs import READ_ALIKE, find_checkpoint, reading_of
from charrnn.settings import Config, setting, settings_of, value_in_words
from charrnn.text.kinds import BY_SETTING

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.model import CharRNN

HOW_TO_ADD = (
    "{extend_vocabulary} adds them to the model; with {min_count:2} as well, those that occur only once "
    "become one unknown symbol"
)


@dataclass(frozen=True, kw_only=True)
class StartOptions(Config):
    """The model that a run starts from."""

    init_from: str | None = setting(
        None,
        "Start from this model (a .safetensors file, a run's folder or its name) instead of random weights. "
        "The network keeps its shape.",
        metavar="CHECKPOINT",
        panel=NETWORK,
    )
    extend_vocabulary: bool = setting(
        False,
        "With {init_from}: add the characters that the model lacks.",
        needs=("init_from",),
        panel=NETWORK,
    )


@dataclass(frozen=True)
class Start:
    """The model that a run starts from, and whether the text's other characters are added to it."""

    checkpoint: "Checkpoint"
    extend: bool

    @property
    def model(self) -> "CharRNN":
        """The model as it was trained."""
        model: CharRNN = self.checkpoint.model
        return model

    @property
    def level(self) -> str:
        """`char` or `byte`, as the model is."""
        return self.model.vocabulary.level

    def network(self, vocab_size: int) -> ModelConfig:
        """The network of the run: the model's, for a vocabulary of the given size."""
        return dataclasses.replace(self.model.config, vocab_size=vocab_size)

    def corpus_config(self, config: CorpusConfig, given: Collection[str]) -> CorpusConfig:
        """How the text is read: as the model's was, but for what was given.

        Args:
            config: how the text is to be read.
            given: the names of the settings that were given.
        """
        own = reading_of(self.checkpoint)
        asks_for_items = any(name in given for name in BY_SETTING)
        inherited = {
            name: getattr(own, name)
            for name in ("level", "keep_newlines", *READ_ALIKE)
            if name not in given and not (asks_for_items and name in BY_SETTING)
        }
        return dataclasses.replace(config, **inherited)

    def reading_notes(self, config: CorpusConfig) -> Iterator[str]:
        """What a text inherits from the model's, and what not, in sentences with settings as names in braces."""
        own = reading_of(self.checkpoint)
        for name in READ_ALIKE:
            here, there = getattr(config, name), getattr(own, name)
            if here != there:
                yield f"{{{name}}} is {_word(here)} here, but was {_word(there)} when the model was trained"
            elif here:
                value = "" if here is True else f" {_word(here)}"
                yield f"{{{name}}}{value} is set, as when the model was trained"

    def keeping_shape(self, request: TrainingRequest) -> TrainingRequest:
        """The request with the model's shape, so that none of it is planned."""
        shape = {
            name: getattr(self.model.config, name)
            for name, rule in settings_of(ModelConfig).items()
            if rule.option
        }
        return dataclasses.replace(request, given={**request.given, **shape})

    def about(self) -> dict[str, Any]:
        """The record of it in the run's checkpoints: its file, that file's checksum, and its corpus's fingerprint."""
        corpus = self.checkpoint.run.get("corpus")
        return {
            "path": str(self.checkpoint.path),
            "sha256": self.checkpoint.sha256,
            "fingerprint": corpus.get("fingerprint") if isinstance(corpus, dict) else None,
            "extend_vocabulary": self.extend,
        }


def _word(value: Any) -> str:
    """A value in a template, in which a brace stands for itself."""
    word = value_in_words(value)
    return literal(word if word.isidentifier() else repr(word))


def open_start(
    options: StartOptions, request: TrainingRequest, config: CorpusConfig, given: Collection[str]
) -> Start | None:
    """The model to start from, or None.

    Args:
        options: which model.
        request: the user's other settings.
        config: how the text is to be read.
        given: the names of the settings that were given.

    Raises:
        CheckpointError: there is no such checkpoint, or it cannot be read.
        SettingError: a setting differs from what the model is, or needs one that is not given.
    """
    if options.init_from is None:
        return None
    if config.min_count > 1 and not options.extend_vocabulary:
        raise SettingError.naming(
            "with {init_from}, {min_count} only limits which characters {extend_vocabulary} adds",
            "add {extend_vocabulary}, or leave out {min_count}",
        )
    from charrnn.checkpoint import load_checkpoint, require_language_model

    loaded = require_language_model(load_checkpoint(find_checkpoint(options.init_from)))
    start = Start(loaded.in_floats, options.extend_vocabulary)
    wanted = dict(request.given) | ({"level": config.level} if "level" in given else {})
    _require_agreement(wanted, start)
    if start.extend and start.level == "byte":
        raise SettingError.naming(
            "{path} is a byte model, which already has every byte",
            "leave out {extend_vocabulary}",
            path=start.checkpoint.path,
        )
    return start


def _require_agreement(wanted: dict[str, Any], start: Start) -> None:
    """Raise SettingError if a setting of the network differs from the model's."""
    own = dataclasses.asdict(start.model.config) | {"level": start.level}
    for name, value in own.items():
        if name in wanted and wanted[name] != value:
            raise SettingError.naming(
                f"{{{name}}} is {{given}} here, but {{own}} in {{path}}",
                "leave it out: with {init_from} the network keeps its shape",
                given=value_in_words(wanted[name]),
                own=value_in_words(value),
                path=start.checkpoint.path,
            )
