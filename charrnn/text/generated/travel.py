"""Travel requests, with the slot that each character fills; and who gets the better of whom.

Both need more than a character and its neighbors: the same word means something else behind another word.
"""

import itertools
from collections.abc import Iterator, Sequence

from charrnn.text.generated.dates import MONTHS, WEEKDAYS
from charrnn.text.generated.draws import Draws, Pair, without_repeats

NUM_REQUESTS = 20_000
DESTINATION, DEPARTURE, TIME, OTHER = "dpt-"
"""The slots: destination, place of departure, time, and none."""
CITIES = (
    *("Amsterdam", "Athens", "Bangkok", "Beijing", "Berlin", "Bogota", "Boston", "Cairo"),
    *("Cape Town", "Chicago", "Delhi", "Dublin", "Geneva", "Hanoi", "Havana", "Helsinki"),
    *("Istanbul", "Jakarta", "Kyoto", "Lagos", "Lima", "Lisbon", "London", "Madrid", "Manila"),
    *("Melbourne", "Mexico City", "Montreal", "Nairobi", "New York", "Osaka", "Oslo", "Paris"),
    *("Prague", "Quito", "Rome", "San Diego", "Santiago", "Seoul", "Singapore", "Sydney"),
    *("Taipei", "Tokyo", "Toronto", "Tunis", "Vienna", "Warsaw", "Zurich"),
)
BEGINNINGS = (
    *("", "please ", "I would like to ", "we want to ", "can I ", "my sister has to "),
    *("is it possible to ", "find me a way to ", "she hopes to ", "we must "),
)
DEPARTING = ("leave {p}", "depart from {p}", "start from {p}", "set out from {p}", "fly from {p}")
ARRIVING = ("arrive in {d}", "arrive at {d}", "get to {d}", "reach {d}", "be in {d}", "fly to {d}")
BOTH = (
    *("travel from {p} to {d}", "go to {d} from {p}", "leave {p} for {d}", "fly from {p} to {d}"),
    *("leave {p} and arrive in {d}", "arrive in {d} after leaving {p}"),
    *("reach {d} when I leave {p}", "take the train from {p} to {d}"),
)
NUM_OUTCOMES = 20_000


def requests(seed: int) -> Iterator[Pair]:
    """Travel requests, and for each character its slot: destination, place of departure, time or none."""
    draws = Draws(seed)
    return without_repeats((_request(draws) for _ in iter(int, 1)), NUM_REQUESTS)


def _request(draws: Draws) -> Pair:
    form = draws.choice(draws.choice((DEPARTING, ARRIVING, BOTH)))
    ends = ("", " on {t}", " on {t}", " before {t}", " after {t}")
    form = draws.choice(BEGINNINGS) + form + draws.choice(ends)
    departure, destination = draws.distinct(CITIES, 2)
    return filled(form, {DESTINATION: destination, DEPARTURE: departure, TIME: _time(draws)})


def _time(draws: Draws) -> str:
    if draws.one_in(2):
        return draws.choice(WEEKDAYS)
    return f"{draws.choice(MONTHS)} {draws.between(1, 28)}"


def filled(form: str, slots: dict[str, str]) -> Pair:
    """A form with its slots filled, and the slot of each character: `{d}` is the place of what `slots["d"]` has."""
    text = tags = ""
    for number, part in enumerate(form.replace("{", "}").split("}")):
        is_slot = number % 2 == 1
        text += slots[part] if is_slot else part
        tags += part * len(slots[part]) if is_slot else OTHER * len(part)
    return text, tags


GOOD, BAD = "good", "bad"
HELPFUL = (
    *("doctor", "nurse", "firefighter", "teacher", "sheriff", "hero", "gardener", "vaccine"),
    *("medicine", "lifeguard", "inventor", "knight"),
)
HARMFUL = (
    *("disease", "thief", "fire", "liar", "outlaw", "villain", "weed", "virus", "poison"),
    *("flood", "forger", "dragon"),
)
ADJECTIVES = ("old", "young", "quick", "strong", "clever", "quiet", "new", "famous")
DEFEATING = (
    *("defeats", "stops", "overcomes", "destroys", "catches", "beats", "chases away", "outwits"),
    *("finishes", "silences"),
)
PASSIVE = ("is defeated by", "is stopped by", "is overcome by", "is destroyed by", "flees from")


def outcomes(seed: int) -> Iterator[Pair]:
    """Sentences in twos with the same words in another order, and whether they end well: good or bad.

    The doctor who defeats the disease is good news, the disease that defeats the doctor is bad.
    """
    draws = Draws(seed)
    twos = itertools.chain.from_iterable(_outcomes(draws) for _ in iter(int, 1))
    return without_repeats(twos, NUM_OUTCOMES)


def _outcomes(draws: Draws) -> Sequence[Pair]:
    helpful, harmful = (
        f"the {draws.choice(ADJECTIVES)} {draws.choice(n)}" for n in (HELPFUL, HARMFUL)
    )
    is_passive = draws.one_in(3)
    verb = draws.choice(PASSIVE if is_passive else DEFEATING)
    winner_first = (f"{helpful} {verb} {harmful}", f"{harmful} {verb} {helpful}")
    return tuple(zip(winner_first, (BAD, GOOD) if is_passive else (GOOD, BAD), strict=True))
