"""The use case: an event becomes a request, a plan, a run and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import uuid4

from ingest_fn.errors import ConfigurationError, IngestError
from ingest_fn.pipeline.flow import in_time
from ingest_fn.pipeline.ingest import NoObserver, Observer, run
from ingest_fn.pipeline.model import Api, InstanceOutcome, Outcome
from ingest_fn.pipeline.plan import make_plan
from ingest_fn.pipeline.result import RunInfo, RunResult
from ingest_fn.request.event import Request, parse_event
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
        default_ids: tuple[str, ...] | None = None,
    ) -> RunResult:
        """Do what ``event`` asks. ``time_left``: seconds until it must be over.

        ``default_ids`` stand in for the SSM parameter where the event names no instances.

        Raises EventError, ConfigurationError, StoreUnreachableError before anything is written;
        IncompleteRunError after what could be read is stored.
        """
        parts, settings = self._parts, self._parts.settings
        parts.bound(time_left)
        request = parse_event(event, now=now, lookback_hours=settings.lookback_hours)
        trigger = trigger or request.trigger
        try:
            ids = in_time(
                "which instances to read", lambda: self._chosen(request, default_ids), time_left
            )
        except IngestError as error:
            self._keep_refusal(request, trigger, error)
            raise
        plan = make_plan(
            ids,
            request.window,
            # The free requests that GetMetricStatistics is taken for are one million for all
            # accounts of an organisation together, not for each.
            api=settings.api or (Api.METRIC_DATA if request.target else None),
            runs_a_month=settings.runs_a_month,
            workers=settings.calls_in_flight,
            now=now,
            datapoints_a_second=settings.datapoints_a_second,
        )
        info = self._info(request, trigger, plan.api, len(ids))
        clients = parts.accounts.clients(request.target) if request.target else parts.home
        share = request.part.quota_share if request.part else 1.0
        return run(
            RunResult(info, settings.runs_a_month),
            plan,
            parts.reader(plan, clients, share),
            parts.sink(info),
            parts.ledger,
            observer=observer or NoObserver(),
            workers=settings.calls_in_flight,
            time_left=time_left,
            recall=parts.connections.recall,
        )

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

    def _chosen(self, request: Request, default_ids: tuple[str, ...] | None) -> Sequence[str]:
        """Which instances."""
        parts = self._parts
        if request.target is not None:
            from ingest_fn.discovery.resolve import target_ids

            return target_ids(request.target, parts.accounts.clients(request.target))
        return request.instance_ids or default_ids or self._parameter_ids()

    def _keep_refusal(self, request: Request, trigger: str, error: IngestError) -> None:
        """A row in the ledger for a run of which nothing could be read."""
        if request.dry_run:
            return
        target, settings = request.target, self._parts.settings
        ids = target.slice.of(target.instance_ids) if target else ()
        info = self._info(request, trigger, settings.api or Api.METRIC_DATA, len(ids))
        result = RunResult(info, settings.runs_a_month, error=str(error))
        outcomes = [InstanceOutcome(id_, Outcome.FAILED, reason=error.message) for id_ in ids]
        result.add(outcomes, result.cost)
        self._parts.ledger.begin(info)
        self._parts.ledger.finish(result)

    def _parameter_ids(self) -> Sequence[str]:
        name = self._parts.settings.instance_ids_parameter
        if name is None:
            raise ConfigurationError(
                "Nothing says which instances to read: INSTANCE_IDS_PARAMETER is not set.",
                "Set it to the name of an SSM parameter, put instance_ids into the event, "
                "or, on the command line, set AWS_INSTANCE_IDS.",
            )
        from ingest_fn.discovery.parameters import read_instance_ids

        return read_instance_ids(self._parts.home.make("ssm"), name)

    def close(self) -> None:
        """Close the database connections."""
        self._parts.close()
