"""Which options of `charrnn visualize` go together."""

import typer

from charrnn.cli.train_options import was_given
from charrnn.errors import UsageError

NEEDS_FOLLOW = ("length", "temp", "seed")
ALONE = {
    "diagram": {
        *("unit", "what", "surprisal", "bits", "digits", "palette", "follow", "dump", "pager"),
    },
    "follow": {"predictions", "diagram", "dump", "svg", "png", "max_chars", "pager"},
    "pager": {"svg", "png"},
}
"""What cannot be said beside an option."""
HINTS = {
    "diagram": "--diagram draws the whole network; it goes with --predictions only",
    "max_chars": "--length says how many characters to write",
}


def check_together(context: typer.Context) -> None:
    """Raise UsageError for an option that could not be obeyed beside the others, or without another."""
    given = {name for name in context.params if was_given(context, name)}
    for name in NEEDS_FOLLOW:
        if name in given and "follow" not in given:
            raise UsageError(f"--{name} means nothing without --follow")
    for name, others in ALONE.items():
        if name in given and (wrong := sorted(given & others)):
            hint = HINTS.get(wrong[0], HINTS.get(name, "leave one of them out"))
            raise UsageError(f"{_option(name)} and {_option(wrong[0])} exclude each other", hint)
    if {"unit", "what"} <= given:
        raise UsageError(
            "--unit says which state or gate already",
            f"leave out --what {context.params['what']}",
        )
    if "palette" in given and context.params["color"] == "none":
        raise UsageError("--palette means nothing with --color none", "leave one of them out")
    colorings = len(context.params["unit"] or ()) + ("surprisal" in given) + ("what" in given)
    if "follow" in given and colorings > 1:
        raise UsageError(
            "--follow colours a text once: by one unit, an interesting one, or by --surprisal",
            "name one of them; --bits goes with each",
        )


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
