"""`charrnn sample`: write new text."""

import dataclasses
import itertools
from typing import TYPE_CHECKING

import typer

from charrnn.cli import sample_options as options
from charrnn.cli.edits import Clamp, Steer, SteerFile, edited
from charrnn.cli.fill import write_fillings
from charrnn.cli.interactive import SUGGESTED, write_together
from charrnn.cli.options import was_given
from charrnn.cli.run_names import CheckpointArgument, open_checkpoint, reads_lines
from charrnn.cli.sample_input import (
    check_together,
    first_temperature,
    fresh_seed,
    parse_bias,
    prime_text,
    unescaped,
)
from charrnn.cli.sample_output import JsonOutput, Output, SurprisalOutput, TextOutput
from charrnn.cli.terminal import say
from charrnn.config import SamplingConfig
from charrnn.render.palette import Palette
from charrnn.wording import counted

if TYPE_CHECKING:
    from charrnn.model import CharRNN
    from charrnn.sampling.selection import Selection

MOST_WAITING = 1 << 21
"""Characters of samples that are written side by side, at most: all but the first wait for their turn."""
MANY_LANES = 8
"""Side by side; fewer are not worth a second thread for their products."""


def sample(
    context: typer.Context,
    checkpoint: CheckpointArgument = None,
    prime: options.Prime = None,
    prime_file: options.PrimeFile = None,
    unknown: options.UnknownCharacters = options.Unknown.refuse,
    seed: options.Seed = SamplingConfig.seed,
    temp: options.Temp = SamplingConfig.temperature,
    temp_from: options.TempFrom = None,
    temp_to: options.TempTo = None,
    top_k: options.TopK = SamplingConfig.top_k,
    top_p: options.TopP = SamplingConfig.top_p,
    min_p: options.MinP = SamplingConfig.min_p,
    typical: options.Typical = SamplingConfig.typical,
    repetition_penalty: options.RepetitionPenalty = SamplingConfig.repetition_penalty,
    repetition_window: options.RepetitionWindow = SamplingConfig.repetition_window,
    no_repeat_ngram: options.NoRepeatNgram = SamplingConfig.no_repeat_ngram,
    ban: options.Ban = "",
    bias: options.Bias = None,
    match: options.Match = None,
    fill: options.Fill = None,
    beam: options.Beam = None,
    fill_newlines: options.FillNewlines = False,
    length: options.Length = SamplingConfig.length,
    stop: options.Stop = None,
    until_sentence: options.UntilSentence = False,
    max_chars: options.MaxChars = None,
    lines: options.AsLines = None,
    count: options.Count = 1,
    separator: options.Separator = None,
    unique: options.Unique = False,
    novel: options.Novel = None,
    novel_length: options.NovelLength = 50,
    best_of: options.BestOf = 1,
    json: options.Json = False,
    log_probabilities: options.LogProbabilities = False,
    interactive: options.Interactive = False,
    show_probabilities: options.ShowProbabilities = False,
    color: options.Color = None,
    palette: options.Palette = Palette.rdbu,
    clamp: Clamp = None,
    steer: Steer = None,
    steer_file: SteerFile = None,
    quiet: options.Quiet = False,
) -> None:
    """Write new text with a trained model.

    Characters appear as they are made.
    Standard output carries the prime text and what follows it, and nothing else.
    A model that was trained with --lines writes whole lines.
    """
    check_together(context)
    start, end = (temp if temp_from is None else first_temperature(temp_from)), temp_to
    config = SamplingConfig(
        length=length,
        temperature=start,
        temperature_to=end,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        typical=typical,
        repetition_penalty=repetition_penalty,
        repetition_window=repetition_window,
        no_repeat_ngram=no_repeat_ngram,
        ban=unescaped("--ban", ban),
        bias=tuple(map(parse_bias, bias or ())),
        seed=fresh_seed() if seed is None else seed,
        stop=tuple(unescaped("--stop", text) for text in stop or ()),
        until_sentence=until_sentence,
        max_chars=max_chars,
        match=match,
        log_probabilities=json or show_probabilities or best_of > 1,
    )
    between = None if separator is None else unescaped("--separator", separator)
    loaded = open_checkpoint(checkpoint, quiet=quiet)
    model = edited(loaded.model, clamp, steer, steer_file, quiet=quiet)
    config = dataclasses.replace(config, line=reads_lines(loaded) if lines is None else lines)
    if fill is not None:
        write_fillings(
            model,
            fill,
            config if was_given(context, "temp") else dataclasses.replace(config, temperature=0.0),
            count=count,
            beam=beam,
            newlines=fill_newlines,
            separator=between,
            as_json=json,
            quiet=quiet,
        )
        return
    skip = unknown is options.Unknown.skip
    text = prime_text(prime, prime_file, model, config, skip=skip, quiet=quiet)
    if not quiet:
        to = "" if end is None else f" to {end:g}"
        say(f"charrnn: temperature {start:g}{to}, seed {config.seed}")
    if interactive:
        if not was_given(context, "length"):
            config = dataclasses.replace(config, length=SUGGESTED)
        write_together(model, config, text, quiet=quiet)
        return
    wanted = _selection(model, count, best_of, novel, novel_length, unique=unique, quiet=quiet)
    output: Output
    if json:
        output = JsonOutput(text, characters=log_probabilities)
    elif show_probabilities:
        output = SurprisalOutput(
            text, between, lines=config.line, color=color, palette=palette, quiet=quiet
        )
    else:
        output = TextOutput(text, between, lines=config.line)
    _write(model, config, wanted, output)
    if config.line and output.cut_off and not quiet:
        from charrnn.sampling.stopping import limiting_option

        verb = "was" if output.cut_off == 1 else "were"
        cut_off = f"{output.cut_off:,} of {counted(count, 'line')} {verb} cut off"
        say(f"charrnn: {cut_off} by {limiting_option(config)}")


