"""`charrnn sample`: generate text with a trained model."""

import dataclasses
import itertools
from typing import TYPE_CHECKING

from charrnn.cli.adapting import SamplingAdaptOptions
from charrnn.cli.counts import CountsOptions
from charrnn.cli.edits import EditOptions
from charrnn.cli.options import Changes, Given
from charrnn.cli.run_names import CheckpointArgument, open_any, refuse_for_pairs
from charrnn.cli.sample.infill import InfillOptions, write_infillings
from charrnn.cli.sample.interactive import InteractiveOptions, write_together
from charrnn.cli.sample.output import JsonOutput, Output, OutputOptions, TextOutput, make_output
from charrnn.cli.sample.prompt import (
    PromptArgument,
    PromptOptions,
    hint_without_run,
    parse_bias,
    read_prompt,
)
from charrnn.cli.sample.selection import SelectionOptions, between_items, make_selection
from charrnn.cli.terminal import say
from charrnn.config import CorpusConfig, SamplingConfig
from charrnn.errors import SettingError
from charrnn.runs import reading_of, writes_any_bytes
from charrnn.text.kinds import LINES, item_end_of, item_noun
from charrnn.threads import threads_for
from charrnn.wording import counted

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.model import CharRNN
    from charrnn.sampling.selection import Selection

EXAMPLES = (
    "charrnn sample --prompt 'def ' --temp 0.5 --length 400",
    "charrnn sample names --count 20 --unique",
    "charrnn sample --infill 'ROMEO: ____ the sun'",
)
CHANGES = Changes(parse={"bias": parse_bias})

MAX_WAITING = 1 << 21
"""Maximum characters of samples generated in parallel: all but the first wait for their turn to be printed."""


def sample(
    checkpoint: CheckpointArgument = None,
    text: PromptArgument = None,
    *,
    prompt: PromptOptions,
    config: SamplingConfig,
    interactive: InteractiveOptions,
    infill: InfillOptions,
    selection: SelectionOptions,
    output: OutputOptions,
    counts: CountsOptions,
    edits: EditOptions,
    adapting: SamplingAdaptOptions,
    given: Given,
) -> None:
    """Generate text with a trained model.

    Characters are printed as they are generated. Standard output gets the prompt and the generated text, nothing else.
    A model that was trained on lines, records or documents generates whole ones.
    """
    loaded = open_any(checkpoint, lambda name: hint_without_run(name, prompt.prompt, text))
    prompt = prompt.with_argument(text)
    interactive.require_input(
        {
            "prompt_file": prompt.prompt_file,
            "adapt": adapting.adapt,
            "novel": selection.novel,
        }
    )
    if prompt.source is not None or loaded.model.config.align:
        if loaded.model.config.align:
            refuse_for_pairs(counts)
        model, reading = _after_source(loaded, prompt.source, edits)
    else:
        reading = reading_of(loaded)
        model = adapting.adapted(counts.mixed(edits.edited(loaded), loaded), reading)
    config = dataclasses.replace(
        config.seeded(),
        item_end=selection.item_end(reading),
        any_bytes=writes_any_bytes(loaded),
        log_probabilities=output.needs_log_probabilities or selection.best_of > 1,
    )
    if infill.infill is not None:
        from charrnn.cli.inputs import as_typed_for

        template = as_typed_for(infill.infill, model, reading)
        infill = dataclasses.replace(infill, infill=template)
        write_infillings(model, infill, config, selection, as_json=output.json, given=given)
        return
    start = read_prompt(prompt, model, config, reading)
    separator = selection.between(reading)
    if interactive.interactive:
        _say_how(config)
        write_together(model, config, start, given, separator or "\n\n")
        return
    end = item_end_of(reading)
    running = config.item_end is None and end not in (None, LINES.end)
    written = {end: between_items(reading)} if end and running else {}
    made = make_output(output, start, separator, item_end=config.item_end, written=written)
    _generate(model, config, make_selection(selection, reading), made)
    if config.item_end and made.cut_off:
        _say_cut_off(config, made.cut_off, selection.count)


def _after_source(
    loaded: "Checkpoint", given: str | None, edits: EditOptions
) -> "tuple[CharRNN, CorpusConfig]":
    """A model of pairs as a language model of the targets of a source, and how it reads a text: as lines.

    Raises:
        SettingError: there is no source, or the model is a language model.
        UsageError: the model has no such units to edit.
    """
    from charrnn.pairs.given import given_source

    if given is None:
        raise SettingError.naming(
            "a model of pairs generates the targets of a source, and none is given",
            "add {source:SOURCE}; or charrnn convert gives the most likely target of each line",
        )
    if loaded.model.config.align is None:
        raise SettingError.naming("{source} only applies to a model of pairs", "leave it out")
    reading = dataclasses.replace(reading_of(loaded), lines=True)
    return given_source(edits.edited(loaded), given), reading


def _generate(
    model: "CharRNN", config: SamplingConfig, selection: "Selection", output: Output
) -> None:
    """Generate the samples that a selection keeps, and write them."""
    from charrnn.sampling.sampler import collect, generate, in_order
    from charrnn.sampling.selection import select

    wanted = selection.count * selection.best_of
    indices = itertools.count() if selection.rejects else range(wanted)
    streams = _num_streams(config, wanted)
    with threads_for(streams):
        pieces = in_order(
            generate(model, output.prompt, config, indices=indices, batch_size=streams)
        )
        _say_how(config)  # what cannot be generated has been refused by now
        if selection.is_plain and not isinstance(output, JsonOutput):
            assert isinstance(output, TextOutput)
            output.stream(pieces)
        else:
            output.write(select(collect(pieces, output.prompt, config), selection))


def _say_how(config: SamplingConfig) -> None:
    """Report the temperature and the seed."""
    later = config.temperature_to
    to = "" if later is None else f" to {later:g}"
    say(f"charrnn: temperature {config.temperature:g}{to}, seed {config.seed}")


def _num_streams(config: SamplingConfig, wanted: int) -> int:
    """The number of samples that are generated in parallel."""
    from charrnn.sampling.batch import MAX_BATCH
    from charrnn.sampling.stopping import max_characters

    fitting = MAX_WAITING // max(max_characters(config), 1)
    return max(1, min(MAX_BATCH, wanted, fitting))


def _say_cut_off(config: SamplingConfig, number: int, count: int) -> None:
    """Report how many lines, records or documents were cut off at the maximum length."""
    from charrnn.sampling.stopping import limiting_setting, max_characters

    verb = "was" if number == 1 else "were"
    lines = f"{number:,} of {counted(count, item_noun(config.item_end or ''))}"
    option = "--" + limiting_setting(config).replace("_", "-")
    say(f"charrnn: {lines} {verb} cut off by {option} {max_characters(config)}")
