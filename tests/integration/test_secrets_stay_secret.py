"""Markers are planted where secrets stand; whatever fails, none may come out anywhere."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
import psycopg
import pytest

from ingest_fn.errors import IncompleteRunError, IngestError
from ingest_fn.local.aws import LocalAws
from ingest_fn.pipeline.model import HOUR
from tests.cloudwatch import DENIED, CloudWatch, Refusal, running_cloudwatch
from tests.command_line import Cli
from tests.lambda_context import Context
from tests.making import instance_id

ONE = instance_id(1)
PASSWORD, AWS_SECRET, SESSION_TOKEN = "marker-password", "marker-aws-secret", "marker-session-token"
PARTS_OF_A_TOKEN = ("X-Amz-Signature", "X-Amz-Security-Token")


@dataclass(frozen=True)
class World:
    """A database, a CloudWatch, and the environment that names them."""

    database_url: str
    cloudwatch: CloudWatch
    env: dict[str, str]

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(statement)

    def ledger(self) -> list[str]:
        """Every run, whole."""
        with psycopg.connect(self.database_url) as connection:
            rows = connection.execute("SELECT to_jsonb(run)::text FROM ingest_runs AS run")
            return [text for (text,) in rows]

    def by(self, auth: str, **env: str) -> dict[str, str]:
        """A login at the database by ``DATABASE_AUTH``."""
        url = urlsplit(self.database_url)
        return {
            "DATABASE_HOST": url.hostname or "",
            "DATABASE_PORT": str(url.port),
            "DATABASE_NAME": url.path.strip("/"),
            "DATABASE_SSLMODE": "disable",
            "DATABASE_AUTH": auth,
            **env,
        }

    def by_secret(self, value: str) -> dict[str, str]:
        secret = boto3.client("secretsmanager").create_secret(Name="login", SecretString=value)
        return self.by("secret", DATABASE_SECRET_ARN=secret["ARN"])


@pytest.fixture
def world(aws: LocalAws, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with running_cloudwatch() as cloudwatch:
        last = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - HOUR
        cloudwatch.put(ONE, "CPUUtilization", last, 10.0)
        secrets = {"AWS_SECRET_ACCESS_KEY": AWS_SECRET, "AWS_SESSION_TOKEN": SESSION_TOKEN}
        env = {"AWS_ENDPOINT_URL_CLOUDWATCH": cloudwatch.url, "CLOUDWATCH_API": "metric-data"}
        yield World(database_url, cloudwatch, aws.environment() | secrets | env)


def unreachable(world: World) -> dict[str, str]:
    return {"DATABASE_URL": f"postgresql://ingest:{PASSWORD}@127.0.0.1:1/metrics"}


def not_a_host(world: World) -> dict[str, str]:
    return {"DATABASE_URL": f"postgresql://ingest:{PASSWORD}@no-such-host.invalid/metrics"}


def not_a_url(world: World) -> dict[str, str]:
    return {"DATABASE_URL": f"postgresql://ingest:%{PASSWORD}@127.0.0.1:1/metrics"}


def bare_at_sign(world: World) -> dict[str, str]:
    return {"DATABASE_URL": f"postgresql://ingest:half@{PASSWORD}@127.0.0.1:1/metrics"}


def forgotten_host(world: World) -> dict[str, str]:
    return {"DATABASE_URL": f"postgresql://ingest:{PASSWORD}"}


def refused_password(world: World) -> dict[str, str]:
    url = urlsplit(world.database_url)
    where = f"ingest:{PASSWORD}@{url.hostname}:{url.port}"
    return {"DATABASE_URL": url._replace(netloc=where).geturl()}


def refused_secret(world: World) -> dict[str, str]:
    return world.by_secret(json.dumps({"username": "ingest", "password": PASSWORD}))


def half_a_secret(world: World) -> dict[str, str]:
    return world.by_secret(json.dumps({"password": PASSWORD}))


def broken_secret(world: World) -> dict[str, str]:
    return world.by_secret('{"password": "' + PASSWORD)


def refused_token(world: World) -> dict[str, str]:
    return world.by("iam", DATABASE_USER="ingest")


def no_tables(world: World) -> dict[str, str]:
    world.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return {"DATABASE_URL": world.database_url}


def refused_rows(world: World) -> dict[str, str]:
    world.execute("ALTER TABLE metrics ADD CONSTRAINT never CHECK (cpu_utilization < 0)")
    return {"DATABASE_URL": world.database_url}


def denied_call(world: World) -> dict[str, str]:
    message = DENIED.format("GetMetricData", "GetMetricData")
    world.cloudwatch.refuse = lambda _: Refusal("AccessDenied", message, 403)
    return {"DATABASE_URL": world.database_url}


def refused_signature(world: World) -> dict[str, str]:
    """AWS's answer may quote the request that it would have signed, on many lines or on one."""
    message = (
        "The request signature we calculated does not match the signature you provided. Check "
        "your AWS Secret Access Key. The Canonical String for this request should have been 'POST "
        f"/ host:monitoring x-amz-security-token:{SESSION_TOKEN}'\n"
        f"x-amz-security-token:{SESSION_TOKEN}"
    )
    world.cloudwatch.refuse = lambda _: Refusal("SignatureDoesNotMatch", message, 403)
    return {"DATABASE_URL": world.database_url}


