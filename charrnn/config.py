"""The settings of a corpus, a network, a training run and a sample: frozen, and checked when they are made.

Each setting is declared once, here: default, help, range, panel of the help. The command line, the run files, the
comparison of a resumed run and the reference read them from here (see `charrnn.settings`).

`TrainingRequest` is what the user asked for, with the rest left to the plan; `ModelConfig` and `TrainingConfig` are
the complete settings that are used.
"""

import dataclasses
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self, get_args

from charrnn.errors import SettingError
from charrnn.network.alignments import ALIGNMENTS
from charrnn.network.cells import ACTIVATIONS, CELLS, OTHER_NAMES, cell_of
from charrnn.network.cells.subsampling import MAX_FACTOR, MAX_PERIOD, WORDS, symbols_of
from charrnn.settings import Config, check_value, setting, settings_of
from charrnn.wording import counted

Level = Literal["char", "byte"]
Normalization = Literal["nfc", "nfd"]
Precision = Literal["float32", "bfloat16"]
Kernel = Literal["fused", "loop"]
OptimizerName = Literal["muon", "adamw"]
GradientName = Literal["bptt", "rtrl"]
Attention = Literal["additive", "dot", "none"]

BUDGET, TEXT, NETWORK, LEARNING, SAVING, MACHINE = (
    "How long",
    "What to train on",
    "Network",
    "Training",
    "Saving",
    "Machine",
)
PROMPT, RULES, ENDS, INFILLING, SEVERAL, OUTPUT, EDITS = (
    "Prompt",
    "How characters are drawn",
    "Where a sample ends",
    "Infilling",
    "Several samples",
    "Output",
    "Edited units",
)
SHOWN, READING, ADAPTING, COLORS, GENERATED, FILES = (
    "What is shown",
    "What is read",
    "Learning while reading",
    "Colors and layout",
    "Generated text",
    "Output files",
)
PANELS = (
    *("", SHOWN, READING, ADAPTING, COLORS, GENERATED, FILES),
    *(BUDGET, TEXT, NETWORK, LEARNING, SAVING, MACHINE),
    *(PROMPT, RULES, ENDS, INFILLING, SEVERAL, OUTPUT, EDITS),
)
"""The panels of the commands' help, in order."""

MAX_SYMBOLS = 1_114_113
"""Maximum symbols of a vocabulary: every code point, and one for all that are unknown."""
MAX_UNITS = 65_536
"""Maximum hidden units per layer."""
MAX_SEED = 2**63 - 1
MAX_DELAYS = 64
MIN_ROW = 3
MAX_ROW = 1000
AUTO = "auto"
"""The word for a row length that the text decides."""
LARGEST_BIAS = 1e12
LONGEST_NGRAM = 64
"""The longest character sequences that can be counted."""
LARGE_COUNT = 10**12
MOST_STREAMS = 4096
"""Maximum segments in which a text is read in parallel: each also reads about a thousand characters before its own."""
LARGEST_FLOAT = sys.float_info.max

ITEMS = ("lines", "separator", "documents", "field")
"""Settings that make a text one of items, each read from its start."""
NOT_OF_PAIRS = (
    *ITEMS,
    *("level", "keep_newlines"),
    *("reset_every", "shuffle_length", "learn_start", "init_from", "extend_vocabulary"),
    *("count_order", "count_size"),
)
"""Settings of running text, which have no meaning for pairs."""
DEFAULT_MINUTES = 5.0
"""Training time of a run without a limit."""
LAYERS = {"lstm": 2}
"""Layers of a network whose size is planned, by cell (default 1)."""
SUBSAMPLED_LAYERS = 2
"""Layers of a subsampled network at least, and where their number is left open."""
BATCH_SIZES = (64, 32)
"""Planned batch sizes: the usual one, and that of a short run."""
WARM_UP_PART = 0.1
"""Maximum part of a run's steps in which the planned learning rate rises."""
FEWEST_EVALUATIONS = 5
"""Minimum evaluations of a run."""
PATIENCE = 6
"""Evaluations without improvement after which a run that is limited by time ends early."""
RTRL_UNITS = 64
"""Maximum hidden units where the gradient is computed forward in time."""
RTRL_CELLS = ("lstm", "gru", "elman", "peephole")
"""Cells in which each unit of a step depends on its own sums alone."""
RTRL = {
    "num_layers": 1,
    "batch_size": 1,
    "layer_norm": False,
    "subsample": None,
    "learn_start": False,
    "dropout": 0.0,
    "weight_drop": 0.0,
    "optimizer": "adamw",
    "precision": "float32",
    "device": "cpu",
    "kernel": "loop",
}
"""The settings that a gradient forward in time needs; where they are left open, they are so."""
RTRL_DEFAULTS = {"hidden_size": 32, "learning_rate": 1e-3, "threads": 1}
"""Other settings where the gradient is computed forward in time, and they are left open."""
BEAM, BEAM_OF_DRAWS = 512, 128
"""Beam width for the most likely infillings and for draws, which need fewer hypotheses to be as good."""


