"""The two roles: an owner of the schema, and a runtime role that handles rows and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import boto3
import psycopg
import pytest
from psycopg import errors as pg

from ingest_fn.deploy.migrate import migrate
from ingest_fn.errors import ConfigurationError, IngestError
from ingest_fn.local.aws import local_aws
from ingest_fn.pipeline.model import Change, Cost, InstanceOutcome, Outcome
from ingest_fn.pipeline.rows import make_rows
from tests.making import DAY, instance_id, new_result, whole_day
from tests.postgres import PostgresStore, Server, bare_server, stored_rows
from tests.stores import NOTHING_DUE

REGION = "eu-central-1"
ADMIN, RUNTIME, BY_TOKEN = "rds_admin", "row_handler", "token_holder"
OUTGROWN = datetime(2025, 1, 15, tzinfo=UTC)
ONE = instance_id(1)


@dataclass
class Installation:
    """A database as RDS hands it over, and what the template tells the migration function."""

    superuser_url: str
    secret_arn: str
    password: str = ""
    first: dict[str, Any] = field(default_factory=dict)
    """What the first migration returned."""

    def url_of(self, user: str, password: str) -> str:
        parts = urlsplit(self.superuser_url)
        netloc = f"{user}:{quote(password)}@{parts.hostname}:{parts.port}"
        return urlunsplit(parts._replace(netloc=netloc))

    @property
    def runtime_url(self) -> str:
        return self.url_of(RUNTIME, self.password)

    def set_password(self, password: str) -> None:
        self.password = password
        boto3.client("secretsmanager").put_secret_value(
            SecretId=self.secret_arn,
            SecretString=json.dumps({"username": RUNTIME, "password": password}),
        )

    def migrate(self, **env: str) -> dict[str, Any]:
        given = {
            "AWS_REGION": REGION,
            "DATABASE_URL": self.url_of(ADMIN, "admin"),
            "RUNTIME_AUTH": "secret",
            "RUNTIME_SECRET_ARN": self.secret_arn,
        }
        return migrate(given | env)

    def ask(self, query: str) -> list[Any]:
        with psycopg.connect(self.superuser_url) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own, because roles belong to the whole server."""
    with bare_server(tmp_path_factory.mktemp("roles")) as server:
        yield server


@pytest.fixture(scope="module")
def installation(postgres: Server) -> Iterator[Installation]:
    """The administrator creates roles and owns the database, as RDS's master user does."""
    with (
        pytest.MonkeyPatch.context() as patch,
        local_aws(REGION) as emulator,
        psycopg.connect(postgres.url_of("postgres"), autocommit=True) as superuser,
    ):
        for name, value in emulator.environment().items():
            patch.setenv(name, value)
        arn = boto3.client("secretsmanager").create_secret(Name="runtime")["ARN"]
        superuser.execute(f"CREATE ROLE {ADMIN} LOGIN CREATEROLE CREATEDB PASSWORD 'admin'")
        superuser.execute(f"CREATE ROLE rds_iam ADMIN {ADMIN}")
        with postgres.fresh_database("template0") as url:
            superuser.execute(f"ALTER DATABASE {urlsplit(url).path[1:]} OWNER TO {ADMIN}")
            installation = Installation(url, arn)
            installation.set_password("p@ss'word")
            installation.first = installation.migrate()
            yield installation
        for role in (BY_TOKEN, RUNTIME, "ingest_owner", "rds_iam", ADMIN):
            superuser.execute(f"DROP ROLE IF EXISTS {role}")


def test_an_administrator_without_superuser_installs_it(installation: Installation) -> None:
    assert installation.first["before"] is None
    assert installation.first["runtime_user"] == RUNTIME
    roles = "SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname IN ('ingest_owner', '{}')"
    assert dict(installation.ask(roles.format(RUNTIME))) == {"ingest_owner": False, RUNTIME: True}
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    assert installation.ask(owners) == [("ingest_owner",)]


ALL_RIGHTS = """
SELECT relname, relowner::regrole::text, relacl::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace
UNION SELECT proname, proowner::regrole::text, proacl::text FROM pg_proc
WHERE pronamespace = 'public'::regnamespace
UNION SELECT rolname, pg_authid::text, '' FROM (
    SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolcanlogin, rolbypassrls FROM pg_authid
) AS pg_authid
UNION SELECT roleid::regrole::text, member::regrole::text, pg_auth_members::text
FROM pg_auth_members
ORDER BY 1, 2, 3
"""


