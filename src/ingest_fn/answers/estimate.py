"""What reading a fleet costs, before anything runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.model import Api
from ingest_fn.pipeline.plan import DATAPOINTS_A_SECOND, MAX_QUERIES, QUOTA_SHARE
from ingest_fn.pipeline.pricing import HOURLY_RUNS_A_MONTH, monthly_cost
from ingest_fn.pipeline.statistic import Statistics, metrics_of

FRESHNESS_SHOWN = (1, 6, 24)
STATISTICS_CALLS_A_SECOND = 400
"""GetMetricStatistics' quota for an account and Region (CloudWatch service quotas)."""


@dataclass(frozen=True, slots=True)
class Option:
    """One way to read: per run and per month of 730 hourly runs."""

    api: str
    freshness_hours: int
    calls_per_run: int
    datapoints_per_run: int
    seconds_per_run_by_quota: float
    metrics_billed_per_month: int
    usd_per_month: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """All options for ``instances``, and what the ledger says was spent (None: nobody knows)."""

    instances: int
    options: tuple[Option, ...]
    spent_last_30_days_usd: float | None = None

    @property
    def cheapest(self) -> Option:
        """The cheapest option; of equal ones the freshest, and then the one with fewer calls."""
        return min(
            self.options, key=lambda o: (o.usd_per_month, o.freshness_hours, o.calls_per_run)
        )

    def as_dict(self) -> dict[str, Any]:
        """The shape of ``--json``."""
        return {
            "instances": self.instances,
            "options": [asdict(option) for option in self.options],
            "cheapest": asdict(self.cheapest),
            "spent_last_30_days_usd": self.spent_last_30_days_usd,
        }


def estimate(
    instances: int,
    *,
    lookback_hours: int = 24,
    statistics: Statistics = DEFAULT,
    spent_last_30_days_usd: float | None = None,
) -> Estimate:
    """The cost of ``instances`` by both APIs, read once in 1, 6 and 24 hours.

    Example: ``estimate(10_000).cheapest.usd_per_month`` is 0.0, read once in 24 hours.
    """
    options = tuple(
        _option(instances, api, freshness, lookback_hours, statistics)
        for api in (Api.METRIC_DATA, Api.METRIC_STATISTICS)
        for freshness in FRESHNESS_SHOWN
    )
    return Estimate(instances, options, spent_last_30_days_usd)


def _option(
    instances: int, api: Api, freshness: int, lookback_hours: int, statistics: Statistics
) -> Option:
    metrics = len(metrics_of(statistics))
    due = -(-instances // freshness)
    datapoints = due * len(statistics) * lookback_hours
    if api is Api.METRIC_DATA:
        calls = -(-due // (MAX_QUERIES // len(statistics)))
        seconds = datapoints / (DATAPOINTS_A_SECOND * QUOTA_SHARE)
    else:
        calls = due * metrics
        seconds = calls / STATISTICS_CALLS_A_SECOND
    return Option(
        api=api.value,
        freshness_hours=freshness,
        calls_per_run=calls,
        datapoints_per_run=datapoints,
        seconds_per_run_by_quota=round(seconds, 1),
        metrics_billed_per_month=round(instances * metrics * HOURLY_RUNS_A_MONTH / freshness),
        usd_per_month=round(
            monthly_cost(api, instances * metrics / freshness, HOURLY_RUNS_A_MONTH), 2
        ),
    )
