"""`charrnn train`: read a text, plan a run, train, and say what to type next."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charrnn.cli.checkpoints import LAST, RUNS
from charrnn.cli.console import die_by_signal, duration, say, size
from charrnn.config import CorpusConfig, ModelConfig, TrainingConfig
from charrnn.errors import CheckpointError, DataError, EnvironmentFault, UsageError

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.text.corpus import Corpus
    from charrnn.training.plan import Plan
    from charrnn.training.trainer import Trainer

TEXT, BUDGET, NETWORK, LEARNING, RUN = "The text", "How long", "The network", "Learning", "The run"
KEPT_BY_RESUME = ("corpus", "name", "out", "resume", "quiet", "cache", "encoding", "threads")
"""Options that make sense with --resume; everything else is decided already."""


def train(
    context: typer.Context,
    corpus: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CORPUS...",
            help="Files, folders, .gz files, - for standard input, or names that `charrnn corpora` lists.",
            show_default=False,
        ),
    ] = None,
    # --- how long
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", help="Train for about so long. [default: 5, if no other budget is given]", show_default=False, rich_help_panel=BUDGET),
    ] = None,
    epochs: Annotated[
        float | None, typer.Option("--epochs", help="Stop after so many passes over the text.", show_default=False, rich_help_panel=BUDGET)
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", help="Stop after so many updates. Of several budgets the first to run out counts.", show_default=False, rich_help_panel=BUDGET)
    ] = None,
    # --- the network
    hidden_size: Annotated[
        int, typer.Option("--hidden-size", help="Units in a layer.", rich_help_panel=NETWORK)
    ] = ModelConfig.hidden_size,
    layers: Annotated[
        int, typer.Option("--layers", help="Layers stacked on each other.", rich_help_panel=NETWORK)
    ] = ModelConfig.num_layers,
    embedding_size: Annotated[
        int, typer.Option("--embedding-size", help="Length of a character's vector.", rich_help_panel=NETWORK)
    ] = ModelConfig.embedding_size,
    # --- learning
    dropout: Annotated[
        float | None,
        typer.Option("--dropout", help="Part of each layer's outputs zeroed in training. [default: 0 to 0.3 by the number of epochs]", show_default=False, rich_help_panel=LEARNING),
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", help="Lanes of text read side by side.", rich_help_panel=LEARNING)
    ] = TrainingConfig.batch_size,
    sequence_length: Annotated[
        int, typer.Option("--sequence-length", help="Characters through which a gradient flows back.", rich_help_panel=LEARNING)
    ] = TrainingConfig.sequence_length,
    lr: Annotated[
        float, typer.Option("--lr", help="The largest learning rate (AdamW; warm-up, then cosine decay).", rich_help_panel=LEARNING)
    ] = TrainingConfig.learning_rate,
    clip: Annotated[
        float, typer.Option("--clip", help="The largest norm of a gradient; 0 turns clipping off.", rich_help_panel=LEARNING)
    ] = TrainingConfig.clip,
    seed: Annotated[
        int, typer.Option("--seed", help="Decides the first weights and all dropout.", rich_help_panel=LEARNING)
    ] = TrainingConfig.seed,
    # --- the text
    level: Annotated[
        str, typer.Option("--level", help="Model `char`acters or `byte`s.", rich_help_panel=TEXT)
    ] = CorpusConfig.level,
    min_count: Annotated[
        int, typer.Option("--min-count", help="Characters that occur fewer times become one unknown symbol.", rich_help_panel=TEXT)
    ] = CorpusConfig.min_count,
    glob: Annotated[
        list[str] | None,
        typer.Option("--glob", help="Take from folders only files that match; !PATTERN leaves out. May be repeated.", show_default=False, rich_help_panel=TEXT),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option("--encoding", help="Of the files. [default: UTF-8, or what a byte order mark says]", show_default=False, rich_help_panel=TEXT)
    ] = CorpusConfig.encoding,
    keep_newlines: Annotated[
        bool, typer.Option("--keep-newlines", help="Keep CR LF and CR instead of turning them into LF.", rich_help_panel=TEXT)
    ] = CorpusConfig.keep_newlines,
    max_chars: Annotated[
        int | None, typer.Option("--max-chars", help="Read at most so many characters.", show_default=False, rich_help_panel=TEXT)
    ] = CorpusConfig.max_chars,
    val_fraction: Annotated[
        float, typer.Option("--val-fraction", help="Part of the text, after the training part, that judges the model.", rich_help_panel=TEXT)
    ] = CorpusConfig.val_fraction,
    test_fraction: Annotated[
        float, typer.Option("--test-fraction", help="Part at the end that training never looks at.", rich_help_panel=TEXT)
    ] = CorpusConfig.test_fraction,
    # --- the run
    name: Annotated[
        str | None, typer.Option("--name", help="The run's name. [default: from the corpus]", show_default=False, rich_help_panel=RUN)
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The folder of runs.", rich_help_panel=RUN)] = RUNS,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run of this name, or the newest.", rich_help_panel=RUN)
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Start the run of this name afresh.", rich_help_panel=RUN)
    ] = False,
    device: Annotated[
        str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.", rich_help_panel=RUN)
    ] = "auto",
    precision: Annotated[
        str, typer.Option("--precision", help="auto (the faster of the two, measured), float32 or bfloat16.", rich_help_panel=RUN)
    ] = "auto",
    threads: Annotated[
        int, typer.Option("--threads", help="CPU threads; 0 leaves torch's choice.", rich_help_panel=RUN)
    ] = TrainingConfig.threads,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="The folder for downloads and large encoded corpora. [default: the user's cache]", show_default=False, rich_help_panel=RUN)
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.", rich_help_panel=RUN)
    ] = False,
) -> None:
    """Train a network on a text and keep it under checkpoints/NAME/.

    Ctrl-C stops cleanly; --resume goes on exactly where the run stopped.
    """
    if resume:
        _refuse_other_options(context)
        _resume(corpus or [], name, out, cache, threads, quiet=quiet)
        return
    if not corpus:
        raise UsageError("which text?", "for example: charrnn train corpus.txt, or charrnn train python")
    _check_budget(minutes, epochs, steps)
    corpus_config = CorpusConfig(
        level=level,  # type: ignore[arg-type]  (checked by the config)
        min_count=min_count,
        encoding=encoding,
        keep_newlines=keep_newlines,
        max_chars=max_chars,
        globs=tuple(glob or ()),
        val_fraction=val_fraction,
        test_fraction=test_fraction,
    )
    config = TrainingConfig(
        batch_size=batch_size,
        sequence_length=sequence_length,
        learning_rate=lr,
        clip=clip,
        seed=seed,
        precision=precision,  # type: ignore[arg-type]  (checked by the config)
        threads=threads,
        dropout=dropout or 0.0,
    )
    ModelConfig(vocab_size=1, hidden_size=hidden_size, num_layers=layers, embedding_size=embedding_size)
    folder = _new_folder(out, name, corpus, overwrite=overwrite)

    from charrnn.cli.texts import open_corpus
    from charrnn.files import locked, make_writable_folder

    text = open_corpus(corpus, corpus_config, cache=cache)
    if not quiet:
        _say_corpus(corpus, text)
    model_config = ModelConfig(
        vocab_size=len(text.vocabulary),
        hidden_size=hidden_size,
        num_layers=layers,
        embedding_size=embedding_size,
    )
    make_writable_folder(folder)
    with locked(folder):
        _require_room(folder, model_config)
        if overwrite:
            for file in (folder / LAST, folder / "best.safetensors", folder / "metrics.jsonl"):
                file.unlink(missing_ok=True)
        from charrnn.training.machine import choose_device
        from charrnn.training.plan import Budget, Facts, make_plan
        from charrnn.training.trainer import Trainer

        prepare_machine()
        config = dataclasses.replace(config, device=str(choose_device(device)))
        plan = make_plan(
            Facts(len(text.train), len(text.val)), model_config, config, Budget(minutes, epochs, steps), dropout=dropout
        )
        if not quiet:
            _say_plan(model_config, plan)
        about = _about(corpus, text, plan.config, folder)
        _drive(Trainer(text, model_config, plan.config, folder, about=about), corpus, quiet=quiet)


# --- before the run ----------------------------------------------------------------------------------------------------


def prepare_machine() -> None:
    """What the process, not the library, decides: how memory that was freed is kept."""
    from charrnn.training.machine import keep_freed_memory

    keep_freed_memory()


def _check_budget(minutes: float | None, epochs: float | None, steps: int | None) -> None:
    for option, value in (("--minutes", minutes), ("--epochs", epochs), ("--steps", steps)):
        if value is not None and not 0 < value < 1e12:
            raise UsageError(f"{option} must be a finite number above 0, not {value}")


def _refuse_other_options(context: typer.Context) -> None:
    """With --resume, refuse what could only be ignored."""
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in KEPT_BY_RESUME
        and getattr(context.get_parameter_source(parameter.name or ""), "name", "") == "COMMANDLINE"
    ]
    if given:
        raise UsageError(
            f"--resume goes on with the run's own settings; {', '.join(given)} cannot change them",
            "leave them out, or start a new run without --resume",
        )


def _new_folder(out: Path, name: str | None, corpus: list[str], *, overwrite: bool) -> Path:
    """The folder of a new run: never one that holds another run, unless it is to be overwritten."""
    if name is not None:
        folder = out / _checked_name(name)
        if _holds_run(folder) and not overwrite:
            raise UsageError(
                f"{folder} holds a run already", "go on with it: --resume; start it afresh: --overwrite; or choose another --name"
            )
        return folder
    base = _name_of(corpus)
    number = 1
    while _holds_run(folder := out / (base if number == 1 else f"{base}-{number}")) and not overwrite:
        number += 1
    return folder


def _holds_run(folder: Path) -> bool:
    return any((folder / file).exists() for file in (LAST, "best.safetensors"))


def _checked_name(name: str) -> str:
    bad = not name or name.startswith((".", "-")) or len(name) > 100
    if bad or any(c in '/\\:*?"<>|' or not c.isprintable() for c in name):
        raise UsageError(f"a run's name is a plain folder name, not {name!r}", "for example --name plays; --out chooses where")
    return name


def _name_of(corpus: list[str]) -> str:
    """A run's name from its corpus: "texts/War and Peace.txt.gz" -> "War-and-Peace"."""
    if corpus[0] == "-":
        return "stdin"
    stem = Path(corpus[0]).resolve().name.removesuffix(".gz").rsplit(".", 1)[0] or "run"
    plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in stem).strip(".-")
    return plain[:60] or "run"


