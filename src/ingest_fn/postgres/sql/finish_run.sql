UPDATE ingest_runs SET
    finished_at = clock_timestamp(),
    status = %(status)s,
    instances_requested = %(requested)s,
    instances_ok = %(ok)s,
    instances_empty = %(empty)s,
    instances_partial = %(partial)s,
    instances_failed = %(failed)s,
    instances_created = %(created)s,
    rows_inserted = %(inserted)s,
    rows_updated = %(updated)s,
    rows_unchanged = %(unchanged)s,
    cloudwatch_calls = %(calls)s,
    metrics_billed = %(metrics_billed)s,
    estimated_cost_usd = %(estimated_cost_usd)s,
    failures = %(failures)s,
    error = %(error)s
WHERE run_id = %(run_id)s
