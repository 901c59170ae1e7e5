"""How a request is read: with which API, and how many instances at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingest_fn.pipeline.model import STATISTICS, Api, Window
from ingest_fn.pipeline.pricing import cheaper_api

MAX_QUERIES = 500
MAX_DATAPOINTS = 100_800
"""GetMetricData's limits for one call (its API reference)."""

MAX_STATISTICS_POINTS = 1_440
"""GetMetricStatistics' limit for one call (its API reference): sixty days of hours."""

DATAPOINTS_A_SECOND, RECENT_DATAPOINTS_A_SECOND = 396_000, 180_000
RECENT = timedelta(hours=3)
"""GetMetricData's quota for an account and Region, lower where StartTime is this recent. It counts
what the queries could return (CloudWatch service quotas)."""

QUOTA_SHARE = 0.9
"""Of the quota, what a run takes for itself: dashboards and other readers need some too."""

_STATISTICS_BATCH = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """The API to ask, the instances of each batch, and how fast GetMetricData may be asked."""

    api: Api
    instance_ids: Sequence[str]
    batch_size: int
    datapoints_a_second: float = DATAPOINTS_A_SECOND * QUOTA_SHARE

    def batches(self) -> Iterator[Sequence[str]]:
        """The instance ids, ``batch_size`` at a time."""
        for first in range(0, len(self.instance_ids), self.batch_size):
            yield self.instance_ids[first : first + self.batch_size]


def make_plan(
    instance_ids: Sequence[str],
    window: Window,
    *,
    api: Api | None,
    runs_a_month: int,
    workers: int,
    now: datetime,
    datapoints_a_second: int | None = None,
) -> Plan:
    """Read ``instance_ids`` over ``window`` at ``now``.

    ``api`` None takes the cheaper one, ``datapoints_a_second`` None what every account may use.

    A long window takes fewer instances a call rather than more calls: GetMetricData bills by
    metric requested, however many hours it covers.
    """
    if api is None:
        slices = -(-window.hour_count // MAX_STATISTICS_POINTS)
        api = cheaper_api(len(instance_ids), slices, runs_a_month)
    if api is Api.METRIC_DATA:
        queries = min(MAX_QUERIES, MAX_DATAPOINTS // window.hour_count)
        size = max(1, queries // len(STATISTICS))
    else:
        size = max(1, min(_STATISTICS_BATCH, len(instance_ids) // workers))
    if datapoints_a_second is None:
        recent = now - window.start <= RECENT
        quota = RECENT_DATAPOINTS_A_SECOND if recent else DATAPOINTS_A_SECOND
        return Plan(api, instance_ids, size, quota * QUOTA_SHARE)
    return Plan(api, instance_ids, size, datapoints_a_second)
