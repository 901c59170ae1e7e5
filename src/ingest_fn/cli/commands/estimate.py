"""``estimate``: what reading costs, before anything runs."""

from __future__ import annotations

import json
import os
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from ingest_fn.answers.estimate import Estimate
from ingest_fn.answers.estimate import estimate as estimate_of
from ingest_fn.cli.database import with_database
from ingest_fn.cli.options import Items, Json, Region, selection_of, with_region
from ingest_fn.cli.view import notify
from ingest_fn.pipeline.model import HOUR, Api, Window
from ingest_fn.pipeline.pricing import HOURLY_RUNS_A_MONTH, monthly_cost
from ingest_fn.request.window import floor
from ingest_fn.settings import DATABASE_VARIABLES
from ingest_fn.wiring import Parts

SPENT = timedelta(days=30)


def estimate(
    items: Items = None,
    instances: Annotated[
        int | None, typer.Option(min=0, max=10_000_000, help="So many, without any account.")
    ] = None,
    region: Region = None,
    *,
    as_json: Json = False,
) -> None:
    """Say what reading the fleet costs per run and month, before anything runs.

    The fleet is resolved for real, unless --instances says how large it is.

    Example: python -m ingest_fn estimate --instances 10000
    """
    now = datetime.now(UTC)
    if instances is not None:
        named = any(os.environ.get(name) for name in DATABASE_VARIABLES)
        shown = estimate_of(
            instances, spent_last_30_days_usd=_spent_where_known(region, now) if named else None
        )
    else:
        with (
            with_database(with_region(region), notify) as env,
            closing(Parts(env)) as parts,
        ):
            end = floor(now)
            lookback = parts.settings.reach.lookback
            window = Window(end - lookback * HOUR, end)
            found = parts.resolve(selection_of(items), window, now=now)
            shown = estimate_of(
                len(found.instance_ids),
                lookback_hours=lookback,
                spent_last_30_days_usd=_spent(parts, now),
            )
    if as_json:
        print(json.dumps(shown.as_dict()))
    else:
        _show(shown)


def _spent_where_known(region: str | None, now: datetime) -> float:
    env = with_region(region)
    env.setdefault("AWS_REGION", "none")  # nothing in AWS is asked
    with closing(Parts(env)) as parts:
        return _spent(parts, now)


def _spent(parts: Parts, now: datetime) -> float:
    """What the runs of the last 30 days were billed, in dollars."""
    metrics, requests = parts.ledger().spent(now - SPENT, now)
    by_data = monthly_cost(Api.METRIC_DATA, metrics / HOURLY_RUNS_A_MONTH, HOURLY_RUNS_A_MONTH)
    statistics = Api.METRIC_STATISTICS
    by_statistics = monthly_cost(statistics, requests / HOURLY_RUNS_A_MONTH, HOURLY_RUNS_A_MONTH)
    return round(by_data + by_statistics, 2)


def _show(shown: Estimate) -> None:
    console = Console(highlight=False, soft_wrap=True)
    table = Table(
        title=f"{shown.instances:,} instances, a month of 730 hourly runs, us-east-1 list prices",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("API", no_wrap=True)
    for name in ("every", "calls/run", "s/run", "metrics", "$/month"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for option in shown.options:
        cheapest = option == shown.cheapest
        table.add_row(
            option.api,
            f"{option.freshness_hours} h",
            f"{option.calls_per_run:,}",
            f"{option.seconds_per_run_by_quota:,.1f}",
            f"{option.metrics_billed_per_month:,}",
            f"{option.usd_per_month:,.2f}",
            "cheapest" if cheapest else "",
            style="bold green" if cheapest else None,
        )
    console.print(table)
    if shown.spent_last_30_days_usd is not None:
        console.print(f"Spent in the last 30 days: ${shown.spent_last_30_days_usd:,.2f}")
    best = shown.cheapest
    console.print(
        f"Set it: FRESHNESS_HOURS={best.freshness_hours} CLOUDWATCH_API={best.api}, "
        "or MONTHLY_BUDGET_USD and it is chosen for you."
    )
