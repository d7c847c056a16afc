"""What `charrnn train` reports before and after a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.cli.options import spell_as_options
from charrnn.cli.terminal import say
from charrnn.cli.train.pairs import pairs_in_words
from charrnn.errors import spelled
from charrnn.runs import LAST, resume_command
from charrnn.text.kinds import item_noun
from charrnn.training.advice import TRAIN_LONGER, run_advice
from charrnn.wording import counted, escape, noun_of

if TYPE_CHECKING:
    from charrnn.text.corpus import Corpus
    from charrnn.text.pairs import PairCorpus
    from charrnn.training.plan import Plan
    from charrnn.training.start import Start
    from charrnn.training.trainer import Trainer


MOST_ADDED = 8
"""Maximum added characters that are listed."""


def say_corpus(names: list[str], text: "Corpus | PairCorpus") -> None:
    """Report what was read and how it is split."""
    from charrnn.text.advice import corpus_advice
    from charrnn.text.pairs import PairCorpus

    if isinstance(text, PairCorpus):
        whole, split = pairs_in_words(text)
        say(f"corpus      {' '.join(names)}: {whole}")
        say(f"split       {split}")
        say_notes([*text.notes, *corpus_advice(text)])
        return
    files = f" in {text.num_sources:,} files" if text.num_sources > 1 else ""
    whole = counted(len(text), noun_of(text.config.level))
    if end := text.item_end:
        whole = f"{counted(text.num_items, item_noun(end))} of {whole}"
    say(f"corpus      {' '.join(names)}: {whole}{files}, {text.distinct:,} distinct")
    say(f"split       {_split(text)}")
    say_notes([*text.notes, *corpus_advice(text)])


def say_notes(notes: Sequence[str]) -> None:
    """Report what a user should know before training."""
    spell = spell_as_options({})
    for note in notes:
        say(f"note        {spelled(note, spell)}")


def _split(text: "Corpus") -> str:
    """The sizes of the parts: "3,600,000 for training, then 400,000 for validation"."""
    train, val, test = text.part_sizes
    noun = item_noun(text.item_end) if text.item_end else ""
    trained_on = counted(train, noun) if noun else f"{train:,}"
    parts = f"{trained_on} for training, then {val:,} for validation"
    parts += f", {test:,} held out for testing" if test else ""
    own_val, own_test = text.own_parts
    is_drawn = noun and ((val and not own_val) or (test and not own_test))
    return parts + (f", drawn with --split-seed {text.config.split_seed}" if is_drawn else "")


def say_start(start: "Start", text: "Corpus") -> None:
    """Report what the run starts from, and what is added to it."""
    old, vocabulary = start.model.vocabulary, text.vocabulary
    added = sorted({*vocabulary.symbols.tolist()} - {*old.symbols.tolist()})
    parts = [start.model.config.cell, counted(len(old), noun_of(start.level))]
    if added:
        shown = ", ".join(map(_character, added[:MOST_ADDED]))
        more = " ..." if len(added) > MOST_ADDED else ""
        parts.append(f"{len(added):,} added ({shown}{more})")
    if vocabulary.has_unknown and not old.has_unknown:
        parts.append("an unknown symbol added")
    say(f"from        {escape(str(start.checkpoint.path))}: {', '.join(parts)}")
    for note in start.reading_notes(text.config):
        say(f"            {spelled(note, spell_as_options({}))}")


def _character(point: int) -> str:
    character = chr(point)
    return character if character.isprintable() and character.strip() else f"U+{point:04X}"


def report_advice(trainer: "Trainer", longer: str) -> str:
    """Report advice drawn from the curve of a finished run.

    Args:
        trainer: the run.
        longer: the command that trains it longer.

    Returns:
        That command, if it may still be of use and was not shown here.
    """
    config = trainer.config
    notes = run_advice(trainer.files.metrics.rows, (config.dropout, config.weight_drop))
    for note in notes:
        say(f"note        {note}")
        if TRAIN_LONGER in note:
            say(f"            {longer}")
    return "" if notes or trainer.stopped_early else longer


def say_plan(plan: "Plan", folder: Path, label: str = "network") -> None:
    """Report what will be trained, why, how long it will take, and where it is saved."""
    *lines, last = plan_lines(plan, label)
    for line in [*lines, f"{last}, saving to {folder}; Ctrl-C stops cleanly"]:
        say(line)


def print_plan(plan: "Plan") -> None:
    """Print a plan as a result, to stdout."""
    for line in plan_lines(plan):
        print(line)


def plan_lines(plan: "Plan", label: str = "network") -> list[str]:
    """A plan in three lines, and its network and machine in one each."""
    from charrnn.network.shapes import describe

    config = plan.config
    threads = f"{counted(config.threads, 'thread')}, " if config.device == "cpu" else ""
    kernel = "fused kernel" if config.kernel == "fused" else "own loop"
    return [
        *(f"plan        {sentence}" for sentence in plan.reasons),
        f"{label:<12}{describe(plan.model_config)}",
        f"            on {config.device} ({threads}{config.precision}, {kernel})",
    ]


def say_stopped(trainer: "Trainer", names: list[str], *options: object) -> None:
    """Report where a run stopped, and the command that resumes it, with these options again."""
    step, folder = trainer.progress.step, trainer.folder
    say(f"stopped at step {step:,} of {trainer.config.steps:,}; saved to {folder / LAST}")
    say(f"to resume: {resume_command(folder, names, *options)}")
