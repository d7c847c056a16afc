"""`charrnn visualize --diagram`: a complete small network, drawn while it reads a text."""

from charrnn.cli.layout import ColoringOptions
from charrnn.cli.outputs import PictureOptions
from charrnn.cli.reading import Reader
from charrnn.cli.terminal import print_rows
from charrnn.errors import UsageError

MAX_ROWS = 64
"""Maximum hidden units and characters of a network that is drawn, together."""
DIAGRAM_CHARS = 40
"""Characters that are drawn, if no other number is given."""


def draw_diagram(
    reader: Reader,
    predictions: int | None,
    max_chars: int | None,
    layout: ColoringOptions,
    pictures: PictureOptions,
) -> None:
    """Print or draw a small network while it reads a text.

    Args:
        reader: the model and its text.
        predictions: the number of likely next characters that are drawn; by default all characters.
        max_chars: maximum characters to read; by default DIAGRAM_CHARS.
        layout: colors and width.
        pictures: the pictures to write instead of printing.

    Raises:
        UsageError: the network is too large.
    """
    from charrnn.render.views.diagram import diagram_picture, diagram_rows

    model = reader.model
    symbols, units = len(model.vocabulary), model.config.num_layers * model.config.hidden_size
    if symbols + units > MAX_ROWS:
        raise UsageError(
            f"a diagram is for networks with up to {MAX_ROWS} units and characters together; this one has "
            f"{units:,} + {symbols:,}",
            "color a text instead: leave out --diagram",
        )
    text, output = reader.text(max_chars or DIAGRAM_CHARS), model.cell.output
    recording = reader.recording(text, predictions or symbols, {output})
    held = model.config.subsample is not None
    if pictures:
        look, columns = layout.picture_look, layout.picture_columns
        pictures.write(diagram_picture(recording, output, look, columns, may_hold=held))
        return
    print_rows(diagram_rows(recording, output, layout.look, layout.columns, may_hold=held))
