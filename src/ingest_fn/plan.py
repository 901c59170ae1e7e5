"""How a request is read: with which API, and how many instances at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest_fn.model import STATISTICS, Api, Window
from ingest_fn.pricing import cheaper_api

MAX_QUERIES = 500
MAX_DATAPOINTS = 100_800
"""GetMetricData's limits for one call (its API reference)."""

MAX_STATISTICS_POINTS = 1_440
"""GetMetricStatistics' limit for one call (its API reference): sixty days of hours."""

_STATISTICS_BATCH = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """The API to ask and the instances of each batch."""

    api: Api
    instance_ids: Sequence[str]
    batch_size: int

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
) -> Plan:
    """Read ``instance_ids`` over ``window``; ``api`` None takes the cheaper one.

    A long window takes fewer instances a call rather than more calls: GetMetricData bills by
    metric requested, however many hours it covers.
    """
    if api is None:
        slices = -(-window.hours // MAX_STATISTICS_POINTS)
        api = cheaper_api(len(instance_ids), slices, runs_a_month)
    if api is Api.METRIC_DATA:
        queries = min(MAX_QUERIES, MAX_DATAPOINTS // window.hours)
        size = max(1, queries // len(STATISTICS))
    else:
        size = max(1, min(_STATISTICS_BATCH, len(instance_ids) // workers))
    return Plan(api, instance_ids, size)
