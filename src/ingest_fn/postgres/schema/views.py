"""Views and functions that each migration makes anew, with the grants that stand in their files.

The files lie in ``views/`` and run in the order of their names. Each says ``CREATE OR REPLACE``.
Where that is not enough, because columns or parameters changed, all of ours are dropped first. A
view that somebody else built on ours is never dropped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files

import psycopg
from psycopg import errors as pg
from psycopg.sql import SQL, Identifier

from ingest_fn.errors import ConfigurationError
from ingest_fn.postgres.schema.steps import SEARCH_PATH

READER = "hourmeter_reader"
"""Group role that may read everything and change nothing: grant it to people and dashboards."""

RUNTIME = "hourmeter_runtime"
"""How the files call the role that the function logs in as, whatever its name is."""

NEIGHBOUR = "optimizer"
"""Schema with the tables of the older Cloud Cost Optimizer, as views."""

_OBJECT = re.compile(r"^CREATE OR REPLACE (VIEW|FUNCTION) ([a-z0-9_.]+)", re.MULTILINE)
_GRANT = re.compile(r"^GRANT [^;]* TO (hourmeter_reader|hourmeter_runtime);\n", re.MULTILINE)
_INCOMPATIBLE = (
    pg.AmbiguousFunction,
    pg.InvalidFunctionDefinition,
    pg.InvalidTableDefinition,
    pg.WrongObjectType,
)

_MAKE_READER = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hourmeter_reader') THEN
        CREATE ROLE hourmeter_reader NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL;  -- another migration on this server was first
END
$$;
"""
_MAY_CREATE_ROLES = """
SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user
"""
_OVERLOADS = """
SELECT oid::regprocedure::text FROM pg_proc
WHERE pronamespace = current_schema()::regnamespace AND proname = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    text: str

    @property
    def neighbours(self) -> bool:
        return f"{NEIGHBOUR}." in self.text

    @property
    def objects(self) -> list[tuple[str, str]]:
        """(VIEW or FUNCTION, name) of what the file makes, in order."""
        return _OBJECT.findall(self.text)


def as_sql() -> str:
    """All files for a DBA: with the role that reads, without grants to a role of unknown name."""
    parts = [f"{SEARCH_PATH};", _MAKE_READER, f"CREATE SCHEMA IF NOT EXISTS {NEIGHBOUR};\n"]
    parts += [_granted(file.text, {READER: READER}) for file in _files()]
    return "\n".join(parts)


def replace(
    connection: psycopg.Connection,
    *,
    runtime: str | None = None,
    environment_tag: str | None = None,
) -> None:
    """Make all views and functions anew, in the caller's transaction.

    ``runtime`` is the role that the function logs in as, where it has one. ``environment_tag`` is
    the key of the tag behind ``optimizer.instances.environment``; None leaves it as it is. A user
    who may not create roles or schemas goes without the reader and without the schema optimizer.
    Raises ConfigurationError where somebody's own view holds on to an older version of ours.
    """
    connection.execute(SEARCH_PATH)
    grantees = _grantees(connection, runtime)
    neighbour = _ensure_neighbour(connection)
    made = [file for file in _files() if neighbour or not file.neighbours]
    if environment_tag:
        connection.execute(
            "UPDATE settings SET value = %s WHERE name = 'environment_tag' AND value <> %s",
            [environment_tag, environment_tag],
        )
    try:
        with connection.transaction():
            _run(connection, made, grantees)
            _refuse_overloads(connection, made)
    except _INCOMPATIBLE:
        _drop(connection, made)
        _run(connection, made, grantees)


def ensure_reader(connection: psycopg.Connection, *, owner: str) -> None:
    """Make the role that reads, and the schema optimizer for ``owner``, where there are none.

    For an administrator whose ``owner`` may make neither.
    """
    connection.execute(_MAKE_READER)
    connection.execute(
        SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}").format(
            Identifier(NEIGHBOUR), Identifier(owner)
        )
    )


def _files() -> list[_File]:
    folder = files("ingest_fn.postgres.schema") / "views"
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return [
        _File(entry.name, entry.read_text(encoding="utf-8"))
        for entry in sorted(found, key=lambda entry: entry.name)
    ]


def _granted(text: str, grantees: dict[str, str]) -> str:
    """``text`` with its grants to ``grantees`` (our name for it: its own, quoted) and no others."""

    def grant(found: re.Match[str]) -> str:
        role = grantees.get(found[1])
        return found[0].replace(f" TO {found[1]};", f" TO {role};") if role else ""

    return _GRANT.sub(grant, text)


def _grantees(connection: psycopg.Connection, runtime: str | None) -> dict[str, str]:
    if _one(connection, _MAY_CREATE_ROLES):
        connection.execute(_MAKE_READER)
    found = {}
    if _one(connection, "SELECT count(*) FROM pg_roles WHERE rolname = 'hourmeter_reader'"):
        found[READER] = READER
        if not _one(
            connection, "SELECT has_schema_privilege(%s, current_schema(), 'USAGE')", READER
        ):
            schema = Identifier(str(_one(connection, "SELECT current_schema()")))
            connection.execute(SQL(f"GRANT USAGE ON SCHEMA {{}} TO {READER}").format(schema))
    if runtime is not None:
        found[RUNTIME] = Identifier(runtime).as_string(connection)
    return found


def _ensure_neighbour(connection: psycopg.Connection) -> bool:
    """Whether the schema optimizer is there and ours to fill."""
    if _one(connection, "SELECT to_regnamespace(%s) IS NOT NULL", NEIGHBOUR):
        return bool(_one(connection, "SELECT has_schema_privilege(%s, 'CREATE')", NEIGHBOUR))
    if not _one(connection, "SELECT has_database_privilege(current_database(), 'CREATE')"):
        return False
    connection.execute(f"CREATE SCHEMA {NEIGHBOUR}")
    return True


def _run(connection: psycopg.Connection, made: list[_File], grantees: dict[str, str]) -> None:
    for file in made:
        connection.execute(_granted(file.text, grantees).encode())


def _refuse_overloads(connection: psycopg.Connection, made: list[_File]) -> None:
    """Other parameters make a second function of the same name, which calls cannot tell apart."""
    names = [name for file in made for kind, name in file.objects if kind == "FUNCTION"]
    if len(connection.execute(_OVERLOADS, [names]).fetchall()) > len(names):
        raise pg.InvalidFunctionDefinition


def _drop(connection: psycopg.Connection, made: list[_File]) -> None:
    """Drop ours, last first; nobody else's with them."""
    for file in reversed(made):
        for kind, name in reversed(file.objects):
            targets = [name]
            if kind == "FUNCTION":
                targets = [row[0] for row in connection.execute(_OVERLOADS, [[name]])]
            for target in targets:
                try:
                    connection.execute(f"DROP {kind} IF EXISTS {target}".encode())
                except pg.DependentObjectsStillExist as error:
                    raise _held(name, error) from error
                except pg.WrongObjectType as error:
                    raise ConfigurationError(
                        f"{name} exists in the database and is not Hourmeter's view.",
                        "Rename it, or put Hourmeter into a database of its own.",
                    ) from error


def _held(name: str, error: psycopg.Error) -> ConfigurationError:
    held_by = (error.diag.message_detail or "something").splitlines()[0].partition(" depends on")[0]
    return ConfigurationError(
        f"{name} has new columns or parameters, and {held_by}, which is not Hourmeter's, is built "
        "on the old ones. Nothing was changed.",
        f"Drop {held_by}, run migrate again, and create it anew.",
    )


def _one(connection: psycopg.Connection, query: str, *parameters: object) -> object:
    row = connection.execute(query.encode(), parameters or None).fetchone()
    return row[0] if row else None
