"""From a request to a plan: which instances, what is known of them, how and how much to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from ingest_fn.errors import ConfigurationError
from ingest_fn.fleet import Fleet
from ingest_fn.pipeline.arrears import Due, Reach, ReadState, due_by_window, due_now
from ingest_fn.pipeline.budget import NOTHING_SPENT, Choice, Spent, choose, choose_for_window
from ingest_fn.pipeline.flow import in_time
from ingest_fn.pipeline.model import HOUR, Api, Window
from ingest_fn.pipeline.plan import Plan, make_plan
from ingest_fn.pipeline.result import RunInfo
from ingest_fn.postgres.arrears import Arrears, Known
from ingest_fn.request.event import Request, group_of
from ingest_fn.request.selection import Selection
from ingest_fn.wiring import Parts

if TYPE_CHECKING:
    from ingest_fn.aws.clients import Clients
    from ingest_fn.discovery.resolve import Resolved


@dataclass(frozen=True, slots=True)
class Chosen:
    """The instances of a request, in the account and Region of ``clients``.

    ``known`` is what has been read of them, ``arrears`` keeps what stays owed, and ``fleet`` knows
    the machines.
    """

    resolved: Resolved
    clients: Clients
    arrears: Arrears
    known: Known
    fleet: Fleet


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that may begin: its plan, and its identity for the ledger."""

    plan: Plan
    info: RunInfo


def choose_instances(
    parts: Parts,
    request: Request,
    default: Selection | None,
    *,
    now: datetime,
    time_left: Callable[[], float],
) -> Chosen:
    """The instances that ``request`` means; ``default`` where it names none.

    Raises ConfigurationError, AccessDeniedError, AwsError, StoreUnreachableError.
    """
    target, window = request.target, request.window
    named = target or request.selection or default
    resolved = in_time(
        "which instances to read",
        lambda: parts.resolve(named, window, now=now, time_left=time_left),
        time_left,
    )
    group = None if request.own_window else group_of(request)
    ids = (*resolved.instance_ids, *resolved.not_due_ids)
    arrears = parts.arrears(ids, window.end, group)
    known = arrears.known()
    if not request.own_window:
        resolved = _revised(resolved, known.states, window, parts.settings.reach)
    clients = parts.accounts.clients(target) if target else parts.home
    place = (target.region, target.account_id) if target else (parts.settings.region, None)
    fleet = parts.fleet(resolved, (clients, *place), now=now, time_left=time_left)
    return Chosen(resolved, clients, arrears, known, fleet)


def prepare(
    parts: Parts,
    request: Request,
    chosen: Chosen,
    trigger: str,
    *,
    now: datetime,
    time_left: Callable[[], float],
) -> Prepared:
    """What to read of the ``chosen`` instances, by which API and from which hour on.

    Raises ConfigurationError for a budget that cannot be kept, and as reads of AWS and Postgres do.
    """
    settings, ids, fleet = parts.settings, chosen.resolved.instance_ids, chosen.fleet
    wanted = in_time("what there is to read", fleet.wanted, time_left)
    choice = _choice(parts, request, wanted.metrics(ids), now)
    due = _due(request, ids, chosen.known.states, choice.freshness_hours, settings.reach)
    plan = make_plan(
        due,
        api=choice.api,
        workers=settings.calls_in_flight,
        now=now,
        datapoints_a_second=settings.datapoints_a_second,
        wanted=wanted,
    )
    target = request.target
    info = RunInfo(
        run_id=str(uuid4()),
        trigger=trigger,
        region=target.region if target else settings.region,
        window=request.window,
        dry_run=request.dry_run,
        api=plan.api,
        requested=due.requested,
        account_id=target.account_id if target else None,
        part=request.part,
        not_due=due.not_due + chosen.resolved.not_due,
        reads_from=min((need.window.start for need in due.needs), default=None),
        freshness_hours=choice.freshness_hours,
        plan_reason=choice.reason,
        warnings=tuple(fleet.warnings),
    )
    return Prepared(plan, info)


def _choice(parts: Parts, request: Request, metrics: int, now: datetime) -> Choice:
    """Which API and freshness. The ledger is asked only where there is a budget."""
    settings = parts.settings
    # The free requests that GetMetricStatistics is taken for are one million for all accounts of
    # an organisation together, not for each.
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
        spent=NOTHING_SPENT if budget is None else _spent(parts, now),
    )


def _spent(parts: Parts, now: datetime) -> Spent:
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    metrics, requests = parts.ledger().spent(month, now)
    return Spent(metrics, requests, (now - month) // HOUR)


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
