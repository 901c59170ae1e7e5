"""A small pool that survives a freeze, and says what is wrong when the database is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import time
from typing import Any, Self, TypeVar

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from ingest_fn.postgres import arrays
from ingest_fn.postgres.errors import translated, unreachable, worth_repeating
from ingest_fn.postgres.login import Login

Done = TypeVar("Done")

MAX_REPEATS = 8
"""A connection may break, and each overlapping run may store one of a batch's rows first."""

MAX_CONNECTIONS = 2
CONNECT_TIMEOUT = 5
"""Seconds; libpq counts them for each address of the host."""

FIRST_WAIT = 1.0
"""Seconds for the first connection before asking what keeps it."""

BUSY_WAIT = 15.0
"""Seconds for a later one: the others may be in the middle of a batch."""

LAST_WAIT = 60.0
"""Seconds more, once it is known that the database answers."""


TRUSTED = 2.0
"""Seconds after its last use for which a connection is taken to be alive without a round trip."""


class _Connection(psycopg.Connection[TupleRow]):
    """A connection that logs in by a ``Login``, once more where that has newer credentials."""

    used_at = 0.0
    """Wall clock, which goes on while a Lambda is frozen."""

    @classmethod
    def connect(cls, conninfo: str = "", **kwargs: Any) -> Self:
        login: Login = kwargs.pop("login")
        common = {"connect_timeout": CONNECT_TIMEOUT, "application_name": "ingest_fn"}
        try:
            return super().connect(conninfo, **(kwargs | common | login.kwargs()))
        except psycopg.OperationalError:
            if not login.renewed():
                raise
            return super().connect(conninfo, **(kwargs | common | login.kwargs()))


def _check(connection: _Connection) -> None:
    if time() - connection.used_at > TRUSTED:
        ConnectionPool.check_connection(connection)


def connect(login: Login) -> psycopg.Connection:
    """One connection outside the pool. Raises StoreUnreachableError with the real cause."""
    try:
        return _Connection.connect(login=login)
    except psycopg.Error as error:
        raise unreachable(error, login.kwargs()) from error


class Connections:
    """At most two connections, made when first needed and kept across warm invocations.

    A frozen Lambda may wake to connections that the server closed long ago: each is checked as it
    is handed out. Nothing is prepared or set on the session, so that RDS Proxy need not pin it.
    """

    def __init__(self, login: Login) -> None:
        self._login = login
        self._met = False
        self._pool: ConnectionPool[_Connection] = ConnectionPool(
            connection_class=_Connection,
            kwargs={"login": login, "autocommit": True, "prepare_threshold": None},
            min_size=0,
            max_size=MAX_CONNECTIONS,
            open=False,
            check=_check,
            configure=arrays.register,
            name="ingest_fn",
        )

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """A live connection in autocommit. Raises StoreUnreachableError with the real cause."""
        self._pool.open()
        try:
            connection = self._pool.getconn(BUSY_WAIT if self._met else FIRST_WAIT)
        except PoolTimeout:
            # The pool only says that time was up; a connection of our own says why.
            connect(self._login).close()
            connection = self._waited_for()
        self._met = True
        try:
            yield connection
        finally:
            connection.used_at = time()
            self._pool.putconn(connection)

    def do(self, work: Callable[[psycopg.Connection], Done]) -> Done:
        """``work`` on a connection, repeated where that helps: every write can be repeated.

        Raises StoreError, StoreUnreachableError, SchemaError, ConfigurationError.
        """
        with translated():
            for _ in range(MAX_REPEATS):
                try:
                    with self.connection() as connection:
                        return work(connection)
                except psycopg.Error as error:
                    if not worth_repeating(error):
                        raise
            with self.connection() as connection:
                return work(connection)

    def _waited_for(self) -> _Connection:
        try:
            return self._pool.getconn(LAST_WAIT)
        except PoolTimeout as error:
            raise unreachable(error, self._login.kwargs()) from error

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()
