"""The prompt of `charrnn sample`: where it comes from, and what the model cannot read of it."""

import contextlib
import dataclasses
import math
import shlex
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.cli.inputs import NAMED, as_typed_for, leave_out_unknown, read_texts
from charrnn.cli.options import unescaped
from charrnn.config import LARGEST_BIAS, PROMPT, CorpusConfig, SamplingConfig
from charrnn.errors import DataError, UsageError
from charrnn.settings import Config, setting
from charrnn.text.kinds import end_name, item_noun
from charrnn.wording import quoted

if TYPE_CHECKING:
    from charrnn.model import CharRNN


PromptArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="PROMPT", help="Text to continue; the same as --prompt.", show_default=False
    ),
]


class Unknown(StrEnum):
    """What to do with prompt characters that the model has never seen."""

    refuse = "refuse"
    skip = "skip"


@dataclass(frozen=True, kw_only=True)
class PromptOptions(Config):
    """The text that samples continue."""

    prompt: str | None = setting(
        None,
        "Text to continue; it is printed first. Without one, a new line begins.",
        flags=("--prompt", "--prime"),
        excludes=("prompt_file",),
        escapes=True,
    )
    prompt_file: tuple[str, ...] = setting(
        (),
        f"Read the prompt: {NAMED}. May be repeated.",
        flags=("--prompt-file", "--prime-file"),
        metavar="FILE|-",
        panel=PROMPT,
    )
    source: str | None = setting(
        None,
        "With a model of pairs: the source whose targets are generated; of labels several with weights too, "
        "such as french:0.5,german:0.5.",
        flags=("--given",),
        metavar="SOURCE",
        excludes=("interactive", "infill", "lines", "separator"),
        panel=PROMPT,
    )
    unknown: Unknown = setting(
        Unknown.refuse,
        "What to do with prompt characters that the model has never seen.",
        panel=PROMPT,
    )

    def with_argument(self, text: str | None) -> "PromptOptions":
        """These options with a prompt that stands behind the run's name.

        Raises:
            UsageError: there is another prompt.
        """
        if text is None:
            return self
        if self.prompt is not None or self.prompt_file:
            option = "--prompt-file" if self.prompt is None else "--prompt"
            raise UsageError(
                f"give one prompt, not {quoted(text)} and {option}",
                "put a prompt of several words in quotes",
            )
        return dataclasses.replace(self, prompt=unescaped("--prompt", text))


def hint_without_run(name: str, prompt: str | None, argument: str | None) -> str:
    """What to type instead of a run's name that is none, given the words before and behind it."""
    if prompt is not None or argument is not None:
        words = shlex.quote(" ".join(filter(None, (prompt, name, argument))))
        return f"put a prompt of several words in quotes: charrnn sample --prompt {words}"
    with contextlib.suppress(ValueError):
        return f"for a temperature: charrnn sample --temp {float(name):g}"
    return f"to continue this text: charrnn sample --prompt {shlex.quote(name)}"


def read_prompt(
    options: PromptOptions, model: "CharRNN", config: SamplingConfig, reading: CorpusConfig
) -> str:
    """The prompt, read as the model reads any text. For a single item a file's prompt has no end at its end.

    Raises:
        UsageError: a single item is wanted, and the prompt has several.
        DataError: it cannot be read, or has characters that the model does not know.
    """
    text = options.prompt or ""
    if options.prompt_file:
        text = read_texts(options.prompt_file, reading, words=False)
        text = text.removesuffix(config.item_end or "")
    if (end := config.item_end) and end in text:
        raise UsageError(
            f"the prompt has a {end_name(end)}, but single {item_noun(end)}s are generated",
            "add --no-lines",
        )
    text = as_typed_for(text, model, reading)
    if options.unknown is Unknown.skip:
        text, _ = leave_out_unknown(text, model)
    try:
        model.vocabulary.encode(text)
    except DataError as error:
        raise DataError(
            f"the prompt has characters that are {error.message}",
            error.hint or "add --unknown skip to leave them out",
        ) from error
    return text


def parse_bias(text: str) -> tuple[str, float]:
    """The characters and the value of --bias: "e=-2" -> ("e", -2.0); the characters may include `=`.

    Raises:
        UsageError: the text has no value, or one that is out of range.
    """
    characters, equals, value = text.rpartition("=")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (equals and characters and abs(number) <= LARGEST_BIAS):  # nor NaN
        raise UsageError(
            f"--bias must be CHARS=VALUE with a number from {-LARGEST_BIAS:g} to {LARGEST_BIAS:g}, not {text!r:.80}",
            "for example --bias e=-2",
        )
    return unescaped("--bias", characters), number
