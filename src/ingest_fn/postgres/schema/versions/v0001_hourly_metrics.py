"""Instances, their hourly metrics by month, and the ledger of runs."""

from __future__ import annotations

from ingest_fn.postgres.schema.steps import run_steps

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and the functions that keep them."""
    run_steps(revision, "instances", "metrics", "partitions", "history", "runs")


def downgrade() -> None:
    """Refuse: the way back from the first step is to drop the database."""
    msg = "There is nothing before the first revision."
    raise NotImplementedError(msg)
