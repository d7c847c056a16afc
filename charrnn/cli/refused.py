"""Typer's errors for an invalid command line, in charrnn's one-line form."""

import re
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import typer

from charrnn.errors import UsageError
from charrnn.wording import listed, nearest

Refused: type[Exception] = typer.BadParameter.__mro__[1]
"""The error that Typer raises for an invalid command line; it does not export it."""

SHOULD_BE = "Input should be "
"""The beginning of pydantic's message about a value."""


OTHER_WORDS = {
    "sample": ("generate", "gen", "write"),
    "visualize": ("visualise", "viz", "plot", "show", "dump", "color", "view"),
    "evaluate": ("eval", "test", "perplexity", "validate"),
    "inspect": ("info", "describe", "summary"),
    "runs": ("list", "ls", "models", "checkpoints"),
    "serve": ("web", "server", "live", "gui"),
    "sweep": ("grid", "search", "tune", "sweeps"),
    "train": ("fit", "resume", "continue", "finetune", "fine-tune"),
    "corpora": ("corpus", "datasets", "data"),
    "--version": ("version",),
}
"""What other programs call a verb."""
OTHER_WORDS_OF_RUNS = {
    "": ("list", "ls", "show"),
    "rename": ("mv", "move"),
    "remove": ("rm", "delete", "del"),
}
"""What other programs call a command of `charrnn runs`, or the group itself."""
OTHER_OPTIONS = {
    "--lr": ("learning-rate", "learn-rate", "base-lr", "eta"),
    "--hidden-size": ("rnn-size", "rnn-units", "nhid", "hidden-dim", "hidden-units", "n-hidden"),
    "--layers": ("nlayers", "n-layers", "depth"),
    "--embedding-size": ("emsize", "emb-size", "embedding-dim", "embed-dim"),
    "--sequence-length": ("seq-length", "seq-len", "bptt", "block-size"),
    "--cell": ("rnn", "rnn-type", "arch"),
    "--clip": ("grad-clip", "gradient-clip", "clip-norm", "max-grad-norm"),
    "--weight-decay": ("l2", "wd"),
    "--patience": ("early-stopping",),
    "--val-fraction": ("val-frac", "validation-split"),
    "--out": ("output-dir", "save-dir", "checkpoint-dir"),
    "--device cuda": ("gpu", "gpuid", "gpu-id", "cuda", "use-gpu"),
    "--device cpu": ("cpu", "no-cuda"),
    "--prompt": ("primetext", "prefix", "start-text", "seed-text"),
    "--count": ("num-samples", "n-samples"),
    "--infill": ("fill",),
    "--streams": ("lanes",),
    "--surprisal": ("bits",),
    "charrnn context": ("horizon", "context"),
    "charrnn gates": ("gates",),
    "charrnn gradients": ("gradients",),
}
"""What other programs, and older versions, call an option, its value included, or what is a command of its own now."""
WITHOUT_MODEL = (
    "charrnn",
    *(f"charrnn {verb}" for verb in ("train", "compare", "sweep", "runs", "corpora")),
)
"""The commands that take no model as their first argument."""


def in_one_line(
    refused: Any,
    command: str,
    options_of_verbs: Callable[[], Mapping[str, Sequence[str]]],
    arguments: Sequence[str],
) -> UsageError:
    """Typer's error as one of charrnn's.

    Args:
        refused: the error.
        command: the command whose help the hint names.
        options_of_verbs: the spellings of each verb's options.
        arguments: the command line.
    """
    hint = ""
    message: str = _of_a_value(refused) or refused.format_message()
    if option := getattr(refused, "option_name", ""):
        if hasattr(refused, "possibilities"):  # the option is unknown
            message = f"no such option: {option}"
            hint = _option_meant(option, command, refused, options_of_verbs(), arguments)
            if command == "charrnn" and hint.endswith(option):
                hint = f"{hint} {shlex.join(arguments[1:])}".rstrip()
    elif verb := re.match(r"No such command '(.+?)'", message):
        message = f"no such command '{verb[1]}'"
        of_runs = command == "charrnn runs"
        others = OTHER_WORDS_OF_RUNS if of_runs else OTHER_WORDS
        hint = _verb_meant(verb[1], command, others, [*others] if of_runs else options_of_verbs())
    elif extra := re.match(r"Got unexpected extra arguments?(?:\(s\))? \((.+)\)", message):
        message = f"unexpected argument {extra[1]!r} for {command}"
        hint = "put a text of several words in quotes"
    message = message[:1].lower() + message[1:].rstrip(".")
    return UsageError(message, hint or f"run '{command} --help' for usage")


def _option_meant(
    option: str,
    command: str,
    refused: Any,
    verbs: Mapping[str, Sequence[str]],
    arguments: Sequence[str],
) -> str:
    """The option that was probably meant: of this command if it has one as near as any other command's."""
    if option == "-m" and command not in WITHOUT_MODEL:
        line = ["charrnn", *(word for word in arguments if word != option)]
        return f"give the model as the first argument, without an option: {shlex.join(line)}"
    if len(option) == len("-x"):
        return ""
    ours = [name for p in refused.ctx.command.params for name in p.opts if name.startswith("-")]
    begun = [name for name in ours if name.startswith(option) and len(option) > len("--x")]
    everywhere = [option for names in ([*ours], *verbs.values()) for option in names]
    plain = option.lstrip("-").casefold().replace("_", "-")
    known = [name for name, others in OTHER_OPTIONS.items() if plain in others]
    meant = (begun or known or [nearest(option, everywhere) or ""])[0]
    near = meant.partition(" ")[0]
    if near == "charrnn":
        return f"that is a command of its own: {meant}"
    if near in ours:
        return f"did you mean {meant}?"
    having = [f"charrnn {verb}" for verb, names in verbs.items() if near in names]
    if having and command == "charrnn":
        return f"options go after the command: {having[0]} {meant}"
    return f"{near} is an option of {listed(having, 4)}" if having else ""


def _verb_meant(
    word: str, command: str, others: Mapping[str, Collection[str]], verbs: Collection[str]
) -> str:
    """The command that was probably meant.

    Args:
        word: what was typed.
        command: the command before it.
        others: other programs' words for commands.
        verbs: the commands that there are.
    """
    meant = [verb for verb, words in others.items() if word.casefold() in words]
    near = meant[0] if meant else nearest(word, verbs)
    return "" if near is None else f"did you mean {f'{command} {near}'.rstrip()}?"


def _of_a_value(refused: Any) -> str:
    """The message with the invalid value, which Typer leaves out, and what the setting expects.

    The error of pydantic behind Typer's has both; what it expects stands for arguments that are no settings.
    """
    behind = getattr(refused.__cause__, "errors", None)
    if not behind or not behind()[0]["msg"].startswith(SHOULD_BE):
        return ""
    in_words = getattr(getattr(refused.ctx.command, "callback", None), "expected", None)
    expected = in_words(refused.param.name) if in_words else ""
    expected = expected or behind()[0]["msg"].removeprefix(SHOULD_BE).partition(",")[0]
    return f"{refused.param.opts[0]} must be {expected}, not {behind()[0]['input']!r}"
