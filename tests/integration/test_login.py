"""How a connection logs in: URL, secret that rotates, IAM token."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore.session
import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from ingest_fn.errors import AccessDeniedError, ConfigurationError, StoreUnreachableError
from ingest_fn.local.aws import LocalAws
from ingest_fn.postgres.aws_login import IamLogin, SecretLogin
from ingest_fn.postgres.connections import Connections, connect
from ingest_fn.postgres.errors import unreachable
from ingest_fn.postgres.login import UrlLogin, login_for
from ingest_fn.settings import database
from tests.json_service import running_json_service

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


def test_a_rotation_goes_unnoticed(env: dict[str, str], role: Rotating, calls: list[str]) -> None:
    with closing(Connections(login_for(database(env), REGION))) as connections:
        with connections.connection() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        role.rotate("second")
        with connections.connection() as held, connections.connection() as another:
            assert held.execute("SELECT 1").fetchone() == (1,)
            assert another.execute("SELECT 1").fetchone() == (1,)
    assert calls == ["secrets-manager.GetSecretValue"] * 2


def test_a_rotation_is_met_at_the_very_login_that_it_would_fail(
    env: dict[str, str], role: Rotating
) -> None:
    """Without a pool, which would try again by itself."""
    login = login_for(database(env), REGION)
    connect(login).close()
    role.rotate("second")
    connect(login).close()


def test_a_wrong_password_is_tried_once_and_told(
    env: dict[str, str], role: Rotating, calls: list[str]
) -> None:
    role.set_password("another")
    with pytest.raises(StoreUnreachableError, match="password authentication failed") as refused:
        connect(login_for(database(env), REGION))
    assert "secret" in refused.value.hint
    assert calls == ["secrets-manager.GetSecretValue"] * 2


@pytest.mark.parametrize(
    "value", ["not json", "[]", '"text"', '{"username": "x"}', '{"username": "x", "password": 1}']
)
def test_a_secret_of_another_shape_is_refused_without_showing_it(
    env: dict[str, str], role: Rotating, value: str
) -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId=role.arn, SecretString=value)
    with pytest.raises(ConfigurationError, match="not a JSON object with username") as refused:
        connect(login_for(database(env), REGION))
    assert value not in str(refused.value)
    assert refused.value.__cause__ is refused.value.__context__ is None


def test_a_secret_that_does_not_exist_is_named(env: dict[str, str]) -> None:
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:none-AbCdEf"
    with pytest.raises(ConfigurationError, match=f"There is no secret {arn}"):
        connect(login_for(database(env | {"DATABASE_SECRET_ARN": arn}), REGION))


def test_a_secret_that_is_being_deleted_is_named(env: dict[str, str], role: Rotating) -> None:
    boto3.client("secretsmanager").delete_secret(SecretId=role.arn)
    with pytest.raises(ConfigurationError, match=role.arn) as refused:
        connect(login_for(database(env), REGION))
    assert "deletion" in refused.value.hint


def test_a_denied_read_of_the_secret_names_the_permission(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "User: ingest is not authorized to perform: secretsmanager:GetSecretValue"
    denied = {"__type": "AccessDeniedException", "Message": said}
    with running_json_service(lambda _: (400, denied)) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)
        with pytest.raises(AccessDeniedError) as refused:
            connect(login_for(database(env), REGION))
    assert said in refused.value.message
    assert "Allow secretsmanager:GetSecretValue" in refused.value.hint


def iam(**env: str) -> dict[str, str]:
    return {"DATABASE_HOST": HOST, "DATABASE_AUTH": "iam", "DATABASE_USER": "ingest"} | env


@pytest.mark.parametrize(("port", "user"), [(5432, "ingest"), (6543, "ingest+runtime@metrics")])
def test_a_token_is_what_the_rds_client_makes(aws: LocalAws, port: int, user: str) -> None:
    """But for the moment that it is signed at, which both take from the clock."""
    del aws
    client = boto3.client("rds")
    for _ in range(5):  # until both are signed in the same second
        theirs = client.generate_db_auth_token(HOST, port, user, REGION)
        env = iam(DATABASE_PORT=str(port), DATABASE_USER=user)
        ours = login_for(database(env), REGION).kwargs()["password"]
        if signed_at(ours) == signed_at(theirs):
            break
    assert ours == theirs


def signed_at(token: str) -> list[str]:
    return parse_qs(token)["X-Amz-Date"]


def test_every_login_has_a_token_of_its_own(aws: LocalAws) -> None:
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


URL = {"DATABASE_URL": "postgresql://me@db.example:6543/metrics?sslmode=require"}
SECRET = {"DATABASE_HOST": HOST, "DATABASE_AUTH": "secret", "DATABASE_SECRET_ARN": "arn"}


@pytest.mark.parametrize(
    ("env", "login"),
    [(URL, UrlLogin), (SECRET, SecretLogin), (iam(), IamLogin), (iam(**URL), UrlLogin)],
)
def test_the_environment_chooses_the_login(env: dict[str, str], login: type[object]) -> None:
    assert type(login_for(database(env), REGION)) is login


def test_a_url_is_taken_as_it_stands() -> None:
    assert login_for(database(URL), None).kwargs() == {
        "user": "me",
        "host": "db.example",
        "port": "6543",
        "dbname": "metrics",
        "sslmode": "require",
    }


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("postgresql://me:p%40ss%2Fword@db/metrics", "p@ss/word"),
        ("postgresql://me:p?ss#word:1@db:5432/metrics?sslmode=require", "p?ss#word:1"),
        ("postgres://me:pw@one:5432,two:5433/metrics", "pw"),
        ("postgresql:///?host=@socket&password=p@ss/word", "p@ss/word"),
        ("host=db password=p@ss://word dbname=metrics", "p@ss://word"),
    ],
)
def test_every_spelling_of_libpq_s_is_taken(url: str, password: str) -> None:
    assert login_for(database({"DATABASE_URL": url}), None).kwargs()["password"] == password


@pytest.mark.parametrize(
    "password", ["half@marker", "half/marker", "ha@lf/marker", "half?a@mar@ker"]
)
def test_a_password_that_libpq_takes_for_the_host_is_refused(password: str) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL is not a libpq URL") as refused:
        login_for(database({"DATABASE_URL": f"postgresql://me:{password}@db/metrics"}), None)
    assert "%40" in refused.value.hint
    assert "%2F" in refused.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:marker@db/metrics",
        "postgresql+psycopg://me:marker@db/metrics",
        "postgresql://me:%ZZmarker@db/metrics",
        "postgresql://me:marker and more@db/metrics",
        "me:marker@db/metrics",
    ],
)
def test_a_url_that_libpq_cannot_read_is_kept_out_of_every_cause(url: str) -> None:
    """It is quoted there, and some readers of errors follow causes that are not printed."""
    with pytest.raises(ConfigurationError, match="DATABASE_URL is not a libpq URL") as refused:
        login_for(database({"DATABASE_URL": url}), None)
    assert "marker" not in str(refused.value)
    assert refused.value.__cause__ is refused.value.__context__ is None


def test_a_refused_token_has_a_mend_of_its_own() -> None:
    """RDS checks tokens by PAM, and says no more than that."""
    said = psycopg.OperationalError('FATAL:  PAM authentication failed for user "ingest"')
    assert "rds_iam" in unreachable(said, {"host": HOST}).hint


def test_a_server_that_never_answers_is_given_up_in_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://me:pw@127.0.0.1:{silent.getsockname()[1]}/metrics?sslmode=disable"
        begun = monotonic()
        with pytest.raises(StoreUnreachableError, match="timeout expired"):
            connect(login_for(database({"DATABASE_URL": url}), None))
    assert monotonic() - begun < 10


def test_credentials_of_aws_need_a_region() -> None:
    with pytest.raises(ConfigurationError, match="AWS_REGION is not set"):
        login_for(database(iam()), None)
