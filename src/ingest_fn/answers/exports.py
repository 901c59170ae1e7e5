"""Verdicts as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from ingest_fn.errors import printable
from ingest_fn.pipeline.model import zulu

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
"""A spreadsheet would run text that begins so."""


def as_json(rows: Sequence[dict[str, Any]], as_of: datetime, days: int) -> str:
    """``{"as_of": …, "days": …, "verdicts": [{…}]}``; unknown is null."""
    said = {"as_of": zulu(as_of), "days": days, "verdicts": rows}
    return json.dumps(said, default=_plain) + "\n"


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """One line per machine under the columns of ``verdicts``; unknown is empty.

    Text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    columns = list(rows[0]) if rows else ["instance_id", "name", "verdict", "reason"]
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return out.getvalue()


def _plain(value: object) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return zulu(value)
    raise TypeError(type(value).__name__)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, list):
        value = " ".join(map(str, value))
    elif isinstance(value, dict):
        value = json.dumps(value)
    elif isinstance(value, datetime):
        value = zulu(value)
    if not isinstance(value, str):
        return value
    shown = printable(value, 2000)
    return (
        f"'{shown}" if value.startswith(_FORMULA) or shown.lstrip().startswith(_FORMULA) else shown
    )
