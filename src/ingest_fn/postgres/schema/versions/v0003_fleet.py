"""What the fleet consists of: metadata of instances, its history, types, prices, exclusions."""

from __future__ import annotations

from ingest_fn.postgres.schema.steps import run_steps

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and make the tables."""
    run_steps(revision, "metadata", "types", "prices", "exclusions")


def downgrade() -> None:
    """Refuse: metadata cannot be read again for the past."""
    raise NotImplementedError("Restore a backup instead: the history would be lost.")
