"""The page and the exports as text."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser

import pytest

from ingest_fn.answers.exports import as_csv, as_json
from ingest_fn.answers.page.drawing import sparkline, week
from ingest_fn.answers.page.model import LIST_PRICE
from ingest_fn.answers.page.render import render
from tests.machines import END
from tests.pages import HOSTILE, facts, series, verdict


class Tags(HTMLParser):
    """The tags of a page, and the attributes that could fetch or run something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.suspicious: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.suspicious += [
            name for name, _ in attrs if name in {"src", "href", "style"} or name.startswith("on")
        ]


def test_foreign_text_stays_text() -> None:
    hostile = {
        "name": HOSTILE,
        "reason": HOSTILE,
        "instance_type": HOSTILE,
        "excluded_reason": HOSTILE,
        "saving_note": HOSTILE,
        "suggested_types": [HOSTILE],
        "account_id": HOSTILE,
        "tags": {"Team": HOSTILE},
    }
    page = render(facts(7, **hostile), END)
    tags = Tags(page)
    assert tags.tags.count("script") == 1
    assert tags.suspicious == []
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_no_address_is_in_the_page() -> None:
    page = render(facts(7), END)
    assert re.findall(r"https?://[^\"']+", page) == ["http://www.w3.org/2000/svg"]


def test_every_dollar_says_what_it_is() -> None:
    page = render(facts(7), END)
    assert "$29,997.00" in page
    for part in re.findall(r"<b>\$.*?</div>", page) + re.findall(r"<dd>\$[^<]*", page):
        assert LIST_PRICE in part.lower().replace("savings plans", "Savings Plans"), part


def test_an_unknown_price_is_never_zero() -> None:
    unknown = {"price_usd_per_hour": None, "saving_usd_per_month": None, "saving_note": "No price."}
    page = render(facts(7, **unknown), END)
    assert "$0.00" not in page
    assert "Saving unknown" in page
    assert "What 3 findings would save is not known" in page
    one = render(facts(1, saving_usd_per_month=None), END)
    assert "$29" not in one


def test_an_excluded_machine_is_shown_and_not_counted() -> None:
    page = render(facts(7, excluded_reason="Kept for the audit."), END)
    assert "Excluded: Kept for the audit." in page
    assert "<b>Nothing</b>" in page
    assert "7 are excluded and not counted" in page


def test_an_empty_database_has_a_page() -> None:
    page = render(facts(0), END)
    assert "No instance is known yet." in page


def test_a_gap_breaks_the_line() -> None:
    drawn = sparkline(series(0), 336, 4, "one")
    (mean,) = re.findall(r'class="m" d="([^"]+)"', drawn)
    assert mean.count("M") == 2
    assert 'class="g" d="M50 ' in drawn  # 100 of 336 hours, of a width of 168
    assert 'class="g" d="M0 ' in sparkline(None, 336, 4, "none")


def test_the_week_begins_on_monday() -> None:
    found = {"hours": [0, 1, 168], "cpu": [90.0, 0.0, 70.0]}
    assert week(found, END)[:3] == "50-"
    assert len(week(found, END)) == 168


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", " ="])
def test_csv_is_safe_in_a_spreadsheet(start: str) -> None:
    (_, row) = csv.reader(io.StringIO(as_csv([verdict(0, name=f"{start}cmd|' /C calc'!A0")])))
    assert row[1].startswith("'")
    assert all(not cell.startswith(("=", "+", "-", "@", "\t")) for cell in row)


def test_unknown_is_empty_in_csv_and_null_in_json() -> None:
    rows = [verdict(0, saving_usd_per_month=None)]
    (found,) = csv.DictReader(io.StringIO(as_csv(rows)))
    assert (found["saving_usd_per_month"], found["price_usd_per_hour"]) == ("", "0.0978")
    said = json.loads(as_json(rows, END, 14))["verdicts"][0]
    assert (said["saving_usd_per_month"], said["price_usd_per_hour"]) == (None, 0.0978)
    assert said["until"] == "2026-11-23T00:00:00Z"
