"""Bring the database schema up to date, or print the SQL that would."""

from __future__ import annotations

from io import StringIO

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import errors as pg
from psycopg.sql import SQL, Identifier
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ingest_fn.errors import ConfigurationError
from ingest_fn.postgres.connections import connect
from ingest_fn.postgres.errors import translated
from ingest_fn.postgres.login import Login
from ingest_fn.postgres.schema.revision import current_revision, revision


def upgrade(
    login: Login,
    *,
    owner: str | None = None,
    runtime: str | None = None,
    environment_tag: str | None = None,
) -> tuple[str | None, str | None]:
    """Run the missing revisions and make the views anew; the revision before and after.

    None as the revision is an empty database. ``owner`` is the role that is to own what they make,
    where it is not the one that logs in. ``runtime`` and ``environment_tag`` are those of
    ``views.replace``. One transaction: all of it or nothing. A schema newer than this code is left
    as it is, views included: revisions only add, and a deployment that is rolled back must find its
    way. Raises StoreUnreachableError where no connection can be made, StoreError where a step is
    refused, ConfigurationError where a view of the user's own is in the way.
    """
    connection = connect(login)
    if owner is not None:
        connection.execute(SQL("SET ROLE {}").format(Identifier(owner)))
        connection.commit()
    engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=NullPool)
    with translated(), engine.begin() as session:
        before = current_revision(session)
        config = _config()
        if before is not None and not _known(config, before):
            return before, before
        config.attributes["connection"] = session
        config.attributes["views"] = {"runtime": runtime, "environment_tag": environment_tag}
        try:
            command.upgrade(config, "head")
        except DBAPIError as error:
            raise _explained(error.orig) or error.orig or error from error
        return before, revision(session)


def _explained(error: object) -> ConfigurationError | None:
    """What keeps a migration from its work from outside: a table of others, a missing right."""
    if isinstance(error, pg.DuplicateTable | pg.DuplicateObject | pg.DuplicateFunction):
        return ConfigurationError(
            f"The database already holds what is not Hourmeter's: {error.diag.message_primary}.",
            "Use a database of its own, or a schema: a role whose search_path starts with it. Or "
            "rename what is in the way.",
        )
    if isinstance(error, pg.InsufficientPrivilege):
        return ConfigurationError(
            f"The database user may not make the schema: {error.diag.message_primary}.",
            "As the database's owner: GRANT CREATE ON SCHEMA public TO that user (or migrate as "
            "the owner).",
        )
    return None


def as_sql() -> str:
    """The SQL of all revisions, from an empty database on, for a DBA to run."""
    out = StringIO()
    command.upgrade(_config(output_buffer=out), "head", sql=True)
    return out.getvalue()


def head() -> str:
    """The revision that this code brings a schema to."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def stored_revision(connection: psycopg.Connection) -> str | None:
    """The revision of the schema that ``connection`` sees; None where it has none."""
    there = connection.execute("SELECT to_regclass('hourmeter_schema')").fetchone()
    if there is None or there[0] is None:
        return None
    row = connection.execute("SELECT max(version_num) FROM hourmeter_schema").fetchone()
    return row[0] if row else None


def _config(output_buffer: StringIO | None = None) -> Config:
    config = Config(output_buffer=output_buffer)
    config.set_main_option("script_location", "ingest_fn.postgres:schema")
    config.set_main_option("path_separator", "os")
    return config


def _known(config: Config, revision: str) -> bool:
    revisions = ScriptDirectory.from_config(config).walk_revisions()
    return revision in {script.revision for script in revisions}
