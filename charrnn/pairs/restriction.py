"""What a model of pairs may write: texts that match a regular expression, that stand in a list, or both."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from charrnn.errors import DataError, UsageError
from charrnn.numerics import Mask
from charrnn.sampling.constraint.automaton import Constraint, ConstraintState, compile_constraint
from charrnn.text.languages import Language, Listed
from charrnn.text.pairs import END, Labels, Symbols
from charrnn.text.vocabulary import Vocabulary, code_points, name_characters
from charrnn.wording import as_typed, escape, listed

MOST_NAMED = 20
"""Labels that a message names."""
MOST_KNOWN = 64
"""Languages that are kept, each over a vocabulary of its own."""


class Matching:
    """The texts without END that match a regular expression, as a language over a vocabulary that may have END.

    Args:
        pattern: the expression, in the syntax of Python's `re`.
        vocabulary: the symbols.

    Raises:
        UsageError: the expression is not valid, or no finite automaton can do what it needs.
    """

    def __init__(self, pattern: str, vocabulary: Vocabulary) -> None:
        symbols = vocabulary.symbols[vocabulary.symbols != ord(END)]
        inner = Vocabulary("char", symbols.tolist(), has_unknown=True)
        self.constraint: Constraint = compile_constraint(pattern, inner)
        points = vocabulary.symbols
        places = np.where(points == ord(END), len(symbols), np.searchsorted(symbols, points))
        unknown = [len(symbols)] * vocabulary.has_unknown
        self._places = np.concatenate([places, unknown]).astype(np.int64)
        self._number = self._places.tolist()

    @property
    def start(self) -> ConstraintState:
        """The state before the first symbol."""
        return self.constraint.start

    @property
    def reach(self) -> int:
        """The length of the shortest match."""
        return self.constraint.shortest or 0

    def allowed(self, state: ConstraintState, left: int) -> Mask:
        """The symbols after which a match can be completed in time, (V,)."""
        return self.constraint.allowed(state, left)[self._places]

    def advance(self, state: ConstraintState, symbol: int) -> ConstraintState:
        """The state after a symbol."""
        return self.constraint.advance(state, self._number[symbol])

    def needs(self, state: ConstraintState) -> int:
        """The fewest symbols that complete a match."""
        return self.constraint.needs(state)

    def accepts(self, state: ConstraintState) -> bool:
        """Whether the symbols so far match."""
        return self.constraint.accepts(state)

    def has(self, ids: Sequence[int]) -> bool:
        """Whether the text of these ids matches."""
        state = self.start
        for symbol in ids:
            state = self.advance(state, symbol)
        return self.accepts(state)


class Restriction:
    """The targets that a model may write.

    Args:
        symbols: the symbols of the model's targets.
        match: a regular expression that the whole target must match; None: any.
        targets: the targets that there are; None: any.
        copies: whether characters that the model does not know stand in its targets too.

    Raises:
        UsageError: the expression is not valid, or none of the model's texts matches it.
        DataError: the model can write none of the targets, or none of them matches.
    """

    def __init__(
        self,
        symbols: Symbols,
        match: str | None = None,
        targets: Sequence[str] | None = None,
        *,
        copies: bool = False,
    ) -> None:
        self.match, self.symbols = match, symbols
        self.targets = None if targets is None else tuple(dict.fromkeys(targets))
        self.unwritable: list[str] = []
        """Targets of the list that the model cannot write."""
        self._known: dict[bytes, Language | None] = {}
        if self.targets == ():
            raise DataError("the list of targets that are allowed is empty")
        if isinstance(symbols, Labels):
            self._require_labels()
        elif not self.over(symbols) and not copies:
            self._refuse(symbols)
        elif copies:  # what one vocabulary lacks may be copied from a source
            self.unwritable = []

    # --- labels --------------------------------------------------------------------------------------------------------

    @cached_property
    def labels(self) -> list[int]:
        """The ids of the labels that are allowed."""
        assert isinstance(self.symbols, Labels)
        known = self.symbols.labels
        allowed = {*known} if self.targets is None else {*self.targets}
        if self.match is not None:
            vocabulary = Vocabulary("char", sorted(map(ord, {*"".join(known)})))
            language = Matching(self.match, vocabulary)
            allowed = {s for s in known if s in allowed and language.has(_ids(s, vocabulary) or [])}
        return [k for k, label in enumerate(known) if label in allowed]

    def _require_labels(self) -> None:
        assert isinstance(self.symbols, Labels)
        known = self.symbols.labels
        self.unwritable = [t for t in self.targets or () if t not in self.symbols]
        if not self.labels:
            conditions = [] if self.match is None else [f"matches {as_typed(self.match)}"]
            conditions += [] if self.targets is None else ["is among the allowed targets"]
            raise DataError(
                f"none of the model's labels {' and '.join(conditions)}",
                f"the labels are {listed([*map(escape, known)], MOST_NAMED)}",
            )

    # --- characters ----------------------------------------------------------------------------------------------------

    def over(self, symbols: Symbols) -> Language | None:
        """The language of the allowed targets over some symbols; None if none of them can be written."""
        if isinstance(symbols, Labels):
            return Listed([[k] for k in self.labels], len(symbols))
        key = symbols.symbols.tobytes()
        if key not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[key] = self._made(symbols)
        return self._known[key]

    def _made(self, vocabulary: Vocabulary) -> Language | None:
        matching = None if self.match is None else Matching(self.match, vocabulary)
        if self.targets is None:
            return matching if matching and matching.constraint.shortest is not None else None
        written = [_ids(text, vocabulary) for text in self.targets]
        self.unwritable = [t for t, w in zip(self.targets, written, strict=True) if w is None]
        texts = [w for w in written if w is not None and (not matching or matching.has(w))]
        return Listed(texts, len(vocabulary)) if texts else None

    def _refuse(self, vocabulary: Vocabulary) -> None:
        if self.targets is None:
            assert self.match is not None
            missing = Matching(self.match, vocabulary).constraint.describe_missing()
            raise UsageError(
                f"no text of the model's target characters matches {as_typed(self.match)}: {missing}"
            )
        if len(self.unwritable) == len(self.targets):
            characters = dict.fromkeys("".join(self.targets))
            never = [c for c in characters if c == END or ord(c) not in vocabulary.symbols]
            raise DataError(
                "the model can write none of the allowed targets",
                f"it never writes {name_characters(never)}",
            )
        raise DataError(
            f"none of the allowed targets that the model can write matches {as_typed(self.match or '')}"
        )


def _ids(text: str, vocabulary: Vocabulary) -> list[int] | None:
    """The ids of a text; None if a character has none of its own."""
    points = code_points(text)
    ids = vocabulary.lookup(points)
    known = ids < len(vocabulary.symbols)
    return ids.tolist() if END not in text and (known & (ids >= 0)).all() else None
