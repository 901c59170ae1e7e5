"""At which revision the schema is, in a table of its own name: others use Alembic as well."""

from __future__ import annotations

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

VERSION_TABLE = "hourmeter_schema"

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('ingest_fn.postgres.schema'))"

# Versions up to 0.1 kept the revision in Alembic's own table. It is ours if it holds a revision
# that looks like ours and our tables stand next to it; otherwise it is another program's.
_ADOPT = """
DO $$
DECLARE
    here text := quote_ident(current_schema()) || '.';
BEGIN
    IF to_regclass(here || 'hourmeter_schema') IS NOT NULL
        OR to_regclass(here || 'alembic_version') IS NULL
        OR to_regclass(here || 'ingest_runs') IS NULL
        OR to_regclass(here || 'metrics') IS NULL
    THEN
        RETURN;
    END IF;
    IF (SELECT bool_and(version_num ~ '^[0-9]{4}$') FROM alembic_version) THEN
        ALTER TABLE alembic_version RENAME TO hourmeter_schema;
        ALTER INDEX alembic_version_pkc RENAME TO hourmeter_schema_pkc;
    END IF;
END
$$
"""


def current_revision(session: Connection) -> str | None:
    """The revision; None: the database holds nothing of ours. Adopts the table of version 0.1."""
    session.execute(text(ONE_AT_A_TIME))
    session.exec_driver_sql(_ADOPT)
    return revision(session)


def revision(session: Connection) -> str | None:
    """The revision as it is written down."""
    context = MigrationContext.configure(session, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()
