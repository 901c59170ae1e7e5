"""Older or owed hours on purpose: what is unread, what it costs, and reading it in pieces."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from ingest_fn.errors import ConfigurationError, IncompleteRunError
from ingest_fn.fleet import known_wants
from ingest_fn.pipeline.backfill import Volume, pieces, volume
from ingest_fn.pipeline.ingest import run
from ingest_fn.pipeline.model import HOUR, Api, Window, zulu
from ingest_fn.pipeline.plan import DATAPOINTS_A_SECOND, QUOTA_SHARE, make_plan
from ingest_fn.pipeline.ports import NoObserver
from ingest_fn.pipeline.pricing import HOURLY_RUNS_A_MONTH, cheaper_api, run_cost
from ingest_fn.pipeline.result import RunInfo, RunResult
from ingest_fn.request.window import RETENTION, floor
from ingest_fn.wiring import Parts

MARGIN = HOUR
"""CloudWatch drops the oldest hour while a backfill runs: one hour less is asked for."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """What is to be read, cut into pieces, and what it costs."""

    unread: Mapping[str, Sequence[Window]]
    api: Api

    @property
    def volume(self) -> Volume:
        """How much that is."""
        return volume(self.unread)

    @property
    def usd(self) -> float:
        """What CloudWatch charges, the free requests shared out over the month."""
        counted = self.volume
        units = counted.metrics if self.api is Api.METRIC_DATA else counted.requests
        return run_cost(self.api, units, HOURLY_RUNS_A_MONTH)

    @property
    def seconds_by_quota(self) -> float:
        """The least time that CloudWatch's quota allows for it."""
        return self.volume.datapoints / (DATAPOINTS_A_SECOND * QUOTA_SHARE)


def plan_backfill(
    parts: Parts,
    instance_ids: Sequence[str],
    *,
    start: datetime | None,
    end: datetime | None,
    now: datetime,
) -> Backfill:
    """The hours from ``start`` up to ``end`` that were never read whole.

    ``start`` None: since each instance was first read. ``end`` None: up to the last closed hour.
    Raises ConfigurationError for a start that CloudWatch no longer keeps or an end in the future.
    """
    last = floor(now)
    until = last if end is None else floor(end)
    if until > last:
        raise ConfigurationError(
            f"--to {zulu(until)} lies in the future: the last closed hour ended {zulu(last)}.",
            "Only closed hours are read; give an earlier one.",
        )
    kept = last - RETENTION
    if start is not None and floor(start) < kept:
        raise ConfigurationError(
            f"--from {zulu(start)} is more than {RETENTION.days} days back.",
            "CloudWatch keeps hourly datapoints no longer; give a later one.",
        )
    if start is not None and floor(start) >= until:
        raise ConfigurationError(
            f"--from {zulu(start)} is not before {zulu(until)}.", "Give an earlier --from."
        )
    first = None if start is None else floor(start)
    known = parts.arrears(instance_ids, until, None).unread(first, until, kept + MARGIN)
    history = first or until - parts.settings.reach.first_lookback * HOUR
    never_read = [Window(history, until)]
    unread = {id_: known.get(id_, never_read) for id_ in instance_ids}
    counted = volume(unread)
    api = parts.settings.api or cheaper_api(counted.metrics, 1, counted.requests)
    return Backfill(unread, api)


def run_backfill(
    parts: Parts, backfill: Backfill, *, now: datetime, stop: Callable[[], bool] = lambda: False
) -> Iterator[RunResult]:
    """Read it, one run in the ledger per piece, and yield the result of each.

    What a piece has stored counts as read at its end, so a killed backfill goes on where it was.
    A piece that is not whole does not stop the others. Raises what stops every piece.
    """
    for due in pieces(backfill.unread):
        if stop():
            return
        (need,) = due.needs
        arrears = parts.arrears(need.instance_ids, need.window.end, None)
        known = arrears.known()
        settings = parts.settings
        wanted = known_wants(
            parts.connections, need.instance_ids, settings.metrics, settings.region
        )
        info = RunInfo(
            run_id=str(uuid4()),
            trigger="backfill",
            region=parts.settings.region,
            window=need.window,
            dry_run=False,
            api=backfill.api,
            requested=due.requested,
            plan_reason="Owed or older hours, asked for by hand.",
        )
        plan = make_plan(
            due,
            api=backfill.api,
            workers=parts.settings.calls_in_flight,
            now=now,
            datapoints_a_second=parts.settings.datapoints_a_second,
            wanted=wanted,
        )
        recent_from = floor(now) - parts.settings.reach.lookback * HOUR
        try:
            yield run(
                RunResult(info, HOURLY_RUNS_A_MONTH),
                plan,
                parts.reader(plan, parts.home),
                parts.sink(info, known.keys, recent_from),
                parts.ledger(arrears),
                observer=NoObserver(),
                workers=parts.settings.calls_in_flight,
                time_left=lambda: math.inf,
            )
        except IncompleteRunError as error:
            yield error.result
