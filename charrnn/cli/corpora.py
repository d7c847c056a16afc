"""`charrnn corpora`: the texts that are known by name."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from charrnn.cli.terminal import print_json
from charrnn.settings import Config, setting

if TYPE_CHECKING:
    from charrnn.text.catalog import NamedCorpus

EXAMPLES = ("charrnn corpora", "charrnn corpora --json", "charrnn train shakespeare --minutes 5")
INDENT = 13
"""Cells before the text of an entry."""


@dataclass(frozen=True, kw_only=True)
class CorporaOptions(Config):
    """How the corpora are listed."""

    json: bool = setting(False, "Print one JSON object per corpus.")


def corpora(options: CorporaOptions) -> None:
    """List the corpora known by name: size, license, and origin."""
    from charrnn.text.catalog import CATALOG, is_cached
    from charrnn.text.opening import user_cache

    cache = user_cache()
    for entry in CATALOG.values():
        if options.json:
            _print_json(entry, here=is_cached(entry, cache))
        else:
            _print(entry, here=is_cached(entry, cache))
    if not options.json:
        print(f"Train on one with: charrnn train NAME. Downloads are saved in {cache}.")


def _print_json(entry: "NamedCorpus", *, here: bool) -> None:
    record = {
        "name": entry.name,
        "what": entry.what,
        "size": entry.size,
        "license": entry.license,
        "origin": entry.origin,
        "sha256": entry.sha256,
        "here": here,
    }
    print_json(record)


def _print(entry: "NamedCorpus", *, here: bool) -> None:
    where = "on this machine" if here else "downloaded when first used"
    print(f"{entry.name:<{INDENT}}{entry.size}, {entry.license}, {where}")
    print(f"{'':<{INDENT}}{entry.what}")
    is_pinned = entry.sha256 or entry.name == "python"
    note = "" if is_pinned else " (no published checksum: later downloads must match the first)"
    print(f"{'':<{INDENT}}from {entry.origin}{note}\n")
