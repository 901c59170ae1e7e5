"""All checks: AWS and the database side by side, and every wait with an end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from time import monotonic
from typing import Any

from ingest_fn.answers.doctor import aws
from ingest_fn.answers.doctor.checks import Check, Probe, alone, bad, good, together
from ingest_fn.answers.doctor.database import examine as examine_database
from ingest_fn.answers.doctor.ledger import Reading
from ingest_fn.answers.doctor.machines import Chosen
from ingest_fn.aws.clients import Clients
from ingest_fn.errors import ConfigurationError, IngestError
from ingest_fn.pipeline.catalogue import DEFAULT, MEMORY
from ingest_fn.pipeline.model import Api
from ingest_fn.pipeline.statistic import metrics_of
from ingest_fn.postgres.login import login_for
from ingest_fn.request.selection import Selection
from ingest_fn.settings import database, region_of
from ingest_fn.variables import SETTINGS

FIRST, SECOND = 45.0, 25.0
"""Seconds for what is asked at first, and for what needs its answers."""

PAGES_SPARE = 20.0
"""Seconds that a question of several pages wants to have in hand."""


@dataclass
class Doctor:
    """Examines the environment ``env``. ``no_database``: why there is none, where one is due."""

    env: Mapping[str, str]
    now: datetime
    selection: Callable[[], Selection | None]
    no_database: IngestError | None = None
    _chosen: Chosen | None = None
    _selected: Event = field(default_factory=Event)

    def examine(self) -> Iterator[Check]:
        """Every check. Nothing is raised, and nothing is written."""
        yield from self._settings()
        probes: dict[str, Probe] = {"aws": self._aws, "database": self._database}
        yield from together(probes, FIRST + SECOND + 5)

    def _value(self, name: str) -> Any:
        """A setting; its default where it is wrong, which is said elsewhere."""
        with suppress(ConfigurationError):
            return SETTINGS[name].value(self.env)
        return SETTINGS[name].value({})

    @property
    def _api(self) -> Api | None:
        name = self._value("CLOUDWATCH_API")
        return None if name == "auto" else Api(name)

    def _settings(self) -> Iterator[Check]:
        wrong = []
        for one in SETTINGS.values():
            try:
                one.value(self.env)
            except ConfigurationError as error:
                wrong.append(bad(one.name, error))
        yield from wrong
        if not wrong:
            yield good("settings", "All variables that are set can be read.")

    def _aws(self) -> Iterator[Check]:
        try:
            region = region_of(self.env)
            clients = Clients(region, self._value("CLOUDWATCH_CALLS_IN_FLIGHT"))
        except IngestError as error:
            yield bad("region", error)
            return
        end = monotonic() + FIRST + PAGES_SPARE
        clients.time_left = lambda: end - monotonic()
        try:
            named = self.selection()
        except IngestError as error:
            yield bad("selection", error)
            chosen = None
        else:
            chosen = Chosen(
                clients,
                self.now,
                self._value("INSTANCE_IDS_PARAMETER"),
                named,
                self._value("LOOKBACK_HOURS"),
            )
            self._chosen = chosen
        wanted = self._api

        def selected() -> Iterator[Check]:
            if chosen is not None:
                yield from chosen.read_parameter()
                yield from chosen.resolve()

        first: dict[str, Probe] = {
            "credentials": lambda: aws.identity(clients, region),
            "selection": selected,
        }
        yield from together(first, FIRST)
        self._selected.set()
        asks_ec2 = chosen is not None and chosen.selection is not None and chosen.selection.asks_ec2
        asks_agents = asks_ec2 or MEMORY in (self._value("METRICS") or ())
        end = monotonic() + SECOND + PAGES_SPARE
        second = aws.permissions(
            clients, now=self.now, api=wanted, asks_ec2=asks_ec2, asks_agents=asks_agents
        )
        if chosen is not None and chosen.instance_ids:
            second["cloudwatch data"] = lambda: chosen.data(wanted)
            if asks_agents:
                second["agent memory"] = chosen.memory
        yield from together(second, SECOND)

    def _database(self) -> Iterator[Check]:
        if self.no_database is not None:
            yield bad("database", self.no_database)
            return
        where = database(self.env)
        login = login_for(where, self.env.get("AWS_REGION"))
        if where.url is None:
            end = monotonic() + FIRST + SECOND
            login.bound(lambda: end - monotonic())
            action = "secretsmanager:GetSecretValue" if where.auth == "secret" else "rds-db token"
            checks = alone(action, lambda: _logged_in(action, login.kwargs()))
            yield from checks
            if checks[0].status != "ok":
                return
        yield from examine_database(login, now=self.now, reading=self._reading)

    def _reading(self) -> Reading:
        """What a run would read, once the selection is known."""
        budget = self._value("MONTHLY_BUDGET_USD")
        if budget is not None:
            self._selected.wait(FIRST)
        known = 0 if self._chosen is None else len(self._chosen.instance_ids)
        return Reading(
            known * len(metrics_of(DEFAULT)),
            budget,
            self._api,
            int(self._value("FRESHNESS_HOURS")),
            self._value("RUNS_PER_MONTH"),
        )


def _logged_in(action: str, kwargs: Mapping[str, Any]) -> Iterator[Check]:
    yield good(action, f"It gave the login of {kwargs.get('user')}.")
