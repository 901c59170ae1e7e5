"""Memory: which series of a CloudWatch agent belongs to which instance."""

from __future__ import annotations

from ingest_fn.postgres.schema.steps import run_steps

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    run_steps(revision, "agents")


def downgrade() -> None:
    """Refuse: columns that hold data would be lost."""
    raise NotImplementedError("Restore a backup instead: measured values would be lost.")
