"""Further metrics and their columns; which series of a CloudWatch agent is whose."""

from __future__ import annotations

from ingest_fn.postgres.schema.steps import run_steps

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and add the columns."""
    run_steps(revision, "agents", "metrics")


def downgrade() -> None:
    """Refuse: columns that hold data would be lost."""
    raise NotImplementedError("Restore a backup instead: measured values would be lost.")
