"""The README and the links as a package index shows them: there, a picture or a link needs a whole address."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

PAGES = {
    "Changelog": "CHANGELOG.md",
    "Documentation": "docs/index.md",
    "Issues": "issues",
    "Source": "",
}
"""The project's links, below the repository's page."""


class CustomMetadataHook(MetadataHookInterface):
    """Adds the README and the project's links to the metadata, with the addresses from pyproject.toml."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `readme` and `urls`."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        page, files = self.config.get("repository", ""), self.config.get("files", "")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": with_addresses(text, page, files) if page and files else text,
        }
        metadata["urls"] = project_links(page) if page else {}


def project_links(page: str) -> dict[str, str]:
    """The names and addresses that a package index shows beside the README."""
    return {
        name: page + ("blob/main/" if target.endswith(".md") else "") + target
        for name, target in PAGES.items()
    }


def with_addresses(text: str, page: str, files: str) -> str:
    """Markdown whose relative links lead to the repository's page, and its pictures to the files themselves.

    text="![A](docs/a.svg) [B](b.md)", page="https://x.org/", files="https://raw.x.org/"
    -> "![A](https://raw.x.org/docs/a.svg) [B](https://x.org/blob/main/b.md)"
    """
    text = re.sub(r"(!\[[^]]*\]\()(?!\w+:|#)", rf"\g<1>{files}", text)
    return re.sub(r"\]\((?!\w+:|#)", f"]({page}blob/main/", text)
