"""`charrnn train --init-from`: the model that a run starts from, instead of random weights."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from charrnn.cli import train_options as option
from charrnn.cli.checkpoints import open_checkpoint
from charrnn.cli.console import say
from charrnn.config import ModelConfig
from charrnn.errors import UsageError
from charrnn.wording import escape

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.model import CharRNN
    from charrnn.text.vocabulary import Vocabulary

HOW_TO_ADD = (
    "--extend-vocabulary adds them to the model; with --min-count 2 as well, those that occur only once "
    "become one unknown symbol"
)
OPTION_OF = {"num_layers": "layers"}
"""The parameters of `train` that are not called as the field of ModelConfig which they set."""
MOST_SHOWN = 8
"""Added characters that are shown, at most."""


@dataclass(frozen=True)
class Start:
    """The model that a run starts from, and whether the text's other characters are added to it."""

    checkpoint: "Checkpoint"
    extend: bool

    @property
    def model(self) -> "CharRNN":
        """The model as it was trained."""
        return self.checkpoint.model

    @property
    def level(self) -> str:
        """`char` or `byte`, as the model is."""
        return self.model.vocabulary.level

    def network(self, vocab_size: int) -> ModelConfig:
        """The network of the run: the model's, with so many symbols."""
        return dataclasses.replace(self.model.config, vocab_size=vocab_size)

    def about(self) -> dict[str, Any]:
        """What the run's checkpoints say of it: its file as it was named, that file's checksum, and its corpus's."""
        corpus = self.checkpoint.run.get("corpus")
        return {
            "path": str(self.checkpoint.path),
            "sha256": self.checkpoint.sha256,
            "fingerprint": corpus.get("fingerprint") if isinstance(corpus, dict) else None,
        }


def open_start(context: typer.Context) -> Start | None:
    """The model that --init-from names, or None without that option.

    Raises:
        CheckpointError: there is no such checkpoint, or it cannot be read.
        UsageError: another option asks for something else than the model is, or needs what is not given.
    """
    name, extend = context.params["init_from"], context.params["extend_vocabulary"]
    if name is None:
        if extend:
            raise UsageError(
                "--extend-vocabulary goes with --init-from only",
                "for example: charrnn train book.txt --init-from plays --extend-vocabulary",
            )
        return None
    if context.params["min_count"] > 1 and not extend:
        raise UsageError(
            "with --init-from, --min-count decides only which characters are added to the model's own",
            "add --extend-vocabulary, or leave out --min-count",
        )
    start = Start(open_checkpoint(name), extend)
    _require_agreement(context, start)
    if extend and start.level == "byte":
        raise UsageError(
            f"{start.checkpoint.path} is a byte model, which has every byte already",
            "leave out --extend-vocabulary",
        )
    return start


def _require_agreement(context: typer.Context, start: Start) -> None:
    """Refuse an option that says something else of the network than the model is."""
    own = dataclasses.asdict(start.model.config) | {"level": start.level}
    del own["vocab_size"]
    for field, value in own.items():
        parameter = OPTION_OF.get(field, field)
        given = context.params.get(parameter)
        if option.was_given(context, parameter) and given != value:
            raise UsageError(
                f"--{parameter.replace('_', '-')} is {_shown(given)} here, but {_shown(value)} in "
                f"{start.checkpoint.path}",
                "leave it out: with --init-from the network keeps its shape",
            )


def _shown(value: object) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def say_start(start: Start, vocabulary: "Vocabulary") -> None:
    """What the run starts from, and what is added to it."""
    old = start.model.vocabulary
    unit = "bytes" if start.level == "byte" else "characters"
    added = sorted({*vocabulary.symbols.tolist()} - {*old.symbols.tolist()})
    parts = [start.model.config.cell, f"{len(old):,} {unit}"]
    if added:
        shown = ", ".join(map(_character, added[:MOST_SHOWN]))
        more = " ..." if len(added) > MOST_SHOWN else ""
        parts.append(f"{len(added):,} added ({shown}{more})")
    if vocabulary.has_unknown and not old.has_unknown:
        parts.append("an unknown symbol added")
    say(f"from        {escape(str(start.checkpoint.path))}: {', '.join(parts)}")


def _character(point: int) -> str:
    character = chr(point)
    return character if character.isprintable() and character.strip() else f"U+{point:04X}"
