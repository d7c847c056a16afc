"""How a character is shown so that it takes a known number of cells and cannot act on a terminal."""

import unicodedata

NEWLINE, TAB, HIDDEN = "↵", "→", "▯"
DOTTED_CIRCLE = "◌"


def glyph(character: str) -> str:
    """Something to see for one character: "\\n" -> "↵", "\\x1b" -> "␛", a combining accent -> the accent on a circle."""
    if character.isprintable() and not unicodedata.combining(character):
        return character if unicodedata.category(character) not in ("Mn", "Me") else HIDDEN
    point = ord(character)
    if character == "\n":
        return NEWLINE
    if character == "\t":
        return TAB
    if point < 0x20:
        return chr(0x2400 + point)
    if point == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    if unicodedata.combining(character):
        return DOTTED_CIRCLE + character
    if unicodedata.category(character) == "Zs":
        return " "
    return HIDDEN


def is_harmless(character: str) -> bool:
    """Whether a character may go to a terminal as it is: it cannot move the cursor, colour, or turn the writing round."""
    if character in "\n\t":
        return True
    if character == "\N{ZERO WIDTH JOINER}":
        return True
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def harmless(text: str) -> str:
    """Text for a terminal: newlines and tabs work, other control characters are shown instead of obeyed."""
    return text if text.isprintable() else "".join(c if is_harmless(c) else glyph(c) for c in text)


def one_line(text: str) -> str:
    """Text on a single line, with its newlines and tabs shown."""
    return "".join(c if c.isprintable() else glyph(c) for c in text)
