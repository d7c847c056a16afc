"""Glyphs: visible forms of characters, with known widths and no effect on a terminal."""

import unicodedata

NEWLINE, TAB, HIDDEN = "↵", "→", "▯"
DOTTED_CIRCLE = "◌"
FIRST_FLAG_LETTER, FIRST_SQUARED_LETTER = 0x1F1E6, 0x1F130
JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"


def glyph(character: str) -> str:
    r"""A visible form of one character, which is neither a control character nor joined to its neighbors.

    "\n" -> "↵", "\x1b" -> "␛", a combining accent -> the accent on a circle, and "▯" for what
    cannot be seen or has no known width.
    """
    point, category = ord(character), unicodedata.category(character)
    if point < 0x7F:
        return _ascii(character)
    if point == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    if category == "Zs":
        return " "
    if not character.isprintable() or _is_modifier(character):
        return HIDDEN
    if category.startswith("M") or _is_inner_hangul(point):
        return DOTTED_CIRCLE + character
    if 0 <= point - FIRST_FLAG_LETTER < 26:  # two of them would join to a flag
        return chr(point - FIRST_FLAG_LETTER + FIRST_SQUARED_LETTER)
    return character


def _ascii(character: str) -> str:
    if character >= " ":
        return character
    return {"\n": NEWLINE, "\t": TAB}.get(character, chr(0x2400 + ord(character)))


def _is_modifier(character: str) -> bool:
    """Whether it only changes the character before it: a variation selector or a skin tone."""
    return unicodedata.name(character, "").startswith(("VARIATION SELECTOR", "EMOJI MODIFIER"))


def _is_inner_hangul(point: int) -> bool:
    """Whether it is a vowel or final of a Korean syllable in parts; terminals give it no cell."""
    return 0x1160 <= point <= 0x11FF or 0xD7B0 <= point <= 0xD7FF or point in (0x3164, 0xFFA0)


def is_harmless(character: str) -> bool:
    """Whether it is safe on a terminal: it cannot move the cursor, change colors or writing direction."""
    if character in "\n\t" or character in JOINERS:
        return True
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def harmless(text: str) -> str:
    """Text for a terminal: newlines and tabs are kept, other control characters are made visible."""
    if text.isprintable():
        return text
    return "".join(c if is_harmless(c) else glyph(c) for c in text)


def one_line(text: str) -> str:
    """Text on a single line, with its newlines and tabs shown."""
    return "".join(c if c.isprintable() else glyph(c) for c in text)
