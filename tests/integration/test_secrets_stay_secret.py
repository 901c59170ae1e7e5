"""Markers are planted where secrets stand; whatever fails, none may come out anywhere."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from typing import Any

import boto3
import psycopg
import pytest

from ingest_fn import app
from ingest_fn.errors import IngestError
from ingest_fn.local.aws import LocalAws
from ingest_fn.telemetry import SERVICE
from tests.cloudwatch import CloudWatch, Refusal, running_cloudwatch
from tests.making import instance_id

PASSWORD, AWS_SECRET, TOKEN = "marker-password", "marker-aws-secret", "marker-session-token"
MARKERS = (PASSWORD, AWS_SECRET, TOKEN, "X-Amz-Signature", "X-Amz-Security-Token")
EVENT = {"scheduled_time": "2026-11-23T10:15:00Z", "instance_ids": [instance_id(1)]}


class Context:
    aws_request_id = "c3a1f2d4"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture
def cloudwatch() -> Iterator[CloudWatch]:
    with running_cloudwatch() as service:
        yield service


@pytest.fixture
def plant(
    aws: LocalAws, cloudwatch: CloudWatch, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> Iterator[Any]:
    """A handler whose environment is full of markers; ``plant(**env)`` and it is cold."""
    del aws, capfd

    def plant(**env: str) -> None:
        markers = {
            "AWS_SECRET_ACCESS_KEY": AWS_SECRET,
            "AWS_SESSION_TOKEN": TOKEN,
            "AWS_ENDPOINT_URL_CLOUDWATCH": cloudwatch.url,
        }
        for name, value in (markers | env).items():
            monkeypatch.setenv(name, value)
        app.ingester.cache_clear()
        logging.Logger.manager.loggerDict.pop(SERVICE, None)

    yield plant
    app.ingester.cache_clear()


def failure_of_a_run(capfd: pytest.CaptureFixture[str]) -> str:
    """All that a failing run lets anybody see, the traceback with its causes included."""
    with pytest.raises(IngestError) as failed:
        app.lambda_handler(EVENT, Context())  # type: ignore[arg-type]
    out, err = capfd.readouterr()
    seen = "\n".join([out, err, *traceback.format_exception(failed.value)])
    seen += json.dumps(getattr(getattr(failed.value, "report", None), "as_dict", dict)())
    assert "Error" in seen
    return seen


def assert_secret(seen: str) -> None:
    assert [marker for marker in MARKERS if marker in seen] == []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ingest:{}@127.0.0.1:1/metrics",
        "postgresql://ingest:{}@no-such-host.invalid/metrics",
        "postgresql://ingest:{}@host:port/metrics",
        "postgresql://ingest:{}@127.0.0.1:1/metrics?no_such_option=1",
    ],
)
def test_a_url_with_a_password(plant: Any, capfd: Any, url: str) -> None:
    plant(DATABASE_URL=url.format(PASSWORD))
    assert_secret(failure_of_a_run(capfd))


def test_a_password_that_is_refused(plant: Any, capfd: Any, database_url: str) -> None:
    head, _, tail = database_url.partition("@")
    user = head.rpartition("//")[2].partition(":")[0]
    plant(DATABASE_URL=f"postgresql://{user}:{PASSWORD}@{tail}")
    seen = failure_of_a_run(capfd)
    assert "password authentication failed" in seen
    assert_secret(seen)


@pytest.mark.parametrize(
    "value",
    [
        PASSWORD,
        json.dumps(PASSWORD),
        json.dumps({"password": PASSWORD}),
        '{"password": "' + PASSWORD,
    ],
)
def test_a_malformed_secret(plant: Any, capfd: Any, value: str) -> None:
    arn = boto3.client("secretsmanager").create_secret(Name="s", SecretString=value)["ARN"]
    plant(DATABASE_HOST="127.0.0.1", DATABASE_AUTH="secret", DATABASE_SECRET_ARN=arn)
    assert_secret(failure_of_a_run(capfd))


def test_a_secret_that_is_refused(plant: Any, capfd: Any, database_url: str) -> None:
    value = json.dumps({"username": "nobody", "password": PASSWORD})
    arn = boto3.client("secretsmanager").create_secret(Name="s", SecretString=value)["ARN"]
    where = database_url.rpartition("@")[2].partition("/")[0].split(":")
    plant(
        DATABASE_HOST=where[0],
        DATABASE_PORT=where[1],
        DATABASE_SSLMODE="disable",
        DATABASE_AUTH="secret",
        DATABASE_SECRET_ARN=arn,
    )
    assert_secret(failure_of_a_run(capfd))


def test_a_token(plant: Any, capfd: Any) -> None:
    plant(
        DATABASE_HOST="127.0.0.1",
        DATABASE_PORT="1",
        DATABASE_AUTH="iam",
        DATABASE_USER="ingest",
        DATABASE_SSLMODE="disable",
    )
    seen = failure_of_a_run(capfd)
    assert "Cannot connect to Postgres at 127.0.0.1:1" in seen
    assert_secret(seen)


def test_a_refused_call_and_what_the_ledger_keeps_of_it(
    plant: Any, capfd: Any, cloudwatch: CloudWatch, database_url: str
) -> None:
    plant(DATABASE_URL=database_url, CLOUDWATCH_API="metric-data")
    cloudwatch.refuse = lambda _: Refusal("AccessDenied", "User is not authorized", 403)
    seen = failure_of_a_run(capfd)
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT to_jsonb(ingest_runs)::text FROM ingest_runs").fetchall()
    assert len(rows) == 1
    password = database_url.partition("@")[0].rpartition(":")[2]
    assert password not in seen + str(rows)
    assert_secret(seen + str(rows))


def test_a_statement_that_fails(plant: Any, capfd: Any, postgres: Any) -> None:
    with postgres.fresh_database("template0") as url:
        plant(DATABASE_URL=url)
        seen = failure_of_a_run(capfd)
    assert "ingest_fn migrate" in seen
    assert url.partition("@")[0].rpartition(":")[2] not in seen
    assert_secret(seen)
