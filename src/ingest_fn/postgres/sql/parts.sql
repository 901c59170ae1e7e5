-- The parts of a fan-out. A part that was tried again is as good as its last attempt.
SELECT
    part,
    max(status) FILTER (WHERE last) AS status,
    max(instances_requested) FILTER (WHERE last) AS requested,
    max(instances_ok) FILTER (WHERE last) AS ok,
    max(instances_empty) FILTER (WHERE last) AS empty,
    max(instances_partial) FILTER (WHERE last) AS partial,
    max(instances_failed) FILTER (WHERE last) AS failed,
    coalesce(sum(instances_created), 0)::bigint AS created,
    coalesce(sum(rows_inserted), 0)::bigint AS inserted,
    coalesce(sum(rows_updated), 0)::bigint AS updated,
    coalesce(max(rows_unchanged) FILTER (WHERE last), 0) AS unchanged,
    coalesce(sum(cloudwatch_calls), 0)::bigint AS calls,
    coalesce(sum(metrics_billed), 0)::bigint AS metrics_billed,
    max(coalesce(error, failures -> 0 ->> 'reason')) FILTER (WHERE last) AS reason
FROM (
    SELECT *, row_number() OVER (PARTITION BY part ORDER BY started_at DESC) = 1 AS last
    FROM ingest_runs
    WHERE parent_run_id = %(run_id)s
) AS attempts
GROUP BY part
ORDER BY part
