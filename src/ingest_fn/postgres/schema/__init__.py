"""The schema, step by step, as Alembic revisions."""
