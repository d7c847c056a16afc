"""Which options of `charrnn visualize` go together."""

import typer

from charrnn.cli.options import was_given
from charrnn.cli.run_names import is_checkpoint
from charrnn.errors import UsageError

ALWAYS = {"checkpoint", "text", "clamp", "steer", "steer_file", "max_chars", "quiet"}
"""How a text is read: this goes with everything but where it says otherwise."""
COLORED = {"unit", "what", "surprisal", "bits", "digits", "palette", "color", "width"}
SHOWN = COLORED | {"predictions", "sort", "pager", "svg", "png"}
"""What goes with a text that is shown, coloured."""
VIEWS = {
    "diagram": ALWAYS | {"predictions", "palette", "color", "width", "svg", "png"},
    "gates": ALWAYS | {"again", "csv", "color", "width", "svg", "png"},
    "saliency": ALWAYS | {"target", "csv", "digits", "palette", "color", "width", "svg", "png"},
    "horizon": ALWAYS | {"windows", "csv", "color", "width", "svg", "png"},
    "follow": (ALWAYS - {"max_chars"}) | COLORED | {"length", "temp", "seed"},
    "html": ALWAYS | {"again", "unit", "what", "predictions", "surprisal", "palette"},
    "dump": ALWAYS | {"unit", "what", "predictions"},
    "lstmvis": ALWAYS | {"what"},
    "again": SHOWN | {"max_chars", "quiet", "gates", "html"},
}
"""Each option that shows something else than what the model reads, or something else of it, and what goes with that."""
HINTS = {
    "diagram": "--diagram draws the whole network; and takes no units",
    "dump": "what is written to a file is not shown; --from shows a dump",
    "lstmvis": "LSTMVis shows whole layers",
    "again": "--from needs no model, and shows what it did",
}


def check_together(context: typer.Context) -> None:
    """Raise UsageError for an option that could not be obeyed beside the others, or without another."""
    given = {name for name in context.params if was_given(context, name)}
    views = [view for view in VIEWS if view in given]
    beside = {"csv"} if "gates" in given else set()
    for view in views:
        if wrong := sorted(given - VIEWS[view] - {view} - beside):
            raise _excluded(context, view, wrong[0])
    if not views:
        for name in sorted(given - SHOWN - ALWAYS):
            homes = [_option(view) for view, others in VIEWS.items() if name in others]
            raise UsageError(f"{_option(name)} means nothing without {' or '.join(homes)}")
    _check_shown(context, given)


def _excluded(context: typer.Context, view: str, other: str) -> UsageError:
    if other in ("checkpoint", "text"):
        value = str(context.params[other])
        noun = "checkpoint" if other == "checkpoint" and is_checkpoint(value) else "text"
        message = f"{_option(view)} takes no {noun}, but {value!r} was given"
        return UsageError(message, f"{HINTS[view]}; leave out the {noun}")
    message = f"{_option(view)} and {_option(other)} exclude each other"
    if other == "max_chars":
        return UsageError(message, "--length says how many characters to write")
    hint = HINTS.get(view) or HINTS.get(other)
    return UsageError(
        message, f"{hint}; leave out {_option(other)}" if hint else "leave one of them out"
    )


def _check_shown(context: typer.Context, given: set[str]) -> None:
    """The same for options that say how a text is coloured."""
    if {"unit", "what"} <= given and "html" not in given:
        raise UsageError(
            "--unit says which state or gate already",
            f"leave out --what {context.params['what']}",
        )
    if "pager" in given and (pictures := sorted(given & {"svg", "png"})):
        raise UsageError(f"--pager and --{pictures[0]} exclude each other", "leave one of them out")
    _check_plots(given)
    if "palette" in given and context.params["color"] == "none":
        raise UsageError("--palette means nothing with --color none", "leave one of them out")
    colorings = len(context.params["unit"] or ()) + ("surprisal" in given) + ("what" in given)
    if "follow" in given and colorings > 1:
        raise UsageError(
            "--follow colours a text once: by one unit, an interesting one, or by --surprisal",
            "name one of them; --bits goes with each",
        )


def _check_plots(given: set[str]) -> None:
    """The same for what is a plot as a picture: of one size, and of the horizon the table has no colours."""
    pictures = sorted(given & {"svg", "png"})
    for plot in sorted(given & {"gates", "horizon"}):
        if pictures and "width" in given:
            raise UsageError(
                f"--width means nothing with --{plot} --{pictures[0]}: the plot has one size",
                "leave out --width",
            )
    if {"horizon", "color"} <= given and not pictures:
        raise UsageError(
            "--color means nothing with --horizon alone: the table has no colours",
            "leave out --color, or draw a picture with --svg or --png",
        )


def _option(name: str) -> str:
    return "--from" if name == "again" else "--" + name.replace("_", "-")
