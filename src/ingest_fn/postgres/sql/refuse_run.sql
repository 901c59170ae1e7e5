-- A run that was refused before anything was read.
INSERT INTO ingest_runs (
    run_id, trigger, status, finished_at, window_start, window_end, region, api,
    instances_requested, instances_ok, instances_empty, instances_partial, instances_failed,
    instances_created, instances_not_due, rows_inserted, rows_updated, rows_unchanged,
    hours_healed, cloudwatch_calls, metrics_billed, estimated_cost_usd, failures, error,
    account_id, parent_run_id, part
)
VALUES (
    %(run_id)s, %(trigger)s, 'failed', clock_timestamp(), %(window_start)s, %(window_end)s,
    %(region)s, %(api)s, %(requested)s, 0, 0, 0, %(requested)s, 0, 0, 0, 0, 0, 0, 0, 0, 0, '[]',
    %(error)s, %(account_id)s, %(parent_run_id)s, %(part)s
)
ON CONFLICT (run_id) DO NOTHING  -- repeated after the connection broke
