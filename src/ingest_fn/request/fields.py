"""Values out of an event or a parameter: taken as they should be, or refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from textwrap import shorten
from typing import Any

from ingest_fn.errors import EventError

TIMESTAMP = "an ISO 8601 time with its offset, as in 2026-11-23T10:15:00Z"


def invalid(key: str, value: object, takes: str) -> EventError:
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
        raise invalid(key, value, takes)
    return value


def timestamp(key: str, value: object) -> datetime:
    """An aware time, in UTC. Raises EventError."""
    if not isinstance(value, str):
        raise invalid(key, value, TIMESTAMP)
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise invalid(key, value, TIMESTAMP) from error
    raise invalid(key, value, TIMESTAMP)


def integer(key: str, value: object, least: int, most: int, takes: str) -> int:
    """A whole number from ``least`` to ``most``. Raises EventError."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise invalid(key, value, takes)
    return value


def boolean(key: str, value: object) -> bool:
    """True or false. Raises EventError."""
    if not isinstance(value, bool):
        raise invalid(key, value, "true or false")
    return value
