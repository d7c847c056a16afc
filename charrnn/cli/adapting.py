"""The options of commands that read with a copy of the model which learns from the text; the copy is not saved."""

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from charrnn.cli.inputs import NAMED
from charrnn.cli.terminal import say
from charrnn.config import ADAPTING, AdaptingConfig, CorpusConfig
from charrnn.errors import DataError
from charrnn.settings import Config, setting
from charrnn.text.kinds import item_end_of
from charrnn.wording import counted, noun_of, short_noun_of

if TYPE_CHECKING:
    from charrnn.cli.work import Work
    from charrnn.model import CharRNN
    from charrnn.numerics import Ids


@dataclass(frozen=True, kw_only=True)
class _WhileScoring(Config):
    """Whether the text is learned from while it is scored."""

    adapt: bool = setting(
        False,
        "Learn from the text while it is scored (dynamic evaluation): each chunk is scored first and then learned from, "
        "in a copy of the model. The result describes this way of reading, not the model alone.",
        excludes=("window", "streams"),
        panel=ADAPTING,
    )
    adapt_search: bool = setting(
        False,
        "Try several learning rates on the beginning of the model's own validation text, and use the best.",
        needs=("adapt",),
        excludes=("adapt_rate",),
        panel=ADAPTING,
    )


@dataclass(frozen=True, kw_only=True)
class ScoringAdaptOptions(AdaptingConfig, _WhileScoring):
    """How `evaluate` learns from the text."""

    def chosen(
        self, model: "CharRNN", validation: "Ids | None", item_end: str | None, work: "Work"
    ) -> tuple[AdaptingConfig | None, dict[float, float]]:
        """How the text is learned from (None: it is not), and the bits per character at each rate that was tried.

        Args:
            model: the model.
            validation: the text on which the rate is chosen, if that is wanted.
            item_end: what ends the items that are read one by one.
            work: shows how far the search is.

        Raises:
            DataError: there is no validation text.
            UsageError: the model cannot go on learning.
        """
        names = [field.name for field in fields(AdaptingConfig)]
        config = AdaptingConfig(**{name: getattr(self, name) for name in names})
        if not self.adapt_search or validation is None:
            return (config if self.adapt else None), {}
        from charrnn.adapting.rates import choose_rate
        from charrnn.evaluation.learning import as_learned

        if len(validation) < 2:
            raise DataError.naming(
                "{adapt_search} needs validation text, and the model's corpus has none",
                "give {adapt_rate:RATE} instead",
            )
        ids, end = as_learned(model, validation, item_end)
        config, tried = choose_rate(model, ids, end, config, progress=work.advance)
        bits = {rate: nats / math.log(2) for rate, nats in sorted(tried.items())}
        costs = ", ".join(f"{rate:g}: {cost:.3f}" for rate, cost in bits.items())
        say(f"charrnn: bits per character on validation text at each learning rate: {costs}")
        return config, bits


@dataclass(frozen=True, kw_only=True)
class _BeforeSampling(Config):
    """Which text is learned from before a sample."""

    adapt: tuple[str, ...] = setting(
        (),
        f"First learn from this text, in a copy of the model: {NAMED}. May be repeated.",
        metavar="FILE|-",
        excludes=("source",),
        panel=ADAPTING,
    )


@dataclass(frozen=True, kw_only=True)
class SamplingAdaptOptions(AdaptingConfig, _BeforeSampling):
    """How `sample` learns from a text."""

    def adapted(self, model: "CharRNN", reading: CorpusConfig) -> Any:
        """A copy of a model that has learned from the text, or the model, if there is none.

        Args:
            model: the model.
            reading: how a text becomes symbols.

        Raises:
            DataError: the text cannot be read, or is too short.
            UsageError: the model cannot go on learning.
        """
        if not self.adapt:
            return model
        from charrnn.adapting.learner import require_able
        from charrnn.cli.inputs import leave_out_unknown, read_texts
        from charrnn.cli.work import working
        from charrnn.evaluation.learning import learn

        require_able(model)
        text, _ = leave_out_unknown(read_texts(self.adapt, reading, words=False), model)
        ids, end = model.vocabulary.encode(text), item_end_of(reading)
        noun = noun_of(model.vocabulary.level)
        with working(len(ids), noun) as work:
            learned = learn(model, ids, self, item_end=end, progress=work.advance)
        cost = f"{learned.bits_per_char:.3f} bits per {short_noun_of(model.vocabulary.level)} while learning"
        say(
            f"charrnn: learned from {counted(learned.characters, noun)} ({cost}); the checkpoint is unchanged"
        )
        return learned.model