def _require_room(folder: Path, config: ModelConfig) -> None:
    import shutil

    from charrnn.model import count_parameters

    need = count_parameters(config) * 4 * 5  # weights, and weights with two moments, old beside new
    free = shutil.disk_usage(folder).free
    if free < need:
        raise EnvironmentFault(
            f"the checkpoints need about {size(need)} in {folder}, where {size(free)} are free", "choose another disk with --out"
        )


def _about(names: list[str], text: "Corpus", config: TrainingConfig, folder: Path) -> dict[str, Any]:
    """What a checkpoint says of its run."""
    import platform
    from importlib.metadata import version

    return {
        "name": folder.name,
        "corpus": {
            "sources": names,
            "config": dataclasses.asdict(text.config),
            "fingerprint": text.fingerprint,
            "characters": len(text),
            "distinct": text.distinct,
        },
        "training": dataclasses.asdict(config),
        "versions": {"charrnn": version("charrnn"), "torch": version("torch"), "python": platform.python_version()},
    }


def corpus_config_of(about: Mapping[str, Any]) -> CorpusConfig:
    """The CorpusConfig that a checkpoint recorded.

    Raises:
        CheckpointError: it recorded none that makes sense.
    """
    try:
        fields = dict(about["config"])
        return CorpusConfig(**(fields | {"globs": tuple(fields["globs"])}))
    except (KeyError, TypeError, UsageError) as error:
        raise CheckpointError("the checkpoint does not say how its corpus was read") from error


