"""What CloudWatch sent, checked: the one place that decides which values are kept.

A whole series of sound values passes in a microsecond. Whatever is odd about a series is
looked at pair by pair, costs the pairs that are wrong, and makes its instance partial.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from math import isfinite
from threading import Lock
from typing import Any

from ingest_fn.errors import printable
from ingest_fn.pipeline.model import HOUR_SECONDS, Cost, Series, Window, utc, zulu
from ingest_fn.pipeline.statistic import Statistic

MOST_REAL = 3.4028234663852886e38
"""The largest value of Postgres's real, IEEE 754's binary32."""

CERTAINLY_SMALL = 1e38
"""A series whose sum is below has no value that a real could not keep. Nobody sends less than 0."""

_MOST = {"real": MOST_REAL, "double precision": 1.7976931348623157e308, "integer": 2**31 - 1}
_EARLIEST, _LATEST = -62_135_596_800, 253_402_300_799
"""The years 1 and 9999, in epoch seconds."""


def all_whole(values: list[Any]) -> bool:
    """Whether these numbers are whole; a series has a few different ones."""
    return not any([value % 1 for value in set(values)])  # noqa: C419  twice as fast as a generator


def sound_part(
    hours: Any, values: Any, window: Window, entry: Statistic
) -> tuple[Series, str | None]:
    """The pairs that can be kept, and what was wrong with the others."""
    if not (isinstance(hours, list) and isinstance(values, list)):
        return {}, "CloudWatch sent no lists of timestamps and values"
    if len(hours) != len(values):
        return {}, f"CloudWatch sent {len(hours)} timestamps and {len(values)} values"
    kept: Series = {}
    wrong = None
    expected = whole_hours(window)
    for time, value in zip(hours, values, strict=True):
        hour = _seconds(time)
        if hour not in expected:
            wrong = f"CloudWatch answered with {_shown(time)}, which is no hour of the window"
        elif not is_sound(value, entry):
            wrong = f"CloudWatch sent {printable(repr(value), 40)}, which is no value"
        else:
            kept[hour] = value
    return kept, wrong


def is_sound(value: Any, entry: Statistic) -> bool:
    """Whether ``value`` is a number that the column of ``entry`` keeps as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(value, float) and not isfinite(value):
        return False
    if abs(value) > _MOST[entry.sql_type]:
        return False
    return entry.sql_type != "integer" or value % 1 == 0


def _seconds(time: Any) -> int:
    """The epoch second of a timestamp, also of one in ISO 8601; -1 where it is none."""
    try:
        if isinstance(time, str):
            time = datetime.fromisoformat(time).timestamp()
        whole = int(time)
    except (TypeError, ValueError, OverflowError):
        return -1
    # JSON's true is Python's 1.
    return whole if whole == time and not isinstance(time, bool) else -1


def _shown(time: Any) -> str:
    number = isinstance(time, int | float) and not isinstance(time, bool)
    return zulu(utc(time)) if number and _EARLIEST < time < _LATEST else printable(repr(time), 40)


@lru_cache(maxsize=8)
def whole_hours(window: Window) -> frozenset[int]:
    """The hours of ``window`` as a set."""
    return frozenset(window.hours)


def in_pieces(window: Window, hours: int) -> list[range]:
    """The window as (start, end) epoch ranges of at most ``hours`` hours."""
    whole, step = window.hours, hours * HOUR_SECONDS
    return [
        range(start, min(start + step, whole.stop))
        for start in range(whole.start, whole.stop, step)
    ]


def listed(value: Any) -> Sequence[Any]:
    """``value`` where it is a list, else nothing: what was expected to be one may be anything."""
    return value if isinstance(value, list) else ()


class Meter:
    """Counts what is asked as it is asked, from several threads, given-up batches included."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._cost = Cost()

    def add(self, *, calls: int = 0, metrics_billed: int = 0) -> None:
        """Count more."""
        with self._lock:
            self._cost += Cost(calls, metrics_billed)

    def attempted(self, **_: object) -> None:
        """Count one request on its way, for botocore's event ``before-send``."""
        self.add(calls=1)

    @property
    def cost(self) -> Cost:
        """All so far."""
        return self._cost