def test_a_second_time_changes_nothing(installation: Installation) -> None:
    before = installation.ask(ALL_RIGHTS)
    revision = installation.first["after"]
    assert installation.migrate() == installation.first | {"before": revision}
    assert installation.ask(ALL_RIGHTS) == before


def test_a_new_password_in_the_secret_is_taken_over(installation: Installation) -> None:
    before = installation.runtime_url
    installation.set_password("another")
    installation.migrate()
    psycopg.connect(installation.runtime_url).close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(before)


def test_the_password_never_stands_in_a_statement(installation: Installation) -> None:
    """The server logs all that it is told: a SCRAM verifier, whose password nobody can read."""
    installation.set_password("sentinel-of-this-test")
    with psycopg.connect(installation.superuser_url, autocommit=True) as connection:
        connection.execute(f"ALTER ROLE {ADMIN} SET log_statement = 'all'")
        installation.migrate()
        connection.execute(f"ALTER ROLE {ADMIN} RESET log_statement")
    ((data,),) = installation.ask("SHOW data_directory")
    log = Path(data).with_name("server.log").read_text()
    assert f'ALTER ROLE "{RUNTIME}" PASSWORD \'SCRAM-SHA-256$' in log
    assert "sentinel" not in log


def test_the_runtime_role_does_all_that_a_run_does(installation: Installation) -> None:
    url = installation.runtime_url
    with psycopg.connect(url) as connection:
        connection.execute("SELECT ensure_metrics_partitions(%s, %s)", [OUTGROWN, OUTGROWN])
    old_month = "SELECT to_regclass('metrics_2025_01') IS NULL"
    assert installation.ask(old_month) == [(False,)]
    with closing(PostgresStore(url, 13)) as store:
        run = new_result()
        store.begin(run.run)
        assert installation.ask(old_month) == [(True,)]
        rows = make_rows([whole_day(ONE)])
        assert store.preview(rows).changes == {ONE: Change(24, 0)}
        assert store.write(rows).changes == {ONE: Change(24, 0)}
        assert store.write(make_rows([whole_day(ONE, cpu=20)])).changes == {ONE: Change(0, 24)}
        run.add([InstanceOutcome(ONE, Outcome.OK)], Cost(1, 3))
        store.finish(run, NOTHING_DUE)
        assert run.newest_hour_age is not None
    assert len(stored_rows(url)) == 24


REPLACE = "CREATE OR REPLACE FUNCTION {} RETURNS integer LANGUAGE sql AS 'SELECT 1'"


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "CREATE INDEX ON metrics (cpu_utilization)",
        "CREATE TRIGGER mine AFTER INSERT ON metrics EXECUTE FUNCTION refuse_to_orphan_metrics()",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE metrics ADD COLUMN mine int",
        "ALTER TABLE metrics DETACH PARTITION metrics_2026_11",
        "ALTER TABLE instances ALTER COLUMN region DROP NOT NULL",
        "ALTER TABLE instances DISABLE TRIGGER ALL",
        "ALTER ROLE ingest_owner LOGIN",
        "ALTER FUNCTION drop_metrics_partitions OWNER TO CURRENT_USER",
        "ALTER FUNCTION ensure_metrics_partitions SECURITY INVOKER",
        "DROP TABLE metrics",
        "DROP TABLE metrics_2026_11",
        "DROP FUNCTION ensure_metrics_partitions",
        "DROP FUNCTION drop_metrics_partitions",
        "TRUNCATE metrics",
        "TRUNCATE metrics_2026_11",
        "TRUNCATE instances",
        "TRUNCATE ingest_runs",
        "DELETE FROM metrics",
        "DELETE FROM metrics_2026_11",
        "DELETE FROM instances",
        "DELETE FROM ingest_runs",
        "UPDATE instances SET instance_id = 'elsewhere'",
        "UPDATE hourmeter_schema SET version_num = '0000'",
        "GRANT ingest_owner TO CURRENT_USER",
        "DROP TABLE hourmeter_schema",
        "SET ROLE ingest_owner",
        REPLACE.format("ensure_metrics_partitions(timestamptz, timestamptz)"),
        REPLACE.format("drop_metrics_partitions(timestamptz, integer)"),
    ],
)
def test_the_runtime_role_can_do_nothing_else(installation: Installation, statement: str) -> None:
    with psycopg.connect(installation.runtime_url) as connection:
        window = [DAY.start, DAY.end]
        connection.execute("SELECT ensure_metrics_partitions(%s, %s)", window)
        with pytest.raises(pg.InsufficientPrivilege):
            connection.execute(statement)


