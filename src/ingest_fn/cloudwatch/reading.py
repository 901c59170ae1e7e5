"""One instance's series, checked, as both APIs hand them on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from ingest_fn.pipeline.model import HOUR_SECONDS, Reading, Series, Window, utc, zulu


def hour_of(time: datetime | float) -> int:
    """The epoch second of a timestamp as it came: a JSON number, or botocore's datetime."""
    return int(time.timestamp()) if isinstance(time, datetime) else int(time)


def make_reading(
    instance_id: str, series: Sequence[Series], window: Window, unread: str | None
) -> Reading:
    """The reading; a timestamp that is no hour of ``window`` makes it unread rather than wrong.

    CloudWatch aligns periods to StartTime, a whole hour here, so none is expected.
    """
    hours = _hours(window)
    for statistic in series:
        if statistic.keys() <= hours:
            continue
        for hour in statistic.keys() - hours:
            del statistic[hour]
            unread = f"CloudWatch answered with {zulu(utc(hour))}, which is no hour of the window."
    return Reading(instance_id, series, unread)


@lru_cache(maxsize=2)
def _hours(window: Window) -> frozenset[int]:
    return frozenset(window.hours)


def in_pieces(window: Window, hours: int) -> list[range]:
    """The window as (start, end) epoch ranges of at most ``hours`` hours."""
    whole, step = window.hours, hours * HOUR_SECONDS
    return [
        range(start, min(start + step, whole.stop))
        for start in range(whole.start, whole.stop, step)
    ]
