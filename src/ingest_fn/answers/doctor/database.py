"""Whether the database is there, who we are in it, and whether its tables are as they must be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from time import monotonic

import psycopg

from ingest_fn.answers.doctor.checks import Check, Status, alone, doubtful, good
from ingest_fn.answers.doctor.ledger import Reading, budget, last_runs, owed
from ingest_fn.errors import ConfigurationError, SchemaError, StoreUnreachableError
from ingest_fn.postgres.connections import connect
from ingest_fn.postgres.errors import translated
from ingest_fn.postgres.login import Login
from ingest_fn.postgres.schema.roles import missing_grants
from ingest_fn.postgres.schema.upgrade import head, stored_revision
from ingest_fn.postgres.session import Session

LEAST_MAJOR = 15
PATIENCE = 6.0
"""Seconds for each question."""

_MIGRATE = "Bring the schema up to date: python -m ingest_fn migrate"
_TLS = "SELECT ssl, version, cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
_READABLE = "SELECT has_table_privilege(to_regclass('hourmeter_schema'), 'SELECT')"
_MONTHS = """
SELECT
    to_char(month, 'YYYY_MM'),
    EXISTS (
        SELECT FROM pg_inherits
        WHERE inhparent = to_regclass('metrics')
        AND inhrelid = to_regclass('metrics_' || to_char(month, 'YYYY_MM'))
    )
