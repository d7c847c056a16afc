"""The README as a package index shows it: there, a picture or a link needs a whole address."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class CustomMetadataHook(MetadataHookInterface):
    """Adds the README to the metadata, with the address from pyproject.toml before relative targets."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `readme`."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        address = self.config.get("address", "")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": with_address(text, address) if address else text,
        }


def with_address(text: str, address: str) -> str:
    """Markdown whose relative targets begin with an address.

    text="![A](docs/a.svg) [B](https://b.org)", address="https://x.org/" -> "![A](https://x.org/docs/a.svg) [B](https://b.org)"
    """
    return re.sub(r"\]\((?!\w+:|#)", f"]({address}", text)
