"""The option --counts: whether a command mixes the network's predictions with the counts of its training text."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from charrnn.config import READING
from charrnn.settings import Config, setting

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.counts.mixture import Counts


@dataclass(frozen=True, kw_only=True)
class CountsOptions(Config):
    """Whether predictions are mixed with those of counts, or come from the network alone."""

    counts: bool | None = setting(
        None,
        "Mix the network's predictions with those of n-gram counts of its training text.",
        default_text="off",
        panel=READING,
    )

    def mixed(self, model: Any, loaded: "Checkpoint", *, usually: bool = False) -> Any:
        """A checkpoint's model, which may have been edited, with its counts, if they are wanted.

        Args:
            model: the model.
            loaded: its checkpoint.
            usually: the default of the command: whether they are mixed in if the checkpoint has any that help.

        Raises:
            SettingError: they are wanted, and the checkpoint has none.
        """
        counts = self.wanted(loaded, usually=usually)
        if counts is None:
            return model
        from charrnn.counts.mixed_model import MixedModel

        return MixedModel(model, counts)

    def wanted(self, loaded: "Checkpoint", *, usually: bool = False) -> "Counts | None":
        """The counts of a checkpoint, if they are to be mixed in; arguments and errors as for `mixed`."""
        if self.counts:
            return loaded.require_counts()
        usual = loaded.counts if usually and self.counts is None else None
        return usual if usual and usual.helps else None


def network_of(model: Any) -> Any:
    """A model without its counts."""
    return model.network if has_counts(model) else model


def has_counts(model: Any) -> bool:
    """Whether a model's predictions are mixed with counts."""
    return getattr(model, "counts", None) is not None


ON = {"default_text": "on, if the model has any that help"}
"""How the default is described for commands that mix the counts in by default."""