# --- resuming ----------------------------------------------------------------------------------------------------------


def _resume(
    names: list[str], name: str | None, out: Path, cache: Path | None, threads: int, *, quiet: bool
) -> None:
    from charrnn.checkpoint import load_checkpoint
    from charrnn.cli.texts import open_corpus
    from charrnn.files import locked

    path = out / _checked_name(name) / LAST if name else _newest(out, names)
    if not path.exists():
        raise CheckpointError(f"there is no run to resume at {path}", "start one: charrnn train corpus.txt")
    with locked(path.parent):
        last = load_checkpoint(path)
        about, config = last.run, _training_config(last)
        if last.figures["step"] >= config.steps:
            raise UsageError(f"{path.parent} is finished ({config.steps:,} steps)", "start a new run without --resume")
        names = names or list(about["corpus"]["sources"])
        text = open_corpus(names, corpus_config_of(about["corpus"]), cache=cache, vocabulary=last.model.vocabulary)
        if text.fingerprint != about["corpus"]["fingerprint"]:
            change = len(text) - about["corpus"]["characters"]
            raise DataError(f"{' '.join(names)} is not the corpus of {path.parent} ({change:+,} characters)")
        if not quiet:
            _say_corpus(names, text)
            done = last.figures["step"]
            say(f"resuming    {path.parent} at step {done:,} of {config.steps:,} ({100 * done / config.steps:.0f} %)")
            _say_differences(last)
        from charrnn.training.machine import choose_device
        from charrnn.training.trainer import Trainer

        prepare_machine()
        choose_device(config.device)
        config = dataclasses.replace(config, threads=threads or config.threads)
        trainer = Trainer(text, last.model.config, config, path.parent, about=about, resume=last)
        _drive(trainer, names, quiet=quiet)


