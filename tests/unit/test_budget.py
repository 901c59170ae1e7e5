"""Which API and freshness fit a budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_fn.answers.estimate import estimate
from ingest_fn.errors import ConfigurationError
from ingest_fn.pipeline.arrears import FRESHNESS
from ingest_fn.pipeline.budget import NOTHING_SPENT, Choice, Spent, choose
from ingest_fn.pipeline.model import Api
from ingest_fn.pipeline.pricing import HOURLY_RUNS_A_MONTH, monthly_cost

GMD, GMS = Api.METRIC_DATA, Api.METRIC_STATISTICS


def within(
    instances: int, budget: float, api: Api | None = None, spent: Spent = NOTHING_SPENT
) -> Choice:
    return choose(3 * instances, api=api, freshness_hours=1, budget_usd=budget, spent=spent)


@pytest.mark.parametrize(
    ("instances", "budget", "api", "freshness"),
    [
        (456, 0, GMS, 1),
        (457, 0, GMS, 2),
        (10_000, 0, GMS, 24),
        (10_958, 0, GMS, 24),  # the last that the free million carries
        (10_000, 219, GMD, 1),
        (10_000, 218.99, GMS, 1),  # $209: the other API fits
        (10_000, 36.5, GMS, 6),
    ],
)
def test_the_freshest_that_fits(instances: int, budget: float, api: Api, freshness: int) -> None:
    choice = within(instances, budget)
    assert choice.freshness_hours == freshness
    assert monthly_cost(choice.api, 3 * instances / freshness, HOURLY_RUNS_A_MONTH) <= budget + 1e-9
    if api is GMS:
        assert choice.api is GMS
    assert f"MONTHLY_BUDGET_USD is {budget:g}" in choice.reason


@given(st.integers(0, 200_000), st.floats(0, 3_000))
def test_what_is_chosen_fits_and_nothing_fresher_does(instances: int, budget: float) -> None:
    def cheapest(freshness: int) -> float:
        per_run = 3 * instances / freshness
        return min(monthly_cost(api, per_run, HOURLY_RUNS_A_MONTH) for api in (GMD, GMS))

    try:
        choice = within(instances, budget)
    except ConfigurationError:
        assert cheapest(24) > budget
    else:
        steady = monthly_cost(
            choice.api, 3 * instances / choice.freshness_hours, HOURLY_RUNS_A_MONTH
        )
        assert steady <= budget + 1e-6
        fresher = [n for n in FRESHNESS if n < choice.freshness_hours]
        assert all(cheapest(n) > budget - 1e-6 for n in fresher)


def test_an_api_that_is_set_binds_the_choice() -> None:
    assert within(10_000, 10, GMD).freshness_hours == 24
    with pytest.raises(ConfigurationError, match="MONTHLY_BUDGET_USD is 0, which is not enough"):
        within(10_000, 0, GMD)


def test_what_was_spent_can_only_make_it_slower() -> None:
    half = Spent(requests=900_000, hours=365)
    assert within(456, 0).freshness_hours == 1
    assert within(456, 0, spent=half).freshness_hours > 1
    assert within(456, 0, spent=Spent(hours=365)).freshness_hours == 1
    with pytest.raises(ConfigurationError, match=r"\$2\.00 of this month is spent already"):
        within(456, 1, spent=Spent(metrics=200_000, hours=100))


def test_without_a_budget_the_freshness_is_the_setting() -> None:
    choice = choose(30_000, api=None, freshness_hours=6, budget_usd=None)
    assert (choice.api, choice.freshness_hours) == (GMS, 6)
    assert choice.reason.startswith("FRESHNESS_HOURS is 6; metric-statistics because")


@pytest.mark.parametrize(
    ("instances", "freshness", "usd"),
    [(100, 1, 0.0), (456, 1, 0.0), (1_000, 6, 0.0), (10_000, 24, 0.0), (10_950, 24, 0.0)],
)
def test_the_estimate_marks_the_cheapest_and_of_equal_ones_the_freshest(
    instances: int, freshness: int, usd: float
) -> None:
    best = estimate(instances).cheapest
    assert (best.freshness_hours, best.usd_per_month) == (freshness, usd)


def test_the_estimate_has_the_dollars_of_both_apis() -> None:
    shown = {(o.api, o.freshness_hours): o for o in estimate(10_000).options}
    assert {key: option.usd_per_month for key, option in shown.items()} == {
        ("metric-data", 1): 219.0,
        ("metric-data", 6): 36.5,
        ("metric-data", 24): 9.12,
        ("metric-statistics", 1): 209.0,
        ("metric-statistics", 6): 26.5,
        ("metric-statistics", 24): 0.0,
    }
    assert shown["metric-data", 1].calls_per_run == 100
    assert shown["metric-statistics", 1].calls_per_run == 30_000
    assert shown["metric-data", 24].metrics_billed_per_month == 912_500
