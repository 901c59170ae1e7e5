"""What the verdicts keep beside the facts: settings of views, and Compute Optimizer's findings."""

from __future__ import annotations

from ingest_fn.postgres.schema.steps import run_steps

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    run_steps(revision, "settings", "compute_optimizer")


def downgrade() -> None:
    """Refuse: what the owner set would be lost."""
    raise NotImplementedError("Restore a backup instead.")
