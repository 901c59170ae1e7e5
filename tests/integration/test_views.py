"""How views are made anew: over older ones, beside a user's own, and for users with few rights."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import errors as pg

from ingest_fn.errors import ConfigurationError
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.schema.upgrade import as_sql, upgrade
from tests.postgres import Server, settings

OBJECTS = """
SELECT oid::regclass::text AS name, pg_get_viewdef(oid) AS made_of FROM pg_class
WHERE relkind = 'v' AND relnamespace::regnamespace::text IN ('public', 'optimizer')
UNION ALL
SELECT oid::regprocedure::text, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
ORDER BY 1
"""
OLD_HOURLY = "CREATE VIEW hourly AS SELECT instance_id, cpu_utilization AS mean FROM metrics"
OLD_VERDICTS = (
    "CREATE FUNCTION verdicts(at timestamptz) RETURNS TABLE (instance_id text, verdict text) "
    "LANGUAGE sql AS $$ SELECT 'i-1'::text, 'idle'::text $$"
)


def migrate(url: str, environment_tag: str | None = None) -> None:
    upgrade(login_for(settings(url), None), environment_tag=environment_tag)


def ask(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def drop_ours(url: str) -> None:
    """What an older version had not made yet."""
    ask(url, "DROP VIEW hourly, verdicts, utilization_14d, advice_followed CASCADE")
    ask(url, "DROP FUNCTION verdicts")


def test_views_of_an_older_version_are_replaced(database_url: str) -> None:
    before = ask(database_url, OBJECTS)
    drop_ours(database_url)
    ask(database_url, OLD_HOURLY)
    ask(database_url, OLD_VERDICTS)
    ask(database_url, "CREATE VIEW verdicts AS SELECT verdict FROM verdicts(now())")
    migrate(database_url)
    assert ask(database_url, OBJECTS) == before
    assert ask(database_url, "SELECT * FROM verdicts") == []


def test_a_function_with_other_parameters_is_replaced(database_url: str) -> None:
    """Beside it, a call with few arguments would fit both."""
    ask(database_url, "CREATE FUNCTION verdicts(timestamptz) RETURNS int LANGUAGE sql RETURN 1")
    migrate(database_url)
    assert ask(database_url, "SELECT * FROM verdicts(now())") == []


def test_a_users_own_view_stays(database_url: str) -> None:
    ask(database_url, "CREATE VIEW mine AS SELECT instance_id, verdict FROM verdicts")
    migrate(database_url)
    assert ask(database_url, "SELECT * FROM mine") == []


def test_a_users_own_view_on_an_older_version_is_named(database_url: str) -> None:
    drop_ours(database_url)
    ask(database_url, OLD_HOURLY)
    ask(database_url, "CREATE VIEW mine AS SELECT mean FROM hourly")
    before = ask(database_url, OBJECTS)
    with pytest.raises(ConfigurationError, match=r"hourly has new columns .* view mine") as caught:
        migrate(database_url)
    assert caught.value.hint == "Drop view mine, run migrate again, and create it anew."
    assert ask(database_url, OBJECTS) == before
    ask(database_url, "DROP VIEW mine")
    migrate(database_url)


def test_the_older_optimizers_own_tables_are_in_the_way(database_url: str) -> None:
    ask(database_url, "DROP VIEW optimizer.instances")
    ask(database_url, "CREATE TABLE optimizer.instances (id int)")
    with pytest.raises(ConfigurationError, match=r"optimizer\.instances exists") as caught:
        migrate(database_url)
    assert "Rename it" in caught.value.hint


def test_the_sql_for_a_dba_makes_the_same(postgres: Server, database_url: str) -> None:
    with postgres.fresh_database("template0") as url:
        ask(url, as_sql())
        assert ask(url, OBJECTS) == ask(database_url, OBJECTS)


@pytest.fixture
def ordinary_url(postgres: Server) -> Iterator[str]:
    """A database whose user owns a schema and may make neither roles nor schemas."""
    with postgres.fresh_database("template0") as url:
        ask(url, "CREATE ROLE ordinary LOGIN PASSWORD 'x'")
        ask(url, "CREATE SCHEMA ordinary AUTHORIZATION ordinary")
        parts = urlsplit(url)
        yield urlunsplit(parts._replace(netloc=f"ordinary:x@{parts.hostname}:{parts.port}"))
        ask(url, "DROP OWNED BY ordinary")
        ask(url, "DROP ROLE ordinary")


def test_a_user_without_rights_to_roles_and_schemas_goes_without_them(ordinary_url: str) -> None:
    migrate(ordinary_url)
    migrate(ordinary_url)
    assert ask(ordinary_url, "SELECT count(*) FROM verdicts") == [(0,)]
    assert ask(ordinary_url, "SELECT to_regnamespace('optimizer')") == [(None,)]


@pytest.fixture
def reader_url(database_url: str) -> Iterator[str]:
    """The login of somebody in the group that reads."""
    ask(database_url, "CREATE ROLE onlooker LOGIN PASSWORD 'x' IN ROLE hourmeter_reader")
    parts = urlsplit(database_url)
    yield urlunsplit(parts._replace(netloc=f"onlooker:x@{parts.hostname}:{parts.port}"))
    ask(database_url, "DROP ROLE onlooker")


def test_the_reader_reads_all_and_changes_nothing(reader_url: str) -> None:
    with psycopg.connect(reader_url, autocommit=True) as connection:
        for (name,) in connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'v' "
            "AND relnamespace::regnamespace::text IN ('public', 'optimizer')"
        ).fetchall():
            connection.execute(f"SELECT * FROM {name}")
        connection.execute("SELECT * FROM verdicts(now(), 32)")
        for statement in (
            "INSERT INTO verdict_exclusions VALUES ('family', 'm7g', 'x')",
            "DELETE FROM prices",
            "UPDATE settings SET value = 'x'",
            "INSERT INTO metrics DEFAULT VALUES",
            "CREATE TABLE mine (id int)",
        ):
            with pytest.raises(pg.InsufficientPrivilege):
                connection.execute(statement)


def test_the_tag_of_the_environment_is_kept_until_another_is_named(database_url: str) -> None:
    ask(
        database_url,
        "INSERT INTO instances (instance_id, region, tags) "
        'VALUES (\'i-1\', \'eu-central-1\', \'{"Environment": "prod", "stage": "test"}\')',
    )
    environment = "SELECT environment FROM optimizer.instances"
    assert ask(database_url, environment) == [("prod",)]
    migrate(database_url, environment_tag="stage")
    migrate(database_url)
    assert ask(database_url, environment) == [("test",)]
