"""One world for all inputs: real Postgres, services that answer, secrets planted everywhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from ingest_fn import app
from tests.chaos.servers import Home, make_home
from tests.chaos.services import Services, running_services
from tests.fuzz.outcome import SECRETS, tried
from tests.postgres import Server

PARAMETER = "/fuzz/ids"
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture,
         HealthCheck.large_base_example]  # fmt: skip
LONG = os.environ.get("FUZZ") == "long"

settings.register_profile(
    "short", deadline=None, suppress_health_check=QUIET, derandomize=True, database=None
)
settings.register_profile("long", deadline=None, suppress_health_check=QUIET, print_blob=True)


def inputs(short: int, long: int) -> settings:
    """How many inputs a test tries in ``make test`` and in ``make fuzz``."""
    profile = settings.get_profile("long" if LONG else "short")
    return settings(profile, max_examples=long if LONG else short)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how much was tried."""
    if tried:
        total = sum(count for name, count in tried.items() if ", " not in name)
        terminalreporter.write_line(
            f"fuzz: {total:,} inputs: "
            + "; ".join(f"{name} {count:,}" for name, count in sorted(tried.items()))
        )


@dataclass
class Context:
    """Lambda's, with a minute left."""

    aws_request_id: str = "fuzz"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Playground:
    """What an input is tried in. No dataclass: a failing test would print what is planted in it."""

    def __init__(
        self, home: Home, services: Services, env: dict[str, str], admin: psycopg.Connection
    ) -> None:
        self.home, self.services, self.env, self.admin = home, services, env, admin

    def __repr__(self) -> str:
        """Without what is planted in it: a failing test prints it."""
        return "Playground()"

    def kept(self) -> tuple[int, int]:
        """How many instances and rows are stored."""
        row = self.admin.execute(
            "SELECT (SELECT count(*) FROM instances), (SELECT count(*) FROM metrics)"
        ).fetchone()
        assert row is not None
        return row

    def handle(self, event: object) -> dict[str, Any]:
        return app.lambda_handler(event, Context())  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def playground(postgres: Server, request: pytest.FixtureRequest) -> Iterator[Playground]:
    name = f"fuzz_{request.module.__name__.rpartition('.')[2]}"
    home = make_home(postgres.url_of("postgres"), name)
    with (
        running_services() as services,
        pytest.MonkeyPatch.context() as patch,
        psycopg.connect(home.admin_url, autocommit=True) as admin,
    ):
        services.marker = SECRETS["parameter"]
        services.parameters = {PARAMETER: ("String", "i-" + "0" * 16 + "1")}
        role = home.role
        admin.execute(f"ALTER ROLE {role} PASSWORD '{SECRETS['database']}'")
        url = home.runtime_url.replace(home.password, SECRETS["database"])
        env = {
            "AWS_ACCESS_KEY_ID": "AKIDFUZZ",
            "AWS_SECRET_ACCESS_KEY": SECRETS["key"],
            "AWS_SESSION_TOKEN": SECRETS["token"],
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": services.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "CLOUDWATCH_API": "metric-data",
            "DATABASE_URL": url,
            "INSTANCE_IDS_PARAMETER": PARAMETER,
        }
        for key, value in env.items():
            patch.setenv(key, value)
        app.ingester.cache_clear()
        yield Playground(home, services, env, admin)
        if app.ingester.cache_info().currsize:
            app.ingester().close()
        app.ingester.cache_clear()
