"""Small words of messages: how many of something there are, and what somebody may have meant."""

from collections.abc import Iterable


def counted(count: int, noun: str) -> str:
    """A number of things: "1 character", "2,000 characters"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that somebody most likely meant, in large letters or small; None if none is near."""
    import difflib

    folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), folded, 1)
    return folded[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint, or an empty string if no known word is near."""
    near = nearest(word, known)
    return f"did you mean {near}?" if near is not None else ""
