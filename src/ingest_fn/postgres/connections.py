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

FIRST_WAIT = 2.0
"""Seconds for the first connection before asking what keeps it."""

BUSY_WAIT = 15.0
"""Seconds for a later one: the others may be in the middle of a batch."""

LAST_WAIT = 60.0
"""Seconds more, once it is known that the database answers."""


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
        try:
            connection = self._pool.getconn(BUSY_WAIT if self._met else FIRST_WAIT)
        except PoolTimeout:
            # The pool only says that time was up; a connection of our own says why.
            connect(self._pool_kwargs()).close()
            connection = self._waited_for()
        self._met = True
        try:
            yield connection
        finally:
            self._pool.putconn(connection)

    def _waited_for(self) -> psycopg.Connection:
        try:
            return self._pool.getconn(LAST_WAIT)
        except PoolTimeout as error:
            raise unreachable(error, self._kwargs()) from error

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()