@dataclass(frozen=True, kw_only=True)
class CorpusConfig(Config):
    """How texts become one sequence of symbols, and how it is split."""

    level: Level = setting(
        "char",
        "Model Unicode characters (char) or bytes (byte).",
        choices=get_args(Level),
        panel=TEXT,
    )
    lines: bool = setting(
        False,
        "Treat each line as a separate text, such as a name: lines are shuffled, never split, "
        "and the state is reset at each.",
        excludes=("separator", "documents", "field"),
        panel=TEXT,
    )
    pairs: bool = setting(
        False,
        "Learn to turn one text into another: each line is SOURCE<TAB>TARGET. Pairs are shuffled, never split.",
        excludes=NOT_OF_PAIRS,
        panel=TEXT,
    )
    vectors: str | None = setting(
        None,
        "With {pairs}: the sources are vectors in this .npy or .npz file, a row or several for each line; the lines are "
        "the targets alone.",
        metavar="FILE",
        needs=("pairs",),
        excludes=("val_file", "test_file", "max_chars"),
        panel=TEXT,
    )
    separator: str | None = setting(
        None,
        r"Split the corpus at this separator; each part, such as a recipe, is a separate text. "
        r"\n is a newline, '\n\n' an empty line.",
        metavar="TEXT",
        escapes=True,
        excludes=("documents", "field"),
        panel=TEXT,
    )
    documents: bool = setting(
        False,
        "Treat each file as a separate text: files are shuffled, never split, and the state is reset at each.",
        excludes=("field",),
        panel=TEXT,
    )
    field: str | None = setting(
        None,
        "Read this column or key of .csv, .tsv, .jsonl, .json and .parquet files, or of a saved dataset; each value is "
        "a separate text.",
        metavar="NAME",
        panel=TEXT,
    )
    globs: tuple[str, ...] = setting(
        (),
        "In folders, read only files that match this pattern; !PATTERN excludes. May be repeated.",
        flags=("--glob",),
        metavar="PATTERN",
        panel=TEXT,
    )
    max_chars: int | None = setting(
        None,
        "Read at most this many characters (bytes at level byte).",
        low=2,
        high=10**15,
        panel=TEXT,
    )
    val_fraction: float = setting(
        0.1,
        "Fraction of the text used for validation, after the training part.",
        high=0.999,
        panel=TEXT,
    )
    val_file: str | None = setting(
        None,
        "Validate on this text instead of a part of the corpus (the validation file of a published split).",
        flags=("--val",),
        metavar="FILE",
        excludes=("val_fraction", "test_fraction"),
        panel=TEXT,
    )
    test_file: str | None = setting(
        None,
        "Hold out this text for testing instead of a part of the corpus.",
        flags=("--test",),
        metavar="FILE",
        excludes=("test_fraction",),
        panel=TEXT,
    )
    test_fraction: float = setting(
        0.0,
        "Fraction of the text held out for testing, at its end.",
        high=0.999,
        panel=TEXT,
    )
    split_seed: int = setting(
        1,
        "With {lines}, {pairs}, {separator}, {documents} or {field}: decides which texts are used for validation and "
        "testing.",
        high=MAX_SEED,
        panel=TEXT,
    )
    min_count: int = setting(
        1,
        "Replace characters that occur fewer than this many times with one unknown symbol.",
        low=1,
        high=LARGE_COUNT,
        needs=("level", "char"),
        panel=TEXT,
    )
    encoding: str | None = setting(
        None,
        "Text encoding of the input files.",
        default_text="UTF-8, or as a byte order mark says",
        needs=("level", "char"),
        panel=TEXT,
    )
    keep_newlines: bool = setting(
        False,
        "Keep CR LF and CR line endings instead of converting them to LF.",
        needs=("level", "char"),
        panel=TEXT,
    )
    normalize: Normalization | None = setting(
        None,
        "Normal form of accents: nfc composes them (é is one character), nfd decomposes them.",
        choices=get_args(Normalization),
        needs=("level", "char"),
        panel=TEXT,
    )
    tidied: bool = setting(
        True,
        "End each file but the last with a newline, and leave out byte order marks inside a text.",
        option=False,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.separator == "":
            raise SettingError.naming(
                "{separator} must be a text of at least one character, not ''"
            )
        separate = self.lines or self.pairs or self.separator or self.documents or self.field
        if self.split_seed != 1 and not separate:
            raise SettingError.naming(
                "{split_seed} only applies with {lines}, {pairs}, {separator}, {documents} or {field}"
            )
        if self.val_fraction + self.test_fraction >= 1:
            raise SettingError.naming(
                "{val_fraction} plus {test_fraction} must be below 1, not {found:g}",
                found=self.val_fraction + self.test_fraction,
            )


ONLY_TEXT = {
    "narx": "its outputs are those of a language model",
    "mdlstm": "their lines are no rows of one picture",
}
"""Cells that do not go with pairs, and why."""
NOT_SUBSAMPLED = {
    "jordan": "its last output comes back at every character",
    "narx": "its last outputs come back at every character",
    "mdlstm": "its layers need every character of the row above",
}
"""Cells whose layers cannot be held, and why."""


def _is_count(text: str, low: int, high: int) -> bool:
    """Whether a text is a whole number from `low` to `high`."""
    return text.isascii() and text.isdecimal() and len(text) < 9 and low <= int(text) <= high


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Config):
    """The shape of a network."""

    cell: str = setting("lstm", "Recurrent cell.", choices=CELLS, hints=OTHER_NAMES, panel=NETWORK)
    vocab_size: int = setting(
        dataclasses.MISSING, "V, the number of symbols.", low=1, high=MAX_SYMBOLS, option=False
    )
    hidden_size: int = setting(
        256,
        "Hidden units per layer.",
        low=1,
        high=MAX_UNITS,
        planned=True,
        default_text="chosen from the time budget",
        panel=NETWORK,
    )
    num_layers: int = setting(
        1,
        "Recurrent layers, stacked.",
        low=1,
        high=64,
        flags=("--layers",),
        planned=True,
        default_text=f"{LAYERS['lstm']} for an LSTM of planned size and with {{subsample}}, otherwise 1",
        panel=NETWORK,
    )
    embedding_size: int = setting(
        64, "Length of a character's embedding vector.", low=1, high=65_536, panel=NETWORK
    )
    layer_norm: bool = setting(
        False,
        "Apply layer normalization to the output that each layer passes on to the next.",
        planned=True,
        default_text="on for an LSTM of planned size at a low overfitting risk, otherwise off",
        panel=NETWORK,
    )
    activation: str = setting(
        "tanh", "Activation of an Elman cell's units.", choices=ACTIVATIONS, panel=NETWORK
    )
    depth: int | None = setting(
        None,
        "Highway layers within each time step of an RHN.",
        low=1,
        high=32,
        default_text="3 for {cell:rhn}",
        needs=("cell", "rhn"),
        panel=NETWORK,
    )
    delays: str | None = setting(
        None,
        "How many of the last inputs a layer sees, K ({cell:tdnn}); or how many of the last outputs and of the last "
        "inputs, P,Q ({cell:narx}).",
        metavar="K|P,Q",
        default_text="8 for {cell:tdnn}, 4,4 for {cell:narx}",
        needs=("cell", "tdnn", "narx"),
        panel=NETWORK,
    )
    row_length: str | None = setting(
        None,
        "Characters in a line of the text with its newline, all lines being equally long ({cell:mdlstm}).",
        metavar="N|auto",
        default_text="auto, the most common length of the text's lines, for {cell:mdlstm}",
        needs=("cell", "mdlstm"),
        panel=NETWORK,
    )
    subsample: str | None = setting(
        None,
        "Let each layer above the lowest read only every Nth output of the layer below, or only at the ends of words, "
        "and be held in between. In the encoder of pairs the sequence becomes shorter.",
        metavar="N|words",
        panel=NETWORK,
    )
    learn_start: bool = setting(
        False, "Learn the initial state instead of starting at zero.", panel=NETWORK
    )
    align: str | None = setting(
        None,
        "How a target follows from its source. "
        + " ".join(f"{name}: {alignment.about}." for name, alignment in ALIGNMENTS.items()),
        choices=ALIGNMENTS,
        default_text="chosen from the pairs",
        needs=("pairs",),
        panel=NETWORK,
    )
    attention: Attention | None = setting(
        None,
        "How a character of the target weighs those of the source: additive (Bahdanau) or dot (Luong); none is "
        "{align:none}.",
        choices=get_args(Attention),
        default_text="additive",
        needs=("pairs",),
        panel=NETWORK,
    )
    bidirectional: bool | None = setting(
        None,
        "Read the source in both directions.",
        default_text="on, but off with {align:none}",
        needs=("pairs",),
        panel=NETWORK,
    )
    source_size: int | None = setting(
        None, "The symbols of the sources, or their labels.", low=1, high=MAX_SYMBOLS, option=False
    )
    source_labels: bool | None = setting(
        None, "Whether each source is a label as a whole.", option=False
    )
    source_vectors: bool | None = setting(
        None, "Whether each source is a vector, or a sequence of them.", option=False
    )
    stretch: int | None = setting(
        None,
        "How often each character of the source is read, so that a target fits.",
        low=1,
        high=16,
        option=False,
    )

    longest_target: int | None = setting(
        None, "The characters of the longest target.", high=LARGE_COUNT, option=False
    )
    word_symbols: str | None = setting(
        None,
        "With {subsample:words}: the symbols that are parts of words, as ranges such as 1-26,30.",
        needs=("subsample", "words"),
        option=False,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.subsample is not None:
            self._check_subsample(self.subsample)
        if self.align and self.cell in ONLY_TEXT:
            raise SettingError.naming(
                f"{{cell:{self.cell}}} does not apply to pairs: {ONLY_TEXT[self.cell]}",
                "choose another cell",
            )
        if self.learn_start and not CELLS[self.cell].reads_state:
            raise SettingError.naming(
                f"{{learn_start}} does not apply with {{cell:{self.cell}}}, whose steps see no state",
                "leave it out",
            )
        if self.delays is not None:
            self._check_delays(self.delays)
        length = self.row_length
        if length not in (None, AUTO) and not _is_count(str(length), MIN_ROW, MAX_ROW):
            raise SettingError.naming(
                f"{{row_length}} must be {AUTO}, or a whole number from {MIN_ROW} to {MAX_ROW:,}, not {{found!r}}",
                found=str(length)[:60],
            )

    def _check_subsample(self, subsample: str) -> None:
        if subsample != WORDS and not _is_count(subsample, 2, MAX_FACTOR):
            raise SettingError.naming(
                f"{{subsample}} must be {WORDS}, or a whole number from 2 to {MAX_FACTOR}, not {{found!r}}",
                found=subsample[:60],
            )
        if self.cell in NOT_SUBSAMPLED:
            raise SettingError.naming(
                f"{{subsample}} does not apply with {{cell:{self.cell}}}: {NOT_SUBSAMPLED[self.cell]}",
                "choose another cell",
            )
        if self.num_layers < SUBSAMPLED_LAYERS:
            raise SettingError.naming(
                "{subsample} needs {num_layers:2} or more: the lowest layer reads every character",
                "leave {num_layers} out",
            )
        if subsample != WORDS and int(subsample) ** (self.num_layers - 1) > MAX_PERIOD:
            raise SettingError.naming(
                f"{{subsample:{subsample}}} with {{num_layers:{self.num_layers}}} would let the top layer read less "
                f"often than every {MAX_PERIOD:,} characters",
                "take fewer layers, or a smaller factor",
            )
        if self.align and not ALIGNMENTS[self.align].shortens:
            raise SettingError.naming(
                f"{{subsample}} does not apply with {{align:{self.align}}}, where each symbol of a source counts",
                "leave it out",
            )
        if self.source_labels:
            raise SettingError.naming(
                "{subsample} does not apply to sources that are labels, which nothing reads",
                "leave it out",
            )
        if subsample == WORDS and (self.source_vectors or self.stretch):
            what = "sources that are vectors" if self.source_vectors else f"{{align:{self.align}}}"
            raise SettingError.naming(
                f"{{subsample:{WORDS}}} does not apply to {what}", "take a whole number"
            )
        try:
            symbols_of(
                self.word_symbols or "", (self.source_size or 0) if self.align else self.vocab_size
            )
        except ValueError as error:
            raise SettingError.naming(
                "{word_symbols} must be rising ranges of symbols, such as 1-26,30, not {found!r}",
                found=str(self.word_symbols)[:60],
            ) from error

    def _check_delays(self, delays: str) -> None:
        parts = delays.split(",")
        is_right = len(parts) == (2 if self.cell == "narx" else 1)
        if is_right and all(_is_count(part, 1, MAX_DELAYS) for part in parts):
            return
        expected = f"a whole number from 1 to {MAX_DELAYS}"
        if self.cell == "narx":
            expected = (
                f"two whole numbers from 1 to {MAX_DELAYS} with a comma between them, as in 4,4,"
            )
        raise SettingError.naming(
            f"{{delays}} must be {expected} for {{cell:{self.cell}}}, not {{found!r}}",
            found=delays[:60],
        )

    @property
    def writes(self) -> bool:
        """Whether the network writes a text, symbol by symbol: a language model, or a decoder of pairs."""
        return self.align is None or ALIGNMENTS[self.align].writes

    @property
    def gives_label(self) -> bool:
        """Whether a target is a label."""
        return self.align is not None and ALIGNMENTS[self.align].is_label

    @property
    def source_width(self) -> int:
        """K, the length of what a source becomes: a label's vector, an encoder's outputs, or all states of a decoder."""
        if self.source_labels:
            return self.embedding_size
        if self.align and not ALIGNMENTS[self.align].has_encoder:
            return self.num_layers * self.hidden_size * len(cell_of(self).carried)
        return self.hidden_size * (2 if self.bidirectional else 1)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Config):
    """Everything that determines how a network is trained."""

    steps: int = setting(
        1000, "Optimizer steps of the whole run.", low=1, high=LARGE_COUNT, option=False
    )
    batch_size: int = setting(
        BATCH_SIZES[0],
        "Batch size (parallel streams of text).",
        low=1,
        high=10**6,
        planned=True,
        default_text=f"{{default}}, or {BATCH_SIZES[1]} in a short run",
        panel=LEARNING,
    )
    sequence_length: int = setting(
        64, "Length of truncated backpropagation, in characters.", low=1, high=10**6, panel=LEARNING
    )
    gradient: GradientName = setting(
        "bptt",
        "How the gradient is computed. bptt: truncated backpropagation through time. rtrl: real-time recurrent "
        "learning, forward in time, with AdamW at every character; for running text and one layer of up to "
        f"{RTRL_UNITS} units (by default {RTRL_DEFAULTS['hidden_size']}, at a learning rate of "
        f"{RTRL_DEFAULTS['learning_rate']:g}).",
        choices=get_args(GradientName),
        panel=LEARNING,
    )
    reset_every: int | None = setting(
        16,
        "Reset each stream's carried state once every this many steps; the streams take turns.",
        low=1,
        high=LARGE_COUNT,
        panel=LEARNING,
    )
    shuffle_length: int | None = setting(
        5000,
        "Shuffle a running text anew for each epoch, in pieces of at least this many characters that end at blank "
        "lines where possible.",
        low=1,
        high=LARGE_COUNT,
        excludes=ITEMS,
        panel=LEARNING,
    )
    dropout: float = setting(
        0.0,
        "Dropout rate on the top layer's output.",
        high=0.99,
        planned=True,
        default_text="from epochs and size",
        panel=LEARNING,
    )
    weight_drop: float = setting(
        0.0,
        "Fraction of the recurrent weights dropped at each training step (DropConnect).",
        high=0.99,
        planned=True,
        default_text="from epochs and size",
        panel=LEARNING,
    )
    optimizer: OptimizerName = setting(
        "muon",
        "muon: Muon for the matrices of the recurrent layers, AdamW for the rest. adamw: AdamW for all.",
        choices=get_args(OptimizerName),
        panel=LEARNING,
    )
    learning_rate: float = setting(
        4e-3,
        "Peak learning rate of AdamW (linear warm-up, then cosine decay).",
        above=True,
        flags=("--lr",),
        panel=LEARNING,
    )
    muon_learning_rate: float = setting(
        0.02,
        "Peak learning rate of Muon (recurrent layers).",
        above=True,
        flags=("--muon-lr",),
        needs=("optimizer", "muon"),
        panel=LEARNING,
    )
    warmup_steps: int = setting(
        50,
        "Steps over which the learning rate rises from zero.",
        high=LARGE_COUNT,
        planned=True,
        default_text=f"{{default}}, or {WARM_UP_PART:.0%} of a shorter run",
        panel=LEARNING,
    )
    replanned: tuple[tuple[int, int], ...] = setting(
        (),
        "A change of plan, as a run file records it: up to step STEP, the run was planned for PLANNED steps. "
        "May be repeated.",
        metavar="STEP:PLANNED",
        panel=LEARNING,
    )
    final_rate_fraction: float = setting(
        0.02,
        "Learning rate at the last step, as a fraction of the peak.",
        high=1,
        flags=("--final-lr-fraction", "--final-lr"),
        panel=LEARNING,
    )
    weight_decay: float = setting(
        0.01,
        "Weight decay of the matrices (not of biases, peepholes, norms or initial states).",
        high=1e6,
        panel=LEARNING,
    )
    clip: float | None = setting(
        1.0, "Gradient clipping: maximum gradient norm.", above=True, panel=LEARNING
    )
    label_smoothing: float = setting(
        0.0,
        "Part of each target's probability that is spread over all symbols in training.",
        high=0.9,
        needs=("pairs",),
        panel=LEARNING,
    )
    seed: int = setting(
        1,
        "Random seed for the initial weights, dropout and the order of the text.",
        high=MAX_SEED,
        panel=LEARNING,
    )
    eval_every: int = setting(
        100,
        "Optimizer steps between two evaluations on the validation text.",
        low=1,
        high=LARGE_COUNT,
        planned=True,
        default_text=f"at least {FEWEST_EVALUATIONS} evaluations in a run",
        panel=LEARNING,
    )
    exact_steps: bool = setting(
        False,
        "Run all planned steps, even if that takes longer than {minutes}; otherwise a run that is going to take a "
        "fifth longer than planned gets fewer steps, and those back when it has time for them.",
        free=True,
        panel=BUDGET,
    )
    patience: int | None = setting(
        None,
        "Stop after this many evaluations without a better validation loss.",
        low=1,
        high=LARGE_COUNT,
        planned=True,
        default_text=f"{PATIENCE} if the budget is a time, otherwise off",
        panel=BUDGET,
    )
    device: str = setting(
        "cpu",
        "Where to compute: cpu, cuda, cuda:N or mps.",
        synonyms={"gpu": "cuda"},
        planned=True,
        free=True,
        default_text="a CUDA GPU if there is one",
        panel=MACHINE,
    )
    precision: Precision = setting(
        "float32",
        "Arithmetic of the network; weights are kept in float32.",
        choices=get_args(Precision),
        planned=True,
        default_text="on a CPU the faster one, measured",
        panel=MACHINE,
    )
    kernel: Kernel = setting(
        "fused",
        "Compute the recurrence with torch's fused kernel, if it has one for the cell, or with charrnn's own loop.",
        choices=get_args(Kernel),
        planned=True,
        default_text="the faster one, measured",
        panel=MACHINE,
    )
    threads: int = setting(
        1,
        "CPU threads.",
        low=1,
        high=4096,
        planned=True,
        free=True,
        default_text="all or one, whichever is faster, measured",
        panel=MACHINE,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        # torch itself takes cuda:256 for cuda:0
        if not re.fullmatch(r"cpu|mps|cuda(:[0-9]{1,2})?", self.device):
            raise SettingError.naming(
                "{device} must be cpu, cuda, cuda:N or mps, not {found!r}", found=self.device
            )
        _check_replanned(self.replanned)


def _check_replanned(changes: tuple[tuple[int, int], ...]) -> None:
    """Require changes of plan in the order of their steps, each before the end that was planned."""
    since = 0
    for step, planned in changes:
        if not since < step <= planned:
            raise SettingError.naming(
                "{replanned} must be pairs STEP:PLANNED in increasing order, each STEP above {since:,} and at most "
                "its PLANNED, not {found}",
                since=since,
                found=f"{step}:{planned}",
            )
        since = step


@dataclass(frozen=True, kw_only=True)
class SavingConfig(Config):
    """How often a run is saved, and what with. None of it changes the trained weights."""

    save_every: float | None = setting(
        2.0,
        "Minutes between two checkpoints (a run resumes from the last one), written while training goes on; 0 saves "
        "after every step and waits for it.",
        metavar="MINUTES",
        free=True,
        panel=SAVING,
    )
    save_every_steps: int | None = setting(
        None,
        "Also save after each multiple of this many optimizer steps.",
        low=1,
        high=LARGE_COUNT,
        free=True,
        panel=SAVING,
    )
    keep: int = setting(
        0,
        "Also keep this many older checkpoints, as step-00001200.safetensors.",
        high=10**6,
        free=True,
        panel=SAVING,
    )
    counts: bool = setting(
        True,
        "At the end of training, count the n-grams of the training text and save the counts with the network, which "
        "predicts better with them.",
        free=True,
        panel=SAVING,
    )
    count_order: int = setting(
        9,
        "Length of the longest n-grams that are counted, in characters.",
        low=1,
        high=LONGEST_NGRAM,
        free=True,
        needs=("counts",),
        panel=SAVING,
    )
    count_size: int = setting(
        1_000_000,
        "Maximum number of n-grams that are kept, those that help most; a million and their contexts take 5 MB.",
        high=10**8,
        free=True,
        needs=("counts",),
        panel=SAVING,
    )


@dataclass(frozen=True, kw_only=True)
class TrainingRequest(Config):
    """A request for a training run. Settings that are left open are chosen by the plan.

    The limits may be combined: the first one reached ends training. Without any, DEFAULT_MINUTES.
    """

    minutes: float | None = setting(
        None,
        "Train for about this many minutes.",
        above=True,
        default_text=f"{DEFAULT_MINUTES:g}, if no other limit is given",
        panel=BUDGET,
    )
    epochs: float | None = setting(
        None, "Stop after this many epochs (passes over the text).", above=True, panel=BUDGET
    )
    steps: int | None = setting(
        None,
        "Stop after this many optimizer steps. If several limits are given, the first one reached ends training.",
        low=1,
        high=LARGE_COUNT,
        panel=BUDGET,
    )
    given: Mapping[str, Any] = field(default_factory=dict)
    """Settings of ModelConfig and TrainingConfig that were given, by name; None turns one off."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in self.given.items():
            check_value(_home_of(name), name, value)
        if self.given.get("gradient") == "rtrl":
            _check_rtrl(self.given)
        cell = CELLS[self.network(vocab_size=1).cell]
        self.training()
        if self.given.get("weight_drop") and not cell.has_recurrent_matrix:
            raise SettingError.naming(
                f"{{weight_drop}} does not apply with {{cell:{cell.name}}}, which has no recurrent matrix",
                "leave it out",
            )

    @property
    def settled(self) -> Self:
        """This request, with what follows from the way in which the gradient is computed."""
        if self.given.get("gradient") != "rtrl":
            return self
        return replace(self, given={**RTRL, **RTRL_DEFAULTS, **self.given})

    @property
    def has_limit(self) -> bool:
        """Whether a limit was given."""
        return not self.minutes is self.epochs is self.steps is None

    def leaves_open(self, name: str) -> bool:
        """Whether a setting was not given."""
        return name not in self.given

    def network(self, vocab_size: int) -> ModelConfig:
        """The network as far as it was given, and defaults for the rest."""
        given = self._of(ModelConfig)
        if given.get("subsample"):
            given = {"num_layers": SUBSAMPLED_LAYERS} | given
        return ModelConfig(vocab_size=vocab_size, **given)

    def training(self, **definite: Any) -> TrainingConfig:
        """The training settings as far as they were given; `definite` and then defaults for the rest."""
        return TrainingConfig(**(definite | self._of(TrainingConfig)))

    def _of(self, config: type) -> dict[str, Any]:
        own = settings_of(config)
        return {name: value for name, value in self.given.items() if name in own}


def _check_rtrl(given: Mapping[str, Any]) -> None:
    """Require settings with which a gradient forward in time can be computed."""
    for name, value in RTRL.items():
        found = given.get(name, value)
        if found != value and not value:
            raise SettingError.naming(
                f"{{gradient:rtrl}} and {{{name}}} cannot be used together", "leave one of them out"
            )
        if found != value:
            raise SettingError.naming(
                f"{{gradient:rtrl}} needs {{{name}:{value}}}, not {{found}}",
                "leave it out",
                found=found,
            )
    if given.get("hidden_size", 1) > RTRL_UNITS:
        raise SettingError.naming(
            "{gradient:rtrl} takes {hidden_size} up to {most}, not {found:,}: its time grows with the fourth power",
            most=RTRL_UNITS,
            found=given["hidden_size"],
        )
    if given.get("cell", "lstm") not in RTRL_CELLS:
        raise SettingError.naming(
            "{gradient:rtrl} takes the cells {cells}, not {found}",
            cells=", ".join(RTRL_CELLS),
            found=given["cell"],
        )


def _home_of(name: str) -> type:
    """The config that has a setting which a request may give."""
    for config in (ModelConfig, TrainingConfig):
        rule = settings_of(config).get(name)
        if rule and rule.option:
            return config
    raise SettingError.naming("unknown setting {found!r}", found=name)


@dataclass(frozen=True, kw_only=True)
class BasicSamplingConfig(Config):
    """The settings of every generated text."""

    temperature: float = setting(
        0.8,
        "Sampling temperature: lower is safer, higher is bolder; 0 always takes the most likely character.",
        high=LARGEST_FLOAT,
        flags=("--temp", "--temperature"),
    )
    length: int = setting(
        1000,
        "Characters to generate after the prompt. At level byte, a byte that is not part of a character counts as one.",
        high=10**15,
        flags=("--length", "-n"),
    )
    seed: int | None = setting(
        None,
        "Seed of the random draws.",
        high=MAX_SEED,
        default_text="random, printed on stderr",
    )

    def seeded(self) -> Self:
        """These settings, with a random seed if they have none."""
        import secrets

        return self if self.seed is not None else replace(self, seed=secrets.randbelow(2**32))


@dataclass(frozen=True, kw_only=True)
class SamplingConfig(BasicSamplingConfig):
    """How characters are sampled."""

    temperature_to: float | None = setting(
        None,
        "Move from {temperature} to this temperature in equal steps until the last character.",
        high=LARGEST_FLOAT,
        flags=("--temp-to",),
        panel=RULES,
    )
    top_k: int | None = setting(
        None, "Draw only from the K most likely characters.", low=1, high=10**9, panel=RULES
    )
    top_p: float | None = setting(
        None,
        "Nucleus sampling: draw from the fewest characters that together have this probability.",
        above=True,
        high=1,
        neutral=1,
        panel=RULES,
    )
    min_p: float | None = setting(
        None,
        "Exclude characters whose probability is below this fraction of the most likely one's.",
        high=1,
        neutral=0,
        panel=RULES,
    )
    typical: float | None = setting(
        None,
        "Locally typical sampling: draw from the characters whose surprisal is closest to the expected one and that "
        "together have this probability.",
        above=True,
        high=1,
        neutral=1,
        panel=RULES,
    )
    repetition_penalty: float | None = setting(
        None,
        "Multiply the log-probability of recently generated characters by this; above 1 makes them less likely.",
        low=1e-12,
        neutral=1,
        panel=RULES,
    )
    repetition_window: int = setting(
        16,
        "Number of recent characters that the repetition penalty considers.",
        low=1,
        high=10**6,
        needs=("repetition_penalty",),
        panel=RULES,
    )
    no_repeat_ngram: int | None = setting(
        None,
        "Never generate the same sequence of N characters twice.",
        low=1,
        high=1000,
        metavar="N",
        panel=RULES,
    )
    ban: str = setting(
        "",
        r"Never generate these characters; \n is a newline.",
        metavar="CHARS",
        escapes=True,
        panel=RULES,
    )
    bias: tuple[tuple[str, float], ...] = setting(
        (),
        "Add VALUE to the logits of these characters; 0.69 doubles their odds. May be repeated.",
        low=-LARGEST_BIAS,
        high=LARGEST_BIAS,
        metavar="CHARS=VALUE",
        panel=RULES,
    )
    match: str | None = setting(
        None,
        "Generate text that matches this regular expression in full.",
        metavar="REGEX",
        excludes=("ban", "stop", "until_sentence"),
        panel=RULES,
    )
    stop: tuple[str, ...] = setting(
        (),
        r"Stop before this text, which is not printed; \n is a newline. May be repeated.",
        metavar="TEXT",
        escapes=True,
        panel=ENDS,
    )
    until_sentence: bool = setting(
        False, "After {length} characters, continue to the end of the sentence.", panel=ENDS
    )
    max_chars: int | None = setting(
        None,
        "Maximum characters to generate, even if the sentence has not ended.",
        high=10**15,
        default_text="{length}, or 1,000 more with {until_sentence}",
        panel=ENDS,
    )
    item_end: str | None = setting(
        None,
        "Generate one line, record or document, which this character ends: the prompt begins it, and nothing follows.",
        option=False,
    )
    any_bytes: bool = setting(
        False,
        "With a model of bytes, generate bytes of any kind, not only those that make up characters in UTF-8. In the "
        "text the others are lone surrogates (Python's surrogateescape).",
        option=False,
    )
    log_probabilities: bool = setting(
        False,
        "Report the log-probability of each character under the model, before temperature and all other rules.",
        option=False,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(self.stop):
            raise SettingError.naming("{stop} must be a text of at least one character, not ''")
        _check_bias(self.ban, self.bias)


AdaptingRule = Literal["rms", "sgd"]
ADAPTING_RATES = {"rms": 0.001, "sgd": 0.1}
"""The default learning rate of each rule."""
HIGHEST_ADAPTING_RATES = {"rms": 1.0, "sgd": 10.0}
"""The highest learning rate of each rule; at rms 1, each weight moves by about 1 at each step."""


@dataclass(frozen=True, kw_only=True)
class AdaptingConfig(Config):
    """How a network learns while it reads (dynamic evaluation); see `charrnn.adapting.learner`."""

    adapt_rule: AdaptingRule = setting(
        "rms",
        "Update rule: the gradient of each weight is divided by the root mean square of its gradients so far (rms), or "
        "used as it is (sgd).",
        choices=get_args(AdaptingRule),
        needs=("adapt",),
        panel=ADAPTING,
    )
    adapt_rate: float | None = setting(
        None,
        "Learning rate.",
        low=0,
        above=True,
        high=max(HIGHEST_ADAPTING_RATES.values()),
        default_text="0.001 for rms, 0.1 for sgd",
        needs=("adapt",),
        panel=ADAPTING,
    )
    adapt_decay: float = setting(
        0.001,
        "Fraction of the way back to its trained value that each weight moves at each step.",
        high=1,
        needs=("adapt",),
        panel=ADAPTING,
    )
    adapt_chunk: int = setting(
        32,
        "Characters read before each step; the gradient flows back through these.",
        low=1,
        high=10_000,
        needs=("adapt",),
        panel=ADAPTING,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        highest = HIGHEST_ADAPTING_RATES[self.adapt_rule]
        if self.rate > highest:
            raise SettingError.naming(
                f"{{adapt_rate}} must be at most {highest:g} with {{adapt_rule:{self.adapt_rule}}}, not {{found:g}}",
                f"try {{adapt_rate:{ADAPTING_RATES[self.adapt_rule]:g}}}, its default",
                found=self.rate,
            )

    @property
    def rate(self) -> float:
        """The learning rate: the one given, or the default of the rule."""
        return ADAPTING_RATES[self.adapt_rule] if self.adapt_rate is None else self.adapt_rate

    @property
    def words(self) -> str:
        """How the network learns, in words, for a report of the protocol."""
        how = f"{self.adapt_rule}, rate {self.rate:g}, decay {self.adapt_decay:g}"
        return f"every {counted(self.adapt_chunk, 'symbol')} scored, then learned from ({how})"

    def as_dict(self) -> dict[str, Any]:
        """The settings under the names that `evaluate --json` prints."""
        return {
            "rule": self.adapt_rule,
            "rate": self.rate,
            "decay": self.adapt_decay,
            "chunk": self.adapt_chunk,
        }


CONFIGS = (
    *(CorpusConfig, ModelConfig, TrainingConfig),
    *(TrainingRequest, SavingConfig, SamplingConfig, AdaptingConfig),
)
"""The configs of this module."""


def _check_bias(ban: str, bias: tuple[tuple[str, float], ...]) -> None:
    """Require that no character is named twice, by a bias or by a ban too: only one of them could take effect."""
    named = set(ban)
    for characters, _ in bias:
        if not characters:
            raise SettingError.naming(
                "{bias} must name characters, not {found!r}", found=characters
            )
        if twice := "".join(sorted(named & set(characters))):
            raise SettingError.naming(
                "{bias} must name characters that have no other bias or ban, not {found!r}",
                found=twice,
            )
        named |= set(characters)
