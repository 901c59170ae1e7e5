"""Which API to read with and how fresh the hours are to be, within a monthly budget."""

from __future__ import annotations

from dataclasses import dataclass

from ingest_fn.errors import ConfigurationError
from ingest_fn.pipeline.arrears import FRESHNESS
from ingest_fn.pipeline.model import Api, Window
from ingest_fn.pipeline.plan import requests_per_metric
from ingest_fn.pipeline.pricing import (
    DOLLARS_PER_METRIC_OR_REQUEST,
    FREE_REQUESTS_A_MONTH,
    HOURLY_RUNS_A_MONTH,
    cheaper_api,
    monthly_cost,
)

READING_APIS = (Api.METRIC_DATA, Api.METRIC_STATISTICS)
_CENT_FRACTION = 1e-9
"""Sums of dollars are floats: a budget is not exceeded by their last digit."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What this month's runs were billed for, and how much of the month has passed (hours)."""

    metrics: int = 0
    requests: int = 0
    hours: int = 0


NOTHING_SPENT = Spent()


@dataclass(frozen=True, slots=True)
class Choice:
    """The API and the freshness of a run, with the reason in a sentence."""

    api: Api
    freshness_hours: int
    reason: str


def choose(
    metrics: int,
    *,
    api: Api | None,
    freshness_hours: int,
    runs_a_month: int = HOURLY_RUNS_A_MONTH,
    budget_usd: float | None,
    spent: Spent = NOTHING_SPENT,
) -> Choice:
    """How to read ``metrics``, those of all chosen instances together.

    Without a budget, once in ``freshness_hours``; with one, as often as it allows.
    ``api`` None means the cheaper one. Raises ConfigurationError where the budget is not enough
    even for one read in 24 hours.
    """
    if budget_usd is None:
        taken = api or cheaper_api(metrics / freshness_hours, runs_a_month)
        cost = monthly_cost(taken, metrics / freshness_hours, runs_a_month)
        why = "CLOUDWATCH_API says so" if api else "it is the better price for this fleet"
        return Choice(
            taken,
            freshness_hours,
            f"FRESHNESS_HOURS is {freshness_hours}; {taken} because {why}: "
            f"about ${cost:,.2f} per month.",
        )
    apis = READING_APIS if api is None else (api,)
    for freshness in FRESHNESS:
        fitting = [
            candidate
            for candidate in apis
            if _steady(candidate, metrics / freshness) <= budget_usd + _CENT_FRACTION
            and _rest(candidate, metrics / freshness, spent) <= budget_usd + _CENT_FRACTION
        ]
        if fitting:
            preferred = cheaper_api(metrics / freshness, HOURLY_RUNS_A_MONTH)
            taken = preferred if preferred in fitting else fitting[0]
            return Choice(
                taken,
                freshness,
                f"MONTHLY_BUDGET_USD is {budget_usd:g}: with {taken}, one read in "
                f"{freshness} h is the freshest that fits, about "
                f"${_steady(taken, metrics / freshness):,.2f} per month.",
            )
    least = min(_steady(candidate, metrics / FRESHNESS[-1]) for candidate in apis)
    raise ConfigurationError(
        f"MONTHLY_BUDGET_USD is {budget_usd:g}, which is not enough to read {metrics:,} metrics "
        f"once in 24 hours: about ${least:,.2f} per month, and "
        f"${_already(spent):,.2f} of this month is spent already.",
        "Raise MONTHLY_BUDGET_USD, or choose fewer instances or metrics.",
    )


def choose_for_window(metrics: int, window: Window, *, api: Api | None) -> Choice:
    """How to read ``metrics`` once over exactly ``window``."""
    requests = metrics * requests_per_metric(window)
    taken = api or cheaper_api(metrics, HOURLY_RUNS_A_MONTH, requests)
    return Choice(taken, 1, "The event names its window: every chosen instance is read over it.")


def _steady(api: Api, metrics_per_run: float) -> float:
    """Dollars for a month of hourly runs."""
    return monthly_cost(api, metrics_per_run, HOURLY_RUNS_A_MONTH)


def _rest(api: Api, metrics_per_run: float, spent: Spent) -> float:
    """Dollars for the whole month: what is spent, and the same runs until its end."""
    runs = max(0, HOURLY_RUNS_A_MONTH - spent.hours)
    more = metrics_per_run * runs
    metrics = spent.metrics + (more if api is Api.METRIC_DATA else 0)
    requests = spent.requests + (more if api is Api.METRIC_STATISTICS else 0)
    return _dollars(metrics, requests)


def _already(spent: Spent) -> float:
    return _dollars(spent.metrics, spent.requests)


def _dollars(metrics: float, requests: float) -> float:
    billed = metrics + max(0, requests - FREE_REQUESTS_A_MONTH)
    return billed * DOLLARS_PER_METRIC_OR_REQUEST
