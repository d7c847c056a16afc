"""Run files: the options of a command line as TOML, to be read by `--config` and written by `inspect --toml`.

A key is an option without its dashes: `hidden-size = 256`; `corpus` holds the names of the texts. Options on the
command line take precedence over the file.
"""

import contextlib
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from charrnn.config import CorpusConfig, ModelConfig, SavingConfig, TrainingConfig
from charrnn.errors import OFF, CheckpointError, DataError, UsageError
from charrnn.runs import BEST, LAST
from charrnn.settings import flags_of, may_be_off, plain_value, settings_of
from charrnn.text.kinds import asking_setting
from charrnn.wording import did_you_mean

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint

NOT_IN_A_FILE = ("config_file", "help", "quiet")
"""Parameters of a command that are no settings."""
LARGEST = 1 << 20
"""Maximum bytes of a run file."""
ONE_RUN = ("corpus", "plan")
"""What all checkpoints of a run have recorded alike."""


def apply_run_file(context: typer.Context, path: Path, once: Collection[str]) -> None:
    """Take the values of a run file as the defaults of a command line.

    Args:
        context: the command.
        path: the file.
        once: settings that a file does not have, because they say what to do now.

    Raises:
        UsageError: the file has a key that is not an option of the command, or true where a value must be.
        DataError: it cannot be read, or is not TOML.
    """
    parameters: dict[str, Any] = {}
    for parameter in context.command.params:
        if parameter.name not in (*NOT_IN_A_FILE, *once):
            names = [n.lstrip("-") for n in (*parameter.opts, *parameter.secondary_opts)]
            parameters |= dict.fromkeys([parameter.name, *names], parameter)
    values = {}
    for key, value in read_toml(path).items():
        if key not in parameters:
            raise UsageError(
                f"{path}: {key!r} is not an option of '{context.command_path}'",
                did_you_mean(key, [n for n in parameters if len(n) > 1]),
            )
        parameter = parameters[key]
        if isinstance(value, bool) and not getattr(parameter, "is_flag", False):
            raise UsageError(f"{path}: {key} needs a value, not {str(value).lower()}")
        several = getattr(parameter, "multiple", False) or parameter.nargs == -1
        values[parameter.name] = [value] if several and not isinstance(value, list) else value
    context.default_map = values


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        DataError: it cannot be read, or is not TOML.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise DataError(f"{path} has more than {LARGEST:,} bytes: it is not a run file")
        return tomllib.loads(content.decode())
    except OSError as error:
        from charrnn.text.sources import unreadable

        raise unreadable(path, error) from error
    except (
        ValueError,
        RecursionError,
    ) as error:  # the first: also of a number with too many digits
        raise DataError(f"{path} is not valid TOML: {error}") from error


def run_file_of(loaded: "Checkpoint") -> str:
    """The run file with which `train --config` repeats a run as it went: every setting, and changes of its plan.

    Raises:
        CheckpointError: the checkpoint does not record its run.
    """
    import tomli_w

    from charrnn.schema import current
    from charrnn.training.record import corpus_config_of, training_settings

    try:
        run = _whole(loaded).run
        network = {**loaded.model.config.__dict__}
        training = training_settings(run)
        steps = training["steps"]
        saving = current(run.get("saving", {}))
        corpus = corpus_config_of(run["corpus"]).__dict__
        names = [str(name) for name in run["corpus"]["sources"]]
        start = run.get("init_from", {})
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{loaded.path} does not record how its run was made") from error
    parts: list[tuple[str, dict[str, Any]]] = [
        ("Text", {"corpus": names} | _values(CorpusConfig, corpus)),
        ("Network", _values(ModelConfig, network)),
        ("Training", {"steps": steps} | _values(TrainingConfig, training)),
        ("Saving", _values(SavingConfig, saving)),
    ]
    if start:
        extend = {"extend-vocabulary": True} if start.get("extend_vocabulary") else {}
        if asking_setting(CorpusConfig(**corpus)) is None:  # whatever the model was trained on
            parts[0][1]["lines"] = False
        if corpus["normalize"] is None and corpus["level"] == "char":
            parts[0][1]["normalize"] = OFF
        parts.insert(1, ("Start", {"init-from": str(start.get("path"))} | extend))
    sections = [
        f"# {title}\n{_visible(tomli_w.dumps(values))}" for title, values in parts if values
    ]
    return "\n".join(sections)


def _visible(toml: str) -> str:
    """TOML with escapes for the characters that would act on a terminal, some of which its writer leaves as they are."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\U{ord(c):08X}" for c in toml)


def _whole(loaded: "Checkpoint") -> "Checkpoint":
    """The checkpoint that knows how the run went on: the last one beside the best, if it is of the same run."""
    from charrnn.checkpoint import load_checkpoint

    if loaded.path is None or loaded.path.name != BEST:
        return loaded
    with contextlib.suppress(CheckpointError):
        last = load_checkpoint(loaded.path.with_name(LAST))
        same = (part in loaded.run and loaded.run[part] == last.run.get(part) for part in ONE_RUN)
        if all(same) and loaded.model.config == last.model.config:
            return last
    return loaded


def _values(config: type, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a config with recorded values; those that the command line would choose anyway are left out."""
    values = {}
    for name, rule in settings_of(config).items():
        if not rule.option or name not in recorded:
            continue
        value = plain_value(recorded[name])
        default = plain_value(getattr(config, name, None))
        if value == default and not rule.planned:
            continue
        if value is None and not may_be_off(config, name):
            continue
        if isinstance(value, list):
            value = [":".join(map(str, v)) if isinstance(v, list) else v for v in value]
        if rule.escapes and isinstance(value, str):
            value = value.replace("\\", "\\\\")
        values[flags_of(name, rule)[0].lstrip("-")] = OFF if value is None else value
    return values
