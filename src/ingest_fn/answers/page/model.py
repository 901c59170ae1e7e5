"""Words, numbers and escaping that all parts of the page share."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Any

from ingest_fn.errors import printable

LIST_PRICE = "list price, before reservations and Savings Plans"

VERDICTS = {
    "idle": ("Idle", "CPU never rose above 5 % and the network carried less than 5 MB per day."),
    "oversized": ("Oversized", "A cheaper type would do the same work with 20 % to spare."),
    "switch_off": ("Switch off", "Nothing happens in the same hours of every week."),
    "undersized": ("Undersized", "CPU or memory is above 80 %, or burst credits are used up."),
    "insufficient_data": ("Not enough data", "Too many hours are missing to say anything."),
    "not_applicable": ("Not judged", "Too young, stopped, Spot, with GPUs or in a scaling group."),
    "fine": ("Fine", "It does its work, and nothing cheaper fits."),
}
"""By the word of the view ``verdicts``: the title and the meaning of each, in the page's order."""

FINDINGS = ("idle", "oversized", "switch_off", "undersized")
"""The verdicts that ask for something to be done."""


def text(value: object, most: int = 400) -> str:
    """Foreign text for HTML: escaped, and what would not be seen or turns a line is spelt out."""
    return escape(printable(value, most), quote=True)


def dollars(value: Decimal | float, digits: int = 2) -> str:
    """US dollars, as in $1,234.50."""
    return f"${value:,.{digits}f}"


def number(value: Any, unit: str = "", digits: int = 1) -> str:
    """A number with its unit; unknown is said in words, never shown as 0."""
    if value is None:
        return "unknown"
    return f"{value:,.{digits}f}{unit}"


def minute(time: datetime | None) -> str:
    """A time in UTC, to the minute."""
    return "unknown" if time is None else f"{time:%Y-%m-%d %H:%M} UTC"


def team_of(row: dict[str, Any], tag: str) -> str:
    """The value of the tag whose key is ``tag``, in any case of letters; empty: there is none."""
    tags = row["tags"] or {}
    return next((str(value) for key, value in tags.items() if key.lower() == tag.lower()), "")
