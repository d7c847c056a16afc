"""Numbers: in English words, and in Roman numerals."""

from collections.abc import Iterator

from charrnn.text.generated.draws import Draws, Pair

NUM_NUMBERS, END_OF_NUMBERS = 100_000, 1_000_000
ALL_BELOW = 10_000
"""Numbers below this all occur: among numbers drawn at random short ones would be too rare to be learned."""
ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
)
TENS = ("", "", *("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"))
ROMAN = (
    *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L")),
    *((40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
)
NUM_ROMAN = 3999
"""The largest number that is written in Roman numerals without further signs."""


def numbers(seed: int) -> Iterator[Pair]:
    """Numbers below a million in digits, and in English words."""
    draws, drawn = Draws(seed), set(range(ALL_BELOW))
    while len(drawn) < NUM_NUMBERS:
        drawn.add(draws.between(ALL_BELOW, END_OF_NUMBERS - 1))
    for number in draws.shuffled(sorted(drawn)):
        yield str(number), in_words(number)


def roman(seed: int) -> Iterator[Pair]:
    """The numbers from 1 to 3999 in digits, and in Roman numerals."""
    for number in Draws(seed).shuffled(range(1, NUM_ROMAN + 1)):
        yield str(number), in_roman(number)


def in_words(number: int) -> str:
    """A number below a million in English words: 1984 -> "one thousand, nine hundred and eighty-four"."""
    if number < 20:
        return ONES[number]
    if number < 100:
        tens, one = divmod(number, 10)
        return TENS[tens] + (f"-{ONES[one]}" if one else "")
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return f"{ONES[hundreds]} hundred" + (f" and {in_words(rest)}" if rest else "")
    thousands, rest = divmod(number, 1000)
    joint = " and " if rest < 100 else ", "
    return f"{in_words(thousands)} thousand" + (joint + in_words(rest) if rest else "")


def in_roman(number: int) -> str:
    """A number in Roman numerals: 1984 -> "MCMLXXXIV"."""
    numeral = ""
    for value, sign in ROMAN:
        count, number = divmod(number, value)
        numeral += sign * count
    return numeral
