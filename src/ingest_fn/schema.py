"""Bring the database schema up to date, or print the SQL that would."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ingest_fn.postgres.connections import connect
from ingest_fn.postgres.errors import explained


def upgrade(kwargs: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Run the missing revisions; the revision before and after (None: an empty database).

    ``kwargs`` are psycopg's connection arguments. One transaction: all of it or nothing. Raises
    StoreUnreachableError where no connection can be made, StoreError where a step is refused.
    """
    connection = connect(kwargs)
    engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=NullPool)
    with explained(), engine.begin() as session:
        before = _revision(session)
        config = _config()
        config.attributes["connection"] = session
        try:
            command.upgrade(config, "head")
        except DBAPIError as error:
            raise error.orig or error from error
        return before, _revision(session)


def as_sql() -> str:
    """The SQL of all revisions, from an empty database on, for a DBA to run."""
    out = StringIO()
    command.upgrade(_config(output_buffer=out), "head", sql=True)
    return out.getvalue()


def _config(output_buffer: StringIO | None = None) -> Config:
    config = Config(output_buffer=output_buffer)
    config.set_main_option("script_location", "ingest_fn:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _revision(session: Connection) -> str | None:
    return MigrationContext.configure(session).get_current_revision()
