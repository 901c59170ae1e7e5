"""One connection: it logs in by a ``Login``, never waits for ever, and works in transactions."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, time
from typing import Any, Self, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from ingest_fn.postgres import arrays
from ingest_fn.postgres.errors import OutOfTimeError
from ingest_fn.postgres.login import Login

Done = TypeVar("Done")
RV = TypeVar("RV")

CONNECT_TIMEOUT = 5
"""Seconds; libpq counts them for each address of the host, two at least."""

CHECK_TIMEOUT = 1.5
"""Seconds for a connection that was idle to show that it is alive."""

TRUSTED = 2.0
"""Seconds after its last use for which a connection is taken to be alive without a round trip."""

SERVER_FIRST = 0.5
"""Seconds by which the server gives up before the client does, so that its reason is heard."""

_TCP = {
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
}
"""The kernel gives up a connection whose other end has gone without a word."""

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED NOT DEFERRABLE"
_SETTINGS = """
SELECT
    set_config('statement_timeout', %(milliseconds)s, true),
    set_config('lock_timeout', %(patience)s, true),
    set_config('idle_in_transaction_session_timeout', %(milliseconds)s, true),
    set_config('timezone', 'UTC', true),
    set_config('datestyle', 'ISO', true),
    set_config('standard_conforming_strings', 'on', true)
"""
"""What the work depends on, whatever the server, the database or the role was given by others.

It travels with the first statement of the work, in one round trip. These settings end with the
transaction, so a pooler's next client sees nothing of them, and RDS Proxy pins the connection no
longer than that.
"""


class UnsureError(Exception):
    """The connection broke at COMMIT: ``xid`` tells whether ``done`` took effect."""

    def __init__(self, xid: str, done: Any) -> None:
        super().__init__()
        self.xact_id, self.done = xid, done


class Session(psycopg.Connection[TupleRow]):
    """A connection whose every wait ends at ``limit`` (seconds of the monotonic clock)."""

    limit = float("inf")
    xact_id: str | None = None
    """The server's id of the transaction, where the work says that it has written something."""

    used_at = 0.0
    """Wall clock, which goes on while a Lambda is frozen."""

    @classmethod
    def log_in(
        cls, login: Login, *, seconds: float = CONNECT_TIMEOUT, autocommit: bool = True
    ) -> Self:
        """A new connection in ``seconds``; once more where ``login`` has newer credentials."""
        given: dict[str, Any] = {
            "connect_timeout": max(2, min(CONNECT_TIMEOUT, int(seconds))),
            "application_name": "ingest_fn",
            "client_encoding": "UTF8",
        }

        given |= {"autocommit": autocommit, "prepare_threshold": None}
        try:
            session = cls.connect(**(_TCP | login.kwargs() | given))
        except psycopg.OperationalError:
            if not login.renewed():
                raise
            session = cls.connect(**(_TCP | login.kwargs() | given))
        arrays.register(session)
        return session

    def wait(self, gen: PQGen[RV], *args: Any, **kwargs: Any) -> RV:
        """As psycopg's, up to ``limit``. Raises OutOfTimeError after closing the connection."""
        try:
            return super().wait(self._until_limit(gen), *args, **kwargs)
        except OutOfTimeError:
            self.pgconn.finish()
            raise

    def _until_limit(self, gen: PQGen[RV]) -> PQGen[RV]:
        """``gen``, which psycopg resumes at least every tenth of a second."""
        try:
            state = next(gen)
            while True:
                ready = yield state
                if monotonic() > self.limit:
                    raise OutOfTimeError("Postgres did not answer in the time that was left")
                state = gen.send(ready)
        except StopIteration as end:
            done: RV = end.value
            return done

    def is_alive(self) -> bool:
        """Whether it answers; one just used is taken at its word."""
        if self.closed or time() - self.used_at <= TRUSTED:
            return not self.closed
        self.limit = monotonic() + CHECK_TIMEOUT
        try:
            self.execute("")
        except psycopg.Error:
            self.close()
            return False
        return True

    def transact(
        self, work: Callable[[Self], Done], seconds: float, *, counted: bool = False
    ) -> Done:
        """``work`` in a transaction of its own that is over after ``seconds``, on both sides.

        ``counted``: what ``work`` gives must be true. Raises what ``work`` raises, OutOfTimeError,
        and, if ``counted``, UnsureError where the connection broke at COMMIT.
        """
        self.limit = monotonic() + seconds
        xid: str | None = None
        self.xact_id = None
        milliseconds = max(1, int((seconds - SERVER_FIRST) * 1000))
        try:
            with self.pipeline():
                self.execute(_BEGIN)
                self.execute(
                    _SETTINGS,
                    {
                        "milliseconds": str(milliseconds),
                        "patience": str(max(1, milliseconds - 100)),
                    },
                )
                done = work(self)
            if counted:
                xid = self.xact_id
        except BaseException:
            self._give_up()
            raise
        try:
            self.commit()
        except psycopg.Error as error:
            self._give_up()
            if xid is not None and (error.sqlstate or "08000")[:2] in {"08", "57"}:
                raise UnsureError(xid, done) from error
            raise
        return done

    def _give_up(self) -> None:
        """Nothing of a transaction that failed may stay open."""
        if self.closed:
            return
        try:
            if self.info.transaction_status is TransactionStatus.ACTIVE:
                self.close()
            else:
                self.limit = min(self.limit, monotonic() + CHECK_TIMEOUT)
                self.rollback()
        except psycopg.Error:
            self.close()
