"""The options of `charrnn sample`: what each is called, in which panel of the help, and what the help says of it."""

from enum import StrEnum
from typing import Annotated

import typer

from charrnn.cli.choices import one_of
from charrnn.render import palette
from charrnn.render.palette import ColorMode

RULES, ENDS, FILLING, MANY, OUTPUT = (
    "What may come next",
    "Where a sample ends",
    "Filling gaps",
    "Several samples",
    "The output",
)


class Unknown(StrEnum):
    """What becomes of characters of the prime that the model does not know."""

    refuse = "refuse"
    skip = "skip"


Prime = Annotated[
    str | None,
    typer.Option(
        "--prime",
        help="Text to go on from; it is printed first. Without one, a line begins.",
        show_default=False,
    ),
]
PrimeFile = Annotated[
    str | None,
    typer.Option(
        "--prime-file",
        help="The prime text from a file, or from standard input: -.",
        show_default=False,
    ),
]
UnknownCharacters = Annotated[
    Unknown,
    typer.Option(
        "--unknown",
        **one_of("--unknown", Unknown),
        help="What becomes of characters of the prime that the model does not know.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        help="The same seed gives the same text.",
        show_default="a fresh one, which is said",
    ),
]
Temp = Annotated[
    float,
    typer.Option(
        "--temp",
        "--temperature",
        help="Below 1 safer, above 1 bolder; 0 always takes the likeliest.",
        rich_help_panel=RULES,
    ),
]
TempFrom = Annotated[
    float | None,
    typer.Option(
        "--temp-from",
        help="The temperature at the beginning; with --temp-to.",
        show_default=False,
        rich_help_panel=RULES,
    ),
]
TempTo = Annotated[
    float | None,
    typer.Option(
        "--temp-to",
        help="The temperature at the end: it goes there in a straight line over --length.",
        show_default=False,
        rich_help_panel=RULES,
    ),
]
TopK = Annotated[
    int | None,
    typer.Option(
        "--top-k",
        help="Draw from the K likeliest characters only; 0 is off.",
        rich_help_panel=RULES,
    ),
]
TopP = Annotated[
    float | None,
    typer.Option(
        "--top-p",
        help="Draw from the fewest characters that together have this probability.",
        rich_help_panel=RULES,
    ),
]
MinP = Annotated[
    float | None,
    typer.Option(
        "--min-p",
        help="Draw from those that have this part of the likeliest one's probability; 0 is off.",
        rich_help_panel=RULES,
    ),
]
Typical = Annotated[
    float | None,
    typer.Option(
        "--typical",
        help="Draw from those about as surprising as is to be expected, with this probability together; 1 is off.",
        rich_help_panel=RULES,
    ),
]
RepetitionPenalty = Annotated[
    float | None,
    typer.Option(
        "--repetition-penalty",
        help="Above 1 makes characters less likely that were written lately; 1 is off.",
        rich_help_panel=RULES,
    ),
]
RepetitionWindow = Annotated[
    int,
    typer.Option(
        "--repetition-window",
        help="How many characters back the penalty looks.",
        rich_help_panel=RULES,
    ),
]
NoRepeatNgram = Annotated[
    int | None,
    typer.Option(
        "--no-repeat-ngram",
        help="Write no N characters twice in the same order; 0 is off.",
        rich_help_panel=RULES,
    ),
]
Ban = Annotated[
    str,
    typer.Option(
        "--ban",
        metavar="CHARS",
        help=r"Never write these characters; \n is a newline.",
        show_default=False,
        rich_help_panel=RULES,
    ),
]
Bias = Annotated[
    list[str] | None,
    typer.Option(
        "--bias",
        metavar="CHARS=VALUE",
        help="Add VALUE to the logits of these characters. May be given several times.",
        show_default=False,
        rich_help_panel=RULES,
    ),
]
Match = Annotated[
    str | None,
    typer.Option(
        "--match",
        metavar="REGEX",
        help="Write text that matches this regular expression in full.",
        show_default=False,
        rich_help_panel=RULES,
    ),
]
Fill = Annotated[
    str | None,
    typer.Option(
        "--fill",
        metavar="TEXT",
        help="Write this text with its gaps filled: ____ is one of four characters, _{2,12} one of two to twelve, "
        r"\_ an underscore. The likeliest filling; with --temp above 0 a draw.",
        show_default=False,
        rich_help_panel=FILLING,
    ),
]
Beam = Annotated[
    int | None,
    typer.Option(
        "--beam",
        help="With --fill: how many beginnings are kept at every character.",
        min=1,
        show_default="512, or 128 for draws",
        rich_help_panel=FILLING,
    ),
]
FillNewlines = Annotated[
    bool,
    typer.Option(
        "--fill-newlines",
        help="With --fill: a gap may hold newlines.",
        rich_help_panel=FILLING,
    ),
]
Length = Annotated[
    int,
    typer.Option(
        "--length",
        "-n",
        help="Characters to write after the prime text, unless a sample ends before.",
        rich_help_panel=ENDS,
    ),
]
Stop = Annotated[
    list[str] | None,
    typer.Option(
        "--stop",
        metavar="TEXT",
        help=r"End before this text; \n is a newline. May be given several times.",
        show_default=False,
        rich_help_panel=ENDS,
    ),
]
UntilSentence = Annotated[
    bool,
    typer.Option(
        "--until-sentence",
        help="After --length characters, go on to the end of the sentence.",
        rich_help_panel=ENDS,
    ),
]
MaxChars = Annotated[
    int | None,
    typer.Option(
        "--max-chars",
        help="Write no more than so many characters, even if the sentence has not ended.",
        show_default="--length, or 1,000 more with --until-sentence",
        rich_help_panel=ENDS,
    ),
]
AsLines = Annotated[
    bool | None,
    typer.Option(
        "--lines/--no-lines",
        help="Write single lines, each from a line's beginning to its end.",
        show_default="as the model was trained",
        rich_help_panel=ENDS,
    ),
]
Count = Annotated[
    int, typer.Option("--count", help="Samples to write.", min=1, rich_help_panel=MANY)
]
Separator = Annotated[
    str | None,
    typer.Option(
        "--separator",
        metavar="TEXT",
        help=r"What stands between two samples; \n is a newline, \0 a zero byte.",
        show_default="an empty line; each line keeps its own end",
        rich_help_panel=MANY,
    ),
]
Unique = Annotated[
    bool,
    typer.Option("--unique", help="Write no sample twice.", rich_help_panel=MANY),
]
Novel = Annotated[
    list[str] | None,
    typer.Option(
        "--novel",
        metavar="CORPUS",
        help="Write no sample that stands in this text: as its lines, or with more than --novel-length characters "
        "on end. May be given several times.",
        show_default=False,
        rich_help_panel=MANY,
    ),
]
NovelLength = Annotated[
    int,
    typer.Option(
        "--novel-length",
        help="The longest run of characters that a sample may share with the text of --novel.",
        min=1,
        rich_help_panel=MANY,
    ),
]
BestOf = Annotated[
    int,
    typer.Option(
        "--best-of",
        metavar="K",
        help="Write each sample K times, and keep the one that the model finds likeliest by the character.",
        min=1,
        max=1_000_000,
        rich_help_panel=MANY,
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="A line of JSON for each sample: text, seed, why it stopped, mean log-probability.",
        rich_help_panel=OUTPUT,
    ),
]
LogProbabilities = Annotated[
    bool,
    typer.Option(
        "--log-probabilities",
        help="With --json: the log-probability of each character too.",
        rich_help_panel=OUTPUT,
    ),
]
Interactive = Annotated[
    bool,
    typer.Option(
        "--interactive",
        help="Write a text together: type, see how it goes on, accept it word by word, or have it written anew. "
        "Suggestions have 200 characters unless --length says otherwise.",
    ),
]
ShowProbabilities = Annotated[
    bool,
    typer.Option(
        "--show-probabilities",
        help="Colour each character by the bits that it cost: white if the model was sure of it, red if not.",
        rich_help_panel=OUTPUT,
    ),
]
Color = Annotated[
    ColorMode | None,
    typer.Option(
        "--color",
        **one_of("--color", ColorMode, "auto"),
        help="With --show-probabilities: the colours to use.",
        show_default="auto: what the terminal can show; none in a pipe",
        rich_help_panel=OUTPUT,
    ),
]
Palette = Annotated[
    palette.Palette,
    typer.Option(
        "--palette",
        **one_of("--palette", palette.Palette),
        help="With --show-probabilities: from white to red (rdbu), brown (vik) or blue (karpathy).",
        rich_help_panel=OUTPUT,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.", rich_help_panel=OUTPUT),
]
