"""The options of `charrnn train`: what each is called, in which panel of the help, and what the help says of it."""

from pathlib import Path
from typing import Annotated

import typer

from charrnn.cli.checkpoints import complete_checkpoint
from charrnn.network.cells import CELLS

TEXT, BUDGET, NETWORK, LEARNING, RUN = "The text", "How long", "The network", "Learning", "The run"

CorpusNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CORPUS...",
        help="Files, folders, .gz files, - for standard input, or names that `charrnn corpora` lists.",
        show_default=False,
    ),
]
Minutes = Annotated[
    float | None,
    typer.Option(
        "--minutes",
        help="Train for about so long.",
        show_default="5, if no other budget is given",
        rich_help_panel=BUDGET,
    ),
]
Epochs = Annotated[
    float | None,
    typer.Option(
        "--epochs",
        help="Stop after so many passes over the text.",
        show_default=False,
        rich_help_panel=BUDGET,
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        "--steps",
        help="Stop after so many updates. Of several budgets the first to run out counts.",
        show_default=False,
        rich_help_panel=BUDGET,
    ),
]
PlanOnly = Annotated[
    bool,
    typer.Option(
        "--plan-only", help="Measure, print the plan, and do not train.", rich_help_panel=BUDGET
    ),
]
InitFrom = Annotated[
    str | None,
    typer.Option(
        "--init-from",
        metavar="CHECKPOINT",
        help="Start from this model (a .safetensors file, a run's folder or its name) instead of random weights. "
        "The network keeps its shape.",
        show_default=False,
        autocompletion=complete_checkpoint,
        rich_help_panel=NETWORK,
    ),
]
ExtendVocabulary = Annotated[
    bool,
    typer.Option(
        "--extend-vocabulary",
        help="With --init-from: add the characters that the model lacks.",
        rich_help_panel=NETWORK,
    ),
]
CellName = Annotated[
    str,
    typer.Option(
        "--cell",
        help="The recurrent cell: " + ", ".join(CELLS) + ".",
        autocompletion=lambda: list(CELLS),
        rich_help_panel=NETWORK,
    ),
]
Activation = Annotated[
    str,
    typer.Option(
        "--activation",
        help="What the units of an elman cell compute: tanh or relu.",
        rich_help_panel=NETWORK,
    ),
]
LearnStart = Annotated[
    bool,
    typer.Option(
        "--learn-start",
        help="Learn the state before the first character instead of starting at zero.",
        rich_help_panel=NETWORK,
    ),
]
HiddenSize = Annotated[
    int | None,
    typer.Option(
        "--hidden-size",
        help="Units in a layer.",
        show_default="as many as pay in the time",
        rich_help_panel=NETWORK,
    ),
]
Layers = Annotated[
    int | None,
    typer.Option(
        "--layers",
        help="Layers stacked on each other.",
        show_default="2 of an lstm whose --hidden-size is left out, else 1",
        rich_help_panel=NETWORK,
    ),
]
LayerNorm = Annotated[
    bool | None,
    typer.Option(
        "--layer-norm/--no-layer-norm",
        help="Normalise the outputs of each layer on their way up (layer normalisation).",
        show_default="of an lstm whose --hidden-size is left out, if the text is read a few times only",
        rich_help_panel=NETWORK,
    ),
]
EmbeddingSize = Annotated[
    int,
    typer.Option(
        "--embedding-size", help="Length of a character's vector.", rich_help_panel=NETWORK
    ),
]
Dropout = Annotated[
    float | None,
    typer.Option(
        "--dropout",
        help="Part of the top layer's outputs zeroed in training.",
        show_default="by the epochs and the size",
        rich_help_panel=LEARNING,
    ),
]
RecurrentDropout = Annotated[
    float | None,
    typer.Option(
        "--recurrent-dropout",
        help="Part of the recurrent weights zeroed in a training step (DropConnect).",
        show_default="by the epochs and the size",
        rich_help_panel=LEARNING,
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        help="Lanes of text read side by side.",
        show_default="64, or fewer in a short run",
        rich_help_panel=LEARNING,
    ),
]
SequenceLength = Annotated[
    int,
    typer.Option(
        "--sequence-length",
        help="Characters through which a gradient flows back.",
        rich_help_panel=LEARNING,
    ),
]
Lr = Annotated[
    float,
    typer.Option(
        "--lr",
        help="AdamW's largest learning rate (warm-up, then cosine decay).",
        rich_help_panel=LEARNING,
    ),
]
MuonLr = Annotated[
    float,
    typer.Option("--muon-lr", help="Muon's, for the recurrent layers.", rich_help_panel=LEARNING),
]
Optimizer = Annotated[
    str,
    typer.Option(
        "--optimizer",
        help="muon for the matrices of the recurrent layers and adamw for the rest, or adamw for all.",
        rich_help_panel=LEARNING,
    ),
]
Clip = Annotated[
    float,
    typer.Option(
        "--clip",
        help="The largest norm of a gradient; 0 turns clipping off.",
        rich_help_panel=LEARNING,
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed",
        help="Decides the first weights, all dropout and the order of lines.",
        rich_help_panel=LEARNING,
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        "--patience",
        help="Stop after so many evaluations without a better validation loss; 0 never does.",
        show_default="6 if the budget is a time, else 0",
        rich_help_panel=BUDGET,
    ),
]
Level = Annotated[
    str, typer.Option("--level", help="Model `char`acters or `byte`s.", rich_help_panel=TEXT)
]
MinCount = Annotated[
    int,
    typer.Option(
        "--min-count",
        help="Characters that occur fewer times become one unknown symbol.",
        rich_help_panel=TEXT,
    ),
]
Glob = Annotated[
    list[str] | None,
    typer.Option(
        "--glob",
        help="Take from folders only files that match; !PATTERN leaves out. May be repeated.",
        show_default=False,
        rich_help_panel=TEXT,
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        help="Of the files.",
        show_default="UTF-8, or what a byte order mark says",
        rich_help_panel=TEXT,
    ),
]
KeepNewlines = Annotated[
    bool,
    typer.Option(
        "--keep-newlines",
        help="Keep CR LF and CR instead of turning them into LF.",
        rich_help_panel=TEXT,
    ),
]
MaxChars = Annotated[
    int | None,
    typer.Option(
        "--max-chars",
        help="Read at most so many characters.",
        show_default=False,
        rich_help_panel=TEXT,
    ),
]
ValFraction = Annotated[
    float,
    typer.Option(
        "--val-fraction",
        help="Part of the text, after the training part, that judges the model.",
        rich_help_panel=TEXT,
    ),
]
TestFraction = Annotated[
    float,
    typer.Option(
        "--test-fraction",
        help="Part at the end that training never looks at.",
        rich_help_panel=TEXT,
    ),
]
Lines = Annotated[
    bool,
    typer.Option(
        "--lines",
        help="Each line is an item of its own, such as a name: shuffled, split as a whole, and begun afresh.",
        rich_help_panel=TEXT,
    ),
]
SplitSeed = Annotated[
    int,
    typer.Option(
        "--split-seed",
        help="With --lines: decides which lines judge the model.",
        rich_help_panel=TEXT,
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        help="The run's name.",
        show_default="from the corpus",
        rich_help_panel=RUN,
    ),
]
Out = Annotated[Path, typer.Option("--out", help="The folder of runs.", rich_help_panel=RUN)]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on with the run of this name, or the newest.", rich_help_panel=RUN
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Start the run of this name afresh.", rich_help_panel=RUN),
]
Device = Annotated[
    str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.", rich_help_panel=RUN)
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        help="float32, bfloat16, or auto: on a processor the faster of the two, measured.",
        rich_help_panel=RUN,
    ),
]
Threads = Annotated[
    int,
    typer.Option(
        "--threads",
        help="CPU threads; 0 takes all or one, whichever is faster, measured.",
        rich_help_panel=RUN,
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        help="The folder for downloads and large encoded corpora.",
        show_default="the user's cache",
        rich_help_panel=RUN,
    ),
]
SaveEvery = Annotated[
    float,
    typer.Option(
        "--save-every",
        metavar="MINUTES",
        help="Write the checkpoint for --resume so often, and at the end.",
        rich_help_panel=RUN,
    ),
]
Baselines = Annotated[
    bool,
    typer.Option(
        "--baselines/--no-baselines",
        help="At the end, say what simpler models need for the validation text.",
        rich_help_panel=RUN,
    ),
]
TensorBoard = Annotated[
    Path | None,
    typer.Option(
        "--tensorboard",
        metavar="DIR",
        help="Log the run for TensorBoard too, in DIR/NAME (needs tensorboard).",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
Keep = Annotated[
    int,
    typer.Option(
        "--keep",
        help="Keep so many older checkpoints beside the last, as step-00001200.safetensors.",
        rich_help_panel=RUN,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.", rich_help_panel=RUN),
]


def was_given(context: typer.Context, name: str) -> bool:
    """Whether a parameter's value comes from the command line, not from its default."""
    return getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
