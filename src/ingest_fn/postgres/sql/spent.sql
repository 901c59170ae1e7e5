-- What the runs since the given time were billed for: metrics by GetMetricData, requests by
-- GetMetricStatistics.
SELECT
    coalesce(sum(metrics_billed) FILTER (WHERE api = 'metric-data'), 0)::bigint,
    coalesce(sum(metrics_billed) FILTER (WHERE api = 'metric-statistics'), 0)::bigint
FROM ingest_runs
WHERE started_at >= %(since)s AND started_at < %(until)s
