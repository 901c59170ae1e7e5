"""A database that others use too: version table, tables, settings and rights of theirs."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from ingest_fn.errors import ConfigurationError
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.schema.upgrade import upgrade
from tests.postgres import Server, settings


@pytest.fixture
def empty_url(postgres: Server) -> Iterator[str]:
    with postgres.fresh_database("template0") as url:
        yield url


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def migrate(url: str) -> tuple[str | None, str | None]:
    return upgrade(login_for(settings(url), None))


def revision_of(url: str, table: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute(f"SELECT version_num FROM {table}").fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("theirs", ["0003", "ae1027a6acf0"])
def test_another_programs_alembic_version_is_left_alone(empty_url: str, theirs: str) -> None:
    execute(empty_url, "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    execute(empty_url, f"INSERT INTO alembic_version VALUES ('{theirs}')")
    before, after = migrate(empty_url)
    assert before is None
    assert revision_of(empty_url, "alembic_version") == theirs
    assert revision_of(empty_url, "hourmeter_schema") == after
    assert migrate(empty_url) == (after, after)


def test_the_version_table_of_earlier_releases_is_adopted(database_url: str) -> None:
    newest = revision_of(database_url, "hourmeter_schema")
    execute(database_url, "ALTER TABLE hourmeter_schema RENAME TO alembic_version")
    execute(database_url, "ALTER INDEX hourmeter_schema_pkc RENAME TO alembic_version_pkc")
    assert migrate(database_url) == (newest, newest)
    assert revision_of(database_url, "hourmeter_schema") == newest


def test_another_programs_table_in_the_way_is_named(empty_url: str) -> None:
    execute(empty_url, "CREATE TABLE instances (id text)")
    with pytest.raises(ConfigurationError, match='"instances" already exists') as caught:
        migrate(empty_url)
    assert "rename" in caught.value.hint


def test_a_missing_right_on_the_schema_is_named(postgres: Server, empty_url: str) -> None:
    execute(empty_url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    execute(empty_url, "CREATE ROLE nobody_special LOGIN PASSWORD 'plain'")
    try:
        _, _, where = empty_url.rpartition("@")
        with pytest.raises(ConfigurationError, match="permission denied") as caught:
            migrate(f"postgresql://nobody_special:plain@{where}")
        assert "GRANT CREATE ON SCHEMA" in caught.value.hint
    finally:
        execute(empty_url, "DROP ROLE nobody_special")
