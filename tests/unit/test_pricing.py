"""What reading costs: the free requests, a run's share of the month, windows of many requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_fn.pipeline.model import Api
from ingest_fn.pipeline.pricing import (
    FREE_REQUESTS_A_MONTH,
    HOURLY_RUNS_A_MONTH,
    cheaper_api,
    monthly_cost,
    run_cost,
)

units = st.integers(0, 10**6)
runs = st.integers(1, 44_640)


def test_a_month_has_730_hours() -> None:
    assert HOURLY_RUNS_A_MONTH == 365 * 24 // 12


@pytest.mark.parametrize(("more", "dollars"), [(-1, 0), (0, 0), (1_000, 0.01), (1_000_000, 10)])
def test_the_first_million_requests_are_free(more: int, dollars: float) -> None:
    cost = monthly_cost(Api.METRIC_STATISTICS, FREE_REQUESTS_A_MONTH + more, 1)
    assert cost == pytest.approx(dollars)


@given(units, runs)
def test_metric_data_has_no_free_tier(units: int, runs: int) -> None:
    assert (monthly_cost(Api.METRIC_DATA, units, runs) > 0) == (units > 0)


@given(st.sampled_from([Api.METRIC_DATA, Api.METRIC_STATISTICS]), units, runs)
def test_a_month_s_runs_cost_what_the_month_does(api: Api, units: int, runs: int) -> None:
    month = monthly_cost(api, units, runs)
    assert month >= 0
    assert run_cost(api, units, runs) * runs == pytest.approx(month)


@pytest.mark.parametrize(
    ("requests_per_metric", "api"),
    [(1, Api.METRIC_STATISTICS), (2, Api.METRIC_STATISTICS), (8, Api.METRIC_DATA)],
)
def test_a_window_of_several_requests_makes_metric_statistics_dearer(
    requests_per_metric: int, api: Api
) -> None:
    """A request answers 1,440 hours; GetMetricData costs the same however long the window."""
    assert cheaper_api(900, HOURLY_RUNS_A_MONTH, 900 * requests_per_metric) is api


@given(st.integers(1, 10**6), st.integers(1, 8), runs)
def test_the_choice_is_never_the_dearer_one_but_for_a_small_saving(
    instances: int, requests_per_metric: int, runs: int
) -> None:
    data = monthly_cost(Api.METRIC_DATA, 3 * instances, runs)
    statistics = monthly_cost(Api.METRIC_STATISTICS, 3 * instances * requests_per_metric, runs)
    if cheaper_api(3 * instances, runs, 3 * instances * requests_per_metric) is Api.METRIC_DATA:
        assert data * 0.75 <= statistics
    else:
        assert statistics <= data
