"""Alembic's environment: one transaction for all steps, one migration at a time."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from ingest_fn.postgres.schema import views
from ingest_fn.postgres.schema.revision import ONE_AT_A_TIME, VERSION_TABLE


def run() -> None:
    """Upgrade over the connection that ``schema.upgrade`` made, or print where it made none."""
    connection = context.config.attributes.get("connection")
    if connection is None:
        # Under psycopg's own style of parameters every % would be printed twice.
        context.configure(
            dialect_name="postgresql",
            literal_binds=True,
            dialect_opts={"paramstyle": "named"},
            version_table=VERSION_TABLE,
        )
        with context.begin_transaction():
            context.run_migrations()
            context.get_context().impl.static_output(views.as_sql())
        return
    context.configure(connection=connection, version_table=VERSION_TABLE)
    with context.begin_transaction():
        connection.execute(text(ONE_AT_A_TIME))
        context.run_migrations()
        options = context.config.attributes["views"]
        views.replace(connection.connection.driver_connection, **options)


run()
