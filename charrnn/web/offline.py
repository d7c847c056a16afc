"""The page of a model that is inside it: what `charrnn.web.live` answers, the page's own script does, without a server.

The model is exact (`charrnn.exact`), so that the page reads and generates what Python does. It has neither counts nor
learning, nor cards of units.
"""

from collections.abc import Sequence

from charrnn.exact.model import ExactModel
from charrnn.export.page_model import page_model
from charrnn.interpret.names import NamedUnit
from charrnn.render.glyphs import glyph
from charrnn.web.html import page_html
from charrnn.web.live import Live


def offline_page(
    model: ExactModel,
    title: str,
    *,
    item_end: str | None = None,
    normalize: str | None = None,
    names: Sequence[NamedUnit] = (),
) -> str:
    """The page as HTML; the arguments are those of `charrnn.web.live.Live`."""
    live = Live(model, title, item_end=item_end, normalize=normalize, names=names)
    cell = model.cell
    inside = {
        "memoryGate": cell.memory_gate,
        "normalize": normalize,
        **page_model(model, item_end=item_end),
    }
    shown = "".join(map(glyph, title))
    data = {"title": shown, "about": live.about(), "live": live.opening(), "model": inside}
    return page_html(data, live=True)
