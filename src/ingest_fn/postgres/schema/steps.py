"""Run the SQL files of a revision."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

SEARCH_PATH = "SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)"
"""Functions keep this path, and some run as their owner: a caller's temporary tables must not come
before the real ones."""


def run_steps(revision: str, *steps: str) -> None:
    """Run ``sql/<revision>_<step>.sql`` for each of ``steps``, in that order."""
    op.execute(SEARCH_PATH)
    for step in steps:
        sql = files("ingest_fn.postgres.schema") / "sql" / f"{revision}_{step}.sql"
        op.execute(sql.read_text(encoding="utf-8").rstrip(";\n"))
