"""At most two connections, kept while warm; every wait for one, and on one, has an end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
from time import monotonic, sleep, time
from typing import TypeVar

import psycopg

from ingest_fn.errors import StoreBusyError
from ingest_fn.postgres.errors import starts_afresh, translated, unreachable, worth_repeating
from ingest_fn.postgres.login import Login
from ingest_fn.postgres.session import Session, UnsureError

Done = TypeVar("Done")

MAX_REPEATS = 8
"""A connection may break, and each overlapping run may store one of a batch's rows first."""

MAX_CONNECTIONS = 2

LONGEST = 120.0
"""Seconds for one transaction where no deadline is nearer: the command line has none."""

SPARE = 6.0
"""Seconds before the deadline by which the work of a batch is over: ``flow.STOP_WAITING``."""

CLOSING_SPARE = 3.0
"""The same for the last words of a run, its row in the ledger."""

_LEAST = 0.3
"""Seconds below which no transaction is begun."""

_TO_CONNECT = 2.0
"""Seconds below which no connection is begun: libpq waits no less."""

_HALVED = 5.0
"""Seconds from which an attempt gets half of the time: a stall may be of its connection alone."""

_PAUSE = 0.02
"""Seconds before the second attempt; each further one waits twice as long."""


def connect(login: Login) -> Session:
    """One connection for the caller alone. Raises StoreUnreachableError with the real cause."""
    try:
        return Session.log_in(login, autocommit=False)
    except psycopg.Error as error:
        raise unreachable(error, login.kwargs()) from error


def _for_ever() -> float:
    return float("inf")


class Connections:
    """Connections made when first needed and kept from one event to the next.

    A frozen Lambda may wake to connections that the server closed long ago, or that the network
    forgot: each is checked as it is handed out, for a moment. Nothing stays set on a session, so
    RDS Proxy need not pin it.
    """

    def __init__(self, login: Login) -> None:
        self.time_left: Callable[[], float] = _for_ever
        """Seconds until the run must be over; set for each run."""
        self._login = login
        self._free = BoundedSemaphore(MAX_CONNECTIONS)
        self._lock = Lock()
        self._idle: list[Session] = []
        self._busy: set[Session] = set()

    def bound(self, time_left: Callable[[], float]) -> None:
        """From here on no wait goes beyond ``time_left``."""
        self.time_left = time_left
        self._login.bound(time_left)

    @contextmanager
    def connection(self, seconds: float = LONGEST) -> Iterator[Session]:
        """A live connection in autocommit, after at most ``seconds``.

        Raises StoreUnreachableError with the real cause, StoreBusyError where both are in use.
        """
        if not self._free.acquire(timeout=max(0.0, seconds)):
            raise StoreBusyError("Both connections to Postgres were in use until time was up.")
        session: Session | None = None
        try:
            session = self._idle_one() or self._new_one(seconds)
            with self._lock:
                self._busy.add(session)
            yield session
        finally:
            self._put_back(session)
            self._free.release()

    def _idle_one(self) -> Session | None:
        while True:
            with self._lock:
                session = self._idle.pop() if self._idle else None
            if session is None or session.is_alive():
                return session

    def _new_one(self, seconds: float) -> Session:
        if seconds < _TO_CONNECT:
            raise StoreBusyError("No time was left to connect to Postgres.")
        try:
            return Session.log_in(self._login, seconds=seconds)
        except psycopg.Error as error:
            raise unreachable(error, self._login.kwargs()) from error

    def _put_back(self, session: Session | None) -> None:
        if session is None:
            return
        session.used_at = time()
        with self._lock:
            self._busy.discard(session)
            if not session.closed:
                self._idle.append(session)

    def do(
        self,
        work: Callable[[Session], Done],
        spare: float = SPARE,
        *,
        longest: float = LONGEST,
        counted: bool = False,
    ) -> Done:
        """``work`` in a transaction, repeated where that helps, over ``spare`` s before time is up.

        ``longest``: seconds for an attempt where the deadline is far. Every write can be repeated.
        ``counted``: what ``work`` gives must be true, so where the connection breaks at COMMIT the
        server is asked whether it took effect. Raises StoreError, StoreBusyError,
        StoreUnreachableError, SchemaError, ConfigurationError.
        """
        with translated():
            return self._attempts(work, spare, longest, counted=counted)

    def _attempts(
        self, work: Callable[[Session], Done], spare: float, longest: float, *, counted: bool
    ) -> Done:
        unsure: UnsureError | None = None
        failed: psycopg.Error | None = None
        for attempt in range(MAX_REPEATS + 1):
            # Whether rows have landed is worth a part of the time that is kept for the end.
            seconds = min(longest, self.time_left() - (spare if unsure is None else CLOSING_SPARE))
            if seconds < _LEAST:
                break
            if seconds > _HALVED:
                seconds /= 2
            end = monotonic() + seconds
            try:
                with self.connection(seconds) as session:
                    if unsure is not None and session.transact(
                        _took_effect(unsure.xact_id), seconds
                    ):
                        done: Done = unsure.done
                        return done
                    unsure = None
                    return session.transact(work, end - monotonic(), counted=counted)
            except UnsureError as error:
                unsure = error
            except psycopg.Error as error:
                failed = error
                if starts_afresh(error):
                    self.close()
                if not worth_repeating(error, attempt):
                    raise
            sleep(min(_PAUSE * 2**attempt, max(0.0, self.time_left() - spare)))
        if unsure is None and failed is not None:
            raise failed
        raise StoreBusyError(
            "No time was left to store anything."
            if unsure is None
            else "Postgres went away at COMMIT, so nobody knows whether these rows are stored."
        )

    def recall(self, seconds: float = 1.0) -> None:
        """End what still runs, within ``seconds``: nothing of a run outlives it."""
        end = monotonic() + seconds
        while True:
            with self._lock:
                for session in self._busy:
                    session.limit = 0.0
                if not self._busy or monotonic() > end:
                    return
            sleep(0.02)

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()


def _took_effect(xid: str) -> Callable[[Session], bool]:
    """Whether the transaction was committed; one in progress is waited for, a moment."""

    def ask(session: Session) -> bool:
        for _ in range(20):
            row = session.execute("SELECT pg_xact_status(%s::xid8)", [xid]).fetchone()
            if row is None or row[0] != "in progress":
                break
            sleep(0.05)
        return row is not None and row[0] == "committed"

    return ask