def test_a_temporary_table_of_the_same_name_misleads_no_function(
    installation: Installation,
) -> None:
    """The functions that run as their owner look at the real tables, whoever calls them."""
    with psycopg.connect(installation.runtime_url, autocommit=True) as connection:
        connection.execute(
            'CREATE TEMPORARY TABLE metrics ("timestamp" timestamptz) '
            'PARTITION BY RANGE ("timestamp")'
        )
        connection.execute("SELECT ensure_metrics_partitions('2025-06-01', '2025-06-02')")
    parent = "SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = '{}'::regclass"
    assert installation.ask(parent.format("metrics_2025_06")) == [("metrics",)]


def test_the_runtime_role_cannot_hand_on_what_it_may_do(installation: Installation) -> None:
    """Postgres only warns of a grant by someone who holds the right without its grant option."""
    with psycopg.connect(installation.runtime_url, autocommit=True) as connection:
        warned: list[str | None] = []
        connection.add_notice_handler(lambda notice: warned.append(notice.message_primary))
        connection.execute("GRANT SELECT ON metrics TO PUBLIC")
        connection.execute("GRANT EXECUTE ON FUNCTION drop_metrics_partitions TO PUBLIC")
    assert [message and "no privileges were granted" in message for message in warned] == [True] * 2
    others = (
        "SELECT has_table_privilege('pg_monitor', 'metrics', 'SELECT'), "
        "bool_or(has_function_privilege('pg_monitor', oid, 'EXECUTE')) "
        "FROM pg_proc WHERE proname LIKE '%_metrics_partitions'"
    )
    assert installation.ask(others) == [(False, False)]


def test_a_role_that_logs_in_by_iam_has_no_password(installation: Installation) -> None:
    installation.migrate(RUNTIME_AUTH="iam", RUNTIME_USER=BY_TOKEN)
    found = (
        "SELECT rolcanlogin, rolpassword, pg_has_role(oid, 'rds_iam', 'MEMBER'), "
        "has_table_privilege(oid, 'metrics', 'INSERT') FROM pg_authid WHERE rolname = '{}'"
    )
    assert installation.ask(found.format(BY_TOKEN)) == [(True, None, True, True)]
    ((_, password, by_iam, _),) = installation.ask(found.format(RUNTIME))
    assert password.startswith("SCRAM-SHA-256$")
    assert not by_iam


MEMBER = "SELECT pg_has_role('{}', 'rds_iam', 'MEMBER')"


def test_a_role_that_logged_in_by_iam_logs_in_by_password_again(
    installation: Installation,
) -> None:
    """RDS refuses the password of whoever is a member of rds_iam."""
    installation.migrate(RUNTIME_AUTH="iam", RUNTIME_USER=RUNTIME)
    assert installation.ask(MEMBER.format(RUNTIME)) == [(True,)]
    installation.migrate()
    assert installation.ask(MEMBER.format(RUNTIME)) == [(False,)]
    psycopg.connect(installation.runtime_url).close()


def test_a_membership_that_the_administrator_cannot_revoke_is_named(
    installation: Installation,
) -> None:
    with psycopg.connect(installation.superuser_url, autocommit=True) as superuser:
        superuser.execute(f"GRANT rds_iam TO {RUNTIME}")
        try:
            with pytest.raises(ConfigurationError, match="member of rds_iam") as caught:
                installation.migrate()
        finally:
            superuser.execute(f"REVOKE rds_iam FROM {RUNTIME}")
    assert caught.value.hint == (
        f"Revoke it as the role that granted it: REVOKE rds_iam FROM {RUNTIME}"
    )


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"RUNTIME_AUTH": "password"}, "RUNTIME_AUTH is 'password'"),
        ({"RUNTIME_SECRET_ARN": ""}, "RUNTIME_SECRET_ARN is ''"),
        ({"AWS_REGION": ""}, "AWS_REGION is not set"),
    ],
)
def test_a_runtime_login_that_makes_no_sense_is_refused(
    installation: Installation, env: dict[str, str], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named) as caught:
        installation.migrate(**env)
    assert caught.value.hint


def test_an_administrator_who_may_not_create_roles_is_told_so(installation: Installation) -> None:
    with pytest.raises(IngestError, match="permission denied") as caught:
        installation.migrate(DATABASE_URL=installation.runtime_url)
    assert caught.value.hint
