"""The one place that puts psycopg's errors into the words of this package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors as pg

from ingest_fn.errors import (
    ConfigurationError,
    SchemaError,
    StoreBusyError,
    StoreError,
    StoreUnreachableError,
)


class OutOfTimeError(psycopg.OperationalError):
    """The time that was left is up. The connection is closed; its work did not take effect."""


_MIGRATE = "Bring the schema up to date: python -m ingest_fn migrate"
_NOT_THERE = (
    "Check that it runs, that host and port are right, and that a security group lets this in."
)
_UNTRUSTED = (
    "DATABASE_HOST must be a name in the server's certificate and DATABASE_SSLROOTCERT a file with "
    "the authority that signed it."
)
_NO_TLS = "The server takes no TLS. Turn it on there; DATABASE_SSLMODE=disable does without it."
_NO_IAM = "Grant the user rds_iam, and allow rds-db:connect for it to whoever runs this."
_HINTS = {
    "certificate": _UNTRUSTED,
    "does not support SSL": _NO_TLS,
    "PAM authentication failed": _NO_IAM,
    "authentication failed": "Check the user, and that its password or secret is the current one.",
    "SSL was required": _NO_TLS,
    "too many": "Close some, or raise the limit: max_connections, or the role's CONNECTION LIMIT.",
    "remaining connection slots": "Close some, or raise max_connections; RDS Proxy shares them.",
    "does not exist": "Create it, or correct the name: DATABASE_NAME, or the end of DATABASE_URL.",
    "not permitted to log in": "Give the role LOGIN.",
    "starting up": "It is starting: try again in a moment.",
    "invalid value": "Correct that part of DATABASE_URL, or DATABASE_SSLMODE.",
    "root certificate": _UNTRUSTED,
    "no pg_hba.conf entry": "The server lets this user, database or address in by no rule.",
}
"""By a few words of libpq's: what they call for. The first that fits counts."""

_SCHEMA = (pg.UndefinedTable, pg.UndefinedColumn, pg.UndefinedFunction, pg.InvalidSchemaName)
_LOST = (pg.OperationalError, pg.InterfaceError)
_FIRST_COME = (
    pg.UniqueViolation,
    pg.DuplicateTable,
    pg.DeadlockDetected,
    pg.SerializationFailure,
)
"""Another run was in the way and is done by now."""

_SHUT_DOWN = (
    pg.AdminShutdown,
    pg.CrashShutdown,
    pg.CannotConnectNow,
    pg.IdleSessionTimeout,
    pg.IdleInTransactionSessionTimeout,
)
_BUSY = (pg.QueryCanceled, pg.LockNotAvailable, pg.TransactionTimeout)
"""Time was up, on the server's side."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise what psycopg raises inside as an IngestError: StoreError, SchemaError, and so on."""
    try:
        yield
    except _SCHEMA as error:
        raise SchemaError(f"The database is not ready: {_first_line(error)}.", _MIGRATE) from error
    except pg.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"The database user may not do this: {_first_line(error)}.",
            "Grant it, or run as the role that the migration made for it.",
        ) from error
    except pg.ReadOnlySqlTransaction as error:
        raise StoreUnreachableError(
            f"Postgres takes no writes: {_first_line(error)}.",
            "It is a standby, or default_transaction_read_only is on for the role or database.",
        ) from error
    except (*_BUSY, OutOfTimeError) as error:
        raise StoreBusyError(
            f"Postgres did not do the work in time: {_first_line(error)}.",
            "Another session may hold a lock: look into pg_locks and pg_stat_activity.",
        ) from error
    except pg.CheckViolation as error:
        if "no partition" not in _first_line(error):
            raise StoreError(f"Postgres refused a batch: {_first_line(error)}.") from error
        raise SchemaError(
            f"The month of these rows has no partition: {_first_line(error)}.",
            "A table metrics_YYYY_MM is detached: attach it to metrics, or rename it.",
        ) from error
    except psycopg.Error as error:
        raise StoreError(f"Postgres refused a batch: {_first_line(error)}.") from error


def worth_repeating(error: psycopg.Error, attempt: int = 0) -> bool:
    """Whether the same work may succeed at once: the connection broke, or another run was first."""
    if isinstance(error, (pg.ReadOnlySqlTransaction, *_BUSY)):
        # The address may lead to the new primary by now, and the first attempt had half the time.
        return attempt == 0
    if isinstance(error, (*_FIRST_COME, *_SHUT_DOWN)):
        return True
    return isinstance(error, _LOST) and (error.sqlstate or "08000")[:2] == "08"


def starts_afresh(error: psycopg.Error) -> bool:
    """Whether the other connections are as wrong: since a failover they lead to a standby."""
    return isinstance(error, pg.ReadOnlySqlTransaction)


def unreachable(error: psycopg.Error, kwargs: Mapping[str, Any]) -> StoreUnreachableError:
    """No connection could be made. libpq's message names host, port and cause, never a password."""
    where = f"{kwargs.get('host', 'the local socket')}:{kwargs.get('port', 5432)}"
    said = _first_line(error)
    hint = next((hint for words, hint in _HINTS.items() if words in said), _NOT_THERE)
    return StoreUnreachableError(f"Cannot connect to Postgres at {where}: {said}.", hint)


def _first_line(error: psycopg.Error) -> str:
    message = error.diag.message_primary or str(error)
    return " ".join(message.split()).rstrip(".") or type(error).__name__
