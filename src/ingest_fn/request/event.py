"""An event becomes a request, or is refused by name before anything is fetched or written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from uuid import UUID

from ingest_fn.errors import ConfigurationError, EventError
from ingest_fn.pipeline.model import HOUR, Part, Window
from ingest_fn.request import fields
from ingest_fn.request.selection import Selection
from ingest_fn.request.target import Target, ids_of, items_of, parse_target
from ingest_fn.request.window import floor, lookback, window_of

_PART = "run_id (a UUID), part (a whole number) and quota_share (over 0, at most 1)"
_MAX_PARTS = 1_000_000
_CONSOLE_TEMPLATE = {"key1", "key2", "key3"}


@dataclass(frozen=True, slots=True)
class Request:
    """What one event asks for.

    The instances are those of ``selection`` or of ``target``; where both are None, the SSM
    parameter names them. ``own_window`` says that the event named its window itself: exactly
    that is read, of every chosen instance. ``part`` is set where a fan-out sent the event.
    """

    window: Window
    selection: Selection | None
    dry_run: bool
    trigger: str
    recent_from: datetime
    """Start of the hours that every run reads; what a run stores before it is healed."""
    target: Target | None = None
    part: Part | None = None
    own_window: bool = False
    """Whether the event names its hours: then exactly those are read, of every instance."""


def parse_event(event: object, *, now: datetime, lookback_hours: int) -> Request:
    """The request that ``event`` makes at ``now`` (aware), as the README's event table says.

    ``lookback_hours`` is what holds where the event says nothing. An event that carries a time
    counts from it, so that a retry reads the same hours. Raises EventError.
    """
    try:
        return _request(event, now, lookback_hours)
    except ConfigurationError as error:
        raise EventError(error.message, error.hint) from error


def _request(event: object, now: datetime, lookback_hours: int) -> Request:
    if not isinstance(event, Mapping):
        raise ConfigurationError(
            f"The event is {fields.shown(event)}, not a JSON object.",
            'Send {} for the configured instances, or see the README under "Events".',
        )
    given, time, trigger = _unwrapped(event)
    keys = fields.checked("The event", given, _FIELDS)
    ways = [key for key in _WAYS if key in keys]
    if len(ways) > 1:
        raise ConfigurationError(
            f"The event has {ways[0]} beside {ways[1]}.", f"Give one of {', '.join(_WAYS)}."
        )
    if time is None and "scheduled_time" in keys:
        time, trigger = keys["scheduled_time"], "schedule"
    part = keys.get("part_of")
    return Request(
        window=window_of(keys, time, now, lookback_hours),
        selection=keys.get("instances") or keys.get("instance_ids"),
        dry_run=keys.get("dry_run", False),
        trigger=trigger if part is None else "fan-out",
        target=keys.get("target"),
        part=part,
        recent_from=floor(time or now) - lookback_hours * HOUR,
        own_window="lookback_hours" in keys or "start" in keys,
    )


def group_of(request: Request) -> str:
    """A name for the instances that events like this choose: the same for every hourly run."""
    target = request.target
    if target is not None:
        return f"{target.account_id} {target.region} {_digest(target.as_dict())}"
    return "default" if request.selection is None else _digest(sorted(request.selection.items))


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True)
    return sha256(text.encode()).hexdigest()[:16]


def _part(key: str, value: object) -> Part:
    keys = fields.checked(key, fields.mapping(key, value, _PART), _PART_FIELDS)
    for needed in ("run_id", "part"):
        if needed not in keys:
            raise fields.invalid(f"{key}.{needed}", None, _PART)
    return Part(keys["run_id"], keys["part"], keys.get("quota_share", 1))


def _run_id(key: str, value: object) -> str:
    try:
        return str(UUID(value if isinstance(value, str) else ""))
    except ValueError as error:
        raise fields.invalid(key, value, _PART) from error


_WAYS = ("instances", "instance_ids", "target")
_PART_FIELDS: Mapping[str, fields.Check] = {
    "run_id": _run_id,
    "part": partial(fields.integer, least=0, most=_MAX_PARTS, takes=_PART),
    "quota_share": partial(fields.number, over=0, most=1, takes=_PART),
}
_FIELDS: Mapping[str, fields.Check] = {
    "scheduled_time": fields.timestamp,
    "instances": items_of,
    "instance_ids": ids_of,
    "target": lambda key, value: parse_target(value, key),
    "lookback_hours": lookback,
    "start": fields.timestamp,
    "end": fields.timestamp,
    "dry_run": fields.boolean,
    "part_of": _part,
}


def _unwrapped(event: Mapping[str, object]) -> tuple[Mapping[str, object], datetime | None, str]:
    """The event's own keys, its time where an envelope carries one, and what sent it."""
    if set(event) == _CONSOLE_TEMPLATE:
        return {}, None, "manual"
    if "detail-type" not in event and "source" not in event:
        return event, None, "manual"
    if "time" not in event:
        raise ConfigurationError(
            "The EventBridge envelope has no time.", "Send the envelope whole."
        )
    takes = "a JSON object, or one in a string"
    detail = event.get("detail", {})
    if isinstance(detail, str):
        try:
            detail = json.loads(detail)
        except (ValueError, RecursionError) as error:
            raise fields.invalid("detail", detail, takes) from error
    detail = fields.mapping("detail", detail, takes)
    # Fields that AWS adds to the envelope are not ours to judge; keys of ours beside it count.
    own = {key: value for key, value in event.items() if key in _FIELDS}
    return {**detail, **own}, fields.timestamp("time", event["time"]), "schedule"
