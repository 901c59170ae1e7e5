"""Instances, their hourly metrics by month, and the ledger of runs."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STEPS = ("instances", "metrics", "partitions", "history", "runs")


def upgrade() -> None:
    """Make the tables and the functions that keep them."""
    # The functions keep this path, and some run as their owner: a caller's temporary tables must
    # not come before the real ones.
    op.execute(
        "SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)"
    )
    for step in STEPS:
        sql = files("ingest_fn.postgres.schema") / "sql" / f"{revision}_{step}.sql"
        op.execute(sql.read_text(encoding="utf-8").rstrip(";\n"))


def downgrade() -> None:
    """Refuse: the way back from the first step is to drop the database."""
    msg = "There is nothing before the first revision."
    raise NotImplementedError(msg)
