"""The real parts of a run, made once and only when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from ingest_fn.cloudwatch import reader
from ingest_fn.pipeline.flow import Pace
from ingest_fn.pipeline.ingest import MetricReader
from ingest_fn.pipeline.plan import Plan
from ingest_fn.pipeline.result import RunInfo
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.ledger import PostgresLedger
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.metrics import PostgresMetrics
from ingest_fn.settings import Settings

if TYPE_CHECKING:
    from ingest_fn.aws.accounts import Accounts
    from ingest_fn.aws.clients import Clients


class Parts:
    """Settings, AWS clients and the connection pool, kept from one event to the next.

    Importing botocore takes half of a cold start, so it is imported with the first event, outside
    the init phase.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        """Read the settings of ``env``; nothing is contacted. Raises ConfigurationError."""
        self.settings = Settings.from_env(env)
        self.connections = Connections(login_for(self.settings.database, self.settings.region))

    def bound(self, time_left: Callable[[], float]) -> None:
        """From here on no wait goes beyond ``time_left`` (seconds until the run must be over)."""
        self.connections.bound(time_left)
        self.home.time_left = time_left

    @cached_property
    def home(self) -> Clients:
        """Clients of the function's own account and Region."""
        from ingest_fn.aws.clients import Clients

        return Clients(self.settings.region, self.settings.calls_in_flight)

    @cached_property
    def accounts(self) -> Accounts:
        """Clients of other accounts and Regions."""
        from ingest_fn.aws.accounts import Accounts

        return Accounts(self.home)

    @cached_property
    def ledger(self) -> PostgresLedger:
        """The ledger of runs."""
        return PostgresLedger(self.connections, self.settings.retention_months)

    def sink(self, run: RunInfo) -> PostgresMetrics:
        """Where the rows of ``run`` go."""
        return PostgresMetrics(self.connections, run.region, run.account_id)

    def reader(self, plan: Plan, clients: Clients, quota_share: float = 1.0) -> MetricReader:
        """What reads CloudWatch as ``plan`` says, in the account and Region of ``clients``."""
        pace = Pace(plan.datapoints_a_second * quota_share)
        return reader(plan.api, clients.make("cloudwatch"), pace)

    def close(self) -> None:
        """Close the database connections."""
        self.connections.close()
