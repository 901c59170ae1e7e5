"""What CloudWatch charges, and which of its two reading APIs is cheaper for a fleet.

Prices: https://aws.amazon.com/cloudwatch/pricing/ (us-east-1, read 2026). GetMetricData costs by
metric requested and never falls under the free tier; GetMetricStatistics costs by request, the
first million a month free. Up to five statistics of one metric in one request count once.
"""

from __future__ import annotations

from ingest_fn.pipeline.model import Api

DOLLARS_PER_METRIC_OR_REQUEST = 0.01 / 1000
FREE_REQUESTS_A_MONTH = 1_000_000
HOURLY_RUNS_A_MONTH = 730

WORTHWHILE_SAVING = 0.25
"""GetMetricStatistics makes a call per metric and instance. Past the free million the saving
stays at ten dollars a month while the calls grow into the Region's shared quota of 400 a second,
so it is taken only while it saves at least this share of the bill."""


def monthly_cost(api: Api, units_a_run: float, runs_a_month: int) -> float:
    """Dollars a month. ``units_a_run``: metrics billed (metric-data) or requests made."""
    units = units_a_run * runs_a_month
    if api is Api.METRIC_STATISTICS:
        units = max(0, units - FREE_REQUESTS_A_MONTH)
    return units * DOLLARS_PER_METRIC_OR_REQUEST


def run_cost(api: Api, units: int, runs_a_month: int) -> float:
    """Dollars for one run of ``units``: the month's bill, were every run like it, shared out."""
    return monthly_cost(api, units, runs_a_month) / runs_a_month


def cheaper_api(metrics: float, runs_a_month: int, requests: float | None = None) -> Api:
    """The API that reads ``metrics`` in each run.

    GetMetricStatistics takes ``requests`` for them; None: one per metric.
    """
    data = monthly_cost(Api.METRIC_DATA, metrics, runs_a_month)
    asked = metrics if requests is None else requests
    statistics = monthly_cost(Api.METRIC_STATISTICS, asked, runs_a_month)
    worthwhile = statistics <= data * (1 - WORTHWHILE_SAVING)
    return Api.METRIC_STATISTICS if worthwhile else Api.METRIC_DATA
