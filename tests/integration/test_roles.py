"""The two roles: an owner of the schema, and a runtime role that handles rows and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import boto3
import psycopg
import pytest
from psycopg import errors as pg

from ingest_fn.deploy.migrate import migrate
from ingest_fn.errors import ConfigurationError
from ingest_fn.local.aws import LocalAws
from ingest_fn.model import Change, InstanceOutcome, Outcome
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.store import PostgresStore
from ingest_fn.rows import make_rows
from tests.making import DAY, instance_id, report, whole_day
from tests.postgres import Server, settings, stored_rows

REGION = "eu-central-1"
ONE = instance_id(1)
_numbers = count(1)


@dataclass
class Installation:
    """A database as RDS hands it over, and what the template gives the migration function."""

    superuser_url: str
    runtime: str
    secret_arn: str

    @property
    def admin_url(self) -> str:
        return self.as_user("rds_admin", "admin")

    def as_user(self, user: str, password: str) -> str:
        parts = urlsplit(self.superuser_url)
        netloc = f"{user}:{quote(password)}@{parts.hostname}:{parts.port}"
        return urlunsplit(parts._replace(netloc=netloc))

    def set_password(self, password: str) -> None:
        boto3.client("secretsmanager").put_secret_value(
            SecretId=self.secret_arn,
            SecretString=json.dumps({"username": self.runtime, "password": password}),
        )

    def migrate(self, **env: str) -> dict[str, Any]:
        given = {
            "AWS_REGION": REGION,
            "DATABASE_URL": self.admin_url,
            "RUNTIME_AUTH": "secret",
            "RUNTIME_SECRET_ARN": self.secret_arn,
        }
        return migrate(given | env)


@pytest.fixture
def installation(aws: LocalAws, postgres: Server) -> Iterator[Installation]:
    """The administrator may create roles but is no superuser, as RDS's master user."""
    del aws
    runtime = f"runtime_{next(_numbers)}"
    arn = boto3.client("secretsmanager").create_secret(Name="runtime", SecretString="{}")["ARN"]
    with postgres.fresh_database("template0") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE ROLE rds_admin LOGIN CREATEROLE CREATEDB PASSWORD 'admin'")
            connection.execute("ALTER SCHEMA public OWNER TO rds_admin")
            connection.execute(f"GRANT ALL ON DATABASE {url_database(url)} TO rds_admin")
        installation = Installation(url, runtime, arn)
        installation.set_password("p@ss'word")
        yield installation
        with psycopg.connect(url, autocommit=True) as connection:
            for role in (runtime, "ingest_owner", "rds_admin", "rds_iam"):
                found = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
                if found.fetchone() is not None:
                    connection.execute(f"DROP OWNED BY {role} CASCADE")
                    connection.execute(f"DROP ROLE {role}")


def url_database(url: str) -> str:
    return urlsplit(url).path.strip("/")


@pytest.fixture
def runtime_url(installation: Installation) -> str:
    installation.migrate()
    return installation.as_user(installation.runtime, "p@ss'word")


def test_an_administrator_without_superuser_installs_it_twice(installation: Installation) -> None:
    first = installation.migrate()
    assert first["before"] is None
    assert first["runtime_user"] == installation.runtime
    assert installation.migrate() == first | {"before": first["after"]}


