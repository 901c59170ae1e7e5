"""The one entry point: Lambda handler, command line and tests all come through ``Ingester``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from ingest_fn.cloudwatch import reader
from ingest_fn.errors import ConfigurationError, IngestError
from ingest_fn.pipeline.flow import Pace
from ingest_fn.pipeline.ingest import Observer, run
from ingest_fn.pipeline.model import Api, InstanceOutcome, Outcome
from ingest_fn.pipeline.plan import make_plan
from ingest_fn.pipeline.result import RunInfo, RunResult
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.store import PostgresStore
from ingest_fn.request.event import Request, parse_event
from ingest_fn.request.target import Target
from ingest_fn.settings import Settings

if TYPE_CHECKING:
    from ingest_fn.aws.clients import Clients


class NoObserver:
    """An observer that keeps quiet."""

    def started(self, result: RunResult) -> None:
        """Say nothing."""

    def batch(self, lines: Sequence[InstanceOutcome]) -> None:
        """Say nothing."""


class Ingester:
    """Settings, AWS clients and the connection pool, kept from one event to the next."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """Read the settings of ``env``; nothing is contacted. Raises ConfigurationError."""
        # botocore is half of a cold start, and the first event has then been taken at least.
        from ingest_fn.aws.accounts import Accounts
        from ingest_fn.aws.clients import Clients

        self._settings = settings = Settings.from_env(env)
        self._home = Clients(settings.region, settings.calls_in_flight)
        self._accounts = Accounts(self._home)
        self._connections = Connections(login_for(settings.database, settings.region))

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
        """Do what ``event`` asks and report it. ``time_left``: seconds until it must be over.

        ``default_ids`` stand in for the SSM parameter where the event names no instances.

        Raises EventError, ConfigurationError, StoreUnreachableError before anything is written;
        IncompleteRunError after what could be read is stored.
        """
        settings = self._settings
        request = parse_event(event, now=now, lookback_hours=settings.lookback_hours)
        identity = RunInfo(
            run_id=str(uuid4()),
            trigger=trigger or request.trigger,
            region=request.target.region if request.target else settings.region,
            window=request.window,
            dry_run=request.dry_run,
            api=settings.api or Api.METRIC_DATA,
            requested=0,
            account_id=request.target.account_id if request.target else None,
            part=request.part,
        )
        store = self._store(identity)
        try:
            clients, ids = self._chosen(request, default_ids)
        except IngestError as error:
            if request.target is not None:
                self._keep_refusal(store, identity, request.target, error)
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
        share = request.part.quota_share if request.part else 1
        pace = Pace(plan.datapoints_a_second * share)
        return run(
            RunResult(replace(identity, api=plan.api, requested=len(ids)), settings.runs_a_month),
            plan,
            reader(plan.api, clients.make("cloudwatch"), pace),
            store,
            observer or NoObserver(),
            workers=settings.calls_in_flight,
            time_left=time_left,
        )

    def _store(self, identity: RunInfo) -> PostgresStore:
        return PostgresStore(
            self._connections,
            identity.region,
            self._settings.retention_months,
            identity.account_id,
        )

    def _chosen(
        self, request: Request, default_ids: tuple[str, ...] | None
    ) -> tuple[Clients, Sequence[str]]:
        """Where to read, and which instances."""
        if request.target is not None:
            from ingest_fn.discovery.resolve import target_ids

            clients = self._accounts.clients(request.target)
            return clients, target_ids(request.target, clients)
        return self._home, request.instance_ids or default_ids or self._parameter_ids()

    def _keep_refusal(
        self, store: PostgresStore, identity: RunInfo, target: Target, error: IngestError
    ) -> None:
        """A line in the ledger for a target of which nothing could be read."""
        if identity.dry_run:
            return
        ids = target.slice.of(target.instance_ids)
        result = RunResult(replace(identity, requested=len(ids)), self._settings.runs_a_month)
        lines = [InstanceOutcome(id_, Outcome.FAILED, reason=error.message) for id_ in ids]
        result.add(lines, calls=0, metrics_billed=0)
        result.error = str(error)
        store.begin(result)
        store.finish(result)

    def _parameter_ids(self) -> Sequence[str]:
        name = self._settings.instance_ids_parameter
        if name is None:
            raise ConfigurationError(
                "Nothing says which instances to read: INSTANCE_IDS_PARAMETER is not set.",
                "Set it to the name of an SSM parameter, put instance_ids into the event, "
                "or, on the command line, set AWS_INSTANCE_IDS.",
            )
        from ingest_fn.discovery.parameters import read_instance_ids

        return read_instance_ids(self._home.make("ssm"), name)

    def close(self) -> None:
        """Close the database connections."""
        self._connections.close()
