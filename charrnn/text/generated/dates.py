"""Dates in twenty forms, and in the form of ISO 8601."""

import datetime as dt
from collections.abc import Iterator

from charrnn.text.generated.draws import Draws, Pair, without_repeats

NUM_DATES = 50_000
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FORMS = (
    "{d} {month} {y}",
    "{month} {d}, {y}",
    "{d} {mon} {y}",
    "{mon} {d}, {y}",
    "{d}{th} of {month} {y}",
    "{month} {d}{th}, {y}",
    "the {d}{th} of {month}, {y}",
    "{weekday}, {month} {d}, {y}",
    "{weekday} {d} {month} {y}",
    "{day}, {d:02} {mon} {y}",
    "{day} {mon} {d} {y}",
    "{d}-{mon}-{y}",
    "{d}.{m}.{y}",
    "{d:02}.{m:02}.{y}",
    "{m}/{d}/{y}",
    "{m:02}/{d:02}/{y}",
    "{y}/{m}/{d}",
    "{y} {month} {d}",
    "{y}{m:02}{d:02}",
    "{month} {d} '{yy:02}",
)
"""Dots stand after the day, slashes after the month, as in Germany and America, so that no date can be misread."""
FIRST, LAST = dt.date(1900, 1, 1), dt.date(2099, 12, 31)
SHORT_YEARS = range(1969, 2069)
"""The years that two digits mean, as in POSIX."""


def dates(seed: int) -> Iterator[Pair]:
    """Dates from 1900 to 2099 as people write them, in twenty forms, and as ISO 8601 does."""
    return without_repeats(_drawn(Draws(seed)), NUM_DATES)


def _drawn(draws: Draws) -> Iterator[Pair]:
    first, last = FIRST.toordinal(), LAST.toordinal()
    while True:
        date = dt.date.fromordinal(draws.between(first, last))
        form = draws.choice(FORMS)
        if "{yy" not in form or date.year in SHORT_YEARS:
            yield written(date, form), date.isoformat()


def written(date: dt.date, form: str) -> str:
    """A date in one of FORMS, in English whatever the locale."""
    month, weekday = MONTHS[date.month - 1], WEEKDAYS[date.weekday()]
    return form.format(
        d=date.day,
        m=date.month,
        y=date.year,
        yy=date.year % 100,
        th=ordinal_ending(date.day),
        month=month,
        mon=month[:3],
        weekday=weekday,
        day=weekday[:3],
    )


def ordinal_ending(number: int) -> str:
    """The ending of an ordinal number: 1 -> "st", 11 -> "th"."""
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