def _selection(
    model: "CharRNN",
    count: int,
    best_of: int,
    novel: list[str] | None,
    novel_length: int,
    *,
    unique: bool,
    quiet: bool,
) -> "Selection":
    from charrnn.sampling.selection import Selection

    novelty = None
    if novel:
        from charrnn.cli.inputs import open_corpus, without_training_hint
        from charrnn.config import CorpusConfig
        from charrnn.errors import DataError
        from charrnn.sampling.novelty import Novelty

        symbols = model.vocabulary
        keep = symbols.level == "char" and ord("\r") in symbols.symbols
        config = CorpusConfig(level=symbols.level, keep_newlines=keep)
        try:
            corpus = open_corpus(novel, config, quiet=quiet)
        except DataError as error:
            raise without_training_hint(error) from error
        novelty = Novelty([corpus.vocabulary.decode(corpus.ids)], novel_length)
    return Selection(count, best_of, unique, novelty)


def _lanes(config: SamplingConfig, wanted: "Selection") -> int:
    """How many samples to write side by side."""
    from charrnn.sampling.sampler import LANES
    from charrnn.sampling.stopping import most_characters

    fitting = MOST_WAITING // max(most_characters(config), 1)
    return max(1, min(LANES, wanted.count * wanted.best_of, fitting))


def _write(model: "CharRNN", config: SamplingConfig, wanted: "Selection", output: Output) -> None:
    """Write what is wanted.

    One stream has one thread: more would wait for each other at every character, and many times as long if another
    program keeps a core busy.
    """
    from threadpoolctl import threadpool_limits

    from charrnn.sampling.sampler import collect, in_order, write
    from charrnn.sampling.selection import select

    indices = itertools.count() if wanted.drops else range(wanted.count * wanted.best_of)
    lanes = _lanes(config, wanted)
    with threadpool_limits(None if lanes >= MANY_LANES else 1, "blas"):
        pieces = in_order(write(model, output.prime, config, indices=indices, lanes=lanes))
        if wanted.is_plain and isinstance(output, TextOutput):
            output.stream(pieces)
        else:
            output.write(select(collect(pieces, output.prime, config), wanted))
