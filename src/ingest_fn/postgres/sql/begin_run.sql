INSERT INTO ingest_runs (
    run_id, trigger, status, window_start, window_end, region, api, instances_requested
)
VALUES (
    %(run_id)s, %(trigger)s, 'running', %(window_start)s, %(window_end)s, %(region)s, %(api)s,
    %(requested)s
)
ON CONFLICT (run_id) DO NOTHING  -- repeated after the connection broke
