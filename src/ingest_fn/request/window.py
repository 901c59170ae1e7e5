"""The hours that an event asks for: whole, closed, UTC, and within what CloudWatch keeps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest_fn.errors import ConfigurationError
from ingest_fn.pipeline.model import HOUR, Window, zulu
from ingest_fn.request import fields

RETENTION = timedelta(days=455)
"""How long CloudWatch keeps hourly datapoints (GetMetricStatistics API reference)."""

MAX_LOOKBACK_HOURS = RETENTION // HOUR

SKEW = timedelta(minutes=5)
"""How far the clock that made an event may be ahead of this one."""

LOOKBACK = f"a whole number of hours from 1 to {MAX_LOOKBACK_HOURS}"


def lookback(key: str, value: object) -> int:
    """How many hours to look back. Raises ConfigurationError."""
    return fields.integer(key, value, 1, MAX_LOOKBACK_HOURS, LOOKBACK)


def window_of(
    keys: Mapping[str, Any], time: datetime | None, now: datetime, lookback_hours: int
) -> Window:
    """The window of an event's checked ``keys``, counted from its own ``time`` or from ``now``.

    Raises ConfigurationError for one that is empty, open, or no longer kept at ``now``.
    """
    if time is not None and now < time <= now + SKEW:
        now = time
    time_key = "scheduled_time" if "scheduled_time" in keys else "time"
    if "start" in keys or "end" in keys:
        if "lookback_hours" in keys:
            raise ConfigurationError(
                "The event has lookback_hours beside start and end.",
                "Give either how far to look back, or where to start and end.",
            )
        for key in ("start", "end"):
            if key not in keys:
                raise ConfigurationError(f"The event has no {key}.", "start and end go together.")
        _closed("end", keys["end"], now)
        _kept("start", keys["start"], now)
        start, end = floor(keys["start"]), floor(keys["end"])
    else:
        hours = keys.get("lookback_hours", lookback_hours)
        if time is not None:
            _closed(time_key, time, now)
            _kept(time_key, time, now, hours)
        end = floor(time or now)
        start = end - hours * HOUR
    if start >= end:
        raise ConfigurationError(
            f"start {zulu(start)} is not before end {zulu(end)} (both count from the whole hour).",
            "Give a start at least one hour before the end.",
        )
    return Window(start, end)


def _closed(key: str, moment: datetime, now: datetime) -> None:
    if floor(moment) > floor(now):
        raise ConfigurationError(
            f"{key} {zulu(moment)} lies in the future: the last closed hour ended "
            f"{zulu(floor(now))}.",
            "Only closed hours are read; give an earlier one.",
        )


def _kept(key: str, moment: datetime, now: datetime, hours: int = 0) -> None:
    """Compared without subtracting from ``moment``, which may be in the year 1."""
    if floor(moment) < floor(now) - RETENTION + hours * HOUR:
        before = f"{key} {zulu(moment)}"
        asked = f"{before} less {hours} hours" if hours else before
        raise ConfigurationError(
            f"{asked} is more than {RETENTION.days} days back.",
            "CloudWatch keeps hourly datapoints no longer; give a later one.",
        )


def floor(moment: datetime) -> datetime:
    """The UTC hour that ``moment`` lies in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
