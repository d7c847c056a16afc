"""The page as one file: template, style, script and data, with a policy that lets it do nothing else.

The script may run because its hash stands in the policy; nothing may be fetched, no other script, style, picture or font
be used. Text is data: it stands in JSON in which no `<` is left, and the script shows it as text only.
"""

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

HERE = Path(__file__).parent
SCRIPTS = ("decode.js", "spans.js", "text.js", "panels.js", "charts.js", "page.js")
"""In this order they are one script."""


def page_html(
    data: Mapping[str, Any], *, scripts: Sequence[str] = SCRIPTS, connect: str = "'none'"
) -> str:
    """The whole page.

    Args:
        data: see `charrnn.page.data.page_data`.
        scripts: the files of this folder that make its script.
        connect: what the page may fetch, as a source list of the policy: nothing, or 'self' for a page that is served.
    """
    from charrnn.page.colors import ramps

    script = "\n".join(_read(name) for name in scripts)
    style = _read("page.css")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(style)}",
            "img-src data:",
            f"connect-src {connect}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        )
    )
    return Template(_read("template.html")).substitute(
        policy=html.escape(policy),
        title=html.escape(str(data["title"])),
        style=style,
        script=script,
        data=as_json({**data, "ramps": ramps()}),
    )


def as_json(data: Mapping[str, Any]) -> str:
    """JSON in ASCII that may stand in a script element: nothing in it ends one, or begins a comment."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
