"""The page as one file: template, style, script and data, with a policy that forbids everything else.

The script may run because the policy has its hash; nothing may be fetched, and no other script, style, picture or font
may be used. Text is data: it is in JSON without any `<`, and the script shows it as text only.
"""

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from charrnn.render.palette import Palette

STATIC = Path(__file__).parent / "static"
SCRIPTS = (
    "decode.js",
    "spans.js",
    "text.js",
    "panels.js",
    "cards.js",
    "charts.js",
    "pairs.js",
    "page.js",
)
"""The files that make up the script, in this order; live.js follows on a page that is served."""


def page_html(
    data: Mapping[str, Any], palette: Palette = Palette.rdbu, *, live: bool = False
) -> str:
    """The whole page as HTML.

    Args:
        data: see `charrnn.web.data.page_data`; for a live page with the key `live`.
        palette: the colors of values below and above zero.
        live: whether a server answers the page; see `charrnn.web.live`.
    """
    from charrnn.web.colors import ramps

    return Template(_read("template.html")).substitute(
        policy=html.escape(page_policy(live=live)),
        title=html.escape(str(data["title"])),
        style=_style(live=live),
        script=_script(live=live),
        live=_read("live.html") if live else "",
        data=as_json({**data, "ramps": ramps(palette)}),
    )


def page_policy(*, live: bool = False) -> str:
    """The Content-Security-Policy of the page: it may run its own script and, if it is live, ask its own server."""
    connect = "'self'" if live else "'none'"
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(_script(live=live))}",
            f"style-src {_hash(_style(live=live))}",
            "img-src data:",
            f"connect-src {connect}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _script(*, live: bool) -> str:
    """The script of the page."""
    return "\n".join(_read(name) for name in (*SCRIPTS, *(["live.js"] if live else [])))


def _style(*, live: bool) -> str:
    """The style sheet of the page."""
    return _read("page.css") + (_read("live.css") if live else "")


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
