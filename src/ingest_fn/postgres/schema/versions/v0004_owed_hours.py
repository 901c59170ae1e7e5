"""Owed hours: up to where each instance has been read, and which hours before that are owed."""

from __future__ import annotations

from ingest_fn.postgres.schema.steps import run_steps

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and make the tables."""
    run_steps(revision, "owed_hours", "runs")


def downgrade() -> None:
    """Refuse: what is owed cannot be known again."""
    raise NotImplementedError("Restore a backup instead: owed hours would be forgotten.")
