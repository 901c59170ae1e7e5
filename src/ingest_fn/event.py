"""An event becomes a request, or is refused by name before anything is fetched or written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from textwrap import shorten

from ingest_fn.errors import ConfigurationError, EventError
from ingest_fn.instance_ids import checked_ids
from ingest_fn.model import HOUR, Request, Window, zulu

RETENTION = timedelta(days=455)
"""How long CloudWatch keeps hourly datapoints (GetMetricStatistics API reference)."""

MAX_LOOKBACK_HOURS = RETENTION // HOUR

_KEYS = {
    "scheduled_time": "an ISO 8601 time with its offset, as in 2026-11-23T10:15:00Z",
    "instance_ids": "a list of EC2 instance ids",
    "lookback_hours": f"a whole number of hours from 1 to {MAX_LOOKBACK_HOURS}",
    "start": "an ISO 8601 time with its offset, as in 2026-11-01T00:00:00Z",
    "end": "an ISO 8601 time with its offset, as in 2026-11-02T00:00:00Z",
    "dry_run": "true or false",
}
_CONSOLE_TEMPLATE = {"key1", "key2", "key3"}
_ENVELOPE = {
    "version",
    "id",
    "detail-type",
    "source",
    "account",
    "time",
    "region",
    "resources",
    "detail",
}


def parse_event(event: object, *, now: datetime, lookback_hours: int) -> Request:
    """The request that ``event`` makes at ``now`` (aware), as the README's event table says.

    ``lookback_hours`` is what holds where the event says nothing. An event that carries a time
    counts from it, so that a retry reads the same hours. Raises EventError.
    """
    if not isinstance(event, Mapping):
        raise EventError(
            f"The event is {_shown(event)}, not a JSON object.",
            'Send {} for the configured instances, or see the README under "Events".',
        )
    keys, time, trigger = _unwrapped(event)
    for key in keys:
        if key not in _KEYS:
            raise EventError(
                f"The event has an unknown key {key!r}.", f"It takes {', '.join(_KEYS)}."
            )
    if time is None and "scheduled_time" in keys:
        time, trigger = _time(keys, "scheduled_time"), "schedule"
    ids = keys.get("instance_ids")
    return Request(
        window=_window(keys, time, now, lookback_hours),
        instance_ids=None if ids is None else _instance_ids(ids),
        dry_run=_flag(keys, "dry_run"),
        trigger=trigger,
    )


def _unwrapped(event: Mapping[str, object]) -> tuple[Mapping[str, object], datetime | None, str]:
    """The event's own keys, its time where an envelope carries one, and what sent it."""
    if set(event) == _CONSOLE_TEMPLATE:
        return {}, None, "manual"
    if "detail-type" not in event and "source" not in event:
        return event, None, "manual"
    if "time" not in event:
        raise EventError("The EventBridge envelope has no time.", "Send the envelope whole.")
    detail = event.get("detail") or {}
    if isinstance(detail, str):
        try:
            detail = json.loads(detail)
        except ValueError as error:
            raise _refused("detail", detail, "a JSON object, or one in a string") from error
    if not isinstance(detail, Mapping):
        raise _refused("detail", detail, "a JSON object, or one in a string")
    own = {key: value for key, value in event.items() if key not in _ENVELOPE}
    return {**detail, **own}, _time(event, "time"), "schedule"


def _window(
    keys: Mapping[str, object], time: datetime | None, now: datetime, lookback_hours: int
) -> Window:
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
        start, end = (_floor(_time(keys, key)) for key in ("start", "end"))
    else:
        end_key = "scheduled_time" if "scheduled_time" in keys else "time"
        end = _floor(reference)
        start = end - _lookback(keys, lookback_hours) * HOUR
    if start >= end:
        raise EventError(
            f"start {zulu(start)} is not before end {zulu(end)} (both count from the whole hour).",
            "Give a start at least one hour before the end.",
        )
    if end > _floor(now):
        raise EventError(
            f"{end_key} {zulu(end)} lies in the future: the last closed hour ended {zulu(now)}.",
            "Only closed hours are read; give an earlier one.",
        )
    if start < _floor(reference) - RETENTION:
        raise EventError(
            f"start {zulu(start)} is more than {RETENTION.days} days back.",
            "CloudWatch keeps hourly datapoints no longer; give a later one.",
        )
    return Window(start, end)


def _floor(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _time(keys: Mapping[str, object], key: str) -> datetime:
    value, takes = keys[key], _KEYS.get(key, _KEYS["scheduled_time"])
    if not isinstance(value, str):
        raise _refused(key, value, takes)
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _refused(key, value, takes) from error
    raise _refused(key, value, takes)


def _lookback(keys: Mapping[str, object], default: int) -> int:
    value = keys.get("lookback_hours", default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refused("lookback_hours", value, _KEYS["lookback_hours"])
    if not 1 <= value <= MAX_LOOKBACK_HOURS:
        raise _refused("lookback_hours", value, _KEYS["lookback_hours"])
    return value


def _instance_ids(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _refused("instance_ids", value, _KEYS["instance_ids"])
    try:
        return checked_ids(value, where="instance_ids")
    except ConfigurationError as error:
        raise EventError(error.message, error.mend) from error


def _flag(keys: Mapping[str, object], key: str) -> bool:
    value = keys.get(key, False)
    if not isinstance(value, bool):
        raise _refused(key, value, _KEYS[key])
    return value


def _refused(key: str, value: object, takes: str) -> EventError:
    return EventError(f"{key} is {_shown(value)}.", f"It takes {takes}.")


def _shown(value: object) -> str:
    return shorten(json.dumps(value, default=repr), 80, placeholder="...")
