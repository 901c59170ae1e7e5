"""The one entry point: Lambda handler, command line and tests all come through ``Ingester``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import uuid4

from ingest_fn.aws import Clients
from ingest_fn.cloudwatch import reader
from ingest_fn.errors import ConfigurationError
from ingest_fn.event import parse_event
from ingest_fn.flow import Pace
from ingest_fn.ingest import Observer, run
from ingest_fn.model import InstanceOutcome
from ingest_fn.plan import make_plan
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.store import PostgresStore
from ingest_fn.report import Report, Run
from ingest_fn.settings import Settings
from ingest_fn.ssm import read_instance_ids


class Silent:
    """An observer that keeps quiet."""

    def started(self, report: Report) -> None:
        """Say nothing."""

    def batch(self, lines: Sequence[InstanceOutcome]) -> None:
        """Say nothing."""


class Ingester:
    """Settings, AWS clients and the connection pool, kept from one event to the next."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """Read the settings of ``env``; nothing is contacted. Raises ConfigurationError."""
        self._settings = settings = Settings.from_env(env)
        self._clients = Clients(settings.region, settings.calls_in_flight)
        login = login_for(settings.database, settings.region)
        self._store = PostgresStore(Connections(login), settings.region, settings.retention_months)

    def ingest(
        self,
        event: object,
        *,
        now: datetime,
        time_left: Callable[[], float],
        observer: Observer | None = None,
        trigger: str | None = None,
        default_ids: tuple[str, ...] | None = None,
    ) -> Report:
        """Do what ``event`` asks and report it. ``time_left``: seconds until it must be over.

        ``default_ids`` stand in for the SSM parameter where the event names no instances.

        Raises EventError, ConfigurationError, StoreUnreachableError before anything is written;
        IncompleteRunError after what could be read is stored.
        """
        settings = self._settings
        request = parse_event(event, now=now, lookback_hours=settings.lookback_hours)
        plan = make_plan(
            request.instance_ids or default_ids or self._parameter_ids(),
            request.window,
            api=settings.api,
            runs_a_month=settings.runs_a_month,
            workers=settings.calls_in_flight,
            now=now,
            datapoints_a_second=settings.datapoints_a_second,
        )
        identity = Run(
            run_id=str(uuid4()),
            trigger=trigger or request.trigger,
            region=settings.region,
            window=request.window,
            dry_run=request.dry_run,
            api=plan.api,
            requested=len(plan.instance_ids),
        )
        return run(
            Report(identity, settings.runs_a_month),
            plan,
            reader(plan.api, self._clients.make("cloudwatch"), Pace(plan.datapoints_a_second)),
            self._store,
            observer or Silent(),
            workers=settings.calls_in_flight,
            time_left=time_left,
        )

    def _parameter_ids(self) -> Sequence[str]:
        name = self._settings.instance_ids_parameter
        if name is None:
            raise ConfigurationError(
                "Nothing says which instances to read: INSTANCE_IDS_PARAMETER is not set.",
                "Set it to the name of an SSM parameter, put instance_ids into the event, "
                "or, on the command line, set AWS_INSTANCE_IDS.",
            )
        return read_instance_ids(self._clients.make("ssm"), name)

    def close(self) -> None:
        """Close the database connections."""
        self._store.close()
