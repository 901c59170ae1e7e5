"""The use case: an event becomes a request, a plan, a run and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from ingest_fn.errors import IngestError, StoreError
from ingest_fn.pipeline.ingest import run
from ingest_fn.pipeline.model import Api
from ingest_fn.pipeline.ports import NoObserver, Observer
from ingest_fn.pipeline.result import Refusal, RunResult
from ingest_fn.preparation import Chosen, Prepared, choose_instances, prepare
from ingest_fn.request.event import Request, parse_event
from ingest_fn.request.selection import Selection
from ingest_fn.wiring import Parts


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
        parts = self._parts
        time_left = parts.bound(time_left)
        lookback = parts.settings.reach.lookback
        request: Request | None = None
        try:
            request = parse_event(event, now=now, lookback_hours=lookback)
            trigger = trigger or request.trigger
            chosen = choose_instances(parts, request, default, now=now, time_left=time_left)
            prepared = prepare(parts, request, chosen, trigger, now=now, time_left=time_left)
        except IngestError as error:
            self._keep_refusal(event, request, trigger or "manual", error)
            raise
        return self._run(request, chosen, prepared, observer or NoObserver(), time_left)

    def _run(
        self,
        request: Request,
        chosen: Chosen,
        prepared: Prepared,
        observer: Observer,
        time_left: Callable[[], float],
    ) -> RunResult:
        parts, fleet = self._parts, chosen.fleet
        share = request.part.quota_share if request.part else 1.0
        try:
            result = run(
                RunResult(prepared.info, parts.settings.runs_a_month),
                prepared.plan,
                fleet.listening(parts.reader(prepared.plan, chosen.clients, share)),
                parts.sink(prepared.info, chosen.known.keys, request.recent_from),
                parts.ledger(chosen.arrears),
                observer=observer,
                workers=parts.settings.calls_in_flight,
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
