"""A shift register: the last DELAY characters, one place further at each step.

    unit(1, c)(t) = [c was read]          unit(k, c)(t) = unit(k - 1, c)(t-1)

The network predicts the character that it read DELAY - 1 characters before the last, so that its texts repeat
themselves. Until the register is full it predicts all characters alike.
"""

from charrnn.constructions.base import NEVER, Construction, Logit, Unit, construct
from charrnn.wording import counted

DELAY = 4
CHARACTERS = "abcd"


def shift_register() -> Construction:
    """The network of texts that repeat themselves after DELAY characters."""
    units = {}
    for place in range(1, DELAY + 1):
        for c in CHARACTERS:
            if place == 1:
                units[f"{place} {c}"] = Unit(below={c: 1.0}, about=f"{c}, now")
            else:
                ago = counted(place - 1, "character")
                units[f"{place} {c}"] = Unit(
                    before={f"{place - 1} {c}": 1.0}, about=f"{c}, {ago} ago"
                )
    logits = {c: Logit(above={f"{DELAY} {c}": -NEVER}) for c in CHARACTERS}
    about = f"texts of {CHARACTERS[0]} to {CHARACTERS[-1]} in which each character is the one {DELAY} before"
    return construct("shift-register", about, [units], logits, lines=False)
