"""A small pool that survives a freeze, and says what is wrong when the database is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolTimeout

from ingest_fn.errors import ConfigurationError
from ingest_fn.postgres import arrays
from ingest_fn.postgres.errors import unreachable
from ingest_fn.settings import Database

MAX_CONNECTIONS = 2
CONNECT_TIMEOUT = 5
"""Seconds; libpq counts them for each address of the host."""

FIRST_CONNECTION_TIMEOUT = 8.0
BUSY_TIMEOUT = 60.0


def connect_kwargs(database: Database) -> dict[str, Any]:
    """psycopg's arguments for ``database``. Raises ConfigurationError for a malformed URL."""
    common = {"connect_timeout": CONNECT_TIMEOUT, "application_name": "ingest_fn"}
    if database.url is None:
        return common | {
            "host": database.host,
            "port": database.port,
            "dbname": database.name,
            "user": database.user,
            "sslmode": database.sslmode,
            "sslrootcert": database.sslrootcert,
        }
    try:
        return common | conninfo_to_dict(database.url)
    except psycopg.ProgrammingError:
        # Its message quotes the URL, password included; so does the context of what we raise.
        raise ConfigurationError(
            "DATABASE_URL is not a libpq URL.",
            "Write postgresql://user:password@host:5432/database (with %40 for @ in a password).",
        ) from None


def connect(kwargs: Mapping[str, Any]) -> psycopg.Connection:
    """One connection outside the pool. Raises StoreUnreachableError with the real cause."""
    try:
        return psycopg.connect(**kwargs)
    except psycopg.Error as error:
        raise unreachable(error, kwargs) from error


class Connections:
    """At most two connections, made when first needed and kept across warm invocations.

    A frozen Lambda may wake to connections that the server closed long ago: each is checked as it
    is handed out. Nothing is prepared or set on the session, so that RDS Proxy need not pin it.
    """

    def __init__(self, kwargs: Callable[[], dict[str, Any]]) -> None:
        self._kwargs = kwargs
        self._met = False
        self._pool = ConnectionPool(
            kwargs=self._pool_kwargs,
            min_size=0,
            max_size=MAX_CONNECTIONS,
            open=False,
            check=ConnectionPool.check_connection,
            configure=arrays.register,
            name="ingest_fn",
        )

    def _pool_kwargs(self) -> dict[str, Any]:
        return self._kwargs() | {"autocommit": True, "prepare_threshold": None}

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """A live connection in autocommit. Raises StoreUnreachableError with the real cause."""
        self._pool.open()
        timeout = BUSY_TIMEOUT if self._met else FIRST_CONNECTION_TIMEOUT
        try:
            connection = self._pool.getconn(timeout)
        except PoolTimeout as error:
            # The pool only says that time was up; a connection of our own says why.
            connect(self._pool_kwargs()).close()
            raise unreachable(error, self._kwargs()) from error
        self._met = True
        try:
            yield connection
        finally:
            self._pool.putconn(connection)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()
