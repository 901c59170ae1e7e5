"""Real databases: one server per session, one fresh database per test, made from a template."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg.rows import dict_row

from ingest_fn.local.postgres import local_postgres
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.ledger import PostgresLedger
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.metrics import PostgresMetrics
from ingest_fn.postgres.schema.roles import OWNER, ensure_roles, grant_runtime
from ingest_fn.postgres.schema.upgrade import upgrade
from ingest_fn.settings import Database, database
from tests.making import COLUMNS
from tests.stores import Stored

TEMPLATE = "ingest_template"
RUNTIME, PASSWORD = "test_runtime", "made-up"
_numbers = count(1)


class Server:
    """A running server."""

    def __init__(self, url: str) -> None:
        self._url = url

    def make_template(self) -> None:
        """Make a migrated database to copy, with the two roles that a deployment makes."""
        self._execute(f"CREATE DATABASE {TEMPLATE}")
        url = self.url_of(TEMPLATE)
        with psycopg.connect(url) as connection:
            ensure_roles(connection, runtime=RUNTIME, password=PASSWORD, iam=False)
        upgrade(login_for(settings(url), None), owner=OWNER, runtime=RUNTIME)
        with psycopg.connect(url) as connection:
            grant_runtime(connection, RUNTIME)

    def url_of(self, name: str) -> str:
        parts = urlsplit(self._url)
        return urlunsplit(parts._replace(path=f"/{name}"))

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement)

    @contextmanager
    def fresh_database(self, template: str = TEMPLATE) -> Iterator[str]:
        """The URL of a new database, which is dropped after the block."""
        name = f"test_{next(_numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url_of(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def running_server(directory: Path) -> Iterator[Server]:
    """A server with a migrated template."""
    with bare_server(directory) as server:
        server.make_template()
        yield server


@contextmanager
def bare_server(directory: Path) -> Iterator[Server]:
    """A server without any role or database of ours."""
    with local_postgres(directory, durable=False) as server:
        yield Server(server.url)


def as_runtime(url: str) -> str:
    """The same database with the login of the runtime role."""
    parts = urlsplit(url)
    netloc = f"{RUNTIME}:{PASSWORD}@{parts.hostname}:{parts.port}"
    return urlunsplit(parts._replace(netloc=netloc))


class PostgresStore(PostgresMetrics, PostgresLedger):
    """The rows and the runs of one database, in one object as the suite needs them."""

    def __init__(self, url: str, retention_months: int | None = None) -> None:
        self.connections = Connections(login_for(settings(url), None))
        PostgresMetrics.__init__(self, self.connections, "eu-central-1")
        PostgresLedger.__init__(self, self.connections, retention_months)

    def close(self) -> None:
        self.connections.close()


def settings(url: str) -> Database:
    return database({"DATABASE_URL": url})


def stored_rows(url: str) -> Stored:
    """All of ``metrics``, by instance id and hour."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        rows = connection.execute(
            f"SELECT i.instance_id, extract(epoch FROM timestamp)::bigint AS hour, "
            f"{', '.join(COLUMNS)} FROM metrics JOIN instances AS i ON i.id = metrics.instance_id",
            binary=True,
        ).fetchall()
    return {
        (row["instance_id"], row["hour"]): {column: row[column] for column in COLUMNS}
        for row in rows
    }
