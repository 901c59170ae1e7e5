"""``backfill``: older or owed hours, on purpose."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from ingest_fn.backfill import Backfill, plan_backfill, run_backfill
from ingest_fn.cli.database import with_database
from ingest_fn.cli.options import Items, Json, Quiet, Region, selection_of, time_of, with_region
from ingest_fn.cli.view import API_NAMES, notify
from ingest_fn.errors import ConfigurationError, IngestError
from ingest_fn.pipeline.model import HOUR, NOTHING_ASKED, Window
from ingest_fn.pipeline.result import NOTHING_COUNTED, RunResult
from ingest_fn.request.window import floor
from ingest_fn.wiring import Parts


def backfill(
    items: Items = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help="First hour: a date or time. [default: what is owed]"),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", help="End, exclusive: a date or time. [default: the last full hour]"),
    ] = None,
    region: Region = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Read hours that were never read whole: owed ones, or older ones with --from.

    It says first what that costs, and asks. No hour is read twice that was read whole. After a
    kill, run it again: it goes on where it was.

    Example: python -m ingest_fn backfill --from 2026-09-01 --to 2026-11-01 --yes
    """
    now = datetime.now(UTC)
    first, until = time_of("--from", start), time_of("--to", end)
    selection = selection_of(items)
    with with_database(with_region(region), notify) as env, closing(Parts(env)) as parts:
        last = floor(now)
        since = max(last - parts.settings.reach.first_lookback * HOUR, first or last - 24 * HOUR)
        found = parts.resolve(selection, Window(min(since, last - HOUR), last), now=now)
        ids = sorted((*found.instance_ids, *found.not_due_ids))
        planned = plan_backfill(parts, ids, start=first, end=until, now=now)
        if not as_json:
            _announce(planned, quiet=quiet)
        if planned.volume.hours:
            _confirm(yes=yes)
        results = _run(parts, planned, now, shown=not (as_json or quiet))
    _close(planned, results, as_json=as_json)


def _announce(planned: Backfill, *, quiet: bool) -> None:
    counted = planned.volume
    if not counted.hours:
        print("Nothing is owed: every hour of that time was read whole.")
        return
    cost = f"about ${planned.usd:,.2f}" if planned.usd else "$0, within the free requests"
    print(
        f"{counted.hours:,} hours of {counted.instances:,} instances by "
        f"{API_NAMES[planned.api]}: {cost}, at least {planned.seconds_by_quota:,.0f} s."
    )
    if not quiet:
        print("Rows that are stored already are not rewritten.")


def _confirm(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigurationError(
            "backfill asks before it reads, and there is no terminal to ask.", "Add --yes."
        )
    if not typer.confirm("Read them now?"):
        raise ConfigurationError("Nothing was read.")


def _run(parts: Parts, planned: Backfill, now: datetime, *, shown: bool) -> list[RunResult]:
    console = Console(highlight=False, stderr=True)
    results = []
    with Progress(
        "Reading",
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not (shown and console.is_terminal),
    ) as progress:
        task = progress.add_task("", total=planned.volume.hours)
        for result in run_backfill(parts, planned, now=now):
            results.append(result)
            hours = result.run.requested * result.run.window.hour_count
            progress.advance(task, hours)
            if shown and not console.is_terminal:
                counts = result.counts
                notify(
                    f"{result.run.window.start:%Y-%m-%d %H:%M} to "
                    f"{result.run.window.end:%Y-%m-%d %H:%M}: {counts.instances:,} instances, "
                    f"{counts.inserted:,} rows inserted, {result.status}"
                )
    return results


def _close(planned: Backfill, results: list[RunResult], *, as_json: bool) -> None:
    counts = sum((result.counts for result in results), NOTHING_COUNTED)
    cost = sum((result.cost for result in results), NOTHING_ASKED)
    failures = [failure for result in results for failure in result.failures]
    status = "ok" if not counts.incomplete else "partial" if counts.ok else "failed"
    if as_json:
        shape = {
            "status": status,
            "runs": len(results),
            "api": planned.api.value,
            "hours": planned.volume.hours,
            "rows": counts.as_dict()["rows"],
            "cloudwatch": {"calls": cost.calls, "metrics_billed": cost.metrics_billed},
            "failures": [{"instance_id": id_, "reason": reason} for id_, reason in failures[:500]],
        }
        print(json.dumps(shape))
    elif results:
        print(
            f"{counts.inserted:,} rows inserted, {counts.updated:,} updated, "
            f"{counts.unchanged:,} unchanged; {cost.calls:,} calls, "
            f"{cost.metrics_billed:,} metrics billed."
        )
    if counts.incomplete:
        first = f" First: {failures[0][0]}: {failures[0][1]}" if failures else ""
        raise IncompleteBackfillError(
            f"{counts.incomplete} reads were not whole.{first}",
            "Run the command again: it reads only what is still owed.",
        )


class IncompleteBackfillError(IngestError):
    """What could be read is stored; the rest is still owed."""
