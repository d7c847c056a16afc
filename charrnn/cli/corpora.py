"""`charrnn corpora`: the texts that are known by name."""

import io
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.cli.completion import complete_corpus
from charrnn.cli.terminal import print_json, shown
from charrnn.errors import DataError, SettingError
from charrnn.settings import Config, setting
from charrnn.wording import did_you_mean, escape

if TYPE_CHECKING:
    from charrnn.text.catalog import NamedCorpus

EXAMPLES = (
    "charrnn corpora",
    "charrnn corpora numbers --seed 7 > others.tsv",
    "charrnn train shakespeare --minutes 5",
)
INDENT = 13
"""Cells before the text of an entry."""


@dataclass(frozen=True, kw_only=True)
class CorporaOptions(Config):
    """How the corpora are listed."""

    json: bool = setting(False, "Print one JSON object per corpus.")
    seed: int | None = setting(
        None,
        "With NAME: make the corpus from another seed, so that most of its lines are others.",
        default_text="that of training",
    )
    check: bool = setting(
        False,
        "Read the large texts that are encoded in the cache, and compare them with their checksums; "
        "damaged ones are removed.",
    )
    cache: Path | None = setting(
        None,
        "With {check}: the folder for downloads and encoded corpora.",
        metavar="DIR",
        needs=("check",),
    )
    labels: bool = setting(
        False,
        "With the NAME of a text whose lines have hidden labels: print a tab and its label after each line.",
    )


NameArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME",
        help="Print the text of this corpus instead of the list.",
        show_default=False,
        autocompletion=complete_corpus,
    ),
]


def corpora(name: NameArgument = None, *, options: CorporaOptions) -> None:
    """List the corpora known by name, with size, license and origin; or print one."""
    from charrnn.text.opening import user_cache

    if options.check:
        if name is not None:
            raise SettingError.naming("{check} is for all encoded texts", f"leave out {name}")
        _check(options.cache or user_cache(), as_json=options.json)
    elif name is not None:
        _print_text(name, options)
    else:
        _list(options)


def _list(options: CorporaOptions) -> None:
    from charrnn.text.catalog import CATALOG, MADE, MADE_TEXTS, is_cached
    from charrnn.text.opening import user_cache

    if options.seed is not None:
        raise SettingError.naming("{seed} needs the NAME of a corpus", "charrnn corpora numbers")
    if options.labels:
        raise SettingError.naming("{labels} needs the NAME of a corpus", "charrnn corpora moods")
    cache = user_cache()
    for entry in CATALOG.values():
        if options.json:
            _print_json(entry, here=is_cached(entry, cache))
            continue
        if entry is MADE[0]:
            print("Pairs that charrnn makes itself, each a line SOURCE<TAB>TARGET:\n")
        if entry is MADE_TEXTS[0]:
            print("Texts that charrnn makes itself, each line with a hidden label:\n")
        _print(entry, here=is_cached(entry, cache))
    if not options.json:
        print("Train on one with: charrnn train NAME; on pairs with: charrnn train NAME --pairs.")
        print(f"Downloads are saved in {escape(str(cache))}.")


def _check(cache: Path, *, as_json: bool) -> None:
    """Compare all encoded texts with their checksums; remove those that are damaged."""
    from charrnn.cli.work import working
    from charrnn.text.encoding.stored import stored_in
    from charrnn.text.encoding.text import names_of
    from charrnn.text.numbering import ENCODED
    from charrnn.wording import size

    found = [*stored_in(cache / ENCODED)]
    with working(sum(ids.path.stat().st_size for ids in found), "byte") as work:
        for ids in found:
            is_whole = ids.are_whole(None, work.advance)
            names, num_bytes = names_of(ids), ids.path.stat().st_size
            if as_json:
                print_json({"path": str(ids.path), "names": names, "undamaged": is_whole})
            else:
                state = "undamaged" if is_whole else "damaged, removed"
                print(
                    f"{escape(' '.join(names))}: {size(num_bytes)}, {state} ({escape(str(ids.path))})"
                )
            if not is_whole:
                ids.remove()
    if not found and not as_json:
        print(f"No text is encoded in {escape(str(cache))}.")


def _print_text(name: str, options: CorporaOptions) -> None:
    """Print a corpus as it is read for training.

    Raises:
        DataError: there is no such corpus.
        SettingError: a setting does not apply to it.
    """
    from charrnn.text.catalog import CATALOG
    from charrnn.text.generated import GENERATORS, SEED

    if name not in CATALOG:
        hint = did_you_mean(name, CATALOG) or "'charrnn corpora' lists them"
        raise DataError(f"there is no corpus called {name!r}", hint)
    if options.json:
        raise SettingError.naming("{json} is for the list of corpora", f"leave out {name}")
    generator = GENERATORS.get(name)
    if options.labels and not (generator and generator.is_text):
        raise SettingError.naming(
            "{labels} applies only to texts whose lines have hidden labels, which {name} is not",
            "charrnn corpora moods",
            name=name,
        )
    if options.seed is None and not options.labels:
        _print_corpus(name)
    elif generator:
        seed = SEED if options.seed is None else options.seed
        _write(io.TextIOWrapper(generator.open(seed, labels=options.labels), "utf-8"))
    else:
        raise SettingError.naming(
            "{seed} applies only to corpora that charrnn makes itself, which {name} is not",
            name=name,
        )


def _print_corpus(name: str) -> None:
    from charrnn.cli.inputs import find_texts
    from charrnn.config import CorpusConfig
    from charrnn.text.pieces import read_pieces
    from charrnn.text.sources import Notes

    config = CorpusConfig()
    for source in find_texts([name], config):
        _write(read_pieces(source, config, Notes()))


def _write(pieces: Iterable[str]) -> None:
    for piece in pieces:
        sys.stdout.write(shown(piece))


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
    from charrnn.text.catalog import DOWNLOADS

    where = "on this machine" if here else "downloaded when first used"
    print(f"{entry.name:<{INDENT}}{entry.size}, {entry.license}, {where}")
    print(f"{'':<{INDENT}}{entry.what}")
    note = (
        ""
        if entry.sha256 or entry not in DOWNLOADS
        else " (no published checksum: later downloads must match the first)"
    )
    print(f"{'':<{INDENT}}from {entry.origin}{note}\n")
