"""Two roles: an owner that the schema belongs to, and a runtime role that only handles rows."""

from __future__ import annotations

import re

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

from ingest_fn.errors import ConfigurationError
from ingest_fn.postgres.errors import translated
from ingest_fn.postgres.schema import views

OWNER = "ingest_owner"

_GRANTS = (
    "GRANT USAGE ON SCHEMA {schema} TO {runtime}",
    "GRANT SELECT, INSERT ON {schema}.instances TO {runtime}",
    (
        "GRANT UPDATE (read_group, read_from, read_until, region, account_id, name, "
        "instance_type, state, launched_at, availability_zone, platform, lifecycle, "
        "architecture, tags) ON {schema}.instances TO {runtime}"
    ),
    "GRANT SELECT, INSERT, UPDATE ON {schema}.read_groups TO {runtime}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.owed_hours TO {runtime}",
    "GRANT SELECT, INSERT, UPDATE ON {schema}.instance_changes TO {runtime}",
    "GRANT SELECT, INSERT, UPDATE ON {schema}.instance_types TO {runtime}",
    "GRANT SELECT, INSERT, UPDATE ON {schema}.agent_metrics TO {runtime}",
    "GRANT SELECT, INSERT, UPDATE ON {schema}.agent_looks TO {runtime}",
    "GRANT SELECT, INSERT, UPDATE ON {schema}.metrics TO {runtime}",
    "GRANT SELECT, INSERT, UPDATE ON {schema}.ingest_runs TO {runtime}",
    "GRANT SELECT ON {schema}.hourmeter_schema TO {runtime}",
    "REVOKE ALL ON FUNCTION {schema}.ensure_metrics_partitions FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION {schema}.ensure_metrics_partitions TO {runtime}",
    "REVOKE ALL ON FUNCTION {schema}.drop_metrics_partitions FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION {schema}.drop_metrics_partitions TO {runtime}",
    "GRANT EXECUTE ON FUNCTION {schema}.instance_history TO {runtime}",
)


def ensure_roles(
    connection: psycopg.Connection, *, runtime: str, password: str | None, iam: bool
) -> None:
    """Make the owner (which nobody logs in as) and the runtime role, or bring them up to date.

    ``password`` is set as a SCRAM verifier, so that it never stands in a statement; ``iam`` lets
    the role in by token instead. RDS refuses the password of a role that is a member of rds_iam
    (RDS user guide, "Database authentication"), so without ``iam`` it must not be one. The caller
    must be able to create roles. Raises StoreError, and ConfigurationError where somebody else
    granted rds_iam, so that the caller cannot revoke it.
    """
    with translated(), connection.transaction():
        _ensure(connection, OWNER, "NOLOGIN")
        _ensure(connection, runtime, "LOGIN")
        execute = connection.execute
        execute(SQL("GRANT {} TO CURRENT_USER").format(Identifier(OWNER)))
        views.ensure_reader(connection, owner=OWNER)
        execute(_schema("GRANT CREATE, USAGE ON SCHEMA {schema} TO {runtime}", connection, OWNER))
        if password is not None:
            verifier = connection.pgconn.encrypt_password(
                password.encode(), runtime.encode(), b"scram-sha-256"
            ).decode()
            execute(SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(runtime), Literal(verifier)))
        if iam:
            execute(SQL("GRANT rds_iam TO {}").format(Identifier(runtime)))
        elif _logs_in_by_iam(connection, runtime):
            execute(SQL("REVOKE rds_iam FROM {}").format(Identifier(runtime)))
            if _logs_in_by_iam(connection, runtime):
                raise ConfigurationError(
                    f"{runtime} is a member of rds_iam by another role's grant, and RDS would "
                    "refuse its password.",
                    f"Revoke it as the role that granted it: REVOKE rds_iam FROM {runtime}",
                )


def grant_runtime(connection: psycopg.Connection, runtime: str) -> None:
    """Let ``runtime`` read and write rows and make the partitions they need, and nothing else."""
    with translated(), connection.transaction():
        connection.execute(SQL("SET LOCAL ROLE {}").format(Identifier(OWNER)))
        for grant in _GRANTS:
            connection.execute(_schema(grant, connection, runtime))


_NEEDED = re.compile(r"GRANT (.+) ON (FUNCTION )?\{schema\}\.(\w+) TO")
_MAY = {
    "function": "SELECT bool_and(has_function_privilege(oid, %(privilege)s)) FROM pg_proc "
    "WHERE proname = %(name)s AND pronamespace = current_schema()::regnamespace",
    "table": "SELECT has_table_privilege(to_regclass(%(name)s), %(privilege)s)",
    "columns": "SELECT has_any_column_privilege(to_regclass(%(name)s), %(privilege)s)",
}


def missing_grants(connection: psycopg.Connection) -> list[str]:
    """What ``grant_runtime`` grants and whoever is logged in has not, as ``INSERT on metrics``."""
    missing = []
    for match in filter(None, map(_NEEDED.match, _GRANTS)):
        if match[3] == "hourmeter_schema":  # no run needs it
            continue
        kind = "function" if match[2] else "columns" if "(" in match[1] else "table"
        for privilege in re.sub(r" \(.*\)", "", match[1]).split(", "):
            asked = {"name": match[3], "privilege": privilege}
            row = connection.execute(_MAY[kind].encode(), asked).fetchone()
            if row is None or not row[0]:
                missing.append(f"{privilege} on {match[3]}")
    return missing


def _logs_in_by_iam(connection: psycopg.Connection, role: str) -> bool:
    found = connection.execute(
        "SELECT FROM pg_auth_members WHERE member = (SELECT oid FROM pg_roles WHERE rolname = %s) "
        "AND roleid = (SELECT oid FROM pg_roles WHERE rolname = 'rds_iam')",
        [role],
    )
    return found.fetchone() is not None


def _ensure(connection: psycopg.Connection, role: str, login: str) -> None:
    found = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    verb = "CREATE" if found is None else "ALTER"
    connection.execute(SQL(f"{verb} ROLE {{}} {login}").format(Identifier(role)))


def _schema(statement: str, connection: psycopg.Connection, runtime: str) -> Composed:
    row = connection.execute("SELECT current_schema()").fetchone()
    schema = Identifier(row[0]) if row else Identifier("public")
    return SQL(statement).format(schema=schema, runtime=Identifier(runtime))
