"""Values out of an event or a parameter: taken as they should be, or refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from textwrap import shorten
from typing import Any

from ingest_fn.errors import EventError

MOMENT = "an ISO 8601 time with its offset, as in 2026-11-23T10:15:00Z"


def refused(key: str, value: object, takes: str) -> EventError:
    """The error for a ``value`` that ``key`` does not take."""
    return EventError(f"{key} is {shown(value)}.", f"It takes {takes}.")


def shown(value: object) -> str:
    """Any value as JSON, cut to a line."""
    return shorten(json.dumps(value, default=repr), 80, placeholder="...")


def known_keys(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise EventError for the first of ``given`` that is not ``known``."""
    names = list(known)
    for key in given:
        if key not in names:
            raise EventError(f"{what} has an unknown key {key!r}.", f"It takes {', '.join(names)}.")


def mapping(key: str, value: object, takes: str) -> Mapping[str, Any]:
    """A JSON object. Raises EventError."""
    if not isinstance(value, Mapping):
        raise refused(key, value, takes)
    return value


def moment(key: str, value: object) -> datetime:
    """An aware time, in UTC. Raises EventError."""
    if not isinstance(value, str):
        raise refused(key, value, MOMENT)
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise refused(key, value, MOMENT) from error
    raise refused(key, value, MOMENT)


def whole(key: str, value: object, least: int, most: int, takes: str) -> int:
    """A whole number from ``least`` to ``most``. Raises EventError."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise refused(key, value, takes)
    return value


def flag(key: str, value: object) -> bool:
    """True or false. Raises EventError."""
    if not isinstance(value, bool):
        raise refused(key, value, "true or false")
    return value
