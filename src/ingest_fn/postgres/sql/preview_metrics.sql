-- The rows of one batch that Postgres does not have yet, or has with other values. What is stored is
-- read one hour at a time, all instances of the batch in one pass over the primary key: their keys
-- lie next to each other. OFFSET 0 keeps the planner from turning that into a scan of the table.
-- A value that CloudWatch did not send (NaN here) leaves the stored one as it is.
WITH incoming AS (
    SELECT
        "timestamp",
        instance_id,
        nullif(cpu_utilization, 'NaN')::real AS cpu_utilization -- each column
    FROM unnest(
        %(hour)s, %(instance)s,
        %(cpu_utilization)s -- each column
    ) AS column_of (
        "timestamp", instance_id,
        cpu_utilization -- each column
    )
),
stored AS (
    SELECT found.*
    FROM unnest(%(hours)s) AS hours (hour)
    CROSS JOIN LATERAL (
        SELECT metrics.*, true AS known
        FROM metrics
        WHERE metrics."timestamp" = hours.hour AND metrics.instance_id = ANY(%(instances)s)
        OFFSET 0
    ) AS found
),
changed AS MATERIALIZED (
    SELECT incoming.*, stored.known IS NOT NULL AS known
    FROM incoming
    LEFT JOIN stored
        ON stored."timestamp" = incoming."timestamp"
        AND stored.instance_id = incoming.instance_id
    WHERE stored.known IS NULL
    OR stored.cpu_utilization IS DISTINCT FROM coalesce(incoming.cpu_utilization, stored.cpu_utilization) -- each column
)
SELECT
    instance_id,
    count(*) FILTER (WHERE NOT known) AS inserted,
    count(*) FILTER (WHERE known) AS updated,
    count(*) FILTER (WHERE "timestamp" < %(recent_from)s) AS healed,
    NULL AS xid
FROM changed
GROUP BY instance_id
