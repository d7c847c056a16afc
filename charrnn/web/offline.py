"""The page of a model that is inside it: what `charrnn.web.live` answers, the page's own script does, without a server.

The model is exact (`charrnn.exact`), so that the page reads and generates what Python does. It has neither counts nor
learning, and its cards of units have no concepts.
"""

from collections.abc import Sequence
from typing import Any

from charrnn.exact.model import ExactModel
from charrnn.interpret.names import NamedUnit
from charrnn.render.glyphs import glyph
from charrnn.web.html import page_html
from charrnn.web.live import Live, opening
from charrnn.web.page_model import page_model
from charrnn.web.rows import about_model


def offline_page(
    model: ExactModel,
    title: str,
    *,
    item_end: str | None = None,
    normalize: str | None = None,
    names: Sequence[NamedUnit] = (),
    embed: bool = False,
) -> str:
    """The page as HTML; the arguments are those of `charrnn.web.live.Live` and of `charrnn.web.html.page_html`."""
    live = Live(model, title, item_end=item_end, normalize=normalize, names=names)
    data = {"title": "".join(map(glyph, title)), "live": live.opening()}
    inside = _inside(model, item_end, normalize, names)
    return page_html(data | inside, live=True, embed=embed)


def model_inside(
    model: ExactModel,
    *,
    text: str,
    item_end: str | None = None,
    normalize: str | None = None,
    names: Sequence[NamedUnit] = (),
) -> dict[str, Any]:
    """What the data of a page of a text (`charrnn.web.data.page_data`) gets besides, so that one can type on it.

    Args:
        model: the model that reads what is typed.
        text: the text with which typing begins.
        item_end: as for `charrnn.web.live.Live`.
        normalize: the same.
        names: the same.
    """
    return {"live": opening(text)} | _inside(model, item_end, normalize, names)


def _inside(
    model: ExactModel, item_end: str | None, normalize: str | None, names: Sequence[NamedUnit]
) -> dict[str, Any]:
    """The model as the script has it, and what the page says of it."""
    own = {"memoryGate": model.cell.memory_gate, "normalize": normalize}
    return {
        "about": about_model(model, names, item_end=item_end),
        "model": own | page_model(model, item_end=item_end),
    }
