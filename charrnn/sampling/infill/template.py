r"""Templates for infilling, texts with gaps: 'ROMEO: ____ the sun'.

    ____       a gap of four characters: as many as there are underscores
    _{7}       a gap of seven; the number in braces counts, not the underscores
    _{2,12}    a gap of two to twelve
    \_  \{  \\ an underscore, a brace after a gap, a backslash; any other backslash is itself

A template knows no model.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from charrnn.errors import UsageError

MAX_CHARACTERS = 1000
"""Maximum characters in all gaps of a template together."""

_TOKEN = re.compile(
    r"\\(?P<literal>[\\_{])|(?P<gap>_+)(?:\{(?P<length>[0-9,]+)\})?|(?P<plain>\\|[^\\_]+)"
)


@dataclass(frozen=True)
class Gap:
    """A place where text is missing."""

    shortest: int
    """Minimum characters, at least 1."""
    longest: int
    """Maximum characters."""


@dataclass(frozen=True)
class Template:
    """Fixed texts and the gaps between them: texts[0], gaps[0], texts[1], ..., gaps[-1], texts[-1]."""

    texts: tuple[str, ...]
    gaps: tuple[Gap, ...]

    @property
    def longest(self) -> int:
        """Maximum characters in all gaps together."""
        return sum(gap.longest for gap in self.gaps)

    def pieces(self, fillings: Sequence[str]) -> Iterator[tuple[str, bool]]:
        """The filled text in pieces, each with whether it stands in a gap."""
        yield self.texts[0], False
        for filling, text in zip(fillings, self.texts[1:], strict=True):
            yield filling, True
            yield text, False


def parse_template(template: str) -> Template:
    r"""Parse a template.

    Raises:
        UsageError: it has no gap, a gap has no valid length, gaps touch or are too long.

    Example:
        parse_template(r"a_{2,5}b\_") -> Template(texts=("a", "b_"), gaps=(Gap(2, 5),))
    """
    texts, gaps = [""], list[Gap]()
    for token in _TOKEN.finditer(template):
        if token["gap"] is None:
            texts[-1] += token["literal"] or token["plain"]
        elif gaps and not texts[-1]:
            raise UsageError(
                f"two gaps touch: {token.group()[:40]!r} directly follows another",
                "make them one, as in _{2,12}",
            )
        else:
            gaps.append(_gap(token["gap"], token["length"]))
            texts.append("")
    result = Template(tuple(texts), tuple(gaps))
    if not gaps:
        raise UsageError(
            "the template has no gap",
            "write underscores where text is missing: 'ROMEO: ____ the sun'",
        )
    if result.longest > MAX_CHARACTERS:
        raise UsageError(
            f"gaps may have {MAX_CHARACTERS:,} characters together, not {result.longest:,}"
        )
    return result


def _gap(underscores: str, length: str | None) -> Gap:
    if length is None:
        return Gap(len(underscores), len(underscores))
    numbers = [int(number) if 0 < len(number) < 10 else 0 for number in length.split(",")]
    if len(numbers) > 2 or not 0 < numbers[0] <= numbers[-1]:
        raise UsageError(
            f"a gap's length must be 1 or more, as in _{{7}}, or a range, as in _{{2,12}}, "
            f"not {{{length[:40]}}}",
            r"write a literal brace as \{",
        )
    return Gap(numbers[0], numbers[-1])
