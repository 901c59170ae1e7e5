"""The hours that an event asks for: whole, closed, UTC, and within what CloudWatch keeps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from ingest_fn.errors import EventError
from ingest_fn.pipeline.model import HOUR, Window, zulu
from ingest_fn.request import fields

RETENTION = timedelta(days=455)
"""How long CloudWatch keeps hourly datapoints (GetMetricStatistics API reference)."""

MAX_LOOKBACK_HOURS = RETENTION // HOUR

LOOKBACK = f"a whole number of hours from 1 to {MAX_LOOKBACK_HOURS}"


def window_of(
    keys: Mapping[str, object], time: datetime | None, now: datetime, lookback_hours: int
) -> Window:
    """The window of an event's ``keys``, counted from its own ``time`` or else from ``now``.

    Raises EventError for one that is empty, open, or no longer kept.
    """
    reference = time or now
    if "start" in keys or "end" in keys:
        if "lookback_hours" in keys:
            raise EventError(
                "The event has lookback_hours beside start and end.",
                "Give either how far to look back, or where to start and end.",
            )
        for key in ("start", "end"):
            if key not in keys:
                raise EventError(f"The event has no {key}.", "start and end go together.")
        end_key = "end"
        start, end = (floor(fields.timestamp(key, keys[key])) for key in ("start", "end"))
    else:
        end_key = "scheduled_time" if "scheduled_time" in keys else "time"
        end = floor(reference)
        back = keys.get("lookback_hours", lookback_hours)
        start = end - fields.integer("lookback_hours", back, 1, MAX_LOOKBACK_HOURS, LOOKBACK) * HOUR
    if start >= end:
        raise EventError(
            f"start {zulu(start)} is not before end {zulu(end)} (both count from the whole hour).",
            "Give a start at least one hour before the end.",
        )
    if end > floor(now):
        raise EventError(
            f"{end_key} {zulu(end)} lies in the future: the last closed hour ended {zulu(now)}.",
            "Only closed hours are read; give an earlier one.",
        )
    if start < floor(reference) - RETENTION:
        raise EventError(
            f"start {zulu(start)} is more than {RETENTION.days} days back.",
            "CloudWatch keeps hourly datapoints no longer; give a later one.",
        )
    return Window(start, end)


def floor(moment: datetime) -> datetime:
    """The UTC hour that ``moment`` lies in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
