-- What the collection did in a time, and what CloudWatch bills for it. Made-up runs do not count.
SELECT
    count(*) AS runs,
    count(*) FILTER (WHERE status <> 'ok') AS incomplete,
    coalesce(sum(cloudwatch_calls), 0)::bigint AS calls,
    coalesce(sum(metrics_billed), 0)::bigint AS metrics_billed,
    sum(estimated_cost_usd) AS usd,
    max(finished_at) AS last_finished
FROM ingest_runs
WHERE started_at > %(since)s AND started_at <= %(until)s AND api <> 'none' AND trigger <> 'synthetic'