def _newest(out: Path, names: list[str]) -> Path:
    """The run to resume when none is named: the newest of this corpus, or of all."""
    base = _name_of(names) if names else None
    runs = [p for p in out.glob(f"*/{LAST}") if base is None or p.parent.name.rstrip("0123456789").rstrip("-") == base or p.parent.name == base]
    if not runs:
        wanted = f" of {' '.join(names)}" if names else ""
        raise CheckpointError(f"there is no run{wanted} to resume under {out}/", "name it with --name, or start one without --resume")
    return max(runs, key=lambda p: p.stat().st_mtime_ns)


def _training_config(last: "Checkpoint") -> TrainingConfig:
    try:
        return TrainingConfig(**last.run["training"])
    except (KeyError, TypeError, UsageError) as error:
        raise CheckpointError(f"{last.path} does not say how it was trained") from error


def _say_differences(last: "Checkpoint") -> None:
    """Say what may keep the rest of the run from being bit for bit what it would have been."""
    from importlib.metadata import version

    before = last.run.get("versions", {}).get("torch")
    if before != version("torch"):
        say(f"note        torch was {before} and is {version('torch')}: the run goes on, but not bit for bit the same")


# --- during the run ----------------------------------------------------------------------------------------------------


def _drive(trainer: "Trainer", names: list[str], *, quiet: bool) -> None:
    """Run the trainer, show its progress, and say how it ended."""
    from charrnn.cli.progress import Stopper, make_progress

    progress = make_progress(trainer, quiet=quiet)
    with Stopper(trainer, progress) as stopper:
        try:
            for event in trainer.run():
                progress.show(event)
        finally:
            progress.close()
    step, folder = trainer.progress.step, trainer.folder
    if step < trainer.config.steps:
        say(f"stopped at step {step:,} of {trainer.config.steps:,}; everything is kept in {folder / LAST}")
        say(f"go on with: {_resume_command(names, folder)}")
        if stopper.signal_number:
            die_by_signal(stopper.signal_number)
        return
    _print_result(trainer)


