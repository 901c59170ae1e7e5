"""The page's legend, its documentation and the view agree on the verdicts."""

from __future__ import annotations

import re

import psycopg

from ingest_fn.answers.page.model import VERDICTS
from ingest_fn.answers.page.render import render
from tests.docs.pages import ROOT
from tests.machines import END
from tests.pages import facts

PAGE = ROOT / "docs" / "report.md"


def test_the_legend_and_the_docs_say_the_same() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)
    legend = re.findall(
        r'<dt><span class="v \w+">([^<]+)</span><dd>(.+?) <code>(\w+)</code>', render(facts(7), END)
    )
    assert rows == [(word, title, meaning) for title, meaning, word in legend]
    assert len(rows) == len(VERDICTS)


def test_the_legend_has_the_verdicts_of_the_view(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT col_description('verdicts'::regclass, attnum) FROM pg_attribute "
            "WHERE attrelid = 'verdicts'::regclass AND attname = 'verdict'"
        ).fetchone()
    assert row is not None
    assert set(re.findall(r"[a-z_]{4,}", row[0])) == set(VERDICTS)


def test_the_pictures_are_small() -> None:
    pictures = re.findall(r"\]\((images/[^)]+)\)", PAGE.read_text())
    assert len(pictures) == 2
    for picture in pictures:
        assert 10_000 < (PAGE.parent / picture).stat().st_size < 200_000
