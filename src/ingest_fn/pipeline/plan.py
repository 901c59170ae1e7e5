"""How a request is read: with which API, and how many instances at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingest_fn.pipeline.catalogue import DEFAULT, Statistics, metrics_of
from ingest_fn.pipeline.model import Api, Batch, Window
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
"""The part of the quota that a run uses. Dashboards and other readers need some too."""

_STATISTICS_BATCH = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """The API to ask, the instances of each batch, and how fast GetMetricData may be asked."""

    api: Api
    window: Window
    instance_ids: Sequence[str]
    batch_size: int
    datapoints_a_second: float = DATAPOINTS_A_SECOND * QUOTA_SHARE
    statistics: Statistics = DEFAULT

    def batches(self) -> Iterator[Batch]:
        """The instances, ``batch_size`` at a time."""
        for first in range(0, len(self.instance_ids), self.batch_size):
            ids = self.instance_ids[first : first + self.batch_size]
            yield Batch(ids, self.window, self.statistics)


def make_plan(
    instance_ids: Sequence[str],
    window: Window,
    *,
    api: Api | None,
    runs_a_month: int,
    workers: int,
    now: datetime,
    datapoints_a_second: int | None = None,
    statistics: Statistics = DEFAULT,
) -> Plan:
    """Read ``statistics`` of ``instance_ids`` over ``window`` at ``now``.

    ``api`` None means the cheaper one, ``datapoints_a_second`` None what every account may use.

    A long window means fewer instances per call rather than more calls: GetMetricData bills by
    metric requested, however many hours it covers.
    """
    if api is None:
        pieces = -(-window.hour_count // MAX_STATISTICS_POINTS)
        metrics = len(instance_ids) * len(metrics_of(statistics))
        api = cheaper_api(metrics, metrics * pieces, runs_a_month)
    if api is Api.METRIC_DATA:
        queries = min(MAX_QUERIES, MAX_DATAPOINTS // window.hour_count)
        size = max(1, queries // len(statistics))
    else:
        size = max(1, min(_STATISTICS_BATCH, len(instance_ids) // workers))
    if datapoints_a_second is not None:
        pace = float(datapoints_a_second)
    else:
        recent = now - window.start <= RECENT
        pace = (RECENT_DATAPOINTS_A_SECOND if recent else DATAPOINTS_A_SECOND) * QUOTA_SHARE
    return Plan(api, window, instance_ids, size, pace, statistics)
