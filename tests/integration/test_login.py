"""How a connection logs in: URL, secret that rotates, IAM token."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore.session
import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from ingest_fn.errors import ConfigurationError, IngestError, StoreUnreachableError
from ingest_fn.local.aws import LocalAws
from ingest_fn.postgres.connections import Connections, connect
from ingest_fn.postgres.login import UrlLogin, login_for
from ingest_fn.settings import database

REGION = "eu-central-1"
HOST = "metrics.abc123.eu-central-1.rds.amazonaws.com"


def url_parts(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    return {
        "DATABASE_HOST": parts.hostname or "",
        "DATABASE_PORT": str(parts.port),
        "DATABASE_NAME": parts.path.strip("/"),
        "DATABASE_SSLMODE": "disable",
    }


class Rotating:
    """A role with a password, and the secret that holds it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._user = "rotating_" + urlsplit(url).path.strip("/")
        self._secrets = boto3.client("secretsmanager")
        self._execute("CREATE ROLE {} LOGIN", self._user)
        self.arn = self._secrets.create_secret(Name="runtime", SecretString="{}")["ARN"]

    def _execute(self, statement: str, user: str, password: str | None = None) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            query = SQL(statement).format(Identifier(user), password=Literal(password))
            connection.execute(query)

    def set_password(self, password: str) -> None:
        self._execute("ALTER ROLE {} PASSWORD {password}", self._user, password)

    def set_secret(self, password: str) -> None:
        value = json.dumps({"username": self._user, "password": password, "engine": "postgres"})
        self._secrets.put_secret_value(SecretId=self.arn, SecretString=value)

    def rotate(self, password: str) -> None:
        self.set_password(password)
        self.set_secret(password)

    def drop(self) -> None:
        self._execute("DROP ROLE {}", self._user)


@pytest.fixture
def role(aws: LocalAws, database_url: str) -> Iterator[Rotating]:
    del aws
    role = Rotating(database_url)
    role.rotate("first")
    yield role
    role.drop()


@pytest.fixture
def env(role: Rotating, database_url: str) -> dict[str, str]:
    secret = {"DATABASE_AUTH": "secret", "DATABASE_SECRET_ARN": role.arn}
    return url_parts(database_url) | secret


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every AWS call that is made from here on."""
    made: list[str] = []
    plain = botocore.session.get_session

    def note(**call: Any) -> None:
        made.append(call["event_name"].removeprefix("before-call."))

    def listening() -> botocore.session.Session:
        session = plain()
        session.register("before-call", note)
        return session

    monkeypatch.setattr(botocore.session, "get_session", listening)
    return made


def test_the_secret_is_read_at_the_first_login_and_kept(
    env: dict[str, str], calls: list[str]
) -> None:
    login = login_for(database(env), REGION)
    assert calls == []
    for _ in range(3):
        connect(login).close()
    assert calls == ["secrets-manager.GetSecretValue"]


def test_a_rotation_goes_unnoticed(env: dict[str, str], role: Rotating) -> None:
    with closing(Connections(login_for(database(env), REGION))) as connections:
        with connections.connection() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        role.rotate("second")
        with connections.connection() as held, connections.connection() as another:
            assert held.execute("SELECT 1").fetchone() == (1,)
            assert another.execute("SELECT 1").fetchone() == (1,)


def test_a_wrong_password_is_tried_once_and_told(
    env: dict[str, str], role: Rotating, calls: list[str]
) -> None:
    role.set_password("another")
    with pytest.raises(StoreUnreachableError, match="password authentication failed") as refused:
        connect(login_for(database(env), REGION))
    assert "secret" in refused.value.mend
    assert calls == ["secrets-manager.GetSecretValue"] * 2


@pytest.mark.parametrize("value", ["not json", "[]", '"text"', '{"username": "x"}'])
def test_a_secret_of_another_shape_is_refused_without_showing_it(
    env: dict[str, str], role: Rotating, value: str
) -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId=role.arn, SecretString=value)
    with pytest.raises(ConfigurationError, match="not a JSON object with username") as refused:
        connect(login_for(database(env), REGION))
    assert value not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_secret_that_does_not_exist_is_named(env: dict[str, str]) -> None:
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:none-AbCdEf"
    with pytest.raises(IngestError, match="secretsmanager:GetSecretValue failed"):
        connect(login_for(database(env | {"DATABASE_SECRET_ARN": arn}), REGION))


def iam(**env: str) -> dict[str, str]:
    return {"DATABASE_HOST": HOST, "DATABASE_AUTH": "iam", "DATABASE_USER": "ingest"} | env


def test_a_token_is_what_the_rds_client_makes(aws: LocalAws) -> None:
    """But for the moment that it is signed at, which both take from the clock."""
    del aws
    client = boto3.client("rds")
    for _ in range(5):  # until both are signed in the same second
        theirs = client.generate_db_auth_token(HOST, 5432, "ingest", REGION)
        ours = login_for(database(iam()), REGION).kwargs()["password"]
        if signed_at(ours) == signed_at(theirs):
            break
    assert ours == theirs


def signed_at(token: str) -> list[str]:
    return parse_qs(token)["X-Amz-Date"]


def test_every_login_has_a_token_of_its_own(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    del aws
    login = login_for(database(iam()), REGION)
    first = login.kwargs()
    assert first["user"] == "ingest"
    assert re.search(r"X-Amz-Expires=900\b", first["password"])
    while signed_at(login.kwargs()["password"]) == signed_at(first["password"]):
        pass
    assert login.kwargs()["password"] != first["password"]
    assert login.renewed() is False


def test_a_token_needs_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ConfigurationError, match="No AWS credentials were found"):
        login_for(database(iam()), REGION).kwargs()


@pytest.mark.parametrize(
    ("env", "tls"),
    [
        ({}, {"sslmode": "verify-full", "sslrootcert": "system"}),
        (
            {"DATABASE_SSLROOTCERT": "/opt/rds-ca-bundle.pem"},
            {"sslmode": "verify-full", "sslrootcert": "/opt/rds-ca-bundle.pem"},
        ),
        ({"DATABASE_SSLMODE": "require"}, {"sslmode": "require"}),
    ],
)
def test_tls_is_verified_in_full_unless_told_otherwise(
    aws: LocalAws, env: dict[str, str], tls: dict[str, str]
) -> None:
    kwargs = login_for(database(iam(**env)), REGION).kwargs()
    assert {key: value for key, value in kwargs.items() if key.startswith("ssl")} == tls


def test_a_url_wins_over_the_rest() -> None:
    env = iam(DATABASE_URL="postgresql://me@db.example:6543/metrics?sslmode=require")
    login = login_for(database(env), None)
    assert isinstance(login, UrlLogin)
    assert login.kwargs() == {
        "user": "me",
        "host": "db.example",
        "port": "6543",
        "dbname": "metrics",
        "sslmode": "require",
    }


def test_credentials_of_aws_need_a_region() -> None:
    with pytest.raises(ConfigurationError, match="AWS_REGION is not set"):
        login_for(database(iam()), None)
