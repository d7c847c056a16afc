"""What a user of the library asks of a run: its texts, and its settings in the configs that have them."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charrnn.config import (
    CorpusConfig,
    ModelConfig,
    SavingConfig,
    TrainingConfig,
    TrainingRequest,
)
from charrnn.errors import DataError, SettingError
from charrnn.network.cells import cell_of
from charrnn.settings import (
    Kind,
    Setting,
    check_together,
    config_of,
    require,
    require_known,
    settings_of,
)
from charrnn.text.opening import open_corpus
from charrnn.text.sources import TextSource
from charrnn.training.new_run import require_validation_text
from charrnn.training.pairs.settings import aligned
from charrnn.training.start import HOW_TO_ADD, Start, StartOptions, open_start

HOMES = (CorpusConfig, TrainingRequest, ModelConfig, TrainingConfig, SavingConfig, StartOptions)
"""The configs that have the settings of a run."""
LONGEST_NAME = 1000
"""Characters of the longest string without a newline that is taken for a name."""
NAME_OF_TEXT = "text"
"""The name of a text that is no file."""

Texts = str | Path | Iterable[str | Path]


def names_of(sources: Sequence[str | TextSource]) -> list[str]:
    """A name for each text, from which a folder is named."""
    return [text.name if isinstance(text, TextSource) else text for text in sources]


def recorded_names(sources: Sequence[str | TextSource]) -> list[str]:
    """What is recorded of each text: its name, or `-` for one that cannot be read again."""
    return ["-" if isinstance(text, TextSource) else text for text in sources]


@dataclass(frozen=True)
class Order:
    """What a run is to be, before its text is read."""

    sources: Sequence[str | TextSource]
    """The texts: names, and those that are there already."""
    config: CorpusConfig
    request: TrainingRequest
    saving: SavingConfig
    start: Start | None

    @property
    def names(self) -> list[str]:
        """A name for each text, from which a folder is named."""
        return names_of(self.sources)

    @property
    def recorded(self) -> list[str]:
        """What is recorded of each text: its name, or `-` for one that cannot be read again."""
        return recorded_names(self.sources)

    def read(self, cache: Path | None) -> Any:
        """The corpus."""
        corpus = open_corpus(
            self.sources,
            self.config,
            stdin=no_stdin,
            cache=cache,
            vocabulary=self.start.model.vocabulary if self.start else None,
            extend=self.start is not None and self.start.extend,
            hint=HOW_TO_ADD,
        )
        corpus = aligned(corpus, self.request)
        require_validation_text(self.request, corpus)
        return corpus


def order_of(texts: Texts, settings: Mapping[str, Any]) -> Order:
    """The order for a run, checked as far as that is possible before its text is read."""
    require_settings(settings)
    config, request = own_config(CorpusConfig, settings), request_of(settings)
    check_together(config, request, own_config(StartOptions, settings), rules=_rules())
    sources = sources_of(texts, config)
    start = open_start(own_config(StartOptions, settings), request, config, settings)
    if start:
        config = start.corpus_config(config, settings)
    network = (start or request).network(vocab_size=1)
    cell_of(network)
    return Order(sources, config, request, own_config(SavingConfig, settings), start)


def _rules() -> dict[str, Setting]:
    """The rules of what a request may be given, by name."""
    return {**settings_of(ModelConfig), **settings_of(TrainingConfig)}


def require_settings(settings: Mapping[str, Any]) -> None:
    """Raise SettingError if a run has no such setting."""
    require_known(
        settings, {n: r for home in HOMES for n, r in settings_of(home).items() if r.option}
    )


def own_config(kind: type[Kind], settings: Mapping[str, Any]) -> Kind:
    """A config with those of the settings that it has."""
    return config_of(kind, {name: settings[name] for name in settings_of(kind) if name in settings})


def request_of(settings: Mapping[str, Any]) -> TrainingRequest:
    """The request: its limits, and the settings of the network and of the training that are given."""
    limits, planned = settings_of(TrainingRequest), (ModelConfig, TrainingConfig)
    names = {name for kind in planned for name in settings_of(kind)} - {*limits}
    given = {name: value for name, value in settings.items() if name in names}
    return config_of(
        TrainingRequest, {n: settings[n] for n in limits if n in settings}, given=given
    )


# --- texts ----------------------------------------------------------------------------------------


def sources_of(texts: Texts, config: CorpusConfig) -> list[str | TextSource]:
    """What a run is trained on: names as text, and texts as sources."""
    wanted = "a text, a name, a path, or several of these"
    several = [texts] if isinstance(texts, (str, Path)) else texts
    require(isinstance(several, Iterable), "texts", wanted, texts)
    several = list(several)
    require(bool(several), "texts", wanted, texts)
    return [_source(text, config) for text in several]


def _source(text: str | Path, config: CorpusConfig) -> str | TextSource:
    require(isinstance(text, (str, Path)), "texts", "texts, names and paths", text)
    if isinstance(text, Path) or ("\n" not in text and len(text) <= LONGEST_NAME):
        return str(text)
    if config.encoding:
        raise SettingError.naming("{encoding} only applies to files, and a text was given")
    try:
        content = text.encode("utf-8", "surrogateescape" if config.level == "byte" else "strict")
    except UnicodeEncodeError as error:
        raise DataError("the text has lone surrogates, which are not characters") from error
    return TextSource(NAME_OF_TEXT, lambda: io.BytesIO(content))


def no_stdin() -> TextSource:
    """Raise DataError: a library reads no standard input."""
    raise DataError(
        "'-' is standard input only on the command line", "train(sys.stdin.read()) reads it"
    )
