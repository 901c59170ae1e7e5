"""How a request is read: with which API, and how many instances at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingest_fn.pipeline.arrears import Due, Need
from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.model import Api, Batch, Window
from ingest_fn.pipeline.statistic import Statistics
from ingest_fn.pipeline.wanted import ONLY_DEFAULT, Wanted

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
_SYNTHETIC_ROWS = 4_000


@dataclass(frozen=True, slots=True)
class Plan:
    """The API to ask, what to ask it for, and how fast GetMetricData may be asked."""

    api: Api
    due: Due
    workers: int = 8
    datapoints_a_second: float = DATAPOINTS_A_SECOND * QUOTA_SHARE
    wanted: Wanted = ONLY_DEFAULT

    def batches(self) -> Iterator[Batch]:
        """The instances, as many at a time as fit a call, each with what is wanted of it."""
        for need in self.due.needs:
            for statistics, alike in self.wanted.alike(need.instance_ids):
                size = batch_size(self, Need(alike, need.window), statistics)
                for first in range(0, len(alike), size):
                    ids = alike[first : first + size]
                    yield Batch(ids, need.window, statistics, self.wanted.series)


def make_plan(
    due: Due,
    *,
    api: Api,
    workers: int,
    now: datetime,
    datapoints_a_second: int | None = None,
    wanted: Wanted = ONLY_DEFAULT,
) -> Plan:
    """Read what is ``wanted`` of what is ``due`` by ``api`` at ``now``.

    ``datapoints_a_second`` None: what every account may use.
    """
    if datapoints_a_second is not None:
        return Plan(api, due, workers, float(datapoints_a_second), wanted)
    recent = any(now - need.window.start <= RECENT for need in due.needs)
    quota = RECENT_DATAPOINTS_A_SECOND if recent else DATAPOINTS_A_SECOND
    return Plan(api, due, workers, quota * QUOTA_SHARE, wanted)


def batch_size(plan: Plan, need: Need, statistics: Statistics = DEFAULT) -> int:
    """How many instances go into one batch.

    A long window means fewer instances per call rather than more calls: GetMetricData bills by
    metric requested, however many hours it covers.
    """
    if plan.api is Api.METRIC_STATISTICS:
        return max(1, min(_STATISTICS_BATCH, len(need.instance_ids) // plan.workers))
    hours = need.window.hour_count
    if plan.api is Api.SYNTHETIC:
        return max(1, _SYNTHETIC_ROWS // hours)
    queries = min(MAX_QUERIES, MAX_DATAPOINTS // hours)
    return max(1, queries // len(statistics))


def requests_per_metric(window: Window) -> int:
    """How many calls of GetMetricStatistics one metric takes over ``window``."""
    return -(-window.hour_count // MAX_STATISTICS_POINTS)
