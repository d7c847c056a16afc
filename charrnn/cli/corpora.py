"""`charrnn corpora`: the texts that are known by name."""

import json
from typing import Annotated

import typer

from charrnn.cli.inputs import user_cache


def corpora(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a corpus.")
    ] = False,
) -> None:
    """List the corpora known by name: size, licence, and where each comes from."""
    from charrnn.text.catalogue import CATALOGUE, is_cached

    cache = user_cache()
    if as_json:
        for e in CATALOGUE.values():
            row = {
                "name": e.name,
                "what": e.what,
                "size": e.size,
                "licence": e.licence,
                "origin": e.origin,
            }
            print(json.dumps(row | {"sha256": e.sha256, "here": is_cached(e, cache)}))
        return
    for e in CATALOGUE.values():
        here = "on this machine" if is_cached(e, cache) else "downloaded when asked for"
        print(f"{e.name:<13}{e.size}, {e.licence}, {here}")
        print(f"{'':<13}{e.what}")
        pinned = (
            ""
            if e.sha256 or e.name == "python"
            else " (no published checksum: the first download's is kept)"
        )
        print(f"{'':<13}from {e.origin}{pinned}\n")
    print(f"Train on one with: charrnn train NAME. Downloads are kept in {cache}.")
