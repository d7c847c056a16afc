"""The page as one file: template, style, script and data, with a policy that forbids everything else.

The script may run because the policy has its hash; nothing may be fetched, and no other script, style, picture or font
may be used. Text is data: it is in JSON without any `<`, and the script shows it as text only.
"""

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

from charrnn.render.palette import Palette

STATIC = Path(__file__).parent / "static"
SCRIPTS = (
    *("decode.js", "spans.js", "reactions.js", "order.js", "paint.js", "text.js", "words.js"),
    *("tips.js", "legend.js", "guesses.js", "panels.js", "cards.js", "plot.js", "charts.js"),
    *("lines.js", "search.js", "why.js", "reach.js", "pairs.js", "svg.js", "pictures.js"),
)
"""The files that every page's script begins with, in this order."""
ROWS = "rows.js"
"""That of every live page, before the next."""
LIVE = ("box.js", "compare.js", "live.js")
"""Those of every live page, after that of the page."""
SERVED = ("served.js",)
"""Those of a page whose model is on a server."""
MODEL = ("engine.js", "reader.js", "measured.js", "occlusion.js", "offline.js")
"""Those of a page with a model inside."""


def page_html(
    data: Mapping[str, Any],
    palette: Palette = Palette.rdbu,
    *,
    live: bool = False,
    embed: bool = False,
) -> str:
    """The whole page as HTML.

    Args:
        data: see `charrnn.web.data.page_data`; for a live page with the key `live`, and of a page with a model inside
            see `charrnn.web.offline`.
        palette: the colors of values below and above zero with which the page opens.
        live: whether a model answers the page, on a server (see `charrnn.web.live`) or inside it.
        embed: for a frame in another page: only one view, which fills the frame, and a line that says what made it.
    """
    from charrnn.web.colors import colors

    live = live or "model" in data
    names = _scripts(live=live, model="model" in data)
    return Template(_read("template.html")).substitute(
        policy=html.escape(page_policy(live=live, model="model" in data)),
        title=html.escape(str(data["title"])),
        style=_style(live=live),
        script=_script(names),
        embed=" data-embed" if embed else "",
        live=_read("live.html") if live else "",
        data=as_json({**data, **colors(palette), "version": version("charrnn")}),
    )


def page_policy(*, live: bool = False, model: bool = False) -> str:
    """The Content-Security-Policy of the page.

    It may run its own script, and ask its own server if it is live without a model inside. Such a model is WebAssembly
    that the script makes.
    """
    wasm = " 'wasm-unsafe-eval'" if model else ""
    connect = "'self'" if live and not model else "'none'"
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(_script(_scripts(live=live, model=model)))}{wasm}",
            f"style-src {_hash(_style(live=live))}",
            "img-src data:",
            f"connect-src {connect}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _scripts(*, live: bool, model: bool) -> tuple[str, ...]:
    """The files that make up the script of a page."""
    if not live:
        return (*SCRIPTS, "page.js", "address.js")
    inside, typing = (MODEL, ("typing.js",)) if model else (SERVED, ())
    return (*SCRIPTS, ROWS, *inside, "page.js", *LIVE, *typing, "address.js")


def _script(names: Iterable[str]) -> str:
    """The script of the page."""
    return "\n".join(map(_read, names))


def _style(*, live: bool) -> str:
    """The style sheet of the page."""
    sheets = ("page.css", "plots.css", *(("live.css",) if live else ()), "embed.css")
    return "".join(map(_read, sheets))


def as_json(data: Mapping[str, Any]) -> str:
    """JSON in ASCII that is safe in a script element: nothing in it ends the element or begins a comment."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _read(name: str) -> str:
    """The content of a static file."""
    return (STATIC / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The hash of a script or style, as a Content-Security-Policy names it."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
