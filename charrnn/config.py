"""The settings of a corpus, a network, a training run and a sample: frozen, and checked when they are made.

The command line reads its defaults from here, so that the two cannot differ. Nothing here knows how a setting is used.
"""

import math
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from charrnn.errors import UsageError

Level = Literal["char", "byte"]
Precision = Literal["auto", "float32", "bfloat16"]
Kernel = Literal["auto", "fused", "loop"]
OptimizerName = Literal["muon", "adamw"]

MOST_UNITS = 65_536
"""In a layer."""


def require(condition: bool, name: str, expected: str, found: object) -> None:
    """Raise UsageError "NAME must be EXPECTED, not FOUND" unless the condition holds."""
    if not condition:
        raise UsageError(f"{name} must be {expected}, not {found!r}")


def _whole(name: str, value: object, low: int, high: int) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    require(whole and low <= value <= high, name, f"a whole number from {low:,} to {high:,}", value)  # type: ignore[operator]


def _finite(name: str, value: Any, low: float, high: float, expected: str) -> None:
    number = (
        isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    )
    require(number and low <= value <= high, name, expected, value)


def _one_of(name: str, value: object, choices: tuple[str, ...]) -> None:
    require(value in choices, name, "one of " + ", ".join(choices), value)


def _is_text(name: str, value: object) -> None:
    require(isinstance(value, str), name, "a name", value)