Failure = Callable[[World], dict[str, str]]
NOT_LET_IN: dict[Failure, str] = {
    unreachable: "Connection refused",
    not_a_host: "no-such-host.invalid",
    not_a_url: "DATABASE_URL is not a libpq URL",
    bare_at_sign: "DATABASE_URL is not a libpq URL",
    forgotten_host: "DATABASE_URL is not a libpq URL",
    refused_password: "password authentication failed",
    refused_secret: "password authentication failed",
    half_a_secret: "is not a JSON object with username and password",
    broken_secret: "is not a JSON object with username and password",
    refused_token: "password authentication failed",
}
LET_IN: dict[Failure, str] = {
    no_tables: "The database is not ready",
    refused_rows: "1 of 1 instances",
    denied_call: "AWS denied cloudwatch:GetMetricData",
    refused_signature: "AWS refused the credentials (SignatureDoesNotMatch)",
}
"""What is provoked, and a few words that show that it came to that."""


def assert_secret(world: World, *shown: str) -> None:
    own = urlsplit(world.database_url).password or ""
    markers = (PASSWORD, AWS_SECRET, SESSION_TOKEN, *PARTS_OF_A_TOKEN, own)
    assert [marker for marker in markers for text in shown if marker in text] == []


def behind(error: BaseException | None) -> Iterator[str]:
    """The error and all that led to it, also what a traceback leaves out."""
    if error is not None:
        yield repr(error)
        yield from behind(error.__cause__)
        yield from behind(error.__context__)


@pytest.fixture
def failure_of_the_function(
    world: World,
    cold_handler: Any,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Callable[[dict[str, str]], str]:
    """Run the handler, which fails, and return all that it shows, with the error's causes."""

    def failure(env: dict[str, str]) -> str:
        for name, value in (world.env | env).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(IngestError) as failed:
            cold_handler({"instance_ids": [ONE]}, Context())
        error = failed.value
        result = error.result.as_dict() if isinstance(error, IncompleteRunError) else {}
        shown = [*traceback.format_exception(error), *behind(error), json.dumps(result)]
        return "\n".join([*shown, *capfd.readouterr(), caplog.text])

    return failure


@pytest.mark.parametrize("provoke", [*NOT_LET_IN, *LET_IN])
def test_the_function_keeps_them(
    world: World, failure_of_the_function: Callable[[dict[str, str]], str], provoke: Failure
) -> None:
    shown = failure_of_the_function(provoke(world))
    assert (NOT_LET_IN | LET_IN)[provoke] in shown
    assert '"level":"ERROR"' in shown or '"level":"WARNING"' in shown
    assert_secret(world, shown)


@pytest.mark.parametrize("provoke", [refused_rows, denied_call, refused_signature])
def test_the_ledger_keeps_them(
    world: World, failure_of_the_function: Callable[[dict[str, str]], str], provoke: Failure
) -> None:
    failure_of_the_function(provoke(world))
    (line,) = world.ledger()
    assert json.loads(line)["failures"][0]["instance_id"] == ONE
    assert_secret(world, line)


@pytest.mark.parametrize("provoke", [bare_at_sign, refused_secret, refused_token, *LET_IN])
def test_the_command_keeps_them(world: World, cli: Cli, provoke: Failure) -> None:
    env = world.env | provoke(world) | {"AWS_INSTANCE_IDS": ONE}
    done = cli("cloudwatch", "--json", **env)
    assert done.returncode in {1, 2}
    assert (NOT_LET_IN | LET_IN)[provoke] in done.stderr
    assert "Traceback" not in done.stderr
    assert_secret(world, done.stdout, done.stderr)


@pytest.mark.parametrize("provoke", [refused_password, broken_secret])
def test_a_migration_keeps_them(world: World, cli: Cli, provoke: Failure) -> None:
    done = cli("migrate", **world.env, **provoke(world))
    assert done.returncode == 2
    assert NOT_LET_IN[provoke] in done.stderr
    assert_secret(world, done.stdout, done.stderr)
