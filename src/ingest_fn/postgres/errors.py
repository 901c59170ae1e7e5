"""The one place that puts psycopg's errors into the words of this package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors as pg

from ingest_fn.errors import ConfigurationError, SchemaError, StoreError, StoreUnreachableError

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
    "no pg_hba.conf entry": "The server lets this user, database or address in by no rule.",
}
"""By a few words of libpq's: what they call for. The first that fits counts."""

_SCHEMA = (pg.UndefinedTable, pg.UndefinedColumn, pg.UndefinedFunction, pg.InvalidSchemaName)
_LOST = (pg.OperationalError, pg.InterfaceError)


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
    except psycopg.Error as error:
        raise StoreError(f"Postgres refused a batch: {_first_line(error)}.") from error


def worth_repeating(error: psycopg.Error) -> bool:
    """Whether the same work may succeed at once: the connection broke, or another run was first."""
    if isinstance(error, pg.UniqueViolation):
        return True
    return isinstance(error, _LOST) and (error.sqlstate or "08000")[:2] in {"08", "57"}


def unreachable(error: psycopg.Error, kwargs: Mapping[str, Any]) -> StoreUnreachableError:
    """No connection could be made. libpq's message names host, port and cause, never a password."""
    where = f"{kwargs.get('host', 'the local socket')}:{kwargs.get('port', 5432)}"
    said = _first_line(error)
    hint = next((hint for words, hint in _HINTS.items() if words in said), _NOT_THERE)
    return StoreUnreachableError(f"Cannot connect to Postgres at {where}: {said}.", hint)


def _first_line(error: psycopg.Error) -> str:
    message = error.diag.message_primary or str(error)
    return " ".join(message.split()).rstrip(".") or type(error).__name__
