ALTER TABLE ingest_runs
    ALTER COLUMN window_start DROP NOT NULL,
    ALTER COLUMN window_end DROP NOT NULL,
    ADD COLUMN instances_not_due integer,
    ADD COLUMN hours_owed bigint,
    ADD COLUMN hours_healed bigint,
    ADD COLUMN freshness_hours smallint,
    ADD COLUMN plan_reason text;

COMMENT ON COLUMN ingest_runs.window_start IS
    'First hour of the window; NULL: the event was refused. Instances that owe hours, or are seen '
    'for the first time, are read from an earlier hour.';
COMMENT ON COLUMN ingest_runs.window_end IS 'End of the last hour that was read.';
COMMENT ON COLUMN ingest_runs.instances_not_due IS
    'Chosen instances whose turn it was not, or that had nothing to read.';
COMMENT ON COLUMN ingest_runs.hours_owed IS 'Hours of instances still owed after the run.';
COMMENT ON COLUMN ingest_runs.hours_healed IS
    'Hours of instances that the run stored outside the window of LOOKBACK_HOURS.';
COMMENT ON COLUMN ingest_runs.freshness_hours IS 'How many hours an instance waits for its turn.';
COMMENT ON COLUMN ingest_runs.plan_reason IS 'Why this API and this freshness were chosen.'