@dataclass(frozen=True, kw_only=True)
class CorpusConfig:
    """How texts become one sequence of symbols, and how it is split."""

    level: Level = "char"
    """`char`: the symbols are Unicode characters; `byte`: the 256 bytes."""
    min_count: int = 1
    """Characters that occur fewer times become one unknown symbol."""
    encoding: str | None = None
    """The files' encoding; None: UTF-8, or what a byte order mark says."""
    keep_newlines: bool = False
    """Keep CR LF and CR as they are instead of turning them into LF."""
    max_chars: int | None = None
    """Read at most so many characters (bytes at level byte)."""
    globs: tuple[str, ...] = ()
    """Patterns of the files to take from a folder; a leading `!` leaves out."""
    val_fraction: float = 0.1
    """The part of the text, after the training part, that judges the model."""
    test_fraction: float = 0.0
    """The part at the very end that training never looks at."""
    lines: bool = False
    """Each line is an item of its own: they are shuffled, split as wholes, and the state is reset at each."""
    split_seed: int = 1
    """Decides, with `lines`, the order of the items, and so which of them judge the model."""

    def __post_init__(self) -> None:
        _one_of("level", self.level, get_args(Level))
        _whole("min-count", self.min_count, 1, 10**12)
        if self.max_chars is not None:
            _whole("max-chars", self.max_chars, 2, 10**15)
        for name, value in (
            ("val-fraction", self.val_fraction),
            ("test-fraction", self.test_fraction),
        ):
            _finite(name, value, 0, 0.999, "a number from 0 up to, not including, 1")
        held_out = self.val_fraction + self.test_fraction
        require(held_out < 1, "val-fraction plus test-fraction", "below 1", held_out)
        require(isinstance(self.lines, bool), "lines", "true or false", self.lines)
        _whole("split-seed", self.split_seed, 0, 2**63 - 1)
        usual = self.split_seed == CorpusConfig.split_seed
        require(self.lines or usual, "split-seed", "left out without --lines", self.split_seed)
        if self.level == "byte":
            require(self.min_count == 1, "min-count", "left out with --level byte", self.min_count)
            require(self.encoding is None, "encoding", "left out with --level byte", self.encoding)
            require(
                not self.keep_newlines,
                "keep-newlines",
                "left out with --level byte (bytes are kept as they are)",
                True,
            )


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The shape of a network."""

    cell: str = "lstm"
    """The recurrent cell, by its name in `charrnn.network.cells.CELLS`."""
    vocab_size: int
    """V, the number of symbols."""
    embedding_size: int = 64
    """E, the length of a symbol's vector."""
    hidden_size: int = 256
    """H, the units of one layer."""
    num_layers: int = 1
    """L, the layers stacked on each other."""
    activation: str = "tanh"
    """What the hidden units of a cell compute that leaves the choice."""
    layer_norm: bool = False
    """Normalise each layer's outputs on their way up, to the next layer and to the output layer."""
    learn_start: bool = False
    """Learn the state before the first character instead of starting at zero."""

    def __post_init__(self) -> None:
        _whole("vocab-size", self.vocab_size, 1, 1_114_113)
        _whole("embedding-size", self.embedding_size, 1, 65_536)
        _whole("hidden-size", self.hidden_size, 1, MOST_UNITS)
        _whole("layers", self.num_layers, 1, 64)
        _is_text("cell", self.cell)
        _is_text("activation", self.activation)
        for name, value in (("layer-norm", self.layer_norm), ("learn-start", self.learn_start)):
            require(isinstance(value, bool), name, "true or false", value)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Everything that decides how a network is trained, and so what it becomes."""

    steps: int = 1000
    """Updates of the weights in the whole run."""
    batch_size: int = 64
    """N, the lanes of text read side by side."""
    sequence_length: int = 64
    """T, the characters through which a gradient flows back."""
    cold_every: int = 16
    """A lane starts afresh every so many steps, the lanes in turn, without its carried state; 0: only with an epoch.
    A text of lines is read by items instead, which all start afresh."""
    dropout: float = 0.0
    """The part of the top layer's outputs that is zeroed in training."""
    recurrent_dropout: float = 0.0
    """The part of the recurrent weights that is zeroed in a training step (DropConnect)."""
    optimizer: OptimizerName = "muon"
    """What updates the matrices of the recurrent layers; everything else is AdamW's."""
    learning_rate: float = 4e-3
    """AdamW's largest learning rate, at the end of the warm-up."""
    muon_learning_rate: float = 0.02
    """Muon's."""
    warmup_steps: int = 50
    """Steps over which the learning rate rises from zero."""
    final_learning_rate: float = 0.02
    """The rate at the last step, as a part of the largest."""
    weight_decay: float = 0.01
    """The decay of the matrices; biases, peepholes, norms and learnt starts do not."""
    clip: float = 1.0
    """The largest norm of a gradient; 0 turns clipping off."""
    seed: int = 1
    """Decides the initial weights, every dropout mask and the order in which lines are read."""
    device: str = "cpu"
    """Where the run computes: `cpu`, `cuda` or `cuda:N`; `auto` until that is chosen."""
    precision: Precision = "float32"
    """The arithmetic of the network; weights are kept in float32."""
    kernel: Kernel = "auto"
    """Who steps through time: torch's fused kernel or charrnn's loop; `auto`: the plan, or fused if torch has one."""
    threads: int = 0
    """CPU threads; 0 leaves the choice to the plan, or to torch."""
    eval_every: int = 100
    """Steps from one evaluation on validation text to the next."""
    patience: int = 0
    """Evaluations without a better validation loss after which the run ends; 0: never before its last step."""

    def __post_init__(self) -> None:
        _whole("steps", self.steps, 1, 10**12)
        _whole("batch-size", self.batch_size, 1, 10**6)
        _whole("sequence-length", self.sequence_length, 1, 10**6)
        _whole("cold-every", self.cold_every, 0, 10**12)
        _finite("dropout", self.dropout, 0, 0.99, "a number from 0 to 0.99")
        _finite("recurrent-dropout", self.recurrent_dropout, 0, 0.99, "a number from 0 to 0.99")
        _one_of("optimizer", self.optimizer, get_args(OptimizerName))
        _finite("lr", self.learning_rate, 1e-12, 1e12, "a finite number above 0")
        _finite("muon-lr", self.muon_learning_rate, 1e-12, 1e12, "a finite number above 0")
        is_used = self.optimizer == "muon"
        usual = self.muon_learning_rate == TrainingConfig.muon_learning_rate
        expected = "left out with --optimizer adamw"
        require(is_used or usual, "muon-lr", expected, self.muon_learning_rate)
        _whole("warmup-steps", self.warmup_steps, 0, 10**12)
        _finite("final-learning-rate", self.final_learning_rate, 0, 1, "a number from 0 to 1")
        _finite("weight-decay", self.weight_decay, 0, 1e6, "a finite number, 0 or more")
        _finite("clip", self.clip, 0, 1e12, "a finite number, 0 (no clipping) or more")
        _whole("seed", self.seed, 0, 2**63 - 1)
        device = re.fullmatch(
            r"auto|cpu|cuda(:[0-9]{1,2})?", self.device
        )  # torch itself takes cuda:256 for cuda:0
        require(device is not None, "device", "auto, cpu, cuda or cuda:N", self.device)
        _one_of("precision", self.precision, get_args(Precision))
        _one_of("kernel", self.kernel, get_args(Kernel))
        _whole("threads", self.threads, 0, 4096)
        _whole("eval-every", self.eval_every, 1, 10**12)
        _whole("patience", self.patience, 0, 10**12)


@dataclass(frozen=True, kw_only=True)
class SavingConfig:
    """How often a run is kept. Nothing here changes what becomes of it."""

    minutes: float = 2.0
    """From one checkpoint to the next; 0: one after every step."""
    keep: int = 0
    """Older checkpoints that are kept beside the last."""

    def __post_init__(self) -> None:
        _finite("save-every", self.minutes, 0, 1e12, "a finite number of minutes, 0 or more")
        _whole("keep", self.keep, 0, 10**6)


