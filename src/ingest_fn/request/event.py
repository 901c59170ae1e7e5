"""An event becomes a request, or is refused by name before anything is fetched or written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from ingest_fn.errors import EventError
from ingest_fn.pipeline.model import HOUR, Part, Window
from ingest_fn.request import fields
from ingest_fn.request.target import WHAT, Target, ids_of, parse_target
from ingest_fn.request.window import LOOKBACK, floor, window_of

_KEYS = {
    "scheduled_time": fields.TIMESTAMP,
    "instance_ids": "a list of EC2 instance ids",
    "target": WHAT,
    "lookback_hours": LOOKBACK,
    "start": fields.TIMESTAMP,
    "end": fields.TIMESTAMP,
    "dry_run": "true or false",
    "part_of": "run_id (a UUID), part (a whole number) and quota_share (over 0, at most 1)",
}
_PART_KEYS = ("run_id", "part", "quota_share")
_WINDOW_KEYS = {"lookback_hours", "start", "end"}
_MAX_PARTS = 1_000_000
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


@dataclass(frozen=True, slots=True)
class Request:
    """What one event asks for.

    The instances are ``instance_ids`` or those of ``target``; where both are None, the SSM
    parameter names them. ``part`` is set where a fan-out sent the event.
    """

    window: Window
    instance_ids: tuple[str, ...] | None
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
    if not isinstance(event, Mapping):
        raise EventError(
            f"The event is {fields.shown(event)}, not a JSON object.",
            'Send {} for the configured instances, or see the README under "Events".',
        )
    keys, time, trigger = _unwrapped(event)
    fields.known_keys("The event", keys, _KEYS)
    if "instance_ids" in keys and "target" in keys:
        raise EventError(
            "The event has instance_ids beside target.", "Put the instance_ids into the target."
        )
    if time is None and "scheduled_time" in keys:
        time = fields.timestamp("scheduled_time", keys["scheduled_time"])
        trigger = "schedule"
    part = _part(keys["part_of"]) if "part_of" in keys else None
    return Request(
        window=window_of(keys, time, now, lookback_hours),
        instance_ids=_instance_ids(keys.get("instance_ids")),
        dry_run=fields.boolean("dry_run", keys.get("dry_run", False)),
        trigger=trigger if part is None else "fan-out",
        target=parse_target(keys["target"]) if "target" in keys else None,
        part=part,
        recent_from=floor(time or now) - lookback_hours * HOUR,
        own_window=not keys.keys().isdisjoint(_WINDOW_KEYS),
    )


def group_of(request: Request) -> str:
    """A name for the instances that events like this choose: the same for every hourly run."""
    target = request.target
    if target is not None:
        return f"{target.account_id} {target.region} {_digest(target.as_dict())}"
    return "default" if request.instance_ids is None else _digest(sorted(request.instance_ids))


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True)
    return sha256(text.encode()).hexdigest()[:16]


def _instance_ids(value: object) -> tuple[str, ...] | None:
    return None if value is None else ids_of(value, "instance_ids")


def _part(value: object) -> Part:
    takes = _KEYS["part_of"]
    keys = fields.mapping("part_of", value, takes)
    fields.known_keys("part_of", keys, _PART_KEYS)
    run_id, share = keys.get("run_id"), keys.get("quota_share", 1)
    number = fields.integer("part_of.part", keys.get("part"), 0, _MAX_PARTS, takes)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise fields.invalid("part_of.quota_share", share, takes)
    try:
        return Part(str(UUID(run_id if isinstance(run_id, str) else "")), number, share)
    except ValueError as error:
        raise fields.invalid("part_of.run_id", run_id, takes) from error


def _unwrapped(event: Mapping[str, object]) -> tuple[Mapping[str, object], datetime | None, str]:
    """The event's own keys, its time where an envelope carries one, and what sent it."""
    if set(event) == _CONSOLE_TEMPLATE:
        return {}, None, "manual"
    if "detail-type" not in event and "source" not in event:
        return event, None, "manual"
    if "time" not in event:
        raise EventError("The EventBridge envelope has no time.", "Send the envelope whole.")
    takes = "a JSON object, or one in a string"
    detail = event.get("detail") or {}
    if isinstance(detail, str):
        try:
            detail = json.loads(detail)
        except ValueError as error:
            raise fields.invalid("detail", detail, takes) from error
    detail = fields.mapping("detail", detail, takes)
    own = {key: value for key, value in event.items() if key not in _ENVELOPE}
    return {**detail, **own}, fields.timestamp("time", event["time"]), "schedule"