FROM unnest(ARRAY[
    date_trunc('month', %(now)s AT TIME ZONE 'UTC'),
    date_trunc('month', %(now)s AT TIME ZONE 'UTC') + interval '1 month'
]) AS month
"""
_MAY_MAKE = """
SELECT has_function_privilege(
    'ensure_metrics_partitions(timestamptz, timestamptz)'::regprocedure, 'EXECUTE'
)
"""
_IN_A_TABLE_OF_ITS_OWN = """
SELECT count(*) FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
AND relname LIKE 'metrics\\_%%' AND NOT relispartition
AND to_char(%(now)s AT TIME ZONE 'UTC', '"metrics_"YYYY_MM') = relname
"""


def examine(login: Login, *, now: datetime, reading: Callable[[], Reading]) -> Iterator[Check]:
    """All that can be told of the database; where it is away, only that.

    ``reading`` is asked last, and may take its time. Raises StoreUnreachableError.
    """
    with closing(connect(login)) as session:
        yield from alone("database", lambda: _server(session))
        questions: dict[str, Callable[[Session], Iterator[Check]]] = {
            "tls": tls,
            "role": role,
            "schema": schema,
        }
        for name, question in questions.items():
            yield from _asked(name, session, question)
        if not has_tables(session):
            return
        with_tables: dict[str, Callable[[Session], Iterator[Check]]] = {
            "privileges": privileges,
            "partitions": lambda session: partitions(session, now),
            "owed hours": owed,
            "last run": lambda session: last_runs(session, now),
        }
        for name, question in with_tables.items():
            yield from _asked(name, session, question)
        wanted = reading()
        yield from _asked("budget", session, lambda session: budget(session, now, wanted))


def _asked(
    name: str, session: Session, question: Callable[[Session], Iterator[Check]]
) -> list[Check]:
    def probe() -> list[Check]:
        if session.closed:
            raise StoreUnreachableError("The connection broke before this was asked.", "Try again.")
        with translated():
            return session.transact(lambda session: list(question(session)), PATIENCE)

    return alone(name, probe)


def _server(session: Session) -> Iterator[Check]:
    session.rollback()
    info = session.info
    version = info.parameter_status("server_version") or "?"
    where = f"{info.dbname} at {info.host}:{info.port}, PostgreSQL {version}"
    if info.server_version < LEAST_MAJOR * 10_000:
        raise ConfigurationError(
            f"{where} is too old.", f"Upgrade the server to PostgreSQL {LEAST_MAJOR} or later."
        )
    yield good("database", f"{where}.")


def tls(session: Session) -> Iterator[Check]:
    """Whether the connection is encrypted, and whether the server had to prove its name."""
    row = session.execute(_TLS).fetchone()
    info = session.info
    local = info.hostaddr in {"127.0.0.1", "::1", ""}
    mode = info.get_parameters().get("sslmode", "prefer")
    if row is None or not row[0]:
        if local:
            yield good("tls", "None, and none is needed: the server is on this machine.")
        else:
            hint = "Set DATABASE_SSLMODE=verify-full, or ?sslmode=verify-full in DATABASE_URL."
            yield doubtful("tls", "Data and password cross the network unencrypted.", hint)
    elif mode != "verify-full" and not local:
        hint = "Set DATABASE_SSLMODE=verify-full, or ?sslmode=verify-full in DATABASE_URL."
        yield doubtful("tls", f"{row[1]}, but sslmode={mode} trusts any server.", hint)
    else:
        yield good("tls", f"{row[1]}, {row[2]}, sslmode={mode}.")


def role(session: Session) -> Iterator[Check]:
    """Who is logged in, and whether that is more than a run needs."""
    query = "SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user"
    row = session.execute(query).fetchone()
    name, superuser = row or ("nobody", False)
    if superuser and session.info.hostaddr not in {"127.0.0.1", "::1", ""}:
        hint = "Let the function log in as the runtime role that the deployment makes."
        yield doubtful("role", f"{name} is a superuser, which no run needs.", hint)
    else:
        yield good("role", f"Logged in as {name}{', a superuser' if superuser else ''}.")


def has_tables(session: Session) -> bool:
    """Whether there is a table of metrics, as far as that can be had."""
    try:
        session.limit = monotonic() + PATIENCE
        row = session.execute("SELECT to_regclass('metrics') IS NOT NULL").fetchone()
        session.rollback()
    except psycopg.Error:
        return False
    return bool(row and row[0])


def schema(session: Session) -> Iterator[Check]:
    """Which revision the tables are of."""
    row = session.execute(_READABLE).fetchone()
    if row is not None and row[0] is False:
        hint = "As the owner: GRANT SELECT ON hourmeter_schema to the login."
        yield doubtful("schema", "The login may not read which revision it is.", hint)
        return
    found, newest = stored_revision(session), head()
    if found is None:
        raise SchemaError("The database has no tables of Hourmeter.", _MIGRATE)
    if found < newest:
        raise SchemaError(f"The schema is at revision {found}; the code needs {newest}.", _MIGRATE)
    if found > newest:
        hint = "Update this code. Revisions only add, so a run works."
        yield doubtful("schema", f"Revision {found} is newer than this code ({newest}).", hint)
    else:
        yield good("schema", f"Revision {found}, the newest.")


def privileges(session: Session) -> Iterator[Check]:
    """Whether the login may do what a run does."""
    missing = missing_grants(session)
    if missing:
        raise ConfigurationError(
            f"The login lacks {', '.join(missing)}.",
            "Run migrate as the owner and grant them, or log in as the runtime role.",
        )
    yield good("privileges", "The login may read and write all that a run does.")


def partitions(session: Session, now: datetime) -> Iterator[Check]:
    """Whether this month and the next have a partition of ``metrics``."""
    months = session.execute(_MONTHS, {"now": now}).fetchall()
    missing = [month for month, there in months if not there]
    if not missing:
        yield good("partitions", f"{' and '.join(month for month, _ in months)} are there.")
        return
    row = session.execute(_IN_A_TABLE_OF_ITS_OWN, {"now": now}).fetchone()
    names = ", ".join(f"metrics_{month}" for month in missing)
    if row and row[0]:
        raise SchemaError(
            f"{names} is a table, but no partition of metrics.",
            "It was detached: attach it to metrics, or rename it.",
        )
    made = session.execute(_MAY_MAKE).fetchone()
    if made and made[0]:
        yield doubtful("partitions", f"{names} missing.", "Nothing to do: the next run makes them.")
    else:
        hint = "Grant EXECUTE on ensure_metrics_partitions to the login, or run migrate."
        yield Check("partitions", Status.WRONG, f"{names} missing; the login cannot make it.", hint)