def _resume_command(names: list[str], folder: Path) -> str:
    import shlex

    out = [] if folder.parent == RUNS else ["--out", str(folder.parent)]
    return shlex.join(["charrnn", "train", *names, "--resume", "--name", folder.name, *out])


def _print_result(trainer: "Trainer") -> None:
    """The figures of the best checkpoint, measured afresh as `charrnn evaluate` measures, and the next command."""
    import shlex

    from charrnn.checkpoint import load_checkpoint
    from charrnn.scoring.evaluation import evaluate
    from charrnn.training.trainer import EVALUATED_CHARS

    best = trainer.folder / "best.safetensors"
    took = duration(trainer.progress.seconds)
    print(f"{best}  ({size(best.stat().st_size)}, step {trainer.progress.best_step:,}; trained {took})")
    held_out = trainer.corpus.val[:EVALUATED_CHARS]
    if len(held_out) >= 2:
        result = evaluate(load_checkpoint(best).model, held_out)
        print(
            f"validation: {result.nats_per_char:.4f} nats, {result.bits_per_char:.4f} bits per character, perplexity "
            f"{result.perplexity:.2f}, {100 * result.accuracy:.1f} % right ({result.characters:,} characters, state carried)"
        )
    run = trainer.folder.name if trainer.folder.parent == RUNS else str(best)
    print(f"next: charrnn sample {shlex.quote(run)} --temp 0.8")


# --- what is said ------------------------------------------------------------------------------------------------------


def _say_corpus(names: list[str], text: "Corpus") -> None:
    unit = "bytes" if text.config.level == "byte" else "characters"
    files = f" in {text.num_sources:,} files" if text.num_sources > 1 else ""
    say(f"corpus      {' '.join(names)}: {len(text):,} {unit}{files}, {text.distinct:,} distinct")
    test = f", {len(text.test):,} set aside for a test" if len(text.test) else ""
    say(f"split       {len(text.train):,} to train, then {len(text.val):,} to validate{test}")
    for note in text.notes:
        say(f"note        {note}")
    if text.vocabulary.has_unknown:
        rare = text.distinct - len(text.vocabulary) + 1
        say(f"note        {rare:,} rare characters became the unknown symbol")
    elif text.distinct == 1:
        say("note        only one distinct character: there is nothing to learn")
    elif text.seldom > 0.2 * text.distinct and text.distinct > 500:
        say(f"note        {text.seldom:,} characters occur only once; --min-count 2 makes them one unknown symbol")


def _say_plan(model_config: ModelConfig, plan: "Plan") -> None:
    import torch

    from charrnn.model import count_parameters

    config = plan.config
    layers = f"{model_config.num_layers} layer" + ("s" if model_config.num_layers > 1 else "")
    for note in plan.notes:
        say(f"note        {note}")
    say(
        f"network     {model_config.cell}, {layers} of {model_config.hidden_size} units, embedding "
        f"{model_config.embedding_size}: {count_parameters(model_config):,} parameters"
    )
    threads = f", {config.threads or torch.get_num_threads()} threads" if config.device == "cpu" else ""
    say(f"device      {config.device}{threads}, {config.precision}")
    say(
        f"run         {config.steps:,} steps of {config.batch_size} x {config.sequence_length} characters = "
        f"{plan.epochs:.3g} epochs, dropout {config.dropout:g}"
    )
    say(f"time        about {duration(plan.seconds)} at {plan.chars_per_second:,.0f} characters a second; Ctrl-C stops cleanly")