def test_older_code_leaves_a_newer_schema_alone(installation: Installation) -> None:
    """A deployment that fails later is rolled back, and the old code migrates once more."""
    installation.migrate()
    with psycopg.connect(installation.superuser_url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    done = installation.migrate()
    assert (done["before"], done["after"]) == ("9999", "9999")


def test_a_new_password_in_the_secret_is_taken_over(installation: Installation) -> None:
    installation.migrate()
    installation.set_password("another")
    installation.migrate()
    psycopg.connect(installation.as_user(installation.runtime, "another")).close()


def test_the_runtime_role_does_all_that_a_run_does(runtime_url: str) -> None:
    login = login_for(settings(runtime_url), REGION)
    with closing(PostgresStore(Connections(login), REGION, retention_months=13)) as store:
        run = report()
        store.begin(run)
        rows = make_rows([whole_day(ONE)])
        assert store.preview(rows).changes == {ONE: Change(24, 0)}
        assert store.write(rows).changes == {ONE: Change(24, 0)}
        assert store.write(make_rows([whole_day(ONE, cpu=20)])).changes == {ONE: Change(0, 24)}
        run.add([InstanceOutcome(ONE, Outcome.OK)], calls=1, metrics_billed=3)
        assert store.finish(run) is not None
    assert len(stored_rows(runtime_url)) == 24


REPLACE_FUNCTION = """
CREATE OR REPLACE FUNCTION ensure_metrics_partitions(timestamptz, timestamptz)
RETURNS integer LANGUAGE sql AS 'SELECT 1'
"""


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "ALTER TABLE metrics ADD COLUMN mine int",
        "ALTER TABLE instances ALTER COLUMN region DROP NOT NULL",
        "ALTER ROLE ingest_owner LOGIN",
        "DROP TABLE metrics",
        "DROP TABLE metrics_2026_11",
        "DROP FUNCTION ensure_metrics_partitions",
        "TRUNCATE metrics",
        "TRUNCATE ingest_runs",
        "DELETE FROM metrics",
        "DELETE FROM instances",
        "DELETE FROM ingest_runs",
        "UPDATE instances SET region = 'elsewhere'",
        "GRANT ingest_owner TO CURRENT_USER",
        "SET ROLE ingest_owner",
        REPLACE_FUNCTION,
        "ALTER FUNCTION drop_metrics_partitions OWNER TO CURRENT_USER",
    ],
)
def test_the_runtime_role_can_do_nothing_else(runtime_url: str, statement: str) -> None:
    with psycopg.connect(runtime_url, autocommit=True) as connection:
        window = [DAY.start, DAY.end]
        connection.execute("SELECT ensure_metrics_partitions(%s, %s)", window)
        with pytest.raises(pg.InsufficientPrivilege):
            connection.execute(statement)


def test_nobody_else_may_make_or_drop_partitions(installation: Installation) -> None:
    installation.migrate()
    with psycopg.connect(installation.superuser_url, autocommit=True) as connection:
        granted = connection.execute(
            "SELECT proname FROM pg_proc WHERE proname LIKE '%metrics_partitions' "
            "AND has_function_privilege('pg_monitor', oid, 'EXECUTE')"
        )
        assert granted.fetchall() == []


def test_the_password_never_stands_in_a_statement(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the server's log would show it: what stands there is a SCRAM verifier."""
    said: list[str] = []
    plain = psycopg.Connection.execute

    def listening(connection: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        text = query if isinstance(query, str | bytes) else query.as_string(connection)
        said.append(str(text))
        return plain(connection, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.Connection, "execute", listening)
    installation.migrate()
    assert any("SCRAM-SHA-256$" in text for text in said)
    assert not any("word" in text and "p@ss" in text for text in said)


def test_a_role_that_logs_in_by_iam_has_no_password(installation: Installation) -> None:
    with psycopg.connect(installation.admin_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE rds_iam")
    installation.migrate(RUNTIME_AUTH="iam", RUNTIME_USER=installation.runtime)
    with psycopg.connect(installation.superuser_url) as connection:
        (password,) = connection.execute(
            "SELECT rolpassword FROM pg_authid WHERE rolname = %s", [installation.runtime]
        ).fetchone() or ("no role",)
        assert password is None
        member = "SELECT pg_has_role(%s, 'rds_iam', 'MEMBER')"
        assert connection.execute(member, [installation.runtime]).fetchone() == (True,)


@pytest.mark.parametrize("env", [{"RUNTIME_AUTH": "password"}, {"RUNTIME_SECRET_ARN": ""}])
def test_a_runtime_login_that_makes_no_sense_is_refused(
    installation: Installation, env: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationError, match="RUNTIME_AUTH"):
        installation.migrate(**env)