def _check_wishes(ban: str, bias: tuple[tuple[str, float], ...]) -> None:
    """Require that no character is named twice, by a bias or by a ban too: only one of them could be obeyed."""
    require(isinstance(ban, str), "ban", "characters", ban)
    require(not isinstance(bias, str), "bias", "pairs of characters and a number", bias)
    named = set(ban)
    for characters, value in bias:
        _finite("bias", value, -1e12, 1e12, "a number from -1e12 to 1e12")
        require(
            isinstance(characters, str) and bool(characters), "bias", "of characters", characters
        )
        twice = sorted(named & set(characters))
        require(not twice, "bias", "of characters that have no other bias or ban", "".join(twice))
        named |= set(characters)


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How the next character is drawn, again and again."""

    length: int = 1000
    """Characters to write after the prime text."""
    temperature: float = 0.8
    """Divides the logits: below 1 safer, above 1 bolder, 0 always the likeliest."""
    top_k: int = 0
    """Draw from the k likeliest characters only; 0 is off."""
    top_p: float = 1.0
    """Draw from the fewest characters that together have this probability."""
    min_p: float = 0.0
    """Draw from no character that is less likely than this part of the likeliest; 0 is off."""
    typical: float = 1.0
    """Draw from the fewest characters of this probability that surprise most nearly as expected; 1 is off."""
    repetition_penalty: float = 1.0
    """Multiplies the log-probability of the characters just written: above 1 they come less often; 1 is off."""
    repetition_window: int = 16
    """Symbols that the penalty looks back: a few words. In a long window stand all letters, and none is set apart."""
    no_repeat_ngram: int = 0
    """Write no run of so many symbols that was written before; 0 is off."""
    ban: str = ""
    """Characters that are never written."""
    bias: tuple[tuple[str, float], ...] = ()
    """Characters and what is added to the logit of each; 0.69 doubles its odds."""
    temperature_to: float | None = None
    """The temperature of the last character, to which it moves in equal steps from the first; None: it stays."""
    seed: int | None = None
    """The start of the random draws; None takes a fresh one."""
    line: bool = False
    """Write one line: the prime text begins it, and nothing follows its newline."""
    stop: tuple[str, ...] = ()
    """End where one of these texts would be complete; it is not written."""
    until_sentence: bool = False
    """After `length` characters, go on to the end of the sentence."""
    max_chars: int | None = None
    """Characters to write at most; None: `length`, or with until_sentence so many more as a long sentence may have."""
    match: str | None = None
    """A regular expression that all that is written matches in full."""
    log_probabilities: bool = False
    """Tell of each character how likely the model found it, before temperature and all other rules."""

    def __post_init__(self) -> None:
        _whole("length", self.length, 0, 10**15)
        _finite("temp", self.temperature, 0, math.inf, "a finite number, 0 or more")
        _whole("top-k", self.top_k, 0, 10**9)
        _finite("top-p", self.top_p, 0, 1, "a number above 0 and up to 1")
        require(self.top_p > 0, "top-p", "a number above 0 and up to 1", self.top_p)
        _finite("min-p", self.min_p, 0, 1, "a number from 0 to 1")
        _finite("typical", self.typical, 0, 1, "a number above 0 and up to 1")
        require(self.typical > 0, "typical", "a number above 0 and up to 1", self.typical)
        penalty, window = self.repetition_penalty, self.repetition_window
        _finite("repetition-penalty", penalty, 1e-12, 1e12, "a number from 1e-12 to 1e12")
        _whole("repetition-window", window, 1, 10**6)
        is_used = penalty != 1 or window == SamplingConfig.repetition_window
        require(is_used, "repetition-window", "left out without --repetition-penalty", window)
        _whole("no-repeat-ngram", self.no_repeat_ngram, 0, 1000)
        _check_wishes(self.ban, self.bias)
        if self.temperature_to is not None:
            _finite("temp-to", self.temperature_to, 0, math.inf, "a finite number, 0 or more")
        if self.seed is not None:
            _whole("seed", self.seed, 0, 2**63 - 1)
        require(not isinstance(self.stop, str), "stop", "texts in a tuple", self.stop)
        require(all(self.stop), "stop", "a text of at least one character", "")
        if self.max_chars is not None:
            _whole("max-chars", self.max_chars, 0, 10**15)
        other_ends = bool(self.stop or self.until_sentence)
        expected = (
            "left out with --stop and --until-sentence, because it decides where a sample ends"
        )
        require(self.match is None or not other_ends, "match", expected, self.match)
        expected = "left out with --ban: leave those characters out of the expression"
        require(self.match is None or not self.ban, "match", expected, self.match)
