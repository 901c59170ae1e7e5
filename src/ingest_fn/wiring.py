"""The real parts of a run, made once and only when they are needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from ingest_fn.cloudwatch import reader
from ingest_fn.errors import ConfigurationError
from ingest_fn.fleet import Fleet
from ingest_fn.pipeline.flow import Pace
from ingest_fn.pipeline.model import HOUR, Window
from ingest_fn.pipeline.plan import Plan
from ingest_fn.pipeline.ports import MetricReader
from ingest_fn.pipeline.result import RunInfo
from ingest_fn.postgres.arrears import Arrears
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.ledger import PostgresLedger
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.metrics import PostgresMetrics
from ingest_fn.request.selection import Selection
from ingest_fn.request.target import Target
from ingest_fn.settings import Settings

if TYPE_CHECKING:
    from ingest_fn.aws.accounts import Accounts
    from ingest_fn.aws.clients import Clients
    from ingest_fn.discovery.resolve import Resolved


class Parts:
    """Settings, AWS clients and the database connections, kept from one event to the next.

    Importing botocore takes half of a cold start, so it is imported with the first event, outside
    the init phase.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        """Read the settings of ``env``; nothing is contacted. Raises ConfigurationError."""
        self._run = object()
        self.settings = Settings.from_env(env)
        self.connections = Connections(login_for(self.settings.database, self.settings.region))

    def bound(self, time_left: Callable[[], float]) -> Callable[[], float]:
        """From here on no wait goes beyond ``time_left`` (seconds until the run must be over).

        What comes back says the same, and that no time is left after ``rest``: a thread that was
        given up may wake in the next run, and must begin nothing any more.
        """
        self._run = run = object()

        def left() -> float:
            return time_left() if self._run is run else -math.inf

        self.connections.bound(left)
        self.home.time_left = left
        return left

    def rest(self) -> None:
        """No time is left to whatever the last run gave up."""
        self._run = object()

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

    def resolve(
        self,
        chosen: Selection | Target | None,
        window: Window,
        *,
        now: datetime,
        time_left: Callable[[], float] = lambda: math.inf,
    ) -> Resolved:
        """The instances of ``chosen``; None: those that the SSM parameter names.

        Raises ConfigurationError, AccessDeniedError, AwsError.
        """
        from ingest_fn.discovery.resolve import resolve, resolve_target

        if isinstance(chosen, Target):
            clients = self.accounts.clients(chosen)
            return resolve_target(chosen, clients, window, now=now, time_left=time_left)
        selection = chosen or self._parameter(time_left)
        return resolve(selection, self.home, window, now=now, time_left=time_left)

    def _parameter(self, time_left: Callable[[], float]) -> Selection:
        name = self.settings.instance_ids_parameter
        if name is None:
            raise ConfigurationError(
                "Nothing says which instances to read: INSTANCE_IDS_PARAMETER is not set.",
                "Set it to the name of an SSM parameter, put instances into the event, "
                "or, on the command line, set AWS_INSTANCE_IDS.",
            )
        from ingest_fn.discovery.parameters import read_selection

        return read_selection(self.home.make("ssm"), name, time_left=time_left)

    def fleet(
        self,
        resolved: Resolved,
        run: tuple[Clients, str, str | None],
        *,
        now: datetime,
        time_left: Callable[[], float] = lambda: math.inf,
    ) -> Fleet:
        """What is known of the instances; ``run``: clients, Region and account where they are."""
        clients, region, account_id = run
        groups = self.settings.metrics
        return Fleet(
            self.connections, clients, region, account_id, resolved, groups, now, time_left
        )

    def ledger(self, arrears: Arrears | None = None) -> PostgresLedger:
        """The ledger of runs; ``arrears`` keeps what a run leaves owed."""
        return PostgresLedger(self.connections, self.settings.retention_months, arrears)

    def arrears(self, chosen: Sequence[str], end: datetime, group: str | None) -> Arrears:
        """What the chosen instances have been read of and owe. See ``Arrears``."""
        catch_up = self.settings.reach.catch_up * HOUR
        return Arrears(self.connections, chosen, group=group, end=end, catch_up=catch_up)

    def sink(self, run: RunInfo, keys: Mapping[str, int], recent_from: datetime) -> PostgresMetrics:
        """Where the rows of ``run`` go. See ``PostgresMetrics``."""
        return PostgresMetrics(
            self.connections, run.region, run.account_id, keys=keys, recent_from=recent_from
        )

    def reader(self, plan: Plan, clients: Clients, quota_share: float = 1.0) -> MetricReader:
        """What reads CloudWatch as ``plan`` says, in the account and Region of ``clients``."""
        pace = Pace(plan.datapoints_a_second * quota_share)
        return reader(plan.api, clients.make("cloudwatch"), pace)

    def close(self) -> None:
        """Close the database connections."""
        self.connections.close()
