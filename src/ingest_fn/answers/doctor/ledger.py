"""What the ledger says: hours owed, whether runs come on time, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingest_fn.answers.doctor.checks import Check, doubtful, good
from ingest_fn.errors import printable
from ingest_fn.pipeline.budget import Spent, choose
from ingest_fn.pipeline.model import HOUR, Api, zulu
from ingest_fn.pipeline.pricing import DOLLARS_PER_METRIC_OR_REQUEST, FREE_REQUESTS_A_MONTH
from ingest_fn.postgres.session import Session
from ingest_fn.postgres.statements import statement

LATE_AFTER = timedelta(hours=3)
"""Two hourly runs that did not come, and a while."""

KILLED_AFTER = timedelta(minutes=20)
"""Lambda gives a run fifteen minutes."""

_OWED = """
SELECT
    coalesce(sum(extract(epoch FROM upper(range) - lower(range)) / 3600), 0)::bigint,
    count(DISTINCT owed_hours.instance_id), min(lower(range)), max(owed_hours.reason)
FROM owed_hours
CROSS JOIN LATERAL unnest(owed_hours.not_read + owed_hours.read_failed) AS range
"""
_LAST = """
SELECT "trigger", status, started_at, finished_at, error FROM ingest_runs
WHERE "trigger" <> 'synthetic' ORDER BY started_at DESC LIMIT 1
"""
_SCHEDULED = """
SELECT max(started_at) FROM ingest_runs WHERE "trigger" IN ('schedule', 'fan-out')
"""


def owed(session: Session) -> Iterator[Check]:
    """Hours that no run has read whole yet."""
    hours, instances, since, reason = session.execute(_OWED).fetchone() or (0, 0, None, None)
    if not hours:
        yield good("owed hours", "None.")
        return
    why = f" ({printable(reason, 120)})" if reason else ""
    message = f"{hours:,} of {instances:,} instances, from {zulu(since)} on{why}."
    hint = "The next run reads what CATCH_UP_HOURS covers; backfill reads the rest. See gaps."
    yield doubtful("owed hours", message, hint)


def last_runs(session: Session, now: datetime) -> Iterator[Check]:
    """Whether the schedule calls, and how the last run ended."""
    row = session.execute(_SCHEDULED).fetchone()
    scheduled: datetime | None = row[0] if row else None
    hint = "Is the schedule ENABLED, and may it call the function? Look into …-undelivered."
    if scheduled is None:
        yield doubtful("schedule", "No scheduled run is in the ledger yet.", hint)
    elif now - scheduled > LATE_AFTER:
        age = (now - scheduled) // HOUR
        yield doubtful("schedule", f"The last scheduled run was {age:,} hours ago.", hint)
    else:
        yield good("schedule", f"The last scheduled run began at {zulu(scheduled)}.")
    last = session.execute(_LAST).fetchone()
    if last is None:
        yield doubtful("last run", "No run is in the ledger yet.", "python -m ingest_fn cloudwatch")
        return
    trigger, status, started, finished, error = last
    said = f"{status}, {trigger}, begun at {zulu(started)}."
    if status == "ok" or (finished is None and now - started < KILLED_AFTER):
        yield good("last run", said)
    elif finished is None:
        hint = "It was killed: look at its log, and at the function's Timeout and MemorySize."
        yield doubtful("last run", f"{said} It never ended.", hint)
    else:
        message = f"{said} {printable(error or '', 300)}".rstrip()
        yield doubtful("last run", message, "The next run reads the same hours again.")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the environment says of reading, and how many metrics a run has to read."""

    metrics: int
    budget_usd: float | None
    api: Api | None
    freshness_hours: int
    runs_a_month: int


def budget(session: Session, now: datetime, reading: Reading) -> Iterator[Check]:
    """What the month has cost, and whether the budget allows the next run."""
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    parameters = {"since": month, "until": now}
    billed, requests = session.execute(statement("spent"), parameters).fetchone() or (0, 0)
    paid = billed + max(0, requests - FREE_REQUESTS_A_MONTH)
    spent = f"${paid * DOLLARS_PER_METRIC_OR_REQUEST:,.2f} spent this month"
    if reading.budget_usd is None:
        yield good("budget", f"{spent}; MONTHLY_BUDGET_USD sets no limit.")
        return
    choice = choose(
        reading.metrics,
        api=reading.api,
        freshness_hours=reading.freshness_hours,
        runs_a_month=reading.runs_a_month,
        budget_usd=reading.budget_usd,
        spent=Spent(billed, requests, (now - month) // HOUR),
    )
    hours = choice.freshness_hours
    often = "every hour" if hours == 1 else f"every {hours} h"
    message = f"{spent} of ${reading.budget_usd:,.2f}: each instance is read {often}."
    yield good("budget", message)
