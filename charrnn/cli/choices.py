"""Options that take one of a few words."""

from enum import StrEnum
from typing import Any

from charrnn.errors import UsageError
from charrnn.wording import did_you_mean


def one_of(option: str, kind: type[StrEnum], automatic: str | None = None) -> dict[str, Any]:
    """What `typer.Option` is given for such an option: typer by itself words its error in its own way.

    Args:
        option: its name.
        kind: the words.
        automatic: one more, that means as much as no choice: None.
    """
    words = [*([automatic] if automatic else []), *map(str, kind)]

    def parse(word: str) -> StrEnum | None:
        if word == automatic:
            return None
        try:
            return kind(word)
        except ValueError:
            expected = f"{option} is {', '.join(words[:-1])} or {words[-1]}"
            raise UsageError(f"{expected}, not {word!r}", did_you_mean(word, words)) from None

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return {"parser": parse, "metavar": f"<{'|'.join(words)}>", "autocompletion": complete}
