"""The use case: an event becomes a request, a plan, a run and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from ingest_fn.errors import ConfigurationError, IngestError, StoreError
from ingest_fn.pipeline.arrears import Due, Reach, ReadState, due_by_window, due_now
from ingest_fn.pipeline.budget import NOTHING_SPENT, Choice, Spent, choose, choose_for_window
from ingest_fn.pipeline.flow import in_time
from ingest_fn.pipeline.ingest import run
from ingest_fn.pipeline.model import HOUR, Api, Window
from ingest_fn.pipeline.plan import make_plan
from ingest_fn.pipeline.ports import NoObserver, Observer
from ingest_fn.pipeline.result import Refusal, RunInfo, RunResult
from ingest_fn.request.event import Request, group_of, parse_event
from ingest_fn.request.selection import Selection
from ingest_fn.wiring import Parts

if TYPE_CHECKING:
    from ingest_fn.discovery.resolve import Resolved


class Ingester:
    """The one entry point: Lambda handler, command line and tests all come through it."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """Read the settings of ``env``; nothing is contacted. Raises ConfigurationError."""
        self._parts = Parts(env)

    def ingest(
        self,
        event: object,
        *,
        now: datetime,
        time_left: Callable[[], float],
        observer: Observer | None = None,
        trigger: str | None = None,
        default: Selection | None = None,
    ) -> RunResult:
        """Do what ``event`` asks. ``time_left``: seconds until it must be over.

        ``default`` stands in for the SSM parameter where the event names no instances.

        Raises EventError, ConfigurationError, StoreUnreachableError before anything is written;
        IncompleteRunError after what could be read is stored.
        """
        parts, settings = self._parts, self._parts.settings
        time_left = parts.bound(time_left)
        request: Request | None = None
        try:
            request = parse_event(event, now=now, lookback_hours=settings.reach.lookback)
            trigger = trigger or request.trigger
            named, window = request.target or request.selection or default, request.window
            resolved = in_time(
                "which instances to read",
                lambda: parts.resolve(named, window, now=now, time_left=time_left),
                time_left,
            )
            group = None if request.own_window else group_of(request)
            chosen = (*resolved.instance_ids, *resolved.not_due_ids)
            arrears = parts.arrears(chosen, request.window.end, group)
            known = arrears.known()
            if not request.own_window:
                resolved = _revised(resolved, known.states, request.window, settings.reach)
            ids = resolved.instance_ids
            clients = parts.accounts.clients(request.target) if request.target else parts.home
            place = self._place(request)
            fleet = parts.fleet(resolved, (clients, *place), now=now, time_left=time_left)
            wanted = in_time("what there is to read", fleet.wanted, time_left)
            choice = self._choice(request, wanted.metrics(ids), now)
        except IngestError as error:
            self._keep_refusal(event, request, trigger or "manual", error)
            raise
        due = _due(request, ids, known.states, choice.freshness_hours, settings.reach)
        plan = make_plan(
            due,
            api=choice.api,
            workers=settings.calls_in_flight,
            now=now,
            datapoints_a_second=settings.datapoints_a_second,
            wanted=wanted,
        )
        info = replace(
            self._info(request, trigger, plan.api, due.requested),
            not_due=due.not_due + resolved.not_due,
            reads_from=min((need.window.start for need in due.needs), default=None),
            freshness_hours=choice.freshness_hours,
            plan_reason=choice.reason,
            warnings=tuple(fleet.warnings),
        )
        share = request.part.quota_share if request.part else 1.0
        try:
            result = run(
                RunResult(info, settings.runs_a_month),
                plan,
                fleet.listening(parts.reader(plan, clients, share)),
                parts.sink(info, known.keys, request.recent_from),
                parts.ledger(arrears),
                observer=observer or NoObserver(),
                workers=settings.calls_in_flight,
                time_left=time_left,
                recall=parts.connections.recall,
            )
        except IngestError:
            # What EC2 has shown now, it may not show again. The run's own error counts for more.
            if not request.dry_run:
                with suppress(IngestError):
                    fleet.settle()
            raise
        if not request.dry_run:
            fleet.settle()
        return result

    def _place(self, request: Request) -> tuple[str, str | None]:
        """The Region and account that the request reads."""
        target = request.target
        return (
            (self._parts.settings.region, None)
            if target is None
            else (target.region, target.account_id)
        )

    def _choice(self, request: Request, metrics: int, now: datetime) -> Choice:
        """Which API and freshness. The ledger is asked only where there is a budget."""
        settings = self._parts.settings
        # The free requests that GetMetricStatistics is taken for are one million for all accounts
        # of an organisation together, not for each.
        api = settings.api or (Api.METRIC_DATA if request.target else None)
        budget = settings.monthly_budget_usd
        if request.own_window:
            return choose_for_window(metrics, request.window, api=api)
        if budget is not None and request.target is not None:
            raise ConfigurationError(
                "MONTHLY_BUDGET_USD does not work for targets: no run knows all of them.",
                "Set FRESHNESS_HOURS instead.",
            )
        return choose(
            metrics,
            api=api,
            freshness_hours=settings.freshness_hours,
            runs_a_month=settings.runs_a_month,
            budget_usd=budget,
            spent=NOTHING_SPENT if budget is None else self._spent(now),
        )

    def _spent(self, now: datetime) -> Spent:
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        metrics, requests = self._parts.ledger().spent(month, now)
        return Spent(metrics, requests, (now - month) // HOUR)

    def _info(self, request: Request, trigger: str, api: Api, requested: int) -> RunInfo:
        target = request.target
        return RunInfo(
            run_id=str(uuid4()),
            trigger=trigger,
            region=target.region if target else self._parts.settings.region,
            window=request.window,
            dry_run=request.dry_run,
            api=api,
            requested=requested,
            account_id=target.account_id if target else None,
            part=request.part,
        )

    def _keep_refusal(
        self, event: object, request: Request | None, trigger: str, error: IngestError
    ) -> None:
        """A row in the ledger for a run that never began, if the database can be reached."""
        if isinstance(error, StoreError) or (isinstance(event, Mapping) and event.get("dry_run")):
            return
        settings = self._parts.settings
        refusal = Refusal(trigger, settings.region, settings.api or Api.METRIC_DATA)
        if request is not None:
            target = request.target
            named = target.selection.include.ids if target and target.selection else ()
            refusal = replace(
                refusal,
                region=target.region if target else settings.region,
                window=request.window,
                account_id=target.account_id if target else None,
                part=request.part,
                requested=len(target.slice.of(named)) if target else 0,
            )
        # The error at hand says what to do; that the ledger is out of reach as well does not.
        with suppress(IngestError):
            self._parts.ledger().refuse(refusal, str(error))

    def close(self) -> None:
        """Close the database connections."""
        self._parts.close()


def _due(
    request: Request,
    ids: Sequence[str],
    states: Mapping[str, ReadState],
    freshness: int,
    reach: Reach,
) -> Due:
    if request.own_window:
        return due_by_window(ids, request.window)
    end = int(request.window.end.timestamp())
    return due_now(ids, states, end=end, freshness=freshness, reach=reach)


def _revised(
    resolved: Resolved, states: Mapping[str, ReadState], window: Window, reach: Reach
) -> Resolved:
    owing = {key for key, state in states.items() if state.owes_from is not None}
    read_until = {key: state.read_until for key, state in states.items()}
    healed_from = window.end - max(reach.catch_up, reach.lookback) * HOUR
    return resolved.revised(read_until, owing, int(healed_from.timestamp()))
