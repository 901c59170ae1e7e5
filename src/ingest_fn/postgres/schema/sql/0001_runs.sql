CREATE TABLE ingest_runs (
    run_id uuid PRIMARY KEY,
    trigger text NOT NULL,
    status text NOT NULL CHECK (status IN ('running', 'ok', 'partial', 'failed')),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    window_start timestamptz NOT NULL,
    window_end timestamptz NOT NULL,
    region text NOT NULL,
    api text NOT NULL,
    instances_requested integer NOT NULL,
    instances_ok integer,
    instances_empty integer,
    instances_partial integer,
    instances_failed integer,
    instances_created integer,
    rows_inserted bigint,
    rows_updated bigint,
    rows_unchanged bigint,
    cloudwatch_calls integer,
    metrics_billed integer,
    estimated_cost_usd double precision,
    failures jsonb,
    error text,
    CHECK (
        instances_requested
        = instances_ok + instances_empty + instances_partial + instances_failed
    )
);

CREATE INDEX ingest_runs_started_at ON ingest_runs (started_at);

COMMENT ON TABLE ingest_runs IS
    'The ledger: one row per run. A row that stays at running belongs to a run that was killed.';
COMMENT ON COLUMN ingest_runs.trigger IS 'What asked for the run: schedule, manual or cli.';
COMMENT ON COLUMN ingest_runs.window_start IS 'First hour that was read.';
COMMENT ON COLUMN ingest_runs.window_end IS 'End of the last hour that was read.';
COMMENT ON COLUMN ingest_runs.api IS 'CloudWatch API: metric-data or metric-statistics.';
COMMENT ON COLUMN ingest_runs.instances_empty IS 'CloudWatch had no datapoint of the window.';
COMMENT ON COLUMN ingest_runs.instances_partial IS 'Stored, but some statistic stayed unread.';
COMMENT ON COLUMN ingest_runs.metrics_billed IS 'Metrics or requests that CloudWatch bills for.';
COMMENT ON COLUMN ingest_runs.estimated_cost_usd IS 'US dollars for the run''s CloudWatch reads.';
COMMENT ON COLUMN ingest_runs.failures IS 'Instances not wholly read and stored, with the reason.';
