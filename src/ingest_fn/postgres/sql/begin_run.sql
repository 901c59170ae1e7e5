INSERT INTO ingest_runs (
    run_id, trigger, status, window_start, window_end, region, api, instances_requested,
    instances_not_due, freshness_hours, plan_reason, account_id, parent_run_id, part
)
VALUES (
    %(run_id)s, %(trigger)s, 'running', %(window_start)s, %(window_end)s, %(region)s, %(api)s,
    %(requested)s, %(not_due)s, %(freshness_hours)s, %(plan_reason)s, %(account_id)s,
    %(parent_run_id)s, %(part)s
)
ON CONFLICT (run_id) DO NOTHING  -- repeated after the connection broke
