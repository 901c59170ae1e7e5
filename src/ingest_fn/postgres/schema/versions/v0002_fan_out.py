"""Runs of a fan-out: the account they read, and the whole that they are a part of."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE ingest_runs
    ADD COLUMN account_id text,
    ADD COLUMN parent_run_id uuid,
    ADD COLUMN part integer,
    ADD CHECK ((parent_run_id IS NULL) = (part IS NULL));

CREATE INDEX ingest_runs_parent_run_id ON ingest_runs (parent_run_id)
WHERE parent_run_id IS NOT NULL;

COMMENT ON COLUMN ingest_runs.trigger IS
    'What asked for the run: schedule, manual, cli or fan-out.';
COMMENT ON COLUMN ingest_runs.account_id IS 'AWS account that was read; NULL: the ingester''s.';
COMMENT ON COLUMN ingest_runs.parent_run_id IS
    'run_id of the fan-out that this run belongs to. Each attempt at a part is a run of its own.';
COMMENT ON COLUMN ingest_runs.part IS 'Which part of the fan-out this run read, from 0.'
"""

DOWN = """
ALTER TABLE ingest_runs
    DROP COLUMN account_id,
    DROP COLUMN part,
    DROP COLUMN parent_run_id;

COMMENT ON COLUMN ingest_runs.trigger IS 'What asked for the run: schedule, manual or cli.'
"""


def upgrade() -> None:
    """Add the columns."""
    op.execute(UP)


def downgrade() -> None:
    """Drop them, with what they say."""
    op.execute(DOWN)
