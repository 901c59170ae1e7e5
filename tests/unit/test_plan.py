from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_fn.pipeline.arrears import due_by_window
from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.model import HOUR, Api, Window
from ingest_fn.pipeline.plan import MAX_DATAPOINTS, MAX_QUERIES, Plan, make_plan
from ingest_fn.pipeline.pricing import cheaper_api, monthly_cost, run_cost

END = datetime(2026, 11, 23, 10, tzinfo=UTC)
NOW = END + timedelta(minutes=15)


def window(hours: int) -> Window:
    return Window(END - hours * HOUR, END)


def ids(count: int) -> list[str]:
    return [f"i-{k:017x}" for k in range(count)]


def plan_of(
    count: int, hours: int, api: Api = Api.METRIC_DATA, datapoints_a_second: int | None = None
) -> Plan:
    return make_plan(
        due_by_window(ids(count), window(hours)),
        api=api,
        workers=8,
        now=NOW,
        datapoints_a_second=datapoints_a_second,
    )


@given(st.integers(1, 3000), st.integers(1, 10_920), st.sampled_from([*Api]))
def test_every_instance_is_in_one_batch_that_keeps_the_limits(
    count: int, hours: int, api: Api
) -> None:
    batches = list(plan_of(count, hours, api).batches())
    assert [id_ for batch in batches for id_ in batch.instance_ids] == ids(count)
    if api is Api.METRIC_DATA:
        queries = max(len(batch.instance_ids) for batch in batches) * len(DEFAULT)
        assert queries <= MAX_QUERIES
        assert max(batch.datapoints for batch in batches) <= MAX_DATAPOINTS


def test_a_day_fills_a_call_with_a_hundred_instances() -> None:
    assert [len(batch.instance_ids) for batch in plan_of(250, 24).batches()] == [100, 100, 50]


def test_a_small_fleet_still_keeps_all_workers_busy() -> None:
    plan = plan_of(16, 24, Api.METRIC_STATISTICS)
    assert [len(batch.instance_ids) for batch in plan.batches()] == [2] * 8


@pytest.mark.parametrize(
    ("instances", "runs_a_month", "api"),
    [
        (10, 730, Api.METRIC_STATISTICS),
        (456, 730, Api.METRIC_STATISTICS),
        (1_000, 730, Api.METRIC_STATISTICS),  # $11.90 against $21.90
        (1_826, 730, Api.METRIC_STATISTICS),  # the last to save a quarter
        (1_827, 730, Api.METRIC_DATA),
        (10_000, 730, Api.METRIC_DATA),  # $209 against $219: not for 30,000 calls a run
        (10_000, 122, Api.METRIC_STATISTICS),  # every six hours: $26.60 against $36.60
    ],
)
def test_the_cheaper_api_for_a_fleet(instances: int, runs_a_month: int, api: Api) -> None:
    assert cheaper_api(3 * instances, runs_a_month) is api


@pytest.mark.parametrize(
    ("instances", "data", "statistics"),
    [(10, 0.22, 0), (100, 2.19, 0), (1_000, 21.90, 11.90), (10_000, 219, 209)],
)
def test_a_month_of_hourly_runs(instances: int, data: float, statistics: float) -> None:
    units = 3 * instances
    assert monthly_cost(Api.METRIC_DATA, units, 730) == pytest.approx(data, abs=0.005)
    assert monthly_cost(Api.METRIC_STATISTICS, units, 730) == pytest.approx(statistics, abs=0.005)


def test_a_run_costs_its_share_of_the_month() -> None:
    assert run_cost(Api.METRIC_DATA, 9, 730) == pytest.approx(0.00009)
    assert run_cost(Api.METRIC_STATISTICS, 9, 730) == 0


@pytest.mark.parametrize(("hours", "quota"), [(1, 180_000), (2, 180_000), (3, 396_000)])
def test_the_pace_keeps_under_the_quota_of_the_windows_age(hours: int, quota: int) -> None:
    assert 0.8 * quota <= plan_of(1, hours).datapoints_a_second < quota


def test_the_pace_can_be_set() -> None:
    assert plan_of(1, 24, datapoints_a_second=2_000_000).datapoints_a_second == 2_000_000
