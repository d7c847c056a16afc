"""`charrnn corpora`: the texts that are known by name."""

import json
from typing import Annotated

import typer

from charrnn.cli.texts import user_cache


def corpora(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a corpus.")] = False) -> None:
    """List the corpora known by name: size, licence, and where each comes from."""
    from charrnn.text.catalogue import CATALOGUE, is_cached

    cache = user_cache()
    if as_json:
        for e in CATALOGUE.values():
            row = {"name": e.name, "what": e.what, "size": e.size, "licence": e.licence, "origin": e.origin}
            print(json.dumps(row | {"sha256": e.sha256, "here": is_cached(e, cache)}))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("name", "size", "licence", "here"):
        table.add_column(column, no_wrap=True)
    table.add_column("what, and where it comes from", overflow="fold")
    for e in CATALOGUE.values():
        table.add_row(e.name, e.size, e.licence, "yes" if is_cached(e, cache) else "-", f"{e.what}\n{e.origin}")
    Console(highlight=False, markup=False).print(table)
    print(f"\nTrain on one with: charrnn train NAME. Downloads are kept in {cache}.")
