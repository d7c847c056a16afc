"""`charrnn corpora`: the list of the corpora known by name."""

import json

from helpers import call_charrnn

from charrnn.text.catalog import CATALOG


def test_corpora_are_listed_for_people_and_for_programs(capsys):
    listed = call_charrnn(capsys, "corpora").out
    rows = [json.loads(line) for line in call_charrnn(capsys, "corpora", "--json").out.splitlines()]
    assert [row["name"] for row in rows] == list(CATALOG)
    for row in rows:
        assert all(row[key] for key in ("what", "size", "license", "origin"))
        assert all(row[key] in listed for key in ("name", "what", "size", "license", "origin"))
    assert rows[0]["here"]
